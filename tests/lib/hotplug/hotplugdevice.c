/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens to a device that does not exist, and is heard.
 */
#include "fixtures/uevent.h"
#include "hotplug/mmiohotplugdevice.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#define SLOT "0000:03:00.0"
#define OTHER "0000:04:00.0"

static GAsyncQueue *told;
/* What is pushed: a queue takes no NULL */
static char happened[] = "", requested[] = "";

static void
tell (gboolean is_requested, gpointer data)
{
  g_async_queue_push (data, is_requested ? requested : happened);
}

static MmioHotplugDevice *
watch_new (int request_fd)
{
  GError *error = NULL;
  MmioHotplugDevice *watch;

  make_bus ();
  enter_network (TRUE);
  told = g_async_queue_new ();
  watch = mmio_hotplug_device_new (SLOT, request_fd, tell, told, &error);
  fail_unless (watch != NULL, "%s", error ? error->message : "");

  return watch;
}

static void
fail_unless_told (const char *what)
{
  const char *got = g_async_queue_timeout_pop (told, HANG);

  fail_unless (got != NULL, "it hangs");
  fail_unless (got == what);
}

static void
finish (MmioHotplugDevice * watch)
{
  mmio_hotplug_device_free (watch);
  fail_unless_equals_int (g_async_queue_length (told), 0);
  g_async_queue_unref (told);
}

static const char *const actions[] = { "remove", "add", "unbind", "change" };

GST_START_TEST (test_events)
{
  MmioHotplugDevice *watch = watch_new (-1);

  /* That of another one is heard before, and not told */
  send_uevent (actions[__i__], OTHER);
  send_uevent (actions[__i__], SLOT);
  fail_unless_told (happened);
  finish (watch);
}

GST_END_TEST;

/* Whoever unplugs a device of vfio waits until it is let go */
GST_START_TEST (test_request)
{
  const int fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  MmioHotplugDevice *watch = watch_new (fd);

  for (guint i = 0; i < 2; i++) {
    fail_unless (eventfd_write (fd, 1) == 0);
    fail_unless_told (requested);
  }
  finish (watch);
  close (fd);
}

GST_END_TEST;

/* A descriptor that the program has closed is not polled any more */
GST_START_TEST (test_closed)
{
  const int fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  MmioHotplugDevice *watch = watch_new (fd);

  /* The other one ends the wait that has begun before */
  if (__i__ == 0) {
    close_uevents ();
    fail_unless (eventfd_write (fd, 1) == 0);
    fail_unless_told (requested);
    check_threads_sleep ();
    fail_unless (eventfd_write (fd, 1) == 0);
    fail_unless_told (requested);
    close (fd);
  } else {
    close (fd);
    send_uevent ("change", SLOT);
    fail_unless_told (happened);
    check_threads_sleep ();
    send_uevent ("change", SLOT);
    fail_unless_told (happened);
  }
  finish (watch);
}

GST_END_TEST;

/* The program has opened something else by the same number: that is neither polled
 * nor closed */
GST_START_TEST (test_reused)
{
  const int fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  const int other = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  MmioHotplugDevice *watch;
  int socket;

  /* The monitor of libudev is leaked, as it would close the other file */
#ifdef __SANITIZE_ADDRESS__
  __lsan_disable ();
#endif
  watch = watch_new (fd);
#ifdef __SANITIZE_ADDRESS__
  __lsan_enable ();
#endif
  socket = close_uevents ();

  fail_unless (dup2 (other, socket) == socket);
  for (guint i = 0; i < 2; i++) {
    fail_unless (eventfd_write (fd, 1) == 0);
    fail_unless_told (requested);
    check_threads_sleep ();
  }
  finish (watch);
  fail_unless (fcntl (socket, F_GETFD) >= 0);
  close (socket);
  close (other);
  close (fd);
}

GST_END_TEST;

/* It leaves nothing, and nobody is called any more */
GST_START_TEST (test_ends)
{
  /* Before the first: its thread may still be on its way out after it */
  const guint threads = count_threads ();
  guint fds;

  finish (watch_new (-1));
  fds = count_fds ();

  for (guint i = 0; i < 20; i++) {
    GError *error = NULL;
    MmioHotplugDevice *watch =
        mmio_hotplug_device_new (SLOT, -1, tell, NULL, &error);

    fail_unless (watch != NULL, "%s", error ? error->message : "");
    mmio_hotplug_device_free (watch);
    send_uevent ("remove", SLOT);
  }
  fail_unless_equals_int (count_fds (), fds);
  wait_for_threads (threads);
}

GST_END_TEST;

static Suite *
hotplugdevice_suite (void)
{
  Suite *s = suite_create ("lib-hotplugdevice");
  TCase *tc = add_case (s, "watch");

  tcase_add_loop_test (tc, test_events, 0, G_N_ELEMENTS (actions));
  tcase_add_test (tc, test_request);
  tcase_add_loop_test (tc, test_closed, 0, 2);
  tcase_add_test (tc, test_reused);
  tcase_add_test (tc, test_ends);

  return s;
}

int
main (int argc, char **argv)
{
  return run_with_uevents (argc, argv, hotplugdevice_suite, "watch", __FILE__);
}
