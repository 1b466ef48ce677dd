/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * frame-sync=counter, and the other ways of frames: without a copy, and with
 * their changes marked.
 */
#include "testdmabuf.h"
#include "testdevicesync.h"

/* --- Other properties ---------------------------------------------------------------- */

GST_START_TEST (test_mmap)
{
  GstHarness *h = new_source ("counter");
  GstBuffer *buffer;

  set (h, "io-mode", "mmap");
  gst_harness_play (h);
  check_first (h);
  for (guint i = 1; i < 10; i++) {
    paint (i);
    buffer = next_frame (h, 2, 2 * i);
    fail_unless_equals_int64 (get_number (buffer), i);
    gst_buffer_unref (buffer);
  }
  check_stat (h, "frames", 10);
  check_stat (h, "missed", 9);
  check_stat (h, "bytes-read", 0);
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_changes)
{
  static const char *const changes[] = { "mark", "drop" };
  GstHarness *h = new_source ("counter");
  GstVideoRegionOfInterestMeta *roi;
  GstBuffer *buffer;

  set (h, "changes", changes[__i__]);
  gst_harness_play (h);
  check_first (h);

  /* Nothing has changed */
  if (__i__ == 0) {
    buffer = next_frame (h, 1, 1);
    fail_unless_equals_int (gst_buffer_get_n_meta (buffer,
            GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE), 0);
    gst_buffer_unref (buffer);
  } else {
    const gint64 end = g_get_monotonic_time () + HANG;

    count (1);
    while (source_get_stat (h, "unchanged") == 0)
      fail_unless (g_get_monotonic_time () < end);
    check_idle (h);
  }

  painted.memory[5 * PAINTED_ROW]++;
  buffer = next_frame (h, 1, 2);
  fail_unless_equals_int (gst_buffer_get_n_meta (buffer,
          GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE), 1);
  roi = (GstVideoRegionOfInterestMeta *) gst_buffer_get_meta (buffer,
      GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE);
  fail_unless_equals_int (roi->y, 5);
  fail_unless_equals_int (roi->h, 1);
  gst_buffer_unref (buffer);
  check_stat (h, "missed", 0);
  check_stat (h, "unchanged", 1);
  source_teardown (h);
}

GST_END_TEST;

/* --- dma-bufs --------------------------------------------------------------------------- */

static void
count_in_memfd (guint32 value)
{
  const guint32 bytes = GUINT32_TO_LE (value);

  test_memfd_write (&bar, 3 * page_size (), (const guint8 *) &bytes, 4);
}

GST_START_TEST (test_dmabuf)
{
  GstHarness *h;

  dmabuf_add_importer ();
  count_in_memfd (10);
  h = dmabuf_new_source ("dmabuf", &odd);
  set (h, "frame-sync", "counter");
  g_object_set (h->element, "counter-offset", (guint64) 3 * page_size (), NULL);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB);
  propose_video_meta (h);
  gst_harness_play (h);
  check_first (h);
  for (guint i = 1; i < 10; i++) {
    GstClockTime time = pass_time (h, STEP);
    GstBuffer *buffer;

    count_in_memfd (10 + 2 * i);
    buffer = source_pull (h);
    check_frame (buffer, 2 * i, time);
    fail_unless (dmabuf_is (buffer));
    dmabuf_check_picture (buffer, &odd);
    gst_buffer_unref (buffer);
  }
  check_stat (h, "missed", 9);
  check_stat (h, "frames", 10);
  check_stat (h, "bytes-read", 0);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
counteriomodes_suite (void)
{
  Suite *s = suite_create ("gst-counteriomodes");
  TCase *tc = add_case (s, "properties");

  tcase_add_checked_fixture (tc, painted_setup, painted_teardown);
  tcase_add_test (tc, test_mmap);
  tcase_add_loop_test (tc, test_changes, 0, 2);

  tc = add_case (s, "dmabuf");
  tcase_add_checked_fixture (tc, dmabuf_setup, dmabuf_teardown);
  tcase_add_test (tc, test_dmabuf);

  return s;
}

GST_CHECK_MAIN (counteriomodes);
