/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sysfs back end on a bus that does not exist.  Each check runs in a mount
 * namespace of its own with an empty /sys, so that no device of this machine
 * can be reached, and puts there what it wants to find: the files of devices,
 * with memory for BARs.
 */
#include "backends/mmioopen.h"
#include "backends/mmiobackends.h"
#include "base/mmiocpu.h"
#include "capture/mmiocapture.h"
#include "describe/mmiodescribe.h"
#include "device/mmiobar.h"
#include "fixtures/bus.h"

#include <errno.h>
#include <fcntl.h>
#include <pciaccess.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>


/* --- To find a device ----------------------------------------------------- */

static MmioDevice *
open_text (const char *text, GError ** error)
{
  g_auto (MmioAddress) address = { 0, };

  fail_unless (mmio_address_parse (&address, text, NULL), "%s", text);
  return mmio_device_open (&address, MMIO_ACCESS_AUTO, error);
}

static void
check_found (const char *text, const char *slot)
{
  GError *error = NULL;
  g_autoptr (MmioDevice) device = open_text (text, &error);

  fail_unless (device != NULL, "%s", error ? error->message : "");
  fail_unless_equals_string (mmio_device_get_address (device), slot);
  fail_unless_equals_string (mmio_device_get_access_name (device), "sysfs");
}

static void
check_not_found (const char *text, MmioErrorCode code, const char *word,
    const char *other_word)
{
  const guint fds = count_fds ();
  GError *error = NULL;

  fail_unless (open_text (text, &error) == NULL, "%s", text);
  check_error (&error, code, word, other_word, NULL);
  fail_unless_equals_int (count_fds (), fds);
}

#define CARD(slot, vendor, device) { slot, vendor, device, \
    {{ 0xfd000000, 4096, MEMORY }} }

/* Not in the order in which they are looked at */
static const Device many[] = {
  CARD ("0000:03:00.1", 0xdead, 0xbeef),
  CARD ("0000:02:1f.0", 0xdead, 0xbeef),
  CARD ("0000:03:00.0", 0xdead, 0xbeef),
  CARD ("0001:00:00.0", 0xdead, 0xbeef),
  CARD ("0000:03:01.0", 0xdead, 0xbeef),
  CARD ("0000:00:07.7", 0xdead, 0xbee0),
  CARD ("0000:00:08.0", 0xdea0, 0xbeef),
};

static void
put_many (void)
{
  make_bus ();
  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    put_device (&many[i]);
}

GST_START_TEST (test_find)
{
  put_many ();

  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    check_found (many[i].slot, many[i].slot);
  check_found ("03:00.1", "0000:03:00.1");
  check_found ("2:1f.0", "0000:02:1f.0");
  check_found ("1:0:0.0", "0001:00:00.0");

  check_found ("dead:bee0", "0000:00:07.7");
  check_found ("DEAD:BEE0@0", "0000:00:07.7");
  check_found ("dea0:beef", "0000:00:08.0");

  /* They are counted in the order of their addresses */
  check_found ("dead:beef@0", "0000:02:1f.0");
  check_found ("dead:beef@1", "0000:03:00.0");
  check_found ("dead:beef@2", "0000:03:00.1");
  check_found ("dead:beef@3", "0000:03:01.0");
  check_found ("dead:beef@4", "0001:00:00.0");

  check_not_found ("dead:beef", MMIO_ERROR_AMBIGUOUS, "5 devices have "
      "the ID dead:beef",
      "dead:beef@0 is 0000:02:1f.0, dead:beef@1 is 0000:03:00.0, "
      "dead:beef@2 is 0000:03:00.1, dead:beef@3 is 0000:03:01.0, dead:beef@4 "
      "is 0001:00:00.0.");
  check_not_found ("dead:beef@5", MMIO_ERROR_NOT_FOUND,
      "PCI device dead:beef@5: devices with this ID are counted from 0",
      "dead:beef@4 is 0001:00:00.0.");
  check_not_found ("dead:bee0@1", MMIO_ERROR_NOT_FOUND, "dead:bee0@1",
      "these: dead:bee0@0 is 0000:00:07.7.");
  check_not_found ("dead:bee1", MMIO_ERROR_NOT_FOUND,
      "Cannot find PCI device dead:bee1;", "lspci -Dnn");
  check_not_found ("03:00.2", MMIO_ERROR_NOT_FOUND,
      "Cannot find PCI device 0000:03:00.2;", "lspci -Dnn");
  check_not_found ("0002:00:00.0", MMIO_ERROR_NOT_FOUND,
      "Cannot find PCI device 0002:00:00.0;", "lspci -Dnn");
}

GST_END_TEST;

