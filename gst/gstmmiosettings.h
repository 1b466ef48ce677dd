/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

#include "capture/mmiocapture.h"
#include "gstmmioenums.h"

G_BEGIN_DECLS

/* First ID of the other properties of the element */
#define GST_MMIO_SETTINGS_N_PROPS 25

/* Error text of an invalid value. Arguments: the setting, the value, the
 * setting, and gst_mmio_settings_describe_values(). */
#define GST_MMIO_SETTINGS_REFUSAL "Cannot set %s to '%s': %s is %s."

/**
 * GstMmioRegisterSettings:
 * @bar: number of the BAR, -1 if not set
 * @offset: bytes from the start of the BAR, -1 if not set
 * @size: bits, 0 if not set
 *
 * The location of a register, as the properties have it.
 */
typedef struct {
  gint bar;
  gint64 offset;
  guint size;
} GstMmioRegisterSettings;

/**
 * GstMmioSettings:
 *
 * The writable properties: the device, the layout of its frame, and how it is
 * captured and sent.
 */
typedef struct {
  char *device;
  MmioAccess access;
  gint bar;
  GstVideoFormat format;
  guint width;
  guint height;
  guint64 offset;
  guint stride;
  GstMmioIOMode io_mode;
  MmioMapping mapping;
  MmioEngine engine;
  MmioChanges changes;
  MmioFrameSync frame_sync;
  GstMmioRegisterSettings counter;
  gboolean counter_is_seqlock;
  guint n_buffers;
  guint64 buffer_step;
  GstMmioRegisterSettings index;
  gboolean reconnect;
  guint queue_size;
} GstMmioSettings;

void gst_mmio_settings_init (GstMmioSettings * settings);
void gst_mmio_settings_clear (GstMmioSettings * settings);

void gst_mmio_settings_install_properties (GObjectClass * object_class);
GPtrArray *gst_mmio_settings_list_specs (GObjectClass * object_class);

gboolean gst_mmio_settings_set_property (GstMmioSettings * settings,
    guint prop_id, const GValue * value);
gboolean gst_mmio_settings_get_property (const GstMmioSettings * settings,
    guint prop_id, GValue * value);

gboolean gst_mmio_settings_describes_frame (const GParamSpec * spec);
gboolean gst_mmio_settings_is_allowed (const GParamSpec * spec,
    const GValue * value);
char *gst_mmio_settings_describe_values (const GParamSpec * spec);

gboolean gst_mmio_settings_is_default (const GstMmioSettings * settings,
    GParamSpec * spec);
GPtrArray *gst_mmio_settings_list_changes (const GstMmioSettings * settings,
    const GstMmioSettings * others, GObjectClass * object_class);

guint gst_mmio_settings_get_queue_size (const GstMmioSettings * settings);

gboolean gst_mmio_settings_get_config (const GstMmioSettings * settings,
    MmioCaptureConfig * config, GError ** error);

G_END_DECLS
