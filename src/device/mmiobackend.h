/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The interface of back ends.  Only back ends, src/device/ and src/describe/ include
 * it. */

#include "device/mmiobar.h"

G_BEGIN_DECLS

/**
 * MmioHeaderPlace:
 * @MMIO_HEADER_NOWHERE: the device has no header
 * @MMIO_HEADER_AT_START: at the start of BAR 0, whose reads have no side effects
 * @MMIO_HEADER_IN_BAR: at the start of the BAR that the user names, or else of the
 *   first prefetchable one: reads of other BARs may have side effects
 *
 * Where a header that describes the frame may be.
 */
typedef enum {
  MMIO_HEADER_NOWHERE,
  MMIO_HEADER_AT_START,
  MMIO_HEADER_IN_BAR,
} MmioHeaderPlace;

/**
 * MmioBackend:
 * @name: its name, the `access` of the statistics
 * @access: the same as a value; %MMIO_ACCESS_AUTO if it is not for PCI devices
 * @has_bars: the device has BARs, or maps like them; other memory counts as BAR 0
 * @part: (nullable): the term for its parts if they are no BARs
 * @header_place: where a header may be
 * @describe: (nullable): completes @spec, and @bar if it is -1; NULL if the back end
 *   does not make the frame itself
 * @refresh: (nullable): updates the size of the memory before it is searched for a
 *   description; NULL if the size is constant
 * @reads_are_free: (nullable): whether reads of the memory have no cost and no side
 *   effects; NULL: they may have
 * @map: maps @length bytes at @offset of a BAR that contains them, as @wanted; finds
 *   all errors that it can before it maps
 * @can_export: (nullable): whether the kernel may make dma-bufs of the memory, as far
 *   as is known without asking the kernel; NULL: only @export shows it
 * @export: (nullable): makes a dma-buf of @length bytes at @offset of a BAR that
 *   contains them, both multiples of a page; returns a descriptor that the caller
 *   owns, or -1.  NULL: the memory cannot be shared.
 * @open_interrupt: (nullable): enables the device's interrupt; called once, or again
 *   after @close_interrupt.  Returns a descriptor that the device owns and that polls
 *   as readable after an interrupt, or -1.  NULL: there is no interrupt.
 * @take_interrupts: (nullable): counts the interrupts since the last call and unmasks
 *   the next one; never blocks.  FALSE: no more will come.
 * @close_interrupt: (nullable): disables the interrupt
 * @check: (nullable): whether the device is the one that was opened, and @bar is where
 *   it was; called after @bar was mapped, and before and after each frame, so it has
 *   to be cheap.  NULL: the device cannot be removed.
 * @set_lost_error: (nullable): sets the error, %MMIO_ERROR_GONE, after loads have
 *   failed although @check finds nothing wrong.  @length: bytes that the lost maps
 *   need.  NULL: another user has taken the memory.
 * @has_memory: (nullable): whether all pages of the first @end bytes of the mapped
 *   memory can be read; cheap, from any thread.  NULL: they always can, or @check
 *   finds out.
 * @open_request: (nullable): returns a new eventfd, owned by the caller, by which the
 *   kernel requests the device while an unplug waits for its release; or -1.  NULL:
 *   there are no such requests.
 * @release: (nullable): closes what the kernel may wait for.  Called once, from any
 *   thread, also while other functions run; calls after it fail.
 * @free: frees the back end's own data, after the last region is unmapped
 */
typedef struct {
  const char *name;
  MmioAccess access;
  gboolean has_bars;
  const char *part;
  MmioHeaderPlace header_place;
  gboolean (*describe) (MmioDevice * device, gint * bar, MmioSpec * spec,
      GError ** error);
  void (*refresh) (MmioDevice * device);
  gboolean (*reads_are_free) (const MmioDevice * device);
  MmioRegion *(*map) (MmioDevice * device, guint bar, guint64 offset,
      gsize length, MmioMapping wanted, GError ** error);
  gboolean (*can_export) (MmioDevice * device, GError ** error);
  int (*export) (MmioDevice * device, guint bar, guint64 offset,
      guint64 length, GError ** error);
  int (*open_interrupt) (MmioDevice * device, GError ** error);
  gboolean (*take_interrupts) (MmioDevice * device, guint * count);
  void (*close_interrupt) (MmioDevice * device);
  gboolean (*check) (MmioDevice * device, guint bar, GError ** error);
  void (*set_lost_error) (MmioDevice * device, gsize length, GError ** error);
  gboolean (*has_memory) (MmioDevice * device, guint64 end);
  int (*open_request) (MmioDevice * device);
  void (*release) (MmioDevice * device);
  void (*free) (MmioDevice * device);
} MmioBackend;

/**
 * MmioDeviceMaps:
 * @process: the owner; see mmioprocess.h
 * @lock: protects the other members; not taken in a forked child
 * @regions: (element-type MmioDeviceMap): the maps
 * @removal: (nullable): why the device was revoked
 * @on_unmapped: (nullable): called once when the last map is gone
 * @on_unmapped_data: for @on_unmapped
 *
 * All maps of a device; see mmiodevicemaps.c.
 */
typedef struct {
  guint process;
  GMutex lock;
  GPtrArray *regions;
  GError *removal;
  MmioDeviceFunc on_unmapped;
  gpointer on_unmapped_data;
} MmioDeviceMaps;

/**
 * MmioDevice:
 * @backend: its back end
 * @name: its name in words, valid UTF-8
 * @address: its PCI address or path, valid UTF-8
 * @slot: (nullable): its PCI address, whatever @address is; NULL if it is not on the
 *   PCI bus
 * @vendor_id, @device_id: its PCI IDs, for the device table; 0 if not known
 * @fixed_bar: the BAR that the address names (a resource file), or -1
 * @fixed_mapping: the mapping that the address names (resourceN_wc), or
 *   %MMIO_MAPPING_AUTO
 * @model: (nullable): its kind, to recognise it after a return; NULL: any kind matches
 * @is_unlinked: the last @check found its path deleted, and its memory present.  Atomic.
 * @interrupt: the result of @open_interrupt, or -1
 * @maps: all maps
 * @bar: the BARs
 *
 * Back ends embed it as the first member of their own structure.
 */
struct _MmioDevice {
  const MmioBackend *backend;
  gatomicrefcount ref_count;
  char *name;
  char *address;
  char *slot;
  guint16 vendor_id;
  guint16 device_id;
  gint fixed_bar;
  MmioMapping fixed_mapping;
  char *model;
  gint is_unlinked;
  int interrupt;
  MmioDeviceMaps maps;
  MmioBar bar[MMIO_MAX_BARS];
};

void mmio_device_init (MmioDevice * device, const MmioBackend * backend,
    char *name, char *address);

gboolean mmio_device_is_pci (const MmioDevice * device);

void mmio_device_maps_init (MmioDeviceMaps * maps);
void mmio_device_maps_clear (MmioDeviceMaps * maps);
gboolean mmio_device_is_held (MmioDevice * device, GError ** error);
guint64 mmio_device_get_needed_end (MmioDevice * device);

MmioRegion *mmio_device_map_fd (MmioDevice * device, int fd, guint64 offset,
    gsize length, MmioMapping mapping);
MmioRegion *mmio_device_map_fd_within (MmioDevice * device, int fd,
    guint64 start, guint64 skip, gsize length, MmioMapping mapping);

gboolean mmio_device_check_cached (MmioDevice * device, MmioMapping wanted,
    GError ** error);

G_END_DECLS
