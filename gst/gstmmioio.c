/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The I/O mode of the frames, best first: as a dma-buf of the BAR, which the CPU
 * does not read; as a copy to buffers of downstream's pool; or as the map, only if
 * the user sets it.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmioio.h"

#include "base/mmioerror.h"
#include "gstmmiobuffer.h"
#include "gstmmiocaps.h"
#include "gstmmioformat.h"
#include "gstmmiomemory.h"

/* A refusal counts for one negotiation, as downstream may accept dma-bufs
 * afterwards. After this number it is permanent for the same caps: a downstream
 * that rejects and negotiates again would never end. */
#define MAX_REFUSALS 3

struct _GstMmioIO
{
  MmioCapture *capture;
  GstMmioIOMode wanted;
  GstVideoFormat format;
  gboolean is_default_layout;   /* consumers without video meta find the frame */

  char *obstacle;               /* reason why no dma-buf can be made */
  GstMmioExport *export;        /* NULL until a dma-buf is needed */
  gboolean is_moved;            /* export is of an earlier capture */

  GstAllocator *allocator;      /* of the mapped BAR */

  char *objection;              /* reason why this negotiation offers no dma-bufs */
  /* Caps of the downstream that has rejected dma-bufs, how often, and why; and
   * whether the next negotiation has to offer less */
  GstCaps *refusing_caps;
  guint n_refusals;
  char *refusal;
  gboolean is_refused;

  /* Result of the negotiation */
  GstMmioIOMode mode;
  char *reason;
  gboolean is_fallback;
};

/* Returns: (nullable): reason why no dma-buf can be made, or no hardware imports
 * it */
static const char *
get_obstacle (const GstMmioIO * io)
{
  return io->obstacle || !io->export ? io->obstacle :
      gst_mmio_export_get_obstacle (io->export);
}

static gboolean
has_dma_buf (const GstMmioIO * io)
{
  return io->export && gst_mmio_export_get_ring (io->export, 0);
}

/* Returns: whether a dma-buf that was not made yet may be possible */
static gboolean
may_export (const GstMmioIO * io)
{
  return io->wanted == GST_MMIO_IO_MODE_AUTO && !io->obstacle &&
      (!io->export || io->is_moved);
}

static guint
get_skip (const GstMmioIO * io)
{
  return io->export ? gst_mmio_export_get_skip (io->export) : 0;
}

/* Returns: (nullable): reason why no dma-buf can be made, as far as it is known
 * without an export */
static char *
find_obstacle (MmioCapture * capture)
{
  g_autoptr (GError) reason = NULL;

  if (mmio_capture_get_info (capture)->changes != MMIO_CHANGES_IGNORE)
    return g_strdup ("The property changes requires a read of each frame.");
  if (!mmio_capture_can_export (capture, &reason))
    return mmio_error_get_reason (reason);
  return NULL;
}

static void
set_layout (GstMmioIO * io)
{
  const MmioLayout *layout = &mmio_capture_get_info (io->capture)->layout;

  io->format = gst_video_format_from_string (layout->format.name);
  /* A dma-buf contains all slots */
  io->is_default_layout = get_skip (io) == 0 && (io->allocator
      || layout->n_buffers == 1)
      && gst_mmio_format_is_default_layout (layout);
}

/**
 * gst_mmio_io_new:
 * @capture: the capture; must outlive the result
 * @wanted: the I/O mode that the user has set
 *
 * Finds the possible I/O modes.
 *
 * Returns: (nullable): NULL with @error set if @wanted is not possible
 */
