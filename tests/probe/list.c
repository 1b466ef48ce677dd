/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define ADDRESS "0000:03:00.0"

/* Flags of a line in a device's file "resource" (Linux: ioport.h) */
#define RESOURCE_MEMORY 0x200
#define RESOURCE_PREFETCHABLE 0x2000

static const MmioPciState awake = {.power_state =
      (char *) "D0",.is_decoding = TRUE
};

static const MmioProbeFiles all_files = {.has_file = TRUE,.may_read =
      TRUE,.may_read_wc = TRUE
};

static void
judge (const MmioPciState * state, const MmioProbeFiles * files,
    guint64 base, MmioProbeReach reach, const char *why)
{
  MmioProbeBar bar = {.base = base,.is_prefetchable = TRUE };

  mmio_probe_bar_judge (&bar, state, files);
  g_assert_cmpstr (bar.why, ==, why);
  g_assert_cmpint (bar.reach, ==, reach);
  g_assert_cmpint (bar.write_combining, ==, reach != MMIO_PROBE_REACH_NO &&
      files->may_read_wc);
  g_free (bar.why);
}

static void
test_judge (void)
{
  MmioProbeFiles files = all_files;
  MmioPciState state = awake;

  judge (&awake, &all_files, 4096, MMIO_PROBE_REACH_YES, NULL);
  judge (&awake, &all_files, 0, MMIO_PROBE_REACH_NO, "it has no address");

  files.may_read_wc = FALSE;
  judge (&awake, &files, 4096, MMIO_PROBE_REACH_YES, NULL);
  files.may_read = FALSE;
  judge (&awake, &files, 4096, MMIO_PROBE_REACH_NO, "not permitted");
  files.is_locked_down = TRUE;
  judge (&awake, &files, 4096, MMIO_PROBE_REACH_NO,
      "the kernel is locked down");
  files.has_file = FALSE;
  judge (&awake, &files, 4096, MMIO_PROBE_REACH_NO,
      "the kernel has no resource file");

  state.driver = (char *) "foo";
  judge (&state, &all_files, 4096, MMIO_PROBE_REACH_MAYBE, "bound to foo");
  state.is_decoding = FALSE;
  judge (&state, &all_files, 4096, MMIO_PROBE_REACH_NO,
      "memory decoding is off");
  state.is_gone = TRUE;
  judge (&state, &all_files, 4096, MMIO_PROBE_REACH_NO, "it does not answer");
  state.config_errno = EIO;
  judge (&state, &all_files, 4096, MMIO_PROBE_REACH_NO,
      "its configuration cannot be read");
  state.is_asleep = TRUE;
  state.power_state = (char *) "D3hot";
  judge (&state, &all_files, 4096, MMIO_PROBE_REACH_NO, "asleep (D3hot)");
}

/* Not prefetchable: no write-combining, whatever files there are */
static void
test_judge_registers (void)
{
  MmioProbeBar bar = {.base = 4096 };

  mmio_probe_bar_judge (&bar, &awake, &all_files);
  g_assert_cmpint (bar.reach, ==, MMIO_PROBE_REACH_YES);
  g_assert_false (bar.write_combining);
}

static void
judge_vfio (const MmioPciState * state, const MmioProbeFiles * files,
    guint64 base, guint64 size, const char *access, MmioProbeReach reach)
{
  MmioProbeBar bar = {.base = base,.size = size,.is_prefetchable = TRUE };

  mmio_probe_bar_judge (&bar, state, files);
  g_assert_cmpstr (bar.access, ==, access);
  g_assert_cmpint (bar.reach, ==, reach);
  if (strcmp (access, "vfio") == 0)
    g_assert_false (bar.write_combining);
  g_free (bar.why);
}

/* UIO is the way where it has all, for devices that are awake; vfio's devices
 * are not among them */
