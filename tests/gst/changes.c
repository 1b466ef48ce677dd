/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The property changes: what has changed is marked, and what has not is not
 * sent.
 */
#include <string.h>

#include "testdevicesync.h"

#define WIDTH 37
#define HEIGHT 60
/* Rows are longer than what is shown of them */
#define OFFSET 5
#define STRIDE 120
#define SIZE (OFFSET + STRIDE * (HEIGHT - 1) + 3 * WIDTH)

#define MS GST_MSECOND

static TestFile file;

static void
setup (void)
{
  temp_setup ();
  test_file_init (&file, "bar", SIZE, 1);
}

static void
teardown (void)
{
  test_file_clear (&file);
  temp_teardown ();
}

static GstHarness *
source_of_changes (const char *changes)
{
  GstHarness *h = source_new (file.path, "width", WIDTH, "height", HEIGHT,
      "offset", (guint64) OFFSET, "stride", STRIDE, NULL);

  gst_util_set_object_arg (G_OBJECT (h->element), "changes", changes);
  return h;
}

/* One bit of the picture becomes another */
static void
flip (guint x, guint y)
{
  const gsize at = OFFSET + y * STRIDE + x;
  const guint8 byte = file.data[at] ^ 0x10;

  test_file_write (&file, at, &byte, 1);
}

static void
check_picture (GstHarness * h, GstBuffer * buffer)
{
  const TestPlane planes[] = { {OFFSET, STRIDE, 3 * WIDTH, HEIGHT} };
  const GstVideoInfo info = source_get_info (h);

  if (GST_VIDEO_INFO_FORMAT (&info) == GST_VIDEO_FORMAT_RGB)
    check_planes (buffer, &info, file.data, planes, 1);
  else
    check_expanded (buffer, &info, file.data + OFFSET, STRIDE, FALSE);
}

/* The rows that are marked are these, as text: "3+1 7+2" */
static void
check_damage (GstBuffer * buffer, const char *wanted)
{
  GString *rows = g_string_new (NULL);
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
              GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *roi = (GstVideoRegionOfInterestMeta *) meta;

    fail_unless_equals_string (g_quark_to_string (roi->roi_type), "damage");
    fail_unless_equals_int (roi->x, 0);
    fail_unless_equals_int (roi->w, WIDTH);
    g_string_append_printf (rows, "%s%u+%u", rows->len ? " " : "", roi->y,
        roi->h);
  }
  fail_unless_equals_string (rows->str, wanted);
  g_string_free (rows, TRUE);
}

static void
check_next (GstHarness * h, const char *damage)
{
  GstBuffer *buffer = source_crank (h);

  check_picture (h, buffer);
  check_damage (buffer, damage);
  gst_buffer_unref (buffer);
}

/* The next frame's time comes, and the frame does not */
static void
check_none (GstHarness * h)
{
  fail_unless (gst_harness_crank_single_clock_wait (h));
  source_wait_for_clock_wait (h);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
}

/* --- mark ------------------------------------------------------------------- */

static const char *const sent_as[] = { "RGB", "BGRx", "xRGB" };

/* What changed in a frame that a full queue drops is marked in the next one,
 * though nothing has changed since; many rows that are far apart as one range */
