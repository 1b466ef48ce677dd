/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files on hugetlbfs, whose pages are larger than the machine's: real ones
 * where the machine has any to give, and an ordinary file of which the test's
 * own kernel says and demands the same.
 */
#include "fixtures/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/mmioopen.h"
#include "device/mmiobar.h"
#include "map/mmioregion.h"

#define NAME "mmiocheck-pages"
#define N_PAGES 4
#define FAKE_PAGE (16 * page_size ())

/* --- A kernel of our own ------------------------------------------------- */

/* The one file that is on its hugetlbfs */
static struct stat fake;

/* What is mapped of it, and why no more is */
static struct
{
  gsize start, end;
} fake_maps[16];
static int fake_errnum;

int __real_munmap (void *address, size_t length);
int __wrap_munmap (void *address, size_t length);
int __real_madvise (void *address, size_t length, int advice);
int __wrap_madvise (void *address, size_t length, int advice);

static gboolean
is_fake (int fd)
{
  struct stat st;

  return fd >= 0 && fake.st_ino != 0 && fstat (fd, &st) == 0 &&
      st.st_dev == fake.st_dev && st.st_ino == fake.st_ino;
}

/* Whether a map would have to be divided within a page for this; then errno is
 * set */
static gboolean
divides_page (gconstpointer address, gsize length)
{
  const gsize start = GPOINTER_TO_SIZE (address);
  const gsize end = start + mmio_pages_round_up (length, page_size ());

  for (guint i = 0; i < G_N_ELEMENTS (fake_maps); i++) {
    if (end <= fake_maps[i].start || start >= fake_maps[i].end)
      continue;
    if ((start > fake_maps[i].start && start % FAKE_PAGE != 0) ||
        (end < fake_maps[i].end && end % FAKE_PAGE != 0)) {
      errno = EINVAL;
      return TRUE;
    }
  }

  return FALSE;
}

/* Something else is there now, or nothing */
static void
forget (gconstpointer address, gsize length)
{
  const gsize start = GPOINTER_TO_SIZE (address);
  const gsize end = start + mmio_pages_round_up (length, page_size ());

  for (guint i = 0; i < G_N_ELEMENTS (fake_maps); i++) {
    if (start <= fake_maps[i].start)
      fake_maps[i].start = CLAMP (end, fake_maps[i].start, fake_maps[i].end);
    else if (end >= fake_maps[i].end)
      fake_maps[i].end = CLAMP (start, fake_maps[i].start, fake_maps[i].end);
  }
}

static void
remember (gconstpointer address, gsize length)
{
  for (guint i = 0; i < G_N_ELEMENTS (fake_maps); i++) {
    if (fake_maps[i].start < fake_maps[i].end)
      continue;
    fake_maps[i].start = GPOINTER_TO_SIZE (address);
    fake_maps[i].end = fake_maps[i].start + length;
    return;
  }
  fail ("too many maps for this test");
}

int
__wrap_munmap (void *address, size_t length)
{
  if (divides_page (address, length))
    return -1;
  forget (address, length);
  return __real_munmap (address, length);
}

int
__wrap_madvise (void *address, size_t length, int advice)
{
  return divides_page (address, length) ? -1 :
      __real_madvise (address, length, advice);
}

/* Of each pair, which one is called depends on how large an off_t is */
/* *INDENT-OFF* */
#define DEFINE_MMAP(mmap) \
void *__real_##mmap (void *, size_t, int, int, int, off_t); \
void *__wrap_##mmap (void *, size_t, int, int, int, off_t); \
\
void * \
__wrap_##mmap (void *address, size_t length, int prot, int flags, int fd, \
    off_t offset) \
{ \
  const gsize rounded = mmio_pages_round_up (length, FAKE_PAGE); \
  guint8 *place, *start; \
\
  if ((flags & MAP_FIXED) && divides_page (address, length)) \
    return MAP_FAILED; \
  if (flags & MAP_FIXED) \
    forget (address, length); \
  if ((flags & MAP_FIXED) || fd < 0) \
    return __real_##mmap (address, length, prot, flags, fd, offset); \
\
  errno = fake_errnum ? fake_errnum : EINVAL; \
  if (fake_errnum || (is_fake (fd) && offset % FAKE_PAGE != 0)) \
    return MAP_FAILED; \
  if (!is_fake (fd)) \
    return __real_##mmap (address, length, prot, flags, fd, offset); \
\
  /* It begins and ends with pages of its own */ \
  place = __real_##mmap (NULL, rounded + FAKE_PAGE, PROT_NONE, \
      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); \
  fail_unless (place != MAP_FAILED); \
  start = place + (FAKE_PAGE - GPOINTER_TO_SIZE (place) % FAKE_PAGE); \
  __real_munmap (place, start - place); \
  if (start + rounded < place + rounded + FAKE_PAGE) \
    __real_munmap (start + rounded, place + FAKE_PAGE - start); \
  fail_unless (__real_##mmap (start, rounded, prot, flags | MAP_FIXED, fd, \
          offset) == start); \
  remember (start, rounded); \
  return start; \
}
DEFINE_MMAP (mmap)
DEFINE_MMAP (mmap64)

