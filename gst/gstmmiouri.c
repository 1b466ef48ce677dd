/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Settings as a URI, and back: mmio://DEVICE?PROPERTY=VALUE&PROPERTY=VALUE...
 * What is not said there is as if it had never been set.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiouri.h"

#include <string.h>

#include "mmiouri.h"

#define DEVICE "device"

static gboolean
is_parameter (const GParamSpec * spec)
{
  return strcmp (spec->name, DEVICE) != 0;
}

/* --- From text ------------------------------------------------------------- */

/* In the words of the property or, for formats, in those of caps as well */
static gboolean
parse_enum (const GParamSpec * spec, const char *text, GValue * value)
{
  GEnumClass *klass = G_PARAM_SPEC_ENUM (spec)->enum_class;
  const GEnumValue *found = g_enum_get_value_by_nick (klass, text);
  GstVideoFormat format;

  /* GLib 2.90 ignores case here, earlier ones do not */
  if (found && strcmp (found->value_nick, text) == 0) {
    g_value_set_enum (value, found->value);
    return TRUE;
  }

  format = spec->value_type == GST_TYPE_VIDEO_FORMAT ?
      gst_video_format_from_string (text) : GST_VIDEO_FORMAT_UNKNOWN;
  g_value_set_enum (value, format);
  return format != GST_VIDEO_FORMAT_UNKNOWN;
}

static gboolean
parse_signed (const char *text, gint64 min, gint64 max, gint64 * number)
{
  return g_ascii_string_to_signed (text, 10, min, max, number, NULL);
}

static gboolean
parse_unsigned (const char *text, guint64 min, guint64 max, guint64 * number)
{
  const gboolean is_hex = g_ascii_strncasecmp (text, "0x", 2) == 0;

  return g_ascii_string_to_unsigned (text + (is_hex ? 2 : 0), is_hex ? 16 : 10,
      min, max, number, NULL);
}

static gboolean
parse_boolean (const char *text, GValue * value)
{
  g_value_set_boolean (value, strcmp (text, "true") == 0);
  return strcmp (text, "true") == 0 || strcmp (text, "false") == 0;
}

/* The value that @text says, if it is one that @spec allows */
static gboolean
parse_value (const GParamSpec * spec, const char *text, GValue * value)
{
  guint64 natural;
  gint64 number;

  if (G_IS_PARAM_SPEC_ENUM (spec))
    return parse_enum (spec, text, value);
  if (G_IS_PARAM_SPEC_BOOLEAN (spec))
    return parse_boolean (text, value);

  if (G_IS_PARAM_SPEC_STRING (spec)) {
    g_value_set_string (value, text);
    return TRUE;
  }

  if (G_IS_PARAM_SPEC_INT (spec)) {
    if (!parse_signed (text, G_PARAM_SPEC_INT (spec)->minimum,
            G_PARAM_SPEC_INT (spec)->maximum, &number))
      return FALSE;
    g_value_set_int (value, number);
    return TRUE;
  }

  if (G_IS_PARAM_SPEC_UINT (spec)) {
    if (!parse_unsigned (text, G_PARAM_SPEC_UINT (spec)->minimum,
            G_PARAM_SPEC_UINT (spec)->maximum, &natural))
      return FALSE;
    g_value_set_uint (value, natural);
    return TRUE;
  }

  if (G_IS_PARAM_SPEC_UINT64 (spec)) {
    if (!parse_unsigned (text, G_PARAM_SPEC_UINT64 (spec)->minimum,
            G_PARAM_SPEC_UINT64 (spec)->maximum, &natural))
      return FALSE;
    g_value_set_uint64 (value, natural);
    return TRUE;
  }

  g_return_val_if_reached (FALSE);
}

/* What a value may be, in words */
static char *
describe_values (const GParamSpec * spec)
{
  if (spec->value_type == GST_TYPE_VIDEO_FORMAT)
    return g_strdup ("a raw video format, such as rgb, bgrx or nv12");

  if (G_IS_PARAM_SPEC_ENUM (spec)) {
    const GEnumClass *klass = G_PARAM_SPEC_ENUM (spec)->enum_class;
    GString *text = g_string_new ("one of ");

    for (guint i = 0; i < klass->n_values; i++)
      g_string_append_printf (text, "%s%s", i > 0 ? ", " : "",
          klass->values[i].value_nick);
    return g_string_free (text, FALSE);
  }

  if (G_IS_PARAM_SPEC_INT (spec))
    return g_strdup_printf ("a whole number from %d to %d",
        G_PARAM_SPEC_INT (spec)->minimum, G_PARAM_SPEC_INT (spec)->maximum);
  if (G_IS_PARAM_SPEC_UINT (spec))
    return g_strdup_printf ("a whole number from %u to %u",
        G_PARAM_SPEC_UINT (spec)->minimum, G_PARAM_SPEC_UINT (spec)->maximum);
  if (G_IS_PARAM_SPEC_UINT64 (spec))
    return g_strdup_printf ("a whole number from %" G_GUINT64_FORMAT " to %"
        G_GUINT64_FORMAT, G_PARAM_SPEC_UINT64 (spec)->minimum,
        G_PARAM_SPEC_UINT64 (spec)->maximum);

  return g_strdup ("true or false");
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
      "There is no parameter %s; it may be one of %s.", name, names->str);
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

  values = describe_values (spec);
  g_set_error (error, GST_URI_ERROR, GST_URI_ERROR_BAD_URI,
      "%s=%s cannot be; %s is %s.", parameter->name, parameter->value,
      parameter->name, values);
  return FALSE;
}

/**
 * gst_mmio_uri_parse:
 * @klass: class of the element that has settings
 * @text: a URI
 * @settings: (out caller-allocates): what it says, and the defaults of what it
 *   does not say, set if successful; gst_mmio_settings_clear() it
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

/* --- To text --------------------------------------------------------------- */

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

/**
 * gst_mmio_uri_to_string:
 * @klass: class of the element that has @settings
 *
 * Returns: (transfer full) (nullable): the URI that says the same, without what
 *   is as if it had never been set; NULL if there is no device
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
