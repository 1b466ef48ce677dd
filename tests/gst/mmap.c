/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io-mode=mmap: the mapped memory itself goes out.
 */
#include <stdio.h>
#include <string.h>

#include "source.h"
#include "testpool.h"

/* In the middle of a page; with a stride, so that only a video meta tells how
 * it lies */
#define OFFSET 4099
#define WIDTH 13
#define HEIGHT 6
#define STRIDE 41
#define SIZE (STRIDE * (HEIGHT - 1) + 3 * WIDTH)

static const TestPlane planes[] = { {OFFSET, STRIDE, 3 * WIDTH, HEIGHT} };

static TestFile file;

static void
setup (void)
{
  temp_setup ();
  test_file_init (&file, "bar", 8000, 1);
}

static void
teardown (void)
{
  test_file_clear (&file);
  temp_teardown ();
}

static GstHarness *
new_source (void)
{
  GstHarness *h = source_new (file.path, "width", WIDTH, "height", HEIGHT,
      "offset", (guint64) OFFSET, "stride", STRIDE, NULL);

  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", "mmap");
  return h;
}

static void
check_io_mode (GstHarness * h, const char *wanted)
{
  GstStructure *stats = source_get_stats (h);

  fail_unless_equals_string (gst_structure_get_string (stats, "io-mode"),
      wanted);
  gst_structure_free (stats);
}

/* Whether it points into the process's one map of the file */
static gboolean
is_in_map (const guint8 * data, gsize size)
{
  FILE *maps = fopen ("/proc/self/maps", "r");
  gulong begin, end;
  char line[4096];
  gboolean ret = FALSE;

  fail_unless (maps != NULL);
  while (fgets (line, sizeof (line), maps)) {
    if (strstr (line, file.path) &&
        sscanf (line, "%lx-%lx r--s", &begin, &end) == 2)
      ret |= (gulong) data >= begin && (gulong) data + size <= end;
  }
  fclose (maps);

  return ret;
}

GST_START_TEST (test_buffer)
{
  static const guint8 news[] = { 9, 8, 7, 6, 5 };
  GstHarness *h = new_source ();
  GstVideoMeta *meta;
  GstVideoInfo info;
  GstBuffer *buffer;
  GstMapInfo map;
  GstMemory *mem;

  propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  check_io_mode (h, "mmap");

  fail_unless_equals_uint64 (gst_buffer_get_size (buffer), SIZE);
  fail_unless_equals_int (gst_buffer_n_memory (buffer), 1);
  fail_unless (buffer->pool == NULL);
  mem = gst_buffer_peek_memory (buffer, 0);
  fail_unless (gst_memory_is_type (mem, "MmioMemory"));
  fail_unless (GST_MEMORY_IS_READONLY (mem));

  meta = gst_buffer_get_video_meta (buffer);
  fail_unless (meta != NULL);
  fail_unless_equals_int (meta->format, GST_VIDEO_FORMAT_RGB);
  fail_unless_equals_int (meta->width, WIDTH);
  fail_unless_equals_int (meta->height, HEIGHT);
  fail_unless_equals_int (meta->n_planes, 1);
  fail_unless_equals_int (meta->stride[0], STRIDE);
  fail_unless_equals_uint64 (meta->offset[0], 0);

  info = source_get_info (h);
  check_planes (buffer, &info, file.data, planes, 1);

  /* It is the map, live */
  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  fail_unless (is_in_map (map.data, map.size));
  fail_unless (memcmp (map.data, file.data + OFFSET, SIZE) == 0);
  test_file_write (&file, OFFSET + SIZE - sizeof (news), news, sizeof (news));
  fail_unless (memcmp (map.data + SIZE - sizeof (news), news,
          sizeof (news)) == 0);
  gst_buffer_unmap (buffer, &map);

  gst_buffer_unref (buffer);
  source_teardown (h);
}

GST_END_TEST;

/* Timestamps, numbers and statistics as in copies; nothing is read */
GST_START_TEST (test_frames)
{
  GstHarness *h = new_source ();

  propose_video_meta (h);
  gst_harness_play (h);
  for (guint i = 0; i < 10; i++) {
    GstBuffer *buffer = i == 0 ? source_pull (h) : source_crank (h);

    fail_unless_equals_uint64 (GST_BUFFER_PTS (buffer), i * 20 * GST_MSECOND);
    fail_unless_equals_uint64 (GST_BUFFER_DURATION (buffer), 20 * GST_MSECOND);
    fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), i);
    fail_unless_equals_uint64 (GST_BUFFER_OFFSET_END (buffer), i + 1);
    gst_buffer_unref (buffer);
    fail_unless_equals_uint64 (source_get_stat (h, "frames"), i + 1);
  }

  source_wait_for_clock_wait (h);
  fail_unless_equals_uint64 (source_get_stat (h, "frames"), 10);
  fail_unless_equals_uint64 (source_get_stat (h, "bytes-read"), 0);
  fail_unless_equals_uint64 (source_get_stat (h, "copy-time"), 0);
  source_stop (h);
  fail_unless_equals_uint64 (source_get_stat (h, "frames"), 10);
  check_io_mode (h, "mmap");
  source_teardown (h);
}

