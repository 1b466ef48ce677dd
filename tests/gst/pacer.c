/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstmmiopacer.h"
#include "source.h"

typedef struct
{
  gint n, d;
  GstClockTime period;
} Rate;

/* Periods rounded down, worked out by hand */
static const Rate rates[] = {
  {50, 1, 20000000},
  {30, 1, 33333333},
  {30000, 1001, 33366666},
  {60000, 1001, 16683333},
  {25, 2, 80000000},
  {1, 1, GST_SECOND},
  {1, 60, 60 * GST_SECOND},
  {7, 3, 428571428},
  {1000000, 1, 1000},
  {1000000000, 1, 1},
};

/* When tick @n begins: in integers wide enough, rounded up */
static GstClockTime
begin_of_tick (const Rate * rate, guint64 n)
{
  const __uint128_t t = (__uint128_t) n * GST_SECOND * rate->d;

  return (t + rate->n - 1) / rate->n;
}

static GstMmioFrameTime
next (GstMmioPacer * pacer, GstClockTime now)
{
  GstMmioFrameTime frame;

  gst_mmio_pacer_next (pacer, now, &frame);
  return frame;
}

static GstMmioFrameTime
take (GstMmioPacer * pacer, GstClockTime now)
{
  GstMmioFrameTime frame = next (pacer, now);

  gst_mmio_pacer_take (pacer, &frame);
  return frame;
}

static void
check_frame (const GstMmioFrameTime * frame, guint64 tick, guint64 number,
    guint64 missed, GstClockTime due)
{
  often_unless (frame->tick == tick && frame->number == number &&
      frame->missed == missed && frame->due == due,
      "tick %" G_GUINT64_FORMAT ", number %" G_GUINT64_FORMAT ", missed %"
      G_GUINT64_FORMAT ", due %" G_GUINT64_FORMAT "; not %" G_GUINT64_FORMAT
      ", %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT,
      frame->tick, frame->number, frame->missed, frame->due, tick, number,
      missed, due);
}

GST_START_TEST (test_period)
{
  GstMmioPacer pacer;

  gst_mmio_pacer_init (&pacer);
  fail_unless_equals_uint64 (gst_mmio_pacer_get_period (&pacer),
      GST_CLOCK_TIME_NONE);

  for (guint i = 0; i < G_N_ELEMENTS (rates); i++) {
    gst_mmio_pacer_set_rate (&pacer, rates[i].n, rates[i].d);
    fail_unless_equals_uint64 (gst_mmio_pacer_get_period (&pacer),
        rates[i].period);
  }
}

GST_END_TEST;

/* Frames that come when they are due: 100000 of them, and none is a nanosecond
 * off */
GST_START_TEST (test_no_drift)
{
  const Rate *rate = &rates[__i__];
  GstMmioPacer pacer;
  GstClockTime now = 0;

  gst_mmio_pacer_init (&pacer);
  gst_mmio_pacer_set_rate (&pacer, rate->n, rate->d);

  for (guint64 i = 0; i < 100000; i++) {
    GstMmioFrameTime frame = take (&pacer, now);

    check_frame (&frame, i, i, 0, begin_of_tick (rate, i));
    /* Woken up a bit late now and then, but in time for the next */
    now = frame.due + (i % 3 == 0 ? 0 : (rate->period - 1) * (i % 7) / 7);
  }
}

GST_END_TEST;

/* A tick begins at its due time, not a nanosecond before */
GST_START_TEST (test_tick_begins_when_due)
{
  const Rate *rate = &rates[__i__];
  const guint64 ticks[] = { 1, 2, 3, 1000, 12345678, 4000000000 };
  GstMmioFrameTime frame;
  GstMmioPacer pacer;

  for (guint i = 0; i < G_N_ELEMENTS (ticks); i++) {
    const GstClockTime begin = begin_of_tick (rate, ticks[i]);

    /* Beyond all time */
    if (ticks[i] > G_MAXINT64 / rates[__i__].period)
      continue;

    gst_mmio_pacer_init (&pacer);
    gst_mmio_pacer_set_rate (&pacer, rate->n, rate->d);
    frame = next (&pacer, begin);
    check_frame (&frame, ticks[i], 0, 0, begin);
    frame = next (&pacer, begin - 1);
    check_frame (&frame, ticks[i] - 1, 0, 0, begin_of_tick (rate,
            ticks[i] - 1));
  }
}

