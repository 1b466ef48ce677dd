/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads a device's descriptor, and polls it for a change of mode.
 */
#include "describe/mmiomodewatch.h"

#include <string.h>

#include "base/mmioerror.h"
#include "device/mmiobar.h"
#include "load/mmioreader.h"

struct _MmioModeWatch
{
  MmioDevice *device;
  MmioDescriptorPlace place;
  MmioRegion *region;           /* NULL until mmio_mode_watch_start() */
  gboolean had_frame;           /* the descriptor has described a frame */
  MmioModeKey key;              /* of that frame */
};

/**
 * mmio_mode_watch_new:
 * @device: a device, which outlives the watch
 * @place: its descriptor, within a BAR of its memory
 *
 * Creates a watch; nothing is mapped.
 *
 * Returns: (transfer full): the watch, from which nothing was read yet
 */
MmioModeWatch *
mmio_mode_watch_new (MmioDevice * device, const MmioDescriptorPlace * place)
{
  MmioModeWatch *watch = g_new0 (MmioModeWatch, 1);

  watch->device = device;
  watch->place = *place;

  return watch;
}

/**
 * mmio_mode_watch_free:
 * @watch: (transfer full): a watch
 */
void
mmio_mode_watch_free (MmioModeWatch * watch)
{
  g_clear_pointer (&watch->region, mmio_region_unref);
  g_free (watch);
}

static MmioRegion *
map (const MmioModeWatch * watch, GError ** error)
{
  return mmio_device_map_register (watch->device, watch->place.bar,
      watch->place.offset, watch->place.descriptor->length, error);
}

/* The slots of the device are used as a whole, and only if the user sets none:
 * offsets of both cannot be combined.  The same number set by the user changes
 * nothing. */
static void
complete_buffers (MmioSpec * spec, const MmioSpec * described)
{
  if (spec->offset > 0)
    return;

  spec->offset = described->offset;
  if (spec->n_buffers > 0 && spec->n_buffers != described->n_buffers)
    return;

  spec->n_buffers = described->n_buffers;
  if (spec->buffer_step == 0) {
    spec->buffer_step = described->buffer_step;
    memcpy (spec->buffer_offset, described->buffer_offset,
        sizeof (spec->buffer_offset));
  }
  if (spec->index.bits == 0)
    spec->index = described->index;
}

static gboolean
complete (const MmioModeWatch * watch, gint * bar, MmioSpec * spec,
    const MmioSpec * described, GError ** error)
{
  if (spec->format.name[0] == '\0') {
    spec->format = described->format;
  } else if (!mmio_format_equal (&spec->format, &described->format)) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot capture %s as %s: it describes %s frames. Leave format unset, "
        "or set width and height too, so that the description is not read.",
        mmio_device_get_address (watch->device), spec->format.name,
        described->format.name);
    return FALSE;
  }

  if (*bar < 0)
    *bar = watch->place.frame_bar;
  if (spec->width == 0)
    spec->width = described->width;
  if (spec->height == 0)
    spec->height = described->height;
  if (spec->stride == 0)
    spec->stride = described->stride;
  if (spec->counter.bits == 0) {
    spec->counter = described->counter;
    spec->counter_is_seqlock = described->counter_is_seqlock;
  }
  complete_buffers (spec, described);

  return TRUE;
}

/* Registers without a frame are still a descriptor if they described one
 * before: a guest or a board that restarts has not written them yet */
static MmioDescription
read_descriptor (const MmioModeWatch * watch, const guint8 * registers,
    MmioModeKey * key, MmioSpec * described, GError ** error)
{
  const MmioDescription ret = watch->place.descriptor->read (watch->device,
      watch->place.bar, registers, key, described, error);

  if (ret != MMIO_DESCRIPTION_NONE || !watch->had_frame)
    return ret;

  mmio_set_error (error, MMIO_ERROR_NO_MODE,
      "Cannot read the description of the frame of %s: it is missing now. "
      "Write its header again, or set width, height, format, stride and "
      "offset.", mmio_device_get_address (watch->device));
  return MMIO_DESCRIPTION_NO_MODE;
}

/**
 * mmio_mode_watch_read:
 * @bar: (inout): the BAR of the frame, filled in if -1
 * @spec: (inout): the frame; its unset members are filled in
 * @has_frame: (out): whether the device describes a frame; if not, nothing is filled in
 *
 * Reads the descriptor.  Its registers are mapped during the call, or until
 * mmio_mode_watch_free() after mmio_mode_watch_start().  After a failure,
 * mmio_mode_watch_poll() compares with the former mode.
 *
 * Returns: FALSE with @error set if the description cannot be used;
 *   %MMIO_ERROR_NO_MODE if the device shows no frame at the moment
 */
gboolean
mmio_mode_watch_read (MmioModeWatch * watch, gint * bar, MmioSpec * spec,
    gboolean * has_frame, GError ** error)
{
  g_autoptr (MmioRegion) region = watch->region ?
      mmio_region_ref (watch->region) : map (watch, error);
  MmioSpec described = {.offset = 0 };
  MmioModeKey key;

  *has_frame = FALSE;
  if (!region)
    return FALSE;

  switch (read_descriptor (watch, mmio_region_get_data (region), &key,
          &described, error)) {
    case MMIO_DESCRIPTION_FRAME:
      if (!complete (watch, bar, spec, &described, error))
        return FALSE;
      *has_frame = TRUE;
      watch->had_frame = TRUE;
      watch->key = key;
      return TRUE;
    case MMIO_DESCRIPTION_NONE:
      return TRUE;
    case MMIO_DESCRIPTION_NO_MODE:
    case MMIO_DESCRIPTION_INVALID:
    default:
      return FALSE;
  }
}

/**
 * mmio_mode_watch_start:
 *
 * Maps the registers for mmio_mode_watch_poll().  The frame is mapped before: the
 * first map of a page decides how it is mapped.
 *
 * Returns: FALSE with @error set if they cannot be mapped
 */
gboolean
mmio_mode_watch_start (MmioModeWatch * watch, GError ** error)
{
  if (!watch->region)
    watch->region = map (watch, error);

  return watch->region != NULL;
}

/**
 * mmio_mode_watch_poll:
 * @watch: a watch after mmio_mode_watch_start()
 *
 * Compares the device's mode with the last one that was read, in a few loads.  These are
 * ordered after all loads before this call and before all loads after it.
 *
 * Returns: the result
 */
MmioModeState
mmio_mode_watch_poll (const MmioModeWatch * watch)
{
  MmioModeKey key;
  gboolean has_mode;

  mmio_reader_fence ();
  has_mode = watch->place.descriptor->poll (mmio_region_get_data
      (watch->region), &key);
  mmio_reader_fence ();

  /* A lost region reads as zeros.  The caller detects the loss when it reads
   * the new mode. */
  if (mmio_region_is_lost (watch->region))
    return MMIO_MODE_CHANGED;
  if (!has_mode)
    return MMIO_MODE_NONE;

  return memcmp (&key, &watch->key, sizeof (key)) == 0 ?
      MMIO_MODE_SAME : MMIO_MODE_CHANGED;
}
