/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The vfio back end, as far as it goes without a kernel that gives a device
 * away: what is in the way, and what the sentence says that helps.  The rest
 * is for the guest.
 */
#include "bus.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "mmiobackend.h"

#define GROUPS "/sys/kernel/iommu_groups"

static const Device card = {
  "0000:03:00.0", 0xdead, 0xbeef, {{0xfd000000, 8192, MEMORY}}
};

static const Device sound = {
  "0000:03:00.1", 0xdead, 0xbee0, {{0xfd004000, 4096, MEMORY}}
};

/* A bus, and a /dev of its own */
static void
make_system (void)
{
  make_bus ();
  put_device (&card);
  put_device (&sound);
  fail_unless (mount ("mmiocheck-dev", "/dev", "tmpfs", 0, "") == 0);
  fail_unless (g_mkdir_with_parents ("/dev/vfio", 0755) == 0);
}

static void
set_driver (const Device * device, const char *driver)
{
  g_autofree char *path = device_file (device->slot, "driver");
  g_autofree char *target = g_strconcat ("../../../bus/pci/drivers/", driver,
      NULL);

  unlink (path);
  fail_unless (symlink (target, path) == 0);
}

static void
set_group (const Device * device, const char *group)
{
  g_autofree char *path = device_file (device->slot, "iommu_group");
  g_autofree char *target = g_strconcat ("../../../kernel/iommu_groups/",
      group, NULL);
  g_autofree char *devices = g_build_filename (GROUPS, group, "devices", NULL);
  g_autofree char *member = g_build_filename (devices, device->slot, NULL);

  fail_unless (symlink (target, path) == 0);
  fail_unless (g_mkdir_with_parents (devices, 0755) == 0);
  fail_unless (symlink ("../../../../devices", member) == 0);
}

static void
put_node (const char *path)
{
  fail_unless (g_file_set_contents (path, "", 0, NULL));
  fail_unless (g_chmod (path, 0600) == 0);
}

static MmioDevice *
open_device (const char *text, MmioAccess access, GError ** error)
{
  g_auto (MmioAddress) address = { 0, };

  fail_unless (mmio_address_parse (&address, text, NULL), "%s", text);
  return mmio_device_open (&address, access, error);
}

static void
check_fails (const char *text, MmioErrorCode code, const char *word,
    const char *other_word)
{
  GError *error = NULL;
  guint fds;

  fail_unless (open_device (text, MMIO_ACCESS_VFIO, &error) == NULL);
  check_error (&error, code, word, other_word, NULL);

  fds = count_fds ();
  fail_unless (open_device (text, MMIO_ACCESS_VFIO, NULL) == NULL);
  fail_unless_equals_int (count_fds (), fds);
}

static void
check_access (const char *text, MmioAccess access, const char *wanted)
{
  GError *error = NULL;
  g_autoptr (MmioDevice) device = open_device (text, access, &error);

  fail_unless (device != NULL, "%s", error ? error->message : "");
  fail_unless_equals_string (mmio_device_get_access (device), wanted);
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
  set_driver (&card, "vfio-pci");
  check_fails ("03:00.0", MMIO_ERROR_SETTINGS, "no IOMMU for 0000:03:00.0",
      "intel_iommu=on");
}

GST_END_TEST;

#define PROBE "echo 0000:03:00.0 | sudo tee /sys/bus/pci/drivers_probe"

GST_START_TEST (test_not_bound)
{
  make_system ();
  set_group (&card, "7");
  check_fails ("03:00.0", MMIO_ERROR_BUSY,
      "bound to no driver, not to vfio-pci",
      "/0000:03:00.0/driver_override; " PROBE);

  set_driver (&card, "bochs-drm");
  check_fails ("dead:beef", MMIO_ERROR_BUSY,
      "0000:03:00.0 is bound to bochs-drm, not to vfio-pci", "echo "
      "0000:03:00.0 | sudo tee " DEVICES "/0000:03:00.0/driver/unbind; " PROBE);

  /* The same for the files that name a BAR */
  check_fails (DEVICES "/0000:03:00.0/resource0", MMIO_ERROR_BUSY, "bochs-drm",
      "driver/unbind");
}