GstMmioIO *
gst_mmio_io_new (MmioCapture * capture, GstMmioIOMode wanted, GError ** error)
{
  GstMmioIO *io = g_new0 (GstMmioIO, 1);

  io->capture = capture;
  io->wanted = wanted;
  io->mode = GST_MMIO_IO_MODE_COPY;

  switch (wanted) {
    case GST_MMIO_IO_MODE_MMAP:
      io->allocator = gst_mmio_allocator_new ();
      break;
    case GST_MMIO_IO_MODE_DMABUF:
      io->export = gst_mmio_export_new (capture, error);
      if (!io->export) {
        gst_mmio_io_free (io);
        return NULL;
      }
      break;
    case GST_MMIO_IO_MODE_AUTO:
      io->obstacle = find_obstacle (capture);
      break;
    case GST_MMIO_IO_MODE_COPY:
      break;
  }

  set_layout (io);
  return io;
}

/**
 * gst_mmio_io_renew:
 * @io: the I/O mode of the previous capture
 * @capture: the new capture; must outlive the result
 *
 * Finds the possible I/O modes of another capture, with the user's setting and the
 * reason of @io.
 *
 * Returns: (nullable): NULL with @error set if the user's setting is not possible
 */
GstMmioIO *
gst_mmio_io_renew (const GstMmioIO * io, MmioCapture * capture, GError ** error)
{
  GstMmioIO *renewed = gst_mmio_io_new (capture, io->wanted, error);

  if (renewed)
    renewed->reason = g_strdup (io->reason);
  return renewed;
}

/**
 * gst_mmio_io_needs_export:
 * @downstream: the caps that downstream accepts
 *
 * Checks whether downstream names dma-bufs and none was made yet.
 *
 * Returns: whether the negotiation needs gst_mmio_io_swap_export() first
 */
gboolean
gst_mmio_io_needs_export (const GstMmioIO * io, GstCaps * downstream)
{
  const gboolean again = io->wanted == GST_MMIO_IO_MODE_AUTO && io->export &&
      gst_mmio_export_is_shortage (io->export);

  return (may_export (io) || again) && gst_mmio_caps_name_dma_buf (downstream);
}

/**
 * gst_mmio_io_swap_export:
 * @export: (transfer full): the export of the capture's frames
 *
 * Replaces the export.
 *
 * Returns: (transfer full) (nullable): the previous export
 */
GstMmioExport *
gst_mmio_io_swap_export (GstMmioIO * io, GstMmioExport * export)
{
  GstMmioExport *before = io->export;

  io->export = export;
  io->is_moved = FALSE;
  set_layout (io);
  return before;
}

/**
 * gst_mmio_io_move:
 * @capture: the new capture; must outlive @io
 *
 * Replaces the capture with one whose frames have only moved in the BAR. This is
 * possible if frames are copied, as downstream sees no difference.
 *
 * Returns: FALSE if it is not possible
 */
gboolean
gst_mmio_io_move (GstMmioIO * io, MmioCapture * capture)
{
  if (io->mode != GST_MMIO_IO_MODE_COPY ||
      !mmio_capture_has_moved (capture, io->capture))
    return FALSE;

  io->capture = capture;
  io->is_moved = TRUE;
  return TRUE;
}

void
gst_mmio_io_free (GstMmioIO * io)
{
  g_clear_pointer (&io->export, gst_mmio_export_free);
  gst_clear_object (&io->allocator);
  g_free (io->obstacle);
  g_free (io->objection);
  g_free (io->refusal);
  gst_clear_caps (&io->refusing_caps);
  g_free (io->reason);
  g_free (io);
}

static GstCaps *
make_caps (const GstMmioIO * io, gboolean with_dma_buf)
{
  const MmioLayout *layout = &mmio_capture_get_info (io->capture)->layout;
  const gboolean own_only = io->wanted == GST_MMIO_IO_MODE_MMAP ||
      io->wanted == GST_MMIO_IO_MODE_DMABUF;
  GstCaps *caps = gst_caps_new_empty ();

  if (with_dma_buf && (has_dma_buf (io) || may_export (io)))
    gst_caps_append (caps, gst_mmio_caps_get_dma_buf (layout));
  gst_caps_append (caps, gst_mmio_caps_from_layout (layout, own_only));

  return caps;
}

