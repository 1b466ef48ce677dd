/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-mmiovidsrc
 * @title: mmiovidsrc
 *
 * Captures frames from the memory (BARs) of a PCI device. It is for devices that have
 * no driver to read them: FPGA boards, simple capture cards, BMC and VGA framebuffers,
 * shared memory devices of virtual machines.
 *
 * Properties describe the device: its address, and the layout of the frame in its
 * memory.  Caps select the frame rate and the pixel format.  The element converts
 * 24-bit pixels to 32-bit ones, and changes the byte order of 32-bit pixels.  A copy
 * loads each byte of the BAR at most once a frame, in wide loads, and writes it to
 * the buffers of downstream's pool.
 *
 * A thread of the element captures frames and puts them into a queue
 * (#GstMmioVidSrc:queue-size).  The timestamp of a frame is the moment of its capture,
 * and a sink that synchronises does not delay a capture.  A full queue drops its
 * oldest frame, which counts as missed.
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
 * gst-launch-1.0 mmiovidsrc device=/dev/shm/board format=bgrx width=1920 height=1080 offset=4096 ! video/x-raw,framerate=60/1 ! autovideosink
 * ]|
 * Shows frames that another program writes to shared memory.
 *
 * |[
 * gst-launch-1.0 mmiovidsrc device=1af4:1110 frame-sync=counter ! autovideosink
 * ]|
 * In a virtual machine, shows the frames of a shared memory device that has a header.
 * The caps follow changes of the header.
 *
 * |[
 * gst-play-1.0 'mmio://0000:03:00.0?bar=2&format=bgrx&width=640&height=480'
 * ]|
 * Sets the same properties by a URI, for applications that play a URI.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiovidsrcpriv.h"

#include "base/mmioerror.h"
#include "base/mmiouri.h"
#include "gstmmiocaps.h"
#include "gstmmioenums.h"
#include "gstmmiomessage.h"
#include "gstmmiouri.h"

GST_DEBUG_CATEGORY (gst_mmio_vid_src_debug);
#define GST_CAT_DEFAULT gst_mmio_vid_src_debug

enum
{
  PROP_STATS = GST_MMIO_SETTINGS_N_PROPS,
  PROP_DEVICE_NAME,
  PROP_DEVICE_ADDRESS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

static void gst_mmio_vid_src_uri_handler_init (gpointer g_iface,
    gpointer iface_data);

G_DEFINE_TYPE_WITH_CODE (GstMmioVidSrc, gst_mmio_vid_src, GST_TYPE_PUSH_SRC,
    G_IMPLEMENT_INTERFACE (GST_TYPE_URI_HANDLER,
        gst_mmio_vid_src_uri_handler_init));
GST_ELEMENT_REGISTER_DEFINE (mmiovidsrc, "mmiovidsrc", GST_RANK_NONE,
    GST_TYPE_MMIO_VID_SRC);

/* Creates the statistics.
 * Locking: called with the object lock. */
static GstStructure *
get_stats (GstMmioVidSrc * self)
{
  guint64 missed, dropped;

  gst_mmio_frame_queue_get_counts (&self->queue, &missed, &dropped);
  return gst_mmio_message_get_stats (self->capture, self->io, self->sent,
      self->torn, missed, dropped);
}

/* Properties */

static void
gst_mmio_vid_src_set_property (GObject * object, guint prop_id,
    const GValue * value, GParamSpec * pspec)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (object);
  gboolean known;

  GST_OBJECT_LOCK (self);
  known = gst_mmio_settings_set_property (&self->settings, prop_id, value);
  GST_OBJECT_UNLOCK (self);

  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
}

