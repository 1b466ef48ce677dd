/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Receives uevents of the PCI bus, by libudev.
 */
#include "pci/mmiouevents.h"

#include <errno.h>
#include <fcntl.h>
#include <libudev.h>
#include <sys/stat.h>
#include <unistd.h>

/* Exists while udevd runs; without udevd, libudev receives nothing from the source
 * "udev" */
#define UDEV_CONTROL "/run/udev/control"

struct _MmioUevents
{
  struct udev *udev;
  struct udev_monitor *monitor;
  struct stat socket;           /* of the monitor, to recognise it */
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
  if (fstat (udev_monitor_get_fd (events->monitor), &events->socket) < 0) {
    ret = errno;
    g_clear_pointer (&events->monitor, udev_monitor_unref);
    return ret;
  }

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

/* gcc's analyzer reports the descriptor that stays open, as @fd, as a leak */
#if !defined (__clang__) && __GNUC__ >= 13
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-fd-leak"
#endif
/* Opens /dev/null as @fd.  Returns: FALSE if @fd is open, or after a failure */
static gboolean
fill_descriptor (int fd)
{
  int null, copy;

  if (fcntl (fd, F_GETFD) >= 0 || errno != EBADF)
    return FALSE;

  null = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || null == fd)
    return null == fd;

  copy = fcntl (null, F_DUPFD_CLOEXEC, fd);
  close (null);
  if (copy >= 0 && copy != fd)
    close (copy);
  return copy == fd;
}

#if !defined (__clang__) && __GNUC__ >= 13
#pragma GCC diagnostic pop
#endif

/* libudev closes the number of its socket, and aborts if that is not open.  The
 * program may have closed the socket, and have opened another file with its number,
 * which must stay open: then the monitor is leaked. */
static void
free_monitor (MmioUevents * events)
{
  if (mmio_uevents_is_open (events) ||
      fill_descriptor (udev_monitor_get_fd (events->monitor)))
    udev_monitor_unref (events->monitor);
}

void
mmio_uevents_free (MmioUevents * events)
{
  if (events->monitor)
    free_monitor (events);
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
 * mmio_uevents_is_open:
 *
 * Checks whether the program has closed the descriptor.
 *
 * Returns: whether mmio_uevents_get_fd() is still the socket of the monitor
 */
gboolean
mmio_uevents_is_open (const MmioUevents * events)
{
  struct stat now;

  /* Only this error proves that it is closed */
  if (fstat (udev_monitor_get_fd (events->monitor), &now) < 0)
    return errno != EBADF;

  return now.st_dev == events->socket.st_dev &&
      now.st_ino == events->socket.st_ino;
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
