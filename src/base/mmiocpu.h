/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean mmio_cpu_has_streaming_loads (void);
gboolean mmio_cpu_has_avx (void);
gboolean mmio_cpu_has_avx512 (void);
gboolean mmio_cpu_is_virtual (void);

/*
 * mmio_cpu_load_guint8() to mmio_cpu_load_guint64() are one aligned load each, which
 * the compiler does not split, join, repeat or remove.  On arm64 the load does not
 * also advance its address, as compilers prefer.  For such a load the CPU gives the
 * hypervisor no syndrome (Arm ARM, ESR_EL2.ISV), so it cannot be emulated.
 */
#if defined (__SANITIZE_THREAD__)
/* A device writes its memory while it is read; that is not a data race */
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

/* How far ahead memory is prefetched, in bytes: a page, where the CPU's own
 * prefetching ends. Measured, see docs/measurements.md; 2048 to 8192 perform
 * equally well. */
#define MMIO_CPU_AHEAD 4096

/**
 * mmio_cpu_announce_stores:
 * @memory: the memory that is being written
 * @length: bytes that are written now
 *
 * Prefetches ordinary memory that is written soon, so that the stores do not wait for
 * it.  This is a hint: it never faults, and has no effect on unmapped or uncached
 * memory.
 */
static inline void
mmio_cpu_announce_stores (const guint8 * memory, gsize length)
{
  for (gsize i = 0; i < length; i += 64)
    __builtin_prefetch (memory + MMIO_CPU_AHEAD + i, 1);
}

/**
 * mmio_cpu_announce_loads:
 * @memory: the memory that is being read
 * @length: bytes that are read now
 *
 * Prefetches memory that is read soon, like mmio_cpu_announce_stores(); for ordinary
 * memory only.
 */
static inline void
mmio_cpu_announce_loads (const guint8 * memory, gsize length)
{
  for (gsize i = 0; i < length; i += 64)
    __builtin_prefetch (memory + MMIO_CPU_AHEAD + i, 0);
}

G_END_DECLS
