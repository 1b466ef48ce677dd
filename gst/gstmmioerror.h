/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

void gst_mmio_error_post (GstElement * element, const GError * error);
void gst_mmio_error_warn (GstElement * element, const GError * error,
    const char *more);

G_END_DECLS
