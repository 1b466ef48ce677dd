/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which way frames take, the best one first: as a dma-buf of the BAR, which
 * nobody here touches; copied into downstream's buffers; as the map, for those
 * who ask for it.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmioway.h"

#include "base/mmioerror.h"
#include "gstmmiobuffer.h"
#include "gstmmiocaps.h"
#include "gstmmioformat.h"
#include "gstmmiomemory.h"

/* Somebody may change his mind, when he asks to negotiate anew; but one who
 * asks because he refuses would do so for ever */
#define MAX_REFUSALS 3

struct _GstMmioWay
{
  MmioCapture *capture;
  GstMmioIOMode wanted;
  GstVideoFormat format;
  gboolean is_plain;            /* the picture lies where everybody looks */

  char *obstacle;               /* what rules dma-bufs out from the start */
  GstMmioExport *export;        /* NULL as long as none was wanted */
  gboolean is_moved;            /* it is not of the capture's frame */

  GstAllocator *allocator;      /* of the map */

  /* Downstream: while it is negotiated with, and what there is against
   * offering it dma-bufs */
  gboolean negotiating;
  char *objection;
  /* Who has refused how often, known by what it takes, and why; and whether
   * that is still to be heeded */
  GstCaps *refuser;
  guint n_refusals;
  char *refusal;
  gboolean is_refused;

  /* What was agreed upon */
  GstMmioIOMode mode;
  char *reason;
  gboolean disappointing;
};

/* Returns: (nullable): why dma-bufs are not offered, or of no use */
static const char *
get_obstacle (const GstMmioWay * way)
{
  return way->obstacle || !way->export ? way->obstacle :
      gst_mmio_export_get_obstacle (way->export);
}

static gboolean
has_dma_buf (const GstMmioWay * way)
{
  return way->export && gst_mmio_export_get_ring (way->export, 0);
}

/* Whether a dma-buf that has not been asked for yet may be possible */
static gboolean
may_export (const GstMmioWay * way)
{
  return way->wanted == GST_MMIO_IO_MODE_AUTO && !way->obstacle &&
      (!way->export || way->is_moved);
}

