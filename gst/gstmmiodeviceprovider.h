/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_MMIO_DEVICE_PROVIDER (gst_mmio_device_provider_get_type ())
G_DECLARE_FINAL_TYPE (GstMmioDeviceProvider, gst_mmio_device_provider, GST,
    MMIO_DEVICE_PROVIDER, GstDeviceProvider)

GST_DEVICE_PROVIDER_REGISTER_DECLARE (mmiodeviceprovider);

G_END_DECLS
