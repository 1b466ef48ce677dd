/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Timestamps, frame numbers and latency, on a clock that only the test moves.
 */
#include <string.h>

#include "source.h"
#include "testpool.h"

#define MS GST_MSECOND

static GstHarness *
new_source (const char *framerate)
{
  GstHarness *h = source_new ("sim", "width", 16, "height", 8, NULL);
  char *caps = g_strdup_printf ("video/x-raw,framerate=%s", framerate);

  gst_harness_set_sink_caps_str (h, caps);
  g_free (caps);
  return h;
}

static void
check_buffer (GstBuffer * buffer, guint64 number, GstClockTime pts,
    GstClockTime duration)
{
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), number);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET_END (buffer), number + 1);
  fail_unless_equals_uint64 (GST_BUFFER_PTS (buffer), pts);
  fail_unless_equals_uint64 (GST_BUFFER_DTS (buffer), GST_CLOCK_TIME_NONE);
  fail_unless_equals_uint64 (GST_BUFFER_DURATION (buffer), duration);
  gst_buffer_unref (buffer);
}

static void
set_time (GstHarness * h, GstClockTime time)
{
  fail_unless (gst_harness_set_time (h, time));
}

/* --- On time ---------------------------------------------------------------- */

typedef struct
{
  const char *text;
  gint n, d;
  GstClockTime period;
} Rate;

static const Rate rates[] = {
  {"50/1", 50, 1, 20 * MS},
  {"30/1", 30, 1, 33333333},
  {"30000/1001", 30000, 1001, 33366666},
  {"1/1", 1, 1, GST_SECOND},
  {"1/10", 1, 10, 10 * GST_SECOND},
  {"1000/1", 1000, 1, MS},
};

/* Frame n comes at n / rate, rounded up to a nanosecond, all of the time */
GST_START_TEST (test_on_time)
{
  const Rate *rate = &rates[__i__];
  GstHarness *h = new_source (rate->text);

  gst_harness_play (h);
  for (guint64 i = 0; i < 300; i++) {
    const GstClockTime pts = (i * rate->d * GST_SECOND + rate->n - 1) / rate->n;
    GstBuffer *buffer;

    /* It waits for no more than a second at a time */
    for (guint part = 1; i > 0 && part < rate->period / GST_SECOND; part++)
      fail_unless (gst_harness_crank_single_clock_wait (h));
    buffer = i == 0 ? source_pull (h) : source_crank (h);

    /* The base class marks the first one */
    fail_unless (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT) ==
        (i == 0));
    check_buffer (buffer, i, pts, rate->period);
  }
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);
  source_teardown (h);
}

GST_END_TEST;

/* In between nothing comes: the element asks the clock for exactly one moment,
 * and that is when the next frame is due */
GST_START_TEST (test_waits)
{
  GstHarness *h = new_source ("50/1");
  GstTestClock *clock = gst_harness_get_testclock (h);
  GstClockID id;

  source_start (h, 1);
  gst_test_clock_wait_for_next_pending_id (clock, &id);
  fail_unless_equals_uint64 (gst_clock_id_get_time (id), 20 * MS);
  gst_clock_id_unref (id);
  fail_unless_equals_int (gst_test_clock_peek_id_count (clock), 1);
  set_time (h, 20 * MS - 1);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
  check_buffer (source_crank (h), 1, 20 * MS, 20 * MS);
  gst_object_unref (clock);
  source_teardown (h);
}

GST_END_TEST;

/* It starts whenever it starts: at once, and in step from then on */
GST_START_TEST (test_start_in_between)
{
  GstHarness *h = new_source ("50/1");

  set_time (h, 1007 * MS);
  gst_harness_play (h);
  check_buffer (source_pull (h), 0, 1007 * MS, 20 * MS);
  check_buffer (source_crank (h), 1, 1020 * MS, 20 * MS);
  check_buffer (source_crank (h), 2, 1040 * MS, 20 * MS);
  source_teardown (h);
}

GST_END_TEST;

