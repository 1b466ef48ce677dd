/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeps the process alive when mapped memory disappears.  A load raises SIGBUS
 * after a file became shorter, a driver took its BAR, or a device stopped
 * answering.  By default SIGBUS ends the process.  The handler maps zeros in
 * the place of the map instead, and records that the guard has fired.
 *
 * The handler works for loads in any thread, since threads of other elements
 * read maps with io-mode=mmap.  It passes faults at other addresses, and
 * signals that were sent, to the previous handler.
 *
 * The handler is async-signal-safe: it uses only atomic operations and system
 * calls.
 */
#include "map/mmioguard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Guards are reused and never freed, since the handler may read any of them at
 * any time in any thread */
struct _MmioGuard
{
  MmioGuard *next;              /* constant once the guard is in the list */
  gint changes;                 /* seqlock: odd while the map is changed */
  gpointer start;
  gpointer end;                 /* NULL: disarmed */
  gboolean is_used;             /* has an owner, which may read @fired */
  gint process;                 /* forked children do not have the map */
  gint fired;
};

G_LOCK_DEFINE_STATIC (guards);
static MmioGuard *guards;

/* This thread's innermost mmio_guard_enter(), or NULL.  With any other TLS
 * model the first access in a thread allocates, which the handler must not do. */
static __thread MmioGuardEntry *entered
    __attribute__((tls_model ("initial-exec")));

/* The previous handler; set before this one is installed */
static struct sigaction previous;

/* Returns: whether @address is in the map of @guard, which did not change
 *   during the check */
static gboolean
mmio_guard_has (MmioGuard * guard, gconstpointer address, gpointer * start,
    gpointer * end)
{
  const gint changes = g_atomic_int_get (&guard->changes);

  *start = g_atomic_pointer_get (&guard->start);
  *end = g_atomic_pointer_get (&guard->end);

  return changes % 2 == 0 && address >= *start && address < *end &&
      g_atomic_int_get (&guard->process) == (gint) getpid () &&
      g_atomic_int_get (&guard->changes) == changes;
}

/* Replaces a map with zeros, atomically for concurrent readers */
static gboolean
put_zeros (MmioGuard * guard, gpointer start, gpointer end)
{
  g_atomic_int_set (&guard->fired, TRUE);
  /* The region unmaps this memory */
  /* cppcheck-suppress leakReturnValNotUsed */
  return mmap (start, (guint8 *) end - (guint8 *) start, PROT_READ,
      MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
      0) != MAP_FAILED;
}

/* Replaces the map with zeros, so that the failed load succeeds when the CPU
 * repeats it.  All of the map is replaced, since lost memory does not come
 * back. */
static gboolean
mmio_guard_catch (gpointer address)
{
  for (MmioGuard * guard = g_atomic_pointer_get (&guards); guard;
      guard = guard->next) {
    gpointer start, end;

    if (!mmio_guard_has (guard, address, &start, &end))
      continue;

    return put_zeros (guard, start, end);
  }

  return FALSE;
}

static void
set_default (int number)
{
  const struct sigaction action = {.sa_handler = SIG_DFL };

  sigaction (number, &action, NULL);
}

/* Calls the previous handler as the kernel would */
static void
call_previous (int number, siginfo_t * info, void *context)
{
  const struct sigaction action = previous;
  sigset_t bus, before;

  if (action.sa_flags & SA_RESETHAND) {
    previous.sa_handler = SIG_DFL;
    previous.sa_flags = 0;
  }

  pthread_sigmask (SIG_BLOCK, &action.sa_mask, &before);
  if (action.sa_flags & SA_NODEFER) {
    sigemptyset (&bus);
    sigaddset (&bus, number);
    pthread_sigmask (SIG_UNBLOCK, &bus, NULL);
  }

  if (action.sa_flags & SA_SIGINFO)
    action.sa_sigaction (number, info, context);
  else
    action.sa_handler (number);

  pthread_sigmask (SIG_SETMASK, &before, NULL);
}

