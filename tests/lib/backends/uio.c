/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The UIO back end, with a node that is a file of pages, and a kernel that
 * counts interrupts as it is told; the real one is for the guest.
 */
#include "fixtures/fakeuio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "backends/mmiouionode.h"
#include "capture/mmiocapture.h"
#include "capture/mmioliveness.h"
#include "describe/mmiodescribe.h"
#include "device/mmiobar.h"

#define CLASS FAKEUIO_CLASS
#define NODE FAKEUIO_NODE

DEFINE_FAILING_MMAP;

/* Why the configuration cannot be written, and attributes cannot be read any more: the
 * node's, and the PCI device's */
static int config_errnum, name_errnum, unplug_errnum;

ssize_t __real_read (int, void *, size_t);
ssize_t __wrap_read (int, void *, size_t);
ssize_t __real_write (int, const void *, size_t);
ssize_t __wrap_write (int, const void *, size_t);

ssize_t
__wrap_read (int fd, void *data, size_t size)
{
  gssize ret;

  return fakeuio_read (fd, data, size, &ret) ? ret :
      __real_read (fd, data, size);
}

ssize_t
__wrap_write (int fd, const void *data, size_t size)
{
  gssize ret;

  return fakeuio_write (fd, data, size, &ret) ? ret :
      __real_write (fd, data, size);
}

/* *INDENT-OFF* */
#define FAILING_PWRITE(pwrite) \
ssize_t __real_##pwrite (int, const void *, size_t, off_t); \
ssize_t __wrap_##pwrite (int, const void *, size_t, off_t); \
\
ssize_t \
__wrap_##pwrite (int fd, const void *data, size_t size, off_t offset) \
{ \
  errno = fakeuio_is_file (fd, "/config") ? config_errnum : 0; \
  return errno != 0 ? -1 : __real_##pwrite (fd, data, size, offset); \
}
FAILING_PWRITE (pwrite)
FAILING_PWRITE (pwrite64)
#define FAILING_PREAD(pread) \
ssize_t __real_##pread (int, void *, size_t, off_t); \
ssize_t __wrap_##pread (int, void *, size_t, off_t); \
\
ssize_t \
__wrap_##pread (int fd, void *data, size_t size, off_t offset) \
{ \
  errno = fakeuio_is_file (fd, "/uio0/name") ? name_errnum : \
      fakeuio_is_file (fd, "/config") ? unplug_errnum : 0; \
  return errno != 0 ? -1 : __real_##pread (fd, data, size, offset); \
}
FAILING_PREAD (pread)
FAILING_PREAD (pread64)
/* *INDENT-ON* */

/* The second BAR starts within a page, the third is left out, the fourth is no
 * memory, the fifth is mapped in part */
static const Device card = {
  "0000:03:00.0", 0xdead, 0xbeef, {
        {0xfd000000, 16384, MEMORY}, {0xfd004100, 256, MEMORY},
        {0xfc000000, 8192, MEMORY | PREFETCH}, {0xc000, 32, IO},
      {0xfd008000, 16384, MEMORY}}
};

/* One that has all that there is in its maps */
static const Device small = {
  "0000:03:00.1", 0xdead, 0xbee0, {{0xfd010000, 4096, MEMORY}}
};

/* What uio_pci_generic makes of it, in an order of its own */
static guint8 *
make_card (void)
{
  make_bus ();
  put_device (&card);
  put_device (&small);
  fakeuio_bind_device (&card, "uio_pci_generic");
  fakeuio_put_map (0, card.slot, 0xfd004000, 0x100, 4096);
  fakeuio_put_map (1, card.slot, 0xfd000000, 0, 16384);
  fakeuio_put_map (2, card.slot, 0xfd008000, 0, 8192);
  return fakeuio_make_node ();
}

static guint8 *
make_small (const char *driver)
{
  make_bus ();
  put_device (&small);
  fakeuio_bind_device (&small, driver);
  fakeuio_put_map (0, small.slot, 0xfd010000, 0, 4096);
  return fakeuio_make_node ();
}

static MmioRegion *
map (MmioDevice * device, gint bar, guint64 start, guint64 end,
    MmioMapping mapping, GError ** error)
{
  const MmioLayout picture = {.start = start,.end = end };

  return mmio_device_map (device, &bar, &picture, mapping, error);
}

static void
check_map (const char *text, MmioAccess access, gint bar, guint64 start,
    guint64 end, const guint8 * wanted)
{
  GError *error = NULL;
  MmioDevice *device = open_address (text, access, &error);
  const guint fds = count_fds ();
  MmioRegion *region;

  fail_unless (device != NULL, "%s", error ? error->message : "");
  region = map (device, bar, start, end, MMIO_MAPPING_AUTO, &error);
  fail_unless (region != NULL, "%s", error ? error->message : "");
  fail_unless_equals_int (mmio_region_get_mapping (region),
      MMIO_MAPPING_UNCACHED);
  fail_unless_equals_uint64 (mmio_region_get_length (region), end - start);

  /* It stays as long as its map does */
  mmio_device_unref (device);
  fail_unless (memcmp (mmio_region_get_data (region), wanted, end - start) ==
      0);
  fail_unless (fcntl (find_fd (NODE), F_GETFD) == FD_CLOEXEC);
  fail_unless_equals_int (fcntl (find_fd (NODE), F_GETFL) & O_ACCMODE,
      O_RDONLY);
  mmio_region_unref (region);
  /* The node has an attribute open, too, which ends with it */
  fail_unless_equals_int (count_fds (), fds - 2);
  fail_unless_equals_int (count_maps (NODE), 0);
}

