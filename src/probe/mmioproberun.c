/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measures a device: finds the BAR, checks the rules, and measures each mapping of it.
 * There is one map at a time: while an uncached one exists, the kernel makes all others
 * of the same range uncached too.
 */
#include "probe/mmioproberun.h"

#include "base/mmioerror.h"
#include "describe/mmiodescribe.h"
#include "device/mmiobar.h"
#include "load/mmioloadbench.h"
#include "probe/mmioproberules.h"

#define ROUNDS 5

/* Bytes to measure by default: a full HD frame of 32 bits */
#define DEFAULT_LENGTH ((guint64) 1920 * 1080 * 4)

/* The maximum of bytes that one measurement in a round loads from a device, and
 * so the largest useful range */
#define MAX_BYTES ((guint64) 64 * 1024 * 1024)

static void
mmio_probe_map_free (MmioProbeMap * map)
{
  g_free (map->skipped);
  g_clear_pointer (&map->results, g_ptr_array_unref);
  g_free (map);
}

static void
describe_case (MmioProbeCase * what, const MmioProbeReport * report,
    const MmioDevice * device, guint bar)
{
  const MmioBar *facts = mmio_device_get_bar (device, bar);

  what->address = report->address;
  what->is_pci = mmio_device_has_bars (device);
  what->bar = bar;
  what->is_named = report->config->bar >= 0 ||
      mmio_device_get_fixed_bar (device) >= 0;
  what->size = facts->size;
  what->is_prefetchable = facts->is_prefetchable;
  what->is_virtual = report->config->is_virtual;
  what->force = report->config->force;
}

/* Whether the BAR is memory.  If not, mmio_device_map() has the better error. */
static gboolean
is_memory (const MmioDevice * device, gint bar)
{
  return bar >= 0 && bar < MMIO_MAX_BARS &&
      mmio_device_get_bar (device, bar)->size > 0 &&
      !mmio_device_get_bar (device, bar)->is_io;
}

/* Whether the BAR that the user names may not be read, not even for a header.
 * The error follows later. */
static gboolean
is_forbidden (const MmioProbeReport * report, const MmioDevice * device,
    gint bar)
{
  const gint named = bar >= 0 ? bar : mmio_device_get_fixed_bar (device);
  MmioProbeCase what;

  if (!is_memory (device, named))
    return FALSE;

  describe_case (&what, report, device, named);
  return !mmio_probe_may_measure (&what, NULL);
}

/* Finds the layout of the frame.  A device is read if the user does not
 * describe the frame, and need not describe one.  The simulated device needs a
 * size. */
static gboolean
find_frame (MmioProbeReport * report, MmioDevice * device, gint * bar,
    GError ** error)
{
  const MmioProbeConfig *config = report->config;
  const gboolean is_open = config->spec.width == 0 && config->spec.height == 0;
  MmioSpec spec = config->spec;
  g_autoptr (GError) local = NULL;

  if (is_open && config->length > 0 && mmio_device_has_bars (device))
    return TRUE;
  if ((spec.width == 0 || spec.height == 0) &&
      is_forbidden (report, device, *bar))
    return TRUE;

  if (mmio_describe (device, bar, &spec, NULL, &local) &&
      mmio_layout_init (&report->layout, &spec, &local)) {
    report->has_frame = TRUE;
    return TRUE;
  }

  /* The simulated device has memory only for a frame that it can write */
  if (is_open && (mmio_device_has_bars (device) ||
          mmio_device_get_bar (device, 0)->size > 0)) {
    g_debug ("no frame: %s", local->message);
    return TRUE;
  }

  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

/* Returns: the first BAR that has @end bytes and may be measured, else the
 * first that has them, else -1 */
static gint
choose_bar (const MmioProbeReport * report, const MmioDevice * device,
    guint64 end)
{
  gint chosen = -1;

  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    const MmioBar *facts = mmio_device_get_bar (device, i);
    MmioProbeCase what;

    if (facts->is_io || facts->size == 0 || facts->size < end)
      continue;

    describe_case (&what, report, device, i);
    if (mmio_probe_may_measure (&what, NULL))
      return i;
    if (chosen < 0)
      chosen = i;
  }

  return chosen;
}

