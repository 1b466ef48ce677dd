/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rate of pictures, learnt from when they come */
#include "fixtures/helper.h"

#include "sync/mmiorate.h"

#define HZ60 16667
#define SECOND G_TIME_SPAN_SECOND

static void
learn (MmioRate * rate, gint64 period, guint times)
{
  for (guint i = 0; i < times; i++)
    mmio_rate_learn (rate, period, 1);
}

static gboolean
is_about (gint64 value, gint64 wanted)
{
  return ABS (value - wanted) <= wanted / 50;
}

#define fail_unless_about(rate, wanted) \
  fail_unless (is_about ((rate).period, wanted), \
      "%" G_GINT64_FORMAT " is not about %" G_GINT64_FORMAT, (rate).period, \
      (gint64) (wanted))

/* Known from the first two pictures on, and several at a time are a sample too */
GST_START_TEST (test_first)
{
  MmioRate rate = { 0, };

  mmio_rate_learn (&rate, 3 * HZ60, 3);
  fail_unless_equals_int64 (rate.period, HZ60);
  mmio_rate_learn (&rate, 100 * HZ60, 100);
  fail_unless_about (rate, HZ60);
  /* Not two pictures */
  mmio_rate_learn (&rate, 0, 1);
  mmio_rate_learn (&rate, -5, 1);
  mmio_rate_learn (&rate, 5, 100);
  fail_unless_about (rate, HZ60);
}

GST_END_TEST;

/* What one picture may come late by, once: the rate is as it was, then and
 * afterwards */
static const gint64 hiccups[] = { 2 * HZ60 + 100, 60000, 150000, 900000,
  SECOND, SECOND + 1, 3 * SECOND, 3600 * SECOND, HZ60 / 3, 1
};

GST_START_TEST (test_hiccup)
{
  MmioRate rate = { 0, };

  learn (&rate, HZ60, 20);
  for (guint i = 0; i < 5; i++) {
    /* Two in a row, too */
    learn (&rate, hiccups[__i__], 1 + i % 2);
    fail_unless_about (rate, HZ60);
    learn (&rate, HZ60, 3);
    fail_unless_about (rate, HZ60);
  }
}

GST_END_TEST;

/* Whatever the first two pictures said */
GST_START_TEST (test_hiccup_first)
{
  MmioRate rate = { 0, };

  learn (&rate, hiccups[__i__], 1);
  learn (&rate, HZ60, 4);
  fail_unless_about (rate, HZ60);
}

GST_END_TEST;

/* Up and down, by much and by little */
static const struct
{
  gint64 from, to;
  guint within;
} changes[] = {
  {HZ60, 8333, 30}, {HZ60, HZ60 / 4, 4}, {HZ60, 1000, 4}, {HZ60, 33333, 40},
  {HZ60, 40000, 4}, {HZ60, 100000, 4}, {HZ60, 999999, 4}, {999999, HZ60, 4},
  {500000, 490000, 30}, {20000, HZ60, 30}, {HZ60, 20000, 30},
};

GST_START_TEST (test_change)
{
  MmioRate rate = { 0, };

  learn (&rate, changes[__i__].from, 20);
  fail_unless_about (rate, changes[__i__].from);
  learn (&rate, changes[__i__].to, changes[__i__].within);
  fail_unless_about (rate, changes[__i__].to);
  learn (&rate, changes[__i__].from, 40);
  fail_unless_about (rate, changes[__i__].from);
}

GST_END_TEST;

/* A new rate that is not steady either is taken for what it is on average */
GST_START_TEST (test_unsteady_change)
{
  const gint64 periods[] = { 80000, 120000, 90000, 110000 };
  MmioRate rate = { 0, };

  learn (&rate, HZ60, 20);
  for (guint i = 0; i < 4; i++)
    learn (&rate, periods[i], 1);
  fail_unless_about (rate, 100000);
}

GST_END_TEST;

/* More seldom than once a second: there is no rate, and one that was is no more
 * after a few */
GST_START_TEST (test_slow)
{
  const gint64 pauses[] = { 2 * SECOND, 100 * SECOND, 3 * SECOND, SECOND + 1 };
  MmioRate rate = { 0, };

  learn (&rate, 2 * SECOND, 10);
  fail_unless_equals_int64 (rate.period, 0);
  learn (&rate, HZ60, 10);
  fail_unless_about (rate, HZ60);
  for (guint i = 0; i < 4; i++) {
    fail_unless_about (rate, HZ60);
    learn (&rate, pauses[i], 1);
  }
  fail_unless_equals_int64 (rate.period, 0);
  learn (&rate, HZ60, 1);
  fail_unless_about (rate, HZ60);
}

GST_END_TEST;

/* One that comes late makes the next one early: the average is still that */
GST_START_TEST (test_jitter)
{
  MmioRate rate = { 0, };

  for (guint i = 0; i < 400; i++)
    learn (&rate, i % 2 ? HZ60 - 5000 : HZ60 + 5000, 1);
  fail_unless (ABS (rate.period - HZ60) < 1000, "%" G_GINT64_FORMAT,
      rate.period);
}

GST_END_TEST;

static Suite *
rate_suite (void)
{
  Suite *s = suite_create ("lib-rate");
  TCase *tc = add_case (s, "rate");

  tcase_add_test (tc, test_first);
  tcase_add_loop_test (tc, test_hiccup, 0, G_N_ELEMENTS (hiccups));
  tcase_add_loop_test (tc, test_hiccup_first, 0, G_N_ELEMENTS (hiccups));
  tcase_add_loop_test (tc, test_change, 0, G_N_ELEMENTS (changes));
  tcase_add_test (tc, test_unsteady_change);
  tcase_add_test (tc, test_slow);
  tcase_add_test (tc, test_jitter);

  return s;
}

GST_CHECK_MAIN (rate);
