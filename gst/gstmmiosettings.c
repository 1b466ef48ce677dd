/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The writable properties, and their conversion to the configuration of the
 * library.
 *
 * Locking: the owner of the settings holds a lock.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiosettingspriv.h"

#include <string.h>

#include "base/mmioerror.h"
#include "gstmmioformat.h"
#include "gstmmioframequeue.h"

/* Default size in bits of a register that has a BAR or an offset */
#define REGISTER_SIZE 32

static const GstMmioRegisterSettings no_register = {
  DEFAULT_REGISTER_BAR, DEFAULT_REGISTER_OFFSET, DEFAULT_REGISTER_SIZE
};

/* Enumerations are read and written as integers */
G_STATIC_ASSERT (sizeof (MmioAccess) == sizeof (gint));
G_STATIC_ASSERT (sizeof (GstVideoFormat) == sizeof (gint));

#define SETTING(name, type, member) \
  {name, type, offsetof (GstMmioSettings, member), 0, 0, FALSE}
#define NUMBER(name, type, member, min, max) \
  {name, type, offsetof (GstMmioSettings, member), min, max, FALSE}
#define BAR(name, member) \
  NUMBER (name, G_TYPE_INT, member, -1, MMIO_MAX_BARS - 1)
#define SIZE(name, member) \
  {name, G_TYPE_UINT, offsetof (GstMmioSettings, member), 0, 64, TRUE}

static const GstMmioSetting setting_table[N_PROPS] = {
  [PROP_DEVICE] = SETTING ("device", G_TYPE_STRING, device),
  [PROP_ACCESS] = SETTING ("access", G_TYPE_ENUM, access),
  [PROP_BAR] = BAR ("bar", bar),
  [PROP_FORMAT] = SETTING ("format", G_TYPE_ENUM, format),
  [PROP_WIDTH] = NUMBER ("width", G_TYPE_UINT, width, 0, G_MAXINT),
  [PROP_HEIGHT] = NUMBER ("height", G_TYPE_UINT, height, 0, G_MAXINT),
  [PROP_OFFSET] = NUMBER ("offset", G_TYPE_UINT64, offset, 0, G_MAXUINT64),
  [PROP_STRIDE] = NUMBER ("stride", G_TYPE_UINT, stride, 0, G_MAXINT),
  [PROP_IO_MODE] = SETTING ("io-mode", G_TYPE_ENUM, io_mode),
  [PROP_MAPPING] = SETTING ("mapping", G_TYPE_ENUM, mapping),
  [PROP_ENGINE] = SETTING ("engine", G_TYPE_ENUM, engine),
  [PROP_CHANGES] = SETTING ("changes", G_TYPE_ENUM, changes),
  [PROP_FRAME_SYNC] = SETTING ("frame-sync", G_TYPE_ENUM, frame_sync),
  [PROP_COUNTER_BAR] = BAR ("counter-bar", counter.bar),
  [PROP_COUNTER_OFFSET] = NUMBER ("counter-offset", G_TYPE_INT64,
      counter.offset, -1, G_MAXINT64),
  [PROP_COUNTER_SIZE] = SIZE ("counter-size", counter.size),
  [PROP_COUNTER_SEQLOCK] = SETTING ("counter-seqlock", G_TYPE_BOOLEAN,
      counter_is_seqlock),
  [PROP_BUFFERS] = NUMBER ("buffers", G_TYPE_UINT, n_buffers, 0,
      MMIO_MAX_BUFFERS),
  [PROP_BUFFER_STEP] = NUMBER ("buffer-step", G_TYPE_UINT64, buffer_step, 0,
      G_MAXUINT64),
  [PROP_INDEX_BAR] = BAR ("index-bar", index.bar),
  [PROP_INDEX_OFFSET] = NUMBER ("index-offset", G_TYPE_INT64, index.offset, -1,
      G_MAXINT64),
  [PROP_INDEX_SIZE] = SIZE ("index-size", index.size),
  [PROP_RECONNECT] = SETTING ("reconnect", G_TYPE_BOOLEAN, reconnect),
  [PROP_QUEUE_SIZE] = NUMBER ("queue-size", G_TYPE_UINT, queue_size, 0,
      GST_MMIO_FRAME_QUEUE_MAX),
};

/**
 * gst_mmio_settings_find:
 * @prop_id: ID of a property
 *
 * Finds the setting of a property.
 *
 * Returns: (transfer none) (nullable): the setting; NULL if the property is not a
 *   setting
 */
const GstMmioSetting *
gst_mmio_settings_find (guint prop_id)
{
  return prop_id > PROP_0 && prop_id < N_PROPS ? &setting_table[prop_id] : NULL;
}

/**
 * gst_mmio_settings_init:
 * @settings: (out): the settings
 *
 * Sets all settings to their defaults.
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
 * Frees the members of the settings.
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
 * Lists the properties of the settings.
 *
 * Returns: (transfer container) (element-type GParamSpec): the properties, in the
 *   order of installation
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

/* The member of a setting */
#define FIELD(type, settings, setting) \
  G_STRUCT_MEMBER (type, settings, (setting)->offset)

