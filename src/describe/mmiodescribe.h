/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "describe/mmiomodewatch.h"

G_BEGIN_DECLS

gboolean mmio_describe (MmioDevice * device, gint * bar, MmioSpec * spec,
    MmioModeWatch ** watch, GError ** error);
gboolean mmio_describe_has_header (MmioDevice * device, gint bar);
gboolean mmio_describe_find_place (const MmioDevice * device, gint bar,
    MmioDescriptorPlace * place);

G_END_DECLS
