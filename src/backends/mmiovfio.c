/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Back end of PCI devices by vfio.  It needs access to the device's node only, works
 * when the kernel is locked down, and can export BARs as dma-bufs.
 */
#include "backends/mmiopcidevice.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backends/mmiobackends.h"
#include "backends/mmiovfiogroup.h"
#include "backends/mmiovfioirq.h"
#include "base/mmioerror.h"
#include "base/mmiosystem.h"
#include "pci/mmiopcistate.h"

/* In <linux/vfio.h> since Linux 6.19 */
#ifndef VFIO_DEVICE_FEATURE_DMA_BUF
#define VFIO_DEVICE_FEATURE_DMA_BUF 11
struct vfio_region_dma_range
{
  guint64 offset;
  guint64 length;
};
struct vfio_device_feature_dma_buf
{
  guint32 region_index;
  guint32 open_flags;
  guint32 flags;
  guint32 nr_ranges;
  struct vfio_region_dma_range dma_ranges[];
};
#endif

typedef struct
{
  MmioPciDevice pci;
  MmioVfioGroup *group;
  MmioVfioIrq *irq;
} MmioVfio;

static gboolean
is_part_of_page (const MmioDevice * device, guint bar)
{
  return device->bar[bar].size < (guint64) sysconf (_SC_PAGESIZE);
}

/* Finds the offset of the BAR in the device's descriptor */
static gboolean
get_region (MmioVfio * vfio, guint bar, struct vfio_region_info *info,
    GError ** error)
{
  const char *address = vfio->pci.parent.address;

  memset (info, 0, sizeof (*info));
  info->argsz = sizeof (*info);
  info->index = VFIO_PCI_BAR0_REGION_INDEX + bar;
  if (MMIO_RETRY (ioctl (mmio_vfio_group_get_device_fd (vfio->group),
              VFIO_DEVICE_GET_REGION_INFO, info)) < 0) {
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errno,
        "VFIO_DEVICE_GET_REGION_INFO",
        "Cannot map BAR %u of %s: vfio does not describe it; find the reason "
        "with: sudo dmesg", bar, address);
    return FALSE;
  }

  if (!(info->flags & VFIO_REGION_INFO_FLAG_MMAP)) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot map BAR %u of %s by vfio%s. Use access=sysfs.", bar,
        address, is_part_of_page (&vfio->pci.parent, bar) ?
        ": it shares a page with others" : "");
    return FALSE;
  }

  return TRUE;
}

static void
set_map_error (const MmioDevice * device, guint bar, int errnum,
    GError ** error)
{
  /* For instance, the framebuffer of the firmware */
  if (errnum == EBUSY)
    mmio_set_system_error (error, MMIO_ERROR_BUSY, errnum, "mmap",
        "Cannot map BAR %u of %s by vfio: the kernel uses it for another "
        "purpose; find it with: sudo cat /proc/iomem", bar, device->address);
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "mmap",
        "Cannot map BAR %u of %s by vfio; find the reason with: sudo dmesg",
        bar, device->address);
}

static MmioRegion *
mmio_vfio_map (MmioDevice * device, guint bar, guint64 offset, gsize length,
    MmioMapping wanted, GError ** error)
{
  MmioVfio *vfio = (MmioVfio *) device;
  struct vfio_region_info info;
  MmioRegion *region;

  if (wanted == MMIO_MAPPING_WRITE_COMBINING) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot map %s write-combining: vfio maps BARs uncached only. Set "
        "mapping to auto, or use access=sysfs.", device->address);
    return NULL;
  }

  if (!mmio_pci_check_awake (device->address, error) ||
      !mmio_pci_device_identify (&vfio->pci, error) ||
      !get_region (vfio, bar, &info, error))
    return NULL;

  region = mmio_device_map_fd (device,
      mmio_vfio_group_get_device_fd (vfio->group), info.offset + offset,
      length, MMIO_MAPPING_UNCACHED);
  if (!region)
    set_map_error (device, bar, errno, error);

  return region;
}

static void
set_export_error (const MmioDevice * device, guint bar, int errnum,
    GError ** error)
{
  const char *call = "VFIO_DEVICE_FEATURE_DMA_BUF";

  if (errnum == ENOTTY)
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, call,
        "Cannot make a dma-buf of a BAR of %s: this kernel does not support "
        "it; use Linux 6.19 or newer with CONFIG_VFIO_PCI_DMABUF"
        MMIO_OR_USE_COPY, device->address);
  else if (errnum == EINVAL && is_part_of_page (device, bar))
    mmio_set_system_error (error, MMIO_ERROR_SETTINGS, errnum, call,
        "Cannot make a dma-buf of BAR %u of %s: it is smaller than a page"
        MMIO_USE_COPY, bar, device->address);
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, call,
        "Cannot make a dma-buf of BAR %u of %s" MMIO_USE_COPY, bar,
        device->address);
}

