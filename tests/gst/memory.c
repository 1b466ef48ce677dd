/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "gstmmiomemory.h"
#include "source.h"

/* Not at a page's start, nor at a word's */
#define OFFSET 4099
#define LENGTH 3001

static TestFile file;
static GstAllocator *allocator;
static gboolean released;

static void
on_release (gpointer data)
{
  released = TRUE;
}

/* Memory over a part of the file; the region is the memory's alone */
static GstMemory *
wrap_file (void)
{
  int fd = open (file.path, O_RDONLY | O_CLOEXEC);
  MmioRegion *region;
  const char *reason;
  GstMemory *mem;

  fail_unless (fd >= 0);
  region = mmio_region_map (fd, OFFSET, LENGTH, MMIO_MAPPING_CACHED, on_release,
      NULL);
  fail_unless (region != NULL);
  close (fd);

  mem = gst_mmio_allocator_wrap (GST_MMIO_ALLOCATOR (allocator), region,
      mmio_reader_choose (MMIO_ENGINE_U64, MMIO_MAPPING_CACHED, &reason, NULL),
      0, mmio_region_get_length (region));
  mmio_region_unref (region);
  fail_if (released);
  return mem;
}

static void
setup (void)
{
  temp_setup ();
  test_file_init (&file, "bar", OFFSET + LENGTH + 50, 1);
  allocator = gst_mmio_allocator_new ();
  released = FALSE;
}

static void
teardown (void)
{
  gst_clear_object (&allocator);
  test_file_clear (&file);
  temp_teardown ();
}

static void
check_content (GstMemory * mem, gsize offset, gsize size)
{
  GstMapInfo info;

  fail_unless (gst_memory_map (mem, &info, GST_MAP_READ));
  fail_unless_equals_uint64 (info.size, size);
  fail_unless (memcmp (info.data, file.data + OFFSET + offset, size) == 0);
  gst_memory_unmap (mem, &info);
}

static void
drop_last (GstMemory * mem)
{
  fail_if (released);
  fail_unless_equals_int (count_maps (file.path), 1);
  gst_memory_unref (mem);
  fail_unless (released);
  fail_unless_equals_int (count_maps (file.path), 0);
}

GST_START_TEST (test_wrap)
{
  GstMemory *mem = wrap_file ();
  gsize offset, maxsize;

  fail_unless (gst_memory_is_type (mem, "MmioMemory"));
  fail_unless (mem->allocator == allocator);
  fail_unless (GST_MEMORY_IS_READONLY (mem));
  fail_if (GST_MEMORY_IS_NO_SHARE (mem));
  fail_unless_equals_uint64 (gst_memory_get_sizes (mem, &offset, &maxsize),
      LENGTH);
  fail_unless_equals_uint64 (offset, 0);
  fail_unless_equals_uint64 (maxsize, LENGTH);
  check_content (mem, 0, LENGTH);
  drop_last (mem);
}

GST_END_TEST;

/* What is mapped is the region itself, every time */
GST_START_TEST (test_map_is_the_region)
{
  static const guint8 news[] = "news";
  GstMemory *mem = wrap_file ();
  GstMapInfo info, again;

  fail_unless (gst_memory_map (mem, &info, GST_MAP_READ));
  fail_unless (gst_memory_map (mem, &again, GST_MAP_READ));
  fail_unless (info.data == again.data);
  test_file_write (&file, OFFSET + LENGTH - sizeof (news), news, sizeof (news));
  fail_unless (memcmp (info.data + LENGTH - sizeof (news), news,
          sizeof (news)) == 0);
  gst_memory_unmap (mem, &again);
  gst_memory_unmap (mem, &info);
  drop_last (mem);
}

GST_END_TEST;

GST_START_TEST (test_map_write)
{
  GstMemory *mem = wrap_file ();
  GstMapInfo info;

  fail_if (gst_memory_map (mem, &info, GST_MAP_WRITE));
  fail_if (gst_memory_map (mem, &info, GST_MAP_READWRITE));
  check_content (mem, 0, LENGTH);
  drop_last (mem);
}

GST_END_TEST;

/* The flag may be gone, as a flag is anybody's to change: the map is still
 * read-only, and it is the allocator that says so */
GST_START_TEST (test_map_write_without_flag)
{
  GstMemory *mem = wrap_file ();
  GstMapInfo info;

  GST_MINI_OBJECT_FLAG_UNSET (mem, GST_MEMORY_FLAG_READONLY);
  GST_MINI_OBJECT_FLAG_UNSET (mem, GST_MINI_OBJECT_FLAG_LOCK_READONLY);
  fail_if (gst_memory_map (mem, &info, GST_MAP_WRITE));
  fail_if (gst_memory_map (mem, &info, GST_MAP_READWRITE));
  drop_last (mem);
}

GST_END_TEST;

static void
check_copy (GstMemory * mem, gssize offset, gssize size, gsize at,
    gsize expected)
{
  GstMemory *copy = gst_memory_copy (mem, offset, size);
  GstMapInfo info;

  fail_unless (copy != NULL);
  fail_unless (copy->allocator != allocator);
  fail_if (GST_MEMORY_IS_READONLY (copy));
  fail_unless (gst_memory_map (copy, &info, GST_MAP_READWRITE));
  fail_unless_equals_uint64 (info.size, expected);
  fail_unless (memcmp (info.data, file.data + OFFSET + at, expected) == 0);
  memset (info.data, 0, info.size);
  gst_memory_unmap (copy, &info);
  gst_memory_unref (copy);
}

