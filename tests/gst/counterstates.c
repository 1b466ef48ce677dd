/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * frame-sync=counter, and what may come between frames: a counter that stops,
 * pauses, flushes, new caps.
 */
#include "testdevicesync.h"

/* --- A counter that stops ---------------------------------------------------------- */

GST_START_TEST (test_stall)
{
  GstHarness *h = new_source ("counter");
  const gint64 begin = g_get_monotonic_time ();

  gst_harness_play (h);
  check_first (h);
  for (guint i = 1; i < 3; i++) {
    wait_for_stall (h, "counter-offset");
    fail_unless (g_get_monotonic_time () - begin >= i * G_TIME_SPAN_SECOND);
    /* It is told once */
    g_usleep (1200000);
    fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
    fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);

    drop_frame (h, 1, i);
  }
  check_stat (h, "missed", 0);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* A pause is no stall, and what it lasted does not count */
GST_START_TEST (test_pause_is_no_stall)
{
  GstHarness *h = new_source ("counter");
  gint64 begin = g_get_monotonic_time ();
  guint64 offset = 0;

  gst_harness_play (h);
  check_first (h);
  gst_element_set_state (h->element, GST_STATE_PAUSED);
  /* A machine that does other things may have made a stall of what was before
   * it */
  while (g_get_monotonic_time () - begin >= G_TIME_SPAN_SECOND) {
    begin = g_get_monotonic_time ();
    gst_harness_play (h);
    drop_frame (h, 1, ++offset);
    source_count_messages (h, GST_MESSAGE_WARNING);
    gst_element_set_state (h->element, GST_STATE_PAUSED);
  }
  g_usleep (1200000);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
  begin = g_get_monotonic_time ();
  gst_harness_play (h);
  wait_for_stall (h, "counter-offset");
  fail_unless (g_get_monotonic_time () - begin >= G_TIME_SPAN_SECOND);
  drop_frame (h, 1, ++offset);
  source_teardown (h);
}

GST_END_TEST;

/* --- States ------------------------------------------------------------------------ */

/* Pictures of a pause are counted, and not missed */
GST_START_TEST (test_pause)
{
  GstHarness *h = new_source ("counter");
  guint64 offset = 0;

  gst_harness_play (h);
  check_first (h);
  for (guint i = 0; i < 10; i++) {
    gst_element_set_state (h->element, GST_STATE_PAUSED);
    count (3);
    check_idle (h);
    count (2);
    check_idle (h);
    gst_harness_play (h);
    {
      GstBuffer *buffer = source_pull (h);

      fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), offset + 5);
      gst_buffer_unref (buffer);
    }
    drop_frame (h, 1, offset + 6);
    offset += 6;
  }
  check_stat (h, "missed", 0);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);

  /* Nor were they sent */
  drop_frame (h, 3, offset + 3);
  check_stat (h, "frames", 22);
  check_qos (h, 22, 2);
  source_teardown (h);
}

GST_END_TEST;

/* Likewise where it begins while a frame is downstream, as it does if a sink
 * keeps one until it plays again */
GST_START_TEST (test_pause_while_pushing)
{
  GstHarness *h = new_source ("counter");
  GstBuffer *buffer;

  gate_init (h);
  gst_harness_play (h);
  check_first (h);
  gate_close ();
  pass_time (h, STEP);
  count (1);
  gate_wait ();
  gst_element_set_state (h->element, GST_STATE_PAUSED);
  count (9);
  gst_harness_play (h);
  gate_open ();

  buffer = source_pull (h);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 1);
  gst_buffer_unref (buffer);
  buffer = source_pull (h);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 10);
  gst_buffer_unref (buffer);
  check_stat (h, "missed", 0);
  drop_frame (h, 2, 12);
  check_stat (h, "missed", 1);
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_prompt)
{
  GstHarness *h = new_source ("counter");

  gst_harness_play (h);
  check_first (h);
  check_prompt (h, __i__);
  source_teardown (h);
}

GST_END_TEST;

/* Pictures of a flush are not missed; and after one that begins time anew,
 * frames of a rate come as before */
/* The first frame after a flush.  A frame that the element saw before its capture thread
 * was held is flushed, and then it is the next one.  Returns: its number */
static guint
pull_after_flush (GstHarness * h, guint number)
{
  GstBuffer *buffer = NULL;

  for (guint i = 0; i < 100 && !buffer; i++) {
    buffer = gst_harness_try_pull (h);
    if (!buffer)
      g_usleep (10000);
  }
  if (!buffer) {
    number++;
    count (1);
    buffer = source_pull (h);
  }
  check_frame (buffer, number, 0);
  gst_buffer_unref (buffer);
  return number;
}

GST_START_TEST (test_flush)
{
  GstHarness *h = new_source ("counter");
  guint number;

  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=1/1000");
  gst_harness_play (h);
  check_first (h);
  for (guint i = 1; i < 10; i++)
    drop_frame (h, 1, i);
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_start ()));
  count (5);
  check_idle (h);
  gst_element_set_base_time (h->element, pass_time (h, STEP));
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_stop (TRUE)));
  number = pull_after_flush (h, 14);
  for (guint i = 1; i < 10; i++) {
    pass_time (h, STEP);
    count (1);
    {
      GstBuffer *buffer = source_pull (h);

      check_frame (buffer, number + i, i * STEP);
      gst_buffer_unref (buffer);
    }
  }
  check_stat (h, "missed", 0);
  source_teardown (h);
}

