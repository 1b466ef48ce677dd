/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstmmiopacer.h"

G_BEGIN_DECLS

/**
 * GstMmioDeviceSync:
 *
 * Which of the frames that the device starts are sent: all of them, or as many
 * as the negotiated rate has.  It counts the others as missed where the consumer
 * would have got them.
 *
 * Locking: none; for the capture thread.
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
