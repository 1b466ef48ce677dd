/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pci/mmioenumerate.h"

G_BEGIN_DECLS

/**
 * MmioHotplugBusFunc:
 * @address: the device's full PCI address
 * @entry: (nullable): the device that has come; NULL: it has gone
 * @data: whoever wants to know
 */
typedef void (*MmioHotplugBusFunc) (const char *address,
    const MmioPciEntry * entry, gpointer data);

/**
 * MmioHotplugBus:
 *
 * Reports which known devices are there, come and go.
 */
typedef struct _MmioHotplugBus MmioHotplugBus;

MmioHotplugBus *mmio_hotplug_bus_new (MmioPciFilter is_known,
    MmioHotplugBusFunc func, gpointer data, GError ** error);

void mmio_hotplug_bus_free (MmioHotplugBus * bus);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioHotplugBus, mmio_hotplug_bus_free)

G_END_DECLS
