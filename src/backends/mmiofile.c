/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Back end of regular files: shared memory of a virtual machine on its host, or a
 * dump of a BAR.  Also opens character devices, for mmiochardev.c.
 */
#include "backends/mmiofile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/mmiobackends.h"
#include "base/mmioerror.h"
#include "base/mmiosystem.h"
#include "dmabuf/mmioudmabuf.h"

/* The file may have grown since it was opened, for a frame that it could not
 * hold before */
static void
mmio_file_refresh (MmioDevice * device)
{
  MmioFile *file = (MmioFile *) device;
  struct stat st;

  if (MMIO_RETRY (fstat (file->fd, &st)) == 0)
    device->bar[0].size = st.st_size;
}

/* With huge pages, a read may allocate one of the few that are free */
static gboolean
mmio_file_reads_are_free (const MmioDevice * device)
{
  const MmioFile *file = (const MmioFile *) device;

  return mmio_pages_get_size (file->fd) <= (gsize) sysconf (_SC_PAGESIZE);
}

static void
set_map_error (GError ** error, const MmioFile * file, guint64 offset,
    gsize length, int errnum)
{
  const gsize page = mmio_pages_get_size (file->fd);

  /* mmap() fails unless there are huge pages for all unwritten parts of the map */
  if (errnum == ENOMEM && page > (gsize) sysconf (_SC_PAGESIZE)) {
    g_autofree char *command = mmio_pages_get_command (page,
        offset % page + length);

    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "mmap",
        "Cannot map %s: the kernel has no huge pages left for its unwritten "
        "parts; allocate more with: %s", file->parent.address, command);
    return;
  }

  mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "mmap",
      "Cannot map %s; set device to a file that can be mapped, such as one in "
      "/dev/shm.", file->parent.address);
}

static MmioRegion *
mmio_file_map (MmioDevice * device, guint bar, guint64 offset, gsize length,
    MmioMapping wanted, GError ** error)
{
  MmioFile *file = (MmioFile *) device;
  MmioRegion *region;
  struct stat st;

  if (!mmio_device_check_cached (device, wanted, error))
    return NULL;

  if (MMIO_RETRY (fstat (file->fd, &st)) < 0) {
    set_map_error (error, file, offset, length, errno);
    return NULL;
  }

  /* The file may have shrunk since it was opened */
  if ((guint64) st.st_size < offset + length) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot map %s: it is being truncated" MMIO_START_AGAIN " when it is "
        "complete.", device->address);
    return NULL;
  }

  region = mmio_device_map_fd (device, file->fd, offset, length,
      MMIO_MAPPING_CACHED);
  if (!region)
    set_map_error (error, file, offset, length, errno);

  return region;
}

/* Memory that another program shares by its descriptor, which is /proc/PID/fd/N
 * here, can be exported if it is a sealed memfd */
static gboolean
mmio_file_can_export (MmioDevice * device, GError ** error)
{
  MmioFile *file = (MmioFile *) device;
  gboolean can_share;
  const int errnum = mmio_udmabuf_can_share (file->fd, &can_share);

  if (can_share)
    return TRUE;

  if (errnum != 0)
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "fcntl",
        "Cannot make a dma-buf of %s" MMIO_USE_COPY, device->address);
  else
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot make a dma-buf of %s: it is not a memfd with F_SEAL_SHRINK and "
        "without F_SEAL_WRITE" MMIO_USE_COPY, device->address);
  return FALSE;
}

static int
mmio_file_export (MmioDevice * device, guint bar, guint64 offset,
    guint64 length, GError ** error)
{
  MmioFile *file = (MmioFile *) device;

  return mmio_udmabuf_export (file->fd, offset, length, device->address, error);
}

/* Compares inode, device and time of creation.  A file that is copied up from a
 * lower layer of an overlay keeps its inode number.  A new file may reuse the
 * number of a deleted one.  Both have a later time of creation.  The rdev
 * numbers are 0 for a regular file. */
gboolean
mmio_file_is_same (const struct statx *one, const struct statx *other)
{
  return one->stx_ino == other->stx_ino &&
      one->stx_dev_major == other->stx_dev_major &&
      one->stx_dev_minor == other->stx_dev_minor &&
      one->stx_rdev_major == other->stx_rdev_major &&
      one->stx_rdev_minor == other->stx_rdev_minor &&
      (!(one->stx_mask & other->stx_mask & STATX_BTIME) ||
      (one->stx_btime.tv_sec == other->stx_btime.tv_sec &&
          one->stx_btime.tv_nsec == other->stx_btime.tv_nsec));
}