/* The dma-buf does not support mmap(); CPU access needs mmio_vfio_map() */
static int
mmio_vfio_export (MmioDevice * device, guint bar, guint64 offset,
    guint64 length, GError ** error)
{
  MmioVfio *vfio = (MmioVfio *) device;
  /* The header, the arguments and one range */
  const gsize size = sizeof (struct vfio_device_feature) +
      sizeof (struct vfio_device_feature_dma_buf) +
      sizeof (struct vfio_region_dma_range);
  g_autofree struct vfio_device_feature *feature = g_malloc0 (size);
  struct vfio_device_feature_dma_buf *dma_buf = (gpointer) feature->data;
  int fd;

  G_STATIC_ASSERT (sizeof (struct vfio_device_feature) % 8 == 0);
  G_STATIC_ASSERT (sizeof (struct vfio_device_feature_dma_buf) % 8 == 0);

  feature->argsz = size;
  feature->flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF;
  dma_buf->region_index = VFIO_PCI_BAR0_REGION_INDEX + bar;
  dma_buf->open_flags = O_RDONLY | O_CLOEXEC;
  dma_buf->nr_ranges = 1;
  dma_buf->dma_ranges[0].offset = offset;
  dma_buf->dma_ranges[0].length = length;

  fd = MMIO_RETRY (ioctl (mmio_vfio_group_get_device_fd (vfio->group),
          VFIO_DEVICE_FEATURE, feature));
  if (fd < 0)
    set_export_error (device, bar, errno, error);

  return fd;
}

static int
mmio_vfio_open_interrupt (MmioDevice * device, GError ** error)
{
  MmioVfio *vfio = (MmioVfio *) device;

  vfio->irq = mmio_vfio_irq_open (mmio_vfio_group_get_device_fd (vfio->group),
      device->address, error);
  return vfio->irq ? mmio_vfio_irq_get_fd (vfio->irq) : -1;
}

static gboolean
mmio_vfio_take_interrupts (MmioDevice * device, guint * count)
{
  return mmio_vfio_irq_take (((MmioVfio *) device)->irq, count);
}

static void
mmio_vfio_close_interrupt (MmioDevice * device)
{
  g_clear_pointer (&((MmioVfio *) device)->irq, mmio_vfio_irq_close);
}

static int
mmio_vfio_open_request (MmioDevice * device)
{
  return mmio_vfio_request_open (mmio_vfio_group_get_device_fd (((MmioVfio *)
              device)->group), device->address);
}

static void
mmio_vfio_release (MmioDevice * device)
{
  mmio_vfio_group_release (((MmioVfio *) device)->group);
}

static void
mmio_vfio_free (MmioDevice * device)
{
  MmioVfio *vfio = (MmioVfio *) device;

  g_clear_pointer (&vfio->group, mmio_vfio_group_close);
  mmio_pci_device_clear (&vfio->pci);
  g_free (vfio);
}

static const MmioBackend mmio_vfio_backend = {
  .name = "vfio",
  .access = MMIO_ACCESS_VFIO,
  .has_bars = TRUE,
  .header_place = MMIO_HEADER_IN_BAR,
  .map = mmio_vfio_map,
  .check = mmio_pci_device_check,
  .export = mmio_vfio_export,
  .open_interrupt = mmio_vfio_open_interrupt,
  .take_interrupts = mmio_vfio_take_interrupts,
  .close_interrupt = mmio_vfio_close_interrupt,
  .open_request = mmio_vfio_open_request,
  .release = mmio_vfio_release,
  .free = mmio_vfio_free,
};

/* Opens a PCI device that is bound to vfio-pci */
MmioDevice *
mmio_vfio_open (const MmioPciInfo * info, GError ** error)
{
  MmioVfio *vfio = g_new0 (MmioVfio, 1);
  MmioDevice *device = &vfio->pci.parent;

  mmio_pci_device_init (&vfio->pci, &mmio_vfio_backend, info);
  vfio->group = mmio_vfio_group_open (device->address, error);
  if (!vfio->group)
    g_clear_pointer (&device, mmio_device_unref);

  return device;
}
