/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices that come and go on a bus that does not exist.
 */
#include "fixtures/uevent.h"
#include "describe/mmiodevicetable.h"
#include "hotplug/mmiohotplugbus.h"

#define THREAD "mmio-monitor"

/* For as long as it looks by itself after something has come */
#define SETTLED (2500 * G_TIME_SPAN_MILLISECOND)

/* BAR 2, in which the known devices describe their frame */
#define PAGE_BAR {{ 0 }, { 0 }, { 0xfd000000, 4096, MEMORY }}

static const Device one = { "0000:03:00.0", 0x1234, 0x1111, PAGE_BAR };
static const Device two = { "0000:04:00.0", 0x1af4, 0x1110, PAGE_BAR };
static const Device unsized = { "0000:04:00.0", 0x1af4, 0x1110, {{0}} };

/* What was told, and has not been looked at: the device's number and its
 * address for one that has come, "gone" and the address for one that has gone
 */
static GAsyncQueue *told;

static void
tell (const char *address, const MmioPciEntry * candidate, gpointer data)
{
  fail_unless (data == &told);
  if (candidate)
    fail_unless_equals_string (candidate->address, address);
  g_async_queue_push (told, candidate ? g_strdup_printf ("%04x %s",
          candidate->device, address) : g_strdup_printf ("gone %s", address));
}

static MmioHotplugBus *
make_monitor (void)
{
  GError *error = NULL;
  MmioHotplugBus *monitor;

  told = g_async_queue_new_full (g_free);
  monitor = mmio_hotplug_bus_new (mmio_device_table_has, tell, &told, &error);
  fail_unless (monitor != NULL, "%s", error ? error->message : "no error");
  fail_unless (error == NULL);
  return monitor;
}

static void
check_told (const char *wanted)
{
  g_autofree char *text = g_async_queue_timeout_pop (told, HANG);

  fail_unless (text != NULL, "nobody told: %s", wanted);
  fail_unless_equals_string (text, wanted);
}

static void
finish (MmioHotplugBus * monitor)
{
  g_autofree char *text = NULL;

  mmio_hotplug_bus_free (monitor);
  text = g_async_queue_try_pop (told);
  fail_unless (text == NULL, "told too: %s", text);
  g_async_queue_unref (told);
}

/* Those that are there are told before the constructor returns */
GST_START_TEST (test_there)
{
  MmioHotplugBus *monitor;

  make_bus ();
  enter_network (TRUE);
  put_device (&two);
  put_device (&one);
  monitor = make_monitor ();
  fail_unless_equals_int (g_async_queue_length (told), 2);
  check_told ("1111 0000:03:00.0");
  check_told ("1110 0000:04:00.0");
  finish (monitor);
}

GST_END_TEST;

GST_START_TEST (test_comes_and_goes)
{
  MmioHotplugBus *monitor;

  make_bus ();
  enter_network (TRUE);
  put_device (&one);
  monitor = make_monitor ();
  check_told ("1111 0000:03:00.0");
  g_usleep (SETTLED);

  put_device (&two);
  send_uevent ("add", two.slot);
  check_told ("1110 0000:04:00.0");
  g_usleep (SETTLED);

  unplug_device (&one);
  send_uevent ("remove", one.slot);
  check_told ("gone 0000:03:00.0");
  unplug_device (&two);
  send_uevent ("remove", two.slot);
  check_told ("gone 0000:04:00.0");
  /* Nobody minds twice */
  send_uevent ("remove", two.slot);
  put_device (&one);
  send_uevent ("add", one.slot);
  send_uevent ("add", one.slot);
  check_told ("1111 0000:03:00.0");
  finish (monitor);
}

GST_END_TEST;

/* Whoever has mapped the old one wants to know, though it looks the same */
GST_START_TEST (test_back_at_once)
{
  MmioHotplugBus *monitor;

  make_bus ();
  enter_network (TRUE);
  put_device (&one);
  monitor = make_monitor ();
  check_told ("1111 0000:03:00.0");
  send_uevent ("remove", one.slot);
  send_uevent ("add", one.slot);
  check_told ("gone 0000:03:00.0");
  check_told ("1111 0000:03:00.0");
  finish (monitor);
}

GST_END_TEST;