static guint
get_skip (const GstMmioWay * way)
{
  return way->export ? gst_mmio_export_get_skip (way->export) : 0;
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
set_layout (GstMmioWay * way)
{
  const MmioPicture *picture = &mmio_capture_get_info (way->capture)->picture;

  way->format = gst_video_format_from_string (picture->format.name);
  /* A dma-buf shows all of several pictures */
  way->is_plain = get_skip (way) == 0 && (way->allocator
      || picture->n_buffers == 1)
      && gst_mmio_format_is_default_layout (picture);
}

/**
 * gst_mmio_way_new:
 * @capture: whose frames; must live longer
 * @wanted: what the user asks for
 *
 * Finds out which ways there are.
 *
 * Returns: (nullable): NULL with @error set if what is asked for cannot be
 */
GstMmioWay *
gst_mmio_way_new (MmioCapture * capture, GstMmioIOMode wanted, GError ** error)
{
  GstMmioWay *way = g_new0 (GstMmioWay, 1);

  way->capture = capture;
  way->wanted = wanted;
  way->mode = GST_MMIO_IO_MODE_COPY;

  switch (wanted) {
    case GST_MMIO_IO_MODE_MMAP:
      way->allocator = gst_mmio_allocator_new ();
      break;
    case GST_MMIO_IO_MODE_DMABUF:
      way->export = gst_mmio_export_new (capture, error);
      if (!way->export) {
        gst_mmio_way_free (way);
        return NULL;
      }
      break;
    case GST_MMIO_IO_MODE_AUTO:
      way->obstacle = find_obstacle (capture);
      break;
    case GST_MMIO_IO_MODE_COPY:
      break;
  }

  set_layout (way);
  return way;
}

/**
 * gst_mmio_way_renew:
 * @way: a way
 * @capture: whose frames; must live longer
 *
 * Finds out which ways there are for another picture, with the user asking for
 * the same, and knowing why frames have taken the one that they take.
 *
 * Returns: (nullable): NULL with @error set if what is asked for cannot be
 */
GstMmioWay *
gst_mmio_way_renew (const GstMmioWay * way, MmioCapture * capture,
    GError ** error)
{
  GstMmioWay *renewed = gst_mmio_way_new (capture, way->wanted, error);

  if (renewed)
    renewed->reason = g_strdup (way->reason);
  return renewed;
}

/**
 * gst_mmio_way_needs_export:
 * @downstream: all that downstream takes
 *
 * Returns: whether a negotiation needs gst_mmio_way_swap_export() first, as
 *   downstream names dma-bufs and none was made of the frames yet
 */
gboolean
gst_mmio_way_needs_export (const GstMmioWay * way, GstCaps * downstream)
{
  const gboolean again = way->wanted == GST_MMIO_IO_MODE_AUTO && way->export &&
      gst_mmio_export_may_pass (way->export);

  return (may_export (way) || again) && gst_mmio_caps_name_dma_buf (downstream);
}

/**
 * gst_mmio_way_swap_export:
 * @export: (transfer full): the dma-buf of the capture's frames
 *
 * Returns: (transfer full) (nullable): the one before
 */
GstMmioExport *
gst_mmio_way_swap_export (GstMmioWay * way, GstMmioExport * export)
{
  GstMmioExport *before = way->export;

  way->export = export;
  way->is_moved = FALSE;
  set_layout (way);
  return before;
}

/**
 * gst_mmio_way_move:
 * @capture: whose frames; must live longer
 *
 * Goes on with pictures that only lie elsewhere, if frames are copied: nobody
 * downstream can tell.
 *
 * Returns: FALSE if that cannot be
 */
gboolean
gst_mmio_way_move (GstMmioWay * way, MmioCapture * capture)
{
  if (way->mode != GST_MMIO_IO_MODE_COPY ||
      !mmio_capture_has_moved (capture, way->capture))
    return FALSE;

  way->capture = capture;
  way->is_moved = TRUE;
  return TRUE;
}

void
gst_mmio_way_free (GstMmioWay * way)
{
  g_clear_pointer (&way->export, gst_mmio_export_free);
  gst_clear_object (&way->allocator);
  g_free (way->obstacle);
  g_free (way->objection);
  g_free (way->refusal);
  gst_clear_caps (&way->refuser);
  g_free (way->reason);
  g_free (way);
}

/**
 * gst_mmio_way_get_caps:
 *
 * Returns: (transfer full): all that can be sent, the best first
 */
GstCaps *
gst_mmio_way_get_caps (const GstMmioWay * way)
{
  const MmioPicture *picture = &mmio_capture_get_info (way->capture)->picture;
  const gboolean own_only = way->wanted == GST_MMIO_IO_MODE_MMAP ||
      way->wanted == GST_MMIO_IO_MODE_DMABUF;
  GstCaps *caps = gst_caps_new_empty ();

  if ((has_dma_buf (way) || may_export (way)) &&
      !(way->negotiating && way->objection))
    gst_caps_append (caps, gst_mmio_caps_get_dma_buf (picture));
  gst_caps_append (caps, gst_mmio_caps_get_picture (picture, own_only));

  return caps;
}

/**
 * gst_mmio_way_begin:
 * @downstream: (nullable): all that downstream takes
 *
 * Begins a negotiation.  Until gst_mmio_way_end(), dma-bufs are offered only if
 * downstream names them, or the user asks for them: who takes anything may
 * look at it byte by byte.
 */
void
gst_mmio_way_begin (GstMmioWay * way, GstCaps * downstream)
{
  way->negotiating = TRUE;
  g_free (way->objection);
  way->objection = NULL;

  if (!way->refuser || !downstream || !gst_caps_is_equal (way->refuser,
          downstream)) {
    gst_caps_replace (&way->refuser, downstream);
    way->n_refusals = 0;
  }

  way->n_refusals += way->is_refused;
  if (way->is_refused || way->n_refusals >= MAX_REFUSALS)
    way->objection = g_strdup (way->refusal);
  way->is_refused = FALSE;

  if (!way->objection && way->wanted == GST_MMIO_IO_MODE_AUTO &&
      !gst_mmio_caps_name_dma_buf (downstream))
    way->objection = g_strdup ("Downstream takes no dma-bufs; kmssink (from "
        "GStreamer 1.26 on; before, with io-mode=dmabuf), glimagesink and "
        "waylandsink do.");
}

void
gst_mmio_way_end (GstMmioWay * way)
{
  way->negotiating = FALSE;
}

/**
 * gst_mmio_way_refuse:
 * @reason: why dma-bufs are no good for downstream; a sentence
 *
 * Has the next negotiation offer no dma-bufs, unless the user asks for them.
 *
 * Returns: whether that makes a difference
 */
gboolean
gst_mmio_way_refuse (GstMmioWay * way, const char *reason)
{
  if (!has_dma_buf (way) || way->objection)
    return FALSE;

  /* There is no step further down */
  if (way->wanted == GST_MMIO_IO_MODE_DMABUF) {
    way->objection = g_strdup (reason);
    return FALSE;
  }

  g_free (way->refusal);
  way->refusal = g_strdup (reason);
  way->is_refused = TRUE;
  return TRUE;
}

/**
 * gst_mmio_way_is_refused:
 *
 * Returns: whether the last negotiation came to nothing, and the next one will
 *   offer less
 */
gboolean
gst_mmio_way_is_refused (const GstMmioWay * way)
{
  return way->is_refused;
}

/**
 * gst_mmio_way_is_demanded:
 *
 * Returns: whether the user asks for dma-bufs, and for nothing else
 */
gboolean
gst_mmio_way_is_demanded (const GstMmioWay * way)
{
  return way->wanted == GST_MMIO_IO_MODE_DMABUF;
}

/**
 * gst_mmio_way_get_objection:
 *
 * Returns: (transfer none) (nullable): why the last negotiation offered no
 *   dma-bufs though there are some, or came to nothing with those that are
 *   asked for; in a sentence
 */
const char *
gst_mmio_way_get_objection (const GstMmioWay * way)
{
  return has_dma_buf (way) || may_export (way) ? way->objection : NULL;
}

static void
set_mode (GstMmioWay * way, GstMmioIOMode mode, gboolean disappointing,
    char *reason)
{
  way->mode = mode;
  way->disappointing = disappointing;
  g_free (way->reason);
  way->reason = reason;
}

/* Whether downstream finds the picture in @query's buffers, where it lies as
 * in the BAR */
static gboolean
finds_picture (GstMmioWay * way, GstQuery * query)
{
  return way->is_plain || gst_query_find_allocation_meta (query,
      GST_VIDEO_META_API_TYPE, NULL);
}

/* A dma-buf is of whole pages: who knows of no video meta, such as a file,
 * takes all that there is for the picture */
static GstMemory *
acquire_dma_buf (GstMmioWay * way, guint buffer)
{
  const MmioPicture *picture = &mmio_capture_get_info (way->capture)->picture;
  GstMemory *memory = gst_mmio_ring_acquire (gst_mmio_export_get_ring
      (way->export, buffer));

  if (memory && way->is_plain)
    gst_memory_resize (memory, 0, mmio_picture_get_size (picture));

  return memory;
}

static void
take_copy (GstMmioWay * way)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (way->capture);
  const MmioPicture *picture = &info->picture;
  const char *address = info->device_address;
  const char *obstacle = get_obstacle (way);
  const gboolean expected = info->shares_bar &&
      info->changes == MMIO_CHANGES_IGNORE;

  if (way->wanted == GST_MMIO_IO_MODE_COPY)
    set_mode (way, GST_MMIO_IO_MODE_COPY, FALSE,
        g_strdup ("io-mode=copy asks for it."));
  else if (obstacle || way->objection)
    set_mode (way, GST_MMIO_IO_MODE_COPY, expected,
        g_strdup_printf ("Each frame of %s is copied. %s", address,
            obstacle ? obstacle : way->objection));
  else
    set_mode (way, GST_MMIO_IO_MODE_COPY, expected,
        g_strdup_printf ("Each frame of %s is copied. Downstream takes "
            "dma-bufs, but none of %ux%u %s pixels.", address, picture->width,
            picture->height, picture->format.name));
}

