/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wait for a picture that is complete, of those that the device writes; and
 * when it is not worth it, because it was in vain before.
 */
#include "sync/mmiopatience.h"

/* How long it is waited, in all, for one frame: longer than a picture at 25 Hz
 * takes to be written; and the pause between two looks.  Microseconds. */
#define MAX_WAIT 50000
#define LOOK_PAUSE 200

/**
 * mmio_patience_begin:
 *
 * Begins another frame, for which nobody has waited yet.
 */
void
mmio_patience_begin (MmioPatience * patience)
{
  patience->waited = 0;
}

/* Whether a wait is in vain, that began with @first in the counter: something
 * stands still that was waited for in vain before, or the next picture is
 * already written, and that one was over before anybody saw it */
static gboolean
is_in_vain (const MmioPatience * patience, guint64 count, guint64 first,
    MmioObstacle obstacle)
{
  return obstacle == MMIO_OBSTACLE_WRITING ? count != first ||
      (patience->gave_up == obstacle && patience->gave_up_count == count) :
      patience->gave_up == obstacle;
}

static gboolean
look_for_complete (MmioPatience * patience, MmioTurn * turn, MmioSync * sync,
    gint64 deadline, MmioObstacle * obstacle)
{
  guint64 first = 0;

  for (guint looks = 0;; looks++) {
    guint64 count;

    *obstacle = mmio_turn_begin_read (turn);
    if (*obstacle == MMIO_OBSTACLE_NONE) {
      patience->gave_up = MMIO_OBSTACLE_NONE;
      return TRUE;
    }

    count = mmio_turn_get_count (turn);
    if (looks == 0)
      first = count;
    if (is_in_vain (patience, count, first, *obstacle))
      return TRUE;
    if (g_get_monotonic_time () >= deadline) {
      patience->gave_up = *obstacle;
      patience->gave_up_count = count;
      return TRUE;
    }
    if (mmio_sync_sleep (sync, LOOK_PAUSE) == MMIO_WAIT_WOKEN)
      return FALSE;
  }
}

/**
 * mmio_patience_wait:
 * @turn: what tells of the pictures
 * @sync: what wakes whoever waits
 * @obstacle: (out): why there is none that is complete, or
 *   %MMIO_OBSTACLE_NONE
 *
 * Waits for a picture that is complete, for the twentieth part of a second at
 * most for one frame, and not twice for the same.
 *
 * Returns: FALSE if somebody has ended the wait
 */
gboolean
mmio_patience_wait (MmioPatience * patience, MmioTurn * turn, MmioSync * sync,
    MmioObstacle * obstacle)
{
  const gint64 begin = g_get_monotonic_time ();
  const gboolean ret = look_for_complete (patience, turn, sync,
      begin + MAX_WAIT - patience->waited, obstacle);

  patience->waited += g_get_monotonic_time () - begin;
  return ret;
}

/**
 * mmio_patience_end:
 * @obstacle: what has kept the frame from being whole
 *
 * Ends a frame.
 */
void
mmio_patience_end (MmioPatience * patience, MmioObstacle obstacle)
{
  if (patience->obstacle == MMIO_OBSTACLE_NONE)
    patience->since = g_get_monotonic_time ();
  patience->obstacle = obstacle;
}
