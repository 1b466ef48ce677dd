/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "frame/mmioconvert.h"
#include "frame/mmioshadow.h"
#include "load/mmioreader.h"

G_BEGIN_DECLS

/**
 * MmioTarget:
 * @format: format of the pixels in the target
 * @plane: start of each plane
 * @stride: bytes from one row to the next in each plane
 *
 * The memory that a frame is copied to.  It is only written, once and in order.
 */
typedef struct {
  MmioFormat format;
  guint8 *plane[MMIO_MAX_PLANES];
  guint stride[MMIO_MAX_PLANES];
} MmioTarget;

gboolean mmio_frame_copy_can_convert (const MmioLayout * layout,
    const MmioFormat * format);

void mmio_frame_copy (const MmioReader * reader, const MmioLayout * layout,
    const guint8 * data, const MmioTarget * target);

gboolean mmio_frame_copy_changes (const MmioReader * reader,
    const MmioLayout * layout, const guint8 * data,
    const MmioTarget * target, MmioShadow * shadow, gboolean only_changed,
    MmioDamage * damage);

G_END_DECLS
