/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixtures/helper.h"

#include <string.h>

typedef struct
{
  const char *text;
  MmioAddress address;
  const char *canonical;
} Accepted;

#define SIM { .kind = MMIO_ADDRESS_SIM }
#define SLOT(d, b, s, f) { .kind = MMIO_ADDRESS_SLOT, .domain = d, .bus = b, \
    .slot = s, .function = f }
#define ID(v, d, n) { .kind = MMIO_ADDRESS_ID, .vendor = v, .device = d, \
    .nth = n }
#define PATH(p) { .kind = MMIO_ADDRESS_PATH, .path = (char *) p }

static const Accepted accepted[] = {
  {"sim", SIM, "sim"},

  {"0000:03:00.0", SLOT (0, 3, 0, 0), "0000:03:00.0"},
  {"03:00.0", SLOT (0, 3, 0, 0), "0000:03:00.0"},
  {"3:0.0", SLOT (0, 3, 0, 0), "0000:03:00.0"},
  {"0:0:0.0", SLOT (0, 0, 0, 0), "0000:00:00.0"},
  {"1:2:3.4", SLOT (1, 2, 3, 4), "0001:02:03.4"},
  {"00:1f.7", SLOT (0, 0, 31, 7), "0000:00:1f.7"},
  {"ff:1F.7", SLOT (0, 255, 31, 7), "0000:ff:1f.7"},
  {"ABCD:EF:1A.5", SLOT (0xabcd, 0xef, 0x1a, 5), "abcd:ef:1a.5"},
  {"10000:e1:00.6", SLOT (0x10000, 0xe1, 0, 6), "10000:e1:00.6"},
  {"ffffffff:ff:1f.7", SLOT (0xffffffff, 255, 31, 7), "ffffffff:ff:1f.7"},
  {"00000001:00:01.1", SLOT (1, 0, 1, 1), "0001:00:01.1"},

  {"10ee:7024", ID (0x10ee, 0x7024, -1), "10ee:7024"},
  {"10EE:7AbC", ID (0x10ee, 0x7abc, -1), "10ee:7abc"},
  {"10ee:7024@0", ID (0x10ee, 0x7024, 0), "10ee:7024@0"},
  {"10ee:7024@1", ID (0x10ee, 0x7024, 1), "10ee:7024@1"},
  {"10ee:7024@0010", ID (0x10ee, 0x7024, 10), "10ee:7024@10"},
  {"10ee:7024@9999", ID (0x10ee, 0x7024, 9999), "10ee:7024@9999"},
  {"0000:0000", ID (0, 0, -1), "0000:0000"},
  {"ffff:ffff", ID (0xffff, 0xffff, -1), "ffff:ffff"},

  {"/dev/shm/ivshmem", PATH ("/dev/shm/ivshmem"), "/dev/shm/ivshmem"},
  {"/", PATH ("/"), "/"},
  {"./sim", PATH ("./sim"), "./sim"},
  {"sim/", PATH ("sim/"), "sim/"},
  {"a/b", PATH ("a/b"), "a/b"},
  {"0000:03:00.0/", PATH ("0000:03:00.0/"), "0000:03:00.0/"},
  {"10ee:7024/0", PATH ("10ee:7024/0"), "10ee:7024/0"},
  {" /with blanks ", PATH (" /with blanks "), " /with blanks "},
  {"/gr\303\274n", PATH ("/gr\303\274n"), "/gr\303\274n"},
};

