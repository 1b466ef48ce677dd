/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixtures/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "map/mmioguard.h"

#define N_PAGES 3

/* A map of a file that has @pages pages and then becomes as long as its first
 * one */
static const volatile guint8 *
map_truncated (guint pages)
{
  const gsize page = page_size ();
  const int fd = memfd_create ("mmiocheck-guard", MFD_CLOEXEC);
  guint8 *map;

  fail_unless (fd >= 0);
  fail_unless (ftruncate (fd, pages * page) == 0);
  fail_unless (pwrite (fd, "A", 1, 0) == 1);
  fail_unless (pwrite (fd, "B", 1, page) == 1);
  map = mmap (NULL, pages * page, PROT_READ, MAP_SHARED, fd, 0);
  fail_unless (map != MAP_FAILED);
  fail_unless_equals_int (map[0], 'A');
  fail_unless_equals_int (map[page], 'B');
  fail_unless (ftruncate (fd, page) == 0);
  close (fd);

  return map;
}

/* The load that fails gives a zero, and everything else in the map too */
GST_START_TEST (test_lost)
{
  const gsize page = page_size ();
  const volatile guint8 *map = map_truncated (N_PAGES);
  MmioGuard *guard = mmio_guard_new ((gconstpointer) map, N_PAGES * page);

  fail_unless_equals_int (map[0], 'A');
  fail_if (mmio_guard_has_fired (guard));
  errno = EDOM;
  fail_unless_equals_int (map[page], 0);
  fail_unless_equals_int (errno, EDOM);
  fail_unless (mmio_guard_has_fired (guard));
  for (guint i = 0; i < N_PAGES * page; i++)
    fail_unless_equals_int (map[i], 0);

  mmio_guard_free (guard);
  munmap ((gpointer) map, N_PAGES * page);
}

GST_END_TEST;

/* Only what it stands by, and not a byte more: two of them side by side, in both
 * orders, and a fault in either */
GST_START_TEST (test_neighbours)
{
  const gsize size = N_PAGES * page_size ();
  const volatile guint8 *map = map_truncated (2 * N_PAGES);
  const guint made_first = __i__ % 2;
  const guint faulty = __i__ / 2;
  MmioGuard *guard[2];

  guard[made_first] = mmio_guard_new ((guint8 *) map + made_first * size, size);
  guard[!made_first] = mmio_guard_new ((guint8 *) map + !made_first * size,
      size);

  fail_unless_equals_int (map[faulty == 0 ? size - 1 : size], 0);
  fail_unless (mmio_guard_has_fired (guard[faulty]));
  fail_if (mmio_guard_has_fired (guard[!faulty]));
  fail_unless_equals_int (map[0], faulty == 0 ? 0 : 'A');

  /* One that is used again has not fired */
  mmio_guard_free (guard[faulty]);
  guard[faulty] = mmio_guard_new ((guint8 *) map, 1);
  fail_if (mmio_guard_has_fired (guard[faulty]));

  mmio_guard_free (guard[0]);
  mmio_guard_free (guard[1]);
  munmap ((gpointer) map, 2 * size);
}

GST_END_TEST;

/* Everybody's own fault, and what somebody has sent, is handled as if there
 * were no guard.  How a process ends, or goes on: */

typedef enum
{
  FOREIGN_LOAD,
  FREED_GUARD,
  SENT,
} Cause;

#define SURVIVED 42

static sigjmp_buf jump;
static volatile sig_atomic_t n_calls, was_blocked, had_address;
static gconstpointer volatile wanted_address;

static void
note_call (void)
{
  sigset_t blocked;

  n_calls++;
  pthread_sigmask (SIG_BLOCK, NULL, &blocked);
  was_blocked = sigismember (&blocked, SIGBUS) * 2 +
      sigismember (&blocked, SIGUSR1);
}

static void
on_signal (int number)
{
  note_call ();
  siglongjmp (jump, 1);
}

static void
on_info (int number, siginfo_t * info, void *context)
{
  note_call ();
  had_address = info->si_addr == wanted_address && context != NULL;
  siglongjmp (jump, 1);
}

