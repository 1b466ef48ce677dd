/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages on the bus, and the statistics.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiomessage.h"

#include <string.h>

#include "base/mmioerror.h"
#include "gstmmiocaps.h"
#include "gstmmioenums.h"

GST_DEBUG_CATEGORY_EXTERN (gst_mmio_vid_src_debug);
#define GST_CAT_DEFAULT gst_mmio_vid_src_debug

/**
 * gst_mmio_message_get_stats:
 * @capture: (nullable): what is captured; NULL: nothing yet
 * @io: (nullable): the way that its frames take
 * @frames: frames that were sent
 * @torn: how many of them are not known to be whole
 * @missed: frames that were missed before the last of them
 * @dropped: frames that a full queue has dropped
 *
 * Returns: (transfer full): the statistics, as the property has them
 */
GstStructure *
gst_mmio_message_get_stats (MmioCapture * capture, const GstMmioIO * io,
    guint64 frames, guint64 torn, guint64 missed, guint64 dropped)
{
  const char *mapping = NULL, *engine = NULL, *access = NULL, *mode = NULL;
  const char *reason = NULL, *mode_reason = NULL;
  MmioCaptureStats stats = { 0, };

  if (capture) {
    const MmioCaptureInfo *info = mmio_capture_get_info (capture);

    mmio_capture_get_stats (capture, &stats);
    mapping = info->mapping;
    engine = mmio_reader_get_name (info->reader);
    reason = info->engine_reason;
    access = info->access;
    mode = gst_mmio_enum_get_nick (GST_TYPE_MMIO_IO_MODE,
        gst_mmio_io_get_mode (io));
    mode_reason = gst_mmio_io_get_reason (io);
  }

  return gst_structure_new ("mmiovidsrc-stats",
      "frames", G_TYPE_UINT64, frames,
      "missed", G_TYPE_UINT64, missed,
      "dropped", G_TYPE_UINT64, dropped,
      "unchanged", G_TYPE_UINT64, stats.unchanged,
      "torn", G_TYPE_UINT64, torn,
      "bytes-read", G_TYPE_UINT64, stats.bytes_read,
      "copy-time", G_TYPE_UINT64, stats.copy_time * GST_USECOND,
      "io-mode", G_TYPE_STRING, mode,
      "io-mode-reason", G_TYPE_STRING, mode_reason,
      "mapping", G_TYPE_STRING, mapping,
      "engine", G_TYPE_STRING, engine, "engine-reason", G_TYPE_STRING, reason,
      "access", G_TYPE_STRING, access, NULL);
}

/**
 * gst_mmio_message_post_info:
 * @text: a sentence
 *
 * Posts an info message.  The sentence is its debug string, too: of an info
 * message, gst-launch-1.0 prints nothing else.
 */
void
gst_mmio_message_post_info (GstElement * element, const char *text)
{
  GST_ELEMENT_INFO (element, RESOURCE, SETTINGS, ("%s", text), ("%s", text));
}

/**
 * gst_mmio_message_post_io_mode:
 *
 * Tells of the way that was taken, and of a worse one than the user may count
 * on so that he notices.
 */
void
gst_mmio_message_post_io_mode (GstElement * element, const GstMmioIO * io)
{
  const char *reason = gst_mmio_io_get_reason (io);
  const char *mode = gst_mmio_enum_get_nick (GST_TYPE_MMIO_IO_MODE,
      gst_mmio_io_get_mode (io));

  gst_element_post_message (element,
      gst_message_new_element (GST_OBJECT_CAST (element),
          gst_structure_new ("mmiovidsrc-io-mode",
              "io-mode", G_TYPE_STRING, mode, "reason", G_TYPE_STRING, reason,
              NULL)));

  if (gst_mmio_io_is_fallback (io))
    gst_mmio_message_post_info (element, reason);
}

/**
 * gst_mmio_message_post_device:
 * @capture: of the device
 * @reason: (nullable): why it has gone; NULL if it is back
 *
 * Tells applications of a device that goes and comes.
 */
