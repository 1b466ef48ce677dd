/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pci/mmiopci.h"
#include "pci/mmiopcistate.h"

G_BEGIN_DECLS

/* The file with the lockdown mode of the kernel */
#define MMIO_PROBE_LOCKDOWN "/sys/kernel/security/lockdown"

/**
 * MmioProbeReach:
 * @MMIO_PROBE_REACH_YES: it can be mapped
 * @MMIO_PROBE_REACH_MAYBE: only mapping it shows that
 * @MMIO_PROBE_REACH_NO: it cannot be mapped
 *
 * Whether a BAR can be mapped.
 */
typedef enum {
  MMIO_PROBE_REACH_YES,
  MMIO_PROBE_REACH_MAYBE,
  MMIO_PROBE_REACH_NO,
} MmioProbeReach;

/**
 * MmioProbeFiles:
 * @has_file: there is a resourceN
 * @may_read: the user may read it
 * @may_read_wc: there is a resourceN_wc and the user may read it
 * @is_unknown: a shortage prevented a check of permissions or drivers
 * @is_locked_down: the kernel permits no maps of them
 * @may_open_vfio: the user may open the node of the device's IOMMU group
 * @has_uio: the device is bound to a UIO driver, and mmio_uio_has_all() is true
 *
 * The files of a BAR in the system.
 */
typedef struct {
  gboolean has_file;
  gboolean may_read;
  gboolean may_read_wc;
  gboolean is_unknown;
  gboolean is_locked_down;
  gboolean may_open_vfio;
  gboolean has_uio;
} MmioProbeFiles;

/**
 * MmioProbeBar:
 * @address: the device's PCI address
 * @name: the device in words
 * @number: the number of the BAR
 * @base: bus address; 0: the firmware has assigned none
 * @size: bytes
 * @is_prefetchable: the device declares that reads have no side effects
 * @driver: (nullable): the driver that is bound to the device
 * @access: sysfs, vfio or uio
 * @reach: whether it can be mapped
 * @write_combining: whether it can be mapped write-combining
 * @why: (nullable): why it cannot be mapped, or why that is not known
 *
 * A line in the table of BARs.
 */
typedef struct {
  char *address;
  char *name;
  guint number;
  guint64 base;
  guint64 size;
  gboolean is_prefetchable;
  char *driver;
  const char *access;
  MmioProbeReach reach;
  gboolean write_combining;
  char *why;
} MmioProbeBar;

GPtrArray *mmio_probe_list (const GArray * infos, const char *devices,
    const char *lockdown);

void mmio_probe_bar_judge (MmioProbeBar * bar, const MmioPciState * state,
    const MmioProbeFiles * files);

void mmio_probe_bar_free (MmioProbeBar * bar);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioProbeBar, mmio_probe_bar_free)

G_END_DECLS
