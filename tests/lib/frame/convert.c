/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixtures/helper.h"

#include <string.h>

/* All of it, for there is no other way to the functions for single CPUs */
#include "frame/mmioconvert.c"

/* What stands in memory that nobody may write to */
#define GUARD 0xa7

static const char *const pairs[][2] = {
  {"RGB", "RGBx"}, {"RGB", "BGRx"}, {"RGB", "xRGB"}, {"RGB", "xBGR"},
  {"BGR", "RGBx"}, {"BGR", "BGRx"}, {"BGR", "xRGB"}, {"BGR", "xBGR"},
  {"RGBx", "BGRx"}, {"RGBx", "xRGB"}, {"RGBx", "xBGR"},
  {"BGRx", "RGBx"}, {"BGRx", "xRGB"}, {"BGRx", "xBGR"},
  {"xRGB", "RGBx"}, {"xRGB", "BGRx"}, {"xRGB", "xBGR"},
  {"xBGR", "RGBx"}, {"xBGR", "BGRx"}, {"xBGR", "xRGB"},
};

#define N_NARROW 8

typedef struct
{
  const MmioFormat *from;
  const MmioFormat *to;
  const MmioConversion *conversion;
  guint pixel_bytes;
} Pair;

static Pair
get_pair (guint i)
{
  Pair pair = {
    .from = test_format (pairs[i][0]),
    .to = test_format (pairs[i][1]),
    .pixel_bytes = i < N_NARROW ? 3 : 4,
  };

  pair.conversion = mmio_conversion_find (pair.from, pair.to);
  fail_unless (pair.conversion != NULL, "%s to %s", pairs[i][0], pairs[i][1]);
  return pair;
}

/* Where the byte is that is no component */
static guint
get_filler (const MmioFormat * format)
{
  return 6 - format->component[0].offset - format->component[1].offset -
      format->component[2].offset;
}

/* What a pixel should become, by where the formats say that its components
 * are; what is none of them goes to what is none of them, or is 255. */
static void
convert_naively (const Pair * pair, guint8 * dest, const guint8 * src,
    guint pixels)
{
  for (guint x = 0; x < pixels; x++) {
    for (guint i = 0; i < 3; i++)
      dest[4 * x + pair->to->component[i].offset] =
          src[pair->pixel_bytes * x + pair->from->component[i].offset];
    dest[4 * x + get_filler (pair->to)] = pair->pixel_bytes == 3 ? 255 :
        src[4 * x + get_filler (pair->from)];
  }
}

GST_START_TEST (test_find)
{
  const MmioFormat *from, *to;
  guint n_found = 0;

  for (guint i = 0; (from = test_format_nth (i)); i++) {
    for (guint j = 0; (to = test_format_nth (j)); j++) {
      MmioFormat from_copy = *from, to_copy = *to;
      const MmioConversion *found = mmio_conversion_find (&from_copy, &to_copy);
      gboolean wanted = FALSE;

      for (guint k = 0; k < G_N_ELEMENTS (pairs); k++)
        wanted |= strcmp (pairs[k][0], from->name) == 0 &&
            strcmp (pairs[k][1], to->name) == 0;

      fail_unless ((found != NULL) == wanted, "%s to %s", from->name, to->name);
      if (found)
        fail_unless_equals_int (mmio_conversion_get_pixel_bytes (found),
            from->component[0].pixel_stride);
      n_found += wanted;
    }
  }

  fail_unless_equals_int (n_found, G_N_ELEMENTS (pairs));
}

GST_END_TEST;

#define MAX_PIXELS 70

/* Around the sizes of vectors, from and to any address */
GST_START_TEST (test_run)
{
  const Pair pair = get_pair (__i__);
  const guint step = RUNNING_ON_VALGRIND ? 5 : 1;
  guint8 src[4 * MAX_PIXELS + 16] __attribute__((aligned (64)));
  guint8 dest[4 * MAX_PIXELS + 32] __attribute__((aligned (64)));
  guint8 wanted[sizeof (dest)];

  fill_random (src, sizeof (src), 5);
  for (guint pixels = 0; pixels <= MAX_PIXELS; pixels++) {
    for (guint from = 0; from < 16; from += step) {
      for (guint to = 0; to < 16; to += step) {
        memset (dest, GUARD, sizeof (dest));
        memset (wanted, GUARD, sizeof (wanted));
        convert_naively (&pair, wanted + to, src + from, pixels);
        mmio_conversion_run (pair.conversion, dest + to, src + from, pixels);
        if (memcmp (dest, wanted, sizeof (dest)) != 0)
          fail ("%s to %s: %u pixels from phase %u to %u", pair.from->name,
              pair.to->name, pixels, from, to);
      }
    }
  }
}

GST_END_TEST;

/* Around what is done at a time where the destination is at an odd address,
 * and the largest row there is */
static const guint widths[] = {
  127, 128, 129, 255, 256, 257, 258, 511, 512, 513, 640, 767, 768, 769, 1023,
  1024, 1025, 1366, 4095, 4096, 4097, 65535,
};

GST_START_TEST (test_run_long)
{
  const Pair pair = get_pair (__i__);
  const gsize size = 4 * 65535 + 64;
  g_autofree guint8 *src = g_malloc (size);
  g_autofree guint8 *dest = g_malloc (size);
  g_autofree guint8 *wanted = g_malloc (size);

  fill_random (src, size, 6);
  for (guint i = 0; i < G_N_ELEMENTS (widths); i++) {
    const gsize used = 4 * widths[i] + 32;

    for (guint to = 0; to < 6; to++) {
      memset (dest, GUARD, used);
      memset (wanted, GUARD, used);
      convert_naively (&pair, wanted + to, src + to / 2, widths[i]);
      mmio_conversion_run (pair.conversion, dest + to, src + to / 2, widths[i]);
      fail_unless (memcmp (dest, wanted, used) == 0, "%s to %s, %u to phase "
          "%u", pair.from->name, pair.to->name, widths[i], to);
    }
  }
}

