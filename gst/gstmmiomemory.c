/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mapped BAR as GstMemory. It is read-only, and keeps the map until the last
 * reference is released. A map for writing needs a copy, which the reader makes.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiomemory.h"

typedef struct
{
  GstMemory parent;
  MmioRegion *region;
  const MmioReader *reader;
} GstMmioMemory;

struct _GstMmioAllocator
{
  GstAllocator parent;
};

G_DEFINE_TYPE (GstMmioAllocator, gst_mmio_allocator, GST_TYPE_ALLOCATOR);

static GstMemory *
gst_mmio_memory_new (GstAllocator * allocator, GstMemory * parent,
    MmioRegion * region, const MmioReader * reader, gsize offset, gsize size)
{
  GstMmioMemory *mem = g_new0 (GstMmioMemory, 1);

  gst_memory_init (GST_MEMORY_CAST (mem), GST_MEMORY_FLAG_READONLY, allocator,
      parent, mmio_region_get_length (region), 0, offset, size);
  mem->region = mmio_region_ref (region);
  mem->reader = reader;

  return GST_MEMORY_CAST (mem);
}

static void
gst_mmio_memory_free (GstAllocator * allocator, GstMemory * memory)
{
  GstMmioMemory *mem = (GstMmioMemory *) memory;

  mmio_region_unref (mem->region);
  g_free (mem);
}

static gpointer
gst_mmio_memory_map (GstMemory * memory, GstMapInfo * info, gsize maxsize)
{
  GstMmioMemory *mem = (GstMmioMemory *) memory;

  /* The core refuses it too, as the memory is flagged read-only */
  if (info->flags & GST_MAP_WRITE)
    return NULL;

  /* The consumer may be the kernel, as with a sink that writes to a file */
  mmio_region_prepare (mem->region);
  return (gpointer) mmio_region_get_data (mem->region);
}

static void
gst_mmio_memory_unmap (GstMemory * memory, GstMapInfo * info)
{
}

static GstMemory *
gst_mmio_memory_copy (GstMemory * memory, gssize offset, gssize size)
{
  GstMmioMemory *mem = (GstMmioMemory *) memory;

  return gst_mmio_memory_read (mem->reader,
      mmio_region_get_data (mem->region) + memory->offset + offset,
      gst_mmio_memory_get_size_from (memory, offset, size));
}

static GstMemory *
gst_mmio_memory_share (GstMemory * memory, gssize offset, gssize size)
{
  GstMmioMemory *mem = (GstMmioMemory *) memory;
  GstMemory *parent = memory->parent ? memory->parent : memory;

  return gst_mmio_memory_new (memory->allocator, parent, mem->region,
      mem->reader, memory->offset + offset,
      gst_mmio_memory_get_size_from (memory, offset, size));
}

static void
gst_mmio_allocator_class_init (GstMmioAllocatorClass * klass)
{
  GstAllocatorClass *allocator_class = GST_ALLOCATOR_CLASS (klass);

  /* No alloc(): memories are only made of a mapped BAR */
  allocator_class->free = gst_mmio_memory_free;
}

static void
gst_mmio_allocator_init (GstMmioAllocator * self)
{
  GstAllocator *allocator = GST_ALLOCATOR_CAST (self);

  allocator->mem_type = "MmioMemory";
  allocator->mem_map_full = gst_mmio_memory_map;
  allocator->mem_unmap_full = gst_mmio_memory_unmap;
  allocator->mem_copy = gst_mmio_memory_copy;
  allocator->mem_share = gst_mmio_memory_share;

  GST_OBJECT_FLAG_SET (self, GST_ALLOCATOR_FLAG_CUSTOM_ALLOC);
}

/**
 * gst_mmio_allocator_new:
 *
 * Creates an allocator for mapped BARs.
 *
 * Returns: (transfer full): the allocator
 */
GstAllocator *
gst_mmio_allocator_new (void)
{
  GstAllocator *allocator = g_object_new (GST_TYPE_MMIO_ALLOCATOR, NULL);

  return gst_object_ref_sink (allocator);
}

/**
 * gst_mmio_allocator_wrap:
 * @region: the mapped BAR; the memory takes a reference
 * @reader: the reader that makes copies
 * @offset: bytes from the start of @region
 * @size: number of bytes, all of them in @region
 *
 * Wraps a part of a mapped BAR.
 *
 * Returns: (transfer full): the memory
 */
GstMemory *
gst_mmio_allocator_wrap (GstMmioAllocator * allocator, MmioRegion * region,
    const MmioReader * reader, gsize offset, gsize size)
{
  return gst_mmio_memory_new (GST_ALLOCATOR_CAST (allocator), NULL, region,
      reader, offset, size);
}

/**
 * gst_mmio_memory_get_size_from:
 * @memory: a memory
 * @offset: bytes from the start of @memory
 * @size: number of bytes, or -1 for all from @offset on
 *
 * Resolves the size that mem_copy() and mem_share() are called with.
 *
 * Returns: the number of bytes
 */
gssize
gst_mmio_memory_get_size_from (const GstMemory * memory, gssize offset,
    gssize size)
{
  if (size >= 0)
    return size;

  return (gssize) memory->size > offset ? memory->size - offset : 0;
}

/**
 * gst_mmio_memory_read:
 * @reader: the reader that loads from @data
 * @data: mapped memory of a device
 * @size: number of bytes
 *
 * Copies device memory to ordinary memory.
 *
 * Returns: (transfer full) (nullable): the copy; NULL if it cannot be allocated or
 *   mapped
 */
GstMemory *
gst_mmio_memory_read (const MmioReader * reader, const guint8 * data,
    gsize size)
{
  GstMemory *copy = gst_allocator_alloc (NULL, size, NULL);
  GstMapInfo info;

  if (!copy)
    return NULL;

  if (!gst_memory_map (copy, &info, GST_MAP_WRITE)) {
    gst_memory_unref (copy);
    return NULL;
  }
  mmio_reader_copy (reader, info.data, data, size);
  gst_memory_unmap (copy, &info);

  return copy;
}
