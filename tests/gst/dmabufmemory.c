/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The allocator of dma-bufs.  What stands in for the dma-buf can be mapped, and
 * shows something else than the region: who looks there is found out.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixtures/fakekernel.h"
#include "gstmmiodmabuf.h"
#include "load/mmioengine.h"
#include "source.h"
#include "testmemfd.h"

#define DMA_BUF "mmiovid-test-dma-buf"

static TestMemfd bar;
static GstMmioDmaBufAllocator *allocator;
static const guint8 *pages;     /* those of the region, while it is mapped */
static gsize length;
static guint fds;               /* before there was an allocator */
static gboolean released;

/* A reader that counts what it loads */
static gsize loaded;

static void
count_words (guint8 * dest, const guint8 * from, gsize n)
{
  loaded += n;
  mmio_engine_copy_u64 (dest, from, n);
}

static const MmioReader reader = {
  .name = "counting",
  .load_bytes = 8,
  .copy_words = count_words,
};

static void
on_release (gpointer data)
{
  released = TRUE;
}

static int
create_dma_buf (void)
{
  const int fd = memfd_create (DMA_BUF, MFD_CLOEXEC);

  fail_unless (fd >= 0 && ftruncate (fd, 8 * page_size ()) == 0);
  return fd;
}

/* Memory over two pages of four, of which the picture does not fill either; the
 * region is the allocator's alone */
static void
setup (void)
{
  const gsize page = page_size ();
  MmioRegion *region;

  fakekernel_start ();
  test_memfd_init (&bar, 4, F_SEAL_SHRINK | F_SEAL_GROW, 1);
  released = FALSE;
  loaded = 0;
  fds = count_fds ();

  region = mmio_region_map (bar.fd, page + 3, page + 100, MMIO_MAPPING_CACHED,
      on_release, NULL);
  fail_unless (region != NULL);
  pages = mmio_region_get_pages (region, &length);
  fail_unless_equals_uint64 (length, 2 * page);
  allocator = gst_mmio_dma_buf_allocator_new (create_dma_buf (), region,
      &reader);
  mmio_region_unref (region);
  fail_if (released);
}

static void
teardown (void)
{
  gst_clear_object (&allocator);
  fail_unless (released);
  fail_unless_equals_int (count_maps (TEST_MEMFD), 0);
  fail_unless_equals_int (count_maps (DMA_BUF), 0);
  fail_unless_equals_int (count_fds (), fds);
  fail_unless_equals_int (fakekernel_count_syncs (), 0);
  test_memfd_check (&bar);
  test_memfd_clear (&bar);
  fakekernel_stop ();
}

static GstMemory *
wrap (void)
{
  GstMemory *mem = gst_mmio_dma_buf_allocator_wrap (allocator);

  fail_unless (mem != NULL);
  return mem;
}

/* What @mem shows is @size bytes of the region's pages, themselves; and nobody
 * has read or mapped anything to see it */
static void
check_content (GstMemory * mem, gsize offset, gsize size)
{
  const gsize loaded_before = loaded;
  GstMapInfo info;

  fail_unless (gst_memory_map (mem, &info, GST_MAP_READ));
  fail_unless (info.data == pages + offset);
  fail_unless_equals_uint64 (info.size, size);
  fail_unless (memcmp (info.data, bar.data + page_size () + offset, size) == 0);
  fail_unless_equals_int (count_maps (TEST_MEMFD), 1);
  fail_unless_equals_int (count_maps (DMA_BUF), 0);
  gst_memory_unmap (mem, &info);
  fail_unless_equals_int (count_maps (TEST_MEMFD), 1);
  fail_unless_equals_uint64 (loaded, loaded_before);
}

GST_START_TEST (test_wrap)
{
  GstMemory *mem = wrap ();
  gsize offset, maxsize;

  fail_unless (gst_is_dmabuf_memory (mem));
  fail_unless (gst_memory_is_type (mem, GST_ALLOCATOR_DMABUF));
  fail_unless (mem->allocator == GST_ALLOCATOR_CAST (allocator));
  fail_unless (mem->parent == NULL);
  fail_unless (GST_MEMORY_IS_READONLY (mem));
  fail_if (GST_MEMORY_IS_NO_SHARE (mem));
  fail_unless_equals_uint64 (gst_memory_get_sizes (mem, &offset, &maxsize),
      length);
  fail_unless_equals_uint64 (offset, 0);
  fail_unless_equals_uint64 (maxsize, length);
  check_content (mem, 0, length);
  gst_memory_unref (mem);
}

GST_END_TEST;

/* Each has a descriptor of its own, of the same dma-buf, that no other program
 * inherits and that goes with it */
