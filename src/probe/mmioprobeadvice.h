/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "probe/mmioproberun.h"

G_BEGIN_DECLS

/* The minimum of measured bytes for advice.  With fewer, the overhead of the
 * calls dominates. */
#define MMIO_PROBE_ADVICE_BYTES 4096

/**
 * MmioProbeAdvice:
 * @map: the map to use
 * @engine: the engine to use on it
 * @frame_bytes: bytes that the CPU loads for a frame; 0 if not known
 * @frame_rate: frames per second
 * @load: the part of one core that they take; 1: all of it
 * @highest_rate: frames per second that take one core
 *
 * Advice from measurements.
 */
typedef struct {
  const MmioProbeMap *map;
  const MmioProbeResult *engine;
  guint64 frame_bytes;
  double frame_rate;
  double load;
  double highest_rate;
} MmioProbeAdvice;

gboolean mmio_probe_advise (MmioProbeAdvice * advice,
    const MmioProbeReport * report);

char *mmio_probe_advice_get_properties (const MmioProbeAdvice * advice,
    const MmioProbeReport * report);

char *mmio_probe_advise_import (const MmioProbeReport * report);

G_END_DECLS
