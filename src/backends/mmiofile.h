/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the back ends of regular files and of character devices share.  No other
 * file includes this. */

#include "device/mmiobackend.h"

#include <sys/stat.h>

G_BEGIN_DECLS

/**
 * MmioFile:
 * @parent: the device
 * @path: its path, which need not be text
 * @fd: the open file
 * @opened: what was opened
 * @is_descriptor: the path names a descriptor of a process (/proc/PID/fd/N)
 *
 * Back ends put it first into a structure of their own, or use it as it is.
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