static void
test_judge_uio (void)
{
  MmioProbeFiles files = {.has_uio = TRUE,.is_locked_down = TRUE };
  MmioProbeBar bar = {.base = 4096 };
  MmioPciState state = awake;

  state.driver = (char *) "uio_pci_generic";
  mmio_probe_bar_judge (&bar, &state, &files);
  g_assert_cmpstr (bar.access, ==, "uio");
  g_assert_cmpint (bar.reach, ==, MMIO_PROBE_REACH_YES);
  g_assert_null (bar.why);

  state.is_decoding = FALSE;
  mmio_probe_bar_judge (&bar, &state, &files);
  g_assert_cmpint (bar.reach, ==, MMIO_PROBE_REACH_NO);
  g_assert_cmpstr (bar.why, ==, "memory decoding is off");
  g_clear_pointer (&bar.why, g_free);

  state.is_asleep = TRUE;
  state.power_state = (char *) "D3hot";
  mmio_probe_bar_judge (&bar, &state, &files);
  g_assert_cmpstr (bar.why, ==, "asleep (D3hot)");
  g_clear_pointer (&bar.why, g_free);
}

/* vfio is the way to what is bound to it, even asleep or locked down */
static void
test_judge_vfio (void)
{
  const guint64 page = sysconf (_SC_PAGESIZE);
  MmioProbeFiles files = all_files;
  MmioPciState state = awake;

  state.driver = (char *) "vfio-pci";
  judge_vfio (&state, &files, page, page, "sysfs", MMIO_PROBE_REACH_MAYBE);
  files.may_open_vfio = TRUE;
  judge_vfio (&state, &files, page, page, "vfio", MMIO_PROBE_REACH_YES);
  judge_vfio (&state, &files, page, page / 2, "sysfs", MMIO_PROBE_REACH_MAYBE);
  judge_vfio (&state, &files, 0, page, "sysfs", MMIO_PROBE_REACH_NO);
  files.is_locked_down = TRUE;
  judge_vfio (&state, &files, page, page, "vfio", MMIO_PROBE_REACH_YES);
  state.is_asleep = TRUE;
  state.power_state = (char *) "D3hot";
  state.is_decoding = FALSE;
  judge_vfio (&state, &files, page, page, "vfio", MMIO_PROBE_REACH_YES);
  state.is_gone = TRUE;
  judge_vfio (&state, &files, page, page, "sysfs", MMIO_PROBE_REACH_NO);
  state.is_gone = FALSE;
  state.driver = (char *) "foo";
  judge_vfio (&state, &files, page, page, "sysfs", MMIO_PROBE_REACH_NO);
}

