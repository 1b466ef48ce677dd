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

/* Trouble that lasts for so long is reported */
#define LONG G_TIME_SPAN_SECOND
/* A mode that changes is also one that has changed so often: a consumer may take
 * a frame a minute */
#define MANY_CHANGES 4
/* The driver of a device that is back, and the rules of udev, may be about to be
 * ready */
#define READY_TIME (5 * G_TIME_SPAN_SECOND)

/**
 * gst_mmio_health_reset:
 *
 * Ends all reason: whole frames come.
 */
void
gst_mmio_health_reset (GstMmioHealth * health)
{
  *health = (GstMmioHealth) {
  .reason = GST_MMIO_HEALTH_GOOD};
}

/**
 * gst_mmio_health_end:
 *
 * Ends @reason, if it is what there was last.
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
      return now - health->since >= LONG;
    case GST_MMIO_HEALTH_UNSTABLE_MODE:
      return now - health->since >= LONG && health->times >= MANY_CHANGES;
    case GST_MMIO_HEALTH_TORN:
      mmio_capture_get_obstacle (capture, &since, &index);
      return now - since >= LONG;
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
        ("%s has raised no interrupt for a second; frames go on when it does.",
            address), (NULL));
  else if (mmio_capture_is_being_written (capture))
    GST_ELEMENT_WARNING (element, RESOURCE, READ,
        ("%s has been writing one picture for a second, says its frame counter,"
            " which is odd; frames go on when it is complete. If it shows one "
            "all the same, check counter-offset, counter-size and "
            "counter-seqlock.", address), (NULL));
  else
    GST_ELEMENT_WARNING (element, RESOURCE, READ,
        ("%s has had no new picture for a second, says its frame counter; "
            "frames go on when it goes on counting. If it shows one all the "
            "same, check counter-bar, counter-offset and counter-size.",
            address), (NULL));
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
          ("%s says that picture %" G_GUINT64_FORMAT " is complete, and has "
              "only 0 to %u; until it names one of these, frames go out flagged "
              "as corrupted. If it does, check buffers, index-bar, "
              "index-offset and index-size.", address, index, n - 1), (NULL));
      break;
    case MMIO_OBSTACLE_WRITING:
      GST_ELEMENT_WARNING (element, RESOURCE, READ,
          ("%s writes its picture all the time, or never completes it, says "
              "its frame counter, which is odd; frames go out flagged as "
              "corrupted. If it counts once for each picture, set "
              "counter-seqlock=false.", address), (NULL));
      break;
    default:
      GST_ELEMENT_WARNING (element, RESOURCE, READ,
          ("%s goes on to another picture whenever one is read, for a second "
              "now; frames go out flagged as corrupted. Let it leave each one "
              "as it is for longer than mmiovid-probe says that a read takes%s.",
              address, n > 1 ? ", or give it more buffers" : ""), (NULL));
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
          ("%s has shown no picture for a second: its display is off, or what "
              "describes its picture is being changed; frames go on when it "
              "shows one.", address), (NULL));
      break;
    case GST_MMIO_HEALTH_UNSTABLE_MODE:
      GST_ELEMENT_WARNING (element, RESOURCE, READ,
          ("%s changes what describes its picture faster than it can be read; "
              "frames go on when that stands still.", address), (NULL));
      break;
    case GST_MMIO_HEALTH_STALLED:
      report_stall (element, capture);
      break;
    case GST_MMIO_HEALTH_TORN:
      report_torn (element, capture);
      break;
    case GST_MMIO_HEALTH_UNUSABLE:
      gst_mmio_message_post_warning (element, error,
          "It is tried again until that works.");
      break;
    case GST_MMIO_HEALTH_GOOD:
    default:
      break;
  }
}

/**
 * gst_mmio_health_note:
 * @reason: what is wrong now
 * @element: the element that posts a warning
 * @capture: the capture of the device
 * @error: (nullable): with %GST_MMIO_HEALTH_UNUSABLE, why
 *
 * Notes reason, and warns applications if it lasts and they have not been
 * warned yet.
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
