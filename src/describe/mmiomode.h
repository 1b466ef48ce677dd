/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "describe/mmioteller.h"

G_BEGIN_DECLS

/**
 * MmioModeLook:
 * @MMIO_MODE_SAME: what the device told still holds
 * @MMIO_MODE_OTHER: it would tell something else
 * @MMIO_MODE_NONE: it shows no picture for the time being
 *
 * What a look at a device shows.
 */
typedef enum {
  MMIO_MODE_SAME,
  MMIO_MODE_OTHER,
  MMIO_MODE_NONE,
} MmioModeLook;

MmioMode *mmio_mode_new (MmioDevice * device, const MmioTellerPlace * place);
void mmio_mode_free (MmioMode * mode);

gboolean mmio_mode_ask (MmioMode * mode, gint * bar, MmioSpec * spec,
    gboolean * tells, GError ** error);

gboolean mmio_mode_watch (MmioMode * mode, GError ** error);
MmioModeLook mmio_mode_look (const MmioMode * mode);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioMode, mmio_mode_free)

G_END_DECLS
