/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioP2pdmaRoute:
 * @MMIO_P2PDMA_ROUTE_UNKNOWN: /sys does not show the place of both devices
 * @MMIO_P2PDMA_ROUTE_NONE: only the host bridge is above both, and the kernel does
 *   not trust it to forward reads
 * @MMIO_P2PDMA_ROUTE_REDIRECTED: a bridge is above both, but redirects reads to the
 *   host bridge, which the kernel does not trust
 * @MMIO_P2PDMA_ROUTE_HIDDEN: a bridge is above both, but only root can read
 *   whether it redirects; the kernel does not trust the host bridge
 * @MMIO_P2PDMA_ROUTE_BRIDGE: a bridge above both forwards reads
 * @MMIO_P2PDMA_ROUTE_HOST: the CPU or the host bridge forwards reads
 *
 * The route by which one PCI device reads the memory of another.
 */
typedef enum {
  MMIO_P2PDMA_ROUTE_UNKNOWN,
  MMIO_P2PDMA_ROUTE_NONE,
  MMIO_P2PDMA_ROUTE_REDIRECTED,
  MMIO_P2PDMA_ROUTE_HIDDEN,
  MMIO_P2PDMA_ROUTE_BRIDGE,
  MMIO_P2PDMA_ROUTE_HOST,
} MmioP2pdmaRoute;

MmioP2pdmaRoute mmio_p2pdma_find_route (const char *reader, const char *address,
    int *shortage);

G_END_DECLS
