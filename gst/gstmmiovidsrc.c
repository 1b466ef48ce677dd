/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-mmiovidsrc
 * @title: mmiovidsrc
 *
 * Captures the picture that a PCI device has in its memory (a BAR), for
 * devices that have no driver which would do it: FPGA boards, simple capture
 * cards, BMC and VGA framebuffers, shared memory devices of virtual machines.
 *
 * What the device is, properties say: where it is, and how its picture lies in
 * its memory.  What the consumer wants, caps say: the frame rate, and for
 * 24-bit pictures whether they shall become 32-bit ones on the way.  Each byte
 * of the BAR is loaded at most once a frame, in wide loads, straight into
 * downstream's buffers.
 *
 * ## Example launch lines
 *
 * |[
 * gst-launch-1.0 mmiovidsrc ! autovideosink
 * ]|
 * Shows the simulated device.
 *
 * |[
 * gst-launch-1.0 mmiovidsrc device=0000:03:00.0 width=640 height=480 ! autovideosink
 * ]|
 * Shows 640x480 RGB pixels from the first memory BAR that is large enough.
 *
 * |[
 * gst-launch-1.0 mmiovidsrc device=/dev/shm/ivshmem format=bgrx width=1920 height=1080 offset=4096 ! video/x-raw,framerate=60/1 ! autovideosink
 * ]|
 * Shows what a virtual machine has painted into its shared memory device.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiovidsrc.h"

#include <gst/video/video.h>

#include "gstmmioenums.h"
#include "gstmmioformat.h"
#include "gstmmiomemory.h"
#include "gstmmiopacer.h"
#include "mmiocapture.h"
#include "mmioerror.h"

GST_DEBUG_CATEGORY_STATIC (gst_mmio_vid_src_debug);
#define GST_CAT_DEFAULT gst_mmio_vid_src_debug

#define DEFAULT_DEVICE "sim"
#define DEFAULT_ACCESS MMIO_ACCESS_AUTO
#define DEFAULT_BAR -1
#define DEFAULT_FORMAT GST_VIDEO_FORMAT_RGB
#define DEFAULT_IO_MODE GST_MMIO_IO_MODE_AUTO

/* FullHD at 50 Hz is what the element is made for */
#define PREFERRED_FPS_N 50
#define PREFERRED_FPS_D 1

enum
{
  PROP_0,
  PROP_DEVICE,
  PROP_ACCESS,
  PROP_BAR,
  PROP_FORMAT,
  PROP_WIDTH,
  PROP_HEIGHT,
  PROP_OFFSET,
  PROP_STRIDE,
  PROP_IO_MODE,
  PROP_STATS,
  PROP_DEVICE_NAME,
  PROP_DEVICE_ADDRESS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

struct _GstMmioVidSrc
{
  GstPushSrc parent;

  /* What the user set; under the object lock */
  char *device;
  MmioAccess access;
  gint bar;
  GstVideoFormat format;
  gboolean format_set;
  guint width;
  guint height;
  guint64 offset;
  guint stride;
  GstMmioIOMode io_mode;

  /* From start to stop.  Written under the object lock, as properties are
   * read from other threads. */
  MmioCapture *capture;
  GstStructure *last_stats;
  guint64 missed;
  guint64 mapped_frames;
  gboolean sends_map;
  GstClockTime max_latency;

  /* Between start and stop, streaming thread only */
  GstAllocator *allocator;
  GstVideoInfo info;
  MmioFormat target_format;

