/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper.h"

#include <string.h>
#include <sys/mman.h>

#include "mmioreader.h"

/* What stands in memory that nobody may write to */
#define GUARD 0xa7

/* Wider than any engine's vector and any cache line */
#define MAX_LENGTH 200
#define MAX_PHASE 64

static guint
n_dest_phases (void)
{
  return RUNNING_ON_VALGRIND ? 3 : MAX_PHASE;
}

GST_START_TEST (test_default)
{
  const MmioReader *reader = mmio_reader_get_default ();

  fail_unless (reader != NULL);
  fail_unless_equals_string (mmio_reader_get_name (reader), "u64");
}

GST_END_TEST;

/* @dest has @length bytes of @src at @at, and what was there before around */
static void
check_copied (const guint8 * dest, gsize size, gsize at, const guint8 * src,
    gsize length)
{
  guint8 wanted[MAX_PHASE + MAX_LENGTH + MAX_PHASE];

  g_assert (size == sizeof (wanted));
  memset (wanted, GUARD, sizeof (wanted));
  memcpy (wanted + at, src, length);
  if (memcmp (dest, wanted, size) != 0)
    fail ("%" G_GSIZE_FORMAT " bytes from %p to %p", length, src, dest + at);
}

GST_START_TEST (test_copy)
{
  const MmioReader *reader = mmio_reader_get_default ();
  guint8 src[MAX_PHASE + MAX_LENGTH] __attribute__((aligned (MAX_PHASE)));
  guint8 dest[MAX_PHASE + MAX_LENGTH + MAX_PHASE]
      __attribute__((aligned (MAX_PHASE)));

  fill_random (src, sizeof (src), 1);
  for (gsize length = 0; length <= MAX_LENGTH; length++) {
    for (guint from = 0; from < MAX_PHASE; from++) {
      for (guint to = 0; to < n_dest_phases (); to++) {
        memset (dest, GUARD, sizeof (dest));
        mmio_reader_copy (reader, dest + to, src + from, length);
        check_copied (dest, sizeof (dest), to, src + from, length);
      }
    }
  }
}

GST_END_TEST;

/* Neither the byte before the first one nor the one after the last is loaded,
 * nor written: there is nothing. */
GST_START_TEST (test_copy_at_borders)
{
  const MmioReader *reader = mmio_reader_get_default ();
  Pages src, dest;

  pages_init (&src, 1);
  pages_init (&dest, 1);
  fill_random (src.data, src.size, 2);

  for (gsize length = 0; length <= MAX_LENGTH; length++) {
    for (guint distance = 0; distance < 17; distance++) {
      const guint8 *begin = src.data + distance;
      const guint8 *end = src.data + src.size - distance - length;

      mmio_reader_copy (reader, dest.data, begin, length);
      fail_unless (memcmp (dest.data, begin, length) == 0);
      mmio_reader_copy (reader, dest.data + dest.size - length, begin, length);
      fail_unless (memcmp (dest.data + dest.size - length, begin, length) == 0);

      mmio_reader_copy (reader, dest.data, end, length);
      fail_unless (memcmp (dest.data, end, length) == 0);
      mmio_reader_copy (reader, dest.data + dest.size - length, end, length);
      fail_unless (memcmp (dest.data + dest.size - length, end, length) == 0);
    }
  }

  mmio_reader_copy (reader, dest.data, src.data, src.size);
  fail_unless (memcmp (dest.data, src.data, src.size) == 0);

  /* Nothing is nothing, wherever */
  mmio_reader_copy (reader, dest.data, src.data + src.size, 0);
  mmio_reader_copy (reader, dest.data, src.data - 1, 0);

  pages_clear (&src);
  pages_clear (&dest);
}

GST_END_TEST;

typedef struct
{
  gsize row_bytes, bar_stride, dest_stride;
  guint rows;
} Rows;