/* Watches who opens what: returns an inotify descriptor */
static int
watch_new (void)
{
  int fd = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static void
watch_add (int fd, const char *path)
{
  if (inotify_add_watch (fd, path, IN_OPEN | IN_ACCESS) < 0)
    g_error ("inotify_add_watch %s: %s", path, g_strerror (errno));
}

static void
watch_check_and_close (int fd)
{
  char events[4096];
  gssize n = read (fd, events, sizeof (events));

  g_assert_cmpint (n, ==, -1);
  g_assert_cmpint (errno, ==, EAGAIN);
  close (fd);
}

/* A machine with one device that is there on the paper of sysfs only */

typedef struct
{
  char *root;
  char *devices;
  char *lockdown;
  GArray *infos;
} Machine;

static void
set_config (const Machine * machine, guint8 command)
{
  g_autofree char *path = g_build_filename (machine->devices, ADDRESS, "config",
      NULL);
  char config[64] = { 0, };

  config[4] = command;
  g_assert_true (g_file_set_contents (path, config, sizeof (config), NULL));
}

static void
add_file (const Machine * machine, const char *name, const char *text)
{
  g_autofree char *inside = g_build_filename (ADDRESS, name, NULL);

  g_free (write_file (machine->devices, inside, text));
}

static void
machine_init (Machine * machine)
{
  MmioPciInfo info = {.vendor = 0x10ee,.name = g_strdup ("a device") };
  g_autofree char *link = NULL;

  machine->root = g_dir_make_tmp ("mmiovid-probe-XXXXXX", NULL);
  g_assert_nonnull (machine->root);
  machine->devices = g_build_filename (machine->root, "devices", NULL);
  machine->lockdown = write_file (machine->root, "lockdown",
      "[none] integrity confidentiality\n");
  add_file (machine, "power_state", "D0\n");
  add_file (machine, "resource0", "");
  add_file (machine, "resource1", "");
  add_file (machine, "resource2", "");
  add_file (machine, "resource2_wc", "");
  set_config (machine, 0x06);

  mmio_address_parse (&info.slot, ADDRESS, NULL);
  info.bar[0] = (MmioBar) {
  .base = 0xfe000000,.size = 4096};
  info.bar[1] = (MmioBar) {
  .base = 0xc000,.size = 32,.is_io = TRUE};
  info.bar[2] = (MmioBar) {
  .base = 0xe0000000,.size = 16 << 20,.is_prefetchable = TRUE};
  info.bar[4] = (MmioBar) {
  .size = 8192};
  machine->infos = g_array_new (FALSE, TRUE, sizeof (MmioPciInfo));
  g_array_set_clear_func (machine->infos, (GDestroyNotify) mmio_pci_info_clear);
  g_array_append_val (machine->infos, info);
}

static void
machine_clear (Machine * machine)
{
  remove_tree (machine->root);
  g_free (machine->root);
  g_free (machine->devices);
  g_free (machine->lockdown);
  g_array_unref (machine->infos);
}

static void
check_bar (const GPtrArray * bars, guint n, guint number,
    MmioProbeReach reach, const char *why)
{
  const MmioProbeBar *bar = g_ptr_array_index (bars, n);

  g_assert_cmpstr (bar->address, ==, ADDRESS);
  g_assert_cmpstr (bar->name, ==, "a device");
  g_assert_cmpuint (bar->number, ==, number);
  g_assert_cmpstr (bar->why, ==, why);
  g_assert_cmpint (bar->reach, ==, reach);
}

static GPtrArray *
list (const Machine * machine)
{
  return mmio_probe_list (machine->infos, machine->devices, machine->lockdown);
}

static void
test_made_up (void)
{
  static const char *const files[] = { "resource0", "resource1", "resource2",
    "resource2_wc"
  };
  Machine machine;
  GPtrArray *bars;
  g_autofree char *link = NULL;
  int watch = watch_new ();

  machine_init (&machine);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *path = g_build_filename (machine.devices, ADDRESS,
        files[i], NULL);

    watch_add (watch, path);
  }

  bars = list (&machine);
  g_assert_cmpuint (bars->len, ==, 3);
  check_bar (bars, 0, 0, MMIO_PROBE_REACH_YES, NULL);
  check_bar (bars, 1, 2, MMIO_PROBE_REACH_YES, NULL);
  check_bar (bars, 2, 4, MMIO_PROBE_REACH_NO, "it has no address");
  g_assert_true (((MmioProbeBar *) bars->pdata[1])->write_combining);
  g_assert_false (((MmioProbeBar *) bars->pdata[0])->write_combining);
  g_assert_null (((MmioProbeBar *) bars->pdata[0])->driver);
  g_ptr_array_unref (bars);

  link = g_build_filename (machine.devices, ADDRESS, "driver", NULL);
  g_assert_cmpint (symlink ("../../../bus/pci/drivers/foo", link), ==, 0);
  bars = list (&machine);
  check_bar (bars, 0, 0, MMIO_PROBE_REACH_MAYBE, "bound to foo");
  g_assert_cmpstr (((MmioProbeBar *) bars->pdata[0])->driver, ==, "foo");
  g_ptr_array_unref (bars);

  g_free (write_file (machine.root, "lockdown",
          "none [integrity] confidentiality\n"));
  bars = list (&machine);
  check_bar (bars, 0, 0, MMIO_PROBE_REACH_NO, "the kernel is locked down");
  g_ptr_array_unref (bars);

  set_config (&machine, 0x04);
  bars = list (&machine);
  check_bar (bars, 0, 0, MMIO_PROBE_REACH_NO, "memory decoding is off");
  g_ptr_array_unref (bars);

  g_free (link);
  link = g_build_filename (machine.devices, ADDRESS, "physfn", NULL);
  g_assert_cmpint (symlink ("../0000:02:00.0", link), ==, 0);
  bars = list (&machine);
  check_bar (bars, 0, 0, MMIO_PROBE_REACH_NO, "the kernel is locked down");
  g_ptr_array_unref (bars);

  add_file (&machine, "power_state", "D3cold\n");
  bars = list (&machine);
  check_bar (bars, 1, 2, MMIO_PROBE_REACH_NO, "asleep (D3cold)");
  g_ptr_array_unref (bars);

  watch_check_and_close (watch);
  machine_clear (&machine);
}

