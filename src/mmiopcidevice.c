/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is the same for a PCI device, whatever way leads to it.
 */
#include "mmiopcidevice.h"

#include "mmioknown.h"

/* For back ends: begins a device that was found */
void
mmio_pci_device_init (MmioPciDevice * pci, const MmioBackend * backend,
    const MmioPciInfo * info)
{
  mmio_device_init (&pci->parent, backend, g_strdup (info->name),
      mmio_address_to_string (&info->slot));

  pci->parent.model = g_strdup_printf ("%04x:%04x:%04x:%04x", info->vendor,
      info->device, info->subsystem_vendor, info->subsystem);
  pci->info = *info;
  pci->info.name = NULL;
  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    pci->parent.bar[i].size = info->bar[i].size;
    pci->parent.bar[i].is_io = info->bar[i].is_io;
    pci->parent.bar[i].is_prefetchable = info->bar[i].is_prefetchable;
  }
}

/* For back ends: ends it */
void
mmio_pci_device_clear (MmioPciDevice * pci)
{
  g_clear_pointer (&pci->identity, mmio_identity_free);
}

/* For back ends: whether it is still what it was */
gboolean
mmio_pci_device_check (MmioDevice * device, guint bar, GError ** error)
{
  MmioPciDevice *pci = (MmioPciDevice *) device;

  if (!pci->identity)
    pci->identity = mmio_identity_new (device->address, bar, error);

  return pci->identity && mmio_identity_check (pci->identity, error);
}

/* For back ends: where the device may tell of its picture */
gboolean
mmio_pci_device_find_teller (const MmioDevice * device, gint bar,
    MmioTellerPlace * place)
{
  const MmioPciDevice *pci = (const MmioPciDevice *) device;

  return mmio_known_find (device, pci->info.vendor, pci->info.device, bar,
      place);
}
