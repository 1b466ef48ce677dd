/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

static gboolean
write_text (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  gboolean ret = fd >= 0 && write (fd, text, strlen (text)) > 0;

  if (fd >= 0)
    close (fd);
  return ret;
}

/* Who is not root becomes it in a namespace of his own, if he may */
gboolean
enter_namespace (void)
{
  g_autofree char *uid_map = g_strdup_printf ("0 %u 1", getuid ());
  g_autofree char *gid_map = g_strdup_printf ("0 %u 1", getgid ());
  struct statfs fs;

  if (unshare (CLONE_NEWNS) < 0 &&
      (unshare (CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
          !write_text ("/proc/self/uid_map", uid_map) ||
          !write_text ("/proc/self/setgroups", "deny") ||
          !write_text ("/proc/self/gid_map", gid_map)))
    return FALSE;

  return mount ("none", "/", "none", MS_REC | MS_PRIVATE, "") == 0 &&
      mount ("mmiocheck-sys", "/sys", "tmpfs", 0, "") == 0 &&
      statfs ("/sys", &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

/* Replaces the system's pci.ids, wherever libpciaccess reads it: no test depends
 * on the names that it has today */
void
put_pci_names (const char *text)
{
  static const char *const dirs[] = {
    "/usr/share/misc", "/usr/share/hwdata",
  };

  for (guint i = 0; i < G_N_ELEMENTS (dirs); i++) {
    g_autofree char *path = g_build_filename (dirs[i], "pci.ids", NULL);

    if (!g_file_test (dirs[i], G_FILE_TEST_IS_DIR))
      continue;
    fail_unless (mount ("mmiocheck-names", dirs[i], "tmpfs", 0, "") == 0,
        "%s", g_strerror (errno));
    fail_unless (g_file_set_contents (path, text, -1, NULL), "%s", path);
  }
}

/* Knows no names; put_pci_names() adds some */
void
make_bus (void)
{
  fail_unless (enter_namespace (), "%s", g_strerror (errno));
  fail_if (g_file_test ("/sys/bus", G_FILE_TEST_EXISTS));
  fail_unless (g_mkdir_with_parents (DEVICES, 0755) == 0);
  put_pci_names ("");
}

char *
device_file (const char *slot, const char *name)
{
  return g_build_filename (HOST_BRIDGE, slot, name, NULL);
}

void
put (const char *slot, const char *name, gconstpointer data, gssize size)
{
  g_autofree char *path = device_file (slot, name);

  fail_unless (g_file_set_contents (path, data, size, NULL), "%s", path);
}

void
put_config (const Device * device, guint16 command, gsize size)
{
  guint8 config[256] = { 0, };

  GST_WRITE_UINT16_LE (config, device->vendor);
  GST_WRITE_UINT16_LE (config + 2, device->device);
  GST_WRITE_UINT16_LE (config + 4, command);
  put (device->slot, "config", config, size);
}

static void
put_bars (const Device * device)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const gsize page = page_size ();

  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    const Bar *bar = &device->bar[i];
    g_autofree char *name = g_strdup_printf ("resource%u", i);
    g_autofree guint8 *content = NULL;
    /* The file starts at the page that holds the BAR's start */
    const gsize size = (bar->base % page + bar->size + page - 1) / page * page;

    g_string_append_printf (text, "0x%016" G_GINT64_MODIFIER "x 0x%016"
        G_GINT64_MODIFIER "x 0x%016x\n", bar->base,
        bar->size ? bar->base + bar->size - 1 : 0, bar->flags);
    if (bar->size == 0 || size > 1 << 24)
      continue;
    content = g_malloc0 (size);
    fill_random (content + bar->base % page, bar->size, i);
    put (device->slot, name, content, size);
  }

  /* The ROM's */
  g_string_append (text, "0x0000000000000000 0x0000000000000000 "
      "0x0000000000000000\n");
  put (device->slot, "resource", text->str, text->len);
}

void
put_device (const Device * device)
{
  g_autofree char *dir = device_file (device->slot, NULL);
  g_autofree char *target = g_strconcat ("../../../devices/pci0000:00/",
      device->slot, NULL);
  g_autofree char *link = g_build_filename (DEVICES, device->slot, NULL);
  const struct
  {
    const char *name;
    guint value;
  } ids[] = {
    {"vendor", device->vendor}, {"device", device->device}, {"class", 0x38000},
    {"revision", 0}, {"subsystem_vendor", 0}, {"subsystem_device", 0},
  };

  fail_unless (g_mkdir_with_parents (dir, 0755) == 0);
  fail_unless (symlink (target, link) == 0);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++) {
    g_autofree char *text = g_strdup_printf ("0x%04x\n", ids[i].value);

    put (device->slot, ids[i].name, text, -1);
  }
  put_config (device, 0x0006, 256);
  put_bars (device);
}

