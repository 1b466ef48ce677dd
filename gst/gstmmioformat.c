/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Converts formats and layouts between GStreamer and the library.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmioformat.h"

#include <string.h>

/* Formats whose samples do not start at byte boundaries: pixels of a block,
 * bytes of a block in a plane, and whether an odd row ends within a block.
 * Source: GStreamer's part-mediatype-video-raw and fill_planes() in
 * video-info.c. */
static const struct
{
  GstVideoFormat format;
  guint width, bytes;
  gboolean splits;
} blocks[] = {
  /* A row is a multiple of 128 bytes */
  {GST_VIDEO_FORMAT_v210, 48, 128, FALSE},
  {GST_VIDEO_FORMAT_UYVP, 2, 5, TRUE},
  {GST_VIDEO_FORMAT_IYU1, 4, 6, FALSE},
  {GST_VIDEO_FORMAT_GRAY10_LE32, 3, 4, FALSE},
  {GST_VIDEO_FORMAT_NV12_10LE32, 3, 4, FALSE},
  {GST_VIDEO_FORMAT_NV16_10LE32, 3, 4, FALSE},
  {GST_VIDEO_FORMAT_NV12_10LE40, 4, 5, FALSE},
#if GST_CHECK_VERSION (1, 28, 0)
  {GST_VIDEO_FORMAT_NV16_10LE40, 4, 5, FALSE},
#endif
};

static gboolean
set_block (MmioFormat * format, GstVideoFormat video_format)
{
  for (gsize i = 0; i < G_N_ELEMENTS (blocks); i++) {
    if (blocks[i].format == video_format) {
      format->block_width = blocks[i].width;
      format->block_bytes = blocks[i].bytes;
      format->block_splits = blocks[i].splits;
      return TRUE;
    }
  }

  return FALSE;
}

/* Formats that GStreamer packs and unpacks in code, and describes incompletely
 * in its tables. Source: the descriptions of GstVideoFormat, and video-format.c.
 * Plane, offset, pixel stride, horizontal and vertical subsampling, shift,
 * depth. */
#define P01x(name, shift, depth) \
    {GST_VIDEO_FORMAT_ ## name, {{0, 0, 2, 0, 0, shift, depth}, \
        {1, 0, 4, 1, 1, shift, depth}, {1, 2, 4, 1, 1, shift, depth}}}
#define Y21x(name, shift, depth) \
    {GST_VIDEO_FORMAT_ ## name, {{0, 0, 4, 0, 0, shift, depth}, \
        {0, 2, 8, 1, 0, shift, depth}, {0, 6, 8, 1, 0, shift, depth}}}
#define Y41x(name, shift, depth) \
    {GST_VIDEO_FORMAT_ ## name, {{0, 2, 8, 0, 0, shift, depth}, \
        {0, 0, 8, 0, 0, shift, depth}, {0, 4, 8, 0, 0, shift, depth}, \
        {0, 6, 8, 0, 0, shift, depth}}}
#define WORD(name, size, s0, d0, s1, d1, s2, d2, s3, d3) \
    {GST_VIDEO_FORMAT_ ## name, {{0, 0, size, 0, 0, s0, d0}, \
        {0, 0, size, 0, 0, s1, d1}, {0, 0, size, 0, 0, s2, d2}, \
        {0, 0, size, 0, 0, s3, d3}}}

