/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The writable properties, from GObject's words to the library's.  Whoever
 * keeps the settings keeps them under a lock.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiosettings.h"

#include <string.h>

#include "gstmmioformat.h"
#include "gstmmioframequeue.h"
#include "mmioerror.h"

#define DEFAULT_DEVICE "sim"
#define DEFAULT_ACCESS MMIO_ACCESS_AUTO
#define DEFAULT_BAR -1
#define DEFAULT_FORMAT GST_VIDEO_FORMAT_RGB
#define DEFAULT_IO_MODE GST_MMIO_IO_MODE_AUTO
#define DEFAULT_MAPPING MMIO_MAPPING_AUTO
#define DEFAULT_ENGINE MMIO_ENGINE_AUTO
#define DEFAULT_CHANGES MMIO_CHANGES_IGNORE
#define DEFAULT_FRAME_SYNC MMIO_FRAME_SYNC_CLOCK
#define DEFAULT_COUNTER_BAR -1
#define DEFAULT_COUNTER_SIZE 32
#define DEFAULT_BUFFERS 1
#define DEFAULT_INDEX_BAR -1
#define DEFAULT_INDEX_SIZE 32

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
 * gst_mmio_settings_init:
 * @settings: (out): the defaults
 */
void
gst_mmio_settings_init (GstMmioSettings * settings)
{
  memset (settings, 0, sizeof (*settings));
  settings->device = g_strdup (DEFAULT_DEVICE);
  settings->access = DEFAULT_ACCESS;
  settings->bar = DEFAULT_BAR;
  settings->format = DEFAULT_FORMAT;
  settings->io_mode = DEFAULT_IO_MODE;
  settings->mapping = DEFAULT_MAPPING;
  settings->engine = DEFAULT_ENGINE;
  settings->changes = DEFAULT_CHANGES;
  settings->frame_sync = DEFAULT_FRAME_SYNC;
  settings->counter.bar = DEFAULT_COUNTER_BAR;
  settings->counter.bits = DEFAULT_COUNTER_SIZE;
  settings->n_buffers = DEFAULT_BUFFERS;
  settings->index.bar = DEFAULT_INDEX_BAR;
  settings->index.bits = DEFAULT_INDEX_SIZE;
}

/**
 * gst_mmio_settings_clear:
 *
 * Frees what @settings own.
 */
void
gst_mmio_settings_clear (GstMmioSettings * settings)
{
  g_clear_pointer (&settings->device, g_free);
}

/**
 * gst_mmio_settings_install_properties:
 * @object_class: class of an element that has settings
 */