/**
 * gst_mmio_io_get_caps:
 *
 * Lists all caps that can be sent.
 *
 * Returns: (transfer full): the caps, best first
 */
GstCaps *
gst_mmio_io_get_caps (const GstMmioIO * io)
{
  return make_caps (io, TRUE);
}

/**
 * gst_mmio_io_get_offer:
 *
 * Lists the caps that the negotiation which gst_mmio_io_begin() began offers.
 *
 * Returns: (transfer full): the caps, best first
 */
GstCaps *
gst_mmio_io_get_offer (const GstMmioIO * io)
{
  return make_caps (io, !io->objection);
}

/**
 * gst_mmio_io_begin:
 * @downstream: (nullable): the caps that downstream accepts
 *
 * Begins a negotiation. It offers dma-bufs only if downstream names them, or the
 * user has set io-mode=dmabuf: an element that accepts ANY caps may read them byte
 * by byte.
 */
void
gst_mmio_io_begin (GstMmioIO * io, GstCaps * downstream)
{
  g_free (io->objection);
  io->objection = NULL;

  if (!io->refusing_caps || !downstream
      || !gst_caps_is_equal (io->refusing_caps, downstream)) {
    gst_caps_replace (&io->refusing_caps, downstream);
    io->n_refusals = 0;
  }

  io->n_refusals += io->is_refused;
  if (io->is_refused || io->n_refusals >= MAX_REFUSALS)
    io->objection = g_strdup (io->refusal);
  io->is_refused = FALSE;

  if (!io->objection && io->wanted == GST_MMIO_IO_MODE_AUTO &&
      !gst_mmio_caps_name_dma_buf (downstream))
    io->objection = g_strdup ("Downstream accepts no dma-bufs. Use kmssink "
        "(before GStreamer 1.26 with io-mode=dmabuf), glimagesink or "
        "waylandsink.");
}

/**
 * gst_mmio_io_refuse:
 * @reason: why downstream cannot use dma-bufs; a sentence
 *
 * Excludes dma-bufs from the next negotiation, unless the user has set
 * io-mode=dmabuf.
 *
 * Returns: whether the next negotiation offers less
 */
gboolean
gst_mmio_io_refuse (GstMmioIO * io, const char *reason)
{
  if (!has_dma_buf (io) || io->objection)
    return FALSE;

  /* io-mode=dmabuf has no fallback */
  if (io->wanted == GST_MMIO_IO_MODE_DMABUF) {
    io->objection = g_strdup (reason);
    return FALSE;
  }

  g_free (io->refusal);
  io->refusal = g_strdup (reason);
  io->is_refused = TRUE;
  return TRUE;
}

/**
 * gst_mmio_io_is_refused:
 *
 * Checks whether the last negotiation ended without an I/O mode.
 *
 * Returns: whether the next negotiation offers less
 */
gboolean
gst_mmio_io_is_refused (const GstMmioIO * io)
{
  return io->is_refused;
}

/**
 * gst_mmio_io_requires_dma_buf:
 *
 * Checks the setting of the user.
 *
 * Returns: whether it is io-mode=dmabuf
 */
gboolean
gst_mmio_io_requires_dma_buf (const GstMmioIO * io)
{
  return io->wanted == GST_MMIO_IO_MODE_DMABUF;
}

/**
 * gst_mmio_io_get_objection:
 *
 * Gets the reason why the last negotiation offered no dma-bufs though they are
 * possible, or why downstream rejected those that the user has set.
 *
 * Returns: (transfer none) (nullable): a sentence
 */
const char *
gst_mmio_io_get_objection (const GstMmioIO * io)
{
  return has_dma_buf (io) || may_export (io) ? io->objection : NULL;
}

