/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixtures/helper.h"

#include <string.h>

#include <gst/video/video.h>

/* --- Formats ------------------------------------------------------------ */

/* The tests' own formats and the library's are what GStreamer calls so */
GST_START_TEST (test_formats_are_gstreamers)
{
  const MmioFormat *format;
  guint n;

  for (n = 0; (format = test_format_nth (n)); n++) {
    const GstVideoFormatInfo *info =
        gst_video_format_get_info (gst_video_format_from_string (format->name));
    const char *name = format->name;

    fail_unless (info != NULL && info->format != GST_VIDEO_FORMAT_UNKNOWN,
        "%s", name);
    fail_unless_equals_int (format->n_planes, info->n_planes);
    fail_unless (format->model == (GST_VIDEO_FORMAT_INFO_IS_RGB (info) ?
            MMIO_COLOR_RGB : GST_VIDEO_FORMAT_INFO_IS_GRAY (info) ?
            MMIO_COLOR_GRAY : MMIO_COLOR_YUV), "%s", name);
    if (format->block_width > 0)
      continue;

    fail_unless_equals_int (format->n_components, info->n_components);
    for (guint i = 0; i < format->n_components; i++) {
      const MmioComponent *c = &format->component[i];

      fail_unless (c->plane == info->plane[i], "%s %u", name, i);
      /* GStreamer says 1 for P010's V, which is in samples */
      if (!g_str_has_prefix (name, "P010") || i < 2)
        fail_unless (c->offset == info->poffset[i], "%s %u", name, i);
      fail_unless (c->pixel_stride == info->pixel_stride[i], "%s %u", name, i);
      fail_unless (c->w_sub == info->w_sub[i], "%s %u", name, i);
      fail_unless (c->h_sub == info->h_sub[i], "%s %u", name, i);
      /* GStreamer leaves it to the code that unpacks that one */
      if (strcmp (name, "BGR10A2_LE") != 0)
        fail_unless (c->shift == info->shift[i], "%s %u", name, i);
      fail_unless (c->depth == info->depth[i], "%s %u", name, i);
      if (c->depth > 8)
        fail_unless (format->big_endian == !GST_VIDEO_FORMAT_INFO_IS_LE (info),
            "%s", name);
    }
  }
  fail_unless_equals_int (n, test_format_count ());
}

GST_END_TEST;

GST_START_TEST (test_format_find)
{
  static const char *const names[] = {
    "RGB", "BGR", "RGBx", "BGRx", "xRGB", "xBGR", "RGB16", "RGB15",
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    const MmioFormat *format = mmio_format_find (names[i]);

    fail_unless (format != NULL, "%s", names[i]);
    fail_unless_equals_string (format->name, names[i]);
  }

  fail_unless (mmio_format_find ("") == NULL);
  fail_unless (mmio_format_find ("rgb") == NULL);
  fail_unless (mmio_format_find ("RG") == NULL);
  fail_unless (mmio_format_find ("RGBxx") == NULL);
}

GST_END_TEST;

GST_START_TEST (test_format_equal)
{
  const MmioFormat *a, *b;

  for (guint i = 0; (a = test_format_nth (i)); i++) {
    for (guint j = 0; (b = test_format_nth (j)); j++) {
      MmioFormat copy = *b;

      fail_unless (mmio_format_equal (a, &copy) == (i == j), "%s, %s",
          a->name, b->name);
    }
  }
}

GST_END_TEST;

/* --- Where planes lie ---------------------------------------------------- */

typedef struct
{
  const char *format;
  guint width, height;
  guint64 offset;
  guint stride;

  guint64 end;
  MmioPlane plane[MMIO_MAX_PLANES];
} Layout;