/* Finds the range to map, as a layout for mmio_device_map() */
static gboolean
find_range (MmioProbeReport * report, const MmioDevice * device, gint * bar,
    MmioLayout * range, GError ** error)
{
  const guint64 wanted = report->config->length;
  const gboolean is_frame = report->has_frame && wanted == 0;
  guint64 size;

  if (is_frame) {
    *range = report->layout;
  } else {
    range->start = report->has_frame ? report->layout.start :
        report->config->spec.offset;
    range->end = range->start + MAX (wanted, 1);
  }

  if (*bar < 0)
    *bar = choose_bar (report, device, range->end);
  if (*bar < 0 && !is_frame)
    *bar = choose_bar (report, device, 0);
  if (*bar < 0 && !is_frame) {
    mmio_set_error (error, MMIO_ERROR_NOT_FOUND,
        "Cannot measure %s: it has no memory BAR. List the devices that have "
        "one with: mmiovid-probe", report->address);
    return FALSE;
  }
  if (is_frame || !is_memory (device, *bar))
    return TRUE;

  size = mmio_device_get_bar (device, *bar)->size;
  if (range->end > size) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot measure the range: it ends at byte %" G_GUINT64_FORMAT ", but "
        "%s has only %" G_GUINT64_FORMAT " bytes there. Reduce --offset or "
        "--length.", range->end, report->address, size);
    return FALSE;
  }

  if (wanted == 0)
    range->end = MIN (size, range->start + DEFAULT_LENGTH);

  return TRUE;
}

static gboolean
check_rules (MmioProbeReport * report, const MmioDevice * device, gint bar,
    guint * widest, GError ** error)
{
  MmioProbeCase what;

  *widest = MMIO_PROBE_EMULATED_BYTES;
  if (!is_memory (device, bar))
    return TRUE;

  describe_case (&what, report, device, bar);
  *widest = mmio_probe_get_widest (&what);
  report->bar = what.is_pci ? bar : -1;
  report->bar_size = what.size;
  report->is_prefetchable = what.is_prefetchable;

  return mmio_probe_may_measure (&what, error);
}

/* Sets an error for a range without a whole line.  The range begins at @start,
 * and the next line at @line.  Suggests a length only if one helps. */
static void
set_no_line_error (GError ** error, const MmioProbeReport * report,
    guint64 start, guint64 line)
{
  const guint64 size = report->bar_size;
  g_autofree char *whole = report->bar < 0 ? g_strdup (report->address) :
      g_strdup_printf ("BAR %d of %s", report->bar, report->address);

  if (size < MMIO_LOADS_ALIGN)
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot measure %s: it has %" G_GUINT64_FORMAT " bytes, and the widest "
        "load needs %d. Use a larger %s.",
        whole, size, MMIO_LOADS_ALIGN, report->bar < 0 ? "file" : "BAR");
  else if (line + MMIO_LOADS_ALIGN > size)
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot measure from byte %" G_GUINT64_FORMAT " of %s: it has no %d "
        "bytes there that begin at a multiple of %d, which the widest load "
        "needs. Set --offset to %" G_GUINT64_FORMAT " or less.", start, whole,
        MMIO_LOADS_ALIGN, MMIO_LOADS_ALIGN,
        size / MMIO_LOADS_ALIGN * MMIO_LOADS_ALIGN - MMIO_LOADS_ALIGN);
  else if (report->has_frame && report->config->length == 0)
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot measure the frame of %u x %u: it has no %d bytes that begin at "
        "a multiple of %d, which the widest load needs. Increase --width and "
        "--height, or set --length to %" G_GUINT64_FORMAT " or more.",
        report->layout.width, report->layout.height, MMIO_LOADS_ALIGN,
        MMIO_LOADS_ALIGN, line + MMIO_LOADS_ALIGN - start);
  else
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot measure the range: it has no %d bytes that begin at a multiple "
        "of %d, which the widest load needs. Set --length to %"
        G_GUINT64_FORMAT " or more.", MMIO_LOADS_ALIGN, MMIO_LOADS_ALIGN,
        line + MMIO_LOADS_ALIGN - start);
}

/* Finds the whole lines of the range, which the widest loads need */
static gboolean
find_lines (MmioProbeReport * report, const MmioRegion * region,
    guint64 start, const guint8 ** data, GError ** error)
{
  const guint8 *first = mmio_region_get_data (region);
  const gsize length = mmio_region_get_length (region);
  const gsize head = -(guintptr) first % MMIO_LOADS_ALIGN;

  if (length < head + MMIO_LOADS_ALIGN) {
    set_no_line_error (error, report, start, start + head);
    return FALSE;
  }

  *data = first + head;
  report->offset = start + head;
  report->length = MIN (length - head, MAX_BYTES) / MMIO_LOADS_ALIGN *
      MMIO_LOADS_ALIGN;
  return TRUE;
}

