/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "probe/mmioproberun.h"

G_BEGIN_DECLS

/**
 * MmioProbeOptions:
 * @devices: (nullable): the arguments that are no options
 * @format: (nullable): name of the frame's format
 * @rate: (nullable): frames per second, a number or a fraction
 * @plot: (nullable): the file for the bar chart
 * @help: (nullable): the help to print, if it is requested
 *
 * The options of the command line.
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
