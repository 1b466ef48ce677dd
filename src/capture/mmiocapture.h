/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "capture/mmioliveness.h"
#include "describe/mmiomodewatch.h"
#include "device/mmiodevice.h"
#include "load/mmioframecopy.h"
#include "sync/mmiosync.h"
#include "sync/mmiobufferselect.h"

G_BEGIN_DECLS

/**
 * MmioChanges:
 * @MMIO_CHANGES_IGNORE: do not compare frames
 * @MMIO_CHANGES_MARK: report the changed rows
 * @MMIO_CHANGES_DROP: store nothing if the frame is unchanged
 *
 * How to handle unchanged frames.
 */
typedef enum {
  MMIO_CHANGES_IGNORE,
  MMIO_CHANGES_MARK,
  MMIO_CHANGES_DROP,
} MmioChanges;

/**
 * MmioFrameSync:
 * @MMIO_FRAME_SYNC_CLOCK: the consumer's clock
 * @MMIO_FRAME_SYNC_COUNTER: a register of the device that counts frames
 * @MMIO_FRAME_SYNC_INTERRUPT: the device's interrupt
 *
 * What starts a frame.
 */
typedef enum {
  MMIO_FRAME_SYNC_CLOCK,
  MMIO_FRAME_SYNC_COUNTER,
  MMIO_FRAME_SYNC_INTERRUPT,
} MmioFrameSync;

/**
 * MmioCaptureConfig:
 * @device: (nullable): the device, in a form of %MMIO_ADDRESS_FORMS
 * @access: how to reach a PCI device
 * @bar: the BAR, -1 for the first memory BAR that is large enough
 * @spec: the frame, as far as the user describes it
 * @mapping: how to map it
 * @engine: how to load from it
 * @changes: how to handle unchanged frames
 * @frame_sync: what starts a frame
 * @on_event: (nullable): called from another thread after an event of the device, also
 *   while the capture is being closed
 * @event_data: for @on_event
 *
 * What to capture.  A frame counter in @spec detects torn frames, whatever starts one;
 * one that only the device describes does so if the device has several buffers.
 */
typedef struct {
  const char *device;
  MmioAccess access;
  gint bar;
  MmioSpec spec;
  MmioMapping mapping;
  MmioEngine engine;
  MmioChanges changes;
  MmioFrameSync frame_sync;
  MmioLivenessFunc on_event;
  gpointer event_data;
} MmioCaptureConfig;

/**
 * MmioCaptureInfo:
 * @device_name: the device, in words
 * @device_address: its full PCI address, its path, or "sim"; valid UTF-8
 * @access: the name of its back end
 * @shares_bar: it is a PCI device whose back end can export its BARs as dma-bufs
 * @bar: the BAR of the frame
 * @layout: the frame's layout in the BAR
 * @region: the mapped part of the BAR, from the frame's start to its end; of several
 *   buffers all
 * @mapping: how @region is mapped
 * @reader: loads from it
 * @engine_reason: why the engine was chosen
 * @changes: how unchanged frames are handled
 * @frame_sync: what starts a frame
 * @describes_counter: the device describes its frame counter, and the user does not
 * @describes_index: the same for the index of the complete slot
 * @has_unused_header: the device has a header that was not read, since the user has set
 *   width and height
 *
 * What is captured.  It belongs to the capture and does not change.
 */
typedef struct {
  const char *device_name;
  const char *device_address;
  const char *access;
  gboolean shares_bar;
  gint bar;
  MmioLayout layout;
  MmioRegion *region;
  const char *mapping;
  const MmioReader *reader;
  const char *engine_reason;
  MmioChanges changes;
  MmioFrameSync frame_sync;
  gboolean describes_counter;
  gboolean describes_index;
  gboolean has_unused_header;
} MmioCaptureInfo;

/**
 * MmioCaptureStats:
 * @frames: frames that were stored
 * @unchanged: frames that were read and had not changed
 * @torn: frames that may not be whole
 * @bytes_read: bytes that were loaded from the BAR
 * @copy_time: time that this took (microseconds)
 */
typedef struct {
  guint64 frames;
  guint64 unchanged;
  guint64 torn;
  guint64 bytes_read;
  guint64 copy_time;
} MmioCaptureStats;

/**
 * MmioRead:
 * @MMIO_READ_UNCHANGED: the frame has not changed
 * @MMIO_READ_WHOLE: a whole frame
 * @MMIO_READ_TORN: perhaps parts of several frames, as each pass saw a change
 * @MMIO_READ_WOKEN: no frame, as the wait for a complete buffer was ended
 * @MMIO_READ_GONE: no frame, as the device is removed or does not answer; see
 *   mmio_capture_get_removal()
 * @MMIO_READ_OUTDATED: no frame, as the device has changed its mode; see
 *   mmio_capture_poll_mode()
 *
 * The result of a read.
 */
typedef enum {
  MMIO_READ_UNCHANGED,
  MMIO_READ_WHOLE,
  MMIO_READ_TORN,
  MMIO_READ_WOKEN,
  MMIO_READ_GONE,
  MMIO_READ_OUTDATED,
} MmioRead;

/**
 * MmioCapture:
 *
 * A device with its mapped frame.
 *
 * Locking: one thread reads frames; any thread may get the statistics.
 */
typedef struct _MmioCapture MmioCapture;

MmioCapture *mmio_capture_open (const MmioCaptureConfig * config,
    GError ** error);
void mmio_capture_close (MmioCapture * capture);

MmioModeState mmio_capture_poll_mode (const MmioCapture * capture);
MmioCapture *mmio_capture_reopen (MmioCapture * capture,
    GError ** error);
MmioCapture *mmio_capture_renew (MmioCapture * capture, GError ** error);
gboolean mmio_capture_has_moved (const MmioCapture * capture,
    const MmioCapture * old);

const MmioCaptureInfo *mmio_capture_get_info (const MmioCapture * capture);

gboolean mmio_capture_can_export (MmioCapture * capture, GError ** error);
int mmio_capture_export (MmioCapture * capture, guint * skip, GError ** error);

gboolean mmio_capture_check_present (MmioCapture * capture);

gboolean mmio_capture_is_unlinked (const MmioCapture * capture);
gint64 mmio_capture_get_period (const MmioCapture * capture);

void mmio_capture_mark_discontinuity (MmioCapture * capture);
const GError *mmio_capture_get_removal (const MmioCapture * capture);
MmioWait mmio_capture_wait (MmioCapture * capture, gint64 deadline,
    MmioCount * count);
void mmio_capture_wake (MmioCapture * capture);

MmioRead mmio_capture_read (MmioCapture * capture, const MmioTarget * target,
    MmioDamage * damage);
MmioRead mmio_capture_choose (MmioCapture * capture, guint * buffer);
guint64 mmio_capture_take_newer (MmioCapture * capture);

MmioDoubt mmio_capture_get_doubt (const MmioCapture * capture);
gboolean mmio_capture_is_being_written (const MmioCapture * capture);
MmioObstacle mmio_capture_get_obstacle (const MmioCapture * capture,
    gint64 * since, guint64 * index);

void mmio_capture_forget (MmioCapture * capture);

void mmio_capture_get_stats (MmioCapture * capture, MmioCaptureStats * stats);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioCapture, mmio_capture_close)

G_END_DECLS
