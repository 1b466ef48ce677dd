/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/mman.h>
#include <unistd.h>

#include <glib.h>

#include "load/mmioloadbench.h"

static void
test_table (void)
{
  const MmioLoadKind *load;
  guint last = 0, n = 0;

  for (; (load = mmio_load_kind_nth (n)); n++) {
    const guint bytes = mmio_load_kind_get_bytes (load);

    g_assert_cmpuint (bytes, >=, MAX (last, 4));
    g_assert_cmpuint (bytes, <=, MMIO_LOADS_ALIGN);
    g_assert_cmpuint (MMIO_LOADS_ALIGN % bytes, ==, 0);
    g_assert_cmpstr (mmio_load_kind_get_name (load), !=, "");
    last = bytes;
  }

  g_assert_cmpuint (n, >=, 2);
  g_assert_null (mmio_load_kind_nth (n + 1));
  g_assert_null (mmio_load_kind_get_lack (mmio_load_kind_nth (0)));
#ifdef __x86_64__
  /* 4, 8, 16, 32, 64, and whole lines */
  g_assert_cmpuint (n, ==, 6);
  g_assert_null (mmio_load_kind_get_lack (mmio_load_kind_nth (2)));
#endif
}

/* Between two pages that nobody may touch */
static void
test_bounds (void)
{
  const gsize page = sysconf (_SC_PAGESIZE);
  guint8 *map = mmap (NULL, 3 * page, PROT_NONE,
      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const MmioLoadKind *load;

  g_assert_true (map != MAP_FAILED);
  g_assert_cmpint (mprotect (map + page, page, PROT_READ), ==, 0);

  for (guint i = 0; (load = mmio_load_kind_nth (i)); i++) {
    if (mmio_load_kind_get_lack (load)) {
      g_test_message ("not %s: %s", mmio_load_kind_get_name (load),
          mmio_load_kind_get_lack (load));
      continue;
    }
    for (gsize n = 0; n <= page; n += MMIO_LOADS_ALIGN) {
      mmio_load_kind_run (load, map + page, n);
      mmio_load_kind_run (load, map + 2 * page - n, n);
    }
  }

  munmap (map, 3 * page);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/probe/loads/table", test_table);
  g_test_add_func ("/probe/loads/bounds", test_bounds);
  return g_test_run ();
}
