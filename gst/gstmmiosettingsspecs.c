/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Installs the writable properties, and checks their values.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiosettingspriv.h"

#include "base/mmioerror.h"

/* Returns: (nullable): the setting, if it is a number */
static const GstMmioSetting *
find_number (guint prop_id)
{
  const GstMmioSetting *setting = gst_mmio_settings_find (prop_id);

  return setting && (setting->max > 0 || setting->is_size) ? setting : NULL;
}

static gboolean
is_register_size (guint64 bits)
{
  return bits == 0 || bits == 8 || bits == 16 || bits == 32 || bits == 64;
}

static gboolean
is_allowed (const GstMmioSetting * number, const GValue * value)
{
  g_auto (GValue) wide = G_VALUE_INIT;

  if (number->type == G_TYPE_INT || number->type == G_TYPE_INT64) {
    g_value_init (&wide, G_TYPE_INT64);
    g_value_transform (value, &wide);
    return g_value_get_int64 (&wide) >= number->min &&
        g_value_get_int64 (&wide) <= (gint64) number->max;
  }

  g_value_init (&wide, G_TYPE_UINT64);
  g_value_transform (value, &wide);
  return number->is_size ? is_register_size (g_value_get_uint64 (&wide)) :
      g_value_get_uint64 (&wide) <= number->max;
}

static char *
describe_number (const GstMmioSetting * number)
{
  if (number->is_size)
    return g_strdup ("one of 0, 8, 16, 32, 64");
  return g_strdup_printf ("a whole number from %" G_GINT64_FORMAT " to %"
      G_GUINT64_FORMAT, number->min, number->max);
}

static void
install_number (GObjectClass * object_class, guint prop_id, const char *nick,
    const char *blurb, gint initial)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
      GST_PARAM_MUTABLE_READY;
  const GstMmioSetting *number = find_number (prop_id);
  GParamSpec *spec;

  g_return_if_fail (number != NULL);
  switch (number->type) {
    case G_TYPE_INT:
      spec = g_param_spec_int (number->name, nick, blurb, G_MININT, G_MAXINT,
          initial, flags);
      break;
    case G_TYPE_INT64:
      spec = g_param_spec_int64 (number->name, nick, blurb, G_MININT64,
          G_MAXINT64, initial, flags);
      break;
    case G_TYPE_UINT:
      spec = g_param_spec_uint (number->name, nick, blurb, 0, G_MAXUINT,
          initial, flags);
      break;
    default:
      spec = g_param_spec_uint64 (number->name, nick, blurb, 0, G_MAXUINT64,
          initial, flags);
      break;
  }
  g_object_class_install_property (object_class, prop_id, spec);
}

static void
install_register (GObjectClass * object_class, guint bar_id,
    const char *bar_nick, const char *bar, const char *offset_nick,
    const char *offset, const char *size_nick, const char *size)
{
  install_number (object_class, bar_id, bar_nick, bar, DEFAULT_REGISTER_BAR);
  install_number (object_class, bar_id + 1, offset_nick, offset,
      DEFAULT_REGISTER_OFFSET);
  install_number (object_class, bar_id + 2, size_nick, size,
      DEFAULT_REGISTER_SIZE);
}

G_STATIC_ASSERT (PROP_COUNTER_SIZE == PROP_COUNTER_BAR + 2);
G_STATIC_ASSERT (PROP_INDEX_SIZE == PROP_INDEX_BAR + 2);

/**
 * gst_mmio_settings_install_properties:
 * @object_class: class of an element that has settings
 *
 * Installs the properties. A property with its default value is not set.
 */