static void
set_mode (GstMmioIO * io, GstMmioIOMode mode, gboolean is_fallback,
    char *reason)
{
  io->mode = mode;
  io->is_fallback = is_fallback;
  g_free (io->reason);
  io->reason = reason;
}

/* Returns: whether downstream finds the frame in a buffer with the layout of the
 * BAR: by its video meta, or as the default layout */
static gboolean
understands_layout (GstMmioIO * io, GstQuery * query)
{
  return io->is_default_layout || gst_query_find_allocation_meta (query,
      GST_VIDEO_META_API_TYPE, NULL);
}

/* A dma-buf has whole pages. A consumer without video metas, such as filesink,
 * takes the whole memory for the frame, so it is resized. */
static GstMemory *
acquire_dma_buf (GstMmioIO * io, guint slot)
{
  const MmioLayout *layout = &mmio_capture_get_info (io->capture)->layout;
  GstMemory *memory = gst_mmio_ring_acquire (gst_mmio_export_get_ring
      (io->export, slot));

  if (memory && io->is_default_layout)
    gst_memory_resize (memory, 0, mmio_layout_get_size (layout));

  return memory;
}

static void
select_copy (GstMmioIO * io)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (io->capture);
  const MmioLayout *layout = &info->layout;
  const char *address = info->device_address;
  const char *obstacle = get_obstacle (io);
  const gboolean expected = info->shares_bar &&
      info->changes == MMIO_CHANGES_IGNORE;

  if (io->wanted == GST_MMIO_IO_MODE_COPY)
    set_mode (io, GST_MMIO_IO_MODE_COPY, FALSE,
        g_strdup ("io-mode=copy is set."));
  else if (obstacle || io->objection)
    set_mode (io, GST_MMIO_IO_MODE_COPY, expected,
        g_strdup_printf ("Each frame of %s is copied. %s", address,
            obstacle ? obstacle : io->objection));
  else
    set_mode (io, GST_MMIO_IO_MODE_COPY, expected,
        g_strdup_printf ("Each frame of %s is copied. Downstream accepts "
            "dma-bufs, but not of %ux%u %s pixels.", address, layout->width,
            layout->height, layout->format.name));
}

static void
select_dma_buf (GstMmioIO * io)
{
  const char *address = mmio_capture_get_info (io->capture)->device_address;
  const char *obstacle = get_obstacle (io);

  if (obstacle)
    set_mode (io, GST_MMIO_IO_MODE_DMABUF, TRUE,
        g_strdup_printf ("The dma-buf of %s is sent, because "
            "io-mode=dmabuf is set. %s", address, obstacle));
  else
    set_mode (io, GST_MMIO_IO_MODE_DMABUF, FALSE,
        g_strdup_printf ("Downstream accepts the dma-buf of %s.", address));
}

static void
select_map (GstMmioIO * io, GstQuery * query)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (io->capture);
  const MmioLayout *layout = &info->layout;
  const char *address = info->device_address;

  /* If the map cannot be sent, a copy has the same content */
  if (!mmio_region_allows_unaligned_loads (info->region))
    set_mode (io, GST_MMIO_IO_MODE_COPY, TRUE,
        g_strdup_printf ("Each frame of %s is copied: its map is uncached, "
            "where this CPU allows aligned loads only. Set io-mode=copy, or "
            "mapping=write-combining if the BAR is prefetchable.", address));
  else if (understands_layout (io, query))
    set_mode (io, GST_MMIO_IO_MODE_MMAP, FALSE,
        g_strdup ("io-mode=mmap is set."));
  else
    set_mode (io, GST_MMIO_IO_MODE_COPY, TRUE,
        g_strdup_printf ("Each frame of %s is copied: downstream does not "
            "support its stride of %u bytes. Set io-mode=copy to avoid this "
            "message.", address, layout->plane[0].stride));
}

