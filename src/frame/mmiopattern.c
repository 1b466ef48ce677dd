/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The simulated device's frame: a ball that bounces in front of a dusk sky.
 * Every pixel is a function of the frame number only.
 *
 * Each row contains the number as a Gray code, in a strip at the left edge.
 * Its cells are the bits, least significant bit first, light for 1.  In a Gray
 * code one bit changes from one number to the next, so a frame changes one cell
 * in each row.  If the rows disagree, the frame is torn.
 */
#include "frame/mmiopattern.h"

#include <string.h>

#define NUMBER_BITS 24

typedef struct
{
  guint8 r, g, b;
} Color;

static const Color cell_off = { 24, 32, 56 };
static const Color cell_on = { 248, 200, 96 };

/* A cell is light if its green, or luma, exceeds this */
#define CELL_THRESHOLD 112

typedef struct
{
  gint left, top, size;
} Ball;

/* The place of a component's bits, computed once for all pixels */
typedef struct
{
  guint8 *plane;
  gsize stride;
  const MmioComponent *component;
  guint word_bytes;
  gboolean big_endian;
  guint32 mask;
} Sample;

typedef struct
{
  const MmioLayout *layout;
  guint n_samples;
  Sample sample[MMIO_MAX_COMPONENTS];
} Canvas;

/* Components at the same offset share a word (RGB16), which contains all of
 * their bits */
static guint
word_bytes (const MmioFormat * format, const MmioComponent * component)
{
  guint bits = 8;

  for (guint i = 0; i < format->n_components; i++) {
    const MmioComponent *c = &format->component[i];

    if (c->plane == component->plane && c->offset == component->offset)
      bits = MAX (bits, (guint) c->shift + c->depth);
  }

  return bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
}

static void
canvas_init (Canvas * canvas, const MmioLayout * layout, guint8 * bar)
{
  const MmioFormat *format = &layout->format;

  canvas->layout = layout;
  canvas->n_samples = format->n_components;
  for (guint i = 0; i < format->n_components; i++) {
    const MmioComponent *c = &format->component[i];
    Sample *sample = &canvas->sample[i];

    sample->component = c;
    sample->plane = bar + layout->plane[c->plane].offset + c->offset;
    sample->stride = layout->plane[c->plane].stride;
    sample->word_bytes = word_bytes (format, c);
    sample->big_endian = format->big_endian;
    sample->mask = (guint32) (((guint64) 1 << c->depth) - 1) << c->shift;
  }
}

static guint8 *
sample_at (const Sample * sample, guint x, guint y)
{
  /* Every format has the components that are read */
  /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign) */
  const MmioComponent *c = sample->component;

  return sample->plane + (y >> c->h_sub) * sample->stride +
      (gsize) (x >> c->w_sub) * c->pixel_stride;
}

static guint32
load_word (const Sample * sample, const guint8 * p)
{
  guint32 word = 0;

  for (guint i = 0; i < sample->word_bytes; i++) {
    guint byte = sample->big_endian ? sample->word_bytes - 1 - i : i;

    word |= (guint32) p[byte] << (8 * i);
  }

  return word;
}

static void
store_word (const Sample * sample, guint8 * p, guint32 word)
{
  for (guint i = 0; i < sample->word_bytes; i++) {
    guint byte = sample->big_endian ? sample->word_bytes - 1 - i : i;

    p[byte] = word >> (8 * i);
  }
}

/* Scales 8 bits to the component's depth; the upper bits fill the lower ones */
static guint32
scale_to_depth (guint8 value, guint depth)
{
  if (depth <= 8)
    return value >> (8 - depth);
  if (depth <= 16)
    return ((guint32) value << (depth - 8)) | (value >> (16 - depth));
  return (guint32) value << (depth - 8);
}

static void
put_component (const Sample * sample, guint x, guint y, guint8 value)
{
  guint8 *p = sample_at (sample, x, y);
  guint32 bits = scale_to_depth (value, sample->component->depth);

  if (sample->word_bytes == 1 && sample->mask == 0xff)
    *p = bits;
  else
    store_word (sample, p, (load_word (sample, p) & ~sample->mask) |
        (bits << sample->component->shift));
}

/* Limited range; BT.709 above SD, which is GStreamer's default without
 * colorimetry.  The coefficients are those of the standards, times 256. */
static void
to_yuv (const Color * c, gboolean hd, guint8 yuv[3])
{
  const gint r = c->r, g = c->g, b = c->b;

  if (hd) {
    yuv[0] = 16 + ((47 * r + 157 * g + 16 * b + 128) >> 8);
    yuv[1] = 128 + ((-26 * r - 86 * g + 112 * b + 128) >> 8);
    yuv[2] = 128 + ((112 * r - 102 * g - 10 * b + 128) >> 8);
  } else {
    yuv[0] = 16 + ((66 * r + 129 * g + 25 * b + 128) >> 8);
    yuv[1] = 128 + ((-38 * r - 74 * g + 112 * b + 128) >> 8);
    yuv[2] = 128 + ((112 * r - 94 * g - 18 * b + 128) >> 8);
  }
}

