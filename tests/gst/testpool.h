/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Downstream's pools and allocators, well-behaved and otherwise */

#include <gst/check/gstharness.h>
#include <gst/video/video.h>

G_BEGIN_DECLS

/* What test pools fill their buffers with */
#define TEST_POOL_FILL 0xa5

#define TEST_TYPE_POOL (test_pool_get_type ())
G_DECLARE_FINAL_TYPE (TestPool, test_pool, TEST, POOL, GstVideoBufferPool)

/**
 * TestPool:
 * @gap: planes start so many bytes later than they could, and rows have so
 *   many bytes more, as the video meta of the buffers says
 * @refuses: takes no configuration
 * @insists_on_max: refuses once to have another number of buffers
 * @has_no_options: not even video meta
 * @missing: so many bytes are missing from each buffer
 * @has_no_memory: allocates nothing
 * @always_waits: for a buffer, also when it is asked not to
 * @asked: how often somebody has asked for a buffer; atomic
 * @allocated: buffers that were allocated
 */
struct _TestPool {
  GstVideoBufferPool parent;

  guint gap;
  gboolean refuses;
  guint insists_on_max;
  gboolean has_no_options;
  guint missing;
  gboolean has_no_memory;
  gboolean always_waits;

  gint asked;
  guint allocated;
  GstVideoInfo info;
};

TestPool *test_pool_new (void);
void test_pool_get_layout (const GstVideoInfo * info, guint gap,
    gsize offset[GST_VIDEO_MAX_PLANES], gint stride[GST_VIDEO_MAX_PLANES],
    gsize * size);

#define TEST_TYPE_ALLOCATOR (test_allocator_get_type ())
G_DECLARE_FINAL_TYPE (TestAllocator, test_allocator, TEST, ALLOCATOR,
    GstAllocator)

/**
 * TestAllocator:
 * @has_no_memory: allocates nothing
 * @before_write: (nullable): called whenever somebody maps a memory to write
 * @allocated: memories that were allocated
 * @last_params: what the last one was allocated with
 */
struct _TestAllocator {
  GstAllocator parent;

  gboolean has_no_memory;
  void (*before_write) (void);

  guint allocated;
  GstAllocationParams last_params;      /* ask with the lock of the object */
};

TestAllocator *test_allocator_new (void);

/* What the harness answers allocation queries with, besides what
 * gst_harness_set_propose_allocator() and
 * gst_harness_add_propose_allocation_meta() say */
gulong propose_pool (GstHarness * h, gpointer pool, guint size, guint min,
    guint max);
void withdraw_pool (GstHarness * h, gulong proposal);
void propose_video_meta (GstHarness * h);

G_END_DECLS