void
gst_mmio_settings_install_properties (GObjectClass * object_class)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
      GST_PARAM_MUTABLE_READY;

  g_object_class_install_property (object_class, PROP_DEVICE,
      g_param_spec_string ("device", "Device",
          "The device: " MMIO_ADDRESS_FORMS, DEFAULT_DEVICE, flags));
  g_object_class_install_property (object_class, PROP_ACCESS,
      g_param_spec_enum ("access", "Access", "How to reach a PCI device",
          GST_TYPE_MMIO_ACCESS, DEFAULT_ACCESS, flags));
  g_object_class_install_property (object_class, PROP_BAR,
      g_param_spec_int ("bar", "BAR", "BAR that holds the picture (-1 = the "
          "first memory BAR that is large enough)", -1, MMIO_MAX_BARS - 1,
          DEFAULT_BAR, flags));
  g_object_class_install_property (object_class, PROP_FORMAT,
      g_param_spec_enum ("format", "Format", "Pixel format in the BAR (if "
          "never set, as the device describes, else RGB)",
          GST_TYPE_VIDEO_FORMAT, DEFAULT_FORMAT, flags));
  g_object_class_install_property (object_class, PROP_WIDTH,
      g_param_spec_uint ("width", "Width", "Width of the picture in pixels "
          "(0 = ask the device, and follow it)", 0, G_MAXINT, 0, flags));
  g_object_class_install_property (object_class, PROP_HEIGHT,
      g_param_spec_uint ("height", "Height", "Height of the picture in pixels "
          "(0 = ask the device, and follow it)", 0, G_MAXINT, 0, flags));
  g_object_class_install_property (object_class, PROP_OFFSET,
      g_param_spec_uint64 ("offset", "Offset", "Bytes from the BAR's start to "
          "the first pixel", 0, G_MAXUINT64, 0, flags));
  g_object_class_install_property (object_class, PROP_STRIDE,
      g_param_spec_uint ("stride", "Stride", "Bytes from one row to the next, "
          "in the first plane (0 = rows without padding)", 0, G_MAXINT, 0,
          flags));
  g_object_class_install_property (object_class, PROP_IO_MODE,
      g_param_spec_enum ("io-mode", "IO mode",
          "How frames are sent: as a dma-buf, as a copy, or as the mapped BAR",
          GST_TYPE_MMIO_IO_MODE, DEFAULT_IO_MODE, flags));
  g_object_class_install_property (object_class, PROP_MAPPING,
      g_param_spec_enum ("mapping", "Mapping", "How the BAR is mapped",
          GST_TYPE_MMIO_MAPPING, DEFAULT_MAPPING, flags));
  g_object_class_install_property (object_class, PROP_ENGINE,
      g_param_spec_enum ("engine", "Engine", "How a copy loads from the BAR",
          GST_TYPE_MMIO_ENGINE, DEFAULT_ENGINE, flags));
  g_object_class_install_property (object_class, PROP_CHANGES,
      g_param_spec_enum ("changes", "Changes", "How to handle unchanged "
          "frames and changed rows (mark: regions of interest named damage)",
          GST_TYPE_MMIO_CHANGES, DEFAULT_CHANGES, flags));
  g_object_class_install_property (object_class, PROP_FRAME_SYNC,
      g_param_spec_enum ("frame-sync", "Frame sync", "What starts a frame",
          GST_TYPE_MMIO_FRAME_SYNC, DEFAULT_FRAME_SYNC, flags));
  g_object_class_install_property (object_class, PROP_COUNTER_BAR,
      g_param_spec_int ("counter-bar", "Counter BAR",
          "BAR that holds the frame counter (-1 = that of the picture)", -1,
          MMIO_MAX_BARS - 1, DEFAULT_COUNTER_BAR, flags));
  g_object_class_install_property (object_class, PROP_COUNTER_OFFSET,
      g_param_spec_uint64 ("counter-offset", "Counter offset",
          "Bytes from that BAR's start to the frame counter (if never set, as the "
          "device describes)", 0, G_MAXUINT64, 0, flags));
  g_object_class_install_property (object_class, PROP_COUNTER_SIZE,
      g_param_spec_uint ("counter-size", "Counter size",
          "Bits of the frame counter: 8, 16, 32 or 64", 8, 64,
          DEFAULT_COUNTER_SIZE, flags));
  g_object_class_install_property (object_class, PROP_COUNTER_SEQLOCK,
      g_param_spec_boolean ("counter-seqlock", "Counter seqlock",
          "The frame counter is odd while a picture is being written", FALSE,
          flags));
  g_object_class_install_property (object_class, PROP_BUFFERS,
      g_param_spec_uint ("buffers", "Buffers",
          "Number of pictures that the "
          "device writes in turn (if never set, as the device describes)", 1,
          MMIO_MAX_BUFFERS, DEFAULT_BUFFERS, flags));
  g_object_class_install_property (object_class, PROP_BUFFER_STEP,
      g_param_spec_uint64 ("buffer-step", "Buffer step",
          "Bytes from the start of one of these pictures to that of the next "
          "(0 = without a gap, or as the device describes)", 0, G_MAXUINT64, 0,
          flags));
  g_object_class_install_property (object_class, PROP_INDEX_BAR,
      g_param_spec_int ("index-bar", "Index BAR",
          "BAR that holds the index (-1 = that of the picture)", -1,
          MMIO_MAX_BARS - 1, DEFAULT_INDEX_BAR, flags));
  g_object_class_install_property (object_class, PROP_INDEX_OFFSET,
      g_param_spec_uint64 ("index-offset", "Index offset",
          "Bytes from that BAR's start to the index of the complete picture (if "
          "never set, as the device describes)", 0, G_MAXUINT64, 0, flags));
  g_object_class_install_property (object_class, PROP_INDEX_SIZE,
      g_param_spec_uint ("index-size", "Index size",
          "Bits of the index: 8, 16, 32 or 64", 8, 64, DEFAULT_INDEX_SIZE,
          flags));
  g_object_class_install_property (object_class, PROP_RECONNECT,
      g_param_spec_boolean ("reconnect", "Reconnect",
          "Wait for a removed device to return (false = its removal is an error)",
          FALSE, flags));
  g_object_class_install_property (object_class, PROP_QUEUE_SIZE,
      g_param_spec_uint ("queue-size", "Queue size",
          "Maximum number of queued "
          "frames (0 = as many as the pipeline's latency needs)", 0,
          GST_MMIO_FRAME_QUEUE_MAX, 0, flags));
}

