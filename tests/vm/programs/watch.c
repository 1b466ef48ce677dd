/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a pipeline and tells, line by line, what the mmiovidsrcs in it do:
 *
 *   frame NAME ROWS      sent, with these rows marked as damaged (FIRST+COUNT,
 *                        comma between), "-" for none
 *   stats NAME KEY=VALUE, ...   tab between; several times a second
 *   way NAME IO-MODE REASON
 *   info NAME MESSAGE
 *   warning NAME MESSAGE
 *   error NAME MESSAGE
 *   maps COUNT           after an error: the resource files that are mapped
 *   device NAME ADDRESS here|gone REASON   it went away, or came back
 *   child PID
 *
 * with tabs between the words.  Runs until it is interrupted, an error, or the
 * end of the stream; with WATCH_KEEPS in its environment, it keeps the pipeline
 * as it is after these.  What it is told on standard input it does, and tells
 * "did" and the same when that is done:
 *
 *   pause, play
 *   ready                stops, as an application may without its end
 *   keep                 the last frame of each sink
 *   drop                 what was kept
 *   again                drop and play, with nothing in between
 *   fork                 a child that waits, and one that is another program by
 *                        then; both end with it
 *   flush                each mmiovidsrc
 *   caps CAPS            of the capsfilter that is named "caps"
 */
#include <glib-unix.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define STATS_INTERVAL 250
/* A variable of the environment */
#define KEEPS "WATCH_KEEPS"

typedef struct
{
  GMainLoop *loop;
  GstElement *pipeline;
  GPtrArray *kept;              /* of GstSample */
  int status;
} Watch;

static GstPadProbeReturn
on_frame (GstPad * pad, GstPadProbeInfo * info, gpointer name)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  g_autoptr (GString) rows = g_string_new (NULL);
  const GstVideoRegionOfInterestMeta *roi;
  gpointer state = NULL;

  while ((roi = (GstVideoRegionOfInterestMeta *)
          gst_buffer_iterate_meta_filtered (buffer, &state,
              GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    if (roi->roi_type == g_quark_from_static_string ("damage"))
      g_string_append_printf (rows, "%s%u+%u", rows->len > 0 ? "," : "",
          roi->y, roi->h);
  }
  printf ("frame\t%s\t%s\n", (const char *) name,
      rows->len > 0 ? rows->str : "-");

  return GST_PAD_PROBE_OK;
}

static gboolean
append_field (GQuark field, const GValue * value, gpointer user_data)
{
  g_auto (GValue) text = G_VALUE_INIT;

  g_value_init (&text, G_TYPE_STRING);
  g_value_transform (value, &text);
  g_string_append_printf (user_data, "\t%s=%s", g_quark_to_string (field),
      g_value_get_string (&text));
  return TRUE;
}

static void
print_stats (const GValue * item, gpointer unused)
{
  GstElement *source = g_value_get_object (item);
  g_autoptr (GString) line = g_string_new (NULL);
  g_autoptr (GstStructure) stats = NULL;

  g_object_get (source, "stats", &stats, NULL);
  gst_structure_foreach (stats, append_field, line);
  /* At once, for other threads print too */
  printf ("stats\t%s%s\n", GST_OBJECT_NAME (source), line->str);
}

static void
watch_frames (const GValue * item, gpointer unused)
{
  GstElement *source = g_value_get_object (item);
  g_autoptr (GstPad) pad = gst_element_get_static_pad (source, "src");

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_frame,
      g_strdup (GST_OBJECT_NAME (source)), g_free);
}

static void
for_each_source (const Watch * watch, GstIteratorForeachFunction function)
{
  GstIterator *sources =
      gst_bin_iterate_all_by_element_factory_name (GST_BIN (watch->pipeline),
      "mmiovidsrc");

  gst_iterator_foreach (sources, function, NULL);
  gst_iterator_free (sources);
}

static gboolean
on_interval (gpointer user_data)
{
  for_each_source (user_data, print_stats);
  return G_SOURCE_CONTINUE;
}

static void
print_maps (void)
{
  g_autofree char *maps = NULL;
  guint n = 0;

  if (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL)) {
    for (const char *at = maps; (at = strstr (at, "/resource")); at++)
      n++;
    printf ("maps\t%u\n", n);
  }
}

static void
print_device (const char *name, const GstStructure * structure)
{
  const char *reason = gst_structure_get_string (structure, "reason");
  gboolean present = FALSE;

  gst_structure_get_boolean (structure, "present", &present);
  printf ("device\t%s\t%s\t%s\t%s\n", name,
      gst_structure_get_string (structure, "device-address"),
      present ? "here" : "gone", reason ? reason : "-");
}

static gboolean
on_message (GstBus * bus, GstMessage * message, gpointer user_data)
{
  Watch *watch = user_data;
  const GstStructure *structure = gst_message_get_structure (message);
  g_autoptr (GError) error = NULL;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_ELEMENT:
      if (gst_structure_has_name (structure, "mmiovidsrc-io-mode"))
        printf ("way\t%s\t%s\t%s\n", GST_MESSAGE_SRC_NAME (message),
            gst_structure_get_string (structure, "io-mode"),
            gst_structure_get_string (structure, "reason"));
      else if (gst_structure_has_name (structure, "mmiovidsrc-device"))
        print_device (GST_MESSAGE_SRC_NAME (message), structure);
      break;
    case GST_MESSAGE_INFO:
      gst_message_parse_info (message, &error, NULL);
      printf ("info\t%s\t%s\n", GST_MESSAGE_SRC_NAME (message), error->message);
      break;
    case GST_MESSAGE_EOS:
      for_each_source (watch, print_stats);
      if (!g_getenv (KEEPS))
        g_main_loop_quit (watch->loop);
      break;
    case GST_MESSAGE_WARNING:
      gst_message_parse_warning (message, &error, NULL);
      printf ("warning\t%s\t%s\n", GST_MESSAGE_SRC_NAME (message),
          error->message);
      break;
    case GST_MESSAGE_ERROR:
      gst_message_parse_error (message, &error, NULL);
      printf ("error\t%s\t%s\n", GST_MESSAGE_SRC_NAME (message),
          error->message);
      print_maps ();
      watch->status = 1;
      if (!g_getenv (KEEPS))
        g_main_loop_quit (watch->loop);
      break;
    default:
      break;
  }

  return G_SOURCE_CONTINUE;
}

