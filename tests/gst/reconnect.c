/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device that goes away and is waited for: what applications are told, what is
 * sent when it is back, and what can be done in the meantime.  Files that become
 * shorter, or are replaced, stand in for devices.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "describe/mmiovid-header.h"
#include "source.h"

#define WIDTH 64
#define HEIGHT 48
#define SIZE (WIDTH * HEIGHT * 3)
#define PERIOD (GST_SECOND / 50)

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

/* What is in it when it is back */
static void
repaint (guint32 seed)
{
  fill_random (file.data, SIZE, seed);
}

static void
take_away (void)
{
  fail_unless (truncate (file.path, 0) == 0);
}

static void
bring_back (void)
{
  fail_unless (truncate (file.path, SIZE) == 0);
  test_file_write (&file, 0, file.data, SIZE);
}

/* Another file in its place, at once */
static void
replace (gconstpointer data, gsize size)
{
  g_autofree char *other = temp_path ("other");

  fail_unless (g_file_set_contents (other, data, size, NULL));
  fail_unless (rename (other, file.path) == 0);
}

static GstHarness *
new_source (const char *io_mode)
{
  GstHarness *h = source_new (file.path, "width", WIDTH, "height", HEIGHT,
      "reconnect", TRUE, NULL);

  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", io_mode);
  source_start (h, 1);
  return h;
}

static void
check_warning (GstHarness * h, const char *word, const char *more)
{
  g_autoptr (GError) error =
      source_parse_warning (source_wait_message (h, GST_MESSAGE_WARNING));

  fail_unless (error->domain == GST_RESOURCE_ERROR);
  fail_unless (strstr (error->message, file.path) &&
      strstr (error->message, word) && g_str_has_suffix (error->message, more),
      "%s", error->message);
  fail_if (strstr (error->message, "start again"), "%s", error->message);
}

/* The next message about the device, of all that the element posts */
static void
check_told (GstHarness * h, gboolean wanted, const char *word)
{
  for (;;) {
    GstMessage *message = source_wait_message (h, GST_MESSAGE_ELEMENT);
    const GstStructure *s = gst_message_get_structure (message);
    const char *reason = gst_structure_get_string (s, "reason");
    gboolean present;

    if (!gst_structure_has_name (s, "mmiovidsrc-device")) {
      gst_message_unref (message);
      continue;
    }

    fail_unless (gst_structure_get_boolean (s, "present", &present));
    fail_unless_equals_int (present, wanted);
    fail_unless_equals_string (gst_structure_get_string (s, "device-address"),
        file.path);
    fail_unless (word ? reason
        && strstr (reason, word) : !reason, "%s", reason);
    gst_message_unref (message);
    return;
  }
}

static void
check_gone (GstHarness * h, const char *word)
{
  check_warning (h, word, "The capture continues when the device returns.");
  check_told (h, FALSE, word);
}

/* The device's picture, all of it */
static void
check_frame (GstHarness * h, gboolean is_first)
{
  GstBuffer *buffer = source_crank (h);

  fail_unless (gst_buffer_memcmp (buffer, 0, file.data, SIZE) == 0);
  fail_unless (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT) ==
      is_first);
  gst_buffer_unref (buffer);
}

/* Takes the device away while @h waits for a frame; nothing is sent from then
 * on, in whatever mode.  Returns: how many frames have been received */
static guint
lose (GstHarness * h)
{
  guint received;

  check_frame (h, FALSE);
  received = gst_harness_buffers_received (h);
  source_wait_for_clock_wait (h);
  take_away ();
  gst_harness_crank_single_clock_wait (h);

  return received;
}

static const char *const io_modes[] = { "copy", "mmap", "auto" };

GST_START_TEST (test_back)
{
  const char *io_mode = io_modes[__i__];
  GstHarness *h = new_source (io_mode);
  const guint fds = count_fds ();
  guint64 sent;

  /* More than once */
  for (guint i = 0; i < 3; i++) {
    const guint received = lose (h);

    check_gone (h, "shorter than its frame");
    fail_unless_equals_int (count_maps (file.path), 0);
    fail_unless_equals_int (gst_harness_buffers_received (h), received);
    sent = source_get_stat (h, "frames");
    fail_unless_equals_uint64 (sent, received);

    repaint (100 + i);
    bring_back ();
    check_told (h, TRUE, NULL);
    check_frame (h, TRUE);
    check_frame (h, FALSE);
    fail_unless_equals_uint64 (source_get_stat (h, "frames"), sent + 2);
    fail_unless_equals_int (count_maps (file.path), 1);
    fail_unless_equals_int (count_fds (), fds);
  }

  source_check_no_error (h);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
  source_teardown (h);
}

