/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What GLib and GStreamer do to keep threads apart, for the thread sanitizer: to
 * be preloaded.
 *
 * GLib makes its locks of futexes, of which the sanitizer knows nothing, so that
 * all that they keep apart would be a race to it.  Here they are made of those
 * of pthread, which it knows.  GLib itself calls its own ones still; there is no
 * lock that both it and others use.
 *
 * Queues and reference counts stay as they are, and tell the sanitizer what
 * comes before what.
 */
#include <dlfcn.h>
#include <errno.h>
#include <gst/gst.h>
#include <pthread.h>
#include <sanitizer/tsan_interface.h>
#include <stdlib.h>
#include <time.h>

/* A static lock is zeros, and made when it is first used */
static void *
get (gpointer * place, size_t size, int (*init) (void *))
{
  void *impl = __atomic_load_n (place, __ATOMIC_ACQUIRE);
  void *none = NULL;

  if (impl)
    return impl;

  impl = calloc (1, size);
  if (!impl || init (impl) != 0)
    abort ();
  if (__atomic_compare_exchange_n (place, &none, impl, 0, __ATOMIC_ACQ_REL,
          __ATOMIC_ACQUIRE))
    return impl;

  free (impl);
  return none;
}

static int
init_mutex (void *impl)
{
  return pthread_mutex_init (impl, NULL);
}

static int
init_rec_mutex (void *impl)
{
  pthread_mutexattr_t attr;

  pthread_mutexattr_init (&attr);
  pthread_mutexattr_settype (&attr, PTHREAD_MUTEX_RECURSIVE);
  return pthread_mutex_init (impl, &attr);
}

static int
init_rw_lock (void *impl)
{
  return pthread_rwlock_init (impl, NULL);
}

static int
init_cond (void *impl)
{
  pthread_condattr_t attr;

  pthread_condattr_init (&attr);
  pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
  return pthread_cond_init (impl, &attr);
}

#define MUTEX(mutex) \
    ((pthread_mutex_t *) get (&(mutex)->p, sizeof (pthread_mutex_t), init_mutex))
#define REC(mutex) \
    ((pthread_mutex_t *) get (&(mutex)->p, sizeof (pthread_mutex_t), \
        init_rec_mutex))
#define RW(lock) \
    ((pthread_rwlock_t *) get (&(lock)->p, sizeof (pthread_rwlock_t), \
        init_rw_lock))
#define COND(cond) \
    ((pthread_cond_t *) get (&(cond)->p, sizeof (pthread_cond_t), init_cond))

#define CHECK(call) \
    G_STMT_START { \
      if ((call) != 0) \
        abort (); \
    } G_STMT_END

void
g_mutex_init (GMutex * mutex)
{
  mutex->p = NULL;
}

void
g_mutex_clear (GMutex * mutex)
{
  if (mutex->p)
    CHECK (pthread_mutex_destroy (mutex->p));
  free (mutex->p);
}

void
g_mutex_lock (GMutex * mutex)
{
  CHECK (pthread_mutex_lock (MUTEX (mutex)));
}

gboolean
g_mutex_trylock (GMutex * mutex)
{
  return pthread_mutex_trylock (MUTEX (mutex)) == 0;
}

void
g_mutex_unlock (GMutex * mutex)
{
  CHECK (pthread_mutex_unlock (MUTEX (mutex)));
}

void
g_rec_mutex_init (GRecMutex * mutex)
{
  mutex->p = NULL;
}

void
g_rec_mutex_clear (GRecMutex * mutex)
{
  if (mutex->p)
    CHECK (pthread_mutex_destroy (mutex->p));
  free (mutex->p);
}

void
g_rec_mutex_lock (GRecMutex * mutex)
{
  CHECK (pthread_mutex_lock (REC (mutex)));
}

gboolean
g_rec_mutex_trylock (GRecMutex * mutex)
{
  return pthread_mutex_trylock (REC (mutex)) == 0;
}

void
g_rec_mutex_unlock (GRecMutex * mutex)
{
  /* GLib's own does not look whether it was locked: see the suppressions */
  pthread_mutex_unlock (REC (mutex));
}

void
g_rw_lock_init (GRWLock * lock)
{
  lock->p = NULL;
}

void
g_rw_lock_clear (GRWLock * lock)
{
  if (lock->p)
    CHECK (pthread_rwlock_destroy (lock->p));
  free (lock->p);
}

void
g_rw_lock_writer_lock (GRWLock * lock)
{
  CHECK (pthread_rwlock_wrlock (RW (lock)));
}

gboolean
g_rw_lock_writer_trylock (GRWLock * lock)
{
  return pthread_rwlock_trywrlock (RW (lock)) == 0;
}

void
g_rw_lock_writer_unlock (GRWLock * lock)
{
  CHECK (pthread_rwlock_unlock (RW (lock)));
}