static void
gst_mmio_vid_src_get_property (GObject * object, guint prop_id, GValue * value,
    GParamSpec * pspec)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (object);
  gboolean known = TRUE;

  GST_OBJECT_LOCK (self);
  switch (prop_id) {
    case PROP_STATS:
      if (self->capture)
        g_value_take_boxed (value, get_stats (self));
      else
        g_value_set_boxed (value, self->last_stats);
      break;
    case PROP_DEVICE_NAME:
      g_value_set_string (value, self->capture ?
          mmio_capture_get_info (self->capture)->device_name : NULL);
      break;
    case PROP_DEVICE_ADDRESS:
      g_value_set_string (value, self->capture ?
          mmio_capture_get_info (self->capture)->device_address : NULL);
      break;
    default:
      known = gst_mmio_settings_get_property (&self->settings, prop_id, value);
      break;
  }
  GST_OBJECT_UNLOCK (self);

  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
}

/* URI */

static GstURIType
gst_mmio_vid_src_uri_get_type (GType type)
{
  return GST_URI_SRC;
}

static const gchar *const *
gst_mmio_vid_src_uri_get_protocols (GType type)
{
  static const gchar *const protocols[] = { MMIO_URI_SCHEME, NULL };

  return protocols;
}

static gchar *
gst_mmio_vid_src_uri_get_uri (GstURIHandler * handler)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (handler);
  gchar *uri;

  GST_OBJECT_LOCK (self);
  uri = gst_mmio_uri_to_string (G_OBJECT_GET_CLASS (self), &self->settings);
  GST_OBJECT_UNLOCK (self);

  return uri;
}

/* Returns: (transfer container) (nullable): the changed properties; NULL if the
 * settings are in use */
static GPtrArray *
take_settings (GstMmioVidSrc * self, const GstMmioSettings * settings)
{
  GPtrArray *changes = NULL;

  GST_OBJECT_LOCK (self);
  if (!self->are_settings_used) {
    changes = gst_mmio_settings_list_changes (&self->settings, settings,
        G_OBJECT_GET_CLASS (self));
    gst_mmio_settings_clear (&self->settings);
    self->settings = *settings;
  }
  GST_OBJECT_UNLOCK (self);

  return changes;
}

static gboolean
gst_mmio_vid_src_uri_set_uri (GstURIHandler * handler, const gchar * uri,
    GError ** error)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (handler);
  g_autoptr (GPtrArray) changes = NULL;
  GstMmioSettings settings;

  if (!gst_mmio_uri_parse (G_OBJECT_GET_CLASS (self), uri, &settings, error))
    return FALSE;

  changes = take_settings (self, &settings);
  if (!changes) {
    gst_mmio_settings_clear (&settings);
    g_set_error (error, GST_URI_ERROR, GST_URI_ERROR_BAD_STATE,
        "Cannot set the URI of %s: its device is open. Set its state to READY "
        "first.", GST_OBJECT_NAME (self));
    return FALSE;
  }

  for (guint i = 0; i < changes->len; i++)
    g_object_notify_by_pspec (G_OBJECT (self), g_ptr_array_index (changes, i));
  return TRUE;
}

static void
gst_mmio_vid_src_uri_handler_init (gpointer g_iface, gpointer iface_data)
{
  GstURIHandlerInterface *iface = g_iface;

  iface->get_type = gst_mmio_vid_src_uri_get_type;
  iface->get_protocols = gst_mmio_vid_src_uri_get_protocols;
  iface->get_uri = gst_mmio_vid_src_uri_get_uri;
  iface->set_uri = gst_mmio_vid_src_uri_set_uri;
}

/* Start and stop */

static MmioCapture *
open_capture (GstMmioVidSrc * self, GstMmioIO ** io, GError ** error)
{
  g_autofree char *device = NULL;
  MmioCaptureConfig config;
  MmioCapture *capture;
  GstMmioIOMode io_mode;
  gboolean valid;

  GST_OBJECT_LOCK (self);
  self->are_settings_used = TRUE;
  io_mode = self->settings.io_mode;
  device = g_strdup (self->settings.device);
  valid = gst_mmio_settings_get_config (&self->settings, &config, error);
  GST_OBJECT_UNLOCK (self);

  if (!valid)
    return NULL;

  /* Another thread may set the property meanwhile */
  config.device = device;
  config.on_event = gst_mmio_device_state_notify;
  config.event_data = self;
  capture = mmio_capture_open (&config, error);
  if (!capture)
    return NULL;

  *io = gst_mmio_io_new (capture, io_mode, error);
  if (!*io)
    g_clear_pointer (&capture, mmio_capture_close);

  return capture;
}

