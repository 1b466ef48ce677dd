/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "testpool.h"

#include <string.h>

#include <gst/check/gstcheck.h>

/* --- Pool ---------------------------------------------------------------- */

G_DEFINE_TYPE (TestPool, test_pool, GST_TYPE_VIDEO_BUFFER_POOL);

static const char **
test_pool_get_options (GstBufferPool * pool)
{
  static const char *none[] = { NULL };

  if (TEST_POOL (pool)->has_no_options)
    return none;
  return GST_BUFFER_POOL_CLASS (test_pool_parent_class)->get_options (pool);
}

void
test_pool_get_layout (const GstVideoInfo * info, guint gap,
    gsize offset[GST_VIDEO_MAX_PLANES], gint stride[GST_VIDEO_MAX_PLANES],
    gsize * size)
{
  gsize at = 0;

  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES (info); i++) {
    gint comp[GST_VIDEO_MAX_COMPONENTS];

    gst_video_format_info_component (info->finfo, i, comp);
    offset[i] = at + gap;
    stride[i] = GST_VIDEO_INFO_PLANE_STRIDE (info, i) + gap;
    at = offset[i] + (gsize) stride[i] * GST_VIDEO_INFO_COMP_HEIGHT (info,
        comp[0]);
  }

  *size = at + gap;
}

static gboolean
test_pool_set_config (GstBufferPool * pool, GstStructure * config)
{
  TestPool *self = TEST_POOL (pool);
  guint size, min, max;
  GstCaps *caps;

  if (self->refuses ||
      !gst_buffer_pool_config_get_params (config, &caps, &size, &min, &max) ||
      !gst_video_info_from_caps (&self->info, caps))
    return FALSE;

  if (self->insists_on_max > 0 && max != self->insists_on_max) {
    gst_buffer_pool_config_set_params (config, caps, size, min,
        self->insists_on_max);
    return FALSE;
  }

  /* As pools do that know better: say so, and take it */
  if (self->gap > 0) {
    gsize offset[GST_VIDEO_MAX_PLANES], needed;
    gint stride[GST_VIDEO_MAX_PLANES];

    test_pool_get_layout (&self->info, self->gap, offset, stride, &needed);
    gst_buffer_pool_config_set_params (config, caps, MAX (size, needed), min,
        max);
  }

  return GST_BUFFER_POOL_CLASS (test_pool_parent_class)->set_config (pool,
      config);
}

static GstFlowReturn
test_pool_alloc_buffer (GstBufferPool * pool, GstBuffer ** buffer,
    GstBufferPoolAcquireParams * params)
{
  TestPool *self = TEST_POOL (pool);
  gsize offset[GST_VIDEO_MAX_PLANES], size;
  gint stride[GST_VIDEO_MAX_PLANES];
  GstFlowReturn ret = GST_FLOW_OK;

  if (self->has_no_memory)
    return GST_FLOW_ERROR;

  if (self->gap > 0) {
    test_pool_get_layout (&self->info, self->gap, offset, stride, &size);
    *buffer = gst_buffer_new_allocate (NULL, size - self->missing, NULL);
    gst_buffer_add_video_meta_full (*buffer, GST_VIDEO_FRAME_FLAG_NONE,
        GST_VIDEO_INFO_FORMAT (&self->info), self->info.width,
        self->info.height, GST_VIDEO_INFO_N_PLANES (&self->info), offset,
        stride);
  } else if (self->missing > 0) {
    *buffer = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (&self->info)
        - self->missing, NULL);
  } else {
    ret = GST_BUFFER_POOL_CLASS (test_pool_parent_class)->alloc_buffer (pool,
        buffer, params);
  }

  if (ret == GST_FLOW_OK) {
    gst_buffer_memset (*buffer, 0, TEST_POOL_FILL, -1);
    self->allocated++;
  }
  return ret;
}

static GstFlowReturn
test_pool_acquire_buffer (GstBufferPool * pool, GstBuffer ** buffer,
    GstBufferPoolAcquireParams * params)
{
  GstBufferPoolAcquireParams waiting = { 0, };

  g_atomic_int_inc (&TEST_POOL (pool)->asked);
  return GST_BUFFER_POOL_CLASS (test_pool_parent_class)->acquire_buffer (pool,
      buffer, TEST_POOL (pool)->always_waits ? &waiting : params);
}

