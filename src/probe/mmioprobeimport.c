/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the devices that can import a device's memory and show it without a copy.
 * Exports a dma-buf, tries each importer, and queries the displays for the format.
 */
#include "probe/mmioprobeimport.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "backends/mmioopen.h"
#include "base/mmioerror.h"
#include "device/mmiobar.h"
#include "dmabuf/mmiodrm.h"
#include "frame/mmiofourcc.h"

/* Opens a PCI device that is accessed by sysfs again by vfio, which may work
 * too.  If not, its error names the remedy.  Other devices support one access
 * only. */
static MmioDevice *
open_by_vfio (MmioDevice * device, GError ** error)
{
  g_auto (MmioAddress) address = { 0, };

  if (strcmp (mmio_device_get_access_name (device), "sysfs") != 0)
    return mmio_device_ref (device);

  if (!mmio_address_parse (&address, mmio_device_get_address (device), error))
    return NULL;

  return mmio_device_open (&address, MMIO_ACCESS_VFIO, error);
}

static void
query_displays (MmioProbeNode * node, guint32 code)
{
  const char *card = node->importer->card;
  int fd, ret;

  if (!card) {
    node->scanout = MMIO_PROBE_SCANOUT_NO_DISPLAY;
    return;
  }

  fd = mmio_drm_open (card);
  ret = fd >= 0 ? mmio_drm_scans_out (fd, code) : -1;
  if (ret >= 0)
    node->scanout = ret ? MMIO_PROBE_SCANOUT_YES : MMIO_PROBE_SCANOUT_NO;
  else if (fd >= 0 && errno == EOPNOTSUPP)
    node->scanout = MMIO_PROBE_SCANOUT_NO_DISPLAY;
  else
    node->scanout_errno = errno;

  if (fd >= 0)
    close (fd);
}

static gboolean
try_all (MmioProbeImport * import, const MmioDevice * exporter, int dma_buf,
    GError ** error)
{
  import->importers = mmio_import_try_all (dma_buf,
      mmio_device_shares_bars (exporter) ?
      mmio_device_get_address (exporter) : NULL, error);
  if (!import->importers)
    return FALSE;

  import->nodes = g_array_new (FALSE, TRUE, sizeof (MmioProbeNode));

  for (guint i = 0; i < import->importers->len; i++) {
    MmioProbeNode node = {.importer = g_ptr_array_index (import->importers, i)
    };

    if (import->code != 0)
      query_displays (&node, import->code);
    g_array_append_val (import->nodes, node);
  }
  return TRUE;
}

/**
 * mmio_probe_import:
 * @device: the device
 * @bar: the BAR
 * @range: the part of it; only its start and end are used
 * @format: (nullable): the format of the frame in it
 *
 * Exports the pages of the range as a dma-buf, and lets each DRM device of this machine
 * import it and release it.  Nothing is read or shown.  If a PCI device is accessed by
 * sysfs, tries vfio.
 *
 * Returns: (transfer full): the importers, or why there is no dma-buf
 */
MmioProbeImport *
mmio_probe_import (MmioDevice * device, guint bar, const MmioLayout * range,
    const MmioFormat * format)
{
  MmioProbeImport *import = g_new0 (MmioProbeImport, 1);
  g_autoptr (GError) local = NULL;
  g_autoptr (MmioDevice) exporter = NULL;
  g_autofree char *fourcc = NULL;
  guint skip;
  int fd = -1;

  import->code = format ? mmio_fourcc_from_format (format) : 0;
  if (import->code != 0)
    fourcc = mmio_fourcc_to_string (import->code);
  g_strlcpy (import->fourcc, fourcc ? fourcc : "", sizeof (import->fourcc));
  import->is_packed24 = format && (strcmp (format->name, "RGB") == 0 ||
      strcmp (format->name, "BGR") == 0);

  /* The device must stay open: closing it revokes what vfio exports */
  exporter = open_by_vfio (device, &local);
  if (exporter)
    fd = mmio_device_export (exporter, bar, range, &skip, &local);
  if (fd < 0 || !try_all (import, exporter, fd, &local)) {
    /* Each failure sets an error */
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    import->why_not = mmio_error_get_reason (local);
    import->system = g_strdup (mmio_error_get_system (local));
  }
  if (fd >= 0)
    close (fd);

  return import;
}

/**
 * mmio_probe_import_free:
 * @import: (transfer full): the importers
 */
void
mmio_probe_import_free (MmioProbeImport * import)
{
  g_clear_pointer (&import->nodes, g_array_unref);
  g_clear_pointer (&import->importers, g_ptr_array_unref);
  g_free (import->why_not);
  g_free (import->system);
  g_free (import);
}

/* Ranks an importer.  The best is a display that reads the memory itself.  Next
 * is a driver that maps it later, then one that copies, then one without such a
 * display. */
static guint
rank (const MmioProbeNode * node)
{
  if (!node->importer->imports)
    return 0;
  if (node->scanout != MMIO_PROBE_SCANOUT_YES)
    return 1;
  if (node->importer->copies)
    return 2;
  return node->importer->is_late ? 3 : 4;
}

/**
 * mmio_probe_import_find:
 * @import: the importers
 *
 * Returns: (transfer none) (nullable): the importer of the highest rank, the first of
 *   several; NULL if no device imports the memory
 */
const MmioProbeNode *
mmio_probe_import_find (const MmioProbeImport * import)
{
  const MmioProbeNode *best = NULL;

  for (guint i = 0; import->nodes && i < import->nodes->len; i++) {
    const MmioProbeNode *node = &g_array_index (import->nodes, MmioProbeNode,
        i);

    if (rank (node) > (best ? rank (best) : 0))
      best = node;
  }

  return best;
}
