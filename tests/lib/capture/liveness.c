/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices that go away: what becomes of their maps, whoever holds them, and who
 * finds out.
 */
#include "capture/mmiocapture.h"
#include "device/mmiobar.h"
#include "fixtures/uevent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_REGIONS 5
#define N_THREADS 3
#ifdef __SANITIZE_THREAD__
#define IS_SLOW TRUE
#else
#define IS_SLOW RUNNING_ON_VALGRIND
#endif
#define N_ROUNDS (IS_SLOW ? 20 : 200)
#define N_FREES (IS_SLOW ? 10 : 100)

static const Device card = {
  "0000:03:00.0", 0xdead, 0xbeef, {{0xfd000000, 65536, MEMORY}}
};

/* A pread() that fails from now on, as those of a device's attributes do after it
 * was removed; in any thread */
static gint pread_errnum;
static gint n_preads;

/* *INDENT-OFF* */
#define FAILING_PREAD(pread) \
ssize_t __real_##pread (int, void *, size_t, off_t); \
ssize_t __wrap_##pread (int, void *, size_t, off_t); \
\
ssize_t \
__wrap_##pread (int fd, void *data, size_t size, off_t offset) \
{ \
  g_atomic_int_inc (&n_preads); \
  errno = g_atomic_int_get (&pread_errnum); \
  return errno != 0 ? -1 : __real_##pread (fd, data, size, offset); \
}
FAILING_PREAD (pread)
FAILING_PREAD (pread64)
/* *INDENT-ON* */

static GError *
new_reason (const char *what)
{
  GError *error = NULL;

  mmio_set_error (&error, MMIO_ERROR_GONE, "It was let go %s, they say.", what);
  return error;
}

/* A file of @pages pages, no byte of which is zero */
static char *
make_file (guint pages)
{
  const gsize size = pages * page_size ();
  g_autofree guint8 *content = g_malloc (size);

  memset (content, 0x5a, size);
  return temp_file ("memory", content, size);
}

static MmioDevice *
open_device (const char *name, MmioAccess access)
{
  GError *error = NULL;
  MmioDevice *device = open_address (name, access, &error);

  fail_unless (device != NULL, "%s", error ? error->message : "");
  return device;
}

static MmioRegion *
map (MmioDevice * device, gsize start, gsize length, GError ** error)
{
  const MmioLayout picture = {.start = start,.end = start + length };
  gint bar = 0;

  return mmio_device_map (device, &bar, &picture, MMIO_MAPPING_AUTO, error);
}

static void
fail_unless_gone (MmioDevice * device, const char *word)
{
  GError *error = NULL;

  fail_if (mmio_device_check (device, 0, &error));
  check_error (&error, MMIO_ERROR_GONE, word, NULL);
  fail_if (mmio_device_check (device, 0, NULL));
}

/* --- Letting go ------------------------------------------------------------ */

