/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a device says of its picture, and whether it still says so: holds the
 * registers that tell, and what they told.
 */
#include "describe/mmiomode.h"

#include <string.h>

#include "base/mmioerror.h"
#include "load/mmioreader.h"

struct _MmioMode
{
  MmioDevice *device;
  MmioTellerPlace place;
  MmioRegion *region;           /* NULL until it is watched */
  gboolean was_told;
  MmioStamp stamp;              /* of what was taken from it */
};

/**
 * mmio_mode_new:
 * @device: a device; must live longer
 * @place: where it tells of its picture, known to be in a BAR of its memory
 *
 * Returns: (transfer full): a mode that nobody has asked for yet; nothing is
 *   mapped
 */
MmioMode *
mmio_mode_new (MmioDevice * device, const MmioTellerPlace * place)
{
  MmioMode *mode = g_new0 (MmioMode, 1);

  mode->device = device;
  mode->place = *place;

  return mode;
}

void
mmio_mode_free (MmioMode * mode)
{
  g_clear_pointer (&mode->region, mmio_region_unref);
  g_free (mode);
}

static MmioRegion *
map (const MmioMode * mode, GError ** error)
{
  return mmio_device_map_register (mode->device, mode->place.bar,
      mode->place.offset, mode->place.teller->length, error);
}

/* Pictures that take turns begin where the device says, all of them or none,
 * unless the user says how far apart they are.  As many as it has are its own,
 * be it that the user says so too. */
static void
complete_buffers (MmioSpec * spec, const MmioSpec * told)
{
  if (spec->offset > 0)
    return;

  spec->offset = told->offset;
  if (spec->n_buffers > 0 && spec->n_buffers != told->n_buffers)
    return;

  spec->n_buffers = told->n_buffers;
  if (spec->buffer_step == 0) {
    spec->buffer_step = told->buffer_step;
    memcpy (spec->buffer_offset, told->buffer_offset,
        sizeof (spec->buffer_offset));
  }
  if (spec->index.bits == 0)
    spec->index = told->index;
}

static gboolean
complete (const MmioMode * mode, gint * bar, MmioSpec * spec,
    const MmioSpec * told, GError ** error)
{
  if (spec->format.name[0] == '\0') {
    spec->format = told->format;
  } else if (!mmio_format_equal (&spec->format, &told->format)) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "The device %s shows %s, not %s; leave format unset, or set width and "
        "height too so that it is not asked.",
        mmio_device_get_address (mode->device), told->format.name,
        spec->format.name);
    return FALSE;
  }

  if (*bar < 0)
    *bar = mode->place.picture_bar;
  if (spec->width == 0)
    spec->width = told->width;
  if (spec->height == 0)
    spec->height = told->height;
  if (spec->stride == 0)
    spec->stride = told->stride;
  if (spec->counter.bits == 0) {
    spec->counter = told->counter;
    spec->counter_is_seqlock = told->counter_is_seqlock;
  }
  complete_buffers (spec, told);

  return TRUE;
}

/* Registers that have described a frame, and describe none now, are still the
 * same ones: a guest or a board that starts again has not come to write them */
static MmioTold
ask (const MmioMode * mode, const guint8 * registers, MmioStamp * stamp,
    MmioSpec * told, GError ** error)
{
  const MmioTold ret = mode->place.teller->ask (mode->device, mode->place.bar,
      registers, stamp, told, error);

  if (ret != MMIO_TOLD_NOTHING || !mode->was_told)
    return ret;

  mmio_set_error (error, MMIO_ERROR_NO_MODE,
      "The device %s does not describe its frame any more; write its header "
      "again, or set width, height, format, stride and offset.",
      mmio_device_get_address (mode->device));
  return MMIO_TOLD_NO_MODE;
}

/**
 * mmio_mode_ask:
 * @bar: (inout): the BAR that holds the picture, filled in if -1
 * @spec: (inout): the picture; what is unset in it is filled in
 * @tells: (out): whether the device tells of a picture at all; if not, nothing
 *   is filled in
 *
 * Asks the device for its picture.  Its registers are mapped for as long as
 * this takes, unless they are watched.  After a failure, what it told before
 * is still what is looked for.  A device that has told of a picture once, and
 * tells of none now, has none for the time being.
 *
 * Returns: FALSE with @error set if the device should know and does not say;
 *   with %MMIO_ERROR_NO_MODE if it has none for the time being
 */
gboolean
mmio_mode_ask (MmioMode * mode, gint * bar, MmioSpec * spec, gboolean * tells,
    GError ** error)
{
  g_autoptr (MmioRegion) region = mode->region ?
      mmio_region_ref (mode->region) : map (mode, error);
  MmioSpec told = {.offset = 0 };
  MmioStamp stamp;

  *tells = FALSE;
  if (!region)
    return FALSE;

  switch (ask (mode, mmio_region_get_data (region), &stamp, &told, error)) {
    case MMIO_TOLD_PICTURE:
      if (!complete (mode, bar, spec, &told, error))
        return FALSE;
      *tells = TRUE;
      mode->was_told = TRUE;
      mode->stamp = stamp;
      return TRUE;
    case MMIO_TOLD_NOTHING:
      return TRUE;
    case MMIO_TOLD_NO_MODE:
    case MMIO_TOLD_WRONG:
    default:
      return FALSE;
  }
}

/**
 * mmio_mode_watch:
 *
 * Maps the registers that tell, for mmio_mode_look().  Best after the picture
 * is mapped: the first map of a page says how it is mapped.
 *
 * Returns: FALSE with @error set if they cannot be mapped
 */
gboolean
mmio_mode_watch (MmioMode * mode, GError ** error)
{
  if (!mode->region)
    mode->region = map (mode, error);

  return mode->region != NULL;
}

/**
 * mmio_mode_look:
 * @mode: a mode that is watched
 *
 * Looks whether what mmio_mode_ask() was told last still holds, after
 * everything that was loaded before, and before everything that is loaded
 * afterwards.  A few loads.
 *
 * Returns: what it shows
 */
MmioModeLook
mmio_mode_look (const MmioMode * mode)
{
  MmioStamp stamp;
  gboolean has_mode;

  mmio_reader_fence ();
  has_mode = mode->place.teller->look (mmio_region_get_data (mode->region),
      &stamp);
  mmio_reader_fence ();

  /* It reads as zeros, and nothing comes back: that is found out at once by whoever
   * takes it for another mode */
  if (mmio_region_is_lost (mode->region))
    return MMIO_MODE_OTHER;
  if (!has_mode)
    return MMIO_MODE_NONE;

  return memcmp (&stamp, &mode->stamp, sizeof (stamp)) == 0 ?
      MMIO_MODE_SAME : MMIO_MODE_OTHER;
}
