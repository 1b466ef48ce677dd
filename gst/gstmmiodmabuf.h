/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/allocators/gstdmabuf.h>

#include "load/mmioreader.h"
#include "map/mmioregion.h"

G_BEGIN_DECLS

#define GST_TYPE_MMIO_DMA_BUF_ALLOCATOR (gst_mmio_dma_buf_allocator_get_type ())
G_DECLARE_FINAL_TYPE (GstMmioDmaBufAllocator, gst_mmio_dma_buf_allocator, GST,
    MMIO_DMA_BUF_ALLOCATOR, GstDmaBufAllocator)

GstMmioDmaBufAllocator *gst_mmio_dma_buf_allocator_new (int fd,
    MmioRegion * region, const MmioReader * reader);

GstMemory *gst_mmio_dma_buf_allocator_wrap (GstMmioDmaBufAllocator * self);

/* A sink may show one buffer, keep a second one, and queue a third one.
 * Meanwhile the element makes a fourth one. */
#define GST_MMIO_RING_MIN 4

/* As V4L2 (VIDEO_MAX_FRAME). All of them show the same device memory, so more
 * are of no use. */
#define GST_MMIO_RING_MAX 32

/**
 * GstMmioRing:
 *
 * Memories of one dma-buf, each for one buffer at a time. A released memory returns
 * to the ring, and sinks that have cached its import reuse it.
 *
 * Locking: any thread may release a memory, also after the owner has released the
 * ring.
 */
typedef struct _GstMmioRing GstMmioRing;

GstMmioRing *gst_mmio_ring_new (GstMmioDmaBufAllocator * allocator);
void gst_mmio_ring_unref (GstMmioRing * ring);

GstMemory *gst_mmio_ring_acquire (GstMmioRing * ring);

G_END_DECLS
