/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The capture thread: starts, holds, wakes and joins it.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiocapturethread.h"

/* The kernel keeps 15 characters of a thread name (TASK_COMM_LEN) */
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
 * @func: the thread function; it calls gst_mmio_capture_thread_enter() until that
 *   returns FALSE
 * @data: the argument of @func
 *
 * Starts the thread, held by %GST_MMIO_HOLD_NEGOTIATION.
 *
 * Returns: FALSE with @error set if the process cannot create a thread
 */
gboolean
gst_mmio_capture_thread_start (GstMmioCaptureThread * thread, GThreadFunc func,
    gpointer data, GError ** error)
{
  /* Pending events stay: the device may have been removed since it was opened */
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
 * Waits until the thread ends. The caller has held it with %GST_MMIO_HOLD_STOP.
 */
void
gst_mmio_capture_thread_join (GstMmioCaptureThread * thread)
{
  g_thread_join (g_steal_pointer (&thread->thread));
}

/* Adds @holds and @events, and ends the wait of the thread.
 * Locking: calls the clock without the lock. */
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
 * @hold: the reason
 *
 * Holds the thread from its next gst_mmio_capture_thread_enter() on, and ends its
 * wait.
 */
void
gst_mmio_capture_thread_hold (GstMmioCaptureThread * thread, GstMmioHold hold)
{
  wake (thread, hold, hold == GST_MMIO_HOLD_FLUSH ? GST_MMIO_EVENT_FLUSH : 0);
}

/**
 * gst_mmio_capture_thread_notify_hotplug:
 *
 * Ends the current or next wait of the thread once: the device may have been
 * removed or may have returned.
 */
void
gst_mmio_capture_thread_notify_hotplug (GstMmioCaptureThread * thread)
{
  wake (thread, 0, GST_MMIO_EVENT_HOTPLUG);
}

/**
 * gst_mmio_capture_thread_set_paused:
 * @paused: whether gst_mmio_capture_thread_wait_playing() waits
 *
 * Begins or ends a pause, and wakes the thread.
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
 * @microseconds: the timeout; -1 for none
 *
 * Waits until the held thread is parked, so that it captures nothing.
 *
 * Returns: FALSE after a timeout
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
 * @hold: the reason that ends
 *
 * Ends a hold. The thread continues when no other hold is left.
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
 * @events: (out): the events since the last call, as bits of #GstMmioEvent
 *
 * Waits while the thread is held. Called by the thread itself.
 *
 * Returns: FALSE if the thread is to end
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

/* Locking: called with the lock */
static gboolean
is_woken (const GstMmioCaptureThread * thread)
{
  return thread->holds || thread->events;
}

/**
 * gst_mmio_capture_thread_is_woken:
 *
 * Checks for a hold or an event.
 *
 * Returns: whether the thread has to call gst_mmio_capture_thread_enter()
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
 * Checks for a pause.
 *
 * Returns: whether the element is paused
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
 * Checks for a pause since the last gst_mmio_capture_thread_enter().
 *
 * Returns: whether a pause has begun since, even if it has ended
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
 * @hold: a reason
 *
 * Checks for a hold.
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
 * Waits until a pause ends. Called by the thread itself.
 *
 * Returns: FALSE if the thread was woken and has to call
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

/* Prepares the clock ID for @time. It is created only if the clock has changed. */
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
 * @clock: a clock
 * @time: absolute time of @clock
 *
 * Waits until @time. Called by the thread itself.
 *
 * Returns: FALSE if the thread was woken and has to call
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
 * @microseconds: the duration
 *
 * Sleeps. Called by the thread itself.
 *
 * Returns: FALSE if the thread was woken and has to call
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
