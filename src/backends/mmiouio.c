/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Back end of UIO devices.  A device is named by its node, whose maps count as BARs,
 * or by its PCI address; then the map of each BAR is searched for.
 */
#include "backends/mmiopcidevice.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backends/mmiobackends.h"
#include "backends/mmiouioirq.h"
#include "backends/mmiouionode.h"
#include "base/mmioerror.h"
#include "base/mmiosystem.h"
#include "map/mmiomemtype.h"
#include "pci/mmiopcistate.h"

typedef struct
{
  MmioPciDevice pci;
  MmioUioNode node;
  int fd;
  /* An attribute of the node.  Reads of it fail after the node is removed, even
   * if another node has its name. */
  int name_fd;
  MmioUioIrq *irq;
} MmioUio;

static void
set_open_error (const MmioUioNode * node, int errnum, GError ** error)
{
  switch (errnum) {
    case EACCES:
    case EPERM:
      mmio_set_denied_error (error, errnum, node->path, MMIO_FILE_READ, "");
      break;
    case ENOENT:
      mmio_set_system_error (error, MMIO_ERROR_NOT_FOUND, errnum, "open",
          "Cannot open %s: there is no such node, although the device exists; "
          "in a container, pass it with: docker run --device %s", node->path,
          node->path);
      break;
    default:
      mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "open",
          "Cannot open %s; find the reason with: sudo dmesg", node->path);
  }
}

static void
set_map_error (const MmioUio * uio, gint map, int errnum, GError ** error)
{
  gboolean exists;

  mmio_uio_node_exists (&uio->node, &exists);
  if (!exists)
    mmio_set_system_error (error, MMIO_ERROR_NOT_FOUND, errnum, "mmap",
        "Cannot map %s: its driver was unbound" MMIO_START_AGAIN " when it is "
        "listed by: ls /sys/class/uio", uio->node.path);
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "mmap",
        "Cannot map map %d of %s; find the reason with: sudo dmesg", map,
        uio->node.path);
}

/* Finds the map of a BAR, by its number or its address */
static gint
find_map (const MmioUio * uio, guint bar, GError ** error)
{
  const MmioDevice *device = &uio->pci.parent;
  g_autofree char *driver = NULL;
  gint map;

  if (device->backend->part)
    return bar;

  map = mmio_uio_node_find_bar (&uio->node, &uio->pci.info.bar[bar]);
  if (map >= 0)
    return map;

  mmio_pci_get_driver (MMIO_PCI_SYSFS, device->address, &driver);
  mmio_set_error (error, MMIO_ERROR_NOT_FOUND,
      "Cannot map BAR %u of %s: %s has no map of it (uio_pci_generic omits "
      "64-bit and prefetchable BARs). Use access=sysfs, or bind the device to "
      "vfio-pci.", bar, device->address, driver ? driver : uio->node.path);
  return -1;
}

/* The map may be smaller than the BAR, and than the frame */
static gboolean
check_size (const MmioUio * uio, guint bar, gint map, guint64 end,
    GError ** error)
{
  if (end <= uio->node.map[map].size)
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot map the frame: it ends at byte %" G_GUINT64_FORMAT " of BAR %u "
      "of %s, but map %d of %s has only %" G_GUINT64_FORMAT " bytes. Use "
      "access=sysfs.", end, bar, uio->pci.parent.address, map, uio->node.path,
      uio->node.map[map].size);
  return FALSE;
}

static MmioRegion *
mmio_uio_map (MmioDevice * device, guint bar, guint64 offset, gsize length,
    MmioMapping wanted, GError ** error)
{
  MmioUio *uio = (MmioUio *) device;
  const guint64 page = sysconf (_SC_PAGESIZE);
  const MmioUioMap *facts;
  MmioRegion *region;
  gint map;

  if (wanted == MMIO_MAPPING_WRITE_COMBINING) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot map %s write-combining: UIO maps uncached only. Set mapping to "
        "auto%s.",
        device->address, uio->node.slot ? ", or use access=sysfs" : "");
    return NULL;
  }

  map = find_map (uio, bar, error);
  if (map < 0 || !check_size (uio, bar, map, offset + length, error) ||
      (uio->node.slot && !mmio_pci_check_awake (uio->node.slot, error)))
    return NULL;

  /* The offset in the file selects the map: its number, in pages */
  facts = &uio->node.map[map];
  region = mmio_device_map_fd_within (device, uio->fd, map * page,
      facts->skip + offset, length, MMIO_MAPPING_UNCACHED);
  if (!region)
    set_map_error (uio, map, errno, error);
  else
    mmio_region_set_mapping (region, mmio_memtype_get (facts->base + offset,
            length, MMIO_MAPPING_UNCACHED));

  return region;
}

