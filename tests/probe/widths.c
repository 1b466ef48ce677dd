/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs each load over a range of its own at a known address, for widths.py to
 * look at under valgrind.  Prints a line for each: name, bytes of a load, of
 * each access that makes it up, and of the range; or why it cannot run.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "load/mmioloadbench.h"

#define ARENA ((guint8 *) 0x300000000)
#define RANGE (4096 + MMIO_LOADS_ALIGN)
#define STEP 8192

int
main (void)
{
  guint8 *arena = mmap (ARENA, 16 * STEP, PROT_READ,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  const MmioLoadKind *load;

  if (arena != ARENA) {
    perror ("mmap");
    return 1;
  }

  for (guint i = 0; (load = mmio_load_kind_nth (i)); i++) {
    const char *name = mmio_load_kind_get_name (load);

    if (mmio_load_kind_get_lack (load)) {
      printf ("# %s: %s\n", name, mmio_load_kind_get_lack (load));
      continue;
    }
    printf ("%p %d %u %s\n", (void *) (arena + i * STEP), RANGE,
        strcmp (name, "movntdqa") == 0 ? 16 : mmio_load_kind_get_bytes (load),
        name);
    mmio_load_kind_run (load, arena + i * STEP, RANGE);
  }

  return 0;
}
