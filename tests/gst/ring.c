/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ring: memories over one dma-buf that come back, the same ones, when the
 * last who held them lets go, whoever that is and whenever.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gstmmiodmabuf.h"
#include "source.h"
#include "testmemfd.h"

#define DMA_BUF "mmiovid-test-dma-buf"

static TestMemfd bar;
static GstMmioRing *ring;
static gsize length;
static guint fds;               /* before there was a ring */
static gboolean released;

static void
on_release (gpointer data)
{
  released = TRUE;
}

/* The region is the allocator's alone, and the allocator the ring's */
static GstMmioRing *
create_ring (void)
{
  const gsize page = page_size ();
  const int fd = memfd_create (DMA_BUF, MFD_CLOEXEC);
  GstMmioDmaBufAllocator *allocator;
  MmioRegion *region;
  const char *reason;

  fail_unless (fd >= 0);
  region = mmio_region_map (bar.fd, page + 3, page + 100, MMIO_MAPPING_CACHED,
      on_release, NULL);
  fail_unless (region != NULL);
  mmio_region_get_pages (region, &length);
  allocator = gst_mmio_dma_buf_allocator_new (fd, region,
      mmio_reader_choose (MMIO_ENGINE_U64, MMIO_MAPPING_CACHED, &reason, NULL));
  mmio_region_unref (region);
  released = FALSE;

  return gst_mmio_ring_new (allocator);
}

static void
setup (void)
{
  test_memfd_init (&bar, 4, F_SEAL_SHRINK | F_SEAL_GROW, 1);
  fds = count_fds ();
  ring = create_ring ();
  fail_unless (ring != NULL);
}

/* Nothing is left of the ring, nor of anything in it */
static void
check_gone (void)
{
  fail_unless (released);
  fail_unless_equals_int (count_maps (TEST_MEMFD), 0);
  fail_unless_equals_int (count_fds (), fds);
}

static void
teardown (void)
{
  g_clear_pointer (&ring, gst_mmio_ring_unref);
  check_gone ();
  test_memfd_clear (&bar);
}

static GstMemory *
acquire (void)
{
  GstMemory *memory = gst_mmio_ring_acquire (ring);

  fail_unless (memory != NULL, "the ring has none");
  fail_unless_equals_int (GST_MINI_OBJECT_REFCOUNT_VALUE (memory), 1);
  fail_unless (gst_is_dmabuf_memory (memory));
  fail_unless (GST_MEMORY_IS_READONLY (memory));
  return memory;
}

static GstBuffer *
acquire_buffer (void)
{
  GstBuffer *buffer = gst_buffer_new ();

  gst_buffer_append_memory (buffer, acquire ());
  return buffer;
}

/* The memories that there are, in the order in which they come */
static void
get_all (GstMemory ** memories, guint n)
{
  for (guint i = 0; i < n; i++)
    memories[i] = acquire ();
  for (guint i = 0; i < n; i++)
    gst_memory_unref (memories[i]);
}

static guint
find (GstMemory ** memories, guint n, const GstMemory * memory)
{
  guint i = 0;

  while (i < n && memories[i] != memory)
    i++;
  return i;
}

/* The one whose turn it was is @memory again after all the others */
static void
check_comes_back (GstMemory * memory)
{
  for (guint i = 0; i < GST_MMIO_RING_MIN; i++) {
    GstMemory *next = acquire ();

    fail_unless ((next == memory) == (i == GST_MMIO_RING_MIN - 1),
        "it came as number %u", i);
    gst_memory_unref (next);
  }
}

/* Who lets go at once sees them all in turn, and no others */
GST_START_TEST (test_turns)
{
  GstMemory *memories[GST_MMIO_RING_MIN];
  int fd[GST_MMIO_RING_MIN];

  fail_unless (GST_MMIO_RING_MIN >= 4);
  /* The dma-buf's, and one each */
  fail_unless_equals_int (count_fds (), fds + 1 + GST_MMIO_RING_MIN);

  for (guint i = 0; i < 10 * GST_MMIO_RING_MIN; i++) {
    const guint n = i % GST_MMIO_RING_MIN;
    GstMemory *memory = acquire ();

    if (i < GST_MMIO_RING_MIN) {
      fail_unless_equals_int (find (memories, i, memory), i);
      memories[n] = memory;
      fd[n] = gst_dmabuf_memory_get_fd (memory);
      for (guint j = 0; j < n; j++)
        fail_if (fd[j] == fd[n]);
    }
    fail_unless (memory == memories[n]);
    fail_unless_equals_int (gst_dmabuf_memory_get_fd (memory), fd[n]);
    gst_memory_unref (memory);
  }
  fail_unless_equals_int (count_fds (), fds + 1 + GST_MMIO_RING_MIN);
}