  /* Waiting for the next frame; under the object lock */
  GstMmioPacer pacer;
  GstClockID clock_id;
  gboolean unlocked;
};

G_DEFINE_TYPE (GstMmioVidSrc, gst_mmio_vid_src, GST_TYPE_PUSH_SRC);
GST_ELEMENT_REGISTER_DEFINE (mmiovidsrc, "mmiovidsrc", GST_RANK_NONE,
    GST_TYPE_MMIO_VID_SRC);

/* Errors */

static void
get_error_code (const GError * error, GQuark * domain, gint * code)
{
  *domain = GST_RESOURCE_ERROR;
  *code = GST_RESOURCE_ERROR_OPEN_READ;

  if (error->domain != MMIO_ERROR)
    return;

  switch ((MmioErrorCode) error->code) {
    case MMIO_ERROR_NOT_FOUND:
      *code = GST_RESOURCE_ERROR_NOT_FOUND;
      break;
    case MMIO_ERROR_NOT_PERMITTED:
      *code = GST_RESOURCE_ERROR_NOT_AUTHORIZED;
      break;
    case MMIO_ERROR_BUSY:
      *code = GST_RESOURCE_ERROR_BUSY;
      break;
    case MMIO_ERROR_ADDRESS:
    case MMIO_ERROR_AMBIGUOUS:
    case MMIO_ERROR_SETTINGS:
      *code = GST_RESOURCE_ERROR_SETTINGS;
      break;
    case MMIO_ERROR_FORMAT:
      *domain = GST_STREAM_ERROR;
      *code = GST_STREAM_ERROR_FORMAT;
      break;
    case MMIO_ERROR_OFF:
    case MMIO_ERROR_FAILED:
      break;
  }
}

static void
post_error (GstMmioVidSrc * self, const GError * error)
{
  const char *system = error->domain == MMIO_ERROR ?
      mmio_error_get_system (error) : NULL;
  GQuark domain;
  gint code;

  get_error_code (error, &domain, &code);
  gst_element_message_full (GST_ELEMENT_CAST (self), GST_MESSAGE_ERROR, domain,
      code, g_strdup (error->message), g_strdup (system), __FILE__,
      GST_FUNCTION, __LINE__);
}

/* Statistics */

/* The way that frames take now; with the object lock held */
static GstMmioIOMode
get_used_io_mode (GstMmioVidSrc * self)
{
  return self->sends_map ? GST_MMIO_IO_MODE_MMAP : GST_MMIO_IO_MODE_COPY;
}

/* With the object lock held */
static GstStructure *
create_stats (GstMmioVidSrc * self)
{
  MmioCaptureStats stats = { 0, };
  MmioCapture *capture = self->capture;

  if (!capture)
    return gst_structure_copy (self->last_stats);

  mmio_capture_get_stats (capture, &stats);
  return gst_structure_new ("mmiovidsrc-stats",
      "frames", G_TYPE_UINT64, stats.frames + self->mapped_frames,
      "missed", G_TYPE_UINT64, self->missed,
      "bytes-read", G_TYPE_UINT64, stats.bytes_read,
      "copy-time", G_TYPE_UINT64, stats.copy_time * GST_USECOND,
      "io-mode", G_TYPE_STRING, gst_mmio_enum_get_nick (GST_TYPE_MMIO_IO_MODE,
          get_used_io_mode (self)),
      "mapping", G_TYPE_STRING, mmio_capture_get_mapping (capture),
      "engine", G_TYPE_STRING,
      mmio_reader_get_name (mmio_capture_get_reader (capture)),
      "access", G_TYPE_STRING, mmio_capture_get_access (capture), NULL);
}

/* Properties */

static void
gst_mmio_vid_src_set_property (GObject * object, guint prop_id,
    const GValue * value, GParamSpec * pspec)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (object);

