/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "describe/mmiodescriptor.h"

G_BEGIN_DECLS

const MmioDescriptorPlace *mmio_device_table_find (guint16 vendor_id,
    guint16 device_id);
gboolean mmio_device_table_has (guint16 vendor_id, guint16 device_id,
    guint * bar);

G_END_DECLS
