/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The types of enumerated properties.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmioenums.h"

#include <gst/video/video.h>

#include "capture/mmiocapture.h"

GType
gst_mmio_io_mode_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_MMIO_IO_MODE_AUTO, "dmabuf if downstream accepts it, otherwise copy",
        "auto"},
    {GST_MMIO_IO_MODE_COPY, "Copy each frame, with one load of each byte",
        "copy"},
    {GST_MMIO_IO_MODE_MMAP, "Send the mapped BAR: slow if read in small loads",
        "mmap"},
    {GST_MMIO_IO_MODE_DMABUF, "Send dma-bufs of a BAR (by vfio) or a memfd (by "
          "udmabuf)", "dmabuf"},
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
    {MMIO_ACCESS_AUTO,
        "By the driver that is bound: vfio or UIO, otherwise sysfs", "auto"},
    {MMIO_ACCESS_SYSFS, "The resource files of sysfs", "sysfs"},
    {MMIO_ACCESS_VFIO, "vfio, for a device that is bound to vfio-pci", "vfio"},
    {MMIO_ACCESS_UIO, "UIO, for a device that is bound to a UIO driver", "uio"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstMmioAccess", values));

  return type;
}

/* #GstVideoFormat with the names of caps. GStreamer parses names and nicks, so
 * format=RGB is format=rgb. */
GType
gst_mmio_format_get_type (void)
{
  static gsize type = 0;

  if (g_once_init_enter (&type)) {
    GEnumClass *klass = g_type_class_ref (GST_TYPE_VIDEO_FORMAT);
    GEnumValue *values = g_new0 (GEnumValue, klass->n_values + 1);

    for (guint i = 0; i < klass->n_values; i++) {
      values[i] = klass->values[i];
      if (values[i].value != GST_VIDEO_FORMAT_UNKNOWN)
        values[i].value_name = gst_video_format_to_string (values[i].value);
    }
    g_type_class_unref (klass);
    g_once_init_leave (&type, g_enum_register_static ("GstMmioFormat", values));
  }

  return type;
}

GType
gst_mmio_mapping_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {MMIO_MAPPING_AUTO, "Fastest mapping for reads", "auto"},
    {MMIO_MAPPING_UNCACHED, "Each load is a bus transaction", "uncached"},
    {MMIO_MAPPING_WRITE_COMBINING, "Streaming loads fetch whole cache lines",
        "write-combining"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type,
        g_enum_register_static ("GstMmioMapping", values));

  return type;
}

GType
gst_mmio_engine_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {MMIO_ENGINE_AUTO, "Fastest engine for the mapping and the CPU", "auto"},
    {MMIO_ENGINE_ORC, "Vector loads, by ORC", "orc"},
    {MMIO_ENGINE_STREAM, "Streaming loads, for write-combining mappings",
        "stream"},
    {MMIO_ENGINE_AVX512, "64-byte loads", "avx512"},
    {MMIO_ENGINE_AVX, "32-byte loads", "avx"},
    {MMIO_ENGINE_U64, "64-bit loads", "u64"},
    {MMIO_ENGINE_U32, "32-bit loads, for devices without wider ones", "u32"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstMmioEngine", values));

  return type;
}

GType
gst_mmio_changes_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {MMIO_CHANGES_IGNORE, "Send every frame", "ignore"},
    {MMIO_CHANGES_MARK, "Send every frame, and mark changed rows", "mark"},
    {MMIO_CHANGES_DROP, "Send changed frames only, and mark changed rows",
        "drop"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type,
        g_enum_register_static ("GstMmioChanges", values));

  return type;
}

GType
gst_mmio_frame_sync_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {MMIO_FRAME_SYNC_CLOCK, "The pipeline's clock, at the frame rate", "clock"},
    {MMIO_FRAME_SYNC_COUNTER, "The device's frame counter", "counter"},
    {MMIO_FRAME_SYNC_INTERRUPT, "The device's interrupt (vfio or UIO)",
        "interrupt"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstMmioFrameSync",
            values));

  return type;
}

/**
 * gst_mmio_enum_get_nick:
 * @type: an enumeration type
 * @value: a value of it
 *
 * Converts a value to the text that users set.
 *
 * Returns: (transfer none): the nick of @value, or "unknown"
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