GST_END_TEST;

/* How a file becomes shorter; the last leaves a part of its last page */
static const struct
{
  gsize length;
  gboolean is_zeroed;
} cuts[] = {
  {0, TRUE}, {4096, TRUE}, {SIZE - 1, FALSE},
};

/* A sink has the kernel read the map: what that cannot read is an error of the
 * sink's, which ends the pipeline.  The file is cut between the capture and
 * the sink. */
GST_START_TEST (test_filesink)
{
  GstHarness *h = new_source ("mmap");
  GstElement *filesink = gst_element_factory_make ("filesink", NULL);
  g_autofree char *written = temp_path ("written");
  g_autofree char *text = NULL;
  GstHarness *sink;
  GstBuffer *buffer;
  gsize length;

  g_object_set (filesink, "location", written, "async", FALSE, NULL);
  gst_util_set_object_arg (G_OBJECT (filesink), "buffer-mode", "unbuffered");
  sink = gst_harness_new_with_element (filesink, "sink", NULL);
  gst_harness_set_src_caps (sink, source_get_caps (h));

  buffer = source_crank (h);
  source_wait_for_clock_wait (h);
  fail_unless (truncate (file.path, cuts[__i__].length) == 0);
  fail_unless_equals_int (gst_harness_push (sink, gst_buffer_ref (buffer)),
      GST_FLOW_OK);
  fail_unless (gst_buffer_memcmp (buffer, 0, "\0\0\0\0", 4) == 0 ||
      !cuts[__i__].is_zeroed);
  gst_buffer_unref (buffer);

  /* And no more of them until it is back */
  gst_harness_crank_single_clock_wait (h);
  check_gone (h, "shorter");
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
  bring_back ();
  check_told (h, TRUE, NULL);
  buffer = source_crank (h);
  fail_unless (gst_buffer_memcmp (buffer, 0, file.data, SIZE) == 0);
  fail_unless_equals_int (gst_harness_push (sink, buffer), GST_FLOW_OK);

  gst_harness_teardown (sink);
  gst_object_unref (filesink);
  fail_unless (g_file_get_contents (written, &text, &length, NULL));
  fail_unless_equals_int (length, 2 * SIZE);
  fail_unless (memcmp (text + SIZE, file.data, SIZE) == 0);
  source_teardown (h);
}

GST_END_TEST;

/* A path is bytes, messages are text */
GST_START_TEST (test_odd_name)
{
  g_autofree char *name = NULL;
  GstMessage *message;
  const GstStructure *s;
  GstHarness *h;

  test_file_clear (&file);
  test_file_init (&file, "b\xff\nr", SIZE, 1);
  h = new_source ("copy");
  g_object_get (h->element, "device-name", &name, NULL);
  fail_unless (g_utf8_validate (name, -1, NULL));

  source_wait_for_clock_wait (h);
  take_away ();
  gst_harness_crank_single_clock_wait (h);
  do {
    message = source_wait_message (h, GST_MESSAGE_ELEMENT);
    s = gst_message_get_structure (message);
  } while (!gst_structure_has_name (s, "mmiovidsrc-device") &&
      (gst_message_unref (message), TRUE));
  fail_unless (g_utf8_validate (gst_structure_get_string (s, "device-address"),
          -1, NULL));
  gst_message_unref (message);
  source_teardown (h);
}

GST_END_TEST;