static void
flush (const GValue * item, gpointer unused)
{
  GstElement *source = g_value_get_object (item);

  gst_element_send_event (source, gst_event_new_flush_start ());
  gst_element_send_event (source, gst_event_new_flush_stop (TRUE));
}

static void
set_caps (const Watch * watch, const char *text)
{
  g_autoptr (GstElement) filter =
      gst_bin_get_by_name (GST_BIN (watch->pipeline), "caps");
  g_autoptr (GstCaps) caps = gst_caps_from_string (text);

  g_object_set (filter, "caps", caps, NULL);
}

static void
keep (const GValue * item, gpointer kept)
{
  GstSample *sample = NULL;

  g_object_get (g_value_get_object (item), "last-sample", &sample, NULL);
  if (sample)
    g_ptr_array_add (kept, sample);
}

static void
keep_frames (const Watch * watch)
{
  GstIterator *sinks = gst_bin_iterate_sinks (GST_BIN (watch->pipeline));

  gst_iterator_foreach (sinks, keep, watch->kept);
  gst_iterator_free (sinks);
}

/* GLib's ways to start a program would close what must not need closing */
static void
start_child (gboolean is_program)
{
  const pid_t pid = fork ();

  if (pid < 0)
    g_error ("cannot fork");
  if (pid == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (is_program)
      execlp ("sleep", "sleep", "infinity", NULL);
    else
      pause ();
    _exit (1);
  }
  printf ("child\t%d\n", pid);
}

static gboolean
on_command (GIOChannel * channel, GIOCondition condition, gpointer user_data)
{
  const Watch *watch = user_data;
  g_autofree char *line = NULL;

  if (g_io_channel_read_line (channel, &line, NULL, NULL, NULL) !=
      G_IO_STATUS_NORMAL)
    return G_SOURCE_REMOVE;

  g_strchomp (line);
  if (strcmp (line, "pause") == 0)
    gst_element_set_state (watch->pipeline, GST_STATE_PAUSED);
  else if (strcmp (line, "play") == 0)
    gst_element_set_state (watch->pipeline, GST_STATE_PLAYING);
  else if (strcmp (line, "ready") == 0)
    gst_element_set_state (watch->pipeline, GST_STATE_READY);
  else if (strcmp (line, "keep") == 0)
    keep_frames (watch);
  else if (strcmp (line, "drop") == 0)
    g_ptr_array_set_size (watch->kept, 0);
  else if (strcmp (line, "again") == 0) {
    g_ptr_array_set_size (watch->kept, 0);
    gst_element_set_state (watch->pipeline, GST_STATE_PLAYING);
  } else if (strcmp (line, "flush") == 0)
    for_each_source (watch, flush);
  else if (strcmp (line, "fork") == 0) {
    start_child (FALSE);
    start_child (TRUE);
  } else if (g_str_has_prefix (line, "caps "))
    set_caps (watch, line + strlen ("caps "));
  else
    g_error ("unknown command: %s", line);

  /* A live pipeline has no preroll to wait for */
  gst_element_get_state (watch->pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  printf ("did\t%s\n", line);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_interrupt (gpointer user_data)
{
  const Watch *watch = user_data;

  g_main_loop_quit (watch->loop);
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  Watch watch = {.status = 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GstBus) bus = NULL;
  GIOChannel *commands;

  gst_init (&argc, &argv);
  setvbuf (stdout, NULL, _IOLBF, 0);

  watch.pipeline = gst_parse_launchv ((const char **) argv + 1, &error);
  if (!watch.pipeline || error) {
    fprintf (stderr, "%s\n", error->message);
    return 2;
  }

  watch.kept = g_ptr_array_new_with_free_func
      ((GDestroyNotify) gst_sample_unref);
  watch.loop = g_main_loop_new (NULL, FALSE);
  bus = gst_element_get_bus (watch.pipeline);
  gst_bus_add_watch (bus, on_message, &watch);
  g_unix_signal_add (SIGINT, on_interrupt, &watch);
  g_timeout_add (STATS_INTERVAL, on_interval, &watch);
  for_each_source (&watch, watch_frames);
  commands = g_io_channel_unix_new (STDIN_FILENO);
  g_io_add_watch (commands, G_IO_IN | G_IO_HUP, on_command, &watch);
  g_io_channel_unref (commands);

  gst_element_set_state (watch.pipeline, GST_STATE_PLAYING);
  g_main_loop_run (watch.loop);

  gst_element_set_state (watch.pipeline, GST_STATE_NULL);
  gst_bus_remove_watch (bus);
  gst_object_unref (watch.pipeline);
  g_main_loop_unref (watch.loop);
  g_ptr_array_unref (watch.kept);
  return watch.status;
}
