/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Back end of character devices whose driver maps memory: /dev/kvmfr0 of Looking
 * Glass, /dev/xdma0_user, /dev/fb0.
 *
 * A device node has no length.  The KVMFR driver reports one.  For other drivers,
 * mmap() shows whether the driver maps as many bytes as the frame needs.
 */
#include "backends/mmiofile.h"

#include <errno.h>
#include <linux/ioctl.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mmioerror.h"
#include "base/mmiosystem.h"

/* From module/kvmfr.h of Looking Glass: returns the size of the device's memory
 * (bytes) */
#define KVMFR_CLASS "kvmfr"
#define KVMFR_DMABUF_GETSIZE _IO ('u', 0x44)

/* Since Linux 5.14 */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

/* Opening or closing a device of these classes changes its state.  A serial
 * line raises DTR, a tape rewinds, a watchdog starts.  The first program that
 * opens a display becomes its DRM master. */
static const char *const active_classes[] = {
  "drm", "scsi_tape", "tty", "watchdog",
};

/* Resolves a link of the device in sysfs.  @base: (out) (transfer full)
 * (nullable): the last part of the target; NULL if there is no link.  Returns:
 * 0, or the errno of a shortage */
static int
get_link (const struct statx *status, const char *link, char **base)
{
  g_autofree char *path = g_strdup_printf ("/sys/dev/char/%u:%u%s",
      status->stx_rdev_major, status->stx_rdev_minor, link);
  g_autofree char *real = NULL;
  const int errnum = mmio_real_path (path, &real);

  *base = real ? g_path_get_basename (real) : NULL;
  return mmio_is_shortage (errnum) ? errnum : 0;
}

/* @class: (out) (transfer full) (nullable): the name of the device's class */
static int
get_class (const struct statx *status, char **class)
{
  return get_link (status, "/subsystem", class);
}

/* The first watchdog has a second node, /dev/watchdog, of the class "misc" */
static gboolean
is_active (const char *class, const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (active_classes); i++) {
    if (g_strcmp0 (class, active_classes[i]) == 0)
      return TRUE;
  }

  return g_strcmp0 (name, "watchdog") == 0;
}

/* For mmiofile.c: checks by sysfs whether a character device may be opened;
 * opens nothing */
gboolean
mmio_chardev_may_open (const struct statx *status, const char *path,
    GError ** error)
{
  g_autofree char *class = NULL;
  g_autofree char *name = NULL;
  int errnum = get_class (status, &class);

  if (errnum == 0)
    errnum = get_link (status, "", &name);
  if (errnum != 0) {
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "realpath",
        "Cannot determine the type of %s; try again.", path);
    return FALSE;
  }

  if (!is_active (class, name))
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot capture %s: it is a terminal, tape, display or watchdog, and "
      "opening it changes its state. Set device to " MMIO_ADDRESS_FORMS ".",
      path);
  return FALSE;
}

static void
set_map_error (GError ** error, const MmioDevice * device, guint64 offset,
    gsize length, int errnum, const char *call)
{
  switch (errnum) {
    case ENODEV:
      mmio_set_system_error (error, MMIO_ERROR_SETTINGS, errnum, call,
          "Cannot map %s: its driver does not support mmap. Set device to "
          MMIO_ADDRESS_FORMS ".", device->address);
      break;
    case EINVAL:
    case ENXIO:
    case EOVERFLOW:
    case EFAULT:
      mmio_set_system_error (error, MMIO_ERROR_SETTINGS, errnum, call,
          "Cannot map %" G_GSIZE_FORMAT " bytes at byte %" G_GUINT64_FORMAT
          " of %s: its driver maps less, or no memory there. Set width, height, "
          "stride and offset to memory that it maps.", length, offset,
          device->address);
      break;
    case EACCES:
    case EPERM:
      mmio_set_system_error (error, MMIO_ERROR_NOT_PERMITTED, errnum, call,
          "Cannot map %s: the kernel or its driver does not permit it; find "
          "the reason with: sudo dmesg", device->address);
      break;
    default:
      mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, call,
          "Cannot map %s; find the reason with: sudo dmesg", device->address);
  }
}

/* Some drivers check the length only when a page is first accessed (fbdev with
 * deferred I/O). madvise() makes the kernel populate the last page, without a
 * load from it.  EFAULT: the driver does not map it.  Other errors: not known in
 * advance. */
static gboolean
has_last_page (const MmioRegion * region)
{
  const gsize page = sysconf (_SC_PAGESIZE);
  gsize length;
  const guint8 *pages = mmio_region_get_pages (region, &length);

  return madvise ((gpointer) (pages + length - page), page,
      MADV_POPULATE_READ) == 0 || errno != EFAULT;
}

