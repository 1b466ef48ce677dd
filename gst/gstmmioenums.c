/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The enumerations that properties have.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmioenums.h"

#include "mmiodevice.h"

GType
gst_mmio_io_mode_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_MMIO_IO_MODE_AUTO, "The best way that downstream agrees to: copy",
        "auto"},
    {GST_MMIO_IO_MODE_COPY, "Copy each frame, loading each byte once", "copy"},
    {GST_MMIO_IO_MODE_MMAP, "Hand out the mapped BAR: slow for who reads bytes",
        "mmap"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstMmioIOMode", values));

  return type;
}

GType
gst_mmio_access_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {MMIO_ACCESS_AUTO, "The best way that works: sysfs", "auto"},
    {MMIO_ACCESS_SYSFS, "The resource files of sysfs", "sysfs"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstMmioAccess", values));

  return type;
}

/**
 * gst_mmio_enum_get_nick:
 * @type: an enumeration
 * @value: one of its values
 *
 * Returns: (transfer none): what a user types for @value
 */
const char *
gst_mmio_enum_get_nick (GType type, gint value)
{
  GEnumClass *klass = g_type_class_ref (type);
  const GEnumValue *found = g_enum_get_value (klass, value);
  const char *nick = found ? found->value_nick : "unknown";

  /* The values are static and outlive the class */
  g_type_class_unref (klass);
  return nick;
}
