/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "describe/mmioteller.h"

G_BEGIN_DECLS

extern const MmioTeller mmio_header_teller;

gboolean mmio_header_is_at (const guint8 * registers);

G_END_DECLS
