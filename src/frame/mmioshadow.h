/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "frame/mmiolayout.h"

G_BEGIN_DECLS

/* The most ranges of changed rows; the last one also covers all later changes */
#define MMIO_MAX_DAMAGE 16

/**
 * MmioRows:
 * @first: first row
 * @count: number of rows
 *
 * A range of rows of a frame.
 */
typedef struct {
  guint first;
  guint count;
} MmioRows;

/**
 * MmioDamage:
 * @n_ranges: number of ranges; 0: the frame is unchanged
 * @range: changed rows, from the top down, with unchanged rows between them
 *
 * The changed rows of a frame.
 */
typedef struct {
  guint n_ranges;
  MmioRows range[MMIO_MAX_DAMAGE];
} MmioDamage;

/**
 * MmioShadow:
 *
 * A copy of the previous frame in cached memory, to compare with.
 */
typedef struct _MmioShadow MmioShadow;

MmioShadow *mmio_shadow_new (const MmioLayout * layout);
void mmio_shadow_free (MmioShadow * shadow);

void mmio_shadow_forget (MmioShadow * shadow);

gboolean mmio_shadow_begin (MmioShadow * shadow);
guint8 *mmio_shadow_get_row (MmioShadow * shadow, guint plane, guint row);
void mmio_shadow_mark (MmioShadow * shadow, guint plane, guint row);
void mmio_shadow_end (MmioShadow * shadow, MmioDamage * damage);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioShadow, mmio_shadow_free)

G_END_DECLS