static const struct
{
  GstVideoFormat format;
  MmioComponent component[MMIO_MAX_COMPONENTS];
} corrections[] = {
  {GST_VIDEO_FORMAT_VYUY, {{0, 1, 2, 0, 0, 0, 8}, {0, 2, 4, 1, 0, 0, 8},
          {0, 0, 4, 1, 0, 0, 8}}},
  P01x (P010_10LE, 6, 10), P01x (P010_10BE, 6, 10),
  P01x (P012_LE, 4, 12), P01x (P012_BE, 4, 12),
  P01x (P016_LE, 0, 16), P01x (P016_BE, 0, 16),
  Y21x (Y210, 6, 10), Y21x (Y212_LE, 4, 12), Y21x (Y212_BE, 4, 12),
  Y41x (Y412_LE, 4, 12), Y41x (Y412_BE, 4, 12),
#if GST_CHECK_VERSION (1, 26, 0)
  Y21x (Y216_LE, 0, 16), Y21x (Y216_BE, 0, 16),
  Y41x (Y416_LE, 0, 16), Y41x (Y416_BE, 0, 16),
#endif
  WORD (BGR16, 2, 0, 5, 5, 6, 11, 5, 0, 0),
  WORD (BGR15, 2, 0, 5, 5, 5, 10, 5, 0, 0),
  WORD (Y410, 4, 10, 10, 0, 10, 20, 10, 30, 2),
  WORD (RGB10A2_LE, 4, 0, 10, 10, 10, 20, 10, 30, 2),
  WORD (BGR10A2_LE, 4, 20, 10, 10, 10, 0, 10, 30, 2),
  WORD (r210, 4, 20, 10, 10, 10, 0, 10, 0, 0),
#if GST_CHECK_VERSION (1, 28, 0)
  WORD (RGB10x2_LE, 4, 0, 10, 10, 10, 20, 10, 0, 0),
  WORD (BGR10x2_LE, 4, 20, 10, 10, 10, 0, 10, 0, 0),
#endif
};

static void
correct_components (MmioFormat * format, GstVideoFormat video_format)
{
  for (gsize i = 0; i < G_N_ELEMENTS (corrections); i++) {
    if (corrections[i].format == video_format)
      memcpy (format->component, corrections[i].component,
          format->n_components * sizeof (MmioComponent));
  }
}

/* Checks whether two components use the same bits, which is a format of a newer
 * GStreamer that the table above does not correct. Components in blocks are not
 * checked, as blocks do not describe their bits. */
static gboolean
is_ambiguous (const MmioFormat * format)
{
  for (guint i = 0; format->block_width == 0 && i < format->n_components; i++) {
    const MmioComponent *one = &format->component[i];

    for (guint j = 0; j < i; j++) {
      const MmioComponent *other = &format->component[j];

      if (one->plane == other->plane && one->offset == other->offset &&
          one->pixel_stride == other->pixel_stride &&
          one->shift < other->shift + other->depth &&
          other->shift < one->shift + one->depth)
        return TRUE;
    }
  }

  return FALSE;
}

static gboolean
has_words (const MmioFormat * format)
{
  for (guint i = 0; i < format->n_components; i++) {
    if (format->component[i].shift + format->component[i].depth > 8)
      return TRUE;
  }

  return FALSE;
}

/* Checks the byte order. The components of @format are set. */
static gboolean
is_big_endian (const GstVideoFormatInfo * info, const MmioFormat * format)
{
  /* Single bytes have no byte order */
  if (!has_words (format))
    return FALSE;

  /* A name ends with BE or LE. Other formats have the byte order of the machine,
   * except those that GStreamer reads in one order everywhere. */
  switch (GST_VIDEO_FORMAT_INFO_FORMAT (info)) {
    case GST_VIDEO_FORMAT_r210:
      return TRUE;
    case GST_VIDEO_FORMAT_Y210:
    case GST_VIDEO_FORMAT_Y410:
      return FALSE;
    default:
      return g_str_has_suffix (info->name, "BE") ||
          (G_BYTE_ORDER == G_BIG_ENDIAN && !GST_VIDEO_FORMAT_INFO_IS_LE (info));
  }
}

static gboolean
has_plain_components (const GstVideoFormatInfo * info)
{
  for (guint i = 0; i < GST_VIDEO_FORMAT_INFO_N_COMPONENTS (info); i++) {
    if (GST_VIDEO_FORMAT_INFO_PSTRIDE (info, i) == 0)
      return FALSE;
  }

  return !(GST_VIDEO_FORMAT_INFO_FLAGS (info) & GST_VIDEO_FORMAT_FLAG_COMPLEX);
}

