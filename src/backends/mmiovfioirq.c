/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interrupts by vfio: an eventfd counts them.
 *
 * MSI-X and MSI are writes to memory, for which a device must be a bus master.  vfio
 * disables bus mastering and leaves it to its users; only this file enables it.  It is
 * no risk for the machine's memory: the device has no mappings in the IOMMU, so only
 * the interrupt passes.
 */
#include "backends/mmiovfioirq.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mmioerror.h"
#include "base/mmioprocess.h"
#include "base/mmiosystem.h"

struct _MmioVfioIrq
{
  guint process;                /* the owner; see mmioprocess.h */
  int device;
  int event;
  guint32 index;
  gboolean is_masked;           /* INTx is still masked after a shortage */
  /* The offset of the command register in the device's descriptor; 0 if the
   * register is unchanged */
  guint64 command;
};

/* @has: (out): whether the device has this kind of interrupt and vfio can
 * deliver it.  Returns: 0 or errno */
static int
find_kind (int device, guint32 index, gboolean * has)
{
  struct vfio_irq_info info = {.argsz = sizeof (info),.index = index };

  *has = FALSE;
  /* EINVAL: the device has no such kind */
  if (MMIO_RETRY (ioctl (device, VFIO_DEVICE_GET_IRQ_INFO, &info)) < 0)
    return errno == EINVAL ? 0 : errno;

  *has = info.count > 0 && (info.flags & VFIO_IRQ_INFO_EVENTFD);
  return 0;
}

/* Connects the first interrupt of a kind to an eventfd.  Returns: 0 or errno */
static int
switch_on (int device, guint32 index, gint32 event)
{
  union
  {
    struct vfio_irq_set set;
    guint8 bytes[sizeof (struct vfio_irq_set) + sizeof (event)];
  }
  request = {
    .set = {
          .argsz = sizeof (request.bytes),
          .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
          .index = index,
          .count = 1,
        },
  };

  memcpy (request.set.data, &event, sizeof (event));
  return MMIO_RETRY (ioctl (device, VFIO_DEVICE_SET_IRQS, &request)) == 0 ? 0 :
      errno;
}

/* Sends a request without data.  Returns: 0 or errno */
static int
act (int device, guint32 index, guint32 action, guint32 count)
{
  struct vfio_irq_set set = {
    .argsz = sizeof (set),
    .flags = VFIO_IRQ_SET_DATA_NONE | action,
    .index = index,
    .count = count,
  };

  return MMIO_RETRY (ioctl (device, VFIO_DEVICE_SET_IRQS, &set)) == 0 ? 0 :
      errno;
}

/* Sets or clears the bus master bit.  Returns: 0 or errno */
static int
set_master (MmioVfioIrq * irq, gboolean on)
{
  guint8 command;
  gssize n;

  /* The bit is in the lower byte of the register */
  n = MMIO_RETRY (pread (irq->device, &command, 1, irq->command));
  if (n != 1)
    return n < 0 ? errno : ENODATA;
  command = on ? command | PCI_COMMAND_MASTER : command & ~PCI_COMMAND_MASTER;
  n = MMIO_RETRY (pwrite (irq->device, &command, 1, irq->command));
  return n < 0 ? errno : 0;
}

static gboolean
become_master (MmioVfioIrq * irq, const char *address, GError ** error)
{
  struct vfio_region_info info = {
    .argsz = sizeof (info),.index = VFIO_PCI_CONFIG_REGION_INDEX
  };
  int errnum = 0;

  if (MMIO_RETRY (ioctl (irq->device, VFIO_DEVICE_GET_REGION_INFO, &info)) < 0)
    errnum = errno;
  else {
    irq->command = info.offset + PCI_COMMAND;
    errnum = set_master (irq, TRUE);
  }
  if (errnum == 0)
    return TRUE;

  mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "pwrite",
      "Cannot make %s bus master, which its interrupt needs (it is a write to "
      "memory); use frame-sync=counter or clock.", address);
  return FALSE;
}

/* Chooses the best kind of interrupt that works */
static gboolean
choose_kind (MmioVfioIrq * irq, const char *address, GError ** error)
{
  static const guint32 kinds[] = {
    VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_INTX_IRQ_INDEX
  };
  int errnum = 0;

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    gboolean has;
    int kind_errnum = find_kind (irq->device, kinds[i], &has);

    if (has)
      kind_errnum = switch_on (irq->device, kinds[i], irq->event);
    if (has && kind_errnum == 0) {
      irq->index = kinds[i];
      return TRUE;
    }
    if (kind_errnum == 0)
      continue;
    errnum = kind_errnum;
    g_debug ("%s: interrupt kind %u: %s", address, kinds[i],
        g_strerror (errnum));
  }

  if (errnum == 0)
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot wait for interrupts of %s: it has none that vfio can deliver; "
        "use frame-sync=counter or clock.", address);
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum,
        "VFIO_DEVICE_GET_IRQ_INFO or _SET_IRQS",
        "Cannot wait for interrupts of %s; use frame-sync=counter or clock, or "
        "find the reason with: sudo dmesg", address);
  return FALSE;
}