GST_START_TEST (test_mark_dropped)
{
  GstHarness *h = source_of_changes ("mark");
  const gboolean are_many = __i__ == 1;
  GstBuffer *buffer;

  g_object_set (h->element, "queue-size", 1, NULL);
  gate_init (h);
  source_start (h, 1);
  source_wait_for_clock_wait (h);
  gate_close ();
  for (guint i = 0; i < 6; i++) {
    if (i == 2)
      flip (0, 10);
    if (i == 3)
      flip (7, 20);
    for (guint row = 25; i == 4 && are_many && row < 58; row += 2)
      flip (0, row);
    fail_unless (gst_harness_crank_single_clock_wait (h));
    source_wait_for_clock_wait (h);
    /* The first one is with the consumer */
    if (i == 0)
      gate_wait ();
  }
  fail_unless_equals_uint64 (source_get_stat (h, "dropped"), 4);
  gate_open ();

  buffer = source_pull (h);
  check_damage (buffer, "");
  gst_buffer_unref (buffer);
  buffer = source_pull (h);
  check_picture (h, buffer);
  check_damage (buffer, are_many ? "10+48" : "20+1 10+1");
  gst_buffer_unref (buffer);
  source_wait_for_clock_wait (h);
  check_next (h, "");
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_mark)
{
  char *caps = g_strdup_printf ("video/x-raw,format=%s", sent_as[__i__]);
  GstHarness *h = source_of_changes ("mark");
  GstBuffer *buffer;

  gst_harness_set_sink_caps_str (h, caps);
  g_free (caps);
  gst_harness_play (h);
  /* There was none before the first */
  buffer = source_pull (h);
  check_picture (h, buffer);
  check_damage (buffer, "0+60");
  gst_buffer_unref (buffer);

  source_wait_for_clock_wait (h);
  check_next (h, "");
  check_next (h, "");

  /* A bit at each end of a row, and in its middle */
  flip (0, 0);
  check_next (h, "0+1");
  flip (3 * WIDTH - 1, HEIGHT - 1);
  check_next (h, "59+1");
  flip (50, 30);
  flip (7, 31);
  flip (0, 33);
  check_next (h, "30+2 33+1");
  check_next (h, "");

  /* Back to what it was before is a change, too */
  flip (50, 30);
  check_next (h, "30+1");

  /* What lies between rows is no picture */
  flip (3 * WIDTH, 10);
  flip (STRIDE - 1, 11);
  check_next (h, "");

  fail_unless_equals_uint64 (source_get_stat (h, "unchanged"), 4);
  fail_unless_equals_uint64 (source_get_stat (h, "frames"), 9);
  fail_unless_equals_uint64 (source_get_stat (h, "bytes-read"),
      9 * 3 * WIDTH * HEIGHT);
  source_teardown (h);
}

GST_END_TEST;

/* More ranges than are told apart: no changed row is left out */
GST_START_TEST (test_mark_many)
{
  GstHarness *h = source_of_changes ("mark");
  guint marked[HEIGHT] = { 0, };
  gpointer state = NULL;
  GstBuffer *buffer;
  GstMeta *meta;

  source_start (h, 1);
  source_wait_for_clock_wait (h);
  for (guint y = 1; y < HEIGHT; y += 2)
    flip (y, y);
  buffer = source_crank (h);
  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
              GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *roi = (GstVideoRegionOfInterestMeta *) meta;

    for (guint y = roi->y; y < roi->y + roi->h; y++)
      marked[y]++;
  }
  for (guint y = 0; y < HEIGHT; y++)
    fail_unless (marked[y] == 1 || (y % 2 == 0 && marked[y] == 0),
        "row %u is in %u regions", y, marked[y]);

  gst_buffer_unref (buffer);
  source_teardown (h);
}

GST_END_TEST;

/* A row of subsampled chroma is two of the picture */
GST_START_TEST (test_mark_planar)
{
  GstHarness *h = source_new (file.path, "width", WIDTH, "height", 21,
      "format", GST_VIDEO_FORMAT_NV12, "stride", 40, NULL);
  const guint8 byte = ~file.data[40 * 21 + 40 * 3 + 2];

  g_object_set (h->element, "changes", 1, NULL);
  source_start (h, 1);
  source_wait_for_clock_wait (h);
  test_file_write (&file, 40 * 21 + 40 * 3 + 2, &byte, 1);
  for (guint round = 0; round < 2; round++) {
    GstBuffer *buffer = source_crank (h);

    check_damage (buffer, round == 0 ? "6+2" : "");
    gst_buffer_unref (buffer);
  }
  source_teardown (h);
}

GST_END_TEST;

/* Nobody asked for marks */
GST_START_TEST (test_ignore)
{
  GstHarness *h = source_of_changes ("ignore");

  source_start (h, 1);
  source_wait_for_clock_wait (h);
  check_next (h, "");
  flip (4, 5);
  check_next (h, "");
  fail_unless_equals_uint64 (source_get_stat (h, "unchanged"), 0);
  source_teardown (h);
}

GST_END_TEST;

/* --- drop ------------------------------------------------------------------- */

