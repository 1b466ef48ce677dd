/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of opening, capturing, reconnecting and listing where a system call
 * fails.  Each scenario runs once to count its calls, and then once for each of them
 * and each error with which that can fail.
 */
#include "bus.h"
#include "faultkernel.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "mmiocandidate.h"
#include "mmiocapture.h"
#include "mmioprobelist.h"
#include "mmiovid-header.h"

#define WIDTH 16
#define HEIGHT 8
#define SIZE (WIDTH * HEIGHT * 3)
#define N_FRAMES 3

typedef struct
{
  const char *name;
  const char *device;           /* NULL: a file of the test */
  gint bar;
  const char *map;              /* in the name of what is mapped */
  MmioFrameSync frame_sync;
  gboolean has_header;
  void (*prepare) (void);
    gboolean (*run) (GError ** error);
} Scenario;

/* In a process of its own for each scenario */
static const Scenario *scenario;
static char *file;
static int injected;            /* what a call fails with; 0: none does */
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

/* --- What a fault may become ------------------------------------------------ */

/* What each error may become */
static const struct
{
  int errnum;
  MmioErrorCode code, other_code;
  const char *word;
} verdicts[] = {
  {EMFILE, MMIO_ERROR_FAILED, MMIO_ERROR_FAILED,
      "process has no file descriptor"},
  {ENFILE, MMIO_ERROR_FAILED, MMIO_ERROR_FAILED,
      "system has no file descriptor"},
  {ENOMEM, MMIO_ERROR_FAILED, MMIO_ERROR_FAILED, "memory"},
  {ENOSPC, MMIO_ERROR_FAILED, MMIO_ERROR_FAILED, "no memory"},
  {EAGAIN, MMIO_ERROR_FAILED, MMIO_ERROR_FAILED, ""},
  {EACCES, MMIO_ERROR_NOT_PERMITTED, MMIO_ERROR_FAILED, ""},
};

/* All that is wrong with a scenario, a line each */
static GString *problems;

static void
G_GNUC_PRINTF (2, 3)
add_problem (const char *what, const char *format, ...)
{
  va_list args;

  g_string_append_printf (problems, "%s: ", what);
  va_start (args, format);
  g_string_append_vprintf (problems, format, args);
  va_end (args);
  g_string_append_c (problems, '\n');
}

