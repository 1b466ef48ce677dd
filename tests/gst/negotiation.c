/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <gst/base/gstbasesrc.h>

#include "source.h"

#define WIDTH 31
#define HEIGHT 7

static TestFile file;

static void
setup (void)
{
  temp_setup ();
  test_file_init (&file, "bar", WIDTH * HEIGHT * 4, 1);
}

static void
teardown (void)
{
  test_file_clear (&file);
  temp_teardown ();
}

static GstHarness *
new_source (GstVideoFormat format)
{
  return source_new (file.path, "width", WIDTH, "height", HEIGHT, "format",
      format, NULL);
}

static GstCaps *
query_caps (GstHarness * h, const char *filter_text)
{
  GstCaps *filter = filter_text ? gst_caps_from_string (filter_text) : NULL;
  GstPad *pad = gst_element_get_static_pad (h->element, "src");
  GstCaps *caps = gst_pad_query_caps (pad, filter);

  gst_clear_caps (&filter);
  gst_object_unref (pad);
  return caps;
}

static void
check_formats (GstCaps * caps, ...)
{
  const char *format;
  va_list args;
  guint i = 0;

  va_start (args, caps);
  for (; (format = va_arg (args, const char *)); i++) {
    GstStructure *s = gst_caps_get_structure (caps, i);
    gint width, height;

    fail_unless_equals_string (gst_structure_get_string (s, "format"), format);
    fail_unless (gst_structure_get (s, "width", G_TYPE_INT, &width, "height",
            G_TYPE_INT, &height, NULL));
    fail_unless (width == WIDTH && height == HEIGHT);
  }
  va_end (args);
  fail_unless_equals_int (gst_caps_get_size (caps), i);
}

/* --- Offers ----------------------------------------------------------------- */

/* Anything before the device is open, the picture while it is */
GST_START_TEST (test_offer)
{
  GstHarness *h = new_source (GST_VIDEO_FORMAT_RGB);
  GstCaps *template, *caps;

  template = gst_pad_template_get_caps (gst_element_class_get_pad_template
      (GST_ELEMENT_GET_CLASS (h->element), "src"));
  caps = query_caps (h, NULL);
  fail_unless (gst_caps_is_equal (caps, template));
  gst_caps_unref (caps);

  /* Of the formats, those that the filter names, and in its order */
  caps = query_caps (h, "video/x-raw,format=NV12,width=64;"
      "video/x-raw,format=RGB,height=5");
  fail_unless_equals_int (gst_caps_get_size (caps), 2);
  fail_unless_equals_string (gst_structure_get_string (gst_caps_get_structure
          (caps, 0), "format"), "NV12");
  gst_caps_unref (caps);

  gst_element_set_state (h->element, GST_STATE_READY);
  caps = query_caps (h, NULL);
  fail_unless (gst_caps_is_equal (caps, template));
  gst_caps_unref (caps);

  gst_element_set_state (h->element, GST_STATE_PAUSED);
  caps = query_caps (h, NULL);
  check_formats (caps, "RGB", "BGRx", "RGBx", "xRGB", "xBGR", NULL);
  gst_caps_unref (caps);

  caps = query_caps (h, "video/x-raw,format=xRGB;video/x-raw,format=RGB");
  check_formats (caps, "xRGB", "RGB", NULL);
  gst_caps_unref (caps);

  caps = query_caps (h, "video/x-raw,format=NV12");
  fail_unless (gst_caps_is_empty (caps));
  gst_caps_unref (caps);

  source_stop (h);
  caps = query_caps (h, NULL);
  fail_unless (gst_caps_is_equal (caps, template));
  gst_caps_unref (caps);

  gst_caps_unref (template);
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_offer_of_others)
{
  static const struct
  {
    GstVideoFormat format;
    const char *io_mode;
    const char *names[5];
  } cases[] = {
    {GST_VIDEO_FORMAT_BGR, "auto", {"BGR", "BGRx", "RGBx", "xRGB", "xBGR"}},
    {GST_VIDEO_FORMAT_BGR, "copy", {"BGR", "BGRx", "RGBx", "xRGB", "xBGR"}},
    {GST_VIDEO_FORMAT_BGRx, "auto", {"BGRx", "RGBx", "xRGB", "xBGR"}},
    {GST_VIDEO_FORMAT_NV12, "copy", {"NV12"}},
    /* The map is as it is */
    {GST_VIDEO_FORMAT_RGB, "mmap", {"RGB"}},
  };
  GstHarness *h = new_source (cases[__i__].format);
  GstCaps *caps;

  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode",
      cases[__i__].io_mode);
  gst_element_set_state (h->element, GST_STATE_PAUSED);
  caps = query_caps (h, NULL);
  check_formats (caps, cases[__i__].names[0], cases[__i__].names[1],
      cases[__i__].names[2], cases[__i__].names[3], cases[__i__].names[4],
      NULL);
  gst_caps_unref (caps);
  source_teardown (h);
}