GST_START_TEST (test_let_go)
{
  const gsize page = page_size ();
  g_autofree char *path = make_file (8);
  MmioRegion *region[N_REGIONS];
  GError *error = NULL;
  MmioDevice *device;
  guint fds;

  mmio_device_unref (open_device (path, MMIO_ACCESS_AUTO));
  fds = count_fds ();
  device = open_device (path, MMIO_ACCESS_AUTO);
  for (guint i = 0; i < N_REGIONS; i++) {
    region[i] = map (device, i * (page + 5), 2 * page, NULL);
    fail_unless (region[i] != NULL);
    fail_unless_all (mmio_region_get_data (region[i]), 2 * page, 0x5a);
  }
  /* One that is let go before, in the middle */
  mmio_region_unref (region[1]);
  region[1] = mmio_region_ref (region[3]);
  fail_unless (count_maps (path) > 0);

  mmio_device_revoke (device, new_reason ("first"));
  fail_unless_equals_int (count_maps (path), 0);
  for (guint i = 0; i < N_REGIONS; i++) {
    fail_unless (mmio_region_is_lost (region[i]));
    fail_unless_all (mmio_region_get_data (region[i]), 2 * page, 0);
  }

  /* Nothing comes back, and the reason stays */
  for (guint i = 0; i < 3; i++) {
    errno = 0;
    fail_unless (mmio_device_map_fd (device, find_fd (path), 0, page,
            MMIO_MAPPING_CACHED) == NULL);
    fail_unless_equals_int (errno, ENODEV);
    fail_unless (map (device, 0, page, &error) == NULL);
    check_error (&error, MMIO_ERROR_GONE, "let go first", NULL);
    fail_unless (map (device, 0, page, NULL) == NULL);
    fail_unless_gone (device, "let go first");
    mmio_device_revoke (device, new_reason ("once more"));
  }
  fail_unless_equals_int (count_maps (path), 0);

  mmio_device_unref (device);
  for (guint i = 0; i < N_REGIONS; i++) {
    fail_unless_all (mmio_region_get_data (region[i]), 2 * page, 0);
    mmio_region_unref (region[i]);
  }
  fail_unless_equals_int (count_fds (), fds);
}

GST_END_TEST;

/* What else takes it away from where it is: nothing is shared of it, or heard,
 * and the sentence says why */
GST_START_TEST (test_nothing_else)
{
  const MmioLayout picture = {.start = 0,.end = 1 };
  g_autofree char *path = make_file (1);
  g_autoptr (MmioDevice) device = open_device (path, MMIO_ACCESS_AUTO);
  FakeDevice *fake = fake_new ();
  GError *error = NULL;
  guint skip;

  mmio_device_revoke (device, new_reason ("first"));
  fail_unless (mmio_device_export (device, 0, &picture, &skip, &error) < 0);
  check_error (&error, MMIO_ERROR_GONE, "let go first", NULL);
  fail_unless (mmio_device_map_register (device, 0, 0, 4, &error) == NULL);
  check_error (&error, MMIO_ERROR_GONE, "let go first", NULL);

  fake_add_interrupt (fake);
  mmio_device_revoke (&fake->parent, new_reason ("first"));
  fail_unless (mmio_device_open_interrupt (&fake->parent, &error) < 0);
  check_error (&error, MMIO_ERROR_GONE, "let go first", NULL);
  mmio_device_unref (&fake->parent);
}

GST_END_TEST;

static gint is_wrong, has_let_go, n_maps;

/* Maps as many as it gets, and reads them, until it gets no more.  Returns: one
 * that it holds then, or NULL */
static gpointer
map_all_the_time (gpointer data)
{
  MmioDevice *device = data;
  const gsize size = 2 * page_size ();
  g_autoptr (GError) error = NULL;
  MmioRegion *held = NULL;

  for (guint n = 0;; n++) {
    const gboolean is_late = g_atomic_int_get (&has_let_go);
    MmioRegion *region = map (device, 3, size, &error);
    const volatile guint8 *bytes;

    if (!region)
      break;
    if (is_late) {
      g_atomic_int_set (&is_wrong, TRUE);
      return region;
    }
    g_atomic_int_inc (&n_maps);
    bytes = mmio_region_get_data (region);

    for (gsize i = 0; i < size; i += size / 2 - 1)
      if (bytes[i] != 0x5a && bytes[i] != 0)
        g_atomic_int_set (&is_wrong, TRUE);
    g_clear_pointer (&held, mmio_region_unref);
    if (n % 2 == 0)
      held = region;
    else
      mmio_region_unref (region);
  }

  if (!g_error_matches (error, MMIO_ERROR, MMIO_ERROR_GONE))
    g_atomic_int_set (&is_wrong, TRUE);
  return held;
}

static gpointer
release (gpointer data)
{
  mmio_device_revoke (data, new_reason ("by another"));
  return NULL;
}

static gpointer
do_nothing (gpointer data)
{
  return data;
}

