/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "testmemfd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fixtures/helper.h"

void
test_memfd_init (TestMemfd * memfd, guint n_pages, int seals, guint32 seed)
{
  memfd->size = n_pages * page_size ();
  memfd->data = g_malloc (memfd->size);
  fill_random (memfd->data, memfd->size, seed);

  memfd->fd = memfd_create (TEST_MEMFD, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  fail_unless (memfd->fd >= 0, "memfd_create: %s", g_strerror (errno));
  fail_unless (ftruncate (memfd->fd, memfd->size) == 0);
  fail_unless (pwrite (memfd->fd, memfd->data, memfd->size, 0) ==
      (gssize) memfd->size);
  fail_unless (seals == 0 || fcntl (memfd->fd, F_ADD_SEALS, seals) == 0);

  memfd->path = g_strdup_printf ("/proc/%d/fd/%d", getpid (), memfd->fd);
}

/* As the device does, under whoever has it mapped */
void
test_memfd_write (TestMemfd * memfd, gsize offset, const guint8 * data,
    gsize size)
{
  fail_unless (offset + size <= memfd->size);
  fail_unless (pwrite (memfd->fd, data, size, offset) == (gssize) size);
  memcpy (memfd->data + offset, data, size);
}

/* Nobody else has written to it */
void
test_memfd_check (const TestMemfd * memfd)
{
  g_autofree guint8 *content = g_malloc (memfd->size);

  fail_unless (pread (memfd->fd, content, memfd->size, 0) ==
      (gssize) memfd->size);
  fail_unless (memcmp (content, memfd->data, memfd->size) == 0);
}

void
test_memfd_clear (TestMemfd * memfd)
{
  close (memfd->fd);
  g_free (memfd->path);
  g_free (memfd->data);
}

static struct rlimit before;

void
limit_fds (guint n)
{
  struct rlimit limit;
  guint n_free = 0;
  int fd = 0;

  fail_unless (getrlimit (RLIMIT_NOFILE, &limit) == 0);
  if (before.rlim_cur == 0)
    before = limit;

  /* New ones get the lowest numbers, and the limit is one of numbers */
  for (; n_free < n || fcntl (fd, F_GETFD) >= 0; fd++)
    n_free += fcntl (fd, F_GETFD) < 0;
  limit.rlim_cur = fd;
  fail_unless (setrlimit (RLIMIT_NOFILE, &limit) == 0);
}

void
unlimit_fds (void)
{
  fail_unless (before.rlim_cur == 0 || setrlimit (RLIMIT_NOFILE, &before) == 0);
  before.rlim_cur = 0;
}
