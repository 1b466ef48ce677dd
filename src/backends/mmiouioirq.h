/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "backends/mmiouionode.h"

G_BEGIN_DECLS

/**
 * MmioUioIrq:
 *
 * The interrupt of a UIO device.
 */
typedef struct _MmioUioIrq MmioUioIrq;

MmioUioIrq *mmio_uio_irq_open (const MmioUioNode * node, GError ** error);
void mmio_uio_irq_close (MmioUioIrq * irq);

int mmio_uio_irq_get_fd (const MmioUioIrq * irq);
gboolean mmio_uio_irq_take (MmioUioIrq * irq, guint * count);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioUioIrq, mmio_uio_irq_close)

G_END_DECLS
