/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * frame-sync=counter: a frame for each picture that the device counts.  The
 * device is a file, which the test paints; the clock goes when the test says,
 * in steps that no machine is slow enough to confuse.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mmiopattern.h"
#include "testdmabuf.h"

/* The picture: BGRx, each pixel of it is the picture's number */
#define COLUMNS 32
#define ROWS 16
#define PIXELS (COLUMNS * ROWS)
#define COUNTER 4096
#define FILE_SIZE (2 * COUNTER)

/* The element's own delay, of which a timestamp is free, is none beside it */
#define STEP (1000 * GST_SECOND)
#define SLACK (HANG * GST_USECOND)

static char *path;
static guint8 *memory;
static guint counter_bits;
static guint64 counter_value;
static gint stop;

static void
setup (void)
{
  g_autofree guint8 *zeros = g_malloc0 (FILE_SIZE);
  int fd;

  temp_setup ();
  path = temp_file ("bar", zeros, FILE_SIZE);
  fd = open (path, O_RDWR | O_CLOEXEC);
  memory = mmap (NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  fail_unless (memory != MAP_FAILED);
  close (fd);
  counter_bits = 32;
  counter_value = 0;
  stop = FALSE;
}

static void
teardown (void)
{
  munmap (memory, FILE_SIZE);
  unlink (path);
  g_free (path);
  temp_teardown ();
}

/* --- The device -------------------------------------------------------------- */

static void
set_counter (guint64 value)
{
  counter_value = value;
  switch (counter_bits) {
    case 8:
      __atomic_store_n (memory + COUNTER, value, __ATOMIC_SEQ_CST);
      break;
    case 16:
      __atomic_store_n ((guint16 *) (memory + COUNTER),
          GUINT16_TO_LE ((guint16) value), __ATOMIC_SEQ_CST);
      break;
    case 32:
      __atomic_store_n ((guint32 *) (memory + COUNTER),
          GUINT32_TO_LE ((guint32) value), __ATOMIC_SEQ_CST);
      break;
    default:
      __atomic_store_n ((guint64 *) (memory + COUNTER),
          GUINT64_TO_LE (value), __ATOMIC_SEQ_CST);
      break;
  }
}

static void
count (guint steps)
{
  set_counter (counter_value + steps);
}

static void
paint (guint32 number)
{
  for (guint i = 0; i < PIXELS; i++)
    __atomic_store_n ((guint32 *) memory + i, number, __ATOMIC_RELAXED);
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
}

/* Counts at its own rate */
static gint device_pause;

static gpointer
run_device (gpointer unused)
{
  while (!g_atomic_int_get (&stop)) {
    g_usleep (g_atomic_int_get (&device_pause));
    count (1);
  }
  return NULL;
}

/* --- The element ------------------------------------------------------------- */

static GstHarness *
new_source (const char *sync)
{
  GstHarness *h = source_new (path, "width", COLUMNS, "height", ROWS,
      "counter-offset", (guint64) COUNTER, "counter-size", counter_bits, NULL);

  gst_util_set_object_arg (G_OBJECT (h->element), "format", "bgrx");
  gst_util_set_object_arg (G_OBJECT (h->element), "frame-sync", sync);
  return h;
}

static void
set (GstHarness * h, const char *name, const char *value)
{
  gst_util_set_object_arg (G_OBJECT (h->element), name, value);
}

/* The number, or -1 if there is more than one */
static gint64
get_number (GstBuffer * buffer)
{
  GstMapInfo map;
  const guint32 *pixels;
  gint64 number;

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  often_unless (map.size >= 4 * PIXELS);
  pixels = (const guint32 *) map.data;
  number = pixels[0];
  for (guint i = 1; i < PIXELS; i++) {
    if (pixels[i] != pixels[0])
      number = -1;
  }
  gst_buffer_unmap (buffer, &map);
  return number;
}

static void
check_frame (GstBuffer * buffer, guint64 offset, GstClockTime time)
{
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), offset);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET_END (buffer), offset + 1);
  fail_if (GST_BUFFER_DTS_IS_VALID (buffer));
  fail_unless (GST_BUFFER_PTS (buffer) <= time &&
      GST_BUFFER_PTS (buffer) + SLACK > time, "%" GST_TIME_FORMAT
      " is not shortly before %" GST_TIME_FORMAT,
      GST_TIME_ARGS (GST_BUFFER_PTS (buffer)), GST_TIME_ARGS (time));
}

