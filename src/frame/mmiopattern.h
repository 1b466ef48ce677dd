/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "frame/mmiolayout.h"

G_BEGIN_DECLS

gboolean mmio_pattern_can_paint (const MmioFormat * format);

void mmio_pattern_paint (const MmioLayout * layout, guint8 * bar,
    guint number);

void mmio_pattern_repaint (const MmioLayout * layout, guint8 * bar,
    guint from, guint to);

guint mmio_pattern_get_bits (const MmioLayout * layout);

gboolean mmio_pattern_read_number (const MmioLayout * layout,
    const guint8 * bar, guint * number);

G_END_DECLS
