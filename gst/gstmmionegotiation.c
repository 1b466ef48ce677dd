/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Negotiation with downstream: caps, I/O mode and buffer pool.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiovidsrcpriv.h"

#include "gstmmiocaps.h"
#include "gstmmioenums.h"
#include "gstmmioformat.h"
#include "gstmmiomessage.h"
#include "gstmmiopool.h"
#include "gstmmiodmabuf.h"

#define GST_CAT_DEFAULT gst_mmio_vid_src_debug

/* The main use of the element is Full HD at 50 Hz */
#define PREFERRED_FPS_N 50
#define PREFERRED_FPS_D 1

/* Microseconds. The capture thread parks at once, unless it reads a frame from a
 * slow bus, or a pool waits in spite of GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT. */
#define PARK_TIME (200 * G_TIME_SPAN_MILLISECOND)

/* A device that starts the frames has any rate */
static void
set_rates (GstMmioVidSrc * self, GstCaps * caps)
{
  if (gst_mmio_vid_src_is_device_synced (self))
    gst_caps_set_simple (caps, "framerate", GST_TYPE_FRACTION_RANGE, 0, 1,
        GST_MMIO_CAPS_MAX_RATE, 1, NULL);
}

static GstCaps *
gst_mmio_negotiation_get_caps (GstBaseSrc * base, GstCaps * filter)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  GstCaps *caps, *filtered;

  GST_OBJECT_LOCK (self);
  caps = self->io ? gst_mmio_io_get_caps (self->io) : NULL;
  if (caps)
    set_rates (self, caps);
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

/* Returns: whether downstream accepts a variable rate */
static gboolean
takes_variable_rate (const GstStructure * s)
{
  const GValue *rate = gst_structure_get_value (s, "framerate");
  g_auto (GValue) variable = G_VALUE_INIT;

  g_value_init (&variable, GST_TYPE_FRACTION);
  gst_value_set_fraction (&variable, 0, 1);
  return gst_value_intersect (NULL, rate, &variable);
}

/* Gets the rate of the device. Returns: FALSE if it is unknown */
static gboolean
get_device_rate (GstMmioVidSrc * self, gint * fps_n, gint * fps_d)
{
  GstClockTime period;

  GST_OBJECT_LOCK (self);
  period = self->device_period;
  GST_OBJECT_UNLOCK (self);

  return GST_CLOCK_TIME_IS_VALID (period) && period > 0 &&
      gst_video_guess_framerate (period, fps_n, fps_d);
}

static void
fixate_framerate (GstMmioVidSrc * self, GstStructure * s)
{
  gint fps_n = PREFERRED_FPS_N, fps_d = PREFERRED_FPS_D;

  if (!gst_structure_has_field (s, "framerate"))
    return;

  if (self->capture && gst_mmio_vid_src_is_device_synced (self)) {
    if (takes_variable_rate (s)) {
      gst_structure_set (s, "framerate", GST_TYPE_FRACTION, 0, 1, NULL);
      return;
    }
    get_device_rate (self, &fps_n, &fps_d);
  }
  gst_structure_fixate_field_nearest_fraction (s, "framerate", fps_n, fps_d);
}

static void
prefer_string (GstStructure * s, const gchar * field, const gchar * value)
{
  if (gst_structure_has_field (s, field))
    gst_structure_fixate_field_string (s, field, value);
}

/* Fixates the colorimetry that format and size imply, instead of the first one
 * of a list */
static void
fixate_colors (GstMmioVidSrc * self, GstStructure * s)
{
  const MmioLayout *layout = &mmio_capture_get_info (self->capture)->layout;
  const gchar *name = gst_structure_get_string (s, "format");
  g_autofree gchar *colorimetry = NULL;
  GstVideoInfo info;

  prefer_string (s, "multiview-mode", "mono");

  /* The caps of a dma-buf do not name the format, which is that of the frame */
  if (!name || g_str_equal (name, "DMA_DRM"))
    name = layout->format.name;
  if (!gst_video_info_set_format (&info, gst_video_format_from_string (name),
          layout->width, layout->height))
    return;

  colorimetry = gst_video_colorimetry_to_string (&info.colorimetry);
  if (colorimetry)
    prefer_string (s, "colorimetry", colorimetry);
}

