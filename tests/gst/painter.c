/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The painter example, run as anybody would: a device that is another process.
 * Nothing is known of it here but what docs/manual/describing.md says, and what
 * it paints.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <gst/video/video.h>

#include "fixtures/bus.h"

static char *path;

static void
setup (void)
{
  temp_setup ();
  path = temp_path ("painted");
}

static void
teardown (void)
{
  g_free (path);
  temp_teardown ();
}

/* A 32-bit number of the header */
static guint32
get_field (guint offset)
{
  guint8 bytes[4] = { 0, };
  const int fd = open (path, O_RDONLY | O_CLOEXEC);

  if (fd >= 0) {
    if (pread (fd, bytes, sizeof (bytes), offset) != sizeof (bytes))
      memset (bytes, 0, sizeof (bytes));
    close (fd);
  }

  return GST_READ_UINT32_LE (bytes);
}

#define SEQUENCE 16
#define COUNTER 80

/* Returns: the process, which has a whole header there */
static GPid
start (const char *options)
{
  g_autofree char *command = g_strdup_printf ("%s %s %s", PAINTER, options,
      path);
  g_auto (GStrv) argv = g_strsplit (command, " ", -1);
  const gint64 end = g_get_monotonic_time () + HANG;
  GError *error = NULL;
  GPid pid;

  fail_unless (g_spawn_async (NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
          NULL, NULL, &pid, &error), "%s", error ? error->message : "");
  while (get_field (SEQUENCE) == 0 || get_field (SEQUENCE) % 2 != 0) {
    fail_unless (g_get_monotonic_time () < end, "%s paints nothing", command);
    g_usleep (1000);
  }

  return pid;
}

static void
wait_for_end (GPid pid)
{
  int status;

  fail_unless (waitpid (pid, &status, 0) == pid);
  fail_unless (WIFEXITED (status) && WEXITSTATUS (status) == 0, "%d", status);
}

typedef struct
{
  guint pixel_bytes;
  guint frames, whole;
  guint modes;
  gint width;
  guint8 number;
  guint64 offset;
} Seen;

/* Red x + n, green y + n, blue n */
static void
check_pixels (const guint8 * data, const GstVideoInfo * info, guint pixel_bytes,
    guint8 n)
{
  const guint red = pixel_bytes == 3 ? 0 : 2, blue = 2 - red;

  for (gint y = 0; y < info->height; y++) {
    for (gint x = 0; x < info->width; x++) {
      const guint8 *p = data + y * GST_VIDEO_INFO_PLANE_STRIDE (info, 0) +
          x * pixel_bytes;

      if (p[red] != (guint8) (x + n) || p[1] != (guint8) (y + n) ||
          p[blue] != n)
        fail ("pixel %d,%d of picture %u is %u %u %u", x, y, n, p[red], p[1],
            p[blue]);
    }
  }
}

static GstPadProbeReturn
on_buffer (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);
  Seen *seen = data;
  GstVideoInfo video;
  GstMapInfo map;
  guint8 n;

  fail_unless (caps && gst_video_info_from_caps (&video, caps));
  fail_unless (GST_VIDEO_INFO_FORMAT (&video) == (seen->pixel_bytes == 3 ?
          GST_VIDEO_FORMAT_RGB : GST_VIDEO_FORMAT_BGRx));
  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  fail_unless (map.size == video.size);
  n = map.data[seen->pixel_bytes == 3 ? 2 : 0];
  /* Told from whole ones, on a machine that is too slow */
  if (!GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED)) {
    check_pixels (map.data, &video, seen->pixel_bytes, n);
    if (seen->whole++ > 0)
      fail_unless_equals_int ((guint8) (n - seen->number),
          (guint8) (GST_BUFFER_OFFSET (buffer) - seen->offset));
    seen->number = n;
    seen->offset = GST_BUFFER_OFFSET (buffer);
  }
  gst_buffer_unmap (buffer, &map);

  seen->modes += video.width != seen->width;
  seen->width = video.width;
  seen->frames++;
  return GST_PAD_PROBE_OK;
}

