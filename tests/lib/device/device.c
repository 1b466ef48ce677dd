/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixtures/helper.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/mmiobackends.h"
#include "backends/mmioopen.h"
#include "describe/mmiodescribe.h"
#include "device/mmiobar.h"

#define SYSFS_PCI "/sys/bus/pci/devices"

/* --- What the device says, and what the user ------------------------------ */

static gboolean
describe (FakeDevice * fake, gint * bar, MmioSpec * spec, GError ** error)
{
  return mmio_describe (&fake->parent, bar, spec, NULL, error);
}

static void
fake_unref (FakeDevice * fake)
{
  mmio_device_unref (&fake->parent);
}

GST_START_TEST (test_getters)
{
  FakeDevice *fake = fake_new ();

  fail_unless_equals_string (mmio_device_get_name (&fake->parent),
      "fake device");
  fail_unless_equals_string (mmio_device_get_address (&fake->parent),
      "0000:aa:11.3");
  fail_unless_equals_string (mmio_device_get_access_name (&fake->parent),
      "fake");
  fake_unref (fake);
}

GST_END_TEST;

GST_START_TEST (test_references)
{
  FakeDevice *fake = fake_new ();
  gboolean freed = FALSE;

  fake->freed = &freed;
  fail_unless (mmio_device_ref (&fake->parent) == &fake->parent);
  fake_unref (fake);
  fail_if (freed);
  fake_unref (fake);
  fail_unless (freed);
}

GST_END_TEST;

GST_START_TEST (test_cannot_tell)
{
  const MmioSpec specs[] = {
    test_spec (NULL, 0, 0, 0, 0), test_spec ("BGRx", 640, 0, 0, 0),
    test_spec (NULL, 0, 480, 7, 9999),
  };
  FakeDevice *fake = fake_new ();
  MmioSpec spec;
  GError *error = NULL;
  gint bar = -1;

  for (guint i = 0; i < G_N_ELEMENTS (specs); i++) {
    spec = specs[i];
    fail_if (describe (fake, &bar, &spec, &error), "%u", i);
    check_error (&error, MMIO_ERROR_SETTINGS, "fake device", "0000:aa:11.3",
        "Set width and height", "and format, offset and stride", NULL);
  }

  /* Who says it all gets what he said */
  spec = test_spec ("BGRx", 640, 480, 7, 9999);
  fail_unless (describe (fake, &bar, &spec, &error));
  fail_unless_equals_string (spec.format.name, "BGRx");
  fail_unless_equals_int (spec.width, 640);
  fail_unless_equals_int (spec.height, 480);
  fail_unless_equals_uint64 (spec.offset, 7);
  fail_unless_equals_int (spec.stride, 9999);
  fail_unless_equals_int (bar, -1);

  /* Who says no format gets RGB */
  spec = test_spec (NULL, 640, 480, 0, 0);
  fail_unless (describe (fake, &bar, &spec, &error));
  fail_unless (mmio_format_equal (&spec.format, test_format ("RGB")));
  fail_unless_equals_int (spec.format.n_components, 3);

  fail_unless (error == NULL);
  fail_unless_equals_int (fake->n_maps, 0);
  fake_unref (fake);
}

GST_END_TEST;

static gboolean
tell (MmioDevice * device, gint * bar, MmioSpec * spec, GError ** error)
{
  if (spec->offset == 13) {
    mmio_set_error (error, MMIO_ERROR_OFF, "The fake device is superstitious.");
    return FALSE;
  }

  *bar = 3;
  spec->width = 32;
  spec->height = 16;
  return TRUE;
}

/* A back end that can tell is asked, and its error is the device's */
GST_START_TEST (test_can_tell)
{
  FakeDevice *fake = fake_new ();
  MmioBackend backend = *fake->parent.backend;
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  GError *error = NULL;
  gint bar = -1;

  backend.describe = tell;
  fake->parent.backend = &backend;
  fail_unless (describe (fake, &bar, &spec, &error));
  fail_unless_equals_int (bar, 3);
  fail_unless_equals_int (spec.width, 32);
  fail_unless_equals_int (spec.height, 16);
  fail_unless_equals_string (spec.format.name, "RGB");

  spec = test_spec (NULL, 0, 0, 13, 0);
  fail_if (describe (fake, &bar, &spec, &error));
  check_error (&error, MMIO_ERROR_OFF, "superstitious", NULL);
  fake_unref (fake);
}

