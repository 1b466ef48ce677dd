/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the frames of a PCI device in a program of your own.
 *
 *   appsink [--frames=N] [PROPERTY=VALUE...]
 *
 * Each PROPERTY is one of mmiovidsrc's, as gst-inspect-1.0 mmiovidsrc lists
 * them; without any there is the simulated device.  Each second the program
 * prints how many frames came, how many were missed and their mean colour; it
 * ends after N frames, or with Ctrl-C.
 *
 *   appsink device=0000:03:00.0 width=640 height=480
 *   appsink --frames=100 device=/dev/shm/ivshmem format=bgrx width=64 height=48
 *
 * To build it outside of this project:
 *
 *   cc appsink.c $(pkg-config --cflags --libs gstreamer-app-1.0 \
 *       gstreamer-video-1.0)
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/video/video.h>

/* What came in a second, or in all */
typedef struct
{
  guint64 frames;
  guint64 missed;
  double red, green, blue;
} Summary;

/* Signal handlers may do little; this one says that it is time to go. */
static volatile sig_atomic_t interrupted = 0;

static void
on_interrupt (int signum)
{
  interrupted = 1;
}

/* "width=640" becomes a property of the element.  GStreamer turns the text
 * into a number, an enumeration or whatever the property is. */
static gboolean
set_property (GstElement * element, const char *text)
{
  char **words = g_strsplit (text, "=", 2);
  GParamSpec *spec = words[0] && words[1] ?
      g_object_class_find_property (G_OBJECT_GET_CLASS (element), words[0]) :
      NULL;
  GValue value = G_VALUE_INIT;
  gboolean ok = FALSE;

  if (spec && spec->flags & G_PARAM_WRITABLE) {
    g_value_init (&value, spec->value_type);
    ok = gst_value_deserialize_with_pspec (&value, words[1], spec);
    if (ok)
      g_object_set_property (G_OBJECT (element), words[0], &value);
    g_value_unset (&value);
  }

  if (!ok)
    fprintf (stderr, "'%s' is no PROPERTY=VALUE of mmiovidsrc; see "
        "gst-inspect-1.0 mmiovidsrc\n", text);

  g_strfreev (words);
  return ok;
}

static gboolean
set_frames (guint64 * frames, const char *text)
{
  if (g_ascii_string_to_unsigned (text, 10, 1, G_MAXUINT64, frames, NULL))
    return TRUE;

  fprintf (stderr, "'%s' is no number of frames\n", text);
  return FALSE;
}

/* mmiovidsrc ! videoconvert ! appsink.  Whatever the device has, RGB arrives;
 * where it has RGB, videoconvert does nothing. */
static GstElement *
create_pipeline (GstElement ** source, GstAppSink ** sink)
{
  GstElement *pipeline = gst_pipeline_new (NULL);
  GstElement *convert = gst_element_factory_make ("videoconvert", NULL);
  GstElement *app = gst_element_factory_make ("appsink", NULL);
  GstCaps *caps;

  *source = gst_element_factory_make ("mmiovidsrc", NULL);
  if (!*source || !convert || !app) {
    fprintf (stderr, "%s is missing: is its plugin in GST_PLUGIN_PATH?\n",
        !*source ? "mmiovidsrc" : !convert ? "videoconvert" : "appsink");
    gst_clear_object (source);
    gst_clear_object (&convert);
    gst_clear_object (&app);
    gst_object_unref (pipeline);
    return NULL;
  }

  caps = gst_caps_from_string ("video/x-raw, format = RGB");
  g_object_set (app, "caps", caps,
      /* No more than so many frames wait for us.  When they do, mmiovidsrc is
       * held up, leaves frames out and counts them as missed. */
      "max-buffers", 4,
      /* Frames as they come, not when a screen would show them */
      "sync", FALSE, NULL);
  gst_caps_unref (caps);

  *sink = GST_APP_SINK (app);
  gst_bin_add_many (GST_BIN (pipeline), *source, convert, app, NULL);
  gst_element_link_many (*source, convert, app, NULL);
  return pipeline;
}

/* Adds the mean colour of a frame.  A row may be longer than its pixels, so
 * rows are found by their stride. */
