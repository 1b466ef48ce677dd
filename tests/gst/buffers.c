/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device that writes several pictures in turn: whichever way a frame takes, it
 * is the one that the index names; and what is told of a device whose frames
 * are never whole.  The device is a file, which the test paints, or a memfd.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "frame/mmiopattern.h"
#include "testdmabuf.h"

/* The pictures: BGRx, each pixel of one is its number */
#define COLUMNS 32
#define ROWS 16
#define PIXELS (COLUMNS * ROWS)
#define STEP (4 * PIXELS + 128)
#define COUNTER 12288
#define INDEX (COUNTER + 8)
#define FILE_SIZE (COUNTER + 4096)

static char *path;
static guint8 *memory;
static gint stop;
static gint painted;

static void
setup (void)
{
  temp_setup ();
  memory = temp_map ("bar", FILE_SIZE, &path);
  stop = painted = 0;
}

static void
teardown (void)
{
  munmap (memory, FILE_SIZE);
  unlink (path);
  g_free (path);
  temp_teardown ();
}

static void
store (guint at, guint32 value)
{
  __atomic_store_n ((guint32 *) (memory + at), GUINT32_TO_LE (value),
      __ATOMIC_SEQ_CST);
}

static void
paint (guint picture, guint32 number)
{
  for (guint i = 0; i < PIXELS; i++)
    store (picture * STEP + 4 * i, number);
}

static void
set (GstHarness * h, const char *name, const char *value)
{
  gst_util_set_object_arg (G_OBJECT (h->element), name, value);
}

static GstHarness *
new_source (const char *io_mode, guint n)
{
  GstHarness *h = source_new (path, "width", COLUMNS, "height", ROWS,
      "buffers", n, "buffer-step", (guint64) STEP, NULL);

  if (n > 1)
    g_object_set (h->element, "index-offset", (guint64) INDEX, NULL);
  set (h, "format", "bgrx");
  set (h, "io-mode", io_mode);
  return h;
}

static GstHarness *
new_seqlock (const char *sync)
{
  GstHarness *h = new_source ("copy", 1);

  g_object_set (h->element, "counter-offset", (guint64) COUNTER, NULL);
  set (h, "counter-seqlock", "true");
  set (h, "frame-sync", sync);
  return h;
}

/* The number, or -1 if there is more than one */
static gint64
get_number (GstBuffer * buffer)
{
  GstMapInfo map;
  const guint32 *pixels;
  gint64 number;

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  fail_unless_equals_uint64 (map.size, 4 * PIXELS);
  pixels = (const guint32 *) map.data;
  number = pixels[0];
  for (guint i = 1; i < PIXELS; i++) {
    if (pixels[i] != pixels[0])
      number = -1;
  }
  gst_buffer_unmap (buffer, &map);
  return number;
}

static gboolean
is_corrupted (GstBuffer * buffer)
{
  return GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED);
}

static void
check_stat (GstHarness * h, const char *field, guint64 value)
{
  const guint64 is = source_get_stat (h, field);

  fail_unless (is == value, "%s is %" G_GUINT64_FORMAT ", not %"
      G_GUINT64_FORMAT, field, is, value);
}

static void
check_io_mode (GstHarness * h, const char *wanted)
{
  GstStructure *stats = source_get_stats (h);

  fail_unless_equals_string (gst_structure_get_string (stats, "io-mode"),
      wanted);
  gst_structure_free (stats);
}

static const char *const modes[] = { "copy", "mmap" };

/* --- The one that is complete ------------------------------------------------ */

