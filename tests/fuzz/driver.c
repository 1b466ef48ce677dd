/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Usage: fuzz-NAME DIRECTORY
 *
 * In the place of libFuzzer: feeds a fuzzer with each file of its corpus, so
 * that what was found once is not made again.  Prints TAP.
 */
#include "fuzz.h"

#include <stdio.h>

static int
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = argc == 2 ? g_dir_open (argv[1], 0, &error) : NULL;
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  if (!dir)
    g_error ("%s", error ? error->message : "usage: fuzz-NAME DIRECTORY");

  while ((name = g_dir_read_name (dir)))
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare);

  printf ("1..%u\n", names->len);
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path = g_build_filename (argv[1],
        g_ptr_array_index (names, i), NULL);
    g_autofree char *data = NULL;
    gsize size;

    if (!g_file_get_contents (path, &data, &size, &error))
      g_error ("%s", error->message);
    LLVMFuzzerTestOneInput ((const guint8 *) data, size);
    printf ("ok %u - %s\n", i + 1, (const char *) g_ptr_array_index (names, i));
    fflush (stdout);
  }

  return 0;
}
