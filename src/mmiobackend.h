/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What back ends and mmiodevice.c tell each other.  Nobody else includes this,
 * but mmioknown.c, which helps back ends. */

#include "mmiodevice.h"
#include "mmiopci.h"

G_BEGIN_DECLS

/**
 * MmioBackend:
 * @access: what `access` says of it
 * @has_bars: a PCI device; what has no BARs counts as BAR 0
 * @describe: (nullable): fill in what @spec leaves open, and @bar if that
 *   is -1; NULL where the device cannot tell
 * @map: map @length bytes at @offset of a BAR that is known to hold them, the
 *   way that is wanted; errors that can be known before are found before
 *   anything is mapped
 * @export: (nullable): make a dma-buf of @length bytes at @offset of a BAR that
 *   is known to hold them, both multiples of a page; returns a descriptor of
 *   the caller's, or -1.  NULL where the device's memory cannot be shared.
 * @free: free what the back end added, after the last region is unmapped
 */
typedef struct {
  const char *access;
  gboolean has_bars;
  gboolean (*describe) (MmioDevice * device, gint * bar, MmioSpec * spec,
      GError ** error);
  MmioRegion *(*map) (MmioDevice * device, guint bar, guint64 offset,
      gsize length, MmioMapping wanted, GError ** error);
  int (*export) (MmioDevice * device, guint bar, guint64 offset,
      guint64 length, GError ** error);
  void (*free) (MmioDevice * device);
} MmioBackend;

/**
 * MmioDevice:
 * @backend: the functions
 * @name: what it is, in words
 * @address: how it is called: PCI address or path
 * @fixed_bar: the BAR that the address itself names (a resource file), or -1
 * @fixed_mapping: how the address itself says to map it (resourceN_wc), or
 *   %MMIO_MAPPING_AUTO
 * @bar: the BARs
 *
 * Back ends put it first into a structure of their own.
 */
struct _MmioDevice {
  const MmioBackend *backend;
  gatomicrefcount ref_count;
  char *name;
  char *address;
  gint fixed_bar;
  MmioMapping fixed_mapping;
  MmioBar bar[MMIO_MAX_BARS];
};

void mmio_device_init (MmioDevice * device, const MmioBackend * backend,
    char *name, char *address);

MmioRegion *mmio_device_map_fd (MmioDevice * device, int fd, guint64 offset,
    gsize length, MmioMapping mapping);

gboolean mmio_device_check_cached (MmioDevice * device, MmioMapping wanted,
    GError ** error);

MmioDevice *mmio_sim_new (void);
MmioDevice *mmio_file_open (const char *path, GError ** error);
MmioDevice *mmio_sysfs_open (const MmioPciInfo * info);
MmioDevice *mmio_vfio_open (const MmioPciInfo * info, GError ** error);

gboolean mmio_sysfs_parse_path (const char *path, MmioAddress * address,
    gint * bar, MmioMapping * mapping);

G_END_DECLS