static const Rows rows_table[] = {
  {9, 9, 9, 5},
  {9, 9, 10, 5},
  {9, 10, 9, 5},
  {9, 10, 10, 5},
  {9, 11, 14, 5},
  {1, 1, 1, 1},
  {1, 3, 2, 7},
  {64, 64, 64, 3},
  {64, 67, 64, 3},
  {63, 64, 65, 4},
  {33, 100, 35, 9},
  {4, 16, 8, 0},
  {0, 16, 8, 3},
  {0, 0, 0, 3},
};

GST_START_TEST (test_rows)
{
  const MmioReader *reader = mmio_reader_get_default ();
  const Rows *r = &rows_table[__i__];
  guint8 src[1024] __attribute__((aligned (64)));
  guint8 dest[1024] __attribute__((aligned (64)));
  guint8 wanted[1024];

  fill_random (src, sizeof (src), 3);
  for (guint from = 0; from < 9; from++) {
    for (guint to = 0; to < 9; to++) {
      memset (dest, GUARD, sizeof (dest));
      memset (wanted, GUARD, sizeof (wanted));
      for (guint y = 0; y < r->rows; y++)
        memcpy (wanted + to + y * r->dest_stride,
            src + from + y * r->bar_stride, r->row_bytes);

      mmio_reader_copy_rows (reader, dest + to, r->dest_stride, src + from,
          r->bar_stride, r->row_bytes, r->rows);
      fail_unless (memcmp (dest, wanted, sizeof (dest)) == 0,
          "from phase %u to phase %u", from, to);
    }
  }
}

GST_END_TEST;

/* A page for each row, and none between: rows that end where their page does,
 * and rows that begin there */
static void
pages_for_rows (Pages * pages, guint rows)
{
  pages_init (pages, 2 * rows);
  fill_random (pages->data, pages->size, 4);
  for (guint y = 0; y < rows; y++)
    fail_unless (mprotect (pages->data + (2 * y + 1) * page_size (),
            page_size (), PROT_NONE) == 0);
}

GST_START_TEST (test_rows_apart)
{
  const MmioReader *reader = mmio_reader_get_default ();
  const gsize page = page_size ();
  const guint n_rows = 3;
  Pages src, dest;

  pages_for_rows (&src, n_rows);
  pages_for_rows (&dest, n_rows);

  for (gsize length = 1; length < 80; length++) {
    const gsize last = page - length;

    for (guint y = 0; y < n_rows; y++)
      memset (dest.data + 2 * y * page, GUARD, page);

    mmio_reader_copy_rows (reader, dest.data + last, 2 * page, src.data,
        2 * page, length, n_rows);
    mmio_reader_copy_rows (reader, dest.data, 2 * page, src.data + last,
        2 * page, length, n_rows);

    for (guint y = 0; y < n_rows; y++) {
      const guint8 *from = src.data + 2 * y * page;
      const guint8 *to = dest.data + 2 * y * page;

      fail_unless (memcmp (to + last, from, length) == 0);
      fail_unless (memcmp (to, from + last, length) == 0);
      fail_unless_all (to + length, page - 2 * length, GUARD);
    }
  }

  pages_clear (&src);
  pages_clear (&dest);
}

GST_END_TEST;

/* --- Expansion ----------------------------------------------------------- */

static const char *const narrow[] = { "RGB", "BGR" };
static const char *const wide[] = { "RGBx", "BGRx", "xRGB", "xBGR" };

/* What a pixel should become, by where the formats say that its components
 * are; what is none of them is 255. */
static void
expand_naively (const MmioFormat * from, const MmioFormat * to, guint8 * dest,
    const guint8 * src, guint pixels)
{
  memset (dest, 255, 4 * pixels);
  for (guint x = 0; x < pixels; x++) {
    for (guint i = 0; i < 3; i++)
      dest[4 * x + to->component[i].offset] =
          src[3 * x + from->component[i].offset];
  }
}