/**
 * gst_mmio_settings_set_property:
 * @prop_id: ID of a property
 * @value: the new value
 *
 * Sets a setting.
 *
 * Returns: whether @prop_id is a setting
 */
gboolean
gst_mmio_settings_set_property (GstMmioSettings * settings, guint prop_id,
    const GValue * value)
{
  const GstMmioSetting *setting = gst_mmio_settings_find (prop_id);

  if (!setting)
    return FALSE;

  switch (setting->type) {
    case G_TYPE_STRING:
      g_free (FIELD (char *, settings, setting));
      FIELD (char *, settings, setting) = g_value_dup_string (value);
      break;
    case G_TYPE_ENUM:
      FIELD (gint, settings, setting) = g_value_get_enum (value);
      break;
    case G_TYPE_BOOLEAN:
      FIELD (gboolean, settings, setting) = g_value_get_boolean (value);
      break;
    case G_TYPE_INT:
      FIELD (gint, settings, setting) = g_value_get_int (value);
      break;
    case G_TYPE_UINT:
      FIELD (guint, settings, setting) = g_value_get_uint (value);
      break;
    case G_TYPE_INT64:
      FIELD (gint64, settings, setting) = g_value_get_int64 (value);
      break;
    case G_TYPE_UINT64:
      FIELD (guint64, settings, setting) = g_value_get_uint64 (value);
      break;
    default:
      g_return_val_if_reached (FALSE);
  }
  return TRUE;
}

/**
 * gst_mmio_settings_get_property:
 * @prop_id: ID of a property
 * @value: (out): the value
 *
 * Gets a setting.
 *
 * Returns: whether @prop_id is a setting
 */
gboolean
gst_mmio_settings_get_property (const GstMmioSettings * settings,
    guint prop_id, GValue * value)
{
  const GstMmioSetting *setting = gst_mmio_settings_find (prop_id);

  if (!setting)
    return FALSE;

  switch (setting->type) {
    case G_TYPE_STRING:
      g_value_set_string (value, FIELD (char *, settings, setting));
      break;
    case G_TYPE_ENUM:
      g_value_set_enum (value, FIELD (gint, settings, setting));
      break;
    case G_TYPE_BOOLEAN:
      g_value_set_boolean (value, FIELD (gboolean, settings, setting));
      break;
    case G_TYPE_INT:
      g_value_set_int (value, FIELD (gint, settings, setting));
      break;
    case G_TYPE_UINT:
      g_value_set_uint (value, FIELD (guint, settings, setting));
      break;
    case G_TYPE_INT64:
      g_value_set_int64 (value, FIELD (gint64, settings, setting));
      break;
    case G_TYPE_UINT64:
      g_value_set_uint64 (value, FIELD (guint64, settings, setting));
      break;
    default:
      g_return_val_if_reached (FALSE);
  }
  return TRUE;
}

/**
 * gst_mmio_settings_is_default:
 * @spec: property of a setting
 *
 * Compares a setting with its default.
 *
 * Returns: whether the setting has its default value, which means not set
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
 * @others: other settings
 * @object_class: class of the element that has the settings
 *
 * Compares settings.
 *
 * Returns: (transfer container) (element-type GParamSpec): the properties that
 *   differ
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

/* A register is set if one of its properties is set */
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
 * Gets the size of the queue. It may change at any time, and is checked only when
 * the device is opened.
 *
 * Returns: number of frames, 1 to %GST_MMIO_FRAME_QUEUE_MAX; 0 if not set
 */
guint
gst_mmio_settings_get_queue_size (const GstMmioSettings * settings)
{
  return MIN (settings->queue_size, GST_MMIO_FRAME_QUEUE_MAX);
}

/**
 * gst_mmio_settings_get_config:
 * @config: (out): the configuration; its device belongs to @settings
 *
 * Converts the settings to a configuration of the library.
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
        "Cannot capture format %s: frames in a BAR are rows of pixels. Set "
        "format to a packed or planar raw format, such as rgb, bgrx or nv12.",
        gst_mmio_enum_get_nick (GST_TYPE_MMIO_FORMAT, settings->format));
    return FALSE;
  }

  if ((settings->io_mode == GST_MMIO_IO_MODE_MMAP ||
          settings->io_mode == GST_MMIO_IO_MODE_DMABUF) &&
      settings->changes != MMIO_CHANGES_IGNORE) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot find changes with io-mode=%s: it sends frames without a read. "
        "Set changes=ignore or io-mode=copy.",
        gst_mmio_enum_get_nick (GST_TYPE_MMIO_IO_MODE, settings->io_mode));
    return FALSE;
  }

  if (settings->counter_is_seqlock && result.spec.counter.bits == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use counter-seqlock: the offset of the frame counter is not "
        "set. Set counter-offset.");
    return FALSE;
  }

  *config = result;
  return TRUE;
}