static void
check_map_fails (MmioDevice * device, gint bar, guint64 end,
    MmioMapping mapping, MmioErrorCode code, const char *word,
    const char *other_word)
{
  GError *error = NULL;

  fail_unless (map (device, bar, 0, end, mapping, &error) == NULL);
  check_error (&error, code, word, other_word, NULL);
  fail_unless (map (device, bar, 0, end, mapping, NULL) == NULL);
  fail_unless_equals_int (count_maps (NODE), 0);
}

GST_START_TEST (test_map_numbers)
{
  g_autofree guint8 *memory = fakeuio_make_plain ();
  g_autoptr (MmioDevice) device = NULL;
  const gsize page = page_size ();

  device = open_address (NODE, MMIO_ACCESS_AUTO, NULL);
  fail_unless_equals_string (mmio_device_get_name (device),
      "UIO device camera");
  fail_unless_equals_string (mmio_device_get_address (device), NODE);
  fail_unless (mmio_device_get_slot (device) == NULL);
  fail_unless_equals_string (mmio_device_get_access_name (device), "uio");
  fail_unless_equals_uint64 (mmio_device_get_bar (device, 1)->size,
      4 * page - 0x40);
  g_clear_pointer (&device, mmio_device_unref);

  check_map (NODE, MMIO_ACCESS_AUTO, 0, 0, page, memory);
  check_map (NODE, MMIO_ACCESS_AUTO, 0, 3, page - 1, memory + 3);
  check_map (NODE, MMIO_ACCESS_AUTO, 1, 0, 5, memory + page + 0x40);
  /* Pages away from where the map begins */
  check_map (NODE, MMIO_ACCESS_AUTO, 1, 2 * page, 4 * page - 0x40,
      memory + 3 * page + 0x40);
  check_map (NODE, MMIO_ACCESS_UIO, 2, 0, 1, memory + 2 * page);
  /* The first that is large enough */
  check_map (NODE, MMIO_ACCESS_AUTO, -1, 0, page + 1, memory + page + 0x40);

  fail_unless (symlink ("uio0", "/dev/camera") == 0);
  check_map ("/dev/camera", MMIO_ACCESS_AUTO, 0, 0, page, memory);
}

GST_END_TEST;

/* A node has one access */
GST_START_TEST (test_node_access)
{
  static const MmioAccess others[] = { MMIO_ACCESS_SYSFS, MMIO_ACCESS_VFIO };
  g_autofree guint8 *memory = fakeuio_make_plain ();
  const guint fds = count_fds ();
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (others); i++) {
    fail_unless (open_address (NODE, others[i], &error) == NULL);
    check_error (&error, MMIO_ERROR_SETTINGS, "Cannot use access=",
        NODE " is a UIO device", "Leave access at auto", NULL);
  }
  fail_unless_equals_int (count_fds (), fds);
}

GST_END_TEST;

GST_START_TEST (test_map_names)
{
  g_autofree guint8 *memory = fakeuio_make_plain ();
  MmioSpec spec = test_spec ("RGB", 1, 1, 0, 0);
  g_autoptr (MmioDevice) device = NULL;
  GError *error = NULL;
  gint bar = -1;

  device = open_address (NODE ":frames", MMIO_ACCESS_AUTO, NULL);
  fail_unless_equals_int (mmio_device_get_fixed_bar (device), 1);
  fail_unless (mmio_describe (device, &bar, &spec, NULL, NULL));
  fail_unless_equals_int (bar, 1);
  bar = 0;
  fail_unless (!mmio_describe (device, &bar, &spec, NULL, &error));
  check_error (&error, MMIO_ERROR_SETTINGS, "names map 1 of " NODE, "Cannot "
      "use bar=0", NULL);
  g_clear_pointer (&device, mmio_device_unref);

  fail_unless (symlink ("uio0", "/dev/camera") == 0);
  device = open_address ("/dev/camera:registers", MMIO_ACCESS_AUTO, NULL);
  fail_unless_equals_int (mmio_device_get_fixed_bar (device), 0);

  check_open_fails (NODE ":spare", MMIO_ACCESS_AUTO, MMIO_ERROR_AMBIGUOUS,
      "Cannot use " NODE ": 2 of its maps are called spare",
      "2 (spare), 3 (spare)");
  check_open_fails (NODE ":frame", MMIO_ACCESS_AUTO, MMIO_ERROR_NOT_FOUND,
      "Cannot use " NODE ": 0 of its maps are called frame",
      "0 (registers), 1 (frames)");
  /* No nodes of UIO's */
  check_open_fails ("/dev/uio0x", MMIO_ACCESS_AUTO, MMIO_ERROR_NOT_FOUND,
      "Cannot open /dev/uio0x: there is no such file", "set device");
  check_open_fails ("/dev/shm/uio0:frames", MMIO_ACCESS_AUTO,
      MMIO_ERROR_NOT_FOUND, "Cannot open /dev/shm/uio0:frames: there is no "
      "such file", "set device");
}

