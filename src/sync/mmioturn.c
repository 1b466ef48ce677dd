/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which of the pictures that a device writes in turn is complete, and whether
 * it was still there when it had been read: by the index, by the counter, or by
 * both.  It does not wait.
 *
 * With an index alone, a picture is taken for whole if the index has not moved.
 * (The device may have gone round in between, once or more often; that, nobody
 * can see.)
 *
 * A counter tells how far the device went.  It writes its pictures in turn, so
 * the one that was complete is not written before all the others are complete:
 * what is read is whole, though the index has moved, as long as the counter has
 * not gone so far.  (A seqlock that is odd from the beginning of a picture on
 * would tell more, that it has not begun yet; but one that is odd only while
 * the index changes is as good, and the two look alike.)  This holds where the
 * counter is not ahead of the index, so that the picture that the index names
 * is no older than the one that the counter, read before it, speaks of.  That
 * both have moved alike is looked at as well: a device that does otherwise is
 * taken for one that writes anywhere, and what was read is read again.
 */
#include "sync/mmioturn.h"

struct _MmioTurn
{
  MmioCounter *counter;
  MmioRegister *index;
  guint n_buffers;

  guint64 count;
  guint64 index_value;
  guint buffer;                 /* the last one that the index has named */
};

/**
 * mmio_turn_new:
 * @counter: (nullable): what counts the pictures; must live longer
 * @index: (transfer full) (nullable): the register that tells which picture is
 *   complete; NULL where there is only one
 * @n_buffers: pictures that the device writes in turn
 *
 * Returns: (transfer full): a turn; without counter and index everything is
 *   whole
 */
MmioTurn *
mmio_turn_new (MmioCounter * counter, MmioRegister * index, guint n_buffers)
{
  MmioTurn *turn = g_new0 (MmioTurn, 1);

  turn->counter = counter;
  turn->index = index;
  turn->n_buffers = n_buffers;

  return turn;
}

void
mmio_turn_free (MmioTurn * turn)
{
  g_clear_pointer (&turn->index, mmio_register_unmap);
  g_free (turn);
}

/**
 * mmio_turn_set_counter:
 * @counter: (nullable): what counts the pictures from now on; must live longer
 */
void
mmio_turn_set_counter (MmioTurn * turn, MmioCounter * counter)
{
  turn->counter = counter;
}

/**
 * mmio_turn_begin_read:
 *
 * Before a picture is read: looks which one is complete, in one load of the
 * counter and one of the index, as far as there are any.
 *
 * Returns: %MMIO_OBSTACLE_NONE; or %MMIO_OBSTACLE_WRITING or
 *   %MMIO_OBSTACLE_INDEX if there is none now
 */
MmioObstacle
mmio_turn_begin_read (MmioTurn * turn)
{
  /* First, so that it is not ahead of the index */
  if (turn->counter && !mmio_counter_begin_read (turn->counter, &turn->count))
    return MMIO_OBSTACLE_WRITING;

  if (!turn->index)
    return MMIO_OBSTACLE_NONE;

  turn->index_value = mmio_register_read (turn->index);
  if (turn->index_value >= turn->n_buffers)
    return MMIO_OBSTACLE_INDEX;

  turn->buffer = turn->index_value;
  return MMIO_OBSTACLE_NONE;
}

/**
 * mmio_turn_end_read:
 *
 * After the picture was read that mmio_turn_begin_read() has found.
 *
 * Returns: %MMIO_OBSTACLE_NONE if it is whole, or %MMIO_OBSTACLE_MOVED
 */
MmioObstacle
mmio_turn_end_read (MmioTurn * turn)
{
  guint64 index = 0, steps = 0;

  /* First, so that the device is no further than the counter says */
  if (turn->index)
    index = mmio_register_read (turn->index);
  if (turn->counter && !mmio_counter_end_read (turn->counter, &steps))
    return MMIO_OBSTACLE_MOVED;
  if (turn->index && index != (turn->buffer + steps) % turn->n_buffers)
    return MMIO_OBSTACLE_MOVED;

  if (turn->counter)
    mmio_counter_accept_read (turn->counter);
  return MMIO_OBSTACLE_NONE;
}

/**
 * mmio_turn_get_buffer:
 *
 * Returns: the picture to be read, 0 for the first: the one that was complete
 *   when mmio_turn_begin_read() has last found one
 */
guint
mmio_turn_get_buffer (const MmioTurn * turn)
{
  return turn->buffer;
}

/**
 * mmio_turn_get_count:
 *
 * Returns: what mmio_turn_begin_read() has found in the counter; 0 without one
 */
guint64
mmio_turn_get_count (const MmioTurn * turn)
{
  return turn->count;
}

/**
 * mmio_turn_get_index:
 *
 * Returns: what mmio_turn_begin_read() has found in the index; 0 without one
 */
guint64
mmio_turn_get_index (const MmioTurn * turn)
{
  return turn->index_value;
}
