/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waits for the next frame: until the clock reaches its time, or until the device
 * has it.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiovidsrcpriv.h"

#define GST_CAT_DEFAULT gst_mmio_vid_src_debug

/* Longest single wait for the clock: clock and base time may change without a
 * notification */
#define MAX_WAIT GST_SECOND

/* A device that starts no frame for this time is stalled */
#define STALL G_TIME_SPAN_SECOND

/* Reading two clocks at the same time: largest accepted difference in
 * microseconds, and number of attempts */
#define MAX_APART 1000
#define MAX_ATTEMPTS 4

/* Computes the running time at @time (g_get_monotonic_time()). It is negative
 * only before running time 0. The two clocks cannot be read at the same time: a
 * thread that loses the CPU in between reads them again. Returns: FALSE if there
 * is no clock */
static gboolean
get_running_time (GstMmioVidSrc * self, gint64 time,
    GstClockTimeDiff * running_time)
{
  GstElement *element = GST_ELEMENT_CAST (self);
  g_autoptr (GstClock) clock = gst_element_get_clock (element);
  const GstClockTime base_time = gst_element_get_base_time (element);
  GstClockTimeDiff now = 0, age = 0;
  gint64 least = G_MAXINT64;

  if (!clock)
    return FALSE;

  for (guint i = 0; i < MAX_ATTEMPTS && least > MAX_APART; i++) {
    const gint64 before = g_get_monotonic_time ();
    const GstClockTime clock_time = gst_clock_get_time (clock);
    const gint64 apart = g_get_monotonic_time () - before;

    if (apart >= least)
      continue;
    least = apart;
    now = GST_CLOCK_DIFF (base_time, clock_time);
    age = (before + apart / 2 - time) * (GstClockTimeDiff) GST_USECOND;
  }

  *running_time = now < 0 ? now : MAX (now - age, 0);
  return TRUE;
}

/* Computes the current running time. Returns: FALSE if there is no clock */
gboolean
gst_mmio_frame_wait_get_now (GstMmioVidSrc * self, GstClockTimeDiff * now)
{
  GstElement *element = GST_ELEMENT_CAST (self);
  g_autoptr (GstClock) clock = gst_element_get_clock (element);

  if (!clock)
    return FALSE;

  *now = GST_CLOCK_DIFF (gst_element_get_base_time (element),
      gst_clock_get_time (clock));
  return TRUE;
}

static GstMmioStep
fail_without_clock (GstMmioVidSrc * self)
{
  return gst_mmio_capture_loop_fail (self, g_error_new_literal (GST_CORE_ERROR,
          GST_CORE_ERROR_CLOCK, "Cannot pace frames: the element has no clock. "
          "Put it into a pipeline that has a clock."));
}

/* Counts the frames that were missed before @frame */
void
gst_mmio_frame_wait_count_missed (GstMmioVidSrc * self,
    GstMmioFrameTime * frame)
{
  gst_mmio_frame_queue_add_missed (&self->queue, frame->missed);
  frame->missed = 0;
}

/* Called when the wait for @frame was ended. If @frame is due and caps are being
 * negotiated, keeps it, so that it is captured afterwards. */
static void
keep_if_due (GstMmioVidSrc * self, GstMmioFrameTime * frame,
    GstClockTimeDiff due)
{
  GstClockTimeDiff now;

  if (due == 0 || !gst_mmio_capture_thread_is_held (&self->thread,
          GST_MMIO_HOLD_NEGOTIATION)
      || !gst_mmio_frame_wait_get_now (self, &now) || now < due)
    return;

  gst_mmio_pacer_take (&self->pacer, frame);
  gst_mmio_device_state_drop (self);
  gst_mmio_frame_wait_count_missed (self, frame);
  gst_mmio_device_state_keep (self, frame);
}

/* Waits for the clock once. @is_due: (out): whether @frame is due */
static GstMmioStep
wait_for_clock_once (GstMmioVidSrc * self, GstMmioFrameTime * frame,
    gboolean * is_due)
{
  GstElement *element = GST_ELEMENT_CAST (self);
  g_autoptr (GstClock) clock = gst_element_get_clock (element);
  const GstClockTime base_time = gst_element_get_base_time (element);
  GstClockTimeDiff now, due = 0;

  if (!clock)
    return fail_without_clock (self);

  now = GST_CLOCK_DIFF (base_time, gst_clock_get_time (clock));
  if (now >= 0) {
    gst_mmio_pacer_next (&self->pacer, now, frame);
    due = frame->due;
  }
  *is_due = now >= due;
  if (*is_due || gst_mmio_capture_thread_wait_clock (&self->thread, clock,
          MIN (due, now + (GstClockTimeDiff) MAX_WAIT) + base_time))
    return GST_MMIO_STEP_DONE;

  keep_if_due (self, frame, due);
  return GST_MMIO_STEP_AGAIN;
}