static int
mmio_uio_open_interrupt (MmioDevice * device, GError ** error)
{
  MmioUio *uio = (MmioUio *) device;

  uio->irq = mmio_uio_irq_open (&uio->node, error);
  return uio->irq ? mmio_uio_irq_get_fd (uio->irq) : -1;
}

static gboolean
mmio_uio_take_interrupts (MmioDevice * device, guint * count)
{
  return mmio_uio_irq_take (((MmioUio *) device)->irq, count);
}

static void
mmio_uio_close_interrupt (MmioDevice * device)
{
  g_clear_pointer (&((MmioUio *) device)->irq, mmio_uio_irq_close);
}

/* Checks that the node still exists.  Only this detects its removal, since
 * existing maps stay. */
static gboolean
check_node (const MmioUio * uio, GError ** error)
{
  char first;

  /* Other errors do not mean that it is removed */
  if (uio->name_fd < 0 || MMIO_RETRY (pread (uio->name_fd, &first, 1, 0)) >= 0
      || !mmio_pci_is_removed (errno))
    return TRUE;

  mmio_set_system_error (error, MMIO_ERROR_GONE, errno, "pread name",
      "Cannot read %s: it was unplugged or its driver was unbound"
      MMIO_START_AGAIN " when it is listed by: ls /sys/class/uio",
      uio->pci.parent.address);
  return FALSE;
}

static gboolean
mmio_uio_pci_check (MmioDevice * device, guint bar, GError ** error)
{
  return check_node ((MmioUio *) device, error) &&
      mmio_pci_device_check (device, bar, error);
}

/* For a device named by its node: checks the node, and the PCI device behind it
 * if there is one */
static gboolean
mmio_uio_check (MmioDevice * device, guint bar, GError ** error)
{
  MmioUio *uio = (MmioUio *) device;

  if (!check_node (uio, error))
    return FALSE;

  if (!uio->node.slot)
    return TRUE;
  if (!uio->pci.identity)
    uio->pci.identity = mmio_identity_new (uio->node.slot, error);
  return uio->pci.identity &&
      mmio_identity_check (uio->pci.identity, -1, error);
}

static void
mmio_uio_free (MmioDevice * device)
{
  MmioUio *uio = (MmioUio *) device;

  if (uio->name_fd >= 0)
    close (uio->name_fd);

  if (uio->fd >= 0)
    close (uio->fd);
  mmio_uio_node_clear (&uio->node);
  mmio_pci_device_clear (&uio->pci);
  g_free (uio);
}

static const MmioBackend mmio_uio_pci_backend = {
  .name = "uio",
  .access = MMIO_ACCESS_UIO,
  .has_bars = TRUE,
  .header_place = MMIO_HEADER_IN_BAR,
  .map = mmio_uio_map,
  .check = mmio_uio_pci_check,
  .open_interrupt = mmio_uio_open_interrupt,
  .take_interrupts = mmio_uio_take_interrupts,
  .close_interrupt = mmio_uio_close_interrupt,
  .free = mmio_uio_free,
};

static const MmioBackend mmio_uio_backend = {
  .name = "uio",
  .access = MMIO_ACCESS_UIO,
  .has_bars = TRUE,
  .part = "map",
  .header_place = MMIO_HEADER_IN_BAR,
  .map = mmio_uio_map,
  .check = mmio_uio_check,
  .open_interrupt = mmio_uio_open_interrupt,
  .take_interrupts = mmio_uio_take_interrupts,
  .close_interrupt = mmio_uio_close_interrupt,
  .free = mmio_uio_free,
};

/* Opens the node, and the attribute for check_node().  Returns: 0 or errno */
static int
open_files (MmioUio * uio)
{
  uio->fd = -1;
  uio->name_fd = mmio_uio_node_open (&uio->node, "name");
  if (uio->name_fd < 0 && mmio_is_shortage (errno))
    return errno;

  uio->fd = MMIO_RETRY (open (uio->node.path, O_RDONLY | O_CLOEXEC));
  return uio->fd < 0 ? errno : 0;
}

/* Opens the node of an initialised device.  Frees @uio after a failure. */
static MmioDevice *
open_node (MmioUio * uio, GError ** error)
{
  MmioDevice *device = &uio->pci.parent;
  const int errnum = open_files (uio);

  if (errnum == 0)
    return device;

  set_open_error (&uio->node, errnum, error);
  mmio_device_unref (device);
  return NULL;
}

/* For a failure to read sysfs */
static void
set_unknown_error (const char *address, int errnum, GError ** error)
{
  mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum,
      "read /sys/class/uio", "Cannot open %s by UIO; find the reason with: "
      "sudo dmesg", address);
}

