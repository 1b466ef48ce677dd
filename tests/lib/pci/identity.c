/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a device on a bus that does not exist is still the one that was
 * opened.
 */
#include "fixtures/bus.h"
#include "pci/mmioidentity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const Device device = { "0000:03:00.0", 0x10ee, 0x7024,
  {{0xfd000000, 65536, MEMORY}, {0, 0, 0}, {0x1fe000000, 65536, MEMORY}}
};

/* Where a register of the configuration is, and what is there at first */
#define COMMAND 4
#define BAR0 0x10
#define BAR1 0x14
#define BAR2 0x18
#define BAR2_HIGH 0x1c

static const struct
{
  guint offset;
  guint32 value;
} registers[] = {
  {COMMAND, 0x00100006},
  {BAR0, 0xfd000000},
  {BAR1, 0x0000c001},
  {BAR2, 0xfe000004},
  {BAR2_HIGH, 0x1},
};

/* A pread() that fails from some read on, as those of a device's attributes do
 * after it was removed */
static guint n_reads_left;
static int pread_errnum;

ssize_t __real_pread (int, void *, size_t, off_t);
ssize_t __wrap_pread (int, void *, size_t, off_t);
ssize_t __real_pread64 (int, void *, size_t, off_t);
ssize_t __wrap_pread64 (int, void *, size_t, off_t);

ssize_t
__wrap_pread (int fd, void *data, size_t size, off_t offset)
{
  if (pread_errnum == 0 || n_reads_left-- > 0)
    return __real_pread (fd, data, size, offset);
  n_reads_left = 0;
  errno = pread_errnum;
  return -1;
}

ssize_t
__wrap_pread64 (int fd, void *data, size_t size, off_t offset)
{
  return __wrap_pread (fd, data, size, offset);
}

/* Into a file that somebody has open: a new one would be another one */
static void
overwrite (const char *name, gconstpointer data, gsize size)
{
  g_autofree char *path = device_file (device.slot, name);
  const int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

  fail_unless (fd >= 0 && write (fd, data, size) == (gssize) size);
  close (fd);
}

static void
put_power (const char *state)
{
  overwrite ("power_state", state, strlen (state));
}

static void
put_register (guint offset, guint32 value)
{
  g_autofree char *path = device_file (device.slot, "config");
  g_autofree guint8 *config = NULL;
  gsize size;

  fail_unless (g_file_get_contents (path, (char **) &config, &size, NULL));
  GST_WRITE_UINT32_LE (config + offset, value);
  overwrite ("config", config, size);
}

/* That is captured */
static gint bar;

static MmioIdentity *
identity_new (gint captured)
{
  MmioIdentity *identity;

  bar = captured;

  make_bus ();
  put_device (&device);
  for (guint i = 0; i < G_N_ELEMENTS (registers); i++)
    put_register (registers[i].offset, registers[i].value);
  put_power ("D0\n");

  identity = mmio_identity_new (device.slot, NULL);
  fail_unless (identity != NULL);
  fail_unless (mmio_identity_check (identity, bar, NULL));

  return identity;
}

static void
check_gone (const MmioIdentity * identity, const char *word)
{
  GError *error = NULL;

  fail_if (mmio_identity_check (identity, bar, &error), "%s", word);
  check_error (&error, MMIO_ERROR_GONE, device.slot, word, NULL);
}

static const struct
{
  guint bar;
  guint offset;
  guint32 value;
  const char *word;             /* NULL: still the same */
} changes[] = {
  {0, COMMAND, 0x00100000, "setpci"},
  {0, COMMAND, 0x00100005, "setpci"},
  {0, COMMAND, 0xffffffff, "it does not answer any more; if "},
  /* A bus master, or an interrupt, or an error that it has noted */
  {0, COMMAND, 0x00100002, NULL},
  {0, COMMAND, 0xf9180407, NULL},
  {0, BAR0, 0xfc000000, "BAR 0"},
  {0, BAR0, 0, "BAR 0"},
  {0, BAR1, 0x0000d001, NULL},
  {0, BAR2, 0xfc000004, NULL},
  {2, BAR2, 0xfc000004, "BAR 2"},
  {2, BAR2_HIGH, 0x2, "BAR 2"},
  {2, BAR0, 0xfc000000, NULL},
};

GST_START_TEST (test_changes)
{
  g_autoptr (MmioIdentity) identity = identity_new (changes[__i__].bar);
  GError *error = NULL;

  put_register (changes[__i__].offset, changes[__i__].value);
  if (changes[__i__].word)
    check_gone (identity, changes[__i__].word);
  else
    fail_unless (mmio_identity_check (identity, bar, &error), "%s",
        error ? error->message : "");

  /* And back */
  for (guint i = 0; i < G_N_ELEMENTS (registers); i++)
    put_register (registers[i].offset, registers[i].value);
  fail_unless (mmio_identity_check (identity, bar, NULL));
}

GST_END_TEST;

GST_START_TEST (test_asleep)
{
  g_autoptr (MmioIdentity) identity = identity_new (0);

  put_power ("D3hot\n");
  check_gone (identity, "power/control");
  put_power ("D3cold\n");
  check_gone (identity, "power/control");
  put_power ("D1\n");
  fail_unless (mmio_identity_check (identity, bar, NULL));
  put_power ("unknown\n");
  fail_unless (mmio_identity_check (identity, bar, NULL));
}

GST_END_TEST;

