/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixtures/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "backends/mmioopen.h"
#include "describe/mmiodescribe.h"
#include "device/mmiobar.h"
#include "frame/mmiopattern.h"
#include "sync/mmioregister.h"
#include "load/mmioreader.h"

#define MEMORY "memfd:mmiovid-sim"

/* A process that may have no more threads.  The linker may resolve GLib's own calls
 * with it, too. */
static gboolean no_threads;

GThread *__real_g_thread_try_new (const char *name, GThreadFunc func,
    gpointer data, GError ** error);
GThread *__wrap_g_thread_try_new (const char *name, GThreadFunc func,
    gpointer data, GError ** error) __attribute__((visibility ("default")));

GThread *
__wrap_g_thread_try_new (const char *name, GThreadFunc func, gpointer data,
    GError ** error)
{
  if (!no_threads)
    return __real_g_thread_try_new (name, func, data, error);

  g_set_error (error, G_THREAD_ERROR, G_THREAD_ERROR_AGAIN, "no more threads");
  return NULL;
}

static MmioDevice *
open_sim (void)
{
  const MmioAddress address = {.kind = MMIO_ADDRESS_SIM };
  GError *error = NULL;
  MmioDevice *device = mmio_device_open (&address, MMIO_ACCESS_AUTO, &error);

  fail_unless (device != NULL && error == NULL);
  return device;
}

/* Lets the device have its say on @spec, and maps the picture that results */
static MmioRegion *
map_sim (MmioDevice * device, MmioSpec * spec, MmioLayout * picture)
{
  GError *error = NULL;
  gint bar = -1;
  MmioRegion *region;

  fail_unless (mmio_describe (device, &bar, spec, NULL, &error), "%s",
      error ? error->message : "");
  fail_unless (mmio_layout_init (picture, spec, &error), "%s",
      error ? error->message : "");
  region = mmio_device_map (device, &bar, picture, MMIO_MAPPING_AUTO, &error);
  fail_unless (region != NULL, "%s", error ? error->message : "");
  fail_unless_equals_int (bar, 0);
  return region;
}

/* A picture in memory of ours, of the same layout as in the BAR, but from its
 * start on */
typedef struct
{
  MmioLayout picture;
  MmioRegion *region;
  const MmioReader *reader;
  guint8 *seen;
  guint8 *wanted;
  gsize size;
} Watch;

static void
watch_init (Watch * watch, const MmioSpec * spec, MmioRegion * region)
{
  MmioSpec at_start = *spec;

  at_start.offset = 0;
  fail_unless (mmio_layout_init (&watch->picture, &at_start, NULL));
  watch->region = mmio_region_ref (region);
  watch->reader = test_reader (MMIO_ENGINE_AUTO);
  watch->size = mmio_region_get_length (region);
  fail_unless_equals_uint64 (watch->size, watch->picture.end);
  watch->seen = g_malloc0 (watch->size);
  watch->wanted = g_malloc0 (watch->size);
}

static void
watch_clear (Watch * watch)
{
  mmio_region_unref (watch->region);
  g_free (watch->seen);
  g_free (watch->wanted);
}

/* Reads until there is a whole frame, which must be painted as its number
 * says.  The painter may be met in the middle of a row, where the number does
 * not tell; then there is a later frame that is met nowhere. */
static guint
watch_frame (Watch * watch)
{
  const gint64 end = g_get_monotonic_time () + HANG;
  guint number;

  while (TRUE) {
    mmio_reader_copy (watch->reader, watch->seen,
        mmio_region_get_data (watch->region), watch->size);
    if (mmio_pattern_read_number (&watch->picture, watch->seen, &number)) {
      mmio_pattern_paint (&watch->picture, watch->wanted, number);
      if (memcmp (watch->seen, watch->wanted, watch->size) == 0)
        return number;
    }

    fail_unless (g_get_monotonic_time () < end, "no frame is as painted");
    g_usleep (500);
  }
}

/* --- The picture --------------------------------------------------------- */

