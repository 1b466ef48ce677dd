/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waits for the frames of a capture, reads them and counts them.
 */
#include "capture/mmiocapturepriv.h"

#include "base/mmioerror.h"
#include "base/mmioprocess.h"
#include "map/mmioguard.h"

/* Passes over a frame that changes during a read.  A device that writes slowly needs a
 * second one; for a device that always writes, none helps. */
#define MAX_TRIES 4
/* The same after a frame that changed in each pass: one that may begin at the wrong
 * moment, and one that begins after the change */
#define FEWER_TRIES 2

static guint64
get_frame_bytes (const MmioLayout * layout)
{
  guint64 bytes = 0;

  for (guint i = 0; i < layout->format.n_planes; i++)
    bytes += (guint64) layout->plane[i].row_bytes * layout->plane[i].rows;

  return bytes;
}

/**
 * mmio_capture_get_period:
 *
 * Locking: only the thread that waits calls it.
 *
 * Returns: the device's measured frame period (microseconds); 0 if it is not known
 */
gint64
mmio_capture_get_period (const MmioCapture * capture)
{
  switch (capture->config.frame_sync) {
    case MMIO_FRAME_SYNC_COUNTER:
      return mmio_counter_get_period (capture->counter);
    case MMIO_FRAME_SYNC_INTERRUPT:
      return capture->interrupt_rate.period;
    case MMIO_FRAME_SYNC_CLOCK:
    default:
      return 0;
  }
}

/* Whether the device is present.  After a change of mode, memory that only the former
 * frame needs may be missing. */
static gboolean
check (MmioCapture * capture)
{
  GError *removal = NULL;

  if (mmio_liveness_get_removal (capture->liveness))
    return FALSE;
  if (mmio_device_check (capture->device, capture->info.bar, &removal))
    return TRUE;

  if (capture->mode && mmio_region_is_needed (capture->info.region) &&
      mmio_capture_poll_mode (capture) != MMIO_MODE_SAME) {
    g_error_free (removal);
    return mmio_liveness_check (capture->liveness);
  }

  mmio_liveness_mark_removed (capture->liveness, removal);
  return FALSE;
}

/**
 * mmio_capture_check_present:
 *
 * Checks whether the mapped memory is still that of the device.  The next
 * mmio_capture_read() or mmio_capture_choose() relies on this check instead of
 * making its own.  A device that is absent stays so; its maps are revoked, and
 * mmio_capture_get_removal() has the reason.
 *
 * Locking: only the thread that reads calls it.
 *
 * Returns: whether the device is present
 */
gboolean
mmio_capture_check_present (MmioCapture * capture)
{
  capture->is_checked = check (capture);
  return capture->is_checked;
}

/**
 * mmio_capture_is_unlinked:
 *
 * Locking: only the thread that reads calls it.
 *
 * Returns: as mmio_device_is_unlinked()
 */
gboolean
mmio_capture_is_unlinked (const MmioCapture * capture)
{
  return mmio_device_is_unlinked (capture->device);
}

/* Each frame is checked twice: once before it is read, by the first of
 * mmio_capture_wait(), mmio_capture_check_present() and the read itself, and once
 * after it */
static gboolean
check_before_read (MmioCapture * capture)
{
  /* A forked child does not have the maps, whatever was checked before */
  const gboolean ret = (capture->is_checked &&
      mmio_process_is_current (capture->process)) || check (capture);

  capture->is_checked = FALSE;
  return ret;
}

/* The device delivers no more interrupts, although it seems to be present */
static GError *
new_silence_error (const MmioCapture * capture)
{
  const gboolean is_uio =
      mmio_device_get_access (capture->device) == MMIO_ACCESS_UIO;
  GError *error = NULL;

  mmio_set_error (&error, MMIO_ERROR_GONE,
      "Cannot read %s: it was unplugged or its driver was unbound"
      MMIO_START_AGAIN " when it is listed by: %s",
      capture->info.device_address, is_uio ? "ls /sys/class/uio" : "lspci -D");
  return error;
}