GST_START_TEST (test_threads)
{
  g_autofree char *path = make_file (4);
  guint fds, threads, n_held = 0;

  /* Before the first: it may still be on its way out after it.  What is started
   * once for all is there then. */
  threads = count_threads ();
  mmio_device_unref (open_device (path, MMIO_ACCESS_AUTO));
  g_thread_join (g_thread_new ("first", do_nothing, NULL));
  fds = count_fds ();

  for (guint i = 0; i < N_ROUNDS; i++) {
    MmioDevice *device = open_device (path, MMIO_ACCESS_AUTO);
    GThread *mappers[N_THREADS], *other;
    g_autoptr (GError) before = NULL, after = NULL;

    g_atomic_int_set (&has_let_go, FALSE);
    g_atomic_int_set (&n_maps, 0);
    for (guint t = 0; t < N_THREADS; t++)
      mappers[t] = g_thread_new ("mapper", map_all_the_time, device);
    /* All that there is to race with */
    while (g_atomic_int_get (&n_maps) == 0)
      g_usleep (10);
    g_usleep (g_random_int_range (0, 500));
    other = g_thread_new ("other", release, device);
    mmio_device_revoke (device, new_reason ("by one"));
    fail_if (mmio_device_check (device, 0, &before));

    g_atomic_int_set (&has_let_go, TRUE);
    g_thread_join (other);
    for (guint t = 0; t < N_THREADS; t++) {
      MmioRegion *held = g_thread_join (mappers[t]);

      n_held += held != NULL;
      fail_unless (!held || mmio_region_is_lost (held), "round %u", i);
      if (held)
        fail_unless_all (mmio_region_get_data (held), 2 * page_size (), 0);
      g_clear_pointer (&held, mmio_region_unref);
    }
    fail_if (g_atomic_int_get (&is_wrong), "round %u", i);
    fail_unless_equals_int (count_maps (path), 0);
    fail_if (mmio_device_check (device, 0, &after));
    fail_unless_equals_string (before->message, after->message);
    mmio_device_unref (device);
  }

  /* Some were caught in the middle */
  fail_unless (n_held > 0);
  fail_unless_equals_int (count_fds (), fds);
  wait_for_threads (threads);
}

GST_END_TEST;

/* A program that is started while it is open, and a child */
GST_START_TEST (test_not_inherited)
{
  g_autofree char *path = make_file (2);
  g_autoptr (MmioDevice) device = open_device (path, MMIO_ACCESS_AUTO);
  MmioRegion *region = map (device, 5, 100, NULL);

  check_not_inherited (path);
  fail_unless_equals_int (count_maps (path), 1);
  fail_unless_equals_int (count_maps_of_child (path), 0);
  mmio_region_unref (region);
}

GST_END_TEST;

/* --- Finding out ----------------------------------------------------------- */

static GAsyncQueue *told;
static gint has_ended;

static void
tell (gpointer data)
{
  fail_if (g_atomic_int_get (&has_ended), "it is told after the end");
  g_async_queue_push (told, data);
}

/* What was told to one of many */
typedef struct
{
  gint n;
  gint has_ended;
} Told;

static void
count_told (gpointer data)
{
  Told *one = data;

  fail_if (g_atomic_int_get (&one->has_ended), "it is told after the end");
  g_atomic_int_inc (&one->n);
}

static void
fail_unless_told (void)
{
  fail_unless (g_async_queue_timeout_pop (told, HANG) == told, "it hangs");
}

/* What is started once for all is there then, and the first watch's thread is
 * not counted any more */
static MmioDevice *
plug_card (void)
{
  MmioLiveness *presence;
  MmioDevice *device;
  guint threads;

  make_bus ();
  enter_network (TRUE);
  put_device (&card);
  told = g_async_queue_new ();
  device = open_device (card.slot, MMIO_ACCESS_SYSFS);
  fail_unless (mmio_device_check (device, 0, NULL));
  threads = count_threads ();
  presence = mmio_liveness_new (device, 0);
  mmio_liveness_watch (presence, tell, told);
  mmio_liveness_unref (presence);
  wait_for_threads (threads);
  return device;
}

