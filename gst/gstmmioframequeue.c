/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The queue between the capture thread and the streaming thread.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmioframequeue.h"

#include "gstmmiobuffer.h"

void
gst_mmio_frame_queue_init (GstMmioFrameQueue * queue)
{
  *queue = (GstMmioFrameQueue) {
  .frames = gst_queue_array_new_for_struct (sizeof (GstMmioFrame),
        GST_MMIO_FRAME_QUEUE_MAX)};
  g_mutex_init (&queue->lock);
  g_cond_init (&queue->changed);
}

/* Drops the oldest frame, and counts it as missed before the next one. Its
 * damage is merged into the next one. If the queue gets empty, the count goes
 * to the frame that is being captured. Returns: (transfer full) (nullable):
 * the buffer.
 * Locking: called with the lock. */
static GstBuffer *
drop_oldest (GstMmioFrameQueue * queue)
{
  GstMmioFrame *frame = gst_queue_array_pop_head_struct (queue->frames);
  GstMmioFrame *next;
  GstBuffer *buffer;
  guint64 missed;

  if (!frame)
    return NULL;

  buffer = g_steal_pointer (&frame->buffer);
  missed = frame->time.missed + 1;
  next = gst_queue_array_peek_head_struct (queue->frames);
  if (next) {
    next->time.missed += missed;
    gst_mmio_buffer_merge_damage (next->buffer, buffer);
  } else {
    queue->lost += missed;
  }
  queue->dropped++;

  return buffer;
}

/* Drops the oldest frames until @most are left.
 * Locking: called with the lock, which is released to unref a buffer. */
static void
shorten (GstMmioFrameQueue * queue, guint most)
{
  while (gst_queue_array_get_length (queue->frames) > most) {
    GstBuffer *buffer = drop_oldest (queue);

    g_mutex_unlock (&queue->lock);
    gst_buffer_unref (buffer);
    g_mutex_lock (&queue->lock);
  }
}

/* Locking: called with the lock */
static void
count_lost (GstMmioFrameQueue * queue)
{
  queue->missed += queue->lost;
  queue->lost = 0;
}

/* Removes all frames. They are not missed, but the frames missed before them
 * are counted.
 * Locking: called with the lock, which is released to unref a buffer. */
static void
remove_all (GstMmioFrameQueue * queue)
{
  GstMmioFrame *frame;

  while ((frame = gst_queue_array_pop_head_struct (queue->frames))) {
    GstBuffer *buffer = g_steal_pointer (&frame->buffer);

    queue->missed += frame->time.missed;
    g_mutex_unlock (&queue->lock);
    gst_buffer_unref (buffer);
    g_mutex_lock (&queue->lock);
  }
}

/**
 * gst_mmio_frame_queue_reset:
 *
 * Empties the queue and sets its counts to 0, for a new run.
 */
void
gst_mmio_frame_queue_reset (GstMmioFrameQueue * queue)
{
  g_mutex_lock (&queue->lock);
  remove_all (queue);
  queue->is_paused = FALSE;
  queue->is_woken = FALSE;
  queue->is_closed = FALSE;
  queue->lost = 0;
  queue->wanted = G_MAXUINT64;
  queue->missed = 0;
  queue->dropped = 0;
  g_mutex_unlock (&queue->lock);
}

void
gst_mmio_frame_queue_clear (GstMmioFrameQueue * queue)
{
  gst_mmio_frame_queue_reset (queue);
  gst_queue_array_free (queue->frames);
  g_cond_clear (&queue->changed);
  g_mutex_clear (&queue->lock);
}

/**
 * gst_mmio_frame_queue_get_epoch:
 *
 * Gets the epoch, which changes with each flush.
 *
 * Returns: the epoch
 */
guint
gst_mmio_frame_queue_get_epoch (GstMmioFrameQueue * queue)
{
  guint epoch;

  g_mutex_lock (&queue->lock);
  epoch = queue->epoch;
  g_mutex_unlock (&queue->lock);

  return epoch;
}

/* Locking: called with the lock */
static gboolean
is_current (const GstMmioFrameQueue * queue, guint epoch)
{
  return !queue->is_flushing && epoch == queue->epoch;
}

/**
 * gst_mmio_frame_queue_push:
 * @frame: (transfer full): a frame
 * @capacity: number of frames that the queue may hold now, at least 1
 * @epoch: gst_mmio_frame_queue_get_epoch() before the wait for the frame
 *
 * Appends @frame, and drops the oldest frames of a full queue. A frame from before
 * a flush is freed.
 *
 * Returns: FALSE if @frame is from before a flush
 */
