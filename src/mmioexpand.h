/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mmioformat.h"

G_BEGIN_DECLS

/**
 * MmioExpansion:
 *
 * How 3 bytes a pixel become 4.
 */
typedef struct _MmioExpansion MmioExpansion;

const MmioExpansion *mmio_expansion_find (const MmioFormat * from,
    const MmioFormat * to);

void mmio_expansion_run (const MmioExpansion * expansion, guint8 * dest,
    const guint8 * src, guint pixels);

G_END_DECLS
