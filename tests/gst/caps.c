/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be sent of a picture, in caps; and what others' caps mean.
 */
#include <string.h>

#include <gst/allocators/gstdmabuf.h>

#include "gstmmiocaps.h"
#include "gstmmioformat.h"
#include "load/mmioframecopy.h"
#include "source.h"
#include "testlayout.h"

#define DMABUF "video/x-raw(" GST_CAPS_FEATURE_MEMORY_DMABUF ")"

/* Caps of dma-bufs name pixels as DRM does from GStreamer 1.24 on */
#if GST_CHECK_VERSION (1, 24, 0)
#define NAMES_BY_DRM 1
#else
#define NAMES_BY_DRM 0
#endif

GST_START_TEST (test_template_caps)
{
  GstCaps *caps = gst_mmio_caps_get_template ();
  GstStructure *s = gst_caps_get_structure (caps, 1);
  const GValue *list = gst_structure_get_value (s, "format");
  guint n_formats, taken = 0;
  const GstVideoFormat *formats = gst_video_formats_raw (&n_formats);

  fail_unless_equals_int (gst_caps_get_size (caps), 2);
  fail_unless (gst_structure_has_name (s, "video/x-raw"));

  for (guint i = 0; i < n_formats; i++) {
    MmioFormat format;
    guint found = 0;

    for (guint j = 0; j < gst_value_list_get_size (list); j++)
      found += strcmp (g_value_get_string (gst_value_list_get_value (list, j)),
          gst_video_format_to_string (formats[i])) == 0;
    fail_unless_equals_int (found, gst_mmio_format_from_video (&format,
            formats[i]));
    taken += found;
  }
  fail_unless_equals_int (taken, gst_value_list_get_size (list));

  gst_caps_unref (caps);
}

GST_END_TEST;

GST_START_TEST (test_picture_caps)
{
  static const struct
  {
    GstVideoFormat format;
    gboolean own_only;
    const char *names[5];
  } cases[] = {
    {GST_VIDEO_FORMAT_RGB, FALSE, {"RGB", "BGRx", "RGBx", "xRGB", "xBGR"}},
    {GST_VIDEO_FORMAT_BGR, FALSE, {"BGR", "BGRx", "RGBx", "xRGB", "xBGR"}},
    {GST_VIDEO_FORMAT_RGB, TRUE, {"RGB"}},
    {GST_VIDEO_FORMAT_BGR, TRUE, {"BGR"}},
    {GST_VIDEO_FORMAT_BGRx, FALSE, {"BGRx", "RGBx", "xRGB", "xBGR"}},
    {GST_VIDEO_FORMAT_xRGB, FALSE, {"xRGB", "BGRx", "RGBx", "xBGR"}},
    {GST_VIDEO_FORMAT_BGRx, TRUE, {"BGRx"}},
    {GST_VIDEO_FORMAT_ARGB, FALSE, {"ARGB"}},
    {GST_VIDEO_FORMAT_RGB16, FALSE, {"RGB16"}},
    {GST_VIDEO_FORMAT_v308, FALSE, {"v308"}},
    {GST_VIDEO_FORMAT_NV12, FALSE, {"NV12"}},
    {GST_VIDEO_FORMAT_v210, FALSE, {"v210"}},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    MmioLayout picture = make_picture (cases[i].format, 17, 5, 3, 0);
    GstCaps *caps = gst_mmio_caps_from_layout (&picture,
        cases[i].own_only);
    guint n = 0;

    for (; n < 5 && cases[i].names[n]; n++) {
      GstStructure *s = gst_caps_get_structure (caps, n);
      gint width, height;

      fail_unless_equals_string (gst_structure_get_name (s), "video/x-raw");
      fail_unless_equals_string (gst_structure_get_string (s, "format"),
          cases[i].names[n]);
      fail_unless (gst_structure_get_int (s, "width", &width));
      fail_unless (gst_structure_get_int (s, "height", &height));
      fail_unless (width == 17 && height == 5);
      fail_unless (GST_VALUE_HOLDS_FRACTION_RANGE (gst_structure_get_value (s,
                  "framerate")));
      fail_unless_equals_string (gst_structure_get_string (s,
              "interlace-mode"), "progressive");
    }
    fail_unless_equals_int (gst_caps_get_size (caps), n);
    gst_caps_unref (caps);
  }
}