/* The domains of Intel's VMD have five digits; they come last */
GST_START_TEST (test_long_domain)
{
  static const Device long_one = CARD ("10000:e1:00.0", 0xdead, 0xbeef);
  static const Device short_one = CARD ("ffff:e1:00.0", 0xdead, 0xbeef);

  make_bus ();
  put_device (&long_one);
  check_found ("10000:e1:00.0", "10000:e1:00.0");
  check_found ("dead:beef", "10000:e1:00.0");
  put_device (&short_one);
  check_found ("dead:beef@0", "ffff:e1:00.0");
  check_found ("dead:beef@1", "10000:e1:00.0");
}

GST_END_TEST;

/* Plugged in while we run */
GST_START_TEST (test_found_later)
{
  make_bus ();
  check_not_found ("03:00.1", MMIO_ERROR_NOT_FOUND, "0000:03:00.1", "lspci");
  put_device (&many[0]);
  check_found ("03:00.1", "0000:03:00.1");
}

GST_END_TEST;

static void
remove_device (const char *slot)
{
  g_autofree char *link = g_build_filename (DEVICES, slot, NULL);

  fail_unless (unlink (link) == 0);
}

/* Unplugged, and another one plugged in instead */
GST_START_TEST (test_found_no_more)
{
  static const Device others[] = {
    CARD ("0000:03:00.1", 0xdead, 0xbee0),
    CARD ("0000:03:00.1", 0xdead, 0xbee1),
    CARD ("0000:03:00.1", 0xdeae, 0xbee1),
  };

  make_bus ();
  put_device (&many[0]);
  put_device (&many[1]);
  check_found ("dead:beef@1", "0000:03:00.1");
  remove_device ("0000:03:00.1");
  check_not_found ("03:00.1", MMIO_ERROR_NOT_FOUND, "0000:03:00.1", "lspci");
  check_found ("dead:beef", "0000:02:1f.0");
  put_device (&others[0]);
  check_found ("dead:beef", "0000:02:1f.0");
  check_found ("dead:bee0", "0000:03:00.1");

  /* While nobody looked */
  remove_device ("0000:03:00.1");
  put_device (&others[1]);
  check_found ("dead:bee1", "0000:03:00.1");
  remove_device ("0000:03:00.1");
  put_device (&others[2]);
  check_found ("deae:bee1", "0000:03:00.1");
}

GST_END_TEST;

/* libpciaccess has one list of devices for the whole process.  What the
 * application holds of it stays as it is, and what changes on the bus is found
 * although that list does not have it. */
GST_START_TEST (test_shared_list)
{
  struct pci_device *device;

  make_bus ();
  put_device (&many[0]);
  fail_unless (pci_system_init () == 0);
  device = pci_device_find_by_slot (0, 3, 0, 1);
  fail_unless (device != NULL);

  check_found ("03:00.1", "0000:03:00.1");
  check_found ("dead:beef", "0000:03:00.1");
  check_not_found ("03:00.2", MMIO_ERROR_NOT_FOUND, "0000:03:00.2", "lspci");
  fail_unless (pci_device_find_by_slot (0, 3, 0, 1) == device);

  put_device (&many[1]);
  check_found ("dead:beef@0", "0000:02:1f.0");
  remove_device ("0000:03:00.1");
  check_found ("dead:beef", "0000:02:1f.0");
  fail_unless (pci_device_find_by_slot (0, 3, 0, 1) == device);
  fail_unless_equals_int (device->vendor_id, 0xdead);
  fail_unless_equals_int (device->device_id, 0xbeef);
  pci_system_cleanup ();
}

GST_END_TEST;

GST_START_TEST (test_no_bus)
{
  fail_unless (enter_namespace ());
  check_not_found ("03:00.1", MMIO_ERROR_NOT_FOUND, "no PCI bus", "device=sim");
}

GST_END_TEST;

static void
check_name (const char *text, const char *wanted)
{
  g_autoptr (MmioDevice) device = open_text (text, NULL);

  fail_unless (device != NULL);
  fail_unless_equals_string (mmio_device_get_name (device), wanted);
}

static const Device shared_memory = CARD ("0000:04:00.0", 0x1af4, 0x1110);

GST_START_TEST (test_name)
{
  put_many ();
  put_device (&shared_memory);
  put_pci_names ("1af4  Red Hat, Inc.\n\t1110  Inter-VM shared memory\n"
      "dead  Indigita Corporation\n");
  check_name ("1af4:1110", "Red Hat, Inc. Inter-VM shared memory [1af4:1110]");
  check_name ("dead:bee0", "Indigita Corporation device [dead:bee0]");
  check_name ("dea0:beef", "PCI device [dea0:beef]");
}

GST_END_TEST;

/* A system without pci.ids */
GST_START_TEST (test_no_name)
{
  put_many ();
  put_device (&shared_memory);
  check_name ("1af4:1110", "PCI device [1af4:1110]");
  check_name ("dead:bee0", "PCI device [dead:bee0]");
}

GST_END_TEST;

