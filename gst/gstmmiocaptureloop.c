/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The capture loop: prepares, waits, reads a frame, stamps it, and pushes it to the
 * queue.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiovidsrcpriv.h"

#include "gstmmiobuffer.h"

#define GST_CAT_DEFAULT gst_mmio_vid_src_debug

/* Assumed while the latency of the pipeline is unknown: more than pipelines
 * usually have */
#define UNKNOWN_LATENCY (GST_SECOND / 2)

/* Stops the capture with @error (transfer full). The streaming thread posts it
 * after it has sent the frames in the queue. Returns: %GST_MMIO_STEP_FAILED */
GstMmioStep
gst_mmio_capture_loop_fail (GstMmioVidSrc * self, GError * error)
{
  gst_mmio_device_state_drop (self);

  GST_OBJECT_LOCK (self);
  g_clear_error (&self->failure);
  self->failure = error;
  GST_OBJECT_UNLOCK (self);

  gst_mmio_capture_thread_hold (&self->thread, GST_MMIO_HOLD_FAILURE);
  gst_mmio_frame_queue_set_closed (&self->queue, TRUE);
  return GST_MMIO_STEP_FAILED;
}

/* If downstream wants to negotiate, keeps @frame, holds the capture thread and
 * wakes the streaming thread, which negotiates before the frame is read.
 * Returns: whether downstream wants to negotiate */
static gboolean
request_negotiation (GstMmioVidSrc * self, const GstMmioFrameTime * frame)
{
  if (!gst_pad_needs_reconfigure (GST_BASE_SRC_PAD (self)))
    return FALSE;

  gst_mmio_device_state_keep (self, frame);
  gst_mmio_capture_thread_hold (&self->thread, GST_MMIO_HOLD_NEGOTIATION);
  gst_mmio_frame_queue_wake (&self->queue);
  return TRUE;
}

/* Read */

/* Acquires a buffer of the pool without waiting for downstream. If the pool is
 * empty, takes the buffer of the oldest frame in the queue. @buffer: (out): NULL
 * if downstream holds all buffers; then the frame is missed. Returns:
 * %GST_MMIO_STEP_AGAIN if the pool is flushing */
static GstMmioStep
acquire_buffer (GstMmioVidSrc * self, GstBuffer ** buffer)
{
  GstBufferPoolAcquireParams params = {
    .flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT
  };
  GstBufferPool *pool = gst_base_src_get_buffer_pool (GST_BASE_SRC (self));
  GstFlowReturn ret = GST_FLOW_FLUSHING;

  *buffer = NULL;
  while (pool) {
    ret = gst_buffer_pool_acquire_buffer (pool, buffer, &params);
    if (ret != GST_FLOW_EOS ||
        !gst_mmio_frame_queue_drop_oldest (&self->queue, pool))
      break;
    /* Downstream does not get the dropped frame, so all rows of the next one
     * count as changed */
    mmio_capture_forget (self->capture);
  }
  gst_clear_object (&pool);

  if (ret == GST_FLOW_OK || ret == GST_FLOW_EOS)
    return GST_MMIO_STEP_DONE;
  if (ret == GST_FLOW_FLUSHING)
    return GST_MMIO_STEP_AGAIN;

  return gst_mmio_capture_loop_fail (self, g_error_new (GST_RESOURCE_ERROR,
          GST_RESOURCE_ERROR_NO_SPACE_LEFT, "Cannot allocate a buffer for a "
          "%dx%d frame: the buffer pool returned %s. Reduce width or height.",
          GST_VIDEO_INFO_WIDTH (&self->info),
          GST_VIDEO_INFO_HEIGHT (&self->info), gst_flow_get_name (ret)));
}

static GstMmioStep
copy_frame (GstMmioVidSrc * self, GstBuffer ** buffer, MmioRead * read)
{
  const GstMmioStep step = acquire_buffer (self, buffer);
  GError *error = NULL;
  gboolean forget;

  *read = MMIO_READ_UNCHANGED;
  if (step != GST_MMIO_STEP_DONE || !*buffer)
    return step;

  GST_OBJECT_LOCK (self);
  forget = self->forget;
  self->forget = FALSE;
  GST_OBJECT_UNLOCK (self);

  if (forget)
    mmio_capture_forget (self->capture);

  do {
    if (!gst_mmio_buffer_fill (*buffer, &self->info, &self->target_format,
            self->capture, read, &error)) {
      gst_clear_buffer (buffer);
      return gst_mmio_capture_loop_fail (self, error);
    }
  } while (*read == MMIO_READ_WOKEN &&
      !gst_mmio_capture_thread_is_woken (&self->thread));

  return GST_MMIO_STEP_DONE;
}

