/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether downstream has refused caps: the element that sends them is told only
 * with the next frame, when it is too late for others.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiorefusal.h"

static gboolean is_refused (GstPad * pad, const GstCaps * sent);

/* Whether somebody behind @pad has refused the caps, that @pad itself has
 * taken: a sink in a bin, or one behind an element that passes caps on, as many
 * do, and not what becomes of them.  Where another thread passes them on,
 * nobody knows yet. */
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

/* Whether downstream has refused the caps.  Who sends them is not told: what is
 * refused now is sent once more with the next frame, which then fails. */
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
 * Returns: FALSE if somebody downstream has refused them, as far as this thread
 *   can know
 */
gboolean
gst_mmio_refusal_has_taken_caps (GstPad * pad)
{
  g_autoptr (GstCaps) sent = gst_pad_get_current_caps (pad);

  return !sent || !is_refused (pad, sent);
}
