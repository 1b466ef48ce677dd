/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of a device that is reached by UIO where a system call fails.
 */
#include "fixtures/fakeuio.h"
#include "fixtures/faultrun.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "capture/mmiocapture.h"

#define SLOT "0000:03:00.0"

static guint8 *memory;          /* what is in the node */
static MmioDevice *device;      /* for run(), which closes it */
static MmioCapture *lost, *back;        /* whose device goes away, and what follows it */

static const FaultDevices devices = {
  .read = fakeuio_read,
  .write = fakeuio_write,
};

/* The second BAR is smaller than the page that its map is */
static const Device card = {
  SLOT, 0xdead, 0xbeef, {
      {0xfd000000, 4096, MEMORY}, {0xfd001000, 256, MEMORY}}
};

/* Maps BAR or map 1, and looks at what is there */
static gboolean
read_memory (GError ** error)
{
  return faultrun_read (device, 1, memory + page_size (), 256, error);
}

/* All that is known of it is there: its maps, how far they may be read, and the PCI
 * device behind them */
static void
check_device (void)
{
  if (g_strcmp0 (mmio_device_get_slot (device), SLOT) != 0)
    faultrun_add_problem ("slot is %s", mmio_device_get_slot (device));
  if (mmio_device_get_bar (device, 0)->size != 4096 ||
      mmio_device_get_bar (device, 1)->size != 256)
    faultrun_add_problem ("the maps have %" G_GUINT64_FORMAT " and %"
        G_GUINT64_FORMAT " bytes", mmio_device_get_bar (device, 0)->size,
        mmio_device_get_bar (device, 1)->size);
}

/* There is another access only if UIO is not permitted */
static gboolean
run_open (const char *name, MmioAccess access, GError ** error)
{
  gboolean ret;

  device = open_address (name, access, error);
  if (!device)
    return FALSE;

  check_device ();
  ret = mmio_device_get_access (device) == MMIO_ACCESS_UIO ?
      read_memory (error) : access == MMIO_ACCESS_AUTO &&
      faultrun_get_errnum () == EACCES;
  if (!ret && !*error)
    faultrun_add_problem ("access is %s", mmio_device_get_access_name (device));
  g_clear_pointer (&device, mmio_device_unref);
  return ret;
}

static gboolean
run_node (GError ** error)
{
  return run_open (FAKEUIO_NODE, MMIO_ACCESS_AUTO, error);
}

static gboolean
run_map_name (GError ** error)
{
  return run_open (FAKEUIO_NODE ":frames", MMIO_ACCESS_AUTO, error);
}

static gboolean
run_uio (GError ** error)
{
  return run_open ("03:00.0", MMIO_ACCESS_UIO, error);
}

static gboolean
run_auto (GError ** error)
{
  return run_open ("dead:beef", MMIO_ACCESS_AUTO, error);
}

