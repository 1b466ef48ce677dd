/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "load/mmioreader.h"
#include "map/mmioregion.h"

G_BEGIN_DECLS

#define GST_TYPE_MMIO_ALLOCATOR (gst_mmio_allocator_get_type ())
G_DECLARE_FINAL_TYPE (GstMmioAllocator, gst_mmio_allocator, GST,
    MMIO_ALLOCATOR, GstAllocator)

GstAllocator *gst_mmio_allocator_new (void);

GstMemory *gst_mmio_allocator_wrap (GstMmioAllocator * allocator,
    MmioRegion * region, const MmioReader * reader, gsize offset, gsize size);

gssize gst_mmio_memory_get_size_from (const GstMemory * memory, gssize offset,
    gssize size);
GstMemory *gst_mmio_memory_read (const MmioReader * reader, const guint8 * data,
    gsize size);

G_END_DECLS
