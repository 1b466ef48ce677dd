/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Computes frame layouts.  Settings from users, caps and device registers are
 * checked here once; the resulting layout is possible.
 */
#include "frame/mmiolayout.h"

#include "base/mmioerror.h"

static gboolean
check_side (const char *what, guint value, GError ** error)
{
  if (value == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use the frame layout: its %s is not set. Set %s (in pixels).",
        what, what);
    return FALSE;
  }

  if (value > MMIO_LAYOUT_MAX_SIDE) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use a %s of %u: the limit is %u. Reduce %s.", what, value,
        MMIO_LAYOUT_MAX_SIDE, what);
    return FALSE;
  }

  return TRUE;
}

/* The smallest stride for plane 0 that is wide enough in every plane */
static guint64
smallest_stride (const MmioFormat * format, guint width)
{
  guint64 stride = mmio_format_row_bytes (format, 0, width);

  for (guint i = 1; i < format->n_planes; i++) {
    while (mmio_format_plane_stride (format, i, stride) <
        mmio_format_row_bytes (format, i, width))
      stride++;
  }

  return stride;
}

static void
set_offset_error (const MmioSpec * spec, guint64 offset, GError ** error)
{
  if (spec->n_buffers > 1)
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use %u slots: the slot at offset %" G_GUINT64_FORMAT " ends "
        "beyond the largest address. Set offset to the bytes from the BAR's "
        "start to the first slot, and buffer-step to the bytes from one slot "
        "to the next.", spec->n_buffers, offset);
  else
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use a frame at offset %" G_GUINT64_FORMAT ": it ends beyond "
        "the largest address. Set offset to the bytes from the BAR's start to "
        "the frame.", offset);
}

/* Computes the planes of a slot at @start.  @step: (out): bytes of a slot with
 * its padding */
static gboolean
init_planes (MmioLayout * layout, const MmioSpec * spec, guint64 start,
    guint64 * step, GError ** error)
{
  const MmioFormat *format = &layout->format;
  guint64 offset = start;

  for (guint i = 0; i < format->n_planes; i++) {
    MmioPlane *plane = &layout->plane[i];
    guint64 row_bytes = mmio_format_row_bytes (format, i, spec->width);
    guint64 stride = row_bytes, size;

    if (spec->stride > 0)
      stride = mmio_format_plane_stride (format, i, spec->stride);

    plane->offset = offset;
    plane->stride = stride;
    plane->row_bytes = row_bytes;
    plane->rows = mmio_format_rows (format, i, spec->height);

    /* At most 16 times 32 bits: only the addition of the offset can overflow */
    size = stride * (plane->rows - 1) + row_bytes;
    if (!g_uint64_checked_add (&layout->end, offset, size) ||
        !g_uint64_checked_add (&offset, offset, stride * plane->rows)) {
      set_offset_error (spec, start, error);
      return FALSE;
    }
  }

  layout->start = start;
  *step = offset - start;
  return TRUE;
}

/* Returns: whether @spec has the offset of each slot; else the slots are at
 *   equal distances */
static gboolean
has_offsets (const MmioSpec * spec)
{
  for (guint i = 0; i < spec->n_buffers; i++) {
    if (spec->buffer_offset[i] > 0)
      return spec->buffer_step == 0;
  }

  return FALSE;
}

/* Lists the offset of each slot in the BAR.  @step: bytes from one slot to the
 * next, if @spec does not have them */
static gboolean
list_offsets (const MmioSpec * spec, guint64 step,
    guint64 offset[MMIO_MAX_BUFFERS], GError ** error)
{
  if (has_offsets (spec)) {
    for (guint i = 0; i < spec->n_buffers; i++)
      offset[i] = spec->buffer_offset[i];
    return TRUE;
  }

  if (spec->buffer_step > 0)
    step = spec->buffer_step;

  offset[0] = spec->offset;
  for (guint i = 1; i < spec->n_buffers; i++) {
    if (!g_uint64_checked_add (&offset[i], offset[i - 1], step)) {
      set_offset_error (spec, offset[i - 1], error);
      return FALSE;
    }
  }

  return TRUE;
}

static gboolean
check_overlap (const guint64 * offset, guint n, guint64 size, GError ** error)
{
  for (guint i = 0; i < n; i++) {
    for (guint j = 0; j < i; j++) {
      const guint64 distance = MAX (offset[i], offset[j]) - MIN (offset[i],
          offset[j]);

      if (distance < size) {
        mmio_set_error (error, MMIO_ERROR_SETTINGS,
            "Cannot use %u slots: slots %u and %u overlap, since each has %"
            G_GUINT64_FORMAT " bytes and they are %" G_GUINT64_FORMAT
            " apart. Set buffer-step to the bytes from one slot to the next, "
            "or to 0 if there is no gap between them.", n, j, i, size,
            distance);
        return FALSE;
      }
    }
  }

  return TRUE;
}

