/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The room that puts the others together: text to address to device to region,
 * and from there frames into memory.
 */
#include "mmiocapture.h"

#include "mmioerror.h"
#include "mmiorate.h"

struct _MmioCapture
{
  MmioCaptureConfig config;     /* what the user says; without the device */
  MmioDevice *device;
  MmioMode *mode;               /* NULL if the device does not tell */
  gint bar;
  MmioPicture picture;
  MmioRegion *region;
  const MmioReader *reader;
  const char *engine_reason;
  MmioShadow *shadow;

  MmioRegisterSpec counter_spec;
  gboolean counter_is_seqlock;
  MmioCounter *counter;
  MmioTurn *turn;
  MmioSync *sync;
  int interrupt_fd;             /* the device's */
  gint64 interrupt_time;        /* 0: not known */
  gboolean interrupt_is_stale;  /* it may have come before anybody waited */
  MmioRate interrupt_rate;

  MmioObstacle obstacle;        /* of the last frame */
  gint64 obstacle_time;         /* since when no frame was whole */
  MmioObstacle gave_up;         /* what was waited for in vain, and the counter */
  guint64 gave_up_count;
  gint64 waited;                /* for the frame; microseconds */

  GMutex lock;
  MmioCaptureStats stats;
};

/* Write-combining is for streaming loads.  Who asks for others may have a
 * device that takes no other, and there the CPU might join them. */
static MmioMapping
choose_mapping (const MmioCaptureConfig * config, const MmioDevice * device)
{
  const gboolean others = config->engine != MMIO_ENGINE_AUTO &&
      config->engine != MMIO_ENGINE_STREAM;

  return config->mapping == MMIO_MAPPING_AUTO && others &&
      mmio_device_has_bars (device) &&
      mmio_device_get_fixed_mapping (device) == MMIO_MAPPING_AUTO ?
      MMIO_MAPPING_UNCACHED : config->mapping;
}

/* How often a picture is read that changes meanwhile.  A device that repaints
 * slowly needs a second try; one that changes all the time, none that helps. */
#define MAX_TRIES 4
/* And where the last frame has shown that it changes all the time: one that may
 * have begun at the wrong moment, and one that begins when it has changed */
#define FEWER_TRIES 2

/* How long it is waited for a picture that is complete, in all, for one frame:
 * longer than a picture at 25 Hz takes to be written; and the pause
 * between two looks.  Microseconds. */
#define MAX_WAIT 50000
#define LOOK_PAUSE 200

/* Whether there is an index to look at, and where; before anything is mapped */
static gboolean
check_index (const MmioCaptureConfig * config, const MmioDevice * device,
    gint picture_bar, guint n_buffers, MmioSpec * spec, GError ** error)
{
  const char *address = mmio_device_get_address (device);

  if (n_buffers > 1 && spec->index.bits == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "%s does not tell which of its %u pictures is complete; set "
        "index-offset (and index-bar, index-size), or buffers to 1.", address,
        n_buffers);
    return FALSE;
  }

  /* Who says so of one picture may mean it */
  if (n_buffers == 1 && config->spec.index.bits > 0 &&
      config->spec.n_buffers == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "index-offset, index-bar or index-size say where %s tells which of its "
        "pictures is complete, but not how many there are; set buffers.",
        address);
    return FALSE;
  }

  if (n_buffers == 1) {
    spec->index.bits = 0;
    return TRUE;
  }

  if (spec->index.bar < 0)
    spec->index.bar = picture_bar;
  return mmio_register_check (device, spec->index.bar, &spec->index, error);
}

/* Whether there is a counter to look at, and where; before anything is
 * mapped */
static gboolean
check_counter (const MmioCaptureConfig * config, const MmioDevice * device,
    gint picture_bar, guint n_buffers, MmioSpec * spec, GError ** error)
{
  const gboolean needed = config->frame_sync == MMIO_FRAME_SYNC_COUNTER;

  if (needed && spec->counter.bits == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "%s does not tell where it counts its frames; set counter-offset (and "
        "counter-bar, counter-size), or frame-sync=clock.",
        mmio_device_get_address (device));
    return FALSE;
  }

  /* What only the device tells of is not looked at unless it is of use: of one
   * picture, a read may take longer than it stands */
  if (!needed && config->spec.counter.bits == 0 && n_buffers == 1)
    spec->counter.bits = 0;
  if (spec->counter.bits == 0)
    return TRUE;

  if (spec->counter.bar < 0)
    spec->counter.bar = picture_bar;
  return mmio_register_check (device, spec->counter.bar, &spec->counter, error);
}

