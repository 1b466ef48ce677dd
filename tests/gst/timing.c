/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Timestamps, frame numbers and latency, on a clock that only the test moves.
 */
#include <string.h>

#include <gst/base/gstbasesrc.h>

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
check_no_latency (GstHarness * h)
{
  GstQuery *query = gst_query_new_latency ();

  fail_if (gst_element_query (h->element, query));
  gst_query_unref (query);
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

/* It starts at once, with a frame that lasts until the next tick begins, and is
 * in step from then on */
GST_START_TEST (test_start_in_between)
{
  GstHarness *h = new_source ("50/1");

  set_time (h, 1007 * MS);
  gst_harness_play (h);
  check_buffer (source_pull (h), 0, 1007 * MS, 13 * MS);
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
  check_buffer (source_pull (h), 0, 5 * MS, 15 * MS);
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
  gst_element_set_state (h->element, GST_STATE_READY);
  check_no_latency (h);
  set_time (h, 2000 * MS);
  gst_harness_play (h);
  check_buffer (source_pull (h), 0, 2000 * MS, 20 * MS);
  check_buffer (source_crank (h), 1, 2020 * MS, 20 * MS);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  source_teardown (h);
}

GST_END_TEST;

/* --- Late -------------------------------------------------------------------- */

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

/* Wakes the capture thread late */
static GstBuffer *
wake_late (GstHarness * h, GstClockTime time)
{
  source_wait_for_clock_wait (h);
  set_time (h, time);
  return source_crank (h);
}

/* Ticks that the machine had no time for are gaps in the numbers, a count, and a
 * message each time */
GST_START_TEST (test_missed)
{
  GstHarness *h = new_source ("50/1");
  GstBuffer *buffer;

  source_start (h, 4);

  /* 4 and 5 have passed, 6 began at 120 */
  buffer = wake_late (h, 135 * MS);
  fail_unless (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  check_buffer (buffer, 6, 135 * MS, 5 * MS);
  check_qos (h, 135 * MS, 5 * MS, 5, 2);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 2);
  fail_unless_equals_uint64 (source_get_stat (h, "frames"), 5);

  /* In step again */
  buffer = source_crank (h);
  fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  check_buffer (buffer, 7, 140 * MS, 20 * MS);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);

  /* Once more: the message has the sum */
  check_buffer (source_crank (h), 8, 160 * MS, 20 * MS);
  check_buffer (wake_late (h, 200 * MS), 10, 200 * MS, 20 * MS);
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

/* Late, within the tick: nothing is missed, the timestamp is the moment of the
 * capture, and the frame ends where the next one begins */
GST_START_TEST (test_late)
{
  GstHarness *h = new_source ("50/1");
  GstBuffer *buffer;

  source_start (h, 4);
  buffer = wake_late (h, 97 * MS);
  fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  check_buffer (buffer, 4, 97 * MS, 3 * MS);
  /* What a wake-up takes leaves timestamps regular */
  check_buffer (wake_late (h, 101 * MS), 5, 100 * MS, 20 * MS);
  check_buffer (source_crank (h), 6, 120 * MS, 20 * MS);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);
  source_teardown (h);
}

GST_END_TEST;

/* A frame for which the pool has no buffer is missed, and the next one for which
 * it has one follows */
