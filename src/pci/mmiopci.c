/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds and describes PCI devices by their attributes in sysfs.
 *
 * libpciaccess serves only to find their names in pci.ids.  Its list of devices does
 * not serve here, as it is one snapshot for the whole process.  Up to 0.18, another
 * pci_system_init() replaces the list and leaks the old one.  From 0.19 on, the second
 * call only counts, so the list does not change while the application uses it.
 */
#include "pci/mmiopci.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <pciaccess.h>
#include <string.h>

#include "base/mmioerror.h"
#include "base/mmiosystem.h"
#include "pci/mmiopcistate.h"

/* Guards libpciaccess's cache of pci.ids */
static GMutex names_lock;

/**
 * mmio_pci_names_init:
 * @names: (out caller-allocates): the names; free with mmio_pci_names_clear()
 * @vendor_id, @device_id: PCI IDs
 *
 * Finds the names of a device.  All IDs have a full name.
 *
 * Locking: takes a lock around libpciaccess's cache.
 */
void
mmio_pci_names_init (MmioPciNames * names, guint16 vendor_id, guint16 device_id)
{
  const struct pci_id_match match = {
    .vendor_id = vendor_id,
    .device_id = device_id,
    .subvendor_id = PCI_MATCH_ANY,
    .subdevice_id = PCI_MATCH_ANY,
  };
  const char *vendor = NULL, *device = NULL;

  g_mutex_lock (&names_lock);
  pci_get_strings (&match, &device, &vendor, NULL, NULL);
  names->vendor = g_strdup (vendor);
  names->device = g_strdup (device);
  g_mutex_unlock (&names_lock);

  names->full = g_strdup_printf ("%s%s%s [%04x:%04x]",
      names->vendor ? names->vendor : "", names->vendor ? " " : "",
      names->device ? names->device : names->vendor ? "device" : "PCI device",
      vendor_id, device_id);
}

/**
 * mmio_pci_names_clear:
 *
 * Frees the strings in @names.
 */
void
mmio_pci_names_clear (MmioPciNames * names)
{
  g_clear_pointer (&names->vendor, g_free);
  g_clear_pointer (&names->device, g_free);
  g_clear_pointer (&names->full, g_free);
}

/* @text: (out) (transfer full) (nullable): the attribute
 *
 * Returns: 0 or errno; ENODATA: it is empty */
static int
read_attribute (const MmioAddress * slot, const char *name, char **text)
{
  g_autofree char *address = mmio_address_to_string (slot);
  g_autofree char *path = g_build_filename (MMIO_PCI_SYSFS, address, name,
      NULL);
  gsize length = 0;
  const int errnum = mmio_read_file (path, text, &length);

  return errnum == 0 && length == 0 ? ENODATA : errnum;
}

/* @id: (out): 0xffff after an error.  Returns: 0 or errno */
static int
read_id (const MmioAddress * slot, const char *name, guint16 * id)
{
  g_autofree char *text = NULL;
  const int errnum = read_attribute (slot, name, &text);

  *id = errnum == 0 ? g_ascii_strtoull (text, NULL, 16) : G_MAXUINT16;
  return errnum;
}

/* A missing attribute is no error; @id is then 0xffff.  Returns: 0 or errno */
static int
read_optional_id (const MmioAddress * slot, const char *name, guint16 * id)
{
  const int errnum = read_id (slot, name, id);

  return errnum == ENOENT || errnum == ENODATA ? 0 : errnum;
}

/* Each line of "resource" has a BAR's first and last address and its flags; the lowest
 * flags are the bits of the BAR register */
static void
parse_bars (MmioPciInfo * info, const char *text)
{
  char *rest = (char *) text;

  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    MmioBar *bar = &info->bar[i];
    const guint64 first = g_ascii_strtoull (rest, &rest, 16);
    const guint64 last = g_ascii_strtoull (rest, &rest, 16);
    const guint64 flags = g_ascii_strtoull (rest, &rest, 16);

    bar->base = first;
    bar->size = first != 0 ? last - first + 1 : 0;
    bar->is_io = (flags & PCI_BASE_ADDRESS_SPACE_IO) != 0;
    bar->is_prefetchable = !bar->is_io &&
        (flags & PCI_BASE_ADDRESS_MEM_PREFETCH) != 0;
  }
}

/* Reading the configuration wakes a device in D3cold, and fails if the device is
 * unreachable.  Returns: 0 with @info set, or errno */