GST_END_TEST;

/* Asking is free: only what is taken counts */
GST_START_TEST (test_next_changes_nothing)
{
  GstMmioFrameTime frame;
  GstMmioPacer pacer;

  gst_mmio_pacer_init (&pacer);
  gst_mmio_pacer_set_rate (&pacer, 50, 1);

  for (guint i = 0; i < 3; i++) {
    frame = next (&pacer, 5 * GST_MSECOND);
    check_frame (&frame, 0, 0, 0, 0);
  }
  take (&pacer, 5 * GST_MSECOND);
  frame = next (&pacer, 205 * GST_MSECOND);
  check_frame (&frame, 10, 10, 9, 200 * GST_MSECOND);
  frame = next (&pacer, 6 * GST_MSECOND);
  check_frame (&frame, 1, 1, 0, 20 * GST_MSECOND);
}

GST_END_TEST;

/* The first frame is due at once, whenever that is, and is number 0 */
GST_START_TEST (test_first)
{
  GstMmioFrameTime frame;
  GstMmioPacer pacer;

  gst_mmio_pacer_init (&pacer);
  gst_mmio_pacer_set_rate (&pacer, 50, 1);
  frame = take (&pacer, GST_SECOND + 7 * GST_MSECOND);
  check_frame (&frame, 50, 0, 0, GST_SECOND);
  frame = take (&pacer, GST_SECOND + 7 * GST_MSECOND);
  check_frame (&frame, 51, 1, 0, GST_SECOND + 20 * GST_MSECOND);
}

GST_END_TEST;

GST_START_TEST (test_missed)
{
  GstMmioFrameTime frame;
  GstMmioPacer pacer;

  gst_mmio_pacer_init (&pacer);
  gst_mmio_pacer_set_rate (&pacer, 50, 1);
  take (&pacer, 0);
  take (&pacer, 20 * GST_MSECOND);

  /* The last moment of the tick that is next */
  frame = next (&pacer, 60 * GST_MSECOND - 1);
  check_frame (&frame, 2, 2, 0, 40 * GST_MSECOND);
  /* The first one of the tick after it */
  frame = next (&pacer, 60 * GST_MSECOND);
  check_frame (&frame, 3, 3, 1, 60 * GST_MSECOND);

  frame = take (&pacer, 119 * GST_MSECOND);
  check_frame (&frame, 5, 5, 3, 100 * GST_MSECOND);
  frame = take (&pacer, 119 * GST_MSECOND);
  check_frame (&frame, 6, 6, 0, 120 * GST_MSECOND);
  frame = take (&pacer, 3600 * GST_SECOND);
  check_frame (&frame, 180000, 180000, 179993, 3600 * GST_SECOND);
}

GST_END_TEST;

/* The timestamp is the moment of the capture, which is the tick's time if it is
 * captured within a millisecond; the frame lasts until the next tick begins */
GST_START_TEST (test_pts)
{
  GstMmioFrameTime frame;
  GstMmioPacer pacer;

  gst_mmio_pacer_init (&pacer);
  gst_mmio_pacer_set_rate (&pacer, 50, 1);
  frame = take (&pacer, 7 * GST_MSECOND);
  fail_unless_equals_uint64 (frame.pts, 7 * GST_MSECOND);
  fail_unless_equals_uint64 (frame.duration, 13 * GST_MSECOND);
  frame = next (&pacer, 19 * GST_MSECOND);
  fail_unless_equals_uint64 (frame.pts, 20 * GST_MSECOND);
  frame = next (&pacer, 21 * GST_MSECOND);
  fail_unless_equals_uint64 (frame.pts, 20 * GST_MSECOND);
  fail_unless_equals_uint64 (frame.duration, 20 * GST_MSECOND);
  frame = take (&pacer, 40 * GST_MSECOND - 1);
  check_frame (&frame, 1, 1, 0, 20 * GST_MSECOND);
  fail_unless_equals_uint64 (frame.pts, 40 * GST_MSECOND - 1);
  fail_unless_equals_uint64 (frame.duration, 1);

  /* After missed ones */
  frame = take (&pacer, 65 * GST_MSECOND);
  check_frame (&frame, 3, 3, 1, 60 * GST_MSECOND);
  fail_unless_equals_uint64 (frame.pts, 65 * GST_MSECOND);
  frame = take (&pacer, 66 * GST_MSECOND);
  fail_unless_equals_uint64 (frame.pts, 80 * GST_MSECOND);

  /* After running time began anew */
  frame = take (&pacer, 3 * GST_MSECOND);
  check_frame (&frame, 0, 5, 0, 0);
  fail_unless_equals_uint64 (frame.pts, 3 * GST_MSECOND);
  frame = take (&pacer, 4 * GST_MSECOND);
  fail_unless_equals_uint64 (frame.pts, 20 * GST_MSECOND);
}

