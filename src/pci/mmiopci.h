/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/mmioaddress.h"

G_BEGIN_DECLS

/* Number of BARs of a PCI function; memory without a BAR (a file) counts as BAR 0 */
#define MMIO_MAX_BARS 6

/* Only the driver knows the size, and mmap() checks it.  Larger than any frame. */
#define MMIO_SIZE_UNKNOWN G_MAXUINT64

/**
 * MmioBar:
 * @base: bus address; 0: unknown
 * @size: bytes; 0: the device has no such BAR; or %MMIO_SIZE_UNKNOWN
 * @is_io: it is a range of I/O ports, not memory
 * @is_prefetchable: by the device's description, reads have no side effects
 *
 * A BAR of a PCI device.
 */
typedef struct {
  guint64 base;
  guint64 size;
  gboolean is_io;
  gboolean is_prefetchable;
} MmioBar;

/**
 * MmioPciInfo:
 * @slot: its PCI address
 * @vendor, @device: PCI IDs
 * @subsystem_vendor, @subsystem: IDs of its board; 0xffff: it has none
 * @name: (owned): names of vendor and device, with their IDs
 * @bar: its BARs
 *
 * The description of a PCI device.
 */
typedef struct {
  MmioAddress slot;
  guint16 vendor;
  guint16 device;
  guint16 subsystem_vendor;
  guint16 subsystem;
  char *name;
  MmioBar bar[MMIO_MAX_BARS];
} MmioPciInfo;

/**
 * MmioPciNames:
 * @vendor, @device: (nullable) (owned): names in this system's pci.ids, or
 *   NULL
 * @full: (owned): both names and the IDs; never NULL
 *
 * The names of a PCI device.
 */
typedef struct {
  char *vendor;
  char *device;
  char *full;
} MmioPciNames;

char *mmio_pci_info_get_model (const MmioPciInfo * info);

void mmio_pci_names_init (MmioPciNames * names, guint16 vendor_id,
    guint16 device_id);

void mmio_pci_names_clear (MmioPciNames * names);

gboolean mmio_pci_find (const MmioAddress * address, MmioPciInfo * info,
    GError ** error);

GArray *mmio_pci_list (GError ** error);

void mmio_pci_info_clear (MmioPciInfo * info);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MmioPciInfo, mmio_pci_info_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MmioPciNames, mmio_pci_names_clear)

G_END_DECLS
