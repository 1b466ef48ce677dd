/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

G_BEGIN_DECLS

gboolean gst_mmio_pool_decide (GstQuery * query, const GstVideoInfo * info,
    guint * max_buffers);

void gst_mmio_pool_remove_all (GstQuery * query);

G_END_DECLS
