/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "map/mmioregion.h"

G_BEGIN_DECLS

/**
 * MmioProbeBudget:
 * @rounds: how often everything is measured, at least 1
 * @time: microseconds that one measurement in a round may take
 * @bytes: bytes that it may load, a multiple of %MMIO_LOADS_ALIGN
 *
 * How long to measure.  A measurement ends at whichever comes first.  It
 * never loads more; the clock is looked at between loads, so it takes a little
 * longer.
 */
typedef struct {
  guint rounds;
  gint64 time;
  guint64 bytes;
} MmioProbeBudget;

/**
 * MmioProbeResult:
 * @name: the load or the engine
 * @is_engine: an engine, which copies; otherwise a load
 * @load_bytes: bytes of the load, or of the engine's widest one at least
 * @is_auto: the engine that engine=auto takes for this map
 * @skipped: (nullable): why it was not measured
 * @bytes: what it loaded in all rounds together
 * @rate: bytes in a second of a core, the median of all rounds
 * @slowest: the same in the slowest round
 * @fastest: the same in the fastest round
 *
 * What a way of loading from a map brings.
 */
typedef struct {
  const char *name;
  gboolean is_engine;
  guint load_bytes;
  gboolean is_auto;
  char *skipped;
  guint64 bytes;
  double rate;
  double slowest;
  double fastest;
} MmioProbeResult;

/* Called before each measurement: @done of @total are over, and @what comes */
typedef void (*MmioProbeProgress) (MmioMapping mapping, const char *what,
    guint done, guint total, gpointer user_data);

guint mmio_probe_measure_count (void);

GPtrArray *mmio_probe_measure (const guint8 * bar, gsize length,
    MmioMapping mapping, guint widest, const MmioProbeBudget * budget,
    MmioProbeProgress progress, gpointer user_data);

void mmio_probe_result_free (MmioProbeResult * result);

double mmio_probe_result_get_ns (const MmioProbeResult * result);

G_END_DECLS
