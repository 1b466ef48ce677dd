/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper.h"

#include <string.h>

#include "load/mmioloadbench.h"

static const MmioProbeBudget short_budget = {.rounds = 3,.time = 200,.bytes =
      G_MAXUINT64
};

typedef struct
{
  guint calls;
  guint total;
  MmioMapping mapping;
} Seen;

static void
see (MmioMapping mapping, const char *what, guint done, guint total,
    gpointer user_data)
{
  Seen *seen = user_data;

  g_assert_cmpstr (what, !=, "");
  g_assert_cmpuint (done, <, total);
  seen->calls++;
  seen->total = total;
  seen->mapping = mapping;
}

static void
check_result (const MmioProbeResult * result, guint widest)
{
  if (result->skipped) {
    g_test_message ("%s: %s", result->name, result->skipped);
    g_assert_cmpfloat (result->rate, ==, 0);
    return;
  }

  g_assert_cmpuint (result->load_bytes, <=, widest);
  g_assert_cmpfloat (result->slowest, >, 0);
  g_assert_cmpfloat (result->slowest, <=, result->rate);
  g_assert_cmpfloat (result->rate, <=, result->fastest);
  g_assert_cmpfloat (mmio_probe_result_get_ns (result), >, 0);
}

static void
measure (gsize length, MmioMapping mapping, guint widest)
{
  guint8 *memory = g_aligned_alloc0 (1, length, MMIO_LOADS_ALIGN);
  g_autoptr (GPtrArray) results = NULL;
  guint n_loads = 0, n_engines = 0, n_auto = 0, n_skipped = 0;
  Seen seen = { 0, };

  results = mmio_probe_measure (memory, length, mapping, widest,
      &short_budget, see, &seen);
  g_aligned_free (memory);
  g_assert_cmpuint (results->len, ==, mmio_probe_measure_count ());

  for (guint i = 0; i < results->len; i++) {
    const MmioProbeResult *result = g_ptr_array_index (results, i);

    check_result (result, widest);
    *(result->is_engine ? &n_engines : &n_loads) += 1;
    n_auto += result->is_auto;
    n_skipped += result->skipped != NULL;
  }

  g_assert_cmpuint (n_engines, ==, 6);
  g_assert_cmpuint (n_auto, ==, 1);
  g_assert_nonnull (mmio_load_kind_nth (n_loads - 1));
  g_assert_null (mmio_load_kind_nth (n_loads));

  g_assert_cmpuint (seen.calls, ==, (results->len - n_skipped) *
      short_budget.rounds);
  g_assert_cmpuint (seen.total, ==, results->len * short_budget.rounds);
  g_assert_cmpint (seen.mapping, ==, mapping);
}

static void
test_sizes (void)
{
  measure (MMIO_LOADS_ALIGN, MMIO_MAPPING_CACHED, 64);
  measure (3 * MMIO_LOADS_ALIGN, MMIO_MAPPING_UNCACHED, 64);
  measure (1 << 20, MMIO_MAPPING_WRITE_COMBINING, 64);
}

/* In a virtual machine: 4 and 8 bytes are left, as loads and as engines */
static void
test_narrow (void)
{
  g_autoptr (GPtrArray) results = NULL;
  guint8 *memory = g_aligned_alloc0 (1, 4096, MMIO_LOADS_ALIGN);
  g_autoptr (GString) measured = g_string_new (NULL);

  measure (4096, MMIO_MAPPING_UNCACHED, 8);

  results = mmio_probe_measure (memory, 4096, MMIO_MAPPING_UNCACHED, 8,
      &short_budget, NULL, NULL);
  g_aligned_free (memory);
  for (guint i = 0; i < results->len; i++) {
    const MmioProbeResult *result = g_ptr_array_index (results, i);

    if (!result->skipped)
      g_string_append_printf (measured, "%s ", result->name);
    else if (g_str_equal (result->name, "sse"))
      check_words (result->skipped, "virtual machine", "--force", NULL);
  }
#if GLIB_SIZEOF_VOID_P >= 8
  g_assert_cmpstr (measured->str, ==, "u32 u64 u64 u32 ");
#else
  g_assert_cmpstr (measured->str, ==, "u32 u64 u32 ");
#endif
}

/* The bytes end it if the time does not, and no batch goes beyond them */
static void
test_bytes (void)
{
  const MmioProbeBudget budget = {.rounds = 2,.time = 3600 * G_TIME_SPAN_SECOND,
    .bytes = 1500 * 1024
  };
  guint8 *memory = g_aligned_alloc0 (1, 4096, MMIO_LOADS_ALIGN);
  g_autoptr (GPtrArray) results = NULL;

  results = mmio_probe_measure (memory, 4096, MMIO_MAPPING_CACHED, 64, &budget,
      NULL, NULL);
  g_aligned_free (memory);
  for (guint i = 0; i < results->len; i++) {
    const MmioProbeResult *result = g_ptr_array_index (results, i);

    g_assert_cmpuint (result->bytes, ==, result->skipped ? 0 :
        budget.rounds * budget.bytes);
  }
}

static void
test_ns (void)
{
  MmioProbeResult result = {.load_bytes = 4,.rate = 4e6 };

  g_assert_cmpfloat (mmio_probe_result_get_ns (&result), ==, 1000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/probe/measure/sizes", test_sizes);
  g_test_add_func ("/probe/measure/narrow", test_narrow);
  g_test_add_func ("/probe/measure/bytes", test_bytes);
  g_test_add_func ("/probe/measure/ns", test_ns);
  return g_test_run ();
}
