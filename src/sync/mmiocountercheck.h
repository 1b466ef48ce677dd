/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioDoubt:
 * @MMIO_DOUBT_NONE: nothing; the register counts
 * @MMIO_DOUBT_JUMPS: its value jumps
 * @MMIO_DOUBT_SEQLOCK: it is read as a plain counter, and seems to be a seqlock
 * @MMIO_DOUBT_PLAIN: it is read as a seqlock, and seems to be a plain counter
 *
 * What is wrong with a frame counter.
 */
typedef enum {
  MMIO_DOUBT_NONE,
  MMIO_DOUBT_JUMPS,
  MMIO_DOUBT_SEQLOCK,
  MMIO_DOUBT_PLAIN,
} MmioDoubt;

/**
 * MmioCounterCheck:
 * @doubt: the result
 * @jumps: weight of the recent jumps
 * @n_frames: frames since the last jump, up to the end of the check
 * @is_seen: @value and @time are from an earlier poll
 * @value: the register at the last poll
 * @time: time of the last poll (microseconds)
 * @odd: time for which the register was odd (microseconds)
 * @even: time for which it was even (microseconds)
 * @unknown: time between polls that were too far apart (microseconds)
 *
 * Checks that a register counts frames as the user or the device says.
 * Zero-initialise before use.
 */
typedef struct {
  MmioDoubt doubt;
  guint jumps;
  guint n_frames;
  gboolean is_seen;
  guint64 value;
  gint64 time;
  gint64 odd;
  gint64 even;
  gint64 unknown;
} MmioCounterCheck;

void mmio_counter_check_poll (MmioCounterCheck * check, guint64 value,
    gint64 now);
void mmio_counter_check_skip (MmioCounterCheck * check);
void mmio_counter_check_frame (MmioCounterCheck * check, gboolean is_seqlock);
void mmio_counter_check_jump (MmioCounterCheck * check);

gboolean mmio_counter_check_is_watching (const MmioCounterCheck * check);

G_END_DECLS
