/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean trap_start (const guint8 * memory, gsize size);
gboolean trap_stop (const char *path);

G_END_DECLS