/* The slots that nobody could fill are missed frames, as any others */
GST_START_TEST (test_missed)
{
  GstHarness *h = new_source ("copy");
  GstTestClock *clock;
  GstBuffer *buffer;
  guint64 offset;

  lose (h);
  check_gone (h, "shorter");
  offset = source_get_stat (h, "frames");
  clock = gst_harness_get_testclock (h);
  gst_test_clock_advance_time (clock, 100 * PERIOD);
  gst_object_unref (clock);
  bring_back ();
  check_told (h, TRUE, NULL);
  buffer = source_pull (h);
  fail_unless (GST_BUFFER_OFFSET (buffer) > offset + 98, "%" G_GUINT64_FORMAT,
      GST_BUFFER_OFFSET (buffer));
  fail_unless_equals_uint64 (source_get_stat (h, "frames") +
      source_get_stat (h, "missed"), GST_BUFFER_OFFSET (buffer) + 1);
  gst_buffer_unref (buffer);
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_replaced)
{
  GstHarness *h = new_source (io_modes[__i__]);

  check_frame (h, FALSE);
  source_wait_for_clock_wait (h);
  repaint (7);
  replace (file.data, SIZE);
  gst_harness_crank_single_clock_wait (h);
  check_gone (h, "replaced");
  check_told (h, TRUE, NULL);
  check_frame (h, TRUE);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* A device that describes itself, and does so in another way when it is back */

static guint8 *
make_described (guint width, guint height, guint8 value, gsize * size)
{
  MmiovidHeader *header;

  *size = MMIOVID_HEADER_SIZE + 3 * width * height;
  header = g_malloc0 (*size);
  memcpy (header, "mmiovid", 8);
  header->version = GUINT32_TO_LE (MMIOVID_HEADER_VERSION);
  header->size = GUINT32_TO_LE (MMIOVID_HEADER_SIZE);
  header->format = GUINT32_TO_LE (MMIOVID_FORMAT_RGB);
  header->width = GUINT32_TO_LE (width);
  header->height = GUINT32_TO_LE (height);
  header->stride = GUINT32_TO_LE (3 * width);
  header->n_slots = GUINT32_TO_LE (1);
  header->slot_offset[0] = GUINT64_TO_LE (MMIOVID_HEADER_SIZE);
  memset ((guint8 *) header + MMIOVID_HEADER_SIZE, value, 3 * width * height);

  return (guint8 *) header;
}

static void
replace_described (guint width, guint height, guint8 value)
{
  gsize size;
  g_autofree guint8 *data = make_described (width, height, value, &size);

  replace (data, size);
}

static void
check_described (GstHarness * h, guint width, guint height, guint8 value)
{
  g_autofree guint8 *wanted = g_malloc (3 * width * height);
  GstBuffer *buffer = source_crank (h);
  const GstVideoInfo info = source_get_info (h);

  fail_unless_equals_int (GST_VIDEO_INFO_WIDTH (&info), width);
  fail_unless_equals_int (GST_VIDEO_INFO_HEIGHT (&info), height);
  memset (wanted, value, 3 * width * height);
  fail_unless_equals_uint64 (gst_buffer_get_size (buffer), 3 * width * height);
  fail_unless (gst_buffer_memcmp (buffer, 0, wanted, 3 * width * height) == 0);
  gst_buffer_unref (buffer);
}

GST_START_TEST (test_renegotiated)
{
  GstHarness *h;

  replace_described (32, 24, 1);
  h = source_new (file.path, "reconnect", TRUE, NULL);
  source_start (h, 1);
  check_described (h, 32, 24, 1);

  source_wait_for_clock_wait (h);
  replace_described (64, 12, 2);
  gst_harness_crank_single_clock_wait (h);
  check_gone (h, "replaced");
  check_told (h, TRUE, NULL);
  check_described (h, 64, 12, 2);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* What becomes shorter is lost in the map of the header first, and what goes away
 * while it changes looks like a change */
GST_START_TEST (test_described_is_lost)
{
  const guint32 odd = GUINT32_TO_LE (1);
  GstHarness *h;
  int fd;

  replace_described (32, 24, 1);
  h = source_new (file.path, "reconnect", TRUE, NULL);
  source_start (h, 1);
  check_described (h, 32, 24, 1);
  source_wait_for_clock_wait (h);

  if (__i__ == 0) {
    take_away ();
  } else {
    fd = open (file.path, O_WRONLY | O_CLOEXEC);
    fail_unless (pwrite (fd, &odd, sizeof (odd), G_STRUCT_OFFSET
            (MmiovidHeader, sequence)) == sizeof (odd));
    close (fd);
    gst_harness_crank_single_clock_wait (h);
    replace_described (16, 12, 1);
  }
  gst_harness_crank_single_clock_wait (h);
  check_gone (h, __i__ == 0 ? "shorter" : "replaced");
  replace_described (64, 12, 2);
  check_told (h, TRUE, NULL);
  if (__i__ == 0)
    check_described (h, 64, 12, 2);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* It is there, and cannot be used: said once, after a while, and it still goes
 * on when it can */
GST_START_TEST (test_obstacle)
{
  GstHarness *h = new_source ("copy");

  lose (h);
  check_gone (h, "shorter");
  check_warning (h, "is empty", "The element retries until it succeeds.");
  /* A few more tries */
  g_usleep (1200 * G_TIME_SPAN_MILLISECOND);
  bring_back ();
  check_told (h, TRUE, NULL);
  check_frame (h, TRUE);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

static void
flush (GstHarness * h)
{
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_start ()));
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_stop (FALSE)));
}

