/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Selects the complete slot of the device, and checks after a read whether the frame was
 * whole: by the index, by the counter, or by both.
 *
 * With an index alone, a frame is whole if the index has not changed.  (A device that
 * went through all its slots in between cannot be detected.)
 *
 * A counter shows how many frames the device has completed.  The device writes its slots
 * in turn, so it does not overwrite a complete slot before all others are complete.  Until
 * the counter has gone that far, a frame is whole although the index has changed.  This
 * requires that the counter is not ahead of the index, so the counter is read first.  If
 * index and counter have not moved alike, the device does not write in turn, and the frame
 * is read again.
 *
 * A seqlock that is odd while a frame is written cannot be distinguished from one
 * that is odd only while the index changes, so no more is derived from it.
 */
#include "sync/mmiobufferselect.h"

/* The longest wait for one frame: a frame at 25 Hz takes 40 ms to be written; and the
 * time between two polls.  Microseconds. */
#define MAX_WAIT 50000
#define POLL_INTERVAL 200

struct _MmioBufferSelect
{
  MmioCounter *counter;
  MmioRegister *index;
  guint n_buffers;

  guint64 count;
  guint64 index_value;
  guint buffer;                 /* the last slot that the index named */
};

/**
 * mmio_buffer_select_new:
 * @counter: (nullable): the frame counter, which outlives the result
 * @index: (transfer full) (nullable): the register with the number of the complete slot;
 *   NULL with only one slot
 * @n_buffers: number of slots
 *
 * Returns: (transfer full): the buffer select; without counter and index every frame
 *   counts as whole
 */
MmioBufferSelect *
mmio_buffer_select_new (MmioCounter * counter, MmioRegister * index,
    guint n_buffers)
{
  MmioBufferSelect *select = g_new0 (MmioBufferSelect, 1);

  select->counter = counter;
  select->index = index;
  select->n_buffers = n_buffers;

  return select;
}

/**
 * mmio_buffer_select_free:
 * @select: (transfer full): a buffer select
 */
void
mmio_buffer_select_free (MmioBufferSelect * select)
{
  g_clear_pointer (&select->index, mmio_register_unmap);
  g_free (select);
}

/**
 * mmio_buffer_select_set_counter:
 * @counter: (nullable): the frame counter from now on, which outlives @select
 */
void
mmio_buffer_select_set_counter (MmioBufferSelect * select,
    MmioCounter * counter)
{
  select->counter = counter;
}

/**
 * mmio_buffer_select_begin_read:
 *
 * Selects the complete slot before a read, in one load of the counter and one of the
 * index, as far as there are any.  Does not wait.
 *
 * Returns: %MMIO_OBSTACLE_NONE; or %MMIO_OBSTACLE_WRITING or %MMIO_OBSTACLE_INDEX if no
 *   slot is complete
 */
MmioObstacle
mmio_buffer_select_begin_read (MmioBufferSelect * select)
{
  /* First, so that it is not ahead of the index */
  if (select->counter &&
      !mmio_counter_begin_read (select->counter, &select->count))
    return MMIO_OBSTACLE_WRITING;

  if (!select->index)
    return MMIO_OBSTACLE_NONE;

  select->index_value = mmio_register_read (select->index);
  if (select->index_value >= select->n_buffers)
    return MMIO_OBSTACLE_INDEX;

  select->buffer = select->index_value;
  return MMIO_OBSTACLE_NONE;
}

/**
 * mmio_buffer_select_end_read:
 *
 * Checks the slot that mmio_buffer_select_begin_read() selected, after it was read.
 *
 * Returns: %MMIO_OBSTACLE_NONE if the frame is whole, or %MMIO_OBSTACLE_MOVED
 */
MmioObstacle
mmio_buffer_select_end_read (MmioBufferSelect * select)
{
  guint64 index = 0, steps = 0;

  /* First, so that the device is not further than the counter shows */
  if (select->index)
    index = mmio_register_read (select->index);
  if (select->counter && !mmio_counter_end_read (select->counter, &steps))
    return MMIO_OBSTACLE_MOVED;
  if (select->index && index != (select->buffer + steps) % select->n_buffers)
    return MMIO_OBSTACLE_MOVED;

  if (select->counter)
    mmio_counter_accept_read (select->counter);
  return MMIO_OBSTACLE_NONE;
}