/* A device that cannot even say what it is */
GST_START_TEST (test_no_config)
{
  g_autofree char *path = device_file ("0000:03:00.1", "config");

  make_bus ();
  put_device (&many[0]);
  fail_unless (g_remove (path) == 0);
  check_not_found ("03:00.1", MMIO_ERROR_FAILED,
      "Cannot read the configuration of 0000:03:00.1: it is incomplete",
      "lspci -D");
}

GST_END_TEST;

/* --- Its BARs ------------------------------------------------------------- */

static const Device card = {
  "0000:03:00.0", 0xdead, 0xbeef, {
        {0xfd000000, 8192, MEMORY},
        {0xc000, 256, IO},
        /* Smaller than a page, and not at the start of one */
        {0xfd002180, 128, MEMORY},
        {0, 0, 0},
        /* As large as a graphics card's, which nobody maps as a whole */
        {G_GUINT64_CONSTANT (0x383800000000), 1 << 30, MEMORY | PREFETCH},
        {0xfd003000, 4096, MEMORY},
      }
};

#define CARD_BARS "BAR 0 (8192 bytes), BAR 1 (I/O ports, 256 bytes), BAR 2 " \
    "(128 bytes), BAR 4 (1073741824 bytes), BAR 5 (4096 bytes)"

static MmioRegion *
map_gray_as (const char *text, gint bar, guint64 offset, guint width,
    MmioMapping wanted, GError ** error)
{
  const MmioLayout picture = test_picture ("GRAY8", width, 1, offset, 0);
  g_autoptr (MmioDevice) device = open_text (text, error);
  MmioSpec spec = test_spec ("GRAY8", width, 1, offset, 0);

  if (!device || !mmio_describe (device, &bar, &spec, NULL, error))
    return NULL;

  return mmio_device_map (device, &bar, &picture, wanted, error);
}

static MmioRegion *
map_gray (const char *text, gint bar, guint64 offset, guint width,
    GError ** error)
{
  return map_gray_as (text, bar, offset, width, MMIO_MAPPING_AUTO, error);
}

static void
check_mapped (const char *text, gint bar, guint bar_wanted, guint64 offset,
    guint width)
{
  g_autofree guint8 *wanted = g_malloc (offset + width);
  g_autofree char *name = g_strdup_printf ("resource%u", bar_wanted);
  g_autofree char *permissions = NULL;
  GError *error = NULL;
  MmioRegion *region;
  guint fds;

  check_found (text, "0000:03:00.0");
  fds = count_fds ();
  region = map_gray (text, bar, offset, width, &error);
  fail_unless (region != NULL, "%s", error ? error->message : "");
  fail_unless_equals_uint64 (mmio_region_get_length (region), width);
  fill_random (wanted, offset + width, bar_wanted);
  fail_unless (memcmp (mmio_region_get_data (region), wanted + offset,
          width) == 0, "BAR %u from %" G_GUINT64_FORMAT " on", bar_wanted,
      offset);

  permissions = get_map_permissions (name);
  fail_unless_equals_string (permissions, "r--s");
  fail_unless_equals_int (count_maps (HOST_BRIDGE), 1);
  fail_unless_equals_int (count_maps_of_child (HOST_BRIDGE), 0);
  /* What tells whether it is still the same, and awake */
  fail_unless (count_fds () <= fds + 2);
  mmio_region_unref (region);
  fail_unless_equals_int (count_fds (), fds);
  fail_unless_equals_int (count_maps (HOST_BRIDGE), 0);
}

GST_START_TEST (test_map)
{
  make_bus ();
  put_device (&card);

  check_mapped ("03:00.0", -1, 0, 0, 8192);
  check_mapped ("03:00.0", -1, 0, 4099, 100);
  check_mapped ("03:00.0", 0, 0, 8191, 1);
  check_mapped ("03:00.0", 2, 2, 0, 128);
  check_mapped ("03:00.0", 2, 2, 127, 1);
  check_mapped ("03:00.0", 5, 5, 1, 4095);
  check_mapped ("dead:beef", 5, 5, 0, 4096);
}

GST_END_TEST;

static void
check_map_fails (const char *text, gint bar, guint64 offset, guint width,
    MmioErrorCode code, int errnum, const char *word, const char *other_word)
{
  GError *error = NULL;
  const char *system;
  guint fds;

  check_found (text, "0000:03:00.0");
  fds = count_fds ();
  fail_unless (map_gray (text, bar, offset, width, &error) == NULL);
  system = mmio_error_get_system (error);
  fail_unless (errnum ? system && strstr (system, g_strerror (errnum)) :
      system == NULL, "%s: %s", error->message, system);
  check_error (&error, code, "0000:03:00.0", word, other_word, NULL);
  fail_unless (map_gray (text, bar, offset, width, NULL) == NULL);
  fail_unless_equals_int (count_fds (), fds);
  fail_unless_equals_int (count_maps (HOST_BRIDGE), 0);
}

