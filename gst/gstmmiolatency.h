/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

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
  GstClockTime least;
  guint n_ages;
  gboolean is_measured;
} GstMmioLatency;

void gst_mmio_latency_reset (GstMmioLatency * latency, GstClockTime guess);
gboolean gst_mmio_latency_add (GstMmioLatency * latency, GstClockTime age);
GstClockTime gst_mmio_latency_get (const GstMmioLatency * latency);

G_END_DECLS
