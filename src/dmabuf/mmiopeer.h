/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioPeerWay:
 * @MMIO_PEER_WAY_UNKNOWN: /sys does not tell where both devices are
 * @MMIO_PEER_WAY_NONE: only the host bridge is above both, and the kernel does
 *   not trust it to pass reads on
 * @MMIO_PEER_WAY_REDIRECTED: a bridge is above both, but what passes there is
 *   sent up to the host bridge, which the kernel does not trust either
 * @MMIO_PEER_WAY_HIDDEN: a bridge is above both, but whether what passes there
 *   is sent up is for root to read; the kernel does not trust the host bridge
 * @MMIO_PEER_WAY_BRIDGE: a bridge above both passes reads on
 * @MMIO_PEER_WAY_HOST: the CPU or the host bridge does
 *
 * How one PCI device reads the memory of another.
 */
typedef enum {
  MMIO_PEER_WAY_UNKNOWN,
  MMIO_PEER_WAY_NONE,
  MMIO_PEER_WAY_REDIRECTED,
  MMIO_PEER_WAY_HIDDEN,
  MMIO_PEER_WAY_BRIDGE,
  MMIO_PEER_WAY_HOST,
} MmioPeerWay;

MmioPeerWay mmio_peer_find_way (const char *reader, const char *address,
    int *lack);

G_END_DECLS