  GST_OBJECT_LOCK (self);
  switch (prop_id) {
    case PROP_DEVICE:
      g_free (self->device);
      self->device = g_value_dup_string (value);
      break;
    case PROP_ACCESS:
      self->access = g_value_get_enum (value);
      break;
    case PROP_BAR:
      self->bar = g_value_get_int (value);
      break;
    case PROP_FORMAT:
      self->format = g_value_get_enum (value);
      self->format_set = TRUE;
      break;
    case PROP_WIDTH:
      self->width = g_value_get_uint (value);
      break;
    case PROP_HEIGHT:
      self->height = g_value_get_uint (value);
      break;
    case PROP_OFFSET:
      self->offset = g_value_get_uint64 (value);
      break;
    case PROP_STRIDE:
      self->stride = g_value_get_uint (value);
      break;
    case PROP_IO_MODE:
      self->io_mode = g_value_get_enum (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_mmio_vid_src_get_property (GObject * object, guint prop_id, GValue * value,
    GParamSpec * pspec)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (object);

  GST_OBJECT_LOCK (self);
  switch (prop_id) {
    case PROP_DEVICE:
      g_value_set_string (value, self->device);
      break;
    case PROP_ACCESS:
      g_value_set_enum (value, self->access);
      break;
    case PROP_BAR:
      g_value_set_int (value, self->bar);
      break;
    case PROP_FORMAT:
      g_value_set_enum (value, self->format);
      break;
    case PROP_WIDTH:
      g_value_set_uint (value, self->width);
      break;
    case PROP_HEIGHT:
      g_value_set_uint (value, self->height);
      break;
    case PROP_OFFSET:
      g_value_set_uint64 (value, self->offset);
      break;
    case PROP_STRIDE:
      g_value_set_uint (value, self->stride);
      break;
    case PROP_IO_MODE:
      g_value_set_enum (value, self->io_mode);
      break;
    case PROP_STATS:
      g_value_take_boxed (value, create_stats (self));
      break;
    case PROP_DEVICE_NAME:
      g_value_set_string (value, self->capture ?
          mmio_capture_get_device_name (self->capture) : NULL);
      break;
    case PROP_DEVICE_ADDRESS:
      g_value_set_string (value, self->capture ?
          mmio_capture_get_device_address (self->capture) : NULL);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

/* Start and stop */

/* What the user said, as the library wants it; the device's text is a copy */
static gboolean
get_config (GstMmioVidSrc * self, MmioCaptureConfig * config, char **device,
    GError ** error)
{
  MmioCaptureConfig result = { 0, };
  GstVideoFormat format = GST_VIDEO_FORMAT_UNKNOWN;
  gboolean format_set;

  GST_OBJECT_LOCK (self);
  result.device = *device = g_strdup (self->device);
  result.access = self->access;
  result.bar = self->bar;
  result.spec.width = self->width;
  result.spec.height = self->height;
  result.spec.offset = self->offset;
  result.spec.stride = self->stride;
  format = self->format;
  format_set = self->format_set;
  GST_OBJECT_UNLOCK (self);

  if (format_set && !gst_mmio_format_from_video (&result.spec.format, format)) {
    mmio_set_error (error, MMIO_ERROR_FORMAT,
        "%s is no format that lies in a BAR row by row; set format to a packed "
        "or planar raw one, such as rgb, bgrx or nv12.",
        gst_mmio_enum_get_nick (GST_TYPE_VIDEO_FORMAT, format));
    return FALSE;
  }

  *config = result;
  return TRUE;
}

static MmioCapture *
open_capture (GstMmioVidSrc * self, GError ** error)
{
  g_autofree char *device = NULL;
  MmioCaptureConfig config;

  if (!get_config (self, &config, &device, error))
    return NULL;

  return mmio_capture_open (&config, error);
}

static gboolean
gst_mmio_vid_src_start (GstBaseSrc * base)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  g_autoptr (GError) error = NULL;
  MmioCapture *capture = open_capture (self, &error);
  const MmioPicture *picture;

  if (!capture) {
    post_error (self, error);
    return FALSE;
  }

  picture = mmio_capture_get_picture (capture);
  GST_INFO_OBJECT (self, "%s at %s by %s: %s %ux%u at byte %" G_GUINT64_FORMAT
      " of BAR %d, stride %u", mmio_capture_get_device_name (capture),
      mmio_capture_get_device_address (capture),
      mmio_capture_get_access (capture), picture->format.name, picture->width,
      picture->height, picture->start, mmio_capture_get_bar (capture),
      picture->plane[0].stride);

  GST_OBJECT_LOCK (self);
  self->capture = capture;
  self->missed = 0;
  self->mapped_frames = 0;
  self->sends_map = FALSE;
  self->max_latency = GST_CLOCK_TIME_NONE;
  gst_mmio_pacer_init (&self->pacer);
  GST_OBJECT_UNLOCK (self);

  self->allocator = gst_mmio_allocator_new ();

  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DEVICE_NAME]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DEVICE_ADDRESS]);
  return TRUE;
}

static gboolean
gst_mmio_vid_src_stop (GstBaseSrc * base)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  MmioCapture *capture;
  GstStructure *stats;

  GST_OBJECT_LOCK (self);
  stats = create_stats (self);
  gst_structure_free (self->last_stats);
  self->last_stats = stats;
  capture = g_steal_pointer (&self->capture);
  GST_OBJECT_UNLOCK (self);

  if (capture)
    mmio_capture_close (capture);
  gst_clear_object (&self->allocator);

  GST_INFO_OBJECT (self, "stopped: %" GST_PTR_FORMAT, stats);
  return TRUE;
}

/* Negotiation */

