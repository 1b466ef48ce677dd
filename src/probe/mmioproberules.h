/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A smaller BAR has registers rather than frames: a frame of 160 x 120 pixels
 * with 24 bits has 57600 bytes */
#define MMIO_PROBE_SMALLEST_BAR ((guint64) 64 * 1024)

/* The widest load that all hypervisors can emulate (bytes) */
#define MMIO_PROBE_EMULATED_BYTES 8

/**
 * MmioProbeCase:
 * @address: the device
 * @is_pci: whether it is a PCI device
 * @bar: the BAR
 * @is_named: the user has named the BAR, not only the device
 * @size: its size in bytes
 * @is_prefetchable: the device declares that reads have no side effects
 * @is_virtual: this is a virtual machine
 * @force: the user confirms that reads are safe
 *
 * The properties that decide whether a BAR may be measured.
 */
typedef struct {
  const char *address;
  gboolean is_pci;
  guint bar;
  gboolean is_named;
  guint64 size;
  gboolean is_prefetchable;
  gboolean is_virtual;
  gboolean force;
} MmioProbeCase;

gboolean mmio_probe_may_measure (const MmioProbeCase * what, GError ** error);

guint mmio_probe_get_widest (const MmioProbeCase * what);

G_END_DECLS
