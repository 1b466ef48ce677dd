/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding and describing PCI devices, through libpciaccess.
 *
 * libpciaccess keeps one list of devices for the whole process, a snapshot
 * that is made by pci_system_init(), without locks; the application may use it
 * too.  So the list is made only where there is none, or where it is not what
 * sysfs shows any more, and it is never cleaned up: what the application has
 * got from it stays valid.  (A list that is replaced is lost: some kilobytes
 * for each time that a device came or went between two look-ups.)
 */
#include "mmiopci.h"

#include <errno.h>
#include <pciaccess.h>
#include <stdlib.h>
#include <unistd.h>

#include "mmioerror.h"
#include "mmiopcistate.h"

#define MTRR "/proc/mtrr"

/* Keeps look-ups of ours apart; an application's own it cannot */
static GMutex pci_lock;

static guint
count_listed (void)
{
  struct pci_device_iterator *iter = pci_slot_match_iterator_create (NULL);
  guint n = 0;

  while (iter && pci_device_next (iter))
    n++;
  if (iter)
    pci_iterator_destroy (iter);

  return n;
}

/* Whether the list has just the devices that sysfs shows */
static gboolean
is_fresh (void)
{
  GDir *dir = g_dir_open (MMIO_PCI_SYSFS, 0, NULL);
  gboolean fresh = TRUE;
  const char *name;
  guint n = 0;

  while (fresh && dir && (name = g_dir_read_name (dir))) {
    g_auto (MmioAddress) slot = { 0, };
    struct pci_device *dev;
    guint vendor, device;

    if (!mmio_address_parse (&slot, name, NULL) ||
        slot.kind != MMIO_ADDRESS_SLOT)
      continue;

    n++;
    dev = pci_device_find_by_slot (slot.domain, slot.bus, slot.slot,
        slot.function);
    vendor = mmio_pci_get_id (MMIO_PCI_SYSFS, name, "vendor");
    device = mmio_pci_get_id (MMIO_PCI_SYSFS, name, "device");
    fresh = dev && dev->vendor_id == vendor && dev->device_id == device;
  }
  if (dir)
    g_dir_close (dir);

  return fresh && n == count_listed ();
}

/* Descriptors by which libpciaccess would set MTRRs, as root */
static GArray *
find_mtrrs (void)
{
  GArray *fds = g_array_new (FALSE, FALSE, sizeof (int));
  GDir *dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *link = g_build_filename ("/proc/self/fd", name, NULL);
    g_autofree char *target = g_file_read_link (link, NULL);
    const int fd = g_ascii_strtoll (name, NULL, 10);

    if (g_strcmp0 (target, MTRR) == 0)
      g_array_append_val (fds, fd);
  }
  if (dir)
    g_dir_close (dir);

  return fds;
}

static gboolean
has_fd (GArray * fds, int fd)
{
  for (guint i = 0; i < fds->len; i++)
    if (g_array_index (fds, int, i) == fd)
      return TRUE;

  return FALSE;
}

/* Makes the list.  With one that is replaced, libpciaccess forgets what it has
 * open, so that is closed here, if it was opened here.  Returns 0 or an error
 * number. */
static int
make_list (void)
{
  static int mtrr = -1;
  g_autoptr (GArray) before = find_mtrrs ();
  g_autoptr (GArray) after = NULL;
  const int err = pci_system_init ();

  if (err != 0)
    return err;

  after = find_mtrrs ();
  if (mtrr >= 0 && has_fd (before, mtrr))
    close (mtrr);
  mtrr = -1;
  for (guint i = 0; i < after->len; i++)
    if (!has_fd (before, g_array_index (after, int, i)))
        mtrr = g_array_index (after, int, i);

  return 0;
}

/* Returns 0 or an error number */
static int
ensure_list (void)
{
  struct pci_device_iterator *iter = pci_slot_match_iterator_create (NULL);

  /* There is no other way to ask whether there is a list */
  if (iter) {
    pci_iterator_destroy (iter);
    if (is_fresh ())
      return 0;
  }

  return make_list ();
}

/* Looked up in pci.ids, of which libpciaccess keeps what it has read */
static void
names_init_locked (MmioPciNames * names, guint16 vendor_id, guint16 device_id)
{
  const struct pci_id_match match = {
    .vendor_id = vendor_id,
    .device_id = device_id,
    .subvendor_id = PCI_MATCH_ANY,
    .subdevice_id = PCI_MATCH_ANY,
  };
  const char *vendor = NULL, *device = NULL;

  pci_get_strings (&match, &device, &vendor, NULL, NULL);
  names->vendor = g_strdup (vendor);
  names->device = g_strdup (device);
  names->full = g_strdup_printf ("%s%s%s%s[%04x:%04x]", vendor ? vendor : "",
      vendor ? " " : "", device ? device : vendor ? "device" : "PCI device",
      " ", vendor_id, device_id);
}

/**
 * mmio_pci_names_init:
 * @names: (out caller-allocates): the names; mmio_pci_names_clear() them
 * @vendor, @device: the device's numbers
 *
 * Looks up what a device is.  Any number has a full name.
 */
void
mmio_pci_names_init (MmioPciNames * names, guint16 vendor, guint16 device)
{
  g_mutex_lock (&pci_lock);
  names_init_locked (names, vendor, device);
  g_mutex_unlock (&pci_lock);
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

static void
info_init (MmioPciInfo * info, struct pci_device *dev)
{
  g_auto (MmioPciNames) names = { NULL, };
  g_autofree char *slot = NULL;

  names_init_locked (&names, dev->vendor_id, dev->device_id);
  info->slot.kind = MMIO_ADDRESS_SLOT;
  info->slot.domain = dev->domain;
  info->slot.bus = dev->bus;
  info->slot.slot = dev->dev;
  info->slot.function = dev->func;
  info->vendor = dev->vendor_id;
  info->device = dev->device_id;
  info->name = g_steal_pointer (&names.full);

  /* The list may be older than the device: it knows vendor and device, and has
   * read the BARs just now, but leaves those as they were that have gone */
  slot = mmio_address_to_string (&info->slot);
  info->subsystem_vendor = mmio_pci_get_id (MMIO_PCI_SYSFS, slot,
      "subsystem_vendor");
  info->subsystem = mmio_pci_get_id (MMIO_PCI_SYSFS, slot, "subsystem_device");
  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    info->bar[i].base = dev->regions[i].base_addr;
    info->bar[i].size = info->bar[i].base ? dev->regions[i].size : 0;
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
    if (iter)
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
  if (iter)
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

/* Brings the list up to date, and takes the lock */
static gboolean
lock_bus (GError ** error)
{
  int err;

  g_mutex_lock (&pci_lock);
  err = ensure_list ();
  if (err == 0)
    return TRUE;

  g_mutex_unlock (&pci_lock);
  mmio_set_system_error (error, MMIO_ERROR_NOT_FOUND, err, "pci_system_init",
      "This system shows no PCI bus (/sys/bus/pci is missing); try "
      "device=sim.");
  return FALSE;
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
  g_mutex_unlock (&pci_lock);

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
  g_mutex_unlock (&pci_lock);

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
