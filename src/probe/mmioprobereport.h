/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "probe/mmioprobeadvice.h"
#include "probe/mmioprobelist.h"

G_BEGIN_DECLS

char *mmio_probe_size_to_text (guint64 bytes);
char *mmio_probe_make_printable (const char *text);

char *mmio_probe_bars_to_table (const GPtrArray * bars);
char *mmio_probe_report_to_table (const MmioProbeReport * report);

char *mmio_probe_bars_to_json (const GPtrArray * bars);
char *mmio_probe_report_to_json (const MmioProbeReport * report);

char *mmio_probe_report_to_plot (const MmioProbeReport * report);

G_END_DECLS
