/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioIdentity:
 *
 * Identifies a PCI device as it was when it was opened.
 *
 * Locking: none; it does not change, and any thread may check it.
 */
typedef struct _MmioIdentity MmioIdentity;

MmioIdentity *mmio_identity_new (const char *address, GError ** error);
void mmio_identity_free (MmioIdentity * identity);

gboolean mmio_identity_has_ids (const MmioIdentity * identity,
    guint16 vendor, guint16 device, int *errnum);
gboolean mmio_identity_check (const MmioIdentity * identity, gint bar,
    GError ** error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioIdentity, mmio_identity_free)

G_END_DECLS
