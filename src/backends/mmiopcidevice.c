/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The part of a PCI device that its back ends share.
 */
#include "backends/mmiopcidevice.h"

#include <string.h>

#include "base/mmioerror.h"
#include "pci/mmiopcistate.h"

/* For back ends: initialises a device that was found */
void
mmio_pci_device_init (MmioPciDevice * pci, const MmioBackend * backend,
    const MmioPciInfo * info)
{
  mmio_device_init (&pci->parent, backend, g_strdup (info->name),
      mmio_address_to_string (&info->slot));

  pci->parent.slot = g_strdup (pci->parent.address);
  pci->parent.vendor_id = info->vendor;
  pci->parent.device_id = info->device;
  pci->parent.model = mmio_pci_info_get_model (info);
  pci->info = *info;
  pci->info.name = NULL;
  memcpy (pci->parent.bar, info->bar, sizeof (info->bar));
}

/* For back ends: frees the members */
void
mmio_pci_device_clear (MmioPciDevice * pci)
{
  g_clear_pointer (&pci->identity, mmio_identity_free);
}

/* For back ends: records the identity of the device before its first map.
 * Another device may be in its place since it was found. */
gboolean
mmio_pci_device_identify (MmioPciDevice * pci, GError ** error)
{
  const char *address = pci->parent.address;
  int errnum;

  if (pci->identity)
    return TRUE;

  pci->identity = mmio_identity_new (address, error);
  if (!pci->identity || mmio_identity_has_ids (pci->identity, pci->info.vendor,
          pci->info.device, &errnum))
    return pci->identity != NULL;

  g_clear_pointer (&pci->identity, mmio_identity_free);
  if (errnum != 0) {
    mmio_pci_set_config_error (error, address, errnum);
    return FALSE;
  }

  mmio_set_error (error, MMIO_ERROR_GONE,
      "Cannot open %s: it was unplugged, or another device is in its place. "
      "List the devices with: lspci -Dnn", address);
  return FALSE;
}

/* For back ends: checks that the device is the one that was identified */
gboolean
mmio_pci_device_check (MmioDevice * device, guint bar, GError ** error)
{
  MmioPciDevice *pci = (MmioPciDevice *) device;

  return mmio_pci_device_identify (pci, error) &&
      mmio_identity_check (pci->identity, bar, error);
}
