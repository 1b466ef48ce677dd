/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a device is there: asked by who reads, told by the bus, and what
 * follows from it.
 */
#include "capture/mmioliveness.h"

#include <unistd.h>

#include "base/mmioerror.h"
#include "base/mmioprocess.h"
#include "hotplug/mmiohotplugdevice.h"

struct _MmioLiveness
{
  gint ref_count;
  guint process;                /* whose it is; see mmioprocess.h */
  MmioDevice *device;
  guint bar;
  GError *removal;              /* of the thread that asks */
  MmioHotplugDevice *hotplug;
  int request_fd;
  GMutex lock;                  /* of the next two */
  MmioLivenessFunc func;        /* NULL: nobody wants to know */
  gpointer data;
};

/**
 * mmio_liveness_new:
 * @device: a device that is there, as mmio_device_check() has said
 * @bar: the BAR that is captured
 *
 * Returns: (transfer full): what is known of it
 */
MmioLiveness *
mmio_liveness_new (MmioDevice * device, guint bar)
{
  MmioLiveness *liveness = g_new0 (MmioLiveness, 1);

  liveness->ref_count = 1;
  liveness->process = mmio_process_get ();
  liveness->device = mmio_device_ref (device);
  liveness->bar = bar;
  liveness->request_fd = -1;
  g_mutex_init (&liveness->lock);
  return liveness;
}

/* Nobody watches any more */
static void
destroy (gpointer data)
{
  MmioLiveness *liveness = data;

  if (liveness->request_fd >= 0)
    close (liveness->request_fd);
  g_clear_error (&liveness->removal);
  mmio_device_unref (liveness->device);
  if (mmio_process_is_current (liveness->process))
    g_mutex_clear (&liveness->lock);
  g_free (liveness);
}

/* The last of those who had it mapped has let go of it.  It is closed now and
 * not when the thread gets round to that: he may want to open it again. */
static void
on_unmapped (gpointer data)
{
  MmioLiveness *liveness = data;
  GError *reason = NULL;

  mmio_set_error (&reason, MMIO_ERROR_GONE,
      "%s is not captured any more" MMIO_START_AGAIN ".",
      mmio_device_get_address (liveness->device));
  mmio_device_revoke (liveness->device, reason);
  mmio_hotplug_device_end (liveness->hotplug);
}

/**
 * mmio_liveness_ref:
 *
 * Returns: (transfer full): @liveness
 */
MmioLiveness *
mmio_liveness_ref (MmioLiveness * liveness)
{
  g_atomic_int_inc (&liveness->ref_count);
  return liveness;
}

/**
 * mmio_liveness_unref:
 * @liveness: (transfer full): what is known of a device
 *
 * Nobody is told of it any more when this was the last one.  But where others
 * still have the device mapped, as buffers of an application, it is let go for
 * them, too, when it goes away: that is listened for until they have let go of
 * it.
 */
void
mmio_liveness_unref (MmioLiveness * liveness)
{
  MmioHotplugDevice *hotplug = liveness->hotplug;
  MmioDevice *device = liveness->device;

  if (!g_atomic_int_dec_and_test (&liveness->ref_count))
    return;

  if (mmio_process_is_current (liveness->process)) {
    g_mutex_lock (&liveness->lock);
    liveness->func = NULL;
    g_mutex_unlock (&liveness->lock);
  }

  if (!hotplug || !mmio_device_is_in_use (device)) {
    g_clear_pointer (&liveness->hotplug, mmio_hotplug_device_free);
    destroy (liveness);
    return;
  }

  /* All of it may end as soon as that can be told */
  mmio_device_ref (device);
  mmio_hotplug_device_detach (hotplug, destroy);
  mmio_device_call_when_unmapped (device, on_unmapped, liveness);
  mmio_device_unref (device);
}

static GError *
new_request_error (const MmioDevice * device)
{
  GError *error = NULL;

  mmio_set_error (&error, MMIO_ERROR_GONE,
      "%s is being unplugged, or its driver unbound, so it was let go; look "
      "for it with: lspci -Dk", mmio_device_get_address (device));
  return error;
}

/* From the watch's thread */
static void
on_event (gboolean is_requested, gpointer data)
{
  MmioLiveness *liveness = data;
  g_autoptr (GError) error = NULL;

  if (is_requested)
    mmio_device_revoke (liveness->device, new_request_error (liveness->device));
  else if (!mmio_device_check (liveness->device, liveness->bar, &error))
    mmio_device_revoke (liveness->device, g_steal_pointer (&error));

  g_mutex_lock (&liveness->lock);
  if (liveness->func)
    liveness->func (liveness->data);
  g_mutex_unlock (&liveness->lock);
}

/**
 * mmio_liveness_watch:
 * @func: called whenever something may have happened to the device, from a
 *   thread of its own, until the last mmio_liveness_unref()
 * @data: for @func
 *
 * Listens to the bus and to the kernel, if the device is on the PCI bus;
 * lets it go when it has gone, or is asked for.  Where nobody can be heard, as in
 * a container, or there is no bus, nothing happens: whoever reads asks.
 */
void
mmio_liveness_watch (MmioLiveness * liveness, MmioLivenessFunc func,
    gpointer data)
{
  const char *slot = mmio_device_get_slot (liveness->device);
  g_autoptr (GError) error = NULL;

  if (!slot)
    return;

  liveness->func = func;
  liveness->data = data;
  liveness->request_fd = mmio_device_open_request (liveness->device);
  liveness->hotplug =
      mmio_hotplug_device_new (slot, liveness->request_fd, on_event, liveness,
      &error);
  if (!liveness->hotplug)
    g_debug ("%s", error->message);
}

/**
 * mmio_liveness_check:
 *
 * For one thread, before a frame is read and after it.
 *
 * Returns: whether what is mapped is the device's, all of it.  What has gone
 *   stays so, and was let go; see mmio_liveness_get_removal().
 */
gboolean
mmio_liveness_check (MmioLiveness * liveness)
{
  if (liveness->removal)
    return FALSE;

  if (mmio_device_check (liveness->device, liveness->bar, &liveness->removal))
    return TRUE;

  mmio_device_revoke (liveness->device, g_error_copy (liveness->removal));
  return FALSE;
}

/**
 * mmio_liveness_mark_removed:
 * @liveness: what is known of a device that was there when it was last asked
 * @removal: (transfer full): why it has gone all the same
 *
 * For the thread that asks, when it has found out in another way.
 */
void
mmio_liveness_mark_removed (MmioLiveness * liveness, GError * removal)
{
  liveness->removal = removal;
  mmio_device_revoke (liveness->device, g_error_copy (removal));
}

/**
 * mmio_liveness_get_removal:
 *
 * For the thread that asks.
 *
 * Returns: (transfer none) (nullable): what has become of the device, as it has
 *   gone; or NULL
 */
const GError *
mmio_liveness_get_removal (const MmioLiveness * liveness)
{
  return liveness->removal;
}
