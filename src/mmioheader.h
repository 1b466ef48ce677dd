/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mmioteller.h"

G_BEGIN_DECLS

extern const MmioTeller mmio_header_teller;

G_END_DECLS
