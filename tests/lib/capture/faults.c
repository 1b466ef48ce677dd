/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of opening, capturing, reconnecting and listing where a system call
 * fails.  Each scenario runs once to count its calls, and then once for each of them
 * and each error with which that can fail.
 */
#include "fixtures/bus.h"
#include "fixtures/faultrun.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "capture/mmiocapture.h"
#include "describe/mmiodevicetable.h"
#include "describe/mmiovid-header.h"
#include "pci/mmioenumerate.h"
#include "probe/mmioprobelist.h"

#define WIDTH 16
#define HEIGHT 8
#define SIZE (WIDTH * HEIGHT * 3)
#define N_FRAMES 3

typedef struct
{
  FaultScenario fault;
  const char *device;           /* NULL: a file of the test */
  gint bar;
  MmioFrameSync frame_sync;
  gboolean has_header;
} Scenario;

/* In a process of its own for each scenario */
static const Scenario *scenario;
static char *file;
static MmioCapture *capture;    /* for run(), which closes it */

/* Two of a kind that describes its frame, so that every list has them */
static const Device card = {
  "0000:03:00.0", 0x1234, 0x1111, {
        {0xfd000000, 8192, MEMORY}, {0, 0, 0},
      {0xfe000000, 16384, MEMORY | PREFETCH}}
};

static const Device other = {
  "0000:04:00.0", 0x1234, 0x1111, {
        {0xfd800000, 8192, MEMORY}, {0, 0, 0},
      {0xfe800000, 16384, MEMORY | PREFETCH}}
};

/* --- Scenarios ------------------------------------------------------------ */

static void
on_event (gpointer data)
{
}

static void
put_picture (void)
{
  guint8 content[MMIOVID_HEADER_SIZE + SIZE] = { 0, };
  const MmiovidHeader header = {
    .magic = GUINT64_TO_LE (MMIOVID_HEADER_MAGIC),
    .version = GUINT32_TO_LE (MMIOVID_HEADER_VERSION),
    .size = GUINT32_TO_LE (MMIOVID_HEADER_SIZE),
    .format = GUINT32_TO_LE (MMIOVID_FORMAT_RGB),
    .width = GUINT32_TO_LE (WIDTH),
    .height = GUINT32_TO_LE (HEIGHT),
    .n_slots = GUINT32_TO_LE (1),
    .slot_offset = {GUINT64_TO_LE (MMIOVID_HEADER_SIZE)},
  };
  g_autofree char *path = g_strconcat (file, ".new", NULL);

  fill_random (content, sizeof (content), 1);
  if (scenario->has_header) {
    memset (content, 0, MMIOVID_HEADER_SIZE);
    memcpy (content, &header, sizeof (header));
  }
  fail_unless (g_file_set_contents (path, (const char *) content,
          sizeof (content), NULL));
  fail_unless (g_rename (path, file) == 0);
}

static MmioCapture *
open_capture (GError ** error)
{
  const MmioCaptureConfig config = {
    .device = scenario->device ? scenario->device : file,
    .bar = scenario->bar,
    .spec = scenario->has_header ? test_spec (NULL, 0, 0, 0, 0) :
        test_spec ("RGB", WIDTH, HEIGHT, 0, 0),
    .frame_sync = scenario->frame_sync,
    .on_event = on_event,
  };

  return mmio_capture_open (&config, error);
}

static gboolean
read_frame (GError ** error)
{
  MmioTarget target = {.format = mmio_capture_get_info (capture)->layout.format
  };
  guint8 bytes[SIZE];
  MmioDamage damage;
  MmioCount count;
  MmioRead ret;

  if (scenario->frame_sync == MMIO_FRAME_SYNC_COUNTER)
    fail_unless_equals_int (mmio_capture_wait (capture,
            g_get_monotonic_time () + HANG, &count), MMIO_WAIT_FRAME);

  target.plane[0] = bytes;
  target.stride[0] = WIDTH * 3;
  ret = mmio_capture_read (capture, &target, &damage);
  if (ret == MMIO_READ_GONE) {
    g_propagate_error (error,
        g_error_copy (mmio_capture_get_removal (capture)));
    return FALSE;
  }

  /* The simulated device may be too fast for a busy machine */
  fail_unless (ret == MMIO_READ_WHOLE || ret == MMIO_READ_TORN, "%d", ret);
  return TRUE;
}

