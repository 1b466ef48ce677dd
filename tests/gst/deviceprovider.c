/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The device provider as applications use it, on a bus that does not exist.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixtures/uevent.h"
#include "source.h"

#define PROVIDER "mmiodeviceprovider"

/* BAR 2, in which the known devices describe their frame */
#define PAGE_BAR {{ 0 }, { 0 }, { 0xfd000000, 4096, MEMORY }}

static const Device card = { "0000:03:00.0", 0x1234, 0x1111, PAGE_BAR };
static const Device ivshmem = { "0000:04:00.0", 0x1af4, 0x1110, PAGE_BAR };

/* The symbols of an executable come first: this is libudev's socket(), too */
static gboolean is_deaf;

int socket (int domain, int type, int protocol)
    __attribute__((visibility ("default")));

int
socket (int domain, int type, int protocol)
{
  if (is_deaf && domain == AF_NETLINK) {
    errno = EPERM;
    return -1;
  }

  return syscall (SYS_socket, domain, type, protocol);
}

static void
put_both (void)
{
  make_bus ();
  put_device (&card);
  put_device (&ivshmem);
  put (ivshmem.slot, "class", "0x050000\n", -1);
}

static GstDeviceProvider *
get_provider (void)
{
  GstDeviceProvider *provider =
      gst_device_provider_factory_get_by_name (PROVIDER);

  fail_unless (provider != NULL, "there is no " PROVIDER);
  return provider;
}

static GList *
get_devices (GstDeviceProvider * provider, guint n)
{
  GList *devices = gst_device_provider_get_devices (provider);

  fail_unless_equals_int (g_list_length (devices), n);
  return devices;
}

static void
free_devices (GList * devices)
{
  g_list_free_full (devices, gst_object_unref);
}

static void
check_address (GstDevice * device, const char *wanted)
{
  g_autofree char *address = NULL;

  g_object_get (device, "address", &address, NULL);
  fail_unless_equals_string (address, wanted);
}

GST_START_TEST (test_metadata)
{
  g_autoptr (GstDeviceProvider) provider = get_provider ();
  GstDeviceProviderFactory *factory =
      gst_device_provider_get_factory (provider);

  fail_unless_equals_string (gst_device_provider_factory_get_metadata (factory,
          GST_ELEMENT_METADATA_KLASS), "Source/Video");
  fail_unless (strlen (gst_device_provider_factory_get_metadata (factory,
              GST_ELEMENT_METADATA_DESCRIPTION)) > 20);
  /* With none it would not be asked */
  fail_unless_equals_int (gst_plugin_feature_get_rank (GST_PLUGIN_FEATURE
          (factory)), GST_RANK_MARGINAL);
  fail_unless (gst_device_provider_can_monitor (provider));
  fail_unless (gst_device_provider_factory_has_classes (factory,
          "Video/Source"));
}

GST_END_TEST;

static void
check_field (const GstStructure * properties, const char *name,
    const char *wanted)
{
  const char *value = gst_structure_get_string (properties, name);

  fail_unless (g_strcmp0 (value, wanted) == 0, "%s: %s, not %s", name, value,
      wanted);
}

