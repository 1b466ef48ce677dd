/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that goes away under a running element: files that become shorter, or
 * are replaced, stand in for devices.  What is captured then is never sent, the
 * error says what has happened, and the process lives.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

/* Larger than a page by far, so that it is lost in the middle of a copy, too */
#define WIDTH 320
#define HEIGHT 240
#define SIZE (WIDTH * HEIGHT * 3)

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

static void
resize (const char *path, gsize size)
{
  fail_unless (truncate (path, size) == 0);
}

static GstHarness *
new_source (const char *io_mode)
{
  GstHarness *h = source_new (file.path, "width", WIDTH, "height", HEIGHT,
      NULL);

  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", io_mode);
  source_start (h, 1);
  return h;
}

/* The base class says more, which says less */
static void
forget_errors (GstHarness * h)
{
  GstMessage *message;

  while ((message = source_try_message (h, GST_MESSAGE_ERROR)))
    gst_message_unref (message);
}

static void
check_warning (GstHarness * h, const char *word, const char *other)
{
  g_autoptr (GError) error =
      source_parse_warning (source_try_message (h, GST_MESSAGE_WARNING));

  fail_unless (strstr (error->message, word) && strstr (error->message, other),
      "%s", error->message);
}

static const char *const io_modes[] = { "copy", "mmap" };

/* Nothing of the frame in which it went is sent */
GST_START_TEST (test_truncated)
{
  GstHarness *h = new_source (io_modes[__i__ % 2]);
  const gsize left = __i__ < 2 ? 0 : page_size ();
  guint received;

  gst_buffer_unref (source_crank (h));
  received = gst_harness_buffers_received (h);
  resize (file.path, left);
  gst_harness_crank_single_clock_wait (h);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ, NULL,
      file.path, "shorter than its frame", NULL);
  fail_unless_equals_int (gst_harness_buffers_received (h), received);

  /* And it starts again when it is there again */
  source_stop (h);
  forget_errors (h);
  fail_unless_equals_int (count_maps (file.path), 0);
  resize (file.path, SIZE);
  test_file_write (&file, 0, file.data, SIZE);
  source_start (h, 1);
  gst_buffer_unref (source_crank (h));
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* The warning of a deleted file says what another file of that name does */
GST_START_TEST (test_unlinked)
{
  GstHarness *h = new_source ("copy");

  g_object_set (h->element, "reconnect", __i__ == 1, NULL);
  fail_unless (unlink (file.path) == 0);
  gst_buffer_unref (source_crank (h));
  gst_buffer_unref (source_crank (h));
  check_warning (h, file.path, __i__ == 1 ?
      "If another file replaces it, the capture continues" :
      "If another file replaces it, start again");
  source_teardown (h);
}

GST_END_TEST;

/* It goes on, with one warning, until there is another file of that name */
GST_START_TEST (test_replaced)
{
  GstHarness *h = new_source (io_modes[__i__]);
  g_autofree char *other = temp_path ("other");
  guint received;

  /* Without a name it is still whose it was */
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
  fail_unless (unlink (file.path) == 0);
  for (guint i = 0; i < 3; i++)
    gst_buffer_unref (source_crank (h));
  check_warning (h, file.path, "was deleted or renamed");
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
  received = gst_harness_buffers_received (h);

  fail_unless (g_file_set_contents (other, (const char *) file.data, SIZE,
          NULL));
  fail_unless (rename (other, file.path) == 0);
  gst_harness_crank_single_clock_wait (h);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ, NULL,
      file.path, "replaced", NULL);
  fail_unless_equals_int (gst_harness_buffers_received (h), received);
  source_teardown (h);
}

GST_END_TEST;

/* Within its last page no load fails */
GST_START_TEST (test_last_page)
{
  GstHarness *h = new_source (io_modes[__i__]);
  guint received;

  gst_buffer_unref (source_crank (h));
  received = gst_harness_buffers_received (h);
  resize (file.path, SIZE - 1);
  gst_harness_crank_single_clock_wait (h);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ, NULL,
      file.path, "shorter than its frame", NULL);
  fail_unless_equals_int (gst_harness_buffers_received (h), received);
  source_teardown (h);
}

GST_END_TEST;

/* A descriptor's number may be another file's later */
GST_START_TEST (test_descriptor)
{
  const int fd = open (file.path, O_RDONLY | O_CLOEXEC);
  g_autofree char *path = g_strdup_printf (__i__ ? "/dev/fd/%d" :
      "/proc/self/fd/%d", fd);
  GstHarness *h = source_new (path, "width", WIDTH, "height", HEIGHT, NULL);
  GstBuffer *buffer;

  source_start (h, 1);
  fail_unless (dup2 (STDERR_FILENO, fd) == fd);
  buffer = source_crank (h);
  fail_unless (gst_buffer_memcmp (buffer, 0, file.data, SIZE) == 0);
  gst_buffer_unref (buffer);
  source_check_no_error (h);
  source_teardown (h);
  close (fd);
}

