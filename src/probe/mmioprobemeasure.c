/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measures the cost of loads from a map: with each width of load, and with each engine.
 * Each round measures all of them, so other load of the machine affects all alike.  The
 * result is the median of the rounds.
 */
#include "probe/mmioprobemeasure.h"

#include <stdlib.h>
#include <time.h>

#include "load/mmioloadbench.h"
#include "load/mmioreader.h"

/* Bytes before the first check of the clock, and the maximum between two
 * checks.  A load from a device may take tens of microseconds, one from the
 * cache a fraction of a nanosecond. */
#define FIRST_BATCH MMIO_LOADS_ALIGN
#define LARGEST_BATCH ((gsize) 1024 * 1024)

static const struct
{
  MmioEngine engine;
  const char *name;
} engines[] = {
  {MMIO_ENGINE_ORC, "orc"},
  {MMIO_ENGINE_STREAM, "stream"},
  {MMIO_ENGINE_AVX512, "avx512"},
  {MMIO_ENGINE_AVX, "avx"},
  {MMIO_ENGINE_U64, "u64"},
  {MMIO_ENGINE_U32, "u32"},
};

/* A load kind or an engine: either @load or @reader is set */
typedef struct
{
  const MmioLoadKind *load;
  const MmioReader *reader;
  MmioProbeResult *result;
  double *rates;
} Kind;

typedef struct
{
  const guint8 *bar;
  gsize length;
  guint8 *dest;
} Range;

static void
kind_clear (Kind * kind)
{
  g_free (kind->rates);
}

static Kind *
add_kind (GArray * kinds, GPtrArray * results, const char *name, guint rounds)
{
  Kind *kind;

  g_array_set_size (kinds, kinds->len + 1);
  kind = &g_array_index (kinds, Kind, kinds->len - 1);
  kind->rates = g_new0 (double, rounds);
  kind->result = g_new0 (MmioProbeResult, 1);
  kind->result->name = name;
  g_ptr_array_add (results, kind->result);

  return kind;
}

static void
skip_wider (Kind * kind, guint widest)
{
  if (!kind->result->skipped && kind->result->load_bytes > widest)
    kind->result->skipped = g_strdup_printf ("loads of more than %u bytes may "
        "stop a virtual machine (--force)", widest);
}

static void
add_loads (GArray * kinds, GPtrArray * results, guint widest, guint rounds)
{
  const MmioLoadKind *load;

  for (guint i = 0; (load = mmio_load_kind_nth (i)); i++) {
    Kind *kind =
        add_kind (kinds, results, mmio_load_kind_get_name (load), rounds);

    kind->load = load;
    kind->result->load_bytes = mmio_load_kind_get_bytes (load);
    kind->result->skipped = g_strdup (mmio_load_kind_get_lack (load));
    skip_wider (kind, widest);
  }
}

static void
add_engines (GArray * kinds, GPtrArray * results, MmioMapping mapping,
    guint widest, guint rounds)
{
  const char *reason;
  const MmioReader *automatic = mmio_reader_choose (MMIO_ENGINE_AUTO, mapping,
      &reason, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (engines); i++) {
    Kind *kind = add_kind (kinds, results, engines[i].name, rounds);
    g_autoptr (GError) error = NULL;

    kind->reader = mmio_reader_choose (engines[i].engine, mapping, &reason,
        &error);
    kind->result->is_engine = TRUE;
    kind->result->is_auto = kind->reader && kind->reader == automatic;
    if (kind->reader)
      kind->result->load_bytes = mmio_reader_get_load_bytes (kind->reader);
    else
      kind->result->skipped = g_strdup (error->message);
    skip_wider (kind, widest);
  }
}

static void
load_once (const Kind * kind, const Range * range, gsize at, gsize n)
{
  if (kind->load)
    mmio_load_kind_run (kind->load, range->bar + at, n);
  else
    mmio_reader_copy (kind->reader, range->dest + at, range->bar + at, n);
}

/* CPU time of this thread (nanoseconds): it includes waits for loads, but not
 * the time of other processes */
