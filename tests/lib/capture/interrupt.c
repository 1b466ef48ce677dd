/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames that interrupts start: the wait for them, what they tell of the rate,
 * and how they end.  Link with --wrap=mmio_device_open. */
#include "fixtures/helper.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "capture/mmiocapture.h"

#define BAR 1

static FakeDevice *fake;
static guint n_signals;

MmioDevice *__wrap_mmio_device_open (const MmioAddress * address,
    MmioAccess access, GError ** error);

MmioDevice *
__wrap_mmio_device_open (const MmioAddress * address, MmioAccess access,
    GError ** error)
{
  return mmio_device_ref (&fake->parent);
}

static void
setup (void)
{
  fake = fake_new ();
  fake_set_memory (fake, BAR, 4096);
  fake_add_interrupt (fake);
  n_signals = 0;
}

static void
teardown (void)
{
  mmio_device_unref (&fake->parent);
}

static MmioCapture *
open_capture (void)
{
  const MmioCaptureConfig config = {.device = "aa:11.3",.bar = -1,
    .spec = test_spec ("RGB", 16, 8, 0, 0),
    .frame_sync = MMIO_FRAME_SYNC_INTERRUPT
  };
  GError *error = NULL;
  MmioCapture *capture = mmio_capture_open (&config, &error);

  fail_unless (capture != NULL, "%s", error ? error->message : "");
  return capture;
}

static gint64
soon (void)
{
  return g_get_monotonic_time () + HANG;
}

static MmioCount
wait_for (MmioCapture * capture, guint64 steps)
{
  const gint64 begin = g_get_monotonic_time ();
  MmioCount count;

  fail_unless_equals_int (mmio_capture_wait (capture, soon (), &count),
      MMIO_WAIT_FRAME);
  fail_unless_equals_uint64 (count.steps, steps);
  fail_unless (count.time >= begin && count.time <= g_get_monotonic_time ());
  return count;
}

/* --- Waiting ----------------------------------------------------------------- */

static gpointer
raise_soon (gpointer unused)
{
  g_usleep (20000);
  fake_raise (fake, 1);
  return NULL;
}

static gpointer
wake_soon (gpointer capture)
{
  g_usleep (20000);
  mmio_capture_wake (capture);
  return NULL;
}

static gpointer
unplug_soon (gpointer unused)
{
  g_usleep (20000);
  fake_unplug (fake);
  return NULL;
}

GST_START_TEST (test_wait)
{
  MmioCapture *capture = open_capture ();
  MmioCount count;
  GThread *thread;

  /* There is none, though there is a picture */
  fail_unless_equals_int (mmio_capture_wait (capture, 0, &count),
      MMIO_WAIT_TIMEOUT);
  fake_raise (fake, 1);
  wait_for (capture, 1);
  fail_unless_equals_int (mmio_capture_wait (capture,
          g_get_monotonic_time () + 3000, &count), MMIO_WAIT_TIMEOUT);
  /* Each counts */
  fake_raise (fake, 2);
  fake_raise (fake, 3);
  wait_for (capture, 5);
  /* Whoever comes late, but in time for these */
  fake_raise (fake, 4);
  fail_unless_equals_int (mmio_capture_wait (capture, 0, &count),
      MMIO_WAIT_FRAME);
  fail_unless_equals_uint64 (count.steps, 4);

  thread = g_thread_new ("device", raise_soon, NULL);
  wait_for (capture, 1);
  g_thread_join (thread);
  mmio_capture_close (capture);
}

GST_END_TEST;

GST_START_TEST (test_wake)
{
  MmioCapture *capture = open_capture ();
  MmioCount count;
  GThread *thread;

  for (guint i = 0; i < 5; i++) {
    thread = g_thread_new ("waker", wake_soon, capture);
    fail_unless_equals_int (mmio_capture_wait (capture, soon (), &count),
        MMIO_WAIT_WOKEN);
    g_thread_join (thread);
  }

  /* Before it waits, and once however often; and takes nothing away */
  mmio_capture_wake (capture);
  mmio_capture_wake (capture);
  fake_raise (fake, 2);
  fail_unless_equals_int (mmio_capture_wait (capture, soon (), &count),
      MMIO_WAIT_WOKEN);
  wait_for (capture, 2);
  mmio_capture_close (capture);
}

