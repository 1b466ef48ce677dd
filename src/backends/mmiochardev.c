/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character devices whose driver maps memory: /dev/kvmfr0 of Looking Glass,
 * /dev/xdma0_user, /dev/fb0.
 *
 * A node has no length.  The driver of KVMFR reports one; of all others, mmap()
 * finds out whether the driver maps as much as the frame needs.
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

/* module/kvmfr.h of Looking Glass: returns the bytes of the device's memory */
#define KVMFR_CLASS "kvmfr"
#define KVMFR_DMABUF_GETSIZE _IO ('u', 0x44)

/* Since Linux 5.14 */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

/* Classes of devices that opening or closing changes: a serial line raises DTR,
 * a tape rewinds, a watchdog starts, and the first opener of a display becomes
 * its DRM master */
static const char *const active_classes[] = {
  "drm", "scsi_tape", "tty", "watchdog",
};

/* @base: (out) (transfer full) (nullable): the last part of the path to which the
 * device's link in sysfs leads; NULL where there is none.  Returns: 0, or the errno of
 * a shortage */
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

/* The oldest of the watchdogs has a second node, of the class "misc" */
static gboolean
is_active (const char *class, const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (active_classes); i++) {
    if (g_strcmp0 (class, active_classes[i]) == 0)
      return TRUE;
  }

  return g_strcmp0 (name, "watchdog") == 0;
}

/* For mmiofile.c: whether a character device may be opened, as sysfs describes
 * it; nothing is opened */
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
        "Cannot find out what %s is; try again.", path);
    return FALSE;
  }

  if (!is_active (class, name))
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot capture %s: it is a terminal, tape, display or watchdog, which "
      "changes when it is opened. Set device to " MMIO_ADDRESS_FORMS ".", path);
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
          "Cannot map %s: the kernel or its driver does not permit it; look "
          "for the reason with: sudo dmesg", device->address);
      break;
    default:
      mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, call,
          "Cannot map %s; look for the reason with: sudo dmesg",
          device->address);
  }
}

/* Some drivers look at the length only when a page is needed for the first time
 * (fbdev with deferred I/O).  The kernel is asked for the last page here, which
 * loads nothing from it.  Other errors say that it does not know in advance. */
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

  /* It may be memory or registers: only what suits both is done with it */
  return map (device, offset, length, MMIO_MAPPING_UNCACHED, error);
}

static MmioRegion *
mmio_chardev_map_memory (MmioDevice * device, guint bar, guint64 offset,
    gsize length, MmioMapping wanted, GError ** error)
{
  return mmio_device_check_cached (device, wanted, error) ?
      map (device, offset, length, MMIO_MAPPING_CACHED, error) : NULL;
}

/* devtmpfs removes a node with its device, and makes a new one when the device
 * is back: what is mapped is the old one's then */
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
        "%s has gone: it was unplugged, or its driver was removed"
        MMIO_START_AGAIN " when it is back.", device->address);
    return FALSE;
  }

  /* A file system that does not answer is no other device */
  if (errnum != 0 || mmio_file_is_same (&now, &file->opened))
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_GONE,
      "%s has been replaced by another device, or its driver was loaded again"
      MMIO_START_AGAIN ".", device->address);
  return FALSE;
}

static void
mmio_chardev_set_lost_error (MmioDevice * device, gsize length, GError ** error)
{
  mmio_set_error (error, MMIO_ERROR_GONE,
      "The driver of %s has taken its memory away while it was read, or maps "
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

/* A device that has ordinary memory */
static const MmioBackend mmio_chardev_memory_backend = {
  .name = "chardev",
  .header_place = MMIO_HEADER_AT_START,
  .map = mmio_chardev_map_memory,
  .check = mmio_chardev_check,
  .set_lost_error = mmio_chardev_set_lost_error,
  .free = mmio_file_free,
};

/* Its pages are cached, of the guest's memory or of an ivshmem device that the
 * driver maps as memory */
static gboolean
is_kvmfr (const struct statx *status)
{
  g_autofree char *class = NULL;

  return get_class (status, &class) == 0 && g_strcmp0 (class, KVMFR_CLASS) == 0;
}

/* Only the driver that defines the number is asked */
static guint64
get_kvmfr_size (int fd)
{
  const int size = ioctl (fd, KVMFR_DMABUF_GETSIZE);

  return size > 0 ? (guint64) size : MMIO_SIZE_UNKNOWN;
}

/* For mmiofile.c: takes @fd.  The memory counts as BAR 0 of a device that has
 * no other. */
MmioDevice *
mmio_chardev_new (const char *path, int fd, const struct statx *status)
{
  const gboolean is_memory = is_kvmfr (status);
  MmioDevice *device = mmio_file_new (is_memory ? &mmio_chardev_memory_backend :
      &mmio_chardev_backend, "device", path, fd, status);

  device->bar[0].size = is_memory ? get_kvmfr_size (fd) : MMIO_SIZE_UNKNOWN;
  return device;
}
