/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "capture/mmiocapture.h"
#include "frame/mmiopattern.h"
#include "gstmmioformat.h"
#include "source.h"
#include "testlayout.h"

/* Every format that this GStreamer knows, one after the other */
static guint
n_formats (void)
{
  GEnumClass *klass = g_type_class_ref (GST_TYPE_VIDEO_FORMAT);
  guint n = klass->maximum + 1;

  g_type_class_unref (klass);
  return n;
}

static const char *
format_name (GstVideoFormat format)
{
  return format == GST_VIDEO_FORMAT_UNKNOWN ? "UNKNOWN" :
      gst_video_format_to_string (format);
}

/* What cannot lie in a BAR row by row, by name: so that no test of a property
 * of the format decides what is tested */
static gboolean
is_refused (const char *name)
{
  static const char *const refused[] = {
    "UNKNOWN", "ENCODED", "DMA_DRM",
    /* A palette */
    "RGB8P",
    /* Tiles */
    "NV12_64Z32", "NV12_4L4", "NV12_32L32", "NV12_16L32S", "NV12_8L128",
    "NV12_10BE_8L128", "NV12_10LE40_4L4", "MT2110T", "MT2110R",
  };

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++) {
    if (strcmp (refused[i], name) == 0)
      return TRUE;
  }

  return FALSE;
}

/* Nothing is refused but what is in tiles, has a palette or is no pixels */
GST_START_TEST (test_taken_or_refused)
{
  guint taken = 0;

  for (guint i = 0; i < n_formats (); i++) {
    const char *name = format_name (i);
    MmioFormat format;
    gboolean ret = gst_mmio_format_from_video (&format, i);

    fail_unless (ret == !is_refused (name), "%s is %s", name,
        ret ? "taken" : "refused");
    taken += ret;
  }

  /* As many as 1.22 has */
  fail_unless (taken >= 104, "only %u", taken);
}

GST_END_TEST;

GST_START_TEST (test_refused_leaves_format)
{
  MmioFormat format = {.name = "before" };

  fail_if (gst_mmio_format_from_video (&format, GST_VIDEO_FORMAT_ENCODED));
  fail_if (gst_mmio_format_from_video (&format, GST_VIDEO_FORMAT_RGB8P));
  fail_unless_equals_string (format.name, "before");
}

GST_END_TEST;

/* The same words as GStreamer has. (Its offsets and shifts do not tell apart
 * the components of some packed formats: what matters of those is below, in
 * test_meaning.) */
GST_START_TEST (test_description)
{
  const GstVideoFormat video_format = __i__;
  const GstVideoFormatInfo *info;
  MmioFormat format;

  if (!gst_mmio_format_from_video (&format, video_format))
    return;

  info = gst_video_format_get_info (video_format);
  fail_unless_equals_string (format.name, format_name (video_format));
  fail_unless_equals_int (format.n_planes, GST_VIDEO_FORMAT_INFO_N_PLANES
      (info));
  fail_unless_equals_int (format.n_components,
      GST_VIDEO_FORMAT_INFO_N_COMPONENTS (info));
  fail_unless (format.n_planes <= MMIO_MAX_PLANES);
  for (guint i = 0; i < format.n_components; i++) {
    const MmioComponent *c = &format.component[i];

    fail_unless (c->plane < format.n_planes);
    fail_unless_equals_int (c->plane, GST_VIDEO_FORMAT_INFO_PLANE (info, i));
    fail_unless_equals_int (c->pixel_stride,
        GST_VIDEO_FORMAT_INFO_PSTRIDE (info, i));
    fail_unless_equals_int (c->w_sub, GST_VIDEO_FORMAT_INFO_W_SUB (info, i));
    fail_unless_equals_int (c->h_sub, GST_VIDEO_FORMAT_INFO_H_SUB (info, i));
    fail_unless_equals_int (c->depth, GST_VIDEO_FORMAT_INFO_DEPTH (info, i));
  }

  /* What the library knows by itself is not told otherwise */
  if (mmio_format_find (format.name))
    fail_unless (memcmp (mmio_format_find (format.name), &format,
            sizeof (format)) == 0, "%s differs", format.name);
}

GST_END_TEST;

static guint
plane_height (const GstVideoInfo * info, guint plane)
{
  gint comp[GST_VIDEO_MAX_COMPONENTS];

  gst_video_format_info_component (info->finfo, plane, comp);
  return GST_VIDEO_INFO_COMP_HEIGHT (info, comp[0]);
}

/* Rows fit into the strides that GStreamer gives them, in any size: a copy
 * writes nothing that is not the buffer's */
