/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waits for a frame: polls the counter as rarely as possible and sleeps between
 * two polls, or sleeps until an interrupt.  Another thread can end the wait.
 */
#include "sync/mmiosync.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mmioerror.h"
#include "base/mmiosystem.h"

/* Microseconds between two checks for a wake-up or an interrupt if the kernel
 * refuses to poll.  Sandboxes do that: by a limit of 0 descriptors, or a filter. */
#define REFUSED_PAUSE 1000

struct _MmioSync
{
  int wake_fd;
};

/**
 * mmio_sync_new:
 *
 * Creates the object for waits of one thread.
 *
 * Returns: (transfer full) (nullable): NULL with @error set if the process has no
 *   free file descriptor
 */
MmioSync *
mmio_sync_new (GError ** error)
{
  const int fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  MmioSync *sync;

  if (fd < 0) {
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errno, "eventfd",
        "Cannot wait for frames; find the reason with: sudo dmesg");
    return NULL;
  }

  sync = g_new0 (MmioSync, 1);
  sync->wake_fd = fd;

  return sync;
}

void
mmio_sync_free (MmioSync * sync)
{
  close (sync->wake_fd);
  g_free (sync);
}

/* Takes the wake-ups so far */
static gboolean
take_wake (MmioSync * sync)
{
  guint64 times;

  return MMIO_RETRY (read (sync->wake_fd, &times, sizeof (times))) ==
      sizeof (times);
}

/* Sleeps until mmio_sync_wake(), until @fd is readable (-1: none), or until the
 * deadline.  A signal does not end the sleep.  If the kernel refuses to poll, the
 * sleep ends after a pause as if @fd were readable. */
static MmioWait
sleep_until (MmioSync * sync, int fd, gint64 deadline)
{
  struct pollfd fds[] = {
    {.fd = sync->wake_fd,.events = POLLIN}, {.fd = fd,.events = POLLIN}
  };

  for (;;) {
    const gint64 left = MAX (deadline - g_get_monotonic_time (), 0);
    const struct timespec time = {
      .tv_sec = left / G_USEC_PER_SEC,
      .tv_nsec = left % G_USEC_PER_SEC * 1000,
    };
    const int n = ppoll (fds, G_N_ELEMENTS (fds), &time, NULL);

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && left > 0)
      g_usleep (MIN (left, REFUSED_PAUSE));
    if (n != 0 && take_wake (sync))
      return MMIO_WAIT_WOKEN;
    if (n == 0 || (n < 0 && left == 0))
      return MMIO_WAIT_TIMEOUT;
    if (n > 0 || fd >= 0)
      return MMIO_WAIT_FRAME;
  }
}

/**
 * mmio_sync_wait:
 * @counter: the frame counter
 * @deadline: end of the wait (microseconds, g_get_monotonic_time())
 * @count: (out): the frame, after %MMIO_WAIT_FRAME
 *
 * Waits for the next frame by polling @counter.
 *
 * Returns: how the wait ended
 */
MmioWait
mmio_sync_wait (MmioSync * sync, MmioCounter * counter, gint64 deadline,
    MmioCount * count)
{
  for (;;) {
    const gint64 now = g_get_monotonic_time ();

    if (mmio_counter_poll (counter, now, count))
      return MMIO_WAIT_FRAME;
    if (now >= deadline)
      return MMIO_WAIT_TIMEOUT;
    if (sleep_until (sync, -1, MIN (now + mmio_counter_get_pause (counter,
                    now), deadline)) == MMIO_WAIT_WOKEN)
      return MMIO_WAIT_WOKEN;
  }
}

/**
 * mmio_sync_wait_interrupt:
 * @fd: from mmio_device_open_interrupt()
 * @deadline: end of the wait (microseconds, g_get_monotonic_time())
 * @count: (out): the frame, after %MMIO_WAIT_FRAME; each interrupt since the last
 *   one counts as a frame
 *
 * Waits for the device's next interrupt.
 *
 * Returns: how the wait ended
 */
MmioWait
mmio_sync_wait_interrupt (MmioSync * sync, MmioDevice * device, int fd,
    gint64 deadline, MmioCount * count)
{
  for (;;) {
    const MmioWait wait = sleep_until (sync, fd, deadline);
    guint interrupts;

    if (wait == MMIO_WAIT_WOKEN)
      return wait;

    /* Also after the deadline: the device may have been removed without an event,
     * or its interrupt may have to be unmasked */
    if (!mmio_device_take_interrupts (device, &interrupts))
      return MMIO_WAIT_GONE;
    if (interrupts > 0) {
      *count = (MmioCount) {
      .time = g_get_monotonic_time (),.steps = interrupts};
      return MMIO_WAIT_FRAME;
    }
    if (wait == MMIO_WAIT_TIMEOUT)
      return wait;
  }
}

/**
 * mmio_sync_sleep:
 * @microseconds: duration
 *
 * Sleeps.
 *
 * Returns: %MMIO_WAIT_TIMEOUT, or %MMIO_WAIT_WOKEN
 */
MmioWait
mmio_sync_sleep (MmioSync * sync, gint64 microseconds)
{
  return sleep_until (sync, -1, g_get_monotonic_time () + microseconds);
}

/**
 * mmio_sync_wake:
 *
 * Ends the current wait, or else the next one.
 *
 * Locking: none; any thread.
 */
void
mmio_sync_wake (MmioSync * sync)
{
  const guint64 once = 1;

  /* Fails only if a wake-up is pending already */
  if (MMIO_RETRY (write (sync->wake_fd, &once, sizeof (once))) < 0)
    g_debug ("write (eventfd): %s", g_strerror (errno));
}