GST_END_TEST;

/* --- What comes of it ------------------------------------------------------- */

typedef struct
{
  GstVideoFormat format;
  const char *sink_caps;
  const char *name;
  gint fps_n, fps_d;
} Case;

#define RGB GST_VIDEO_FORMAT_RGB
#define BGR GST_VIDEO_FORMAT_BGR
#define FPS(x) "video/x-raw,framerate=" x

static const Case cases[] = {
  {RGB, "ANY", "RGB", 50, 1},
  {RGB, "video/x-raw", "RGB", 50, 1},
  {BGR, "video/x-raw", "BGR", 50, 1},
  {GST_VIDEO_FORMAT_NV12, "ANY", "NV12", 50, 1},
  {RGB, "video/x-raw(ANY)", "RGB", 50, 1},

  /* The picture as it is, if the consumer takes it; else what it takes */
  {RGB, "video/x-raw,format=BGRx", "BGRx", 50, 1},
  {RGB, "video/x-raw,format=xBGR;video/x-raw,format=RGB", "RGB", 50, 1},
  {BGR, "video/x-raw,format=RGBx", "RGBx", 50, 1},
  {RGB, "video/x-raw,format={NV12,YUY2,xRGB}", "xRGB", 50, 1},
  {GST_VIDEO_FORMAT_BGRx, "video/x-raw,format={RGB,BGRx}", "BGRx", 50, 1},
  {GST_VIDEO_FORMAT_BGRx, "video/x-raw,format={RGB,RGBx}", "RGBx", 50, 1},

  {RGB, "video/x-raw,width=31,height=7", "RGB", 50, 1},
  {RGB, "video/x-raw,width=[16,32],height=[1,2147483647]", "RGB", 50, 1},

  /* The frame rate is the consumer's, and 50 where it does not care */
  {RGB, FPS ("[0/1,2147483647/1]"), "RGB", 50, 1},
  {RGB, FPS ("[1/1,30/1]"), "RGB", 30, 1},
  {RGB, FPS ("[60/1,144/1]"), "RGB", 60, 1},
  {RGB, FPS ("{25/1,60/1,100/1}"), "RGB", 60, 1},
  {RGB, FPS ("{30000/1001,25/1}"), "RGB", 30000, 1001},
  {RGB, FPS ("30000/1001"), "RGB", 30000, 1001},
  {RGB, FPS ("1/1"), "RGB", 1, 1},
  {RGB, FPS ("1/10"), "RGB", 1, 10},
  {RGB, FPS ("1/2147483647"), "RGB", 1, G_MAXINT},
  {RGB, FPS ("1000/1"), "RGB", 1000, 1},
  {RGB, FPS ("1000000000/1"), "RGB", 1000000000, 1},
};

GST_START_TEST (test_negotiated)
{
  const Case *c = &cases[__i__];
  GstHarness *h = new_source (c->format);
  GstVideoInfo info;
  GstBuffer *buffer;
  GstCaps *caps;

  gst_harness_set_sink_caps_str (h, c->sink_caps);
  gst_harness_play (h);

  buffer = source_pull (h);
  caps = source_get_caps (h);
  fail_unless (gst_caps_is_fixed (caps));
  info = source_get_info (h);
  fail_unless_equals_string (GST_VIDEO_INFO_NAME (&info), c->name);
  fail_unless_equals_int (GST_VIDEO_INFO_FPS_N (&info), c->fps_n);
  fail_unless_equals_int (GST_VIDEO_INFO_FPS_D (&info), c->fps_d);
  fail_unless_equals_int (GST_VIDEO_INFO_WIDTH (&info), WIDTH);
  fail_unless_equals_int (GST_VIDEO_INFO_HEIGHT (&info), HEIGHT);
  fail_unless_equals_int (GST_VIDEO_INFO_PAR_N (&info), 1);
  fail_unless_equals_int (GST_VIDEO_INFO_PAR_D (&info), 1);
  fail_unless_equals_int (GST_VIDEO_INFO_INTERLACE_MODE (&info),
      GST_VIDEO_INTERLACE_MODE_PROGRESSIVE);
  fail_unless_equals_uint64 (gst_buffer_get_size (buffer), info.size);
  source_check_no_error (h);

  gst_caps_unref (caps);
  gst_buffer_unref (buffer);
  source_teardown (h);
}