GST_START_TEST (test_expansion_find)
{
  const MmioFormat *from, *to;

  for (guint i = 0; (from = test_format_nth (i)); i++) {
    for (guint j = 0; (to = test_format_nth (j)); j++) {
      const gboolean wanted = g_strv_contains ((const char *const[]) {
            "RGB", "BGR", NULL
          }, from->name) && g_strv_contains ((const char *const[]) {
            "RGBx", "BGRx", "xRGB", "xBGR", NULL
          }, to->name);
      MmioFormat from_copy = *from, to_copy = *to;
      const MmioExpansion *found = mmio_expansion_find (&from_copy, &to_copy);

      fail_unless ((found != NULL) == wanted, "%s to %s", from->name, to->name);
    }
  }
}

GST_END_TEST;

GST_START_TEST (test_expansion_run)
{
  const MmioFormat *from = test_format (narrow[__i__ / 4]);
  const MmioFormat *to = test_format (wide[__i__ % 4]);
  const MmioExpansion *expansion = mmio_expansion_find (from, to);
  guint8 src[3 * 70 + 8], dest[4 * 70 + 16], wanted[sizeof (dest)];

  fail_unless (expansion != NULL);
  fill_random (src, sizeof (src), 5);
  for (guint pixels = 0; pixels <= 70; pixels++) {
    for (guint phase = 0; phase < 8; phase++) {
      memset (dest, GUARD, sizeof (dest));
      memset (wanted, GUARD, sizeof (wanted));
      expand_naively (from, to, wanted + phase, src + phase, pixels);
      mmio_expansion_run (expansion, dest + phase, src + phase, pixels);
      fail_unless (memcmp (dest, wanted, sizeof (dest)) == 0,
          "%u pixels of phase %u", pixels, phase);
    }
  }
}

GST_END_TEST;

/* Around the sizes of vectors, of pages and of the bounce */
static const guint widths[] = {
  1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 20, 21, 22, 31, 32, 33, 63, 64, 65,
  85, 86, 127, 128, 640, 1365, 1366, 2047, 2048, 2049, 4095, 4096, 4097, 5000,
};

static void
check_expanded_rows (const char *from, const char *to, guint width,
    gsize bar_gap, gsize dest_gap, guint phase)
{
  const MmioReader *reader = mmio_reader_get_default ();
  const MmioExpansion *expansion = mmio_expansion_find (test_format (from),
      test_format (to));
  const guint rows = 3;
  const gsize bar_stride = 3 * width + bar_gap;
  const gsize dest_stride = 4 * width + dest_gap;
  const gsize src_size = bar_stride * (rows - 1) + 3 * width;
  const gsize dest_size = dest_stride * rows + 2 * 64;
  g_autofree guint8 *dest = g_malloc (dest_size);
  g_autofree guint8 *wanted = g_malloc (dest_size);
  const guint8 *bar;
  Pages src;

  /* The last row ends @phase bytes before there is nothing */
  pages_init (&src, (src_size + 2 * 64) / page_size () + 1);
  fill_random (src.data, src.size, width);
  bar = src.data + src.size - src_size - phase;

  memset (dest, GUARD, dest_size);
  memset (wanted, GUARD, dest_size);
  for (guint y = 0; y < rows; y++)
    expand_naively (test_format (from), test_format (to),
        wanted + 64 + y * dest_stride, bar + y * bar_stride, width);

  mmio_reader_expand_rows (reader, expansion, dest + 64, dest_stride, bar,
      bar_stride, width, rows);
  fail_unless (memcmp (dest, wanted, dest_size) == 0, "%s to %s, width %u, "
      "phase %u", from, to, width, phase);

  pages_clear (&src);
}

GST_START_TEST (test_expand_rows)
{
  const char *from = narrow[__i__ / 4], *to = wide[__i__ % 4];

  for (guint i = 0; i < G_N_ELEMENTS (widths); i++) {
    check_expanded_rows (from, to, widths[i], 0, 0, 0);
    check_expanded_rows (from, to, widths[i], 1, 0, 1);
    check_expanded_rows (from, to, widths[i], 5, 3, 7);
  }
}

GST_END_TEST;

