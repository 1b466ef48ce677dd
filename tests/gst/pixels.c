/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "frame/mmioformat.h"
#include "frame/mmiopattern.h"
#include "source.h"

static guint32
seed (void)
{
  static guint32 n;

  return n++;
}

/* --- Files: every byte is where it should be ------------------------------ */

typedef struct
{
  const char *format;
  guint width, height;
  guint64 offset;
  guint stride;
  /* Where each plane lies in the file, worked out by hand; and so, where the
   * file ends */
  TestPlane planes[4];
  gsize size;
} Case;

static const Case cases[] = {
  {"RGB", 1, 1, 0, 0, {{0, 3, 3, 1}}, 3},
  {"RGB", 1, 1, 4097, 0, {{4097, 3, 3, 1}}, 4100},
  {"RGB", 5, 4, 0, 0, {{0, 15, 15, 4}}, 60},
  {"RGB", 7, 3, 1, 23, {{1, 23, 21, 3}}, 68},
  {"RGB", 7, 1, 0, 1000, {{0, 1000, 21, 1}}, 21},
  {"RGB", 1, 9, 3, 5, {{3, 5, 3, 9}}, 46},
  {"RGB", 1366, 7, 8191, 4099, {{8191, 4099, 4098, 7}}, 36883},
  {"RGB", 641, 5, 0, 1923, {{0, 1923, 1923, 5}}, 9615},
  {"BGR", 3, 2, 0, 0, {{0, 9, 9, 2}}, 18},
  {"BGR", 13, 3, 2, 41, {{2, 41, 39, 3}}, 123},
  {"v308", 5, 3, 1, 0, {{1, 15, 15, 3}}, 46},

  {"BGRx", 6, 5, 3, 0, {{3, 24, 24, 5}}, 123},
  {"BGRx", 1, 1, 0, 0, {{0, 4, 4, 1}}, 4},
  {"xRGB", 3, 2, 1, 13, {{1, 13, 12, 2}}, 26},
  {"ARGB", 2, 2, 0, 9, {{0, 9, 8, 2}}, 17},
  {"AYUV64", 3, 2, 0, 25, {{0, 25, 24, 2}}, 49},
  {"RGB16", 5, 3, 0, 11, {{0, 11, 10, 3}}, 32},
  {"RGB16", 1, 2, 1, 0, {{1, 2, 2, 2}}, 5},
  {"RGB15", 3, 3, 0, 0, {{0, 6, 6, 3}}, 18},

  {"GRAY8", 1, 1, 0, 0, {{0, 1, 1, 1}}, 1},
  {"GRAY8", 1, 1, 4095, 0, {{4095, 1, 1, 1}}, 4096},
  {"GRAY8", 13, 7, 4095, 17, {{4095, 17, 13, 7}}, 4210},
  {"GRAY16_BE", 3, 3, 0, 7, {{0, 7, 6, 3}}, 20},

  /* Half a pair of pixels takes all of it */
  {"YUY2", 5, 3, 0, 0, {{0, 12, 12, 3}}, 36},
  {"YUY2", 6, 2, 5, 13, {{5, 13, 12, 2}}, 30},
  {"UYVY", 1, 1, 0, 0, {{0, 4, 4, 1}}, 4},

  {"I420", 5, 5, 7, 0, {{7, 5, 5, 5}, {32, 3, 3, 3}, {41, 3, 3, 3}}, 50},
  {"I420", 6, 4, 0, 9, {{0, 9, 6, 4}, {36, 5, 3, 2}, {46, 5, 3, 2}}, 54},
  {"I420", 1, 1, 0, 0, {{0, 1, 1, 1}, {1, 1, 1, 1}, {2, 1, 1, 1}}, 3},
  {"YV12", 6, 4, 0, 0, {{0, 6, 6, 4}, {24, 3, 3, 2}, {30, 3, 3, 2}}, 36},
  {"Y42B", 3, 2, 0, 0, {{0, 3, 3, 2}, {6, 2, 2, 2}, {10, 2, 2, 2}}, 14},
  {"Y444", 3, 2, 0, 5, {{0, 5, 3, 2}, {10, 5, 3, 2}, {20, 5, 3, 2}}, 28},
  {"A420", 4, 2, 1, 0, {{1, 4, 4, 2}, {9, 2, 2, 1}, {11, 2, 2, 1}, {13, 4, 4,
              2}}, 21},
  {"I420_10LE", 3, 3, 0, 0, {{0, 6, 6, 3}, {18, 4, 4, 2}, {26, 4, 4, 2}}, 34},
  {"NV12", 5, 3, 0, 0, {{0, 5, 5, 3}, {15, 6, 6, 2}}, 27},
  {"NV12", 8, 4, 2, 10, {{2, 10, 8, 4}, {42, 10, 8, 2}}, 60},
  {"NV12", 1, 1, 0, 0, {{0, 1, 1, 1}, {1, 2, 2, 1}}, 3},
  {"NV16", 3, 2, 0, 0, {{0, 3, 3, 2}, {6, 4, 4, 2}}, 14},
  {"NV24", 3, 2, 0, 0, {{0, 3, 3, 2}, {6, 6, 6, 2}}, 18},
  {"P010_10LE", 3, 2, 0, 0, {{0, 6, 6, 2}, {12, 8, 8, 1}}, 20},

  {"v210", 7, 2, 0, 0, {{0, 128, 128, 2}}, 256},
  {"v210", 50, 2, 3, 300, {{3, 300, 256, 2}}, 559},
  {"UYVP", 4, 2, 1, 0, {{1, 10, 10, 2}}, 21},
  {"IYU1", 8, 2, 0, 13, {{0, 13, 12, 2}}, 25},
  {"GRAY10_LE32", 4, 2, 0, 0, {{0, 8, 8, 2}}, 16},
  {"NV12_10LE32", 6, 2, 0, 0, {{0, 8, 8, 2}, {16, 8, 8, 1}}, 24},
  {"NV12_10LE40", 8, 2, 0, 0, {{0, 10, 10, 2}, {20, 10, 10, 1}}, 30},
};