static MmioWait
wait_for_interrupt (MmioCapture * capture, gint64 deadline, MmioCount * count)
{
  const MmioWait wait = mmio_sync_wait_interrupt (capture->sync,
      capture->device, capture->interrupt_fd, deadline, count);

  if (wait != MMIO_WAIT_FRAME)
    return wait;

  if (capture->interrupt_time > 0)
    mmio_rate_learn (&capture->interrupt_rate,
        count->time - capture->interrupt_time, count->steps);
  capture->interrupt_time = capture->interrupt_is_stale ? 0 : count->time;
  capture->interrupt_is_stale = FALSE;

  return wait;
}

/**
 * mmio_capture_wait:
 * @deadline: when to give up (microseconds, g_get_monotonic_time())
 * @count: (out): the frame, after %MMIO_WAIT_FRAME
 *
 * Waits for the device's next frame by its counter or interrupt.  Then checks the
 * device as mmio_capture_check_present() does, so the next read makes no check before
 * it.
 *
 * Locking: only the thread that reads calls it; mmio_capture_wake() ends it from any
 * thread.
 *
 * Returns: how the wait ended
 */
MmioWait
mmio_capture_wait (MmioCapture * capture, gint64 deadline, MmioCount * count)
{
  MmioWait wait;
  MmioGuardEntry entry;

  /* The interrupt and the wake-up descriptor belong to the parent process */
  if (!mmio_process_is_current (capture->process)) {
    check (capture);
    return MMIO_WAIT_GONE;
  }

  mmio_guard_enter (&entry);
  wait = capture->config.frame_sync == MMIO_FRAME_SYNC_INTERRUPT ?
      wait_for_interrupt (capture, deadline, count) :
      mmio_sync_wait (capture->sync, capture->counter, deadline, count);
  mmio_guard_leave (&entry);

  /* A register of a removed device does not change, or reads as any value */
  if (!mmio_capture_check_present (capture))
    return MMIO_WAIT_GONE;

  if (wait == MMIO_WAIT_GONE) {
    capture->is_checked = FALSE;
    mmio_liveness_mark_removed (capture->liveness, new_silence_error (capture));
  }
  return wait;
}

/**
 * mmio_capture_mark_discontinuity:
 *
 * Notes a discontinuity after a time without mmio_capture_wait(): the time of the next
 * frame says nothing about the device's rate.
 *
 * Locking: only the thread that waits calls it.
 */
void
mmio_capture_mark_discontinuity (MmioCapture * capture)
{
  capture->interrupt_time = 0;
  capture->interrupt_is_stale = TRUE;
}

/**
 * mmio_capture_get_removal:
 *
 * Locking: only the thread that waits calls it.
 *
 * Returns: (transfer none) (nullable): the error after %MMIO_WAIT_GONE or
 *   %MMIO_READ_GONE
 */
const GError *
mmio_capture_get_removal (const MmioCapture * capture)
{
  return mmio_liveness_get_removal (capture->liveness);
}

/**
 * mmio_capture_wake:
 *
 * Ends the present wait of mmio_capture_wait(), mmio_capture_read() or
 * mmio_capture_choose(), or else the next one.  Does nothing in a forked child.
 *
 * Locking: any thread may call it.
 */
void
mmio_capture_wake (MmioCapture * capture)
{
  if (mmio_process_is_current (capture->process))
    mmio_sync_wake (capture->sync);
}

static gboolean
read_once (MmioCapture * capture, const MmioTarget * target,
    MmioDamage * damage)
{
  const MmioLayout *layout = &capture->info.layout;
  const guint8 *data = mmio_region_get_data (capture->info.region) +
      layout->buffer[mmio_buffer_select_get_buffer (capture->select)];

  if (capture->shadow)
    return mmio_frame_copy_changes (capture->info.reader, layout, data, target,
        capture->shadow, capture->config.changes == MMIO_CHANGES_DROP, damage);

  mmio_frame_copy (capture->info.reader, layout, data, target);
  damage->n_ranges = 1;
  damage->range[0] = (MmioRows) {
  0, layout->height};
  return TRUE;
}

/* Reads the frame until it is whole, in a few passes.  @tries: (out): passes;
 * @obstacle: (out): why the frame is not whole; @written: (out): whether @target was
 * written.  Returns: FALSE if the wait was ended */
