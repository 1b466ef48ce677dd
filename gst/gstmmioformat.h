/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

#include "frame/mmiolayout.h"

G_BEGIN_DECLS

gboolean gst_mmio_format_from_video (MmioFormat * format,
    GstVideoFormat video_format);

void gst_mmio_format_get_layout (const MmioLayout * layout,
    gsize offset[GST_VIDEO_MAX_PLANES], gint stride[GST_VIDEO_MAX_PLANES]);

gboolean gst_mmio_format_is_default_layout (const MmioLayout * layout);

G_END_DECLS
