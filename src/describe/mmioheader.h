/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "describe/mmiodescriptor.h"

G_BEGIN_DECLS

extern const MmioDescriptor mmio_header_descriptor;

gboolean mmio_header_is_at (const guint8 * registers);

G_END_DECLS