static void
notify_device (GstMmioVidSrc * self)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DEVICE_NAME]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DEVICE_ADDRESS]);
}

/* Estimates the duration of a capture until it is measured: 64 bytes per
 * microsecond from a BAR, 500 from cached memory to new buffers. @copies:
 * whether frames are copied.
 * Locking: called with the object lock. */
void
gst_mmio_vid_src_estimate_latency (GstMmioVidSrc * self, gboolean copies)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (self->capture);
  const guint64 size = mmio_layout_get_size (&info->layout);

  self->copies = copies;
  gst_mmio_latency_reset (&self->latency, !copies ? 0 :
      mmio_region_get_mapping (info->region) ==
      MMIO_MAPPING_CACHED ? size * 2 : size * 1000 / 64);
}

static void
close_capture (GstMmioVidSrc * self)
{
  MmioCapture *capture;
  GstMmioIO *io;

  GST_OBJECT_LOCK (self);
  capture = g_steal_pointer (&self->capture);
  io = g_steal_pointer (&self->io);
  self->are_settings_used = FALSE;
  g_clear_error (&self->failure);
  GST_OBJECT_UNLOCK (self);

  g_clear_pointer (&io, gst_mmio_io_free);
  g_clear_pointer (&capture, mmio_capture_close);
}

/* Opens the device, from READY to PAUSED. It is not the start() of the base
 * class, which posts a second, generic error after a failure. */
static gboolean
start (GstMmioVidSrc * self)
{
  g_autoptr (GError) error = NULL;
  GstMmioIO *io;
  MmioCapture *capture = open_capture (self, &io, &error);
  const MmioCaptureInfo *info;
  const MmioLayout *layout;

  if (!capture) {
    gst_mmio_message_post_error (GST_ELEMENT_CAST (self), error);
    close_capture (self);
    return FALSE;
  }

  info = mmio_capture_get_info (capture);
  layout = &info->layout;
  GST_INFO_OBJECT (self, "%s at %s by %s: %s %ux%u at byte %" G_GUINT64_FORMAT
      " of BAR %d, stride %u; %s map, engine %s (%s)",
      info->device_name,
      info->device_address,
      info->access, layout->format.name, layout->width,
      layout->height, layout->start, info->bar,
      layout->plane[0].stride, info->mapping,
      mmio_reader_get_name (info->reader), info->engine_reason);
  if (info->has_unused_header) {
    g_autofree char *text = g_strdup_printf ("The mmiovid header of %s "
        "is not used, because width and height are set. Set both to 0 to use "
        "it.",
        info->device_address);

    gst_mmio_message_post_info (GST_ELEMENT_CAST (self), text);
  }

  GST_OBJECT_LOCK (self);
  self->capture = capture;
  self->io = io;
  self->sent = 0;
  self->torn = 0;
  self->max_buffers = 0;
  self->max_frames = GST_MMIO_FRAME_QUEUE_MAX;
  self->configured_latency = GST_CLOCK_TIME_NONE;
  self->latency_changed = FALSE;
  self->period = GST_CLOCK_TIME_NONE;
  self->device_period = GST_CLOCK_TIME_NONE;
  self->posted_period = GST_CLOCK_TIME_NONE;
  self->is_failure_posted = FALSE;
  gst_mmio_vid_src_estimate_latency (self, TRUE);
  GST_OBJECT_UNLOCK (self);

  if (!gst_mmio_capture_loop_start (self, &error)) {
    GST_ELEMENT_ERROR (self, RESOURCE, FAILED,
        ("Cannot start the capture thread: the process has too many threads. "
            "Raise the limit with: ulimit -u NUMBER"), ("%s", error->message));
    close_capture (self);
    return FALSE;
  }

  notify_device (self);
  return TRUE;
}