/* Downstream need know nothing of it: it looks like the only one */
GST_START_TEST (test_each)
{
  const char *mode = modes[__i__ % 2];
  const guint n = __i__ / 2 + 2;
  GstHarness *h = new_source (mode, n);
  GstBuffer *held[20];

  for (guint i = 0; i < n; i++)
    paint (i, 100 + i);
  gst_harness_play (h);
  for (guint i = 0; i < G_N_ELEMENTS (held); i++) {
    /* The first one was on its way before */
    const guint picture = i == 0 ? 0 : i * i % n;

    store (INDEX, picture);
    held[i] = i == 0 ? source_pull (h) : source_crank (h);
    fail_unless_equals_int64 (get_number (held[i]), 100 + picture);
    fail_if (is_corrupted (held[i]));
    fail_unless_equals_uint64 (GST_BUFFER_OFFSET (held[i]), i);
  }
  /* And stays what it is, in the map for as long as the device leaves it */
  for (guint i = 0; i < G_N_ELEMENTS (held); i++) {
    fail_unless_equals_int64 (get_number (held[i]), 100 + i * i % n);
    gst_buffer_unref (held[i]);
  }
  check_io_mode (h, mode);
  check_stat (h, "frames", G_N_ELEMENTS (held));
  check_stat (h, "torn", 0);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* It is only worth a frame if it is another one to look at */
GST_START_TEST (test_changes)
{
  GstHarness *h = new_source ("copy", 2);
  GstBuffer *buffer;

  set (h, "changes", "drop");
  paint (0, 5);
  paint (1, 5);
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));
  store (INDEX, 1);
  paint (0, 6);
  /* Frames whose time comes are looked at, and none is sent */
  for (guint i = 0; i < 5; i++) {
    gst_harness_crank_single_clock_wait (h);
    source_wait_for_clock_wait (h);
  }
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
  check_stat (h, "unchanged", 5);
  store (INDEX, 0);
  buffer = source_crank (h);
  fail_unless_equals_int64 (get_number (buffer), 6);
  gst_buffer_unref (buffer);
  check_stat (h, "frames", 2);
  source_teardown (h);
}

GST_END_TEST;

/* Warnings say which device, and these words */
static void
check_warning (GstHarness * h, ...)
{
  g_autoptr (GError) error =
      source_parse_warning (source_wait_message (h, GST_MESSAGE_WARNING));
  const char *word;
  va_list args;

  fail_unless (g_error_matches (error, GST_RESOURCE_ERROR,
          GST_RESOURCE_ERROR_READ));
  fail_unless (strstr (error->message, path) != NULL, "%s", error->message);
  va_start (args, h);
  while ((word = va_arg (args, const char *)))
      fail_unless (strstr (error->message, word) != NULL, "'%s' does not say "
        "'%s'", error->message, word);
  va_end (args);
}

/* An index that names none: the last one goes out, and is not said to be whole;
 * after a second that is told, once */
GST_START_TEST (test_bad_index)
{
  GstHarness *h = new_source (modes[__i__], 2);
  guint torn = 0;

  paint (0, 70);
  paint (1, 71);
  store (INDEX, 1);
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));

  for (guint round = 0; round < 2; round++) {
    GstBuffer *buffer;

    store (INDEX, 2 + round);
    for (guint i = 0; i < 4; i++) {
      buffer = source_crank (h);
      fail_unless_equals_int64 (get_number (buffer), 71 - round);
      fail_unless (is_corrupted (buffer));
      gst_buffer_unref (buffer);
      torn++;
      if (i == 1)
        g_usleep (1100000);
    }
    check_warning (h, round == 0 ? "is 2, but its slots" :
        "is 3, but its slots", "are 0 to 1", "index-offset", NULL);
    fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
    check_stat (h, "torn", torn);

    store (INDEX, 0);
    buffer = source_crank (h);
    fail_unless_equals_int64 (get_number (buffer), 70);
    fail_if (is_corrupted (buffer));
    gst_buffer_unref (buffer);
  }
  check_stat (h, "missed", 0);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* --- One that is never complete ------------------------------------------------ */

#define PERIOD 5000

/* Counts on, and is odd whenever somebody looks */
static gpointer
never_rest (gpointer unused)
{
  for (guint32 number = 1; !g_atomic_int_get (&stop); number++) {
    store (COUNTER, 2 * number + 1);
    paint (0, number);
    g_atomic_int_inc (&painted);
    g_usleep (PERIOD);
  }
  return NULL;
}

/* It has pictures, and they go out as what they are; nobody says that it has
 * none */
GST_START_TEST (test_never_rests)
{
  GstHarness *h = new_seqlock (__i__ == 0 ? "counter" : "clock");
  const gint64 begin = g_get_monotonic_time ();
  gint64 end = begin;
  guint frames = 0, pictures;
  gboolean is_late;
  GThread *thread;

  store (COUNTER, 1);
  gst_harness_use_systemclock (h);
  thread = g_thread_new ("device", never_rest, NULL);
  gst_harness_play (h);
  for (; end < begin + 2 * G_TIME_SPAN_SECOND; end = g_get_monotonic_time ()) {
    GstBuffer *buffer = source_pull (h);

    fail_unless (is_corrupted (buffer));
    gst_buffer_unref (buffer);
    frames++;
  }
  pictures = g_atomic_int_get (&painted);
  /* One for each picture or so, and not one whenever somebody gives up.  A
   * machine that wakes the device late does so with the element, too, which has
   * to be woken up to three times for a frame, where the device is once. */
  is_late = pictures < (end - begin) / PERIOD * 3 / 4;
  GST_INFO ("%u frames of %u pictures%s", frames, pictures,
      is_late ? ", which are late" : "");
  if (__i__ == 0 && !RUNNING_ON_VALGRIND)
    fail_unless (frames > pictures / (is_late ? 4 : 2), "%u of %u", frames,
        pictures);
  check_warning (h, "writes its frame all the time", "flagged as corrupted",
      NULL);
  source_stop (h);
  g_atomic_int_set (&stop, TRUE);
  g_thread_join (thread);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_WARNING), 0);
  source_teardown (h);
}

