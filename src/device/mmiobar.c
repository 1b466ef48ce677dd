/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the BAR of a frame, maps and exports it.
 */
#include "device/mmiobar.h"

#include <unistd.h>

#include "base/mmioerror.h"
#include "device/mmiobackend.h"

/**
 * mmio_device_apply_fixed_bar:
 * @bar: (inout): the BAR that the user names, or -1; replaced by the BAR that the
 *   device's address itself names, if it names one
 *
 * Returns: FALSE with @error set if the two differ
 */
gboolean
mmio_device_apply_fixed_bar (const MmioDevice * device, gint * bar,
    GError ** error)
{
  if (device->fixed_bar < 0)
    return TRUE;

  if (*bar >= 0 && *bar != device->fixed_bar) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use bar=%d: the device property names %s %d of %s. Leave bar "
        "at -1.",
        *bar, mmio_device_get_part (device), device->fixed_bar,
        device->address);
    return FALSE;
  }

  *bar = device->fixed_bar;
  return TRUE;
}

static void
describe_bars (const MmioDevice * device, GString * text)
{
  const char *separator = "";

  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    if (device->bar[i].size == 0)
      continue;
    g_string_append_printf (text, "%s%s %u (%s", separator,
        mmio_device_get_part (device), i,
        device->bar[i].is_io ? "I/O ports, " : "");
    if (device->bar[i].size == MMIO_SIZE_UNKNOWN)
      g_string_append (text, "unknown size)");
    else
      g_string_append_printf (text, "%" G_GUINT64_FORMAT " bytes)",
          device->bar[i].size);
    separator = ", ";
  }

  if (text->len == 0)
    g_string_append_printf (text, "no %s", mmio_device_get_part (device));
}

/* Returns: (transfer full): the start of an error about the end of the frame */
static char *
get_subject (const MmioLayout * layout)
{
  return g_strdup_printf ("Cannot map the %s of %ux%u %s: it ends",
      layout->n_buffers > 1 ? "last frame" : "frame", layout->width,
      layout->height, layout->format.name);
}

/* Further properties that may be wrong */
static const char *
get_more (const MmioLayout * layout)
{
  return layout->n_buffers > 1 ? "buffers, buffer-step, " : "";
}

static gboolean
check_size (const MmioDevice * device, gint bar, const MmioLayout * layout,
    GError ** error)
{
  g_autofree char *subject = NULL, *which = NULL;

  if (layout->end <= device->bar[bar].size)
    return TRUE;

  subject = get_subject (layout);

  if (device->backend->has_bars)
    which = g_strdup_printf ("%s %d of %s", mmio_device_get_part (device), bar,
        device->address);

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "%s at byte %" G_GUINT64_FORMAT ", but %s has only %" G_GUINT64_FORMAT " "
      "bytes. Correct width, height, format, %soffset or stride%s.",
      subject, layout->end, which ? which : device->address,
      device->bar[bar].size, get_more (layout),
      which ? ", or set another bar" : "");
  return FALSE;
}

static gboolean
check_bar (const MmioDevice * device, gint bar, const MmioLayout * layout,
    GError ** error)
{
  g_autoptr (GString) bars = g_string_new (NULL);

  if (!device->backend->has_bars && bar > 0) {
    mmio_set_error (error, MMIO_ERROR_NOT_FOUND,
        "Cannot use bar=%d: %s has no BARs. Leave bar at -1.",
        bar, device->address);
    return FALSE;
  }

  describe_bars (device, bars);

  if (bar >= MMIO_MAX_BARS || device->bar[bar].size == 0) {
    mmio_set_error (error, MMIO_ERROR_NOT_FOUND,
        "Cannot use bar=%d: %s has no %s %d; it has %s. Set bar to one of "
        "these.",
        bar, device->address, mmio_device_get_part (device), bar, bars->str);
    return FALSE;
  }

  if (device->bar[bar].is_io) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot map BAR %d of %s: it is a range of I/O ports, not memory. Set "
        "bar to a memory BAR; the device has %s.", bar, device->address,
        bars->str);
    return FALSE;
  }

  return check_size (device, bar, layout, error);
}

static gint
find_bar (const MmioDevice * device, const MmioLayout * layout, GError ** error)
{
  g_autoptr (GString) bars = g_string_new (NULL);
  g_autofree char *subject = NULL;

  if (!device->backend->has_bars)
    return check_size (device, 0, layout, error) ? 0 : -1;

  for (gint i = 0; i < MMIO_MAX_BARS; i++) {
    if (!device->bar[i].is_io && device->bar[i].size >= layout->end)
      return i;
  }

  subject = get_subject (layout);
  describe_bars (device, bars);
  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "%s at byte %" G_GUINT64_FORMAT ", but no memory %s of %s is that large: "
      "it has %s. Correct width, height, format, %soffset or stride.", subject,
      layout->end, mmio_device_get_part (device), device->address, bars->str,
      get_more (layout));
  return -1;
}

/* The mapping that the address names cannot be overridden */
static gboolean
apply_fixed_mapping (const MmioDevice * device, MmioMapping * wanted,
    GError ** error)
{
  const MmioMapping fixed = device->fixed_mapping;

  if (fixed == MMIO_MAPPING_AUTO || fixed == *wanted)
    return TRUE;

  if (*wanted != MMIO_MAPPING_AUTO) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use mapping=%s: the device's path names BAR %d of %s mapped "
        "%s. Leave mapping at auto.", mmio_mapping_get_name (*wanted),
        device->fixed_bar, device->address, mmio_mapping_get_name (fixed));
    return FALSE;
  }

  *wanted = fixed;
  return TRUE;
}

