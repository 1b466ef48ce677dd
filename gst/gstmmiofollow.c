/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The element follows its device, which may show another picture at any time,
 * and none for a while.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiovidsrcpriv.h"

#include "gstmmioerror.h"
#include "mmioerror.h"

#define GST_CAT_DEFAULT gst_mmio_vid_src_debug

/* A device that shows no picture for so long is told of */
#define NO_MODE G_TIME_SPAN_SECOND
/* And so is one that for as long shows another one whenever it is looked, if it
 * was so often: somebody may want a frame a minute */
#define MANY_CHANGES 4

/* For a run that begins anew */
void
gst_mmio_follow_reset (GstMmioFollow * follow)
{
  *follow = (GstMmioFollow) {
  .lost = 0};
}

/* The device's mode is why there is no frame.  Returns: whether that is to be
 * told: once, until there is one */
static gboolean
note_loss (GstMmioVidSrc * self)
{
  GstMmioFollow *follow = &self->follow;
  const gint64 now = g_get_monotonic_time ();

  if (follow->no_frame_since == 0)
    follow->no_frame_since = now;

  return !follow->is_told && now - follow->no_frame_since >= NO_MODE;
}

static void
tell_of_no_mode (GstMmioVidSrc * self)
{
  self->follow.is_hidden = TRUE;
  if (!note_loss (self))
    return;

  self->follow.is_told = TRUE;
  GST_ELEMENT_WARNING (self, RESOURCE, READ,
      ("%s has shown no picture for a second: its display is off, or what "
          "describes its picture is being changed; frames go on when it shows "
          "one.", mmio_capture_get_device_address (self->capture)), (NULL));
}

static void
tell_of_change (GstMmioVidSrc * self)
{
  self->follow.changes++;
  if (!note_loss (self) || self->follow.changes < MANY_CHANGES)
    return;

  self->follow.is_told = TRUE;
  GST_ELEMENT_WARNING (self, RESOURCE, READ,
      ("%s changes what describes its picture faster than it can be read; "
          "frames go on when that stands still.",
          mmio_capture_get_device_address (self->capture)), (NULL));
}

/* Looks whether the device still shows the picture that is captured.  Returns:
 * FALSE if there is nothing to read */
gboolean
gst_mmio_follow_look (GstMmioVidSrc * self)
{
  switch (mmio_capture_look (self->capture)) {
    case MMIO_MODE_NONE:
      tell_of_no_mode (self);
      return FALSE;
    case MMIO_MODE_OTHER:
      self->follow.is_outdated = TRUE;
      tell_of_change (self);
      return FALSE;
    case MMIO_MODE_SAME:
    default:
      /* There and back again, and nobody was told of the way back */
      return !self->follow.is_outdated;
  }
}

/* Keeps a frame that was due, and could not be read, until it can, or another
 * one is due */
void
gst_mmio_follow_keep (GstMmioVidSrc * self, const GstMmioFrameTime * frame)
{
  self->follow.has_frame = TRUE;
  self->follow.frame = *frame;
}

/* Keeps a frame during whose read the device began to show another picture, so
 * that it is read once more, from that; once, for a device may never stand
 * still */
void
gst_mmio_follow_retry (GstMmioVidSrc * self, const GstMmioFrameTime * frame)
{
  GstMmioFollow *follow = &self->follow;

  gst_mmio_follow_keep (self, frame);
  if (follow->is_retried) {
    tell_of_change (self);
    return;
  }

  follow->is_retried = TRUE;
  gst_mmio_follow_look (self);
}

/* Nobody wants what was due before now, if something was */
void
gst_mmio_follow_drop (GstMmioVidSrc * self)
{
  GstMmioFollow *follow = &self->follow;

  follow->is_retried = FALSE;
  if (!follow->has_frame)
    return;

  GST_OBJECT_LOCK (self);
  self->missed++;
  GST_OBJECT_UNLOCK (self);

  follow->lost += follow->frame.missed + 1;
  follow->has_frame = FALSE;
}

/* Takes the frame that waits.  Returns: FALSE if there is none, or if it cannot
 * be read yet */
gboolean
gst_mmio_follow_take (GstMmioVidSrc * self, GstMmioFrameTime * frame)
{
  GstMmioFollow *follow = &self->follow;

  if (!follow->has_frame || follow->is_outdated ||
      mmio_capture_look (self->capture) != MMIO_MODE_SAME)
    return FALSE;

  *frame = follow->frame;
  follow->has_frame = FALSE;

  /* What was painted while nothing was shown is to be seen from now on */
  if (follow->is_hidden && gst_mmio_vid_src_is_triggered (self)) {
    GST_OBJECT_LOCK (self);
    gst_mmio_trigger_delay (&self->trigger, GST_ELEMENT_CAST (self),
        gst_mmio_pacer_get_period (&self->timer.pacer), frame);
    GST_OBJECT_UNLOCK (self);
  }

  return TRUE;
}

