/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device that describes its picture itself, and changes it while it is
 * captured: what is sent, with which caps, and how it is counted.  The device
 * is a memfd with a header, which the test paints.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "describe/mmiovid-header.h"
#include "testdmabuf.h"
#include "testpool.h"

#define PICTURE 4096
#define N_PAGES 256

/* One frame, at the rate that is taken where nobody wants another */
#define PERIOD (GST_SECOND / 50)

static TestMemfd device;
static guint8 *memory;

static MmiovidHeader *
header (void)
{
  return (MmiovidHeader *) memory;
}

static void
put (guint32 * field, guint32 value)
{
  __atomic_store_n (field, GUINT32_TO_LE (value), __ATOMIC_SEQ_CST);
}

static guint32
get (const guint32 * field)
{
  return GUINT32_FROM_LE (__atomic_load_n (field, __ATOMIC_SEQ_CST));
}

/* Ends the threads below; atomic */
static gint stop;

/* --- The device ----------------------------------------------------------- */

/* From here on there is no picture */
static void
begin_mode (void)
{
  put (&header ()->sequence, get (&header ()->sequence) | 1);
}

/* RGB, and all of its bytes are the same */
static void
write_mode (guint width, guint height, guint8 value)
{
  MmiovidHeader *h = header ();

  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  memcpy (memory, "mmiovid", 8);
  put (&h->version, MMIOVID_HEADER_VERSION);
  put (&h->size, MMIOVID_HEADER_SIZE);
  put (&h->format, MMIOVID_FORMAT_RGB);
  put (&h->width, width);
  put (&h->height, height);
  put (&h->stride, 3 * width);
  put (&h->flags, MMIOVID_HEADER_COUNTER | MMIOVID_HEADER_SEQLOCK);
  put (&h->n_slots, 1);
  h->slot_offset[0] = GUINT64_TO_LE (PICTURE);
  memset (memory + PICTURE, value, 3 * width * height);
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
}

static void
end_mode (void)
{
  put (&header ()->sequence, get (&header ()->sequence) + 1);
}

static void
set_mode (guint width, guint height, guint8 value)
{
  begin_mode ();
  write_mode (width, height, value);
  end_mode ();
}

static void
count (void)
{
  put (&header ()->counter, get (&header ()->counter) + 1);
}

/* Of ordinary memory that a dma-buf can be made of, where somebody imports it */
static void
setup (void)
{
  fakekernel_start ();
  dmabuf_add_importer ();
  test_memfd_init (&device, N_PAGES, F_SEAL_SHRINK | F_SEAL_GROW, 1);
  memory = mmap (NULL, device.size, PROT_READ | PROT_WRITE, MAP_SHARED,
      device.fd, 0);
  fail_unless (memory != MAP_FAILED);
  memset (memory, 0, device.size);
  set_mode (32, 24, 1);
}

static void
teardown (void)
{
  munmap (memory, device.size);
  fail_unless_equals_int (count_maps (TEST_MEMFD), 0);
  fail_unless_equals_int (dmabuf_count_fds (), 1);
  test_memfd_clear (&device);
  fakekernel_stop ();
}

/* --- The element ---------------------------------------------------------- */

static void
set (GstHarness * h, const char *name, const char *value)
{
  gst_util_set_object_arg (G_OBJECT (h->element), name, value);
}

static GstHarness *
new_source (const char *io_mode)
{
  GstHarness *h = source_new (device.path, NULL);

  set (h, "io-mode", io_mode);
  gst_harness_set_sink_caps_str (h, strcmp (io_mode, "dmabuf") == 0 ?
      DMABUF : "video/x-raw");
  return h;
}

/* A frame of what the device shows, as it is counted; caps say what it is */
static void
check_frame (GstHarness * h, GstBuffer * buffer, guint width, guint height,
    guint8 value, guint64 number, gboolean discont)
{
  g_autoptr (GstCaps) caps = source_get_caps (h);
  const GstStructure *s = gst_caps_get_structure (caps, 0);
  gint caps_width, caps_height;
  GstMapInfo map;

  fail_unless (gst_structure_get_int (s, "width", &caps_width));
  fail_unless (gst_structure_get_int (s, "height", &caps_height));
  fail_unless_equals_int (caps_width, width);
  fail_unless_equals_int (caps_height, height);

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  fail_unless_equals_uint64 (map.size, 3 * width * height);
  fail_unless_all (map.data, map.size, value);
  gst_buffer_unmap (buffer, &map);

  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), number);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET_END (buffer), number + 1);
  fail_unless_equals_uint64 (GST_BUFFER_PTS (buffer), number * PERIOD);
  fail_unless_equals_int (GST_BUFFER_FLAG_IS_SET (buffer,
          GST_BUFFER_FLAG_DISCONT), discont);
}

