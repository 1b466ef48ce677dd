/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dma-buf of a BAR as GstMemory, which display hardware imports.
 *
 * The dma-buf of a BAR has no mmap(), and a dma-buf of ordinary memory would be
 * mapped writable. So a CPU map of the memory is the read-only map of the device's
 * region. A map for writing needs a copy, which the reader makes.
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

  /* The parent class takes -1 for the whole memory, without the offset (1.22) */
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
 * @fd: (transfer full): a dma-buf of the pages of @region
 * @region: the map of the same pages; the reference keeps the device open, which
 *   keeps the dma-buf usable
 * @reader: the reader that makes copies
 *
 * Creates an allocator for memories of one dma-buf.
 *
 * Returns: (transfer full): the allocator
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
 * Wraps the whole dma-buf. Sinks cache imports by memory or by descriptor, so each
 * memory gets a duplicate descriptor.
 *
 * Returns: (transfer full) (nullable): the memory; NULL if the process has no file
 *   descriptors left
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

/* The ring */

struct _GstMmioRing
{
  gatomicrefcount ref_count;
  GstMmioDmaBufAllocator *allocator;

  GMutex lock;
  GQueue idle;                  /* longest idle first */
  guint n_memories;
};

static G_DEFINE_QUARK (gst - mmio - ring, gst_mmio_ring);

static void
gst_mmio_ring_free (GstMmioRing * ring)
{
  GstMemory *memory;

  while ((memory = g_queue_pop_head (&ring->idle))) {
    GST_MINI_OBJECT_CAST (memory)->dispose = NULL;
    gst_memory_unref (memory);
  }

  gst_object_unref (ring->allocator);
  g_mutex_clear (&ring->lock);
  g_free (ring);
}

/* Called when the last reference is released: returns the memory to the ring */
static gboolean
gst_mmio_ring_revive (GstMiniObject * object)
{
  GstMmioRing *ring = gst_mini_object_get_qdata (object,
      gst_mmio_ring_quark ());
  GstMemory *memory = gst_memory_ref (GST_MEMORY_CAST (object));

  /* The last owner may have resized the memory */
  gst_memory_resize (memory, -(gssize) memory->offset, memory->maxsize);

  g_mutex_lock (&ring->lock);
  g_queue_push_tail (&ring->idle, memory);
  g_mutex_unlock (&ring->lock);

  /* Last, as this may free the ring and the memory */
  gst_mmio_ring_unref (ring);
  return FALSE;
}

/* Locking: called with the lock of the ring */
static GstMemory *
create_memory (GstMmioRing * ring)
{
  GstMemory *memory = gst_mmio_dma_buf_allocator_wrap (ring->allocator);

  if (!memory)
    return NULL;

  GST_MINI_OBJECT_CAST (memory)->dispose = gst_mmio_ring_revive;
  gst_mini_object_set_qdata (GST_MINI_OBJECT_CAST (memory),
      gst_mmio_ring_quark (), ring, NULL);
  ring->n_memories++;

  return memory;
}

/**
 * gst_mmio_ring_new:
 * @allocator: (transfer full): the allocator of the memories
 *
 * Creates a ring with %GST_MMIO_RING_MIN memories.
 *
 * Returns: (nullable): the ring; NULL if the process has no file descriptors left
 */
GstMmioRing *
gst_mmio_ring_new (GstMmioDmaBufAllocator * allocator)
{
  GstMmioRing *ring = g_new0 (GstMmioRing, 1);

  g_atomic_ref_count_init (&ring->ref_count);
  g_mutex_init (&ring->lock);
  g_queue_init (&ring->idle);
  ring->allocator = allocator;

  while (ring->n_memories < GST_MMIO_RING_MIN) {
    GstMemory *memory = create_memory (ring);

    if (!memory) {
      gst_mmio_ring_unref (ring);
      return NULL;
    }
    g_queue_push_tail (&ring->idle, memory);
  }

  return ring;
}

void
gst_mmio_ring_unref (GstMmioRing * ring)
{
  if (g_atomic_ref_count_dec (&ring->ref_count))
    gst_mmio_ring_free (ring);
}

/**
 * gst_mmio_ring_acquire:
 *
 * Takes an idle memory, or creates a memory. Does not wait: all memories show the
 * same device memory, so a consumer that holds old buffers has nothing else in
 * them.
 *
 * Returns: (transfer full) (nullable): a memory that no buffer has; NULL if
 *   %GST_MMIO_RING_MAX are in use
 */
GstMemory *
gst_mmio_ring_acquire (GstMmioRing * ring)
{
  GstMemory *memory;

  g_mutex_lock (&ring->lock);
  memory = g_queue_pop_head (&ring->idle);
  if (!memory && ring->n_memories < GST_MMIO_RING_MAX)
    memory = create_memory (ring);
  if (memory)
    g_atomic_ref_count_inc (&ring->ref_count);
  g_mutex_unlock (&ring->lock);

  return memory;
}
