/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "describe/mmiodescriptor.h"

G_BEGIN_DECLS

/**
 * MmioModeWatch:
 *
 * The descriptor of a device, and the mode that was read from it last.  For one
 * thread at a time.
 */
typedef struct _MmioModeWatch MmioModeWatch;

/**
 * MmioModeState:
 * @MMIO_MODE_SAME: the device is in the mode that was read last
 * @MMIO_MODE_CHANGED: it is in another one
 * @MMIO_MODE_NONE: it shows no frame at the moment
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
