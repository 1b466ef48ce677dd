/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The streaming thread: takes frames out of the queue, and stops for flushes.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiovidsrcpriv.h"

#include "base/mmioerror.h"
#include "gstmmiomessage.h"

#define GST_CAT_DEFAULT gst_mmio_vid_src_debug

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

/* Sets the virtual methods of the streaming thread */
void
gst_mmio_vid_src_init_stream_class (GstPushSrcClass * klass)
{
  GstBaseSrcClass *base_class = GST_BASE_SRC_CLASS (klass);

  base_class->unlock = gst_mmio_vid_src_unlock;
  base_class->unlock_stop = gst_mmio_vid_src_unlock_stop;
  klass->create = gst_mmio_vid_src_create;
}