/* Computes the slots.  The planes are those of the first slot in the BAR. */
static gboolean
init_buffers (MmioLayout * layout, const MmioSpec * spec, guint64 step,
    GError ** error)
{
  guint64 offset[MMIO_MAX_BUFFERS], first, last, size;

  if (!list_offsets (spec, step, offset, error))
    return FALSE;

  first = last = offset[0];
  for (guint i = 1; i < spec->n_buffers; i++) {
    first = MIN (first, offset[i]);
    last = MAX (last, offset[i]);
  }

  /* The other slots end before this one */
  if (!init_planes (layout, spec, last, &step, error))
    return FALSE;
  size = layout->end - last;
  if (!check_overlap (offset, spec->n_buffers, size, error) ||
      !init_planes (layout, spec, first, &step, error))
    return FALSE;

  layout->end = last + size;
  layout->n_buffers = spec->n_buffers;
  for (guint i = 0; i < spec->n_buffers; i++)
    layout->buffer[i] = offset[i] - first;

  return TRUE;
}

/**
 * mmio_layout_init:
 * @layout: (out): the frame layout, set if successful
 * @spec: the known settings, with format, width and height set
 *
 * Computes the offset of each plane and slot, and checks that they are
 * possible.  The size of the BAR is checked where the BAR is chosen.
 *
 * Returns: TRUE, or FALSE with %MMIO_ERROR_SETTINGS
 */
gboolean
mmio_layout_init (MmioLayout * layout, const MmioSpec * spec, GError ** error)
{
  MmioLayout result = {.format = spec->format,.n_buffers = 1 };
  guint64 stride, step;

  if (!check_side ("width", spec->width, error) ||
      !check_side ("height", spec->height, error))
    return FALSE;

  if (spec->stride > G_MAXINT) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use a stride of %u bytes: the limit is %d. Reduce stride, or "
        "set it to 0 for rows without padding.", spec->stride, G_MAXINT);
    return FALSE;
  }

  stride = smallest_stride (&spec->format, spec->width);
  if (spec->stride > 0 && spec->stride < stride) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use a stride of %u bytes: it is shorter than a row of %u %s "
        "pixels. Set stride to %" G_GUINT64_FORMAT " or more, or to 0 for rows "
        "without padding.", spec->stride, spec->width, spec->format.name,
        stride);
    return FALSE;
  }

  if (spec->n_buffers > MMIO_MAX_BUFFERS) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use %u slots: the limit is %u. Reduce buffers.",
        spec->n_buffers, MMIO_MAX_BUFFERS);
    return FALSE;
  }

  result.width = spec->width;
  result.height = spec->height;
  /* The size of a frame is the same at every offset */
  if (!init_planes (&result, spec, spec->n_buffers > 1 ? 0 : spec->offset,
          &step, error))
    return FALSE;

  /* Many consumers have 32-bit buffer and video sizes */
  if (result.end - result.start > G_MAXINT) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use a frame of %u x %u %s pixels with a stride of %u bytes: it "
        "is larger than 2 GiB. Reduce width, height or stride.", spec->width,
        spec->height, spec->format.name, result.plane[0].stride);
    return FALSE;
  }

  if (spec->n_buffers > 1 && !init_buffers (&result, spec, step, error))
    return FALSE;

  /* Offsets in a dma-buf, which all slots share, have 32 bits too */
  if (result.end - result.start > G_MAXINT) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use %u slots over %" G_GUINT64_FORMAT " bytes: the limit is 2 "
        "GiB. Reduce buffer-step, or set buffers to 1.", spec->n_buffers,
        result.end - result.start);
    return FALSE;
  }

  *layout = result;
  return TRUE;
}

/* Bytes from the first slot to the last one in the BAR */
static guint64
get_last_buffer (const MmioLayout * layout)
{
  guint64 last = 0;

  for (guint i = 0; i < MMIO_MAX_BUFFERS; i++)
    last = MAX (last, layout->buffer[i]);

  return last;
}

/**
 * mmio_layout_get_size:
 *
 * Returns: bytes of one frame, without the padding after its last row
 */
gsize
mmio_layout_get_size (const MmioLayout * layout)
{
  return layout->end - layout->start - get_last_buffer (layout);
}

/**
 * mmio_layout_get_extent:
 *
 * Calculates the end of the last slot, with the padding after its last row.
 * The padding is not part of the frame, but many consumers expect it.
 *
 * Returns: offset in the BAR
 */
guint64
mmio_layout_get_extent (const MmioLayout * layout)
{
  const guint64 last = get_last_buffer (layout);
  guint64 extent = layout->end;

  for (guint i = 0; i < layout->format.n_planes; i++) {
    const MmioPlane *plane = &layout->plane[i];

    extent = MAX (extent, last + plane->offset + (guint64) plane->stride *
        plane->rows);
  }

  return extent;
}
