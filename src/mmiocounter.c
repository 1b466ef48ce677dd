/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a frame counter tells: that there is a new picture, how many there were
 * since the last one, when to look next, and whether a picture stood still
 * while it was read.  Arithmetic, and one load for each look: it does not
 * wait.
 */
#include "mmiocounter.h"

#include <string.h>

#include "mmiorate.h"

/* Between two looks while nothing is known of the rate, and the longest pause
 * of those that come before a picture is due: half a millisecond, in which a
 * picture waits unseen */
#define BLIND_PAUSE 500
/* Of a period it is looked for a picture no longer than this part: a rate that
 * is less steady, and a machine that wakes us later, have their frames later;
 * 16 looks, are what a picture costs at most */
#define MAX_MARGIN 4
/* A device that has stopped need not be looked at as if it had not: the pauses
 * grow, up to a hundredth of a second, with the time for which there was no
 * picture, of which they are this part */
#define LONGEST_PAUSE 10000
#define QUIET_PART 64
/* Between two looks it may have counted so many more than was expected, or this
 * part of its range where that is less: from one picture a second to hundreds is
 * a rate that changes.  What is farther off was no counting. */
#define MAX_JUMP 1024
#define MAX_JUMP_PART 4

struct _MmioCounter
{
  MmioRegister *reg;
  gboolean is_seqlock;

  gboolean known;               /* whether it was ever looked at */
  guint64 value;                /* of the last picture */
  gint64 time;                  /* before there was one: of the first look */

  gint64 last_look;
  MmioRate rate;
  gint64 margin;                /* how long before it is due it is looked for */

  guint64 read_value;
  guint64 newer;                /* pictures since the one that was told of */
  gboolean is_inexact;          /* time: not known, and tells nothing */
};

/**
 * mmio_counter_new:
 * @reg: (transfer full): the register
 * @is_seqlock: see #MmioSpec
 *
 * Returns: a counter that has not been looked at
 */
MmioCounter *
mmio_counter_new (MmioRegister * reg, gboolean is_seqlock)
{
  MmioCounter *counter = g_new0 (MmioCounter, 1);

  counter->reg = reg;
  counter->is_seqlock = is_seqlock;

  return counter;
}

void
mmio_counter_free (MmioCounter * counter)
{
  mmio_register_unmap (counter->reg);
  g_free (counter);
}

static gboolean
is_busy (const MmioCounter * counter, guint64 value)
{
  return counter->is_seqlock && value % 2 != 0;
}

/* The most pictures that it tells from none */
static guint64
get_most (const MmioCounter * counter)
{
  const guint bits = mmio_register_get_bits (counter->reg);

  return (bits < 64 ? ((guint64) 1 << bits) - 1 : G_MAXUINT64) >>
      counter->is_seqlock;
}

/* Pictures until another value, but for how often it has gone round; at least
 * one */
static guint64
get_difference (const MmioCounter * counter, guint64 value)
{
  const guint64 difference = value - counter->value;

  return MAX ((counter->is_seqlock ? difference / 2 : difference) &
      get_most (counter), 1);
}

/* Pictures until another value, where nothing is known of the rate; 0: so far
 * nobody counts between two looks, it was reset */
static guint64
get_steps (const MmioCounter * counter, guint64 value)
{
  const guint64 difference = get_difference (counter, value);

  return difference > get_most (counter) / 2 ? 0 : difference;
}

/* The same where it is known: of all that it can have counted, what lies
 * nearest to what it should have in that time, unless that is far off */
static guint64
get_likely_steps (const MmioCounter * counter, guint64 value, gint64 elapsed)
{
  const guint64 most = get_most (counter);
  const guint64 expected =
      MAX ((elapsed + counter->rate.period / 2) / counter->rate.period, 1);
  guint64 steps = get_difference (counter, value);
  guint64 error;

  if (expected > steps && most < G_MAXUINT64)
    steps += (expected - steps + most / 2) / (most + 1) * (most + 1);
  error = steps > expected ? steps - expected : expected - steps;

  return error > MAX (expected, MIN (most / MAX_JUMP_PART, MAX_JUMP)) ? 0 :
      steps;
}

/* Looks the closer the less it was right, and the other way round */
static void
learn (MmioCounter * counter, gint64 now, guint64 steps)
{
  const gint64 before = counter->rate.period;
  const gboolean was_late =
      counter->last_look < counter->time + before - counter->margin;

  mmio_rate_learn (&counter->rate, now - counter->time, steps);
  if (before == 0)
    counter->margin = counter->rate.period / MAX_MARGIN;
  else if (was_late)
    counter->margin *= 2;
  else
    counter->margin -= counter->margin / 128;
  counter->margin = CLAMP (counter->margin, counter->rate.period / 16,
      counter->rate.period / MAX_MARGIN);
}

