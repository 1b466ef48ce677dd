/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mode registers of the Bochs display interface (VBE), as QEMU implements them in
 * BAR 2 of std VGA and bochs-display: 16 bits each.  Source: docs/specs/standard-vga.rst
 * and include/hw/display/bochs-vbe.h of QEMU.
 */
#include "describe/mmiovbe.h"

#include <string.h>

#include "base/mmioerror.h"
#include "load/mmioreader.h"

enum
{
  VBE_ID = 0,
  VBE_XRES = 1,
  VBE_YRES = 2,
  VBE_BPP = 3,
  VBE_ENABLE = 4,
  VBE_VIRT_WIDTH = 6,
  VBE_X_OFFSET = 8,
  VBE_Y_OFFSET = 9,
  VBE_N_REGISTERS = 10,
};

G_STATIC_ASSERT (VBE_N_REGISTERS <= MMIO_MODE_KEY_WORDS);

#define VBE_ID_MASK 0xfff0
#define VBE_ID_VALUE 0xb0c0
#define VBE_ENABLED 0x01

/* How often to read registers that change during the read; a driver writes all
 * of them within microseconds */
#define MAX_TRIES 4

static const char *
get_format (guint bpp)
{
  switch (bpp) {
    case 15:
      return "RGB15";
    case 16:
      return "RGB16";
    case 24:
      return "BGR";
    case 32:
      return "BGRx";
    default:
      return NULL;
  }
}

static gboolean
is_vbe (const MmioModeKey * vbe)
{
  return (vbe->word[VBE_ID] & VBE_ID_MASK) == VBE_ID_VALUE;
}

static gboolean
has_mode (const MmioModeKey * vbe)
{
  return (vbe->word[VBE_ENABLE] & VBE_ENABLED) && vbe->word[VBE_XRES] > 0 &&
      vbe->word[VBE_YRES] > 0;
}

/* Loads only the registers that determine the frame.  Drivers clear `enable`
 * before they write the others, and set it after them.  A device without VBE
 * has no mode either, but that is not temporary. */
static gboolean
mmio_vbe_poll (const guint8 * registers, MmioModeKey * key)
{
  static const guint8 numbers[] = { VBE_ID, VBE_XRES, VBE_YRES, VBE_BPP,
    VBE_ENABLE, VBE_VIRT_WIDTH, VBE_X_OFFSET, VBE_Y_OFFSET
  };

  memset (key, 0, sizeof (*key));
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    key->word[numbers[i]] =
        mmio_reader_load_u16 (registers + (gsize) 2 * numbers[i]);
  key->word[VBE_ENABLE] &= VBE_ENABLED;

  return !is_vbe (key) || has_mode (key);
}

/* Reads the registers until two reads agree.  Returns: FALSE if they keep
 * changing */
static gboolean
read_mode (const guint8 * registers, MmioDescriptorPoll poll, MmioModeKey * vbe)
{
  MmioModeKey before;

  poll (registers, vbe);
  for (guint i = 1; i < MAX_TRIES; i++) {
    before = *vbe;
    mmio_reader_fence ();
    poll (registers, vbe);
    if (memcmp (&before, vbe, sizeof (before)) == 0)
      return TRUE;
  }

  return FALSE;
}

/**
 * mmio_vbe_read_by:
 * @poll: loads the registers
 *
 * Implements @read of #MmioDescriptor for any kind of load.
 *
 * Returns: the result
 */
MmioDescription
mmio_vbe_read_by (const MmioDevice * device, const guint8 * registers,
    MmioDescriptorPoll poll, MmioModeKey * key, MmioSpec * described,
    GError ** error)
{
  const char *address = mmio_device_get_address (device);
  const gboolean is_stable = read_mode (registers, poll, key);
  const guint32 *vbe = key->word;
  const char *format;
  guint bytes;

  g_debug ("%s: VBE id %#x, %ux%u, %u bpp, enable %#x, %u virtual, offset %u, "
      "%u", address, vbe[VBE_ID], vbe[VBE_XRES], vbe[VBE_YRES], vbe[VBE_BPP],
      vbe[VBE_ENABLE], vbe[VBE_VIRT_WIDTH], vbe[VBE_X_OFFSET],
      vbe[VBE_Y_OFFSET]);

  if (!is_vbe (key)) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot read the mode of %s: its mode registers have no VBE id. Set "
        "width, height, format and stride.", address);
    return MMIO_DESCRIPTION_INVALID;
  }

  if (!is_stable || !has_mode (key)) {
    mmio_set_error (error, MMIO_ERROR_NO_MODE,
        "Cannot read the mode of %s: the display has no graphics mode at the "
        "moment. Set width, height, format and stride, or let its driver set a "
        "mode.", address);
    return MMIO_DESCRIPTION_NO_MODE;
  }

  format = get_format (vbe[VBE_BPP]);
  if (!format) {
    mmio_set_error (error, MMIO_ERROR_FORMAT,
        "Cannot capture %s: the display has a mode of %u bits per pixel, which "
        "needs a palette. Set a mode of 16, 24 or 32 bits.", address,
        vbe[VBE_BPP]);
    return MMIO_DESCRIPTION_INVALID;
  }

  bytes = (vbe[VBE_BPP] + 7) / 8;
  described->format = *mmio_format_find (format);
  described->width = vbe[VBE_XRES];
  described->height = vbe[VBE_YRES];
  described->stride = bytes * MAX (vbe[VBE_VIRT_WIDTH], vbe[VBE_XRES]);
  described->offset = (guint64) described->stride * vbe[VBE_Y_OFFSET] +
      (guint64) bytes *vbe[VBE_X_OFFSET];
  return MMIO_DESCRIPTION_FRAME;
}

static MmioDescription
mmio_vbe_read (const MmioDevice * device, guint bar, const guint8 * registers,
    MmioModeKey * key, MmioSpec * described, GError ** error)
{
  return mmio_vbe_read_by (device, registers, mmio_vbe_poll, key, described,
      error);
}

const MmioDescriptor mmio_vbe_descriptor = {
  .length = (gsize) 2 * VBE_N_REGISTERS,
  .read = mmio_vbe_read,
  .poll = mmio_vbe_poll,
};
