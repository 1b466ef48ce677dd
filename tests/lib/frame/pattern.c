/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixtures/helper.h"

#include <math.h>
#include <string.h>

#include "frame/mmiopattern.h"

typedef struct
{
  guint width, height;
} Size;

/* Memory that stands for a BAR, with room behind the picture */
static guint8 *
bar_new (const MmioLayout * picture, guint8 fill)
{
  guint8 *bar = g_malloc (picture->end + 64);

  memset (bar, fill, picture->end + 64);
  return bar;
}

static gsize
bar_size (const MmioLayout * picture)
{
  return picture->end + 64;
}

/* --- Painting ------------------------------------------------------------ */

/* Nothing is written where no picture is: before it, between rows and planes,
 * behind it */
static void
check_outside (const MmioLayout * picture, const guint8 * bar, guint8 fill)
{
  for (gsize i = 0; i < bar_size (picture); i++) {
    if (bar[i] != fill && !in_picture (picture, i))
      fail ("%s %ux%u: byte %" G_GSIZE_FORMAT " was written",
          picture->format.name, picture->width, picture->height, i);
  }
}

GST_START_TEST (test_outside)
{
  static const Size sizes[] = { {1, 1}, {2, 2}, {3, 5}, {33, 17}, {64, 48} };
  const MmioFormat *format = test_format_nth (__i__);

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    const guint stride = mmio_format_row_bytes (format, 0, sizes[i].width) + 5;
    const MmioLayout picture = test_picture (format->name, sizes[i].width,
        sizes[i].height, 13, stride);

    for (guint n = 0; n < 2; n++) {
      const guint8 fill = n ? 0x5a : 0xa5;
      g_autofree guint8 *bar = bar_new (&picture, fill);

      mmio_pattern_paint (&picture, bar, 12345);
      check_outside (&picture, bar, fill);
      mmio_pattern_repaint (&picture, bar, 12345, 12399);
      check_outside (&picture, bar, fill);
    }
  }
}

GST_END_TEST;

/* Reads a component as somebody would who knows nothing but the format, as a
 * number of 0 to 1 */
static gdouble
get_component (const MmioLayout * picture, const guint8 * bar, guint i,
    guint x, guint y)
{
  const MmioFormat *format = &picture->format;
  const MmioComponent *c = &format->component[i];
  const MmioPlane *plane = &picture->plane[c->plane];
  const guint8 *p = bar + plane->offset + (y >> c->h_sub) * plane->stride +
      (x >> c->w_sub) * c->pixel_stride + c->offset;
  const guint max = (1u << c->depth) - 1;
  const guint bytes = g_str_has_prefix (format->name, "BGR10A2") ? 4 :
      c->depth > 8 || g_str_has_prefix (format->name, "RGB1") ? 2 : 1;
  guint word = 0;

  for (guint n = 0; n < bytes; n++)
    word |= (guint) p[format->big_endian ? bytes - 1 - n : n] << (8 * n);

  return (gdouble) ((word >> c->shift) & max) / max;
}

/* What the standards say: BT.601 and BT.709, limited range where chroma is, and
 * GStreamer, if nobody says colorimetry: gray is BT.601 and full range always */
static void
from_rgb (const gdouble rgb[3], MmioColorModel model, gboolean hd,
    gdouble value[4])
{
  const gboolean is_709 = hd && model == MMIO_COLOR_YUV;
  const gdouble kr = is_709 ? 0.2126 : 0.299, kb = is_709 ? 0.0722 : 0.114;
  const gdouble luma = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2];

  value[3] = 1;
  switch (model) {
    case MMIO_COLOR_RGB:
      memcpy (value, rgb, 3 * sizeof (gdouble));
      break;
    case MMIO_COLOR_GRAY:
      value[0] = luma;
      break;
    case MMIO_COLOR_YUV:
      value[0] = (16 + 219 * luma) / 255;
      value[1] = (128 + 112 * (rgb[2] - luma) / (1 - kb)) / 255;
      value[2] = (128 + 112 * (rgb[0] - luma) / (1 - kr)) / 255;
      break;
  }
}