/* Returns: 0 or errno */
int
mmio_file_get_status (int fd, const char *path, struct statx *status)
{
  return MMIO_RETRY (statx (path ? AT_FDCWD : fd, path ? path : "",
          path ? 0 : AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME,
          status)) == 0 ? 0 : errno;
}

/* Gets the status of the file that the path names now; or of the opened file if
 * the path names a descriptor or no file.  A file without a name is unchanged. */
static gboolean
get_current (MmioFile * file, struct statx *status)
{
  if (!file->is_descriptor) {
    const int errnum = mmio_file_get_status (-1, file->path, status);

    g_atomic_int_set (&file->parent.is_unlinked,
        errnum == ENOENT || errnum == ENOTDIR);
    if (errnum == 0)
      return TRUE;
  }

  return mmio_file_get_status (file->fd, NULL, status) == 0;
}

/* @needed: (out): the size that the maps need.  Returns: how many bytes of it
 * are missing */
static guint64
get_missing (MmioFile * file, guint64 size, guint64 * needed)
{
  *needed = mmio_device_get_needed_end (&file->parent);
  return size < *needed ? *needed - size : 0;
}

static void
set_shorter_error (const MmioFile * file, GError ** error)
{
  mmio_set_error (error, MMIO_ERROR_GONE,
      "Cannot read %s: it became shorter than its frame" MMIO_START_AGAIN " "
      "when it is complete.", file->parent.address);
}

static gboolean
mmio_file_check (MmioDevice * device, guint bar, GError ** error)
{
  MmioFile *file = (MmioFile *) device;
  struct statx now;
  guint64 needed;

  /* A failed check does not mean that the file was replaced */
  if (!get_current (file, &now))
    return TRUE;

  if (!mmio_file_is_same (&now, &file->opened)) {
    mmio_set_error (error, MMIO_ERROR_GONE,
        "Cannot read %s: it was replaced by another file" MMIO_START_AGAIN " "
        "to read that one.", device->address);
    return FALSE;
  }

  /* Loads may not detect it: the rest of the last page reads as zeros, and
   * downstream may read the map instead of this process */
  if (get_missing (file, now.stx_size, &needed) > 0) {
    set_shorter_error (file, error);
    return FALSE;
  }

  return TRUE;
}

static void
mmio_file_set_lost_error (MmioDevice * device, gsize length, GError ** error)
{
  MmioFile *file = (MmioFile *) device;
  const gsize page = mmio_pages_get_size (file->fd);
  struct statx now;
  guint64 needed;

  if (mmio_file_get_status (file->fd, NULL, &now) == 0 &&
      get_missing (file, now.stx_size, &needed) > 0) {
    set_shorter_error (file, error);
    return;
  }

  /* A program that copies a file over this one truncates it first, and may have
   * written it completely since */
  if (page > (gsize) sysconf (_SC_PAGESIZE)) {
    g_autofree char *command = mmio_pages_get_command (page, length);

    mmio_set_error (error, MMIO_ERROR_GONE,
        "Cannot read %s: the kernel has no huge pages left for its unwritten "
        "parts, or it was too short for a moment" MMIO_START_AGAIN " after you "
        "allocate more pages with: %s", device->address, command);
    return;
  }

  mmio_set_error (error, MMIO_ERROR_GONE,
      "Cannot read %s: it was too short for a moment, or its file system is "
      "full or has failed (sudo dmesg may show it)" MMIO_START_AGAIN " when it "
      "is complete.", device->address);
}

/* A load from the last page succeeds even if the file ends within it */
static gboolean
mmio_file_has_memory (MmioDevice * device, guint64 end)
{
  MmioFile *file = (MmioFile *) device;
  const guint64 page = sysconf (_SC_PAGESIZE);
  struct stat st;

  return fstat (file->fd, &st) < 0 ||
      (guint64) st.st_size > (end - 1) / page * page;
}

void
mmio_file_free (MmioDevice * device)
{
  MmioFile *file = (MmioFile *) device;

  close (file->fd);
  g_free (file->path);
  g_free (file);
}

static const MmioBackend mmio_file_backend = {
  .name = "file",
  .refresh = mmio_file_refresh,
  .header_place = MMIO_HEADER_AT_START,
  .reads_are_free = mmio_file_reads_are_free,
  .map = mmio_file_map,
  .can_export = mmio_file_can_export,
  .export = mmio_file_export,
  .check = mmio_file_check,
  .set_lost_error = mmio_file_set_lost_error,
  .has_memory = mmio_file_has_memory,
  .free = mmio_file_free,
};