static const struct
{
  const char *format;
  guint width, height, stride;
  guint64 offset;
} pictures[] = {
  {"RGB", 160, 48, 0, 0},
  {"BGRx", 160, 48, 0, 0},
  {"RGB", 101, 33, 307, 5},
  {"RGB16", 160, 48, 0, 4097},
  {"GRAY8", 160, 48, 0, 0},
  {"YUY2", 101, 33, 0, 0},
  {"NV12", 101, 33, 111, 0},
  {"I420", 101, 33, 0, 123456},
  {"I420_10BE", 96, 17, 0, 0},
  {"RGB", 9, 1, 0, 0},
};

/* It moves by itself, forwards, and each frame is as the number in it says */
GST_START_TEST (test_moves)
{
  MmioDevice *device = open_sim ();
  MmioSpec spec = test_spec (pictures[__i__].format, pictures[__i__].width,
      pictures[__i__].height, pictures[__i__].offset, pictures[__i__].stride);
  MmioSpec before = spec;
  MmioLayout picture;
  MmioRegion *region = map_sim (device, &spec, &picture);
  guint last, mask, steps = 0;
  Watch watch;

  /* It adds nothing but where its counter is */
  fail_unless_equals_int (spec.counter.bits, 32);
  fail_unless (spec.counter_is_seqlock);
  before.counter = spec.counter;
  before.counter_is_seqlock = TRUE;
  fail_unless (memcmp (&spec, &before, sizeof (spec)) == 0);
  fail_unless_equals_uint64 (picture.start, pictures[__i__].offset);
  fail_unless_equals_uint64 (mmio_region_get_length (region),
      picture.end - picture.start);

  watch_init (&watch, &spec, region);
  mask = (1u << mmio_pattern_get_bits (&picture)) - 1;
  last = watch_frame (&watch);
  while (steps < 5) {
    guint number = watch_frame (&watch);
    guint distance = (number - last) & mask;

    steps += distance > 0;
    /* Where few bits wrap soon there is no forwards */
    if (mask == 0xffffff)
      fail_unless (distance < 0x800000, "%u comes after %u", number, last);
    last = number;
  }

  watch_clear (&watch);
  mmio_region_unref (region);
  mmio_device_unref (device);
}

GST_END_TEST;

/* The counter says which picture is there, and when there is none */
GST_START_TEST (test_counter)
{
  MmioDevice *device = open_sim ();
  MmioSpec spec = test_spec ("BGRx", 160, 48, 4097, 0);
  MmioLayout picture;
  MmioRegion *region = map_sim (device, &spec, &picture);
  MmioRegister *reg = mmio_register_map (device, "counter", spec.counter.bar,
      &spec.counter, NULL);
  const guint8 *bar = mmio_region_get_data (region) - picture.start;
  const gint64 end = g_get_monotonic_time () + HANG;
  guint64 last = 0;

  fail_unless (reg != NULL);
  fail_unless (spec.counter.offset >= picture.end);
  for (guint n = 0; n < 10;) {
    const guint64 before = mmio_register_read (reg);
    guint number;

    fail_unless (g_get_monotonic_time () < end, "it counts no more");
    if (before % 2 != 0 || before == last || !mmio_pattern_read_number
        (&picture, bar, &number) || mmio_register_read (reg) != before)
      continue;
    fail_unless_equals_uint64 (number, before / 2);
    fail_unless (before > last);
    last = before;
    n++;
  }

  mmio_register_unmap (reg);
  mmio_region_unref (region);
  mmio_device_unref (device);
}

GST_END_TEST;

/* It paints as many pictures in turn as it is asked to; the index says which one
 * is complete, and stays right behind the counter that a picture has */
