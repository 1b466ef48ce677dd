/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Exports ordinary memory as a dma-buf, by the kernel's udmabuf driver.
 */
#include "dmabuf/mmioudmabuf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mmioerror.h"
#include "base/mmiosystem.h"

/* Registered by drivers/dma-buf/udmabuf.c */
#define UDMABUF "/dev/udmabuf"
#define SIZE_LIMIT "/sys/module/udmabuf/parameters/size_limit_mb"
#define MIB ((guint64) 1024 * 1024)

/**
 * mmio_udmabuf_can_share:
 * @memfd: any file
 * @can_share: (out): whether @memfd is a memfd that udmabuf accepts: sealed against
 *   shrinking, and not against writing
 *
 * Checks whether udmabuf accepts a file.
 *
 * Returns: 0 or errno
 */
int
mmio_udmabuf_can_share (int memfd, gboolean * can_share)
{
  const int seals = MMIO_RETRY (fcntl (memfd, F_GET_SEALS));

  *can_share = seals >= 0 && (seals & F_SEAL_SHRINK) &&
      !(seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE));
  /* EINVAL: not a memfd */
  return seals < 0 && errno != EINVAL ? errno : 0;
}

static void
set_open_error (int errnum, const char *address, GError ** error)
{
  g_autofree char *purpose =
      g_strdup_printf (", which makes dma-bufs of memory " "such as that of %s",
      address);

  switch (errnum) {
    case EACCES:
    case EPERM:
      mmio_set_denied_error (error, errnum, UDMABUF, MMIO_FILE_READ_WRITE,
          purpose);
      break;
    case ENOENT:
    case ENODEV:
    case ENXIO:
      mmio_set_system_error (error, MMIO_ERROR_NOT_FOUND, errnum, "open",
          "Cannot open " UDMABUF "%s: there is no such node; load its driver "
          "with: sudo modprobe udmabuf", purpose);
      break;
    default:
      mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "open",
          "Cannot open " UDMABUF "%s" MMIO_USE_COPY, purpose);
  }
}

/* The driver rejects more memory, but its error does not name the limit */
static gboolean
check_limit (guint64 length, const char *address, GError ** error)
{
  const guint64 needed = (length + MIB - 1) / MIB;
  g_autofree char *text = NULL;
  guint64 limit;

  if (mmio_read_file (SIZE_LIMIT, &text, NULL) != 0 ||
      !g_ascii_string_to_unsigned (g_strstrip (text), 10, 0, G_MAXUINT32,
          &limit, NULL) || needed <= limit)
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot export the %" G_GUINT64_FORMAT
      " MiB of %s as a dma-buf: the kernel " "allows only %" G_GUINT64_FORMAT
      "; allow it with: echo %" G_GUINT64_FORMAT " | sudo tee " SIZE_LIMIT,
      needed, address, limit, needed);
  return FALSE;
}

/* The driver rejects a page that extends beyond the end of the file */
static gboolean
check_end (int memfd, guint64 end, const char *address, GError ** error)
{
  struct stat st;

  if (MMIO_RETRY (fstat (memfd, &st)) < 0 || (guint64) st.st_size >= end)
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot export %s as a dma-buf: it ends within the last page of the "
      "frame; make it %" G_GUINT64_FORMAT " bytes long" MMIO_OR_USE_COPY,
      address, end);
  return FALSE;
}

static void
set_create_error (int errnum, const char *address, GError ** error)
{
  /* A sealed file has ordinary or huge pages; only some kernels export huge ones */
  if (errnum == EBADFD)
    mmio_set_system_error (error, MMIO_ERROR_SETTINGS, errnum, "UDMABUF_CREATE",
        "Cannot export the memory of %s as a dma-buf: this kernel cannot export "
        "huge pages" MMIO_USE_COPY, address);
  else if (errnum == ENOMEM)
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "UDMABUF_CREATE",
        "Cannot export the memory of %s as a dma-buf: the kernel has no memory "
        "left" MMIO_USE_COPY, address);
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "UDMABUF_CREATE",
        "Cannot export the memory of %s as a dma-buf" MMIO_USE_COPY, address);
}

/**
 * mmio_udmabuf_export:
 * @memfd: a file accepted by mmio_udmabuf_can_share()
 * @offset: offset in it (bytes, a multiple of the page size)
 * @length: bytes, a multiple of the page size
 * @address: name of the device, for errors
 *
 * Exports a part of a memfd as a dma-buf.
 *
 * Returns: (transfer full): a descriptor, or -1 with @error set
 */
int
mmio_udmabuf_export (int memfd, guint64 offset, guint64 length,
    const char *address, GError ** error)
{
  struct udmabuf_create create = {
    .memfd = memfd,
    .flags = UDMABUF_FLAGS_CLOEXEC,
    .offset = offset,
    .size = length,
  };
  int fd, ret;

  if (!check_limit (length, address, error) ||
      !check_end (memfd, offset + length, address, error))
    return -1;

  fd = MMIO_RETRY (open (UDMABUF, O_RDWR | O_CLOEXEC));
  if (fd < 0) {
    set_open_error (errno, address, error);
    return -1;
  }

  ret = MMIO_RETRY (ioctl (fd, UDMABUF_CREATE, &create));
  if (ret < 0)
    set_create_error (errno, address, error);
  close (fd);

  return ret;
}
