/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pci/mmiopci.h"

G_BEGIN_DECLS

/**
 * MmioPciEntry:
 * @address: full PCI address
 * @path: directory in /sys/devices
 * @vendor, @device: PCI IDs
 * @class_code: PCI class: base class, subclass and programming interface, a byte
 *   each
 * @names: names of vendor and device
 *
 * A PCI device that an #MmioPciFilter selected.
 */
typedef struct {
  char *address;
  char *path;
  guint16 vendor;
  guint16 device;
  guint32 class_code;
  MmioPciNames names;
} MmioPciEntry;

/**
 * MmioPciFilter:
 * @vendor_id: vendor ID of a PCI device
 * @device_id: its device ID
 * @bar: (out): number of the BAR that it must have
 *
 * Selects devices by their IDs.
 *
 * Returns: whether to list the device if it has @bar
 */
typedef gboolean (*MmioPciFilter) (guint16 vendor_id, guint16 device_id,
    guint * bar);

GPtrArray *mmio_pci_enumerate (MmioPciFilter is_known);

void mmio_pci_entry_free (MmioPciEntry * entry);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioPciEntry, mmio_pci_entry_free)

G_END_DECLS