static void
pass_on (int number, siginfo_t * info, void *context, gboolean is_load)
{
  const gboolean is_handled = (previous.sa_flags & SA_SIGINFO) ||
      (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN);

  if (is_handled) {
    call_previous (number, info, context);
    return;
  }

  /* The default action ends the process.  A failed load is repeated after the
   * handler, and the kernel never ignores its signal.  A sent signal is raised
   * again, and delivered when the handler returns. */
  if (is_load || previous.sa_handler == SIG_DFL)
    set_default (number);
  if (!is_load && previous.sa_handler == SIG_DFL)
    raise (number);
}

/* Keeps a sent signal, if this thread had SIGBUS blocked before
 * mmio_guard_enter().  The signal may be for another thread.  Keeping one is
 * enough, since standard signals do not queue. */
static gboolean
keep_sent (const siginfo_t * info)
{
  MmioGuardEntry *entry = entered;

  while (entry && entry->outer)
    entry = entry->outer;
  if (!entry || !sigismember (&entry->before, SIGBUS))
    return FALSE;

  entry->sent = *info;
  entry->was_sent = TRUE;
  return TRUE;
}

/* Sends a kept signal again, to this thread or to the process as before.  Only
 * the first thread may send a copy of another sender's kill() to the process
 * (rt_sigqueueinfo(2)); kill() replaces it in other threads. */
static void
send_again (siginfo_t * info)
{
  long ret = info->si_code == SI_USER || info->si_code == SI_QUEUE ?
      syscall (SYS_rt_sigqueueinfo, getpid (), SIGBUS, info) :
      syscall (SYS_rt_tgsigqueueinfo, getpid (), gettid (), SIGBUS, info);

  if (ret < 0 && errno == EPERM)
    ret = kill (getpid (), SIGBUS);
  if (ret < 0)
    g_warning ("rt_sigqueueinfo (SIGBUS): %s", g_strerror (errno));
}

static void
on_bus_error (int number, siginfo_t * info, void *context)
{
  /* Other memory does not help a misaligned load.  BUS_MCEERR_AO reports
   * broken memory in advance, not a failed load (sigaction(2)). */
  const gboolean is_load = info->si_code > 0 && info->si_code != BUS_MCEERR_AO;
  const gboolean can_cure = is_load && info->si_code != BUS_ADRALN;
  const int saved = errno;
  MmioGuardEntry *const entry = entered;

  /* mmio_guard_catch() returns a boolean, not memory */
  /* cppcheck-suppress leakReturnValNotUsed */
  if ((!can_cure || !mmio_guard_catch (info->si_addr)) &&
      (is_load || !keep_sent (info))) {
    /* The previous handler may call siglongjmp() instead of returning */
    entered = NULL;
    pass_on (number, info, context, is_load);
    entered = entry;
  }

  errno = saved;
}

static void
install_handler (void)
{
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK };

  action.sa_sigaction = on_bus_error;
  sigemptyset (&action.sa_mask);

  /* The handler is never removed, since handlers that were installed later may
   * call it */
  if (sigaction (SIGBUS, NULL, &previous) < 0) {
    g_warning ("sigaction (SIGBUS): %s", g_strerror (errno));
    return;
  }

  /* Sent signals must not interrupt more system calls than before */
  action.sa_flags |= previous.sa_flags & SA_RESTART;
  if (!(previous.sa_flags & SA_SIGINFO) && previous.sa_handler == SIG_IGN)
    action.sa_flags |= SA_RESTART;
  if (sigaction (SIGBUS, &action, NULL) < 0)
    g_warning ("sigaction (SIGBUS): %s", g_strerror (errno));
}

static void
lock_guards (void)
{
  G_LOCK (guards);
}

static void
unlock_guards (void)
{
  G_UNLOCK (guards);
}

static void
mmio_guard_set (MmioGuard * guard, gconstpointer start, gconstpointer end)
{
  g_atomic_int_inc (&guard->changes);
  g_atomic_pointer_set (&guard->start, (gpointer) start);
  g_atomic_pointer_set (&guard->end, (gpointer) end);
  g_atomic_int_set (&guard->process, getpid ());
  g_atomic_int_inc (&guard->changes);
}

/**
 * mmio_guard_new:
 * @start: start of a map, at the start of a page
 * @length: bytes, up to the end of a page; for hugetlbfs, of a huge page
 *
 * Guards a map: after a failed load, that load and all later ones from the map
 * read zeros.  The first call installs a handler for SIGBUS, which stays until
 * the process ends.  A handler that is installed later must pass other faults
 * on to this one, as it must for libwayland's.
 *
 * Locking: takes the list's lock; any thread may call this.
 *
 * Returns: (transfer full): the guard; disarm it before the map is unmapped,
 *   then free it
 */
