/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "pci/mmioenumerate.h"

G_BEGIN_DECLS

#define GST_TYPE_MMIO_DEVICE (gst_mmio_device_get_type ())
G_DECLARE_FINAL_TYPE (GstMmioDevice, gst_mmio_device, GST, MMIO_DEVICE,
    GstDevice)

GstDevice *gst_mmio_device_new (const MmioPciEntry * entry);

const char *gst_mmio_device_get_address (const GstMmioDevice * self);

G_END_DECLS
