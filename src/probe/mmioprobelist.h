/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pci/mmiopci.h"
#include "pci/mmiopcistate.h"

G_BEGIN_DECLS

/* Where the kernel says whether it is locked down */
#define MMIO_PROBE_LOCKDOWN "/sys/kernel/security/lockdown"

/**
 * MmioProbeReach:
 * @MMIO_PROBE_REACH_YES: it can be mapped
 * @MMIO_PROBE_REACH_MAYBE: only trying can tell
 * @MMIO_PROBE_REACH_NO: it cannot
 *
 * Whether a BAR can be reached.
 */
typedef enum {
  MMIO_PROBE_REACH_YES,
  MMIO_PROBE_REACH_MAYBE,
  MMIO_PROBE_REACH_NO,
} MmioProbeReach;

/**
 * MmioProbeFiles:
 * @has_file: there is a resourceN
 * @may_read: and whoever asks may read it
 * @may_read_wc: there is a resourceN_wc and he may read that
 * @is_unknown: the system had no memory to say whether he may, or what else there is
 * @is_locked_down: the kernel lets nobody map them
 * @may_open_vfio: he may open the node of the device's IOMMU group
 * @has_uio: the device is bound to a UIO driver, and that is the way to it
 *
 * What the system has for a BAR.
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
 * @number: which BAR
 * @base: bus address; 0: the firmware has given it none
 * @size: bytes
 * @is_prefetchable: reading has no side effects, says the device
 * @driver: (nullable): the driver that is bound to the device
 * @access: by what: sysfs, vfio or uio
 * @reach: whether it can be reached
 * @write_combining: and mapped write-combining
 * @why: (nullable): why not, or why only trying can tell
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
