/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loads from BARs, by means of an engine.  Only mmioloadbench.c also loads from
 * BARs, to measure.
 *
 * Each load is a round trip on the bus, whatever its width.  So each byte is
 * loaded once, in the widest naturally aligned loads.  An unaligned load may be
 * split in two, or fault.
 *
 * Engines with @copy_lines copy whole lines to a line-aligned destination.  The
 * bytes before and after these lines are copied in words.
 */
#include "load/mmioengine.h"

#include <string.h>

#include "base/mmiocpu.h"
#include "base/mmioerror.h"

G_STATIC_ASSERT (MMIO_READER_PHASE == MMIO_LINE);

static const MmioReader *
get_engine (MmioEngine engine, MmioMapping mapping)
{
  switch (engine) {
    case MMIO_ENGINE_ORC:
      return mapping == MMIO_MAPPING_CACHED ? &mmio_engine_orc_ordinary :
          &mmio_engine_orc;
    case MMIO_ENGINE_STREAM:
      return &mmio_engine_stream;
    case MMIO_ENGINE_U32:
      return &mmio_engine_u32;
    case MMIO_ENGINE_AVX:
      return &mmio_engine_avx;
    case MMIO_ENGINE_AVX512:
      return &mmio_engine_avx512;
    case MMIO_ENGINE_AUTO:
    case MMIO_ENGINE_U64:
    default:
      return &mmio_engine_u64;
  }
}

static gboolean
is_available (const MmioReader * reader)
{
  return !reader->is_available || reader->is_available ();
}

static const MmioReader *
choose_best (MmioMapping mapping, const char **reason)
{
  const gboolean has_orc = is_available (&mmio_engine_orc);

  if (mapping == MMIO_MAPPING_CACHED) {
    *reason = has_orc ? "ordinary memory: vector loads" :
        "ordinary memory, and ORC cannot compile here";
    return has_orc ? &mmio_engine_orc_ordinary : &mmio_engine_u64;
  }

  if (mmio_cpu_is_virtual ()) {
    *reason = "a virtual machine: it may have to emulate the loads";
    return &mmio_engine_u64;
  }

  if (mapping == MMIO_MAPPING_WRITE_COMBINING &&
      is_available (&mmio_engine_stream)) {
    *reason = "a write-combining map: whole lines";
    return &mmio_engine_stream;
  }
#if defined (__x86_64__) || defined (__i386__)
  {
    static const MmioReader *const widest[] = {
      &mmio_engine_avx512, &mmio_engine_avx, &mmio_engine_orc
    };

    for (guint i = 0; i < G_N_ELEMENTS (widest); i++) {
      if (is_available (widest[i])) {
        *reason = "an uncached map: the widest loads";
        return widest[i];
      }
    }
  }
#endif

  *reason = "works with any map";
  return &mmio_engine_u64;
}

/**
 * mmio_reader_choose:
 * @engine: the engine that the user has set
 * @mapping: the mapping of the source
 * @reason: (out) (transfer none): the reason for the choice
 *
 * Chooses an engine.
 *
 * Returns: (transfer none) (nullable): the engine, or NULL with
 *   %MMIO_ERROR_SETTINGS if @engine cannot run on this CPU
 */
const MmioReader *
mmio_reader_choose (MmioEngine engine, MmioMapping mapping,
    const char **reason, GError ** error)
{
  const MmioReader *reader;

  if (engine == MMIO_ENGINE_AUTO)
    return choose_best (mapping, reason);

  reader = get_engine (engine, mapping);
  if (!is_available (reader)) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use engine=%s: %s. Set engine to auto.", reader->name,
        reader->obstacle);
    return NULL;
  }

  *reason = "set by the user";
  return reader;
}

/**
 * mmio_reader_get_name:
 *
 * Returns: (transfer none): the name of the engine
 */
const char *
mmio_reader_get_name (const MmioReader * reader)
{
  return reader->name;
}

/**
 * mmio_reader_get_load_bytes:
 *
 * Returns: width of the engine's widest load (bytes); for orc a lower limit
 */
guint
mmio_reader_get_load_bytes (const MmioReader * reader)
{
  return reader->load_bytes;
}

/* A range of the BAR: words, then whole lines, then words */
typedef struct
{
  gsize head;
  gsize lines;
  gsize tail;
} Split;

static Split
split (const guint8 * bar, gsize length)
{
  Split s;

  s.head = MIN (length, -(guintptr) bar % MMIO_LINE);
  s.lines = (length - s.head) & ~(gsize) (MMIO_LINE - 1);
  s.tail = length - s.head - s.lines;

  return s;
}

/* Copies whole lines to a destination of any alignment */
static void
copy_lines (const MmioReader * reader, guint8 * dest, const guint8 * bar,
    gsize length)
{
  guint8 bounce[MMIO_READER_PIECE] __attribute__((aligned (MMIO_LINE)));
  const gboolean straight = (guintptr) dest % MMIO_LINE == 0 &&
      !reader->keep_stores_apart;

  while (length > 0) {
    const gsize n = MIN (length, MMIO_READER_PIECE);

    if (reader->is_ordinary)
      mmio_cpu_announce_loads (bar, n);
    if (straight) {
      mmio_cpu_announce_stores (dest, n);
      reader->copy_lines (dest, bar, n);
    } else {
      reader->copy_lines (bounce, bar, n);
      mmio_cpu_announce_stores (dest, n);
      memcpy (dest, bounce, n);
    }
    dest += n;
    bar += n;
    length -= n;
  }
}

