/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "frame/mmioformat.h"

G_BEGIN_DECLS

guint32 mmio_fourcc_from_format (const MmioFormat * format);
const MmioFormat *mmio_fourcc_to_format (guint32 fourcc);

char *mmio_fourcc_to_string (guint32 fourcc);
char *mmio_fourcc_list (void);

G_END_DECLS
