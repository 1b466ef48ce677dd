/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean mmio_cpu_has_streaming_loads (void);
gboolean mmio_cpu_is_virtual (void);

/*
 * mmio_cpu_load_guint8() to mmio_cpu_load_guint64(): one load each, aligned,
 * that the compiler neither splits, joins, repeats nor leaves out.  On arm64
 * nor does it move the address on in the same instruction, as compilers like
 * to: of such a load the CPU does not tell a hypervisor what was to be loaded
 * (Arm ARM, ESR_EL2.ISV), and one that has to emulate it cannot.
 */
#if defined (__SANITIZE_THREAD__)
/* A device writes its memory while it is read: of that there is nothing to report */
#define MMIO_CPU_OF_DEVICE_ __attribute__((no_sanitize_thread))
#else
#define MMIO_CPU_OF_DEVICE_
#endif

#if defined (__aarch64__)
#define MMIO_CPU_LOAD_(type, instruction) \
static inline type \
mmio_cpu_load_ ## type (const guint8 * bar) \
{ \
  type value; \
  __asm__ volatile (instruction:"=r" (value):"Q" (*(const type *) bar)); \
  return value; \
}
MMIO_CPU_LOAD_ (guint8, "ldrb %w0, %1")
MMIO_CPU_LOAD_ (guint16, "ldrh %w0, %1")
MMIO_CPU_LOAD_ (guint32, "ldr %w0, %1")
MMIO_CPU_LOAD_ (guint64, "ldr %0, %1")
#else
#define MMIO_CPU_LOAD_(type) \
MMIO_CPU_OF_DEVICE_ \
static inline type \
mmio_cpu_load_ ## type (const guint8 * bar) \
{ \
  return *(const volatile type *) bar; \
}
MMIO_CPU_LOAD_ (guint8)
MMIO_CPU_LOAD_ (guint16)
MMIO_CPU_LOAD_ (guint32)
MMIO_CPU_LOAD_ (guint64)
#endif
#undef MMIO_CPU_LOAD_
#undef MMIO_CPU_OF_DEVICE_

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
