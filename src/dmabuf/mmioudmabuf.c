/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ordinary memory as a dma-buf, by the kernel's udmabuf driver.
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

/* What drivers/dma-buf/udmabuf.c registers */
#define UDMABUF "/dev/udmabuf"
#define SIZE_LIMIT "/sys/module/udmabuf/parameters/size_limit_mb"
#define MIB ((guint64) 1024 * 1024)

/**
 * mmio_udmabuf_can_share:
 * @memfd: any file
 * @can_share: (out): whether @memfd is a memfd that udmabuf takes: it cannot shrink any
 *   more, and is not sealed against writing
 *
 * Returns: 0 or errno
 */
int
mmio_udmabuf_can_share (int memfd, gboolean * can_share)
{
  const int seals = MMIO_RETRY (fcntl (memfd, F_GET_SEALS));

  *can_share = seals >= 0 && (seals & F_SEAL_SHRINK) &&
      !(seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE));
  /* EINVAL: it is no memfd */
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
          "This kernel has no " UDMABUF
          "%s; load it with: sudo modprobe udmabuf", purpose);
      break;
    default:
      mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "open",
          UDMABUF "%s, cannot be opened" MMIO_USE_COPY, purpose);
  }
}

/* The driver makes none that are larger, and does not say why */
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
      "The kernel makes no dma-buf of the %" G_GUINT64_FORMAT " MiB of %s, as "
      "more than %" G_GUINT64_FORMAT " are not allowed; allow it with: echo %"
      G_GUINT64_FORMAT " | sudo tee " SIZE_LIMIT, needed, address, limit,
      needed);
  return FALSE;
}

/* Nor of a page that is not all the file's */
static gboolean
check_end (int memfd, guint64 end, const char *address, GError ** error)
{
  struct stat st;

  if (MMIO_RETRY (fstat (memfd, &st)) < 0 || (guint64) st.st_size >= end)
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "The kernel makes dma-bufs of whole pages, and %s ends within the "
      "picture's last one; make it %" G_GUINT64_FORMAT " bytes long"
      MMIO_OR_USE_COPY, address, end);
  return FALSE;
}

static void
set_create_error (int errnum, const char *address, GError ** error)
{
  /* What has seals is in ordinary pages or in huge ones, which not every
   * kernel's driver takes */
  if (errnum == EBADFD)
    mmio_set_system_error (error, MMIO_ERROR_SETTINGS, errnum, "UDMABUF_CREATE",
        "This kernel makes no dma-buf of huge pages, which the memory of %s "
        "is in" MMIO_USE_COPY, address);
  else if (errnum == ENOMEM)
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "UDMABUF_CREATE",
        "The kernel makes no dma-buf of the memory of %s, as it has no memory "
        "left" MMIO_USE_COPY, address);
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "UDMABUF_CREATE",
        "The kernel makes no dma-buf of the memory of %s" MMIO_USE_COPY,
        address);
}

/**
 * mmio_udmabuf_export:
 * @memfd: what mmio_udmabuf_can_share()
 * @offset: bytes from its start, a multiple of a page
 * @length: bytes, a multiple of a page
 * @address: whose memory it is, for errors
 *
 * Makes a dma-buf of a part of a memfd.
 *
 * Returns: a descriptor that the caller closes, or -1 with @error set
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