static void
check_stats (GstHarness * h, guint64 frames, guint64 missed)
{
  fail_unless_equals_uint64 (source_get_stat (h, "frames"), frames);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), missed);
}

static void
crank (GstHarness * h)
{
  fail_unless (gst_harness_crank_single_clock_wait (h));
  source_wait_for_clock_wait (h);
}

static const char *io_modes[] = { "copy", "mmap", "dmabuf" };

/* Info messages of a run with these settings */
static guint
count_infos (const char *width, const char *height)
{
  GstHarness *h = new_source ("copy");
  guint n;

  set (h, "width", width);
  set (h, "height", height);
  source_start (h, 1);
  n = source_count_messages (h, GST_MESSAGE_INFO);
  source_check_no_error (h);
  source_teardown (h);
  return n;
}

/* A user who sets the geometry hears that the device describes it */
GST_START_TEST (test_unused_header)
{
  GstHarness *h;
  GstMessage *message;
  GError *error;
  char *debug;

  fail_unless_equals_int (count_infos ("0", "24"), 0);
  fail_unless_equals_int (count_infos ("32", "24"), 1);

  h = new_source ("copy");
  set (h, "width", "32");
  set (h, "height", "24");
  gst_harness_play (h);
  message = source_wait_message (h, GST_MESSAGE_INFO);
  gst_message_parse_info (message, &error, &debug);
  fail_unless (g_error_matches (error, GST_RESOURCE_ERROR,
          GST_RESOURCE_ERROR_SETTINGS));
  fail_unless (strstr (error->message, device.path) &&
      strstr (error->message, "mmiovid header"), "%s", error->message);
  /* All that gst-launch-1.0 prints */
  fail_unless (strstr (debug, error->message) != NULL, "%s", debug);
  g_error_free (error);
  g_free (debug);
  gst_message_unref (message);
  source_teardown (h);

  memset (memory, 0, MMIOVID_HEADER_SIZE);
  fail_unless_equals_int (count_infos ("32", "24"), 0);
}

GST_END_TEST;


/* Nothing is set but the device; the picture changes between two frames */
GST_START_TEST (test_follow)
{
  GstHarness *h = new_source (io_modes[__i__]);
  GstBuffer *buffer, *old;

  gst_harness_play (h);
  old = source_pull (h);
  check_frame (h, old, 32, 24, 1, 0, TRUE);
  buffer = source_crank (h);
  check_frame (h, buffer, 32, 24, 1, 1, FALSE);
  gst_buffer_unref (buffer);
  source_wait_for_clock_wait (h);

  /* None is lost, and none has anything of the mode before */
  set_mode (16, 12, 2);
  buffer = source_crank (h);
  check_frame (h, buffer, 16, 12, 2, 2, TRUE);
  gst_buffer_unref (buffer);
  buffer = source_crank (h);
  check_frame (h, buffer, 16, 12, 2, 3, FALSE);
  gst_buffer_unref (buffer);
  source_wait_for_clock_wait (h);

  /* Twice between two frames, and larger */
  set_mode (8, 4, 3);
  set_mode (64, 48, 4);
  buffer = source_crank (h);
  check_frame (h, buffer, 64, 48, 4, 4, TRUE);
  check_stats (h, 5, 0);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);

  /* Who holds a frame holds it, as it was sent: a copy; or memory that is
   * another one's now, but still there */
  {
    GstMapInfo map;

    fail_unless (gst_buffer_map (old, &map, GST_MAP_READ));
    fail_unless_equals_uint64 (map.size, 3 * 32 * 24);
    fail_unless_all (map.data, map.size, __i__ == 0 ? 1 : 4);
    gst_buffer_unmap (old, &map);
  }
  gst_buffer_unref (old);

  source_stop (h);
  check_stats (h, 5, 0);
  source_teardown (h);
  fail_unless (gst_buffer_get_size (buffer) > 0);
  gst_buffer_unref (buffer);
}

GST_END_TEST;

