/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checks that a register counts frames as configured.  A plain counter is odd for
 * one frame and even for the next, so for the same time.  A seqlock is odd only
 * while the device writes.  This file reads no clock and no register.
 */
#include "sync/mmiocountercheck.h"

/* Frames until the rate is known, and frames of the check after them: about a
 * second of most devices */
#define SETTLED 48
#define WATCHED 48

/* A counter jumps when its device restarts.  A register that jumps more often than
 * at every fifth frame reaches the limit. */
#define JUMP_WEIGHT 4
#define MAX_JUMPS 32

/* Percent of the time for which a register is odd: limits for equal phases (a plain
 * counter), and for unequal ones (a seqlock) */
#define EQUAL_MIN 45
#define EQUAL_MAX 55
#define UNEQUAL_MIN 30
#define UNEQUAL_MAX 70

static void
restart (MmioCounterCheck * check)
{
  check->n_frames = 0;
  check->is_seen = FALSE;
  check->odd = check->even = check->unknown = 0;
}

/**
 * mmio_counter_check_is_watching:
 *
 * Returns: whether the check needs frequent polls, to measure how long the
 *   register is odd
 */
gboolean
mmio_counter_check_is_watching (const MmioCounterCheck * check)
{
  return check->n_frames >= SETTLED && check->n_frames < SETTLED + WATCHED;
}

/**
 * mmio_counter_check_poll:
 * @value: the register
 * @now: the time (microseconds)
 *
 * Adds the time since the last poll to the time of odd or even values.
 */
void
mmio_counter_check_poll (MmioCounterCheck * check, guint64 value, gint64 now)
{
  const gint64 elapsed = now - check->time;
  const guint64 steps = value - check->value;

  if (!mmio_counter_check_is_watching (check))
    return;

  if (check->is_seen && steps == 0) {
    if (value % 2 != 0)
      check->odd += elapsed;
    else
      check->even += elapsed;
  } else if (check->is_seen && steps == 1) {
    check->odd += elapsed / 2;
    check->even += elapsed / 2;
  } else if (check->is_seen) {
    check->unknown += elapsed;
  }

  check->is_seen = TRUE;
  check->value = value;
  check->time = now;
}

/**
 * mmio_counter_check_skip:
 *
 * Ignores the time until the next poll, as the device has stopped or the register
 * was not polled.
 */
void
mmio_counter_check_skip (MmioCounterCheck * check)
{
  check->is_seen = FALSE;
}

static MmioDoubt
judge (const MmioCounterCheck * check, gboolean is_seqlock)
{
  const gint64 known = check->odd + check->even;
  gint64 percent;

  if (known <= check->unknown)
    return MMIO_DOUBT_NONE;

  percent = 100 * check->odd / known;
  if (is_seqlock)
    return percent >= EQUAL_MIN && percent <= EQUAL_MAX ? MMIO_DOUBT_PLAIN :
        MMIO_DOUBT_NONE;

  return percent < UNEQUAL_MIN || percent > UNEQUAL_MAX ? MMIO_DOUBT_SEQLOCK :
      MMIO_DOUBT_NONE;
}

/**
 * mmio_counter_check_frame:
 * @is_seqlock: whether the register is read as a seqlock
 *
 * Counts a new frame.
 */
void
mmio_counter_check_frame (MmioCounterCheck * check, gboolean is_seqlock)
{
  check->jumps -= check->jumps > 0;
  if (check->n_frames == SETTLED + WATCHED)
    return;

  check->n_frames++;
  if (check->n_frames == SETTLED + WATCHED && check->doubt == MMIO_DOUBT_NONE)
    check->doubt = judge (check, is_seqlock);
}

/**
 * mmio_counter_check_jump:
 *
 * Counts a value that counting cannot have reached since the last poll.
 */
void
mmio_counter_check_jump (MmioCounterCheck * check)
{
  restart (check);
  check->jumps = MIN (check->jumps + JUMP_WEIGHT, MAX_JUMPS);
  if (check->jumps == MAX_JUMPS)
    check->doubt = MMIO_DOUBT_JUMPS;
}
