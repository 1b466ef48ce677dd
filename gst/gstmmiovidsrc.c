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

#include "gstmmiocaps.h"
#include "gstmmioenums.h"
#include "gstmmiomessage.h"

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

G_DEFINE_TYPE_WITH_CODE (GstMmioVidSrc, gst_mmio_vid_src, GST_TYPE_PUSH_SRC,
    G_IMPLEMENT_INTERFACE (GST_TYPE_URI_HANDLER,
        gst_mmio_vid_src_init_uri_handler));
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
gst_mmio_vid_src_query (GstBaseSrc * base, GstQuery * query)
{
  switch (GST_QUERY_TYPE (query)) {
    case GST_QUERY_LATENCY:
      return gst_mmio_vid_src_query_latency (GST_MMIO_VID_SRC (base), query);
    default:
      return gst_mmio_vid_src_get_parent ()->query (base, query);
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
  gst_mmio_negotiation_init_class (base_class);
  gst_mmio_vid_src_init_stream_class (GST_PUSH_SRC_CLASS (klass));

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
