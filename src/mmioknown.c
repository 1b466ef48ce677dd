/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCI devices that tell their picture's geometry, and how to ask them.
 */
#include "mmioknown.h"

#include "mmiobackend.h"
#include "mmioerror.h"
#include "mmioreader.h"

typedef struct
{
  guint16 vendor;
  guint16 device;
  gint picture_bar;
  guint register_bar;
  guint64 register_offset;
  gsize register_length;
    gboolean (*parse) (const MmioDevice * device, const guint8 * registers,
      MmioSpec * told, GError ** error);
} MmioKnown;

/* The Bochs display interface as QEMU has it in BAR 2 of std VGA and of
 * bochs-display: 16-bit registers from 0x500 on; source: QEMU's
 * docs/specs/standard-vga.rst and include/hw/display/bochs-vbe.h. */
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

#define VBE_REGISTERS 0x500
#define VBE_ID_MASK 0xfff0
#define VBE_ID_VALUE 0xb0c0
#define VBE_ENABLED 0x01

static const char *
vbe_format (guint bpp)
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
vbe_parse (const MmioDevice * device, const guint8 * registers,
    MmioSpec * told, GError ** error)
{
  guint16 vbe[VBE_N_REGISTERS];
  const char *address = mmio_device_get_address (device);
  const char *format;
  guint bytes;

  for (guint i = 0; i < VBE_N_REGISTERS; i++)
    vbe[i] = mmio_reader_load_u16 (registers + 2 * i);

  g_debug ("%s: VBE id %#x, %ux%u, %u bpp, enable %#x, %u virtual, offset %u, "
      "%u", address, vbe[VBE_ID], vbe[VBE_XRES], vbe[VBE_YRES], vbe[VBE_BPP],
      vbe[VBE_ENABLE], vbe[VBE_VIRT_WIDTH], vbe[VBE_X_OFFSET],
      vbe[VBE_Y_OFFSET]);

  if ((vbe[VBE_ID] & VBE_ID_MASK) != VBE_ID_VALUE) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "The mode registers of %s do not answer; set width, height, format and "
        "stride.", address);
    return FALSE;
  }

  if (!(vbe[VBE_ENABLE] & VBE_ENABLED) || vbe[VBE_XRES] == 0 ||
      vbe[VBE_YRES] == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "The display %s shows no graphics mode now; set width, height, format "
        "and stride, or let its driver set a mode.", address);
    return FALSE;
  }

  format = vbe_format (vbe[VBE_BPP]);
  if (!format) {
    mmio_set_error (error, MMIO_ERROR_FORMAT,
        "The display %s has a mode of %u bits a pixel, which is no picture "
        "without its palette; set a mode of 16, 24 or 32 bits.", address,
        vbe[VBE_BPP]);
    return FALSE;
  }

  bytes = (vbe[VBE_BPP] + 7) / 8;
  told->format = *mmio_format_find (format);
  told->width = vbe[VBE_XRES];
  told->height = vbe[VBE_YRES];
  told->stride = bytes * MAX (vbe[VBE_VIRT_WIDTH], vbe[VBE_XRES]);
  told->offset = (guint64) told->stride * vbe[VBE_Y_OFFSET] +
      bytes * vbe[VBE_X_OFFSET];
  return TRUE;
}

/* To add a device, add a line and a function that reads its registers */
static const MmioKnown known_devices[] = {
  {0x1234, 0x1111, 0, 2, VBE_REGISTERS, 2 * VBE_N_REGISTERS, vbe_parse},
};

/**
 * mmio_known_describe:
 * @device: a PCI device
 * @vendor: its vendor ID
 * @id: its device ID
 * @bar: (inout): the BAR that holds the picture, filled in if -1
 * @spec: (inout): the picture; what is unset in it is filled in
 *
 * Asks a device for its geometry, if it is one that can be asked.  For others
 * nothing happens.
 *
 * Returns: FALSE with @error set if the device should know and does not say
 */
gboolean
mmio_known_describe (MmioDevice * device, guint16 vendor, guint16 id,
    gint * bar, MmioSpec * spec, GError ** error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (known_devices); i++) {
    const MmioKnown *known = &known_devices[i];
    g_autoptr (MmioRegion) region = NULL;
    MmioSpec told = {.offset = 0 };

    if (known->vendor != vendor || known->device != id)
      continue;

    /* There are variants without registers (std VGA with mmio=off) */
    if (device->bar[known->register_bar].is_io ||
        device->bar[known->register_bar].size <
        known->register_offset + known->register_length)
      return TRUE;

    region = device->backend->map (device, known->register_bar,
        known->register_offset, known->register_length,
        MMIO_MAPPING_UNCACHED, error);
    if (!region || !known->parse (device, mmio_region_get_data (region), &told,
            error))
      return FALSE;

    if (spec->format.name[0] == '\0') {
      spec->format = told.format;
    } else if (!mmio_format_equal (&spec->format, &told.format)) {
      mmio_set_error (error, MMIO_ERROR_SETTINGS,
          "The display %s shows %s, not %s; leave format unset, or set width "
          "and height too so that it is not asked.",
          mmio_device_get_address (device), told.format.name,
          spec->format.name);
      return FALSE;
    }

    if (*bar < 0)
      *bar = known->picture_bar;
    if (spec->width == 0)
      spec->width = told.width;
    if (spec->height == 0)
      spec->height = told.height;
    if (spec->stride == 0)
      spec->stride = told.stride;
    if (spec->offset == 0)
      spec->offset = told.offset;
    return TRUE;
  }

  return TRUE;
}
