/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Completes the user's description of a frame with that of the device.  It comes from a
 * back end that makes the frame itself, from registers that the device table lists, or
 * from a header.
 */
#include "describe/mmiodescribe.h"

#include "base/mmioerror.h"
#include "describe/mmiodevicetable.h"
#include "describe/mmioheader.h"
#include "device/mmiobackend.h"

/* Whether the registers are within their BAR.  Some variants of a device have
 * none (std VGA with mmio=off). */
static gboolean
fits (const MmioDevice * device, const MmioDescriptorPlace * place)
{
  const gsize length = place->descriptor->length;
  const MmioBar *bar = place->bar < MMIO_MAX_BARS ?
      mmio_device_get_bar (device, place->bar) : NULL;

  return bar && !bar->is_io && bar->size >= length &&
      place->offset <= bar->size - length;
}

static gint
find_prefetchable (const MmioDevice * device)
{
  for (gint i = 0; i < MMIO_MAX_BARS; i++) {
    const MmioBar *bar = mmio_device_get_bar (device, i);

    if (bar->size > 0 && !bar->is_io && bar->is_prefetchable)
      return i;
  }

  return -1;
}

/* Finds the BAR that may have a header, see MmioHeaderPlace.  Returns: the BAR,
 * or -1 */
static gint
find_header_bar (const MmioDevice * device, gint bar)
{
  switch (device->backend->header_place) {
    case MMIO_HEADER_AT_START:
      return 0;
    case MMIO_HEADER_IN_BAR:
      return bar >= 0 ? bar : find_prefetchable (device);
    case MMIO_HEADER_NOWHERE:
    default:
      return -1;
  }
}

/**
 * mmio_describe_find_place:
 * @device: a device
 * @bar: the BAR that the user names, or -1
 * @place: (out): where its descriptor may be
 *
 * Decides by known facts, without access to the device.
 *
 * Returns: FALSE if no place may be read
 */
gboolean
mmio_describe_find_place (const MmioDevice * device, gint bar,
    MmioDescriptorPlace * place)
{
  const MmioDescriptorPlace *known = mmio_device_table_find (device->vendor_id,
      device->device_id);

  if (known) {
    *place = *known;
    /* A header describes the BAR that it is in */
    return fits (device, place) && (known->descriptor !=
        &mmio_header_descriptor || bar < 0 || (guint) bar == known->bar);
  }

  bar = find_header_bar (device, bar);
  if (bar < 0)
    return FALSE;

  *place = (MmioDescriptorPlace) {
  .descriptor = &mmio_header_descriptor,.bar = bar,.frame_bar = bar};
  return fits (device, place);
}

/* Reads the descriptor if the device has one */
static gboolean
read_descriptor (MmioDevice * device, gint * bar, MmioSpec * spec,
    MmioModeWatch ** watch, GError ** error)
{
  MmioDescriptorPlace place;
  gboolean has_frame;

  if (device->backend->refresh)
    device->backend->refresh (device);

  if (!mmio_describe_find_place (device, *bar, &place)) {
    if (!*watch)
      return TRUE;
    mmio_set_error (error, MMIO_ERROR_NO_MODE,
        "Cannot read the description of the frame of %s: the memory is too "
        "short for it. Write it again.", device->address);
    return FALSE;
  }

  if (!*watch)
    *watch = mmio_mode_watch_new (device, &place);
  if (!mmio_mode_watch_read (*watch, bar, spec, &has_frame, error))
    return FALSE;

  if (!has_frame)
    g_clear_pointer (watch, mmio_mode_watch_free);
  return TRUE;
}

/* The page of the manual about the header: installed, or in the source tree */
static const char *
get_header_page (void)
{
  static const char installed[] = MMIO_DOC_DIR "/manual/describing.md";

  return g_file_test (installed, G_FILE_TEST_EXISTS) ? installed :
      "docs/manual/describing.md";
}

static gboolean
complete (MmioDevice * device, gint * bar, MmioSpec * spec,
    MmioModeWatch ** watch, GError ** error)
{
  const gboolean is_open = spec->width == 0 || spec->height == 0;

  if (!mmio_device_apply_fixed_bar (device, bar, error))
    return FALSE;

  if (device->backend->describe &&
      !device->backend->describe (device, bar, spec, error))
    return FALSE;

  /* Read the device only if the user has not set the size */
  if ((spec->width == 0 || spec->height == 0) &&
      !read_descriptor (device, bar, spec, watch, error))
    return FALSE;

  if (spec->width == 0 || spec->height == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot determine the size of the frame of %s (%s). Set width and "
        "height, and format, offset and stride unless it is RGB without "
        "padding at the BAR's start; or let the device describe it in a "
        "header, see %s", device->name, device->address, get_header_page ());
    return FALSE;
  }

  if (spec->format.name[0] == '\0')
    spec->format = *mmio_format_find ("RGB");

  if (is_open)
    g_debug ("%s: %s, %u x %u, offset %" G_GUINT64_FORMAT ", stride %u",
        device->address, spec->format.name, spec->width, spec->height,
        spec->offset, spec->stride);

  return TRUE;
}

/**
 * mmio_describe:
 * @bar: (inout): the BAR of the frame; -1 if not known
 * @spec: (inout): the frame; empty format, zero width, height, stride and offset are
 *   completed
 * @watch: (inout) (optional): NULL; afterwards the descriptor's watch if the device has
 *   a descriptor.  Or the watch of an earlier call, which reads the descriptor again and
 *   is kept also if the device describes no frame at the moment.
 *
 * Completes the user's description of the frame with that of the device.  Reads the
 * device only if width or height are not set.  The default format is RGB.
 *
 * Returns: TRUE with format, width and height set; or FALSE with @error set, to
 *   %MMIO_ERROR_NO_MODE if the device may describe a frame later
 */
gboolean
mmio_describe (MmioDevice * device, gint * bar, MmioSpec * spec,
    MmioModeWatch ** watch, GError ** error)
{
  g_autoptr (MmioModeWatch) own = NULL;

  return complete (device, bar, spec, watch ? watch : &own, error);
}

/**
 * mmio_describe_has_header:
 * @bar: the BAR of the frame
 *
 * Loads the first bytes of the memory, if its reads have no side effects.
 *
 * Returns: whether a header describes the frame
 */
gboolean
mmio_describe_has_header (MmioDevice * device, gint bar)
{
  g_autoptr (MmioRegion) region = NULL;
  MmioDescriptorPlace place;

  if (!device->backend->reads_are_free ||
      !mmio_describe_find_place (device, bar, &place) ||
      place.descriptor != &mmio_header_descriptor ||
      !device->backend->reads_are_free (device))
    return FALSE;

  region = mmio_device_map_register (device, place.bar, place.offset,
      place.descriptor->length, NULL);
  return region && mmio_header_is_at (mmio_region_get_data (region));
}
