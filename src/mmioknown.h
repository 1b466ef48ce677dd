/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mmiodevice.h"

G_BEGIN_DECLS

gboolean mmio_known_describe (MmioDevice * device, guint16 vendor,
    guint16 id, gint * bar, MmioSpec * spec, GError ** error);

G_END_DECLS