/* What no such error proves */
static gboolean
is_wrong (const char *message)
{
  static const char *const wrong[] = {
    "There is no PCI", "There is no file", "unplugged", "lspci", "truncated",
    "replaced", "shorter",
    "is empty", "regular file", "kernel's", "/sys/bus/pci is missing",
    "not where it was", "does not answer", "/proc mounted",
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    if (strstr (message, wrong[i]))
      return TRUE;

  return FALSE;
}

static void
check_fault (const GError * error, int errnum, const char *what)
{
  const char *system = mmio_error_get_system (error);

  for (guint i = 0; i < G_N_ELEMENTS (verdicts); i++) {
    if (verdicts[i].errnum != errnum)
      continue;

    if (error->code != (gint) verdicts[i].code &&
        error->code != (gint) verdicts[i].other_code)
      add_problem (what, "code %d", error->code);
    if (!strstr (error->message, verdicts[i].word) || is_wrong (error->message))
      add_problem (what, "'%s'", error->message);
    if (!strstr (system ? system : error->message, g_strerror (errnum)))
      add_problem (what, "'%s' by the system: '%s'", error->message, system);
    return;
  }

  add_problem (what, "reported: '%s'", error->message);
}

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
    .n_pictures = GUINT32_TO_LE (1),
    .picture_offset = {GUINT64_TO_LE (MMIOVID_HEADER_SIZE)},
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
  MmioTarget target = {.format = mmio_capture_get_picture (capture)->format };
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
    g_propagate_error (error, g_error_copy (mmio_capture_get_loss (capture)));
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
  fail_if (mmio_capture_is_present (capture));
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
  const guint hidden = injected == EACCES ? max_hidden : 0;

  if (length > wanted || length + hidden < wanted)
    add_problem (g_strerror (injected), "a list has %u, not %u", length,
        wanted);
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
  g_autoptr (GPtrArray) candidates = mmio_candidate_try_list ();

  if (!candidates) {
    fail_if (injected == 0);
    if (injected == EACCES || injected == EINTR)
      add_problem (g_strerror (injected), "there is no list");
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
      add_problem (g_strerror (injected), "'%s'", bar->why);
  if (injected != EACCES && bar->why && strstr (bar->why, "not permitted"))
    add_problem (g_strerror (injected), "'%s'", bar->why);
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

/* By each way that leads to a capture, and to each list */
static const Scenario scenarios[] = {
  {"file", NULL, -1, "mmiofault", MMIO_FRAME_SYNC_CLOCK, FALSE, NULL, run_open},
  {"header", NULL, -1, "mmiofault", MMIO_FRAME_SYNC_CLOCK, TRUE, NULL,
      run_open},
  {"sim", "sim", -1, "mmiovid-sim", MMIO_FRAME_SYNC_COUNTER, FALSE, NULL,
      run_open},
  {"slot", "03:00.0", -1, "/resource", MMIO_FRAME_SYNC_CLOCK, FALSE, NULL,
      run_open},
  {"id", "1234:1111@0", 2, "/resource", MMIO_FRAME_SYNC_CLOCK, FALSE, NULL,
      run_open},
  {"resource", DEVICES "/0000:03:00.0/resource0", -1, "/resource",
      MMIO_FRAME_SYNC_CLOCK, FALSE, NULL, run_open},
  {"capture file", NULL, -1, "mmiofault", MMIO_FRAME_SYNC_CLOCK, FALSE,
      prepare_capture, run_capture},
  {"capture header", NULL, -1, "mmiofault", MMIO_FRAME_SYNC_CLOCK, TRUE,
      prepare_capture, run_capture},
  {"capture counter", "sim", -1, "mmiovid-sim", MMIO_FRAME_SYNC_COUNTER, FALSE,
      prepare_capture, run_capture},
  {"capture slot", "03:00.0", -1, "/resource", MMIO_FRAME_SYNC_CLOCK, FALSE,
      prepare_capture, run_capture},
  {"reopen file", NULL, -1, "mmiofault", MMIO_FRAME_SYNC_CLOCK, FALSE,
      prepare_reopen, run_reopen},
  {"reopen header", NULL, -1, "mmiofault", MMIO_FRAME_SYNC_CLOCK, TRUE,
      prepare_reopen, run_reopen},
  {"list", NULL, -1, "/resource", MMIO_FRAME_SYNC_CLOCK, FALSE, NULL, run_list},
  {"candidates", NULL, -1, "/resource", MMIO_FRAME_SYNC_CLOCK, FALSE, NULL,
      run_candidates},
  {"probe", NULL, -1, "/resource", MMIO_FRAME_SYNC_CLOCK, FALSE, NULL,
      run_probe},
};

/* --- One fault after the other --------------------------------------------- */

typedef struct
{
  guint fds, maps, threads;
} Holdings;

static Holdings
get_holdings (void)
{
  return (Holdings) {
  count_fds (), count_maps (scenario->map), count_threads ()};
}

static void
check_holdings (Holdings * before, const char *what)
{
  Holdings now;

  wait_for_threads (before->threads);
  now = get_holdings ();
  if (now.fds != before->fds)
    add_problem (what, "%u descriptors, not %u", now.fds, before->fds);
  if (now.maps != before->maps)
    add_problem (what, "%u maps, not %u", now.maps, before->maps);
  *before = now;
}

/* Returns: how many calls were made */
static guint
run_with_fault (gint at, int errnum, const char *what)
{
  GError *error = NULL;
  gboolean ok;
  guint n;

  if (scenario->prepare)
    scenario->prepare ();

  injected = errnum;
  faultkernel_begin (at, errnum);
  ok = scenario->run (&error);
  n = faultkernel_end ();

  fail_unless (capture == NULL);
  fail_unless (ok == !error);
  if (at < 0)
    fail_unless (ok, "%s: '%s'", what, error ? error->message : "");
  else if (!ok)
    check_fault (error, errnum, what);
  g_clear_error (&error);
  return n;
}

static void
set_up (const Scenario * wanted)
{
  scenario = wanted;
  problems = g_string_new (NULL);
  make_bus ();
  put_device (&card);
  put_device (&other);
  file = temp_path ("mmiofault");
  put_picture ();
}

GST_START_TEST (test_fault)
{
  Holdings before;
  guint n, threads, n_faults = 0;

  set_up (&scenarios[__i__]);
  threads = count_threads ();
  /* What is loaded once is.  A thread that was joined may still be listed. */
  run_with_fault (-1, 0, "the first time");
  wait_for_threads (threads);
  before = get_holdings ();
  n = run_with_fault (-1, 0, "without a fault");
  check_holdings (&before, "without a fault");
  fail_unless (n > 0);

  for (guint at = 0; at < n; at++) {
    const char *call = faultkernel_get_call (at);
    const int *errnums = faultkernel_get_errnums (call);

    for (guint i = 0; errnums[i] != 0; i++) {
      g_autofree char *what = g_strdup_printf ("%s: %s (call %u of %u): %s",
          scenario->name, call, at, n, g_strerror (errnums[i]));

      GST_INFO ("%s", what);
      run_with_fault (at, errnums[i], what);
      check_holdings (&before, what);
      n_faults++;
      /* And nothing of it is left */
      run_with_fault (-1, 0, what);
      check_holdings (&before, what);
    }
  }

  g_print ("%s: %u calls, %u faults\n%s", scenario->name, n, n_faults,
      problems->str);
  fail_unless (problems->len == 0, "%s: %.2000s", scenario->name,
      problems->str);
  g_string_free (problems, TRUE);
  g_remove (file);
  g_free (file);
}

GST_END_TEST;

static guint
count_calls (const char *call, guint n_calls)
{
  guint n = 0;

  for (guint i = 0; i < n_calls; i++)
    n += strcmp (faultkernel_get_call (i), call) == 0;
  return n;
}

/* The simulated device asks for its memory before it writes there: without memory,
 * the write would end the process */
GST_START_TEST (test_allocated)
{
  const Scenario *sim = &scenarios[2];

  fail_unless_equals_string (sim->name, "sim");
  set_up (sim);
  fail_unless (count_calls ("fallocate", run_with_fault (-1, 0, "sim")) >= 2);
  g_string_free (problems, TRUE);
  g_remove (file);
  g_free (file);
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
