/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The structure of a capture.  Only mmiocapture.c and mmiocaptureframes.c include it. */

#include "capture/mmiocapture.h"
#include "sync/mmiobufferselect.h"
#include "sync/mmiorate.h"

G_BEGIN_DECLS

struct _MmioCapture
{
  MmioCaptureConfig config;     /* of the user; owns its `device` */
  MmioDevice *device;
  MmioLiveness *liveness;
  guint process;                /* the owner; see mmioprocess.h */
  gboolean is_checked;          /* present; no read since */
  MmioModeWatch *mode;          /* NULL if the device does not describe its frame */
  MmioCaptureInfo info;
  MmioShadow *shadow;

  MmioRegisterSpec counter_spec;
  gboolean counter_is_seqlock;
  MmioCounter *counter;
  MmioBufferSelect *select;
  MmioSync *sync;
  int interrupt_fd;             /* owned by the device */
  gint64 interrupt_time;        /* 0: not known */
  gboolean interrupt_is_stale;  /* it may be older than the wait */
  MmioRate interrupt_rate;

  MmioBufferWait buffer_wait;

  GMutex lock;
  MmioCaptureStats stats;
};

G_END_DECLS