GST_END_TEST;

/* The one that came back first goes out first */
GST_START_TEST (test_fifo)
{
  static const guint order[GST_MMIO_RING_MIN] = { 2, 0, 3, 1 };
  GstMemory *memories[GST_MMIO_RING_MIN];

  for (guint i = 0; i < GST_MMIO_RING_MIN; i++)
    memories[i] = acquire ();
  for (guint i = 0; i < GST_MMIO_RING_MIN; i++)
    gst_memory_unref (memories[order[i]]);

  for (guint round = 0; round < 2; round++) {
    for (guint i = 0; i < GST_MMIO_RING_MIN; i++) {
      GstMemory *memory = acquire ();

      fail_unless (memory == memories[order[i]]);
      gst_memory_unref (memory);
    }
  }
}

GST_END_TEST;

/* It grows for those who hold on, to an end, and goes on when they let go */
GST_START_TEST (test_grows)
{
  GstMemory *memories[GST_MMIO_RING_MAX];
  GstMemory *memory;

  for (guint i = 0; i < GST_MMIO_RING_MAX; i++) {
    memories[i] = acquire ();
    fail_unless_equals_int (find (memories, i, memories[i]), i);
    fail_unless_equals_int (count_fds (), fds + 1 + MAX (i + 1,
            GST_MMIO_RING_MIN));
  }
  for (guint i = 0; i < 3; i++)
    fail_unless (gst_mmio_ring_acquire (ring) == NULL);
  fail_unless_equals_int (count_fds (), fds + 1 + GST_MMIO_RING_MAX);

  gst_memory_unref (memories[17]);
  memory = acquire ();
  fail_unless (memory == memories[17]);
  fail_unless (gst_mmio_ring_acquire (ring) == NULL);

  for (guint i = 0; i < GST_MMIO_RING_MAX; i++)
    gst_memory_unref (memories[i]);

  /* What was made stays */
  for (guint i = 0; i < 2 * GST_MMIO_RING_MAX; i++) {
    memory = acquire ();
    fail_unless (memory == memories[i % GST_MMIO_RING_MAX]);
    gst_memory_unref (memory);
  }
  fail_unless_equals_int (count_fds (), fds + 1 + GST_MMIO_RING_MAX);
}

GST_END_TEST;

/* However many hold it, it does not come before the last has let go */
GST_START_TEST (test_holders)
{
  GstBuffer *buffer = acquire_buffer ();
  GstMemory *memory = gst_buffer_peek_memory (buffer, 0);
  GstBuffer *shallow, *part, *part_of_part;
  GstMemory *share, *bare;
  GstMiniObject *holders[6];

  /* As a tee, a queue, a cropper, a payloader, a sink do */
  shallow = gst_buffer_copy (buffer);
  part = gst_buffer_copy_region (buffer, GST_BUFFER_COPY_ALL, 10, 100);
  part_of_part = gst_buffer_copy_region (part, GST_BUFFER_COPY_ALL, 5, 10);
  share = gst_memory_share (memory, 7, -1);
  bare = gst_memory_ref (memory);
  fail_unless (gst_buffer_peek_memory (shallow, 0) == memory);

  holders[0] = GST_MINI_OBJECT_CAST (buffer);
  holders[1] = GST_MINI_OBJECT_CAST (shallow);
  holders[2] = GST_MINI_OBJECT_CAST (part);
  holders[3] = GST_MINI_OBJECT_CAST (part_of_part);
  holders[4] = GST_MINI_OBJECT_CAST (share);
  holders[5] = GST_MINI_OBJECT_CAST (bare);

  /* Each of them is the last one once */
  for (guint i = 0; i < G_N_ELEMENTS (holders); i++) {
    const guint n = (__i__ + i + 1) % G_N_ELEMENTS (holders);

    for (guint j = 0; j < 2 * GST_MMIO_RING_MIN; j++) {
      GstMemory *other = acquire ();

      fail_if (other == memory, "%u hold it",
          (guint) G_N_ELEMENTS (holders) - i);
      gst_memory_unref (other);
    }
    gst_mini_object_unref (holders[n]);
  }

  check_comes_back (memory);
}

GST_END_TEST;