static GstClockTime
pass_time (GstHarness * h, GstClockTime time)
{
  GstTestClock *clock = gst_harness_get_testclock (h);

  gst_test_clock_advance_time (clock, time);
  time = gst_clock_get_time (GST_CLOCK (clock));
  gst_object_unref (clock);
  return time;
}

static GstBuffer *
next_frame (GstHarness * h, guint steps, guint64 offset)
{
  const GstClockTime time = pass_time (h, STEP);
  GstBuffer *buffer;

  count (steps);
  buffer = source_pull (h);
  check_frame (buffer, offset, time);
  return buffer;
}

static void
drop_frame (GstHarness * h, guint steps, guint64 offset)
{
  gst_buffer_unref (next_frame (h, steps, offset));
}

static void
check_first (GstHarness * h)
{
  GstBuffer *buffer = source_pull (h);

  check_frame (buffer, 0, 0);
  gst_buffer_unref (buffer);
}

static void
check_stat (GstHarness * h, const char *field, guint64 value)
{
  const guint64 is = source_get_stat (h, field);

  fail_unless (is == value, "%s is %" G_GUINT64_FORMAT ", not %"
      G_GUINT64_FORMAT, field, is, value);
}

static void
check_idle (GstHarness * h)
{
  /* Should it do something, it has time for it */
  g_usleep (30000);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
}

/* A consumer that takes its time */
typedef struct
{
  GMutex lock;
  GCond cond;
  gboolean closed, reached;
} Gate;

static Gate gate;

static GstPadProbeReturn
wait_at_gate (GstPad * pad, GstPadProbeInfo * info, gpointer unused)
{
  g_mutex_lock (&gate.lock);
  while (gate.closed) {
    gate.reached = TRUE;
    g_cond_broadcast (&gate.cond);
    g_cond_wait (&gate.cond, &gate.lock);
  }
  g_mutex_unlock (&gate.lock);
  return GST_PAD_PROBE_OK;
}

static void
gate_init (GstHarness * h)
{
  GstPad *pad = gst_element_get_static_pad (h->element, "src");

  gate.closed = gate.reached = FALSE;
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, wait_at_gate, NULL, NULL);
  gst_object_unref (pad);
}

static void
gate_close (void)
{
  g_mutex_lock (&gate.lock);
  gate.closed = TRUE;
  gate.reached = FALSE;
  g_mutex_unlock (&gate.lock);
}

static void
gate_wait (void)
{
  const gint64 end = g_get_monotonic_time () + HANG;

  g_mutex_lock (&gate.lock);
  while (!gate.reached)
    fail_unless (g_cond_wait_until (&gate.cond, &gate.lock, end));
  g_mutex_unlock (&gate.lock);
}

static void
gate_open (void)
{
  g_mutex_lock (&gate.lock);
  gate.closed = FALSE;
  g_cond_broadcast (&gate.cond);
  g_mutex_unlock (&gate.lock);
}

/* --- Caps ---------------------------------------------------------------------- */

static const struct
{
  const char *wanted;
  gint n, d;
} rates[] = {
  {"video/x-raw", 0, 1}, {"video/x-raw,framerate=[0/1,max]", 0, 1},
  {"video/x-raw,framerate=[10/1,60/1]", 10, 1},
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
        (gst_value_get_fraction_range_max (range)), G_MAXINT);
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
      if (i < 3)
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
  guint64 processed, dropped, offset = 0, missed = 0;
  GstMessage *message;
  GstFormat format;

  gst_harness_play (h);
  check_first (h);
  for (guint steps = 1; steps < 8; steps++) {
    GstBuffer *buffer = next_frame (h, steps, offset + steps);

    offset += steps;
    missed += steps - 1;
    fail_unless_equals_int (GST_BUFFER_FLAG_IS_SET (buffer,
            GST_BUFFER_FLAG_DISCONT), steps > 1);
    check_stat (h, "missed", missed);
    if (steps > 1) {
      message = source_wait_message (h, GST_MESSAGE_QOS);
      gst_message_parse_qos_stats (message, &format, &processed, &dropped);
      fail_unless_equals_int (format, GST_FORMAT_BUFFERS);
      fail_unless_equals_uint64 (dropped, missed);
      fail_unless_equals_uint64 (processed, offset + 1 - missed);
      gst_message_unref (message);
    }
    gst_buffer_unref (buffer);
  }
  fail_unless (source_try_message (h, GST_MESSAGE_QOS) == NULL);
  fail_unless_equals_uint64 (source_get_stat (h, "frames") + missed,
      counter_value + 1);
  source_teardown (h);
}

