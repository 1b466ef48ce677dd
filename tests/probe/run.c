/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper.h"

#include "backends/mmioopen.h"

#define MIB (1024 * 1024)

/* Long enough for a look at the clock */
#define SECONDS 0.01

static MmioProbeConfig
config_of (gint bar)
{
  MmioProbeConfig config = {.device = "03:00.0",.bar = bar,.rate = 50,
    .seconds = SECONDS
  };

  return config;
}

/* As many devices have it: registers, their doorbells, the memory */
static FakeDevice *
fake_new_usual (void)
{
  FakeDevice *fake = fake_new ();

  fake_add_bar (fake, 0, MIB, FALSE);
  fake_add_io (fake, 1, 256);
  fake_add_bar (fake, 2, 4096, TRUE);
  fake_add_bar (fake, 4, MIB, TRUE);

  return fake;
}

static MmioProbeReport *
run (FakeDevice * fake, const MmioProbeConfig * config)
{
  g_autoptr (GError) error = NULL;
  MmioProbeReport *report = mmio_probe_run (config, &fake->parent, NULL, NULL,
      &error);

  g_assert_no_error (error);
  g_assert_nonnull (report);
  g_assert_cmpint (fake->parent.ref_count, ==, 1);
  return report;
}

/* It says no, and nothing was mapped */
static void
refuse (FakeDevice * fake, const MmioProbeConfig * config, const char *word,
    const char *other)
{
  GError *error = NULL;
  const guint n_maps = fake->n_maps;

  g_assert_null (mmio_probe_run (config, &fake->parent, NULL, NULL, &error));
  g_assert_cmpint (error->domain, ==, MMIO_ERROR);
  check_error (&error, error->code, word, other, NULL);
  g_assert_cmpuint (fake->n_maps, ==, n_maps);
}

static const MmioProbeMap *
get_map (const MmioProbeReport * report, guint n)
{
  g_assert_cmpuint (n, <, report->maps->len);
  return g_ptr_array_index (report->maps, n);
}

static guint
count_measured (const MmioProbeMap * map)
{
  guint n = 0;

  for (guint i = 0; i < map->results->len; i++) {
    const MmioProbeResult *result = g_ptr_array_index (map->results, i);

    n += result->skipped == NULL;
  }

  return n;
}

/* Without a BAR: the first that is safe, in both its maps, one at a time
 * (fake_map() looks) */
static void
test_choice (void)
{
  FakeDevice *fake = fake_new_usual ();
  const MmioProbeConfig config = config_of (-1);
  g_autoptr (MmioProbeReport) report = NULL;

  fake_allow_header (fake);
  report = run (fake, &config);
  g_assert_cmpint (report->bar, ==, 4);
  g_assert_cmpuint (report->bar_size, ==, MIB);
  g_assert_true (report->is_prefetchable);
  g_assert_cmpuint (report->offset, ==, 0);
  g_assert_cmpuint (report->length, ==, MIB);
  g_assert_false (report->has_frame);
  g_assert_cmpstr (report->access, ==, "fake");

  g_assert_cmpuint (report->maps->len, ==, 2);
  g_assert_cmpint (get_map (report, 0)->obtained, ==, MMIO_MAPPING_UNCACHED);
  g_assert_cmpint (get_map (report, 1)->obtained, ==,
      MMIO_MAPPING_WRITE_COMBINING);
  /* And a look for a header */
  g_assert_cmpuint (fake->n_maps, ==, 3);
  mmio_device_unref (&fake->parent);
}

