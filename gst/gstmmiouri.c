/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Converts settings from and to a URI:
 * mmio://DEVICE?PROPERTY=VALUE&PROPERTY=VALUE...
 * A property that the URI does not have is not set.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiouri.h"

#include <string.h>

#include "base/mmiouri.h"

#define DEVICE "device"

static gboolean
is_parameter (const GParamSpec * spec)
{
  return strcmp (spec->name, DEVICE) != 0;
}

/* From text */

static char *
print_value (const GParamSpec * spec, const GValue * value)
{
  if (G_IS_PARAM_SPEC_ENUM (spec))
    return g_strdup (gst_mmio_enum_get_nick (spec->value_type,
            g_value_get_enum (value)));
  if (G_IS_PARAM_SPEC_STRING (spec))
    return g_value_dup_string (value);

  return gst_value_serialize (value);
}

/* Accepts the format names of caps, too */
static gboolean
parse_format (const char *text, GValue * value)
{
  const GstVideoFormat format = gst_video_format_from_string (text);

  g_value_set_enum (value, format);
  return format != GST_VIDEO_FORMAT_UNKNOWN;
}

/* Returns: (transfer full): the number @text in lower case and without leading
 * zeros, which GStreamer parses as octal */
static char *
normalize_number (const char *text)
{
  const gboolean is_hex = g_ascii_strncasecmp (text, "0x", 2) == 0;
  const char *digits = is_hex ? text + 2 : text;
  g_autofree char *lower = NULL;

  while (digits[0] == '0' && digits[1] != '\0')
    digits++;
  lower = g_ascii_strdown (digits, -1);
  return g_strconcat (is_hex ? "0x" : "", lower, NULL);
}

/* Prints @value in the base of @normal. Negative numbers and BARs are only valid
 * in decimal. */
static char *
print_number (const GValue * value, const char *normal)
{
  g_auto (GValue) wide = G_VALUE_INIT;

  if (!g_str_has_prefix (normal, "0x"))
    return gst_value_serialize (value);
  if (G_VALUE_HOLDS_INT (value) ||
      (G_VALUE_HOLDS_INT64 (value) && g_value_get_int64 (value) < 0))
    return NULL;

  g_value_init (&wide, G_TYPE_UINT64);
  g_value_transform (value, &wide);
  return g_strdup_printf ("0x%" G_GINT64_MODIFIER "x",
      g_value_get_uint64 (&wide));
}

/* GStreamer parses more than a URI may have: names such as "max", and values
 * that wrap around. So a value is valid only if it is printed as it was written. */
static gboolean
parse_number (GParamSpec * spec, const char *text, GValue * value)
{
  g_autofree char *normal = normalize_number (text);
  g_autofree char *printed = NULL;

  if (!gst_value_deserialize_with_pspec (value, normal, spec))
    return FALSE;

  printed = print_number (value, normal);
  return g_strcmp0 (printed, normal) == 0 &&
      gst_mmio_settings_is_allowed (spec, value);
}

/* Rejects the other texts that GStreamer parses: numbers and C names of
 * enumerations, any case from 1.28 on, and words such as "yes" */
static gboolean
parse_word (GParamSpec * spec, const char *text, GValue * value)
{
  g_autofree char *printed = NULL;

  if (!gst_value_deserialize_with_pspec (value, text, spec))
    return FALSE;

  printed = print_value (spec, value);
  return strcmp (printed, text) == 0;
}

/* Parses an allowed value */
static gboolean
parse_value (GParamSpec * spec, const char *text, GValue * value)
{
  if (spec->value_type == GST_TYPE_MMIO_FORMAT && parse_format (text, value))
    return TRUE;

  return G_IS_PARAM_SPEC_ENUM (spec) || G_IS_PARAM_SPEC_BOOLEAN (spec) ?
      parse_word (spec, text, value) : parse_number (spec, text, value);
}

static void
set_unknown_error (GObjectClass * klass, const char *name, GError ** error)
{
  g_autoptr (GPtrArray) specs = gst_mmio_settings_list_specs (klass);
  g_autoptr (GString) names = g_string_new (NULL);

  for (guint i = 0; i < specs->len; i++) {
    const GParamSpec *spec = g_ptr_array_index (specs, i);

    if (is_parameter (spec))
      g_string_append_printf (names, "%s%s", names->len > 0 ? ", " : "",
          spec->name);
  }

  g_set_error (error, GST_URI_ERROR, GST_URI_ERROR_BAD_URI,
      "Cannot set %s: it is not a parameter. Use one of %s.", name, names->str);
}