GST_END_TEST;

/* The path of a resource file says which BAR; nobody may contradict */
GST_START_TEST (test_fixed_bar)
{
  FakeDevice *fake = fake_new ();
  MmioSpec spec = test_spec (NULL, 4, 4, 0, 0);
  GError *error = NULL;
  gint bar;

  fail_unless_equals_int (fake->parent.fixed_bar, -1);
  fake->parent.fixed_bar = 2;

  bar = -1;
  fail_unless (describe (fake, &bar, &spec, NULL));
  fail_unless_equals_int (bar, 2);
  bar = 2;
  fail_unless (describe (fake, &bar, &spec, NULL));
  fail_unless_equals_int (bar, 2);

  for (bar = 0; bar < 7; bar++) {
    g_autofree char *word = g_strdup_printf ("Cannot use bar=%d:", bar);

    if (bar == 2)
      continue;
    fail_if (describe (fake, &bar, &spec, &error));
    check_error (&error, MMIO_ERROR_SETTINGS, "BAR 2", "0000:aa:11.3", word,
        "Leave bar at -1", NULL);
  }

  fake->parent.fixed_bar = 0;
  bar = -1;
  fail_unless (describe (fake, &bar, &spec, NULL));
  fail_unless_equals_int (bar, 0);
  bar = 1;
  fail_if (describe (fake, &bar, &spec, NULL));
  fake_unref (fake);
}

GST_END_TEST;

/* --- The BAR -------------------------------------------------------------- */

/* As a graphics card may have them */
static FakeDevice *
fake_with_bars (void)
{
  FakeDevice *fake = fake_new ();

  fake_set_io (fake, 0, 1 << 30);
  fake_set_memory (fake, 1, 1000);
  fake_set_memory (fake, 3, 2000);
  fake_set_memory (fake, 4, 100000);
  fake_set_memory (fake, 5, 3000);
  return fake;
}

#define BARS "BAR 0 (I/O ports, 1073741824 bytes), BAR 1 (1000 bytes), " \
    "BAR 3 (2000 bytes), BAR 4 (100000 bytes), BAR 5 (3000 bytes)"

typedef struct
{
  gint bar;
  guint64 offset;
  guint width;

  gint chosen;
  MmioErrorCode code;
  const char *words[4];
} Choice;

#define HOLDS(bar, offset, width, chosen) \
    { bar, offset, width, chosen, 0, { NULL } }

static const Choice choices[] = {
  /* The first one that is memory and large enough */
  HOLDS (-1, 0, 1, 1),
  HOLDS (-1, 0, 1000, 1),
  HOLDS (-1, 900, 100, 1),
  HOLDS (-1, 0, 1001, 3),
  HOLDS (-1, 901, 100, 3),
  HOLDS (-1, 0, 2000, 3),
  HOLDS (-1, 0, 2001, 4),
  HOLDS (-1, 99999, 1, 4),
  {-1, 100000, 1, -1, MMIO_ERROR_SETTINGS,
      {"byte 100001,", "no memory BAR", BARS, "offset"}},
  {-1, 1 << 20, 1, -1, MMIO_ERROR_SETTINGS,
      {"byte 1048577,", "no memory BAR", BARS, "offset"}},
  {-1, G_MAXUINT64 - 1, 1, -1, MMIO_ERROR_SETTINGS,
      {"18446744073709551615", "no memory BAR", BARS, "offset"}},

  /* The one that the user says */
  HOLDS (1, 0, 1000, 1),
  HOLDS (3, 0, 1, 3),
  HOLDS (4, 1000, 5000, 4),
  HOLDS (5, 0, 3000, 5),
  HOLDS (5, 2999, 1, 5),
  {5, 2999, 2, -1, MMIO_ERROR_SETTINGS,
      {"byte 3001,", "BAR 5", "only 3000 bytes", "0000:aa:11.3"}},
  {1, 0, 1001, -1, MMIO_ERROR_SETTINGS,
      {"byte 1001,", "BAR 1", "only 1000 bytes", "another bar"}},
  {5, G_MAXUINT64 - 1, 1, -1, MMIO_ERROR_SETTINGS,
      {"18446744073709551615", "only 3000 bytes"}},
  {0, 0, 1, -1, MMIO_ERROR_SETTINGS,
      {"BAR 0", "I/O ports, not memory", BARS, "memory BAR"}},
  {2, 0, 1, -1, MMIO_ERROR_NOT_FOUND,
      {"no BAR 2", BARS, "0000:aa:11.3", "Set bar to one of these"}},
  {6, 0, 1, -1, MMIO_ERROR_NOT_FOUND, {"no BAR 6", BARS, "0000:aa:11.3"}},
  {G_MAXINT, 0, 1, -1, MMIO_ERROR_NOT_FOUND, {"no BAR 2147483647", BARS}},
};

