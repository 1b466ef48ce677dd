/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a frame counter tells: that there is a new picture, how many there were
 * since the last one, when to look next, and whether a picture stood still
 * while it was read.  Arithmetic, and one load for each look: it does not
 * wait.
 *
 * A seqlock is odd while a picture is written.  Half of it, rounded down, is
 * the number of pictures that are complete, be it odd or even.
 */
#include "sync/mmiocounter.h"

#include <string.h>

#include "sync/mmiorate.h"

/* Between two looks while nothing is known of the rate, and the longest pause
 * of those that come before a picture is due: half a millisecond, in which a
 * picture waits unseen */
#define BLIND_PAUSE 500
/* The kernel may end a sleep by so much later (PR_SET_TIMERSLACK, its default), so
 * that shorter ones would be no shorter */
#define SHORTEST_PAUSE 50
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
/* Where the rate is not known, so many more for each picture that a device could
 * have in that time: of 10 microseconds */
#define SHORTEST_PERIOD 10
/* While it is watched, how often it is looked at in a period */
#define WATCH_LOOKS 16
/* A device that is late by so many periods has stopped */
#define MAX_PERIODS 4

struct _MmioCounter
{
  MmioRegister *reg;
  gboolean is_seqlock;
  guint n_buffers;

  gboolean known;               /* whether it was ever looked at */
  guint64 value;                /* of the last picture, when it was complete */
  gboolean is_odd;              /* at the last look: one is written */
  gint64 time;                  /* when it was seen; of the first poll before */
  gint64 phase;                 /* when it was complete, as far as is known */

  gint64 last_poll;
  MmioRate rate;
  gint64 margin;                /* how long before it is due it is looked for */

  MmioCounterCheck check;

  guint64 read_value;
  guint64 newer;                /* pictures since the one that was told of */
  gboolean is_inexact;          /* time: not known, and tells nothing */
};

/**
 * mmio_counter_new:
 * @reg: (transfer full): the register
 * @is_seqlock: see #MmioSpec
 * @n_buffers: pictures that the device writes in turn
 *
 * Returns: a counter that has not been looked at
 */
MmioCounter *
mmio_counter_new (MmioRegister * reg, gboolean is_seqlock, guint n_buffers)
{
  MmioCounter *counter = g_new0 (MmioCounter, 1);

  counter->reg = reg;
  counter->is_seqlock = is_seqlock;
  counter->n_buffers = n_buffers;

  return counter;
}

void
mmio_counter_free (MmioCounter * counter)
{
  mmio_register_unmap (counter->reg);
  g_free (counter);
}

/**
 * mmio_counter_set_buffers:
 * @n_buffers: pictures that the device writes in turn from now on
 *
 * Not between mmio_counter_begin_read() and mmio_counter_end_read().  It counts
 * on as before.
 */
void
mmio_counter_set_buffers (MmioCounter * counter, guint n_buffers)
{
  counter->n_buffers = n_buffers;
}

static guint64
get_mask (const MmioCounter * counter)
{
  const guint bits = mmio_register_get_bits (counter->reg);

  return bits < 64 ? ((guint64) 1 << bits) - 1 : G_MAXUINT64;
}

/* Whether a picture is being written */
static gboolean
is_odd (const MmioCounter * counter, guint64 value)
{
  return counter->is_seqlock && value % 2 != 0;
}

/* Whether it is the one that is read */
static gboolean
is_busy (const MmioCounter * counter, guint64 value)
{
  return counter->n_buffers == 1 && is_odd (counter, value);
}

/* What it was when the last picture was complete */
static guint64
get_complete (const MmioCounter * counter, guint64 value)
{
  return is_odd (counter, value) ? value - 1 : value;
}

/* The most pictures that it tells from none */
static guint64
get_most (const MmioCounter * counter)
{
  return get_mask (counter) >> counter->is_seqlock;
}

/* Pictures until another value, as get_complete() has it, but for how often it
 * has gone round; at least one */
static guint64
get_difference (const MmioCounter * counter, guint64 value)
{
  const guint64 difference = value - counter->value;

  return MAX ((counter->is_seqlock ? difference / 2 : difference) &
      get_most (counter), 1);
}

/* Pictures until another value after so many microseconds, where nothing is known
 * of the rate; 0: so far nobody counts between two looks, it was reset */
