/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstmmiosettings.h"

G_BEGIN_DECLS

gboolean gst_mmio_uri_parse (GObjectClass * klass, const char *text,
    GstMmioSettings * settings, GError ** error);

char *gst_mmio_uri_to_string (GObjectClass * klass,
    const GstMmioSettings * settings);

G_END_DECLS
