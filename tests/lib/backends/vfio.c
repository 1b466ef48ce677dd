/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The vfio back end: what is in the way, and what the sentence says that helps;
 * what it asks the kernel for, and what it makes of the answers.  The kernel is
 * one that answers as it is told; the real one is for the guest.
 */
#include "fixtures/fakevfio.h"
#include "fixtures/uevent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "capture/mmiocapture.h"
#include "capture/mmioliveness.h"
#include "device/mmiobackend.h"

#define PARAMETERS "/sys/module/vfio_iommu_type1/parameters"

/* VFIO_DEVICE_FEATURE_DMA_BUF, which headers may not know yet */
#define FEATURE_DMA_BUF 11

/* Bus mastering, in the command register */
#define MASTER 0x4

/* A node that somebody else has open: the kernel opens a group once.  Which of
 * the two is called depends on how large an off_t is. */
static const char *busy_node;

/* *INDENT-OFF* */
#define BUSY_OPEN(open) \
int __real_##open (const char *, int, ...); \
int __wrap_##open (const char *, int, ...); \
\
int \
__wrap_##open (const char *path, int flags, ...) \
{ \
  va_list args; \
  mode_t mode; \
\
  va_start (args, flags); \
  mode = flags & (O_CREAT | O_TMPFILE) ? va_arg (args, mode_t) : 0; \
  va_end (args); \
\
  if (g_strcmp0 (path, busy_node) != 0) \
    return __real_##open (path, flags, mode); \
  errno = EBUSY; \
  return -1; \
}
BUSY_OPEN (open)
BUSY_OPEN (open64)
/* *INDENT-ON* */

DEFINE_FAILING_MMAP;

int __real_ioctl (int, unsigned long, ...);
int __wrap_ioctl (int, unsigned long, ...);

int
__wrap_ioctl (int fd, unsigned long request, ...)
{
  gpointer argument;
  va_list args;
  int ret;

  va_start (args, request);
  argument = va_arg (args, gpointer);
  va_end (args);

  return fakevfio_ioctl (fd, request, argument, &ret) ? ret :
      __real_ioctl (fd, request, argument);
}

static const Device sound = {
  "0000:03:00.1", 0xdead, 0xbee0, {{0xfd004000, 4096, MEMORY}}
};

static void
make_system (void)
{
  fakevfio_make_system ();
  put_device (&sound);
}

static void
make_vfio (void)
{
  fakevfio_make ();
  put_device (&sound);
}

static void
check_fails (const char *text, MmioErrorCode code, const char *word,
    const char *other_word)
{
  check_open_fails (text, MMIO_ACCESS_VFIO, code, word, other_word);
}

GST_START_TEST (test_not_found)
{
  make_system ();
  check_fails ("04:00.0", MMIO_ERROR_NOT_FOUND, "0000:04:00.0", "lspci -Dnn");
  check_fails ("dead:bee1", MMIO_ERROR_NOT_FOUND, "dead:bee1", "lspci -Dnn");
}

GST_END_TEST;

GST_START_TEST (test_no_iommu)
{
  make_system ();
  set_driver (&fakevfio_card, "vfio-pci");
  check_fails ("03:00.0", MMIO_ERROR_SETTINGS, "Cannot open 0000:03:00.0 by "
      "vfio: it has no IOMMU", "intel_iommu=on");
}

GST_END_TEST;

#define PROBE "echo 0000:03:00.0 | sudo tee /sys/bus/pci/drivers_probe"

GST_START_TEST (test_not_bound)
{
  make_system ();
  fakevfio_set_group (&fakevfio_card, "7");
  check_fails ("03:00.0", MMIO_ERROR_BUSY,
      "by vfio: it is bound to no driver",
      "/0000:03:00.0/driver_override; " PROBE);

  set_driver (&fakevfio_card, "bochs-drm");
  check_fails ("dead:beef", MMIO_ERROR_BUSY,
      "Cannot open 0000:03:00.0 by vfio: it is bound to bochs-drm", "echo "
      "0000:03:00.0 | sudo tee " DEVICES "/0000:03:00.0/driver/unbind; " PROBE);

  /* The same for the files that name a BAR */
  check_fails (DEVICES "/0000:03:00.0/resource0", MMIO_ERROR_BUSY, "bochs-drm",
      "driver/unbind");
}

GST_END_TEST;

GST_START_TEST (test_no_nodes)
{
  make_system ();
  fakevfio_set_group (&fakevfio_card, "7");
  set_driver (&fakevfio_card, "vfio-pci");
  check_fails ("03:00.0", MMIO_ERROR_NOT_FOUND, "Cannot open /dev/vfio/vfio, "
      "which 0000:03:00.0 needs: there is no such node",
      "docker run --device /dev/vfio/vfio");
  put_node ("/dev/vfio/vfio");
  check_fails ("03:00.0", MMIO_ERROR_NOT_FOUND, "Cannot open /dev/vfio/7, "
      "which 0000:03:00.0 needs: there is no such node",
      "docker run --device /dev/vfio/7");

  /* What else can be wrong with one */
  fail_unless (g_mkdir ("/dev/vfio/7", 0755) == 0);
  check_fails ("03:00.0", MMIO_ERROR_FAILED, "/dev/vfio/7, which 0000:03:00.0",
      "0000:03:00.0 needs; find the reason with: sudo dmesg");
}

GST_END_TEST;

/* Nobody falls back to sysfs then: its files would show a device that somebody
 * else resets and puts to sleep */