static GstCaps *
gst_mmio_negotiation_fixate (GstBaseSrc * base, GstCaps * caps)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  GstStructure *structure;

  caps = gst_mmio_caps_prefer_dma_buf (caps);
  structure = gst_caps_get_structure (caps, 0);
  fixate_framerate (self, structure);
  if (self->capture)
    fixate_colors (self, structure);

  return gst_mmio_vid_src_get_parent ()->fixate (base, caps);
}

/* Negotiates caps as the base class does. In addition, intersects the answer of
 * the peer with the offer: some elements ignore the filter, and some accept ANY. */
static gboolean
negotiate_caps (GstBaseSrc * base, GstCaps * offered)
{
  GstPad *pad = GST_BASE_SRC_PAD (base);
  g_autoptr (GstCaps) answer = gst_pad_peer_query_caps (pad, offered);
  g_autoptr (GstCaps) caps =
      gst_caps_intersect_full (answer, offered, GST_CAPS_INTERSECT_FIRST);

  if (gst_caps_is_empty (caps)) {
    GST_INFO_OBJECT (base, "offered %" GST_PTR_FORMAT ", downstream answered %"
        GST_PTR_FORMAT, offered, answer);
    return FALSE;
  }

  caps = gst_mmio_negotiation_fixate (base, caps);
  return gst_base_src_set_caps (base, caps);
}

/* Returns: whether only the frame rate of sent dma-bufs has changed. Then
 * on_query() drops the ALLOCATION query, as the ring of memories stays. */
static gboolean
changes_only_rate (GstMmioVidSrc * self, GstCaps * before, GstCaps * downstream)
{
  g_autoptr (GstCaps) now = gst_pad_get_current_caps (GST_BASE_SRC_PAD (self));

  return gst_mmio_io_get_mode (self->io) == GST_MMIO_IO_MODE_DMABUF &&
      before && now && !gst_caps_is_equal (before, now) &&
      gst_mmio_caps_equal_but_rate (before, now) &&
      self->downstream && downstream &&
      gst_mmio_caps_equal_but_rate (self->downstream, downstream);
}

/* At an ALLOCATION query, kmssink copies the frame that it shows, with plain
 * loads from the BAR, so that it can return the buffer. GstBaseSrc sends the
 * query in each negotiation, before decide_allocation(), and calls no virtual
 * method in between. So a probe on the element's pad drops it. The base class
 * treats that as a peer without an answer. */
static GstPadProbeReturn
on_query (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  const GstMmioVidSrc *self = user_data;

  return self->keeps_allocation &&
      GST_QUERY_TYPE (GST_PAD_PROBE_INFO_QUERY (info)) ==
      GST_QUERY_ALLOCATION ? GST_PAD_PROBE_DROP : GST_PAD_PROBE_OK;
}

/* Exports the frames when downstream names dma-bufs.
 * Locking: called without the object lock, as an export takes long. */
static void
export_frames (GstMmioVidSrc * self, GstCaps * downstream)
{
  GstMmioExport *export;

  if (!gst_mmio_io_needs_export (self->io, downstream))
    return;

  export = gst_mmio_export_try (self->capture);
  GST_OBJECT_LOCK (self);
  export = gst_mmio_io_swap_export (self->io, export);
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&export, gst_mmio_export_free);
}

static gboolean is_refused (GstPad * pad, const GstCaps * sent);

/* Returns: whether an element behind @pad has rejected the caps that @pad has
 * accepted. It is unknown if another thread passes them on. */
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