static void
stop (GstMmioVidSrc * self)
{
  gst_mmio_capture_loop_stop (self);

  GST_OBJECT_LOCK (self);
  gst_structure_free (self->last_stats);
  self->last_stats = get_stats (self);
  GST_OBJECT_UNLOCK (self);

  close_capture (self);
  gst_clear_caps (&self->downstream);
  self->keeps_allocation = FALSE;
  self->has_video_meta = FALSE;
  notify_device (self);

  GST_INFO_OBJECT (self, "stopped: %" GST_PTR_FORMAT, self->last_stats);
}

/* Checks for a pause by the calling thread, which is not a flush: from 1.24 on,
 * the base class calls unlock() and unlock_stop() for a pause, too. If create()
 * ended in a pause, 1.22 would end the stream. Newer versions would stop the
 * task for ever if the pause ended before the task has stopped. */
static gboolean
is_pausing (GstMmioVidSrc * self)
{
  gboolean ret;

  GST_OBJECT_LOCK (self);
  ret = self->changing == g_thread_self ();
  GST_OBJECT_UNLOCK (self);

  return ret;
}

static gboolean
gst_mmio_vid_src_unlock (GstBaseSrc * base)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);

  if (is_pausing (self))
    return TRUE;

  GST_OBJECT_LOCK (self);
  self->is_unlocked = TRUE;
  GST_OBJECT_UNLOCK (self);

  gst_mmio_frame_queue_flush_start (&self->queue);
  gst_mmio_capture_loop_hold (self, GST_MMIO_HOLD_FLUSH);
  return TRUE;
}

static gboolean
gst_mmio_vid_src_unlock_stop (GstBaseSrc * base)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  gboolean retries;

  GST_OBJECT_LOCK (self);
  /* Handles only a flush, not a pause: from 1.24 on, the streaming thread also
   * calls this function after a pause */
  if (!self->is_unlocked) {
    GST_OBJECT_UNLOCK (self);
    return TRUE;
  }
  self->is_unlocked = FALSE;
  self->forget = TRUE;
  /* A failed capture is tried again, unless the device was removed */
  retries = self->failure &&
      !g_error_matches (self->failure, MMIO_ERROR, MMIO_ERROR_GONE);
  if (retries) {
    g_clear_error (&self->failure);
    self->is_failure_posted = FALSE;
  }
  GST_OBJECT_UNLOCK (self);

  gst_mmio_frame_queue_flush_stop (&self->queue);
  if (retries) {
    gst_mmio_frame_queue_set_closed (&self->queue, FALSE);
    gst_mmio_capture_thread_release (&self->thread, GST_MMIO_HOLD_FAILURE);
  }
  gst_mmio_capture_thread_release (&self->thread, GST_MMIO_HOLD_FLUSH);
  return TRUE;
}

static void
set_paused (GstMmioVidSrc * self, gboolean paused)
{
  gst_mmio_frame_queue_set_paused (&self->queue, paused);
  gst_mmio_capture_thread_set_paused (&self->thread, paused);
  gst_mmio_capture_loop_wake (self);
}

static void
set_changing (GstMmioVidSrc * self, GThread * thread)
{
  GST_OBJECT_LOCK (self);
  self->changing = thread;
  GST_OBJECT_UNLOCK (self);
}

static GstStateChangeReturn
gst_mmio_vid_src_change_state (GstElement * element, GstStateChange transition)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !start (self))
    return GST_STATE_CHANGE_FAILURE;

  if (transition == GST_STATE_CHANGE_PLAYING_TO_PAUSED ||
      transition == GST_STATE_CHANGE_PAUSED_TO_PLAYING)
    set_changing (self, g_thread_self ());
  if (transition == GST_STATE_CHANGE_PLAYING_TO_PAUSED)
    set_paused (self, TRUE);

  ret = GST_ELEMENT_CLASS (gst_mmio_vid_src_parent_class)->change_state
      (element, transition);

  /* The pause ends after that of the base class: from 1.24 on, the base class
   * drops frames that are created before */
  if (transition == GST_STATE_CHANGE_PAUSED_TO_PLAYING &&
      ret != GST_STATE_CHANGE_FAILURE)
    set_paused (self, FALSE);
  set_changing (self, NULL);

  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED &&
          ret == GST_STATE_CHANGE_FAILURE))
    stop (self);

  return ret;
}