GST_END_TEST;

/* Around the end of 8, 16, 32 and 64 bits */
GST_START_TEST (test_wrap)
{
  GstHarness *h;
  guint64 offset = 0;

  counter_bits = 8 << __i__;
  set_counter (G_MAXUINT64 - 4);
  h = new_source ("counter");
  gst_harness_play (h);
  check_first (h);
  for (guint i = 0; i < 10; i++)
    drop_frame (h, 1, ++offset);
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

/* Somebody who holds the source up gets the picture that there is then, under
 * its own number and once */
GST_START_TEST (test_busy_consumer)
{
  GstHarness *h = new_source ("counter");
  GstBuffer *buffer;

  gate_init (h);
  gst_harness_play (h);
  check_first (h);
  for (guint i = 0; i < 10; i++) {
    gate_close ();
    pass_time (h, STEP);
    count (1);
    gate_wait ();
    for (guint j = 0; j < 4; j++)
      count (1);
    paint (counter_value);
    gate_open ();

    gst_buffer_unref (source_pull (h));
    buffer = source_pull (h);
    fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), counter_value);
    fail_unless_equals_int64 (get_number (buffer), counter_value);
    fail_unless (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
    gst_buffer_unref (buffer);
    check_stat (h, "missed", 3 * (i + 1));
    check_idle (h);
  }
  source_teardown (h);
}

GST_END_TEST;

/* --- Torn frames ----------------------------------------------------------------- */

/* Rests now and then for a moment, shorter or longer than a read takes */
static gpointer
restless (gpointer unused)
{
  for (guint32 number = 1; !g_atomic_int_get (&stop); number++) {
    set_counter (2 * number - 1);
    paint (number);
    set_counter (2 * number);
    for (volatile guint i = 0; i < number % 64 * 64; i++);
  }
  return NULL;
}

static const char *const syncs[] = { "counter", "clock" };

/* Whoever starts a frame: one that is torn says so.  With what is missed they
 * add up to what was painted. */
GST_START_TEST (test_torn)
{
  const gboolean by_counter = g_str_equal (syncs[__i__], "counter");
  GstHarness *h = new_source (syncs[__i__]);
  const guint frames = RUNNING_ON_VALGRIND ? 50 : 2000;
  guint64 torn = 0, offset = 0;
  gint64 last = -1, zeroth = -1;
  GThread *thread;

  gst_harness_use_systemclock (h);
  gst_harness_set_sink_caps_str (h, by_counter ? "video/x-raw" :
      "video/x-raw,framerate=5000/1");
  set (h, "counter-seqlock", "true");
  g_object_set (h->element, "num-buffers", frames, NULL);
  thread = g_thread_new ("device", restless, NULL);
  gst_harness_play (h);
  for (guint i = 0; i < frames; i++) {
    GstBuffer *buffer = source_pull (h);
    const gint64 number = get_number (buffer);

    offset = GST_BUFFER_OFFSET (buffer);
    if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED)) {
      torn++;
    } else {
      often_unless (number >= last, "frame %u is torn, or old, and says "
          "nothing: %" G_GINT64_FORMAT " after %" G_GINT64_FORMAT, i, number,
          last);
      /* And who counts them says which one it is */
      if (zeroth < 0)
        zeroth = number - offset;
      often_unless (!by_counter || number == zeroth + (gint64) offset, "frame "
          "%u is %" G_GINT64_FORMAT ", and says %" G_GINT64_FORMAT, i, number,
          zeroth + (gint64) offset);
      last = number;
    }
    gst_buffer_unref (buffer);
  }
  source_stop (h);
  g_atomic_int_set (&stop, TRUE);
  g_thread_join (thread);

  GST_INFO ("%" G_GUINT64_FORMAT " torn", torn);
  check_stat (h, "torn", torn);
  check_stat (h, "frames", frames);
  check_stat (h, "missed", offset + 1 - frames);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* A device that counts on while it is read, whenever it is */
