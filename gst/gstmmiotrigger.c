/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wait for the next frame, where it is the device that starts one.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiotrigger.h"

/* From a picture to its frame there is a copy, or a few where it is torn, and a
 * device for which that takes longer than its picture stands has no whole ones:
 * so its period is enough.  While that is not known, and for a device that takes
 * its time between pictures, it is this: 1920 x 1080 of 3 bytes, in lines of 64
 * bytes of which each takes a microsecond on the bus, are 97 ms. */
#define MAX_DELAY (100 * GST_MSECOND)

/* Two clocks are looked at: so far apart in time, and so often at most.
 * Microseconds. */
#define MAX_APART 1000
#define MAX_LOOKS 4

/* What time may have gone back by and it was only read badly */
#define MAX_BACK GST_SECOND

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
  .period = GST_CLOCK_TIME_NONE,.delay = MAX_DELAY,.next = GST_CLOCK_TIME_NONE};
}

/**
 * gst_mmio_trigger_interrupt:
 *
 * Nobody wants frames for a while: those that come until the next wait are not
 * missed.
 */
void
gst_mmio_trigger_interrupt (GstMmioTrigger * trigger)
{
  trigger->last = 0;
  /* Running time may begin anew */
  trigger->last_pts = 0;
}

/* When it was, in running time.  Whoever takes the CPU away between two looks at
 * clocks makes them differ by as much. */
static GstClockTime
get_running_time (GstElement * element, gint64 time)
{
  GstClockTimeDiff now = 0, age = 0;
  gint64 least = G_MAXINT64;

  for (guint i = 0; i < MAX_LOOKS && least > MAX_APART; i++) {
    const gint64 before = g_get_monotonic_time ();
    const GstClockTime clock = gst_clock_get_time (GST_ELEMENT_CLOCK (element));
    const gint64 apart = g_get_monotonic_time () - before;

    if (apart >= least)
      continue;
    least = apart;
    now = GST_CLOCK_DIFF (element->base_time, clock);
    age = (before + apart / 2 - time) * GST_USECOND;
  }

  return MAX (now - age, 0);
}

/* The same of a picture that came after the last one, unless somebody has set
 * running time back */
static GstClockTime
get_next_running_time (const GstMmioTrigger * trigger, GstElement * element,
    gint64 time)
{
  const GstClockTime now = get_running_time (element, time);

  return now + MAX_BACK < trigger->last_pts ? now :
      MAX (now, trigger->last_pts);
}

static void
count_picture (GstMmioTrigger * trigger, const MmioCount * count)
{
  if (trigger->started)
    trigger->number += count->steps;

  /* Those that came while nobody wanted any are not missed */
  if (trigger->interrupted)
    trigger->unseen = 0;
  else if (trigger->started)
    trigger->unseen += count->steps - 1;

  trigger->started = TRUE;
  trigger->interrupted = FALSE;
}

/* How early a picture may be for a consumer who wants one every @period: a bit.
 * The next turn is counted from this one's, so that his rate stays. */
static GstClockTime
get_earliness (GstClockTime period)
{
  return period / 8;
}

/* The turn comes at most a period after the last picture that was taken, and
 * that may have been early: before that time only if time itself has begun
 * anew */
static gboolean
began_anew (const GstMmioTrigger * trigger, GstClockTime pts,
    GstClockTime period)
{
  return pts + period + get_earliness (period) < trigger->next;
}

/* Whether it is one for a consumer who wants one every @period, and not all */
static gboolean
is_due (const GstMmioTrigger * trigger, GstClockTime pts, GstClockTime period)
{
  return !GST_CLOCK_TIME_IS_VALID (period) ||
      !GST_CLOCK_TIME_IS_VALID (trigger->next) ||
      began_anew (trigger, pts, period) ||
      pts + get_earliness (period) >= trigger->next;
}

/* Sends the picture.  Returns: how many the consumer has missed before it */
static guint64
take_picture (GstMmioTrigger * trigger, GstClockTime pts, GstClockTime period)
{
  guint64 missed = trigger->unseen;

  trigger->unseen = 0;
  if (!GST_CLOCK_TIME_IS_VALID (period))
    return missed;

  if (!GST_CLOCK_TIME_IS_VALID (trigger->next) ||
      began_anew (trigger, pts, period)) {
    trigger->next = pts + period;
    return missed;
  }

  /* Of those that nobody saw he would have got his share, and no more */
  missed = MIN (missed, (pts + get_earliness (period) -
          trigger->next) / period);
  trigger->next = period + (pts > trigger->next + period ? pts : trigger->next);
  return missed;
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
  else if (mmio_capture_is_being_written (capture))
    GST_ELEMENT_WARNING (element, RESOURCE, READ,
        ("%s has been writing one picture for a second, says its frame counter,"
            " which is odd; frames go on when it is complete.  If it shows one "
            "all the same, check counter-offset, counter-size and "
            "counter-seqlock.", mmio_capture_get_device_address (capture)),
        (NULL));
  else
    GST_ELEMENT_WARNING (element, RESOURCE, READ,
        ("%s has had no new picture for a second, says its frame counter; "
            "frames go on when it goes on counting.  If it shows one all the "
            "same, check counter-bar, counter-offset and counter-size.",
            mmio_capture_get_device_address (capture)), (NULL));
  GST_OBJECT_LOCK (element);
}

/* Lets go of the object lock meanwhile.  @end: when it has to end; 0: whenever
 * there is one */
