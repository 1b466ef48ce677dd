/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The device object: the part that all back ends share.
 */
#include "device/mmiobackend.h"

#include "base/mmioerror.h"

/* Converts bytes, such as a path, to valid UTF-8.  Takes ownership of @text. */
static char *
make_valid (char *text)
{
  char *valid = g_utf8_make_valid (text, -1);

  g_free (text);
  return valid;
}

/* For back ends: initialises a device.  Takes ownership of @name and @address
 * and makes them valid UTF-8; a back end that opens its path again keeps its
 * own copy of it. */
void
mmio_device_init (MmioDevice * device, const MmioBackend * backend, char *name,
    char *address)
{
  device->backend = backend;
  g_atomic_ref_count_init (&device->ref_count);
  device->name = make_valid (name);
  device->address = make_valid (address);
  device->fixed_bar = -1;
  device->interrupt = -1;
  mmio_device_maps_init (&device->maps);
}

/* For back ends of ordinary memory, which can be mapped cached only.  Returns:
 * FALSE with @error set if @wanted is another mapping */
gboolean
mmio_device_check_cached (MmioDevice * device, MmioMapping wanted,
    GError ** error)
{
  if (wanted == MMIO_MAPPING_AUTO || wanted == MMIO_MAPPING_CACHED)
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot map %s %s: it is ordinary memory. Set mapping to auto.",
      device->address, mmio_mapping_get_name (wanted));
  return FALSE;
}

/**
 * mmio_device_ref:
 *
 * Returns: (transfer full): @device
 */
MmioDevice *
mmio_device_ref (MmioDevice * device)
{
  g_atomic_ref_count_inc (&device->ref_count);
  return device;
}

/**
 * mmio_device_unref:
 * @device: (transfer full): a device
 */
void
mmio_device_unref (MmioDevice * device)
{
  char *name, *address, *slot, *model;

  if (!g_atomic_ref_count_dec (&device->ref_count))
    return;

  mmio_device_close_interrupt (device);
  name = device->name;
  address = device->address;
  slot = device->slot;
  model = device->model;
  mmio_device_maps_clear (&device->maps);
  device->backend->free (device);
  g_free (name);
  g_free (address);
  g_free (slot);
  g_free (model);
}

/**
 * mmio_device_get_name:
 *
 * Returns: (transfer none): the name of the device, in words
 */
const char *
mmio_device_get_name (const MmioDevice * device)
{
  return device->name;
}

/**
 * mmio_device_get_address:
 *
 * Returns: (transfer none): the full PCI address, the path, or "sim", in valid UTF-8.  If
 *   the path itself is not valid UTF-8, this text cannot be opened.
 */
const char *
mmio_device_get_address (const MmioDevice * device)
{
  return device->address;
}

/**
 * mmio_device_get_slot:
 *
 * Returns: (transfer none) (nullable): the full PCI address, also if the device is named
 *   by something else; NULL if it is not on that bus
 */
const char *
mmio_device_get_slot (const MmioDevice * device)
{
  return device->slot;
}

/**
 * mmio_device_get_access_name:
 *
 * Returns: (transfer none): the name of the back end
 */
const char *
mmio_device_get_access_name (const MmioDevice * device)
{
  return device->backend->name;
}

/**
 * mmio_device_get_access:
 *
 * Returns: the access for mmio_device_open() that selects the same back end
 */
MmioAccess
mmio_device_get_access (const MmioDevice * device)
{
  return device->backend->access;
}

/**
 * mmio_device_is_unlinked:
 *
 * Returns: whether the last mmio_device_check() found the device's file deleted or
 *   renamed, and its memory present
 */
gboolean
mmio_device_is_unlinked (const MmioDevice * device)
{
  return g_atomic_int_get (&device->is_unlinked);
}

/**
 * mmio_device_has_bars:
 *
 * Returns: whether its memory is in BARs or in similar parts; other memory counts as
 *   BAR 0
 */
gboolean
mmio_device_has_bars (const MmioDevice * device)
{
  return device->backend->has_bars;
}

/* Whether it is accessed as a PCI device, so that another driver may offer more */
gboolean
mmio_device_is_pci (const MmioDevice * device)
{
  return device->backend->has_bars && !device->backend->part;
}

/**
 * mmio_device_get_part:
 *
 * Returns: (transfer none): the term for a part of its memory, "BAR" or "map"
 */
const char *
mmio_device_get_part (const MmioDevice * device)
{
  return device->backend->part ? device->backend->part : "BAR";
}

/**
 * mmio_device_get_bar:
 * @bar: less than %MMIO_MAX_BARS
 *
 * Returns: (transfer none): the description of the BAR, known without access to it
 */
const MmioBar *
mmio_device_get_bar (const MmioDevice * device, guint bar)
{
  return &device->bar[bar];
}

/**
 * mmio_device_get_fixed_bar:
 *
 * Returns: the BAR that the device's address itself names, or -1
 */
gint
mmio_device_get_fixed_bar (const MmioDevice * device)
{
  return device->fixed_bar;
}

