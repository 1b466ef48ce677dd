/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pci/mmioenumerate.h"

G_BEGIN_DECLS

/**
 * MmioHotplugBusFunc:
 * @address: the device's full PCI address
 * @entry: (nullable): the new device; NULL: it was removed
 * @data: the data of mmio_hotplug_bus_new()
 *
 * Reports that a device was added or removed.
 */
typedef void (*MmioHotplugBusFunc) (const char *address,
    const MmioPciEntry * entry, gpointer data);

/**
 * MmioHotplugBus:
 *
 * Monitors the PCI bus for known devices.
 */
typedef struct _MmioHotplugBus MmioHotplugBus;

MmioHotplugBus *mmio_hotplug_bus_new (MmioPciFilter is_known,
    MmioHotplugBusFunc func, gpointer data, GError ** error);

void mmio_hotplug_bus_free (MmioHotplugBus * bus);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioHotplugBus, mmio_hotplug_bus_free)

G_END_DECLS
