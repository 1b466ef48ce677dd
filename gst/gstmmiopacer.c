/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frame pacing: pure arithmetic, reads no clock. Times are computed from tick
 * numbers, so that errors do not accumulate.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiopacer.h"

/* A frame that is captured this soon after its tick began gets the time of the
 * tick, so that timestamps are regular. It is the time of a wake-up on a machine
 * that is not overloaded. */
#define WAKE_UP_TIME GST_MSECOND

/**
 * gst_mmio_pacer_init:
 * @pacer: (out): the pacer
 *
 * Initialises a pacer without a rate.
 */
void
gst_mmio_pacer_init (GstMmioPacer * pacer)
{
  *pacer = (GstMmioPacer) {
  0,};
}

/**
 * gst_mmio_pacer_set_rate:
 * @fps_n: numerator of the frame rate
 * @fps_d: denominator of the frame rate
 *
 * Sets or changes the rate. Frame numbers continue.
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
 * Gets the period.
 *
 * Returns: nanoseconds between two frames, or %GST_CLOCK_TIME_NONE without a rate
 */
GstClockTime
gst_mmio_pacer_get_period (const GstMmioPacer * pacer)
{
  if (pacer->fps_n == 0)
    return GST_CLOCK_TIME_NONE;

  return gst_util_uint64_scale_int (GST_SECOND, pacer->fps_d, pacer->fps_n);
}

/* Returns: running time at which a tick begins, rounded up, so that the tick has
 * begun then */
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
 * Excludes the frames before the next one from the missed frames.
 */
void
gst_mmio_pacer_set_discont (GstMmioPacer * pacer)
{
  pacer->is_discont = TRUE;
}

/**
 * gst_mmio_pacer_next:
 * @now: running time
 * @frame: (out): the next frame; it is due if its @due is not after @now
 *
 * Finds the frame to capture next. The state does not change before
 * gst_mmio_pacer_take().
 */
void
gst_mmio_pacer_next (const GstMmioPacer * pacer, GstClockTime now,
    GstMmioFrameTime * frame)
{
  const guint64 tick = get_tick (pacer, now);

  frame->missed = 0;
  /* More than a tick back: running time has begun again after a flush */
  if (!pacer->started || tick + 1 < pacer->tick) {
    frame->tick = tick;
    /* After a change of rate: the tick of the last frame has had a frame */
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
 * @frame: the frame of gst_mmio_pacer_next()
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
 * @frame: (inout): a frame that was taken and could not be captured
 *
 * Stamps the frame again, to capture it now.
 *
 * Returns: FALSE if the next frame is due
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
