/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interprets a frame counter: whether there is a new frame, how many came since
 * the last one, when to poll next, and whether a frame changed while it was
 * read.  This file calculates, and loads the counter once for each poll; it
 * does not wait.
 *
 * A seqlock is odd while the device writes a frame.  Half of it, rounded down,
 * is the number of complete frames.
 */
#include "sync/mmiocounter.h"

#include <string.h>

#include "sync/mmiorate.h"

/* Microseconds between two polls while the rate is unknown, and at most between
 * two polls shortly before a frame is due.  A frame is seen that much later at
 * worst. */
#define BLIND_PAUSE 500
/* The kernel may end a sleep up to 50 microseconds late (the default of
 * PR_SET_TIMERSLACK), so shorter pauses have no effect. */
#define SHORTEST_PAUSE 50
/* Polling for a frame starts at most this part of a period before it is due.
 * That limits a frame to 16 polls.  With a less steady rate, or late wake-ups,
 * frames are seen later instead. */
#define MAX_MARGIN 4
/* A device that has stopped is polled less often: the pause grows to this part
 * of the time without a frame, up to 10 milliseconds. */
#define LONGEST_PAUSE 10000
#define QUIET_PART 64
/* A counter may be ahead of the expected value by this many frames, or by this
 * part of its range if that is less: rates do change, from one frame per second
 * to hundreds.  A larger difference is a jump, not counting. */
#define MAX_JUMP 1024
#define MAX_JUMP_PART 4
/* While the rate is unknown, a device is assumed to write at most one frame in
 * this time (microseconds). */
#define SHORTEST_PERIOD 10
/* Polls per period while the counter's behaviour is checked */
#define WATCH_LOOKS 16
/* Periods without a frame after which the device counts as stopped */
#define MAX_PERIODS 4

struct _MmioCounter
{
  MmioRegister *reg;
  gboolean is_seqlock;
  guint n_buffers;

  gboolean known;               /* it has been polled */
  guint64 value;                /* when the last frame was complete */
  gboolean is_odd;              /* at the last poll: a frame is written */
  gint64 time;                  /* when the last frame was seen, or first poll */
  gint64 phase;                 /* estimated time of its completion */

  gint64 last_poll;
  MmioRate rate;
  gint64 margin;                /* polling starts this long before a frame */

  MmioCounterCheck check;

  guint64 read_value;
  guint64 newer;                /* frames since the reported one */
  gboolean is_inexact;          /* @time says nothing about the rate */
};

/**
 * mmio_counter_new:
 * @reg: (transfer full): the register
 * @is_seqlock: see #MmioSpec
 * @n_buffers: slots that the device writes in turn
 *
 * Creates a counter; does not load it.
 *
 * Returns: (transfer full): the counter
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
 * @n_buffers: slots that the device writes in turn from now on
 *
 * Sets the number of slots; the count continues.  Must not be called between
 * mmio_counter_begin_read() and mmio_counter_end_read().
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

/* Whether the device is writing a frame */
static gboolean
is_odd (const MmioCounter * counter, guint64 value)
{
  return counter->is_seqlock && value % 2 != 0;
}

/* Whether the device is writing the slot that is read */
static gboolean
is_busy (const MmioCounter * counter, guint64 value)
{
  return counter->n_buffers == 1 && is_odd (counter, value);
}

/* The value when the last frame was complete */
static guint64
get_complete (const MmioCounter * counter, guint64 value)
{
  return is_odd (counter, value) ? value - 1 : value;
}

/* The largest number of frames that the counter can express */
static guint64
get_most (const MmioCounter * counter)
{
  return get_mask (counter) >> counter->is_seqlock;
}

/* Frames from the last value to @value, which is from get_complete(); at least 1.
 * Complete rounds of the counter are not included. */
static guint64
get_difference (const MmioCounter * counter, guint64 value)
{
  const guint64 difference = value - counter->value;

  return MAX ((counter->is_seqlock ? difference / 2 : difference) &
      get_most (counter), 1);
}

/* Frames from the last value to @value in @elapsed microseconds, while the rate is
 * unknown; 0: too many, so the counter was reset */
