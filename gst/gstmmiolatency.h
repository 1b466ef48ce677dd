/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* The latency is the median of this number of ages. So single frames do not
 * count that are late on a busy machine, or early by chance. */
#define GST_MMIO_LATENCY_N_AGES 8

/**
 * GstMmioLatency:
 *
 * The age of a frame at the end of its capture, in powers of two milliseconds, so
 * that it seldom changes.
 *
 * Locking: none; the owner holds a lock.
 */
typedef struct {
  /*< private >*/
  GstClockTime latency;
  GstClockTime ages[GST_MMIO_LATENCY_N_AGES];
  guint n_ages;
  gboolean is_measured;
} GstMmioLatency;

void gst_mmio_latency_reset (GstMmioLatency * latency, GstClockTime estimate);
gboolean gst_mmio_latency_add (GstMmioLatency * latency, GstClockTime age);
GstClockTime gst_mmio_latency_get (const GstMmioLatency * latency);

G_END_DECLS
