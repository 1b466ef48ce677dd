/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which way frames take, the best one first: as a dma-buf of the BAR, which
 * nobody here touches; copied into downstream's buffers; as the map, for those
 * who ask for it.
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

/* Somebody may change his mind, when he asks to negotiate anew; but one who
 * asks because he refuses would do so for ever */
#define MAX_REFUSALS 3

struct _GstMmioIO
{
  MmioCapture *capture;
  GstMmioIOMode wanted;
  GstVideoFormat format;
  gboolean is_default_layout;            /* the picture lies where everybody looks */

  char *obstacle;               /* what rules dma-bufs out from the start */
  GstMmioExport *export;        /* NULL as long as none was wanted */
  gboolean is_moved;            /* it is not of the capture's frame */

  GstAllocator *allocator;      /* of the map */

  char *objection;              /* to offering dma-bufs to this downstream */
  /* Who has refused how often, known by what it takes, and why; and whether
   * that is still to be heeded */
  GstCaps *refusing_caps;
  guint n_refusals;
  char *refusal;
  gboolean is_refused;

  /* What was agreed upon */
  GstMmioIOMode mode;
  char *reason;
  gboolean is_fallback;
};

/* Returns: (nullable): why dma-bufs are not offered, or of no use */
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

/* Whether a dma-buf that has not been asked for yet may be possible */
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

/* What is against dma-bufs and known without asking for one */
static char *
find_obstacle (MmioCapture * capture)
{
  g_autoptr (GError) reason = NULL;

  if (mmio_capture_get_info (capture)->changes != MMIO_CHANGES_IGNORE)
    return g_strdup ("To find changes, every frame is read.");
  if (!mmio_capture_can_export (capture, &reason))
    return mmio_error_get_reason (reason);
  return NULL;
}

static void
set_layout (GstMmioIO * io)
{
  const MmioLayout *layout = &mmio_capture_get_info (io->capture)->layout;

  io->format = gst_video_format_from_string (layout->format.name);
  /* A dma-buf shows all of several pictures */
  io->is_default_layout = get_skip (io) == 0 && (io->allocator || layout->n_buffers == 1)
      && gst_mmio_format_is_default_layout (layout);
}

/**
 * gst_mmio_io_new:
 * @capture: whose frames; must live longer
 * @wanted: what the user asks for
 *
 * Finds out which ways there are.
 *
 * Returns: (nullable): NULL with @error set if what is asked for cannot be
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
 * @io: a way
 * @capture: whose frames; must live longer
 *
 * Finds out which ways there are for another picture, with the user asking for
 * the same, and knowing why frames have taken the one that they take.
 *
 * Returns: (nullable): NULL with @error set if what is asked for cannot be
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
 * @downstream: all that downstream takes
 *
 * Returns: whether a negotiation needs gst_mmio_io_swap_export() first, as
 *   downstream names dma-bufs and none was made of the frames yet
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
 * @export: (transfer full): the dma-buf of the capture's frames
 *
 * Returns: (transfer full) (nullable): the one before
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
 * @capture: whose frames; must live longer
 *
 * Goes on with pictures that only lie elsewhere, if frames are copied: nobody
 * downstream can tell.
 *
 * Returns: FALSE if that cannot be
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
 * Returns: (transfer full): all that can be sent, the best first
 */
GstCaps *
gst_mmio_io_get_caps (const GstMmioIO * io)
{
  return make_caps (io, TRUE);
}

/**
 * gst_mmio_io_get_offer:
 *
 * Returns: (transfer full): of all that can be sent, what the negotiation that
 *   gst_mmio_io_begin() began offers, the best first
 */
GstCaps *
gst_mmio_io_get_offer (const GstMmioIO * io)
{
  return make_caps (io, !io->objection);
}

/**
 * gst_mmio_io_begin:
 * @downstream: (nullable): all that downstream takes
 *
 * Begins a negotiation, which offers dma-bufs only if downstream names them, or
 * the user asks for them: an element that takes anything may read it byte by
 * byte.
 */
