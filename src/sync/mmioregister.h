/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "device/mmiodevice.h"
#include "frame/mmiolayout.h"

G_BEGIN_DECLS

/**
 * MmioRegister:
 *
 * A mapped register of a device.
 *
 * Locking: none; any thread may read it.
 */
typedef struct _MmioRegister MmioRegister;

gboolean mmio_register_check (const MmioDevice * device,
    const char *name, guint bar,
    const MmioRegisterSpec * spec, GError ** error);
MmioRegister *mmio_register_map (MmioDevice * device, const char *name,
    guint bar,
    const MmioRegisterSpec * spec, GError ** error);
void mmio_register_unmap (MmioRegister * reg);

guint64 mmio_register_read (const MmioRegister * reg);
guint mmio_register_get_bits (const MmioRegister * reg);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioRegister, mmio_register_unmap)

G_END_DECLS
