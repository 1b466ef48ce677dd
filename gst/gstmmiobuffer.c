/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A frame and a buffer: the BAR's memory goes into one, or a copy does.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiobuffer.h"

#include "gstmmioformat.h"

/**
 * gst_mmio_buffer_wrap:
 * @memory: (transfer full): memory that @layout lies in
 * @skip: bytes from its start to the picture's, be it one of several
 * @layout: the picture
 * @format: its format, as GStreamer has it
 *
 * Returns: (transfer full): a buffer that says where the picture is
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

/* The type of a region of interest that has changed */
#define DAMAGE "damage"

/* So many are still worth looking at one by one */
#define MAX_RANGES 16

static void
add_damage (GstBuffer * buffer, guint width, const MmioDamage * damage)
{
  for (guint i = 0; i < damage->n_ranges; i++)
    gst_buffer_add_video_region_of_interest_meta (buffer, DAMAGE, 0,
        damage->range[i].first, width, damage->range[i].count);
}

/* Returns: (nullable): the next region of @buffer that has changed */
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
 * @dropped: the one before it, which was dropped
 *
 * Marks what has changed in @dropped as changed in @buffer, too.  Many ranges of
 * rows become a single one.
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

/* Where @frame's planes are; FALSE if a row does not fit into its stride */
static gboolean
get_target (const GstVideoFrame * frame, MmioTarget * target)
{
  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES (frame); i++) {
    const gint stride = GST_VIDEO_FRAME_PLANE_STRIDE (frame, i);

    target->plane[i] = GST_VIDEO_FRAME_PLANE_DATA (frame, i);
    target->stride[i] = stride;
    if (stride <= 0 || (guint) stride < mmio_format_row_bytes (&target->format,
            i, GST_VIDEO_FRAME_WIDTH (frame)))
      return FALSE;
  }

  return TRUE;
}

/**
 * gst_mmio_buffer_fill:
 * @buffer: a buffer for @info
 * @info: what goes into it
 * @format: the format of that, in the library's words
 * @capture: what is read
 * @result: (out): what came of it; whether there is anything in it
 *
 * Reads a frame into a buffer, and says there what has changed.
 *
 * Returns: FALSE with %GST_RESOURCE_ERROR_WRITE if the buffer is not fit for it
 */
gboolean
gst_mmio_buffer_fill (GstBuffer * buffer, const GstVideoInfo * info,
    const MmioFormat * format, MmioCapture * capture, MmioRead * result,
    GError ** error)
{
  MmioTarget target = {.format = *format };
  GstVideoFrame frame;
  MmioDamage damage;
  gboolean fits;

  if (!gst_video_frame_map (&frame, info, buffer, GST_MAP_WRITE)) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_WRITE,
        "A buffer from downstream's pool cannot be written; keep the pool "
        "away with: mmiovidsrc ! identity drop-allocation=true ! ...");
    return FALSE;
  }

  fits = get_target (&frame, &target);
  if (fits)
    *result = mmio_capture_read (capture, &target, &damage);
  gst_video_frame_unmap (&frame);

  if (!fits) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_WRITE,
        "The rows of downstream's buffers are too short for the picture; keep "
        "its pool away with: mmiovidsrc ! identity drop-allocation=true ! ...");
    return FALSE;
  }

  if (*result == MMIO_READ_TORN)
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_CORRUPTED);
  if ((*result == MMIO_READ_WHOLE || *result == MMIO_READ_TORN)
      && mmio_capture_get_info (capture)->changes != MMIO_CHANGES_IGNORE)
    add_damage (buffer, GST_VIDEO_INFO_WIDTH (info), &damage);

  return TRUE;
}
