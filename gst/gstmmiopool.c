/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pool of the buffers that frames are copied to: downstream's pool if it
 * proposes one, so that downstream does not copy again.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiopool.h"

GST_DEBUG_CATEGORY_EXTERN (gst_mmio_vid_src_debug);
#define GST_CAT_DEFAULT gst_mmio_vid_src_debug

static GstStructure *
get_config (GstBufferPool * pool, GstCaps * caps, guint size, guint min,
    guint max, gboolean has_video_meta)
{
  GstStructure *config = gst_buffer_pool_get_config (pool);

  gst_buffer_pool_config_set_params (config, caps, size, min, max);
  if (has_video_meta && gst_buffer_pool_has_option (pool,
          GST_BUFFER_POOL_OPTION_VIDEO_META))
    gst_buffer_pool_config_add_option (config,
        GST_BUFFER_POOL_OPTION_VIDEO_META);

  return config;
}

/* Configures @pool with the first allocator and parameters that downstream
 * proposes, as the base class does */
static gboolean
configure_pool (GstBufferPool * pool, GstQuery * query, GstCaps * caps,
    guint size, guint min, guint max, gboolean has_video_meta)
{
  GstStructure *config = get_config (pool, caps, size, min, max,
      has_video_meta);
  GstAllocator *allocator = NULL;
  GstAllocationParams params;

  gst_allocation_params_init (&params);
  if (gst_query_get_n_allocation_params (query) > 0)
    gst_query_parse_nth_allocation_param (query, 0, &allocator, &params);
  gst_buffer_pool_config_set_allocator (config, allocator, &params);
  gst_clear_object (&allocator);

  if (gst_buffer_pool_set_config (pool, config))
    return TRUE;

  /* The pool has changed the configuration, which may still be usable */
  config = gst_buffer_pool_get_config (pool);
  if (gst_buffer_pool_config_validate_params (config, caps, size, min, max))
    return gst_buffer_pool_set_config (pool, config);

  gst_structure_free (config);
  return FALSE;
}

static GstBufferPool *
create_own_pool (GstQuery * query, GstCaps * caps, guint size, guint min,
    gboolean has_video_meta)
{
  GstBufferPool *pool = gst_video_buffer_pool_new ();

  /* If a video pool cannot use the allocator, the default allocator is used */
  if (!configure_pool (pool, query, caps, size, min, 0, has_video_meta) &&
      !gst_buffer_pool_set_config (pool, get_config (pool, caps, size, min, 0,
              has_video_meta)))
    gst_clear_object (&pool);

  return pool;
}

/* Returns: (transfer full) (nullable): the first pool of downstream that accepts
 * the configuration */
static GstBufferPool *
choose_pool (GstQuery * query, GstCaps * caps, const GstVideoInfo * info,
    gboolean has_video_meta)
{
  for (guint i = 0; i < gst_query_get_n_allocation_pools (query); i++) {
    GstBufferPool *pool;
    guint size, min, max;

    gst_query_parse_nth_allocation_pool (query, i, &pool, &size, &min, &max);
    if (!pool)
      continue;
    if (configure_pool (pool, query, caps, MAX (size,
                GST_VIDEO_INFO_SIZE (info)), min, max, has_video_meta))
      return pool;

    GST_WARNING ("downstream's pool %" GST_PTR_FORMAT
        " rejects the configuration", pool);
    gst_object_unref (pool);
  }

  return NULL;
}

/**
 * gst_mmio_pool_decide:
 * @query: an answered allocation query; its pools are replaced with the selected
 *   pool
 * @info: the video info of the negotiated caps
 * @max_buffers: (out): maximum number of buffers of the pool, 0 for no limit
 *
 * Selects the buffer pool.
 *
 * Returns: FALSE if no pool accepts @info
 */
gboolean
gst_mmio_pool_decide (GstQuery * query, const GstVideoInfo * info,
    guint * max_buffers)
{
  const gboolean has_video_meta = gst_query_find_allocation_meta (query,
      GST_VIDEO_META_API_TYPE, NULL);
  GstBufferPool *pool;
  guint size = 0, min = 0, max = 0;
  GstStructure *config;
  GstCaps *caps;

  gst_query_parse_allocation (query, &caps, NULL);
  pool = choose_pool (query, caps, info, has_video_meta);

  /* The pool may have changed the values */
  if (pool) {
    config = gst_buffer_pool_get_config (pool);
    gst_buffer_pool_config_get_params (config, NULL, &size, &min, &max);
    gst_structure_free (config);
  }

  if (!pool) {
    if (gst_query_get_n_allocation_pools (query) > 0)
      gst_query_parse_nth_allocation_pool (query, 0, NULL, &size, &min, NULL);
    size = MAX (size, GST_VIDEO_INFO_SIZE (info));
    max = 0;
    pool = create_own_pool (query, caps, size, min, has_video_meta);
    if (!pool)
      return FALSE;
  }

  gst_mmio_pool_remove_all (query);
  gst_query_add_allocation_pool (query, pool, size, min, max);
  gst_object_unref (pool);

  *max_buffers = max;
  return TRUE;
}

/**
 * gst_mmio_pool_remove_all:
 * @query: an answered allocation query
 *
 * Removes all pools, for buffers that do not come from a pool.
 */
void
gst_mmio_pool_remove_all (GstQuery * query)
{
  while (gst_query_get_n_allocation_pools (query) > 0)
    gst_query_remove_nth_allocation_pool (query, 0);
}