static GstHarness *
new_for_case (const Case * c, const TestFile * file)
{
  GstHarness *h = source_new (file->path, "width", c->width, "height",
      c->height, "offset", c->offset, "stride", c->stride, NULL);
  char *nick = g_ascii_strdown (c->format, -1);

  g_strdelimit (nick, "_", '-');
  gst_util_set_object_arg (G_OBJECT (h->element), "format", nick);
  g_free (nick);
  return h;
}

static guint
n_planes (const Case * c)
{
  guint n = 0;

  while (n < 4 && c->planes[n].rows > 0)
    n++;
  return n;
}

GST_START_TEST (test_file)
{
  const Case *c = &cases[__i__];
  guint64 bytes = 0;
  GstVideoInfo info;
  GstBuffer *buffer;
  TestFile file;
  GstHarness *h;

  /* To the last byte of the picture, which is the last of the file */
  test_file_init (&file, "bar", c->size, seed ());
  h = new_for_case (c, &file);
  gst_harness_play (h);
  buffer = source_pull (h);

  info = source_get_info (h);
  fail_unless_equals_string (GST_VIDEO_INFO_NAME (&info), c->format);
  fail_unless_equals_int (GST_VIDEO_INFO_WIDTH (&info), c->width);
  fail_unless_equals_int (GST_VIDEO_INFO_HEIGHT (&info), c->height);
  check_planes (buffer, &info, file.data, c->planes, n_planes (c));

  /* And each byte was read once: what lies between rows was not */
  for (guint i = 0; i < n_planes (c); i++)
    bytes += c->planes[i].row_bytes * c->planes[i].rows;
  fail_unless_equals_uint64 (source_get_stat (h, "bytes-read"), bytes);

  gst_buffer_unref (buffer);
  source_teardown (h);
  test_file_clear (&file);
}

GST_END_TEST;

