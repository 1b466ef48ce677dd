/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rate at which pictures come: an average that follows slow changes, lets
 * what is a pause or a hiccup pass, and takes over another rate once that has
 * shown itself.  Arithmetic, no clock.
 */
#include "sync/mmiorate.h"

/* Weight of a picture in the average */
#define SMOOTHING 8
/* Farther from the average than by this factor it is no sample of the same rate:
 * a wait that was longer by all of a period has seen a pause */
#define MAX_FACTOR 2
/* So many in a row that are like each other, and not like the average, are
 * another rate */
#define ENOUGH 4

/* Pauses have no length that they would have to share */
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

/* One that is not like the average */
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
 * @elapsed: microseconds since a picture had come, until one did
 * @n_frames: how many came meanwhile, that one among them
 *
 * Learns from two pictures.  What is known of the rate outlives a pause, and a
 * single one that came late; another rate is known after a few pictures.
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
