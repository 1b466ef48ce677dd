/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which way one PCI device has to another's memory, on machines that a fake
 * kernel has.
 */
#include "fixtures/helper.h"

#include <errno.h>
#include <sys/resource.h>

#include "dmabuf/mmiop2pdma.h"
#include "fixtures/fakekernel.h"

#define READER "/sys/class/drm/card0/device"

#define ZEN "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 23\n" \
    "model\t\t: 49\nmodel name\t: AMD EPYC 7402P\n\n"
#define EXCAVATOR "processor\t: 0\nvendor_id\t: AuthenticAMD\n" \
    "cpu family\t: 21\nmodel\t\t: 101\n\n"
#define HYGON "processor\t: 0\nvendor_id\t: HygonGenuine\n" \
    "cpu family\t: 24\n\n"
#define CORE "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\n" \
    "model\t\t: 158\n\n"

static void
setup (void)
{
  fakekernel_start ();
}

static void
teardown (void)
{
  fakekernel_stop ();
}

static void
again (void)
{
  fakekernel_stop ();
  fakekernel_start ();
}

static void
add_gpu (const char *path, const char *group)
{
  const FakePci pci = {.path = path,.vendor = 0x1002,.device = 0x73bf,.class =
        0x030000,.group = group
  };
  const FakeDrm drm = {.card = "card0",.driver = "amdgpu",.pci = path };

  fakekernel_add_pci (&pci);
  fakekernel_add_drm (&drm);
}

static void
add_grabber (const char *path, const char *group)
{
  const FakePci pci = {.path = path,.vendor = 0x1af4,.device = 0x1110,.class =
        0x050000,.group = group
  };

  fakekernel_add_pci (&pci);
}

static void
add_host (const char *path, guint vendor, guint device, guint class)
{
  const FakePci pci = {.path = path,.vendor = vendor,.device = device,.class =
        class
  };

  fakekernel_add_pci (&pci);
}

/* Each in a slot of its own, below the same host bridge */
static void
add_slots (void)
{
  add_gpu ("pci0000:00/0000:00:01.0/0000:01:00.0", "1");
  add_grabber ("pci0000:00/0000:00:02.0/0000:02:00.0", "2");
}

static void
check_way (const char *address, MmioP2pdmaRoute way)
{
  int lack;

  fail_unless_equals_int (mmio_p2pdma_find_route (READER, address, &lack), way);
  fail_unless_equals_int (lack, 0);
}

/* No answer is taken from what cannot be asked */
GST_START_TEST (test_shortage)
{
  struct rlimit before, none;
  int lack;

  add_gpu ("pci0000:00/0000:00:01.0/0000:01:00.0/0000:02:00.0/0000:03:00.0",
      "5");
  add_grabber ("pci0000:00/0000:00:01.0/0000:01:00.0/0000:02:01.0/"
      "0000:04:00.0", "6");
  fail_unless (getrlimit (RLIMIT_NOFILE, &before) == 0);
  none = before;
  none.rlim_cur = 0;
  fail_unless (setrlimit (RLIMIT_NOFILE, &none) == 0);
  mmio_p2pdma_find_route (READER, "0000:04:00.0", &lack);
  fail_unless (setrlimit (RLIMIT_NOFILE, &before) == 0);
  fail_unless_equals_int (lack, EMFILE);
}

GST_END_TEST;

GST_START_TEST (test_bridge)
{
  /* One switch, no IOMMU */
  add_gpu ("pci0000:00/0000:00:01.0/0000:01:00.0/0000:02:00.0/0000:03:00.0",
      NULL);
  add_grabber ("pci0000:00/0000:00:01.0/0000:01:00.0/0000:02:01.0/"
      "0000:04:00.0", NULL);
  check_way ("0000:04:00.0", MMIO_P2PDMA_ROUTE_BRIDGE);

  /* One group */
  again ();
  add_gpu ("pci0000:00/0000:00:01.0/0000:01:00.0/0000:02:00.0/0000:03:00.0",
      "5");
  add_grabber ("pci0000:00/0000:00:01.0/0000:01:00.0/0000:02:01.0/"
      "0000:04:00.0", "5");
  check_way ("0000:04:00.0", MMIO_P2PDMA_ROUTE_BRIDGE);

  /* Not at the same depth */
  again ();
  add_gpu ("pci0000:00/0000:00:01.0/0000:01:00.0", NULL);
  add_grabber ("pci0000:00/0000:00:01.0/0000:01:00.1/0000:02:00.0", NULL);
  check_way ("0000:02:00.0", MMIO_P2PDMA_ROUTE_BRIDGE);

  /* Its own memory */
  check_way ("0000:01:00.0", MMIO_P2PDMA_ROUTE_BRIDGE);

  /* The same names on another machine's half */
  again ();
  add_gpu ("pci0000:00/0000:00:01.0/0000:01:00.0", NULL);
  add_grabber ("pci0001:00/0000:00:01.0/0001:01:00.0", NULL);
  check_way ("0001:01:00.0", MMIO_P2PDMA_ROUTE_NONE);
}