static void
check_colors (const MmioLayout * picture, const guint8 * bar,
    const MmioLayout * rgb_picture, const guint8 * rgb_bar)
{
  const MmioFormat *format = &picture->format;
  const gboolean hd = picture->height > 576;

  for (guint y = 0; y < picture->height; y++) {
    for (guint x = 0; x < picture->width; x++) {
      gdouble rgb[3], value[4];

      for (guint i = 0; i < 3; i++)
        rgb[i] = get_component (rgb_picture, rgb_bar, i, x, y);
      from_rgb (rgb, format->model, hd, value);

      for (guint i = 0; i < format->n_components; i++) {
        const MmioComponent *c = &format->component[i];
        const gdouble got = get_component (picture, bar, i, x, y);
        /* A step of the format, and the roundings of 8 bits on the way */
        const gdouble tolerance = 1.0 / ((1u << c->depth) - 1) +
            (format->model == MMIO_COLOR_RGB ? 0 : 1.5 / 255);

        /* The first pixel of a block gives its chroma */
        if (x % (1u << c->w_sub) || y % (1u << c->h_sub))
          continue;
        if (fabs (got - value[i]) > tolerance)
          fail ("%s %ux%u, pixel %u, %u, component %u: %g, not %g",
              format->name, picture->width, picture->height, x, y, i, got,
              value[i]);
      }
    }
  }
}

/* Each pixel is painted, and has the same colour in every format */
GST_START_TEST (test_colors)
{
  static const Size sizes[] = {
    {1, 1}, {3, 3}, {33, 17}, {64, 48}, {9, 576}, {50, 577}
  };
  const MmioFormat *format = test_format_nth (__i__);

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    const guint width = sizes[i].width, height = sizes[i].height;
    const guint stride = mmio_format_row_bytes (format, 0, width) + 3;
    const MmioLayout rgb = test_picture ("RGB", width, height, 0, 0);
    const MmioLayout picture = test_picture (format->name, width, height, 5,
        stride);
    g_autofree guint8 *rgb_bar = bar_new (&rgb, 0);

    if (RUNNING_ON_VALGRIND && height > 100)
      continue;

    mmio_pattern_paint (&rgb, rgb_bar, 0x123456);
    for (guint n = 0; n < 2; n++) {
      g_autofree guint8 *bar = bar_new (&picture, n ? 0xff : 0);

      mmio_pattern_paint (&picture, bar, 0x123456);
      check_colors (&picture, bar, &rgb, rgb_bar);
    }
  }
}

GST_END_TEST;

/* In RGB: whether the two frames differ in @x, @y */
static gboolean
pixel_differs (const MmioLayout * picture, const guint8 * a,
    const guint8 * b, guint x, guint y)
{
  const gsize at = picture->plane[0].offset + y * picture->plane[0].stride +
      3 * x;

  return memcmp (a + at, b + at, 3) != 0;
}

/* Somebody who looks at it sees it move, from any frame to the next */
GST_START_TEST (test_moves)
{
  const MmioLayout picture = test_picture ("RGB", 640, 480, 0, 0);
  g_autofree guint8 *a = bar_new (&picture, 0);
  g_autofree guint8 *b = bar_new (&picture, 0);

  mmio_pattern_paint (&picture, a, 0);
  mmio_pattern_paint (&picture, b, 0);
  for (guint n = 0; n < 310; n++) {
    guint different = 0;

    mmio_pattern_repaint (&picture, b, n, n + 1);
    for (guint y = 0; y < 480; y++) {
      for (guint x = 48; x < 640; x++)
        different += pixel_differs (&picture, a, b, x, y);
    }
    fail_unless (different > 300, "%u to %u: %u pixels", n, n + 1, different);
    mmio_pattern_repaint (&picture, a, n, n + 1);

    if (RUNNING_ON_VALGRIND && n == 3)
      break;
  }
}