/* It is let go by the time that somebody is told of it */
GST_START_TEST (test_unplugged)
{
  MmioDevice *device = plug_card ();
  MmioRegion *region = map (device, 5, 5000, NULL);
  MmioLiveness *presence;
  GError *error = NULL;
  guint fds, threads;

  fail_unless (region != NULL);
  fds = count_fds ();
  threads = count_threads ();
  presence = mmio_liveness_new (device, 0);
  mmio_liveness_watch (presence, tell, told);
  fail_unless_equals_int (count_threads (), threads + 1);

  /* Something that is no harm */
  send_uevent ("change", card.slot);
  fail_unless_told ();
  fail_if (mmio_region_is_lost (region));
  fail_unless (mmio_liveness_check (presence));
  fail_unless (mmio_liveness_get_removal (presence) == NULL);
  fail_unless_equals_int (count_maps ("resource0"), 1);

  g_atomic_int_set (&pread_errnum, ENODEV);
  send_uevent ("remove", card.slot);
  fail_unless_told ();
  fail_unless_equals_int (count_maps ("resource0"), 0);
  fail_unless_all (mmio_region_get_data (region), 5000, 0);
  fail_unless_gone (device, "unplugged");

  /* Another one in its place makes no difference */
  g_atomic_int_set (&pread_errnum, 0);
  send_uevent ("add", card.slot);
  fail_unless_told ();
  fail_unless_gone (device, "unplugged");
  fail_if (mmio_liveness_check (presence));
  error = g_error_copy (mmio_liveness_get_removal (presence));
  check_error (&error, MMIO_ERROR_GONE, card.slot, "unplugged", NULL);

  mmio_liveness_unref (presence);
  fail_unless_equals_int (g_async_queue_length (told), 0);
  fail_unless_equals_int (count_fds (), fds);
  wait_for_threads (threads);
  mmio_region_unref (region);
  mmio_device_unref (device);
  g_async_queue_unref (told);
}

GST_END_TEST;

static gpointer
send_all_the_time (gpointer stop)
{
  while (!g_atomic_int_get ((gint *) stop))
    send_uevent ("change", card.slot);
  return NULL;
}

/* Nobody is told of anything after the end */
GST_START_TEST (test_free_during_events)
{
  MmioDevice *device = plug_card ();
  GThread *thread;
  gint stop = FALSE;
  const guint fds = count_fds (), threads = count_threads ();

  thread = g_thread_new ("sender", send_all_the_time, &stop);
  for (guint i = 0; i < N_FREES; i++) {
    MmioLiveness *presence = mmio_liveness_new (device, 0);

    g_atomic_int_set (&has_ended, FALSE);
    mmio_liveness_watch (presence, tell, told);
    /* Not before one has come, that is, while others come */
    fail_unless_told ();
    if (i == N_FREES - 1)
      g_atomic_int_set (&pread_errnum, ENODEV);
    mmio_liveness_unref (presence);
    g_atomic_int_set (&has_ended, TRUE);
    while (g_async_queue_try_pop (told));
  }
  g_atomic_int_set (&stop, TRUE);
  g_thread_join (thread);
  g_atomic_int_set (&pread_errnum, 0);

  fail_unless_equals_int (count_fds (), fds);
  wait_for_threads (threads);
  mmio_device_unref (device);
  g_async_queue_unref (told);
}

GST_END_TEST;

static void
wait_until_unmapped (void)
{
  const gint64 end = g_get_monotonic_time () + HANG;

  while (count_maps ("resource0") > 0) {
    fail_unless (g_get_monotonic_time () < end, "it hangs");
    g_usleep (1000);
  }
}

