/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "testdmabuf.h"

#include <fcntl.h>
#include <string.h>

#include <gst/allocators/gstdmabuf.h>

TestMemfd bar;
Layout odd, even;

void
dmabuf_setup (void)
{
  fakekernel_start ();
  test_memfd_init (&bar, 4, F_SEAL_SHRINK | F_SEAL_GROW, 1);
  odd = (Layout) {
  page_size () + SKIP, WIDTH, HEIGHT, STRIDE};
  even = (Layout) {
  2 *page_size (), 16, 6, 48};
}

/* Whatever was done, nobody wrote to the device, nor told a dma-buf that the
 * CPU would come; and all is let go of */
void
dmabuf_teardown (void)
{
  fail_unless_equals_int (count_maps (TEST_MEMFD), 0);
  fail_unless_equals_int (dmabuf_count_fds (), 1);
  fail_unless_equals_int (fakekernel_count_syncs (), 0);
  test_memfd_check (&bar);
  test_memfd_clear (&bar);
  fakekernel_stop ();
}

/* Display hardware that reads the dma-buf. Returns: its number */
guint
dmabuf_add_importer (void)
{
  const FakeDrm drm = {.card = "card0",.render = "renderD128",.driver =
        "virtio_gpu"
  };

  return fakekernel_add_drm (&drm);
}

GstHarness *
dmabuf_new_source (const char *io_mode, const Layout * layout)
{
  GstHarness *h = source_new (bar.path, "width", layout->width, "height",
      layout->height, "offset", (guint64) layout->offset, "stride",
      layout->stride, NULL);

  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", io_mode);
  return h;
}

/* An element whose frames are dma-bufs, and have begun to come */
GstHarness *
dmabuf_play (void)
{
  GstHarness *h = dmabuf_new_source ("auto", &odd);

  gst_harness_set_sink_caps_str (h, DMABUF_RGB);
  propose_video_meta (h);
  source_start (h, 1);
  dmabuf_check_way (h, "dmabuf", NULL);
  return h;
}

/* Not by the caps, which may name pixels as DRM does */
void
dmabuf_check_picture (GstBuffer * buffer, const Layout * layout)
{
  const TestPlane plane = { layout->offset, layout->stride, 3 * layout->width,
    layout->height
  };
  GstVideoInfo info;

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_RGB, layout->width,
      layout->height);
  check_planes (buffer, &info, bar.data, &plane, 1);
}

gboolean
dmabuf_is (GstBuffer * buffer)
{
  return gst_buffer_n_memory (buffer) == 1 &&
      gst_is_dmabuf_memory (gst_buffer_peek_memory (buffer, 0));
}

gboolean
dmabuf_in_caps (GstHarness * h)
{
  GstCaps *caps = source_get_caps (h);
  const gboolean ret = gst_caps_features_contains (gst_caps_get_features (caps,
          0), GST_CAPS_FEATURE_MEMORY_DMABUF);

  gst_caps_unref (caps);
  return ret;
}

/* What a user sees */
#define LOUD (GST_MESSAGE_INFO | GST_MESSAGE_WARNING | GST_MESSAGE_ERROR)

/* Messages of those that were passed over, looking for others */
static guint n_loud;

static GstMessage *
try_way (GstHarness * h)
{
  GstMessage *message;

  while ((message = source_try_message (h, GST_MESSAGE_ELEMENT | LOUD))) {
    if (gst_message_has_name (message, "mmiovidsrc-io-mode"))
      break;
    n_loud += (GST_MESSAGE_TYPE (message) & LOUD) != 0;
    gst_message_unref (message);
  }

  return message;
}

/* A message tells of this way, with a reason that has all these words; and the
 * statistics say the same. Those after it are left. */
void
dmabuf_check_way (GstHarness * h, const char *mode, ...)
{
  GstMessage *message = try_way (h);
  const GstStructure *s;
  GstStructure *stats = source_get_stats (h);
  const char *reason, *word;
  va_list args;

  fail_unless (message != NULL, "no message tells of the way");
  fail_unless (GST_MESSAGE_SRC (message) == GST_OBJECT_CAST (h->element));
  s = gst_message_get_structure (message);
  fail_unless_equals_int (gst_structure_n_fields (s), 2);
  fail_unless_equals_string (gst_structure_get_string (s, "io-mode"), mode);
  reason = gst_structure_get_string (s, "reason");
  /* A sentence or two; it may end with a command, which has no full stop */
  fail_unless (reason && strchr (reason, '.') != NULL, "'%s'", reason);
  /* Frames that are copied need no advice to copy them */
  if (strcmp (mode, "copy") == 0)
    fail_if (strstr (reason, "use io-mode=copy"), "'%s'", reason);

  va_start (args, mode);
  while ((word = va_arg (args, const char *)))
      fail_unless (strstr (reason, word) != NULL, "'%s' does not say '%s'",
        reason, word);
  va_end (args);

  fail_unless_equals_string (gst_structure_get_string (stats, "io-mode"), mode);
  fail_unless_equals_string (gst_structure_get_string (stats,
          "io-mode-reason"), reason);
  gst_structure_free (stats);
  gst_message_unref (message);
}

/* How many messages tell of a way; takes them */
guint
dmabuf_count_ways (GstHarness * h)
{
  GstMessage *message;
  guint n = 0;

  while ((message = try_way (h))) {
    gst_message_unref (message);
    n++;
  }

  return n;
}

/* There was no message that a user would see, but for those that were taken */
void
dmabuf_check_quiet (GstHarness * h)
{
  GstMessage *message = source_try_message (h, LOUD);

  fail_unless (message == NULL, "%" GST_PTR_FORMAT, message);
  fail_unless_equals_int (n_loud, 0);
}

/* Those of the bar, and of what stands in for dma-bufs of it */
guint
dmabuf_count_fds (void)
{
  GDir *dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  guint n = 0;

  fail_unless (dir != NULL);
  while ((name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename ("/proc/self/fd", name, NULL);
    g_autofree char *target = g_file_read_link (path, NULL);

    n += target && strstr (target, TEST_MEMFD);
  }
  g_dir_close (dir);

  return n;
}
