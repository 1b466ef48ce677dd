/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The geometry of a picture.  Whatever a user, caps or a device's registers
 * say goes through here once, and is possible afterwards.
 */
#include "frame/mmiolayout.h"

#include "base/mmioerror.h"

static gboolean
check_side (const char *what, guint value, GError ** error)
{
  if (value == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "The picture's %s is not set; say %s=PIXELS.", what, what);
    return FALSE;
  }

  if (value > MMIO_LAYOUT_MAX_SIDE) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "A %s of %u is beyond the largest picture, %u x %u; set %s lower.",
        what, value, MMIO_LAYOUT_MAX_SIDE, MMIO_LAYOUT_MAX_SIDE, what);
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
        "One of %u pictures, at offset %" G_GUINT64_FORMAT ", would end beyond "
        "the largest address; set offset to the bytes between the BAR's start "
        "and the first one, and buffer-step to those from one to the next.",
        spec->n_buffers, offset);
  else
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "A picture at offset %" G_GUINT64_FORMAT " would end beyond the "
        "largest address; set offset to the bytes between the BAR's start "
        "and the picture.", offset);
}

/* Where the planes are, from @start on; and @step, the bytes that a picture
 * takes up with its padding */
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

    /* 16 bit times 32 bit: only adding the offset can overflow */
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

/* Where each of several pictures is, which somebody says.  Returns: FALSE if
 * nobody does, and one comes after the other */
static gboolean
has_offsets (const MmioSpec * spec)
{
  for (guint i = 0; i < spec->n_buffers; i++) {
    if (spec->buffer_offset[i] > 0)
      return spec->buffer_step == 0;
  }

  return FALSE;
}

/* Bytes from the BAR's start to each picture; @step: from one to the next,
 * where nobody says so */
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
            "Pictures %u and %u of %u would overlap: each has %"
            G_GUINT64_FORMAT " bytes, and they are %" G_GUINT64_FORMAT " apart;"
            " set buffer-step to the bytes from the start of one to that of "
            "the next, or to 0 if one comes right after the other.", j, i, n,
            size, distance);
        return FALSE;
      }
    }
  }

  return TRUE;
}

/* Of several pictures, at @offset, a picture has the planes of the one that
 * lies first */
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

  /* The others do not reach further */
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
 * @layout: (out): the picture, set if successful
 * @spec: what is known of it, with format, width and height set
 *
 * Works out where each plane lies, and each of several pictures, and checks
 * that they can.  Whether a BAR is large enough is checked where the BAR is
 * chosen.
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
        "A stride of %u bytes is beyond the largest, %d; set stride lower, "
        "or to 0 for rows without padding.", spec->stride, G_MAXINT);
    return FALSE;
  }

  stride = smallest_stride (&spec->format, spec->width);
  if (spec->stride > 0 && spec->stride < stride) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "A stride of %u bytes is shorter than a row of %u %s pixels; set "
        "stride to %" G_GUINT64_FORMAT " or more, or to 0 for rows without "
        "padding.", spec->stride, spec->width, spec->format.name, stride);
    return FALSE;
  }

  if (spec->n_buffers > MMIO_MAX_BUFFERS) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "A device that writes %u pictures in turn is beyond the largest, %u; "
        "set buffers lower.", spec->n_buffers, MMIO_MAX_BUFFERS);
    return FALSE;
  }

  result.width = spec->width;
  result.height = spec->height;
  /* As large as it is anywhere */
  if (!init_planes (&result, spec, spec->n_buffers > 1 ? 0 : spec->offset,
          &step, error))
    return FALSE;

  /* Buffer and video sizes are 32 bit in many a consumer */
  if (result.end - result.start > G_MAXINT) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "A picture of %u x %u %s pixels with %u bytes a row is larger than "
        "2 GiB; set width, height or stride lower.", spec->width, spec->height,
        spec->format.name, result.plane[0].stride);
    return FALSE;
  }

  if (spec->n_buffers > 1 && !init_buffers (&result, spec, step, error))
    return FALSE;

  /* And so are offsets in a dma-buf, which all of them share */
  if (result.end - result.start > G_MAXINT) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "%u pictures that lie over %" G_GUINT64_FORMAT " bytes are beyond 2 "
        "GiB; set buffer-step lower, or buffers to 1.", spec->n_buffers,
        result.end - result.start);
    return FALSE;
  }

  *layout = result;
  return TRUE;
}

/* Bytes from the first picture to the one that lies last */
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
 * Returns: bytes from the start of a picture to its end, be it one of several;
 *   without the padding behind its last row
 */
gsize
mmio_layout_get_size (const MmioLayout * layout)
{
  return layout->end - layout->start - get_last_buffer (layout);
}

/**
 * mmio_layout_get_extent:
 *
 * Returns: offset in the BAR after the last row (of several pictures, that of
 *   the one that lies last) and the padding behind it, which is not the
 *   picture's, but many expect it to be there
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