/* References to one buffer, as tee's branches have them */
GST_START_TEST (test_buffer_refs)
{
  GstBuffer *buffer = acquire_buffer ();
  GstMemory *memory = gst_buffer_peek_memory (buffer, 0);

  gst_buffer_ref (buffer);
  gst_buffer_ref (buffer);
  for (guint i = 0; i < 3; i++) {
    for (guint j = 0; j < 2 * GST_MMIO_RING_MIN; j++) {
      GstMemory *other = acquire ();

      fail_if (other == memory);
      gst_memory_unref (other);
    }
    gst_buffer_unref (buffer);
  }
  check_comes_back (memory);
}

GST_END_TEST;

/* Who writes gets a copy and lets go of the memory with that */
GST_START_TEST (test_copy_on_write)
{
  GstBuffer *buffer = acquire_buffer ();
  GstMemory *memory = gst_buffer_peek_memory (buffer, 0);
  GstMapInfo info;

  fail_unless (gst_buffer_map (buffer, &info, GST_MAP_READWRITE));
  memset (info.data, 0, info.size);
  gst_buffer_unmap (buffer, &info);
  fail_if (gst_buffer_peek_memory (buffer, 0) == memory);
  check_comes_back (memory);
  test_memfd_check (&bar);
  gst_buffer_unref (buffer);
}

GST_END_TEST;

/* What became smaller at one consumer's is whole at the next one's */
GST_START_TEST (test_resized)
{
  static const struct
  {
    gssize offset;
    gsize size;
  } sizes[] = { {0, 10}, {100, 1}, {0, 0}, {50, 4000} };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    GstMemory *memory = acquire ();
    gsize offset, maxsize;
    GstMapInfo info;

    gst_memory_resize (memory, sizes[i].offset, sizes[i].size);
    gst_memory_unref (memory);
    for (guint j = 0; j < GST_MMIO_RING_MIN; j++) {
      GstMemory *next = acquire ();

      fail_unless_equals_uint64 (gst_memory_get_sizes (next, &offset, &maxsize),
          length);
      fail_unless_equals_uint64 (offset, 0);
      fail_unless_equals_uint64 (maxsize, length);
      fail_unless (gst_memory_map (next, &info, GST_MAP_READ));
      fail_unless (memcmp (info.data, bar.data + page_size (), length) == 0);
      gst_memory_unmap (next, &info);
      gst_memory_unref (next);
    }
  }
}

GST_END_TEST;

static void
count_forgotten (gpointer n)
{
  (*(guint *) n)++;
}

/* What sinks keep with a memory stays with it, until it goes with the ring */
GST_START_TEST (test_qdata)
{
  const GQuark quark = g_quark_from_static_string ("a sink's framebuffer");
  guint forgotten = 0;
  GstMemory *memories[GST_MMIO_RING_MIN];

  get_all (memories, GST_MMIO_RING_MIN);
  for (guint i = 0; i < GST_MMIO_RING_MIN; i++) {
    GstMemory *memory = acquire ();

    fail_unless (gst_mini_object_get_qdata (GST_MINI_OBJECT_CAST (memory),
            quark) == NULL);
    gst_mini_object_set_qdata (GST_MINI_OBJECT_CAST (memory), quark, &forgotten,
        count_forgotten);
    gst_memory_unref (memory);
  }
  for (guint i = 0; i < 10 * GST_MMIO_RING_MIN; i++) {
    GstMemory *memory = acquire ();

    fail_unless (gst_mini_object_get_qdata (GST_MINI_OBJECT_CAST (memory),
            quark) == &forgotten);
    gst_memory_unref (memory);
  }
  fail_unless_equals_int (forgotten, 0);

  g_clear_pointer (&ring, gst_mmio_ring_unref);
  fail_unless_equals_int (forgotten, GST_MMIO_RING_MIN);
}

GST_END_TEST;

static gpointer
unref_buffer (gpointer buffer)
{
  gst_buffer_unref (buffer);
  return NULL;
}

GST_START_TEST (test_other_thread)
{
  GstMemory *memories[GST_MMIO_RING_MIN];

  get_all (memories, GST_MMIO_RING_MIN);
  for (guint i = 0; i < 5 * GST_MMIO_RING_MIN; i++) {
    GstBuffer *buffer = acquire_buffer ();

    fail_unless (gst_buffer_peek_memory (buffer, 0) ==
        memories[i % GST_MMIO_RING_MIN]);
    g_thread_join (g_thread_new ("consumer", unref_buffer, buffer));
  }
}