GST_START_TEST (test_descriptors)
{
  GstMemory *mem[6];
  struct stat st, first_st;

  for (guint i = 0; i < 6; i++) {
    const guint n_before = count_fds ();
    int fd;

    mem[i] = wrap ();
    fd = gst_dmabuf_memory_get_fd (mem[i]);
    fail_unless (fstat (fd, &st) == 0);
    fail_unless_equals_int (fcntl (fd, F_GETFD), FD_CLOEXEC);
    fail_unless_equals_int (count_fds (), n_before + 1);
    if (i == 0)
      first_st = st;
    fail_unless (st.st_ino == first_st.st_ino && st.st_dev == first_st.st_dev);
    for (guint j = 0; j < i; j++)
      fail_if (fd == gst_dmabuf_memory_get_fd (mem[j]));
  }

  for (guint i = 0; i < 6; i++) {
    const int fd = gst_dmabuf_memory_get_fd (mem[i]);

    gst_memory_unref (mem[i]);
    fail_unless (fcntl (fd, F_GETFD) < 0);
  }
}

GST_END_TEST;

GST_START_TEST (test_no_descriptor)
{
  GstMemory *mem, *other;

  limit_fds (1);
  mem = gst_mmio_dma_buf_allocator_wrap (allocator);
  other = gst_mmio_dma_buf_allocator_wrap (allocator);
  unlimit_fds ();
  fail_unless (mem != NULL);
  fail_unless (other == NULL);

  other = wrap ();
  check_content (other, 0, length);
  gst_memory_unref (other);
  gst_memory_unref (mem);
}

GST_END_TEST;

/* What is mapped is the region itself, every time and live */
GST_START_TEST (test_map_is_the_region)
{
  static const guint8 news[] = "news";
  GstMemory *mem = wrap ();
  GstMemory *other = wrap ();
  GstMapInfo info, again, others;

  fail_unless (gst_memory_map (mem, &info, GST_MAP_READ));
  fail_unless (gst_memory_map (mem, &again, GST_MAP_READ));
  fail_unless (gst_memory_map (other, &others, GST_MAP_READ));
  fail_unless (info.data == pages);
  fail_unless (again.data == pages);
  fail_unless (others.data == pages);
  test_memfd_write (&bar, page_size () + 7, news, sizeof (news));
  fail_unless (memcmp (info.data + 7, news, sizeof (news)) == 0);
  fail_unless_equals_int (count_maps (TEST_MEMFD), 1);
  gst_memory_unmap (other, &others);
  gst_memory_unmap (mem, &again);
  fail_unless (memcmp (info.data, bar.data + page_size (), length) == 0);
  gst_memory_unmap (mem, &info);
  gst_memory_unref (other);
  gst_memory_unref (mem);
}

GST_END_TEST;

GST_START_TEST (test_map_write)
{
  GstMemory *mem = wrap ();
  GstMapInfo info;

  fail_if (gst_memory_map (mem, &info, GST_MAP_WRITE));
  fail_if (gst_memory_map (mem, &info, GST_MAP_READWRITE));
  check_content (mem, 0, length);
  gst_memory_unref (mem);
}

GST_END_TEST;

/* The flag may be gone, as a flag is anybody's to change: the map is still
 * read-only, and it is the allocator that says so */
GST_START_TEST (test_map_write_without_flag)
{
  GstMemory *mem = wrap ();
  GstMapInfo info;

  GST_MINI_OBJECT_FLAG_UNSET (mem, GST_MEMORY_FLAG_READONLY);
  fail_if (gst_memory_map (mem, &info, GST_MAP_WRITE));
  fail_if (gst_memory_map (mem, &info, GST_MAP_READWRITE));
  check_content (mem, 0, length);
  gst_memory_unref (mem);
}

GST_END_TEST;

static void
check_copy (GstMemory * mem, gssize offset, gssize size, gsize at,
    gsize expected)
{
  GstMemory *copy;
  GstMapInfo info;

  loaded = 0;
  copy = gst_memory_copy (mem, offset, size);
  fail_unless (copy != NULL);
  /* Each byte by our reader, and once */
  fail_unless_equals_uint64 (loaded, expected);
  fail_if (gst_is_dmabuf_memory (copy));
  fail_if (GST_MEMORY_IS_READONLY (copy));
  fail_unless (gst_memory_map (copy, &info, GST_MAP_READWRITE));
  fail_unless_equals_uint64 (info.size, expected);
  fail_unless (memcmp (info.data, bar.data + page_size () + at, expected) == 0);
  memset (info.data, 0, info.size);
  gst_memory_unmap (copy, &info);
  gst_memory_unref (copy);
}

