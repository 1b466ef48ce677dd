/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The persistent memories behind the buffers of a dma-buf.
 *
 * A buffer pool would not do: it throws away a buffer whose memory somebody
 * else holds too, at the end of its run all of them, and each new memory is
 * imported anew.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmioring.h"

struct _GstMmioRing
{
  gatomicrefcount ref_count;
  GstMmioDmaBufAllocator *allocator;

  GMutex lock;
  GQueue idle;                  /* the one that is idle for longest first */
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

/* Nobody holds the memory any more: revives it for the next buffer */
static gboolean
gst_mmio_ring_revive (GstMiniObject * object)
{
  GstMmioRing *ring = gst_mini_object_get_qdata (object,
      gst_mmio_ring_quark ());
  GstMemory *memory = gst_memory_ref (GST_MEMORY_CAST (object));

  /* Who had it alone may have made it smaller */
  gst_memory_resize (memory, -(gssize) memory->offset, memory->maxsize);

  g_mutex_lock (&ring->lock);
  g_queue_push_tail (&ring->idle, memory);
  g_mutex_unlock (&ring->lock);

  /* Last, as this may free the ring, and the memory with it */
  gst_mmio_ring_unref (ring);
  return FALSE;
}

/* With the lock held */
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
 * @allocator: (transfer full): makes its memories
 *
 * Returns: (nullable): the ring, with %GST_MMIO_RING_MIN memories; NULL if the
 *   process may not have so many descriptors
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
 * Does not wait: what is shown of the device is always now, so a consumer that
 * holds on to old buffers has nothing from a newer one.
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