GST_START_TEST (test_buffers)
{
  const guint n_buffers = __i__;
  MmioDevice *device = open_sim ();
  MmioSpec spec = test_spec ("BGRx", 160, 48, 4097, 0);
  MmioLayout picture;
  MmioRegion *region;
  MmioRegister *counter, *index;
  const guint8 *bar;
  const gint64 end = g_get_monotonic_time () + HANG;
  guint64 last = 0;

  spec.n_buffers = n_buffers;
  spec.buffer_step = n_buffers == 3 ? 40000 : 0;
  region = map_sim (device, &spec, &picture);
  bar = mmio_region_get_data (region) - picture.start;
  counter =
      mmio_register_map (device, "counter", spec.counter.bar, &spec.counter,
      NULL);
  index =
      mmio_register_map (device, "index", spec.index.bar, &spec.index, NULL);
  fail_unless (counter != NULL && index != NULL);
  fail_unless (spec.counter.offset >= picture.end);
  fail_unless_equals_int (spec.counter.offset % page_size (), 0);
  fail_unless_equals_uint64 (spec.index.offset, spec.counter.offset + 4);
  fail_unless_equals_int (spec.index.bits, 32);

  for (guint n = 0; n < 10;) {
    const guint64 before = mmio_register_read (counter);
    const guint64 buffer = mmio_register_read (index);
    guint number;

    fail_unless (g_get_monotonic_time () < end, "it counts no more");
    fail_unless (buffer < n_buffers);
    if (before / 2 == last / 2 || !mmio_pattern_read_number (&picture,
            bar + picture.buffer[buffer], &number) ||
        mmio_register_read (index) != buffer ||
        mmio_register_read (counter) / 2 != before / 2)
      continue;
    /* In the moment between the two */
    if (before % 2 != 0 && number == before / 2 + 1)
      continue;
    fail_unless_equals_uint64 (number, before / 2);
    fail_unless_equals_uint64 (number % n_buffers, buffer);
    last = before;
    n++;
  }

  mmio_register_unmap (counter);
  mmio_register_unmap (index);
  mmio_region_unref (region);
  mmio_device_unref (device);
}

GST_END_TEST;

/* Who says nothing gets packed RGB of VGA size */
GST_START_TEST (test_default)
{
  MmioDevice *device = open_sim ();
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  MmioLayout picture;
  MmioRegion *region;
  Watch watch;

  fail_unless_equals_string (mmio_device_get_name (device), "simulated device");
  fail_unless_equals_string (mmio_device_get_address (device), "sim");
  fail_unless_equals_string (mmio_device_get_access_name (device), "sim");

  region = map_sim (device, &spec, &picture);
  fail_unless (mmio_region_get_mapping (region) == MMIO_MAPPING_CACHED);
  fail_unless_equals_string (picture.format.name, "RGB");
  fail_unless_equals_int (picture.width, 640);
  fail_unless_equals_int (picture.height, 480);
  fail_unless_equals_uint64 (picture.start, 0);
  fail_unless_equals_uint64 (picture.end, 921600);
  fail_unless_equals_int (picture.plane[0].stride, 1920);

  /* Large enough that valgrind's one core never finds it at rest */
  if (!RUNNING_ON_VALGRIND) {
    watch_init (&watch, &spec, region);
    watch_frame (&watch);
    watch_clear (&watch);
  }

  mmio_region_unref (region);
  mmio_device_unref (device);
}

GST_END_TEST;

GST_START_TEST (test_describe)
{
  g_autoptr (MmioDevice) device = open_sim ();
  MmioSpec spec;
  gint bar = -1;

  spec = test_spec (NULL, 320, 0, 0, 0);
  fail_unless (mmio_describe (device, &bar, &spec, NULL, NULL));
  fail_unless_equals_string (spec.format.name, "RGB");
  fail_unless_equals_int (spec.width, 320);
  fail_unless_equals_int (spec.height, 480);

  spec = test_spec ("NV12", 0, 240, 77, 700);
  fail_unless (mmio_describe (device, &bar, &spec, NULL, NULL));
  fail_unless_equals_string (spec.format.name, "NV12");
  fail_unless_equals_int (spec.width, 640);
  fail_unless_equals_int (spec.height, 240);
  fail_unless_equals_uint64 (spec.offset, 77);
  fail_unless_equals_int (spec.stride, 700);
  fail_unless_equals_int (bar, -1);
}

GST_END_TEST;

