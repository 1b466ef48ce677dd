/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine for write-combining maps.  Other loads fetch such memory in their
 * own width.  Consecutive streaming loads fetch a whole line once (Intel SDM
 * volume 1, 12.10.3).
 */
#include "load/mmioengine.h"

#include "base/mmiocpu.h"

#if defined (__x86_64__) || defined (__i386__)
#include <smmintrin.h>
#endif

#if defined (__x86_64__) || defined (__i386__)

__attribute__((target ("sse4.1")))
     static void
         stream_copy_lines (guint8 * dest, const guint8 * bar, gsize length)
{
  /* Streaming loads are weakly ordered; without the fence they could return
   * lines that were fetched for the previous frame */
  _mm_mfence ();

  for (gsize i = 0; i < length; i += MMIO_LINE) {
    __m128i *from = (__m128i *) (bar + i);
    __m128i *to = (__m128i *) (dest + i);
    __m128i a = _mm_stream_load_si128 (from);
    __m128i b = _mm_stream_load_si128 (from + 1);
    __m128i c = _mm_stream_load_si128 (from + 2);
    __m128i d = _mm_stream_load_si128 (from + 3);

    _mm_store_si128 (to, a);
    _mm_store_si128 (to + 1, b);
    _mm_store_si128 (to + 2, c);
    _mm_store_si128 (to + 3, d);
  }
}

#elif defined (__aarch64__)

static void
stream_copy_lines (guint8 * dest, const guint8 * bar, gsize length)
{
  /* For the same reason.  LDNP is a load with a non-temporal hint. */
  __asm__ volatile ("dmb ld":::"memory");

  for (gsize i = 0; i < length; i += MMIO_LINE) {
    __asm__ volatile ("ldnp q0, q1, [%1]\n\t"
        "ldnp q2, q3, [%1, #32]\n\t"
        "stp q0, q1, [%0]\n\t"
        "stp q2, q3, [%0, #32]"::"r" (dest + i), "r" (bar + i)
        :"v0", "v1", "v2", "v3", "memory");
  }
}

#else

static void
stream_copy_lines (guint8 * dest, const guint8 * bar, gsize length)
{
  mmio_engine_copy_u64 (dest, bar, length);
}

#endif

const MmioReader mmio_engine_stream = {
  .name = "stream",
  .load_bytes = MMIO_LINE,
  .obstacle = "this CPU has no streaming loads",
  .is_available = mmio_cpu_has_streaming_loads,
  .copy_words = mmio_engine_copy_u64,
  .copy_lines = stream_copy_lines,
  .keep_stores_apart = TRUE,
};
