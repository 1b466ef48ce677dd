/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wait for the next frame: for its time, and in a pause for its end.
 *
 * Nothing is captured in a pause, which is waited for.  To end with FLUSHING
 * there, as the base class asks for with unlock() (1.22 does not ask), is no
 * good: 1.22 takes that for the end, and newer ones stop the task for ever if
 * the pause is over before it has stopped.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiotimer.h"

/* The longest wait for the clock at a time: clock and base time may be changed
 * meanwhile, and nobody tells */
#define MAX_WAIT GST_SECOND

void
gst_mmio_timer_init (GstMmioTimer * timer)
{
  *timer = (GstMmioTimer) {
  .id = NULL};
  gst_mmio_pacer_init (&timer->pacer);
  g_cond_init (&timer->resumed);
}

void
gst_mmio_timer_clear (GstMmioTimer * timer)
{
  g_clear_pointer (&timer->id, gst_clock_id_unref);
  g_cond_clear (&timer->resumed);
}

/**
 * gst_mmio_timer_reset:
 *
 * For a run that begins anew.
 */
void
gst_mmio_timer_reset (GstMmioTimer * timer)
{
  gst_mmio_pacer_reset (&timer->pacer);
  timer->paused = FALSE;
  timer->interrupted = FALSE;
}

/* Ends the wait, so that the flags are looked at */
static void
wake_up (GstMmioTimer * timer)
{
  if (timer->waiting)
    gst_clock_id_unschedule (timer->id);
  g_cond_broadcast (&timer->resumed);
}

/* Makes @timer's ID one for this time; the same one for as long as the clock is
 * the same */
static void
set_id (GstMmioTimer * timer, GstClock * clock, GstClockTime time)
{
  if (timer->id && gst_clock_id_uses_clock (timer->id, clock) &&
      gst_clock_single_shot_id_reinit (clock, timer->id, time))
    return;

  g_clear_pointer (&timer->id, gst_clock_id_unref);
  timer->id = gst_clock_new_single_shot_id (clock, time);
}

/* Waits until a running time, or until somebody ends the wait; lets go of the
 * object lock meanwhile */
static void
wait_until (GstMmioTimer * timer, GstElement * element,
    GstClockTimeDiff running_time)
{
  set_id (timer, GST_ELEMENT_CLOCK (element),
      running_time + element->base_time);

  timer->waiting = TRUE;
  GST_OBJECT_UNLOCK (element);
  gst_clock_id_wait (timer->id, NULL);
  GST_OBJECT_LOCK (element);
  timer->waiting = FALSE;
}

/* Returns: whether somebody has ended the wait, who has not yet been told */
static gboolean
take_interruption (GstMmioTimer * timer)
{
  const gboolean interrupted = timer->interrupted;

  timer->interrupted = FALSE;
  return interrupted;
}

/**
 * gst_mmio_timer_wait_playing:
 *
 * Waits for the end of a pause, if there is one.
 *
 * Returns: as of gst_mmio_timer_wait()
 */
GstFlowReturn
gst_mmio_timer_wait_playing (GstMmioTimer * timer, GstElement * element)
{
  while (timer->paused && !timer->unlocked && !timer->interrupted)
    g_cond_wait (&timer->resumed, GST_OBJECT_GET_LOCK (element));

  return timer->unlocked ? GST_FLOW_FLUSHING :
      take_interruption (timer) ? GST_MMIO_FLOW_NO_FRAME :
      GST_ELEMENT_CLOCK (element) ? GST_FLOW_OK : GST_FLOW_ERROR;
}

/**
 * gst_mmio_timer_sleep:
 * @microseconds: how long, at most
 *
 * Waits for no frame, in a pause or not.  Only the streaming thread does so.
 *
 * Returns: %GST_FLOW_OK, if need be at once after gst_mmio_timer_interrupt();
 *   %GST_FLOW_FLUSHING after gst_mmio_timer_unlock()
 */
GstFlowReturn
gst_mmio_timer_sleep (GstMmioTimer * timer, GstElement * element,
    gint64 microseconds)
{
  const gint64 end = g_get_monotonic_time () + microseconds;

  while (!timer->unlocked && !take_interruption (timer) &&
      g_cond_wait_until (&timer->resumed, GST_OBJECT_GET_LOCK (element), end));

  return timer->unlocked ? GST_FLOW_FLUSHING : GST_FLOW_OK;
}

/**
 * gst_mmio_timer_wait:
 * @frame: (out): the frame whose time has come; it counts as taken
 * @now: (out): running time
 *
 * Waits for the next frame. Only the streaming thread does so.
 *
 * Returns: %GST_FLOW_OK; %GST_FLOW_FLUSHING after gst_mmio_timer_unlock();
 *   %GST_MMIO_FLOW_NO_FRAME after gst_mmio_timer_interrupt();
 *   %GST_FLOW_ERROR if there is no clock
 */
GstFlowReturn
gst_mmio_timer_wait (GstMmioTimer * timer, GstElement * element,
    GstMmioFrameTime * frame, GstClockTimeDiff * now)
{
  GstClockTimeDiff due;

  for (;;) {
    const GstFlowReturn ret = gst_mmio_timer_wait_playing (timer, element);

    if (ret != GST_FLOW_OK)
      return ret;

    *now = GST_CLOCK_DIFF (element->base_time,
        gst_clock_get_time (GST_ELEMENT_CLOCK (element)));
    due = 0;
    if (*now >= 0) {
      gst_mmio_pacer_next (&timer->pacer, *now, frame);
      due = frame->due;
    }
    if (*now >= due)
      break;
    wait_until (timer, element, MIN (due, *now + MAX_WAIT));
  }

  gst_mmio_pacer_take (&timer->pacer, frame);
  return GST_FLOW_OK;
}

/**
 * gst_mmio_timer_interrupt:
 *
 * Ends the wait, or the next one, once: there is something to look at.
 */
void
gst_mmio_timer_interrupt (GstMmioTimer * timer)
{
  timer->interrupted = TRUE;
  wake_up (timer);
}

/**
 * gst_mmio_timer_begin_change:
 *
 * A pause begins or ends in this thread.  Until gst_mmio_timer_end_change(), the
 * base class may call for gst_mmio_timer_unlock() and
 * gst_mmio_timer_unlock_stop() from it, and means the pause.
 */
void
gst_mmio_timer_begin_change (GstMmioTimer * timer)
{
  timer->changing = g_thread_self ();
}

/**
 * gst_mmio_timer_set_paused:
 * @paused: whether a pause begins, or ends
 *
 * Begins or ends a pause.
 */
void
gst_mmio_timer_set_paused (GstMmioTimer * timer, gboolean paused)
{
  timer->paused = paused;
  wake_up (timer);
}

void
gst_mmio_timer_end_change (GstMmioTimer * timer)
{
  timer->changing = NULL;
}

/**
 * gst_mmio_timer_unlock:
 *
 * Ends the wait until gst_mmio_timer_unlock_stop(), but not for a pause.
 */
void
gst_mmio_timer_unlock (GstMmioTimer * timer)
{
  if (timer->changing != g_thread_self ())
    timer->unlocked = TRUE;
  wake_up (timer);
}

/**
 * gst_mmio_timer_unlock_stop:
 *
 * Returns: whether the wait was ended, and not for a pause
 */
gboolean
gst_mmio_timer_unlock_stop (GstMmioTimer * timer)
{
  const gboolean unlocked = timer->unlocked &&
      timer->changing != g_thread_self ();

  if (unlocked)
    timer->unlocked = FALSE;
  return unlocked;
}