GST_START_TEST (test_drop)
{
  GstHarness *h = source_of_changes ("drop");
  GstBuffer *buffer;

  gst_harness_play (h);
  buffer = source_pull (h);
  check_damage (buffer, "0+60");
  gst_buffer_unref (buffer);

  /* It needs no buffers while nothing changes, and time goes by as always */
  source_wait_for_clock_wait (h);
  for (guint i = 0; i < 100; i++)
    check_none (h);

  flip (20, 20);
  buffer = source_crank (h);
  check_picture (h, buffer);
  check_damage (buffer, "20+1");
  fail_unless_equals_uint64 (GST_BUFFER_PTS (buffer), 101 * 20 * MS);
  fail_unless_equals_uint64 (GST_BUFFER_DURATION (buffer), 20 * MS);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 101);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET_END (buffer), 102);
  /* Nothing was lost */
  fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  gst_buffer_unref (buffer);

  check_none (h);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  fail_unless_equals_uint64 (source_get_stat (h, "frames"), 2);
  fail_unless_equals_uint64 (source_get_stat (h, "unchanged"), 101);
  /* Looking for changes is reading, but once */
  fail_unless_equals_uint64 (source_get_stat (h, "bytes-read"),
      103 * 3 * WIDTH * HEIGHT);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);
  source_teardown (h);
}

GST_END_TEST;

/* Each bit of a row is looked at, whatever its place in the widest load */
GST_START_TEST (test_drop_exact)
{
  GstHarness *h = source_of_changes ("drop");

  source_start (h, 1);
  source_wait_for_clock_wait (h);
  for (guint x = 0; x < 3 * WIDTH; x++) {
    char *rows = g_strdup_printf ("%u+1", x % HEIGHT);

    flip (x, x % HEIGHT);
    check_next (h, rows);
    g_free (rows);
  }
  check_none (h);
  source_teardown (h);
}

GST_END_TEST;

/* Frames that were missed while nothing changed are known with the next one
 * that is sent */
GST_START_TEST (test_drop_missed)
{
  GstHarness *h = source_of_changes ("drop");
  GstTestClock *clock = gst_harness_get_testclock (h);
  GstBuffer *buffer;

  source_start (h, 1);
  source_wait_for_clock_wait (h);
  gst_test_clock_set_time (clock, 205 * MS);
  gst_object_unref (clock);
  check_none (h);
  source_wait_for_stat (h, "missed", 9);

  flip (0, 0);
  buffer = source_crank (h);
  fail_unless (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 1);
  gst_buffer_unref (buffer);
  flip (0, 0);
  buffer = source_crank (h);
  fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  gst_buffer_unref (buffer);
  source_teardown (h);
}

GST_END_TEST;

/* Who was flushed has no picture any more */
GST_START_TEST (test_drop_flush)
{
  GstHarness *h = source_of_changes ("drop");

  source_start (h, 1);
  source_wait_for_clock_wait (h);
  check_none (h);
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_start ()));
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_stop (FALSE)));
  check_next (h, "0+60");
  check_none (h);
  source_teardown (h);
}

GST_END_TEST;

/* Other caps are another picture, and nobody waits for a change to have it */
GST_START_TEST (test_drop_renegotiation)
{
  static const char *const formats[] = { "BGRx", "RGB", "xBGR" };
  GstHarness *h = source_of_changes ("drop");
  GstVideoInfo info;

  gst_harness_set_sink_caps_str (h, "video/x-raw,format=RGB");
  source_start (h, 1);
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    char *caps = g_strdup_printf ("video/x-raw,format=%s", formats[i]);

    source_wait_for_clock_wait (h);
    check_none (h);
    gst_harness_set_sink_caps_str (h, caps);
    g_free (caps);
    check_next (h, "0+60");
    info = source_get_info (h);
    fail_unless_equals_string (GST_VIDEO_INFO_NAME (&info), formats[i]);
  }
  source_teardown (h);
}

GST_END_TEST;

/* The caps may be as before, and somebody new be there for the frame */
GST_START_TEST (test_drop_reconfigure)
{
  GstHarness *h = source_of_changes ("drop");

  source_start (h, 1);
  source_wait_for_clock_wait (h);
  for (guint i = 0; i < 3; i++) {
    check_none (h);
    fail_unless (gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ()));
    check_next (h, "0+60");
  }
  check_none (h);
  source_teardown (h);
}

