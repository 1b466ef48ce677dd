/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The library's errors as messages on the bus.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmioerror.h"

#include <string.h>

#include "base/mmioerror.h"

GST_DEBUG_CATEGORY_EXTERN (gst_mmio_vid_src_debug);

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
 * gst_mmio_error_post_full:
 * @element: the element that posts it
 * @error: an error of the library, or of the plugin with GStreamer's codes
 * @file: place of the call, as @function and @line
 *
 * Posts @error with the code that applications know it by; the system's words
 * go into the debug string.
 */
void
gst_mmio_error_post_full (GstElement * element, const GError * error,
    const char *file, const char *function, gint line)
{
  post (element, GST_MESSAGE_ERROR, error, g_strdup (error->message), file,
      function, line);
}

/**
 * gst_mmio_error_warn_full:
 * @element: the element that posts it
 * @error: an error of the library
 * @more: what follows from it, a sentence
 * @file: place of the call, as @function and @line
 *
 * Posts @error as a warning, without the advice to start again.
 */
void
gst_mmio_error_warn_full (GstElement * element, const GError * error,
    const char *more, const char *file, const char *function, gint line)
{
  const char *advice = strstr (error->message, MMIO_START_AGAIN);
  const int length = advice ? advice - error->message : -1;

  post (element, GST_MESSAGE_WARNING, error, advice ?
      g_strdup_printf ("%.*s. %s", length, error->message, more) :
      g_strdup_printf ("%s %s", error->message, more), file, function, line);
}
