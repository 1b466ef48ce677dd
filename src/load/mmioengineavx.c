/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engines with the widest loads of x86: 32 bytes by AVX, and 64 bytes, a
 * whole cache line, by AVX-512.  An uncached load of 64 bytes takes one
 * round trip on the bus, like one of 4 bytes (GDRCopy's issue 24 measured 0.65
 * microseconds), so these need the fewest round trips.
 *
 * Both compare and copy in the same pass: a line is loaded into registers once,
 * compared with the shadow, and stored.
 */
#include "load/mmioengine.h"

#include "base/mmiocpu.h"

#if defined (__x86_64__) || defined (__i386__)

#include <immintrin.h>

/* One load each.  In assembler, so that the compiler neither repeats the load
 * as the operand of another instruction nor splits it. */
#define LOAD_AVX(value, from) \
  __asm__ volatile ("vmovdqa %1, %0":"=x" (value):"m" (*(from)))
#define LOAD_AVX512(value, from) \
  __asm__ volatile ("vmovdqa64 %1, %0":"=v" (value):"m" (*(from)))

__attribute__((target ("avx")))
     static void
         avx_copy_lines (guint8 * dest, const guint8 * bar, gsize length)
{
  for (gsize i = 0; i < length; i += MMIO_LINE) {
    const __m256i *from = (const __m256i *) (bar + i);
    __m256i *to = (__m256i *) (dest + i);
    __m256i a, b;

    LOAD_AVX (a, from);
    LOAD_AVX (b, from + 1);
    _mm256_store_si256 (to, a);
    _mm256_store_si256 (to + 1, b);
  }
}

/* AVX has no comparison of integers in 32 bytes, but XOR and a test for zero */
__attribute__((target ("avx")))
     static __m256i avx_xor (__m256i a, const __m256i * shadow)
{
  return _mm256_castps_si256 (_mm256_xor_ps (_mm256_castsi256_ps (a),
          _mm256_castsi256_ps (_mm256_loadu_si256 (shadow))));
}

__attribute__((target ("avx")))
     static __m256i avx_or (__m256i a, __m256i b)
{
  return _mm256_castps_si256 (_mm256_or_ps (_mm256_castsi256_ps (a),
          _mm256_castsi256_ps (b)));
}

__attribute__((target ("avx")))
     static gboolean
         avx_compare_lines (guint8 * dest, const guint8 * bar,
    const guint8 * shadow, gsize length)
{
  __m256i differences = _mm256_setzero_si256 ();

  for (gsize i = 0; i < length; i += MMIO_LINE) {
    const __m256i *from = (const __m256i *) (bar + i);
    const __m256i *before = (const __m256i *) (shadow + i);
    __m256i *to = (__m256i *) (dest + i);
    __m256i a, b;

    LOAD_AVX (a, from);
    LOAD_AVX (b, from + 1);
    differences = avx_or (differences, avx_or (avx_xor (a, before),
            avx_xor (b, before + 1)));
    _mm256_store_si256 (to, a);
    _mm256_store_si256 (to + 1, b);
  }

  return _mm256_testz_si256 (differences, differences);
}

__attribute__((target ("avx512f")))
     static void
         avx512_copy_lines (guint8 * dest, const guint8 * bar, gsize length)
{
  for (gsize i = 0; i < length; i += MMIO_LINE) {
    __m512i a;

    LOAD_AVX512 (a, (const __m512i *) (bar + i));
    _mm512_store_si512 (dest + i, a);
  }
}

__attribute__((target ("avx512f")))
     static gboolean
         avx512_compare_lines (guint8 * dest, const guint8 * bar,
    const guint8 * shadow, gsize length)
{
  __m512i differences = _mm512_setzero_si512 ();

  for (gsize i = 0; i < length; i += MMIO_LINE) {
    __m512i a;

    LOAD_AVX512 (a, (const __m512i *) (bar + i));
    differences = _mm512_or_si512 (differences,
        _mm512_xor_si512 (a, _mm512_loadu_si512 (shadow + i)));
    _mm512_store_si512 (dest + i, a);
  }

  return _mm512_test_epi64_mask (differences, differences) == 0;
}

#define LINES(engine) \
  .copy_lines = engine ## _copy_lines, \
  .compare_lines = engine ## _compare_lines

#else
#define LINES(engine) .copy_lines = NULL
#endif

const MmioReader mmio_engine_avx = {
  .name = "avx",
  .load_bytes = 32,
  .obstacle = "this CPU has no AVX",
  .is_available = mmio_cpu_has_avx,
  .copy_words = mmio_engine_copy_u64,
  LINES (avx),
};

const MmioReader mmio_engine_avx512 = {
  .name = "avx512",
  .load_bytes = MMIO_LINE,
  .obstacle = "this CPU has no AVX-512",
  .is_available = mmio_cpu_has_avx512,
  .copy_words = mmio_engine_copy_u64,
  LINES (avx512),
};
