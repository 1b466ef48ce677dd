/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Chooses the back end for an address.  No other file knows them all.
 */
#include "backends/mmioopen.h"

#include "backends/mmiobackends.h"
#include "backends/mmiouionode.h"
#include "backends/mmiovfiogroup.h"
#include "base/mmioerror.h"
#include "base/mmiosystem.h"
#include "pci/mmiopcistate.h"

/**
 * PciBackend:
 * @access: its name in the API
 * @is_usable: (nullable): whether the device is bound to a driver that it needs, and
 *   this process may open it.  Returns 0, or the errno of a shortage.  NULL where it
 *   always is.
 * @open: opens the device by it
 */
typedef struct
{
  MmioAccess access;
  int (*is_usable) (const MmioPciInfo * info, gboolean * is_usable);
  MmioDevice *(*open) (const MmioPciInfo * info, GError ** error);
} PciBackend;

static int
vfio_is_usable (const MmioPciInfo * info, gboolean * is_usable)
{
  g_autofree char *slot = mmio_address_to_string (&info->slot);
  int errnum = mmio_vfio_is_bound (slot, is_usable);

  if (errnum == 0 && *is_usable)
    errnum = mmio_vfio_may_open (MMIO_PCI_SYSFS, slot, is_usable);
  return mmio_is_shortage (errnum) ? errnum : 0;
}

static int
uio_is_usable (const MmioPciInfo * info, gboolean * is_usable)
{
  return mmio_uio_has_all (MMIO_PCI_SYSFS, info, is_usable);
}

/* In the order in which they are tried: vfio and UIO have interrupts */
static const PciBackend pci_backends[] = {
  {MMIO_ACCESS_VFIO, vfio_is_usable, mmio_vfio_open},
  {MMIO_ACCESS_UIO, uio_is_usable, mmio_uio_open},
  {MMIO_ACCESS_SYSFS, NULL, mmio_sysfs_open},
};

/* The next back end is tried if the device cannot be reached by one, but not if another
 * program has it, which may reset it or put it to sleep meanwhile, nor after a
 * shortage, which does not say that it cannot be reached */
static gboolean
may_fall_through (const GError * error)
{
  return !mmio_error_is_shortage (error) &&
      !g_error_matches (error, MMIO_ERROR, MMIO_ERROR_BUSY);
}

/* Returns: (nullable): the device; NULL with @error set if no other back end is to be
 * tried, or without */
static MmioDevice *
try_backend (const PciBackend * backend, const MmioPciInfo * info,
    GError ** error)
{
  g_autoptr (GError) local = NULL;
  gboolean is_usable = FALSE;
  const int errnum = backend->is_usable (info, &is_usable);
  MmioDevice *device;

  if (errnum != 0) {
    g_autofree char *slot = mmio_address_to_string (&info->slot);

    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "read driver",
        "Cannot open %s; dmesg may say why.", slot);
    return NULL;
  }
  if (!is_usable)
    return NULL;

  device = backend->open (info, &local);
  if (!device && may_fall_through (local))
    g_debug ("not by vfio or UIO: %s", local->message);
  else if (!device)
    g_propagate_error (error, g_steal_pointer (&local));
  return device;
}

static MmioDevice *
open_best (const MmioPciInfo * info, GError ** error)
{
  GError *local = NULL;

  /* sysfs can always be tried, and is last */
  for (guint i = 0; i < G_N_ELEMENTS (pci_backends) - 1; i++) {
    MmioDevice *device = try_backend (&pci_backends[i], info, &local);

    if (device)
      return device;
    if (local) {
      g_propagate_error (error, local);
      return NULL;
    }
  }

  return mmio_sysfs_open (info, error);
}

static MmioDevice *
open_pci (const MmioAddress * address, MmioAccess access, GError ** error)
{
  g_auto (MmioPciInfo) info = {.name = NULL };

  if (!mmio_pci_find (address, &info, error))
    return NULL;

  for (guint i = 0; i < G_N_ELEMENTS (pci_backends); i++) {
    if (pci_backends[i].access == access)
      return pci_backends[i].open (&info, error);
  }

  return open_best (&info, error);
}

/* Takes @device, which has one access only: it is no PCI device, or named by its UIO
 * node.  What is wrong with the device itself comes first. */
static MmioDevice *
check_access (MmioDevice * device, MmioAccess access, GError ** error)
{
  static const char *const names[] = { "auto", "sysfs", "vfio", "uio" };

  if (!device || access == MMIO_ACCESS_AUTO
      || access == device->backend->access)
    return device;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot use access=%s: %s is %s; leave access at auto.", names[access],
      device->address, device->backend->access == MMIO_ACCESS_AUTO ?
      "no PCI device" : "a UIO device");
  mmio_device_unref (device);
  return NULL;
}

/* A path is a file, unless it is one of those by which the kernel shows a PCI
 * device */
static MmioDevice *
open_path (const char *path, MmioAccess access, GError ** error)
{
  g_auto (MmioAddress) slot = { 0, };
  g_autofree char *member = NULL;
  g_autoptr (GError) local = NULL;
  g_autofree char *map = NULL;
  MmioMapping mapping;
  MmioDevice *device;
  guint number;
  gint bar;

  if (mmio_sysfs_parse_path (path, &slot, &bar, &mapping, &local)) {
    device = open_pci (&slot, access == MMIO_ACCESS_AUTO ? MMIO_ACCESS_SYSFS :
        access, error);
    if (device) {
      device->fixed_bar = bar;
      device->fixed_mapping = mapping;
    }
    return device;
  }

  if (!local)
    member = mmio_vfio_find_in_group (path, &local);
  if (local) {
    g_propagate_error (error, g_steal_pointer (&local));
    return NULL;
  }
  if (member && mmio_address_parse (&slot, member, NULL))
    return open_pci (&slot, access == MMIO_ACCESS_AUTO ? MMIO_ACCESS_VFIO :
        access, error);

  /* Its maps have numbers of their own, which need not be those of BARs */
  if (mmio_uio_parse_path (path, &number, &map))
    return check_access (mmio_uio_open_path (number, map, error), access,
        error);

  return check_access (mmio_file_open (path, error), access, error);
}

/**
 * mmio_device_open:
 * @address: which device
 * @access: how to reach it; other than %MMIO_ACCESS_AUTO only for a PCI device
 *
 * Finds the device and learns what it is; nothing is mapped.
 *
 * Returns: (transfer full) (nullable): the device, or NULL with @error set
 */
MmioDevice *
mmio_device_open (const MmioAddress * address, MmioAccess access,
    GError ** error)
{
  switch (address->kind) {
    case MMIO_ADDRESS_SIM:
      return check_access (mmio_sim_new (), access, error);
    case MMIO_ADDRESS_PATH:
      return open_path (address->path, access, error);
    case MMIO_ADDRESS_SLOT:
    case MMIO_ADDRESS_ID:
    default:
      return open_pci (address, access, error);
  }
}