/* No frame while there is no picture, and then it goes on by itself */
GST_START_TEST (test_no_mode)
{
  GstHarness *h = new_source (io_modes[__i__]);
  GstBuffer *buffer;
  GstMessage *message;
  guint32 sequence;
  guint64 dropped;

  source_start (h, 2);
  source_wait_for_clock_wait (h);
  begin_mode ();
  for (guint i = 0; i < 5; i++)
    crank (h);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
  write_mode (16, 12, 7);
  crank (h);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
  fail_unless_equals_uint64 (source_get_stat (h, "frames"), 2);

  end_mode ();
  buffer = source_crank (h);
  check_frame (h, buffer, 16, 12, 7, 8, TRUE);
  gst_buffer_unref (buffer);
  check_stats (h, 3, 6);

  /* One message tells of all */
  message = source_wait_message (h, GST_MESSAGE_QOS);
  gst_message_parse_qos_stats (message, NULL, NULL, &dropped);
  fail_unless_equals_uint64 (dropped, 6);
  gst_message_unref (message);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_QOS), 0);

  /* Back to what it was, as a display that was off */
  source_wait_for_clock_wait (h);
  sequence = get (&header ()->sequence);
  begin_mode ();
  crank (h);
  put (&header ()->sequence, sequence);
  buffer = source_crank (h);
  check_frame (h, buffer, 16, 12, 7, 10, TRUE);
  gst_buffer_unref (buffer);
  check_stats (h, 4, 7);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

static GMutex lock;
static GCond cond;
static gboolean has_asked, is_flushing;

static GstPadProbeReturn
on_query (GstPad * pad, GstPadProbeInfo * info, gpointer unused)
{
  if (GST_QUERY_TYPE (GST_PAD_PROBE_INFO_QUERY (info)) != GST_QUERY_CAPS)
    return GST_PAD_PROBE_OK;

  g_mutex_lock (&lock);
  has_asked = TRUE;
  g_cond_broadcast (&cond);
  while (!is_flushing)
    g_cond_wait (&cond, &lock);
  g_mutex_unlock (&lock);
  return GST_PAD_PROBE_OK;
}

/* What was due before a flush is none after it, though it was the negotiation
 * about another mode that the flush has ended */
GST_START_TEST (test_flush)
{
  GstHarness *h = new_source ("copy");
  const gint64 end = g_get_monotonic_time () + HANG;
  GstBuffer *buffer;
  GstPad *pad;

  source_start (h, 2);
  source_wait_for_clock_wait (h);
  has_asked = is_flushing = FALSE;
  pad = gst_element_get_static_pad (h->element, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM |
      GST_PAD_PROBE_TYPE_PUSH, on_query, NULL, NULL);
  gst_object_unref (pad);

  set_mode (16, 12, 2);
  fail_unless (gst_harness_crank_single_clock_wait (h));
  g_mutex_lock (&lock);
  while (!has_asked)
    fail_unless (g_cond_wait_until (&cond, &lock, end));
  g_mutex_unlock (&lock);
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_start ()));
  g_mutex_lock (&lock);
  is_flushing = TRUE;
  g_cond_broadcast (&cond);
  g_mutex_unlock (&lock);
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_stop (FALSE)));

  source_wait_for_clock_wait (h);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
  buffer = source_crank (h);
  check_frame (h, buffer, 16, 12, 2, 3, TRUE);
  gst_buffer_unref (buffer);
  check_stats (h, 3, 0);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* Some frame-sync wait in other ways; time does not go on in these tests, and
 * the counter stands, so nothing but the end of the wait can end them */
static const char *syncs[] = { "clock", "counter" };