#define DEFINE_FSTATFS(fstatfs) \
int __real_##fstatfs (int, struct statfs *); \
int __wrap_##fstatfs (int, struct statfs *); \
\
int \
__wrap_##fstatfs (int fd, struct statfs *fs) \
{ \
  const int ret = __real_##fstatfs (fd, fs); \
\
  if (ret == 0 && is_fake (fd)) { \
    fs->f_type = HUGETLBFS_MAGIC; \
    fs->f_bsize = FAKE_PAGE; \
  } \
  return ret; \
}
DEFINE_FSTATFS (fstatfs)
DEFINE_FSTATFS (fstatfs64)
/* *INDENT-ON* */

/* --- Files --------------------------------------------------------------- */

/* Loop tests run with the first one, and with real huge pages */
#define N_KINDS 2

typedef struct
{
  int fd;
  char *path;
  gsize page;
  gsize size;
  guint8 *content;
} Huge;

/* Returns: bytes of the pages that a memfd is made of by default; 0 if the
 * kernel knows none */
static gsize
get_huge_page_size (void)
{
  g_autofree char *text = NULL;
  const char *line;

  fail_unless (g_file_get_contents ("/proc/meminfo", &text, NULL, NULL));
  line = strstr (text, "Hugepagesize:");
  return line ? g_ascii_strtoull (strchr (line, ':') + 1, NULL, 10) * 1024 : 0;
}

/* Returns: FALSE if there is none here, which is said */
static gboolean
huge_init (Huge * huge, guint kind)
{
  const gboolean is_real = kind == 1;
  guint8 *map;

  huge->page = is_real ? get_huge_page_size () : FAKE_PAGE;
  huge->size = N_PAGES * huge->page;
  huge->fd = memfd_create (NAME, MFD_CLOEXEC | (is_real ? MFD_HUGETLB : 0));
  map = huge->fd >= 0 && ftruncate (huge->fd, huge->size) == 0 ?
      mmap (NULL, huge->size, PROT_READ | PROT_WRITE, MAP_SHARED, huge->fd, 0)
      : MAP_FAILED;
  if (is_real && map == MAP_FAILED) {
    g_print ("SKIP: no %u huge pages are free (%s); have them with: echo %u | "
        "sudo tee /proc/sys/vm/nr_hugepages\n", N_PAGES, g_strerror (errno),
        N_PAGES);
    if (huge->fd >= 0)
      close (huge->fd);
    return FALSE;
  }
  fail_unless (map != MAP_FAILED, "%s", g_strerror (errno));

  huge->path = g_strdup_printf ("/proc/self/fd/%d", huge->fd);
  huge->content = g_malloc (huge->size);
  fill_random (huge->content, huge->size, 7);
  memcpy (map, huge->content, huge->size);
  fail_unless (munmap (map, huge->size) == 0);
  if (!is_real)
    fail_unless (fstat (huge->fd, &fake) == 0);

  return TRUE;
}

static void
huge_clear (Huge * huge)
{
  memset (&fake, 0, sizeof (fake));
  close (huge->fd);
  g_free (huge->path);
  g_free (huge->content);
}

typedef struct
{
  guint8 *start;
  gsize length;
  guint64 offset;
} Map;

