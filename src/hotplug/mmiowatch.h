/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioWatchFunc:
 * @is_requested: whether the kernel asks for the device, as somebody unplugs it
 *   or unbinds its driver, and waits until it is let go
 * @data: what mmio_watch_new() was given
 *
 * Something has happened to the device, or somebody wants it back.
 */
typedef void (*MmioWatchFunc) (gboolean is_requested, gpointer data);

/**
 * MmioWatch:
 *
 * Hears of a device that goes away, or comes, while nobody looks at it.
 */
typedef struct _MmioWatch MmioWatch;

MmioWatch *mmio_watch_new (const char *address, int request_fd,
    MmioWatchFunc func, gpointer data, GError ** error);
void mmio_watch_free (MmioWatch * watch);

void mmio_watch_detach (MmioWatch * watch, GDestroyNotify destroy);
void mmio_watch_end (MmioWatch * watch);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioWatch, mmio_watch_free)

G_END_DECLS
