/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Usage: arrive [OPTION...] PIPELINE...
 *
 * Runs a pipeline as gst-launch-1.0 does, and prints what arrives at its sinks.
 * Lines of the output:
 *
 *   sent OFFSET AGE MIN MAX      a buffer left mmiovidsrc: its age (running time
 *                                minus PTS), and the latency that the element
 *                                claims at this moment; -1: none
 *   frame OFFSET NUMBER TORN TIME ARRIVED
 *                                a buffer arrived at the sink: the number that
 *                                its pixels carry (-1: none, or several of
 *                                them), whether it is flagged as torn (0, 1),
 *                                the clock times of its PTS and of its arrival
 *   wakes N LOST LATE IDLE       a thread that sleeps a period had N to wake in,
 *                                overslept LOST of them, and was late by more
 *                                than a millisecond LATE times; all processors
 *                                were idle for IDLE percent of the time
 *   stats FRAMES MISSED          of mmiovidsrc
 *   sink NAME RENDERED DROPPED   statistics of each sink
 *   warning TEXT, error TEXT     messages on the bus
 *
 * Times are nanoseconds of CLOCK_MONOTONIC, which is the pipeline's clock.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gst/gst.h>
#include <gst/video/video.h>

#include "frame/mmiopattern.h"

typedef struct
{
  guint64 offset;
  gint64 age;
  GstClockTime min, max;
} Sent;

typedef struct
{
  guint64 offset;
  gint64 number;
  gboolean torn;
  GstClockTime time, arrived;
} Frame;

static struct
{
  gdouble seconds;
  gint rate;
  gint hold;
  gint latency;
  gboolean ignore_latency;
  gchar *pixels;
  gchar **pipeline;
} options = {.seconds = 5,.rate = 60 };

static GOptionEntry entries[] = {
  {"seconds", 0, 0, G_OPTION_ARG_DOUBLE, &options.seconds,
      "How long to run (5)", "N"},
  {"rate", 0, 0, G_OPTION_ARG_INT, &options.rate,
      "Frames per second of the device (60)", "N"},
  {"hold", 0, 0, G_OPTION_ARG_INT, &options.hold,
      "Periods that the sink holds each frame (0)", "N"},
  {"latency", 0, 0, G_OPTION_ARG_INT, &options.latency,
      "Latency of the pipeline (ms)", "N"},
  {"ignore-latency", 0, 0, G_OPTION_ARG_NONE, &options.ignore_latency,
      "Ignore LATENCY messages, as some applications do", NULL},
  {"pixels", 0, 0, G_OPTION_ARG_STRING, &options.pixels,
      "What numbers the frames: sim or painter", "KIND"},
  {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.pipeline,
      NULL, NULL},
  {NULL}
};

static struct
{
  GMainLoop *loop;
  GstElement *pipeline;
  GstElement *source;
  gboolean failed;

  /* The streaming threads', under the lock */
  GMutex lock;
  gboolean done;
  GArray *sent;
  GArray *frames;
  GstVideoInfo info;

  gint stop;                    /* (atomic) */
  guint64 wakes, lost, late;
  guint64 idle, ticks;          /* at the start, of all processors */
} run;

static GstClockTime
get_period (void)
{
  return GST_SECOND / options.rate;
}

static GstClockTime
get_now (void)
{
  return g_get_monotonic_time () * GST_USECOND;
}

/* Reads the ticks of all processors, and those in which they were idle */
static void
read_ticks (guint64 * idle, guint64 * ticks)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) words = NULL;

  *idle = *ticks = 0;
  if (!g_file_get_contents ("/proc/stat", &text, NULL, NULL))
    return;

  /* cpu, two blanks, user, nice, system, idle, iowait, irq, softirq, steal */
  words = g_strsplit (text, " ", 11);
  for (guint i = 2; i < MIN (g_strv_length (words), 10); i++) {
    const guint64 value = g_ascii_strtoull (words[i], NULL, 10);

    *ticks += value;
    if (i == 5 || i == 6)
      *idle += value;
  }
}

/* Sleeps as a capture loop without a queue does, to learn how many frames this
 * machine would lose in one */