static void
put_pixel (const Canvas * canvas, guint x, guint y, const Color * color)
{
  const MmioColorModel model = canvas->layout->format.model;
  guint8 value[MMIO_MAX_COMPONENTS] = { color->r, color->g, color->b, 255 };

  if (model == MMIO_COLOR_YUV)
    to_yuv (color, canvas->layout->height > 576, value);
  else if (model == MMIO_COLOR_GRAY)
    value[0] = (77 * color->r + 150 * color->g + 29 * color->b + 128) >> 8;

  for (guint i = 0; i < canvas->n_samples; i++) {
    const MmioComponent *c = canvas->sample[i].component;

    /* The first pixel of a block has the chroma of the block */
    if ((x & ((1u << c->w_sub) - 1)) == 0 && (y & ((1u << c->h_sub) - 1)) == 0)
      put_component (&canvas->sample[i], x, y, value[i]);
  }
}

static guint
cell_width (const MmioLayout * layout)
{
  return MAX (2, layout->width / (16 * NUMBER_BITS));
}

/**
 * mmio_pattern_get_bits:
 *
 * Returns: bits of the frame number that the frame contains; fewer in narrow
 *   frames, down to 0
 */
guint
mmio_pattern_get_bits (const MmioLayout * layout)
{
  return MIN (NUMBER_BITS, layout->width / 2 / cell_width (layout));
}

static guint
all_cells (const MmioLayout * layout)
{
  return (1u << mmio_pattern_get_bits (layout)) - 1;
}

static guint
to_gray_code (const MmioLayout * layout, guint number)
{
  number &= all_cells (layout);
  return number ^ (number >> 1);
}

static guint
from_gray_code (guint code)
{
  guint number = 0;

  for (; code; code >>= 1)
    number ^= code;

  return number;
}

static void
ball_init (Ball * ball, const MmioLayout * layout, guint number)
{
  const gint strip = cell_width (layout) * mmio_pattern_get_bits (layout);
  const gint room_x = layout->width - strip;
  const gint size = MIN (room_x, (gint) layout->height) / 4;
  /* Horizontally the period is 300 frames, vertically 90 */
  const gint x = ABS ((gint) (number % 300) - 150);
  const gint y = ABS ((gint) (number % 90) - 45);

  ball->size = size;
  ball->left = strip + (gint64) (room_x - size) * x / 150;
  ball->top =
      (gint64) ((gint) layout->height - size) * y * y / ((gint64) 45 * 45);
}

static gboolean
ball_color (const Ball * ball, gint x, gint y, Color * color)
{
  /* In half pixels, since the centre of an even size is between pixels */
  const gint64 r = ball->size;
  const gint64 dx = 2 * (x - ball->left) + 1 - r;
  const gint64 dy = 2 * (y - ball->top) + 1 - r;
  gint64 hx, hy, light;

  if (dx * dx + dy * dy > r * r)
    return FALSE;

  /* The highlight is at the upper left; brightness falls with the distance
   * from it */
  hx = dx + r * 2 / 5;
  hy = dy + r * 2 / 5;
  light = 255 - (hx * hx + hy * hy) * 235 / (r * r * 5 / 2 + 1);
  color->r = 64 + light * 191 / 255;
  color->g = 40 + light * 205 / 255;
  color->b = 72 + light * 150 / 255;
  return TRUE;
}

static void
sky_color (const MmioLayout * layout, guint y, Color * color)
{
  static const Color stops[] = {
    {18, 22, 58}, {70, 44, 104}, {196, 92, 92}, {248, 176, 104}
  };
  const guint n = G_N_ELEMENTS (stops) - 1;
  const guint t = layout->height > 1 ?
      (guint64) y * n * 256 / (layout->height - 1) : 0;
  const guint i = MIN (t / 256, n - 1), f = t - i * 256;

  color->r = (stops[i].r * (256 - f) + stops[i + 1].r * f) / 256;
  color->g = (stops[i].g * (256 - f) + stops[i + 1].g * f) / 256;
  color->b = (stops[i].b * (256 - f) + stops[i + 1].b * f) / 256;
}

static void
paint_cells (const Canvas * canvas, guint y, guint code, guint cells)
{
  const guint width = cell_width (canvas->layout);

  for (guint bit = 0; cells >> bit; bit++) {
    const Color *color = (code >> bit) & 1 ? &cell_on : &cell_off;

    if (!((cells >> bit) & 1))
      continue;
    for (guint x = bit * width; x < (bit + 1) * width; x++)
      put_pixel (canvas, x, y, color);
  }
}