GST_START_TEST (test_busy)
{
  const char *const names[] = { "03:00.0", "dead:beef", "/dev/vfio/7" };
  GError *error = NULL;

  make_system ();
  fakevfio_set_group (&fakevfio_card, "7");
  set_driver (&fakevfio_card, "vfio-pci");
  put_node ("/dev/vfio/vfio");
  put_node ("/dev/vfio/7");
  busy_node = "/dev/vfio/7";

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    check_fails (names[i], MMIO_ERROR_BUSY, "Cannot open /dev/vfio/7, which "
        "0000:03:00.0 needs: this process or another one uses it",
        "sudo fuser -v " "/dev/vfio/7");
    fail_unless (open_address (names[i], MMIO_ACCESS_AUTO, &error) == NULL);
    check_error (&error, MMIO_ERROR_BUSY, "Cannot open /dev/vfio/7, which "
        "0000:03:00.0 needs: this process or another one", NULL);
    fail_unless (open_address (names[i], MMIO_ACCESS_AUTO, NULL) == NULL);
  }
  check_access ("03:00.0", MMIO_ACCESS_SYSFS, "sysfs");
}

GST_END_TEST;

GST_START_TEST (test_not_permitted)
{
  make_system ();
  fakevfio_set_group (&fakevfio_card, "7");
  set_driver (&fakevfio_card, "vfio-pci");
  put_node ("/dev/vfio/vfio");
  put_node ("/dev/vfio/7");
  fail_unless (g_chmod ("/dev/vfio/vfio", 0666) == 0);

  if (seteuid (65534) < 0) {
    g_print ("SKIP: there is only root in this namespace; run this as root to "
        "see what others may not\n");
    return;
  }
  check_fails ("03:00.0", MMIO_ERROR_NOT_PERMITTED, "Cannot read and "
      "write /dev/vfio/7, which 0000:03:00.0 needs: permission denied; allow it",
      "sudo chgrp video /dev/vfio/7 && sudo chmod g+rw /dev/vfio/7");
  fail_unless (seteuid (0) == 0);
}

GST_END_TEST;

/* Files that are no nodes of the kernel's */
GST_START_TEST (test_no_vfio)
{
  make_system ();
  fakevfio_set_group (&fakevfio_card, "7");
  set_driver (&fakevfio_card, "vfio-pci");
  put_node ("/dev/vfio/vfio");
  put_node ("/dev/vfio/7");
  check_fails ("03:00.0", MMIO_ERROR_FAILED, "IOMMU group 7 of 0000:03:00.0",
      "dmesg");
}

GST_END_TEST;

static void
check_request_fails (gulong request, int errnum, MmioErrorCode code,
    const char *word, const char *other_word)
{
  fakevfio.fail = request;
  fakevfio.errnum = errnum;
  check_fails ("03:00.0", code, word, other_word);
  fakevfio.fail = 0;
}

GST_START_TEST (test_requests)
{
  make_vfio ();
  check_access ("03:00.0", MMIO_ACCESS_VFIO, "vfio");

  check_request_fails (VFIO_GROUP_GET_STATUS, EFAULT, MMIO_ERROR_FAILED,
      "IOMMU group 7 of 0000:03:00.0", "dmesg");
  check_request_fails (VFIO_GET_API_VERSION, ENOTTY, MMIO_ERROR_FAILED,
      "no type 1 IOMMU", "sudo modprobe vfio_iommu_type1");
  check_request_fails (VFIO_GROUP_SET_CONTAINER, EINVAL, MMIO_ERROR_FAILED,
      "IOMMU group of 0000:03:00.0", "dmesg");
  check_request_fails (VFIO_SET_IOMMU, EPERM, MMIO_ERROR_NOT_PERMITTED,
      "does not remap interrupts", "echo 1 | sudo tee " PARAMETERS
      "/allow_unsafe_interrupts");
  check_request_fails (VFIO_SET_IOMMU, ENODEV, MMIO_ERROR_FAILED,
      "Cannot set up the IOMMU for 0000:03:00.0", "dmesg");
  /* That has been done, so it was something else */
  fail_unless (g_mkdir_with_parents (PARAMETERS, 0755) == 0);
  fail_unless (g_file_set_contents (PARAMETERS "/allow_unsafe_interrupts",
          "Y\n", 2, NULL));
  check_request_fails (VFIO_SET_IOMMU, EPERM, MMIO_ERROR_FAILED,
      "Cannot set up the IOMMU for 0000:03:00.0", "dmesg");
  check_request_fails (VFIO_GROUP_GET_DEVICE_FD, ENODEV, MMIO_ERROR_FAILED,
      "Cannot open 0000:03:00.0 by vfio;", "dmesg");

  fakevfio.has_no_type1 = TRUE;
  check_fails ("03:00.0", MMIO_ERROR_FAILED, "no type 1 IOMMU",
      "sudo modprobe vfio_iommu_type1");
}

GST_END_TEST;

