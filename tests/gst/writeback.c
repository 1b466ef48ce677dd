/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A property that is written with the value it has changes nothing: applications
 * save and restore properties, one or all.
 */
#include <string.h>

#include "describe/mmiovid-header.h"
#include "source.h"

#define WIDTH 16
#define HEIGHT 4
#define ROW (3 * WIDTH)
#define SIZE 16384

/* Where the header's frames are */
#define FIRST 4096
#define SECOND 8192

static TestFile plain, described;

static guint32
put (guint32 value)
{
  return GUINT32_TO_LE (value);
}

/* Two buffers, of which the second is complete, a counter, and rows with padding:
 * what no default value says */
static void
setup (void)
{
  MmiovidHeader header = {
    .version = put (MMIOVID_HEADER_VERSION),
    .size = put (MMIOVID_HEADER_SIZE),
    .format = put (MMIOVID_FORMAT_BGR),
    .width = put (WIDTH),
    .height = put (HEIGHT),
    .stride = put (ROW + 8),
    .flags = put (MMIOVID_HEADER_COUNTER | MMIOVID_HEADER_SEQLOCK),
    .n_slots = put (2),
    .slot_offset = {GUINT64_TO_LE (FIRST), GUINT64_TO_LE (SECOND)},
    .counter = put (2),
    .index = put (1),
  };

  temp_setup ();
  memcpy (&header.magic, "mmiovid", sizeof (header.magic));
  test_file_init (&plain, "plain", SIZE, 1);
  test_file_init (&described, "described", SIZE, 2);
  test_file_write (&described, 0, (const guint8 *) &header, sizeof (header));
}

static void
teardown (void)
{
  test_file_clear (&described);
  test_file_clear (&plain);
  temp_teardown ();
}

static GstHarness *
new_source (guint device)
{
  switch (device) {
    case 0:
      return source_new ("sim", NULL);
    case 1:
      return source_new (plain.path, "width", WIDTH, "height", HEIGHT, NULL);
    default:
      return source_new (described.path, NULL);
  }
}

/* Those that an application may write, of all classes.  An element that has no
 * parent has none to write. */
static gboolean
is_written (const GParamSpec * spec)
{
  return (spec->flags & G_PARAM_READABLE) && (spec->flags & G_PARAM_WRITABLE) &&
      !(spec->flags & G_PARAM_CONSTRUCT_ONLY) &&
      !g_type_is_a (spec->value_type, GST_TYPE_OBJECT);
}

static GPtrArray *
list_specs (GstElement * element)
{
  GPtrArray *list = g_ptr_array_new ();
  g_autofree GParamSpec **specs = NULL;
  guint n_specs;

  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (element),
      &n_specs);
  for (guint i = 0; i < n_specs; i++) {
    if (is_written (specs[i]))
      g_ptr_array_add (list, specs[i]);
  }

  return list;
}

static void
write_back (GstElement * element, const GParamSpec * spec)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, spec->value_type);
  g_object_get_property (G_OBJECT (element), spec->name, &value);
  g_object_set_property (G_OBJECT (element), spec->name, &value);
}

/* The URI, and each property that can be read */
static char *
describe (GstElement * element)
{
  GString *text = g_string_new (NULL);
  g_autofree char *uri = gst_uri_handler_get_uri (GST_URI_HANDLER (element));
  g_autofree GParamSpec **specs = NULL;
  guint n_specs;

  g_string_append_printf (text, "%s\n", uri);
  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (element),
      &n_specs);
  for (guint i = 0; i < n_specs; i++) {
    g_auto (GValue) value = G_VALUE_INIT;
    g_autofree char *contents = NULL;

    g_value_init (&value, specs[i]->value_type);
    g_object_get_property (G_OBJECT (element), specs[i]->name, &value);
    contents = g_strdup_value_contents (&value);
    g_string_append_printf (text, "%s=%s\n", specs[i]->name, contents);
  }

  return g_string_free (text, FALSE);
}

/* Starts the element, and stops it.  Returns: its caps and its first frame, in
 * words; what is in it only of files, as the simulated device does not wait */
static char *
describe_frame (GstHarness * h, guint device)
{
  g_autofree char *caps = NULL, *sum = NULL;
  GstBuffer *buffer;
  GstMapInfo map;
  GstCaps *held;
  char *text;

  gst_harness_play (h);
  buffer = source_pull (h);
  held = source_get_caps (h);
  caps = gst_caps_to_string (held);
  gst_caps_unref (held);
  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  sum = g_compute_checksum_for_data (G_CHECKSUM_MD5, map.data, map.size);
  text = g_strdup_printf ("%s: %" G_GSIZE_FORMAT " bytes, %s, %s", caps,
      map.size, GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED) ?
      "torn" : "whole", device == 0 ? "" : sum);
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);
  source_check_no_error (h);
  source_teardown (h);

  return text;
}

static void
check_same (const char *name, const char *text, const char *wanted)
{
  fail_unless (strcmp (text, wanted) == 0, "after %s:\n%s\nbefore:\n%s", name,
      text, wanted);
}

/* One by one, and then all of them */
GST_START_TEST (test_unchanged)
{
  g_autofree char *wanted = describe_frame (new_source (__i__), __i__);
  guint n_specs = 1;

  for (guint i = 0; i <= n_specs; i++) {
    GstHarness *h = new_source (__i__);
    g_autoptr (GPtrArray) specs = list_specs (h->element);
    g_autofree char *before = describe (h->element);
    g_autofree char *after = NULL, *frame = NULL;
    const char *name = "all";

    n_specs = specs->len;
    if (i < n_specs) {
      name = ((const GParamSpec *) g_ptr_array_index (specs, i))->name;
      write_back (h->element, g_ptr_array_index (specs, i));
    } else {
      for (guint n = 0; n < n_specs; n++)
        write_back (h->element, g_ptr_array_index (specs, n));
    }

    after = describe (h->element);
    check_same (name, after, before);
    frame = describe_frame (h, __i__);
    check_same (name, frame, wanted);
  }
  /* The element's own are among them */
  fail_unless (n_specs > 24, "only %u", n_specs);
}

GST_END_TEST;

/* The default value of each is as good as no value */
GST_START_TEST (test_defaults)
{
  GstHarness *h = new_source (0);
  g_autoptr (GPtrArray) specs = list_specs (h->element);
  g_autofree char *before = describe (h->element);

  for (guint i = 0; i < specs->len; i++) {
    GParamSpec *spec = g_ptr_array_index (specs, i);
    g_autofree char *after = NULL;

    /* GstObject's name has none that could be set */
    if (spec->owner_type == GST_TYPE_OBJECT)
      continue;
    g_object_set_property (G_OBJECT (h->element), spec->name,
        g_param_spec_get_default_value (spec));
    after = describe (h->element);
    check_same (spec->name, after, before);
  }
  source_teardown (h);
}

GST_END_TEST;

static Suite *
writeback_suite (void)
{
  Suite *s = suite_create ("gst-writeback");
  TCase *tc = add_case (s, "writeback");

  tcase_add_unchecked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_unchanged, 0, 3);
  tcase_add_test (tc, test_defaults);

  return s;
}

GST_CHECK_MAIN (writeback);
