/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GStreamer's own count of its objects, by the leaks tracer: what a run has
 * made, it has freed.
 */
#include <string.h>

#include "source.h"
#include "testpool.h"

/* It needs what the others include */
#define GST_USE_UNSTABLE_API
#include <gst/gsttracer.h>

static GstTracer *
find_tracer (void)
{
  GList *tracers = gst_tracing_get_active_tracers ();
  GstTracer *found = NULL;

  for (GList * l = tracers; l; l = l->next) {
    if (strcmp (G_OBJECT_TYPE_NAME (l->data), "GstLeaksTracer") == 0)
      found = gst_object_ref (l->data);
  }
  g_list_free_full (tracers, gst_object_unref);

  fail_unless (found != NULL, "the leaks tracer is not active: run with "
      "GST_TRACERS=leaks");
  return found;
}

/* Objects that are in the list, as text */
static char *
describe (const GstStructure * report, const char *field, guint * n)
{
  const GValue *list = gst_structure_get_value (report, field);
  GString *text = g_string_new (NULL);

  *n = list ? gst_value_list_get_size (list) : 0;
  for (guint i = 0; i < *n; i++) {
    const GstStructure *object =
        gst_value_get_structure (gst_value_list_get_value (list, i));

    g_autofree char *words = gst_structure_to_string (object);

    g_string_append_printf (text, " %s", words);
  }

  return g_string_free (text, FALSE);
}

static void
run_harness (const char *device, const char *io_mode, gboolean with_pool)
{
  GstHarness *h = source_new (device, "width", 32, "height", 16, NULL);
  TestPool *pool = NULL;
  GstBuffer *held;

  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", io_mode);
  if (with_pool) {
    pool = test_pool_new ();
    pool->gap = 3;
    propose_pool (h, pool, 0, 2, 0);
    propose_video_meta (h);
  }
  gst_harness_play (h);
  held = source_pull (h);
  source_drop (h, 5);
  /* A change in mid-stream */
  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=10/1");
  source_drop (h, 3);
  gst_buffer_unref (gst_buffer_copy_deep (held));
  source_teardown (h);
  gst_buffer_unref (held);
  gst_clear_object (&pool);
}

static void
run_error (const char *device)
{
  GstHarness *h = source_new (device, "bar", 3, NULL);

  fail_unless_equals_int (gst_element_set_state (h->element,
          GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
  gst_message_unref (source_wait_message (h, GST_MESSAGE_ERROR));
  source_teardown (h);
}

static void
run_not_negotiated (void)
{
  GstHarness *h = source_new ("sim", NULL);

  gst_harness_set_sink_caps_str (h, "video/x-raw,format=NV12");
  gst_harness_play (h);
  gst_message_unref (source_wait_message (h, GST_MESSAGE_ERROR));
  source_teardown (h);
}

static void
run_never_started (void)
{
  GstHarness *h = source_new ("sim", NULL);
  GstStructure *stats = source_get_stats (h);

  gst_structure_free (stats);
  source_teardown (h);
}

static void
run_all (const char *path)
{
  run_harness ("sim", "copy", FALSE);
  run_harness ("sim", "mmap", FALSE);
  run_harness (path, "copy", TRUE);
  run_harness (path, "mmap", TRUE);
  run_error ("sim");
  run_error ("nonsense");
  run_error (path);
  run_not_negotiated ();
  run_never_started ();
}

/* The tracer sees what is there, or the test below says nothing */
GST_START_TEST (test_tracer_sees)
{
  GstTracer *tracer = find_tracer ();
  GstStructure *report = NULL;
  GstElement *element;
  char *made;
  guint n;

  g_signal_emit_by_name (tracer, "activity-start-tracking");
  element = gst_element_factory_make (ELEMENT, NULL);
  g_signal_emit_by_name (tracer, "activity-get-checkpoint", &report);
  made = describe (report, "objects-created-list", &n);
  fail_unless (strstr (made, "GstMmioVidSrc"), "made:%s", made);
  g_free (made);
  gst_structure_free (report);
  gst_object_unref (element);
  g_signal_emit_by_name (tracer, "activity-stop-tracking");
  gst_object_unref (tracer);
}

GST_END_TEST;

static guint
count_live (GstTracer * tracer, char **names)
{
  GstStructure *report = NULL;
  guint n;

  g_signal_emit_by_name (tracer, "get-live-objects", &report);
  *names = describe (report, "live-objects-list", &n);
  gst_structure_free (report);
  return n;
}

GST_START_TEST (test_no_leaks)
{
  GstTracer *tracer = find_tracer ();
  char *names_before, *names;
  guint before, after;
  TestFile file;

  test_file_init (&file, "bar", 32 * 16 * 3, 1);
  /* What is made once and kept */
  run_all (file.path);
  before = count_live (tracer, &names_before);
  for (guint i = 0; i < 3; i++)
    run_all (file.path);
  after = count_live (tracer, &names);
  fail_unless (after == before, "%u objects before:%s; %u after:%s", before,
      names_before, after, names);
  fail_if (strstr (names, "Mmio"), "after:%s", names);

  g_free (names);
  g_free (names_before);
  gst_object_unref (tracer);
  test_file_clear (&file);
}

GST_END_TEST;

static Suite *
leaks_suite (void)
{
  Suite *s = suite_create ("gst-leaks");
  TCase *tc = add_case (s, "leaks");

  tcase_add_unchecked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_test (tc, test_tracer_sees);
  tcase_add_test (tc, test_no_leaks);

  return s;
}

GST_CHECK_MAIN (leaks);
