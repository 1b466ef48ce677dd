/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixtures/helper.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "load/mmioframecopy.h"

/* What stands in memory that nobody may write to */
#define GUARD 0xa7
#define GUARD_BYTES 64

/* What fails, if it fails: engine and picture */
static char scene_name[100];

static const char *const packed[] = {
  "RGB", "BGR", "RGBx", "BGRx", "xRGB", "xBGR",
};

#define N_NARROW 2
#define N_WIDE 4

/* --- What should come of it ---------------------------------------------- */

static gboolean
is_packed (const MmioFormat * format, guint first)
{
  for (guint i = first; i < G_N_ELEMENTS (packed); i++) {
    if (strcmp (packed[i], format->name) == 0)
      return TRUE;
  }

  return FALSE;
}

/* Where the byte is that is no component */
static guint
get_filler (const MmioFormat * format)
{
  return 6 - format->component[0].offset - format->component[1].offset -
      format->component[2].offset;
}

/* Rows of the picture that share one of @plane, as a shift */
static guint
get_shift (const MmioFormat * format, guint plane)
{
  guint shift = 0;

  for (guint i = 0; i < format->n_components; i++) {
    if (format->component[i].plane == plane)
      shift = MAX (shift, format->component[i].h_sub);
  }

  return shift;
}

static void
emit_naively (const MmioLayout * picture, const MmioFormat * to, guint plane,
    guint8 * dest, const guint8 * src)
{
  const MmioFormat *from = &picture->format;
  const guint from_bytes = from->component[0].pixel_stride;

  if (strcmp (from->name, to->name) == 0) {
    memcpy (dest, src, picture->plane[plane].row_bytes);
    return;
  }

  for (guint x = 0; x < picture->width; x++) {
    for (guint i = 0; i < 3; i++)
      dest[4 * x + to->component[i].offset] =
          src[from_bytes * x + from->component[i].offset];
    dest[4 * x + get_filler (to)] = from_bytes == 3 ? 255 :
        src[4 * x + get_filler (from)];
  }
}

/* Ranges of the rows that are not 0; what is too much goes to the last */
static MmioDamage
get_ranges (const guint8 * changed, guint height)
{
  MmioDamage damage = { 0, };
  guint y = 0;

  while (y < height) {
    guint first;

    while (y < height && !changed[y])
      y++;
    for (first = y; y < height && changed[y]; y++);
    if (y == first)
      break;

    if (damage.n_ranges == 16) {
      damage.range[15].count = y - damage.range[15].first;
      continue;
    }
    damage.range[damage.n_ranges].first = first;
    damage.range[damage.n_ranges++].count = y - first;
  }

  return damage;
}

static void
check_damage (const MmioDamage * damage, const guint8 * changed, guint height)
{
  const MmioDamage wanted = get_ranges (changed, height);

  if (damage->n_ranges != wanted.n_ranges)
    fail ("%s: %u ranges, not %u", scene_name, damage->n_ranges,
        wanted.n_ranges);
  for (guint i = 0; i < wanted.n_ranges; i++) {
    if (damage->range[i].first != wanted.range[i].first ||
        damage->range[i].count != wanted.range[i].count)
      fail ("%s: range %u is %u + %u, not %u + %u", scene_name, i,
          damage->range[i].first, damage->range[i].count,
          wanted.range[i].first, wanted.range[i].count);
  }
}

/* --- A picture, the frame before, and where it goes ----------------------- */

typedef struct
{
  const char *from, *to;
  guint width, height, stride;
  gsize gap;                    /* between rows of the target */
} Shape;

typedef struct
{
  MmioLayout picture;
  Pages pages;
  guint8 *bar;                  /* the picture's start */
  gsize size;                   /* to its end */
  gsize distance;               /* from there to where there is nothing */

  const MmioReader *reader;
  MmioShadow *shadow;
  MmioDamage damage;
  guint8 *changed;

  MmioTarget target;
  guint8 *memory, *wanted;
  gsize memory_size;
} Scene;

static gsize
get_target_row_bytes (const Scene * scene, guint plane)
{
  if (strcmp (scene->picture.format.name, scene->target.format.name) == 0)
    return scene->picture.plane[plane].row_bytes;

  return 4 * scene->picture.width;
}

static void
scene_init (Scene * scene, const MmioReader * reader, const Shape * shape,
    gsize distance)
{
  const MmioLayout *picture = &scene->picture;
  gsize at = GUARD_BYTES;

  g_snprintf (scene_name, sizeof (scene_name), "%s: %s to %s, %u x %u",
      mmio_reader_get_name (reader), shape->from, shape->to, shape->width,
      shape->height);

  memset (scene, 0, sizeof (*scene));
  scene->reader = reader;
  scene->picture = test_picture (shape->from, shape->width, shape->height, 77,
      shape->stride);
  scene->size = picture->end - picture->start;
  scene->distance = distance;
  pages_init (&scene->pages,
      (scene->size + distance + GUARD_BYTES) / page_size () + 1);
  fill_random (scene->pages.data, scene->pages.size, shape->width);
  scene->bar = scene->pages.data + scene->pages.size - scene->size - distance;

  scene->shadow = mmio_shadow_new (picture);
  scene->changed = g_malloc (picture->height);

  scene->target.format = *test_format (shape->to);
  for (guint i = 0; i < picture->format.n_planes; i++) {
    scene->target.stride[i] = get_target_row_bytes (scene, i) +
        shape->gap * (i + 1);
    scene->memory_size += (gsize) scene->target.stride[i] *
        picture->plane[i].rows + GUARD_BYTES;
  }
  scene->memory_size += GUARD_BYTES;
  scene->memory = g_malloc (scene->memory_size);
  scene->wanted = g_malloc (scene->memory_size);
  for (guint i = 0; i < picture->format.n_planes; i++) {
    scene->target.plane[i] = scene->memory + at;
    at += (gsize) scene->target.stride[i] * picture->plane[i].rows +
        GUARD_BYTES;
  }
}

static void
scene_clear (Scene * scene)
{
  mmio_shadow_free (scene->shadow);
  pages_clear (&scene->pages);
  g_free (scene->changed);
  g_free (scene->memory);
  g_free (scene->wanted);
}