static int
info_init (MmioPciInfo * info, const MmioAddress * slot)
{
  g_auto (MmioPciNames) names = { NULL, };
  g_autofree char *config = NULL, *resource = NULL;
  int errnum;

  memset (info, 0, sizeof (*info));
  info->slot = *slot;
  errnum = read_id (slot, "vendor", &info->vendor);
  if (errnum == 0)
    errnum = read_id (slot, "device", &info->device);
  if (errnum == 0)
    errnum = read_attribute (slot, "config", &config);
  if (errnum == 0)
    errnum = read_attribute (slot, "resource", &resource);
  if (errnum == 0)
    errnum = read_optional_id (slot, "subsystem_vendor",
        &info->subsystem_vendor);
  if (errnum == 0)
    errnum = read_optional_id (slot, "subsystem_device", &info->subsystem);
  if (errnum != 0)
    return errnum;

  parse_bars (info, resource);
  mmio_pci_names_init (&names, info->vendor, info->device);
  info->name = g_steal_pointer (&names.full);

  return 0;
}

static gint
compare_slots (gconstpointer a, gconstpointer b)
{
  const MmioAddress *one = a;
  const MmioAddress *other = b;

  if (one->domain != other->domain)
    return one->domain < other->domain ? -1 : 1;
  if (one->bus != other->bus)
    return one->bus < other->bus ? -1 : 1;
  if (one->slot != other->slot)
    return one->slot < other->slot ? -1 : 1;
  return one->function < other->function ? -1 : 1;
}

/* Returns: (transfer full) (nullable) (element-type MmioAddress): the slots of all
 * devices, sorted; NULL with @error set */
static GArray *
list_slots (GError ** error)
{
  g_autoptr (GPtrArray) names = NULL;
  const int errnum = mmio_read_dir (MMIO_PCI_SYSFS, &names);
  GArray *slots;

  if (errnum == ENOENT) {
    mmio_set_system_error (error, MMIO_ERROR_NOT_FOUND, errnum, "opendir",
        "Cannot list the PCI devices: this system has no PCI bus (/sys/bus/pci "
        "is missing); try device=sim.");
    return NULL;
  }

  if (errnum != 0) {
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "opendir",
        "Cannot list the PCI devices in " MMIO_PCI_SYSFS "; see dmesg.");
    return NULL;
  }

  slots = g_array_new (FALSE, TRUE, sizeof (MmioAddress));
  for (guint i = 0; i < names->len; i++) {
    MmioAddress slot;

    if (!mmio_address_parse (&slot, g_ptr_array_index (names, i), NULL))
      continue;
    if (slot.kind == MMIO_ADDRESS_SLOT)
      g_array_append_val (slots, slot);
    else
      mmio_address_clear (&slot);
  }
  g_array_sort (slots, compare_slots);

  return slots;
}

static void
set_read_error (const MmioAddress * slot, int errnum, GError ** error)
{
  g_autofree char *text = mmio_address_to_string (slot);

  mmio_pci_set_config_error (error, text, errnum);
}

/* Removes the slots of devices without the IDs of @address */
static gboolean
keep_matches (GArray * slots, const MmioAddress * address, GError ** error)
{
  guint kept = 0;

  for (guint i = 0; i < slots->len; i++) {
    const MmioAddress slot = g_array_index (slots, MmioAddress, i);
    guint16 vendor, device;
    int errnum = read_id (&slot, "vendor", &vendor);

    if (errnum == 0)
      errnum = read_id (&slot, "device", &device);
    if (errnum != 0 && !mmio_pci_is_removed (errnum)) {
      set_read_error (&slot, errnum, error);
      return FALSE;
    }
    if (errnum == 0 && vendor == address->vendor && device == address->device)
      g_array_index (slots, MmioAddress, kept++) = slot;
  }
  g_array_set_size (slots, kept);

  return TRUE;
}

static void
set_not_found_error (const MmioAddress * address, GError ** error)
{
  g_autofree char *text = mmio_address_to_string (address);

  mmio_set_error (error, MMIO_ERROR_NOT_FOUND,
      "Cannot find PCI device %s; list the devices with: lspci -Dnn", text);
}

static char *
list_matches (const MmioAddress * address, GArray * found)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < found->len; i++) {
    g_autofree char *slot =
        mmio_address_to_string (&g_array_index (found, MmioAddress, i));

    g_string_append_printf (text, "%s%04x:%04x@%u is %s", i > 0 ? ", " : "",
        address->vendor, address->device, i, slot);
  }

  return g_string_free (text, FALSE);
}