/*
 * Checks whether downstream has accepted the caps that @pad has sent, as far as
 * this thread can know.
 *
 * Sinks that name memory:DMABuf may still reject the caps of a dma-buf: only the
 * CAPS event shows whether their display supports the modifier, size or format. The
 * element can fall back to copies if it detects the rejection before it sends a
 * frame. GStreamer does not report it: gst_pad_push_event(), and so
 * gst_base_src_set_caps(), ignores the result of a CAPS event. The next buffer
 * fails with not-negotiated, which ends the stream.
 *
 * - An ACCEPT_CAPS query does not help: it compares with the caps that a sink
 * names.
 * - A serialized event after the caps returns the rejection. But each rejecting
 * element handles the CAPS event once more, and posts its error twice.
 * - The caps of the pads show the rejection: a pad does not store rejected caps.
 * The peer of the element is not enough: bins (autovideosink) and capsfilters store
 * the caps that they pass on to a sink.
 *
 * So this function compares the caps of the pads. It only reads, follows only pads
 * that have the same caps, and stops at a thread of another element.
 */
static gboolean
has_accepted_caps (GstPad * pad)
{
  g_autoptr (GstCaps) sent = gst_pad_get_current_caps (pad);

  return !sent || !is_refused (pad, sent);
}

/* Negotiates the offer of @self with the current downstream */
static gboolean
negotiate (GstMmioVidSrc * self)
{
  GstBaseSrc *base = GST_BASE_SRC (self);
  g_autoptr (GstCaps) downstream =
      gst_pad_peer_query_caps (GST_BASE_SRC_PAD (base), NULL);
  g_autoptr (GstCaps) before =
      gst_pad_get_current_caps (GST_BASE_SRC_PAD (base));
  g_autoptr (GstCaps) offered = NULL;
  gboolean ret;

  export_frames (self, downstream);
  GST_OBJECT_LOCK (self);
  gst_mmio_io_begin (self->io, downstream);
  offered = gst_mmio_io_get_offer (self->io);
  set_rates (self, offered);
  GST_OBJECT_UNLOCK (self);

  ret = negotiate_caps (base, offered);
  /* Rejected caps of copies fail in the usual sequence */
  if (ret && self->is_dma_buf)
    ret = has_accepted_caps (GST_BASE_SRC_PAD (base));

  self->keeps_allocation = ret && changes_only_rate (self, before, downstream);
  gst_caps_replace (&self->downstream, downstream);

  return ret;
}

/* Returns: whether to negotiate again without dma-bufs */
static gboolean
can_step_down (GstMmioVidSrc * self)
{
  gboolean ret;

  if (GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (self)))
    return FALSE;

  GST_OBJECT_LOCK (self);
  ret = gst_mmio_io_refuse (self->io, "Downstream has dma-bufs in its caps, "
      "but rejects them.");
  GST_OBJECT_UNLOCK (self);

  return ret;
}

/* Holds the capture thread until create(), when buffers are negotiated too. A
 * pool that waits in spite of the flag may wait for a buffer in the queue, which
 * is not popped now; so it is set flushing. */
static void
park (GstMmioVidSrc * self)
{
  g_autoptr (GstBufferPool) pool = NULL;

  gst_mmio_capture_loop_hold (self, GST_MMIO_HOLD_NEGOTIATION);
  if (gst_mmio_capture_thread_wait_parked (&self->thread, PARK_TIME))
    return;

  pool = gst_base_src_get_buffer_pool (GST_BASE_SRC (self));
  if (pool)
    gst_buffer_pool_set_flushing (pool, TRUE);
  gst_mmio_capture_thread_wait_parked (&self->thread, -1);
  if (pool)
    gst_buffer_pool_set_flushing (pool, FALSE);
}

static gboolean
gst_mmio_negotiation_negotiate (GstBaseSrc * base)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  gboolean failed;

  /* The pad may have been activated without a state change of the element */
  if (!self->capture)
    return FALSE;

  park (self);

  if (!negotiate (self) && !(can_step_down (self) && negotiate (self))) {
    if (!GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (base)))
      gst_mmio_message_post_no_caps (GST_ELEMENT_CAST (self),
          GST_BASE_SRC_PAD (base), self->capture, self->io);
    return FALSE;
  }

  /* The consumer may be a new one, even with the same caps */
  GST_OBJECT_LOCK (self);
  self->forget = TRUE;
  failed = self->failure != NULL;
  GST_OBJECT_UNLOCK (self);

  gst_mmio_frame_queue_set_closed (&self->queue, failed);
  gst_mmio_capture_thread_release (&self->thread, GST_MMIO_HOLD_CHANGE);
  /* A flush may clear a failure before the capture thread holds itself for it */
  if (!failed)
    gst_mmio_capture_thread_release (&self->thread, GST_MMIO_HOLD_FAILURE);
  return TRUE;
}