static void
add_colour (GstVideoFrame * frame, Summary * summary)
{
  const gint width = GST_VIDEO_FRAME_WIDTH (frame);
  const gint height = GST_VIDEO_FRAME_HEIGHT (frame);
  guint64 sum[3] = { 0, 0, 0 };

  for (gint y = 0; y < height; y++) {
    const guint8 *pixel = (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (frame, 0) +
        (gsize) y * GST_VIDEO_FRAME_PLANE_STRIDE (frame, 0);

    for (gint x = 0; x < width; x++, pixel += 3) {
      sum[0] += pixel[0];
      sum[1] += pixel[1];
      sum[2] += pixel[2];
    }
  }

  summary->red += (double) sum[0] / width / height;
  summary->green += (double) sum[1] / width / height;
  summary->blue += (double) sum[2] / width / height;
}

/* Looks at one frame.  A sample is a buffer with its caps: the caps say what
 * the picture is like, the buffer has the pixels.
 *
 * GST_BUFFER_OFFSET() is the number of the frame.  Numbers that are left out
 * are frames that were missed. */
static gboolean
add_sample (GstSample * sample, guint64 * next, Summary * summary)
{
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  GstVideoFrame frame;
  GstVideoInfo info;

  if (!gst_video_info_from_caps (&info, gst_sample_get_caps (sample)) ||
      !gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ)) {
    fprintf (stderr, "A frame cannot be read\n");
    return FALSE;
  }
  add_colour (&frame, summary);
  gst_video_frame_unmap (&frame);

  summary->frames++;
  summary->missed += GST_BUFFER_OFFSET (buffer) - *next;
  *next = GST_BUFFER_OFFSET (buffer) + 1;
  return TRUE;
}

static void
print_summary (const char *when, const Summary * summary)
{
  const double n = MAX (summary->frames, 1);

  printf ("%s: %" G_GUINT64_FORMAT " frames, %" G_GUINT64_FORMAT
      " missed, mean colour %.1f %.1f %.1f\n", when, summary->frames,
      summary->missed, summary->red / n, summary->green / n, summary->blue / n);
  fflush (stdout);
}

static void
add_summary (Summary * total, const Summary * summary)
{
  total->frames += summary->frames;
  total->missed += summary->missed;
  total->red += summary->red;
  total->green += summary->green;
  total->blue += summary->blue;
}

/* Elements speak on the bus.  The message of an error is meant for the user,
 * and mmiovidsrc's says what to do; the debug string is for who looks closer. */
static gboolean
print_error (GstElement * pipeline)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  GError *error;
  char *debug;

  gst_object_unref (bus);
  if (!message)
    return FALSE;

  gst_message_parse_error (message, &error, &debug);
  fprintf (stderr, "%s: %s\n", GST_MESSAGE_SRC_NAME (message), error->message);
  if (debug)
    fprintf (stderr, "(%s)\n", debug);
  g_error_free (error);
  g_free (debug);
  gst_message_unref (message);
  return TRUE;
}

/* Returns: whether it ended as it should */
static gboolean
run (GstElement * pipeline, GstAppSink * sink, guint64 frames, Summary * total)
{
  Summary second = { 0, };
  guint64 next = 0, now = 0;
  gboolean ok = TRUE;

  while (ok && !interrupted && total->frames + second.frames < frames) {
    /* Not for ever, as there may be errors and interrupts */
    GstSample *sample = gst_app_sink_try_pull_sample (sink, GST_SECOND / 10);
    GstClockTime time;

    if (!sample) {
      ok = !print_error (pipeline) && !gst_app_sink_is_eos (sink);
      continue;
    }

    /* The timestamp counts from when the pipeline began to play */
    time = GST_BUFFER_PTS (gst_sample_get_buffer (sample)) / GST_SECOND;
    if (time != now) {
      char *when = g_strdup_printf ("%" G_GUINT64_FORMAT " s", time);

      print_summary (when, &second);
      add_summary (total, &second);
      memset (&second, 0, sizeof (second));
      now = time;
      g_free (when);
    }
    ok = add_sample (sample, &next, &second);
    gst_sample_unref (sample);
  }

  add_summary (total, &second);
  return ok;
}

int
main (int argc, char **argv)
{
  const struct sigaction action = {.sa_handler = on_interrupt };
  GstElement *pipeline, *source;
  GstAppSink *sink;
  guint64 frames = G_MAXUINT64;
  Summary total = { 0, };
  gboolean ok = TRUE;
  char *device;

  /* Takes GStreamer's own options out of the arguments */
  gst_init (&argc, &argv);

  pipeline = create_pipeline (&source, &sink);
  if (!pipeline)
    return EXIT_FAILURE;

  for (int i = 1; ok && i < argc; i++) {
    if (g_str_has_prefix (argv[i], "--frames="))
      ok = set_frames (&frames, argv[i] + strlen ("--frames="));
    else
      ok = set_property (source, argv[i]);
  }

  sigaction (SIGINT, &action, NULL);

  /* Here the device is opened.  If that fails, the reason is on the bus. */
  if (ok && gst_element_set_state (pipeline, GST_STATE_PLAYING) ==
      GST_STATE_CHANGE_FAILURE) {
    print_error (pipeline);
    ok = FALSE;
  }

  if (ok) {
    g_object_get (source, "device-name", &device, NULL);
    printf ("reading from: %s\n", device);
    g_free (device);
    ok = run (pipeline, sink, frames, &total);
    print_summary ("in all", &total);
  }

  /* Everything stops, and the device is closed */
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
