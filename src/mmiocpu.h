/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean mmio_cpu_has_streaming_loads (void);
gboolean mmio_cpu_is_virtual (void);

G_END_DECLS