GST_START_TEST (test_stop)
{
  GstHarness *h = new_source ("copy");

  set (h, "frame-sync", syncs[__i__]);
  source_start (h, 1);
  begin_mode ();
  if (__i__ == 0) {
    source_wait_for_clock_wait (h);
    crank (h);
  } else {
    /* A picture that nobody can see yet */
    count ();
    count ();
    g_usleep (100000);
  }

  fail_unless (gst_element_set_state (h->element, GST_STATE_PAUSED) !=
      GST_STATE_CHANGE_FAILURE);
  fail_unless (gst_element_set_state (h->element, GST_STATE_PLAYING) !=
      GST_STATE_CHANGE_FAILURE);
  source_stop (h);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* All of which say this */
static guint
count_warnings (GstHarness * h, const char *words)
{
  GstMessage *message;
  guint n = 0;

  while ((message = source_try_message (h, GST_MESSAGE_WARNING))) {
    g_autoptr (GError) error = NULL;

    gst_message_parse_warning (message, &error, NULL);
    fail_unless (strstr (error->message, device.path) != NULL, "%s",
        error->message);
    fail_unless (strstr (error->message, words) != NULL, "%s", error->message);
    gst_message_unref (message);
    n++;
  }

  return n;
}

#define NO_MODE "shown no frame for a second"

static void
wait_for_warning (GstHarness * h, const char *words)
{
  const gint64 end = g_get_monotonic_time () + HANG;

  while (count_warnings (h, words) == 0) {
    fail_unless (g_get_monotonic_time () < end, "no warning came");
    crank (h);
    g_usleep (10000);
  }
}

/* After a second it is told, once for each time */
GST_START_TEST (test_warning)
{
  GstHarness *h = new_source ("copy");
  gint64 begin;

  source_start (h, 1);
  source_wait_for_clock_wait (h);
  for (guint i = 0; i < 2; i++) {
    begin = g_get_monotonic_time ();
    begin_mode ();
    wait_for_warning (h, NO_MODE);
    fail_unless (g_get_monotonic_time () - begin >= G_TIME_SPAN_SECOND);
    begin = g_get_monotonic_time ();
    while (g_get_monotonic_time () - begin < 1500 * G_TIME_SPAN_MILLISECOND)
      crank (h);
    fail_unless_equals_int (count_warnings (h, NO_MODE), 0);

    end_mode ();
    gst_buffer_unref (source_crank (h));
    source_wait_for_clock_wait (h);
  }
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* With a counter nothing else ends the wait; the picture that was counted while
 * none was shown comes when it is */
GST_START_TEST (test_counted_picture)
{
  GstHarness *h = new_source (io_modes[__i__]);
  GstMessage *message;
  GstBuffer *buffer;

  set (h, "frame-sync", "counter");
  source_start (h, 1);
  begin_mode ();
  write_mode (16, 12, 9);
  count ();
  count ();
  message = source_wait_message (h, GST_MESSAGE_WARNING);
  gst_message_unref (message);
  fail_unless_equals_int (gst_harness_buffers_received (h), 1);
  end_mode ();
  buffer = source_pull (h);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 1);
  GST_BUFFER_PTS (buffer) = PERIOD;
  check_frame (h, buffer, 16, 12, 9, 1, TRUE);
  gst_buffer_unref (buffer);
  check_stats (h, 2, 0);
  source_teardown (h);
}

GST_END_TEST;

/* Faster than it is looked whether it shows one again */
static gpointer
count_on (gpointer unused)
{
  while (!g_atomic_int_get (&stop)) {
    count ();
    count ();
    g_usleep (2000);
  }

  return NULL;
}

/* Pictures that nobody wants keep nobody from looking whether the one that is
 * wanted can be seen */
GST_START_TEST (test_busy_counter)
{
  GstHarness *h = new_source ("copy");
  GstTestClock *clock = gst_harness_get_testclock (h);
  GThread *thread;

  set (h, "frame-sync", "counter");
  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=1/1000");
  source_start (h, 1);
  begin_mode ();
  write_mode (16, 12, 9);
  gst_test_clock_advance_time (clock, 1000 * GST_SECOND);
  g_atomic_int_set (&stop, 0);
  thread = g_thread_new ("device", count_on, NULL);
  gst_message_unref (source_wait_message (h, GST_MESSAGE_WARNING));
  fail_unless_equals_int (gst_harness_buffers_received (h), 1);
  end_mode ();
  gst_buffer_unref (source_pull (h));
  g_atomic_int_set (&stop, 1);
  g_thread_join (thread);
  check_stats (h, 2, 0);
  gst_object_unref (clock);
  source_teardown (h);
}

GST_END_TEST;

/* The turn of the next one is a period after one that came late, and its number is
 * that of the picture that is shown by then, be it one that was not wanted */
GST_START_TEST (test_late)
{
  GstHarness *h = new_source ("copy");
  GstTestClock *clock = gst_harness_get_testclock (h);
  GstBuffer *buffer;

  set (h, "frame-sync", "counter");
  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=1/1000");
  source_start (h, 1);
  begin_mode ();
  write_mode (16, 12, 9);
  gst_test_clock_advance_time (clock, 1000 * GST_SECOND);
  count ();
  count ();
  gst_message_unref (source_wait_message (h, GST_MESSAGE_WARNING));
  count ();
  count ();
  g_usleep (30000);
  gst_test_clock_advance_time (clock, 900 * GST_SECOND);
  end_mode ();
  buffer = source_pull (h);
  fail_unless (GST_BUFFER_PTS (buffer) > 1800 * GST_SECOND);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 2);
  gst_buffer_unref (buffer);

  for (guint i = 0; i < 2; i++) {
    gst_test_clock_advance_time (clock, (i == 0 ? 100 : 1000) * GST_SECOND);
    count ();
    count ();
    g_usleep (30000);
  }
  buffer = source_pull (h);
  fail_unless (GST_BUFFER_PTS (buffer) > 2800 * GST_SECOND, "%" GST_TIME_FORMAT,
      GST_TIME_ARGS (GST_BUFFER_PTS (buffer)));
  gst_buffer_unref (buffer);
  gst_object_unref (clock);
  source_teardown (h);
}

