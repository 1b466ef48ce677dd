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
 * its memory.  What the consumer wants, caps say: the frame rate, and whether
 * 24-bit pixels shall become 32-bit ones on the way, or 32-bit ones change the
 * order of their bytes.  Each byte of the BAR is loaded at most once a frame,
 * in wide loads, straight into downstream's buffers.
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
 *
 * |[
 * gst-play-1.0 'mmio://0000:03:00.0?bar=2&format=bgrx&width=640&height=480'
 * ]|
 * The same properties in a URI, for applications that play one.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiovidsrc.h"

#include <gst/video/video.h>

#include "gstmmiobuffer.h"
#include "gstmmiocaps.h"
#include "gstmmioenums.h"
#include "gstmmioerror.h"
#include "gstmmioformat.h"
#include "gstmmiomessage.h"
#include "gstmmiopool.h"
#include "gstmmioring.h"
#include "gstmmiosettings.h"
#include "gstmmiotimer.h"
#include "gstmmiotrigger.h"
#include "gstmmiouri.h"
#include "gstmmioway.h"
#include "mmiocapture.h"
#include "mmiouri.h"

GST_DEBUG_CATEGORY_STATIC (gst_mmio_vid_src_debug);
#define GST_CAT_DEFAULT gst_mmio_vid_src_debug

/* FullHD at 50 Hz is what the element is made for */
#define PREFERRED_FPS_N 50
#define PREFERRED_FPS_D 1

enum
{
  PROP_STATS = GST_MMIO_SETTINGS_N_PROPS,
  PROP_DEVICE_NAME,
  PROP_DEVICE_ADDRESS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

struct _GstMmioVidSrc
{
  GstPushSrc parent;

  /* Under the object lock */
  GstMmioSettings settings;

  /* From start to stop.  Written under the object lock, as properties are
   * read from other threads. */
  MmioCapture *capture;
  GstStructure *last_stats;     /* of the last run, for after the stop */
  GstMmioWay *way;
  guint64 missed;
  guint64 uncopied_frames;
  guint max_buffers;
  gboolean latency_changed;
  GstClockTime latency_period;  /* what the latency was answered with */

  /* Between start and stop, streaming thread only */
  GstVideoInfo info;
  MmioFormat target_format;
  gboolean is_dma_buf;
  GstCaps *downstream;          /* all that it took at the last negotiation */
  gboolean keeps_allocation;

  /* Waiting for the next frame; under the object lock */
  GstMmioTimer timer;
  GstMmioTrigger trigger;

  /* Whoever got the last frame may not have it any more; under the lock */
  gboolean forget;
  /* Frames were missed since the last one that was sent */
  gboolean discont;
};

static void gst_mmio_vid_src_uri_handler_init (gpointer g_iface,
    gpointer iface_data);

G_DEFINE_TYPE_WITH_CODE (GstMmioVidSrc, gst_mmio_vid_src, GST_TYPE_PUSH_SRC,
    G_IMPLEMENT_INTERFACE (GST_TYPE_URI_HANDLER,
        gst_mmio_vid_src_uri_handler_init));
GST_ELEMENT_REGISTER_DEFINE (mmiovidsrc, "mmiovidsrc", GST_RANK_NONE,
    GST_TYPE_MMIO_VID_SRC);

/* With the object lock held */
static GstStructure *
get_stats (GstMmioVidSrc * self)
{
  return gst_mmio_message_get_stats (self->capture, self->way,
      self->uncopied_frames, self->missed);
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
          mmio_capture_get_device_name (self->capture) : NULL);
      break;
    case PROP_DEVICE_ADDRESS:
      g_value_set_string (value, self->capture ?
          mmio_capture_get_device_address (self->capture) : NULL);
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

/* Returns: (transfer full) (nullable): the properties that are others now; NULL
 *   if the element is running */
static GPtrArray *
take_settings (GstMmioVidSrc * self, const GstMmioSettings * settings)
{
  GPtrArray *changes = NULL;

  GST_OBJECT_LOCK (self);
  if (GST_STATE (self) <= GST_STATE_READY) {
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
        "%s has its device open; set its state to READY before its URI.",
        GST_OBJECT_NAME (self));
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
open_capture (GstMmioVidSrc * self, GstMmioWay ** way, GError ** error)
{
  g_autofree char *device = NULL;
  MmioCaptureConfig config;
  MmioCapture *capture;
  GstMmioIOMode io_mode;
  gboolean valid;

  GST_OBJECT_LOCK (self);
  io_mode = self->settings.io_mode;
  device = g_strdup (self->settings.device);
  valid = gst_mmio_settings_get_config (&self->settings, &config, error);
  GST_OBJECT_UNLOCK (self);

  if (!valid)
    return NULL;

  /* Another thread may set the property meanwhile */
  config.device = device;
  capture = mmio_capture_open (&config, error);
  if (!capture)
    return NULL;

  *way = gst_mmio_way_new (capture, io_mode, error);
  if (!*way)
    g_clear_pointer (&capture, mmio_capture_close);

  return capture;
}

static void
notify_device (GstMmioVidSrc * self)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DEVICE_NAME]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DEVICE_ADDRESS]);
}

