/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

#include "capture/mmiocapture.h"
#include "gstmmioenums.h"
#include "gstmmioexport.h"

G_BEGIN_DECLS

/**
 * GstMmioIO:
 *
 * The I/O mode of a capture: the possible modes, the mode that downstream accepts,
 * and the reason why no better one is used.
 *
 * Locking: none; the element changes it under the object lock.
 */
typedef struct _GstMmioIO GstMmioIO;

GstMmioIO *gst_mmio_io_new (MmioCapture * capture, GstMmioIOMode wanted,
    GError ** error);
GstMmioIO *gst_mmio_io_renew (const GstMmioIO * io, MmioCapture * capture,
    GError ** error);
gboolean gst_mmio_io_needs_export (const GstMmioIO * io,
    GstCaps * downstream);
GstMmioExport *gst_mmio_io_swap_export (GstMmioIO * io,
    GstMmioExport * export);
gboolean gst_mmio_io_move (GstMmioIO * io, MmioCapture * capture);
void gst_mmio_io_free (GstMmioIO * io);

GstCaps *gst_mmio_io_get_caps (const GstMmioIO * io);
GstCaps *gst_mmio_io_get_offer (const GstMmioIO * io);

void gst_mmio_io_begin (GstMmioIO * io, GstCaps * downstream);
gboolean gst_mmio_io_refuse (GstMmioIO * io, const char *reason);
gboolean gst_mmio_io_is_refused (const GstMmioIO * io);
gboolean gst_mmio_io_requires_dma_buf (const GstMmioIO * io);
const char *gst_mmio_io_get_objection (const GstMmioIO * io);

gboolean gst_mmio_io_select_mode (GstMmioIO * io, GstQuery * query,
    gboolean is_dma_buf, gboolean * again, GError ** error);

GstMmioIOMode gst_mmio_io_get_mode (const GstMmioIO * io);
const char *gst_mmio_io_get_reason (const GstMmioIO * io);
gboolean gst_mmio_io_is_fallback (const GstMmioIO * io);

GstBuffer *gst_mmio_io_wrap (GstMmioIO * io, guint slot);

G_END_DECLS
