/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dma-buf of a capture's frames.  Making one opens /dev/udmabuf or asks vfio, and
 * trying it opens DRM nodes, which may wake a GPU.  So it is made only once the user
 * or downstream asks for dma-bufs, and never under a lock.
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
  /* Sinks remember what a memory showed, so each of the device's buffers has
   * memories of its own */
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

/* Takes @fd */
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
          "fcntl F_DUPFD_CLOEXEC", "There are no file descriptors left for the "
          "dma-bufs of %s; raise the limit with: ulimit -n 4096",
          info->device_address);
      return FALSE;
    }
  }

  return TRUE;
}

/* @with_hint: whether it says what to do about it */
static void
set_obstacle (GstMmioExport * export, const GError * reason, gboolean with_hint)
{
  export->obstacle = with_hint ? g_strdup (reason->message) :
      mmio_error_get_reason (reason);
  export->is_shortage = mmio_error_is_shortage (reason);
}

/* @with_hint: whether an obstacle says what to do about it */
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
 * Makes a dma-buf of the frames, and has display hardware import it.  A dma-buf that
 * none imports has an obstacle.
 *
 * Returns: (transfer full) (nullable): the dma-buf, or NULL with @error set
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
 * Does the same where copies are as good: a dma-buf that cannot be made, or that no
 * hardware imports, is an obstacle, and there are no rings.  A sink that takes such a
 * dma-buf would end the pipeline, or copy it byte by byte.
 *
 * Returns: (transfer full): the dma-buf, or the obstacle
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
 * @buffer: number of a buffer of the device
 *
 * Returns: (transfer none) (nullable): its memories; NULL if there is no dma-buf
 */
GstMmioRing *
gst_mmio_export_get_ring (const GstMmioExport * export, guint slot)
{
  return export->ring[slot];
}

/**
 * gst_mmio_export_get_skip:
 *
 * Returns: bytes from the dma-buf's start to the frame's
 */
guint
gst_mmio_export_get_skip (const GstMmioExport * export)
{
  return export->skip;
}

/**
 * gst_mmio_export_get_obstacle:
 *
 * Returns: (transfer none) (nullable): why there is no dma-buf, or no hardware that
 *   imports it, in a sentence
 */
const char *
gst_mmio_export_get_obstacle (const GstMmioExport * export)
{
  return export->obstacle;
}

/**
 * gst_mmio_export_is_shortage:
 *
 * Returns: whether the obstacle is a lack of descriptors or memory, so that a dma-buf
 *   may be possible at the next negotiation
 */
gboolean
gst_mmio_export_is_shortage (const GstMmioExport * export)
{
  return export->is_shortage;
}