/**
 * gst_mmio_settings_list_specs:
 * @object_class: class of an element that has settings
 *
 * Returns: (transfer full) (element-type GParamSpec): what has been installed,
 *   in that order
 */
GPtrArray *
gst_mmio_settings_list_specs (GObjectClass * object_class)
{
  GPtrArray *own = g_ptr_array_new ();
  g_autofree GParamSpec **specs = NULL;
  guint n_specs;

  specs = g_object_class_list_properties (object_class, &n_specs);
  for (guint i = 0; i < n_specs; i++) {
    if (specs[i]->owner_type == G_OBJECT_CLASS_TYPE (object_class) &&
        specs[i]->param_id < N_PROPS)
      g_ptr_array_add (own, specs[i]);
  }

  return own;
}

/**
 * gst_mmio_settings_set_property:
 *
 * Returns: whether @prop_id is a setting
 */
gboolean
gst_mmio_settings_set_property (GstMmioSettings * settings, guint prop_id,
    const GValue * value)
{
  switch (prop_id) {
    case PROP_DEVICE:
      g_free (settings->device);
      settings->device = g_value_dup_string (value);
      return TRUE;
    case PROP_ACCESS:
      settings->access = g_value_get_enum (value);
      return TRUE;
    case PROP_BAR:
      settings->bar = g_value_get_int (value);
      return TRUE;
    case PROP_FORMAT:
      settings->format = g_value_get_enum (value);
      settings->format_set = TRUE;
      return TRUE;
    case PROP_WIDTH:
      settings->width = g_value_get_uint (value);
      return TRUE;
    case PROP_HEIGHT:
      settings->height = g_value_get_uint (value);
      return TRUE;
    case PROP_OFFSET:
      settings->offset = g_value_get_uint64 (value);
      return TRUE;
    case PROP_STRIDE:
      settings->stride = g_value_get_uint (value);
      return TRUE;
    case PROP_IO_MODE:
      settings->io_mode = g_value_get_enum (value);
      return TRUE;
    case PROP_MAPPING:
      settings->mapping = g_value_get_enum (value);
      return TRUE;
    case PROP_ENGINE:
      settings->engine = g_value_get_enum (value);
      return TRUE;
    case PROP_CHANGES:
      settings->changes = g_value_get_enum (value);
      return TRUE;
    case PROP_FRAME_SYNC:
      settings->frame_sync = g_value_get_enum (value);
      return TRUE;
    case PROP_COUNTER_BAR:
      settings->counter.bar = g_value_get_int (value);
      settings->counter_set = TRUE;
      return TRUE;
    case PROP_COUNTER_OFFSET:
      settings->counter.offset = g_value_get_uint64 (value);
      settings->counter_set = TRUE;
      return TRUE;
    case PROP_COUNTER_SIZE:
      settings->counter.bits = g_value_get_uint (value);
      settings->counter_set = TRUE;
      return TRUE;
    case PROP_COUNTER_SEQLOCK:
      settings->counter_is_seqlock = g_value_get_boolean (value);
      settings->counter_set = TRUE;
      return TRUE;
    case PROP_BUFFERS:
      settings->n_buffers = g_value_get_uint (value);
      settings->n_buffers_set = TRUE;
      return TRUE;
    case PROP_BUFFER_STEP:
      settings->buffer_step = g_value_get_uint64 (value);
      return TRUE;
    case PROP_INDEX_BAR:
      settings->index.bar = g_value_get_int (value);
      settings->index_set = TRUE;
      return TRUE;
    case PROP_INDEX_OFFSET:
      settings->index.offset = g_value_get_uint64 (value);
      settings->index_set = TRUE;
      return TRUE;
    case PROP_INDEX_SIZE:
      settings->index.bits = g_value_get_uint (value);
      settings->index_set = TRUE;
      return TRUE;
    case PROP_RECONNECT:
      settings->reconnect = g_value_get_boolean (value);
      return TRUE;
    case PROP_QUEUE_SIZE:
      settings->queue_size = g_value_get_uint (value);
      return TRUE;
    default:
      return FALSE;
  }
}

