/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioImporter:
 * @node: the node that was tried: /dev/dri/renderD128, or /dev/dri/card0 if the
 *   device has no render node
 * @card: (nullable): the node of the same device that has its displays
 * @driver: (nullable): the driver's name, such as amdgpu or virtio_gpu; NULL
 *   if the node cannot be opened
 * @imports: the device imports the dma-buf
 * @is_late: @imports, but this driver maps the memory only at its first use; by
 *   the kernel's rules, the map will succeed
 * @copies: @imports, but the displays of this driver cannot read it; the CPU
 *   copies it to memory that they can read
 * @reason: (nullable): why the device does not import the dma-buf, with a hint;
 *   without a full stop
 * @call: (nullable): the call that failed; NULL if none did
 * @errnum: errno of that call, or 0
 *
 * The result of an attempt to import a dma-buf into a DRM device.
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
