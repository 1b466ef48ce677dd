/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioVfioIrq:
 *
 * The interrupt of a device that is opened by vfio.
 */
typedef struct _MmioVfioIrq MmioVfioIrq;

MmioVfioIrq *mmio_vfio_irq_open (int device, const char *address,
    GError ** error);
void mmio_vfio_irq_close (MmioVfioIrq * irq);

int mmio_vfio_irq_get_fd (const MmioVfioIrq * irq);
gboolean mmio_vfio_irq_take (MmioVfioIrq * irq, guint * count);

int mmio_vfio_request_open (int device, const char *address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioVfioIrq, mmio_vfio_irq_close)

G_END_DECLS
