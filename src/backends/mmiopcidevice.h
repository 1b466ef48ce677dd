/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the back ends of PCI devices have in common.  Nobody else includes
 * this. */

#include "device/mmiobackend.h"
#include "pci/mmioidentity.h"

G_BEGIN_DECLS

/**
 * MmioPciDevice:
 * @parent: the device
 * @info: what the bus says of it; its name is in @parent
 * @identity: what it was when it was first mapped, or NULL
 *
 * Back ends put it first into a structure of their own.
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
