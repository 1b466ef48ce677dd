/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Frames with a longer period (microseconds) have no rate: polling does not
 * predict them */
#define MMIO_RATE_MAX_PERIOD G_TIME_SPAN_SECOND

/**
 * MmioRate:
 * @period: (read only): average period of the frames (microseconds); 0: unknown
 *
 * The rate of frames, learnt from their times.  Zero-initialise before use.
 */
typedef struct {
  gint64 period;
  /*< private >*/
  gint64 other;
  guint n_others;
} MmioRate;

void mmio_rate_learn (MmioRate * rate, gint64 elapsed, guint64 n_frames);

G_END_DECLS