GST_END_TEST;

#define ROOT "pci0000:00/0000:00:01.0"
#define UPSTREAM ROOT "/0000:01:00.0"
#define LEFT UPSTREAM "/0000:02:00.0"
#define RIGHT UPSTREAM "/0000:02:01.0"

static void
add_port (const char *path, guint acs, gboolean is_hidden)
{
  const FakePci pci = {.path = path,.vendor = 0x104c,.device = 0x8232,.class =
        0x060400,.acs = acs,.is_hidden = is_hidden
  };

  fakekernel_add_pci (&pci);
}

/* A switch with an IOMMU */
static void
check_ports (guint root, guint upstream, guint left, guint right,
    MmioP2pdmaRoute way)
{
  again ();
  add_gpu (LEFT "/0000:03:00.0", "5");
  add_grabber (RIGHT "/0000:04:00.0", "6");
  add_port (ROOT, root, FALSE);
  add_port (UPSTREAM, upstream, FALSE);
  add_port (LEFT, left, FALSE);
  add_port (RIGHT, right, FALSE);
  check_way ("0000:04:00.0", way);
}

GST_START_TEST (test_redirected)
{
  /* QEMU's: ACS is above what is above both */
  check_ports (0x1d, 0, 0, 0, MMIO_P2PDMA_ROUTE_BRIDGE);
  check_ports (0, 0x1d, 0, 0, MMIO_P2PDMA_ROUTE_REDIRECTED);
  check_ports (0, 0, 0x1d, 0, MMIO_P2PDMA_ROUTE_REDIRECTED);
  check_ports (0, 0, 0, 0x1d, MMIO_P2PDMA_ROUTE_REDIRECTED);

  /* Any of requests, completions, egress control; but nothing else of it */
  check_ports (0, 0, 0x04, 0, MMIO_P2PDMA_ROUTE_REDIRECTED);
  check_ports (0, 0, 0, 0x08, MMIO_P2PDMA_ROUTE_REDIRECTED);
  check_ports (0, 0, 0x20, 0, MMIO_P2PDMA_ROUTE_REDIRECTED);
  check_ports (0, 0, 0x53, 0x53, MMIO_P2PDMA_ROUTE_BRIDGE);

  /* What it is sent up to may be as good */
  check_ports (0, 0, 0x1d, 0x1d, MMIO_P2PDMA_ROUTE_REDIRECTED);
  fakekernel_set_cpuinfo (ZEN);
  check_way ("0000:04:00.0", MMIO_P2PDMA_ROUTE_HOST);
  fakekernel_set_cpuinfo (CORE);
  add_host ("pci0000:00/0000:00:00.0", 0x8086, 0x2f00, 0x060000);
  check_way ("0000:04:00.0", MMIO_P2PDMA_ROUTE_HOST);
}

GST_END_TEST;

static void
add_hidden (const char *group, const char *other_group)
{
  again ();
  add_gpu (LEFT "/0000:03:00.0", group);
  add_grabber (RIGHT "/0000:04:00.0", other_group);
  add_port (UPSTREAM, 0x1d, TRUE);
  add_port (LEFT, 0x1d, TRUE);
  add_port (RIGHT, 0, FALSE);
}

