/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A register of a device: mapped, and read in one load of its own size.
 */
#include "sync/mmioregister.h"

#include "base/mmioerror.h"
#include "device/mmiobar.h"
#include "load/mmioreader.h"

struct _MmioRegister
{
  MmioRegion *region;
  guint bits;
};

/* Where a register is, for a sentence */
static char *
get_place (const MmioDevice * device, guint bar)
{
  const char *address = mmio_device_get_address (device);

  return mmio_device_has_bars (device) ?
      g_strdup_printf ("%s %u of %s", mmio_device_get_part (device), bar,
      address) : g_strdup (address);
}

/**
 * mmio_register_check:
 * @name: the properties that say so begin with it, "counter" or "index"
 * @bar: number of the BAR that it is in
 * @spec: where it is there, and how large
 *
 * Returns: FALSE with %MMIO_ERROR_SETTINGS if there can be no such register
 */
gboolean
mmio_register_check (const MmioDevice * device, const char *name, guint bar,
    const MmioRegisterSpec * spec, GError ** error)
{
  g_autofree char *place = get_place (device, bar);
  const guint bytes = spec->bits / 8;
  const MmioBar *info;

  if (!mmio_device_has_bars (device) && bar > 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "%s has no BARs, so there is no register in BAR %u; leave %s-bar at -1.",
        place, bar, name);
    return FALSE;
  }

  if (spec->bits != 8 && spec->bits != 16 && spec->bits != 32 &&
      spec->bits != 64) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "There are no registers of %u bits, in %s neither; set %s-size to 8, "
        "16, 32 or 64.", spec->bits, place, name);
    return FALSE;
  }

  /* Else no load of this size would be one transaction on the bus */
  if (spec->offset % bytes != 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "A register of %u bits cannot be at byte %" G_GUINT64_FORMAT " of %s; "
        "set %s-offset to a multiple of %u, or %s-size lower.", spec->bits,
        spec->offset, place, name, bytes, name);
    return FALSE;
  }

  info = bar < MMIO_MAX_BARS ? mmio_device_get_bar (device, bar) : NULL;
  if (!info || info->size == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "There is no %s, and so no register in it; correct %s-bar.", place,
        name);
    return FALSE;
  }

  if (info->is_io || info->size < bytes || spec->offset > info->size - bytes) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "There is no register at byte %" G_GUINT64_FORMAT " of %s, which has %"
        G_GUINT64_FORMAT " bytes%s; correct %s-offset%s.", spec->offset, place,
        info->size, info->is_io ? " of I/O ports" : "", name,
        mmio_device_has_bars (device) ? ", or choose another BAR" : "");
    return FALSE;
  }

  return TRUE;
}

/**
 * mmio_register_map:
 * @name: as for mmio_register_check()
 * @bar: number of the BAR that it is in
 * @spec: where it is there, and how large
 *
 * Returns: (transfer full) (nullable): the register, or NULL with @error set:
 *   as mmio_register_check(), or what mapping comes to
 */
MmioRegister *
mmio_register_map (MmioDevice * device, const char *name, guint bar,
    const MmioRegisterSpec * spec, GError ** error)
{
  MmioRegister *reg;
  MmioRegion *region;

  if (!mmio_register_check (device, name, bar, spec, error))
    return NULL;

  region = mmio_device_map_register (device, bar, spec->offset, spec->bits / 8,
      error);
  if (!region)
    return NULL;

  reg = g_new0 (MmioRegister, 1);
  reg->region = region;
  reg->bits = spec->bits;

  return reg;
}

void
mmio_register_unmap (MmioRegister * reg)
{
  mmio_region_unref (reg->region);
  g_free (reg);
}

/**
 * mmio_register_read:
 *
 * Loads it, after everything that was loaded before it: a copy of the picture
 * is complete when this is read.
 *
 * Returns: its value now
 */
guint64
mmio_register_read (const MmioRegister * reg)
{
  const guint8 *data = mmio_region_get_data (reg->region);
  guint64 value;

  /* Streaming loads are in no order of their own */
  mmio_reader_fence ();

  switch (reg->bits) {
    case 8:
      value = mmio_reader_load_u8 (data);
      break;
    case 16:
      value = mmio_reader_load_u16 (data);
      break;
    case 32:
      value = mmio_reader_load_u32 (data);
      break;
    default:
      value = mmio_reader_load_u64 (data);
      break;
  }

  /* And what is loaded afterwards is newer */
  mmio_reader_fence ();
  return value;
}

/**
 * mmio_register_get_bits:
 *
 * Returns: its size
 */
guint
mmio_register_get_bits (const MmioRegister * reg)
{
  return reg->bits;
}