GST_START_TEST (test_copy)
{
  GstMemory *mem = wrap ();
  GstMemory *shared;

  check_copy (mem, 0, -1, 0, length);
  check_copy (mem, 0, length, 0, length);
  check_copy (mem, 7, -1, 7, length - 7);
  check_copy (mem, 7, 100, 7, 100);
  check_copy (mem, length - 1, 1, length - 1, 1);
  check_copy (mem, length, -1, length, 0);

  /* Of a part, the offset is counted from the part's start on */
  shared = gst_memory_share (mem, 11, 500);
  check_copy (shared, 0, -1, 11, 500);
  check_copy (shared, 100, -1, 111, 400);
  check_copy (shared, 100, 10, 111, 10);
  gst_memory_unref (shared);

  gst_memory_resize (mem, 13, 600);
  check_copy (mem, 0, -1, 13, 600);
  check_copy (mem, 100, -1, 113, 500);
  gst_memory_unref (mem);
}

GST_END_TEST;

static void
check_part (GstMemory * part, GstMemory * of, gsize at, gsize size)
{
  gsize offset, maxsize;

  fail_unless (gst_is_dmabuf_memory (part));
  fail_unless (GST_MEMORY_IS_READONLY (part));
  fail_unless (part->parent == of);
  fail_unless_equals_int (gst_dmabuf_memory_get_fd (part),
      gst_dmabuf_memory_get_fd (of));
  fail_unless_equals_uint64 (gst_memory_get_sizes (part, &offset, &maxsize),
      size);
  fail_unless_equals_uint64 (offset, at);
  fail_unless_equals_uint64 (maxsize, length);
  check_content (part, at, size);
}

/* No copies, no descriptors */
GST_START_TEST (test_share)
{
  GstMemory *mem = wrap ();
  const guint n_before = count_fds ();
  GstMemory *part = gst_memory_share (mem, 10, 1000);
  GstMemory *part_of_part = gst_memory_share (part, 5, 20);
  GstMemory *rest = gst_memory_share (part, 990, -1);
  GstMemory *rest_of_all = gst_memory_share (mem, 100, -1);
  GstMemory *none = gst_memory_share (part, 1000, -1);
  GstMemory *nth[] = { part, part_of_part, rest, rest_of_all, none };
  GstMapInfo info;

  check_part (part, mem, 10, 1000);
  check_part (part_of_part, mem, 15, 20);
  check_part (rest, mem, 1000, 10);
  check_part (rest_of_all, mem, 100, length - 100);
  check_part (none, mem, 1010, 0);
  fail_unless_equals_int (count_fds (), n_before);

  for (guint i = 0; i < G_N_ELEMENTS (nth); i++) {
    fail_if (gst_memory_map (nth[i], &info, GST_MAP_WRITE));
    GST_MINI_OBJECT_FLAG_UNSET (nth[i], GST_MEMORY_FLAG_READONLY);
    fail_if (gst_memory_map (nth[i], &info, GST_MAP_READWRITE));
    GST_MINI_OBJECT_FLAG_SET (nth[i], GST_MEMORY_FLAG_READONLY);
  }

  /* In whatever order they go */
  gst_memory_unref (mem);
  gst_memory_unref (part);
  check_part (part_of_part, mem, 15, 20);
  gst_memory_unref (rest);
  gst_memory_unref (none);
  gst_memory_unref (rest_of_all);
  check_part (part_of_part, mem, 15, 20);
  gst_memory_unref (part_of_part);
  fail_unless_equals_int (count_fds (), n_before - 1);
}

GST_END_TEST;

/* Of a memory that has become smaller, the rest is what is left of it */
GST_START_TEST (test_share_resized)
{
  GstMemory *mem = wrap ();
  GstMemory *rest;

  gst_memory_resize (mem, 20, 300);
  rest = gst_memory_share (mem, 100, -1);
  check_part (rest, mem, 120, 200);
  gst_memory_unref (rest);
  gst_memory_unref (mem);
}

GST_END_TEST;

static GstBuffer *
wrap_buffer (void)
{
  GstBuffer *buffer = gst_buffer_new ();

  gst_buffer_append_memory (buffer, wrap ());
  return buffer;
}

/* A request to write gets a copy, and the BAR stays as it is */
GST_START_TEST (test_buffer_write)
{
  GstBuffer *buffer = wrap_buffer ();
  GstMapInfo info;

  fail_unless (gst_buffer_map (buffer, &info, GST_MAP_READWRITE));
  fail_unless_equals_uint64 (loaded, length);
  fail_unless_equals_uint64 (info.size, length);
  fail_unless (memcmp (info.data, bar.data + page_size (), length) == 0);
  memset (info.data, 0x33, info.size);
  gst_buffer_unmap (buffer, &info);
  fail_if (gst_is_dmabuf_memory (gst_buffer_peek_memory (buffer, 0)));

  fail_unless (gst_buffer_map (buffer, &info, GST_MAP_READ));
  fail_unless_all (info.data, info.size, 0x33);
  gst_buffer_unmap (buffer, &info);
  gst_buffer_unref (buffer);
}

