/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Device sync: selects, numbers and stamps the frames that the device starts. Pure
 * arithmetic, reads no clock.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiodevicesync.h"

/* Running time that goes back by less is imprecise; by more, it has begun again */
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
 * Excludes the frames before the next one from the missed frames. Running time may
 * begin again.
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

/* Returns: nanoseconds by which a frame may be early for a consumer that wants a
 * frame every @period. The next period begins at the time at which this frame
 * was wanted, so that the rate of the consumer stays. */
static GstClockTime
get_earliness (GstClockTime period)
{
  return period / 8;
}

/* Returns: whether running time has begun again. A frame is wanted at most a
 * period after the last one, which may have been early. */
static gboolean
began_anew (const GstMmioDeviceSync * sync, GstClockTime pts,
    GstClockTime period)
{
  return pts + period + get_earliness (period) < sync->next;
}

/* Returns: whether a consumer that wants a frame every @period wants this one */
static gboolean
is_due (const GstMmioDeviceSync * sync, GstClockTime pts, GstClockTime period)
{
  return !GST_CLOCK_TIME_IS_VALID (period) ||
      !GST_CLOCK_TIME_IS_VALID (sync->next) ||
      began_anew (sync, pts, period) ||
      pts + get_earliness (period) >= sync->next;
}

/* Takes the frame. Returns: number of frames that the consumer has missed before
 * it */
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

  /* Of the frames that were not seen, counts those that the consumer wanted */
  missed = MIN (missed, (pts + get_earliness (period) - sync->next) / period);
  sync->next = period + (pts > sync->next + period ? pts : sync->next);
  return missed;
}

/**
 * gst_mmio_device_sync_next:
 * @steps: number of frames that the device has started since the last call,
 *   including this one
 * @running_time: when the device started this frame (nanoseconds); negative before
 *   running time 0, when no frame is due
 * @wanted_period: wanted nanoseconds between two frames, or %GST_CLOCK_TIME_NONE
 *   for all frames
 * @frame: (out): the frame, if it is due; it counts as taken
 *
 * Counts frames that the device has started, and decides whether the last one is
 * sent.
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
 * @frame: (inout): a frame that was taken and not read
 *
 * Moves @frame to the last frame that the device has started, even if that was not
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
 * @wanted_period: see gst_mmio_device_sync_next()
 * @frame: (inout): a frame that could not be read when the device started it
 *
 * Stamps @frame with @now. The next frame gets a later time.
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
 * @newer: number of frames by which the frame that was read is newer than @frame
 * @now: running time
 * @device_period: nanoseconds between two frames of the device, or
 *   %GST_CLOCK_TIME_NONE
 * @wanted_period: see gst_mmio_device_sync_next()
 * @frame: (inout): the frame
 *
 * Moves @frame to the frame that was read. The frames before it are missed.
 */
void
gst_mmio_device_sync_skip (GstMmioDeviceSync * sync, guint64 newer,
    GstClockTime now, GstClockTime device_period, GstClockTime wanted_period,
    GstMmioFrameTime * frame)
{
  sync->number += newer;
  frame->number += newer;

  /* Not later than now, as the next frame comes later */
  if (GST_CLOCK_TIME_IS_VALID (device_period) && now > frame->pts)
    frame->pts += MIN (newer * device_period, now - frame->pts);
  sync->last_pts = sync->time = frame->pts;

  if (!GST_CLOCK_TIME_IS_VALID (wanted_period))
    frame->missed += newer;
  else
    sync->unseen += newer;
}
