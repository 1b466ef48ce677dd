/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A frame as it is, from the map into a buffer: the engines, memcpy(), and the
 * loop over bytes that the project started from.
 */
#include "bench.h"

#include <string.h>

static void
run_memcpy (Bench * bench, const BenchCase * c, const guint8 * source,
    guint8 * dest)
{
  memcpy (dest, source, bench->size);
}

static void
run_engine (Bench * bench, const BenchCase * c, const guint8 * source,
    guint8 * dest)
{
  const MmioTarget target = {
    .format = bench->picture->format,
    .plane = {dest},
    .stride = {bench->picture->plane[0].row_bytes},
  };

  mmio_frame_copy (bench_get_reader (c), bench->picture, source, &target);
}

static void
run_bytes (Bench * bench, const BenchCase * c, const guint8 * source,
    guint8 * dest)
{
  for (gsize i = 0; i < bench->size; i++)
    dest[i] = *(const volatile guint8 *) (source + i);
}

/* Where malloc() puts large blocks is 16 bytes after a page */
#define BOTH(phase_name, bytes) \
  {phase_name, "memcpy", run_memcpy, .phase = bytes}, \
  {phase_name, "auto", run_engine, .engine = MMIO_ENGINE_AUTO, \
      .phase = bytes}, \
  {phase_name, "orc", run_engine, .engine = MMIO_ENGINE_ORC, \
      .phase = bytes}, \
  {phase_name, "stream", run_engine, .engine = MMIO_ENGINE_STREAM, \
      .phase = bytes}, \
  {phase_name, "avx512", run_engine, .engine = MMIO_ENGINE_AVX512, \
      .phase = bytes}, \
  {phase_name, "avx", run_engine, .engine = MMIO_ENGINE_AVX, \
      .phase = bytes}, \
  {phase_name, "u64", run_engine, .engine = MMIO_ENGINE_U64, \
      .phase = bytes}, \
  {phase_name, "u32", run_engine, .engine = MMIO_ENGINE_U32, \
      .phase = bytes}, \
  {phase_name, "bytes", run_bytes, .phase = bytes}

static const BenchCase cases[] = {
  BOTH ("aligned", 0),
  BOTH ("unaligned", 16),
};

int
main (int argc, char **argv)
{
  return bench_main (argc, argv, cases, G_N_ELEMENTS (cases));
}
