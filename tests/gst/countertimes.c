/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * frame-sync=counter, in time: what latency there is, and how the simulated
 * device's frames come, which counts by itself.
 */
#include "frame/mmiopattern.h"
#include "testdevicesync.h"

/* --- Latency ------------------------------------------------------------------------- */

static gboolean
get_latency (GstHarness * h, GstClockTime * min)
{
  GstQuery *query = gst_query_new_latency ();
  const gboolean ret = gst_element_query (h->element, query);
  GstClockTime max;
  gboolean live;

  if (ret) {
    gst_query_parse_latency (query, &live, min, &max);
    fail_unless (live);
    fail_unless (max >= *min);
  }
  gst_query_unref (query);
  return ret;
}

/* It is what the copy takes, whatever the device's rate or the consumer's */
GST_START_TEST (test_latency)
{
  static const char *const caps[] = {
    "video/x-raw", "video/x-raw,framerate=1/1000"
  };
  GstHarness *h = new_source ("counter");
  GstClockTime min;

  gst_harness_set_sink_caps_str (h, caps[__i__]);
  fail_if (get_latency (h, &min));
  gst_harness_play (h);
  check_first (h);
  for (guint i = 1; i < 20; i++) {
    drop_frame (h, 1, i);
    fail_unless (get_latency (h, &min));
    fail_unless_equals_uint64 (min, GST_MSECOND);
  }
  /* But for the one of the pool, and those of a rate that is another one */
  fail_unless (source_count_messages (h, GST_MESSAGE_LATENCY) <=
      (__i__ == 0 ? 9 : 1));
  source_stop (h);
  gst_element_set_state (h->element, GST_STATE_READY);
  fail_if (get_latency (h, &min));
  source_teardown (h);
}

GST_END_TEST;

/* A frame lasts as long as one of the device, as soon as that is known */
GST_START_TEST (test_duration)
{
  GstHarness *h = new_source ("counter");
  GstBuffer *buffer;
  GThread *device;

  gst_harness_use_systemclock (h);
  /* Faster than the device is */
  gst_harness_set_sink_caps_str (h, __i__ == 0 ? "video/x-raw" :
      "video/x-raw,framerate=1000/1");
  gst_harness_play (h);
  buffer = source_pull (h);
  fail_unless (GST_BUFFER_DURATION_IS_VALID (buffer) == (__i__ == 1));
  gst_buffer_unref (buffer);

  g_atomic_int_set (&device_pause, 5000);
  device = g_thread_new ("device", run_device, NULL);
  for (guint i = 0; i < 20; i++)
    gst_buffer_unref (source_pull (h));
  buffer = source_pull (h);
  fail_unless (GST_BUFFER_DURATION_IS_VALID (buffer));
  fail_unless (GST_BUFFER_DURATION (buffer) >= 4 * GST_MSECOND, "%"
      GST_TIME_FORMAT, GST_TIME_ARGS (GST_BUFFER_DURATION (buffer)));
  gst_buffer_unref (buffer);
  g_atomic_int_set (&painted.stop, TRUE);
  g_thread_join (device);
  source_teardown (h);
}

GST_END_TEST;

/* --- Two clocks --------------------------------------------------------------- */

/* A clock that tells the time, and then the thread that asked sleeps, as if it
 * had lost the CPU */
typedef struct
{
  GstSystemClock parent;
  gint stalls;
} StallingClock;

typedef GstSystemClockClass StallingClockClass;

static GType stalling_clock_get_type (void);

G_DEFINE_TYPE (StallingClock, stalling_clock, GST_TYPE_SYSTEM_CLOCK);

#define STALL 50000

static GstClockTime
stalling_clock_get_time (GstClock * base)
{
  StallingClock *clock = (StallingClock *) base;
  const GstClockTime time = GST_CLOCK_CLASS (stalling_clock_parent_class)
      ->get_internal_time (base);

  if (g_atomic_int_get (&clock->stalls) > 0) {
    g_atomic_int_add (&clock->stalls, -1);
    g_usleep (STALL);
  }
  return time;
}

static void
stalling_clock_class_init (StallingClockClass * klass)
{
  GST_CLOCK_CLASS (klass)->get_internal_time = stalling_clock_get_time;
}

static void
stalling_clock_init (StallingClock * clock)
{
}