/**
 * mmio_buffer_select_get_buffer:
 *
 * Returns: the number of the slot to read, from 0: the last one that
 *   mmio_buffer_select_begin_read() found complete
 */
guint
mmio_buffer_select_get_buffer (const MmioBufferSelect * select)
{
  return select->buffer;
}

/**
 * mmio_buffer_select_get_count:
 *
 * Returns: the counter's value in mmio_buffer_select_begin_read(); 0 without a counter
 */
guint64
mmio_buffer_select_get_count (const MmioBufferSelect * select)
{
  return select->count;
}

/**
 * mmio_buffer_select_get_index:
 *
 * Returns: the index's value in mmio_buffer_select_begin_read(); 0 without an index
 */
guint64
mmio_buffer_select_get_index (const MmioBufferSelect * select)
{
  return select->index_value;
}

/**
 * mmio_buffer_wait_begin:
 *
 * Begins the wait for another frame.
 */
void
mmio_buffer_wait_begin (MmioBufferWait * wait)
{
  wait->waited = 0;
}

/* Whether the wait, at whose start the counter was @first, cannot succeed: an earlier
 * wait for the same obstacle did not, or the device already writes the next frame, so the
 * previous one was complete between two polls */
static gboolean
is_futile (const MmioBufferWait * wait, guint64 count, guint64 first,
    MmioObstacle obstacle)
{
  return obstacle == MMIO_OBSTACLE_WRITING ? count != first ||
      (wait->gave_up == obstacle && wait->gave_up_count == count) :
      wait->gave_up == obstacle;
}

static gboolean
poll_until (MmioBufferWait * wait, MmioBufferSelect * select, MmioSync * sync,
    gint64 deadline, MmioObstacle * obstacle)
{
  guint64 first = 0;

  for (guint polls = 0;; polls++) {
    guint64 count;

    *obstacle = mmio_buffer_select_begin_read (select);
    if (*obstacle == MMIO_OBSTACLE_NONE) {
      wait->gave_up = MMIO_OBSTACLE_NONE;
      return TRUE;
    }

    count = mmio_buffer_select_get_count (select);
    if (polls == 0)
      first = count;
    if (is_futile (wait, count, first, *obstacle))
      return TRUE;
    if (g_get_monotonic_time () >= deadline) {
      wait->gave_up = *obstacle;
      wait->gave_up_count = count;
      return TRUE;
    }
    if (mmio_sync_sleep (sync, POLL_INTERVAL) == MMIO_WAIT_WOKEN)
      return FALSE;
  }
}

/**
 * mmio_buffer_wait_run:
 * @select: selects the slot
 * @sync: ends the wait when it is woken
 * @obstacle: (out): why no slot is complete, or %MMIO_OBSTACLE_NONE
 *
 * Waits until a slot is complete, for 50 ms at most for one frame, and not twice for
 * the same obstacle.
 *
 * Returns: FALSE if @sync was woken
 */
gboolean
mmio_buffer_wait_run (MmioBufferWait * wait, MmioBufferSelect * select,
    MmioSync * sync, MmioObstacle * obstacle)
{
  const gint64 begin = g_get_monotonic_time ();
  const gboolean ret = poll_until (wait, select, sync,
      begin + MAX_WAIT - wait->waited, obstacle);

  wait->waited += g_get_monotonic_time () - begin;
  return ret;
}

/**
 * mmio_buffer_wait_end:
 * @obstacle: why the frame is not whole, or %MMIO_OBSTACLE_NONE
 *
 * Ends a frame.
 */
void
mmio_buffer_wait_end (MmioBufferWait * wait, MmioObstacle obstacle)
{
  if (wait->obstacle == MMIO_OBSTACLE_NONE)
    wait->since = g_get_monotonic_time ();
  wait->obstacle = obstacle;
}
