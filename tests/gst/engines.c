/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The properties engine and mapping. Run with ORC_CODE=emulate, too, where ORC
 * compiles nothing.
 */
#include <string.h>

#include "source.h"

#define WIDTH 333
#define HEIGHT 7
#define OFFSET 3
#define STRIDE 1031
#define SIZE (OFFSET + STRIDE * (HEIGHT - 1) + 3 * WIDTH)

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
new_source (const char *property, const char *value)
{
  GstHarness *h = source_new (file.path, "width", WIDTH, "height", HEIGHT,
      "offset", (guint64) OFFSET, "stride", STRIDE, NULL);

  gst_util_set_object_arg (G_OBJECT (h->element), property, value);
  return h;
}

static void
check_text (GstHarness * h, const char *field, const char *wanted)
{
  GstStructure *stats = source_get_stats (h);

  fail_unless_equals_string (gst_structure_get_string (stats, field), wanted);
  gst_structure_free (stats);
}

static const struct
{
  MmioEngine engine;
  const char *name;
} engines[] = {
  {MMIO_ENGINE_AUTO, "auto"},
  {MMIO_ENGINE_ORC, "orc"},
  {MMIO_ENGINE_STREAM, "stream"},
  {MMIO_ENGINE_AVX512, "avx512"},
  {MMIO_ENGINE_AVX, "avx"},
  {MMIO_ENGINE_U64, "u64"},
  {MMIO_ENGINE_U32, "u32"},
};

/* The same bytes whatever loads them, straight and through a conversion; or an
 * error, and never another engine than the one asked for */
GST_START_TEST (test_engine)
{
  static const char *const caps[] = { "video/x-raw,format=RGB",
    "video/x-raw,format=BGRx"
  };
  const TestPlane planes[] = { {OFFSET, STRIDE, 3 * WIDTH, HEIGHT} };
  const char *engine = engines[__i__].name;

  for (guint i = 0; i < G_N_ELEMENTS (caps); i++) {
    GstHarness *h = new_source ("engine", engine);
    GstVideoInfo info;
    GstBuffer *buffer;

    gst_harness_set_sink_caps_str (h, caps[i]);
    if (!can_run (engines[__i__].engine)) {
      fail_unless_equals_int (gst_element_set_state (h->element,
              GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
      source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
          NULL, "Cannot use engine=", engine, "Set engine to auto", NULL);
      source_teardown (h);
      continue;
    }

    gst_harness_play (h);
    buffer = source_pull (h);
    info = source_get_info (h);
    if (i == 0)
      check_planes (buffer, &info, file.data, planes, 1);
    else
      check_expanded (buffer, &info, file.data + OFFSET, STRIDE, FALSE);
    gst_buffer_unref (buffer);

    if (engines[__i__].engine == MMIO_ENGINE_AUTO) {
      check_text (h, "engine", can_run (MMIO_ENGINE_ORC) ? "orc" : "u64");
      check_text (h, "engine-reason", can_run (MMIO_ENGINE_ORC) ?
          "ordinary memory: vector loads" :
          "ordinary memory, and ORC cannot compile here");
    } else {
      check_text (h, "engine", engine);
      check_text (h, "engine-reason", "set by the user");
    }
    fail_unless_equals_uint64 (source_get_stat (h, "bytes-read"),
        3 * WIDTH * HEIGHT);
    source_teardown (h);
  }
}

GST_END_TEST;

/* Files are ordinary memory, and so is the simulated device */
GST_START_TEST (test_mapping)
{
  static const char *const mappings[] = { "uncached", "write-combining" };
  const char *const devices[] = { "sim", file.path };
  GstHarness *h = new_source ("mapping", "auto");

  source_start (h, 1);
  check_text (h, "mapping", "cached");
  source_teardown (h);

  for (guint i = 0; i < G_N_ELEMENTS (mappings); i++) {
    h = new_source ("mapping", mappings[i]);
    g_object_set (h->element, "device", devices[__i__], NULL);
    fail_unless_equals_int (gst_element_set_state (h->element,
            GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
    source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        NULL, devices[__i__], "ordinary memory", mappings[i],
        "Set mapping to auto", NULL);
    source_teardown (h);
  }
}

GST_END_TEST;

static Suite *
engines_suite (void)
{
  Suite *s = suite_create ("gst-engines");
  TCase *tc = add_case (s, "engines");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_engine, 0, G_N_ELEMENTS (engines));
  tcase_add_loop_test (tc, test_mapping, 0, 2);

  return s;
}

GST_CHECK_MAIN (engines);