GST_END_TEST;

static void
on_signal (int number)
{
  n_signals++;
}

typedef struct
{
  pthread_t thread;
  gboolean raises;
} Pester;

static gpointer
pester (gpointer data)
{
  Pester *p = data;

  for (guint i = 0; i < 20; i++) {
    g_usleep (2000);
    pthread_kill (p->thread, SIGUSR1);
  }
  if (p->raises)
    fake_raise (fake, 1);
  return NULL;
}

/* A signal is no end of the wait: neither is one after which the time would be
 * over, had it begun anew with each */
GST_START_TEST (test_signal)
{
  const struct sigaction action = {.sa_handler = on_signal };
  Pester p = {.thread = pthread_self (),.raises = TRUE };
  MmioCapture *capture = open_capture ();
  gint64 deadline;
  GThread *thread;
  MmioCount count;

  fail_unless (sigaction (SIGUSR1, &action, NULL) == 0);
  thread = g_thread_new ("pester", pester, &p);
  wait_for (capture, 1);
  g_thread_join (thread);
  fail_unless (n_signals > 0);

  /* And none comes before the deadline either */
  p.raises = FALSE;
  thread = g_thread_new ("pester", pester, &p);
  deadline = g_get_monotonic_time () + 10000;
  fail_unless_equals_int (mmio_capture_wait (capture, deadline, &count),
      MMIO_WAIT_TIMEOUT);
  fail_unless (g_get_monotonic_time () >= deadline);
  g_thread_join (thread);
  signal (SIGUSR1, SIG_DFL);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* Told at once, again, and however it comes out: in a wait, before it, and
 * without a word */
GST_START_TEST (test_gone)
{
  MmioCapture *capture = open_capture ();
  GError *error = NULL;
  MmioCount count;
  GThread *thread;

  thread = g_thread_new ("device", unplug_soon, NULL);
  fail_unless_equals_int (mmio_capture_wait (capture, soon (), &count),
      MMIO_WAIT_GONE);
  g_thread_join (thread);
  fail_unless_equals_int (mmio_capture_wait (capture, soon (), &count),
      MMIO_WAIT_GONE);
  fail_unless (mmio_capture_get_removal (capture) != NULL);
  error = g_error_copy (mmio_capture_get_removal (capture));
  check_error (&error, MMIO_ERROR_GONE, "Cannot read 0000:aa:11.3: it was "
      "unplugged or its driver was unbound",
      "start again when it is listed by: lspci -D", NULL);
  mmio_capture_close (capture);

  fake_plug (fake);
  capture = open_capture ();
  fail_unless_equals_int (mmio_capture_wait (capture, soon (), &count),
      MMIO_WAIT_FRAME);
  g_atomic_int_set (&fake->has_gone, TRUE);
  fail_unless_equals_int (mmio_capture_wait (capture,
          g_get_monotonic_time () + 3000, &count), MMIO_WAIT_GONE);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* --- The rate ---------------------------------------------------------------- */

#define MAX_PICTURES 20
#define MAX_RUNS 20

static gint
compare_times (gconstpointer a, gconstpointer b)
{
  const gint64 *one = a, *two = b;

  return (*one > *two) - (*one < *two);
}

static gint64
get_median (const gint64 * values, guint n)
{
  gint64 sorted[MAX_PICTURES];

  memcpy (sorted, values, n * sizeof (values[0]));
  qsort (sorted, n, sizeof (sorted[0]), compare_times);
  return sorted[n / 2];
}

/* Whether so many in a row were like no others that they are another rate */
static gboolean
has_other_rate (const gint64 * intervals, guint n)
{
  const gint64 usual = get_median (intervals, n);
  guint others = 0;

  for (guint i = 0; i < n && others < 4; i++) {
    if (intervals[i] > 2 * usual || intervals[i] < usual / 2)
      others++;
    else
      others = 0;
  }
  return others == 4;
}

static void
run_once (MmioCapture * capture, guint pictures, gint64 pause,
    gint64 * intervals)
{
  gint64 last;

  fake_raise (fake, 1);
  last = wait_for (capture, 1).time;
  for (guint i = 0; i < pictures; i++) {
    gint64 time;

    g_usleep (pause);
    fake_raise (fake, 1);
    time = wait_for (capture, 1).time;
    intervals[i] = time - last;
    last = time;
  }
}

/* A device whose rate is what the machine makes of these pauses; and what was
 * really between two pictures most often, as far as the test saw: one that came
 * much too late says nothing of the rate */
static gint64
run (MmioCapture * capture, guint pictures, gint64 pause)
{
  gint64 intervals[MAX_PICTURES];

  fail_unless (pictures > 0 && pictures <= MAX_PICTURES);
  for (guint i = 0; i < MAX_RUNS; i++) {
    run_once (capture, pictures, pause, intervals);
    if (!has_other_rate (intervals, pictures))
      return get_median (intervals, pictures);
  }

  fail ("this machine has no time, in %u runs", MAX_RUNS);
  return 0;
}

/* What of a machine that does other things is wrong by as much again */
static void
check_period (MmioCapture * capture, gint64 wanted)
{
  const gint64 is = mmio_capture_get_period (capture);

  fail_unless (is > wanted / 2 && is < 2 * wanted, "%" G_GINT64_FORMAT
      " is not about %" G_GINT64_FORMAT, is, wanted);
}

GST_START_TEST (test_period)
{
  MmioCapture *capture = open_capture ();
  gint64 period;

  /* When the first one came nobody knows, so that two more are needed */
  fail_unless_equals_int64 (mmio_capture_get_period (capture), 0);
  fake_raise (fake, 1);
  wait_for (capture, 1);
  fake_raise (fake, 1);
  wait_for (capture, 1);
  fail_unless_equals_int64 (mmio_capture_get_period (capture), 0);
  period = run (capture, 20, 5000);
  check_period (capture, period);

  /* It stops for a while, for long, and goes on */
  period = mmio_capture_get_period (capture);
  g_usleep (300000);
  run (capture, 2, 5000);
  check_period (capture, period);
  g_usleep (1100000);
  run (capture, 2, 5000);
  check_period (capture, period);

  /* Another rate */
  period = run (capture, 12, 50000);
  check_period (capture, period);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* A pause of whoever waits says nothing of the device, however long; not even if
 * it is the end of it that is seen to be early */
GST_START_TEST (test_period_of_pause)
{
  MmioCapture *capture = open_capture ();
  gint64 period;

  run (capture, 1, 1000);
  check_period (capture, run (capture, 20, 10000));
  period = mmio_capture_get_period (capture);
  for (guint i = 0; i < 8; i++) {
    fake_raise (fake, 1);
    g_usleep (15000);
    mmio_capture_mark_discontinuity (capture);
    wait_for (capture, 1);
    fake_raise (fake, 1);
    wait_for (capture, 1);
  }
  fail_unless_equals_int64 (mmio_capture_get_period (capture), period);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* --- The end ----------------------------------------------------------------- */

/* Who holds what is mapped holds the device, but not its interrupt */
GST_START_TEST (test_close)
{
  MmioCapture *capture = open_capture ();
  MmioRegion *region =
      mmio_region_ref (mmio_capture_get_info (capture)->region);
  guint count;

  fail_unless_equals_int (fake->n_closes, 0);
  mmio_capture_close (capture);
  fail_unless_equals_int (fake->n_closes, 1);
  fail_unless (!mmio_device_take_interrupts (&fake->parent, &count));
  mmio_device_close_interrupt (&fake->parent);
  fail_unless_equals_int (fake->n_closes, 1);

  /* And the next one can have it */
  capture = open_capture ();
  fake_raise (fake, 1);
  wait_for (capture, 1);
  mmio_capture_close (capture);
  fail_unless_equals_int (fake->n_closes, 2);
  mmio_region_unref (region);
}

GST_END_TEST;

static Suite *
interrupt_suite (void)
{
  Suite *s = suite_create ("lib-interrupt");
  TCase *tc = add_case (s, "interrupt");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_wait);
  tcase_add_test (tc, test_wake);
  tcase_add_test (tc, test_signal);
  tcase_add_test (tc, test_gone);
  tcase_add_test (tc, test_period);
  tcase_add_test (tc, test_period_of_pause);
  tcase_add_test (tc, test_close);

  return s;
}

GST_CHECK_MAIN (interrupt);