GST_START_TEST (test_no_such_bar)
{
  make_bus ();
  put_device (&card);

  check_map_fails ("03:00.0", 1, 0, 1, MMIO_ERROR_SETTINGS, 0, "I/O ports",
      CARD_BARS);
  check_map_fails ("03:00.0", 3, 0, 1, MMIO_ERROR_NOT_FOUND, 0, "no BAR 3",
      CARD_BARS);
  check_map_fails ("03:00.0", 2, 0, 129, MMIO_ERROR_SETTINGS, 0, "byte 129,",
      "BAR 2 of 0000:03:00.0 has only 128 bytes");
  check_map_fails ("03:00.0", -1, 1 << 30, 1, MMIO_ERROR_SETTINGS, 0,
      "byte 1073741825,", CARD_BARS);
}

GST_END_TEST;

/* --- The state that it is in ---------------------------------------------- */

GST_START_TEST (test_power)
{
  static const char *const off[] = { "D3hot\n", "D3cold\n", "D3hot" };
  static const char *const on[] = { "D0\n", "D1\n", "unknown\n", "error\n" };

  make_bus ();
  put_device (&card);
  check_mapped ("03:00.0", 0, 0, 0, 1);
  for (guint i = 0; i < G_N_ELEMENTS (off); i++) {
    put (card.slot, "power_state", off[i], -1);
    check_map_fails ("03:00.0", 0, 0, 1, MMIO_ERROR_OFF, 0, "power state D3",
        "echo on | sudo tee /sys/bus/pci/devices/0000:03:00.0/power/control");
  }
  for (guint i = 0; i < G_N_ELEMENTS (on); i++) {
    put (card.slot, "power_state", on[i], -1);
    check_mapped ("03:00.0", 0, 0, 0, 1);
  }
}

GST_END_TEST;

GST_START_TEST (test_decoding)
{
  static const guint16 on[] = { 0x0002, 0x0007, 0x0406, 0xfffe, 0x00ff };
  static const guint16 off[] = { 0x0000, 0x0001, 0x0005, 0xff00, 0x0200 };

  make_bus ();
  put_device (&card);
  for (guint i = 0; i < G_N_ELEMENTS (on); i++) {
    put_config (&card, on[i], 256);
    check_mapped ("03:00.0", 0, 0, 0, 1);
  }
  for (guint i = 0; i < G_N_ELEMENTS (off); i++) {
    put_config (&card, off[i], 256);
    check_map_fails ("03:00.0", 0, 0, 1, MMIO_ERROR_OFF, 0, "decoding",
        "sudo setpci -s 0000:03:00.0 COMMAND=2:2");
  }

  /* What the bus reads where nobody is */
  put_config (&card, 0xffff, 256);
  check_map_fails ("03:00.0", 0, 0, 1, MMIO_ERROR_OFF, 0,
      "Cannot read 0000:03:00.0: it does not answer; ",
      "echo 1 | sudo tee /sys/bus/pci/devices/0000:03:00.0/remove "
      "/sys/bus/pci/rescan");
}

GST_END_TEST;

/* By its address, or as one of several: the physical one is of the same kind */
GST_START_TEST (test_virtual)
{
  static const Device physical = CARD ("0000:02:00.0", 0xdead, 0xbeef);
  const Device nobody = {.slot = card.slot,.vendor = 0xffff,.device = 0xffff };

  make_bus ();
  put_device (&physical);
  put_device (&card);
  put_physical (&card, physical.slot);
  check_mapped ("03:00.0", 0, 0, 0, 8192);
  check_mapped ("03:00.0", 2, 2, 0, 128);
  check_mapped ("dead:beef@1", 5, 5, 0, 4096);
  check_mapped (DEVICES "/0000:03:00.0/resource5", -1, 5, 0, 4096);

  put_config (&nobody, 0xffff, 256);
  check_map_fails ("03:00.0", 0, 0, 1, MMIO_ERROR_OFF, 0,
      "check its physical function 0000:02:00.0 with",
      "lspci -vs 0000:02:00.0");
}

GST_END_TEST;

/* It went away after it was found */
GST_START_TEST (test_unplugged)
{
  static const char *const files[] = { "config", "resource0" };
  const MmioLayout picture = test_picture ("GRAY8", 1, 1, 0, 0);

  make_bus ();
  put_device (&card);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autoptr (MmioDevice) device = open_text ("03:00.0", NULL);
    g_autofree char *path = device_file (card.slot, files[i]);
    GError *error = NULL;
    gint bar = 0;

    fail_unless (g_remove (path) == 0);
    fail_unless (mmio_device_map (device, &bar, &picture,
            MMIO_MAPPING_AUTO, &error) == NULL);
    fail_unless (strstr (mmio_error_get_system (error), g_strerror (ENOENT)) !=
        NULL, "%s", mmio_error_get_system (error));
    check_error (&error, i == 0 ? MMIO_ERROR_FAILED : MMIO_ERROR_NOT_FOUND,
        "0000:03:00.0", "lspci -D", NULL);
    put_config (&card, 0x0002, 256);
  }
}

