/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the memory type that a map really has.  On x86 the kernel gives all
 * maps of a range the type of the first existing one, without an error.  So a
 * map may be uncached instead of write-combining, or the reverse.  Only the
 * kernel's list of memory types shows this, and only root may read it.
 */
#include "map/mmiomemtype.h"

#include <string.h>

#include "base/mmiosystem.h"

#define MEMTYPE_LIST "/sys/kernel/debug/x86/pat_memtype_list"

/**
 * mmio_memtype_parse:
 * @list: the kernel's list, in lines such as
 *   "PAT: [mem 0x00000000fd000000-0x00000000fe000000] write-combining"
 * @address: physical address
 * @length: bytes
 * @otherwise: default, if the list does not contain the range
 *
 * Returns: the mapping of the range
 */
MmioMapping
mmio_memtype_parse (const char *list, guint64 address, guint64 length,
    MmioMapping otherwise)
{
  g_auto (GStrv) lines = g_strsplit (list, "\n", -1);

  for (guint i = 0; lines[i]; i++) {
    const char *range = strstr (lines[i], "[mem ");
    char *end;
    guint64 first, last;

    if (!range)
      continue;

    first = g_ascii_strtoull (range + strlen ("[mem "), &end, 16);
    if (*end != '-')
      continue;
    last = g_ascii_strtoull (end + 1, &end, 16);
    if (address < first || address + length > last)
      continue;

    if (strstr (end, "write-combining"))
      return MMIO_MAPPING_WRITE_COMBINING;
    if (strstr (end, "uncached"))
      return MMIO_MAPPING_UNCACHED;
  }

  return otherwise;
}

/**
 * mmio_memtype_get:
 * @address: physical address of a range that was just mapped
 * @length: bytes
 * @asked: the requested mapping
 *
 * Returns: the real mapping, or @asked if it is unknown
 */
MmioMapping
mmio_memtype_get (guint64 address, guint64 length, MmioMapping asked)
{
  g_autofree char *list = NULL;

  if (mmio_read_file (MEMTYPE_LIST, &list, NULL) != 0)
    return asked;

  return mmio_memtype_parse (list, address, length, asked);
}
