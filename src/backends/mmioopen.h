/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "device/mmiodevice.h"

G_BEGIN_DECLS

MmioDevice *mmio_device_open (const MmioAddress * address, MmioAccess access,
    GError ** error);

G_END_DECLS
