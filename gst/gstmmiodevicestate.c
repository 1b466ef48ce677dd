/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state of the device: live, changing its mode, stalled or removed. Keeps the
 * pending frame meanwhile.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiovidsrcpriv.h"

#include "base/mmioerror.h"
#include "gstmmiomessage.h"

#define GST_CAT_DEFAULT gst_mmio_vid_src_debug

/* Microseconds between two attempts to reopen a removed device. The bus
 * announces devices, but neither files nor changes of registers. */
#define RETRY_PAUSE (500 * G_TIME_SPAN_MILLISECOND)

/* Resets the state for a new run */
void
gst_mmio_device_state_reset (GstMmioDeviceState * device)
{
  *device = (GstMmioDeviceState) {
  .state = GST_MMIO_STATE_LIVE};
}

static void
note (GstMmioVidSrc * self, GstMmioHealthReason reason, const GError * error)
{
  gst_mmio_health_note (&self->device.health, reason, GST_ELEMENT_CAST (self),
      self->capture, error);
}

/* The pending frame */

/* Keeps a frame that was due and could not be read, until it can be read or
 * another frame is due */
void
gst_mmio_device_state_keep (GstMmioVidSrc * self,
    const GstMmioFrameTime * frame)
{
  self->device.has_pending = TRUE;
  self->device.pending = *frame;
}

/* Keeps a frame during whose read the device changed its mode, and reads it
 * again in the new mode: once, as a device may change its mode all the time */
void
gst_mmio_device_state_retry (GstMmioVidSrc * self,
    const GstMmioFrameTime * frame)
{
  GstMmioDeviceState *device = &self->device;

  gst_mmio_device_state_keep (self, frame);
  if (device->is_retried) {
    note (self, GST_MMIO_HEALTH_UNSTABLE_MODE, NULL);
    return;
  }

  device->is_retried = TRUE;
  gst_mmio_device_state_poll (self);
}

/* Drops the pending frame and counts it as missed */
void
gst_mmio_device_state_drop (GstMmioVidSrc * self)
{
  GstMmioDeviceState *device = &self->device;

  device->is_retried = FALSE;
  if (!device->has_pending)
    return;

  device->has_pending = FALSE;
  gst_mmio_frame_queue_add_missed (&self->queue, 1);
}

/* Takes the pending frame, and stamps it with the time at which it can be read.
 * Returns: FALSE if no frame is pending, or it cannot be read yet */
gboolean
gst_mmio_device_state_take (GstMmioVidSrc * self, GstMmioFrameTime * frame)
{
  GstMmioDeviceState *device = &self->device;
  GstClockTimeDiff now;

  if (!device->has_pending || !gst_mmio_device_state_poll (self) ||
      !gst_mmio_frame_wait_get_now (self, &now))
    return FALSE;

  now = MAX (now, 0);
  if (!gst_mmio_vid_src_is_device_synced (self) &&
      !gst_mmio_pacer_retry (&self->pacer, now, &device->pending))
    return FALSE;

  *frame = device->pending;
  device->has_pending = FALSE;
  if (device->state == GST_MMIO_STATE_MODE_CHANGING &&
      gst_mmio_vid_src_is_device_synced (self))
    gst_mmio_device_sync_delay (&self->sync, now,
        gst_mmio_pacer_get_period (&self->pacer), frame);

  return TRUE;
}

/* Live, changing its mode, stalled */

/* Polls the mode of the device. Returns: FALSE if the device has no mode, or
 * another mode than the captured one */
gboolean
gst_mmio_device_state_poll (GstMmioVidSrc * self)
{
  GstMmioDeviceState *device = &self->device;

  switch (mmio_capture_poll_mode (self->capture)) {
    case MMIO_MODE_NONE:
      device->state = GST_MMIO_STATE_MODE_CHANGING;
      note (self, GST_MMIO_HEALTH_NO_MODE, NULL);
      return FALSE;
    case MMIO_MODE_CHANGED:
      device->state = GST_MMIO_STATE_MODE_CHANGING;
      device->is_outdated = TRUE;
      note (self, GST_MMIO_HEALTH_UNSTABLE_MODE, NULL);
      return FALSE;
    case MMIO_MODE_SAME:
    default:
      /* The capture is outdated even if the device has returned to its mode:
       * other registers have to be polled */
      return !device->is_outdated;
  }
}

