/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rate of frames: an average that follows slow changes, ignores pauses and
 * single late frames, and switches to another rate after a few frames of it.
 * This file reads no clock.
 */
#include "sync/mmiorate.h"

/* A frame has a weight of 1/8 in the average */
#define SMOOTHING 8
/* A period that differs from the average by more than this factor belongs to
 * another rate or a pause. */
#define MAX_FACTOR 2
/* This many consecutive similar periods that differ from the average are a new
 * rate. */
#define ENOUGH 4

/* All pauses count as similar to each other, whatever their length */
static gboolean
is_pause (gint64 period)
{
  return period > MMIO_RATE_MAX_PERIOD;
}

static gboolean
is_like (gint64 period, gint64 other)
{
  if (is_pause (period) || is_pause (other))
    return is_pause (period) && is_pause (other);

  return period <= other * MAX_FACTOR && other <= period * MAX_FACTOR;
}

/* Handles a period that differs from the average */
static void
learn_other (MmioRate * rate, gint64 period)
{
  if (rate->n_others > 0 && is_like (period, rate->other)) {
    rate->n_others++;
    rate->other += (period - rate->other) / rate->n_others;
  } else {
    rate->n_others = 1;
    rate->other = period;
  }

  if (rate->n_others < ENOUGH)
    return;

  rate->period = is_pause (rate->other) ? 0 : rate->other;
  rate->n_others = 0;
}

/**
 * mmio_rate_learn:
 * @elapsed: time from one frame to a later one (microseconds)
 * @n_frames: number of frames in that time, including the later one; at least 1
 *
 * Updates the rate.  A pause or a single late frame does not change it.
 */
void
mmio_rate_learn (MmioRate * rate, gint64 elapsed, guint64 n_frames)
{
  const gint64 period = elapsed / (gint64) n_frames;

  if (period <= 0)
    return;

  if (rate->period == 0) {
    rate->period = is_pause (period) ? 0 : period;
    rate->n_others = 0;
  } else if (is_like (period, rate->period)) {
    rate->period += (period - rate->period) / SMOOTHING;
    rate->n_others = 0;
  } else {
    learn_other (rate, period);
  }
}