GST_START_TEST (test_description)
{
  g_autoptr (GstDeviceProvider) provider = get_provider ();
  g_autoptr (GstStructure) properties = NULL;
  g_autoptr (GstCaps) caps = NULL;
  g_autoptr (GstCaps) template = NULL;
  g_autoptr (GstElementFactory) factory = gst_element_factory_find (ELEMENT);
  g_autofree char *name = NULL;
  const GList *templates;
  GList *devices;
  GstDevice *device;

  put_both ();
  put_pci_names ("1af4  Red Hat, Inc.\n\t1110  Inter-VM shared memory\n");
  devices = get_devices (provider, 2);
  check_address (devices->data, card.slot);
  device = devices->next->data;
  check_address (device, ivshmem.slot);
  fail_if (g_object_is_floating (device));

  name = gst_device_get_display_name (device);
  fail_unless_equals_string (name,
      "Red Hat, Inc. Inter-VM shared memory [1af4:1110]");
  fail_unless (gst_device_has_classes (device, "Source/Video"));
  fail_unless (gst_device_has_classes (device, "Video/Source"));

  properties = gst_device_get_properties (device);
  check_field (properties, "device.api", "mmio");
  check_field (properties, "device.path", "0000:04:00.0");
  check_field (properties, "device.bus_path", "pci-0000:04:00.0");
  check_field (properties, "device.bus", "pci");
  check_field (properties, "device.subsystem", "pci");
  check_field (properties, "sysfs.path", HOST_BRIDGE "/0000:04:00.0");
  check_field (properties, "device.vendor.id", "1af4");
  check_field (properties, "device.product.id", "1110");
  check_field (properties, "pci.class", "050000");
  check_field (properties, "device.vendor.name", "Red Hat, Inc.");
  check_field (properties, "device.product.name", "Inter-VM shared memory");

  caps = gst_device_get_caps (device);
  templates = gst_element_factory_get_static_pad_templates (factory);
  template = gst_static_pad_template_get_caps (templates->data);
  fail_unless (gst_caps_is_equal (caps, template));
  free_devices (devices);
}

GST_END_TEST;

/* What is not known is not there */
GST_START_TEST (test_unknown_names)
{
  g_autoptr (GstDeviceProvider) provider = get_provider ();
  g_autoptr (GstStructure) properties = NULL;
  g_autofree char *name = NULL;
  GList *devices;

  make_bus ();
  put_device (&card);
  devices = get_devices (provider, 1);
  name = gst_device_get_display_name (devices->data);
  fail_unless_equals_string (name, "PCI device [1234:1111]");
  properties = gst_device_get_properties (devices->data);
  fail_if (gst_structure_has_field (properties, "device.vendor.name"));
  fail_if (gst_structure_has_field (properties, "device.product.name"));
  free_devices (devices);
}

GST_END_TEST;

static void
check_element (GstElement * element, const char *wanted)
{
  g_autofree char *device = NULL;

  fail_unless_equals_string (GST_OBJECT_NAME (gst_element_get_factory
          (element)), ELEMENT);
  g_object_get (element, "device", &device, NULL);
  fail_unless_equals_string (device, wanted);
}

GST_START_TEST (test_create_element)
{
  g_autoptr (GstDeviceProvider) provider = get_provider ();
  GstElement *element, *named, *stranger;
  GList *devices;

  put_both ();
  devices = get_devices (provider, 2);
  element = gst_device_create_element (devices->data, NULL);
  check_element (element, card.slot);
  fail_unless (g_object_is_floating (element));
  named = gst_device_create_element (devices->next->data, "picture");
  check_element (named, ivshmem.slot);
  fail_unless_equals_string (GST_OBJECT_NAME (named), "picture");

  fail_unless (gst_device_reconfigure_element (devices->next->data, element));
  check_element (element, ivshmem.slot);

  /* All or nothing */
  g_object_set (element, "queue-size", G_MAXUINT, NULL);
  fail_if (gst_device_reconfigure_element (devices->data, element));
  check_element (element, ivshmem.slot);
  g_object_set (element, "queue-size", 0, NULL);

  /* Not one that is running, nor one of another kind */
  g_object_set (element, "device", "sim", NULL);
  fail_unless_equals_int (gst_element_set_state (element, GST_STATE_PAUSED),
      GST_STATE_CHANGE_NO_PREROLL);
  fail_if (gst_device_reconfigure_element (devices->data, element));
  check_element (element, "sim");
  gst_element_set_state (element, GST_STATE_READY);
  fail_unless (gst_device_reconfigure_element (devices->data, element));
  check_element (element, card.slot);
  gst_element_set_state (element, GST_STATE_NULL);
  stranger = gst_element_factory_make ("identity", NULL);
  fail_if (gst_device_reconfigure_element (devices->data, stranger));

  gst_object_unref (stranger);
  gst_object_unref (named);
  gst_object_unref (element);
  free_devices (devices);
}

GST_END_TEST;