GST_END_TEST;

/* Better ways come first: dma-bufs in the template too */
GST_START_TEST (test_template_dma_buf)
{
  GstCaps *caps = gst_mmio_caps_get_template ();
  GstStructure *s = gst_caps_get_structure (caps, 0);
  GstStructure *plain = gst_caps_get_structure (caps, 1);

  fail_unless (gst_structure_has_name (s, "video/x-raw"));
  fail_unless (gst_caps_features_contains (gst_caps_get_features (caps, 0),
          GST_CAPS_FEATURE_MEMORY_DMABUF));
  fail_unless (gst_caps_features_is_equal (gst_caps_get_features (caps, 1),
          GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY));

  /* 1.24 has no field for what DRM calls it, so that all are in it */
  if (NAMES_BY_DRM) {
    fail_unless_equals_string (gst_structure_get_string (s, "format"),
        "DMA_DRM");
    fail_if (gst_structure_has_field (s, "drm-format"));
  } else {
    fail_unless (gst_value_compare (gst_structure_get_value (s, "format"),
            gst_structure_get_value (plain, "format")) == GST_VALUE_EQUAL);
  }

  fail_unless_equals_int (gst_structure_n_fields (s),
      gst_structure_n_fields (plain));
  for (gint i = 0; i < gst_structure_n_fields (plain); i++) {
    const char *field = gst_structure_nth_field_name (plain, i);

    if (strcmp (field, "format") != 0)
      fail_unless (gst_value_compare (gst_structure_get_value (s, field),
              gst_structure_get_value (plain, field)) == GST_VALUE_EQUAL, "%s",
          field);
  }

  gst_caps_unref (caps);
}

GST_END_TEST;

GST_START_TEST (test_dma_buf_caps)
{
  static const struct
  {
    GstVideoFormat format;
    const char *drm;
  } cases[] = {
    {GST_VIDEO_FORMAT_BGRx, "XR24"}, {GST_VIDEO_FORMAT_RGBx, "XB24"},
    {GST_VIDEO_FORMAT_xRGB, "BX24"}, {GST_VIDEO_FORMAT_BGRA, "AR24"},
    {GST_VIDEO_FORMAT_RGB, "BG24"}, {GST_VIDEO_FORMAT_BGR, "RG24"},
    {GST_VIDEO_FORMAT_RGB16, "RG16"}, {GST_VIDEO_FORMAT_NV12, "NV12"},
    {GST_VIDEO_FORMAT_I420, "YU12"}, {GST_VIDEO_FORMAT_YUY2, "YUYV"},
  };
  GstCaps *template = gst_mmio_caps_get_template ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    MmioLayout picture = make_picture (cases[i].format, 17, 5, 3, 0);
    const char *name = gst_video_format_to_string (cases[i].format);
    GstCaps *caps = gst_mmio_caps_get_dma_buf (&picture);
    GstStructure *s = gst_caps_get_structure (caps, 0);
    gint width, height;

    fail_unless_equals_int (gst_caps_get_size (caps), 1);
    fail_unless_equals_string (gst_structure_get_name (s), "video/x-raw");
    fail_unless_equals_int (gst_caps_features_get_size (gst_caps_get_features
            (caps, 0)), 1);
    fail_unless (gst_caps_features_contains (gst_caps_get_features (caps, 0),
            GST_CAPS_FEATURE_MEMORY_DMABUF));
    fail_unless_equals_string (gst_structure_get_string (s, "format"),
        NAMES_BY_DRM ? "DMA_DRM" : name);
    fail_unless_equals_string (gst_structure_get_string (s, "drm-format"),
        NAMES_BY_DRM ? cases[i].drm : NULL);
    fail_unless (gst_structure_get_int (s, "width", &width));
    fail_unless (gst_structure_get_int (s, "height", &height));
    fail_unless (width == 17 && height == 5);
    fail_unless (GST_VALUE_HOLDS_FRACTION_RANGE (gst_structure_get_value (s,
                "framerate")));
    fail_unless_equals_string (gst_structure_get_string (s,
            "interlace-mode"), "progressive");
    fail_unless (gst_caps_is_subset (caps, template));
    gst_caps_unref (caps);
  }
  gst_caps_unref (template);
}

