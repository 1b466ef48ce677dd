/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A GstDevice: a PCI device that describes its frame, as applications list it. Its
 * properties come from sysfs; the device is not opened or read.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiodevice.h"

#include "base/mmiouri.h"
#include "gstmmiocaps.h"
#include "gstmmiosettings.h"
#include "gstmmiovidsrc.h"

#define ELEMENT "mmiovidsrc"

enum
{
  PROP_0,
  PROP_ADDRESS,
};

struct _GstMmioDevice
{
  GstDevice parent;

  char *address;
};

G_DEFINE_TYPE (GstMmioDevice, gst_mmio_device, GST_TYPE_DEVICE);

static GstElement *
gst_mmio_device_create_element (GstDevice * device, const gchar * name)
{
  GstMmioDevice *self = GST_MMIO_DEVICE (device);
  GstElement *element = gst_element_factory_make (ELEMENT, name);

  if (element)
    g_object_set (element, "device", self->address, NULL);
  return element;
}

/* Replaces the device in the URI @text, and removes the properties that describe
 * the frame and location of the previous device */
static char *
replace_device (GObjectClass * klass, const char *text, const char *address)
{
  g_auto (MmioUri) uri = { NULL, };

  if (!mmio_uri_parse (&uri, text, NULL))
    return NULL;

  g_free (uri.device);
  uri.device = g_strdup (address);
  for (guint i = uri.parameters->len; i-- > 0;) {
    const MmioUriParameter *parameter = g_ptr_array_index (uri.parameters, i);

    if (gst_mmio_settings_describes_frame (g_object_class_find_property (klass,
                parameter->name)))
      g_ptr_array_remove_index (uri.parameters, i);
  }

  return mmio_uri_to_string (&uri);
}

static gboolean
gst_mmio_device_reconfigure_element (GstDevice * device, GstElement * element)
{
  GstMmioDevice *self = GST_MMIO_DEVICE (device);
  g_autofree char *uri = NULL;
  g_autofree char *other = NULL;

  /* An element that has a device open keeps it */
  if (!GST_IS_MMIO_VID_SRC (element) || GST_STATE (element) > GST_STATE_READY)
    return FALSE;

  /* The URI sets all settings or, after an error, no setting. An element without
   * a device has no URI. */
  uri = gst_uri_handler_get_uri (GST_URI_HANDLER (element));
  other = uri ? replace_device (G_OBJECT_GET_CLASS (element), uri,
      self->address) : NULL;
  return other && gst_uri_handler_set_uri (GST_URI_HANDLER (element), other,
      NULL);
}

static void
gst_mmio_device_set_property (GObject * object, guint prop_id,
    const GValue * value, GParamSpec * pspec)
{
  GstMmioDevice *self = GST_MMIO_DEVICE (object);

  switch (prop_id) {
    case PROP_ADDRESS:
      self->address = g_value_dup_string (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
  }
}

static void
gst_mmio_device_get_property (GObject * object, guint prop_id, GValue * value,
    GParamSpec * pspec)
{
  GstMmioDevice *self = GST_MMIO_DEVICE (object);

  switch (prop_id) {
    case PROP_ADDRESS:
      g_value_set_string (value, self->address);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
  }
}

static void
gst_mmio_device_finalize (GObject * object)
{
  GstMmioDevice *self = GST_MMIO_DEVICE (object);

  g_free (self->address);
  G_OBJECT_CLASS (gst_mmio_device_parent_class)->finalize (object);
}

static void
gst_mmio_device_class_init (GstMmioDeviceClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstDeviceClass *device_class = GST_DEVICE_CLASS (klass);

  object_class->set_property = gst_mmio_device_set_property;
  object_class->get_property = gst_mmio_device_get_property;
  object_class->finalize = gst_mmio_device_finalize;
  g_object_class_install_property (object_class, PROP_ADDRESS,
      g_param_spec_string ("address", "Address", "Full PCI address of the "
          "device", NULL, G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY |
          G_PARAM_STATIC_STRINGS));

  device_class->create_element = gst_mmio_device_create_element;
  device_class->reconfigure_element = gst_mmio_device_reconfigure_element;
}

static void
gst_mmio_device_init (GstMmioDevice * self)
{
}

/* Uses the property names of other GStreamer providers where they have a name
 * for the same thing */
static GstStructure *
describe (const MmioPciEntry * entry)
{
  g_autofree char *bus_path = g_strconcat ("pci-", entry->address, NULL);
  g_autofree char *vendor = g_strdup_printf ("%04x", entry->vendor);
  g_autofree char *product = g_strdup_printf ("%04x", entry->device);
  g_autofree char *class_code = g_strdup_printf ("%06x", entry->class_code);
  GstStructure *properties = gst_structure_new ("mmio-proplist",
      "device.api", G_TYPE_STRING, "mmio",
      "device.path", G_TYPE_STRING, entry->address,
      "device.bus_path", G_TYPE_STRING, bus_path,
      "device.bus", G_TYPE_STRING, "pci",
      "device.subsystem", G_TYPE_STRING, "pci",
      "sysfs.path", G_TYPE_STRING, entry->path,
      "device.vendor.id", G_TYPE_STRING, vendor,
      "device.product.id", G_TYPE_STRING, product,
      "pci.class", G_TYPE_STRING, class_code, NULL);

  if (entry->names.vendor)
    gst_structure_set (properties, "device.vendor.name", G_TYPE_STRING,
        entry->names.vendor, NULL);
  if (entry->names.device)
    gst_structure_set (properties, "device.product.name", G_TYPE_STRING,
        entry->names.device, NULL);

  return properties;
}

/**
 * gst_mmio_device_new:
 * @entry: a PCI device
 *
 * Creates a GstDevice for @entry.
 *
 * Returns: (transfer floating): the GstDevice
 */
GstDevice *
gst_mmio_device_new (const MmioPciEntry * entry)
{
  g_autoptr (GstStructure) properties = describe (entry);
  /* The caps are those of the template: only the device or its user knows the
   * frame */
  g_autoptr (GstCaps) caps = gst_mmio_caps_get_template ();

  return g_object_new (GST_TYPE_MMIO_DEVICE, "address", entry->address,
      "display-name", entry->names.full, "device-class", "Source/Video",
      "caps", caps, "properties", properties, NULL);
}

/**
 * gst_mmio_device_get_address:
 *
 * Gets the address of the device.
 *
 * Returns: (transfer none): the full PCI address
 */
const char *
gst_mmio_device_get_address (const GstMmioDevice * self)
{
  return self->address;
}
