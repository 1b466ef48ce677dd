/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The device object: what is the same for all back ends.
 */
#include "device/mmiobackend.h"

#include "base/mmioerror.h"

/* A path is bytes.  Takes @text. */
static char *
make_valid (char *text)
{
  char *valid = g_utf8_make_valid (text, -1);

  g_free (text);
  return valid;
}

/* For back ends: @name and @address become the device's, as text.  A back end that
 * opens its path again keeps a copy of its own. */
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

/* For back ends of ordinary memory, which maps in one way only */
gboolean
mmio_device_check_cached (MmioDevice * device, MmioMapping wanted,
    GError ** error)
{
  if (wanted == MMIO_MAPPING_AUTO || wanted == MMIO_MAPPING_CACHED)
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "%s is ordinary memory and cannot be mapped %s; set mapping to auto.",
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
 * Returns: (transfer none): what the device is, in words
 */
const char *
mmio_device_get_name (const MmioDevice * device)
{
  return device->name;
}

/**
 * mmio_device_get_address:
 *
 * Returns: (transfer none): the full PCI address, the path, or "sim", in valid UTF-8:
 *   a path that is none cannot be opened by it
 */
const char *
mmio_device_get_address (const MmioDevice * device)
{
  return device->address;
}

/**
 * mmio_device_get_slot:
 *
 * Returns: (transfer none) (nullable): the full PCI address, however the device
 *   is called; NULL if it is not on that bus
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
 * Returns: what to ask mmio_device_open() for to reach it in the same way
 */
MmioAccess
mmio_device_get_access (const MmioDevice * device)
{
  return device->backend->access;
}

/**
 * mmio_device_is_unlinked:
 *
 * Returns: whether the last mmio_device_check() has found that the device's file
 *   was deleted or renamed, and its memory is still there
 */
gboolean
mmio_device_is_unlinked (const MmioDevice * device)
{
  return g_atomic_int_get (&device->is_unlinked);
}

/**
 * mmio_device_has_bars:
 *
 * Returns: whether its memory is a device's, in BARs or the like; what has none
 *   counts as BAR 0
 */
gboolean
mmio_device_has_bars (const MmioDevice * device)
{
  return device->backend->has_bars;
}

/* Whether it is reached as a PCI device, so that another driver may offer more */
gboolean
mmio_device_is_pci (const MmioDevice * device)
{
  return device->backend->has_bars && !device->backend->part;
}

/**
 * mmio_device_get_part:
 *
 * Returns: (transfer none): what its memory is in, "BAR" or "map"
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
 * Returns: (transfer none): what is known of the BAR without touching it
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
 * Returns: how the device's address itself says to map that BAR, or
 *   %MMIO_MAPPING_AUTO
 */
MmioMapping
mmio_device_get_fixed_mapping (const MmioDevice * device)
{
  return device->fixed_mapping;
}

/**
 * mmio_device_open_interrupt:
 *
 * Makes the device's interrupt ready, once; from then on they are counted.
 * Several calls return the same.  By vfio, that is its first MSI-X or MSI
 * vector, or else INTx.
 *
 * An MSI is a write to memory, so the device becomes a bus master until
 * mmio_device_close_interrupt(), or the last reference to it goes.  The IOMMU
 * shows it no memory at all; the write that is the interrupt is all that comes
 * through.
 *
 * Returns: (transfer none): a descriptor that polls as readable (%POLLIN) when
 *   one has come, valid until mmio_device_close_interrupt(); or -1 with @error
 *   set
 */
int
mmio_device_open_interrupt (MmioDevice * device, GError ** error)
{
  if (!device->backend->open_interrupt) {
    g_autofree char *advice = mmio_device_is_pci (device) ?
        g_strdup_printf (" that %s can deliver; bind it to vfio-pci and use "
        "access=vfio, or", device->backend->name) : g_strdup (";");

    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "%s has no interrupt%s use frame-sync=counter or clock.",
        device->address, advice);
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
 * Has the device silent again, and no bus master, whoever still holds it or a
 * region of it.  Nothing happens where no interrupt was made ready.  It is not
 * called while mmio_device_take_interrupts() runs.
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
 * @device: a device with mmio_device_open_interrupt() done
 * @count: (out): how many interrupts have come since the last call, or since
 *   they were made ready; 0 for none
 *
 * Takes note of interrupts and lets the next one come; never waits.
 *
 * A device that wants its INTx acknowledged in a register keeps interrupting
 * until somebody does so, which is never done here.
 *
 * Returns: FALSE where there will be no more: the device has gone
 */
gboolean
mmio_device_take_interrupts (MmioDevice * device, guint * count)
{
  *count = 0;
  return device->interrupt >= 0 &&
      device->backend->take_interrupts (device, count);
}

/* All that tells one from another */
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
      "Where %s was there is another device now, %s; plug the right one in, "
      "or start again to see that.", wanted, found);
  return FALSE;
}

/**
 * mmio_device_check_place:
 * @device: a device that has gone
 *
 * Asks what is in its place, if that is one on the PCI bus, without opening it:
 * to open a device has effects on it.
 *
 * Returns: FALSE with @error set if there is nothing, or with %MMIO_ERROR_GONE if
 *   there is another device
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
 * @other: what was opened where @device was
 *
 * Asks whether it can be the same, come back: it has the same address, and is of
 * the same kind.
 *
 * Returns: FALSE with %MMIO_ERROR_GONE set if it cannot
 */
gboolean
mmio_device_check_same (const MmioDevice * device, const MmioDevice * other,
    GError ** error)
{
  return check (device, other->name, other->address, other->model, error);
}
