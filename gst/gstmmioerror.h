/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* The message has the place of the call */
#define gst_mmio_error_post(element, error) \
    gst_mmio_error_post_full (element, error, __FILE__, GST_FUNCTION, __LINE__)
#define gst_mmio_error_warn(element, error, more) \
    gst_mmio_error_warn_full (element, error, more, __FILE__, GST_FUNCTION, \
        __LINE__)

void gst_mmio_error_post_full (GstElement * element, const GError * error,
    const char *file, const char *function, gint line);
void gst_mmio_error_warn_full (GstElement * element, const GError * error,
    const char *more, const char *file, const char *function, gint line);

G_END_DECLS
