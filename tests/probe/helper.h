/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of mmiovid-probe share */

#include "base/mmioerror.h"
#include "device/mmiobackend.h"
#include "probe/mmioprobereport.h"

G_BEGIN_DECLS

/* The error is what it should be, its sentence has all the words and is one
 * line; clears it */
void check_error (GError ** error, MmioErrorCode code, ...)
    G_GNUC_NULL_TERMINATED;

void check_words (const char *text, ...) G_GNUC_NULL_TERMINATED;

/* A file of @text in @directory, made with the directories above it */
char *write_file (const char *directory, const char *name, const char *text);
void remove_tree (const char *directory);

/* A PCI device of which the test is master: its BARs are memory */
typedef struct
{
  MmioDevice parent;
  int fd[MMIO_MAX_BARS];
  gboolean refuse_wc;
  gboolean downgrade_wc;
  gboolean is_off;              /* its memory is not decoded */

  guint n_maps;
  MmioRegion *last;
} FakeDevice;

/* It is searched for a header */
void fake_allow_header (FakeDevice * fake);
FakeDevice *fake_new (void);
void fake_add_bar (FakeDevice * fake, guint bar, guint64 size,
    gboolean is_prefetchable);
void fake_add_io (FakeDevice * fake, guint bar, guint64 size);

/* Results that nobody has measured */
MmioProbeMap *add_map (MmioProbeReport * report, MmioMapping requested,
    MmioMapping obtained);
MmioProbeResult *add_result (MmioProbeMap * map, const char *name,
    gboolean is_engine, double rate);
MmioProbeReport *report_new (const MmioProbeConfig * config);

G_END_DECLS
