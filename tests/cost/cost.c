/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Usage: cost IO-MODE WIDTH HEIGHT FRAMES
 *
 * Sends FRAMES frames of BGRx pixels to somebody who lets go of them at once.
 * cost.py counts the instructions of the element meanwhile.  The kernel that
 * makes a dma-buf, and the display hardware that imports it, are fakes: what
 * they do once is not counted.
 */
#include <fcntl.h>
#include <gst/check/gstharness.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixtures/fakekernel.h"

static char *
make_memory (gsize size)
{
  const int fd = memfd_create ("cost", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd < 0 || ftruncate (fd, size) < 0 ||
      fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
    g_error ("no memfd of %" G_GSIZE_FORMAT " bytes", size);

  return g_strdup_printf ("/proc/self/fd/%d", fd);
}

static GstHarness *
new_source (const char *io_mode, guint width, guint height)
{
  g_autofree char *device = make_memory ((gsize) width * height * 4);
  GstHarness *h = gst_harness_new_with_padnames ("mmiovidsrc", NULL, "src");

  gst_harness_use_testclock (h);
  g_object_set (h->element, "device", device, "width", width, "height", height,
      NULL);
  gst_util_set_object_arg (G_OBJECT (h->element), "format", "bgrx");
  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", io_mode);

  return h;
}

int
main (int argc, char *argv[])
{
  static const FakeDrm drm = {.card = "card0",.render = "renderD128",
    .driver = "fake"
  };
  GstStructure *stats;
  const char *taken;
  GstHarness *h;
  guint frames;
  gboolean ok;

  gst_init (&argc, &argv);
  if (argc != 5)
    g_error ("usage: cost IO-MODE WIDTH HEIGHT FRAMES");
  frames = atoi (argv[4]);

  fakekernel_start ();
  fakekernel_add_drm (&drm);

  h = new_source (argv[1], atoi (argv[2]), atoi (argv[3]));
  gst_harness_play (h);
  gst_buffer_unref (gst_harness_pull (h));
  for (guint i = 1; i < frames; i++) {
    gst_harness_crank_single_clock_wait (h);
    gst_buffer_unref (gst_harness_pull (h));
  }

  g_object_get (h->element, "stats", &stats, NULL);
  taken = gst_structure_get_string (stats, "io-mode");
  ok = g_strcmp0 (taken, argv[1]) == 0;
  if (!ok)
    g_printerr ("io-mode is %s\n", taken);
  gst_structure_free (stats);

  gst_harness_teardown (h);
  fakekernel_stop ();

  return ok ? 0 : 1;
}
