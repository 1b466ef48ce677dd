/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tells of a device whose frames are never whole, and why: once, until one is.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiotears.h"

/* One that has no whole frame for so long is told of */
#define LONG G_TIME_SPAN_SECOND

/**
 * gst_mmio_tears_reset:
 *
 * For a run that begins anew.
 */
void
gst_mmio_tears_reset (GstMmioTears * tears)
{
  tears->told = FALSE;
}

/**
 * gst_mmio_tears_look:
 * @capture: whose last frame to look at
 *
 * After each frame; posts a warning message if there was no whole one for a
 * second.
 */
void
gst_mmio_tears_look (GstMmioTears * tears, GstElement * element,
    MmioCapture * capture)
{
  const char *address = mmio_capture_get_device_address (capture);
  const guint n = mmio_capture_get_picture (capture)->n_buffers;
  MmioObstacle obstacle;
  guint64 index;
  gint64 since;

  obstacle = mmio_capture_get_obstacle (capture, &since, &index);
  if (obstacle == MMIO_OBSTACLE_NONE)
    tears->told = FALSE;
  if (obstacle == MMIO_OBSTACLE_NONE || tears->told ||
      g_get_monotonic_time () - since < LONG)
    return;

  tears->told = TRUE;
  if (obstacle == MMIO_OBSTACLE_INDEX)
    GST_ELEMENT_WARNING (element, RESOURCE, READ,
        ("%s says that picture %" G_GUINT64_FORMAT " is complete, and has only "
            "0 to %u; until it names one of these, frames go out flagged as "
            "corrupted.  If it does, check buffers, index-bar, index-offset "
            "and index-size.", address, index, n - 1), (NULL));
  else if (obstacle == MMIO_OBSTACLE_WRITING)
    GST_ELEMENT_WARNING (element, RESOURCE, READ,
        ("%s writes its picture all the time, or never completes it, says its "
            "frame counter, which is odd; frames go out flagged as corrupted.  "
            "If it counts once for each picture, set counter-seqlock=false.",
            address), (NULL));
  else
    GST_ELEMENT_WARNING (element, RESOURCE, READ,
        ("%s goes on to another picture whenever one is read, for a second "
            "now; frames go out flagged as corrupted.  Let it leave each one "
            "as it is for longer than mmiovid-probe says that a read takes%s.",
            address, n > 1 ? ", or give it more buffers" : ""), (NULL));
}
