/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixtures/helper.h"

#include <string.h>

#include "device/mmiobar.h"
#include "map/mmiomemtype.h"

#define HEADER "PAT memtype list:\n"

/* As the kernel writes it */
#define LIST HEADER \
    "PAT: [mem 0x000000007ffe0000-0x000000007ffe2000] write-back\n" \
    "PAT: [mem 0x00000000fd000000-0x00000000fe000000] write-combining\n" \
    "PAT: [mem 0x00000000febd0000-0x00000000febd1000] uncached-minus\n" \
    "PAT: [mem 0x00000000fed00000-0x00000000fed01000] uncached\n" \
    "PAT: [mem 0x00000000fee00000-0x00000000fee01000] write-through\n" \
    "PAT: [mem 0x0000380000000000-0x0000380010000000] write-combining\n"

/* What the test itself says in place of an answer */
#define OTHERWISE MMIO_MAPPING_AUTO
#define WC MMIO_MAPPING_WRITE_COMBINING
#define UC MMIO_MAPPING_UNCACHED

static const struct
{
  const char *list;
  guint64 address, length;
  MmioMapping wanted;
} table[] = {
  {LIST, 0xfd000000, 1, WC},
  {LIST, 0xfd000000, 0x1000000, WC},
  {LIST, 0xfd001000, 0x2000, WC},
  {LIST, 0xfdffffff, 1, WC},
  {LIST, 0xfe000000, 1, OTHERWISE},
  {LIST, 0xfcffffff, 1, OTHERWISE},
  {LIST, 0xfcffffff, 2, OTHERWISE},
  {LIST, 0xfd000000, 0x1000001, OTHERWISE},
  {LIST, 0xfdffffff, 2, OTHERWISE},
  {LIST, 0xfebd0000, 0x1000, UC},
  {LIST, 0xfebd0ffc, 4, UC},
  {LIST, 0xfed00000, 0x1000, UC},
  {LIST, 0x380000000000, 0x10000000, WC},
  {LIST, 0x38000ffff000, 0x1000, WC},
  /* Neither of the two */
  {LIST, 0x7ffe0000, 0x1000, OTHERWISE},
  {LIST, 0xfee00000, 0x1000, OTHERWISE},
  /* Nothing of it */
  {LIST, 0, 1, OTHERWISE},
  {LIST, G_MAXUINT64, 0, OTHERWISE},
  {LIST, G_MAXUINT64 - 1, 1, OTHERWISE},

  /* One map in the other, the first that holds all of it counts */
  {"PAT: [mem 0x1000-0x2000] uncached\nPAT: [mem 0x1000-0x9000] "
        "write-combining\n", 0x1000, 0x1000, UC},
  {"PAT: [mem 0x1000-0x2000] uncached\nPAT: [mem 0x1000-0x9000] "
        "write-combining\n", 0x1000, 0x1001, WC},
  {"PAT: [mem 0x1000-0x2000] write-back\nPAT: [mem 0x1000-0x2000] "
        "write-combining\n", 0x1000, 0x1000, WC},

  /* Other spellings of it */
  {"[mem 0x1000-0x2000] write-combining", 0x1000, 1, WC},
  {"write-combining @ [mem 1000-2000] uncached-minus", 0x1000, 1, UC},
  {"  [mem 0X1000-0X2000]write-combining\r\n", 0x1fff, 1, WC},
  {"PAT: [mem 0xffffffff00000000-0xffffffffffffffff] uncached",
      0xfffffffffffffffe, 1, UC},

  /* Garbage */
  {"", 0, 1, OTHERWISE},
  {"\n\n\n", 0, 1, OTHERWISE},
  {HEADER, 0, 1, OTHERWISE},
  {"write-combining", 0, 1, OTHERWISE},
  {"[mem ", 0, 1, OTHERWISE},
  {"[mem 0x1000", 0x1000, 1, OTHERWISE},
  {"[mem 0x1000-", 0x1000, 1, OTHERWISE},
  {"[mem 0x1000-0x2000", 0x1000, 1, OTHERWISE},
  {"[mem 0x1000-0x2000]", 0x1000, 1, OTHERWISE},
  {"[mem 0x1000 0x2000] write-combining", 0x1000, 1, OTHERWISE},
  {"[mem 0x1000-xyz] write-combining", 0x1000, 1, OTHERWISE},
  {"[mem -] write-combining", 0x1000, 1, OTHERWISE},
  {"[mem 0x2000-0x1000] write-combining", 0x1800, 1, OTHERWISE},
  {"mem 0x1000-0x2000 write-combining", 0x1000, 1, OTHERWISE},
  {"[mem 0x1000-0x2000]\nwrite-combining", 0x1000, 1, OTHERWISE},
  {"[mem 0x1000-0x2000] write-\nPAT: combining", 0x1000, 1, OTHERWISE},
  {"[mem \xff\xfe\x80-\x01] uncached", 0, 1, OTHERWISE},
  {"reg00: base=0x0fd000000 ( 4048MB), size= 16MB, count=1: "
        "write-combining\n", 0xfd000000, 1, OTHERWISE},
};

