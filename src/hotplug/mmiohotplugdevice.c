/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Monitors one device in a separate thread: uevents of the bus, and requests of
 * vfio.  It reports only that there was an event; mmioidentity finds out whether
 * the device is still there.
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

/* Largest number of events between two reports, and two checks for the end */
#define MAX_EVENTS 16

/* Pause after a failed poll(), in microseconds */
#define POLL_PAUSE 100000

struct _MmioHotplugDevice
{
  char *address;
  int request_fd;
  MmioHotplugDeviceFunc func;
  gpointer data;

  MmioUevents *events;          /* NULL: not available */
  int wake_fd;                  /* readable: the thread ends */
  GThread *thread;              /* NULL: not started, or detached */
  guint process;                /* forked children lack the thread */
  GDestroyNotify destroy;       /* of @data, once detached */
};

static gboolean
take_events (MmioHotplugDevice * hotplug)
{
  g_autofree char *action = NULL;
  g_autofree char *address = NULL;
  gboolean concerned = FALSE;

  /* Events may come faster than this loop takes them */
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
      /* A signal, or a temporary lack of memory */
      if (errno != EINTR)
        g_usleep (POLL_PAUSE);
      continue;
    }
    if (fds[0].revents) {
      /* The read orders: this thread sees all that happened before the write */
      eventfd_read (hotplug->wake_fd, &unused);
      return;
    }
    /* The program has closed all its descriptors, this one included */
    if (fds[1].revents & POLLNVAL)
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

/* Ends a detached watch */
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
 * @request_fd: an eventfd by which the kernel requests the device (vfio); -1:
 *   none.  It must stay open longer than the watch.
 * @func: called from a thread of the watch for each event; it must not free the
 *   watch
 * @data: for @func
 * @error: where to put an error
 *
 * Starts to monitor a device.  Without netlink, only @request_fd is monitored.
 *
 * Returns: (transfer full) (nullable): the watch, or NULL with
 *   %MMIO_ERROR_FAILED if neither is available
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
        "Cannot monitor %s: %s; raise the limit of processes (ulimit -u).",
        address, local->message);
    mmio_hotplug_device_free (hotplug);
    return NULL;
  }

  return hotplug;
}

/**
 * mmio_hotplug_device_detach:
 * @hotplug: (transfer full): a watch
 * @destroy: called from its thread with the data of its function, after its end
 *
 * Detaches the watch: mmio_hotplug_device_end() ends it, also from its function.
 */
void
mmio_hotplug_device_detach (MmioHotplugDevice * hotplug, GDestroyNotify destroy)
{
  g_clear_pointer (&hotplug->thread, g_thread_unref);
  g_atomic_pointer_set (&hotplug->destroy, destroy);
}

/**
 * mmio_hotplug_device_end:
 * @hotplug: (transfer full): a detached watch
 *
 * Requests the end of the watch, without waiting for it.
 */
void
mmio_hotplug_device_end (MmioHotplugDevice * hotplug)
{
  /* A forked child lacks the thread */
  if (!mmio_process_is_current (hotplug->process)) {
    end (hotplug);
    return;
  }

  /* Cannot fail: the counter was zero */
  eventfd_write (hotplug->wake_fd, 1);
}

/**
 * mmio_hotplug_device_free:
 * @hotplug: (transfer full): a watch
 *
 * Ends the watch and waits for its thread.  Its function is not called afterwards.
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
