/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loads to measure: each kind has one exact width.  Like those of the engines
 * they are naturally aligned, and load each byte once.  The bytes are
 * discarded.
 */
#include "load/mmioloadbench.h"

#include "base/mmiocpu.h"

#if defined (__x86_64__) || defined (__i386__)
#include <immintrin.h>
#define HAVE_X86 1
#endif

struct _MmioLoadKind
{
  const char *name;
  guint bytes;
  const char *obstacle;
    gboolean (*is_available) (void);
  void (*run) (const guint8 * bar, gsize length);
};

/* Volatile loads are not split, joined, repeated or left out by the compiler.
 * The loop is unrolled, since with ordinary memory its own cost would be
 * measured. */
#define LOADS(name, type, load) \
static void \
name (const guint8 * bar, gsize length) \
{ \
  _Pragma ("GCC unroll 4") \
  for (gsize i = 0; i < length; i += sizeof (type)) \
    (void) load (bar + i); \
}

#define VECTOR(type) *(const volatile type *)

/* *INDENT-OFF* */
LOADS (load_u32, guint32, mmio_cpu_load_guint32)
LOADS (load_u64, guint64, mmio_cpu_load_guint64)
/* *INDENT-ON* */

static gboolean
is_64_bit (void)
{
  return sizeof (gpointer) >= sizeof (guint64);
}

#ifdef HAVE_X86

/* *INDENT-OFF* */
__attribute__((target ("sse2")))
LOADS (load_sse, __m128i, VECTOR (__m128i))

__attribute__((target ("avx")))
LOADS (load_avx, __m256i, VECTOR (__m256i))

__attribute__((target ("avx512f")))
LOADS (load_avx512, __m512i, VECTOR (__m512i))
/* *INDENT-ON* */

/* Loads whole lines like mmioenginestream.c.  In assembler, since the compiler
 * leaves out an intrinsic whose result is unused. */
__attribute__((target ("sse4.1")))
     static void load_lines (const guint8 * bar, gsize length)
{
  _mm_mfence ();

  for (gsize i = 0; i < length; i += MMIO_LOADS_ALIGN) {
    __m128i a, b, c, d;

    __asm__ volatile ("movntdqa (%4), %0\n\t"
        "movntdqa 16(%4), %1\n\t"
        "movntdqa 32(%4), %2\n\t"
        "movntdqa 48(%4), %3":"=&x" (a), "=&x" (b), "=&x" (c), "=&x" (d)
        :"r" (bar + i));
  }
}

static gboolean
has_sse2 (void)
{
  return __builtin_cpu_supports ("sse2");
}

#elif defined (__aarch64__)

typedef guint64 Vector __attribute__((vector_size (16)));

/* *INDENT-OFF* */
LOADS (load_vector, Vector, VECTOR (Vector))
/* *INDENT-ON* */

static void
load_pairs (const guint8 * bar, gsize length)
{
  for (gsize i = 0; i < length; i += 32)
    __asm__ volatile ("ldp q0, q1, [%0]"::"r" (bar + i):"v0", "v1");
}

static void
load_lines (const guint8 * bar, gsize length)
{
  __asm__ volatile ("dmb ld":::"memory");

  for (gsize i = 0; i < length; i += MMIO_LOADS_ALIGN)
    __asm__ volatile ("ldnp q0, q1, [%0]\n\t"
      "ldnp q2, q3, [%0, #32]"::"r" (bar + i):"v0", "v1", "v2", "v3");
}

#endif

static const MmioLoadKind loads[] = {
  {"u32", 4, NULL, NULL, load_u32},
  {"u64", 8, "this CPU has no loads of 8 bytes", is_64_bit, load_u64},
#ifdef HAVE_X86
  {"sse", 16, "this CPU has no SSE2", has_sse2, load_sse},
  {"avx", 32, "this CPU has no AVX", mmio_cpu_has_avx, load_avx},
  {"avx512", 64, "this CPU has no AVX-512", mmio_cpu_has_avx512,
      load_avx512},
  {"movntdqa", 64, "this CPU has no SSE4.1", mmio_cpu_has_streaming_loads,
      load_lines},
#elif defined (__aarch64__)
  {"ldr q", 16, NULL, NULL, load_vector},
  {"ldp q", 32, NULL, NULL, load_pairs},
  {"ldnp q", 64, NULL, NULL, load_lines},
#endif
};

/**
 * mmio_load_kind_nth:
 * @n: 0, 1, 2, ...
 *
 * Returns: (transfer none) (nullable): the @n-th load kind for this
 *   architecture, from the narrowest to the widest; NULL after the last
 */
const MmioLoadKind *
mmio_load_kind_nth (guint n)
{
  return n < G_N_ELEMENTS (loads) ? &loads[n] : NULL;
}

/**
 * mmio_load_kind_get_name:
 *
 * Returns: (transfer none): the name of the load kind
 */
const char *
mmio_load_kind_get_name (const MmioLoadKind * load)
{
  return load->name;
}

/**
 * mmio_load_kind_get_bytes:
 *
 * Returns: width of the load (bytes)
 */
guint
mmio_load_kind_get_bytes (const MmioLoadKind * load)
{
  return load->bytes;
}

/**
 * mmio_load_kind_get_lack:
 *
 * Returns: (transfer none) (nullable): the reason why @load cannot run on this
 *   CPU; NULL: it can
 */
const char *
mmio_load_kind_get_lack (const MmioLoadKind * load)
{
  return !load->is_available || load->is_available ()? NULL : load->obstacle;
}

/**
 * mmio_load_kind_run:
 * @load: a load kind for which mmio_load_kind_get_lack() returns NULL
 * @bar: source address, a multiple of %MMIO_LOADS_ALIGN
 * @length: bytes, a multiple of %MMIO_LOADS_ALIGN
 *
 * Loads each byte once.
 */
void
mmio_load_kind_run (const MmioLoadKind * load, const guint8 * bar, gsize length)
{
  load->run (bar, length);
}
