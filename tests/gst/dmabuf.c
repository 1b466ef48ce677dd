/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which way frames take: as dma-bufs where somebody can read them and
 * downstream takes them, and as copies elsewhere, for a reason that is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <gst/allocators/gstdmabuf.h>

#include "testdmabuf.h"

#define PICTURE_BYTES (3 * WIDTH * HEIGHT)

static const char *const modes[] = { "auto", "dmabuf" };

/* --- All is well ---------------------------------------------------------- */

GST_START_TEST (test_buffer)
{
  static const guint8 news[] = { 9, 8, 7, 6, 5 };
  const guint number = dmabuf_add_importer ();
  GstHarness *h = dmabuf_new_source (modes[__i__], &odd);
  const gsize page = page_size ();
  GstVideoMeta *meta;
  GstBuffer *buffer;
  GstMapInfo map;
  GstMemory *mem;

  gst_harness_set_sink_caps_str (h, DMABUF_RGB);
  propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  dmabuf_check_way (h, "dmabuf", "Downstream accepts the dma-buf of ", bar.path,
      NULL);
  fail_unless (dmabuf_in_caps (h));

  fail_unless (dmabuf_is (buffer));
  fail_unless (buffer->pool == NULL);
  mem = gst_buffer_peek_memory (buffer, 0);
  fail_unless (GST_MEMORY_IS_READONLY (mem));
  fail_unless (fcntl (gst_dmabuf_memory_get_fd (mem), F_GETFD) & FD_CLOEXEC);
  fail_unless_equals_uint64 (gst_buffer_get_size (buffer), page);

  meta = gst_buffer_get_video_meta (buffer);
  fail_unless (meta != NULL);
  fail_unless_equals_int (meta->format, GST_VIDEO_FORMAT_RGB);
  fail_unless_equals_int (meta->width, WIDTH);
  fail_unless_equals_int (meta->height, HEIGHT);
  fail_unless_equals_int (meta->n_planes, 1);
  fail_unless_equals_int (meta->stride[0], STRIDE);
  fail_unless_equals_uint64 (meta->offset[0], SKIP);
  dmabuf_check_picture (buffer, &odd);

  /* It is the map of the device, live: nobody has made another */
  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  fail_unless_equals_int (count_maps (TEST_MEMFD), 1);
  fail_unless (memcmp (map.data, bar.data + page, page) == 0);
  test_memfd_write (&bar, page + 70, news, sizeof (news));
  fail_unless (memcmp (map.data + 70, news, sizeof (news)) == 0);
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);

  /* Tried and made once, and not for each frame */
  source_drop (h, 10);
  fail_unless_equals_int (fakekernel_count_udmabufs (), 1);
  fail_unless_equals_int (fakekernel_get_drm_counts (number).imports, 1);
  fail_unless_equals_int (fakekernel_get_drm_counts (number).handles, 0);
  fail_unless_equals_int (dmabuf_count_ways (h), 0);
  source_teardown (h);
}

GST_END_TEST;

/* Timestamps, numbers and statistics as in copies; nothing is read */
GST_START_TEST (test_frames)
{
  GstHarness *h = dmabuf_new_source (modes[__i__], &odd);
  GstClockTime min, max;
  GstQuery *query;
  gboolean live;

  dmabuf_add_importer ();
  gst_harness_set_sink_caps_str (h, DMABUF_RGB);
  propose_video_meta (h);
  gst_harness_play (h);
  for (guint i = 0; i < 10; i++) {
    GstBuffer *buffer = i == 0 ? source_pull (h) : source_crank (h);

    fail_unless_equals_uint64 (GST_BUFFER_PTS (buffer), i * 20 * GST_MSECOND);
    fail_unless_equals_uint64 (GST_BUFFER_DURATION (buffer), 20 * GST_MSECOND);
    fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), i);
    fail_unless_equals_uint64 (GST_BUFFER_OFFSET_END (buffer), i + 1);
    dmabuf_check_picture (buffer, &odd);
    gst_buffer_unref (buffer);
    fail_unless_equals_uint64 (source_get_stat (h, "frames"), i + 1);
  }

  /* As many may wait downstream as there are memories */
  query = gst_query_new_latency ();
  fail_unless (gst_element_query (h->element, query));
  gst_query_parse_latency (query, &live, &min, &max);
  gst_query_unref (query);
  fail_unless (live);
  fail_unless_equals_uint64 (min, GST_MSECOND);
  fail_unless_equals_uint64 (max, min + 32 * 20 * GST_MSECOND);

  source_wait_for_clock_wait (h);
  dmabuf_check_quiet (h);
  source_stop (h);
  fail_unless_equals_uint64 (source_get_stat (h, "frames"), 10);
  fail_unless_equals_uint64 (source_get_stat (h, "bytes-read"), 0);
  fail_unless_equals_uint64 (source_get_stat (h, "copy-time"), 0);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  source_teardown (h);
}

