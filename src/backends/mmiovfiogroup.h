/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioVfioGroup:
 *
 * A PCI device opened by vfio: container, group and device.  Opening and closing may
 * reset the device.  Nothing else is done to it, and no memory is mapped for its DMA.
 * The kernel opens a group only once: meanwhile neither this process nor another can
 * open the group again, not even for another device of it.
 */
typedef struct _MmioVfioGroup MmioVfioGroup;

MmioVfioGroup *mmio_vfio_group_open (const char *address, GError ** error);
void mmio_vfio_group_close (MmioVfioGroup * vfio);

void mmio_vfio_group_release (MmioVfioGroup * vfio);

int mmio_vfio_group_get_device_fd (const MmioVfioGroup * vfio);

int mmio_vfio_is_bound (const char *address, gboolean * is_bound);
int mmio_vfio_may_open (const char *devices, const char *address,
    gboolean * may_open);

char *mmio_vfio_find_in_group (const char *path, GError ** error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioVfioGroup, mmio_vfio_group_close)

G_END_DECLS
