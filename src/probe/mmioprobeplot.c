/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Draws measurements as a bar chart in SVG.  Coordinates are whole pixels, so that they
 * do not depend on the locale.
 */
#include "probe/mmioprobereport.h"

#define WIDTH 760
#define MARGIN 20
#define LABELS 190
#define BARS 360
#define ROW 24
#define THICKNESS 16

#define LOAD_COLOR "#4c78a8"
#define ENGINE_COLOR "#e07b1a"
#define TEXT_COLOR "#222222"
#define NOTE_COLOR "#666666"

typedef struct
{
  GString *text;
  int y;
  double fastest;
  const MmioProbeResult *best;
} Plot;

/* Adds text with its baseline at @y */
static void
add_text (Plot * plot, int x, int y, const char *attributes, const char *text)
{
  g_autofree char *printable = mmio_probe_make_printable (text);
  g_autofree char *escaped = g_markup_escape_text (printable, -1);

  g_string_append_printf (plot->text, "<text x=\"%d\" y=\"%d\" %s>%s</text>\n",
      x, y, attributes, escaped);
}

static void
add_bar (Plot * plot, int x, int y, int width, const char *color)
{
  g_string_append_printf (plot->text, "<rect x=\"%d\" y=\"%d\" width=\"%d\" "
      "height=\"%d\" fill=\"%s\"/>\n", x, y, width, THICKNESS, color);
}

static char *
describe_value (const MmioProbeResult * result)
{
  if (result->skipped)
    return g_strdup ("not measured");
  if (result->is_engine)
    return g_strdup_printf ("%.1f MB/s", result->rate / 1e6);

  return g_strdup_printf ("%.1f MB/s, %.2f ns per load", result->rate / 1e6,
      mmio_probe_result_get_ns (result));
}

static void
add_result (Plot * plot, const MmioProbeResult * result)
{
  const gboolean is_best = result == plot->best;
  g_autofree char *label = result->is_engine ?
      g_strdup_printf ("engine %s", result->name) :
      g_strdup_printf ("%u bytes (%s)", result->load_bytes, result->name);
  g_autofree char *value = describe_value (result);
  const int width = result->skipped ? 0 :
      MAX (1, BARS * result->rate / plot->fastest);
  const int middle = plot->y + THICKNESS - 4;

  add_text (plot, MARGIN + LABELS - 10, middle, is_best ?
      "text-anchor=\"end\" font-weight=\"bold\"" : "text-anchor=\"end\"",
      label);
  if (width > 0)
    add_bar (plot, MARGIN + LABELS, plot->y, width,
        result->is_engine ? ENGINE_COLOR : LOAD_COLOR);
  add_text (plot, MARGIN + LABELS + width + 6, middle, result->skipped ?
      "font-size=\"11\" fill=\"" NOTE_COLOR "\"" :
      is_best ? "font-size=\"11\" font-weight=\"bold\"" : "font-size=\"11\"",
      value);
  plot->y += ROW;
}

static void
add_map (Plot * plot, const MmioProbeMap * map)
{
  const char *name = mmio_mapping_get_name (map->obtained);
  g_autofree char *title = NULL;

  if (!map->results)
    return;

  if (map->requested != MMIO_MAPPING_AUTO && map->requested != map->obtained)
    title = g_strdup_printf ("%s instead of %s", name,
        mmio_mapping_get_name (map->requested));

  plot->y += ROW;
  add_text (plot, MARGIN, plot->y, "font-weight=\"bold\"",
      title ? title : name);
  plot->y += ROW / 2;
  for (guint i = 0; i < map->results->len; i++)
    add_result (plot, g_ptr_array_index (map->results, i));
}

static void
add_legend (Plot * plot)
{
  int x = MARGIN + LABELS;

  plot->y += ROW / 2;
  add_bar (plot, x, plot->y, THICKNESS, LOAD_COLOR);
  add_text (plot, x + 22, plot->y + 12, "font-size=\"11\"",
      "loads of one width");
  x += 150;
  add_bar (plot, x, plot->y, THICKNESS, ENGINE_COLOR);
  add_text (plot, x + 22, plot->y + 12, "font-size=\"11\"",
      plot->best ? "engines, which copy; bold: recommended" :
      "engines, which copy");
  plot->y += ROW;
}

static double
find_fastest (const MmioProbeReport * report)
{
  double fastest = 1;

  for (guint i = 0; i < report->maps->len; i++) {
    const MmioProbeMap *map = g_ptr_array_index (report->maps, i);

    for (guint j = 0; map->results && j < map->results->len; j++) {
      const MmioProbeResult *r = g_ptr_array_index (map->results, j);

      fastest = MAX (fastest, r->rate);
    }
  }

  return fastest;
}

static char *
make_subtitle (const MmioProbeReport * report)
{
  g_autofree char *size = mmio_probe_size_to_text (report->length);

  if (report->bar >= 0)
    return g_strdup_printf ("%s, BAR %d, %s from byte %" G_GUINT64_FORMAT,
        report->address, report->bar, size, report->offset);

  return g_strdup_printf ("%s: ordinary memory, no bus; %s from byte %"
      G_GUINT64_FORMAT, report->address, size, report->offset);
}

/* Cuts a line that is too long for the chart */
static void
add_heading (Plot * plot, const char *attributes, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *start = NULL;

  if (g_utf8_strlen (valid, -1) > 90) {
    g_autofree char *cut = g_utf8_substring (valid, 0, 87);

    start = g_strconcat (cut, "...", NULL);
  }
  add_text (plot, MARGIN, plot->y, attributes, start ? start : valid);
}

/**
 * mmio_probe_report_to_plot:
 * @report: the measurements
 *
 * Returns: (transfer full): an SVG file with a bar for each result
 */
char *
mmio_probe_report_to_plot (const MmioProbeReport * report)
{
  g_autofree char *subtitle = make_subtitle (report);
  g_autoptr (GString) body = g_string_new (NULL);
  Plot plot = {.text = body,.y = MARGIN + 10 };
  MmioProbeAdvice advice;

  plot.fastest = find_fastest (report);
  if (mmio_probe_advise (&advice, report))
    plot.best = advice.engine;

  add_heading (&plot, "font-size=\"15\" font-weight=\"bold\"", report->name);
  plot.y += 18;
  add_heading (&plot, "font-size=\"12\" fill=\"" NOTE_COLOR "\"", subtitle);
  for (guint i = 0; i < report->maps->len; i++)
    add_map (&plot, g_ptr_array_index (report->maps, i));
  add_legend (&plot);

  return g_strdup_printf ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
      "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\" "
      "fill=\"" TEXT_COLOR "\">\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n%s</svg>\n",
      WIDTH, plot.y + MARGIN, WIDTH, plot.y + MARGIN, body->str);
}