GST_END_TEST;

/* One that has died in the middle of a picture: nothing is new, and why is
 * told */
GST_START_TEST (test_dead_writer)
{
  GstHarness *h = new_seqlock ("counter");
  GstBuffer *buffer;

  store (COUNTER, 4);
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));
  store (COUNTER, 5);
  check_warning (h, "has been writing one frame for a second", "is odd",
      "counter-seqlock", NULL);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);
  store (COUNTER, 6);
  buffer = source_pull (h);
  fail_if (is_corrupted (buffer));
  gst_buffer_unref (buffer);
  source_teardown (h);
}

GST_END_TEST;

/* Whoever stops does not wait for it: each first frame would take as long */
#define ROUNDS 20
#define PAUSE 10000
#define LONG (ROUNDS * 20000)

static gint64
stop_in_waits (GstHarness * h, GstState state)
{
  gint64 waited = 0;

  for (guint i = 0; i < ROUNDS; i++) {
    gint64 begin;

    gst_harness_play (h);
    g_usleep (PAUSE);
    begin = g_get_monotonic_time ();
    fail_if (gst_element_set_state (h->element, state) ==
        GST_STATE_CHANGE_FAILURE);
    waited += g_get_monotonic_time () - begin;
  }

  return waited;
}

GST_START_TEST (test_prompt)
{
  GstHarness *h = __i__ == 0 ? new_seqlock ("clock") :
      new_source (modes[__i__ - 1], 2);
  guint tries = 0;
  gint64 waited;

  store (COUNTER, 1);
  store (INDEX, 99);
  gst_harness_use_systemclock (h);
  /* A machine that has other things to do may take longer */
  do {
    waited = stop_in_waits (h, GST_STATE_READY);
    GST_INFO ("%" G_GINT64_FORMAT " us for %u stops", waited, ROUNDS);
  } while (waited >= LONG && ++tries < 10);
  fail_unless (waited < LONG, "%" G_GINT64_FORMAT " us", waited);
  source_check_no_error (h);
  source_teardown (h);
}

GST_END_TEST;

/* --- Settings that cannot be ----------------------------------------------------- */

static const struct
{
  const char *name, *value, *word;
} bad[] = {
  {"buffer-step", "2047", "use 2 slots: slots 0 and 1 overlap"},
  {"buffer-step", "14337", "ends at byte 16385"},
  {"buffer-step", "18446744073709551615", "beyond the largest address"},
  {"index-offset", "12290", "a multiple of 4"},
  {"index-offset", "16384", "Cannot use a register at byte 16384"},
  {"index-size", "24", "index-size is one of 0, 8, 16, 32, 64"},
  {"index-bar", "1", "Leave index-bar at -1"},
};

GST_START_TEST (test_bad)
{
  GstHarness *h = new_source ("auto", 2);

  set (h, bad[__i__].name, bad[__i__].value);
  /* What a file cannot be mapped as; but it does not come to that */
  set (h, "mapping", "write-combining");
  fail_unless_equals_int (gst_element_set_state (h->element, GST_STATE_PAUSED),
      GST_STATE_CHANGE_FAILURE);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, NULL,
      bad[__i__].word, NULL);
  /* But ours */
  fail_unless_equals_int (count_maps (path), 1);
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_no_index)
{
  GstHarness *h = source_new (path, "width", COLUMNS, "height", ROWS,
      "buffers", 2, NULL);

  fail_unless_equals_int (gst_element_set_state (h->element, GST_STATE_PAUSED),
      GST_STATE_CHANGE_FAILURE);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, NULL,
      "it has 2 buffers, and no index is set", "Set index-offset", path, NULL);

  g_object_set (h->element, "index-offset", (guint64) INDEX, NULL);
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_no_buffers)
{
  GstHarness *h = source_new (path, "width", COLUMNS, "height", ROWS,
      "index-offset", (guint64) INDEX, NULL);

  fail_unless_equals_int (gst_element_set_state (h->element, GST_STATE_PAUSED),
      GST_STATE_CHANGE_FAILURE);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, NULL,
      "Set buffers", path, NULL);
  g_object_set (h->element, "buffers", 1, NULL);
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));
  source_teardown (h);
}

