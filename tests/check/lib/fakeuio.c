/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakeuio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

FakeUio fakeuio;

gboolean
fakeuio_is_file (int fd, const char *suffix)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree char *target = g_file_read_link (path, NULL);

  return target && g_str_has_suffix (target, suffix);
}

gboolean
fakeuio_read (int fd, gpointer data, gsize size, gssize * ret)
{
  if (!fakeuio_is_file (fd, FAKEUIO_NODE))
    return FALSE;

  fail_unless_equals_int (size, sizeof (gint32));
  fail_unless (fcntl (fd, F_GETFL) & O_NONBLOCK, "it would wait");
  if (fakeuio.has_no_interrupt || fakeuio.count == fakeuio.seen) {
    errno = fakeuio.has_no_interrupt ? EIO : EAGAIN;
    *ret = -1;
    return TRUE;
  }
  fakeuio.seen = fakeuio.count;
  memcpy (data, &fakeuio.count, size);
  *ret = size;
  return TRUE;
}

gboolean
fakeuio_write (int fd, gconstpointer data, gsize size, gssize * ret)
{
  gint32 on;

  if (!fakeuio_is_file (fd, FAKEUIO_NODE))
    return FALSE;

  fail_unless_equals_int (size, sizeof (gint32));
  memcpy (&on, data, size);
  fail_unless (on == 0 || on == 1);
  errno = fakeuio.control_errnum;
  *ret = errno != 0 ? -1 : (gssize) size;
  if (errno == 0 && on)
    fakeuio.n_controls++;
  else if (errno == 0)
    fakeuio.n_silenced++;
  return TRUE;
}

void
fakeuio_put_attribute (const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (FAKEUIO_CLASS "/uio0", name, NULL);
  g_autofree char *dir = g_path_get_dirname (path);
  g_autofree char *line = g_strconcat (text, "\n", NULL);

  fail_unless (g_mkdir_with_parents (dir, 0755) == 0);
  fail_unless (g_file_set_contents (path, line, -1, NULL));
}

void
fakeuio_put_map (guint number, const char *name, guint64 address, guint offset,
    guint64 size)
{
  const struct
  {
    const char *name;
    guint64 value;
  } numbers[] = { {"addr", address}, {"offset", offset}, {"size", size} };
  g_autofree char *dir = g_strdup_printf ("maps/map%u/", number);
  g_autofree char *name_file = g_strconcat (dir, "name", NULL);

  fakeuio_put_attribute (name_file, name);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++) {
    g_autofree char *file = g_strconcat (dir, numbers[i].name, NULL);
    g_autofree char *text = g_strdup_printf ("0x%016" G_GINT64_MODIFIER "x",
        numbers[i].value);

    fakeuio_put_attribute (file, text);
  }
}

/* As mmap() of a node wants it, map N begins with page N; here they overlap */
guint8 *
fakeuio_make_node (void)
{
  const gsize size = 16 * page_size ();
  guint8 *memory = g_malloc (size);

  make_dev ();
  fill_random (memory, size, 3);
  fail_unless (g_file_set_contents (FAKEUIO_NODE, (char *) memory, size, NULL));
  fail_unless (g_chmod (FAKEUIO_NODE, 0600) == 0);
  return memory;
}

/* A device on no bus */
guint8 *
fakeuio_make_plain (void)
{
  make_bus ();
  fakeuio_put_attribute ("name", "camera");
  fakeuio_put_attribute ("event", "0");
  fakeuio_put_map (0, "registers", 0x80000000, 0, page_size ());
  fakeuio_put_map (1, "frames", 0x80001000, 0x40, 4 * page_size ());
  fakeuio_put_map (2, "spare", 0x80010000, 0, page_size ());
  fakeuio_put_map (3, "spare", 0x80020000, 0, page_size ());
  return fakeuio_make_node ();
}

void
fakeuio_bind_device (const Device * device, const char *driver)
{
  g_autofree char *link = device_file (device->slot, "uio/uio0");
  g_autofree char *dir = g_path_get_dirname (link);
  g_autofree char *real = device_file (device->slot, NULL);
  g_autofree char *subsystem = device_file (device->slot, "subsystem");

  set_driver (device, driver);
  fail_unless (g_mkdir_with_parents (dir, 0755) == 0);
  fail_unless (g_mkdir_with_parents (FAKEUIO_CLASS "/uio0", 0755) == 0);
  fail_unless (symlink (FAKEUIO_CLASS "/uio0", link) == 0);
  fail_unless (symlink (real, FAKEUIO_CLASS "/uio0/device") == 0);
  fail_unless (symlink ("../../../bus/pci", subsystem) == 0);
  fakeuio_put_attribute ("name", driver);
  fakeuio_put_attribute ("event", "0");
}