GST_END_TEST;

/* A configuration that ends within the register */
GST_START_TEST (test_short_config)
{
  const MmioLayout picture = test_picture ("GRAY8", 1, 1, 0, 0);
  g_autoptr (MmioDevice) device = NULL;
  GError *error = NULL;
  gint bar = 0;

  make_bus ();
  put_device (&card);
  device = open_text ("03:00.0", NULL);
  for (gsize size = 0; size < 6; size++) {
    put_config (&card, 0x0002, size);
    fail_unless (mmio_device_map (device, &bar, &picture,
            MMIO_MAPPING_AUTO, &error) == NULL,
        "%" G_GSIZE_FORMAT " bytes", size);
    check_error (&error, MMIO_ERROR_FAILED,
        "Cannot read the configuration of 0000:03:00.0: it is incomplete",
        NULL);
  }
}

GST_END_TEST;

/* --- Write-combining ------------------------------------------------------ */

/* The kernel's other file of the same BAR; here it has other content */
static void
check_write_combining (const char *text, MmioMapping wanted, gboolean other)
{
  guint8 content[64];
  GError *error = NULL;
  g_autoptr (MmioRegion) region = map_gray_as (text, 4, 3, 50, wanted, &error);

  fail_unless (region != NULL, "%s", error ? error->message : "");
  fail_unless_equals_int (mmio_region_get_mapping (region), other ?
      MMIO_MAPPING_WRITE_COMBINING : MMIO_MAPPING_UNCACHED);
  fill_random (content, sizeof (content), other ? 99 : 4);
  fail_unless (memcmp (mmio_region_get_data (region), content + 3, 50) == 0);
}

