/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reports as plain text, for people.
 */
#include "probe/mmioprobereport.h"

#include <string.h>

/* Columns of the table of BARs; the last one has any width */
#define N_COLUMNS 7

/**
 * mmio_probe_size_to_text:
 * @bytes: a size, or %MMIO_SIZE_UNKNOWN
 *
 * Returns: (transfer full): the size in the largest unit that gives a whole number, as
 *   lspci prints it
 */
char *
mmio_probe_size_to_text (guint64 bytes)
{
  static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
  guint unit = 0;

  if (bytes == MMIO_SIZE_UNKNOWN)
    return g_strdup ("unknown size");

  while (unit < G_N_ELEMENTS (units) - 1 && bytes >= 1024 && bytes % 1024 == 0) {
    bytes /= 1024;
    unit++;
  }

  return g_strdup_printf ("%" G_GUINT64_FORMAT " %s", bytes, units[unit]);
}

static char *
describe_reach (const MmioProbeBar * bar)
{
  const char *wc = bar->write_combining ? ", write-combining" : "";

  switch (bar->reach) {
    case MMIO_PROBE_REACH_YES:
      return g_strconcat (bar->access, wc, NULL);
    case MMIO_PROBE_REACH_MAYBE:
      return g_strdup_printf ("%s%s? %s", bar->access, wc, bar->why);
    case MMIO_PROBE_REACH_NO:
    default:
      return g_strdup_printf ("no: %s", bar->why);
  }
}

static GStrv
make_line (const MmioProbeBar * bar)
{
  GStrv line = g_new0 (char *, N_COLUMNS + 1);

  line[0] = g_strdup (bar->address);
  line[1] = g_strdup_printf ("%u", bar->number);
  line[2] = mmio_probe_size_to_text (bar->size);
  line[3] = g_strdup (bar->is_prefetchable ? "yes" : "no");
  line[4] = g_strdup (bar->driver ? bar->driver : "-");
  line[5] = describe_reach (bar);
  line[6] = g_strdup (bar->name);

  return line;
}

static GStrv
make_heading (void)
{
  return g_strsplit ("ADDRESS|BAR|SIZE|PREFETCHABLE|DRIVER|REACHED BY|NAME",
      "|", N_COLUMNS);
}

static void
append_lines (GString * text, const GPtrArray * lines)
{
  gsize width[N_COLUMNS] = { 0, };

  for (guint i = 0; i < lines->len; i++) {
    char *const *line = g_ptr_array_index (lines, i);

    for (guint j = 0; j < N_COLUMNS; j++)
      width[j] = MAX (width[j], strlen (line[j]));
  }

  for (guint i = 0; i < lines->len; i++) {
    char *const *line = g_ptr_array_index (lines, i);

    for (guint j = 0; j < N_COLUMNS - 1; j++)
      g_string_append_printf (text, "%-*s  ", (int) width[j], line[j]);
    g_string_append_printf (text, "%s\n", line[N_COLUMNS - 1]);
  }
}

/**
 * mmio_probe_bars_to_table:
 * @bars: (element-type MmioProbeBar): BARs
 *
 * Returns: (transfer full): a table of them, and the next command to use
 */
char *
mmio_probe_bars_to_table (const GPtrArray * bars)
{
  g_autoptr (GPtrArray) lines =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  GString *text;

  if (bars->len == 0)
    return g_strdup ("No PCI device has a memory BAR. To try the simulated "
        "device: mmiovid-probe sim\n");

  text = g_string_new (NULL);
  g_ptr_array_add (lines, make_heading ());
  for (guint i = 0; i < bars->len; i++)
    g_ptr_array_add (lines, make_line (g_ptr_array_index (bars, i)));
  append_lines (text, lines);

  g_string_append (text, "\nNothing was read from these BARs. To measure one, "
      "or for advice if it cannot be mapped:\nmmiovid-probe ADDRESS --bar N\n");

  return g_string_free (text, FALSE);
}

