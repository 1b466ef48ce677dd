/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/**
 * GstMmioPacer:
 *
 * Which frame is due when.  Running time is cut into slots of one frame each;
 * slot n begins at n / rate.  A frame is due as soon as a slot begins that has
 * had none.  Downstream may be late for it by what the latency of the pipeline
 * has room for, up to a frame or so; slots that it is later for are missed.
 */
typedef struct {
  /*< private >*/
  gint fps_n;
  gint fps_d;
  GstClockTime latency;
  gboolean started;
  guint64 slot;
  GstClockTime last;
  guint64 next_number;
} GstMmioPacer;

/**
 * GstMmioFrameTime:
 * @due: running time at which the frame is to be captured
 * @pts: its timestamp: the time of its slot, even if downstream has held it up
 *   for as long as it may; that of a frame without one before it, or after
 *   missed ones, is when it is captured
 * @slot: its slot
 * @number: its number since the start, counting the missed ones
 * @missed: how many were missed before it
 */
typedef struct {
  GstClockTime due;
  GstClockTime pts;
  guint64 slot;
  guint64 number;
  guint64 missed;
} GstMmioFrameTime;

void gst_mmio_pacer_init (GstMmioPacer * pacer);
void gst_mmio_pacer_reset (GstMmioPacer * pacer);

void gst_mmio_pacer_set_rate (GstMmioPacer * pacer, gint fps_n, gint fps_d);

void gst_mmio_pacer_set_latency (GstMmioPacer * pacer, GstClockTime latency);

GstClockTime gst_mmio_pacer_get_period (const GstMmioPacer * pacer);

void gst_mmio_pacer_next (const GstMmioPacer * pacer, GstClockTime now,
    GstMmioFrameTime * frame);

void gst_mmio_pacer_take (GstMmioPacer * pacer,
    const GstMmioFrameTime * frame);

G_END_DECLS
