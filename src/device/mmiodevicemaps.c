/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All maps of a device.  They are revoked together, also those that others hold.  The
 * unplug of a vfio device waits for that.  Maps of a removed device may access the next
 * device in its place.
 */
#include "device/mmiobackend.h"

#include <errno.h>

#include "base/mmioerror.h"
#include "base/mmioprocess.h"

/* A map.  Owned by its region. */
typedef struct
{
  MmioDevice *device;
  MmioRegion *region;
  guint64 end;                  /* bytes of the file, up to the region's end */
} MmioDeviceMap;

static void
lock (MmioDeviceMaps * maps)
{
  if (mmio_process_is_current (maps->process))
    g_mutex_lock (&maps->lock);
}

static void
unlock (MmioDeviceMaps * maps)
{
  if (mmio_process_is_current (maps->process))
    g_mutex_unlock (&maps->lock);
}

/* For mmiodevice.c */
void
mmio_device_maps_init (MmioDeviceMaps * maps)
{
  maps->process = mmio_process_get ();
  g_mutex_init (&maps->lock);
  maps->regions = g_ptr_array_new ();
}

/* For mmiodevice.c: after the last region is unmapped */
void
mmio_device_maps_clear (MmioDeviceMaps * maps)
{
  g_ptr_array_unref (maps->regions);
  g_clear_error (&maps->removal);
  /* In a forked child it may stay locked */
  if (mmio_process_is_current (maps->process))
    g_mutex_clear (&maps->lock);
}

/* Locking: called with the lock held.  Returns: (nullable): the function to call once
 * without the lock */
static MmioDeviceFunc
take_if_unmapped (MmioDeviceMaps * maps)
{
  MmioDeviceFunc func = NULL;

  if (maps->regions->len == 0) {
    func = maps->on_unmapped;
    maps->on_unmapped = NULL;
  }

  return func;
}

/* The region has been unmapped */
static void
forget_map (gpointer data)
{
  MmioDeviceMap *map = data;
  MmioDeviceMaps *maps = &map->device->maps;
  MmioDeviceFunc func;

  lock (maps);
  g_ptr_array_remove_fast (maps->regions, map);
  func = take_if_unmapped (maps);
  unlock (maps);

  if (func)
    func (maps->on_unmapped_data);
  mmio_device_unref (map->device);
  g_free (map);
}

static gboolean
has_memory (gpointer data)
{
  const MmioDeviceMap *map = data;

  return map->device->backend->has_memory (map->device, map->end);
}

/* For back ends: maps part of a file; the region keeps the device alive.  Returns NULL
 * with errno set, to ENODEV after mmio_device_revoke(). */
MmioRegion *
mmio_device_map_fd (MmioDevice * device, int fd, guint64 offset, gsize length,
    MmioMapping mapping)
{
  const guint64 skip = offset % mmio_pages_get_size (fd);

  return mmio_device_map_fd_within (device, fd, offset - skip, skip, length,
      mapping);
}

/* For back ends: the same for a file that can be mapped only from @start on */
MmioRegion *
mmio_device_map_fd_within (MmioDevice * device, int fd, guint64 start,
    guint64 skip, gsize length, MmioMapping mapping)
{
  MmioDeviceMaps *maps = &device->maps;
  MmioDeviceMap *map = g_new0 (MmioDeviceMap, 1);
  MmioRegion *region = NULL;

  /* No maps during or after a revocation */
  lock (maps);
  if (maps->removal || !mmio_process_is_current (maps->process))
    errno = ENODEV;
  else
    region = mmio_region_map_within (fd, start, skip, length, mapping,
        forget_map, map);
  if (region) {
    map->device = mmio_device_ref (device);
    map->region = region;
    map->end = start + skip + length;
    if (device->backend->has_memory)
      mmio_region_set_check (region, has_memory);
    g_ptr_array_add (maps->regions, map);
  }
  unlock (maps);

  if (!region)
    g_free (map);
  return region;
}

/**
 * mmio_device_revoke:
 * @reason: (transfer full): why, with %MMIO_ERROR_GONE; the error of each later
 *   mmio_device_check()
 *
 * Revokes all maps of the device and returns it to the kernel.  Maps read as zeros, new
 * maps and exports fail, and the kernel revokes dma-bufs of vfio.
 * The device stays revoked; open it again.  The first call sets the reason; later ones
 * revoke maps that a lack of memory has kept.  Does nothing in a forked child.
 *
 * Locking: any thread may call it, also while others read.
 */
void
mmio_device_revoke (MmioDevice * device, GError * reason)
{
  MmioDeviceMaps *maps = &device->maps;
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func
      ((GDestroyNotify) mmio_region_unref);
  gboolean is_first;

  if (!mmio_process_is_current (maps->process)) {
    g_error_free (reason);
    return;
  }

  lock (maps);
  is_first = !maps->removal;
  if (is_first)
    maps->removal = g_steal_pointer (&reason);
  for (guint i = 0; i < maps->regions->len; i++) {
    const MmioDeviceMap *map = g_ptr_array_index (maps->regions, i);
    MmioRegion *region = mmio_region_ref_if_held (map->region);

    if (region)
      g_ptr_array_add (held, region);
  }
  unlock (maps);

  /* The unref of a last reference takes the lock */
  for (guint i = 0; i < held->len; i++)
    mmio_region_revoke (g_ptr_array_index (held, i));
  if (is_first && device->backend->release)
    device->backend->release (device);
  g_clear_error (&reason);
}