static void
take_dma_buf (GstMmioWay * way)
{
  const char *address = mmio_capture_get_info (way->capture)->device_address;
  const char *obstacle = get_obstacle (way);

  if (obstacle)
    set_mode (way, GST_MMIO_IO_MODE_DMABUF, TRUE,
        g_strdup_printf ("The dma-buf of %s is sent, as io-mode=dmabuf asks "
            "for it. %s", address, obstacle));
  else
    set_mode (way, GST_MMIO_IO_MODE_DMABUF, FALSE,
        g_strdup_printf ("Downstream takes the dma-buf of %s.", address));
}

static void
take_map (GstMmioWay * way, GstQuery * query)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (way->capture);
  const MmioPicture *picture = &info->picture;
  const char *address = info->device_address;

  /* Where the map cannot be sent, copying gives the same picture */
  if (!mmio_region_allows_unaligned_loads (info->region))
    set_mode (way, GST_MMIO_IO_MODE_COPY, TRUE,
        g_strdup_printf ("The map of %s is uncached, where this CPU allows "
            "aligned loads only, so each frame is copied. Set io-mode=copy, or "
            "mapping=write-combining if the BAR is prefetchable.", address));
  else if (finds_picture (way, query))
    set_mode (way, GST_MMIO_IO_MODE_MMAP, FALSE,
        g_strdup ("io-mode=mmap asks for it."));
  else
    set_mode (way, GST_MMIO_IO_MODE_COPY, TRUE,
        g_strdup_printf ("Downstream does not understand the stride of %u "
            "bytes that the picture has in %s, so each frame is copied; "
            "io-mode=copy does the same without this message.",
            picture->plane[0].stride, address));
}

