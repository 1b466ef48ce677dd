/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

#include "frame/mmiolayout.h"

G_BEGIN_DECLS

/* Frames per second whose period is still a nanosecond */
#define GST_MMIO_CAPS_MAX_RATE 1000000000

GstCaps *gst_mmio_caps_get_template (void);

GstCaps *gst_mmio_caps_from_layout (const MmioLayout * layout,
    gboolean own_only);
GstCaps *gst_mmio_caps_get_dma_buf (const MmioLayout * layout);

gboolean gst_mmio_caps_name_dma_buf (GstCaps * caps);
GstCaps *gst_mmio_caps_prefer_dma_buf (GstCaps * caps);

gboolean gst_mmio_caps_parse (const GstCaps * caps, GstVideoInfo * info,
    gboolean * has_dma_buf);

gboolean gst_mmio_caps_equal_but_rate (const GstCaps * a, const GstCaps * b);
char *gst_mmio_caps_get_difference (const GstCaps * caps,
    const GstCaps * wanted);
gboolean gst_mmio_caps_differ_in_time (GstCaps * caps, GstCaps * wanted,
    const char **what, const char **remedy);

G_END_DECLS
