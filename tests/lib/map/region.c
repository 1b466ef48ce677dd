/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixtures/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "map/mmioguard.h"

#define NAME "mmiocheck-region"

/* A file of @pages pages, of which each byte is random; @content becomes a
 * copy */
static int
memory_new (guint pages, guint8 ** content)
{
  const gsize size = pages * page_size ();
  int fd = memfd_create (NAME, MFD_CLOEXEC);

  fail_unless (fd >= 0);
  *content = g_malloc (size);
  fill_random (*content, size, 7);
  fail_unless (write (fd, *content, size) == (gssize) size);
  return fd;
}

static guint n_released;

/* By now it is unmapped, so that its owner may close what it maps */
static void
count_release (gpointer owner)
{
  fail_unless (owner == &n_released);
  fail_unless_equals_int (count_maps (NAME), 0);
  n_released++;
}

GST_START_TEST (test_content)
{
  const gsize page = page_size ();
  const struct
  {
    gsize offset, length;
  } table[] = {
    {0, 1}, {0, page}, {0, 4 * page}, {1, 1}, {1, page}, {1, 4 * page - 1},
    {page - 1, 1}, {page - 1, 2}, {page, page}, {page, 1}, {page + 17, 100},
    {2 * page - 3, page + 6}, {4 * page - 1, 1}, {3 * page, page},
  };
  g_autofree guint8 *content = NULL;
  int fd = memory_new (4, &content);

  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    MmioRegion *region = mmio_region_map (fd, table[i].offset, table[i].length,
        MMIO_MAPPING_CACHED, NULL, NULL);

    fail_unless (region != NULL, "%u: %s", i, g_strerror (errno));
    fail_unless_equals_uint64 (mmio_region_get_length (region),
        table[i].length);
    fail_unless (memcmp (mmio_region_get_data (region),
            content + table[i].offset, table[i].length) == 0, "%u", i);
    mmio_region_unref (region);
    fail_unless_equals_int (count_maps (NAME), 0);
  }

  close (fd);
}

GST_END_TEST;

/* The same where the map begins earlier, by less than a page or by pages; only
 * the pages that the region is in are its own */
GST_START_TEST (test_within)
{
  const gsize page = page_size ();
  const struct
  {
    gsize start, skip, length;
    gsize first, pages;
  } table[] = {
    {0, 0, 1, 0, 1}, {0, 3, page, 0, 2}, {page, 3, page - 3, 1, 1},
    {0, page, 1, 1, 1}, {page, 2 * page + 5, page - 5, 3, 1},
    {0, page + 5, 2 * page, 1, 3}, {page, page - 1, 2, 1, 2},
  };
  g_autofree guint8 *content = NULL;
  int fd = memory_new (4, &content);

  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    MmioRegion *region = mmio_region_map_within (fd, table[i].start,
        table[i].skip, table[i].length, MMIO_MAPPING_CACHED, NULL, NULL);
    const guint8 *pages;
    gsize length;

    fail_unless (region != NULL, "%u: %s", i, g_strerror (errno));
    fail_unless_equals_uint64 (mmio_region_get_length (region),
        table[i].length);
    fail_unless (memcmp (mmio_region_get_data (region), content +
            table[i].start + table[i].skip, table[i].length) == 0, "%u", i);
    pages = mmio_region_get_pages (region, &length);
    fail_unless_equals_uint64 (length, table[i].pages * page);
    fail_unless (memcmp (pages, content + table[i].first * page, length) == 0,
        "%u", i);
    mmio_region_unref (region);
    fail_unless_equals_int (count_maps (NAME), 0);
  }

  errno = 0;
  fail_unless (mmio_region_map_within (fd, 0, G_MAXUINT64, 1,
          MMIO_MAPPING_CACHED, NULL, NULL) == NULL);
  fail_unless_equals_int (errno, EINVAL);
  close (fd);
}

GST_END_TEST;

/* What others write into the file is seen, nothing can be written here, not
 * even later, and the descriptor is not needed any more */
