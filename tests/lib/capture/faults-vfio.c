/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of a device that is reached by vfio where a system call fails, ioctl()
 * included.
 */
#include "fixtures/fakevfio.h"
#include "fixtures/faultrun.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "capture/mmiocapture.h"
#include "device/mmiobar.h"

#define ADDRESS "0000:03:00.0"
#define NODE "/dev/vfio/7"

static const Device sound = {
  "0000:03:00.1", 0xdead, 0xbee0, {{0xfd004000, 4096, MEMORY}}
};

static guint8 wanted[100];      /* what is at the BAR's start */
static MmioDevice *device;      /* for run(), which closes it */
static MmioCapture *lost, *back;        /* whose device goes away, and what follows it */

static const FaultDevices devices = {.ioctl = fakevfio_ioctl };

static void
finish (void)
{
  /* Closing the last descriptor ends all interrupts */
  fail_unless_equals_int (find_fd ("/dev/vfio/"), -1);
  fakevfio.irq_fd = fakevfio.request_fd = -1;
}

/* Maps it, and looks at what is there */
static gboolean
read_memory (GError ** error)
{
  return faultrun_read (device, 0, wanted, sizeof (wanted), error);
}

/* There is another access only if vfio is not permitted */
static gboolean
run_open (const char *name, MmioAccess access, GError ** error)
{
  gboolean ret;

  device = open_address (name, access, error);
  if (!device)
    return FALSE;

  ret = mmio_device_get_access (device) == MMIO_ACCESS_VFIO ?
      read_memory (error) : access == MMIO_ACCESS_AUTO &&
      faultrun_get_errnum () == EACCES;
  if (!ret && !*error)
    faultrun_add_problem ("access is %s", mmio_device_get_access_name (device));
  g_clear_pointer (&device, mmio_device_unref);
  return ret;
}

static gboolean
run_vfio (GError ** error)
{
  return run_open ("03:00.0", MMIO_ACCESS_VFIO, error);
}

static gboolean
run_auto (GError ** error)
{
  return run_open ("dead:beef", MMIO_ACCESS_AUTO, error);
}

static gboolean
run_group (GError ** error)
{
  return run_open (NODE, MMIO_ACCESS_AUTO, error);
}

static void
prepare_device (void)
{
  device = open_address ("03:00.0", MMIO_ACCESS_VFIO, NULL);
  fail_unless (device != NULL);
}

static gboolean
run_map (GError ** error)
{
  const gboolean ret = read_memory (error) && read_memory (error);

  g_clear_pointer (&device, mmio_device_unref);
  return ret;
}

static gboolean
run_export (GError ** error)
{
  const MmioLayout picture = {.end = sizeof (wanted) };
  guint skip;
  const int fd = mmio_device_export (device, 0, &picture, &skip, error);

  if (fd >= 0)
    close (fd);
  g_clear_pointer (&device, mmio_device_unref);
  return fd >= 0;
}

static gboolean
take_interrupts (GError ** error)
{
  const guint unmasked = fakevfio.n_unmasked;
  const int fd = mmio_device_open_interrupt (device, error);
  guint count, sum = 0;

  if (fd < 0)
    return FALSE;

  fail_unless (eventfd_write (fd, 3) == 0);
  /* What fails once may succeed later */
  for (guint i = 0; i < 2; i++) {
    if (!mmio_device_take_interrupts (device, &count) &&
        faultrun_get_errnum () != EACCES)
      faultrun_add_problem ("no more interrupts can come");
    sum += count;
  }
  if (sum != 3)
    faultrun_add_problem ("%u interrupts, not 3", sum);
  if (fakevfio.irq_index == VFIO_PCI_INTX_IRQ_INDEX &&
      fakevfio.n_unmasked != unmasked + 1 && faultrun_get_errnum () != EACCES)
    faultrun_add_problem ("unmasked %u times", fakevfio.n_unmasked - unmasked);
  return TRUE;
}

static gboolean
run_interrupt (guint kind, GError ** error)
{
  gboolean ret;

  memset (fakevfio.n_irqs, 0, sizeof (fakevfio.n_irqs));
  fakevfio.n_irqs[kind] = 1;
  ret = take_interrupts (error);
  g_clear_pointer (&device, mmio_device_unref);
  return ret;
}

static gboolean
run_intx (GError ** error)
{
  return run_interrupt (VFIO_PCI_INTX_IRQ_INDEX, error);
}

static gboolean
run_msi (GError ** error)
{
  return run_interrupt (VFIO_PCI_MSI_IRQ_INDEX, error);
}

/* The kernel waits for its descriptors: all of them lead nowhere, whatever fails */
static gboolean
run_let_go (GError ** error)
{
  mmio_device_revoke (device, g_error_new_literal (MMIO_ERROR,
          MMIO_ERROR_GONE, "for the test"));
  return TRUE;
}

static void
finish_let_go (void)
{
  if (find_fd ("/dev/vfio/") >= 0)
    faultrun_add_problem ("a descriptor of vfio is left");
  g_clear_pointer (&device, mmio_device_unref);
  finish ();
}

static void
on_event (gpointer data)
{
}