/* From READY to PAUSED.  Not the base class's start(), after whose failure that
 * posts an error of its own, which says nothing. */
static gboolean
start (GstMmioVidSrc * self)
{
  g_autoptr (GError) error = NULL;
  GstMmioWay *way;
  MmioCapture *capture = open_capture (self, &way, &error);
  const MmioPicture *picture;

  if (!capture) {
    gst_mmio_error_post (GST_ELEMENT_CAST (self), error);
    return FALSE;
  }

  picture = mmio_capture_get_picture (capture);
  GST_INFO_OBJECT (self, "%s at %s by %s: %s %ux%u at byte %" G_GUINT64_FORMAT
      " of BAR %d, stride %u; %s map, engine %s (%s)",
      mmio_capture_get_device_name (capture),
      mmio_capture_get_device_address (capture),
      mmio_capture_get_access (capture), picture->format.name, picture->width,
      picture->height, picture->start, mmio_capture_get_bar (capture),
      picture->plane[0].stride, mmio_capture_get_mapping (capture),
      mmio_reader_get_name (mmio_capture_get_reader (capture)),
      mmio_capture_get_engine_reason (capture));

  GST_OBJECT_LOCK (self);
  self->capture = capture;
  self->way = way;
  self->missed = 0;
  self->uncopied_frames = 0;
  self->discont = FALSE;
  self->max_buffers = 0;
  self->latency_changed = FALSE;
  self->latency_period = GST_CLOCK_TIME_NONE;
  gst_mmio_timer_reset (&self->timer);
  gst_mmio_trigger_reset (&self->trigger);
  GST_OBJECT_UNLOCK (self);

  notify_device (self);
  return TRUE;
}

static void
stop (GstMmioVidSrc * self)
{
  MmioCapture *capture;
  GstMmioWay *way;

  GST_OBJECT_LOCK (self);
  gst_structure_free (self->last_stats);
  self->last_stats = get_stats (self);
  capture = g_steal_pointer (&self->capture);
  way = g_steal_pointer (&self->way);
  GST_OBJECT_UNLOCK (self);

  g_clear_pointer (&way, gst_mmio_way_free);
  g_clear_pointer (&capture, mmio_capture_close);
  gst_clear_caps (&self->downstream);
  self->keeps_allocation = FALSE;
  notify_device (self);

  GST_INFO_OBJECT (self, "stopped: %" GST_PTR_FORMAT, self->last_stats);
}

/* Whether it is the device that starts a frame, so that there may be no
 * constant rate */
static gboolean
is_triggered (GstMmioVidSrc * self)
{
  return mmio_capture_get_frame_sync (self->capture) != MMIO_FRAME_SYNC_CLOCK;
}

/* Negotiation */

static GstCaps *
gst_mmio_vid_src_get_caps (GstBaseSrc * base, GstCaps * filter)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  GstCaps *caps, *filtered;

  GST_OBJECT_LOCK (self);
  caps = self->way ? gst_mmio_way_get_caps (self->way) : NULL;
  if (caps && is_triggered (self))
    gst_caps_set_simple (caps, "framerate", GST_TYPE_FRACTION_RANGE, 0, 1,
        G_MAXINT, 1, NULL);
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
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  GstStructure *structure;

  caps = gst_mmio_caps_prefer_dma_buf (caps);
  structure = gst_caps_get_structure (caps, 0);
  if (self->capture && is_triggered (self))
    gst_structure_fixate_field_nearest_fraction (structure, "framerate", 0, 1);
  else
    gst_structure_fixate_field_nearest_fraction (structure, "framerate",
        PREFERRED_FPS_N, PREFERRED_FPS_D);

  return GST_BASE_SRC_CLASS (gst_mmio_vid_src_parent_class)->fixate (base,
      caps);
}

