/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

#include "capture/mmiocapture.h"

G_BEGIN_DECLS

GstBuffer *gst_mmio_buffer_wrap (GstMemory * memory, gsize skip,
    const MmioLayout * layout, GstVideoFormat format);

gboolean gst_mmio_buffer_fill (GstBuffer * buffer, const GstVideoInfo * info,
    const MmioFormat * format, MmioCapture * capture, MmioRead * result,
    GError ** error);

void gst_mmio_buffer_merge_damage (GstBuffer * buffer, GstBuffer * dropped);

G_END_DECLS