static GstMmioStep
wait_for_clock (GstMmioVidSrc * self, GstMmioFrameTime * frame)
{
  gboolean is_due = FALSE;

  while (!is_due) {
    const GstMmioStep step = wait_for_clock_once (self, frame, &is_due);

    if (step != GST_MMIO_STEP_DONE)
      return step;
  }

  gst_mmio_pacer_take (&self->pacer, frame);
  return GST_MMIO_STEP_DONE;
}

static GstMmioStep
wait_for_device (GstMmioVidSrc * self, GstMmioFrameTime * frame)
{
  const GstClockTime wanted = gst_mmio_pacer_get_period (&self->pacer);
  const gint64 now = g_get_monotonic_time ();
  const gboolean has_pending = self->device.has_pending;
  GstClockTimeDiff running_time;
  gint64 deadline = now + GST_MMIO_PENDING_PAUSE;
  MmioCount count;

  /* Polls the counter before the pending frame is read */
  if (has_pending && gst_mmio_device_state_poll (self))
    deadline = now;

  if (self->device.last_count == 0) {
    mmio_capture_mark_discontinuity (self->capture);
    gst_mmio_device_state_note_count (self, now);
  }
  if (!has_pending)
    deadline = MAX (self->device.last_count + STALL, now);

  switch (mmio_capture_wait (self->capture, deadline, &count)) {
    case MMIO_WAIT_FRAME:
      break;
    case MMIO_WAIT_TIMEOUT:
      if (!has_pending)
        gst_mmio_device_state_note_stall (self);
      return gst_mmio_device_state_take (self, frame) ? GST_MMIO_STEP_DONE :
          GST_MMIO_STEP_AGAIN;
    case MMIO_WAIT_WOKEN:
      return GST_MMIO_STEP_AGAIN;
    case MMIO_WAIT_GONE:
      return GST_MMIO_STEP_GONE;
  }

  /* Frames of a pause are not missed, and some of these frames may be of a pause */
  if (gst_mmio_capture_thread_has_paused (&self->thread))
    gst_mmio_device_sync_set_discont (&self->sync);

  gst_mmio_vid_src_update_device_period (self);
  gst_mmio_device_state_note_count (self, count.time);
  if (!get_running_time (self, count.time, &running_time))
    return fail_without_clock (self);

  if (gst_mmio_device_sync_next (&self->sync, count.steps, running_time, wanted,
          frame))
    return GST_MMIO_STEP_DONE;

  /* The read of the pending frame will get this frame */
  gst_mmio_device_sync_update (&self->sync, &self->device.pending);
  return GST_MMIO_STEP_AGAIN;
}

/* Waits until the next frame is due, or the device has one. @frame: (out): its
 * time. Frames missed before it are counted. */
GstMmioStep
gst_mmio_frame_wait_run (GstMmioVidSrc * self, GstMmioFrameTime * frame)
{
  GstMmioStep step;

  if (!gst_mmio_capture_thread_wait_playing (&self->thread))
    return GST_MMIO_STEP_AGAIN;
  if (gst_mmio_vid_src_is_device_synced (self)) {
    step = wait_for_device (self, frame);
    /* A frame of the pause: has a number, and is not missed */
    if (step == GST_MMIO_STEP_DONE &&
        gst_mmio_capture_thread_is_paused (&self->thread)) {
      gst_mmio_frame_wait_count_missed (self, frame);
      return GST_MMIO_STEP_AGAIN;
    }
  } else if (gst_mmio_device_state_take (self, frame)) {
    return GST_MMIO_STEP_DONE;
  } else {
    step = wait_for_clock (self, frame);
  }
  if (step != GST_MMIO_STEP_DONE)
    return step;

  gst_mmio_device_state_drop (self);
  gst_mmio_frame_wait_count_missed (self, frame);
  GST_LOG_OBJECT (self, "frame %" G_GUINT64_FORMAT " for %" GST_TIME_FORMAT,
      frame->number, GST_TIME_ARGS (frame->pts));
  return GST_MMIO_STEP_DONE;
}