GST_END_TEST;

/* --- dma-bufs --------------------------------------------------------------------- */

/* Two pictures in a memfd, a page apart */
static void
name_picture (guint32 index)
{
  const guint32 bytes = GUINT32_TO_LE (index);

  test_memfd_write (&bar, 3 * page_size () + 8, (const guint8 *) &bytes, 4);
}

static GstHarness *
new_dmabuf_source (const char *io_mode, const Layout * layout)
{
  GstHarness *h = dmabuf_new_source (io_mode, layout);

  g_object_set (h->element, "buffers", 2, "buffer-step", (guint64) page_size (),
      "index-offset", (guint64) 3 * page_size () + 8, NULL);
  return h;
}

/* What a sink remembers a memory by: the picture that it showed first, from 1
 * on */
static guint
get_mark (GstMemory * mem)
{
  return GPOINTER_TO_UINT (gst_mini_object_get_qdata (GST_MINI_OBJECT_CAST
          (mem), g_quark_from_static_string ("mark")));
}

static void
set_mark (GstMemory * mem, guint mark)
{
  gst_mini_object_set_qdata (GST_MINI_OBJECT_CAST (mem),
      g_quark_from_static_string ("mark"), GUINT_TO_POINTER (mark), NULL);
}

/* Each memory shows one picture for ever, whatever the index does and however
 * many are held */
GST_START_TEST (test_dmabuf)
{
  GstHarness *h;
  GstBuffer *held[5] = { NULL, };
  Layout other = odd;
  guint shown[2] = { 0, 0 }, marked = 0;

  dmabuf_add_importer ();
  other.offset += page_size ();
  name_picture (0);
  h = new_dmabuf_source (__i__ == 0 ? "auto" : "dmabuf", &odd);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB);
  propose_video_meta (h);
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));

  for (guint i = 0; i < 100; i++) {
    /* In no step with the memories */
    const guint picture = (i * 2654435761u) >> 31;
    GstBuffer *buffer;
    GstMemory *mem;
    guint mark;

    name_picture (picture);
    buffer = source_crank (h);
    fail_unless (dmabuf_is (buffer));
    fail_if (is_corrupted (buffer));
    dmabuf_check_picture (buffer, picture == 0 ? &odd : &other);
    fail_unless_equals_uint64 (gst_buffer_get_video_meta (buffer)->offset[0],
        SKIP + picture * page_size ());

    mem = gst_buffer_peek_memory (buffer, 0);
    fail_unless_equals_uint64 (mem->offset, 0);
    fail_unless_equals_uint64 (mem->size, 2 * page_size ());
    mark = get_mark (mem);
    fail_unless (mark == 0 || mark == picture + 1, "picture %u in a memory of "
        "picture %u", picture, mark - 1);
    marked += mark > 0;
    shown[picture]++;
    set_mark (mem, picture + 1);
    gst_clear_buffer (&held[i % G_N_ELEMENTS (held)]);
    held[i % G_N_ELEMENTS (held)] = buffer;
  }
  fail_unless (shown[0] > 10 && shown[1] > 10 && marked > 50);
  for (guint i = 0; i < G_N_ELEMENTS (held); i++)
    gst_buffer_unref (held[i]);

  /* One dma-buf, imported once */
  fail_unless_equals_int (fakekernel_count_udmabufs (), 1);

  name_picture (7);
  held[0] = source_crank (h);
  fail_unless (is_corrupted (held[0]));
  gst_buffer_unref (held[0]);
  check_stat (h, "torn", 1);
  check_stat (h, "missed", 0);
  check_stat (h, "frames", 102);
  check_stat (h, "bytes-read", 0);
  source_teardown (h);
}

GST_END_TEST;

/* Without a video meta nobody would find the second one, be the first where
 * everybody looks */
