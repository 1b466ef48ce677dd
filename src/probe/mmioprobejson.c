/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reports as JSON, for programs.  Rates are in bytes per second; unknown values are
 * omitted.
 */
#include "probe/mmioprobereport.h"

#include <json-glib/json-glib.h>

/* Makes the value valid UTF-8, as JSON requires; the name of a file may be
 * other bytes */
static void
add_string (JsonBuilder * builder, const char *name, const char *value)
{
  g_autofree char *valid = NULL;

  if (!value)
    return;

  valid = g_utf8_make_valid (value, -1);
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, valid);
}

static void
add_int (JsonBuilder * builder, const char *name, gint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

static void
add_double (JsonBuilder * builder, const char *name, double value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_double_value (builder, value);
}

static void
add_boolean (JsonBuilder * builder, const char *name, gboolean value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}

/* Also ends the outermost object */
static char *
builder_to_text (JsonBuilder * builder)
{
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *text = NULL;

  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  text = json_generator_to_data (generator, NULL);

  return g_strconcat (text, "\n", NULL);
}

static const char *
reach_to_text (MmioProbeReach reach)
{
  switch (reach) {
    case MMIO_PROBE_REACH_YES:
      return "yes";
    case MMIO_PROBE_REACH_MAYBE:
      return "maybe";
    case MMIO_PROBE_REACH_NO:
    default:
      return "no";
  }
}

static void
add_bar (JsonBuilder * builder, const MmioProbeBar * bar)
{
  json_builder_begin_object (builder);
  add_string (builder, "address", bar->address);
  add_string (builder, "name", bar->name);
  add_int (builder, "bar", bar->number);
  add_int (builder, "size", bar->size);
  add_boolean (builder, "prefetchable", bar->is_prefetchable);
  add_string (builder, "driver", bar->driver);
  add_string (builder, "access", bar->access);
  add_string (builder, "reachable", reach_to_text (bar->reach));
  add_boolean (builder, "write-combining", bar->write_combining);
  add_string (builder, "why", bar->why);
  json_builder_end_object (builder);
}

/**
 * mmio_probe_bars_to_json:
 * @bars: (element-type MmioProbeBar): BARs
 *
 * Returns: (transfer full): an object with the BARs
 */
char *
mmio_probe_bars_to_json (const GPtrArray * bars)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "bars");
  json_builder_begin_array (builder);
  for (guint i = 0; i < bars->len; i++)
    add_bar (builder, g_ptr_array_index (bars, i));
  json_builder_end_array (builder);

  return builder_to_text (builder);
}

static void
add_result (JsonBuilder * builder, const MmioProbeResult * result)
{
  json_builder_begin_object (builder);
  add_string (builder, result->is_engine ? "engine" : "load", result->name);
  if (!result->is_engine)
    add_int (builder, "load-bytes", result->load_bytes);

  if (result->skipped) {
    add_string (builder, "skipped", result->skipped);
  } else {
    if (!result->is_engine)
      add_double (builder, "ns-per-load", mmio_probe_result_get_ns (result));
    add_int (builder, "bytes-read", result->bytes);
    add_double (builder, "rate", result->rate);
    add_double (builder, "slowest-rate", result->slowest);
    add_double (builder, "fastest-rate", result->fastest);
  }

  json_builder_end_object (builder);
}

static void
add_map (JsonBuilder * builder, const MmioProbeMap * map)
{
  json_builder_begin_object (builder);
  add_string (builder, "mapping", mmio_mapping_get_name (map->obtained));
  add_string (builder, "requested", mmio_mapping_get_name (map->requested));
  add_string (builder, "skipped", map->skipped);

  json_builder_set_member_name (builder, "results");
  json_builder_begin_array (builder);
  for (guint i = 0; map->results && i < map->results->len; i++)
    add_result (builder, g_ptr_array_index (map->results, i));
  json_builder_end_array (builder);

  json_builder_end_object (builder);
}

static void
add_frame (JsonBuilder * builder, const MmioLayout * layout)
{
  json_builder_set_member_name (builder, "frame");
  json_builder_begin_object (builder);
  add_string (builder, "format", layout->format.name);
  add_int (builder, "width", layout->width);
  add_int (builder, "height", layout->height);
  add_int (builder, "offset", layout->start);
  add_int (builder, "stride", layout->plane[0].stride);
  json_builder_end_object (builder);
}