static void
check_write_combining_fails (const char *text, gint bar, MmioMapping wanted,
    const char *word, const char *other_word)
{
  GError *error = NULL;
  guint fds;

  check_found (text, "0000:03:00.0");
  fds = count_fds ();
  fail_unless (map_gray_as (text, bar, 0, 1, wanted, &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "0000:03:00.0", word, other_word,
      NULL);
  fail_unless_equals_int (count_fds (), fds);
  fail_unless_equals_int (count_maps (HOST_BRIDGE), 0);
}

/* Only streaming loads make use of it, and only they get it unasked */
static void
check_mapping_for (MmioEngine engine, const char *wanted)
{
  MmioCaptureConfig config = {.device = "03:00.0",.bar = 4,.engine = engine };
  GError *error = NULL;
  MmioCapture *capture;

  config.spec = test_spec ("GRAY8", 50, 1, 3, 0);
  capture = mmio_capture_open (&config, &error);
  fail_unless (capture != NULL, "%s", error ? error->message : "");
  fail_unless_equals_string (mmio_capture_get_info (capture)->mapping, wanted);
  mmio_capture_close (capture);
}

GST_START_TEST (test_write_combining)
{
  const gboolean best = mmio_cpu_has_streaming_loads () &&
      !mmio_cpu_is_virtual ();
  g_autofree guint8 *content = g_malloc0 (page_size ());

  make_bus ();
  put_device (&card);
  /* Too large for put_device() */
  fill_random (content, 64, 4);
  put (card.slot, "resource4", content, page_size ());

  /* A kernel without */
  check_write_combining ("03:00.0", MMIO_MAPPING_AUTO, FALSE);
  check_write_combining ("03:00.0", MMIO_MAPPING_UNCACHED, FALSE);
  check_write_combining_fails ("03:00.0", 4, MMIO_MAPPING_WRITE_COMBINING,
      "the kernel has no /sys/bus/pci/devices/0000:03:00.0/resource4_wc",
      "set mapping to auto or uncached");

  fill_random (content, 64, 99);
  put (card.slot, "resource4_wc", content, page_size ());
  check_write_combining ("03:00.0", MMIO_MAPPING_AUTO, best);
  check_write_combining ("03:00.0", MMIO_MAPPING_UNCACHED, FALSE);
  check_write_combining ("03:00.0", MMIO_MAPPING_WRITE_COMBINING, TRUE);

  check_mapping_for (MMIO_ENGINE_AUTO, best ? "write-combining" : "uncached");
  check_mapping_for (MMIO_ENGINE_U64, "uncached");
  check_mapping_for (MMIO_ENGINE_U32, "uncached");

  /* The file itself */
  check_write_combining (DEVICES "/0000:03:00.0/resource4", MMIO_MAPPING_AUTO,
      best);
  check_write_combining (DEVICES "/0000:03:00.0/resource4_wc",
      MMIO_MAPPING_AUTO, TRUE);
  check_write_combining (DEVICES "/0000:03:00.0/resource4_wc",
      MMIO_MAPPING_WRITE_COMBINING, TRUE);
  check_write_combining_fails (DEVICES "/0000:03:00.0/resource4_wc", 4,
      MMIO_MAPPING_UNCACHED, "names BAR 4", "Leave mapping at auto");

  /* Not where reading may have side effects, even if the file is there */
  put (card.slot, "resource0_wc", content, page_size ());
  check_write_combining_fails ("03:00.0", 0, MMIO_MAPPING_WRITE_COMBINING,
      "BAR 0 of 0000:03:00.0 write-combining: it is not prefetchable",
      "auto or uncached");
  check_mapped ("03:00.0", 0, 0, 0, 8192);
}

GST_END_TEST;

/* --- Who holds it --------------------------------------------------------- */

/* What the kernel says where there is a kernel driver, or lockdown */
DEFINE_FAILING_MMAP
GST_START_TEST (test_held)
{
  g_autofree char *driver = device_file (card.slot, "driver");

  make_bus ();
  put_device (&card);

  mmap_errnum = EINVAL;
  check_map_fails ("03:00.0", 0, 0, 1, MMIO_ERROR_BUSY, EINVAL, "BAR 0",
      "iomem=relaxed");
  check_map_fails ("03:00.0", 5, 0, 1, MMIO_ERROR_BUSY, EINVAL, "BAR 5",
      "/proc/iomem");

  fail_unless (symlink ("../../../bus/pci/drivers/bochs-drm", driver) == 0);
  check_map_fails ("03:00.0", 0, 0, 1, MMIO_ERROR_BUSY, EINVAL,
      "Cannot map BAR 0 of 0000:03:00.0: the driver bochs-drm uses it",
      "echo 0000:03:00.0 | sudo tee " "/sys/bus/pci/drivers/bochs-drm/unbind");

  mmap_errnum = EPERM;
  check_map_fails ("03:00.0", 0, 0, 1, MMIO_ERROR_NOT_PERMITTED, EPERM,
      "locked down", "Secure Boot");
  mmap_errnum = EAGAIN;
  check_map_fails ("03:00.0", 0, 0, 1, MMIO_ERROR_FAILED, EAGAIN, "BAR 0",
      "dmesg");
  mmap_errnum = ENOMEM;
  check_map_fails ("03:00.0", 0, 0, 1, MMIO_ERROR_FAILED, ENOMEM, "BAR 0",
      "no memory left");

  /* The driver alone is no obstacle */
  mmap_errnum = 0;
  check_mapped ("03:00.0", 0, 0, 0, 1);
}

GST_END_TEST;

GST_START_TEST (test_not_permitted)
{
  g_autofree char *path = device_file (card.slot, "resource0");
  g_autofree char *loop = device_file (card.slot, "resource5");
  g_autofree char *fix = g_strdup_printf ("sudo chgrp video " DEVICES
      "/%s/resource0 && sudo chmod g+r " DEVICES "/%s/resource0", card.slot,
      card.slot);

  make_bus ();
  put_device (&card);

  fail_unless (g_remove (loop) == 0 && symlink (loop, loop) == 0);
  check_map_fails ("03:00.0", 5, 0, 1, MMIO_ERROR_FAILED, ELOOP,
      "Cannot open /sys/bus/pci/devices/0000:03:00.0/resource5;", "dmesg");

  fail_unless (g_chmod (path, 0600) == 0);
  if (seteuid (65534) < 0) {
    g_print ("SKIP: there is only root in this namespace; run this as root to "
        "see what others may not\n");
    return;
  }
  check_map_fails ("03:00.0", 0, 0, 1, MMIO_ERROR_NOT_PERMITTED, EACCES,
      "Cannot read", fix);
  fail_unless (seteuid (0) == 0);
}

GST_END_TEST;

/* --- Devices that can tell ------------------------------------------------ */

static const Device vga = {
  "0000:00:02.0", 0x1234, 0x1111, {
        {0xfd000000, 1 << 20, MEMORY | PREFETCH},
        {0, 0, 0},
        {0xfebf0000, 4096, MEMORY},
      }
};

GST_START_TEST (test_known)
{
  static const guint16 registers[] = { 0xb0c5, 320, 200, 32, 0x41, 0, 320 };
  guint8 bar2[4096] = { 0, };
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  GError *error = NULL;
  MmioDevice *device;
  gint bar = -1;

  make_bus ();
  put_device (&vga);
  device = open_text ("00:02.0", NULL);

  /* Not asked where the user has said it all */
  spec = test_spec ("RGB", 10, 10, 0, 0);
  put (vga.slot, "power_state", "D3hot", -1);
  fail_unless (mmio_describe (device, &bar, &spec, NULL, &error), "%s",
      error ? error->message : "");
  fail_unless_equals_string (spec.format.name, "RGB");
  fail_unless_equals_int (bar, -1);

  /* But with the same precautions */
  spec = test_spec (NULL, 10, 0, 0, 0);
  fail_if (mmio_describe (device, &bar, &spec, NULL, &error));
  check_error (&error, MMIO_ERROR_OFF, "D3hot", "0000:00:02.0", NULL);

  put (vga.slot, "power_state", "D0", -1);
  put (vga.slot, "resource2", bar2, sizeof (bar2));
  fail_if (mmio_describe (device, &bar, &spec, NULL, &error));
  check_error (&error, MMIO_ERROR_SETTINGS, "its mode registers have no VBE id",
      "0000:00:02.0", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (registers); i++)
    GST_WRITE_UINT16_LE (bar2 + 0x500 + 2 * i, registers[i]);
  put (vga.slot, "resource2", bar2, sizeof (bar2));
  spec = test_spec (NULL, 0, 0, 0, 0);
  fail_unless (mmio_describe (device, &bar, &spec, NULL, &error), "%s",
      error ? error->message : "");
  fail_unless_equals_string (spec.format.name, "BGRx");
  fail_unless_equals_int (spec.width, 320);
  fail_unless_equals_int (spec.height, 200);
  fail_unless_equals_int (spec.stride, 1280);
  fail_unless_equals_int (bar, 0);
  fail_unless_equals_int (count_maps (HOST_BRIDGE), 0);
  mmio_device_unref (device);
}

GST_END_TEST;

GST_START_TEST (test_unknown)
{
  g_autoptr (MmioDevice) device = NULL;
  /* From its version on: 10x5 pixels of 8 bits, 16 bytes a row, at byte 256 */
  const guint32 header[] = { 1, 128, 2, 0x20203852, 10, 5, 16, 0, 1, 0, 256 };
  guint8 memory[4096] = { 0, };
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  GError *error = NULL;
  gint bar = -1;

  make_bus ();
  put_device (&card);
  device = open_text ("03:00.0", NULL);

  /* Of its BARs only this one has a file yet: any other cannot be looked at
   * without an error */
  put (card.slot, "resource4", memory, sizeof (memory));
  fail_if (mmio_describe (device, &bar, &spec, NULL, &error));
  check_error (&error, MMIO_ERROR_SETTINGS, "PCI device [dead:beef]",
      "0000:03:00.0", "Set width and height", "header", NULL);
  fail_unless_equals_int (bar, -1);

  /* It describes itself */
  memcpy (memory, "mmiovid", 8);
  for (guint i = 0; i < G_N_ELEMENTS (header); i++)
    GST_WRITE_UINT32_LE (memory + 8 + 4 * i, header[i]);
  put (card.slot, "resource4", memory, sizeof (memory));
  fail_unless (mmio_describe (device, &bar, &spec, NULL, &error), "%s",
      error ? error->message : "");
  fail_unless_equals_int (bar, 4);
  fail_unless_equals_string (spec.format.name, "GRAY8");
  fail_unless_equals_int (spec.width, 10);
  fail_unless_equals_int (spec.height, 5);
  fail_unless_equals_uint64 (spec.offset, 256);

  /* In a BAR that the user names */
  put (card.slot, "resource0", memory, sizeof (memory));
  spec = test_spec (NULL, 0, 0, 0, 0);
  bar = 0;
  fail_unless (mmio_describe (device, &bar, &spec, NULL, &error), "%s",
      error ? error->message : "");
  fail_unless_equals_int (bar, 0);
  fail_unless_equals_int (spec.width, 10);
  fail_unless_equals_int (count_maps (HOST_BRIDGE), 0);
}

GST_END_TEST;

/* --- A BAR by its file ---------------------------------------------------- */

GST_START_TEST (test_resource_path)
{
  static const struct
  {
    const char *name;
    gint bar;
  } files[] = {
    {"resource", -1}, {"resource0", 0}, {"resource1", 1}, {"resource5", 5},
    {"resource6", -1}, {"resource7", -1}, {"resource9", -1},
    {"resource00", -1}, {"resource0x", -1}, {"resource0_wc", 0},
    {"resource4_wc", 4}, {"resource0_uc", -1}, {"resource0_wcx", -1},
    {"resource0_resize", -1}, {"resource_wc", -1}, {"resource-1", -1},
    {"resource/", -1},
    {"resourcea", -1}, {"xresource0", -1}, {"config", -1}, {"rom", -1},
  };
  static const char *const elsewhere[] = {
    HOST_BRIDGE "/resource0", HOST_BRIDGE "/dead:beef/resource0",
    HOST_BRIDGE "/sim/resource0",
  };

  make_bus ();
  put_device (&card);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *path = g_build_filename (DEVICES, card.slot,
        files[i].name, NULL);
    g_autofree char *slot = NULL;
    MmioAddress address;
    MmioMapping mapping;
    gint bar = -1;
    gboolean found;

    if (!g_str_has_suffix (path, "/"))
      put (card.slot, files[i].name, "x", 1);
    found = mmio_sysfs_parse_path (path, &address, &bar, &mapping, NULL);
    fail_unless (found == (files[i].bar >= 0), "%s", path);
    if (!found)
      continue;
    fail_unless_equals_int (bar, files[i].bar);
    fail_unless_equals_int (mapping, g_str_has_suffix (path, "_wc") ?
        MMIO_MAPPING_WRITE_COMBINING : MMIO_MAPPING_AUTO);
    slot = mmio_address_to_string (&address);
    fail_unless_equals_string (slot, card.slot);
  }

  /* In a directory that is no device's */
  for (guint i = 0; i < G_N_ELEMENTS (elsewhere); i++) {
    g_autofree char *dir = g_path_get_dirname (elsewhere[i]);
    MmioAddress address;
    MmioMapping mapping;
    gint bar;

    fail_unless (g_mkdir_with_parents (dir, 0755) == 0);
    fail_unless (g_file_set_contents (elsewhere[i], "x", 1, NULL));
    fail_if (mmio_sysfs_parse_path (elsewhere[i], &address, &bar,
            &mapping, NULL), "%s", elsewhere[i]);
  }
}