/* Timestamps are running time, not the clock's */
GST_START_TEST (test_base_time)
{
  const GstClockTime base = 3600 * GST_SECOND + 123;
  GstHarness *h = new_source ("50/1");
  GstTestClock *clock = gst_harness_get_testclock (h);
  GstClockID id;

  set_time (h, base + 5 * MS);
  gst_element_set_base_time (h->element, base);
  gst_harness_play (h);
  check_buffer (source_pull (h), 0, 5 * MS, 20 * MS);
  gst_test_clock_wait_for_next_pending_id (clock, &id);
  fail_unless_equals_uint64 (gst_clock_id_get_time (id), base + 20 * MS);
  gst_clock_id_unref (id);
  check_buffer (source_crank (h), 1, 20 * MS, 20 * MS);
  gst_object_unref (clock);
  source_teardown (h);
}

GST_END_TEST;

/* The base time is a little ahead: nothing is captured before it */
GST_START_TEST (test_before_base_time)
{
  GstHarness *h = new_source ("50/1");

  set_time (h, 990 * MS);
  gst_element_set_base_time (h->element, 1000 * MS);
  gst_harness_play (h);
  check_buffer (source_crank (h), 0, 0, 20 * MS);
  check_buffer (source_crank (h), 1, 20 * MS, 20 * MS);
  source_teardown (h);
}

GST_END_TEST;

/* A restart starts numbers and statistics, whatever was before */
GST_START_TEST (test_restart)
{
  GstHarness *h = new_source ("50/1");

  source_start (h, 10);
  source_stop (h);
  set_time (h, 2000 * MS);
  gst_harness_play (h);
  check_buffer (source_pull (h), 0, 2000 * MS, 20 * MS);
  check_buffer (source_crank (h), 1, 2020 * MS, 20 * MS);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  source_teardown (h);
}

GST_END_TEST;

/* --- Late -------------------------------------------------------------------- */

/* Downstream that takes its time: while it has a certain buffer, time passes */
typedef struct
{
  GstHarness *h;
  guint64 number;
  GstClockTime time;
} Delay;

static GstPadProbeReturn
let_time_pass (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  const Delay *delay = user_data;

  if (GST_BUFFER_OFFSET (GST_PAD_PROBE_INFO_BUFFER (info)) == delay->number)
    set_time (delay->h, delay->time);
  return GST_PAD_PROBE_OK;
}

static void
check_qos (GstHarness * h, GstClockTime pts, GstClockTime duration,
    guint64 processed, guint64 dropped)
{
  GstMessage *message = source_wait_message (h, GST_MESSAGE_QOS);
  guint64 running_time, stream_time, timestamp, length, got_processed,
      got_dropped;
  GstFormat format;
  gboolean live;

  fail_unless (GST_MESSAGE_SRC (message) == GST_OBJECT_CAST (h->element));
  gst_message_parse_qos (message, &live, &running_time, &stream_time,
      &timestamp, &length);
  fail_unless (live);
  fail_unless_equals_uint64 (running_time, pts);
  fail_unless_equals_uint64 (stream_time, pts);
  fail_unless_equals_uint64 (timestamp, pts);
  fail_unless_equals_uint64 (length, duration);
  gst_message_parse_qos_stats (message, &format, &got_processed, &got_dropped);
  fail_unless_equals_int (format, GST_FORMAT_BUFFERS);
  fail_unless_equals_uint64 (got_processed, processed);
  fail_unless_equals_uint64 (got_dropped, dropped);
  gst_message_unref (message);
}

/* Frames that nobody had time for are gaps in the numbers, a count, and a
 * message each time */
GST_START_TEST (test_missed)
{
  GstHarness *h = new_source ("50/1");
  Delay delay = { h, 3, 135 * MS };
  GstBuffer *buffer;

  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, let_time_pass,
      &delay, NULL);
  source_start (h, 3);
  check_buffer (source_crank (h), 3, 60 * MS, 20 * MS);

  /* 4 and 5 have passed, 6 began at 120 */
  buffer = source_pull (h);
  fail_unless (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  check_buffer (buffer, 6, 135 * MS, 20 * MS);
  check_qos (h, 135 * MS, 20 * MS, 5, 2);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 2);
  fail_unless_equals_uint64 (source_get_stat (h, "frames"), 5);

  /* In step again */
  buffer = source_crank (h);
  fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  check_buffer (buffer, 7, 140 * MS, 20 * MS);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);

  /* Once more: the message has the sum */
  delay.number = 8;
  delay.time = 200 * MS;
  check_buffer (source_crank (h), 8, 160 * MS, 20 * MS);
  check_buffer (source_pull (h), 10, 200 * MS, 20 * MS);
  check_qos (h, 200 * MS, 20 * MS, 8, 3);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 3);

  /* And it stays when it is over */
  source_wait_for_clock_wait (h);
  source_stop (h);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 3);
  fail_unless_equals_uint64 (source_get_stat (h, "frames"), 8);
  source_teardown (h);
}