GST_START_TEST (test_not_viable)
{
  const char *platform = IOMMU_GROUPS "/7/devices/ABC0001:00";
  g_autofree char *driver = g_build_filename (platform, "driver", NULL);

  make_vfio ();
  fakevfio.is_not_viable = TRUE;

  /* Nobody's, as far as one sees */
  check_fails ("03:00.0", MMIO_ERROR_BUSY, "Cannot use IOMMU group 7 of "
      "0000:03:00.0: another program uses it",
      "sudo sh -c 'fuser -v /dev/vfio/*");
  fakevfio_set_group (&sound, "7");
  check_fails ("03:00.0", MMIO_ERROR_BUSY, "another program uses it", "fuser");
  set_driver (&sound, "vfio-pci");
  check_fails ("03:00.0", MMIO_ERROR_BUSY, "another program uses it", "fuser");

  set_driver (&sound, "snd_hda_intel");
  check_fails ("03:00.0", MMIO_ERROR_SETTINGS,
      "drivers are bound to other devices in its IOMMU group 7: 0000:03:00.1 "
      "(snd_hda_intel).", "Unbind them");
  /* So nobody has the device itself */
  check_access ("03:00.0", MMIO_ACCESS_AUTO, "sysfs");

  /* One that is not on the bus */
  set_driver (&sound, "pcieport");
  fail_unless (g_mkdir (platform, 0755) == 0);
  fail_unless (symlink ("../../bus/platform/drivers/abc", driver) == 0);
  check_fails ("03:00.0", MMIO_ERROR_SETTINGS, "IOMMU group 7: ABC0001:00 "
      "(abc).", "access=sysfs");
}

GST_END_TEST;

static void
check_map_fails (MmioDevice * device, gint bar, MmioMapping wanted,
    MmioErrorCode code, const char *word, const char *other_word)
{
  const MmioLayout picture = {.start = 16,.end = 100 };
  GError *error = NULL;
  guint fds;

  fail_unless (mmio_device_map (device, &bar, &picture, wanted,
          &error) == NULL);
  check_error (&error, code, word, other_word, NULL);
  fds = count_fds ();
  fail_unless (mmio_device_map (device, &bar, &picture, wanted, NULL) == NULL);
  fail_unless_equals_int (count_fds (), fds);
}

/* From a page of the second half of the first BAR on */
static MmioRegion *
map_first (MmioDevice * device, guint8 bytes[100])
{
  const MmioLayout picture = {.start = 4099,.end = 4199 };
  GError *error = NULL;
  MmioRegion *region;
  gint bar = 0;

  fill_random (bytes, 100, 7);
  fail_unless (pwrite (fakevfio.memory, bytes, 100, 4099) == 100);
  region = mmio_device_map (device, &bar, &picture, MMIO_MAPPING_AUTO, &error);
  fail_unless (region != NULL, "%s", error ? error->message : "");
  return region;
}

GST_START_TEST (test_map)
{
  const MmioLayout start = {.start = 1,.end = 256 };
  guint8 bytes[256];
  MmioDevice *device;
  MmioRegion *region;
  gint bar = 1;
  guint fds;

  make_vfio ();
  /* What is opened once for all is open then */
  check_access ("03:00.0", MMIO_ACCESS_VFIO, "vfio");
  fds = count_fds ();
  device = open_address ("03:00.0", MMIO_ACCESS_VFIO, NULL);
  fail_unless (fcntl (find_fd ("/dev/vfio/vfio"), F_GETFD) == FD_CLOEXEC);
  fail_unless (fcntl (find_fd ("/dev/vfio/7"), F_GETFD) == FD_CLOEXEC);

  region = map_first (device, bytes);
  fail_unless_equals_int (mmio_region_get_mapping (region),
      MMIO_MAPPING_UNCACHED);
  fail_unless (memcmp (mmio_region_get_data (region), bytes, 100) == 0);
  mmio_region_unref (region);

  /* Another BAR is where the kernel says, and stays there as long as its map
   * does */
  fill_random (bytes, 256, 8);
  fail_unless (pwrite (fakevfio.memory, bytes, 256,
          (gint64) 1 << FAKEVFIO_REGION_SHIFT) == 256);
  region = mmio_device_map (device, &bar, &start, MMIO_MAPPING_UNCACHED, NULL);
  fail_unless (region != NULL);
  mmio_device_unref (device);
  fail_unless (find_fd ("/dev/vfio/7") >= 0);
  fail_unless (memcmp (mmio_region_get_data (region), bytes + 1, 255) == 0);
  mmio_region_unref (region);
  fail_unless_equals_int (count_fds (), fds);
}

GST_END_TEST;

/* One whose configuration says nothing of it */
GST_START_TEST (test_virtual)
{
  guint8 bytes[100];
  MmioDevice *device;
  MmioRegion *region;
  GError *error = NULL;

  make_vfio ();
  put_physical (&fakevfio_card, "0000:02:00.0");
  device = open_address ("dead:beef", MMIO_ACCESS_VFIO, NULL);
  region = map_first (device, bytes);
  fail_unless (memcmp (mmio_region_get_data (region), bytes, 100) == 0);
  fail_unless (mmio_device_check (device, 0, &error), "%s",
      error ? error->message : "");
  mmio_region_unref (region);
  mmio_device_unref (device);
}

GST_END_TEST;