/**
 * mmio_device_is_in_use:
 *
 * Locking: any thread may call it.
 *
 * Returns: whether regions are mapped, and the device is not revoked
 */
gboolean
mmio_device_is_in_use (MmioDevice * device)
{
  MmioDeviceMaps *maps = &device->maps;
  gboolean ret;

  lock (maps);
  ret = maps->regions->len > 0 && !maps->removal;
  unlock (maps);

  return ret;
}

/**
 * mmio_device_call_when_unmapped:
 * @func: called once with @data, from the thread that releases the last region, or at
 *   once if there is none
 *
 * Sets the function to call after the last region is unmapped.  There is only one.  The
 * caller holds a reference to the device during the call.
 */
void
mmio_device_call_when_unmapped (MmioDevice * device, MmioDeviceFunc func,
    gpointer data)
{
  MmioDeviceMaps *maps = &device->maps;

  lock (maps);
  g_warn_if_fail (!maps->on_unmapped);
  maps->on_unmapped = func;
  maps->on_unmapped_data = data;
  func = take_if_unmapped (maps);
  unlock (maps);

  if (func)
    func (data);
}

/* For mmiodevice.c: whether the device is not revoked, and belongs to this process.  If
 * not, replaces @error, which is only a consequence. */
gboolean
mmio_device_is_held (MmioDevice * device, GError ** error)
{
  MmioDeviceMaps *maps = &device->maps;
  GError *removal = NULL;

  if (!mmio_process_is_current (maps->process)) {
    g_clear_error (error);
    mmio_set_error (error, MMIO_ERROR_GONE,
        "Cannot use %s: it was opened before this process was forked. Open it "
        "again here.", device->address);
    return FALSE;
  }

  lock (maps);
  if (maps->removal)
    removal = g_error_copy (maps->removal);
  unlock (maps);

  if (!removal)
    return TRUE;
  g_clear_error (error);
  g_propagate_error (error, removal);
  return FALSE;
}

/* Lost memory of a frame or a register reads as zeros, which a counter may also show.
 * Returns: bytes of the needed maps */
static gsize
get_lost_length (MmioDeviceMaps * maps)
{
  gsize ret = 0;

  lock (maps);
  for (guint i = 0; i < maps->regions->len; i++) {
    const MmioDeviceMap *map = g_ptr_array_index (maps->regions, i);

    if (mmio_region_is_needed (map->region) &&
        mmio_region_is_lost (map->region))
      ret += mmio_region_get_map_length (map->region);
  }
  unlock (maps);

  return ret;
}

/* For back ends: the size that the device's memory must have for the needed maps */
guint64
mmio_device_get_needed_end (MmioDevice * device)
{
  MmioDeviceMaps *maps = &device->maps;
  guint64 end = 0;

  lock (maps);
  for (guint i = 0; i < maps->regions->len; i++) {
    const MmioDeviceMap *map = g_ptr_array_index (maps->regions, i);

    if (mmio_region_is_needed (map->region))
      end = MAX (end, map->end);
  }
  unlock (maps);

  return end;
}

/* Sets the error for lost memory of a present device */
static void
set_lost_error (MmioDevice * device, gsize length, GError ** error)
{
  if (device->backend->set_lost_error)
    device->backend->set_lost_error (device, length, error);
  else
    mmio_set_error (error, MMIO_ERROR_GONE,
        "Cannot read %s: its memory was removed during the read, by a bound "
        "driver or a device that was switched off (see sudo dmesg)"
        MMIO_START_AGAIN " when it is free.", device->address);
}

/**
 * mmio_device_check:
 * @bar: a BAR that was mapped
 *
 * Checks whether the device is the one that was opened, and has the BAR where it was.
 * A few system calls, for before and after each frame.
 *
 * Locking: the first call is made after the BAR was mapped; later ones from any thread.
 *
 * Returns: FALSE with %MMIO_ERROR_GONE set if the maps may not be those of the device,
 *   or it is revoked
 */
gboolean
mmio_device_check (MmioDevice * device, guint bar, GError ** error)
{
  gsize lost_length;

  if (!mmio_device_is_held (device, error))
    return FALSE;

  lost_length = get_lost_length (&device->maps);

  /* The error of the removal is better than that of its consequence */
  if (device->backend->check && !device->backend->check (device, bar, error))
    return FALSE;

  /* Unless it was revoked meanwhile */
  if (lost_length == 0 || !mmio_device_is_held (device, error))
    return lost_length == 0;

  set_lost_error (device, lost_length, error);
  return FALSE;
}

/**
 * mmio_device_open_request:
 *
 * Returns: a new eventfd, owned by the caller, by which the kernel requests the device
 *   and waits for its release; or -1 if it never does
 */
int
mmio_device_open_request (MmioDevice * device)
{
  return device->backend->open_request ?
      device->backend->open_request (device) : -1;
}