/* As often as the device was asked something, and more */
static void
wait_for_preads (guint asked)
{
  const gint64 end = g_get_monotonic_time () + HANG;

  while ((guint) g_atomic_int_get (&n_preads) <= asked) {
    fail_unless (g_get_monotonic_time () < end, "it hangs");
    g_usleep (1000);
  }
}

static void
wait_for_fds (guint wanted)
{
  const gint64 end = g_get_monotonic_time () + HANG;

  while (count_fds () != wanted) {
    fail_unless (g_get_monotonic_time () < end, "%u descriptors, not %u",
        count_fds (), wanted);
    g_usleep (1000);
  }
}

/* Whoever captured it has gone, and somebody has kept a map: that is taken from
 * him, too, when the device goes */
GST_START_TEST (test_kept)
{
  const gboolean is_unplugged = __i__ > 0;
  MmioDevice *device = plug_card ();
  MmioRegion *kept, *other;
  MmioLiveness *presence;
  guint fds, threads, asked;

  mmio_device_unref (device);
  fds = count_fds ();
  threads = count_threads ();
  device = open_device (card.slot, MMIO_ACCESS_SYSFS);
  kept = map (device, 5, 5000, NULL);
  other = map (device, 0, 1, NULL);
  presence = mmio_liveness_new (device, 0);
  mmio_liveness_watch (presence, tell, told);
  mmio_liveness_unref (presence);
  g_atomic_int_set (&has_ended, TRUE);
  mmio_device_unref (device);
  mmio_region_unref (other);
  fail_unless_equals_int (count_threads (), threads + 1);
  asked = g_atomic_int_get (&n_preads);
  send_uevent ("change", card.slot);
  wait_for_preads (asked);

  if (is_unplugged) {
    g_atomic_int_set (&pread_errnum, ENODEV);
    send_uevent ("remove", card.slot);
    wait_until_unmapped ();
    fail_unless (mmio_region_is_lost (kept));
    fail_unless_all (mmio_region_get_data (kept), 5000, 0);
  } else {
    fail_unless_equals_int (count_maps ("resource0"), 1);
  }

  mmio_region_unref (kept);
  wait_for_threads (threads);
  wait_for_fds (fds);
  fail_unless_equals_int (count_maps ("resource0"), 0);
  g_atomic_int_set (&pread_errnum, 0);
  g_atomic_int_set (&has_ended, FALSE);
  g_async_queue_unref (told);
}

GST_END_TEST;

/* Who has let it go already has nothing to wait for */
GST_START_TEST (test_kept_after_loss)
{
  MmioDevice *device = plug_card ();
  MmioRegion *kept = map (device, 5, 5000, NULL);
  MmioLiveness *presence = mmio_liveness_new (device, 0);
  const guint threads = count_threads ();

  mmio_liveness_watch (presence, tell, told);
  mmio_device_revoke (device, new_reason ("first"));
  mmio_liveness_unref (presence);
  wait_for_threads (threads);

  mmio_region_unref (kept);
  mmio_device_unref (device);
  g_async_queue_unref (told);
}

GST_END_TEST;

static gpointer
unref_region (gpointer region)
{
  mmio_region_unref (region);
  return NULL;
}

/* The last map goes just when nobody captures it any more, or before, or after;
 * and the device does, too, in some */
