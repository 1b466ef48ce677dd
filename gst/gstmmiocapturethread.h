/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/**
 * GstMmioHold:
 * @GST_MMIO_HOLD_NEGOTIATION: caps and buffers are being negotiated
 * @GST_MMIO_HOLD_CHANGE: the frames have changed, and have to be negotiated
 * @GST_MMIO_HOLD_FLUSH: the element is flushing
 * @GST_MMIO_HOLD_FAILURE: the capture has failed; the streaming thread reports it
 * @GST_MMIO_HOLD_COMPLETE: all frames of num-buffers are captured
 * @GST_MMIO_HOLD_IDLE: the streaming thread is paused
 * @GST_MMIO_HOLD_STOP: the thread has to end
 *
 * Reasons to hold the capture thread, as bits.
 */
typedef enum {
  GST_MMIO_HOLD_NEGOTIATION = 1 << 0,
  GST_MMIO_HOLD_CHANGE = 1 << 1,
  GST_MMIO_HOLD_FLUSH = 1 << 2,
  GST_MMIO_HOLD_FAILURE = 1 << 3,
  GST_MMIO_HOLD_COMPLETE = 1 << 4,
  GST_MMIO_HOLD_IDLE = 1 << 5,
  GST_MMIO_HOLD_STOP = 1 << 6,
} GstMmioHold;

/**
 * GstMmioEvent:
 * @GST_MMIO_EVENT_FLUSH: a flush began
 * @GST_MMIO_EVENT_PAUSE: a pause began
 * @GST_MMIO_EVENT_HOTPLUG: the device may have been removed or may have returned
 *
 * Events for the capture thread, as bits.
 */
typedef enum {
  GST_MMIO_EVENT_FLUSH = 1 << 0,
  GST_MMIO_EVENT_PAUSE = 1 << 1,
  GST_MMIO_EVENT_HOTPLUG = 1 << 2,
} GstMmioEvent;

/**
 * GstMmioCaptureThread:
 *
 * The capture thread. While it is held and parked, its state belongs to the thread
 * that holds it.
 *
 * Locking: has a lock, and does not hold it while it calls other code.
 */
typedef struct {
  /*< private >*/
  GThread *thread;
  GMutex lock;
  GCond changed;
  guint holds;
  guint events;
  gboolean is_paused;
  gboolean is_parked;
  gboolean is_waiting;
  GstClockID id;
} GstMmioCaptureThread;

void gst_mmio_capture_thread_init (GstMmioCaptureThread * thread);
void gst_mmio_capture_thread_clear (GstMmioCaptureThread * thread);

gboolean gst_mmio_capture_thread_start (GstMmioCaptureThread * thread,
    GThreadFunc func, gpointer data, GError ** error);
void gst_mmio_capture_thread_join (GstMmioCaptureThread * thread);

void gst_mmio_capture_thread_hold (GstMmioCaptureThread * thread,
    GstMmioHold hold);
gboolean gst_mmio_capture_thread_wait_parked (GstMmioCaptureThread * thread,
    gint64 microseconds);
void gst_mmio_capture_thread_release (GstMmioCaptureThread * thread,
    GstMmioHold hold);
void gst_mmio_capture_thread_set_paused (GstMmioCaptureThread * thread,
    gboolean paused);
void gst_mmio_capture_thread_notify_hotplug (GstMmioCaptureThread * thread);

gboolean gst_mmio_capture_thread_enter (GstMmioCaptureThread * thread,
    guint * events);
gboolean gst_mmio_capture_thread_is_woken (GstMmioCaptureThread * thread);
gboolean gst_mmio_capture_thread_is_paused (GstMmioCaptureThread * thread);
gboolean gst_mmio_capture_thread_has_paused (GstMmioCaptureThread * thread);
gboolean gst_mmio_capture_thread_is_held (GstMmioCaptureThread * thread,
    GstMmioHold hold);
gboolean gst_mmio_capture_thread_wait_playing (GstMmioCaptureThread * thread);
gboolean gst_mmio_capture_thread_wait_clock (GstMmioCaptureThread * thread,
    GstClock * clock, GstClockTime time);
gboolean gst_mmio_capture_thread_sleep (GstMmioCaptureThread * thread,
    gint64 microseconds);

G_END_DECLS
