/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the back ends of regular files and of character devices.  No other
 * file includes it. */

#include "device/mmiobackend.h"

#include <sys/stat.h>

G_BEGIN_DECLS

/**
 * MmioFile:
 * @parent: the device
 * @path: its path, as bytes that need not be UTF-8
 * @fd: the open file
 * @opened: its status when it was opened
 * @is_descriptor: the path names a descriptor of a process (/proc/PID/fd/N)
 *
 * A device with a path.
 */
typedef struct {
  MmioDevice parent;
  char *path;
  int fd;
  struct statx opened;
  gboolean is_descriptor;
} MmioFile;

MmioDevice *mmio_file_new (const MmioBackend * backend, const char *kind,
    const char *path, int fd, const struct statx *status);
void mmio_file_free (MmioDevice * device);

int mmio_file_get_status (int fd, const char *path, struct statx *status);
gboolean mmio_file_is_same (const struct statx *one,
    const struct statx *other);

gboolean mmio_chardev_may_open (const struct statx *status, const char *path,
    GError ** error);
MmioDevice *mmio_chardev_new (const char *path, int fd,
    const struct statx *status);

G_END_DECLS