static void
test_refusals (void)
{
  FakeDevice *fake = fake_new_usual ();
  MmioProbeConfig config = config_of (0);

  fake_allow_header (fake);
  refuse (fake, &config, "BAR 0 of 0000:03:00.0: it is not prefetchable",
      "--force");
  config.bar = 2;
  refuse (fake, &config, "BAR 2 of 0000:03:00.0: it has only 4096 bytes",
      "--force");
  config.bar = 1;
  refuse (fake, &config, "BAR 1 of 0000:03:00.0: it is a range of I/O ports",
      "memory BAR");
  config.force = TRUE;
  refuse (fake, &config, "BAR 1 of 0000:03:00.0: it is a range of I/O ports",
      "memory BAR");
  config.bar = 3;
  refuse (fake, &config, "no BAR 3", "BAR 4");
  config.bar = 4;
  config.spec.format = *mmio_format_find ("BGRx");
  config.spec.width = 800;
  config.spec.height = 600;
  refuse (fake, &config, "the frame of 800x600 BGRx", "has only 1048576");
  mmio_device_unref (&fake->parent);

  /* None that is safe: it refuses the first */
  fake = fake_new ();
  fake_add_io (fake, 0, 128);
  fake_add_bar (fake, 1, 4096, FALSE);
  config = config_of (-1);
  refuse (fake, &config, "BAR 1", "--bar 1 --force");
  config.force = TRUE;
  refuse (fake, &config, "BAR 1", "--bar 1 --force");
  mmio_device_unref (&fake->parent);

  fake = fake_new ();
  refuse (fake, &config, "has no memory BAR", "mmiovid-probe");
  mmio_device_unref (&fake->parent);
}

static void
test_force (void)
{
  FakeDevice *fake = fake_new_usual ();
  MmioProbeConfig config = config_of (0);
  MmioProbeReport *report;

  config.force = TRUE;
  report = run (fake, &config);
  g_assert_cmpint (report->bar, ==, 0);
  g_assert_false (report->is_prefetchable);
  g_assert_cmpuint (report->maps->len, ==, 1);
  g_assert_cmpint (get_map (report, 0)->requested, ==, MMIO_MAPPING_UNCACHED);
  mmio_probe_report_free (report);

  /* Without a number it goes for the safe one all the same */
  config.bar = -1;
  report = run (fake, &config);
  g_assert_cmpint (report->bar, ==, 4);
  mmio_probe_report_free (report);

  /* The path of a resource file has the number in it */
  fake->parent.fixed_bar = 0;
  report = run (fake, &config);
  g_assert_cmpint (report->bar, ==, 0);
  mmio_probe_report_free (report);
  mmio_device_unref (&fake->parent);
}

static void
test_virtual (void)
{
  FakeDevice *fake = fake_new_usual ();
  MmioProbeConfig config = config_of (4);
  MmioProbeReport *report;
  guint all;

  report = run (fake, &config);
  all = count_measured (get_map (report, 0));
  mmio_probe_report_free (report);

  config.is_virtual = TRUE;
  report = run (fake, &config);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpuint (count_measured (get_map (report, i)), ==,
        sizeof (gpointer) == 8 ? 4 : 3);
  mmio_probe_report_free (report);

  config.force = TRUE;
  report = run (fake, &config);
  g_assert_cmpuint (count_measured (get_map (report, 0)), ==, all);
  mmio_probe_report_free (report);
  mmio_device_unref (&fake->parent);
}

/* Write-combining that cannot be had is told, and no reason to give up */
static void
test_write_combining (void)
{
  FakeDevice *fake = fake_new_usual ();
  const MmioProbeConfig config = config_of (4);
  MmioProbeReport *report;

  fake->refuse_wc = TRUE;
  report = run (fake, &config);
  g_assert_cmpuint (report->maps->len, ==, 2);
  g_assert_cmpint (get_map (report, 1)->requested, ==,
      MMIO_MAPPING_WRITE_COMBINING);
  g_assert_cmpstr (get_map (report, 1)->skipped, ==, "No such map today.");
  g_assert_null (get_map (report, 1)->results);
  mmio_probe_report_free (report);

  fake->refuse_wc = FALSE;
  fake->downgrade_wc = TRUE;
  report = run (fake, &config);
  g_assert_cmpint (get_map (report, 1)->requested, ==,
      MMIO_MAPPING_WRITE_COMBINING);
  g_assert_cmpint (get_map (report, 1)->obtained, ==, MMIO_MAPPING_UNCACHED);
  mmio_probe_report_free (report);
  mmio_device_unref (&fake->parent);
}