static MmioWait
wait_for_picture (GstMmioTrigger * trigger, GstElement * element,
    MmioCapture * capture, gint64 end, MmioCount * count)
{
  const gint64 now = g_get_monotonic_time ();
  const gint64 deadline = end > 0 ? end :
      trigger->stands_still ? now + STALL : MAX (trigger->last + STALL, now);
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
 * @patience: microseconds that it is waited; 0: until there is one
 * @frame: (out): the frame that is there; it counts as taken
 *
 * Waits for the next frame.  Only the streaming thread does so.
 *
 * Returns: as of gst_mmio_timer_wait(); or %GST_MMIO_FLOW_GONE; or
 *   %GST_MMIO_FLOW_NO_FRAME after @patience, and if there was no picture for a
 *   second from a device that shows another one, or none
 */
GstFlowReturn
gst_mmio_trigger_wait (GstMmioTrigger * trigger, GstMmioTimer * timer,
    GstElement * element, MmioCapture * capture, gint64 patience,
    GstMmioFrameTime * frame)
{
  const gint64 end = patience > 0 ? g_get_monotonic_time () + patience : 0;

  for (;;) {
    const gboolean was_paused = timer->paused;
    const GstFlowReturn ret = gst_mmio_timer_wait_playing (timer, element);
    const GstClockTime period = gst_mmio_pacer_get_period (&timer->pacer);
    GstClockTime pts;
    MmioCount count;

    if (ret != GST_FLOW_OK)
      return ret;
    if (was_paused || trigger->last == 0) {
      trigger->interrupted = TRUE;
      trigger->last = g_get_monotonic_time ();
      mmio_capture_interrupt (capture);
    }

    switch (wait_for_picture (trigger, element, capture, end, &count)) {
      case MMIO_WAIT_FRAME:
        break;
      case MMIO_WAIT_TIMEOUT:
        if (end > 0)
          return GST_MMIO_FLOW_NO_FRAME;
        /* It has something else to do than to paint */
        if (mmio_capture_look (capture) != MMIO_MODE_SAME) {
          trigger->last = g_get_monotonic_time ();
          return GST_MMIO_FLOW_NO_FRAME;
        }
        tell_of_stall (trigger, element, capture);
        continue;
      case MMIO_WAIT_WOKEN:
        continue;
      case MMIO_WAIT_GONE:
        return GST_MMIO_FLOW_GONE;
    }

    trigger->last = count.time;
    trigger->stands_still = FALSE;
    count_picture (trigger, &count);
    if (timer->paused || timer->unlocked || !GST_ELEMENT_CLOCK (element))
      continue;

    pts = get_next_running_time (trigger, element, count.time);
    if (!is_due (trigger, pts, period)) {
      if (end > 0 && g_get_monotonic_time () >= end)
        return GST_MMIO_FLOW_NO_FRAME;
      continue;
    }

    trigger->last_pts = pts;
    *frame = (GstMmioFrameTime) {
    .due = pts,.pts = pts,.number = trigger->number,.missed =
          take_picture (trigger, pts, period)};
    return GST_FLOW_OK;
  }
}

/**
 * gst_mmio_trigger_delay:
 * @wanted_period: as of gst_mmio_trigger_skip()
 * @frame: (inout): a frame that could not be sent when it was there
 *
 * Makes it one of now, and the next one comes after it.
 */
void
gst_mmio_trigger_delay (GstMmioTrigger * trigger, GstElement * element,
    GstClockTime wanted_period, GstMmioFrameTime * frame)
{
  if (!GST_ELEMENT_CLOCK (element))
    return;

  frame->pts = get_running_time (element, g_get_monotonic_time ());
  frame->due = frame->pts;
  trigger->last_pts = frame->pts;
  if (GST_CLOCK_TIME_IS_VALID (wanted_period))
    trigger->next = frame->pts + wanted_period;
}

/**
 * gst_mmio_trigger_update_delay:
 *
 * Makes the delay what is known by now of the device's rate, which is measured
 * and never twice the same.
 *
 * Returns: whether it is another one in earnest
 */
gboolean
gst_mmio_trigger_update_delay (GstMmioTrigger * trigger)
{
  const GstClockTime last = trigger->delay;
  const GstClockTime delay = MIN (trigger->period, MAX_DELAY);

  if (!GST_CLOCK_TIME_IS_VALID (trigger->period) ||
      /* It is not always true: cppcheck takes no note of what MIN() does */
      /* cppcheck-suppress knownConditionTrueFalse */
      (delay <= last + last / 4 && delay >= last - last / 4))
    return FALSE;

  trigger->delay = delay;
  return TRUE;
}

/**
 * gst_mmio_trigger_skip:
 * @newer: by how many pictures the one that was read is newer than the one that
 *   was waited for
 * @wanted_period: from one frame to the next, or %GST_CLOCK_TIME_NONE for a
 *   consumer who wants all of them
 * @frame: (inout): the frame
 *
 * Makes the frame that of the picture that was read; those before it are
 * missed.
 */
void
gst_mmio_trigger_skip (GstMmioTrigger * trigger, GstElement * element,
    guint64 newer, GstClockTime wanted_period, GstMmioFrameTime * frame)
{
  GstClockTime now = frame->pts;

  if (newer == 0)
    return;

  trigger->number += newer;
  frame->number += newer;

  /* The next one comes later than now */
  if (GST_ELEMENT_CLOCK (element))
    now = get_running_time (element, g_get_monotonic_time ());
  if (GST_CLOCK_TIME_IS_VALID (trigger->period) && now > frame->pts)
    frame->pts += MIN (newer * trigger->period, now - frame->pts);
  trigger->last_pts = frame->pts;

  /* The turn was this one's as well */
  if (!GST_CLOCK_TIME_IS_VALID (wanted_period))
    frame->missed += newer;
  else
    trigger->unseen += newer;
}
