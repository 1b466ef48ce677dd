/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interrupts by UIO: the kernel counts them, and read() tells the count.
 *
 * The driver's handler silences the device until it is told to let the next
 * one come.  Drivers that have a function for that are told by a write to the
 * node; uio_pci_generic has none and leaves it to programs to clear the bit
 * that it has set in the device's command register.
 */
#include "backends/mmiouioirq.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <unistd.h>

#include "base/mmioerror.h"
#include "base/mmioprocess.h"
#include "base/mmiosystem.h"
#include "pci/mmiopcistate.h"

/* The bit that disables INTx is in the upper byte of the command register */
#define COMMAND_HIGH (PCI_COMMAND + 1)
#define COMMAND_HIGH_INTX_DISABLE (PCI_COMMAND_INTX_DISABLE >> 8)

struct _MmioUioIrq
{
  guint process;                /* whose it is; see mmioprocess.h */
  int fd;
  /* The device's configuration, or -1 where that is not needed */
  int config;
  gboolean has_control;
  gboolean is_silent;           /* the next could not be let come for now */
  guint32 last;
};

static void
set_open_error (const char *path, int errnum, GError ** error)
{
  if (errnum == EACCES || errnum == EPERM)
    mmio_set_denied_error (error, errnum, path, MMIO_FILE_READ_WRITE,
        ", which lets the next interrupt come");
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "open",
        "%s cannot be opened for its interrupts; dmesg may say why.", path);
}

static void
set_read_error (const MmioUioNode * node, int errnum, GError ** error)
{
  /* The driver has none (uio_read() of the kernel) */
  if (errnum == EIO)
    mmio_set_system_error (error, MMIO_ERROR_SETTINGS, errnum, "read",
        "%s has no interrupt; use frame-sync=counter or clock.", node->path);
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "read",
        "Cannot take interrupts of %s; dmesg may say why.", node->path);
}

/* Where counting begins */
static gboolean
read_first (MmioUioIrq * irq, const MmioUioNode * node, GError ** error)
{
  g_autofree char *event = NULL;
  const int errnum = mmio_uio_node_read (node, "event", &event);

  if (errnum != 0) {
    set_read_error (node, errnum, error);
    return FALSE;
  }
  irq->last = event ? g_ascii_strtoull (event, NULL, 10) : 0;

  /* If nothing has come since the node was opened, that was the count then,
   * as it still is */
  if (MMIO_RETRY (read (irq->fd, &irq->last, sizeof (irq->last))) >= 0 ||
      errno == EAGAIN)
    return TRUE;

  set_read_error (node, errno, error);
  return FALSE;
}

/* Lets the next one come.  Returns 0 or errno. */
static int
clear_disable_bit (int config)
{
  guint8 command;
  gssize n = MMIO_RETRY (pread (config, &command, 1, COMMAND_HIGH));

  if (n != 1)
    return n < 0 ? errno : ENODATA;
  command &= ~COMMAND_HIGH_INTX_DISABLE;
  n = MMIO_RETRY (pwrite (config, &command, 1, COMMAND_HIGH));
  return n < 0 ? errno : 0;
}

/* Lets interrupts come, or not.  Returns 0 or errno; ENOSYS if the driver has no
 * function for it */
static int
call_control (int fd, gint32 on)
{

  return MMIO_RETRY (write (fd, &on, sizeof (on))) < 0 ? errno : 0;
}

static gboolean
open_config (MmioUioIrq * irq, const char *slot, GError ** error)
{
  g_autofree char *path = g_build_filename (MMIO_PCI_SYSFS, slot, "config",
      NULL);
  int errnum = 0;

  irq->config = MMIO_RETRY (open (path, O_RDWR | O_CLOEXEC));
  if (irq->config < 0)
    errnum = errno;
  else
    errnum = clear_disable_bit (irq->config);
  if (errnum == 0)
    return TRUE;

  /* EPERM, although it could be opened */
  if (irq->config >= 0 && errnum == EPERM)
    mmio_set_system_error (error, MMIO_ERROR_NOT_PERMITTED, errnum, "pwrite",
        "The kernel is locked down, so uio_pci_generic cannot be told to let "
        "the interrupts of %s in; use vfio, or frame-sync=counter or clock.",
        slot);
  else if (errnum == EACCES || errnum == EPERM)
    mmio_set_denied_error (error, errnum, path, MMIO_FILE_READ_WRITE,
        ", where uio_pci_generic wants interrupts to be let in again");
  else if (mmio_is_shortage (errnum))
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "pwrite",
        "Cannot take interrupts of %s; dmesg may say why.", slot);
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "pwrite",
        "%s, where uio_pci_generic wants interrupts to be let in again, cannot "
        "be written; is %s still in lspci -D?", path, slot);
  return FALSE;
}

