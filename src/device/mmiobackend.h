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
 * Where a header may be looked for, that describes the frame.
 */
typedef enum {
  MMIO_HEADER_NOWHERE,
  MMIO_HEADER_AT_START,
  MMIO_HEADER_IN_BAR,
} MmioHeaderPlace;

/**
 * MmioBackend:
 * @name: its name, as `access` in the statistics has it
 * @access: the same as a value; %MMIO_ACCESS_AUTO if it is not for PCI devices
 * @has_bars: the memory is a device's, in BARs or the like; what has none
 *   counts as BAR 0
 * @part: (nullable): what it has instead of BARs, in a word
 * @header_place: where a header may be
 * @describe: (nullable): fill in what @spec leaves open, and @bar if that
 *   is -1; NULL where the device has no picture of its own making
 * @refresh: (nullable): learn anew how large the memory is, before it is asked
 *   for its picture; NULL where it always is as large as it was
 * @reads_are_free: (nullable): whether reads of the memory cost nothing and have no
 *   side effects; NULL where they may
 * @map: map @length bytes at @offset of a BAR that is known to hold them, the
 *   way that is wanted; errors that can be known before are found before
 *   anything is mapped
 * @can_export: (nullable): whether the kernel may make dma-bufs of the memory, by
 *   what is known without asking it; NULL where @export has to be tried
 * @export: (nullable): make a dma-buf of @length bytes at @offset of a BAR that
 *   is known to hold them, both multiples of a page; returns a descriptor of
 *   the caller's, or -1.  NULL where the device's memory cannot be shared.
 * @open_interrupt: (nullable): make the device's interrupt ready, which is not
 *   done twice; returns a descriptor of the device's that polls as readable
 *   when one has come, or -1.  NULL where there never is an interrupt.
 * @take_interrupts: (nullable): how many have come since the last call; lets
 *   the next one come, and never blocks.  FALSE: there will be no more.
 * @close_interrupt: (nullable): silence the device, as it was before
 *   @open_interrupt, which may follow again
 * @check: (nullable): whether the device is still the one that was opened, with
 *   @bar where it was; cheap, as it is asked before and after each frame, and
 *   first when @bar was mapped.  NULL where it cannot go away.
 * @set_lost_error: (nullable): say why loads of the memory have failed, where
 *   @check finds nothing wrong; %MMIO_ERROR_GONE.  @length: bytes of the maps
 *   that were lost by that and are needed.  NULL where somebody else has taken the memory.
 * @has_memory: (nullable): whether each page of the first @end bytes of the memory
 *   that is mapped can be read; from any thread, and cheap.  NULL where it always can,
 *   or @check says so.
 * @open_request: (nullable): a new eventfd of the caller's by which the kernel
 *   asks for the device, when somebody unplugs it and waits until it is let go;
 *   or -1.  NULL where nobody waits for that.
 * @release: (nullable): close whatever the kernel may wait for.  From any thread,
 *   at any time, once; other functions may be running, and may be called
 *   afterwards, when they fail.
 * @free: free what the back end added, after the last region is unmapped
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
 * @process: whose all of it is; see mmioprocess.h
 * @lock: for the others; not taken in a forked child
 * @regions: (element-type MmioDeviceMap): those that are mapped
 * @removal: (nullable): why the device was let go
 * @on_unmapped: (nullable): called once when nothing is mapped any more
 * @on_unmapped_data: for @on_unmapped
 *
 * What is mapped of a device, by whomever; mmiodevicemaps.c has it.
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
 * @backend: the functions
 * @name: what it is, in words
 * @address: how it is called: PCI address or path; valid UTF-8, as @name
 * @slot: (nullable): where it is on the PCI bus, whatever it is called; NULL if it
 *   is not there
 * @vendor_id, @device_id: what it is on the PCI bus, by which src/describe/ may know
 *   its registers; 0 where it is not known
 * @fixed_bar: the BAR that the address itself names (a resource file), or -1
 * @fixed_mapping: how the address itself says to map it (resourceN_wc), or
 *   %MMIO_MAPPING_AUTO
 * @model: (nullable): what kind of device, as the machine knows it; NULL where
 *   one is as good as another
 * @is_unlinked: its path leads to nothing, and its memory is there; of the last
 *   @check.  Atomic.
 * @interrupt: what @open_interrupt returned, or -1
 * @maps: what is mapped of it
 * @bar: the BARs
 *
 * Back ends put it first into a structure of their own.
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