/* Makes it a virtual function of SR-IOV: the configuration of such has no IDs, no
 * bit of memory decoding, and no BARs */
void
put_physical (const Device * device, const char *physical)
{
  const Device nobody = {.slot = device->slot,.vendor = 0xffff,.device = 0xffff
  };
  g_autofree char *path = device_file (device->slot, "physfn");
  g_autofree char *target = g_strconcat ("../", physical, NULL);

  fail_unless (symlink (target, path) == 0);
  put_config (&nobody, 0, 256);
}

/* In the configuration that somebody may have open */
void
set_command (const Device * device, guint16 command)
{
  g_autofree char *path = device_file (device->slot, "config");
  const guint16 value = GUINT16_TO_LE (command);
  const int fd = open (path, O_WRONLY | O_CLOEXEC);

  fail_unless (fd >= 0 && pwrite (fd, &value, 2, 4) == 2);
  close (fd);
}

/* What is open of it stays; put_device() plugs another one in */
void
unplug_device (const Device * device)
{
  static guint n_unplugged;
  g_autofree char *dir = device_file (device->slot, NULL);
  g_autofree char *link = g_build_filename (DEVICES, device->slot, NULL);
  g_autofree char *away = g_strdup_printf ("/sys/unplugged-%u", n_unplugged++);

  fail_unless (unlink (link) == 0);
  fail_unless (rename (dir, away) == 0);
}

void
set_driver (const Device * device, const char *driver)
{
  g_autofree char *path = device_file (device->slot, "driver");
  g_autofree char *target = g_strconcat ("../../../bus/pci/drivers/", driver,
      NULL);

  unlink (path);
  fail_unless (symlink (target, path) == 0);
}

/* In its own namespace, a /dev with nothing in it */
void
make_dev (void)
{
  fail_unless (mount ("mmiocheck-dev", "/dev", "tmpfs", 0, "") == 0);
}

/* What only root may open */
void
put_node (const char *path)
{
  fail_unless (g_file_set_contents (path, "", 0, NULL));
  fail_unless (g_chmod (path, 0600) == 0);
}

MmioDevice *
open_address (const char *text, MmioAccess access, GError ** error)
{
  g_auto (MmioAddress) address = { 0, };

  fail_unless (mmio_address_parse (&address, text, NULL), "%s", text);
  return mmio_device_open (&address, access, error);
}

void
check_access (const char *text, MmioAccess access, const char *wanted)
{
  GError *error = NULL;
  g_autoptr (MmioDevice) device = open_address (text, access, &error);

  fail_unless (device != NULL, "%s", error ? error->message : "");
  fail_unless_equals_string (mmio_device_get_access (device), wanted);
}

void
check_open_fails (const char *text, MmioAccess access, MmioErrorCode code,
    const char *word, const char *other_word)
{
  GError *error = NULL;
  guint fds;

  fail_unless (open_address (text, access, &error) == NULL);
  check_error (&error, code, word, other_word, NULL);

  fds = count_fds ();
  fail_unless (open_address (text, access, NULL) == NULL);
  fail_unless_equals_int (count_fds (), fds);
}

/* Whether checks can have a /sys of their own, which they never get in this
 * process */
static gboolean
can_enter_namespace (void)
{
  int status;
  pid_t pid = fork ();

  if (pid == 0)
    _exit (enter_namespace ()? 0 : 1);

  return pid > 0 && waitpid (pid, &status, 0) == pid && WIFEXITED (status) &&
      WEXITSTATUS (status) == 0;
}

/* main() of those who need a bus; skips where there can be none */
int
run_on_bus (int argc, char **argv, Suite * (*suite) (void), const char *name,
    const char *file)
{
  /* Each check in a process of its own, always: the namespace stays */
  g_setenv ("CK_FORK", "yes", TRUE);
  if (!can_enter_namespace ()) {
    g_print ("a mount namespace with a /sys of its own is not allowed here; "
        "run this as root, or with sysctl kernel.unprivileged_userns_clone=1\n");
    return 77;
  }

  gst_check_init (&argc, &argv);
  return gst_check_run_suite (suite (), name, file);
}
