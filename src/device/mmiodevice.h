/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/mmioaddress.h"
#include "map/mmioregion.h"
#include "pci/mmiopci.h"

G_BEGIN_DECLS

/**
 * MmioAccess:
 * @MMIO_ACCESS_AUTO: the best one that works
 * @MMIO_ACCESS_SYSFS: the resource files of /sys/bus/pci
 * @MMIO_ACCESS_VFIO: vfio, for devices that are bound to vfio-pci
 * @MMIO_ACCESS_UIO: UIO, for devices whose driver provides a /dev/uioN
 *
 * How to reach a PCI device.
 */
typedef enum {
  MMIO_ACCESS_AUTO,
  MMIO_ACCESS_SYSFS,
  MMIO_ACCESS_VFIO,
  MMIO_ACCESS_UIO,
} MmioAccess;

/**
 * MmioDevice:
 *
 * A device with a frame in its memory.  Reference counted; its regions hold a
 * reference.
 */
typedef struct _MmioDevice MmioDevice;

/**
 * MmioDeviceFunc:
 * @data: as given with the function
 */
typedef void (*MmioDeviceFunc) (gpointer data);

MmioDevice *mmio_device_ref (MmioDevice * device);
void mmio_device_unref (MmioDevice * device);

const char *mmio_device_get_name (const MmioDevice * device);
const char *mmio_device_get_address (const MmioDevice * device);
const char *mmio_device_get_slot (const MmioDevice * device);
const char *mmio_device_get_access_name (const MmioDevice * device);
MmioAccess mmio_device_get_access (const MmioDevice * device);

gboolean mmio_device_has_bars (const MmioDevice * device);
const char *mmio_device_get_part (const MmioDevice * device);
const MmioBar *mmio_device_get_bar (const MmioDevice * device, guint bar);
gint mmio_device_get_fixed_bar (const MmioDevice * device);
MmioMapping mmio_device_get_fixed_mapping (const MmioDevice * device);

gboolean mmio_device_is_unlinked (const MmioDevice * device);
gboolean mmio_device_check (MmioDevice * device, guint bar, GError ** error);
int mmio_device_open_request (MmioDevice * device);
void mmio_device_revoke (MmioDevice * device, GError * reason);
gboolean mmio_device_is_in_use (MmioDevice * device);
void mmio_device_call_when_unmapped (MmioDevice * device, MmioDeviceFunc func,
    gpointer data);
gboolean mmio_device_check_place (const MmioDevice * device, GError ** error);
gboolean mmio_device_check_same (const MmioDevice * device,
    const MmioDevice * other, GError ** error);

int mmio_device_open_interrupt (MmioDevice * device, GError ** error);
void mmio_device_close_interrupt (MmioDevice * device);
gboolean mmio_device_take_interrupts (MmioDevice * device, guint * count);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioDevice, mmio_device_unref)

G_END_DECLS
