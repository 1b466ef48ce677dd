/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstqueuearray.h>

#include "gstmmiopacer.h"

G_BEGIN_DECLS

/* Half a second at 240 Hz */
#define GST_MMIO_FRAME_QUEUE_MAX 128

/* Capacity while the rate is unknown: as V4L2 (VIDEO_MAX_FRAME) */
#define GST_MMIO_FRAME_QUEUE_DEFAULT 32

/* Memory of queued copies: a fifth of a second of 4K at 60 Hz, rounded up */
#define GST_MMIO_FRAME_QUEUE_MAX_BYTES ((gsize) 512 << 20)

/**
 * GstMmioFrame:
 * @buffer: (transfer full): the stamped buffer
 * @time: its number and time; @time.missed counts the frames missed before it
 * @is_discont: whether the device or its mode has changed since the previous frame
 *
 * A captured frame.
 */
typedef struct {
  GstBuffer *buffer;
  GstMmioFrameTime time;
  gboolean is_discont;
} GstMmioFrame;

/**
 * GstMmioPop:
 * @GST_MMIO_POP_FRAME: a frame was popped
 * @GST_MMIO_POP_WOKEN: gst_mmio_frame_queue_wake() was called
 * @GST_MMIO_POP_CLOSED: the queue is closed and empty
 * @GST_MMIO_POP_FLUSHING: the queue is flushing
 *
 * The result of gst_mmio_frame_queue_pop().
 */
typedef enum {
  GST_MMIO_POP_FRAME,
  GST_MMIO_POP_WOKEN,
  GST_MMIO_POP_CLOSED,
  GST_MMIO_POP_FLUSHING,
} GstMmioPop;

/**
 * GstMmioFrameQueue:
 *
 * Captured frames for the streaming thread. Only the queue counts missed frames. A
 * full queue drops its oldest frame.
 *
 * Locking: has a lock. With it, calls other code only to change metas of queued
 * buffers. One thread pushes, one thread pops; other functions may be called from
 * any thread.
 */
typedef struct {
  /*< private >*/
  GMutex lock;
  GCond changed;
  GstQueueArray *frames;
  guint epoch;
  gboolean is_flushing;
  gboolean is_paused;
  gboolean is_woken;
  gboolean is_closed;
  gboolean is_waiting;
  guint64 lost;
  guint64 wanted;
  guint64 missed;
  guint64 dropped;
} GstMmioFrameQueue;

void gst_mmio_frame_queue_init (GstMmioFrameQueue * queue);
void gst_mmio_frame_queue_clear (GstMmioFrameQueue * queue);
void gst_mmio_frame_queue_reset (GstMmioFrameQueue * queue);

guint gst_mmio_frame_queue_get_epoch (GstMmioFrameQueue * queue);
gboolean gst_mmio_frame_queue_push (GstMmioFrameQueue * queue,
    GstMmioFrame * frame, guint capacity, guint epoch);
gboolean gst_mmio_frame_queue_drop_oldest (GstMmioFrameQueue * queue,
    const GstBufferPool * pool);
void gst_mmio_frame_queue_add_missed (GstMmioFrameQueue * queue, guint64 n);
gboolean gst_mmio_frame_queue_discard (GstMmioFrameQueue * queue,
    GstMmioFrame * newest);

GstMmioPop gst_mmio_frame_queue_pop (GstMmioFrameQueue * queue,
    GstMmioFrame * frame);

void gst_mmio_frame_queue_wake (GstMmioFrameQueue * queue);
void gst_mmio_frame_queue_set_paused (GstMmioFrameQueue * queue,
    gboolean paused);
void gst_mmio_frame_queue_set_closed (GstMmioFrameQueue * queue,
    gboolean closed);
void gst_mmio_frame_queue_flush_start (GstMmioFrameQueue * queue);
void gst_mmio_frame_queue_flush_stop (GstMmioFrameQueue * queue);

void gst_mmio_frame_queue_count_lost (GstMmioFrameQueue * queue);
void gst_mmio_frame_queue_set_wanted (GstMmioFrameQueue * queue, guint64 n);
gboolean gst_mmio_frame_queue_is_complete (GstMmioFrameQueue * queue);
void gst_mmio_frame_queue_get_counts (GstMmioFrameQueue * queue,
    guint64 * missed, guint64 * dropped);

G_END_DECLS