GST_END_TEST;

/* The right names, but not below /sys/devices */
GST_START_TEST (test_no_resource_path)
{
  static const char *const paths[] = {
    "/sys/0000:03:00.0/resource0", "/sys/block/devices/0000:03:00.0/resource0",
    "/sys/devices0/0000:03:00.0/resource0",
  };

  make_bus ();
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++) {
    g_autofree char *dir = g_path_get_dirname (paths[i]);
    MmioAddress address;
    MmioMapping mapping;
    gint bar;

    fail_unless (g_mkdir_with_parents (dir, 0755) == 0);
    fail_unless (g_file_set_contents (paths[i], "x", 1, NULL));
    fail_if (mmio_sysfs_parse_path (paths[i], &address, &bar,
            &mapping, NULL), "%s", paths[i]);
  }
}

GST_END_TEST;

/* The same device with the same checks, whatever links lead there; and no
 * other BAR than this */
GST_START_TEST (test_resource)
{
  g_autofree char *real = device_file (card.slot, "resource5");
  g_autofree char *usual = g_build_filename (DEVICES, card.slot, "resource5",
      NULL);
  const char *const paths[] = { real, usual, "/sys/link" };

  make_bus ();
  put_device (&card);
  fail_unless (symlink (usual, "/sys/link") == 0);
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++) {
    check_found (paths[i], card.slot);
    check_mapped (paths[i], -1, 5, 1, 100);
    check_mapped (paths[i], 5, 5, 0, 4096);
    check_map_fails (paths[i], 0, 0, 1, MMIO_ERROR_SETTINGS, 0,
        "names BAR 5 of 0000:03:00.0", "Leave bar at -1");
    check_map_fails (paths[i], -1, 0, 4097, MMIO_ERROR_SETTINGS, 0,
        "byte 4097,", "BAR 5 of 0000:03:00.0 has only 4096 bytes");
  }

  put_config (&card, 0, 256);
  check_map_fails (usual, -1, 0, 1, MMIO_ERROR_OFF, 0, "decoding", "setpci");
}

