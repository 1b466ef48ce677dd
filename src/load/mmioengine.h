/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Private to the engines and mmioreader.c */

#include "load/mmioreader.h"

G_BEGIN_DECLS

/* Bytes of a cache line, which is also the size of the largest load and of a
 * write-combining buffer */
#define MMIO_LINE 64

/**
 * MmioReader:
 * @name: value of the property `engine`
 * @load_bytes: size of the widest load (bytes)
 * @obstacle: (nullable): reason why the engine cannot run, for the error
 * @is_available: (nullable): returns whether the engine can run; NULL: always
 * @copy_words: copies any bytes in naturally aligned general-purpose loads
 * @copy_lines: (nullable): copies whole lines between line-aligned addresses
 * @compare_lines: (nullable): copies like @copy_lines, and returns whether the
 *   lines equal those at @shadow, which is ordinary memory at any address
 * @keep_stores_apart: the destination of @copy_lines is always a cached bounce
 *   buffer
 * @is_ordinary: the source is ordinary memory, not a BAR, and may be prefetched
 *
 * An engine.
 */
struct _MmioReader {
  const char *name;
  guint load_bytes;
  const char *obstacle;
  gboolean (*is_available) (void);
  void (*copy_words) (guint8 * dest, const guint8 * bar, gsize length);
  void (*copy_lines) (guint8 * dest, const guint8 * bar, gsize length);
  gboolean (*compare_lines) (guint8 * dest, const guint8 * bar,
      const guint8 * shadow, gsize length);
  gboolean keep_stores_apart;
  gboolean is_ordinary;
};

void mmio_engine_copy_u64 (guint8 * dest, const guint8 * bar, gsize length);

extern const MmioReader mmio_engine_u64;
extern const MmioReader mmio_engine_u32;
extern const MmioReader mmio_engine_orc;
extern const MmioReader mmio_engine_orc_ordinary;
extern const MmioReader mmio_engine_stream;
extern const MmioReader mmio_engine_avx;
extern const MmioReader mmio_engine_avx512;

G_END_DECLS