GST_END_TEST;

/* Consumers tell frames apart by their memories */
GST_START_TEST (test_memory_of_its_own)
{
  GstHarness *h = new_source ();
  GstBuffer *frames[6];
  GstMapInfo maps[6];

  propose_video_meta (h);
  gst_harness_play (h);
  for (guint i = 0; i < 6; i++) {
    frames[i] = i == 0 ? source_pull (h) : source_crank (h);
    fail_unless (gst_buffer_map (frames[i], &maps[i], GST_MAP_READ));
    fail_unless (maps[i].data == maps[0].data);
    for (guint j = 0; j < i; j++)
      fail_if (gst_buffer_peek_memory (frames[i], 0) ==
          gst_buffer_peek_memory (frames[j], 0));
  }
  fail_unless_equals_int (count_maps (file.path), 1);
  for (guint i = 0; i < 6; i++) {
    gst_buffer_unmap (frames[i], &maps[i]);
    gst_buffer_unref (frames[i]);
  }
  source_teardown (h);
}

GST_END_TEST;

/* Who wants to write gets a copy, and the device is left alone */
GST_START_TEST (test_write)
{
  GstHarness *h = new_source ();
  GstBuffer *buffer;
  char *content;
  gsize size;
  GstMapInfo map;

  propose_video_meta (h);
  gst_harness_play (h);

  buffer = source_pull (h);
  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READWRITE));
  fail_if (is_in_map (map.data, 1));
  fail_unless_equals_uint64 (map.size, SIZE);
  fail_unless (memcmp (map.data, file.data + OFFSET, SIZE) == 0);
  memset (map.data, 0, map.size);
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);

  fail_unless (g_file_get_contents (file.path, &content, &size, NULL));
  fail_unless (size == file.size && memcmp (content, file.data, size) == 0);
  g_free (content);

  /* A frame later it is the map again */
  buffer = source_crank (h);
  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  fail_unless (is_in_map (map.data, map.size));
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);

  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_copies)
{
  GstHarness *h = new_source ();
  GstBuffer *buffer, *deep, *shallow, *part;
  GstVideoInfo info;
  GstMapInfo map;

  propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  info = source_get_info (h);

  shallow = gst_buffer_copy (buffer);
  fail_unless (gst_buffer_map (shallow, &map, GST_MAP_READ));
  fail_unless (is_in_map (map.data, map.size));
  gst_buffer_unmap (shallow, &map);
  check_planes (shallow, &info, file.data, planes, 1);
  gst_buffer_unref (shallow);

  part = gst_buffer_copy_region (buffer, GST_BUFFER_COPY_ALL, STRIDE, 2 *
      STRIDE);
  fail_unless (gst_buffer_map (part, &map, GST_MAP_READ));
  fail_unless (is_in_map (map.data, map.size));
  fail_unless_equals_uint64 (map.size, 2 * STRIDE);
  fail_unless (memcmp (map.data, file.data + OFFSET + STRIDE, map.size) == 0);
  gst_buffer_unmap (part, &map);
  gst_buffer_unref (part);

  deep = gst_buffer_copy_deep (buffer);
  gst_buffer_unref (buffer);
  check_planes (deep, &info, file.data, planes, 1);
  source_teardown (h);

  /* It holds nothing of the map */
  fail_unless_equals_int (count_maps (file.path), 0);
  fail_unless (gst_buffer_memcmp (deep, 0, file.data + OFFSET, SIZE) == 0);
  gst_buffer_unref (deep);
}

GST_END_TEST;

/* The last buffer unmaps, whoever is gone by then */
GST_START_TEST (test_outlives_element)
{
  GstHarness *h = new_source ();
  GstBuffer *one, *other;
  const guint fds = count_fds ();

  propose_video_meta (h);
  gst_harness_play (h);
  one = source_pull (h);
  other = source_crank (h);
  source_teardown (h);

  fail_unless_equals_int (count_maps (file.path), 1);
  gst_buffer_unref (one);
  fail_unless (gst_buffer_memcmp (other, 0, file.data + OFFSET, SIZE) == 0);
  fail_unless_equals_int (count_maps (file.path), 1);
  gst_buffer_unref (other);
  fail_unless_equals_int (count_maps (file.path), 0);
  fail_unless (count_fds () < fds + 1);
}

