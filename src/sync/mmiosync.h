/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sync/mmiocounter.h"

G_BEGIN_DECLS

/**
 * MmioWait:
 * @MMIO_WAIT_FRAME: there is a new frame
 * @MMIO_WAIT_TIMEOUT: no frame came before the deadline
 * @MMIO_WAIT_WOKEN: mmio_sync_wake() ended the wait
 * @MMIO_WAIT_GONE: the device was removed
 *
 * The result of a wait.
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
 * Waits for frames.
 *
 * Locking: none; one thread waits, any thread may call mmio_sync_wake().
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
