/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The structure of the element, for gstmmiovidsrc*.c, gstmmionegotiation.c,
 * gstmmiocaptureloop.c, gstmmioframewait.c and gstmmiodevicestate.c. */

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

G_BEGIN_DECLS

GST_DEBUG_CATEGORY_EXTERN (gst_mmio_vid_src_debug);

/* Microseconds between two polls of a device without a mode while a frame is
 * pending: the period of 50 Hz */
#define GST_MMIO_PENDING_PAUSE 20000

/**
 * GstMmioStep:
 * @GST_MMIO_STEP_DONE: the next step follows
 * @GST_MMIO_STEP_AGAIN: no frame to send; the loop starts again
 * @GST_MMIO_STEP_GONE: the device is removed
 * @GST_MMIO_STEP_FAILED: gst_mmio_capture_loop_fail() was called
 *
 * The result of a step of the capture loop.
 */
typedef enum {
  GST_MMIO_STEP_DONE,
  GST_MMIO_STEP_AGAIN,
  GST_MMIO_STEP_GONE,
  GST_MMIO_STEP_FAILED,
} GstMmioStep;

/**
 * GstMmioState:
 * @GST_MMIO_STATE_LIVE: the device has the captured mode
 * @GST_MMIO_STATE_MODE_CHANGING: the device has no mode, or another one
 * @GST_MMIO_STATE_STALLED: the device starts no frame
 * @GST_MMIO_STATE_AWAY: the device is removed
 *
 * The state of the device.
 */
typedef enum {
  GST_MMIO_STATE_LIVE,
  GST_MMIO_STATE_MODE_CHANGING,
  GST_MMIO_STATE_STALLED,
  GST_MMIO_STATE_AWAY,
} GstMmioState;

/**
 * GstMmioDeviceState:
 * @state: the state
 * @is_outdated: with %GST_MMIO_STATE_MODE_CHANGING: the mode has changed, so that
 *   the capture has to be replaced
 * @has_pending: a frame was due and could not be read yet
 * @pending: the pending frame
 * @is_retried: the pending frame was read once without success
 * @next_attempt: with %GST_MMIO_STATE_AWAY: when to reopen the device
 *   (g_get_monotonic_time())
 * @returned_at: when the device last returned (g_get_monotonic_time()); 0 if it was
 *   never removed
 * @last_count: when the device started its last frame, or when the wait for its
 *   first one began (g_get_monotonic_time())
 * @is_unlinked: the file was deleted or renamed, and a warning was posted
 * @doubt: the last warning about the frame counter
 * @health: the health report
 *
 * The state of the device, used by the capture thread.
 */
typedef struct {
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

  /* Locking: protected by the object lock */
  GstMmioSettings settings;
  GstStructure *last_stats;     /* of the last run */
  GstClockTime configured_latency;      /* of the LATENCY event */
  GstMmioLatency latency;       /* of the element */
  gboolean copies;              /* whether latency includes a copy */
  GstClockTime period;          /* negotiated, or GST_CLOCK_TIME_NONE */
  GstClockTime device_period;   /* measured, or GST_CLOCK_TIME_NONE */
  GstClockTime posted_period;   /* at the last latency message */
  guint max_buffers;            /* of the pool; 0: no limit */
  guint max_frames;             /* that the memory of the queue allows */
  gboolean latency_changed;
  guint64 sent;
  guint64 torn;
  gboolean forget;              /* downstream may not have the last frame */
  GError *failure;              /* why the capture has failed */
  gboolean is_failure_posted;
  GThread *changing;            /* thread that pauses or resumes */
  gboolean is_unlocked;         /* between unlock() and unlock_stop() */

  /* From the read of the settings at the start to the stop */
  gboolean are_settings_used;

  /* From start to stop. The capture thread, or the thread that holds it,
   * replaces them under the object lock. Other threads read them under it. */
  MmioCapture *capture;
  GstMmioIO *io;

  /* Written by the streaming thread while the capture thread is parked */
  GstVideoInfo info;
  MmioFormat target_format;
  gboolean is_dma_buf;
  GstMmioPacer pacer;

  /* Streaming thread only */
  GstCaps *downstream;          /* caps that it accepted at the last negotiation */
  gboolean keeps_allocation;
  gboolean has_video_meta;      /* of the last allocation */

  /* Capture thread only */
  GstMmioDeviceState device;
  GstMmioDeviceSync sync;
  gboolean is_discont;

  GstMmioFrameQueue queue;
  GstMmioCaptureThread thread;
};

/* Returns: the parent class, which is always the same, as the type of the
 * element is final */
static inline GstBaseSrcClass *
gst_mmio_vid_src_get_parent (void)
{
  return GST_BASE_SRC_CLASS (g_type_class_peek (GST_TYPE_PUSH_SRC));
}

/* Returns: whether the device starts the frames, so that the rate may vary */
static inline gboolean
gst_mmio_vid_src_is_device_synced (GstMmioVidSrc * self)
{
  return mmio_capture_get_info (self->capture)->frame_sync !=
      MMIO_FRAME_SYNC_CLOCK;
}

void gst_mmio_vid_src_init_uri_handler (gpointer g_iface, gpointer iface_data);

void gst_mmio_vid_src_init_stream_class (GstPushSrcClass * klass);

void gst_mmio_vid_src_estimate_latency (GstMmioVidSrc * self, gboolean copies);
void gst_mmio_vid_src_measure_latency (GstMmioVidSrc * self,
    const GstMmioFrameTime * frame);
gboolean gst_mmio_vid_src_query_latency (GstMmioVidSrc * self,
    GstQuery * query);
GstClockTime gst_mmio_vid_src_get_period (GstMmioVidSrc * self);
void gst_mmio_vid_src_update_device_period (GstMmioVidSrc * self);

GstMmioStep gst_mmio_frame_wait_run (GstMmioVidSrc * self,
    GstMmioFrameTime * frame);
void gst_mmio_frame_wait_count_missed (GstMmioVidSrc * self,
    GstMmioFrameTime * frame);
gboolean gst_mmio_frame_wait_get_now (GstMmioVidSrc * self,
    GstClockTimeDiff * now);

void gst_mmio_negotiation_init_class (GstBaseSrcClass * klass);
void gst_mmio_negotiation_init (GstMmioVidSrc * self);
gboolean gst_mmio_negotiation_renew (GstMmioVidSrc * self);

gboolean gst_mmio_capture_loop_start (GstMmioVidSrc * self, GError ** error);
void gst_mmio_capture_loop_stop (GstMmioVidSrc * self);
void gst_mmio_capture_loop_wake (GstMmioVidSrc * self);
void gst_mmio_capture_loop_hold (GstMmioVidSrc * self, GstMmioHold hold);
GstMmioStep gst_mmio_capture_loop_fail (GstMmioVidSrc * self, GError * error);

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