/* Offset, stride, bytes a row and rows of each plane, worked out by hand */
static const Layout layouts[] = {
  {"RGB", 640, 480, 0, 0, 921600, {{0, 1920, 1920, 480}}},
  {"RGB", 640, 480, 0, 1920, 921600, {{0, 1920, 1920, 480}}},
  {"RGB", 1, 1, 0, 0, 3, {{0, 3, 3, 1}}},
  {"RGB", 1, 1, 7, 1000, 10, {{7, 1000, 3, 1}}},
  {"RGB", 3, 2, 0, 0, 18, {{0, 9, 9, 2}}},
  /* The last row's padding need not be there */
  {"RGB", 3, 2, 1, 10, 20, {{1, 10, 9, 2}}},
  {"RGB", 1366, 768, 4097, 4099, 3152128, {{4097, 4099, 4098, 768}}},
  {"BGRx", 1366, 768, 0, 0, 4196352, {{0, 5464, 5464, 768}}},
  {"RGB16", 5, 5, 0, 11, 54, {{0, 11, 10, 5}}},
  {"GRAY8", 5, 3, 0, 0, 15, {{0, 5, 5, 3}}},
  {"GRAY16_BE", 5, 3, 0, 0, 30, {{0, 10, 10, 3}}},
  {"ARGB64_LE", 3, 3, 0, 0, 72, {{0, 24, 24, 3}}},

  /* Two pixels share a sample of chroma: four bytes for the odd one too */
  {"YUY2", 4, 2, 0, 0, 16, {{0, 8, 8, 2}}},
  {"YUY2", 5, 2, 0, 0, 24, {{0, 12, 12, 2}}},
  {"YUY2", 5, 2, 3, 13, 28, {{3, 13, 12, 2}}},
  {"YUY2", 1, 1, 0, 0, 4, {{0, 4, 4, 1}}},
  {"UYVY", 3, 1, 0, 0, 8, {{0, 8, 8, 1}}},

  {"I420", 4, 4, 0, 0, 24, {{0, 4, 4, 4}, {16, 2, 2, 2}, {20, 2, 2, 2}}},
  {"I420", 5, 5, 0, 0, 43, {{0, 5, 5, 5}, {25, 3, 3, 3}, {34, 3, 3, 3}}},
  {"I420", 5, 5, 0, 5, 43, {{0, 5, 5, 5}, {25, 3, 3, 3}, {34, 3, 3, 3}}},
  {"I420", 5, 5, 0, 7, 58, {{0, 7, 5, 5}, {35, 4, 3, 3}, {47, 4, 3, 3}}},
  {"I420", 5, 5, 100, 8, 163,
      {{100, 8, 5, 5}, {140, 4, 3, 3}, {152, 4, 3, 3}}},
  {"I420", 1, 1, 0, 0, 3, {{0, 1, 1, 1}, {1, 1, 1, 1}, {2, 1, 1, 1}}},
  {"I420", 1920, 1080, 0, 2048, 3317696,
        {{0, 2048, 1920, 1080}, {2211840, 1024, 960, 540},
          {2764800, 1024, 960, 540}}},
  {"YV12", 5, 5, 0, 7, 58, {{0, 7, 5, 5}, {35, 4, 3, 3}, {47, 4, 3, 3}}},
  {"Y42B", 5, 5, 0, 7, 74, {{0, 7, 5, 5}, {35, 4, 3, 5}, {55, 4, 3, 5}}},
  {"Y444", 5, 2, 0, 7, 40, {{0, 7, 5, 2}, {14, 7, 5, 2}, {28, 7, 5, 2}}},
  /* A quarter, rounded up */
  {"YUV9", 5, 5, 0, 9, 56, {{0, 9, 5, 5}, {45, 3, 2, 2}, {51, 3, 2, 2}}},
  {"A420", 4, 4, 0, 0, 40,
      {{0, 4, 4, 4}, {16, 2, 2, 2}, {20, 2, 2, 2}, {24, 4, 4, 4}}},
  {"A420", 4, 4, 0, 5, 51,
      {{0, 5, 4, 4}, {20, 3, 2, 2}, {26, 3, 2, 2}, {32, 5, 4, 4}}},
  {"GBR", 3, 2, 0, 4, 23, {{0, 4, 3, 2}, {8, 4, 3, 2}, {16, 4, 3, 2}}},

  {"NV12", 4, 4, 0, 0, 24, {{0, 4, 4, 4}, {16, 4, 4, 2}}},
  {"NV12", 5, 5, 0, 0, 43, {{0, 5, 5, 5}, {25, 6, 6, 3}}},
  {"NV12", 5, 5, 0, 6, 48, {{0, 6, 5, 5}, {30, 6, 6, 3}}},
  {"NV12", 5, 5, 0, 7, 55, {{0, 7, 5, 5}, {35, 7, 6, 3}}},
  {"NV12", 1, 1, 0, 0, 3, {{0, 1, 1, 1}, {1, 2, 2, 1}}},
  {"NV12", 640, 480, 4096, 704, 510912,
      {{4096, 704, 640, 480}, {342016, 704, 640, 240}}},
  {"NV16", 5, 2, 0, 7, 27, {{0, 7, 5, 2}, {14, 7, 6, 2}}},
  {"NV24", 3, 3, 0, 0, 27, {{0, 3, 3, 3}, {9, 6, 6, 3}}},
  {"NV24", 3, 3, 0, 4, 34, {{0, 4, 3, 3}, {12, 8, 6, 3}}},

  {"I420_10LE", 5, 5, 0, 0, 86,
      {{0, 10, 10, 5}, {50, 6, 6, 3}, {68, 6, 6, 3}}},
  {"I420_10LE", 5, 5, 0, 11, 91,
      {{0, 11, 10, 5}, {55, 6, 6, 3}, {73, 6, 6, 3}}},
  {"P010_10LE", 5, 5, 0, 14, 110, {{0, 14, 10, 5}, {70, 14, 12, 3}}},

  /* Blocks of 48 pixels and 128 bytes, of 2 and 5, of 3 and 4 */
  {"v210", 1, 1, 0, 0, 128, {{0, 128, 128, 1}}},
  {"v210", 48, 2, 0, 0, 256, {{0, 128, 128, 2}}},
  {"v210", 49, 2, 0, 0, 512, {{0, 256, 256, 2}}},
  {"v210", 49, 2, 5, 300, 561, {{5, 300, 256, 2}}},
  /* Of which half may do */
  {"UYVP", 1, 1, 0, 0, 3, {{0, 3, 3, 1}}},
  {"UYVP", 4, 2, 0, 0, 20, {{0, 10, 10, 2}}},
  {"UYVP", 5, 2, 5, 17, 35, {{5, 17, 13, 2}}},
  {"NV12_10LE32", 4, 3, 0, 0, 40, {{0, 8, 8, 3}, {24, 8, 8, 2}}},
  {"NV12_10LE32", 4, 3, 0, 12, 56, {{0, 12, 8, 3}, {36, 12, 8, 2}}},

  /* The largest sides, the largest picture, the longest stride */
  {"RGB", 65535, 1, 0, 0, 196605, {{0, 196605, 196605, 1}}},
  {"RGB", 1, 65535, 0, 0, 196605, {{0, 3, 3, 65535}}},
  {"GRAY8", 10, 2, 0, G_MAXINT - 10, G_MAXINT, {{0, G_MAXINT - 10, 10, 2}}},
  {"GRAY8", 10, 1, 0, G_MAXINT, 10, {{0, G_MAXINT, 10, 1}}},
  {"GRAY8", 32767, 65535, 0, 0, 2147385345, {{0, 32767, 32767, 65535}}},

  /* And the furthest */
  {"RGB", 1, 1, G_MAXUINT64 - 3, 0, G_MAXUINT64, {{G_MAXUINT64 - 3, 3, 3, 1}}},
  {"RGB", 640, 480, G_MAXUINT64 - 921600, 0, G_MAXUINT64,
      {{G_MAXUINT64 - 921600, 1920, 1920, 480}}},
  {"NV12", 2, 2, G_MAXUINT64 - 6, 0, G_MAXUINT64,
      {{G_MAXUINT64 - 6, 2, 2, 2}, {G_MAXUINT64 - 2, 2, 2, 1}}},
};