GST_END_TEST;

/* A map that describes its picture is asked where somebody names it, and no
 * other: there may be registers that mind */
GST_START_TEST (test_header)
{
  /* From its version on: 10x5 pixels of 8 bits, 16 bytes a row, at byte 256 */
  static const guint32 header[] =
      { 1, 128, 2, 0x20203852, 10, 5, 16, 0, 1, 0, 256 };
  g_autofree guint8 *memory = fakeuio_make_plain ();
  guint8 *frames = memory + page_size () + 0x40;

  memcpy (frames, "mmiovid", 8);
  for (guint i = 0; i < G_N_ELEMENTS (header); i++)
    GST_WRITE_UINT32_LE (frames + 8 + 4 * i, header[i]);
  memset (frames + 52, 0, 76);
  fail_unless (g_file_set_contents (NODE, (char *) memory, 16 * page_size (),
          NULL));

  for (gint bar = -1; bar <= 1; bar++) {
    g_autoptr (MmioDevice) device = open_address (NODE, MMIO_ACCESS_AUTO, NULL);
    MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
    GError *error = NULL;
    gint found = bar;

    if (bar < 1) {
      fail_if (mmio_describe (device, &found, &spec, NULL, &error));
      check_error (&error, MMIO_ERROR_SETTINGS, "Cannot determine the size of "
          "the frame", NODE, NULL);
      continue;
    }
    fail_unless (mmio_describe (device, &found, &spec, NULL, &error), "%s",
        error ? error->message : "");
    fail_unless_equals_int (found, 1);
    fail_unless_equals_int (spec.width, 10);
    fail_unless_equals_int (spec.stride, 16);
    fail_unless_equals_uint64 (spec.offset, 256);
  }

  {
    g_autoptr (MmioDevice) device = open_address (NODE ":frames",
        MMIO_ACCESS_AUTO, NULL);
    MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
    gint found = -1;

    fail_unless (mmio_describe (device, &found, &spec, NULL, NULL));
    fail_unless_equals_int (found, 1);
    fail_unless_equals_int (spec.height, 5);
  }
  fail_unless_equals_int (count_maps (NODE), 0);
}

GST_END_TEST;

/* The page of a map may have other BARs behind its own */
GST_START_TEST (test_part_of_page)
{
  g_autofree guint8 *memory = make_card ();
  g_autoptr (MmioDevice) device = open_address (NODE, MMIO_ACCESS_AUTO, NULL);

  fail_unless_equals_uint64 (mmio_device_get_bar (device, 0)->size,
      card.bar[1].size);
  fail_unless_equals_uint64 (mmio_device_get_bar (device, 1)->size,
      card.bar[0].size);
  fail_unless_equals_uint64 (mmio_device_get_bar (device, 2)->size, 8192);
  check_map_fails (device, 0, card.bar[1].size + 1, MMIO_MAPPING_AUTO,
      MMIO_ERROR_SETTINGS, NODE, "256 bytes");
  check_map (NODE, MMIO_ACCESS_AUTO, 0, 3, card.bar[1].size,
      memory + 0x100 + 3);
}

GST_END_TEST;

GST_START_TEST (test_missing)
{
  g_autofree guint8 *memory = fakeuio_make_plain ();

  check_open_fails ("/dev/uio1", MMIO_ACCESS_AUTO, MMIO_ERROR_NOT_FOUND,
      "Cannot open /dev/uio1: there is no such UIO device",
      "ls -l /sys/class/uio");
  fail_unless (unlink (NODE) == 0);
  check_open_fails (NODE, MMIO_ACCESS_AUTO, MMIO_ERROR_NOT_FOUND,
      "Cannot open " NODE ": there is no such node",
      "docker run --device " NODE);
  fail_unless (symlink ("uio0", NODE) == 0);
  check_open_fails (NODE, MMIO_ACCESS_AUTO, MMIO_ERROR_FAILED,
      "Cannot open " NODE ";", "dmesg");
}

GST_END_TEST;