/**
 * mmio_device_get_fixed_mapping:
 *
 * Returns: the mapping that the device's address itself names, or %MMIO_MAPPING_AUTO
 */
MmioMapping
mmio_device_get_fixed_mapping (const MmioDevice * device)
{
  return device->fixed_mapping;
}

/**
 * mmio_device_open_interrupt:
 *
 * Enables the device's interrupt and counts it from then on.  Further calls return the
 * same descriptor.  vfio uses the first MSI-X or MSI vector, or else INTx.
 *
 * An MSI is a write to memory, so the device becomes a bus master until
 * mmio_device_close_interrupt() or the last mmio_device_unref().  It has no mappings in
 * the IOMMU, so only the write of the interrupt passes.
 *
 * Returns: (transfer none): a descriptor that polls as readable (%POLLIN) after an
 *   interrupt, valid until mmio_device_close_interrupt(); or -1 with @error set
 */
int
mmio_device_open_interrupt (MmioDevice * device, GError ** error)
{
  if (!device->backend->open_interrupt) {
    g_autofree char *advice = mmio_device_is_pci (device) ?
        g_strdup_printf (" that %s can deliver; bind it to vfio-pci and use "
        "access=vfio, or", device->backend->name) : g_strdup (";");

    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot wait for interrupts of %s: it has none%s use "
        "frame-sync=counter or clock.", device->address, advice);
    return -1;
  }

  if (device->interrupt >= 0)
    return device->interrupt;
  if (!mmio_device_is_held (device, error))
    return -1;
  device->interrupt = device->backend->open_interrupt (device, error);
  if (device->interrupt < 0)
    mmio_device_is_held (device, error);
  return device->interrupt;
}

/**
 * mmio_device_close_interrupt:
 *
 * Disables the interrupt and bus mastering, also if others hold the device or a region
 * of it.  Does nothing if no interrupt is enabled.
 *
 * Locking: not called while mmio_device_take_interrupts() runs.
 */
void
mmio_device_close_interrupt (MmioDevice * device)
{
  if (device->interrupt < 0)
    return;

  device->interrupt = -1;
  device->backend->close_interrupt (device);
}

/**
 * mmio_device_take_interrupts:
 * @device: a device after mmio_device_open_interrupt()
 * @count: (out): interrupts since the last call, or since they were enabled
 *
 * Counts interrupts and enables the next one; never waits.
 *
 * Some devices raise INTx until it is acknowledged in a register.  Nothing is written to
 * the device here, so these keep interrupting.
 *
 * Returns: FALSE if no more interrupts will come, as the device is removed
 */
gboolean
mmio_device_take_interrupts (MmioDevice * device, guint * count)
{
  *count = 0;
  return device->interrupt >= 0 &&
      device->backend->take_interrupts (device, count);
}

/* Describes a device by the properties that distinguish it from others */
static char *
describe (const char *name, const char *address, const char *model)
{
  return g_strdup_printf ("%s (%s%s%s)", name, address, model ? ", " : "",
      model ? model : "");
}

static gboolean
check (const MmioDevice * device, const char *name, const char *address,
    const char *model, GError ** error)
{
  g_autofree char *wanted = NULL;
  g_autofree char *found = NULL;

  if (g_str_equal (device->address, address) &&
      g_strcmp0 (device->model, model) == 0)
    return TRUE;

  wanted = describe (device->name, device->address, device->model);
  found = describe (name, address, model);
  mmio_set_error (error, MMIO_ERROR_GONE,
      "Cannot reopen %s: another device is in its place, %s. Plug in the right "
      "one, or start again to capture the other one.", wanted, found);
  return FALSE;
}

/**
 * mmio_device_check_place:
 * @device: a device that is removed
 *
 * Checks which device is in its slot if it is on the PCI bus, without opening it, which
 * would have effects on it.
 *
 * Returns: FALSE with @error set if the slot is empty, or with %MMIO_ERROR_GONE if it
 *   has another device
 */
gboolean
mmio_device_check_place (const MmioDevice * device, GError ** error)
{
  g_auto (MmioAddress) slot = { 0, };
  g_auto (MmioPciInfo) info = {.name = NULL };
  g_autofree char *model = NULL;

  if (!mmio_address_parse (&slot, device->address, NULL) ||
      slot.kind != MMIO_ADDRESS_SLOT)
    return TRUE;

  if (!mmio_pci_find (&slot, &info, error))
    return FALSE;

  model = mmio_pci_info_get_model (&info);
  return check (device, info.name, device->address, model, error);
}

/**
 * mmio_device_check_same:
 * @other: a device that was opened at the address of @device
 *
 * Checks whether it can be the same device after a return: address and model match.
 *
 * Returns: FALSE with %MMIO_ERROR_GONE set if not
 */
gboolean
mmio_device_check_same (const MmioDevice * device, const MmioDevice * other,
    GError ** error)
{
  return check (device, other->name, other->address, other->model, error);
}
