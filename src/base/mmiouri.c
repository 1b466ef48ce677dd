/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parses a URI of a device with parameters, and formats it.  Nothing here accesses the
 * machine, and the meaning of the parameters is known elsewhere.
 *
 * The part after mmio:// is not an authority of RFC 3986: such parsers read a PCI
 * address as a host with a port, and reject it.
 */
#include "base/mmiouri.h"

#include <string.h>

#include "base/mmioaddress.h"
#include "base/mmioerror.h"

#define START MMIO_URI_SCHEME "://"

/* Characters without an escape, besides letters, digits and -._~ */
#define DEVICE_CHARACTERS ":/@+,=!$&'()*"
#define PARAMETER_CHARACTERS ":/@,"

static void
parameter_free (MmioUriParameter * parameter)
{
  g_free (parameter->name);
  g_free (parameter->value);
  g_free (parameter);
}

/**
 * mmio_uri_init:
 * @uri: (out caller-allocates): a URI without parameters; free it with
 *   mmio_uri_clear()
 * @device: the device
 *
 * Initialises a URI.
 */
void
mmio_uri_init (MmioUri * uri, const char *device)
{
  uri->device = g_strdup (device);
  uri->parameters =
      g_ptr_array_new_with_free_func ((GDestroyNotify) parameter_free);
}

/**
 * mmio_uri_add:
 * @name: not empty, and different from the names in @uri
 * @value: its value
 *
 * Appends a parameter.
 */
void
mmio_uri_add (MmioUri * uri, const char *name, const char *value)
{
  MmioUriParameter *parameter = g_new (MmioUriParameter, 1);

  parameter->name = g_strdup (name);
  parameter->value = g_strdup (value);
  g_ptr_array_add (uri->parameters, parameter);
}

static gboolean
has_parameter (const MmioUri * uri, const char *name)
{
  for (guint i = 0; i < uri->parameters->len; i++) {
    const MmioUriParameter *parameter = g_ptr_array_index (uri->parameters, i);

    if (strcmp (parameter->name, name) == 0)
      return TRUE;
  }

  return FALSE;
}

static gboolean
parse_parameters (MmioUri * uri, const char *text, GError ** error)
{
  g_autoptr (GError) glib_error = NULL;
  char *name, *value;
  GUriParamsIter iter;

  g_uri_params_iter_init (&iter, text, -1, "&", G_URI_PARAMS_NONE);
  while (g_uri_params_iter_next (&iter, &name, &value, &glib_error)) {
    const gboolean is_new = *name != '\0' && !has_parameter (uri, name);

    if (is_new)
      mmio_uri_add (uri, name, value);
    else if (*name != '\0')
      mmio_set_error (error, MMIO_ERROR_ADDRESS,
          "Cannot parse the URI: %s= occurs twice; remove one of them.", name);
    else
      mmio_set_error (error, MMIO_ERROR_ADDRESS,
          "Cannot parse '%s': a value has no name; write name=value, "
          "separated by &.", text);
    g_free (name);
    g_free (value);
    if (!is_new)
      return FALSE;
  }

  if (glib_error)
    mmio_set_error (error, MMIO_ERROR_ADDRESS,
        "Cannot parse '%s' as parameters (%s); write name=value, separated by "
        "&, and escape other characters as %% and two hex digits.", text,
        glib_error->message);

  return glib_error == NULL;
}

/* Returns: (transfer full) (nullable): the decoded text up to @end, or NULL if that
 * is no device */
static char *
parse_device (const char *text, const char *end, GError ** error)
{
  g_autofree char *device = g_uri_unescape_segment (text, end, NULL);
  g_auto (MmioAddress) address = { 0, };

  if (!device) {
    mmio_set_error (error, MMIO_ERROR_ADDRESS,
        "Cannot parse '%.*s' as a device: %% must be followed by two hex "
        "digits, and not by 00; write %% itself as %%25.", (int) (end - text),
        text);
    return NULL;
  }

  return mmio_address_parse (&address, device, error) ?
      g_steal_pointer (&device) : NULL;
}

/**
 * mmio_uri_parse:
 * @uri: (out caller-allocates): the URI, set if successful; free it with
 *   mmio_uri_clear()
 * @text: mmio://DEVICE, or mmio://DEVICE?NAME=VALUE&NAME=VALUE...; characters other than
 *   letters and digits may be escaped as % and two hex digits
 *
 * Parses a URI.
 *
 * Returns: TRUE, or FALSE with %MMIO_ERROR_ADDRESS
 */
gboolean
mmio_uri_parse (MmioUri * uri, const char *text, GError ** error)
{
  g_auto (MmioUri) result = { NULL, };
  g_autofree char *device = NULL;
  const char *end;

  if (g_ascii_strncasecmp (text, START, strlen (START)) != 0) {
    mmio_set_error (error, MMIO_ERROR_ADDRESS,
        "Cannot parse '%s': it does not start with " START
        "; write for example " START "sim.", text);
    return FALSE;
  }

  if (strchr (text, '#')) {
    mmio_set_error (error, MMIO_ERROR_ADDRESS,
        "Cannot parse '%s': # has no meaning in the URI of a device; write # as "
        "%%23.", text);
    return FALSE;
  }

  text += strlen (START);
  end = text + strcspn (text, "?");
  device = parse_device (text, end, error);
  if (!device)
    return FALSE;

  mmio_uri_init (&result, device);
  if (*end == '?' && !parse_parameters (&result, end + 1, error))
    return FALSE;

  *uri = result;
  memset (&result, 0, sizeof (result));
  return TRUE;
}

static void
append_escaped (GString * text, const char *part, const char *characters)
{
  g_autofree char *escaped = g_uri_escape_string (part, characters, FALSE);

  g_string_append (text, escaped);
}

/**
 * mmio_uri_to_string:
 *
 * Returns: (transfer full): the URI in the form that mmio_uri_parse() accepts
 */
char *
mmio_uri_to_string (const MmioUri * uri)
{
  GString *text = g_string_new (START);

  append_escaped (text, uri->device, DEVICE_CHARACTERS);
  for (guint i = 0; i < uri->parameters->len; i++) {
    const MmioUriParameter *parameter = g_ptr_array_index (uri->parameters, i);

    g_string_append_c (text, i == 0 ? '?' : '&');
    append_escaped (text, parameter->name, PARAMETER_CHARACTERS);
    g_string_append_c (text, '=');
    append_escaped (text, parameter->value, PARAMETER_CHARACTERS);
  }

  return g_string_free (text, FALSE);
}

/**
 * mmio_uri_clear:
 *
 * Frees what @uri owns.
 */
void
mmio_uri_clear (MmioUri * uri)
{
  g_clear_pointer (&uri->device, g_free);
  g_clear_pointer (&uri->parameters, g_ptr_array_unref);
}