/* Finds the way to let interrupts come, and does so */
static gboolean
find_control (MmioUioIrq * irq, const MmioUioNode * node, GError ** error)
{
  const int errnum = call_control (irq->fd, 1);

  irq->has_control = errnum == 0;
  if (irq->has_control)
    return TRUE;

  /* By other drivers that have no such function, it need not be done */
  if (errnum == ENOSYS)
    return g_strcmp0 (node->name, "uio_pci_generic") != 0 || !node->slot ||
        open_config (irq, node->slot, error);

  mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "write",
      "The driver of %s does not let interrupts come; dmesg may say why, or "
      "use frame-sync=counter or clock.", node->path);
  return FALSE;
}

/**
 * mmio_uio_irq_open:
 * @node: a UIO device
 *
 * Lets its interrupts come, and counts them from now on.
 *
 * Returns: (transfer full) (nullable): the interrupt, or NULL with @error set
 */
MmioUioIrq *
mmio_uio_irq_open (const MmioUioNode * node, GError ** error)
{
  MmioUioIrq *irq = g_new0 (MmioUioIrq, 1);

  irq->process = mmio_process_get ();
  irq->config = -1;
  irq->fd = MMIO_RETRY (open (node->path, O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (irq->fd < 0)
    set_open_error (node->path, errno, error);
  else if (read_first (irq, node, error) && find_control (irq, node, error))
    return irq;

  mmio_uio_irq_close (irq);
  return NULL;
}

/**
 * mmio_uio_irq_close:
 * @irq: (transfer full): an interrupt
 *
 * Lets no more come, where the driver has a function for that.  Who else has the
 * device open lets them come again with mmio_uio_irq_take().  A forked child leaves
 * that to its parent.
 */
void
mmio_uio_irq_close (MmioUioIrq * irq)
{
  int errnum;

  /* It may have gone */
  if (irq->has_control && mmio_process_is_current (irq->process)) {
    errnum = call_control (irq->fd, 0);
    if (errnum != 0)
      g_debug ("write (0 to a UIO device): %s", g_strerror (errnum));
  }
  if (irq->config >= 0)
    close (irq->config);
  if (irq->fd >= 0)
    close (irq->fd);
  g_free (irq);
}

/**
 * mmio_uio_irq_get_fd:
 *
 * Returns: (transfer none): polls as readable when an interrupt has come
 */
int
mmio_uio_irq_get_fd (const MmioUioIrq * irq)
{
  return irq->fd;
}

/* After a shortage the next call tries again.  Returns: FALSE if no more can come */
static gboolean
let_come (MmioUioIrq * irq)
{
  const int errnum = irq->has_control ? call_control (irq->fd, 1) :
      clear_disable_bit (irq->config);

  irq->is_silent = mmio_is_shortage (errnum);
  return errnum == 0 || irq->is_silent;
}

/**
 * mmio_uio_irq_take:
 * @count: (out): interrupts since the last call
 *
 * Takes note of them and lets the next one come.  It is let come where there was
 * none, too: who else had the device open may have ended that.
 *
 * Returns: FALSE if no more can come: the driver was unbound, or the device
 *   unplugged
 */
gboolean
mmio_uio_irq_take (MmioUioIrq * irq, guint * count)
{
  guint32 now = irq->last;

  if (MMIO_RETRY (read (irq->fd, &now, sizeof (now))) < 0 &&
      !mmio_is_shortage (errno))
    return FALSE;

  /* The kernel's count wraps around, too */
  *count = now - irq->last;
  irq->last = now;

  if (!irq->has_control && (irq->config < 0 ||
          (*count == 0 && !irq->is_silent)))
    return TRUE;
  return let_come (irq);
}