/* The one map of NAME: at whole pages of the file, in memory and in the file */
static Map
get_map (const Huge * huge)
{
  FILE *maps = fopen ("/proc/self/maps", "r");
  gsize start = 0, end = 0;
  guint64 offset = 0;
  char line[4096];
  guint n = 0;

  fail_unless (maps != NULL);
  while (fgets (line, sizeof (line), maps)) {
    if (!strstr (line, NAME))
      continue;
    fail_unless_equals_int (sscanf (line, "%" G_GSIZE_MODIFIER "x-%"
            G_GSIZE_MODIFIER "x %*s %" G_GINT64_MODIFIER "x", &start, &end,
            &offset), 3);
    n++;
  }
  fclose (maps);

  fail_unless_equals_int (n, 1);
  fail_unless_equals_uint64 (start % huge->page, 0);
  fail_unless_equals_uint64 (end % huge->page, 0);
  fail_unless_equals_uint64 (offset % huge->page, 0);
  return (Map) {
  GSIZE_TO_POINTER (start), end - start, offset};
}

/* Whatever was there: nobody knows the addresses any more */
static void
fail_if_mapped (const Map * map)
{
  unsigned char there;

  for (gsize i = 0; i < map->length; i += page_size ())
    fail_unless (mincore (map->start + i, page_size (), &there) < 0 &&
        errno == ENOMEM, "%#" G_GSIZE_MODIFIER "x is still mapped", i);
}

static MmioDevice *
open_huge (const Huge * huge)
{
  g_auto (MmioAddress) address = { 0, };
  GError *error = NULL;
  MmioDevice *device;

  fail_unless (mmio_address_parse (&address, huge->path, NULL));
  device = mmio_device_open (&address, MMIO_ACCESS_AUTO, &error);
  fail_unless (device != NULL, "%s", error ? error->message : "");
  return device;
}

/* Of pictures that have several */
#define ROW 4096

/* @length: a row at most, or whole rows */
static MmioRegion *
map_bytes (MmioDevice * device, guint64 offset, guint length, GError ** error)
{
  const guint width = MIN (length, ROW);
  const MmioLayout picture = test_picture ("GRAY8", width, length / width,
      offset, 0);
  gint bar = 0;

  return mmio_device_map (device, &bar, &picture, MMIO_MAPPING_AUTO, error);
}

/* --- What is mapped ------------------------------------------------------ */

GST_START_TEST (test_size)
{
  Huge huge;
  g_autofree char *path = temp_file ("ordinary", (const guint8 *) "x", 1);
  const int fd = open (path, O_RDONLY | O_CLOEXEC);

  fail_unless_equals_uint64 (mmio_pages_get_size (fd), page_size ());
  close (fd);
  fail_unless_equals_uint64 (mmio_pages_get_size (-1), page_size ());
  if (!huge_init (&huge, __i__))
    return;
  fail_unless_equals_uint64 (mmio_pages_get_size (huge.fd), huge.page);
  huge_clear (&huge);
}

GST_END_TEST;

/* The region is mapped with the pages of the file that it is in, and the pages
 * that are told are the machine's; nothing of all that stays */
GST_START_TEST (test_regions)
{
  const gsize page = page_size ();
  /* In huge pages, and bytes that are added */
  const struct
  {
    gsize offset_pages, offset, pages, length;
  } table[] = {
    {0, 0, 0, 1}, {0, 0, N_PAGES, 0}, {0, page, 0, 1}, {0, page, 0, page},
    {0, page + 17, 0, 3 * page}, {1, -3, 0, 6}, {1, page - 1, 1, 0},
    {1, 0, 0, 1}, {0, 17, N_PAGES, -18}, {N_PAGES, -1, 0, 1},
  };
  Huge huge;

  if (!huge_init (&huge, __i__))
    return;

  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    const gsize offset = table[i].offset_pages * huge.page + table[i].offset;
    const gsize length = table[i].pages * huge.page + table[i].length;
    const gsize begin = offset / huge.page * huge.page;
    const gsize begin_page = offset / page * page;
    const guint8 *pages;
    gsize pages_length;
    MmioRegion *region;
    Map map;

    region = mmio_region_map (huge.fd, offset, length, MMIO_MAPPING_CACHED,
        NULL, NULL);
    fail_unless (region != NULL, "%u: %s", i, g_strerror (errno));
    fail_unless_equals_uint64 (mmio_region_get_length (region), length);
    fail_unless (memcmp (mmio_region_get_data (region), huge.content + offset,
            length) == 0, "%u", i);

    map = get_map (&huge);
    fail_unless_equals_uint64 (map.offset, begin);
    fail_unless_equals_uint64 (map.length, mmio_pages_round_up (offset - begin +
            length, huge.page));
    fail_unless_equals_uint64 (mmio_region_get_map_length (region), map.length);
    fail_unless_equals_int (count_maps_of_child (NAME), 0);

    pages = mmio_region_get_pages (region, &pages_length);
    fail_unless (pages == map.start + begin_page - begin, "%u", i);
    fail_unless_equals_uint64 (pages_length, mmio_pages_round_up (offset -
            begin_page + length, page));

    mmio_region_unref (region);
    fail_unless_equals_int (count_maps (NAME), 0);
    fail_if_mapped (&map);
  }

  huge_clear (&huge);
}

