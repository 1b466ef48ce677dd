/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Device memory as a dma-buf, as far as it goes without a kernel that makes
 * one: which pages, of which memory, and what is in the way.
 */
#include "fixtures/bus.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "backends/mmioopen.h"
#include "describe/mmiodescribe.h"
#include "device/mmiobackend.h"
#include "dmabuf/mmioudmabuf.h"

#define NODE "/dev/udmabuf"
#define DAEMON_GROUP 1          /* of every Debian: base-passwd */
#define LIMIT_DIR "/sys/module/udmabuf/parameters"
#define LIMIT LIMIT_DIR "/size_limit_mb"

/* Which pages */

static guint exported_bar;
static guint64 exported_offset, exported_length;

static int
note_export (MmioDevice * device, guint bar, guint64 offset, guint64 length,
    GError ** error)
{
  exported_bar = bar;
  exported_offset = offset;
  exported_length = length;
  return 12345;
}

static void
check_pages (guint64 start, guint64 end, guint64 page_from, guint64 n)
{
  const MmioBackend backend = {.name = "fake",.export = note_export };
  const MmioLayout picture = {.start = start,.end = end };
  const guint64 page = page_size ();
  MmioDevice device = {.backend = &backend };
  GError *error = NULL;
  guint skip = 1234567;

  fail_unless_equals_int (mmio_device_export (&device, 2, &picture, &skip,
          &error), 12345);
  fail_unless (error == NULL);
  fail_unless_equals_int (exported_bar, 2);
  fail_unless_equals_uint64 (exported_offset, page_from * page);
  fail_unless_equals_uint64 (exported_length, n * page);
  fail_unless_equals_uint64 (skip, start - page_from * page);
}

GST_START_TEST (test_pages)
{
  const guint64 page = page_size ();
  const guint64 far = 1 << 28;

  check_pages (0, 1, 0, 1);
  check_pages (0, page, 0, 1);
  check_pages (0, page + 1, 0, 2);
  check_pages (page - 1, page, 0, 1);
  check_pages (page - 1, page + 1, 0, 2);
  check_pages (page, page + 1, 1, 1);
  check_pages (page + 3, 3 * page, 1, 2);
  /* Beyond what 32 bits can say */
  check_pages (far * page + 5, far * page + 6, far, 1);
}

GST_END_TEST;

/* Who can make none */

static MmioDevice *
open_device (const char *text)
{
  g_auto (MmioAddress) address = { 0, };
  GError *error = NULL;
  MmioDevice *device;

  fail_unless (mmio_address_parse (&address, text, NULL), "%s", text);
  device = mmio_device_open (&address, MMIO_ACCESS_AUTO, &error);
  fail_unless (device != NULL, "%s", error ? error->message : "");
  return device;
}

static void
check_fails (MmioDevice * device, guint64 size, MmioErrorCode code,
    const char *word, const char *other_word)
{
  const MmioLayout picture = {.start = 0,.end = size };
  const guint fds = count_fds ();
  GError *error = NULL;
  guint skip = 1234567;

  fail_unless_equals_int (mmio_device_export (device, 0, &picture, &skip,
          &error), -1);
  check_error (&error, code, word, other_word, NULL);
  fail_unless_equals_int (mmio_device_export (device, 0, &picture, &skip,
          NULL), -1);
  fail_unless_equals_int (skip, 1234567);
  fail_unless_equals_int (count_fds (), fds);
}

GST_START_TEST (test_sysfs)
{
  const Device card = {
    "0000:03:00.0", 0xdead, 0xbeef, {{0xfd000000, 8192, MEMORY}}
  };
  g_autoptr (MmioDevice) device = NULL;

  make_bus ();
  put_device (&card);
  device = open_device ("03:00.0");
  check_fails (device, 100, MMIO_ERROR_SETTINGS, "0000:03:00.0: sysfs does not "
      "support it", "access=vfio");
}