GST_START_TEST (test_not_permitted)
{
  g_autofree guint8 *memory = fakeuio_make_plain ();
  g_autoptr (MmioDevice) device = NULL;
  GError *error = NULL;

  if (seteuid (65534) < 0) {
    g_print ("SKIP: there is only root in this namespace; run this as root to "
        "see what others may not\n");
    return;
  }
  check_open_fails (NODE, MMIO_ACCESS_AUTO, MMIO_ERROR_NOT_PERMITTED,
      "Cannot read " NODE ": permission denied; allow it for the group video",
      "sudo chgrp video " NODE " && sudo chmod g+r " NODE);

  /* To read is enough for pictures, but not for interrupts */
  fail_unless (seteuid (0) == 0 && g_chmod (NODE, 0644) == 0 &&
      seteuid (65534) == 0);
  check_map (NODE, MMIO_ACCESS_AUTO, 0, 0, page_size (), memory);
  device = open_address (NODE, MMIO_ACCESS_AUTO, NULL);
  fail_unless_equals_int (mmio_device_open_interrupt (device, &error), -1);
  check_error (&error, MMIO_ERROR_NOT_PERMITTED,
      "Cannot read and write " NODE ", which enables the next interrupt: ",
      "sudo chgrp video " NODE " && sudo chmod g+rw " NODE, NULL);
  fail_unless (seteuid (0) == 0);
}

GST_END_TEST;

GST_START_TEST (test_map_errors)
{
  g_autofree guint8 *memory = fakeuio_make_plain ();
  g_autoptr (MmioDevice) device = open_address (NODE, MMIO_ACCESS_AUTO, NULL);
  const gsize page = page_size ();

  check_map_fails (device, 0, page, MMIO_MAPPING_WRITE_COMBINING,
      MMIO_ERROR_SETTINGS, "Cannot map " NODE " write-combining: UIO maps "
      "uncached only", "mapping to auto.");
  check_map_fails (device, 0, page + 1, MMIO_MAPPING_AUTO, MMIO_ERROR_SETTINGS,
      "map 0 of " NODE, "set another bar");
  check_map_fails (device, 4, page, MMIO_MAPPING_AUTO, MMIO_ERROR_NOT_FOUND,
      NODE " has no map 4; it has map 0", "map 3");
  check_map_fails (device, -1, 5 * page, MMIO_MAPPING_AUTO,
      MMIO_ERROR_SETTINGS, "no memory map of " NODE, "map 0");

  mmap_errnum = EINVAL;
  check_map_fails (device, 0, page, MMIO_MAPPING_AUTO, MMIO_ERROR_FAILED,
      "Cannot map map 0 of " NODE ";", "dmesg");
  fail_unless (g_rename (CLASS, "/sys/class/gone") == 0);
  check_map_fails (device, 0, page, MMIO_MAPPING_AUTO, MMIO_ERROR_NOT_FOUND,
      "Cannot map " NODE ": its driver was unbound",
      "start again when it is listed by: ls /sys/class/uio");
  mmap_errnum = 0;
}

GST_END_TEST;

GST_START_TEST (test_address)
{
  g_autofree guint8 *memory = make_card ();
  g_autoptr (MmioDevice) device = NULL;
  const gsize page = page_size ();

  check_map ("03:00.0", MMIO_ACCESS_UIO, 0, 4096, 16384, memory + page + 4096);
  check_map ("dead:beef", MMIO_ACCESS_UIO, 1, 1, 256, memory + 0x101);
  check_map ("03:00.0", MMIO_ACCESS_UIO, 4, 0, 8192, memory + 2 * page);

  device = open_address ("03:00.0", MMIO_ACCESS_UIO, NULL);
  fail_unless_equals_string (mmio_device_get_address (device), "0000:03:00.0");
  /* The size is the BAR's, not that of the pages */
  fail_unless_equals_uint64 (mmio_device_get_bar (device, 1)->size, 256);
  check_map_fails (device, 1, 257, MMIO_MAPPING_AUTO, MMIO_ERROR_SETTINGS,
      "BAR 1 of 0000:03:00.0 has only 256 bytes", "set another bar");
  check_map_fails (device, 2, 4096, MMIO_MAPPING_AUTO, MMIO_ERROR_NOT_FOUND,
      "Cannot map BAR 2 of 0000:03:00.0: uio_pci_generic has no map of it",
      "64-bit and prefetchable");
  check_map_fails (device, 3, 16, MMIO_MAPPING_AUTO, MMIO_ERROR_SETTINGS,
      "Cannot map BAR 3 of 0000:03:00.0: it is a range of I/O ports",
      "memory BAR");
  check_map_fails (device, 4, 8193, MMIO_MAPPING_AUTO, MMIO_ERROR_SETTINGS,
      "map 2 of " NODE " has only 8192 bytes", "access=sysfs");
  check_map_fails (device, 0, 4096, MMIO_MAPPING_WRITE_COMBINING,
      MMIO_ERROR_SETTINGS,
      "Cannot map 0000:03:00.0 write-combining: UIO maps " "uncached only",
      "use access=sysfs");
  put_config (&card, 0, 256);
  check_map_fails (device, 0, 4096, MMIO_MAPPING_AUTO, MMIO_ERROR_OFF,
      "Cannot read 0000:03:00.0: its memory decoding is off", "setpci");
}

GST_END_TEST;

#define PROBE "echo 0000:03:00.1 | sudo tee /sys/bus/pci/drivers_probe"

