/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages on the bus, and statistics.
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
 * @capture: (nullable): the capture; NULL before the start
 * @io: (nullable): its I/O mode
 * @frames: number of sent frames
 * @torn: number of sent frames that may be torn
 * @missed: number of frames missed before the last sent one
 * @dropped: number of frames that a full queue has dropped
 *
 * Creates the value of the property stats.
 *
 * Returns: (transfer full): the statistics
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
 * Posts an info message. @text is also its debug string, as gst-launch-1.0 prints
 * only the debug string of an info message.
 */
void
gst_mmio_message_post_info (GstElement * element, const char *text)
{
  GST_ELEMENT_INFO (element, RESOURCE, SETTINGS, ("%s", text), ("%s", text));
}

/**
 * gst_mmio_message_post_io_mode:
 * @io: the I/O mode
 *
 * Posts an element message with the I/O mode and its reason, and an info message if
 * it is a fallback.
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
 * @capture: the capture of the device
 * @reason: (nullable): why the device was removed; NULL if it has returned
 *
 * Posts an element message about a removed or returned device.
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
 * @buffer: the frame before which frames were missed
 * @sent: number of sent frames since the start, including @buffer
 * @missed: number of missed frames since the start
 *
 * Posts a QoS message about missed frames.
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

/* Posts why no dma-buf can be sent, if downstream or the user accepts nothing
 * else */
static void
post_objection (GstElement * element, MmioCapture * capture,
    const GstMmioIO * io, GstCaps * wanted)
{
  const MmioCaptureInfo *info = mmio_capture_get_info (capture);
  g_autoptr (GstCaps) copies = gst_mmio_caps_from_layout (&info->layout, FALSE);
  const char *objection = gst_mmio_io_get_objection (io);

  if (objection && gst_mmio_io_requires_dma_buf (io))
    GST_ELEMENT_ERROR (element, STREAM, FORMAT,
        ("Cannot send the dma-buf of %s, which io-mode=dmabuf requires. %s Set "
            "io-mode=auto.", info->device_address, objection),
        ("downstream accepts %" GST_PTR_FORMAT, wanted));
  else if (objection && !gst_caps_can_intersect (copies, wanted))
    GST_ELEMENT_ERROR (element, STREAM, FORMAT,
        ("Cannot send copies of %s: downstream accepts only dma-bufs. %s Remove "
            "memory:DMABuf from the caps behind mmiovidsrc.",
            info->device_address, objection),
        ("downstream accepts %" GST_PTR_FORMAT, wanted));
}

/**
 * gst_mmio_message_post_no_caps:
 * @pad: the source pad
 * @capture: the capture
 * @io: its I/O mode
 *
 * Posts an error after a failed negotiation, with the difference between the frame
 * and the caps that downstream wants. Caps that ask for another size or format are
 * a common mistake: with other sources they select it.
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
        ("Cannot negotiate caps for %s: downstream does not accept %s. "
            "Correct the caps, or put %s behind mmiovidsrc.",
            address, what, remedy),
        ("can send %" GST_PTR_FORMAT ", downstream accepts %" GST_PTR_FORMAT,
            caps, wanted));
  else
    GST_ELEMENT_ERROR (element, STREAM, FORMAT,
        ("Cannot negotiate caps for %s: its frame is %ux%u %s, and downstream "
            "wants %s%s. Correct the properties of mmiovidsrc, or put "
            "videoconvert and videoscale behind it.", address,
            layout->width, layout->height, layout->format.name,
            difference ? "another " : "other caps",
            difference ? difference : ""),
        ("can send %" GST_PTR_FORMAT ", downstream accepts %" GST_PTR_FORMAT,
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

/* Posts a message. @text: (transfer full) */
static void
post (GstElement * element, GstMessageType type, const GError * error,
    char *text, const MmioErrorPlace * caller)
{
  const char *system = mmio_error_get_system (error);
  const MmioErrorPlace *place = mmio_error_get_place (error);
  GQuark domain;
  gint code;

  if (!place)
    place = caller;
  gst_debug_log (gst_mmio_vid_src_debug, GST_LEVEL_WARNING, place->file,
      place->function, place->line, G_OBJECT (element), "%s: %s (%s)",
      type == GST_MESSAGE_ERROR ? "error" : "warning", text,
      system ? system : "-");

  get_error_code (error, &domain, &code);
  gst_element_message_full (element, type, domain, code, text,
      g_strdup (system), place->file, place->function, place->line);
}

/**
 * gst_mmio_message_post_error_full:
 * @element: the element that posts it
 * @error: an error of the library, or of the plugin with GStreamer's codes
 * @caller: the place of the call
 *
 * Posts @error with the matching GStreamer code. The system's error text becomes
 * the debug string.
 */
void
gst_mmio_message_post_error_full (GstElement * element, const GError * error,
    const MmioErrorPlace * caller)
{
  post (element, GST_MESSAGE_ERROR, error, g_strdup (error->message), caller);
}

/* Returns: (transfer full): the message of @error with the sentence @more, which
 * replaces the hint to start again. Another hint stays at the end if it is a
 * command, without a full stop, so that the user can copy it. */
static char *
add_consequence (const GError * error, const char *more)
{
  const char *text = error->message;
  const char *restart = strstr (text, MMIO_START_AGAIN);
  gsize end = strcspn (text, ";.");

  if (restart)
    return g_strdup_printf ("%.*s. %s", (int) (restart - text), text, more);
  if (g_str_has_suffix (text, "."))
    return g_strdup_printf ("%s %s", text, more);

  while (text[end] != '\0' && (text[end + 1] != ' ' || text[end + 2] == '\0'))
    end += 1 + strcspn (text + end + 1, ";.");
  if (text[end] == '\0')
    return g_strdup_printf ("%s. %s", text, more);

  return g_strdup_printf ("%.*s. %s %c%s", (int) end, text, more,
      g_ascii_toupper (text[end + 2]), text + end + 3);
}

/**
 * gst_mmio_message_post_warning_full:
 * @element: the element that posts it
 * @error: an error of the library
 * @more: the consequence; a sentence
 * @caller: the place of the call
 *
 * Posts @error as a warning. Its hint to start again is replaced with @more.
 */
void
gst_mmio_message_post_warning_full (GstElement * element, const GError * error,
    const char *more, const MmioErrorPlace * caller)
{
  post (element, GST_MESSAGE_WARNING, error, add_consequence (error, more),
      caller);
}
