/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is the same for a PCI device, whatever way leads to it.
 */
#include "mmiopcidevice.h"

#include "mmioknown.h"

/* Finds the device; touches nothing but its configuration space.  Whoever
 * frees the device clears its info. */
gboolean
mmio_pci_device_init (MmioPciDevice * pci, const MmioBackend * backend,
    const MmioAddress * address, GError ** error)
{
  if (!mmio_pci_find (address, &pci->info, error))
    return FALSE;

  mmio_device_init (&pci->parent, backend, g_strdup (pci->info.name),
      mmio_address_to_string (&pci->info.slot));
  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    pci->parent.bar[i].size = pci->info.bar[i].size;
    pci->parent.bar[i].is_io = pci->info.bar[i].is_io;
    pci->parent.bar[i].is_prefetchable = pci->info.bar[i].is_prefetchable;
  }

  return TRUE;
}

/* For back ends: asks the device for what @spec leaves open */
gboolean
mmio_pci_device_describe (MmioDevice * device, gint * bar, MmioSpec * spec,
    GError ** error)
{
  MmioPciDevice *pci = (MmioPciDevice *) device;

  /* Asking costs a look into the device; not where the user has said it all */
  if (spec->width > 0 && spec->height > 0)
    return TRUE;

  return mmio_known_describe (device, pci->info.vendor, pci->info.device, bar,
      spec, error);
}