GST_START_TEST (test_shared_and_read_only)
{
  g_autofree guint8 *content = NULL;
  int writer = memory_new (2, &content);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", writer);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  MmioRegion *region = mmio_region_map (fd, 5, 2 * page_size () - 5,
      MMIO_MAPPING_CACHED, NULL, NULL);
  g_autofree char *permissions = get_map_permissions (NAME);
  const volatile guint8 *data = mmio_region_get_data (region);

  close (fd);
  fail_unless_equals_string (permissions, "r--s");
  fail_unless (pwrite (writer, "\x11\x22", 2, 5) == 2);
  fail_unless (data[0] == 0x11 && data[1] == 0x22);
  fail_unless (pwrite (writer, "\x33", 1, 5) == 1);
  fail_unless (data[0] == 0x33);

  fail_unless (mprotect ((guint8 *) data - 5, page_size (),
          PROT_READ | PROT_WRITE) < 0 && errno == EACCES);

  mmio_region_unref (region);
  close (writer);
}

GST_END_TEST;

GST_START_TEST (test_not_in_children)
{
  g_autofree guint8 *content = NULL;
  int fd = memory_new (3, &content);
  MmioRegion *region;

  region = mmio_region_map (fd, page_size () - 1, page_size () + 2,
      MMIO_MAPPING_CACHED, NULL, NULL);
  fail_unless_equals_int (count_maps (NAME), 1);
  fail_unless_equals_int (count_maps_of_child (NAME), 0);
  mmio_region_unref (region);

  /* The child does look */
  fail_unless (mmap (NULL, page_size (), PROT_READ, MAP_SHARED, fd, 0) !=
      MAP_FAILED);
  fail_unless_equals_int (count_maps_of_child (NAME), 1);
  close (fd);
}

GST_END_TEST;

/* Returns: what the kernel does with the pages of NAME: two letters each, with a
 * space before and behind */
static char *
get_flags (void)
{
  g_autofree char *text = NULL;
  const char *map, *flags, *end;

  fail_unless (g_file_get_contents ("/proc/self/smaps", &text, NULL, NULL));
  map = strstr (text, NAME);
  fail_unless (map != NULL);
  flags = strstr (map, "VmFlags:");
  fail_unless (flags != NULL);
  end = strchr (flags, '\n');
  fail_unless (end != NULL);
  return g_strdup_printf ("%.*s ", (int) (end - flags), flags);
}

/* All of its pages are in neither core dumps nor children, and nobody makes them
 * writable */
GST_START_TEST (test_flags)
{
  g_autofree guint8 *content = NULL;
  int fd = memory_new (3, &content);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  int reader = open (path, O_RDONLY | O_CLOEXEC);
  g_autofree char *plain = NULL;
  g_autofree char *flags = NULL;
  MmioRegion *region;
  gpointer map;

  map = mmap (NULL, page_size (), PROT_READ, MAP_SHARED, fd, 0);
  plain = get_flags ();
  fail_if (strstr (plain, " dd ") || strstr (plain, " dc "), "%s", plain);
  munmap (map, page_size ());

  region = mmio_region_map (reader, page_size () - 1, page_size () + 2,
      MMIO_MAPPING_CACHED, NULL, NULL);
  /* All of it, that is, it is still one map */
  fail_unless_equals_int (count_maps (NAME), 1);
  flags = get_flags ();
  fail_unless (strstr (flags, " dd "), "%s", flags);
  fail_unless (strstr (flags, " dc "), "%s", flags);

  for (guint i = 0; i < 3; i++)
    fail_unless (mprotect ((guint8 *) mmio_region_get_pages (region, NULL) +
            i * page_size (), page_size (), PROT_READ | PROT_WRITE) < 0 &&
        errno == EACCES);

  mmio_region_unref (region);
  close (reader);
  close (fd);
}

GST_END_TEST;

