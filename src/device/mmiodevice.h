/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/mmioaddress.h"
#include "frame/mmiopicture.h"
#include "map/mmioregion.h"

G_BEGIN_DECLS

/* PCI has six; what has no BARs (a file) counts as BAR 0 */
#define MMIO_MAX_BARS 6

/* Only the driver knows where the memory ends, and mmap() finds out.  More than
 * any picture needs. */
#define MMIO_SIZE_UNKNOWN G_MAXUINT64

/**
 * MmioBar:
 * @size: bytes; 0: the device has no such BAR; or %MMIO_SIZE_UNKNOWN
 * @is_io: a range of I/O ports, no memory
 * @is_prefetchable: reading it has no side effects, says the device
 */
typedef struct {
  guint64 size;
  gboolean is_io;
  gboolean is_prefetchable;
} MmioBar;

/**
 * MmioAccess:
 * @MMIO_ACCESS_AUTO: the best way that works
 * @MMIO_ACCESS_SYSFS: the resource files of /sys/bus/pci
 * @MMIO_ACCESS_VFIO: vfio, for devices that are bound to vfio-pci
 * @MMIO_ACCESS_UIO: UIO, for devices that are bound to a driver that has a
 *   /dev/uioN for them
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
 * Something that has a picture in its memory.  Reference counted; regions
 * that were mapped from it hold a reference.
 */
typedef struct _MmioDevice MmioDevice;

/**
 * MmioDeviceFunc:
 * @data: what whoever wants to be called has given
 */
typedef void (*MmioDeviceFunc) (gpointer data);

/**
 * MmioMode:
 *
 * What a device says of its picture, and whether it still says so; see
 * mmiomode.h.  One thread asks.
 */
typedef struct _MmioMode MmioMode;

MmioDevice *mmio_device_open (const MmioAddress * address, MmioAccess access,
    GError ** error);

MmioDevice *mmio_device_ref (MmioDevice * device);
void mmio_device_unref (MmioDevice * device);

const char *mmio_device_get_name (const MmioDevice * device);
const char *mmio_device_get_address (const MmioDevice * device);
const char *mmio_device_get_slot (const MmioDevice * device);
const char *mmio_device_get_access (const MmioDevice * device);
MmioAccess mmio_device_get_way (const MmioDevice * device);

gboolean mmio_device_has_bars (const MmioDevice * device);
const char *mmio_device_get_part (const MmioDevice * device);
const MmioBar *mmio_device_get_bar (const MmioDevice * device, guint bar);
gint mmio_device_get_fixed_bar (const MmioDevice * device);
MmioMapping mmio_device_get_fixed_mapping (const MmioDevice * device);

gboolean mmio_device_describe (MmioDevice * device, gint * bar,
    MmioSpec * spec, GError ** error);
gboolean mmio_device_is_unlinked (const MmioDevice * device);
gboolean mmio_device_has_header (MmioDevice * device, gint bar);
gboolean mmio_device_describe_mode (MmioDevice * device, gint * bar,
    MmioSpec * spec, MmioMode ** mode, GError ** error);

gboolean mmio_device_find_bar (const MmioDevice * device, gint * bar,
    const MmioPicture * picture, GError ** error);
MmioRegion *mmio_device_map (MmioDevice * device, gint * bar,
    const MmioPicture * picture, MmioMapping wanted, GError ** error);

MmioRegion *mmio_device_map_register (MmioDevice * device, guint bar,
    guint64 offset, gsize length, GError ** error);

gboolean mmio_device_check (MmioDevice * device, guint bar, GError ** error);
int mmio_device_open_request (MmioDevice * device);
void mmio_device_let_go (MmioDevice * device, GError * reason);
gboolean mmio_device_is_in_use (MmioDevice * device);
void mmio_device_call_when_unmapped (MmioDevice * device, MmioDeviceFunc func,
    gpointer data);
gboolean mmio_device_check_place (const MmioDevice * device, GError ** error);
gboolean mmio_device_check_same (const MmioDevice * device,
    const MmioDevice * other, GError ** error);

gboolean mmio_device_shares_bars (const MmioDevice * device);
gboolean mmio_device_can_export (MmioDevice * device, GError ** error);
int mmio_device_export (MmioDevice * device, guint bar,
    const MmioPicture * picture, guint * skip, GError ** error);

int mmio_device_open_interrupt (MmioDevice * device, GError ** error);
void mmio_device_close_interrupt (MmioDevice * device);
gboolean mmio_device_take_interrupts (MmioDevice * device, guint * count);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioDevice, mmio_device_unref)

G_END_DECLS
