/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * frame-sync=counter: a frame for each picture that the device counts.
 */
#include "testdevicesync.h"

/* --- Caps ---------------------------------------------------------------------- */

static const struct
{
  const char *wanted;
  gint n, d;
} rates[] = {
  {"video/x-raw", 0, 1}, {"video/x-raw,framerate=[0/1,2147483647/1]", 0, 1},
  {"video/x-raw,framerate=[10/1,60/1]", 50, 1},
  /* Rates that start at a frame in 68 years, as theoraenc's and others' do */
  {"video/x-raw,framerate=[1/2147483647,2147483647/1]", 50, 1},
  {"video/x-raw,framerate=[1/1,60/1]", 50, 1},
  {"video/x-raw,framerate=25/1", 25, 1},
  {"video/x-raw,framerate={30/1,0/1}", 0, 1},
};

/* As they come, unless somebody wants it otherwise */
GST_START_TEST (test_caps)
{
  GstHarness *h = new_source ("counter");
  const GValue *range;
  GstVideoInfo info;
  GstPad *pad;
  GstCaps *caps;

  gst_harness_set_sink_caps_str (h, rates[__i__].wanted);
  gst_element_set_state (h->element, GST_STATE_PAUSED);
  pad = gst_element_get_static_pad (h->element, "src");
  caps = gst_pad_query_caps (pad, NULL);
  for (guint i = 0; i < gst_caps_get_size (caps); i++) {
    range = gst_structure_get_value (gst_caps_get_structure (caps, i),
        "framerate");
    fail_unless (GST_VALUE_HOLDS_FRACTION_RANGE (range));
    fail_unless_equals_int (gst_value_get_fraction_numerator
        (gst_value_get_fraction_range_min (range)), 0);
    fail_unless_equals_int (gst_value_get_fraction_numerator
        (gst_value_get_fraction_range_max (range)), 1000000000);
  }
  fail_if (gst_caps_is_empty (caps));
  gst_caps_unref (caps);
  gst_object_unref (pad);

  gst_harness_play (h);
  check_first (h);
  info = source_get_info (h);
  fail_unless_equals_int (GST_VIDEO_INFO_FPS_N (&info), rates[__i__].n);
  fail_unless_equals_int (GST_VIDEO_INFO_FPS_D (&info), rates[__i__].d);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* A frame lasts a nanosecond at least */
GST_START_TEST (test_too_fast)
{
  GstHarness *h = new_source ("counter");

  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=1000000001/1");
  gst_harness_play (h);
  source_check_error (h, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
      "downstream accepts", NULL);
  source_teardown (h);
}

GST_END_TEST;

/* By the clock there is no such rate */
GST_START_TEST (test_caps_of_clock)
{
  GstHarness *h = new_source ("clock");

  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=0/1");
  gst_harness_play (h);
  source_check_error (h, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, NULL, NULL);
  source_teardown (h);
}

GST_END_TEST;

/* Who wants them slower gets some of them, and misses none */
GST_START_TEST (test_slower)
{
  GstHarness *h = new_source ("counter");
  guint64 last = 0;

  /* Pictures are 400 s apart, frames 1000 s: 0, 3, 5, 8, 10, ... */
  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=1/1000");
  gst_harness_play (h);
  check_first (h);
  for (guint i = 1; i <= 50; i++) {
    const guint due = (5 * i + 1) / 2;

    while (++last < due) {
      pass_time (h, 400 * GST_SECOND);
      count (1);
      /* So that it is seen before time goes on, which dates it */
      check_idle (h);
    }
    pass_time (h, 400 * GST_SECOND);
    count (1);
    {
      GstBuffer *buffer = source_pull (h);

      check_frame (buffer, due, due * 400 * GST_SECOND);
      fail_unless_equals_uint64 (GST_BUFFER_DURATION (buffer),
          1000 * GST_SECOND);
      fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
      gst_buffer_unref (buffer);
    }
    last = due;
  }
  check_stat (h, "missed", 0);
  check_stat (h, "frames", 51);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);
  source_teardown (h);
}

GST_END_TEST;

/* Nor does he miss those that he would not have got, had somebody looked: a
 * sink that holds the source up sees to it that nobody does */
GST_START_TEST (test_slower_and_busy)
{
  GstHarness *h = new_source ("counter");

  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=1/1000");
  gst_harness_play (h);
  check_first (h);
  for (guint i = 1; i <= 10; i++)
    drop_frame (h, 3, 3 * i);
  check_stat (h, "missed", 0);

  /* Of these, he would have had two more */
  pass_time (h, 2 * STEP);
  drop_frame (h, 9, 39);
  check_stat (h, "missed", 2);
  check_stat (h, "frames", 12);
  check_qos (h, 12, 2);
  source_teardown (h);
}

GST_END_TEST;

