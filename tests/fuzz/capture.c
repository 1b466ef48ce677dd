/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "capture.h"

#include "base/mmioerror.h"
#include "capture/mmiocapturepriv.h"

/* So often it is opened, and so many frames are read */
#define MAX_OPENS 3
#define MAX_FRAMES 6
/* How long it is waited for a picture; microseconds */
#define TIMEOUT 20000
/* And between two looks, where there is no rate; microseconds */
#define LONGEST_PAUSE 10000

typedef unsigned __int128 Wide;

void
fuzz_capture_take_config (FuzzBytes * bytes, MmioCaptureConfig * config)
{
  static const MmioEngine engines[] = { MMIO_ENGINE_AUTO, MMIO_ENGINE_U64,
    MMIO_ENGINE_U32
  };
  const guint how = fuzz_take (bytes, 1), what = fuzz_take (bytes, 1);
  const guint where = fuzz_take (bytes, 2);

  *config = (MmioCaptureConfig) {
  .device = "0000:aa:11.3",.bar = -1};
  config->changes = how % 3;
  config->engine = engines[how / 3 % 3];
  if (how & 0x80)
    config->frame_sync = MMIO_FRAME_SYNC_COUNTER;
  if (how & 0x40)
    config->bar = what % 8 % MMIO_MAX_BARS;

  if (what & 0x80)
    config->spec.counter = (MmioRegisterSpec) {
    .bar = -1,.offset = where % 256,.bits = 8 << (what >> 5 & 3)};
  config->spec.counter_is_seqlock = (what & 0x80) != 0 && (what & 0x10) != 0;
  if (what & 8) {
    config->spec.n_buffers = 1 + where / 256 % MMIO_MAX_BUFFERS;
    config->spec.buffer_step = where / 1024 * 64;
  }
  config->spec.stride = fuzz_take (bytes, 2);
  config->spec.offset = fuzz_take (bytes, 2);
}

/* All of it lies in the BAR */
static void
check_picture (const MmioCapture * capture)
{
  const MmioLayout *picture = &capture->info.layout;
  const MmioBar *bar;

  CHECK (capture->info.bar >= 0 && capture->info.bar < MMIO_MAX_BARS);
  bar = &fuzz_device.bar[capture->info.bar];
  CHECK (!bar->is_io);
  CHECK (picture->width > 0 && picture->width <= MMIO_LAYOUT_MAX_SIDE);
  CHECK (picture->height > 0 && picture->height <= MMIO_LAYOUT_MAX_SIDE);
  CHECK (picture->n_buffers > 0 && picture->n_buffers <= MMIO_MAX_BUFFERS);
  CHECK (picture->format.n_planes > 0 &&
      picture->format.n_planes <= MMIO_MAX_PLANES);
  CHECK (mmio_region_get_length (capture->info.region) ==
      picture->end - picture->start);

  for (guint i = 0; i < picture->n_buffers; i++) {
    for (guint p = 0; p < picture->format.n_planes; p++) {
      const MmioPlane *plane = &picture->plane[p];
      const Wide begin = (Wide) plane->offset + picture->buffer[i];
      const Wide end = begin + (Wide) plane->stride * (plane->rows - 1) +
          plane->row_bytes;

      CHECK (plane->rows > 0 && plane->row_bytes > 0);
      CHECK (plane->row_bytes <= plane->stride);
      CHECK (begin >= picture->start && end <= picture->end);
      CHECK (end <= bar->size);
    }
    for (guint j = 0; j < i; j++)
      CHECK (MAX (picture->buffer[i], picture->buffer[j]) -
          MIN (picture->buffer[i], picture->buffer[j]) >=
          mmio_layout_get_size (picture));
  }
}

/* Where a register is that was taken */
static void
check_register (const MmioRegisterSpec * spec)
{
  CHECK (spec->bar >= 0 && spec->bar < MMIO_MAX_BARS);
  CHECK (!fuzz_device.bar[spec->bar].is_io);
  CHECK ((Wide) spec->offset + spec->bits / 8 <=
      fuzz_device.bar[spec->bar].size);
}

static void
check_capture (const MmioCapture * capture)
{
  check_picture (capture);
  if (capture->counter)
    check_register (&capture->counter_spec);
  CHECK ((capture->counter != NULL) == (capture->counter_spec.bits > 0));
  CHECK (capture->config.frame_sync != MMIO_FRAME_SYNC_COUNTER ||
      capture->counter);
}

/* Whether a picture that was read is the one that is in the memory, which does
 * not change where the script does not change it */
static gboolean
is_buffer (const MmioCapture * capture, guint buffer, const MmioTarget * target)
{
  const MmioLayout *picture = &capture->info.layout;

  for (guint p = 0; p < picture->format.n_planes; p++) {
    const MmioPlane *plane = &picture->plane[p];

    for (guint y = 0; y < plane->rows; y++) {
      const guint8 *row = fuzz_device_get (capture->info.bar, plane->offset +
          picture->buffer[buffer] + (guint64) y * plane->stride,
          plane->row_bytes);

      CHECK (row != NULL);
      if (memcmp (target->plane[p] + y * target->stride[p], row,
              plane->row_bytes) != 0)
        return FALSE;
    }
  }

  return TRUE;
}

static gboolean
is_any_buffer (const MmioCapture * capture, const MmioTarget * target)
{
  for (guint i = 0; i < capture->info.layout.n_buffers; i++) {
    if (is_buffer (capture, i, target))
      return TRUE;
  }

  return FALSE;
}