GST_END_TEST;

/* The ring's owner and three who hold memories go in every order; whoever is
 * last takes everything along */
GST_START_TEST (test_orders)
{
  guint order[4], n = __i__;
  guint left[4] = { 0, 1, 2, 3 };
  GstMemory *memories[3];

  for (guint i = 0; i < 4; i++) {
    const guint at = n % (4 - i);

    n /= 4 - i;
    order[i] = left[at];
    left[at] = left[3 - i];
  }

  for (guint i = 0; i < 3; i++)
    memories[i] = acquire ();
  for (guint i = 0; i < 4; i++) {
    fail_if (released);
    fail_unless_equals_int (count_maps (TEST_MEMFD), 1);
    if (order[i] == 3) {
      gst_mmio_ring_unref (g_steal_pointer (&ring));
    } else {
      GstMemory *memory = memories[order[i]];
      GstMapInfo info;

      fail_unless (gst_memory_map (memory, &info, GST_MAP_READ));
      fail_unless (memcmp (info.data, bar.data + page_size (), length) == 0);
      gst_memory_unmap (memory, &info);
      gst_memory_unref (memory);
    }
  }
  check_gone ();
}

GST_END_TEST;

/* Also a part that is held, and copies of buffers */
GST_START_TEST (test_parts_outlive)
{
  GstBuffer *buffer = acquire_buffer ();
  GstBuffer *part = gst_buffer_copy_region (buffer, GST_BUFFER_COPY_ALL, 10,
      100);
  GstBuffer *shallow = gst_buffer_copy (part);

  g_clear_pointer (&ring, gst_mmio_ring_unref);
  gst_buffer_unref (buffer);
  gst_buffer_unref (part);
  fail_if (released);
  fail_unless (gst_buffer_memcmp (shallow, 0, bar.data + page_size () + 10,
          100) == 0);
  gst_buffer_unref (shallow);
  check_gone ();
}

GST_END_TEST;

/* Too few descriptors for a ring: none, and nothing of it is left */
GST_START_TEST (test_no_descriptors)
{
  GstMmioRing *other;

  g_clear_pointer (&ring, gst_mmio_ring_unref);
  limit_fds (1 + __i__);
  other = create_ring ();
  unlimit_fds ();

  fail_unless ((other != NULL) == (__i__ >= GST_MMIO_RING_MIN));
  g_clear_pointer (&other, gst_mmio_ring_unref);
  check_gone ();
}

GST_END_TEST;

/* Or too few for it to grow: it goes on with those that it has */
GST_START_TEST (test_no_more_descriptors)
{
  GstMemory *memories[GST_MMIO_RING_MAX];
  GstMemory *memory;

  limit_fds (2);
  for (guint i = 0; i < GST_MMIO_RING_MIN + 2; i++)
    memories[i] = acquire ();
  for (guint i = 0; i < 3; i++)
    fail_unless (gst_mmio_ring_acquire (ring) == NULL);
  gst_memory_unref (memories[1]);
  memory = acquire ();
  fail_unless (memory == memories[1]);
  fail_unless (gst_mmio_ring_acquire (ring) == NULL);

  /* Asking in vain costs none of those that there may be */
  unlimit_fds ();
  for (guint i = GST_MMIO_RING_MIN + 2; i < GST_MMIO_RING_MAX; i++)
    memories[i] = acquire ();
  fail_unless (gst_mmio_ring_acquire (ring) == NULL);
  for (guint i = 0; i < GST_MMIO_RING_MAX; i++)
    gst_memory_unref (memories[i]);
}

GST_END_TEST;

/* --- Many threads --------------------------------------------------------- */

#define N_THREADS 4
#define N_FRAMES 20000

static GAsyncQueue *queues[N_THREADS];
static GQuark holders_quark;

/* How many buffers there are over it, as a sink keeps things with a memory */
static gint *
get_holders (GstMemory * memory)
{
  gint *holders = gst_mini_object_get_qdata (GST_MINI_OBJECT_CAST (memory),
      holders_quark);

  if (!holders) {
    holders = g_new0 (gint, 1);
    gst_mini_object_set_qdata (GST_MINI_OBJECT_CAST (memory), holders_quark,
        holders, g_free);
  }

  return holders;
}

