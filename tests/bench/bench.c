/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the measurements have in common: a mapped file for the BAR, a ring of
 * buffers for downstream's pool, and rounds in which each case has its turn,
 * so that what else the machine does meets all of them.
 *
 * Time is that which the thread has spent on the CPU.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE 4096

/* The stream engine can be asked for with any map */
const MmioReader *
bench_get_reader (const BenchCase * c)
{
  const char *reason;

  return mmio_reader_choose (c->engine, MMIO_MAPPING_CACHED, &reason, NULL);
}

static void
die (const char *what)
{
  g_printerr ("%s\n", what);
  exit (1);
}

static void
open_pictures (Bench * bench, const char *path, guint width, guint height)
{
  const gsize size = (gsize) width * 3 * height;

  for (guint i = 0; i < BENCH_PICTURES; i++) {
    MmioCaptureConfig config = {.device = path,.bar = -1 };
    const MmioCaptureInfo *info;
    g_autoptr (GError) error = NULL;

    config.spec.format = *mmio_format_find ("RGB");
    config.spec.width = width;
    config.spec.height = height;
    config.spec.offset = (size + PAGE - 1) / PAGE * PAGE * i;

    bench->capture[i] = mmio_capture_open (&config, &error);
    if (!bench->capture[i])
      die (error->message);
    info = mmio_capture_get_info (bench->capture[i]);
    bench->source[i] = mmio_region_get_data (info->region);
  }

  bench->picture = &mmio_capture_get_info (bench->capture[0])->layout;
  bench->size = size;
}

static void
allocate (Bench * bench)
{
  const guint pixels = bench->picture->width * bench->picture->height;

  for (guint i = 0; i < BENCH_BUFFERS; i++) {
    bench->buffer[i] = mmap (NULL, 4 * (gsize) pixels + PAGE,
        PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bench->buffer[i] == MAP_FAILED)
      die ("no memory");
  }

  bench->shadow = mmio_shadow_new (bench->picture);
  bench->plain_shadow = g_malloc0 (bench->size);
  bench->changed_rows = g_malloc0 (bench->picture->height);
}

static gint64
get_cpu_time (void)
{
  struct timespec t;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &t);
  return (gint64) t.tv_sec * 1000000000 + t.tv_nsec;
}

/* By name what callgrind is told to count */
void bench_run_frames (Bench * bench, const BenchCase * c, guint frames);

__attribute__((noinline))
     void
     bench_run_frames (Bench * bench, const BenchCase * c, guint frames)
{
  for (guint i = 0; i < frames; i++)
    c->run (bench, c, bench->source[i % 2 ? c->other : 0],
        bench->buffer[i % BENCH_BUFFERS] + c->phase);
}

/* The same without being counted: it leaves the pictures where the first
 * frame of the measurement finds them, and the buffers mapped */
static void
warm_up (Bench * bench, const BenchCase * c)
{
  for (guint i = 0; i < BENCH_BUFFERS; i++)
    c->run (bench, c, bench->source[i % 2 ? c->other : 0],
        bench->buffer[i] + c->phase);
}

static gboolean
is_wanted (const BenchCase * c, char **group_and_name)
{
  if (!bench_get_reader (c))
    return FALSE;

  return !group_and_name[0] || (strcmp (c->group, group_and_name[0]) == 0 &&
      strcmp (c->name, group_and_name[1]) == 0);
}

/**
 * bench_main:
 * @cases: what to measure
 *
 * Usage: PROGRAM FILE WIDTH HEIGHT ROUNDS FRAMES [GROUP NAME]
 *
 * Prints a line for each measurement: round, group, name, and nanoseconds a
 * frame, between tabs.
 */
int
bench_main (int argc, char **argv, const BenchCase * cases, guint n_cases)
{
  Bench bench = { 0, };
  guint rounds, frames;

  if (argc != 6 && argc != 8)
    die ("Usage: PROGRAM FILE WIDTH HEIGHT ROUNDS FRAMES [GROUP NAME]");
  rounds = atoi (argv[4]);
  frames = atoi (argv[5]);
  if (frames == 0 || frames % 2 != 0)
    die ("FRAMES must be even: two pictures take turns");

  open_pictures (&bench, argv[1], atoi (argv[2]), atoi (argv[3]));
  allocate (&bench);

  for (guint round = 0; round < rounds; round++) {
    for (guint i = 0; i < n_cases; i++) {
      const BenchCase *c = &cases[i];
      gint64 begin, end;

      if (!is_wanted (c, argv + 6))
        continue;

      warm_up (&bench, c);
      begin = get_cpu_time ();
      bench_run_frames (&bench, c, frames);
      end = get_cpu_time ();
      g_print ("%u\t%s\t%s\t%.0f\n", round, c->group, c->name,
          (gdouble) (end - begin) / frames);
    }
  }

  return 0;
}
