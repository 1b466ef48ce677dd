/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "frame/mmioformat.h"

G_BEGIN_DECLS

/**
 * MmioConversion:
 *
 * A conversion of packed pixels of 3 or 4 bytes to pixels of 4 bytes.
 */
typedef struct _MmioConversion MmioConversion;

const MmioConversion *mmio_conversion_find (const MmioFormat * from,
    const MmioFormat * to);

guint mmio_conversion_get_pixel_bytes (const MmioConversion * conversion);

void mmio_conversion_run (const MmioConversion * conversion, guint8 * dest,
    const guint8 * src, guint pixels);

G_END_DECLS