GST_END_TEST;

/* Of pixels that are all there is: not a byte before or after is loaded, nor
 * one written */
GST_START_TEST (test_run_at_borders)
{
  const Pair pair = get_pair (__i__);
  guint8 wanted[4 * 300];
  Pages src, dest;

  pages_init (&src, 1);
  pages_init (&dest, 1);
  fill_random (src.data, src.size, 7);

  for (guint pixels = 0; pixels <= 300; pixels++) {
    const gsize from_bytes = pair.pixel_bytes * pixels, to_bytes = 4 * pixels;
    const guint8 *from[] = { src.data, src.data + src.size - from_bytes };
    guint8 *to[] = { dest.data, dest.data + dest.size - to_bytes };

    for (guint i = 0; i < 4; i++) {
      convert_naively (&pair, wanted, from[i / 2], pixels);
      mmio_conversion_run (pair.conversion, to[i % 2], from[i / 2], pixels);
      fail_unless (memcmp (to[i % 2], wanted, to_bytes) == 0, "%u", pixels);
    }
  }

  pages_clear (&src);
  pages_clear (&dest);
}

GST_END_TEST;

/* --- Each CPU's code ----------------------------------------------------- */

/* In C alone */
GST_START_TEST (test_c)
{
  const Pair pair = get_pair (__i__);
  guint8 src[3 * MAX_PIXELS + 8], dest[4 * MAX_PIXELS + 16];
  guint8 wanted[sizeof (dest)];

  fill_random (src, sizeof (src), 8);
  for (guint pixels = 0; pixels <= MAX_PIXELS; pixels++) {
    memset (dest, GUARD, sizeof (dest));
    memset (wanted, GUARD, sizeof (wanted));
    convert_naively (&pair, wanted + 5, src + 3, pixels);
    pair.conversion->expand (dest + 5, src + 3, pixels);
    fail_unless (memcmp (dest, wanted, sizeof (dest)) == 0, "%u", pixels);
  }
}

GST_END_TEST;

#if defined (HAVE_X86) || defined (HAVE_NEON)

typedef gsize (*Expand) (const MmioConversion * conversion, guint8 * dest,
    const guint8 * src, guint pixels);

/* What it says it has done is done as C does it, the rest is not touched, and
 * that is what loads of whole vectors cannot do */
static void
check_level (const Pair * pair, Expand level, guint vector)
{
  Pages src;
  guint8 dest[4 * MAX_PIXELS + 16], wanted[sizeof (dest)];

  pages_init (&src, 1);
  fill_random (src.data, src.size, 9);
  for (guint pixels = 0; pixels <= MAX_PIXELS; pixels++) {
    const guint8 *from = src.data + src.size - 3 * pixels;
    const guint8 *end = from + 3 * pixels;
    guint done;

    for (guint back = 0; back < 16; back++, from--) {
      memset (dest, GUARD, sizeof (dest));
      memset (wanted, GUARD, sizeof (wanted));
      done = level (pair->conversion, dest + back, from, pixels);
      fail_unless (done <= pixels && done % vector == 0);
      fail_unless (done + vector + 2 > pixels, "%u of %u", done, pixels);
      pair->conversion->expand (wanted + back, from, done);
      fail_unless (memcmp (dest, wanted, sizeof (dest)) == 0, "%u", pixels);
    }
    fail_unless (end == src.data + src.size);
  }
  pages_clear (&src);
}

#endif

#ifdef HAVE_X86

GST_START_TEST (test_ssse3)
{
  const Pair pair = get_pair (__i__);

  if (__builtin_cpu_supports ("ssse3"))
    check_level (&pair, expand_ssse3, 4);
  else
    g_print ("SKIP: run this on a CPU with SSSE3\n");
}

GST_END_TEST;

GST_START_TEST (test_avx2)
{
  const Pair pair = get_pair (__i__);

  if (__builtin_cpu_supports ("avx2"))
    check_level (&pair, expand_avx2, 8);
  else
    g_print ("SKIP: run this on a CPU with AVX2\n");
}

GST_END_TEST;

#elif defined (HAVE_NEON)

GST_START_TEST (test_neon)
{
  const Pair pair = get_pair (__i__);

  check_level (&pair, expand_neon, 4);
}

GST_END_TEST;

#endif

static Suite *
convert_suite (void)
{
  Suite *s = suite_create ("lib-convert");
  TCase *tc = add_case (s, "general");

  tcase_add_test (tc, test_find);
  tcase_add_loop_test (tc, test_run, 0, G_N_ELEMENTS (pairs));
  tcase_add_loop_test (tc, test_run_long, 0, G_N_ELEMENTS (pairs));
  tcase_add_loop_test (tc, test_run_at_borders, 0, G_N_ELEMENTS (pairs));

  tc = add_case (s, "cpu");
  tcase_add_loop_test (tc, test_c, 0, N_NARROW);
#ifdef HAVE_X86
  tcase_add_loop_test (tc, test_ssse3, 0, N_NARROW);
  tcase_add_loop_test (tc, test_avx2, 0, N_NARROW);
#elif defined (HAVE_NEON)
  tcase_add_loop_test (tc, test_neon, 0, N_NARROW);
#endif

  return s;
}

GST_CHECK_MAIN (convert);