static MmioCounter *
open_counter (MmioDevice * device, const MmioSpec * spec, guint n_buffers,
    GError ** error)
{
  MmioRegister *reg = mmio_register_map (device, spec->counter.bar,
      &spec->counter, error);

  return reg ? mmio_counter_new (reg, spec->counter_is_seqlock,
      n_buffers) : NULL;
}

/* Learns what the picture is, and where; nothing of it is mapped yet */
static gboolean
find_picture (MmioCapture * capture, MmioSpec * spec, GError ** error)
{
  const MmioCaptureConfig *config = &capture->config;

  *spec = config->spec;
  capture->bar = config->bar;
  if (!mmio_device_describe_mode (capture->device, &capture->bar, spec,
          &capture->mode, error) ||
      !mmio_picture_init (&capture->picture, spec, error) ||
      !mmio_device_find_bar (capture->device, &capture->bar, &capture->picture,
          error) ||
      !check_index (config, capture->device, capture->bar,
          capture->picture.n_buffers, spec, error) ||
      !check_counter (config, capture->device, capture->bar,
          capture->picture.n_buffers, spec, error))
    return FALSE;

  if (config->changes != MMIO_CHANGES_IGNORE) {
    capture->shadow = mmio_shadow_new (&capture->picture);
    if (!capture->shadow) {
      mmio_set_error (error, MMIO_ERROR_SETTINGS,
          "There is no memory for the frame before, which changes are found by; "
          "set changes=ignore, or width and height lower.");
      return FALSE;
    }
  }

  return TRUE;
}

static gboolean
map_picture (MmioCapture * capture, GError ** error)
{
  const MmioCaptureConfig *config = &capture->config;

  capture->region = mmio_device_map (capture->device, &capture->bar,
      &capture->picture, choose_mapping (config, capture->device), error);
  if (!capture->region)
    return FALSE;

  capture->reader = mmio_reader_choose (config->engine,
      mmio_region_get_mapping (capture->region), &capture->engine_reason,
      error);
  return capture->reader != NULL;
}

static gboolean
equal_register (const MmioRegisterSpec * a, const MmioRegisterSpec * b)
{
  return a->bar == b->bar && a->offset == b->offset && a->bits == b->bits;
}

/* Whether @old's counter is the one that is wanted, with all that it knows */
static gboolean
has_counter (const MmioCapture * old, const MmioCapture * capture)
{
  return old && old->counter &&
      equal_register (&old->counter_spec, &capture->counter_spec) &&
      old->counter_is_seqlock == capture->counter_is_seqlock &&
      old->picture.n_buffers == capture->picture.n_buffers;
}

/* Opens what tells of pictures.  After the picture: the first map of a page
 * says how it is mapped. */
static gboolean
open_tellers (MmioCapture * capture, const MmioSpec * spec,
    const MmioCapture * old, GError ** error)
{
  const MmioFrameSync frame_sync = capture->config.frame_sync;
  g_autoptr (MmioRegister) index = NULL;

  if (capture->mode && !mmio_mode_watch (capture->mode, error))
    return FALSE;

  capture->counter_spec = spec->counter;
  capture->counter_is_seqlock = spec->counter_is_seqlock;
  if (spec->counter.bits > 0 && !has_counter (old, capture)) {
    capture->counter = open_counter (capture->device, spec,
        capture->picture.n_buffers, error);
    if (!capture->counter)
      return FALSE;
  }

  if (spec->index.bits > 0) {
    index = mmio_register_map (capture->device, spec->index.bar, &spec->index,
        error);
    if (!index)
      return FALSE;
  }

  if (frame_sync == MMIO_FRAME_SYNC_INTERRUPT) {
    capture->interrupt_fd = mmio_device_open_interrupt (capture->device, error);
    if (capture->interrupt_fd < 0)
      return FALSE;
  }

  capture->sync = mmio_sync_new (error);
  if (!capture->sync)
    return FALSE;

  capture->turn = mmio_turn_new (capture->counter, g_steal_pointer (&index),
      capture->picture.n_buffers);
  return TRUE;
}

/* What is the same for the first picture of a device, and for all that follow.
 * @old: (nullable): what captured the one before */