GST_START_TEST (test_references)
{
  g_autofree guint8 *content = NULL;
  int fd = memory_new (1, &content);
  MmioRegion *region;

  n_released = 0;
  region = mmio_region_map (fd, 0, 10, MMIO_MAPPING_CACHED, count_release,
      &n_released);
  fail_unless (mmio_region_ref (region) == region);
  fail_unless (mmio_region_ref (region) == region);
  mmio_region_unref (region);
  mmio_region_unref (region);
  fail_unless_equals_int (n_released, 0);
  fail_unless_equals_int (count_maps (NAME), 1);
  fail_unless (memcmp (mmio_region_get_data (region), content, 10) == 0);
  mmio_region_unref (region);
  fail_unless_equals_int (n_released, 1);
  close (fd);
}

GST_END_TEST;

/* Nothing is mapped, and the owner keeps what it has */
GST_START_TEST (test_impossible)
{
  g_autofree guint8 *content = NULL;
  int fd = memory_new (1, &content), pipes[2];
  int closed = dup (fd);
  const struct
  {
    int fd;
    guint64 offset;
    gsize length;
    int errnum;                 /* 0: any */
  } table[] = {
    {fd, 0, 0, EINVAL},
    {fd, 5, 0, EINVAL},
    {fd, 1, G_MAXSIZE, EINVAL},
    {fd, 0, G_MAXSIZE, 0},
    {fd, page_size () - 1, G_MAXSIZE - page_size () + 2, EINVAL},
    {fd, page_size () - 1, G_MAXSIZE - 10, EINVAL},
    {fd, (guint64) G_MAXINT64 + 1, 1, EINVAL},
    {fd, G_MAXUINT64, 1, EINVAL},
    {closed, 0, 1, EBADF},
    {-1, 0, 1, EBADF},
  };

  n_released = 0;
  close (closed);
  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    MmioRegion *region;

    errno = 0;
    region = mmio_region_map (table[i].fd, table[i].offset, table[i].length,
        MMIO_MAPPING_CACHED, count_release, &n_released);
    fail_unless (region == NULL, "%u", i);
    fail_unless (table[i].errnum ? errno == table[i].errnum : errno > 0,
        "%u: %s", i, g_strerror (errno));
  }

  fail_unless (pipe (pipes) == 0);
  fail_unless (mmio_region_map (pipes[0], 0, 1, MMIO_MAPPING_CACHED,
          count_release, &n_released) == NULL && errno == ENODEV);
  fail_unless_equals_int (n_released, 0);
  fail_unless_equals_int (count_maps (NAME), 0);
  close (pipes[0]);
  close (pipes[1]);
  close (fd);
}

GST_END_TEST;

static MmioRegion *released;

/* Another device's map is lost meanwhile */
static void
lose_another (gpointer owner)
{
  const gsize page = page_size ();
  gpointer map = mmap (NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
      0);
  MmioGuard *guard;

  fail_unless (map != MAP_FAILED);
  guard = mmio_guard_new (map, page);
  fail_unless (mmio_guard_fire (guard));
  fail_if (mmio_region_is_lost (released));
  mmio_guard_free (guard);
  munmap (map, page);
  n_released++;
}

/* Its owner may ask to the last whether it is lost */
GST_START_TEST (test_asked_to_the_last)
{
  g_autofree guint8 *content = NULL;
  int fd = memory_new (1, &content);

  n_released = 0;
  released = mmio_region_map (fd, 0, 1, MMIO_MAPPING_CACHED, lose_another,
      NULL);
  fail_unless (released != NULL);
  mmio_region_unref (released);
  fail_unless_equals_int (n_released, 1);
  close (fd);
}

GST_END_TEST;

static Suite *
region_suite (void)
{
  Suite *s = suite_create ("lib-region");
  TCase *tc = add_case (s, "general");

  tcase_add_test (tc, test_content);
  tcase_add_test (tc, test_within);
  tcase_add_test (tc, test_shared_and_read_only);
  tcase_add_test (tc, test_not_in_children);
  tcase_add_test (tc, test_flags);
  tcase_add_test (tc, test_references);
  tcase_add_test (tc, test_impossible);
  tcase_add_test (tc, test_asked_to_the_last);

  return s;
}

GST_CHECK_MAIN (region);
