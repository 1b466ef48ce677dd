/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

int mmio_udmabuf_can_share (int memfd, gboolean * can_share);

int mmio_udmabuf_export (int memfd, guint64 offset, guint64 length,
    const char *address, GError ** error);

G_END_DECLS
