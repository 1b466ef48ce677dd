/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Engines with general-purpose loads.  They work with any map, on any CPU, and
 * with devices that a hypervisor emulates.  The other engines use them for
 * bytes before the first and after the last whole line.
 */
#include "load/mmioengine.h"

#include <string.h>

#include "base/mmiocpu.h"

/* The destination is ordinary memory and may be unaligned */
#define LOAD(type) G_STMT_START { \
    type value_ = mmio_cpu_load_ ## type (bar); \
    memcpy (dest, &value_, sizeof (type)); \
    dest += sizeof (type); \
    bar += sizeof (type); \
    length -= sizeof (type); \
} G_STMT_END

/* Loads up to the next multiple of twice the size */
#define HEAD(type) G_STMT_START { \
    if (length >= sizeof (type) && ((guintptr) bar & sizeof (type))) \
      LOAD (type); \
} G_STMT_END

#define TAIL(type) G_STMT_START { \
    if (length >= sizeof (type)) \
      LOAD (type); \
} G_STMT_END

/* An unaligned address skips HEAD() only if fewer bytes remain than its size.
 * So all loads after the heads are aligned. */
void
mmio_engine_copy_u64 (guint8 * dest, const guint8 * bar, gsize length)
{
  HEAD (guint8);
  HEAD (guint16);
  HEAD (guint32);
  while (length >= sizeof (guint64))
    LOAD (guint64);
  TAIL (guint32);
  TAIL (guint16);
  TAIL (guint8);
}

static void
copy_u32 (guint8 * dest, const guint8 * bar, gsize length)
{
  HEAD (guint8);
  HEAD (guint16);
  while (length >= sizeof (guint32))
    LOAD (guint32);
  TAIL (guint16);
  TAIL (guint8);
}

const MmioReader mmio_engine_u64 = {
  .name = "u64",
  .load_bytes = 8,
  .copy_words = mmio_engine_copy_u64,
};

const MmioReader mmio_engine_u32 = {
  .name = "u32",
  .load_bytes = 4,
  .copy_words = copy_u32,
};