GST_END_TEST;

/* An event goes downstream in time, with a frame that has not changed */
GST_START_TEST (test_drop_event)
{
  GstHarness *h = source_of_changes ("drop");
  GstEvent *event;

  source_start (h, 1);
  source_wait_for_clock_wait (h);
  check_none (h);
  while ((event = gst_harness_try_pull_event (h)))
    gst_event_unref (event);
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM,
              gst_structure_new_empty ("message-in-a-bottle"))));
  check_next (h, "0+60");
  event = gst_harness_try_pull_event (h);
  fail_unless (event && gst_event_has_name (event, "message-in-a-bottle"));
  gst_event_unref (event);

  /* Others are no reason to send anything */
  gst_element_send_event (h->element, gst_event_new_latency (20 * MS));
  check_none (h);
  source_teardown (h);
}

GST_END_TEST;

/* What cannot be had is an error, though no frame is due to be sent */
GST_START_TEST (test_drop_refused)
{
  GstHarness *h = source_of_changes ("drop");

  source_start (h, 1);
  source_wait_for_clock_wait (h);
  check_none (h);
  gst_harness_set_sink_caps_str (h, "video/x-raw,format=NV12");
  gst_harness_crank_single_clock_wait (h);
  source_check_error (h, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
      "downstream accepts", "wants another format.", "videoconvert", NULL);
  source_teardown (h);
}

GST_END_TEST;

/* It starts anew with a picture */
GST_START_TEST (test_drop_restart)
{
  GstHarness *h = source_of_changes ("drop");

  for (guint i = 0; i < 3; i++) {
    source_start (h, 1);
    source_wait_for_clock_wait (h);
    check_none (h);
    source_stop (h);
    fail_unless_equals_uint64 (source_get_stat (h, "frames"), 1);
    fail_unless_equals_uint64 (source_get_stat (h, "unchanged"), 1);
  }
  source_teardown (h);
}

GST_END_TEST;

/* While nothing changes it can be stopped as at any other time */
GST_START_TEST (test_drop_stop)
{
  GstHarness *h = source_of_changes ("drop");

  source_start (h, 1);
  source_wait_for_clock_wait (h);
  check_none (h);
  fail_if (gst_element_set_state (h->element, GST_STATE_PAUSED) ==
      GST_STATE_CHANGE_FAILURE);
  gst_harness_play (h);
  source_wait_for_clock_wait (h);
  flip (1, 1);
  gst_buffer_unref (source_crank (h));
  source_stop (h);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* --- With the map itself ---------------------------------------------------- */

GST_START_TEST (test_mmap)
{
  static const char *const changes[] = { "mark", "drop" };
  GstHarness *h = source_of_changes (changes[__i__]);

  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", "mmap");
  fail_unless_equals_int (gst_element_set_state (h->element,
          GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, NULL,
      "changes=ignore", "io-mode=copy", NULL);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
changes_suite (void)
{
  Suite *s = suite_create ("gst-changes");
  TCase *tc = add_case (s, "mark");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_mark_dropped, 0, 2);
  tcase_add_loop_test (tc, test_mark, 0, G_N_ELEMENTS (sent_as));
  tcase_add_test (tc, test_mark_many);
  tcase_add_test (tc, test_mark_planar);
  tcase_add_test (tc, test_ignore);

  tc = add_case (s, "drop");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_drop);
  tcase_add_test (tc, test_drop_exact);
  tcase_add_test (tc, test_drop_missed);
  tcase_add_test (tc, test_drop_flush);
  tcase_add_test (tc, test_drop_renegotiation);
  tcase_add_test (tc, test_drop_reconfigure);
  tcase_add_test (tc, test_drop_event);
  tcase_add_test (tc, test_drop_refused);
  tcase_add_test (tc, test_drop_restart);
  tcase_add_test (tc, test_drop_stop);

  tc = add_case (s, "mmap");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_mmap, 0, 2);

  return s;
}

GST_CHECK_MAIN (changes);