static gpointer
count_fast (gpointer unused)
{
  while (!g_atomic_int_get (&stop))
    count (1);
  return NULL;
}

static void
count_frame (GstBuffer * buffer, guint64 * frames, guint64 * torn)
{
  *frames += 1;
  *torn += GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED);
  gst_buffer_unref (buffer);
}

GST_START_TEST (test_always_torn)
{
  GstHarness *h = new_source ("counter");
  const gint64 end = g_get_monotonic_time () + HANG;
  guint64 frames = 0, torn = 0;
  GstBuffer *buffer;
  GThread *thread;

  thread = g_thread_new ("device", count_fast, NULL);
  gst_harness_play (h);
  /* Until both threads have run at a time, whatever else the machine does; under
   * valgrind they never do, and it is only looked at what is counted */
  while (RUNNING_ON_VALGRIND ? frames < 50 : torn < 10) {
    often_unless (g_get_monotonic_time () < end, "only %" G_GUINT64_FORMAT
        " torn", torn);
    count_frame (source_pull (h), &frames, &torn);
  }
  source_stop (h);
  g_atomic_int_set (&stop, TRUE);
  g_thread_join (thread);
  while ((buffer = gst_harness_try_pull (h)))
    count_frame (buffer, &frames, &torn);

  /* One that was on its way may have been thrown away by the stop */
  GST_INFO ("%" G_GUINT64_FORMAT " torn", torn);
  fail_unless (source_get_stat (h, "frames") - frames <= 1);
  fail_unless (source_get_stat (h, "torn") - torn <=
      source_get_stat (h, "frames") - frames);
  source_teardown (h);
}

GST_END_TEST;

/* By the clock, of a device that is stuck in a picture: and when it is done,
 * the frame comes, though not a byte has changed since */
GST_START_TEST (test_stuck)
{
  static const char *const changes[] = { "ignore", "mark", "drop" };
  GstHarness *h = new_source ("clock");
  GstBuffer *buffer;

  set (h, "changes", changes[__i__]);
  set (h, "counter-seqlock", "true");
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));

  count (1);
  paint (3);
  buffer = source_crank (h);
  fail_unless (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED));
  gst_buffer_unref (buffer);
  check_stat (h, "torn", 1);
  check_stat (h, "frames", 2);

  count (1);
  buffer = source_crank (h);
  fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED));
  fail_unless_equals_int64 (get_number (buffer), 3);
  fail_unless_equals_int (gst_buffer_get_n_meta (buffer,
          GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE), __i__ > 0);
  gst_buffer_unref (buffer);
  check_stat (h, "torn", 1);
  check_stat (h, "missed", 0);
  source_teardown (h);
}

GST_END_TEST;

/* The flag is not the next one's, whose buffer may be the same */
GST_START_TEST (test_no_counter_no_flag)
{
  GstHarness *h = source_new (path, "width", COLUMNS, "height", ROWS, NULL);
  GstBuffer *buffer;

  gst_harness_play (h);
  buffer = source_pull (h);
  fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED));
  gst_buffer_unref (buffer);
  check_stat (h, "torn", 0);
  source_teardown (h);
}

GST_END_TEST;

/* --- A counter that stops ---------------------------------------------------------- */

static void
wait_for_stall (GstHarness * h)
{
  GstMessage *message = source_wait_message (h, GST_MESSAGE_WARNING);
  GError *error;

  gst_message_parse_warning (message, &error, NULL);
  fail_unless (g_error_matches (error, GST_RESOURCE_ERROR,
          GST_RESOURCE_ERROR_READ));
  fail_unless (strstr (error->message, path) != NULL, "%s", error->message);
  fail_unless (strstr (error->message, "counter-offset") != NULL);
  g_error_free (error);
  gst_message_unref (message);
}

