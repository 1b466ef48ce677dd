/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pci/mmiopci.h"

G_BEGIN_DECLS

/**
 * MmioPciEntry:
 * @address: its full PCI address
 * @path: its directory in /sys/devices
 * @vendor, @device: what it is
 * @class_code: its PCI class: base class, subclass, programming interface, a
 *   byte each
 * @names: what it is, in words
 *
 * A PCI device that is known to describe its frame.
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
 * @vendor_id: of a PCI device
 * @device_id: likewise
 * @bar: (out): the BAR that it needs
 *
 * Returns: whether the device is listed if it has that BAR
 */
typedef gboolean (*MmioPciFilter) (guint16 vendor_id, guint16 device_id,
    guint * bar);

GPtrArray *mmio_pci_enumerate (MmioPciFilter is_known);

void mmio_pci_entry_free (MmioPciEntry * entry);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioPciEntry, mmio_pci_entry_free)

G_END_DECLS
