/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Converts between the kernel's format codes and GStreamer's format names.  The
 * codes name little-endian words, the names bytes in memory.
 */
#include "frame/mmiofourcc.h"

#include <drm_fourcc.h>
#include <string.h>

static const struct
{
  guint32 fourcc;
  const char *name;
} fourccs[] = {
  {DRM_FORMAT_BGR888, "RGB"},
  {DRM_FORMAT_RGB888, "BGR"},
  {DRM_FORMAT_XBGR8888, "RGBx"},
  {DRM_FORMAT_XRGB8888, "BGRx"},
  {DRM_FORMAT_BGRX8888, "xRGB"},
  {DRM_FORMAT_RGBX8888, "xBGR"},
  {DRM_FORMAT_RGB565, "RGB16"},
  {DRM_FORMAT_XRGB1555, "RGB15"},
  {DRM_FORMAT_R8, "GRAY8"},
  {DRM_FORMAT_YUYV, "YUY2"},
  {DRM_FORMAT_UYVY, "UYVY"},
  {DRM_FORMAT_NV12, "NV12"},
  {DRM_FORMAT_YUV420, "I420"},
};

/**
 * mmio_fourcc_from_format:
 *
 * Returns: the DRM format code, or 0 if none is known
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
 * Returns: (transfer none) (nullable): the format, or NULL if the code is
 *   unknown
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
 * Returns: (transfer full): its four characters without trailing blanks, or the
 *   number if they are not all printable
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
 * Returns: (transfer full): all codes that mmio_fourcc_to_format() knows,
 *   separated by commas
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