static MmioRegion *
map (MmioDevice * device, guint64 offset, gsize length, MmioMapping mapping,
    GError ** error)
{
  const MmioFile *file = (MmioFile *) device;
  MmioRegion *region = mmio_device_map_fd (device, file->fd, offset, length,
      mapping);

  if (!region) {
    set_map_error (error, device, offset, length, errno, "mmap");
    return NULL;
  }

  if (!has_last_page (region)) {
    set_map_error (error, device, offset, length, EFAULT, "madvise");
    mmio_region_unref (region);
    return NULL;
  }

  return region;
}

static MmioRegion *
mmio_chardev_map (MmioDevice * device, guint bar, guint64 offset,
    gsize length, MmioMapping wanted, GError ** error)
{
  if (wanted != MMIO_MAPPING_AUTO && wanted != MMIO_MAPPING_UNCACHED) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot map %s %s: its driver decides how it is mapped. Set mapping to "
        "auto.", device->address, mmio_mapping_get_name (wanted));
    return NULL;
  }

  /* The device may be memory or registers: UNCACHED allows only accesses that
   * suit both */
  return map (device, offset, length, MMIO_MAPPING_UNCACHED, error);
}

static MmioRegion *
mmio_chardev_map_memory (MmioDevice * device, guint bar, guint64 offset,
    gsize length, MmioMapping wanted, GError ** error)
{
  return mmio_device_check_cached (device, wanted, error) ?
      map (device, offset, length, MMIO_MAPPING_CACHED, error) : NULL;
}

/* devtmpfs removes a node with its device, and creates another one when the
 * device returns: the maps are then those of the former device */
static gboolean
mmio_chardev_check (MmioDevice * device, guint bar, GError ** error)
{
  const MmioFile *file = (MmioFile *) device;
  struct statx now;
  int errnum;

  if (file->is_descriptor)
    return TRUE;

  errnum = mmio_file_get_status (-1, file->path, &now);
  if (errnum == ENOENT || errnum == ENOTDIR) {
    mmio_set_error (error, MMIO_ERROR_GONE,
        "Cannot read %s: it was unplugged, or its driver was removed"
        MMIO_START_AGAIN " when it is back.", device->address);
    return FALSE;
  }

  /* A failed check does not mean that the device was replaced */
  if (errnum != 0 || mmio_file_is_same (&now, &file->opened))
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_GONE,
      "Cannot read %s: it was replaced by another device, or its driver was "
      "reloaded" MMIO_START_AGAIN ".", device->address);
  return FALSE;
}

static void
mmio_chardev_set_lost_error (MmioDevice * device, gsize length, GError ** error)
{
  mmio_set_error (error, MMIO_ERROR_GONE,
      "Cannot read %s: its driver removed the memory during the read, or maps "
      "less than the frame needs" MMIO_START_AGAIN " when it is back, or "
      "reduce width and height.", device->address);
}

static const MmioBackend mmio_chardev_backend = {
  .name = "chardev",
  .has_bars = TRUE,
  .part = "map",
  .header_place = MMIO_HEADER_AT_START,
  .map = mmio_chardev_map,
  .check = mmio_chardev_check,
  .set_lost_error = mmio_chardev_set_lost_error,
  .free = mmio_file_free,
};

/* For a device with ordinary memory */
static const MmioBackend mmio_chardev_memory_backend = {
  .name = "chardev",
  .header_place = MMIO_HEADER_AT_START,
  .map = mmio_chardev_map_memory,
  .check = mmio_chardev_check,
  .set_lost_error = mmio_chardev_set_lost_error,
  .free = mmio_file_free,
};

/* The KVMFR driver maps cached pages: of the guest's memory, or of an ivshmem
 * device that the driver maps as memory */
static gboolean
is_kvmfr (const struct statx *status)
{
  g_autofree char *class = NULL;

  return get_class (status, &class) == 0 && g_strcmp0 (class, KVMFR_CLASS) == 0;
}

/* Only for a device of KVMFR: other drivers may give the ioctl number another
 * meaning */
static guint64
get_kvmfr_size (int fd)
{
  const int size = ioctl (fd, KVMFR_DMABUF_GETSIZE);

  return size > 0 ? (guint64) size : MMIO_SIZE_UNKNOWN;
}

/* For mmiofile.c: creates the device and takes ownership of @fd.  The memory
 * counts as BAR 0; there is no other BAR. */
MmioDevice *
mmio_chardev_new (const char *path, int fd, const struct statx *status)
{
  const gboolean is_memory = is_kvmfr (status);
  MmioDevice *device = mmio_file_new (is_memory ? &mmio_chardev_memory_backend :
      &mmio_chardev_backend, "device", path, fd, status);

  device->bar[0].size = is_memory ? get_kvmfr_size (fd) : MMIO_SIZE_UNKNOWN;
  return device;
}