GST_START_TEST (test_no_buffer)
{
  GstHarness *h = new_source ("50/1");
  TestPool *pool = test_pool_new ();
  GstBuffer *held[2], *buffer;

  propose_pool (h, pool, 0, 2, 2);
  gst_harness_play (h);
  held[0] = source_pull (h);
  held[1] = source_crank (h);

  fail_unless (gst_harness_crank_single_clock_wait (h));
  source_wait_for_clock_wait (h);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
  source_wait_for_stat (h, "missed", 1);
  gst_buffer_unref (held[0]);
  buffer = source_crank (h);
  fail_unless (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  check_buffer (buffer, 3, 60 * MS, 20 * MS);
  gst_buffer_unref (held[1]);
  check_buffer (source_crank (h), 4, 80 * MS, 20 * MS);

  fail_unless_equals_int (pool->allocated, 2);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 1);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* --- The queue ------------------------------------------------------------------ */

static GMutex gate;

static GstPadProbeReturn
wait_at_gate (GstPad * pad, GstPadProbeInfo * info, gpointer unused)
{
  g_mutex_lock (&gate);
  g_mutex_unlock (&gate);
  return GST_PAD_PROBE_OK;
}

static const struct
{
  guint queue_size;
  GstClockTime latency;         /* of the pipeline */
  guint max_buffers;            /* of the pool */
  guint room;
} queues[] = {
  /* The latency, in periods, and two */
  {0, 0, 0, 2}, {0, 20 * MS, 0, 3}, {0, 21 * MS, 0, 4}, {0, 200 * MS, 0, 12},
  {0, 10 * GST_SECOND, 0, 128},
  /* As the user says */
  {1, 200 * MS, 0, 1}, {5, 0, 0, 5}, {128, 0, 0, 128},
  /* As the pool has: downstream holds one of them */
  {0, 200 * MS, 2, 1}, {0, 200 * MS, 4, 3},
};

/* While the consumer takes its time, frames are captured, each at its time: of
 * those the queue has the newest, and what it drops is missed */
GST_START_TEST (test_queue)
{
  const guint room = queues[__i__].room, n = room + 7;
  GstHarness *h = new_source ("50/1");
  TestPool *pool = test_pool_new ();
  GstBuffer *buffer;

  g_object_set (h->element, "queue-size", queues[__i__].queue_size, NULL);
  propose_pool (h, pool, 0, 1, queues[__i__].max_buffers);
  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, wait_at_gate,
      NULL, NULL);
  source_start (h, 1);
  source_wait_for_clock_wait (h);
  fail_unless (gst_pad_push_event (h->sinkpad,
          gst_event_new_latency (queues[__i__].latency)));

  g_mutex_lock (&gate);
  for (guint i = 1; i <= n; i++) {
    fail_unless (gst_harness_crank_single_clock_wait (h));
    source_wait_for_clock_wait (h);
    /* The first one is with the consumer */
    while (i == 1 && source_get_stat (h, "frames") < 2)
      g_thread_yield ();
  }
  fail_unless_equals_uint64 (source_get_stat (h, "dropped"), n - 1 - room);
  g_mutex_unlock (&gate);

  check_buffer (source_pull (h), 1, 20 * MS, 20 * MS);
  for (guint i = n - room + 1; i <= n; i++) {
    buffer = source_pull (h);
    fail_unless (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT) ==
        (i == n - room + 1));
    check_buffer (buffer, i, i * 20 * MS, 20 * MS);
  }
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), n - 1 - room);
  check_qos (h, (n - room + 1) * 20 * MS, 20 * MS, 3, n - 1 - room);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* Holds the consumer, and has @n frames in the queue; the consumer has frame 1 */
static GstHarness *
start_and_fill (GstHarness * h, guint n)
{
  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, wait_at_gate,
      NULL, NULL);
  source_start (h, 1);
  source_wait_for_clock_wait (h);
  g_mutex_lock (&gate);
  for (guint i = 1; i <= n + 1; i++) {
    fail_unless (gst_harness_crank_single_clock_wait (h));
    source_wait_for_clock_wait (h);
    if (i == 1)
      source_wait_for_stat (h, "frames", 2);
  }
  return h;
}

/* A sink holds the first frame for a latency that is longer than most */
GST_START_TEST (test_latency_at_start)
{
  GstHarness *h = new_source ("50/1");

  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, wait_at_gate,
      NULL, NULL);
  g_mutex_lock (&gate);
  gst_harness_play (h);
  source_wait_for_stat (h, "frames", 1);
  source_wait_for_clock_wait (h);
  fail_unless (gst_pad_push_event (h->sinkpad,
          gst_event_new_latency (2 * GST_SECOND)));
  for (guint i = 1; i <= 100; i++) {
    fail_unless (gst_harness_crank_single_clock_wait (h));
    source_wait_for_clock_wait (h);
  }
  fail_unless_equals_uint64 (source_get_stat (h, "dropped"), 0);
  g_mutex_unlock (&gate);
  source_teardown (h);
}

GST_END_TEST;