static gpointer
measure_wakes (gpointer unused)
{
  const gint64 period = get_period ();
  struct timespec next;

  clock_gettime (CLOCK_MONOTONIC, &next);
  while (!g_atomic_int_get (&run.stop)) {
    gint64 due = GST_TIMESPEC_TO_TIME (next) + period;
    gint64 late;

    GST_TIME_TO_TIMESPEC (due, next);
    while (clock_nanosleep (CLOCK_MONOTONIC, TIMER_ABSTIME, &next,
            NULL) == EINTR);
    late = MAX ((gint64) get_now () - due, 0);
    run.wakes += 1 + late / period;
    run.lost += late / period;
    run.late += late > GST_MSECOND;
    due += late / period * period;
    GST_TIME_TO_TIMESPEC (due, next);
  }

  return NULL;
}

/* Returns: the frame number in the strip of the simulated device, or -1 */
static gint64
read_sim (GstVideoFrame * frame)
{
  const MmioFormat *format =
      mmio_format_find (GST_VIDEO_INFO_NAME (&frame->info));
  MmioSpec spec = {.width = GST_VIDEO_FRAME_WIDTH (frame),.height =
        GST_VIDEO_FRAME_HEIGHT (frame),.stride =
        GST_VIDEO_FRAME_PLANE_STRIDE (frame, 0)
  };
  MmioLayout picture;
  guint number;

  if (!format)
    return -1;
  spec.format = *format;
  if (!mmio_layout_init (&picture, &spec, NULL) ||
      !mmio_pattern_read_number (&picture,
          GST_VIDEO_FRAME_PLANE_DATA (frame, 0), &number))
    return -1;

  return number;
}

/* Returns: the frame number modulo 256, which tests/examples/painter writes as
 * the blue of each pixel, or -1 */
static gint64
read_painter (GstVideoFrame * frame)
{
  const gint stride = GST_VIDEO_FRAME_COMP_STRIDE (frame, 2);
  const guint8 *blue = GST_VIDEO_FRAME_COMP_DATA (frame, 2);

  for (gint y = 1; y < GST_VIDEO_FRAME_HEIGHT (frame); y++) {
    if (blue[y * stride] != blue[0])
      return -1;
  }

  return blue[0];
}

static gint64
read_number (GstBuffer * buffer)
{
  GstVideoFrame frame;
  gint64 number;

  if (!options.pixels || !run.info.finfo ||
      !gst_video_frame_map (&frame, &run.info, buffer, GST_MAP_READ))
    return -1;
  number = g_str_equal (options.pixels, "sim") ? read_sim (&frame) :
      read_painter (&frame);
  gst_video_frame_unmap (&frame);

  return number;
}

static GstPadProbeReturn
on_sent (GstPad * pad, GstPadProbeInfo * info, gpointer unused)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  const GstClockTime base = gst_element_get_base_time (run.source);
  Sent sent = {.offset = GST_BUFFER_OFFSET (buffer),.age =
        (gint64) (get_now () - base - GST_BUFFER_PTS (buffer)),.min =
        GST_CLOCK_TIME_NONE,.max = GST_CLOCK_TIME_NONE
  };
  GstQuery *query = gst_query_new_latency ();

  if (gst_pad_query (pad, query))
    gst_query_parse_latency (query, NULL, &sent.min, &sent.max);
  gst_query_unref (query);

  g_mutex_lock (&run.lock);
  if (!run.done)
    g_array_append_val (run.sent, sent);
  g_mutex_unlock (&run.lock);

  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
on_arrived (GstPad * pad, GstPadProbeInfo * info, gpointer unused)
{
  GstBuffer *buffer;
  GstCaps *caps;
  Frame frame;

  if (GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM) {
    GstEvent *event = GST_PAD_PROBE_INFO_EVENT (info);

    if (GST_EVENT_TYPE (event) == GST_EVENT_CAPS) {
      gst_event_parse_caps (event, &caps);
      if (!gst_video_info_from_caps (&run.info, caps))
        run.info.finfo = NULL;
    }
    return GST_PAD_PROBE_OK;
  }

  buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  frame = (Frame) {
  .offset = GST_BUFFER_OFFSET (buffer),.arrived = get_now (),.time =
        GST_BUFFER_PTS (buffer) +
        gst_element_get_base_time (run.pipeline),.number =
        read_number (buffer),.torn =
        GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED)};

  g_mutex_lock (&run.lock);
  if (!run.done)
    g_array_append_val (run.frames, frame);
  g_mutex_unlock (&run.lock);

  if (options.hold > 0)
    g_usleep (options.hold * get_period () / GST_USECOND);

  return GST_PAD_PROBE_OK;
}

