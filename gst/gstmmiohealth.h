/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "capture/mmiocapture.h"

G_BEGIN_DECLS

/**
 * GstMmioTrouble:
 * @GST_MMIO_TROUBLE_NONE: whole frames come
 * @GST_MMIO_TROUBLE_NO_MODE: the device shows nothing
 * @GST_MMIO_TROUBLE_RESTLESS: its mode changes faster than it can be read
 * @GST_MMIO_TROUBLE_STALLED: it has no new frame
 * @GST_MMIO_TROUBLE_TORN: its frames are never whole
 * @GST_MMIO_TROUBLE_UNUSABLE: it is back, and cannot be captured
 *
 * Why there are no frames, or no whole ones.
 */
typedef enum {
  GST_MMIO_TROUBLE_NONE,
  GST_MMIO_TROUBLE_NO_MODE,
  GST_MMIO_TROUBLE_RESTLESS,
  GST_MMIO_TROUBLE_STALLED,
  GST_MMIO_TROUBLE_TORN,
  GST_MMIO_TROUBLE_UNUSABLE,
} GstMmioTrouble;

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
  GstMmioTrouble trouble;
  gint64 since;
  guint times;
  gboolean is_reported;
} GstMmioHealth;

void gst_mmio_health_reset (GstMmioHealth * health);
void gst_mmio_health_note (GstMmioHealth * health, GstMmioTrouble trouble,
    GstElement * element, MmioCapture * capture, const GError * error);
void gst_mmio_health_end (GstMmioHealth * health, GstMmioTrouble trouble);

G_END_DECLS