static const guint8 *
get_row (const Scene * scene, guint plane, guint y)
{
  const MmioPlane *p = &scene->picture.plane[plane];

  return scene->bar + (p->offset - scene->picture.start) + y * p->stride;
}

/* All of the picture is in the target, and nothing beside it; or nothing is */
static void
check_target (Scene * scene, gboolean written)
{
  const MmioLayout *picture = &scene->picture;

  memset (scene->wanted, GUARD, scene->memory_size);
  for (guint i = 0; written && i < picture->format.n_planes; i++) {
    guint8 *dest = scene->wanted + (scene->target.plane[i] - scene->memory);

    for (guint y = 0; y < picture->plane[i].rows; y++)
      emit_naively (picture, &scene->target.format, i,
          dest + y * scene->target.stride[i], get_row (scene, i, y));
  }

  if (memcmp (scene->memory, scene->wanted, scene->memory_size) != 0)
    fail ("%s: the target is not what it should be", scene_name);
}

static gboolean
scene_read (Scene * scene, gboolean only_changed)
{
  memset (scene->memory, GUARD, scene->memory_size);
  memset (&scene->damage, 0x5a, sizeof (scene->damage));
  return mmio_frame_copy_changes (scene->reader, &scene->picture, scene->bar,
      &scene->target, scene->shadow, only_changed, &scene->damage);
}

/* Reads, and @scene->changed is what has changed */
static void
check_read (Scene * scene, gboolean only_changed)
{
  const guint height = scene->picture.height;
  const gboolean any = memchr (scene->changed, 1, height) != NULL;
  const gboolean written = scene_read (scene, only_changed);

  if (written != (any || !only_changed))
    fail ("%s: it is%s written", scene_name, written ? "" : " not");
  check_damage (&scene->damage, scene->changed, height);
  check_target (scene, written);
}

/* The first frame, of which all has changed */
static void
check_first (Scene * scene, gboolean only_changed)
{
  memset (scene->changed, 1, scene->picture.height);
  check_read (scene, only_changed);
  memset (scene->changed, 0, scene->picture.height);
}

static void
mark_row (Scene * scene, guint plane, guint row)
{
  const guint shift = get_shift (&scene->picture.format, plane);

  for (guint y = 0; y < scene->picture.height; y++)
    scene->changed[y] |= y >> shift == row;
}

/* Changes bits of a byte, anywhere, and remembers which rows it is of */
static void
flip (Scene * scene, guint8 * byte, guint8 mask)
{
  const MmioLayout *picture = &scene->picture;

  *byte ^= mask;
  for (guint i = 0; i < picture->format.n_planes; i++) {
    for (guint y = 0; y < picture->plane[i].rows; y++) {
      const guint8 *row = get_row (scene, i, y);

      if (byte >= row && byte < row + picture->plane[i].row_bytes)
        mark_row (scene, i, y);
    }
  }
}

/* --- What can be read as what --------------------------------------------- */

GST_START_TEST (test_can_read_as)
{
  const MmioFormat *from, *to;

  for (guint i = 0; (from = test_format_nth (i)); i++) {
    const MmioLayout picture = test_picture (from->name, 4, 4, 0, 0);

    for (guint j = 0; (to = test_format_nth (j)); j++)
      fail_unless (mmio_frame_copy_can_convert (&picture, to) ==
          (i == j || (is_packed (from, 0) && is_packed (to, N_NARROW))),
          "%s as %s", from->name, to->name);
  }
}

GST_END_TEST;

/* --- Frames as they are --------------------------------------------------- */

static const Shape shapes[] = {
  {"RGB", "RGB", 33, 7, 0, 0},
  {"RGB", "RGB", 33, 7, 103, 0},
  {"RGB", "RGB", 33, 7, 103, 5},
  {"RGB", "RGB", 1, 1, 0, 0},
  {"RGB", "BGRx", 1, 3, 5, 1},
  {"RGB", "BGRx", 101, 5, 0, 0},
  {"BGR", "xBGR", 100, 5, 307, 12},
  {"RGBx", "BGRx", 65, 5, 0, 0},
  {"xBGR", "RGBx", 67, 5, 270, 3},
  {"RGB16", "RGB16", 33, 7, 0, 2},
  {"GRAY8", "GRAY8", 1, 33, 0, 0},
  {"GRAY8", "GRAY8", 1, 33, 9, 3},
  {"GRAY8", "GRAY8", 260, 4, 0, 0},
  {"GRAY8", "GRAY8", 256, 4, 320, 64},
  {"YUY2", "YUY2", 33, 7, 71, 0},
  {"NV12", "NV12", 33, 7, 37, 0},
  {"NV12", "NV12", 64, 6, 0, 3},
  {"NV12", "NV12", 1, 1, 0, 1},
  {"NV12", "NV12", 3, 5, 129, 0},
  {"I420", "I420", 33, 7, 35, 1},
  {"I420", "I420", 128, 5, 0, 0},
  {"YV12", "YV12", 9, 9, 12, 0},
  {"YUV9", "YUV9", 17, 11, 0, 1},
  {"Y42B", "Y42B", 15, 5, 0, 0},
  {"A420", "A420", 9, 7, 0, 2},
  {"NV16", "NV16", 9, 5, 0, 0},
  {"NV24", "NV24", 101, 3, 0, 0},
  {"GBR", "GBR", 21, 4, 25, 0},
  {"I420_10BE", "I420_10BE", 33, 5, 71, 0},
  {"P010_10LE", "P010_10LE", 10, 5, 0, 0},
  {"v210", "v210", 13, 4, 130, 0},
  {"UYVP", "UYVP", 9, 3, 0, 1},
  {"NV12_10LE32", "NV12_10LE32", 10, 5, 20, 0},
};

typedef void (*Check) (const MmioReader * reader, const Shape * shape);

/* A loop test over shapes is one over engines too, auto included */
static void
for_each_engine (Check check, const Shape * shape)
{
  for (guint i = MMIO_ENGINE_AUTO; i < END_ENGINE; i++) {
    const MmioReader *reader = test_reader (i);

    if (reader)
      check (reader, shape);
  }
}