static gboolean
read_whole (MmioCapture * capture, const MmioTarget * target,
    MmioDamage * damage, guint * tries, MmioObstacle * obstacle,
    gboolean * written)
{
  const guint max_tries = capture->buffer_wait.obstacle == MMIO_OBSTACLE_NONE ?
      MAX_TRIES : FEWER_TRIES;
  gboolean woken = FALSE;

  *tries = 0;
  *written = FALSE;
  mmio_buffer_wait_begin (&capture->buffer_wait);
  do {
    woken = !mmio_buffer_wait_run (&capture->buffer_wait, capture->select,
        capture->sync, obstacle);
    /* The frame that was read before is no worse than an incomplete one */
    if (woken || (*obstacle != MMIO_OBSTACLE_NONE && *tries > 0))
      break;

    *written |= read_once (capture, target, damage);
    ++*tries;
    if (*obstacle == MMIO_OBSTACLE_NONE)
      *obstacle = mmio_buffer_select_end_read (capture->select);
  } while (*obstacle == MMIO_OBSTACLE_MOVED && *tries < max_tries);

  /* Send the next whole frame even if it is unchanged */
  if (*obstacle != MMIO_OBSTACLE_NONE && *tries > 0 && capture->shadow)
    mmio_shadow_forget (capture->shadow);

  /* Differences from a frame that downstream did not get are meaningless:
   * report all rows */
  if (*tries > 1 && *written) {
    damage->n_ranges = 1;
    damage->range[0] = (MmioRows) {
    0, capture->info.layout.height};
  }

  return !woken;
}

/**
 * mmio_capture_read:
 * @target: the memory for the frame, in a format that mmio_frame_copy_can_convert()
 *   accepts
 * @damage: (out): the rows that have changed since the last frame, or all rows if
 *   changes are ignored; not set after %MMIO_READ_WOKEN
 *
 * Reads the frame, of several buffers the complete one; each byte is loaded once.  If
 * no buffer is complete, waits for one, for 50 ms at most and not twice for the same
 * obstacle.  If counter or index show that the frame has changed during the read, it
 * is read again, a few times.
 *
 * Checks the device after the read, and before it unless mmio_capture_wait() or
 * mmio_capture_check_present() has done so since the last read.  A reset that begins
 * and ends between the two checks is not detected.
 *
 * Returns: the result; after %MMIO_READ_UNCHANGED @target may not have been written
 */
MmioRead
mmio_capture_read (MmioCapture * capture, const MmioTarget * target,
    MmioDamage * damage)
{
  const gint64 begin = g_get_monotonic_time ();
  MmioObstacle obstacle;
  gboolean completed, is_gone, is_outdated, is_torn, written;
  MmioGuardEntry entry;
  guint tries;

  if (!check_before_read (capture))
    return MMIO_READ_GONE;

  mmio_guard_enter (&entry);
  completed = read_whole (capture, target, damage, &tries, &obstacle, &written);
  mmio_guard_leave (&entry);
  is_torn = obstacle != MMIO_OBSTACLE_NONE;
  is_outdated = mmio_capture_poll_mode (capture) != MMIO_MODE_SAME;
  /* Last, as it is about everything that was read before */
  is_gone = !check (capture);
  if (is_outdated)
    mmio_capture_forget (capture);
  else if (completed)
    mmio_buffer_wait_end (&capture->buffer_wait, obstacle);

  g_mutex_lock (&capture->lock);
  if (completed && !is_outdated && !is_gone) {
    capture->stats.frames += written;
    capture->stats.unchanged += damage->n_ranges == 0;
    capture->stats.torn += written && is_torn;
  }
  capture->stats.bytes_read += tries * get_frame_bytes (&capture->info.layout);
  capture->stats.copy_time +=
      g_get_monotonic_time () - begin - capture->buffer_wait.waited;
  g_mutex_unlock (&capture->lock);

  return is_gone ? MMIO_READ_GONE :
      is_outdated ? MMIO_READ_OUTDATED : !completed ? MMIO_READ_WOKEN :
      !written ? MMIO_READ_UNCHANGED :
      is_torn ? MMIO_READ_TORN : MMIO_READ_WHOLE;
}

/**
 * mmio_capture_choose:
 * @buffer: (out): the number of the buffer, from 0; not set after %MMIO_READ_WOKEN
 *
 * Selects the complete buffer for a frame that is not read here.  Waits and checks the
 * device as mmio_capture_read() does.
 *
 * Returns: %MMIO_READ_WHOLE; %MMIO_READ_TORN if no buffer is complete, and @buffer is
 *   the last one that was; or %MMIO_READ_WOKEN or %MMIO_READ_GONE
 */