void
g_rw_lock_reader_lock (GRWLock * lock)
{
  CHECK (pthread_rwlock_rdlock (RW (lock)));
}

gboolean
g_rw_lock_reader_trylock (GRWLock * lock)
{
  return pthread_rwlock_tryrdlock (RW (lock)) == 0;
}

void
g_rw_lock_reader_unlock (GRWLock * lock)
{
  CHECK (pthread_rwlock_unlock (RW (lock)));
}

void
g_cond_init (GCond * cond)
{
  cond->p = NULL;
}

void
g_cond_clear (GCond * cond)
{
  if (cond->p)
    CHECK (pthread_cond_destroy (cond->p));
  free (cond->p);
}

void
g_cond_wait (GCond * cond, GMutex * mutex)
{
  CHECK (pthread_cond_wait (COND (cond), MUTEX (mutex)));
}

gboolean
g_cond_wait_until (GCond * cond, GMutex * mutex, gint64 end)
{
  const struct timespec time = {
    .tv_sec = end / G_USEC_PER_SEC,
    .tv_nsec = end % G_USEC_PER_SEC * 1000,
  };
  const int ret = pthread_cond_timedwait (COND (cond), MUTEX (mutex), &time);

  if (ret != 0 && ret != ETIMEDOUT)
    abort ();
  return ret == 0;
}

void
g_cond_signal (GCond * cond)
{
  CHECK (pthread_cond_signal (COND (cond)));
}

void
g_cond_broadcast (GCond * cond)
{
  CHECK (pthread_cond_broadcast (COND (cond)));
}

/* What is initialized once is seen by those who come later */

static pthread_mutex_t once_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t once_cond = PTHREAD_COND_INITIALIZER;

/* What is being initialized now; more than that nobody does at a time */
static void *in_making[64];

static void **
find_in_making (void *location)
{
  for (gsize i = 0; i < G_N_ELEMENTS (in_making); i++) {
    if (in_making[i] == location)
      return &in_making[i];
  }

  return NULL;
}

gboolean (g_once_init_enter) (volatile void *location) {
  gsize * value = (gsize *) location;
  gboolean enter;

  pthread_mutex_lock (&once_lock);
  while (find_in_making (value))
    pthread_cond_wait (&once_cond, &once_lock);
  enter = __atomic_load_n (value, __ATOMIC_ACQUIRE) == 0;
  if (enter) {
    void **place = find_in_making (NULL);

    if (!place)
      abort ();
    *place = value;
  }
  pthread_mutex_unlock (&once_lock);

  return enter;
}

void (g_once_init_leave) (volatile void *location, gsize result)
{
  pthread_mutex_lock (&once_lock);
  __atomic_store_n ((gsize *) location, result, __ATOMIC_RELEASE);
  *find_in_making ((void *) location) = NULL;
  pthread_cond_broadcast (&once_cond);
  pthread_mutex_unlock (&once_lock);
}

/* The function that one of these stands in for */
static gpointer
get_real (gpointer * place, const char *name)
{
  gpointer real = __atomic_load_n (place, __ATOMIC_ACQUIRE);

  if (!real) {
    real = dlsym (RTLD_NEXT, name);
    if (!real)
      abort ();
    __atomic_store_n (place, real, __ATOMIC_RELEASE);
  }

  return real;
}

#define REAL(name) ({ \
  static gpointer place; \
  (__typeof__ (&name)) get_real (&place, #name); \
})

/* What was done before something is queued is done when it is taken */

void
g_async_queue_push (GAsyncQueue * queue, gpointer data)
{
  __tsan_release (queue);
  REAL (g_async_queue_push) (queue, data);
}

gpointer
g_async_queue_pop (GAsyncQueue * queue)
{
  const gpointer data = REAL (g_async_queue_pop) (queue);

  __tsan_acquire (queue);
  return data;
}

gpointer
g_async_queue_try_pop (GAsyncQueue * queue)
{
  const gpointer data = REAL (g_async_queue_try_pop) (queue);

  __tsan_acquire (queue);
  return data;
}

gpointer
g_async_queue_timeout_pop (GAsyncQueue * queue, guint64 timeout)
{
  const gpointer data = REAL (g_async_queue_timeout_pop) (queue, timeout);

  __tsan_acquire (queue);
  return data;
}

/* What was done by those who had a reference is done when the last one goes */

void (g_object_unref) (gpointer object)
{
  __tsan_acquire (object);
  __tsan_release (object);
  REAL (g_object_unref) (object);
}

void
gst_mini_object_unref (GstMiniObject * object)
{
  __tsan_acquire (object);
  __tsan_release (object);
  REAL (gst_mini_object_unref) (object);
}

gboolean (g_atomic_ref_count_dec) (gatomicrefcount * count) {
  gboolean is_last;

  __tsan_release (count);
  is_last = REAL (g_atomic_ref_count_dec) (count);
  if (is_last)
    __tsan_acquire (count);
  return is_last;
}
