/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Dma-bufs in a stream: the same few memories, whatever happens to the stream,
 * as sinks keep what they made of each; and each one with one buffer at a time.
 */
#include <string.h>

#include "testdmabuf.h"

/* GST_MMIO_RING_MIN and GST_MMIO_RING_MAX, which are no part of what
 * applications see */
#define MIN_MEMORIES 4
#define MAX_MEMORIES 32

static void
setup (void)
{
  dmabuf_setup ();
  dmabuf_add_importer ();
}

static GstMemory *
get_memory (GstBuffer * buffer)
{
  fail_unless (dmabuf_is (buffer));
  return gst_buffer_peek_memory (buffer, 0);
}

/* What a sink remembers a memory by: its number, from 1 on */
static guint
get_number (GstMemory * memory)
{
  return GPOINTER_TO_UINT (gst_mini_object_get_qdata (GST_MINI_OBJECT_CAST
          (memory), g_quark_from_static_string ("number")));
}

static void
set_number (GstMemory * memory, guint number)
{
  gst_mini_object_set_qdata (GST_MINI_OBJECT_CAST (memory),
      g_quark_from_static_string ("number"), GUINT_TO_POINTER (number), NULL);
}

/* An element of whose memories each has its number */
static GstHarness *
play_numbered (void)
{
  GstHarness *h = dmabuf_play ();

  for (guint i = 1; i <= MIN_MEMORIES; i++) {
    GstBuffer *buffer = source_crank (h);

    fail_unless_equals_int (get_number (get_memory (buffer)), 0);
    set_number (get_memory (buffer), i);
    gst_buffer_unref (buffer);
  }

  return h;
}

/* They come in turn, no others among them, and each is right */
static void
check_turns (GstHarness * h, guint n)
{
  guint last = 0;

  for (guint i = 0; i < n; i++) {
    GstBuffer *buffer = source_crank (h);
    const guint number = get_number (get_memory (buffer));

    fail_unless (number > 0, "a new memory");
    fail_unless (i == 0 || number == last % MIN_MEMORIES + 1,
        "memory %u after %u", number, last);
    last = number;
    dmabuf_check_picture (buffer, &odd);
    gst_buffer_unref (buffer);
  }
}

/* Who keeps up sees four, again and again */
GST_START_TEST (test_turns)
{
  GstHarness *h = play_numbered ();

  check_turns (h, 50);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  source_teardown (h);
}

GST_END_TEST;

