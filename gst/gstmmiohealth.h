/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "capture/mmiocapture.h"

G_BEGIN_DECLS

/**
 * GstMmioHealthReason:
 * @GST_MMIO_HEALTH_GOOD: whole frames are sent
 * @GST_MMIO_HEALTH_NO_MODE: the device has no mode
 * @GST_MMIO_HEALTH_UNSTABLE_MODE: the mode changes faster than a frame can be read
 * @GST_MMIO_HEALTH_STALLED: the device starts no frame
 * @GST_MMIO_HEALTH_TORN: each frame is torn
 * @GST_MMIO_HEALTH_UNUSABLE: the device has returned and cannot be captured
 *
 * Why no frames, or no whole frames, are sent.
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
 * The health report: why no whole frames are sent, since when, and whether a
 * warning was posted. It is posted once, until whole frames are sent again.
 *
 * Locking: none; used by the capture thread.
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