GST_START_TEST (test_copy)
{
  GstMemory *mem = wrap_file ();
  GstMemory *shared;

  check_copy (mem, 0, -1, 0, LENGTH);
  check_copy (mem, 0, LENGTH, 0, LENGTH);
  check_copy (mem, 7, -1, 7, LENGTH - 7);
  check_copy (mem, 7, 100, 7, 100);
  check_copy (mem, LENGTH - 1, 1, LENGTH - 1, 1);
  check_copy (mem, LENGTH, -1, LENGTH, 0);

  /* Of a part, the offset is counted from the part's start on */
  shared = gst_memory_share (mem, 11, 500);
  check_copy (shared, 0, -1, 11, 500);
  check_copy (shared, 100, -1, 111, 400);
  check_copy (shared, 100, 10, 111, 10);
  gst_memory_unref (shared);

  check_content (mem, 0, LENGTH);
  drop_last (mem);
}

GST_END_TEST;

GST_START_TEST (test_share)
{
  GstMemory *mem = wrap_file ();
  GstMemory *part = gst_memory_share (mem, 10, 1000);
  GstMemory *part_of_part = gst_memory_share (part, 5, 20);
  GstMemory *rest = gst_memory_share (part, 990, -1);
  gsize offset, maxsize;
  GstMapInfo all, some;

  fail_unless (part->allocator == allocator);
  fail_unless (GST_MEMORY_IS_READONLY (part));
  fail_unless_equals_uint64 (gst_memory_get_sizes (part_of_part, &offset,
          &maxsize), 20);
  fail_unless_equals_uint64 (offset, 15);
  fail_unless_equals_uint64 (maxsize, LENGTH);
  fail_unless (part->parent == mem);
  fail_unless (part_of_part->parent == mem);

  /* No copies */
  fail_unless (gst_memory_map (mem, &all, GST_MAP_READ));
  fail_unless (gst_memory_map (part_of_part, &some, GST_MAP_READ));
  fail_unless (some.data == all.data + 15);
  fail_unless_equals_uint64 (some.size, 20);
  gst_memory_unmap (part_of_part, &some);
  gst_memory_unmap (mem, &all);

  check_content (part, 10, 1000);
  check_content (part_of_part, 15, 20);
  check_content (rest, 1000, 10);
  fail_if (gst_memory_map (part, &some, GST_MAP_WRITE));

  /* In whatever order they go */
  gst_memory_unref (mem);
  gst_memory_unref (part);
  check_content (part_of_part, 15, 20);
  gst_memory_unref (rest);
  drop_last (part_of_part);
}

GST_END_TEST;

/* In a buffer: a request to write gets a copy, and the BAR stays as it is */
GST_START_TEST (test_buffer_write)
{
  GstBuffer *buffer = gst_buffer_new ();
  GstMapInfo info;

  gst_buffer_append_memory (buffer, wrap_file ());
  fail_unless (gst_buffer_map (buffer, &info, GST_MAP_READWRITE));
  fail_unless_equals_uint64 (info.size, LENGTH);
  fail_unless (memcmp (info.data, file.data + OFFSET, LENGTH) == 0);
  memset (info.data, 0x33, info.size);
  gst_buffer_unmap (buffer, &info);
  fail_unless (released);

  fail_unless (gst_buffer_map (buffer, &info, GST_MAP_READ));
  fail_unless_all (info.data, info.size, 0x33);
  gst_buffer_unmap (buffer, &info);
  gst_buffer_unref (buffer);
}

GST_END_TEST;

/* Buffers that have such memory among other are merged, cut and copied */
GST_START_TEST (test_buffer_parts)
{
  GstBuffer *buffer = gst_buffer_new ();
  GstBuffer *deep, *part;
  GstMapInfo info;
  GstMemory *mem;

  gst_buffer_append_memory (buffer, wrap_file ());
  mem = gst_memory_new_wrapped (GST_MEMORY_FLAG_READONLY, (gpointer) "tail", 4,
      0, 4, NULL, NULL);
  gst_buffer_append_memory (buffer, mem);

  part = gst_buffer_copy_region (buffer, GST_BUFFER_COPY_ALL, LENGTH - 3, 5);
  fail_unless_equals_int (gst_buffer_n_memory (part), 2);
  fail_unless (gst_buffer_map (part, &info, GST_MAP_READ));
  fail_unless (memcmp (info.data, file.data + OFFSET + LENGTH - 3, 3) == 0);
  fail_unless (memcmp (info.data + 3, "ta", 2) == 0);
  gst_buffer_unmap (part, &info);
  gst_buffer_unref (part);

  deep = gst_buffer_copy_deep (buffer);
  fail_unless_equals_uint64 (gst_buffer_get_size (deep), LENGTH + 4);
  gst_buffer_unref (buffer);
  fail_unless (released);
  fail_unless (gst_buffer_memcmp (deep, 0, file.data + OFFSET, LENGTH) == 0);
  fail_unless (gst_buffer_memcmp (deep, LENGTH, "tail", 4) == 0);
  gst_buffer_unref (deep);
}

GST_END_TEST;

GST_START_TEST (test_outlives_allocator)
{
  GstMemory *mem = wrap_file ();

  gst_clear_object (&allocator);
  check_content (mem, 0, LENGTH);
  drop_last (mem);
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
memory_suite (void)
{
  Suite *s = suite_create ("gst-memory");
  TCase *tc = add_case (s, "memory");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_wrap);
  tcase_add_test (tc, test_map_is_the_region);
  tcase_add_test (tc, test_map_write);
  tcase_add_test (tc, test_map_write_without_flag);
  tcase_add_test (tc, test_copy);
  tcase_add_test (tc, test_share);
  tcase_add_test (tc, test_buffer_write);
  tcase_add_test (tc, test_buffer_parts);
  tcase_add_test (tc, test_outlives_allocator);
  tcase_add_test (tc, test_no_alloc);

  return s;
}

GST_CHECK_MAIN (memory);
