/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GStreamer's own count of its objects, by the leaks tracer: what a run has
 * made, it has freed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "testdmabuf.h"

/* It needs what the others include */
#define GST_USE_UNSTABLE_API
#include <gst/gsttracer.h>

/* What the tracer says when GStreamer ends: a line for each object that still
 * lives */
static GString *alive;

static void
on_log (GstDebugCategory * category, GstDebugLevel level, const char *where,
    const char *function, gint line, GObject * object,
    GstDebugMessage * message, gpointer user_data)
{
  const char *text;

  if (strcmp (gst_debug_category_get_name (category), "GST_TRACER") != 0)
    return;

  text = gst_debug_message_get (message);
  if (g_str_has_prefix (text, "object-alive"))
    g_string_append_printf (alive, "%s\n", text);
}

static void
setup (void)
{
  GList *tracers = gst_tracing_get_active_tracers ();
  gboolean found = FALSE;

  for (GList * l = tracers; l; l = l->next)
    found |= strcmp (G_OBJECT_TYPE_NAME (l->data), "GstLeaksTracer") == 0;
  g_list_free_full (tracers, gst_object_unref);
  fail_unless (found, "the leaks tracer is not active: run with "
      "GST_TRACERS=leaks");

  alive = g_string_new (NULL);
  gst_debug_set_active (TRUE);
  gst_debug_set_threshold_for_name ("GST_TRACER", GST_LEVEL_TRACE);
  gst_debug_remove_log_function (gst_debug_log_default);
  gst_debug_add_log_function (on_log, NULL, NULL);
}

/* Ends GStreamer, which can end but once, and so the process */
static void G_GNUC_NORETURN
check_alive (const char *wanted)
{
  gboolean ok;

  gst_deinit ();
  ok = wanted ? strstr (alive->str, wanted) != NULL : alive->len == 0;
  if (!ok)
    fprintf (stderr, "alive, and it should be %s:\n%s",
        wanted ? wanted : "nothing", alive->str);
  _exit (ok ? EXIT_SUCCESS : EXIT_FAILURE);
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

/* For what cannot be had */
static void
run_demand (const char *device)
{
  GstHarness *h = source_new (device, "width", 32, "height", 16, NULL);

  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", "dmabuf");
  fail_unless_equals_int (gst_element_set_state (h->element,
          GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
  gst_message_unref (source_wait_message (h, GST_MESSAGE_ERROR));
  source_teardown (h);
}

/* With a ring that grows, copies, and buffers that outlive it */
static void
run_dma_buf (const char *device, const char *io_mode)
{
  GstHarness *h = source_new (device, "width", 32, "height", 16, "stride", 100,
      NULL);
  GstBuffer *held[6];

  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", io_mode);
  gst_harness_set_sink_caps_str (h, DMABUF ";video/x-raw");
  propose_video_meta (h);
  gst_harness_play (h);
  for (guint i = 0; i < G_N_ELEMENTS (held); i++)
    held[i] = i == 0 ? source_pull (h) : source_crank (h);
  fail_unless (dmabuf_is (held[0]));
  gst_buffer_unref (gst_buffer_copy_deep (held[0]));
  gst_buffer_unref (gst_buffer_copy_region (held[1], GST_BUFFER_COPY_ALL, 1,
          2));
  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=10/1");
  source_drop (h, 3);
  source_teardown (h);
  for (guint i = 0; i < G_N_ELEMENTS (held); i++)
    gst_buffer_unref (held[i]);
}

static void
run_dma_bufs (void)
{
  dmabuf_setup ();
  dmabuf_add_importer ();
  run_dma_buf ("sim", "auto");
  run_dma_buf (bar.path, "auto");
  run_dma_buf (bar.path, "dmabuf");
  fakekernel_set_udmabuf (EACCES, 0);
  run_demand (bar.path);
  dmabuf_teardown ();
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
  run_dma_bufs ();
}

/* The tracer sees what is left, or the test below says nothing */
GST_START_TEST (test_tracer_sees)
{
  gst_object_ref_sink (gst_element_factory_make (ELEMENT, NULL));

  /* It warns */
  _gst_check_expecting_log = TRUE;
  check_alive ("GstMmioVidSrc");
}

GST_END_TEST;

GST_START_TEST (test_no_leaks)
{
  TestFile file;

  test_file_init (&file, "bar", 32 * 16 * 3, 1);
  run_all (file.path);
  test_file_clear (&file);
  check_alive (NULL);
}

GST_END_TEST;

static Suite *
leaks_suite (void)
{
  Suite *s = suite_create ("gst-leaks");
  TCase *tc = add_case (s, "leaks");

  tcase_add_unchecked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_checked_fixture (tc, setup, NULL);
  tcase_add_exit_test (tc, test_tracer_sees, EXIT_SUCCESS);
  tcase_add_exit_test (tc, test_no_leaks, EXIT_SUCCESS);

  return s;
}

GST_CHECK_MAIN (leaks);
