/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define MMIO_MAX_PLANES 4
#define MMIO_MAX_COMPONENTS 4

typedef enum {
  MMIO_COLOR_GRAY,
  MMIO_COLOR_RGB,
  MMIO_COLOR_YUV,
} MmioColorModel;

/**
 * MmioComponent:
 * @plane: index of the plane
 * @offset: bytes from the pixel's start
 * @pixel_stride: bytes from one sample to the next
 * @w_sub: horizontal subsampling as a shift
 * @h_sub: vertical subsampling as a shift
 * @shift: bits below the value
 * @depth: bits of the value
 *
 * The place of a colour component; the fields have the meaning of
 * GstVideoFormatInfo.
 */
typedef struct {
  guint8 plane;
  guint8 offset;
  guint8 pixel_stride;
  guint8 w_sub;
  guint8 h_sub;
  guint8 shift;
  guint8 depth;
} MmioComponent;

/**
 * MmioFormat:
 * @name: GStreamer's name of the format, "" for no format
 * @model: what the components mean: R, G, B, A or Y, U, V, A or gray
 * @big_endian: order of the bytes in components of more than 8 bits
 * @n_planes: number of planes
 * @n_components: number of components
 * @component: the components
 * @block_width: pixels of a block, in formats whose samples do not start at
 *   byte boundaries (such as v210); else 0
 * @block_bytes: bytes of such a block, the same in each plane
 * @block_splits: a row may end within a block
 *
 * A pixel format: the layout of pixels in memory.
 */
typedef struct {
  char name[24];
  MmioColorModel model;
  gboolean big_endian;
  guint n_planes;
  guint n_components;
  MmioComponent component[MMIO_MAX_COMPONENTS];
  guint block_width;
  guint block_bytes;
  gboolean block_splits;
} MmioFormat;

const MmioFormat *mmio_format_find (const char *name);
const MmioFormat *mmio_format_nth (guint n);

gboolean mmio_format_equal (const MmioFormat * a, const MmioFormat * b);

guint64 mmio_format_row_bytes (const MmioFormat * format, guint plane,
    guint width);

guint mmio_format_rows (const MmioFormat * format, guint plane, guint height);

guint mmio_format_row_shift (const MmioFormat * format, guint plane);

guint64 mmio_format_plane_stride (const MmioFormat * format, guint plane,
    guint stride);

G_END_DECLS