GST_START_TEST (test_layout)
{
  const Layout *l = &layouts[__i__];
  const MmioFormat *format = test_format (l->format);
  const MmioLayout picture = test_picture (l->format, l->width, l->height,
      l->offset, l->stride);

  fail_unless (mmio_format_equal (&picture.format, format));
  fail_unless_equals_int (picture.width, l->width);
  fail_unless_equals_int (picture.height, l->height);
  fail_unless_equals_uint64 (picture.start, l->offset);
  fail_unless_equals_uint64 (picture.end, l->end);

  for (guint i = 0; i < format->n_planes; i++) {
    const MmioPlane *plane = &picture.plane[i], *wanted = &l->plane[i];

    fail_unless_equals_uint64 (plane->offset, wanted->offset);
    fail_unless_equals_int (plane->stride, wanted->stride);
    fail_unless_equals_int (plane->row_bytes, wanted->row_bytes);
    fail_unless_equals_int (plane->rows, wanted->rows);
  }
  for (guint i = format->n_planes; i < MMIO_MAX_PLANES; i++)
    fail_unless_equals_int (picture.plane[i].rows, 0);
}

GST_END_TEST;

/* Where GStreamer pads nothing, it lays a picture out as we do without a
 * stride; where it does, it does not have fewer bytes than we. */