static void
check_frame (const MmioReader * reader, const Shape * shape)
{
  const guint step = RUNNING_ON_VALGRIND ? 9 : 1;

  for (gsize distance = 0; distance < 64; distance += step) {
    Scene scene;

    scene_init (&scene, reader, shape, distance);
    memset (scene.memory, GUARD, scene.memory_size);
    mmio_frame_copy (reader, &scene.picture, scene.bar, &scene.target);
    check_target (&scene, TRUE);

    /* The same on the way of changes */
    check_first (&scene, distance % 2);
    check_read (&scene, FALSE);
    check_read (&scene, TRUE);
    scene_clear (&scene);
  }
}

GST_START_TEST (test_read)
{
  for_each_engine (check_frame, &shapes[__i__]);
}

GST_END_TEST;

/* Around the sizes of vectors, of pages and of bounces */
static const guint widths[] = {
  1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 20, 21, 22, 31, 32, 33, 63, 64, 65,
  85, 86, 127, 128, 255, 256, 257, 640, 1365, 1366, 2047, 2048, 2049, 4095,
  4096, 4097, 5000,
};

static void
check_converted (const MmioReader * reader, const char *from, const char *to,
    guint width, gsize bar_gap, gsize dest_gap, gsize distance)
{
  const guint bytes = test_format (from)->component[0].pixel_stride;
  const Shape shape = { from, to, width, 3, bytes * width + bar_gap, dest_gap };
  Scene scene;

  scene_init (&scene, reader, &shape, distance);
  memset (scene.memory, GUARD, scene.memory_size);
  mmio_frame_copy (reader, &scene.picture, scene.bar, &scene.target);
  check_target (&scene, TRUE);
  scene_clear (&scene);
}

/* Every pair of formats, from and to odd strides and addresses */
GST_START_TEST (test_conversion)
{
  const char *from = packed[__i__ / N_WIDE], *to = packed[N_NARROW +
      __i__ % N_WIDE];
  const guint step = RUNNING_ON_VALGRIND ? 4 : 1;

  for (guint engine = MMIO_ENGINE_AUTO; engine < END_ENGINE; engine++) {
    const MmioReader *reader = test_reader (engine);

    for (guint i = engine % step; reader && i < G_N_ELEMENTS (widths);
        i += step) {
      check_converted (reader, from, to, widths[i], 0, 0, 0);
      check_converted (reader, from, to, widths[i], 1, 0, 1);
      check_converted (reader, from, to, widths[i], 5, 3, 7);
    }
  }
}

GST_END_TEST;

/* Each place in a cache line that a row can begin at */
GST_START_TEST (test_conversion_phases)
{
  const MmioReader *reader = test_reader (__i__);
  const guint step = RUNNING_ON_VALGRIND ? 9 : 1;

  for (guint phase = 0; reader && phase < 64; phase += step) {
    check_converted (reader, "RGB", "BGRx", 23, 0, 0, phase);
    check_converted (reader, "BGR", "xBGR", 2049, 2, 4, phase);
    check_converted (reader, "RGBx", "xBGR", 1021, 3, phase, phase);
  }
}

GST_END_TEST;

/* A page for each row, and none between: what is between the rows is not
 * loaded, on no way */
GST_START_TEST (test_rows_apart)
{
  const MmioReader *reader = test_reader (__i__);
  static const char *const targets[] = { "RGB", "BGRx", "xRGB" };
  const gsize page = page_size ();
  Pages src;

  if (!reader)
    return;

  pages_init (&src, 6);
  fill_random (src.data, src.size, 4);
  for (guint y = 0; y < 3; y++)
    fail_unless (mprotect (src.data + (2 * y + 1) * page, page,
            PROT_NONE) == 0);

  for (guint width = 1; width <= 80; width++) {
    const MmioLayout picture = test_picture ("RGB", width, 3, 0, 2 * page);
    const guint8 *bar[] = { src.data, src.data + page - 3 * width };

    for (guint i = 0; i < 2 * G_N_ELEMENTS (targets); i++) {
      guint8 dest[4 * 80 * 3], wanted[4 * 80 * 3];
      const MmioTarget target = {
        .format = *test_format (targets[i / 2]),.plane = {dest},
        .stride = {4 * width}
      };
      MmioShadow *shadow = mmio_shadow_new (&picture);
      MmioDamage damage;

      memset (wanted, GUARD, sizeof (wanted));
      for (guint y = 0; y < 3; y++)
        emit_naively (&picture, &target.format, 0, wanted + 4 * width * y,
            bar[i % 2] + 2 * page * y);
      memset (dest, GUARD, sizeof (dest));
      mmio_frame_copy (reader, &picture, bar[i % 2], &target);
      fail_unless (memcmp (dest, wanted, sizeof (dest)) == 0, "%u", width);
      for (guint n = 0; n < 2; n++) {
        memset (dest, GUARD, sizeof (dest));
        mmio_frame_copy_changes (reader, &picture, bar[i % 2], &target, shadow,
            FALSE, &damage);
        fail_unless_equals_int (damage.n_ranges, n == 0);
        fail_unless (memcmp (dest, wanted, sizeof (dest)) == 0, "%u", width);
      }
      mmio_shadow_free (shadow);
    }
  }

  pages_clear (&src);
}

GST_END_TEST;

/* --- Changes -------------------------------------------------------------- */

/* One bit anywhere in the picture changes its rows; one in the padding or
 * around the picture, nothing */