/* Each place in a cache line that a row can begin at */
GST_START_TEST (test_expand_phases)
{
  for (guint phase = 0; phase < 64; phase++) {
    check_expanded_rows ("RGB", "BGRx", 23, 0, 0, phase);
    check_expanded_rows ("BGR", "xBGR", 2049, 2, 4, phase);
  }
}

GST_END_TEST;

/* What is between the rows is not loaded */
GST_START_TEST (test_expand_apart)
{
  const MmioExpansion *expansion = mmio_expansion_find (test_format ("RGB"),
      test_format ("BGRx"));
  const MmioReader *reader = mmio_reader_get_default ();
  const gsize page = page_size ();
  guint8 dest[4 * 40 * 3], wanted[4 * 40 * 3];
  Pages src;

  pages_for_rows (&src, 3);
  for (guint width = 1; width <= 40; width++) {
    const guint8 *bar[] = { src.data, src.data + page - 3 * width };

    for (guint i = 0; i < G_N_ELEMENTS (bar); i++) {
      mmio_reader_expand_rows (reader, expansion, dest, 4 * width, bar[i],
          2 * page, width, 3);
      for (guint y = 0; y < 3; y++)
        expand_naively (test_format ("RGB"), test_format ("BGRx"),
            wanted + 4 * width * y, bar[i] + 2 * page * y, width);
      fail_unless (memcmp (dest, wanted, 4 * width * 3) == 0, "%u", width);
    }
  }

  pages_clear (&src);
}

GST_END_TEST;

GST_START_TEST (test_expand_nothing)
{
  const MmioExpansion *expansion = mmio_expansion_find (test_format ("RGB"),
      test_format ("BGRx"));
  guint8 dest[4] = { GUARD, GUARD, GUARD, GUARD }, src[4] = { 0, };

  mmio_reader_expand_rows (mmio_reader_get_default (), expansion, dest, 4, src,
      3, 0, 1);
  mmio_reader_expand_rows (mmio_reader_get_default (), expansion, dest, 4, src,
      3, 1, 0);
  fail_unless_all (dest, 4, GUARD);
}

GST_END_TEST;

/* --- Registers ----------------------------------------------------------- */

GST_START_TEST (test_registers)
{
  Pages bar;
  guint8 *end;

  pages_init (&bar, 1);
  end = bar.data + bar.size;
  memcpy (bar.data, "\x01\x02\x03\xf4\x05\x06\x07\x08", 8);
  memcpy (end - 4, "\xff\xfe\xfd\xfc", 4);

  fail_unless_equals_int (mmio_reader_load_u16 (bar.data), 0x0201);
  fail_unless_equals_int (mmio_reader_load_u16 (bar.data + 2), 0xf403);
  fail_unless_equals_int64 (mmio_reader_load_u32 (bar.data), 0xf4030201);
  fail_unless_equals_int64 (mmio_reader_load_u32 (bar.data + 4), 0x08070605);
  fail_unless_equals_int (mmio_reader_load_u16 (end - 2), 0xfcfd);
  fail_unless_equals_int64 (mmio_reader_load_u32 (end - 4), 0xfcfdfeff);

  pages_clear (&bar);
}

GST_END_TEST;

static Suite *
reader_suite (void)
{
  Suite *s = suite_create ("lib-reader");
  TCase *tc = add_case (s, "copy");

  tcase_add_test (tc, test_default);
  tcase_add_test (tc, test_copy);
  tcase_add_test (tc, test_copy_at_borders);
  tcase_add_loop_test (tc, test_rows, 0, G_N_ELEMENTS (rows_table));
  tcase_add_test (tc, test_rows_apart);

  tc = add_case (s, "expansion");
  tcase_add_test (tc, test_expansion_find);
  tcase_add_loop_test (tc, test_expansion_run, 0, 8);
  tcase_add_loop_test (tc, test_expand_rows, 0, 8);
  tcase_add_test (tc, test_expand_phases);
  tcase_add_test (tc, test_expand_apart);
  tcase_add_test (tc, test_expand_nothing);

  tc = add_case (s, "registers");
  tcase_add_test (tc, test_registers);

  return s;
}

GST_CHECK_MAIN (reader);
