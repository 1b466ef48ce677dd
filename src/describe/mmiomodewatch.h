/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "describe/mmiodescriptor.h"

G_BEGIN_DECLS

/**
 * MmioModeWatch:
 *
 * The descriptor of a device, and the last mode that was read from it.
 *
 * Locking: one thread at a time uses it.
 */
typedef struct _MmioModeWatch MmioModeWatch;

/**
 * MmioModeState:
 * @MMIO_MODE_SAME: the device is in the last mode that was read
 * @MMIO_MODE_CHANGED: the device is in another mode
 * @MMIO_MODE_NONE: the device shows no frame at the moment
 *
 * The result of a poll.
 */
typedef enum {
  MMIO_MODE_SAME,
  MMIO_MODE_CHANGED,
  MMIO_MODE_NONE,
} MmioModeState;

MmioModeWatch *mmio_mode_watch_new (MmioDevice * device,
    const MmioDescriptorPlace * place);
void mmio_mode_watch_free (MmioModeWatch * watch);

gboolean mmio_mode_watch_read (MmioModeWatch * watch, gint * bar,
    MmioSpec * spec, gboolean * has_frame, GError ** error);

gboolean mmio_mode_watch_start (MmioModeWatch * watch, GError ** error);
MmioModeState mmio_mode_watch_poll (const MmioModeWatch * watch);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioModeWatch, mmio_mode_watch_free)

G_END_DECLS