GST_END_TEST;

/* What DRM has no name for cannot be described where names are DRM's */
GST_START_TEST (test_dma_buf_caps_without_name)
{
  static const GstVideoFormat formats[] = {
    GST_VIDEO_FORMAT_v308, GST_VIDEO_FORMAT_r210, GST_VIDEO_FORMAT_IYU1,
    GST_VIDEO_FORMAT_GRAY10_LE32
  };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    MmioLayout picture = make_picture (formats[i], 16, 4, 0, 0);
    GstCaps *caps = gst_mmio_caps_get_dma_buf (&picture);

    fail_if (gst_caps_is_any (caps));
    fail_unless_equals_int (gst_caps_get_size (caps), NAMES_BY_DRM ? 0 : 1);
    gst_caps_unref (caps);
  }
}

GST_END_TEST;

GST_START_TEST (test_name_dma_buf)
{
  static const struct
  {
    const char *caps;
    gboolean named;
  } cases[] = {
    {"ANY", FALSE},
    {"EMPTY", FALSE},
    {"video/x-raw", FALSE},
    {"video/x-raw(ANY)", FALSE},
    {"video/x-raw(memory:SystemMemory)", FALSE},
    {"video/x-raw(memory:GLMemory)", FALSE},
    {"video/x-raw(ANY);video/x-raw(memory:GLMemory)", FALSE},
    {DMABUF, TRUE},
    {DMABUF ",format=NV12", TRUE},
    {"video/x-raw;" DMABUF, TRUE},
    {"video/x-raw(ANY);" DMABUF, TRUE},
    {"video/x-raw(memory:GLMemory);video/x-raw;" DMABUF ";video/x-raw(ANY)",
        TRUE},
    {"video/x-raw(memory:DMABuf,meta:GstVideoOverlayComposition)", TRUE},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstCaps *caps = gst_caps_from_string (cases[i].caps);

    fail_unless (caps != NULL, "%s", cases[i].caps);
    fail_unless (gst_mmio_caps_name_dma_buf (caps) == cases[i].named, "%s",
        cases[i].caps);
    gst_caps_unref (caps);
  }
}

GST_END_TEST;

GST_START_TEST (test_prefer_dma_buf)
{
  static const struct
  {
    const char *caps;
    guint preferred;
  } cases[] = {
    {"video/x-raw,width=1;video/x-raw,width=2", 0},
    {"video/x-raw,width=1;" DMABUF ",width=2", 1},
    {DMABUF ",width=1;video/x-raw,width=2", 0},
    {"video/x-raw,width=1;" DMABUF ",width=2;" DMABUF ",width=3", 1},
    {"video/x-raw(ANY),width=1;video/x-raw,width=2;" DMABUF ",width=3", 2},
    {"video/x-raw(ANY),width=1;video/x-raw,width=2", 0},
    {"video/x-raw,width=[1,4]", 0},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstCaps *caps = gst_caps_from_string (cases[i].caps);
    GstCaps *wanted = gst_caps_copy_nth (caps, cases[i].preferred);

    caps = gst_mmio_caps_prefer_dma_buf (caps);
    fail_unless_equals_int (gst_caps_get_size (caps), 1);
    fail_unless (gst_caps_is_strictly_equal (caps, wanted), "%s",
        cases[i].caps);
    gst_caps_unref (wanted);
    gst_caps_unref (caps);
  }
}

GST_END_TEST;

#define SIZE ",width=16,height=4,framerate=50/1"

