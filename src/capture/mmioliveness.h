/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "device/mmiodevice.h"

G_BEGIN_DECLS

/**
 * MmioLivenessFunc:
 * @data: as given to mmio_liveness_watch()
 *
 * Called from another thread after an event of the device;
 * mmio_liveness_check() has the result.
 */
typedef void (*MmioLivenessFunc) (gpointer data);

/**
 * MmioLiveness:
 *
 * Whether a device is present.  Its maps are revoked as soon as its removal is
 * detected: by the checks before and after each frame, or by an event of the bus.
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
