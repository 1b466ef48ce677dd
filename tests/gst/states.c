/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * States, flushes and ends: on a clock that only the test moves, so that what
 * has to return returns because it was told to, and not because time passed.
 */
#include <string.h>

#include <gst/app/gstappsink.h>

#include "gstmmiovidsrcpriv.h"
#include "source.h"
#include "testpool.h"

GST_ELEMENT_REGISTER_DECLARE (mmiovidsrc);

#define MS GST_MSECOND

/* --- In a pipeline ----------------------------------------------------------- */

typedef struct
{
  GstElement *pipeline;
  GstElement *source;
  GstAppSink *sink;
  GstTestClock *clock;
} Pipeline;

static void
pipeline_init (Pipeline * p, const char *source)
{
  char *text = g_strdup_printf ("%s name=source ! video/x-raw,framerate=50/1 ! "
      "appsink name=sink sync=false", source);
  GError *error = NULL;

  p->pipeline = gst_parse_launch (text, &error);
  fail_unless (p->pipeline && !error, "%s", error ? error->message : "");
  p->source = gst_bin_get_by_name (GST_BIN (p->pipeline), "source");
  p->sink = GST_APP_SINK (gst_bin_get_by_name (GST_BIN (p->pipeline), "sink"));
  p->clock = GST_TEST_CLOCK (gst_test_clock_new ());
  gst_pipeline_use_clock (GST_PIPELINE (p->pipeline), GST_CLOCK (p->clock));
  g_free (text);
}

static void
pipeline_set_state (Pipeline * p, GstState state)
{
  fail_if (gst_element_set_state (p->pipeline, state) ==
      GST_STATE_CHANGE_FAILURE);
}

static void
pipeline_clear (Pipeline * p)
{
  pipeline_set_state (p, GST_STATE_NULL);
  gst_object_unref (p->source);
  gst_object_unref (p->sink);
  gst_object_unref (p->pipeline);
  gst_object_unref (p->clock);
}

static void
pipeline_check_frame (Pipeline * p, guint64 number, GstClockTime pts)
{
  GstSample *sample = gst_app_sink_try_pull_sample (p->sink,
      HANG * GST_USECOND);
  GstBuffer *buffer;

  fail_unless (sample != NULL, "frame %" G_GUINT64_FORMAT " did not come",
      number);
  buffer = gst_sample_get_buffer (sample);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), number);
  fail_unless_equals_uint64 (GST_BUFFER_PTS (buffer), pts);
  gst_sample_unref (sample);
}

static void
pipeline_crank (Pipeline * p, guint64 number, GstClockTime pts)
{
  fail_unless (gst_test_clock_crank (p->clock));
  pipeline_check_frame (p, number, pts);
}

static void
pipeline_wait_for_clock_wait (Pipeline * p)
{
  fail_unless (gst_test_clock_timed_wait_for_multiple_pending_ids (p->clock, 1,
          120000, NULL));
}

/* Until all of it plays: with the first frame the sink has what it waits for */
static void
pipeline_wait_for_playing (Pipeline * p)
{
  GstState state;

  fail_unless_equals_int (gst_element_get_state (p->pipeline, &state, NULL,
          HANG * GST_USECOND), GST_STATE_CHANGE_SUCCESS);
  fail_unless_equals_int (state, GST_STATE_PLAYING);
}

static guint64
pipeline_get_stat (Pipeline * p, const char *field)
{
  GstStructure *stats;
  guint64 value;

  g_object_get (p->source, "stats", &stats, NULL);
  fail_unless (gst_structure_get_uint64 (stats, field, &value));
  gst_structure_free (stats);
  return value;
}

/* A live source has nothing before PLAYING, and says so */
GST_START_TEST (test_no_preroll)
{
  Pipeline p;

  pipeline_init (&p, "mmiovidsrc");
  fail_unless_equals_int (gst_element_set_state (p.pipeline, GST_STATE_PAUSED),
      GST_STATE_CHANGE_NO_PREROLL);
  fail_unless_equals_int (gst_element_get_state (p.pipeline, NULL, NULL,
          GST_CLOCK_TIME_NONE), GST_STATE_CHANGE_NO_PREROLL);
  fail_unless (gst_app_sink_try_pull_preroll (p.sink, 0) == NULL);
  fail_unless_equals_uint64 (pipeline_get_stat (&p, "frames"), 0);
  pipeline_clear (&p);
}