/* Only whole lines are measured, and only within the range */
static void
check_range (guint64 offset, guint64 length, guint64 first, gsize bytes)
{
  FakeDevice *fake = fake_new_usual ();
  MmioProbeConfig config = config_of (4);
  g_autoptr (MmioProbeReport) report = NULL;

  config.spec.offset = offset;
  config.length = length;
  report = run (fake, &config);
  g_assert_cmpuint (report->offset, ==, first);
  g_assert_cmpuint (report->length, ==, bytes);
  mmio_device_unref (&fake->parent);
}

static void
test_ranges (void)
{
  FakeDevice *fake = fake_new_usual ();
  MmioProbeConfig config = config_of (4);

  check_range (0, 64, 0, 64);
  check_range (1, 127, 64, 64);
  check_range (63, 193, 64, 192);
  check_range (MIB - 64, 0, MIB - 64, 64);
  check_range (MIB - 100, 100, MIB - 64, 64);
  check_range (4096, 8191, 4096, 8128);

  config.length = MIB + 1;
  refuse (fake, &config, "1048577", "--length");
  config.bar = -1;
  refuse (fake, &config, "1048577", "--length");
  config.spec.offset = MIB;
  config.length = 0;
  refuse (fake, &config, "1048577", "--offset");

  mmio_device_unref (&fake->parent);
}

/* There is no line in it, which only mapping shows; nothing was read */
static void
find_no_line (FakeDevice * fake, const MmioProbeConfig * config,
    const char *word, const char *other)
{
  GError *error = NULL;

  g_assert_null (mmio_probe_run (config, &fake->parent, NULL, NULL, &error));
  check_error (&error, MMIO_ERROR_SETTINGS, word, other, NULL);
}

static void
lose_memory (MmioMapping mapping, const char *what, guint done, guint total,
    gpointer data)
{
  FakeDevice *fake = data;

  if (done == total / 2)
    mmio_region_revoke (fake->last);
}

/* What has gone while it was measured has no rates */
static void
test_gone (void)
{
  FakeDevice *fake = fake_new_usual ();
  const MmioProbeConfig config = config_of (4);
  GError *error = NULL;

  g_assert_null (mmio_probe_run (&config, &fake->parent, lose_memory, fake,
          &error));
  check_error (&error, MMIO_ERROR_GONE, "0000:03:00.0", NULL);
  mmio_device_unref (&fake->parent);
}

typedef struct
{
  FakeDevice *fake;
  MmioMapping mapping;
} Switch;

static void
switch_off (MmioMapping mapping, const char *what, guint done, guint total,
    gpointer data)
{
  const Switch *off = data;

  if (mapping == off->mapping && done == total / 2)
    off->fake->is_off = TRUE;
}

/* A device that is switched off while one of its maps is measured has no rates */
static void
test_off (void)
{
  static const MmioMapping mappings[] = {
    MMIO_MAPPING_UNCACHED, MMIO_MAPPING_WRITE_COMBINING
  };

  for (guint i = 0; i < G_N_ELEMENTS (mappings); i++) {
    FakeDevice *fake = fake_new_usual ();
    const MmioProbeConfig config = config_of (4);
    Switch off = { fake, mappings[i] };
    GError *error = NULL;

    g_assert_null (mmio_probe_run (&config, &fake->parent, switch_off, &off,
            &error));
    check_error (&error, MMIO_ERROR_GONE, "0000:03:00.0 is off", NULL);
    mmio_device_unref (&fake->parent);
  }
}

