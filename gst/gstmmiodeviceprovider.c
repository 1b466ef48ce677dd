/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:provider-mmiodeviceprovider
 * @title: mmiodeviceprovider
 *
 * Lists the PCI devices that are known to describe a frame in their memory: QEMU's
 * std VGA and bochs-display, and the shared memory of virtual machines (ivshmem).
 * The provider does not open or read them.
 *
 * |[
 * gst-device-monitor-1.0 --follow Source/Video
 * ]|
 * Lists the present devices, and reports added and removed ones.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiodeviceprovider.h"

#include <string.h>

#include "base/mmioerror.h"
#include "describe/mmiodevicetable.h"
#include "gstmmiodevice.h"
#include "hotplug/mmiohotplugbus.h"

GST_DEBUG_CATEGORY_STATIC (gst_mmio_device_provider_debug);
#define GST_CAT_DEFAULT gst_mmio_device_provider_debug

struct _GstMmioDeviceProvider
{
  GstDeviceProvider parent;

  /* Set from start() to stop(), which GStreamer serialises; NULL if changes
   * cannot be monitored */
  MmioHotplugBus *bus;
};

G_DEFINE_TYPE (GstMmioDeviceProvider, gst_mmio_device_provider,
    GST_TYPE_DEVICE_PROVIDER);
/* GstDeviceMonitor ignores providers of rank none; MARGINAL sorts behind the
 * providers of cameras */
GST_DEVICE_PROVIDER_REGISTER_DEFINE (mmiodeviceprovider, "mmiodeviceprovider",
    GST_RANK_MARGINAL, GST_TYPE_MMIO_DEVICE_PROVIDER);

/* Returns: (transfer full) (nullable): NULL if the process has no memory or file
 * descriptors left */
static GPtrArray *
list_entries (GstDeviceProvider * provider)
{
  GPtrArray *entries = mmio_pci_enumerate (mmio_device_table_has);

  if (!entries)
    GST_WARNING_OBJECT (provider,
        "Cannot list the PCI devices: the process has no memory or file "
        "descriptors left. Raise the limit with: ulimit -n 4096");
  return entries;
}

static GList *
gst_mmio_device_provider_probe (GstDeviceProvider * provider)
{
  g_autoptr (GPtrArray) entries = list_entries (provider);
  GList *devices = NULL;

  for (guint i = entries ? entries->len : 0; i-- > 0;) {
    GstDevice *device = gst_mmio_device_new (g_ptr_array_index (entries, i));

    devices = g_list_prepend (devices, gst_object_ref_sink (device));
  }

  return devices;
}

/* Returns: (transfer full) (nullable): the announced device at @address */
static GstDevice *
find_device (GstDeviceProvider * provider, const char *address)
{
  GstDevice *found = NULL;

  GST_OBJECT_LOCK (provider);
  for (GList * item = provider->devices; item && !found; item = item->next) {
    if (strcmp (gst_mmio_device_get_address (item->data), address) == 0)
      found = gst_object_ref (item->data);
  }
  GST_OBJECT_UNLOCK (provider);

  return found;
}

static void
add_or_remove (const char *address, const MmioPciEntry * entry, gpointer data)
{
  GstDeviceProvider *provider = data;
  g_autoptr (GstDevice) device = NULL;

  if (entry) {
    GST_INFO_OBJECT (provider, "added %s at %s", entry->names.full, address);
    gst_device_provider_device_add (provider, gst_mmio_device_new (entry));
    return;
  }

  GST_INFO_OBJECT (provider, "removed %s", address);
  device = find_device (provider, address);
  if (device)
    gst_device_provider_device_remove (provider, device);
}

/* Announces the present devices, if changes cannot be monitored */
static gboolean
add_all (GstDeviceProvider * provider)
{
  g_autoptr (GPtrArray) entries = list_entries (provider);

  if (!entries)
    return FALSE;

  for (guint i = 0; i < entries->len; i++) {
    const MmioPciEntry *entry = g_ptr_array_index (entries, i);

    add_or_remove (entry->address, entry, provider);
  }

  return TRUE;
}

static gboolean
gst_mmio_device_provider_start (GstDeviceProvider * provider)
{
  GstMmioDeviceProvider *self = GST_MMIO_DEVICE_PROVIDER (provider);
  g_autoptr (GError) error = NULL;

  self->bus =
      mmio_hotplug_bus_new (mmio_device_table_has, add_or_remove, provider,
      &error);
  if (!self->bus) {
    GST_WARNING_OBJECT (self, "%s (%s)", error->message,
        mmio_error_get_system (error));
    return add_all (provider);
  }

  return TRUE;
}

static void
gst_mmio_device_provider_stop (GstDeviceProvider * provider)
{
  GstMmioDeviceProvider *self = GST_MMIO_DEVICE_PROVIDER (provider);

  g_clear_pointer (&self->bus, mmio_hotplug_bus_free);
}

static void
gst_mmio_device_provider_class_init (GstMmioDeviceProviderClass * klass)
{
  GstDeviceProviderClass *provider_class = GST_DEVICE_PROVIDER_CLASS (klass);

  GST_DEBUG_CATEGORY_INIT (gst_mmio_device_provider_debug,
      "mmiodeviceprovider", 0, "PCI devices that describe a frame");

  provider_class->probe = gst_mmio_device_provider_probe;
  provider_class->start = gst_mmio_device_provider_start;
  provider_class->stop = gst_mmio_device_provider_stop;
  gst_device_provider_class_set_static_metadata (provider_class,
      "PCI memory device provider", "Source/Video",
      "Lists and monitors PCI devices that describe a frame in their memory",
      "The mmiovid authors");
}

static void
gst_mmio_device_provider_init (GstMmioDeviceProvider * self)
{
}
