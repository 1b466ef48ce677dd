/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What registers that tell of a picture are to those who ask them.  There is
 * one of these for each kind of registers: mmiovbe.c, mmioheader.c. */

#include "device/mmiodevice.h"

G_BEGIN_DECLS

/**
 * MmioTold:
 * @MMIO_TOLD_PICTURE: what the picture is like now
 * @MMIO_TOLD_NOTHING: these are no such registers
 * @MMIO_TOLD_NO_MODE: there is no picture for the time being
 * @MMIO_TOLD_WRONG: something that cannot be
 *
 * What came of asking.
 */
typedef enum {
  MMIO_TOLD_PICTURE,
  MMIO_TOLD_NOTHING,
  MMIO_TOLD_NO_MODE,
  MMIO_TOLD_WRONG,
} MmioTold;

#define MMIO_STAMP_WORDS 10

/**
 * MmioStamp:
 *
 * Few words by which one mode of a device is told from another.
 */
typedef struct {
  guint32 word[MMIO_STAMP_WORDS];
} MmioStamp;

/**
 * MmioLook:
 *
 * Loads as little as it can, to see whether it would be told the same again.
 *
 * Returns: FALSE if there is no picture for the time being
 */
typedef gboolean (*MmioLook) (const guint8 * registers, MmioStamp * stamp);

/**
 * MmioTeller:
 * @length: bytes of the registers
 * @ask: loads the registers and makes of them what they say.  @bar: the BAR
 *   that they are in; @stamp: (out): of what was told; @told: (inout): empty,
 *   to be filled in after %MMIO_TOLD_PICTURE.  @error is set after
 *   %MMIO_TOLD_NO_MODE, with %MMIO_ERROR_NO_MODE, and %MMIO_TOLD_WRONG.
 * @look: whether it would tell the same again
 *
 * How to ask registers for a picture, wherever they are.
 */
typedef struct {
  gsize length;
  MmioTold (*ask) (const MmioDevice * device, guint bar,
      const guint8 * registers, MmioStamp * stamp, MmioSpec * told,
      GError ** error);
  MmioLook look;
} MmioTeller;

/**
 * MmioTellerPlace:
 * @teller: how to ask
 * @bar: the BAR that the registers are in
 * @offset: bytes from its start
 * @picture_bar: the BAR that the picture is in, unless the user names another
 * @is_memory: it is no BAR: reads have no side effects there, and cost nothing
 *
 * Where registers are that tell of a device's picture.
 */
typedef struct {
  const MmioTeller *teller;
  guint bar;
  guint64 offset;
  guint picture_bar;
  gboolean is_memory;
} MmioTellerPlace;

G_END_DECLS
