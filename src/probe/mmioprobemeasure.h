/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "map/mmioregion.h"

G_BEGIN_DECLS

/**
 * MmioProbeBudget:
 * @rounds: number of rounds, at least 1
 * @time: time of one measurement in a round (microseconds)
 * @bytes: bytes that it may load, a multiple of %MMIO_LOADS_ALIGN
 *
 * The limits of measurements.  A measurement ends at the first limit.  It never loads
 * more than @bytes.  It may take a little longer than @time, since the clock is checked
 * between loads.
 */
typedef struct {
  guint rounds;
  gint64 time;
  guint64 bytes;
} MmioProbeBudget;

/**
 * MmioProbeResult:
 * @name: the load kind or the engine
 * @is_engine: an engine, which copies; otherwise a load kind
 * @load_bytes: width of the load, or at least of the engine's widest one (bytes)
 * @is_auto: the engine that engine=auto selects for this map
 * @skipped: (nullable): why it was not measured
 * @bytes: bytes that it loaded in all rounds
 * @rate: bytes per second of one core, the median of all rounds
 * @slowest: the same in the slowest round
 * @fastest: the same in the fastest round
 *
 * The result of one load kind or engine on a map.
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

/* Called before each measurement.  @what: its name; @done: measurements that
 * are complete, of @total. */
typedef void (*MmioProbeProgress) (MmioMapping mapping, const char *what,
    guint done, guint total, gpointer user_data);

guint mmio_probe_measure_count (void);

GPtrArray *mmio_probe_measure (const guint8 * bar, gsize length,
    MmioMapping mapping, guint widest, const MmioProbeBudget * budget,
    MmioProbeProgress progress, gpointer user_data);

void mmio_probe_result_free (MmioProbeResult * result);

double mmio_probe_result_get_ns (const MmioProbeResult * result);

G_END_DECLS
