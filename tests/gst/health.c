/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Warnings about a device whose frames are not completed: one for each fault, with
 * a hint that helps.
 */
#include <fcntl.h>
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
set_counter (guint32 value)
{
  __atomic_store_n ((guint32 *) (memory + COUNTER), GUINT32_TO_LE (value),
      __ATOMIC_SEQ_CST);
}

static void
write_header (void)
{
  MmiovidHeader header = {
    .version = GUINT32_TO_LE (MMIOVID_HEADER_VERSION),
    .size = GUINT32_TO_LE (MMIOVID_HEADER_SIZE),
    .format = GUINT32_TO_LE (MMIOVID_FORMAT_RGB),
    .width = GUINT32_TO_LE (WIDTH),
    .height = GUINT32_TO_LE (HEIGHT),
    .flags = GUINT32_TO_LE (MMIOVID_HEADER_COUNTER | MMIOVID_HEADER_SEQLOCK),
    .n_slots = GUINT32_TO_LE (1),
    .slot_offset = {GUINT64_TO_LE (FRAME)},
  };

  memcpy (&header.magic, "mmiovid", 8);
  memcpy (memory, &header, sizeof (header));
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

/* Waits for the only warning */
static void
check_warning (GstHarness * h, const char *words, gboolean has_hint)
{
  GstMessage *message = source_wait_message (h, GST_MESSAGE_WARNING);
  GError *error;

  gst_message_parse_warning (message, &error, NULL);
  fail_unless (strstr (error->message, words) != NULL, "%s", error->message);
  fail_unless_equals_int (strstr (error->message, "counter-") != NULL,
      has_hint);
  g_error_free (error);
  gst_message_unref (message);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
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

  set_counter (counter);
  gst_harness_use_systemclock (h);
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));

  set_counter (++counter);
  check_torn (h, &counter);
  check_warning (h, "has been writing one frame for a second", !has_header);

  check_torn (h, &counter);
  source_stop (h);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
  source_teardown (h);
}

GST_END_TEST;

/* A counter that stands still */
GST_START_TEST (test_stopped_counter)
{
  const gboolean has_header = __i__;
  GstHarness *h = new_source (has_header);

  set_counter (4);
  gst_harness_use_systemclock (h);
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));
  check_warning (h, "counter stands still", !has_header);
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
  tcase_add_loop_test (tc, test_stopped_counter, 0, 2);

  return s;
}

GST_CHECK_MAIN (health);
