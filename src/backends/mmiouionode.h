/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pci/mmiopci.h"

G_BEGIN_DECLS

/* The limit of the kernel (MAX_UIO_MAPS) */
#define MMIO_UIO_MAX_MAPS 5

/**
 * MmioUioMap:
 * @name: (nullable): its name by the driver
 * @base: physical address of the memory
 * @skip: bytes from the start of the map to @base, less than a page
 * @size: bytes from @base to the end of the map; drivers round it up to pages
 *
 * A map of a UIO device.
 */
typedef struct {
  char *name;
  guint64 base;
  guint64 skip;
  guint64 size;
} MmioUioMap;

/**
 * MmioUioNode:
 * @number: the number N of /dev/uioN
 * @path: the node
 * @name: (nullable): the name of the device by the driver
 * @slot: (nullable): the PCI address of the device; NULL if it is not on that bus
 * @n_maps: number of maps
 * @map: the maps
 *
 * The description of a UIO device in sysfs.
 */
typedef struct {
  guint number;
  char *path;
  char *name;
  char *slot;
  guint n_maps;
  MmioUioMap map[MMIO_UIO_MAX_MAPS];
} MmioUioNode;

gboolean mmio_uio_parse_path (const char *path, guint * number, char **map);
int mmio_uio_find (const char *devices, const char *address, guint * number);

int mmio_uio_node_init (MmioUioNode * node, guint number);
void mmio_uio_node_clear (MmioUioNode * node);

int mmio_uio_node_exists (const MmioUioNode * node, gboolean * exists);
int mmio_uio_node_open (const MmioUioNode * node, const char *attribute);
int mmio_uio_node_read (const MmioUioNode * node, const char *attribute,
    char **text);
gint mmio_uio_node_find_bar (const MmioUioNode * node,
    const MmioBar * bar);

int mmio_uio_has_all (const char *devices, const MmioPciInfo * info,
    gboolean * has_all);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MmioUioNode, mmio_uio_node_clear)

G_END_DECLS
