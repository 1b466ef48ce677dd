/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixtures/helper.h"

#include <errno.h>
#include <string.h>

#include <glib/gstdio.h>

#include "capture/mmiocapture.h"
#include "frame/mmiopattern.h"

#define GUARD 0x6b

static MmioCapture *
open_with (const MmioCaptureConfig * config)
{
  GError *error = NULL;
  MmioCapture *capture = mmio_capture_open (config, &error);

  fail_unless (capture != NULL, "%s", error ? error->message : "");
  fail_unless (error == NULL);
  return capture;
}

static MmioCapture *
open_capture (const char *device, gint bar, MmioSpec spec)
{
  const MmioCaptureConfig config = {
    .device = device,.access = MMIO_ACCESS_AUTO,.bar = bar,.spec = spec
  };

  return open_with (&config);
}

/* Of captures that do not look for changes: all of it is new each time */
static void
read_all (MmioCapture * capture, const MmioTarget * target)
{
  MmioDamage damage = {.n_ranges = 77 };

  fail_unless (mmio_capture_read (capture, target, &damage));
  fail_unless_equals_int (damage.n_ranges, 1);
  fail_unless_equals_int (damage.range[0].first, 0);
  fail_unless_equals_int (damage.range[0].count,
      mmio_capture_get_info (capture)->layout.height);
}

/* --- A file --------------------------------------------------------------- */

typedef struct
{
  const char *format;
  guint width, height;
  guint64 offset;
  guint stride;
} Shape;

static const Shape shapes[] = {
  {"RGB", 640, 480, 0, 0},
  {"RGB", 1366, 768, 4097, 4099},
  {"RGB", 1, 1, 5, 0},
  {"BGRx", 33, 17, 0, 133},
  {"RGB16", 33, 17, 2, 0},
  {"GRAY8", 33, 17, 12345, 0},
  {"YUY2", 33, 17, 1, 71},
  {"NV12", 33, 17, 4095, 37},
  {"NV12", 64, 48, 0, 0},
  {"I420", 33, 17, 7, 35},
  {"I420", 32, 16, 0, 0},
  {"A420", 9, 7, 3, 0},
  {"I420_10BE", 33, 17, 1, 71},
  {"v210", 13, 5, 1, 0},
};

/* Each row of each plane arrives where the target wants it, and no byte
 * beside it is written, whatever the strides of the two sides */
static void
check_copy (const Shape * shape, guint gap)
{
  const MmioLayout picture = test_picture (shape->format, shape->width,
      shape->height, shape->offset, shape->stride);
  const guint n_planes = picture.format.n_planes;
  g_autofree guint8 *content = g_malloc (picture.end);
  g_autofree char *path = NULL;
  MmioTarget target = {.format = picture.format };
  guint8 *memory[MMIO_MAX_PLANES];
  gsize size[MMIO_MAX_PLANES];
  MmioCapture *capture;

  fill_random (content, picture.end, 9);
  path = temp_file ("frame", content, picture.end);
  capture = open_capture (path, -1, test_spec (shape->format, shape->width,
          shape->height, shape->offset, shape->stride));
  fail_unless_equals_uint64 (mmio_capture_get_info (capture)->layout.end,
      picture.end);

  for (guint i = 0; i < n_planes; i++) {
    target.stride[i] = picture.plane[i].row_bytes + gap * (i + 1);
    size[i] = (gsize) target.stride[i] * picture.plane[i].rows + 64;
    memory[i] = g_malloc (size[i]);
    memset (memory[i], GUARD, size[i]);
    target.plane[i] = memory[i] + 32;
  }

  read_all (capture, &target);

  for (guint i = 0; i < n_planes; i++) {
    const MmioPlane *plane = &picture.plane[i];
    g_autofree guint8 *wanted = g_malloc (size[i]);

    memset (wanted, GUARD, size[i]);
    for (guint y = 0; y < plane->rows; y++)
      memcpy (wanted + 32 + y * target.stride[i],
          content + plane->offset + y * plane->stride, plane->row_bytes);
    fail_unless (memcmp (memory[i], wanted, size[i]) == 0, "%s plane %u",
        shape->format, i);
    g_free (memory[i]);
  }

  mmio_capture_close (capture);
}

