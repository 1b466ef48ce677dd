/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "capture/mmiocapture.h"

G_BEGIN_DECLS

/* Pictures in the file that run.py writes, one after the other from page to
 * page: all of the second differs from the first, a box of the third does */
#define BENCH_PICTURES 3

/* Buffers that a case writes to in turn, as a pool would have them */
#define BENCH_BUFFERS 4

typedef struct _BenchCase BenchCase;

/**
 * Bench:
 * @capture: the pictures
 * @source: where they are mapped
 * @size: bytes of each
 * @buffer: memory for a frame of 4 bytes a pixel, page-aligned
 * @shadow: the frame before, for the library
 * @plain_shadow: the same for those who do it by hand
 */
typedef struct {
  MmioCapture *capture[BENCH_PICTURES];
  const MmioLayout *picture;
  const guint8 *source[BENCH_PICTURES];
  gsize size;
  guint8 *buffer[BENCH_BUFFERS];
  MmioShadow *shadow;
  guint8 *plain_shadow;
  guint8 *changed_rows;
} Bench;

/**
 * BenchCase:
 * @group: what is compared with what
 * @name: what is measured
 * @run: reads a frame from @source to @dest
 * @engine: for those that use one
 * @phase: bytes that destinations begin after a page
 * @other: which picture takes turns with the first
 */
struct _BenchCase {
  const char *group;
  const char *name;
  void (*run) (Bench * bench, const BenchCase * c, const guint8 * source,
      guint8 * dest);
  MmioEngine engine;
  guint phase;
  guint other;
};

const MmioReader *bench_get_reader (const BenchCase * c);

int bench_main (int argc, char **argv, const BenchCase * cases, guint n_cases);

G_END_DECLS
