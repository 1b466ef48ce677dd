/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * frame-sync=interrupt: a frame for each interrupt of a device that is the
 * test's.  Link with the element's insides and --wrap=mmio_device_open.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "testdevicesync.h"

GST_ELEMENT_REGISTER_DECLARE (mmiovidsrc);

#define DEVICE "0000:aa:11.3"
#define BAR 1

static FakeDevice *fake;

MmioDevice *__wrap_mmio_device_open (const MmioAddress * address,
    MmioAccess access, GError ** error);

MmioDevice *
__wrap_mmio_device_open (const MmioAddress * address, MmioAccess access,
    GError ** error)
{
  return mmio_device_ref (&fake->parent);
}

static void
raise_interrupts (guint n)
{
  fake_raise (fake, n);
}

static void
setup (void)
{
  fail_unless (GST_ELEMENT_REGISTER (mmiovidsrc, NULL));
  fake = fake_new ();
  fake_set_memory (fake, BAR, 4096);
  fake_add_interrupt (fake);
  make_pictures = raise_interrupts;
  has_first_picture = FALSE;
}

static void
teardown (void)
{
  mmio_device_unref (&fake->parent);
}

static GstHarness *
new_interrupted (void)
{
  GstHarness *h = source_new (DEVICE, "width", 16, "height", 8, NULL);

  set (h, "frame-sync", "interrupt");
  return h;
}

/* And drops its first frame */
static GstHarness *
play (void)
{
  GstHarness *h = new_interrupted ();

  gst_harness_play (h);
  fake_raise (fake, 1);
  check_first (h);
  return h;
}

/* --- Frames ------------------------------------------------------------------ */

/* The picture of now, with each interrupt and not without */
GST_START_TEST (test_frames)
{
  GstHarness *h = new_interrupted ();

  gst_harness_play (h);
  check_idle (h);
  fake_raise (fake, 1);
  check_first (h);
  for (guint i = 1; i < 20; i++) {
    guint8 pixel[3] = { i, 2 * i, 3 * i };
    GstBuffer *buffer;

    fake_write (fake, BAR, 3, pixel, sizeof (pixel));
    buffer = next_frame (h, 1, i);
    fail_unless (gst_buffer_memcmp (buffer, 3, pixel, sizeof (pixel)) == 0);
    fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
    fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED));
    gst_buffer_unref (buffer);
  }
  check_idle (h);
  check_stat (h, "frames", 20);
  check_stat (h, "missed", 0);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* Each counts as a picture, though nobody saw it */
GST_START_TEST (test_missed)
{
  GstHarness *h = play ();
  guint64 offset = 0, missed = 0;

  for (guint steps = 1; steps < 8; steps++) {
    GstBuffer *buffer = next_frame (h, steps, offset + steps);

    offset += steps;
    missed += steps - 1;
    fail_unless_equals_int (GST_BUFFER_FLAG_IS_SET (buffer,
            GST_BUFFER_FLAG_DISCONT), steps > 1);
    gst_buffer_unref (buffer);
    check_stat (h, "missed", missed);
    if (steps > 1)
      check_qos (h, steps + 1, missed);
  }
  fail_unless (source_try_message (h, GST_MESSAGE_QOS) == NULL);
  source_teardown (h);
}

GST_END_TEST;

/* Nor if a consumer takes its time: the queue has them all */
GST_START_TEST (test_busy_consumer)
{
  GstHarness *h = new_interrupted ();
  guint64 offset = 0;

  g_object_set (h->element, "queue-size", 5, NULL);
  gate_init (h);
  gst_harness_play (h);
  fake_raise (fake, 1);
  check_first (h);
  for (guint i = 0; i < 5; i++) {
    gate_close ();
    fake_raise (fake, 1);
    gate_wait ();
    for (guint j = 0; j < 4; j++) {
      fake_raise (fake, 1);
      /* So that it is a frame of its own */
      check_idle (h);
    }
    gate_open ();
    for (guint j = 0; j < 5; j++) {
      GstBuffer *buffer = source_pull (h);

      fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), ++offset);
      gst_buffer_unref (buffer);
    }
    check_stat (h, "missed", 0);
  }
  source_teardown (h);
}

GST_END_TEST;

/* Who wants fewer gets fewer, and misses none */
GST_START_TEST (test_slower)
{
  GstHarness *h = new_interrupted ();

  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=1/1000");
  gst_harness_play (h);
  fake_raise (fake, 1);
  check_first (h);
  for (guint i = 1; i <= 10; i++)
    drop_frame (h, 3, 3 * i);
  check_stat (h, "missed", 0);
  check_stat (h, "frames", 11);
  source_teardown (h);
}

GST_END_TEST;

/* --- States ------------------------------------------------------------------ */

