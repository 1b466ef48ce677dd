/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <signal.h>

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioGuard:
 *
 * The protection of a map whose memory may disappear.
 */
typedef struct _MmioGuard MmioGuard;

typedef struct _MmioGuardEntry MmioGuardEntry;

/**
 * MmioGuardEntry:
 *
 * The state of SIGBUS in this thread before mmio_guard_enter(); private.
 */
struct _MmioGuardEntry {
  MmioGuardEntry *outer;
  sigset_t before;
  siginfo_t sent;
  gboolean was_sent;
};

MmioGuard *mmio_guard_new (gconstpointer start, gsize length);
void mmio_guard_disarm (MmioGuard * guard);
void mmio_guard_free (MmioGuard * guard);

void mmio_guard_enter (MmioGuardEntry * entry);
void mmio_guard_leave (MmioGuardEntry * entry);

gboolean mmio_guard_fire (MmioGuard * guard);
gboolean mmio_guard_has_fired (const MmioGuard * guard);

G_END_DECLS
