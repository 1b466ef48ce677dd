/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioVfioGroup:
 *
 * A PCI device opened through vfio: container, group and device.  Opening and
 * closing may reset the device; nothing else is done to it, and it gets no
 * access to any memory.  The kernel opens a group once: nobody else, in this
 * program either, can have it or another device of it meanwhile.
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