GST_START_TEST (test_rows_fit)
{
  const GstVideoFormat video_format = __i__;
  MmioFormat format;
  GstVideoInfo info;

  if (!gst_mmio_format_from_video (&format, video_format))
    return;

  for (guint width = 1; width <= 260; width++) {
    for (guint height = 1; height <= 9; height++) {
      often_unless (gst_video_info_set_format (&info, video_format, width,
              height), "%s %ux%u", format.name, width, height);

      for (guint i = 0; i < format.n_planes; i++) {
        const guint64 row_bytes = mmio_format_row_bytes (&format, i, width);
        const guint rows = mmio_format_rows (&format, i, height);
        const guint64 stride = GST_VIDEO_INFO_PLANE_STRIDE (&info, i);
        const guint64 end = i + 1 < format.n_planes ?
            GST_VIDEO_INFO_PLANE_OFFSET (&info, i + 1) : info.size;

        often_unless (row_bytes <= stride, "%s: a row of %u pixels has %"
            G_GUINT64_FORMAT " bytes in plane %u, its stride is %"
            G_GUINT64_FORMAT, format.name, width, row_bytes, i, stride);
        /* And it is all of the row: what is left is padding */
        often_unless (row_bytes > 0 && rows > 0 && rows == plane_height (&info,
                i) && GST_VIDEO_INFO_PLANE_OFFSET (&info, i) +
            stride * (rows - 1) + row_bytes <= end,
            "%s %ux%u: plane %u is not GStreamer's", format.name, width,
            height, i);
      }
    }
  }
}

GST_END_TEST;

/* Where nothing need be rounded, a picture without padding lies in the BAR
 * as it lies in GStreamer's buffers, to the byte */
GST_START_TEST (test_tight_is_gstreamers)
{
  const GstVideoFormat video_format = __i__;
  const guint sizes[][2] = { {192, 16}, {960, 64}, {1920, 32} };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    MmioSpec spec = {.width = sizes[i][0],.height = sizes[i][1] };
    gsize offset[GST_VIDEO_MAX_PLANES];
    gint stride[GST_VIDEO_MAX_PLANES];
    MmioLayout picture;
    GstVideoInfo info;

    if (!gst_mmio_format_from_video (&spec.format, video_format))
      return;

    fail_unless (gst_video_info_set_format (&info, video_format, spec.width,
            spec.height));
    fail_unless (mmio_layout_init (&picture, &spec, NULL));
    gst_mmio_format_get_layout (&picture, offset, stride);
    for (guint p = 0; p < spec.format.n_planes; p++) {
      fail_unless_equals_uint64 (offset[p], GST_VIDEO_INFO_PLANE_OFFSET (&info,
              p));
      fail_unless_equals_int (stride[p], GST_VIDEO_INFO_PLANE_STRIDE (&info,
              p));
    }
    for (guint p = spec.format.n_planes; p < GST_VIDEO_MAX_PLANES; p++)
      fail_unless (offset[p] == 0 && stride[p] == 0);
    fail_unless_equals_uint64 (picture.end - picture.start, info.size);
    fail_unless (gst_mmio_format_is_default_layout (&picture));
  }
}

GST_END_TEST;

/* Formats whose pixels share a block: bytes a row as the formats' definitions
 * have them (SMPTE for v210 and UYVP, IIDC for IYU1, GStreamer for the rest) */
GST_START_TEST (test_blocks)
{
  static const struct
  {
    const char *name;
    guint width;
    guint row_bytes;
  } rows[] = {
    {"v210", 1, 128}, {"v210", 48, 128}, {"v210", 49, 256}, {"v210", 1920,
        5120},
    {"UYVP", 2, 5}, {"UYVP", 4, 10}, {"UYVP", 1920, 4800},
    {"IYU1", 4, 6}, {"IYU1", 8, 12}, {"IYU1", 1920, 2880},
    {"GRAY10_LE32", 1, 4}, {"GRAY10_LE32", 3, 4}, {"GRAY10_LE32", 4, 8},
    {"GRAY10_LE32", 1920, 2560},
    {"NV12_10LE32", 3, 4}, {"NV12_10LE32", 6, 8}, {"NV12_10LE32", 1920, 2560},
    {"NV16_10LE32", 6, 8}, {"NV16_10LE32", 1920, 2560},
    {"NV12_10LE40", 4, 5}, {"NV12_10LE40", 8, 10}, {"NV12_10LE40", 1920, 2400},
#if GST_CHECK_VERSION (1, 28, 0)
    {"NV16_10LE40", 4, 5}, {"NV16_10LE40", 8, 10}, {"NV16_10LE40", 1920, 2400},
#endif
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    MmioFormat format;

    fail_unless (gst_mmio_format_from_video (&format,
            gst_video_format_from_string (rows[i].name)));
    for (guint p = 0; p < format.n_planes; p++)
      fail_unless (mmio_format_row_bytes (&format, p, rows[i].width) ==
          rows[i].row_bytes, "%s, %u pixels: %" G_GUINT64_FORMAT " bytes",
          format.name, rows[i].width, mmio_format_row_bytes (&format, p,
              rows[i].width));
    fail_if (mmio_pattern_can_paint (&format));
  }
}