/* With an interrupt, and heard when the kernel asks for it */
static MmioCapture *
open_capture (MmioAccess access, GError ** error)
{
  const MmioCaptureConfig config = {
    .device = ADDRESS,
    .access = access,
    .bar = 0,
    .spec = test_spec ("RGB", 4, 4, 0, 0),
    .frame_sync = MMIO_FRAME_SYNC_INTERRUPT,
    .on_event = on_event,
  };

  fakevfio.n_irqs[VFIO_PCI_MSI_IRQ_INDEX] = 1;
  return mmio_capture_open (&config, error);
}

static gboolean
run_capture (GError ** error)
{
  MmioCapture *capture = open_capture (MMIO_ACCESS_VFIO, error);

  if (!capture)
    return FALSE;

  fail_unless (eventfd_write (fakevfio.irq_fd, 1) == 0);
  return faultrun_wait (capture, error);
}

static void
prepare_loss (void)
{
  lost = open_capture (MMIO_ACCESS_AUTO, NULL);
  fail_unless (lost != NULL);
  set_command (&fakevfio_card, 0);
}

static gboolean
run_loss (GError ** error)
{
  faultrun_lose (lost);
  return TRUE;
}

static void
prepare_away (void)
{
  prepare_loss ();
  faultrun_lose (lost);
  fakevfio_unplug ();
}

static gboolean
run_away (GError ** error)
{
  return faultrun_stay_away (lost, error);
}

static void
prepare_back (void)
{
  prepare_away ();
  fakevfio_plug ();
}

static gboolean
run_back (GError ** error)
{
  back = mmio_capture_reopen (lost, error);
  return back != NULL;
}

static void
finish_back (void)
{
  back = faultrun_reconnect (g_steal_pointer (&lost), back, "vfio");
  fail_unless (eventfd_write (fakevfio.irq_fd, 1) == 0);
  faultrun_check_frame (g_steal_pointer (&back), wanted);
  finish ();
}

static void
finish_away (void)
{
  fakevfio_plug ();
  finish_back ();
}

/* The kernel asks for the device until nothing of it is mapped */
static void
finish_loss (void)
{
  const gint64 end = g_get_monotonic_time () + HANG;

  while (count_maps (FAKEVFIO_MEMORY) > 0) {
    fail_unless (g_get_monotonic_time () < end, "the device is mapped");
    fail_unless (eventfd_write (fakevfio.request_fd, 1) == 0);
    g_usleep (1000);
  }
  fakevfio_unplug ();
  finish_away ();
}

static gboolean
run_probe (GError ** error)
{
  return faultrun_probe ("vfio", error);
}

static void
prepare_not_viable (void)
{
  fakevfio.is_not_viable = TRUE;
}

/* Another driver has a device of the group, which is what the error says, too */
static gboolean
run_not_viable (GError ** error)
{
  device = open_address ("03:00.0", MMIO_ACCESS_VFIO, error);
  fail_unless (device == NULL);
  if (!strstr ((*error)->message, "IOMMU group 7: 0000:03:00.1 (snd)."))
    return FALSE;

  g_clear_error (error);
  return TRUE;
}

static void
finish_not_viable (void)
{
  fakevfio.is_not_viable = FALSE;
  finish ();
}

static const FaultScenario scenarios[] = {
  {"vfio", FAKEVFIO_MEMORY, NULL, run_vfio, finish},
  {"auto", FAKEVFIO_MEMORY, NULL, run_auto, finish},
  {"group", FAKEVFIO_MEMORY, NULL, run_group, finish},
  {"map", FAKEVFIO_MEMORY, prepare_device, run_map, finish},
  {"export", FAKEVFIO_MEMORY, prepare_device, run_export, finish},
  {"INTx", FAKEVFIO_MEMORY, prepare_device, run_intx, finish},
  {"MSI", FAKEVFIO_MEMORY, prepare_device, run_msi, finish},
  {"let go", FAKEVFIO_MEMORY, prepare_device, run_let_go, finish_let_go},
  {"capture", FAKEVFIO_MEMORY, NULL, run_capture, finish},
  {"loss", FAKEVFIO_MEMORY, prepare_loss, run_loss, finish_loss},
  {"away", FAKEVFIO_MEMORY, prepare_away, run_away, finish_away},
  {"back", FAKEVFIO_MEMORY, prepare_back, run_back, finish_back},
  {"probe", FAKEVFIO_MEMORY, NULL, run_probe, finish},
  {"not viable", FAKEVFIO_MEMORY, prepare_not_viable, run_not_viable,
      finish_not_viable},
};

GST_START_TEST (test_fault)
{
  fakevfio_make ();
  put_device (&sound);
  fakevfio_set_group (&sound, "7");
  set_driver (&sound, "snd");
  faultkernel_set_devices (&devices);
  fill_random (wanted, sizeof (wanted), 7);
  fail_unless (pwrite (fakevfio.memory, wanted, sizeof (wanted), 0) ==
      sizeof (wanted));
  faultrun_run (&scenarios[__i__]);
}

GST_END_TEST;

static Suite *
faults_vfio_suite (void)
{
  Suite *s = suite_create ("lib-faults-vfio");
  TCase *tc = add_case (s, "faults-vfio");

  tcase_add_loop_test (tc, test_fault, 0, G_N_ELEMENTS (scenarios));

  return s;
}

int
main (int argc, char **argv)
{
  return run_on_bus (argc, argv, faults_vfio_suite, "faults-vfio", __FILE__);
}