/**
 * mmio_vfio_irq_open:
 * @device: the device's descriptor, which must stay open
 * @address: the device's PCI address
 *
 * Enables the device's first interrupt: MSI-X if it has that, else MSI, else INTx.
 *
 * Returns: (transfer full) (nullable): the interrupt, or NULL with @error set
 */
MmioVfioIrq *
mmio_vfio_irq_open (int device, const char *address, GError ** error)
{
  MmioVfioIrq *irq = g_new0 (MmioVfioIrq, 1);

  irq->process = mmio_process_get ();
  irq->device = device;
  irq->index = VFIO_PCI_NUM_IRQS;
  irq->event = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (irq->event < 0) {
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errno, "eventfd",
        "Cannot wait for interrupts of %s; find the reason with: sudo dmesg",
        address);
  } else if (choose_kind (irq, address, error)
      && (irq->index == VFIO_PCI_INTX_IRQ_INDEX
          || become_master (irq, address, error))) {
    g_debug ("%s: interrupts by %s", address,
        irq->index == VFIO_PCI_MSIX_IRQ_INDEX ? "MSI-X" : irq->index ==
        VFIO_PCI_MSI_IRQ_INDEX ? "MSI" : "INTx");
    return irq;
  }

  mmio_vfio_irq_close (irq);
  return NULL;
}

/**
 * mmio_vfio_irq_close:
 * @irq: (transfer full): an interrupt
 *
 * Restores the device: no interrupts, no bus master.  A forked child does not change
 * it, since the parent uses it.
 */
void
mmio_vfio_irq_close (MmioVfioIrq * irq)
{
  const gboolean is_own = mmio_process_is_current (irq->process);

  if (is_own && irq->command != 0)
    set_master (irq, FALSE);
  if (is_own && irq->index != VFIO_PCI_NUM_IRQS)
    act (irq->device, irq->index, VFIO_IRQ_SET_ACTION_TRIGGER, 0);
  if (irq->event >= 0)
    close (irq->event);
  g_free (irq);
}

/**
 * mmio_vfio_irq_get_fd:
 *
 * Returns: (transfer none): a descriptor that polls as readable after an interrupt
 */
int
mmio_vfio_irq_get_fd (const MmioVfioIrq * irq)
{
  return irq->event;
}

/* Unmasks INTx.  The kernel masks it on each interrupt, since a device that
 * keeps the line low would interrupt forever.  After a shortage the next call
 * tries again.  Returns: FALSE if no more interrupts can come */
static gboolean
unmask (MmioVfioIrq * irq)
{
  const int errnum = act (irq->device, irq->index, VFIO_IRQ_SET_ACTION_UNMASK,
      1);

  irq->is_masked = mmio_is_shortage (errnum);
  return errnum == 0 || irq->is_masked;
}

/**
 * mmio_vfio_irq_take:
 * @count: (out): interrupts since the last call
 *
 * Counts the interrupts and unmasks the next one.
 *
 * Returns: FALSE if no more interrupts can come
 */
gboolean
mmio_vfio_irq_take (MmioVfioIrq * irq, guint * count)
{
  guint64 value = 0;

  if (MMIO_RETRY (read (irq->event, &value, sizeof (value))) < 0 &&
      !mmio_is_shortage (errno))
    return FALSE;

  *count = MIN (value, G_MAXUINT);
  if (irq->index != VFIO_PCI_INTX_IRQ_INDEX || (value == 0 && !irq->is_masked))
    return TRUE;
  return unmask (irq);
}

/**
 * mmio_vfio_request_open:
 * @device: the device's descriptor
 * @address: the device's PCI address
 *
 * Asks the kernel to signal requests for the device.  The kernel requests it when its
 * driver is being unbound, also by an unplug.  It then waits until @device is closed and
 * no part of it is mapped.
 *
 * Returns: an eventfd that the caller closes, which the kernel signals every few
 *   seconds from a request on; or -1 if the kernel cannot signal requests
 */
int
mmio_vfio_request_open (int device, const char *address)
{
  int event = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  int errnum = event < 0 ? errno :
      switch_on (device, VFIO_PCI_REQ_IRQ_INDEX, event);

  if (errnum == 0)
    return event;

  g_debug ("%s: cannot watch for requests: %s", address, g_strerror (errnum));
  if (event >= 0)
    close (event);
  return -1;
}
