/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A frame of which the changed rows are to be known.  All of these keep a
 * shadow of the frame before, fill the destination, and say which rows have
 * changed; but the last group, which is about frames that nobody gets.
 */
#include "bench.h"

#include <string.h>

static void
read_changes (Bench * bench, const BenchCase * c, const guint8 * source,
    guint8 * dest, gboolean only_changed)
{
  const MmioTarget target = {
    .format = bench->picture->format,
    .plane = {dest},
    .stride = {bench->picture->plane[0].row_bytes},
  };
  MmioDamage damage;

  mmio_frame_copy_changes (bench_get_reader (c), bench->picture, source,
      &target, bench->shadow, only_changed, &damage);
}

static void
run_mark (Bench * bench, const BenchCase * c, const guint8 * source,
    guint8 * dest)
{
  read_changes (bench, c, source, dest, FALSE);
}

static void
run_drop (Bench * bench, const BenchCase * c, const guint8 * source,
    guint8 * dest)
{
  read_changes (bench, c, source, dest, TRUE);
}

/* Row by row, while the row is in the first level cache */
static void
run_memcmp (Bench * bench, const BenchCase * c, const guint8 * source,
    guint8 * dest)
{
  const MmioPlane *plane = &bench->picture->plane[0];

  for (guint y = 0; y < plane->rows; y++) {
    const gsize at = (gsize) y * plane->row_bytes;

    bench->changed_rows[y] =
        memcmp (bench->plain_shadow + at, source + at, plane->row_bytes) != 0;
    if (bench->changed_rows[y])
      memcpy (bench->plain_shadow + at, source + at, plane->row_bytes);
    memcpy (dest + at, source + at, plane->row_bytes);
  }
}

/* All at once; says less: whether anything has changed */
static void
run_memcmp_frame (Bench * bench, const BenchCase * c, const guint8 * source,
    guint8 * dest)
{
  if (memcmp (bench->plain_shadow, source, bench->size) != 0)
    memcpy (bench->plain_shadow, source, bench->size);
  memcpy (dest, source, bench->size);
}

static void
run_bytes (Bench * bench, const BenchCase * c, const guint8 * source,
    guint8 * dest)
{
  const MmioPlane *plane = &bench->picture->plane[0];

  for (guint y = 0; y < plane->rows; y++) {
    const gsize at = (gsize) y * plane->row_bytes;
    gboolean changed = FALSE;

    for (gsize i = at; i < at + plane->row_bytes; i++) {
      const guint8 byte = *(const volatile guint8 *) (source + i);

      if (byte != bench->plain_shadow[i]) {
        bench->plain_shadow[i] = byte;
        changed = TRUE;
      }
      dest[i] = byte;
    }
    bench->changed_rows[y] = changed;
  }
}

/* What cannot be avoided: the loads, to memory in the first level cache.  The
 * bounce is as far into a line as the map, which begins with a page. */
static void
run_read (Bench * bench, const BenchCase * c, const guint8 * source,
    guint8 * dest)
{
  static guint8 bounce[16384] __attribute__((aligned (MMIO_READER_PHASE)));
  const MmioPlane *plane = &bench->picture->plane[0];

  g_assert (plane->row_bytes <= sizeof (bounce));
  g_assert (plane->stride % MMIO_READER_PHASE == 0);
  for (guint y = 0; y < plane->rows; y++)
    mmio_reader_fetch (bench_get_reader (c), bounce,
        source + (gsize) y * plane->stride, NULL, plane->row_bytes);
}

static void
run_ignore (Bench * bench, const BenchCase * c, const guint8 * source,
    guint8 * dest)
{
  const MmioTarget target = {
    .format = bench->picture->format,
    .plane = {dest},
    .stride = {bench->picture->plane[0].row_bytes},
  };

  mmio_frame_copy (bench_get_reader (c), bench->picture, source, &target);
}

#define ALL(group, picture, bytes) \
  {group, "memcmp, memcpy", run_memcmp, .phase = bytes, .other = picture}, \
  {group, "whole memcmp, memcpy", run_memcmp_frame, .phase = bytes, \
      .other = picture}, \
  {group, "mark", run_mark, .phase = bytes, .other = picture}, \
  {group, "ignore", run_ignore, .phase = bytes, .other = picture}, \
  {group, "bytes", run_bytes, .phase = bytes, .other = picture}

static const BenchCase cases[] = {
  ALL ("all changed", 1, 0),
  ALL ("a box changed", 2, 0),
  ALL ("unchanged", 0, 0),
  ALL ("unchanged, unaligned", 0, 16),
  {"drop", "loads only", run_read,.phase = 0},
  {"drop", "read into a buffer", run_ignore,.phase = 0},
  {"drop", "drop", run_drop,.phase = 0},
};

int
main (int argc, char **argv)
{
  return bench_main (argc, argv, cases, G_N_ELEMENTS (cases));
}