GST_START_TEST (test_not_bound)
{
  g_autofree guint8 *memory = make_card ();

  check_open_fails ("03:00.1", MMIO_ACCESS_UIO, MMIO_ERROR_BUSY,
      "Cannot open 0000:03:00.1 by UIO: it is bound to no driver",
      "/0000:03:00.1/driver_override; " PROBE);
  set_driver (&small, "bochs-drm");
  check_open_fails (DEVICES "/0000:03:00.1/resource0", MMIO_ACCESS_UIO,
      MMIO_ERROR_BUSY, "bound to bochs-drm", "echo 0000:03:00.1 | sudo tee "
      DEVICES "/0000:03:00.1/driver/unbind; " PROBE);
}

GST_END_TEST;

/* Taken where it has all that sysfs has */
GST_START_TEST (test_auto)
{
  g_autofree guint8 *memory = make_small ("uio_pci_generic");
  g_auto (MmioAddress) address = { 0, };
  g_auto (MmioPciInfo) info = {.name = NULL };
  gboolean has_all;

  check_access ("03:00.1", MMIO_ACCESS_AUTO, "uio");
  check_access ("03:00.1", MMIO_ACCESS_SYSFS, "sysfs");
  check_access (DEVICES "/0000:03:00.1/resource0", MMIO_ACCESS_AUTO, "sysfs");
  fakeuio_put_map (0, small.slot, 0xfd010000, 0, 2048);
  check_access ("03:00.1", MMIO_ACCESS_AUTO, "sysfs");
  fakeuio_put_map (0, small.slot, 0xfd011000, 0, 4096);
  check_access ("03:00.1", MMIO_ACCESS_AUTO, "sysfs");
  fakeuio_put_map (0, small.slot, 0xfd010000, 0, 4096);
  check_access ("03:00.1", MMIO_ACCESS_AUTO, "uio");

  fail_unless (mmio_address_parse (&address, "03:00.1", NULL));
  fail_unless (mmio_pci_find (&address, &info, NULL));
  fail_unless_equals_int (mmio_uio_has_all (DEVICES, &info, &has_all), 0);
  fail_unless (has_all);
  fail_unless (unlink (NODE) == 0);
  fail_unless_equals_int (mmio_uio_has_all (DEVICES, &info, &has_all), 0);
  fail_if (has_all);
  check_access ("03:00.1", MMIO_ACCESS_AUTO, "sysfs");
}

GST_END_TEST;

/* A BAR that sysfs could map write-combining is better there */
GST_START_TEST (test_auto_prefetchable)
{
  g_autofree guint8 *memory = make_card ();

  fakeuio_put_map (3, card.slot, 0xfc000000, 0, 8192);
  fakeuio_put_map (2, card.slot, 0xfd008000, 0, 16384);
  check_access ("03:00.0", MMIO_ACCESS_AUTO, "sysfs");
}

GST_END_TEST;

static void
check_takes (MmioDevice * device, guint wanted)
{
  guint count = 12345;

  fail_unless (mmio_device_take_interrupts (device, &count));
  fail_unless_equals_int (count, wanted);
}

static MmioDevice *
open_interrupt (const char *text, MmioAccess access)
{
  GError *error = NULL;
  MmioDevice *device = open_address (text, access, &error);
  int fd;

  fail_unless (device != NULL, "%s", error ? error->message : "");
  fd = mmio_device_open_interrupt (device, &error);
  fail_unless (fd >= 0, "%s", error ? error->message : "");
  fail_unless (fakeuio_is_file (fd, NODE));
  fail_unless (fcntl (fd, F_GETFD) == FD_CLOEXEC);
  fail_unless_equals_int (mmio_device_open_interrupt (device, NULL), fd);
  return device;
}

static void
check_interrupt_fails (const char *text, MmioAccess access, MmioErrorCode code,
    const char *word, const char *other_word)
{
  g_autoptr (MmioDevice) device = open_address (text, access, NULL);
  const guint fds = count_fds ();
  GError *error = NULL;
  guint count;

  fail_unless_equals_int (mmio_device_open_interrupt (device, &error), -1);
  check_error (&error, code, word, other_word, NULL);
  fail_unless_equals_int (mmio_device_open_interrupt (device, NULL), -1);
  fail_unless (!mmio_device_take_interrupts (device, &count));
  fail_unless_equals_int (count_fds (), fds);
}

