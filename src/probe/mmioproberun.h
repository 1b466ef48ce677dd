/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "device/mmiodevice.h"
#include "frame/mmiolayout.h"
#include "probe/mmioprobeimport.h"
#include "probe/mmioprobemeasure.h"

G_BEGIN_DECLS

/**
 * MmioProbeConfig:
 * @device: the device, as the user names it
 * @bar: the BAR; -1: the first that contains the range and may be measured
 * @spec: the user's frame, as far as it is set; its offset is also the start of the range
 * @length: bytes to measure; 0: the frame, or the whole memory
 * @rate: frames per second
 * @seconds: approximate time of all measurements
 * @is_virtual: this is a virtual machine
 * @force: measure also what the rules refuse
 *
 * What to measure.
 */
typedef struct {
  const char *device;
  gint bar;
  MmioSpec spec;
  guint64 length;
  double rate;
  double seconds;
  gboolean is_virtual;
  gboolean force;
} MmioProbeConfig;

/**
 * MmioProbeMap:
 * @requested: the requested mapping
 * @obtained: the actual mapping, as far as the kernel reports it
 * @skipped: (nullable): why nothing was measured on this map
 * @results: (nullable) (element-type MmioProbeResult): the results
 *
 * The measurements on one map.
 */
typedef struct {
  MmioMapping requested;
  MmioMapping obtained;
  char *skipped;
  GPtrArray *results;
} MmioProbeMap;

/**
 * MmioProbeReport:
 * @config: what to measure
 * @address: the device
 * @name: the device in words
 * @access: the name of its back end
 * @bar: the BAR; -1 if it has none
 * @bar_size: size of the BAR or the file (bytes)
 * @is_prefetchable: the device declares that reads have no side effects
 * @offset: start of the measured range in the BAR (bytes)
 * @length: size of the measured range (bytes)
 * @rounds: number of rounds
 * @has_frame: whether @layout is known
 * @layout: the user's frame
 * @maps: (element-type MmioProbeMap): the measurements
 * @import: (nullable): the importers
 *
 * The measurements of a device.
 */
typedef struct {
  const MmioProbeConfig *config;
  char *address;
  char *name;
  const char *access;
  gint bar;
  guint64 bar_size;
  gboolean is_prefetchable;
  guint64 offset;
  gsize length;
  guint rounds;
  gboolean has_frame;
  MmioLayout layout;
  GPtrArray *maps;
  MmioProbeImport *import;
} MmioProbeReport;

MmioProbeReport *mmio_probe_run (const MmioProbeConfig * config,
    MmioDevice * device, MmioProbeProgress progress, gpointer user_data,
    GError ** error);

void mmio_probe_report_free (MmioProbeReport * report);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioProbeReport, mmio_probe_report_free)

G_END_DECLS