static void
check_bits (const MmioReader * reader, const Shape * shape)
{
  guint step = 1;
  guint n_in = 0, n_out = 0, n = 0;
  guint8 *end;
  Scene scene;

  scene_init (&scene, reader, shape, shape->width % 17);
  end = scene.bar + scene.size + scene.distance;
  if (RUNNING_ON_VALGRIND)
    step = scene.size < 100 ? 13 : 61;
  check_first (&scene, FALSE);
  check_read (&scene, TRUE);

  for (guint8 * byte = scene.bar - GUARD_BYTES; byte < end; byte++) {
    for (guint bit = 0; bit < 8; bit++, n++) {
      const gboolean in = byte >= scene.bar &&
          in_picture (&scene.picture, scene.picture.start + (byte - scene.bar));

      if (n % step > 0)
        continue;

      flip (&scene, byte, 1 << bit);
      fail_unless ((memchr (scene.changed, 1, shape->height) != NULL) == in);
      check_read (&scene, bit % 2);
      memset (scene.changed, 0, shape->height);
      if (in)
        n_in++;
      else
        n_out++;
    }
  }
  check_read (&scene, TRUE);

  fail_unless (n_in > 0 && n_out > 0);
  if (step == 1)
    for (guint i = 0; i < scene.picture.format.n_planes; i++)
      n_in -= 8 * scene.picture.plane[i].row_bytes *
          scene.picture.plane[i].rows;
  fail_unless (step > 1 || n_in == 0);
  scene_clear (&scene);
}

GST_START_TEST (test_one_bit)
{
  for_each_engine (check_bits, &shapes[__i__]);
}

GST_END_TEST;

/* Frame after frame, of which nothing, little, or all changes, and sometimes
 * only back to what it was */
static void
check_random (const MmioReader * reader, const Shape * shape)
{
  const guint rounds = RUNNING_ON_VALGRIND ? 10 : 300;
  GRand *rand;
  Scene scene;

  rand = g_rand_new_with_seed (60 + shape->width);
  scene_init (&scene, reader, shape, 0);
  check_first (&scene, TRUE);
  for (guint i = 0; i < rounds; i++) {
    const guint n = g_rand_int_range (rand, 0, 4) *
        g_rand_int_range (rand, 0, 4);
    g_autofree guint8 *before = g_memdup2 (scene.bar, scene.size);

    for (guint j = 0; j < n; j++)
      flip (&scene, scene.bar + g_rand_int_range (rand, 0, scene.size),
          g_rand_int_range (rand, 1, 256));

    /* Two flips of a bit in one frame are none */
    memset (scene.changed, 0, shape->height);
    for (gsize k = 0; k < scene.size; k++) {
      if (before[k] != scene.bar[k])
        flip (&scene, scene.bar + k, 0);
    }

    check_read (&scene, g_rand_boolean (rand));
    memset (scene.changed, 0, shape->height);
    if (g_rand_int_range (rand, 0, 20) == 0) {
      mmio_shadow_forget (scene.shadow);
      check_first (&scene, g_rand_boolean (rand));
    }
  }
  scene_clear (&scene);
  g_rand_free (rand);
}

GST_START_TEST (test_random_changes)
{
  for_each_engine (check_random, &shapes[__i__]);
}

GST_END_TEST;

/* A frame in which nothing comes before the change in one row of one plane:
 * the rest is as in the frame before, and all of it is there */
static void
check_late (const MmioReader * reader, const Shape * shape)
{
  guint n = 0;
  Scene scene;

  scene_init (&scene, reader, shape, 5);
  check_first (&scene, TRUE);
  for (guint i = 0; i < scene.picture.format.n_planes; i++) {
    const MmioPlane *plane = &scene.picture.plane[i];

    for (guint y = 0; y < plane->rows; y++, n++) {
      guint8 *row = (guint8 *) get_row (&scene, i, y);
      const guint at[] = { 0, plane->row_bytes / 2, plane->row_bytes - 1 };

      check_read (&scene, TRUE);
      for (guint j = 0; j < G_N_ELEMENTS (at); j++) {
        flip (&scene, row + at[j], 1 << (n + j) % 8);
        check_read (&scene, TRUE);
        memset (scene.changed, 0, shape->height);
      }

      /* And with the last row of all */
      flip (&scene, row, 0x80);
      flip (&scene, scene.bar + scene.size - 1, 1);
      check_read (&scene, TRUE);
      memset (scene.changed, 0, shape->height);
    }
  }
  scene_clear (&scene);
}

GST_START_TEST (test_late_change)
{
  for_each_engine (check_late, &shapes[__i__]);
}

GST_END_TEST;

/* All of the next frame is news, changed or not, and only of the next */
static void
check_forget (const MmioReader * reader, const Shape * shape)
{
  Scene scene;

  scene_init (&scene, reader, shape, 1);
  for (guint only_changed = 0; only_changed < 2; only_changed++) {
    /* Of a shadow that knows nothing there is nothing to forget */
    mmio_shadow_forget (scene.shadow);
    check_first (&scene, only_changed);
    check_read (&scene, TRUE);
    check_read (&scene, FALSE);

    mmio_shadow_forget (scene.shadow);
    mmio_shadow_forget (scene.shadow);
    check_first (&scene, only_changed);
    check_read (&scene, TRUE);

    /* What has changed meanwhile is known afterwards */
    mmio_shadow_forget (scene.shadow);
    scene.bar[0] ^= 1;
    check_first (&scene, only_changed);
    check_read (&scene, TRUE);
    flip (&scene, scene.bar, 1);
    check_read (&scene, TRUE);
    memset (scene.changed, 0, shape->height);
    check_read (&scene, TRUE);
  }
  scene_clear (&scene);
}

GST_START_TEST (test_forget)
{
  for_each_engine (check_forget, &shapes[__i__]);
}

GST_END_TEST;

static const Shape large[] = {
  {"RGB", "RGB", 2049, 3, 0, 0},
  {"RGB", "BGRx", 5000, 3, 15001, 1},
  {"BGRx", "xRGB", 3333, 3, 0, 0},
  {"GRAY8", "GRAY8", 65535, 2, 0, 1},
  {"RGB", "xBGR", 65535, 2, 0, 0},
  {"NV12", "NV12", 7001, 3, 7011, 0},
  {"ARGB64_LE", "ARGB64_LE", 8191, 2, 0, 0},
};

