/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "device/mmiodevice.h"

G_BEGIN_DECLS

/**
 * MmioLivenessFunc:
 * @data: what mmio_liveness_watch() was given
 *
 * Something may have happened to a device: ask mmio_liveness_check().  From a
 * thread of its own.
 */
typedef void (*MmioLivenessFunc) (gpointer data);

/**
 * MmioLiveness:
 *
 * Whether a device is there.  It is let go as soon as it is known that it is
 * not, whoever finds out: the one who asks before and after each frame, or the
 * bus, which tells by itself.
 */
typedef struct _MmioLiveness MmioLiveness;

MmioLiveness *mmio_liveness_new (MmioDevice * device, guint bar);
MmioLiveness *mmio_liveness_ref (MmioLiveness * liveness);
void mmio_liveness_unref (MmioLiveness * liveness);

void mmio_liveness_watch (MmioLiveness * liveness, MmioLivenessFunc func,
    gpointer data);

gboolean mmio_liveness_check (MmioLiveness * liveness);

void mmio_liveness_mark_removed (MmioLiveness * liveness, GError * removal);
const GError *mmio_liveness_get_removal (const MmioLiveness * liveness);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioLiveness, mmio_liveness_unref)

G_END_DECLS