GST_END_TEST;

/* A pause may end the wait for a picture that is complete, or not: the frame
 * that was due is one of those that are counted */
GST_START_TEST (test_pause)
{
  GstHarness *h = new_source ("copy");
  GstBuffer *buffer;

  g_object_set (h->element, "width", 32, "height", 24, "offset",
      (guint64) PICTURE, "counter-offset",
      (guint64) G_STRUCT_OFFSET (MmiovidHeader, counter), "counter-size", 32,
      "counter-seqlock", TRUE, NULL);
  source_start (h, 1);
  source_wait_for_clock_wait (h);
  for (guint i = 0; i < 10; i++) {
    /* It waits long for no more than the first that is not complete */
    count ();
    fail_unless (gst_harness_crank_single_clock_wait (h));
    g_usleep (5000);
    fail_unless (gst_element_set_state (h->element, GST_STATE_PAUSED) !=
        GST_STATE_CHANGE_FAILURE);
    g_usleep (10000);
    fail_unless (gst_element_set_state (h->element, GST_STATE_PLAYING) !=
        GST_STATE_CHANGE_FAILURE);
    count ();
    source_wait_for_clock_wait (h);
  }

  while ((buffer = gst_harness_try_pull (h)))
    gst_buffer_unref (buffer);
  buffer = source_crank (h);
  fail_unless_equals_uint64 (source_get_stat (h, "frames") +
      source_get_stat (h, "missed"), GST_BUFFER_OFFSET (buffer) + 1);
  gst_buffer_unref (buffer);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* --- While it is read ----------------------------------------------------- */

/* How often the device still changes its mode during a read, and how often it
 * has */
static gint changes_left;
static gint n_changes;

/* After it was looked whether it has, and before the first byte is read */
static void
change_mode (void)
{
  const guint n = g_atomic_int_get (&n_changes);

  if (g_atomic_int_get (&changes_left) == 0)
    return;

  g_atomic_int_add (&changes_left, -1);
  set_mode (n % 2 ? 32 : 16, 24, 10 + n % 100);
  g_atomic_int_inc (&n_changes);
}

static GstHarness *
start_with_changes (void)
{
  TestAllocator *allocator = test_allocator_new ();
  GstHarness *h = new_source ("copy");

  g_atomic_int_set (&changes_left, 0);
  g_atomic_int_set (&n_changes, 0);
  allocator->before_write = change_mode;
  gst_harness_set_propose_allocator (h, GST_ALLOCATOR (allocator), NULL);
  source_start (h, 1);
  source_wait_for_clock_wait (h);
  return h;
}

/* The frame that was being read is read once more, and is not lost; but once
 * only */
GST_START_TEST (test_while_read)
{
  GstHarness *h = start_with_changes ();
  GstBuffer *buffer;

  g_atomic_int_set (&changes_left, 1);
  buffer = source_crank (h);
  check_frame (h, buffer, 16, 24, 10, 1, TRUE);
  gst_buffer_unref (buffer);
  check_stats (h, 2, 0);
  source_wait_for_clock_wait (h);

  g_atomic_int_set (&changes_left, 3);
  crank (h);
  fail_unless_equals_int (g_atomic_int_get (&n_changes), 3);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
  buffer = source_crank (h);
  check_frame (h, buffer, 32, 24, 13, 3, TRUE);
  gst_buffer_unref (buffer);
  check_stats (h, 3, 1);
  source_teardown (h);
}

GST_END_TEST;

/* One that never stands still is told of, and no more work is made of each frame
 * than of one that does */
GST_START_TEST (test_restless)
{
  GstHarness *h = start_with_changes ();
  GstBuffer *buffer;
  gint64 begin;
  gint before;

  for (guint i = 0; i < 2; i++) {
    begin = g_get_monotonic_time ();
    g_atomic_int_set (&changes_left, G_MAXINT);
    wait_for_warning (h, "faster than a frame can be read");
    fail_unless (g_get_monotonic_time () - begin >= G_TIME_SPAN_SECOND);
    begin = g_get_monotonic_time ();
    while (g_get_monotonic_time () - begin < 1500 * G_TIME_SPAN_MILLISECOND) {
      before = g_atomic_int_get (&n_changes);
      crank (h);
      fail_unless (g_atomic_int_get (&n_changes) <= before + 2);
    }
    fail_unless_equals_int (count_warnings (h, ""), 0);
    fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);

    g_atomic_int_set (&changes_left, 0);
    buffer = source_crank (h);
    gst_buffer_unref (buffer);
    source_wait_for_clock_wait (h);
  }
  fail_unless_equals_uint64 (source_get_stat (h, "frames"), 3);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* --- One picture, elsewhere ----------------------------------------------- */

/* A device that shows one picture while it paints the other: copies go on as if
 * nothing had happened */
GST_START_TEST (test_flip)
{
  static const guint places[] = { 2 * PICTURE, PICTURE };
  GstHarness *h = new_source ("auto");
  GstBuffer *buffer;

  source_start (h, 1);
  source_wait_for_clock_wait (h);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_ELEMENT), 1);
  for (guint i = 1; i < 10; i++) {
    const guint place = places[i % 2];

    memset (memory + place, i, 3 * 32 * 24);
    begin_mode ();
    header ()->slot_offset[0] = GUINT64_TO_LE (place);
    end_mode ();
    buffer = source_crank (h);
    check_frame (h, buffer, 32, 24, i, i, FALSE);
    gst_buffer_unref (buffer);
    source_wait_for_clock_wait (h);
  }
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_ELEMENT), 0);
  check_stats (h, 10, 0);
  source_teardown (h);
}

