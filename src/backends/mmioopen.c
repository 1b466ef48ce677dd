/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Chooses the back end for an address.  This is the only file that knows all of them.
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
 * @access: its value in the API
 * @is_usable: (nullable): whether the device is bound to the driver that the back end
 *   needs, and this process may open it.  Returns 0, or the errno of a shortage.  NULL:
 *   always usable.
 * @open: opens the device by this back end
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

/* In the order of preference: vfio and UIO support interrupts */
static const PciBackend pci_backends[] = {
  {MMIO_ACCESS_VFIO, vfio_is_usable, mmio_vfio_open},
  {MMIO_ACCESS_UIO, uio_is_usable, mmio_uio_open},
  {MMIO_ACCESS_SYSFS, NULL, mmio_sysfs_open},
};

/* Whether another back end may be tried after a failure.  Not if another program
 * uses the device, since that program may reset it or suspend it at any time.
 * Not after a shortage, which says nothing about the device. */
static gboolean
may_fall_through (const GError * error)
{
  return !mmio_error_is_shortage (error) &&
      !g_error_matches (error, MMIO_ERROR, MMIO_ERROR_BUSY);
}

/* Returns: (nullable): the device; NULL without @error if another back end may
 * be tried, or with @error set if not */
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
        "Cannot open %s; find the reason with: sudo dmesg", slot);
    return NULL;
  }
  if (!is_usable)
    return NULL;

  device = backend->open (info, &local);
  if (!device && may_fall_through (local))
    g_debug ("Cannot use vfio or UIO: %s", local->message);
  else if (!device)
    g_propagate_error (error, g_steal_pointer (&local));
  return device;
}

static MmioDevice *
open_best (const MmioPciInfo * info, GError ** error)
{
  GError *local = NULL;

  /* sysfs is the last entry and needs no test */
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

/* Takes ownership of @device, which supports one access only: it is not a PCI
 * device, or is named by its UIO node.  An error of the device itself takes
 * precedence. */
static MmioDevice *
check_access (MmioDevice * device, MmioAccess access, GError ** error)
{
  static const char *const names[] = { "auto", "sysfs", "vfio", "uio" };

  if (!device || access == MMIO_ACCESS_AUTO
      || access == device->backend->access)
    return device;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot use access=%s: %s is %s. Leave access at auto.", names[access],
      device->address, device->backend->access == MMIO_ACCESS_AUTO ?
      "not a PCI device" : "a UIO device");
  mmio_device_unref (device);
  return NULL;
}

/* Opens a path: a file, unless it is a path by which the kernel presents a PCI
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

  /* The numbers of UIO maps need not be those of BARs */
  if (mmio_uio_parse_path (path, &number, &map))
    return check_access (mmio_uio_open_path (number, map, error), access,
        error);

  return check_access (mmio_file_open (path, error), access, error);
}

/**
 * mmio_device_open:
 * @address: the device
 * @access: how to access it; %MMIO_ACCESS_AUTO unless it is a PCI device
 *
 * Finds the device and reads its description from the system.  Maps nothing.
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
