/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Back end of PCI devices by the resource files of sysfs.  It maps them itself:
 * libpciaccess silently falls back from one kind of map to another.  It also ignores
 * that a small BAR need not start on a page.
 */
#include "backends/mmiopcidevice.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backends/mmiobackends.h"
#include "base/mmiocpu.h"
#include "base/mmioerror.h"
#include "base/mmiosystem.h"
#include "map/mmiomemtype.h"
#include "pci/mmiopcistate.h"

static void
set_open_error (const MmioDevice * device, const char *path,
    MmioMapping mapping, int errnum, GError ** error)
{
  switch (errnum) {
    case EACCES:
    case EPERM:
      mmio_set_denied_error (error, errnum, path, MMIO_FILE_READ, "");
      break;
    case ENOENT:
      if (mapping == MMIO_MAPPING_WRITE_COMBINING)
        mmio_set_system_error (error, MMIO_ERROR_SETTINGS, errnum, "open",
            "Cannot map %s write-combining: the kernel has no %s; set mapping "
            "to auto or uncached.", device->address, path);
      else
        mmio_set_system_error (error, MMIO_ERROR_NOT_FOUND, errnum, "open",
            "Cannot open %s: there is no such file; check that the device is "
            "listed with: lspci -D -s %s", path, device->address);
      break;
    default:
      mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "open",
          "Cannot open %s; find the reason with: sudo dmesg", path);
  }
}

static void
set_map_error (const MmioDevice * device, guint bar, int errnum,
    GError ** error)
{
  g_autofree char *driver = NULL;

  mmio_pci_get_driver (MMIO_PCI_SYSFS, device->address, &driver);
  if (errnum == EPERM) {
    mmio_set_system_error (error, MMIO_ERROR_NOT_PERMITTED, errnum, "mmap",
        "Cannot map BAR %u of %s: the kernel is locked down; switch Secure "
        "Boot off, or boot without lockdown= (see "
        "/sys/kernel/security/lockdown).", bar, device->address);
  } else if (errnum == EINVAL && driver) {
    mmio_set_system_error (error, MMIO_ERROR_BUSY, errnum, "mmap",
        "Cannot map BAR %u of %s: the driver %s uses it; unbind it with: echo "
        "%s | sudo tee /sys/bus/pci/drivers/%s/unbind (or boot with "
        "iomem=relaxed).", bar,
        device->address, driver, device->address, driver);
  } else if (errnum == EINVAL) {
    mmio_set_system_error (error, MMIO_ERROR_BUSY, errnum, "mmap",
        "Cannot map BAR %u of %s: the kernel uses it (sudo cat /proc/iomem "
        "shows the user); boot with iomem=relaxed.", bar, device->address);
  } else {
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "mmap",
        "Cannot map BAR %u of %s; find the reason with: sudo dmesg", bar,
        device->address);
  }
}

static char *
get_path (const MmioDevice * device, guint bar, MmioMapping mapping)
{
  return g_strdup_printf (MMIO_PCI_SYSFS "/%s/resource%u%s", device->address,
      bar, mapping == MMIO_MAPPING_WRITE_COMBINING ? "_wc" : "");
}

/* Whether the kernel can map the BAR write-combining.  Not all kernels can, and
 * only prefetchable BARs. */
static gboolean
has_write_combining (const MmioPciDevice * pci, guint bar)
{
  g_autofree char *path = get_path (&pci->parent, bar,
      MMIO_MAPPING_WRITE_COMBINING);

  return pci->info.bar[bar].is_prefetchable &&
      g_file_test (path, G_FILE_TEST_EXISTS);
}

/* Chooses the mapping: as wanted, or the one that is read fastest */
static gboolean
choose_mapping (MmioPciDevice * pci, guint bar, MmioMapping wanted,
    MmioMapping * mapping, GError ** error)
{
  if (wanted == MMIO_MAPPING_WRITE_COMBINING &&
      !pci->info.bar[bar].is_prefetchable) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot map BAR %u of %s write-combining: it is not prefetchable, so "
        "the kernel maps it uncached. Set mapping to auto or uncached.", bar,
        pci->parent.address);
    return FALSE;
  }

  /* Write-combining is faster only for streaming loads */
  if (wanted == MMIO_MAPPING_AUTO)
    wanted = mmio_cpu_has_streaming_loads () && !mmio_cpu_is_virtual () &&
        has_write_combining (pci, bar) ? MMIO_MAPPING_WRITE_COMBINING :
        MMIO_MAPPING_UNCACHED;

  *mapping = wanted;
  return TRUE;
}

