/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper.h"

#include <string.h>

#include <json-glib/json-glib.h>

static const MmioProbeConfig config = {.device = "10ee:7024",.rate =
      50,.length = 1000000,.is_virtual = TRUE
};

static MmioProbeReport *
report_new_full (void)
{
  MmioProbeReport *report = report_new (&config);
  MmioProbeMap *uc = add_map (report, MMIO_MAPPING_UNCACHED,
      MMIO_MAPPING_UNCACHED);
  MmioProbeMap *wc = add_map (report, MMIO_MAPPING_WRITE_COMBINING,
      MMIO_MAPPING_WRITE_COMBINING);

  add_result (uc, "u64", FALSE, 8e6);
  add_result (uc, "avx", FALSE, 0);
  add_result (uc, "orc", TRUE, 16e6)->bytes = 4096;
  add_result (wc, "stream", TRUE, 400e6);

  return report;
}

static void
test_sizes (void)
{
  static const struct
  {
    guint64 bytes;
    const char *text;
  } sizes[] = {
    {0, "0 bytes"},
    {16, "16 bytes"},
    {1023, "1023 bytes"},
    {1024, "1 KiB"},
    {1536, "1536 bytes"},
    {921600, "900 KiB"},
    {16 << 20, "16 MiB"},
    {G_GUINT64_CONSTANT (32) << 30, "32 GiB"},
    {G_GUINT64_CONSTANT (1) << 63, "8388608 TiB"},
    {MMIO_SIZE_UNKNOWN, "unknown size"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autofree char *text = mmio_probe_size_to_text (sizes[i].bytes);

    g_assert_cmpstr (text, ==, sizes[i].text);
  }
}

static void
test_table (void)
{
  g_autoptr (MmioProbeReport) report = report_new_full ();
  g_autofree char *text = mmio_probe_report_to_table (report);

  check_words (text, "0000:03:00.0: A <strange>", "BAR 2, 16 MiB, prefetchable",
      "bytes 0 to 921599", "\nuncached\n", "\nwrite-combining\n",
      " 8 bytes (u64)          1000.00        8.0\n", "for no reason",
      "engine stream                        400.0\n",
      "Best properties: device=10ee:7024 bar=2 engine=stream "
      "mapping=write-combining\n",
      "A frame has 1000000 bytes. At 50 frames per second that is 50.0 MB/s "
      "and takes 12.5 % of a core.\n", NULL);
}

static void
test_table_of_little (void)
{
  const MmioProbeConfig little = {.device = "sim",.rate = 1e6,.length = 1000 };
  g_autoptr (MmioProbeReport) report = report_new (&little);
  MmioProbeMap *map = add_map (report, MMIO_MAPPING_WRITE_COMBINING,
      MMIO_MAPPING_UNCACHED);
  MmioProbeMap *cached = add_map (report, MMIO_MAPPING_AUTO,
      MMIO_MAPPING_CACHED);
  g_autofree char *without = NULL;
  g_autofree char *busy = NULL;

  add_result (map, "orc", TRUE, 9e6);
  report->bar = -1;
  without = mmio_probe_report_to_table (report);
  check_words (without, "ordinary memory", "kernel mapped it uncached", NULL);
  g_assert_null (strstr (without, "Best"));

  add_result (cached, "u32", TRUE, 5e6);
  busy = mmio_probe_report_to_table (report);
  check_words (busy, "\ncached\n", "engine=u32\n", "more than one core: the "
      "limit is 5000.0 frames per second", NULL);
}

/* No advice from the noise that a few bytes are, but why */
static void
test_table_of_noise (void)
{
  g_autoptr (MmioProbeReport) report = report_new_full ();
  g_autofree char *text = NULL;
  g_autofree char *json = NULL;
  g_autofree char *plot = NULL;

  report->length = 1024;
  text = mmio_probe_report_to_table (report);
  check_words (text, "No advice: ", "less than 4 KiB", "--length", NULL);
  g_assert_null (strstr (text, "Best"));
  g_assert_null (strstr (text, "of a core"));

  json = mmio_probe_report_to_json (report);
  g_assert_null (strstr (json, "best"));
  plot = mmio_probe_report_to_plot (report);
  g_assert_null (strstr (plot, "bold: recommended"));
}

static JsonObject *
get_object (JsonParser * parser, const char *text)
{
  g_autoptr (GError) error = NULL;

  json_parser_load_from_data (parser, text, -1, &error);
  g_assert_no_error (error);
  return json_node_get_object (json_parser_get_root (parser));
}

static void
test_json (void)
{
  g_autoptr (MmioProbeReport) report = report_new_full ();
  g_autofree char *text = mmio_probe_report_to_json (report);
  g_autofree char *with_frame = NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *object = get_object (parser, text);
  JsonObject *best = json_object_get_object_member (object, "best");
  JsonArray *maps = json_object_get_array_member (object, "maps");
  JsonArray *results;
  JsonObject *result;

  g_assert_cmpstr (json_object_get_string_member (object, "name"), ==,
      report->name);
  g_assert_cmpint (json_object_get_int_member (object, "bar"), ==, 2);
  g_assert_true (json_object_get_boolean_member (object, "virtual-machine"));
  g_assert_false (json_object_has_member (object, "frame"));
  g_assert_cmpuint (json_array_get_length (maps), ==, 2);

  results = json_object_get_array_member (json_array_get_object_element (maps,
          0), "results");
  g_assert_cmpuint (json_array_get_length (results), ==, 3);
  result = json_array_get_object_element (results, 0);
  g_assert_cmpstr (json_object_get_string_member (result, "load"), ==, "u64");
  g_assert_cmpfloat (json_object_get_double_member (result, "ns-per-load"), ==,
      1000);
  result = json_array_get_object_element (results, 1);
  g_assert_cmpstr (json_object_get_string_member (result, "skipped"), ==,
      "for no reason");
  g_assert_false (json_object_has_member (result, "rate"));
  result = json_array_get_object_element (results, 2);
  g_assert_cmpstr (json_object_get_string_member (result, "engine"), ==, "orc");
  g_assert_cmpfloat (json_object_get_double_member (result, "rate"), ==, 16e6);
  g_assert_cmpint (json_object_get_int_member (result, "bytes-read"), ==, 4096);

  g_assert_cmpstr (json_object_get_string_member (best, "engine"), ==,
      "stream");
  g_assert_cmpfloat (json_object_get_double_member (best, "cpu-percent"), ==,
      12.5);

  report->has_frame = TRUE;
  with_frame = mmio_probe_report_to_json (report);
  g_assert_true (json_object_has_member (get_object (parser, with_frame),
          "frame"));
}

/* Names of files may be of any bytes, text in JSON may not */
static void
test_json_of_bytes (void)
{
  const MmioProbeConfig odd = {.device = "./\377",.rate = 50 };
  g_autoptr (MmioProbeReport) report = report_new (&odd);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autofree char *text = NULL;
  JsonObject *best;

  g_free (report->address);
  report->address = g_strdup (odd.device);
  add_result (add_map (report, MMIO_MAPPING_AUTO, MMIO_MAPPING_CACHED), "orc",
      TRUE, 1e6);

  text = mmio_probe_report_to_json (report);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_cmpstr (json_object_get_string_member (get_object (parser, text),
          "address"), ==, "./\357\277\275");
  best = json_object_get_object_member (json_node_get_object
      (json_parser_get_root (parser)), "best");
  check_words (json_object_get_string_member (best, "properties"),
      "device=./\357\277\275 ", NULL);
}

static void
test_bars (void)
{
  MmioProbeBar odd = {.address = (char *) "0000:03:00.0",.name =
        (char *) "Some \"thing\"",.number = 2,.size = 4096,.access =
        "sysfs",.reach = MMIO_PROBE_REACH_MAYBE,.driver = (char *) "foo",.why =
        (char *) "bound to foo",.is_prefetchable = TRUE,.write_combining = TRUE
  };
  MmioProbeBar plain = odd;
  g_autoptr (GPtrArray) bars = g_ptr_array_new ();
  g_autofree char *none = mmio_probe_bars_to_table (bars);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autofree char *table = NULL;
  g_autofree char *json = NULL;
  JsonArray *array;

  check_words (none, "mmiovid-probe sim", NULL);

  plain.driver = plain.why = NULL;
  plain.reach = MMIO_PROBE_REACH_YES;
  plain.write_combining = FALSE;
  plain.size = 1 << 30;
  g_ptr_array_add (bars, &odd);
  g_ptr_array_add (bars, &plain);
  table = mmio_probe_bars_to_table (bars);
  check_words (table,
      "0000:03:00.0  2    4 KiB  yes           foo     sysfs, write-combining? "
      "bound to foo  Some \"thing\"\n",
      "0000:03:00.0  2    1 GiB  yes           -       sysfs  ", NULL);

  json = mmio_probe_bars_to_json (bars);
  array = json_object_get_array_member (get_object (parser, json), "bars");
  g_assert_cmpuint (json_array_get_length (array), ==, 2);
  g_assert_cmpstr (json_object_get_string_member
      (json_array_get_object_element (array, 0), "reachable"), ==, "maybe");
  g_assert_cmpstr (json_object_get_string_member
      (json_array_get_object_element (array, 0), "why"), ==, "bound to foo");
  g_assert_false (json_object_has_member (json_array_get_object_element (array,
              1), "why"));
}

static void
count_elements (GMarkupParseContext * context, const gchar * name,
    const gchar ** attribute_names, const gchar ** attribute_values,
    gpointer user_data, GError ** error)
{
  guint *n = user_data;

  *n += g_str_equal (name, "rect");
}

static void
test_plot (void)
{
  const GMarkupParser parser = {.start_element = count_elements };
  g_autoptr (MmioProbeReport) report = report_new_full ();
  g_autofree char *text = NULL;
  g_autoptr (GMarkupParseContext) context = NULL;
  g_autoptr (GError) error = NULL;
  guint n_rects = 0;

  /* Too long for a line, and cut in the middle of no character */
  g_free (report->name);
  {
    g_autofree char *xs = g_strnfill (82, 'x');

    report->name = g_strconcat ("<&>\"", xs, "\303\244\303\244\303\244"
        "\303\244\303\244", NULL);
  }
  text = mmio_probe_report_to_plot (report);

  g_assert_true (g_utf8_validate (text, -1, NULL));
  context = g_markup_parse_context_new (&parser, 0, &n_rects, NULL);
  g_markup_parse_context_parse (context, text, -1, &error);
  g_assert_no_error (error);
  g_markup_parse_context_end_parse (context, &error);
  g_assert_no_error (error);

  /* The paper, what was measured, and two in the legend */
  g_assert_cmpuint (n_rects, ==, 1 + 3 + 2);
  check_words (text, "bold: recommended", "&lt;&amp;&gt;",
      "x\303\244...", "uncached", "write-combining", "not measured",
      "8.0 MB/s, 1000.00 ns per load", NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/probe/report/sizes", test_sizes);
  g_test_add_func ("/probe/report/table", test_table);
  g_test_add_func ("/probe/report/table-of-little", test_table_of_little);
  g_test_add_func ("/probe/report/table-of-noise", test_table_of_noise);
  g_test_add_func ("/probe/report/json", test_json);
  g_test_add_func ("/probe/report/json-of-bytes", test_json_of_bytes);
  g_test_add_func ("/probe/report/bars", test_bars);
  g_test_add_func ("/probe/report/plot", test_plot);
  return g_test_run ();
}