GST_END_TEST;

/* --- What cannot be ------------------------------------------------------- */

static GstHarness *
start_and_wait (const char *caps)
{
  GstHarness *h = new_source ("copy");

  gst_harness_set_sink_caps_str (h, caps);
  source_start (h, 1);
  source_wait_for_clock_wait (h);
  return h;
}

GST_START_TEST (test_wrong)
{
  GstHarness *h = start_and_wait ("video/x-raw");

  begin_mode ();
  write_mode (16, 12, 2);
  put (&header ()->n_slots, 7);
  end_mode ();
  fail_unless (gst_harness_crank_single_clock_wait (h));
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, NULL,
      "n_slots=7", device.path, NULL);
  /* Of the base class, when the frame that was due has been given up */
  source_check_error (h, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED, NULL, NULL);
  check_stats (h, 1, 1);
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_too_large)
{
  GstHarness *h = start_and_wait ("video/x-raw");

  begin_mode ();
  write_mode (16, 12, 2);
  put (&header ()->height, 65535);
  end_mode ();
  fail_unless (gst_harness_crank_single_clock_wait (h));
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, NULL,
      "slot_offset[0]", device.path, NULL);
  source_teardown (h);
}

GST_END_TEST;

static void
wipe (gsize size)
{
  for (gsize i = 0; i < size; i += sizeof (guint32))
    put ((guint32 *) (memory + i), 0);
}

/* A guest starts again: its header is wiped, partly or wholly, and written again */
GST_START_TEST (test_wiped)
{
  GstHarness *h = start_and_wait ("video/x-raw");
  GstBuffer *buffer;

  begin_mode ();
  wipe (__i__ ? sizeof (MmiovidHeader) : 8);
  end_mode ();
  if (__i__)
    put (&header ()->sequence, 0);
  for (guint i = 0; i < 3; i++)
    crank (h);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);

  set_mode (16, 12, 2);
  fail_unless (gst_harness_crank_single_clock_wait (h));
  buffer = source_pull (h);
  check_frame (h, buffer, 16, 12, 2, GST_BUFFER_OFFSET (buffer), TRUE);
  gst_buffer_unref (buffer);
  source_teardown (h);
}

GST_END_TEST;

/* Nobody scales for him */
GST_START_TEST (test_fixed_downstream)
{
  GstHarness *h = start_and_wait ("video/x-raw,width=32");

  set_mode (16, 12, 2);
  fail_unless (gst_harness_crank_single_clock_wait (h));
  source_check_error (h, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, NULL,
      "16x12 RGB", "wants another width.", "videoscale", NULL);
  source_teardown (h);
}

GST_END_TEST;

/* The new picture can be read, and no dma-buf be made of it, which was asked
 * for */
GST_START_TEST (test_no_way)
{
  GstHarness *h = new_source ("dmabuf");
  GstBuffer *buffer;

  gst_harness_play (h);
  buffer = source_pull (h);
  check_frame (h, buffer, 32, 24, 1, 0, TRUE);
  gst_buffer_unref (buffer);
  source_wait_for_clock_wait (h);

  set_mode (16, 12, 2);
  fakekernel_set_udmabuf (0, ENOMEM);
  fail_unless (gst_harness_crank_single_clock_wait (h));
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ, NULL,
      "Cannot export the memory of", device.path, "io-mode=copy", NULL);
  source_stop (h);
  source_teardown (h);
}

GST_END_TEST;

/* An element that has failed fails again, rather than to send what is not
 * there; and goes on in a run of its own */
