/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean mmio_cpu_has_streaming_loads (void);
gboolean mmio_cpu_is_virtual (void);

/* How far ahead stores are announced: a page, since that is where the CPU's
 * own prefetching ends.  Measured, as docs/measurements.md says; 2048 to 8192
 * do as well. */
#define MMIO_CPU_AHEAD 4096

/**
 * mmio_cpu_announce_stores:
 * @memory: what is being written
 * @length: bytes that are written now
 *
 * Has ordinary memory fetched that will be written a little later, so that the
 * stores need not wait for it.  Only a hint: it never faults, and nothing
 * comes of it where there is no memory, or none that is cached.
 */
static inline void
mmio_cpu_announce_stores (const guint8 * memory, gsize length)
{
  for (gsize i = 0; i < length; i += 64)
    __builtin_prefetch (memory + MMIO_CPU_AHEAD + i, 1);
}

/**
 * mmio_cpu_announce_loads:
 * @memory: what is being loaded from
 * @length: bytes that are loaded now
 *
 * The same for loads; for ordinary memory only.
 */
static inline void
mmio_cpu_announce_loads (const guint8 * memory, gsize length)
{
  for (gsize i = 0; i < length; i += 64)
    __builtin_prefetch (memory + MMIO_CPU_AHEAD + i, 0);
}

G_END_DECLS
