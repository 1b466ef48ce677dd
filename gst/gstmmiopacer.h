/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/**
 * GstMmioPacer:
 *
 * Which frame is due when.  Running time is cut into slots of one frame each;
 * slot n begins at n / rate.  A frame is due as soon as a slot begins that has
 * had none; slots that pass without one are missed.
 */
typedef struct {
  /*< private >*/
  gint fps_n;
  gint fps_d;
  gboolean started;
  guint64 slot;
  guint64 next_number;
} GstMmioPacer;

/**
 * GstMmioFrameTime:
 * @due: running time at which the frame may be captured
 * @slot: its slot
 * @number: its number since the start, counting the missed ones
 * @missed: how many were missed before it
 */
typedef struct {
  GstClockTime due;
  guint64 slot;
  guint64 number;
  guint64 missed;
} GstMmioFrameTime;

void gst_mmio_pacer_init (GstMmioPacer * pacer);

void gst_mmio_pacer_set_rate (GstMmioPacer * pacer, gint fps_n, gint fps_d);

GstClockTime gst_mmio_pacer_get_period (const GstMmioPacer * pacer);

void gst_mmio_pacer_next (const GstMmioPacer * pacer, GstClockTime now,
    GstMmioFrameTime * frame);

void gst_mmio_pacer_take (GstMmioPacer * pacer,
    const GstMmioFrameTime * frame);

G_END_DECLS
