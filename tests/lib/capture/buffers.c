/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Captures of a device that writes its pictures in turn: the one that is
 * complete goes out, whole, or is said not to be */
#include "fixtures/counting.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WIDTH 64
#define HEIGHT 48
#define ROW (4 * WIDTH)
#define SIZE (ROW * HEIGHT)
/* Not one right after the other */
#define STEP (SIZE + 4096)
#define COUNTER (MMIO_MAX_BUFFERS * STEP)
#define INDEX (COUNTER + 64)
#define FILE_SIZE (COUNTER + 4096)

/* Where there is no counter */
#define NO_COUNTER 0
#define PLAIN 1
#define SEQLOCK 2

static char *path;
static guint8 *memory;
static gint stop;
static guint n_buffers;
static guint kind;
/* (atomic) for whoever waits for the writer */
static gint painted;
static guint writer_pause;

static void
setup (void)
{
  temp_setup ();
  memory = temp_map ("bar", FILE_SIZE, &path);
  stop = painted = writer_pause = 0;
  n_buffers = 2;
  kind = NO_COUNTER;
}

static void
teardown (void)
{
  munmap (memory, FILE_SIZE);
  unlink (path);
  g_free (path);
  temp_teardown ();
}

static void
store (guint64 at, guint32 value)
{
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  __atomic_store_n ((guint32 *) (memory + at), GUINT32_TO_LE (value),
      __ATOMIC_SEQ_CST);
}

/* Every pixel of a picture is its number */
static void
write_picture (guint buffer, guint32 number)
{
  for (guint y = 0; y < HEIGHT; y++) {
    guint32 *row = (guint32 *) (memory + buffer * STEP + y * ROW);

    for (guint x = 0; x < WIDTH; x++)
      __atomic_store_n (row + x, number, __ATOMIC_RELAXED);
    if (writer_pause > 0)
      g_usleep (writer_pause);
  }
}

/* The next picture, where it is its turn */
static void
paint (void)
{
  g_atomic_int_inc (&painted);
  if (kind == SEQLOCK)
    store (COUNTER, 2 * painted - 1);
  write_picture (painted % n_buffers, painted);
  store (INDEX, painted % n_buffers);
  if (kind != NO_COUNTER)
    store (COUNTER, kind == SEQLOCK ? 2 * painted : painted);
}

static MmioCaptureConfig
get_config (MmioFrameSync sync, MmioChanges changes)
{
  MmioCaptureConfig config = {.device = path,.bar = -1,
    .spec = {.format = *test_format ("BGRx"),.width = WIDTH,.height = HEIGHT,
          .n_buffers = n_buffers,.buffer_step = STEP,
        .index = {.bar = -1,.offset = INDEX,.bits = 32}},
    .frame_sync = sync,.changes = changes
  };

  if (kind != NO_COUNTER) {
    config.spec.counter = (MmioRegisterSpec) {
    .bar = -1,.offset = COUNTER,.bits = 32};
    config.spec.counter_is_seqlock = kind == SEQLOCK;
  }

  return config;
}

static MmioCapture *
open_capture (MmioFrameSync sync, MmioChanges changes)
{
  const MmioCaptureConfig config = get_config (sync, changes);
  GError *error = NULL;
  MmioCapture *capture = mmio_capture_open (&config, &error);

  fail_unless (capture != NULL, "%s", error ? error->message : "");
  return capture;
}

/* The number, or -1 if there is more than one */
static gint64
get_number (const guint32 * pixels)
{
  for (guint i = 1; i < WIDTH * HEIGHT; i++) {
    if (pixels[i] != pixels[0])
      return -1;
  }
  return pixels[0];
}

static MmioTarget
get_target (gpointer pixels)
{
  return (MmioTarget) {
    .format = *test_format ("BGRx"),.plane = { pixels },.stride = { ROW }
  };
}