static gboolean
set_up (MmioCapture * capture, const MmioCapture * old, GError ** error)
{
  MmioSpec spec;

  return find_picture (capture, &spec, error) && map_picture (capture, error)
      && open_tellers (capture, &spec, old, error);
}

static MmioCapture *
new_capture (MmioDevice * device, const MmioCaptureConfig * config)
{
  MmioCapture *capture = g_new0 (MmioCapture, 1);

  capture->device = device;
  capture->config = *config;
  capture->config.device = NULL;        /* it is the caller's, and open */
  capture->interrupt_fd = -1;
  capture->interrupt_is_stale = TRUE;
  g_mutex_init (&capture->lock);

  return capture;
}

/**
 * mmio_capture_open:
 * @config: what to capture
 *
 * Finds the device, checks that it has the picture, and maps it.  What can be
 * wrong with @config is found before anything is mapped, but for the registers
 * of a device that is asked for its picture.
 *
 * Returns: (transfer full) (nullable): the capture, or NULL with @error set
 */
MmioCapture *
mmio_capture_open (const MmioCaptureConfig * config, GError ** error)
{
  g_auto (MmioAddress) address = { 0, };
  g_autoptr (MmioCapture) capture = NULL;
  MmioDevice *device;
  const char *reason;

  /* Whether the engine can run does not depend on the map */
  if (!mmio_address_parse (&address, config->device, error) ||
      !mmio_reader_choose (config->engine, MMIO_MAPPING_CACHED, &reason, error))
    return NULL;

  device = mmio_device_open (&address, config->access, error);
  if (!device)
    return NULL;

  capture = new_capture (device, config);
  return set_up (capture, NULL, error) ? g_steal_pointer (&capture) : NULL;
}

/* What a run has counted and learnt goes on */
static void
take_over (MmioCapture * capture, MmioCapture * old)
{
  mmio_capture_get_stats (old, &capture->stats);
  capture->interrupt_time = old->interrupt_time;
  capture->interrupt_is_stale = old->interrupt_is_stale;
  capture->interrupt_rate = old->interrupt_rate;
  /* They share it, and it is the new one's now */
  old->interrupt_fd = -1;
  if (has_counter (old, capture)) {
    capture->counter = g_steal_pointer (&old->counter);
    mmio_turn_set_counter (capture->turn, capture->counter);
    mmio_turn_set_counter (old->turn, NULL);
  }
}

/**
 * mmio_capture_look:
 *
 * Looks whether the device still shows the picture that is captured, in a few
 * loads; nothing is looked at where it was the user who said what it is.
 *
 * Returns: what it shows; other pictures need mmio_capture_renew()
 */
MmioModeLook
mmio_capture_look (const MmioCapture * capture)
{
  return capture->mode ? mmio_mode_look (capture->mode) : MMIO_MODE_SAME;
}

/**
 * mmio_capture_renew:
 * @capture: a capture whose device shows another picture now
 *
 * Captures that, from the same device, with the same settings; statistics go
 * on.  What is left of @capture is to be closed, and good for nothing else.
 *
 * Returns: (transfer full) (nullable): a capture; or NULL with @error set: with
 *   %MMIO_ERROR_NO_MODE, @capture is as before, and it may be tried again when
 *   mmio_capture_look() says so; otherwise its statistics are what is left
 */
MmioCapture *
mmio_capture_renew (MmioCapture * capture, GError ** error)
{
  MmioCapture *renewed = new_capture (mmio_device_ref (capture->device),
      &capture->config);

  renewed->mode = g_steal_pointer (&capture->mode);
  if (!set_up (renewed, capture, error)) {
    capture->mode = g_steal_pointer (&renewed->mode);
    mmio_capture_close (renewed);
    return NULL;
  }

  take_over (renewed, capture);
  return renewed;
}

/**
 * mmio_capture_close:
 * @capture: (transfer full): a capture
 *
 * Lets go of the device.  Regions that others hold stay mapped until they let
 * go too, and interrupt nobody.
 */
void
mmio_capture_close (MmioCapture * capture)
{
  g_clear_pointer (&capture->shadow, mmio_shadow_free);
  g_clear_pointer (&capture->turn, mmio_turn_free);
  g_clear_pointer (&capture->counter, mmio_counter_free);
  g_clear_pointer (&capture->sync, mmio_sync_free);
  if (capture->interrupt_fd >= 0)
    mmio_device_close_interrupt (capture->device);
  g_clear_pointer (&capture->mode, mmio_mode_free);
  g_clear_pointer (&capture->region, mmio_region_unref);
  mmio_device_unref (capture->device);
  g_mutex_clear (&capture->lock);
  g_free (capture);
}

