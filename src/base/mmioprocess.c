/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which process owns an object.  A forked child inherits the objects of its parent,
 * but not their maps or threads, and shares the devices behind their descriptors.
 * Therefore an inherited object frees its memory and closes its descriptors in a
 * child.  It takes no lock, which a thread of the parent may have held during the
 * fork, and changes nothing that the parent sees.
 */
#include "base/mmioprocess.h"

#include <pthread.h>

static gint n_forks;

static void
count_fork (void)
{
  g_atomic_int_inc (&n_forks);
}

/**
 * mmio_process_get:
 *
 * Identifies this process among its forked parents and children, without a system
 * call.
 *
 * Returns: a number for mmio_process_is_current()
 */
guint
mmio_process_get (void)
{
  static gsize is_counting;

  if (g_once_init_enter (&is_counting)) {
    if (pthread_atfork (NULL, NULL, count_fork) != 0)
      g_warning ("pthread_atfork: no memory");
    g_once_init_leave (&is_counting, TRUE);
  }

  return g_atomic_int_get (&n_forks);
}

/**
 * mmio_process_is_current:
 * @process: the result of mmio_process_get() when an object was created
 *
 * Returns: whether this process created the object, rather than inherited it by a fork
 */
gboolean
mmio_process_is_current (guint process)
{
  return (guint) g_atomic_int_get (&n_forks) == process;
}