GST_END_TEST;

/* The simulated device lives, and paints, for as long as somebody looks */
GST_START_TEST (test_sim)
{
  GstHarness *h = source_new ("sim", NULL);
  const gint64 end = g_get_monotonic_time () + HANG;
  guint8 *before;
  GstBuffer *buffer;
  GstMapInfo map;

  dmabuf_add_importer ();
  gst_harness_set_sink_caps_str (h, DMABUF_RGB);
  propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  dmabuf_check_way (h, "dmabuf", " sim.", NULL);
  fail_unless (dmabuf_is (buffer));
  dmabuf_check_quiet (h);
  source_teardown (h);

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  before = g_memdup2 (map.data, map.size);
  while (memcmp (before, map.data, map.size) == 0) {
    fail_unless (g_get_monotonic_time () < end, "the picture stands still");
    g_usleep (1000);
  }
  g_free (before);
  gst_buffer_unmap (buffer, &map);

  gst_buffer_unref (buffer);
  fail_unless_equals_int (count_maps ("mmiovid-sim"), 0);
  fail_unless_equals_int (find_fd ("mmiovid-sim"), -1);
  while (count_threads_named ("mmiovid-sim") > 0) {
    fail_unless (g_get_monotonic_time () < end, "the painter lives on");
    g_usleep (1000);
  }
}

GST_END_TEST;

/* Several planes, where the second starts somewhere */
GST_START_TEST (test_planes)
{
  const gsize start = page_size () + 7;
  const TestPlane planes[] = { {start, 15, 9, 5}, {start + 75, 15, 10, 3} };
  GstHarness *h = source_new (bar.path, "format", GST_VIDEO_FORMAT_NV12,
      "width", 9, "height", 5, "offset", (guint64) start, "stride", 15, NULL);
  GstVideoInfo info;
  GstVideoMeta *meta;
  GstBuffer *buffer;

  dmabuf_add_importer ();
  gst_harness_set_sink_caps_str (h, DMABUF);
  propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  dmabuf_check_way (h, "dmabuf", NULL);
  meta = gst_buffer_get_video_meta (buffer);
  fail_unless_equals_int (meta->format, GST_VIDEO_FORMAT_NV12);
  fail_unless_equals_int (meta->n_planes, 2);
  fail_unless_equals_uint64 (meta->offset[0], 7);
  fail_unless_equals_uint64 (meta->offset[1], 7 + 75);
  fail_unless_equals_int (meta->stride[0], 15);
  fail_unless_equals_int (meta->stride[1], 15);
  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_NV12, 9, 5);
  check_planes (buffer, &info, bar.data, planes, 2);
  gst_buffer_unref (buffer);
  source_teardown (h);
}

GST_END_TEST;

/* --- Nobody can read it --------------------------------------------------- */