/**
 * mmio_capture_get_picture:
 *
 * Returns: (transfer none): the picture as it lies in the BAR
 */
const MmioPicture *
mmio_capture_get_picture (const MmioCapture * capture)
{
  return &capture->picture;
}

/**
 * mmio_capture_get_region:
 *
 * Returns: (transfer none): the mapped part of the BAR, from the picture's
 *   start to its end; of several pictures all
 */
MmioRegion *
mmio_capture_get_region (MmioCapture * capture)
{
  return capture->region;
}

/**
 * mmio_capture_get_device_name:
 *
 * Returns: (transfer none): what the device is, in words
 */
const char *
mmio_capture_get_device_name (const MmioCapture * capture)
{
  return mmio_device_get_name (capture->device);
}

/**
 * mmio_capture_get_device_address:
 *
 * Returns: (transfer none): the full PCI address, the path, or "sim"
 */
const char *
mmio_capture_get_device_address (const MmioCapture * capture)
{
  return mmio_device_get_address (capture->device);
}

/**
 * mmio_capture_get_access:
 *
 * Returns: (transfer none): how the device is reached
 */
const char *
mmio_capture_get_access (const MmioCapture * capture)
{
  return mmio_device_get_access (capture->device);
}

/**
 * mmio_capture_get_mapping:
 *
 * Returns: (transfer none): how the CPU sees the BAR
 */
const char *
mmio_capture_get_mapping (const MmioCapture * capture)
{
  return mmio_mapping_get_name (mmio_region_get_mapping (capture->region));
}

/**
 * mmio_capture_get_engine_reason:
 *
 * Returns: (transfer none): why the engine was chosen
 */
const char *
mmio_capture_get_engine_reason (const MmioCapture * capture)
{
  return capture->engine_reason;
}

/**
 * mmio_capture_get_reader:
 *
 * Returns: (transfer none): what loads from the BAR
 */
const MmioReader *
mmio_capture_get_reader (const MmioCapture * capture)
{
  return capture->reader;
}

/**
 * mmio_capture_get_changes:
 *
 * Returns: what is done about frames that are as the one before
 */
MmioChanges
mmio_capture_get_changes (const MmioCapture * capture)
{
  return capture->config.changes;
}

/**
 * mmio_capture_get_bar:
 *
 * Returns: number of the BAR that is mapped
 */
gint
mmio_capture_get_bar (const MmioCapture * capture)
{
  return capture->bar;
}

/**
 * mmio_capture_shares_bar:
 *
 * Returns: whether it is a BAR that is captured, reached in a way by which the
 *   kernel may make dma-bufs of it
 */
gboolean
mmio_capture_shares_bar (const MmioCapture * capture)
{
  return mmio_device_shares_bars (capture->device);
}

/**
 * mmio_capture_export:
 * @skip: (out): bytes from the dma-buf's start to the picture's, less than a
 *   page
 *
 * Makes a dma-buf of the pages that the picture lies in, of several pictures
 * those of all.  It shows what the
 * region's pages show (mmio_region_get_pages()), for as long as somebody holds
 * the region; as the map, it may stay after the capture is closed.
 *
 * Returns: a descriptor that the caller closes, or -1 with @error set
 */
int
mmio_capture_export (MmioCapture * capture, guint * skip, GError ** error)
{
  return mmio_device_export (capture->device, capture->bar, &capture->picture,
      skip, error);
}

static guint64
get_picture_bytes (const MmioPicture * picture)
{
  guint64 bytes = 0;

  for (guint i = 0; i < picture->format.n_planes; i++)
    bytes += (guint64) picture->plane[i].row_bytes * picture->plane[i].rows;

  return bytes;
}

/**
 * mmio_capture_get_frame_sync:
 *
 * Returns: what starts a frame
 */
MmioFrameSync
mmio_capture_get_frame_sync (const MmioCapture * capture)
{
  return capture->config.frame_sync;
}

/**
 * mmio_capture_get_period:
 *
 * For the thread that waits.
 *
 * Returns: microseconds from one picture of the device to the next, about; 0:
 *   not known
 */
