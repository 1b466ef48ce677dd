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

/* A sink may show one buffer, wait to show a second, have a third in a queue,
 * and the next one is made meanwhile */
#define GST_MMIO_RING_MIN 4

/* As many as V4L2 has (VIDEO_MAX_FRAME); nobody needs more pictures of now */
#define GST_MMIO_RING_MAX 32

/**
 * GstMmioRing:
 *
 * Memories over one dma-buf, each for one buffer at a time.  What is let go of
 * comes back, and is the same to sinks that remember it.  Any thread may let
 * go, at any time, also after the ring's owner has gone.
 */
typedef struct _GstMmioRing GstMmioRing;

GstMmioRing *gst_mmio_ring_new (GstMmioDmaBufAllocator * allocator);
void gst_mmio_ring_unref (GstMmioRing * ring);

GstMemory *gst_mmio_ring_acquire (GstMmioRing * ring);

G_END_DECLS