/* Opens the node of a PCI device that is bound to a UIO driver */
MmioDevice *
mmio_uio_open (const MmioPciInfo * info, GError ** error)
{
  g_autofree char *address = mmio_address_to_string (&info->slot);
  g_autofree char *driver = NULL;
  g_autofree char *unbind = NULL;
  g_auto (MmioUioNode) node = {.path = NULL };
  MmioUio *uio;
  guint number;
  int errnum = mmio_uio_find (MMIO_PCI_SYSFS, address, &number);

  if (errnum == 0)
    errnum = mmio_uio_node_init (&node, number);
  if (errnum == 0) {
    uio = g_new0 (MmioUio, 1);
    mmio_pci_device_init (&uio->pci, &mmio_uio_pci_backend, info);
    uio->node = node;
    memset (&node, 0, sizeof (node));
    return open_node (uio, error);
  }

  if (errnum == ENOENT)
    errnum = mmio_pci_get_driver (MMIO_PCI_SYSFS, address, &driver);
  if (errnum != 0) {
    set_unknown_error (address, errnum, error);
    return NULL;
  }

  if (driver)
    unbind = g_strdup_printf ("echo %s | sudo tee " MMIO_PCI_SYSFS
        "/%s/driver/unbind; ", address, address);
  mmio_set_error (error, MMIO_ERROR_BUSY,
      "Cannot open %s by UIO: it is bound to %s. Bind it with: sudo modprobe "
      "uio_pci_generic; echo uio_pci_generic | sudo tee " MMIO_PCI_SYSFS
      "/%s/driver_override; %secho %s | sudo tee /sys/bus/pci/drivers_probe",
      address, driver ? driver : "no driver", address, unbind ? unbind : "",
      address);
  return NULL;
}

/* Returns: the number of the map with this name; or -1 with @error set */
static gint
find_name (const MmioUioNode * node, const char *name, GError ** error)
{
  g_autoptr (GString) names = g_string_new (NULL);
  gint found = -1;
  guint n = 0;

  for (guint i = 0; i < node->n_maps; i++) {
    g_string_append_printf (names, "%s%u (%s)", i > 0 ? ", " : "", i,
        node->map[i].name ? node->map[i].name : "unnamed");
    if (g_strcmp0 (node->map[i].name, name) == 0) {
      found = i;
      n++;
    }
  }

  if (n == 1)
    return found;

  mmio_set_error (error, n == 0 ? MMIO_ERROR_NOT_FOUND : MMIO_ERROR_AMBIGUOUS,
      "Cannot use %s: %u of its maps are called %s. Set device to %s and bar "
      "to the number of one of: %s.", node->path, n, name, node->path,
      n == 0 && node->n_maps == 0 ? "none" : names->str);
  return -1;
}

/* Limits maps to the sizes of their BARs: the kernel rounds maps up to pages,
 * which may contain other BARs.  Without a PCI device, no size is known. */
static gboolean
limit_to_bars (MmioUioNode * node, GError ** error)
{
  g_auto (MmioAddress) slot = { 0, };
  g_auto (MmioPciInfo) info = {.name = NULL };

  if (!node->slot || !mmio_address_parse (&slot, node->slot, NULL))
    return TRUE;
  if (!mmio_pci_find (&slot, &info, error))
    return FALSE;

  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    const gint map = mmio_uio_node_find_bar (node, &info.bar[i]);

    if (map >= 0)
      node->map[map].size = MIN (node->map[map].size, info.bar[i].size);
  }

  return TRUE;
}

/* Opens a node by its number.  @map: (nullable): the name of the only map to use */
MmioDevice *
mmio_uio_open_path (guint number, const char *map, GError ** error)
{
  g_auto (MmioUioNode) node = {.path = NULL };
  gint fixed = -1;
  MmioUio *uio;
  gboolean exists = FALSE;
  int errnum = mmio_uio_node_init (&node, number);

  if (errnum == 0)
    errnum = mmio_uio_node_exists (&node, &exists);
  if (errnum != 0) {
    set_unknown_error (node.path, errnum, error);
    return NULL;
  }

  if (!exists) {
    mmio_set_error (error, MMIO_ERROR_NOT_FOUND,
        "Cannot open %s: there is no such UIO device. List the devices with: "
        "ls -l /sys/class/uio", node.path);
    return NULL;
  }

  if (!limit_to_bars (&node, error))
    return NULL;

  if (map) {
    fixed = find_name (&node, map, error);
    if (fixed < 0)
      return NULL;
  }

  uio = g_new0 (MmioUio, 1);
  uio->node = node;
  memset (&node, 0, sizeof (node));
  mmio_device_init (&uio->pci.parent, &mmio_uio_backend,
      g_strdup_printf ("UIO device %s", uio->node.name ? uio->node.name : ""),
      g_strdup (uio->node.path));
  uio->pci.parent.slot = g_strdup (uio->node.slot);
  uio->pci.parent.fixed_bar = fixed;
  uio->pci.parent.model = g_strdup (uio->node.name);
  for (guint i = 0; i < uio->node.n_maps; i++)
    uio->pci.parent.bar[i].size = uio->node.map[i].size;

  return open_node (uio, error);
}
