/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One pass over the picture: each byte comes from the BAR once, and whatever
 * is to be done with it is done on the way, while its row is in a bounce in
 * the cache.  The bounce holds a whole row: a pixel may lie across the end of a
 * line, and loads do not.
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
  gboolean compare;             /* the shadow holds a frame */
  gboolean held_back;           /* nothing has changed yet, nothing is written */
  guint8 *bounce;               /* a row; line-aligned */
} Pass;

/* Writes @length bytes of a row; all of it, where it is converted */
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

/* Writes the rows that were held back: all that come before a row of a plane
 * are as they were in the frame before */
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

    /* Seams lie between lines; pixels that are converted have none */
    end = length;
    if (!pass->conversion)
      end =
          MIN (end,
          x + MMIO_READER_PIECE - (guintptr) (bar + x) % MMIO_READER_PHASE);

    equal = mmio_reader_fetch (pass->reader, row + x, bar + x,
        /* Who compares has a shadow */
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
 * @layout: a picture in a BAR
 * @format: the format that somebody wants it in
 *
 * Returns: whether @layout can be read as @format
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
 * @reader: what loads
 * @layout: the picture
 * @data: the BAR at @layout's start
 * @target: where it goes, in a format that mmio_frame_copy_can_convert()
 *
 * Reads the picture as it is now.
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
 * @reader: what loads
 * @layout: the picture
 * @data: the BAR at @layout's start
 * @target: where it goes, in a format that mmio_frame_copy_can_convert()
 * @shadow: what it was when it was last read; updated
 * @only_changed: write nothing to @target if nothing has changed
 * @damage: (out): the rows that have changed
 *
 * Reads the picture as it is now, and finds out on the way what has changed
 * in it; all of it, if @shadow knows of no frame before.
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
