/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether downstream has refused caps, as far as this thread can know.
 *
 * Sinks that name memory:DMABuf may still refuse the caps of a dma-buf: they learn only
 * then whether their display takes its modifier, size or format.  The element can step
 * down to copies, if it learns of the refusal before it sends a frame.  GStreamer does
 * not report it: gst_pad_push_event(), and so gst_base_src_set_caps(), ignores the
 * result of a CAPS event, and the next buffer fails with not-negotiated, which ends the
 * stream.
 *
 * - An ACCEPT_CAPS query does not help: it compares with the caps that a sink names.
 * - A serialized event after the caps returns the refusal, but has each refusing
 *   element handle the CAPS event once more, and post its error twice.
 * - What is left is to look at the caps that the pads have: a refused CAPS event is not
 *   stored.  The element's peer alone is not enough, as a sink may be in a bin
 *   (autovideosink) or behind a capsfilter, which store what they pass on.
 *
 * The walk only reads, goes only through pads that have the same caps, and ends at
 * a thread of another element.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiorefusal.h"

static gboolean is_refused (GstPad * pad, const GstCaps * sent);

/* Whether an element behind @pad has refused the caps that @pad itself has.  Where
 * another thread passes them on, that is not known yet. */
static gboolean
is_refused_behind (GstPad * pad, const GstCaps * sent)
{
  GstIterator *links = gst_pad_iterate_internal_links (pad);
  GValue item = G_VALUE_INIT;
  gboolean refused = FALSE;

  while (!refused && links &&
      gst_iterator_next (links, &item) == GST_ITERATOR_OK) {
    GstPad *link = g_value_get_object (&item);
    g_autoptr (GstCaps) passed = NULL;
    gboolean has_thread;

    GST_OBJECT_LOCK (link);
    has_thread = GST_PAD_TASK (link) != NULL;
    GST_OBJECT_UNLOCK (link);

    passed = has_thread ? NULL : gst_pad_get_current_caps (link);
    refused = passed && gst_caps_is_equal (passed, sent) &&
        is_refused (link, sent);
    g_value_reset (&item);
  }
  g_value_unset (&item);
  if (links)
    gst_iterator_free (links);

  return refused;
}

static gboolean
is_refused (GstPad * pad, const GstCaps * sent)
{
  g_autoptr (GstPad) peer = gst_pad_get_peer (pad);
  g_autoptr (GstCaps) taken = NULL;

  if (!peer || GST_PAD_IS_FLUSHING (peer))
    return FALSE;

  taken = gst_pad_get_current_caps (peer);
  return !taken || !gst_caps_is_equal (sent, taken) ||
      is_refused_behind (peer, sent);
}

/**
 * gst_mmio_refusal_has_taken_caps:
 * @pad: a source pad that has sent caps
 *
 * Returns: FALSE if downstream has refused them, as far as this thread can know
 */
gboolean
gst_mmio_refusal_has_taken_caps (GstPad * pad)
{
  g_autoptr (GstCaps) sent = gst_pad_get_current_caps (pad);

  return !sent || !is_refused (pad, sent);
}