/* Measures one mapping of the range */
static MmioProbeMap *
measure_map (MmioProbeReport * report, MmioDevice * device, gint * bar,
    const MmioLayout * range, MmioMapping requested, guint widest,
    const MmioProbeBudget * budget, MmioProbeProgress progress,
    gpointer user_data, GError ** error)
{
  g_autoptr (MmioRegion) region = NULL;
  const guint8 *data;
  MmioProbeMap *map;

  region = mmio_device_map (device, bar, range, requested, error);
  if (!region || !find_lines (report, region, range->start, &data, error))
    return NULL;

  map = g_new0 (MmioProbeMap, 1);
  map->requested = requested;
  map->obtained = mmio_region_get_mapping (region);
  map->results = mmio_probe_measure (data, report->length, map->obtained,
      widest, budget, progress, user_data);

  /* Results of a device that was removed meanwhile are discarded */
  if (mmio_device_check (device, *bar, error))
    return map;
  mmio_probe_map_free (map);
  return NULL;
}

static gboolean
measure_maps (MmioProbeReport * report, MmioDevice * device, gint bar,
    const MmioLayout * range, guint widest, MmioProbeProgress progress,
    gpointer user_data, GError ** error)
{
  const gboolean is_pci = mmio_device_has_bars (device);
  const MmioMapping fixed = mmio_device_get_fixed_mapping (device);
  const MmioMapping first = fixed != MMIO_MAPPING_AUTO || !is_pci ? fixed :
      MMIO_MAPPING_UNCACHED;
  const guint n_maps = first == MMIO_MAPPING_UNCACHED &&
      report->is_prefetchable ? 2 : 1;
  const MmioProbeBudget budget = {
    .rounds = report->rounds,
    .time = report->config->seconds * G_TIME_SPAN_SECOND /
        (n_maps * report->rounds * mmio_probe_measure_count ()),
    .bytes = is_pci ? MAX_BYTES : G_MAXUINT64,
  };
  g_autoptr (GError) local = NULL;
  MmioProbeMap *map;

  map = measure_map (report, device, &bar, range, first, widest, &budget,
      progress, user_data, error);
  if (!map)
    return FALSE;
  g_ptr_array_add (report->maps, map);

  if (n_maps == 1)
    return TRUE;

  map = measure_map (report, device, &bar, range,
      MMIO_MAPPING_WRITE_COMBINING, widest, &budget, progress, user_data,
      &local);
  if (!map && g_error_matches (local, MMIO_ERROR, MMIO_ERROR_GONE)) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  if (!map) {
    map = g_new0 (MmioProbeMap, 1);
    map->requested = map->obtained = MMIO_MAPPING_WRITE_COMBINING;
    map->skipped = g_strdup (local->message);
  }
  g_ptr_array_add (report->maps, map);

  return TRUE;
}

/**
 * mmio_probe_run:
 * @config: what to measure; must stay valid as long as the report
 * @device: the device
 * @progress: (nullable): called before each measurement
 * @user_data: for @progress
 *
 * Measures the device and tries importers.
 *
 * Returns: (transfer full) (nullable): the measurements, or NULL with @error set
 */
MmioProbeReport *
mmio_probe_run (const MmioProbeConfig * config, MmioDevice * device,
    MmioProbeProgress progress, gpointer user_data, GError ** error)
{
  g_autoptr (MmioProbeReport) report = g_new0 (MmioProbeReport, 1);
  MmioLayout range = {.start = 0 };
  gint bar = config->bar;
  guint widest;

  report->config = config;
  report->address = g_strdup (mmio_device_get_address (device));
  report->name = g_strdup (mmio_device_get_name (device));
  report->access = mmio_device_get_access_name (device);
  report->bar = -1;
  report->rounds = ROUNDS;
  report->maps =
      g_ptr_array_new_with_free_func ((GDestroyNotify) mmio_probe_map_free);

  if (bar < 0)
    bar = mmio_device_get_fixed_bar (device);
  if (!find_frame (report, device, &bar, error) ||
      !find_range (report, device, &bar, &range, error) ||
      !check_rules (report, device, bar, &widest, error) ||
      !measure_maps (report, device, bar, &range, widest, progress, user_data,
          error))
    return NULL;

  report->import = mmio_probe_import (device, bar, &range,
      report->has_frame ? &report->layout.format : NULL);
  return g_steal_pointer (&report);
}

/**
 * mmio_probe_report_free:
 * @report: (transfer full): a report
 */
void
mmio_probe_report_free (MmioProbeReport * report)
{
  g_free (report->address);
  g_free (report->name);
  g_ptr_array_unref (report->maps);
  g_clear_pointer (&report->import, mmio_probe_import_free);
  g_free (report);
}