/**
 * mmio_reader_copy:
 * @dest: destination, any memory; only written, once and in order
 * @bar: source, any alignment
 * @length: bytes
 *
 * Copies bytes from a BAR.
 */
void
mmio_reader_copy (const MmioReader * reader, guint8 * dest, const guint8 * bar,
    gsize length)
{
  const Split s = split (bar, length);

  if (!reader->copy_lines || s.lines == 0) {
    reader->copy_words (dest, bar, length);
    return;
  }

  reader->copy_words (dest, bar, s.head);
  copy_lines (reader, dest + s.head, bar + s.head, s.lines);
  reader->copy_words (dest + s.head + s.lines, bar + s.head + s.lines, s.tail);
}

/**
 * mmio_reader_copy_rows:
 * @dest: destination of the first row, any memory
 * @dest_stride: bytes from one row to the next in @dest
 * @bar: source of the first row
 * @bar_stride: bytes from one row to the next in the BAR
 * @row_bytes: bytes of a row without padding
 * @rows: number of rows
 *
 * Copies rows from a BAR.  Padding is neither loaded nor written.
 */
void
mmio_reader_copy_rows (const MmioReader * reader, guint8 * dest,
    gsize dest_stride, const guint8 * bar, gsize bar_stride, gsize row_bytes,
    guint rows)
{
  if (dest_stride == row_bytes && bar_stride == row_bytes) {
    mmio_reader_copy (reader, dest, bar, row_bytes * rows);
    return;
  }

  for (guint y = 0; y < rows; y++)
    mmio_reader_copy (reader, dest + y * dest_stride, bar + y * bar_stride,
        row_bytes);
}

/* Compares bytes; if @length is 0, the pointers may be invalid */
static gboolean
is_equal (const guint8 * a, const guint8 * b, gsize length)
{
  return length == 0 || memcmp (a, b, length) == 0;
}

/**
 * mmio_reader_fetch:
 * @bounce: destination: cached memory at an address that equals @bar modulo
 *   %MMIO_READER_PHASE
 * @bar: source
 * @shadow: (nullable): the previous bytes, ordinary memory
 * @length: bytes
 *
 * Copies bytes from a BAR to a bounce buffer of the caller, and compares them
 * with the previous ones.
 *
 * Returns: whether the bytes equal those at @shadow; FALSE without @shadow
 */
gboolean
mmio_reader_fetch (const MmioReader * reader, guint8 * bounce,
    const guint8 * bar, const guint8 * shadow, gsize length)
{
  const Split s = split (bar, length);
  const gsize after = s.head + s.lines;
  gboolean equal;

  if (!reader->copy_lines || s.lines == 0) {
    reader->copy_words (bounce, bar, length);
    return shadow && is_equal (bounce, shadow, length);
  }

  reader->copy_words (bounce, bar, s.head);
  if (shadow && reader->compare_lines) {
    equal = reader->compare_lines (bounce + s.head, bar + s.head,
        shadow + s.head, s.lines);
  } else {
    reader->copy_lines (bounce + s.head, bar + s.head, s.lines);
    equal = shadow && is_equal (bounce + s.head, shadow + s.head, s.lines);
  }
  reader->copy_words (bounce + after, bar + after, s.tail);

  return equal && is_equal (bounce, shadow, s.head) &&
      is_equal (bounce + after, shadow + after, s.tail);
}

/**
 * mmio_reader_load_u8:
 * @bar: address of a register
 *
 * Returns: the value of the register
 */
guint8
mmio_reader_load_u8 (const guint8 * bar)
{
  return mmio_cpu_load_guint8 (bar);
}

/**
 * mmio_reader_load_u16:
 * @bar: address of a register, aligned
 *
 * Returns: the value of the register, which is little-endian like PCI
 */
guint16
mmio_reader_load_u16 (const guint8 * bar)
{
  return GUINT16_FROM_LE (mmio_cpu_load_guint16 (bar));
}

/**
 * mmio_reader_load_u32:
 * @bar: address of a register, aligned
 *
 * Returns: the value of the register, which is little-endian like PCI
 */
guint32
mmio_reader_load_u32 (const guint8 * bar)
{
  return GUINT32_FROM_LE (mmio_cpu_load_guint32 (bar));
}

/**
 * mmio_reader_load_u64:
 * @bar: address of a register, aligned
 *
 * Returns: the value of the register, which is little-endian like PCI; 32-bit
 *   machines need two loads
 */
guint64
mmio_reader_load_u64 (const guint8 * bar)
{
  return GUINT64_FROM_LE (mmio_cpu_load_guint64 (bar));
}

/**
 * mmio_reader_fence:
 *
 * Orders all loads before the call before all loads after it, for every engine
 * and mapping.
 */
void
mmio_reader_fence (void)
{
#if defined (__x86_64__)
  /* Only MFENCE orders streaming loads (Intel SDM volume 1, 12.10.3) */
  __builtin_ia32_mfence ();
#elif defined (__aarch64__)
  __asm__ volatile ("dmb osh":::"memory");
#else
  __sync_synchronize ();
#endif
}
