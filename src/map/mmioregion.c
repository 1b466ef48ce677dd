/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mapped parts of BARs, and the one place that maps and unmaps them.
 */
#include "map/mmioregion.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mmioprocess.h"
#include "base/mmiosystem.h"
#include "map/mmioguard.h"

/* Documentation/admin-guide/mm/hugetlbpage.rst; its name has the size in KiB */
#define COUNT_FORMAT "/sys/kernel/mm/hugepages/hugepages-%" G_GSIZE_FORMAT \
    "kB/nr_hugepages"

struct _MmioRegion
{
  gint ref_count;
  guint process;                /* forked children do not have the map */
  gint is_needed;               /* its loss is one of the device's */
  guint8 *map;
  gsize map_length;             /* whole pages of the file */
  gsize end;                    /* bytes, to the end of what was wanted */
  MmioGuard *guard;
  const guint8 *data;
  gsize length;
  MmioMapping mapping;
  MmioRegionFunc has_memory;
  GDestroyNotify release;
  gpointer owner;
};

/**
 * mmio_mapping_get_name:
 *
 * Returns: (transfer none): what a user types for @mapping
 */
const char *
mmio_mapping_get_name (MmioMapping mapping)
{
  switch (mapping) {
    case MMIO_MAPPING_CACHED:
      return "cached";
    case MMIO_MAPPING_UNCACHED:
      return "uncached";
    case MMIO_MAPPING_WRITE_COMBINING:
      return "write-combining";
    case MMIO_MAPPING_AUTO:
    default:
      return "auto";
  }
}

/* The pages of a file on hugetlbfs, as the memory of virtual machines often is, are
 * larger than the machine's: maps begin at such a page, and what is unmapped, or put in
 * the place of a map, ends with one (mmap(2), "Huge page (Huge TLB) mappings") */

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

/**
 * mmio_region_map:
 * @fd: a file that can be mapped, opened for reading; may be closed afterwards
 * @offset: bytes from the start of the file; need not be page-aligned
 * @length: bytes, at least 1
 * @mapping: how the file maps
 * @release: (nullable): called with @owner after the region was unmapped, and
 *   not called where mapping fails
 * @owner: what must live as long as the map
 *
 * Maps a part of a file: shared, read-only, and not passed on to forked
 * children, who have no business with the device, nor into core dumps.
 *
 * Returns: (transfer full) (nullable): the region, or NULL with errno set
 */
MmioRegion *
mmio_region_map (int fd, guint64 offset, gsize length, MmioMapping mapping,
    GDestroyNotify release, gpointer owner)
{
  const guint64 skip = offset % mmio_pages_get_size (fd);

  return mmio_region_map_within (fd, offset - skip, skip, length, mapping,
      release, owner);
}

/**
 * mmio_region_map_within:
 * @fd: as for mmio_region_map()
 * @start: what mmap() is told, a multiple of a page (mmio_pages_get_size())
 * @skip: bytes from there to the region's first
 * @length: as for mmio_region_map(), the others too
 *
 * For files that can be mapped from certain places on only: what lies between
 * such a place and the region is mapped as well.
 *
 * Returns: (transfer full) (nullable): the region, or NULL with errno set
 */
MmioRegion *
mmio_region_map_within (int fd, guint64 start, guint64 skip, gsize length,
    MmioMapping mapping, GDestroyNotify release, gpointer owner)
{
  const gsize page = mmio_pages_get_size (fd);
  MmioRegion *region;
  gsize map_length;
  guint8 *map;

  if (length == 0 || skip > G_MAXSIZE - page ||
      length > G_MAXSIZE - page - skip || start > G_MAXINT64) {
    errno = EINVAL;
    return NULL;
  }

  /* Nothing that is done to a map later may end within a page */
  map_length = mmio_pages_round_up (skip + length, page);
  map = mmap (NULL, map_length, PROT_READ, MAP_SHARED, fd, start);
  if (map == MAP_FAILED)
    return NULL;

  if (madvise (map, map_length, MADV_DONTFORK) < 0)
    g_debug ("madvise (MADV_DONTFORK): %s", g_strerror (errno));
  /* Whatever somebody films is nothing for crash reports */
  if (madvise (map, map_length, MADV_DONTDUMP) < 0)
    g_debug ("madvise (MADV_DONTDUMP): %s", g_strerror (errno));

  region = g_new0 (MmioRegion, 1);
  region->ref_count = 1;
  region->process = mmio_process_get ();
  region->is_needed = TRUE;
  region->map = map;
  region->map_length = map_length;
  region->end = skip + length;
  region->guard = mmio_guard_new (map, map_length);
  region->data = map + skip;
  region->length = length;
  region->mapping = mapping;
  region->release = release;
  region->owner = owner;

  return region;
}

/**
 * mmio_region_ref:
 *
 * Returns: (transfer full): @region
 */
MmioRegion *
mmio_region_ref (MmioRegion * region)
{
  g_atomic_int_inc (&region->ref_count);
  return region;
}

/**
 * mmio_region_ref_if_held:
 * @region: a region whose release function was not called yet
 *
 * For whoever knows of a region without holding it.  For any thread.
 *
 * Returns: (transfer full) (nullable): @region, or NULL if nobody holds it any
 *   more: it is being unmapped
 */
MmioRegion *
mmio_region_ref_if_held (MmioRegion * region)
{
  gint count;

  do {
    count = g_atomic_int_get (&region->ref_count);
    if (count == 0)
      return NULL;
  } while (!g_atomic_int_compare_and_exchange (&region->ref_count, count,
          count + 1));

  return region;
}

