/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixtures/helper.h"

#include <string.h>
#include <sys/mman.h>

#include "base/mmiocpu.h"
#include "load/mmioreader.h"

/* What stands in memory that nobody may write to */
#define GUARD 0xa7

/* Wider than any engine's vector and any cache line */
#define MAX_LENGTH 200
#define MAX_PHASE 64

static guint
n_dest_phases (void)
{
  return RUNNING_ON_VALGRIND ? 3 : MAX_PHASE;
}

/* --- The choice ---------------------------------------------------------- */

static const struct
{
  MmioEngine engine;
  const char *name;
  guint load_bytes;             /* at least */
} engines[] = {
  {MMIO_ENGINE_ORC, "orc", 16},
  {MMIO_ENGINE_STREAM, "stream", 64},
  {MMIO_ENGINE_AVX512, "avx512", 64},
  {MMIO_ENGINE_AVX, "avx", 32},
  {MMIO_ENGINE_U64, "u64", 8},
  {MMIO_ENGINE_U32, "u32", 4},
};

static const MmioMapping mappings[] = {
  MMIO_MAPPING_AUTO, MMIO_MAPPING_CACHED, MMIO_MAPPING_UNCACHED,
  MMIO_MAPPING_WRITE_COMBINING,
};

/* Whoever names an engine gets that one, on whatever map, or is told why not */
GST_START_TEST (test_by_name)
{
  for (guint i = 0; i < G_N_ELEMENTS (engines); i++) {
    for (guint j = 0; j < G_N_ELEMENTS (mappings); j++) {
      const char *reason = NULL;
      GError *error = NULL;
      const MmioReader *reader = mmio_reader_choose (engines[i].engine,
          mappings[j], &reason, &error);

      if (can_run (engines[i].engine)) {
        fail_unless (reader != NULL, "%s: %s", engines[i].name,
            error ? error->message : "");
        fail_unless (error == NULL);
        fail_unless_equals_string (mmio_reader_get_name (reader),
            engines[i].name);
        fail_unless_equals_int (mmio_reader_get_load_bytes (reader),
            engines[i].load_bytes);
        fail_unless_equals_string (reason, "set by the user");
      } else {
        fail_unless (reader == NULL, "%s", engines[i].name);
        check_error (&error, MMIO_ERROR_SETTINGS, "Cannot use engine=",
            engines[i].name, "Set engine to auto", NULL);
        fail_unless (mmio_reader_choose (engines[i].engine, mappings[j],
                &reason, NULL) == NULL);
      }
    }
  }
}

GST_END_TEST;