GST_END_TEST;

/* A frame that could not be captured may be until its tick ends */
GST_START_TEST (test_retry)
{
  GstMmioFrameTime frame, retried;
  GstMmioPacer pacer;

  gst_mmio_pacer_init (&pacer);
  gst_mmio_pacer_set_rate (&pacer, 50, 1);
  take (&pacer, 0);
  frame = take (&pacer, 20 * GST_MSECOND);
  fail_unless (gst_mmio_pacer_retry (&pacer, 33 * GST_MSECOND, &frame));
  check_frame (&frame, 1, 1, 0, 20 * GST_MSECOND);
  fail_unless_equals_uint64 (frame.pts, 33 * GST_MSECOND);
  fail_unless_equals_uint64 (frame.duration, 7 * GST_MSECOND);

  fail_if (gst_mmio_pacer_retry (&pacer, 40 * GST_MSECOND, &frame));
  retried = frame;
  frame = take (&pacer, 40 * GST_MSECOND);
  check_frame (&frame, 2, 2, 0, 40 * GST_MSECOND);
  fail_if (gst_mmio_pacer_retry (&pacer, 41 * GST_MSECOND, &retried));

  /* Or at another rate */
  gst_mmio_pacer_set_rate (&pacer, 4, 1);
  fail_unless (gst_mmio_pacer_retry (&pacer, 42 * GST_MSECOND, &frame));
  check_frame (&frame, 0, 2, 0, 0);
  fail_unless_equals_uint64 (frame.pts, 42 * GST_MSECOND);
  fail_unless_equals_uint64 (frame.duration, 208 * GST_MSECOND);
  frame = take (&pacer, 43 * GST_MSECOND);
  check_frame (&frame, 1, 3, 0, 250 * GST_MSECOND);
}

GST_END_TEST;

/* Running time may begin anew; frame numbers do not, and nothing is missed */
GST_START_TEST (test_running_time_begins_anew)
{
  GstMmioFrameTime frame;
  GstMmioPacer pacer;

  gst_mmio_pacer_init (&pacer);
  gst_mmio_pacer_set_rate (&pacer, 50, 1);
  for (guint i = 0; i < 10; i++)
    take (&pacer, i * 20 * GST_MSECOND);

  /* Tick 9 was taken. A clock that is a bit behind is no new beginning. */
  frame = next (&pacer, 175 * GST_MSECOND);
  check_frame (&frame, 10, 10, 0, 200 * GST_MSECOND);
  frame = next (&pacer, 160 * GST_MSECOND);
  check_frame (&frame, 10, 10, 0, 200 * GST_MSECOND);

  frame = next (&pacer, 160 * GST_MSECOND - 1);
  check_frame (&frame, 7, 10, 0, 140 * GST_MSECOND);
  frame = take (&pacer, 3 * GST_MSECOND);
  check_frame (&frame, 0, 10, 0, 0);
  frame = take (&pacer, 20 * GST_MSECOND);
  check_frame (&frame, 1, 11, 0, 20 * GST_MSECOND);
}

GST_END_TEST;