/* Takes each frame out of an appsink, as an application does */
static gpointer
pull_samples (gpointer sink)
{
  while (!g_atomic_int_get (&run.stop)) {
    GstSample *sample = NULL;

    g_signal_emit_by_name (sink, "try-pull-sample", 50 * GST_MSECOND, &sample);
    if (sample)
      gst_sample_unref (sample);
  }

  return NULL;
}

static gboolean
on_message (GstBus * bus, GstMessage * message, gpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *debug = NULL;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_LATENCY:
      if (!options.ignore_latency)
        gst_bin_recalculate_latency (GST_BIN (run.pipeline));
      break;
    case GST_MESSAGE_WARNING:
      gst_message_parse_warning (message, &error, &debug);
      printf ("warning %s\n", error->message);
      break;
    case GST_MESSAGE_ERROR:
      gst_message_parse_error (message, &error, &debug);
      printf ("error %s\n", error->message);
      run.failed = TRUE;
      g_main_loop_quit (run.loop);
      break;
    case GST_MESSAGE_EOS:
      g_main_loop_quit (run.loop);
      break;
    default:
      break;
  }

  return G_SOURCE_CONTINUE;
}

static gboolean
on_timeout (gpointer unused)
{
  g_main_loop_quit (run.loop);
  return G_SOURCE_REMOVE;
}

static void
find_source (const GValue * item, gpointer unused)
{
  GstElement *element = g_value_get_object (item);
  GstElementFactory *factory = gst_element_get_factory (element);

  if (!run.source && factory && g_str_equal (GST_OBJECT_NAME (factory),
          "mmiovidsrc"))
    run.source = gst_object_ref (element);
}

static gboolean
is_sink (GstElement * element)
{
  return g_object_class_find_property (G_OBJECT_GET_CLASS (element), "stats") &&
      GST_OBJECT_FLAG_IS_SET (element, GST_ELEMENT_FLAG_SINK);
}

static void
print_sink (const GValue * item, gpointer unused)
{
  GstElement *element = g_value_get_object (item);
  g_autoptr (GstStructure) stats = NULL;
  guint64 rendered = 0, dropped = 0;

  if (GST_IS_BIN (element) || !is_sink (element))
    return;

  g_object_get (element, "stats", &stats, NULL);
  gst_structure_get (stats, "rendered", G_TYPE_UINT64, &rendered, "dropped",
      G_TYPE_UINT64, &dropped, NULL);
  printf ("sink %s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n",
      GST_OBJECT_NAME (element), rendered, dropped);
}

static void
for_each_element (GstIteratorForeachFunction call)
{
  GstIterator *it = gst_bin_iterate_recurse (GST_BIN (run.pipeline));

  gst_iterator_foreach (it, call, NULL);
  gst_iterator_free (it);
}

static void
print_results (void)
{
  g_autoptr (GstStructure) stats = NULL;
  guint64 sent = 0, missed = 0, idle, ticks;

  read_ticks (&idle, &ticks);
  if (run.source) {
    g_object_get (run.source, "stats", &stats, NULL);
    gst_structure_get (stats, "frames", G_TYPE_UINT64, &sent, "missed",
        G_TYPE_UINT64, &missed, NULL);
    printf ("stats %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", sent,
        missed);
  }
  for_each_element (print_sink);
  printf ("wakes %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT
      " %" G_GUINT64_FORMAT "\n", run.wakes, run.lost, run.late,
      ticks > run.ticks ? 100 * (idle - run.idle) / (ticks - run.ticks) : 100);

  for (guint i = 0; i < run.sent->len; i++) {
    const Sent *s = &g_array_index (run.sent, Sent, i);

    printf ("sent %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
        " %" G_GINT64_FORMAT "\n", s->offset, s->age, (gint64) s->min,
        (gint64) s->max);
  }
  for (guint i = 0; i < run.frames->len; i++) {
    const Frame *f = &g_array_index (run.frames, Frame, i);

    printf ("frame %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %d %"
        G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", f->offset, f->number,
        f->torn, f->time, f->arrived);
  }
}