gint64
mmio_capture_get_period (const MmioCapture * capture)
{
  switch (capture->config.frame_sync) {
    case MMIO_FRAME_SYNC_COUNTER:
      return mmio_counter_get_period (capture->counter);
    case MMIO_FRAME_SYNC_INTERRUPT:
      return capture->interrupt_rate.period;
    case MMIO_FRAME_SYNC_CLOCK:
    default:
      return 0;
  }
}

static MmioWait
wait_for_interrupt (MmioCapture * capture, gint64 deadline, MmioCount * count)
{
  const MmioWait wait = mmio_sync_wait_interrupt (capture->sync,
      capture->device, capture->interrupt_fd, deadline, count);

  if (wait != MMIO_WAIT_FRAME)
    return wait;

  if (capture->interrupt_time > 0)
    mmio_rate_learn (&capture->interrupt_rate,
        count->time - capture->interrupt_time, count->steps);
  capture->interrupt_time = capture->interrupt_is_stale ? 0 : count->time;
  capture->interrupt_is_stale = FALSE;

  return wait;
}

/**
 * mmio_capture_wait:
 * @deadline: when to give up, as g_get_monotonic_time() has it
 * @count: (out): the picture, after %MMIO_WAIT_FRAME
 *
 * Waits for the device's next picture, unless it is the clock that starts a
 * frame.
 *
 * Returns: how it ended
 */
MmioWait
mmio_capture_wait (MmioCapture * capture, gint64 deadline, MmioCount * count)
{
  return capture->config.frame_sync == MMIO_FRAME_SYNC_INTERRUPT ?
      wait_for_interrupt (capture, deadline, count) :
      mmio_sync_wait (capture->sync, capture->counter, deadline, count);
}

/**
 * mmio_capture_interrupt:
 *
 * For the thread that waits: nobody has waited for a while, so that the time at
 * which the next picture is found tells nothing of the device's rate.
 */
void
mmio_capture_interrupt (MmioCapture * capture)
{
  capture->interrupt_time = 0;
  capture->interrupt_is_stale = TRUE;
}

/**
 * mmio_capture_set_gone_error:
 *
 * Sets @error to what a user is to be told after %MMIO_WAIT_GONE.
 */
void
mmio_capture_set_gone_error (const MmioCapture * capture, GError ** error)
{
  const gboolean is_uio =
      g_str_equal (mmio_capture_get_access (capture), "uio");

  mmio_set_error (error, MMIO_ERROR_GONE,
      "%s has gone, for it was unplugged or its driver unbound; start again "
      "when it is back in: %s", mmio_capture_get_device_address (capture),
      is_uio ? "ls /sys/class/uio" : "lspci -D");
}

/**
 * mmio_capture_wake:
 *
 * Ends a wait, be it for a picture or for one that is complete; or the next one
 * if nobody waits.  For any thread.
 */
void
mmio_capture_wake (MmioCapture * capture)
{
  mmio_sync_wake (capture->sync);
}

/* Reads it once */
static gboolean
read_once (MmioCapture * capture, const MmioTarget * target,
    MmioDamage * damage)
{
  const MmioPicture *picture = &capture->picture;
  const guint8 *data = mmio_region_get_data (capture->region) +
      picture->buffer[mmio_turn_get_buffer (capture->turn)];

  if (capture->shadow)
    return mmio_frame_read_changes (capture->reader, picture, data, target,
        capture->shadow, capture->config.changes == MMIO_CHANGES_DROP, damage);

  mmio_frame_read (capture->reader, picture, data, target);
  damage->n_ranges = 1;
  damage->range[0] = (MmioRows) {
  0, picture->height};
  return TRUE;
}

/* Whether a wait is in vain, that began with @first in the counter: something
 * stands still that was waited for in vain before, or the next picture is
 * already written, and that one was over before anybody saw it */
static gboolean
is_in_vain (const MmioCapture * capture, MmioObstacle obstacle, guint64 first)
{
  const guint64 count = mmio_turn_get_count (capture->turn);

  return obstacle == MMIO_OBSTACLE_WRITING ? count != first ||
      (capture->gave_up == obstacle && capture->gave_up_count == count) :
      capture->gave_up == obstacle;
}

