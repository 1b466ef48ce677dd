/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Consumers, and the buffers that they want frames in.
 */
#include <string.h>

#include "source.h"
#include "testpool.h"

static TestFile file;

static void
setup (void)
{
  temp_setup ();
  test_file_init (&file, "bar", 4000, 1);
}

static void
teardown (void)
{
  test_file_clear (&file);
  temp_teardown ();
}

/* What is captured, and what is wanted; how it lies in the file */
typedef struct
{
  const char *format;
  const char *caps;
  guint width, height;
  TestPlane planes[4];
  guint n_planes;
} Picture;

static const Picture pictures[] = {
  {"rgb", "video/x-raw,format=RGB", 13, 5, {{1, 41, 39, 5}}, 1},
  {"rgb", "video/x-raw,format=BGRx", 13, 5, {{1, 41, 39, 5}}, 1},
  {"nv12", "video/x-raw", 13, 5, {{1, 41, 13, 5}, {206, 41, 14, 3}}, 2},
  {"i420", "video/x-raw", 13, 5, {{1, 41, 13, 5}, {206, 21, 7, 3}, {269, 21, 7,
              3}}, 3},
};

static GstHarness *
new_source (const Picture * picture)
{
  GstHarness *h = source_new (file.path, "width", picture->width, "height",
      picture->height, "offset", (guint64) 1, "stride", 41, NULL);

  gst_util_set_object_arg (G_OBJECT (h->element), "format", picture->format);
  gst_harness_set_sink_caps_str (h, picture->caps);
  return h;
}

static void
check_picture (GstHarness * h, GstBuffer * buffer, const Picture * picture)
{
  GstVideoInfo info = source_get_info (h);

  if (strstr (picture->caps, "BGRx"))
    check_expanded (buffer, &info, file.data + picture->planes[0].offset,
        picture->planes[0].stride, FALSE);
  else
    check_planes (buffer, &info, file.data, picture->planes, picture->n_planes);
}

/* Plays several frames, so that buffers come again */
static void
check_frames (GstHarness * h, const Picture * picture)
{
  for (guint i = 0; i < 5; i++) {
    const guint8 news[] = { i, 2 * i };
    GstBuffer *buffer;

    test_file_write (&file, 3, news, sizeof (news));
    if (i == 0)
      gst_harness_play (h);
    buffer = i == 0 ? source_pull (h) : source_crank (h);
    check_picture (h, buffer, picture);
    gst_buffer_unref (buffer);
  }
  source_check_no_error (h);
}

/* --- Nothing proposed ------------------------------------------------------- */

GST_START_TEST (test_no_pool)
{
  const Picture *picture = &pictures[__i__ / 2];
  const gboolean has_video_meta = __i__ % 2;
  GstHarness *h = new_source (picture);
  GstVideoInfo info;
  GstBuffer *buffer;

  if (has_video_meta)
    propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  info = source_get_info (h);
  check_picture (h, buffer, picture);

  /* GStreamer's layout, which needs no video meta to be understood */
  fail_unless_equals_uint64 (gst_buffer_get_size (buffer), info.size);
  fail_unless ((gst_buffer_get_video_meta (buffer) != NULL) == has_video_meta);
  fail_unless (buffer->pool != NULL);
  gst_buffer_unref (buffer);

  source_teardown (h);
}

GST_END_TEST;

/* A consumer who does not answer at all */
static GstPadProbeReturn
drop_allocation (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  return GST_QUERY_TYPE (GST_PAD_PROBE_INFO_QUERY (info)) ==
      GST_QUERY_ALLOCATION ? GST_PAD_PROBE_DROP : GST_PAD_PROBE_OK;
}

GST_START_TEST (test_no_answer)
{
  const Picture *picture = &pictures[__i__];
  GstHarness *h = new_source (picture);

  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM |
      GST_PAD_PROBE_TYPE_PUSH, drop_allocation, NULL, NULL);
  check_frames (h, picture);
  source_teardown (h);
}

GST_END_TEST;

/* --- Pools ------------------------------------------------------------------- */

/* Straight into downstream's buffers, whatever strides and offsets they have;
 * and not a byte of them that is no pixel is touched */
