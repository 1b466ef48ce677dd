/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gsize mmio_pages_get_size (int fd);
gsize mmio_pages_round_up (gsize length, gsize page);
char *mmio_pages_get_command (gsize page, gsize length);

G_END_DECLS