GST_END_TEST;

/* Late, but not too late: nothing is missed, and the timestamp is that of the
 * slot */
GST_START_TEST (test_late)
{
  GstHarness *h = new_source ("50/1");
  Delay delay = { h, 3, 100 * MS - 1 };
  GstBuffer *buffer;

  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, let_time_pass,
      &delay, NULL);
  source_start (h, 3);
  check_buffer (source_crank (h), 3, 60 * MS, 20 * MS);
  buffer = source_pull (h);
  fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  check_buffer (buffer, 4, 80 * MS, 20 * MS);
  check_buffer (source_crank (h), 5, 100 * MS, 20 * MS);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);
  source_teardown (h);
}

GST_END_TEST;

/* Woken up late: the timestamp is the truth; and each frame has its own */
GST_START_TEST (test_woken_late)
{
  GstHarness *h = new_source ("50/1");
  GstTestClock *clock = gst_harness_get_testclock (h);
  GstClockTime last;
  GstBuffer *buffer;
  GstClockID id;

  source_start (h, 3);
  gst_test_clock_wait_for_next_pending_id (clock, &id);
  gst_clock_id_unref (id);
  set_time (h, 130 * MS);
  id = gst_test_clock_process_next_clock_id (clock);
  fail_unless (id != NULL);
  gst_clock_id_unref (id);

  buffer = source_pull (h);
  fail_unless_equals_uint64 (GST_BUFFER_PTS (buffer), 130 * MS);
  last = GST_BUFFER_OFFSET (buffer);
  gst_buffer_unref (buffer);

  /* Whichever number that one has: the next one is due at 140 */
  buffer = source_crank (h);
  fail_unless_equals_uint64 (GST_BUFFER_PTS (buffer), 140 * MS);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 7);
  fail_unless_equals_uint64 (last, 6);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 3);
  gst_buffer_unref (buffer);
  gst_object_unref (clock);
  source_teardown (h);
}

GST_END_TEST;

/* A frame that waits for a buffer past its time keeps its slot and the
 * timestamp of that, as long as the next slot has not begun */
GST_START_TEST (test_waits_for_buffer)
{
  GstHarness *h = new_source ("50/1");
  TestPool *pool = test_pool_new ();
  GstBuffer *held[2], *buffer;

  propose_pool (h, pool, 0, 2, 2);
  gst_harness_play (h);
  held[0] = source_pull (h);
  held[1] = source_crank (h);

  /* Both buffers are out, so frame 2 waits for one until after its time */
  set_time (h, 55 * MS);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
  gst_buffer_unref (held[0]);
  buffer = source_pull (h);
  check_buffer (buffer, 2, 40 * MS, 20 * MS);
  gst_buffer_unref (held[1]);
  check_buffer (source_crank (h), 3, 60 * MS, 20 * MS);

  fail_unless_equals_int (pool->allocated, 2);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* A pipeline that has been given time to hold frames may be late by that: no
 * frame is missed for it, and each has the timestamp of its slot */
GST_START_TEST (test_late_within_latency)
{
  GstHarness *h = new_source ("50/1");
  Delay delay = { h, 3, 115 * MS };
  GstBuffer *buffer;

  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, let_time_pass,
      &delay, NULL);
  source_start (h, 3);
  source_wait_for_clock_wait (h);
  fail_unless (gst_pad_push_event (h->sinkpad, gst_event_new_latency (40 *
              MS)));
  check_buffer (source_crank (h), 3, 60 * MS, 20 * MS);
  for (guint i = 4; i < 6; i++) {
    buffer = source_pull (h);
    fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
    check_buffer (buffer, i, i * 20 * MS, 20 * MS);
  }
  check_buffer (source_crank (h), 6, 120 * MS, 20 * MS);
  check_buffer (source_crank (h), 7, 140 * MS, 20 * MS);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);

  /* And no later than that */
  delay.number = 8;
  delay.time = 250 * MS;
  check_buffer (source_crank (h), 8, 160 * MS, 20 * MS);
  check_buffer (source_pull (h), 12, 250 * MS, 20 * MS);
  check_qos (h, 250 * MS, 20 * MS, 10, 3);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 3);

  /* Sinks hold the frames of a run that begins anew for as long */
  delay.number = 1;
  source_stop (h);
  gst_element_set_base_time (h->element, 250 * MS);
  delay.time = (250 + 75) * MS;
  gst_harness_play (h);
  check_buffer (source_pull (h), 0, 0, 20 * MS);
  check_buffer (source_crank (h), 1, 20 * MS, 20 * MS);
  check_buffer (source_pull (h), 2, 40 * MS, 20 * MS);
  check_buffer (source_pull (h), 3, 60 * MS, 20 * MS);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  source_teardown (h);
}

