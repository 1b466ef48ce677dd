/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of frames that the device starts share.  The device is a file,
 * which the test paints; the clock goes when the test says, in steps that no
 * machine is slow enough to confuse. */

#include "fixtures/painted.h"
#include "source.h"

G_BEGIN_DECLS

/* The element's own delay, of which a timestamp is free, is none beside it */
#define STEP (1000 * GST_SECOND)
#define SLACK (HANG * GST_USECOND)

GstHarness *new_source (const char *sync);
void set (GstHarness * h, const char *name, const char *value);

/* The device: what makes it have pictures, and whether there is one from the
 * beginning.  One that counts, unless a test says otherwise. */
extern void (*make_pictures) (guint n);
extern gboolean has_first_picture;

/* Frames */

gint64 get_number (GstBuffer * buffer);
void check_frame (GstBuffer * buffer, guint64 offset, GstClockTime time);
GstClockTime pass_time (GstHarness * h, GstClockTime time);
GstBuffer *next_frame (GstHarness * h, guint steps, guint64 offset);
void drop_frame (GstHarness * h, guint steps, guint64 offset);
void check_first (GstHarness * h);
void check_stat (GstHarness * h, const char *field, guint64 value);
void check_idle (GstHarness * h);
void check_qos (GstHarness * h, guint64 processed, guint64 dropped);
gint64 wait_for_stall (GstHarness * h, const char *word);
void check_prompt (GstHarness * h, guint way);

/* Ways out of a wait, for check_prompt() */
#define N_WAYS_OUT 4

/* A consumer that takes its time */

void gate_init (GstHarness * h);
void gate_close (void);
void gate_wait (void);
void gate_open (void);

/* A device that counts by itself: a thread, until painted.stop */

extern gint device_pause;

gpointer run_device (gpointer unused);

G_END_DECLS