/* Kernels that do not tell */
GST_START_TEST (test_no_power_state)
{
  g_autoptr (MmioIdentity) identity = NULL;
  g_autofree char *path = NULL;

  mmio_identity_free (identity_new (0));
  path = device_file (device.slot, "power_state");
  fail_unless (unlink (path) == 0);
  identity = mmio_identity_new (device.slot, NULL);
  fail_unless (mmio_identity_check (identity, bar, NULL));
}

GST_END_TEST;

/* Whichever read it is that finds it out */
GST_START_TEST (test_removed)
{
  g_autoptr (MmioIdentity) identity = identity_new (0);

  pread_errnum = ENODEV;
  n_reads_left = __i__;
  check_gone (identity, __i__ < 2 ? "it was unplugged" : "BAR 0");
  pread_errnum = 0;
}

GST_END_TEST;

/* What was opened in time is not what is there under its name later */
GST_START_TEST (test_replaced)
{
  g_autoptr (MmioIdentity) identity = identity_new (0);
  g_autofree char *path = device_file (device.slot, "config");
  g_autofree char *old = device_file (device.slot, "old");

  fail_unless (rename (path, old) == 0);
  put_config (&device, 0, 64);
  fail_unless (mmio_identity_check (identity, bar, NULL));
  fail_unless (rename (old, path) == 0);
}

GST_END_TEST;

/* --- A virtual function --------------------------------------------------- */

#define PHYSICAL "0000:02:00.0"
#define NUMVFS DEVICES "/" PHYSICAL "/sriov_numvfs"

static MmioIdentity *
virtual_new (void)
{
  MmioIdentity *identity;

  bar = 2;
  make_bus ();
  put_device (&device);
  put_physical (&device, PHYSICAL);
  identity = mmio_identity_new (device.slot, NULL);
  fail_unless (identity != NULL);

  return identity;
}

/* The bit of memory decoding is another one's */
GST_START_TEST (test_virtual)
{
  static const guint32 there[] = { 0, 0x00100000, 0x00100004, 0x00100002,
    0xffff0000, 0x0000ffff
  };
  g_autoptr (MmioIdentity) identity = virtual_new ();

  for (guint i = 0; i < G_N_ELEMENTS (there); i++) {
    put_register (COMMAND, there[i]);
    fail_unless (mmio_identity_check (identity, bar, NULL), "%08x", there[i]);
  }

  put_power ("D0\n");
  put_register (COMMAND, 0xffffffff);
  check_gone (identity, "check its physical function " PHYSICAL " with");
}

GST_END_TEST;

GST_START_TEST (test_virtual_removed)
{
  g_autoptr (MmioIdentity) identity = virtual_new ();

  pread_errnum = ENODEV;
  check_gone (identity, "cat " NUMVFS);
  pread_errnum = 0;
}

GST_END_TEST;

static gboolean
has_ids (const MmioIdentity * identity, guint vendor, guint id)
{
  int errnum = -1;
  const gboolean ret = mmio_identity_has_ids (identity, vendor, id, &errnum);

  fail_unless_equals_int (errnum, 0);
  return ret;
}

static void
check_ids (const MmioIdentity * identity)
{
  fail_unless (has_ids (identity, device.vendor, device.device));
  fail_if (has_ids (identity, device.vendor + 1, device.device));
  fail_if (has_ids (identity, device.vendor, device.device + 1));
}

GST_START_TEST (test_ids)
{
  g_autoptr (MmioIdentity) identity = identity_new (0);

  put_config (&device, 0x0002, 64);
  check_ids (identity);
}

GST_END_TEST;

/* What the kernel says of it counts only if it was of the one that was opened */
GST_START_TEST (test_virtual_ids)
{
  g_autoptr (MmioIdentity) identity = virtual_new ();

  check_ids (identity);
  fail_if (has_ids (identity, 0xffff, 0xffff));

  pread_errnum = ENODEV;
  fail_if (has_ids (identity, device.vendor, device.device));
  pread_errnum = 0;

  put (device.slot, "vendor", "0x1af4\n", -1);
  fail_if (has_ids (identity, device.vendor, device.device));
  unplug_device (&device);
  fail_if (has_ids (identity, device.vendor, device.device));
}

GST_END_TEST;

GST_START_TEST (test_none)
{
  GError *error = NULL;
  guint fds;

  make_bus ();
  put_device (&device);
  fds = count_fds ();

  fail_unless (mmio_identity_new ("0000:04:00.0", &error) == NULL);
  check_error (&error, MMIO_ERROR_FAILED, "0000:04:00.0", "lspci", NULL);
  put (device.slot, "config", "", 0);
  fail_unless (mmio_identity_new (device.slot, &error) == NULL);
  check_error (&error, MMIO_ERROR_FAILED, device.slot, "lspci", NULL);
  fail_unless_equals_int (count_fds (), fds);
}

GST_END_TEST;

static Suite *
identity_suite (void)
{
  Suite *s = suite_create ("lib-identity");
  TCase *tc = add_case (s, "identity");

  tcase_add_loop_test (tc, test_changes, 0, G_N_ELEMENTS (changes));
  tcase_add_test (tc, test_asleep);
  tcase_add_test (tc, test_no_power_state);
  tcase_add_loop_test (tc, test_removed, 0, 3);
  tcase_add_test (tc, test_replaced);
  tcase_add_test (tc, test_ids);
  tcase_add_test (tc, test_virtual);
  tcase_add_test (tc, test_virtual_removed);
  tcase_add_test (tc, test_virtual_ids);
  tcase_add_test (tc, test_none);

  return s;
}

int
main (int argc, char **argv)
{
  return run_on_bus (argc, argv, identity_suite, "identity", __FILE__);
}