GST_START_TEST (test_layout_is_gstreamers)
{
  const MmioFormat *format;
  guint n_even = 0;

  for (guint n = 0; (format = test_format_nth (n)); n++) {
    const GstVideoFormat video = gst_video_format_from_string (format->name);

    for (guint size = 1; size <= 97; size++) {
      const guint width = size == 97 ? 192 : size;
      const guint height = size == 97 ? 96 : 98 - size;
      const gboolean even = width % 192 == 0 && height % 96 == 0;
      const MmioLayout picture = test_picture (format->name, width, height, 0,
          0);
      GstVideoInfo info;

      gst_video_info_set_format (&info, video, width, height);
      for (guint i = 0; i < format->n_planes; i++) {
        const MmioPlane *plane = &picture.plane[i];
        const guint stride = GST_VIDEO_INFO_PLANE_STRIDE (&info, i);
        gint component[GST_VIDEO_MAX_COMPONENTS];

        gst_video_format_info_component (info.finfo, i, component);
        fail_unless (plane->rows == (guint) GST_VIDEO_INFO_COMP_HEIGHT (&info,
                component[0]), "%s %ux%u plane %u: %u rows", format->name,
            width, height, i, plane->rows);
        fail_unless (plane->row_bytes <= stride
            && plane->row_bytes + 31 >= stride,
            "%s %ux%u plane %u: %u bytes, %u in GStreamer", format->name, width,
            height, i, plane->row_bytes, stride);
        if (even) {
          fail_unless_equals_uint64 (plane->row_bytes, stride);
          fail_unless_equals_uint64 (plane->offset,
              GST_VIDEO_INFO_PLANE_OFFSET (&info, i));
          n_even++;
        }
      }
    }
  }
  fail_unless (n_even > test_format_count ());
}

GST_END_TEST;

/* With any stride: planes follow one another, rows fit, and the smallest
 * stride is the one that the error says. */
GST_START_TEST (test_layout_strides)
{
  const MmioFormat *format = test_format_nth (__i__);

  for (guint width = 1; width <= 33; width += RUNNING_ON_VALGRIND ? 6 : 1) {
    const guint tight = mmio_format_row_bytes (format, 0, width);
    guint smallest = 0;

    for (guint stride = 1; stride < tight + 40; stride++) {
      const MmioSpec spec = test_spec (format->name, width, 7, 11, stride);
      MmioLayout picture;
      guint64 at = spec.offset, end = 0;
      g_autoptr (GError) error = NULL;

      if (!mmio_layout_init (&picture, &spec, &error)) {
        fail_unless (smallest == 0, "%s %u: stride %u, but not %u",
            format->name, width, smallest, stride);
        continue;
      }
      if (smallest == 0)
        smallest = stride;

      for (guint i = 0; i < format->n_planes; i++) {
        const MmioPlane *plane = &picture.plane[i];

        if (plane->offset != at || plane->stride < plane->row_bytes ||
            plane->row_bytes != mmio_format_row_bytes (format, i, width))
          fail ("%s %u, stride %u, plane %u", format->name, width, stride, i);
        end = at + (guint64) plane->stride * (plane->rows - 1) +
            plane->row_bytes;
        at += (guint64) plane->stride * plane->rows;
      }
      if (picture.plane[0].stride != stride || picture.end != end)
        fail ("%s %u, stride %u", format->name, width, stride);
    }

    /* One byte more than the Y plane has, where an odd width makes NV12's
     * other plane wider */
    fail_unless (smallest >= tight && smallest <= tight + 3, "%s %u: %u",
        format->name, width, smallest);
  }
}