static GstCaps *
gst_mmio_vid_src_get_caps (GstBaseSrc * base, GstCaps * filter)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  GstCaps *caps, *filtered;

  GST_OBJECT_LOCK (self);
  if (self->capture)
    caps = gst_mmio_format_get_picture_caps (mmio_capture_get_picture
        (self->capture), self->io_mode == GST_MMIO_IO_MODE_MMAP);
  else
    caps = NULL;
  GST_OBJECT_UNLOCK (self);

  if (!caps)
    caps = gst_pad_get_pad_template_caps (GST_BASE_SRC_PAD (base));

  if (filter) {
    filtered = gst_caps_intersect_full (filter, caps, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref (caps);
    caps = filtered;
  }

  return caps;
}

static GstCaps *
gst_mmio_vid_src_fixate (GstBaseSrc * base, GstCaps * caps)
{
  GstStructure *structure;

  caps = gst_caps_make_writable (gst_caps_truncate (caps));
  structure = gst_caps_get_structure (caps, 0);
  gst_structure_fixate_field_nearest_fraction (structure, "framerate",
      PREFERRED_FPS_N, PREFERRED_FPS_D);

  return GST_BASE_SRC_CLASS (gst_mmio_vid_src_parent_class)->fixate (base,
      caps);
}

static gboolean
gst_mmio_vid_src_set_caps (GstBaseSrc * base, GstCaps * caps)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  const MmioPicture *picture = mmio_capture_get_picture (self->capture);
  GstClockTime period, old_period;
  MmioFormat format;
  GstVideoInfo info;

  if (!gst_video_info_from_caps (&info, caps) ||
      !gst_mmio_format_from_video (&format, GST_VIDEO_INFO_FORMAT (&info)) ||
      !mmio_capture_can_read_as (picture, &format) ||
      GST_VIDEO_INFO_WIDTH (&info) != (gint) picture->width ||
      GST_VIDEO_INFO_HEIGHT (&info) != (gint) picture->height ||
      GST_VIDEO_INFO_FPS_N (&info) <= 0) {
    GST_ERROR_OBJECT (self, "cannot send %" GST_PTR_FORMAT, caps);
    return FALSE;
  }

  self->info = info;
  self->target_format = format;

  GST_OBJECT_LOCK (self);
  old_period = gst_mmio_pacer_get_period (&self->pacer);
  gst_mmio_pacer_set_rate (&self->pacer, GST_VIDEO_INFO_FPS_N (&info),
      GST_VIDEO_INFO_FPS_D (&info));
  period = gst_mmio_pacer_get_period (&self->pacer);
  GST_OBJECT_UNLOCK (self);

  if (period != old_period)
    gst_element_post_message (GST_ELEMENT_CAST (self),
        gst_message_new_latency (GST_OBJECT_CAST (self)));

  return TRUE;
}

/* Allocation */

/* Whether the map itself is what downstream shall get.  Where that was asked
 * for and cannot be, copying gives the same picture. */
static gboolean
decide_sends_map (GstMmioVidSrc * self, gboolean has_video_meta)
{
  const MmioPicture *picture = mmio_capture_get_picture (self->capture);
  GstMmioIOMode io_mode;

  GST_OBJECT_LOCK (self);
  io_mode = self->io_mode;
  GST_OBJECT_UNLOCK (self);

  if (io_mode != GST_MMIO_IO_MODE_MMAP ||
      !mmio_format_equal (&self->target_format, &picture->format))
    return FALSE;

  if (has_video_meta || gst_mmio_format_is_default_layout (picture))
    return TRUE;

  GST_ELEMENT_INFO (self, RESOURCE, SETTINGS,
      ("Downstream does not understand the stride of %u bytes that the picture "
          "has in %s, so each frame is copied; io-mode=copy does the same "
          "without this message.", picture->plane[0].stride,
          mmio_capture_get_device_address (self->capture)), (NULL));
  return FALSE;
}

