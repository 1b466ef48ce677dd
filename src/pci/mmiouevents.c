/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Receives uevents of the PCI bus, by libudev.
 */
#include "pci/mmiouevents.h"

#include <errno.h>
#include <fcntl.h>
#include <libudev.h>
#include <unistd.h>

/* Exists while udevd runs; without udevd, libudev receives nothing from the source
 * "udev" */
#define UDEV_CONTROL "/run/udev/control"

struct _MmioUevents
{
  struct udev *udev;
  struct udev_monitor *monitor;
};

/* libudev returns a negative errno, or NULL with errno set.  Returns: 0 or errno */
static int
listen_to_bus (MmioUevents * events)
{
  const gboolean has_udevd = access (UDEV_CONTROL, F_OK) == 0;
  int ret;

  events->udev = udev_new ();
  if (!events->udev)
    return errno;

  events->monitor = udev_monitor_new_from_netlink (events->udev,
      has_udevd ? "udev" : "kernel");
  if (!events->monitor)
    return errno;

  ret = udev_monitor_filter_add_match_subsystem_devtype (events->monitor,
      "pci", NULL);
  if (ret >= 0)
    ret = udev_monitor_enable_receiving (events->monitor);

  return ret < 0 ? -ret : 0;
}

/**
 * mmio_uevents_new:
 * @errnum: (out): errno after a failure, else 0
 *
 * Starts to receive the uevents of udevd, or of the kernel without udevd.  udevd sends
 * them after its rules have run and, for example, have set permissions.  A container
 * may receive neither.
 *
 * Returns: (transfer full) (nullable): the uevents from now on; NULL after a failure
 */
MmioUevents *
mmio_uevents_new (int *errnum)
{
  MmioUevents *events = g_new0 (MmioUevents, 1);

  *errnum = listen_to_bus (events);
  if (*errnum != 0)
    g_clear_pointer (&events, mmio_uevents_free);

  return events;
}

/* Opens /dev/null as @fd if @fd is closed.  Returns: whether @fd is open */
static gboolean
fill_descriptor (int fd)
{
  int null, copy;

  if (fcntl (fd, F_GETFD) >= 0 || errno != EBADF)
    return TRUE;

  null = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || null == fd)
    return null == fd;

  copy = fcntl (null, F_DUPFD_CLOEXEC, fd);
  close (null);
  if (copy >= 0 && copy != fd)
    close (copy);
  return copy == fd;
}

/* libudev closes its socket, and aborts if the program has closed it before.  If the
 * descriptor cannot be restored, the monitor is leaked. */
static void
free_monitor (struct udev_monitor *monitor)
{
  if (fill_descriptor (udev_monitor_get_fd (monitor)))
    udev_monitor_unref (monitor);
}

void
mmio_uevents_free (MmioUevents * events)
{
  g_clear_pointer (&events->monitor, free_monitor);
  g_clear_pointer (&events->udev, udev_unref);
  g_free (events);
}

/**
 * mmio_uevents_get_fd:
 *
 * Gets the descriptor to poll.
 *
 * Returns: (transfer none): a descriptor that is readable if there are uevents
 */
int
mmio_uevents_get_fd (const MmioUevents * events)
{
  return udev_monitor_get_fd (events->monitor);
}

/**
 * mmio_uevents_take:
 * @action: (out) (transfer full) (nullable): add, remove, bind, unbind, change, ...
 * @address: (out) (transfer full) (nullable): full PCI address of the device
 *
 * Takes the next uevent, without waiting for one.
 *
 * Returns: FALSE if there is no uevent; then @action and @address are not set
 */
gboolean
mmio_uevents_take (MmioUevents * events, char **action, char **address)
{
  struct udev_device *device = udev_monitor_receive_device (events->monitor);

  if (!device)
    return FALSE;

  *action = g_strdup (udev_device_get_action (device));
  *address = g_strdup (udev_device_get_sysname (device));
  udev_device_unref (device);
  return TRUE;
}