static GstClockTime
pull_pts (GstHarness * h)
{
  GstBuffer *buffer = source_pull (h);
  const GstClockTime pts = GST_BUFFER_PTS (buffer);

  gst_buffer_unref (buffer);
  return pts;
}

/* Whoever loses the CPU between a look at one clock and one at the other has a
 * picture that is older by that: it is looked again; and if he loses it each
 * time, pictures come in their order all the same */
GST_START_TEST (test_preemption)
{
  const gint stalls = __i__ == 0 ? 1 : G_MAXINT;
  StallingClock *clock = g_object_new (stalling_clock_get_type (), "name",
      "stalling", NULL);
  GstHarness *h = new_source ("counter");
  GstClockTime last, pts, before;

  gst_element_set_clock (h->element, GST_CLOCK (clock));
  gst_element_set_base_time (h->element,
      gst_clock_get_time (GST_CLOCK (clock)));
  gst_harness_play (h);
  gst_element_set_clock (h->element, GST_CLOCK (clock));
  pull_pts (h);
  count (1);
  last = pull_pts (h);
  for (guint i = 0; i < 5; i++) {
    before = gst_clock_get_time (GST_CLOCK (clock)) - h->element->base_time;
    g_atomic_int_set (&clock->stalls, stalls);
    count (1);
    pts = pull_pts (h);
    g_atomic_int_set (&clock->stalls, 0);
    fail_unless (pts >= last, "%" GST_TIME_FORMAT " after %" GST_TIME_FORMAT,
        GST_TIME_ARGS (pts), GST_TIME_ARGS (last));
    /* It was counted after that, if there was time to look well */
    fail_unless (__i__ > 0 || pts + GST_MSECOND >= before, "%" GST_TIME_FORMAT
        " before %" GST_TIME_FORMAT, GST_TIME_ARGS (pts),
        GST_TIME_ARGS (before));
    last = pts;
  }
  source_teardown (h);
  gst_object_unref (clock);
}

GST_END_TEST;

static GstClockTime
get_max_latency (GstHarness * h)
{
  GstQuery *query = gst_query_new_latency ();
  GstClockTime max;

  fail_unless (gst_element_query (h->element, query));
  gst_query_parse_latency (query, NULL, NULL, &max);
  gst_query_unref (query);
  return max;
}

/* Frames wait for as many periods of those that are sent as the queue has room
 * for, and it is told when these are known */
GST_START_TEST (test_max_latency)
{
  const gboolean is_slower = __i__ == 1;
  GstHarness *h = new_source ("counter");
  GThread *device;
  GstClockTime max;

  if (is_slower)
    gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=5/1");
  gst_harness_use_systemclock (h);
  gst_harness_set_drop_buffers (h, TRUE);
  gst_harness_play (h);
  max = get_max_latency (h);
  fail_unless (GST_CLOCK_TIME_IS_VALID (max) == is_slower ||
      !GST_CLOCK_TIME_IS_VALID (max));
  source_wait_for_stat (h, "frames", 1);
  source_count_messages (h, GST_MESSAGE_LATENCY);
  g_atomic_int_set (&device_pause, 5000);
  device = g_thread_new ("device", run_device, NULL);
  if (is_slower) {
    source_wait_for_stat (h, "frames", 3);
    fail_unless (get_max_latency (h) >= 128 * GST_SECOND / 5);
  } else {
    GstMessage *message = source_wait_message (h, GST_MESSAGE_LATENCY);

    gst_message_unref (message);
    fail_unless (GST_CLOCK_TIME_IS_VALID (get_max_latency (h)));
  }
  g_atomic_int_set (&painted.stop, TRUE);
  g_thread_join (device);
  source_teardown (h);
}

GST_END_TEST;

static void
wait_for_frames (GstHarness * h, guint frames)
{
  const gint64 end = g_get_monotonic_time () + HANG;

  while (source_get_stat (h, "frames") < frames) {
    fail_unless (g_get_monotonic_time () < end, "it hangs");
    g_usleep (1000);
  }
}

/* A period that swings by a quarter is one period: applications need not query the
 * latency again */
