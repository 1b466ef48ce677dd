/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Monitors one device in a separate thread: uevents of the bus, and requests of
 * vfio.  It reports only that there was an event; mmioidentity checks whether the
 * device is still present.
 */
#include "hotplug/mmiohotplugdevice.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mmioerror.h"
#include "base/mmioprocess.h"
#include "base/mmiosystem.h"
#include "pci/mmiouevents.h"

/* Largest number of events that are taken between two checks for the thread's end */
#define MAX_EVENTS 16

/* Pause after a failed poll() (microseconds) */
#define POLL_PAUSE 100000

struct _MmioHotplugDevice
{
  char *address;
  int request_fd;
  MmioHotplugDeviceFunc func;
  gpointer data;

  MmioUevents *events;          /* NULL: unavailable */
  int wake_fd;                  /* readable: the thread must end */
  GThread *thread;              /* NULL: not started, or detached */
  guint process;                /* a forked child lacks the thread */
  GDestroyNotify destroy;       /* for @data; set once detached */
};

static gboolean
take_events (MmioHotplugDevice * hotplug)
{
  g_autofree char *action = NULL;
  g_autofree char *address = NULL;
  gboolean concerned = FALSE;

  /* Limited, as events may come faster than this loop takes them */
  for (guint i = 0; i < MAX_EVENTS &&
      mmio_uevents_take (hotplug->events, &action, &address); i++) {
    concerned |= g_strcmp0 (address, hotplug->address) == 0;
    g_clear_pointer (&action, g_free);
    g_clear_pointer (&address, g_free);
  }

  return concerned;
}

static gboolean
take_request (MmioHotplugDevice * hotplug)
{
  guint64 times;

  /* The kernel repeats the request until the device is released */
  return MMIO_RETRY (read (hotplug->request_fd, &times, sizeof (times))) ==
      sizeof (times);
}

static void
listen (MmioHotplugDevice * hotplug)
{
  eventfd_t unused;
  struct pollfd fds[] = {
    {.fd = hotplug->wake_fd,.events = POLLIN},
    {.fd = hotplug->events ? mmio_uevents_get_fd (hotplug->events) : -1,
        .events = POLLIN},
    {.fd = hotplug->request_fd,.events = POLLIN},
  };

  for (;;) {
    gboolean concerned = FALSE, requested = FALSE;

    if (poll (fds, G_N_ELEMENTS (fds), -1) < 0) {
      /* A signal, or a temporary shortage of memory */
      if (errno != EINTR)
        g_usleep (POLL_PAUSE);
      continue;
    }
    if (fds[0].revents) {
      /* The read synchronises: this thread sees all stores from before the write */
      eventfd_read (hotplug->wake_fd, &unused);
      return;
    }
    /* The program has closed this descriptor, and may have reused its number */
    if (fds[1].revents && !mmio_uevents_is_open (hotplug->events))
      fds[1].fd = -1;
    else if (fds[1].revents)
      /* POLLERR: events may have been lost */
      concerned = take_events (hotplug) || (fds[1].revents & POLLERR);
    if (fds[2].revents & POLLNVAL)
      fds[2].fd = -1;
    else if (fds[2].revents)
      requested = take_request (hotplug);
    if (concerned || requested)
      hotplug->func (requested, hotplug->data);
  }
}

/* Frees a detached monitor, then its data */
static void
end (MmioHotplugDevice * hotplug)
{
  const GDestroyNotify func = g_atomic_pointer_get (&hotplug->destroy);
  gpointer data = hotplug->data;

  mmio_hotplug_device_free (hotplug);
  func (data);
}

static gpointer
run (gpointer data)
{
  MmioHotplugDevice *hotplug = data;

  listen (hotplug);
  if (g_atomic_pointer_get (&hotplug->destroy))
    end (hotplug);

  return NULL;
}