GST_START_TEST (test_file)
{
  check_copy (&shapes[__i__], 0);
  check_copy (&shapes[__i__], 1);
  check_copy (&shapes[__i__], 16);
}

GST_END_TEST;

/* 24 bits to 32, from an odd stride and offset to padded rows */
GST_START_TEST (test_expansion)
{
  static const char *const narrow[] = { "RGB", "BGR" };
  static const char *const wide[] = { "RGBx", "BGRx", "xRGB", "xBGR" };
  const MmioFormat *from = test_format (narrow[__i__ / 4]);
  const MmioFormat *to = test_format (wide[__i__ % 4]);
  const guint width = 37, height = 11, stride = 4 * width + 12;
  const MmioLayout picture = test_picture (from->name, width, height, 101,
      113);
  g_autofree guint8 *content = g_malloc (picture.end);
  g_autofree guint8 *memory = g_malloc (stride * height);
  g_autofree guint8 *wanted = g_malloc (stride * height);
  const MmioTarget target = {
    .format = *to,.plane = {memory},.stride = {stride}
  };
  g_autofree char *path = NULL;
  MmioCapture *capture;
  MmioCaptureStats stats;

  fill_random (content, picture.end, 10);
  path = temp_file ("expanded", content, picture.end);
  capture = open_capture (path, 0, test_spec (from->name, width, height, 101,
          113));

  memset (memory, GUARD, stride * height);
  memset (wanted, GUARD, stride * height);
  for (guint y = 0; y < height; y++) {
    memset (wanted + y * stride, 255, 4 * width);
    for (guint x = 0; x < width; x++) {
      for (guint i = 0; i < 3; i++)
        wanted[y * stride + 4 * x + to->component[i].offset] =
            content[101 + y * 113 + 3 * x + from->component[i].offset];
    }
  }

  fail_unless (mmio_frame_copy_can_convert (&mmio_capture_get_info
          (capture)->layout, to));
  read_all (capture, &target);
  fail_unless (memcmp (memory, wanted, stride * height) == 0, "%s to %s",
      from->name, to->name);

  /* What was loaded counts, not what was made of it */
  mmio_capture_get_stats (capture, &stats);
  fail_unless_equals_uint64 (stats.frames, 1);
  fail_unless_equals_uint64 (stats.bytes_read, 3 * width * height);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* What is in the file now, not what was there before */
GST_START_TEST (test_file_changes)
{
  guint8 memory[12], content[12] = "first frame";
  g_autofree char *path = temp_file ("changing", content, sizeof (content));
  MmioCapture *capture = open_capture (path, -1, test_spec ("GRAY8", 12, 1, 0,
          0));
  const MmioTarget target = {
    .format = *test_format ("GRAY8"),.plane = {memory},.stride = {12}
  };
  FILE *file = g_fopen (path, "r+");

  read_all (capture, &target);
  fail_unless_equals_string ((char *) memory, "first frame");
  fail_unless (fwrite ("other", 5, 1, file) == 1 && fclose (file) == 0);
  read_all (capture, &target);
  fail_unless_equals_string ((char *) memory, "other frame");
  mmio_capture_close (capture);
}

GST_END_TEST;

GST_START_TEST (test_getters)
{
  guint8 content[200] = { 0, };
  g_autofree char *path = temp_file ("getters", content, sizeof (content));
  MmioCapture *capture = open_capture (path, -1, test_spec (NULL, 4, 3, 100,
          20));
  const MmioLayout *picture = &mmio_capture_get_info (capture)->layout;

  fail_unless_equals_string (picture->format.name, "RGB");
  fail_unless_equals_int (picture->width, 4);
  fail_unless_equals_int (picture->height, 3);
  fail_unless_equals_uint64 (picture->start, 100);
  fail_unless_equals_uint64 (picture->end, 152);
  fail_unless_equals_int (picture->plane[0].stride, 20);
  fail_unless_equals_uint64 (mmio_region_get_length (mmio_capture_get_info
          (capture)->region), 52);
  fail_unless_equals_string (mmio_capture_get_info (capture)->device_name,
      "file getters");
  fail_unless_equals_string (mmio_capture_get_info (capture)->device_address,
      path);
  fail_unless_equals_string (mmio_capture_get_info (capture)->access, "file");
  fail_unless_equals_string (mmio_capture_get_info (capture)->mapping,
      "cached");
  fail_unless (mmio_capture_get_info (capture)->reader ==
      test_reader (MMIO_ENGINE_AUTO));
  fail_unless (strstr (mmio_capture_get_info (capture)->engine_reason,
          "ordinary memory") != NULL);
  fail_unless (mmio_capture_get_info (capture)->changes == MMIO_CHANGES_IGNORE);
  fail_unless_equals_int (mmio_capture_get_info (capture)->bar, 0);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* --- Engines and maps ----------------------------------------------------- */

/* Whatever loads, and whatever is done with it on the way, the frame is the
 * same */
GST_START_TEST (test_engine)
{
  const MmioLayout picture = test_picture ("RGB", 37, 11, 101, 113);
  const guint stride = 4 * 37 + 12;
  g_autofree guint8 *content = g_malloc (picture.end);
  g_autofree guint8 *memory = g_malloc (stride * 11);
  g_autofree guint8 *wanted = g_malloc (stride * 11);
  const MmioTarget target = {
    .format = *test_format ("BGRx"),.plane = {memory},.stride = {stride}
  };
  g_autofree char *path = NULL;
  MmioCaptureConfig config = {.bar = -1,.engine = __i__ };

  if (!test_reader (__i__))
    return;

  fill_random (content, picture.end, 11);
  path = temp_file ("engine", content, picture.end);
  config.device = path;
  config.spec = test_spec ("RGB", 37, 11, 101, 113);
  memset (wanted, GUARD, stride * 11);
  for (guint y = 0; y < 11; y++) {
    const guint8 *from = content + 101 + y * 113;
    guint8 *to = wanted + y * stride;

    for (guint x = 0; x < 37; x++, from += 3, to += 4) {
      to[0] = from[2];
      to[1] = from[1];
      to[2] = from[0];
      to[3] = 255;
    }
  }

  for (guint changes = MMIO_CHANGES_IGNORE; changes <= MMIO_CHANGES_DROP;
      changes++) {
    MmioCapture *capture;
    MmioDamage damage;

    config.changes = changes;
    config.mapping = changes % 2 ? MMIO_MAPPING_CACHED : MMIO_MAPPING_AUTO;
    capture = open_with (&config);
    fail_unless (mmio_capture_get_info (capture)->reader ==
        test_reader (__i__));
    fail_unless (mmio_capture_get_info (capture)->changes == changes);
    fail_unless_equals_string (mmio_capture_get_info (capture)->mapping,
        "cached");
    if (__i__ != MMIO_ENGINE_AUTO)
      fail_unless_equals_string (mmio_capture_get_info (capture)->engine_reason,
          "set by the user");

    memset (memory, GUARD, stride * 11);
    fail_unless (mmio_capture_read (capture, &target, &damage));
    fail_unless (memcmp (memory, wanted, stride * 11) == 0);
    mmio_capture_close (capture);
  }
}

GST_END_TEST;

/* --- Changes -------------------------------------------------------------- */

typedef struct
{
  MmioCapture *capture;
  FILE *file;
  guint8 content[4 * 4 + 2 * 2 * 2];
  MmioDamage damage;
  guint8 memory[64];
  guint64 n_read, n_written, n_unchanged;
} Story;

/* An I420 picture of 4 by 4 in a file */
static void
story_init (Story * story, const char *name, MmioChanges changes)
{
  MmioCaptureConfig config = {
    .bar = -1,.spec = test_spec ("I420", 4, 4, 0, 0),.changes = changes
  };
  g_autofree char *path = NULL;

  memset (story, 0, sizeof (*story));
  fill_random (story->content, sizeof (story->content), 12);
  path = temp_file (name, story->content, sizeof (story->content));
  story->file = g_fopen (path, "r+");
  fail_unless (story->file != NULL);
  config.device = path;
  story->capture = open_with (&config);
}

static void
story_clear (Story * story)
{
  mmio_capture_close (story->capture);
  fclose (story->file);
}

static void
story_change (Story * story, guint at)
{
  story->content[at] ^= 0x10;
  fail_unless (pwrite (fileno (story->file), story->content + at, 1, at) == 1);
}

/* Reads a frame, which is @written, and of which @n rows from @top on have
 * changed, or nothing if @n is 0 */
static void
story_read (Story * story, gboolean written, guint top, guint n)
{
  const MmioTarget target = {
    .format = *test_format ("I420"),
    .plane = {story->memory, story->memory + 24, story->memory + 32},
    .stride = {6, 4, 4}
  };
  MmioCaptureStats stats;

  memset (story->memory, GUARD, sizeof (story->memory));
  fail_unless (mmio_capture_read (story->capture, &target, &story->damage) ==
      (written ? MMIO_READ_WHOLE : MMIO_READ_UNCHANGED));
  if (written) {
    for (guint y = 0; y < 4; y++)
      fail_unless (memcmp (story->memory + 6 * y, story->content + 4 * y,
              4) == 0);
    for (guint y = 0; y < 4; y++)
      fail_unless (memcmp (story->memory + 24 + 4 * y,
              story->content + 16 + 2 * y, 2) == 0);
  } else {
    fail_unless_all (story->memory, sizeof (story->memory), GUARD);
  }

  fail_unless_equals_int (story->damage.n_ranges, n > 0);
  if (n > 0) {
    fail_unless_equals_int (story->damage.range[0].first, top);
    fail_unless_equals_int (story->damage.range[0].count, n);
  }

  /* What was read was read, even if it was dropped */
  story->n_read++;
  story->n_written += written;
  story->n_unchanged += n == 0;
  mmio_capture_get_stats (story->capture, &stats);
  fail_unless_equals_uint64 (stats.frames, story->n_written);
  fail_unless_equals_uint64 (stats.unchanged, story->n_unchanged);
  fail_unless_equals_uint64 (stats.bytes_read, 24 * story->n_read);
}

GST_START_TEST (test_ignore)
{
  Story story;

  story_init (&story, "ignore", MMIO_CHANGES_IGNORE);
  fail_unless (mmio_capture_get_info (story.capture)->changes ==
      MMIO_CHANGES_IGNORE);
  story_read (&story, TRUE, 0, 4);
  story_read (&story, TRUE, 0, 4);
  story_change (&story, 5);
  story_read (&story, TRUE, 0, 4);
  mmio_capture_forget (story.capture);
  story_read (&story, TRUE, 0, 4);
  story_clear (&story);
}

GST_END_TEST;

/* As long as nothing changes, it is said that nothing has, or nothing is
 * written at all */
GST_START_TEST (test_mark_and_drop)
{
  const MmioChanges changes = __i__;
  const gboolean mark = changes == MMIO_CHANGES_MARK;
  Story story;

  story_init (&story, mark ? "mark" : "drop", changes);
  fail_unless (mmio_capture_get_info (story.capture)->changes == changes);
  story_read (&story, TRUE, 0, 4);
  story_read (&story, mark, 0, 0);
  story_read (&story, mark, 0, 0);

  story_change (&story, 5);
  story_read (&story, TRUE, 1, 1);
  story_read (&story, mark, 0, 0);
  story_change (&story, 15);
  story_read (&story, TRUE, 3, 1);
  story_change (&story, 0);
  story_change (&story, 4);
  story_read (&story, TRUE, 0, 2);

  /* Chroma: the first plane's second row, the second plane's first */
  story_change (&story, 18);
  story_read (&story, TRUE, 2, 2);
  story_change (&story, 21);
  story_read (&story, TRUE, 0, 2);
  story_read (&story, mark, 0, 0);

  /* There and back again is no change, if nobody looked in between */
  story_change (&story, 9);
  story_change (&story, 9);
  story_read (&story, mark, 0, 0);

  mmio_capture_forget (story.capture);
  story_read (&story, TRUE, 0, 4);
  story_read (&story, mark, 0, 0);
  mmio_capture_forget (story.capture);
  story_change (&story, 9);
  story_read (&story, TRUE, 0, 4);
  story_read (&story, mark, 0, 0);
  story_change (&story, 9);
  story_read (&story, TRUE, 2, 1);
  story_clear (&story);
}

GST_END_TEST;

/* --- Statistics ----------------------------------------------------------- */

GST_START_TEST (test_stats)
{
  const MmioLayout picture = test_picture ("I420", 33, 17, 7, 35);
  const guint64 frame = 33 * 17 + 2 * 17 * 9;
  g_autofree guint8 *content = g_malloc0 (picture.end);
  g_autofree guint8 *memory = g_malloc (4096);
  g_autofree char *path = temp_file ("stats", content, picture.end);
  MmioCapture *capture = open_capture (path, -1, test_spec ("I420", 33, 17, 7,
          35));
  const MmioTarget target = {
    .format = picture.format,.plane = {memory, memory + 1000, memory + 2000},
    .stride = {35, 20, 20}
  };
  MmioCaptureStats stats;
  guint64 copy_time = 0;
  const gint64 begin = g_get_monotonic_time ();

  memset (&stats, 0xff, sizeof (stats));
  mmio_capture_get_stats (capture, &stats);
  fail_unless_equals_uint64 (stats.frames, 0);
  fail_unless_equals_uint64 (stats.unchanged, 0);
  fail_unless_equals_uint64 (stats.bytes_read, 0);
  fail_unless_equals_uint64 (stats.copy_time, 0);

  for (guint64 n = 1; n <= 1000; n++) {
    read_all (capture, &target);
    mmio_capture_get_stats (capture, &stats);
    fail_unless_equals_uint64 (stats.frames, n);
    fail_unless_equals_uint64 (stats.unchanged, 0);
    /* Padding is not read */
    fail_unless_equals_uint64 (stats.bytes_read, n * frame);
    fail_unless (stats.copy_time >= copy_time);
    copy_time = stats.copy_time;
  }

  /* It takes some time, and not more than there was */
  fail_unless (copy_time > 0);
  fail_unless (copy_time <= (guint64) (g_get_monotonic_time () - begin));
  mmio_capture_close (capture);
}

GST_END_TEST;

typedef struct
{
  MmioCapture *capture;
  guint64 frame;
  gint stop;
} Onlooker;

static gpointer
look_on (gpointer data)
{
  Onlooker *onlooker = data;
  MmioCaptureStats stats, last = { 0, };

  while (!g_atomic_int_get (&onlooker->stop)) {
    mmio_capture_get_stats (onlooker->capture, &stats);
    if (stats.bytes_read != stats.frames * onlooker->frame ||
        stats.frames < last.frames || stats.copy_time < last.copy_time)
      return GINT_TO_POINTER (FALSE);
    last = stats;
  }

  return GINT_TO_POINTER (TRUE);
}

/* Numbers that do not belong together are never seen */
GST_START_TEST (test_stats_of_one_moment)
{
  guint8 memory[64] = { 0, };
  g_autofree char *path = temp_file ("moment", memory, sizeof (memory));
  MmioCapture *capture = open_capture (path, -1, test_spec ("GRAY8", 64, 1, 0,
          0));
  const MmioTarget target = {
    .format = *test_format ("GRAY8"),.plane = {memory},.stride = {64}
  };
  Onlooker onlooker = {.capture = capture,.frame = 64 };
  const guint rounds = RUNNING_ON_VALGRIND ? 2000 : 200000;
  GThread *thread = g_thread_new ("onlooker", look_on, &onlooker);

  for (guint i = 0; i < rounds; i++)
    read_all (capture, &target);
  g_atomic_int_set (&onlooker.stop, TRUE);
  fail_unless (g_thread_join (thread));
  mmio_capture_close (capture);
}

GST_END_TEST;

/* --- The simulated device ------------------------------------------------- */

GST_START_TEST (test_sim)
{
  const Shape small = { "RGB", 160, 48, 33, 487 };
  MmioCapture *capture = open_capture ("sim", -1, test_spec (small.format,
          small.width, small.height, small.offset, small.stride));
  const MmioLayout tight = test_picture (small.format, small.width,
      small.height, 0, 0);
  g_autofree guint8 *memory = g_malloc (tight.end);
  g_autofree guint8 *wanted = g_malloc (tight.end);
  const MmioTarget target = {
    .format = tight.format,.plane = {memory},.stride = {tight.plane[0].stride}
  };
  const gint64 end = g_get_monotonic_time () + HANG;
  guint number, n_frames = 0;
  MmioCaptureStats stats;

  fail_unless_equals_string (mmio_capture_get_info (capture)->device_name,
      "simulated device");
  fail_unless_equals_string (mmio_capture_get_info (capture)->device_address,
      "sim");
  fail_unless_equals_string (mmio_capture_get_info (capture)->access, "sim");
  fail_unless_equals_int (mmio_capture_get_info (capture)->bar, 0);

  do {
    fail_unless (g_get_monotonic_time () < end, "no whole frame");
    g_usleep (500);
    read_all (capture, &target);
    n_frames++;
    if (!mmio_pattern_read_number (&tight, memory, &number))
      continue;
    mmio_pattern_paint (&tight, wanted, number);
  } while (number == 0 || memcmp (memory, wanted, tight.end) != 0);

  mmio_capture_get_stats (capture, &stats);
  fail_unless_equals_uint64 (stats.frames, n_frames);
  fail_unless_equals_uint64 (stats.bytes_read, n_frames * tight.end);
  mmio_capture_close (capture);
}

GST_END_TEST;

GST_START_TEST (test_sim_default)
{
  MmioCapture *capture = open_capture ("sim", -1, test_spec (NULL, 0, 0, 0,
          0));
  const MmioLayout *picture = &mmio_capture_get_info (capture)->layout;

  fail_unless_equals_string (picture->format.name, "RGB");
  fail_unless_equals_int (picture->width, 640);
  fail_unless_equals_int (picture->height, 480);
  fail_unless_equals_uint64 (picture->end, 921600);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* A region that somebody still holds goes on to show the picture */
GST_START_TEST (test_region_outlives_capture)
{
  const MmioLayout picture = test_picture ("RGB", 160, 48, 0, 0);
  MmioCapture *capture = open_capture ("sim", -1, test_spec ("RGB", 160, 48, 0,
          0));
  MmioRegion *region =
      mmio_region_ref (mmio_capture_get_info (capture)->region);
  g_autofree guint8 *seen = g_malloc (picture.end);
  const gint64 end = g_get_monotonic_time () + HANG;
  guint number = 0;

  mmio_capture_close (capture);
  do {
    fail_unless (g_get_monotonic_time () < end, "no whole frame");
    g_usleep (500);
    mmio_reader_copy (test_reader (MMIO_ENGINE_AUTO), seen,
        mmio_region_get_data (region), picture.end);
  } while (!mmio_pattern_read_number (&picture, seen, &number) || number == 0);

  mmio_region_unref (region);
  fail_unless_equals_int (count_maps ("mmiovid-sim"), 0);
}

GST_END_TEST;

GST_START_TEST (test_cycles)
{
  const guint cycles = RUNNING_ON_VALGRIND ? 5 : 100;
  guint8 content[64] = { 0, };
  g_autofree char *path = temp_file ("cycles", content, sizeof (content));
  /* Before the first: its thread may still be on its way out after it */
  const guint threads = count_threads ();
  guint fds;

  for (guint i = 0; i <= cycles; i++) {
    mmio_capture_close (open_capture (path, -1, test_spec ("GRAY8", 64, 1, 0,
                0)));
    mmio_capture_close (open_capture ("sim", -1, test_spec ("GRAY8", 64, 1, 0,
                0)));
    if (i == 0)
      fds = count_fds ();
  }

  fail_unless_equals_int (count_fds (), fds);
  fail_unless_equals_int (count_maps (path), 0);
  fail_unless_equals_int (count_maps ("mmiovid-sim"), 0);
  wait_for_threads (threads);
}

GST_END_TEST;

/* --- Errors from every room come through ---------------------------------- */

static void
check_config_refused (MmioCaptureConfig config, MmioErrorCode code,
    const char *system, const char *word)
{
  const guint fds = count_fds (), threads = count_threads ();
  GError *error = NULL;

  fail_unless (mmio_capture_open (&config, &error) == NULL, "%s",
      config.device);
  fail_unless (error != NULL, "%s", config.device);
  if (system)
    fail_unless (mmio_error_get_system (error) &&
        strstr (mmio_error_get_system (error), system), "%s, not %s",
        mmio_error_get_system (error), system);
  else
    fail_unless (mmio_error_get_system (error) == NULL);
  check_error (&error, code, word, NULL);

  fail_unless (mmio_capture_open (&config, NULL) == NULL);
  wait_for_threads (threads);
  fail_unless_equals_int (count_fds (), fds);
  fail_unless_equals_int (count_maps ("mmiovid-sim"), 0);
}

static void
check_refused (const char *device, gint bar, MmioSpec spec,
    MmioErrorCode code, const char *system, const char *word)
{
  const MmioCaptureConfig config = {
    .device = device,.bar = bar,.spec = spec
  };

  for (guint changes = MMIO_CHANGES_IGNORE; changes <= MMIO_CHANGES_DROP;
      changes++) {
    MmioCaptureConfig with_changes = config;

    with_changes.changes = changes;
    check_config_refused (with_changes, code, system, word);
  }
}

/* Ordinary memory is cached, and whoever wants it otherwise is told so */
GST_START_TEST (test_mapping_refused)
{
  static const MmioMapping others[] = {
    MMIO_MAPPING_UNCACHED, MMIO_MAPPING_WRITE_COMBINING,
  };
  guint8 content[100] = { 0, };
  g_autofree char *path = temp_file ("mapping", content, sizeof (content));
  const char *devices[] = { "sim", path };

  for (guint i = 0; i < G_N_ELEMENTS (devices); i++) {
    for (guint j = 0; j < G_N_ELEMENTS (others); j++) {
      const MmioCaptureConfig config = {
        .device = devices[i],.bar = -1,.mapping = others[j],
        .spec = test_spec ("GRAY8", 10, 10, 0, 0)
      };
      g_autofree char *sentence = g_strdup_printf ("Cannot map %s %s: it is "
          "ordinary memory. Set mapping to auto.", devices[i],
          mmio_mapping_get_name (others[j]));

      check_config_refused (config, MMIO_ERROR_SETTINGS, NULL, sentence);
    }
  }
}

GST_END_TEST;

/* An engine that cannot run is refused, and no other one taken in its place */
GST_START_TEST (test_engine_refused)
{
  guint8 content[100] = { 0, };
  g_autofree char *path = temp_file ("engines", content, sizeof (content));
  const char *devices[] = { "sim", path };

  for (guint i = 0; i < G_N_ELEMENTS (devices); i++) {
    for (guint engine = FIRST_ENGINE; engine < END_ENGINE; engine++) {
      const MmioCaptureConfig config = {
        .device = devices[i],.bar = -1,.engine = engine,
        .spec = test_spec ("GRAY8", 10, 10, 0, 0)
      };

      if (can_run (engine))
        mmio_capture_close (open_with (&config));
      else
        check_config_refused (config, MMIO_ERROR_SETTINGS, NULL,
            "Cannot use engine=");
    }
  }
}

GST_END_TEST;

GST_START_TEST (test_errors)
{
  guint8 content[100] = { 0, };
  g_autofree char *path = temp_file ("errors", content, sizeof (content));
  g_autofree char *missing = temp_path ("missing");
  const MmioSpec unset = test_spec (NULL, 0, 0, 0, 0);

  check_refused (NULL, -1, unset, MMIO_ERROR_ADDRESS, NULL, "0000:03:00.0");
  check_refused ("", -1, unset, MMIO_ERROR_ADDRESS, NULL, "''");
  check_refused ("nonsense", -1, unset, MMIO_ERROR_ADDRESS, NULL, "'nonsense'");
  check_refused (missing, -1, unset, MMIO_ERROR_NOT_FOUND,
      g_strerror (ENOENT), missing);
  check_refused (path, -1, unset, MMIO_ERROR_SETTINGS, NULL, "Set width");
  check_refused (path, -1, test_spec (NULL, 70000, 1, 0, 0),
      MMIO_ERROR_SETTINGS, NULL, "70000");
  check_refused (path, -1, test_spec ("GRAY8", 10, 10, 0, 9),
      MMIO_ERROR_SETTINGS, NULL, "10 or more");
  check_refused (path, -1, test_spec ("GRAY8", 10, 10, 1, 0),
      MMIO_ERROR_SETTINGS, NULL, "byte 101");
  check_refused (path, 0, test_spec ("GRAY8", 10, 10, 1, 0),
      MMIO_ERROR_SETTINGS, NULL, "100 bytes");
  check_refused (path, 2, test_spec ("GRAY8", 10, 10, 0, 0),
      MMIO_ERROR_NOT_FOUND, NULL, "Cannot use bar=2");
  check_refused ("sim", 1, unset, MMIO_ERROR_NOT_FOUND, NULL, "Cannot use "
      "bar=1");
  check_refused ("sim", -1, test_spec ("v210", 0, 0, 0, 0),
      MMIO_ERROR_FORMAT, NULL, "v210");
  check_refused ("sim", -1, test_spec (NULL, 0, 0,
          (guint64) G_MAXINT64 - 10000000, 0), MMIO_ERROR_FAILED, "errno",
      "simulated device");
}

GST_END_TEST;

static Suite *
capture_suite (void)
{
  Suite *s = suite_create ("lib-capture");
  TCase *tc = add_case (s, "file");

  tcase_add_unchecked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_loop_test (tc, test_file, 0, G_N_ELEMENTS (shapes));
  tcase_add_loop_test (tc, test_expansion, 0, 8);
  tcase_add_test (tc, test_file_changes);
  tcase_add_test (tc, test_getters);
  tcase_add_loop_test (tc, test_engine, MMIO_ENGINE_AUTO, END_ENGINE);
  tcase_add_test (tc, test_ignore);
  tcase_add_loop_test (tc, test_mark_and_drop, MMIO_CHANGES_MARK,
      MMIO_CHANGES_DROP + 1);
  tcase_add_test (tc, test_stats);
  tcase_add_test (tc, test_stats_of_one_moment);
  tcase_add_test (tc, test_cycles);
  tcase_add_test (tc, test_mapping_refused);
  tcase_add_test (tc, test_engine_refused);
  tcase_add_test (tc, test_errors);

  tc = add_case (s, "sim");
  tcase_add_test (tc, test_sim);
  tcase_add_test (tc, test_sim_default);
  tcase_add_test (tc, test_region_outlives_capture);

  return s;
}

GST_CHECK_MAIN (capture);
