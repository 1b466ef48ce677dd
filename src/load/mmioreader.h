/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "map/mmioregion.h"

G_BEGIN_DECLS

/**
 * MmioEngine:
 * @MMIO_ENGINE_AUTO: what suits the map and the CPU
 * @MMIO_ENGINE_ORC: vector loads, by ORC
 * @MMIO_ENGINE_STREAM: streaming loads of whole lines, for write-combining maps
 * @MMIO_ENGINE_U64: 64-bit loads
 * @MMIO_ENGINE_U32: 32-bit loads, for devices that take no wider ones
 *
 * How a copy loads from a BAR.
 */
typedef enum {
  MMIO_ENGINE_AUTO,
  MMIO_ENGINE_ORC,
  MMIO_ENGINE_STREAM,
  MMIO_ENGINE_U64,
  MMIO_ENGINE_U32,
} MmioEngine;

/**
 * MmioReader:
 *
 * An engine that loads from a BAR: every byte once, in naturally aligned
 * loads as wide as the engine has them, none across a cache line.  It has no
 * state; one may serve many threads.
 */
typedef struct _MmioReader MmioReader;

const MmioReader *mmio_reader_choose (MmioEngine engine, MmioMapping mapping,
    const char **reason, GError ** error);

const char *mmio_reader_get_name (const MmioReader * reader);

guint mmio_reader_get_load_bytes (const MmioReader * reader);

void mmio_reader_copy (const MmioReader * reader, guint8 * dest,
    const guint8 * bar, gsize length);

void mmio_reader_copy_rows (const MmioReader * reader, guint8 * dest,
    gsize dest_stride, const guint8 * bar, gsize bar_stride, gsize row_bytes,
    guint rows);

/* Bytes that are loaded before they are stored, where they stop over: few
 * lines, so that neither waits long for the other (docs/measurements.md) */
#define MMIO_READER_PIECE 1536

/* Alignment of a bounce, and what the address in it has in common with the
 * address in the BAR */
#define MMIO_READER_PHASE 64

gboolean mmio_reader_fetch (const MmioReader * reader, guint8 * bounce,
    const guint8 * bar, const guint8 * shadow, gsize length);

guint8 mmio_reader_load_u8 (const guint8 * bar);
guint16 mmio_reader_load_u16 (const guint8 * bar);
guint32 mmio_reader_load_u32 (const guint8 * bar);
guint64 mmio_reader_load_u64 (const guint8 * bar);
void mmio_reader_fence (void);

G_END_DECLS
