/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "source.h"

#define WIDTH 20
#define HEIGHT 10
#define FRAME_BYTES (WIDTH * HEIGHT * 3)

static TestFile file;

static void
setup (void)
{
  temp_setup ();
  test_file_init (&file, "bar", FRAME_BYTES, 1);
}

static void
teardown (void)
{
  test_file_clear (&file);
  temp_teardown ();
}

static GstHarness *
new_source (void)
{
  return source_new (file.path, "width", WIDTH, "height", HEIGHT, NULL);
}

static void
check_text (const GstStructure * stats, const char *field, const char *wanted)
{
  fail_unless_equals_string (gst_structure_get_string (stats, field), wanted);
}

/* Each field under its name, of its type, and no other */
GST_START_TEST (test_fields)
{
  static const struct
  {
    const char *name;
    GType type;
  } fields[] = {
    {"frames", G_TYPE_UINT64}, {"missed", G_TYPE_UINT64},
    {"dropped", G_TYPE_UINT64}, {"unchanged", G_TYPE_UINT64}, {"torn",
        G_TYPE_UINT64},
    {"bytes-read", G_TYPE_UINT64},
    {"copy-time", G_TYPE_UINT64}, {"io-mode", G_TYPE_STRING},
    {"io-mode-reason", G_TYPE_STRING}, {"mapping", G_TYPE_STRING}, {"engine",
        G_TYPE_STRING},
    {"engine-reason", G_TYPE_STRING}, {"access", G_TYPE_STRING},
  };
  GstHarness *h = new_source ();
  GstStructure *stats;

  stats = source_get_stats (h);
  fail_unless (gst_structure_has_name (stats, "mmiovidsrc-stats"));
  fail_unless_equals_int (gst_structure_n_fields (stats),
      G_N_ELEMENTS (fields));
  gst_structure_free (stats);

  source_start (h, 3);
  source_wait_for_clock_wait (h);
  /* While it runs, and what is left afterwards */
  for (guint round = 0; round < 2; round++) {
    stats = source_get_stats (h);
    fail_unless (gst_structure_has_name (stats, "mmiovidsrc-stats"));
    for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
      fail_unless (gst_structure_has_field_typed (stats, fields[i].name,
              fields[i].type), "%s", fields[i].name);
    fail_unless_equals_int (gst_structure_n_fields (stats),
        G_N_ELEMENTS (fields));

    check_text (stats, "io-mode", "copy");
    check_text (stats, "mapping", "cached");
    check_text (stats, "access", "file");
    gst_structure_free (stats);
    fail_unless_equals_uint64 (source_get_stat (h, "frames"), 3);
    fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
    fail_unless_equals_uint64 (source_get_stat (h, "unchanged"), 0);
    fail_unless_equals_uint64 (source_get_stat (h, "bytes-read"),
        3 * FRAME_BYTES);
    if (round == 0)
      source_stop (h);
  }

  source_teardown (h);
}

GST_END_TEST;

/* They are the last run's until the next one begins, and then anew */
GST_START_TEST (test_runs)
{
  GstHarness *h = new_source ();
  GstStructure *before, *after;

  source_start (h, 5);
  source_wait_for_clock_wait (h);
  source_stop (h);
  before = source_get_stats (h);
  fail_unless_equals_int (gst_element_set_state (h->element, GST_STATE_READY),
      GST_STATE_CHANGE_SUCCESS);
  after = source_get_stats (h);
  fail_unless (gst_structure_is_equal (before, after));
  gst_structure_free (after);

  /* A start that fails changes nothing */
  g_object_set (h->element, "bar", 3, NULL);
  fail_unless_equals_int (gst_element_set_state (h->element, GST_STATE_PAUSED),
      GST_STATE_CHANGE_FAILURE);
  gst_element_set_state (h->element, GST_STATE_NULL);
  after = source_get_stats (h);
  fail_unless (gst_structure_is_equal (before, after));
  gst_structure_free (after);
  gst_structure_free (before);

  g_object_set (h->element, "bar", -1, "device", "sim", NULL);
  source_start (h, 2);
  source_wait_for_clock_wait (h);
  after = source_get_stats (h);
  check_text (after, "access", "sim");
  gst_structure_free (after);
  fail_unless_equals_uint64 (source_get_stat (h, "frames"), 2);
  fail_unless_equals_uint64 (source_get_stat (h, "bytes-read"),
      2 * FRAME_BYTES);
  source_teardown (h);
}