GST_END_TEST;

/* --- What the bytes mean -------------------------------------------------- */

#define PAINT_WIDTH 64
#define PAINT_HEIGHT 32

typedef struct
{
  gint c[3];
} Pixel;

/* SD, limited range: the matrix of BT.601 */
static Pixel
to_yuv (Pixel rgb)
{
  const double r = rgb.c[0] / 255., g = rgb.c[1] / 255., b = rgb.c[2] / 255.;
  const double y = 0.299 * r + 0.587 * g + 0.114 * b;

  return (Pixel) { {
  16 + lrint (219 * y), 128 + lrint (224 * (b - y) / 1.772),
          128 + lrint (224 * (r - y) / 1.402)}
  };
}

/* Full range luma */
static Pixel
to_gray (Pixel rgb)
{
  const gint y = lrint (0.299 * rgb.c[0] + 0.587 * rgb.c[1] + 0.114 * rgb.c[2]);

  return (Pixel) { {
  y, 128, 128}
  };
}

/* A row of the frame as GStreamer reads it, in 8 bits a component */
static void
unpack_row (GstVideoFrame * frame, gint y, Pixel pixels[PAINT_WIDTH])
{
  const GstVideoFormatInfo *finfo = frame->info.finfo;
  const GstVideoFormatInfo *unpacked =
      gst_video_format_get_info (finfo->unpack_format);
  const gboolean deep = GST_VIDEO_FORMAT_INFO_BITS (unpacked) == 16;
  guint16 line[4 * PAINT_WIDTH];

  fail_unless (GST_VIDEO_FORMAT_INFO_N_COMPONENTS (unpacked) == 4);
  finfo->unpack_func (finfo, GST_VIDEO_PACK_FLAG_NONE, line, frame->data,
      frame->info.stride, 0, y, PAINT_WIDTH);
  for (guint x = 0; x < PAINT_WIDTH; x++) {
    /* The first one is alpha */
    for (guint i = 0; i < 3; i++)
      pixels[x].c[i] = deep ? line[4 * x + 1 + i] >> 8 :
          ((guint8 *) line)[4 * x + 1 + i];
  }
}

/* The library paints with its description of the format; GStreamer, reading
 * the bytes by its own, sees the same colours. Depths, shifts and the order
 * of bytes are right. */
GST_START_TEST (test_meaning)
{
  const GstVideoFormat video_format = __i__;
  MmioSpec spec = {.width = PAINT_WIDTH,.height = PAINT_HEIGHT };
  MmioSpec rgb_spec = spec;
  MmioLayout picture, rgb_picture;
  guint8 *memory, *rgb;
  GstBuffer *buffer;
  GstVideoFrame frame;
  GstVideoInfo info;
  const MmioFormat *format = &spec.format;
  guint worst = 0;

  if (!gst_mmio_format_from_video (&spec.format, video_format) ||
      !mmio_pattern_can_paint (&spec.format))
    return;

  fail_unless (mmio_layout_init (&picture, &spec, NULL));
  memory = g_malloc0 (picture.end);
  mmio_pattern_paint (&picture, memory, 0x5a5);

  rgb_spec.format = *mmio_format_find ("RGB");
  fail_unless (mmio_layout_init (&rgb_picture, &rgb_spec, NULL));
  rgb = g_malloc0 (rgb_picture.end);
  mmio_pattern_paint (&rgb_picture, rgb, 0x5a5);

  fail_unless (gst_video_info_set_format (&info, video_format, PAINT_WIDTH,
          PAINT_HEIGHT));
  fail_unless (gst_mmio_format_is_default_layout (&picture), "%s",
      format->name);
  buffer = gst_buffer_new_wrapped (memory, picture.end);
  fail_unless (gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ));

  for (guint y = 0; y < PAINT_HEIGHT; y++) {
    Pixel seen[PAINT_WIDTH];

    unpack_row (&frame, y, seen);
    for (guint x = 0; x < PAINT_WIDTH; x++) {
      const guint8 *p = rgb + 3 * (y * PAINT_WIDTH + x);
      Pixel wanted = { {p[0], p[1], p[2]} };

      if (format->model == MMIO_COLOR_YUV)
        wanted = to_yuv (wanted);
      else if (format->model == MMIO_COLOR_GRAY)
        wanted = to_gray (wanted);

      for (guint i = 0; i < (format->model == MMIO_COLOR_GRAY ? 1 : 3); i++) {
        const MmioComponent *c = &format->component[MIN (i,
                format->n_components - 1)];
        guint off = ABS (seen[x].c[i] - wanted.c[i]);

        /* A subsampled component is that of the first pixel of its block */
        if (x % (1u << c->w_sub) != 0 || y % (1u << c->h_sub) != 0)
          continue;
        worst = MAX (worst, off);
        /* As much as the component's depth leaves open, or as rounding does */
        often_unless (off <= MAX (3, c->depth >= 8 ? 0 : 1u << (8 - c->depth)),
            "%s at %u,%u: component %u is %d, not %d", format->name, x, y, i,
            seen[x].c[i], wanted.c[i]);
      }
    }
  }
  GST_INFO ("%s: off by %u at most", format->name, worst);

  gst_video_frame_unmap (&frame);
  gst_buffer_unref (buffer);
  g_free (rgb);
}