/* Those of a pause are counted, and not missed */
GST_START_TEST (test_pause)
{
  GstHarness *h = play ();
  GstBuffer *buffer;
  guint64 offset = 0;

  for (guint i = 0; i < 5; i++) {
    gst_element_set_state (h->element, GST_STATE_PAUSED);
    fake_raise (fake, 3);
    check_idle (h);
    fake_raise (fake, 2);
    gst_harness_play (h);
    buffer = source_pull (h);
    fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), offset + 5);
    gst_buffer_unref (buffer);
    drop_frame (h, 1, offset + 6);
    offset += 6;
  }
  check_stat (h, "missed", 0);
  drop_frame (h, 3, offset + 3);
  check_qos (h, 12, 2);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* Likewise those of a flush */
GST_START_TEST (test_flush)
{
  GstHarness *h = play ();
  GstBuffer *buffer;

  drop_frame (h, 1, 1);
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_start ()));
  fake_raise (fake, 4);
  check_idle (h);
  gst_element_set_base_time (h->element, pass_time (h, STEP));
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_stop (TRUE)));
  buffer = source_pull (h);
  check_frame (buffer, 5, 0);
  gst_buffer_unref (buffer);
  fake_raise (fake, 1);
  gst_buffer_unref (source_pull (h));
  check_stat (h, "missed", 0);
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_prompt)
{
  GstHarness *h = play ();

  check_prompt (h, __i__);
  source_teardown (h);
}

GST_END_TEST;

static gpointer
raise_often (gpointer unused)
{
  while (!g_atomic_int_get (&painted.stop)) {
    g_usleep (500);
    fake_raise (fake, 1);
  }
  return NULL;
}

/* Threads that want different things: nobody hangs */
GST_START_TEST (test_meddlers)
{
  GstHarness *h = new_interrupted ();
  GThread *device;

  gst_harness_use_systemclock (h);
  gst_harness_set_drop_buffers (h, TRUE);
  device = g_thread_new ("device", raise_often, NULL);
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

/* --- A device that stops, or goes ---------------------------------------------- */

/* It is told once, and goes on by itself */
GST_START_TEST (test_stall)
{
  GstHarness *h = play ();

  for (guint i = 1; i < 3; i++) {
    wait_for_stall (h, "has raised no interrupt for a second");
    g_usleep (1200000);
    fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
    drop_frame (h, 1, i);
  }
  check_stat (h, "missed", 0);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

static GstPadProbeReturn
note_thread (GstPad * pad, GstPadProbeInfo * info, gpointer thread)
{
  *(pthread_t *) thread = pthread_self ();
  return GST_PAD_PROBE_OK;
}

static void
on_signal (int number)
{
}

/* Signals that come to the thread that waits are none of the device's doing: it
 * has a second, as ever */
GST_START_TEST (test_signals)
{
  const struct sigaction action = {.sa_handler = on_signal };
  GstHarness *h = new_interrupted ();
  GstPad *pad = gst_element_get_static_pad (h->element, "src");
  GstMessage *warning = NULL;
  pthread_t thread;
  gint64 last;

  fail_unless (sigaction (SIGUSR1, &action, NULL) == 0);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, note_thread, &thread,
      NULL);
  gst_object_unref (pad);
  gst_harness_play (h);
  last = g_get_monotonic_time ();
  fake_raise (fake, 1);
  check_first (h);

  while (!warning) {
    g_usleep (5000);
    fail_unless (pthread_kill (thread, SIGUSR1) == 0);
    warning = source_try_message (h, GST_MESSAGE_WARNING);
  }
  gst_message_unref (warning);
  fail_unless (g_get_monotonic_time () - last >= G_TIME_SPAN_SECOND, "after %"
      G_GINT64_FORMAT " us", g_get_monotonic_time () - last);
  drop_frame (h, 1, 1);
  check_stat (h, "missed", 0);
  source_teardown (h);
  signal (SIGUSR1, SIG_DFL);
}

GST_END_TEST;

/* In the wait, in a pause, and before the first frame */
GST_START_TEST (test_gone)
{
  GstHarness *h = __i__ < 2 ? play () : new_interrupted ();

  if (__i__ == 1)
    gst_element_set_state (h->element, GST_STATE_PAUSED);
  fake_unplug (fake);
  gst_harness_play (h);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ, NULL,
      "Cannot read " DEVICE ": it was unplugged", "start again", "lspci -D",
      NULL);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
  gst_element_set_state (h->element, GST_STATE_NULL);

  /* And when it is back */
  fake_plug (fake);
  gst_harness_play (h);
  fake_raise (fake, 1);
  gst_buffer_unref (source_pull (h));
  source_teardown (h);
}

GST_END_TEST;