static const char *const malformed[] = {
  "", " ", ":", ".", "@", "::", ":.", "::.", "-", "0",
  /* Words */
  "SIM", "Sim", "si", "simm", "sim ", " sim", "sim\n", "sim0", "sim:", "video0",
  "auto", "resource0",
  /* Addresses: too few or too many parts */
  "03", "03:00", "03.0", "0000:03", "0000:03:00", "0000:03.0", ":03:00.0",
  "0000::00.0", "0000:03:.0", "0000:03:00.", "03:00.0.0", "03:00:00.0.0",
  "0000:0000:03:00.0", "0000:03:00:0", "03.00.0", "03-00.0", "03:00,0",
  /* Digits that are too many, too large, or none */
  "000:000.0", "0000:003:00.0", "0000:03:000.0", "0000:03:00.00",
  "000000000:03:00.0", "123456789:03:00.0", "0000:100:00.0", "03:20.0",
  "03:ff.0", "03:00.8", "03:00.9", "03:00.a", "03:00.f", "0000:03:20.0",
  "g:00.0", "0g:00.0", "000g:03:00.0", "03:0g.0", "03:00.g",
  /* What strtoul() would take */
  "0x03:00.0", "0x0:03:00.0", "0x3:0.0", "-3:00.0", "+3:00.0", "03:-1.0",
  "03:+0.0", "03:00.-0", "03:00.+0", "03: 0.0", "03:00. 0", " 03:00.0",
  "03:00.0 ", "03:00.0\n", "\t03:00.0", "03 :00.0", "0000:03:00.0 ",
  " 0000:03:00.0", "03:00.0x", "03:00.0@1", "pci:03:00.0", "pci@0000:03:00.0",
  /* IDs */
  "10ee", "10ee:", ":7024", "10ee:702", "0ee:7024", "10ee:07024", "010ee:7024",
  "10ee7024", "10ee:7024:", "10ee:7024:0", "10ee-7024", "10ee.7024",
  "10eg:7024", "10ee:702g", "0x10ee:0x7024", "0x10ee:7024", "10ee:0x70",
  "+0ee:7024", "-0ee:7024", "10ee:+024", " 10ee:7024", "10ee:7024,",
  "10ee: 7024", "10ee :7024", "10ee:7024\n", "*:7024", "10ee:*", "10ee:7024x",
  "10ee:7024@", "10ee:7024@-1", "10ee:7024@+1", "10ee:7024@ 1", "10ee:7024@1 ",
  "10ee:7024 @1", "10ee:7024@a", "10ee:7024@0x1", "10ee:7024@1a",
  "10ee:7024@1.", "10ee:7024@10000", "10ee:7024@00001", "10ee:7024@1@1",
  "10ee:7024@@1", "10ee:7024#1", "@10ee:7024", "10ee@1", "10ee:@1",
  /* Not ASCII: letters, and digits that isxdigit() may know in some locale */
  "\303\274", "s\304\261m", "\357\274\221\357\274\220:00.0", "10ee:702\364",
  "\377\377:\377\377.\377", "03:00.\331\240", "03\302\240:00.0", "sim\302\240",
};

static void
check_equal (const MmioAddress * a, const MmioAddress * b)
{
  fail_unless_equals_int (a->kind, b->kind);
  switch (b->kind) {
    case MMIO_ADDRESS_SLOT:
      fail_unless_equals_int64 (a->domain, b->domain);
      fail_unless_equals_int (a->bus, b->bus);
      fail_unless_equals_int (a->slot, b->slot);
      fail_unless_equals_int (a->function, b->function);
      break;
    case MMIO_ADDRESS_ID:
      fail_unless_equals_int (a->vendor, b->vendor);
      fail_unless_equals_int (a->device, b->device);
      fail_unless_equals_int (a->nth, b->nth);
      break;
    case MMIO_ADDRESS_PATH:
      fail_unless_equals_string (a->path, b->path);
      return;
    default:
      break;
  }
  fail_unless (a->path == NULL);
}

static void
check_refused (const char *text)
{
  /* What is no text is quoted as far as it can be */
  g_autofree char *valid = g_utf8_make_valid (text ? text : "", -1);
  g_autofree char *quoted = g_strdup_printf ("'%s'", valid);
  MmioAddress address, before;
  GError *error = NULL;

  memset (&before, 0xa5, sizeof (before));
  address = before;
  fail_if (mmio_address_parse (&address, text, &error), "%.80s is taken",
      quoted);
  check_error (&error, MMIO_ERROR_ADDRESS, "device", "sim", "0000:03:00.0",
      " 03:00.0", "10ee:7024,", "10ee:7024@1", "/dev/shm/ivshmem", NULL);
  fail_unless (memcmp (&address, &before, sizeof (before)) == 0,
      "%.80s changes the address", quoted);

  fail_if (mmio_address_parse (&address, text, &error));
  fail_unless (strstr (error->message, quoted) != NULL, "'%.300s' quotes not",
      error->message);
  g_clear_error (&error);

  /* Nobody need want to know */
  fail_if (mmio_address_parse (&address, text, NULL));
}

GST_START_TEST (test_accepted)
{
  const Accepted *a = &accepted[__i__];
  GError *error = NULL;
  g_auto (MmioAddress) address = { 0, };
  g_auto (MmioAddress) again = { 0, };
  g_autofree char *text = NULL;

  /* Whatever was there before */
  memset (&address, 0xa5, sizeof (address));
  fail_unless (mmio_address_parse (&address, a->text, &error), "'%s': %s",
      a->text, error ? error->message : "");
  fail_unless (error == NULL);
  check_equal (&address, &a->address);

  text = mmio_address_to_string (&address);
  fail_unless_equals_string (text, a->canonical);
  fail_unless (mmio_address_parse (&again, text, NULL), "'%s'", text);
  check_equal (&again, &a->address);
}

GST_END_TEST;

GST_START_TEST (test_malformed)
{
  for (guint i = 0; i < G_N_ELEMENTS (malformed); i++) {
    const char *text = malformed[i];

    /* check_error() takes no message with lines, and whoever types one gets
     * it back */
    if (strpbrk (text, "\n\t")) {
      MmioAddress address;
      GError *error = NULL;

      fail_if (mmio_address_parse (&address, text, &error), "'%s'", text);
      fail_unless (g_error_matches (error, MMIO_ERROR, MMIO_ERROR_ADDRESS));
      g_clear_error (&error);
    } else {
      check_refused (text);
    }
  }

  check_refused (NULL);
}