/* As wait_for_complete() */
static gboolean
look_for_complete (MmioCapture * capture, gint64 deadline,
    MmioObstacle * obstacle)
{
  guint64 first = 0;

  for (guint looks = 0;; looks++) {
    *obstacle = mmio_turn_begin_read (capture->turn);
    if (*obstacle == MMIO_OBSTACLE_NONE) {
      capture->gave_up = MMIO_OBSTACLE_NONE;
      return TRUE;
    }

    if (looks == 0)
      first = mmio_turn_get_count (capture->turn);
    if (is_in_vain (capture, *obstacle, first))
      return TRUE;
    if (g_get_monotonic_time () >= deadline) {
      capture->gave_up = *obstacle;
      capture->gave_up_count = mmio_turn_get_count (capture->turn);
      return TRUE;
    }
    if (mmio_sync_sleep (capture->sync, LOOK_PAUSE) == MMIO_WAIT_WOKEN)
      return FALSE;
  }
}

/* Waits for a picture that is complete.  @obstacle: (out): why there is none;
 * Returns: FALSE if somebody has ended the wait */
static gboolean
wait_for_complete (MmioCapture * capture, MmioObstacle * obstacle)
{
  const gint64 begin = g_get_monotonic_time ();
  const gboolean ret = look_for_complete (capture,
      begin + MAX_WAIT - capture->waited, obstacle);

  capture->waited += g_get_monotonic_time () - begin;
  return ret;
}

static void
note_obstacle (MmioCapture * capture, MmioObstacle obstacle)
{
  if (capture->obstacle == MMIO_OBSTACLE_NONE)
    capture->obstacle_time = g_get_monotonic_time ();
  capture->obstacle = obstacle;
}

/* Reads it until it stands still meanwhile.  @tries: (out): how often that was;
 * @obstacle: (out): why it is not whole; @written: (out): whether there is
 * anything in @target.  Returns: FALSE if somebody has ended the wait */
static gboolean
read_whole (MmioCapture * capture, const MmioTarget * target,
    MmioDamage * damage, guint * tries, MmioObstacle * obstacle,
    gboolean * written)
{
  const guint max_tries = capture->obstacle == MMIO_OBSTACLE_NONE ?
      MAX_TRIES : FEWER_TRIES;
  gboolean woken = FALSE;

  *tries = 0;
  *written = FALSE;
  capture->waited = 0;
  do {
    woken = !wait_for_complete (capture, obstacle);
    /* What there is already is no worse than one that is not complete */
    if (woken || (*obstacle != MMIO_OBSTACLE_NONE && *tries > 0))
      break;

    *written |= read_once (capture, target, damage);
    ++*tries;
    if (*obstacle == MMIO_OBSTACLE_NONE)
      *obstacle = mmio_turn_end_read (capture->turn);
  } while (*obstacle == MMIO_OBSTACLE_MOVED && *tries < max_tries);

  /* A whole one is worth sending after it, be it the same */
  if (*obstacle != MMIO_OBSTACLE_NONE && *tries > 0 && capture->shadow)
    mmio_shadow_forget (capture->shadow);

  /* What differs from a frame that nobody got tells nothing */
  if (*tries > 1 && *written) {
    damage->n_ranges = 1;
    damage->range[0] = (MmioRows) {
    0, capture->picture.height};
  }

  return !woken;
}

/**
 * mmio_capture_read:
 * @target: where the frame goes, in a format that mmio_frame_can_read_as()
 * @damage: (out): the rows that have changed since the last frame, or all of
 *   them where changes are ignored; not after %MMIO_READ_WOKEN
 *
 * Reads the picture as it is now, of several pictures the one that is complete:
 * each byte of it is loaded once.  If none is complete, it waits for one, for
 * the twentieth part of a second at most, and not twice for the same.  If a
 * counter or an index tell that it may have changed meanwhile, it is read again,
 * a few times.  If the device has begun to show another one, with another
 * geometry, what was read is nothing.
 *
 * Returns: what came of it; after %MMIO_READ_UNCHANGED @target may not have
 *   been written
 */