/* What we send ourselves is understood, and other caps of pictures */
GST_START_TEST (test_parse)
{
  static const struct
  {
    const char *caps;
    GstVideoFormat format;
    gboolean is_dma_buf;
  } cases[] = {
    {"video/x-raw,format=RGB" SIZE, GST_VIDEO_FORMAT_RGB, FALSE},
    {"video/x-raw,format=NV12" SIZE, GST_VIDEO_FORMAT_NV12, FALSE},
#if NAMES_BY_DRM
    {DMABUF ",format=DMA_DRM,drm-format=XR24" SIZE, GST_VIDEO_FORMAT_BGRx,
        TRUE},
    {DMABUF ",format=DMA_DRM,drm-format=BG24" SIZE, GST_VIDEO_FORMAT_RGB, TRUE},
#else
    {DMABUF ",format=BGRx" SIZE, GST_VIDEO_FORMAT_BGRx, TRUE},
    {DMABUF ",format=RGB" SIZE, GST_VIDEO_FORMAT_RGB, TRUE},
#endif
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstCaps *caps = gst_caps_from_string (cases[i].caps);
    gboolean is_dma_buf = !cases[i].is_dma_buf;
    GstVideoInfo info;

    fail_unless (gst_mmio_caps_parse (caps, &info, &is_dma_buf), "%s",
        cases[i].caps);
    fail_unless_equals_int (is_dma_buf, cases[i].is_dma_buf);
    fail_unless_equals_int (GST_VIDEO_INFO_FORMAT (&info), cases[i].format);
    fail_unless_equals_int (GST_VIDEO_INFO_WIDTH (&info), 16);
    fail_unless_equals_int (GST_VIDEO_INFO_HEIGHT (&info), 4);
    fail_unless_equals_int (GST_VIDEO_INFO_FPS_N (&info), 50);
    fail_unless_equals_int (GST_VIDEO_INFO_FPS_D (&info), 1);
    gst_caps_unref (caps);
  }
}

GST_END_TEST;

/* Tiles are no rows of pixels, and nothing is made up where caps say too
 * little */
GST_START_TEST (test_parse_refuses)
{
  static const char *const cases[] = {
    "audio/x-raw",
    "video/x-raw,format=nonsense" SIZE,
    "video/x-raw,format=RGB,width=16,framerate=50/1",
    DMABUF ",format=nonsense" SIZE,
    DMABUF ",format=RGB,height=4,framerate=50/1",
#if NAMES_BY_DRM
    /* I915_FORMAT_MOD_X_TILED, and one that nobody knows */
    DMABUF ",format=DMA_DRM,drm-format=XR24:0x0100000000000001" SIZE,
    DMABUF ",format=DMA_DRM,drm-format=BG24:0x00ffffffffffffff" SIZE,
    DMABUF ",format=DMA_DRM" SIZE,
    DMABUF ",format=DMA_DRM,drm-format=ZZ99" SIZE,
    DMABUF ",format=DMA_DRM,drm-format=nonsense" SIZE,
#endif
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstCaps *caps = gst_caps_from_string (cases[i]);
    gboolean is_dma_buf;
    GstVideoInfo info;

    fail_unless (caps != NULL, "%s", cases[i]);
    fail_if (gst_mmio_caps_parse (caps, &info, &is_dma_buf), "%s", cases[i]);
    gst_caps_unref (caps);
  }
}

GST_END_TEST;

/* There and back, for all that a dma-buf may be of */
GST_START_TEST (test_parse_own)
{
  guint n, n_named = 0;
  const GstVideoFormat *formats = gst_video_formats_raw (&n);

  for (guint i = 0; i < n; i++) {
    MmioFormat format;
    MmioLayout picture;
    GstCaps *caps;
    GstVideoInfo info;
    gboolean is_dma_buf;

    if (!gst_mmio_format_from_video (&format, formats[i]))
      continue;

    picture = make_picture (formats[i], 48, 4, 0, 0);
    caps = gst_mmio_caps_get_dma_buf (&picture);
    if (!gst_caps_is_empty (caps)) {
      caps = gst_caps_fixate (caps);
      fail_unless (gst_mmio_caps_parse (caps, &info, &is_dma_buf));
      fail_unless (is_dma_buf);
      fail_unless_equals_string (gst_video_format_to_string
          (GST_VIDEO_INFO_FORMAT (&info)), format.name);
      n_named++;
    }
    gst_caps_unref (caps);
  }
  fail_unless (n_named >= 10, "only %u", n_named);
}