/* The end of the last row's padding, limited to the BAR */
static guint64
get_end (const MmioDevice * device, guint bar, const MmioLayout * layout)
{
  const guint64 size = device->bar[bar].size;

  return size == MMIO_SIZE_UNKNOWN ? layout->end :
      MAX (layout->end, MIN (mmio_layout_get_extent (layout), size));
}

/**
 * mmio_device_find_bar:
 * @bar: (inout): the BAR; -1 is replaced by the first memory BAR that is large enough
 * @layout: the frame's layout
 *
 * Returns: FALSE with @error set if the frame does not fit
 */
gboolean
mmio_device_find_bar (const MmioDevice * device, gint * bar,
    const MmioLayout * layout, GError ** error)
{
  gint found;

  if (*bar >= 0)
    return check_bar (device, *bar, layout, error);

  found = find_bar (device, layout, error);
  if (found >= 0)
    *bar = found;

  return found >= 0;
}

static MmioRegion *
map (MmioDevice * device, guint bar, guint64 offset, gsize length,
    MmioMapping wanted, GError ** error)
{
  MmioRegion *region = device->backend->map (device, bar, offset, length,
      wanted, error);

  if (!region)
    mmio_device_is_held (device, error);
  return region;
}

/**
 * mmio_device_map:
 * @bar: (inout): as of mmio_device_find_bar()
 * @layout: the frame's layout
 * @wanted: how to map it
 *
 * Maps the part of the BAR from the frame's start to its end read-only, of several
 * buffers the whole range; and the pages that mmio_device_export() exports.
 *
 * Returns: (transfer full) (nullable): the mapped part, or NULL with @error
 *   set
 */
MmioRegion *
mmio_device_map (MmioDevice * device, gint * bar, const MmioLayout * layout,
    MmioMapping wanted, GError ** error)
{
  gint found = *bar;
  MmioRegion *region;
  guint64 length;

  if (!mmio_device_find_bar (device, &found, layout, error) ||
      !apply_fixed_mapping (device, &wanted, error))
    return NULL;

  length = get_end (device, found, layout) - layout->start;
  /* On 32-bit machines a BAR may be larger than the address space */
  if ((gsize) length != length) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot map %" G_GUINT64_FORMAT " bytes of %s: the address space of a "
        "process is too small here. Reduce width, height or length.", length,
        device->address);
    return NULL;
  }

  region = map (device, found, layout->start, length, wanted, error);
  if (region) {
    mmio_region_set_length (region, layout->end - layout->start);
    *bar = found;
  }

  return region;
}

/**
 * mmio_device_map_register:
 * @bar: a BAR
 * @offset: bytes from its start
 * @length: bytes, all of them in the BAR
 *
 * Maps registers uncached: each load is one transaction.
 *
 * Returns: (transfer full) (nullable): the region, or NULL with @error set
 */
MmioRegion *
mmio_device_map_register (MmioDevice * device, guint bar, guint64 offset,
    gsize length, GError ** error)
{
  return map (device, bar, offset, length,
      device->backend->has_bars ? MMIO_MAPPING_UNCACHED : MMIO_MAPPING_AUTO,
      error);
}

/**
 * mmio_device_shares_bars:
 *
 * Returns: whether it is a PCI device whose back end can export its BARs
 */
gboolean
mmio_device_shares_bars (const MmioDevice * device)
{
  return device->backend->has_bars && device->backend->export;
}

/**
 * mmio_device_can_export:
 *
 * Checks the requirements of mmio_device_export() that are known without asking the
 * kernel for a dma-buf.
 *
 * Returns: FALSE with @error set if the memory cannot be exported
 */
gboolean
mmio_device_can_export (MmioDevice * device, GError ** error)
{
  if (device->backend->export)
    return !device->backend->can_export ||
        device->backend->can_export (device, error);

  if (mmio_device_is_pci (device))
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot make a dma-buf of the memory of %s: %s does not support it; "
        "bind the device to vfio-pci and use access=vfio" MMIO_OR_USE_COPY,
        device->address, device->backend->name);
  else
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot make a dma-buf of the memory of %s: the kernel does not "
        "support it" MMIO_USE_COPY, device->address);
  return FALSE;
}

/**
 * mmio_device_export:
 * @bar: the BAR that @layout was mapped from
 * @layout: the frame's layout
 * @skip: (out): bytes from the dma-buf's start to the frame's, less than a page
 *
 * Exports the pages of the frame as a dma-buf that other devices read without a copy.
 * They include the padding of the last row if the BAR has it.  The dma-buf does not keep
 * @device alive, and the kernel revokes it with the last reference to the device.  Hold
 * a reference, or a region, as long as it is used.
 *
 * Returns: a descriptor that the caller closes, or -1 with @error set
 */
int
mmio_device_export (MmioDevice * device, guint bar,
    const MmioLayout * layout, guint * skip, GError ** error)
{
  const guint64 page = sysconf (_SC_PAGESIZE);
  const guint64 first = layout->start / page * page;
  const guint64 end = (get_end (device, bar, layout) + page - 1) / page * page;
  int fd;

  if (!mmio_device_is_held (device, error) ||
      !mmio_device_can_export (device, error))
    return -1;
  fd = device->backend->export (device, bar, first, end - first, error);
  if (fd >= 0)
    *skip = layout->start - first;
  else
    mmio_device_is_held (device, error);

  return fd;
}
