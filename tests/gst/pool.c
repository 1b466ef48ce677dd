/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstmmiopool.h"
#include "gstmmiovidsrc.h"
#include "source.h"
#include "testpool.h"

#define CAPS "video/x-raw,format=RGB,width=5,height=3,framerate=50/1"
/* 5 * 3 rounded up to 16, times 3 */
#define SIZE 48

static GstVideoInfo info;

static GstQuery *
new_query (gboolean has_video_meta)
{
  GstCaps *caps = gst_caps_from_string (CAPS);
  GstQuery *query = gst_query_new_allocation (caps, TRUE);

  fail_unless (gst_video_info_from_caps (&info, caps));
  fail_unless_equals_uint64 (info.size, SIZE);
  if (has_video_meta)
    gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  gst_caps_unref (caps);
  return query;
}

typedef struct
{
  GstBufferPool *pool;
  guint size, min, max;
  gboolean adds_video_meta;
} Decision;

static void
decide (GstQuery * query, guint max_buffers, Decision * decision)
{
  guint size, min, max, got_max = 12345;
  GstStructure *config;
  GstCaps *caps, *wanted;

  fail_unless (gst_mmio_pool_decide (query, &info, &got_max));
  fail_unless_equals_int (got_max, max_buffers);
  fail_unless_equals_int (gst_query_get_n_allocation_pools (query), 1);
  gst_query_parse_nth_allocation_pool (query, 0, &decision->pool,
      &decision->size, &decision->min, &decision->max);
  fail_unless (decision->pool != NULL);

  /* It is configured as the query says */
  config = gst_buffer_pool_get_config (decision->pool);
  fail_unless (gst_buffer_pool_config_get_params (config, &caps, &size, &min,
          &max));
  fail_unless (size >= decision->size && decision->size >= SIZE);
  fail_unless_equals_int (max, decision->max);
  fail_unless_equals_int (max, max_buffers);
  fail_unless (min >= decision->min);
  wanted = gst_caps_from_string (CAPS);
  fail_unless (caps && gst_caps_is_equal (caps, wanted));
  gst_caps_unref (wanted);
  decision->adds_video_meta = gst_buffer_pool_config_has_option (config,
      GST_BUFFER_POOL_OPTION_VIDEO_META);
  gst_structure_free (config);
}

static GstBuffer *
acquire (GstBufferPool * pool)
{
  GstBuffer *buffer;

  fail_unless (gst_buffer_pool_set_active (pool, TRUE));
  fail_unless_equals_int (gst_buffer_pool_acquire_buffer (pool, &buffer, NULL),
      GST_FLOW_OK);
  fail_unless (gst_buffer_get_size (buffer) >= SIZE);
  return buffer;
}

static void
drop (GstQuery * query, Decision * decision)
{
  gst_buffer_pool_set_active (decision->pool, FALSE);
  gst_clear_object (&decision->pool);
  gst_query_unref (query);
}

/* Nobody has a pool: one of our own, as many buffers as it takes */
GST_START_TEST (test_own)
{
  const gboolean has_video_meta = __i__;
  GstQuery *query = new_query (has_video_meta);
  Decision decision;
  GstBuffer *buffer;

  decide (query, 0, &decision);
  fail_unless_equals_int (decision.size, SIZE);
  fail_unless_equals_int (decision.adds_video_meta, has_video_meta);
  buffer = acquire (decision.pool);
  fail_unless ((gst_buffer_get_video_meta (buffer) != NULL) == has_video_meta);
  gst_buffer_unref (buffer);
  drop (query, &decision);
}

GST_END_TEST;

GST_START_TEST (test_proposed)
{
  const gboolean has_video_meta = __i__;
  GstQuery *query = new_query (has_video_meta);
  TestPool *pool = test_pool_new ();
  Decision decision;
  GstBuffer *buffer;

  gst_query_add_allocation_pool (query, GST_BUFFER_POOL (pool), 100, 2, 7);
  decide (query, 7, &decision);
  fail_unless (decision.pool == GST_BUFFER_POOL_CAST (pool));
  fail_unless (decision.size == 100 && decision.min == 2 && decision.max == 7);
  fail_unless_equals_int (decision.adds_video_meta, has_video_meta);

  buffer = acquire (decision.pool);
  fail_unless_equals_int (pool->allocated, 2);
  gst_buffer_unref (buffer);
  drop (query, &decision);
  gst_object_unref (pool);
}

