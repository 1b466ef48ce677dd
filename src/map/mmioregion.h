/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioMapping:
 * @MMIO_MAPPING_AUTO: (in requests only) the best mapping for reading
 * @MMIO_MAPPING_CACHED: ordinary memory, not a device
 * @MMIO_MAPPING_UNCACHED: each load is a transaction of its own width
 * @MMIO_MAPPING_WRITE_COMBINING: streaming loads fetch whole lines
 *
 * How the CPU accesses mapped memory.
 */
typedef enum {
  MMIO_MAPPING_AUTO,
  MMIO_MAPPING_CACHED,
  MMIO_MAPPING_UNCACHED,
  MMIO_MAPPING_WRITE_COMBINING,
} MmioMapping;

const char *mmio_mapping_get_name (MmioMapping mapping);

/**
 * MmioRegion:
 *
 * A part of a BAR, mapped read-only.  It is reference counted: the memory is
 * mapped until the last reference is released.
 */
typedef struct _MmioRegion MmioRegion;

MmioRegion *mmio_region_map (int fd, guint64 offset, gsize length,
    MmioMapping mapping, GDestroyNotify release, gpointer owner);

MmioRegion *mmio_region_map_within (int fd, guint64 start, guint64 skip,
    gsize length, MmioMapping mapping, GDestroyNotify release, gpointer owner);

/**
 * MmioRegionFunc:
 * @owner: the region's owner, from mmio_region_map()
 *
 * Checks the memory of a region.
 *
 * Returns: whether all pages of the region still have memory
 */
typedef gboolean (*MmioRegionFunc) (gpointer owner);

MmioRegion *mmio_region_ref (MmioRegion * region);
MmioRegion *mmio_region_ref_if_held (MmioRegion * region);
void mmio_region_unref (MmioRegion * region);

const guint8 *mmio_region_get_data (const MmioRegion * region);
gsize mmio_region_get_length (const MmioRegion * region);
const guint8 *mmio_region_get_pages (const MmioRegion * region,
    gsize * length);
gsize mmio_region_get_map_length (const MmioRegion * region);
void mmio_region_set_check (MmioRegion * region, MmioRegionFunc has_memory);
void mmio_region_prepare (MmioRegion * region);
void mmio_region_revoke (MmioRegion * region);
gboolean mmio_region_is_lost (const MmioRegion * region);
void mmio_region_set_needed (MmioRegion * region, gboolean is_needed);
gboolean mmio_region_is_needed (const MmioRegion * region);
MmioMapping mmio_region_get_mapping (const MmioRegion * region);
gboolean mmio_region_allows_unaligned_loads (const MmioRegion * region);
void mmio_region_set_length (MmioRegion * region, gsize length);
void mmio_region_set_mapping (MmioRegion * region, MmioMapping mapping);

gsize mmio_pages_get_size (int fd);
gsize mmio_pages_round_up (gsize length, gsize page);
char *mmio_pages_get_command (gsize page, gsize length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioRegion, mmio_region_unref)

G_END_DECLS