static gboolean
reconnects (GstMmioVidSrc * self)
{
  gboolean ret;

  GST_OBJECT_LOCK (self);
  ret = self->settings.reconnect;
  GST_OBJECT_UNLOCK (self);

  return ret;
}

/* Warns once about a file that was deleted or renamed: other programs cannot
 * open it */
static void
check_link (GstMmioVidSrc * self)
{
  const gboolean is_unlinked = mmio_capture_is_unlinked (self->capture);

  if (is_unlinked && !self->device.is_unlinked)
    GST_ELEMENT_WARNING (self, RESOURCE, READ,
        ("The file %s was deleted or renamed. Its memory is still captured, but "
            "other programs cannot open it. If another file replaces it, %s.",
            mmio_capture_get_info (self->capture)->device_address,
            reconnects (self) ? "the capture continues with that one" :
            "start again"), (NULL));
  self->device.is_unlinked = is_unlinked;
}

/* Warns once about a register that does not count frames as its settings say */
static void
check_counter (GstMmioVidSrc * self)
{
  const MmioDoubt doubt = mmio_capture_get_doubt (self->capture);
  const MmioCaptureInfo *info = mmio_capture_get_info (self->capture);
  const char *address = info->device_address;

  if (doubt == self->device.doubt)
    return;

  self->device.doubt = doubt;
  switch (doubt) {
    case MMIO_DOUBT_JUMPS:
      GST_ELEMENT_WARNING (self, RESOURCE, READ,
          ("The frame counter of %s jumps instead of counting, as pixels do. "
              "%s.", address, info->describes_counter ? "Correct its header" :
              "Check counter-bar, counter-offset and counter-size"), (NULL));
      break;
    case MMIO_DOUBT_SEQLOCK:
      GST_ELEMENT_WARNING (self, RESOURCE, READ,
          ("The frame counter of %s is odd and even for different times, as a "
              "seqlock is. If the device counts twice for each frame, %s.",
              address, info->describes_counter ? "correct its header" :
              "set counter-seqlock=true"), (NULL));
      break;
    case MMIO_DOUBT_PLAIN:
      GST_ELEMENT_WARNING (self, RESOURCE, READ,
          ("The frame counter of %s is odd and even for the same time, as a "
              "plain counter is, but is read as a seqlock. If the device counts "
              "once for each frame, %s.", address, info->describes_counter ?
              "correct its header" : "set counter-seqlock=false"), (NULL));
      break;
    case MMIO_DOUBT_NONE:
      break;
  }
}

/* Notes that the device has started a frame at @time, or that the wait for its
 * next frame begins then */
void
gst_mmio_device_state_note_count (GstMmioVidSrc * self, gint64 time)
{
  self->device.last_count = time;
  check_counter (self);
  gst_mmio_health_end (&self->device.health, GST_MMIO_HEALTH_STALLED);
  if (self->device.state == GST_MMIO_STATE_STALLED)
    self->device.state = GST_MMIO_STATE_LIVE;
}

/* Notes that the device has started no frame for a second */
void
gst_mmio_device_state_note_stall (GstMmioVidSrc * self)
{
  self->device.last_count = g_get_monotonic_time ();
  /* A device without a mode does not count frames */
  if (!gst_mmio_device_state_poll (self))
    return;

  self->device.state = GST_MMIO_STATE_STALLED;
  check_link (self);
  note (self, GST_MMIO_HEALTH_STALLED, NULL);
}

