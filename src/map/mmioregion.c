/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Maps and unmaps parts of BARs.  No other file does.
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

/* From Documentation/admin-guide/mm/hugetlbpage.rst; the number is the size in
 * KiB */
#define COUNT_FORMAT "/sys/kernel/mm/hugepages/hugepages-%" G_GSIZE_FORMAT \
    "kB/nr_hugepages"

struct _MmioRegion
{
  gint ref_count;
  guint process;                /* forked children do not have the map */
  gint is_needed;               /* see mmio_region_set_needed() */
  guint8 *map;
  gsize map_length;             /* whole pages of the file */
  gsize end;                    /* bytes from map to the requested end */
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
 * Returns: (transfer none): the value of the property `mapping`
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

/* Files on hugetlbfs, such as the memory of some virtual machines, have larger
 * pages than the machine.  Maps begin at such a page.  Ranges to unmap or to
 * replace end with one (mmap(2), "Huge page (Huge TLB) mappings"). */

/**
 * mmio_pages_get_size:
 * @fd: any descriptor
 *
 * Returns: page size of the file (bytes): a huge page on hugetlbfs, else the
 *   machine's
 */
gsize
mmio_pages_get_size (int fd)
{
  const gsize page = sysconf (_SC_PAGESIZE);
  struct statfs fs;

  /* HUGETLBFS_MAGIC is negative as a signed 32-bit f_type */
  if (MMIO_RETRY (fstatfs (fd, &fs)) < 0
      || (guint32) fs.f_type != HUGETLBFS_MAGIC)
    return page;

  return MAX ((gsize) fs.f_bsize, page);
}

/**
 * mmio_pages_round_up:
 * @length: bytes from the start of a page, at most %G_MAXSIZE - @page
 * @page: bytes of a page
 *
 * Returns: @length, rounded up to whole pages
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
 * Returns: (transfer full): a shell command that adds enough huge pages of this
 *   size for @length to the kernel's pool
 */
char *
mmio_pages_get_command (gsize page, gsize length)
{
  g_autofree char *path = g_strdup_printf (COUNT_FORMAT, page / 1024);
  g_autofree char *text = NULL;
  guint64 count = 0;

  /* If the file does not exist, no command helps, so the count does not matter */
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
 * @mapping: the mapping that the file has
 * @release: (nullable): called with @owner after the region was unmapped; not
 *   called if mapping fails
 * @owner: data that must exist as long as the map
 *
 * Maps a part of a file, shared and read-only.  The map is not inherited by
 * forked children, and not included in core dumps.
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
 * @start: offset for mmap(), a multiple of mmio_pages_get_size()
 * @skip: bytes from @start to the region
 * @length: as for mmio_region_map()
 * @mapping: as for mmio_region_map()
 * @release: as for mmio_region_map()
 * @owner: as for mmio_region_map()
 *
 * Maps a part of a file that can only be mapped from certain offsets on.  The
 * bytes between @start and the region are mapped too.
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

  /* Later operations on the map must end at the end of a page */
  map_length = mmio_pages_round_up (skip + length, page);
  map = mmap (NULL, map_length, PROT_READ, MAP_SHARED, fd, start);
  if (map == MAP_FAILED)
    return NULL;

  if (madvise (map, map_length, MADV_DONTFORK) < 0)
    g_debug ("madvise (MADV_DONTFORK): %s", g_strerror (errno));
  /* Captured frames do not belong in crash reports */
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
 * Takes a reference through a pointer that has none.
 *
 * Locking: none; any thread may call this.
 *
 * Returns: (transfer full) (nullable): @region, or NULL if its last reference
 *   was released and it is being unmapped
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
 * Releases a reference; the last one unmaps the region.
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
  /* Until then the owner may call mmio_region_is_lost() */
  if (region->release)
    region->release (region->owner);
  if (mmio_process_is_current (region->process))
    mmio_guard_free (region->guard);
  g_free (region);
}

/**
 * mmio_region_get_data:
 *
 * Returns the start of the region.  Only mmioreader.c loads from it, since each
 * access to a BAR is a transaction on the bus.
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
 * Returns: size of the region (bytes)
 */
gsize
mmio_region_get_length (const MmioRegion * region)
{
  return region->length;
}

/**
 * mmio_region_get_pages:
 * @length: (out) (optional): bytes from the returned address to the end of the
 *   region's last page; all of them are mapped
 *
 * Returns the pages of the region, for a dma-buf.  They have the machine's page
 * size, also if those of the file are larger.
 *
 * Returns: (transfer none): start of the first page
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
 * Returns: size of the map (bytes), in whole pages of the file
 */
gsize
mmio_region_get_map_length (const MmioRegion * region)
{
  return region->map_length;
}

/**
 * mmio_region_set_check:
 * @has_memory: called with the region's owner by mmio_region_prepare(), from
 *   any thread
 *
 * Sets the check of a back end whose memory may disappear.
 *
 * Locking: none; must be called before other threads know the region.
 */
void
mmio_region_set_check (MmioRegion * region, MmioRegionFunc has_memory)
{
  region->has_memory = has_memory;
}

/**
 * mmio_region_prepare:
 *
 * Revokes the region if its memory has disappeared.  The guard repairs loads
 * from such memory, but not system calls that read it: write() in a sink fails
 * with EFAULT.  They still fail if the memory disappears after this call.
 *
 * Locking: calls the back end; any thread may call this.
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
 * Replaces the memory of the region with zeros, also for concurrent readers.
 * mmio_region_is_lost() returns TRUE then, and the device's memory is no longer
 * mapped.
 *
 * Locking: none; any thread may call this.
 */
void
mmio_region_revoke (MmioRegion * region)
{
  /* This replaces a map by another one, so it fails only if the kernel lacks
   * memory */
  if (!mmio_guard_fire (region->guard))
    g_warning ("mmap (MAP_FIXED): %s", g_strerror (errno));
}

/**
 * mmio_region_is_lost:
 *
 * Checks whether the memory has disappeared; called after reading from a
 * region.
 *
 * Locking: none; any thread may call this.
 *
 * Returns: whether the memory has disappeared; all of the region reads as zeros
 *   then
 */
gboolean
mmio_region_is_lost (const MmioRegion * region)
{
  return mmio_guard_has_fired (region->guard);
}

/**
 * mmio_region_set_needed:
 * @is_needed: whether the loss of the region means that the device is removed
 *
 * Sets whether the region is needed.  New regions are.  A region with frames
 * from before a mode change is not, since the file may have become shorter
 * since then.
 *
 * Locking: none; any thread may call this.
 */
void
mmio_region_set_needed (MmioRegion * region, gboolean is_needed)
{
  g_atomic_int_set (&region->is_needed, is_needed);
}

/**
 * mmio_region_is_needed:
 *
 * Returns: the last value from mmio_region_set_needed(), or TRUE
 */
gboolean
mmio_region_is_needed (const MmioRegion * region)
{
  return g_atomic_int_get (&region->is_needed);
}

/**
 * mmio_region_get_mapping:
 *
 * Returns: the mapping of the region
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
 * Checks what a load from any address of @region does.  On arm64 an uncached
 * map is Device memory, where an unaligned load raises SIGBUS (Arm ARM,
 * B2.7.2).
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
 * @length: new size (bytes); a larger one than the present has no effect
 *
 * Shortens a region.  All of its pages stay mapped.
 */
void
mmio_region_set_length (MmioRegion * region, gsize length)
{
  region->length = MIN (length, region->length);
}

/**
 * mmio_region_set_mapping:
 * @mapping: the mapping that the region really has
 *
 * Corrects the mapping.
 *
 * Locking: none; must be called before other threads know the region.
 */
void
mmio_region_set_mapping (MmioRegion * region, MmioMapping mapping)
{
  region->mapping = mapping;
}
