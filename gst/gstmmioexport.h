/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "capture/mmiocapture.h"
#include "gstmmiodmabuf.h"

G_BEGIN_DECLS

/**
 * GstMmioExport:
 *
 * The dma-buf of a capture's frames, and the result of the import test.
 */
typedef struct _GstMmioExport GstMmioExport;

GstMmioExport *gst_mmio_export_new (MmioCapture * capture, GError ** error);
GstMmioExport *gst_mmio_export_try (MmioCapture * capture);
void gst_mmio_export_free (GstMmioExport * export);

GstMmioRing *gst_mmio_export_get_ring (const GstMmioExport * export,
    guint slot);
guint gst_mmio_export_get_skip (const GstMmioExport * export);
const char *gst_mmio_export_get_obstacle (const GstMmioExport * export);
gboolean gst_mmio_export_is_shortage (const GstMmioExport * export);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstMmioExport, gst_mmio_export_free)

G_END_DECLS
