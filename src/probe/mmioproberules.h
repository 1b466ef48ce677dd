/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A smaller BAR holds registers rather than pictures: a picture of 160 x 120
 * pixels of 24 bits takes 57600 bytes */
#define MMIO_PROBE_SMALLEST_BAR ((guint64) 64 * 1024)

/* The loads that every hypervisor can emulate */
#define MMIO_PROBE_EMULATED_BYTES 8

/**
 * MmioProbeCase:
 * @address: the device
 * @is_pci: whether it is a PCI device
 * @bar: the BAR
 * @is_named: the user has named it, too, and not the device only
 * @size: its size in bytes
 * @is_prefetchable: reading has no side effects, says the device
 * @is_virtual: this is a virtual machine
 * @force: the user says that it is safe
 *
 * What is to be measured, as far as it decides whether that is safe.
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