GST_START_TEST (test_swinging_period)
{
  static const guint pauses[] = { 8000, 10000 };
  GstHarness *h = new_source ("counter");
  GThread *device;
  guint messages;

  gst_harness_use_systemclock (h);
  gst_harness_set_drop_buffers (h, TRUE);
  gst_harness_play (h);
  g_atomic_int_set (&device_pause, pauses[0]);
  device = g_thread_new ("device", run_device, NULL);
  wait_for_frames (h, 20);
  source_count_messages (h, GST_MESSAGE_LATENCY);
  for (guint i = 0; i < 16; i++) {
    g_atomic_int_set (&device_pause, pauses[(i + 1) % 2]);
    wait_for_frames (h, 20 + 16 * (i + 1));
  }
  messages = source_count_messages (h, GST_MESSAGE_LATENCY);
  g_atomic_int_set (&painted.stop, TRUE);
  g_thread_join (device);
  /* A machine that is late has other periods, now and then */
  fail_unless (messages <= 4, "%u messages", messages);
  source_teardown (h);
}

GST_END_TEST;

/* A clock of an application's, which takes a lock of its own for each time that
 * is asked for */
typedef struct
{
  GstSystemClock parent;
  GMutex lock;
  gint reads;
} LockingClock;

typedef GstSystemClockClass LockingClockClass;

static GType locking_clock_get_type (void);

G_DEFINE_TYPE (LockingClock, locking_clock, GST_TYPE_SYSTEM_CLOCK);

static GstClockTime
locking_clock_get_time (GstClock * base)
{
  LockingClock *clock = (LockingClock *) base;
  GstClockTime time;

  g_mutex_lock (&clock->lock);
  time = GST_CLOCK_CLASS (locking_clock_parent_class)->get_internal_time (base);
  g_atomic_int_inc (&clock->reads);
  g_mutex_unlock (&clock->lock);
  return time;
}

static void
locking_clock_finalize (GObject * object)
{
  g_mutex_clear (&((LockingClock *) object)->lock);
  G_OBJECT_CLASS (locking_clock_parent_class)->finalize (object);
}

static void
locking_clock_class_init (LockingClockClass * klass)
{
  G_OBJECT_CLASS (klass)->finalize = locking_clock_finalize;
  GST_CLOCK_CLASS (klass)->get_internal_time = locking_clock_get_time;
}

static void
locking_clock_init (LockingClock * clock)
{
  g_mutex_init (&clock->lock);
}

/* An application that reads properties under that lock does not wait for a thread
 * that waits for it */
GST_START_TEST (test_lock_of_clock)
{
  LockingClock *clock = g_object_new (locking_clock_get_type (), "name",
      "locking", NULL);
  GstHarness *h = source_new ("sim", "width", 16, "height", 12, NULL);
  gint before;

  set (h, "frame-sync", __i__ == 0 ? "clock" : "counter");
  gst_harness_set_sink_caps_str (h, __i__ == 0 ?
      "video/x-raw,framerate=1000/1" : "video/x-raw");
  gst_harness_set_drop_buffers (h, TRUE);
  gst_element_set_clock (h->element, GST_CLOCK (clock));
  gst_element_set_base_time (h->element,
      gst_clock_get_time (GST_CLOCK (clock)));
  gst_harness_play (h);
  gst_element_set_clock (h->element, GST_CLOCK (clock));

  /* As long as it takes the element to ask for the time again and again */
  before = g_atomic_int_get (&clock->reads);
  while (g_atomic_int_get (&clock->reads) < before + 50) {
    GstStructure *stats;
    char *name;

    g_mutex_lock (&clock->lock);
    for (guint i = 0; i < 10; i++) {
      g_object_get (h->element, "stats", &stats, "device-name", &name, NULL);
      gst_structure_free (stats);
      g_free (name);
    }
    g_mutex_unlock (&clock->lock);
    g_thread_yield ();
  }
  source_teardown (h);
  gst_object_unref (clock);
}

GST_END_TEST;

/* Before the base time there is no running time, and no frame */
GST_START_TEST (test_base_time_ahead)
{
  GstHarness *h = new_source ("counter");
  const GstClockTime base = pass_time (h, STEP) + 2 * STEP;

  gst_element_set_base_time (h->element, base);
  gst_harness_play (h);
  check_idle (h);
  for (guint i = 0; i < 2; i++) {
    count (1);
    check_idle (h);
    pass_time (h, STEP);
  }
  count (1);
  {
    GstBuffer *buffer = source_pull (h);

    fail_unless_equals_uint64 (GST_BUFFER_PTS (buffer), 0);
    gst_buffer_unref (buffer);
  }
  check_stat (h, "missed", 0);
  source_teardown (h);
}

GST_END_TEST;

/* --- The simulated device ---------------------------------------------------------------- */