MmioRead
mmio_capture_read (MmioCapture * capture, const MmioTarget * target,
    MmioDamage * damage)
{
  const gint64 begin = g_get_monotonic_time ();
  MmioObstacle obstacle;
  gboolean completed, is_outdated, is_torn, written;
  guint tries;

  completed = read_whole (capture, target, damage, &tries, &obstacle, &written);
  is_torn = obstacle != MMIO_OBSTACLE_NONE;
  is_outdated = mmio_capture_look (capture) != MMIO_MODE_SAME;
  if (is_outdated)
    mmio_capture_forget (capture);
  else if (completed)
    note_obstacle (capture, obstacle);

  g_mutex_lock (&capture->lock);
  if (completed && !is_outdated) {
    capture->stats.frames += written;
    capture->stats.unchanged += damage->n_ranges == 0;
    capture->stats.torn += written && is_torn;
  }
  capture->stats.bytes_read += tries * get_picture_bytes (&capture->picture);
  capture->stats.copy_time += g_get_monotonic_time () - begin - capture->waited;
  g_mutex_unlock (&capture->lock);

  return is_outdated ? MMIO_READ_OUTDATED : !completed ? MMIO_READ_WOKEN :
      !written ? MMIO_READ_UNCHANGED :
      is_torn ? MMIO_READ_TORN : MMIO_READ_WHOLE;
}

/**
 * mmio_capture_choose:
 * @buffer: (out): the picture, 0 for the first; not after %MMIO_READ_WOKEN
 *
 * For a frame that is not read here: which of several pictures is complete now.
 * It waits for one as mmio_capture_read() does.
 *
 * Returns: %MMIO_READ_WHOLE; %MMIO_READ_TORN if the device tells of none, and
 *   @buffer is the last one that it has told of; or %MMIO_READ_WOKEN
 */
MmioRead
mmio_capture_choose (MmioCapture * capture, guint * buffer)
{
  MmioObstacle obstacle;

  *buffer = 0;
  if (capture->picture.n_buffers == 1) {
    note_obstacle (capture, MMIO_OBSTACLE_NONE);
    return MMIO_READ_WHOLE;
  }

  capture->waited = 0;
  if (!wait_for_complete (capture, &obstacle))
    return MMIO_READ_WOKEN;

  *buffer = mmio_turn_get_buffer (capture->turn);
  note_obstacle (capture, obstacle);
  if (obstacle == MMIO_OBSTACLE_NONE) {
    if (capture->counter)
      mmio_counter_accept_read (capture->counter);
    return MMIO_READ_WHOLE;
  }

  g_mutex_lock (&capture->lock);
  capture->stats.torn++;
  g_mutex_unlock (&capture->lock);
  return MMIO_READ_TORN;
}

/**
 * mmio_capture_take_newer:
 *
 * For the thread that waits and reads.
 *
 * Returns: by how many pictures the one that was read, or chosen, is newer than the one
 *   that was waited for; mmio_capture_wait() does not tell of these
 */
guint64
mmio_capture_take_newer (MmioCapture * capture)
{
  return capture->config.frame_sync == MMIO_FRAME_SYNC_COUNTER ?
      mmio_counter_take_newer (capture->counter) : 0;
}

/**
 * mmio_capture_is_being_written:
 *
 * For the thread that waits.
 *
 * Returns: whether the counter was odd when it was last waited for: a picture
 *   is being written, and there will be no new one before it is complete
 */
gboolean
mmio_capture_is_being_written (const MmioCapture * capture)
{
  return capture->config.frame_sync == MMIO_FRAME_SYNC_COUNTER &&
      mmio_counter_is_busy (capture->counter);
}

/**
 * mmio_capture_get_obstacle:
 * @since: (out): when the first of those frames was read that are not whole,
 *   since one was; as g_get_monotonic_time() has it
 * @index: (out): what the index was
 *
 * For the thread that reads.
 *
 * Returns: what has kept the last frame from being whole
 */
MmioObstacle
mmio_capture_get_obstacle (const MmioCapture * capture, gint64 * since,
    guint64 * index)
{
  *since = capture->obstacle_time;
  *index = mmio_turn_get_index (capture->turn);
  return capture->obstacle;
}

/**
 * mmio_capture_forget:
 *
 * Forgets the last frame, because whoever got it may not have it any more: all
 * of the next one has changed.
 */
void
mmio_capture_forget (MmioCapture * capture)
{
  if (capture->shadow)
    mmio_shadow_forget (capture->shadow);
}

/**
 * mmio_capture_get_stats:
 * @stats: (out): what was read so far, all of the same moment
 */
void
mmio_capture_get_stats (MmioCapture * capture, MmioCaptureStats * stats)
{
  g_mutex_lock (&capture->lock);
  *stats = capture->stats;
  g_mutex_unlock (&capture->lock);
}
