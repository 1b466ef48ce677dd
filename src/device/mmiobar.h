/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "device/mmiodevice.h"
#include "frame/mmiolayout.h"

G_BEGIN_DECLS

gboolean mmio_device_apply_fixed_bar (const MmioDevice * device, gint * bar,
    GError ** error);
gboolean mmio_device_find_bar (const MmioDevice * device, gint * bar,
    const MmioLayout * layout, GError ** error);

MmioRegion *mmio_device_map (MmioDevice * device, gint * bar,
    const MmioLayout * layout, MmioMapping wanted, GError ** error);
MmioRegion *mmio_device_map_register (MmioDevice * device, guint bar,
    guint64 offset, gsize length, GError ** error);

gboolean mmio_device_shares_bars (const MmioDevice * device);
gboolean mmio_device_can_export (MmioDevice * device, GError ** error);
int mmio_device_export (MmioDevice * device, guint bar,
    const MmioLayout * layout, guint * skip, GError ** error);

G_END_DECLS