/**
 * gst_mmio_settings_get_property:
 *
 * Returns: whether @prop_id is a setting
 */
gboolean
gst_mmio_settings_get_property (const GstMmioSettings * settings,
    guint prop_id, GValue * value)
{
  switch (prop_id) {
    case PROP_DEVICE:
      g_value_set_string (value, settings->device);
      return TRUE;
    case PROP_ACCESS:
      g_value_set_enum (value, settings->access);
      return TRUE;
    case PROP_BAR:
      g_value_set_int (value, settings->bar);
      return TRUE;
    case PROP_FORMAT:
      g_value_set_enum (value, settings->format);
      return TRUE;
    case PROP_WIDTH:
      g_value_set_uint (value, settings->width);
      return TRUE;
    case PROP_HEIGHT:
      g_value_set_uint (value, settings->height);
      return TRUE;
    case PROP_OFFSET:
      g_value_set_uint64 (value, settings->offset);
      return TRUE;
    case PROP_STRIDE:
      g_value_set_uint (value, settings->stride);
      return TRUE;
    case PROP_IO_MODE:
      g_value_set_enum (value, settings->io_mode);
      return TRUE;
    case PROP_MAPPING:
      g_value_set_enum (value, settings->mapping);
      return TRUE;
    case PROP_ENGINE:
      g_value_set_enum (value, settings->engine);
      return TRUE;
    case PROP_CHANGES:
      g_value_set_enum (value, settings->changes);
      return TRUE;
    case PROP_FRAME_SYNC:
      g_value_set_enum (value, settings->frame_sync);
      return TRUE;
    case PROP_COUNTER_BAR:
      g_value_set_int (value, settings->counter.bar);
      return TRUE;
    case PROP_COUNTER_OFFSET:
      g_value_set_uint64 (value, settings->counter.offset);
      return TRUE;
    case PROP_COUNTER_SIZE:
      g_value_set_uint (value, settings->counter.bits);
      return TRUE;
    case PROP_COUNTER_SEQLOCK:
      g_value_set_boolean (value, settings->counter_is_seqlock);
      return TRUE;
    case PROP_BUFFERS:
      g_value_set_uint (value, settings->n_buffers);
      return TRUE;
    case PROP_BUFFER_STEP:
      g_value_set_uint64 (value, settings->buffer_step);
      return TRUE;
    case PROP_INDEX_BAR:
      g_value_set_int (value, settings->index.bar);
      return TRUE;
    case PROP_INDEX_OFFSET:
      g_value_set_uint64 (value, settings->index.offset);
      return TRUE;
    case PROP_INDEX_SIZE:
      g_value_set_uint (value, settings->index.bits);
      return TRUE;
    case PROP_RECONNECT:
      g_value_set_boolean (value, settings->reconnect);
      return TRUE;
    case PROP_QUEUE_SIZE:
      g_value_set_uint (value, settings->queue_size);
      return TRUE;
    default:
      return FALSE;
  }
}

/**
 * gst_mmio_settings_is_default:
 * @spec: of a setting
 *
 * Returns: whether the setting is as if it had never been set
 */