GST_END_TEST;

/* --- Several pictures ----------------------------------------------------- */

typedef struct
{
  const char *format;
  guint width, height;
  guint64 offset;
  guint stride;
  guint n;
  guint64 step;
  guint64 told[MMIO_MAX_BUFFERS];

  guint64 start, end, extent, size;
  guint64 buffer[MMIO_MAX_BUFFERS];
} Several;

static const Several several[] = {
  /* One is one */
  {"RGB", 4, 2, 5, 0, 0, 0, {0}, 5, 29, 29, 24, {0}},
  {"RGB", 4, 2, 5, 20, 1, 999, {77}, 5, 37, 45, 32, {0}},
  /* One right after the other, with its padding */
  {"RGB", 4, 2, 5, 0, 2, 0, {0}, 5, 53, 53, 24, {0, 24}},
  {"RGB", 4, 2, 5, 20, 2, 0, {0}, 5, 77, 85, 32, {0, 40}},
  {"RGB", 4, 2, 5, 20, 4, 0, {0}, 5, 157, 165, 32, {0, 40, 80, 120}},
  {"NV12", 5, 5, 100, 7, 3, 0, {0}, 100, 267, 268, 55, {0, 56, 112}},
  /* A step; just large enough */
  {"RGB", 4, 2, 0, 20, 2, 32, {0}, 0, 64, 72, 32, {0, 32}},
  {"RGB", 640, 480, 4096, 0, 3, 1048576, {0}, 4096, 3022848, 3022848, 921600,
      {0, 1048576, 2097152}},
  /* What the device tells, in any order; a step is somebody's word */
  {"RGB", 4, 2, 7, 0, 2, 0, {100, 300}, 100, 324, 324, 24, {0, 200}},
  {"RGB", 4, 2, 7, 0, 2, 0, {300, 100}, 100, 324, 324, 24, {200, 0}},
  {"RGB", 4, 2, 7, 0, 3, 0, {48, 0, 24}, 0, 72, 72, 24, {48, 0, 24}},
  {"RGB", 4, 2, 7, 20, 4, 0, {400, 100, 300, 200}, 100, 432, 440, 32,
      {300, 0, 200, 100}},
  {"RGB", 4, 2, 7, 0, 2, 50, {300, 100}, 7, 81, 81, 24, {0, 50}},
  /* The furthest, and the largest stretch */
  {"RGB", 1, 1, G_MAXUINT64 - 6, 0, 2, 0, {0}, G_MAXUINT64 - 6, G_MAXUINT64,
      G_MAXUINT64, 3, {0, 3}},
  {"GRAY8", 1, 1, 0, 0, 2, G_MAXINT - 1, {0}, 0, G_MAXINT, G_MAXINT, 1,
      {0, G_MAXINT - 1}},
};

GST_START_TEST (test_several)
{
  const Several *s = &several[__i__];
  const MmioLayout one = test_picture (s->format, s->width, s->height,
      s->start, s->stride);
  MmioSpec spec = test_spec (s->format, s->width, s->height, s->offset,
      s->stride);
  GError *error = NULL;
  MmioLayout picture;

  spec.n_buffers = s->n;
  spec.buffer_step = s->step;
  memcpy (spec.buffer_offset, s->told, sizeof (s->told));
  fail_unless (mmio_layout_init (&picture, &spec, &error), "%s",
      error ? error->message : "");

  fail_unless_equals_uint64 (picture.start, s->start);
  fail_unless_equals_uint64 (picture.end, s->end);
  fail_unless_equals_uint64 (mmio_layout_get_extent (&picture), s->extent);
  fail_unless_equals_uint64 (mmio_layout_get_size (&picture), s->size);
  fail_unless_equals_int (picture.n_buffers, MAX (s->n, 1));
  for (guint i = 0; i < MMIO_MAX_BUFFERS; i++)
    fail_unless_equals_uint64 (picture.buffer[i], s->buffer[i]);

  /* Its planes are those of one that lies there alone */
  fail_unless (memcmp (picture.plane, one.plane, sizeof (one.plane)) == 0);
}

