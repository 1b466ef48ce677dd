/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sync/mmiocounter.h"

G_BEGIN_DECLS

/**
 * MmioWait:
 * @MMIO_WAIT_FRAME: there is a new picture
 * @MMIO_WAIT_TIMEOUT: there was none until the deadline
 * @MMIO_WAIT_WOKEN: somebody has ended the wait
 * @MMIO_WAIT_GONE: there will be no more pictures, the device has gone
 *
 * How a wait has ended.
 */
typedef enum {
  MMIO_WAIT_FRAME,
  MMIO_WAIT_TIMEOUT,
  MMIO_WAIT_WOKEN,
  MMIO_WAIT_GONE,
} MmioWait;

/**
 * MmioSync:
 *
 * The wait for a picture.  One thread waits, any thread may wake it.
 */
typedef struct _MmioSync MmioSync;

MmioSync *mmio_sync_new (GError ** error);
void mmio_sync_free (MmioSync * sync);

MmioWait mmio_sync_wait (MmioSync * sync, MmioCounter * counter,
    gint64 deadline, MmioCount * count);
MmioWait mmio_sync_wait_interrupt (MmioSync * sync, MmioDevice * device,
    int fd, gint64 deadline, MmioCount * count);
MmioWait mmio_sync_sleep (MmioSync * sync, gint64 microseconds);

void mmio_sync_wake (MmioSync * sync);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioSync, mmio_sync_free)

G_END_DECLS
