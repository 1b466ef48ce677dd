/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices that come and go.
 *
 * That something has happened is only a reason to look at the list anew, but
 * for one thing: that a device was removed, as the same one may be back when we
 * look.
 */
#include "hotplug/mmiomonitor.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mmioerror.h"
#include "base/mmioprocess.h"
#include "pci/mmiouevents.h"

/* The kernel announces a device before its BARs can be used, and says nothing
 * more: we look again for a while */
#define SETTLE_TIME (2 * G_TIME_SPAN_SECOND)
#define SETTLE_INTERVAL_MS 100

struct _MmioMonitor
{
  MmioCandidateFunc is_known;
  MmioMonitorFunc func;
  gpointer data;

  MmioUevents *events;
  int wake_fd;                  /* readable: it is time to end */
  GThread *thread;
  guint process;                /* forked children do not have the thread */

  GMutex start;                 /* held until the constructor has finished */

  /* In the constructor, then in the thread */
  GHashTable *known;            /* address to MmioCandidate */
  gint64 settled_at;            /* monotonic time */
};

static void
forget (MmioMonitor * monitor, const char *address)
{
  if (g_hash_table_remove (monitor->known, address))
    monitor->func (address, NULL, monitor->data);
}

static gboolean
is_same (const MmioCandidate * one, const MmioCandidate * other)
{
  return one->vendor == other->vendor && one->device == other->device &&
      one->class_code == other->class_code && strcmp (one->path,
      other->path) == 0;
}

static const MmioCandidate *
find_address (const GPtrArray * candidates, const char *address)
{
  for (guint i = 0; i < candidates->len; i++) {
    const MmioCandidate *candidate = g_ptr_array_index (candidates, i);

    if (strcmp (candidate->address, address) == 0)
      return candidate;
  }

  return NULL;
}

static void
forget_all_but (MmioMonitor * monitor, const GPtrArray * candidates)
{
  g_autoptr (GList) known = g_hash_table_get_values (monitor->known);

  for (GList * item = known; item; item = item->next) {
    const MmioCandidate *candidate = item->data;
    const MmioCandidate *now = find_address (candidates, candidate->address);

    if (!now || !is_same (candidate, now)) {
      g_autofree char *address = g_strdup (candidate->address);

      forget (monitor, address);
    }
  }
}

static void
start_settling (MmioMonitor * monitor)
{
  monitor->settled_at = g_get_monotonic_time () + SETTLE_TIME;
}

/* Makes what is known what there is, and tells of each difference */
static void
synchronize (MmioMonitor * monitor)
{
  g_autoptr (GPtrArray) candidates = mmio_candidate_list (monitor->is_known);

  /* Nothing was removed by that; it is tried again */
  if (!candidates) {
    start_settling (monitor);
    return;
  }

  forget_all_but (monitor, candidates);
  g_ptr_array_set_free_func (candidates, NULL);
  for (guint i = 0; i < candidates->len; i++) {
    MmioCandidate *candidate = g_ptr_array_index (candidates, i);

    if (g_hash_table_contains (monitor->known, candidate->address)) {
      mmio_candidate_free (candidate);
    } else {
      g_hash_table_insert (monitor->known, candidate->address, candidate);
      monitor->func (candidate->address, candidate, monitor->data);
    }
  }
}

static void
take_events (MmioMonitor * monitor)
{
  g_autofree char *action = NULL;
  g_autofree char *address = NULL;

  while (mmio_uevents_take (monitor->events, &action, &address)) {
    if (address && g_strcmp0 (action, "remove") == 0)
      forget (monitor, address);
    else if (g_strcmp0 (action, "add") == 0)
      start_settling (monitor);
    g_clear_pointer (&action, g_free);
    g_clear_pointer (&address, g_free);
  }
}

