/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The element's frames: waited for, read or wrapped, stamped and counted.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiovidsrcpriv.h"

#include "gstmmiobuffer.h"
#include "gstmmiomessage.h"

#define GST_CAT_DEFAULT gst_mmio_vid_src_debug

/* Between two looks whether a device shows its picture that has counted one:
 * microseconds, a frame at 50 Hz */
#define LOOK_PAUSE 20000

/* Whatever has changed or not: somebody waits for a frame */
void
gst_mmio_frames_send_next (GstMmioVidSrc * self)
{
  GST_OBJECT_LOCK (self);
  self->forget = TRUE;
  GST_OBJECT_UNLOCK (self);
}

/* From one frame to the next: at the rate that was agreed upon, or else at the
 * device's own, as far as it is known.  With the object lock held. */
static GstClockTime
get_period (GstMmioVidSrc * self)
{
  const GstClockTime period = gst_mmio_pacer_get_period (&self->timer.pacer);

  return GST_CLOCK_TIME_IS_VALID (period) ? period : self->trigger.period;
}

/* With the object lock held */
static guint64
count_sent (GstMmioVidSrc * self)
{
  MmioCaptureStats stats;

  mmio_capture_get_stats (self->capture, &stats);
  return stats.frames + self->uncopied_frames;
}

/* Whether somebody wants frames still, who has ended a wait for one: he may have
 * meant another, before */
static gboolean
goes_on (GstMmioVidSrc * self)
{
  gboolean ret;

  GST_OBJECT_LOCK (self);
  ret = !self->timer.unlocked && !self->timer.paused;
  GST_OBJECT_UNLOCK (self);

  return ret;
}

/* Reads a frame into @buffer; @read tells whether it is worth sending */
static gboolean
copy_frame (GstMmioVidSrc * self, GstBuffer * buffer, MmioRead * read)
{
  gboolean forget;

  GST_OBJECT_LOCK (self);
  forget = self->forget;
  self->forget = FALSE;
  GST_OBJECT_UNLOCK (self);

  if (forget)
    mmio_capture_forget (self->capture);

  do {
    if (!gst_mmio_buffer_fill (buffer, &self->info, &self->target_format,
            self->capture, GST_ELEMENT_CAST (self), read))
      return FALSE;
  } while (*read == MMIO_READ_WOKEN && goes_on (self));

  return TRUE;
}

static gboolean
has_picture (MmioRead read)
{
  return read == MMIO_READ_WHOLE || read == MMIO_READ_TORN;
}

/* Wraps the picture that is complete; no buffer, if downstream holds so many
 * that this frame is missed, or there is nothing to @read */
static GstBuffer *
wrap_frame (GstMmioVidSrc * self, MmioRead * read)
{
  GstBuffer *buffer = NULL;
  guint picture;

  do {
    *read = mmio_capture_choose (self->capture, &picture);
  } while (*read == MMIO_READ_WOKEN && goes_on (self));

  if (has_picture (*read))
    buffer = gst_mmio_way_wrap (self->way, picture);
  if (buffer && *read == MMIO_READ_TORN)
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_CORRUPTED);

  return buffer;
}