GST_END_TEST;

/* What cannot be had, and what the error says of it */
typedef struct
{
  GstVideoFormat format;
  const char *sink_caps;
  const char *why, *advice;
} Refusal;

#define TIMING "not accept frames at a constant rate."

static const Refusal refusals[] = {
  {RGB, "video/x-raw,format=NV12", "wants another format.", "videoconvert"},
  {RGB, "video/x-raw,format=BGR", "wants another format.", "videoconvert"},
  {RGB, "video/x-raw,format=BGRA", "wants another format.", "videoconvert"},
  {GST_VIDEO_FORMAT_BGRx, "video/x-raw,format=BGRA",
      "wants another format.", "videoconvert"},
  {GST_VIDEO_FORMAT_BGRx, "video/x-raw,format=RGB",
      "wants another format.", "videoconvert"},
  {RGB, "video/x-raw,width=32", "wants another width.", "videoconvert"},
  {RGB, "video/x-raw,height=8", "wants another height.", "videoconvert"},
  {RGB, "video/x-raw,width=32,height=8,format=I420",
      "wants another width, height, format.", "videoconvert"},
  {RGB, "video/x-raw,width=[1,30]", "wants another width.", "videoconvert"},
  {RGB, "video/x-raw(memory:DMABuf)", "wants other caps.", "videoconvert"},
  {RGB, "image/jpeg", "wants other caps.", "videoconvert"},
  {RGB, "video/x-raw,pixel-aspect-ratio=4/3", "not accept square pixels.",
      "put videoscale behind"},
  {RGB, "video/x-raw,interlace-mode=interleaved",
        "not accept progressive frames.",
      "put interlace behind"},
  {RGB, FPS ("0/1"), TIMING, "put videorate behind"},
  /* Less than a nanosecond a frame */
  {RGB, FPS ("1000000001/1"), TIMING, "put videorate behind"},
};

GST_START_TEST (test_refused)
{
  const Refusal *refusal = &refusals[__i__];
  GstHarness *h = new_source (refusal->format);

  gst_harness_set_sink_caps_str (h, refusal->sink_caps);
  gst_harness_play (h);

  /* Before what the base class says of it */
  source_check_error (h, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
      "downstream accepts", refusal->why, refusal->advice, NULL);
  fail_unless_equals_int (gst_harness_buffers_received (h), 0);

  /* And when downstream has come to its senses, it goes */
  gst_element_set_state (h->element, GST_STATE_READY);
  gst_harness_set_sink_caps_str (h, "video/x-raw");
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));
  source_teardown (h);
}

GST_END_TEST;

/* Not what a list begins with, but what the size and the format imply */
GST_START_TEST (test_colors)
{
  GstHarness *h = new_source (RGB);
  GstVideoInfo info;

  gst_harness_set_sink_caps_str (h, "video/x-raw,"
      "colorimetry={bt2020,bt709,sRGB},multiview-mode={side-by-side,mono}");
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));
  info = source_get_info (h);
  fail_unless (gst_video_colorimetry_matches (&info.colorimetry, "sRGB"));
  fail_unless_equals_int (GST_VIDEO_INFO_MULTIVIEW_MODE (&info),
      GST_VIDEO_MULTIVIEW_MODE_MONO);
  source_teardown (h);
}

GST_END_TEST;

/* Answers to a caps query, whatever its filter is */
static const struct
{
  const char *answer;
  const char *name;             /* NULL: an error */
  gint fps_n;
} peers[] = {
  {"ANY", "RGB", 50},
  {"EMPTY", NULL, 0},
  /* As that of interlace, which doubles each rate */
  {"video/x-raw,framerate=[0/1,2147483647/2]", "RGB", 50},
  {"video/x-raw,format={YUY2,BGRx},width=[1,max],framerate=30/1", "BGRx", 30},
  {"video/x-raw,format=YUY2;audio/x-raw", NULL, 0},
};

