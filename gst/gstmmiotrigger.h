/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstmmiotimer.h"
#include "mmiocapture.h"

G_BEGIN_DECLS

/* There will be no frame, as the device has gone */
#define GST_MMIO_FLOW_GONE GST_FLOW_CUSTOM_ERROR

/**
 * GstMmioTrigger:
 * @period: nanoseconds from one picture of the device to the next, about, or
 *   %GST_CLOCK_TIME_NONE
 * @delay: nanoseconds, within which a picture is a frame: what the element
 *   answers for its latency
 *
 * Waits for the frames that the device starts, as #GstMmioTimer does for those
 * that the clock starts.  Everything here is called with the element's object
 * lock held.
 */
typedef struct {
  GstClockTime period;
  GstClockTime delay;
  /*< private >*/
  gboolean started;
  gboolean interrupted;
  guint64 number;
  guint64 unseen;
  GstClockTime next;
  GstClockTime last_pts;
  gint64 last;
  gboolean stands_still;
} GstMmioTrigger;

void gst_mmio_trigger_reset (GstMmioTrigger * trigger);
void gst_mmio_trigger_interrupt (GstMmioTrigger * trigger);

GstFlowReturn gst_mmio_trigger_wait (GstMmioTrigger * trigger,
    GstMmioTimer * timer, GstElement * element, MmioCapture * capture,
    gint64 patience, GstMmioFrameTime * frame);
void gst_mmio_trigger_delay (GstMmioTrigger * trigger, GstElement * element,
    GstClockTime wanted_period, GstMmioFrameTime * frame);
gboolean gst_mmio_trigger_update_delay (GstMmioTrigger * trigger);
void gst_mmio_trigger_skip (GstMmioTrigger * trigger, GstElement * element,
    guint64 newer, GstClockTime wanted_period, GstMmioFrameTime * frame);

G_END_DECLS
