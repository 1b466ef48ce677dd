/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A kernel with DRM devices, a PCI bus and udmabuf, for machines that have neither, and
 * for what no machine does at will.  It takes the place of libc's open(),
 * ioctl(), opendir() and realpath() for all that runs in the process, plugins too: symbols
 * of the executable come first.  So it has to be compiled into the executable,
 * with export_dynamic.  What it does not fake goes on to the next one.
 *
 * It fakes nothing before fakekernel_start() and after fakekernel_stop(); in
 * between there are only the DRM devices that fakekernel_add_drm() added and the
 * PCI devices that fakekernel_add_pci() added, /sys has nothing else in it,
 * /proc/cpuinfo is that of a CPU that nothing is known of, and /dev/udmabuf
 * works.  Everything here may be called by any thread; nothing
 * here needs the check library. */

#include <glib.h>

G_BEGIN_DECLS

/**
 * FakeDrm:
 * @card: (nullable): name of its node with displays, "card0"
 * @render: (nullable): name of its render node, "renderD128"
 * @driver: name of the driver
 * @has_master: somebody else is the card's master
 * @open_errno: why its nodes cannot be opened, or 0
 * @version_errno: why it does not say which driver it has, or 0
 * @import_errno: why it imports nothing, or 0
 * @planes_errno: why it does not say which planes it has, or 0
 * @pci: (nullable): the PCI device that it is, by its directory in
 *   /sys/devices; NULL: it is none
 * @formats: (nullable) (array zero-terminated=1): what its planes scan out,
 *   as fourccs; NULL: it has no displays; empty: it has no planes
 *
 * A DRM device.  One that has displays has two planes, of which the second, a
 * cursor, only has AR24.
 */
typedef struct
{
  const char *card;
  const char *render;
  const char *driver;
  gboolean has_master;
  int open_errno;
  int version_errno;
  int import_errno;
  int planes_errno;
  const char *pci;
  const guint32 *formats;
} FakeDrm;

/**
 * FakeDrmCounts:
 * @opens: how often a node of it was opened
 * @card_opens: how often it was that with displays
 * @imports: dma-bufs that it imported
 * @handles: those that it has not let go of
 * @refused: dma-bufs that it was to import and did not
 * @is_master: who opened the card became its master and still is
 * @asked_as_master: anything was asked by one who was master
 *
 * What a DRM device was asked for.
 */
typedef struct
{
  guint opens;
  guint card_opens;
  guint imports;
  guint handles;
  guint refused;
  gboolean is_master;
  gboolean asked_as_master;
} FakeDrmCounts;

void fakekernel_start (void);
void fakekernel_stop (void);

/* Returns: its number, for fakekernel_get_drm_counts(); @drm is copied, but
 * what it points to has to stay */
guint fakekernel_add_drm (const FakeDrm * drm);
FakeDrmCounts fakekernel_get_drm_counts (guint number);

/**
 * FakePci:
 * @path: its directory in /sys/devices, "pci0000:00/0000:00:01.0/0000:01:00.0";
 *   those above it need not have been added
 * @vendor: its vendor
 * @device: what the vendor calls it
 * @class: its class, 0x030000
 * @group: (nullable): its IOMMU group, "7"
 * @acs: what it has switched on of ACS (its control register); 0: it has no
 *   such capability
 * @is_hidden: its configuration is only read as far as plain users may
 *
 * A PCI device.
 */
typedef struct
{
  const char *path;
  guint vendor;
  guint device;
  guint class;
  const char *group;
  guint acs;
  gboolean is_hidden;
} FakePci;

void fakekernel_add_pci (const FakePci * pci);

/* What is in /proc/cpuinfo from now on */
void fakekernel_set_cpuinfo (const char *text);

/* Changes what becomes of the next imports */
void fakekernel_set_import_errno (guint number, int errnum);

/* From now on opening /dev/udmabuf, or making a dma-buf with it, fails with
 * these; 0: does not fail */
void fakekernel_set_udmabuf (int open_errno, int create_errno);

/* How many dma-bufs udmabuf has made.  Each is a descriptor of the memfd
 * itself: who maps it sees the memfd from its start, whatever the offset. */
guint fakekernel_count_udmabufs (void);

/* How often /dev/udmabuf was opened, in vain or not */
guint fakekernel_count_udmabuf_opens (void);

/* How often the CPU's accesses to a dma-buf were announced
 * (DMA_BUF_IOCTL_SYNC) */
guint fakekernel_count_syncs (void);

G_END_DECLS
