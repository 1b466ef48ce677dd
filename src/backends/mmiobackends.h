/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The constructors of the back ends.  Only back ends and mmioopen.c, which
 * chooses one, include this file. */

#include "device/mmiobackend.h"

G_BEGIN_DECLS

MmioDevice *mmio_sim_new (void);
MmioDevice *mmio_file_open (const char *path, GError ** error);
MmioDevice *mmio_sysfs_open (const MmioPciInfo * info, GError ** error);
MmioDevice *mmio_vfio_open (const MmioPciInfo * info, GError ** error);
MmioDevice *mmio_uio_open (const MmioPciInfo * info, GError ** error);
MmioDevice *mmio_uio_open_path (guint number, const char *map,
    GError ** error);

gboolean mmio_sysfs_parse_path (const char *path, MmioAddress * address,
    gint * bar, MmioMapping * mapping, GError ** error);

G_END_DECLS