/* Frames are copies for this reason, and nothing is left of a dma-buf */
static void
check_copies (const char *reason)
{
  GstHarness *h = dmabuf_new_source ("auto", &odd);
  GstBuffer *buffer;
  GstCaps *caps;

  gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw,format=RGB");
  propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  dmabuf_check_way (h, "copy", "Each frame of ", bar.path,
      " is copied. ", reason, NULL);
  fail_if (dmabuf_is (buffer));
  fail_if (dmabuf_in_caps (h));
  dmabuf_check_picture (buffer, &odd);
  fail_unless_equals_uint64 (source_get_stat (h, "bytes-read"), PICTURE_BYTES);
  gst_buffer_unref (buffer);

  /* Nor is one offered */
  caps = gst_pad_peer_query_caps (h->sinkpad, NULL);
  for (guint i = 0; i < gst_caps_get_size (caps); i++)
    fail_unless (gst_caps_features_is_equal (gst_caps_get_features (caps, i),
            GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY));
  gst_caps_unref (caps);
  /* The test's and the device's */
  fail_unless_equals_int (dmabuf_count_fds (), 2);

  source_drop (h, 3);
  fail_unless_equals_int (dmabuf_count_ways (h), 0);
  /* It is no BAR, of which users may expect more */
  dmabuf_check_quiet (h);
  source_teardown (h);
}

GST_START_TEST (test_no_importer)
{
  const FakeDrm drm = {.card = "card0",.render = "renderD128",.driver =
        "bochs-drm",.import_errno = EOPNOTSUPP
  };
  guint number;

  check_copies ("this machine has none with a driver");
  fail_unless_equals_int (fakekernel_count_udmabufs (), 1);

  number = fakekernel_add_drm (&drm);
  check_copies ("Cannot import the frame into any display hardware "
      "of this machine: bochs-drm (/dev/dri/renderD128): its driver cannot import "
      "memory of other PCI devices");
  fail_unless_equals_int (fakekernel_get_drm_counts (number).refused, 1);
}

GST_END_TEST;

/* The user may know better than the kernel; but is told */
GST_START_TEST (test_demand_without_importer)
{
  GstHarness *h = dmabuf_new_source ("dmabuf", &odd);
  GstMessage *message;
  GstBuffer *buffer;
  GError *error;

  gst_harness_set_sink_caps_str (h, DMABUF_RGB);
  propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  dmabuf_check_way (h, "dmabuf", "The dma-buf of ", bar.path,
      " is sent, because io-mode=dmabuf is set. ", "this machine has none",
      NULL);
  fail_unless (dmabuf_is (buffer));
  dmabuf_check_picture (buffer, &odd);
  gst_buffer_unref (buffer);
  source_teardown (h);

  h = dmabuf_new_source ("dmabuf", &odd);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB);
  propose_video_meta (h);
  source_start (h, 3);
  message = source_wait_message (h, GST_MESSAGE_INFO);
  gst_message_parse_info (message, &error, NULL);
  fail_unless (g_error_matches (error, GST_RESOURCE_ERROR,
          GST_RESOURCE_ERROR_SETTINGS));
  fail_unless (strstr (error->message, "io-mode=dmabuf is set") != NULL,
      "%s", error->message);
  g_error_free (error);
  gst_message_unref (message);
  dmabuf_check_quiet (h);
  source_teardown (h);
}

GST_END_TEST;

/* What keeps the kernel from making a dma-buf */
static const struct
{
  int open_errno, create_errno, seals;
  gint code;
  const char *words, *remedy, *system;
} obstacles[] = {
  {ENOENT, 0, F_SEAL_SHRINK, GST_RESOURCE_ERROR_NOT_FOUND,
      "Cannot open /dev/udmabuf", "sudo modprobe udmabuf", "open: "},
  {EACCES, 0, F_SEAL_SHRINK, GST_RESOURCE_ERROR_NOT_AUTHORIZED,
        "Cannot read and write /dev/udmabuf", "such as that of",
      "open: "},
  {0, EINVAL, F_SEAL_SHRINK, GST_RESOURCE_ERROR_OPEN_READ,
        "Cannot export the memory of", "io-mode=copy",
      "UDMABUF_CREATE: "},
  {0, EBADFD, F_SEAL_SHRINK, GST_RESOURCE_ERROR_SETTINGS,
        "this kernel cannot export huge pages", "io-mode=copy",
      "UDMABUF_CREATE: "},
  {0, 0, 0, GST_RESOURCE_ERROR_SETTINGS, "is not a memfd with F_SEAL_SHRINK",
      "io-mode=copy", NULL},
  {0, 0, F_SEAL_GROW, GST_RESOURCE_ERROR_SETTINGS,
      "is not a memfd with F_SEAL_SHRINK", "io-mode=copy", NULL},
  {0, 0, F_SEAL_SHRINK | F_SEAL_WRITE, GST_RESOURCE_ERROR_SETTINGS,
      "is not a memfd with F_SEAL_SHRINK", "io-mode=copy", NULL},
};