GST_END_TEST;

/* Who says where the map begins has it there */
GST_START_TEST (test_within)
{
  const gsize page = page_size ();
  Huge huge;
  MmioRegion *region;
  gsize length;
  Map map;

  if (!huge_init (&huge, __i__))
    return;

  region = mmio_region_map_within (huge.fd, huge.page, huge.page + page + 5,
      page, MMIO_MAPPING_CACHED, NULL, NULL);
  fail_unless (region != NULL, "%s", g_strerror (errno));
  map = get_map (&huge);
  fail_unless_equals_uint64 (map.offset, huge.page);
  fail_unless_equals_uint64 (map.length, 2 * huge.page);
  fail_unless (mmio_region_get_pages (region, &length) == map.start +
      huge.page + page);
  fail_unless_equals_uint64 (length, 2 * page);
  fail_unless (memcmp (mmio_region_get_data (region), huge.content +
          2 * huge.page + page + 5, page) == 0);
  mmio_region_unref (region);
  fail_if_mapped (&map);

  errno = 0;
  fail_unless (mmio_region_map_within (huge.fd, page, 0, 1,
          MMIO_MAPPING_CACHED, NULL, NULL) == NULL);
  fail_unless_equals_int (errno, EINVAL);
  huge_clear (&huge);
}

GST_END_TEST;

/* --- What goes away ------------------------------------------------------ */

GST_START_TEST (test_let_go)
{
  Huge huge;
  MmioDevice *device;
  MmioRegion *region;
  Map map;

  if (!huge_init (&huge, __i__))
    return;

  device = open_huge (&huge);
  region = map_bytes (device, huge.page + 4096, huge.page, NULL);
  fail_unless (region != NULL);
  fail_unless (memcmp (mmio_region_get_data (region), huge.content +
          huge.page + 4096, huge.page) == 0);
  map = get_map (&huge);
  fail_unless_equals_uint64 (map.length, 2 * huge.page);

  mmio_device_revoke (device, g_error_new_literal (MMIO_ERROR, MMIO_ERROR_GONE,
          "it was let go"));
  fail_unless_equals_int (count_maps (NAME), 0);
  fail_unless_all (map.start, map.length, 0);

  mmio_device_unref (device);
  mmio_region_unref (region);
  fail_if_mapped (&map);
  huge_clear (&huge);
}

GST_END_TEST;

/* The load that fails gives zeros, as does all that is mapped */
GST_START_TEST (test_truncated)
{
  Huge huge;
  MmioDevice *device;
  MmioRegion *region;
  const volatile guint8 *data;
  GError *error = NULL;
  Map map;

  if (!huge_init (&huge, __i__))
    return;

  device = open_huge (&huge);
  region = map_bytes (device, 4096, huge.page, &error);
  fail_unless (region != NULL, "%s", error ? error->message : "");
  fail_unless (mmio_device_check (device, 0, &error));
  map = get_map (&huge);

  fail_unless (ftruncate (huge.fd, huge.page) == 0);
  data = mmio_region_get_data (region);
  fail_unless_equals_int (data[0], huge.content[4096]);
  fail_if (mmio_region_is_lost (region));
  fail_unless_equals_int (data[huge.page - 1], 0);
  fail_unless (mmio_region_is_lost (region));
  fail_unless_equals_int (count_maps (NAME), 0);
  fail_unless_all (map.start, map.length, 0);
  fail_if (mmio_device_check (device, 0, &error));
  check_error (&error, MMIO_ERROR_GONE, huge.path,
      "it became shorter than its frame", NULL);

  mmio_region_unref (region);
  mmio_device_unref (device);
  fail_if_mapped (&map);
  huge_clear (&huge);
}