/* Whatever has changed or not: somebody waits for a frame */
static void
send_next_frame (GstMmioVidSrc * self)
{
  GST_OBJECT_LOCK (self);
  self->forget = TRUE;
  GST_OBJECT_UNLOCK (self);
}

static gboolean is_refused (GstPad * pad, const GstCaps * sent);

/* Whether somebody behind @pad has refused the caps, that @pad itself has
 * taken: a sink in a bin, or one behind an element that passes caps on, as many
 * do, and not what becomes of them.  Where another thread passes them on,
 * nobody knows yet. */
static gboolean
is_refused_behind (GstPad * pad, const GstCaps * sent)
{
  GstIterator *links = gst_pad_iterate_internal_links (pad);
  GValue item = G_VALUE_INIT;
  gboolean refused = FALSE;

  while (!refused && links &&
      gst_iterator_next (links, &item) == GST_ITERATOR_OK) {
    GstPad *link = g_value_get_object (&item);
    g_autoptr (GstCaps) passed = NULL;
    gboolean has_thread;

    GST_OBJECT_LOCK (link);
    has_thread = GST_PAD_TASK (link) != NULL;
    GST_OBJECT_UNLOCK (link);

    passed = has_thread ? NULL : gst_pad_get_current_caps (link);
    refused = passed && gst_caps_is_equal (passed, sent) &&
        is_refused (link, sent);
    g_value_reset (&item);
  }
  g_value_unset (&item);
  if (links)
    gst_iterator_free (links);

  return refused;
}

/* Whether downstream has refused the caps.  Who sends them is not told: what is
 * refused now is sent once more with the next frame, which then fails. */
static gboolean
is_refused (GstPad * pad, const GstCaps * sent)
{
  g_autoptr (GstPad) peer = gst_pad_get_peer (pad);
  g_autoptr (GstCaps) taken = NULL;

  if (!peer || GST_PAD_IS_FLUSHING (peer))
    return FALSE;

  taken = gst_pad_get_current_caps (peer);
  return !taken || !gst_caps_is_equal (sent, taken) ||
      is_refused_behind (peer, sent);
}

static gboolean
has_taken_caps (GstPad * pad)
{
  g_autoptr (GstCaps) sent = gst_pad_get_current_caps (pad);

  return !sent || !is_refused (pad, sent);
}

/* Whether nothing has changed but the rate of the dma-bufs that are sent.  Then
 * downstream is not asked for buffers: it has no use for that, and kmssink would
 * copy with the CPU what it shows. */
static gboolean
changes_only_rate (GstMmioVidSrc * self, GstCaps * before, GstCaps * downstream)
{
  g_autoptr (GstCaps) now = gst_pad_get_current_caps (GST_BASE_SRC_PAD (self));

  return gst_mmio_way_get_mode (self->way) == GST_MMIO_IO_MODE_DMABUF &&
      before && now && !gst_caps_is_equal (before, now) &&
      gst_mmio_caps_equal_but_rate (before, now) &&
      self->downstream && downstream &&
      gst_mmio_caps_equal_but_rate (self->downstream, downstream);
}

static GstPadProbeReturn
on_query (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  const GstMmioVidSrc *self = user_data;

  return self->keeps_allocation &&
      GST_QUERY_TYPE (GST_PAD_PROBE_INFO_QUERY (info)) ==
      GST_QUERY_ALLOCATION ? GST_PAD_PROBE_DROP : GST_PAD_PROBE_OK;
}

