/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Registers that describe a frame.  There is one MmioDescriptor for each kind:
 * mmiovbe.c, mmioheader.c. */

#include "device/mmiodevice.h"
#include "frame/mmiolayout.h"

G_BEGIN_DECLS

/**
 * MmioDescription:
 * @MMIO_DESCRIPTION_FRAME: the registers describe a frame
 * @MMIO_DESCRIPTION_NONE: there are no such registers
 * @MMIO_DESCRIPTION_NO_MODE: the device shows no frame at the moment
 * @MMIO_DESCRIPTION_INVALID: the registers contradict themselves
 *
 * The result of reading a descriptor.
 */
typedef enum {
  MMIO_DESCRIPTION_FRAME,
  MMIO_DESCRIPTION_NONE,
  MMIO_DESCRIPTION_NO_MODE,
  MMIO_DESCRIPTION_INVALID,
} MmioDescription;

#define MMIO_MODE_KEY_WORDS 10

/**
 * MmioModeKey:
 *
 * The words that distinguish the modes of a device.
 */
typedef struct {
  guint32 word[MMIO_MODE_KEY_WORDS];
} MmioModeKey;

/**
 * MmioDescriptorPoll:
 * @registers: the mapped registers
 * @key: (out): the mode
 *
 * Loads only the registers that distinguish modes.
 *
 * Returns: FALSE if the device shows no frame at the moment
 */
typedef gboolean (*MmioDescriptorPoll) (const guint8 * registers,
    MmioModeKey * key);

/**
 * MmioDescriptor:
 * @length: size of the registers (bytes)
 * @read: loads the registers and interprets them.  @bar: the BAR that they are in;
 *   @key: (out): the mode; @spec: (inout): empty, filled in after
 *   %MMIO_DESCRIPTION_FRAME.  @error is set after %MMIO_DESCRIPTION_NO_MODE, to
 *   %MMIO_ERROR_NO_MODE, and after %MMIO_DESCRIPTION_INVALID.
 * @poll: checks whether @read would find the same mode
 *
 * How to read a frame's description from registers.
 */
typedef struct {
  gsize length;
  MmioDescription (*read) (const MmioDevice * device, guint bar,
      const guint8 * registers, MmioModeKey * key, MmioSpec * spec,
      GError ** error);
  MmioDescriptorPoll poll;
} MmioDescriptor;

/**
 * MmioDescriptorPlace:
 * @descriptor: how to read the registers
 * @bar: the BAR that they are in
 * @offset: bytes from its start
 * @frame_bar: the BAR of the frame, unless the user names another one
 *
 * Where a device's descriptor is.
 */
typedef struct {
  const MmioDescriptor *descriptor;
  guint bar;
  guint64 offset;
  guint frame_bar;
} MmioDescriptorPlace;

G_END_DECLS