/* Who holds some, as sinks and queues do, is sent others */
GST_START_TEST (test_held)
{
  GstHarness *h = dmabuf_play ();
  GstBuffer *held[6] = { NULL, };

  for (guint i = 0; i < 60; i++) {
    GstBuffer *buffer = source_crank (h);
    GstMemory *memory = get_memory (buffer);

    for (guint j = 0; j < G_N_ELEMENTS (held); j++)
      fail_if (held[j] && get_memory (held[j]) == memory);
    fail_unless (get_number (memory) > 0 || i < G_N_ELEMENTS (held) + 1);
    set_number (memory, 1);
    gst_clear_buffer (&held[i % G_N_ELEMENTS (held)]);
    held[i % G_N_ELEMENTS (held)] = buffer;
  }
  for (guint j = 0; j < G_N_ELEMENTS (held); j++)
    gst_clear_buffer (&held[j]);
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_pause)
{
  GstHarness *h = play_numbered ();

  for (guint i = 0; i < 5; i++) {
    source_wait_for_clock_wait (h);
    gst_element_set_state (h->element, GST_STATE_PAUSED);
    fail_unless_equals_int (gst_element_set_state (h->element,
            GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
    check_turns (h, 6);
  }
  fail_unless_equals_int (dmabuf_count_ways (h), 0);
  fail_unless_equals_int (fakekernel_count_udmabufs (), 1);
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_flush)
{
  GstHarness *h = play_numbered ();

  for (guint i = 0; i < 6; i++) {
    source_wait_for_clock_wait (h);
    fail_unless (gst_element_send_event (h->element,
            gst_event_new_flush_start ()));
    fail_unless (gst_element_send_event (h->element,
            gst_event_new_flush_stop (i % 2)));
    check_turns (h, 6);
  }
  fail_unless_equals_int (dmabuf_count_ways (h), 0);
  fail_unless_equals_int (fakekernel_count_udmabufs (), 1);
  dmabuf_check_quiet (h);
  source_teardown (h);
}

GST_END_TEST;

/* About the same, about another frame rate, and about copies for a while */
GST_START_TEST (test_renegotiation)
{
  static const char *const caps[] = {
    DMABUF_RGB ",framerate=25/1", "video/x-raw,format=BGRx", DMABUF_RGB,
    "video/x-raw,framerate=10/1", DMABUF_RGB ";video/x-raw"
  };
  GstHarness *h = play_numbered ();

  source_wait_for_clock_wait (h);
  gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
  check_turns (h, 6);
  fail_unless_equals_int (dmabuf_count_ways (h), 0);

  for (guint i = 0; i < G_N_ELEMENTS (caps); i++) {
    const gboolean sends = strstr (caps[i], "DMABuf") != NULL;

    source_wait_for_clock_wait (h);
    gst_harness_set_sink_caps_str (h, caps[i]);
    source_drop (h, 1);
    if (sends) {
      check_turns (h, 6);
    } else {
      GstBuffer *buffer = source_crank (h);

      fail_if (dmabuf_is (buffer));
      gst_buffer_unref (buffer);
    }
    /* Nothing is to be told of another rate */
    fail_unless_equals_int (dmabuf_count_ways (h), i > 0);
  }
  fail_unless_equals_int (fakekernel_count_udmabufs (), 1);
  dmabuf_check_quiet (h);
  source_teardown (h);
}

GST_END_TEST;

/* Somebody else is there, and then the same again */
GST_START_TEST (test_relink)
{
  GstHarness *h = play_numbered ();
  GstPad *pad = gst_element_get_static_pad (h->element, "src");

  for (guint i = 0; i < 3; i++) {
    source_wait_for_clock_wait (h);
    fail_unless (gst_pad_unlink (pad, h->sinkpad));
    fail_unless_equals_int (gst_pad_link (pad, h->sinkpad), GST_PAD_LINK_OK);
    check_turns (h, 6);
  }
  fail_unless_equals_int (dmabuf_count_ways (h), 0);
  fail_unless_equals_int (fakekernel_count_udmabufs (), 1);
  dmabuf_check_quiet (h);
  gst_object_unref (pad);
  source_teardown (h);
}

GST_END_TEST;

static void
check_qos (GstHarness * h, guint64 number, guint64 processed, guint64 dropped)
{
  GstMessage *message = source_wait_message (h, GST_MESSAGE_QOS);
  guint64 timestamp, duration, got_processed, got_dropped;
  GstFormat format;

  gst_message_parse_qos (message, NULL, NULL, NULL, &timestamp, &duration);
  fail_unless_equals_uint64 (timestamp, number * 20 * GST_MSECOND);
  fail_unless_equals_uint64 (duration, 20 * GST_MSECOND);
  gst_message_parse_qos_stats (message, &format, &got_processed, &got_dropped);
  fail_unless_equals_int (format, GST_FORMAT_BUFFERS);
  fail_unless_equals_uint64 (got_processed, processed);
  fail_unless_equals_uint64 (got_dropped, dropped);
  gst_message_unref (message);
}

/* Who holds more than anybody needs gets no more: frames are missed, and told
 * of, until some come back */
GST_START_TEST (test_all_held)
{
  GstHarness *h = dmabuf_play ();
  GstBuffer *held[MAX_MEMORIES];
  GstBuffer *buffer;

  for (guint i = 0; i < MAX_MEMORIES; i++) {
    held[i] = source_crank (h);
    for (guint j = 0; j < i; j++)
      fail_if (get_memory (held[i]) == get_memory (held[j]));
  }
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);

  /* Frames 33 to 35 */
  for (guint i = 0; i < 3; i++) {
    fail_unless (gst_harness_crank_single_clock_wait (h));
    source_wait_for_clock_wait (h);
    fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
    source_wait_for_stat (h, "missed", i + 1);
    fail_unless_equals_uint64 (source_get_stat (h, "frames"), MAX_MEMORIES + 1);
    fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);
  }
  source_check_no_error (h);

  gst_clear_buffer (&held[5]);
  buffer = source_crank (h);
  check_qos (h, MAX_MEMORIES + 4, MAX_MEMORIES + 2, 3);
  fail_unless (dmabuf_is (buffer));
  fail_unless (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), MAX_MEMORIES + 4);
  fail_unless_equals_uint64 (GST_BUFFER_PTS (buffer),
      (MAX_MEMORIES + 4) * 20 * GST_MSECOND);
  dmabuf_check_picture (buffer, &odd);
  gst_buffer_unref (buffer);

  buffer = source_crank (h);
  fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), MAX_MEMORIES + 5);
  gst_buffer_unref (buffer);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 3);

  for (guint i = 0; i < MAX_MEMORIES; i++)
    gst_clear_buffer (&held[i]);
  source_drop (h, MAX_MEMORIES);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 3);
  source_teardown (h);
}