static void
add_advice (JsonBuilder * builder, const MmioProbeReport * report)
{
  MmioProbeAdvice advice;
  g_autofree char *properties = NULL;

  if (!mmio_probe_advise (&advice, report))
    return;

  properties = mmio_probe_advice_get_properties (&advice, report);
  json_builder_set_member_name (builder, "best");
  json_builder_begin_object (builder);
  add_string (builder, "engine", advice.engine->name);
  add_string (builder, "mapping", mmio_mapping_get_name (advice.map->obtained));
  add_double (builder, "rate", advice.engine->rate);
  add_string (builder, "properties", properties);
  if (advice.frame_bytes > 0) {
    add_int (builder, "frame-bytes", advice.frame_bytes);
    add_double (builder, "frame-rate", advice.frame_rate);
    add_double (builder, "highest-frame-rate", advice.highest_rate);
    add_double (builder, "cpu-percent", 100 * advice.load);
  }
  json_builder_end_object (builder);
}

static void
add_node (JsonBuilder * builder, const MmioProbeNode * node)
{
  const MmioImporter *importer = node->importer;

  json_builder_begin_object (builder);
  add_string (builder, "node", importer->node);
  add_string (builder, "card", importer->card);
  add_string (builder, "driver", importer->driver);
  add_boolean (builder, "imports", importer->imports);
  if (importer->imports) {
    add_boolean (builder, "maps-late", importer->is_late);
    add_boolean (builder, "copies", importer->copies);
  }
  add_string (builder, "why", importer->reason);
  if (importer->errnum != 0)
    add_int (builder, "errno", importer->errnum);
  if (node->scanout != MMIO_PROBE_SCANOUT_UNKNOWN)
    add_boolean (builder, "scans-out", node->scanout == MMIO_PROBE_SCANOUT_YES);
  json_builder_end_object (builder);
}

static void
add_import (JsonBuilder * builder, const MmioProbeReport * report)
{
  const MmioProbeImport *import = report->import;
  g_autofree char *advice = mmio_probe_advise_import (report);

  json_builder_set_member_name (builder, "import");
  json_builder_begin_object (builder);
  add_boolean (builder, "exported", import->nodes != NULL);
  add_string (builder, "why", import->why_not);
  add_string (builder, "system", import->system);
  if (import->fourcc[0] != '\0')
    add_string (builder, "fourcc", import->fourcc);

  if (import->nodes) {
    json_builder_set_member_name (builder, "nodes");
    json_builder_begin_array (builder);
    for (guint i = 0; i < import->nodes->len; i++)
      add_node (builder, &g_array_index (import->nodes, MmioProbeNode, i));
    json_builder_end_array (builder);
  }

  add_string (builder, "advice", advice);
  json_builder_end_object (builder);
}

/**
 * mmio_probe_report_to_json:
 * @report: the measurements
 *
 * Returns: (transfer full): an object with the measurements and the advice
 */
char *
mmio_probe_report_to_json (const MmioProbeReport * report)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  add_string (builder, "address", report->address);
  add_string (builder, "name", report->name);
  add_string (builder, "access", report->access);
  if (report->bar >= 0) {
    add_int (builder, "bar", report->bar);
    add_boolean (builder, "prefetchable", report->is_prefetchable);
  }
  if (report->bar_size != MMIO_SIZE_UNKNOWN)
    add_int (builder, "size", report->bar_size);
  add_boolean (builder, "virtual-machine", report->config->is_virtual);
  add_int (builder, "offset", report->offset);
  add_int (builder, "length", report->length);
  add_int (builder, "rounds", report->rounds);
  if (report->has_frame)
    add_frame (builder, &report->layout);

  json_builder_set_member_name (builder, "maps");
  json_builder_begin_array (builder);
  for (guint i = 0; i < report->maps->len; i++)
    add_map (builder, g_ptr_array_index (report->maps, i));
  json_builder_end_array (builder);

  if (report->import)
    add_import (builder, report);
  add_advice (builder, report);
  return builder_to_text (builder);
}
