/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads many pictures of random geometry with every engine, each from a window
 * of its own in one arena at a known address, and writes a table of them.
 * Under a tracer of memory accesses (loads.py) this shows which loads were
 * made from which picture.
 *
 * Nothing but the reader may load from the arena, so it is filled, and what
 * was read is verified, through a second map of the same memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "load/mmioframecopy.h"
#include "trap.h"

/* Where loads.py looks for loads */
#define ARENA ((guint8 *) 0x300000000)
#define WINDOW (64 * 1024)
#define N_WINDOWS 2048

/* Random bytes, made once: under a tracer everything is slow */
#define NOISE (WINDOW + 4096)

/* Pictures for each engine and way of reading */
#define N_CASES 80

typedef enum
{
  PLAIN,
  CONVERT,
  CHANGES,
  N_WAYS
} Way;

static const char *way_names[N_WAYS] = { "plain", "convert", "changes" };

typedef struct
{
  guint8 *arena;                /* what the reader sees */
  guint8 *backdoor;             /* the same memory, for everybody else */
  guint used;
  GRand *rand;
  guint8 noise[NOISE];
  FILE *table;
} Bench;

static void
fail (const char *what)
{
  perror (what);
  exit (2);
}

static void
bench_init (Bench * bench, const char *table)
{
  const gsize size = (gsize) WINDOW * N_WINDOWS;
  int fd = memfd_create ("loads", MFD_CLOEXEC);

  if (fd < 0 || ftruncate (fd, size) < 0)
    fail ("memfd_create");
  bench->arena = mmap (ARENA, size, PROT_READ, MAP_SHARED |
      MAP_FIXED_NOREPLACE, fd, 0);
  bench->backdoor = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
      0);
  if (bench->arena != ARENA || bench->backdoor == MAP_FAILED)
    fail ("mmap");
  close (fd);

  bench->used = 0;
  bench->rand = g_rand_new_with_seed (20130501);
  for (guint i = 0; i < NOISE; i++)
    bench->noise[i] = g_rand_int (bench->rand);
  bench->table = fopen (table, "w");
  if (!bench->table)
    fail (table);
}

/* A picture of random geometry that fits into a window */
static void
make_picture (Bench * bench, Way way, MmioLayout * picture)
{
  static const char *packed[] = { "RGB", "BGR", "RGBx", "xBGR", "RGB16" };
  MmioSpec spec = { 0, };
  const guint n = way == CONVERT ? 4 : G_N_ELEMENTS (packed);
  guint row;

  spec.format = *mmio_format_find (packed[g_rand_int_range (bench->rand, 0,
              n)]);
  spec.width = g_rand_int_range (bench->rand, 1, 200);
  /* Now and then a row that is longer than any bounce in the reader */
  if (g_rand_int_range (bench->rand, 0, 20) == 0)
    spec.width += 2000;
  spec.height = g_rand_int_range (bench->rand, 1, 4);
  spec.offset = g_rand_int_range (bench->rand, 0, 200);
  row = mmio_format_row_bytes (&spec.format, 0, spec.width);
  if (g_rand_boolean (bench->rand))
    spec.stride = row + g_rand_int_range (bench->rand, 0, 130);

  if (!mmio_layout_init (picture, &spec, NULL) || picture->end > WINDOW)
    fail ("picture");
}

/* A format to convert to, or the picture's own where it has none */
static const MmioFormat *
choose_target (Bench * bench, const MmioLayout * picture)
{
  static const char *formats[] = { "RGBx", "BGRx", "xRGB", "xBGR" };
  const guint first = g_rand_int_range (bench->rand, 0, 4);

  for (guint i = 0; i < 4; i++) {
    const MmioFormat *format = mmio_format_find (formats[(first + i) % 4]);

    if (mmio_conversion_find (&picture->format, format))
      return format;
  }

  return &picture->format;
}

/* What the target should hold, pixel by pixel */
static void
verify_row (const MmioConversion * conversion, const guint8 * target,
    const guint8 * expected, gsize row_bytes)
{
  guint size, pixels;
  guint8 *converted;

  if (!conversion) {
    if (memcmp (target, expected, row_bytes) != 0)
      fail ("wrong bytes");
    return;
  }

  size = mmio_conversion_get_pixel_bytes (conversion);
  pixels = row_bytes / size;
  converted = g_malloc (4 * pixels);
  for (guint i = 0; i < pixels; i++)
    mmio_conversion_run (conversion, converted + 4 * i, expected + size * i, 1);
  if (memcmp (target, converted, 4 * pixels) != 0)
    fail ("wrong pixels");
  g_free (converted);
}

