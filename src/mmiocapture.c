/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The room that puts the others together: text to address to device to region,
 * and from there frames into memory.
 */
#include "mmiocapture.h"

struct _MmioCapture
{
  MmioDevice *device;
  gint bar;
  MmioPicture picture;
  MmioRegion *region;
  const MmioReader *reader;

  GMutex lock;
  MmioCaptureStats stats;
};

/**
 * mmio_capture_open:
 * @config: what to capture
 *
 * Finds the device, checks that it has the picture, and maps it.  What can be
 * wrong with @config is found before anything is mapped.
 *
 * Returns: (transfer full) (nullable): the capture, or NULL with @error set
 */
MmioCapture *
mmio_capture_open (const MmioCaptureConfig * config, GError ** error)
{
  g_auto (MmioAddress) address = { 0, };
  g_autoptr (MmioDevice) device = NULL;
  g_autoptr (MmioRegion) region = NULL;
  MmioSpec spec = config->spec;
  gint bar = config->bar;
  MmioPicture picture;
  MmioCapture *capture;

  if (!mmio_address_parse (&address, config->device, error))
    return NULL;

  device = mmio_device_open (&address, config->access, error);
  if (!device || !mmio_device_describe (device, &bar, &spec, error) ||
      !mmio_picture_init (&picture, &spec, error))
    return NULL;

  region = mmio_device_map (device, &bar, &picture, error);
  if (!region)
    return NULL;

  capture = g_new0 (MmioCapture, 1);
  capture->device = g_steal_pointer (&device);
  capture->bar = bar;
  capture->picture = picture;
  capture->region = g_steal_pointer (&region);
  capture->reader = mmio_reader_get_default ();
  g_mutex_init (&capture->lock);

  return capture;
}

/**
 * mmio_capture_close:
 * @capture: (transfer full): a capture
 *
 * Lets go of the device.  Regions that others hold stay mapped until they let
 * go too.
 */
void
mmio_capture_close (MmioCapture * capture)
{
  mmio_region_unref (capture->region);
  mmio_device_unref (capture->device);
  g_mutex_clear (&capture->lock);
  g_free (capture);
}

/**
 * mmio_capture_get_picture:
 *
 * Returns: (transfer none): the picture as it lies in the BAR
 */
const MmioPicture *
mmio_capture_get_picture (const MmioCapture * capture)
{
  return &capture->picture;
}

/**
 * mmio_capture_get_region:
 *
 * Returns: (transfer none): the mapped part of the BAR, from the picture's
 *   start to its end
 */
MmioRegion *
mmio_capture_get_region (MmioCapture * capture)
{
  return capture->region;
}

/**
 * mmio_capture_get_device_name:
 *
 * Returns: (transfer none): what the device is, in words
 */
const char *
mmio_capture_get_device_name (const MmioCapture * capture)
{
  return mmio_device_get_name (capture->device);
}

/**
 * mmio_capture_get_device_address:
 *
 * Returns: (transfer none): the full PCI address, the path, or "sim"
 */
const char *
mmio_capture_get_device_address (const MmioCapture * capture)
{
  return mmio_device_get_address (capture->device);
}

/**
 * mmio_capture_get_access:
 *
 * Returns: (transfer none): how the device is reached
 */
const char *
mmio_capture_get_access (const MmioCapture * capture)
{
  return mmio_device_get_access (capture->device);
}

/**
 * mmio_capture_get_mapping:
 *
 * Returns: (transfer none): how the CPU sees the BAR
 */
const char *
mmio_capture_get_mapping (const MmioCapture * capture)
{
  return mmio_device_get_mapping (capture->device);
}

/**
 * mmio_capture_get_reader:
 *
 * Returns: (transfer none): what loads from the BAR
 */
const MmioReader *
mmio_capture_get_reader (const MmioCapture * capture)
{
  return capture->reader;
}

/**
 * mmio_capture_get_bar:
 *
 * Returns: number of the BAR that is mapped
 */
gint
mmio_capture_get_bar (const MmioCapture * capture)
{
  return capture->bar;
}

/**
 * mmio_capture_can_read_as:
 * @picture: a picture in a BAR
 * @format: the format that somebody wants it in
 *
 * Returns: whether mmio_capture_read() can make @format of @picture
 */
gboolean
mmio_capture_can_read_as (const MmioPicture * picture,
    const MmioFormat * format)
{
  return mmio_format_equal (&picture->format, format) ||
      mmio_expansion_find (&picture->format, format);
}

static void
read_planes (MmioCapture * capture, const MmioTarget * target)
{
  const MmioPicture *picture = &capture->picture;
  const guint8 *data = mmio_region_get_data (capture->region);

  for (guint i = 0; i < picture->format.n_planes; i++) {
    const MmioPlane *plane = &picture->plane[i];

    mmio_reader_copy_rows (capture->reader, target->plane[i],
        target->stride[i], data + (plane->offset - picture->start),
        plane->stride, plane->row_bytes, plane->rows);
  }
}

/**
 * mmio_capture_read:
 * @target: where the frame goes, in a format that mmio_capture_can_read_as()
 *
 * Reads the picture as it is now: each byte of it is loaded once.
 */
void
mmio_capture_read (MmioCapture * capture, const MmioTarget * target)
{
  const MmioPicture *picture = &capture->picture;
  const MmioExpansion *expansion;
  const gint64 begin = g_get_monotonic_time ();
  guint64 bytes = 0;

  expansion = mmio_expansion_find (&picture->format, &target->format);
  if (expansion)
    mmio_reader_expand_rows (capture->reader, expansion, target->plane[0],
        target->stride[0], mmio_region_get_data (capture->region),
        picture->plane[0].stride, picture->width, picture->height);
  else
    read_planes (capture, target);

  for (guint i = 0; i < picture->format.n_planes; i++)
    bytes += (guint64) picture->plane[i].row_bytes * picture->plane[i].rows;

  g_mutex_lock (&capture->lock);
  capture->stats.frames++;
  capture->stats.bytes_read += bytes;
  capture->stats.copy_time += g_get_monotonic_time () - begin;
  g_mutex_unlock (&capture->lock);
}

/**
 * mmio_capture_get_stats:
 * @stats: (out): what was read so far, all of the same moment
 */
void
mmio_capture_get_stats (MmioCapture * capture, MmioCaptureStats * stats)
{
  g_mutex_lock (&capture->lock);
  *stats = capture->stats;
  g_mutex_unlock (&capture->lock);
}
