/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The frame before, and which rows of the picture differ from it.
 */
#include "frame/mmioshadow.h"

#include <string.h>

struct _MmioShadow
{
  MmioLayout layout;
  gboolean valid;
  guint8 *memory;
  gsize plane_offset[MMIO_MAX_PLANES];
  guint8 *changed;              /* a byte for each row of the picture */
};

/**
 * mmio_shadow_new:
 * @layout: the picture
 *
 * Returns: (transfer full) (nullable): a shadow that knows of no frame before,
 *   or NULL if there is no memory for it
 */
MmioShadow *
mmio_shadow_new (const MmioLayout * layout)
{
  MmioShadow *shadow = g_new0 (MmioShadow, 1);
  gsize size = 0;

  shadow->layout = *layout;
  for (guint i = 0; i < layout->format.n_planes; i++) {
    shadow->plane_offset[i] = size;
    size += (gsize) layout->plane[i].row_bytes * layout->plane[i].rows;
  }
  shadow->changed = g_malloc0 (layout->height);
  /* As large as the picture, which the user says */
  shadow->memory = g_try_malloc (size);
  if (!shadow->memory)
    g_clear_pointer (&shadow, mmio_shadow_free);

  return shadow;
}

/**
 * mmio_shadow_free:
 * @shadow: (transfer full): a shadow
 */
void
mmio_shadow_free (MmioShadow * shadow)
{
  g_free (shadow->changed);
  g_free (shadow->memory);
  g_free (shadow);
}

/**
 * mmio_shadow_forget:
 *
 * Forgets the frame before: all of the next one has changed.
 */
void
mmio_shadow_forget (MmioShadow * shadow)
{
  shadow->valid = FALSE;
}

/**
 * mmio_shadow_begin:
 *
 * Begins a frame: no row has changed yet.
 *
 * Returns: whether there was a frame before
 */
gboolean
mmio_shadow_begin (MmioShadow * shadow)
{
  memset (shadow->changed, 0, shadow->layout.height);

  return shadow->valid;
}

/**
 * mmio_shadow_get_row:
 * @plane: index of a plane
 * @row: a row of it
 *
 * Returns: (transfer none): the bytes of that row, without padding
 */
guint8 *
mmio_shadow_get_row (MmioShadow * shadow, guint plane, guint row)
{
  return shadow->memory + shadow->plane_offset[plane] +
      (gsize) row *shadow->layout.plane[plane].row_bytes;
}

/**
 * mmio_shadow_mark:
 * @plane: index of a plane
 * @row: a row of it that has changed
 *
 * Marks the rows of the picture that have pixels in @row.
 */
void
mmio_shadow_mark (MmioShadow * shadow, guint plane, guint row)
{
  const guint shift = mmio_format_row_shift (&shadow->layout.format, plane);
  const guint first = row << shift;
  const guint last = MIN (first + (1u << shift), shadow->layout.height);

  memset (shadow->changed + first, 1, last - first);
}

/**
 * mmio_shadow_end:
 * @damage: (out): the rows that have changed
 *
 * Ends a frame: it is the one before the next.
 */
void
mmio_shadow_end (MmioShadow * shadow, MmioDamage * damage)
{
  const guint height = shadow->layout.height;
  guint n = 0;

  for (guint y = 0; y < height; y++) {
    MmioRows *last = n > 0 ? &damage->range[n - 1] : NULL;

    if (!shadow->changed[y])
      continue;

    if (last && (last->first + last->count == y || n == MMIO_MAX_DAMAGE)) {
      last->count = y + 1 - last->first;
    } else {
      damage->range[n++] = (MmioRows) {
      y, 1};
    }
  }

  damage->n_ranges = n;
  shadow->valid = TRUE;
}
