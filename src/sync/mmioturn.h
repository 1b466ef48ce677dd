/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sync/mmiocounter.h"

G_BEGIN_DECLS

/**
 * MmioObstacle:
 * @MMIO_OBSTACLE_NONE: there is none
 * @MMIO_OBSTACLE_WRITING: the only picture is just being written
 * @MMIO_OBSTACLE_INDEX: the index names no picture
 * @MMIO_OBSTACLE_MOVED: another picture may have been written over it, meanwhile
 *
 * What keeps a picture from being whole.
 */
typedef enum {
  MMIO_OBSTACLE_NONE,
  MMIO_OBSTACLE_WRITING,
  MMIO_OBSTACLE_INDEX,
  MMIO_OBSTACLE_MOVED,
} MmioObstacle;

/**
 * MmioTurn:
 *
 * Whose turn it is among the pictures of a device.  One thread looks at it.
 */
typedef struct _MmioTurn MmioTurn;

MmioTurn *mmio_turn_new (MmioCounter * counter, MmioRegister * index,
    guint n_buffers);
void mmio_turn_free (MmioTurn * turn);

void mmio_turn_set_counter (MmioTurn * turn, MmioCounter * counter);

MmioObstacle mmio_turn_begin_read (MmioTurn * turn);
MmioObstacle mmio_turn_end_read (MmioTurn * turn);

guint mmio_turn_get_buffer (const MmioTurn * turn);
guint64 mmio_turn_get_count (const MmioTurn * turn);
guint64 mmio_turn_get_index (const MmioTurn * turn);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioTurn, mmio_turn_free)

G_END_DECLS
