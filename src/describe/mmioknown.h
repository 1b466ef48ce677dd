/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "describe/mmioteller.h"

G_BEGIN_DECLS

gboolean mmio_known_has (guint16 vendor, guint16 id, guint * bar);
gboolean mmio_known_find (const MmioDevice * device, guint16 vendor,
    guint16 id, gint bar, MmioTellerPlace * place);
gboolean mmio_known_find_header (const MmioDevice * device, gint bar,
    MmioTellerPlace * place);

G_END_DECLS