static const struct
{
  const char *name;
  gboolean handles, ignores;
  gboolean wants_info;
  int flags;
} handlers[] = {
  {.name = "SIG_DFL"},
  {"SIG_IGN",.ignores = TRUE},
  {"sa_handler",.handles = TRUE},
  {"sa_sigaction",.handles = TRUE,.wants_info = TRUE,.flags = SA_SIGINFO},
  {"SA_NODEFER",.handles = TRUE,.flags = SA_NODEFER},
  {"SA_RESETHAND",.handles = TRUE,.flags = SA_RESETHAND},
  {"all",.handles = TRUE,.wants_info = TRUE,
      .flags = SA_SIGINFO | SA_NODEFER | SA_RESETHAND},
};

static void
install (guint which)
{
  struct sigaction action = {.sa_flags = handlers[which].flags };

  sigemptyset (&action.sa_mask);
  sigaddset (&action.sa_mask, SIGUSR1);
  if (handlers[which].wants_info)
    action.sa_sigaction = on_info;
  else
    action.sa_handler = handlers[which].ignores ? SIG_IGN :
        handlers[which].handles ? on_signal : SIG_DFL;
  fail_unless (sigaction (SIGBUS, &action, NULL) == 0);
}

static void
cause_it (Cause cause, const volatile guint8 * foreign)
{
  wanted_address = cause == SENT ? NULL : (gconstpointer) foreign;
  if (sigsetjmp (jump, TRUE) != 0)
    return;
  if (cause == SENT)
    raise (SIGBUS);
  else
    (void) *foreign;
}

/* In a process of its own */
static void
meet (guint which, Cause cause)
{
  const struct rlimit no_core = { 0, 0 };
  const gsize page = page_size ();
  const volatile guint8 *map = map_truncated (N_PAGES);
  const volatile guint8 *foreign = map_truncated (N_PAGES) + page;
  MmioGuard *guard;
  const int blocked = (handlers[which].flags & SA_NODEFER) ? 1 : 3;

  setrlimit (RLIMIT_CORE, &no_core);
  install (which);
  guard = mmio_guard_new ((gconstpointer) map, N_PAGES * page);

  /* A fault that is ours, as the handler that calls the other one is ours */
  if (map[page] != 0 || !mmio_guard_has_fired (guard) || n_calls > 0)
    _exit (1);

  if (cause == FREED_GUARD) {
    mmio_guard_free (guard);
    guard = mmio_guard_new ((gconstpointer) (foreign - page), N_PAGES * page);
    mmio_guard_free (guard);
  }

  cause_it (cause, foreign);
  if (handlers[which].handles && (n_calls != 1 || was_blocked != blocked))
    _exit (2);
  if (handlers[which].wants_info && cause != SENT && !had_address)
    _exit (3);

  /* The second time, one that was to be called once is not */
  if (handlers[which].flags & SA_RESETHAND)
    cause_it (cause, foreign);
  _exit (SURVIVED);
}

static gboolean
is_deadly (guint which, Cause cause)
{
  return handlers[which].handles ? (handlers[which].flags & SA_RESETHAND) != 0 :
      cause != SENT || !handlers[which].ignores;
}

GST_START_TEST (test_foreign)
{
  const guint which = __i__ % G_N_ELEMENTS (handlers);
  const Cause cause = __i__ / G_N_ELEMENTS (handlers);
  const pid_t child = fork ();
  int status;

  if (child == 0)
    meet (which, cause);
  fail_unless (waitpid (child, &status, 0) == child);
  if (is_deadly (which, cause))
    fail_unless (WIFSIGNALED (status) && WTERMSIG (status) == SIGBUS,
        "%s, %d: %#x", handlers[which].name, cause, status);
  else
    fail_unless (WIFEXITED (status) && WEXITSTATUS (status) == SURVIVED,
        "%s, %d: %#x", handlers[which].name, cause, status);
}

GST_END_TEST;

