/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a device is there: asked by who reads, told by the bus, and what
 * follows from it.
 */
#include "capture/mmiopresence.h"

#include <unistd.h>

#include "base/mmioerror.h"
#include "base/mmioprocess.h"
#include "hotplug/mmiowatch.h"

struct _MmioPresence
{
  gint ref_count;
  guint process;                /* whose it is; see mmioprocess.h */
  MmioDevice *device;
  guint bar;
  GError *loss;                 /* of the thread that asks */
  MmioWatch *watch;
  int request_fd;
  GMutex lock;                  /* of the next two */
  MmioPresenceFunc func;        /* NULL: nobody wants to know */
  gpointer data;
};

/**
 * mmio_presence_new:
 * @device: a device that is there, as mmio_device_check() has said
 * @bar: the BAR that is captured
 *
 * Returns: (transfer full): what is known of it
 */
MmioPresence *
mmio_presence_new (MmioDevice * device, guint bar)
{
  MmioPresence *presence = g_new0 (MmioPresence, 1);

  presence->ref_count = 1;
  presence->process = mmio_process_get ();
  presence->device = mmio_device_ref (device);
  presence->bar = bar;
  presence->request_fd = -1;
  g_mutex_init (&presence->lock);
  return presence;
}

/* Nobody watches any more */
static void
destroy (gpointer data)
{
  MmioPresence *presence = data;

  if (presence->request_fd >= 0)
    close (presence->request_fd);
  g_clear_error (&presence->loss);
  mmio_device_unref (presence->device);
  if (mmio_process_is_current (presence->process))
    g_mutex_clear (&presence->lock);
  g_free (presence);
}

/* The last of those who had it mapped has let go of it.  It is closed now and
 * not when the thread gets round to that: he may want to open it again. */
static void
on_unmapped (gpointer data)
{
  MmioPresence *presence = data;
  GError *reason = NULL;

  mmio_set_error (&reason, MMIO_ERROR_GONE,
      "%s is not captured any more" MMIO_START_AGAIN ".",
      mmio_device_get_address (presence->device));
  mmio_device_let_go (presence->device, reason);
  mmio_watch_end (presence->watch);
}

/**
 * mmio_presence_ref:
 *
 * Returns: (transfer full): @presence
 */
MmioPresence *
mmio_presence_ref (MmioPresence * presence)
{
  g_atomic_int_inc (&presence->ref_count);
  return presence;
}

/**
 * mmio_presence_unref:
 * @presence: (transfer full): what is known of a device
 *
 * Nobody is told of it any more when this was the last one.  But where others
 * still have the device mapped, as buffers of an application, it is let go for
 * them, too, when it goes away: that is listened for until they have let go of
 * it.
 */
void
mmio_presence_unref (MmioPresence * presence)
{
  MmioWatch *watch = presence->watch;
  MmioDevice *device = presence->device;

  if (!g_atomic_int_dec_and_test (&presence->ref_count))
    return;

  if (mmio_process_is_current (presence->process)) {
    g_mutex_lock (&presence->lock);
    presence->func = NULL;
    g_mutex_unlock (&presence->lock);
  }

  if (!watch || !mmio_device_is_in_use (device)) {
    g_clear_pointer (&presence->watch, mmio_watch_free);
    destroy (presence);
    return;
  }

  /* All of it may end as soon as that can be told */
  mmio_device_ref (device);
  mmio_watch_detach (watch, destroy);
  mmio_device_call_when_unmapped (device, on_unmapped, presence);
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
  MmioPresence *presence = data;
  g_autoptr (GError) error = NULL;

  if (is_requested)
    mmio_device_let_go (presence->device, new_request_error (presence->device));
  else if (!mmio_device_check (presence->device, presence->bar, &error))
    mmio_device_let_go (presence->device, g_steal_pointer (&error));

  g_mutex_lock (&presence->lock);
  if (presence->func)
    presence->func (presence->data);
  g_mutex_unlock (&presence->lock);
}

/**
 * mmio_presence_watch:
 * @func: called whenever something may have happened to the device, from a
 *   thread of its own, until the last mmio_presence_unref()
 * @data: for @func
 *
 * Listens to the bus and to the kernel, if the device is on the PCI bus;
 * lets it go when it has gone, or is asked for.  Where nobody can be heard, as in
 * a container, or there is no bus, nothing happens: whoever reads asks.
 */
void
mmio_presence_watch (MmioPresence * presence, MmioPresenceFunc func,
    gpointer data)
{
  const char *slot = mmio_device_get_slot (presence->device);
  g_autoptr (GError) error = NULL;

  if (!slot)
    return;

  presence->func = func;
  presence->data = data;
  presence->request_fd = mmio_device_open_request (presence->device);
  presence->watch = mmio_watch_new (slot, presence->request_fd, on_event,
      presence, &error);
  if (!presence->watch)
    g_debug ("%s", error->message);
}

/**
 * mmio_presence_check:
 *
 * For one thread, before a frame is read and after it.
 *
 * Returns: whether what is mapped is the device's, all of it.  What has gone
 *   stays so, and was let go; see mmio_presence_get_loss().
 */
gboolean
mmio_presence_check (MmioPresence * presence)
{
  if (presence->loss)
    return FALSE;

  if (mmio_device_check (presence->device, presence->bar, &presence->loss))
    return TRUE;

  mmio_device_let_go (presence->device, g_error_copy (presence->loss));
  return FALSE;
}

/**
 * mmio_presence_lose:
 * @presence: what is known of a device that was there when it was last asked
 * @loss: (transfer full): why it has gone all the same
 *
 * For the thread that asks, when it has found out in another way.
 */
void
mmio_presence_lose (MmioPresence * presence, GError * loss)
{
  presence->loss = loss;
  mmio_device_let_go (presence->device, g_error_copy (loss));
}

/**
 * mmio_presence_get_loss:
 *
 * For the thread that asks.
 *
 * Returns: (transfer none) (nullable): what has become of the device, as it has
 *   gone; or NULL
 */
const GError *
mmio_presence_get_loss (const MmioPresence * presence)
{
  return presence->loss;
}