GST_END_TEST;

/* As a clock does that runs: whoever waits for a time that has come is woken */
static void
pipeline_let_time_pass (Pipeline * p, GstClockTime time)
{
  const gint64 end = g_get_monotonic_time () + HANG;
  GstClockID id;

  gst_test_clock_advance_time (p->clock, time);
  while (gst_test_clock_peek_next_pending_id (p->clock, &id)) {
    const gboolean due = gst_clock_id_get_time (id) <=
        gst_clock_get_time (GST_CLOCK (p->clock));

    gst_clock_id_unref (id);
    if (!due)
      return;
    id = gst_test_clock_process_next_clock_id (p->clock);
    if (id)
      gst_clock_id_unref (id);
    fail_unless (g_get_monotonic_time () < end);
  }
}

/* A pause is no time: numbers and timestamps go on where they were, and
 * nothing is missed, however long it is. Nor is anything captured in it: what
 * comes afterwards is as new as ever. */
GST_START_TEST (test_pause)
{
  const guint8 news[] = { 'n', 'e', 'w', 's' };
  guint64 number = 0;
  TestFile file;
  char *source;
  Pipeline p;

  test_file_init (&file, "bar", 16 * 8 * 3, 1);
  source = g_strdup_printf ("mmiovidsrc device=%s width=16 height=8",
      file.path);
  pipeline_init (&p, source);
  pipeline_set_state (&p, GST_STATE_PLAYING);
  pipeline_check_frame (&p, 0, 0);
  for (number = 1; number < 5; number++)
    pipeline_crank (&p, number, number * 20 * MS);

  for (guint i = 0; i < 3; i++) {
    GstSample *sample;

    pipeline_wait_for_playing (&p);
    pipeline_wait_for_clock_wait (&p);
    pipeline_set_state (&p, GST_STATE_PAUSED);
    fail_unless_equals_int (gst_element_get_state (p.pipeline, NULL, NULL,
            GST_CLOCK_TIME_NONE), GST_STATE_CHANGE_NO_PREROLL);
    pipeline_let_time_pass (&p, 1000 * GST_SECOND);
    /* Should it do something with that time, it has some */
    g_usleep (20000);
    fail_unless (gst_app_sink_try_pull_sample (p.sink, 0) == NULL);
    test_file_write (&file, 0, news, sizeof (news));
    fail_unless_equals_uint64 (pipeline_get_stat (&p, "frames"), number);

    pipeline_set_state (&p, GST_STATE_PLAYING);
    fail_unless (gst_test_clock_crank (p.clock));
    sample = gst_app_sink_try_pull_sample (p.sink, HANG * GST_USECOND);
    fail_unless (sample != NULL);
    fail_unless_equals_uint64 (GST_BUFFER_OFFSET (gst_sample_get_buffer
            (sample)), number);
    fail_unless_equals_uint64 (GST_BUFFER_PTS (gst_sample_get_buffer (sample)),
        number * 20 * MS);
    fail_unless (gst_buffer_memcmp (gst_sample_get_buffer (sample), 0, news,
            sizeof (news)) == 0);
    gst_sample_unref (sample);
    number++;

    pipeline_crank (&p, number, number * 20 * MS);
    number++;
  }

  fail_unless_equals_uint64 (pipeline_get_stat (&p, "missed"), 0);
  fail_unless_equals_uint64 (pipeline_get_stat (&p, "frames"), number);
  pipeline_clear (&p);
  g_free (source);
  test_file_clear (&file);
}

GST_END_TEST;

/* Running time begins anew after a flush; numbers do not */
GST_START_TEST (test_flush_resets_time)
{
  Pipeline p;

  pipeline_init (&p, "mmiovidsrc");
  pipeline_set_state (&p, GST_STATE_PLAYING);
  pipeline_check_frame (&p, 0, 0);
  for (guint i = 1; i < 10; i++)
    pipeline_crank (&p, i, i * 20 * MS);

  pipeline_wait_for_playing (&p);
  pipeline_wait_for_clock_wait (&p);
  pipeline_set_state (&p, GST_STATE_PAUSED);
  fail_unless (gst_element_send_event (p.source, gst_event_new_flush_start ()));
  fail_unless (gst_element_send_event (p.source,
          gst_event_new_flush_stop (TRUE)));
  gst_element_set_start_time (p.pipeline, 0);
  pipeline_set_state (&p, GST_STATE_PLAYING);

  pipeline_check_frame (&p, 10, 0);
  for (guint i = 1; i < 5; i++)
    pipeline_crank (&p, 10 + i, i * 20 * MS);
  fail_unless_equals_uint64 (pipeline_get_stat (&p, "missed"), 0);
  pipeline_clear (&p);
}

