/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Derives advice from measurements: which engine and which map to use, and the cost of
 * the user's frame.
 */
#include "probe/mmioprobereport.h"

#include <string.h>

/* An engine that reaches this part of the fastest rate counts as equally good:
 * measurements vary by as much */
#define AS_GOOD 0.95

static const MmioProbeResult *
find_fastest (const MmioProbeReport * report, const MmioProbeMap ** map)
{
  const MmioProbeResult *fastest = NULL;

  for (guint i = 0; i < report->maps->len; i++) {
    const MmioProbeMap *m = g_ptr_array_index (report->maps, i);

    /* The kernel returned the other mapping, which has its own results */
    if (m->requested != MMIO_MAPPING_AUTO && m->requested != m->obtained)
      continue;

    for (guint j = 0; m->results && j < m->results->len; j++) {
      const MmioProbeResult *r = g_ptr_array_index (m->results, j);

      if (!r->is_engine || r->skipped)
        continue;
      if (!fastest || r->rate > fastest->rate) {
        fastest = r;
        *map = m;
      }
    }
  }

  return fastest;
}

/* Prefers the engine of engine=auto if it is equally good */
static const MmioProbeResult *
prefer_automatic (const MmioProbeMap * map, const MmioProbeResult * fastest)
{
  for (guint i = 0; i < map->results->len; i++) {
    const MmioProbeResult *r = g_ptr_array_index (map->results, i);

    if (r->is_auto && !r->skipped && r->rate >= AS_GOOD * fastest->rate)
      return r;
  }

  return fastest;
}

/* Padding between rows is not loaded */
static guint64
count_frame_bytes (const MmioProbeReport * report)
{
  guint64 bytes = 0;

  if (!report->has_frame)
    return report->config->length;

  for (guint i = 0; i < report->layout.format.n_planes; i++) {
    const MmioPlane *plane = &report->layout.plane[i];

    bytes += (guint64) plane->row_bytes * plane->rows;
  }

  return bytes;
}

/**
 * mmio_probe_advise:
 * @advice: (out caller-allocates): the advice; valid as long as @report
 * @report: the measurements
 *
 * Returns: FALSE if no engine was measured, or less than %MMIO_PROBE_ADVICE_BYTES
 */
gboolean
mmio_probe_advise (MmioProbeAdvice * advice, const MmioProbeReport * report)
{
  const MmioProbeResult *fastest;
  MmioProbeAdvice result = {.map = NULL };

  if (report->length < MMIO_PROBE_ADVICE_BYTES)
    return FALSE;

  fastest = find_fastest (report, &result.map);
  if (!fastest)
    return FALSE;

  result.engine = prefer_automatic (result.map, fastest);
  result.frame_bytes = count_frame_bytes (report);
  result.frame_rate = report->config->rate;
  if (result.frame_bytes > 0) {
    result.highest_rate = result.engine->rate / result.frame_bytes;
    result.load = result.frame_rate / result.highest_rate;
  }

  *advice = result;
  return TRUE;
}

static void
append_layout (GString * text, const MmioSpec * spec)
{
  g_autofree char *format = g_ascii_strdown (spec->format.name, -1);

  if (format[0] != '\0')
    g_string_append_printf (text, " format=%s", format);
  if (spec->width > 0)
    g_string_append_printf (text, " width=%u", spec->width);
  if (spec->height > 0)
    g_string_append_printf (text, " height=%u", spec->height);
  if (spec->offset > 0)
    g_string_append_printf (text, " offset=%" G_GUINT64_FORMAT, spec->offset);
  if (spec->stride > 0)
    g_string_append_printf (text, " stride=%u", spec->stride);
}

/* Quotes the device for gst-launch-1.0 in a shell, if it needs quotes.
 * Replaces characters that control a terminal, which no command line has. */
static void
append_device (GString * text, const char *device)
{
  g_autoptr (GString) escaped = g_string_new (NULL);
  g_autofree char *printable = mmio_probe_make_printable (device);
  g_autofree char *quoted = NULL;
  const gboolean is_plain =
      !strpbrk (printable, " '\"\\$&;()<>|*?[]#~`!{}\t\n");

  for (const char *c = printable; *c; c++) {
    if (strchr ("\\\"'", *c))
      g_string_append_c (escaped, '\\');
    g_string_append_c (escaped, *c);
  }
  quoted = g_shell_quote (escaped->str);
  g_string_append_printf (text, "device=%s", is_plain ? printable : quoted);
}

/**
 * mmio_probe_advice_get_properties:
 * @advice: the advice for @report
 * @report: the measurements
 *
 * Returns: (transfer full): the properties of mmiovidsrc to type
 */
char *
mmio_probe_advice_get_properties (const MmioProbeAdvice * advice,
    const MmioProbeReport * report)
{
  GString *text = g_string_new (NULL);

  append_device (text, report->config->device);
  if (report->bar >= 0)
    g_string_append_printf (text, " bar=%d", report->bar);
  append_layout (text, &report->config->spec);
  g_string_append_printf (text, " engine=%s", advice->engine->name);
  if (advice->map->requested != MMIO_MAPPING_AUTO)
    g_string_append_printf (text, " mapping=%s",
        mmio_mapping_get_name (advice->map->requested));

  return g_string_free (text, FALSE);
}

/* The command up to the element, which exports its memory */
static char *
get_exporting_source (const MmioProbeReport * report)
{
  GString *text = g_string_new ("gst-launch-1.0 mmiovidsrc ");

  /* The user may have named a file of sysfs */
  append_device (text, report->bar >= 0 ? report->address :
      report->config->device);
  if (report->bar >= 0)
    g_string_append_printf (text, " access=vfio bar=%d", report->bar);
  append_layout (text, &report->config->spec);
  g_string_append (text, " io-mode=dmabuf");

  return g_string_free (text, FALSE);
}

/**
 * mmio_probe_advise_import:
 * @report: the measurements, with its importers
 *
 * Returns: (transfer full) (nullable): advice for a display without a copy; NULL if no
 *   device imports the memory, which the list of importers shows
 */
char *
mmio_probe_advise_import (const MmioProbeReport * report)
{
  const MmioProbeImport *import = report->import;
  const MmioProbeNode *node = import ? mmio_probe_import_find (import) : NULL;
  g_autofree char *source = NULL;

  if (!node)
    return NULL;

  if (!report->has_frame)
    return g_strdup ("Without a copy: add --width, --height and --format for "
        "advice about displays.");

  source = get_exporting_source (report);
  if (node->scanout == MMIO_PROBE_SCANOUT_YES && node->importer->copies)
    return g_strdup_printf ("With only the driver's copy: %s ! kmssink "
        "driver-name=%s", source, node->importer->driver);

  if (node->scanout == MMIO_PROBE_SCANOUT_YES)
    return g_strdup_printf ("Without a copy%s: %s ! kmssink driver-name=%s",
        node->importer->is_late ? ", if its displays scan out foreign memory "
        "(otherwise use glimagesink)" : "", source, node->importer->driver);

  if (import->is_packed24)
    return g_strdup ("Without a copy: not possible with 24 bits per pixel, "
        "which the displays of the importers do not scan out. If the device "
        "supports 32, use those, as format=bgrx; otherwise each frame is "
        "copied once, into 32 bits.");

  return g_strdup_printf ("Without a copy, if GL supports %s: %s ! glimagesink",
      import->fourcc[0] != '\0' ? import->fourcc :
      report->layout.format.name, source);
}