/* In a child: a signal that waits for sigwait(3), while a guarded map is read */
static gpointer
read_with_blocked_signal (gpointer data)
{
  const volatile guint8 *map = map_truncated (N_PAGES);
  const struct timespec no_time = { 0, 0 };
  const gsize page = page_size ();
  MmioGuardEntry entry, inner;
  siginfo_t info;
  sigset_t bus;

  mmio_guard_free (mmio_guard_new ((gconstpointer) map, page));
  mmio_guard_new ((gconstpointer) map, N_PAGES * page);
  sigemptyset (&bus);
  sigaddset (&bus, SIGBUS);
  kill (getpid (), SIGBUS);

  mmio_guard_enter (&entry);
  mmio_guard_enter (&inner);
  if (map[page] != 0)
    _exit (2);
  mmio_guard_leave (&inner);
  mmio_guard_leave (&entry);

  if (sigtimedwait (&bus, &info, &no_time) != SIGBUS ||
      info.si_code != SI_USER || info.si_pid != getpid ())
    _exit (3);
  /* It was sent once */
  if (sigtimedwait (&bus, &info, &no_time) >= 0)
    _exit (4);
  _exit (SURVIVED);
}

/* A program that blocks a signal and waits for it gets it, whatever this thread
 * reads meanwhile */
GST_START_TEST (test_blocked)
{
  const guint which = __i__ / 2;
  const gboolean in_thread = __i__ % 2;
  pid_t child;
  int status;

  if (RUNNING_ON_VALGRIND) {
    g_print ("SKIP: valgrind does not keep who sent a blocked signal; run it "
        "without\n");
    return;
  }

  child = fork ();
  if (child == 0) {
    sigset_t bus;

    install (which);
    n_calls = 0;
    sigemptyset (&bus);
    sigaddset (&bus, SIGBUS);
    pthread_sigmask (SIG_BLOCK, &bus, NULL);
    if (in_thread)
      g_thread_join (g_thread_new ("reader", read_with_blocked_signal, NULL));
    else
      read_with_blocked_signal (NULL);
    _exit (5);
  }
  fail_unless (waitpid (child, &status, 0) == child);
  fail_unless (WIFEXITED (status) && WEXITSTATUS (status) == SURVIVED,
      "%s: %#x", handlers[which].name, status);
}

GST_END_TEST;

/* What a forked child maps where its parent has a map is not its parent's */
GST_START_TEST (test_child)
{
  const gsize page = page_size ();
  const struct rlimit no_core = { 0, 0 };
  const volatile guint8 *map = map_truncated (N_PAGES);
  MmioGuard *guard;
  pid_t child;
  int status;

  /* A sanitizer may have one of its own there */
  signal (SIGBUS, SIG_DFL);
  guard = mmio_guard_new ((gconstpointer) map, N_PAGES * page);
  child = fork ();
  if (child == 0) {
    setrlimit (RLIMIT_CORE, &no_core);
    (void) map[page];
    _exit (SURVIVED);
  }
  fail_unless (waitpid (child, &status, 0) == child);
  fail_unless (WIFSIGNALED (status) && WTERMSIG (status) == SIGBUS, "%#x",
      status);
  fail_if (mmio_guard_has_fired (guard));

  mmio_guard_free (guard);
  munmap ((gpointer) map, N_PAGES * page);
}

GST_END_TEST;

/* Many threads lose their maps at once, again and again, while others come and
 * go; and all of them lose one that they share */

#define N_THREADS 8
#define N_ROUNDS 125

static gint started;

typedef struct
{
  const volatile guint8 *shared;
  guint sum;
} Loser;

static gpointer
lose (gpointer data)
{
  const gsize page = page_size ();
  Loser *loser = data;

  g_atomic_int_inc (&started);
  while (g_atomic_int_get (&started) < N_THREADS)
    g_thread_yield ();
  loser->sum += loser->shared[page];

  for (guint i = 0; i < N_ROUNDS; i++) {
    const volatile guint8 *map = map_truncated (N_PAGES);
    MmioGuard *guard = mmio_guard_new ((gconstpointer) map, N_PAGES * page);

    fail_if (mmio_guard_has_fired (guard));
    loser->sum += map[page] + map[0];
    fail_unless (mmio_guard_has_fired (guard));
    mmio_guard_free (guard);
    munmap ((gpointer) map, N_PAGES * page);
  }

  return NULL;
}