/* What a plain user can tell */
GST_START_TEST (test_hidden)
{
  const FakePci port = {.path = RIGHT "/0000:04:00.1",.group = "5",.acs = 0x08
  };

  add_hidden ("5", "5");
  check_way ("0000:04:00.0", MMIO_P2PDMA_ROUTE_BRIDGE);
  add_hidden (NULL, NULL);
  check_way ("0000:04:00.0", MMIO_P2PDMA_ROUTE_BRIDGE);
  add_hidden ("5", NULL);
  check_way ("0000:04:00.0", MMIO_P2PDMA_ROUTE_HIDDEN);
  add_hidden ("5", "6");
  check_way ("0000:04:00.0", MMIO_P2PDMA_ROUTE_HIDDEN);
  fakekernel_set_cpuinfo (ZEN);
  check_way ("0000:04:00.0", MMIO_P2PDMA_ROUTE_HOST);

  /* One that can be read is enough for a no */
  add_hidden ("5", "5");
  fakekernel_set_cpuinfo (CORE);
  fakekernel_add_pci (&port);
  check_way ("0000:04:00.1", MMIO_P2PDMA_ROUTE_REDIRECTED);
}

GST_END_TEST;

GST_START_TEST (test_cpu)
{
  add_slots ();
  add_host ("pci0000:00/0000:00:00.0", 0x8086, 0x29c0, 0x060000);
  check_way ("0000:02:00.0", MMIO_P2PDMA_ROUTE_NONE);
  fakekernel_set_cpuinfo (ZEN);
  check_way ("0000:02:00.0", MMIO_P2PDMA_ROUTE_HOST);
  fakekernel_set_cpuinfo (EXCAVATOR);
  check_way ("0000:02:00.0", MMIO_P2PDMA_ROUTE_NONE);
  fakekernel_set_cpuinfo (HYGON);
  check_way ("0000:02:00.0", MMIO_P2PDMA_ROUTE_NONE);
  fakekernel_set_cpuinfo (CORE);
  check_way ("0000:02:00.0", MMIO_P2PDMA_ROUTE_NONE);
  /* The first one speaks for all */
  fakekernel_set_cpuinfo (CORE ZEN);
  check_way ("0000:02:00.0", MMIO_P2PDMA_ROUTE_NONE);
  /* arm64's */
  fakekernel_set_cpuinfo ("processor\t: 0\nCPU implementer\t: 0x41\n");
  check_way ("0000:02:00.0", MMIO_P2PDMA_ROUTE_NONE);
}

GST_END_TEST;

static void
check_host (guint vendor, guint device, MmioP2pdmaRoute way)
{
  again ();
  add_slots ();
  add_host ("pci0000:00/0000:00:00.0", vendor, device, 0x060000);
  check_way ("0000:02:00.0", way);
}

GST_START_TEST (test_host)
{
  check_host (0x8086, 0x3c00, MMIO_P2PDMA_ROUTE_HOST);
  check_host (0x8086, 0x2f01, MMIO_P2PDMA_ROUTE_HOST);
  check_host (0x8086, 0x2020, MMIO_P2PDMA_ROUTE_HOST);
  check_host (0x8086, 0x09a2, MMIO_P2PDMA_ROUTE_HOST);
  /* q35, a desktop, and somebody else's 09a2 */
  check_host (0x8086, 0x29c0, MMIO_P2PDMA_ROUTE_NONE);
  check_host (0x8086, 0xa700, MMIO_P2PDMA_ROUTE_NONE);
  check_host (0x1022, 0x09a2, MMIO_P2PDMA_ROUTE_NONE);
}

GST_END_TEST;

/* What stands for a host bridge without a 00.0 */
GST_START_TEST (test_root_port)
{
  add_gpu ("pci0000:16/0000:16:02.0/0000:17:00.0", "1");
  add_grabber ("pci0000:16/0000:16:03.0/0000:18:00.0", "2");
  add_host ("pci0000:16/0000:16:02.0", 0x8086, 0x2032, 0x060400);
  add_host ("pci0000:16/0000:16:03.0", 0x8086, 0x9999, 0x060400);
  check_way ("0000:18:00.0", MMIO_P2PDMA_ROUTE_HOST);

  /* Only the first one does */
  again ();
  add_gpu ("pci0000:16/0000:16:02.0/0000:17:00.0", "1");
  add_grabber ("pci0000:16/0000:16:03.0/0000:18:00.0", "2");
  add_host ("pci0000:16/0000:16:02.0", 0x8086, 0x9999, 0x060400);
  add_host ("pci0000:16/0000:16:03.0", 0x8086, 0x2033, 0x060400);
  check_way ("0000:18:00.0", MMIO_P2PDMA_ROUTE_NONE);

  /* And only if it is a port */
  again ();
  add_gpu ("pci0000:16/0000:16:02.0/0000:17:00.0", "1");
  add_grabber ("pci0000:16/0000:16:03.0/0000:18:00.0", "2");
  add_host ("pci0000:16/0000:16:02.0", 0x8086, 0x2032, 0x088000);
  check_way ("0000:18:00.0", MMIO_P2PDMA_ROUTE_NONE);
}