/* Not more than 60 a second, however long this machine sleeps in between */
GST_START_TEST (test_rate)
{
  MmioDevice *device = open_sim ();
  MmioSpec spec = test_spec ("RGB", 160, 48, 0, 0);
  MmioLayout picture;
  MmioRegion *region = map_sim (device, &spec, &picture);
  gint64 begin, elapsed;
  guint begun, last;
  Watch watch;

  watch_init (&watch, &spec, region);
  begin = g_get_monotonic_time ();
  begun = watch_frame (&watch);
  do
    last = watch_frame (&watch);
  while (last - begun < 20);
  elapsed = g_get_monotonic_time () - begin;
  fail_unless (last - begun <= elapsed * 60 / G_TIME_SPAN_SECOND + 2,
      "%u frames in %" G_GINT64_FORMAT " us", last - begun, elapsed);

  watch_clear (&watch);
  mmio_region_unref (region);
  mmio_device_unref (device);
}

GST_END_TEST;

/* --- The memory ---------------------------------------------------------- */

/* As with a BAR, all who map it see the same */
GST_START_TEST (test_one_memory)
{
  const guint fds = count_fds (), threads = count_threads ();
  MmioDevice *device = open_sim ();
  MmioSpec spec = test_spec ("RGB", 160, 48, 5000, 0);
  MmioLayout picture;
  MmioRegion *one = map_sim (device, &spec, &picture), *other;
  gint bar = 0;
  guint begun;
  Watch watch;

  other = mmio_device_map (device, &bar, &picture, MMIO_MAPPING_AUTO, NULL);
  fail_unless (other != NULL && other != one);
  fail_unless (mmio_region_get_data (other) != mmio_region_get_data (one));

  /* One painter serves both, from one memory: its own map, and two of ours */
  fail_unless_equals_int (count_threads (), threads + 1);
  fail_unless_equals_int (count_fds (), fds + 1);
  fail_unless_equals_int (count_maps (MEMORY), 3);
  watch_init (&watch, &spec, one);
  begun = watch_frame (&watch);
  watch_clear (&watch);
  watch_init (&watch, &spec, other);
  fail_unless (watch_frame (&watch) >= begun);
  watch_clear (&watch);

  mmio_region_unref (one);
  mmio_region_unref (other);
  mmio_device_unref (device);
}

GST_END_TEST;

/* Two devices have nothing in common */
GST_START_TEST (test_two_devices)
{
  MmioDevice *one = open_sim (), *other = open_sim ();
  MmioSpec spec = test_spec ("RGB", 160, 48, 0, 0);
  MmioSpec other_spec = test_spec ("GRAY8", 99, 20, 0, 0);
  MmioLayout picture, other_picture;
  MmioRegion *region = map_sim (one, &spec, &picture);
  MmioRegion *other_region = map_sim (other, &other_spec, &other_picture);
  Watch watch;

  fail_unless_equals_int (count_maps (MEMORY), 4);
  mmio_region_unref (region);
  mmio_device_unref (one);
  fail_unless_equals_int (count_maps (MEMORY), 2);

  watch_init (&watch, &other_spec, other_region);
  watch_frame (&watch);
  watch_clear (&watch);
  mmio_region_unref (other_region);
  mmio_device_unref (other);
}

GST_END_TEST;

/* Nobody but the device writes into it or changes its size, no child inherits
 * it */
GST_START_TEST (test_protection)
{
  MmioDevice *device = open_sim ();
  MmioSpec spec = test_spec ("RGB", 160, 48, 0, 0);
  MmioLayout picture;
  MmioRegion *region = map_sim (device, &spec, &picture);
  const int fd = find_fd (MEMORY);
  guint n_fds = 0;

  fail_unless (mprotect ((void *) mmio_region_get_data (region), page_size (),
          PROT_READ | PROT_WRITE) < 0 && errno == EACCES);

  fail_unless (fd >= 0);
  fail_unless (fcntl (fd, F_GETFD) & FD_CLOEXEC);
  fail_unless_equals_int (fcntl (fd, F_GET_SEALS) & (F_SEAL_SHRINK |
          F_SEAL_GROW), F_SEAL_SHRINK | F_SEAL_GROW);

  /* The descriptor for the map is gone again */
  for (int i = fd; i >= 0 && i < 1024; i++) {
    g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", i);
    g_autofree char *target = g_file_read_link (link, NULL);

    n_fds += target && strstr (target, MEMORY);
  }
  fail_unless_equals_int (n_fds, 1);

  fail_unless_equals_int (count_maps (MEMORY), 2);
  fail_unless_equals_int (count_maps_of_child (MEMORY), 0);

  mmio_region_unref (region);
  mmio_device_unref (device);
}

