/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What becomes of a device that wants to do harm, and of its pictures. */

#include "capture/mmiocapture.h"
#include "device.h"

G_BEGIN_DECLS

/* What a user may say that has to do with what the device says, in 8 bytes */
void fuzz_capture_take_config (FuzzBytes * bytes, MmioCaptureConfig * config);

/* Opens it, reads it, and follows it, as the element does, and looks at all that
 * comes of it */
void fuzz_capture_run (const MmioCaptureConfig * config);

G_END_DECLS
