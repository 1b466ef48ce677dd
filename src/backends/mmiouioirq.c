/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interrupts by UIO: the kernel counts them, and read() returns the count.
 *
 * The interrupt handler of the driver disables the device's interrupt until it is
 * enabled again.  A driver with an irqcontrol function enables it on a write to the
 * node.  uio_pci_generic has none: a program clears the bit that the driver has set
 * in the device's command register.
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
  guint process;                /* the owner; see mmioprocess.h */
  int fd;
  /* The device's configuration space; -1 if it is not needed */
  int config;
  gboolean has_control;
  gboolean is_disabled;         /* the next one is not enabled, after a shortage */
  guint32 last;
};

static void
set_open_error (const char *path, int errnum, GError ** error)
{
  if (errnum == EACCES || errnum == EPERM)
    mmio_set_denied_error (error, errnum, path, MMIO_FILE_READ_WRITE,
        ", which enables the next interrupt");
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "open",
        "Cannot open %s for its interrupts; find the reason with: sudo dmesg",
        path);
}

static void
set_read_error (const MmioUioNode * node, int errnum, GError ** error)
{
  /* The driver has no interrupt (uio_read() of the kernel) */
  if (errnum == EIO)
    mmio_set_system_error (error, MMIO_ERROR_SETTINGS, errnum, "read",
        "Cannot wait for interrupts of %s: it has none; use frame-sync=counter "
        "or clock.", node->path);
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "read",
        "Cannot wait for interrupts of %s; find the reason with: sudo dmesg",
        node->path);
}

/* Reads the start value of the count */
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

  /* EAGAIN: no interrupt since open(), so the attribute has the count of then */
  if (MMIO_RETRY (read (irq->fd, &irq->last, sizeof (irq->last))) >= 0 ||
      errno == EAGAIN)
    return TRUE;

  set_read_error (node, errno, error);
  return FALSE;
}

/* Enables the next interrupt.  Returns: 0 or errno */
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

/* Enables or disables interrupts by the driver.  Returns: 0 or errno; ENOSYS if
 * the driver has no function for it */
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

  /* A kernel that is locked down refuses the write, not open() */
  if (irq->config >= 0 && errnum == EPERM)
    mmio_set_system_error (error, MMIO_ERROR_NOT_PERMITTED, errnum, "pwrite",
        "Cannot enable interrupts of %s: the kernel is locked down, and "
        "uio_pci_generic needs a write to configuration space; use vfio, or "
        "frame-sync=counter or clock.", slot);
  else if (errnum == EACCES || errnum == EPERM)
    mmio_set_denied_error (error, errnum, path, MMIO_FILE_READ_WRITE,
        ", where interrupts of uio_pci_generic are enabled");
  else if (mmio_is_shortage (errnum))
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "pwrite",
        "Cannot wait for interrupts of %s; find the reason with: sudo dmesg",
        slot);
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "pwrite",
        "Cannot write %s, where interrupts of uio_pci_generic are enabled; "
        "check that the device is listed with: lspci -D -s %s", path, slot);
  return FALSE;
}

/* Enables interrupts: by the driver, or else by configuration space */
static gboolean
find_control (MmioUioIrq * irq, const MmioUioNode * node, GError ** error)
{
  const int errnum = call_control (irq->fd, 1);

  irq->has_control = errnum == 0;
  if (irq->has_control)
    return TRUE;

  /* Other drivers without such a function need no enabling */
  if (errnum == ENOSYS)
    return g_strcmp0 (node->name, "uio_pci_generic") != 0 || !node->slot ||
        open_config (irq, node->slot, error);

  mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "write",
      "Cannot enable interrupts of %s; use frame-sync=counter or clock, or "
      "find the reason with: sudo dmesg", node->path);
  return FALSE;
}

/**
 * mmio_uio_irq_open:
 * @node: a UIO device
 *
 * Enables the interrupts of a UIO device and counts them from now on.
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
 * Disables the interrupt if the driver has a function for that.  Other users of the
 * device enable it again by mmio_uio_irq_take().  A forked child leaves it to its
 * parent.
 */
void
mmio_uio_irq_close (MmioUioIrq * irq)
{
  int errnum;

  /* This fails after the device was removed */
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
 * Returns: (transfer none): a descriptor that polls as readable after an interrupt
 */
int
mmio_uio_irq_get_fd (const MmioUioIrq * irq)
{
  return irq->fd;
}

/* Enables the next interrupt.  After a shortage the next call tries again.
 * Returns: FALSE if no more interrupts can come */
static gboolean
enable_next (MmioUioIrq * irq)
{
  const int errnum = irq->has_control ? call_control (irq->fd, 1) :
      clear_disable_bit (irq->config);

  irq->is_disabled = mmio_is_shortage (errnum);
  return errnum == 0 || irq->is_disabled;
}

/**
 * mmio_uio_irq_take:
 * @count: (out): interrupts since the last call
 *
 * Counts the interrupts and enables the next one.  With a driver that has a function
 * for it, enables it also without an interrupt: another user of the device may have
 * disabled it.
 *
 * Returns: FALSE if no more interrupts can come: the driver was unbound, or the
 *   device unplugged
 */
gboolean
mmio_uio_irq_take (MmioUioIrq * irq, guint * count)
{
  guint32 now = irq->last;

  if (MMIO_RETRY (read (irq->fd, &now, sizeof (now))) < 0 &&
      !mmio_is_shortage (errno))
    return FALSE;

  /* The kernel's count wraps around in the same width */
  *count = now - irq->last;
  irq->last = now;

  if (!irq->has_control && (irq->config < 0 ||
          (*count == 0 && !irq->is_disabled)))
    return TRUE;
  return enable_next (irq);
}