GST_END_TEST;

/* The first one counts, as with everybody; and the query has no other then */
GST_START_TEST (test_several_proposed)
{
  GstQuery *query = new_query (TRUE);
  TestPool *one = test_pool_new (), *other = test_pool_new ();
  Decision decision;

  gst_query_add_allocation_pool (query, GST_BUFFER_POOL (one), SIZE, 1, 3);
  gst_query_add_allocation_pool (query, GST_BUFFER_POOL (other), SIZE, 2, 5);
  decide (query, 3, &decision);
  fail_unless (decision.pool == GST_BUFFER_POOL_CAST (one));
  drop (query, &decision);
  gst_object_unref (one);
  gst_object_unref (other);
}

GST_END_TEST;

/* The first one that takes what is sent, also where an entry has no pool at all */
GST_START_TEST (test_first_refuses)
{
  GstQuery *query = new_query (TRUE);
  TestPool *one = test_pool_new (), *other = test_pool_new ();
  Decision decision;

  one->refuses = TRUE;
  if (__i__)
    gst_query_add_allocation_pool (query, NULL, 200, 4, 9);
  gst_query_add_allocation_pool (query, GST_BUFFER_POOL (one), 300, 1, 3);
  gst_query_add_allocation_pool (query, GST_BUFFER_POOL (other), 100, 2, 5);
  decide (query, 5, &decision);
  fail_unless (decision.pool == GST_BUFFER_POOL_CAST (other));
  fail_unless (decision.size == 100 && decision.min == 2);
  drop (query, &decision);
  gst_object_unref (one);
  gst_object_unref (other);
}

GST_END_TEST;

/* Where none takes it, the own pool is as the first entry says */
GST_START_TEST (test_all_refuse)
{
  GstQuery *query = new_query (TRUE);
  TestPool *one = test_pool_new (), *other = test_pool_new ();
  Decision decision;

  one->refuses = other->refuses = TRUE;
  gst_query_add_allocation_pool (query, GST_BUFFER_POOL (one), 100, 3, 5);
  gst_query_add_allocation_pool (query, GST_BUFFER_POOL (other), 200, 4, 6);
  decide (query, 0, &decision);
  fail_unless (decision.pool != GST_BUFFER_POOL_CAST (one));
  fail_unless (decision.pool != GST_BUFFER_POOL_CAST (other));
  fail_unless (decision.size == 100 && decision.min == 3);
  drop (query, &decision);
  gst_object_unref (one);
  gst_object_unref (other);
}

GST_END_TEST;

/* A size that is too small, or none, becomes what the picture needs */
GST_START_TEST (test_small_size)
{
  const guint size = __i__ ? SIZE - 1 : 0;
  GstQuery *query = new_query (TRUE);
  TestPool *pool = test_pool_new ();
  Decision decision;

  gst_query_add_allocation_pool (query, GST_BUFFER_POOL (pool), size, 0, 0);
  decide (query, 0, &decision);
  fail_unless (decision.pool == GST_BUFFER_POOL_CAST (pool));
  fail_unless_equals_int (decision.size, SIZE);
  gst_buffer_unref (acquire (decision.pool));
  drop (query, &decision);
  gst_object_unref (pool);
}

GST_END_TEST;

/* Numbers, but no pool */
GST_START_TEST (test_no_pool_in_proposal)
{
  GstQuery *query = new_query (TRUE);
  Decision decision;

  gst_query_add_allocation_pool (query, NULL, 1000, 2, 3);
  decide (query, 0, &decision);
  gst_buffer_unref (acquire (decision.pool));
  drop (query, &decision);
}

GST_END_TEST;

GST_START_TEST (test_refusing)
{
  GstQuery *query = new_query (TRUE);
  TestPool *pool = test_pool_new ();
  Decision decision;

  pool->refuses = TRUE;
  gst_query_add_allocation_pool (query, GST_BUFFER_POOL (pool), SIZE, 2, 3);
  decide (query, 0, &decision);
  fail_unless (decision.pool != GST_BUFFER_POOL_CAST (pool));
  fail_unless (decision.adds_video_meta);
  gst_buffer_unref (acquire (decision.pool));
  fail_unless_equals_int (pool->allocated, 0);
  drop (query, &decision);
  gst_object_unref (pool);
}

