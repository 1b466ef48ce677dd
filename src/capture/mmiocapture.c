/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opens a capture: from the address to the device, its frame's layout and the mapped
 * region.  mmiocaptureframes.c reads its frames.
 */
#include "capture/mmiocapturepriv.h"

#include "backends/mmioopen.h"
#include "base/mmioerror.h"
#include "base/mmioprocess.h"
#include "describe/mmiodescribe.h"
#include "device/mmiobar.h"
#include "map/mmioguard.h"

/* A description may be wrong for a moment: a file is being copied, or a guest writes one
 * field after the other.  The error is final if it is the same after this time
 * (microseconds). */
#define TRANSIENT (100 * G_TIME_SPAN_MILLISECOND)

/* Write-combining is for streaming loads.  An engine that the user sets may be
 * needed as the device supports no other loads, and the CPU might combine its
 * loads. */
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

/* Checks the index register before anything is mapped */
static gboolean
check_index (const MmioCaptureConfig * config, const MmioDevice * device,
    gint frame_bar, guint n_buffers, MmioSpec * spec, GError ** error)
{
  const char *address = mmio_device_get_address (device);

  if (n_buffers > 1 && spec->index.bits == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot find the complete frame of %s: it has %u buffers, and no index "
        "is set. Set index-offset (and index-bar, index-size), or set buffers "
        "to 1.", address, n_buffers);
    return FALSE;
  }

  /* The user may have set it on purpose for one buffer */
  if (n_buffers == 1 && config->spec.index.bits > 0 &&
      config->spec.n_buffers == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use index-offset, index-bar or index-size of %s: the number of "
        "buffers is not known. Set buffers.", address);
    return FALSE;
  }

  if (n_buffers == 1) {
    spec->index.bits = 0;
    return TRUE;
  }

  if (spec->index.bar < 0)
    spec->index.bar = frame_bar;
  return mmio_register_check (device, "index", spec->index.bar, &spec->index,
      error);
}

static gboolean
check_buffer_step (const MmioCaptureConfig * config, const MmioDevice * device,
    guint n_buffers, GError ** error)
{
  if (n_buffers > 1 || config->spec.n_buffers > 0 ||
      config->spec.buffer_step == 0)
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot use buffer-step: %s does not describe several buffers. Set "
      "buffers.", mmio_device_get_address (device));
  return FALSE;
}

/* Checks the frame counter before anything is mapped */
static gboolean
check_counter (const MmioCaptureConfig * config, const MmioDevice * device,
    gint frame_bar, guint n_buffers, MmioSpec * spec, GError ** error)
{
  const gboolean needed = config->frame_sync == MMIO_FRAME_SYNC_COUNTER;

  if (needed && spec->counter.bits == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot wait for frames of %s: it does not describe a frame counter. "
        "Set counter-offset (and counter-bar, counter-size), or "
        "frame-sync=clock.", mmio_device_get_address (device));
    return FALSE;
  }

  /* A counter that only the device describes is not used for a single buffer, since a
   * read may take longer than a frame lasts */
  if (!needed && config->spec.counter.bits == 0 && n_buffers == 1)
    spec->counter.bits = 0;
  if (spec->counter.bits == 0)
    return TRUE;

  if (spec->counter.bar < 0)
    spec->counter.bar = frame_bar;
  return mmio_register_check (device, "counter", spec->counter.bar,
      &spec->counter, error);
}

static MmioCounter *
open_counter (MmioDevice * device, const MmioSpec * spec, guint n_buffers,
    GError ** error)
{
  MmioRegister *reg = mmio_register_map (device, "counter", spec->counter.bar,
      &spec->counter, error);

  return reg ? mmio_counter_new (reg, spec->counter_is_seqlock,
      n_buffers) : NULL;
}