/* Returns: whether its memory had a place while it is still looked for */
static gboolean
announce_early (void)
{
  MmioHotplugBus *monitor = make_monitor ();
  gboolean is_in_time;
  gint64 begin;

  g_usleep (SETTLED);

  put_device (&unsized);
  begin = g_get_monotonic_time ();
  send_uevent ("add", unsized.slot);
  g_usleep (SETTLED / 5);
  fail_unless_equals_int (g_async_queue_length (told), 0);
  unplug_device (&unsized);
  put_device (&two);
  is_in_time = g_get_monotonic_time () - begin < SETTLED * 3 / 5;

  if (is_in_time) {
    check_told ("1110 0000:04:00.0");
    finish (monitor);
  } else {
    mmio_hotplug_bus_free (monitor);
    g_async_queue_unref (told);
  }
  unplug_device (&two);
  return is_in_time;
}

/* The kernel announces a device, then finds a place for its memory, and does
 * not say when it has */
GST_START_TEST (test_announced_early)
{
  make_bus ();
  enter_network (TRUE);
  /* Once more on a machine that did other things meanwhile */
  for (guint i = 0; !announce_early (); i++)
    fail_unless (i < 20, "this machine has no time");
}

GST_END_TEST;

/* Events may be lost: whatever is heard next is a reason to look at all */
GST_START_TEST (test_lost_events)
{
  static const Device other = { "0000:03:00.0", 0x1af4, 0x1110, PAGE_BAR };
  MmioHotplugBus *monitor;

  make_bus ();
  enter_network (TRUE);
  put_device (&one);
  monitor = make_monitor ();
  check_told ("1111 0000:03:00.0");
  g_usleep (SETTLED);

  unplug_device (&one);
  put_device (&two);
  send_uevent ("bind", "0000:05:00.0");
  check_told ("gone 0000:03:00.0");
  check_told ("1110 0000:04:00.0");

  /* Another one at the same place */
  put_device (&other);
  send_uevent ("change", "0000:05:00.0");
  check_told ("1110 0000:03:00.0");
  put (other.slot, "vendor", "0x1234\n", -1);
  put (other.slot, "device", "0x1111\n", -1);
  send_uevent ("change", "0000:05:00.0");
  check_told ("gone 0000:03:00.0");
  check_told ("1111 0000:03:00.0");
  finish (monitor);
}

GST_END_TEST;

/* Where there is no udevd, nobody but the kernel tells */
GST_START_TEST (test_group)
{
  const gboolean has_udevd = __i__;
  MmioHotplugBus *monitor;

  make_bus ();
  enter_network (has_udevd);
  fail_unless_equals_int (get_uevent_groups (), 0);
  monitor = make_monitor ();
  fail_unless_equals_int (get_uevent_groups (), has_udevd ? 2 : 1);
  finish (monitor);
  fail_unless_equals_int (get_uevent_groups (), 0);
}

GST_END_TEST;

/* A descriptor that the program has closed is not polled any more */
GST_START_TEST (test_closed)
{
  MmioHotplugBus *monitor;

  make_bus ();
  enter_network (TRUE);
  monitor = make_monitor ();
  close_uevents ();
  g_usleep (SETTLED);
  check_threads_sleep ();
  finish (monitor);
}

GST_END_TEST;

/* It leaves nothing behind, and can end at any moment */
GST_START_TEST (test_ends)
{
  guint fds, threads;

  make_bus ();
  enter_network (TRUE);
  fds = count_fds ();
  threads = count_threads ();
  for (guint i = 0; i < 50; i++) {
    MmioHotplugBus *monitor = make_monitor ();

    if (i == 0)
      g_usleep (SETTLED);
    else if (i % 2)
      send_uevent ("add", one.slot);
    finish (monitor);
    fail_unless_equals_int (count_fds (), fds);
    wait_for_threads (threads);
    fail_unless_equals_int (count_threads_named (THREAD), 0);
  }
}

GST_END_TEST;

static Suite *
hotplugbus_suite (void)
{
  Suite *s = suite_create ("lib-hotplugbus");
  TCase *tc = add_case (s, "monitor");

  tcase_add_test (tc, test_there);
  tcase_add_test (tc, test_comes_and_goes);
  tcase_add_test (tc, test_back_at_once);
  tcase_add_test (tc, test_announced_early);
  tcase_add_test (tc, test_lost_events);
  tcase_add_loop_test (tc, test_group, 0, 2);
  tcase_add_test (tc, test_closed);
  tcase_add_test (tc, test_ends);

  return s;
}

int
main (int argc, char **argv)
{
  return run_with_uevents (argc, argv, hotplugbus_suite, "monitor", __FILE__);
}