GST_END_TEST;

/* --- Clocks ------------------------------------------------------------------ */

/* Before the base time there is no running time: nothing is captured, and the
 * first frame is that of its moment */
GST_START_TEST (test_base_time_ahead)
{
  GstHarness *h = new_source ("50/1");

  gst_element_set_base_time (h->element, 2500 * MS);
  gst_harness_play (h);
  for (guint i = 0; i < 2; i++) {
    source_wait_for_clock_wait (h);
    fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
    fail_unless (gst_harness_crank_single_clock_wait (h));
  }
  source_wait_for_clock_wait (h);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
  check_buffer (source_crank (h), 0, 0, 20 * MS);
  check_buffer (source_crank (h), 1, 20 * MS, 20 * MS);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  source_teardown (h);
}

GST_END_TEST;

/* Running time jumps back in mid-wait: the frame waits for its time */
GST_START_TEST (test_base_time_changes)
{
  GstHarness *h = new_source ("50/1");

  source_start (h, 3);
  source_wait_for_clock_wait (h);
  gst_element_set_base_time (h->element, 30 * MS);
  /* It is woken up at 60, which is 30 now, in slot 1: that begins anew */
  fail_unless (gst_harness_crank_single_clock_wait (h));
  source_wait_for_clock_wait (h);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
  check_buffer (source_crank (h), 3, 60 * MS, 20 * MS);
  check_buffer (source_crank (h), 4, 80 * MS, 20 * MS);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  source_teardown (h);
}

GST_END_TEST;

/* The clock goes in mid-wait */
GST_START_TEST (test_clock_goes)
{
  GstHarness *h = new_source ("50/1");

  source_start (h, 3);
  source_wait_for_clock_wait (h);
  gst_element_set_clock (h->element, NULL);
  fail_unless (gst_harness_crank_single_clock_wait (h));
  source_check_error (h, GST_CORE_ERROR, GST_CORE_ERROR_CLOCK, NULL,
      "no clock", NULL);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
  source_teardown (h);
}

GST_END_TEST;

/* A slow rate is waited for in parts, and is the same for that */
GST_START_TEST (test_slow_rate)
{
  GstHarness *h = new_source ("2/5");

  gst_harness_play (h);
  check_buffer (source_pull (h), 0, 0, 2500 * MS);
  for (guint i = 1; i < 4; i++) {
    for (guint part = 0; part < 2; part++) {
      source_wait_for_clock_wait (h);
      fail_unless (gst_harness_crank_single_clock_wait (h));
      source_wait_for_clock_wait (h);
      fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
    }
    check_buffer (source_crank (h), i, i * 2500 * MS, 2500 * MS);
  }
  source_teardown (h);
}

GST_END_TEST;

/* --- Latency ----------------------------------------------------------------- */

static void
check_latency (GstHarness * h, GstClockTime min, GstClockTime max)
{
  GstQuery *query = gst_query_new_latency ();
  GstClockTime got_min, got_max;
  gboolean live;

  fail_unless (gst_element_query (h->element, query));
  gst_query_parse_latency (query, &live, &got_min, &got_max);
  fail_unless (live);
  fail_unless_equals_uint64 (got_min, min);
  fail_unless_equals_uint64 (got_max, max);
  gst_query_unref (query);
}

static void
check_no_latency (GstHarness * h)
{
  GstQuery *query = gst_query_new_latency ();

  fail_if (gst_element_query (h->element, query));
  gst_query_unref (query);
}

/* None before the frame rate is known, then a frame; any number of buffers
 * may wait in a pool without limits */
