/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Converts packed 24 and 32-bit pixels to packed 32-bit ones, from and to
 * ordinary memory.  A destination is only written, once and in order, since it
 * may be memory that a display scans out.
 *
 * ORC shuffles 32-bit pixels.  It has neither 3-byte elements nor a byte
 * shuffle, so it cannot express 24-bit ones.  They have a function for each
 * instruction set with a byte shuffle, chosen at run time, and one in C with
 * the same result.
 */
#include "frame/mmioconvert.h"

#include <string.h>

#include "base/mmiocpu.h"
#include "frame/mmioconvert-orc.h"

#if defined (__x86_64__) || defined (__i386__)
#include <immintrin.h>
#define HAVE_X86 1
#elif defined (__aarch64__)
#include <arm_neon.h>
#define HAVE_NEON 1
#endif

/* Byte order of four pixels, as PSHUFB and TBL take it.  An index with the top
 * bit set becomes the byte 255, so that a consumer that reads it as alpha sees
 * an opaque frame. */
#define FILL 0x80
#define ORDER(a, b, c, d) { a, b, c, d, a + 3, b + 3, c + 3, d + 3, \
    a + 6, b + 6, c + 6, d + 6, a + 9, b + 9, c + 9, d + 9 }

struct _MmioConversion
{
  const char *from;
  const char *to;
  /* 24 bit: as a table, and as a function in C */
  guint8 order[16];
  void (*expand) (guint8 * dest, const guint8 * src, guint pixels);
  /* 32 bit */
  void (*shuffle) (guint32 * dest, const guint32 * src, int pixels);
};

/* One function each, so that the compiler optimises for constant offsets */
#define EXPAND(name, b0, b1, b2, b3) \
static void \
name (guint8 * dest, const guint8 * src, guint pixels) \
{ \
  for (guint i = 0; i < pixels; i++, dest += 4, src += 3) { \
    dest[0] = (b0); \
    dest[1] = (b1); \
    dest[2] = (b2); \
    dest[3] = (b3); \
  } \
}

/* *INDENT-OFF* */
EXPAND (keep_then_x, src[0], src[1], src[2], 0xff)
EXPAND (swap_then_x, src[2], src[1], src[0], 0xff)
EXPAND (x_then_keep, 0xff, src[0], src[1], src[2])
EXPAND (x_then_swap, 0xff, src[2], src[1], src[0])
/* *INDENT-ON* */

/* The vector functions load 4 bytes beyond the pixels that they use; C converts
 * the last pixels */
#define OVERREAD_PIXELS 2

#ifdef HAVE_X86

__attribute__((target ("ssse3")))
     static gsize
         expand_ssse3 (const MmioConversion * conversion, guint8 * dest,
    const guint8 * src, guint pixels)
{
  const __m128i order = _mm_loadu_si128 ((const __m128i *) conversion->order);
  const __m128i fill = _mm_cmpgt_epi8 (_mm_setzero_si128 (), order);
  gsize i;

  for (i = 0; i + 4 + OVERREAD_PIXELS <= pixels; i += 4) {
    __m128i v = _mm_loadu_si128 ((const __m128i *) (src + 3 * i));

    mmio_cpu_announce_stores (dest + 4 * i, 16);
    v = _mm_or_si128 (_mm_shuffle_epi8 (v, order), fill);
    _mm_storeu_si128 ((__m128i *) (dest + 4 * i), v);
  }

  return i;
}

__attribute__((target ("avx2")))
     static inline void
         expand_8 (guint8 * dest, const guint8 * src, __m256i order,
    __m256i fill)
{
  const __m128i low = _mm_loadu_si128 ((const __m128i *) src);
  const __m128i high = _mm_loadu_si128 ((const __m128i *) (src + 12));
  __m256i v = _mm256_inserti128_si256 (_mm256_castsi128_si256 (low), high, 1);

  v = _mm256_or_si256 (_mm256_shuffle_epi8 (v, order), fill);
  _mm256_storeu_si256 ((__m256i *) dest, v);
}