/* Rows beyond what fits into any bounce of fixed size */
static void
check_large (const MmioReader * reader, const Shape * shape)
{
  const gsize n_steps = RUNNING_ON_VALGRIND ? 3 : 50;
  Scene scene;

  scene_init (&scene, reader, shape, 3);
  memset (scene.memory, GUARD, scene.memory_size);
  mmio_frame_copy (reader, &scene.picture, scene.bar, &scene.target);
  check_target (&scene, TRUE);

  check_first (&scene, TRUE);
  for (gsize i = 0; i <= n_steps; i++) {
    const gsize at = MIN (i * (scene.size / n_steps), scene.size - 1);

    flip (&scene, scene.bar + at, 1 << i % 8);
    check_read (&scene, TRUE);
    memset (scene.changed, 0, shape->height);
    check_read (&scene, TRUE);
  }
  scene_clear (&scene);
}

GST_START_TEST (test_large)
{
  for_each_engine (check_large, &large[__i__]);
}

GST_END_TEST;

/* --- Damage --------------------------------------------------------------- */

/* @changed: a letter for each row, of which those that are 'x' change */
static void
check_pattern (const char *pattern)
{
  const guint height = strlen (pattern);
  const Shape shape = { "GRAY8", "GRAY8", 3, height, 5, 0 };
  Scene scene;

  scene_init (&scene, test_reader (MMIO_ENGINE_AUTO), &shape, 0);
  check_first (&scene, TRUE);
  for (guint y = 0; y < height; y++) {
    if (pattern[y] == 'x')
      flip (&scene, scene.bar + 5 * y + y % 3, 1);
  }
  check_read (&scene, TRUE);
  scene_clear (&scene);
}

GST_START_TEST (test_damage)
{
  static const char *const patterns[] = {
    "x", ".", "x.", ".x", "xx", "x.x", "xx.", ".xx", "xxx", "....x", "x....",
    "x.x.x.x", ".x.x.x.", "xx.xx.xx", "x...xxxx...x",
    /* 15, 16, 17 and 18 ranges, from the first row or not, to the last or
     * not, and the last ones of several rows */
    "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x",
    "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x",
    "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.",
    "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.xx.",
    ".x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x...",
    "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x",
    "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.",
    "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.....xxx..",
    ".x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x",
    ".xx.x.x.x.x.x.x.x.x.x.x.x.x.x.x.xx.x...x.....x..",
    "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x",
  };
  MmioDamage damage;

  for (guint i = 0; i < G_N_ELEMENTS (patterns); i++)
    check_pattern (patterns[i]);

  /* What the comparison is with, once by hand */
  damage = get_ranges ((const guint8 *) "\1\0\0\1\1\0", 6);
  fail_unless_equals_int (damage.n_ranges, 2);
  fail_unless_equals_int (damage.range[0].first, 0);
  fail_unless_equals_int (damage.range[0].count, 1);
  fail_unless_equals_int (damage.range[1].first, 3);
  fail_unless_equals_int (damage.range[1].count, 2);
  fail_unless_equals_int (MMIO_MAX_DAMAGE, 16);
}

GST_END_TEST;

GST_START_TEST (test_damage_random)
{
  const guint rounds = RUNNING_ON_VALGRIND ? 20 : 2000;
  GRand *rand = g_rand_new_with_seed (61);

  for (guint i = 0; i < rounds; i++) {
    const guint height = g_rand_int_range (rand, 1, 80);
    const guint density = g_rand_int_range (rand, 1, 10);
    char pattern[81] = "";

    for (guint y = 0; y < height; y++)
      pattern[y] = g_rand_int_range (rand, 0, 10) < (gint) density ? 'x' : '.';
    check_pattern (pattern);
  }
  g_rand_free (rand);
}

GST_END_TEST;

/* A chroma row is of all the rows that have their colour from it */
GST_START_TEST (test_damage_of_chroma)
{
  static const struct
  {
    const char *format;
    guint height, plane, row, first, count;
  } rows[] = {
    {"NV12", 4, 0, 1, 1, 1},
    {"NV12", 4, 1, 0, 0, 2},
    {"NV12", 4, 1, 1, 2, 2},
    {"NV12", 5, 1, 1, 2, 2},
    {"NV12", 5, 1, 2, 4, 1},
    {"NV12", 1, 1, 0, 0, 1},
    {"I420", 7, 1, 3, 6, 1},
    {"I420", 7, 2, 3, 6, 1},
    {"I420", 7, 2, 0, 0, 2},
    {"YV12", 6, 1, 2, 4, 2},
    {"A420", 7, 3, 6, 6, 1},
    {"A420", 7, 3, 1, 1, 1},
    {"YUV9", 11, 1, 0, 0, 4},
    {"YUV9", 11, 1, 2, 8, 3},
    {"YUV9", 9, 2, 2, 8, 1},
    {"Y42B", 5, 1, 4, 4, 1},
    {"NV16", 5, 1, 3, 3, 1},
    {"NV12_10LE32", 5, 1, 2, 4, 1},
    {"NV12_10LE32", 5, 1, 1, 2, 2},
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    const Shape shape = { rows[i].format, rows[i].format, 6, rows[i].height,
      0, 0
    };
    Scene scene;
    guint8 *row;

    scene_init (&scene, test_reader (MMIO_ENGINE_AUTO), &shape, 0);
    scene_read (&scene, TRUE);
    row = (guint8 *) get_row (&scene, rows[i].plane, rows[i].row);
    row[0] ^= 1;
    fail_unless (scene_read (&scene, TRUE));
    fail_unless_equals_int (scene.damage.n_ranges, 1);
    fail_unless_equals_int (scene.damage.range[0].first, rows[i].first);
    fail_unless_equals_int (scene.damage.range[0].count, rows[i].count);
    check_target (&scene, TRUE);
    scene_clear (&scene);
  }
}

GST_END_TEST;

/* --- The target is written once, in order, and never read ----------------- */

/* Memory of which only one page at a time can be touched, and each touch of
 * another one is remembered */
#define MAX_TOUCHES 200

#if defined (__x86_64__)
#define KNOWS_READS
#endif

static struct
{
  guint8 *data;
  gsize size;
  guint n;
  guint page[MAX_TOUCHES];
  gboolean is_read[MAX_TOUCHES];
} touched;