/* A driver that has a function to let them come */
GST_START_TEST (test_interrupts)
{
  g_autofree guint8 *memory = fakeuio_make_plain ();
  const guint fds = count_fds ();
  MmioDevice *device;

  /* Nothing has come since the node was opened: begin with what the kernel
   * says */
  fakeuio.count = fakeuio.seen = 5;
  fakeuio_put_attribute ("event", "5");
  device = open_interrupt (NODE, MMIO_ACCESS_AUTO);
  fail_unless_equals_int (fakeuio.n_controls, 1);
  fakeuio.count = 6;
  check_takes (device, 1);
  fail_unless_equals_int (fakeuio.n_controls, 2);
  fakeuio.count = 10;
  check_takes (device, 4);
  fail_unless_equals_int (fakeuio.n_controls, 3);
  /* Somebody else who had it open may have silenced it when he went */
  check_takes (device, 0);
  fail_unless_equals_int (fakeuio.n_controls, 4);
  fail_unless_equals_int (fakeuio.n_silenced, 0);
  mmio_device_unref (device);
  fail_unless_equals_int (fakeuio.n_silenced, 1);

  /* Some have come between: they are not counted */
  fakeuio.seen = 8;
  fakeuio_put_attribute ("event", "8");
  device = open_interrupt (NODE, MMIO_ACCESS_AUTO);
  check_takes (device, 0);
  /* It counts on and wraps around */
  fakeuio.count = G_MAXINT32 - 1;
  check_takes (device, G_MAXINT32 - 11);
  fakeuio.count = G_MININT32 + 1;
  check_takes (device, 3);
  fakeuio.count = -1;
  check_takes (device, G_MAXINT32 - 1);
  fakeuio.count = 1;
  check_takes (device, 2);
  mmio_device_unref (device);
  fail_unless_equals_int (count_fds (), fds);

  /* A driver that needs no function */
  fakeuio.control_errnum = ENOSYS;
  fakeuio_put_attribute ("event", "1");
  device = open_interrupt (NODE, MMIO_ACCESS_AUTO);
  fakeuio.count = 3;
  check_takes (device, 2);
  mmio_device_unref (device);
}

GST_END_TEST;

/* It goes quiet with whoever wants it, and not with the last one who holds a map:
 * a sink may show a picture for long */
GST_START_TEST (test_close_interrupt)
{
  g_autofree guint8 *memory = fakeuio_make_plain ();
  MmioDevice *device = open_interrupt (NODE, MMIO_ACCESS_AUTO);
  const guint fds = count_fds ();
  MmioRegion *region = map (device, 0, 0, 16, MMIO_MAPPING_AUTO, NULL);
  guint count;

  fail_unless (region != NULL);
  mmio_device_close_interrupt (device);
  fail_unless_equals_int (fakeuio.n_silenced, 1);
  fail_unless_equals_int (count_fds (), fds - 1);
  fail_unless (!mmio_device_take_interrupts (device, &count));
  fail_unless (mmio_device_open_interrupt (device, NULL) >= 0);
  fail_unless_equals_int (fakeuio.n_controls, 2);
  fakeuio.count++;
  check_takes (device, 1);
  mmio_device_close_interrupt (device);
  mmio_device_unref (device);
  mmio_region_unref (region);
  fail_unless_equals_int (fakeuio.n_silenced, 2);
  /* The node, its attribute and the interrupt */
  fail_unless_equals_int (count_fds (), fds - 3);
}

GST_END_TEST;