static gboolean
choose_match (const MmioAddress * address, GArray * found, MmioAddress * slot,
    GError ** error)
{
  g_autofree char *text = mmio_address_to_string (address);
  g_autofree char *list = list_matches (address, found);
  const guint nth = MAX (address->nth, 0);

  if (found->len == 0) {
    set_not_found_error (address, error);
    return FALSE;
  }

  if (address->nth < 0 && found->len > 1) {
    mmio_set_error (error, MMIO_ERROR_AMBIGUOUS,
        "Cannot choose a PCI device: %u devices have the ID %s; set device to "
        "one of them: %s.", found->len, text, list);
    return FALSE;
  }

  if (nth >= found->len) {
    mmio_set_error (error, MMIO_ERROR_NOT_FOUND,
        "Cannot find PCI device %s: devices with this ID are counted from 0; "
        "set device to one of these: %s.", text, list);
    return FALSE;
  }

  *slot = g_array_index (found, MmioAddress, nth);
  return TRUE;
}

/* @slot: (out): the slot of the device with the address or ID @address */
static gboolean
find_slot (const MmioAddress * address, MmioAddress * slot, GError ** error)
{
  g_autoptr (GArray) slots = NULL;
  guint16 vendor;
  int errnum;

  if (address->kind == MMIO_ADDRESS_SLOT) {
    *slot = *address;
    errnum = read_id (slot, "vendor", &vendor);
    if (errnum != 0 && !mmio_pci_is_removed (errnum))
      set_read_error (slot, errnum, error);
    if (!mmio_pci_is_removed (errnum))
      return errnum == 0;
  }

  slots = list_slots (error);
  if (!slots)
    return FALSE;

  if (address->kind == MMIO_ADDRESS_SLOT) {
    set_not_found_error (address, error);
    return FALSE;
  }

  return keep_matches (slots, address, error) &&
      choose_match (address, slots, slot, error);
}

/**
 * mmio_pci_find:
 * @address: a slot or an ID
 * @info: (out caller-allocates): the device's description; free with
 *   mmio_pci_info_clear()
 *
 * Finds the one device with an address or ID.  Reads configuration space, never a
 * BAR.
 *
 * Returns: TRUE, or FALSE with %MMIO_ERROR_NOT_FOUND, %MMIO_ERROR_AMBIGUOUS,
 *   %MMIO_ERROR_NOT_PERMITTED or %MMIO_ERROR_FAILED
 */
gboolean
mmio_pci_find (const MmioAddress * address, MmioPciInfo * info, GError ** error)
{
  MmioAddress slot;
  int errnum;

  if (!find_slot (address, &slot, error))
    return FALSE;

  errnum = info_init (info, &slot);
  if (errnum != 0)
    set_read_error (&slot, errnum, error);

  return errnum == 0;
}

/**
 * mmio_pci_list:
 *
 * Lists the devices, sorted by address.  Reads configuration space, never a BAR.
 * Omits devices that cannot be read.  Fails after a shortage of descriptors or memory.
 *
 * Returns: (transfer full) (nullable) (element-type MmioPciInfo): the devices; NULL
 *   with %MMIO_ERROR_NOT_FOUND if there is no bus, or with %MMIO_ERROR_FAILED
 */
GArray *
mmio_pci_list (GError ** error)
{
  g_autoptr (GArray) slots = list_slots (error);
  GArray *infos;

  if (!slots)
    return NULL;

  infos = g_array_new (FALSE, TRUE, sizeof (MmioPciInfo));
  g_array_set_clear_func (infos, (GDestroyNotify) mmio_pci_info_clear);
  for (guint i = 0; i < slots->len; i++) {
    const MmioAddress *slot = &g_array_index (slots, MmioAddress, i);
    MmioPciInfo info;
    const int errnum = info_init (&info, slot);

    /* An incomplete list would pass for the complete one */
    if (mmio_is_shortage (errnum)) {
      set_read_error (slot, errnum, error);
      g_array_unref (infos);
      return NULL;
    }

    /* The device may have been removed meanwhile, or be unreadable */
    if (errnum == 0)
      g_array_append_val (infos, info);
    else
      g_debug ("Cannot read %04x:%02x:%02x.%x: %s", slot->domain, slot->bus,
          slot->slot, slot->function, g_strerror (errnum));
  }

  return infos;
}

/**
 * mmio_pci_info_get_model:
 *
 * Formats the IDs of a device, to compare models.
 *
 * Returns: (transfer full): vendor, device, subsystem vendor and subsystem, as four
 *   hexadecimal numbers with colons
 */
char *
mmio_pci_info_get_model (const MmioPciInfo * info)
{
  return g_strdup_printf ("%04x:%04x:%04x:%04x", info->vendor, info->device,
      info->subsystem_vendor, info->subsystem);
}

/**
 * mmio_pci_info_clear:
 *
 * Frees the strings in @info.
 */
void
mmio_pci_info_clear (MmioPciInfo * info)
{
  g_clear_pointer (&info->name, g_free);
}