GST_END_TEST;

GST_START_TEST (test_differ_in_time)
{
  static const struct
  {
    const char *wanted;
    gboolean differs;
  } cases[] = {
    {"video/x-raw,format=RGB,framerate=0/1", TRUE},
    {"video/x-raw,interlace-mode=interleaved", TRUE},
    {"video/x-raw,pixel-aspect-ratio=2/1", TRUE},
    {DMABUF ",pixel-aspect-ratio=2/1", TRUE},
    {"video/x-raw(ANY),pixel-aspect-ratio=2/1", TRUE},
    {"video/x-raw,format=NV12,framerate=0/1", FALSE},
    {"video/x-raw,width=18,framerate=0/1", FALSE},
    {"video/x-raw(memory:GLMemory),framerate=0/1", FALSE},
    {"audio/x-raw", FALSE},
  };
  MmioLayout picture = make_picture (GST_VIDEO_FORMAT_RGB, 17, 5, 3, 0);
  GstCaps *caps = gst_mmio_caps_get_dma_buf (&picture);
  GstCaps *before;

  gst_caps_append (caps, gst_mmio_caps_from_layout (&picture, FALSE));
  before = gst_caps_copy (caps);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstCaps *wanted = gst_caps_from_string (cases[i].wanted);
    const char *what, *remedy;

    fail_if (gst_caps_can_intersect (caps, wanted));
    fail_unless (gst_mmio_caps_differ_in_time (caps, wanted, &what,
            &remedy) == cases[i].differs, "%s", cases[i].wanted);
    fail_unless (what && remedy);
    gst_caps_unref (wanted);
  }

  /* They stay the caller's */
  fail_unless (gst_caps_is_strictly_equal (caps, before));
  gst_caps_unref (before);
  gst_caps_unref (caps);
}

GST_END_TEST;

GST_START_TEST (test_equal_but_rate)
{
  static const struct
  {
    const char *one, *other;
    gboolean equal;
  } cases[] = {
    {"video/x-raw,width=4,framerate=25/1", "video/x-raw,width=4", TRUE},
    {"video/x-raw,width=4,framerate=25/1",
        "video/x-raw,width=4,framerate=[1/1,30/1]", TRUE},
    {"video/x-raw,width=4,framerate=25/1", "video/x-raw,width=5,framerate=25/1",
        FALSE},
    {"video/x-raw(memory:DMABuf),width=4", "video/x-raw,width=4", FALSE},
    {"video/x-raw;image/jpeg,framerate=1/1", "video/x-raw;image/jpeg", TRUE},
    {"ANY", "ANY", TRUE}, {"ANY", "video/x-raw", FALSE},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstCaps *one = gst_caps_from_string (cases[i].one);
    GstCaps *other = gst_caps_from_string (cases[i].other);

    fail_unless_equals_int (gst_mmio_caps_equal_but_rate (one, other),
        cases[i].equal);
    fail_unless_equals_int (gst_mmio_caps_equal_but_rate (other, one),
        cases[i].equal);
    gst_caps_unref (one);
    gst_caps_unref (other);
  }
}

GST_END_TEST;

static Suite *
caps_suite (void)
{
  Suite *s = suite_create ("gst-caps");
  TCase *tc = add_case (s, "caps");

  tcase_add_test (tc, test_template_caps);
  tcase_add_test (tc, test_equal_but_rate);
  tcase_add_test (tc, test_picture_caps);
  tcase_add_test (tc, test_template_dma_buf);
  tcase_add_test (tc, test_dma_buf_caps);
  tcase_add_test (tc, test_dma_buf_caps_without_name);
  tcase_add_test (tc, test_name_dma_buf);
  tcase_add_test (tc, test_prefer_dma_buf);
  tcase_add_test (tc, test_parse);
  tcase_add_test (tc, test_parse_refuses);
  tcase_add_test (tc, test_parse_own);
  tcase_add_test (tc, test_differ_in_time);

  return s;
}

GST_CHECK_MAIN (caps);
