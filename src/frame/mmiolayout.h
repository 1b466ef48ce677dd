/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "frame/mmioformat.h"

G_BEGIN_DECLS

/* Neither side of a picture is larger; with it, no sum of ours overflows. */
#define MMIO_LAYOUT_MAX_SIDE 65535

/* Of so many pictures a device may have one in turn: double and triple
 * buffers, and one more */
#define MMIO_MAX_BUFFERS 4

/**
 * MmioRegisterSpec:
 * @bar: the BAR that it is in; -1: the picture's
 * @offset: bytes from the BAR's start
 * @bits: its size, 8, 16, 32 or 64; 0: there is none
 *
 * Where a register of the device is.
 */
typedef struct {
  gint bar;
  guint64 offset;
  guint bits;
} MmioRegisterSpec;

/**
 * MmioSpec:
 * @format: the pixel format; an empty name: unset
 * @width: pixels a row; 0: unset
 * @height: rows; 0: unset
 * @offset: bytes from the BAR's start to the first pixel
 * @stride: bytes from one row to the next in plane 0; 0: no padding
 * @counter: the register that counts pictures
 * @counter_is_seqlock: it counts once when a picture begins to be written, to
 *   an odd number, and once when it is complete; otherwise once for each, and
 *   as long as it stands the picture does
 * @n_buffers: pictures that the device writes in turn; 0: unset, which is one;
 *   1: one, at @offset
 * @buffer_step: bytes from the start of one of them to that of the next, the
 *   first one being at @offset; 0: one right after the other, or as
 *   @buffer_offset tells
 * @buffer_offset: bytes from the BAR's start to each of them, where the device
 *   tells; those after @n_buffers are 0, and all of them are where nobody
 *   tells.  They are looked at where there are several and @buffer_step is 0,
 *   and @offset is not, then.
 * @index: the register that tells which of them is complete, 0 for the first
 *
 * The picture as somebody says it: a user, or the device.
 */
typedef struct {
  MmioFormat format;
  guint width;
  guint height;
  guint64 offset;
  guint stride;
  MmioRegisterSpec counter;
  gboolean counter_is_seqlock;
  guint n_buffers;
  guint64 buffer_step;
  guint64 buffer_offset[MMIO_MAX_BUFFERS];
  MmioRegisterSpec index;
} MmioSpec;

/**
 * MmioPlane:
 * @offset: bytes from the BAR's start
 * @stride: bytes from one row to the next
 * @row_bytes: bytes of a row that are picture
 * @rows: number of rows
 */
typedef struct {
  guint64 offset;
  guint stride;
  guint row_bytes;
  guint rows;
} MmioPlane;

/**
 * MmioLayout:
 * @start: offset in the BAR of the first byte; of several pictures, of that
 *   which lies first in the BAR
 * @end: offset in the BAR after the last byte that is picture, of several of
 *   that which lies last
 * @plane: the planes of a picture that lies at @start
 * @n_buffers: pictures that the device writes in turn, at least 1
 * @buffer: bytes from @start to each of them; the others are 0
 *
 * The picture as it lies in the BAR, checked: every number in it is possible.
 */
typedef struct {
  MmioFormat format;
  guint width;
  guint height;
  guint64 start;
  guint64 end;
  MmioPlane plane[MMIO_MAX_PLANES];
  guint n_buffers;
  guint64 buffer[MMIO_MAX_BUFFERS];
} MmioLayout;

gsize mmio_layout_get_size (const MmioLayout * layout);
guint64 mmio_layout_get_extent (const MmioLayout * layout);

gboolean mmio_layout_init (MmioLayout * layout, const MmioSpec * spec,
    GError ** error);

G_END_DECLS