GST_START_TEST (test_dmabuf_layout)
{
  GstHarness *h;
  GstBuffer *buffer;
  Layout first = even;

  first.offset = page_size ();
  dmabuf_add_importer ();
  name_picture (1);
  h = new_dmabuf_source ("auto", &first);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw");
  gst_harness_play (h);
  buffer = source_pull (h);
  fail_if (dmabuf_is (buffer));
  dmabuf_check_picture (buffer, &even);
  gst_buffer_unref (buffer);
  check_io_mode (h, "copy");
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_dmabuf_demand_layout)
{
  GstHarness *h;
  Layout first = even;

  first.offset = page_size ();
  dmabuf_add_importer ();
  h = new_dmabuf_source ("dmabuf", &first);
  gst_harness_set_sink_caps_str (h, "video/x-raw");
  gst_harness_play (h);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, NULL,
      "has 2 slots", "io-mode=auto", bar.path, NULL);
  source_teardown (h);
}

GST_END_TEST;

/* --- The simulated device ------------------------------------------------------------ */

/* The next frame is a whole picture, and no older than the one before.  Returns:
 * its number, which it shows */
static guint
check_sim_frame (GstHarness * h, guint last, guint64 * offset)
{
  const MmioLayout picture = test_picture ("RGB", 320, 240, 0, 0);
  GstBuffer *buffer = source_pull (h);
  GstMapInfo map;
  guint number;

  *offset = GST_BUFFER_OFFSET (buffer);
  fail_if (is_corrupted (buffer));
  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  fail_unless (mmio_pattern_read_number (&picture, map.data, &number),
      "frame %" G_GUINT64_FORMAT " is torn, and not flagged", *offset);
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);
  fail_unless (number >= last, "frame %" G_GUINT64_FORMAT ": %u after %u",
      *offset, number, last);
  return number;
}

/* Once more, for as long as it takes until it has painted so many */
static void
wait_for_pictures (GstHarness * h, guint wanted)
{
  const gint64 end = g_get_monotonic_time () + HANG;
  guint64 offset;
  guint last = 0;

  g_object_set (h->element, "num-buffers", -1, NULL);
  gst_harness_play (h);
  while (last < wanted) {
    fail_unless (g_get_monotonic_time () < end, "it hangs");
    last = check_sim_frame (h, last, &offset);
  }
  source_stop (h);
}

/* It tells of its index, and says in each picture which one it is: none is torn,
 * by its counter or by the clock, and with a counter none is lost uncounted */
GST_START_TEST (test_sim)
{
  const gboolean by_counter = __i__ % 2;
  const guint frames = RUNNING_ON_VALGRIND ? 20 : 60;
  GstHarness *h = source_new ("sim", "width", 320, "height", 240, "buffers",
      __i__ / 2 + 2, "num-buffers", frames, NULL);
  guint first = 0, last = 0;
  guint64 offset = 0;

  gst_harness_use_systemclock (h);
  set (h, "frame-sync", by_counter ? "counter" : "clock");
  gst_harness_play (h);
  for (guint i = 0; i < frames; i++) {
    last = check_sim_frame (h, last, &offset);
    if (i == 0)
      first = last - offset;
    fail_unless (!by_counter || last - first == offset, "frame %u: %u, and "
        "says %" G_GUINT64_FORMAT, i, last - first, offset);
  }
  source_stop (h);
  check_stat (h, "torn", 0);
  check_stat (h, "frames", frames);
  check_stat (h, "missed", offset + 1 - frames);
  /* Only one of its threads runs at a time, and a reader that is always late may
   * seldom let the painter have its turn */
  if (RUNNING_ON_VALGRIND && last <= frames / 2)
    wait_for_pictures (h, frames / 2 + 1);
  else
    fail_unless (last > frames / 2);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
buffers_suite (void)
{
  Suite *s = suite_create ("gst-buffers");
  TCase *tc = add_case (s, "complete");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_each, 0, 6);
  tcase_add_test (tc, test_changes);
  tcase_add_loop_test (tc, test_bad_index, 0, 2);

  tc = add_case (s, "never");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_never_rests, 0, 2);
  tcase_add_test (tc, test_dead_writer);
  tcase_add_loop_test (tc, test_prompt, 0, 3);

  tc = add_case (s, "refused");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_bad, 0, G_N_ELEMENTS (bad));
  tcase_add_test (tc, test_no_index);
  tcase_add_test (tc, test_no_buffers);

  tc = add_case (s, "dmabuf");
  tcase_add_checked_fixture (tc, dmabuf_setup, dmabuf_teardown);
  tcase_add_loop_test (tc, test_dmabuf, 0, 2);
  tcase_add_test (tc, test_dmabuf_layout);
  tcase_add_test (tc, test_dmabuf_demand_layout);

  tc = add_case (s, "sim");
  tcase_add_loop_test (tc, test_sim, 0, 6);

  return s;
}

GST_CHECK_MAIN (buffers);
