/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "describe/mmioteller.h"

G_BEGIN_DECLS

/* In the BAR that QEMU's std VGA and bochs-display have them in */
#define MMIO_VBE_OFFSET 0x500

extern const MmioTeller mmio_vbe_teller;

MmioTold mmio_vbe_ask_by (const MmioDevice * device, const guint8 * registers,
    MmioLook look, MmioStamp * stamp, MmioSpec * told, GError ** error);

G_END_DECLS