/* The last element of the description, as people write it */
static GstElement *
get_sink (void)
{
  GstIterator *it = gst_bin_iterate_sinks (GST_BIN (run.pipeline));
  GValue item = G_VALUE_INIT;
  GstElement *sink = NULL;

  while (gst_iterator_next (it, &item) == GST_ITERATOR_OK) {
    GstElement *element = g_value_get_object (&item);

    /* Another branch may have a sink, too */
    if (!sink || g_str_equal (GST_OBJECT_NAME (element), "sink"))
      gst_object_replace ((GstObject **) & sink, GST_OBJECT (element));
    g_value_unset (&item);
  }
  gst_iterator_free (it);

  return sink;
}

static void
add_probe (GstElement * element, const char *name, GstPadProbeType type,
    GstPadProbeCallback callback)
{
  GstPad *pad = gst_element_get_static_pad (element, name);

  g_assert (pad);
  gst_pad_add_probe (pad, type, callback, NULL, NULL);
  gst_object_unref (pad);
}

int
main (int argc, char *argv[])
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  GThread *wakes, *puller = NULL;
  GstElement *sink;
  GstClock *clock;
  GstBus *bus;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) ||
      !options.pipeline) {
    fprintf (stderr, "arrive: %s\n", error ? error->message : "no pipeline");
    return 2;
  }

  gst_init (NULL, NULL);
  setvbuf (stdout, NULL, _IOFBF, 0);
  g_mutex_init (&run.lock);
  run.sent = g_array_new (FALSE, FALSE, sizeof (Sent));
  run.frames = g_array_new (FALSE, FALSE, sizeof (Frame));
  run.loop = g_main_loop_new (NULL, FALSE);

  run.pipeline = gst_parse_launchv ((const gchar **) options.pipeline, &error);
  if (error) {
    fprintf (stderr, "arrive: %s\n", error->message);
    return 2;
  }
  for_each_element (find_source);
  sink = get_sink ();
  if (run.source)
    add_probe (run.source, "src", GST_PAD_PROBE_TYPE_BUFFER, on_sent);
  add_probe (sink, "sink", GST_PAD_PROBE_TYPE_BUFFER |
      GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_arrived);

  clock = gst_system_clock_obtain ();
  gst_pipeline_use_clock (GST_PIPELINE (run.pipeline), clock);
  if (options.latency > 0)
    gst_pipeline_set_latency (GST_PIPELINE (run.pipeline),
        options.latency * GST_MSECOND);
  bus = gst_element_get_bus (run.pipeline);
  gst_bus_add_watch (bus, on_message, NULL);
  if (g_signal_lookup ("try-pull-sample", G_OBJECT_TYPE (sink)))
    puller = g_thread_new ("puller", pull_samples, sink);

  gst_element_set_state (run.pipeline, GST_STATE_PAUSED);
  gst_element_set_state (run.pipeline, GST_STATE_PLAYING);
  read_ticks (&run.idle, &run.ticks);
  wakes = g_thread_new ("wakes", measure_wakes, NULL);
  g_timeout_add (options.seconds * 1000, on_timeout, NULL);
  g_main_loop_run (run.loop);

  g_mutex_lock (&run.lock);
  run.done = TRUE;
  g_mutex_unlock (&run.lock);
  g_atomic_int_set (&run.stop, TRUE);
  g_thread_join (wakes);
  print_results ();

  gst_element_set_state (run.pipeline, GST_STATE_NULL);
  if (puller)
    g_thread_join (puller);
  gst_bus_remove_watch (bus);
  gst_object_unref (bus);
  gst_object_unref (clock);
  gst_object_unref (sink);
  gst_clear_object (&run.source);
  gst_object_unref (run.pipeline);
  g_main_loop_unref (run.loop);
  g_array_unref (run.sent);
  g_array_unref (run.frames);

  return run.failed ? 1 : 0;
}