/* Frames that are due in a flush are not missed */
GST_START_TEST (test_flush_is_not_missed)
{
  GstHarness *h = new_source ("50/1");
  GstBufferPool *pool;

  source_start (h, 4);
  source_wait_for_clock_wait (h);
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_start ()));
  set_time (h, 1000 * MS);
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_stop (FALSE)));
  check_buffer (source_pull (h), 4, 1000 * MS, 20 * MS);

  /* Nor is one whose pool is flushed before the element is */
  source_wait_for_clock_wait (h);
  pool = gst_base_src_get_buffer_pool (GST_BASE_SRC (h->element));
  gst_buffer_pool_set_flushing (pool, TRUE);
  fail_unless (gst_harness_crank_single_clock_wait (h));
  g_usleep (30000);
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_start ()));
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_stop (FALSE)));
  gst_buffer_pool_set_flushing (pool, FALSE);
  gst_buffer_unref (source_crank (h));
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);
  gst_object_unref (pool);
  source_teardown (h);
}

GST_END_TEST;

/* The streaming thread pauses where downstream flushes by itself: nothing is read
 * until it goes on */
GST_START_TEST (test_paused_task)
{
  GstHarness *h = new_source ("50/1");
  GstTestClock *clock = gst_harness_get_testclock (h);
  GstTask *task;

  source_start (h, 4);
  task = GST_PAD_TASK (GST_BASE_SRC_PAD (h->element));
  source_wait_for_clock_wait (h);
  gst_pad_set_active (h->sinkpad, FALSE);
  fail_unless (gst_harness_crank_single_clock_wait (h));
  while (gst_task_get_state (task) != GST_TASK_PAUSED)
    g_thread_yield ();
  /* One may be waited for already */
  for (guint i = 0; i < 3; i++) {
    g_usleep (30000);
    if (gst_test_clock_peek_id_count (clock) > 0)
      gst_test_clock_crank (clock);
  }
  g_usleep (30000);
  fail_unless_equals_int (gst_test_clock_peek_id_count (clock), 0);

  gst_pad_set_active (h->sinkpad, TRUE);
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_start ()));
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_stop (TRUE)));
  gst_buffer_unref (source_crank (h));
  gst_object_unref (clock);
  source_teardown (h);
}

GST_END_TEST;

/* From 1.24 on the base class calls unlock_stop() when a pause is over, without
 * unlock() being one of a flush: frames stay */
GST_START_TEST (test_unlock_stop_of_pause)
{
  GstHarness *h = new_source ("50/1");
  GstBaseSrc *base = GST_BASE_SRC (h->element);

  g_object_set (h->element, "queue-size", 5, NULL);
  start_and_fill (h, 3);
  fail_unless (GST_BASE_SRC_GET_CLASS (base)->unlock_stop (base));
  g_mutex_unlock (&gate);
  for (guint i = 1; i <= 4; i++)
    check_buffer (source_pull (h), i, i * 20 * MS, 20 * MS);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  source_teardown (h);
}

GST_END_TEST;

/* num-buffers is the next run's, once one has begun */
GST_START_TEST (test_num_buffers_while_running)
{
  GstHarness *h = new_source ("50/1");

  source_start (h, 3);
  source_wait_for_clock_wait (h);
  g_object_set (h->element, "num-buffers", 2, NULL);
  for (guint i = 3; i < 8; i++)
    check_buffer (source_crank (h), i, i * 20 * MS, 20 * MS);
  source_teardown (h);
}

GST_END_TEST;

/* What was missed before a frame that is flushed stays missed */
GST_START_TEST (test_missed_before_flush)
{
  GstHarness *h = new_source ("50/1");

  g_object_set (h->element, "queue-size", 2, NULL);
  start_and_fill (h, 5);
  fail_unless_equals_uint64 (source_get_stat (h, "dropped"), 3);
  gst_element_send_event (h->element, gst_event_new_flush_start ());
  g_mutex_unlock (&gate);
  gst_element_send_event (h->element, gst_event_new_flush_stop (FALSE));
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 3);
  source_teardown (h);
}

GST_END_TEST;

static gboolean
crank_until (GstHarness * h, guint frames)
{
  const gint64 end = g_get_monotonic_time () + 5 * G_TIME_SPAN_SECOND;

  while (source_get_stat (h, "frames") < frames &&
      g_get_monotonic_time () < end) {
    GstTestClock *clock = gst_harness_get_testclock (h);

    gst_test_clock_advance_time (clock, 20 * MS);
    if (gst_test_clock_peek_id_count (clock) > 0)
      gst_test_clock_crank (clock);
    gst_object_unref (clock);
    g_usleep (1000);
  }
  return source_get_stat (h, "frames") >= frames;
}