GST_START_TEST (test_map_errors)
{
  g_autoptr (MmioDevice) device = NULL;

  make_vfio ();
  device = open_address ("03:00.0", MMIO_ACCESS_VFIO, NULL);
  check_map_fails (device, 0, MMIO_MAPPING_WRITE_COMBINING,
      MMIO_ERROR_SETTINGS, "Cannot map 0000:03:00.0 write-combining: vfio maps",
      "mapping " "to auto");

  mmap_errnum = EBUSY;
  check_map_fails (device, 0, MMIO_MAPPING_AUTO, MMIO_ERROR_BUSY,
      "Cannot map BAR 0 of 0000:03:00.0 by vfio: the kernel uses it",
      "sudo cat /proc/iomem");
  mmap_errnum = EINVAL;
  check_map_fails (device, 0, MMIO_MAPPING_AUTO, MMIO_ERROR_FAILED,
      "Cannot map BAR 0 of 0000:03:00.0 by vfio;", "dmesg");
  mmap_errnum = 0;

  fakevfio.fail = VFIO_DEVICE_GET_REGION_INFO;
  fakevfio.errnum = EIO;
  check_map_fails (device, 0, MMIO_MAPPING_AUTO, MMIO_ERROR_FAILED,
      "BAR 0 of 0000:03:00.0", "dmesg");
  fakevfio.fail = 0;

  /* Why depends on how large it is */
  fakevfio.is_not_mappable = TRUE;
  check_map_fails (device, 0, MMIO_MAPPING_AUTO, MMIO_ERROR_SETTINGS,
      "Cannot map BAR 0 of 0000:03:00.0 by vfio.", "access=sysfs");
  check_map_fails (device, 1, MMIO_MAPPING_AUTO, MMIO_ERROR_SETTINGS,
      "Cannot map BAR 1 of 0000:03:00.0 by vfio: it shares a page",
      "access=sysfs");
  fakevfio.is_not_mappable = FALSE;

  put_config (&fakevfio_card, 0, 256);
  check_map_fails (device, 0, MMIO_MAPPING_AUTO, MMIO_ERROR_OFF,
      "Cannot read 0000:03:00.0: its memory decoding is off", "setpci");
}

GST_END_TEST;

static void
check_export_fails (MmioDevice * device, guint bar, int errnum,
    MmioErrorCode code, const char *word, const char *other_word)
{
  const MmioLayout picture = {.start = 0,.end = 100 };
  const guint fds = count_fds ();
  GError *error = NULL;
  guint skip;

  fakevfio.fail = VFIO_DEVICE_FEATURE;
  fakevfio.errnum = errnum;
  fail_unless (mmio_device_export (device, bar, &picture, &skip, &error) == -1);
  check_error (&error, code, word, other_word, "io-mode=copy", NULL);
  fail_unless (mmio_device_export (device, bar, &picture, &skip, NULL) == -1);
  fail_unless_equals_int (count_fds (), fds);
  fakevfio.fail = 0;
}

GST_START_TEST (test_export)
{
  const MmioLayout picture = {.start = 4099,.end = 4199 };
  g_autoptr (MmioDevice) device = NULL;
  guint64 range[2];
  guint skip = 0;
  int fd;

  make_vfio ();
  device = open_address ("03:00.0", MMIO_ACCESS_VFIO, NULL);
  fd = mmio_device_export (device, 0, &picture, &skip, NULL);
  fail_unless (fd >= 0 && fcntl (fd, F_GETFD) == FD_CLOEXEC);
  close (fd);

  /* argsz and flags; region, open_flags, flags, number of ranges; the range */
  fail_unless_equals_int (fakevfio.feature[0], 8 + 16 + 16);
  fail_unless_equals_int (fakevfio.feature[1], VFIO_DEVICE_FEATURE_GET |
      FEATURE_DMA_BUF);
  fail_unless_equals_int (fakevfio.feature[2], 0);
  fail_unless_equals_int (fakevfio.feature[3], O_RDONLY | O_CLOEXEC);
  fail_unless_equals_int (fakevfio.feature[4], 0);
  fail_unless_equals_int (fakevfio.feature[5], 1);
  memcpy (range, fakevfio.feature + 6, sizeof (range));
  fail_unless_equals_uint64 (range[0], 4099 / page_size () * page_size ());
  fail_unless_equals_uint64 (range[1], page_size ());
  fail_unless_equals_int (skip, 4099 % page_size ());

  check_export_fails (device, 0, ENOTTY, MMIO_ERROR_FAILED,
      "of 0000:03:00.0: this kernel does not support it; use Linux 6.19 or "
      "newer", "CONFIG_VFIO_PCI_DMABUF");
  check_export_fails (device, 1, EINVAL, MMIO_ERROR_SETTINGS,
      "BAR 1 of 0000:03:00.0: it is smaller than a page", "use io-mode=copy");
  check_export_fails (device, 0, EINVAL, MMIO_ERROR_FAILED, "Cannot make a "
      "dma-buf of BAR 0", "0000:03:00.0");
}

GST_END_TEST;

static guint8
get_command (void)
{
  guint8 command;

  fail_unless (pread (fakevfio.memory, &command, 1, FAKEVFIO_COMMAND) == 1);
  return command;
}

static void
check_takes (MmioDevice * device, guint wanted)
{
  guint count = 12345;

  fail_unless (mmio_device_take_interrupts (device, &count));
  fail_unless_equals_int (count, wanted);
}