GST_START_TEST (test_parse)
{
  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    const MmioMapping others[] = { OTHERWISE, WC, UC, MMIO_MAPPING_CACHED };

    for (guint j = 0; j < G_N_ELEMENTS (others); j++) {
      const MmioMapping wanted = table[i].wanted == OTHERWISE ? others[j] :
          table[i].wanted;
      const MmioMapping said = mmio_memtype_parse (table[i].list,
          table[i].address, table[i].length, others[j]);

      fail_unless (said == wanted, "%u: %s, not %s", i,
          mmio_mapping_get_name (said), mmio_mapping_get_name (wanted));
    }
  }
}

GST_END_TEST;

/* It never gets lost, whatever stands there */
GST_START_TEST (test_parse_anything)
{
  static const char letters[] = "0123456789abcdefx-[] \nmemuncachedwrite";
  GRand *rand = g_rand_new_with_seed (31);

  for (guint i = 0; i < 20000; i++) {
    char text[80] = "[mem 0x1000-0x2000] write-combining\n"
        "[mem 0x3000-0x4000] uncached";
    const guint n = g_rand_int_range (rand, 0, 12);
    MmioMapping said;

    for (guint j = 0; j < n; j++)
      text[g_rand_int_range (rand, 0, strlen (text))] =
          letters[g_rand_int_range (rand, 0, strlen (letters))];
    text[g_rand_int_range (rand, 0, sizeof (text))] = '\0';
    said = mmio_memtype_parse (text, 0x1800, 0x10, MMIO_MAPPING_CACHED);
    fail_unless (said == MMIO_MAPPING_CACHED || said == WC || said == UC);
  }

  g_rand_free (rand);
}

GST_END_TEST;

/* Where nobody has mapped anything, nobody knows better than who asks */
GST_START_TEST (test_get)
{
  fail_unless (mmio_memtype_get (G_MAXUINT64 - 0x1000, 0x10, WC) == WC);
  fail_unless (mmio_memtype_get (G_MAXUINT64 - 0x1000, 0x10, UC) == UC);
}

GST_END_TEST;

/* --- How a map is called ------------------------------------------------- */

GST_START_TEST (test_names)
{
  fail_unless_equals_string (mmio_mapping_get_name (MMIO_MAPPING_AUTO), "auto");
  fail_unless_equals_string (mmio_mapping_get_name (MMIO_MAPPING_CACHED),
      "cached");
  fail_unless_equals_string (mmio_mapping_get_name (UC), "uncached");
  fail_unless_equals_string (mmio_mapping_get_name (WC), "write-combining");
}

GST_END_TEST;

/* A region is what it was mapped as, until somebody knows better */
GST_START_TEST (test_region)
{
  const MmioMapping mappings[] = { MMIO_MAPPING_CACHED, UC, WC };
  FakeDevice *fake = fake_new ();

  fake_set_memory (fake, 0, 100);
  for (guint i = 0; i < G_N_ELEMENTS (mappings); i++) {
    MmioRegion *region = mmio_device_map_fd (&fake->parent, fake->fd[0], 0,
        100, mappings[i]);

    fail_unless (region != NULL);
    fail_unless (mmio_region_get_mapping (region) == mappings[i]);
    for (guint j = 0; j < G_N_ELEMENTS (mappings); j++) {
      mmio_region_set_mapping (region, mappings[j]);
      fail_unless (mmio_region_get_mapping (region) == mappings[j]);
    }
    mmio_region_unref (region);
  }
  mmio_device_unref (&fake->parent);
}

GST_END_TEST;

/* What is wanted reaches the back end as it is, and what it made of it comes
 * back */
GST_START_TEST (test_wanted)
{
  const MmioMapping mappings[] = {
    MMIO_MAPPING_AUTO, MMIO_MAPPING_CACHED, UC, WC
  };
  const MmioLayout picture = test_picture ("GRAY8", 100, 1, 0, 0);
  FakeDevice *fake = fake_new ();

  fake_set_memory (fake, 0, 100);
  for (guint i = 0; i < G_N_ELEMENTS (mappings); i++) {
    gint bar = -1;
    MmioRegion *region = mmio_device_map (&fake->parent, &bar, &picture,
        mappings[i], NULL);

    fail_unless (region != NULL);
    fail_unless (fake->last_wanted == mappings[i]);
    fail_unless (mmio_region_get_mapping (region) == UC);
    mmio_region_unref (region);
  }
  mmio_device_unref (&fake->parent);
}

GST_END_TEST;

static Suite *
memtype_suite (void)
{
  Suite *s = suite_create ("lib-memtype");
  TCase *tc = add_case (s, "general");

  tcase_add_test (tc, test_parse);
  tcase_add_test (tc, test_parse_anything);
  tcase_add_test (tc, test_get);

  tc = add_case (s, "mapping");
  tcase_add_test (tc, test_names);
  tcase_add_test (tc, test_region);
  tcase_add_test (tc, test_wanted);

  return s;
}

GST_CHECK_MAIN (memtype);
