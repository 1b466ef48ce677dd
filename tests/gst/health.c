/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Warnings about a device whose frames are not completed: one for each fault, with
 * a hint that helps.
 */
#include <string.h>
#include <sys/mman.h>

#include "describe/mmiovid-header.h"
#include "testmemfd.h"

#include "source.h"

#define WIDTH 32
#define HEIGHT 24
#define FRAME 4096
#define COUNTER G_STRUCT_OFFSET (MmiovidHeader, counter)

static TestMemfd device;
static guint8 *memory;

static void
setup (void)
{
  test_memfd_init (&device, 4, 0, 1);
  memory = mmap (NULL, device.size, PROT_READ | PROT_WRITE, MAP_SHARED,
      device.fd, 0);
  fail_unless (memory != MAP_FAILED);
  memset (memory, 0, device.size);
}

static void
teardown (void)
{
  munmap (memory, device.size);
  test_memfd_clear (&device);
}

static void
store (gsize offset, guint32 value)
{
  __atomic_store_n ((guint32 *) (memory + offset), GUINT32_TO_LE (value),
      __ATOMIC_SEQ_CST);
}

static void
set_counter (guint32 value)
{
  store (COUNTER, value);
}

static void
write_header (void)
{
  const MmiovidHeader header = {
    .magic = GUINT64_TO_LE (MMIOVID_HEADER_MAGIC),
    .version = GUINT32_TO_LE (MMIOVID_HEADER_VERSION),
    .size = GUINT32_TO_LE (MMIOVID_HEADER_SIZE),
    .format = GUINT32_TO_LE (MMIOVID_FORMAT_RGB),
    .width = GUINT32_TO_LE (WIDTH),
    .height = GUINT32_TO_LE (HEIGHT),
    .flags = GUINT32_TO_LE (MMIOVID_HEADER_COUNTER | MMIOVID_HEADER_SEQLOCK),
    .n_slots = GUINT32_TO_LE (1),
    .slot_offset = {GUINT64_TO_LE (FRAME)},
  };

  memcpy (memory, &header, sizeof (header));
}

/* Another mode, which the next frame has */
static void
set_height (guint32 height)
{
  store (G_STRUCT_OFFSET (MmiovidHeader, sequence), 1);
  store (G_STRUCT_OFFSET (MmiovidHeader, height), height);
  store (G_STRUCT_OFFSET (MmiovidHeader, sequence), 2);
}

/* A source of a device that describes its counter, or that the user describes */
static GstHarness *
new_source (gboolean has_header)
{
  GstHarness *h = source_new (device.path, NULL);

  gst_util_set_object_arg (G_OBJECT (h->element), "frame-sync", "counter");
  if (has_header)
    write_header ();
  else
    g_object_set (h->element, "width", WIDTH, "height", HEIGHT, "offset",
        (guint64) FRAME, "counter-offset", (guint64) COUNTER,
        "counter-seqlock", TRUE, NULL);

  return h;
}

static void
start (GstHarness * h, guint32 counter)
{
  set_counter (counter);
  gst_harness_use_systemclock (h);
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));
}

/* @message: (transfer full): the only warning */
static void
check_warning (GstHarness * h, GstMessage * message, const char *words,
    gboolean has_hint)
{
  g_autoptr (GError) warning = source_parse_warning (message);

  fail_unless (strstr (warning->message, words) != NULL, "%s",
      warning->message);
  fail_unless_equals_int (strstr (warning->message, "counter-") != NULL,
      has_hint);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
}

static void
wait_for_warning (GstHarness * h, const char *words, gboolean has_hint)
{
  check_warning (h, source_wait_message (h, GST_MESSAGE_WARNING), words,
      has_hint);
}

/* Counts to the next frame, which is not complete either */
static void
check_torn (GstHarness * h, guint32 * counter)
{
  GstBuffer *buffer;

  *counter += 2;
  set_counter (*counter);
  buffer = source_pull (h);
  fail_unless (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED));
  gst_buffer_unref (buffer);
}

/* A writer stops within a frame for more than a second.  The frames before and
 * after that are not complete, but no frame was sent meanwhile. */
GST_START_TEST (test_stopped_writer)
{
  const gboolean has_header = __i__;
  GstHarness *h = new_source (has_header);
  guint32 counter = 4;

  start (h, counter);

  set_counter (++counter);
  check_torn (h, &counter);
  wait_for_warning (h, "has been writing one frame for a second", !has_header);

  check_torn (h, &counter);
  source_stop (h);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
  source_teardown (h);
}

GST_END_TEST;

/* A counter that stands still; of a header also in another mode */
GST_START_TEST (test_stopped_counter)
{
  const gboolean has_header = __i__ > 0;
  GstHarness *h = new_source (has_header);

  start (h, 4);

  if (__i__ == 2) {
    GstVideoInfo info;

    set_height (HEIGHT / 2);
    set_counter (6);
    gst_buffer_unref (source_pull (h));
    info = source_get_info (h);
    fail_unless_equals_int (GST_VIDEO_INFO_HEIGHT (&info), HEIGHT / 2);
  }
  wait_for_warning (h, "counter stands still", !has_header);
  source_teardown (h);
}

GST_END_TEST;

/* A writer that completes no frame */
GST_START_TEST (test_never_complete)
{
  const gboolean has_header = __i__;
  GstHarness *h = new_source (has_header);
  guint32 counter = 4;
  GstMessage *message;

  start (h, counter);
  set_counter (++counter);
  while (!(message = source_try_message (h, GST_MESSAGE_WARNING)))
    check_torn (h, &counter);
  check_warning (h, message, has_header ? "for each frame, correct its header" :
      "for each frame, set counter-seqlock=false", !has_header);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
health_suite (void)
{
  Suite *s = suite_create ("gst-health");
  TCase *tc = add_case (s, "health");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_stopped_writer, 0, 2);
  tcase_add_loop_test (tc, test_stopped_counter, 0, 3);
  tcase_add_loop_test (tc, test_never_complete, 0, 2);

  return s;
}

GST_CHECK_MAIN (health);