GST_START_TEST (test_again)
{
  GstHarness *h = start_and_wait ("video/x-raw");
  GstBuffer *buffer;

  begin_mode ();
  write_mode (16, 12, 2);
  put (&header ()->version, 2);
  end_mode ();
  fail_unless (gst_harness_crank_single_clock_wait (h));
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, NULL,
      "version=2", NULL);
  source_check_error (h, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED, NULL, NULL);

  gst_element_send_event (h->element, gst_event_new_flush_start ());
  gst_element_send_event (h->element, gst_event_new_flush_stop (TRUE));
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, NULL,
      "version=2", NULL);

  source_stop (h);
  set_mode (16, 12, 3);
  gst_harness_play (h);
  buffer = source_pull (h);
  gst_buffer_unref (buffer);
  source_teardown (h);
}

GST_END_TEST;

/* He has said it all, so the device is not asked, then or later */
GST_START_TEST (test_not_followed)
{
  GstHarness *h = new_source ("copy");
  GstBuffer *buffer;

  g_object_set (h->element, "width", 32, "height", 24, "offset",
      (guint64) PICTURE, NULL);
  source_start (h, 1);
  source_wait_for_clock_wait (h);
  begin_mode ();
  buffer = source_crank (h);
  check_frame (h, buffer, 32, 24, 1, 1, FALSE);
  gst_buffer_unref (buffer);
  source_teardown (h);
}

GST_END_TEST;

/* --- A device that does not wait for anybody ------------------------------ */

/* Each picture has its number in each byte, by which one knows its mode */
#define LARGE_WIDTH 512
#define LARGE_HEIGHT 300
#define SMALL_WIDTH 300
#define SMALL_HEIGHT 500
#define PICTURES_A_MODE 4
#define NUMBERS 248
#define MIN_FRAMES 400
#define MIN_MODES 10
/* Of so many modes it shows one until somebody has seen it, however seldom the
 * machine lets anybody look */
#define PATIENCE 3

static gint seen_mode;

static gint
get_mode (guint n)
{
  return n % NUMBERS / PICTURES_A_MODE;
}

static void
paint (guint n)
{
  const gboolean small = n / PICTURES_A_MODE % 2;
  const guint width = small ? SMALL_WIDTH : LARGE_WIDTH;
  const guint height = small ? SMALL_HEIGHT : LARGE_HEIGHT;
  const gboolean is_new = n % PICTURES_A_MODE == 0;

  if (is_new)
    begin_mode ();
  count ();
  write_mode (width, height, n % NUMBERS);
  count ();
  if (is_new)
    end_mode ();
}

static gpointer
run_device (gpointer unused)
{
  for (guint n = 1; !g_atomic_int_get (&stop); n++) {
    const gboolean is_last = n % PICTURES_A_MODE == PICTURES_A_MODE - 1;

    paint (n);
    do
      g_usleep (1500);
    while (is_last && get_mode (n) % PATIENCE == 0 &&
        g_atomic_int_get (&seen_mode) != get_mode (n) &&
        !g_atomic_int_get (&stop));
  }

  return NULL;
}

typedef struct
{
  gboolean by_counter;
  guint frames;
  guint modes;
  gint width;
  guint64 number;
  GstClockTime pts;
  /* Of the last one that is one picture */
  gboolean has_counted;
  guint8 value;
  guint64 counted;
} Seen;

static GstPadProbeReturn
on_buffer (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);
  const guint64 number = GST_BUFFER_OFFSET (buffer);
  const gboolean is_torn =
      GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED);
  Seen *seen = data;
  GstVideoInfo video;
  GstMapInfo map;
  gboolean small;
  guint step;

  often_unless (caps && gst_video_info_from_caps (&video, caps));
  often_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  small = map.data[0] / PICTURES_A_MODE % 2;
  often_unless (video.width == (small ? SMALL_WIDTH : LARGE_WIDTH) &&
      video.height == (small ? SMALL_HEIGHT : LARGE_HEIGHT),
      "picture %u comes as %dx%d", map.data[0], video.width, video.height);
  often_unless (map.size == video.size);

  /* Of one mode; and of one picture, where a counter tells of them */
  step = seen->by_counter && !is_torn ? 1 : PICTURES_A_MODE;
  for (gsize i = 0; i < map.size; i++)
    often_unless (map.data[i] / step == map.data[0] / step,
        "frame %" G_GUINT64_FORMAT " has pictures %u and %u", number,
        map.data[0], map.data[i]);

  if (seen->frames > 0) {
    often_unless (number > seen->number);
    often_unless (GST_BUFFER_PTS (buffer) >= seen->pts);
    often_unless (video.width == seen->width ||
        GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  }

  /* What is torn has pictures of more than one number */
  if (seen->by_counter && !is_torn) {
    if (seen->has_counted)
      often_unless ((number - seen->counted) % NUMBERS ==
          (guint64) (NUMBERS + map.data[0] - seen->value) % NUMBERS,
          "number %" G_GUINT64_FORMAT " after %" G_GUINT64_FORMAT
          ", but picture %u after %u", number, seen->counted, map.data[0],
          seen->value);
    seen->has_counted = TRUE;
    seen->counted = number;
    seen->value = map.data[0];
  }
  seen->modes += video.width != seen->width;
  seen->width = video.width;
  seen->number = number;
  seen->pts = GST_BUFFER_PTS (buffer);
  seen->frames++;
  g_atomic_int_set (&seen_mode, get_mode (map.data[0]));
  gst_buffer_unmap (buffer, &map);

  if (seen->frames < MIN_FRAMES || seen->modes < MIN_MODES)
    return GST_PAD_PROBE_OK;

  gst_buffer_unref (buffer);
  GST_PAD_PROBE_INFO_FLOW_RETURN (info) = GST_FLOW_EOS;
  return GST_PAD_PROBE_HANDLED;
}