/* Discards the queue, as its frames do not match the negotiation. A new frame is
 * captured instead of the newest one. The capture thread is parked. */
static void
discard_queue (GstMmioVidSrc * self)
{
  GstMmioFrame newest;

  if (!gst_mmio_frame_queue_discard (&self->queue, &newest))
    return;

  self->is_discont |= newest.is_discont;

  if (self->device.has_pending) {
    gst_mmio_frame_queue_add_missed (&self->queue, 1);
    return;
  }
  if (gst_mmio_vid_src_is_device_synced (self))
    gst_mmio_device_sync_update (&self->sync, &newest.time);
  gst_mmio_device_state_keep (self, &newest.time);
}

static gboolean
gst_mmio_negotiation_set_caps (GstBaseSrc * base, GstCaps * caps)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  const MmioLayout *layout = &mmio_capture_get_info (self->capture)->layout;
  GstClockTime period;
  gboolean is_dma_buf;
  MmioFormat format;
  GstVideoInfo info;

  if (!gst_mmio_caps_parse (caps, &info, &is_dma_buf) ||
      !gst_mmio_format_from_video (&format, GST_VIDEO_INFO_FORMAT (&info)) ||
      !mmio_frame_copy_can_convert (layout, &format) ||
      GST_VIDEO_INFO_WIDTH (&info) != (gint) layout->width ||
      GST_VIDEO_INFO_HEIGHT (&info) != (gint) layout->height ||
      (GST_VIDEO_INFO_FPS_N (&info) <= 0
          && !gst_mmio_vid_src_is_device_synced (self))) {
    GST_ERROR_OBJECT (self, "cannot send %" GST_PTR_FORMAT, caps);
    return FALSE;
  }

  self->info = info;
  self->target_format = format;
  self->is_dma_buf = is_dma_buf;

  gst_mmio_pacer_set_rate (&self->pacer, GST_VIDEO_INFO_FPS_N (&info),
      GST_VIDEO_INFO_FPS_D (&info));
  period = gst_mmio_pacer_get_period (&self->pacer);

  GST_OBJECT_LOCK (self);
  self->latency_changed |= self->period != period;
  self->period = period;
  GST_OBJECT_UNLOCK (self);

  /* The base class sends these caps before the next frame */
  discard_queue (self);
  return TRUE;
}

/* Queued frames are of the previous allocation, and need a video meta for their
 * strides. A consumer that does not support video metas may not get them. */
static void
check_queue (GstMmioVidSrc * self, GstQuery * query)
{
  const gboolean has_video_meta = gst_query_find_allocation_meta (query,
      GST_VIDEO_META_API_TYPE, NULL);

  if (self->has_video_meta && !has_video_meta)
    discard_queue (self);
  self->has_video_meta = has_video_meta;
}

/* Selects the I/O mode, and posts it if its reason has changed. @again: (out):
 * whether to negotiate again */
static gboolean
select_io_mode (GstMmioVidSrc * self, GstQuery * query, gboolean * again)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL;
  gboolean ret, is_new;

  GST_OBJECT_LOCK (self);
  before = g_strdup (gst_mmio_io_get_reason (self->io));
  ret =
      gst_mmio_io_select_mode (self->io, query, self->is_dma_buf, again,
      &error);
  is_new = g_strcmp0 (before, gst_mmio_io_get_reason (self->io)) != 0;
  GST_OBJECT_UNLOCK (self);

  if (!ret)
    gst_mmio_message_post_error (GST_ELEMENT_CAST (self), error);
  else if (is_new)
    gst_mmio_message_post_io_mode (GST_ELEMENT_CAST (self), self->io);

  return ret;
}

