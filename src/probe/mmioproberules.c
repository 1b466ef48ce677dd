/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decides whether a BAR may be measured.  A read may have side effects on a device, and
 * a load that a hypervisor cannot emulate stops the virtual machine.  Neither can be
 * known from outside, so these are heuristics that the user can override.
 */
#include "probe/mmioproberules.h"

#include "base/mmioerror.h"
#include "load/mmioloadbench.h"

/**
 * mmio_probe_may_measure:
 * @what: the BAR to measure
 *
 * Returns: TRUE; or FALSE with %MMIO_ERROR_SETTINGS set, which has the reason and the
 *   options that override it
 */
gboolean
mmio_probe_may_measure (const MmioProbeCase * what, GError ** error)
{
  if (!what->is_pci || (what->force && what->is_named))
    return TRUE;

  if (!what->is_prefetchable) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot measure BAR %u of %s: it is not prefetchable, so it may have "
        "registers whose reads have side effects. If it is safe to read, add "
        "--bar %u --force.", what->bar, what->address, what->bar);
    return FALSE;
  }

  if (what->size < MMIO_PROBE_SMALLEST_BAR) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot measure BAR %u of %s: it has only %" G_GUINT64_FORMAT " bytes, "
        "so it may have registers whose reads have side effects. If it is safe "
        "to read, add --bar %u --force.", what->bar,
        what->address, what->size, what->bar);
    return FALSE;
  }

  return TRUE;
}

/**
 * mmio_probe_get_widest:
 * @what: the BAR to measure
 *
 * Returns: the widest safe load (bytes)
 */
guint
mmio_probe_get_widest (const MmioProbeCase * what)
{
  if (what->is_pci && what->is_virtual && !what->force)
    return MMIO_PROBE_EMULATED_BYTES;

  return MMIO_LOADS_ALIGN;
}