/**
 * gst_mmio_format_from_video:
 * @format: (out): the library's description of @video_format
 * @video_format: a format
 *
 * Converts a GStreamer format to a format of the library.
 *
 * Returns: FALSE if frames in a BAR cannot have this format: it is encoded,
 *   unknown, tiled, paletted, or newer than the GStreamer of the build and not
 *   fully described by the GStreamer at run time
 */
gboolean
gst_mmio_format_from_video (MmioFormat * format, GstVideoFormat video_format)
{
  const GstVideoFormatInfo *info;
  MmioFormat result = {.name = "" };

  if (video_format == GST_VIDEO_FORMAT_UNKNOWN ||
      video_format == GST_VIDEO_FORMAT_ENCODED)
    return FALSE;

  info = gst_video_format_get_info (video_format);
  if (!info || GST_VIDEO_FORMAT_INFO_IS_TILED (info) ||
      GST_VIDEO_FORMAT_INFO_HAS_PALETTE (info))
    return FALSE;
#if GST_CHECK_VERSION (1, 24, 0)
  /* Its layout is opaque */
  if (video_format == GST_VIDEO_FORMAT_DMA_DRM)
    return FALSE;
#endif

  if (!has_plain_components (info) && !set_block (&result, video_format))
    return FALSE;

  g_strlcpy (result.name, info->name, sizeof (result.name));
  result.model = GST_VIDEO_FORMAT_INFO_IS_YUV (info) ? MMIO_COLOR_YUV :
      GST_VIDEO_FORMAT_INFO_IS_GRAY (info) ? MMIO_COLOR_GRAY : MMIO_COLOR_RGB;
  result.n_planes = GST_VIDEO_FORMAT_INFO_N_PLANES (info);
  result.n_components = GST_VIDEO_FORMAT_INFO_N_COMPONENTS (info);
  for (guint i = 0; i < result.n_components; i++) {
    MmioComponent *component = &result.component[i];

    component->plane = info->plane[i];
    component->offset = info->poffset[i];
    component->pixel_stride = info->pixel_stride[i];
    component->w_sub = info->w_sub[i];
    component->h_sub = info->h_sub[i];
    component->shift = info->shift[i];
    component->depth = info->depth[i];
  }

  correct_components (&result, video_format);
  if (is_ambiguous (&result))
    return FALSE;
  result.big_endian = is_big_endian (info, &result);

  *format = result;
  return TRUE;
}

/**
 * gst_mmio_format_get_layout:
 * @layout: the layout of a frame
 * @offset: (out): bytes from the start of the frame to each plane
 * @stride: (out): bytes from one row to the next in each plane
 *
 * Converts a layout to the offsets and strides of a video meta.
 */
void
gst_mmio_format_get_layout (const MmioLayout * layout,
    gsize offset[GST_VIDEO_MAX_PLANES], gint stride[GST_VIDEO_MAX_PLANES])
{
  for (guint i = 0; i < GST_VIDEO_MAX_PLANES; i++) {
    gboolean used = i < layout->format.n_planes;

    offset[i] = used ? layout->plane[i].offset - layout->start : 0;
    stride[i] = used ? layout->plane[i].stride : 0;
  }
}

/**
 * gst_mmio_format_is_default_layout:
 * @layout: the layout of a frame
 *
 * Checks whether a consumer that ignores video metas can read the frame.
 *
 * Returns: whether @layout is GStreamer's default layout of its format and size
 */
gboolean
gst_mmio_format_is_default_layout (const MmioLayout * layout)
{
  gsize offset[GST_VIDEO_MAX_PLANES];
  gint stride[GST_VIDEO_MAX_PLANES];
  GstVideoInfo info;

  if (!gst_video_info_set_format (&info,
          gst_video_format_from_string (layout->format.name),
          layout->width, layout->height))
    return FALSE;

  gst_mmio_format_get_layout (layout, offset, stride);
  for (guint i = 0; i < layout->format.n_planes; i++) {
    if (offset[i] != GST_VIDEO_INFO_PLANE_OFFSET (&info, i) ||
        stride[i] != GST_VIDEO_INFO_PLANE_STRIDE (&info, i))
      return FALSE;
  }

  return GST_VIDEO_INFO_SIZE (&info) == mmio_layout_get_size (layout);
}
