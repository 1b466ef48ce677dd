/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registers, and what a frame counter tells */
#include "fixtures/helper.h"

#include <sys/resource.h>

#include "sync/mmiocounter.h"
#include "sync/mmiosync.h"

#define BAR 2
#define OFFSET 24

static FakeDevice *fake;

static void
setup (void)
{
  fake = fake_new ();
  fake_set_memory (fake, BAR, 4096);
  fake_set_io (fake, 3, 256);
}

static void
teardown (void)
{
  mmio_device_unref (&fake->parent);
}

static void
put (guint64 value)
{
  const guint64 bytes = GUINT64_TO_LE (value);

  fake_write (fake, BAR, OFFSET, &bytes, sizeof (bytes));
}

static MmioRegister *
map_register (guint bits)
{
  const MmioRegisterSpec spec = {.offset = OFFSET,.bits = bits };
  GError *error = NULL;
  MmioRegister *reg =
      mmio_register_map (&fake->parent, "counter", BAR, &spec, &error);

  fail_unless (reg != NULL, "%s", error ? error->message : "");
  return reg;
}

static MmioCounter *
new_counter (guint bits, gboolean is_seqlock)
{
  return mmio_counter_new (map_register (bits), is_seqlock, 1);
}

/* --- Registers ------------------------------------------------------------- */

GST_START_TEST (test_register)
{
  const guint64 value = G_GUINT64_CONSTANT (0xfedcba9876543210);

  put (value);
  for (guint bits = 8; bits <= 64; bits *= 2) {
    g_autoptr (MmioRegister) reg = map_register (bits);

    fail_unless_equals_int (mmio_register_get_bits (reg), bits);
    fail_unless_equals_int (fake->last_length, bits / 8);
    fail_unless_equals_uint64 (fake->last_offset, OFFSET);
    fail_unless_equals_uint64 (mmio_register_read (reg),
        bits < 64 ? value & (((guint64) 1 << bits) - 1) : value);
  }
}

GST_END_TEST;