void
gst_mmio_settings_install_properties (GObjectClass * object_class)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
      GST_PARAM_MUTABLE_READY;

  /**
   * GstMmioVidSrc:device:
   *
   * The device. Possible values are sim (a simulated device), a PCI address
   * (0000:03:00.0), and vendor and device in hex (10ee:7024). 10ee:7024@1 is the
   * second device of several. A path with a slash names a file or character device.
   */
  g_object_class_install_property (object_class, PROP_DEVICE,
      g_param_spec_string ("device", "Device",
          "Device (sim, PCI address, vendor:device[@n] in hex, or path)",
          DEFAULT_DEVICE, flags));

  /**
   * GstMmioVidSrc:access:
   *
   * How to open a PCI device. auto selects vfio or UIO if the device is bound to
   * such a driver and its node may be opened, otherwise sysfs.
   */
  g_object_class_install_property (object_class, PROP_ACCESS,
      g_param_spec_enum ("access", "Access", "How to open a PCI device",
          GST_TYPE_MMIO_ACCESS, DEFAULT_ACCESS, flags));

  /**
   * GstMmioVidSrc:bar:
   *
   * The BAR that contains the frame, 0 to 5. For a UIO node it is the number of
   * the map. -1 selects the first memory BAR that is large enough.
   */
  install_number (object_class, PROP_BAR, "BAR",
      "BAR of the frame, 0 to 5 (-1 = first large enough)", DEFAULT_BAR);

  /**
   * GstMmioVidSrc:format:
   *
   * The pixel format of the frame in device memory: a packed or planar raw
   * format. unknown selects the format that the device describes, or RGB.
   */
  g_object_class_install_property (object_class, PROP_FORMAT,
      g_param_spec_enum ("format", "Format",
          "Pixel format (unknown = as the device describes, or RGB)",
          GST_TYPE_MMIO_FORMAT, DEFAULT_FORMAT, flags));

  /**
   * GstMmioVidSrc:width:
   *
   * The width of the frame in pixels. If width or height is 0, the device has to
   * describe its frame.
   */
  install_number (object_class, PROP_WIDTH, "Width",
      "Width of the frame (pixels, 0 = as the device describes)", 0);

  /**
   * GstMmioVidSrc:height:
   *
   * The height of the frame in pixels. If width or height is 0, the device has
   * to describe its frame.
   */
  install_number (object_class, PROP_HEIGHT, "Height",
      "Height of the frame (pixels, 0 = as the device describes)", 0);

  /**
   * GstMmioVidSrc:offset:
   *
   * The offset of the first pixel in the BAR, in bytes.
   */
  install_number (object_class, PROP_OFFSET, "Offset",
      "Offset of the first pixel in the BAR (bytes)", 0);

  /**
   * GstMmioVidSrc:stride:
   *
   * Bytes from one row of the first plane to the next. 0 means rows without
   * padding. The other planes follow without a gap, and their strides follow
   * from this one.
   */
  install_number (object_class, PROP_STRIDE, "Stride",
      "Bytes from one row of the first plane to the next (0 = no padding)", 0);

  /**
   * GstMmioVidSrc:io-mode:
   *
   * How frames are sent. auto sends dma-bufs if the device, the kernel and
   * downstream support them, and copies otherwise. The property
   * #GstMmioVidSrc:stats has the selected mode and its reason.
   */
  g_object_class_install_property (object_class, PROP_IO_MODE,
      g_param_spec_enum ("io-mode", "IO mode",
          "How frames are sent (dma-buf, copy or mapped BAR)",
          GST_TYPE_MMIO_IO_MODE, DEFAULT_IO_MODE, flags));

  /**
   * GstMmioVidSrc:mapping:
   *
   * How the BAR is mapped. write-combining needs a prefetchable BAR and access by
   * sysfs, as vfio and UIO map uncached.
   */
  g_object_class_install_property (object_class, PROP_MAPPING,
      g_param_spec_enum ("mapping", "Mapping", "How the BAR is mapped",
          GST_TYPE_MMIO_MAPPING, DEFAULT_MAPPING, flags));

  /**
   * GstMmioVidSrc:engine:
   *
   * The load instructions of a copy. Set u32 for a device that does not support
   * wider loads. An engine that is not possible is an error.
   */
  g_object_class_install_property (object_class, PROP_ENGINE,
      g_param_spec_enum ("engine", "Engine", "How a copy loads from the BAR",
          GST_TYPE_MMIO_ENGINE, DEFAULT_ENGINE, flags));

  /**
   * GstMmioVidSrc:changes:
   *
   * How to handle unchanged frames. mark attaches a region-of-interest meta of
   * type damage to a buffer for each range of changed rows. drop also drops
   * unchanged frames. Both keep a copy of the frame for the comparison.
   */
  g_object_class_install_property (object_class, PROP_CHANGES,
      g_param_spec_enum ("changes", "Changes",
          "How to handle unchanged frames and changed rows",
          GST_TYPE_MMIO_CHANGES, DEFAULT_CHANGES, flags));

  /**
   * GstMmioVidSrc:frame-sync:
   *
   * What starts a frame: the clock of the pipeline at the negotiated rate, the
   * frame counter of the device, or its interrupt by vfio or UIO.
   */
  g_object_class_install_property (object_class, PROP_FRAME_SYNC,
      g_param_spec_enum ("frame-sync", "Frame sync", "What starts a frame",
          GST_TYPE_MMIO_FRAME_SYNC, DEFAULT_FRAME_SYNC, flags));

  /**
   * GstMmioVidSrc:counter-bar:
   *
   * The BAR of the frame counter, 0 to 5. -1 means the BAR of the frame. The
   * counter is used if its BAR, offset or size is set. Otherwise the counter
   * that the device describes is used with frame-sync=counter.
   */
  /**
   * GstMmioVidSrc:counter-offset:
   *
   * The offset of the frame counter in its BAR in bytes, a multiple of its size.
   * -1 means not set, and offset 0 if the BAR or size is set.
   */
  /**
   * GstMmioVidSrc:counter-size:
   *
   * The size of the frame counter in bits: 8, 16, 32 or 64. It is little-endian.
   * 0 means not set, and 32 bits if the BAR or offset is set.
   */
  install_register (object_class, PROP_COUNTER_BAR,
      "Counter BAR", "BAR of the frame counter, 0 to 5 (-1 = the frame's)",
      "Counter offset",
      "Offset of the frame counter in its BAR (bytes, -1 = not set)",
      "Counter size",
      "Size of the frame counter (bits: 8, 16, 32, 64; 0 = 32)");

  /**
   * GstMmioVidSrc:counter-seqlock:
   *
   * Whether the frame counter is incremented before and after each frame, so
   * that it is odd while the device writes. Otherwise it is incremented once for
   * each frame.
   */
  g_object_class_install_property (object_class, PROP_COUNTER_SEQLOCK,
      g_param_spec_boolean ("counter-seqlock", "Counter seqlock",
          "The frame counter is odd while the device writes a frame", FALSE,
          flags));

  /**
   * GstMmioVidSrc:buffers:
   *
   * Number of slots that the device writes in turn, 1 to 4. The index register
   * names the complete one. 0 means the number that the device describes, or 1.
   */
  install_number (object_class, PROP_BUFFERS, "Buffers",
      "Number of slots in device memory, 1 to 4 (0 = as described)", 0);

  /**
   * GstMmioVidSrc:buffer-step:
   *
   * Bytes from the start of a slot to the start of the next one. 0 means the
   * distance that the device describes, or slots without a gap.
   */
  install_number (object_class, PROP_BUFFER_STEP, "Buffer step",
      "Bytes from one slot to the next (0 = as described, or contiguous)", 0);

  /**
   * GstMmioVidSrc:index-bar:
   *
   * The BAR of the index register, 0 to 5. -1 means the BAR of the frame. The
   * index is used if its BAR, offset or size is set. Otherwise the index that
   * the device describes is used.
   */
  /**
   * GstMmioVidSrc:index-offset:
   *
   * The offset of the index register in its BAR in bytes, a multiple of its
   * size. -1 means not set, and offset 0 if the BAR or size is set.
   */
  /**
   * GstMmioVidSrc:index-size:
   *
   * The size of the index register in bits: 8, 16, 32 or 64. It is
   * little-endian. 0 means not set, and 32 bits if the BAR or offset is set.
   */
  install_register (object_class, PROP_INDEX_BAR,
      "Index BAR", "BAR of the index register, 0 to 5 (-1 = the frame's)",
      "Index offset",
      "Offset of the index register in its BAR (bytes, -1 = not set)",
      "Index size", "Size of the index register (bits: 8, 16, 32, 64; 0 = 32)");

  /**
   * GstMmioVidSrc:reconnect:
   *
   * Whether the element waits for a removed device to return, and posts a
   * warning. Otherwise the removal is an error, which ends the stream.
   */
  g_object_class_install_property (object_class, PROP_RECONNECT,
      g_param_spec_boolean ("reconnect", "Reconnect",
          "Wait for a removed device to return (false = error)", FALSE, flags));

  /**
   * GstMmioVidSrc:queue-size:
   *
   * Maximum number of frames between capture and downstream, 1 to 128. A full
   * queue drops its oldest frame, which counts as missed. 0 means as many as the
   * latency of the pipeline needs. May be changed at any time.
   */
  install_number (object_class, PROP_QUEUE_SIZE, "Queue size",
      "Maximum number of queued frames, 1 to 128 (0 = as latency needs)", 0);
}

