/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sync/mmiocountercheck.h"
#include "sync/mmioregister.h"

G_BEGIN_DECLS

/**
 * MmioCount:
 * @time: when the poll found the frame (microseconds, g_get_monotonic_time())
 * @steps: frames since the last reported one, including this one; 1 after the
 *   counter was reset
 *
 * A new frame.
 */
typedef struct {
  gint64 time;
  guint64 steps;
} MmioCount;

/**
 * MmioCounter:
 *
 * A register that counts frames.
 *
 * Locking: none; one thread at a time.
 */
typedef struct _MmioCounter MmioCounter;

MmioCounter *mmio_counter_new (MmioRegister * reg, gboolean is_seqlock,
    guint n_buffers);
void mmio_counter_free (MmioCounter * counter);

void mmio_counter_set_buffers (MmioCounter * counter, guint n_buffers);

gboolean mmio_counter_poll (MmioCounter * counter, gint64 now,
    MmioCount * count);
gint64 mmio_counter_get_pause (const MmioCounter * counter, gint64 now);
gint64 mmio_counter_get_period (const MmioCounter * counter);

MmioDoubt mmio_counter_get_doubt (const MmioCounter * counter);
gboolean mmio_counter_is_busy (const MmioCounter * counter);

gboolean mmio_counter_begin_read (MmioCounter * counter, guint64 * value);
gboolean mmio_counter_end_read (MmioCounter * counter, guint64 * steps);
void mmio_counter_accept_read (MmioCounter * counter);
guint64 mmio_counter_take_newer (MmioCounter * counter);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioCounter, mmio_counter_free)

G_END_DECLS