/* Finds the layout of the frame, and its BAR, which is not mapped yet */
static gboolean
find_frame (MmioCapture * capture, MmioSpec * spec, GError ** error)
{
  const MmioCaptureConfig *config = &capture->config;

  *spec = config->spec;
  capture->info.bar = config->bar;
  if (!mmio_describe (capture->device, &capture->info.bar, spec,
          &capture->mode, error) ||
      !mmio_layout_init (&capture->info.layout, spec, error) ||
      !mmio_device_find_bar (capture->device, &capture->info.bar,
          &capture->info.layout, error)
      || !check_index (config, capture->device, capture->info.bar,
          capture->info.layout.n_buffers, spec, error)
      || !check_buffer_step (config, capture->device,
          capture->info.layout.n_buffers, error)
      || !check_counter (config, capture->device, capture->info.bar,
          capture->info.layout.n_buffers, spec, error))
    return FALSE;

  if (config->changes != MMIO_CHANGES_IGNORE) {
    capture->shadow = mmio_shadow_new (&capture->info.layout);
    if (!capture->shadow) {
      mmio_set_error (error, MMIO_ERROR_SETTINGS,
          "Cannot detect unchanged frames: there is no memory for the last "
          "frame. Set changes=ignore, or reduce width and height.");
      return FALSE;
    }
  }

  return TRUE;
}

static gboolean
map_frame (MmioCapture * capture, GError ** error)
{
  const MmioCaptureConfig *config = &capture->config;

  capture->info.region = mmio_device_map (capture->device, &capture->info.bar,
      &capture->info.layout, choose_mapping (config, capture->device), error);
  if (!capture->info.region)
    return FALSE;

  capture->info.reader = mmio_reader_choose (config->engine,
      mmio_region_get_mapping (capture->info.region),
      &capture->info.engine_reason, error);
  return capture->info.reader != NULL
      && mmio_device_check (capture->device, capture->info.bar, error);
}

/* Listens for events of the device.  @old: (nullable): a capture of the same device,
 * which does so already */
static void
watch (MmioCapture * capture, MmioCapture * old)
{
  const MmioCaptureConfig *config = &capture->config;

  if (old) {
    capture->liveness = mmio_liveness_ref (old->liveness);
    return;
  }

  capture->liveness = mmio_liveness_new (capture->device, capture->info.bar);
  if (config->on_event)
    mmio_liveness_watch (capture->liveness, config->on_event,
        config->event_data);
}

static gboolean
equal_register (const MmioRegisterSpec * a, const MmioRegisterSpec * b)
{
  return a->bar == b->bar && a->offset == b->offset && a->bits == b->bits;
}

/* Whether @old has the wanted counter, with its history */
static gboolean
has_counter (const MmioCapture * old, const MmioCapture * capture)
{
  return old && old->counter &&
      equal_register (&old->counter_spec, &capture->counter_spec) &&
      old->counter_is_seqlock == capture->counter_is_seqlock;
}