GST_START_TEST (test_stall)
{
  GstHarness *h = new_source ("counter");
  const gint64 begin = g_get_monotonic_time ();

  gst_harness_play (h);
  check_first (h);
  for (guint i = 1; i < 3; i++) {
    wait_for_stall (h);
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

  gst_harness_play (h);
  check_first (h);
  gst_element_set_state (h->element, GST_STATE_PAUSED);
  g_usleep (1200000);
  gst_harness_play (h);
  g_usleep (100000);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
  drop_frame (h, 1, 1);
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

/* Out of the wait for a picture, which would last for a second: at once, if
 * all of them need less than so many seconds */
#define ROUNDS 20

GST_START_TEST (test_prompt)
{
  const GstState states[] = { GST_STATE_PAUSED, GST_STATE_READY,
    GST_STATE_NULL
  };
  GstHarness *h = new_source ("counter");
  guint64 offset = 0;
  gint64 waited = 0;

  gst_harness_play (h);
  check_first (h);
  for (guint i = 0; i < ROUNDS; i++) {
    gint64 begin;

    /* In mid-wait */
    g_usleep (20000);
    begin = g_get_monotonic_time ();
    if (__i__ == 3) {
      fail_unless (gst_element_send_event (h->element,
              gst_event_new_flush_start ()));
      fail_unless (gst_element_send_event (h->element,
              gst_event_new_flush_stop (FALSE)));
    } else {
      fail_if (gst_element_set_state (h->element, states[__i__]) ==
          GST_STATE_CHANGE_FAILURE);
      gst_harness_play (h);
    }
    waited += g_get_monotonic_time () - begin;

    if (__i__ == 1 || __i__ == 2) {
      gst_buffer_unref (source_pull (h));
      offset = 0;
    }
    drop_frame (h, 1, ++offset);
  }
  fail_unless (waited < ROUNDS * G_TIME_SPAN_SECOND / 4, "%" G_GINT64_FORMAT
      " us", waited);
  check_stat (h, "missed", 0);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* Pictures of a flush are not missed; and after one that begins time anew,
 * frames of a rate come as before */
GST_START_TEST (test_flush)
{
  GstHarness *h = new_source ("counter");

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
  {
    GstBuffer *buffer = source_pull (h);

    check_frame (buffer, 14, 0);
    gst_buffer_unref (buffer);
  }
  for (guint i = 1; i < 10; i++) {
    pass_time (h, STEP);
    count (1);
    {
      GstBuffer *buffer = source_pull (h);

      check_frame (buffer, 14 + i, i * STEP);
      gst_buffer_unref (buffer);
    }
  }
  check_stat (h, "missed", 0);
  source_teardown (h);
}

GST_END_TEST;

static gpointer
flush_often (gpointer element)
{
  for (guint i = 0; i < 200; i++) {
    fail_unless (gst_element_send_event (element,
            gst_event_new_flush_start ()));
    g_thread_yield ();
    fail_unless (gst_element_send_event (element,
            gst_event_new_flush_stop (TRUE)));
  }
  return NULL;
}

static gpointer
pause_often (gpointer element)
{
  for (guint i = 0; i < 200; i++) {
    fail_if (gst_element_set_state (element, GST_STATE_PAUSED) ==
        GST_STATE_CHANGE_FAILURE);
    g_thread_yield ();
    fail_if (gst_element_set_state (element, GST_STATE_PLAYING) ==
        GST_STATE_CHANGE_FAILURE);
  }
  return NULL;
}

static gpointer
ask_often (gpointer element)
{
  for (guint i = 0; i < 2000; i++) {
    GstQuery *query = gst_query_new_latency ();
    GstStructure *stats;

    g_object_get (element, "stats", &stats, NULL);
    gst_element_query (element, query);
    gst_query_unref (query);
    gst_structure_free (stats);
  }
  return NULL;
}

/* Threads that want different things: nobody hangs */
GST_START_TEST (test_meddlers)
{
  static const GThreadFunc meddlers[] = { flush_often, pause_often, ask_often };
  GThread *threads[G_N_ELEMENTS (meddlers)], *device;
  GstHarness *h = new_source ("counter");

  gst_harness_use_systemclock (h);
  gst_harness_set_drop_buffers (h, TRUE);
  g_atomic_int_set (&device_pause, 500);
  device = g_thread_new ("device", run_device, NULL);
  gst_harness_play (h);
  for (guint i = 0; i < G_N_ELEMENTS (meddlers); i++)
    threads[i] = g_thread_new ("meddler", meddlers[i], h->element);
  for (guint i = 0; i < G_N_ELEMENTS (meddlers); i++)
    g_thread_join (threads[i]);
  source_stop (h);
  gst_harness_set_drop_buffers (h, FALSE);
  source_start (h, 1);
  gst_buffer_unref (source_pull (h));
  g_atomic_int_set (&stop, TRUE);
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

  memory[4 * COLUMNS * 5]++;
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

/* Of a rate that was agreed upon */
GST_START_TEST (test_latency_of_rate)
{
  GstHarness *h = new_source ("counter");
  GstClockTime min;

  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=1/1000");
  fail_if (get_latency (h, &min));
  gst_harness_play (h);
  check_first (h);
  gst_message_unref (source_wait_message (h, GST_MESSAGE_LATENCY));
  fail_unless (get_latency (h, &min));
  fail_unless_equals_uint64 (min, 1000 * GST_SECOND);
  source_count_messages (h, GST_MESSAGE_LATENCY);
  for (guint i = 1; i < 5; i++)
    drop_frame (h, 1, i);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_LATENCY), 0);
  source_teardown (h);
}

GST_END_TEST;

/* Of the device's own */
GST_START_TEST (test_latency)
{
  const gint64 end = g_get_monotonic_time () + HANG;
  GstHarness *h = new_source ("counter");
  GstClockTime min, slow_min;
  GstBuffer *buffer;
  GThread *device;

  gst_harness_use_systemclock (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  /* One picture has no rate */
  fail_if (GST_BUFFER_DURATION_IS_VALID (buffer));
  gst_buffer_unref (buffer);
  check_idle (h);
  fail_if (get_latency (h, &min));
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_LATENCY), 0);

  g_atomic_int_set (&device_pause, 5000);
  device = g_thread_new ("device", run_device, NULL);
  gst_message_unref (source_wait_message (h, GST_MESSAGE_LATENCY));
  for (guint i = 0; i < 20; i++)
    gst_buffer_unref (source_pull (h));
  buffer = source_pull (h);
  fail_unless (GST_BUFFER_DURATION_IS_VALID (buffer));
  fail_unless (GST_BUFFER_DURATION (buffer) >= 4 * GST_MSECOND, "%"
      GST_TIME_FORMAT, GST_TIME_ARGS (GST_BUFFER_DURATION (buffer)));
  gst_buffer_unref (buffer);
  fail_unless (get_latency (h, &min));

  /* Eight times slower */
  source_count_messages (h, GST_MESSAGE_LATENCY);
  g_atomic_int_set (&device_pause, 40000);
  do {
    gst_message_unref (source_wait_message (h, GST_MESSAGE_LATENCY));
    fail_unless (get_latency (h, &slow_min));
    fail_unless (g_get_monotonic_time () < end);
  } while (slow_min < 30 * GST_MSECOND);
  g_atomic_int_set (&stop, TRUE);
  g_thread_join (device);
  source_teardown (h);
}

GST_END_TEST;

/* --- Settings that cannot be ----------------------------------------------------------- */

static const struct
{
  const char *name, *value, *word;
} bad[] = {
  {"counter-offset", "4097", "byte 4097 of BAR 0"},
  {"counter-offset", "4098", "a multiple of 4"},
  {"counter-offset", "8192", "no register at byte 8192"},
  {"counter-offset", "18446744073709551612", "which has 8192 bytes"},
  {"counter-size", "24", "set the size to 8, 16, 32 or 64"},
  {"counter-bar", "1", "of BAR 1"},
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
      bad[i].word, path, NULL);
  /* But ours */
  fail_unless_equals_int (count_maps (path), 1);
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_no_counter)
{
  GstHarness *h = source_new (path, "width", COLUMNS, "height", ROWS, NULL);

  set (h, "frame-sync", "counter");
  fail_unless_equals_int (gst_element_set_state (h->element, GST_STATE_PAUSED),
      GST_STATE_CHANGE_FAILURE);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, NULL,
      "counter-offset", "frame-sync=clock", path, NULL);
  fail_unless_equals_int (count_maps (path), 1);

  set (h, "counter-offset", "4096");
  gst_harness_play (h);
  check_first (h);
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