/* Wraps the frame without a copy. If all memories are in use, drops the oldest
 * frame in the queue to get its memory. */
static void
wrap_frame (GstMmioVidSrc * self, GstBuffer ** buffer, MmioRead * read)
{
  guint slot;

  do {
    *read = mmio_capture_choose (self->capture, &slot);
  } while (*read == MMIO_READ_WOKEN &&
      !gst_mmio_capture_thread_is_woken (&self->thread));

  if (*read != MMIO_READ_WHOLE && *read != MMIO_READ_TORN)
    return;

  do {
    *buffer = gst_mmio_io_wrap (self->io, slot);
  } while (!*buffer && gst_mmio_frame_queue_drop_oldest (&self->queue, NULL));

  if (*buffer && *read == MMIO_READ_TORN)
    GST_BUFFER_FLAG_SET (*buffer, GST_BUFFER_FLAG_CORRUPTED);
}

/* Moves @frame to the frame that was read, which may be newer than the frame
 * that was waited for */
static void
skip_to_current (GstMmioVidSrc * self, GstMmioFrameTime * frame)
{
  const guint64 newer = mmio_capture_take_newer (self->capture);
  GstClockTimeDiff now;

  if (newer == 0 || !gst_mmio_frame_wait_get_now (self, &now))
    return;

  gst_mmio_device_sync_skip (&self->sync, newer, MAX (now, 0),
      self->device_period, gst_mmio_pacer_get_period (&self->pacer), frame);
  gst_mmio_frame_wait_count_missed (self, frame);
}

/* Reads @frame. @buffer: (out): the frame, after %GST_MMIO_STEP_DONE */
static GstMmioStep
read_frame (GstMmioVidSrc * self, GstMmioFrameTime * frame, GstBuffer ** buffer)
{
  const gboolean copies =
      gst_mmio_io_get_mode (self->io) == GST_MMIO_IO_MODE_COPY;
  GstMmioStep step = GST_MMIO_STEP_DONE;
  MmioRead read;

  *buffer = NULL;
  if (request_negotiation (self, frame))
    return GST_MMIO_STEP_AGAIN;
  if (!gst_mmio_device_state_poll (self)) {
    gst_mmio_device_state_keep (self, frame);
    /* Registers of a device that is being removed may read as another mode */
    return mmio_capture_check_present (self->capture) ? GST_MMIO_STEP_AGAIN :
        GST_MMIO_STEP_GONE;
  }

  if (copies)
    step = copy_frame (self, buffer, &read);
  else
    wrap_frame (self, buffer, &read);
  if (step == GST_MMIO_STEP_AGAIN) {
    gst_mmio_device_state_keep (self, frame);
    gst_mmio_capture_thread_sleep (&self->thread, GST_MMIO_PENDING_PAUSE);
  }
  if (step != GST_MMIO_STEP_DONE)
    return step;

  if (gst_mmio_vid_src_is_device_synced (self) && read != MMIO_READ_GONE)
    skip_to_current (self, frame);

  switch (read) {
    case MMIO_READ_WHOLE:
    case MMIO_READ_TORN:
      gst_mmio_device_state_note_frame (self, read == MMIO_READ_TORN);
      break;
    case MMIO_READ_UNCHANGED:
      if (*buffer)
        gst_mmio_device_state_note_frame (self, FALSE);
      break;
    case MMIO_READ_WOKEN:
      gst_mmio_device_state_keep (self, frame);
      break;
    case MMIO_READ_OUTDATED:
      gst_mmio_device_state_retry (self, frame);
      break;
    case MMIO_READ_GONE:
      gst_mmio_device_state_keep (self, frame);
      step = GST_MMIO_STEP_GONE;
      break;
  }

  if (!*buffer && (read == MMIO_READ_WHOLE || read == MMIO_READ_TORN ||
          read == MMIO_READ_UNCHANGED))
    gst_mmio_frame_queue_add_missed (&self->queue, 1);
  if (*buffer && read != MMIO_READ_WHOLE && read != MMIO_READ_TORN)
    gst_clear_buffer (buffer);

  return step != GST_MMIO_STEP_DONE || *buffer ? step : GST_MMIO_STEP_AGAIN;
}