GST_END_TEST;

/* Sub-buffers are parts of the same memory, and so are parts of them */
GST_START_TEST (test_sub_buffers)
{
  GstBuffer *buffer = wrap_buffer ();
  GstMemory *mem = gst_buffer_peek_memory (buffer, 0);
  GstBuffer *part = gst_buffer_copy_region (buffer, GST_BUFFER_COPY_ALL, 50,
      400);
  GstBuffer *part_of_part = gst_buffer_copy_region (part, GST_BUFFER_COPY_ALL,
      30, -1);
  GstBuffer *shallow = gst_buffer_copy (buffer);

  fail_unless (gst_buffer_peek_memory (shallow, 0) == mem);
  check_part (gst_buffer_peek_memory (part, 0), mem, 50, 400);
  check_part (gst_buffer_peek_memory (part_of_part, 0), mem, 80, 370);
  gst_buffer_unref (buffer);
  gst_buffer_unref (part);
  gst_buffer_unref (shallow);
  check_part (gst_buffer_peek_memory (part_of_part, 0), mem, 80, 370);
  fail_unless_equals_uint64 (loaded, 0);
  gst_buffer_unref (part_of_part);
}

GST_END_TEST;

/* Buffers that have such memory among other are cut and copied */
GST_START_TEST (test_buffer_parts)
{
  GstBuffer *buffer = wrap_buffer ();
  GstBuffer *deep, *part;
  GstMapInfo info;

  gst_buffer_append_memory (buffer,
      gst_memory_new_wrapped (GST_MEMORY_FLAG_READONLY, (gpointer) "tail", 4, 0,
          4, NULL, NULL));

  part = gst_buffer_copy_region (buffer, GST_BUFFER_COPY_ALL, length - 3, 5);
  fail_unless_equals_int (gst_buffer_n_memory (part), 2);
  fail_unless (gst_buffer_map (part, &info, GST_MAP_READ));
  fail_unless (memcmp (info.data, bar.data + page_size () + length - 3,
          3) == 0);
  fail_unless (memcmp (info.data + 3, "ta", 2) == 0);
  gst_buffer_unmap (part, &info);
  gst_buffer_unref (part);

  loaded = 0;
  deep = gst_buffer_copy_deep (buffer);
  fail_unless_equals_uint64 (loaded, length);
  fail_unless_equals_uint64 (gst_buffer_get_size (deep), length + 4);
  gst_buffer_unref (buffer);

  /* It holds nothing of the device */
  gst_clear_object (&allocator);
  fail_unless (released);
  fail_unless (gst_buffer_memcmp (deep, 0, bar.data + page_size (),
          length) == 0);
  fail_unless (gst_buffer_memcmp (deep, length, "tail", 4) == 0);
  gst_buffer_unref (deep);
}

GST_END_TEST;

/* Whoever was here first, the last memory lets go of the device */
GST_START_TEST (test_outlives_allocator)
{
  GstMemory *mem = wrap ();
  GstMemory *other = wrap ();
  GstMemory *part = gst_memory_share (mem, 5, 50);

  gst_clear_object (&allocator);
  check_content (mem, 0, length);
  gst_memory_unref (mem);
  check_part (part, mem, 5, 50);
  gst_memory_unref (other);
  fail_if (released);
  check_part (part, mem, 5, 50);
  gst_memory_unref (part);
  fail_unless (released);
}

GST_END_TEST;

/* A BAR is found, not made: whoever gets hold of the allocator and takes it
 * for one that makes memory is told no */
GST_START_TEST (test_no_alloc)
{
  fail_unless (GST_OBJECT_FLAG_IS_SET (allocator,
          GST_ALLOCATOR_FLAG_CUSTOM_ALLOC));
  fail_if (GST_ALLOCATOR_GET_CLASS (allocator)->alloc != NULL);
}

GST_END_TEST;

static Suite *
dmabufmemory_suite (void)
{
  Suite *s = suite_create ("gst-dmabufmemory");
  TCase *tc = add_case (s, "dmabufmemory");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_wrap);
  tcase_add_test (tc, test_descriptors);
  tcase_add_test (tc, test_no_descriptor);
  tcase_add_test (tc, test_map_is_the_region);
  tcase_add_test (tc, test_map_write);
  tcase_add_test (tc, test_map_write_without_flag);
  tcase_add_test (tc, test_copy);
  tcase_add_test (tc, test_share);
  tcase_add_test (tc, test_share_resized);
  tcase_add_test (tc, test_buffer_write);
  tcase_add_test (tc, test_sub_buffers);
  tcase_add_test (tc, test_buffer_parts);
  tcase_add_test (tc, test_outlives_allocator);
  tcase_add_test (tc, test_no_alloc);

  return s;
}

GST_CHECK_MAIN (dmabufmemory);