/* The driver is unbound under a capture: it says so, in words for the user */
GST_START_TEST (test_gone)
{
  g_autofree guint8 *memory = fakeuio_make_plain ();
  const MmioCaptureConfig config = {.device = NODE,.bar = -1,
    .spec = test_spec ("RGB", 16, 8, 0, 0),
    .frame_sync = MMIO_FRAME_SYNC_INTERRUPT
  };
  MmioCapture *capture;
  GError *error = NULL;
  MmioCount frame;

  capture = mmio_capture_open (&config, &error);
  fail_unless (capture != NULL, "%s", error ? error->message : "");
  fakeuio.count = 3;
  fail_unless_equals_int (mmio_capture_wait (capture,
          g_get_monotonic_time () + HANG, &frame), MMIO_WAIT_FRAME);
  fail_unless_equals_uint64 (frame.steps, 3);
  fakeuio.has_no_interrupt = TRUE;
  fail_unless_equals_int (mmio_capture_wait (capture,
          g_get_monotonic_time () + HANG, &frame), MMIO_WAIT_GONE);
  fail_unless (mmio_capture_get_removal (capture) != NULL);
  error = g_error_copy (mmio_capture_get_removal (capture));
  check_error (&error, MMIO_ERROR_GONE, "Cannot read " NODE ": it was "
      "unplugged or its driver was unbound",
      "start again when it is listed by: ls /sys/class/uio", NULL);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* What is known of it until @word is why it has gone, as long as it is asked */
static void
check_goes (const char *text, MmioAccess access, int *errnum, const char *word,
    const char *other_word)
{
  MmioDevice *device = open_address (text, access, NULL);
  MmioRegion *region = map (device, 0, 5, 1000, MMIO_MAPPING_AUTO, NULL);
  MmioLiveness *presence;
  GError *error = NULL;

  fail_unless (region != NULL);
  fail_unless (mmio_device_check (device, 0, &error), "%s",
      error ? error->message : "");
  presence = mmio_liveness_new (device, 0);
  fail_unless (mmio_liveness_check (presence));

  *errnum = ENODEV;
  fail_if (mmio_device_check (device, 0, &error));
  check_error (&error, MMIO_ERROR_GONE, word, other_word, NULL);
  /* That was a question, and nothing else */
  *errnum = 0;
  fail_unless (mmio_liveness_check (presence));
  fail_unless_equals_int (count_maps (NODE), 1);

  *errnum = ENODEV;
  fail_if (mmio_liveness_check (presence));
  fail_unless_equals_int (count_maps (NODE), 0);
  fail_unless_all (mmio_region_get_data (region), 995, 0);
  *errnum = 0;
  fail_if (mmio_liveness_check (presence));
  error = g_error_copy (mmio_liveness_get_removal (presence));
  check_error (&error, MMIO_ERROR_GONE, word, other_word, NULL);

  mmio_liveness_unref (presence);
  mmio_region_unref (region);
  mmio_device_unref (device);
}

/* The node goes, whatever there is under its name then */
GST_START_TEST (test_node_goes)
{
  g_autofree guint8 *memory = fakeuio_make_plain ();
  guint fds;

  mmio_device_unref (open_address (NODE, MMIO_ACCESS_AUTO, NULL));
  fds = count_fds ();
  check_goes (NODE, MMIO_ACCESS_AUTO, &name_errnum, "Cannot read " NODE ": it "
      "was unplugged or its driver was unbound", "ls /sys/class/uio");
  check_goes (NODE ":registers", MMIO_ACCESS_AUTO, &name_errnum,
      "Cannot read " NODE ": it was unplugged or its driver was unbound",
      "ls /sys/class/uio");
  fail_unless_equals_int (count_fds (), fds);
}

GST_END_TEST;

/* Where a PCI device is behind it, that as well */
GST_START_TEST (test_unplugged)
{
  g_autofree guint8 *memory = make_small ("uio_pci_generic");
  g_autoptr (MmioDevice) device = NULL;
  GError *error = NULL;
  guint fds;

  mmio_device_unref (open_address (NODE, MMIO_ACCESS_AUTO, NULL));
  mmio_device_unref (open_address ("03:00.1", MMIO_ACCESS_UIO, NULL));
  fds = count_fds ();
  check_goes (NODE, MMIO_ACCESS_AUTO, &unplug_errnum,
      "Cannot read 0000:03:00.1: it was unplugged", "rescan");
  check_goes (NODE, MMIO_ACCESS_AUTO, &name_errnum, "Cannot read " NODE ": it "
      "was unplugged or its driver was unbound", "ls /sys/class/uio");
  check_goes ("03:00.1", MMIO_ACCESS_UIO, &unplug_errnum,
      "Cannot read 0000:03:00.1: it was unplugged", "rescan");
  fail_unless_equals_int (count_fds (), fds);

  /* Or does not answer any more */
  device = open_address (NODE, MMIO_ACCESS_AUTO, NULL);
  fail_unless_equals_string (mmio_device_get_slot (device), "0000:03:00.1");
  fail_unless (mmio_device_check (device, 0, NULL));
  set_command (&small, 0x0001);
  fail_if (mmio_device_check (device, 0, &error));
  check_error (&error, MMIO_ERROR_GONE,
      "Cannot read 0000:03:00.1: its memory decoding was switched off",
      "setpci", NULL);
}

GST_END_TEST;

/* Programs that are started meanwhile, and children */
GST_START_TEST (test_not_inherited)
{
  g_autofree guint8 *memory = make_small ("uio_pci_generic");
  g_autoptr (MmioDevice) device = NULL;
  MmioRegion *region;

  /* Let on by the configuration, which is open for that, and to look at it */
  fakeuio.control_errnum = ENOSYS;
  device = open_address (NODE, MMIO_ACCESS_AUTO, NULL);
  region = map (device, 0, 5, 1000, MMIO_MAPPING_AUTO, NULL);
  fail_unless (mmio_device_check (device, 0, NULL));
  fail_unless (mmio_device_open_interrupt (device, NULL) >= 0);
  fail_unless_equals_int (count_fds_of (NODE), 2);
  fail_unless_equals_int (count_fds_of ("/config"), 2);

  check_not_inherited (NODE);
  check_not_inherited ("/config");
  check_not_inherited ("/uio0/name");
  fail_unless_equals_int (count_maps (NODE), 1);
  fail_unless_equals_int (count_maps_of_child (NODE), 0);
  mmio_region_unref (region);
}

GST_END_TEST;

GST_START_TEST (test_interrupt_errors)
{
  g_autofree guint8 *memory = fakeuio_make_plain ();
  g_autoptr (MmioDevice) device = NULL;
  guint count;

  fakeuio.has_no_interrupt = TRUE;
  check_interrupt_fails (NODE, MMIO_ACCESS_AUTO, MMIO_ERROR_SETTINGS,
      "Cannot wait for interrupts of " NODE ": it has none",
      "use frame-sync=counter or clock");
  fakeuio.has_no_interrupt = FALSE;
  fakeuio.control_errnum = EIO;
  check_interrupt_fails (NODE, MMIO_ACCESS_AUTO, MMIO_ERROR_FAILED,
      "Cannot enable interrupts of " NODE, "dmesg");
  fakeuio.control_errnum = 0;

  device = open_interrupt (NODE, MMIO_ACCESS_AUTO);
  fakeuio.count++;
  fakeuio.control_errnum = EIO;
  fail_unless (!mmio_device_take_interrupts (device, &count));
  /* Unbound: read() says so */
  fakeuio.control_errnum = 0;
  check_takes (device, 0);
  fakeuio.has_no_interrupt = TRUE;
  fail_unless (!mmio_device_take_interrupts (device, &count));

  fail_unless (unlink (NODE) == 0);
  check_interrupt_fails ("sim", MMIO_ACCESS_AUTO, MMIO_ERROR_SETTINGS,
      "Cannot wait for interrupts of sim: it has none",
      "use frame-sync=counter or clock");
}

GST_END_TEST;

/* Into the file that may be open */
static void
put_command (guint16 command)
{
  g_autofree char *path = device_file (small.slot, "config");
  const guint8 bytes[] = { command & 0xff, command >> 8 };
  int fd = open (path, O_WRONLY | O_CLOEXEC);

  fail_unless (fd >= 0 && pwrite (fd, bytes, 2, 4) == 2);
  close (fd);
}

static guint16
get_command (void)
{
  g_autofree char *path = device_file (small.slot, "config");
  g_autofree char *config = NULL;

  fail_unless (g_file_get_contents (path, &config, NULL, NULL));
  return GST_READ_UINT16_LE (config + 4);
}

/* uio_pci_generic has none, and wants the bit cleared that it has set */
GST_START_TEST (test_interrupts_generic)
{
  g_autofree guint8 *memory = make_small ("uio_pci_generic");
  const char *const names[] = { "03:00.1", NODE };

  fakeuio.control_errnum = ENOSYS;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (MmioDevice) device = NULL;

    fakeuio.count = fakeuio.seen = 0;
    put_command (0x0506);
    device = open_interrupt (names[i], MMIO_ACCESS_AUTO);
    fail_unless_equals_string (mmio_device_get_access_name (device), "uio");
    fail_unless_equals_int (get_command (), 0x0106);
    put_command (0x0502);
    check_takes (device, 0);
    fail_unless_equals_int (get_command (), 0x0502);
    fakeuio.count++;
    check_takes (device, 1);
    fail_unless_equals_int (get_command (), 0x0102);
    config_errnum = EIO;
    fakeuio.count++;
    fail_unless (!mmio_device_take_interrupts (device, &(guint) {
            0}
        ));
    config_errnum = 0;
  }

  config_errnum = EPERM;
  check_interrupt_fails (NODE, MMIO_ACCESS_AUTO, MMIO_ERROR_NOT_PERMITTED,
      "the kernel is locked down", "interrupts of 0000:03:00.1");
  config_errnum = EIO;
  check_interrupt_fails (NODE, MMIO_ACCESS_AUTO, MMIO_ERROR_FAILED,
      DEVICES "/0000:03:00.1/config", "lspci -D");
  config_errnum = 0;
  fail_unless (g_chmod (NODE, 0666) == 0);
  if (seteuid (65534) < 0) {
    g_print ("SKIP: there is only root in this namespace; run this as root to "
        "see what others may not\n");
    return;
  }
  check_interrupt_fails (NODE, MMIO_ACCESS_AUTO, MMIO_ERROR_NOT_PERMITTED,
      "Cannot read and write " DEVICES "/0000:03:00.1/config, where",
      "sudo chgrp video " DEVICES "/0000:03:00.1/config && sudo chmod g+rw "
      DEVICES "/0000:03:00.1/config");
  fail_unless (seteuid (0) == 0);
}