static gboolean
answer_anyhow (GstPad * pad, GstObject * parent, GstQuery * query)
{
  GstCaps *caps;

  if (GST_QUERY_TYPE (query) != GST_QUERY_CAPS)
    return gst_pad_query_default (pad, parent, query);

  caps = gst_caps_from_string (g_object_get_data (G_OBJECT (pad), "answer"));
  gst_query_set_caps_result (query, caps);
  gst_caps_unref (caps);
  return TRUE;
}

/* A peer that answers what was not asked */
GST_START_TEST (test_careless_peer)
{
  GstHarness *h = new_source (RGB);
  GstVideoInfo info;

  g_object_set_data (G_OBJECT (h->sinkpad), "answer",
      (gpointer) peers[__i__].answer);
  gst_pad_set_query_function (h->sinkpad, answer_anyhow);
  gst_harness_play (h);
  if (peers[__i__].name) {
    gst_buffer_unref (source_pull (h));
    info = source_get_info (h);
    fail_unless_equals_string (GST_VIDEO_INFO_NAME (&info), peers[__i__].name);
    fail_unless_equals_int (GST_VIDEO_INFO_FPS_N (&info), peers[__i__].fps_n);
    fail_unless_equals_int (GST_VIDEO_INFO_FPS_D (&info), 1);
    source_check_no_error (h);
  } else {
    source_check_error (h, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "downstream accepts", NULL);
  }
  source_teardown (h);
}

GST_END_TEST;

static GstPadProbeReturn
block (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  return GST_PAD_PROBE_OK;
}

/* Whatever calls set_caps() gets the same answer */
GST_START_TEST (test_set_caps)
{
  static const struct
  {
    const char *caps;
    gboolean taken;
  } tries[] = {
    {"video/x-raw,format=RGB,width=31,height=7,framerate=25/1", TRUE},
    {"video/x-raw,format=xBGR,width=31,height=7,framerate=25/1", TRUE},
    {"video/x-raw,format=BGR,width=31,height=7,framerate=25/1", FALSE},
    {"video/x-raw,format=RGB8P,width=31,height=7,framerate=25/1", FALSE},
    {"video/x-raw,format=RGB,width=32,height=7,framerate=25/1", FALSE},
    {"video/x-raw,format=RGB,width=31,height=8,framerate=25/1", FALSE},
    {"video/x-raw,format=RGB,width=31,height=7,framerate=0/1", FALSE},
    {"video/x-raw,format=RGB,width=31,height=7", FALSE},
    {"video/x-raw,format=RGB", FALSE},
    {"image/jpeg,width=31,height=7,framerate=25/1", FALSE},
  };
  GstHarness *h = new_source (RGB);
  GstBaseSrc *base = GST_BASE_SRC (h->element);

  /* The streaming thread stays before its own negotiation */
  gst_pad_add_probe (GST_BASE_SRC_PAD (base),
      GST_PAD_PROBE_TYPE_BLOCK_DOWNSTREAM, block, NULL, NULL);
  gst_element_set_state (h->element, GST_STATE_PAUSED);
  for (guint i = 0; i < G_N_ELEMENTS (tries); i++) {
    GstCaps *caps = gst_caps_from_string (tries[i].caps);

    fail_unless (GST_BASE_SRC_GET_CLASS (base)->set_caps (base, caps) ==
        tries[i].taken, "%s", tries[i].caps);
    gst_caps_unref (caps);
  }
  source_teardown (h);
}

GST_END_TEST;

/* Nobody is there */
GST_START_TEST (test_not_linked)
{
  GstHarness *h = new_source (RGB);
  GstPad *pad = gst_element_get_static_pad (h->element, "src");

  fail_unless (gst_pad_unlink (pad, h->sinkpad));
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  source_check_error (h, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED,
      "not-linked", NULL);
  source_stop (h);
  fail_unless_equals_int (gst_pad_link (pad, h->sinkpad), GST_PAD_LINK_OK);
  gst_object_unref (pad);
  source_teardown (h);
}

GST_END_TEST;

