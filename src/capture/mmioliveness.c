/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checks whether a device is present, listens for its removal, and revokes its maps.
 */
#include "capture/mmioliveness.h"

#include <unistd.h>

#include "base/mmioerror.h"
#include "base/mmioprocess.h"
#include "hotplug/mmiohotplugdevice.h"

struct _MmioLiveness
{
  gint ref_count;
  guint process;                /* its owner; see mmioprocess.h */
  MmioDevice *device;
  guint bar;
  GError *removal;              /* of the thread that checks */
  MmioHotplugDevice *hotplug;
  int request_fd;
  GMutex lock;                  /* protects the next two */
  MmioLivenessFunc func;        /* NULL: none is called */
  gpointer data;
};

/**
 * mmio_liveness_new:
 * @device: a device that mmio_device_check() has found present
 * @bar: the captured BAR
 *
 * Returns: (transfer full): its liveness
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

/* After the last event */
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

/* The last map is gone.  Closes the device at once, not when the thread ends, so that
 * it can be opened again. */
static void
on_unmapped (gpointer data)
{
  MmioLiveness *liveness = data;
  GError *reason = NULL;

  mmio_set_error (&reason, MMIO_ERROR_GONE,
      "Cannot read %s: its capture is closed" MMIO_START_AGAIN ".",
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
 * @liveness: (transfer full): a liveness
 *
 * Calls no function any more after the last reference.  The device may still be mapped,
 * by buffers of an application.  Then the thread keeps listening until these are unmapped,
 * and revokes their maps if the device is removed.
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

  /* @liveness may be freed from here on */
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
      "Cannot read %s: it was released, since it is being unplugged or its "
      "driver unbound. Find it with: lspci -Dk",
      mmio_device_get_address (device));
  return error;
}

/* From the thread of @hotplug */
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
 * @func: called after each event of the device, from another thread, until the last
 *   mmio_liveness_unref()
 * @data: for @func
 *
 * Listens to the PCI bus and to requests of vfio, and revokes the device's maps when
 * it is removed or requested.  Without a bus, or without events as in a container,
 * only mmio_liveness_check() detects a removal.
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
 * Checks whether the maps are still those of the device.  A removed device stays
 * removed, and its maps are revoked; see mmio_liveness_get_removal().
 *
 * Locking: one thread calls it, before and after each frame.
 *
 * Returns: whether the device is present
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
 * @liveness: a liveness whose last check found the device present
 * @removal: (transfer full): why it is removed nevertheless
 *
 * Marks the device as removed and revokes its maps.
 *
 * Locking: the thread that checks calls it.
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
 * Locking: the thread that checks calls it.
 *
 * Returns: (transfer none) (nullable): why the device is removed; NULL if it is
 *   present
 */
const GError *
mmio_liveness_get_removal (const MmioLiveness * liveness)
{
  return liveness->removal;
}