static void
on_touch (int number, siginfo_t * info, void *context)
{
  const gsize at = (guint8 *) info->si_addr - touched.data;
  const gsize page = page_size ();

  if (at >= touched.size || touched.n == MAX_TOUCHES) {
    signal (SIGSEGV, SIG_DFL);
    return;
  }

  touched.page[touched.n] = at / page;
#ifdef KNOWS_READS
  /* Bit 1 of a page fault's error code: a write */
  touched.is_read[touched.n] =
      !(((ucontext_t *) context)->uc_mcontext.gregs[REG_ERR] & 2);
#endif
  touched.n++;
  mprotect (touched.data, touched.size, PROT_NONE);
  mprotect (touched.data + at / page * page, page, PROT_READ | PROT_WRITE);
}

/* Valgrind forgets registers where a load or store is trapped */
static gboolean
can_trap (void)
{
  if (RUNNING_ON_VALGRIND)
    g_print ("SKIP: valgrind cannot go on after a trap; run this without\n");

  return !RUNNING_ON_VALGRIND;
}

static void
touched_begin (const Pages * pages)
{
  struct sigaction action = {.sa_flags = SA_SIGINFO };

  touched.data = pages->data;
  touched.size = pages->size;
  touched.n = 0;
  action.sa_sigaction = on_touch;
  fail_unless (sigaction (SIGSEGV, &action, NULL) == 0);
  fail_unless (mprotect (pages->data, pages->size, PROT_NONE) == 0);
}

static void
touched_end (void)
{
  signal (SIGSEGV, SIG_DFL);
  fail_unless (mprotect (touched.data, touched.size,
          PROT_READ | PROT_WRITE) == 0);
}

/* From the first page to the last, each once, and first of all read, or
 * written */
static void
check_touched (guint n_pages, gboolean is_read)
{
  for (guint i = 0; i < touched.n; i++) {
    if (touched.page[i] != i)
      fail ("%s: page %u was touched as number %u", scene_name, touched.page[i],
          i);
#ifdef KNOWS_READS
    if (touched.is_read[i] != is_read)
      fail ("%s: page %u was%s read", scene_name, i, is_read ? " not" : "");
#endif
  }
  fail_unless_equals_int (touched.n, n_pages);
}

static const Shape in_order[] = {
  {"RGB", "RGB", 33, 5, 0, 0},
  {"RGB", "RGB", 1300, 5, 0, 0},
  {"RGB", "BGRx", 1001, 5, 0, 0},
  {"BGR", "xRGB", 7, 5, 0, 0},
  {"RGBx", "BGRx", 1001, 5, 0, 0},
  {"xRGB", "BGRx", 77, 5, 0, 0},
  {"GRAY8", "GRAY8", 4000, 5, 0, 0},
  {"NV12", "NV12", 333, 5, 0, 0},
  {"I420", "I420", 333, 5, 0, 0},
  {"A420", "A420", 12, 7, 0, 0},
};

/* A row of the target for each page, at its start or at an odd address */
static void
check_order (const MmioReader * reader, const Shape * shape)
{
  const MmioLayout *picture;
  const guint shift = shape->width % 2 * 3;
  guint n = 0, n_rows = 0;
  Scene scene;
  Pages pages;

  scene_init (&scene, reader, shape, 9);
  picture = &scene.picture;
  for (guint i = 0; i < picture->format.n_planes; i++)
    n_rows += picture->plane[i].rows;
  pages_init (&pages, n_rows);
  for (guint i = 0; i < picture->format.n_planes; i++) {
    scene.target.plane[i] = pages.data + n * page_size () + shift;
    scene.target.stride[i] = page_size ();
    n += picture->plane[i].rows;
  }

  memset (pages.data, GUARD, pages.size);
  touched_begin (&pages);
  mmio_frame_copy (reader, picture, scene.bar, &scene.target);
  touched_end ();
  check_touched (n_rows, FALSE);

  /* A change in each row, after two frames without any */
  for (guint k = 0; k < n_rows + 2; k++) {
    guint plane = 0, y = k - 2;

    if (k >= 2) {
      while (y >= picture->plane[plane].rows)
        y -= picture->plane[plane++].rows;
      ((guint8 *) get_row (&scene, plane, y))[k % 7] ^= 4;
    }

    memset (pages.data, GUARD, pages.size);
    touched_begin (&pages);
    fail_unless (mmio_frame_copy_changes (reader, picture, scene.bar,
            &scene.target, scene.shadow, TRUE, &scene.damage) == (k != 1));
    touched_end ();
    check_touched (k == 1 ? 0 : n_rows, FALSE);

    memset (pages.data, GUARD, pages.size);
    touched_begin (&pages);
    fail_unless (mmio_frame_copy_changes (reader, picture, scene.bar,
            &scene.target, scene.shadow, FALSE, &scene.damage));
    touched_end ();
    check_touched (n_rows, FALSE);
  }

  /* What came there is what was wanted */
  for (guint i = 0; i < picture->format.n_planes; i++) {
    for (guint y = 0; y < picture->plane[i].rows; y++) {
      guint8 *row = scene.target.plane[i] + y * page_size ();
      const gsize length = get_target_row_bytes (&scene, i);

      emit_naively (picture, &scene.target.format, i, scene.wanted,
          get_row (&scene, i, y));
      fail_unless (memcmp (row, scene.wanted, length) == 0);
      fail_unless_all (row - shift, shift, GUARD);
      fail_unless_all (row + length, page_size () - shift - length, GUARD);
    }
  }

  pages_clear (&pages);
  scene_clear (&scene);
}

GST_START_TEST (test_in_order)
{
  if (can_trap ())
    for_each_engine (check_order, &in_order[__i__]);
}

GST_END_TEST;

static const Shape converted_once[] = {
  {"RGB", "BGRx", 70, 5, 0, 0},
  {"BGR", "xRGB", 65, 5, 0, 0},
  {"RGBx", "BGRx", 70, 5, 0, 0},
};

/* Rows of the target over the border of two pages, in pieces that end there:
 * whoever writes a row again comes back.  Conversions write in order; memcpy()
 * need not, so all pixels are at aligned addresses, where none is in the way. */
