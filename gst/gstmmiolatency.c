/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measures the latency of the element: the duration of a capture.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiolatency.h"

/* Maximum: a slower capture has no use. For comparison: 1920x1080 pixels of 3
 * bytes take 97 ms at 64 bytes per microsecond. */
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
 * @estimate: estimated duration of a capture (nanoseconds)
 *
 * Sets the latency to an estimate, and forgets all measurements.
 */
void
gst_mmio_latency_reset (GstMmioLatency * latency, GstClockTime estimate)
{
  *latency = (GstMmioLatency) {
  .latency = round_up (estimate)};
}

/* Inserts @age in ascending order */
static void
insert (GstMmioLatency * latency, GstClockTime age)
{
  guint i = latency->n_ages++;

  for (; i > 0 && latency->ages[i - 1] > age; i--)
    latency->ages[i] = latency->ages[i - 1];
  latency->ages[i] = age;
}

/**
 * gst_mmio_latency_add:
 * @age: nanoseconds from the timestamp of a frame to the end of its capture
 *
 * Adds a measurement. The first median replaces an estimate that is more than a
 * step too high; afterwards the latency only grows.
 *
 * Returns: whether the latency has changed
 */
gboolean
gst_mmio_latency_add (GstMmioLatency * latency, GstClockTime age)
{
  const GstClockTime before = latency->latency;
  GstClockTime measured;

  insert (latency, age);
  if (latency->n_ages < GST_MMIO_LATENCY_N_AGES)
    return FALSE;

  measured = round_up (latency->ages[GST_MMIO_LATENCY_N_AGES / 2]);
  if (measured > latency->latency ||
      (!latency->is_measured && measured < latency->latency / 2))
    latency->latency = measured;
  latency->is_measured = TRUE;
  latency->n_ages = 0;

  return latency->latency != before;
}

GstClockTime
gst_mmio_latency_get (const GstMmioLatency * latency)
{
  return latency->latency;
}
