/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's numbers of formats, as its displays have them, and the names of
 * ours.  The kernel speaks of little-endian words, we of bytes in memory.
 */
#include "frame/mmiofourcc.h"

#include <string.h>

#include "describe/mmiovid-header.h"

static const struct
{
  guint32 fourcc;
  const char *name;
} fourccs[] = {
  {MMIOVID_FORMAT_RGB, "RGB"},
  {MMIOVID_FORMAT_BGR, "BGR"},
  {MMIOVID_FORMAT_RGBX, "RGBx"},
  {MMIOVID_FORMAT_BGRX, "BGRx"},
  {MMIOVID_FORMAT_XRGB, "xRGB"},
  {MMIOVID_FORMAT_XBGR, "xBGR"},
  {MMIOVID_FORMAT_RGB16, "RGB16"},
  {MMIOVID_FORMAT_RGB15, "RGB15"},
  {MMIOVID_FORMAT_GRAY8, "GRAY8"},
  {MMIOVID_FORMAT_YUY2, "YUY2"},
  {MMIOVID_FORMAT_UYVY, "UYVY"},
  {MMIOVID_FORMAT_NV12, "NV12"},
  {MMIOVID_FORMAT_I420, "I420"},
};

/**
 * mmio_fourcc_from_format:
 *
 * Returns: what displays call the format, 0 if none is known
 */
guint32
mmio_fourcc_from_format (const MmioFormat * format)
{
  for (gsize i = 0; i < G_N_ELEMENTS (fourccs); i++) {
    if (strcmp (format->name, fourccs[i].name) == 0)
      return fourccs[i].fourcc;
  }

  return 0;
}

/**
 * mmio_fourcc_to_format:
 *
 * Returns: (transfer none) (nullable): the format, NULL if it is none that is
 *   known
 */
const MmioFormat *
mmio_fourcc_to_format (guint32 fourcc)
{
  for (gsize i = 0; i < G_N_ELEMENTS (fourccs); i++) {
    if (fourccs[i].fourcc == fourcc)
      return mmio_format_find (fourccs[i].name);
  }

  return NULL;
}

/**
 * mmio_fourcc_to_string:
 * @fourcc: any number
 *
 * Returns: (transfer full): its four characters without blanks at the end, or
 *   the number if not all of them can be printed
 */
char *
mmio_fourcc_to_string (guint32 fourcc)
{
  char text[5] = { fourcc, fourcc >> 8, fourcc >> 16, fourcc >> 24, '\0' };

  for (guint i = 0; i < 4; i++) {
    if (!g_ascii_isprint (text[i]))
      return g_strdup_printf ("%#x", fourcc);
  }

  return g_strdup (g_strchomp (text));
}

/**
 * mmio_fourcc_list:
 *
 * Returns: (transfer full): all that mmio_fourcc_to_format() knows, in a text
 */
char *
mmio_fourcc_list (void)
{
  GString *list = g_string_new (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (fourccs); i++) {
    g_autofree char *name = mmio_fourcc_to_string (fourccs[i].fourcc);

    g_string_append_printf (list, "%s%s", i > 0 ? ", " : "", name);
  }

  return g_string_free (list, FALSE);
}
