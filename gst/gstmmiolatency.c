/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The element's own latency: what the capture of a frame takes.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiolatency.h"

/* The least age of so many frames in a row is that of the capture, and not of a
 * machine that is busy with something else */
#define N_AGES 8

/* A capture that takes longer is slower than any picture is of use.  For
 * comparison: 1920x1080 pixels of 3 bytes take 97 ms at 64 bytes per
 * microsecond. */
#define MAX_STEP (128 * GST_MSECOND)

static GstClockTime
round_up (GstClockTime age)
{
  GstClockTime step = GST_MSECOND;

  while (step < age && step < MAX_STEP)
    step *= 2;

  return step;
}

/**
 * gst_mmio_latency_reset:
 * @guess: nanoseconds that a capture may take
 *
 * Forgets all ages.
 */
void
gst_mmio_latency_reset (GstMmioLatency * latency, GstClockTime guess)
{
  *latency = (GstMmioLatency) {
  .latency = round_up (guess),.least = GST_CLOCK_TIME_NONE};
}

/**
 * gst_mmio_latency_add:
 * @age: nanoseconds from the timestamp of a frame to the end of its capture
 *
 * Measures the latency.  The first measurement replaces a guess that is too
 * high by more than a step; from then on the latency only grows.
 *
 * Returns: whether the latency is another one now
 */
gboolean
gst_mmio_latency_add (GstMmioLatency * latency, GstClockTime age)
{
  const GstClockTime before = latency->latency;
  GstClockTime measured;

  latency->least = MIN (latency->least, age);
  if (++latency->n_ages < N_AGES)
    return FALSE;

  measured = round_up (latency->least);
  if (measured > latency->latency ||
      (!latency->is_measured && measured < latency->latency / 2))
    latency->latency = measured;
  latency->is_measured = TRUE;
  latency->n_ages = 0;
  latency->least = GST_CLOCK_TIME_NONE;

  return latency->latency != before;
}

GstClockTime
gst_mmio_latency_get (const GstMmioLatency * latency)
{
  return latency->latency;
}
