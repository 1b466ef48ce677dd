/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The capture thread: how it is started, held, waits and ends.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiocapturethread.h"

/* Debuggers show 15 characters (TASK_COMM_LEN) */
#define NAME "mmiovid-capture"

void
gst_mmio_capture_thread_init (GstMmioCaptureThread * thread)
{
  *thread = (GstMmioCaptureThread) {
  .thread = NULL};
  g_mutex_init (&thread->lock);
  g_cond_init (&thread->changed);
}

void
gst_mmio_capture_thread_clear (GstMmioCaptureThread * thread)
{
  g_clear_pointer (&thread->id, gst_clock_id_unref);
  g_cond_clear (&thread->changed);
  g_mutex_clear (&thread->lock);
}

/**
 * gst_mmio_capture_thread_start:
 * @func: calls gst_mmio_capture_thread_enter() until that returns FALSE
 *
 * Starts the thread, held by %GST_MMIO_HOLD_NEGOTIATION.
 *
 * Returns: FALSE with @error set if the process may have no further thread
 */
gboolean
gst_mmio_capture_thread_start (GstMmioCaptureThread * thread, GThreadFunc func,
    gpointer data, GError ** error)
{
  /* Events stay: the device may have gone since it was opened */
  g_mutex_lock (&thread->lock);
  thread->holds = GST_MMIO_HOLD_NEGOTIATION;
  thread->is_paused = FALSE;
  thread->is_parked = FALSE;
  g_mutex_unlock (&thread->lock);
  thread->thread = g_thread_try_new (NAME, func, data, error);

  return thread->thread != NULL;
}

/**
 * gst_mmio_capture_thread_join:
 *
 * Waits for the end of the thread, after %GST_MMIO_HOLD_STOP.
 */
void
gst_mmio_capture_thread_join (GstMmioCaptureThread * thread)
{
  g_thread_join (g_steal_pointer (&thread->thread));
}

/* Ends the thread's wait.  The clock is called without the lock. */
static void
wake (GstMmioCaptureThread * thread, guint holds, guint events)
{
  GstClockID id = NULL;

  g_mutex_lock (&thread->lock);
  thread->holds |= holds;
  thread->events |= events;
  if (thread->is_waiting)
    id = gst_clock_id_ref (thread->id);
  g_cond_broadcast (&thread->changed);
  g_mutex_unlock (&thread->lock);

  if (id) {
    gst_clock_id_unschedule (id);
    gst_clock_id_unref (id);
  }
}

/**
 * gst_mmio_capture_thread_hold:
 * @hold: why
 *
 * Holds the thread from its next gst_mmio_capture_thread_enter() on, and ends
 * its wait.
 */
void
gst_mmio_capture_thread_hold (GstMmioCaptureThread * thread, GstMmioHold hold)
{
  wake (thread, hold,
      hold == GST_MMIO_HOLD_FLUSH ? GST_MMIO_EVENT_FLUSH : 0);
}

/**
 * gst_mmio_capture_thread_notify_hotplug:
 *
 * Ends the wait of the thread, or its next one, once.
 */
void
gst_mmio_capture_thread_notify_hotplug (GstMmioCaptureThread * thread)
{
  wake (thread, 0, GST_MMIO_EVENT_HOTPLUG);
}

/**
 * gst_mmio_capture_thread_set_paused:
 * @paused: whether gst_mmio_capture_thread_wait_playing() waits
 */
void
gst_mmio_capture_thread_set_paused (GstMmioCaptureThread * thread,
    gboolean paused)
{
  g_mutex_lock (&thread->lock);
  thread->is_paused = paused;
  if (paused)
    thread->events |= GST_MMIO_EVENT_PAUSE;
  g_mutex_unlock (&thread->lock);

  wake (thread, 0, 0);
}

/**
 * gst_mmio_capture_thread_wait_parked:
 * @microseconds: how long; -1: as long as it takes
 *
 * Waits until a thread that is held captures nothing.
 *
 * Returns: whether it does
 */
gboolean
gst_mmio_capture_thread_wait_parked (GstMmioCaptureThread * thread,
    gint64 microseconds)
{
  const gint64 end = microseconds < 0 ? G_MAXINT64 :
      g_get_monotonic_time () + microseconds;
  gboolean ret;

  g_mutex_lock (&thread->lock);
  while (!thread->is_parked) {
    if (microseconds < 0)
      g_cond_wait (&thread->changed, &thread->lock);
    else if (!g_cond_wait_until (&thread->changed, &thread->lock, end))
      break;
  }
  ret = thread->is_parked;
  g_mutex_unlock (&thread->lock);

  return ret;
}

/**
 * gst_mmio_capture_thread_release:
 * @hold: the reason that no longer holds
 */
void
gst_mmio_capture_thread_release (GstMmioCaptureThread * thread,
    GstMmioHold hold)
{
  g_mutex_lock (&thread->lock);
  if (thread->holds & hold) {
    thread->holds &= ~(guint) hold;
    g_cond_broadcast (&thread->changed);
  }
  g_mutex_unlock (&thread->lock);
}

/**
 * gst_mmio_capture_thread_enter:
 * @events: (out): what has happened since the last call, as bits of
 *   #GstMmioEvent
 *
 * Waits as long as the thread is held.  For the thread itself.
 *
 * Returns: FALSE if it is to end
 */