void
gst_mmio_io_begin (GstMmioIO * io, GstCaps * downstream)
{
  g_free (io->objection);
  io->objection = NULL;

  if (!io->refusing_caps || !downstream || !gst_caps_is_equal (io->refusing_caps,
          downstream)) {
    gst_caps_replace (&io->refusing_caps, downstream);
    io->n_refusals = 0;
  }

  io->n_refusals += io->is_refused;
  if (io->is_refused || io->n_refusals >= MAX_REFUSALS)
    io->objection = g_strdup (io->refusal);
  io->is_refused = FALSE;

  if (!io->objection && io->wanted == GST_MMIO_IO_MODE_AUTO &&
      !gst_mmio_caps_name_dma_buf (downstream))
    io->objection = g_strdup ("Downstream takes no dma-bufs; kmssink (from "
        "GStreamer 1.26 on; before, with io-mode=dmabuf), glimagesink and "
        "waylandsink do.");
}

/**
 * gst_mmio_io_refuse:
 * @reason: why dma-bufs are no good for downstream; a sentence
 *
 * Has the next negotiation offer no dma-bufs, unless the user asks for them.
 *
 * Returns: whether that makes a difference
 */
gboolean
gst_mmio_io_refuse (GstMmioIO * io, const char *reason)
{
  if (!has_dma_buf (io) || io->objection)
    return FALSE;

  /* There is no step further down */
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
 * Returns: whether the last negotiation came to nothing, and the next one will
 *   offer less
 */
gboolean
gst_mmio_io_is_refused (const GstMmioIO * io)
{
  return io->is_refused;
}

/**
 * gst_mmio_io_requires_dma_buf:
 *
 * Returns: whether the user asks for dma-bufs, and for nothing else
 */
gboolean
gst_mmio_io_requires_dma_buf (const GstMmioIO * io)
{
  return io->wanted == GST_MMIO_IO_MODE_DMABUF;
}

/**
 * gst_mmio_io_get_objection:
 *
 * Returns: (transfer none) (nullable): why the last negotiation offered no
 *   dma-bufs though there are some, or came to nothing with those that are
 *   asked for; in a sentence
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

/* Whether downstream finds the picture in @query's buffers, where it lies as
 * in the BAR */
static gboolean
understands_layout (GstMmioIO * io, GstQuery * query)
{
  return io->is_default_layout || gst_query_find_allocation_meta (query,
      GST_VIDEO_META_API_TYPE, NULL);
}

/* A dma-buf is of whole pages: who knows of no video meta, such as a file,
 * takes all that there is for the picture */
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
        g_strdup ("io-mode=copy asks for it."));
  else if (obstacle || io->objection)
    set_mode (io, GST_MMIO_IO_MODE_COPY, expected,
        g_strdup_printf ("Each frame of %s is copied. %s", address,
            obstacle ? obstacle : io->objection));
  else
    set_mode (io, GST_MMIO_IO_MODE_COPY, expected,
        g_strdup_printf ("Each frame of %s is copied. Downstream takes "
            "dma-bufs, but none of %ux%u %s pixels.", address, layout->width,
            layout->height, layout->format.name));
}

static void
select_dma_buf (GstMmioIO * io)
{
  const char *address = mmio_capture_get_info (io->capture)->device_address;
  const char *obstacle = get_obstacle (io);

  if (obstacle)
    set_mode (io, GST_MMIO_IO_MODE_DMABUF, TRUE,
        g_strdup_printf ("The dma-buf of %s is sent, as io-mode=dmabuf asks "
            "for it. %s", address, obstacle));
  else
    set_mode (io, GST_MMIO_IO_MODE_DMABUF, FALSE,
        g_strdup_printf ("Downstream takes the dma-buf of %s.", address));
}