/* The frame of the device before is not that of this one; what the user wants done with
 * it stays */
GST_START_TEST (test_reconfigure)
{
  g_autoptr (GstDeviceProvider) provider = get_provider ();
  g_autofree char *uri = NULL;
  GstElement *element;
  GList *devices;

  make_bus ();
  put_device (&card);
  devices = get_devices (provider, 1);
  element = gst_element_factory_make (ELEMENT, NULL);
  gst_object_ref_sink (element);
  g_object_set (element, "device", "/dev/shm/other", "bar", 1, "width", 5,
      "height", 4, "offset", (guint64) 7, "stride", 32, "buffers", 2,
      "buffer-step", (guint64) 4096, "counter-bar", 0, "counter-offset",
      (guint64) 0, "counter-size", 64, "counter-seqlock", TRUE, "index-bar", 0,
      "index-offset", (guint64) 8, "index-size", 8, "reconnect", TRUE,
      "queue-size", 3, NULL);
  gst_util_set_object_arg (G_OBJECT (element), "format", "bgrx");
  gst_util_set_object_arg (G_OBJECT (element), "access", "sysfs");
  gst_util_set_object_arg (G_OBJECT (element), "io-mode", "copy");
  gst_util_set_object_arg (G_OBJECT (element), "mapping", "uncached");
  gst_util_set_object_arg (G_OBJECT (element), "engine", "u32");
  gst_util_set_object_arg (G_OBJECT (element), "changes", "drop");
  gst_util_set_object_arg (G_OBJECT (element), "frame-sync", "counter");

  fail_unless (gst_device_reconfigure_element (devices->data, element));
  uri = gst_uri_handler_get_uri (GST_URI_HANDLER (element));
  fail_unless_equals_string (uri,
      "mmio://0000:03:00.0?access=sysfs&io-mode=copy&"
      "mapping=uncached&engine=u32&changes=drop&frame-sync=counter&"
      "reconnect=true&queue-size=3");

  gst_object_unref (element);
  free_devices (devices);
}

GST_END_TEST;

/* An element whose device is NULL has no URI, and stays as it is */
GST_START_TEST (test_reconfigure_without_device)
{
  g_autoptr (GstDeviceProvider) provider = get_provider ();
  g_autofree char *device = NULL;
  guint width;
  GstElement *element;
  GList *devices;

  make_bus ();
  put_device (&card);
  devices = get_devices (provider, 1);
  element = gst_element_factory_make (ELEMENT, NULL);
  gst_object_ref_sink (element);
  g_object_set (element, "device", NULL, "width", 5, NULL);

  fail_if (gst_device_reconfigure_element (devices->data, element));
  g_object_get (element, "device", &device, "width", &width, NULL);
  fail_unless (device == NULL);
  fail_unless_equals_int (width, 5);

  gst_object_unref (element);
  free_devices (devices);
}

GST_END_TEST;

/* A filter of extended types selects all of them: since 1.28 the monitor also
 * says when it has started */
static GstMessage *
pop_device_message (GstBus * bus)
{
  const GstMessageType types = GST_MESSAGE_DEVICE_ADDED |
      GST_MESSAGE_DEVICE_REMOVED;
  GstMessage *message;

  while ((message = gst_bus_timed_pop_filtered (bus, HANG * GST_USECOND,
              types))) {
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_DEVICE_ADDED ||
        GST_MESSAGE_TYPE (message) == GST_MESSAGE_DEVICE_REMOVED)
      break;
    gst_message_unref (message);
  }

  return message;
}

static GstDevice *
wait_for_device (GstBus * bus, GstMessageType type)
{
  g_autoptr (GstMessage) message = pop_device_message (bus);
  GstDevice *device;

  fail_unless (message != NULL, "no message of a device");
  fail_unless_equals_int (GST_MESSAGE_TYPE (message), type);
  if (type == GST_MESSAGE_DEVICE_ADDED)
    gst_message_parse_device_added (message, &device);
  else
    gst_message_parse_device_removed (message, &device);
  return device;
}