/* The base class sends a serialized downstream event with the next frame, so
 * that frame must not be dropped as unchanged. A seek event is rejected here:
 * the base class does not check whether the source is seekable if the element
 * gets the event, and not its pad. It flushes, and from 1.24 on the stream does
 * not resume afterwards. */
static gboolean
gst_mmio_vid_src_send_event (GstElement * element, GstEvent * event)
{
  const gboolean waits = GST_EVENT_IS_DOWNSTREAM (event) &&
      GST_EVENT_IS_SERIALIZED (event);
  gboolean ret;

  if (GST_EVENT_TYPE (event) == GST_EVENT_SEEK) {
    GST_DEBUG_OBJECT (element, "rejecting a seek event: the source is live");
    gst_event_unref (event);
    return FALSE;
  }

  ret = GST_ELEMENT_CLASS (gst_mmio_vid_src_parent_class)
      ->send_event (element, event);
  if (ret && waits) {
    GST_OBJECT_LOCK (element);
    GST_MMIO_VID_SRC (element)->forget = TRUE;
    GST_OBJECT_UNLOCK (element);
  }

  return ret;
}

static gboolean
gst_mmio_vid_src_event (GstBaseSrc * base, GstEvent * event)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  GstClockTime latency;

  if (GST_EVENT_TYPE (event) == GST_EVENT_LATENCY) {
    gst_event_parse_latency (event, &latency);
    GST_DEBUG_OBJECT (self, "latency of the pipeline: %" GST_TIME_FORMAT,
        GST_TIME_ARGS (latency));

    GST_OBJECT_LOCK (self);
    self->configured_latency = latency;
    GST_OBJECT_UNLOCK (self);
  }

  return gst_mmio_vid_src_get_parent ()->event (base, event);
}

static gboolean
query_latency (GstMmioVidSrc * self, GstQuery * query)
{
  GstClockTime period, min, max = GST_CLOCK_TIME_NONE;
  gboolean is_open;
  guint n;

  GST_OBJECT_LOCK (self);
  is_open = self->capture != NULL;
  min = gst_mmio_latency_get (&self->latency);
  period = gst_mmio_capture_loop_get_period (self);
  n = gst_mmio_settings_get_queue_size (&self->settings);
  if (n == 0)
    n = self->max_frames;
  if (self->max_buffers > 0)
    n = MIN (n, self->max_buffers);
  GST_OBJECT_UNLOCK (self);

  if (!is_open) {
    GST_DEBUG_OBJECT (self, "latency is unknown before the device is open");
    return FALSE;
  }

  /* The limit is the queue or the pool, whichever holds fewer frames */
  if (period < (GST_CLOCK_TIME_NONE - min) / n)
    max = min + n * period;
  gst_query_set_latency (query, TRUE, min, max);
  return TRUE;
}

static gboolean
gst_mmio_vid_src_query (GstBaseSrc * base, GstQuery * query)
{
  switch (GST_QUERY_TYPE (query)) {
    case GST_QUERY_LATENCY:
      return query_latency (GST_MMIO_VID_SRC (base), query);
    default:
      return gst_mmio_vid_src_get_parent ()->query (base, query);
  }
}

/* Frames */

/* Posts the failure of the capture thread, after all captured frames are sent.
 * The base class may call create() again after a pause in which it has ignored
 * the error. */
static GstFlowReturn
post_failure (GstMmioVidSrc * self)
{
  g_autoptr (GError) error = NULL;

  GST_OBJECT_LOCK (self);
  if (!self->is_failure_posted)
    error = g_error_copy (self->failure);
  self->is_failure_posted = TRUE;
  GST_OBJECT_UNLOCK (self);

  if (!error)
    return GST_FLOW_EOS;

  gst_mmio_frame_queue_count_lost (&self->queue);
  gst_mmio_message_post_error (GST_ELEMENT_CAST (self), error);
  return GST_FLOW_ERROR;
}