static guint64
get_steps (const MmioCounter * counter, guint64 value, gint64 elapsed)
{
  const guint64 difference = get_difference (counter, value);
  const guint64 most = MIN (get_most (counter) / 2,
      MAX_JUMP + (guint64) MAX (elapsed, 0) / SHORTEST_PERIOD);

  return difference > most ? 0 : difference;
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

/* When a picture that is seen at @now was complete: since the last poll. A poll
 * that comes late does not move the pictures after it. */
static gint64
estimate_phase (const MmioCounter * counter, gint64 now, guint64 steps)
{
  const gint64 expected = counter->phase + steps * counter->rate.period;

  return MIN (MAX (expected, counter->last_poll), now);
}

/* Looks the closer the less it was right, and the other way round */
static void
learn (MmioCounter * counter, gint64 now, guint64 steps)
{
  const gint64 before = counter->rate.period;
  const gboolean was_late =
      counter->last_poll < counter->phase + before - counter->margin;

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
 * mmio_counter_poll:
 * @now: the time, g_get_monotonic_time()
 * @count: (out): a new picture
 *
 * Loads the counter once.
 *
 * Returns: whether there is a picture that was not told of yet, be it that the
 *   next one is already written; the first look finds one, unless that is just
 *   being written
 */
gboolean
mmio_counter_poll (MmioCounter * counter, gint64 now, MmioCount * count)
{
  const guint64 raw = mmio_register_read (counter->reg);
  const guint64 value = get_complete (counter, raw);
  const gint64 elapsed = now - counter->last_poll;
  const gboolean was_absent = elapsed > MMIO_RATE_MAX_PERIOD;
  guint64 steps = 1;
  gint64 phase = now;

  counter->is_odd = is_odd (counter, raw);
  if (counter->rate.period > 0 &&
      now - counter->time <= MAX_PERIODS * counter->rate.period)
    mmio_counter_check_poll (&counter->check, raw, now);
  else
    mmio_counter_check_skip (&counter->check);

  if (!counter->known && is_busy (counter, raw)) {
    counter->known = TRUE;
    counter->is_inexact = TRUE;
    counter->value = value;
    counter->time = counter->phase = counter->last_poll = now;
    return FALSE;
  }

  if (counter->known && value == counter->value) {
    counter->last_poll = now;
    return FALSE;
  }

  if (counter->known) {
    steps = counter->rate.period > 0 ?
        get_likely_steps (counter, value, elapsed) : get_steps (counter, value,
        elapsed);
    if (steps == 0)
      mmio_counter_check_jump (&counter->check);
    else
      mmio_counter_check_frame (&counter->check, counter->is_seqlock);
    /* What began anew may have another rate */
    if (steps == 0)
      memset (&counter->rate, 0, sizeof (counter->rate));
    else if (!counter->is_inexact && !was_absent) {
      if (counter->rate.period > 0)
        phase = estimate_phase (counter, now, steps);
      learn (counter, now, steps);
    }
  }

  /* It was there before, nobody knows since when */
  counter->is_inexact = !counter->known || was_absent;
  counter->known = TRUE;
  counter->value = value;
  counter->time = now;
  counter->phase = phase;
  counter->last_poll = now;

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
  const gint64 due = counter->phase + period;
  const gint64 quiet = MIN ((now - due) / QUIET_PART, LONGEST_PAUSE);

  if (period == 0)
    return MAX (BLIND_PAUSE, quiet);
  if (mmio_counter_check_is_watching (&counter->check) && quiet <= 0)
    return MAX (period / WATCH_LOOKS, SHORTEST_PAUSE);
  /* After some that were newer than expected the time is a guess, and may be far
   * ahead */
  if (now < due - counter->margin)
    return MIN (due - counter->margin - now, period);

  return MAX (CLAMP (period / 64, SHORTEST_PAUSE, BLIND_PAUSE), quiet);
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
 * mmio_counter_get_doubt:
 *
 * Returns: whether the register counts as it should, as far as it is known by now
 */
MmioDoubt
mmio_counter_get_doubt (const MmioCounter * counter)
{
  return counter->check.doubt;
}

/**
 * mmio_counter_is_busy:
 *
 * Returns: whether a picture was being written at the last look
 */
gboolean
mmio_counter_is_busy (const MmioCounter * counter)
{
  return counter->is_odd;
}

/**
 * mmio_counter_begin_read:
 * @value: (out): the counter
 *
 * Before the picture is read.
 *
 * Returns: FALSE if it is just being written, and not worth reading
 */
gboolean
mmio_counter_begin_read (MmioCounter * counter, guint64 * value)
{
  counter->read_value = *value = mmio_register_read (counter->reg);
  return !is_busy (counter, counter->read_value);
}

/* Pictures that may be completed while one is read.  A device that writes N in
 * turn may begin to write over that one as soon as N - 1 more are complete; one
 * picture stands as long as the counter does. */
static guint
get_allowance (const MmioCounter * counter)
{
  return counter->n_buffers > 2 ? counter->n_buffers - 2 : 0;
}

/**
 * mmio_counter_end_read:
 * @steps: (out): pictures that were completed since mmio_counter_begin_read()
 *
 * After the picture was read.
 *
 * Returns: whether it stood still meanwhile: the device has not begun to write
 *   another one over it
 */
gboolean
mmio_counter_end_read (MmioCounter * counter, guint64 * steps)
{
  const guint64 value = mmio_register_read (counter->reg);
  const guint64 begin = get_complete (counter, counter->read_value);
  const guint64 went = (value - begin) & get_mask (counter);

  *steps = counter->is_seqlock ? went / 2 : went;
  return !is_busy (counter, counter->read_value) &&
      !is_busy (counter, value) && *steps <= get_allowance (counter);
}

/**
 * mmio_counter_accept_read:
 *
 * The picture that mmio_counter_begin_read() saw is the one that goes out.  If
 * it is a newer one than mmio_counter_poll() has told of, that will not tell of
 * it; see mmio_counter_take_newer().
 */
void
mmio_counter_accept_read (MmioCounter * counter)
{
  const guint64 value = get_complete (counter, counter->read_value);
  guint64 steps;

  if (!counter->known || value == counter->value)
    return;

  steps = get_steps (counter, value, 0);
  if (steps == 0)
    mmio_counter_check_jump (&counter->check);
  steps = MAX (steps, 1);
  counter->newer += steps;
  counter->value = value;
  /* What leaps was no counting, and tells no time */
  if (counter->rate.period > 0 && steps <= MAX_JUMP) {
    counter->time += steps * counter->rate.period;
    counter->phase += steps * counter->rate.period;
    counter->last_poll = MAX (counter->last_poll, counter->time);
  } else {
    counter->is_inexact = TRUE;
  }
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
