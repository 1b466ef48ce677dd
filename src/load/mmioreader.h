/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "map/mmioregion.h"

G_BEGIN_DECLS

/**
 * MmioEngine:
 * @MMIO_ENGINE_AUTO: the best engine for the map and the CPU
 * @MMIO_ENGINE_ORC: vector loads, compiled by ORC
 * @MMIO_ENGINE_STREAM: streaming loads of whole lines, for write-combining maps
 * @MMIO_ENGINE_U64: 64-bit general-purpose loads
 * @MMIO_ENGINE_U32: 32-bit loads, for devices that do not support wider ones
 * @MMIO_ENGINE_AVX: 32-byte loads
 * @MMIO_ENGINE_AVX512: 64-byte loads
 *
 * The engines that the user can select.
 */
typedef enum {
  MMIO_ENGINE_AUTO,
  MMIO_ENGINE_ORC,
  MMIO_ENGINE_STREAM,
  MMIO_ENGINE_U64,
  MMIO_ENGINE_U32,
  MMIO_ENGINE_AVX,
  MMIO_ENGINE_AVX512,
} MmioEngine;

/**
 * MmioReader:
 *
 * An engine that loads from a BAR.  It loads each byte once, in the engine's
 * widest naturally aligned loads, none of which crosses a cache line.
 *
 * Locking: none; an engine has no state, so any number of threads may use it.
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

/* Bytes that are loaded into a bounce buffer before they are stored.  Few
 * lines, so that loads and stores do not wait long for each other
 * (docs/measurements.md). */
#define MMIO_READER_PIECE 1536

/* Alignment of a bounce buffer.  Addresses in it and in the BAR are equal
 * modulo this. */
#define MMIO_READER_PHASE 64

gboolean mmio_reader_fetch (const MmioReader * reader, guint8 * bounce,
    const guint8 * bar, const guint8 * shadow, gsize length);

guint8 mmio_reader_load_u8 (const guint8 * bar);
guint16 mmio_reader_load_u16 (const guint8 * bar);
guint32 mmio_reader_load_u32 (const guint8 * bar);
guint64 mmio_reader_load_u64 (const guint8 * bar);
void mmio_reader_fence (void);

G_END_DECLS