/* Negotiates about what @self offers to whoever is downstream now */
static gboolean
negotiate (GstMmioVidSrc * self)
{
  GstBaseSrc *base = GST_BASE_SRC (self);
  g_autoptr (GstCaps) downstream =
      gst_pad_peer_query_caps (GST_BASE_SRC_PAD (base), NULL);
  g_autoptr (GstCaps) before =
      gst_pad_get_current_caps (GST_BASE_SRC_PAD (base));
  gboolean ret;

  GST_OBJECT_LOCK (self);
  gst_mmio_way_begin (self->way, downstream);
  GST_OBJECT_UNLOCK (self);

  ret = GST_BASE_SRC_CLASS (gst_mmio_vid_src_parent_class)->negotiate (base);
  /* Copies that are refused fail as they always do */
  if (ret && self->is_dma_buf)
    ret = has_taken_caps (GST_BASE_SRC_PAD (base));

  self->keeps_allocation = ret && changes_only_rate (self, before, downstream);
  gst_caps_replace (&self->downstream, downstream);

  GST_OBJECT_LOCK (self);
  gst_mmio_way_end (self->way);
  GST_OBJECT_UNLOCK (self);

  return ret;
}

/* Whether it is worth trying once more without dma-bufs */
static gboolean
can_step_down (GstMmioVidSrc * self)
{
  gboolean ret;

  if (GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (self)))
    return FALSE;

  GST_OBJECT_LOCK (self);
  ret = gst_mmio_way_refuse (self->way, "Downstream offers to take dma-bufs, "
      "and refuses them.");
  GST_OBJECT_UNLOCK (self);

  return ret;
}

static gboolean
gst_mmio_vid_src_negotiate (GstBaseSrc * base)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);

  /* A pad that somebody activated without the element */
  if (!self->capture)
    return FALSE;

  if (!negotiate (self) && !(can_step_down (self) && negotiate (self))) {
    if (!GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (base)))
      gst_mmio_message_post_no_caps (GST_ELEMENT_CAST (self),
          GST_BASE_SRC_PAD (base), self->capture, self->way);
    return FALSE;
  }

  /* Somebody new may be there, though the caps are as before */
  send_next_frame (self);
  return TRUE;
}

static gboolean
gst_mmio_vid_src_set_caps (GstBaseSrc * base, GstCaps * caps)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  const MmioPicture *picture = mmio_capture_get_picture (self->capture);
  GstClockTime old_period;
  gboolean is_dma_buf;
  MmioFormat format;
  GstVideoInfo info;

  if (!gst_mmio_caps_parse (caps, &info, &is_dma_buf) ||
      !gst_mmio_format_from_video (&format, GST_VIDEO_INFO_FORMAT (&info)) ||
      !mmio_frame_can_read_as (picture, &format) ||
      GST_VIDEO_INFO_WIDTH (&info) != (gint) picture->width ||
      GST_VIDEO_INFO_HEIGHT (&info) != (gint) picture->height ||
      (GST_VIDEO_INFO_FPS_N (&info) <= 0 && !is_triggered (self))) {
    GST_ERROR_OBJECT (self, "cannot send %" GST_PTR_FORMAT, caps);
    return FALSE;
  }

  self->info = info;
  self->target_format = format;
  self->is_dma_buf = is_dma_buf;

  GST_OBJECT_LOCK (self);
  old_period = gst_mmio_pacer_get_period (&self->timer.pacer);
  gst_mmio_pacer_set_rate (&self->timer.pacer, GST_VIDEO_INFO_FPS_N (&info),
      GST_VIDEO_INFO_FPS_D (&info));
  self->latency_changed |= old_period !=
      gst_mmio_pacer_get_period (&self->timer.pacer);
  GST_OBJECT_UNLOCK (self);

  return TRUE;
}

/* Allocation */

/* Takes the way that was agreed upon, and tells of it if it is another one than
 * before; @again tells whether there is none yet. */
static gboolean
take_way (GstMmioVidSrc * self, GstQuery * query, gboolean * again)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL;
  gboolean ret, is_new;

  GST_OBJECT_LOCK (self);
  before = g_strdup (gst_mmio_way_get_reason (self->way));
  ret = gst_mmio_way_take (self->way, query, self->is_dma_buf, again, &error);
  is_new = g_strcmp0 (before, gst_mmio_way_get_reason (self->way)) != 0;
  GST_OBJECT_UNLOCK (self);

  if (!ret)
    gst_mmio_error_post (GST_ELEMENT_CAST (self), error);
  else if (is_new)
    gst_mmio_message_post_way (GST_ELEMENT_CAST (self), self->way);

  return ret;
}

