/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A BAR's dma-buf as GstMemory: display hardware reads the BAR by it.
 *
 * The dma-buf of a BAR has no map of its own, and one of ordinary memory would
 * be mapped writable; so whoever looks at it with the CPU sees the map that the
 * device's region has, read-only, and who wants to write gets a copy that our
 * reader has made.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiodmabuf.h"

#include <fcntl.h>
#include <unistd.h>

#include "gstmmiomemory.h"

typedef GstMemory *(*ShareFunc) (GstMemory * memory, gssize offset,
    gssize size);

struct _GstMmioDmaBufAllocator
{
  GstDmaBufAllocator parent;

  int fd;
  MmioRegion *region;
  const MmioReader *reader;

  ShareFunc parent_share;
};

G_DEFINE_TYPE (GstMmioDmaBufAllocator, gst_mmio_dma_buf_allocator,
    GST_TYPE_DMABUF_ALLOCATOR);

static gpointer
gst_mmio_dma_buf_memory_map (GstMemory * memory, GstMapInfo * info,
    gsize maxsize)
{
  GstMmioDmaBufAllocator *self = GST_MMIO_DMA_BUF_ALLOCATOR (memory->allocator);

  /* The core refuses it too, as the memory is flagged read-only */
  if (info->flags & GST_MAP_WRITE)
    return NULL;

  return (gpointer) mmio_region_get_pages (self->region, NULL);
}

static void
gst_mmio_dma_buf_memory_unmap (GstMemory * memory, GstMapInfo * info)
{
}

static GstMemory *
gst_mmio_dma_buf_memory_copy (GstMemory * memory, gssize offset, gssize size)
{
  GstMmioDmaBufAllocator *self = GST_MMIO_DMA_BUF_ALLOCATOR (memory->allocator);

  return gst_mmio_memory_read (self->reader,
      mmio_region_get_pages (self->region, NULL) + memory->offset + offset,
      gst_mmio_memory_get_size_from (memory, offset, size));
}

static GstMemory *
gst_mmio_dma_buf_memory_share (GstMemory * memory, gssize offset, gssize size)
{
  GstMmioDmaBufAllocator *self = GST_MMIO_DMA_BUF_ALLOCATOR (memory->allocator);

  /* The parent class takes -1 for all that there ever was (1.22) */
  return self->parent_share (memory, offset,
      gst_mmio_memory_get_size_from (memory, offset, size));
}

static void
gst_mmio_dma_buf_allocator_finalize (GObject * object)
{
  GstMmioDmaBufAllocator *self = GST_MMIO_DMA_BUF_ALLOCATOR (object);

  if (self->fd >= 0)
    close (self->fd);
  g_clear_pointer (&self->region, mmio_region_unref);

  G_OBJECT_CLASS (gst_mmio_dma_buf_allocator_parent_class)->finalize (object);
}

static void
gst_mmio_dma_buf_allocator_class_init (GstMmioDmaBufAllocatorClass * klass)
{
  G_OBJECT_CLASS (klass)->finalize = gst_mmio_dma_buf_allocator_finalize;
}

static void
gst_mmio_dma_buf_allocator_init (GstMmioDmaBufAllocator * self)
{
  GstAllocator *allocator = GST_ALLOCATOR_CAST (self);

  self->fd = -1;
  self->parent_share = allocator->mem_share;

  allocator->mem_map_full = gst_mmio_dma_buf_memory_map;
  allocator->mem_unmap_full = gst_mmio_dma_buf_memory_unmap;
  allocator->mem_copy = gst_mmio_dma_buf_memory_copy;
  allocator->mem_share = gst_mmio_dma_buf_memory_share;
}

/**
 * gst_mmio_dma_buf_allocator_new:
 * @fd: (transfer full): a dma-buf of the region's pages
 * @region: the map of what the dma-buf shows; it keeps the device open, which
 *   the dma-buf needs to stay of use
 * @reader: what makes copies of it
 *
 * Returns: (transfer full): an allocator for memories over one dma-buf
 */
GstMmioDmaBufAllocator *
gst_mmio_dma_buf_allocator_new (int fd, MmioRegion * region,
    const MmioReader * reader)
{
  GstMmioDmaBufAllocator *self =
      g_object_new (GST_TYPE_MMIO_DMA_BUF_ALLOCATOR, NULL);

  self->fd = fd;
  self->region = mmio_region_ref (region);
  self->reader = reader;

  return gst_object_ref_sink (self);
}

/**
 * gst_mmio_dma_buf_allocator_wrap:
 *
 * Sinks keep what they import by memory, or by descriptor; so each memory has
 * one of its own.
 *
 * Returns: (transfer full) (nullable): the whole dma-buf as memory, or NULL if
 *   the process may have no further descriptor
 */
GstMemory *
gst_mmio_dma_buf_allocator_wrap (GstMmioDmaBufAllocator * self)
{
  const int fd = fcntl (self->fd, F_DUPFD_CLOEXEC, 0);
  GstMemory *memory;
  gsize length;

  if (fd < 0)
    return NULL;

  mmio_region_get_pages (self->region, &length);
  memory = gst_dmabuf_allocator_alloc (GST_ALLOCATOR_CAST (self), fd, length);
  GST_MINI_OBJECT_FLAG_SET (memory, GST_MEMORY_FLAG_READONLY);

  return memory;
}
