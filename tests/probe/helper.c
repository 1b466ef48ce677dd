/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <glib/gstdio.h>


static void
check_words_valist (const char *text, va_list args)
{
  const char *word;

  while ((word = va_arg (args, const char *)))
  {
    if (!strstr (text, word))
      g_error ("'%s' does not say '%s'", text, word);
  }
}

void
check_words (const char *text, ...)
{
  va_list args;

  va_start (args, text);
  check_words_valist (text, args);
  va_end (args);
}

void
check_error (GError ** error, MmioErrorCode code, ...)
{
  va_list args;

  g_assert_error (*error, MMIO_ERROR, (gint) code);
  g_test_message ("%s", (*error)->message);
  g_assert_null (strpbrk ((*error)->message, "\n\r\t"));

  va_start (args, code);
  check_words_valist ((*error)->message, args);
  va_end (args);

  g_clear_error (error);
}

char *
write_file (const char *directory, const char *name, const char *text)
{
  char *path = g_build_filename (directory, name, NULL);
  g_autofree char *above = g_path_get_dirname (path);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (above, 0700), ==, 0);
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);

  return path;
}

void
remove_tree (const char *directory)
{
  g_autoptr (GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (directory, name, NULL);

    if (g_file_test (path, G_FILE_TEST_IS_DIR) &&
        !g_file_test (path, G_FILE_TEST_IS_SYMLINK))
      remove_tree (path);
    else
      g_unlink (path);
  }
  g_rmdir (directory);
}

static MmioRegion *
fake_map (MmioDevice * device, guint bar, guint64 offset, gsize length,
    MmioMapping wanted, GError ** error)
{
  FakeDevice *fake = (FakeDevice *) device;

  /* Whoever maps must have let go of the map before: it would spoil this one */
  g_assert_cmpint (device->ref_count, ==, 1);

  if (wanted == MMIO_MAPPING_WRITE_COMBINING && fake->refuse_wc) {
    mmio_set_error (error, MMIO_ERROR_FAILED, "No such map today.");
    return NULL;
  }

  fake->n_maps++;
  fake->last = mmio_device_map_fd (device, fake->fd[bar], offset, length,
      wanted == MMIO_MAPPING_WRITE_COMBINING && fake->downgrade_wc ?
      MMIO_MAPPING_UNCACHED : wanted);
  return fake->last;
}

static gboolean
fake_check (MmioDevice * device, guint bar, GError ** error)
{
  if (((FakeDevice *) device)->is_off)
    mmio_set_error (error, MMIO_ERROR_GONE, "%s is off.", device->address);
  return !((FakeDevice *) device)->is_off;
}

static void
fake_free (MmioDevice * device)
{
  FakeDevice *fake = (FakeDevice *) device;

  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    if (fake->fd[i] >= 0)
      close (fake->fd[i]);
  }
  g_free (fake);
}

static const MmioBackend fake_backend = {
  .name = "fake",
  .has_bars = TRUE,
  .map = fake_map,
  .check = fake_check,
  .free = fake_free,
};

/* As of PCI devices that are in no table */
static const MmioBackend fake_header_backend = {
  .name = "fake",
  .has_bars = TRUE,
  .header_place = MMIO_HEADER_IN_BAR,
  .map = fake_map,
  .check = fake_check,
  .free = fake_free,
};

void
fake_allow_header (FakeDevice * fake)
{
  fake->parent.backend = &fake_header_backend;
}

FakeDevice *
fake_new (void)
{
  FakeDevice *fake = g_new0 (FakeDevice, 1);

  mmio_device_init (&fake->parent, &fake_backend, g_strdup ("fake <device>"),
      g_strdup ("0000:03:00.0"));
  for (guint i = 0; i < MMIO_MAX_BARS; i++)
    fake->fd[i] = -1;

  return fake;
}

void
fake_add_bar (FakeDevice * fake, guint bar, guint64 size,
    gboolean is_prefetchable)
{
  fake->fd[bar] = memfd_create ("bar", MFD_CLOEXEC);
  g_assert_cmpint (fake->fd[bar], >=, 0);
  g_assert_cmpint (ftruncate (fake->fd[bar], size), ==, 0);
  fake->parent.bar[bar].size = size;
  fake->parent.bar[bar].is_prefetchable = is_prefetchable;
}

void
fake_add_io (FakeDevice * fake, guint bar, guint64 size)
{
  fake->parent.bar[bar].size = size;
  fake->parent.bar[bar].is_io = TRUE;
}

static void
map_free (MmioProbeMap * map)
{
  g_free (map->skipped);
  g_ptr_array_unref (map->results);
  g_free (map);
}

MmioProbeReport *
report_new (const MmioProbeConfig * config)
{
  MmioProbeReport *report = g_new0 (MmioProbeReport, 1);

  report->config = config;
  report->address = g_strdup ("0000:03:00.0");
  report->name = g_strdup ("A <strange> \"device\" & more [1af4:1110]");
  report->access = "sysfs";
  report->bar = 2;
  report->bar_size = 16 << 20;
  report->is_prefetchable = TRUE;
  report->length = 921600;
  report->rounds = 5;
  report->maps = g_ptr_array_new_with_free_func ((GDestroyNotify) map_free);

  return report;
}

MmioProbeMap *
add_map (MmioProbeReport * report, MmioMapping requested, MmioMapping obtained)
{
  MmioProbeMap *map = g_new0 (MmioProbeMap, 1);

  map->requested = requested;
  map->obtained = obtained;
  map->results =
      g_ptr_array_new_with_free_func ((GDestroyNotify) mmio_probe_result_free);
  g_ptr_array_add (report->maps, map);

  return map;
}

/* @rate 0: skipped */
MmioProbeResult *
add_result (MmioProbeMap * map, const char *name, gboolean is_engine,
    double rate)
{
  MmioProbeResult *result = g_new0 (MmioProbeResult, 1);

  result->name = name;
  result->is_engine = is_engine;
  result->load_bytes = 8;
  result->rate = result->slowest = result->fastest = rate;
  if (rate == 0)
    result->skipped = g_strdup ("for no reason");
  g_ptr_array_add (map->results, result);

  return result;
}
