/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The writable properties, from GObject's words to the library's.  Whoever
 * keeps the settings keeps them under a lock.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiosettingspriv.h"

#include <string.h>

#include "base/mmioerror.h"
#include "gstmmioformat.h"
#include "gstmmioframequeue.h"

/* Of a register of which only the offset or the BAR is set, in bits */
#define REGISTER_SIZE 32

static const GstMmioRegisterSettings no_register = {
  DEFAULT_REGISTER_BAR, DEFAULT_REGISTER_OFFSET, DEFAULT_REGISTER_SIZE
};

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
  settings->counter = no_register;
  settings->index = no_register;
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
      return TRUE;
    case PROP_COUNTER_OFFSET:
      settings->counter.offset = g_value_get_int64 (value);
      return TRUE;
    case PROP_COUNTER_SIZE:
      settings->counter.size = g_value_get_uint (value);
      return TRUE;
    case PROP_COUNTER_SEQLOCK:
      settings->counter_is_seqlock = g_value_get_boolean (value);
      return TRUE;
    case PROP_BUFFERS:
      settings->n_buffers = g_value_get_uint (value);
      return TRUE;
    case PROP_BUFFER_STEP:
      settings->buffer_step = g_value_get_uint64 (value);
      return TRUE;
    case PROP_INDEX_BAR:
      settings->index.bar = g_value_get_int (value);
      return TRUE;
    case PROP_INDEX_OFFSET:
      settings->index.offset = g_value_get_int64 (value);
      return TRUE;
    case PROP_INDEX_SIZE:
      settings->index.size = g_value_get_uint (value);
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
      g_value_set_int64 (value, settings->counter.offset);
      return TRUE;
    case PROP_COUNTER_SIZE:
      g_value_set_uint (value, settings->counter.size);
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
      g_value_set_int64 (value, settings->index.offset);
      return TRUE;
    case PROP_INDEX_SIZE:
      g_value_set_uint (value, settings->index.size);
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
 * Returns: whether the setting is not set
 */
gboolean
gst_mmio_settings_is_default (const GstMmioSettings * settings,
    GParamSpec * spec)
{
  g_auto (GValue) value = G_VALUE_INIT;

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

static gboolean
is_register_set (const GstMmioRegisterSettings * settings)
{
  return settings->bar != DEFAULT_REGISTER_BAR ||
      settings->offset != DEFAULT_REGISTER_OFFSET ||
      settings->size != DEFAULT_REGISTER_SIZE;
}

/* A register is set as soon as one of its properties is */
static MmioRegisterSpec
get_register (const GstMmioRegisterSettings * settings)
{
  MmioRegisterSpec spec = { 0, };

  if (is_register_set (settings)) {
    spec.bar = settings->bar;
    spec.offset = MAX (settings->offset, 0);
    spec.bits = settings->size > 0 ? settings->size : REGISTER_SIZE;
  }
  return spec;
}

/**
 * gst_mmio_settings_get_queue_size:
 *
 * Returns: frames that may wait, 1 to %GST_MMIO_FRAME_QUEUE_MAX; 0: not set.  It may be
 *   set at any time, and is checked only when the device is opened.
 */
guint
gst_mmio_settings_get_queue_size (const GstMmioSettings * settings)
{
  return MIN (settings->queue_size, GST_MMIO_FRAME_QUEUE_MAX);
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
          .n_buffers = settings->n_buffers,
          .buffer_step = settings->buffer_step,
          .counter = get_register (&settings->counter),
          .counter_is_seqlock = settings->counter_is_seqlock,
          .index = get_register (&settings->index),
        },
  };

  if (!gst_mmio_settings_check_numbers (settings, error))
    return FALSE;

  if (settings->format != GST_VIDEO_FORMAT_UNKNOWN &&
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

  if (settings->counter_is_seqlock && result.spec.counter.bits == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use counter-seqlock: the frame counter has no place; set "
        "counter-offset.");
    return FALSE;
  }

  *config = result;
  return TRUE;
}