GST_END_TEST;

static void
wait_for_eos (Pipeline * p)
{
  GstBus *bus = gst_element_get_bus (p->pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered (bus, HANG * GST_USECOND,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR);

  fail_unless (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS);
  gst_message_unref (message);
  gst_object_unref (bus);
}

GST_START_TEST (test_num_buffers)
{
  Pipeline p;

  pipeline_init (&p, "mmiovidsrc num-buffers=7");
  for (guint round = 0; round < 2; round++) {
    const GstClockTime begin = gst_clock_get_time (GST_CLOCK (p.clock));

    pipeline_set_state (&p, GST_STATE_PLAYING);
    pipeline_check_frame (&p, 0, 0);
    for (guint i = 1; i < 7; i++)
      pipeline_crank (&p, i, i * 20 * MS);
    wait_for_eos (&p);
    fail_unless (gst_app_sink_try_pull_sample (p.sink, 0) == NULL);
    fail_unless_equals_uint64 (pipeline_get_stat (&p, "frames"), 7);
    fail_unless_equals_uint64 (gst_clock_get_time (GST_CLOCK (p.clock)),
        begin + 120 * MS);
    pipeline_set_state (&p, GST_STATE_NULL);
  }
  pipeline_clear (&p);
}

GST_END_TEST;

/* No thread waits for a frame any more, or begins to.  A busy machine may hide
 * a thread that does, and cannot fail one that does not. */
static void
check_idle (Pipeline * p)
{
  const gint64 end = g_get_monotonic_time () + HANG;

  while (gst_test_clock_peek_id_count (p->clock) > 0) {
    fail_unless (g_get_monotonic_time () < end, "still captures frames");
    g_usleep (1000);
  }
  fail_if (gst_test_clock_timed_wait_for_multiple_pending_ids (p->clock, 1, 100,
          NULL), "captures frames again");
}

static GstFlowReturn
end_stream (GstAppSink * sink, gpointer user_data)
{
  gst_sample_unref (gst_app_sink_pull_sample (sink));
  return GST_FLOW_EOS;
}

/* Nothing reads the device's memory after the end of the stream, whichever
 * element ends it */
GST_START_TEST (test_idle_after_eos)
{
  static const char *const sources[] = {
    "mmiovidsrc num-buffers=2", "mmiovidsrc"
  };
  GstAppSinkCallbacks callbacks = {.new_sample = end_stream };
  Pipeline p;

  pipeline_init (&p, sources[__i__]);
  if (__i__ == 1)
    gst_app_sink_set_callbacks (p.sink, &callbacks, NULL, NULL);
  pipeline_set_state (&p, GST_STATE_PLAYING);
  if (__i__ == 0) {
    pipeline_check_frame (&p, 0, 0);
    pipeline_crank (&p, 1, 20 * MS);
  }
  wait_for_eos (&p);
  check_idle (&p);
  pipeline_clear (&p);
}

GST_END_TEST;

/* As Ctrl-C with gst-launch -e does it: at once, though the next frame is not
 * due */
GST_START_TEST (test_eos)
{
  Pipeline p;

  pipeline_init (&p, "mmiovidsrc");
  pipeline_set_state (&p, GST_STATE_PLAYING);
  pipeline_check_frame (&p, 0, 0);
  pipeline_crank (&p, 1, 20 * MS);
  pipeline_wait_for_clock_wait (&p);
  fail_unless (gst_element_send_event (p.pipeline, gst_event_new_eos ()));
  wait_for_eos (&p);
  fail_unless (gst_app_sink_try_pull_sample (p.sink, 0) == NULL);
  fail_unless_equals_uint64 (pipeline_get_stat (&p, "frames"), 2);
  pipeline_clear (&p);
}

GST_END_TEST;

static GstPadProbeReturn
count_flushes (GstPad * pad, GstPadProbeInfo * info, gpointer n)
{
  (*(guint *) n)++;
  return GST_PAD_PROBE_OK;
}

/* The source is not seekable: a seek fails and changes nothing, whether it
 * reaches the element or its pad, before the start, or while playing */
GST_START_TEST (test_seek)
{
  Pipeline p;
  GstQuery *query;
  g_autoptr (GstPad) pad = NULL;
  gboolean seekable;
  guint n_flushes = 0;

  pipeline_init (&p, "mmiovidsrc");
  pad = gst_element_get_static_pad (p.source, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_EVENT_FLUSH, count_flushes,
      &n_flushes, NULL);
  fail_if (gst_element_seek_simple (p.source, GST_FORMAT_TIME,
          GST_SEEK_FLAG_FLUSH, 7 * GST_SECOND));
  pipeline_set_state (&p, GST_STATE_PLAYING);
  pipeline_check_frame (&p, 0, 0);
  pipeline_crank (&p, 1, 20 * MS);
  pipeline_wait_for_clock_wait (&p);

  query = gst_query_new_seeking (GST_FORMAT_TIME);
  fail_unless (gst_element_query (p.source, query));
  gst_query_parse_seeking (query, NULL, &seekable, NULL, NULL);
  fail_if (seekable);
  gst_query_unref (query);
  fail_if (gst_element_seek_simple (p.pipeline, GST_FORMAT_TIME,
          GST_SEEK_FLAG_FLUSH, 0));

  pipeline_crank (&p, 2, 40 * MS);
  pipeline_wait_for_clock_wait (&p);
  fail_if (gst_element_seek_simple (p.source, GST_FORMAT_TIME,
          GST_SEEK_FLAG_FLUSH, 0));
  fail_if (gst_element_seek (p.source, 2, GST_FORMAT_TIME, GST_SEEK_FLAG_NONE,
          GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET, GST_SECOND));
  fail_if (gst_pad_send_event (pad, gst_event_new_seek (1, GST_FORMAT_TIME,
              GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_NONE,
              0)));
  pipeline_crank (&p, 3, 60 * MS);
  pipeline_crank (&p, 4, 80 * MS);
  fail_unless_equals_int (n_flushes, 0);
  fail_unless_equals_uint64 (pipeline_get_stat (&p, "missed"), 0);
  pipeline_clear (&p);
}

GST_END_TEST;

/* --- Alone --------------------------------------------------------------------- */

static GstHarness *
new_source (void)
{
  return source_new ("sim", "width", 16, "height", 8, NULL);
}

/* In mid-wait: nothing comes in between, everything afterwards */
GST_START_TEST (test_flush)
{
  GstHarness *h = new_source ();
  GstBuffer *buffer;

  source_start (h, 3);
  for (guint i = 0; i < 3; i++) {
    source_wait_for_clock_wait (h);
    fail_unless (gst_element_send_event (h->element,
            gst_event_new_flush_start ()));
    fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
    fail_unless (gst_element_send_event (h->element,
            gst_event_new_flush_stop (i % 2)));
    buffer = source_crank (h);
    fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 3 + i);
    fail_unless_equals_uint64 (GST_BUFFER_PTS (buffer), (3 + i) * 20 * MS);
    gst_buffer_unref (buffer);
  }
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* Out of a wait for the clock, into each state */
GST_START_TEST (test_stop_while_waiting)
{
  const GstState states[] = { GST_STATE_PAUSED, GST_STATE_READY,
    GST_STATE_NULL
  };
  GstHarness *h = new_source ();

  source_start (h, 2);
  source_wait_for_clock_wait (h);
  fail_if (gst_element_set_state (h->element, states[__i__]) ==
      GST_STATE_CHANGE_FAILURE);
  source_check_no_error (h);

  /* And on from there */
  if (states[__i__] == GST_STATE_PAUSED) {
    gst_harness_play (h);
    source_drop (h, 2);
  } else {
    source_start (h, 2);
  }
  source_teardown (h);
}

GST_END_TEST;

/* Pauses that are over before the stream has noticed; it goes on each time */
GST_START_TEST (test_pause_often)
{
  GstHarness *h = new_source ();

  source_start (h, 1);
  for (guint i = 0; i < 200; i++) {
    if (i % 2)
      source_wait_for_clock_wait (h);
    fail_if (gst_element_set_state (h->element, GST_STATE_PAUSED) ==
        GST_STATE_CHANGE_FAILURE);
    gst_harness_play (h);
    if (i % 3 == 0)
      source_drop (h, 1);
  }
  source_drop (h, 2);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* Plays until a frame finds no buffer, as the only one there is, is held here */
static GstBuffer *
play_until_no_buffers (GstHarness * h, TestPool * pool)
{
  const gint64 end = g_get_monotonic_time () + HANG;
  GstBuffer *held;

  propose_pool (h, pool, 0, 1, 1);
  gst_harness_play (h);
  held = source_pull (h);
  fail_unless (gst_harness_crank_single_clock_wait (h));
  while (source_get_stat (h, "missed") < 1) {
    fail_unless (g_get_monotonic_time () < end, "it wants no buffer");
    g_thread_yield ();
  }

  return held;
}

/* When all buffers are in use */
GST_START_TEST (test_stop_while_no_buffers)
{
  GstHarness *h = new_source ();
  TestPool *pool = test_pool_new ();
  GstBuffer *held;

  held = play_until_no_buffers (h, pool);
  source_stop (h);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
  source_check_no_error (h);
  gst_buffer_unref (held);

  source_start (h, 2);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* After a flush as well no frame is lost silently: what is missing in the numbers
 * was missed */
GST_START_TEST (test_flush_while_no_buffers)
{
  GstHarness *h = new_source ();
  TestPool *pool = test_pool_new ();
  GstBuffer *held, *buffer;

  held = play_until_no_buffers (h, pool);
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_start ()));
  gst_buffer_unref (held);
  fail_unless (gst_element_send_event (h->element,
          gst_event_new_flush_stop (TRUE)));

  buffer = gst_harness_buffers_in_queue (h) > 0 ? source_pull (h) : NULL;
  if (!buffer)
    buffer = source_crank (h);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer),
      1 + source_get_stat (h, "missed"));
  gst_buffer_unref (buffer);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* A pause does not need the buffer either */