GST_END_TEST;

/* It can be stopped when it has none to send */
GST_START_TEST (test_stop_all_held)
{
  GstHarness *h = dmabuf_play ();
  GstBuffer *held[MAX_MEMORIES];

  for (guint i = 0; i < MAX_MEMORIES; i++)
    held[i] = source_crank (h);
  fail_unless (gst_harness_crank_single_clock_wait (h));
  source_wait_for_stat (h, "missed", 1);
  source_stop (h);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 1);
  for (guint i = 0; i < MAX_MEMORIES; i++)
    gst_clear_buffer (&held[i]);
  fail_unless_equals_int (count_maps (TEST_MEMFD), 0);
  source_teardown (h);
}

GST_END_TEST;

/* The last buffer lets go of the device, whoever is gone by then */
GST_START_TEST (test_outlives_element)
{
  GstHarness *h = dmabuf_play ();
  GstBuffer *one, *other, *part;

  one = source_crank (h);
  other = source_crank (h);
  part = gst_buffer_copy_region (other, GST_BUFFER_COPY_ALL, SKIP, 3 * WIDTH);
  source_teardown (h);

  dmabuf_check_picture (one, &odd);
  gst_buffer_unref (one);
  dmabuf_check_picture (other, &odd);
  fail_unless_equals_int (count_maps (TEST_MEMFD), 1);
  gst_buffer_unref (other);
  fail_unless_equals_int (count_maps (TEST_MEMFD), 1);
  fail_unless (gst_buffer_memcmp (part, 0, bar.data + odd.offset,
          3 * WIDTH) == 0);
  gst_buffer_unref (part);
  fail_unless_equals_int (count_maps (TEST_MEMFD), 0);
  fail_unless_equals_int (dmabuf_count_fds (), 1);
}

GST_END_TEST;

/* Those of the last run are none of this one's */
GST_START_TEST (test_outlives_run)
{
  GstHarness *h = play_numbered ();
  GstBuffer *held = source_crank (h);
  GstBuffer *buffer;

  source_stop (h);
  source_start (h, 1);
  for (guint i = 0; i < 2 * MIN_MEMORIES; i++) {
    buffer = source_crank (h);
    fail_unless_equals_int (get_number (get_memory (buffer)), 0);
    gst_buffer_unref (buffer);
    if (i == MIN_MEMORIES) {
      dmabuf_check_picture (held, &odd);
      gst_clear_buffer (&held);
    }
  }
  fail_unless_equals_int (fakekernel_count_udmabufs (), 2);
  source_teardown (h);
}

GST_END_TEST;