static gboolean
configure_pool (GstBufferPool * pool, GstCaps * caps, guint size, guint min,
    guint max, gboolean has_video_meta)
{
  GstStructure *config = gst_buffer_pool_get_config (pool);

  gst_buffer_pool_config_set_params (config, caps, size, min, max);
  if (has_video_meta && gst_buffer_pool_has_option (pool,
          GST_BUFFER_POOL_OPTION_VIDEO_META))
    gst_buffer_pool_config_add_option (config,
        GST_BUFFER_POOL_OPTION_VIDEO_META);

  if (gst_buffer_pool_set_config (pool, config))
    return TRUE;

  /* It wants something else, which may do as well */
  config = gst_buffer_pool_get_config (pool);
  if (gst_buffer_pool_config_validate_params (config, caps, size, min, max))
    return gst_buffer_pool_set_config (pool, config);

  gst_structure_free (config);
  return FALSE;
}

static GstBufferPool *
create_own_pool (GstQuery * query, GstCaps * caps, guint size,
    gboolean has_video_meta)
{
  GstBufferPool *pool = gst_video_buffer_pool_new ();
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstAllocator *allocator = NULL;
  GstAllocationParams params;

  if (gst_query_get_n_allocation_params (query) > 0) {
    gst_query_parse_nth_allocation_param (query, 0, &allocator, &params);
    gst_buffer_pool_config_set_allocator (config, allocator, &params);
    gst_clear_object (&allocator);
  }
  gst_buffer_pool_config_set_params (config, caps, size, 0, 0);
  if (has_video_meta)
    gst_buffer_pool_config_add_option (config,
        GST_BUFFER_POOL_OPTION_VIDEO_META);

  /* An allocator that cannot serve a video pool is left out */
  if (!gst_buffer_pool_set_config (pool, config)) {
    config = gst_buffer_pool_get_config (pool);
    gst_buffer_pool_config_set_allocator (config, NULL, NULL);
    gst_buffer_pool_config_set_params (config, caps, size, 0, 0);
    if (!gst_buffer_pool_set_config (pool, config))
      gst_clear_object (&pool);
  }

  return pool;
}

static gboolean
gst_mmio_vid_src_decide_allocation (GstBaseSrc * base, GstQuery * query)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  gboolean has_video_meta, sends_map;
  GstBufferPool *pool = NULL;
  guint size = 0, min = 0, max = 0;
  GstCaps *caps;

  gst_query_parse_allocation (query, &caps, NULL);
  has_video_meta = gst_query_find_allocation_meta (query,
      GST_VIDEO_META_API_TYPE, NULL);
  sends_map = decide_sends_map (self, has_video_meta);

  if (!sends_map && gst_query_get_n_allocation_pools (query) > 0) {
    gst_query_parse_nth_allocation_pool (query, 0, &pool, &size, &min, &max);
    size = MAX (size, GST_VIDEO_INFO_SIZE (&self->info));
    if (pool && !configure_pool (pool, caps, size, min, max, has_video_meta)) {
      GST_INFO_OBJECT (self, "downstream's pool cannot be used");
      gst_clear_object (&pool);
    }
  }

  while (gst_query_get_n_allocation_pools (query) > 0)
    gst_query_remove_nth_allocation_pool (query, 0);

  if (!sends_map) {
    if (!pool) {
      size = GST_VIDEO_INFO_SIZE (&self->info);
      min = max = 0;
      pool = create_own_pool (query, caps, size, has_video_meta);
    }
    if (!pool) {
      GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
          ("No buffers can be had for the picture; set width and height "
              "lower."), ("caps %" GST_PTR_FORMAT, caps));
      return FALSE;
    }
    gst_query_add_allocation_pool (query, pool, size, min, max);
    gst_object_unref (pool);
  }

  GST_OBJECT_LOCK (self);
  self->sends_map = sends_map;
  /* A frame may wait downstream until the pool is empty */
  self->max_latency = max > 0 ?
      max * gst_mmio_pacer_get_period (&self->pacer) : GST_CLOCK_TIME_NONE;
  GST_OBJECT_UNLOCK (self);

  return TRUE;
}

/* Frames */

static GstBuffer *
wrap_map (GstMmioVidSrc * self)
{
  const MmioPicture *picture = mmio_capture_get_picture (self->capture);
  gsize offset[GST_VIDEO_MAX_PLANES];
  gint stride[GST_VIDEO_MAX_PLANES];
  GstBuffer *buffer = gst_buffer_new ();

  /* A memory of its own for each buffer: sinks tell buffers apart by it */
  gst_buffer_append_memory (buffer,
      gst_mmio_allocator_wrap (GST_MMIO_ALLOCATOR (self->allocator),
          mmio_capture_get_region (self->capture),
          mmio_capture_get_reader (self->capture)));

  gst_mmio_format_get_layout (picture, offset, stride);
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_INFO_FORMAT (&self->info), GST_VIDEO_INFO_WIDTH (&self->info),
      GST_VIDEO_INFO_HEIGHT (&self->info), picture->format.n_planes, offset,
      stride);

  return buffer;
}