GST_END_TEST;

GST_START_TEST (test_long)
{
  g_autofree char *digits = g_strnfill (100000, '0');
  g_autofree char *domain = g_strconcat (digits, ":03:00.0", NULL);
  g_autofree char *nth = g_strconcat ("10ee:7024@", digits, NULL);
  g_autofree char *path = g_strconcat ("/", digits, NULL);
  g_autofree char *text = NULL;
  g_auto (MmioAddress) address = { 0, };

  check_refused (digits);
  check_refused (domain);
  check_refused (nth);

  fail_unless (mmio_address_parse (&address, path, NULL));
  text = mmio_address_to_string (&address);
  fail_unless_equals_string (text, path);
}

GST_END_TEST;

/* The address keeps a copy of the text, and can be cleared twice */
GST_START_TEST (test_ownership)
{
  MmioAddress address;
  char text[] = "/dev/shm/a";

  fail_unless (mmio_address_parse (&address, text, NULL));
  text[9] = 'b';
  fail_unless_equals_string (address.path, "/dev/shm/a");
  mmio_address_clear (&address);
  fail_unless (address.path == NULL);
  mmio_address_clear (&address);
}

GST_END_TEST;

/* The same grammar, said by somebody else */
#define GRAMMAR "^(sim" \
    "|(?<slot>([0-9a-fA-F]{1,8}:)?[0-9a-fA-F]{1,2}:[01]?[0-9a-fA-F]\\.[0-7])" \
    "|(?<id>[0-9a-fA-F]{4}:[0-9a-fA-F]{4}(@[0-9]{1,4})?)" \
    "|(?<path>.*/.*))\\z"

static void
mutate (GString * text, GRand * rand)
{
  static const char letters[] = "0123456789abcdefABCDEFgxs:::..@@+- i/";
  const char c = letters[g_rand_int_range (rand, 0, sizeof (letters) - 1)];
  const gint at = g_rand_int_range (rand, 0, text->len + 1);

  switch (g_rand_int_range (rand, 0, 3)) {
    case 0:
      g_string_insert_c (text, at, c);
      break;
    case 1:
      if (at < (gint) text->len)
        g_string_erase (text, at, 1);
      break;
    default:
      if (at < (gint) text->len)
        text->str[at] = c;
  }
}

GST_START_TEST (test_grammar)
{
  const guint rounds = RUNNING_ON_VALGRIND ? 2000 : 50000;
  GRegex *grammar = g_regex_new (GRAMMAR, G_REGEX_RAW | G_REGEX_DOTALL, 0,
      NULL);
  GRand *rand = g_rand_new_with_seed (20);
  guint n_taken[4] = { 0, };

  fail_unless (grammar != NULL);
  for (guint i = 0; i < rounds; i++) {
    const Accepted *a = &accepted[g_rand_int_range (rand, 0,
            G_N_ELEMENTS (accepted))];
    g_autoptr (GString) text = g_string_new (a->text);
    g_autoptr (GMatchInfo) match = NULL;
    g_auto (MmioAddress) address = { 0, };
    g_auto (MmioAddress) again = { 0, };
    g_autofree char *canonical = NULL;
    gboolean wanted, taken;

    for (gint n = g_rand_int_range (rand, 1, 4); n > 0; n--)
      mutate (text, rand);

    wanted = g_regex_match (grammar, text->str, 0, &match);
    taken = mmio_address_parse (&address, text->str, NULL);
    fail_unless (taken == wanted, "'%s' is %s", text->str,
        taken ? "taken" : "refused");
    if (!taken)
      continue;

    n_taken[address.kind]++;
    canonical = mmio_address_to_string (&address);
    fail_unless (mmio_address_parse (&again, canonical, NULL), "'%s'",
        canonical);
    check_equal (&again, &address);
  }

  /* It did see all kinds */
  for (guint i = 0; i < G_N_ELEMENTS (n_taken); i++)
    fail_unless (n_taken[i] > 0, "kind %u", i);

  g_rand_free (rand);
  g_regex_unref (grammar);
}

GST_END_TEST;

static Suite *
address_suite (void)
{
  Suite *s = suite_create ("lib-address");
  TCase *tc = add_case (s, "general");

  tcase_add_loop_test (tc, test_accepted, 0, G_N_ELEMENTS (accepted));
  tcase_add_test (tc, test_malformed);
  tcase_add_test (tc, test_long);
  tcase_add_test (tc, test_ownership);
  tcase_add_test (tc, test_grammar);

  return s;
}

GST_CHECK_MAIN (address);
