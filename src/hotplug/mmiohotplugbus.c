/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Monitors the PCI bus for known devices.
 *
 * An event only causes another enumeration of the bus.  The exception is a removal,
 * which is reported at once: the device may return before the enumeration.
 */
#include "hotplug/mmiohotplugbus.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mmioerror.h"
#include "base/mmioprocess.h"
#include "pci/mmiouevents.h"

/* The kernel announces a device before its BARs are usable, and sends no later event.
 * So the bus is enumerated repeatedly for this time (microseconds). */
#define SETTLE_TIME (2 * G_TIME_SPAN_SECOND)
#define SETTLE_INTERVAL_MS 100

struct _MmioHotplugBus
{
  MmioPciFilter is_known;
  MmioHotplugBusFunc func;
  gpointer data;

  MmioUevents *events;
  int wake_fd;                  /* readable: the thread must end */
  GThread *thread;
  guint process;                /* a forked child lacks the thread */

  GMutex start;                 /* held until the constructor has finished */

  /* Used by the constructor, then by the thread */
  GHashTable *known;            /* address to MmioPciEntry */
  gint64 settled_at;            /* monotonic time */
};

static void
forget (MmioHotplugBus * bus, const char *address)
{
  if (g_hash_table_remove (bus->known, address))
    bus->func (address, NULL, bus->data);
}

static gboolean
is_same (const MmioPciEntry * one, const MmioPciEntry * other)
{
  return one->vendor == other->vendor && one->device == other->device &&
      one->class_code == other->class_code && strcmp (one->path,
      other->path) == 0;
}

static const MmioPciEntry *
find_address (const GPtrArray * entries, const char *address)
{
  for (guint i = 0; i < entries->len; i++) {
    const MmioPciEntry *entry = g_ptr_array_index (entries, i);

    if (strcmp (entry->address, address) == 0)
      return entry;
  }

  return NULL;
}

static void
forget_all_but (MmioHotplugBus * bus, const GPtrArray * entries)
{
  g_autoptr (GList) known = g_hash_table_get_values (bus->known);

  for (GList * item = known; item; item = item->next) {
    const MmioPciEntry *entry = item->data;
    const MmioPciEntry *now = find_address (entries, entry->address);

    if (!now || !is_same (entry, now)) {
      g_autofree char *address = g_strdup (entry->address);

      forget (bus, address);
    }
  }
}

static void
start_settling (MmioHotplugBus * bus)
{
  bus->settled_at = g_get_monotonic_time () + SETTLE_TIME;
}

/* Enumerates the bus, and reports each difference to the known devices */
static void
synchronize (MmioHotplugBus * bus)
{
  g_autoptr (GPtrArray) entries = mmio_pci_enumerate (bus->is_known);

  /* After a failed enumeration no device counts as removed */
  if (!entries) {
    start_settling (bus);
    return;
  }

  forget_all_but (bus, entries);
  g_ptr_array_set_free_func (entries, NULL);
  for (guint i = 0; i < entries->len; i++) {
    MmioPciEntry *entry = g_ptr_array_index (entries, i);

    if (g_hash_table_contains (bus->known, entry->address)) {
      mmio_pci_entry_free (entry);
    } else {
      g_hash_table_insert (bus->known, entry->address, entry);
      bus->func (entry->address, entry, bus->data);
    }
  }
}

static void
take_events (MmioHotplugBus * bus)
{
  g_autofree char *action = NULL;
  g_autofree char *address = NULL;

  while (mmio_uevents_take (bus->events, &action, &address)) {
    if (address && g_strcmp0 (action, "remove") == 0)
      forget (bus, address);
    else if (g_strcmp0 (action, "add") == 0)
      start_settling (bus);
    g_clear_pointer (&action, g_free);
    g_clear_pointer (&address, g_free);
  }
}

