/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "map/mmioregion.h"

G_BEGIN_DECLS

MmioMapping mmio_memtype_parse (const char *list, guint64 address,
    guint64 length, MmioMapping otherwise);

MmioMapping mmio_memtype_get (guint64 address, guint64 length,
    MmioMapping asked);

G_END_DECLS