static void
check_once (const MmioReader * reader, const Shape * shape)
{
  const gsize page = page_size ();
  Scene scene;
  Pages pages;

  scene_init (&scene, reader, shape, 8);
  pages_init (&pages, 2 * shape->height);
  scene.target.plane[0] = pages.data + page - 128;
  scene.target.stride[0] = 2 * page;

  for (guint k = 0; k < 3 * shape->height + 2; k++) {
    const guint y = (k - 2) / 3;

    if (k >= 2)
      ((guint8 *) get_row (&scene, 0, y))[(k - 2) % 3 * 90] ^= 4;
    touched_begin (&pages);
    mmio_frame_copy_changes (reader, &scene.picture, scene.bar, &scene.target,
        scene.shadow, TRUE, &scene.damage);
    touched_end ();
    check_touched (k == 1 ? 0 : 2 * shape->height, FALSE);
  }

  pages_clear (&pages);
  scene_clear (&scene);
}

GST_START_TEST (test_converted_once)
{
  if (can_trap ())
    for_each_engine (check_once, &converted_once[__i__]);
}

GST_END_TEST;

/* Rows of several pages, or over the border of two: whoever looks at a row
 * again comes back to a page */
static const struct
{
  Shape shape;
  guint pages;                  /* of a row */
  guint back;                   /* bytes before a page where it starts */
} once[] = {
  {{"RGB", "RGB", 2700, 4, 0, 1}, 2, 0},
  {{"RGB", "BGRx", 2700, 4, 0, 1}, 2, 0},
  {{"RGB", "RGB", 2701, 4, 0, 0}, 2, 4},
  {{"BGRx", "xRGB", 2001, 4, 0, 0}, 2, 21},
  {{"GRAY8", "GRAY8", 40, 4, 0, 0}, 1, 17},
  {{"RGB", "xBGR", 13, 4, 0, 0}, 1, 3},
  {{"RGB", "RGB", 500, 4, 0, 0}, 1, 700},
};

static guint
count_pages (const MmioLayout * picture, const guint8 * begin)
{
  const gsize first = (gsize) begin / page_size ();
  const gsize last = ((gsize) begin + picture->end - picture->start - 1) /
      page_size ();

  return last - first + 1;
}

GST_START_TEST (test_bar_once)
{
  Shape shape = once[__i__].shape;
  const gsize page = page_size ();

  if (!can_trap ())
    return;

  for (guint engine = MMIO_ENGINE_AUTO; engine < END_ENGINE; engine++) {
    const MmioReader *reader = test_reader (engine);
    Scene scene;
    Pages pages;
    guint n;

    if (!reader)
      continue;

    shape.stride = once[__i__].pages * page;
    scene_init (&scene, reader, &shape, 0);
    pages_init (&pages, once[__i__].pages * shape.height + 1);
    fill_random (pages.data, pages.size, 70);
    scene.bar = pages.data + (once[__i__].back > 0 ? page -
        once[__i__].back : 0);
    n = count_pages (&scene.picture, scene.bar);

    touched_begin (&pages);
    memset (scene.memory, GUARD, scene.memory_size);
    mmio_frame_copy (reader, &scene.picture, scene.bar, &scene.target);
    touched_end ();
    check_touched (n, TRUE);
    check_target (&scene, TRUE);

    /* The first one, twice no change, then one in each row */
    for (guint k = 0; k < shape.height + 3; k++) {
      if (k >= 3)
        scene.bar[(k - 3) * shape.stride + k] ^= 1;
      touched_begin (&pages);
      scene_read (&scene, k % 2);
      touched_end ();
      check_touched (n, TRUE);
      check_target (&scene, k != 1);
      fail_unless_equals_int (scene.damage.n_ranges, k == 0 || k >= 3);
    }

    pages_clear (&pages);
    scene_clear (&scene);
  }
}

GST_END_TEST;

/* The trap does catch who goes back, and who reads */
GST_START_TEST (test_order_is_seen)
{
  static volatile guint8 sink;
  Pages pages;

  if (!can_trap ())
    return;

  pages_init (&pages, 3);
  memset (pages.data, GUARD, pages.size);
  touched_begin (&pages);
  pages.data[0] = 1;
  pages.data[page_size ()] = 1;
  pages.data[1] = 1;
  sink = pages.data[2 * page_size () + 5];
  touched_end ();
  fail_unless_equals_int (touched.n, 4);
  fail_unless_equals_int (touched.page[0], 0);
  fail_unless_equals_int (touched.page[1], 1);
  fail_unless_equals_int (touched.page[2], 0);
  fail_unless_equals_int (touched.page[3], 2);
#ifdef KNOWS_READS
  fail_if (touched.is_read[2]);
  fail_unless (touched.is_read[3]);
#endif
  fail_unless_equals_int (sink, GUARD);
  pages_clear (&pages);
}

GST_END_TEST;

/* --- What changes while it is read ---------------------------------------- */

typedef struct
{
  guint8 *data;
  gsize size;
  gint stop;
} Scribbler;

static gpointer
scribble (gpointer data)
{
  Scribbler *scribbler = data;
  volatile guint8 *memory = scribbler->data;
  guint32 x = 1;

  while (!g_atomic_int_get (&scribbler->stop)) {
    x = x * 1664525 + 1013904223;
    memory[(x >> 8) % scribbler->size] ^= x >> 28 == 0;
  }

  return NULL;
}

/* Whoever takes over the damaged rows alone has all of the target, each time:
 * no byte is emitted that was not the one compared */