static void
set_layout_error (const GstMmioWay * way, GError ** error)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (way->capture);
  const MmioPicture *picture = &info->picture;
  const char *address = info->device_address;

  if (picture->n_buffers > 1)
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Downstream does not understand that a dma-buf of %s has %u pictures; "
        "use io-mode=auto.", address, picture->n_buffers);
  else
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Downstream does not understand that the picture of %s starts at byte "
        "%u of a dma-buf and has a stride of %u bytes; use io-mode=auto.",
        address, get_skip (way), picture->plane[0].stride);
}

/**
 * gst_mmio_way_take:
 * @query: a finished allocation query
 * @is_dma_buf: whether the caps that were agreed upon are a dma-buf's
 * @again: (out): whether to negotiate once more, a step further down
 *
 * Takes a way, after a negotiation.
 *
 * Returns: FALSE with @error set if the one that is asked for cannot be
 */
gboolean
gst_mmio_way_take (GstMmioWay * way, GstQuery * query, gboolean is_dma_buf,
    gboolean * again, GError ** error)
{
  *again = FALSE;

  switch (way->wanted) {
    case GST_MMIO_IO_MODE_MMAP:
      take_map (way, query);
      return TRUE;
    case GST_MMIO_IO_MODE_DMABUF:
      /* Who names dma-bufs has to know about video metas as well */
      if (is_dma_buf || finds_picture (way, query)) {
        take_dma_buf (way);
        return TRUE;
      }
      set_layout_error (way, error);
      return FALSE;
    case GST_MMIO_IO_MODE_AUTO:
    case GST_MMIO_IO_MODE_COPY:
      break;
  }

  if (!is_dma_buf)
    take_copy (way);
  else if (finds_picture (way, query))
    take_dma_buf (way);
  else
    *again = gst_mmio_way_refuse (way, "Downstream does not understand where "
        "the picture lies in the dma-buf.");

  return TRUE;
}

/**
 * gst_mmio_way_get_mode:
 *
 * Returns: how frames go out; copied, as long as nothing is agreed upon
 */
GstMmioIOMode
gst_mmio_way_get_mode (const GstMmioWay * way)
{
  return way->mode;
}

/**
 * gst_mmio_way_get_reason:
 *
 * Returns: (transfer none) (nullable): why, in a sentence or two; NULL as long
 *   as nothing is agreed upon
 */
const char *
gst_mmio_way_get_reason (const GstMmioWay * way)
{
  return way->reason;
}

/**
 * gst_mmio_way_is_disappointing:
 *
 * Returns: whether it is not the way that the user may count on
 */
gboolean
gst_mmio_way_is_disappointing (const GstMmioWay * way)
{
  return way->disappointing;
}

/**
 * gst_mmio_way_wrap:
 * @buffer: which of several pictures, 0 for the first
 *
 * For a way without a copy.
 *
 * Returns: (transfer full) (nullable): a buffer that has the BAR's memory; NULL
 *   if downstream holds as many as there may be
 */
GstBuffer *
gst_mmio_way_wrap (GstMmioWay * way, guint buffer)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (way->capture);
  const MmioPicture *picture = &info->picture;
  const gsize offset = picture->buffer[buffer];
  GstMemory *memory;

  /* A memory of its own for each buffer: sinks tell buffers apart by it */
  if (way->mode == GST_MMIO_IO_MODE_MMAP) {
    memory = gst_mmio_allocator_wrap (GST_MMIO_ALLOCATOR (way->allocator),
        info->region, info->reader, offset, mmio_picture_get_size (picture));
    return gst_mmio_buffer_wrap (memory, 0, picture, way->format);
  }

  memory = acquire_dma_buf (way, buffer);
  return memory ? gst_mmio_buffer_wrap (memory, get_skip (way) + offset,
      picture, way->format) : NULL;
}
