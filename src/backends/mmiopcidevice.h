/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the back ends of PCI devices.  No other file includes it. */

#include "device/mmiobackend.h"
#include "pci/mmioidentity.h"

G_BEGIN_DECLS

/**
 * MmioPciDevice:
 * @parent: the device
 * @info: its description by the bus, with a NULL name: the name is in @parent
 * @identity: (nullable): its identity at the first map
 *
 * Back ends embed it as the first member of their own structure.
 */
typedef struct {
  MmioDevice parent;
  MmioPciInfo info;
  MmioIdentity *identity;
} MmioPciDevice;

void mmio_pci_device_init (MmioPciDevice * pci, const MmioBackend * backend,
    const MmioPciInfo * info);
void mmio_pci_device_clear (MmioPciDevice * pci);

gboolean mmio_pci_device_identify (MmioPciDevice * pci, GError ** error);
gboolean mmio_pci_device_check (MmioDevice * device, guint bar,
    GError ** error);

G_END_DECLS
