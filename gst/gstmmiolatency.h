/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* The latency is the median of so many ages in a row, so that frames that are
 * late as the machine is busy count no more than one that is early by luck */
#define GST_MMIO_LATENCY_N_AGES 8

/**
 * GstMmioLatency:
 *
 * The age of a frame when its capture ends, in steps of powers of two
 * milliseconds so that it seldom changes.
 *
 * Locking: none.
 */
typedef struct {
  /*< private >*/
  GstClockTime latency;
  GstClockTime ages[GST_MMIO_LATENCY_N_AGES];
  guint n_ages;
  gboolean is_measured;
} GstMmioLatency;

void gst_mmio_latency_reset (GstMmioLatency * latency, GstClockTime guess);
gboolean gst_mmio_latency_add (GstMmioLatency * latency, GstClockTime age);
GstClockTime gst_mmio_latency_get (const GstMmioLatency * latency);

G_END_DECLS