GST_END_TEST;

/* Memory that is somebody else's: what the kernel's driver takes */
GST_START_TEST (test_seals)
{
  const struct
  {
    int seals;
    gboolean can;
  } cases[] = {
    {0, FALSE}, {F_SEAL_GROW, FALSE}, {F_SEAL_SHRINK, TRUE},
    {F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, TRUE},
    {F_SEAL_SHRINK | F_SEAL_WRITE, FALSE},
    {F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE, FALSE},
  };

  fail_unless (enter_namespace (), "%s", g_strerror (errno));
  fail_unless (mount ("mmiocheck-dev", "/dev", "tmpfs", 0, "") == 0);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gboolean can;
    int fd = memfd_create ("mmiocheck", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
    g_autoptr (MmioDevice) device = NULL;

    fail_unless (fd >= 0 && ftruncate (fd, 4 * page_size ()) == 0);
    fail_unless (fcntl (fd, F_ADD_SEALS, cases[i].seals) == 0);
    fail_unless_equals_int (mmio_udmabuf_can_share (fd, &can), 0);
    fail_unless_equals_int (can, cases[i].can);

    device = open_device (path);
    if (cases[i].can)
      check_fails (device, 100, MMIO_ERROR_NOT_FOUND, NODE, path);
    else
      check_fails (device, 100, MMIO_ERROR_SETTINGS, path, "it is not a memfd "
          "with F_SEAL_SHRINK and without F_SEAL_WRITE");
    close (fd);
  }

  /* Those who never take a seal */
  fail_unless (g_file_set_contents ("/dev/file", "memory", 6, NULL));
  {
    g_autoptr (MmioDevice) device = open_device ("/dev/file");

    check_fails (device, 6, MMIO_ERROR_SETTINGS, "/dev/file: it is not a memfd",
        "io-mode=copy");
  }
}

GST_END_TEST;

/* A simulated device of one MiB and a bit that is on, in a /dev and a /sys of
 * its own */
#define SIM_WIDTH 1024
#define SIM_HEIGHT 1025
#define SIM_SIZE (SIM_WIDTH * SIM_HEIGHT)

static MmioDevice *
make_sim (MmioRegion ** region)
{
  MmioDevice *device;
  MmioSpec spec = test_spec ("GRAY8", SIM_WIDTH, SIM_HEIGHT, 0, 0);
  MmioLayout picture;
  gint bar = -1;

  fail_unless (enter_namespace (), "%s", g_strerror (errno));
  fail_unless (mount ("mmiocheck-dev", "/dev", "tmpfs", 0, "") == 0);

  device = open_device ("sim");
  fail_unless (mmio_describe (device, &bar, &spec, NULL, NULL));
  fail_unless (mmio_layout_init (&picture, &spec, NULL));
  *region = mmio_device_map (device, &bar, &picture, MMIO_MAPPING_AUTO, NULL);
  fail_unless (*region != NULL);
  return device;
}

static void
put_limit (const char *text)
{
  fail_unless (g_mkdir_with_parents (LIMIT_DIR, 0755) == 0);
  fail_unless (g_file_set_contents (LIMIT, text, -1, NULL));
}