/* The best of those kinds that it has, and as a bus master if that needs it */
static void
check_interrupts (guint32 kind, guint8 command)
{
  g_autoptr (MmioDevice) device = open_address ("03:00.0", MMIO_ACCESS_VFIO,
      NULL);
  const guint unmasked = fakevfio.n_unmasked;
  const gboolean is_intx = kind == VFIO_PCI_INTX_IRQ_INDEX;
  GError *error = NULL;
  guint count;
  int fd;

  /* Nothing happens unless somebody wants it */
  fail_unless (!mmio_device_take_interrupts (device, &count));
  fail_unless_equals_int (fakevfio.irq_fd, -1);
  fail_unless_equals_int (get_command (), command & ~MASTER);

  fd = mmio_device_open_interrupt (device, &error);
  fail_unless (fd >= 0, "%s", error ? error->message : "");
  fail_unless_equals_int (fakevfio.irq_fd, fd);
  fail_unless_equals_int (fakevfio.irq_index, kind);
  fail_unless_equals_int (mmio_device_open_interrupt (device, NULL), fd);
  fail_unless_equals_int (get_command (), command);

  check_takes (device, 0);
  fail_unless_equals_int (fakevfio.n_unmasked, unmasked);
  fail_unless (eventfd_write (fd, 1) == 0);
  check_takes (device, 1);
  fail_unless_equals_int (fakevfio.n_unmasked, unmasked + is_intx);
  fail_unless (eventfd_write (fd, 3) == 0);
  check_takes (device, 3);
  check_takes (device, 0);
  fail_unless_equals_int (fakevfio.n_unmasked, unmasked + 2 * is_intx);

  /* Silent and no master as soon as nobody wants it, whoever has a map; and it
   * may be wanted again */
  mmio_device_close_interrupt (device);
  fail_unless_equals_int (fakevfio.irq_fd, -1);
  fail_unless_equals_int (get_command (), command & ~MASTER);
  fail_unless (!mmio_device_take_interrupts (device, &count));
  fail_unless (mmio_device_open_interrupt (device, NULL) >= 0);
  fail_unless_equals_int (get_command (), command);
}

GST_START_TEST (test_interrupts)
{
  /* Decoding; the other bits are not ours */
  const guint8 before = 0x42;
  guint fds;

  make_vfio ();
  check_access ("03:00.0", MMIO_ACCESS_VFIO, "vfio");
  fds = count_fds ();
  fail_unless (pwrite (fakevfio.memory, &before, 1, FAKEVFIO_COMMAND) == 1);

  fakevfio.n_irqs[VFIO_PCI_INTX_IRQ_INDEX] = 1;
  check_interrupts (VFIO_PCI_INTX_IRQ_INDEX, before);
  fakevfio.n_irqs[VFIO_PCI_MSI_IRQ_INDEX] = 1;
  check_interrupts (VFIO_PCI_MSI_IRQ_INDEX, before | MASTER);
  fakevfio.n_irqs[VFIO_PCI_MSIX_IRQ_INDEX] = 32;
  check_interrupts (VFIO_PCI_MSIX_IRQ_INDEX, before | MASTER);

  /* All is as it was */
  fail_unless_equals_int (fakevfio.irq_fd, -1);
  fail_unless_equals_int (get_command (), before);
  fail_unless_equals_int (count_fds (), fds);
}

GST_END_TEST;

/* A forked child that closes it leaves the device as its parent has it */
GST_START_TEST (test_interrupt_in_child)
{
  MmioDevice *device;
  int status;
  pid_t pid;

  make_vfio ();
  fakevfio.n_irqs[VFIO_PCI_MSI_IRQ_INDEX] = 1;
  device = open_address ("03:00.0", MMIO_ACCESS_VFIO, NULL);
  fail_unless (mmio_device_open_interrupt (device, NULL) >= 0);
  fail_unless (get_command () & MASTER);

  pid = fork ();
  if (pid == 0) {
    mmio_device_close_interrupt (device);
    mmio_device_unref (device);
    _exit (fakevfio.irq_fd >= 0 ? 0 : 1);
  }
  fail_unless (waitpid (pid, &status, 0) == pid);
  fail_unless (WIFEXITED (status) && WEXITSTATUS (status) == 0, "%#x", status);
  fail_unless (get_command () & MASTER);

  mmio_device_close_interrupt (device);
  fail_if (get_command () & MASTER);
  mmio_device_unref (device);
}

GST_END_TEST;

static void
check_interrupt_fails (MmioDevice * device, MmioErrorCode code,
    const char *word, const char *other_word)
{
  const guint fds = count_fds ();
  GError *error = NULL;

  fail_unless_equals_int (mmio_device_open_interrupt (device, &error), -1);
  check_error (&error, code, word, other_word, NULL);
  fail_unless_equals_int (mmio_device_open_interrupt (device, NULL), -1);
  fail_unless_equals_int (fakevfio.irq_fd, -1);
  fail_unless_equals_int (count_fds (), fds);
}

GST_START_TEST (test_interrupt_errors)
{
  g_autoptr (MmioDevice) device = NULL;
  g_autoptr (MmioDevice) by_sysfs = NULL;

  make_vfio ();
  device = open_address ("03:00.0", MMIO_ACCESS_VFIO, NULL);
  check_interrupt_fails (device, MMIO_ERROR_SETTINGS, "Cannot wait for "
      "interrupts of 0000:03:00.0: it has none that vfio can deliver",
      "frame-sync=counter or clock");

  fakevfio.n_irqs[VFIO_PCI_MSIX_IRQ_INDEX] = 1;
  fakevfio.fail = VFIO_DEVICE_SET_IRQS;
  fakevfio.errnum = ENOSPC;
  check_interrupt_fails (device, MMIO_ERROR_FAILED, "Cannot wait for "
      "interrupts of 0000:03:00.0;", "dmesg");
  fakevfio.fail = VFIO_DEVICE_GET_IRQ_INFO;
  check_interrupt_fails (device, MMIO_ERROR_FAILED, "Cannot wait for "
      "interrupts of 0000:03:00.0;", "dmesg");
  fakevfio.errnum = EINVAL;
  check_interrupt_fails (device, MMIO_ERROR_SETTINGS, "Cannot wait for "
      "interrupts of 0000:03:00.0: it has none that vfio can deliver",
      "frame-sync=counter or clock");
  fakevfio.fail = VFIO_DEVICE_GET_REGION_INFO;
  check_interrupt_fails (device, MMIO_ERROR_FAILED, "Cannot make 0000:03:00.0 "
      "bus master", "frame-sync=counter or clock");
  fakevfio.fail = 0;
  fakevfio.has_no_config = TRUE;
  check_interrupt_fails (device, MMIO_ERROR_FAILED, "Cannot make 0000:03:00.0 "
      "bus master", "frame-sync=counter or clock");
  fakevfio.has_no_config = FALSE;
  fail_unless (mmio_device_open_interrupt (device, NULL) >= 0);

  by_sysfs = open_address ("03:00.0", MMIO_ACCESS_SYSFS, NULL);
  fail_unless_equals_int (mmio_device_open_interrupt (by_sysfs, NULL), -1);
}

