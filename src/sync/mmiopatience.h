/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sync/mmiosync.h"
#include "sync/mmioturn.h"

G_BEGIN_DECLS

/**
 * MmioPatience:
 * @obstacle: what has kept the last frame from being whole
 * @since: when the first of those frames was read that are not whole, since one
 *   was; as g_get_monotonic_time() has it
 * @gave_up: what was waited for in vain
 * @gave_up_count: what the counter was then
 * @waited: how long it was waited for this frame; microseconds
 *
 * How long it is worth waiting for a picture that is complete.  Zeroed, it has
 * not been disappointed yet; a copy goes on where the original was.
 */
typedef struct {
  MmioObstacle obstacle;
  gint64 since;
  MmioObstacle gave_up;
  guint64 gave_up_count;
  gint64 waited;
} MmioPatience;

void mmio_patience_begin (MmioPatience * patience);
gboolean mmio_patience_wait (MmioPatience * patience, MmioTurn * turn,
    MmioSync * sync, MmioObstacle * obstacle);
void mmio_patience_end (MmioPatience * patience, MmioObstacle obstacle);

G_END_DECLS
