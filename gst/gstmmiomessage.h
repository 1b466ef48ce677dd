/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "base/mmioerror.h"
#include "capture/mmiocapture.h"
#include "gstmmioio.h"

G_BEGIN_DECLS

GstStructure *gst_mmio_message_get_stats (MmioCapture * capture,
    const GstMmioIO * io, guint64 frames, guint64 torn, guint64 missed,
    guint64 dropped);

void gst_mmio_message_post_info (GstElement * element, const char *text);
void gst_mmio_message_post_io_mode (GstElement * element, const GstMmioIO * io);

void gst_mmio_message_post_device (GstElement * element,
    const MmioCapture * capture, const char *reason);

void gst_mmio_message_post_missed (GstElement * element, GstBuffer * buffer,
    guint64 sent, guint64 missed);

void gst_mmio_message_post_no_caps (GstElement * element, GstPad * pad,
    MmioCapture * capture, const GstMmioIO * io);

/* Posts a message with the file and line that found the fault: those of an error of the
 * library, else those of the caller */
#define gst_mmio_message_post_error(element, error) \
    gst_mmio_message_post_error_full (element, error, MMIO_ERROR_HERE)
#define gst_mmio_message_post_warning(element, error, more) \
    gst_mmio_message_post_warning_full (element, error, more, MMIO_ERROR_HERE)

void gst_mmio_message_post_error_full (GstElement * element,
    const GError * error, const MmioErrorPlace * caller);
void gst_mmio_message_post_warning_full (GstElement * element,
    const GError * error, const char *more, const MmioErrorPlace * caller);

G_END_DECLS