GST_END_TEST;

/* --- The kernel asks for the device --------------------------------------- */

static void
tell (gpointer data)
{
  g_async_queue_push (data, data);
}

static void
fail_unless_told (GAsyncQueue * told)
{
  fail_unless (g_async_queue_timeout_pop (told, HANG) == told, "it hangs");
}

static void
check_gone (GError ** error)
{
  check_error (error, MMIO_ERROR_GONE, "Cannot read 0000:03:00.0: it was "
      "released, since it is being unplugged", "lspci -Dk", NULL);
}

/* Nothing more is to be had of it, and all say why */
static void
check_let_go (MmioDevice * device)
{
  const MmioLayout picture = {.start = 0,.end = 100 };
  const guint fds = count_fds ();
  GError *error = NULL;
  gint bar = 0;
  guint skip;

  fail_if (mmio_device_check (device, 0, &error));
  check_gone (&error);
  fail_unless (mmio_device_map (device, &bar, &picture, MMIO_MAPPING_AUTO,
          &error) == NULL);
  check_gone (&error);
  fail_unless (mmio_device_map_register (device, 0, 0, 4, &error) == NULL);
  check_gone (&error);
  fail_unless (mmio_device_export (device, 0, &picture, &skip, &error) == -1);
  check_gone (&error);
  fail_unless_equals_int (mmio_device_open_request (device), -1);
  fail_unless_equals_int (count_fds (), fds);
}

/* Without an interrupt, and with one of each kind */
GST_START_TEST (test_request)
{
  const gboolean has_interrupt = __i__ < VFIO_PCI_ERR_IRQ_INDEX;
  g_autoptr (GAsyncQueue) told = g_async_queue_new ();
  MmioLiveness *presence;
  MmioDevice *device;
  MmioRegion *region;
  guint8 bytes[100];
  guint fds, count;
  GError *error = NULL;
  int fd[3];

  make_vfio ();
  enter_network (TRUE);
  check_access ("03:00.0", MMIO_ACCESS_VFIO, "vfio");
  fds = count_fds ();
  device = open_address ("03:00.0", MMIO_ACCESS_VFIO, NULL);
  region = map_first (device, bytes);
  fail_unless (mmio_device_check (device, 0, NULL));
  if (has_interrupt) {
    fakevfio.n_irqs[__i__] = 1;
    fail_unless (mmio_device_open_interrupt (device, NULL) >= 0);
  }
  fd[0] = find_fd ("/dev/vfio/vfio");
  fd[1] = find_fd ("/dev/vfio/7");
  fd[2] = fakevfio.device;
  fail_unless_equals_int (count_fds_of (FAKEVFIO_MEMORY), 2);

  presence = mmio_liveness_new (device, 0);
  fail_unless_equals_int (fakevfio.n_request_fds, 0);
  mmio_liveness_watch (presence, tell, told);
  fail_unless_equals_int (fakevfio.n_request_fds, 1);
  fail_unless (mmio_liveness_check (presence));
  fail_unless_equals_int (count_maps (FAKEVFIO_MEMORY), 1);

  /* The kernel asks more than once */
  for (guint i = 0; i < 2; i++) {
    fail_unless (eventfd_write (fakevfio.request_fd, 1) == 0);
    fail_unless_told (told);
    fail_unless_equals_int (count_maps (FAKEVFIO_MEMORY), 0);
    fail_unless_all (mmio_region_get_data (region), 100, 0);
    fail_unless_equals_int (find_fd ("/dev/vfio/"), -1);
    fail_unless_equals_int (count_fds_of (FAKEVFIO_MEMORY), 1);
    check_let_go (device);
  }
  fail_if (mmio_liveness_check (presence));
  error = g_error_copy (mmio_liveness_get_removal (presence));
  check_gone (&error);

  /* What they were, nothing else becomes */
  for (guint i = 0; i < G_N_ELEMENTS (fd); i++) {
    fail_unless_equals_int (fcntl (fd[i], F_GETFD), FD_CLOEXEC);
    fail_unless (fakevfio_is_eventfd (fd[i]));
  }

  if (has_interrupt) {
    fail_unless (eventfd_write (fakevfio.irq_fd, 1) == 0);
    fail_unless_equals_int (mmio_device_take_interrupts (device, &count),
        __i__ != VFIO_PCI_INTX_IRQ_INDEX);
    mmio_device_close_interrupt (device);
  }
  fail_unless_equals_int (mmio_device_open_interrupt (device, &error), -1);
  check_gone (&error);

  mmio_liveness_unref (presence);
  mmio_device_unref (device);
  fail_unless_all (mmio_region_get_data (region), 100, 0);
  mmio_region_unref (region);
  fail_unless_equals_int (count_fds (), fds);
}

