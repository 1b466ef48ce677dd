/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frame pacing, as arithmetic: no clock is read here and nobody waits.  Times
 * are computed from slot numbers, so nothing adds up and drifts.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiopacer.h"

/* How late a frame may be at least, if the latency has room for it: what sinks
 * take for showing one (GstBaseSink's processing-deadline) */
#define MIN_TOLERANCE (20 * GST_MSECOND)

/**
 * gst_mmio_pacer_init:
 * @pacer: (out): a pacer without a rate
 */
void
gst_mmio_pacer_init (GstMmioPacer * pacer)
{
  *pacer = (GstMmioPacer) {
  0,};
}

/**
 * gst_mmio_pacer_reset:
 *
 * Forgets the rate and all frames. The latency is downstream's, and stays.
 */
void
gst_mmio_pacer_reset (GstMmioPacer * pacer)
{
  const GstClockTime latency = pacer->latency;

  gst_mmio_pacer_init (pacer);
  pacer->latency = latency;
}

/**
 * gst_mmio_pacer_set_rate:
 * @fps_n: frames
 * @fps_d: in so many seconds
 *
 * Sets or changes the rate; frame numbers go on.
 */
void
gst_mmio_pacer_set_rate (GstMmioPacer * pacer, gint fps_n, gint fps_d)
{
  if (pacer->fps_n == fps_n && pacer->fps_d == fps_d)
    return;

  pacer->fps_n = fps_n;
  pacer->fps_d = fps_d;
  pacer->started = FALSE;
}

/**
 * gst_mmio_pacer_set_latency:
 * @latency: the pipeline's, which the source's own, a period, is part of
 *
 * A sink without a queue before it gives the next frame its turn only when it
 * has shown the last one, which is at that one's time plus the latency.
 * Frames that are late by so much are in time nevertheless, but not by more
 * than a period or what a sink takes by itself: the latency may be that of
 * another branch, and a picture that is much younger than its timestamp is
 * worse than a missed one.
 */
void
gst_mmio_pacer_set_latency (GstMmioPacer * pacer, GstClockTime latency)
{
  pacer->latency = latency;
}

/**
 * gst_mmio_pacer_get_period:
 *
 * Returns: duration of a frame, or %GST_CLOCK_TIME_NONE without a rate
 */
GstClockTime
gst_mmio_pacer_get_period (const GstMmioPacer * pacer)
{
  if (pacer->fps_n == 0)
    return GST_CLOCK_TIME_NONE;

  return gst_util_uint64_scale_int (GST_SECOND, pacer->fps_d, pacer->fps_n);
}

/* How long after its slot a frame is in time */
static GstClockTime
get_tolerance (const GstMmioPacer * pacer)
{
  const GstClockTime period = gst_mmio_pacer_get_period (pacer);

  if (pacer->latency <= period)
    return 0;

  return MIN (pacer->latency - period, MAX (period, MIN_TOLERANCE));
}

/**
 * gst_mmio_pacer_next:
 * @now: running time
 * @frame: (out): the next frame; it is due now if its time is past
 *
 * Finds the frame to capture next.  Changes nothing: the frame counts when it
 * is taken.
 */
void
gst_mmio_pacer_next (const GstMmioPacer * pacer, GstClockTime now,
    GstMmioFrameTime * frame)
{
  const guint64 second = (guint64) GST_SECOND * pacer->fps_d;
  const guint64 slot = gst_util_uint64_scale (now, pacer->fps_n, second);
  const GstClockTime tolerance = get_tolerance (pacer);
  /* The oldest slot that is not too late */
  const guint64 oldest = now > tolerance ?
      gst_util_uint64_scale (now - tolerance, pacer->fps_n, second) : 0;

  frame->missed = 0;
  /* More than a slot back: running time began anew, after a flush */
  if (!pacer->started || slot + 1 < pacer->slot) {
    frame->slot = slot;
    /* At another rate: the slot that the last frame was in has had one */
    if (pacer->next_number > 0 && pacer->last <= now &&
        slot == gst_util_uint64_scale (pacer->last, pacer->fps_n, second))
      frame->slot++;
  } else if (oldest <= pacer->slot + 1) {
    frame->slot = pacer->slot + 1;
  } else {
    frame->slot = slot;
    frame->missed = slot - pacer->slot - 1;
  }

  frame->number = pacer->next_number + frame->missed;
  /* Rounded up, or the slot would not have begun yet */
  frame->due = gst_util_uint64_scale_ceil (frame->slot, second, pacer->fps_n);
  frame->pts = frame->due;
  if (frame->slot != pacer->slot + 1 || !pacer->started)
    frame->pts = MAX (now, frame->due);
}

/**
 * gst_mmio_pacer_take:
 * @frame: what gst_mmio_pacer_next() said
 *
 * Counts the frame as captured.
 */
void
gst_mmio_pacer_take (GstMmioPacer * pacer, const GstMmioFrameTime * frame)
{
  pacer->started = TRUE;
  pacer->slot = frame->slot;
  pacer->last = frame->pts;
  pacer->next_number = frame->number + 1;
}
