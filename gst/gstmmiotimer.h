/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstmmiopacer.h"

G_BEGIN_DECLS

/* No frame, but something to see to before it is waited for one again */
#define GST_MMIO_FLOW_NO_FRAME GST_FLOW_CUSTOM_SUCCESS

/**
 * GstMmioTimer:
 * @pacer: which frame is due when
 * @paused: (read only): nothing is captured now
 * @unlocked: (read only): nor is it waited
 *
 * Waits for the frames of an element on its clock, and for the end of its
 * pauses.  Everything here is called with the element's object lock held.
 */
typedef struct {
  GstMmioPacer pacer;
  gboolean paused;
  gboolean unlocked;
  /*< private >*/
  GstClockID id;
  gboolean waiting;
  gboolean interrupted;
  GCond resumed;
  GThread *changing;
} GstMmioTimer;

void gst_mmio_timer_init (GstMmioTimer * timer);
void gst_mmio_timer_clear (GstMmioTimer * timer);
void gst_mmio_timer_reset (GstMmioTimer * timer);

GstFlowReturn gst_mmio_timer_wait_playing (GstMmioTimer * timer,
    GstElement * element);
GstFlowReturn gst_mmio_timer_wait (GstMmioTimer * timer, GstElement * element,
    GstMmioFrameTime * frame, GstClockTimeDiff * now);

GstFlowReturn gst_mmio_timer_sleep (GstMmioTimer * timer,
    GstElement * element, gint64 microseconds);

void gst_mmio_timer_interrupt (GstMmioTimer * timer);
void gst_mmio_timer_begin_change (GstMmioTimer * timer);
void gst_mmio_timer_set_paused (GstMmioTimer * timer, gboolean paused);
void gst_mmio_timer_end_change (GstMmioTimer * timer);

void gst_mmio_timer_unlock (GstMmioTimer * timer);
gboolean gst_mmio_timer_unlock_stop (GstMmioTimer * timer);

G_END_DECLS