static MmioRegion *
mmio_sysfs_map (MmioDevice * device, guint bar, guint64 offset, gsize length,
    MmioMapping wanted, GError ** error)
{
  MmioPciDevice *pci = (MmioPciDevice *) device;
  const guint64 page = sysconf (_SC_PAGESIZE);
  const guint64 base = pci->info.bar[bar].base;
  g_autofree char *path = NULL;
  MmioMapping mapping;
  MmioRegion *region;
  int fd;

  if (!choose_mapping (pci, bar, wanted, &mapping, error) ||
      !mmio_pci_check_awake (device->address, error) ||
      !mmio_pci_device_identify (pci, error))
    return NULL;

  path = get_path (device, bar, mapping);
  fd = MMIO_RETRY (open (path, O_RDONLY | O_CLOEXEC));
  if (fd < 0) {
    set_open_error (device, path, mapping, errno, error);
    return NULL;
  }

  /* The file starts at the page that contains the BAR's start; a BAR smaller
   * than a page may start anywhere in it */
  region = mmio_device_map_fd (device, fd, offset + base % page, length,
      mapping);
  if (!region)
    set_map_error (device, bar, errno, error);
  else
    mmio_region_set_mapping (region,
        mmio_memtype_get (base + offset, length, mapping));
  close (fd);

  return region;
}

static void
mmio_sysfs_free (MmioDevice * device)
{
  mmio_pci_device_clear ((MmioPciDevice *) device);
  g_free (device);
}

static const MmioBackend mmio_sysfs_backend = {
  .name = "sysfs",
  .access = MMIO_ACCESS_SYSFS,
  .has_bars = TRUE,
  .header_place = MMIO_HEADER_IN_BAR,
  .map = mmio_sysfs_map,
  .check = mmio_pci_device_check,
  .free = mmio_sysfs_free,
};

/* Creates a PCI device by its resource files, without opening any of them;
 * cannot fail */
MmioDevice *
mmio_sysfs_open (const MmioPciInfo * info, GError ** error)
{
  MmioPciDevice *pci = g_new0 (MmioPciDevice, 1);

  mmio_pci_device_init (pci, &mmio_sysfs_backend, info);
  return &pci->parent;
}

/* Parses the path of a resource file of a PCI device, after resolving links.
 * Such a path is treated as the device's address, with the same checks.
 * Returns: whether it is such a path; FALSE with @error set if that cannot be
 * determined. */
gboolean
mmio_sysfs_parse_path (const char *path, MmioAddress * address, gint * bar,
    MmioMapping * mapping, GError ** error)
{
  g_autofree char *resolved = NULL;
  const int errnum = mmio_real_path (path, &resolved);
  g_autofree char *base = NULL;
  g_autofree char *dir = NULL;
  g_autofree char *slot = NULL;
  gboolean ret = FALSE;

  /* After a shortage, a BAR must not be treated as a file. open() reports other
   * errors. */
  if (mmio_is_shortage (errnum))
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "realpath",
        "Cannot open %s; find the reason with: sudo dmesg", path);
  if (!resolved)
    return FALSE;

  base = g_path_get_basename (resolved);
  dir = g_path_get_dirname (resolved);
  slot = g_path_get_basename (dir);

  if (g_str_has_prefix (resolved, "/sys/devices/") &&
      g_str_has_prefix (base, "resource") &&
      base[8] >= '0' && base[8] < '0' + MMIO_MAX_BARS &&
      (base[9] == '\0' || strcmp (base + 9, "_wc") == 0) &&
      mmio_address_parse (address, slot, NULL) &&
      address->kind == MMIO_ADDRESS_SLOT) {
    *bar = base[8] - '0';
    *mapping = base[9] == '\0' ? MMIO_MAPPING_AUTO :
        MMIO_MAPPING_WRITE_COMBINING;
    ret = TRUE;
  }

  return ret;
}