/* It paints 60 pictures a second, says the number in each, and where it counts
 * them */
GST_START_TEST (test_sim)
{
  const guint frames = RUNNING_ON_VALGRIND ? 20 : 180;
  const MmioLayout picture = test_picture ("RGB", 320, 240, 0, 0);
  GstHarness *h = source_new ("sim", "width", 320, "height", 240, NULL);
  GstClockTime last = 0;
  guint64 offset = 0;
  guint begin = 0, n_next = 0;

  gst_harness_use_systemclock (h);
  set (h, "frame-sync", "counter");
  g_object_set (h->element, "num-buffers", frames, NULL);
  gst_harness_play (h);
  for (guint i = 0; i < frames; i++) {
    GstBuffer *buffer = source_pull (h);
    GstMapInfo map;
    guint number;

    n_next += i > 0 && GST_BUFFER_OFFSET (buffer) == offset + 1;
    offset = GST_BUFFER_OFFSET (buffer);
    fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED));
    fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
    fail_unless (mmio_pattern_read_number (&picture, map.data, &number));
    gst_buffer_unmap (buffer, &map);
    if (i == 0)
      begin = number - offset;
    fail_unless_equals_uint64 (number - begin, offset);
    fail_unless (i == 0 || GST_BUFFER_PTS (buffer) > last);
    last = GST_BUFFER_PTS (buffer);
    gst_buffer_unref (buffer);
  }
  source_stop (h);
  GST_INFO ("%" G_GUINT64_FORMAT " missed", source_get_stat (h, "missed"));
  check_stat (h, "torn", 0);
  check_stat (h, "frames", frames);
  check_stat (h, "missed", offset + 1 - frames);
  /* Whatever else the machine does, now and then it has time for the next one */
  fail_unless (RUNNING_ON_VALGRIND || n_next > 0);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
  source_teardown (h);
}

GST_END_TEST;

/* Of 60: with a part of a period that is less than one of the device's own, and
 * with one that is more */
static const struct
{
  const char *caps;
  GstClockTime period;
  guint frames;
} slower[] = {
  {"video/x-raw,framerate=25/1", 40 * GST_MSECOND, 50},
  {"video/x-raw,framerate=4/1", 250 * GST_MSECOND, 9},
};

GST_START_TEST (test_sim_slower)
{
  const GstClockTime period = slower[__i__].period;
  const guint frames = slower[__i__].frames;
  GstHarness *h = source_new ("sim", "width", 64, "height", 48, NULL);
  GstClockTime begin = 0, last = 0;

  gst_harness_use_systemclock (h);
  gst_harness_set_sink_caps_str (h, slower[__i__].caps);
  set (h, "frame-sync", "counter");
  gst_harness_play (h);
  for (guint i = 0; i < frames; i++) {
    GstBuffer *buffer = source_pull (h);

    last = GST_BUFFER_PTS (buffer);
    if (i == 0)
      begin = last;
    fail_unless_equals_uint64 (GST_BUFFER_DURATION (buffer), period);
    gst_buffer_unref (buffer);
  }
  /* Each has its turn, before which none comes by more than a part of a
   * period */
  fail_unless (last - begin >= (frames - 1) * period - period / 8,
      "%u frames in %" GST_TIME_FORMAT, frames, GST_TIME_ARGS (last - begin));
  source_teardown (h);
}

GST_END_TEST;

static Suite *
countertimes_suite (void)
{
  Suite *s = suite_create ("gst-countertimes");
  TCase *tc = add_case (s, "latency");

  tcase_add_checked_fixture (tc, painted_setup, painted_teardown);
  tcase_add_loop_test (tc, test_duration, 0, 2);
  tcase_add_loop_test (tc, test_latency, 0, 2);

  tc = add_case (s, "clocks");
  tcase_add_checked_fixture (tc, painted_setup, painted_teardown);
  tcase_add_loop_test (tc, test_preemption, 0, 2);
  tcase_add_loop_test (tc, test_max_latency, 0, 2);
  tcase_add_test (tc, test_swinging_period);
  tcase_add_loop_test (tc, test_lock_of_clock, 0, 2);
  tcase_add_test (tc, test_base_time_ahead);

  tc = add_case (s, "sim");
  tcase_add_test (tc, test_sim);
  tcase_add_loop_test (tc, test_sim_slower, 0, G_N_ELEMENTS (slower));

  return s;
}

GST_CHECK_MAIN (countertimes);