/* What ORC_CODE forbids is noticed: this test is run with it too */
GST_START_TEST (test_orc_forbidden)
{
  const char *orc_code = g_getenv ("ORC_CODE");
  const char *reason = NULL;
  GError *error = NULL;
  const MmioReader *reader;

  if (can_run (MMIO_ENGINE_ORC))
    return;

  fail_unless (mmio_reader_choose (MMIO_ENGINE_ORC, MMIO_MAPPING_CACHED,
          &reason, &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "engine=orc",
      orc_code ? "ORC_CODE forbids it" : "cannot compile", NULL);

  reader = mmio_reader_choose (MMIO_ENGINE_AUTO, MMIO_MAPPING_CACHED, &reason,
      &error);
  fail_unless (reader != NULL && error == NULL);
  fail_unless_equals_string (mmio_reader_get_name (reader), "u64");
  fail_unless (strstr (reason, "ORC cannot compile") != NULL, "%s", reason);
}

GST_END_TEST;

/* What auto takes on a machine like this one */
static const char *
get_best (MmioMapping mapping)
{
  if (mapping != MMIO_MAPPING_CACHED) {
    if (mmio_cpu_is_virtual ())
      return "u64";
    if (mapping == MMIO_MAPPING_WRITE_COMBINING && can_run (MMIO_ENGINE_STREAM))
      return "stream";
    if (can_run (MMIO_ENGINE_AVX512))
      return "avx512";
    if (can_run (MMIO_ENGINE_AVX))
      return "avx";
#if !defined (__x86_64__) && !defined (__i386__)
    return "u64";
#endif
  }

  return can_run (MMIO_ENGINE_ORC) ? "orc" : "u64";
}

GST_START_TEST (test_auto)
{
  const char *reasons[G_N_ELEMENTS (mappings)] = { NULL, };

  for (guint i = 0; i < G_N_ELEMENTS (mappings); i++) {
    GError *error = NULL;
    const MmioReader *reader = mmio_reader_choose (MMIO_ENGINE_AUTO,
        mappings[i], &reasons[i], &error);

    fail_unless (reader != NULL && error == NULL);
    fail_unless_equals_string (mmio_reader_get_name (reader),
        get_best (mappings[i]));
    fail_unless (reasons[i] != NULL && strlen (reasons[i]) > 10);
    fail_unless (strcmp (reasons[i], "set by the user") != 0);
    fail_unless (mmio_reader_choose (MMIO_ENGINE_AUTO, mappings[i],
            &reasons[i], NULL) == reader);
    GST_INFO ("%s: %s, %s", mmio_mapping_get_name (mappings[i]),
        mmio_reader_get_name (reader), reasons[i]);
  }

  /* It says what decided */
  fail_unless (strstr (reasons[1], "ordinary memory") != NULL);
  for (guint i = 2; i < G_N_ELEMENTS (mappings); i++)
    fail_unless ((strstr (reasons[i], "virtual machine") != NULL) ==
        mmio_cpu_is_virtual (), "%s", reasons[i]);
}

GST_END_TEST;

/* The kernel looks at the same bits */
GST_START_TEST (test_cpu)
{
#if defined (__x86_64__) || defined (__i386__)
  g_autofree char *info = NULL, *line = NULL;
  g_auto (GStrv) flags = NULL;
  const char *begin;

  if (RUNNING_ON_VALGRIND) {
    g_print ("SKIP: valgrind shows a CPU of its own; run this without\n");
    return;
  }

  fail_unless (g_file_get_contents ("/proc/cpuinfo", &info, NULL, NULL));
  begin = strstr (info, "\nflags");
  fail_unless (begin != NULL);
  line = g_strndup (begin + 1, strcspn (begin + 1, "\n"));
  flags = g_strsplit (line, " ", -1);
  fail_unless_equals_int (mmio_cpu_is_virtual (),
      g_strv_contains ((const char *const *) flags, "hypervisor"));
  fail_unless_equals_int (mmio_cpu_has_streaming_loads () != 0,
      g_strv_contains ((const char *const *) flags, "sse4_1"));
#else
  fail_if (mmio_cpu_is_virtual ());
#endif
}

GST_END_TEST;

static gpointer
choose_in_thread (gpointer data)
{
  const char *reason;

  return (gpointer) mmio_reader_choose (MMIO_ENGINE_AUTO, MMIO_MAPPING_CACHED,
      &reason, NULL);
}

/* The first ones to ask may be many */
GST_START_TEST (test_choice_in_threads)
{
  GThread *threads[8];
  const MmioReader *reader;

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("choose", choose_in_thread, NULL);
  reader = choose_in_thread (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    fail_unless (g_thread_join (threads[i]) == (gpointer) reader);
}

GST_END_TEST;

/* --- Copies -------------------------------------------------------------- */

/* @dest has @length bytes of @src at @at, and what was there before around */
static void
check_copied (const guint8 * dest, gsize size, gsize at, const guint8 * src,
    gsize length)
{
  guint8 wanted[MAX_PHASE + MAX_LENGTH + MAX_PHASE];

  g_assert (size == sizeof (wanted));
  memset (wanted, GUARD, sizeof (wanted));
  memcpy (wanted + at, src, length);
  if (memcmp (dest, wanted, size) != 0)
    fail ("%" G_GSIZE_FORMAT " bytes from %p to %p", length, src, dest + at);
}

GST_START_TEST (test_copy)
{
  const MmioReader *reader = test_reader (__i__);
  guint8 src[MAX_PHASE + MAX_LENGTH] __attribute__((aligned (MAX_PHASE)));
  guint8 dest[MAX_PHASE + MAX_LENGTH + MAX_PHASE]
      __attribute__((aligned (MAX_PHASE)));

  if (!reader)
    return;

  fill_random (src, sizeof (src), 1);
  for (gsize length = 0; length <= MAX_LENGTH; length++) {
    for (guint from = 0; from < MAX_PHASE; from++) {
      for (guint to = 0; to < n_dest_phases (); to++) {
        memset (dest, GUARD, sizeof (dest));
        mmio_reader_copy (reader, dest + to, src + from, length);
        check_copied (dest, sizeof (dest), to, src + from, length);
      }
    }
  }
}

GST_END_TEST;

/* More than any bounce, and less, and as much */
static const gsize long_lengths[] = {
  1023, 1024, 2048, 4031, 4032, 4095, 4096, 4097, 4159, 4160, 4161, 4224, 6144,
  8191, 8192, 8193, 8256, 12288, 12352, 16384, 20011,
};

GST_START_TEST (test_copy_long)
{
  const MmioReader *reader = test_reader (__i__);
  const gsize size = 20011 + 3 * MAX_PHASE;
  guint8 *src = g_aligned_alloc (1, size, MAX_PHASE);
  guint8 *dest = g_aligned_alloc (1, size, MAX_PHASE);
  g_autofree guint8 *wanted = g_malloc (size);
  const guint step = RUNNING_ON_VALGRIND ? 13 : 1;

  fill_random (src, size, 20);
  for (guint i = 0; reader && i < G_N_ELEMENTS (long_lengths); i++) {
    const gsize length = long_lengths[i];

    for (guint from = 0; from < MAX_PHASE; from += step) {
      const guint to[] = { 0, 1, 8, 61, from, from + 32, from + 8 };

      for (guint j = 0; j < G_N_ELEMENTS (to); j++) {
        guint8 *at = dest + MAX_PHASE + to[j] % MAX_PHASE;

        memset (dest, GUARD, size);
        memset (wanted, GUARD, size);
        memcpy (wanted + (at - dest), src + from, length);
        mmio_reader_copy (reader, at, src + from, length);
        if (memcmp (dest, wanted, size) != 0)
          fail ("%" G_GSIZE_FORMAT " bytes from phase %u to phase %u", length,
              from, to[j] % MAX_PHASE);
      }
    }
  }

  g_aligned_free (src);
  g_aligned_free (dest);
}

GST_END_TEST;

/* Neither the byte before the first one nor the one after the last is loaded,
 * nor written: there is nothing. */
GST_START_TEST (test_copy_at_borders)
{
  const MmioReader *reader = test_reader (__i__);
  Pages src, dest;

  if (!reader)
    return;

  pages_init (&src, 1);
  pages_init (&dest, 1);
  fill_random (src.data, src.size, 2);

  for (gsize length = 0; length <= MAX_LENGTH; length++) {
    for (guint distance = 0; distance < 17; distance++) {
      const guint8 *begin = src.data + distance;
      const guint8 *end = src.data + src.size - distance - length;

      mmio_reader_copy (reader, dest.data, begin, length);
      fail_unless (memcmp (dest.data, begin, length) == 0);
      mmio_reader_copy (reader, dest.data + dest.size - length, begin, length);
      fail_unless (memcmp (dest.data + dest.size - length, begin, length) == 0);

      mmio_reader_copy (reader, dest.data, end, length);
      fail_unless (memcmp (dest.data, end, length) == 0);
      mmio_reader_copy (reader, dest.data + dest.size - length, end, length);
      fail_unless (memcmp (dest.data + dest.size - length, end, length) == 0);
    }
  }

  mmio_reader_copy (reader, dest.data, src.data, src.size);
  fail_unless (memcmp (dest.data, src.data, src.size) == 0);

  /* Nothing is nothing, wherever */
  mmio_reader_copy (reader, dest.data, src.data + src.size, 0);
  mmio_reader_copy (reader, dest.data, src.data - 1, 0);

  pages_clear (&src);
  pages_clear (&dest);
}

GST_END_TEST;

typedef struct
{
  gsize row_bytes, bar_stride, dest_stride;
  guint rows;
} Rows;

static const Rows rows_table[] = {
  {9, 9, 9, 5},
  {9, 9, 10, 5},
  {9, 10, 9, 5},
  {9, 10, 10, 5},
  {9, 11, 14, 5},
  {1, 1, 1, 1},
  {1, 3, 2, 7},
  {64, 64, 64, 3},
  {64, 67, 64, 3},
  {63, 64, 65, 4},
  {33, 100, 35, 9},
  {64, 128, 192, 5},
  {128, 131, 128, 5},
  {199, 203, 201, 5},
  {192, 192, 192, 5},
  {500, 501, 503, 2},
  {4, 16, 8, 0},
  {0, 16, 8, 3},
  {0, 0, 0, 3},
};

static void
check_rows (const MmioReader * reader, const Rows * r)
{
  guint8 src[1200] __attribute__((aligned (64)));
  guint8 dest[1200] __attribute__((aligned (64)));
  guint8 wanted[1200];

  fill_random (src, sizeof (src), 3);
  for (guint from = 0; from < 67; from++) {
    for (guint to = 0; to < 67; to += 1 + to / 9 * 7) {
      memset (dest, GUARD, sizeof (dest));
      memset (wanted, GUARD, sizeof (wanted));
      for (guint y = 0; y < r->rows; y++)
        memcpy (wanted + to + y * r->dest_stride,
            src + from + y * r->bar_stride, r->row_bytes);

      mmio_reader_copy_rows (reader, dest + to, r->dest_stride, src + from,
          r->bar_stride, r->row_bytes, r->rows);
      fail_unless (memcmp (dest, wanted, sizeof (dest)) == 0,
          "%s: from phase %u to phase %u", mmio_reader_get_name (reader),
          from, to);
    }
  }
}

GST_START_TEST (test_rows)
{
  for (guint i = MMIO_ENGINE_AUTO; i < END_ENGINE; i++) {
    const MmioReader *reader = test_reader (i);

    if (reader)
      check_rows (reader, &rows_table[__i__]);
  }
}

GST_END_TEST;

/* A page for each row, and none between: rows that end where their page does,
 * and rows that begin there */
static void
pages_for_rows (Pages * pages, guint rows)
{
  pages_init (pages, 2 * rows);
  fill_random (pages->data, pages->size, 4);
  for (guint y = 0; y < rows; y++)
    fail_unless (mprotect (pages->data + (2 * y + 1) * page_size (),
            page_size (), PROT_NONE) == 0);
}

GST_START_TEST (test_rows_apart)
{
  const MmioReader *reader = test_reader (__i__);
  const gsize page = page_size ();
  const guint n_rows = 3;
  Pages src, dest;

  if (!reader)
    return;

  pages_for_rows (&src, n_rows);
  pages_for_rows (&dest, n_rows);

  for (gsize length = 1; length < 300; length++) {
    const gsize last = page - length;

    for (guint y = 0; y < n_rows; y++)
      memset (dest.data + 2 * y * page, GUARD, page);

    mmio_reader_copy_rows (reader, dest.data + last, 2 * page, src.data,
        2 * page, length, n_rows);
    mmio_reader_copy_rows (reader, dest.data, 2 * page, src.data + last,
        2 * page, length, n_rows);

    for (guint y = 0; y < n_rows; y++) {
      const guint8 *from = src.data + 2 * y * page;
      const guint8 *to = dest.data + 2 * y * page;

      fail_unless (memcmp (to + last, from, length) == 0);
      fail_unless (memcmp (to, from + last, length) == 0);
      fail_unless_all (to + length, page - 2 * length, GUARD);
    }
  }

  pages_clear (&src);
  pages_clear (&dest);
}

GST_END_TEST;

/* --- Fetches: copies that look for changes ------------------------------- */

/* A bounce of which each byte that is not written to stays what it is, and a
 * shadow somewhere else */
typedef struct
{
  const MmioReader *reader;
  guint8 *bar;
  gsize length;
  guint8 *bounce;
  guint8 *shadow;
  guint8 *memory;
  gsize memory_size;
} Fetch;

static void
fetch_init (Fetch * fetch, const MmioReader * reader, guint phase,
    guint shadow_phase, gsize length)
{
  const gsize part = length + 3 * MAX_PHASE;

  fetch->reader = reader;
  fetch->length = length;
  fetch->memory_size = 3 * (part - part % MAX_PHASE + MAX_PHASE);
  fetch->memory = g_aligned_alloc (1, fetch->memory_size, MAX_PHASE);
  fill_random (fetch->memory, fetch->memory_size, 40 + phase);
  fetch->bar = fetch->memory + MAX_PHASE + phase;
  fetch->bounce = fetch->bar + fetch->memory_size / 3;
  fetch->shadow = fetch->memory + fetch->memory_size / 3 * 2 + MAX_PHASE +
      shadow_phase;
  memcpy (fetch->shadow, fetch->bar, length);
}

static void
fetch_clear (Fetch * fetch)
{
  g_aligned_free (fetch->memory);
}

static void
check_fetch (const Fetch * fetch, gboolean with_shadow, gboolean equal)
{
  guint8 *before = fetch->bounce - MAX_PHASE;
  guint8 *after = fetch->bounce + fetch->length;

  memset (before, GUARD, fetch->length + 2 * MAX_PHASE);
  if (mmio_reader_fetch (fetch->reader, fetch->bounce, fetch->bar,
          with_shadow ? fetch->shadow : NULL, fetch->length) != equal)
    fail ("%s: %" G_GSIZE_FORMAT " bytes of phase %u are%s equal",
        mmio_reader_get_name (fetch->reader), fetch->length,
        (guint) ((gsize) fetch->bar % MAX_PHASE), equal ? " not" : "");
  if (memcmp (fetch->bounce, fetch->bar, fetch->length) != 0)
    fail ("%s: %" G_GSIZE_FORMAT " bytes of phase %u",
        mmio_reader_get_name (fetch->reader), fetch->length,
        (guint) ((gsize) fetch->bar % MAX_PHASE));
  for (guint i = 0; i < MAX_PHASE; i++) {
    if (before[i] != GUARD || after[i] != GUARD)
      fail ("written beside the bounce");
  }
}

static void
check_bit (Fetch * fetch, gsize byte, guint bit)
{
  fetch->bar[byte] ^= 1 << bit;
  check_fetch (fetch, TRUE, FALSE);
  fetch->bar[byte] ^= 1 << bit;
}

/* Each bit of each length in each place of a line */
GST_START_TEST (test_fetch)
{
  const MmioReader *reader = test_reader (__i__);
  const guint step = RUNNING_ON_VALGRIND ? 7 : 1;

  for (gsize length = 0; reader && length <= MAX_LENGTH; length += step) {
    for (guint phase = length % step; phase < MAX_PHASE; phase += step) {
      Fetch fetch;

      fetch_init (&fetch, reader, phase, (length * 5 + phase * 3) % MAX_PHASE,
          length);
      /* What is not known cannot be equal */
      check_fetch (&fetch, FALSE, FALSE);
      check_fetch (&fetch, TRUE, TRUE);
      for (gsize byte = 0; byte < length; byte++) {
        if (RUNNING_ON_VALGRIND || (length + phase) % 4 > 0)
          check_bit (&fetch, byte, (byte + length) % 8);
        else
          for (guint bit = 0; bit < 8; bit++)
            check_bit (&fetch, byte, bit);
      }
      check_fetch (&fetch, TRUE, TRUE);

      /* Nothing of what is around matters */
      for (guint i = 1; i <= MAX_PHASE; i++) {
        fetch.bar[-(gssize) i] ^= 0xff;
        fetch.bar[length + i - 1] ^= 0xff;
      }
      check_fetch (&fetch, TRUE, TRUE);
      fetch_clear (&fetch);
    }
  }
}

GST_END_TEST;

/* Changes do not make up for each other, and none is too large */
GST_START_TEST (test_fetch_many)
{
  const MmioReader *reader = test_reader (__i__);
  const gsize length = 300;
  Fetch fetch;

  if (!reader)
    return;

  fetch_init (&fetch, reader, 3, 5, length);
  for (gsize i = 0; i < length; i++) {
    for (gsize j = 0; j < i; j += 1 + (i - j) / 80 * 3) {
      const guint8 mask = 1 << (i + j) % 8;

      fetch.bar[i] ^= mask;
      fetch.bar[j] ^= mask;
      check_fetch (&fetch, TRUE, FALSE);
      fetch.bar[i] ^= mask;
      fetch.bar[j] ^= mask;
    }
  }

  for (guint mask = 1; mask < 256; mask++) {
    for (gsize i = 0; i < length; i++)
      fetch.bar[i] ^= mask;
    check_fetch (&fetch, TRUE, FALSE);
    for (gsize i = 0; i < length; i++)
      fetch.bar[i] ^= mask;
  }
  check_fetch (&fetch, TRUE, TRUE);
  fetch_clear (&fetch);
}

GST_END_TEST;

GST_START_TEST (test_fetch_long)
{
  const MmioReader *reader = test_reader (__i__);
  static const guint phases[] = { 0, 1, 13, 32, 63 };

  for (guint i = 0; reader && i < G_N_ELEMENTS (long_lengths); i++) {
    const gsize length = long_lengths[i];
    const gsize step = RUNNING_ON_VALGRIND ? 499 : length > 5000 ? 13 : 3;

    for (guint j = 0; j < G_N_ELEMENTS (phases); j++) {
      Fetch fetch;

      fetch_init (&fetch, reader, phases[j], (i * 7 + j) % MAX_PHASE, length);
      check_fetch (&fetch, FALSE, FALSE);
      check_fetch (&fetch, TRUE, TRUE);
      for (gsize byte = j % step; byte < length; byte += step)
        check_bit (&fetch, byte, (byte / step + i) % 8);
      check_bit (&fetch, 0, 0);
      check_bit (&fetch, length - 1, 7);
      fetch_clear (&fetch);
    }
  }
}

GST_END_TEST;

/* Neither of the BAR nor of the shadow is a byte more looked at than there is,
 * nor is one more of the bounce written */
GST_START_TEST (test_fetch_at_borders)
{
  const MmioReader *reader = test_reader (__i__);
  Pages bar, bounce, shadow;

  if (!reader)
    return;

  pages_init (&bar, 1);
  pages_init (&bounce, 1);
  pages_init (&shadow, 1);
  fill_random (bar.data, bar.size, 41);

  for (gsize length = 0; length <= 260; length++) {
    for (guint distance = 0; distance < MAX_PHASE; distance += 1 + distance) {
      const gsize last = bar.size - length - distance;
      guint8 *shadow_end = shadow.data + shadow.size - length;

      memcpy (shadow_end, bar.data + last, length);
      fail_unless (mmio_reader_fetch (reader, bounce.data + last,
              bar.data + last, shadow_end, length));
      fail_unless (memcmp (bounce.data + last, bar.data + last, length) == 0);

      memcpy (shadow.data, bar.data + distance, length);
      fail_unless (mmio_reader_fetch (reader, bounce.data + distance,
              bar.data + distance, shadow.data, length));
      fail_if (mmio_reader_fetch (reader, bounce.data + distance,
              bar.data + distance, NULL, length));
      fail_unless (memcmp (bounce.data + distance, bar.data + distance,
              length) == 0);
    }
  }

  pages_clear (&bar);
  pages_clear (&bounce);
  pages_clear (&shadow);
}

GST_END_TEST;

/* --- What changes while it is read --------------------------------------- */

typedef struct
{
  guint8 *bar;
  gsize length;
  gint stop;
} Scribbler;

static gpointer
scribble (gpointer data)
{
  Scribbler *scribbler = data;
  volatile guint8 *bar = scribbler->bar;
  guint32 x = 1;

  while (!g_atomic_int_get (&scribbler->stop)) {
    x = x * 1664525 + 1013904223;
    bar[(x >> 8) % scribbler->length] ^= x >> 29 == 0;
  }

  return NULL;
}

/* What is compared is what is copied: whoever hears "equal" has what was
 * there before, whatever has happened meanwhile */
GST_START_TEST (test_fetch_of_one_moment)
{
  const MmioReader *reader = test_reader (__i__);
  const guint rounds = RUNNING_ON_VALGRIND ? 500 : 30000;
  const gsize length = 700;
  Scribbler scribbler = {.length = length };
  guint n_equal = 0;
  GThread *thread;
  Fetch fetch;

  if (!reader)
    return;

  fetch_init (&fetch, reader, 9, 2, length);
  scribbler.bar = fetch.bar;
  thread = g_thread_new ("scribbler", scribble, &scribbler);
  for (guint i = 0; i < rounds; i++) {
    const gboolean equal = mmio_reader_fetch (reader, fetch.bounce, fetch.bar,
        fetch.shadow, length);

    if (equal != (memcmp (fetch.bounce, fetch.shadow, length) == 0))
      fail ("what was compared is not what was copied");
    memcpy (fetch.shadow, fetch.bounce, length);
    n_equal += equal;
  }
  g_atomic_int_set (&scribbler.stop, TRUE);
  g_thread_join (thread);
  GST_INFO ("%u of %u were equal", n_equal, rounds);

  /* Now it rests */
  mmio_reader_fetch (reader, fetch.bounce, fetch.bar, NULL, length);
  memcpy (fetch.shadow, fetch.bounce, length);
  check_fetch (&fetch, TRUE, TRUE);
  fetch_clear (&fetch);
}

GST_END_TEST;

/* --- Registers ----------------------------------------------------------- */

GST_START_TEST (test_registers)
{
  Pages bar;
  guint8 *end;

  pages_init (&bar, 1);
  end = bar.data + bar.size;
  memcpy (bar.data, "\x01\x02\x03\xf4\x05\x06\x07\x08", 8);
  memcpy (end - 4, "\xff\xfe\xfd\xfc", 4);

  fail_unless_equals_int (mmio_reader_load_u16 (bar.data), 0x0201);
  fail_unless_equals_int (mmio_reader_load_u16 (bar.data + 2), 0xf403);
  fail_unless_equals_int64 (mmio_reader_load_u32 (bar.data), 0xf4030201);
  fail_unless_equals_int64 (mmio_reader_load_u32 (bar.data + 4), 0x08070605);
  fail_unless_equals_int (mmio_reader_load_u16 (end - 2), 0xfcfd);
  fail_unless_equals_int64 (mmio_reader_load_u32 (end - 4), 0xfcfdfeff);

  pages_clear (&bar);
}

GST_END_TEST;

static Suite *
reader_suite (void)
{
  Suite *s = suite_create ("lib-reader");
  TCase *tc = add_case (s, "choice");

  tcase_add_test (tc, test_by_name);
  tcase_add_test (tc, test_orc_forbidden);
  tcase_add_test (tc, test_auto);
  tcase_add_test (tc, test_cpu);
  tcase_add_test (tc, test_choice_in_threads);

  tc = add_case (s, "copy");
  tcase_add_loop_test (tc, test_copy, FIRST_ENGINE, END_ENGINE);
  tcase_add_loop_test (tc, test_copy_long, FIRST_ENGINE, END_ENGINE);
  tcase_add_loop_test (tc, test_copy_at_borders, FIRST_ENGINE, END_ENGINE);
  tcase_add_loop_test (tc, test_rows, 0, G_N_ELEMENTS (rows_table));
  tcase_add_loop_test (tc, test_rows_apart, FIRST_ENGINE, END_ENGINE);

  tc = add_case (s, "fetch");
  tcase_add_loop_test (tc, test_fetch, FIRST_ENGINE, END_ENGINE);
  tcase_add_loop_test (tc, test_fetch_many, FIRST_ENGINE, END_ENGINE);
  tcase_add_loop_test (tc, test_fetch_long, FIRST_ENGINE, END_ENGINE);
  tcase_add_loop_test (tc, test_fetch_at_borders, FIRST_ENGINE, END_ENGINE);
  tcase_add_loop_test (tc, test_fetch_of_one_moment, FIRST_ENGINE, END_ENGINE);

  tc = add_case (s, "registers");
  tcase_add_test (tc, test_registers);

  return s;
}

GST_CHECK_MAIN (reader);