GST_END_TEST;

/* One that says what it wants instead gets that, if it is enough: what the
 * latency is computed from is what it really has */
GST_START_TEST (test_insisting)
{
  GstQuery *query = new_query (TRUE);
  TestPool *pool = test_pool_new ();
  Decision decision;

  pool->insists_on_max = 4;
  gst_query_add_allocation_pool (query, GST_BUFFER_POOL (pool), SIZE, 2, 0);
  decide (query, 4, &decision);
  fail_unless (decision.pool == GST_BUFFER_POOL_CAST (pool));
  gst_buffer_unref (acquire (decision.pool));
  drop (query, &decision);
  gst_object_unref (pool);
}

GST_END_TEST;

GST_START_TEST (test_without_options)
{
  GstQuery *query = new_query (TRUE);
  TestPool *pool = test_pool_new ();
  Decision decision;

  pool->has_no_options = TRUE;
  gst_query_add_allocation_pool (query, GST_BUFFER_POOL (pool), SIZE, 2, 3);
  decide (query, 3, &decision);
  fail_unless (decision.pool == GST_BUFFER_POOL_CAST (pool));
  fail_if (decision.adds_video_meta);
  drop (query, &decision);
  gst_object_unref (pool);
}

GST_END_TEST;

static void
configure (TestPool * pool, const char *caps_text, guint size, guint min,
    guint max)
{
  GstStructure *config = gst_buffer_pool_get_config (GST_BUFFER_POOL (pool));
  GstCaps *caps = gst_caps_from_string (caps_text);

  gst_buffer_pool_config_set_params (config, caps, size, min, max);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  fail_unless (gst_buffer_pool_set_config (GST_BUFFER_POOL (pool), config));
  gst_caps_unref (caps);
}

/* One that is in use as it is will do, if it is for the same picture */
GST_START_TEST (test_active)
{
  GstQuery *query = new_query (TRUE);
  TestPool *pool = test_pool_new ();
  GstBuffer *in_use, *buffer;
  Decision decision;

  configure (pool, CAPS, 100, 3, 3);
  in_use = acquire (GST_BUFFER_POOL (pool));

  gst_query_add_allocation_pool (query, GST_BUFFER_POOL (pool), SIZE, 2, 3);
  decide (query, 3, &decision);
  fail_unless (decision.pool == GST_BUFFER_POOL_CAST (pool));
  fail_unless (gst_buffer_pool_is_active (decision.pool));
  buffer = acquire (decision.pool);
  gst_buffer_unref (buffer);
  gst_buffer_unref (in_use);
  drop (query, &decision);
  gst_object_unref (pool);
}

GST_END_TEST;

/* And it is left in peace if it is for another one */
GST_START_TEST (test_active_for_another)
{
  static const struct
  {
    const char *caps;
    guint size, min;
  } others[] = {
    {"video/x-raw,format=RGB,width=4,height=4,framerate=50/1", 48, 2},
    {"video/x-raw,format=RGB,width=5,height=3,framerate=25/1", 48, 2},
    {CAPS, 48, 1},
  };
  GstQuery *query = new_query (TRUE);
  TestPool *pool = test_pool_new ();
  GstBuffer *in_use;
  Decision decision;

  configure (pool, others[__i__].caps, others[__i__].size, others[__i__].min,
      3);
  in_use = acquire (GST_BUFFER_POOL (pool));

  gst_query_add_allocation_pool (query, GST_BUFFER_POOL (pool), SIZE, 2, 3);
  decide (query, 0, &decision);
  fail_unless (decision.pool != GST_BUFFER_POOL_CAST (pool));
  fail_unless (gst_buffer_pool_is_active (GST_BUFFER_POOL (pool)));
  gst_buffer_unref (acquire (decision.pool));
  gst_buffer_unref (in_use);
  gst_buffer_pool_set_active (GST_BUFFER_POOL (pool), FALSE);
  drop (query, &decision);
  gst_object_unref (pool);
}

GST_END_TEST;

