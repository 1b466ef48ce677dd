/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioHotplugDeviceFunc:
 * @is_requested: the kernel requests the device and waits for its release, as it
 *   is being unplugged or its driver unbound
 * @data: the data of mmio_hotplug_device_new()
 *
 * Reports a uevent of the device, or a request for it.
 */
typedef void (*MmioHotplugDeviceFunc) (gboolean is_requested, gpointer data);

/**
 * MmioHotplugDevice:
 *
 * Monitors one device for removal and return.
 */
typedef struct _MmioHotplugDevice MmioHotplugDevice;

MmioHotplugDevice *mmio_hotplug_device_new (const char *address, int request_fd,
    MmioHotplugDeviceFunc func, gpointer data, GError ** error);
void mmio_hotplug_device_free (MmioHotplugDevice * hotplug);

void mmio_hotplug_device_detach (MmioHotplugDevice * hotplug, GDestroyNotify destroy);
void mmio_hotplug_device_end (MmioHotplugDevice * hotplug);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioHotplugDevice, mmio_hotplug_device_free)

G_END_DECLS
