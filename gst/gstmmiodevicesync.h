/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstmmiopacer.h"

G_BEGIN_DECLS

/**
 * GstMmioDeviceSync:
 *
 * Selects the frames to send among those that the device starts: all of them, or as
 * many as the negotiated rate. Counts the frames that were wanted and not captured
 * as missed.
 *
 * Locking: none; used by the capture thread.
 */
typedef struct {
  /*< private >*/
  gboolean is_started;
  gboolean is_discont;
  guint64 number;
  guint64 unseen;
  GstClockTime next;
  GstClockTime last_pts;
  GstClockTime time;
} GstMmioDeviceSync;

void gst_mmio_device_sync_reset (GstMmioDeviceSync * sync);
void gst_mmio_device_sync_set_discont (GstMmioDeviceSync * sync);

gboolean gst_mmio_device_sync_next (GstMmioDeviceSync * sync, guint64 steps,
    GstClockTimeDiff running_time, GstClockTime wanted_period,
    GstMmioFrameTime * frame);
void gst_mmio_device_sync_update (const GstMmioDeviceSync * sync,
    GstMmioFrameTime * frame);
void gst_mmio_device_sync_delay (GstMmioDeviceSync * sync, GstClockTime now,
    GstClockTime wanted_period, GstMmioFrameTime * frame);
void gst_mmio_device_sync_skip (GstMmioDeviceSync * sync, guint64 newer,
    GstClockTime now, GstClockTime device_period, GstClockTime wanted_period,
    GstMmioFrameTime * frame);

G_END_DECLS