static void
test_pool_class_init (TestPoolClass * klass)
{
  GstBufferPoolClass *pool_class = GST_BUFFER_POOL_CLASS (klass);

  pool_class->get_options = test_pool_get_options;
  pool_class->set_config = test_pool_set_config;
  pool_class->alloc_buffer = test_pool_alloc_buffer;
  pool_class->acquire_buffer = test_pool_acquire_buffer;
}

static void
test_pool_init (TestPool * self)
{
}

TestPool *
test_pool_new (void)
{
  return g_object_ref_sink (g_object_new (TEST_TYPE_POOL, NULL));
}

/* --- Allocator ----------------------------------------------------------- */

typedef struct
{
  GstMemory parent;
  guint8 *data;
} TestMemory;

G_DEFINE_TYPE (TestAllocator, test_allocator, GST_TYPE_ALLOCATOR);

static GstMemory *
test_allocator_alloc (GstAllocator * allocator, gsize size,
    GstAllocationParams * params)
{
  TestAllocator *self = TEST_ALLOCATOR (allocator);
  TestMemory *mem;

  if (self->has_no_memory)
    return NULL;

  GST_OBJECT_LOCK (self);
  self->allocated++;
  self->last_params = *params;
  GST_OBJECT_UNLOCK (self);

  mem = g_new0 (TestMemory, 1);
  gst_memory_init (GST_MEMORY_CAST (mem), params->flags, allocator, NULL,
      size, 0, 0, size);
  mem->data = g_malloc (size);
  return GST_MEMORY_CAST (mem);
}

static void
test_allocator_free (GstAllocator * allocator, GstMemory * memory)
{
  g_free (((TestMemory *) memory)->data);
  g_free (memory);
}

static gpointer
test_allocator_map (GstMemory * memory, gsize maxsize, GstMapFlags flags)
{
  TestAllocator *self = TEST_ALLOCATOR (memory->allocator);

  if ((flags & GST_MAP_WRITE) && self->before_write)
    self->before_write ();
  return ((TestMemory *) memory)->data;
}

static void
test_allocator_unmap (GstMemory * memory)
{
}

static void
test_allocator_class_init (TestAllocatorClass * klass)
{
  GstAllocatorClass *allocator_class = GST_ALLOCATOR_CLASS (klass);

  allocator_class->alloc = test_allocator_alloc;
  allocator_class->free = test_allocator_free;
}

static void
test_allocator_init (TestAllocator * self)
{
  GstAllocator *allocator = GST_ALLOCATOR_CAST (self);

  allocator->mem_type = "TestMemory";
  allocator->mem_map = test_allocator_map;
  allocator->mem_unmap = test_allocator_unmap;
}

TestAllocator *
test_allocator_new (void)
{
  return g_object_ref_sink (g_object_new (TEST_TYPE_ALLOCATOR, NULL));
}

/* --- Proposals ----------------------------------------------------------- */

typedef struct
{
  GstBufferPool *pool;
  guint size, min, max;
} Proposal;

static void
proposal_free (gpointer data)
{
  Proposal *proposal = data;

  gst_clear_object (&proposal->pool);
  g_free (proposal);
}

/* Before the harness adds what it has to say */
static GstPadProbeReturn
add_pool (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  Proposal *proposal = user_data;
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);

  if (GST_QUERY_TYPE (query) == GST_QUERY_ALLOCATION)
    gst_query_add_allocation_pool (query, proposal->pool, proposal->size,
        proposal->min, proposal->max);

  return GST_PAD_PROBE_OK;
}

/* Returns: what to withdraw it by */
gulong
propose_pool (GstHarness * h, gpointer pool, guint size, guint min, guint max)
{
  Proposal *proposal = g_new0 (Proposal, 1);

  proposal->pool = pool ? gst_object_ref (pool) : NULL;
  proposal->size = size;
  proposal->min = min;
  proposal->max = max;
  return gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM |
      GST_PAD_PROBE_TYPE_PUSH, add_pool, proposal, proposal_free);
}

void
withdraw_pool (GstHarness * h, gulong proposal)
{
  gst_pad_remove_probe (h->sinkpad, proposal);
}

void
propose_video_meta (GstHarness * h)
{
  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_META_API_TYPE, NULL);
}