GST_END_TEST;

/* Two sockets */
static void
check_hosts (guint first, guint second, MmioP2pdmaRoute way)
{
  again ();
  add_gpu ("pci0000:00/0000:00:01.0/0000:01:00.0", "1");
  add_grabber ("pci0000:80/0000:80:01.0/0000:81:00.0", "2");
  add_host ("pci0000:00/0000:00:00.0", 0x8086, first, 0x060000);
  add_host ("pci0000:80/0000:80:00.0", 0x8086, second, 0x060000);
  check_way ("0000:81:00.0", way);
}

GST_START_TEST (test_hosts)
{
  check_hosts (0x09a2, 0x09a2, MMIO_P2PDMA_ROUTE_HOST);
  check_hosts (0x09a2, 0x29c0, MMIO_P2PDMA_ROUTE_NONE);
  check_hosts (0x29c0, 0x09a2, MMIO_P2PDMA_ROUTE_NONE);
  /* These pass nothing on to each other */
  check_hosts (0x2f00, 0x2f00, MMIO_P2PDMA_ROUTE_NONE);
}

GST_END_TEST;

/* A host bridge below a PCI device, and one of a board's */
GST_START_TEST (test_nested)
{
  add_gpu ("pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0",
      NULL);
  add_grabber ("pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/"
      "10000:e1:00.1", NULL);
  add_grabber ("pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:07.0/"
      "10000:e2:00.0", NULL);
  check_way ("10000:e1:00.1", MMIO_P2PDMA_ROUTE_BRIDGE);
  check_way ("10000:e2:00.0", MMIO_P2PDMA_ROUTE_NONE);

  again ();
  add_gpu ("platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0",
      NULL);
  add_grabber ("platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/"
      "0000:01:00.1", NULL);
  check_way ("0000:01:00.1", MMIO_P2PDMA_ROUTE_BRIDGE);
}

GST_END_TEST;

GST_START_TEST (test_unknown)
{
  const FakeDrm drm = {.card = "card0",.driver = "vc4",.pci = "platform/soc/gpu"
  };
  const FakeDrm virtio = {.card = "card0",.driver = "virtio_gpu",.pci =
        "pci0000:00/0000:00:03.0/virtio1"
  };

  /* Neither, one, the other */
  check_way ("0000:02:00.0", MMIO_P2PDMA_ROUTE_UNKNOWN);
  add_grabber ("pci0000:00/0000:00:02.0/0000:02:00.0", NULL);
  check_way ("0000:02:00.0", MMIO_P2PDMA_ROUTE_UNKNOWN);
  fakekernel_add_drm (&drm);
  fakekernel_set_cpuinfo (ZEN);
  check_way ("0000:02:00.0", MMIO_P2PDMA_ROUTE_UNKNOWN);

  /* Not a PCI device, but on one */
  again ();
  add_grabber ("pci0000:00/0000:00:02.0/0000:02:00.0", NULL);
  fakekernel_add_drm (&virtio);
  fakekernel_set_cpuinfo (ZEN);
  check_way ("0000:02:00.0", MMIO_P2PDMA_ROUTE_UNKNOWN);

  again ();
  add_gpu ("pci0000:00/0000:00:01.0/0000:01:00.0", NULL);
  check_way ("0000:02:00.0", MMIO_P2PDMA_ROUTE_UNKNOWN);
}

GST_END_TEST;

static Suite *
p2pdma_suite (void)
{
  Suite *s = suite_create ("lib-p2pdma");
  TCase *tc = add_case (s, "peer");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_bridge);
  tcase_add_test (tc, test_shortage);
  tcase_add_test (tc, test_redirected);
  tcase_add_test (tc, test_hidden);
  tcase_add_test (tc, test_cpu);
  tcase_add_test (tc, test_host);
  tcase_add_test (tc, test_root_port);
  tcase_add_test (tc, test_hosts);
  tcase_add_test (tc, test_nested);
  tcase_add_test (tc, test_unknown);

  return s;
}

GST_CHECK_MAIN (p2pdma);