/* Holds a few buffers at a time, copies some, and lets go in any order */
static gpointer
consume (gpointer queue)
{
  GRand *rand = g_rand_new_with_seed (GPOINTER_TO_UINT (queue));
  GstBuffer *held[4] = { NULL, };
  GstBuffer *buffer;
  gboolean ends = FALSE;

  while (!ends) {
    const guint at = g_rand_int_range (rand, 0, G_N_ELEMENTS (held));

    buffer = g_async_queue_pop (queue);
    ends = GST_BUFFER_OFFSET (buffer) == GST_BUFFER_OFFSET_NONE;

    if (!ends && g_rand_boolean (rand)) {
      GstMemory *memory = gst_buffer_peek_memory (buffer, 0);
      gint *holders = get_holders (memory);
      GstBuffer *copy;

      g_atomic_int_inc (holders);
      copy = g_rand_boolean (rand) ? gst_buffer_copy (buffer) :
          gst_buffer_copy_region (buffer, GST_BUFFER_COPY_ALL, 10, 100);
      GST_BUFFER_OFFSET (copy) = GPOINTER_TO_SIZE (holders);
      g_atomic_int_add (holders, -1);
      gst_buffer_unref (buffer);
      buffer = copy;
    }

    for (guint i = 0; i < G_N_ELEMENTS (held); i++) {
      if ((i == at || ends) && held[i]) {
        g_atomic_int_add ((gint *) GSIZE_TO_POINTER (GST_BUFFER_OFFSET
                (held[i])), -1);
        gst_clear_buffer (&held[i]);
      }
    }
    if (ends)
      gst_buffer_unref (buffer);
    else
      held[at] = buffer;
  }

  g_rand_free (rand);
  return NULL;
}

GST_START_TEST (test_threads)
{
  GThread *threads[N_THREADS];
  gint64 last = g_get_monotonic_time ();
  guint n_none = 0, n_out = 0;

  holders_quark = g_quark_from_static_string ("holders");
  for (guint i = 0; i < N_THREADS; i++) {
    queues[i] = g_async_queue_new_full ((GDestroyNotify) gst_buffer_unref);
    threads[i] = g_thread_new ("consumer", consume, queues[i]);
  }

  while (n_out < N_FRAMES) {
    GstMemory *memory = gst_mmio_ring_acquire (ring);
    GstBuffer *buffer;
    gint *holders;

    /* They hold less than there may be */
    if (!memory) {
      often_unless (g_get_monotonic_time () < last + HANG,
          "none comes back any more");
      n_none++;
      g_thread_yield ();
      continue;
    }

    last = g_get_monotonic_time ();
    often_unless (GST_MINI_OBJECT_REFCOUNT_VALUE (memory) == 1,
        "somebody has a reference");
    often_unless (memory->size == length && memory->offset == 0, "not whole");
    holders = get_holders (memory);
    often_unless (g_atomic_int_add (holders, 1) == 0, "somebody holds it");
    buffer = gst_buffer_new ();
    gst_buffer_append_memory (buffer, memory);
    GST_BUFFER_OFFSET (buffer) = GPOINTER_TO_SIZE (holders);
    g_async_queue_push (queues[n_out++ % N_THREADS], buffer);
  }

  /* Its owner goes while they are at it */
  g_clear_pointer (&ring, gst_mmio_ring_unref);
  for (guint i = 0; i < N_THREADS; i++)
    g_async_queue_push (queues[i], gst_buffer_new ());
  for (guint i = 0; i < N_THREADS; i++) {
    g_thread_join (threads[i]);
    g_async_queue_unref (queues[i]);
  }
  GST_INFO ("%u times there was none", n_none);
  check_gone ();
}

GST_END_TEST;

static Suite *
ring_suite (void)
{
  Suite *s = suite_create ("gst-ring");
  TCase *tc = add_case (s, "ring");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_turns);
  tcase_add_test (tc, test_fifo);
  tcase_add_test (tc, test_grows);
  tcase_add_loop_test (tc, test_holders, 0, 6);
  tcase_add_test (tc, test_buffer_refs);
  tcase_add_test (tc, test_copy_on_write);
  tcase_add_test (tc, test_resized);
  tcase_add_test (tc, test_qdata);
  tcase_add_test (tc, test_other_thread);
  tcase_add_loop_test (tc, test_orders, 0, 24);
  tcase_add_test (tc, test_parts_outlive);
  tcase_add_loop_test (tc, test_no_descriptors, 0, GST_MMIO_RING_MIN + 2);
  tcase_add_test (tc, test_no_more_descriptors);
  tcase_add_test (tc, test_threads);

  return s;
}

GST_CHECK_MAIN (ring);
