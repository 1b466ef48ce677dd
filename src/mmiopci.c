/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding and describing PCI devices, through libpciaccess.
 *
 * libpciaccess keeps one list of devices for the whole process, a snapshot
 * without locks.  So each look-up here makes a fresh one under a lock of ours,
 * copies out what it needs and drops it.  An application that uses
 * libpciaccess itself must not hold on to its devices while elements start.
 */
#include "mmiopci.h"

#include <errno.h>
#include <pciaccess.h>

#include "mmioerror.h"

static GMutex pci_lock;

static char *
device_name (struct pci_device *dev)
{
  const char *vendor = pci_device_get_vendor_name (dev);
  const char *device = pci_device_get_device_name (dev);

  /* Without pci.ids on this system there are no names */
  return g_strdup_printf ("%s%s%s%s[%04x:%04x]", vendor ? vendor : "",
      vendor ? " " : "", device ? device : vendor ? "device" : "PCI device",
      " ", dev->vendor_id, dev->device_id);
}

static void
info_init (MmioPciInfo * info, struct pci_device *dev)
{
  info->slot.kind = MMIO_ADDRESS_SLOT;
  info->slot.domain = dev->domain;
  info->slot.bus = dev->bus;
  info->slot.slot = dev->dev;
  info->slot.function = dev->func;
  info->vendor = dev->vendor_id;
  info->device = dev->device_id;
  info->name = device_name (dev);

  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    info->bar[i].base = dev->regions[i].base_addr;
    info->bar[i].size = dev->regions[i].size;
    info->bar[i].is_io = dev->regions[i].is_IO;
    info->bar[i].is_prefetchable = dev->regions[i].is_prefetchable;
  }
}

static gint
compare_slots (gconstpointer a, gconstpointer b)
{
  const struct pci_device *one = *(struct pci_device * const *) a;
  const struct pci_device *other = *(struct pci_device * const *) b;

  if (one->domain != other->domain)
    return one->domain < other->domain ? -1 : 1;
  if (one->bus != other->bus)
    return one->bus < other->bus ? -1 : 1;
  if (one->dev != other->dev)
    return one->dev < other->dev ? -1 : 1;
  return one->func < other->func ? -1 : 1;
}

static GPtrArray *
find_matches (const MmioAddress * address)
{
  GPtrArray *found = g_ptr_array_new ();

  if (address->kind == MMIO_ADDRESS_SLOT) {
    struct pci_device *dev = pci_device_find_by_slot (address->domain,
        address->bus, address->slot, address->function);

    if (dev)
      g_ptr_array_add (found, dev);
  } else {
    const struct pci_id_match match = {
      .vendor_id = address->vendor,
      .device_id = address->device,
      .subvendor_id = PCI_MATCH_ANY,
      .subdevice_id = PCI_MATCH_ANY,
    };
    struct pci_device_iterator *iter = pci_id_match_iterator_create (&match);
    struct pci_device *dev;

    while (iter && (dev = pci_device_next (iter)))
      g_ptr_array_add (found, dev);
    pci_iterator_destroy (iter);
    g_ptr_array_sort (found, compare_slots);
  }

  return found;
}

static char *
list_matches (const MmioAddress * address, GPtrArray * found)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < found->len; i++) {
    const struct pci_device *dev = g_ptr_array_index (found, i);

    g_string_append_printf (text, "%s%04x:%04x@%u is %04x:%02x:%02x.%x",
        i > 0 ? ", " : "", address->vendor, address->device, i, dev->domain,
        dev->bus, dev->dev, dev->func);
  }

  return g_string_free (text, FALSE);
}