GST_START_TEST (test_rate_changes)
{
  GstMmioFrameTime frame;
  GstMmioPacer pacer;

  gst_mmio_pacer_init (&pacer);
  gst_mmio_pacer_set_rate (&pacer, 50, 1);
  for (guint i = 0; i < 5; i++)
    take (&pacer, i * 20 * GST_MSECOND);

  /* To the same one: as if nobody had said anything */
  gst_mmio_pacer_set_rate (&pacer, 50, 1);
  frame = next (&pacer, 81 * GST_MSECOND);
  check_frame (&frame, 5, 5, 0, 100 * GST_MSECOND);

  /* To another one: ticks are other ticks, numbers go on, nothing is missed
   * for that */
  gst_mmio_pacer_set_rate (&pacer, 1000, 1);
  frame = take (&pacer, 90 * GST_MSECOND);
  check_frame (&frame, 90, 5, 0, 90 * GST_MSECOND);
  gst_mmio_pacer_set_rate (&pacer, 10, 1);
  frame = take (&pacer, 190 * GST_MSECOND);
  check_frame (&frame, 1, 6, 0, 100 * GST_MSECOND);
  frame = take (&pacer, 190 * GST_MSECOND);
  check_frame (&frame, 2, 7, 0, 200 * GST_MSECOND);

  /* The same numerator is not the same rate */
  gst_mmio_pacer_set_rate (&pacer, 10, 2);
  fail_unless_equals_uint64 (gst_mmio_pacer_get_period (&pacer),
      200 * GST_MSECOND);
  frame = next (&pacer, 450 * GST_MSECOND);
  check_frame (&frame, 2, 8, 0, 400 * GST_MSECOND);
}

GST_END_TEST;

/* The limits that the template caps have, and running times of many years */
GST_START_TEST (test_extremes)
{
  const Rate slow = { 1, G_MAXINT, G_MAXINT * GST_SECOND };
  const Rate fast = { G_MAXINT, 1, 0 };
  const GstClockTime year = 365 * 24 * 3600 * GST_SECOND;
  GstMmioFrameTime frame;
  GstMmioPacer pacer;

  gst_mmio_pacer_init (&pacer);
  gst_mmio_pacer_set_rate (&pacer, slow.n, slow.d);
  fail_unless_equals_uint64 (gst_mmio_pacer_get_period (&pacer),
      G_MAXINT * GST_SECOND);
  take (&pacer, 0);
  frame = next (&pacer, 60 * year);
  check_frame (&frame, 1, 1, 0, G_MAXINT * GST_SECOND);
  frame = next (&pacer, 500 * year);
  check_frame (&frame, 7, 7, 6, begin_of_tick (&slow, 7));

  gst_mmio_pacer_init (&pacer);
  gst_mmio_pacer_set_rate (&pacer, fast.n, fast.d);
  take (&pacer, 0);
  for (guint i = 1; i < 1000; i++) {
    frame = take (&pacer, i);
    fail_unless_equals_uint64 (frame.tick, (guint64) i * G_MAXINT / GST_SECOND);
    fail_unless_equals_uint64 (frame.number, frame.tick);
    fail_unless (frame.due <= i);
  }

  gst_mmio_pacer_init (&pacer);
  gst_mmio_pacer_set_rate (&pacer, 30000, 1001);
  frame = next (&pacer, 500 * year);
  fail_unless_equals_uint64 (frame.tick,
      (__uint128_t) 500 * year * 30000 / ((__uint128_t) 1001 * GST_SECOND));
}

GST_END_TEST;

static Suite *
pacer_suite (void)
{
  Suite *s = suite_create ("gst-pacer");
  TCase *tc = add_case (s, "pacer");

  tcase_add_test (tc, test_period);
  tcase_add_loop_test (tc, test_no_drift, 0, G_N_ELEMENTS (rates));
  tcase_add_loop_test (tc, test_tick_begins_when_due, 0, G_N_ELEMENTS (rates));
  tcase_add_test (tc, test_next_changes_nothing);
  tcase_add_test (tc, test_first);
  tcase_add_test (tc, test_missed);
  tcase_add_test (tc, test_pts);
  tcase_add_test (tc, test_retry);
  tcase_add_test (tc, test_running_time_begins_anew);
  tcase_add_test (tc, test_rate_changes);
  tcase_add_test (tc, test_extremes);

  return s;
}

GST_CHECK_MAIN (pacer);