static gboolean
gst_mmio_vid_src_decide_allocation (GstBaseSrc * base, GstQuery * query)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  gboolean latency_changed, copies, again = FALSE;
  guint max_buffers = 0;

  if (!self->keeps_allocation && !take_way (self, query, &again))
    return FALSE;

  /* With less to offer, before the next frame */
  if (again) {
    gst_mmio_pool_remove_all (query);
    gst_pad_mark_reconfigure (GST_BASE_SRC_PAD (base));
    return TRUE;
  }

  copies = gst_mmio_way_get_mode (self->way) == GST_MMIO_IO_MODE_COPY;
  if (!copies) {
    gst_mmio_pool_remove_all (query);
    /* Of a map there is no end */
    max_buffers = gst_mmio_way_get_mode (self->way) ==
        GST_MMIO_IO_MODE_DMABUF ? GST_MMIO_RING_MAX : 0;
  } else if (!gst_mmio_pool_decide (query, &self->info, &max_buffers)) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
        ("No buffers can be had for a picture of %dx%d; set width and height "
            "lower.", GST_VIDEO_INFO_WIDTH (&self->info),
            GST_VIDEO_INFO_HEIGHT (&self->info)), ("%" GST_PTR_FORMAT, query));
    return FALSE;
  }

  GST_INFO_OBJECT (self, "%s: %s; %" GST_PTR_FORMAT,
      gst_mmio_enum_get_nick (GST_TYPE_MMIO_IO_MODE,
          gst_mmio_way_get_mode (self->way)),
      gst_mmio_way_get_reason (self->way), query);

  GST_OBJECT_LOCK (self);
  latency_changed = self->latency_changed || max_buffers != self->max_buffers;
  self->latency_changed = FALSE;
  self->max_buffers = max_buffers;
  GST_OBJECT_UNLOCK (self);

  if (latency_changed)
    gst_element_post_message (GST_ELEMENT_CAST (self),
        gst_message_new_latency (GST_OBJECT_CAST (self)));

  return TRUE;
}

/* From one frame to the next: at the rate that was agreed upon, or else at the
 * device's own, as far as it is known.  With the object lock held. */
static GstClockTime
get_period (GstMmioVidSrc * self)
{
  const GstClockTime period = gst_mmio_pacer_get_period (&self->timer.pacer);

  return GST_CLOCK_TIME_IS_VALID (period) ? period : self->trigger.period;
}

/* A device's rate is measured, and never twice the same; whether @period is
 * another one in earnest.  With the object lock held. */
static gboolean
has_new_latency (GstMmioVidSrc * self, GstClockTime period)
{
  const GstClockTime last = self->latency_period;

  return GST_CLOCK_TIME_IS_VALID (period) &&
      (!GST_CLOCK_TIME_IS_VALID (last) || period > last + last / 4 ||
      period < last - last / 4);
}

/* Frames */

/* Reads a frame into @buffer; @written tells whether it is worth sending */
static gboolean
copy_frame (GstMmioVidSrc * self, GstBuffer * buffer, gboolean * written)
{
  gboolean forget;

  GST_OBJECT_LOCK (self);
  forget = self->forget;
  self->forget = FALSE;
  GST_OBJECT_UNLOCK (self);

  if (forget)
    mmio_capture_forget (self->capture);

  return gst_mmio_buffer_fill (buffer, &self->info, &self->target_format,
      self->capture, GST_ELEMENT_CAST (self), written);
}

