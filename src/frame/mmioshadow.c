/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A copy of the previous frame, and the rows of the frame that differ from it.
 */
#include "frame/mmioshadow.h"

#include <string.h>

struct _MmioShadow
{
  MmioLayout layout;
  gboolean valid;
  guint8 *memory;
  gsize plane_offset[MMIO_MAX_PLANES];
  guint8 *changed;              /* a byte for each row of the frame */
};

/**
 * mmio_shadow_new:
 * @layout: the frame layout
 *
 * Returns: (transfer full) (nullable): a shadow without a previous frame, or
 *   NULL if there is no memory for it
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
  /* The size depends on user settings, so this may fail */
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
 * Discards the previous frame: the next frame counts as changed in all rows.
 */
void
mmio_shadow_forget (MmioShadow * shadow)
{
  shadow->valid = FALSE;
}

/**
 * mmio_shadow_begin:
 *
 * Begins a frame, with all rows unchanged.
 *
 * Returns: whether there is a previous frame
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
 * @row: a changed row of the plane
 *
 * Marks the rows of the frame that have pixels in @row as changed.
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
 * @damage: (out): the changed rows
 *
 * Ends a frame, which becomes the previous one.
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
