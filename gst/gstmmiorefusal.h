/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

gboolean gst_mmio_refusal_has_taken_caps (GstPad * pad);

G_END_DECLS
