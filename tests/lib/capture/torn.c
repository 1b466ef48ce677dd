/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Captures of a picture that somebody writes meanwhile: what goes out is one
 * picture, or is said not to be; and every one is counted. */
#include "fixtures/counting.h"
#include "fixtures/painted.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/mmiocapture.h"

/* For how long a frame waits for a picture that is complete, in microseconds */
#define MAX_WAIT 50000

/* Row by row, each after a while; and then rests */
static gpointer
slow (gpointer unused)
{
  for (guint32 number = 1; !g_atomic_int_get (&painted.stop); number++) {
    set_counter (2 * number - 1);
    paint_slowly (number, 20);
    set_counter (2 * number);
    g_atomic_int_inc (&painted.pictures);
    g_usleep (4000);
  }
  return NULL;
}

static MmioCapture *
open_capture (MmioFrameSync sync, MmioChanges changes)
{
  const MmioCaptureConfig config = {.device = painted.path,.bar = -1,
    .spec = {.format = *test_format ("BGRx"),.width = PAINTED_WIDTH,.height =
          PAINTED_HEIGHT,
          .counter = {.bar = -1,.offset = PAINTED_COUNTER,.bits = 32},
        .counter_is_seqlock = TRUE},
    .frame_sync = sync,.changes = changes
  };
  GError *error = NULL;
  MmioCapture *capture = mmio_capture_open (&config, &error);

  fail_unless (capture != NULL, "%s", error ? error->message : "");
  return capture;
}

static guint32
get_counter (void)
{
  return GUINT32_FROM_LE (__atomic_load_n ((guint32 *) (painted.memory +
              PAINTED_COUNTER), __ATOMIC_SEQ_CST));
}

/* Whether a frame of a slow writer may be torn, with the counter as it was
 * @before and @after it: a machine that does other things has let the writer take
 * too long for one picture, which is not waited for twice, or the reader miss a
 * whole rest of the writer's.  @given_up: what the counter was when it was last
 * waited for in vain */
static gboolean
may_be_torn (guint32 before, guint32 after, gint64 took, guint32 * given_up)
{
  const gboolean was_being_written = before % 2 != 0;

  if (took >= MAX_WAIT || (was_being_written && before == *given_up)) {
    *given_up = after;
    return TRUE;
  }
  /* Another picture was begun after one that was not seen to be complete, or
   * that was not there for long enough to be read */
  return after - before >= (was_being_written ? 2 : 3);
}

typedef struct
{
  GThreadFunc writer;
  MmioChanges changes;
  guint frames;
} Case;

static const Case cases[] = {
  {paint_busily, MMIO_CHANGES_IGNORE, 10000},
  {paint_restlessly, MMIO_CHANGES_IGNORE, 10000},
  {paint_restlessly, MMIO_CHANGES_MARK, 10000},
  {paint_restlessly, MMIO_CHANGES_DROP, 10000},
  {slow, MMIO_CHANGES_IGNORE, 200},
};