static const struct
{
  const char *options;
  guint pixel_bytes;
  gint width, small_width;
} runs[] = {
  {"--size 64x48", 3, 64, 0},
  {"--size 61x47 --format bgrx", 4, 61, 0},
  {"--size 322x200 --resize-every 10", 3, 322, 161},
  {"--size 64x48 --format bgrx --resize-every 3", 4, 64, 32},
};

/* Nothing is set but where it is, and that its counter starts the frames */
GST_START_TEST (test_paint)
{
  /* Valgrind runs the element, not the painter, and a size that is gone before
   * it was looked at twice has no frame */
  g_autofree char *options = g_strdup_printf ("--rate %u %s",
      RUNNING_ON_VALGRIND ? 50 : 200, runs[__i__].options);
  const GPid pid = start (options);
  g_autofree char *text = g_strdup_printf ("mmiovidsrc name=source device=%s "
      "frame-sync=counter num-buffers=100 ! fakesink sync=false", path);
  g_autoptr (GstElement) pipeline = gst_parse_launch (text, NULL);
  g_autoptr (GstElement) source = gst_bin_get_by_name (GST_BIN (pipeline),
      "source");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (source, "src");
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  Seen seen = {.pixel_bytes = runs[__i__].pixel_bytes };
  GstMessage *message;

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_buffer, &seen, NULL);
  fail_unless (gst_element_set_state (pipeline, GST_STATE_PLAYING) !=
      GST_STATE_CHANGE_FAILURE);
  message = gst_bus_timed_pop_filtered (bus, HANG * GST_USECOND,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  fail_unless (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS,
      "%" GST_PTR_FORMAT, message);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);

  fail_unless (kill (pid, __i__ % 2 ? SIGINT : SIGTERM) == 0);
  wait_for_end (pid);
  fail_unless_equals_int (get_field (SEQUENCE) % 2, 0);
  fail_unless_equals_int (get_field (COUNTER) % 2, 0);

  fail_unless_equals_int (seen.frames, 100);
  if (runs[__i__].small_width == 0)
    fail_unless (seen.modes == 1 && seen.width == runs[__i__].width);
  else
    fail_unless (seen.modes >= 5 && (seen.width == runs[__i__].width ||
            seen.width == runs[__i__].small_width), "%u", seen.modes);
}

GST_END_TEST;

/* As many pictures as it was told, one count before each and one after it; and
 * what it leaves is a picture */
GST_START_TEST (test_frames)
{
  static const char *options[] = { "", "--slots 2 ", "--slots 4 " };
  guint32 sequence = 0, counter = 0;

  for (guint i = 0; i < G_N_ELEMENTS (options); i++) {
    g_autofree char *all = g_strconcat (options[i],
        "--size 16x12 --rate 1000 --frames 30 --resize-every 10", NULL);

    wait_for_end (start (all));
    /* Three modes, each of which began and ended */
    fail_unless_equals_int (get_field (SEQUENCE), sequence + 6);
    fail_unless_equals_int (get_field (COUNTER), counter + 60);
    sequence += 6;
    counter += 60;
    /* The last one, of 0 to 3 */
    fail_unless_equals_int (get_field (84), i == 0 ? 0 : 29 % (2 * i));
  }
}

GST_END_TEST;

/* A painter that was killed in the middle of something; the next one goes on */
GST_START_TEST (test_killed)
{
  const guint8 odd[] = { 7, 0, 0, 0 };
  guint32 counter;
  int fd;

  wait_for_end (start ("--size 16x12 --rate 1000 --frames 3"));
  counter = get_field (COUNTER);
  fd = open (path, O_WRONLY | O_CLOEXEC);
  fail_unless (pwrite (fd, odd, 4, SEQUENCE) == 4);
  fail_unless (pwrite (fd, odd, 4, COUNTER) == 4);
  close (fd);
  fail_unless (counter % 2 == 0);
  {
    g_auto (GStrv) argv = g_strsplit (PAINTER " --size 16x12 --frames 1", " ",
        -1);
    g_autoptr (GPtrArray) all = g_ptr_array_new ();
    int status;

    for (guint i = 0; argv[i]; i++)
      g_ptr_array_add (all, argv[i]);
    g_ptr_array_add (all, path);
    g_ptr_array_add (all, NULL);
    fail_unless (g_spawn_sync (NULL, (char **) all->pdata, NULL,
            G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, NULL));
    fail_unless_equals_int (status, 0);
  }
  fail_unless_equals_int (get_field (SEQUENCE), 8);
  fail_unless_equals_int (get_field (COUNTER), 10);
}

