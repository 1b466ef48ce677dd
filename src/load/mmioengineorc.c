/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine that ORC compiles for this CPU.  ORC's code uses vector loads, but
 * aligns them to the destination, with narrow loads at both ends.  So this
 * engine copies only whole lines, to a line-aligned destination.
 */
#include "load/mmioengine.h"

#include <orc/orc.h>

/* orcc generates this file from mmioreader.orc.  It is included since only its
 * static variables show whether ORC could compile a kernel. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#ifndef __clang__               /* clang does not have this warning */
#pragma GCC diagnostic ignored "-Wold-style-declaration"
#endif
/* NOLINTNEXTLINE(bugprone-suspicious-include): see above */
#include "load/mmioreader-orc.c"
#pragma GCC diagnostic pop

/* ORC's emulation and its C fallback are unsuitable for a BAR: they load each
 * element separately, or become memcpy() */
static gboolean
is_compiled (const OrcCode * code, OrcExecutorFunc backup)
{
  return code && code->exec && code->exec != backup &&
      code->exec != (OrcExecutorFunc) orc_executor_emulate;
}

static gboolean
orc_is_available (void)
{
  static gsize state = 0;

  if (g_once_init_enter (&state)) {
    gboolean compiled = FALSE;

#ifndef DISABLE_ORC
    mmio_orc_init ();
    compiled = is_compiled (_orc_code_mmio_orc_copy, _backup_mmio_orc_copy) &&
        is_compiled (_orc_code_mmio_orc_compare_copy,
        _backup_mmio_orc_compare_copy);
#endif
    g_once_init_leave (&state, compiled ? 2 : 1);
  }

  return state == 2;
}

static void
orc_copy_lines (guint8 * dest, const guint8 * bar, gsize length)
{
  mmio_orc_copy ((guint64 *) dest, (const guint64 *) bar, length / 8);
}

static gboolean
orc_compare_lines (guint8 * dest, const guint8 * bar, const guint8 * shadow,
    gsize length)
{
  const gint n = length / 4;
  gint32 equal = 0;

  mmio_orc_compare_copy ((guint32 *) dest, &equal, (const guint32 *) bar,
      (const guint32 *) shadow, n);

  return equal == -n;
}

#define ENGINE \
  .name = "orc", \
  .load_bytes = 16, \
  .obstacle = "ORC cannot compile for this CPU, or ORC_CODE forbids it", \
  .is_available = orc_is_available, \
  .copy_words = mmio_engine_copy_u64, \
  .copy_lines = orc_copy_lines, \
  .compare_lines = orc_compare_lines

const MmioReader mmio_engine_orc = { ENGINE };
const MmioReader mmio_engine_orc_ordinary = { ENGINE,.is_ordinary = TRUE };