GST_END_TEST;

/* The simulated device lives, and paints, for as long as somebody looks */
GST_START_TEST (test_sim_outlives_element)
{
  GstHarness *h = source_new ("sim", NULL);
  const gint64 end = g_get_monotonic_time () + HANG;
  guint8 *before;
  GstBuffer *buffer;
  GstMapInfo map;

  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", "mmap");
  gst_harness_play (h);
  buffer = source_pull (h);
  source_teardown (h);

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  before = g_memdup2 (map.data, map.size);
  while (memcmp (before, map.data, map.size) == 0) {
    fail_unless (g_get_monotonic_time () < end, "the picture stands still");
    g_usleep (1000);
  }
  g_free (before);
  gst_buffer_unmap (buffer, &map);
  fail_unless_equals_int (count_threads_named ("mmiovid-sim"), 1);

  gst_buffer_unref (buffer);
  fail_unless_equals_int (count_maps ("mmiovid-sim"), 0);
  while (count_threads_named ("mmiovid-sim") > 0) {
    fail_unless (g_get_monotonic_time () < end, "the painter lives on");
    g_usleep (1000);
  }
}

GST_END_TEST;

/* Several planes */
GST_START_TEST (test_planes)
{
  static const struct
  {
    GstVideoFormat format;
    guint width, height, stride, n_planes;
    TestPlane planes[3];
  } cases[] = {
    {GST_VIDEO_FORMAT_NV12, 9, 5, 15, 2, {{7, 15, 9, 5}, {82, 15, 10, 3}}},
    {GST_VIDEO_FORMAT_I420, 9, 5, 0, 3, {{7, 9, 9, 5}, {52, 5, 5, 3}, {67, 5, 5,
                3}}},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstHarness *h = source_new (file.path, "format", cases[i].format, "width",
        cases[i].width, "height", cases[i].height, "offset", (guint64) 7,
        "stride", cases[i].stride, NULL);
    GstVideoMeta *meta;
    GstVideoInfo info;
    GstBuffer *buffer;

    gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", "mmap");
    propose_video_meta (h);
    gst_harness_play (h);
    buffer = source_pull (h);
    check_io_mode (h, "mmap");
    meta = gst_buffer_get_video_meta (buffer);
    fail_unless_equals_int (meta->n_planes, cases[i].n_planes);
    for (guint p = 0; p < cases[i].n_planes; p++) {
      fail_unless_equals_int (meta->stride[p], cases[i].planes[p].stride);
      fail_unless_equals_uint64 (meta->offset[p], cases[i].planes[p].offset -
          7);
    }
    info = source_get_info (h);
    check_planes (buffer, &info, file.data, cases[i].planes, cases[i].n_planes);
    gst_buffer_unref (buffer);
    source_teardown (h);
  }
}

GST_END_TEST;

/* Where downstream would not understand it, it gets copies, and the user is
 * told */
GST_START_TEST (test_fallback)
{
  GstHarness *h = new_source ();
  TestPool *pool = test_pool_new ();
  GstMessage *message;
  GstVideoInfo info;
  GstBuffer *buffer;
  GError *error;

  propose_pool (h, pool, 0, 0, 3);
  gst_harness_play (h);
  buffer = source_pull (h);
  check_io_mode (h, "copy");
  fail_unless (buffer->pool == GST_BUFFER_POOL_CAST (pool));
  info = source_get_info (h);
  check_planes (buffer, &info, file.data, planes, 1);
  fail_unless_equals_uint64 (source_get_stat (h, "bytes-read"),
      3 * WIDTH * HEIGHT);
  fail_unless_equals_uint64 (source_get_stat (h, "frames"), 1);
  gst_buffer_unref (buffer);

  message = source_wait_message (h, GST_MESSAGE_INFO);
  gst_message_parse_info (message, &error, NULL);
  fail_unless (g_error_matches (error, GST_RESOURCE_ERROR,
          GST_RESOURCE_ERROR_SETTINGS));
  fail_unless (strstr (error->message, "stride of 41 bytes") &&
      strstr (error->message, file.path) &&
      strstr (error->message, "io-mode=copy"), "%s", error->message);
  g_error_free (error);
  gst_message_unref (message);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_INFO |
          GST_MESSAGE_WARNING | GST_MESSAGE_ERROR), 0);

  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* A layout that everybody understands needs no video meta; nor does a
 * proposed pool stand in its way */