static gboolean
run_open (GError ** error)
{
  capture = open_capture (error);
  if (!capture)
    return FALSE;

  g_clear_pointer (&capture, mmio_capture_close);
  return TRUE;
}

static void
prepare_capture (void)
{
  GError *error = NULL;

  capture = open_capture (&error);
  fail_unless (capture != NULL, "%s", error ? error->message : "");
}

static gboolean
run_capture (GError ** error)
{
  gboolean ret = TRUE;

  for (guint i = 0; ret && i < N_FRAMES; i++)
    ret = read_frame (error);
  g_clear_pointer (&capture, mmio_capture_close);
  return ret;
}

static void
prepare_reopen (void)
{
  prepare_capture ();
  put_picture ();
  fail_if (mmio_capture_check_present (capture));
}

static gboolean
run_reopen (GError ** error)
{
  MmioCapture *again = mmio_capture_reopen (capture, error);
  gboolean ret;

  g_clear_pointer (&capture, mmio_capture_close);
  if (!again)
    return FALSE;

  capture = again;
  ret = read_frame (error);
  g_clear_pointer (&capture, mmio_capture_close);
  return ret;
}

/* Only what may not be read is not listed, at most @max_hidden of @wanted */
static void
check_length (guint length, guint wanted, guint max_hidden)
{
  const guint hidden = faultrun_get_errnum () == EACCES ? max_hidden : 0;

  if (length > wanted || length + hidden < wanted)
    faultrun_add_problem ("a list has %u, not %u", length, wanted);
}

static gboolean
run_list (GError ** error)
{
  g_autoptr (GArray) infos = mmio_pci_list (error);

  if (!infos)
    return FALSE;

  check_length (infos->len, 2, 1);
  return TRUE;
}

static gboolean
run_candidates (GError ** error)
{
  g_autoptr (GPtrArray) candidates = mmio_pci_enumerate (mmio_device_table_has);
  const int errnum = faultrun_get_errnum ();

  if (!candidates) {
    fail_if (errnum == 0);
    if (errnum == EACCES || errnum == EINTR)
      faultrun_add_problem ("there is no list");
    return TRUE;
  }

  check_length (candidates->len, 2, 2);
  return TRUE;
}

/* What is said of a BAR is true, or nothing */
static void
check_probed (const MmioProbeBar * bar)
{
  static const char *const wrong[] = {
    "resource file", "locked down", "not answer", "decoding", "asleep",
  };

  for (guint i = 0; bar->why && i < G_N_ELEMENTS (wrong); i++)
    if (strstr (bar->why, wrong[i]))
      faultrun_add_problem ("'%s'", bar->why);
  if (faultrun_get_errnum () != EACCES && bar->why
      && strstr (bar->why, "not permitted"))
    faultrun_add_problem ("'%s'", bar->why);
}

static gboolean
run_probe (GError ** error)
{
  g_autoptr (GArray) infos = mmio_pci_list (error);
  g_autoptr (GPtrArray) bars = NULL;

  if (!infos)
    return FALSE;

  bars = mmio_probe_list (infos, DEVICES, MMIO_PROBE_LOCKDOWN);
  check_length (bars->len, 4, 2);
  for (guint i = 0; i < bars->len; i++)
    check_probed (g_ptr_array_index (bars, i));
  return TRUE;
}

static void
finish (void)
{
  fail_unless (capture == NULL);
}

