/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "counting.h"

/* For so long that nobody has seen at least one of them: one may have been on
 * its way before, and one be so now */
static void
wait_for_more (const gint * pictures)
{
  const gint64 end = g_get_monotonic_time () + HANG;
  const gint wanted = g_atomic_int_get (pictures) + 3;

  while (g_atomic_int_get (pictures) < wanted) {
    fail_unless (g_get_monotonic_time () < end, "it hangs");
    g_usleep (1000);
  }
}

guint64
count_while_written (MmioCapture * capture, const MmioTarget * target,
    gint64 (*get_number) (const guint32 * pixels), GThreadFunc writer,
    const gint * pictures, gint * stop, guint n)
{
  const guint32 *pixels = (const guint32 *) target->plane[0];
  guint64 counted = 0, missed = 0;
  GThread *thread;
  MmioCount count;

  /* The one that is there */
  fail_unless_equals_int (mmio_capture_wait (capture,
          g_get_monotonic_time () + HANG, &count), MMIO_WAIT_FRAME);

  thread = g_thread_new ("writer", writer, NULL);
  for (guint i = 0; i < n; i++) {
    MmioDamage damage;
    guint64 newer;
    MmioRead read;

    fail_unless_equals_int (mmio_capture_wait (capture,
            g_get_monotonic_time () + HANG, &count), MMIO_WAIT_FRAME);
    counted += count.steps;
    missed += count.steps - 1;
    read = mmio_capture_read (capture, target, &damage);
    newer = mmio_capture_take_newer (capture);
    counted += newer;
    missed += newer;
    if (read == MMIO_READ_WHOLE && get_number (pixels) != (gint64) counted)
      fail ("frame %u is torn or another one, and not flagged", i);

    /* Somebody who has no time for some */
    if (i % (n / 4) == 20)
      wait_for_more (pictures);
  }
  g_atomic_int_set (stop, TRUE);
  g_thread_join (thread);

  /* The last ones */
  if (mmio_capture_wait (capture, 0, &count) == MMIO_WAIT_FRAME)
    counted += count.steps;
  GST_INFO ("%" G_GUINT64_FORMAT " missed of %" G_GUINT64_FORMAT, missed,
      counted);
  fail_unless (missed > 0);

  return counted;
}