static void
paint_span (const Canvas * canvas, guint y, gint left, gint right,
    const Ball * ball)
{
  Color sky, color;

  sky_color (canvas->layout, y, &sky);
  for (gint x = left; x < right; x++) {
    if (ball_color (ball, x, y, &color))
      put_pixel (canvas, x, y, &color);
    else
      put_pixel (canvas, x, y, &sky);
  }
}

/**
 * mmio_pattern_can_paint:
 * @format: a pixel format
 *
 * Returns: whether the pattern supports @format: its samples start at byte
 *   boundaries
 */
gboolean
mmio_pattern_can_paint (const MmioFormat * format)
{
  return format->block_width == 0;
}

/**
 * mmio_pattern_paint:
 * @layout: the frame layout
 * @bar: writable memory in the place of the BAR's start; for a slot, plus the
 *   distance of the slot from the first one
 * @number: the frame number
 *
 * Draws a complete frame.
 */
void
mmio_pattern_paint (const MmioLayout * layout, guint8 * bar, guint number)
{
  const gint strip = cell_width (layout) * mmio_pattern_get_bits (layout);
  Canvas canvas;
  Ball ball;

  canvas_init (&canvas, layout, bar);
  ball_init (&ball, layout, number);
  for (guint y = 0; y < layout->height; y++) {
    paint_cells (&canvas, y, to_gray_code (layout, number), all_cells (layout));
    paint_span (&canvas, y, strip, layout->width, &ball);
  }
}

/* Widens the span from @left to @right by the ball's extent in row @y */
static void
ball_add_span (const Ball * ball, gint y, gint * left, gint * right)
{
  if (y < ball->top || y >= ball->top + ball->size)
    return;

  *left = MIN (*left, ball->left);
  *right = MAX (*right, ball->left + ball->size);
}

/**
 * mmio_pattern_repaint:
 * @layout: the frame layout
 * @bar: writable memory in the place of the BAR's start; for a slot, plus the
 *   distance of the slot from the first one
 * @from: number of the present frame
 * @to: number of the new frame
 *
 * Draws the difference of two frames, from top to bottom.  The result is the
 * same as that of mmio_pattern_paint().
 */
void
mmio_pattern_repaint (const MmioLayout * layout, guint8 * bar, guint from,
    guint to)
{
  const guint code = to_gray_code (layout, to);
  const guint cells = code ^ to_gray_code (layout, from);
  Canvas canvas;
  Ball old, new;

  canvas_init (&canvas, layout, bar);
  ball_init (&old, layout, from);
  ball_init (&new, layout, to);
  for (guint y = 0; y < layout->height; y++) {
    gint left = layout->width, right = 0;

    paint_cells (&canvas, y, code, cells);
    ball_add_span (&old, y, &left, &right);
    ball_add_span (&new, y, &left, &right);
    paint_span (&canvas, y, left, right, &new);
  }
}

static guint
read_cell (const Canvas * canvas, guint x, guint y)
{
  /* Green, or luma */
  const MmioColorModel model = canvas->layout->format.model;
  const Sample *sample = &canvas->sample[model == MMIO_COLOR_RGB ? 1 : 0];
  guint32 bits = (load_word (sample, sample_at (sample, x, y)) &
      sample->mask) >> sample->component->shift;
  guint depth = sample->component->depth;

  return depth <= 8 ? bits << (8 - depth) : bits >> (depth - 8);
}

/**
 * mmio_pattern_read_number:
 * @layout: the frame layout
 * @bar: memory in the place of the BAR's start; a copy, not the BAR itself
 * @number: (out): the frame number; only its lower bits in narrow frames
 *
 * Reads the frame number.
 *
 * Returns: TRUE, or FALSE if the rows have different numbers: the frame is
 *   torn, or not drawn by mmio_pattern_paint()
 */
gboolean
mmio_pattern_read_number (const MmioLayout * layout, const guint8 * bar,
    guint * number)
{
  const guint bits = mmio_pattern_get_bits (layout);
  guint first = 0;
  Canvas canvas;

  canvas_init (&canvas, layout, (guint8 *) bar);
  for (guint y = 0; y < layout->height; y++) {
    guint code = 0;

    for (guint bit = 0; bit < bits; bit++) {
      if (read_cell (&canvas, bit * cell_width (layout), y) > CELL_THRESHOLD)
        code |= 1u << bit;
    }
    if (y == 0)
      first = code;
    else if (code != first)
      return FALSE;
  }

  *number = from_gray_code (first);
  return TRUE;
}