/* By each way that leads to a capture, and to each list */
static const Scenario scenarios[] = {
  {{"file", "mmiofault", NULL, run_open, finish}, NULL, -1,
      MMIO_FRAME_SYNC_CLOCK, FALSE},
  {{"header", "mmiofault", NULL, run_open, finish}, NULL, -1,
      MMIO_FRAME_SYNC_CLOCK, TRUE},
  {{"sim", "mmiovid-sim", NULL, run_open, finish}, "sim", -1,
      MMIO_FRAME_SYNC_COUNTER, FALSE},
  {{"slot", "/resource", NULL, run_open, finish}, "03:00.0", -1,
      MMIO_FRAME_SYNC_CLOCK, FALSE},
  {{"id", "/resource", NULL, run_open, finish}, "1234:1111@0", 2,
      MMIO_FRAME_SYNC_CLOCK, FALSE},
  {{"resource", "/resource", NULL, run_open, finish},
      DEVICES "/0000:03:00.0/resource0",
      -1,
      MMIO_FRAME_SYNC_CLOCK, FALSE},
  {{"capture file", "mmiofault", prepare_capture, run_capture, finish}, NULL,
      -1,
      MMIO_FRAME_SYNC_CLOCK, FALSE},
  {{"capture header", "mmiofault", prepare_capture, run_capture, finish}, NULL,
      -1,
      MMIO_FRAME_SYNC_CLOCK, TRUE},
  {{"capture counter", "mmiovid-sim", prepare_capture, run_capture, finish},
      "sim", -1,
      MMIO_FRAME_SYNC_COUNTER, FALSE},
  {{"capture slot", "/resource", prepare_capture, run_capture, finish},
      "03:00.0", -1,
      MMIO_FRAME_SYNC_CLOCK, FALSE},
  {{"reopen file", "mmiofault", prepare_reopen, run_reopen, finish}, NULL, -1,
      MMIO_FRAME_SYNC_CLOCK, FALSE},
  {{"reopen header", "mmiofault", prepare_reopen, run_reopen, finish}, NULL, -1,
      MMIO_FRAME_SYNC_CLOCK, TRUE},
  {{"list", "/resource", NULL, run_list, finish}, NULL, -1,
      MMIO_FRAME_SYNC_CLOCK, FALSE},
  {{"candidates", "/resource", NULL, run_candidates, finish}, NULL, -1,
      MMIO_FRAME_SYNC_CLOCK, FALSE},
  {{"probe", "/resource", NULL, run_probe, finish}, NULL, -1,
      MMIO_FRAME_SYNC_CLOCK, FALSE},
};

static void
set_up (const Scenario * wanted)
{
  scenario = wanted;
  make_bus ();
  put_device (&card);
  put_device (&other);
  file = temp_path ("mmiofault");
  put_picture ();
}

static void
clean_up (void)
{
  g_remove (file);
  g_free (file);
}

GST_START_TEST (test_fault)
{
  set_up (&scenarios[__i__]);
  faultrun_run (&scenario->fault);
  clean_up ();
}

GST_END_TEST;

/* The simulated device asks for its memory before it writes there: without memory,
 * the write would end the process */
GST_START_TEST (test_allocated)
{
  set_up (&scenarios[2]);
  fail_unless_equals_string (scenario->fault.name, "sim");
  fail_unless (faultrun_count_calls (&scenario->fault, "fallocate") >= 2);
  clean_up ();
}

GST_END_TEST;

static Suite *
faults_suite (void)
{
  Suite *s = suite_create ("faults");
  TCase *tc = add_case (s, "faults");

  tcase_add_checked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_loop_test (tc, test_fault, 0, G_N_ELEMENTS (scenarios));
  tcase_add_test (tc, test_allocated);

  return s;
}

int
main (int argc, char **argv)
{
  return run_on_bus (argc, argv, faults_suite, "faults", __FILE__);
}
