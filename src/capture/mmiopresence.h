/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "device/mmiodevice.h"

G_BEGIN_DECLS

/**
 * MmioPresenceFunc:
 * @data: what mmio_presence_watch() was given
 *
 * Something may have happened to a device: ask mmio_presence_check().  From a
 * thread of its own.
 */
typedef void (*MmioPresenceFunc) (gpointer data);

/**
 * MmioPresence:
 *
 * Whether a device is there.  It is let go as soon as it is known that it is
 * not, whoever finds out: the one who asks before and after each frame, or the
 * bus, which tells by itself.
 */
typedef struct _MmioPresence MmioPresence;

MmioPresence *mmio_presence_new (MmioDevice * device, guint bar);
MmioPresence *mmio_presence_ref (MmioPresence * presence);
void mmio_presence_unref (MmioPresence * presence);

void mmio_presence_watch (MmioPresence * presence, MmioPresenceFunc func,
    gpointer data);

gboolean mmio_presence_check (MmioPresence * presence);

void mmio_presence_lose (MmioPresence * presence, GError * loss);
const GError *mmio_presence_get_loss (const MmioPresence * presence);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioPresence, mmio_presence_unref)

G_END_DECLS
