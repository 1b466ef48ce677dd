/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "device/mmiodevice.h"
#include "frame/mmiolayout.h"
#include "probe/mmioprobeimport.h"
#include "probe/mmioprobemeasure.h"

G_BEGIN_DECLS

/**
 * MmioProbeConfig:
 * @device: the device, as the user calls it
 * @bar: the BAR; -1: the first that holds the range and may be measured
 * @spec: the user's picture, as far as he says it; its offset is where
 *   measuring begins, too
 * @length: bytes to measure; 0: the picture, or what there is
 * @rate: pictures a second
 * @seconds: how long measuring may take, more or less
 * @is_virtual: this is a virtual machine
 * @force: measure what had better not be
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
 * @asked: how it was to be mapped
 * @obtained: how it was mapped, as far as the kernel tells
 * @skipped: (nullable): why nothing was measured on this map
 * @results: (nullable) (element-type MmioProbeResult): what was measured
 *
 * What was measured on one map.
 */
typedef struct {
  MmioMapping asked;
  MmioMapping obtained;
  char *skipped;
  GPtrArray *results;
} MmioProbeMap;

/**
 * MmioProbeReport:
 * @config: what was to be measured
 * @address: the device
 * @name: the device in words
 * @access: how it was reached
 * @bar: the BAR, -1 for what has none
 * @bar_size: its size, or that of the file
 * @is_prefetchable: what the device says of it
 * @offset: where in the BAR measuring began
 * @length: bytes of the BAR that were measured
 * @rounds: how often
 * @has_frame: whether @layout is known
 * @layout: the user's picture
 * @maps: (element-type MmioProbeMap): what was measured
 * @import: (nullable): who can import it
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
