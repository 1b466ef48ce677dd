/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <signal.h>

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioGuard:
 *
 * Stands by a map whose memory may go away.
 */
typedef struct _MmioGuard MmioGuard;

MmioGuard *mmio_guard_new (gconstpointer start, gsize length);
void mmio_guard_disarm (MmioGuard * guard);
void mmio_guard_free (MmioGuard * guard);

void mmio_guard_enter (sigset_t * before);
void mmio_guard_leave (const sigset_t * before);

gboolean mmio_guard_fire (MmioGuard * guard);
gboolean mmio_guard_has_fired (const MmioGuard * guard);

G_END_DECLS