GST_END_TEST;

GST_START_TEST (test_no_nodes)
{
  make_system ();
  set_group (&card, "7");
  set_driver (&card, "vfio-pci");
  check_fails ("03:00.0", MMIO_ERROR_NOT_FOUND, "/dev/vfio/vfio is missing",
      "sudo modprobe vfio-pci");
  put_node ("/dev/vfio/vfio");
  check_fails ("03:00.0", MMIO_ERROR_NOT_FOUND, "/dev/vfio/7 is missing",
      "sudo modprobe vfio-pci");
}

GST_END_TEST;

GST_START_TEST (test_not_permitted)
{
  make_system ();
  set_group (&card, "7");
  set_driver (&card, "vfio-pci");
  put_node ("/dev/vfio/vfio");
  put_node ("/dev/vfio/7");
  fail_unless (g_chmod ("/dev/vfio/vfio", 0666) == 0);

  if (seteuid (65534) < 0) {
    g_print ("SKIP: there is only root in this namespace; run this as root to "
        "see what others may not\n");
    return;
  }
  check_fails ("03:00.0", MMIO_ERROR_NOT_PERMITTED, "You may not open "
      "/dev/vfio/7, which 0000:03:00.0 is reached by",
      "sudo chown $USER /dev/vfio/7");
  fail_unless (seteuid (0) == 0);
}

GST_END_TEST;

/* Files that are no nodes of the kernel's */
GST_START_TEST (test_no_vfio)
{
  make_system ();
  set_group (&card, "7");
  set_driver (&card, "vfio-pci");
  put_node ("/dev/vfio/vfio");
  put_node ("/dev/vfio/7");
  check_fails ("03:00.0", MMIO_ERROR_FAILED, "IOMMU group 7 of 0000:03:00.0",
      "dmesg");
}

GST_END_TEST;

/* auto takes vfio only where that is how the device can be reached */
GST_START_TEST (test_auto)
{
  make_system ();
  check_access ("03:00.0", MMIO_ACCESS_AUTO, "sysfs");
  set_group (&card, "7");
  check_access ("03:00.0", MMIO_ACCESS_AUTO, "sysfs");
  set_driver (&card, "vfio-pci");
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
  set_group (&card, "7");
  set_group (&sound, "7");
  check_fails ("/dev/vfio/7", MMIO_ERROR_NOT_FOUND, "group 7 has 0 devices",
      "ls " GROUPS "/7/devices");

  set_driver (&card, "vfio-pci");
  check_fails ("/dev/vfio/7", MMIO_ERROR_NOT_FOUND, "/dev/vfio/vfio",
      "0000:03:00.0");
  check_access ("/dev/vfio/7", MMIO_ACCESS_SYSFS, "sysfs");

  set_driver (&sound, "vfio-pci");
  check_fails ("/dev/vfio/7", MMIO_ERROR_AMBIGUOUS, "group 7 has 2 devices",
      "address of one");

  /* No groups */
  check_fails ("/dev/vfio/vfio", MMIO_ERROR_NOT_FOUND, "/dev/vfio/vfio",
      "no file");
  check_fails ("/dev/vfio/7a", MMIO_ERROR_NOT_FOUND, "/dev/vfio/7a", "no file");
  check_fails ("/dev/vfio/8", MMIO_ERROR_NOT_FOUND, "group 8 has 0 devices",
      "ls");
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
  tcase_add_test (tc, test_not_permitted);
  tcase_add_test (tc, test_no_vfio);
  tcase_add_test (tc, test_auto);
  tcase_add_test (tc, test_group_path);

  return s;
}

int
main (int argc, char **argv)
{
  return run_on_bus (argc, argv, vfio_suite, "vfio", __FILE__);
}