/**
 * mmio_hotplug_device_new:
 * @address: the device's full PCI address
 * @request_fd: (transfer none): an eventfd by which the kernel requests the device
 *   (vfio), or -1; it must stay open until the monitor has ended
 * @func: called from the monitor's thread for each event; it must not free the
 *   monitor
 * @data: argument of @func
 *
 * Starts to monitor a device.  Without netlink, monitors only @request_fd.
 *
 * Returns: (transfer full) (nullable): the monitor, or NULL with
 *   %MMIO_ERROR_FAILED if nothing can be monitored or no thread started
 */
MmioHotplugDevice *
mmio_hotplug_device_new (const char *address, int request_fd,
    MmioHotplugDeviceFunc func, gpointer data, GError ** error)
{
  MmioHotplugDevice *hotplug = g_new0 (MmioHotplugDevice, 1);
  g_autoptr (GError) local = NULL;
  int errnum = 0;

  hotplug->address = g_strdup (address);
  hotplug->request_fd = request_fd;
  hotplug->process = mmio_process_get ();
  hotplug->func = func;
  hotplug->data = data;
  hotplug->wake_fd = eventfd (0, EFD_CLOEXEC);
  if (hotplug->wake_fd < 0)
    errnum = errno;
  else
    hotplug->events = mmio_uevents_new (&errnum);

  if (hotplug->wake_fd < 0 || (errnum != 0 && request_fd < 0)) {
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum,
        "eventfd or udev_monitor_enable_receiving",
        "Cannot monitor hotplug events of %s; permit netlink to this process.",
        address);
    mmio_hotplug_device_free (hotplug);
    return NULL;
  }

  hotplug->thread = g_thread_try_new ("mmio-watch", run, hotplug, &local);
  if (!hotplug->thread) {
    mmio_set_error (error, MMIO_ERROR_FAILED,
        "Cannot monitor %s: %s; raise the limit of processes with: ulimit -u "
        "NUMBER", address, local->message);
    mmio_hotplug_device_free (hotplug);
    return NULL;
  }

  return hotplug;
}

/**
 * mmio_hotplug_device_detach:
 * @hotplug: (transfer full): a monitor
 * @destroy: called with the data of the monitor's function, after the monitor is freed
 *
 * Detaches the monitor from its owner.  mmio_hotplug_device_end() ends it then, and
 * may be called from its function.
 */
void
mmio_hotplug_device_detach (MmioHotplugDevice * hotplug, GDestroyNotify destroy)
{
  g_clear_pointer (&hotplug->thread, g_thread_unref);
  g_atomic_pointer_set (&hotplug->destroy, destroy);
}

/**
 * mmio_hotplug_device_end:
 * @hotplug: (transfer full): a detached monitor
 *
 * Requests the end of the monitor, without waiting for it.
 */
void
mmio_hotplug_device_end (MmioHotplugDevice * hotplug)
{
  /* A forked child lacks the thread that would free it */
  if (!mmio_process_is_current (hotplug->process)) {
    end (hotplug);
    return;
  }

  /* Cannot fail: the counter was zero */
  eventfd_write (hotplug->wake_fd, 1);
}

/**
 * mmio_hotplug_device_free:
 * @hotplug: (transfer full): a monitor
 *
 * Ends the monitor and waits for its thread.  Its function is not called afterwards.
 * A forked child lacks the thread and does not wait.
 */
void
mmio_hotplug_device_free (MmioHotplugDevice * hotplug)
{
  if (hotplug->thread && mmio_process_is_current (hotplug->process)) {
    /* Cannot fail: the counter was zero */
    eventfd_write (hotplug->wake_fd, 1);
    g_thread_join (hotplug->thread);
  } else if (hotplug->thread) {
    g_thread_unref (hotplug->thread);
  }

  g_clear_pointer (&hotplug->events, mmio_uevents_free);
  if (hotplug->wake_fd >= 0)
    close (hotplug->wake_fd);
  g_free (hotplug->address);
  g_free (hotplug);
}
