/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioUevents:
 *
 * The uevents of the PCI bus.
 *
 * Locking: none; one thread at a time.
 */
typedef struct _MmioUevents MmioUevents;

MmioUevents *mmio_uevents_new (int *errnum);
void mmio_uevents_free (MmioUevents * events);

int mmio_uevents_get_fd (const MmioUevents * events);
gboolean mmio_uevents_is_open (const MmioUevents * events);
gboolean mmio_uevents_take (MmioUevents * events, char **action,
    char **address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioUevents, mmio_uevents_free)

G_END_DECLS