GST_START_TEST (test_default_layout)
{
  GstHarness *h = source_new (file.path, "width", 16, "height", 6, "offset",
      (guint64) 5, NULL);
  TestPool *pool = test_pool_new ();
  GstBuffer *buffer;
  GstMapInfo map;

  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", "mmap");
  propose_pool (h, pool, 0, 0, 3);
  gst_harness_play (h);
  buffer = source_pull (h);
  check_io_mode (h, "mmap");
  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  fail_unless_equals_uint64 (map.size, 16 * 6 * 3);
  fail_unless (is_in_map (map.data, map.size));
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_INFO), 0);
  fail_unless_equals_int (pool->allocated, 0);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* Nothing but a demand brings it about */
GST_START_TEST (test_only_on_demand)
{
  static const char *const modes[] = { "auto", "copy" };
  GstHarness *h = new_source ();

  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", modes[__i__]);
  propose_video_meta (h);
  source_start (h, 1);
  check_io_mode (h, "copy");
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_INFO), 0);
  source_teardown (h);
}

GST_END_TEST;

/* From copies to the map and back, as downstream learns and forgets about
 * video metas */
GST_START_TEST (test_changes)
{
  GstHarness *h = new_source ();
  GstVideoInfo info;
  GstBuffer *buffer;

  source_start (h, 2);
  check_io_mode (h, "copy");

  source_wait_for_clock_wait (h);
  propose_video_meta (h);
  gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
  source_drop (h, 1);
  buffer = source_crank (h);
  check_io_mode (h, "mmap");
  fail_unless (gst_memory_is_type (gst_buffer_peek_memory (buffer, 0),
          "MmioMemory"));
  info = source_get_info (h);
  check_planes (buffer, &info, file.data, planes, 1);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 3);
  gst_buffer_unref (buffer);
  /* Two copies, and the map twice */
  fail_unless_equals_uint64 (source_get_stat (h, "frames"), 4);
  fail_unless_equals_uint64 (source_get_stat (h, "bytes-read"),
      2 * 3 * WIDTH * HEIGHT);
  source_teardown (h);
}

GST_END_TEST;

static GMutex gate;

static GstPadProbeReturn
wait_at_gate (GstPad * pad, GstPadProbeInfo * info, gpointer unused)
{
  g_mutex_lock (&gate);
  g_mutex_unlock (&gate);
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
forget_video_meta (GstPad * pad, GstPadProbeInfo * info, gpointer unused)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);
  guint index;

  if (GST_QUERY_TYPE (query) == GST_QUERY_ALLOCATION &&
      gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, &index))
    gst_query_remove_nth_allocation_meta (query, index);
  return GST_PAD_PROBE_OK;
}

/* Who knows of no video meta any more gets no frame that needs one, be it from
 * the queue */
GST_START_TEST (test_queue_without_video_meta)
{
  GstHarness *h = new_source ();
  const gsize size = GST_ROUND_UP_4 (3 * WIDTH) * HEIGHT;

  g_object_set (h->element, "queue-size", 5, NULL);
  propose_video_meta (h);
  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, wait_at_gate,
      NULL, NULL);
  source_start (h, 1);
  check_io_mode (h, "mmap");
  source_wait_for_clock_wait (h);
  g_mutex_lock (&gate);
  for (guint i = 0; i < 4; i++) {
    fail_unless (gst_harness_crank_single_clock_wait (h));
    source_wait_for_clock_wait (h);
    if (i == 0)
      source_wait_for_stat (h, "frames", 2);
  }

  gst_pad_add_probe (GST_PAD_PEER (h->sinkpad),
      GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM | GST_PAD_PROBE_TYPE_PULL,
      forget_video_meta, NULL, NULL);
  gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
  g_mutex_unlock (&gate);
  /* The consumer had this one already */
  gst_buffer_unref (source_pull (h));
  for (guint i = 0; i < 3; i++) {
    GstBuffer *buffer = source_crank (h);

    fail_unless_equals_uint64 (gst_buffer_get_size (buffer), size);
    gst_buffer_unref (buffer);
  }
  source_teardown (h);
}

GST_END_TEST;

static Suite *
mmap_suite (void)
{
  Suite *s = suite_create ("gst-mmap");
  TCase *tc = add_case (s, "mmap");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_buffer);
  tcase_add_test (tc, test_frames);
  tcase_add_test (tc, test_memory_of_its_own);
  tcase_add_test (tc, test_write);
  tcase_add_test (tc, test_copies);
  tcase_add_test (tc, test_outlives_element);
  tcase_add_test (tc, test_sim_outlives_element);
  tcase_add_test (tc, test_planes);
  tcase_add_test (tc, test_fallback);
  tcase_add_test (tc, test_default_layout);
  tcase_add_loop_test (tc, test_only_on_demand, 0, 2);
  tcase_add_test (tc, test_changes);
  tcase_add_test (tc, test_queue_without_video_meta);

  return s;
}

GST_CHECK_MAIN (mmap);