static void
append_result (GString * text, const MmioProbeResult * result)
{
  g_autofree char *what = result->is_engine ?
      g_strdup_printf ("engine %s", result->name) :
      g_strdup_printf ("%2u bytes (%s)", result->load_bytes, result->name);

  if (result->skipped) {
    g_string_append_printf (text, "  %-20s %10s %10s  %s\n", what, "-", "-",
        result->skipped);
  } else if (result->is_engine) {
    g_string_append_printf (text, "  %-20s %10s %10.1f\n", what, "",
        result->rate / 1e6);
  } else {
    g_string_append_printf (text, "  %-20s %10.2f %10.1f\n", what,
        mmio_probe_result_get_ns (result), result->rate / 1e6);
  }
}

static void
append_map (GString * text, const MmioProbeMap * map)
{
  g_string_append_printf (text, "\n%s\n",
      mmio_mapping_get_name (map->requested ==
          MMIO_MAPPING_AUTO ? map->obtained : map->requested));

  if (map->skipped) {
    g_string_append_printf (text, "  %s\n", map->skipped);
    return;
  }

  if (map->requested != MMIO_MAPPING_AUTO && map->requested != map->obtained)
    g_string_append_printf (text, "  The kernel mapped it %s, since another "
        "map of it exists.\n", mmio_mapping_get_name (map->obtained));

  g_string_append_printf (text, "  %-20s %10s %10s\n", "", "ns/load", "MB/s");
  for (guint i = 0; i < map->results->len; i++)
    append_result (text, g_ptr_array_index (map->results, i));
}

static void
append_cost (GString * text, const MmioProbeAdvice * advice,
    const MmioProbeReport * report)
{
  if (advice->frame_bytes == 0) {
    g_string_append (text, "For the cost of your frame: add --width, --height, "
        "--format and --rate, or --length and --rate.\n");
    return;
  }

  if (report->has_frame)
    g_string_append_printf (text, "A frame of %u x %u %s",
        report->layout.width, report->layout.height,
        report->layout.format.name);
  else
    g_string_append (text, "A frame");
  g_string_append_printf (text, " has %" G_GUINT64_FORMAT " bytes. At %g "
      "frames per second that is %.1f MB/s and takes ", advice->frame_bytes,
      advice->frame_rate, advice->frame_bytes * advice->frame_rate / 1e6);

  if (advice->load > 1)
    g_string_append_printf (text, "more than one core: the limit is %.1f "
        "frames per second.\n", advice->highest_rate);
  else if (advice->load < 0.001)
    g_string_append (text, "less than 0.1 % of a core.\n");
  else
    g_string_append_printf (text, "%.1f %% of a core.\n", 100 * advice->load);
}

/**
 * mmio_probe_make_printable:
 * @text: any bytes, such as the name of a file
 *
 * Returns: (transfer full): valid UTF-8 without characters that control a terminal or
 *   that XML excludes
 */
char *
mmio_probe_make_printable (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *printable = g_string_new (NULL);

  for (const char *c = valid; *c; c = g_utf8_next_char (c)) {
    const gunichar character = g_utf8_get_char (c);
    /* U+FFFE and U+FFFF are not characters, and XML excludes them */
    const gboolean is_bad = g_unichar_iscntrl (character) ||
        character == 0xfffe || character == 0xffff;

    g_string_append_unichar (printable, is_bad ? '?' : character);
  }

  return g_string_free (printable, FALSE);
}

static void
append_subject (GString * text, const MmioProbeReport * report)
{
  g_autofree char *size = mmio_probe_size_to_text (report->bar_size);
  g_autofree char *address = mmio_probe_make_printable (report->address);
  g_autofree char *name = mmio_probe_make_printable (report->name);

  g_string_append_printf (text, "%s: %s\n", address, name);
  if (report->bar >= 0)
    g_string_append_printf (text, "BAR %d, %s, %sprefetchable", report->bar,
        size, report->is_prefetchable ? "" : "not ");
  else
    g_string_append_printf (text, "%s of ordinary memory, without a bus", size);

  g_string_append_printf (text, "\nbytes %" G_GUINT64_FORMAT " to %"
      G_GUINT64_FORMAT ", medians of %u rounds\n", report->offset,
      report->offset + report->length - 1, report->rounds);
}