static void
set_obstacle (guint n)
{
  dmabuf_add_importer ();
  fakekernel_set_udmabuf (obstacles[n].open_errno, obstacles[n].create_errno);
  test_memfd_clear (&bar);
  test_memfd_init (&bar, 4, obstacles[n].seals, 1);
}

GST_START_TEST (test_obstacle)
{
  set_obstacle (__i__);
  check_copies (obstacles[__i__].words);
}

GST_END_TEST;

/* Asked for, it is an error, and nothing is left open or mapped */
GST_START_TEST (test_demand_with_obstacle)
{
  GstHarness *h;

  set_obstacle (__i__);
  h = dmabuf_new_source ("dmabuf", &odd);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB);
  propose_video_meta (h);
  for (guint i = 0; i < 2; i++) {
    fail_unless_equals_int (gst_element_set_state (h->element,
            GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
    source_check_error (h, GST_RESOURCE_ERROR, obstacles[__i__].code,
        obstacles[__i__].system, bar.path, obstacles[__i__].words,
        obstacles[__i__].remedy, NULL);
    source_check_no_error (h);
    fail_unless_equals_int (count_maps (TEST_MEMFD), 0);
    fail_unless_equals_int (dmabuf_count_fds (), 1);
    fail_unless_equals_int (dmabuf_count_ways (h), 0);
    source_stop (h);
  }

  /* Who heeds it gets on */
  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", "copy");
  gst_harness_set_sink_caps_str (h, "video/x-raw");
  source_start (h, 1);
  dmabuf_check_way (h, "copy", "io-mode=copy is set.", NULL);
  source_teardown (h);
}

GST_END_TEST;

/* To find changes one has to read */
GST_START_TEST (test_changes)
{
  static const char *const changes[] = { "mark", "drop" };
  GstHarness *h = dmabuf_new_source ("auto", &odd);
  GstBuffer *buffer;

  dmabuf_add_importer ();
  gst_util_set_object_arg (G_OBJECT (h->element), "changes", changes[__i__]);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw");
  propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  dmabuf_check_way (h, "copy",
      "The property changes requires a read of each frame.", NULL);
  fail_if (dmabuf_is (buffer));
  dmabuf_check_picture (buffer, &odd);
  gst_buffer_unref (buffer);
  fail_unless_equals_int (fakekernel_count_udmabufs (), 0);
  dmabuf_check_quiet (h);
  source_stop (h);

  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", "dmabuf");
  fail_unless_equals_int (gst_element_set_state (h->element,
          GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, NULL,
      "find changes", "io-mode=dmabuf", "changes=ignore", NULL);
  source_teardown (h);
}

GST_END_TEST;

/* Nobody is asked who is not needed */
GST_START_TEST (test_other_modes)
{
  static const char *const others[] = { "copy", "mmap" };
  const guint number = dmabuf_add_importer ();
  GstHarness *h = dmabuf_new_source (others[__i__], &odd);
  GstBuffer *buffer;

  gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw");
  propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  dmabuf_check_way (h, others[__i__], " is set.", NULL);
  fail_if (dmabuf_is (buffer));
  gst_buffer_unref (buffer);
  fail_unless_equals_int (fakekernel_count_udmabufs (), 0);
  fail_unless_equals_int (fakekernel_get_drm_counts (number).opens, 0);
  source_teardown (h);
}

GST_END_TEST;

/* The I/O mode is chosen.  Pools need descriptors too, and do not say if there are
 * none. */
static GstBusSyncReply
on_message (GstBus * bus, GstMessage * message, gpointer user_data)
{
  if (gst_message_has_name (message, "mmiovidsrc-io-mode"))
    unlimit_fds ();
  return GST_BUS_PASS;
}

/* Downstream negotiates again, and gets a dma-buf */
static void
wait_for_dmabuf (GstHarness * h)
{
  gboolean is_dmabuf = FALSE;

  gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
  for (guint i = 0; i < 5 && !is_dmabuf; i++) {
    GstBuffer *buffer = source_crank (h);

    is_dmabuf = dmabuf_is (buffer);
    gst_buffer_unref (buffer);
  }
  fail_unless (is_dmabuf);
}

/* However few descriptors are left: it starts and sends the picture somehow, or
 * it says why not; and lets go of all that it got */
GST_START_TEST (test_few_descriptors)
{
  const gboolean is_auto = __i__ % 2 == 0;
  gboolean copied = FALSE, sent = FALSE, failed = FALSE;

  if (__i__ < 2)
    dmabuf_add_importer ();

  for (guint n = 0; n < 12; n++) {
    GstHarness *h = dmabuf_new_source (is_auto ? "auto" : "dmabuf", &odd);
    const guint fds = count_fds ();
    g_autoptr (GstBus) bus = gst_element_get_bus (h->element);
    GstStateChangeReturn ret;

    gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw");
    propose_video_meta (h);
    gst_bus_set_sync_handler (bus, on_message, NULL, NULL);
    limit_fds (n);
    ret = gst_element_set_state (h->element, GST_STATE_PLAYING);
    if (ret == GST_STATE_CHANGE_FAILURE) {
      GstMessage *message = source_wait_message (h, GST_MESSAGE_ERROR);
      GError *error;

      gst_message_parse_error (message, &error, NULL);
      failed |= strstr (error->message, "no file descriptors left") &&
          strstr (error->message, "ulimit -n");
      g_error_free (error);
      gst_message_unref (message);
    } else {
      GstBuffer *buffer = source_pull (h);
      GstStructure *stats = source_get_stats (h);
      const gboolean lacks = !dmabuf_is (buffer) && strstr
          (gst_structure_get_string (stats, "io-mode-reason"),
          "no file descriptor");

      dmabuf_check_picture (buffer, &odd);
      copied |= lacks && strstr (gst_structure_get_string (stats,
              "io-mode-reason"), "no file descriptors left");
      sent |= dmabuf_is (buffer);
      gst_structure_free (stats);
      gst_buffer_unref (buffer);

      /* That has passed by now */
      if (lacks && __i__ < 2)
        wait_for_dmabuf (h);
    }
    source_stop (h);
    unlimit_fds ();
    fail_unless_equals_int (count_fds (), fds);
    fail_unless_equals_int (count_maps (TEST_MEMFD), 0);
    source_teardown (h);
  }

  fail_unless_equals_int (copied, is_auto);
  fail_unless_equals_int (failed, !is_auto);
  fail_unless_equals_int (sent, __i__ != 2);
}

GST_END_TEST;

static Suite *
dmabuf_suite (void)
{
  Suite *s = suite_create ("gst-dmabuf");
  TCase *tc = add_case (s, "sent");

  tcase_add_checked_fixture (tc, dmabuf_setup, dmabuf_teardown);
  tcase_add_loop_test (tc, test_buffer, 0, 2);
  tcase_add_loop_test (tc, test_frames, 0, 2);
  tcase_add_test (tc, test_sim);
  tcase_add_test (tc, test_planes);

  tc = add_case (s, "obstacles");
  tcase_add_checked_fixture (tc, dmabuf_setup, dmabuf_teardown);
  tcase_add_test (tc, test_no_importer);
  tcase_add_test (tc, test_demand_without_importer);
  tcase_add_loop_test (tc, test_obstacle, 0, G_N_ELEMENTS (obstacles));
  tcase_add_loop_test (tc, test_demand_with_obstacle, 0,
      G_N_ELEMENTS (obstacles));
  tcase_add_loop_test (tc, test_changes, 0, 2);
  tcase_add_loop_test (tc, test_other_modes, 0, 2);
  tcase_add_loop_test (tc, test_few_descriptors, 0, 4);

  return s;
}

GST_CHECK_MAIN (dmabuf);