GST_START_TEST (test_bad_register)
{
  static const struct
  {
    guint bar;
    guint64 offset;
    guint bits;
    const char *words;
  } cases[] = {
    {BAR, 0, 0, "of 0 bits"}, {BAR, 0, 24, "of 24 bits"},
    {BAR, 0, 128, "Set counter-size to 8, 16, 32 or 64"},
    {BAR, 2, 32, "byte 2 of BAR 2"}, {BAR, 4, 64, "a multiple of 8"},
    {BAR, 4096, 8, "a register at byte 4096 of BAR 2"},
    {BAR, 4094, 32, "a multiple of 4"}, {BAR, 4096 - 4, 64, "multiple of 8"},
    {BAR, G_MAXUINT64 - 7, 64, "it has 4096 bytes"},
    {3, 0, 32, "256 bytes of I/O ports"}, {1, 0, 32, "a register in BAR 1 of"},
    {MMIO_MAX_BARS, 0, 32, "a register in BAR 6 of"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const MmioRegisterSpec spec = {.offset = cases[i].offset,
      .bits = cases[i].bits
    };
    const guint maps = fake->n_maps;
    GError *error = NULL;

    fail_if (mmio_register_map (&fake->parent, "counter", cases[i].bar, &spec,
            &error));
    check_error (&error, MMIO_ERROR_SETTINGS, cases[i].words,
        mmio_device_get_address (&fake->parent), NULL);
    fail_unless_equals_int (fake->n_maps, maps);
  }
}

GST_END_TEST;

/* The last bytes of a BAR are a register too */
GST_START_TEST (test_last_register)
{
  const MmioRegisterSpec spec = {.offset = 4096 - 8,.bits = 64 };
  g_autoptr (MmioRegister) reg =
      mmio_register_map (&fake->parent, "counter", BAR, &spec, NULL);
  const guint64 ones = G_MAXUINT64;

  fail_unless (reg != NULL);
  fake_write (fake, BAR, 4096 - 8, &ones, 8);
  fail_unless_equals_uint64 (mmio_register_read (reg), G_MAXUINT64);
}

GST_END_TEST;

/* --- Steps ------------------------------------------------------------------ */

typedef struct
{
  guint bits;
  gboolean is_seqlock;
  guint64 from, to;
  /* 0: no new picture */
  guint64 steps;
} Step;

#define MAX8 G_GUINT64_CONSTANT (0xff)
#define MAX16 G_GUINT64_CONSTANT (0xffff)
#define MAX32 G_GUINT64_CONSTANT (0xffffffff)

static const Step steps[] = {
  {32, FALSE, 5, 5, 0}, {32, FALSE, 5, 6, 1}, {32, FALSE, 5, 9, 4},
  {8, FALSE, 0, 127, 127}, {64, FALSE, 7, 1007, 1000},
  /* More than a device has in 50 microseconds */
  {64, FALSE, 7, 1000007, 1}, {32, FALSE, 7, 0x7f7f7f7f, 1},
  /* Around the end */
  {8, FALSE, MAX8, 0, 1}, {8, FALSE, 250, 3, 9}, {16, FALSE, MAX16, 2, 3},
  {32, FALSE, MAX32, 0, 1}, {32, FALSE, MAX32 - 4, 5, 10},
  {64, FALSE, G_MAXUINT64, 1, 2},
  /* What is above the register is not the register's */
  {8, FALSE, 0x1ff, 0x2ff, 0}, {16, FALSE, 0x10000, 0x20001, 1},
  /* The device began anew */
  {32, FALSE, 1000, 0, 1}, {32, FALSE, 1000, 999, 1}, {8, FALSE, 100, 20, 1},
  {64, FALSE, 5, 4, 1},
  /* Twice for each picture */
  {32, TRUE, 4, 4, 0}, {32, TRUE, 4, 5, 0}, {32, TRUE, 4, 6, 1},
  {32, TRUE, 4, 7, 1}, {32, TRUE, 4, 12, 4}, {32, TRUE, MAX32 - 1, 0, 1},
  {8, TRUE, 250, 4, 5}, {32, TRUE, 1000, 2, 1}, {32, TRUE, 1000, 0, 1},
};

GST_START_TEST (test_steps)
{
  const Step *step = &steps[__i__];
  g_autoptr (MmioCounter) counter = new_counter (step->bits, step->is_seqlock);
  MmioCount count;

  put (step->from);
  fail_unless (mmio_counter_poll (counter, 100, &count));
  fail_unless_equals_uint64 (count.steps, 1);
  fail_unless_equals_int64 (count.time, 100);
  fail_if (mmio_counter_poll (counter, 150, &count));

  put (step->to);
  fail_unless_equals_int (mmio_counter_poll (counter, 200, &count),
      step->steps > 0);
  if (step->steps > 0) {
    fail_unless_equals_uint64 (count.steps, step->steps);
    fail_unless_equals_int64 (count.time, 200);
    fail_if (mmio_counter_poll (counter, 250, &count));
  }
}

GST_END_TEST;

/* Where the rate is known: what a device counts at it while nobody looks */
typedef struct
{
  guint bits;
  gboolean is_seqlock;
  gint64 period;
  guint64 from, to;
  gint64 elapsed;
  guint64 steps;
} LikelyStep;

/* 240 Hz */
#define P 4167

static const LikelyStep likely_steps[] = {
  /* As ever */
  {8, FALSE, P, 5, 6, P, 1}, {32, FALSE, P, 5, 9, 4 * P, 4},
  {8, TRUE, P, 4, 6, P, 1}, {32, TRUE, P, 4, 12, 4 * P, 4},
  /* More than half of the range, and all of it, and several times that */
  {8, FALSE, P, 5, 149, 144 * P, 144}, {8, FALSE, P, 200, 88, 144 * P, 144},
  {8, FALSE, P, 5, 4, 255 * P, 255}, {8, FALSE, P, 5, 6, 257 * P, 257},
  {8, FALSE, P, 5, 10, (3 * 256 + 5) * P, 3 * 256 + 5},
  {8, TRUE, P, 10, 210, 100 * P, 100}, {8, TRUE, P, 210, 154, 100 * P, 100},
  {8, TRUE, P, 4, 6, 129 * P, 129}, {8, TRUE, P, 4, 14, 645 * P, 645},
  {16, FALSE, P, 5, 60005, 60000 * P, 60000},
  {16, FALSE, P, 5, 5 + 100000 - 65536, 100000LL * P, 100000},
  {16, TRUE, P, 4, 2 * (50000 - 32768) + 4, 50000LL * P, 50000},
  {32, FALSE, P, MAX32 - 10, 989, 1000 * P, 1000},
  {64, FALSE, P, G_MAXUINT64 - 10, 989, 1000 * P, 1000},
  {64, TRUE, P, G_MAXUINT64 - 9, 1990, 1000 * P, 1000},
  /* By a clock that is wrong by a tenth, either way */
  {8, FALSE, P, 5, 149, 158 * P, 144}, {8, FALSE, P, 5, 149, 130 * P, 144},
  {8, FALSE, P, 5, 10, 700 * P, 3 * 256 + 5},
  /* Its rate has become another one, up to hundreds */
  {8, FALSE, 20000, 5, 9, 20000, 4}, {8, FALSE, 20000, 5, 6, 200000, 1},
  {8, FALSE, 900000, 5, 59, 900000, 54},
  {16, FALSE, 900000, 5, 221, 900000, 216},
  {32, FALSE, 900000, 5, 1005, 900000, 1000},
  {32, TRUE, 900000, 4, 436, 900000, 216},
  /* It began anew */
  {8, FALSE, P, 100, 20, P, 0}, {8, FALSE, P, 100, 99, P, 0},
  {8, FALSE, P, 180, 0, P, 0}, {8, TRUE, P, 100, 20, P, 0},
  {16, FALSE, P, 60000, 0, P, 0}, {16, FALSE, P, 60000, 3, 5 * P, 0},
  {32, FALSE, P, 1000, 0, P, 0}, {32, FALSE, P, 1000, 999, P, 0},
  {32, FALSE, P, MAX32 - 5000, 1, 100 * P, 0},
  {32, TRUE, P, 1000, 2, P, 0}, {64, FALSE, P, 5, 4, P, 0},
};

GST_START_TEST (test_likely_steps)
{
  const LikelyStep *step = &likely_steps[__i__];
  const guint each = step->is_seqlock ? 2 : 1;
  g_autoptr (MmioCounter) counter = new_counter (step->bits, step->is_seqlock);
  gint64 now = 1000000;
  MmioCount count;

  for (guint i = 0; i < 20; i++) {
    put (step->from - (19 - i) * each);
    now += step->period;
    fail_unless (mmio_counter_poll (counter, now, &count));
  }
  fail_unless_equals_int64 (mmio_counter_get_period (counter), step->period);

  put (step->to);
  fail_unless (mmio_counter_poll (counter, now + step->elapsed, &count));
  fail_unless_equals_uint64 (count.steps, MAX (step->steps, 1));
  /* What began anew may have another rate */
  fail_unless_equals_int (mmio_counter_get_period (counter) == 0,
      step->steps == 0);
}

GST_END_TEST;

/* Where somebody has looked all the time, nothing went round */
GST_START_TEST (test_likely_after_stop)
{
  g_autoptr (MmioCounter) counter = new_counter (8, FALSE);
  gint64 now = 1000000;
  MmioCount count;

  for (guint i = 0; i < 20; i++) {
    put (i);
    now += P;
    fail_unless (mmio_counter_poll (counter, now, &count));
  }
  for (guint i = 0; i < 300; i++) {
    now += P;
    fail_if (mmio_counter_poll (counter, now, &count));
  }
  put (22);
  fail_unless (mmio_counter_poll (counter, now + 100, &count));
  fail_unless_equals_uint64 (count.steps, 3);
}

GST_END_TEST;

/* Its first look may be in the middle of a picture */
GST_START_TEST (test_begins_busy)
{
  g_autoptr (MmioCounter) counter = new_counter (32, TRUE);
  MmioCount count;

  put (77);
  fail_if (mmio_counter_poll (counter, 100, &count));
  put (78);
  fail_unless (mmio_counter_poll (counter, 200, &count));
  fail_unless_equals_uint64 (count.steps, 1);
}

GST_END_TEST;

/* A device that never rests where anybody looks: each of its pictures is told
 * of all the same */
GST_START_TEST (test_always_busy)
{
  g_autoptr (MmioCounter) counter = new_counter (32, TRUE);
  MmioCount count;

  put (77);
  fail_if (mmio_counter_poll (counter, 100, &count));
  fail_unless (mmio_counter_is_busy (counter));
  put (79);
  fail_unless (mmio_counter_poll (counter, 200, &count));
  fail_unless_equals_uint64 (count.steps, 1);
  fail_if (mmio_counter_poll (counter, 250, &count));
  put (85);
  fail_unless (mmio_counter_poll (counter, 300, &count));
  fail_unless_equals_uint64 (count.steps, 3);
  fail_unless (mmio_counter_is_busy (counter));
  put (86);
  fail_unless (mmio_counter_poll (counter, 400, &count));
  fail_if (mmio_counter_is_busy (counter));
}

GST_END_TEST;

/* --- Doubt ------------------------------------------------------------------ */

typedef struct
{
  gboolean counts_twice, is_seqlock;
  gint64 period;
  /* Of a seqlock: percent of a period for which it is odd */
  guint odd;
  /* Microseconds after each picture for which nobody looks */
  gint64 busy;
  MmioDoubt doubt;
} Doubt;

static const Doubt doubts[] = {
  /* As it is */
  {FALSE, FALSE, 16667, 0, 0, MMIO_DOUBT_NONE},
  {FALSE, FALSE, 4167, 0, 1000, MMIO_DOUBT_NONE},
  {TRUE, TRUE, 16667, 2, 0, MMIO_DOUBT_NONE},
  {TRUE, TRUE, 16667, 30, 0, MMIO_DOUBT_NONE},
  {TRUE, TRUE, 16667, 90, 0, MMIO_DOUBT_NONE},
  /* For more than a picture nobody looks: it is seen odd always, or even */
  {FALSE, FALSE, 16667, 0, 16667, MMIO_DOUBT_NONE},
  {FALSE, FALSE, 16667, 0, 25000, MMIO_DOUBT_NONE},
  /* The other way round */
  {TRUE, FALSE, 16667, 1, 0, MMIO_DOUBT_SEQLOCK},
  {TRUE, FALSE, 16667, 15, 0, MMIO_DOUBT_SEQLOCK},
  {TRUE, FALSE, 16667, 15, 1000, MMIO_DOUBT_SEQLOCK},
  {TRUE, FALSE, 4167, 85, 0, MMIO_DOUBT_SEQLOCK},
  {FALSE, TRUE, 16667, 0, 0, MMIO_DOUBT_PLAIN},
  {FALSE, TRUE, 4167, 0, 500, MMIO_DOUBT_PLAIN},
};

/* The register at @now; in its first moments it is odd */
static guint64
get_count (const Doubt * doubt, gint64 now)
{
  const guint64 n = now / doubt->period;
  const gboolean is_odd =
      now % doubt->period < doubt->period * doubt->odd / 100;

  return doubt->counts_twice ? 2 * n - is_odd : n;
}

/* Two hundred pictures, with the pauses that the counter asks for */
GST_START_TEST (test_doubt)
{
  const Doubt *doubt = &doubts[__i__];
  g_autoptr (MmioCounter) counter = new_counter (32, doubt->is_seqlock);
  gint64 now = 10 * doubt->period;
  guint64 missed = 0;
  MmioCount count;

  for (guint i = 0; i < 200;) {
    put (get_count (doubt, now));
    if (mmio_counter_poll (counter, now, &count)) {
      missed += count.steps - 1;
      i++;
      now += doubt->busy;
    } else {
      now += mmio_counter_get_pause (counter, now);
    }
  }
  fail_unless_equals_int (mmio_counter_get_doubt (counter), doubt->doubt);
  if (doubt->busy < doubt->period && doubt->doubt == MMIO_DOUBT_NONE)
    fail_unless_equals_uint64 (missed, 0);
}

GST_END_TEST;

/* Pixels in its place; a device that restarts does not count as such */
GST_START_TEST (test_doubt_of_jumps)
{
  g_autoptr (MmioCounter) counter = new_counter (32, FALSE);
  gint64 now = 1000000;
  MmioCount count;

  for (guint i = 0; i < 100; i++) {
    put (i % 10);
    fail_unless (mmio_counter_poll (counter, now += P, &count));
    fail_unless_equals_uint64 (count.steps, 1);
  }
  fail_unless_equals_int (mmio_counter_get_doubt (counter), MMIO_DOUBT_NONE);

  for (guint i = 0; i < 10; i++) {
    put (i % 2 ? 0x10203040 : 0x50607080);
    fail_unless (mmio_counter_poll (counter, now += P, &count));
    fail_unless_equals_uint64 (count.steps, 1);
  }
  fail_unless_equals_int (mmio_counter_get_doubt (counter), MMIO_DOUBT_JUMPS);
}

GST_END_TEST;

/* --- Reading ----------------------------------------------------------------- */

static gboolean
begin_read (MmioCounter * counter)
{
  guint64 value;

  return mmio_counter_begin_read (counter, &value);
}

static gboolean
end_read (MmioCounter * counter)
{
  guint64 went;

  if (!mmio_counter_end_read (counter, &went))
    return FALSE;

  mmio_counter_accept_read (counter);
  return TRUE;
}

GST_START_TEST (test_read)
{
  g_autoptr (MmioCounter) plain = new_counter (16, FALSE);
  g_autoptr (MmioCounter) seqlock = new_counter (16, TRUE);

  put (6);
  fail_unless (begin_read (plain));
  fail_unless (begin_read (seqlock));
  fail_unless (end_read (plain));
  fail_unless (end_read (seqlock));
  put (7);
  fail_if (end_read (plain));
  fail_if (end_read (seqlock));

  fail_unless (begin_read (plain));
  fail_if (begin_read (seqlock));
  fail_unless (end_read (plain));
  fail_if (end_read (seqlock));
}

GST_END_TEST;

/* What is read may be newer than what was told of, and then counts as told */
GST_START_TEST (test_newer)
{
  g_autoptr (MmioCounter) counter = new_counter (8, FALSE);
  MmioCount count;

  /* Before anything was told of, nothing is newer */
  put (250);
  fail_unless (begin_read (counter));
  fail_unless (end_read (counter));
  fail_unless_equals_uint64 (mmio_counter_take_newer (counter), 0);

  fail_unless (mmio_counter_poll (counter, 300, &count));
  put (251);
  fail_unless (mmio_counter_poll (counter, 1000, &count));
  put (252);
  fail_unless (mmio_counter_poll (counter, 2000, &count));
  fail_unless (begin_read (counter));
  put (253);
  fail_if (end_read (counter));
  fail_unless_equals_uint64 (mmio_counter_take_newer (counter), 0);
  put (2);
  fail_unless (begin_read (counter));
  fail_unless (end_read (counter));
  fail_unless_equals_uint64 (mmio_counter_take_newer (counter), 6);
  fail_unless_equals_uint64 (mmio_counter_take_newer (counter), 0);
  fail_if (mmio_counter_poll (counter, 8500, &count));

  /* And the rate is as before */
  put (3);
  fail_unless (mmio_counter_poll (counter, 9000, &count));
  fail_unless_equals_uint64 (count.steps, 1);
  fail_unless_equals_int64 (mmio_counter_get_period (counter), 1000);
}

GST_END_TEST;

/* Nor is one learnt from it where there is none yet */
GST_START_TEST (test_newer_tells_no_rate)
{
  g_autoptr (MmioCounter) counter = new_counter (32, FALSE);
  MmioCount count;

  put (1);
  fail_unless (mmio_counter_poll (counter, 900, &count));
  put (2);
  fail_unless (mmio_counter_poll (counter, 1000, &count));
  put (5);
  fail_unless (begin_read (counter));
  fail_unless (end_read (counter));
  put (6);
  fail_unless (mmio_counter_poll (counter, 6000, &count));
  fail_unless_equals_int64 (mmio_counter_get_period (counter), 0);
  put (7);
  fail_unless (mmio_counter_poll (counter, 7000, &count));
  fail_unless_equals_int64 (mmio_counter_get_period (counter), 1000);
}

GST_END_TEST;

/* --- When to look ------------------------------------------------------------ */

/* A device at a rate, and somebody who looks when he is told to: how often for
 * each picture, and how late he sees one at worst */
static void
watch (gint64 period, gint64 jitter, gint64 oversleep, guint n,
    gdouble * looks, gint64 * latest)
{
  g_autoptr (MmioCounter) counter = new_counter (32, FALSE);
  gint64 now = 1000000, next = now;
  guint pictures = 0, n_looks = 0;
  MmioCount count;

  *latest = 0;
  while (pictures < n) {
    while (next <= now) {
      pictures++;
      next += period + (pictures % 3 == 0 ? jitter : pictures % 3 == 1 ?
          -jitter : 0);
      put (pictures);
    }
    n_looks++;
    if (mmio_counter_poll (counter, now, &count)) {
      const gint64 late = now - (next - period);

      /* Once it knows */
      if (pictures > n / 2)
        *latest = MAX (*latest, late);
    }
    now += mmio_counter_get_pause (counter, now);
    /* A machine that has other things to do */
    if (oversleep > 0 && g_random_double_range (0, 1) < 0.2)
      now += oversleep;
  }
  *looks = (gdouble) n_looks / n;

  if (jitter == 0 && oversleep == 0)
    fail_unless (ABS (mmio_counter_get_period (counter) - period) <
        period / 50 + 2, "%" G_GINT64_FORMAT " for %" G_GINT64_FORMAT,
        mmio_counter_get_period (counter), period);
}

static const gint64 periods[] = { 1000, 4000, 8333, 16667, 20000, 41708,
  100000, 500000
};

GST_START_TEST (test_pauses)
{
  const gint64 period = periods[__i__];
  gdouble looks;
  gint64 latest;

  watch (period, 0, 0, 2000, &looks, &latest);
  GST_INFO ("%" G_GINT64_FORMAT " us: %.1f looks, %" G_GINT64_FORMAT
      " us late", period, looks, latest);
  /* At 60 Hz, 12 looks of 10 us would be 0.7 % of a core */
  fail_unless (looks < MAX (12, 2 * period / 16 / 500), "%f looks", looks);
  fail_unless (latest <= 500, "%" G_GINT64_FORMAT " us late", latest);

  /* A rate that is not steady takes more looks, but is not seen later */
  watch (period, period / 10, 0, 2000, &looks, &latest);
  GST_INFO ("%" G_GINT64_FORMAT " us, jitter: %.1f looks, %" G_GINT64_FORMAT
      " us late", period, looks, latest);
  fail_unless (latest <= 500 + period / 5, "%" G_GINT64_FORMAT " us late",
      latest);

  /* Nor does it take more than so many to be on a machine that has other things
   * to do, and wakes it late */
  watch (period, 0, period / 5, 2000, &looks, &latest);
  GST_INFO ("%" G_GINT64_FORMAT " us, overslept: %.1f looks, %" G_GINT64_FORMAT
      " us late", period, looks, latest);
  fail_unless (looks < MAX (20, period / 4 / 500 + 20), "%f looks", looks);
}

GST_END_TEST;

/* One wake-up that is late delays one picture, not those after it */
GST_START_TEST (test_late_once)
{
  const gint64 period = periods[__i__];
  g_autoptr (MmioCounter) counter = new_counter (32, FALSE);
  gint64 now = 1000000, next = now;
  guint late_at = 1000, pictures = 0;
  MmioCount count;

  while (pictures < 1100) {
    while (next <= now) {
      put (++pictures);
      next += period;
    }
    if (mmio_counter_poll (counter, now, &count) && pictures > late_at)
      fail_unless (now - (next - period) <= 500, "%u after: %" G_GINT64_FORMAT
          " us late", pictures - late_at, now - (next - period));
    now += mmio_counter_get_pause (counter, now);
    if (pictures == late_at - 1 && next - now < period / 8)
      now += period / 2;
  }
}

GST_END_TEST;

/* The rate changes, and it is found out */
GST_START_TEST (test_new_rate)
{
  g_autoptr (MmioCounter) counter = new_counter (32, FALSE);
  gint64 now = 0, period = 20000, next = 0;
  guint pictures = 0;
  MmioCount count;

  while (pictures < 400) {
    while (next <= now) {
      put (++pictures);
      next += period;
    }
    mmio_counter_poll (counter, now, &count);
    now += mmio_counter_get_pause (counter, now);
    if (pictures == 200)
      period = 5000;
  }
  fail_unless (ABS (mmio_counter_get_period (counter) - 5000) < 250, "%"
      G_GINT64_FORMAT, mmio_counter_get_period (counter));
}

GST_END_TEST;

/* Since when the first picture was there nobody knows */
GST_START_TEST (test_first_rate)
{
  g_autoptr (MmioCounter) counter = new_counter (32, FALSE);
  MmioCount count;

  put (1);
  fail_unless (mmio_counter_poll (counter, 1000, &count));
  put (2);
  fail_unless (mmio_counter_poll (counter, 1300, &count));
  fail_unless_equals_int64 (mmio_counter_get_period (counter), 0);
  put (3);
  fail_unless (mmio_counter_poll (counter, 2300, &count));
  fail_unless_equals_int64 (mmio_counter_get_period (counter), 1000);
}

GST_END_TEST;

/* A device that has stopped for seconds goes on at its rate; and at another one,
 * if that is so */
GST_START_TEST (test_stall)
{
  g_autoptr (MmioCounter) counter = new_counter (32, FALSE);
  MmioCount count;

  for (guint i = 0; i < 10; i++) {
    put (i);
    fail_unless (mmio_counter_poll (counter, 10000 * i, &count));
  }
  fail_unless_equals_int64 (mmio_counter_get_period (counter), 10000);
  for (guint i = 1; i < 10; i++)
    fail_if (mmio_counter_poll (counter, 500000 * i, &count));
  put (10);
  fail_unless (mmio_counter_poll (counter, 5000000, &count));
  fail_unless_equals_uint64 (count.steps, 1);
  fail_unless_equals_int64 (mmio_counter_get_period (counter), 10000);
  for (guint i = 1; i < 6; i++) {
    put (10 + i);
    fail_unless (mmio_counter_poll (counter, 5000000 + 50000 * i, &count));
  }
  fail_unless_equals_int64 (mmio_counter_get_period (counter), 50000);
}

GST_END_TEST;

/* Nobody has looked, in a pause, while 8 bits went round: the rate is as it
 * was */
GST_START_TEST (test_absence)
{
  g_autoptr (MmioCounter) counter = new_counter (8, FALSE);
  MmioCount count;

  for (guint i = 0; i < 10; i++) {
    put (i);
    fail_unless (mmio_counter_poll (counter, 10000 * i, &count));
  }
  put (460);
  fail_unless (mmio_counter_poll (counter, 4600000, &count));
  fail_unless_equals_int64 (mmio_counter_get_period (counter), 10000);
  put (461);
  fail_unless (mmio_counter_poll (counter, 4610000, &count));
  fail_unless_equals_uint64 (count.steps, 1);
  fail_unless_equals_int64 (mmio_counter_get_period (counter), 10000);
}

GST_END_TEST;

/* A device that has stopped is hardly looked at, whatever its rate was, and not
 * seen much later than it was gone for */
GST_START_TEST (test_quiet)
{
  g_autoptr (MmioCounter) counter = new_counter (32, __i__ == 2);
  gint64 now = 1000000, begin;
  guint n_looks = 0;
  MmioCount count;

  /* At 60 Hz; not known; in the middle of the first picture */
  put (__i__ == 2 ? 1 : 0);
  for (guint i = 0; i < (__i__ == 0 ? 100 : 1); i++) {
    if (i > 0)
      put (i);
    fail_unless_equals_int (mmio_counter_poll (counter, now, &count),
        __i__ < 2);
    now += 16667;
  }

  begin = now;
  while (now < begin + 10 * G_TIME_SPAN_SECOND) {
    const gint64 pause = mmio_counter_get_pause (counter, now);

    fail_unless (pause <= MAX (500, (now - begin + 16667) / 64), "%"
        G_GINT64_FORMAT " after %" G_GINT64_FORMAT, pause, now - begin);
    now += pause;
    fail_if (mmio_counter_poll (counter, now, &count));
    n_looks++;
  }
  GST_INFO ("%u looks in 10 s", n_looks);
  fail_unless (n_looks < 1500, "%u looks in 10 s", n_looks);
}

GST_END_TEST;

/* --- Waiting ------------------------------------------------------------------ */

static gpointer
count_soon (gpointer unused)
{
  g_usleep (20000);
  put (8);
  return NULL;
}

static gpointer
wake_soon (gpointer sync)
{
  g_usleep (20000);
  mmio_sync_wake (sync);
  return NULL;
}

GST_START_TEST (test_wait)
{
  g_autoptr (MmioCounter) counter = new_counter (32, FALSE);
  g_autoptr (MmioSync) sync = mmio_sync_new (NULL);
  const gint64 begin = g_get_monotonic_time ();
  MmioCount count;
  GThread *thread;

  put (7);
  fail_unless_equals_int (mmio_sync_wait (sync, counter, begin + HANG, &count),
      MMIO_WAIT_FRAME);
  fail_unless_equals_int (mmio_sync_wait (sync, counter, begin, &count),
      MMIO_WAIT_TIMEOUT);
  fail_unless_equals_int (mmio_sync_wait (sync, counter,
          g_get_monotonic_time () + 3000, &count), MMIO_WAIT_TIMEOUT);

  thread = g_thread_new ("device", count_soon, NULL);
  fail_unless_equals_int (mmio_sync_wait (sync, counter,
          g_get_monotonic_time () + HANG, &count), MMIO_WAIT_FRAME);
  fail_unless (count.time >= begin + 20000 &&
      count.time <= g_get_monotonic_time ());
  g_thread_join (thread);

  thread = g_thread_new ("waker", wake_soon, sync);
  fail_unless_equals_int (mmio_sync_wait (sync, counter,
          g_get_monotonic_time () + HANG, &count), MMIO_WAIT_WOKEN);
  g_thread_join (thread);

  /* Before it waits, and once however often */
  mmio_sync_wake (sync);
  mmio_sync_wake (sync);
  fail_unless_equals_int (mmio_sync_wait (sync, counter,
          g_get_monotonic_time () + HANG, &count), MMIO_WAIT_WOKEN);
  fail_unless_equals_int (mmio_sync_wait (sync, counter,
          g_get_monotonic_time () + 3000, &count), MMIO_WAIT_TIMEOUT);
}

GST_END_TEST;

/* poll() fails if a limit of descriptors is less than it has: a sandbox may set it
 * to 0 after all files are open */
GST_START_TEST (test_sleep_without_poll)
{
  g_autoptr (MmioSync) sync = mmio_sync_new (NULL);
  const gint64 begin = g_get_monotonic_time ();
  struct rlimit limit, none;
  GThread *thread;

  fail_unless (getrlimit (RLIMIT_NOFILE, &limit) == 0);
  none = limit;
  none.rlim_cur = 0;
  fail_unless (setrlimit (RLIMIT_NOFILE, &none) == 0);

  fail_unless_equals_int (mmio_sync_sleep (sync, 20000), MMIO_WAIT_TIMEOUT);
  fail_unless (g_get_monotonic_time () >= begin + 20000);

  thread = g_thread_new ("waker", wake_soon, sync);
  fail_unless_equals_int (mmio_sync_sleep (sync, HANG), MMIO_WAIT_WOKEN);
  g_thread_join (thread);

  fail_unless (setrlimit (RLIMIT_NOFILE, &limit) == 0);
}

GST_END_TEST;

static Suite *
counter_suite (void)
{
  Suite *s = suite_create ("lib-counter");
  TCase *tc = add_case (s, "counter");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_register);
  tcase_add_test (tc, test_bad_register);
  tcase_add_test (tc, test_last_register);
  tcase_add_loop_test (tc, test_steps, 0, G_N_ELEMENTS (steps));
  tcase_add_loop_test (tc, test_likely_steps, 0, G_N_ELEMENTS (likely_steps));
  tcase_add_test (tc, test_likely_after_stop);
  tcase_add_loop_test (tc, test_doubt, 0, G_N_ELEMENTS (doubts));
  tcase_add_test (tc, test_doubt_of_jumps);
  tcase_add_test (tc, test_begins_busy);
  tcase_add_test (tc, test_always_busy);
  tcase_add_test (tc, test_read);
  tcase_add_test (tc, test_newer);
  tcase_add_test (tc, test_newer_tells_no_rate);
  tcase_add_loop_test (tc, test_pauses, 0, G_N_ELEMENTS (periods));
  tcase_add_loop_test (tc, test_late_once, 0, G_N_ELEMENTS (periods));
  tcase_add_test (tc, test_new_rate);
  tcase_add_test (tc, test_first_rate);
  tcase_add_test (tc, test_stall);
  tcase_add_test (tc, test_absence);
  tcase_add_loop_test (tc, test_quiet, 0, 3);
  tcase_add_test (tc, test_wait);
  tcase_add_test (tc, test_sleep_without_poll);

  return s;
}

GST_CHECK_MAIN (counter);