__attribute__((target ("avx2")))
     static gsize
         expand_avx2 (const MmioConversion * conversion, guint8 * dest,
    const guint8 * src, guint pixels)
{
  const __m256i order = _mm256_broadcastsi128_si256
      (_mm_loadu_si128 ((const __m128i *) conversion->order));
  const __m256i fill = _mm256_cmpgt_epi8 (_mm256_setzero_si256 (), order);
  gsize i;

  for (i = 0; i + 16 + OVERREAD_PIXELS <= pixels; i += 16) {
    mmio_cpu_announce_stores (dest + 4 * i, 64);
    expand_8 (dest + 4 * i, src + 3 * i, order, fill);
    expand_8 (dest + 4 * i + 32, src + 3 * i + 24, order, fill);
  }
  if (i + 8 + OVERREAD_PIXELS <= pixels) {
    expand_8 (dest + 4 * i, src + 3 * i, order, fill);
    i += 8;
  }

  return i;
}

#elif defined (HAVE_NEON)

static inline void
expand_4 (guint8 * dest, const guint8 * src, uint8x16_t order, uint8x16_t fill)
{
  vst1q_u8 (dest, vorrq_u8 (vqtbl1q_u8 (vld1q_u8 (src), order), fill));
}

/* Every arm64 CPU has NEON */
static gsize
expand_neon (const MmioConversion * conversion, guint8 * dest,
    const guint8 * src, guint pixels)
{
  const uint8x16_t order = vld1q_u8 (conversion->order);
  const uint8x16_t fill = vcgeq_u8 (order, vdupq_n_u8 (FILL));
  gsize i;

  for (i = 0; i + 16 + OVERREAD_PIXELS <= pixels; i += 16) {
    mmio_cpu_announce_stores (dest + 4 * i, 64);
    expand_4 (dest + 4 * i, src + 3 * i, order, fill);
    expand_4 (dest + 4 * i + 16, src + 3 * i + 12, order, fill);
    expand_4 (dest + 4 * i + 32, src + 3 * i + 24, order, fill);
    expand_4 (dest + 4 * i + 48, src + 3 * i + 36, order, fill);
  }
  for (; i + 4 + OVERREAD_PIXELS <= pixels; i += 4)
    expand_4 (dest + 4 * i, src + 3 * i, order, fill);

  return i;
}

#endif

static void
expand (const MmioConversion * conversion, guint8 * dest, const guint8 * src,
    guint pixels)
{
  gsize done = 0;

#ifdef HAVE_X86
  if (__builtin_cpu_supports ("avx2"))
    done = expand_avx2 (conversion, dest, src, pixels);
  else if (__builtin_cpu_supports ("ssse3"))
    done = expand_ssse3 (conversion, dest, src, pixels);
#elif defined (HAVE_NEON)
  done = expand_neon (conversion, dest, src, pixels);
#endif

  conversion->expand (dest + 4 * done, src + 3 * done, pixels - done);
}

#define KEEP_THEN_X ORDER (0, 1, 2, FILL), keep_then_x, NULL
#define SWAP_THEN_X ORDER (2, 1, 0, FILL), swap_then_x, NULL
#define X_THEN_KEEP ORDER (FILL, 0, 1, 2), x_then_keep, NULL
#define X_THEN_SWAP ORDER (FILL, 2, 1, 0), x_then_swap, NULL
#define SHUFFLE(name) { 0 }, NULL, name

/* The byte orders in mmioconvert.orc apply to little-endian words */
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
#define mmio_last_to_first mmio_orc_rotate_up
#define mmio_first_to_last mmio_orc_rotate_down
#define mmio_swap_even mmio_orc_swap_even
#define mmio_swap_odd mmio_orc_swap_odd
#else
#define mmio_last_to_first mmio_orc_rotate_down
#define mmio_first_to_last mmio_orc_rotate_up
#define mmio_swap_even mmio_orc_swap_odd
#define mmio_swap_odd mmio_orc_swap_even
#endif