/* Counts a sent frame and the frames missed before it */
static GstBuffer *
take_buffer (GstMmioVidSrc * self, GstMmioFrame * frame)
{
  guint64 sent, missed, dropped;

  GST_OBJECT_LOCK (self);
  sent = ++self->sent;
  self->torn += GST_BUFFER_FLAG_IS_SET (frame->buffer,
      GST_BUFFER_FLAG_CORRUPTED);
  GST_OBJECT_UNLOCK (self);

  if (frame->time.missed > 0) {
    GST_INFO_OBJECT (self, "missed %" G_GUINT64_FORMAT " before frame %"
        G_GUINT64_FORMAT, frame->time.missed, frame->time.number);
    gst_mmio_frame_queue_get_counts (&self->queue, &missed, &dropped);
    gst_mmio_message_post_missed (GST_ELEMENT_CAST (self), frame->buffer, sent,
        missed);
  }
  if (frame->time.missed > 0 || frame->is_discont)
    GST_BUFFER_FLAG_SET (frame->buffer, GST_BUFFER_FLAG_DISCONT);

  return g_steal_pointer (&frame->buffer);
}

/* Returns: whether the capture has failed */
static gboolean
has_failed (GstMmioVidSrc * self)
{
  gboolean ret;

  GST_OBJECT_LOCK (self);
  ret = self->failure != NULL;
  GST_OBJECT_UNLOCK (self);

  return ret;
}

static GstFlowReturn
gst_mmio_vid_src_create (GstPushSrc * push, GstBuffer ** result)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (push);
  GstPad *pad = GST_BASE_SRC_PAD (self);

  for (;;) {
    GstMmioFrame frame;
    gint left;

    /* From 1.24 on, the late unlock_stop() of a pause may undo the unlock() of
     * the deactivation */
    if (GST_PAD_IS_FLUSHING (pad))
      return GST_FLOW_FLUSHING;

    if (gst_pad_needs_reconfigure (pad) && !gst_mmio_negotiation_renew (self))
      return GST_PAD_IS_FLUSHING (pad) ? GST_FLOW_FLUSHING :
          GST_FLOW_NOT_NEGOTIATED;

    /* Caps and buffers are negotiated. One more frame is wanted, also for a
     * frame that the base class has dropped. */
    left = GST_BASE_SRC (self)->num_buffers_left;
    gst_mmio_frame_queue_set_wanted (&self->queue,
        left < 0 ? G_MAXUINT64 : (guint64) left + 1);
    gst_mmio_capture_thread_release (&self->thread,
        GST_MMIO_HOLD_NEGOTIATION | GST_MMIO_HOLD_COMPLETE |
        GST_MMIO_HOLD_IDLE);

    switch (gst_mmio_frame_queue_pop (&self->queue, &frame)) {
      case GST_MMIO_POP_FRAME:
        *result = take_buffer (self, &frame);
        return GST_FLOW_OK;
      case GST_MMIO_POP_FLUSHING:
        return GST_FLOW_FLUSHING;
      case GST_MMIO_POP_WOKEN:
        break;
      case GST_MMIO_POP_CLOSED:
        if (has_failed (self))
          return post_failure (self);
        gst_pad_mark_reconfigure (pad);
        break;
    }
  }
}

/* After each EOS, the streaming thread takes no frames. Holds the capture thread
 * until create() is called again. */
static GstPadProbeReturn
on_event (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_EOS)
    gst_mmio_capture_loop_hold (user_data, GST_MMIO_HOLD_NEGOTIATION);

  return GST_PAD_PROBE_OK;
}

static void
gst_mmio_vid_src_finalize (GObject * object)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (object);

  gst_mmio_settings_clear (&self->settings);
  gst_structure_free (self->last_stats);
  g_clear_error (&self->failure);
  gst_mmio_frame_queue_clear (&self->queue);
  gst_mmio_capture_thread_clear (&self->thread);

  G_OBJECT_CLASS (gst_mmio_vid_src_parent_class)->finalize (object);
}