/* A pool that waits for a buffer, though it is asked not to, keeps nobody from
 * negotiating: the buffer may be in the queue */
GST_START_TEST (test_waiting_pool)
{
  GstHarness *h = new_source ("50/1");
  TestPool *pool = test_pool_new ();

  pool->always_waits = TRUE;
  g_object_set (h->element, "queue-size", 20, NULL);
  propose_pool (h, pool, 0, 2, 3);
  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, wait_at_gate,
      NULL, NULL);
  source_start (h, 1);
  source_wait_for_clock_wait (h);
  g_mutex_lock (&gate);
  for (guint i = 0; i < 3; i++) {
    fail_unless (gst_harness_crank_single_clock_wait (h));
    if (i < 2)
      source_wait_for_clock_wait (h);
    if (i == 0)
      source_wait_for_stat (h, "frames", 2);
  }
  /* One is with the consumer, two are in the queue, and the next one asks */
  source_wait_for_clock_wait (h);
  fail_unless (gst_harness_crank_single_clock_wait (h));
  while (g_atomic_int_get (&pool->asked) < 5)
    g_thread_yield ();
  gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
  g_mutex_unlock (&gate);
  /* The consumer keeps what it has, so that only the queue can give one back */
  fail_unless (crank_until (h, 4), "it stands still");
  source_stop (h);
  source_teardown (h);
  gst_object_unref (pool);
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
  /* It is woken up at 60, which is 30 now, in tick 1: that begins anew */
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

/* What the copy of a few bytes takes, in the smallest step */
#define LATENCY MS

/* Fewer large frames fit into the memory that the queue may take */
GST_START_TEST (test_latency_of_large)
{
  GstHarness *h = new_source ("50/1");
  GstQuery *query = gst_query_new_latency ();
  GstClockTime min, max;

  g_object_set (h->element, "width", 8192, "height", 8192, NULL);
  gst_util_set_object_arg (G_OBJECT (h->element), "format", "gray8");
  source_start (h, 1);
  fail_unless (gst_pad_peer_query (h->sinkpad, query));
  gst_query_parse_latency (query, NULL, &min, &max);
  fail_unless_equals_uint64 (max - min, 8 * 20 * MS);
  gst_query_unref (query);
  source_teardown (h);
}

GST_END_TEST;

/* None before the device is open; frames may wait in the queue */
GST_START_TEST (test_latency)
{
  const Rate *rate = &rates[__i__];
  GstHarness *h = new_source (rate->text);

  check_no_latency (h);
  gst_element_set_state (h->element, GST_STATE_READY);
  check_no_latency (h);
  source_start (h, 1);
  check_latency (h, LATENCY, LATENCY + 128 * rate->period);
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
  check_latency (h, LATENCY, LATENCY + 7 * rate->period);
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
  check_latency (h, LATENCY, LATENCY + 80 * MS);
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
  fail_unless_equals_uint64 (min, LATENCY);
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
  tcase_add_test (tc, test_no_buffer);

  tc = add_case (s, "queue");
  tcase_add_loop_test (tc, test_queue, 0, G_N_ELEMENTS (queues));
  tcase_add_test (tc, test_latency_at_start);
  tcase_add_test (tc, test_flush_is_not_missed);
  tcase_add_test (tc, test_paused_task);
  tcase_add_test (tc, test_unlock_stop_of_pause);
  tcase_add_test (tc, test_num_buffers_while_running);
  tcase_add_test (tc, test_missed_before_flush);
  tcase_add_test (tc, test_waiting_pool);

  tc = add_case (s, "clocks");
  tcase_add_test (tc, test_base_time_ahead);
  tcase_add_test (tc, test_base_time_changes);
  tcase_add_test (tc, test_clock_goes);
  tcase_add_test (tc, test_slow_rate);

  tc = add_case (s, "latency");
  tcase_add_loop_test (tc, test_latency, 0, G_N_ELEMENTS (rates));
  tcase_add_test (tc, test_latency_of_large);
  tcase_add_loop_test (tc, test_latency_of_pool, 0, G_N_ELEMENTS (rates));
  tcase_add_test (tc, test_latency_of_insisting_pool);
  tcase_add_test (tc, test_latency_of_centuries);

  tc = add_case (s, "clock");
  tcase_add_test (tc, test_no_clock);

  return s;
}

GST_CHECK_MAIN (timing);