static gpointer
run (gpointer data)
{
  MmioMonitor *monitor = data;
  GPollFD fds[] = {
    {monitor->wake_fd, G_IO_IN, 0},
    {mmio_uevents_get_fd (monitor->events), G_IO_IN, 0},
  };

  g_mutex_lock (&monitor->start);
  g_mutex_unlock (&monitor->start);

  do {
    const gboolean is_settled = g_get_monotonic_time () >= monitor->settled_at;
    const gint n = g_poll (fds, G_N_ELEMENTS (fds),
        is_settled ? -1 : SETTLE_INTERVAL_MS);

    /* A signal; or there is no memory, for a while */
    if (n < 0 && errno != EINTR)
      g_usleep (SETTLE_INTERVAL_MS * G_GUINT64_CONSTANT (1000));
    if (n < 0 || fds[0].revents)
      continue;
    /* Somebody has closed it */
    if (fds[1].revents & G_IO_NVAL)
      fds[1].fd = -1;
    else if (fds[1].revents)
      take_events (monitor);
    synchronize (monitor);
  } while (!fds[0].revents);

  return NULL;
}

/**
 * mmio_monitor_new:
 * @is_known: selects devices; from any thread
 * @func: called for each device that is there, before this returns, and then
 *   from a thread for those that come and go; it must not free the monitor
 * @data: for @func
 *
 * Watches the PCI bus: through udevd where that runs, else through the kernel.
 * In a container that has neither it tells what is there, and no more.
 *
 * Returns: (transfer full) (nullable): the monitor, or NULL with
 *   %MMIO_ERROR_FAILED and nothing told
 */
MmioMonitor *
mmio_monitor_new (MmioCandidateFunc is_known, MmioMonitorFunc func,
    gpointer data, GError ** error)
{
  MmioMonitor *monitor = g_new0 (MmioMonitor, 1);
  g_autoptr (GError) local = NULL;
  int errnum;

  monitor->process = mmio_process_get ();
  monitor->is_known = is_known;
  monitor->func = func;
  monitor->data = data;
  monitor->known = g_hash_table_new_full (g_str_hash, g_str_equal, NULL,
      (GDestroyNotify) mmio_candidate_free);
  monitor->wake_fd = eventfd (0, EFD_CLOEXEC);
  g_mutex_init (&monitor->start);

  if (monitor->wake_fd < 0)
    errnum = errno;
  else
    monitor->events = mmio_uevents_new (&errnum);
  if (errnum != 0) {
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum,
        "eventfd or udev_monitor_enable_receiving",
        "Nobody tells which PCI devices come "
        "and go; is netlink forbidden here?");
    mmio_monitor_free (monitor);
    return NULL;
  }

  /* Nothing is told before it is known that all can be */
  start_settling (monitor);
  g_mutex_lock (&monitor->start);
  monitor->thread = g_thread_try_new ("mmio-monitor", run, monitor, &local);
  if (monitor->thread)
    synchronize (monitor);
  g_mutex_unlock (&monitor->start);
  if (monitor->thread)
    return monitor;

  mmio_set_error (error, MMIO_ERROR_FAILED,
      "Cannot monitor PCI devices: %s; raise the limit of processes (ulimit "
      "-u).", local->message);
  mmio_monitor_free (monitor);
  return NULL;
}

/**
 * mmio_monitor_free:
 * @monitor: (transfer full): a monitor
 *
 * Ends it: its function is not called any more.  In a forked child only its memory
 * is freed.
 */
void
mmio_monitor_free (MmioMonitor * monitor)
{
  if (monitor->thread && mmio_process_is_current (monitor->process)) {
    /* Cannot fail: the counter was zero */
    eventfd_write (monitor->wake_fd, 1);
    g_thread_join (monitor->thread);
  } else if (monitor->thread) {
    g_thread_unref (monitor->thread);
  }

  g_clear_pointer (&monitor->events, mmio_uevents_free);
  if (monitor->wake_fd >= 0)
    close (monitor->wake_fd);
  g_hash_table_unref (monitor->known);
  if (mmio_process_is_current (monitor->process))
    g_mutex_clear (&monitor->start);
  g_free (monitor);
}
