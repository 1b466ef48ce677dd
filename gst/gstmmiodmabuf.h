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

G_END_DECLS
