/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Maps a register of a device and reads it in one load of the register's size.
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

/* Returns: (transfer full): the name of a BAR, for messages */
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
 * @name: prefix of the properties for the register: "counter" or "index"
 * @bar: number of its BAR
 * @spec: its offset in the BAR and its size
 *
 * Checks a register before anything is mapped.
 *
 * Returns: FALSE with %MMIO_ERROR_SETTINGS if the device cannot have the register
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
        "Cannot use a register in BAR %u: %s has no BARs. Leave %s-bar at -1.",
        bar, place, name);
    return FALSE;
  }

  if (spec->bits != 8 && spec->bits != 16 && spec->bits != 32 &&
      spec->bits != 64) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use a register of %u bits in %s: no load has this size. Set "
        "%s-size to 8, 16, 32 or 64.", spec->bits, place, name);
    return FALSE;
  }

  /* A misaligned load may be split into several bus transactions */
  if (spec->offset % bytes != 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use a register of %u bits at byte %" G_GUINT64_FORMAT " of %s: "
        "it is not aligned. Set %s-offset to a multiple of %u, or reduce "
        "%s-size.", spec->bits, spec->offset, place, name, bytes, name);
    return FALSE;
  }

  info = bar < MMIO_MAX_BARS ? mmio_device_get_bar (device, bar) : NULL;
  if (!info || info->size == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use a register in %s: there is no such BAR. Correct %s-bar.",
        place, name);
    return FALSE;
  }

  if (info->is_io || info->size < bytes || spec->offset > info->size - bytes) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use a register at byte %" G_GUINT64_FORMAT " of %s: it has %"
        G_GUINT64_FORMAT " bytes%s. Correct %s-offset%s.", spec->offset, place,
        info->size, info->is_io ? " of I/O ports" : "", name,
        mmio_device_has_bars (device) ? ", or choose another BAR" : "");
    return FALSE;
  }

  return TRUE;
}

/**
 * mmio_register_map:
 * @name: as for mmio_register_check()
 * @bar: number of its BAR
 * @spec: its offset in the BAR and its size
 *
 * Checks and maps a register.
 *
 * Returns: (transfer full) (nullable): the register, or NULL with @error set by
 *   mmio_register_check() or mmio_device_map_register()
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
 * Loads the register, ordered after all earlier loads and before all later ones.
 * So a copy of a frame is complete when the counter is read.
 *
 * Returns: the value
 */
guint64
mmio_register_read (const MmioRegister * reg)
{
  const guint8 *data = mmio_region_get_data (reg->region);
  guint64 value;

  /* Streaming loads are weakly ordered */
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

  /* Later loads must not be older than the register */
  mmio_reader_fence ();
  return value;
}

/**
 * mmio_register_get_bits:
 *
 * Returns: the size of the register (bits)
 */
guint
mmio_register_get_bits (const MmioRegister * reg)
{
  return reg->bits;
}