/* The frame is there, and tells of those before it that were lost */
void
gst_mmio_follow_find (GstMmioVidSrc * self, GstMmioFrameTime * frame)
{
  GstMmioFollow *follow = &self->follow;

  frame->missed += follow->lost;
  follow->lost = 0;
  follow->is_hidden = FALSE;
  follow->no_frame_since = 0;
  follow->changes = 0;
  follow->is_told = FALSE;
}

static void
swap (GstMmioVidSrc * self, MmioCapture * capture, GstMmioWay * way)
{
  MmioCapture *old_capture = self->capture;
  GstMmioWay *old_way = self->way;

  GST_OBJECT_LOCK (self);
  self->capture = capture;
  self->way = way;
  GST_OBJECT_UNLOCK (self);

  /* What downstream holds of it stays as it is */
  gst_mmio_way_free (old_way);
  mmio_capture_close (old_capture);
}

/* The same for a picture that only lies elsewhere, as with a device that shows
 * one while it paints another; that may be each frame, and nothing but the read
 * changes.  Returns: FALSE if there is more to do */
static gboolean
move (GstMmioVidSrc * self, MmioCapture * capture)
{
  MmioCapture *old_capture = self->capture;
  gboolean ret;

  GST_OBJECT_LOCK (self);
  ret = gst_mmio_way_move (self->way, capture);
  if (ret)
    self->capture = capture;
  GST_OBJECT_UNLOCK (self);

  if (!ret)
    return FALSE;

  mmio_capture_close (old_capture);
  self->follow.is_outdated = FALSE;
  GST_LOG_OBJECT (self, "the picture lies at byte %" G_GUINT64_FORMAT " now",
      mmio_capture_get_picture (capture)->start);
  return TRUE;
}

/* Goes on with @capture, which it takes.  Where its picture is another one, or
 * frames take another way, that is negotiated before the next frame.  Returns:
 * FALSE with @error set if there is no way: what was captured before stays, as
 * far as that is of use */
gboolean
gst_mmio_follow_replace (GstMmioVidSrc * self, MmioCapture * capture,
    GError ** error)
{
  const MmioPicture *picture = mmio_capture_get_picture (capture);
  GstMmioWay *way;

  if (move (self, capture))
    return TRUE;

  way = gst_mmio_way_renew (self->way, capture, error);
  if (!way) {
    mmio_capture_close (capture);
    return FALSE;
  }

  GST_INFO_OBJECT (self, "%s shows %s %ux%u at byte %" G_GUINT64_FORMAT
      " of BAR %d now, stride %u", mmio_capture_get_device_address (capture),
      picture->format.name, picture->width, picture->height, picture->start,
      mmio_capture_get_bar (capture), picture->plane[0].stride);

  swap (self, capture, way);
  self->follow.is_outdated = FALSE;
  self->discont = TRUE;
  /* All is negotiated, whatever downstream has agreed to before */
  gst_clear_caps (&self->downstream);
  gst_pad_mark_reconfigure (GST_BASE_SRC_PAD (self));
  return TRUE;
}

/* Captures the picture that the device shows now, if that is another one.
 * Returns: GST_FLOW_OK; GST_MMIO_FLOW_GONE; or GST_FLOW_ERROR after an error
 * message */
GstFlowReturn
gst_mmio_follow_renew (GstMmioVidSrc * self)
{
  g_autoptr (GError) error = NULL;
  MmioCapture *capture;

  if (!self->follow.is_outdated)
    return GST_FLOW_OK;

  /* What goes may look like another mode first */
  if (!mmio_capture_is_present (self->capture))
    return GST_MMIO_FLOW_GONE;
  if (mmio_capture_look (self->capture) == MMIO_MODE_NONE)
    return GST_FLOW_OK;

  capture = mmio_capture_renew (self->capture, &error);
  if (!capture && g_error_matches (error, MMIO_ERROR, MMIO_ERROR_NO_MODE)) {
    GST_DEBUG_OBJECT (self, "not yet: %s", error->message);
    return GST_FLOW_OK;
  }

  if (capture && gst_mmio_follow_replace (self, capture, &error))
    return GST_FLOW_OK;

  /* Or go while it is asked */
  if (!mmio_capture_is_present (self->capture))
    return GST_MMIO_FLOW_GONE;

  gst_mmio_error_post (GST_ELEMENT_CAST (self), error);
  return GST_FLOW_ERROR;
}