/* --- The simulated device ---------------------------------------------------------------- */

/* It paints 60 pictures a second, says the number in each, and where it counts
 * them */
GST_START_TEST (test_sim)
{
  const guint frames = RUNNING_ON_VALGRIND ? 20 : 180;
  const MmioPicture picture = test_picture ("RGB", 320, 240, 0, 0);
  GstHarness *h = source_new ("sim", "width", 320, "height", 240, NULL);
  GstClockTime last = 0;
  guint64 offset = 0;
  guint begin = 0;

  gst_harness_use_systemclock (h);
  set (h, "frame-sync", "counter");
  g_object_set (h->element, "num-buffers", frames, NULL);
  gst_harness_play (h);
  for (guint i = 0; i < frames; i++) {
    GstBuffer *buffer = source_pull (h);
    GstMapInfo map;
    guint number;

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
  /* A machine that has other things to do, too */
  if (!RUNNING_ON_VALGRIND)
    fail_unless (source_get_stat (h, "missed") < frames / 4);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
  source_teardown (h);
}

GST_END_TEST;

/* 25 of 60 */
GST_START_TEST (test_sim_slower)
{
  GstHarness *h = source_new ("sim", "width", 64, "height", 48, NULL);
  GstClockTime begin = 0, last = 0;

  gst_harness_use_systemclock (h);
  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=25/1");
  set (h, "frame-sync", "counter");
  gst_harness_play (h);
  for (guint i = 0; i < 50; i++) {
    GstBuffer *buffer = source_pull (h);

    last = GST_BUFFER_PTS (buffer);
    if (i == 0)
      begin = last;
    fail_unless_equals_uint64 (GST_BUFFER_DURATION (buffer), 40 * GST_MSECOND);
    gst_buffer_unref (buffer);
  }
  /* None is earlier than its turn by more than a part of a period */
  fail_unless (last - begin >= 48 * 40 * GST_MSECOND);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
counter_suite (void)
{
  Suite *s = suite_create ("gst-counter");
  TCase *tc = add_case (s, "caps");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_caps, 0, G_N_ELEMENTS (rates));
  tcase_add_test (tc, test_caps_of_clock);
  tcase_add_test (tc, test_slower);
  tcase_add_test (tc, test_slower_and_busy);
  tcase_add_test (tc, test_faster);

  tc = add_case (s, "frames");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_frames);
  tcase_add_test (tc, test_missed);
  tcase_add_loop_test (tc, test_wrap, 0, 4);
  tcase_add_test (tc, test_seqlock);
  tcase_add_test (tc, test_two);
  tcase_add_test (tc, test_busy_consumer);

  tc = add_case (s, "torn");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_torn, 0, G_N_ELEMENTS (syncs));
  tcase_add_test (tc, test_always_torn);
  tcase_add_loop_test (tc, test_stuck, 0, 3);
  tcase_add_test (tc, test_no_counter_no_flag);

  tc = add_case (s, "stall");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_stall);
  tcase_add_test (tc, test_pause_is_no_stall);

  tc = add_case (s, "states");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_pause);
  tcase_add_test (tc, test_pause_while_pushing);
  tcase_add_loop_test (tc, test_prompt, 0, 4);
  tcase_add_test (tc, test_flush);
  tcase_add_test (tc, test_meddlers);
  tcase_add_test (tc, test_clock_goes);
  tcase_add_test (tc, test_renegotiation);

  tc = add_case (s, "properties");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_mmap);
  tcase_add_loop_test (tc, test_changes, 0, 2);
  tcase_add_test (tc, test_latency_of_rate);
  tcase_add_test (tc, test_latency);
  tcase_add_loop_test (tc, test_bad_counter, 0, 2 * G_N_ELEMENTS (bad));
  tcase_add_test (tc, test_no_counter);

  tc = add_case (s, "dmabuf");
  tcase_add_checked_fixture (tc, dmabuf_setup, dmabuf_teardown);
  tcase_add_test (tc, test_dmabuf);

  tc = add_case (s, "sim");
  tcase_add_test (tc, test_sim);
  tcase_add_test (tc, test_sim_slower);

  return s;
}

GST_CHECK_MAIN (counter);
