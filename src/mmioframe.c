/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One pass over the picture: each byte comes from the BAR once, and whatever
 * is to be done with it is done on the way, while it is in a small bounce in
 * the cache.
 */
#include "mmioframe.h"

#include <string.h>

/* Bytes that go through the bounce at a time: whole pixels of 3 and of 4
 * bytes, whole lines so that each piece of a row starts in the same phase,
 * and little enough to stay in the first level cache with what becomes of it */
#define PIECE (32 * 192)

typedef struct
{
  const MmioReader *reader;
  const MmioPicture *picture;
  const guint8 *data;
  const MmioTarget *target;
  const MmioConversion *conversion;
  MmioShadow *shadow;
  gboolean compare;             /* the shadow holds a frame */
  gboolean held_back;           /* nothing has changed yet, nothing is written */
} Pass;

/* Writes @length bytes of the picture, which start at @x bytes in a row */
static void
emit (const Pass * pass, guint plane, guint row, gsize x, const guint8 * bytes,
    gsize length)
{
  guint8 *dest = pass->target->plane[plane] +
      (gsize) row * pass->target->stride[plane];

  if (pass->conversion) {
    const guint size = mmio_conversion_get_pixel_bytes (pass->conversion);

    mmio_conversion_run (pass->conversion, dest + x / size * 4, bytes,
        length / size);
  } else {
    memcpy (dest + x, bytes, length);
  }
}

/* Writes what was held back: all that comes before a place in the picture is
 * as it was in the frame before */
static void
catch_up (Pass * pass, guint plane, guint row, gsize x)
{
  for (guint i = 0; i <= plane; i++) {
    const MmioPlane *p = &pass->picture->plane[i];
    const guint rows = i == plane ? row : p->rows;

    for (guint y = 0; y < rows; y++)
      emit (pass, i, y, 0, mmio_shadow_get_row (pass->shadow, i, y),
          p->row_bytes);
  }
  if (x > 0)
    emit (pass, plane, row, 0, mmio_shadow_get_row (pass->shadow, plane, row),
        x);

  pass->held_back = FALSE;
}

static void
read_piece (Pass * pass, guint plane, guint row, gsize x, const guint8 * bar,
    gsize length)
{
  guint8 memory[MMIO_READER_PHASE + PIECE]
      __attribute__((aligned (MMIO_READER_PHASE)));
  guint8 *bounce = memory + (guintptr) bar % MMIO_READER_PHASE;
  guint8 *before = NULL;
  gboolean equal;

  if (pass->shadow)
    before = mmio_shadow_get_row (pass->shadow, plane, row) + x;

  equal = mmio_reader_fetch (pass->reader, bounce, bar,
      pass->compare ? before : NULL, length);

  if (!equal && pass->held_back)
    catch_up (pass, plane, row, x);
  if (!pass->held_back)
    emit (pass, plane, row, x, bounce, length);
  if (!equal && before) {
    memcpy (before, bounce, length);
    mmio_shadow_mark (pass->shadow, plane, row);
  }
}

static void
read_through_bounce (Pass * pass)
{
  const MmioPicture *picture = pass->picture;

  for (guint i = 0; i < picture->format.n_planes; i++) {
    const MmioPlane *plane = &picture->plane[i];
    const guint8 *bar = pass->data + (plane->offset - picture->start);

    for (guint y = 0; y < plane->rows; y++, bar += plane->stride) {
      for (gsize x = 0; x < plane->row_bytes; x += PIECE)
        read_piece (pass, i, y, x, bar + x, MIN (PIECE, plane->row_bytes - x));
    }
  }
}

static void
read_straight (const Pass * pass)
{
  const MmioPicture *picture = pass->picture;

  for (guint i = 0; i < picture->format.n_planes; i++) {
    const MmioPlane *plane = &picture->plane[i];

    mmio_reader_copy_rows (pass->reader, pass->target->plane[i],
        pass->target->stride[i], pass->data + (plane->offset - picture->start),
        plane->stride, plane->row_bytes, plane->rows);
  }
}

/**
 * mmio_frame_can_read_as:
 * @picture: a picture in a BAR
 * @format: the format that somebody wants it in
 *
 * Returns: whether @picture can be read as @format
 */
gboolean
mmio_frame_can_read_as (const MmioPicture * picture, const MmioFormat * format)
{
  return mmio_format_equal (&picture->format, format) ||
      mmio_conversion_find (&picture->format, format);
}

/**
 * mmio_frame_read:
 * @reader: what loads
 * @picture: the picture
 * @data: the BAR at @picture's start
 * @target: where it goes, in a format that mmio_frame_can_read_as()
 *
 * Reads the picture as it is now.
 */
void
mmio_frame_read (const MmioReader * reader, const MmioPicture * picture,
    const guint8 * data, const MmioTarget * target)
{
  Pass pass = {
    .reader = reader,
    .picture = picture,
    .data = data,
    .target = target,
    .conversion = mmio_conversion_find (&picture->format, &target->format),
  };

  if (pass.conversion)
    read_through_bounce (&pass);
  else
    read_straight (&pass);
}

/**
 * mmio_frame_read_changes:
 * @reader: what loads
 * @picture: the picture
 * @data: the BAR at @picture's start
 * @target: where it goes, in a format that mmio_frame_can_read_as()
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
mmio_frame_read_changes (const MmioReader * reader,
    const MmioPicture * picture, const guint8 * data,
    const MmioTarget * target, MmioShadow * shadow, gboolean only_changed,
    MmioDamage * damage)
{
  Pass pass = {
    .reader = reader,
    .picture = picture,
    .data = data,
    .target = target,
    .conversion = mmio_conversion_find (&picture->format, &target->format),
    .shadow = shadow,
  };

  pass.compare = mmio_shadow_begin (shadow);
  pass.held_back = only_changed && pass.compare;
  read_through_bounce (&pass);
  mmio_shadow_end (shadow, damage);

  return !pass.held_back;
}