/* Stamp */

static void
stamp_frame (GstMmioVidSrc * self, const GstMmioFrameTime * frame,
    GstBuffer * buffer)
{
  GstClockTime duration = frame->duration;

  if (!GST_CLOCK_TIME_IS_VALID (duration)) {
    GST_OBJECT_LOCK (self);
    duration = gst_mmio_vid_src_get_period (self);
    GST_OBJECT_UNLOCK (self);
  }

  GST_BUFFER_PTS (buffer) = frame->pts;
  GST_BUFFER_DTS (buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION (buffer) = duration;
  GST_BUFFER_OFFSET (buffer) = frame->number;
  GST_BUFFER_OFFSET_END (buffer) = frame->number + 1;
}

/* Into the queue */

/* Returns: the number of frames that the queue may hold: the latency of the
 * pipeline, for which a sink holds the streaming thread, and two more, which are
 * being pushed and popped */
static guint
get_capacity (GstMmioVidSrc * self)
{
  GstClockTime latency, period;
  gboolean is_starting;
  guint size, most;

  GST_OBJECT_LOCK (self);
  size = gst_mmio_settings_get_queue_size (&self->settings);
  most = self->max_frames;
  is_starting = self->sent <= 1;
  period = gst_mmio_vid_src_get_period (self);
  latency = self->configured_latency;
  GST_OBJECT_UNLOCK (self);

  if (size > 0)
    return size;
  if (!GST_CLOCK_TIME_IS_VALID (period) || period == 0)
    return MIN (most, GST_MMIO_FRAME_QUEUE_DEFAULT);
  /* A sink may keep the first frame until all other sinks have one. Afterwards
   * the latency may be another one. */
  if (!GST_CLOCK_TIME_IS_VALID (latency))
    latency = UNKNOWN_LATENCY;
  else if (is_starting)
    latency = MAX (latency, UNKNOWN_LATENCY);

  return MIN (latency / period + (latency % period != 0) + 2, most);
}

static void
queue_frame (GstMmioVidSrc * self, const GstMmioFrameTime * time,
    GstBuffer * buffer, guint epoch)
{
  GstMmioFrame frame = {.buffer = buffer,.time = *time,.is_discont =
        self->is_discont
  };

  self->is_discont = FALSE;
  gst_mmio_vid_src_measure_latency (self, time);
  if (gst_mmio_frame_queue_push (&self->queue, &frame, get_capacity (self),
          epoch))
    return;

  /* Downstream does not get this frame, so all rows of the next one count as
   * changed */
  mmio_capture_forget (self->capture);
  self->is_discont = frame.is_discont;
}

/* The loop */

static void
handle_events (GstMmioVidSrc * self, guint events)
{
  if (events & (GST_MMIO_EVENT_PAUSE | GST_MMIO_EVENT_FLUSH)) {
    /* Frames until the next wait are not missed. A pending frame would have been
     * flushed, so it is not missed either. */
    if (events & GST_MMIO_EVENT_FLUSH)
      self->device.has_pending = FALSE;
    gst_mmio_device_state_drop (self);
    gst_mmio_pacer_set_discont (&self->pacer);
    gst_mmio_device_sync_set_discont (&self->sync);
    self->device.last_count = 0;
  }
}

/* Checks whether the streaming thread takes frames. If downstream flushes and
 * the element does not, the task of the pad pauses without a call to the
 * element. */
static gboolean
is_streaming (GstMmioVidSrc * self)
{
  GstPad *pad = GST_BASE_SRC_PAD (self);
  g_autoptr (GstTask) task = NULL;

  GST_OBJECT_LOCK (pad);
  if (GST_PAD_TASK (pad))
    task = gst_object_ref (GST_PAD_TASK (pad));
  GST_OBJECT_UNLOCK (pad);

  return task && gst_task_get_state (task) == GST_TASK_STARTED;
}

static void
capture_frame (GstMmioVidSrc * self, guint events, guint epoch)
{
  GstMmioFrameTime frame;
  GstBuffer *buffer;
  GstMmioStep step;

  handle_events (self, events);
  if (!is_streaming (self)) {
    gst_mmio_capture_thread_hold (&self->thread, GST_MMIO_HOLD_IDLE);
    /* The task may have been started again meanwhile */
    if (is_streaming (self))
      gst_mmio_capture_thread_release (&self->thread, GST_MMIO_HOLD_IDLE);
    return;
  }
  /* Captures only the frames that num-buffers allows */
  if (gst_mmio_frame_queue_is_complete (&self->queue)) {
    gst_mmio_capture_thread_hold (&self->thread, GST_MMIO_HOLD_COMPLETE);
    /* A flush may have emptied the queue meanwhile */
    if (!gst_mmio_frame_queue_is_complete (&self->queue))
      gst_mmio_capture_thread_release (&self->thread, GST_MMIO_HOLD_COMPLETE);
    return;
  }

  if ((events & GST_MMIO_EVENT_HOTPLUG) &&
      self->device.state != GST_MMIO_STATE_AWAY &&
      !mmio_capture_check_present (self->capture))
    step = GST_MMIO_STEP_GONE;
  else
    step = gst_mmio_device_state_prepare (self);

  if (step == GST_MMIO_STEP_DONE)
    step = gst_mmio_frame_wait_run (self, &frame);
  if (step == GST_MMIO_STEP_DONE)
    step = read_frame (self, &frame, &buffer);
  if (step == GST_MMIO_STEP_DONE) {
    stamp_frame (self, &frame, buffer);
    queue_frame (self, &frame, buffer, epoch);
  }
  if (step == GST_MMIO_STEP_GONE)
    gst_mmio_device_state_handle_removal (self);
}

/* Posts a STREAM_STATUS message, as pads do for their threads, so that
 * applications can set the priority of the thread */
static void
post_stream_status (GstMmioVidSrc * self, GstStreamStatusType type)
{
  GstMessage *message = gst_message_new_stream_status (GST_OBJECT_CAST (self),
      type, GST_ELEMENT_CAST (self));
  GValue value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_THREAD);
  g_value_set_boxed (&value, g_thread_self ());
  gst_message_set_stream_status_object (message, &value);
  g_value_unset (&value);
  gst_element_post_message (GST_ELEMENT_CAST (self), message);
}