GST_END_TEST;

/* Time is spent on frames, and it is nanoseconds: a microsecond at least, and
 * no more than has passed */
GST_START_TEST (test_copy_time)
{
  GstHarness *h = source_new ("sim", "width", 1920, "height", 1080, NULL);
  const gint64 begin = g_get_monotonic_time ();
  guint64 time;

  source_start (h, 3);
  source_wait_for_clock_wait (h);
  time = source_get_stat (h, "copy-time");
  fail_unless (time >= 1000 && time % 1000 == 0, "%" G_GUINT64_FORMAT, time);
  fail_unless (time <= 1000 * (guint64) (g_get_monotonic_time () - begin));
  source_teardown (h);
}

GST_END_TEST;

typedef struct
{
  GstElement *element;
  gint stop;
  guint reads;
  gint changes;
} Reader;

/* Never back, and no frame before it is read */
static gpointer
read_stats (gpointer data)
{
  Reader *reader = data;
  guint64 last = 0;

  while (!g_atomic_int_get (&reader->stop)) {
    GstStructure *stats;
    guint64 frames = 0, missed = 0, bytes = 0;

    g_object_get (reader->element, "stats", &stats, NULL);
    fail_unless (gst_structure_get (stats, "frames", G_TYPE_UINT64, &frames,
            "missed", G_TYPE_UINT64, &missed, "bytes-read", G_TYPE_UINT64,
            &bytes, NULL));
    gst_structure_free (stats);

    fail_unless (bytes % FRAME_BYTES == 0 && bytes >= frames * FRAME_BYTES);
    fail_unless (frames >= last);
    if (frames != last)
      g_atomic_int_inc (&reader->changes);
    last = frames;
    reader->reads++;
  }

  return NULL;
}

GST_START_TEST (test_while_running)
{
  GstHarness *h = new_source ();
  Reader reader = { h->element, 0, 0, 0 };
  GThread *thread;
  guint frames = 1;

  source_start (h, 1);
  thread = g_thread_new ("reader", read_stats, &reader);
  /* However late the reader gets a CPU */
  do {
    source_drop (h, 1000);
    frames += 1000;
  } while (g_atomic_int_get (&reader.changes) < 5);
  source_wait_for_clock_wait (h);
  g_atomic_int_set (&reader.stop, TRUE);
  g_thread_join (thread);

  fail_unless_equals_uint64 (source_get_stat (h, "frames"), frames);
  GST_INFO ("%u reads saw %d changes", reader.reads, reader.changes);
  source_teardown (h);
}

GST_END_TEST;

/* No frame is read that nobody asks for */
GST_START_TEST (test_num_buffers)
{
  GstHarness *h = new_source ();

  g_object_set (h->element, "num-buffers", 3, NULL);
  gst_harness_use_systemclock (h);
  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=1000/1");
  gst_harness_play (h);
  for (guint i = 0; i < 3; i++)
    gst_buffer_unref (source_pull (h));
  /* Should it read on, it has time for it */
  g_usleep (30000);
  source_stop (h);
  fail_unless_equals_uint64 (source_get_stat (h, "frames"), 3);
  fail_unless_equals_uint64 (source_get_stat (h, "bytes-read"),
      3 * FRAME_BYTES);
  source_teardown (h);
}

GST_END_TEST;

/* --- Names that are no text -------------------------------------------------- */

static gboolean
check_valid_field (GQuark field, const GValue * value, gpointer user_data)
{
  const char *text = G_VALUE_HOLDS_STRING (value) ?
      g_value_get_string (value) : NULL;

  fail_unless (!text || g_utf8_validate (text, -1, NULL), "%s",
      g_quark_to_string (field));
  return TRUE;
}

/* gst_structure_new() has dropped what is no text, with a warning that fails the
 * test */