GST_END_TEST;

/* A program that waits for its signals has them blocked in all threads */
GST_START_TEST (test_blocked_signals)
{
  sigset_t all, before;
  GstHarness *h;

  sigfillset (&all);
  fail_unless (pthread_sigmask (SIG_BLOCK, &all, &before) == 0);
  h = new_source ("copy");
  resize (file.path, 0);
  gst_harness_crank_single_clock_wait (h);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ, NULL,
      file.path, "shorter than its frame", NULL);
  source_teardown (h);
  fail_unless (pthread_sigmask (SIG_SETMASK, &before, &all) == 0);
  fail_unless (sigismember (&all, SIGBUS), "it is not as it was");
}

GST_END_TEST;

/* Many at once, in the middle of copies, again and again: those that lose
 * nothing go on */

#define N_PIPELINES 8
#define N_ROUNDS 250

typedef struct
{
  GstElement *pipeline;
  char *path;
  gboolean loses;
} Line;

static void
line_init (Line * line, guint n)
{
  g_autofree char *name = g_strdup_printf ("line%u", n);
  g_autofree char *text = NULL;

  line->loses = n % 2 == 0;
  line->path = temp_file (name, file.data, SIZE);
  text = g_strdup_printf ("mmiovidsrc device=%s width=%u height=%u "
      "changes=%s ! video/x-raw,framerate=1000/1 ! fakesink name=sink "
      "sync=false", line->path, WIDTH, HEIGHT, n % 4 < 2 ? "ignore" : "mark");
  line->pipeline = gst_parse_launch (text, NULL);
  fail_unless (line->pipeline != NULL);
}

static void
line_clear (Line * line)
{
  gst_element_set_state (line->pipeline, GST_STATE_NULL);
  gst_object_unref (line->pipeline);
  g_free (line->path);
}

static guint64
count_frames (Line * line)
{
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (line->pipeline),
      "sink");
  g_autoptr (GstStructure) stats = NULL;
  guint64 rendered = 0;

  g_object_get (sink, "stats", &stats, NULL);
  gst_structure_get_uint64 (stats, "rendered", &rendered);
  return rendered;
}

static void
wait_for_frames (Line * line, guint64 wanted)
{
  const gint64 end = g_get_monotonic_time () + HANG;

  while (count_frames (line) < wanted) {
    fail_unless (g_get_monotonic_time () < end, "it hangs");
    g_usleep (200);
  }
}

static void
lose (Line * line)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (line->pipeline);
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;

  resize (line->path, 0);
  message = gst_bus_timed_pop_filtered (bus, HANG * GST_USECOND,
      GST_MESSAGE_ERROR);
  fail_unless (message != NULL, "it hangs");
  gst_message_parse_error (message, &error, NULL);
  fail_unless (g_error_matches (error, GST_RESOURCE_ERROR,
          GST_RESOURCE_ERROR_READ), "%s", error->message);

  gst_element_set_state (line->pipeline, GST_STATE_NULL);
  fail_unless (g_file_set_contents (line->path, (const char *) file.data, SIZE,
          NULL));
}

GST_START_TEST (test_many)
{
  const guint rounds = RUNNING_ON_VALGRIND ? 3 : N_ROUNDS;
  Line lines[N_PIPELINES];
  guint fds = 0;

  for (guint i = 0; i < N_PIPELINES; i++)
    line_init (&lines[i], i);

  for (guint round = 0; round < rounds; round++) {
    for (guint i = 0; i < N_PIPELINES; i++)
      gst_element_set_state (lines[i].pipeline, GST_STATE_PLAYING);
    for (guint i = 0; i < N_PIPELINES; i++)
      wait_for_frames (&lines[i], 2);
    for (guint i = 0; i < N_PIPELINES; i++) {
      if (lines[i].loses)
        lose (&lines[i]);
    }
    for (guint i = 0; i < N_PIPELINES; i++) {
      if (!lines[i].loses)
        wait_for_frames (&lines[i], count_frames (&lines[i]) + 2);
    }
    if (round == 0)
      fds = count_fds ();
    fail_unless_equals_int (count_fds (), fds);
  }

  for (guint i = 0; i < N_PIPELINES; i++)
    line_clear (&lines[i]);
}

GST_END_TEST;

static Suite *
gone_suite (void)
{
  Suite *s = suite_create ("gst-gone");
  TCase *tc = add_case (s, "gone");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_truncated, 0, 4);
  tcase_add_loop_test (tc, test_unlinked, 0, 2);
  tcase_add_loop_test (tc, test_replaced, 0, G_N_ELEMENTS (io_modes));
  tcase_add_loop_test (tc, test_last_page, 0, G_N_ELEMENTS (io_modes));
  tcase_add_loop_test (tc, test_descriptor, 0, 2);
  tcase_add_test (tc, test_blocked_signals);
  tcase_add_test (tc, test_many);

  return s;
}

GST_CHECK_MAIN (gone);
