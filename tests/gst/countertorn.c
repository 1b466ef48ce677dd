/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A frame counter guards frames, whatever starts them: what goes out is one
 * picture, or is said not to be.
 */
#include "testdevicesync.h"

static const char *const syncs[] = { "counter", "clock" };

/* Whoever starts a frame: one that is torn says so.  With what is missed they
 * add up to what was painted. */
GST_START_TEST (test_torn)
{
  const gboolean by_counter = g_str_equal (syncs[__i__], "counter");
  GstHarness *h = new_source (syncs[__i__]);
  const guint frames = RUNNING_ON_VALGRIND ? 50 : 2000;
  guint64 torn = 0, offset = 0;
  gint64 last = -1, zeroth = -1;
  GThread *thread;

  gst_harness_use_systemclock (h);
  gst_harness_set_sink_caps_str (h, by_counter ? "video/x-raw" :
      "video/x-raw,framerate=5000/1");
  set (h, "counter-seqlock", "true");
  g_object_set (h->element, "num-buffers", frames, NULL);
  g_atomic_int_set (&painted.seen, 1);
  thread = g_thread_new ("device", paint_restlessly, NULL);
  gst_harness_play (h);
  for (guint i = 0; i < frames; i++) {
    GstBuffer *buffer = source_pull (h);
    const gint64 number = get_number (buffer);

    g_atomic_int_set (&painted.seen, g_atomic_int_get (&painted.pictures));

    offset = GST_BUFFER_OFFSET (buffer);
    if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED)) {
      torn++;
    } else {
      often_unless (number >= last, "frame %u is torn, or old, and says "
          "nothing: %" G_GINT64_FORMAT " after %" G_GINT64_FORMAT, i, number,
          last);
      /* And who counts them says which one it is */
      if (zeroth < 0)
        zeroth = number - offset;
      often_unless (!by_counter || number == zeroth + (gint64) offset, "frame "
          "%u is %" G_GINT64_FORMAT ", and says %" G_GINT64_FORMAT, i, number,
          zeroth + (gint64) offset);
      last = number;
    }
    gst_buffer_unref (buffer);
  }
  source_stop (h);
  g_atomic_int_set (&painted.stop, TRUE);
  g_thread_join (thread);

  GST_INFO ("%" G_GUINT64_FORMAT " torn", torn);
  check_stat (h, "torn", torn);
  check_stat (h, "frames", frames);
  check_stat (h, "missed", offset + 1 - frames);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* A device that counts on while it is read, whenever it is */
static gpointer
count_fast (gpointer unused)
{
  while (!g_atomic_int_get (&painted.stop))
    count (1);
  return NULL;
}

static void
count_frame (GstBuffer * buffer, guint64 * frames, guint64 * torn)
{
  *frames += 1;
  *torn += GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED);
  gst_buffer_unref (buffer);
}

GST_START_TEST (test_always_torn)
{
  GstHarness *h = new_source ("counter");
  const gint64 end = g_get_monotonic_time () + HANG;
  guint64 frames = 0, torn = 0;
  GstBuffer *buffer;
  GThread *thread;

  thread = g_thread_new ("device", count_fast, NULL);
  gst_harness_play (h);
  /* Until both threads have run at a time, whatever else the machine does; under
   * valgrind they never do, and it is only looked at what is counted */
  while (RUNNING_ON_VALGRIND ? frames < 50 : torn < 10) {
    often_unless (g_get_monotonic_time () < end, "only %" G_GUINT64_FORMAT
        " torn", torn);
    count_frame (source_pull (h), &frames, &torn);
  }
  source_stop (h);
  g_atomic_int_set (&painted.stop, TRUE);
  g_thread_join (thread);
  while ((buffer = gst_harness_try_pull (h)))
    count_frame (buffer, &frames, &torn);

  /* One that was on its way may have been thrown away by the stop */
  GST_INFO ("%" G_GUINT64_FORMAT " torn", torn);
  fail_unless (source_get_stat (h, "frames") - frames <= 1);
  fail_unless (source_get_stat (h, "torn") - torn <=
      source_get_stat (h, "frames") - frames);
  source_teardown (h);
}

GST_END_TEST;

/* By the clock, of a device that is stuck in a picture: and when it is done,
 * the frame comes, though not a byte has changed since */
GST_START_TEST (test_stuck)
{
  static const char *const changes[] = { "ignore", "mark", "drop" };
  GstHarness *h = new_source ("clock");
  GstBuffer *buffer;

  set (h, "changes", changes[__i__]);
  set (h, "counter-seqlock", "true");
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));

  count (1);
  paint (3);
  buffer = source_crank (h);
  fail_unless (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED));
  gst_buffer_unref (buffer);
  check_stat (h, "torn", 1);
  check_stat (h, "frames", 2);

  count (1);
  buffer = source_crank (h);
  fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED));
  fail_unless_equals_int64 (get_number (buffer), 3);
  fail_unless_equals_int (gst_buffer_get_n_meta (buffer,
          GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE), __i__ > 0);
  gst_buffer_unref (buffer);
  check_stat (h, "torn", 1);
  check_stat (h, "missed", 0);
  source_teardown (h);
}

GST_END_TEST;

/* The flag is not the next one's, whose buffer may be the same */
GST_START_TEST (test_no_counter_no_flag)
{
  GstHarness *h = source_new (painted.path, "width", PAINTED_WIDTH, "height",
      PAINTED_HEIGHT, NULL);
  GstBuffer *buffer;

  gst_harness_play (h);
  buffer = source_pull (h);
  fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED));
  gst_buffer_unref (buffer);
  check_stat (h, "torn", 0);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
countertorn_suite (void)
{
  Suite *s = suite_create ("gst-countertorn");
  TCase *tc = add_case (s, "torn");

  tcase_add_checked_fixture (tc, painted_setup, painted_teardown);
  tcase_add_loop_test (tc, test_torn, 0, G_N_ELEMENTS (syncs));
  tcase_add_test (tc, test_always_torn);
  tcase_add_loop_test (tc, test_stuck, 0, 3);
  tcase_add_test (tc, test_no_counter_no_flag);

  return s;
}

GST_CHECK_MAIN (countertorn);
