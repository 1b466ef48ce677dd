/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "probe/mmioproberun.h"

G_BEGIN_DECLS

/* Bytes that have to be measured for the figures to say anything of pictures:
 * below, what surrounds the loads counts as much as they do */
#define MMIO_PROBE_ADVICE_BYTES 4096

/**
 * MmioProbeAdvice:
 * @map: the map to use
 * @engine: the engine to use on it
 * @frame_bytes: bytes that a picture has the CPU load; 0: nobody said
 * @frame_rate: pictures a second
 * @load: how much of one core they take; 1: all of it
 * @highest_rate: pictures a second that take all of it
 *
 * What follows from what was measured.
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