static void
check_mirror (const MmioReader * reader, const Shape * shape)
{
  const guint rounds = RUNNING_ON_VALGRIND ? 30 : 2000;
  Scribbler scribbler = { NULL, };
  guint8 *mirror;
  GThread *thread;
  Scene scene;

  scene_init (&scene, reader, shape, 2);
  mirror = g_malloc (scene.memory_size);
  memset (mirror, GUARD, scene.memory_size);
  scribbler.data = scene.bar;
  scribbler.size = scene.size;
  thread = g_thread_new ("scribbler", scribble, &scribbler);

  for (guint n = 0; n < rounds; n++) {
    gboolean written = scene_read (&scene, n % 2);

    fail_unless (written || (n % 2 && scene.damage.n_ranges == 0));
    for (guint i = 0; i < scene.picture.format.n_planes; i++) {
      const guint shift = get_shift (&scene.picture.format, i);
      const gsize stride = scene.target.stride[i];
      const gsize plane = scene.target.plane[i] - scene.memory;

      for (guint j = 0; j < scene.damage.n_ranges; j++) {
        const MmioRows *range = &scene.damage.range[j];
        const guint last = (range->first + range->count - 1) >> shift;

        for (guint y = range->first >> shift; y <= last; y++)
          memcpy (mirror + plane + y * stride,
              scene.memory + plane + y * stride,
              get_target_row_bytes (&scene, i));
      }
    }
    if (written && memcmp (mirror, scene.memory, scene.memory_size) != 0)
      fail ("frame %u has more changes than it says", n);
  }

  g_atomic_int_set (&scribbler.stop, TRUE);
  g_thread_join (thread);

  /* Now it rests, and the target becomes what the BAR is */
  scene_read (&scene, FALSE);
  check_target (&scene, TRUE);
  memset (scene.changed, 0, shape->height);
  check_read (&scene, TRUE);
  g_free (mirror);
  scene_clear (&scene);
}

GST_START_TEST (test_damage_is_enough)
{
  for_each_engine (check_mirror, &shapes[__i__]);
}

GST_END_TEST;

/* --- The shadow by itself ------------------------------------------------- */

/* Each row has memory of its own */
GST_START_TEST (test_shadow_rows)
{
  const MmioFormat *format;

  for (guint n = 0; (format = test_format_nth (n)); n++) {
    const MmioLayout picture = test_picture (format->name, 13, 7, 3, 999);
    MmioShadow *shadow = mmio_shadow_new (&picture);

    for (guint pass = 0; pass < 2; pass++) {
      guint8 value = 0;

      for (guint i = 0; i < format->n_planes; i++) {
        for (guint y = 0; y < picture.plane[i].rows; y++, value += 37) {
          guint8 *row = mmio_shadow_get_row (shadow, i, y);

          if (pass == 0)
            memset (row, value, picture.plane[i].row_bytes);
          else
            fail_unless_all (row, picture.plane[i].row_bytes, value);
        }
      }
    }
    mmio_shadow_free (shadow);
  }
}

GST_END_TEST;

GST_START_TEST (test_shadow_frames)
{
  const MmioLayout picture = test_picture ("I420", 4, 5, 0, 0);
  MmioShadow *shadow = mmio_shadow_new (&picture);
  MmioDamage damage = {.n_ranges = 9 };

  fail_if (mmio_shadow_begin (shadow));
  mmio_shadow_end (shadow, &damage);
  fail_unless_equals_int (damage.n_ranges, 0);

  /* Rows of different planes are the same rows */
  fail_unless (mmio_shadow_begin (shadow));
  mmio_shadow_mark (shadow, 0, 1);
  mmio_shadow_mark (shadow, 2, 2);
  mmio_shadow_mark (shadow, 0, 4);
  mmio_shadow_mark (shadow, 1, 0);
  mmio_shadow_end (shadow, &damage);
  fail_unless_equals_int (damage.n_ranges, 2);
  fail_unless_equals_int (damage.range[0].first, 0);
  fail_unless_equals_int (damage.range[0].count, 2);
  fail_unless_equals_int (damage.range[1].first, 4);
  fail_unless_equals_int (damage.range[1].count, 1);

  /* Nothing is left of it */
  fail_unless (mmio_shadow_begin (shadow));
  mmio_shadow_end (shadow, &damage);
  fail_unless_equals_int (damage.n_ranges, 0);

  mmio_shadow_forget (shadow);
  fail_if (mmio_shadow_begin (shadow));
  mmio_shadow_end (shadow, &damage);
  fail_unless (mmio_shadow_begin (shadow));
  mmio_shadow_free (shadow);
}

GST_END_TEST;

static Suite *
framecopy_suite (void)
{
  Suite *s = suite_create ("lib-framecopy");
  TCase *tc = add_case (s, "read");

  tcase_add_test (tc, test_can_read_as);
  tcase_add_loop_test (tc, test_read, 0, G_N_ELEMENTS (shapes));
  tcase_add_loop_test (tc, test_conversion, 0, N_WIDE * G_N_ELEMENTS (packed));
  tcase_add_loop_test (tc, test_conversion_phases, FIRST_ENGINE, END_ENGINE);
  tcase_add_loop_test (tc, test_rows_apart, FIRST_ENGINE, END_ENGINE);

  tc = add_case (s, "changes");
  tcase_add_loop_test (tc, test_one_bit, 0, G_N_ELEMENTS (shapes));
  tcase_add_loop_test (tc, test_random_changes, 0, G_N_ELEMENTS (shapes));
  tcase_add_loop_test (tc, test_late_change, 0, G_N_ELEMENTS (shapes));
  tcase_add_loop_test (tc, test_forget, 0, G_N_ELEMENTS (shapes));
  tcase_add_loop_test (tc, test_large, 0, G_N_ELEMENTS (large));

  tc = add_case (s, "damage");
  tcase_add_test (tc, test_damage);
  tcase_add_test (tc, test_damage_random);
  tcase_add_test (tc, test_damage_of_chroma);

  tc = add_case (s, "target");
  tcase_add_test (tc, test_order_is_seen);
  tcase_add_loop_test (tc, test_in_order, 0, G_N_ELEMENTS (in_order));
  tcase_add_loop_test (tc, test_converted_once, 0,
      G_N_ELEMENTS (converted_once));
  tcase_add_loop_test (tc, test_bar_once, 0, G_N_ELEMENTS (once));
  tcase_add_loop_test (tc, test_damage_is_enough, 0, G_N_ELEMENTS (shapes));

  tc = add_case (s, "shadow");
  tcase_add_test (tc, test_shadow_rows);
  tcase_add_test (tc, test_shadow_frames);

  return s;
}

GST_CHECK_MAIN (framecopy);