GST_END_TEST;

/* The ball is what is not the same all along a row; it comes to each side of
 * what the strip leaves */
GST_START_TEST (test_bounces)
{
  const guint width = 160, height = 120, strip = 48;
  const MmioLayout picture = test_picture ("RGB", width, height, 0, 0);
  g_autofree guint8 *bar = bar_new (&picture, 0);
  guint left = width, right = 0, top = height, bottom = 0;

  mmio_pattern_paint (&picture, bar, 0);
  for (guint n = 0; n < 300; n++) {
    for (guint y = 0; y < height; y++) {
      const guint8 *row = bar + 480 * y;
      /* It never touches both sides */
      const guint8 *sky = row + 3 * (n % 300 < 75 || n % 300 > 225 ? strip :
          width - 1);

      for (guint x = strip; x < width; x++) {
        if (memcmp (row + 3 * x, sky, 3) == 0)
          continue;
        left = MIN (left, x);
        right = MAX (right, x);
        top = MIN (top, y);
        bottom = MAX (bottom, y);
      }
    }
    mmio_pattern_repaint (&picture, bar, n, n + 1);
  }

  fail_unless_equals_int (left, strip);
  fail_unless_equals_int (right, width - 1);
  fail_unless_equals_int (top, 0);
  fail_unless_equals_int (bottom, height - 1);
}

GST_END_TEST;

/* --- Repainting ---------------------------------------------------------- */

typedef struct
{
  guint from, to;
} Step;

static const Step steps[] = {
  {0, 1}, {1, 2}, {2, 1}, {7, 7}, {0, 300}, {44, 45}, {45, 46}, {89, 90},
  {149, 150}, {150, 151}, {299, 300}, {0, 75}, {75, 225}, {300, 44},
  {0x7fffff, 0x800000}, {0xffffff, 0x1000000}, {0x1000000, 0xffffff},
  {G_MAXUINT, 0}, {0, G_MAXUINT}, {12345, 7654321},
};

static void
check_repaint (const MmioLayout * picture, const Step * step)
{
  g_autofree guint8 *a = bar_new (picture, 0x3c);
  g_autofree guint8 *b = bar_new (picture, 0x3c);

  mmio_pattern_paint (picture, a, step->from);
  mmio_pattern_repaint (picture, a, step->from, step->to);
  mmio_pattern_paint (picture, b, step->to);
  fail_unless (memcmp (a, b, bar_size (picture)) == 0,
      "%s %ux%u, %u to %u", picture->format.name, picture->width,
      picture->height, step->from, step->to);
}

GST_START_TEST (test_repaint)
{
  static const Size sizes[] = {
    {1, 1}, {2, 2}, {3, 4}, {4, 3}, {5, 40}, {33, 17}, {97, 61}
  };
  const MmioFormat *format = test_format_nth (__i__);

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    const guint stride = mmio_format_row_bytes (format, 0, sizes[i].width) + 3;
    const MmioLayout picture = test_picture (format->name, sizes[i].width,
        sizes[i].height, 7, i % 2 ? stride : 0);

    for (guint n = 0; n < G_N_ELEMENTS (steps); n++)
      check_repaint (&picture, &steps[n]);
  }
}

GST_END_TEST;

GST_START_TEST (test_repaint_large)
{
  static const char *const names[] = {
    "RGB", "BGRx", "RGB16", "YUY2", "NV12", "I420", "I420_10BE"
  };
  const guint n_names = RUNNING_ON_VALGRIND ? 1 : G_N_ELEMENTS (names);
  MmioLayout picture;

  for (guint i = 0; i < n_names; i++) {
    picture = test_picture (names[i], 640, 480, 0, 0);
    check_repaint (&picture, &steps[i]);
    check_repaint (&picture, &steps[G_N_ELEMENTS (steps) - 1]);
  }

  if (RUNNING_ON_VALGRIND)
    return;

  picture = test_picture ("RGB", 1920, 1080, 4097, 5763);
  check_repaint (&picture, &steps[0]);
}