GST_START_TEST (test_threads)
{
  const gsize page = page_size ();
  const volatile guint8 *shared = map_truncated (N_PAGES);
  MmioGuard *guard = mmio_guard_new ((gconstpointer) shared, N_PAGES * page);
  GThread *threads[N_THREADS];
  Loser losers[N_THREADS];

  g_atomic_int_set (&started, 0);
  for (guint i = 0; i < N_THREADS; i++) {
    losers[i] = (Loser) {
    .shared = shared};
    threads[i] = g_thread_new ("loser", lose, &losers[i]);
  }
  for (guint i = 0; i < N_THREADS; i++) {
    g_thread_join (threads[i]);
    fail_unless_equals_int (losers[i].sum, 0);
  }
  fail_unless (mmio_guard_has_fired (guard));

  mmio_guard_free (guard);
  munmap ((gpointer) shared, N_PAGES * page);
}

GST_END_TEST;

/* A region that is not aligned, of which the last page is lost */
GST_START_TEST (test_region)
{
  const gsize page = page_size ();
  const int fd = memfd_create ("mmiocheck-guard", MFD_CLOEXEC);
  const volatile guint8 *data;
  MmioRegion *region;

  fail_unless (ftruncate (fd, N_PAGES * page) == 0);
  fail_unless (pwrite (fd, "ABC", 3, 17) == 3);
  region = mmio_region_map (fd, 17, (N_PAGES - 1) * page, MMIO_MAPPING_CACHED,
      NULL, NULL);
  fail_unless (region != NULL);
  data = mmio_region_get_data (region);
  fail_unless_equals_int (data[2], 'C');
  fail_if (mmio_region_is_lost (region));

  fail_unless (ftruncate (fd, (N_PAGES - 1) * page) == 0);
  fail_unless_equals_int (data[2], 'C');
  fail_if (mmio_region_is_lost (region));
  fail_unless_equals_int (data[(N_PAGES - 1) * page - 1], 0);
  fail_unless (mmio_region_is_lost (region));
  fail_unless_equals_int (data[2], 0);

  mmio_region_unref (region);
  close (fd);
}

GST_END_TEST;

/* Nothing is left of the map, and whoever reads it lives */
GST_START_TEST (test_revoke)
{
  const gsize page = page_size ();
  const int fd = memfd_create ("mmiocheck-revoke", MFD_CLOEXEC);
  const volatile guint8 *data;
  MmioRegion *region;

  fail_unless (ftruncate (fd, N_PAGES * page) == 0);
  fail_unless (pwrite (fd, "ABC", 3, page + 17) == 3);
  region = mmio_region_map (fd, page + 17, page, MMIO_MAPPING_CACHED, NULL,
      NULL);
  data = mmio_region_get_data (region);
  fail_unless_equals_int (data[0], 'A');
  fail_unless_equals_int (count_maps ("mmiocheck-revoke"), 1);

  for (guint i = 0; i < 2; i++) {
    mmio_region_revoke (region);
    fail_unless (mmio_region_is_lost (region));
    fail_unless_equals_int (data[0], 0);
    fail_unless_equals_int (data[page - 1], 0);
    fail_unless_equals_int (count_maps ("mmiocheck-revoke"), 0);
  }

  mmio_region_unref (region);
  close (fd);
}

GST_END_TEST;

static Suite *
guard_suite (void)
{
  Suite *s = suite_create ("lib-guard");
  TCase *tc = add_case (s, "guard");

  tcase_add_test (tc, test_lost);
  tcase_add_loop_test (tc, test_neighbours, 0, 4);
  tcase_add_loop_test (tc, test_foreign, 0,
      (SENT + 1) * G_N_ELEMENTS (handlers));
  tcase_add_loop_test (tc, test_blocked, 0, 2 * G_N_ELEMENTS (handlers));
  tcase_add_test (tc, test_child);
  tcase_add_test (tc, test_threads);
  tcase_add_test (tc, test_region);
  tcase_add_test (tc, test_revoke);

  return s;
}

GST_CHECK_MAIN (guard);
