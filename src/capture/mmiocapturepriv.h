/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The structure of a capture.  Only mmiocapture.c and mmiocaptureframes.c include it. */

#include "capture/mmiocapture.h"
#include "sync/mmiobufferselect.h"
#include "sync/mmiorate.h"

G_BEGIN_DECLS

struct _MmioCapture
{
  MmioCaptureConfig config;     /* what the user says; with a device of ours */
  MmioDevice *device;
  MmioLiveness *liveness;
  guint process;                /* whose it is; see mmioprocess.h */
  gboolean is_checked;          /* present, and nothing was read since */
  MmioModeWatch *mode;               /* NULL if the device does not tell */
  MmioCaptureInfo info;
  MmioShadow *shadow;

  MmioRegisterSpec counter_spec;
  gboolean counter_is_seqlock;
  MmioCounter *counter;
  MmioBufferSelect *select;
  MmioSync *sync;
  int interrupt_fd;             /* the device's */
  gint64 interrupt_time;        /* 0: not known */
  gboolean interrupt_is_stale;  /* it may have come before anybody waited */
  MmioRate interrupt_rate;

  MmioBufferWait buffer_wait;

  GMutex lock;
  MmioCaptureStats stats;
};

G_END_DECLS