/* Notes that a frame was read */
void
gst_mmio_device_state_note_frame (GstMmioVidSrc * self, gboolean is_torn)
{
  self->device.state = GST_MMIO_STATE_LIVE;
  self->device.is_retried = FALSE;
  check_link (self);
  if (is_torn)
    note (self, GST_MMIO_HEALTH_TORN, NULL);
  else
    gst_mmio_health_reset (&self->device.health);
}

/* Replacement of the capture */

static void
replace_capture (GstMmioVidSrc * self, MmioCapture * capture, GstMmioIO * io)
{
  MmioCapture *old_capture = self->capture;
  GstMmioIO *old_io = self->io;

  GST_OBJECT_LOCK (self);
  self->capture = capture;
  self->io = io;
  GST_OBJECT_UNLOCK (self);

  /* Buffers that are queued or held by downstream keep references to what they
   * need */
  gst_mmio_io_free (old_io);
  mmio_capture_close (old_capture);
}

/* Replaces the capture if the frame has only moved in the BAR, as with a device
 * that shows one slot while it writes another. Only the reads change. Returns:
 * FALSE if more has changed */
static gboolean
move_capture (GstMmioVidSrc * self, MmioCapture * capture)
{
  MmioCapture *old_capture = self->capture;
  gboolean ret;

  GST_OBJECT_LOCK (self);
  ret = gst_mmio_io_move (self->io, capture);
  if (ret)
    self->capture = capture;
  GST_OBJECT_UNLOCK (self);

  if (!ret)
    return FALSE;

  mmio_capture_close (old_capture);
  GST_LOG_OBJECT (self, "frame moved to byte %" G_GUINT64_FORMAT,
      mmio_capture_get_info (capture)->layout.start);
  return TRUE;
}

/* Replaces the capture with @capture (transfer full). If its frames or their I/O
 * mode differ, the streaming thread negotiates after it has sent the queue.
 * Returns: FALSE with @error set if @capture cannot be used; then the previous
 * capture stays */
static gboolean
switch_capture (GstMmioVidSrc * self, MmioCapture * capture, GError ** error)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (capture);
  const MmioLayout *layout = &info->layout;
  GstMmioIO *io;

  if (!move_capture (self, capture)) {
    io = gst_mmio_io_renew (self->io, capture, error);
    if (!io) {
      mmio_capture_close (capture);
      return FALSE;
    }

    GST_INFO_OBJECT (self, "%s changed to %s %ux%u at byte %" G_GUINT64_FORMAT
        " of BAR %d, stride %u", info->device_address,
        layout->format.name, layout->width, layout->height, layout->start,
        info->bar, layout->plane[0].stride);

    replace_capture (self, capture, io);
    self->is_discont = TRUE;
    gst_mmio_capture_thread_hold (&self->thread, GST_MMIO_HOLD_CHANGE);
    gst_mmio_frame_queue_set_closed (&self->queue, TRUE);
  }

  self->device.is_outdated = FALSE;
  return TRUE;
}

/* Replaces the capture after a change of mode */
static GstMmioStep
renew (GstMmioVidSrc * self)
{
  g_autoptr (GError) error = NULL;
  MmioCapture *capture;

  if (!self->device.is_outdated)
    return GST_MMIO_STEP_DONE;

  /* Registers of a device that is being removed may read as another mode */
  if (!mmio_capture_check_present (self->capture))
    return GST_MMIO_STEP_GONE;
  if (mmio_capture_poll_mode (self->capture) == MMIO_MODE_NONE)
    return GST_MMIO_STEP_DONE;

  capture = mmio_capture_renew (self->capture, &error);
  if (!capture && g_error_matches (error, MMIO_ERROR, MMIO_ERROR_NO_MODE)) {
    GST_DEBUG_OBJECT (self, "mode is not usable yet: %s", error->message);
    return GST_MMIO_STEP_DONE;
  }
  if (!capture && mmio_error_is_shortage (error)) {
    note (self, GST_MMIO_HEALTH_UNUSABLE, error);
    return GST_MMIO_STEP_DONE;
  }

  if (capture && switch_capture (self, capture, &error))
    return GST_MMIO_STEP_AGAIN;

  /* The device may have been removed meanwhile */
  if (!mmio_capture_check_present (self->capture))
    return GST_MMIO_STEP_GONE;

  return gst_mmio_capture_loop_fail (self, g_steal_pointer (&error));
}