GST_START_TEST (test_choice)
{
  const Choice *c = &choices[__i__];
  const MmioLayout picture = test_picture ("GRAY8", c->width, 1, c->offset,
      0);
  FakeDevice *fake = fake_with_bars ();
  GError *error = NULL;
  MmioRegion *region;
  gint bar = c->bar;

  region = mmio_device_map (&fake->parent, &bar, &picture,
      MMIO_MAPPING_AUTO, &error);
  if (c->chosen < 0) {
    fail_unless (region == NULL);
    check_error (&error, c->code, c->words[0], c->words[1], c->words[2],
        c->words[2] ? c->words[3] : NULL, NULL);
    fail_unless_equals_int (bar, c->bar);
    fail_unless_equals_int (fake->n_maps, 0);
    fail_unless (mmio_device_map (&fake->parent, &bar, &picture,
            MMIO_MAPPING_AUTO, NULL) == NULL);
  } else {
    fail_unless (region != NULL && error == NULL);
    fail_unless_equals_int (bar, c->chosen);
    fail_unless_equals_int (fake->n_maps, 1);
    fail_unless_equals_int (fake->last_bar, c->chosen);
    fail_unless_equals_uint64 (fake->last_offset, c->offset);
    fail_unless_equals_uint64 (fake->last_length, c->width);
    mmio_region_unref (region);
  }
  fake_unref (fake);
}

GST_END_TEST;

