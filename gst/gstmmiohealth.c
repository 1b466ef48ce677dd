/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The health report: warns once about a device that sends no whole frames.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiohealth.h"

#include "gstmmiomessage.h"

GST_DEBUG_CATEGORY_EXTERN (gst_mmio_vid_src_debug);
#define GST_CAT_DEFAULT gst_mmio_vid_src_debug

/* A reason that lasts this long is reported */
#define REPORT_TIME G_TIME_SPAN_SECOND
/* Number of mode changes before a report: a slow consumer, as of a frame a
 * minute, may see a single change for a second */
#define MIN_CHANGES 4
/* Time after a return in which the driver and udev rules may still make the
 * device usable */
#define READY_TIME (5 * G_TIME_SPAN_SECOND)

/**
 * gst_mmio_health_reset:
 *
 * Ends each reason: whole frames are sent.
 */
void
gst_mmio_health_reset (GstMmioHealth * health)
{
  *health = (GstMmioHealth) {
  .reason = GST_MMIO_HEALTH_GOOD};
}

/**
 * gst_mmio_health_end:
 * @reason: a reason
 *
 * Ends @reason, if it is the current one.
 */
void
gst_mmio_health_end (GstMmioHealth * health, GstMmioHealthReason reason)
{
  if (health->reason == reason)
    gst_mmio_health_reset (health);
}

static gboolean
is_due (const GstMmioHealth * health, MmioCapture * capture)
{
  const gint64 now = g_get_monotonic_time ();
  guint64 index;
  gint64 since;

  switch (health->reason) {
    case GST_MMIO_HEALTH_NO_MODE:
      return now - health->since >= REPORT_TIME;
    case GST_MMIO_HEALTH_UNSTABLE_MODE:
      return now - health->since >= REPORT_TIME && health->times >= MIN_CHANGES;
    case GST_MMIO_HEALTH_TORN:
      /* Frames may have been torn before a stall, too */
      mmio_capture_get_obstacle (capture, &since, &index);
      return now - MAX (since, health->since) >= REPORT_TIME;
    case GST_MMIO_HEALTH_UNUSABLE:
      return now - health->since >= READY_TIME;
    case GST_MMIO_HEALTH_STALLED:
      return TRUE;
    case GST_MMIO_HEALTH_GOOD:
    default:
      return FALSE;
  }
}

static void
report_stall (GstElement * element, MmioCapture * capture)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (capture);
  const char *address = info->device_address;

  if (info->frame_sync == MMIO_FRAME_SYNC_INTERRUPT)
    GST_ELEMENT_WARNING (element, RESOURCE, READ,
        ("%s has raised no interrupt for a second. The capture continues with "
            "its next interrupt.", address), (NULL));
  else if (mmio_capture_is_being_written (capture))
    GST_ELEMENT_WARNING (element, RESOURCE, READ,
        ("%s has been writing one frame for a second: its frame counter is odd. "
            "The capture continues when the frame is complete.%s", address,
            info->describes_counter ? "" : " If the device shows frames, check "
            "counter-offset, counter-size and counter-seqlock."), (NULL));
  else
    GST_ELEMENT_WARNING (element, RESOURCE, READ,
        ("%s has started no frame for a second: its frame counter stands still. "
            "The capture continues when it counts.%s", address,
            info->describes_counter ? "" : " If the device shows new frames, "
            "check counter-bar, counter-offset and counter-size."), (NULL));
}

static void
report_torn (GstElement * element, MmioCapture * capture)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (capture);
  const char *address = info->device_address;
  const guint n = info->layout.n_buffers;
  guint64 index;
  gint64 since;

  switch (mmio_capture_get_obstacle (capture, &since, &index)) {
    case MMIO_OBSTACLE_INDEX:
      GST_ELEMENT_WARNING (element, RESOURCE, READ,
          ("The index of %s is %" G_GUINT64_FORMAT ", but its slots are 0 to "
              "%u. Frames are flagged as corrupted until the index is valid.%s",
              address, index, n - 1, info->describes_index ? "" : " If the "
              "device writes a valid index, check buffers, index-bar, "
              "index-offset and index-size."), (NULL));
      break;
    case MMIO_OBSTACLE_WRITING:
      GST_ELEMENT_WARNING (element, RESOURCE, READ,
          ("%s writes its frame all the time, or does not complete it: its "
              "frame counter is odd. Frames are flagged as corrupted. If the "
              "device counts once for each frame, %s.", address,
              info->describes_counter ? "correct its header" :
              "set counter-seqlock=false"), (NULL));
      break;
    default:
      GST_ELEMENT_WARNING (element, RESOURCE, READ,
          ("%s has changed each frame during its read for a second. Frames are "
              "flagged as corrupted. Make the device keep a frame unchanged for "
              "longer than a read takes (measure it with mmiovid-probe)%s.",
              address, n > 1 ? ", or increase its number of slots" : ""),
          (NULL));
      break;
  }
}

static void
report (const GstMmioHealth * health, GstElement * element,
    MmioCapture * capture, const GError * error)
{
  const char *address = mmio_capture_get_info (capture)->device_address;

  switch (health->reason) {
    case GST_MMIO_HEALTH_NO_MODE:
      GST_ELEMENT_WARNING (element, RESOURCE, READ,
          ("%s has shown no frame for a second: its display is off, or the "
              "description of its frame is being changed. The capture continues "
              "when it shows a frame.", address), (NULL));
      break;
    case GST_MMIO_HEALTH_UNSTABLE_MODE:
      GST_ELEMENT_WARNING (element, RESOURCE, READ,
          ("%s changes the description of its frame faster than a frame can be "
              "read. The capture continues when the description is stable.",
              address), (NULL));
      break;
    case GST_MMIO_HEALTH_STALLED:
      report_stall (element, capture);
      break;
    case GST_MMIO_HEALTH_TORN:
      report_torn (element, capture);
      break;
    case GST_MMIO_HEALTH_UNUSABLE:
      gst_mmio_message_post_warning (element, error,
          "The element retries until it succeeds.");
      break;
    case GST_MMIO_HEALTH_GOOD:
    default:
      break;
  }
}

/**
 * gst_mmio_health_note:
 * @reason: the current reason
 * @element: the element that posts the warning
 * @capture: the capture of the device
 * @error: (nullable): the error, with %GST_MMIO_HEALTH_UNUSABLE
 *
 * Notes a reason, and posts a warning if it lasts and no warning was posted yet.
 */
void
gst_mmio_health_note (GstMmioHealth * health, GstMmioHealthReason reason,
    GstElement * element, MmioCapture * capture, const GError * error)
{
  if (health->reason == GST_MMIO_HEALTH_GOOD)
    health->since = g_get_monotonic_time ();
  health->reason = reason;
  health->times += reason == GST_MMIO_HEALTH_UNSTABLE_MODE;

  if (health->is_reported || !is_due (health, capture))
    return;

  health->is_reported = TRUE;
  report (health, element, capture, error);
}