/**
 * mmio_counter_look:
 * @now: the time, g_get_monotonic_time()
 * @count: (out): a new picture
 *
 * Loads the counter once.
 *
 * Returns: whether there is a picture that was not told of yet; the first look
 *   finds one, unless it is just being written
 */
gboolean
mmio_counter_look (MmioCounter * counter, gint64 now, MmioCount * count)
{
  const guint64 value = mmio_register_read (counter->reg);
  const gint64 elapsed = now - counter->last_look;
  const gboolean was_absent = elapsed > MMIO_RATE_MAX_PERIOD;
  guint64 steps = 1;

  if (is_busy (counter, value) || (counter->known && value == counter->value)) {
    if (counter->last_look == 0)
      counter->time = now;
    counter->last_look = now;
    return FALSE;
  }

  if (counter->known) {
    steps = counter->rate.period > 0 ?
        get_likely_steps (counter, value, elapsed) : get_steps (counter, value);
    /* What began anew may have another rate */
    if (steps == 0)
      memset (&counter->rate, 0, sizeof (counter->rate));
    else if (!counter->is_inexact && !was_absent)
      learn (counter, now, steps);
  }

  /* It was there before, nobody knows since when */
  counter->is_inexact = !counter->known || was_absent;
  counter->known = TRUE;
  counter->value = value;
  counter->time = now;
  counter->last_look = now;

  *count = (MmioCount) {
  .time = now,.steps = MAX (steps, 1)};
  return TRUE;
}

/**
 * mmio_counter_get_pause:
 * @now: the time, g_get_monotonic_time()
 *
 * Returns: microseconds until it is worth looking again: until shortly before
 *   the next picture is due, short ones from then on, and longer ones if it
 *   does not come
 */
gint64
mmio_counter_get_pause (const MmioCounter * counter, gint64 now)
{
  const gint64 period = counter->rate.period;
  const gint64 due = counter->time + period;
  const gint64 quiet = MIN ((now - due) / QUIET_PART, LONGEST_PAUSE);

  if (period == 0)
    return MAX (BLIND_PAUSE, quiet);
  if (now < due - counter->margin)
    return due - counter->margin - now;

  return MAX (CLAMP (period / 64, 50, BLIND_PAUSE), quiet);
}

/**
 * mmio_counter_get_period:
 *
 * Returns: microseconds from one picture to the next, about; 0: not known
 */
gint64
mmio_counter_get_period (const MmioCounter * counter)
{
  return counter->rate.period;
}

/**
 * mmio_counter_begin_read:
 *
 * Before the picture is read.
 *
 * Returns: FALSE if it is just being written, and not worth reading
 */
gboolean
mmio_counter_begin_read (MmioCounter * counter)
{
  counter->read_value = mmio_register_read (counter->reg);
  return !is_busy (counter, counter->read_value);
}

/* The picture that was read came after the one that was told of: it counts as
 * told of, too */
static void
skip_to_read (MmioCounter * counter)
{
  const guint64 steps = MAX (get_steps (counter, counter->read_value), 1);

  counter->newer += steps;
  counter->value = counter->read_value;
  if (counter->rate.period > 0) {
    counter->time += steps * counter->rate.period;
    counter->last_look = MAX (counter->last_look, counter->time);
  } else {
    counter->is_inexact = TRUE;
  }
}

/**
 * mmio_counter_end_read:
 *
 * After the picture was read.  If it is a newer one than mmio_counter_look()
 * has told of, that will not tell of it; see mmio_counter_take_newer().
 *
 * Returns: whether it stood still since mmio_counter_begin_read()
 */
gboolean
mmio_counter_end_read (MmioCounter * counter)
{
  if (is_busy (counter, counter->read_value) ||
      mmio_register_read (counter->reg) != counter->read_value)
    return FALSE;

  if (counter->known && counter->read_value != counter->value)
    skip_to_read (counter);
  return TRUE;
}

/**
 * mmio_counter_take_newer:
 *
 * Returns: by how many pictures the one that was read is newer than the one
 *   that was told of; once
 */
guint64
mmio_counter_take_newer (MmioCounter * counter)
{
  const guint64 newer = counter->newer;

  counter->newer = 0;
  return newer;
}
