/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "probe/mmioproberun.h"

G_BEGIN_DECLS

/**
 * MmioProbeOptions:
 * @devices: (nullable): what stands beside the options
 * @format: (nullable): name of the picture's format
 * @rate: (nullable): pictures a second, a number or a fraction
 * @plot: (nullable): the file for the bar chart
 * @help: (nullable): what to print, if that was asked for
 *
 * What was typed.
 */
typedef struct {
  char **devices;
  gint bar;
  gint64 offset;
  gint64 length;
  gint width;
  gint height;
  gint64 stride;
  char *format;
  char *rate;
  double seconds;
  gboolean force;
  gboolean json;
  char *plot;
  gboolean quiet;
  gboolean version;
  char *help;
} MmioProbeOptions;

gboolean mmio_probe_options_parse (MmioProbeOptions * options, GStrv argv,
    GError ** error);

gboolean mmio_probe_options_get_config (const MmioProbeOptions * options,
    MmioProbeConfig * config, GError ** error);

void mmio_probe_options_clear (MmioProbeOptions * options);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MmioProbeOptions, mmio_probe_options_clear)

G_END_DECLS
