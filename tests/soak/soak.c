/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Usage: soak SECONDS
 *
 * Runs mmiovidsrc ! fakesink sync=true at 50 frames a second, and looks every
 * tenth of the time at what the process has: memory, descriptors, threads.
 * Prints TAP.  For a machine that has nothing else to do: where the processor is
 * busy for a fiftieth of a second, a frame is missed, and this fails.
 */
#include <dirent.h>
#include <gst/gst.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RATE 50
#define LOOKS 10

/* What a process may gain that grows nothing: caches of GLib's and libc's */
#define MEMORY_SLACK (1 << 20)

typedef struct
{
  gsize memory;
  guint fds;
  guint threads;
} Usage;

static guint
count_entries (const char *directory)
{
  DIR *dir = opendir (directory);
  guint n = 0;

  while (dir && readdir (dir))
    n++;
  if (dir)
    closedir (dir);

  return n;
}

static Usage
get_usage (void)
{
  const struct mallinfo2 info = mallinfo2 ();

  return (Usage) {
  .memory = info.uordblks + info.hblkhd,.fds =
        count_entries ("/proc/self/fd"),.threads =
        count_entries ("/proc/self/task"),};
}

typedef struct
{
  GMainLoop *loop;
  GstElement *source;
  Usage usage[LOOKS];
  guint n_looks;
  gboolean failed;
} Soak;

static gboolean
look (gpointer user_data)
{
  Soak *soak = user_data;
  const Usage *usage = &soak->usage[soak->n_looks];

  soak->usage[soak->n_looks++] = get_usage ();
  printf ("# %u: %" G_GSIZE_FORMAT " bytes, %u descriptors, %u threads\n",
      soak->n_looks, usage->memory, usage->fds, usage->threads);
  if (soak->n_looks < LOOKS)
    return G_SOURCE_CONTINUE;

  g_main_loop_quit (soak->loop);
  return G_SOURCE_REMOVE;
}

static gboolean
on_error (GstBus * bus, GstMessage * message, gpointer user_data)
{
  Soak *soak = user_data;
  g_autoptr (GError) error = NULL;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error (message, &error, NULL);
    printf ("# %s\n", error->message);
    soak->failed = TRUE;
    g_main_loop_quit (soak->loop);
  }

  return G_SOURCE_CONTINUE;
}

static void
report (guint number, gboolean ok, const char *name)
{
  printf ("%s %u - %s\n", ok ? "ok" : "not ok", number, name);
}

int
main (int argc, char *argv[])
{
  Soak soak = { NULL, };
  guint64 frames = 0, missed = 0;
  GstElement *pipeline;
  GstStructure *stats;
  const Usage *first, *last;
  GstClockTime running;
  guint64 slots;
  GstBus *bus;

  gst_init (&argc, &argv);
  setvbuf (stdout, NULL, _IOLBF, 0);
  if (argc != 2)
    g_error ("usage: soak SECONDS");

  pipeline = gst_parse_launch ("mmiovidsrc name=s ! video/x-raw,framerate="
      G_STRINGIFY (RATE) "/1 ! fakesink sync=true", NULL);
  g_assert (pipeline);
  soak.source = gst_bin_get_by_name (GST_BIN (pipeline), "s");
  soak.loop = g_main_loop_new (NULL, FALSE);
  bus = gst_element_get_bus (pipeline);
  gst_bus_add_watch (bus, on_error, &soak);
  g_timeout_add (atoi (argv[1]) * 1000 / LOOKS, look, &soak);

  printf ("1..4\n");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_main_loop_run (soak.loop);

  running = gst_element_get_current_running_time (pipeline);
  g_object_get (soak.source, "stats", &stats, NULL);
  slots = gst_util_uint64_scale (running, RATE, GST_SECOND) + 1;
  gst_structure_get (stats, "frames", G_TYPE_UINT64, &frames, "missed",
      G_TYPE_UINT64, &missed, NULL);
  printf ("# %" G_GUINT64_FORMAT " frames, %" G_GUINT64_FORMAT " missed; in %"
      GST_TIME_FORMAT " there are %" G_GUINT64_FORMAT "\n", frames, missed,
      GST_TIME_ARGS (running), slots);

  first = &soak.usage[0];
  last = &soak.usage[LOOKS - 1];
  report (1, !soak.failed && missed == 0 && frames + 1 >= slots &&
      frames <= slots + 1, "there is a frame for each slot");
  report (2, !soak.failed && last->memory <= first->memory + MEMORY_SLACK,
      "memory does not grow");
  report (3, !soak.failed && last->fds <= first->fds,
      "descriptors do not grow");
  report (4, !soak.failed && last->threads <= first->threads,
      "threads do not grow");

  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_structure_free (stats);
  gst_bus_remove_watch (bus);
  gst_object_unref (bus);
  gst_object_unref (soak.source);
  gst_object_unref (pipeline);
  g_main_loop_unref (soak.loop);

  return 0;
}
