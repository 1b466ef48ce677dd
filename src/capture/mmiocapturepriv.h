/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is in a capture, for its own rooms: mmiocapture.c and
 * mmiocaptureframes.c.  Nobody else includes this. */

#include "capture/mmiocapture.h"
#include "sync/mmiopatience.h"
#include "sync/mmiorate.h"

G_BEGIN_DECLS

struct _MmioCapture
{
  MmioCaptureConfig config;     /* what the user says; with a device of ours */
  MmioDevice *device;
  MmioPresence *presence;
  guint process;                /* whose it is; see mmioprocess.h */
  gboolean is_checked;          /* present, and nothing was read since */
  MmioModeWatch *mode;               /* NULL if the device does not tell */
  gboolean has_unused_header;
  gint bar;
  MmioPicture picture;
  MmioRegion *region;
  const MmioReader *reader;
  const char *engine_reason;
  MmioShadow *shadow;

  MmioRegisterSpec counter_spec;
  gboolean counter_is_seqlock;
  MmioCounter *counter;
  MmioTurn *turn;
  MmioSync *sync;
  int interrupt_fd;             /* the device's */
  gint64 interrupt_time;        /* 0: not known */
  gboolean interrupt_is_stale;  /* it may have come before anybody waited */
  MmioRate interrupt_rate;

  MmioPatience patience;

  GMutex lock;
  MmioCaptureStats stats;
};

G_END_DECLS
