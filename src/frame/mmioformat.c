/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pixel formats: the layout of samples in memory, and the formats that the
 * library knows without GStreamer.
 */
#include "frame/mmioformat.h"

#include <string.h>

#define BYTE(o, stride) { 0, o, stride, 0, 0, 0, 8 }
#define BITS(sh, d) { 0, 0, 2, 0, 0, sh, d }
#define PACKED(name, ...) \
    { name, MMIO_COLOR_RGB, FALSE, 1, 3, { __VA_ARGS__ }, 0, 0, FALSE }
#define YUV(name, planes, ...) \
    { name, MMIO_COLOR_YUV, FALSE, planes, 3, { __VA_ARGS__ }, 0, 0, FALSE }

/* First the formats of known devices and the conversions of 24-bit formats, all
 * little-endian like PCI; then other common formats, for programs without
 * GStreamer */
static const MmioFormat formats[] = {
  PACKED ("RGB", BYTE (0, 3), BYTE (1, 3), BYTE (2, 3)),
  PACKED ("BGR", BYTE (2, 3), BYTE (1, 3), BYTE (0, 3)),
  PACKED ("RGBx", BYTE (0, 4), BYTE (1, 4), BYTE (2, 4)),
  PACKED ("BGRx", BYTE (2, 4), BYTE (1, 4), BYTE (0, 4)),
  PACKED ("xRGB", BYTE (1, 4), BYTE (2, 4), BYTE (3, 4)),
  PACKED ("xBGR", BYTE (3, 4), BYTE (2, 4), BYTE (1, 4)),
  PACKED ("RGB16", BITS (11, 5), BITS (5, 6), BITS (0, 5)),
  PACKED ("RGB15", BITS (10, 5), BITS (5, 5), BITS (0, 5)),
  {"GRAY8", MMIO_COLOR_GRAY, FALSE, 1, 1, {{0, 0, 1, 0, 0, 0, 8}}, 0, 0, FALSE},
  YUV ("YUY2", 1, {0, 0, 2, 0, 0, 0, 8}, {0, 1, 4, 1, 0, 0, 8},
      {0, 3, 4, 1, 0, 0, 8}),
  YUV ("UYVY", 1, {0, 1, 2, 0, 0, 0, 8}, {0, 0, 4, 1, 0, 0, 8},
      {0, 2, 4, 1, 0, 0, 8}),
  YUV ("NV12", 2, {0, 0, 1, 0, 0, 0, 8}, {1, 0, 2, 1, 1, 0, 8},
      {1, 1, 2, 1, 1, 0, 8}),
  YUV ("I420", 3, {0, 0, 1, 0, 0, 0, 8}, {1, 0, 1, 1, 1, 0, 8},
      {2, 0, 1, 1, 1, 0, 8}),
};

/**
 * mmio_format_find:
 * @name: GStreamer's name of the format
 *
 * Returns: (nullable) (transfer none): a format of the library's own table, or
 *   NULL
 */
const MmioFormat *
mmio_format_find (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++) {
    if (strcmp (formats[i].name, name) == 0)
      return &formats[i];
  }

  return NULL;
}

/**
 * mmio_format_nth:
 * @n: 0, 1, 2, ...
 *
 * Returns: (nullable) (transfer none): the @n-th format that mmio_format_find()
 *   knows, or NULL after the last
 */
const MmioFormat *
mmio_format_nth (guint n)
{
  return n < G_N_ELEMENTS (formats) ? &formats[n] : NULL;
}

/**
 * mmio_format_equal:
 *
 * Returns: whether both are the same format
 */
gboolean
mmio_format_equal (const MmioFormat * a, const MmioFormat * b)
{
  return strcmp (a->name, b->name) == 0;
}

/**
 * mmio_format_row_bytes:
 * @plane: index of the plane
 * @width: pixels in a row of the frame
 *
 * Returns: bytes of a row in @plane, without padding
 */
guint64
mmio_format_row_bytes (const MmioFormat * format, guint plane, guint width)
{
  guint64 bytes = 0;

  if (format->block_splits)
    return ((guint64) width * format->block_bytes + format->block_width - 1) /
        format->block_width;

  if (format->block_width > 0) {
    guint64 blocks = ((guint64) width + format->block_width - 1) /
        format->block_width;

    return blocks * format->block_bytes;
  }

  for (guint i = 0; i < format->n_components; i++) {
    const MmioComponent *c = &format->component[i];
    guint64 samples = ((guint64) width + (1u << c->w_sub) - 1) >> c->w_sub;

    if (c->plane == plane)
      bytes = MAX (bytes, samples * c->pixel_stride);
  }

  return bytes;
}

/**
 * mmio_format_row_shift:
 * @plane: index of the plane
 *
 * Returns: binary logarithm of the number of frame rows that share a row of
 *   @plane
 */
guint
mmio_format_row_shift (const MmioFormat * format, guint plane)
{
  for (guint i = 0; i < format->n_components; i++) {
    if (format->component[i].plane == plane)
      return format->component[i].h_sub;
  }

  return 0;
}

/**
 * mmio_format_rows:
 * @plane: index of the plane
 * @height: rows of the frame
 *
 * Returns: rows of @plane
 */
guint
mmio_format_rows (const MmioFormat * format, guint plane, guint height)
{
  const guint shift = mmio_format_row_shift (format, plane);

  return ((guint64) height + (1u << shift) - 1) >> shift;
}

/**
 * mmio_format_plane_stride:
 * @plane: index of the plane
 * @stride: bytes from one row to the next in plane 0
 *
 * Derives the stride of a plane from that of plane 0, which is the only one
 * that some devices state for planar frames.  It follows V4L2's bytesperline
 * and DRM's dumb buffers: the chroma planes of I420 have half of it, that of
 * NV12 has the same.
 *
 * Returns: bytes from one row to the next in @plane
 */
guint64
mmio_format_plane_stride (const MmioFormat * format, guint plane, guint stride)
{
  const MmioComponent *first = &format->component[0];

  if (plane == 0 || format->block_width > 0)
    return stride;

  for (guint i = 0; i < format->n_components; i++) {
    const MmioComponent *c = &format->component[i];

    if (c->plane == plane) {
      guint64 scaled = (guint64) stride * c->pixel_stride / first->pixel_stride;

      return (scaled + (1u << c->w_sub) - 1) >> c->w_sub;
    }
  }

  return stride;
}