GST_END_TEST;

typedef struct
{
  guint width, height;
  guint64 offset;
  guint n;
  guint64 step;
  guint64 told[MMIO_MAX_BUFFERS];
  const char *words[4];
} SeveralRefused;

#define HALF G_GUINT64_CONSTANT (0x8000000000000000)

/* Of GRAY8 pixels */
static const SeveralRefused several_refused[] = {
  {8, 4, 0, 5, 0, {0}, {"use 5 slots", "limit is 4", "Reduce buffers"}},
  {8, 4, 0, G_MAXUINT, 0, {0}, {"use 4294967295 slots"}},
  {8, 4, 0, 2, 31, {0}, {"use 2 slots: slots 0 and 1 overlap", "32 bytes",
          "31 apart", "Set buffer-step"}},
  {8, 4, 0, 2, 1, {0}, {"0 and 1 overlap", " 1 apart"}},
  {8, 4, 0, 2, 0, {100, 131}, {"slots 0 and 1 ", "31 apart"}},
  {8, 4, 0, 3, 0, {100, 200, 100}, {"use 3 slots: slots 0 and 2 ", " 0 apart"}},
  {8, 4, 0, 4, 0, {0, 100, 200, 169}, {"use 4 slots: slots 2 and 3 ",
          "31 apart"}},
  {8, 4, G_MAXUINT64 - 40, 2, 0, {0}, {"use 2 slots", "offset 18446",
          "buffer-step"}},
  {8, 4, 100, 2, G_MAXUINT64, {0}, {"use 2 slots", "offset 100 "}},
  {8, 4, 0, 3, HALF, {0}, {"offset 9223372036854775808 ends"}},
  {8, 4, 0, 2, 0, {0, G_MAXUINT64 - 10}, {"beyond the largest address"}},
  {8, 4, 0, 2, G_MAXINT, {0}, {"2 slots over 2147483679 bytes",
          "2 GiB", "Reduce buffer-step"}},
  {8, 4, 0, 2, 0, {HALF, 0}, {"slots over 9223372036854775840 bytes"}},
  {8, 4, 0, 4, G_MAXINT / 3, {0}, {"2 GiB"}},
  /* One of them alone */
  {40000, 60000, 0, 2, 0, {0}, {"40000 x 60000", "2 GiB"}},
};

GST_START_TEST (test_several_refused)
{
  const SeveralRefused *r = &several_refused[__i__];
  MmioSpec spec = test_spec ("GRAY8", r->width, r->height, r->offset, 0);
  MmioLayout picture, before;
  GError *error = NULL;

  spec.n_buffers = r->n;
  spec.buffer_step = r->step;
  memcpy (spec.buffer_offset, r->told, sizeof (r->told));
  memset (&before, 0xa5, sizeof (before));
  picture = before;
  fail_if (mmio_layout_init (&picture, &spec, &error));
  check_error (&error, MMIO_ERROR_SETTINGS, r->words[0], r->words[1],
      r->words[1] ? r->words[2] : NULL, r->words[2] ? r->words[3] : NULL, NULL);
  fail_unless (memcmp (&picture, &before, sizeof (before)) == 0);
}

GST_END_TEST;

/* --- What is refused ----------------------------------------------------- */

typedef struct
{
  const char *format;
  guint width, height;
  guint64 offset;
  guint stride;
  const char *words[4];
} Refused;