static GParamSpec *
find_spec (GObjectClass * klass, const char *name)
{
  g_autoptr (GPtrArray) specs = gst_mmio_settings_list_specs (klass);

  for (guint i = 0; i < specs->len; i++) {
    GParamSpec *spec = g_ptr_array_index (specs, i);

    if (strcmp (spec->name, name) == 0 && is_parameter (spec))
      return spec;
  }

  return NULL;
}

static gboolean
apply_parameter (GObjectClass * klass, const MmioUriParameter * parameter,
    GstMmioSettings * settings, GError ** error)
{
  GParamSpec *spec = find_spec (klass, parameter->name);
  g_auto (GValue) value = G_VALUE_INIT;
  g_autofree char *values = NULL;

  if (!spec) {
    set_unknown_error (klass, parameter->name, error);
    return FALSE;
  }

  g_value_init (&value, spec->value_type);
  if (parse_value (spec, parameter->value, &value))
    return gst_mmio_settings_set_property (settings, spec->param_id, &value);

  values = gst_mmio_settings_describe_values (spec);
  g_set_error (error, GST_URI_ERROR, GST_URI_ERROR_BAD_URI,
      GST_MMIO_SETTINGS_REFUSAL, parameter->name, parameter->value,
      parameter->name, values);
  return FALSE;
}

/**
 * gst_mmio_uri_parse:
 * @klass: class of the element that has the settings
 * @text: a URI
 * @settings: (out caller-allocates): the settings of the URI, with defaults for
 *   properties that it does not have; set if successful; free with
 *   gst_mmio_settings_clear()
 *
 * Parses a URI.
 *
 * Returns: TRUE, or FALSE with %GST_URI_ERROR_BAD_URI
 */
gboolean
gst_mmio_uri_parse (GObjectClass * klass, const char *text,
    GstMmioSettings * settings, GError ** error)
{
  g_autoptr (GError) mmio_error = NULL;
  g_auto (MmioUri) uri = { NULL, };
  GstMmioSettings result;

  if (!mmio_uri_parse (&uri, text, &mmio_error)) {
    g_set_error_literal (error, GST_URI_ERROR, GST_URI_ERROR_BAD_URI,
        mmio_error->message);
    return FALSE;
  }

  gst_mmio_settings_init (&result);
  g_free (result.device);
  result.device = g_strdup (uri.device);

  for (guint i = 0; i < uri.parameters->len; i++) {
    if (!apply_parameter (klass, g_ptr_array_index (uri.parameters, i), &result,
            error)) {
      gst_mmio_settings_clear (&result);
      return FALSE;
    }
  }

  *settings = result;
  return TRUE;
}

/* To text */

/**
 * gst_mmio_uri_to_string:
 * @klass: class of the element that has @settings
 * @settings: the settings
 *
 * Prints settings as a URI, without the properties that have their default value.
 *
 * Returns: (transfer full) (nullable): the URI; NULL if no device is set
 */
char *
gst_mmio_uri_to_string (GObjectClass * klass, const GstMmioSettings * settings)
{
  g_autoptr (GPtrArray) specs = gst_mmio_settings_list_specs (klass);
  g_auto (MmioUri) uri = { NULL, };

  if (!settings->device)
    return NULL;

  mmio_uri_init (&uri, settings->device);
  for (guint i = 0; i < specs->len; i++) {
    GParamSpec *spec = g_ptr_array_index (specs, i);
    g_auto (GValue) value = G_VALUE_INIT;
    g_autofree char *text = NULL;

    if (!is_parameter (spec) || gst_mmio_settings_is_default (settings, spec))
      continue;

    g_value_init (&value, spec->value_type);
    gst_mmio_settings_get_property (settings, spec->param_id, &value);
    text = print_value (spec, &value);
    mmio_uri_add (&uri, spec->name, text);
  }

  return mmio_uri_to_string (&uri);
}
