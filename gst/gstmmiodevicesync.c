/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames that the device starts, as arithmetic: no clock is read here.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiodevicesync.h"

/* Running time that goes back by less was read imprecisely, and did not begin
 * anew */
#define MAX_BACK GST_SECOND

/**
 * gst_mmio_device_sync_reset:
 *
 * Forgets all frames, for a new run.
 */
void
gst_mmio_device_sync_reset (GstMmioDeviceSync * sync)
{
  *sync = (GstMmioDeviceSync) {
  .is_discont = TRUE,.next = GST_CLOCK_TIME_NONE};
}

/**
 * gst_mmio_device_sync_set_discont:
 *
 * Has the frames before the next one not count as missed.  Running time may
 * begin anew.
 */
void
gst_mmio_device_sync_set_discont (GstMmioDeviceSync * sync)
{
  sync->is_discont = TRUE;
  sync->last_pts = 0;
}

static void
count_frames (GstMmioDeviceSync * sync, guint64 steps)
{
  if (sync->is_started)
    sync->number += steps;

  if (sync->is_discont)
    sync->unseen = 0;
  else if (sync->is_started)
    sync->unseen += steps - 1;

  sync->is_started = TRUE;
  sync->is_discont = FALSE;
}

/* How early a frame may be for a consumer who wants one every @period.  The next
 * one is counted from the time at which this one was wanted, so that the
 * consumer's rate stays. */
static GstClockTime
get_earliness (GstClockTime period)
{
  return period / 8;
}

/* A frame is wanted at most a period after the last one, which may have been
 * early: before that time only if running time has begun anew */
static gboolean
began_anew (const GstMmioDeviceSync * sync, GstClockTime pts,
    GstClockTime period)
{
  return pts + period + get_earliness (period) < sync->next;
}

/* Whether it is one for a consumer who wants one every @period, and not all */
static gboolean
is_due (const GstMmioDeviceSync * sync, GstClockTime pts, GstClockTime period)
{
  return !GST_CLOCK_TIME_IS_VALID (period) ||
      !GST_CLOCK_TIME_IS_VALID (sync->next) ||
      began_anew (sync, pts, period) ||
      pts + get_earliness (period) >= sync->next;
}

/* Takes the frame.  Returns: how many the consumer has missed before it */
static guint64
take_frame (GstMmioDeviceSync * sync, GstClockTime pts, GstClockTime period)
{
  guint64 missed = sync->unseen;

  sync->unseen = 0;
  if (!GST_CLOCK_TIME_IS_VALID (period))
    return missed;

  if (!GST_CLOCK_TIME_IS_VALID (sync->next) || began_anew (sync, pts, period)) {
    sync->next = pts + period;
    return missed;
  }

  /* Of those that were not seen, no more than the consumer's share */
  missed = MIN (missed, (pts + get_earliness (period) - sync->next) / period);
  sync->next = period + (pts > sync->next + period ? pts : sync->next);
  return missed;
}

/**
 * gst_mmio_device_sync_next:
 * @steps: frames that the device has started since the last call, this one
 *   among them
 * @running_time: when it started this one; negative if that was before running
 *   time 0, when no frames are wanted
 * @wanted_period: nanoseconds from one frame to the next that the consumer
 *   wants, or %GST_CLOCK_TIME_NONE for all of them
 * @frame: (out): the frame, if it is due; it counts as taken
 *
 * Returns: whether the frame is due
 */
gboolean
gst_mmio_device_sync_next (GstMmioDeviceSync * sync, guint64 steps,
    GstClockTimeDiff running_time, GstClockTime wanted_period,
    GstMmioFrameTime * frame)
{
  GstClockTime pts;

  count_frames (sync, steps);
  if (running_time < 0) {
    sync->is_discont = TRUE;
    return FALSE;
  }

  pts = running_time;
  if (pts + MAX_BACK >= sync->last_pts)
    pts = MAX (pts, sync->last_pts);
  sync->time = pts;
  if (!is_due (sync, pts, wanted_period))
    return FALSE;

  sync->last_pts = pts;
  *frame = (GstMmioFrameTime) {
  .pts = pts,.duration = GST_CLOCK_TIME_NONE,.number =
        sync->number,.missed = take_frame (sync, pts, wanted_period)};
  return TRUE;
}

/**
 * gst_mmio_device_sync_update:
 * @frame: (inout): a frame that was taken, and not read
 *
 * Makes the frame the last one that the device has started, be it one that was not
 * due.
 */
void
gst_mmio_device_sync_update (const GstMmioDeviceSync * sync,
    GstMmioFrameTime * frame)
{
  frame->number = sync->number;
  frame->pts = sync->time;
}

/**
 * gst_mmio_device_sync_delay:
 * @now: running time
 * @wanted_period: as of gst_mmio_device_sync_next()
 * @frame: (inout): a frame that could not be read when the device started it
 *
 * Stamps the frame with @now; the next one comes after it.
 */
void
gst_mmio_device_sync_delay (GstMmioDeviceSync * sync, GstClockTime now,
    GstClockTime wanted_period, GstMmioFrameTime * frame)
{
  frame->pts = now;
  sync->last_pts = now;
  if (GST_CLOCK_TIME_IS_VALID (wanted_period))
    sync->next = now + wanted_period;
}

/**
 * gst_mmio_device_sync_skip:
 * @newer: by how many frames the one that was read is newer than @frame
 * @now: running time
 * @device_period: the device's nanoseconds from one frame to the next, or
 *   %GST_CLOCK_TIME_NONE
 * @wanted_period: as of gst_mmio_device_sync_next()
 * @frame: (inout): the frame
 *
 * Makes the frame the one that was read; those before it are missed.
 */
void
gst_mmio_device_sync_skip (GstMmioDeviceSync * sync, guint64 newer,
    GstClockTime now, GstClockTime device_period, GstClockTime wanted_period,
    GstMmioFrameTime * frame)
{
  sync->number += newer;
  frame->number += newer;

  /* The next one comes later than now */
  if (GST_CLOCK_TIME_IS_VALID (device_period) && now > frame->pts)
    frame->pts += MIN (newer * device_period, now - frame->pts);
  sync->last_pts = sync->time = frame->pts;

  if (!GST_CLOCK_TIME_IS_VALID (wanted_period))
    frame->missed += newer;
  else
    sync->unseen += newer;
}
