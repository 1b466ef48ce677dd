/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioHotplugDeviceFunc:
 * @is_requested: whether the kernel asks for the device, as somebody unplugs it
 *   or unbinds its driver, and waits until it is let go
 * @data: what mmio_hotplug_device_new() was given
 *
 * Something has happened to the device, or somebody wants it back.
 */
typedef void (*MmioHotplugDeviceFunc) (gboolean is_requested, gpointer data);

/**
 * MmioHotplugDevice:
 *
 * Hears of a device that goes away, or comes, while nobody looks at it.
 */
typedef struct _MmioHotplugDevice MmioHotplugDevice;

MmioHotplugDevice *mmio_hotplug_device_new (const char *address, int request_fd,
    MmioHotplugDeviceFunc func, gpointer data, GError ** error);
void mmio_hotplug_device_free (MmioHotplugDevice * hotplug);

void mmio_hotplug_device_detach (MmioHotplugDevice * hotplug, GDestroyNotify destroy);
void mmio_hotplug_device_end (MmioHotplugDevice * hotplug);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioHotplugDevice, mmio_hotplug_device_free)

G_END_DECLS