GST_END_TEST;

/* --- Pages that there are not -------------------------------------------- */

/* Returns: how to have @n more of @huge's pages */
static char *
get_advice (const Huge * huge, guint n)
{
  g_autofree char *path = g_strdup_printf ("/sys/kernel/mm/hugepages/"
      "hugepages-%" G_GSIZE_FORMAT "kB/nr_hugepages", huge->page / 1024);
  g_autofree char *text = NULL;
  const guint there = g_file_get_contents (path, &text, NULL, NULL) ?
      atoi (text) : 0;

  return g_strdup_printf ("with: echo %u | sudo tee %s", there + n, path);
}

GST_START_TEST (test_none_to_map)
{
  Huge huge;
  g_autoptr (MmioDevice) device = NULL;
  g_autofree char *advice = NULL;
  g_autofree char *system = g_strdup (g_strerror (ENOMEM));
  GError *error = NULL;

  if (!huge_init (&huge, __i__))
    return;

  device = open_huge (&huge);
  advice = get_advice (&huge, 2);
  fake_errnum = ENOMEM;
  fail_unless (map_bytes (device, huge.page - 1, 2, &error) == NULL);
  fail_unless (strstr (mmio_error_get_system (error), system) != NULL);
  check_error (&error, MMIO_ERROR_FAILED, huge.path, "no huge pages left",
      advice, NULL);

  /* Other reasons are others */
  fake_errnum = EAGAIN;
  fail_unless (map_bytes (device, huge.page - 1, 2, &error) == NULL);
  check_error (&error, MMIO_ERROR_FAILED, huge.path, "Cannot map ", NULL);
  fake_errnum = 0;
  huge_clear (&huge);
}

GST_END_TEST;

GST_START_TEST (test_none_to_map_of_ordinary)
{
  g_autofree char *path = temp_file ("ordinary", (const guint8 *) "x", 1);
  const Huge ordinary = {.path = path };
  g_autoptr (MmioDevice) device = open_huge (&ordinary);
  GError *error = NULL;

  fake_errnum = ENOMEM;
  fail_unless (map_bytes (device, 0, 1, &error) == NULL);
  fake_errnum = 0;
  check_error (&error, MMIO_ERROR_FAILED, path, "Cannot map ", NULL);
}

GST_END_TEST;

/* Loads fail, and the file is as long as it was */
GST_START_TEST (test_none_to_load)
{
  Huge huge;
  g_autoptr (MmioDevice) device = NULL;
  g_autoptr (MmioRegion) region = NULL;
  g_autofree char *advice = NULL;
  GError *error = NULL;

  if (!huge_init (&huge, __i__))
    return;

  device = open_huge (&huge);
  region = map_bytes (device, huge.page + 1, huge.page, NULL);
  advice = get_advice (&huge, 2);
  /* As after a SIGBUS */
  mmio_region_revoke (region);
  fail_if (mmio_device_check (device, 0, &error));
  check_error (&error, MMIO_ERROR_GONE, huge.path, "no huge pages left",
      MMIO_START_AGAIN, advice, NULL);
  huge_clear (&huge);
}

GST_END_TEST;

static Suite *
pages_suite (void)
{
  Suite *s = suite_create ("lib-pages");
  TCase *tc = add_case (s, "pages");

  tcase_add_unchecked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_loop_test (tc, test_size, 0, N_KINDS);
  tcase_add_loop_test (tc, test_regions, 0, N_KINDS);
  tcase_add_loop_test (tc, test_within, 0, N_KINDS);
  tcase_add_loop_test (tc, test_let_go, 0, N_KINDS);
  tcase_add_loop_test (tc, test_truncated, 0, N_KINDS);
  tcase_add_loop_test (tc, test_none_to_map, 0, N_KINDS);
  tcase_add_test (tc, test_none_to_map_of_ordinary);
  tcase_add_loop_test (tc, test_none_to_load, 0, N_KINDS);

  return s;
}

GST_CHECK_MAIN (pages);
