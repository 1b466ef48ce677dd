/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstpushsrc.h>

G_BEGIN_DECLS

#define GST_TYPE_MMIO_VID_SRC (gst_mmio_vid_src_get_type ())
G_DECLARE_FINAL_TYPE (GstMmioVidSrc, gst_mmio_vid_src, GST, MMIO_VID_SRC,
    GstPushSrc)

GST_ELEMENT_REGISTER_DECLARE (mmiovidsrc);

G_END_DECLS
