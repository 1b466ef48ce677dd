/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "mmiocapture.h"

G_BEGIN_DECLS

/**
 * GstMmioTears:
 *
 * Tells of a device whose frames are never whole.  For the streaming thread.
 */
typedef struct {
  /*< private >*/
  gboolean told;
} GstMmioTears;

void gst_mmio_tears_reset (GstMmioTears * tears);
void gst_mmio_tears_look (GstMmioTears * tears, GstElement * element,
    MmioCapture * capture);

G_END_DECLS
