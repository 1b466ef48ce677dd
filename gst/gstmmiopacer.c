/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frame pacing, as arithmetic: no clock is read here and nobody waits.  Times
 * are computed from tick numbers, so nothing adds up and drifts.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiopacer.h"

/* A frame that is captured so soon after its tick has begun is stamped with the
 * tick's time, which keeps timestamps regular.  It is what a wake-up takes on a
 * machine that is not overloaded. */
#define WAKE_UP_TIME GST_MSECOND

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

/* Running time at which a tick begins, rounded up, or it would not have begun
 * yet */
static GstClockTime
get_begin (const GstMmioPacer * pacer, guint64 tick)
{
  return gst_util_uint64_scale_ceil (tick, (guint64) GST_SECOND * pacer->fps_d,
      pacer->fps_n);
}

static guint64
get_tick (const GstMmioPacer * pacer, GstClockTime now)
{
  return gst_util_uint64_scale (now, pacer->fps_n,
      (guint64) GST_SECOND * pacer->fps_d);
}

static void
stamp (const GstMmioPacer * pacer, GstClockTime now, GstMmioFrameTime * frame)
{
  frame->due = get_begin (pacer, frame->tick);
  frame->pts = frame->due;
  frame->duration = gst_mmio_pacer_get_period (pacer);
  if (now > frame->due + WAKE_UP_TIME) {
    frame->pts = now;
    frame->duration = get_begin (pacer, frame->tick + 1) - now;
  }
}

/**
 * gst_mmio_pacer_set_discont:
 *
 * Has the frames before the next one not count as missed.
 */
void
gst_mmio_pacer_set_discont (GstMmioPacer * pacer)
{
  pacer->is_discont = TRUE;
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
  const guint64 tick = get_tick (pacer, now);

  frame->missed = 0;
  /* More than a tick back: running time began anew, after a flush */
  if (!pacer->started || tick + 1 < pacer->tick) {
    frame->tick = tick;
    /* At another rate: the tick that the last frame was in has had one */
    if (pacer->next_number > 0 && pacer->last <= now &&
        tick == get_tick (pacer, pacer->last))
      frame->tick++;
  } else if (tick <= pacer->tick + 1) {
    frame->tick = pacer->tick + 1;
  } else {
    frame->tick = tick;
    if (!pacer->is_discont)
      frame->missed = tick - pacer->tick - 1;
  }

  frame->number = pacer->next_number + frame->missed;
  stamp (pacer, now, frame);
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
  pacer->is_discont = FALSE;
  pacer->tick = frame->tick;
  pacer->last = frame->pts;
  pacer->next_number = frame->number + 1;
}

/**
 * gst_mmio_pacer_retry:
 * @now: running time
 * @frame: (inout): a frame that was taken, and could not be captured
 *
 * Stamps the frame anew, to capture it now.
 *
 * Returns: FALSE if another frame is due by now
 */
gboolean
gst_mmio_pacer_retry (GstMmioPacer * pacer, GstClockTime now,
    GstMmioFrameTime * frame)
{
  if (!pacer->started) {
    /* Another rate has other ticks */
    frame->tick = get_tick (pacer, now);
    pacer->tick = frame->tick;
    pacer->started = TRUE;
  }
  if (frame->tick != pacer->tick || now >= get_begin (pacer, frame->tick + 1))
    return FALSE;

  stamp (pacer, now, frame);
  pacer->last = frame->pts;
  return TRUE;
}