static gboolean
copy_frame (GstMmioVidSrc * self, GstBuffer * buffer)
{
  MmioTarget target = { .format = self->target_format };
  GstVideoFrame frame;

  if (!gst_video_frame_map (&frame, &self->info, buffer, GST_MAP_WRITE)) {
    GST_ELEMENT_ERROR (self, RESOURCE, WRITE,
        ("A buffer from downstream's pool cannot be written; put a queue or "
            "videoconvert after mmiovidsrc."),
        ("%" GST_PTR_FORMAT, buffer));
    return FALSE;
  }

  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES (&frame); i++) {
    target.plane[i] = GST_VIDEO_FRAME_PLANE_DATA (&frame, i);
    target.stride[i] = GST_VIDEO_FRAME_PLANE_STRIDE (&frame, i);
  }
  mmio_capture_read (self->capture, &target);
  gst_video_frame_unmap (&frame);

  return TRUE;
}

/* Running time now, or FALSE without a clock; with the object lock held */
static gboolean
get_running_time (GstMmioVidSrc * self, GstClockTime * now)
{
  GstClock *clock = GST_ELEMENT_CLOCK (self);
  GstClockTime base_time = GST_ELEMENT_CAST (self)->base_time;
  GstClockTime time;

  if (!clock)
    return FALSE;

  time = gst_clock_get_time (clock);
  *now = time > base_time ? time - base_time : 0;
  return TRUE;
}

/* Waits until the next frame is due */
static GstFlowReturn
wait_for_frame (GstMmioVidSrc * self, GstMmioFrameTime * frame)
{
  GstClockReturn clock_return = GST_CLOCK_OK;
  GstClockTime now;

  GST_OBJECT_LOCK (self);
  if (!get_running_time (self, &now)) {
    GST_OBJECT_UNLOCK (self);
    GST_ELEMENT_ERROR (self, CORE, CLOCK,
        ("There is no clock to pace the frames by; put the element into a "
            "pipeline."), (NULL));
    return GST_FLOW_ERROR;
  }

  gst_mmio_pacer_next (&self->pacer, now, frame);
  if (!self->unlocked && frame->due > now) {
    GstClockID id = gst_clock_new_single_shot_id (GST_ELEMENT_CLOCK (self),
        frame->due + GST_ELEMENT_CAST (self)->base_time);

    self->clock_id = id;
    GST_OBJECT_UNLOCK (self);
    clock_return = gst_clock_id_wait (id, NULL);
    GST_OBJECT_LOCK (self);
    self->clock_id = NULL;
    gst_clock_id_unref (id);
  }

  if (self->unlocked || clock_return == GST_CLOCK_UNSCHEDULED) {
    GST_OBJECT_UNLOCK (self);
    return GST_FLOW_FLUSHING;
  }

  gst_mmio_pacer_take (&self->pacer, frame);
  self->missed += frame->missed;
  GST_OBJECT_UNLOCK (self);

  return GST_FLOW_OK;
}

static void
post_missed (GstMmioVidSrc * self, const GstMmioFrameTime * frame,
    GstClockTime pts, GstClockTime period)
{
  GstMessage *message;
  guint64 missed;

  GST_OBJECT_LOCK (self);
  missed = self->missed;
  GST_OBJECT_UNLOCK (self);

  GST_INFO_OBJECT (self, "missed %" G_GUINT64_FORMAT " before frame %"
      G_GUINT64_FORMAT, frame->missed, frame->number);

  message = gst_message_new_qos (GST_OBJECT_CAST (self), TRUE, pts, pts, pts,
      period);
  gst_message_set_qos_stats (message, GST_FORMAT_BUFFERS,
      frame->number + 1 - missed, missed);
  gst_element_post_message (GST_ELEMENT_CAST (self), message);
}