GST_END_TEST;

/* A long way in single steps, as the simulated device goes */
GST_START_TEST (test_repaint_chain)
{
  const MmioLayout picture = test_picture ("NV12", 101, 67, 3, 111);
  const guint last = RUNNING_ON_VALGRIND ? 100 : 1000;
  g_autofree guint8 *a = bar_new (&picture, 0);

  mmio_pattern_paint (&picture, a, 0);
  for (guint n = 1; n <= last; n++) {
    g_autofree guint8 *b = bar_new (&picture, 0);

    mmio_pattern_repaint (&picture, a, n - 1, n);
    mmio_pattern_paint (&picture, b, n);
    fail_unless (memcmp (a, b, bar_size (&picture)) == 0, "%u", n);
  }
}

GST_END_TEST;

/* --- The number ---------------------------------------------------------- */

GST_START_TEST (test_bits)
{
  static const struct
  {
    guint width, bits;
  } table[] = {
    {1, 0}, {2, 0}, {3, 0}, {4, 1}, {7, 1}, {8, 2}, {48, 12}, {95, 23},
    {96, 24}, {640, 24}, {1366, 24}, {1920, 24}, {7680, 24}, {65535, 24},
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    const MmioLayout picture = test_picture ("RGB", table[i].width, 1, 0, 0);

    fail_unless_equals_int (mmio_pattern_get_bits (&picture), table[i].bits);
  }
}

GST_END_TEST;

GST_START_TEST (test_can_paint)
{
  const MmioFormat *format;

  for (guint i = 0; (format = test_format_nth (i)); i++)
    fail_unless (mmio_pattern_can_paint (format) ==
        (i < test_format_count_paintable ()), "%s", format->name);
}

GST_END_TEST;

static void
check_number (const MmioLayout * picture, guint number)
{
  const guint mask = (1u << mmio_pattern_get_bits (picture)) - 1;
  g_autofree guint8 *bar = bar_new (picture, 0);
  guint got = 99;

  mmio_pattern_paint (picture, bar, number);
  fail_unless (mmio_pattern_read_number (picture, bar, &got), "%s, %ux%u: %u",
      picture->format.name, picture->width, picture->height, number);
  fail_unless_equals_int (got, number & mask);
}

GST_START_TEST (test_number)
{
  static const guint widths[] = { 1, 3, 4, 5, 33, 96, 107 };
  const MmioFormat *format = test_format_nth (__i__);

  for (guint i = 0; i < G_N_ELEMENTS (widths); i++) {
    const MmioLayout picture = test_picture (format->name, widths[i], 3, 1, 0);

    for (guint bit = 0; bit < 32; bit++) {
      check_number (&picture, 1u << bit);
      check_number (&picture, (1u << bit) - 1);
      check_number (&picture, 0xcafef00du >> bit);
    }
    check_number (&picture, G_MAXUINT);
  }
}

GST_END_TEST;

/* Large ones have wider cells; HD has other coefficients */
GST_START_TEST (test_number_large)
{
  static const char *const names[] = { "RGB", "GRAY8", "UYVY", "I420_10LE" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    const MmioLayout wide = test_picture (names[i], 1921, 2, 0, 0);
    const MmioLayout high = test_picture (names[i], 98, 577, 0, 0);

    check_number (&wide, 0x5a5a5a);
    check_number (&wide, 0xa5a5a5);
    check_number (&high, 0x5a5a5a);
    check_number (&high, 0xa5a5a5);
  }
}

GST_END_TEST;

/* One cell a row is all that changes from a number to the next, and it is as
 * wide as the picture allows */