gboolean
gst_mmio_capture_thread_enter (GstMmioCaptureThread * thread, guint * events)
{
  gboolean ret;

  g_mutex_lock (&thread->lock);
  while (thread->holds && !(thread->holds & GST_MMIO_HOLD_STOP)) {
    thread->is_parked = TRUE;
    g_cond_broadcast (&thread->changed);
    g_cond_wait (&thread->changed, &thread->lock);
  }
  ret = !(thread->holds & GST_MMIO_HOLD_STOP);
  thread->is_parked = !ret;
  *events = thread->events;
  thread->events = 0;
  g_cond_broadcast (&thread->changed);
  g_mutex_unlock (&thread->lock);

  return ret;
}

/* With the lock held */
static gboolean
is_woken (const GstMmioCaptureThread * thread)
{
  return thread->holds || thread->events;
}

/**
 * gst_mmio_capture_thread_is_woken:
 *
 * Returns: whether the thread is to call gst_mmio_capture_thread_enter()
 */
gboolean
gst_mmio_capture_thread_is_woken (GstMmioCaptureThread * thread)
{
  gboolean ret;

  g_mutex_lock (&thread->lock);
  ret = is_woken (thread);
  g_mutex_unlock (&thread->lock);

  return ret;
}

/**
 * gst_mmio_capture_thread_is_paused:
 *
 * Returns: whether there is a pause now
 */
gboolean
gst_mmio_capture_thread_is_paused (GstMmioCaptureThread * thread)
{
  gboolean ret;

  g_mutex_lock (&thread->lock);
  ret = thread->is_paused;
  g_mutex_unlock (&thread->lock);

  return ret;
}

/**
 * gst_mmio_capture_thread_has_paused:
 *
 * Returns: whether a pause has begun since gst_mmio_capture_thread_enter(), be it
 *   that it is over
 */
gboolean
gst_mmio_capture_thread_has_paused (GstMmioCaptureThread * thread)
{
  gboolean ret;

  g_mutex_lock (&thread->lock);
  ret = (thread->events & GST_MMIO_EVENT_PAUSE) != 0;
  g_mutex_unlock (&thread->lock);

  return ret;
}

/**
 * gst_mmio_capture_thread_is_held:
 *
 * Returns: whether @hold holds the thread
 */
gboolean
gst_mmio_capture_thread_is_held (GstMmioCaptureThread * thread,
    GstMmioHold hold)
{
  gboolean ret;

  g_mutex_lock (&thread->lock);
  ret = (thread->holds & hold) != 0;
  g_mutex_unlock (&thread->lock);

  return ret;
}

/**
 * gst_mmio_capture_thread_wait_playing:
 *
 * Waits for the end of a pause.  For the thread itself.
 *
 * Returns: FALSE if the wait was ended, and the thread is to call
 *   gst_mmio_capture_thread_enter()
 */
gboolean
gst_mmio_capture_thread_wait_playing (GstMmioCaptureThread * thread)
{
  gboolean woken;

  g_mutex_lock (&thread->lock);
  while (thread->is_paused && !is_woken (thread))
    g_cond_wait (&thread->changed, &thread->lock);
  woken = is_woken (thread);
  g_mutex_unlock (&thread->lock);

  return !woken;
}

/* Makes the ID one for this time; the same ID for as long as the clock is the
 * same */
static void
set_id (GstMmioCaptureThread * thread, GstClock * clock, GstClockTime time)
{
  if (thread->id && gst_clock_id_uses_clock (thread->id, clock) &&
      gst_clock_single_shot_id_reinit (clock, thread->id, time))
    return;

  g_clear_pointer (&thread->id, gst_clock_id_unref);
  thread->id = gst_clock_new_single_shot_id (clock, time);
}

/**
 * gst_mmio_capture_thread_wait_clock:
 * @time: time of @clock
 *
 * Waits for a time.  For the thread itself.
 *
 * Returns: FALSE if the wait was ended, and the thread is to call
 *   gst_mmio_capture_thread_enter()
 */
gboolean
gst_mmio_capture_thread_wait_clock (GstMmioCaptureThread * thread,
    GstClock * clock, GstClockTime time)
{
  gboolean woken;

  set_id (thread, clock, time);

  g_mutex_lock (&thread->lock);
  woken = is_woken (thread);
  thread->is_waiting = !woken;
  g_mutex_unlock (&thread->lock);

  if (woken)
    return FALSE;

  gst_clock_id_wait (thread->id, NULL);

  g_mutex_lock (&thread->lock);
  woken = is_woken (thread);
  thread->is_waiting = FALSE;
  g_mutex_unlock (&thread->lock);

  return !woken;
}

/**
 * gst_mmio_capture_thread_sleep:
 * @microseconds: how long
 *
 * For the thread itself.
 *
 * Returns: FALSE if the sleep was ended, and the thread is to call
 *   gst_mmio_capture_thread_enter()
 */
gboolean
gst_mmio_capture_thread_sleep (GstMmioCaptureThread * thread,
    gint64 microseconds)
{
  const gint64 end = g_get_monotonic_time () + microseconds;
  gboolean woken;

  g_mutex_lock (&thread->lock);
  while (!is_woken (thread) &&
      g_cond_wait_until (&thread->changed, &thread->lock, end));
  woken = is_woken (thread);
  g_mutex_unlock (&thread->lock);

  return !woken;
}
