/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mmiodevice.h"
#include "mmioframe.h"

G_BEGIN_DECLS

/**
 * MmioChanges:
 * @MMIO_CHANGES_IGNORE: do not look for changes
 * @MMIO_CHANGES_MARK: say which rows have changed
 * @MMIO_CHANGES_DROP: read nothing into memory if nothing has changed
 *
 * What to do about frames that are as the one before.
 */
typedef enum {
  MMIO_CHANGES_IGNORE,
  MMIO_CHANGES_MARK,
  MMIO_CHANGES_DROP,
} MmioChanges;

/**
 * MmioCaptureConfig:
 * @device: (nullable): the device, in a form of %MMIO_ADDRESS_FORMS
 * @access: how to reach a PCI device
 * @bar: the BAR, -1 for the first memory BAR that holds the picture
 * @spec: the picture, as far as the user says it
 * @mapping: how to map it
 * @engine: how to load from it
 * @changes: what to do about frames that are as the one before
 *
 * What to capture.
 */
typedef struct {
  const char *device;
  MmioAccess access;
  gint bar;
  MmioSpec spec;
  MmioMapping mapping;
  MmioEngine engine;
  MmioChanges changes;
} MmioCaptureConfig;

/**
 * MmioCaptureStats:
 * @frames: frames that were read into memory
 * @unchanged: frames that were read, of which nothing had changed
 * @bytes_read: bytes that were loaded from the BAR for them
 * @copy_time: microseconds that this took
 */
typedef struct {
  guint64 frames;
  guint64 unchanged;
  guint64 bytes_read;
  guint64 copy_time;
} MmioCaptureStats;

/**
 * MmioCapture:
 *
 * A device whose picture is mapped.  One thread reads frames; any thread may
 * ask for the statistics.
 */
typedef struct _MmioCapture MmioCapture;

MmioCapture *mmio_capture_open (const MmioCaptureConfig * config,
    GError ** error);
void mmio_capture_close (MmioCapture * capture);

const MmioPicture *mmio_capture_get_picture (const MmioCapture * capture);
MmioRegion *mmio_capture_get_region (MmioCapture * capture);

const char *mmio_capture_get_device_name (const MmioCapture * capture);
const char *mmio_capture_get_device_address (const MmioCapture * capture);
const char *mmio_capture_get_access (const MmioCapture * capture);
const char *mmio_capture_get_mapping (const MmioCapture * capture);
const char *mmio_capture_get_engine_reason (const MmioCapture * capture);
const MmioReader *mmio_capture_get_reader (const MmioCapture * capture);
MmioChanges mmio_capture_get_changes (const MmioCapture * capture);
gint mmio_capture_get_bar (const MmioCapture * capture);

gboolean mmio_capture_shares_bar (const MmioCapture * capture);
int mmio_capture_export (MmioCapture * capture, guint * skip, GError ** error);

gboolean mmio_capture_read (MmioCapture * capture, const MmioTarget * target,
    MmioDamage * damage);

void mmio_capture_forget (MmioCapture * capture);

void mmio_capture_get_stats (MmioCapture * capture, MmioCaptureStats * stats);

G_END_DECLS
