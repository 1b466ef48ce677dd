/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "mmioexpand.h"

G_BEGIN_DECLS

/**
 * MmioReader:
 *
 * An engine that loads from a BAR: every byte once, in naturally aligned
 * loads as wide as the engine has them.  It has no state; one may serve many
 * threads.
 */
typedef struct _MmioReader MmioReader;

const MmioReader *mmio_reader_get_default (void);

const char *mmio_reader_get_name (const MmioReader * reader);

void mmio_reader_copy (const MmioReader * reader, guint8 * dest,
    const guint8 * bar, gsize length);

void mmio_reader_copy_rows (const MmioReader * reader, guint8 * dest,
    gsize dest_stride, const guint8 * bar, gsize bar_stride, gsize row_bytes,
    guint rows);

void mmio_reader_expand_rows (const MmioReader * reader,
    const MmioExpansion * expansion, guint8 * dest, gsize dest_stride,
    const guint8 * bar, gsize bar_stride, guint width, guint rows);

guint16 mmio_reader_load_u16 (const guint8 * bar);
guint32 mmio_reader_load_u32 (const guint8 * bar);

G_END_DECLS