static void
check_message (GstBus * bus, GstMessageType type, const char *address)
{
  g_autoptr (GstDevice) device = wait_for_device (bus, type);

  check_address (device, address);
}

static void
count_removed (GstDevice * device, guint * n)
{
  (*n)++;
}

/* As applications watch: messages for what comes and goes, and the list as it
 * is then; and again after a stop */
GST_START_TEST (test_watch)
{
  GstDeviceMonitor *monitor = gst_device_monitor_new ();
  g_autoptr (GstBus) bus = gst_device_monitor_get_bus (monitor);
  g_autoptr (GstCaps) caps = gst_caps_from_string ("video/x-raw,format=RGB");
  guint n_removed = 0;
  guint threads;

  make_bus ();
  enter_network (TRUE);
  put_device (&card);
  gst_device_monitor_add_filter (monitor, "Video/Source", caps);
  threads = count_threads ();

  for (guint i = 0; i < 2; i++) {
    g_autofree char *link = g_build_filename (DEVICES, ivshmem.slot, NULL);
    g_autofree char *dir = device_file (ivshmem.slot, NULL);
    g_autofree char *old = g_strdup_printf ("%s.%u", dir, i);
    GstDevice *device;
    GList *devices;

    fail_unless (gst_device_monitor_start (monitor));
    devices = gst_device_monitor_get_devices (monitor);
    fail_unless_equals_int (g_list_length (devices), 1);
    check_address (devices->data, card.slot);
    free_devices (devices);
    check_message (bus, GST_MESSAGE_DEVICE_ADDED, card.slot);

    put_device (&ivshmem);
    send_uevent ("add", ivshmem.slot);
    device = wait_for_device (bus, GST_MESSAGE_DEVICE_ADDED);
    check_address (device, ivshmem.slot);
    g_signal_connect (device, "removed", G_CALLBACK (count_removed),
        &n_removed);
    devices = gst_device_monitor_get_devices (monitor);
    fail_unless_equals_int (g_list_length (devices), 2);
    fail_unless (g_list_find (devices, device) != NULL);
    free_devices (devices);

    fail_unless (unlink (link) == 0 && rename (dir, old) == 0);
    send_uevent ("remove", ivshmem.slot);
    check_message (bus, GST_MESSAGE_DEVICE_REMOVED, ivshmem.slot);
    fail_unless_equals_int (n_removed, i + 1);
    devices = gst_device_monitor_get_devices (monitor);
    fail_unless_equals_int (g_list_length (devices), 1);
    free_devices (devices);

    /* Then nobody is still at it */
    gst_device_monitor_stop (monitor);
    wait_for_threads (threads);
    ASSERT_OBJECT_REFCOUNT (device, "removed device", 1);
    gst_object_unref (device);
  }

  gst_object_unref (monitor);
}

GST_END_TEST;

/* Where nobody may listen, there is a list all the same */
GST_START_TEST (test_deaf)
{
  g_autoptr (GstDeviceProvider) provider = get_provider ();
  GList *devices;

  put_both ();
  enter_network (TRUE);
  is_deaf = TRUE;
  fail_unless (gst_device_provider_start (provider));
  devices = get_devices (provider, 2);
  free_devices (devices);
  gst_device_provider_stop (provider);
  devices = get_devices (provider, 2);
  free_devices (devices);
}

GST_END_TEST;

static Suite *
deviceprovider_suite (void)
{
  Suite *s = suite_create ("gst-deviceprovider");
  TCase *tc = add_case (s, "provider");

  tcase_add_test (tc, test_metadata);
  tcase_add_test (tc, test_reconfigure);
  tcase_add_test (tc, test_reconfigure_without_device);
  tcase_add_test (tc, test_description);
  tcase_add_test (tc, test_unknown_names);
  tcase_add_test (tc, test_create_element);
  tcase_add_test (tc, test_watch);
  tcase_add_test (tc, test_deaf);

  return s;
}

int
main (int argc, char **argv)
{
  return run_with_uevents (argc, argv, deviceprovider_suite, "deviceprovider",
      __FILE__);
}