static void
prepare_device (void)
{
  device = open_address (FAKEUIO_NODE, MMIO_ACCESS_AUTO, NULL);
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
take_interrupts (GError ** error)
{
  guint count, sum = 0;

  if (mmio_device_open_interrupt (device, error) < 0)
    return FALSE;

  fakeuio.count += 3;
  /* What fails once may succeed later */
  for (guint i = 0; i < 2; i++) {
    if (!mmio_device_take_interrupts (device, &count))
      faultrun_add_problem ("no more interrupts can come");
    sum += count;
  }
  if (sum != 3)
    faultrun_add_problem ("%u interrupts, not 3", sum);
  return TRUE;
}

/* Nothing has come since the node was opened: only the attribute says how many have
 * come before */
static gboolean
run_interrupt (int control_errnum, GError ** error)
{
  gboolean ret;

  fakeuio.control_errnum = control_errnum;
  fakeuio.count = fakeuio.seen = 5;
  ret = take_interrupts (error);
  g_clear_pointer (&device, mmio_device_unref);
  return ret;
}

static gboolean
run_control (GError ** error)
{
  return run_interrupt (0, error);
}

static gboolean
run_generic (GError ** error)
{
  return run_interrupt (ENOSYS, error);
}

static MmioCapture *
open_capture (const char *name, GError ** error)
{
  const MmioCaptureConfig config = {
    .device = name,
    .bar = 1,
    .spec = test_spec ("RGB", 4, 4, 0, 0),
    .frame_sync = MMIO_FRAME_SYNC_INTERRUPT,
  };

  fakeuio.control_errnum = 0;
  fakeuio.count = fakeuio.seen = 5;
  return mmio_capture_open (&config, error);
}

static gboolean
run_capture (GError ** error)
{
  MmioCapture *capture = open_capture (FAKEUIO_NODE, error);

  if (!capture)
    return FALSE;

  fakeuio.count++;
  return faultrun_wait (capture, error);
}

static void
plug (void)
{
  put_device (&card);
  fakeuio_bind_device (&card, "uio_pci_generic");
  fakeuio_put_map (0, "registers", 0xfd000000, 0, 4096);
  fakeuio_put_map (1, "frames", 0xfd001000, 0, 4096);
  fakeuio_put_attribute ("event", "5");
}

static void
prepare_loss (const char *name)
{
  lost = open_capture (name, NULL);
  fail_unless (lost != NULL);
  set_command (&card, 0);
}

static void
prepare_loss_of_node (void)
{
  prepare_loss (FAKEUIO_NODE);
}

static gboolean
run_loss (GError ** error)
{
  faultrun_lose (lost);
  return TRUE;
}

static void
prepare_away (const char *name)
{
  prepare_loss (name);
  faultrun_lose (lost);
  fakeuio_unplug_device (&card);
}

static void
prepare_node_away (void)
{
  prepare_away (FAKEUIO_NODE);
}

static void
prepare_slot_away (void)
{
  prepare_away ("03:00.0");
}

static gboolean
run_away (GError ** error)
{
  return faultrun_stay_away (lost, error);
}

static void
plug_again (void)
{
  plug ();
  fakeuio_put_node (memory);
}

static void
prepare_node_back (void)
{
  prepare_node_away ();
  plug_again ();
}

static void
prepare_slot_back (void)
{
  prepare_slot_away ();
  plug_again ();
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
  back = faultrun_reconnect (g_steal_pointer (&lost), back, "uio");
  fakeuio.count++;
  faultrun_check_frame (g_steal_pointer (&back), memory + page_size ());
}

static void
finish_away (void)
{
  plug_again ();
  finish_back ();
}

static void
finish_loss (void)
{
  fakeuio_unplug_device (&card);
  finish_away ();
}

static gboolean
run_probe (GError ** error)
{
  return faultrun_probe ("uio", error);
}

static void
finish (void)
{
  fail_unless (device == NULL);
}

static const FaultScenario scenarios[] = {
  {"node", FAKEUIO_NODE, NULL, run_node, finish},
  {"map name", FAKEUIO_NODE, NULL, run_map_name, finish},
  {"uio", FAKEUIO_NODE, NULL, run_uio, finish},
  {"auto", FAKEUIO_NODE, NULL, run_auto, finish},
  {"map", FAKEUIO_NODE, prepare_device, run_map, finish},
  {"control", FAKEUIO_NODE, prepare_device, run_control, finish},
  {"generic", FAKEUIO_NODE, prepare_device, run_generic, finish},
  {"capture", FAKEUIO_NODE, NULL, run_capture, finish},
  {"loss", FAKEUIO_NODE, prepare_loss_of_node, run_loss, finish_loss},
  {"node away", FAKEUIO_NODE, prepare_node_away, run_away, finish_away},
  {"slot away", FAKEUIO_NODE, prepare_slot_away, run_away, finish_away},
  {"node back", FAKEUIO_NODE, prepare_node_back, run_back, finish_back},
  {"slot back", FAKEUIO_NODE, prepare_slot_back, run_back, finish_back},
  {"probe", FAKEUIO_NODE, NULL, run_probe, finish},
};

GST_START_TEST (test_fault)
{
  make_bus ();
  plug ();
  memory = fakeuio_make_node ();
  faultkernel_set_devices (&devices);
  faultrun_run (&scenarios[__i__]);
  g_free (memory);
}

GST_END_TEST;

static Suite *
faults_uio_suite (void)
{
  Suite *s = suite_create ("lib-faults-uio");
  TCase *tc = add_case (s, "faults-uio");

  tcase_add_loop_test (tc, test_fault, 0, G_N_ELEMENTS (scenarios));

  return s;
}

int
main (int argc, char **argv)
{
  return run_on_bus (argc, argv, faults_uio_suite, "faults-uio", __FILE__);
}