/* What the file "resource" of a device says of a BAR */
static void
check_with_sysfs (const MmioProbeBar * bar)
{
  g_autofree char *path = g_build_filename (MMIO_PCI_SYSFS, bar->address,
      "resource", NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  guint64 first, last, flags;
  char *end;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), >, bar->number);
  first = g_ascii_strtoull (lines[bar->number], &end, 16);
  last = g_ascii_strtoull (end, &end, 16);
  flags = g_ascii_strtoull (end, &end, 16);

  g_assert_cmpuint (bar->size, ==, last - first + 1);
  g_assert_true (flags & RESOURCE_MEMORY);
  g_assert_cmpint (bar->is_prefetchable, ==,
      (flags & RESOURCE_PREFETCHABLE) != 0);
}

/* Watches the resource files of a real device; returns how many there are */
static guint
watch_device (int watch, const char *address)
{
  guint n = 0;

  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    for (guint wc = 0; wc < 2; wc++) {
      g_autofree char *path = g_strdup_printf (MMIO_PCI_SYSFS
          "/%s/resource%u%s", address, i, wc ? "_wc" : "");

      if (access (path, R_OK) == 0) {
        watch_add (watch, path);
        n++;
      }
    }
  }

  return n;
}

/* This machine, whatever is in it: nothing of it is opened */
static void
test_this_machine (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) infos = mmio_pci_list (&error);
  g_autoptr (GPtrArray) bars = NULL;
  guint n_files = 0;
  int watch;

  if (!infos) {
    g_assert_error (error, MMIO_ERROR, MMIO_ERROR_NOT_FOUND);
    g_test_skip ("no PCI bus: try where there is a /sys/bus/pci");
    return;
  }

  watch = watch_new ();
  for (guint i = 0; i < infos->len; i++) {
    g_autofree char *address =
        mmio_address_to_string (&g_array_index (infos, MmioPciInfo, i).slot);

    n_files += watch_device (watch, address);
  }

  bars = mmio_probe_list (infos, MMIO_PCI_SYSFS, MMIO_PROBE_LOCKDOWN);
  for (guint i = 0; i < bars->len; i++)
    check_with_sysfs (g_ptr_array_index (bars, i));

  watch_check_and_close (watch);
  g_test_message ("%u devices, %u memory BARs, %u resource files", infos->len,
      bars->len, n_files);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/probe/list/judge", test_judge);
  g_test_add_func ("/probe/list/judge-registers", test_judge_registers);
  g_test_add_func ("/probe/list/judge-vfio", test_judge_vfio);
  g_test_add_func ("/probe/list/judge-uio", test_judge_uio);
  g_test_add_func ("/probe/list/made-up", test_made_up);
  g_test_add_func ("/probe/list/this-machine", test_this_machine);
  return g_test_run ();
}