GST_END_TEST;

/* Threads that want different things: nobody hangs */
GST_START_TEST (test_meddlers)
{
  GstHarness *h = new_source ("counter");
  GThread *device;

  gst_harness_use_systemclock (h);
  gst_harness_set_drop_buffers (h, TRUE);
  g_atomic_int_set (&device_pause, 500);
  device = g_thread_new ("device", run_device, NULL);
  gst_harness_play (h);
  source_meddle (h);
  source_stop (h);
  gst_harness_set_drop_buffers (h, FALSE);
  source_start (h, 1);
  gst_buffer_unref (source_pull (h));
  g_atomic_int_set (&painted.stop, TRUE);
  g_thread_join (device);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_clock_goes)
{
  GstHarness *h = new_source ("counter");

  gst_harness_play (h);
  check_first (h);
  gst_element_set_clock (h->element, NULL);
  count (1);
  source_check_error (h, GST_CORE_ERROR, GST_CORE_ERROR_CLOCK, NULL,
      "no clock", NULL);
  source_teardown (h);
}

GST_END_TEST;

/* While it waits, the one who waits changes his mind */
GST_START_TEST (test_renegotiation)
{
  GstHarness *h = new_source ("counter");
  GstVideoInfo info;

  gst_harness_play (h);
  check_first (h);
  for (guint i = 0; i < 6; i++) {
    gst_harness_set_sink_caps_str (h, i % 2 ? "video/x-raw" :
        "video/x-raw,format=RGBx,framerate=1/500");
    gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
    /* This one is waited for already */
    drop_frame (h, 1, 2 * i + 1);
    drop_frame (h, 1, 2 * i + 2);
    info = source_get_info (h);
    fail_unless_equals_int (GST_VIDEO_INFO_FPS_N (&info), i % 2 == 0);
    fail_unless_equals_string (GST_VIDEO_INFO_NAME (&info), i % 2 ? "BGRx" :
        "RGBx");
  }
  check_stat (h, "missed", 0);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* Of the frames that wait in the queue when caps change, the newest is captured
 * again */
GST_START_TEST (test_renegotiation_of_queued)
{
  GstHarness *h = new_source ("counter");
  GstBuffer *buffer;
  GstVideoInfo info;

  gate_init (h);
  gst_harness_play (h);
  check_first (h);
  gate_close ();
  for (guint i = 0; i < 4; i++) {
    count (1);
    if (i == 0)
      gate_wait ();
    /* So that it is read before the next one */
    check_idle (h);
  }
  gst_harness_set_sink_caps_str (h, "video/x-raw,format=RGBx");
  gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
  gate_open ();

  buffer = source_pull (h);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 1);
  gst_buffer_unref (buffer);
  buffer = source_pull (h);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 4);
  fail_unless (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  gst_buffer_unref (buffer);
  info = source_get_info (h);
  fail_unless_equals_string (GST_VIDEO_INFO_NAME (&info), "RGBx");
  check_stat (h, "missed", 2);
  source_teardown (h);
}

GST_END_TEST;

/* Those that the consumer does not want go on being counted meanwhile: it is the
 * last of them that is captured */
GST_START_TEST (test_renegotiation_of_unwanted)
{
  GstHarness *h = new_source ("counter");
  GstClockTime time;
  GstBuffer *buffer;

  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=1/500");
  gate_init (h);
  gst_harness_play (h);
  check_first (h);
  gate_close ();
  for (guint i = 0; i < 2; i++) {
    pass_time (h, STEP);
    count (1);
    if (i == 0)
      gate_wait ();
    check_idle (h);
  }
  time = pass_time (h, GST_SECOND);
  for (guint i = 0; i < 3; i++) {
    count (1);
    check_idle (h);
  }
  gst_harness_set_sink_caps_str (h, "video/x-raw,format=RGBx,framerate=1/500");
  gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
  gate_open ();

  gst_buffer_unref (source_pull (h));
  buffer = source_pull (h);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 5);
  fail_unless (GST_BUFFER_PTS (buffer) + GST_SECOND > time);
  gst_buffer_unref (buffer);
  check_stat (h, "missed", 0);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
counterstates_suite (void)
{
  Suite *s = suite_create ("gst-counterstates");
  TCase *tc = add_case (s, "stall");

  tcase_add_checked_fixture (tc, painted_setup, painted_teardown);
  tcase_add_test (tc, test_stall);
  tcase_add_test (tc, test_pause_is_no_stall);

  tc = add_case (s, "states");
  tcase_add_checked_fixture (tc, painted_setup, painted_teardown);
  tcase_add_test (tc, test_pause);
  tcase_add_test (tc, test_pause_while_pushing);
  tcase_add_loop_test (tc, test_prompt, 0, N_WAYS_OUT);
  tcase_add_test (tc, test_flush);
  tcase_add_test (tc, test_meddlers);
  tcase_add_test (tc, test_clock_goes);
  tcase_add_test (tc, test_renegotiation);
  tcase_add_test (tc, test_renegotiation_of_queued);
  tcase_add_test (tc, test_renegotiation_of_unwanted);

  return s;
}

GST_CHECK_MAIN (counterstates);