/* Each of the pictures, when the index names it */
GST_START_TEST (test_each)
{
  g_autofree guint32 *pixels = g_malloc0 (SIZE);
  const MmioTarget target = get_target (pixels);
  MmioCapture *capture;
  MmioDamage damage;

  n_buffers = __i__ % 3 + 2;
  kind = __i__ / 3;
  capture = open_capture (MMIO_FRAME_SYNC_CLOCK, MMIO_CHANGES_IGNORE);
  fail_unless_equals_uint64 (mmio_region_get_length (mmio_capture_get_info
          (capture)->region), (n_buffers - 1) * STEP + SIZE);

  for (guint i = 0; i < 20; i++) {
    guint buffer;

    if (i > 0)
      paint ();
    fail_unless_equals_int (mmio_capture_read (capture, &target, &damage),
        MMIO_READ_WHOLE);
    fail_unless_equals_int64 (get_number (pixels), i);
    fail_unless_equals_int (mmio_capture_choose (capture, &buffer),
        MMIO_READ_WHOLE);
    fail_unless_equals_int (buffer, i % n_buffers);
  }
  mmio_capture_close (capture);
}

GST_END_TEST;

/* --- A device that goes on -------------------------------------------------- */

static gpointer
write_on (gpointer pause)
{
  while (!g_atomic_int_get (&stop)) {
    paint ();
    if (pause)
      g_usleep (GPOINTER_TO_UINT (pause));
  }
  return NULL;
}

typedef struct
{
  guint n_buffers, kind;
  /* Of the device after a row, and after a picture */
  guint row_pause, pause;
  MmioChanges changes;
  guint frames;
} Case;

static const Case cases[] = {
  {2, SEQLOCK, 0, 0, MMIO_CHANGES_IGNORE, 3000},
  {3, SEQLOCK, 0, 0, MMIO_CHANGES_IGNORE, 3000},
  {2, PLAIN, 0, 0, MMIO_CHANGES_IGNORE, 3000},
  {3, PLAIN, 0, 0, MMIO_CHANGES_IGNORE, 3000},
  {4, PLAIN, 0, 0, MMIO_CHANGES_MARK, 3000},
  {2, SEQLOCK, 0, 100, MMIO_CHANGES_DROP, 3000},
  /* Slow ones, that never rest: of these nothing need be torn */
  {2, SEQLOCK, 100, 0, MMIO_CHANGES_IGNORE, 300},
  {3, SEQLOCK, 100, 0, MMIO_CHANGES_IGNORE, 300},
  {3, PLAIN, 100, 0, MMIO_CHANGES_IGNORE, 300},
};