GST_START_TEST (test_kept_race)
{
  const gint64 end = g_get_monotonic_time () + HANG;
  g_autofree Told *all = g_new0 (Told, N_FREES);
  guint fds, threads, n_told = 0, n_left = 0;
  GThread *sender;
  gint stop = FALSE;

  mmio_device_unref (plug_card ());
  fds = count_fds ();
  threads = count_threads ();
  sender = g_thread_new ("sender", send_all_the_time, &stop);
  for (guint i = 0; i < N_FREES; i++) {
    MmioDevice *device = open_device (card.slot, MMIO_ACCESS_SYSFS);
    MmioRegion *kept = map (device, 5, 5000, NULL);
    MmioLiveness *presence = mmio_liveness_new (device, 0);
    GThread *thread;

    mmio_liveness_watch (presence, count_told, &all[i]);
    if (i % 3 == 1)
      g_atomic_int_set (&pread_errnum, ENODEV);
    /* One before, one after, others at the same time */
    if (i % 4 == 0)
      mmio_region_unref (g_steal_pointer (&kept));
    while (i % 4 == 2 && g_atomic_int_get (&all[i].n) == 0) {
      fail_unless (g_get_monotonic_time () < end, "it hangs");
      g_usleep (100);
    }
    thread = i % 4 < 2 ? NULL : g_thread_new ("consumer", unref_region, kept);
    if (i % 4 == 2)
      g_usleep (g_random_int_range (0, 200));
    mmio_liveness_unref (presence);
    g_atomic_int_set (&all[i].has_ended, TRUE);
    n_left += mmio_device_is_in_use (device);
    if (thread)
      g_thread_join (thread);
    else if (kept)
      mmio_region_unref (kept);
    mmio_device_unref (device);
    g_atomic_int_set (&pread_errnum, 0);
  }
  g_atomic_int_set (&stop, TRUE);
  g_thread_join (sender);

  wait_for_threads (threads);
  wait_for_fds (fds);
  fail_unless_equals_int (count_maps ("resource0"), 0);
  for (guint i = 0; i < N_FREES; i++)
    n_told += g_atomic_int_get (&all[i].n);
  fail_unless (n_told > 0);
  fail_unless (n_left > 0 && n_left < N_FREES);
  g_async_queue_unref (told);
}

GST_END_TEST;

/* A child has all of it but the thread, and ends nothing by letting go */
GST_START_TEST (test_kept_and_forked)
{
  MmioDevice *device = plug_card ();
  MmioRegion *kept = map (device, 5, 5000, NULL);
  MmioLiveness *presence = mmio_liveness_new (device, 0);
  int status;
  pid_t pid;

  mmio_liveness_watch (presence, tell, told);
  mmio_liveness_unref (presence);
  pid = fork ();
  if (pid == 0) {
    mmio_region_unref (kept);
    /* What is the thread's alone is nothing that valgrind should miss */
    raise (SIGKILL);
  }
  fail_unless (waitpid (pid, &status, 0) == pid);
  fail_unless (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL,
      "status %#x", status);

  g_atomic_int_set (&pread_errnum, ENODEV);
  send_uevent ("remove", card.slot);
  wait_until_unmapped ();
  mmio_region_unref (kept);
  mmio_device_unref (device);
  g_async_queue_unref (told);
}

GST_END_TEST;

/* It is on the bus, and known by another name: that of a node */
GST_START_TEST (test_node)
{
  FakeDevice *fake = fake_new ();
  MmioDevice *device = &fake->parent;
  MmioLiveness *presence = mmio_liveness_new (device, 0);
  MmioRegion *region, *other;

  make_bus ();
  enter_network (TRUE);
  told = g_async_queue_new ();
  device->slot = g_strdup (card.slot);
  fake_set_memory (fake, 0, 5000);
  region = map (device, 5, 100, NULL);
  other = map (device, 0, 1, NULL);

  mmio_liveness_watch (presence, tell, told);
  send_uevent ("unbind", card.slot);
  fail_unless_told ();
  fail_if (mmio_region_is_lost (region));
  /* As after a SIGBUS */
  mmio_region_revoke (other);
  send_uevent ("unbind", card.slot);
  fail_unless_told ();
  fail_unless (mmio_region_is_lost (region));

  mmio_liveness_unref (presence);
  mmio_region_unref (other);
  mmio_region_unref (region);
  mmio_device_unref (device);
  g_async_queue_unref (told);
}

GST_END_TEST;

