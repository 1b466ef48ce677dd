/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "gstmmiocaps.h"
#include "gstmmioformat.h"
#include "mmioframe.h"
#include "source.h"

static MmioPicture
make_picture (GstVideoFormat format, guint width, guint height, guint offset,
    guint stride)
{
  MmioSpec spec = {.width = width,.height = height,.offset = offset,
    .stride = stride
  };
  MmioPicture picture;

  fail_unless (gst_mmio_format_from_video (&spec.format, format));
  fail_unless (mmio_picture_init (&picture, &spec, NULL));
  return picture;
}

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
    MmioPicture picture = make_picture (cases[i].format, 17, 5, 3, 0);
    GstCaps *caps = gst_mmio_caps_get_picture (&picture,
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

static Suite *
caps_suite (void)
{
  Suite *s = suite_create ("gst-caps");
  TCase *tc = add_case (s, "caps");

  tcase_add_test (tc, test_template_caps);
  tcase_add_test (tc, test_picture_caps);

  return s;
}

GST_CHECK_MAIN (caps);