gboolean
gst_mmio_frame_queue_push (GstMmioFrameQueue * queue, GstMmioFrame * frame,
    guint capacity, guint epoch)
{
  gboolean ret;

  g_mutex_lock (&queue->lock);
  ret = is_current (queue, epoch);
  if (ret) {
    frame->time.missed += queue->lost;
    queue->lost = 0;
    gst_queue_array_push_tail_struct (queue->frames, frame);
    frame->buffer = NULL;
    g_cond_signal (&queue->changed);
    shorten (queue, capacity);
  }
  g_mutex_unlock (&queue->lock);

  gst_clear_buffer (&frame->buffer);
  return ret;
}

/**
 * gst_mmio_frame_queue_drop_oldest:
 * @pool: (nullable): the pool that needs a buffer; NULL accepts each buffer
 *
 * Drops the oldest frame, so that its buffer can be reused, unless the buffer is
 * from another pool. The caller has to capture its damage again.
 *
 * Returns: whether a frame was dropped
 */
gboolean
gst_mmio_frame_queue_drop_oldest (GstMmioFrameQueue * queue,
    const GstBufferPool * pool)
{
  const GstMmioFrame *oldest;
  GstBuffer *buffer = NULL;

  g_mutex_lock (&queue->lock);
  oldest = gst_queue_array_peek_head_struct (queue->frames);
  if (oldest && (!pool || oldest->buffer->pool == pool))
    buffer = drop_oldest (queue);
  g_mutex_unlock (&queue->lock);

  if (!buffer)
    return FALSE;
  gst_buffer_unref (buffer);
  return TRUE;
}

/**
 * gst_mmio_frame_queue_add_missed:
 * @n: number of frames that were due and not captured
 *
 * Counts frames as missed before the next one that is pushed.
 */
void
gst_mmio_frame_queue_add_missed (GstMmioFrameQueue * queue, guint64 n)
{
  g_mutex_lock (&queue->lock);
  queue->lost += n;
  g_mutex_unlock (&queue->lock);
}

/**
 * gst_mmio_frame_queue_discard:
 * @newest: (out): the newest frame without its buffer, if the queue had frames
 *
 * Removes all frames, because their caps are outdated. All but the newest one are
 * dropped, and count as missed.
 *
 * Returns: whether the queue had frames
 */
gboolean
gst_mmio_frame_queue_discard (GstMmioFrameQueue * queue, GstMmioFrame * newest)
{
  GstMmioFrame *frame;
  GstBuffer *buffer = NULL;

  g_mutex_lock (&queue->lock);
  shorten (queue, 1);
  frame = gst_queue_array_pop_head_struct (queue->frames);
  if (frame) {
    buffer = g_steal_pointer (&frame->buffer);
    queue->lost += frame->time.missed;
    *newest = *frame;
    newest->time.missed = 0;
  }
  g_mutex_unlock (&queue->lock);

  if (!frame)
    return FALSE;
  gst_buffer_unref (buffer);
  return TRUE;
}

/**
 * gst_mmio_frame_queue_pop:
 * @frame: (out): the oldest frame, after %GST_MMIO_POP_FRAME
 *
 * Waits for the end of a pause, and for a frame.
 *
 * Returns: the result of the wait
 */
GstMmioPop
gst_mmio_frame_queue_pop (GstMmioFrameQueue * queue, GstMmioFrame * frame)
{
  GstMmioFrame *oldest = NULL;
  GstMmioPop ret;

  g_mutex_lock (&queue->lock);
  queue->is_waiting = TRUE;
  while (!queue->is_flushing && !queue->is_woken &&
      !(gst_queue_array_is_empty (queue->frames) ? queue->is_closed :
          !queue->is_paused))
    g_cond_wait (&queue->changed, &queue->lock);

  queue->is_waiting = FALSE;
  if (queue->is_flushing) {
    if (gst_queue_array_is_empty (queue->frames))
      count_lost (queue);
    ret = GST_MMIO_POP_FLUSHING;
  } else if (queue->is_woken) {
    queue->is_woken = FALSE;
    ret = GST_MMIO_POP_WOKEN;
  } else {
    oldest = gst_queue_array_pop_head_struct (queue->frames);
    ret = oldest ? GST_MMIO_POP_FRAME : GST_MMIO_POP_CLOSED;
  }
  if (oldest) {
    *frame = *oldest;
    oldest->buffer = NULL;
    queue->missed += frame->time.missed;
    if (queue->wanted != G_MAXUINT64)
      queue->wanted--;
  }
  g_mutex_unlock (&queue->lock);

  return ret;
}