static GstFlowReturn
wait_for_frame (GstMmioVidSrc * self, GstMmioFrameTime * frame)
{
  GstClockTimeDiff now = 0;
  GstFlowReturn ret;

  GST_OBJECT_LOCK (self);
  if (is_triggered (self)) {
    ret = gst_mmio_trigger_wait (&self->trigger, &self->timer,
        GST_ELEMENT_CAST (self), self->capture, frame);
  } else {
    ret = gst_mmio_timer_wait (&self->timer, GST_ELEMENT_CAST (self), frame,
        &now);
  }
  if (ret == GST_FLOW_OK)
    self->missed += frame->missed;
  GST_OBJECT_UNLOCK (self);

  if (ret == GST_FLOW_ERROR)
    GST_ELEMENT_ERROR (self, CORE, CLOCK,
        ("There is no clock to pace the frames by; put the element into a "
            "pipeline, and leave it its clock."), (NULL));
  else if (ret == GST_FLOW_OK)
    GST_LOG_OBJECT (self, "frame %" G_GUINT64_FORMAT " for %" GST_TIME_FORMAT
        ", at %" GST_TIME_FORMAT, frame->number, GST_TIME_ARGS (frame->pts),
        GST_TIME_ARGS (now));

  return ret;
}

/* The picture that was there when it was copied may be another one than that
 * which was waited for */
static void
skip_to_copied (GstMmioVidSrc * self, GstMmioFrameTime * frame)
{
  const guint64 missed = frame->missed;

  if (!is_triggered (self))
    return;

  GST_OBJECT_LOCK (self);
  gst_mmio_trigger_skip (&self->trigger, GST_ELEMENT_CAST (self),
      mmio_capture_take_newer (self->capture),
      gst_mmio_pacer_get_period (&self->timer.pacer), frame);
  self->missed += frame->missed - missed;
  GST_OBJECT_UNLOCK (self);
}

/* Waits for a frame and copies it; no buffer, if it is not worth sending */
static GstFlowReturn
get_copy (GstMmioVidSrc * self, GstMmioFrameTime * frame, GstBuffer ** result)
{
  GstBaseSrc *base = GST_BASE_SRC (self);
  GstBuffer *buffer = NULL;
  gboolean written = FALSE;
  GstFlowReturn ret;

  /* The buffer first: a pool that has none left makes us wait, and what is
   * captured then would be late */
  ret = GST_BASE_SRC_CLASS (gst_mmio_vid_src_parent_class)->alloc (base, 0,
      GST_VIDEO_INFO_SIZE (&self->info), &buffer);
  if (ret != GST_FLOW_OK)
    return ret;

  ret = wait_for_frame (self, frame);
  if (ret == GST_FLOW_OK && !copy_frame (self, buffer, &written))
    ret = GST_FLOW_ERROR;
  if (ret == GST_FLOW_OK)
    skip_to_copied (self, frame);
  if (!written)
    gst_clear_buffer (&buffer);

  *result = buffer;
  return ret;
}

/* Waits for a frame and wraps the BAR; no buffer, if downstream holds so many
 * that this frame is missed */
static GstFlowReturn
get_wrapped (GstMmioVidSrc * self, GstMmioFrameTime * frame,
    GstBuffer ** result)
{
  const GstFlowReturn ret = wait_for_frame (self, frame);

  if (ret != GST_FLOW_OK)
    return ret;

  *result = gst_mmio_way_wrap (self->way);

  GST_OBJECT_LOCK (self);
  if (*result) {
    self->uncopied_frames++;
  } else {
    frame->missed++;
    self->missed++;
  }
  GST_OBJECT_UNLOCK (self);

  return GST_FLOW_OK;
}