/* Who wants them faster gets all there are, and misses those that nobody saw */
GST_START_TEST (test_faster)
{
  GstHarness *h = new_source ("counter");

  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=60/1");
  gst_harness_play (h);
  check_first (h);
  for (guint i = 1; i <= 10; i++)
    drop_frame (h, 1, i);
  check_stat (h, "missed", 0);
  drop_frame (h, 4, 14);
  check_stat (h, "missed", 3);
  source_teardown (h);
}

GST_END_TEST;

/* --- Frames -------------------------------------------------------------------- */

GST_START_TEST (test_frames)
{
  GstHarness *h = new_source ("counter");
  GstClockTime last = 0;

  paint (7);
  gst_harness_play (h);
  check_first (h);
  check_idle (h);

  for (guint i = 1; i < 50; i++) {
    GstBuffer *buffer;

    paint (100 + i);
    buffer = next_frame (h, 1, i);
    fail_unless_equals_int64 (get_number (buffer), 100 + i);
    fail_unless (GST_BUFFER_PTS (buffer) > last);
    fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
    fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED));
    last = GST_BUFFER_PTS (buffer);
    gst_buffer_unref (buffer);
  }

  /* What is not counted is no picture */
  paint (1000);
  pass_time (h, STEP);
  check_idle (h);
  check_stat (h, "frames", 50);
  check_stat (h, "missed", 0);
  check_stat (h, "torn", 0);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_missed)
{
  GstHarness *h = new_source ("counter");
  guint64 offset = 0, missed = 0;

  gst_harness_play (h);
  check_first (h);
  for (guint steps = 1; steps < 8; steps++) {
    GstBuffer *buffer = next_frame (h, steps, offset + steps);

    offset += steps;
    missed += steps - 1;
    fail_unless_equals_int (GST_BUFFER_FLAG_IS_SET (buffer,
            GST_BUFFER_FLAG_DISCONT), steps > 1);
    check_stat (h, "missed", missed);
    if (steps > 1)
      check_qos (h, offset + 1 - missed, missed);
    gst_buffer_unref (buffer);
  }
  fail_unless (source_try_message (h, GST_MESSAGE_QOS) == NULL);
  fail_unless_equals_uint64 (source_get_stat (h, "frames") + missed,
      painted.value + 1);
  source_teardown (h);
}

GST_END_TEST;

/* Around the end of 8, 16, 32 and 64 bits */
GST_START_TEST (test_wrap)
{
  GstHarness *h;
  guint64 offset = 0;

  painted.bits = 8 << __i__;
  set_counter (G_MAXUINT64 - 4);
  h = new_source ("counter");
  gst_harness_play (h);
  check_first (h);
  for (guint i = 0; i < 10; i++) {
    /* At a rate at which a machine that does other things for a while does not
     * let 8 bits go round */
    g_usleep (10000);
    drop_frame (h, 1, ++offset);
  }
  check_stat (h, "missed", 0);

  source_stop (h);
  set_counter (G_MAXUINT64 - 2);
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));
  drop_frame (h, 7, 7);
  check_stat (h, "missed", 6);
  source_teardown (h);
}

GST_END_TEST;

/* Odd while it is written, and two for each */
GST_START_TEST (test_seqlock)
{
  GstHarness *h = new_source ("counter");
  GstBuffer *buffer;

  set (h, "counter-seqlock", "true");
  set_counter (5);
  gst_harness_play (h);
  check_idle (h);
  count (1);
  check_first (h);

  for (guint i = 1; i < 10; i++) {
    count (1);
    if (i == 5)
      check_idle (h);
    paint (i);
    buffer = next_frame (h, 1, i);
    fail_unless_equals_int64 (get_number (buffer), i);
    gst_buffer_unref (buffer);
  }
  check_stat (h, "missed", 0);
  drop_frame (h, 6, 12);
  check_stat (h, "missed", 2);
  source_teardown (h);
}

GST_END_TEST;

/* A pixel in the place of the counter is reported, and not counted */
GST_START_TEST (test_jumps)
{
  GstHarness *h = new_source ("counter");
  g_autoptr (GError) error = NULL;

  gst_harness_play (h);
  check_first (h);
  for (guint i = 1; i <= 12; i++) {
    pass_time (h, STEP);
    set_counter (i % 2 ? 0x70605040 * (guint64) i : i);
    gst_buffer_unref (source_pull (h));
  }
  check_stat (h, "missed", 0);

  error = source_parse_warning (source_try_message (h, GST_MESSAGE_WARNING));
  fail_unless (strstr (error->message, "jumps instead of counting") &&
      strstr (error->message, "counter-offset"), "%s", error->message);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
  source_teardown (h);
}

GST_END_TEST;