/* A file of which the last page is not all there */
GST_START_TEST (test_partial_page)
{
  const int fd = memfd_create ("mmiocheck", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree char *advice = g_strdup_printf ("make it %u bytes long",
      2 * (guint) page_size ());
  g_autoptr (MmioDevice) device = NULL;

  fail_unless (fd >= 0 && ftruncate (fd, page_size () + 100) == 0);
  fail_unless (fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  device = open_device (path);
  check_fails (device, page_size () + 100, MMIO_ERROR_SETTINGS, path, advice);
  close (fd);
}

GST_END_TEST;

GST_START_TEST (test_no_driver)
{
  g_autoptr (MmioRegion) region = NULL;
  g_autoptr (MmioDevice) device = make_sim (&region);

  check_fails (device, SIM_SIZE, MMIO_ERROR_NOT_FOUND, "Cannot open " NODE,
      "sudo modprobe udmabuf");

  /* What else it can be */
  fail_unless (g_mkdir (NODE, 0755) == 0);
  check_fails (device, SIM_SIZE, MMIO_ERROR_FAILED, NODE ", which",
      "Cannot open /dev/udmabuf");
  fail_unless (g_rmdir (NODE) == 0);
  fail_unless (g_file_set_contents (NODE, "", 0, NULL));
  check_fails (device, SIM_SIZE, MMIO_ERROR_FAILED, "memory of sim",
      "io-mode=copy");
}

GST_END_TEST;

GST_START_TEST (test_not_permitted)
{
  g_autoptr (MmioRegion) region = NULL;
  g_autoptr (MmioDevice) device = make_sim (&region);

  fail_unless (g_file_set_contents (NODE, "", 0, NULL));
  fail_unless (g_chmod (NODE, 0600) == 0);
  if (seteuid (65534) < 0) {
    g_print ("SKIP: there is only root in this namespace; run this as root to "
        "see what others may not\n");
    return;
  }
  check_fails (device, SIM_SIZE, MMIO_ERROR_NOT_PERMITTED, "Cannot read "
      "and write " NODE
      ", which makes dma-bufs of memory such as that of sim: ",
      "sudo chgrp video " NODE " && sudo chmod g+rw " NODE);
  fail_unless (seteuid (0) == 0);

  /* A group that may only read is not advised */
  fail_unless (chown (NODE, 0, DAEMON_GROUP) == 0);
  fail_unless (g_chmod (NODE, 0640) == 0 && seteuid (65534) == 0);
  check_fails (device, SIM_SIZE, MMIO_ERROR_NOT_PERMITTED,
      "of sim: permission denied; allow it", "sudo chmod g+rw " NODE);
  fail_unless (seteuid (0) == 0 && g_chmod (NODE, 0660) == 0
      && seteuid (65534) == 0);
  check_fails (device, SIM_SIZE, MMIO_ERROR_NOT_PERMITTED,
      "memory such as "
      "that of sim: only the group daemon has access; join it",
      "sudo usermod -aG daemon $USER");
  fail_unless (seteuid (0) == 0);
}

GST_END_TEST;

GST_START_TEST (test_limit)
{
  g_autoptr (MmioRegion) region = NULL;
  g_autoptr (MmioDevice) device = make_sim (&region);

  put_limit ("1\n");
  check_fails (device, SIM_SIZE, MMIO_ERROR_SETTINGS, "Cannot export "
      "the 2 MiB of sim as a dma-buf: the kernel allows only 1;",
      "echo 2 | sudo tee " LIMIT);

  /* Not more, and what nobody understands is left to the kernel */
  check_fails (device, 1 << 20, MMIO_ERROR_NOT_FOUND, NODE, "modprobe");
  put_limit ("2\n");
  check_fails (device, SIM_SIZE, MMIO_ERROR_NOT_FOUND, NODE, "modprobe");
  put_limit ("(none)\n");
  check_fails (device, SIM_SIZE, MMIO_ERROR_NOT_FOUND, NODE, "modprobe");
}

GST_END_TEST;

static Suite *
export_suite (void)
{
  Suite *s = suite_create ("lib-export");
  TCase *tc = add_case (s, "export");

  tcase_add_test (tc, test_pages);
  tcase_add_test (tc, test_sysfs);
  tcase_add_test (tc, test_seals);
  tcase_add_test (tc, test_partial_page);
  tcase_add_test (tc, test_no_driver);
  tcase_add_test (tc, test_not_permitted);
  tcase_add_test (tc, test_limit);

  return s;
}

int
main (int argc, char **argv)
{
  return run_on_bus (argc, argv, export_suite, "export", __FILE__);
}
