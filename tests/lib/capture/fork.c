/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a forked child does with what it has inherited is nothing to its parent, and
 * nothing to the child's own memory where the parent has a map. */
#include "fixtures/helper.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "capture/mmiocapture.h"
#include "describe/mmiodevicetable.h"
#include "hotplug/mmiohotplugbus.h"

#define SIZE (64 * 48 * 3)

static MmioCapture *capture;
static MmioHotplugBus *monitor;
static char *path;

static void
open_capture (const char *device)
{
  const MmioCaptureConfig config = {.device = device,.bar = -1,
    .spec = test_spec ("RGB", 64, 48, 0, 0),
    .frame_sync = strcmp (device, "sim") == 0 ? MMIO_FRAME_SYNC_COUNTER :
        MMIO_FRAME_SYNC_CLOCK
  };
  GError *error = NULL;

  capture = mmio_capture_open (&config, &error);
  fail_unless (capture != NULL, "%s", error ? error->message : "");
}

static void
open_file (void)
{
  g_autofree guint8 *content = g_malloc0 (SIZE);

  path = temp_file ("device", content, SIZE);
  open_capture (path);
}

static guint8 pixels[SIZE];

static MmioRead
read_frame (void)
{
  const MmioTarget target = {.format =
        mmio_capture_get_info (capture)->layout.format,.plane =
        {pixels},.stride = {64 * 3}
  };
  MmioDamage damage;

  return mmio_capture_read (capture, &target, &damage);
}

/* Returns: whether @func returned TRUE in a child that has its own memory where its
 * parent has the map of the region */
