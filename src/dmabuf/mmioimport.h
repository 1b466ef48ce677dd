/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioImporter:
 * @node: what was tried: /dev/dri/renderD128, or /dev/dri/card0 where the
 *   device has no render node
 * @card: (nullable): the node of the same device that has its displays
 * @driver: (nullable): the driver's name, such as amdgpu or virtio_gpu; NULL
 *   if the node cannot be opened
 * @imports: it takes the dma-buf
 * @is_late: @imports, but this driver only looks for a way to the memory when
 *   it uses it; by the kernel's rules it will find one
 * @copies: @imports, but this driver's displays cannot read it, and the CPU
 *   copies it into what they can read
 * @reason: (nullable): why it does not, in words, with what helps; no full
 *   stop
 * @call: (nullable): the call that failed; NULL if none did
 * @errnum: errno of that call, or 0
 *
 * What a DRM device makes of a dma-buf.
 */
typedef struct {
  char *node;
  char *card;
  char *driver;
  gboolean imports;
  gboolean is_late;
  gboolean copies;
  char *reason;
  const char *call;
  int errnum;
} MmioImporter;

GPtrArray *mmio_import_try_all (int dma_buf, const char *address,
    GError ** error);

gboolean mmio_import_any (int dma_buf, const char *address,
    GError ** error);

G_END_DECLS
