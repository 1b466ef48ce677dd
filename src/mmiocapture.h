/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mmiodevice.h"
#include "mmiopicture.h"
#include "mmioreader.h"

G_BEGIN_DECLS

/**
 * MmioCaptureConfig:
 * @device: (nullable): the device, in a form of %MMIO_ADDRESS_FORMS
 * @access: how to reach a PCI device
 * @bar: the BAR, -1 for the first memory BAR that holds the picture
 * @spec: the picture, as far as the user says it
 *
 * What to capture.
 */
typedef struct {
  const char *device;
  MmioAccess access;
  gint bar;
  MmioSpec spec;
} MmioCaptureConfig;

/**
 * MmioTarget:
 * @format: format of the pixels there
 * @plane: where each plane starts
 * @stride: bytes from one row to the next
 *
 * Ordinary memory that a frame is read into.
 */
typedef struct {
  MmioFormat format;
  guint8 *plane[MMIO_MAX_PLANES];
  guint stride[MMIO_MAX_PLANES];
} MmioTarget;

/**
 * MmioCaptureStats:
 * @frames: frames that were read
 * @bytes_read: bytes that were loaded from the BAR for them
 * @copy_time: microseconds that this took
 */
typedef struct {
  guint64 frames;
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
const MmioReader *mmio_capture_get_reader (const MmioCapture * capture);
gint mmio_capture_get_bar (const MmioCapture * capture);

gboolean mmio_capture_can_read_as (const MmioPicture * picture,
    const MmioFormat * format);

void mmio_capture_read (MmioCapture * capture, const MmioTarget * target);

void mmio_capture_get_stats (MmioCapture * capture, MmioCaptureStats * stats);

G_END_DECLS