static gint64
get_cpu_time (void)
{
  struct timespec now = { 0, };

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

/* Reads the range repeatedly until the budget of time or bytes is used up.
 * Returns: bytes per second */
static double
measure_once (const Kind * kind, const Range * range,
    const MmioProbeBudget * budget)
{
  const gint64 start = g_get_monotonic_time ();
  const gint64 cpu_start = get_cpu_time ();
  guint64 total = 0;
  gsize at = 0, batch = FIRST_BATCH;
  gint64 elapsed, cpu;

  do {
    batch = MIN (batch, budget->bytes - total);
    for (gsize done = 0, n; done < batch; done += n) {
      n = MIN (batch - done, range->length - at);
      load_once (kind, range, at, n);
      at = (at + n) % range->length;
    }
    total += batch;

    elapsed = g_get_monotonic_time () - start;
    if (batch < LARGEST_BATCH && elapsed < budget->time / 16)
      batch *= 2;
  } while (elapsed < budget->time && total < budget->bytes);

  /* A system that counts CPU time in ticks may not have counted one yet */
  cpu = get_cpu_time () - cpu_start;
  if (cpu <= 0)
    cpu = MAX (elapsed, 1) * 1000;

  kind->result->bytes += total;
  return total * 1e9 / cpu;
}

static int
compare_rates (const void *a, const void *b)
{
  const double one = *(const double *) a, other = *(const double *) b;

  return (one > other) - (one < other);
}

static void
summarize (Kind * kind, guint rounds)
{
  qsort (kind->rates, rounds, sizeof (double), compare_rates);
  kind->result->slowest = kind->rates[0];
  kind->result->rate = kind->rates[rounds / 2];
  kind->result->fastest = kind->rates[rounds - 1];
}

/**
 * mmio_probe_measure_count:
 *
 * Returns: the number of load kinds and engines that are measured on each map
 */
guint
mmio_probe_measure_count (void)
{
  guint n = 0;

  while (mmio_load_kind_nth (n))
    n++;

  return n + G_N_ELEMENTS (engines);
}

/**
 * mmio_probe_measure:
 * @bar: where to load from, a multiple of %MMIO_LOADS_ALIGN
 * @length: bytes, a multiple of %MMIO_LOADS_ALIGN, not 0
 * @mapping: how it is mapped
 * @widest: the widest load that may be tried (bytes)
 * @budget: how long to measure
 * @progress: (nullable): called before each measurement
 * @user_data: for @progress
 *
 * Returns: (transfer full) (element-type MmioProbeResult): a result for each load kind
 *   and each engine
 */
GPtrArray *
mmio_probe_measure (const guint8 * bar, gsize length, MmioMapping mapping,
    guint widest, const MmioProbeBudget * budget, MmioProbeProgress progress,
    gpointer user_data)
{
  GPtrArray *results =
      g_ptr_array_new_with_free_func ((GDestroyNotify) mmio_probe_result_free);
  g_autoptr (GArray) kinds = g_array_new (FALSE, TRUE, sizeof (Kind));
  Range range = { bar, length, NULL };
  guint done = 0;

  g_array_set_clear_func (kinds, (GDestroyNotify) kind_clear);
  add_loads (kinds, results, widest, budget->rounds);
  add_engines (kinds, results, mapping, widest, budget->rounds);

  /* Engines copy to allocated memory, like that of a pool */
  range.dest = g_aligned_alloc0 (1, length, MMIO_LOADS_ALIGN);

  for (guint round = 0; round < budget->rounds; round++) {
    for (guint i = 0; i < kinds->len; i++, done++) {
      Kind *kind = &g_array_index (kinds, Kind, i);

      if (kind->result->skipped)
        continue;
      if (progress)
        progress (mapping, kind->result->name, done,
            budget->rounds * kinds->len, user_data);
      kind->rates[round] = measure_once (kind, &range, budget);
    }
  }

  for (guint i = 0; i < kinds->len; i++)
    summarize (&g_array_index (kinds, Kind, i), budget->rounds);
  g_aligned_free (range.dest);

  return results;
}

/**
 * mmio_probe_result_free:
 * @result: (transfer full): a result
 */
void
mmio_probe_result_free (MmioProbeResult * result)
{
  g_free (result->skipped);
  g_free (result);
}

/**
 * mmio_probe_result_get_ns:
 * @result: a result that was not skipped
 *
 * Returns: nanoseconds from one load to the next
 */
double
mmio_probe_result_get_ns (const MmioProbeResult * result)
{
  return result->load_bytes * 1e9 / result->rate;
}
