/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a device that is found can be one that was there before.
 */
#include "device/mmiobackend.h"

#include "base/mmioerror.h"

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
