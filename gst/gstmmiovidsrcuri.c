/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The URI handler of the element: mmio://DEVICE?PROPERTY=VALUE&...
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiovidsrcpriv.h"

#include "base/mmiouri.h"
#include "gstmmiouri.h"

static GstURIType
get_type (GType type)
{
  return GST_URI_SRC;
}

static const gchar *const *
get_protocols (GType type)
{
  static const gchar *const protocols[] = { MMIO_URI_SCHEME, NULL };

  return protocols;
}

static gchar *
get_uri (GstURIHandler * handler)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (handler);
  gchar *uri;

  GST_OBJECT_LOCK (self);
  uri = gst_mmio_uri_to_string (G_OBJECT_GET_CLASS (self), &self->settings);
  GST_OBJECT_UNLOCK (self);

  return uri;
}

/* Returns: (transfer container) (nullable): the changed properties; NULL if the
 * settings are in use */
static GPtrArray *
take_settings (GstMmioVidSrc * self, const GstMmioSettings * settings)
{
  GPtrArray *changes = NULL;

  GST_OBJECT_LOCK (self);
  if (!self->are_settings_used) {
    changes = gst_mmio_settings_list_changes (&self->settings, settings,
        G_OBJECT_GET_CLASS (self));
    gst_mmio_settings_clear (&self->settings);
    self->settings = *settings;
  }
  GST_OBJECT_UNLOCK (self);

  return changes;
}

static gboolean
set_uri (GstURIHandler * handler, const gchar * uri, GError ** error)
{
  GstMmioVidSrc *self = GST_MMIO_VID_SRC (handler);
  g_autoptr (GPtrArray) changes = NULL;
  GstMmioSettings settings;

  if (!gst_mmio_uri_parse (G_OBJECT_GET_CLASS (self), uri, &settings, error))
    return FALSE;

  changes = take_settings (self, &settings);
  if (!changes) {
    gst_mmio_settings_clear (&settings);
    g_set_error (error, GST_URI_ERROR, GST_URI_ERROR_BAD_STATE,
        "Cannot set the URI of %s: its device is open. Set its state to READY "
        "first.", GST_OBJECT_NAME (self));
    return FALSE;
  }

  for (guint i = 0; i < changes->len; i++)
    g_object_notify_by_pspec (G_OBJECT (self), g_ptr_array_index (changes, i));
  return TRUE;
}

/* Implements #GstURIHandler */
void
gst_mmio_vid_src_init_uri_handler (gpointer g_iface, gpointer iface_data)
{
  GstURIHandlerInterface *iface = g_iface;

  iface->get_type = get_type;
  iface->get_protocols = get_protocols;
  iface->get_uri = get_uri;
  iface->set_uri = set_uri;
}
