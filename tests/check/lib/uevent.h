/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Events of devices that do not exist, as udevd sends them, in a network
 * namespace of the check's own: there is no other listener, and what happens to
 * this machine's devices is not heard.  What the kernel sends cannot be faked:
 * it has to come from the kernel. */

#include "bus.h"

G_BEGIN_DECLS

void enter_network (gboolean has_udevd);
void send_uevent (const char *action, const char *slot);
guint get_uevent_groups (void);

int run_with_uevents (int argc, char **argv, Suite * (*suite) (void),
    const char *name, const char *file);

G_END_DECLS
