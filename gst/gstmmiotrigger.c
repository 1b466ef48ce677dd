/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wait for the next frame, where it is the device that starts one.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiotrigger.h"

/* A device that has no new picture for so long is told of */
#define STALL G_TIME_SPAN_SECOND

/**
 * gst_mmio_trigger_reset:
 *
 * For a run that begins anew.
 */
void
gst_mmio_trigger_reset (GstMmioTrigger * trigger)
{
  *trigger = (GstMmioTrigger) {
  .period = GST_CLOCK_TIME_NONE,.next = GST_CLOCK_TIME_NONE};
}

/* When it was, in running time */
static GstClockTime
get_running_time (GstElement * element, gint64 time)
{
  const GstClockTimeDiff now = GST_CLOCK_DIFF (element->base_time,
      gst_clock_get_time (GST_ELEMENT_CLOCK (element)));
  const GstClockTimeDiff age = (g_get_monotonic_time () - time) * GST_USECOND;

  return MAX (now - age, 0);
}

static void
count_picture (GstMmioTrigger * trigger, const MmioCount * count)
{
  /* Those that came while nobody wanted any are not missed */
  const guint64 steps = trigger->interrupted ? 1 : count->steps;

  if (trigger->started) {
    trigger->number += count->steps;
    trigger->missed += steps - 1;
  }
  trigger->started = TRUE;
  trigger->interrupted = FALSE;
}

/* Whether it is one for a consumer who wants one every @period, and not all */
static gboolean
is_due (GstMmioTrigger * trigger, GstClockTime pts, GstClockTime period)
{
  if (!GST_CLOCK_TIME_IS_VALID (period))
    return TRUE;

  /* A picture may be a bit early */
  if (GST_CLOCK_TIME_IS_VALID (trigger->next) &&
      pts + period / 8 < trigger->next)
    return FALSE;

  trigger->next = !GST_CLOCK_TIME_IS_VALID (trigger->next) ||
      pts > trigger->next + period ? pts + period : trigger->next + period;
  return TRUE;
}

static void
tell_of_stall (GstMmioTrigger * trigger, GstElement * element,
    MmioCapture * capture)
{
  if (trigger->stands_still)
    return;

  trigger->stands_still = TRUE;
  GST_OBJECT_UNLOCK (element);
  if (mmio_capture_get_frame_sync (capture) == MMIO_FRAME_SYNC_INTERRUPT)
    GST_ELEMENT_WARNING (element, RESOURCE, READ,
        ("%s has raised no interrupt for a second; frames go on when it does.",
            mmio_capture_get_device_address (capture)), (NULL));
  else
    GST_ELEMENT_WARNING (element, RESOURCE, READ,
        ("%s has had no new picture for a second, says its frame counter; "
            "frames go on when it goes on counting.  If it shows one all the "
            "same, check counter-bar, counter-offset and counter-size.",
            mmio_capture_get_device_address (capture)), (NULL));
  GST_OBJECT_LOCK (element);
}

/* Lets go of the object lock meanwhile */
static MmioWait
wait_for_picture (GstMmioTrigger * trigger, GstElement * element,
    MmioCapture * capture, MmioCount * count)
{
  const gint64 now = g_get_monotonic_time ();
  const gint64 deadline = trigger->stands_still ? now + STALL :
      MAX (trigger->last + STALL, now);
  gint64 period;
  MmioWait wait;

  GST_OBJECT_UNLOCK (element);
  wait = mmio_capture_wait (capture, deadline, count);
  period = mmio_capture_get_period (capture);
  GST_OBJECT_LOCK (element);

  trigger->period = period > 0 ? (GstClockTime) period *GST_USECOND :
      GST_CLOCK_TIME_NONE;
  return wait;
}

/**
 * gst_mmio_trigger_wait:
 * @timer: knows of pauses, and of the rate that the consumer wants
 * @capture: whose pictures
 * @frame: (out): the frame that is there; it counts as taken
 *
 * Waits for the next frame.  Only the streaming thread does so.
 *
 * Returns: as of gst_mmio_timer_wait()
 */
GstFlowReturn
gst_mmio_trigger_wait (GstMmioTrigger * trigger, GstMmioTimer * timer,
    GstElement * element, MmioCapture * capture, GstMmioFrameTime * frame)
{
  for (;;) {
    const gboolean was_paused = timer->paused;
    const GstFlowReturn ret = gst_mmio_timer_wait_playing (timer, element);
    GstClockTime pts;
    MmioCount count;

    if (ret != GST_FLOW_OK)
      return ret;
    if (was_paused || trigger->last == 0) {
      trigger->interrupted = TRUE;
      trigger->last = g_get_monotonic_time ();
    }

    switch (wait_for_picture (trigger, element, capture, &count)) {
      case MMIO_WAIT_FRAME:
        break;
      case MMIO_WAIT_TIMEOUT:
        tell_of_stall (trigger, element, capture);
        continue;
      case MMIO_WAIT_WOKEN:
        continue;
    }

    trigger->last = count.time;
    trigger->stands_still = FALSE;
    count_picture (trigger, &count);
    if (timer->paused || timer->unlocked || !GST_ELEMENT_CLOCK (element))
      continue;

    pts = get_running_time (element, count.time);
    if (!is_due (trigger, pts, gst_mmio_pacer_get_period (&timer->pacer)))
      continue;

    *frame = (GstMmioFrameTime) {
    .due = pts,.pts = pts,.number = trigger->number,.missed = trigger->missed};
    trigger->missed = 0;
    return GST_FLOW_OK;
  }
}