GST_START_TEST (test_odd_pool)
{
  static const guint gaps[] = { 1, 3, 16, 37 };
  const Picture *picture = &pictures[__i__ / G_N_ELEMENTS (gaps)];
  const guint gap = gaps[__i__ % G_N_ELEMENTS (gaps)];
  GstHarness *h = new_source (picture);
  TestPool *pool = test_pool_new ();
  gsize offset[GST_VIDEO_MAX_PLANES], size, row_bytes;
  gint stride[GST_VIDEO_MAX_PLANES];
  GstVideoMeta *meta;
  GstVideoInfo info;
  GstBuffer *buffer;
  GstMapInfo map;

  pool->gap = gap;
  propose_pool (h, pool, 0, 2, 4);
  propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  info = source_get_info (h);

  fail_unless (buffer->pool == GST_BUFFER_POOL_CAST (pool));
  test_pool_get_layout (&info, gap, offset, stride, &size);
  meta = gst_buffer_get_video_meta (buffer);
  fail_unless (meta && meta->stride[0] == stride[0] &&
      meta->offset[0] == offset[0]);
  check_picture (h, buffer, picture);

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  fail_unless_equals_uint64 (map.size, size);
  fail_unless_all (map.data, gap, TEST_POOL_FILL);
  for (guint i = 0; i < picture->n_planes; i++) {
    const TestPlane *plane = &picture->planes[i];

    row_bytes = plane->row_bytes;
    if (strstr (picture->caps, "BGRx"))
      row_bytes = row_bytes / 3 * 4;
    for (guint y = 0; y < plane->rows; y++)
      fail_unless_all (map.data + offset[i] + y * stride[i] + row_bytes,
          stride[i] - row_bytes, TEST_POOL_FILL);
  }
  fail_unless_all (map.data + size - gap, gap, TEST_POOL_FILL);
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);

  source_drop (h, 10);
  fail_unless (pool->allocated <= 4);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* A pool with GStreamer's own means to the same end */
