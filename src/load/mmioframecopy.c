/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copies a frame in one pass: each byte is loaded from the BAR once.
 * Conversion and comparison work on a row in a cached bounce buffer.  The
 * buffer has space for a whole row, since pixels may cross the end of a line,
 * but loads must not.
 */
#include "load/mmioframecopy.h"

#include <string.h>

#include "base/mmiocpu.h"

typedef struct
{
  const MmioReader *reader;
  const MmioLayout *layout;
  const guint8 *data;
  const MmioTarget *target;
  const MmioConversion *conversion;
  MmioShadow *shadow;
  gboolean compare;             /* the shadow has a frame */
  gboolean held_back;           /* unchanged so far; nothing is written */
  guint8 *bounce;               /* a row; line-aligned */
} Pass;

/* Writes @length bytes of a row; a conversion always writes a whole row */
static void
emit (const Pass * pass, guint plane, guint y, gsize x, const guint8 * bytes,
    gsize length)
{
  guint8 *dest = pass->target->plane[plane] +
      (gsize) y * pass->target->stride[plane] + x;

  if (pass->conversion) {
    mmio_conversion_run (pass->conversion, dest, bytes, pass->layout->width);
  } else {
    mmio_cpu_announce_stores (dest, length);
    memcpy (dest, bytes, length);
  }
}

/* Writes the rows that were held back: all before @row of @plane.  They are
 * unchanged, so the shadow has them. */
static void
catch_up (Pass * pass, guint plane, guint row)
{
  for (guint i = 0; i <= plane; i++) {
    const guint rows = i == plane ? row : pass->layout->plane[i].rows;

    for (guint y = 0; y < rows; y++)
      emit (pass, i, y, 0, mmio_shadow_get_row (pass->shadow, i, y),
          pass->layout->plane[i].row_bytes);
  }

  pass->held_back = FALSE;
}

static void
read_row (Pass * pass, guint plane, guint y, const guint8 * bar)
{
  const gsize length = pass->layout->plane[plane].row_bytes;
  guint8 *row = pass->bounce + (guintptr) bar % MMIO_READER_PHASE;
  guint8 *before = pass->shadow ?
      mmio_shadow_get_row (pass->shadow, plane, y) : NULL;
  gsize written = 0, end;

  for (gsize x = 0; x < length; x = end) {
    gboolean equal;

    /* A piece ends with a cache line; a converted row is one piece */
    end = length;
    if (!pass->conversion)
      end =
          MIN (end,
          x + MMIO_READER_PIECE - (guintptr) (bar + x) % MMIO_READER_PHASE);

    equal = mmio_reader_fetch (pass->reader, row + x, bar + x,
        /* There is a shadow if pass->compare is set */
        /* cppcheck-suppress nullPointerArithmeticRedundantCheck */
        pass->compare ? before + x : NULL, end - x);

    if (!equal && pass->held_back)
      catch_up (pass, plane, y);
    if (!pass->held_back) {
      emit (pass, plane, y, written, row + written, end - written);
      written = end;
    }
    if (!equal && before) {
      memcpy (before + x, row + x, end - x);
      mmio_shadow_mark (pass->shadow, plane, y);
    }
  }
}

static void
read_through_bounce (Pass * pass)
{
  const MmioLayout *layout = pass->layout;
  gsize longest = 0;

  for (guint i = 0; i < layout->format.n_planes; i++)
    longest = MAX (longest, layout->plane[i].row_bytes);
  pass->bounce = g_aligned_alloc (1, MMIO_READER_PHASE + longest,
      MMIO_READER_PHASE);

  for (guint i = 0; i < layout->format.n_planes; i++) {
    const MmioPlane *plane = &layout->plane[i];
    const guint8 *bar = pass->data + (plane->offset - layout->start);

    for (guint y = 0; y < plane->rows; y++, bar += plane->stride)
      read_row (pass, i, y, bar);
  }

  g_aligned_free (pass->bounce);
}

static void
read_straight (const Pass * pass)
{
  const MmioLayout *layout = pass->layout;

  for (guint i = 0; i < layout->format.n_planes; i++) {
    const MmioPlane *plane = &layout->plane[i];

    mmio_reader_copy_rows (pass->reader, pass->target->plane[i],
        pass->target->stride[i], pass->data + (plane->offset - layout->start),
        plane->stride, plane->row_bytes, plane->rows);
  }
}

/**
 * mmio_frame_copy_can_convert:
 * @layout: a frame layout in a BAR
 * @format: a format
 *
 * Returns: whether frames of @layout can be copied as @format
 */
gboolean
mmio_frame_copy_can_convert (const MmioLayout * layout,
    const MmioFormat * format)
{
  return mmio_format_equal (&layout->format, format) ||
      mmio_conversion_find (&layout->format, format);
}

/**
 * mmio_frame_copy:
 * @reader: the engine
 * @layout: the frame layout
 * @data: the BAR at @layout's start
 * @target: the destination; mmio_frame_copy_can_convert() must accept its
 *   format
 *
 * Copies the present frame.
 */
void
mmio_frame_copy (const MmioReader * reader, const MmioLayout * layout,
    const guint8 * data, const MmioTarget * target)
{
  Pass pass = {
    .reader = reader,
    .layout = layout,
    .data = data,
    .target = target,
    .conversion = mmio_conversion_find (&layout->format, &target->format),
  };

  if (pass.conversion)
    read_through_bounce (&pass);
  else
    read_straight (&pass);
}

/**
 * mmio_frame_copy_changes:
 * @reader: the engine
 * @layout: the frame layout
 * @data: the BAR at @layout's start
 * @target: the destination; mmio_frame_copy_can_convert() must accept its
 *   format
 * @shadow: the previous frame; updated
 * @only_changed: do not write an unchanged frame to @target
 * @damage: (out): the changed rows; all rows if @shadow has no frame
 *
 * Copies the present frame, and compares it with the previous one.
 *
 * Returns: whether @target was written
 */
gboolean
mmio_frame_copy_changes (const MmioReader * reader,
    const MmioLayout * layout, const guint8 * data,
    const MmioTarget * target, MmioShadow * shadow, gboolean only_changed,
    MmioDamage * damage)
{
  Pass pass = {
    .reader = reader,
    .layout = layout,
    .data = data,
    .target = target,
    .conversion = mmio_conversion_find (&layout->format, &target->format),
    .shadow = shadow,
  };

  pass.compare = mmio_shadow_begin (shadow);
  pass.held_back = only_changed && pass.compare;
  read_through_bounce (&pass);
  mmio_shadow_end (shadow, damage);

  return !pass.held_back;
}
