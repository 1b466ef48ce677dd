/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls, and what their errors prove.
 */
#include "base/mmiosystem.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Attributes of sysfs fit */
#define CHUNK 4096

/**
 * mmio_is_shortage:
 * @errnum: an error of a system call
 *
 * Returns: whether the system lacks something to answer with, descriptors or memory.
 *   Such an error proves nothing: the same call may succeed later.
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
 * @text: (out) (transfer full): its content, with a 0 behind it; NULL after an error
 * @length: (out) (optional): the bytes before that 0
 *
 * Reads a file, as g_file_get_contents() does, but repeats what a signal interrupts.
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
 * @names: (out) (transfer full) (element-type filename): what is in it, without "."
 *   and ".."; NULL after an error
 *
 * Lists a directory, wholly or not at all.
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
 * @target: (out) (transfer full) (nullable): what it has; NULL after an error
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
 * @real: (out) (transfer full) (nullable): where it leads by all links, absolute;
 *   NULL after an error
 *
 * Resolves a path, as realpath() does, for g_free().
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