static void
install_properties (GObjectClass * object_class)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  gst_mmio_settings_install_properties (object_class);

  /**
   * GstMmioVidSrc:stats:
   *
   * Statistics since the start, also after the stop. The numbers of frames are frames
   * (sent), missed, dropped (from the queue), unchanged, and torn (sent, flagged as
   * corrupted). The loads are bytes-read (from the BAR) and copy-time (nanoseconds).
   * The other fields are io-mode, io-mode-reason, mapping, engine, engine-reason and
   * access.
   */
  properties[PROP_STATS] = g_param_spec_boxed ("stats", "Statistics",
      "Statistics since the start (frames, missed, dropped, torn, ...)",
      GST_TYPE_STRUCTURE, flags);

  /**
   * GstMmioVidSrc:device-name:
   *
   * The name of the device while it is open.
   */
  properties[PROP_DEVICE_NAME] =
      g_param_spec_string ("device-name", "Device name",
      "Name of the open device", NULL, flags);

  /**
   * GstMmioVidSrc:device-address:
   *
   * The full PCI address or the path of the device while it is open.
   */
  properties[PROP_DEVICE_ADDRESS] =
      g_param_spec_string ("device-address", "Device address",
      "Full PCI address or path of the open device", NULL, flags);

  for (guint i = PROP_STATS; i < N_PROPS; i++)
    g_object_class_install_property (object_class, i, properties[i]);
}

static void
gst_mmio_vid_src_class_init (GstMmioVidSrcClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseSrcClass *base_class = GST_BASE_SRC_CLASS (klass);
  GstPushSrcClass *push_class = GST_PUSH_SRC_CLASS (klass);
  GstCaps *caps = gst_mmio_caps_get_template ();

  GST_DEBUG_CATEGORY_INIT (gst_mmio_vid_src_debug, "mmiovidsrc", 0,
      "PCI memory video source");

  object_class->set_property = gst_mmio_vid_src_set_property;
  object_class->get_property = gst_mmio_vid_src_get_property;
  object_class->finalize = gst_mmio_vid_src_finalize;
  install_properties (object_class);

  gst_element_class_set_static_metadata (element_class,
      "PCI memory video source", "Source/Video/Hardware",
      "Captures frames from the memory (BARs) of a PCI device",
      "The mmiovid authors");
  gst_element_class_add_pad_template (element_class,
      gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  gst_caps_unref (caps);

  element_class->change_state = gst_mmio_vid_src_change_state;
  element_class->send_event = gst_mmio_vid_src_send_event;

  base_class->event = gst_mmio_vid_src_event;
  base_class->query = gst_mmio_vid_src_query;
  base_class->unlock = gst_mmio_vid_src_unlock;
  base_class->unlock_stop = gst_mmio_vid_src_unlock_stop;
  gst_mmio_negotiation_init_class (base_class);
  push_class->create = gst_mmio_vid_src_create;

  gst_type_mark_as_plugin_api (GST_TYPE_MMIO_IO_MODE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_MMIO_ACCESS, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_MMIO_MAPPING, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_MMIO_ENGINE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_MMIO_CHANGES, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_MMIO_FRAME_SYNC, 0);
}

static void
gst_mmio_vid_src_init (GstMmioVidSrc * self)
{
  gst_mmio_settings_init (&self->settings);
  self->configured_latency = GST_CLOCK_TIME_NONE;
  gst_mmio_frame_queue_init (&self->queue);
  gst_mmio_capture_thread_init (&self->thread);
  self->last_stats = get_stats (self);

  gst_mmio_negotiation_init (self);
  gst_pad_add_probe (GST_BASE_SRC_PAD (self),
      GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_event, self, NULL);

  gst_base_src_set_live (GST_BASE_SRC (self), TRUE);
  gst_base_src_set_format (GST_BASE_SRC (self), GST_FORMAT_TIME);
}