GST_END_TEST;

/* --- Layout --------------------------------------------------------------- */

GST_START_TEST (test_layout)
{
  gsize offset[GST_VIDEO_MAX_PLANES];
  gint stride[GST_VIDEO_MAX_PLANES];
  MmioLayout picture = make_picture (GST_VIDEO_FORMAT_I420, 6, 4, 1001, 9);

  /* From the picture's start on, not the BAR's: 9 * 4 bytes of luma, then
   * half the stride, rounded up, for 2 rows each */
  gst_mmio_format_get_layout (&picture, offset, stride);
  fail_unless (offset[0] == 0 && stride[0] == 9);
  fail_unless (offset[1] == 36 && stride[1] == 5);
  fail_unless (offset[2] == 46 && stride[2] == 5);
  fail_unless (offset[3] == 0 && stride[3] == 0);
}

GST_END_TEST;

GST_START_TEST (test_default_layout)
{
  static const struct
  {
    GstVideoFormat format;
    guint width, height, offset, stride;
    gboolean is_default;
  } cases[] = {
    {GST_VIDEO_FORMAT_RGB, 4, 2, 0, 0, TRUE},
    {GST_VIDEO_FORMAT_RGB, 4, 2, 77, 0, TRUE},
    {GST_VIDEO_FORMAT_RGB, 4, 2, 0, 12, TRUE},
    {GST_VIDEO_FORMAT_RGB, 4, 2, 0, 13, FALSE},
    {GST_VIDEO_FORMAT_RGB, 4, 2, 0, 16, FALSE},
    /* GStreamer rounds 15 bytes up to 16 */
    {GST_VIDEO_FORMAT_RGB, 5, 2, 0, 0, FALSE},
    /* The stride is right, but the padding of the last row is not there */
    {GST_VIDEO_FORMAT_RGB, 5, 2, 0, 16, FALSE},
    {GST_VIDEO_FORMAT_BGRx, 5, 3, 0, 0, TRUE},
    {GST_VIDEO_FORMAT_GRAY8, 1, 1, 0, 0, FALSE},
    {GST_VIDEO_FORMAT_NV12, 8, 4, 0, 0, TRUE},
    {GST_VIDEO_FORMAT_NV12, 8, 4, 0, 12, FALSE},
    /* Strides are right; the second plane starts after 3 rows, not 4 */
    {GST_VIDEO_FORMAT_NV12, 8, 3, 0, 0, FALSE},
    {GST_VIDEO_FORMAT_I420, 8, 4, 5, 0, TRUE},
    {GST_VIDEO_FORMAT_I420, 6, 4, 0, 0, FALSE},
    {GST_VIDEO_FORMAT_v210, 50, 2, 0, 0, TRUE},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    MmioLayout picture = make_picture (cases[i].format, cases[i].width,
        cases[i].height, cases[i].offset, cases[i].stride);

    fail_unless (gst_mmio_format_is_default_layout (&picture) ==
        cases[i].is_default, "case %u", i);
  }
}

GST_END_TEST;

static Suite *
format_suite (void)
{
  Suite *s = suite_create ("gst-format");
  TCase *tc = add_case (s, "format");

  tcase_add_test (tc, test_taken_or_refused);
  tcase_add_test (tc, test_refused_leaves_format);
  tcase_add_loop_test (tc, test_description, 0, n_formats ());
  tcase_add_test (tc, test_blocks);

  tc = add_case (s, "sizes");
  tcase_add_loop_test (tc, test_rows_fit, 0, n_formats ());
  tcase_add_loop_test (tc, test_tight_is_gstreamers, 0, n_formats ());

  tc = add_case (s, "meaning");
  tcase_add_loop_test (tc, test_meaning, 0, n_formats ());

  tc = add_case (s, "layout");
  tcase_add_test (tc, test_layout);
  tcase_add_test (tc, test_default_layout);

  return s;
}

GST_CHECK_MAIN (format);
