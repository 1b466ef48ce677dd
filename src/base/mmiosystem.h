/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>

#include <glib.h>

G_BEGIN_DECLS

#ifdef __cppcheck__
/* cppcheck does not see which variables a call in a statement expression sets */
#define MMIO_RETRY(call) (call)
#else
/* Repeats @call, which returns -1 with errno set, while signals interrupt it.
 * On file systems with a server (FUSE, NFS) any call can be interrupted. */
#define MMIO_RETRY(call) \
  (__extension__ ({ \
    __typeof__ (call) mmio_retry_ret_; \
    do \
      mmio_retry_ret_ = (call); \
    while (mmio_retry_ret_ < 0 && errno == EINTR); \
    mmio_retry_ret_; \
  }))
#endif

gboolean mmio_is_shortage (int errnum);

int mmio_read_file (const char *path, char **text, gsize * length);
int mmio_read_dir (const char *path, GPtrArray ** names);
int mmio_read_link (const char *path, char **target);
int mmio_real_path (const char *path, char **real);

G_END_DECLS