/**
 * mmio_region_unref:
 * @region: (transfer full): a region
 *
 * Lets go of the region; the last one unmaps it.
 */
void
mmio_region_unref (MmioRegion * region)
{
  if (!g_atomic_int_dec_and_test (&region->ref_count))
    return;

  if (mmio_process_is_current (region->process)) {
    mmio_guard_disarm (region->guard);
    if (munmap (region->map, region->map_length) < 0)
      g_warning ("munmap: %s", g_strerror (errno));
  }
  /* Until then its owner may ask whether it is lost */
  if (region->release)
    region->release (region->owner);
  if (mmio_process_is_current (region->process))
    mmio_guard_free (region->guard);
  g_free (region);
}

/**
 * mmio_region_get_data:
 *
 * Only mmioreader loads from here: a BAR is no memory, every access is a
 * transaction on the bus.
 *
 * Returns: (transfer none): the first byte
 */
const guint8 *
mmio_region_get_data (const MmioRegion * region)
{
  return region->data;
}

/**
 * mmio_region_get_length:
 *
 * Returns: bytes that may be read
 */
gsize
mmio_region_get_length (const MmioRegion * region)
{
  return region->length;
}

/**
 * mmio_region_get_pages:
 * @length: (out) (optional): bytes from there to the end of the region's last
 *   page, all of which is mapped
 *
 * These are the machine's pages, which dma-bufs are made of, also where those
 * of the file are larger.
 *
 * Returns: (transfer none): the page that the region starts in
 */
const guint8 *
mmio_region_get_pages (const MmioRegion * region, gsize * length)
{
  const gsize page = sysconf (_SC_PAGESIZE);
  const gsize before = (region->data - region->map) / page * page;

  if (length)
    *length = mmio_pages_round_up (region->end - before, page);
  return region->map + before;
}

/**
 * mmio_region_get_map_length:
 *
 * Returns: bytes of all pages that are mapped for it, whole ones of the file
 */
gsize
mmio_region_get_map_length (const MmioRegion * region)
{
  return region->map_length;
}

/**
 * mmio_region_set_check:
 * @has_memory: called with the region's owner by mmio_region_prepare(), from any
 *   thread
 *
 * For a back end whose memory may go away.  Called before the region is given away.
 */
void
mmio_region_set_check (MmioRegion * region, MmioRegionFunc has_memory)
{
  region->has_memory = has_memory;
}

/**
 * mmio_region_prepare:
 *
 * Revokes the region if its memory has gone away.  A load of such memory is repaired,
 * but a system call that reads it (write() of a sink) fails with EFAULT, which nothing
 * repairs.  What goes away after this call still makes it fail.  For any thread.
 */
void
mmio_region_prepare (MmioRegion * region)
{
  if (region->has_memory && mmio_process_is_current (region->process) &&
      !mmio_region_is_lost (region) && !region->has_memory (region->owner))
    mmio_region_revoke (region);
}

/**
 * mmio_region_revoke:
 *
 * Takes the memory away from whoever reads the region, now or later: zeros are
 * in its place, as after mmio_region_is_lost(), and the device does not know of
 * a map any more.  For any thread.
 */
void
mmio_region_revoke (MmioRegion * region)
{
  /* Only the kernel's own memory may lack, as it is a map for a map */
  if (!mmio_guard_fire (region->guard))
    g_warning ("mmap (MAP_FIXED): %s", g_strerror (errno));
}

/**
 * mmio_region_is_lost:
 *
 * For any thread.  Who has read from a region asks afterwards.
 *
 * Returns: whether its memory has gone away; it reads as zeros then, wholly
 */
gboolean
mmio_region_is_lost (const MmioRegion * region)
{
  return mmio_guard_has_fired (region->guard);
}

/**
 * mmio_region_set_needed:
 * @is_needed: whether the device has gone if the region is lost
 *
 * A region that only shows an earlier mode of the device is not needed: the file
 * may have become shorter since.  A new region is needed.  For any thread.
 */
void
mmio_region_set_needed (MmioRegion * region, gboolean is_needed)
{
  g_atomic_int_set (&region->is_needed, is_needed);
}

/**
 * mmio_region_is_needed:
 *
 * Returns: what mmio_region_set_needed() has said last
 */
gboolean
mmio_region_is_needed (const MmioRegion * region)
{
  return g_atomic_int_get (&region->is_needed);
}

/**
 * mmio_region_get_mapping:
 *
 * Returns: how the CPU sees it
 */
MmioMapping
mmio_region_get_mapping (const MmioRegion * region)
{
  return region->mapping;
}

/**
 * mmio_region_allows_unaligned_loads:
 * @region: a region
 *
 * Checks what a load from any address of @region does. On arm64 an uncached map
 * is Device memory, where an unaligned load raises SIGBUS (Arm ARM, B2.7.2).
 *
 * Returns: FALSE if each load has to be naturally aligned
 */
gboolean
mmio_region_allows_unaligned_loads (const MmioRegion * region)
{
#if defined (__aarch64__)
  return region->mapping != MMIO_MAPPING_UNCACHED;
#else
  return TRUE;
#endif
}

/**
 * mmio_region_set_length:
 * @length: bytes, no more than it has
 *
 * Leaves out the end of a region.  It stays mapped, as the pages are.
 */
void
mmio_region_set_length (MmioRegion * region, gsize length)
{
  region->length = MIN (length, region->length);
}

/**
 * mmio_region_set_mapping:
 * @mapping: how it turned out to be mapped
 *
 * For whoever has mapped it and not yet given it away.
 */
void
mmio_region_set_mapping (MmioRegion * region, MmioMapping mapping)
{
  region->mapping = mapping;
}
