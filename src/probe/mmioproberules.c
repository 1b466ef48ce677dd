/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What may be measured.  A read can be a command to a device, and a load that
 * a hypervisor does not know ends the virtual machine; nothing tells for sure
 * from outside, so these are rules of thumb that a user who knows better may
 * overrule.
 */
#include "probe/mmioproberules.h"

#include "base/mmioerror.h"
#include "load/mmioloadbench.h"

/**
 * mmio_probe_may_measure:
 * @what: what is to be measured
 *
 * Returns: TRUE, or FALSE with %MMIO_ERROR_SETTINGS that says why not and
 *   what to type
 */
gboolean
mmio_probe_may_measure (const MmioProbeCase * what, GError ** error)
{
  if (!what->is_pci || (what->force && what->is_named))
    return TRUE;

  if (!what->is_prefetchable) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "BAR %u of %s is not prefetchable, so it may hold registers, and "
        "reading those can be a command to the device; if you know that it is "
        "safe to read, add --bar %u --force.", what->bar, what->address,
        what->bar);
    return FALSE;
  }

  if (what->size < MMIO_PROBE_SMALLEST_BAR) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "BAR %u of %s has only %" G_GUINT64_FORMAT " bytes, so it may hold "
        "registers, and reading those can be a command to the device; if you "
        "know that it is safe to read, add --bar %u --force.", what->bar,
        what->address, what->size, what->bar);
    return FALSE;
  }

  return TRUE;
}

/**
 * mmio_probe_get_widest:
 * @what: what may be measured
 *
 * Returns: bytes of the widest loads that are safe
 */
guint
mmio_probe_get_widest (const MmioProbeCase * what)
{
  if (what->is_pci && what->is_virtual && !what->force)
    return MMIO_PROBE_EMULATED_BYTES;

  return MMIO_LOADS_ALIGN;
}