GST_START_TEST (test_latency)
{
  const Rate *rate = &rates[__i__];
  GstHarness *h = new_source (rate->text);

  check_no_latency (h);
  gst_element_set_state (h->element, GST_STATE_READY);
  check_no_latency (h);
  source_start (h, 1);
  check_latency (h, rate->period, GST_CLOCK_TIME_NONE);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_LATENCY), 1);
  source_teardown (h);
}

GST_END_TEST;

/* As many frames as the pool has buffers */
GST_START_TEST (test_latency_of_pool)
{
  const Rate *rate = &rates[__i__];
  GstHarness *h = new_source (rate->text);
  TestPool *pool = test_pool_new ();

  propose_pool (h, pool, 0, 2, 7);
  source_start (h, 1);
  check_latency (h, rate->period, 7 * rate->period);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* Also if that is how many the pool itself insists on */
GST_START_TEST (test_latency_of_insisting_pool)
{
  GstHarness *h = new_source ("50/1");
  TestPool *pool = test_pool_new ();
  GstBuffer *buffer;

  pool->insists_on_max = 4;
  propose_pool (h, pool, 0, 2, 0);
  gst_harness_play (h);
  buffer = source_pull (h);
  fail_unless (buffer->pool == GST_BUFFER_POOL_CAST (pool));
  gst_buffer_unref (buffer);
  check_latency (h, 20 * MS, 80 * MS);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* Rates that are as slow as rates can be: many periods are still no less than
 * one */
GST_START_TEST (test_latency_of_centuries)
{
  GstHarness *h = new_source ("1/2147483647");
  TestPool *pool = test_pool_new ();
  GstClockTime min, max;
  GstQuery *query;

  /* 9 periods are more nanoseconds than 64 bits have */
  propose_pool (h, pool, 0, 2, 9);
  source_start (h, 1);
  query = gst_query_new_latency ();
  fail_unless (gst_element_query (h->element, query));
  gst_query_parse_latency (query, NULL, &min, &max);
  fail_unless_equals_uint64 (min, G_MAXINT * GST_SECOND);
  fail_unless (max >= min, "at most %" GST_TIME_FORMAT, GST_TIME_ARGS (max));
  gst_query_unref (query);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* --- No clock ------------------------------------------------------------------ */

GST_START_TEST (test_no_clock)
{
  GstHarness *h = new_source ("50/1");

  gst_element_set_clock (h->element, NULL);
  gst_harness_play (h);
  source_check_error (h, GST_CORE_ERROR, GST_CORE_ERROR_CLOCK, NULL,
      "no clock", "pipeline", NULL);
  fail_unless_equals_int (gst_harness_buffers_received (h), 0);

  /* There is one now */
  source_stop (h);
  gst_harness_use_testclock (h);
  source_start (h, 3);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
timing_suite (void)
{
  Suite *s = suite_create ("gst-timing");
  TCase *tc = add_case (s, "on-time");

  tcase_add_loop_test (tc, test_on_time, 0, G_N_ELEMENTS (rates));
  tcase_add_test (tc, test_waits);
  tcase_add_test (tc, test_start_in_between);
  tcase_add_test (tc, test_base_time);
  tcase_add_test (tc, test_before_base_time);
  tcase_add_test (tc, test_restart);

  tc = add_case (s, "late");
  tcase_add_test (tc, test_missed);
  tcase_add_test (tc, test_late);
  tcase_add_test (tc, test_woken_late);
  tcase_add_test (tc, test_waits_for_buffer);
  tcase_add_test (tc, test_late_within_latency);

  tc = add_case (s, "clocks");
  tcase_add_test (tc, test_base_time_ahead);
  tcase_add_test (tc, test_base_time_changes);
  tcase_add_test (tc, test_clock_goes);
  tcase_add_test (tc, test_slow_rate);

  tc = add_case (s, "latency");
  tcase_add_loop_test (tc, test_latency, 0, G_N_ELEMENTS (rates));
  tcase_add_loop_test (tc, test_latency_of_pool, 0, G_N_ELEMENTS (rates));
  tcase_add_test (tc, test_latency_of_insisting_pool);
  tcase_add_test (tc, test_latency_of_centuries);

  tc = add_case (s, "clock");
  tcase_add_test (tc, test_no_clock);

  return s;
}

GST_CHECK_MAIN (timing);
