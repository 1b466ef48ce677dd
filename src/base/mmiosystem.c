/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls with errno as the result, and the errors that prove nothing.
 */
#include "base/mmiosystem.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bytes of one read; attributes of sysfs fit */
#define CHUNK 4096

/**
 * mmio_is_shortage:
 * @errnum: an error of a system call
 *
 * Returns: whether the system lacks descriptors or memory for an answer.  Such an error
 *   proves nothing: the same call may succeed later.
 */
gboolean
mmio_is_shortage (int errnum)
{
  return errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM ||
      errnum == EAGAIN || errnum == EINTR;
}

/**
 * mmio_read_file:
 * @path: a file
 * @text: (out) (transfer full): its content and a terminating 0; NULL after an error
 * @length: (out) (optional): bytes before that 0
 *
 * Reads a file like g_file_get_contents(), but repeats interrupted calls.
 *
 * Returns: 0 or errno
 */
int
mmio_read_file (const char *path, char **text, gsize * length)
{
  const int fd = MMIO_RETRY (open (path, O_RDONLY | O_CLOEXEC));
  g_autoptr (GString) content = NULL;
  char chunk[CHUNK];
  int errnum;
  gssize n;

  *text = NULL;
  if (fd < 0)
    return errno;

  content = g_string_new (NULL);
  while ((n = MMIO_RETRY (read (fd, chunk, sizeof (chunk)))) > 0)
    g_string_append_len (content, chunk, n);
  errnum = n < 0 ? errno : 0;
  close (fd);
  if (errnum != 0)
    return errnum;

  if (length)
    *length = content->len;
  *text = g_string_free (g_steal_pointer (&content), FALSE);
  return 0;
}

/**
 * mmio_read_dir:
 * @path: a directory
 * @names: (out) (transfer full) (element-type filename): its entries, without "." and
 *   ".."; NULL after an error
 *
 * Lists a directory completely or not at all.
 *
 * Returns: 0 or errno
 */
int
mmio_read_dir (const char *path, GPtrArray ** names)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  DIR *dir = opendir (path);
  const struct dirent *entry;
  int errnum;

  *names = NULL;
  if (!dir)
    return errno;

  /* readdir_r(3) is deprecated, and no other thread reads this stream */
  /* cppcheck-suppress readdirCalled */
  /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
  for (errno = 0; (entry = readdir (dir)); errno = 0)
    if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
      g_ptr_array_add (found, g_strdup (entry->d_name));
  errnum = errno;
  closedir (dir);

  if (errnum == 0)
    *names = g_steal_pointer (&found);
  return errnum;
}

/**
 * mmio_read_link:
 * @path: a symbolic link
 * @target: (out) (transfer full) (nullable): its target; NULL after an error
 *
 * Reads a symbolic link, which must not be longer than PATH_MAX.
 *
 * Returns: 0 or errno
 */
int
mmio_read_link (const char *path, char **target)
{
  char text[PATH_MAX];
  const gssize n = MMIO_RETRY (readlink (path, text, sizeof (text)));

  *target = n < 0 ? NULL : g_strndup (text, n);
  return n < 0 ? errno : 0;
}

/**
 * mmio_real_path:
 * @path: a path
 * @real: (out) (transfer full) (nullable): the absolute path without symbolic links,
 *   for g_free(); NULL after an error
 *
 * Resolves a path like realpath().
 *
 * Returns: 0 or errno
 */
int
mmio_real_path (const char *path, char **real)
{
  char *resolved = realpath (path, NULL);
  const int errnum = resolved ? 0 : errno;

  *real = g_strdup (resolved);
  free (resolved);
  return errnum;
}