GST_END_TEST;

/* Who has kept a map can open the device again as soon as he has let go of it */
GST_START_TEST (test_kept)
{
  g_autoptr (GAsyncQueue) told = g_async_queue_new ();
  guint8 bytes[100];

  make_vfio ();
  enter_network (TRUE);
  for (guint i = 0; i < 30; i++) {
    MmioDevice *device = open_address ("03:00.0", MMIO_ACCESS_VFIO, NULL);
    MmioLiveness *presence = mmio_liveness_new (device, 0);
    MmioRegion *region = map_first (device, bytes);

    mmio_liveness_watch (presence, tell, told);
    mmio_liveness_unref (presence);
    mmio_device_unref (device);
    fail_unless (find_fd ("/dev/vfio/7") >= 0);

    mmio_region_unref (region);
    fail_unless_equals_int (find_fd ("/dev/vfio/"), -1);
  }
}

GST_END_TEST;

/* A kernel that never asks; the bus tells all the same */
GST_START_TEST (test_no_request)
{
  g_autoptr (GAsyncQueue) told = g_async_queue_new ();
  MmioLiveness *presence;
  MmioDevice *device;
  guint fds, open_fds;

  make_vfio ();
  enter_network (TRUE);
  check_access ("03:00.0", MMIO_ACCESS_VFIO, "vfio");
  fds = count_fds ();
  fakevfio.fail = VFIO_DEVICE_SET_IRQS;
  fakevfio.errnum = EINVAL;
  device = open_address ("03:00.0", MMIO_ACCESS_VFIO, NULL);
  fail_unless (mmio_device_check (device, 0, NULL));
  open_fds = count_fds ();
  fail_unless_equals_int (mmio_device_open_request (device), -1);
  fail_unless_equals_int (count_fds (), open_fds);

  presence = mmio_liveness_new (device, 0);
  mmio_liveness_watch (presence, tell, told);
  send_uevent ("change", fakevfio_card.slot);
  fail_unless_told (told);
  fail_unless (mmio_device_check (device, 0, NULL));
  fail_unless (find_fd ("/dev/vfio/7") >= 0);

  set_command (&fakevfio_card, 0);
  send_uevent ("unbind", fakevfio_card.slot);
  fail_unless_told (told);
  fail_if (mmio_device_check (device, 0, NULL));
  fail_unless_equals_int (find_fd ("/dev/vfio/"), -1);

  mmio_liveness_unref (presence);
  mmio_device_unref (device);
  fail_unless_equals_int (count_fds (), fds);
}

GST_END_TEST;

/* Programs that are started meanwhile, and children */
GST_START_TEST (test_not_inherited)
{
  g_autoptr (MmioDevice) device = NULL;
  guint8 bytes[100];
  MmioRegion *region;
  int request;

  make_vfio ();
  fakevfio.n_irqs[VFIO_PCI_MSI_IRQ_INDEX] = 1;
  device = open_address ("03:00.0", MMIO_ACCESS_VFIO, NULL);
  region = map_first (device, bytes);
  fail_unless (mmio_device_check (device, 0, NULL));
  fail_unless (mmio_device_open_interrupt (device, NULL) >= 0);
  request = mmio_device_open_request (device);
  fail_unless (request >= 0);

  check_not_inherited ("/dev/vfio/vfio");
  check_not_inherited ("/dev/vfio/7");
  check_not_inherited (FAKEVFIO_MEMORY);
  check_not_inherited ("eventfd");
  check_not_inherited ("/config");
  fail_unless_equals_int (count_maps (FAKEVFIO_MEMORY), 1);
  fail_unless_equals_int (count_maps_of_child (FAKEVFIO_MEMORY), 0);

  mmio_device_revoke (device, g_error_new_literal (MMIO_ERROR,
          MMIO_ERROR_GONE, "for the test"));
  check_not_inherited ("eventfd");
  close (request);
  mmio_region_unref (region);
}

GST_END_TEST;

static MmioCapture *
open_capture (const char *device, MmioAccess access)
{
  const MmioCaptureConfig config = {.device = device,.access = access,.bar = 0,
    .spec = test_spec ("RGB", 16, 8, 0, 0)
  };
  GError *error = NULL;
  MmioCapture *capture = mmio_capture_open (&config, &error);

  fail_unless (capture != NULL, "%s", error ? error->message : "");
  return capture;
}

static const char *const capture_names[] = {
  "0000:03:00.0", "dead:beef", "/dev/vfio/7"
};

/* What has come by vfio comes back by vfio, however it was named: nobody else's
 * driver is read behind its back meanwhile */
