/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

#include "capture/mmiocapture.h"
#include "gstmmioenums.h"
#include "gstmmioexport.h"

G_BEGIN_DECLS

/**
 * GstMmioWay:
 *
 * The way that frames of a capture take to downstream: which ones there are,
 * which one downstream agreed to, and why no better one.  It has no lock.
 */
typedef struct _GstMmioWay GstMmioWay;

GstMmioWay *gst_mmio_way_new (MmioCapture * capture, GstMmioIOMode wanted,
    GError ** error);
GstMmioWay *gst_mmio_way_renew (const GstMmioWay * way, MmioCapture * capture,
    GError ** error);
gboolean gst_mmio_way_needs_export (const GstMmioWay * way,
    GstCaps * downstream);
GstMmioExport *gst_mmio_way_swap_export (GstMmioWay * way,
    GstMmioExport * export);
gboolean gst_mmio_way_move (GstMmioWay * way, MmioCapture * capture);
void gst_mmio_way_free (GstMmioWay * way);

GstCaps *gst_mmio_way_get_caps (const GstMmioWay * way);

void gst_mmio_way_begin (GstMmioWay * way, GstCaps * downstream);
void gst_mmio_way_end (GstMmioWay * way);
gboolean gst_mmio_way_refuse (GstMmioWay * way, const char *reason);
gboolean gst_mmio_way_is_refused (const GstMmioWay * way);
gboolean gst_mmio_way_is_demanded (const GstMmioWay * way);
const char *gst_mmio_way_get_objection (const GstMmioWay * way);

gboolean gst_mmio_way_take (GstMmioWay * way, GstQuery * query,
    gboolean is_dma_buf, gboolean * again, GError ** error);

GstMmioIOMode gst_mmio_way_get_mode (const GstMmioWay * way);
const char *gst_mmio_way_get_reason (const GstMmioWay * way);
gboolean gst_mmio_way_is_disappointing (const GstMmioWay * way);

GstBuffer *gst_mmio_way_wrap (GstMmioWay * way, guint buffer);

G_END_DECLS