MmioRead
mmio_capture_choose (MmioCapture * capture, guint * buffer)
{
  MmioObstacle obstacle;
  gboolean completed;
  MmioGuardEntry entry;

  *buffer = 0;
  if (!check_before_read (capture))
    return MMIO_READ_GONE;

  if (capture->info.layout.n_buffers == 1) {
    mmio_buffer_wait_end (&capture->buffer_wait, MMIO_OBSTACLE_NONE);
    return MMIO_READ_WHOLE;
  }

  mmio_buffer_wait_begin (&capture->buffer_wait);
  mmio_guard_enter (&entry);
  completed = mmio_buffer_wait_run (&capture->buffer_wait, capture->select,
      capture->sync, &obstacle);
  mmio_guard_leave (&entry);
  if (!completed)
    return MMIO_READ_WOKEN;

  *buffer = mmio_buffer_select_get_buffer (capture->select);
  mmio_buffer_wait_end (&capture->buffer_wait, obstacle);
  if (obstacle == MMIO_OBSTACLE_NONE) {
    if (capture->counter)
      mmio_counter_accept_read (capture->counter);
    return MMIO_READ_WHOLE;
  }

  g_mutex_lock (&capture->lock);
  capture->stats.torn++;
  g_mutex_unlock (&capture->lock);
  return MMIO_READ_TORN;
}

/**
 * mmio_capture_take_newer:
 *
 * Locking: only the thread that waits and reads calls it.
 *
 * Returns: by how many frames the one that was read, or chosen, is newer than the one
 *   of mmio_capture_wait(), which does not report these again
 */
guint64
mmio_capture_take_newer (MmioCapture * capture)
{
  return capture->config.frame_sync == MMIO_FRAME_SYNC_COUNTER ?
      mmio_counter_take_newer (capture->counter) : 0;
}

/**
 * mmio_capture_get_doubt:
 *
 * Locking: only the thread that waits calls it.
 *
 * Returns: what seems to be wrong with the counter that starts frames
 */
MmioDoubt
mmio_capture_get_doubt (const MmioCapture * capture)
{
  return capture->config.frame_sync == MMIO_FRAME_SYNC_COUNTER ?
      mmio_counter_get_doubt (capture->counter) : MMIO_DOUBT_NONE;
}

/**
 * mmio_capture_is_being_written:
 *
 * Locking: only the thread that waits calls it.
 *
 * Returns: whether the seqlock was odd in the last poll: the device is writing a frame,
 *   and starts no other one before it is complete
 */
gboolean
mmio_capture_is_being_written (const MmioCapture * capture)
{
  return capture->config.frame_sync == MMIO_FRAME_SYNC_COUNTER &&
      mmio_counter_is_busy (capture->counter);
}

/**
 * mmio_capture_get_obstacle:
 * @since: (out): when the first frame of the present run of frames that are not whole
 *   was read (microseconds, g_get_monotonic_time())
 * @index: (out): the index's last value
 *
 * Locking: only the thread that reads calls it.
 *
 * Returns: why the last frame was not whole
 */
MmioObstacle
mmio_capture_get_obstacle (const MmioCapture * capture, gint64 * since,
    guint64 * index)
{
  *since = capture->buffer_wait.since;
  *index = mmio_buffer_select_get_index (capture->select);
  return capture->buffer_wait.obstacle;
}

/**
 * mmio_capture_forget:
 *
 * Forgets the last frame, which downstream may not have: all rows of the next one
 * count as changed.
 */
void
mmio_capture_forget (MmioCapture * capture)
{
  if (capture->shadow)
    mmio_shadow_forget (capture->shadow);
}

/**
 * mmio_capture_get_stats:
 * @stats: (out): a consistent copy of the statistics
 */
void
mmio_capture_get_stats (MmioCapture * capture, MmioCaptureStats * stats)
{
  const gboolean is_own = mmio_process_is_current (capture->process);

  if (is_own)
    g_mutex_lock (&capture->lock);
  *stats = capture->stats;
  if (is_own)
    g_mutex_unlock (&capture->lock);
}
