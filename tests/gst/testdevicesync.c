/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "testdevicesync.h"

#include <stdlib.h>
#include <string.h>

void (*make_pictures) (guint n) = count;
gboolean has_first_picture = TRUE;

/* An element for the painted file */
GstHarness *
new_source (const char *sync)
{
  GstHarness *h = source_new (painted.path, "width", PAINTED_WIDTH, "height",
      PAINTED_HEIGHT,
      "counter-offset", (guint64) PAINTED_COUNTER, "counter-size", painted.bits,
      NULL);

  gst_util_set_object_arg (G_OBJECT (h->element), "format", "bgrx");
  gst_util_set_object_arg (G_OBJECT (h->element), "frame-sync", sync);
  return h;
}

void
set (GstHarness * h, const char *name, const char *value)
{
  gst_util_set_object_arg (G_OBJECT (h->element), name, value);
}

/* The number, or -1 if there is more than one */
gint64
get_number (GstBuffer * buffer)
{
  GstMapInfo map;
  gint64 number;

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  often_unless (map.size >= PAINTED_SIZE);
  number = get_painted_number ((const guint32 *) map.data);
  gst_buffer_unmap (buffer, &map);
  return number;
}

void
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

GstClockTime
pass_time (GstHarness * h, GstClockTime time)
{
  GstTestClock *clock = gst_harness_get_testclock (h);

  gst_test_clock_advance_time (clock, time);
  time = gst_clock_get_time (GST_CLOCK (clock));
  gst_object_unref (clock);
  return time;
}

GstBuffer *
next_frame (GstHarness * h, guint steps, guint64 offset)
{
  const GstClockTime time = pass_time (h, STEP);
  GstBuffer *buffer;

  make_pictures (steps);
  buffer = source_pull (h);
  check_frame (buffer, offset, time);
  return buffer;
}

void
drop_frame (GstHarness * h, guint steps, guint64 offset)
{
  gst_buffer_unref (next_frame (h, steps, offset));
}

void
check_first (GstHarness * h)
{
  GstBuffer *buffer = source_pull (h);

  check_frame (buffer, 0, 0);
  gst_buffer_unref (buffer);
}

void
check_stat (GstHarness * h, const char *field, guint64 value)
{
  const guint64 is = source_get_stat (h, field);

  fail_unless (is == value, "%s is %" G_GUINT64_FORMAT ", not %"
      G_GUINT64_FORMAT, field, is, value);
}

void
check_idle (GstHarness * h)
{
  /* Should it do something, it has time for it */
  g_usleep (30000);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
}

/* A message says that so many were sent, and so many missed */
void
check_qos (GstHarness * h, guint64 processed, guint64 dropped)
{
  GstMessage *message = source_wait_message (h, GST_MESSAGE_QOS);
  guint64 is_processed, is_dropped;
  GstFormat format;

  gst_message_parse_qos_stats (message, &format, &is_processed, &is_dropped);
  fail_unless_equals_int (format, GST_FORMAT_BUFFERS);
  fail_unless_equals_uint64 (is_processed, processed);
  fail_unless_equals_uint64 (is_dropped, dropped);
  gst_message_unref (message);
}

/* A message says that the device has stopped, and this word.  Returns: how long
 * that took, microseconds */
gint64
wait_for_stall (GstHarness * h, const char *word)
{
  const gint64 begin = g_get_monotonic_time ();
  g_autoptr (GError) error =
      source_parse_warning (source_wait_message (h, GST_MESSAGE_WARNING));
  const gint64 end = g_get_monotonic_time ();
  g_autofree char *device = NULL;

  g_object_get (h->element, "device-address", &device, NULL);
  fail_unless (g_error_matches (error, GST_RESOURCE_ERROR,
          GST_RESOURCE_ERROR_READ));
  fail_unless (strstr (error->message, device) != NULL, "%s", error->message);
  fail_unless (strstr (error->message, word) != NULL, "%s", error->message);
  return end - begin;
}

/* --- Promptness -------------------------------------------------------------- */

#define ROUNDS 19

static void
get_out (GstHarness * h, guint way)
{
  static const GstState states[] = { GST_STATE_PAUSED, GST_STATE_READY,
    GST_STATE_NULL
  };

  if (way == G_N_ELEMENTS (states)) {
    fail_unless (gst_element_send_event (h->element,
            gst_event_new_flush_start ()));
    fail_unless (gst_element_send_event (h->element,
            gst_event_new_flush_stop (FALSE)));
  } else {
    fail_if (gst_element_set_state (h->element, states[way]) ==
        GST_STATE_CHANGE_FAILURE);
    gst_harness_play (h);
  }
}

static gint
compare_times (gconstpointer a, gconstpointer b)
{
  const gint64 *one = a, *two = b;

  return (*one > *two) - (*one < *two);
}

/* Out of the wait for a picture there is a way at once: most often in less than
 * half of the time that the wait takes here if it is left alone.  The element has
 * had its first frame. */
void
check_prompt (GstHarness * h, guint way)
{
  guint64 offset = 0;
  gint64 waits[ROUNDS], whole;

  whole = wait_for_stall (h, "");
  drop_frame (h, 1, ++offset);
  for (guint i = 0; i < ROUNDS; i++) {
    gint64 begin;

    /* In mid-wait */
    g_usleep (20000);
    begin = g_get_monotonic_time ();
    get_out (h, way);
    waits[i] = g_get_monotonic_time () - begin;

    if (way == 1 || way == 2) {
      if (!has_first_picture)
        make_pictures (1);
      gst_buffer_unref (source_pull (h));
      offset = 0;
    }
    drop_frame (h, 1, ++offset);
  }
  qsort (waits, ROUNDS, sizeof (waits[0]), compare_times);
  GST_INFO ("%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " us",
      waits[ROUNDS / 2], whole);
  fail_unless (waits[ROUNDS / 2] < whole / 2, "%" G_GINT64_FORMAT " of %"
      G_GINT64_FORMAT " us", waits[ROUNDS / 2], whole);
  check_stat (h, "missed", 0);
  source_check_no_error (h);
}

/* --- Others ------------------------------------------------------------------ */

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

void
gate_init (GstHarness * h)
{
  GstPad *pad = gst_element_get_static_pad (h->element, "src");

  gate.closed = gate.reached = FALSE;
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, wait_at_gate, NULL, NULL);
  gst_object_unref (pad);
}

void
gate_close (void)
{
  g_mutex_lock (&gate.lock);
  gate.closed = TRUE;
  gate.reached = FALSE;
  g_mutex_unlock (&gate.lock);
}

void
gate_wait (void)
{
  const gint64 end = g_get_monotonic_time () + HANG;

  g_mutex_lock (&gate.lock);
  while (!gate.reached)
    fail_unless (g_cond_wait_until (&gate.cond, &gate.lock, end));
  g_mutex_unlock (&gate.lock);
}

void
gate_open (void)
{
  g_mutex_lock (&gate.lock);
  gate.closed = FALSE;
  g_cond_broadcast (&gate.cond);
  g_mutex_unlock (&gate.lock);
}

/* Counts at its own rate, with microseconds between two pictures */
gint device_pause;

gpointer
run_device (gpointer unused)
{
  while (!g_atomic_int_get (&painted.stop)) {
    g_usleep (g_atomic_int_get (&device_pause));
    count (1);
  }
  return NULL;
}