GST_END_TEST;

/* What it does not understand it says */
GST_START_TEST (test_usage)
{
  static const struct
  {
    const char *options;
    const char *word;
  } wrong[] = {
    {"", "expected one NAME, got 0"}, {"a b", "expected one NAME, got 2"},
    {"--size 5 a", "'5' is not WIDTHxHEIGHT"},
    {"--size 0x5 a", "'0' is not a number from 1 to 65535"},
    {"--size 5x65536 a", "'65536' is not a number"},
    {"--format yuy2 a", "'yuy2' is neither"},
    {"--rate 0 a", "'0' is not a number from 1 to 1000"},
    {"--rate -1 a", "'-1' is not a number"},
    {"--rate x a", "'x' is not a number"},
    {"--slots 5 a", "'5' is not a number from 1 to 4"},
    {"--frames 1x a", "'1x' is not a number"},
    {"--what a", "unrecognized option '--what'"},
    {"--size", "option '--size' requires an argument"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_autofree char *command = g_strdup_printf (PAINTER " %s",
        wrong[i].options);
    g_autofree char *err = NULL;
    int status;

    fail_unless (g_spawn_command_line_sync (command, NULL, &err, &status,
            NULL));
    fail_unless (WIFEXITED (status) && WEXITSTATUS (status) == 2, "%s: %d",
        command, status);
    fail_unless (strstr (err, "Usage: painter") != NULL, "%s", err);
    fail_unless (strstr (err, wrong[i].word) != NULL, "%s", err);
  }
}

GST_END_TEST;

/* Its file has holes at first: a write to one would end it where there is no memory */
GST_START_TEST (test_full)
{
  g_autofree char *dir = temp_path ("full");
  g_autofree char *command = g_strdup_printf (PAINTER " --frames 1 %s/painted",
      dir);
  g_autofree char *err = NULL;
  int status;

  if (!enter_namespace ()) {
    g_print ("SKIP: a mount namespace is not allowed here\n");
    return;
  }
  fail_unless (g_mkdir (dir, 0755) == 0);
  fail_unless (mount ("none", dir, "tmpfs", 0, "size=64k") == 0);
  fail_unless (g_spawn_command_line_sync (command, NULL, &err, &status, NULL));
  fail_unless (WIFEXITED (status) && WEXITSTATUS (status) == 1, "%#x", status);
  fail_unless (strstr (err, g_strerror (ENOSPC)) != NULL, "%s", err);
  fail_unless (umount (dir) == 0 && g_rmdir (dir) == 0);
}

GST_END_TEST;

/* No file may be as long as the memory is */
GST_START_TEST (test_file_size_limit)
{
  g_autofree char *limited = temp_path ("limited");
  g_autofree char *shell = g_strdup_printf ("ulimit -f 8; exec " PAINTER
      " --frames 1 %s", limited);
  g_autofree char *quoted = g_shell_quote (shell);
  g_autofree char *command = g_strdup_printf ("sh -c %s", quoted);
  g_autofree char *err = NULL;
  int status;

  fail_unless (g_spawn_command_line_sync (command, NULL, &err, &status, NULL));
  fail_unless (WIFEXITED (status) && WEXITSTATUS (status) == 1, "%#x", status);
  fail_unless (strstr (err, g_strerror (EFBIG)) != NULL, "%s", err);
}

GST_END_TEST;

static Suite *
painter_suite (void)
{
  Suite *s = suite_create ("gst-painter");
  TCase *tc = add_case (s, "painter");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_paint, 0, G_N_ELEMENTS (runs));
  tcase_add_test (tc, test_frames);
  tcase_add_test (tc, test_killed);
  tcase_add_test (tc, test_usage);
  tcase_add_test (tc, test_full);
  tcase_add_test (tc, test_file_size_limit);

  return s;
}

GST_CHECK_MAIN (painter);
