/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "describe/mmiodescriptor.h"

G_BEGIN_DECLS

/* The offset of the registers in BAR 2 of QEMU's std VGA and bochs-display */
#define MMIO_VBE_OFFSET 0x500

extern const MmioDescriptor mmio_vbe_descriptor;

MmioDescription mmio_vbe_read_by (const MmioDevice * device, const guint8 * registers,
    MmioDescriptorPoll poll, MmioModeKey * key, MmioSpec * described, GError ** error);

G_END_DECLS
