/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parses device addresses and formats them as text.  Nothing here accesses the
 * machine, except for its current directory.
 */
#include "base/mmioaddress.h"

#include <string.h>

#include "base/mmioerror.h"

/* Reads 1 to @max_digits digits of base @base at *@text and advances past them.
 * strtoul() would also accept signs, blanks and "0x". */
static gboolean
take_number (const char **text, guint base, guint max_digits, guint32 * value)
{
  const char *p = *text;
  guint32 result = 0;

  while (p - *text < max_digits && g_ascii_isxdigit (*p) &&
      (guint) g_ascii_xdigit_value (*p) < base) {
    result = result * base + g_ascii_xdigit_value (*p);
    p++;
  }

  if (p == *text)
    return FALSE;

  *text = p;
  *value = result;
  return TRUE;
}

static gboolean
take_char (const char **text, char c)
{
  if (**text != c)
    return FALSE;

  (*text)++;
  return TRUE;
}

/* [domain:]bus:slot.function; a domain has up to 8 digits (VMD uses 5) */
static gboolean
parse_slot (MmioAddress * address, const char *text)
{
  guint32 domain = 0, bus, slot, function;
  const char *colon = strchr (text, ':');

  if (!colon)
    return FALSE;

  if (strchr (colon + 1, ':') &&
      (!take_number (&text, 16, 8, &domain) || !take_char (&text, ':')))
    return FALSE;

  if (!take_number (&text, 16, 2, &bus) || !take_char (&text, ':') ||
      !take_number (&text, 16, 2, &slot) || !take_char (&text, '.') ||
      !take_number (&text, 16, 1, &function) || *text != '\0')
    return FALSE;

  if (slot > 31 || function > 7)
    return FALSE;

  address->kind = MMIO_ADDRESS_SLOT;
  address->domain = domain;
  address->bus = bus;
  address->slot = slot;
  address->function = function;
  return TRUE;
}

/* vendor:device[@nth], four digits each as lspci -n prints them */
static gboolean
parse_id (MmioAddress * address, const char *text)
{
  guint32 vendor, device, nth = 0;
  const char *start = text;
  gboolean has_nth;

  if (!take_number (&text, 16, 4, &vendor) || text - start != 4 ||
      !take_char (&text, ':'))
    return FALSE;

  start = text;
  if (!take_number (&text, 16, 4, &device) || text - start != 4)
    return FALSE;

  has_nth = take_char (&text, '@');
  if (has_nth && !take_number (&text, 10, 4, &nth))
    return FALSE;

  if (*text != '\0')
    return FALSE;

  address->kind = MMIO_ADDRESS_ID;
  address->vendor = vendor;
  address->device = device;
  address->nth = has_nth ? (gint) nth : -1;
  return TRUE;
}

/**
 * mmio_address_parse:
 * @address: (out): the address, set if successful; free it with
 *   mmio_address_clear()
 * @text: (nullable): one of the forms of %MMIO_ADDRESS_FORMS
 *
 * Parses a device address.
 *
 * Returns: TRUE, or FALSE with %MMIO_ERROR_ADDRESS
 */
gboolean
mmio_address_parse (MmioAddress * address, const char *text, GError ** error)
{
  MmioAddress result = { 0, };

  if (text && strcmp (text, "sim") == 0) {
    result.kind = MMIO_ADDRESS_SIM;
  } else if (text && strchr (text, '/')) {
    result.kind = MMIO_ADDRESS_PATH;
    result.path = g_strdup (text);
  } else if (!text || (!parse_slot (&result, text) &&
          !parse_id (&result, text))) {
    mmio_set_error (error, MMIO_ERROR_ADDRESS,
        "Cannot parse '%s' as a device; set device to " MMIO_ADDRESS_FORMS ".",
        text ? text : "");
    return FALSE;
  }

  *address = result;
  return TRUE;
}

/**
 * mmio_address_make_absolute:
 * @address: an address
 *
 * Resolves a relative path once, so that it names the same file after the process
 * changes its directory.  Symbolic links in it are still followed at each use.
 */
void
mmio_address_make_absolute (MmioAddress * address)
{
  g_autofree char *directory = NULL;
  char *path;

  if (address->kind != MMIO_ADDRESS_PATH || g_path_is_absolute (address->path))
    return;

  directory = g_get_current_dir ();
  path = g_build_filename (directory, g_str_has_prefix (address->path, "./") ?
      address->path + 2 : address->path, NULL);
  g_free (address->path);
  address->path = path;
}

/**
 * mmio_address_to_string:
 *
 * Returns: (transfer full): the address in the form that mmio_address_parse()
 *   accepts
 */
char *
mmio_address_to_string (const MmioAddress * address)
{
  switch (address->kind) {
    case MMIO_ADDRESS_SLOT:
      return g_strdup_printf ("%04x:%02x:%02x.%x", address->domain,
          address->bus, address->slot, address->function);
    case MMIO_ADDRESS_ID:
      if (address->nth < 0)
        return g_strdup_printf ("%04x:%04x", address->vendor, address->device);
      return g_strdup_printf ("%04x:%04x@%d", address->vendor,
          address->device, address->nth);
    case MMIO_ADDRESS_PATH:
      return g_strdup (address->path);
    case MMIO_ADDRESS_SIM:
    default:
      return g_strdup ("sim");
  }
}

/**
 * mmio_address_clear:
 * @address: an address
 *
 * Frees what @address owns.
 */
void
mmio_address_clear (MmioAddress * address)
{
  g_clear_pointer (&address->path, g_free);
}