/* A sink that keeps its last frame keeps the device, but not its interrupts */
GST_START_TEST (test_last_sample)
{
  GstHarness *h = new_interrupted ();
  GstBuffer *buffer;

  set (h, "io-mode", "mmap");
  gst_harness_play (h);
  fake_raise (fake, 1);
  buffer = source_pull (h);
  fail_unless_equals_int (fake->n_closes, 0);
  source_stop (h);
  fail_unless_equals_int (fake->n_closes, 1);
  gst_buffer_unref (buffer);
  source_teardown (h);
}

GST_END_TEST;

/* --- The rate ---------------------------------------------------------------- */

static GstClockTime
get_min_latency (GstHarness * h)
{
  GstQuery *query = gst_query_new_latency ();
  GstClockTime min, max;
  gboolean live;

  fail_unless (gst_element_query (h->element, query));
  gst_query_parse_latency (query, &live, &min, &max);
  fail_unless (live && max >= min);
  gst_query_unref (query);
  return min;
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  const gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;

  return (x > y) - (x < y);
}

static gint64
get_median (const GArray * values)
{
  g_autoptr (GArray) sorted = g_array_copy ((GArray *) values);

  g_array_sort (sorted, compare_times);
  return g_array_index (sorted, gint64, sorted->len / 2);
}

/* As interrupts come, and not otherwise after a time in which there were none: of
 * the device, or of the pipeline */
GST_START_TEST (test_period)
{
  GstHarness *h = new_interrupted ();
  GstClockTime last = GST_CLOCK_TIME_NONE;
  /* When the last one was raised, and was seen to have come */
  gint64 last_raised = 0, last_seen = 0;
  /* What was between two of them at most, as far as the test saw */
  g_autoptr (GArray) intervals = g_array_new (FALSE, FALSE, sizeof (gint64));
  /* Of that, how many in a row were like no others */
  guint others = 0, disturbed_until = 0, n_checked = 0;
  GstBuffer *buffer;

  gst_harness_use_systemclock (h);
  gst_harness_play (h);
  fail_unless_equals_uint64 (get_min_latency (h), GST_MSECOND);
  for (guint i = 0; i < 60; i++) {
    const gboolean is_paused = i >= 40 && i < 48;
    gint64 raised, seen;

    g_usleep (10000);
    if (is_paused) {
      gst_element_set_state (h->element, GST_STATE_PAUSED);
      g_usleep (5000);
      gst_harness_play (h);
    } else if (i == 50) {
      g_usleep (400000);
    }
    raised = g_get_monotonic_time ();
    fake_raise (fake, 1);
    buffer = source_pull (h);
    seen = g_get_monotonic_time ();
    if (i < 2)
      fail_if (GST_BUFFER_DURATION_IS_VALID (buffer));
    else
      fail_unless (GST_BUFFER_DURATION_IS_VALID (buffer));
    /* A machine that does other things makes one of these longer, too, but none
     * of them changes much, unless it makes another rate of them, for as long as
     * it takes to see that it was none */
    if (i > 2 && !is_paused) {
      const gint64 most = seen - last_raised, least = raised - last_seen;
      gint64 usual;

      g_array_append_val (intervals, most);
      usual = get_median (intervals);
      others = most > 2 * usual || least < usual / 2 ? others + 1 : 0;
      if (others >= 4)
        disturbed_until = i + 5;
    }
    if (i > 30 && i >= disturbed_until) {
      n_checked++;
      fail_unless (GST_BUFFER_DURATION (buffer) < last + last / 4 &&
          GST_BUFFER_DURATION (buffer) > last - last / 4, "frame %u: %"
          GST_TIME_FORMAT " after %" GST_TIME_FORMAT, i,
          GST_TIME_ARGS (GST_BUFFER_DURATION (buffer)), GST_TIME_ARGS (last));
    }
    /* In each of these somebody was away */
    if (is_paused)
      fail_unless_equals_uint64 (GST_BUFFER_DURATION (buffer), last);
    last = GST_BUFFER_DURATION (buffer);
    last_raised = raised;
    last_seen = seen;
    gst_buffer_unref (buffer);
  }
  GST_INFO ("%u of %u frames compared", n_checked, 60 - 31);
  fail_unless (n_checked == 60 - 31 || disturbed_until > 30);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
interrupt_suite (void)
{
  Suite *s = suite_create ("gst-interrupt");
  TCase *tc = add_case (s, "interrupt");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_frames);
  tcase_add_test (tc, test_missed);
  tcase_add_test (tc, test_busy_consumer);
  tcase_add_test (tc, test_slower);
  tcase_add_test (tc, test_pause);
  tcase_add_test (tc, test_flush);
  tcase_add_loop_test (tc, test_prompt, 0, N_WAYS_OUT);
  tcase_add_test (tc, test_meddlers);
  tcase_add_test (tc, test_stall);
  tcase_add_test (tc, test_signals);
  tcase_add_loop_test (tc, test_gone, 0, 3);
  tcase_add_test (tc, test_last_sample);
  tcase_add_test (tc, test_period);

  return s;
}

GST_CHECK_MAIN (interrupt);
