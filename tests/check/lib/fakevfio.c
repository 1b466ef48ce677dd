/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakevfio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

FakeVfio fakevfio;

const Device fakevfio_card = {
  "0000:03:00.0", 0xdead, 0xbeef, {
      {0xfd000000, 8192, MEMORY}, {0xfd002000, 256, MEMORY}}
};

static int
answer_region (struct vfio_region_info *info)
{
  fail_unless_equals_int (info->argsz, sizeof (*info));
  if (info->index == VFIO_PCI_CONFIG_REGION_INDEX) {
    /* There nobody reads */
    info->offset = fakevfio.has_no_config ? G_MAXUINT64 - 8 : FAKEVFIO_CONFIG;
    return 0;
  }
  fail_unless (info->index < MMIO_MAX_BARS);
  info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
      (fakevfio.is_not_mappable ? 0 : VFIO_REGION_INFO_FLAG_MMAP);
  info->size = 8192;
  info->offset = (guint64) info->index << FAKEVFIO_REGION_SHIFT;
  return 0;
}

static int
answer_feature (const struct vfio_device_feature *feature)
{
  fail_unless_equals_int (feature->argsz, sizeof (fakevfio.feature));
  memcpy (fakevfio.feature, feature, feature->argsz);
  return fcntl (fakevfio.memory, F_DUPFD_CLOEXEC, 0);
}

static int
answer_irq_info (struct vfio_irq_info *info)
{
  fail_unless_equals_int (info->argsz, sizeof (*info));
  fail_unless (info->index < VFIO_PCI_NUM_IRQS);
  info->count = fakevfio.n_irqs[info->index];
  info->flags = VFIO_IRQ_INFO_EVENTFD;
  return 0;
}

/* What vfio_pci_set_req_trigger() makes of it: whoever is told before is
 * forgotten */
static int
answer_set_request (const struct vfio_irq_set *set)
{
  fail_unless_equals_int (set->flags, VFIO_IRQ_SET_DATA_EVENTFD |
      VFIO_IRQ_SET_ACTION_TRIGGER);
  fail_unless_equals_int (set->argsz, sizeof (*set) + 4);
  fail_unless_equals_int (set->count, 1);
  memcpy (&fakevfio.request_fd, set->data, 4);
  fail_unless (fcntl (fakevfio.request_fd, F_GETFD) == FD_CLOEXEC);
  fail_unless (fcntl (fakevfio.request_fd, F_GETFL) & O_NONBLOCK);
  fakevfio.n_request_fds++;
  return 0;
}

/* As vfio_pci_set_irqs_ioctl() has it, as far as it is used */
static int
answer_set_irqs (const struct vfio_irq_set *set)
{
  fail_unless_equals_int (set->start, 0);
  if (set->index == VFIO_PCI_REQ_IRQ_INDEX)
    return answer_set_request (set);

  switch (set->flags) {
    case VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER:
      fail_unless_equals_int (set->argsz, sizeof (*set) + 4);
      fail_unless_equals_int (set->count, 1);
      fail_unless_equals_int (fakevfio.irq_fd, -1);
      memcpy (&fakevfio.irq_fd, set->data, 4);
      fail_unless (fcntl (fakevfio.irq_fd, F_GETFD) == FD_CLOEXEC);
      fail_unless (fcntl (fakevfio.irq_fd, F_GETFL) & O_NONBLOCK);
      fakevfio.irq_index = set->index;
      break;
    case VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER:
      fail_unless_equals_int (set->argsz, sizeof (*set));
      fail_unless_equals_int (set->count, 0);
      fail_unless_equals_int (set->index, fakevfio.irq_index);
      fakevfio.irq_fd = -1;
      break;
    case VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK:
      fail_unless_equals_int (set->count, 1);
      fail_unless_equals_int (set->index, VFIO_PCI_INTX_IRQ_INDEX);
      fail_unless_equals_int (fakevfio.irq_index, VFIO_PCI_INTX_IRQ_INDEX);
      fakevfio.n_unmasked++;
      break;
    default:
      fail ("flags %x", set->flags);
  }
  return 0;
}