/* Two elements, one device; who starts later begins with what there is */
GST_START_TEST (test_two)
{
  GstHarness *one = new_source ("counter"), *two = new_source ("counter");

  gst_harness_play (one);
  check_first (one);
  drop_frame (one, 1, 1);
  gst_harness_play (two);
  check_first (two);
  for (guint i = 1; i < 10; i++) {
    GstBuffer *buffer;

    drop_frame (one, 1, 1 + i);
    buffer = source_pull (two);
    fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), i);
    gst_buffer_unref (buffer);
  }
  source_teardown (one);
  for (guint i = 10; i < 15; i++)
    drop_frame (two, 1, i);
  check_stat (two, "missed", 0);
  source_teardown (two);
}

GST_END_TEST;

/* A consumer that takes its time gets what the queue has: each frame under its
 * own number and once */
GST_START_TEST (test_busy_consumer)
{
  GstHarness *h = new_source ("counter");
  guint64 number = 0, frame, bytes;

  g_object_set (h->element, "queue-size", 5, NULL);
  gate_init (h);
  gst_harness_play (h);
  check_first (h);
  frame = bytes = source_get_stat (h, "bytes-read");
  for (guint i = 0; i < 5; i++) {
    gate_close ();
    for (guint j = 0; j < 5; j++) {
      paint (painted.value + 1);
      count (1);
      if (j == 0)
        gate_wait ();
      /* So that it is read before the next one */
      bytes += frame;
      source_wait_for_stat (h, "bytes-read", bytes);
    }
    gate_open ();

    for (guint j = 0; j < 5; j++) {
      GstBuffer *buffer = source_pull (h);

      fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), ++number);
      fail_unless_equals_int64 (get_number (buffer), number);
      gst_buffer_unref (buffer);
    }
    check_stat (h, "missed", 0);
  }
  source_teardown (h);
}

GST_END_TEST;

/* --- Settings that cannot be ---------------------------------------- */

static const char *const syncs[] = { "counter", "clock" };

static const struct
{
  const char *name, *value, *word;
} bad[] = {
  {"counter-offset", "16385", "byte 16385 of /"},
  {"counter-offset", "16386", "a multiple of 4"},
  {"counter-offset", "20480", "Cannot use a register at byte 20480"},
  {"counter-offset", "9223372036854775804", "it has 20480 bytes"},
  {"counter-size", "24", "counter-size is one of 0, 8, 16, 32, 64"},
  {"counter-bar", "1", "Leave counter-bar at -1"},
};

/* Whatever starts a frame */
GST_START_TEST (test_bad_counter)
{
  GstHarness *h = new_source (syncs[__i__ % 2]);
  const guint i = __i__ / 2;

  set (h, bad[i].name, bad[i].value);
  /* What a file cannot be mapped as; but it does not come to that */
  set (h, "mapping", "write-combining");
  fail_unless_equals_int (gst_element_set_state (h->element, GST_STATE_PAUSED),
      GST_STATE_CHANGE_FAILURE);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, NULL,
      bad[i].word, strstr (bad[i].word, "one of") ? NULL : painted.path, NULL);
  /* But ours */
  fail_unless_equals_int (count_maps (painted.path), 1);
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_no_counter)
{
  GstHarness *h = source_new (painted.path, "width", PAINTED_WIDTH, "height",
      PAINTED_HEIGHT, NULL);

  set (h, "frame-sync", "counter");
  fail_unless_equals_int (gst_element_set_state (h->element, GST_STATE_PAUSED),
      GST_STATE_CHANGE_FAILURE);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, NULL,
      "counter-offset", "frame-sync=clock", painted.path, NULL);
  fail_unless_equals_int (count_maps (painted.path), 1);

  set (h, "counter-offset", "16384");
  gst_harness_play (h);
  check_first (h);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
counter_suite (void)
{
  Suite *s = suite_create ("gst-counter");
  TCase *tc = add_case (s, "caps");

  tcase_add_checked_fixture (tc, painted_setup, painted_teardown);
  tcase_add_loop_test (tc, test_caps, 0, G_N_ELEMENTS (rates));
  tcase_add_test (tc, test_too_fast);
  tcase_add_test (tc, test_caps_of_clock);
  tcase_add_test (tc, test_slower);
  tcase_add_test (tc, test_slower_and_busy);
  tcase_add_test (tc, test_faster);

  tc = add_case (s, "frames");
  tcase_add_checked_fixture (tc, painted_setup, painted_teardown);
  tcase_add_test (tc, test_frames);
  tcase_add_test (tc, test_missed);
  tcase_add_loop_test (tc, test_wrap, 0, 4);
  tcase_add_test (tc, test_seqlock);
  tcase_add_test (tc, test_jumps);
  tcase_add_test (tc, test_two);
  tcase_add_test (tc, test_busy_consumer);

  tc = add_case (s, "settings");
  tcase_add_checked_fixture (tc, painted_setup, painted_teardown);
  tcase_add_loop_test (tc, test_bad_counter, 0, 2 * G_N_ELEMENTS (bad));
  tcase_add_test (tc, test_no_counter);

  return s;
}

GST_CHECK_MAIN (counter);
