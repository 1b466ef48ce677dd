/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hears what happens to one device, in a thread of its own: what the bus
 * announces, and what vfio asks for.  It says only that something has happened:
 * what that is, mmioidentity tells.
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

/* How many events are taken before somebody is told, or the end is looked for */
#define MAX_EVENTS 16

/* Before it is tried again, where the system cannot: microseconds */
#define POLL_PAUSE 100000

struct _MmioHotplugDevice
{
  char *address;
  int request_fd;
  MmioHotplugDeviceFunc func;
  gpointer data;

  MmioUevents *events;          /* NULL: there are none to be had */
  int wake_fd;                  /* readable: it is time to end */
  GThread *thread;              /* NULL: not begun, or left to itself */
  guint process;                /* forked children do not have the thread */
  GDestroyNotify destroy;       /* of @data then */
};

static gboolean
take_events (MmioHotplugDevice * hotplug)
{
  g_autofree char *action = NULL;
  g_autofree char *address = NULL;
  gboolean concerned = FALSE;

  /* They may come faster than they are taken */
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

  /* It is asked again and again until the device is let go */
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
      /* A signal; or there is no memory, for a while */
      if (errno != EINTR)
        g_usleep (POLL_PAUSE);
      continue;
    }
    if (fds[0].revents) {
      /* What was done before it was written is seen after it was read */
      eventfd_read (hotplug->wake_fd, &unused);
      return;
    }
    /* Somebody has closed it */
    if (fds[1].revents & POLLNVAL)
      fds[1].fd = -1;
    else if (fds[1].revents)
      /* Some may have been lost */
      concerned = take_events (hotplug) || (fds[1].revents & POLLERR);
    if (fds[2].revents & POLLNVAL)
      fds[2].fd = -1;
    else if (fds[2].revents)
      requested = take_request (hotplug);
    if (concerned || requested)
      hotplug->func (requested, hotplug->data);
  }
}

/* Of one that was left to itself */
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
 * @request_fd: an eventfd by which the kernel asks for the device (vfio); -1:
 *   none.  It must live longer.
 * @func: called from a thread when something has happened to the device; it must
 *   not free the watch
 * @data: for @func
 * @error: where to put what is wrong
 *
 * Where the bus cannot be heard, as netlink is forbidden, @request_fd still is.
 *
 * Returns: (transfer full) (nullable): the watch, or NULL with
 *   %MMIO_ERROR_FAILED if there is nothing to hear
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
        "Nobody tells when %s goes away; is netlink forbidden here?", address);
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
 * @destroy: called with its function's data when it has ended, from its thread
 *
 * Leaves it to itself, until mmio_hotplug_device_end(), which may be called from its
 * function.
 */
void
mmio_hotplug_device_detach (MmioHotplugDevice * hotplug, GDestroyNotify destroy)
{
  g_clear_pointer (&hotplug->thread, g_thread_unref);
  g_atomic_pointer_set (&hotplug->destroy, destroy);
}

/**
 * mmio_hotplug_device_end:
 * @hotplug: (transfer full): one that was left to itself
 *
 * Has it end soon.  It waits for nothing.
 */
void
mmio_hotplug_device_end (MmioHotplugDevice * hotplug)
{
  /* There is no thread to do it in a child */
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
 * Ends it: its function is not called any more.
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
