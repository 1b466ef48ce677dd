/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Exports the frames of a capture as a dma-buf. The export opens /dev/udmabuf or
 * calls vfio. The import test opens DRM nodes, which may wake a GPU. So both happen
 * only when the user or downstream wants dma-bufs, and never with a lock held.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmioexport.h"

#include <errno.h>

#include "base/mmioerror.h"
#include "dmabuf/mmioimport.h"

struct _GstMmioExport
{
  /* Sinks cache the import of a memory, so each slot of the device has separate
   * memories */
  GstMmioRing *ring[MMIO_MAX_BUFFERS];
  guint skip;
  char *obstacle;
  gboolean is_shortage;
};

static void
clear_rings (GstMmioExport * export)
{
  for (guint i = 0; i < MMIO_MAX_BUFFERS; i++)
    g_clear_pointer (&export->ring[i], gst_mmio_ring_unref);
}

/* Creates a ring for each slot. @fd: (transfer full): the dma-buf */
static gboolean
create_rings (GstMmioExport * export, MmioCapture * capture, int fd,
    GError ** error)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (capture);
  g_autoptr (GstMmioDmaBufAllocator) allocator =
      gst_mmio_dma_buf_allocator_new (fd, info->region, info->reader);

  for (guint i = 0; i < info->layout.n_buffers; i++) {
    export->ring[i] = gst_mmio_ring_new (gst_object_ref (allocator));
    if (!export->ring[i]) {
      mmio_set_system_error (error, MMIO_ERROR_FAILED, EMFILE,
          "fcntl F_DUPFD_CLOEXEC", "Cannot export dma-bufs of %s: the process "
          "has no file descriptors left. Raise the limit with: ulimit -n 4096",
          info->device_address);
      return FALSE;
    }
  }

  return TRUE;
}

/* @with_hint: whether the obstacle includes the hint of @reason */
static void
set_obstacle (GstMmioExport * export, const GError * reason, gboolean with_hint)
{
  export->obstacle = with_hint ? g_strdup (reason->message) :
      mmio_error_get_reason (reason);
  export->is_shortage = mmio_error_is_shortage (reason);
}

/* @with_hint: whether an obstacle includes a hint */
static GstMmioExport *
create (MmioCapture * capture, gboolean with_hint, GError ** error)
{
  g_autoptr (GstMmioExport) export = g_new0 (GstMmioExport, 1);
  g_autoptr (GError) reason = NULL;
  const int fd = mmio_capture_export (capture, &export->skip, error);

  if (fd < 0)
    return NULL;

  if (!mmio_import_any (fd, mmio_capture_get_info (capture)->shares_bar ?
          mmio_capture_get_info (capture)->device_address : NULL, &reason))
    set_obstacle (export, reason, with_hint);
  return create_rings (export, capture, fd, error) ?
      g_steal_pointer (&export) : NULL;
}

/**
 * gst_mmio_export_new:
 * @capture: the capture
 *
 * Makes a dma-buf of the frames, and tests whether display hardware imports it. If
 * the test fails, the export has an obstacle, and rings.
 *
 * Returns: (transfer full) (nullable): the export, or NULL with @error set if no
 *   dma-buf can be made
 */
GstMmioExport *
gst_mmio_export_new (MmioCapture * capture, GError ** error)
{
  return create (capture, TRUE, error);
}

/**
 * gst_mmio_export_try:
 * @capture: the capture
 *
 * Does the same for a capture that can be copied instead. If no dma-buf can be
 * made, or no hardware imports it, the export has an obstacle, and no rings: a sink
 * that took such a dma-buf would end the pipeline, or read it byte by byte.
 *
 * Returns: (transfer full): the export
 */
GstMmioExport *
gst_mmio_export_try (MmioCapture * capture)
{
  g_autoptr (GError) reason = NULL;
  GstMmioExport *export = create (capture, FALSE, &reason);

  if (!export) {
    export = g_new0 (GstMmioExport, 1);
    set_obstacle (export, reason, FALSE);
  }
  if (export->obstacle)
    clear_rings (export);

  return export;
}

void
gst_mmio_export_free (GstMmioExport * export)
{
  clear_rings (export);
  g_free (export->obstacle);
  g_free (export);
}

/**
 * gst_mmio_export_get_ring:
 * @slot: number of a slot of the device
 *
 * Gets the memories of a slot.
 *
 * Returns: (transfer none) (nullable): the ring; NULL if no dma-buf was made
 */
GstMmioRing *
gst_mmio_export_get_ring (const GstMmioExport * export, guint slot)
{
  return export->ring[slot];
}

/**
 * gst_mmio_export_get_skip:
 *
 * Gets the offset of the frame.
 *
 * Returns: bytes from the start of the dma-buf to the frame
 */
guint
gst_mmio_export_get_skip (const GstMmioExport * export)
{
  return export->skip;
}

/**
 * gst_mmio_export_get_obstacle:
 *
 * Gets the reason why no dma-buf was made, or why no hardware imports it.
 *
 * Returns: (transfer none) (nullable): a sentence
 */
const char *
gst_mmio_export_get_obstacle (const GstMmioExport * export)
{
  return export->obstacle;
}

/**
 * gst_mmio_export_is_shortage:
 *
 * Checks whether the obstacle is a shortage of file descriptors or memory, so that
 * a later negotiation may make a dma-buf.
 *
 * Returns: whether that is so
 */
gboolean
gst_mmio_export_is_shortage (const GstMmioExport * export)
{
  return export->is_shortage;
}