static struct pci_device *
choose_match (const MmioAddress * address, GPtrArray * found, GError ** error)
{
  g_autofree char *text = mmio_address_to_string (address);
  g_autofree char *list = NULL;
  const guint nth = MAX (address->nth, 0);

  if (found->len == 0) {
    mmio_set_error (error, MMIO_ERROR_NOT_FOUND,
        "There is no PCI device %s; see what there is with: lspci -Dnn", text);
    return NULL;
  }

  if (address->kind == MMIO_ADDRESS_SLOT)
    return g_ptr_array_index (found, 0);

  list = list_matches (address, found);
  if (address->nth < 0 && found->len > 1) {
    mmio_set_error (error, MMIO_ERROR_AMBIGUOUS,
        "%u PCI devices are %s; set device to one of them: %s.", found->len,
        text, list);
    return NULL;
  }

  if (nth >= found->len) {
    mmio_set_error (error, MMIO_ERROR_NOT_FOUND,
        "There is no PCI device %s, they are counted from 0; set device to one "
        "of these: %s.", text, list);
    return NULL;
  }

  return g_ptr_array_index (found, nth);
}

/* Fills @info of a device that was found */
static gboolean
probe_locked (struct pci_device *dev, MmioPciInfo * info, GError ** error)
{
  int ret = pci_device_probe (dev);

  if (ret != 0) {
    mmio_set_system_error (error, MMIO_ERROR_FAILED, ret, "pci_device_probe",
        "The configuration of PCI device %04x:%02x:%02x.%x cannot be read; is "
        "it still in lspci -D?", dev->domain, dev->bus, dev->dev, dev->func);
    return FALSE;
  }

  info_init (info, dev);
  return TRUE;
}

static gboolean
find_locked (const MmioAddress * address, MmioPciInfo * info, GError ** error)
{
  g_autoptr (GPtrArray) found = find_matches (address);
  struct pci_device *dev = choose_match (address, found, error);

  return dev && probe_locked (dev, info, error);
}

static GArray *
list_locked (void)
{
  GArray *infos = g_array_new (FALSE, TRUE, sizeof (MmioPciInfo));
  g_autoptr (GPtrArray) found = g_ptr_array_new ();
  struct pci_device_iterator *iter = pci_slot_match_iterator_create (NULL);
  struct pci_device *dev;

  while (iter && (dev = pci_device_next (iter)))
    g_ptr_array_add (found, dev);
  pci_iterator_destroy (iter);
  g_ptr_array_sort (found, compare_slots);

  g_array_set_clear_func (infos, (GDestroyNotify) mmio_pci_info_clear);
  for (guint i = 0; i < found->len; i++) {
    g_autoptr (GError) error = NULL;
    MmioPciInfo info = { 0, };

    /* One that was unplugged meanwhile is no reason not to list the others */
    if (probe_locked (g_ptr_array_index (found, i), &info, &error))
      g_array_append_val (infos, info);
    else
      g_debug ("%s", error->message);
  }

  return infos;
}

/* Makes the snapshot, and keeps others out until unlock_bus() */
static gboolean
lock_bus (GError ** error)
{
  int err;

  g_mutex_lock (&pci_lock);
  err = pci_system_init ();
  if (err == 0)
    return TRUE;

  g_mutex_unlock (&pci_lock);
  mmio_set_system_error (error, MMIO_ERROR_NOT_FOUND, err, "pci_system_init",
      "This system shows no PCI bus (/sys/bus/pci is missing); try "
      "device=sim.");
  return FALSE;
}

static void
unlock_bus (void)
{
  pci_system_cleanup ();
  g_mutex_unlock (&pci_lock);
}

/**
 * mmio_pci_find:
 * @address: a slot or an ID
 * @info: (out caller-allocates): what the bus says of the device;
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
  gboolean ret;

  if (!lock_bus (error))
    return FALSE;

  ret = find_locked (address, info, error);
  unlock_bus ();

  return ret;
}

/**
 * mmio_pci_list:
 *
 * Lists what is plugged in, ordered by address.  Reads configuration space,
 * never a BAR.
 *
 * Returns: (transfer full) (nullable) (element-type MmioPciInfo): the devices,
 *   or NULL with %MMIO_ERROR_NOT_FOUND if there is no bus
 */
GArray *
mmio_pci_list (GError ** error)
{
  GArray *infos;

  if (!lock_bus (error))
    return NULL;

  infos = list_locked ();
  unlock_bus ();

  return infos;
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