/* Our pool takes downstream's memory and its wishes */
GST_START_TEST (test_allocator)
{
  GstQuery *query = new_query (TRUE);
  TestAllocator *allocator = test_allocator_new ();
  GstAllocationParams params = {.align = 63,.prefix = 3,.padding = 5 };
  Decision decision;
  GstBuffer *buffer;

  gst_query_add_allocation_param (query, GST_ALLOCATOR (allocator), &params);
  params.align = 4095;
  gst_query_add_allocation_param (query, NULL, &params);
  decide (query, 0, &decision);
  buffer = acquire (decision.pool);
  fail_unless (gst_buffer_peek_memory (buffer, 0)->allocator ==
      GST_ALLOCATOR_CAST (allocator));
  fail_unless_equals_int (allocator->allocated, 1);
  fail_unless_equals_uint64 (allocator->last_params.align, 63);
  fail_unless_equals_uint64 (allocator->last_params.prefix, 3);
  fail_unless_equals_uint64 (allocator->last_params.padding, 5);
  gst_buffer_unref (buffer);
  drop (query, &decision);
  gst_object_unref (allocator);
}

GST_END_TEST;

/* And so does downstream's */
GST_START_TEST (test_params_of_proposed)
{
  GstQuery *query = new_query (TRUE);
  TestPool *pool = test_pool_new ();
  GstAllocationParams params = {.align = 255,.prefix = 64,.padding = 128 };
  GstAllocationParams got;
  GstStructure *config;
  Decision decision;

  gst_query_add_allocation_param (query, NULL, &params);
  gst_query_add_allocation_pool (query, GST_BUFFER_POOL (pool), SIZE, 2, 7);
  decide (query, 7, &decision);
  fail_unless (decision.pool == GST_BUFFER_POOL_CAST (pool));
  config = gst_buffer_pool_get_config (decision.pool);
  fail_unless (gst_buffer_pool_config_get_allocator (config, NULL, &got));
  gst_structure_free (config);
  fail_unless_equals_uint64 (got.align, 255);
  fail_unless_equals_uint64 (got.prefix, 64);
  fail_unless_equals_uint64 (got.padding, 128);
  drop (query, &decision);
  gst_object_unref (pool);
}

GST_END_TEST;

GST_START_TEST (test_params_without_allocator)
{
  GstQuery *query = new_query (FALSE);
  GstAllocationParams params = {.align = 4095 };
  Decision decision;
  GstBuffer *buffer;
  GstMapInfo map;

  gst_query_add_allocation_param (query, NULL, &params);
  decide (query, 0, &decision);
  buffer = acquire (decision.pool);
  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  fail_unless_equals_int ((guintptr) map.data & 4095, 0);
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);
  drop (query, &decision);
}

GST_END_TEST;

GST_START_TEST (test_remove_all)
{
  GstQuery *query = new_query (TRUE);

  gst_mmio_pool_remove_all (query);
  gst_query_add_allocation_pool (query, NULL, 1, 0, 0);
  gst_query_add_allocation_pool (query, NULL, 2, 0, 0);
  gst_query_add_allocation_pool (query, NULL, 3, 0, 0);
  gst_mmio_pool_remove_all (query);
  fail_unless_equals_int (gst_query_get_n_allocation_pools (query), 0);
  gst_query_unref (query);
}

GST_END_TEST;

/* The category that is logged to belongs to the element */
static void
setup (void)
{
  g_type_class_unref (g_type_class_ref (GST_TYPE_MMIO_VID_SRC));
}

static Suite *
pool_suite (void)
{
  Suite *s = suite_create ("gst-pool");
  TCase *tc = add_case (s, "pool");

  tcase_add_checked_fixture (tc, setup, NULL);
  tcase_add_loop_test (tc, test_own, 0, 2);
  tcase_add_loop_test (tc, test_proposed, 0, 2);
  tcase_add_test (tc, test_several_proposed);
  tcase_add_loop_test (tc, test_first_refuses, 0, 2);
  tcase_add_test (tc, test_all_refuse);
  tcase_add_loop_test (tc, test_small_size, 0, 2);
  tcase_add_test (tc, test_no_pool_in_proposal);
  tcase_add_test (tc, test_refusing);
  tcase_add_test (tc, test_insisting);
  tcase_add_test (tc, test_without_options);
  tcase_add_test (tc, test_active);
  tcase_add_loop_test (tc, test_active_for_another, 0, 3);
  tcase_add_test (tc, test_allocator);
  tcase_add_test (tc, test_params_of_proposed);
  tcase_add_test (tc, test_params_without_allocator);
  tcase_add_test (tc, test_remove_all);

  return s;
}

GST_CHECK_MAIN (pool);