GST_START_TEST (test_no_bars)
{
  const MmioLayout picture = test_picture ("GRAY8", 1, 1, 0, 0);
  FakeDevice *fake = fake_new ();
  GError *error = NULL;
  gint bar = -1;

  fail_unless (mmio_device_map (&fake->parent, &bar, &picture,
          MMIO_MAPPING_AUTO, &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "byte 1,", "it has no BAR", NULL);
  bar = 0;
  fail_unless (mmio_device_map (&fake->parent, &bar, &picture,
          MMIO_MAPPING_AUTO, &error) == NULL);
  check_error (&error, MMIO_ERROR_NOT_FOUND, "no BAR 0", "it has no BAR", NULL);

  /* Large, but no memory */
  fake_set_io (fake, 1, 256);
  bar = -1;
  fail_unless (mmio_device_map (&fake->parent, &bar, &picture,
          MMIO_MAPPING_AUTO, &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "BAR 1 (I/O ports, 256 bytes)",
      NULL);
  fail_unless_equals_int (bar, -1);
  fake_unref (fake);
}

GST_END_TEST;

/* What is no PCI device has one range of memory, and does not speak of BARs */
GST_START_TEST (test_without_bars)
{
  const MmioLayout picture = test_picture ("GRAY8", 100, 1, 0, 0);
  const MmioLayout larger = test_picture ("GRAY8", 101, 1, 0, 0);
  FakeDevice *fake = fake_new ();
  MmioBackend backend = *fake->parent.backend;
  GError *error = NULL;
  MmioRegion *region;
  gint bar;

  backend.has_bars = FALSE;
  fake->parent.backend = &backend;
  fake_set_memory (fake, 0, 100);
  for (gint said = -1; said <= 0; said++) {
    bar = said;
    region = mmio_device_map (&fake->parent, &bar, &picture,
        MMIO_MAPPING_AUTO, &error);
    fail_unless (region != NULL && error == NULL);
    fail_unless_equals_int (bar, 0);
    mmio_region_unref (region);

    bar = said;
    fail_unless (mmio_device_map (&fake->parent, &bar, &larger,
            MMIO_MAPPING_AUTO, &error) == NULL);
    fail_unless (strstr (error->message, "BAR") == NULL, "%s", error->message);
    check_error (&error, MMIO_ERROR_SETTINGS, "byte 101,",
        "0000:aa:11.3 has only 100 bytes", "offset", NULL);
    fail_unless_equals_int (bar, said);
  }

  for (bar = 1; bar < 8; bar++) {
    g_autofree char *word = g_strdup_printf ("Cannot use bar=%d:", bar);

    fail_unless (mmio_device_map (&fake->parent, &bar, &picture,
            MMIO_MAPPING_AUTO, &error) == NULL);
    check_error (&error, MMIO_ERROR_NOT_FOUND, "0000:aa:11.3 has no BARs",
        word, "Leave bar at -1", NULL);
  }
  fail_unless_equals_int (fake->n_maps, 2);
  fake_unref (fake);
}

GST_END_TEST;

/* All of the picture, and of the BAR not more: not what is before it, and of
 * the padding behind its last row only the pages, as far as there are any */
GST_START_TEST (test_extent)
{
  const MmioLayout picture = test_picture ("NV12", 5, 5, 100, 8);
  const MmioLayout wide = test_picture ("RGB", 4, 3, 0, 4096);
  FakeDevice *fake = fake_with_bars ();
  MmioRegion *region;
  gsize length;
  gint bar = 4;

  fake_set_memory (fake, 4, 3 * 4096);
  region = mmio_device_map (&fake->parent, &bar, &wide, MMIO_MAPPING_AUTO,
      NULL);
  fail_unless_equals_uint64 (fake->last_length, 3 * 4096);
  fail_unless_equals_uint64 (mmio_region_get_length (region), 2 * 4096 + 12);
  mmio_region_get_pages (region, &length);
  fail_unless_equals_uint64 (length, 3 * 4096);
  mmio_region_unref (region);

  fake_set_memory (fake, 4, 2 * 4096 + 100);
  region = mmio_device_map (&fake->parent, &bar, &wide, MMIO_MAPPING_AUTO,
      NULL);
  fail_unless_equals_uint64 (fake->last_length, 2 * 4096 + 100);
  mmio_region_unref (region);
  fake_set_memory (fake, 4, 4096);

  region = mmio_device_map (&fake->parent, &bar, &picture,
      MMIO_MAPPING_AUTO, NULL);
  fail_unless_equals_uint64 (fake->last_offset, 100);
  fail_unless_equals_uint64 (fake->last_length, 5 * 8 + 3 * 8);
  fail_unless_equals_uint64 (mmio_region_get_length (region),
      5 * 8 + 2 * 8 + 6);
  mmio_region_unref (region);
  fake_unref (fake);
}

GST_END_TEST;

GST_START_TEST (test_map_fails)
{
  const MmioLayout picture = test_picture ("GRAY8", 1, 1, 0, 0);
  FakeDevice *fake = fake_with_bars ();
  GError *error = NULL;
  gint bar = -1;

  fake->fail_map = TRUE;
  fail_unless (mmio_device_map (&fake->parent, &bar, &picture,
          MMIO_MAPPING_AUTO, &error) == NULL);
  fail_unless (g_str_has_prefix (mmio_error_get_system (error), "mmap: "));
  check_error (&error, MMIO_ERROR_BUSY, "does not want to be mapped", NULL);
  fail_unless_equals_int (bar, -1);
  fake_unref (fake);
}

GST_END_TEST;

/* The last region takes the device with it */
GST_START_TEST (test_region_keeps_device)
{
  const MmioLayout picture = test_picture ("GRAY8", 1, 1, 0, 0);
  FakeDevice *fake = fake_with_bars ();
  gboolean freed = FALSE;
  MmioRegion *one, *other;
  gint bar = -1;

  fake->freed = &freed;
  one = mmio_device_map (&fake->parent, &bar, &picture,
      MMIO_MAPPING_AUTO, NULL);
  other = mmio_device_map (&fake->parent, &bar, &picture,
      MMIO_MAPPING_AUTO, NULL);
  fake_unref (fake);
  fail_if (freed);
  mmio_region_unref (one);
  fail_if (freed);
  mmio_region_unref (other);
  fail_unless (freed);
}

GST_END_TEST;

GST_START_TEST (test_map_fd_fails)
{
  FakeDevice *fake = fake_new ();
  gboolean freed = FALSE;

  fake->freed = &freed;
  fail_unless (mmio_device_map_fd (&fake->parent, -1, 0, 1,
          MMIO_MAPPING_UNCACHED) == NULL);
  fake_unref (fake);
  fail_unless (freed);
}

GST_END_TEST;

/* --- PCI: nothing here may map a BAR of the machine it runs on; sysfs.c brings
 * its own bus and goes further ------------------------------------------- */

static MmioDevice *
open_text (const char *text, GError ** error)
{
  g_auto (MmioAddress) address = { 0, };

  fail_unless (mmio_address_parse (&address, text, NULL), "%s", text);
  return mmio_device_open (&address, MMIO_ACCESS_SYSFS, error);
}

static gboolean
has_pci (void)
{
  return g_file_test (SYSFS_PCI, G_FILE_TEST_IS_DIR);
}

static guint
read_id (const char *slot, const char *file)
{
  g_autofree char *path = g_build_filename (SYSFS_PCI, slot, file, NULL);
  g_autofree char *text = NULL;

  fail_unless (g_file_get_contents (path, &text, NULL, NULL), "%s", path);
  return strtoul (text, NULL, 16);
}

/* Returns: the address of a device of this ID on this machine, or NULL */
static char *
find_slot (guint vendor, guint device)
{
  GDir *dir = has_pci ()? g_dir_open (SYSFS_PCI, 0, NULL) : NULL;
  const char *name;
  char *found = NULL;

  while (dir && !found && (name = g_dir_read_name (dir))) {
    if (read_id (name, "vendor") == vendor &&
        read_id (name, "device") == device)
      found = g_strdup (name);
  }
  g_clear_pointer (&dir, g_dir_close);

  return found;
}

static char *
first_slot (void)
{
  GDir *dir = has_pci ()? g_dir_open (SYSFS_PCI, 0, NULL) : NULL;
  char *slot = dir ? g_strdup (g_dir_read_name (dir)) : NULL;

  g_clear_pointer (&dir, g_dir_close);
  if (!slot)
    g_print ("SKIP: this machine shows no PCI device in " SYSFS_PCI "; run "
        "this in a virtual machine that has some\n");
  return slot;
}

static void
check_no_device (const char *text, const char *wanted)
{
  const guint fds = count_fds ();
  GError *error = NULL;

  fail_unless (open_text (text, &error) == NULL, "%s", text);
  if (has_pci ())
    check_error (&error, MMIO_ERROR_NOT_FOUND, "Cannot find PCI device", wanted,
        "lspci -Dnn", NULL);
  else
    check_error (&error, MMIO_ERROR_NOT_FOUND, "no PCI bus", "device=sim",
        NULL);
  fail_unless_equals_int (count_fds (), fds);
}

GST_START_TEST (test_no_such_id)
{
  g_autofree char *slot = find_slot (0xdead, 0xbeef);

  fail_unless (slot == NULL, "%s really is a dead:beef", slot);
  check_no_device ("dead:beef", "dead:beef;");
  check_no_device ("DEAD:BEEF@0", "dead:beef@0;");
  check_no_device ("dead:beef@17", "dead:beef@17;");
  check_no_device ("ffff:ffff", "ffff:ffff;");
}

GST_END_TEST;

GST_START_TEST (test_no_such_slot)
{
  static const char *const slots[] = {
    "fffe:fe:1e.6", "ffffffff:ff:1f.7", "7fffffff:00:00.0",
  };

  for (guint i = 0; i < G_N_ELEMENTS (slots); i++) {
    g_autofree char *path = g_build_filename (SYSFS_PCI, slots[i], NULL);

    fail_if (g_file_test (path, G_FILE_TEST_EXISTS), "%s", path);
    check_no_device (slots[i], slots[i]);
  }
}

GST_END_TEST;

/* Again and again, from many threads */
static gpointer
look_up (gpointer data)
{
  for (guint i = 0; i < 20; i++) {
    GError *error = NULL;

    if (open_text ("dead:beef", &error) != NULL ||
        error->code != MMIO_ERROR_NOT_FOUND)
      return GINT_TO_POINTER (FALSE);
    g_clear_error (&error);
  }

  return GINT_TO_POINTER (TRUE);
}

GST_START_TEST (test_look_up_in_threads)
{
  GThread *thread[4];

  for (guint i = 0; i < G_N_ELEMENTS (thread); i++)
    thread[i] = g_thread_new ("look-up", look_up, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (thread); i++)
    fail_unless (g_thread_join (thread[i]));
}

GST_END_TEST;

/* A real device, up to where it would be mapped: here it is not, for the
 * picture lies where no BAR of any machine can be, twice over */
GST_START_TEST (test_too_small_for)
{
  g_autofree char *slot = first_slot ();
  const MmioLayout picture = test_picture ("RGB", 640, 480,
      (guint64) 1 << 63, 0);
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  MmioDevice *device;
  g_autofree char *id = NULL;
  GError *error = NULL;
  gint bar = -1;

  if (!slot)
    return;

  device = open_text (slot, &error);
  fail_unless (device != NULL, "%s", error ? error->message : "");
  fail_unless_equals_string (mmio_device_get_address (device), slot);
  fail_unless_equals_string (mmio_device_get_access_name (device), "sysfs");
  id = g_strdup_printf ("[%04x:%04x]", read_id (slot, "vendor"),
      read_id (slot, "device"));
  fail_unless (g_str_has_suffix (mmio_device_get_name (device), id), "%s",
      mmio_device_get_name (device));

  /* QEMU's displays can tell, others cannot */
  if (strcmp (id, "[1234:1111]") != 0) {
    fail_if (mmio_describe (device, &bar, &spec, NULL, &error));
    check_error (&error, MMIO_ERROR_SETTINGS, slot, id, "Set width", NULL);
  }

  fail_unless (mmio_device_map (device, &bar, &picture,
          MMIO_MAPPING_AUTO, &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "9223372036855697408", slot, NULL);
  mmio_device_unref (device);
}

GST_END_TEST;

/* --- Resource files ------------------------------------------------------- */

static const char *const no_resources[] = {
  "/", "/dev/null", "/etc/passwd", "/proc/self/maps", "/sys/devices",
  "/nowhere/resource0", "resource0", "",
  "/sys/devices/pci0000:00/0000:ff:1f.7/resource0",
};

GST_START_TEST (test_no_resource)
{
  g_autofree char *file = temp_file ("resource0", (guint8 *) "x", 1);
  MmioAddress address;
  MmioMapping mapping;
  gint bar;

  for (guint i = 0; i < G_N_ELEMENTS (no_resources); i++)
    fail_if (mmio_sysfs_parse_path (no_resources[i], &address, &bar,
            &mapping, NULL), "%s", no_resources[i]);

  /* The right name in the wrong place */
  fail_if (mmio_sysfs_parse_path (file, &address, &bar, &mapping, NULL));
}

GST_END_TEST;

static Suite *
device_suite (void)
{
  Suite *s = suite_create ("lib-device");
  TCase *tc = add_case (s, "describe");

  tcase_add_test (tc, test_getters);
  tcase_add_test (tc, test_references);
  tcase_add_test (tc, test_cannot_tell);
  tcase_add_test (tc, test_can_tell);
  tcase_add_test (tc, test_fixed_bar);

  tc = add_case (s, "bar");
  tcase_add_loop_test (tc, test_choice, 0, G_N_ELEMENTS (choices));
  tcase_add_test (tc, test_no_bars);
  tcase_add_test (tc, test_without_bars);
  tcase_add_test (tc, test_extent);
  tcase_add_test (tc, test_map_fails);
  tcase_add_test (tc, test_region_keeps_device);
  tcase_add_test (tc, test_map_fd_fails);

  tc = add_case (s, "pci");
  tcase_add_test (tc, test_no_such_id);
  tcase_add_test (tc, test_no_such_slot);
  tcase_add_test (tc, test_look_up_in_threads);
  tcase_add_test (tc, test_too_small_for);

  tc = add_case (s, "resource");
  tcase_add_unchecked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_test (tc, test_no_resource);

  return s;
}

GST_CHECK_MAIN (device);