GST_START_TEST (test_one_cell)
{
  static const Size sizes[] = { {640, 3}, {1920, 3}, {48, 3}, {96, 3} };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    const guint width = sizes[i].width, height = sizes[i].height;
    const MmioLayout picture = test_picture ("RGB", width, height, 0, 0);
    const guint bits = mmio_pattern_get_bits (&picture);
    const guint cell = MAX (2, width / 384);
    g_autofree guint8 *a = bar_new (&picture, 0);
    g_autofree guint8 *b = bar_new (&picture, 0);

    for (guint n = 0; n < 70; n++) {
      mmio_pattern_paint (&picture, a, n);
      mmio_pattern_paint (&picture, b, n + 1);
      for (guint y = 0; y < height; y++) {
        guint different = 0, cells = 0;

        for (guint x = 0; x < bits * cell; x++) {
          gboolean differs = pixel_differs (&picture, a, b, x, y);

          different += differs;
          cells += differs && x % cell == 0;
        }
        fail_unless_equals_int (different, cell);
        fail_unless_equals_int (cells, 1);
      }
    }
  }
}

GST_END_TEST;

/* The upper rows of one frame and the lower ones of another are no frame */
GST_START_TEST (test_torn)
{
  static const char *const names[] = { "RGB", "RGB16", "GRAY8", "NV12" };
  const guint height = 13;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    const MmioLayout picture = test_picture (names[i], 100, height, 3, 0);
    const MmioPlane *plane = &picture.plane[0];
    g_autofree guint8 *a = bar_new (&picture, 0);
    g_autofree guint8 *b = bar_new (&picture, 0);
    g_autofree guint8 *mix = bar_new (&picture, 0);

    for (guint n = 0; n < G_N_ELEMENTS (steps); n++) {
      const gboolean same = (steps[n].from & 0xffffff) ==
          (steps[n].to & 0xffffff);

      mmio_pattern_paint (&picture, a, steps[n].from);
      mmio_pattern_paint (&picture, b, steps[n].to);
      for (guint split = 1; split < height; split++) {
        const gsize at = plane->offset + split * plane->stride;
        guint number = 99;

        memcpy (mix, a, bar_size (&picture));
        memcpy (mix + at, b + at, (height - split) * plane->stride);
        fail_unless (mmio_pattern_read_number (&picture, mix, &number) == same,
            "%s, %u to %u, row %u", names[i], steps[n].from, steps[n].to,
            split);
        if (!same)
          fail_unless_equals_int (number, 99);
      }
    }
  }
}

GST_END_TEST;

GST_START_TEST (test_no_frame)
{
  const MmioLayout picture = test_picture ("RGB", 100, 13, 0, 0);
  g_autofree guint8 *bar = bar_new (&picture, 0);
  guint number;

  fill_random (bar, bar_size (&picture), 6);
  fail_if (mmio_pattern_read_number (&picture, bar, &number));
}

GST_END_TEST;

static Suite *
pattern_suite (void)
{
  Suite *s = suite_create ("lib-pattern");
  TCase *tc = add_case (s, "paint");
  const guint n = test_format_count_paintable ();

  tcase_add_loop_test (tc, test_outside, 0, n);
  tcase_add_loop_test (tc, test_colors, 0, n);
  tcase_add_test (tc, test_moves);
  tcase_add_test (tc, test_bounces);

  tc = add_case (s, "repaint");
  tcase_add_loop_test (tc, test_repaint, 0, n);
  tcase_add_test (tc, test_repaint_large);
  tcase_add_test (tc, test_repaint_chain);

  tc = add_case (s, "number");
  tcase_add_test (tc, test_bits);
  tcase_add_test (tc, test_can_paint);
  tcase_add_loop_test (tc, test_number, 0, n);
  tcase_add_test (tc, test_number_large);
  tcase_add_test (tc, test_one_cell);
  tcase_add_test (tc, test_torn);
  tcase_add_test (tc, test_no_frame);

  return s;
}

GST_CHECK_MAIN (pattern);
