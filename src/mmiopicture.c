/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The geometry of a picture.  Whatever a user, caps or a device's registers
 * say goes through here once, and is possible afterwards.
 */
#include "mmiopicture.h"

#include "mmioerror.h"

static gboolean
check_side (const char *what, guint value, GError ** error)
{
  if (value == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "The picture's %s is not set; say %s=PIXELS.", what, what);
    return FALSE;
  }

  if (value > MMIO_PICTURE_MAX_SIDE) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "A %s of %u is beyond the largest picture, %u x %u; set %s lower.",
        what, value, MMIO_PICTURE_MAX_SIDE, MMIO_PICTURE_MAX_SIDE, what);
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

static gboolean
init_planes (MmioPicture * picture, const MmioSpec * spec, GError ** error)
{
  const MmioFormat *format = &picture->format;
  guint64 offset = spec->offset;

  for (guint i = 0; i < format->n_planes; i++) {
    MmioPlane *plane = &picture->plane[i];
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
    if (!g_uint64_checked_add (&picture->end, offset, size) ||
        !g_uint64_checked_add (&offset, offset, stride * plane->rows)) {
      mmio_set_error (error, MMIO_ERROR_SETTINGS,
          "A picture at offset %" G_GUINT64_FORMAT " would end beyond the "
          "largest address; set offset to the bytes between the BAR's start "
          "and the picture.", spec->offset);
      return FALSE;
    }
  }

  return TRUE;
}

/**
 * mmio_picture_init:
 * @picture: (out): the picture, set if successful
 * @spec: what is known of it, with format, width and height set
 *
 * Works out where each plane lies and checks that it can.  Whether a BAR is
 * large enough is checked where the BAR is chosen.
 *
 * Returns: TRUE, or FALSE with %MMIO_ERROR_SETTINGS
 */
gboolean
mmio_picture_init (MmioPicture * picture, const MmioSpec * spec,
    GError ** error)
{
  MmioPicture result = {.format = spec->format };
  guint64 stride;

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

  result.width = spec->width;
  result.height = spec->height;
  result.start = spec->offset;
  if (!init_planes (&result, spec, error))
    return FALSE;

  /* Buffer and video sizes are 32 bit in many a consumer */
  if (result.end - result.start > G_MAXINT) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "A picture of %u x %u %s pixels with %u bytes a row is larger than "
        "2 GiB; set width, height or stride lower.", spec->width, spec->height,
        spec->format.name, result.plane[0].stride);
    return FALSE;
  }

  *picture = result;
  return TRUE;
}

/**
 * mmio_picture_get_extent:
 *
 * Returns: offset in the BAR after the last row and the padding behind it,
 *   which is not the picture's, but many expect it to be there
 */
guint64
mmio_picture_get_extent (const MmioPicture * picture)
{
  guint64 extent = picture->end;

  for (guint i = 0; i < picture->format.n_planes; i++) {
    const MmioPlane *plane = &picture->plane[i];

    extent = MAX (extent, plane->offset + (guint64) plane->stride *
        plane->rows);
  }

  return extent;
}