static const MmioConversion conversions[] = {
  {"RGB", "RGBx", KEEP_THEN_X},
  {"RGB", "BGRx", SWAP_THEN_X},
  {"RGB", "xRGB", X_THEN_KEEP},
  {"RGB", "xBGR", X_THEN_SWAP},
  {"BGR", "BGRx", KEEP_THEN_X},
  {"BGR", "RGBx", SWAP_THEN_X},
  {"BGR", "xBGR", X_THEN_KEEP},
  {"BGR", "xRGB", X_THEN_SWAP},
  {"RGBx", "BGRx", SHUFFLE (mmio_swap_even)},
  {"RGBx", "xRGB", SHUFFLE (mmio_last_to_first)},
  {"RGBx", "xBGR", SHUFFLE (mmio_orc_swap_all)},
  {"BGRx", "RGBx", SHUFFLE (mmio_swap_even)},
  {"BGRx", "xBGR", SHUFFLE (mmio_last_to_first)},
  {"BGRx", "xRGB", SHUFFLE (mmio_orc_swap_all)},
  {"xRGB", "xBGR", SHUFFLE (mmio_swap_odd)},
  {"xRGB", "RGBx", SHUFFLE (mmio_first_to_last)},
  {"xRGB", "BGRx", SHUFFLE (mmio_orc_swap_all)},
  {"xBGR", "xRGB", SHUFFLE (mmio_swap_odd)},
  {"xBGR", "BGRx", SHUFFLE (mmio_first_to_last)},
  {"xBGR", "RGBx", SHUFFLE (mmio_orc_swap_all)},
};

/**
 * mmio_conversion_find:
 * @from: format of the frame in the BAR
 * @to: format that the consumer expects
 *
 * Returns: (nullable) (transfer none): the conversion, or NULL if it is not
 *   supported
 */
const MmioConversion *
mmio_conversion_find (const MmioFormat * from, const MmioFormat * to)
{
  for (gsize i = 0; i < G_N_ELEMENTS (conversions); i++) {
    if (strcmp (conversions[i].from, from->name) == 0 &&
        strcmp (conversions[i].to, to->name) == 0)
      return &conversions[i];
  }

  return NULL;
}

/**
 * mmio_conversion_get_pixel_bytes:
 *
 * Returns: bytes of a source pixel, 3 or 4; a converted pixel has 4
 */
guint
mmio_conversion_get_pixel_bytes (const MmioConversion * conversion)
{
  return conversion->shuffle ? 4 : 3;
}

/* ORC requires aligned words: its compiled kernels crash on an unaligned
 * destination, its emulation on an unaligned source */
static void
shuffle (const MmioConversion * conversion, guint8 * dest, const guint8 * src,
    guint pixels)
{
  guint32 from[256], to[256];

  mmio_cpu_announce_stores (dest, (gsize) 4 * pixels);
  if (((guintptr) dest | (guintptr) src) % sizeof (guint32) == 0) {
    conversion->shuffle ((guint32 *) dest, (const guint32 *) src, pixels);
    return;
  }

  while (pixels > 0) {
    const gsize n = MIN (pixels, G_N_ELEMENTS (from));

    memcpy (from, src, 4 * n);
    conversion->shuffle (to, from, n);
    memcpy (dest, to, 4 * n);
    dest += 4 * n;
    src += 4 * n;
    pixels -= n;
  }
}

/**
 * mmio_conversion_run:
 * @dest: destination, any memory; only written, once and in order
 * @src: the source pixels, ordinary memory
 * @pixels: number of pixels
 *
 * Converts pixels.
 */
void
mmio_conversion_run (const MmioConversion * conversion, guint8 * dest,
    const guint8 * src, guint pixels)
{
  if (conversion->shuffle)
    shuffle (conversion, dest, src, pixels);
  else
    expand (conversion, dest, src, pixels);
}