static void
set_open_error (GError ** error, const char *path, int errnum)
{
  switch (errnum) {
    case ENOENT:
    case ENOTDIR:
      mmio_set_system_error (error, MMIO_ERROR_NOT_FOUND, errnum, "open",
          "Cannot open %s: there is no such file; set device to "
          MMIO_ADDRESS_FORMS ".", path);
      break;
    case EACCES:
    case EPERM:
      mmio_set_denied_error (error, errnum, path, MMIO_FILE_READ, "");
      break;
    case ENODEV:
    case ENXIO:
      mmio_set_system_error (error, MMIO_ERROR_NOT_FOUND, errnum, "open",
          "Cannot open %s: no driver has this device. Load its driver, or set "
          "device to " MMIO_ADDRESS_FORMS ".", path);
      break;
    default:
      mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "open",
          "Cannot open %s; set device to a file that can be read.", path);
  }
}

/* Whether the file is in sysfs or procfs, at any mount point.  A BAR there would
 * be treated as ordinary memory. */
static gboolean
is_kernels (const struct statfs *fs)
{
  return fs->f_type == SYSFS_MAGIC || fs->f_type == PROC_SUPER_MAGIC;
}

/* Whether the path is /proc/PID/fd/N or /dev/fd/N.  The number may later belong
 * to another file. */
static gboolean
is_descriptor (const char *path)
{
  g_autofree char *dir = g_path_get_dirname (path);
  struct statfs fs;

  return MMIO_RETRY (statfs (dir, &fs)) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

static gboolean
check_type (const struct statx *status, const char *path, GError ** error)
{
  if (S_ISREG (status->stx_mode))
    return TRUE;
  if (S_ISCHR (status->stx_mode))
    return mmio_chardev_may_open (status, path, error);

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot map %s: it is neither a regular file nor a character device. Set "
      "device to " MMIO_ADDRESS_FORMS ".", path);
  return FALSE;
}

static gboolean
check_content (int fd, const struct statx *status, const char *path,
    GError ** error)
{
  struct statfs fs;

  if (MMIO_RETRY (fstatfs (fd, &fs)) < 0) {
    set_open_error (error, path, errno);
    return FALSE;
  }

  if (is_kernels (&fs)) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot capture %s: it is a file of sysfs or procfs, not memory. For a "
        "BAR of a PCI device, set device to its address from: lspci -D", path);
    return FALSE;
  }

  if (status->stx_size == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot capture %s: it is empty. Start when it holds a frame, or set "
        "device to another file.", path);
    return FALSE;
  }

  return TRUE;
}

/* For mmiochardev.c and this file: creates a device and takes ownership of @fd.
 * @kind: the first word of its name */
MmioDevice *
mmio_file_new (const MmioBackend * backend, const char *kind,
    const char *path, int fd, const struct statx *status)
{
  MmioFile *file = g_new0 (MmioFile, 1);
  g_autofree char *base = g_path_get_basename (path);

  mmio_device_init (&file->parent, backend, g_strdup_printf ("%s %s", kind,
          base), g_strdup (path));
  file->path = g_strdup (path);
  file->fd = fd;
  file->opened = *status;
  file->is_descriptor = is_descriptor (path);

  return &file->parent;
}

/* Opens a regular file or a character device.  Its memory counts as BAR 0; there
 * is no other BAR. */
MmioDevice *
mmio_file_open (const char *path, GError ** error)
{
  struct statx status = { 0, };
  MmioDevice *device;
  int fd, errnum;

  /* Checked before open(), which has side effects on other kinds of file: a
   * pipe waits for its other end, a watchdog starts */
  errnum = mmio_file_get_status (-1, path, &status);
  if (errnum != 0) {
    set_open_error (error, path, errnum);
    return NULL;
  }

  if (!check_type (&status, path, error))
    return NULL;

  fd = MMIO_RETRY (open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  errnum = fd < 0 ? errno : mmio_file_get_status (fd, NULL, &status);
  if (errnum != 0) {
    set_open_error (error, path, errnum);
    if (fd >= 0)
      close (fd);
    return NULL;
  }

  /* The path may name another file since the first check */
  if (!check_type (&status, path, error)) {
    close (fd);
    return NULL;
  }

  if (S_ISCHR (status.stx_mode))
    return mmio_chardev_new (path, fd, &status);

  if (!check_content (fd, &status, path, error)) {
    close (fd);
    return NULL;
  }

  device = mmio_file_new (&mmio_file_backend, "file", path, fd, &status);
  device->bar[0].size = status.stx_size;
  return device;
}