GST_START_TEST (test_pause_while_no_buffers)
{
  GstHarness *h = new_source ();
  TestPool *pool = test_pool_new ();
  GstBuffer *held, *buffer;

  held = play_until_no_buffers (h, pool);
  fail_if (gst_element_set_state (h->element, GST_STATE_PAUSED) ==
      GST_STATE_CHANGE_FAILURE);
  gst_harness_play (h);
  gst_buffer_unref (held);
  buffer = source_crank (h);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 2);
  gst_buffer_unref (buffer);
  source_check_no_error (h);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

/* As after a flush that clears a failure just before the capture thread holds
 * itself for it */
GST_START_TEST (test_flush_while_failing)
{
  GstMmioVidSrc *self;
  Pipeline p;

  pipeline_init (&p, "mmiovidsrc");
  self = (GstMmioVidSrc *) p.source;
  pipeline_set_state (&p, GST_STATE_PLAYING);
  pipeline_check_frame (&p, 0, 0);
  pipeline_wait_for_clock_wait (&p);
  gst_mmio_capture_thread_hold (&self->thread, GST_MMIO_HOLD_FAILURE);
  gst_mmio_frame_queue_set_closed (&self->queue, TRUE);
  pipeline_crank (&p, 1, 20 * MS);
  pipeline_clear (&p);
}