static gpointer
run (gpointer data)
{
  GstMmioVidSrc *self = data;
  guint events;

  post_stream_status (self, GST_STREAM_STATUS_TYPE_ENTER);
  while (gst_mmio_capture_thread_enter (&self->thread, &events))
    capture_frame (self, events, gst_mmio_frame_queue_get_epoch (&self->queue));
  post_stream_status (self, GST_STREAM_STATUS_TYPE_LEAVE);

  return NULL;
}

/* Starts the capture thread, which is held until caps are negotiated */
gboolean
gst_mmio_capture_loop_start (GstMmioVidSrc * self, GError ** error)
{
  gst_mmio_device_state_reset (&self->device);
  gst_mmio_device_sync_reset (&self->sync);
  gst_mmio_pacer_init (&self->pacer);
  gst_mmio_frame_queue_reset (&self->queue);
  self->is_discont = FALSE;

  return gst_mmio_capture_thread_start (&self->thread, run, self, error);
}

void
gst_mmio_capture_loop_stop (GstMmioVidSrc * self)
{
  gst_mmio_capture_loop_hold (self, GST_MMIO_HOLD_STOP);
  gst_mmio_capture_thread_join (&self->thread);
  /* Queued buffers would keep the memory of the device mapped */
  gst_mmio_frame_queue_flush_stop (&self->queue);
}

/* Ends the capture thread's wait for the device.
 * Locking: called from any thread, without the object lock. */
void
gst_mmio_capture_loop_wake (GstMmioVidSrc * self)
{
  GST_OBJECT_LOCK (self);
  if (self->capture)
    mmio_capture_wake (self->capture);
  GST_OBJECT_UNLOCK (self);
}

/* Holds the capture thread and ends each of its waits.
 * Locking: called from any thread, without the object lock. */
void
gst_mmio_capture_loop_hold (GstMmioVidSrc * self, GstMmioHold hold)
{
  gst_mmio_capture_thread_hold (&self->thread, hold);
  gst_mmio_capture_loop_wake (self);
}
