/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bytes of the widest load; what is loaded from is aligned to it */
#define MMIO_LOADS_ALIGN 64

/**
 * MmioLoad:
 *
 * A load of one exact width.  Engines copy in the loads that suit them; these
 * throw away what they load, and are for measuring what a load costs.
 */
typedef struct _MmioLoad MmioLoad;

const MmioLoad *mmio_load_nth (guint n);

const char *mmio_load_get_name (const MmioLoad * load);

guint mmio_load_get_bytes (const MmioLoad * load);

const char *mmio_load_get_lack (const MmioLoad * load);

void mmio_load_run (const MmioLoad * load, const guint8 * bar, gsize length);

G_END_DECLS