/* Waits for a frame and gets it; no buffer, if there is nothing to send */
static GstFlowReturn
get_frame (GstMmioVidSrc * self, GstBuffer ** result)
{
  GstMmioFrameTime frame;
  GstBuffer *buffer = NULL;
  GstClockTime period;
  gboolean latency_changed;
  GstFlowReturn ret;
  guint64 missed;

  if (gst_mmio_way_get_mode (self->way) == GST_MMIO_IO_MODE_COPY)
    ret = get_copy (self, &frame, &buffer);
  else
    ret = get_wrapped (self, &frame, &buffer);
  if (ret != GST_FLOW_OK)
    return ret;

  GST_OBJECT_LOCK (self);
  period = get_period (self);
  missed = self->missed;
  latency_changed = is_triggered (self) && has_new_latency (self, period);
  if (latency_changed)
    self->latency_period = period;
  GST_OBJECT_UNLOCK (self);

  if (latency_changed)
    gst_element_post_message (GST_ELEMENT_CAST (self),
        gst_message_new_latency (GST_OBJECT_CAST (self)));

  if (frame.missed > 0) {
    GST_INFO_OBJECT (self, "missed %" G_GUINT64_FORMAT " before frame %"
        G_GUINT64_FORMAT, frame.missed, frame.number);
    self->discont = TRUE;
    gst_mmio_message_post_missed (GST_ELEMENT_CAST (self), &frame, period,
        missed);
  }
  if (!buffer)
    return GST_FLOW_OK;

  GST_BUFFER_PTS (buffer) = frame.pts;
  GST_BUFFER_DTS (buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION (buffer) = period;
  GST_BUFFER_OFFSET (buffer) = frame.number;
  GST_BUFFER_OFFSET_END (buffer) = frame.number + 1;
  if (self->discont)
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
  self->discont = FALSE;

  *result = buffer;
  return GST_FLOW_OK;
}

/* Until a way is agreed upon: a frame in between would not be what its caps
 * say */
static gboolean
renegotiate (GstMmioVidSrc * self)
{
  do {
    if (!gst_base_src_negotiate (GST_BASE_SRC (self)))
      return FALSE;
  } while (gst_mmio_way_is_refused (self->way));

  return TRUE;
}

static GstFlowReturn
gst_mmio_vid_src_create (GstPushSrc * push, GstBuffer ** result)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (push);
  GstBaseSrc *base = GST_BASE_SRC (push);
  GstFlowReturn ret;

  *result = NULL;
  do {
    /* The base class looks for this between frames, but while nothing changes
     * there may be none for long */
    if (gst_pad_needs_reconfigure (base->srcpad) && !renegotiate (self))
      return GST_PAD_IS_FLUSHING (base->srcpad) ? GST_FLOW_FLUSHING :
          GST_FLOW_NOT_NEGOTIATED;

    ret = get_frame (self, result);
  } while (ret == GST_FLOW_OK && !*result);

  return ret;
}

static gboolean
gst_mmio_vid_src_unlock (GstBaseSrc * base)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);

  GST_OBJECT_LOCK (self);
  gst_mmio_timer_unlock (&self->timer);
  if (self->capture)
    mmio_capture_wake (self->capture);
  GST_OBJECT_UNLOCK (self);

  return TRUE;
}

static gboolean
gst_mmio_vid_src_unlock_stop (GstBaseSrc * base)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);

  GST_OBJECT_LOCK (self);
  /* After a flush, and not after a pause, which takes nothing from anybody */
  if (gst_mmio_timer_unlock_stop (&self->timer)) {
    self->forget = TRUE;
    gst_mmio_trigger_interrupt (&self->trigger);
  }
  GST_OBJECT_UNLOCK (self);

  return TRUE;
}

static GstStateChangeReturn
gst_mmio_vid_src_change_state (GstElement * element, GstStateChange transition)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !start (self))
    return GST_STATE_CHANGE_FAILURE;

  if (transition == GST_STATE_CHANGE_PLAYING_TO_PAUSED ||
      transition == GST_STATE_CHANGE_PAUSED_TO_PLAYING) {
    GST_OBJECT_LOCK (self);
    gst_mmio_timer_set_paused (&self->timer,
        transition == GST_STATE_CHANGE_PLAYING_TO_PAUSED);
    /* The frame before may keep the streaming thread busy until it is over */
    gst_mmio_trigger_interrupt (&self->trigger);
    if (self->capture)
      mmio_capture_wake (self->capture);
    GST_OBJECT_UNLOCK (self);
  }

  ret = GST_ELEMENT_CLASS (gst_mmio_vid_src_parent_class)->change_state
      (element, transition);

  GST_OBJECT_LOCK (self);
  gst_mmio_timer_end_change (&self->timer);
  GST_OBJECT_UNLOCK (self);

  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED &&
          ret == GST_STATE_CHANGE_FAILURE))
    stop (self);

  return ret;
}

/* An event that goes downstream does so with the next frame */
static gboolean
gst_mmio_vid_src_send_event (GstElement * element, GstEvent * event)
{
  const gboolean waits = GST_EVENT_IS_DOWNSTREAM (event) &&
      GST_EVENT_IS_SERIALIZED (event);
  const gboolean ret = GST_ELEMENT_CLASS (gst_mmio_vid_src_parent_class)
      ->send_event (element, event);

  if (ret && waits)
    send_next_frame (GST_MMIO_VID_SRC (element));

  return ret;
}

