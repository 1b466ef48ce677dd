/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sync/mmiocounter.h"
#include "sync/mmiosync.h"

G_BEGIN_DECLS

/**
 * MmioObstacle:
 * @MMIO_OBSTACLE_NONE: no obstacle
 * @MMIO_OBSTACLE_WRITING: the device is writing its only slot
 * @MMIO_OBSTACLE_INDEX: the index names no slot
 * @MMIO_OBSTACLE_MOVED: the device may have written the slot during the read
 *
 * Why a frame is not whole.
 */
typedef enum {
  MMIO_OBSTACLE_NONE,
  MMIO_OBSTACLE_WRITING,
  MMIO_OBSTACLE_INDEX,
  MMIO_OBSTACLE_MOVED,
} MmioObstacle;

/**
 * MmioBufferSelect:
 *
 * Selects the complete slot of the device.
 *
 * Locking: none; one thread at a time uses it.
 */
typedef struct _MmioBufferSelect MmioBufferSelect;

/**
 * MmioBufferWait:
 * @obstacle: why the last frame was not whole
 * @since: when the first frame of the present run of frames that are not whole was
 *   read (microseconds, g_get_monotonic_time())
 * @gave_up: the obstacle that the last wait did not outlast
 * @gave_up_count: the counter's value then
 * @waited: time spent waiting for the present frame (microseconds)
 *
 * State of the bounded wait for a complete slot.  Zero-initialise before use; may be
 * copied.
 */
typedef struct {
  MmioObstacle obstacle;
  gint64 since;
  MmioObstacle gave_up;
  guint64 gave_up_count;
  gint64 waited;
} MmioBufferWait;

MmioBufferSelect *mmio_buffer_select_new (MmioCounter * counter,
    MmioRegister * index, guint n_buffers);
void mmio_buffer_select_free (MmioBufferSelect * select);

void mmio_buffer_select_set_counter (MmioBufferSelect * select,
    MmioCounter * counter);

MmioObstacle mmio_buffer_select_begin_read (MmioBufferSelect * select);
MmioObstacle mmio_buffer_select_end_read (MmioBufferSelect * select);

guint mmio_buffer_select_get_buffer (const MmioBufferSelect * select);
guint64 mmio_buffer_select_get_count (const MmioBufferSelect * select);
guint64 mmio_buffer_select_get_index (const MmioBufferSelect * select);

void mmio_buffer_wait_begin (MmioBufferWait * wait);
gboolean mmio_buffer_wait_run (MmioBufferWait * wait,
    MmioBufferSelect * select, MmioSync * sync, MmioObstacle * obstacle);
void mmio_buffer_wait_end (MmioBufferWait * wait, MmioObstacle obstacle);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioBufferSelect, mmio_buffer_select_free)

G_END_DECLS
