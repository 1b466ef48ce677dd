/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opens a device's interrupt and does what it is told on standard input:
 *
 *   wait                 until the descriptor polls as readable, 30 s at most;
 *                        tells "readable" or "silent"
 *   look                 the same without waiting
 *   take                 tells "took COUNT", or "gone"
 *   poke OFFSET VALUE    has the device do something: writes 32 bits to its BAR
 *                        0 through vfio, which keeps others out; tells "poked"
 *
 *   mmiovid-interrupts DEVICE auto|sysfs|vfio|uio
 *
 * Tells "ready ACCESS" first, or "error MESSAGE", and ends with its input.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/mmiodevice.h"

#include "backends/mmioopen.h"

#define PATIENCE 30000

static gboolean
parse_access (const char *name, MmioAccess * access)
{
  static const char *const names[] = { "auto", "sysfs", "vfio", "uio" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    if (strcmp (names[i], name) == 0) {
      *access = i;
      return TRUE;
    }
  }

  return FALSE;
}

static int
open_interrupt (const char *text, MmioAccess access, MmioDevice ** device,
    GError ** error)
{
  g_auto (MmioAddress) address = { 0, };

  if (!mmio_address_parse (&address, text, error))
    return -1;
  *device = mmio_device_open (&address, access, error);
  return *device ? mmio_device_open_interrupt (*device, error) : -1;
}

/* The library gives its descriptor to nobody */
static int
find_vfio (void)
{
  for (int fd = 0; fd < 64; fd++) {
    g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
    g_autofree char *target = g_file_read_link (path, NULL);

    if (target && strstr (target, "[vfio-device]"))
      return fd;
  }

  return -1;
}

/* BAR 0 is where its descriptor begins */
static gboolean
poke (const char *words)
{
  char *end;
  const guint64 offset = g_ascii_strtoull (words, &end, 16);
  const guint32 value = g_ascii_strtoull (end, NULL, 16);

  return pwrite (find_vfio (), &value, sizeof (value), offset) ==
      sizeof (value);
}

static gboolean
obey (MmioDevice * device, int fd, const char *command)
{
  struct pollfd wanted = {.fd = fd,.events = POLLIN };
  guint count;

  if (strcmp (command, "wait") == 0 || strcmp (command, "look") == 0) {
    puts (poll (&wanted, 1, command[0] == 'w' ? PATIENCE : 0) == 1 &&
        wanted.revents == POLLIN ? "readable" : "silent");
  } else if (strcmp (command, "take") == 0) {
    if (mmio_device_take_interrupts (device, &count))
      printf ("took %u\n", count);
    else
      puts ("gone");
  } else if (strncmp (command, "poke ", 5) == 0 && poke (command + 5)) {
    puts ("poked");
  } else {
    printf ("cannot %s\n", command);
    return FALSE;
  }

  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (MmioDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  MmioAccess access;
  char line[100];
  int fd;

  setlinebuf (stdout);
  if (argc != 3 || !parse_access (argv[2], &access)) {
    fprintf (stderr, "usage: %s DEVICE auto|sysfs|vfio|uio\n", argv[0]);
    return 2;
  }

  fd = open_interrupt (argv[1], access, &device, &error);
  if (fd < 0) {
    printf ("error %s\n", error->message);
    return 1;
  }

  printf ("ready %s\n", mmio_device_get_access_name (device));
  while (fgets (line, sizeof (line), stdin)) {
    if (!obey (device, fd, g_strchomp (line)))
      return 1;
  }

  return 0;
}
