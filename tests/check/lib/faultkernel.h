/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A kernel whose system calls fail once, at will.  It replaces libc's functions for
 * the whole process: symbols of the executable come first.  So it has to be compiled
 * into the executable, with export_dynamic.  Only calls of the thread between
 * faultkernel_begin() and faultkernel_end() count, whichever library makes them;
 * calls that libc makes itself never do.  Libraries that replace the same functions,
 * such as those of another fake kernel, are behind it, and their calls do not count. */

#include <glib.h>

G_BEGIN_DECLS

/* Devices that the system does not have, behind the calls.  Each function is nullable
 * and returns whether it has answered; then @ret is what the call returns. */
typedef struct
{
  gboolean (*ioctl) (int fd, gulong request, gpointer argument, int *ret);
  gboolean (*read) (int fd, gpointer data, gsize size, gssize * ret);
  gboolean (*write) (int fd, gconstpointer data, gsize size, gssize * ret);
} FaultDevices;

/* @devices has to stay */
void faultkernel_set_devices (const FaultDevices * devices);

/* Counts the calls from here on.  The call with number @at (from 0) fails with
 * @errnum; -1: none fails. */
void faultkernel_begin (gint at, int errnum);

/* Returns: the number of calls since faultkernel_begin() */
guint faultkernel_end (void);

/* Returns: (transfer none): the name of the call with number @n, since the last
 * faultkernel_begin() */
const char *faultkernel_get_call (guint n);

/* Returns: (nullable) (array zero-terminated=1): the errors with which the call of
 * that name can fail */
const int *faultkernel_get_errnums (const char *call);

G_END_DECLS