static guint64
get_steps (const MmioCounter * counter, guint64 value, gint64 elapsed)
{
  const guint64 difference = get_difference (counter, value);
  const guint64 most = MIN (get_most (counter) / 2,
      MAX_JUMP + (guint64) MAX (elapsed, 0) / SHORTEST_PERIOD);

  return difference > most ? 0 : difference;
}

/* The same with a known rate: the possible number of frames that is nearest to
 * the expected one; 0: none is near */
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

/* When a frame that is seen at @now was complete: between the last poll and @now.
 * A late poll must not delay the polls for later frames. */
static gint64
estimate_phase (const MmioCounter * counter, gint64 now, guint64 steps)
{
  const gint64 expected = counter->phase + steps * counter->rate.period;

  return MIN (MAX (expected, counter->last_poll), now);
}

/* Starts polling earlier after a frame that was seen late, else slowly later */
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
 * @now: the time (microseconds, g_get_monotonic_time())
 * @count: (out): the new frame
 *
 * Loads the counter once.
 *
 * Returns: whether there is a frame that was not reported yet, also if the
 *   device already writes the next one; the first poll reports a frame unless
 *   the device is writing the only slot
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
    /* After a reset the rate may differ */
    if (steps == 0)
      memset (&counter->rate, 0, sizeof (counter->rate));
    else if (!counter->is_inexact && !was_absent) {
      if (counter->rate.period > 0)
        phase = estimate_phase (counter, now, steps);
      learn (counter, now, steps);
    }
  }

  /* The frame may have been there long before */
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
 * @now: the time (microseconds, g_get_monotonic_time())
 *
 * Calculates when to poll next: shortly before the next frame is due, then at
 * short intervals, and at growing intervals if no frame comes.
 *
 * Returns: microseconds from @now to the next poll
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
  /* The due time is a guess after mmio_counter_accept_read() of newer frames, and
   * may be far ahead */
  if (now < due - counter->margin)
    return MIN (due - counter->margin - now, period);

  return MAX (CLAMP (period / 64, SHORTEST_PAUSE, BLIND_PAUSE), quiet);
}

/**
 * mmio_counter_get_period:
 *
 * Returns: the measured period of the frames (microseconds); 0: unknown
 */
gint64
mmio_counter_get_period (const MmioCounter * counter)
{
  return counter->rate.period;
}

/**
 * mmio_counter_get_doubt:
 *
 * Returns: what the polls so far show to be wrong with the counter
 */
MmioDoubt
mmio_counter_get_doubt (const MmioCounter * counter)
{
  return counter->check.doubt;
}

/**
 * mmio_counter_is_busy:
 *
 * Returns: whether the device was writing a frame at the last poll
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
 * Loads the counter before a frame is read.
 *
 * Returns: FALSE if the device is writing the only slot
 */
gboolean
mmio_counter_begin_read (MmioCounter * counter, guint64 * value)
{
  counter->read_value = *value = mmio_register_read (counter->reg);
  return !is_busy (counter, counter->read_value);
}

/* Frames that the device may complete while one is read.  A device with N slots
 * may overwrite the slot that is read as soon as N - 1 more frames are complete.
 * With one slot, the frame is unchanged as long as the counter is. */
static guint
get_allowance (const MmioCounter * counter)
{
  return counter->n_buffers > 2 ? counter->n_buffers - 2 : 0;
}

/**
 * mmio_counter_end_read:
 * @steps: (out): frames that were completed since mmio_counter_begin_read()
 *
 * Loads the counter after a frame was read.
 *
 * Returns: whether the frame is whole: the device has not begun to overwrite it
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
 * Marks the frame of mmio_counter_begin_read() as reported.  If it is newer than
 * the last one from mmio_counter_poll(), later polls do not report it; see
 * mmio_counter_take_newer().
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
  /* A jump says nothing about the time */
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
 * Returns the number of frames by which accepted reads were newer than the
 * polled ones, and resets it.
 *
 * Returns: the number of frames
 */
guint64
mmio_counter_take_newer (MmioCounter * counter)
{
  const guint64 newer = counter->newer;

  counter->newer = 0;
  return newer;
}
