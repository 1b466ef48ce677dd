/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/**
 * GstMmioPacer:
 *
 * Computes when frames are due. Running time is divided into ticks of one period
 * each; tick n begins at n / rate. A frame is due when its tick begins, and is
 * missed if the next tick begins before it is taken.
 *
 * Locking: none.
 */
typedef struct {
  /*< private >*/
  gint fps_n;
  gint fps_d;
  gboolean started;
  gboolean is_discont;
  guint64 tick;
  GstClockTime last;
  guint64 next_number;
} GstMmioPacer;

/**
 * GstMmioFrameTime:
 * @due: running time at which the frame has to be captured
 * @pts: running time at which it is captured
 * @duration: nanoseconds to the next frame, or %GST_CLOCK_TIME_NONE
 * @tick: number of its tick
 * @number: its number since the start, including missed frames
 * @missed: number of frames missed before it
 *
 * The time and number of a frame.
 */
typedef struct {
  GstClockTime due;
  GstClockTime pts;
  GstClockTime duration;
  guint64 tick;
  guint64 number;
  guint64 missed;
} GstMmioFrameTime;

void gst_mmio_pacer_init (GstMmioPacer * pacer);

void gst_mmio_pacer_set_rate (GstMmioPacer * pacer, gint fps_n, gint fps_d);

GstClockTime gst_mmio_pacer_get_period (const GstMmioPacer * pacer);

void gst_mmio_pacer_set_discont (GstMmioPacer * pacer);

void gst_mmio_pacer_next (const GstMmioPacer * pacer, GstClockTime now,
    GstMmioFrameTime * frame);

void gst_mmio_pacer_take (GstMmioPacer * pacer,
    const GstMmioFrameTime * frame);

gboolean gst_mmio_pacer_retry (GstMmioPacer * pacer, GstClockTime now,
    GstMmioFrameTime * frame);

G_END_DECLS
