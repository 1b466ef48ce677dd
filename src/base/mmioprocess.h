/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

guint mmio_process_get (void);
gboolean mmio_process_is_current (guint process);

G_END_DECLS