static int
answer (gulong request, gpointer argument)
{
  struct vfio_group_status *status = argument;

  switch (request) {
    case VFIO_GET_API_VERSION:
      return VFIO_API_VERSION;
    case VFIO_CHECK_EXTENSION:
      return GPOINTER_TO_SIZE (argument) == VFIO_TYPE1_IOMMU &&
          !fakevfio.has_no_type1;
    case VFIO_GROUP_GET_STATUS:
      fail_unless_equals_int (status->argsz, sizeof (*status));
      status->flags = fakevfio.is_not_viable ? 0 : VFIO_GROUP_FLAGS_VIABLE;
      return 0;
    case VFIO_GROUP_SET_CONTAINER:
      fail_unless_equals_int (*(int *) argument, find_fd ("/dev/vfio/vfio"));
      return 0;
    case VFIO_SET_IOMMU:
      fail_unless (GPOINTER_TO_SIZE (argument) == VFIO_TYPE1_IOMMU);
      return 0;
    case VFIO_GROUP_GET_DEVICE_FD:
      fail_unless_equals_string (argument, "0000:03:00.0");
      fakevfio.device = fcntl (fakevfio.memory, F_DUPFD_CLOEXEC, 0);
      return fakevfio.device;
    case VFIO_DEVICE_GET_REGION_INFO:
      return answer_region (argument);
    case VFIO_DEVICE_FEATURE:
      return answer_feature (argument);
    case VFIO_DEVICE_GET_IRQ_INFO:
      return answer_irq_info (argument);
    case VFIO_DEVICE_SET_IRQS:
      return answer_set_irqs (argument);
    default:
      /* No reset, no memory for the device */
      fail ("request %lx", request);
      return -1;
  }
}

gboolean
fakevfio_is_eventfd (int fd)
{
  g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree char *target = g_file_read_link (link, NULL);

  return target && strstr (target, "eventfd");
}

gboolean
fakevfio_ioctl (int fd, gulong request, gpointer argument, int *ret)
{
  if (!fakevfio.is_on)
    return FALSE;
  fail_unless (fcntl (fd, F_GETFD) >= 0);
  if (fakevfio_is_eventfd (fd))
    return FALSE;

  if (fakevfio.fail != request) {
    *ret = answer (request, argument);
  } else {
    errno = fakevfio.errnum;
    *ret = -1;
  }
  return TRUE;
}

void
fakevfio_make_system (void)
{
  make_bus ();
  put_device (&fakevfio_card);
  make_dev ();
  fail_unless (g_mkdir_with_parents ("/dev/vfio", 0755) == 0);
}

void
fakevfio_set_group (const Device * device, const char *group)
{
  g_autofree char *path = device_file (device->slot, "iommu_group");
  g_autofree char *target = g_strconcat ("../../../kernel/iommu_groups/",
      group, NULL);
  g_autofree char *devices =
      g_build_filename (IOMMU_GROUPS, group, "devices", NULL);
  g_autofree char *member = g_build_filename (devices, device->slot, NULL);
  g_autofree char *real = g_strconcat ("../../../../devices/pci0000:00/",
      device->slot, NULL);

  fail_unless (symlink (target, path) == 0);
  fail_unless (g_mkdir_with_parents (devices, 0755) == 0);
  fail_unless (symlink (real, member) == 0);
}

void
fakevfio_make (void)
{
  fakevfio_make_system ();
  fakevfio_set_group (&fakevfio_card, "7");
  set_driver (&fakevfio_card, "vfio-pci");
  put_node ("/dev/vfio/vfio");
  put_node ("/dev/vfio/7");
  fakevfio.memory = memfd_create (FAKEVFIO_MEMORY, MFD_CLOEXEC);
  fail_unless (fakevfio.memory >= 0 && ftruncate (fakevfio.memory,
          (gint64) 8 << FAKEVFIO_REGION_SHIFT) == 0);
  fakevfio.irq_fd = fakevfio.request_fd = -1;
  fakevfio.is_on = TRUE;
}