static void
select_map (GstMmioIO * io, GstQuery * query)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (io->capture);
  const MmioLayout *layout = &info->layout;
  const char *address = info->device_address;

  /* Where the map cannot be sent, copying gives the same picture */
  if (!mmio_region_allows_unaligned_loads (info->region))
    set_mode (io, GST_MMIO_IO_MODE_COPY, TRUE,
        g_strdup_printf ("The map of %s is uncached, where this CPU allows "
            "aligned loads only, so each frame is copied. Set io-mode=copy, or "
            "mapping=write-combining if the BAR is prefetchable.", address));
  else if (understands_layout (io, query))
    set_mode (io, GST_MMIO_IO_MODE_MMAP, FALSE,
        g_strdup ("io-mode=mmap asks for it."));
  else
    set_mode (io, GST_MMIO_IO_MODE_COPY, TRUE,
        g_strdup_printf ("Downstream does not understand the stride of %u "
            "bytes that the picture has in %s, so each frame is copied; "
            "io-mode=copy does the same without this message.",
            layout->plane[0].stride, address));
}

static void
set_layout_error (const GstMmioIO * io, GError ** error)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (io->capture);
  const MmioLayout *layout = &info->layout;
  const char *address = info->device_address;

  if (layout->n_buffers > 1)
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Downstream does not understand that a dma-buf of %s has %u pictures; "
        "use io-mode=auto.", address, layout->n_buffers);
  else
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Downstream does not understand that the picture of %s starts at byte "
        "%u of a dma-buf and has a stride of %u bytes; use io-mode=auto.",
        address, get_skip (io), layout->plane[0].stride);
}

/**
 * gst_mmio_io_select_mode:
 * @query: a finished allocation query
 * @is_dma_buf: whether the caps that were agreed upon are a dma-buf's
 * @again: (out): whether to negotiate once more, a step further down
 *
 * Takes a way, after a negotiation.
 *
 * Returns: FALSE with @error set if the one that is asked for cannot be
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
      /* Who names dma-bufs has to know about video metas as well */
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
    *again = gst_mmio_io_refuse (io, "Downstream does not understand where "
        "the picture lies in the dma-buf.");

  return TRUE;
}

/**
 * gst_mmio_io_get_mode:
 *
 * Returns: how frames go out; copied, as long as nothing is agreed upon
 */
GstMmioIOMode
gst_mmio_io_get_mode (const GstMmioIO * io)
{
  return io->mode;
}

/**
 * gst_mmio_io_get_reason:
 *
 * Returns: (transfer none) (nullable): why, in a sentence or two; NULL as long
 *   as nothing is agreed upon
 */
const char *
gst_mmio_io_get_reason (const GstMmioIO * io)
{
  return io->reason;
}

/**
 * gst_mmio_io_is_fallback:
 *
 * Returns: whether it is not the way that the user may count on
 */
gboolean
gst_mmio_io_is_fallback (const GstMmioIO * io)
{
  return io->is_fallback;
}

/**
 * gst_mmio_io_wrap:
 * @buffer: which of several pictures, 0 for the first
 *
 * For a way without a copy.
 *
 * Returns: (transfer full) (nullable): a buffer that has the BAR's memory; NULL
 *   if downstream holds as many as there may be
 */
GstBuffer *
gst_mmio_io_wrap (GstMmioIO * io, guint slot)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (io->capture);
  const MmioLayout *layout = &info->layout;
  const gsize offset = layout->buffer[slot];
  GstMemory *memory;

  /* A memory of its own for each buffer: sinks tell buffers apart by it */
  if (io->mode == GST_MMIO_IO_MODE_MMAP) {
    memory = gst_mmio_allocator_wrap (GST_MMIO_ALLOCATOR (io->allocator),
        info->region, info->reader, offset, mmio_layout_get_size (layout));
    return gst_mmio_buffer_wrap (memory, 0, layout, io->format);
  }

  memory = acquire_dma_buf (io, slot);
  return memory ? gst_mmio_buffer_wrap (memory, get_skip (io) + offset,
      layout, io->format) : NULL;
}
