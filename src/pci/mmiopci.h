/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/mmioaddress.h"

G_BEGIN_DECLS

/* The BARs of a PCI function; memory that is in no BAR (a file) counts as BAR 0 */
#define MMIO_MAX_BARS 6

/* Only the driver knows where the memory ends, and mmap() finds out.  More than
 * any frame needs. */
#define MMIO_SIZE_UNKNOWN G_MAXUINT64

/**
 * MmioBar:
 * @base: bus address; 0 where it is not known
 * @size: bytes; 0: the device has no such BAR; or %MMIO_SIZE_UNKNOWN
 * @is_io: a range of I/O ports, no memory
 * @is_prefetchable: the device says that reads have no side effects
 */
typedef struct {
  guint64 base;
  guint64 size;
  gboolean is_io;
  gboolean is_prefetchable;
} MmioBar;

/**
 * MmioPciInfo:
 * @slot: where it is plugged in
 * @vendor, @device: what it is
 * @subsystem_vendor, @subsystem: whose board it is on, and which
 * @name: the same in words, owned
 *
 * What the PCI bus says of a device.
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
 * @vendor, @device: (nullable): NULL where this system's pci.ids does not know
 *   them, or has none
 * @full: both, and the numbers; always there
 *
 * What a PCI device is, in words, all owned.
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