void
gst_mmio_message_post_device (GstElement * element,
    const MmioCapture * capture, const char *reason)
{
  const char *address = mmio_capture_get_info (capture)->device_address;

  gst_element_post_message (element,
      gst_message_new_element (GST_OBJECT_CAST (element),
          gst_structure_new ("mmiovidsrc-device",
              "device-address", G_TYPE_STRING, address,
              "present", G_TYPE_BOOLEAN, reason == NULL,
              "reason", G_TYPE_STRING, reason, NULL)));
}

/**
 * gst_mmio_message_post_missed:
 * @buffer: the frame before which some were missed
 * @sent: how many were sent since the start, this one among them
 * @missed: how many were missed since the start
 */
void
gst_mmio_message_post_missed (GstElement * element, GstBuffer * buffer,
    guint64 sent, guint64 missed)
{
  const GstClockTime pts = GST_BUFFER_PTS (buffer);
  GstMessage *message = gst_message_new_qos (GST_OBJECT_CAST (element), TRUE,
      pts, pts, pts, GST_BUFFER_DURATION (buffer));

  gst_message_set_qos_stats (message, GST_FORMAT_BUFFERS, sent, missed);
  gst_element_post_message (element, message);
}

/* What there is against dma-bufs, where downstream takes nothing else, or nothing
 * else is asked for */
static void
post_objection (GstElement * element, MmioCapture * capture,
    const GstMmioIO * io, GstCaps * wanted)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (capture);
  g_autoptr (GstCaps) copies = gst_mmio_caps_from_layout (&info->layout, FALSE);
  const char *objection = gst_mmio_io_get_objection (io);

  if (objection && gst_mmio_io_requires_dma_buf (io))
    GST_ELEMENT_ERROR (element, STREAM, FORMAT,
        ("%s io-mode=dmabuf sends nothing else of %s; use io-mode=auto.",
            objection, info->device_address),
        ("downstream takes %" GST_PTR_FORMAT, wanted));
  else if (objection && !gst_caps_can_intersect (copies, wanted))
    GST_ELEMENT_ERROR (element, STREAM, FORMAT,
        ("%s It takes nothing else of %s; leave memory:DMABuf out of the caps "
            "behind mmiovidsrc.", objection,
            info->device_address),
        ("downstream takes %" GST_PTR_FORMAT, wanted));
}

/**
 * gst_mmio_message_post_no_caps:
 * @pad: a pad, with whose peer nothing could be agreed upon
 *
 * Says what to do where downstream wants another picture than there is; it is
 * what people try first who know other sources.
 */
void
gst_mmio_message_post_no_caps (GstElement * element, GstPad * pad,
    MmioCapture * capture, const GstMmioIO * io)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (capture);
  const MmioLayout *layout = &info->layout;
  const char *address = info->device_address;
  g_autoptr (GstCaps) caps = gst_pad_query_caps (pad, NULL);
  g_autoptr (GstCaps) wanted = gst_pad_peer_query_caps (pad, NULL);
  g_autofree char *difference = NULL;
  const char *what, *remedy;

  if (!wanted)
    return;

  difference = gst_mmio_caps_get_difference (caps, wanted);
  if (gst_caps_can_intersect (caps, wanted))
    post_objection (element, capture, io, wanted);
  else if (gst_mmio_caps_differ_in_time (caps, wanted, &what, &remedy))
    GST_ELEMENT_ERROR (element, STREAM, FORMAT,
        ("Downstream takes the picture in %s, but not %s, as mmiovidsrc sends "
            "it; leave that out of the caps, or put %s behind mmiovidsrc.",
            address, what, remedy),
        ("can send %" GST_PTR_FORMAT ", downstream takes %" GST_PTR_FORMAT,
            caps, wanted));
  else
    GST_ELEMENT_ERROR (element, STREAM, FORMAT,
        ("The picture in %s is %ux%u %s, and downstream wants %s%s; "
            "properties say what the device has, and for the rest put "
            "videoconvert and videoscale behind mmiovidsrc.", address,
            layout->width, layout->height, layout->format.name,
            difference ? "another " : "something else",
            difference ? difference : ""),
        ("can send %" GST_PTR_FORMAT ", downstream takes %" GST_PTR_FORMAT,
            caps, wanted));
}