GST_END_TEST;

static Suite *
sysfs_suite (void)
{
  Suite *s = suite_create ("lib-sysfs");
  TCase *tc = add_case (s, "find");

  tcase_add_test (tc, test_find);
  tcase_add_test (tc, test_long_domain);
  /* Lists of devices are lost there, on purpose; this would be an error */
  if (!RUNNING_ON_VALGRIND) {
    tcase_add_test (tc, test_found_later);
    tcase_add_test (tc, test_found_no_more);
    tcase_add_test (tc, test_shared_list);
  }
  tcase_add_test (tc, test_no_bus);
  tcase_add_test (tc, test_name);
  tcase_add_test (tc, test_no_name);
  tcase_add_test (tc, test_no_config);

  tc = add_case (s, "map");
  tcase_add_test (tc, test_map);
  tcase_add_test (tc, test_no_such_bar);
  tcase_add_test (tc, test_power);
  tcase_add_test (tc, test_decoding);
  tcase_add_test (tc, test_virtual);
  tcase_add_test (tc, test_unplugged);
  tcase_add_test (tc, test_short_config);
  tcase_add_test (tc, test_write_combining);
  tcase_add_test (tc, test_held);
  tcase_add_test (tc, test_not_permitted);

  tc = add_case (s, "known");
  tcase_add_test (tc, test_known);
  tcase_add_test (tc, test_unknown);

  tc = add_case (s, "path");
  tcase_add_test (tc, test_resource_path);
  tcase_add_test (tc, test_no_resource_path);
  tcase_add_test (tc, test_resource);

  return s;
}

int
main (int argc, char **argv)
{
  return run_on_bus (argc, argv, sysfs_suite, "sysfs", __FILE__);
}
