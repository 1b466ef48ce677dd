/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What mmiovid-probe says of a PCI device that can be read but not exported:
 * what to type, not that it is not reached by vfio.
 */
#include "fixtures/bus.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "backends/mmioopen.h"
#include "probe/mmioprobeimport.h"

static const Device card = {
  "0000:03:00.0", 0xdead, 0xbeef, {{0xfd000000, 1 << 20, MEMORY | PREFETCH}}
};

static void
check_why (const char *word, const char *other_word)
{
  const MmioLayout range = {.end = 4096 };
  g_auto (MmioAddress) address = { 0, };
  g_autoptr (MmioDevice) device = NULL;
  g_autoptr (MmioProbeImport) import = NULL;

  fail_unless (mmio_address_parse (&address, "03:00.0", NULL));
  device = mmio_device_open (&address, MMIO_ACCESS_AUTO, NULL);
  fail_unless (device != NULL);
  fail_unless_equals_string (mmio_device_get_access_name (device), "sysfs");

  import = mmio_probe_import (device, 0, &range, NULL);
  fail_unless (import->nodes == NULL);
  fail_unless (strstr (import->why_not, word) != NULL, "%s", import->why_not);
  fail_unless (strstr (import->why_not, other_word) != NULL, "%s",
      import->why_not);
}

GST_START_TEST (test_not_bound)
{
  g_autofree char *group = device_file (card.slot, "iommu_group");
  g_autofree char *driver = device_file (card.slot, "driver");

  make_bus ();
  put_device (&card);
  check_why ("Cannot open 0000:03:00.0 by vfio", "it has no IOMMU");

  fail_unless (symlink ("../../../kernel/iommu_groups/7", group) == 0);
  fail_unless (symlink ("../../../bus/pci/drivers/bochs-drm", driver) == 0);
  check_why ("it is bound to bochs-drm. Bind it with: sudo modprobe vfio-pci",
      "driver_override");
}

GST_END_TEST;

static Suite *
bound_suite (void)
{
  Suite *s = suite_create ("probe-bound");
  TCase *tc = add_case (s, "bound");

  tcase_add_test (tc, test_not_bound);

  return s;
}

int
main (int argc, char **argv)
{
  return run_on_bus (argc, argv, bound_suite, "bound", __FILE__);
}