/* There is no bus to tell of it */
GST_START_TEST (test_no_watch)
{
  g_autofree char *path = make_file (1);
  const char *const names[] = { path, "sim" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (MmioDevice) device = open_device (names[i], MMIO_ACCESS_AUTO);
    const guint fds = count_fds (), threads = count_threads ();
    g_autoptr (MmioLiveness) presence = mmio_liveness_new (device, 0);

    mmio_liveness_watch (presence, tell, NULL);
    fail_unless_equals_int (count_fds (), fds);
    fail_unless_equals_int (count_threads (), threads);
  }
}

GST_END_TEST;

static void
check_lost (MmioDevice * device, const char *word, const char *other_word)
{
  g_autoptr (MmioLiveness) presence = mmio_liveness_new (device, 0);
  MmioRegion *region = map (device, 0, 100, NULL);
  MmioRegion *other = map (device, 200, 100, NULL);
  GError *error = NULL;

  fail_unless (mmio_liveness_check (presence));
  /* As after a SIGBUS */
  mmio_region_revoke (region);
  fail_if (mmio_region_is_lost (other));
  for (guint i = 0; i < 2; i++)
    fail_if (mmio_liveness_check (presence));
  fail_unless (mmio_region_is_lost (other));
  error = g_error_copy (mmio_liveness_get_removal (presence));
  check_error (&error, MMIO_ERROR_GONE, word, other_word,
      mmio_device_get_address (device), NULL);
  fail_unless_gone (device, word);

  mmio_region_unref (region);
  mmio_region_unref (other);
}

/* Its memory has gone, and nothing else tells of it */
GST_START_TEST (test_lost)
{
  g_autofree char *path = make_file (1);
  MmioDevice *device = open_device (path, MMIO_ACCESS_AUTO);

  check_lost (device, "its file system is full or has failed", path);
  mmio_device_unref (device);

  device = plug_card ();
  check_lost (device, "its memory was removed during the read", "dmesg");
  mmio_device_unref (device);
  g_async_queue_unref (told);
}

GST_END_TEST;

/* Who asks has found out in another way */
GST_START_TEST (test_lose)
{
  g_autofree char *path = make_file (1);
  g_autoptr (MmioDevice) device = open_device (path, MMIO_ACCESS_AUTO);
  g_autoptr (MmioLiveness) presence = mmio_liveness_new (device, 0);
  MmioRegion *region = map (device, 0, 100, NULL);

  mmio_liveness_mark_removed (presence, new_reason ("first"));
  fail_unless (strstr (mmio_liveness_get_removal (presence)->message, "first"));
  fail_if (mmio_liveness_check (presence));
  fail_unless_gone (device, "let go first");
  fail_unless_all (mmio_region_get_data (region), 100, 0);
  mmio_region_unref (region);
}

GST_END_TEST;

/* --- Frames ---------------------------------------------------------------- */

static guint
count_checks (guint before, guint preads_of_check)
{
  const guint preads = g_atomic_int_get (&n_preads) - before;

  fail_unless_equals_int (preads % preads_of_check, 0);
  return preads / preads_of_check;
}

static MmioRead
read_frame (MmioCapture * capture)
{
  guint8 pixels[64];
  const MmioTarget target = {.format =
        mmio_capture_get_info (capture)->layout.format,.plane =
        {pixels},.stride = {16}
  };
  MmioDamage damage;

  return mmio_capture_read (capture, &target, &damage);
}