/* --- In mid-stream ----------------------------------------------------------- */

/* Downstream wants another format: numbers go on, nothing is lost, and the
 * latency is what it was */
GST_START_TEST (test_format_changes)
{
  GstHarness *h = new_source (RGB);
  GstVideoInfo info;
  GstBuffer *buffer;

  gst_harness_set_sink_caps_str (h, "video/x-raw,format=RGB");
  source_start (h, 5);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_LATENCY), 1);

  /* It waits for frame 5 already */
  source_wait_for_clock_wait (h);
  gst_harness_set_sink_caps_str (h, "video/x-raw,format=BGRx");
  buffer = source_crank (h);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 5);
  gst_buffer_unref (buffer);

  buffer = source_crank (h);
  info = source_get_info (h);
  fail_unless_equals_string (GST_VIDEO_INFO_NAME (&info), "BGRx");
  check_expanded (buffer, &info, file.data, 3 * WIDTH, FALSE);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 6);
  fail_unless_equals_uint64 (GST_BUFFER_PTS (buffer), 120 * GST_MSECOND);
  gst_buffer_unref (buffer);

  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_LATENCY |
          GST_MESSAGE_QOS | GST_MESSAGE_ERROR), 0);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  source_teardown (h);
}

GST_END_TEST;

/* Downstream wants another frame rate: numbers go on, and the latency is
 * queried anew */
GST_START_TEST (test_rate_changes)
{
  GstHarness *h = new_source (RGB);
  GstClockTime last;
  GstBuffer *buffer;

  gst_harness_set_sink_caps_str (h, FPS ("50/1"));
  source_start (h, 5);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_LATENCY), 1);

  source_wait_for_clock_wait (h);
  gst_harness_set_sink_caps_str (h, FPS ("4/1"));
  buffer = source_crank (h);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 5);
  fail_unless_equals_uint64 (GST_BUFFER_PTS (buffer), 100 * GST_MSECOND);
  last = GST_BUFFER_PTS (buffer);
  gst_buffer_unref (buffer);

  for (guint i = 0; i < 3; i++) {
    /* Each a quarter of a second after the one before, and the first one when
     * the next slot of the new rate begins */
    buffer = source_crank (h);
    fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 6 + i);
    fail_unless_equals_uint64 (GST_BUFFER_OFFSET_END (buffer), 7 + i);
    fail_unless (GST_BUFFER_PTS (buffer) > last, "two frames at %"
        GST_TIME_FORMAT, GST_TIME_ARGS (last));
    fail_unless_equals_uint64 (GST_BUFFER_PTS (buffer),
        250 * GST_MSECOND * (i + 1));
    fail_unless_equals_uint64 (GST_BUFFER_DURATION (buffer), 250 * GST_MSECOND);
    fail_if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
    last = GST_BUFFER_PTS (buffer);
    gst_buffer_unref (buffer);
  }

  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_LATENCY), 1);
  source_teardown (h);
}

GST_END_TEST;

/* Downstream wants what cannot be had: an error, as at the start */
GST_START_TEST (test_change_refused)
{
  GstHarness *h = new_source (RGB);

  source_start (h, 2);
  source_wait_for_clock_wait (h);
  gst_harness_set_sink_caps_str (h, "video/x-raw,format=NV12");
  gst_harness_crank_single_clock_wait (h);
  source_check_error (h, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
      "downstream accepts", "wants another format.", "videoconvert", NULL);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
negotiation_suite (void)
{
  Suite *s = suite_create ("gst-negotiation");
  TCase *tc = add_case (s, "offer");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_offer);
  tcase_add_loop_test (tc, test_offer_of_others, 0, 5);

  tc = add_case (s, "start");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_negotiated, 0, G_N_ELEMENTS (cases));
  tcase_add_loop_test (tc, test_refused, 0, G_N_ELEMENTS (refusals));
  tcase_add_test (tc, test_colors);
  tcase_add_loop_test (tc, test_careless_peer, 0, G_N_ELEMENTS (peers));
  tcase_add_test (tc, test_set_caps);
  tcase_add_test (tc, test_not_linked);

  tc = add_case (s, "change");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_format_changes);
  tcase_add_test (tc, test_rate_changes);
  tcase_add_test (tc, test_change_refused);

  return s;
}

GST_CHECK_MAIN (negotiation);
