/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The element's structure, for its own files: gstmmiovidsrc.c,
 * gstmmionegotiation.c, gstmmiocaptureloop.c and gstmmiodevicestate.c. */

#include <gst/video/video.h>

#include "capture/mmiocapture.h"
#include "gstmmiocapturethread.h"
#include "gstmmiodevicesync.h"
#include "gstmmioframequeue.h"
#include "gstmmiohealth.h"
#include "gstmmiolatency.h"
#include "gstmmiosettings.h"
#include "gstmmiovidsrc.h"
#include "gstmmioio.h"

G_BEGIN_DECLS GST_DEBUG_CATEGORY_EXTERN (gst_mmio_vid_src_debug);

/**
 * GstMmioStep:
 * @GST_MMIO_STEP_DONE: the next step follows
 * @GST_MMIO_STEP_AGAIN: there is nothing to send; begin again
 * @GST_MMIO_STEP_GONE: the device is gone
 * @GST_MMIO_STEP_FAILED: gst_mmio_capture_loop_fail() was called
 *
 * The result of a step of the capture loop.
 */
typedef enum
{
  GST_MMIO_STEP_DONE,
  GST_MMIO_STEP_AGAIN,
  GST_MMIO_STEP_GONE,
  GST_MMIO_STEP_FAILED,
} GstMmioStep;

/**
 * GstMmioState:
 * @GST_MMIO_STATE_LIVE: the device shows what is captured
 * @GST_MMIO_STATE_MODE_CHANGING: it shows nothing, or something else
 * @GST_MMIO_STATE_STALLED: it has no new frame
 * @GST_MMIO_STATE_AWAY: it is gone
 *
 * The state of the device.
 */
typedef enum
{
  GST_MMIO_STATE_LIVE,
  GST_MMIO_STATE_MODE_CHANGING,
  GST_MMIO_STATE_STALLED,
  GST_MMIO_STATE_AWAY,
} GstMmioState;

/**
 * GstMmioDeviceState:
 * @state: the state
 * @is_outdated: while %GST_MMIO_STATE_MODE_CHANGING: the device has shown
 *   something else, so it is captured anew
 * @has_pending: a frame was due that could not be read yet
 * @pending: that frame
 * @is_retried: it was read in vain once
 * @next_attempt: while %GST_MMIO_STATE_AWAY: when to look for the device, as
 *   g_get_monotonic_time() has it
 * @returned_at: when it came back; 0: it was never away
 * @last_count: when the device started its last frame, or was first waited for
 * @is_unlinked: its file was deleted or renamed, and applications were warned
 * @doubt: what applications were warned of its frame counter
 * @health: what applications are warned of
 *
 * What the capture thread knows of the device.
 */
typedef struct
{
  GstMmioState state;
  gboolean is_outdated;
  gboolean has_pending;
  GstMmioFrameTime pending;
  gboolean is_retried;
  gint64 next_attempt;
  gint64 returned_at;
  gint64 last_count;
  gboolean is_unlinked;
  MmioDoubt doubt;
  GstMmioHealth health;
} GstMmioDeviceState;

struct _GstMmioVidSrc
{
  GstPushSrc parent;

  /* Under the object lock */
  GstMmioSettings settings;
  GstStructure *last_stats;     /* of the last run, for after the stop */
  GstClockTime configured_latency;      /* as the LATENCY event has it */
  GstMmioLatency latency;       /* the element's own */
  gboolean copies;              /* what latency is the latency of */
  GstClockTime period;          /* negotiated, or GST_CLOCK_TIME_NONE */
  GstClockTime device_period;   /* measured, or GST_CLOCK_TIME_NONE */
  GstClockTime posted_period;   /* at the last latency message */
  guint max_buffers;            /* of the pool; 0: no limit */
  guint max_frames;             /* that fit into the queue's memory */
  gboolean latency_changed;
  guint64 sent;
  guint64 torn;
  gboolean forget;              /* the consumer may not have the last frame */
  GError *failure;              /* why the capture thread has given up */
  gboolean is_failure_posted;
  GThread *changing;            /* the thread that pauses or resumes */
  gboolean is_unlocked;         /* between unlock() and unlock_stop() */