GST_END_TEST;

/* The picture goes on for whoever has the region, even without the device */
GST_START_TEST (test_region_outlives_device)
{
  MmioDevice *device = open_sim ();
  MmioSpec spec = test_spec ("RGB", 160, 48, 0, 0);
  const guint threads = count_threads ();
  MmioLayout picture;
  MmioRegion *region = map_sim (device, &spec, &picture);
  guint begun;
  Watch watch;

  mmio_device_unref (device);
  watch_init (&watch, &spec, region);
  mmio_region_unref (region);

  fail_unless_equals_int (count_threads (), threads + 1);
  begun = watch_frame (&watch);
  while (watch_frame (&watch) == begun);

  watch_clear (&watch);
  wait_for_threads (threads);
  fail_unless_equals_int (count_maps (MEMORY), 0);
}

GST_END_TEST;

/* Nothing runs and nothing is mapped before somebody maps */
GST_START_TEST (test_unused)
{
  const guint fds = count_fds (), threads = count_threads ();
  MmioDevice *device = open_sim ();
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  gint bar = -1;

  fail_unless (mmio_describe (device, &bar, &spec, NULL, NULL));
  fail_unless_equals_int (count_threads (), threads);
  fail_unless_equals_int (count_fds (), fds);
  fail_unless_equals_int (count_maps (MEMORY), 0);
  mmio_device_unref (device);
}

GST_END_TEST;

GST_START_TEST (test_cycles)
{
  const guint cycles = RUNNING_ON_VALGRIND ? 5 : 100;
  /* Before the first: its thread may still be on its way out after it */
  const guint threads = count_threads ();
  guint fds;

  /* What files the first one leaves open is once and for all */
  for (guint i = 0; i <= cycles; i++) {
    MmioDevice *device = open_sim ();
    MmioSpec spec = test_spec ("RGB", 160, 48, i * 100, 0);
    MmioLayout picture;

    mmio_region_unref (map_sim (device, &spec, &picture));
    mmio_device_unref (device);
    if (i == 0)
      fds = count_fds ();
  }

  fail_unless_equals_int (count_fds (), fds);
  fail_unless_equals_int (count_maps (MEMORY), 0);
  wait_for_threads (threads);
}

GST_END_TEST;

/* --- What does not work -------------------------------------------------- */

GST_START_TEST (test_cannot_paint)
{
  g_autoptr (MmioDevice) device = open_sim ();
  MmioSpec spec = test_spec ("v210", 0, 0, 0, 0);
  GError *error = NULL;
  gint bar = -1;

  fail_if (mmio_describe (device, &bar, &spec, NULL, &error));
  check_error (&error, MMIO_ERROR_FORMAT, "v210", "rgb", NULL);
}

GST_END_TEST;

