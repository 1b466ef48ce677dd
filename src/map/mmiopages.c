/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pages in which files are mapped.  Those of a file on hugetlbfs, as the
 * memory of virtual machines often is, are larger than the machine's, and the
 * kernel does nothing by halves there: maps begin at such a page, and what is
 * unmapped, or put in the place of a map, ends with one (mmap(2), "Huge page
 * (Huge TLB) mappings").
 */
#include "map/mmiopages.h"

#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mmiosystem.h"

/* Documentation/admin-guide/mm/hugetlbpage.rst; its name has the size in KiB */
#define COUNT_FORMAT "/sys/kernel/mm/hugepages/hugepages-%" G_GSIZE_FORMAT \
    "kB/nr_hugepages"

/**
 * mmio_pages_get_size:
 * @fd: any descriptor
 *
 * Returns: bytes of a page of the file: the machine's, if it is not on hugetlbfs
 */
gsize
mmio_pages_get_size (int fd)
{
  const gsize page = sysconf (_SC_PAGESIZE);
  struct statfs fs;

  /* It is negative where f_type has 32 bits */
  if (MMIO_RETRY (fstatfs (fd, &fs)) < 0
      || (guint32) fs.f_type != HUGETLBFS_MAGIC)
    return page;

  return MAX ((gsize) fs.f_bsize, page);
}

/**
 * mmio_pages_round_up:
 * @length: bytes from a page's start on, at most %G_MAXSIZE - @page
 * @page: bytes of a page
 *
 * Returns: bytes of the pages that they are in
 */
gsize
mmio_pages_round_up (gsize length, gsize page)
{
  return (length + page - 1) / page * page;
}

/**
 * mmio_pages_get_command:
 * @page: bytes of a huge page
 * @length: bytes, as for mmio_pages_round_up()
 *
 * Returns: (transfer full): what to type, for the kernel to have enough more
 *   pages of that size for them
 */
char *
mmio_pages_get_command (gsize page, gsize length)
{
  g_autofree char *path = g_strdup_printf (COUNT_FORMAT, page / 1024);
  g_autofree char *text = NULL;
  guint64 count = 0;

  /* Where there is none, there is nothing to type either */
  if (mmio_read_file (path, &text, NULL) == 0)
    count = g_ascii_strtoull (text, NULL, 10);

  return g_strdup_printf ("echo %" G_GUINT64_FORMAT " | sudo tee %s",
      count + mmio_pages_round_up (length, page) / page, path);
}
