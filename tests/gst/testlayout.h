/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* For tests that look inside: a picture in one of GStreamer's formats */

#include "fixtures/helper.h"
#include "gstmmioformat.h"

static inline MmioLayout
make_picture (GstVideoFormat format, guint width, guint height, guint offset,
    guint stride)
{
  MmioSpec spec = {.width = width,.height = height,.offset = offset,
    .stride = stride
  };
  MmioLayout picture;

  fail_unless (gst_mmio_format_from_video (&spec.format, format));
  fail_unless (mmio_layout_init (&picture, &spec, NULL));
  return picture;
}
