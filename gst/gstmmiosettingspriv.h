/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The properties and their defaults, for gstmmiosettings.c and
 * gstmmiosettingsspecs.c */

#include "gstmmiosettings.h"

G_BEGIN_DECLS

#define DEFAULT_DEVICE "sim"
#define DEFAULT_ACCESS MMIO_ACCESS_AUTO
#define DEFAULT_BAR -1
#define DEFAULT_FORMAT GST_VIDEO_FORMAT_UNKNOWN
#define DEFAULT_IO_MODE GST_MMIO_IO_MODE_AUTO
#define DEFAULT_MAPPING MMIO_MAPPING_AUTO
#define DEFAULT_ENGINE MMIO_ENGINE_AUTO
#define DEFAULT_CHANGES MMIO_CHANGES_IGNORE
#define DEFAULT_FRAME_SYNC MMIO_FRAME_SYNC_CLOCK
#define DEFAULT_REGISTER_BAR -1
#define DEFAULT_REGISTER_OFFSET -1
#define DEFAULT_REGISTER_SIZE 0

enum
{
  PROP_0,
  PROP_DEVICE,
  PROP_ACCESS,
  PROP_BAR,
  PROP_FORMAT,
  PROP_WIDTH,
  PROP_HEIGHT,
  PROP_OFFSET,
  PROP_STRIDE,
  PROP_IO_MODE,
  PROP_MAPPING,
  PROP_ENGINE,
  PROP_CHANGES,
  PROP_FRAME_SYNC,
  PROP_COUNTER_BAR,
  PROP_COUNTER_OFFSET,
  PROP_COUNTER_SIZE,
  PROP_COUNTER_SEQLOCK,
  PROP_BUFFERS,
  PROP_BUFFER_STEP,
  PROP_INDEX_BAR,
  PROP_INDEX_OFFSET,
  PROP_INDEX_SIZE,
  PROP_RECONNECT,
  PROP_QUEUE_SIZE,
  N_PROPS
};

G_STATIC_ASSERT (N_PROPS == GST_MMIO_SETTINGS_N_PROPS);

/**
 * GstMmioSetting:
 * @name: name of the property
 * @type: its fundamental type
 * @offset: offset of its value in #GstMmioSettings
 * @min: minimum of a number, checked when the device is opened
 * @max: maximum of a number, likewise; 0 if the setting is not a number
 * @is_size: whether it is the size of a register
 *
 * A setting. The property accepts all values of its type, also those outside @min
 * to @max. GLib would drop such values with a warning on standard error, and the
 * element would run with another value than the user has set.
 */
typedef struct {
  const char *name;
  GType type;
  gsize offset;
  gint64 min;
  guint64 max;
  gboolean is_size;
} GstMmioSetting;

const GstMmioSetting *gst_mmio_settings_find (guint prop_id);

gboolean gst_mmio_settings_check_numbers (const GstMmioSettings * settings,
    GError ** error);

G_END_DECLS