gboolean
gst_mmio_settings_is_default (const GstMmioSettings * settings,
    GParamSpec * spec)
{
  g_auto (GValue) value = G_VALUE_INIT;

  /* Their defaults are no values, though the properties show some; a register
   * has one property that says that there is one */
  switch (spec->param_id) {
    case PROP_FORMAT:
      return !settings->format_set;
    case PROP_BUFFERS:
      return !settings->n_buffers_set;
    case PROP_COUNTER_OFFSET:
      return !settings->counter_set;
    case PROP_INDEX_OFFSET:
      return !settings->index_set;
    default:
      break;
  }

  g_value_init (&value, spec->value_type);
  gst_mmio_settings_get_property (settings, spec->param_id, &value);
  return g_param_value_defaults (spec, &value);
}

/**
 * gst_mmio_settings_list_changes:
 * @others: settings to compare with
 * @object_class: class of the element that has settings
 *
 * Returns: (transfer full) (element-type GParamSpec): those properties that
 *   are not the same
 */
GPtrArray *
gst_mmio_settings_list_changes (const GstMmioSettings * settings,
    const GstMmioSettings * others, GObjectClass * object_class)
{
  GPtrArray *specs = gst_mmio_settings_list_specs (object_class);

  for (guint i = specs->len; i-- > 0;) {
    GParamSpec *spec = g_ptr_array_index (specs, i);
    g_auto (GValue) value = G_VALUE_INIT;
    g_auto (GValue) other = G_VALUE_INIT;

    g_value_init (&value, spec->value_type);
    g_value_init (&other, spec->value_type);
    gst_mmio_settings_get_property (settings, spec->param_id, &value);
    gst_mmio_settings_get_property (others, spec->param_id, &other);
    if (g_param_values_cmp (spec, &value, &other) == 0)
      g_ptr_array_remove_index (specs, i);
  }

  return specs;
}

/**
 * gst_mmio_settings_get_config:
 * @config: (out): the same in the library's words; its device belongs to
 *   @settings
 *
 * Returns: TRUE, or FALSE with %MMIO_ERROR_FORMAT or %MMIO_ERROR_SETTINGS
 */
gboolean
gst_mmio_settings_get_config (const GstMmioSettings * settings,
    MmioCaptureConfig * config, GError ** error)
{
  MmioCaptureConfig result = {
    .device = settings->device,
    .access = settings->access,
    .bar = settings->bar,
    .mapping = settings->mapping,
    .engine = settings->engine,
    .changes = settings->changes,
    .frame_sync = settings->frame_sync,
    .spec = {
          .width = settings->width,
          .height = settings->height,
          .offset = settings->offset,
          .stride = settings->stride,
          .n_buffers = settings->n_buffers_set ? settings->n_buffers : 0,
          .buffer_step = settings->buffer_step,
        },
  };

  if (settings->format_set &&
      !gst_mmio_format_from_video (&result.spec.format, settings->format)) {
    mmio_set_error (error, MMIO_ERROR_FORMAT,
        "%s is no format that lies in a BAR row by row; set format to a packed "
        "or planar raw one, such as rgb, bgrx or nv12.",
        gst_mmio_enum_get_nick (GST_TYPE_VIDEO_FORMAT, settings->format));
    return FALSE;
  }

  if ((settings->io_mode == GST_MMIO_IO_MODE_MMAP ||
          settings->io_mode == GST_MMIO_IO_MODE_DMABUF) &&
      settings->changes != MMIO_CHANGES_IGNORE) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "To find changes the picture has to be read, but io-mode=%s sends it "
        "unread; set changes=ignore or io-mode=copy.",
        gst_mmio_enum_get_nick (GST_TYPE_MMIO_IO_MODE, settings->io_mode));
    return FALSE;
  }

  if (settings->counter_set) {
    result.spec.counter = settings->counter;
    result.spec.counter_is_seqlock = settings->counter_is_seqlock;
  }
  if (settings->index_set)
    result.spec.index = settings->index;

  *config = result;
  return TRUE;
}