static GstFlowReturn
gst_mmio_vid_src_create (GstPushSrc * push, GstBuffer ** result)
{
  GstBaseSrc *base = GST_BASE_SRC (push);
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (push);
  GstMmioFrameTime frame;
  GstClockTime pts = GST_CLOCK_TIME_NONE, period;
  GstBuffer *buffer = NULL;
  GstFlowReturn ret;

  ret = wait_for_frame (self, &frame);
  if (ret != GST_FLOW_OK)
    return ret;

  if (self->sends_map)
    buffer = wrap_map (self);
  else
    ret = GST_BASE_SRC_CLASS (gst_mmio_vid_src_parent_class)->alloc (base, 0,
        GST_VIDEO_INFO_SIZE (&self->info), &buffer);
  if (ret != GST_FLOW_OK)
    return ret;

  GST_OBJECT_LOCK (self);
  get_running_time (self, &pts);
  period = gst_mmio_pacer_get_period (&self->pacer);
  if (self->sends_map)
    self->mapped_frames++;
  GST_OBJECT_UNLOCK (self);

  if (!self->sends_map && !copy_frame (self, buffer)) {
    gst_buffer_unref (buffer);
    return GST_FLOW_ERROR;
  }

  GST_BUFFER_PTS (buffer) = pts;
  GST_BUFFER_DTS (buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION (buffer) = period;
  GST_BUFFER_OFFSET (buffer) = frame.number;
  GST_BUFFER_OFFSET_END (buffer) = frame.number + 1;
  if (frame.missed > 0) {
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
    post_missed (self, &frame, pts, period);
  }

  *result = buffer;
  return GST_FLOW_OK;
}

static gboolean
gst_mmio_vid_src_unlock (GstBaseSrc * base)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);

  GST_OBJECT_LOCK (self);
  self->unlocked = TRUE;
  if (self->clock_id)
    gst_clock_id_unschedule (self->clock_id);
  GST_OBJECT_UNLOCK (self);

  return TRUE;
}

static gboolean
gst_mmio_vid_src_unlock_stop (GstBaseSrc * base)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);

  GST_OBJECT_LOCK (self);
  self->unlocked = FALSE;
  GST_OBJECT_UNLOCK (self);

  return TRUE;
}

static gboolean
query_latency (GstMmioVidSrc * self, GstQuery * query)
{
  GstClockTime min, max;

  GST_OBJECT_LOCK (self);
  min = gst_mmio_pacer_get_period (&self->pacer);
  max = self->max_latency;
  GST_OBJECT_UNLOCK (self);

  if (!GST_CLOCK_TIME_IS_VALID (min)) {
    GST_DEBUG_OBJECT (self, "no latency before the frame rate is known");
    return FALSE;
  }

  /* The picture may have changed right after the frame before was read */
  gst_query_set_latency (query, TRUE, min,
      GST_CLOCK_TIME_IS_VALID (max) ? MAX (min, max) : max);
  return TRUE;
}

static gboolean
gst_mmio_vid_src_query (GstBaseSrc * base, GstQuery * query)
{
  switch (GST_QUERY_TYPE (query)) {
    case GST_QUERY_LATENCY:
      return query_latency (GST_MMIO_VID_SRC (base), query);
    default:
      return GST_BASE_SRC_CLASS (gst_mmio_vid_src_parent_class)->query (base,
          query);
  }
}

static void
gst_mmio_vid_src_finalize (GObject * object)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (object);

  g_free (self->device);
  gst_structure_free (self->last_stats);

  G_OBJECT_CLASS (gst_mmio_vid_src_parent_class)->finalize (object);
}