static void
read_once (Bench * bench, const MmioReader * reader, const char *engine,
    Way way)
{
  const gsize window = (gsize) WINDOW * bench->used++;
  const MmioConversion *conversion = NULL;
  g_autofree guint8 *memory = g_malloc (4 * WINDOW);
  MmioShadow *shadow = NULL;
  MmioTarget target = { 0, };
  MmioLayout picture;
  MmioDamage damage;
  guint passes = 1;
  gboolean straight;

  if (bench->used > N_WINDOWS)
    fail ("too few windows");

  make_picture (bench, way, &picture);
  memcpy (bench->backdoor + window, bench->noise +
      g_rand_int_range (bench->rand, 0, NOISE - WINDOW), picture.end);

  target.format = picture.format;
  if (way == CONVERT || (way == CHANGES && picture.width % 2 == 0)) {
    target.format = *choose_target (bench, &picture);
    conversion = mmio_conversion_find (&picture.format, &target.format);
  }
  target.plane[0] = memory + g_rand_int_range (bench->rand, 0, 64);
  target.stride[0] = (conversion ? 4 * picture.width :
      picture.plane[0].row_bytes);
  if (g_rand_boolean (bench->rand))
    target.stride[0] += g_rand_int_range (bench->rand, 0, 70);

  if (way == CHANGES) {
    shadow = mmio_shadow_new (&picture);
    mmio_frame_copy_changes (reader, &picture,
        bench->arena + window + picture.start, &target, shadow, FALSE, &damage);
    /* One bit, anywhere */
    bench->backdoor[window + picture.start +
        g_rand_int_range (bench->rand, 0, picture.plane[0].row_bytes)] ^= 1;
    mmio_frame_copy_changes (reader, &picture,
        bench->arena + window + picture.start, &target, shadow, TRUE, &damage);
    if (damage.n_ranges != 1 || damage.range[0].first != 0 ||
        damage.range[0].count != 1)
      fail ("wrong damage");
    mmio_shadow_free (shadow);
    passes = 2;
  } else {
    mmio_frame_copy (reader, &picture, bench->arena + window + picture.start,
        &target);
  }

  for (guint y = 0; y < picture.height; y++)
    verify_row (conversion, target.plane[0] + (gsize) y * target.stride[0],
        bench->backdoor + window + picture.start +
        (gsize) y * picture.plane[0].stride, picture.plane[0].row_bytes);

  /* Where neither side has padding, plain copies need not stop at rows */
  straight = way == PLAIN &&
      picture.plane[0].stride == picture.plane[0].row_bytes &&
      target.stride[0] == picture.plane[0].row_bytes;
  fprintf (bench->table, "%s %s %s %lx %u %u %u %u %d\n", engine,
      way_names[way], conversion ? target.format.name : "-",
      (gulong) (bench->arena + window + picture.start), passes,
      picture.plane[0].stride, picture.plane[0].row_bytes, picture.height,
      straight);
}

int
main (int argc, char **argv)
{
  /* Of those that valgrind does not know, and one that it knows */
  static const MmioEngine trapped[] = { MMIO_ENGINE_AVX512, MMIO_ENGINE_U64 };
  static const MmioEngine traced[] = {
    MMIO_ENGINE_ORC, MMIO_ENGINE_STREAM, MMIO_ENGINE_AVX, MMIO_ENGINE_U64,
    MMIO_ENGINE_U32
  };
  const gboolean traps = argc == 3;
  const MmioEngine *engines = traps ? trapped : traced;
  const guint n = traps ? G_N_ELEMENTS (trapped) : G_N_ELEMENTS (traced);
  Bench bench;

  if (argc != 2 && argc != 3) {
    fprintf (stderr, "Usage: %s TABLE [LOADS]\n"
        "LOADS: a file for the loads, which are recorded by traps\n", argv[0]);
    return 2;
  }

  bench_init (&bench, argv[1]);
  if (traps && !trap_start (bench.arena, (gsize) WINDOW * N_WINDOWS))
    fail ("trap_start");
  for (guint i = 0; i < n; i++) {
    g_autoptr (GError) error = NULL;
    const char *reason;
    const MmioReader *reader = mmio_reader_choose (engines[i],
        MMIO_MAPPING_CACHED, &reason, &error);

    if (!reader) {
      fprintf (bench.table, "# %s\n", error->message);
      continue;
    }
    for (guint way = 0; way < N_WAYS; way++) {
      for (guint n_case = 0; n_case < N_CASES; n_case++)
        read_once (&bench, reader, mmio_reader_get_name (reader), way);
    }
  }
  if (traps && !trap_stop (argv[2]))
    fail (argv[2]);
  g_rand_free (bench.rand);
  fclose (bench.table);

  return 0;
}