static GstFlowReturn
wait_for_frame (GstMmioVidSrc * self, GstMmioFrameTime * frame)
{
  GstClockTimeDiff now = 0;
  gboolean is_stale;
  GstFlowReturn ret;

  GST_OBJECT_LOCK (self);
  is_stale = self->timer.paused || self->timer.unlocked;
  GST_OBJECT_UNLOCK (self);

  if (is_stale)
    gst_mmio_follow_drop (self);
  else if (gst_mmio_follow_take (self, frame))
    return GST_FLOW_OK;

  GST_OBJECT_LOCK (self);
  if (gst_mmio_vid_src_is_triggered (self)) {
    ret = gst_mmio_trigger_wait (&self->trigger, &self->timer,
        GST_ELEMENT_CAST (self), self->capture,
        self->follow.has_frame ? LOOK_PAUSE : 0, frame);
  } else {
    ret = gst_mmio_timer_wait (&self->timer, GST_ELEMENT_CAST (self), frame,
        &now);
  }
  if (ret == GST_FLOW_OK)
    self->missed += frame->missed;
  GST_OBJECT_UNLOCK (self);

  if (ret == GST_FLOW_OK)
    gst_mmio_follow_drop (self);

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

/* The device has gone, and this frame with it: it was due, and is missed */
static GstFlowReturn
lose_frame (GstMmioVidSrc * self, const GstMmioFrameTime * frame)
{
  gst_mmio_follow_keep (self, frame);
  return GST_MMIO_FLOW_GONE;
}

/* Waits for a frame of a device that is there */
static GstFlowReturn
wait_for_present_frame (GstMmioVidSrc * self, GstMmioFrameTime * frame)
{
  const GstFlowReturn ret = wait_for_frame (self, frame);

  return ret == GST_FLOW_OK && !mmio_capture_is_present (self->capture) ?
      lose_frame (self, frame) : ret;
}

/* The picture that was there when it was copied, or of several the one that was
 * complete, may be another one than that which was waited for */
static void
skip_to_current (GstMmioVidSrc * self, GstMmioFrameTime * frame)
{
  const guint64 missed = frame->missed;

  if (!gst_mmio_vid_src_is_triggered (self))
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
  gboolean shows_it = FALSE;
  MmioRead read;
  GstFlowReturn ret;

  /* The buffer first: a pool that has none left makes us wait, and what is
   * captured then would be late */
  ret = gst_mmio_vid_src_get_parent ()->alloc (base, 0,
      GST_VIDEO_INFO_SIZE (&self->info), &buffer);
  if (ret != GST_FLOW_OK)
    return ret;

  ret = wait_for_present_frame (self, frame);
  if (ret == GST_FLOW_OK) {
    shows_it = gst_mmio_follow_look (self);
    if (shows_it && !copy_frame (self, buffer, &read))
      ret = GST_FLOW_ERROR;
    else if (shows_it && read == MMIO_READ_GONE)
      ret = lose_frame (self, frame);
  }
  if (ret == GST_FLOW_OK) {
    skip_to_current (self, frame);
    /* A pause that ends the wait for a picture ends this frame, not its count */
    if (!shows_it || read == MMIO_READ_WOKEN)
      gst_mmio_follow_keep (self, frame);
    else if (read == MMIO_READ_OUTDATED)
      gst_mmio_follow_retry (self, frame);
  }
  if (ret != GST_FLOW_OK || !shows_it || !has_picture (read))
    gst_clear_buffer (&buffer);

  *result = buffer;
  return ret;
}

/* Waits for a frame and wraps the BAR; no buffer, if downstream holds so many
 * that this frame is missed, or there is none */
static GstFlowReturn
get_wrapped (GstMmioVidSrc * self, GstMmioFrameTime * frame,
    GstBuffer ** result)
{
  const GstFlowReturn ret = wait_for_present_frame (self, frame);
  gboolean missed;
  MmioRead read;

  if (ret != GST_FLOW_OK)
    return ret;

  if (!gst_mmio_follow_look (self)) {
    gst_mmio_follow_keep (self, frame);
    return GST_FLOW_OK;
  }

  *result = wrap_frame (self, &read);
  if (read == MMIO_READ_GONE)
    return lose_frame (self, frame);

  skip_to_current (self, frame);
  if (read == MMIO_READ_WOKEN) {
    gst_mmio_follow_keep (self, frame);
    return GST_FLOW_OK;
  }
  missed = *result == NULL;

  GST_OBJECT_LOCK (self);
  self->uncopied_frames += *result != NULL;
  self->missed += missed;
  GST_OBJECT_UNLOCK (self);
  frame->missed += missed;

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
  guint64 sent, missed;

  if (gst_mmio_way_get_mode (self->way) == GST_MMIO_IO_MODE_COPY)
    ret = get_copy (self, &frame, &buffer);
  else
    ret = get_wrapped (self, &frame, &buffer);
  if (ret == GST_MMIO_FLOW_NO_FRAME)
    gst_mmio_follow_look (self);
  if (ret != GST_FLOW_OK)
    return ret;

  /* It may come later */
  if (self->follow.has_frame)
    return GST_FLOW_OK;
  gst_mmio_follow_find (self, &frame);
  gst_mmio_tears_look (&self->tears, GST_ELEMENT_CAST (self), self->capture);

  GST_OBJECT_LOCK (self);
  period = get_period (self);
  sent = count_sent (self);
  missed = self->missed;
  latency_changed = gst_mmio_vid_src_is_triggered (self)
      && gst_mmio_trigger_update_delay (&self->trigger);
  GST_OBJECT_UNLOCK (self);

  if (latency_changed)
    gst_element_post_message (GST_ELEMENT_CAST (self),
        gst_message_new_latency (GST_OBJECT_CAST (self)));

  if (frame.missed > 0) {
    GST_INFO_OBJECT (self, "missed %" G_GUINT64_FORMAT " before frame %"
        G_GUINT64_FORMAT, frame.missed, frame.number);
    self->discont = TRUE;
    gst_mmio_message_post_missed (GST_ELEMENT_CAST (self), &frame, period,
        sent, missed);
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

/* Sees to what comes before a frame, and gets it */
static GstFlowReturn
create_once (GstMmioVidSrc * self, GstBuffer ** result)
{
  GstPad *pad = GST_BASE_SRC_PAD (self);
  const GstFlowReturn ret = gst_mmio_follow_renew (self);

  if (ret != GST_FLOW_OK)
    return ret;

  /* The base class looks for this between frames, but while nothing changes
   * there may be none for long */
  if (gst_pad_needs_reconfigure (pad) && !renegotiate (self))
    return GST_PAD_IS_FLUSHING (pad) ? GST_FLOW_FLUSHING :
        GST_FLOW_NOT_NEGOTIATED;

  return get_frame (self, result);
}

/* Until there is a frame to send */
static GstFlowReturn
create (GstMmioVidSrc * self, GstBuffer ** result)
{
  gboolean doubtful = self->reconnect.is_away;
  GstFlowReturn ret;

  do {
    /* Each frame is looked at by whoever reads it */
    if (doubtful && !mmio_capture_is_present (self->capture))
      ret = GST_MMIO_FLOW_GONE;
    else
      ret = create_once (self, result);

    doubtful = ret == GST_MMIO_FLOW_NO_FRAME;
    if (ret == GST_MMIO_FLOW_GONE)
      ret = gst_mmio_reconnect (self);
  } while ((ret == GST_FLOW_OK && !*result) || ret == GST_MMIO_FLOW_NO_FRAME);

  return ret;
}

static GstFlowReturn
gst_mmio_frames_create (GstPushSrc * push, GstBuffer ** result)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (push);
  GstFlowReturn ret;

  *result = NULL;
  ret = create (self, result);
  /* Whatever comes after this, it is not for those who wait now */
  if (ret != GST_FLOW_OK)
    gst_mmio_follow_drop (self);

  return ret;
}

/* Takes over the frames of the class */
void
gst_mmio_frames_init_class (GstPushSrcClass * klass)
{
  klass->create = gst_mmio_frames_create;
}
