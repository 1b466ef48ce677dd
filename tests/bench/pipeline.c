/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a pipeline and says how much CPU time its process spends on a frame,
 * with all that belongs to it: threads, messages, waiting.
 *
 * An appsrc named pool or new gets frames as an application would make them:
 * memcpy() from the mapped file into a buffer from a pool, or into a new one.
 */
#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct
{
  /* Counting */
  guint warm_up;
  guint frames;
  guint seen;
  gint64 begin, end;            /* CPU time */
  gint64 wall_begin, wall_end;
  GstElement *pipeline;

  /* What an appsrc gets */
  GMappedFile *file;
  gsize size;
  GstBufferPool *pool;          /* or new buffers */
  guint pushed;
  gint fps;
} Run;

static gint64
get_time (clockid_t id)
{
  struct timespec t;

  clock_gettime (id, &t);
  return (gint64) t.tv_sec * 1000000000 + t.tv_nsec;
}

static GstPadProbeReturn
count_frame (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Run *run = data;

  run->seen++;
  if (run->seen == run->warm_up) {
    run->begin = get_time (CLOCK_PROCESS_CPUTIME_ID);
    run->wall_begin = get_time (CLOCK_MONOTONIC);
  } else if (run->seen == run->warm_up + run->frames) {
    run->end = get_time (CLOCK_PROCESS_CPUTIME_ID);
    run->wall_end = get_time (CLOCK_MONOTONIC);
    gst_element_post_message (run->pipeline,
        gst_message_new_application (GST_OBJECT (run->pipeline),
            gst_structure_new_empty ("done")));
  }

  return GST_PAD_PROBE_OK;
}

static void
need_data (GstAppSrc * appsrc, guint length, gpointer data)
{
  Run *run = data;
  GstBuffer *buffer;
  GstMapInfo map;

  if (run->pool)
    gst_buffer_pool_acquire_buffer (run->pool, &buffer, NULL);
  else
    buffer = gst_buffer_new_allocate (NULL, run->size, NULL);

  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  memcpy (map.data, g_mapped_file_get_contents (run->file), map.size);
  gst_buffer_unmap (buffer, &map);

  GST_BUFFER_PTS (buffer) =
      gst_util_uint64_scale_int (run->pushed++, GST_SECOND, run->fps);
  gst_app_src_push_buffer (appsrc, buffer);
}

static GstBufferPool *
create_pool (GstCaps * caps, guint size)
{
  GstBufferPool *pool = gst_video_buffer_pool_new ();
  GstStructure *config = gst_buffer_pool_get_config (pool);

  gst_buffer_pool_config_set_params (config, caps, size, 0, 0);
  gst_buffer_pool_set_config (pool, config);
  gst_buffer_pool_set_active (pool, TRUE);

  return pool;
}

static void
feed (Run * run, GstElement * appsrc, const char *path, gboolean from_pool)
{
  GstAppSrcCallbacks callbacks = {.need_data = need_data };
  GstCaps *caps = gst_app_src_get_caps (GST_APP_SRC (appsrc));
  GstVideoInfo info;

  run->file = g_mapped_file_new (path, FALSE, NULL);
  if (!run->file || !caps || !gst_video_info_from_caps (&info, caps) ||
      g_mapped_file_get_length (run->file) < GST_VIDEO_INFO_SIZE (&info)) {
    g_printerr ("no frame for appsrc in %s\n", path);
    exit (1);
  }

  run->size = GST_VIDEO_INFO_SIZE (&info);
  run->fps = GST_VIDEO_INFO_FPS_N (&info);
  if (from_pool)
    run->pool = create_pool (caps, run->size);
  gst_caps_unref (caps);

  /* From the streaming thread, so that no frame changes threads */
  g_object_set (appsrc, "format", GST_FORMAT_TIME, "max-buffers",
      (guint64) 1, NULL);
  gst_app_src_set_callbacks (GST_APP_SRC (appsrc), &callbacks, run, NULL);
}

static void
feed_by_name (Run * run, const char *name, const char *path)
{
  GstElement *appsrc = gst_bin_get_by_name (GST_BIN (run->pipeline), name);

  if (!appsrc)
    return;

  feed (run, appsrc, path, strcmp (name, "pool") == 0);
  gst_object_unref (appsrc);
}

/* A live source without a pause says of each frame that it missed some before;
 * not to wake anybody up for that */
static GstBusSyncReply
drop_qos (GstBus * bus, GstMessage * message, gpointer data)
{
  if (GST_MESSAGE_TYPE (message) != GST_MESSAGE_QOS)
    return GST_BUS_PASS;

  gst_message_unref (message);
  return GST_BUS_DROP;
}

static gboolean
wait_until_done (GstBus * bus)
{
  GstMessage *message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
      GST_MESSAGE_ERROR | GST_MESSAGE_EOS | GST_MESSAGE_APPLICATION);
  const GstMessageType type = GST_MESSAGE_TYPE (message);
  GError *error = NULL;

  if (type == GST_MESSAGE_ERROR) {
    gst_message_parse_error (message, &error, NULL);
    g_printerr ("%s\n", error->message);
    g_error_free (error);
  } else if (type == GST_MESSAGE_EOS) {
    g_printerr ("it ended before all frames were seen\n");
  }

  gst_message_unref (message);
  return type == GST_MESSAGE_APPLICATION;
}

/* PIPELINE has a sink named sink.  Prints nanoseconds a frame, of so many after
 * the first ones: those of the CPU, and those of the clock on the wall. */
int
main (int argc, char **argv)
{
  Run run = { 0, };
  GError *error = NULL;
  GstElement *sink;
  GstPad *pad;
  GstBus *bus;
  gboolean done;

  gst_init (&argc, &argv);
  if (argc != 5) {
    g_printerr ("Usage: %s FILE WARM-UP FRAMES PIPELINE\n", argv[0]);
    return 2;
  }
  run.warm_up = atoi (argv[2]);
  run.frames = atoi (argv[3]);

  run.pipeline = gst_parse_launch (argv[4], &error);
  if (error) {
    g_printerr ("%s\n", error->message);
    return 1;
  }

  sink = gst_bin_get_by_name (GST_BIN (run.pipeline), "sink");
  pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, count_frame, &run, NULL);
  gst_object_unref (pad);
  gst_object_unref (sink);

  feed_by_name (&run, "pool", argv[1]);
  feed_by_name (&run, "new", argv[1]);

  bus = gst_element_get_bus (run.pipeline);
  gst_bus_set_sync_handler (bus, drop_qos, NULL, NULL);

  gst_element_set_state (run.pipeline, GST_STATE_PLAYING);
  done = wait_until_done (bus);
  gst_element_set_state (run.pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (run.pipeline);
  if (!done)
    return 1;

  g_print ("%.0f %.0f\n", (gdouble) (run.end - run.begin) / run.frames,
      (gdouble) (run.wall_end - run.wall_begin) / run.frames);
  return 0;
}
