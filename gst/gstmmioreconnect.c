/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The element's device has gone: the end of the stream, or a wait until it is
 * back.  While it waits, no frames are sent, so that what shows them shows the
 * last one.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiovidsrcpriv.h"

#include "gstmmioerror.h"
#include "gstmmiomessage.h"
#include "mmioerror.h"

#define GST_CAT_DEFAULT gst_mmio_vid_src_debug

/* How often it is tried, if nobody tells that there is something to try:
 * microseconds.  The bus tells of devices, and not of files and of registers. */
#define PAUSE (500 * G_TIME_SPAN_MILLISECOND)
/* A device that is there and cannot be used is told of after so long: until
 * then its driver, and the rules of udev, may be about to be ready */
#define READY_TIME (5 * G_TIME_SPAN_SECOND)

/* For a run that begins anew */
void
gst_mmio_reconnect_reset (GstMmioReconnect * reconnect)
{
  *reconnect = (GstMmioReconnect) {
  .is_away = FALSE};
}

static void
begin (GstMmioVidSrc * self, const GError * loss)
{
  self->reconnect.is_away = TRUE;
  gst_mmio_error_warn (GST_ELEMENT_CAST (self), loss,
      "Frames go on when it is back.");
  gst_mmio_message_post_device (GST_ELEMENT_CAST (self), self->capture,
      loss->message);
}

static void
end (GstMmioVidSrc * self)
{
  gst_mmio_reconnect_reset (&self->reconnect);
  self->reconnect.back_since = g_get_monotonic_time ();
  self->discont = TRUE;

  GST_OBJECT_LOCK (self);
  gst_mmio_trigger_interrupt (&self->trigger);
  GST_OBJECT_UNLOCK (self);

  GST_INFO_OBJECT (self, "%s is back",
      mmio_capture_get_device_address (self->capture));
  gst_mmio_message_post_device (GST_ELEMENT_CAST (self), self->capture, NULL);
}

/* It is there, perhaps, and cannot be captured.  Told once, if that lasts. */
static void
note_obstacle (GstMmioVidSrc * self, const GError * error)
{
  GstMmioReconnect *reconnect = &self->reconnect;
  const gint64 now = g_get_monotonic_time ();

  GST_DEBUG_OBJECT (self, "not yet: %s", error->message);
  if (g_error_matches (error, MMIO_ERROR, MMIO_ERROR_NOT_FOUND)) {
    reconnect->obstacle_since = 0;
    return;
  }

  if (reconnect->obstacle_since == 0)
    reconnect->obstacle_since = now;
  if (reconnect->is_obstacle_told ||
      now - reconnect->obstacle_since < READY_TIME)
    return;

  reconnect->is_obstacle_told = TRUE;
  gst_mmio_error_warn (GST_ELEMENT_CAST (self), error,
      "It is tried again until that works.");
}

/* Returns: whether it is captured again */
static gboolean
try_again (GstMmioVidSrc * self)
{
  g_autoptr (GError) error = NULL;
  MmioCapture *capture = mmio_capture_reopen (self->capture, &error);

  if (capture && gst_mmio_follow_replace (self, capture, &error))
    return TRUE;

  note_obstacle (self, error);
  return FALSE;
}

static GstFlowReturn
wait_for_device (GstMmioVidSrc * self)
{
  GstFlowReturn ret = GST_FLOW_OK;

  /* It may be there already, but what goes all the time is not asked all the
   * time */
  if (g_get_monotonic_time () - self->reconnect.back_since >= PAUSE &&
      try_again (self))
    return GST_FLOW_OK;

  do {
    GST_OBJECT_LOCK (self);
    ret = gst_mmio_timer_sleep (&self->timer, GST_ELEMENT_CAST (self), PAUSE);
    GST_OBJECT_UNLOCK (self);
  } while (ret == GST_FLOW_OK && !try_again (self));

  return ret;
}

/* The device has gone.  Returns: GST_FLOW_OK if it is back; GST_FLOW_ERROR after
 * an error message, or what ended the wait */
GstFlowReturn
gst_mmio_reconnect (GstMmioVidSrc * self)
{
  const GError *loss = mmio_capture_get_loss (self->capture);
  gboolean is_wanted;
  GstFlowReturn ret;

  GST_OBJECT_LOCK (self);
  is_wanted = self->settings.reconnect;
  GST_OBJECT_UNLOCK (self);

  /* The base class begins again after a pause, in which it may not have heard of
   * the error; there is nothing new to say, but that this is the end */
  if (!is_wanted && self->reconnect.is_away)
    return GST_FLOW_EOS;

  if (!is_wanted) {
    self->reconnect.is_away = TRUE;
    gst_mmio_error_post (GST_ELEMENT_CAST (self), loss);
    return GST_FLOW_ERROR;
  }

  gst_mmio_follow_drop (self);
  if (!self->reconnect.is_away)
    begin (self, loss);

  ret = wait_for_device (self);
  if (ret == GST_FLOW_OK)
    end (self);
  return ret;
}

/* Has whoever waits look whether the device is there.  From any thread. */
void
gst_mmio_reconnect_notify (gpointer data)
{
  GstMmioVidSrc *self = data;

  GST_OBJECT_LOCK (self);
  gst_mmio_timer_interrupt (&self->timer);
  if (self->capture)
    mmio_capture_wake (self->capture);
  GST_OBJECT_UNLOCK (self);
}