static void
install_properties (GObjectClass * object_class)
{
  const GParamFlags read_only = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  const GParamFlags ready = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
      GST_PARAM_MUTABLE_READY;

  properties[PROP_DEVICE] = g_param_spec_string ("device", "Device",
      "The device: " MMIO_ADDRESS_FORMS, DEFAULT_DEVICE, ready);
  properties[PROP_ACCESS] = g_param_spec_enum ("access", "Access",
      "How to reach a PCI device", GST_TYPE_MMIO_ACCESS, DEFAULT_ACCESS, ready);
  properties[PROP_BAR] = g_param_spec_int ("bar", "BAR",
      "BAR that holds the picture (-1 = the first memory BAR that is large "
      "enough)", -1, MMIO_MAX_BARS - 1, DEFAULT_BAR, ready);
  properties[PROP_FORMAT] = g_param_spec_enum ("format", "Format",
      "Pixel format of the picture in the BAR (if never set, a device that "
      "can tell is asked)", GST_TYPE_VIDEO_FORMAT, DEFAULT_FORMAT, ready);
  properties[PROP_WIDTH] = g_param_spec_uint ("width", "Width",
      "Width of the picture in pixels (0 = ask the device)", 0, G_MAXINT, 0,
      ready);
  properties[PROP_HEIGHT] = g_param_spec_uint ("height", "Height",
      "Height of the picture in pixels (0 = ask the device)", 0, G_MAXINT, 0,
      ready);
  properties[PROP_OFFSET] = g_param_spec_uint64 ("offset", "Offset",
      "Bytes from the BAR's start to the first pixel", 0, G_MAXUINT64, 0,
      ready);
  properties[PROP_STRIDE] = g_param_spec_uint ("stride", "Stride",
      "Bytes from one row to the next, in the first plane (0 = rows without "
      "padding)", 0, G_MAXINT, 0, ready);
  properties[PROP_IO_MODE] = g_param_spec_enum ("io-mode", "IO mode",
      "How frames get out", GST_TYPE_MMIO_IO_MODE, DEFAULT_IO_MODE, ready);
  properties[PROP_STATS] = g_param_spec_boxed ("stats", "Statistics",
      "What was captured since the start: frames, missed (frames), bytes-read "
      "(from the BAR), copy-time (nanoseconds), io-mode, mapping, engine and "
      "access", GST_TYPE_STRUCTURE, read_only);
  properties[PROP_DEVICE_NAME] = g_param_spec_string ("device-name",
      "Device name", "What the device is, in words (while it is open)", NULL,
      read_only);
  properties[PROP_DEVICE_ADDRESS] = g_param_spec_string ("device-address",
      "Device address", "Full PCI address, or path, of the device (while it is "
      "open)", NULL, read_only);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
gst_mmio_vid_src_class_init (GstMmioVidSrcClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseSrcClass *base_class = GST_BASE_SRC_CLASS (klass);
  GstPushSrcClass *push_class = GST_PUSH_SRC_CLASS (klass);
  GstCaps *caps = gst_mmio_format_get_template_caps ();

  GST_DEBUG_CATEGORY_INIT (gst_mmio_vid_src_debug, "mmiovidsrc", 0,
      "PCI memory video source");

  object_class->set_property = gst_mmio_vid_src_set_property;
  object_class->get_property = gst_mmio_vid_src_get_property;
  object_class->finalize = gst_mmio_vid_src_finalize;
  install_properties (object_class);

  gst_element_class_set_static_metadata (element_class,
      "PCI memory video source", "Source/Video/Hardware",
      "Captures the picture that a PCI device has in its memory (a BAR)",
      "The mmiovid authors");
  gst_element_class_add_pad_template (element_class,
      gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  gst_caps_unref (caps);

  base_class->start = gst_mmio_vid_src_start;
  base_class->stop = gst_mmio_vid_src_stop;
  base_class->get_caps = gst_mmio_vid_src_get_caps;
  base_class->fixate = gst_mmio_vid_src_fixate;
  base_class->set_caps = gst_mmio_vid_src_set_caps;
  base_class->decide_allocation = gst_mmio_vid_src_decide_allocation;
  base_class->query = gst_mmio_vid_src_query;
  base_class->unlock = gst_mmio_vid_src_unlock;
  base_class->unlock_stop = gst_mmio_vid_src_unlock_stop;
  push_class->create = gst_mmio_vid_src_create;

  gst_type_mark_as_plugin_api (GST_TYPE_MMIO_IO_MODE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_MMIO_ACCESS, 0);
}

static void
gst_mmio_vid_src_init (GstMmioVidSrc * self)
{
  self->device = g_strdup (DEFAULT_DEVICE);
  self->access = DEFAULT_ACCESS;
  self->bar = DEFAULT_BAR;
  self->format = DEFAULT_FORMAT;
  self->io_mode = DEFAULT_IO_MODE;
  self->last_stats = gst_structure_new_empty ("mmiovidsrc-stats");
  gst_mmio_pacer_init (&self->pacer);

  gst_base_src_set_live (GST_BASE_SRC (self), TRUE);
  gst_base_src_set_format (GST_BASE_SRC (self), GST_FORMAT_TIME);
}
