/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS
/* Pictures that come more seldom have no rate: nobody waits for them by it */
#define MMIO_RATE_MAX_PERIOD G_TIME_SPAN_SECOND
/**
 * MmioRate:
 * @period: (read only): microseconds from one picture to the next, about; 0:
 *   not known
 *
 * The rate at which pictures come, as it is learnt from when they have come.
 * All zeros is one of which nothing is known.
 */
    typedef struct
{
  gint64 period;
  /*< private > */
  gint64 other;
  guint n_others;
} MmioRate;

void mmio_rate_learn (MmioRate * rate, gint64 elapsed, guint64 n_frames);

G_END_DECLS