  /* From the start, in which they are read, to the stop */
  gboolean are_settings_used;

  /* From start to stop.  The thread that captures, or that holds it, replaces
   * them under the object lock, as others read them under it. */
  MmioCapture *capture;
  GstMmioIO *io;

  /* Written by the streaming thread while the capture thread is parked */
  GstVideoInfo info;
  MmioFormat target_format;
  gboolean is_dma_buf;
  GstMmioPacer pacer;

  /* Streaming thread only */
  GstCaps *downstream;          /* all that it took at the last negotiation */
  gboolean keeps_allocation;
  gboolean has_video_meta;      /* it knows of them since the last allocation */

  /* Capture thread only */
  GstMmioDeviceState device;
  GstMmioDeviceSync sync;
  gboolean is_discont;

  GstMmioFrameQueue queue;
  GstMmioCaptureThread thread;
};

/* The parent class.  The element's type is final, so it is always the same. */
static inline GstBaseSrcClass *
gst_mmio_vid_src_get_parent (void)
{
  return GST_BASE_SRC_CLASS (g_type_class_peek (GST_TYPE_PUSH_SRC));
}

/* Whether it is the device that starts a frame, so that there may be no
 * constant rate */
static inline gboolean
gst_mmio_vid_src_is_device_synced (GstMmioVidSrc * self)
{
  return mmio_capture_get_info (self->capture)->frame_sync !=
      MMIO_FRAME_SYNC_CLOCK;
}

void gst_mmio_vid_src_estimate_latency (GstMmioVidSrc * self, gboolean copies);

void gst_mmio_negotiation_init_class (GstBaseSrcClass * klass);
void gst_mmio_negotiation_init (GstMmioVidSrc * self);
gboolean gst_mmio_negotiation_renew (GstMmioVidSrc * self);

gboolean gst_mmio_capture_loop_start (GstMmioVidSrc * self, GError ** error);
void gst_mmio_capture_loop_stop (GstMmioVidSrc * self);
void gst_mmio_capture_loop_wake (GstMmioVidSrc * self);
void gst_mmio_capture_loop_hold (GstMmioVidSrc * self, GstMmioHold hold);
GstMmioStep gst_mmio_capture_loop_fail (GstMmioVidSrc * self, GError * error);
GstClockTime gst_mmio_capture_loop_get_period (GstMmioVidSrc * self);
gboolean gst_mmio_capture_loop_get_now (GstMmioVidSrc * self,
    GstClockTimeDiff * now);

void gst_mmio_device_state_reset (GstMmioDeviceState * device);
GstMmioStep gst_mmio_device_state_prepare (GstMmioVidSrc * self);
gboolean gst_mmio_device_state_poll (GstMmioVidSrc * self);
void gst_mmio_device_state_keep (GstMmioVidSrc * self,
    const GstMmioFrameTime * frame);
void gst_mmio_device_state_retry (GstMmioVidSrc * self,
    const GstMmioFrameTime * frame);
void gst_mmio_device_state_drop (GstMmioVidSrc * self);
gboolean gst_mmio_device_state_take (GstMmioVidSrc * self,
    GstMmioFrameTime * frame);
void gst_mmio_device_state_note_count (GstMmioVidSrc * self, gint64 time);
void gst_mmio_device_state_note_stall (GstMmioVidSrc * self);
void gst_mmio_device_state_note_frame (GstMmioVidSrc * self, gboolean is_torn);
GstMmioStep gst_mmio_device_state_handle_removal (GstMmioVidSrc * self);
void gst_mmio_device_state_notify (gpointer data);

G_END_DECLS