MmioGuard *
mmio_guard_new (gconstpointer start, gsize length)
{
  static gsize installed;
  const guint8 *end = (const guint8 *) start + length;
  MmioGuard *guard;

  if (g_once_init_enter (&installed)) {
    install_handler ();
    /* A forked child may create guards too, so no other thread may hold the
     * lock during fork() */
    if (pthread_atfork (lock_guards, unlock_guards, unlock_guards) != 0)
      g_warning ("pthread_atfork: no memory");
    g_once_init_leave (&installed, TRUE);
  }

  G_LOCK (guards);
  for (guard = guards; guard && guard->is_used; guard = guard->next);
  if (guard) {
    g_atomic_int_set (&guard->fired, FALSE);
    mmio_guard_set (guard, start, end);
  } else {
    guard = g_new0 (MmioGuard, 1);
    guard->next = guards;
    mmio_guard_set (guard, start, end);
    g_atomic_pointer_set (&guards, guard);
  }
  guard->is_used = TRUE;
  G_UNLOCK (guards);

  return guard;
}

/**
 * mmio_guard_disarm:
 *
 * Ends the protection of the map.  mmio_guard_has_fired() still works.
 *
 * Locking: takes the list's lock; any thread may call this.
 */
void
mmio_guard_disarm (MmioGuard * guard)
{
  G_LOCK (guards);
  mmio_guard_set (guard, NULL, NULL);
  G_UNLOCK (guards);
}

/**
 * mmio_guard_free:
 * @guard: (transfer full): a guard
 *
 * Disarms the guard and makes it available for another map.
 *
 * Locking: takes the list's lock; any thread may call this.
 */
void
mmio_guard_free (MmioGuard * guard)
{
  G_LOCK (guards);
  mmio_guard_set (guard, NULL, NULL);
  guard->is_used = FALSE;
  G_UNLOCK (guards);
}

/**
 * mmio_guard_enter:
 * @entry: (out caller-allocates): for mmio_guard_leave()
 *
 * Unblocks SIGBUS in this thread; called before it loads from a map.  If the
 * signal is blocked, a failed load ends the process despite the handler.
 * Programs that use sigwait(3) block signals in all threads.  A SIGBUS that is
 * sent to such a program meanwhile is sent again by mmio_guard_leave().
 */
void
mmio_guard_enter (MmioGuardEntry * entry)
{
  sigset_t bus;

  sigemptyset (&bus);
  sigaddset (&bus, SIGBUS);
  sigemptyset (&entry->before);
  entry->was_sent = FALSE;
  entry->outer = entered;
  /* The system call has set @before when it delivers a signal that was blocked */
  entered = entry;
  pthread_sigmask (SIG_UNBLOCK, &bus, &entry->before);
}

/**
 * mmio_guard_leave:
 * @entry: from mmio_guard_enter() in this thread
 *
 * Restores the signal mask of this thread; called after the loads.
 */
void
mmio_guard_leave (MmioGuardEntry * entry)
{
  pthread_sigmask (SIG_SETMASK, &entry->before, NULL);
  entered = entry->outer;
  if (entry->was_sent)
    send_again (&entry->sent);
}

/**
 * mmio_guard_fire:
 *
 * Replaces the map with zeros, as after a failed load.  The memory is no longer
 * mapped then.  In a forked child, which does not have the map, this does
 * nothing.
 *
 * Locking: none; any thread may call this, also while others read the map.
 *
 * Returns: TRUE, or FALSE with errno set by mmap()
 */
gboolean
mmio_guard_fire (MmioGuard * guard)
{
  if (guard->process != getpid ())
    return TRUE;

  return put_zeros (guard, guard->start, guard->end);
}

/**
 * mmio_guard_has_fired:
 *
 * Locking: none; any thread may call this.
 *
 * Returns: whether a load has failed or mmio_guard_fire() was called; the map
 *   reads as zeros then
 */
gboolean
mmio_guard_has_fired (const MmioGuard * guard)
{
  return g_atomic_int_get (&guard->fired);
}
