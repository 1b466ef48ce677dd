/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "frame/mmioformat.h"

G_BEGIN_DECLS

/* The largest width and height; it keeps the sums of this library from
 * overflowing */
#define MMIO_LAYOUT_MAX_SIDE 65535

/* The most slots of a device: double and triple buffers, and one more */
#define MMIO_MAX_BUFFERS 4

/**
 * MmioRegisterSpec:
 * @bar: the BAR that contains it; -1: the frame's BAR
 * @offset: bytes from the BAR's start
 * @bits: its size, 8, 16, 32 or 64; 0: no register
 *
 * The place of a register of the device.
 */
typedef struct {
  gint bar;
  guint64 offset;
  guint bits;
} MmioRegisterSpec;

/**
 * MmioSpec:
 * @format: the pixel format; an empty name: unset
 * @width: pixels in a row; 0: unset
 * @height: rows; 0: unset
 * @offset: bytes from the BAR's start to the first pixel
 * @stride: bytes from one row to the next in plane 0; 0: no padding
 * @counter: the register that counts frames
 * @counter_is_seqlock: TRUE: the counter becomes odd when the device begins to
 *   write a frame, and even when the frame is complete.  FALSE: it counts once
 *   per frame, and the frame is stable until it counts again.
 * @n_buffers: number of slots; 0: unset, which means 1; 1: one, at @offset
 * @buffer_step: bytes from one slot to the next; the first slot is at @offset.
 *   0: there is no gap between slots, or @buffer_offset is set.
 * @buffer_offset: bytes from the BAR's start to each slot, if the device
 *   describes them; else, and after @n_buffers, 0.  They replace @offset if any
 *   is set and @buffer_step is 0.
 * @index: the register with the number of the complete slot, from 0
 *
 * A frame layout as a user or a device states it, not checked.
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
 * @row_bytes: bytes of a row without padding
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
 * @format: the pixel format
 * @width: pixels in a row
 * @height: rows
 * @start: offset in the BAR of the first byte of the first slot in the BAR
 * @end: offset in the BAR after the last byte of the last slot in the BAR
 * @plane: the planes of the slot at @start
 * @n_buffers: number of slots, at least 1
 * @buffer: bytes from @start to each slot; unused ones are 0
 *
 * A frame layout in a BAR, checked: every number in it is possible.
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