GST_START_TEST (test_aligned_pool)
{
  const Picture *picture = &pictures[__i__];
  GstHarness *h = new_source (picture);
  GstBufferPool *pool = gst_video_buffer_pool_new ();
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstVideoAlignment align;
  GstBuffer *buffer;
  char *text = g_strdup_printf ("%s,format=%s,width=%u,height=%u,"
      "framerate=50/1", "video/x-raw", strstr (picture->caps, "BGRx") ?
      "BGRx" : picture->format[0] == 'r' ? "RGB" : picture->format[0] == 'n' ?
      "NV12" : "I420", picture->width, picture->height);
  GstCaps *caps = gst_caps_from_string (text);
  GstVideoInfo info;

  gst_video_alignment_reset (&align);
  align.padding_left = 6;
  align.padding_right = 10;
  align.padding_top = 2;
  align.padding_bottom = 4;
  align.stride_align[0] = align.stride_align[1] = align.stride_align[2] = 63;
  fail_unless (gst_video_info_from_caps (&info, caps));
  gst_buffer_pool_config_set_params (config, caps, info.size * 8, 2, 0);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  gst_buffer_pool_config_add_option (config,
      GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
  gst_buffer_pool_config_set_video_alignment (config, &align);
  fail_unless (gst_buffer_pool_set_config (pool, config));

  propose_pool (h, pool, info.size * 8, 2, 0);
  propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  fail_unless (buffer->pool == pool);
  fail_unless (gst_buffer_get_video_meta (buffer)->stride[0] % 64 == 0);
  fail_unless (gst_buffer_get_video_meta (buffer)->offset[0] > 0);
  check_picture (h, buffer, picture);
  gst_buffer_unref (buffer);

  source_teardown (h);
  gst_object_unref (pool);
  gst_caps_unref (caps);
  g_free (text);
}

GST_END_TEST;

/* Without options, with a size that is none, inactive: as sinks have them */
GST_START_TEST (test_plain_pool)
{
  const Picture *picture = &pictures[__i__ / 2];
  GstHarness *h = new_source (picture);
  TestPool *pool = test_pool_new ();
  GstBuffer *buffer;

  pool->has_no_options = __i__ % 2;
  propose_pool (h, pool, 0, 0, 0);
  if (pool->has_no_options)
    propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  fail_unless (buffer->pool == GST_BUFFER_POOL_CAST (pool));
  fail_if (gst_buffer_get_video_meta (buffer));
  gst_buffer_unref (buffer);

  /* One is filled while another is out */
  gst_buffer_unref (source_crank (h));
  gst_buffer_unref (source_crank (h));
  fail_unless (pool->allocated <= 2);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

GST_START_TEST (test_plain_pool_pixels)
{
  GstHarness *h = new_source (&pictures[__i__]);
  TestPool *pool = test_pool_new ();

  propose_pool (h, pool, 0, 0, 0);
  check_frames (h, &pictures[__i__]);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* A pool that cannot be used is not used; the picture comes nevertheless */
GST_START_TEST (test_refusing_pool)
{
  GstHarness *h = new_source (&pictures[__i__]);
  TestPool *pool = test_pool_new ();
  GstBuffer *buffer;

  pool->refuses = TRUE;
  propose_pool (h, pool, 0, 2, 3);
  propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  fail_unless (buffer->pool && buffer->pool != GST_BUFFER_POOL_CAST (pool));
  check_picture (h, buffer, &pictures[__i__]);
  gst_buffer_unref (buffer);
  fail_unless_equals_int (pool->allocated, 0);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* One that is active already, and made for this */
GST_START_TEST (test_active_pool)
{
  const char *caps_text = "video/x-raw,format=RGB,width=13,height=5,"
      "framerate=50/1,pixel-aspect-ratio=1/1,interlace-mode=progressive";
  GstHarness *h = new_source (&pictures[0]);
  GstCaps *caps = gst_caps_from_string (caps_text);
  TestPool *pool = test_pool_new ();
  GstStructure *config = gst_buffer_pool_get_config (GST_BUFFER_POOL (pool));
  GstBuffer *buffer;

  gst_harness_set_sink_caps_str (h, caps_text);
  gst_buffer_pool_config_set_params (config, caps, 200, 3, 3);
  fail_unless (gst_buffer_pool_set_config (GST_BUFFER_POOL (pool), config));
  fail_unless (gst_buffer_pool_set_active (GST_BUFFER_POOL (pool), TRUE));

  propose_pool (h, pool, 200, 3, 3);
  gst_harness_play (h);
  buffer = source_pull (h);
  fail_unless (buffer->pool == GST_BUFFER_POOL_CAST (pool));
  check_picture (h, buffer, &pictures[0]);
  gst_buffer_unref (buffer);
  source_teardown (h);
  gst_buffer_pool_set_active (GST_BUFFER_POOL (pool), FALSE);
  gst_object_unref (pool);
  gst_caps_unref (caps);
}

GST_END_TEST;

/* Buffers that are too small for the picture are never written to, whatever their
 * video meta says */
GST_START_TEST (test_small_buffers)
{
  const gboolean has_meta = __i__ % 2;
  GstHarness *h = new_source (&pictures[__i__ / 2]);
  TestPool *pool = test_pool_new ();

  /* With the meta, a row may end with 3 bytes of padding and a gap, and so does the
   * buffer */
  pool->gap = has_meta ? 1 : 0;
  pool->missing = has_meta ? 3 + 2 * pool->gap + 1 : 1;
  propose_pool (h, pool, 0, 0, 0);
  gst_harness_play (h);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_WRITE, NULL,
      "Cannot write", "drop-allocation", NULL);
  fail_unless_equals_int (gst_harness_buffers_received (h), 0);
  source_stop (h);
  fail_unless_equals_int (count_maps (file.path), 0);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

GST_START_TEST (test_no_memory)
{
  GstHarness *h = new_source (&pictures[0]);
  TestPool *pool = test_pool_new ();

  pool->has_no_memory = TRUE;
  propose_pool (h, pool, 0, 0, 0);
  gst_harness_play (h);
  source_check_error (h, GST_RESOURCE_ERROR,
      GST_RESOURCE_ERROR_NO_SPACE_LEFT, NULL, "Cannot allocate", "13x5", NULL);
  fail_unless_equals_int (gst_harness_buffers_received (h), 0);
  source_stop (h);
  fail_unless_equals_int (count_maps (file.path), 0);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* --- Allocators --------------------------------------------------------------- */

GST_START_TEST (test_allocator)
{
  GstHarness *h = new_source (&pictures[__i__]);
  TestAllocator *allocator = test_allocator_new ();
  GstAllocationParams params = {.align = 127,.prefix = 16,.padding = 32 };
  GstAllocationParams asked;
  GstBuffer *buffer;

  gst_harness_set_propose_allocator (h, gst_object_ref (allocator), &params);
  gst_harness_play (h);
  buffer = source_pull (h);
  fail_unless_equals_int (gst_buffer_n_memory (buffer), 1);
  fail_unless (gst_buffer_peek_memory (buffer, 0)->allocator ==
      GST_ALLOCATOR_CAST (allocator));
  /* The next frame may be allocated already */
  GST_OBJECT_LOCK (allocator);
  asked = allocator->last_params;
  GST_OBJECT_UNLOCK (allocator);
  fail_unless_equals_uint64 (asked.align, 127);
  fail_unless_equals_uint64 (asked.prefix, 16);
  fail_unless_equals_uint64 (asked.padding, 32);
  check_picture (h, buffer, &pictures[__i__]);
  gst_buffer_unref (buffer);
  source_teardown (h);
  gst_object_unref (allocator);
}

GST_END_TEST;

/* --- In mid-stream --------------------------------------------------------------- */

/* Another pool from now on; the old one gets all its buffers back */
GST_START_TEST (test_pool_changes)
{
  GstHarness *h = new_source (&pictures[0]);
  TestPool *old = test_pool_new (), *new = test_pool_new ();
  GstBuffer *held, *buffer;
  gulong proposal;

  old->gap = 3;
  new->gap = 5;
  proposal = propose_pool (h, old, 0, 0, 0);
  propose_video_meta (h);
  gst_harness_play (h);
  held = source_pull (h);
  fail_unless (held->pool == GST_BUFFER_POOL_CAST (old));

  withdraw_pool (h, proposal);
  propose_pool (h, new, 0, 0, 0);
  source_wait_for_clock_wait (h);
  gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
  gst_buffer_unref (source_crank (h));
  buffer = source_crank (h);
  fail_unless (buffer->pool == GST_BUFFER_POOL_CAST (new));
  fail_if (gst_buffer_pool_is_active (GST_BUFFER_POOL (old)));
  check_picture (h, buffer, &pictures[0]);
  check_picture (h, held, &pictures[0]);
  gst_buffer_unref (buffer);
  gst_buffer_unref (held);

  source_check_no_error (h);
  source_teardown (h);
  ASSERT_OBJECT_REFCOUNT (old, "first pool", 1);
  ASSERT_OBJECT_REFCOUNT (new, "second pool", 1);
  gst_object_unref (old);
  gst_object_unref (new);
}

GST_END_TEST;

/* Buffers outlive the element and their pool */
GST_START_TEST (test_held_buffer)
{
  GstHarness *h = new_source (&pictures[0]);
  guint8 before[39];
  GstBuffer *buffer;

  gst_harness_play (h);
  buffer = source_pull (h);
  memcpy (before, file.data + 1, sizeof (before));
  source_teardown (h);
  fail_unless (gst_buffer_memcmp (buffer, 0, before, sizeof (before)) == 0);
  gst_buffer_unref (buffer);
}

GST_END_TEST;

static Suite *
downstream_suite (void)
{
  Suite *s = suite_create ("gst-downstream");
  TCase *tc = add_case (s, "nothing");
  const guint n = G_N_ELEMENTS (pictures);

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_no_pool, 0, 2 * n);
  tcase_add_loop_test (tc, test_no_answer, 0, n);

  tc = add_case (s, "pool");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_odd_pool, 0, 4 * n);
  tcase_add_loop_test (tc, test_aligned_pool, 0, n);
  tcase_add_loop_test (tc, test_plain_pool, 0, 2 * n);
  tcase_add_loop_test (tc, test_plain_pool_pixels, 0, n);
  tcase_add_loop_test (tc, test_refusing_pool, 0, n);
  tcase_add_test (tc, test_active_pool);
  tcase_add_loop_test (tc, test_small_buffers, 0, 2 * n);
  tcase_add_test (tc, test_no_memory);

  tc = add_case (s, "allocator");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_allocator, 0, n);

  tc = add_case (s, "change");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_pool_changes);
  tcase_add_test (tc, test_held_buffer);

  return s;
}

GST_CHECK_MAIN (downstream);
