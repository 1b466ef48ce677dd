/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The element's insides, for its own rooms: gstmmiovidsrc.c,
 * gstmmionegotiation.c, gstmmioframes.c, gstmmiofollow.c and
 * gstmmioreconnect.c.  Nobody else includes this. */

#include <gst/video/video.h>

#include "gstmmiosettings.h"
#include "gstmmiotears.h"
#include "gstmmiotimer.h"
#include "gstmmiotrigger.h"
#include "gstmmiovidsrc.h"
#include "gstmmioway.h"
#include "mmiocapture.h"

G_BEGIN_DECLS

GST_DEBUG_CATEGORY_EXTERN (gst_mmio_vid_src_debug);

/**
 * GstMmioFollow:
 * @is_outdated: the device shows another picture than is captured
 * @has_frame: a frame was due that could not be read
 * @frame: and waits for that
 * @is_retried: it was tried once more, at once
 * @lost: frames that were due since the last one, and were none
 * @is_hidden: no picture was shown at some time since the last one
 * @no_frame_since: when a mode was first the reason for there being no frame;
 *   0: there is one
 * @changes: how often it was that it had changed, since then
 * @is_told: applications know
 *
 * What is known of a device that changes its mind.
 */
typedef struct {
  gboolean is_outdated;
  gboolean has_frame;
  GstMmioFrameTime frame;
  gboolean is_retried;
  guint64 lost;
  gboolean is_hidden;
  gint64 no_frame_since;
  guint changes;
  gboolean is_told;
} GstMmioFollow;

/**
 * GstMmioReconnect:
 * @is_away: the device has gone, and applications know
 * @obstacle_since: since when it is there, and cannot be captured; 0: it is not
 * @is_obstacle_told: applications know that
 * @back_since: when it came back; 0: it was never away
 *
 * What is known of a device that goes and comes.
 */
typedef struct {
  gboolean is_away;
  gint64 obstacle_since;
  gboolean is_obstacle_told;
  gint64 back_since;
} GstMmioReconnect;

struct _GstMmioVidSrc
{
  GstPushSrc parent;

  /* Under the object lock */
  GstMmioSettings settings;

  /* From start to stop.  Written under the object lock, as properties are
   * read from other threads. */
  MmioCapture *capture;
  GstStructure *last_stats;     /* of the last run, for after the stop */
  GstMmioWay *way;
  guint64 missed;
  guint64 uncopied_frames;
  guint max_buffers;
  gboolean latency_changed;

  /* Between start and stop, streaming thread only */
  GstVideoInfo info;
  MmioFormat target_format;
  gboolean is_dma_buf;
  GstCaps *downstream;          /* all that it took at the last negotiation */
  gboolean keeps_allocation;
  GstMmioTears tears;
  GstMmioFollow follow;
  GstMmioReconnect reconnect;

  /* Waiting for the next frame; under the object lock */
  GstMmioTimer timer;
  GstMmioTrigger trigger;

  /* Whoever got the last frame may not have it any more; under the lock */
  gboolean forget;
  /* Frames were missed since the last one that was sent */
  gboolean discont;
};

/* What a virtual function falls back to.  The element's type is final, so its
 * parent is always the same. */
static inline GstBaseSrcClass *
gst_mmio_vid_src_get_parent (void)
{
  return GST_BASE_SRC_CLASS (g_type_class_peek (GST_TYPE_PUSH_SRC));
}

/* Whether it is the device that starts a frame, so that there may be no
 * constant rate */
static inline gboolean
gst_mmio_vid_src_is_triggered (GstMmioVidSrc * self)
{
  return mmio_capture_get_frame_sync (self->capture) != MMIO_FRAME_SYNC_CLOCK;
}

void gst_mmio_negotiation_init_class (GstBaseSrcClass * klass);
void gst_mmio_negotiation_init (GstMmioVidSrc * self);

void gst_mmio_frames_init_class (GstPushSrcClass * klass);
void gst_mmio_frames_send_next (GstMmioVidSrc * self);

void gst_mmio_follow_reset (GstMmioFollow * follow);
gboolean gst_mmio_follow_look (GstMmioVidSrc * self);
void gst_mmio_follow_keep (GstMmioVidSrc * self,
    const GstMmioFrameTime * frame);
void gst_mmio_follow_retry (GstMmioVidSrc * self,
    const GstMmioFrameTime * frame);
void gst_mmio_follow_drop (GstMmioVidSrc * self);
gboolean gst_mmio_follow_take (GstMmioVidSrc * self, GstMmioFrameTime * frame);
void gst_mmio_follow_find (GstMmioVidSrc * self, GstMmioFrameTime * frame);
GstFlowReturn gst_mmio_follow_renew (GstMmioVidSrc * self);
gboolean gst_mmio_follow_replace (GstMmioVidSrc * self, MmioCapture * capture,
    GError ** error);

void gst_mmio_reconnect_reset (GstMmioReconnect * reconnect);
GstFlowReturn gst_mmio_reconnect (GstMmioVidSrc * self);
void gst_mmio_reconnect_notify (gpointer data);

G_END_DECLS
