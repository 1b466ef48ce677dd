/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How an application gets frames from a device's memory: mmiovidsrc, and an
 * appsink to take them from.
 *
 *   mmiovid-frames 10
 *   mmiovid-frames 10 device=/dev/shm/ivshmem format=bgrx width=800 height=600
 *
 * Takes so many frames (0: until Ctrl-C), and prints the mean colour of one of
 * them each second.
 */
#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a frame may be in coming before we look at the bus */
#define PATIENCE (100 * GST_MSECOND)

static volatile sig_atomic_t interrupted;

static void
on_interrupt (int number)
{
  interrupted = 1;
}

/* What gst-launch does with property=value */
static gboolean
set_property (GstElement * element, const char *text)
{
  const char *equals = strchr (text, '=');
  char *name;
  gboolean known;

  if (!equals)
    return FALSE;

  name = g_strndup (text, equals - text);
  known = g_object_class_find_property (G_OBJECT_GET_CLASS (element), name)
      != NULL;
  if (known)
    gst_util_set_object_arg (G_OBJECT (element), name, equals + 1);
  g_free (name);

  return known;
}

/* The pipeline: the source says what the device is, the caps after it say what
 * we want. 24-bit pictures become RGBx on the way out of the device's memory,
 * at no extra cost; with other formats videoconvert helps. */
static GstElement *
make_pipeline (GstElement ** src, GstElement ** sink)
{
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch ("mmiovidsrc name=src ! "
      "videoconvert ! video/x-raw,format=RGBx ! "
      "appsink name=sink max-buffers=2 drop=true", &error);

  if (!pipeline) {
    fprintf (stderr, "%s\n", error->message);
    g_clear_error (&error);
    return NULL;
  }
  g_clear_error (&error);

  *src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  *sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  return pipeline;
}

/* Prints what an error says, and the system's words behind it. Returns whether
 * the stream is over. */
static gboolean
look_at_bus (GstElement * pipeline)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_pop_filtered (bus,
      GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  GError *error;
  char *debug;

  gst_object_unref (bus);
  if (!message)
    return FALSE;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error (message, &error, &debug);
    fprintf (stderr, "%s\n", error->message);
    if (debug)
      fprintf (stderr, "(%s)\n", debug);
    g_error_free (error);
    g_free (debug);
  }
  gst_message_unref (message);

  return TRUE;
}

/* Reads a frame's pixels. GstVideoFrame knows where the rows are: never take
 * it for granted that they follow each other without a gap. */
static gboolean
get_mean_color (GstSample * sample, guint mean[3])
{
  guint64 sum[3] = { 0, 0, 0 }, pixels;
  GstVideoFrame frame;
  GstVideoInfo info;

  if (!gst_video_info_from_caps (&info, gst_sample_get_caps (sample)) ||
      !gst_video_frame_map (&frame, &info, gst_sample_get_buffer (sample),
          GST_MAP_READ))
    return FALSE;

  for (gint y = 0; y < GST_VIDEO_FRAME_HEIGHT (&frame); y++) {
    const guint8 *pixel = (const guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&frame,
        0) + (gsize) y * GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0);

    for (gint x = 0; x < GST_VIDEO_FRAME_WIDTH (&frame); x++, pixel += 4) {
      for (guint i = 0; i < 3; i++)
        sum[i] += pixel[i];
    }
  }

  pixels = (guint64) GST_VIDEO_FRAME_WIDTH (&frame) *
      GST_VIDEO_FRAME_HEIGHT (&frame);
  for (guint i = 0; i < 3; i++)
    mean[i] = sum[i] / pixels;
  gst_video_frame_unmap (&frame);

  return TRUE;
}

/* A line about a frame: its number and time, its colour, and how the source
 * has been doing */
static void
report (GstElement * src, GstSample * sample)
{
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  guint64 frames = 0, missed = 0;
  GstStructure *stats;
  guint mean[3];

  if (!get_mean_color (sample, mean))
    return;

  g_object_get (src, "stats", &stats, NULL);
  gst_structure_get (stats, "frames", G_TYPE_UINT64, &frames,
      "missed", G_TYPE_UINT64, &missed, NULL);
  gst_structure_free (stats);

  printf ("frame %" G_GUINT64_FORMAT " at %" GST_TIME_FORMAT ": mean colour "
      "#%02x%02x%02x, %" G_GUINT64_FORMAT " captured, %" G_GUINT64_FORMAT
      " missed\n", GST_BUFFER_OFFSET (buffer),
      GST_TIME_ARGS (GST_BUFFER_PTS (buffer)), mean[0], mean[1], mean[2],
      frames, missed);
  fflush (stdout);
}

/* Takes frames until there are enough of them, or no more */
static gboolean
run (GstElement * pipeline, GstElement * src, GstAppSink * sink, guint wanted)
{
  GstClockTime next_report = 0;
  guint taken = 0;

  /* Errors come as messages on the bus, whatever this returns */
  gst_element_set_state (pipeline, GST_STATE_PLAYING);

  while (!interrupted && (wanted == 0 || taken < wanted)) {
    GstSample *sample = gst_app_sink_try_pull_sample (sink, PATIENCE);
    GstClockTime pts;

    if (!sample) {
      if (look_at_bus (pipeline))
        return FALSE;
      continue;
    }

    taken++;
    pts = GST_BUFFER_PTS (gst_sample_get_buffer (sample));
    if (pts >= next_report || taken == wanted) {
      report (src, sample);
      next_report = pts + GST_SECOND;
    }
    gst_sample_unref (sample);
  }

  printf ("%u frames taken\n", taken);
  return TRUE;
}

int
main (int argc, char **argv)
{
  GstElement *pipeline, *src, *sink;
  gboolean ok = TRUE;
  char *end;
  gulong wanted;

  gst_init (&argc, &argv);

  wanted = argc > 1 ? strtoul (argv[1], &end, 10) : 0;
  if (argc < 2 || *end != '\0' || wanted > G_MAXUINT) {
    fprintf (stderr, "Usage: %s FRAMES [PROPERTY=VALUE...]\n", argv[0]);
    return 2;
  }

  pipeline = make_pipeline (&src, &sink);
  if (!pipeline)
    return 1;

  for (int i = 2; ok && i < argc; i++) {
    ok = set_property (src, argv[i]);
    if (!ok)
      fprintf (stderr, "'%s' is no property of mmiovidsrc; see "
          "gst-inspect-1.0 mmiovidsrc\n", argv[i]);
  }

  if (ok) {
    signal (SIGINT, on_interrupt);
    ok = run (pipeline, src, GST_APP_SINK (sink), wanted);
  }

  /* Lets go of the device */
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (src);
  gst_object_unref (sink);
  gst_object_unref (pipeline);

  return ok ? 0 : 1;
}