/* Maps registers.  After the frame: the first map of a page decides how it is mapped. */
static gboolean
open_registers (MmioCapture * capture, const MmioSpec * spec,
    const MmioCapture * old, GError ** error)
{
  const MmioFrameSync frame_sync = capture->config.frame_sync;
  g_autoptr (MmioRegister) index = NULL;

  if (capture->mode && !mmio_mode_watch_start (capture->mode, error))
    return FALSE;

  capture->counter_spec = spec->counter;
  capture->counter_is_seqlock = spec->counter_is_seqlock;
  if (spec->counter.bits > 0 && !has_counter (old, capture)) {
    capture->counter = open_counter (capture->device, spec,
        capture->info.layout.n_buffers, error);
    if (!capture->counter)
      return FALSE;
  }

  if (spec->index.bits > 0) {
    index =
        mmio_register_map (capture->device, "index", spec->index.bar,
        &spec->index, error);
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

  capture->select =
      mmio_buffer_select_new (capture->counter, g_steal_pointer (&index),
      capture->info.layout.n_buffers);
  return TRUE;
}

static void
complete_info (MmioCapture * capture)
{
  MmioCaptureInfo *info = &capture->info;

  info->device_name = mmio_device_get_name (capture->device);
  info->device_address = mmio_device_get_address (capture->device);
  info->access = mmio_device_get_access_name (capture->device);
  info->shares_bar = mmio_device_shares_bars (capture->device);
  info->mapping = mmio_mapping_get_name (mmio_region_get_mapping
      (info->region));
  info->changes = capture->config.changes;
  info->frame_sync = capture->config.frame_sync;
  info->describes_counter = capture->counter_spec.bits > 0 &&
      capture->config.spec.counter.bits == 0;
  info->describes_index = info->layout.n_buffers > 1 &&
      capture->config.spec.index.bits == 0;
  info->has_unused_header = !capture->mode &&
      mmio_describe_has_header (capture->device, info->bar);
}

/* The common part of mmio_capture_open() and mmio_capture_renew().  @old: (nullable):
 * the former capture */
static gboolean
set_up (MmioCapture * capture, const MmioCapture * old, GError ** error)
{
  MmioSpec spec;
  MmioGuardEntry entry;
  gboolean ret;

  mmio_guard_enter (&entry);
  ret = find_frame (capture, &spec, error) && map_frame (capture, error)
      && open_registers (capture, &spec, old, error);
  if (ret)
    complete_info (capture);
  mmio_guard_leave (&entry);

  return ret;
}

static MmioCapture *
new_capture (MmioDevice * device, const MmioCaptureConfig * config)
{
  MmioCapture *capture = g_new0 (MmioCapture, 1);

  capture->device = device;
  capture->config = *config;
  capture->config.device = g_strdup (config->device);
  capture->process = mmio_process_get ();
  capture->interrupt_fd = -1;
  capture->interrupt_is_stale = TRUE;
  g_mutex_init (&capture->lock);

  return capture;
}

/* @device: (transfer full) */
static MmioCapture *
begin_capture (MmioDevice * device, const MmioCaptureConfig * config,
    GError ** error)
{
  MmioCapture *capture = new_capture (device, config);

  if (!set_up (capture, NULL, error)) {
    mmio_capture_close (capture);
    return NULL;
  }

  watch (capture, NULL);
  return capture;
}

/**
 * mmio_capture_open:
 * @config: what to capture
 *
 * Finds the device, checks that the frame fits, and maps it.  Checks @config before
 * anything is mapped, except for the registers of a device that describes its frame.
 *
 * Returns: (transfer full) (nullable): the capture, or NULL with @error set
 */
MmioCapture *
mmio_capture_open (const MmioCaptureConfig * config, GError ** error)
{
  g_auto (MmioAddress) address = { 0, };
  MmioCaptureConfig resolved = *config;
  MmioDevice *device;
  const char *reason;

  /* Whether the engine can run does not depend on the map */
  if (!mmio_address_parse (&address, config->device, error) ||
      !mmio_reader_choose (config->engine, MMIO_MAPPING_CACHED, &reason, error))
    return NULL;

  mmio_address_make_absolute (&address);
  if (address.kind == MMIO_ADDRESS_PATH)
    resolved.device = address.path;
  device = mmio_device_open (&address, config->access, error);
  return device ? begin_capture (device, &resolved, error) : NULL;
}

/* Returns the address to find @device by again, which is its slot.  Other
 * names, such as the number of an IOMMU group, may then be those of another
 * device.  A path may also name the BAR. */
static const char *
get_place (const MmioCaptureConfig * config, const MmioDevice * device)
{
  const char *slot = mmio_device_get_address (device);
  g_auto (MmioAddress) address = { 0, };

  return mmio_device_get_fixed_bar (device) < 0 &&
      mmio_address_parse (&address, slot, NULL) &&
      address.kind == MMIO_ADDRESS_SLOT ? slot : config->device;
}

/**
 * mmio_capture_reopen:
 * @capture: a capture whose device is removed
 *
 * Captures the device again if it has returned to its slot, is of the same kind, and
 * can be reached by the same back end.  The settings stay, so a device that describes
 * its frame may have another one.  Statistics continue.
 *
 * Returns: (transfer full) (nullable): a capture; or NULL with @error set, which
 *   is %MMIO_ERROR_GONE if another device is in its place
 */
MmioCapture *
mmio_capture_reopen (MmioCapture * capture, GError ** error)
{
  MmioCaptureConfig config = capture->config;
  MmioDevice *device;
  g_auto (MmioAddress) address = { 0, };
  MmioCapture *reopened;

  config.device = get_place (&config, capture->device);
  if (config.access == MMIO_ACCESS_AUTO)
    config.access = mmio_device_get_access (capture->device);

  if (!mmio_device_check_place (capture->device, error) ||
      !mmio_address_parse (&address, config.device, error))
    return NULL;
  device = mmio_device_open (&address, config.access, error);
  if (!device)
    return NULL;

  if (!mmio_device_check_same (capture->device, device, error)) {
    mmio_device_unref (device);
    return NULL;
  }

  reopened = begin_capture (device, &capture->config, error);
  if (reopened)
    mmio_capture_get_stats (capture, &reopened->stats);
  return reopened;
}

/* Continues statistics and measured rates */
static void
take_over (MmioCapture * capture, MmioCapture * old)
{
  mmio_capture_get_stats (old, &capture->stats);
  capture->interrupt_time = old->interrupt_time;
  capture->interrupt_is_stale = old->interrupt_is_stale;
  capture->interrupt_rate = old->interrupt_rate;
  capture->buffer_wait = old->buffer_wait;
  /* The two share it, and the new capture closes it */
  old->interrupt_fd = -1;
  if (has_counter (old, capture)) {
    capture->counter = g_steal_pointer (&old->counter);
    mmio_counter_set_buffers (capture->counter, capture->info.layout.n_buffers);
    mmio_buffer_select_set_counter (capture->select, capture->counter);
    mmio_buffer_select_set_counter (old->select, NULL);
  }
}

/**
 * mmio_capture_poll_mode:
 *
 * Polls the device for a change of mode, in a few loads.  A frame that the user
 * describes is not polled.
 *
 * Returns: the result; another mode needs mmio_capture_renew()
 */
MmioModeState
mmio_capture_poll_mode (const MmioCapture * capture)
{
  MmioModeState ret;
  MmioGuardEntry entry;

  if (!capture->mode)
    return MMIO_MODE_SAME;
  /* Forked children do not have the map */
  if (!mmio_process_is_current (capture->process))
    return MMIO_MODE_NONE;

  mmio_guard_enter (&entry);
  ret = mmio_mode_watch_poll (capture->mode);
  mmio_guard_leave (&entry);

  /* In another mode the device may have less memory */
  mmio_region_set_needed (capture->info.region, ret == MMIO_MODE_SAME);
  return ret;
}

static gboolean
is_gone (const GError * error)
{
  return error->code == MMIO_ERROR_GONE;
}

/* @capture is unchanged after a failure */
static MmioCapture *
try_renew (MmioCapture * capture, GError ** error)
{
  MmioCapture *renewed = new_capture (mmio_device_ref (capture->device),
      &capture->config);

  renewed->mode = g_steal_pointer (&capture->mode);
  /* The device no longer shows its frame */
  mmio_region_set_needed (capture->info.region, FALSE);
  if (set_up (renewed, capture, error))
    return renewed;

  capture->mode = g_steal_pointer (&renewed->mode);
  mmio_capture_close (renewed);
  /* The description was being written */
  if (mmio_capture_poll_mode (capture) == MMIO_MODE_NONE && !is_gone (*error))
    (*error)->code = MMIO_ERROR_NO_MODE;
  return NULL;
}

static gboolean
is_final (const GError * error)
{
  return error->code != MMIO_ERROR_NO_MODE && !is_gone (error) &&
      !mmio_error_is_shortage (error);
}

/* Tries again after a while.  A failure for another reason is not final. */
static MmioCapture *
try_renew_again (MmioCapture * capture, GError ** error)
{
  g_autoptr (GError) first = g_steal_pointer (error);
  MmioCapture *renewed;

  g_usleep (TRANSIENT);
  renewed = try_renew (capture, error);
  if (!renewed && is_final (*error) &&
      !g_str_equal ((*error)->message, first->message))
    (*error)->code = MMIO_ERROR_NO_MODE;

  return renewed;
}

/**
 * mmio_capture_renew:
 * @capture: a capture whose device has changed its mode
 *
 * Captures the new mode of the same device with the same settings.  Statistics
 * continue.  Of @capture, only mmio_capture_check_present() and mmio_capture_close()
 * may be called after success.
 *
 * Returns: (transfer full) (nullable): a capture; or NULL with @error set, and @capture
 *   unchanged.  %MMIO_ERROR_NO_MODE: there is no frame at the moment, as its header is
 *   absent or being written; try again after mmio_capture_poll_mode().  Other errors
 *   have lasted for 100 ms and are final.
 */
MmioCapture *
mmio_capture_renew (MmioCapture * capture, GError ** error)
{
  g_autoptr (GError) local = NULL;
  MmioCapture *renewed = try_renew (capture, &local);

  if (!renewed && is_final (local))
    renewed = try_renew_again (capture, &local);
  if (!renewed) {
    g_propagate_error (error, g_steal_pointer (&local));
    return NULL;
  }

  watch (renewed, capture);
  take_over (renewed, capture);
  return renewed;
}

/**
 * mmio_capture_has_moved:
 * @old: the former capture
 *
 * Returns: whether only the frame's place in the BAR has changed, and neither format,
 *   width, height, strides nor the number of buffers
 */
gboolean
mmio_capture_has_moved (const MmioCapture * capture, const MmioCapture * old)
{
  const MmioLayout *a = &capture->info.layout, *b = &old->info.layout;

  if (!g_str_equal (a->format.name, b->format.name) || a->width != b->width ||
      a->height != b->height || a->n_buffers != b->n_buffers)
    return FALSE;

  for (guint i = 0; i < a->format.n_planes; i++)
    if (a->plane[i].stride != b->plane[i].stride ||
        a->plane[i].offset - a->start != b->plane[i].offset - b->start)
      return FALSE;

  return TRUE;
}

/**
 * mmio_capture_close:
 * @capture: (transfer full): a capture
 *
 * Closes the capture and silences the device.  Regions that others hold stay mapped
 * until they are released or the device is removed.  The function @on_event of the
 * configuration is not called after this returns.
 */
void
mmio_capture_close (MmioCapture * capture)
{
  g_clear_pointer (&capture->shadow, mmio_shadow_free);
  g_clear_pointer (&capture->select, mmio_buffer_select_free);
  g_clear_pointer (&capture->counter, mmio_counter_free);
  if (capture->interrupt_fd >= 0)
    mmio_device_close_interrupt (capture->device);
  g_clear_pointer (&capture->mode, mmio_mode_watch_free);
  if (capture->info.region)
    mmio_region_set_needed (capture->info.region, FALSE);
  g_clear_pointer (&capture->info.region, mmio_region_unref);
  /* Last: only regions that others hold are still mapped */
  g_clear_pointer (&capture->liveness, mmio_liveness_unref);
  g_clear_pointer (&capture->sync, mmio_sync_free);
  mmio_device_unref (capture->device);
  if (mmio_process_is_current (capture->process))
    g_mutex_clear (&capture->lock);
  g_free ((char *) capture->config.device);
  g_free (capture);
}

/**
 * mmio_capture_get_info:
 *
 * Returns: (transfer none): what is captured
 */
const MmioCaptureInfo *
mmio_capture_get_info (const MmioCapture * capture)
{
  return &capture->info;
}

/**
 * mmio_capture_can_export:
 *
 * Returns: FALSE with @error set if mmio_capture_export() is known to fail, without
 *   asking the kernel
 */
gboolean
mmio_capture_can_export (MmioCapture * capture, GError ** error)
{
  return mmio_device_can_export (capture->device, error);
}

/**
 * mmio_capture_export:
 * @skip: (out): bytes from the dma-buf's start to the frame's, less than a page
 *
 * Exports the pages that contain the frame, or all buffers, as a dma-buf.  It has the
 * content of the region's pages (mmio_region_get_pages()) as long as the region is
 * referenced, also after the capture is closed.
 *
 * Returns: a descriptor that the caller closes, or -1 with @error set
 */
int
mmio_capture_export (MmioCapture * capture, guint * skip, GError ** error)
{
  return mmio_device_export (capture->device, capture->info.bar,
      &capture->info.layout, skip, error);
}
