/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds and describes PCI devices by the attributes that sysfs has of them.
 *
 * libpciaccess only looks up their names in pci.ids.  Its list of devices does
 * not serve here: it is one snapshot for the whole process.  Up to 0.18 another
 * pci_system_init() replaces it and loses the old one; from 0.19 on the second
 * call only counts, so the list stays as it is while the application uses it.
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
 * @names: (out caller-allocates): the names; mmio_pci_names_clear() them
 * @vendor_id, @device_id: the device's numbers
 *
 * Looks up the names of a device.  Any number has a full name.
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
 * Frees what @names own.
 */
void
mmio_pci_names_clear (MmioPciNames * names)
{
  g_clear_pointer (&names->vendor, g_free);
  g_clear_pointer (&names->device, g_free);
  g_clear_pointer (&names->full, g_free);
}

/* @text: (out) (transfer full) (nullable).  Returns: 0, or errno */
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

/* Returns: 0 with @id set, or errno */
static int
read_id (const MmioAddress * slot, const char *name, guint16 * id)
{
  g_autofree char *text = NULL;
  const int errnum = read_attribute (slot, name, &text);

  *id = errnum == 0 ? g_ascii_strtoull (text, NULL, 16) : G_MAXUINT16;
  return errnum;
}

/* A device without such an attribute is none that has it.  Returns: 0 with @id set, or
 * errno */
static int
read_optional_id (const MmioAddress * slot, const char *name, guint16 * id)
{
  const int errnum = read_id (slot, name, id);

  return errnum == ENOENT || errnum == ENODATA ? 0 : errnum;
}

/* Each line of "resource" has a BAR's first and last address and its flags, of
 * which the lowest are the BAR's own bits */
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

/* Reading the configuration wakes a device that sleeps in D3cold, and fails
 * where the device cannot be reached.  Returns: 0 with @info set, or errno. */
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

/* Returns: (transfer full) (nullable) (element-type MmioAddress): where devices
 * are, ordered */
static GArray *
list_slots (GError ** error)
{
  g_autoptr (GPtrArray) names = NULL;
  const int errnum = mmio_read_dir (MMIO_PCI_SYSFS, &names);
  GArray *slots;

  if (errnum == ENOENT) {
    mmio_set_system_error (error, MMIO_ERROR_NOT_FOUND, errnum, "opendir",
        "This system shows no PCI bus (/sys/bus/pci is missing); try "
        "device=sim.");
    return NULL;
  }

  if (errnum != 0) {
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "opendir",
        "Cannot list the PCI devices in " MMIO_PCI_SYSFS
        "; dmesg may say why.");
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

/* Keeps of @slots those whose device has the IDs of @address */
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
      "There is no PCI device %s; see what there is with: lspci -Dnn", text);
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
        "%u PCI devices are %s; set device to one of them: %s.", found->len,
        text, list);
    return FALSE;
  }

  if (nth >= found->len) {
    mmio_set_error (error, MMIO_ERROR_NOT_FOUND,
        "There is no PCI device %s, they are counted from 0; set device to one "
        "of these: %s.", text, list);
    return FALSE;
  }

  *slot = g_array_index (found, MmioAddress, nth);
  return TRUE;
}

/* Where the device is that @address names */
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
 * @info: (out caller-allocates): the device's description;
 *   mmio_pci_info_clear() it
 *
 * Finds the one device that @address names.  Reads configuration space, never
 * a BAR.
 *
 * Returns: TRUE, or FALSE with %MMIO_ERROR_NOT_FOUND, %MMIO_ERROR_AMBIGUOUS
 *   or %MMIO_ERROR_FAILED
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
 * Lists the devices, ordered by address.  Reads configuration space, never a
 * BAR.
 *
 * Returns: (transfer full) (nullable) (element-type MmioPciInfo): the devices,
 *   or NULL with %MMIO_ERROR_NOT_FOUND if there is no bus, or with
 *   %MMIO_ERROR_FAILED
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

    /* Half a list would be taken for the whole one */
    if (mmio_is_shortage (errnum)) {
      set_read_error (slot, errnum, error);
      g_array_unref (infos);
      return NULL;
    }

    /* A device that was removed meanwhile, or may not be read, does not hide the
     * others */
    if (errnum == 0)
      g_array_append_val (infos, info);
    else
      g_debug ("%04x:%02x:%02x.%x: %s", slot->domain, slot->bus, slot->slot,
          slot->function, g_strerror (errnum));
  }

  return infos;
}

/**
 * mmio_pci_info_get_model:
 *
 * Returns: (transfer full): vendor, device and subsystem, as text
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
 * Frees what @info owns.
 */
void
mmio_pci_info_clear (MmioPciInfo * info)
{
  g_clear_pointer (&info->name, g_free);
}