/* Returns: (transfer full) (nullable) */
static char *
describe_scanout (const MmioProbeNode * node, const char *fourcc)
{
  switch (node->scanout) {
    case MMIO_PROBE_SCANOUT_YES:
      return g_strdup_printf ("scans out %s: yes", fourcc);
    case MMIO_PROBE_SCANOUT_NO:
      return g_strdup_printf ("scans out %s: no", fourcc);
    case MMIO_PROBE_SCANOUT_NO_DISPLAY:
      return g_strdup_printf ("scans out %s: no, it has no display", fourcc);
    case MMIO_PROBE_SCANOUT_UNKNOWN:
    default:
      return node->scanout_errno == 0 ? NULL :
          g_strdup_printf ("scans out %s: unknown (%s: %s)", fourcc,
          node->importer->card, g_strerror (node->scanout_errno));
  }
}

static void
append_node (GString * text, const MmioProbeNode * node, const char *fourcc)
{
  const MmioImporter *importer = node->importer;
  g_autofree char *scanout = describe_scanout (node, fourcc);

  g_string_append_printf (text, "  %s, %s: ", importer->node,
      importer->driver ? importer->driver : "unknown");
  if (!importer->imports)
    g_string_append_printf (text, "no, %s\n", importer->reason);
  else if (importer->copies)
    g_string_append (text, "yes, but its displays do not read it: the kernel "
        "copies each frame into their memory\n");
  else if (importer->is_late)
    g_string_append (text, "yes, but it maps the memory only with the first "
        "frame; by the kernel's rules that will work\n");
  else
    g_string_append (text, "yes\n");

  if (scanout)
    g_string_append_printf (text, "    %s\n", scanout);
}

static void
append_import (GString * text, const MmioProbeImport * import)
{
  g_string_append (text, "\nimporters\n");

  if (import->why_not) {
    g_string_append_printf (text, "  none: %s\n", import->why_not);
    if (import->system)
      g_string_append_printf (text, "    %s\n", import->system);
    return;
  }

  if (import->nodes->len == 0)
    g_string_append (text, "  none: this machine has no display hardware with "
        "a driver (/sys/class/drm is empty)\n");

  for (guint i = 0; i < import->nodes->len; i++)
    append_node (text, &g_array_index (import->nodes, MmioProbeNode, i),
        import->fourcc);
}

/* Appends the command to type, or only the properties if the frame is not known */
static void
append_best (GString * text, const MmioProbeAdvice * advice,
    const MmioProbeReport * report)
{
  g_autofree char *properties =
      mmio_probe_advice_get_properties (advice, report);
  /* All sinks accept 32 bits, and the element converts 24 bits to them */
  const gboolean is_shown = report->has_frame &&
      report->layout.format.model == MMIO_COLOR_RGB &&
      mmio_format_row_bytes (&report->layout.format, 0, 1) >= 3;

  if (report->has_frame)
    g_string_append_printf (text, "\nBest: gst-launch-1.0 mmiovidsrc %s ! "
        "%sautovideosink\n", properties, is_shown ? "" : "videoconvert ! ");
  else
    g_string_append_printf (text, "\nBest properties: %s\n", properties);
}

/**
 * mmio_probe_report_to_table:
 * @report: the measurements
 *
 * Returns: (transfer full): a table and the advice
 */
char *
mmio_probe_report_to_table (const MmioProbeReport * report)
{
  g_autofree char *without_copy = mmio_probe_advise_import (report);
  GString *text = g_string_new (NULL);
  MmioProbeAdvice advice;

  append_subject (text, report);
  for (guint i = 0; i < report->maps->len; i++)
    append_map (text, g_ptr_array_index (report->maps, i));
  if (report->import)
    append_import (text, report->import);

  if (mmio_probe_advise (&advice, report)) {
    append_best (text, &advice, report);
    append_cost (text, &advice, report);
  } else if (report->length < MMIO_PROBE_ADVICE_BYTES) {
    g_string_append_printf (text, "\nNo advice: figures of less than %d KiB "
        "are mostly noise. Measure more with --length, if the device has "
        "more.\n", MMIO_PROBE_ADVICE_BYTES / 1024);
  }

  if (without_copy)
    g_string_append_printf (text, "%s\n", without_copy);

  return g_string_free (text, FALSE);
}