static const Refused refused[] = {
  {"RGB", 0, 480, 0, 0, {"width is not set", "Set width"}},
  {"RGB", 640, 0, 0, 0, {"height is not set", "Set height"}},
  {"RGB", 0, 0, 0, 0, {"width", "not set"}},
  {"RGB", 65536, 1, 0, 0, {"width of 65536:", "limit is 65535",
          "Reduce width"}},
  {"RGB", 1, 65536, 0, 0, {"height of 65536:", "limit is 65535",
          "Reduce height"}},
  {"RGB", G_MAXUINT, 1, 0, 0, {"width of 4294967295:"}},
  {"RGB", 1, G_MAXUINT, 0, 0, {"height of 4294967295:"}},
  {"RGB", G_MAXUINT, G_MAXUINT, G_MAXUINT64, G_MAXUINT, {"width"}},

  {"RGB", 640, 480, 0, 1919, {"1919", "640 RGB", "1920 or more", " 0 "}},
  {"RGB", 640, 480, 0, 1, {"stride of 1 ", "1920 or more"}},
  {"YUY2", 5, 5, 0, 11, {"11 bytes", "12 or more"}},
  {"NV12", 5, 5, 0, 5, {"5 bytes", "6 or more"}},
  {"NV12", 1, 1, 0, 1, {"1 bytes", "2 or more"}},
  {"I420", 5, 5, 0, 4, {"4 bytes", "5 or more"}},
  {"UYVP", 5, 5, 0, 12, {"12 bytes", "13 or more"}},
  {"v210", 49, 5, 0, 255, {"255 bytes", "256 or more"}},
  {"RGB", 1, 1, 0, G_MAXINT + 1u, {"2147483648", "2147483647", "stride"}},
  {"RGB", 1, 1, 0, G_MAXUINT, {"4294967295", "2147483647", "stride"}},

  {"RGB", 65535, 65535, 0, 0, {"2 GiB", "65535 x 65535", "196605", "RGB"}},
  {"GRAY8", 10, 2, 0, G_MAXINT - 9, {"2 GiB", "10 x 2"}},
  {"GRAY8", 32768, 65535, 0, 32769, {"2 GiB"}},
  /* Only all planes together are */
  {"Y444", 26755, 26756, 0, 0, {"2 GiB"}},
  {"I420", 8, 65535, 0, G_MAXINT, {"2 GiB"}},

  {"RGB", 1, 1, G_MAXUINT64 - 2, 0, {"18446744073709551613", "offset"}},
  {"RGB", 1, 1, G_MAXUINT64, 0, {"18446744073709551615", "offset"}},
  {"RGB", 640, 480, G_MAXUINT64 - 921599, 0, {"beyond", "offset"}},
  {"RGB", 640, 480, G_MAXUINT64 - 1920, 0, {"beyond", "offset"}},
  {"NV12", 2, 2, G_MAXUINT64 - 5, 0, {"beyond", "offset"}},
  {"NV12", 2, 2, G_MAXUINT64 - 4, 0, {"beyond", "offset"}},
  /* The first plane fits, and its padding leads round to where the BAR starts */
  {"NV12", 4, 2, G_MAXUINT64 - 13, 8, {"beyond", "offset"}},
};

GST_START_TEST (test_refused)
{
  const Refused *r = &refused[__i__];
  const MmioSpec spec = test_spec (r->format, r->width, r->height, r->offset,
      r->stride);
  MmioLayout picture, before;
  GError *error = NULL;

  memset (&before, 0xa5, sizeof (before));
  picture = before;
  fail_if (mmio_layout_init (&picture, &spec, &error));
  check_error (&error, MMIO_ERROR_SETTINGS, r->words[0], r->words[1],
      r->words[1] ? r->words[2] : NULL, r->words[2] ? r->words[3] : NULL, NULL);
  fail_unless (memcmp (&picture, &before, sizeof (before)) == 0);

  fail_if (mmio_layout_init (&picture, &spec, NULL));
}

GST_END_TEST;

static Suite *
layout_suite (void)
{
  Suite *s = suite_create ("lib-layout");
  TCase *tc = add_case (s, "format");

  tcase_add_test (tc, test_formats_are_gstreamers);
  tcase_add_test (tc, test_format_find);
  tcase_add_test (tc, test_format_equal);

  tc = add_case (s, "layout");
  tcase_add_loop_test (tc, test_layout, 0, G_N_ELEMENTS (layouts));
  tcase_add_test (tc, test_layout_is_gstreamers);
  tcase_add_loop_test (tc, test_layout_strides, 0, test_format_count ());

  tc = add_case (s, "several");
  tcase_add_loop_test (tc, test_several, 0, G_N_ELEMENTS (several));
  tcase_add_loop_test (tc, test_several_refused, 0,
      G_N_ELEMENTS (several_refused));

  tc = add_case (s, "refused");
  tcase_add_loop_test (tc, test_refused, 0, G_N_ELEMENTS (refused));

  return s;
}

GST_CHECK_MAIN (layout);
