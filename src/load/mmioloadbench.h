/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bytes of the widest load; addresses and lengths must be multiples of it */
#define MMIO_LOADS_ALIGN 64

/**
 * MmioLoadKind:
 *
 * A load of one exact width and instruction, to measure its cost.  The loaded
 * bytes are discarded.
 */
typedef struct _MmioLoadKind MmioLoadKind;

const MmioLoadKind *mmio_load_kind_nth (guint n);

const char *mmio_load_kind_get_name (const MmioLoadKind * load);

guint mmio_load_kind_get_bytes (const MmioLoadKind * load);

const char *mmio_load_kind_get_lack (const MmioLoadKind * load);

void mmio_load_kind_run (const MmioLoadKind * load, const guint8 * bar, gsize length);

G_END_DECLS