GST_START_TEST (test_goes_on)
{
  const Case *c = &cases[__i__];
  g_autofree guint32 *pixels = g_malloc0 (SIZE);
  const MmioTarget target = get_target (pixels);
  /* Under valgrind only one thread runs at a time */
  const guint frames = RUNNING_ON_VALGRIND ? c->frames / 100 : c->frames;
  guint whole = 0, torn = 0, unchanged = 0;
  MmioCapture *capture;
  MmioCaptureStats stats;
  GThread *thread;
  gint64 last = 0;

  n_buffers = c->n_buffers;
  kind = c->kind;
  writer_pause = c->row_pause;
  capture = open_capture (MMIO_FRAME_SYNC_CLOCK, c->changes);
  thread = g_thread_new ("writer", write_on, GUINT_TO_POINTER (c->pause));

  for (guint i = 0; i < frames; i++) {
    MmioDamage damage;
    const MmioRead read = mmio_capture_read (capture, &target, &damage);
    const gint64 number = get_number (pixels);

    whole += read == MMIO_READ_WHOLE;
    torn += read == MMIO_READ_TORN;
    unchanged += read == MMIO_READ_UNCHANGED;
    if (read == MMIO_READ_WHOLE) {
      if (number < last)
        fail ("frame %u: torn, and not flagged, or old: %" G_GINT64_FORMAT
            " after %" G_GINT64_FORMAT, i, number, last);
      last = number;
    }
    if (c->row_pause > 0)
      g_usleep (c->row_pause * 5);
  }
  g_atomic_int_set (&stop, TRUE);
  g_thread_join (thread);

  mmio_capture_get_stats (capture, &stats);
  GST_INFO ("case %d: %u whole, %u torn, %u unchanged of %u painted, %"
      G_GUINT64_FORMAT " reads", __i__, whole, torn, unchanged, painted,
      stats.bytes_read / SIZE);
  fail_unless_equals_uint64 (stats.torn, torn);
  fail_unless_equals_uint64 (stats.frames, whole + torn);
  if (c->row_pause > 0)
    fail_unless_equals_int (torn, 0);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* Each picture is told of once, though the device never rests, and those that
 * nobody saw are counted */
GST_START_TEST (test_every_picture_counts)
{
  g_autofree guint32 *pixels = g_malloc0 (SIZE);
  const MmioTarget target = get_target (pixels);
  MmioCapture *capture;
  guint64 counted;

  kind = __i__;
  n_buffers = 3;
  writer_pause = 50;
  capture = open_capture (MMIO_FRAME_SYNC_COUNTER, MMIO_CHANGES_IGNORE);
  counted = count_while_written (capture, &target, get_number, write_on,
      &painted, &stop, 100);

  fail_unless_equals_uint64 (counted, painted);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* What is chosen counts as told of, too */
GST_START_TEST (test_chosen_counts)
{
  MmioCapture *capture;
  MmioCount count;
  guint buffer;

  kind = __i__;
  n_buffers = 3;
  capture = open_capture (MMIO_FRAME_SYNC_COUNTER, MMIO_CHANGES_IGNORE);
  fail_unless_equals_int (mmio_capture_wait (capture,
          g_get_monotonic_time () + HANG, &count), MMIO_WAIT_FRAME);
  for (guint i = 0; i < 10; i++) {
    const gint before = painted;

    paint ();
    fail_unless_equals_int (mmio_capture_wait (capture,
            g_get_monotonic_time () + HANG, &count), MMIO_WAIT_FRAME);
    fail_unless_equals_uint64 (count.steps, 1);
    for (guint j = 0; j < i; j++)
      paint ();
    fail_unless_equals_int (mmio_capture_choose (capture, &buffer),
        MMIO_READ_WHOLE);
    fail_unless_equals_int (buffer, painted % 3);
    fail_unless_equals_uint64 (mmio_capture_take_newer (capture),
        painted - before - 1);
    fail_unless_equals_int (mmio_capture_wait (capture, 0, &count),
        MMIO_WAIT_TIMEOUT);
  }
  mmio_capture_close (capture);
}

GST_END_TEST;

/* --- A device that paints during every read --------------------------------- */

/* It hears of each one, as pages that are read into cannot be written before it
 * has done so; it paints so many pictures then */
static guint8 *trap;
static gsize trap_size;
static guint n_trapped;

static void
on_write (int sig, siginfo_t * info, void *context)
{
  const guint8 *address = info->si_addr;

  if (address < trap || address >= trap + trap_size)
    abort ();

  /* In the middle of the picture */
  mprotect (trap, trap_size, PROT_READ | PROT_WRITE);
  for (guint i = 0; i < n_trapped; i++)
    paint ();
}

/* From the middle on, once */
static void
arm_trap (void)
{
  mprotect (trap + page_size (), page_size (), PROT_READ);
}

static void
set_trap (void)
{
  const struct sigaction action = {.sa_sigaction = on_write,
    .sa_flags = SA_SIGINFO
  };

  trap_size = (SIZE + page_size () - 1) / page_size () * page_size ();
  trap = mmap (NULL, trap_size, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  fail_unless (trap != MAP_FAILED && trap_size >= 2 * page_size ());
  fail_unless (sigaction (SIGSEGV, &action, NULL) == 0);
}

typedef struct
{
  guint n_buffers, kind;
  /* Pictures that come during a read; and whether it is read again then */
  guint n;
  gboolean again;
} Hostile;

static const Hostile hostiles[] = {
  /* The index alone takes every flip for the worst */
  {2, NO_COUNTER, 1, TRUE}, {3, NO_COUNTER, 1, TRUE}, {3, NO_COUNTER, 2, TRUE},
  {4, NO_COUNTER, 3, TRUE}, {2, NO_COUNTER, 3, TRUE},
  /* With a counter it is known when it comes back; with two that is at once */
  {2, SEQLOCK, 1, TRUE}, {2, SEQLOCK, 2, TRUE}, {2, SEQLOCK, 3, TRUE},
  {3, SEQLOCK, 1, FALSE}, {3, SEQLOCK, 2, TRUE}, {3, SEQLOCK, 6, TRUE},
  {4, SEQLOCK, 2, FALSE}, {4, SEQLOCK, 3, TRUE}, {4, SEQLOCK, 4, TRUE},
  {2, PLAIN, 1, TRUE}, {2, PLAIN, 2, TRUE}, {3, PLAIN, 1, FALSE},
  {3, PLAIN, 2, TRUE}, {3, PLAIN, 3, TRUE}, {4, PLAIN, 2, FALSE},
  {4, PLAIN, 3, TRUE}, {4, PLAIN, 4, TRUE},
};

/* Once during a frame: the second try has it */
GST_START_TEST (test_flips_once)
{
  const Hostile *h = &hostiles[__i__];
  const guint frames = RUNNING_ON_VALGRIND ? 20 : 500;
  MmioCapture *capture;
  MmioCaptureStats stats;
  MmioTarget target;

  n_buffers = h->n_buffers;
  kind = h->kind;
  n_trapped = h->n;
  capture = open_capture (MMIO_FRAME_SYNC_CLOCK, MMIO_CHANGES_IGNORE);
  set_trap ();
  target = get_target (trap);

  for (guint i = 0; i < frames; i++) {
    const gint before = painted;
    MmioDamage damage;
    gint64 number;

    arm_trap ();
    fail_unless_equals_int (mmio_capture_read (capture, &target, &damage),
        MMIO_READ_WHOLE);
    number = get_number ((guint32 *) trap);
    fail_unless_equals_int (painted, before + h->n);
    if (number != (gint64) (h->again ? painted : before))
      fail ("frame %u is %" G_GINT64_FORMAT " of %u and %u", i, number, before,
          painted);
  }
  mmio_capture_get_stats (capture, &stats);
  fail_unless_equals_uint64 (stats.torn, 0);
  fail_unless_equals_uint64 (stats.bytes_read, (guint64) frames *
      (h->again ? 2 : 1) * SIZE);

  signal (SIGSEGV, SIG_DFL);
  munmap (trap, trap_size);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* During every read, and over what is read: none goes out that is torn and not
 * said to be */
static void
on_write_again (int sig, siginfo_t * info, void *context)
{
  const guint8 *address = info->si_addr;
  const gboolean is_top = address < trap + page_size ();

  if (address < trap || address >= trap + trap_size)
    abort ();

  mprotect (trap, trap_size, PROT_READ | PROT_WRITE);
  if (!is_top) {
    for (guint i = 0; i < n_trapped; i++)
      paint ();
  }
  /* The next one begins again at the top */
  mprotect (trap + (is_top ? page_size () : 0), page_size (), PROT_READ);
}

GST_START_TEST (test_flips_always)
{
  const Hostile *h = &hostiles[__i__];
  const struct sigaction action = {.sa_sigaction = on_write_again,
    .sa_flags = SA_SIGINFO
  };
  const guint frames = RUNNING_ON_VALGRIND ? 20 : 2000;
  guint torn = 0, whole = 0;
  MmioCapture *capture;
  MmioCaptureStats stats;
  MmioTarget target;

  n_buffers = h->n_buffers;
  kind = h->kind;
  n_trapped = h->n;
  capture = open_capture (MMIO_FRAME_SYNC_CLOCK, MMIO_CHANGES_IGNORE);
  set_trap ();
  fail_unless (sigaction (SIGSEGV, &action, NULL) == 0);
  target = get_target (trap);

  mprotect (trap, page_size (), PROT_READ);
  for (guint i = 0; i < frames; i++) {
    const gint before = painted;
    MmioDamage damage;
    const MmioRead read = mmio_capture_read (capture, &target, &damage);
    const gint64 number = get_number ((guint32 *) trap);

    fail_unless (painted > before);
    if (read == MMIO_READ_WHOLE && number != before)
      fail ("frame %u is %" G_GINT64_FORMAT ", not %u, and not flagged", i,
          number, before);
    torn += read == MMIO_READ_TORN;
    whole += read == MMIO_READ_WHOLE;
  }
  mprotect (trap, trap_size, PROT_READ | PROT_WRITE);
  fail_unless_equals_int (torn, h->again ? frames : 0);
  fail_unless_equals_int (whole, h->again ? 0 : frames);
  mmio_capture_get_stats (capture, &stats);
  fail_unless_equals_uint64 (stats.torn, torn);
  /* Nobody tries for ever, nor as often where it did not help */
  fail_unless_equals_uint64 (stats.bytes_read, ((guint64) frames *
          (h->again ? 2 : 1) + (h->again ? 2 : 0)) * SIZE);

  signal (SIGSEGV, SIG_DFL);
  munmap (trap, trap_size);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* A read that takes longer than anybody waits, in which the only picture begins
 * to be written anew: there is as much time for that as ever */
static gint began;

static void
on_write_slowly (int sig, siginfo_t * info, void *context)
{
  const guint8 *address = info->si_addr;

  if (address < trap || address >= trap + trap_size)
    abort ();

  mprotect (trap, trap_size, PROT_READ | PROT_WRITE);
  g_usleep (60000);
  painted++;
  store (COUNTER, 2 * painted - 1);
  g_atomic_int_set (&began, TRUE);
}

static gpointer
complete_soon (gpointer unused)
{
  while (!g_atomic_int_get (&began))
    g_usleep (500);
  g_usleep (5000);
  write_picture (0, painted);
  store (COUNTER, 2 * painted);
  return NULL;
}

GST_START_TEST (test_slow_read)
{
  const struct sigaction action = {.sa_sigaction = on_write_slowly,
    .sa_flags = SA_SIGINFO
  };
  MmioRead read = MMIO_READ_TORN;
  MmioCaptureStats before, after;
  MmioCapture *capture;
  MmioDamage damage;
  MmioTarget target;

  n_buffers = 1;
  kind = SEQLOCK;
  capture = open_capture (MMIO_FRAME_SYNC_CLOCK, MMIO_CHANGES_IGNORE);
  set_trap ();
  fail_unless (sigaction (SIGSEGV, &action, NULL) == 0);
  target = get_target (trap);

  /* The thread may be late, on a machine that has other things to do */
  for (guint i = 0; i < 20 && read != MMIO_READ_WHOLE; i++) {
    GThread *thread;

    began = FALSE;
    thread = g_thread_new ("writer", complete_soon, NULL);
    arm_trap ();
    read = mmio_capture_read (capture, &target, &damage);
    g_thread_join (thread);
  }
  fail_unless_equals_int (read, MMIO_READ_WHOLE);
  fail_unless_equals_int64 (get_number ((guint32 *) trap), painted);

  /* And if it is not completed, reading it again were for nothing */
  mmio_capture_get_stats (capture, &before);
  arm_trap ();
  fail_unless_equals_int (mmio_capture_read (capture, &target, &damage),
      MMIO_READ_TORN);
  mmio_capture_get_stats (capture, &after);
  fail_unless_equals_uint64 (after.bytes_read - before.bytes_read, SIZE);
  fail_unless_equals_uint64 (after.torn - before.torn, 1);

  signal (SIGSEGV, SIG_DFL);
  munmap (trap, trap_size);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* --- None is complete -------------------------------------------------------- */

/* Reads a frame.  Returns: the microseconds that it took */
static gint64
read_in_vain (MmioCapture * capture, guint32 * pixels, gint64 number)
{
  const MmioTarget target = get_target (pixels);
  const gint64 begin = g_get_monotonic_time ();
  MmioDamage damage;

  fail_unless_equals_int (mmio_capture_read (capture, &target, &damage),
      MMIO_READ_TORN);
  fail_unless_equals_int64 (get_number (pixels), number);
  return g_get_monotonic_time () - begin;
}

static const guint32 bad_indices[] = { 2, 3, 255, 0x80000000, 0xffffffff };

/* The last one that the device has told of, and said not to be whole; it is
 * waited for, but not for each frame anew */
GST_START_TEST (test_bad_index)
{
  g_autofree guint32 *pixels = g_malloc0 (SIZE);
  const MmioTarget target = get_target (pixels);
  gint64 once, others = 0, since;
  MmioCapture *capture;
  MmioCaptureStats stats;
  MmioDamage damage;
  guint64 index;
  guint buffer;

  capture = open_capture (MMIO_FRAME_SYNC_CLOCK, MMIO_CHANGES_IGNORE);
  store (INDEX, bad_indices[__i__]);
  write_picture (0, 70);
  write_picture (1, 71);

  /* It never told of one: the first */
  once = read_in_vain (capture, pixels, 70);
  for (guint i = 0; i < 50; i++)
    others += read_in_vain (capture, pixels, 70);
  fail_unless (others < 25 * once, "%" G_GINT64_FORMAT " us for the first, %"
      G_GINT64_FORMAT " for 50", once, others);
  fail_unless_equals_int (mmio_capture_get_obstacle (capture, &since, &index),
      MMIO_OBSTACLE_INDEX);
  fail_unless_equals_uint64 (index, bad_indices[__i__]);
  fail_unless (since > 0 && since < g_get_monotonic_time () - others);
  fail_unless_equals_int (mmio_capture_choose (capture, &buffer),
      MMIO_READ_TORN);
  fail_unless_equals_int (buffer, 0);

  store (INDEX, 1);
  fail_unless_equals_int (mmio_capture_read (capture, &target, &damage),
      MMIO_READ_WHOLE);
  fail_unless_equals_int64 (get_number (pixels), 71);
  fail_unless_equals_int (mmio_capture_get_obstacle (capture, &since, &index),
      MMIO_OBSTACLE_NONE);

  /* Once more */
  store (INDEX, bad_indices[__i__]);
  once = read_in_vain (capture, pixels, 71);
  fail_unless (once > others / 25, "%" G_GINT64_FORMAT " us, and %"
      G_GINT64_FORMAT " for 50", once, others);
  fail_unless_equals_int (mmio_capture_choose (capture, &buffer),
      MMIO_READ_TORN);
  fail_unless_equals_int (buffer, 1);

  mmio_capture_get_stats (capture, &stats);
  fail_unless_equals_uint64 (stats.torn, 54);
  fail_unless_equals_uint64 (stats.frames, 53);
  /* Once each: another try would see the same */
  fail_unless_equals_uint64 (stats.bytes_read, 53 * SIZE);
  mmio_capture_close (capture);
}

GST_END_TEST;

static gpointer
write_index_soon (gpointer unused)
{
  g_usleep (5000);
  store (INDEX, 1);
  return NULL;
}

/* A device that is only busy for a while is waited for */
GST_START_TEST (test_busy_index)
{
  g_autofree guint32 *pixels = g_malloc0 (SIZE);
  const MmioTarget target = get_target (pixels);
  MmioCapture *capture = open_capture (MMIO_FRAME_SYNC_CLOCK,
      MMIO_CHANGES_IGNORE);
  MmioRead read;
  MmioDamage damage;

  write_picture (1, 71);
  /* The thread may be late, on a machine that has other things to do */
  for (guint i = 0; i < 100; i++) {
    GThread *thread;

    store (INDEX, 1);
    fail_unless_equals_int (mmio_capture_read (capture, &target, &damage),
        MMIO_READ_WHOLE);
    store (INDEX, 7);
    thread = g_thread_new ("writer", write_index_soon, NULL);
    read = mmio_capture_read (capture, &target, &damage);
    g_thread_join (thread);
    if (read == MMIO_READ_WHOLE)
      break;
  }
  fail_unless_equals_int (read, MMIO_READ_WHOLE);
  fail_unless_equals_int64 (get_number (pixels), 71);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* A writer that died in the middle of its only picture: it is waited for once,
 * and again after it has moved */
GST_START_TEST (test_dead_writer)
{
  g_autofree guint32 *pixels = g_malloc0 (SIZE);
  gint64 once, others = 0, since;
  MmioCaptureStats stats;
  MmioCapture *capture;
  guint64 index;

  n_buffers = 1;
  kind = SEQLOCK;
  store (COUNTER, 5);
  capture = open_capture (MMIO_FRAME_SYNC_CLOCK, MMIO_CHANGES_IGNORE);
  once = read_in_vain (capture, pixels, 0);
  /* To wait is not to copy */
  mmio_capture_get_stats (capture, &stats);
  fail_unless (stats.copy_time < (guint64) once / 2);
  for (guint i = 0; i < 50; i++)
    others += read_in_vain (capture, pixels, 0);
  fail_unless (others < 25 * once, "%" G_GINT64_FORMAT " us for the first, %"
      G_GINT64_FORMAT " for 50", once, others);
  fail_unless_equals_int (mmio_capture_get_obstacle (capture, &since, &index),
      MMIO_OBSTACLE_WRITING);

  /* Another picture, and it dies again */
  store (COUNTER, 7);
  once = read_in_vain (capture, pixels, 0);
  fail_unless (once > others / 25, "%" G_GINT64_FORMAT " us, and %"
      G_GINT64_FORMAT " for 50", once, others);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* Whoever wants to stop need not wait; and a wake is for one wait */
GST_START_TEST (test_wake)
{
  g_autofree guint32 *pixels = g_malloc0 (SIZE);
  const MmioTarget target = get_target (pixels);
  const MmioFrameSync sync = __i__ % 2 ? MMIO_FRAME_SYNC_COUNTER :
      MMIO_FRAME_SYNC_CLOCK;
  MmioCaptureStats stats;
  MmioCapture *capture;
  MmioDamage damage;
  guint buffer;

  kind = SEQLOCK;
  n_buffers = __i__ < 2 ? 1 : 2;
  store (COUNTER, n_buffers == 1 ? 5 : 6);
  store (INDEX, 9);
  capture = open_capture (sync, MMIO_CHANGES_DROP);

  mmio_capture_wake (capture);
  fail_unless_equals_int (mmio_capture_read (capture, &target, &damage),
      MMIO_READ_WOKEN);
  if (n_buffers > 1) {
    mmio_capture_wake (capture);
    fail_unless_equals_int (mmio_capture_choose (capture, &buffer),
        MMIO_READ_WOKEN);
  }
  mmio_capture_get_stats (capture, &stats);
  fail_unless_equals_uint64 (stats.frames + stats.torn + stats.unchanged, 0);
  fail_unless_equals_uint64 (stats.bytes_read, 0);

  /* Twice is once */
  mmio_capture_wake (capture);
  mmio_capture_wake (capture);
  fail_unless_equals_int (mmio_capture_read (capture, &target, &damage),
      MMIO_READ_WOKEN);
  fail_unless_equals_int (mmio_capture_read (capture, &target, &damage),
      MMIO_READ_TORN);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* --- Changes ------------------------------------------------------------------ */

/* Frames are compared by what is in them, wherever that was */
GST_START_TEST (test_changes)
{
  const MmioChanges changes = __i__ % 2 ? MMIO_CHANGES_DROP : MMIO_CHANGES_MARK;
  g_autofree guint32 *pixels = g_malloc0 (SIZE);
  const MmioTarget target = get_target (pixels);
  const MmioRead same = changes == MMIO_CHANGES_DROP ? MMIO_READ_UNCHANGED :
      MMIO_READ_WHOLE;
  MmioCapture *capture;
  MmioDamage damage;

  kind = __i__ / 2;
  n_buffers = 3;
  capture = open_capture (MMIO_FRAME_SYNC_CLOCK, changes);
  for (guint i = 0; i < 3; i++)
    write_picture (i, 55);

  fail_unless_equals_int (mmio_capture_read (capture, &target, &damage),
      MMIO_READ_WHOLE);
  for (guint i = 0; i < 6; i++) {
    store (INDEX, i % 3);
    fail_unless_equals_int (mmio_capture_read (capture, &target, &damage),
        same);
    fail_unless_equals_int (damage.n_ranges, 0);
  }

  /* A row of the next one */
  store (2 * STEP + 7 * ROW + 4, 56);
  store (INDEX, 2);
  fail_unless_equals_int (mmio_capture_read (capture, &target, &damage),
      MMIO_READ_WHOLE);
  fail_unless_equals_int (damage.n_ranges, 1);
  fail_unless_equals_int (damage.range[0].first, 7);
  fail_unless_equals_int (damage.range[0].count, 1);
  fail_unless_equals_int (pixels[7 * WIDTH + 1], 56);

  /* And the first one again, without it */
  store (INDEX, 0);
  fail_unless_equals_int (mmio_capture_read (capture, &target, &damage),
      MMIO_READ_WHOLE);
  fail_unless_equals_int (damage.n_ranges, 1);
  fail_unless_equals_int (damage.range[0].first, 7);
  fail_unless_equals_int64 (get_number (pixels), 55);

  mmio_capture_close (capture);
}

GST_END_TEST;

/* --- What is refused ----------------------------------------------------------- */

static void
refuse (const MmioCaptureConfig * config, const char *a, const char *b,
    const char *c)
{
  const guint maps = count_maps ("bar");
  GError *error = NULL;

  fail_if (mmio_capture_open (config, &error));
  check_error (&error, MMIO_ERROR_SETTINGS, a, b, c, NULL);
  fail_unless_equals_int (count_maps ("bar"), maps);
}

GST_START_TEST (test_refused)
{
  MmioCaptureConfig config = get_config (MMIO_FRAME_SYNC_CLOCK,
      MMIO_CHANGES_IGNORE);
  const MmioCaptureConfig good = config;

  config.spec.index.bits = 0;
  refuse (&config, path, "it has 2 buffers, and no index is set",
      "Set index-offset (and index-bar, index-size), or set buffers to 1");

  config = good;
  config.spec.index.offset = INDEX + 2;
  refuse (&config, path, "Cannot use a register of 32 bits at byte",
      "Set index-offset to a multiple of 4, or reduce index-size.");
  config.spec.index.offset = FILE_SIZE;
  refuse (&config, path, "Cannot use a register at byte", NULL);
  config.spec.index = good.spec.index;
  config.spec.index.bits = 12;
  refuse (&config, path, "a register of 12 bits", NULL);
  config.spec.index = good.spec.index;
  config.spec.index.bar = 3;
  refuse (&config, path, "BAR 3", NULL);

  config = good;
  config.spec.buffer_step = SIZE - 1;
  refuse (&config, "use 2 slots: slots 0 and 1 overlap", "buffer-step", NULL);
  config.spec.buffer_step = FILE_SIZE;
  refuse (&config, "Cannot map the last frame of", path,
      "Correct width, height, format, buffers, buffer-step, offset or stride");
  config.spec.buffer_step = STEP;
  config.spec.n_buffers = 5;
  refuse (&config, "Reduce buffers", "limit is 4", NULL);

  config = good;
  config.spec.n_buffers = 0;
  refuse (&config, path, "index-offset, index-bar or index-size",
      "the number of buffers is not known. Set buffers");

  /* To the last byte */
  config = good;
  config.spec.n_buffers = 2;
  config.spec.buffer_step = FILE_SIZE - SIZE;
  mmio_capture_close (mmio_capture_open (&config, NULL));
  config.spec.buffer_step++;
  refuse (&config, "Cannot map the last frame of", NULL, NULL);

  /* One has no use for an index, wherever it were */
  config = good;
  config.spec.n_buffers = 1;
  config.spec.index.offset = G_MAXUINT64;
  mmio_capture_close (mmio_capture_open (&config, NULL));
}

GST_END_TEST;

static Suite *
buffers_suite (void)
{
  Suite *s = suite_create ("lib-buffers");
  TCase *tc = add_case (s, "buffers");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_each, 0, 9);
  tcase_add_loop_test (tc, test_goes_on, 0, G_N_ELEMENTS (cases));
  tcase_add_loop_test (tc, test_every_picture_counts, PLAIN, SEQLOCK + 1);
  tcase_add_loop_test (tc, test_chosen_counts, PLAIN, SEQLOCK + 1);
  tcase_add_loop_test (tc, test_flips_once, 0, G_N_ELEMENTS (hostiles));
  tcase_add_loop_test (tc, test_flips_always, 0, G_N_ELEMENTS (hostiles));
  tcase_add_test (tc, test_slow_read);
  tcase_add_loop_test (tc, test_bad_index, 0, G_N_ELEMENTS (bad_indices));
  tcase_add_test (tc, test_busy_index);
  tcase_add_test (tc, test_dead_writer);
  tcase_add_loop_test (tc, test_wake, 0, 4);
  tcase_add_loop_test (tc, test_changes, 0, 6);
  tcase_add_test (tc, test_refused);

  return s;
}

GST_CHECK_MAIN (buffers);
