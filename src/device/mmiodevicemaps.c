/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is mapped of a device, and how all of it is let go at once, in whatever
 * hands it is: the kernel waits for that where a device of vfio is unplugged,
 * and what a map of one that has gone shows next may be another device.
 */
#include "device/mmiobackend.h"

#include <errno.h>

#include "base/mmioerror.h"
#include "base/mmioprocess.h"

/* One that is mapped; it is the region's, and ends with it */
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

/* For mmiodevice.c: nothing is mapped any more */
void
mmio_device_maps_clear (MmioDeviceMaps * maps)
{
  g_ptr_array_unref (maps->regions);
  g_clear_error (&maps->removal);
  /* In a child it may be locked for good */
  if (mmio_process_is_current (maps->process))
    g_mutex_clear (&maps->lock);
}

/* Locked.  Returns: (nullable): what is to be called when it is not any more,
 * and not again */
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

/* For back ends: maps part of a file and keeps the device alive for as long.
 * Returns NULL with errno set, which is ENODEV after the device was let go. */
MmioRegion *
mmio_device_map_fd (MmioDevice * device, int fd, guint64 offset, gsize length,
    MmioMapping mapping)
{
  const guint64 skip = offset % mmio_pages_get_size (fd);

  return mmio_device_map_fd_within (device, fd, offset - skip, skip, length,
      mapping);
}

/* For back ends: the same where a file can be mapped from @start on only */
MmioRegion *
mmio_device_map_fd_within (MmioDevice * device, int fd, guint64 start,
    guint64 skip, gsize length, MmioMapping mapping)
{
  MmioDeviceMaps *maps = &device->maps;
  MmioDeviceMap *map = g_new0 (MmioDeviceMap, 1);
  MmioRegion *region = NULL;

  /* Nothing is mapped while all is let go, or after that */
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
 * @reason: (transfer full): why, with %MMIO_ERROR_GONE; what
 *   mmio_device_check() says from now on
 *
 * Takes the device away from everybody in this process, and gives it back to the
 * kernel: what is mapped reads as zeros, nothing more can be mapped or shared,
 * and its dma-bufs are revoked where the kernel does so (vfio).  It does not come
 * back; open the device anew.  For any thread, whoever reads meanwhile.  The first
 * call counts; later ones revoke the maps that a lack of memory has kept.  In a forked
 * child nothing happens: the device is its parent's.
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

  /* The last one to let go of a region takes the lock */
  for (guint i = 0; i < held->len; i++)
    mmio_region_revoke (g_ptr_array_index (held, i));
  if (is_first && device->backend->release)
    device->backend->release (device);
  g_clear_error (&reason);
}

/**
 * mmio_device_is_in_use:
 *
 * For any thread.
 *
 * Returns: whether somebody still has it mapped, and it was not let go
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
 * @func: called once with @data, from whatever thread is the last to let go of a
 *   map, or at once if there is none
 *
 * For the one who waits for the end of all that is mapped of the device; there
 * is no other.  The caller holds a reference of his own meanwhile.
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

/* For mmiodevice.c: whether the device was not let go, and is this process's.  If
 * not, @error says why, in the place of what has failed meanwhile, which is no
 * wonder. */
gboolean
mmio_device_is_held (MmioDevice * device, GError ** error)
{
  MmioDeviceMaps *maps = &device->maps;
  GError *removal = NULL;

  if (!mmio_process_is_current (maps->process)) {
    g_clear_error (error);
    mmio_set_error (error, MMIO_ERROR_GONE,
        "Cannot use %s: it was opened before this process was forked; open it "
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

/* A frame or a register: what was lost reads as zeros, which a counter, say, may
 * show as well.  Returns: bytes of the maps that are needed */
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

/* For back ends: the bytes that the device's memory needs to have, for the maps
 * that are needed */
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

/* Says why the memory of a device that is still there has gone */
static void
set_lost_error (MmioDevice * device, gsize length, GError ** error)
{
  if (device->backend->set_lost_error)
    device->backend->set_lost_error (device, length, error);
  else
    mmio_set_error (error, MMIO_ERROR_GONE,
        "The memory of %s was taken away while it was read, by a driver that "
        "was bound to it or a device that was switched off (dmesg may say "
        "which)" MMIO_START_AGAIN " when it is free.", device->address);
}

/**
 * mmio_device_check:
 * @bar: a BAR that was mapped
 *
 * Asks whether the device is still the one that was opened, and has the BAR
 * where it was; a few system calls, so that it can be asked before and after
 * each frame.  The first time is when the BAR was mapped; from then on any
 * thread may ask.
 *
 * Returns: FALSE with %MMIO_ERROR_GONE set if what a map shows now may not be
 *   the device's, or it was let go
 */
gboolean
mmio_device_check (MmioDevice * device, guint bar, GError ** error)
{
  gsize lost_length;

  if (!mmio_device_is_held (device, error))
    return FALSE;

  lost_length = get_lost_length (&device->maps);

  /* That it has gone says more than what came of it */
  if (device->backend->check && !device->backend->check (device, bar, error))
    return FALSE;

  /* Unless it has just been let go */
  if (lost_length == 0 || !mmio_device_is_held (device, error))
    return lost_length == 0;

  set_lost_error (device, lost_length, error);
  return FALSE;
}

/**
 * mmio_device_open_request:
 *
 * Returns: a new eventfd of the caller's by which the kernel asks for the
 *   device, and waits until it is let go; or -1 if it never does
 */
int
mmio_device_open_request (MmioDevice * device)
{
  return device->backend->open_request ?
      device->backend->open_request (device) : -1;
}