static gboolean
gst_mmio_negotiation_decide_allocation (GstBaseSrc * base, GstQuery * query)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (base);
  gboolean latency_changed, copies, again = FALSE;
  GstClockTime latency;
  guint max_buffers = 0, max_frames = GST_MMIO_FRAME_QUEUE_MAX;

  if (!self->keeps_allocation && !select_io_mode (self, query, &again))
    return FALSE;

  /* Negotiates again with less to offer, before the next frame */
  if (again) {
    gst_mmio_pool_remove_all (query);
    gst_pad_mark_reconfigure (GST_BASE_SRC_PAD (base));
    return TRUE;
  }

  if (!self->keeps_allocation)
    check_queue (self, query);

  copies = gst_mmio_io_get_mode (self->io) == GST_MMIO_IO_MODE_COPY;
  if (!copies) {
    gst_mmio_pool_remove_all (query);
    /* A mapping has no buffer limit */
    max_buffers = gst_mmio_io_get_mode (self->io) ==
        GST_MMIO_IO_MODE_DMABUF ? GST_MMIO_RING_MAX : 0;
  } else if (!gst_mmio_pool_decide (query, &self->info, &max_buffers)) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
        ("Cannot allocate buffers for a %dx%d frame: no buffer pool accepts "
            "the size. Reduce width or height.",
            GST_VIDEO_INFO_WIDTH (&self->info),
            GST_VIDEO_INFO_HEIGHT (&self->info)), ("%" GST_PTR_FORMAT, query));
    return FALSE;
  }

  GST_INFO_OBJECT (self, "%s: %s; %" GST_PTR_FORMAT,
      gst_mmio_enum_get_nick (GST_TYPE_MMIO_IO_MODE,
          gst_mmio_io_get_mode (self->io)),
      gst_mmio_io_get_reason (self->io), query);

  if (copies)
    max_frames = CLAMP (GST_MMIO_FRAME_QUEUE_MAX_BYTES /
        GST_VIDEO_INFO_SIZE (&self->info), 2, GST_MMIO_FRAME_QUEUE_MAX);

  GST_OBJECT_LOCK (self);
  latency = gst_mmio_latency_get (&self->latency);
  if (copies != self->copies)
    gst_mmio_vid_src_estimate_latency (self, copies);
  latency_changed = self->latency_changed || max_buffers != self->max_buffers ||
      max_frames != self->max_frames ||
      latency != gst_mmio_latency_get (&self->latency);
  self->latency_changed = FALSE;
  self->max_buffers = max_buffers;
  self->max_frames = max_frames;
  if (latency_changed)
    self->posted_period = gst_mmio_vid_src_get_period (self);
  GST_OBJECT_UNLOCK (self);

  if (latency_changed)
    gst_element_post_message (GST_ELEMENT_CAST (self),
        gst_message_new_latency (GST_OBJECT_CAST (self)));

  return TRUE;
}

/* Negotiates until an I/O mode is selected: a frame before that would not match
 * its caps. Called by the streaming thread. */
gboolean
gst_mmio_negotiation_renew (GstMmioVidSrc * self)
{
  do {
    if (!gst_base_src_negotiate (GST_BASE_SRC (self)))
      return FALSE;
  } while (gst_mmio_io_is_refused (self->io));

  return TRUE;
}

/* Installs the virtual methods of the negotiation */
void
gst_mmio_negotiation_init_class (GstBaseSrcClass * klass)
{
  klass->get_caps = gst_mmio_negotiation_get_caps;
  klass->negotiate = gst_mmio_negotiation_negotiate;
  klass->fixate = gst_mmio_negotiation_fixate;
  klass->set_caps = gst_mmio_negotiation_set_caps;
  klass->decide_allocation = gst_mmio_negotiation_decide_allocation;
}

/* Prepares the pad of a new element */
void
gst_mmio_negotiation_init (GstMmioVidSrc * self)
{
  gst_pad_add_probe (GST_BASE_SRC_PAD (self), GST_PAD_PROBE_TYPE_PUSH |
      GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, on_query, self, NULL);
}