GST_START_TEST (test_reopen)
{
  g_autofree char *driver = device_file (fakevfio_card.slot, "driver");
  g_autofree char *group = device_file (fakevfio_card.slot, "iommu_group");
  MmioCapture *capture, *again;
  GError *error = NULL;
  guint fds;

  make_vfio ();
  check_access ("03:00.0", MMIO_ACCESS_VFIO, "vfio");
  fds = count_fds ();
  capture = open_capture (capture_names[__i__], MMIO_ACCESS_AUTO);
  fail_unless_equals_string (mmio_capture_get_info (capture)->access, "vfio");

  for (guint i = 0; i < 2; i++) {
    g_autofree char *node = g_strdup_printf ("/dev/vfio/%u", 8 + i);

    set_command (&fakevfio_card, 0);
    fail_if (mmio_capture_check_present (capture));
    fail_unless_equals_int (find_fd ("/dev/vfio/"), -1);
    set_command (&fakevfio_card, 6);

    /* Another driver has it, then none; its files could be read */
    set_driver (&fakevfio_card, "bochs-drm");
    fail_unless (mmio_capture_reopen (capture, &error) == NULL);
    check_error (&error, MMIO_ERROR_BUSY,
        "0000:03:00.0 by vfio: it is bound to bochs-drm", NULL);
    fail_unless (unlink (driver) == 0);
    fail_unless (mmio_capture_reopen (capture, &error) == NULL);
    check_error (&error, MMIO_ERROR_BUSY, "0000:03:00.0", "vfio-pci", NULL);

    /* It gets another number, as it may */
    fail_unless (unlink (group) == 0);
    fakevfio_set_group (&fakevfio_card, node + strlen ("/dev/vfio/"));
    put_node (node);
    set_driver (&fakevfio_card, "vfio-pci");
    again = mmio_capture_reopen (capture, &error);
    fail_unless (again != NULL, "%s", error ? error->message : "");
    fail_unless_equals_string (mmio_capture_get_info (again)->access, "vfio");
    fail_unless (mmio_capture_check_present (again));
    fail_unless (find_fd (node) >= 0);
    mmio_capture_close (capture);
    capture = again;
  }
  mmio_capture_close (capture);
  fail_unless_equals_int (count_fds (), fds);
}

GST_END_TEST;

/* auto takes vfio only where that is how the device can be reached */
GST_START_TEST (test_auto)
{
  make_system ();
  check_access ("03:00.0", MMIO_ACCESS_AUTO, "sysfs");
  fakevfio_set_group (&fakevfio_card, "7");
  check_access ("03:00.0", MMIO_ACCESS_AUTO, "sysfs");
  set_driver (&fakevfio_card, "vfio-pci");
  check_access ("03:00.0", MMIO_ACCESS_AUTO, "sysfs");
  /* It is tried, and is no way */
  put_node ("/dev/vfio/vfio");
  put_node ("/dev/vfio/7");
  check_access ("03:00.0", MMIO_ACCESS_AUTO, "sysfs");
  check_access ("03:00.0", MMIO_ACCESS_SYSFS, "sysfs");
}

GST_END_TEST;

/* A group's node is the device in it that is bound to vfio-pci */
GST_START_TEST (test_group_path)
{
  make_system ();
  put_node ("/dev/vfio/7");
  fakevfio_set_group (&fakevfio_card, "7");
  fakevfio_set_group (&sound, "7");
  check_fails ("/dev/vfio/7", MMIO_ERROR_NOT_FOUND, "group 7: 0 of its devices "
      "are bound", "ls " IOMMU_GROUPS "/7/devices");

  set_driver (&fakevfio_card, "vfio-pci");
  check_fails ("/dev/vfio/7", MMIO_ERROR_NOT_FOUND, "/dev/vfio/vfio",
      "0000:03:00.0");
  check_access ("/dev/vfio/7", MMIO_ACCESS_SYSFS, "sysfs");

  set_driver (&sound, "vfio-pci");
  check_fails ("/dev/vfio/7", MMIO_ERROR_AMBIGUOUS, "group 7: 2 of its devices "
      "are bound", "address of one");

  /* No groups */
  check_fails ("/dev/vfio/vfio", MMIO_ERROR_NOT_FOUND, "/dev/vfio/vfio",
      "no such file");
  check_fails ("/dev/vfio/7a", MMIO_ERROR_NOT_FOUND, "/dev/vfio/7a",
      "no such file");
  check_fails ("/dev/vfio/8", MMIO_ERROR_NOT_FOUND,
      "group 8: 0 of its devices " "are bound", "ls");
}

GST_END_TEST;

static Suite *
vfio_suite (void)
{
  Suite *s = suite_create ("lib-vfio");
  TCase *tc = add_case (s, "vfio");

  tcase_add_test (tc, test_not_found);
  tcase_add_test (tc, test_no_iommu);
  tcase_add_test (tc, test_not_bound);
  tcase_add_test (tc, test_no_nodes);
  tcase_add_test (tc, test_busy);
  tcase_add_test (tc, test_not_permitted);
  tcase_add_test (tc, test_no_vfio);
  tcase_add_test (tc, test_requests);
  tcase_add_test (tc, test_not_viable);
  tcase_add_test (tc, test_map);
  tcase_add_test (tc, test_virtual);
  tcase_add_test (tc, test_map_errors);
  tcase_add_test (tc, test_export);
  tcase_add_test (tc, test_interrupts);
  tcase_add_test (tc, test_interrupt_in_child);
  tcase_add_test (tc, test_interrupt_errors);
  tcase_add_loop_test (tc, test_request, VFIO_PCI_INTX_IRQ_INDEX,
      VFIO_PCI_ERR_IRQ_INDEX + 1);
  tcase_add_test (tc, test_no_request);
  tcase_add_test (tc, test_kept);
  tcase_add_test (tc, test_not_inherited);
  tcase_add_loop_test (tc, test_reopen, 0, G_N_ELEMENTS (capture_names));
  tcase_add_test (tc, test_auto);
  tcase_add_test (tc, test_group_path);

  return s;
}

int
main (int argc, char **argv)
{
  return run_with_uevents (argc, argv, vfio_suite, "vfio", __FILE__);
}
