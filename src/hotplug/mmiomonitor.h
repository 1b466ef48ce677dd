/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pci/mmiocandidate.h"

G_BEGIN_DECLS

/**
 * MmioMonitorFunc:
 * @address: the device's full PCI address
 * @candidate: (nullable): the device that has come; NULL: it has gone
 * @data: whoever wants to know
 */
typedef void (*MmioMonitorFunc) (const char *address,
    const MmioCandidate * candidate, gpointer data);

/**
 * MmioMonitor:
 *
 * Reports which known devices are there, come and go.
 */
typedef struct _MmioMonitor MmioMonitor;

MmioMonitor *mmio_monitor_new (MmioCandidateFunc is_known,
    MmioMonitorFunc func, gpointer data, GError ** error);

void mmio_monitor_free (MmioMonitor * monitor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioMonitor, mmio_monitor_free)

G_END_DECLS
