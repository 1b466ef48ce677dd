/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioRegion:
 *
 * A part of a BAR, mapped read-only.  Reference counted: whoever holds a
 * reference may read, the last one to let go unmaps.
 */
typedef struct _MmioRegion MmioRegion;

MmioRegion *mmio_region_map (int fd, guint64 offset, gsize length,
    GDestroyNotify release, gpointer owner);

MmioRegion *mmio_region_ref (MmioRegion * region);
void mmio_region_unref (MmioRegion * region);

const guint8 *mmio_region_get_data (const MmioRegion * region);
gsize mmio_region_get_length (const MmioRegion * region);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioRegion, mmio_region_unref)

G_END_DECLS
