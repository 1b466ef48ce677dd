/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Directories of the kernel's DRM devices, and of their nodes from udev */
#define MMIO_DRM_SYSFS "/sys/class/drm"
#define MMIO_DRM_NODES "/dev/dri"

/**
 * MmioDrmDevice:
 * @card: (nullable): the node with the displays, /dev/dri/card0
 * @render: (nullable): the node for unprivileged use, /dev/dri/renderD128
 *
 * The nodes of a DRM device; at least one is set.
 */
typedef struct {
  char *card;
  char *render;
} MmioDrmDevice;

int mmio_drm_list (GPtrArray ** devices);

int mmio_drm_open (const char *node);
char *mmio_drm_get_driver (int fd);
int mmio_drm_scans_out (int fd, guint32 fourcc);

G_END_DECLS