GST_START_TEST (test_running)
{
  g_autofree char *text = g_strdup_printf ("mmiovidsrc name=source device=%s "
      "io-mode=copy frame-sync=%s ! video/x-raw%s ! fakesink sync=false",
      device.path, syncs[__i__],
      __i__ == 0 ? ",framerate=1000/1" : "");
  g_autoptr (GstElement) pipeline = gst_parse_launch (text, NULL);
  g_autoptr (GstElement) source = gst_bin_get_by_name (GST_BIN (pipeline),
      "source");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (source, "src");
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  Seen seen = {.by_counter = __i__ == 1 };
  GstMessage *message;
  GstStructure *stats;
  guint64 frames, missed;
  GThread *thread;

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_buffer, &seen, NULL);
  paint (0);
  g_atomic_int_set (&stop, 0);
  g_atomic_int_set (&seen_mode, -1);
  thread = g_thread_new ("device", run_device, NULL);
  fail_unless (gst_element_set_state (pipeline, GST_STATE_PLAYING) !=
      GST_STATE_CHANGE_FAILURE);
  message = gst_bus_timed_pop_filtered (bus, HANG * GST_USECOND,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  fail_unless (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS,
      "%" GST_PTR_FORMAT, message);
  gst_message_unref (message);
  g_atomic_int_set (&stop, 1);
  g_thread_join (thread);

  g_object_get (source, "stats", &stats, NULL);
  fail_unless (gst_structure_get (stats, "frames", G_TYPE_UINT64, &frames,
          "missed", G_TYPE_UINT64, &missed, NULL));
  GST_INFO ("%u modes, %" GST_PTR_FORMAT, seen.modes, stats);
  fail_unless_equals_uint64 (frames, seen.frames);
  fail_unless_equals_uint64 (frames + missed, seen.number + 1);
  gst_structure_free (stats);
  gst_element_set_state (pipeline, GST_STATE_NULL);
}

GST_END_TEST;

static Suite *
mode_suite (void)
{
  Suite *s = suite_create ("gst-mode");
  TCase *tc = add_case (s, "steps");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_unused_header);
  tcase_add_loop_test (tc, test_follow, 0, G_N_ELEMENTS (io_modes));
  tcase_add_loop_test (tc, test_no_mode, 0, G_N_ELEMENTS (io_modes));
  tcase_add_loop_test (tc, test_stop, 0, G_N_ELEMENTS (syncs));
  tcase_add_test (tc, test_flush);
  tcase_add_test (tc, test_warning);
  tcase_add_loop_test (tc, test_counted_picture, 0, G_N_ELEMENTS (io_modes));
  tcase_add_test (tc, test_busy_counter);
  tcase_add_test (tc, test_late);
  tcase_add_test (tc, test_pause);
  tcase_add_test (tc, test_while_read);
  tcase_add_test (tc, test_restless);
  tcase_add_test (tc, test_flip);
  tcase_add_test (tc, test_wrong);
  tcase_add_test (tc, test_too_large);
  tcase_add_loop_test (tc, test_wiped, 0, 2);
  tcase_add_test (tc, test_fixed_downstream);
  tcase_add_test (tc, test_no_way);
  tcase_add_test (tc, test_again);
  tcase_add_test (tc, test_not_followed);

  tc = add_case (s, "running");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_running, 0, G_N_ELEMENTS (syncs));

  return s;
}

GST_CHECK_MAIN (mode);
