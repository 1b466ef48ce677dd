/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "capture/mmiocapture.h"

G_BEGIN_DECLS

/**
 * GstMmioHealthReason:
 * @GST_MMIO_HEALTH_GOOD: whole frames come
 * @GST_MMIO_HEALTH_NO_MODE: the device shows nothing
 * @GST_MMIO_HEALTH_UNSTABLE_MODE: its mode changes faster than it can be read
 * @GST_MMIO_HEALTH_STALLED: it has no new frame
 * @GST_MMIO_HEALTH_TORN: its frames are never whole
 * @GST_MMIO_HEALTH_UNUSABLE: it is back, and cannot be captured
 *
 * Why there are no frames, or no whole ones.
 */
typedef enum {
  GST_MMIO_HEALTH_GOOD,
  GST_MMIO_HEALTH_NO_MODE,
  GST_MMIO_HEALTH_UNSTABLE_MODE,
  GST_MMIO_HEALTH_STALLED,
  GST_MMIO_HEALTH_TORN,
  GST_MMIO_HEALTH_UNUSABLE,
} GstMmioHealthReason;

/**
 * GstMmioHealth:
 *
 * What keeps whole frames from coming, since when, and whether applications
 * have been warned: once, until whole frames come again.
 *
 * Locking: none; for the capture thread.
 */
typedef struct {
  /*< private >*/
  GstMmioHealthReason reason;
  gint64 since;
  guint times;
  gboolean is_reported;
} GstMmioHealth;

void gst_mmio_health_reset (GstMmioHealth * health);
void gst_mmio_health_note (GstMmioHealth * health, GstMmioHealthReason reason,
    GstElement * element, MmioCapture * capture, const GError * error);
void gst_mmio_health_end (GstMmioHealth * health, GstMmioHealthReason reason);

G_END_DECLS