GST_START_TEST (test_impossible_picture)
{
  g_autoptr (MmioDevice) device = open_sim ();
  const struct
  {
    MmioSpec spec;
    const char *word;
  } table[] = {
    {test_spec (NULL, 70000, 0, 0, 0), "width of 70000"},
    {test_spec (NULL, 0, 0, 0, 1919), "1920 or more"},
    {test_spec (NULL, 0, 0, G_MAXUINT64, 0), "offset"},
    {test_spec (NULL, 0, 0, (guint64) G_MAXINT64 - 921600, 0), "Reduce offset"},
    {test_spec (NULL, 0, 0, (guint64) G_MAXINT64 + 1, 0), "Reduce offset"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    MmioSpec spec = table[i].spec;
    GError *error = NULL;
    gint bar = -1;

    fail_if (mmio_describe (device, &bar, &spec, NULL, &error), "%u", i);
    check_error (&error, MMIO_ERROR_SETTINGS, table[i].word, NULL);
  }
}

GST_END_TEST;

/* More than there is: 16 EiB minus a little */
GST_START_TEST (test_too_large)
{
  const guint fds = count_fds ();
  MmioDevice *device = open_sim ();
  MmioSpec spec = test_spec (NULL, 0, 0, (guint64) G_MAXINT64 - 10000000, 0);
  MmioLayout picture;
  GError *error = NULL;
  gint bar = -1;

  fail_unless (mmio_describe (device, &bar, &spec, NULL, NULL));
  fail_unless (mmio_layout_init (&picture, &spec, NULL));
  fail_unless (mmio_device_map (device, &bar, &picture,
          MMIO_MAPPING_AUTO, &error) == NULL);
  fail_unless (mmio_error_get_system (error) != NULL);
  check_error (&error, MMIO_ERROR_FAILED, "simulated device",
      "reduce width, height or offset", NULL);
  mmio_device_unref (device);
  fail_unless_equals_int (count_fds (), fds);
}

GST_END_TEST;

static void
check_map_fails (const char *word)
{
  const guint fds = count_fds ();
  MmioDevice *device = open_sim ();
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  MmioLayout picture;
  GError *error = NULL;
  gint bar = -1;

  fail_unless (mmio_describe (device, &bar, &spec, NULL, NULL));
  fail_unless (mmio_layout_init (&picture, &spec, NULL));
  fail_unless (mmio_device_map (device, &bar, &picture,
          MMIO_MAPPING_AUTO, &error) == NULL);
  check_error (&error, MMIO_ERROR_FAILED, "simulated device", word, NULL);
  mmio_device_unref (device);
  fail_unless_equals_int (count_fds (), fds);
  fail_unless_equals_int (count_maps (MEMORY), 0);
}

/* Where no file may be as long, the kernel sends a signal, which would end the
 * process */
GST_START_TEST (test_file_size_limit)
{
  const struct rlimit limit = {.rlim_cur = 100000,.rlim_max = RLIM_INFINITY };

  fail_unless (setrlimit (RLIMIT_FSIZE, &limit) == 0);
  check_map_fails ("ulimit -f");
}

GST_END_TEST;

GST_START_TEST (test_no_thread)
{
  no_threads = TRUE;
  check_map_fails ("ulimit -u");
}

GST_END_TEST;

GST_START_TEST (test_other_bar)
{
  g_autoptr (MmioDevice) device = open_sim ();
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  MmioLayout picture;
  GError *error = NULL;
  gint bar = 1;

  fail_unless (mmio_describe (device, &bar, &spec, NULL, NULL));
  fail_unless (mmio_layout_init (&picture, &spec, NULL));
  fail_unless (mmio_device_map (device, &bar, &picture,
          MMIO_MAPPING_AUTO, &error) == NULL);
  check_error (&error, MMIO_ERROR_NOT_FOUND, "sim has no BARs", "Cannot use "
      "bar=1:", NULL);
}

GST_END_TEST;

static Suite *
sim_suite (void)
{
  Suite *s = suite_create ("lib-sim");
  TCase *tc = add_case (s, "picture");

  tcase_add_loop_test (tc, test_moves, 0, G_N_ELEMENTS (pictures));
  tcase_add_test (tc, test_counter);
  tcase_add_loop_test (tc, test_buffers, 2, MMIO_MAX_BUFFERS + 1);
  tcase_add_test (tc, test_default);
  tcase_add_test (tc, test_describe);
  tcase_add_test (tc, test_rate);

  tc = add_case (s, "memory");
  tcase_add_test (tc, test_one_memory);
  tcase_add_test (tc, test_two_devices);
  tcase_add_test (tc, test_protection);
  tcase_add_test (tc, test_region_outlives_device);
  tcase_add_test (tc, test_unused);
  tcase_add_test (tc, test_cycles);

  tc = add_case (s, "errors");
  tcase_add_test (tc, test_cannot_paint);
  tcase_add_test (tc, test_impossible_picture);
  tcase_add_test (tc, test_too_large);
  tcase_add_test (tc, test_file_size_limit);
  tcase_add_test (tc, test_no_thread);
  tcase_add_test (tc, test_other_bar);

  return s;
}

GST_CHECK_MAIN (sim);
