/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uevent.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The group of udevd; 1 is the kernel's */
#define UDEV_GROUP 2

/* What precedes udevd's messages: systemd's sd-device/device-monitor.c */
typedef struct
{
  char prefix[8];
  guint32 magic;
  guint32 header_size;
  guint32 properties_offset;
  guint32 properties_size;
  guint32 subsystem_hash;
  guint32 devtype_hash;
  guint32 tag_bloom[2];
} Header;

#define MAGIC 0xfeedcafe

/* MurmurHash2 of "pci", seed 0: listeners filter by it */
static guint32
hash_pci (void)
{
  const guint32 m = 0x5bd1e995;
  guint32 h = 3;

  h ^= (guint32) 'i' << 16 | 'c' << 8 | 'p';
  h *= m;
  h ^= h >> 13;
  h *= m;
  return h ^ h >> 15;
}

static gboolean
try_network (void)
{
  return unshare (CLONE_NEWNET) == 0 &&
      mount ("mmiocheck-run", "/run", "tmpfs", 0, "") == 0;
}

/* After make_bus(), with a udevd that has just started, or none */
void
enter_network (gboolean has_udevd)
{
  fail_unless (try_network (), "%s", g_strerror (errno));
  if (has_udevd) {
    fail_unless (g_mkdir_with_parents ("/run/udev", 0755) == 0);
    fail_unless (g_file_set_contents ("/run/udev/control", "", 0, NULL));
  }
}

void
send_uevent (const char *action, const char *slot)
{
  static guint number;
  g_autoptr (GString) message = g_string_new (NULL);
  const struct sockaddr_nl to = {
    .nl_family = AF_NETLINK,
    .nl_groups = UDEV_GROUP,
  };
  Header header = {
    .prefix = "libudev",
    .magic = GUINT32_TO_BE (MAGIC),
    .header_size = sizeof (header),
    .properties_offset = sizeof (header),
    .subsystem_hash = GUINT32_TO_BE (hash_pci ()),
  };
  int fd = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

  g_string_append_printf (message, "ACTION=%s%cDEVPATH=/devices/pci0000:00/%s%c"
      "SUBSYSTEM=pci%cSEQNUM=%u%c", action, 0, slot, 0, 0, ++number, 0);
  header.properties_size = message->len;
  g_string_prepend_len (message, (const char *) &header, sizeof (header));

  fail_unless (fd >= 0);
  fail_unless (sendto (fd, message->str, message->len, 0,
          (const struct sockaddr *) &to, sizeof (to)) ==
      (gssize) message->len, "%s", g_strerror (errno));
  close (fd);
}

/* What all listeners in this namespace listen to, a bit for each group */
guint
get_uevent_groups (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  guint all = 0;

  fail_unless (g_file_get_contents ("/proc/self/net/netlink", &text, NULL,
          NULL));
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 1; lines[i]; i++) {
    guint protocol, groups;

    if (sscanf (lines[i], "%*x %u %*d %x", &protocol, &groups) == 2 &&
        protocol == NETLINK_KOBJECT_UEVENT)
      all |= groups;
  }

  return all;
}

static gboolean
can_enter_network (void)
{
  int status;
  pid_t pid = fork ();

  if (pid == 0)
    _exit (enter_namespace () && try_network ()? 0 : 1);

  return pid > 0 && waitpid (pid, &status, 0) == pid && WIFEXITED (status) &&
      WEXITSTATUS (status) == 0;
}

/* main() of those who need a bus and events */
int
run_with_uevents (int argc, char **argv, Suite * (*suite) (void),
    const char *name, const char *file)
{
  if (!can_enter_network ()) {
    g_print ("a network namespace is not allowed here; run this as root, or "
        "with sysctl kernel.unprivileged_userns_clone=1\n");
    return 77;
  }

  return run_on_bus (argc, argv, suite, name, file);
}
