/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A sealed memfd, which stands in for the memory of a device that dma-bufs can
 * be made of; and a process that runs out of descriptors. */

#include <glib.h>

G_BEGIN_DECLS

/* Maps and descriptors have it in their names */
#define TEST_MEMFD "mmiovid-test-bar"

/**
 * TestMemfd:
 * @fd: the memfd
 * @path: what `device` opens it by, in any process
 * @data: what is in it
 * @size: bytes; whole pages
 */
typedef struct
{
  int fd;
  char *path;
  guint8 *data;
  gsize size;
} TestMemfd;

void test_memfd_init (TestMemfd * memfd, guint n_pages, int seals,
    guint32 seed);
void test_memfd_write (TestMemfd * memfd, gsize offset, const guint8 * data,
    gsize size);
void test_memfd_check (const TestMemfd * memfd);
void test_memfd_clear (TestMemfd * memfd);

/* Lets the process open so many more descriptors, and then again as many as
 * before, if it does not already */
void limit_fds (guint n);
void unlimit_fds (void);

G_END_DECLS