/* Whenever it is read: what is torn is said to be */
GST_START_TEST (test_torn)
{
  const Case *c = &cases[__i__];
  g_autofree guint32 *pixels = g_malloc0 (PAINTED_SIZE);
  const MmioTarget target = {.format = *test_format ("BGRx"),
    .plane = {(guint8 *) pixels},.stride = {PAINTED_ROW}
  };
  /* Under valgrind only one thread runs at a time */
  const guint frames = RUNNING_ON_VALGRIND ? c->frames / 100 : c->frames;
  MmioCapture *capture = open_capture (MMIO_FRAME_SYNC_CLOCK, c->changes);
  GThread *thread = g_thread_new ("writer", c->writer, NULL);
  guint whole = 0, torn = 0, unchanged = 0;
  guint32 given_up = 0;
  MmioCaptureStats stats;
  gint64 last = 0;

  for (guint i = 0; i < frames; i++) {
    const gint64 begin = g_get_monotonic_time ();
    const guint32 before = get_counter ();
    MmioDamage damage;
    const MmioRead read = mmio_capture_read (capture, &target, &damage);
    const guint32 after = get_counter ();
    const gint64 took = g_get_monotonic_time () - begin;
    const gint64 number = get_painted_number (pixels);

    whole += read == MMIO_READ_WHOLE;
    torn += read == MMIO_READ_TORN;
    unchanged += read == MMIO_READ_UNCHANGED;
    if (read == MMIO_READ_WHOLE) {
      if (number < last)
        fail ("frame %u: torn, and not flagged, or old: %" G_GINT64_FORMAT
            " after %" G_GINT64_FORMAT, i, number, last);
      last = number;
    }
    if (c->writer == slow) {
      fail_if (read == MMIO_READ_TORN && !may_be_torn (before, after, took,
              &given_up), "frame %u: torn after %" G_GINT64_FORMAT
          " us, in which the counter went from %u to %u", i, took, before,
          after);
      /* At any moment of the next one */
      g_usleep (g_random_int_range (0, 10000));
    }
  }
  g_atomic_int_set (&painted.stop, TRUE);
  g_thread_join (thread);

  GST_INFO ("case %d: %u whole, %u torn, %u unchanged of %u painted", __i__,
      whole, torn, unchanged, painted.pictures);
  mmio_capture_get_stats (capture, &stats);
  GST_INFO ("%" G_GUINT64_FORMAT " reads, last %" G_GINT64_FORMAT,
      stats.bytes_read / PAINTED_SIZE, last);
  fail_unless_equals_uint64 (stats.torn, torn);
  fail_unless_equals_uint64 (stats.frames, whole + torn);
  /* Nor is all of it said to be torn, or nothing */
  fail_unless (RUNNING_ON_VALGRIND || c->writer == paint_busily || whole > 0);
  fail_unless (RUNNING_ON_VALGRIND || c->writer != paint_busily || torn > 0);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* A device that changes its picture during every read: it hears of each one,
 * as pages that are read into cannot be written before it has done so */
static guint8 *trap;
static gsize trap_size;
static gboolean is_tireless;

static void
on_write (int sig, siginfo_t * info, void *context)
{
  const gsize page = sysconf (_SC_PAGESIZE);
  guint8 *address = info->si_addr;
  const gboolean first = address < trap + page;

  if (address < trap || address >= trap + trap_size)
    abort ();

  painted.pictures++;
  set_counter (2 * painted.pictures - 1);
  paint (painted.pictures);
  set_counter (2 * painted.pictures);

  mprotect (trap, trap_size, PROT_READ | PROT_WRITE);
  if (first)
    mprotect (trap + trap_size - page, page, PROT_READ);
  else if (is_tireless)
    mprotect (trap, page, PROT_READ);
}

static void
set_trap (void)
{
  const struct sigaction action = {.sa_sigaction = on_write,
    .sa_flags = SA_SIGINFO
  };
  const gsize page = sysconf (_SC_PAGESIZE);

  trap_size = (PAINTED_SIZE + page - 1) / page * page;
  trap = mmap (NULL, trap_size, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  fail_unless (trap != MAP_FAILED && trap_size >= 2 * page);
  fail_unless (sigaction (SIGSEGV, &action, NULL) == 0);
}

GST_START_TEST (test_hostile)
{
  const guint frames = RUNNING_ON_VALGRIND ? 100 : 10000;
  MmioCapture *capture = open_capture (MMIO_FRAME_SYNC_CLOCK,
      MMIO_CHANGES_IGNORE);
  MmioTarget target = {.format = *test_format ("BGRx"),.stride = {PAINTED_ROW}
  };
  MmioCaptureStats stats;
  MmioDamage damage;

  set_trap ();
  target.plane[0] = trap;
  is_tireless = TRUE;
  for (guint i = 0; i < frames; i++) {
    MmioRead read;

    mprotect (trap, sysconf (_SC_PAGESIZE), PROT_READ);
    read = mmio_capture_read (capture, &target, &damage);
    if (read != MMIO_READ_TORN || get_painted_number ((guint32 *) trap) >= 0)
      fail ("frame %u: %d, of the number %" G_GINT64_FORMAT, i, read,
          get_painted_number ((guint32 *) trap));
  }
  mmio_capture_get_stats (capture, &stats);
  fail_unless_equals_uint64 (stats.torn, frames);
  fail_unless_equals_uint64 (stats.frames, frames);
  /* Nobody tries for ever, nor as often where it did not help */
  fail_unless_equals_uint64 (stats.bytes_read, ((guint64) frames * 2 + 2) *
      PAINTED_SIZE);

  /* One that changes once, and then stands still */
  is_tireless = FALSE;
  for (guint i = 0; i < frames; i++) {
    mprotect (trap, sysconf (_SC_PAGESIZE), PROT_READ);
    if (mmio_capture_read (capture, &target, &damage) != MMIO_READ_WHOLE ||
        get_painted_number ((guint32 *) trap) != painted.pictures)
      fail ("frame %u is not the last one", i);
  }
  mmio_capture_get_stats (capture, &stats);
  fail_unless_equals_uint64 (stats.torn, frames);
  fail_unless_equals_uint64 (stats.bytes_read, ((guint64) frames * 4 + 2) *
      PAINTED_SIZE);

  signal (SIGSEGV, SIG_DFL);
  munmap (trap, trap_size);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* Each picture is told of once, and those that nobody saw are counted */
GST_START_TEST (test_every_picture_counts)
{
  g_autofree guint32 *pixels = g_malloc0 (PAINTED_SIZE);
  const MmioTarget target = {.format = *test_format ("BGRx"),
    .plane = {(guint8 *) pixels},.stride = {PAINTED_ROW}
  };
  MmioCapture *capture = open_capture (MMIO_FRAME_SYNC_COUNTER,
      MMIO_CHANGES_IGNORE);
  const guint64 counted = count_while_written (capture, &target,
      get_painted_number, slow, &painted.pictures, &painted.stop, 200);

  fail_unless_equals_uint64 (counted, painted.pictures);
  mmio_capture_close (capture);
}

GST_END_TEST;

static Suite *
torn_suite (void)
{
  Suite *s = suite_create ("lib-torn");
  TCase *tc = add_case (s, "torn");

  tcase_add_checked_fixture (tc, painted_setup, painted_teardown);
  tcase_add_loop_test (tc, test_torn, 0, G_N_ELEMENTS (cases));
  tcase_add_test (tc, test_hostile);
  tcase_add_test (tc, test_every_picture_counts);

  return s;
}

GST_CHECK_MAIN (torn);