GST_END_TEST;

/* Downstream has gone flushing, or is at its end: the stream stops without an
 * error, or with the right one */
GST_START_TEST (test_downstream_ends)
{
  GstHarness *h = new_source ();

  source_start (h, 2);
  source_wait_for_clock_wait (h);
  gst_pad_set_active (h->sinkpad, FALSE);
  fail_unless (gst_harness_crank_single_clock_wait (h));
  source_stop (h);
  source_check_no_error (h);
  gst_pad_set_active (h->sinkpad, TRUE);
  source_start (h, 2);
  source_teardown (h);
}

GST_END_TEST;

/* --- With a clock that runs ------------------------------------------------------ */

GST_START_TEST (test_quick_changes)
{
  static const char *const sources[] = {
    "mmiovidsrc", "mmiovidsrc io-mode=mmap",
  };
  GstElement *pipeline;
  GError *error = NULL;
  char *text = g_strdup_printf ("%s width=32 height=32 ! "
      "video/x-raw,framerate=1000/1 ! fakesink", sources[__i__]);

  pipeline = gst_parse_launch (text, &error);
  fail_unless (pipeline && !error);
  for (guint i = 0; i < 100; i++) {
    fail_if (gst_element_set_state (pipeline, GST_STATE_PLAYING) ==
        GST_STATE_CHANGE_FAILURE);
    /* Not always before anything has happened */
    if (i % 4 == 0)
      fail_if (gst_element_get_state (pipeline, NULL, NULL,
              GST_CLOCK_TIME_NONE) == GST_STATE_CHANGE_FAILURE);
    fail_if (gst_element_set_state (pipeline, i % 3 ? GST_STATE_READY :
            GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE);
  }
  fail_if (gst_element_set_state (pipeline, GST_STATE_NULL) ==
      GST_STATE_CHANGE_FAILURE);
  gst_object_unref (pipeline);
  g_free (text);
}

GST_END_TEST;

/* Threads that want different things, while frames flow: nobody hangs, and
 * afterwards it works */
GST_START_TEST (test_meddlers)
{
  GstHarness *h = source_new ("sim", "width", 32, "height", 32, NULL);

  gst_harness_use_systemclock (h);
  gst_harness_set_drop_buffers (h, TRUE);
  gst_harness_set_sink_caps_str (h, "video/x-raw,framerate=10000/1");
  gst_harness_play (h);
  source_meddle (h);

  source_stop (h);
  gst_harness_set_drop_buffers (h, FALSE);
  source_start (h, 1);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

static void
setup (void)
{
  fail_unless (GST_ELEMENT_REGISTER (mmiovidsrc, NULL));
}

static void
try_uri (GstElement * element, GParamSpec * spec, gint * n)
{
  GError *error = NULL;

  /* While it is stopped, it has no device */
  if (GST_STATE_NEXT (element) != GST_STATE_PAUSED)
    return;
  fail_if (gst_uri_handler_set_uri (GST_URI_HANDLER (element),
          "mmio://sim?width=64", &error));
  fail_unless (g_error_matches (error, GST_URI_ERROR, GST_URI_ERROR_BAD_STATE));
  g_clear_error (&error);
  (*n)++;
}

/* It has its device open before it is paused, and only then */
GST_START_TEST (test_uri_at_start)
{
  GstElement *element = gst_element_factory_make (ELEMENT, NULL);
  GstURIHandler *handler = GST_URI_HANDLER (element);
  gint n = 0;

  fail_unless (gst_uri_handler_set_uri (handler, "mmio:///none", NULL));
  fail_unless_equals_int (gst_element_set_state (element, GST_STATE_PAUSED),
      GST_STATE_CHANGE_FAILURE);
  fail_unless (gst_uri_handler_set_uri (handler, "mmio://sim", NULL));

  g_signal_connect (element, "notify::device-name", G_CALLBACK (try_uri), &n);
  fail_if (gst_element_set_state (element, GST_STATE_PAUSED) ==
      GST_STATE_CHANGE_FAILURE);
  fail_unless_equals_int (n, 1);

  gst_element_set_state (element, GST_STATE_READY);
  fail_unless (gst_uri_handler_set_uri (handler, "mmio:///none", NULL));
  gst_element_set_state (element, GST_STATE_NULL);
  gst_object_unref (element);
}

GST_END_TEST;

static Suite *
states_suite (void)
{
  Suite *s = suite_create ("gst-states");
  TCase *tc = add_case (s, "pipeline");

  tcase_add_checked_fixture (tc, setup, NULL);
  tcase_add_unchecked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_test (tc, test_no_preroll);
  tcase_add_test (tc, test_pause);
  tcase_add_test (tc, test_flush_resets_time);
  tcase_add_test (tc, test_num_buffers);
  tcase_add_loop_test (tc, test_idle_after_eos, 0, 2);
  tcase_add_test (tc, test_eos);
  tcase_add_test (tc, test_seek);

  tc = add_case (s, "alone");
  tcase_add_checked_fixture (tc, setup, NULL);
  tcase_add_test (tc, test_flush);
  tcase_add_test (tc, test_pause_often);
  tcase_add_loop_test (tc, test_stop_while_waiting, 0, 3);
  tcase_add_test (tc, test_stop_while_no_buffers);
  tcase_add_test (tc, test_flush_while_no_buffers);
  tcase_add_test (tc, test_flush_while_failing);
  tcase_add_test (tc, test_pause_while_no_buffers);
  tcase_add_test (tc, test_downstream_ends);

  tc = add_case (s, "running");
  tcase_add_checked_fixture (tc, setup, NULL);
  tcase_add_loop_test (tc, test_quick_changes, 0, 2);
  tcase_add_test (tc, test_meddlers);
  tcase_add_test (tc, test_uri_at_start);

  return s;
}

GST_CHECK_MAIN (states);
