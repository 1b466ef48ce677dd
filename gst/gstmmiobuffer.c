/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Buffers: wraps device memory in one, or copies a frame into one.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiobuffer.h"

#include "gstmmioformat.h"

/**
 * gst_mmio_buffer_wrap:
 * @memory: (transfer full): the memory that contains the frame
 * @skip: bytes from the start of @memory to the start of @layout
 * @layout: the layout of the frame, or of one of several frames
 * @format: the format of the frame
 *
 * Wraps memory in a buffer with a video meta, which has the offsets and strides of
 * the planes.
 *
 * Returns: (transfer full): the buffer
 */
GstBuffer *
gst_mmio_buffer_wrap (GstMemory * memory, gsize skip,
    const MmioLayout * layout, GstVideoFormat format)
{
  GstBuffer *buffer = gst_buffer_new ();
  gsize offset[GST_VIDEO_MAX_PLANES];
  gint stride[GST_VIDEO_MAX_PLANES];

  gst_buffer_append_memory (buffer, memory);

  gst_mmio_format_get_layout (layout, offset, stride);
  for (guint i = 0; i < layout->format.n_planes; i++)
    offset[i] += skip;
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE, format,
      layout->width, layout->height, layout->format.n_planes, offset, stride);

  return buffer;
}

/* Type of the region-of-interest meta of changed rows */
#define DAMAGE "damage"

/* Number of changed ranges of rows that a buffer keeps apart */
#define MAX_RANGES 16

static void
add_damage (GstBuffer * buffer, guint width, const MmioDamage * damage)
{
  for (guint i = 0; i < damage->n_ranges; i++)
    gst_buffer_add_video_region_of_interest_meta (buffer, DAMAGE, 0,
        damage->range[i].first, width, damage->range[i].count);
}

/* Returns: (nullable): the next changed region of @buffer */
static const GstVideoRegionOfInterestMeta *
next_damage (GstBuffer * buffer, gpointer * state)
{
  return (GstVideoRegionOfInterestMeta *) gst_buffer_iterate_meta_filtered
      (buffer, state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE);
}

static gboolean
remove_damage (GstBuffer * buffer, GstMeta ** meta, gpointer user_data)
{
  if ((*meta)->info->api == GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)
    *meta = NULL;
  return TRUE;
}

/**
 * gst_mmio_buffer_merge_damage:
 * @buffer: a writable buffer
 * @dropped: the previous frame, which is not sent
 *
 * Marks the changed rows of @dropped as changed in @buffer, too. More than 16
 * ranges of rows become a single range.
 */
void
gst_mmio_buffer_merge_damage (GstBuffer * buffer, GstBuffer * dropped)
{
  const GstVideoRegionOfInterestMeta *region;
  guint n_ranges = 0, begin = G_MAXUINT, end = 0, width = 0;
  gpointer state = NULL;

  while ((region = next_damage (dropped, &state)))
    gst_buffer_add_video_region_of_interest_meta (buffer, DAMAGE, 0,
        region->y, region->w, region->h);

  for (state = NULL; (region = next_damage (buffer, &state)); n_ranges++) {
    begin = MIN (begin, region->y);
    end = MAX (end, region->y + region->h);
    width = region->w;
  }
  if (n_ranges <= MAX_RANGES)
    return;

  gst_buffer_foreach_meta (buffer, remove_damage, NULL);
  gst_buffer_add_video_region_of_interest_meta (buffer, DAMAGE, 0, begin, width,
      end - begin);
}

/* Checks the end of a plane, as GStreamer checks the start only: a video meta may
 * describe more than the buffer has, or a plane in several memories. Returns: FALSE
 * if @length bytes of @plane exceed its memory */
static gboolean
fits_memory (const GstVideoFrame * frame, guint plane, gsize length)
{
  const GstMapInfo *map = &frame->map[frame->meta ? plane : 0];
  const guint8 *data = GST_VIDEO_FRAME_PLANE_DATA (frame, plane);

  /* A meta that maps by itself may use another memory, or none */
  if (!map->memory || data < map->data || data >= map->data + map->size)
    return TRUE;

  return length <= (gsize) (map->data + map->size - data);
}

/* Describes the planes of @frame. Returns: FALSE if a row does not fit into its
 * stride, or a plane not into its memory */
static gboolean
get_target (const GstVideoFrame * frame, MmioTarget * target)
{
  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES (frame); i++) {
    const gint stride = GST_VIDEO_FRAME_PLANE_STRIDE (frame, i);
    const guint64 row_bytes = mmio_format_row_bytes (&target->format, i,
        GST_VIDEO_FRAME_WIDTH (frame));
    const gsize rows = mmio_format_rows (&target->format, i,
        GST_VIDEO_FRAME_HEIGHT (frame));

    target->plane[i] = GST_VIDEO_FRAME_PLANE_DATA (frame, i);
    target->stride[i] = stride;
    if (stride <= 0 || (guint) stride < row_bytes ||
        !fits_memory (frame, i, (rows - 1) * stride + row_bytes))
      return FALSE;
  }

  return TRUE;
}

/**
 * gst_mmio_buffer_fill:
 * @buffer: a buffer for @info
 * @info: the video info of the negotiated caps
 * @format: the format of @info, as the library describes it
 * @capture: the capture to read from
 * @result: (out): the result of the read, which says whether @buffer has a frame
 *
 * Reads a frame into a buffer. Marks changed rows with region-of-interest metas,
 * and a torn frame as corrupted.
 *
 * Returns: TRUE, or FALSE with %GST_RESOURCE_ERROR_WRITE if @buffer cannot be
 *   written or is too short
 */
gboolean
gst_mmio_buffer_fill (GstBuffer * buffer, const GstVideoInfo * info,
    const MmioFormat * format, MmioCapture * capture, MmioRead * result,
    GError ** error)
{
  MmioTarget target = {.format = *format };
  /* A meta that maps by itself may not set all of it */
  GstVideoFrame frame = { 0, };
  MmioDamage damage;
  gboolean fits;

  if (!gst_video_frame_map (&frame, info, buffer, GST_MAP_WRITE)) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_WRITE,
        "Cannot write to a buffer of downstream's pool: it is too small or "
        "read-only. Bypass the pool with: mmiovidsrc ! identity "
        "drop-allocation=true ! ...");
    return FALSE;
  }

  fits = get_target (&frame, &target);
  if (fits)
    *result = mmio_capture_read (capture, &target, &damage);
  gst_video_frame_unmap (&frame);

  if (!fits) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_WRITE,
        "Cannot write the frame to a buffer of downstream's pool: its rows or "
        "its memory are too short. Bypass the pool with: mmiovidsrc ! identity "
        "drop-allocation=true ! ...");
    return FALSE;
  }

  if (*result == MMIO_READ_TORN)
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_CORRUPTED);
  if ((*result == MMIO_READ_WHOLE || *result == MMIO_READ_TORN)
      && mmio_capture_get_info (capture)->changes != MMIO_CHANGES_IGNORE)
    add_damage (buffer, GST_VIDEO_INFO_WIDTH (info), &damage);

  return TRUE;
}
