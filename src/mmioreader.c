/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only code that loads from a BAR.  Each load is a round trip on the bus,
 * whatever its width, so every byte is loaded once, in the widest naturally
 * aligned loads: an unaligned one may be split in two, or fault.
 */
#include "mmioreader.h"

#include <string.h>

struct _MmioReader
{
  const char *name;
  void (*copy) (guint8 * dest, const guint8 * bar, gsize length);
};

/* Pixels that go through the bounce at a time: 3 * 2048 bytes, a multiple of
 * 64 so that each piece starts where its first one did within a cache line,
 * and small enough to stay in the first level cache with its expansion. */
#define BOUNCE_PIXELS 2048

/* The volatile keeps the compiler from splitting, joining or repeating them.
 * The destination is ordinary memory and may be unaligned. */
#define LOAD(type, dest, bar) G_STMT_START { \
    type value_ = *(const volatile type *) (bar); \
    memcpy ((dest), &value_, sizeof (type)); \
} G_STMT_END

/* Takes an element from the front, if so much is left and it is wanted */
#define TAKE(type, wanted) G_STMT_START { \
    if (length >= sizeof (type) && (wanted)) { \
      LOAD (type, dest, bar); \
      dest += sizeof (type); \
      bar += sizeof (type); \
      length -= sizeof (type); \
    } \
} G_STMT_END

static void
copy_u64 (guint8 * dest, const guint8 * bar, gsize length)
{
  TAKE (guint8, (guintptr) bar & 1);
  TAKE (guint16, (guintptr) bar & 2);
  TAKE (guint32, (guintptr) bar & 4);

  /* A head is only left out where fewer bytes are left than it has: whatever
   * is still loaded from here on is aligned. */
  for (; length >= sizeof (guint64); length -= sizeof (guint64)) {
    LOAD (guint64, dest, bar);
    dest += sizeof (guint64);
    bar += sizeof (guint64);
  }

  TAKE (guint32, TRUE);
  TAKE (guint16, TRUE);
  TAKE (guint8, TRUE);
}

static const MmioReader reader_u64 = { "u64", copy_u64 };

/**
 * mmio_reader_get_default:
 *
 * Returns: (transfer none): the engine that suits any machine and any map
 */
const MmioReader *
mmio_reader_get_default (void)
{
  return &reader_u64;
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
 * mmio_reader_copy:
 * @dest: where the bytes go, ordinary memory
 * @bar: where they are loaded from
 * @length: bytes
 */
void
mmio_reader_copy (const MmioReader * reader, guint8 * dest, const guint8 * bar,
    gsize length)
{
  reader->copy (dest, bar, length);
}

/**
 * mmio_reader_copy_rows:
 * @dest: where the first row goes, ordinary memory
 * @dest_stride: bytes from one row to the next in @dest
 * @bar: where the first row is loaded from
 * @bar_stride: bytes from one row to the next in the BAR
 * @row_bytes: bytes of a row; what lies between rows is neither loaded nor
 *   written
 * @rows: number of rows
 */
void
mmio_reader_copy_rows (const MmioReader * reader, guint8 * dest,
    gsize dest_stride, const guint8 * bar, gsize bar_stride, gsize row_bytes,
    guint rows)
{
  if (dest_stride == row_bytes && bar_stride == row_bytes) {
    reader->copy (dest, bar, row_bytes * rows);
    return;
  }

  for (guint y = 0; y < rows; y++)
    reader->copy (dest + y * dest_stride, bar + y * bar_stride, row_bytes);
}

/**
 * mmio_reader_expand_rows:
 * @expansion: what to make of the pixels, see mmio_expansion_find()
 * @dest: where the first row goes: 4 bytes a pixel
 * @dest_stride: bytes from one row to the next in @dest
 * @bar: where the first row is loaded from: 3 bytes a pixel
 * @bar_stride: bytes from one row to the next in the BAR
 * @width: pixels a row
 * @rows: number of rows
 *
 * Reads a 24-bit picture into a 32-bit one.  The pixels stop over in a small
 * bounce that stays in the cache, in the same phase as in the BAR.
 */
void
mmio_reader_expand_rows (const MmioReader * reader,
    const MmioExpansion * expansion, guint8 * dest, gsize dest_stride,
    const guint8 * bar, gsize bar_stride, guint width, guint rows)
{
  guint8 bounce[64 + 3 * BOUNCE_PIXELS] __attribute__((aligned (64)));

  for (guint y = 0; y < rows; y++) {
    const guint8 *from = bar + y * bar_stride;
    guint8 *to = dest + y * dest_stride;
    guint left = width;

    while (left > 0) {
      guint pixels = MIN (left, BOUNCE_PIXELS);
      guint8 *piece = bounce + ((guintptr) from & 63);

      reader->copy (piece, from, 3 * pixels);
      mmio_expansion_run (expansion, to, piece, pixels);

      from += 3 * pixels;
      to += 4 * pixels;
      left -= pixels;
    }
  }
}

/**
 * mmio_reader_load_u16:
 * @bar: address of a register, aligned
 *
 * Returns: the register, which is little-endian as PCI is
 */
guint16
mmio_reader_load_u16 (const guint8 * bar)
{
  return GUINT16_FROM_LE (*(const volatile guint16 *) bar);
}

/**
 * mmio_reader_load_u32:
 * @bar: address of a register, aligned
 *
 * Returns: the register, which is little-endian as PCI is
 */
guint32
mmio_reader_load_u32 (const guint8 * bar)
{
  return GUINT32_FROM_LE (*(const volatile guint32 *) bar);
}