static void
check_valid_structure (const GstStructure * s)
{
  gst_structure_foreach (s, check_valid_field, NULL);
}

static void
check_valid_message (GstMessage * message)
{
  g_autofree char *debug = NULL;
  g_autoptr (GError) error = NULL;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_ERROR:
      gst_message_parse_error (message, &error, &debug);
      break;
    case GST_MESSAGE_WARNING:
      gst_message_parse_warning (message, &error, &debug);
      break;
    case GST_MESSAGE_INFO:
      gst_message_parse_info (message, &error, &debug);
      break;
    default:
      if (gst_message_get_structure (message))
        check_valid_structure (gst_message_get_structure (message));
      return;
  }
  fail_unless (g_utf8_validate (error->message, -1, NULL));
  fail_unless (!debug || g_utf8_validate (debug, -1, NULL));
}

static void
check_valid_messages (GstHarness * h)
{
  GstMessage *message;

  while ((message = source_try_message (h, GST_MESSAGE_ANY))) {
    check_valid_message (message);
    gst_message_unref (message);
  }
}

static void
check_valid_property (GstHarness * h, const char *name)
{
  g_autofree char *text = NULL;

  g_object_get (h->element, name, &text, NULL);
  fail_unless (text && g_utf8_validate (text, -1, NULL) &&
      strstr (text, "\357\277\275"), "%s: %s", name, text);
}

/* Whatever the element gives out, wherever the path is in it; and the device is
 * what it is by its bytes */
GST_START_TEST (test_odd_name)
{
  static const struct
  {
    const char *io_mode;
    guint stride;
    const char *caps;
  } cases[] = {
    {"auto", 0, NULL}, {"copy", 0, NULL}, {"mmap", 0, NULL},
    /* Downstream that does not understand the layout, or takes something else */
    {"mmap", 3 * WIDTH, NULL}, {"auto", 0, "video/x-raw,width=1"},
    {"auto", 0, "video/x-raw,pixel-aspect-ratio=2/1"},
    {"auto", 0, "video/x-raw(memory:DMABuf)"},
  };
  g_autofree char *directory = temp_path (NULL);
  g_autofree char *uri = NULL, *again = NULL;
  GstStructure *stats;
  GstMessage *message;
  GstHarness *h;

  test_file_clear (&file);
  test_file_init (&file, "b\xff\xc3r", FRAME_BYTES, 1);
  h = source_new ("sim", NULL);
  uri = g_strdup_printf ("mmio://%s/b%%FF%%C3r?width=%u&height=%u&stride=%u",
      directory, WIDTH / 2, HEIGHT, cases[__i__].stride);
  fail_unless (gst_uri_handler_set_uri (GST_URI_HANDLER (h->element), uri,
          NULL));
  again = gst_uri_handler_get_uri (GST_URI_HANDLER (h->element));
  fail_unless (g_utf8_validate (again, -1, NULL) && strstr (again, "%FF%C3r"),
      "%s", again);
  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode",
      cases[__i__].io_mode);
  if (cases[__i__].caps)
    gst_harness_set_sink_caps_str (h, cases[__i__].caps);

  gst_harness_play (h);
  check_valid_property (h, "device-name");
  check_valid_property (h, "device-address");
  if (cases[__i__].caps) {
    message = source_wait_message (h, GST_MESSAGE_ERROR);
    check_valid_message (message);
    gst_message_unref (message);
  } else {
    gst_buffer_unref (source_pull (h));
  }
  stats = source_get_stats (h);
  check_valid_structure (stats);
  gst_structure_free (stats);
  check_valid_messages (h);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
stats_suite (void)
{
  Suite *s = suite_create ("gst-stats");
  TCase *tc = add_case (s, "stats");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_fields);
  tcase_add_loop_test (tc, test_odd_name, 0, 7);
  tcase_add_test (tc, test_runs);
  tcase_add_test (tc, test_copy_time);
  tcase_add_test (tc, test_while_running);
  tcase_add_test (tc, test_num_buffers);

  return s;
}

GST_CHECK_MAIN (stats);