GST_END_TEST;

static Suite *
uio_suite (void)
{
  Suite *s = suite_create ("lib-uio");
  TCase *tc = add_case (s, "uio");

  tcase_add_test (tc, test_map_numbers);
  tcase_add_test (tc, test_node_access);
  tcase_add_test (tc, test_map_names);
  tcase_add_test (tc, test_header);
  tcase_add_test (tc, test_part_of_page);
  tcase_add_test (tc, test_missing);
  tcase_add_test (tc, test_not_permitted);
  tcase_add_test (tc, test_map_errors);
  tcase_add_test (tc, test_address);
  tcase_add_test (tc, test_not_bound);
  tcase_add_test (tc, test_auto);
  tcase_add_test (tc, test_auto_prefetchable);
  tcase_add_test (tc, test_interrupts);
  tcase_add_test (tc, test_close_interrupt);
  tcase_add_test (tc, test_gone);
  tcase_add_test (tc, test_node_goes);
  tcase_add_test (tc, test_unplugged);
  tcase_add_test (tc, test_not_inherited);
  tcase_add_test (tc, test_interrupt_errors);
  tcase_add_test (tc, test_interrupts_generic);

  return s;
}

int
main (int argc, char **argv)
{
  return run_on_bus (argc, argv, uio_suite, "uio", __FILE__);
}