/* Who wants to write gets a copy, and the device is left alone; the memory
 * comes again */
GST_START_TEST (test_write)
{
  GstHarness *h = play_numbered ();
  GstBuffer *buffer, *deep;
  GstMapInfo map;

  buffer = source_crank (h);
  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READWRITE));
  fail_unless (memcmp (map.data, bar.data + page_size (), map.size) == 0);
  memset (map.data, 0, map.size);
  gst_buffer_unmap (buffer, &map);
  fail_if (dmabuf_is (buffer));
  test_memfd_check (&bar);
  check_turns (h, 2 * MIN_MEMORIES);
  gst_buffer_unref (buffer);

  buffer = source_crank (h);
  deep = gst_buffer_copy_deep (buffer);
  gst_buffer_unref (buffer);
  fail_if (dmabuf_is (deep));
  dmabuf_check_picture (deep, &odd);
  check_turns (h, 2 * MIN_MEMORIES);
  source_teardown (h);
  fail_unless_equals_int (count_maps (TEST_MEMFD), 0);
  dmabuf_check_picture (deep, &odd);
  gst_buffer_unref (deep);
}

GST_END_TEST;

/* --- A tee, queues, and consumers in threads of their own ----------------- */

#define N_FRAMES 100

static void
on_handoff (GstElement * sink, GstBuffer * buffer, GstPad * pad,
    gpointer user_data)
{
  gint *counts = user_data;

  if (dmabuf_is (buffer))
    g_atomic_int_inc (&counts[0]);
  dmabuf_check_picture (buffer, &odd);
}

GST_START_TEST (test_tee)
{
  g_autofree char *text = g_strdup_printf ("mmiovidsrc name=source device=%s "
      "io-mode=dmabuf width=%u height=%u offset=%" G_GSIZE_FORMAT " stride=%u "
      "num-buffers=%u ! " DMABUF ",framerate=1000/1 ! tee name=tee "
      "tee. ! queue ! fakesink name=a signal-handoffs=true sync=true "
      "tee. ! queue ! identity ! fakesink name=b signal-handoffs=true "
      "sync=false", bar.path, WIDTH, HEIGHT, odd.offset, STRIDE, N_FRAMES);
  GstElement *pipeline = gst_parse_launch (text, NULL);
  static const char *const names[] = { "a", "b" };
  gint counts[2] = { 0, 0 };
  GstMessage *message;
  GstBus *bus;

  fail_unless (pipeline != NULL, "%s", text);
  for (guint i = 0; i < 2; i++) {
    GstElement *sink = gst_bin_get_by_name (GST_BIN (pipeline), names[i]);

    g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), &counts[i]);
    gst_object_unref (sink);
  }

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  bus = gst_element_get_bus (pipeline);
  message = gst_bus_timed_pop_filtered (bus, HANG * GST_USECOND,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  fail_unless (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS,
      "%" GST_PTR_FORMAT, message);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);

  for (guint i = 0; i < 2; i++)
    fail_unless_equals_int (counts[i], N_FRAMES);
}

GST_END_TEST;

static Suite *
dmabufstream_suite (void)
{
  Suite *s = suite_create ("gst-dmabufstream");
  TCase *tc = add_case (s, "dmabufstream");

  tcase_add_checked_fixture (tc, setup, dmabuf_teardown);
  tcase_add_test (tc, test_turns);
  tcase_add_test (tc, test_held);
  tcase_add_test (tc, test_pause);
  tcase_add_test (tc, test_flush);
  tcase_add_test (tc, test_renegotiation);
  tcase_add_test (tc, test_relink);
  tcase_add_test (tc, test_all_held);
  tcase_add_test (tc, test_stop_all_held);
  tcase_add_test (tc, test_outlives_element);
  tcase_add_test (tc, test_outlives_run);
  tcase_add_test (tc, test_write);
  tcase_add_test (tc, test_tee);

  return s;
}

GST_CHECK_MAIN (dmabufstream);