/* A frame costs two checks of the device, whichever function makes the first */
GST_START_TEST (test_two_checks_a_frame)
{
  MmioDevice *device = plug_card ();
  MmioCaptureConfig config = {.device = card.slot,.access = MMIO_ACCESS_SYSFS,
    .bar = 0,.spec = test_spec ("BGRx", 4, 4, 0, 0),
    .frame_sync = MMIO_FRAME_SYNC_COUNTER
  };
  GError *error = NULL;
  MmioCapture *capture;
  MmioCount count;
  guint before = g_atomic_int_get (&n_preads), cost, buffer;

  fail_unless (mmio_device_check (device, 0, NULL));
  cost = g_atomic_int_get (&n_preads) - before;
  fail_unless (cost > 0);
  mmio_device_unref (device);
  config.spec.counter = (MmioRegisterSpec) {
  .bar = 0,.offset = 4096,.bits = 32};
  capture = mmio_capture_open (&config, &error);
  fail_unless (capture != NULL, "%s", error ? error->message : "");

  for (guint i = 0; i < 3; i++) {
    before = g_atomic_int_get (&n_preads);
    fail_unless_equals_int (read_frame (capture), MMIO_READ_WHOLE);
    fail_unless_equals_int (count_checks (before, cost), 2);

    before = g_atomic_int_get (&n_preads);
    fail_unless (mmio_capture_wait (capture, 0, &count) != MMIO_WAIT_GONE);
    fail_unless_equals_int (count_checks (before, cost), 1);
    fail_unless_equals_int (read_frame (capture), MMIO_READ_WHOLE);
    fail_unless_equals_int (count_checks (before, cost), 2);

    before = g_atomic_int_get (&n_preads);
    fail_unless (mmio_capture_check_present (capture));
    fail_unless_equals_int (mmio_capture_choose (capture, &buffer),
        MMIO_READ_WHOLE);
    fail_unless_equals_int (count_checks (before, cost), 1);
  }

  mmio_capture_close (capture);
  g_async_queue_unref (told);
}

GST_END_TEST;

/* It goes between the check before a read and the one after it */
GST_START_TEST (test_gone_after_check)
{
  const gboolean does_wait = __i__ > 0;
  MmioCaptureConfig config = {.device = card.slot,.access = MMIO_ACCESS_SYSFS,
    .bar = 0,.spec = test_spec ("BGRx", 4, 4, 0, 0)
  };
  MmioCapture *capture;
  MmioCount count;

  mmio_device_unref (plug_card ());
  if (does_wait) {
    config.frame_sync = MMIO_FRAME_SYNC_COUNTER;
    config.spec.counter = (MmioRegisterSpec) {
    .bar = 0,.offset = 4096,.bits = 32};
  }
  capture = mmio_capture_open (&config, NULL);
  fail_unless (capture != NULL);

  if (does_wait)
    fail_unless (mmio_capture_wait (capture, 0, &count) != MMIO_WAIT_GONE);
  else
    fail_unless (mmio_capture_check_present (capture));
  set_command (&card, 0);
  fail_unless_equals_int (read_frame (capture), MMIO_READ_GONE);
  fail_unless (strstr (mmio_capture_get_removal (capture)->message,
          "decoding"));

  mmio_capture_close (capture);
  g_async_queue_unref (told);
}

GST_END_TEST;

static Suite *
liveness_suite (void)
{
  Suite *s = suite_create ("lib-liveness");
  TCase *tc = add_case (s, "let go");

  tcase_add_unchecked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_test (tc, test_let_go);
  tcase_add_test (tc, test_nothing_else);
  tcase_add_test (tc, test_threads);
  tcase_add_test (tc, test_not_inherited);

  tc = add_case (s, "find out");
  tcase_add_unchecked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_test (tc, test_unplugged);
  tcase_add_test (tc, test_free_during_events);
  tcase_add_loop_test (tc, test_kept, 0, 2);
  tcase_add_test (tc, test_kept_after_loss);
  tcase_add_test (tc, test_kept_race);
  tcase_add_test (tc, test_kept_and_forked);
  tcase_add_test (tc, test_node);
  tcase_add_test (tc, test_no_watch);
  tcase_add_test (tc, test_lost);
  tcase_add_test (tc, test_lose);

  tc = add_case (s, "frames");
  tcase_add_unchecked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_test (tc, test_two_checks_a_frame);
  tcase_add_loop_test (tc, test_gone_after_check, 0, 2);

  return s;
}

int
main (int argc, char **argv)
{
  return run_with_uevents (argc, argv, liveness_suite, "presence", __FILE__);
}