/* Whether the script changes the picture itself */
static gboolean
is_scripted (const MmioCapture * capture)
{
  const guint64 begin = fuzz_device.script_offset;

  return (guint) capture->info.bar == fuzz_device.script_bar &&
      capture->info.layout.start < begin + 4 * fuzz_device.script_words &&
      capture->info.layout.end > begin;
}

static void
check_damage (const MmioCapture * capture, const MmioDamage * damage)
{
  CHECK (damage->n_ranges <= MMIO_MAX_DAMAGE);
  for (guint i = 0; i < damage->n_ranges; i++) {
    CHECK (damage->range[i].count > 0);
    CHECK ((Wide) damage->range[i].first + damage->range[i].count <=
        capture->info.layout.height);
  }
}

static MmioRead
read_frame (MmioCapture * capture)
{
  const MmioLayout *picture = &capture->info.layout;
  MmioTarget target = {.format = picture->format };
  MmioDamage damage = {.n_ranges = 0 };
  MmioRead ret;

  /* No byte more than it has */
  for (guint p = 0; p < picture->format.n_planes; p++) {
    target.stride[p] = picture->plane[p].row_bytes;
    target.plane[p] = g_malloc ((gsize) target.stride[p] *
        picture->plane[p].rows);
  }

  ret = mmio_capture_read (capture, &target, &damage);
  CHECK (ret != MMIO_READ_WOKEN && ret != MMIO_READ_GONE);
  CHECK (!mmio_region_is_lost (capture->info.region));
  if (ret == MMIO_READ_WHOLE || ret == MMIO_READ_TORN) {
    check_damage (capture, &damage);
    CHECK (is_scripted (capture) || is_any_buffer (capture, &target));
  }

  for (guint p = 0; p < picture->format.n_planes; p++)
    g_free (target.plane[p]);
  return ret;
}

/* However it counts, it is looked at again soon */
static void
check_pause (const MmioCapture * capture)
{
  const gint64 pause = mmio_counter_get_pause (capture->counter,
      g_get_monotonic_time ());
  const gint64 period = mmio_counter_get_period (capture->counter);

  CHECK (period >= 0 && period <= MMIO_RATE_MAX_PERIOD);
  CHECK (pause > 0 && pause <= MAX (period, LONGEST_PAUSE));
}

static void
wait_for_frame (MmioCapture * capture)
{
  const gint64 begin = g_get_monotonic_time ();
  MmioCount count;

  if (capture->config.frame_sync != MMIO_FRAME_SYNC_COUNTER)
    return;

  switch (mmio_capture_wait (capture, begin + TIMEOUT, &count)) {
    case MMIO_WAIT_FRAME:
      CHECK (count.steps > 0);
      CHECK (count.time >= begin && count.time <= g_get_monotonic_time ());
      break;
    case MMIO_WAIT_TIMEOUT:
      break;
    default:
      CHECK (FALSE);
  }
  /* Not much longer than it was to, and it was no busy loop either */
  CHECK (g_get_monotonic_time () <= begin + TIMEOUT + 1);
  CHECK (mmio_capture_get_period (capture) >= 0);
}

/* One frame, if it is small enough to be there.  Returns: FALSE if there is
 * another mode now */
static gboolean
take_frame (MmioCapture * capture)
{
  const MmioLayout *picture = &capture->info.layout;
  guint buffer;

  wait_for_frame (capture);
  if (capture->counter)
    check_pause (capture);
  CHECK (mmio_capture_choose (capture, &buffer) <= MMIO_READ_TORN);
  CHECK (buffer < picture->n_buffers);
  if (fuzz_device_get (capture->info.bar, picture->start,
          mmio_region_get_length (capture->info.region)))
    return read_frame (capture) != MMIO_READ_OUTDATED;

  return mmio_capture_poll_mode (capture) == MMIO_MODE_SAME;
}

/* Returns: (transfer full) (nullable): what goes on with; takes @capture */
static MmioCapture *
renew (MmioCapture * capture)
{
  g_autoptr (GError) error = NULL;
  MmioCapture *renewed = mmio_capture_renew (capture, &error);
  MmioCaptureStats stats;

  CHECK_ERROR (renewed != NULL, error);
  mmio_capture_get_stats (capture, &stats);
  if (error && error->code == MMIO_ERROR_NO_MODE)
    return capture;

  mmio_capture_close (capture);
  return renewed;
}

static void
follow (MmioCapture * capture)
{
  MmioCaptureStats stats;

  for (guint i = 0; capture && i < MAX_FRAMES; i++) {
    check_capture (capture);
    if (mmio_capture_poll_mode (capture) != MMIO_MODE_SAME
        || !take_frame (capture))
      capture = renew (capture);
    else if (capture->counter)
      check_pause (capture);
  }
  if (!capture)
    return;

  mmio_capture_get_stats (capture, &stats);
  CHECK (stats.frames <= MAX_FRAMES && stats.torn <= 2 * MAX_FRAMES);
  mmio_capture_close (capture);
}

void
fuzz_capture_run (const MmioCaptureConfig * config)
{
  for (guint i = 0; i < MAX_OPENS; i++) {
    g_autoptr (GError) error = NULL;
    MmioCapture *capture = mmio_capture_open (config, &error);

    CHECK_ERROR (capture != NULL, error);
    if (capture) {
      follow (capture);
      break;
    }
    /* It may say something else the next time */
    if (fuzz_device.script.size == 0)
      break;
  }

  fuzz_device_check_closed ();
}