/* One byte less and it does not start */
GST_START_TEST (test_file_too_small)
{
  const Case *c = &cases[__i__];
  char *ends = g_strdup_printf (" %" G_GSIZE_FORMAT, c->size);
  TestFile file;
  GstHarness *h;

  /* (There is another word for a file of no bytes) */
  if (c->size > 1) {
    test_file_init (&file, "bar", c->size - 1, seed ());
    h = new_for_case (c, &file);
    fail_unless_equals_int (gst_element_set_state (h->element,
            GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
    source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        NULL, ends, NULL);
    source_teardown (h);
    test_file_clear (&file);
  }

  g_free (ends);
}

GST_END_TEST;

/* Each frame is what is there when its time comes */
GST_START_TEST (test_file_changes)
{
  const guint8 first[] = { 1, 2, 3 }, last[] = { 4, 5, 6 };
  const TestPlane planes[] = { {10, 31, 30, 8} };
  const TestPlane as_before[] = { {0, 30, 30, 8} };
  guint8 before[8 * 30];
  GstVideoInfo info;
  GstBuffer *buffer;
  TestFile file;
  GstHarness *h;

  test_file_init (&file, "bar", 10 + 31 * 8, seed ());
  h = source_new (file.path, "width", 10, "height", 8, "offset",
      (guint64) 10, "stride", 31, NULL);
  gst_harness_play (h);
  buffer = source_pull (h);
  info = source_get_info (h);
  check_planes (buffer, &info, file.data, planes, 1);
  for (guint y = 0; y < 8; y++)
    memcpy (before + y * 30, file.data + 10 + y * 31, 30);

  test_file_write (&file, 10, first, sizeof (first));
  test_file_write (&file, 10 + 31 * 7 + 27, last, sizeof (last));
  /* A frame that was sent stays what it was */
  check_planes (buffer, &info, before, as_before, 1);
  gst_buffer_unref (buffer);

  buffer = source_crank (h);
  check_planes (buffer, &info, file.data, planes, 1);
  gst_buffer_unref (buffer);

  source_teardown (h);
  test_file_clear (&file);
}

GST_END_TEST;

/* --- 24 bits to 32 --------------------------------------------------------- */

static const char *const expanded[] = { "RGBx", "BGRx", "xRGB", "xBGR" };

static const struct
{
  guint width, height, offset, stride;
} sizes[] = {
  {1, 1, 0, 0}, {5, 3, 1, 0}, {7, 2, 4099, 23}, {640, 3, 0, 0},
  /* More than goes through the bounce at once */
  {2047, 2, 3, 0}, {2048, 2, 0, 6151}, {2049, 2, 1, 0}, {5000, 1, 0, 0},
};

GST_START_TEST (test_expanded)
{
  const gboolean is_bgr = __i__ / G_N_ELEMENTS (expanded);
  const char *format = expanded[__i__ % G_N_ELEMENTS (expanded)];
  char *caps = g_strdup_printf ("video/x-raw,format=%s", format);

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    const gsize stride = sizes[i].stride ? sizes[i].stride : 3 * sizes[i].width;
    GstVideoInfo info;
    GstBuffer *buffer;
    TestFile file;
    GstHarness *h;

    test_file_init (&file, "bar", sizes[i].offset + stride *
        (sizes[i].height - 1) + 3 * sizes[i].width, seed ());
    h = source_new (file.path, "format", is_bgr ? GST_VIDEO_FORMAT_BGR :
        GST_VIDEO_FORMAT_RGB, "width", sizes[i].width, "height",
        sizes[i].height, "offset", (guint64) sizes[i].offset, "stride",
        sizes[i].stride, NULL);
    gst_harness_set_sink_caps_str (h, caps);
    gst_harness_play (h);
    buffer = source_pull (h);

    info = source_get_info (h);
    fail_unless_equals_string (GST_VIDEO_INFO_NAME (&info), format);
    check_expanded (buffer, &info, file.data + sizes[i].offset, stride, is_bgr);
    fail_unless_equals_uint64 (source_get_stat (h, "bytes-read"),
        3 * sizes[i].width * sizes[i].height);

    gst_buffer_unref (buffer);
    source_teardown (h);
    test_file_clear (&file);
  }

  g_free (caps);
}

GST_END_TEST;

/* --- 32 bits in another order ---------------------------------------------- */

/* Where red, green and blue are in a pixel of each of expanded[] */
static const guint8 places[][3] = {
  {0, 1, 2}, {2, 1, 0}, {1, 2, 3}, {3, 2, 1},
};

GST_START_TEST (test_reordered)
{
  const guint from = __i__ / G_N_ELEMENTS (expanded);
  const guint to = __i__ % G_N_ELEMENTS (expanded);
  const guint width = 101, height = 3, stride = 409;
  char *caps = g_strdup_printf ("video/x-raw,format=%s", expanded[to]);
  GstVideoInfo info;
  GstVideoFrame frame;
  GstBuffer *buffer;
  TestFile file;
  GstHarness *h;

  test_file_init (&file, "bar", 1 + stride * (height - 1) + 4 * width, seed ());
  h = source_new (file.path, "width", width, "height", height, "offset",
      (guint64) 1, "stride", stride, "format",
      gst_video_format_from_string (expanded[from]), NULL);
  gst_harness_set_sink_caps_str (h, caps);
  gst_harness_play (h);
  buffer = source_pull (h);
  info = source_get_info (h);
  fail_unless_equals_string (GST_VIDEO_INFO_NAME (&info), expanded[to]);

  fail_unless (gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ));
  for (guint i = 0; i < width * height * 3; i++) {
    const guint x = i / 3 % width, y = i / 3 / width, color = i % 3;
    const guint8 *row = GST_VIDEO_FRAME_PLANE_DATA (&frame, 0);

    row += y * GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0);
    fail_unless (row[4 * x + places[to][color]] ==
        file.data[1 + y * stride + 4 * x + places[from][color]],
        "color %u of pixel %u,%u differs", color, x, y);
  }
  gst_video_frame_unmap (&frame);
  fail_unless_equals_uint64 (source_get_stat (h, "bytes-read"),
      4 * width * height);

  gst_buffer_unref (buffer);
  source_teardown (h);
  test_file_clear (&file);
  g_free (caps);
}

