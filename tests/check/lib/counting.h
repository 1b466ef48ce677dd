/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "helper.h"

#include "mmiocapture.h"

G_BEGIN_DECLS

/* Has a thread write pictures, from number 1 on, each counted, while @n frames
 * are captured by a counter.  What is whole has to be the picture that its
 * number tells, as @get_number finds it in the pixels (-1: it is torn), and
 * some have to be missed.  @pictures: (atomic): how many the thread has begun or
 * written; @stop: (atomic): ends it.  Returns: how many pictures were told of,
 * which should be all of them */
guint64 count_while_written (MmioCapture * capture, const MmioTarget * target,
    gint64 (*get_number) (const guint32 * pixels), GThreadFunc writer,
    const gint * pictures, gint * stop, guint n);

G_END_DECLS
