/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The latency of the element, and the period of its frames, on which the latency
 * depends.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiovidsrcpriv.h"

#define GST_CAT_DEFAULT gst_mmio_vid_src_debug

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
post_latency (GstMmioVidSrc * self)
{
  gst_element_post_message (GST_ELEMENT_CAST (self),
      gst_message_new_latency (GST_OBJECT_CAST (self)));
}

/* Returns: nanoseconds between two sent frames, or %GST_CLOCK_TIME_NONE if
 * unknown.
 * Locking: called with the object lock. */
GstClockTime
gst_mmio_vid_src_get_period (GstMmioVidSrc * self)
{
  return !GST_CLOCK_TIME_IS_VALID (self->period) ? self->device_period :
      !GST_CLOCK_TIME_IS_VALID (self->device_period) ? self->period :
      MAX (self->period, self->device_period);
}

/* Returns: whether the period has changed by more than a factor of 1.5; smaller
 * variations of the rate do not count */
static gboolean
is_other_period (GstClockTime a, GstClockTime b)
{
  if (!GST_CLOCK_TIME_IS_VALID (a) || !GST_CLOCK_TIME_IS_VALID (b))
    return a != b;

  return b > a + a / 2 || b < a - a / 3;
}

/* Updates the period of the device. The maximum latency depends on it. */
void
gst_mmio_vid_src_update_device_period (GstMmioVidSrc * self)
{
  const gint64 us = mmio_capture_get_period (self->capture);
  GstClockTime period;
  gboolean changed;

  GST_OBJECT_LOCK (self);
  self->device_period = us > 0 ? (GstClockTime) us *GST_USECOND :
      GST_CLOCK_TIME_NONE;
  period = gst_mmio_vid_src_get_period (self);
  changed = is_other_period (self->posted_period, period);
  if (changed)
    self->posted_period = period;
  GST_OBJECT_UNLOCK (self);

  if (changed)
    post_latency (self);
}

/* Measures the age of @frame at the end of its capture */
void
gst_mmio_vid_src_measure_latency (GstMmioVidSrc * self,
    const GstMmioFrameTime * frame)
{
  GstClockTimeDiff now;
  gboolean changed;

  if (!gst_mmio_frame_wait_get_now (self, &now))
    return;

  GST_OBJECT_LOCK (self);
  changed = gst_mmio_latency_add (&self->latency,
      MAX (GST_CLOCK_DIFF (frame->pts, now), 0));
  GST_OBJECT_UNLOCK (self);

  if (changed)
    post_latency (self);
}

/* Answers a latency query. Returns: FALSE before the device is open */
gboolean
gst_mmio_vid_src_query_latency (GstMmioVidSrc * self, GstQuery * query)
{
  GstClockTime period, min, max = GST_CLOCK_TIME_NONE;
  gboolean is_open;
  guint n;

  GST_OBJECT_LOCK (self);
  is_open = self->capture != NULL;
  min = gst_mmio_latency_get (&self->latency);
  period = gst_mmio_vid_src_get_period (self);
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