GST_END_TEST;

/* --- The simulated device -------------------------------------------------- */

/* The frame in the buffer, as it lies in the device's memory */
static guint8 *
gather (GstBuffer * buffer, const GstVideoInfo * info,
    const MmioLayout * picture)
{
  guint8 *memory = g_malloc0 (picture->end);
  GstVideoFrame frame;

  fail_unless (gst_video_frame_map (&frame, info, buffer, GST_MAP_READ));
  for (guint i = 0; i < picture->format.n_planes; i++) {
    const MmioPlane *plane = &picture->plane[i];

    for (guint y = 0; y < plane->rows; y++)
      memcpy (memory + plane->offset + (gsize) y * plane->stride,
          (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&frame, i) +
          y * GST_VIDEO_FRAME_PLANE_STRIDE (&frame, i), plane->row_bytes);
  }
  gst_video_frame_unmap (&frame);

  return memory;
}

/* It paints when it likes, so a frame may be torn: but among many some are
 * not, and those are exactly what it paints */
static void
check_sim (GstHarness * h, const char *format, guint width, guint height)
{
  const MmioSpec spec = test_spec (format, width, height, 0, 0);
  MmioLayout picture;
  guint8 *painted;
  guint number, newest = 0, whole = 0, different = 0;

  fail_unless (mmio_layout_init (&picture, &spec, NULL));
  painted = g_malloc0 (picture.end);
  gst_harness_play (h);

  /* Until three different ones were seen */
  for (guint i = 0; i < 20000 && different < 3; i++) {
    GstBuffer *buffer = i == 0 ? source_pull (h) : source_crank (h);
    GstVideoInfo info = source_get_info (h);
    guint8 *memory = gather (buffer, &info, &picture);

    if (mmio_pattern_read_number (&picture, memory, &number)) {
      mmio_pattern_paint (&picture, painted, number);
      if (memcmp (painted, memory, picture.end) == 0) {
        fail_unless (whole == 0 || number >= newest);
        different += whole == 0 || number != newest;
        newest = number;
        whole++;
      }
    }
    g_free (memory);
    gst_buffer_unref (buffer);
    /* It needs its time to paint */
    g_thread_yield ();
  }

  fail_unless (different == 3, "%u whole frames, %u different ones", whole,
      different);
  g_free (painted);
}

GST_START_TEST (test_sim)
{
  static const struct
  {
    const char *format;
    GstVideoFormat video_format;
    guint width, height;
  } pictures[] = {
    {"RGB", GST_VIDEO_FORMAT_RGB, 640, 480},
    {"BGR", GST_VIDEO_FORMAT_BGR, 163, 51},
    {"BGRx", GST_VIDEO_FORMAT_BGRx, 320, 200},
    {"RGB16", GST_VIDEO_FORMAT_RGB16, 161, 50},
    {"GRAY8", GST_VIDEO_FORMAT_GRAY8, 101, 50},
    {"YUY2", GST_VIDEO_FORMAT_YUY2, 101, 50},
    {"I420", GST_VIDEO_FORMAT_I420, 101, 51},
    {"NV12", GST_VIDEO_FORMAT_NV12, 101, 51},
  };
  GstHarness *h = source_new ("sim", "width", pictures[__i__].width, "height",
      pictures[__i__].height, "format", pictures[__i__].video_format, NULL);

  check_sim (h, pictures[__i__].format, pictures[__i__].width,
      pictures[__i__].height);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
pixels_suite (void)
{
  Suite *s = suite_create ("gst-pixels");
  TCase *tc = add_case (s, "file");

  tcase_add_unchecked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_loop_test (tc, test_file, 0, G_N_ELEMENTS (cases));
  tcase_add_loop_test (tc, test_file_too_small, 0, G_N_ELEMENTS (cases));
  tcase_add_test (tc, test_file_changes);

  tc = add_case (s, "expanded");
  tcase_add_unchecked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_loop_test (tc, test_expanded, 0, 2 * G_N_ELEMENTS (expanded));
  tcase_add_loop_test (tc, test_reordered, 0, G_N_ELEMENTS (expanded) *
      G_N_ELEMENTS (expanded));

  tc = add_case (s, "sim");
  tcase_add_loop_test (tc, test_sim, 0, 8);

  return s;
}

GST_CHECK_MAIN (pixels);