/**
 * gst_mmio_settings_describes_frame:
 * @spec: property of a setting
 *
 * Checks whether a setting describes the frame of the device or its location, so
 * that it does not apply to another device.
 *
 * Returns: whether that is so
 */
gboolean
gst_mmio_settings_describes_frame (const GParamSpec * spec)
{
  switch (spec->param_id) {
    case PROP_DEVICE:
    case PROP_ACCESS:
    case PROP_IO_MODE:
    case PROP_MAPPING:
    case PROP_ENGINE:
    case PROP_CHANGES:
    case PROP_FRAME_SYNC:
    case PROP_RECONNECT:
    case PROP_QUEUE_SIZE:
      return FALSE;
    default:
      return TRUE;
  }
}

/**
 * gst_mmio_settings_is_allowed:
 * @spec: property of a setting
 * @value: a value of its type
 *
 * Checks a value.
 *
 * Returns: whether the element can start with it
 */
gboolean
gst_mmio_settings_is_allowed (const GParamSpec * spec, const GValue * value)
{
  const GstMmioSetting *number = find_number (spec->param_id);

  return !number || is_allowed (number, value);
}

/**
 * gst_mmio_settings_describe_values:
 * @spec: property of a setting
 *
 * Describes the allowed values, for an error text.
 *
 * Returns: (transfer full): the description
 */