static gboolean
run_in_child (gboolean (*func) (void))
{
  const pid_t pid = fork ();
  int status;

  if (pid == 0) {
    unsigned char residency[SIZE];
    gsize length = 0;
    guint8 *own = NULL;
    gboolean ok;

    alarm (60);
    if (capture) {
      const guint8 *pages =
          mmio_region_get_pages (mmio_capture_get_info (capture)->region,
          &length);

      /* Not inherited, although valgrind takes it for mapped */
      if (mincore ((gpointer) pages, length, residency) == 0 || errno != ENOMEM)
        _exit (2);
      own = mmap ((gpointer) pages, length, PROT_READ | PROT_WRITE,
          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
      if (own != pages)
        _exit (2);
      memset (own, 0x5a, length);
    }

    ok = func ();
    for (gsize i = 0; i < length; i++)
      ok &= own[i] == 0x5a;
    _exit (ok ? 0 : 1);
  }

  fail_unless (pid > 0 && waitpid (pid, &status, 0) == pid);
  fail_unless (WIFEXITED (status), "status %#x", status);
  fail_unless (WEXITSTATUS (status) != 2, "its memory could not be mapped");
  return WEXITSTATUS (status) == 0;
}

static gboolean
do_close (void)
{
  mmio_capture_close (capture);
  return TRUE;
}

static gboolean
do_check (void)
{
  return !mmio_capture_check_present (capture) &&
      mmio_capture_get_removal (capture) != NULL && do_close ();
}

static gboolean
do_use (void)
{
  MmioCaptureStats stats;
  MmioCount count;

  mmio_capture_get_stats (capture, &stats);
  return read_frame () == MMIO_READ_GONE &&
      mmio_capture_wait (capture, 0, &count) == MMIO_WAIT_GONE && do_close ();
}

static gboolean
do_read (void)
{
  guint buffer;

  memset (pixels, 0, SIZE);
  return read_frame () == MMIO_READ_GONE && pixels[0] == 0 &&
      mmio_capture_choose (capture, &buffer) == MMIO_READ_GONE && do_close ();
}

static gboolean
do_choose (void)
{
  guint buffer;

  return mmio_capture_choose (capture, &buffer) == MMIO_READ_GONE &&
      do_close ();
}

static gboolean
do_wake (void)
{
  mmio_capture_wake (capture);
  return TRUE;
}

static gboolean
do_free_monitor (void)
{
  mmio_hotplug_bus_free (monitor);
  return TRUE;
}

/* The parent's goes on */
static void
check_sim (void)
{
  for (guint i = 0; i < 3; i++) {
    MmioCount count;

    fail_unless_equals_int (mmio_capture_wait (capture,
            g_get_monotonic_time () + HANG, &count), MMIO_WAIT_FRAME);
    fail_unless (read_frame () != MMIO_READ_GONE);
  }
}

GST_START_TEST (test_sim)
{
  gboolean (*const funcs[]) (void) = {
    do_close, do_check, do_use
  };
  const guint threads = count_threads ();

  open_capture ("sim");
  for (guint i = 0; i < G_N_ELEMENTS (funcs); i++) {
    fail_unless (run_in_child (funcs[i]), "function %u", i);
    check_sim ();
  }
  mmio_capture_close (capture);
  wait_for_threads (threads);
}

GST_END_TEST;

GST_START_TEST (test_file)
{
  gboolean (*const funcs[]) (void) = {
    do_close, do_check, do_use
  };

  open_file ();
  for (guint i = 0; i < G_N_ELEMENTS (funcs); i++) {
    fail_unless (run_in_child (funcs[i]), "function %u", i);
    fail_unless_equals_int (read_frame (), MMIO_READ_WHOLE);
  }
  mmio_capture_close (capture);
}

GST_END_TEST;

/* What happens to the file then is for the parent to see */
GST_START_TEST (test_replaced)
{
  open_file ();
  fail_unless (g_file_set_contents (path, "another one", -1, NULL));
  fail_unless (run_in_child (do_check));
  fail_unless_equals_int (count_maps (path), 1);
  fail_if (mmio_capture_check_present (capture));
  fail_unless (strstr (mmio_capture_get_removal (capture)->message,
          "replaced"));
  mmio_capture_close (capture);
}

GST_END_TEST;

/* A fork between the check before a read and the read */
GST_START_TEST (test_checked)
{
  gboolean (*const funcs[]) (void) = {
    do_read, do_choose
  };

  open_file ();
  for (guint i = 0; i < G_N_ELEMENTS (funcs); i++) {
    fail_unless (mmio_capture_check_present (capture));
    fail_unless (run_in_child (funcs[i]), "function %u", i);
    fail_unless_equals_int (read_frame (), MMIO_READ_WHOLE);
  }
  mmio_capture_close (capture);
}

GST_END_TEST;

static gint stop;

/* Takes each lock of the capture again and again */
static gpointer
keep_busy (gpointer unused)
{
  while (!g_atomic_int_get (&stop)) {
    MmioCaptureStats stats;

    /* The lock is held for most of the time */
    for (guint i = 0; i < 100; i++)
      mmio_capture_get_stats (capture, &stats);
    mmio_capture_check_present (capture);
    mmio_capture_get_removal (capture);
  }
  return NULL;
}

/* A lock that another thread has at the fork stays locked in the child */
GST_START_TEST (test_busy)
{
  gboolean (*const funcs[]) (void) = {
    do_close, do_check, do_use
  };
  const guint forks = RUNNING_ON_VALGRIND ? 10 : 200;
  GThread *thread;

  open_file ();
  g_atomic_int_set (&stop, FALSE);
  thread = g_thread_new ("busy", keep_busy, NULL);
  for (guint i = 0; i < forks; i++)
    fail_unless (run_in_child (funcs[i % G_N_ELEMENTS (funcs)]), "fork %u", i);
  g_atomic_int_set (&stop, TRUE);
  g_thread_join (thread);
  mmio_capture_close (capture);
}

GST_END_TEST;

GST_START_TEST (test_wake)
{
  const MmioCaptureConfig config = {.bar = -1,.frame_sync =
        MMIO_FRAME_SYNC_COUNTER
  };
  MmioCaptureConfig counting = config;
  MmioCount count;

  open_file ();
  mmio_capture_close (g_steal_pointer (&capture));
  counting.device = path;
  counting.spec = test_spec ("RGB", 64, 47, 0, 0);
  counting.spec.counter = (MmioRegisterSpec) {
  .bar = 0,.offset = 64 * 47 * 3,.bits = 32};
  capture = mmio_capture_open (&counting, NULL);
  fail_unless (capture != NULL);
  fail_unless_equals_int (mmio_capture_wait (capture, 0, &count),
      MMIO_WAIT_FRAME);

  fail_unless (run_in_child (do_wake));
  fail_unless_equals_int (mmio_capture_wait (capture,
          g_get_monotonic_time () + 1000, &count), MMIO_WAIT_TIMEOUT);
  mmio_capture_close (capture);
}

GST_END_TEST;

static void
on_device (const char *address, const MmioPciEntry * candidate, gpointer data)
{
}

GST_START_TEST (test_monitor)
{
  const guint threads = count_threads ();

  monitor = mmio_hotplug_bus_new (mmio_device_table_has, on_device, NULL, NULL);
  if (!monitor) {
    g_print ("SKIP: netlink is forbidden here, so nothing can be monitored\n");
    return;
  }
  fail_unless_equals_int (count_threads (), threads + 1);
  fail_unless (run_in_child (do_free_monitor));
  g_usleep (10000);
  fail_unless_equals_int (count_threads (), threads + 1);
  mmio_hotplug_bus_free (monitor);
  wait_for_threads (threads);
}

GST_END_TEST;

static Suite *
fork_suite (void)
{
  Suite *s = suite_create ("lib-fork");
  TCase *tc = add_case (s, "child");

  tcase_add_checked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_test (tc, test_sim);
  tcase_add_test (tc, test_file);
  tcase_add_test (tc, test_replaced);
  tcase_add_test (tc, test_checked);
  tcase_add_test (tc, test_busy);
  tcase_add_test (tc, test_wake);
  tcase_add_test (tc, test_monitor);

  return s;
}

GST_CHECK_MAIN (fork);