/* Whatever is done meanwhile is done at once, and it is waited on, without
 * telling so again */
GST_START_TEST (test_meanwhile)
{
  GstHarness *h = new_source ("copy");

  lose (h);
  check_gone (h, "shorter");

  switch (__i__) {
    case 0:
      flush (h);
      break;
    case 1:
      gst_element_set_state (h->element, GST_STATE_PAUSED);
      gst_element_set_state (h->element, GST_STATE_PLAYING);
      break;
    case 2:
      fail_unless (gst_pad_push_event (h->sinkpad,
              gst_event_new_reconfigure ()));
      flush (h);
      break;
  }

  repaint (3);
  bring_back ();
  check_told (h, TRUE, NULL);
  check_frame (h, TRUE);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* It does not keep anybody from stopping, nor from starting again */
GST_START_TEST (test_stop)
{
  GstHarness *h = new_source ("copy");

  lose (h);
  check_gone (h, "shorter");
  source_stop (h);
  fail_unless_equals_int (count_maps (file.path), 0);
  bring_back ();
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));
  check_frame (h, FALSE);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_eos)
{
  GstHarness *h = new_source ("copy");
  GstEvent *event;

  lose (h);
  check_gone (h, "shorter");
  fail_unless (gst_element_send_event (h->element, gst_event_new_eos ()));
  do {
    event = gst_harness_pull_event (h);
    fail_unless (event != NULL, "no EOS came");
  } while (GST_EVENT_TYPE (event) != GST_EVENT_EOS && (gst_event_unref (event),
          TRUE));
  gst_event_unref (event);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* In a pause it is noticed, too, when it is over at the latest */
GST_START_TEST (test_paused)
{
  GstHarness *h = new_source ("copy");

  check_frame (h, FALSE);
  source_wait_for_clock_wait (h);
  gst_element_set_state (h->element, GST_STATE_PAUSED);
  repaint (5);
  replace (file.data, SIZE);
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  gst_harness_crank_single_clock_wait (h);
  check_gone (h, "replaced");
  check_told (h, TRUE, NULL);
  check_frame (h, TRUE);
  source_teardown (h);
}

GST_END_TEST;

/* Without reconnect it is the end, and the device is let go all the same, while
 * the application still has the element and its buffers */
GST_START_TEST (test_error)
{
  GstHarness *h = new_source ("mmap");
  GstBuffer *buffer = source_crank (h);
  const guint fds = count_fds ();

  g_object_set (h->element, "reconnect", FALSE, NULL);
  source_wait_for_clock_wait (h);
  replace (file.data, SIZE);
  gst_harness_crank_single_clock_wait (h);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ, NULL,
      file.path, "replaced", NULL);
  fail_unless_equals_int (count_maps (file.path), 0);
  fail_unless_equals_int (count_fds (), fds);
  fail_unless (gst_buffer_memcmp (buffer, 0, "\0\0\0\0", 4) == 0);
  fail_unless (gst_buffer_memcmp (buffer, SIZE - 4, "\0\0\0\0", 4) == 0);
  gst_buffer_unref (buffer);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
reconnect_suite (void)
{
  Suite *s = suite_create ("gst-reconnect");
  TCase *tc = add_case (s, "reconnect");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_back, 0, G_N_ELEMENTS (io_modes));
  tcase_add_loop_test (tc, test_filesink, 0, G_N_ELEMENTS (cuts));
  tcase_add_test (tc, test_odd_name);
  tcase_add_test (tc, test_missed);
  tcase_add_loop_test (tc, test_replaced, 0, G_N_ELEMENTS (io_modes));
  tcase_add_test (tc, test_renegotiated);
  tcase_add_loop_test (tc, test_described_is_lost, 0, 2);
  tcase_add_test (tc, test_obstacle);
  tcase_add_loop_test (tc, test_meanwhile, 0, 3);
  tcase_add_test (tc, test_stop);
  tcase_add_test (tc, test_eos);
  tcase_add_test (tc, test_paused);
  tcase_add_test (tc, test_error);

  return s;
}

GST_CHECK_MAIN (reconnect);