static gpointer
run (gpointer data)
{
  MmioHotplugBus *bus = data;
  GPollFD fds[] = {
    {bus->wake_fd, G_IO_IN, 0},
    {mmio_uevents_get_fd (bus->events), G_IO_IN, 0},
  };

  g_mutex_lock (&bus->start);
  g_mutex_unlock (&bus->start);

  do {
    const gboolean is_settled = g_get_monotonic_time () >= bus->settled_at;
    const gint n = g_poll (fds, G_N_ELEMENTS (fds),
        is_settled ? -1 : SETTLE_INTERVAL_MS);

    /* A signal, or a temporary shortage of memory */
    if (n < 0 && errno != EINTR)
      g_usleep (SETTLE_INTERVAL_MS * G_GUINT64_CONSTANT (1000));
    if (n < 0 || fds[0].revents)
      continue;
    /* The program has closed this descriptor, and may have reused its number */
    if (fds[1].revents && !mmio_uevents_is_open (bus->events))
      fds[1].fd = -1;
    else if (fds[1].revents)
      take_events (bus);
    synchronize (bus);
  } while (!fds[0].revents);

  return NULL;
}

/**
 * mmio_hotplug_bus_new:
 * @is_known: selects devices; called from any thread
 * @func: called for each present device before this function returns, and then
 *   from the monitor's thread for each change; it must not free the monitor
 * @data: argument of @func
 *
 * Monitors the PCI bus by uevents of udevd if it runs, else of the kernel.  A container
 * that receives neither gets only the reports of present devices.
 *
 * Locking: @func is never called concurrently.
 *
 * Returns: (transfer full) (nullable): the monitor, or NULL with
 *   %MMIO_ERROR_FAILED; then @func was not called
 */
MmioHotplugBus *
mmio_hotplug_bus_new (MmioPciFilter is_known, MmioHotplugBusFunc func,
    gpointer data, GError ** error)
{
  MmioHotplugBus *bus = g_new0 (MmioHotplugBus, 1);
  g_autoptr (GError) local = NULL;
  int errnum;

  bus->process = mmio_process_get ();
  bus->is_known = is_known;
  bus->func = func;
  bus->data = data;
  bus->known = g_hash_table_new_full (g_str_hash, g_str_equal, NULL,
      (GDestroyNotify) mmio_pci_entry_free);
  bus->wake_fd = eventfd (0, EFD_CLOEXEC);
  g_mutex_init (&bus->start);

  if (bus->wake_fd < 0)
    errnum = errno;
  else
    bus->events = mmio_uevents_new (&errnum);
  if (errnum != 0) {
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum,
        "eventfd or udev_monitor_enable_receiving",
        "Cannot monitor hotplug events of PCI devices; permit netlink to this "
        "process.");
    mmio_hotplug_bus_free (bus);
    return NULL;
  }

  /* If the thread cannot be started, no device is reported */
  start_settling (bus);
  g_mutex_lock (&bus->start);
  bus->thread = g_thread_try_new ("mmio-monitor", run, bus, &local);
  if (bus->thread)
    synchronize (bus);
  g_mutex_unlock (&bus->start);
  if (bus->thread)
    return bus;

  mmio_set_error (error, MMIO_ERROR_FAILED,
      "Cannot monitor PCI devices: %s; raise the limit of processes with: ulimit "
      "-u NUMBER", local->message);
  mmio_hotplug_bus_free (bus);
  return NULL;
}

/**
 * mmio_hotplug_bus_free:
 * @bus: (transfer full): a monitor
 *
 * Ends the monitor and waits for its thread.  Its function is not called afterwards.
 * A forked child lacks the thread and does not wait.
 */
void
mmio_hotplug_bus_free (MmioHotplugBus * bus)
{
  if (bus->thread && mmio_process_is_current (bus->process)) {
    /* Cannot fail: the counter was zero */
    eventfd_write (bus->wake_fd, 1);
    g_thread_join (bus->thread);
  } else if (bus->thread) {
    g_thread_unref (bus->thread);
  }

  g_clear_pointer (&bus->events, mmio_uevents_free);
  if (bus->wake_fd >= 0)
    close (bus->wake_fd);
  g_hash_table_unref (bus->known);
  if (mmio_process_is_current (bus->process))
    g_mutex_clear (&bus->start);
  g_free (bus);
}
