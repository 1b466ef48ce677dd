/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Many starts and stops, and several elements on one device: nothing is left
 * behind.
 */
#include <stdio.h>
#include <string.h>

#include "testdmabuf.h"

#define CYCLES 200

static TestFile file;

static void
setup (void)
{
  temp_setup ();
  test_file_init (&file, "bar", 16 * 8 * 3, 1);
}

static void
teardown (void)
{
  fakekernel_stop ();
  test_file_clear (&file);
  temp_teardown ();
}

/* What a process has */
typedef struct
{
  guint fds, threads, maps;
} Has;

static Has
count (void)
{
  return (Has) {
  count_fds (), count_threads (), count_maps ("")};
}

static void
check (const Has * before)
{
  const Has now = count ();

  fail_unless_equals_int (count_maps (file.path), 0);
  fail_unless_equals_int (count_maps ("mmiovid-sim"), 0);
  fail_unless_equals_int (now.fds, before->fds);
  /* Threads of GLib's pools come and go when they like, more of them on a busy
   * machine, and malloc() (a sanitizer's more so) takes and gives back some
   * maps; neither as often as something is left here */
  fail_unless (now.threads <= before->threads + CYCLES / 4,
      "%u threads, then %u", before->threads, now.threads);
  fail_unless (now.maps <= before->maps + CYCLES / 4, "%u maps, then %u",
      before->maps, now.maps);
}

typedef enum
{
  SIM, SIM_MMAP, SIM_DMABUF, FILE_COPY, FILE_MMAP, FAILS, N_KINDS
} Kind;

static GstHarness *
new_source (Kind kind)
{
  GstHarness *h = source_new (kind <= SIM_DMABUF ? "sim" : file.path, "width",
      16, "height", 8, NULL);

  if (kind == SIM_DMABUF) {
    fakekernel_start ();
    dmabuf_add_importer ();
    gst_harness_set_sink_caps_str (h, DMABUF);
  }
  if (kind == SIM_MMAP || kind == FILE_MMAP)
    gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", "mmap");
  if (kind == FAILS)
    g_object_set (h->element, "height", 9, NULL);
  return h;
}

static void
play_and_stop (GstHarness * h, Kind kind)
{
  if (kind == FAILS) {
    fail_unless_equals_int (gst_element_set_state (h->element,
            GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
    gst_message_unref (source_wait_message (h, GST_MESSAGE_ERROR));
  } else {
    source_start (h, 2);
  }
  if (kind == SIM_DMABUF)
    dmabuf_check_way (h, "dmabuf", NULL);
  source_stop (h);
}

/* One element, over and over */
GST_START_TEST (test_starts)
{
  GstHarness *h = new_source (__i__);
  Has before;

  /* What is made once and kept */
  for (guint i = 0; i < 10; i++)
    play_and_stop (h, __i__);

  before = count ();
  for (guint i = 0; i < CYCLES; i++)
    play_and_stop (h, __i__);
  check (&before);
  source_teardown (h);
}

GST_END_TEST;

/* A new element each time, and a buffer of it that is let go last */
GST_START_TEST (test_elements)
{
  Has before = { 0, };

  for (guint i = 0; i < CYCLES / 2 + 10; i++) {
    GstBuffer *buffer = NULL;
    GstHarness *h;

    if (i == 10)
      before = count ();
    h = new_source (__i__);
    if (__i__ == FAILS) {
      play_and_stop (h, __i__);
    } else {
      gst_harness_play (h);
      buffer = source_pull (h);
    }
    source_teardown (h);
    gst_clear_buffer (&buffer);
  }
  check (&before);
}

GST_END_TEST;

/* Into READY and PAUSED only */
GST_START_TEST (test_half_way)
{
  GstHarness *h = new_source (__i__);
  Has before = { 0, };

  for (guint i = 0; i < CYCLES + 10; i++) {
    if (i == 10)
      before = count ();
    fail_if (gst_element_set_state (h->element, i % 2 ? GST_STATE_PAUSED :
            GST_STATE_READY) == GST_STATE_CHANGE_FAILURE);
    source_stop (h);
  }
  check (&before);
  source_teardown (h);
}

GST_END_TEST;

/* A pool of downstream's gets back what was taken from it */
GST_START_TEST (test_pool)
{
  GstHarness *h = new_source (FILE_COPY);
  TestPool *pool = test_pool_new ();
  Has before = { 0, };

  propose_pool (h, pool, 0, 2, 4);
  for (guint i = 0; i < CYCLES + 10; i++) {
    if (i == 10)
      before = count ();
    play_and_stop (h, FILE_COPY);
    fail_if (gst_buffer_pool_is_active (GST_BUFFER_POOL (pool)));
  }
  check (&before);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* Two elements on one file: each has its own map, neither minds the other */
GST_START_TEST (test_two_on_one)
{
  GstHarness *one = new_source (FILE_COPY), *other = new_source (FILE_MMAP);
  static const TestPlane planes[] = { {0, 48, 48, 8} };
  GstVideoInfo info;

  source_start (one, 1);
  source_start (other, 1);
  fail_unless_equals_int (count_maps (file.path), 2);
  info = source_get_info (one);

  for (guint i = 0; i < 20; i++) {
    const guint8 news[] = { i };
    GstBuffer *copied, *mapped;

    test_file_write (&file, 16 * 8 * 3 - 1, news, 1);
    copied = source_crank (one);
    mapped = source_crank (other);
    check_planes (copied, &info, file.data, planes, 1);
    check_planes (mapped, &info, file.data, planes, 1);
    gst_buffer_unref (copied);
    gst_buffer_unref (mapped);
  }

  source_teardown (one);
  fail_unless_equals_int (count_maps (file.path), 1);
  source_drop (other, 2);
  source_teardown (other);
  fail_unless_equals_int (count_maps (file.path), 0);
}

GST_END_TEST;

/* And each has its own simulated device */
GST_START_TEST (test_two_sims)
{
  GstHarness *one = new_source (SIM), *other = new_source (SIM);

  g_object_set (other->element, "width", 32, NULL);
  source_start (one, 3);
  source_start (other, 3);
  source_teardown (one);
  source_drop (other, 3);
  source_teardown (other);
  fail_unless_equals_int (count_maps ("mmiovid-sim"), 0);
}

GST_END_TEST;

static Suite *
cycles_suite (void)
{
  Suite *s = suite_create ("gst-cycles");
  TCase *tc = add_case (s, "cycles");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_starts, 0, N_KINDS);
  tcase_add_loop_test (tc, test_elements, 0, N_KINDS);
  tcase_add_loop_test (tc, test_half_way, 0, FAILS);
  tcase_add_test (tc, test_pool);

  tc = add_case (s, "several");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_two_on_one);
  tcase_add_test (tc, test_two_sims);

  return s;
}

GST_CHECK_MAIN (cycles);