static void
set_layout_error (const GstMmioIO * io, GError ** error)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (io->capture);
  const MmioLayout *layout = &info->layout;
  const char *address = info->device_address;

  if (layout->n_buffers > 1)
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot send the dma-buf of %s: downstream does not support that it "
        "has %u slots. Set io-mode=auto.", address, layout->n_buffers);
  else
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot send the dma-buf of %s: downstream does not support that the "
        "frame starts at byte %u and has a stride of %u bytes. Set "
        "io-mode=auto.", address, get_skip (io), layout->plane[0].stride);
}

/**
 * gst_mmio_io_select_mode:
 * @query: an answered allocation query
 * @is_dma_buf: whether the negotiated caps are those of a dma-buf
 * @again: (out): whether to negotiate again with less to offer
 *
 * Selects the I/O mode after a negotiation.
 *
 * Returns: FALSE with @error set if the mode that the user has set is not possible
 */
gboolean
gst_mmio_io_select_mode (GstMmioIO * io, GstQuery * query, gboolean is_dma_buf,
    gboolean * again, GError ** error)
{
  *again = FALSE;

  switch (io->wanted) {
    case GST_MMIO_IO_MODE_MMAP:
      select_map (io, query);
      return TRUE;
    case GST_MMIO_IO_MODE_DMABUF:
      /* An element that names dma-bufs in its caps supports video metas */
      if (is_dma_buf || understands_layout (io, query)) {
        select_dma_buf (io);
        return TRUE;
      }
      set_layout_error (io, error);
      return FALSE;
    case GST_MMIO_IO_MODE_AUTO:
    case GST_MMIO_IO_MODE_COPY:
      break;
  }

  if (!is_dma_buf)
    select_copy (io);
  else if (understands_layout (io, query))
    select_dma_buf (io);
  else
    *again = gst_mmio_io_refuse (io, "Downstream does not support the layout "
        "of the frame in the dma-buf.");

  return TRUE;
}

/**
 * gst_mmio_io_get_mode:
 *
 * Gets the selected I/O mode.
 *
 * Returns: the mode; %GST_MMIO_IO_MODE_COPY before the first negotiation
 */
GstMmioIOMode
gst_mmio_io_get_mode (const GstMmioIO * io)
{
  return io->mode;
}

/**
 * gst_mmio_io_get_reason:
 *
 * Gets the reason for the selected I/O mode.
 *
 * Returns: (transfer none) (nullable): one or two sentences; NULL before the first
 *   negotiation
 */
const char *
gst_mmio_io_get_reason (const GstMmioIO * io)
{
  return io->reason;
}

/**
 * gst_mmio_io_is_fallback:
 *
 * Checks whether the I/O mode is a worse one than the user can expect.
 *
 * Returns: whether the user has to be informed
 */
gboolean
gst_mmio_io_is_fallback (const GstMmioIO * io)
{
  return io->is_fallback;
}

/**
 * gst_mmio_io_wrap:
 * @slot: number of the slot, from 0
 *
 * Wraps a slot in a buffer. For I/O modes without a copy.
 *
 * Returns: (transfer full) (nullable): a buffer with the memory of the BAR; NULL if
 *   downstream holds all memories
 */
GstBuffer *
gst_mmio_io_wrap (GstMmioIO * io, guint slot)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (io->capture);
  const MmioLayout *layout = &info->layout;
  const gsize offset = layout->buffer[slot];
  GstMemory *memory;

  /* Each buffer has a separate memory, by which sinks distinguish buffers */
  if (io->mode == GST_MMIO_IO_MODE_MMAP) {
    memory = gst_mmio_allocator_wrap (GST_MMIO_ALLOCATOR (io->allocator),
        info->region, info->reader, offset, mmio_layout_get_size (layout));
    return gst_mmio_buffer_wrap (memory, 0, layout, io->format);
  }

  memory = acquire_dma_buf (io, slot);
  return memory ? gst_mmio_buffer_wrap (memory, get_skip (io) + offset,
      layout, io->format) : NULL;
}