static void
get_error_code (const GError * error, GQuark * domain, gint * code)
{
  *domain = GST_RESOURCE_ERROR;
  *code = GST_RESOURCE_ERROR_OPEN_READ;

  if (error->domain != MMIO_ERROR) {
    if (error->domain == GST_RESOURCE_ERROR || error->domain == GST_CORE_ERROR) {
      *domain = error->domain;
      *code = error->code;
    }
    return;
  }

  switch ((MmioErrorCode) error->code) {
    case MMIO_ERROR_NOT_FOUND:
      *code = GST_RESOURCE_ERROR_NOT_FOUND;
      break;
    case MMIO_ERROR_NOT_PERMITTED:
      *code = GST_RESOURCE_ERROR_NOT_AUTHORIZED;
      break;
    case MMIO_ERROR_BUSY:
      *code = GST_RESOURCE_ERROR_BUSY;
      break;
    case MMIO_ERROR_ADDRESS:
    case MMIO_ERROR_AMBIGUOUS:
    case MMIO_ERROR_SETTINGS:
    case MMIO_ERROR_NO_MODE:
      *code = GST_RESOURCE_ERROR_SETTINGS;
      break;
    case MMIO_ERROR_GONE:
      *code = GST_RESOURCE_ERROR_READ;
      break;
    case MMIO_ERROR_FORMAT:
      *domain = GST_STREAM_ERROR;
      *code = GST_STREAM_ERROR_FORMAT;
      break;
    case MMIO_ERROR_OFF:
    case MMIO_ERROR_FAILED:
      break;
  }
}

/* Takes @text */
static void
post (GstElement * element, GstMessageType type, const GError * error,
    char *text, const char *file, const char *function, gint line)
{
  const char *system = error->domain == MMIO_ERROR ?
      mmio_error_get_system (error) : NULL;
  GQuark domain;
  gint code;

  gst_debug_log (gst_mmio_vid_src_debug, GST_LEVEL_WARNING, file, function,
      line, G_OBJECT (element), "%s: %s (%s)", type == GST_MESSAGE_ERROR ?
      "error" : "warning", text, system ? system : "-");

  get_error_code (error, &domain, &code);
  gst_element_message_full (element, type, domain, code, text,
      g_strdup (system), file, function, line);
}

/**
 * gst_mmio_message_post_error_full:
 * @element: the element that posts it
 * @error: an error of the library, or of the plugin with GStreamer's codes
 * @file: place of the call, as @function and @line
 *
 * Posts @error with the code that applications know it by; the system's words
 * go into the debug string.
 */
void
gst_mmio_message_post_error_full (GstElement * element, const GError * error,
    const char *file, const char *function, gint line)
{
  post (element, GST_MESSAGE_ERROR, error, g_strdup (error->message), file,
      function, line);
}

/**
 * gst_mmio_message_post_warning_full:
 * @element: the element that posts it
 * @error: an error of the library
 * @more: what follows from it, a sentence
 * @file: place of the call, as @function and @line
 *
 * Posts @error as a warning, without the advice to start again.
 */
void
gst_mmio_message_post_warning_full (GstElement * element, const GError * error,
    const char *more, const char *file, const char *function, gint line)
{
  const char *advice = strstr (error->message, MMIO_START_AGAIN);
  const int length = advice ? advice - error->message : -1;

  post (element, GST_MESSAGE_WARNING, error, advice ?
      g_strdup_printf ("%.*s. %s", length, error->message, more) :
      g_strdup_printf ("%s %s", error->message, more), file, function, line);
}
