/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Survives the loss of mapped memory.  Where a file becomes shorter, a driver
 * takes its BAR, or a device stops to answer, the next load is a SIGBUS, which
 * ends the process.  Here it puts zeros in the place of the map instead, and
 * makes a note for whoever reads.
 *
 * It does not matter which thread it is that loads: what is mapped by
 * io-mode=mmap is read by others.  Faults elsewhere, and signals that somebody
 * has sent, are passed on to whoever handled them before.
 *
 * Everything that the handler does may be done in a handler: atomic operations,
 * and system calls.
 */
#include "map/mmioguard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* They are used again and never freed: the handler of another thread may look
 * at any of them at any time. */
struct _MmioGuard
{
  MmioGuard *next;              /* never changes once it is in the list */
  gint changes;                 /* odd while start and end are changed */
  gpointer start;
  gpointer end;                 /* NULL: disarmed */
  gboolean is_used;             /* by an owner, who may ask whether it fired */
  gint process;                 /* forked children do not have the map */
  gint fired;
};

G_LOCK_DEFINE_STATIC (guards);
static MmioGuard *guards;

/* What this thread entered last; NULL: nothing.  The handler must not allocate, as the
 * first access in a thread does with any other model. */
static __thread MmioGuardEntry *entered
    __attribute__((tls_model ("initial-exec")));

/* Of whoever was there before; set before the handler is */
static struct sigaction previous;

/* Whether @address is in what @guard stands by, and that is still so now */
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

/* In the place of a map, at once for whoever reads it meanwhile */
static gboolean
put_zeros (MmioGuard * guard, gpointer start, gpointer end)
{
  g_atomic_int_set (&guard->fired, TRUE);
  /* It takes the place of what is the region's to unmap */
  /* cppcheck-suppress leakReturnValNotUsed */
  return mmap (start, (guint8 *) end - (guint8 *) start, PROT_READ,
      MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
      0) != MAP_FAILED;
}

/* Puts zeros where a load has failed, so that it succeeds when it is repeated;
 * all over the map, as this does not come back */
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

/* As the kernel would have called it */
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

  /* It ends the process: the load when it is repeated, which the kernel does not
   * let anybody ignore, and what somebody has sent when it is sent once more,
   * after the return from here */
  if (is_load || previous.sa_handler == SIG_DFL)
    set_default (number);
  if (!is_load && previous.sa_handler == SIG_DFL)
    raise (number);
}

/* Keeps a signal that was sent while this thread had it blocked, but for the guard.
 * It may be for another thread, and the standard ones do not queue. */
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

/* As it came: to this thread or to the process.  For the process, the kernel lets only
 * its first thread say that another one sent it with kill() (rt_sigqueueinfo(2)). */
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
  /* Nothing is cured by other memory where an address is misaligned, and what
   * the kernel tells in advance of broken memory is no load (sigaction(2)) */
  const gboolean is_load = info->si_code > 0 && info->si_code != BUS_MCEERR_AO;
  const gboolean can_cure = is_load && info->si_code != BUS_ADRALN;
  const int saved = errno;
  MmioGuardEntry *const entry = entered;

  /* It returns no memory, but whether there is some in the map's place */
  /* cppcheck-suppress leakReturnValNotUsed */
  if ((!can_cure || !mmio_guard_catch (info->si_addr)) &&
      (is_load || !keep_sent (info))) {
    /* A handler need not return here */
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

  /* It stays: others may have put theirs on top and pass on to it */
  if (sigaction (SIGBUS, NULL, &previous) < 0) {
    g_warning ("sigaction (SIGBUS): %s", g_strerror (errno));
    return;
  }

  /* What somebody sends interrupts no more calls than before */
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
 * @start: a map, from the start of a page on
 * @length: bytes, to the end of a page; of the file's, where those are larger
 *
 * From now on a load from the map that fails gives zeros, and so do all that
 * follow, to the end of the map.  The first one installs a handler for SIGBUS,
 * for as long as the process lives.  Who installs one later passes on to it what
 * is not his own, as he would to libwayland's.
 *
 * Returns: (transfer full): a guard, to be disarmed before the map is unmapped,
 *   and then freed
 */
MmioGuard *
mmio_guard_new (gconstpointer start, gsize length)
{
  static gsize installed;
  const guint8 *end = (const guint8 *) start + length;
  MmioGuard *guard;

  if (g_once_init_enter (&installed)) {
    install_handler ();
    /* A child may make guards too, whichever thread has forked */
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
 * Stops watching the map, which from now on is as any other.  The guard still
 * says whether it has fired.
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
 * Disarms it, and gives it back for another map: nobody may ask it any more.
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
 * Before this thread loads from a map: a failed load ends the process, whatever
 * handler there is, where its signal is blocked, as in all threads of a program
 * that waits for signals in one of them (sigwait(3)).  Such a program gets what was
 * sent to it meanwhile after mmio_guard_leave().
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
 *
 * After it has loaded.
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
 * Puts zeros in the place of the map, as if a load had failed: what was mapped
 * is not mapped any more.  For any thread, whoever reads meanwhile.  In a forked
 * child, which has no such map, nothing happens.
 *
 * Returns: FALSE with errno set if the kernel does not let us
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
 * For any thread.
 *
 * Returns: whether a load has failed, so that the map has nothing but zeros now
 */
gboolean
mmio_guard_has_fired (const MmioGuard * guard)
{
  return g_atomic_int_get (&guard->fired);
}