/* It says what helps, and that does */
static void
test_no_line (void)
{
  FakeDevice *fake = fake_new_usual ();
  MmioProbeConfig config = config_of (4);

  config.spec.offset = 1;
  config.length = 126;
  find_no_line (fake, &config, "range", "Set --length to 127 or more");
  config.length = 127;
  mmio_probe_report_free (run (fake, &config));
  config.spec.offset = 0;
  config.length = 63;
  find_no_line (fake, &config, "range", "Set --length to 64 or more");

  config.length = 0;
  config.spec.width = config.spec.height = 4;
  find_no_line (fake, &config, "frame of 4 x 4", "Increase --width and "
      "--height, or set --length to 64 or more");
  config.length = 64;
  mmio_probe_report_free (run (fake, &config));

  /* No length helps at the end */
  config = config_of (4);
  config.spec.offset = MIB - 63;
  find_no_line (fake, &config, "BAR 4 of 0000:03:00.0",
      "Set --offset to 1048512 or less");
  config.length = 10;
  find_no_line (fake, &config, "byte 1048513", "--offset to 1048512 or less");
  config.spec.offset = 1048512;
  config.length = 0;
  mmio_probe_report_free (run (fake, &config));

  /* And nothing where there is too little */
  fake_add_bar (fake, 5, 32, TRUE);
  config = config_of (5);
  config.force = TRUE;
  find_no_line (fake, &config, "Cannot measure BAR 5 of 0000:03:00.0: it has "
      "32 bytes", "the widest load needs 64");
  config.length = 16;
  find_no_line (fake, &config, "Cannot measure BAR 5 of 0000:03:00.0: it has "
      "32 bytes", "the widest load needs 64");
  mmio_device_unref (&fake->parent);
}

static void
test_picture (void)
{
  FakeDevice *fake = fake_new_usual ();
  MmioProbeConfig config = config_of (-1);
  MmioProbeReport *report;

  config.spec = (MmioSpec) {
  .format = *mmio_format_find ("BGRx"),.width = 100,.height = 10,.offset =
        128,.stride = 512};
  report = run (fake, &config);
  g_assert_true (report->has_frame);
  g_assert_cmpint (report->bar, ==, 4);
  g_assert_cmpuint (report->offset, ==, 128);
  g_assert_cmpuint (report->length, ==, (9 * 512 + 400) / 64 * 64);
  mmio_probe_report_free (report);

  config.spec.height = 0;
  refuse (fake, &config, "Cannot determine the size of the frame",
      "width and height");
  config.spec.height = 5000;
  refuse (fake, &config, "ends at byte", "no memory BAR");
  config.bar = 4;
  refuse (fake, &config, "ends at byte", "BAR 4");
  mmio_device_unref (&fake->parent);
}

static void
test_sim (void)
{
  const MmioAddress address = {.kind = MMIO_ADDRESS_SIM };
  g_autoptr (GError) error = NULL;
  g_autoptr (MmioDevice) device = mmio_device_open (&address, MMIO_ACCESS_AUTO,
      &error);
  MmioProbeConfig config = config_of (-1);
  g_autoptr (MmioProbeReport) report = NULL;

  config.device = "sim";
  config.is_virtual = TRUE;
  report = mmio_probe_run (&config, device, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (report->bar, ==, -1);
  g_assert_true (report->has_frame);
  g_assert_cmpuint (report->length, ==, 640 * 480 * 3);
  g_assert_cmpuint (report->maps->len, ==, 1);
  g_assert_cmpint (get_map (report, 0)->obtained, ==, MMIO_MAPPING_CACHED);
  g_assert_cmpuint (count_measured (get_map (report, 0)), >, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/probe/run/choice", test_choice);
  g_test_add_func ("/probe/run/refusals", test_refusals);
  g_test_add_func ("/probe/run/force", test_force);
  g_test_add_func ("/probe/run/virtual", test_virtual);
  g_test_add_func ("/probe/run/write-combining", test_write_combining);
  g_test_add_func ("/probe/run/ranges", test_ranges);
  g_test_add_func ("/probe/run/gone", test_gone);
  g_test_add_func ("/probe/run/off", test_off);
  g_test_add_func ("/probe/run/no-line", test_no_line);
  g_test_add_func ("/probe/run/picture", test_picture);
  g_test_add_func ("/probe/run/sim", test_sim);
  return g_test_run ();
}
