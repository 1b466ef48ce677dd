/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/**
 * GstMmioIOMode:
 * @GST_MMIO_IO_MODE_AUTO: dmabuf if downstream accepts it, otherwise copy
 * @GST_MMIO_IO_MODE_COPY: copy each frame to a buffer of downstream's pool
 * @GST_MMIO_IO_MODE_MMAP: send the mapped BAR
 * @GST_MMIO_IO_MODE_DMABUF: send dma-bufs of the BAR
 *
 * How frames are sent. The nicks are those of v4l2src.
 */
typedef enum {
  GST_MMIO_IO_MODE_AUTO,
  GST_MMIO_IO_MODE_COPY,
  GST_MMIO_IO_MODE_MMAP,
  GST_MMIO_IO_MODE_DMABUF,
} GstMmioIOMode;

#define GST_TYPE_MMIO_IO_MODE (gst_mmio_io_mode_get_type ())
GType gst_mmio_io_mode_get_type (void);

#define GST_TYPE_MMIO_ACCESS (gst_mmio_access_get_type ())
GType gst_mmio_access_get_type (void);

#define GST_TYPE_MMIO_FORMAT (gst_mmio_format_get_type ())
GType gst_mmio_format_get_type (void);

#define GST_TYPE_MMIO_MAPPING (gst_mmio_mapping_get_type ())
GType gst_mmio_mapping_get_type (void);

#define GST_TYPE_MMIO_ENGINE (gst_mmio_engine_get_type ())
GType gst_mmio_engine_get_type (void);

#define GST_TYPE_MMIO_CHANGES (gst_mmio_changes_get_type ())
GType gst_mmio_changes_get_type (void);

#define GST_TYPE_MMIO_FRAME_SYNC (gst_mmio_frame_sync_get_type ())
GType gst_mmio_frame_sync_get_type (void);

const char *gst_mmio_enum_get_nick (GType type, gint value);

G_END_DECLS