/* Removed */

static void
note_removal (GstMmioVidSrc * self, const GError * removal)
{
  GstMmioDeviceState *device = &self->device;

  device->state = GST_MMIO_STATE_AWAY;
  device->is_outdated = FALSE;
  gst_mmio_health_reset (&device->health);
  /* Reopens the device at once, as it may have returned already. A device that
   * was removed shortly after its return is reopened after a pause. */
  device->next_attempt = device->returned_at == 0 ? 0 :
      device->returned_at + RETRY_PAUSE;

  gst_mmio_message_post_warning (GST_ELEMENT_CAST (self), removal,
      "The capture continues when the device returns.");
  gst_mmio_message_post_device (GST_ELEMENT_CAST (self), self->capture,
      removal->message);
}

static void
note_return (GstMmioVidSrc * self)
{
  const gint64 now = g_get_monotonic_time ();

  gst_mmio_device_state_reset (&self->device);
  self->device.returned_at = now;
  self->device.last_count = now;
  self->is_discont = TRUE;
  gst_mmio_device_sync_set_discont (&self->sync);

  GST_INFO_OBJECT (self, "%s has returned",
      mmio_capture_get_info (self->capture)->device_address);
  gst_mmio_message_post_device (GST_ELEMENT_CAST (self), self->capture, NULL);
}

static gboolean
reopen (GstMmioVidSrc * self)
{
  g_autoptr (GError) error = NULL;
  MmioCapture *capture = mmio_capture_reopen (self->capture, &error);

  if (capture && switch_capture (self, capture, &error)) {
    note_return (self);
    return TRUE;
  }

  GST_DEBUG_OBJECT (self, "cannot reopen yet: %s", error->message);
  if (g_error_matches (error, MMIO_ERROR, MMIO_ERROR_NOT_FOUND))
    gst_mmio_health_end (&self->device.health, GST_MMIO_HEALTH_UNUSABLE);
  else
    note (self, GST_MMIO_HEALTH_UNUSABLE, error);
  return FALSE;
}

/* Waits for a removed device to return, and reopens it */
static GstMmioStep
wait_for_return (GstMmioVidSrc * self)
{
  const gint64 left = self->device.next_attempt - g_get_monotonic_time ();

  if (left > 0 && !gst_mmio_capture_thread_sleep (&self->thread, left)) {
    self->device.next_attempt = 0;
    return GST_MMIO_STEP_AGAIN;
  }

  if (!reopen (self))
    self->device.next_attempt = g_get_monotonic_time () + RETRY_PAUSE;
  return GST_MMIO_STEP_AGAIN;
}

/* Handles a removed device: waits for its return, or stops the capture. Returns:
 * the next step */
GstMmioStep
gst_mmio_device_state_handle_removal (GstMmioVidSrc * self)
{
  const GError *removal = mmio_capture_get_removal (self->capture);

  gst_mmio_device_state_drop (self);
  if (!reconnects (self))
    return gst_mmio_capture_loop_fail (self, g_error_copy (removal));

  if (self->device.state != GST_MMIO_STATE_AWAY)
    note_removal (self, removal);
  return GST_MMIO_STEP_AGAIN;
}

/* Makes the capture thread check whether the device is present.
 * Locking: called from any thread. */
void
gst_mmio_device_state_notify (gpointer data)
{
  GstMmioVidSrc *self = data;

  gst_mmio_capture_thread_notify_hotplug (&self->thread);
  gst_mmio_capture_loop_wake (self);
}

/* Prepares the device for the next frame: reopens it, or replaces the capture */
GstMmioStep
gst_mmio_device_state_prepare (GstMmioVidSrc * self)
{
  return self->device.state ==
      GST_MMIO_STATE_AWAY ? wait_for_return (self) : renew (self);
}