static gboolean
gst_mmio_vid_src_event (GstBaseSrc * base, GstEvent * event)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  GstClockTime latency;

  if (GST_EVENT_TYPE (event) == GST_EVENT_LATENCY) {
    gst_event_parse_latency (event, &latency);
    GST_DEBUG_OBJECT (self, "sinks may hold frames for %" GST_TIME_FORMAT,
        GST_TIME_ARGS (latency));

    GST_OBJECT_LOCK (self);
    gst_mmio_pacer_set_latency (&self->timer.pacer, latency);
    GST_OBJECT_UNLOCK (self);
  }

  return GST_BASE_SRC_CLASS (gst_mmio_vid_src_parent_class)->event (base,
      event);
}

static gboolean
query_latency (GstMmioVidSrc * self, GstQuery * query)
{
  GstClockTime period, max = GST_CLOCK_TIME_NONE;
  guint max_buffers;

  GST_OBJECT_LOCK (self);
  period = self->capture && is_triggered (self) ? self->latency_period :
      gst_mmio_pacer_get_period (&self->timer.pacer);
  max_buffers = self->max_buffers;
  GST_OBJECT_UNLOCK (self);

  if (!GST_CLOCK_TIME_IS_VALID (period)) {
    GST_DEBUG_OBJECT (self, "no latency before the frame rate is known");
    return FALSE;
  }

  /* The picture may have changed right after the last frame was read; and
   * frames may wait downstream until the pool has no more */
  if (max_buffers > 0 && period < GST_CLOCK_TIME_NONE / max_buffers)
    max = max_buffers * period;
  gst_query_set_latency (query, TRUE, period, max);
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

  gst_mmio_settings_clear (&self->settings);
  gst_structure_free (self->last_stats);
  gst_mmio_timer_clear (&self->timer);

  G_OBJECT_CLASS (gst_mmio_vid_src_parent_class)->finalize (object);
}

static void
install_properties (GObjectClass * object_class)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  gst_mmio_settings_install_properties (object_class);

  properties[PROP_STATS] = g_param_spec_boxed ("stats", "Statistics",
      "What was captured since the start: frames, missed (frames), unchanged "
      "(frames), torn (frames), bytes-read (from the BAR), copy-time "
      "(nanoseconds), io-mode, io-mode-reason, mapping, engine, engine-reason "
      "and access", GST_TYPE_STRUCTURE, flags);
  properties[PROP_DEVICE_NAME] =
      g_param_spec_string ("device-name", "Device name",
      "What the device is, in words (while it is open)", NULL, flags);
  properties[PROP_DEVICE_ADDRESS] =
      g_param_spec_string ("device-address", "Device address",
      "Full PCI address, or path, of the device (while open)", NULL, flags);

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
      "Captures the picture that a PCI device has in its memory (a BAR)",
      "The mmiovid authors");
  gst_element_class_add_pad_template (element_class,
      gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  gst_caps_unref (caps);

  element_class->change_state = gst_mmio_vid_src_change_state;
  element_class->send_event = gst_mmio_vid_src_send_event;

  base_class->get_caps = gst_mmio_vid_src_get_caps;
  base_class->negotiate = gst_mmio_vid_src_negotiate;
  base_class->fixate = gst_mmio_vid_src_fixate;
  base_class->set_caps = gst_mmio_vid_src_set_caps;
  base_class->decide_allocation = gst_mmio_vid_src_decide_allocation;
  base_class->event = gst_mmio_vid_src_event;
  base_class->query = gst_mmio_vid_src_query;
  base_class->unlock = gst_mmio_vid_src_unlock;
  base_class->unlock_stop = gst_mmio_vid_src_unlock_stop;
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
  self->last_stats = get_stats (self);
  gst_mmio_timer_init (&self->timer);

  gst_pad_add_probe (GST_BASE_SRC_PAD (self), GST_PAD_PROBE_TYPE_PUSH |
      GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, on_query, self, NULL);

  gst_base_src_set_live (GST_BASE_SRC (self), TRUE);
  gst_base_src_set_format (GST_BASE_SRC (self), GST_FORMAT_TIME);
}