/**
 * gst_mmio_frame_queue_wake:
 *
 * Ends the current or next wait of gst_mmio_frame_queue_pop() once.
 */
void
gst_mmio_frame_queue_wake (GstMmioFrameQueue * queue)
{
  g_mutex_lock (&queue->lock);
  queue->is_woken = TRUE;
  g_cond_broadcast (&queue->changed);
  g_mutex_unlock (&queue->lock);
}

/**
 * gst_mmio_frame_queue_set_paused:
 * @paused: whether frames stay in the queue
 *
 * Begins or ends a pause.
 */
void
gst_mmio_frame_queue_set_paused (GstMmioFrameQueue * queue, gboolean paused)
{
  g_mutex_lock (&queue->lock);
  queue->is_paused = paused;
  g_cond_broadcast (&queue->changed);
  g_mutex_unlock (&queue->lock);
}

/**
 * gst_mmio_frame_queue_set_closed:
 * @closed: whether the capture thread waits for the streaming thread
 *
 * Closes or reopens the queue. gst_mmio_frame_queue_pop() of an empty closed queue
 * does not wait.
 */
void
gst_mmio_frame_queue_set_closed (GstMmioFrameQueue * queue, gboolean closed)
{
  g_mutex_lock (&queue->lock);
  queue->is_closed = closed;
  g_cond_broadcast (&queue->changed);
  g_mutex_unlock (&queue->lock);
}

/**
 * gst_mmio_frame_queue_flush_start:
 *
 * Ends each wait, until gst_mmio_frame_queue_flush_stop().
 */
void
gst_mmio_frame_queue_flush_start (GstMmioFrameQueue * queue)
{
  g_mutex_lock (&queue->lock);
  queue->is_flushing = TRUE;
  g_cond_broadcast (&queue->changed);
  g_mutex_unlock (&queue->lock);
}

/**
 * gst_mmio_frame_queue_flush_stop:
 *
 * Empties the queue. Flushed frames are not missed.
 */
void
gst_mmio_frame_queue_flush_stop (GstMmioFrameQueue * queue)
{
  g_mutex_lock (&queue->lock);
  remove_all (queue);
  queue->epoch++;
  queue->is_flushing = FALSE;
  g_mutex_unlock (&queue->lock);
}

/**
 * gst_mmio_frame_queue_count_lost:
 *
 * Counts the frames that were lost since the last pushed one as missed. Called when
 * no further frame follows.
 */
void
gst_mmio_frame_queue_count_lost (GstMmioFrameQueue * queue)
{
  g_mutex_lock (&queue->lock);
  count_lost (queue);
  g_mutex_unlock (&queue->lock);
}

/**
 * gst_mmio_frame_queue_set_wanted:
 * @n: number of frames still to pop, or %G_MAXUINT64
 *
 * Sets the number of frames that the consumer wants.
 */
void
gst_mmio_frame_queue_set_wanted (GstMmioFrameQueue * queue, guint64 n)
{
  g_mutex_lock (&queue->lock);
  queue->wanted = n;
  g_mutex_unlock (&queue->lock);
}

/**
 * gst_mmio_frame_queue_is_complete:
 *
 * Checks whether the queue has all wanted frames.
 *
 * Returns: whether no further frame has to be captured
 */
gboolean
gst_mmio_frame_queue_is_complete (GstMmioFrameQueue * queue)
{
  gboolean ret;

  g_mutex_lock (&queue->lock);
  ret = gst_queue_array_get_length (queue->frames) >= queue->wanted;
  g_mutex_unlock (&queue->lock);

  return ret;
}

/**
 * gst_mmio_frame_queue_get_counts:
 * @missed: (out): number of frames missed before the last popped one, or until now
 *   if gst_mmio_frame_queue_pop() waits
 * @dropped: (out): number of frames that a full queue has dropped
 *
 * Gets the counts since the last reset.
 */
void
gst_mmio_frame_queue_get_counts (GstMmioFrameQueue * queue, guint64 * missed,
    guint64 * dropped)
{
  g_mutex_lock (&queue->lock);
  *missed = queue->missed;
  if (queue->is_waiting) {
    const GstMmioFrame *oldest =
        gst_queue_array_peek_head_struct (queue->frames);

    *missed += oldest ? oldest->time.missed : queue->lost;
  }
  *dropped = queue->dropped;
  g_mutex_unlock (&queue->lock);
}