char *
gst_mmio_settings_describe_values (const GParamSpec * spec)
{
  const GstMmioSetting *number = find_number (spec->param_id);

  if (number)
    return describe_number (number);
  if (spec->value_type == GST_TYPE_MMIO_FORMAT)
    return g_strdup ("a raw video format, such as rgb, bgrx or nv12");

  if (G_IS_PARAM_SPEC_ENUM (spec)) {
    const GEnumClass *klass = G_PARAM_SPEC_ENUM (spec)->enum_class;
    GString *text = g_string_new ("one of ");

    for (guint i = 0; i < klass->n_values; i++)
      g_string_append_printf (text, "%s%s", i > 0 ? ", " : "",
          klass->values[i].value_nick);
    return g_string_free (text, FALSE);
  }

  return g_strdup ("true or false");
}

/**
 * gst_mmio_settings_check_numbers:
 *
 * Checks all numbers.
 *
 * Returns: TRUE, or FALSE with %MMIO_ERROR_SETTINGS if a value is not allowed
 */
gboolean
gst_mmio_settings_check_numbers (const GstMmioSettings * settings,
    GError ** error)
{
  for (guint id = 0; id < N_PROPS; id++) {
    const GstMmioSetting *number = find_number (id);
    g_auto (GValue) value = G_VALUE_INIT;
    g_autofree char *text = NULL, *values = NULL;

    if (!number)
      continue;
    g_value_init (&value, number->type);
    gst_mmio_settings_get_property (settings, id, &value);
    if (is_allowed (number, &value))
      continue;

    text = gst_value_serialize (&value);
    values = describe_number (number);
    mmio_set_error (error, MMIO_ERROR_SETTINGS, GST_MMIO_SETTINGS_REFUSAL,
        number->name, text, number->name, values);
    return FALSE;
  }

  return TRUE;
}
