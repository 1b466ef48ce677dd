/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Dma-bufs and consumers: who names them gets them, who names them and cannot
 * do with them gets copies, and who takes anything gets copies too.
 */
#include <string.h>

#include <gst/allocators/gstdmabuf.h>

#include "testdmabuf.h"

static void
setup (void)
{
  dmabuf_setup ();
  dmabuf_add_importer ();
}

/* What the element can send just now; fixed order, the best first */
static void
check_offer (GstHarness * h, const char *const *offer)
{
  GstCaps *caps = gst_pad_peer_query_caps (h->sinkpad, NULL);
  guint n = 0;

  for (; offer[n]; n++) {
    GstCaps *one = gst_caps_from_string (offer[n]);
    GstCaps *nth;

    fail_unless (n < gst_caps_get_size (caps), "no %s", offer[n]);
    nth = gst_caps_copy_nth (caps, n);
    if (!gst_caps_is_subset (nth, one)) {
      g_autofree char *text = gst_caps_to_string (nth);

      ck_abort_msg ("%u is %s, not %s", n, text, offer[n]);
    }
    gst_caps_unref (nth);
    gst_caps_unref (one);
  }
  fail_unless_equals_int (gst_caps_get_size (caps), n);
  gst_caps_unref (caps);
}

#define SIZE ",width=13,height=6,framerate=[1/2147483647,2147483647/1]"
#define RAW(format) "video/x-raw,format=" format SIZE
#define COPIES RAW ("RGB"), RAW ("BGRx"), RAW ("RGBx"), RAW ("xRGB"), \
    RAW ("xBGR")

static const char *const copies_offer[] = { COPIES, NULL };
static const char *const auto_offer[] = { DMABUF_RGB SIZE, COPIES, NULL };
static const char *const demand_offer[] =
    { DMABUF_RGB SIZE, RAW ("RGB"), NULL };
static const char *const map_offer[] = { RAW ("RGB"), NULL };

static void
check_template_offer (GstHarness * h)
{
  GstCaps *caps = gst_pad_peer_query_caps (h->sinkpad, NULL);
  GstCaps *wanted = gst_pad_get_pad_template_caps (GST_PAD_PEER (h->sinkpad));

  fail_unless (gst_caps_is_equal (caps, wanted));
  fail_unless_equals_int (gst_caps_get_size (caps), 2);
  gst_caps_unref (wanted);
  gst_caps_unref (caps);
}

typedef struct
{
  GstHarness *h;
  const char *const *offer;
  guint n_checked;              /* (atomic) */
} CapsEvents;

static GstPadProbeReturn
check_offer_at_caps_event (GstPad * pad, GstPadProbeInfo * info,
    gpointer user_data)
{
  CapsEvents *events = user_data;

  if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_CAPS) {
    check_offer (events->h, events->offer);
    g_atomic_int_inc (&events->n_checked);
  }
  return GST_PAD_PROBE_OK;
}

/* Whatever the way is, and before, while and after it is negotiated */
GST_START_TEST (test_offer)
{
  static const struct
  {
    const char *io_mode;
    const char *const *offer;
  } cases[] = {
    {"auto", auto_offer}, {"dmabuf", demand_offer}, {"copy", copies_offer},
    {"mmap", map_offer},
  };
  /* Who takes anything, and who names dma-bufs */
  const gboolean names = __i__ % 2;
  GstHarness *h = dmabuf_new_source (cases[__i__ / 2].io_mode, &odd);
  const char *const *offer = cases[__i__ / 2].offer;
  CapsEvents events = { h, offer, 0 };

  propose_video_meta (h);
  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
      check_offer_at_caps_event, &events, NULL);
  if (names)
    gst_harness_set_sink_caps_str (h, DMABUF ";video/x-raw");
  for (guint i = 0; i < 2; i++) {
    check_template_offer (h);
    gst_element_set_state (h->element, GST_STATE_READY);
    check_template_offer (h);
    gst_element_set_state (h->element, GST_STATE_PAUSED);
    check_offer (h, offer);
    gst_element_set_state (h->element, GST_STATE_PLAYING);
    if (i == 0)
      gst_harness_play (h);
    gst_buffer_unref (source_pull (h));
    check_offer (h, offer);
    source_wait_for_clock_wait (h);
    gst_element_set_state (h->element, GST_STATE_PAUSED);
    check_offer (h, offer);
    gst_element_set_state (h->element, GST_STATE_READY);
    check_template_offer (h);
    gst_element_set_state (h->element, GST_STATE_NULL);
    check_template_offer (h);
  }
  fail_unless_equals_int (g_atomic_int_get (&events.n_checked), 2);
  source_teardown (h);
}

GST_END_TEST;

/* What downstream takes, and what it gets */
static const struct
{
  const char *io_mode;
  const char *caps;             /* NULL: anything */
  const char *mode;
  gboolean is_dma_buf;          /* in the caps */
  const char *format;           /* of copies */
  const char *reason;
} kinds[] = {
  {"auto", DMABUF_RGB, "dmabuf", TRUE, NULL, "Downstream accepts the dma-buf"},
  {"auto", DMABUF, "dmabuf", TRUE, NULL, "Downstream accepts the dma-buf"},
  {"auto", "video/x-raw;" DMABUF, "dmabuf", TRUE, NULL,
      "Downstream accepts the dma-buf"},
  {"auto", "video/x-raw,format=BGRx;" DMABUF_RGB, "dmabuf", TRUE, NULL,
      "Downstream accepts the dma-buf"},
  {"auto", NULL, "copy", FALSE, "RGB",
      "Downstream accepts no dma-bufs. Use kmssink"},
  {"auto", "video/x-raw", "copy", FALSE, "RGB",
      "Downstream accepts no dma-bufs"},
  {"auto", "video/x-raw(ANY)", "copy", FALSE, "RGB",
      "Downstream accepts no dma-bufs"},
  {"auto", "video/x-raw,format=BGRx", "copy", FALSE, "BGRx",
      "Downstream accepts no dma-bufs"},
  {"auto", DMABUF_BGRX ";video/x-raw", "copy", FALSE, "RGB",
      "Downstream accepts dma-bufs, but not of 13x6 RGB pixels."},
  {"auto", DMABUF_BGRX ";video/x-raw,format=BGRx", "copy", FALSE, "BGRx",
      "Downstream accepts dma-bufs, but not of 13x6 RGB pixels."},
  {"auto", DMABUF_RGB ",width=12;video/x-raw", "copy", FALSE, "RGB",
      "Downstream accepts dma-bufs, but not of 13x6 RGB pixels."},
  {"copy", DMABUF_RGB ";video/x-raw", "copy", FALSE, "RGB",
      "io-mode=copy is set."},
  {"dmabuf", DMABUF_RGB, "dmabuf", TRUE, NULL,
      "Downstream accepts the dma-buf"},
  {"dmabuf", "video/x-raw;" DMABUF_RGB, "dmabuf", TRUE, NULL,
      "Downstream accepts the dma-buf"},
  {"dmabuf", NULL, "dmabuf", TRUE, NULL, "Downstream accepts the dma-buf"},
  {"dmabuf", "video/x-raw(ANY)", "dmabuf", TRUE, NULL,
      "Downstream accepts the dma-buf"},
  {"dmabuf", "video/x-raw", "dmabuf", FALSE, NULL,
      "Downstream accepts the dma-buf"},
};

GST_START_TEST (test_kind)
{
  const gboolean sends = strcmp (kinds[__i__].mode, "dmabuf") == 0;
  GstHarness *h = dmabuf_new_source (kinds[__i__].io_mode, &odd);
  TestPool *pool = test_pool_new ();
  GstBuffer *buffer;
  GstCaps *caps;

  if (kinds[__i__].caps)
    gst_harness_set_sink_caps_str (h, kinds[__i__].caps);
  propose_video_meta (h);
  propose_pool (h, pool, 0, 0, 0);
  gst_harness_play (h);
  buffer = source_pull (h);
  dmabuf_check_way (h, kinds[__i__].mode, kinds[__i__].reason, NULL);
  fail_unless_equals_int (dmabuf_is (buffer), sends);
  fail_unless_equals_int (dmabuf_in_caps (h), kinds[__i__].is_dma_buf);

  if (sends) {
    dmabuf_check_picture (buffer, &odd);
    fail_unless_equals_int (pool->allocated, 0);
    fail_unless_equals_uint64 (source_get_stat (h, "bytes-read"), 0);
  } else {
    GstVideoInfo info = source_get_info (h);

    fail_unless_equals_string (GST_VIDEO_INFO_NAME (&info),
        kinds[__i__].format);
    if (strcmp (kinds[__i__].format, "RGB") == 0)
      dmabuf_check_picture (buffer, &odd);
    else
      check_expanded (buffer, &info, bar.data + odd.offset, STRIDE, FALSE);
    fail_unless (buffer->pool == GST_BUFFER_POOL_CAST (pool));
  }
  gst_buffer_unref (buffer);

  /* Whoever names them is told so by the caps, which say all */
  caps = source_get_caps (h);
  fail_unless (gst_caps_is_fixed (caps));
  gst_caps_unref (caps);

  source_drop (h, 3);
  fail_unless_equals_int (dmabuf_count_ways (h), 0);
  dmabuf_check_quiet (h);
  source_teardown (h);
  gst_object_unref (pool);
}

GST_END_TEST;

GST_START_TEST (test_not_negotiated)
{
  static const struct
  {
    const char *io_mode, *caps;
  } cases[] = {
    {"auto", DMABUF_BGRX}, {"auto", DMABUF_RGB ",width=12"},
    {"dmabuf", "video/x-raw,format=BGRx"}, {"dmabuf", DMABUF_BGRX},
    {"copy", DMABUF_RGB},
  };
  GstHarness *h = dmabuf_new_source (cases[__i__].io_mode, &odd);

  gst_harness_set_sink_caps_str (h, cases[__i__].caps);
  propose_video_meta (h);
  gst_harness_play (h);
  source_check_error (h, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
      "downstream accepts", bar.path, "13x6 RGB", NULL);
  fail_unless_equals_int (dmabuf_count_ways (h), 0);
  source_stop (h);
  source_teardown (h);
}

GST_END_TEST;

/* --- When the kernel is asked for a dma-buf ---------------------------------- */

/* Nothing is opened as long as no element downstream names dma-bufs, and once it
 * does.  DRM nodes may wake a GPU. */
GST_START_TEST (test_asked_when_wanted)
{
  static const char *const caps[] = {
    NULL, "video/x-raw", "video/x-raw(ANY)", "video/x-raw,format=BGRx",
  };
  const guint drm = dmabuf_add_importer ();
  GstHarness *h = dmabuf_new_source ("auto", &odd);
  GstBuffer *buffer;

  if (caps[__i__])
    gst_harness_set_sink_caps_str (h, caps[__i__]);
  propose_video_meta (h);
  source_start (h, 3);
  dmabuf_check_way (h, "copy", "Downstream accepts no dma-bufs", NULL);
  fail_unless_equals_int (fakekernel_count_udmabuf_opens (), 0);
  fail_unless_equals_int (fakekernel_get_drm_counts (0).opens, 0);
  fail_unless_equals_int (fakekernel_get_drm_counts (drm).opens, 0);

  source_wait_for_clock_wait (h);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw");
  source_drop (h, 1);
  buffer = source_crank (h);
  dmabuf_check_way (h, "dmabuf", NULL);
  fail_unless (dmabuf_is (buffer));
  dmabuf_check_picture (buffer, &odd);
  gst_buffer_unref (buffer);
  fail_unless_equals_int (fakekernel_count_udmabuf_opens (), 1);
  fail_unless_equals_int (fakekernel_get_drm_counts (0).opens, 1);

  /* What is known already is not asked again */
  source_wait_for_clock_wait (h);
  gst_harness_set_sink_caps_str (h, "video/x-raw");
  source_drop (h, 2);
  source_wait_for_clock_wait (h);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw");
  source_drop (h, 2);
  fail_unless (dmabuf_in_caps (h));
  fail_unless_equals_int (fakekernel_count_udmabuf_opens (), 1);
  source_teardown (h);
}

GST_END_TEST;

/* The user asks for dma-bufs, or for anything else */
GST_START_TEST (test_asked_by_user)
{
  static const struct
  {
    const char *io_mode;
    guint opens;
  } cases[] = {
    {"dmabuf", 1}, {"auto", 0}, {"copy", 0}, {"mmap", 0},
  };
  GstHarness *h = dmabuf_new_source (cases[__i__].io_mode, &odd);

  gst_element_set_state (h->element, GST_STATE_PAUSED);
  fail_unless_equals_int (fakekernel_count_udmabuf_opens (),
      cases[__i__].opens);
  fail_unless_equals_int (fakekernel_get_drm_counts (0).opens,
      cases[__i__].opens);
  source_teardown (h);
}

GST_END_TEST;

/* --- Where the picture lies ----------------------------------------------- */

#define NOT_FOUND "Downstream does not support the layout of the frame"

/* Who does not ask for video metas would not find it, and gets copies; the
 * user is told once */
GST_START_TEST (test_layout)
{
  const gsize page = page_size ();
  const struct
  {
    Layout layout;
    gboolean found;
  } cases[] = {
    {even, TRUE},
    {{0, 16, 6, 48}, TRUE},
    /* Inside a page, or between rows, or at their end: 39 bytes, and not 40 */
    {{page + 4, 16, 6, 48}, FALSE},
    {{page, 16, 6, 52}, FALSE},
    {{page, 13, 6, 39}, FALSE},
    {{page, 13, 6, 40}, FALSE},
    {odd, FALSE},
  };
  const Layout *layout = &cases[__i__ % 7].layout;
  const gboolean has_meta = __i__ >= 7;
  const gboolean sends = has_meta || cases[__i__ % 7].found;
  GstHarness *h = dmabuf_new_source ("auto", layout);
  GstBuffer *buffer;

  gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw");
  if (has_meta)
    propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  if (sends)
    dmabuf_check_way (h, "dmabuf", NULL);
  else
    dmabuf_check_way (h, "copy", NOT_FOUND, "Each frame of ", NULL);
  fail_unless_equals_int (dmabuf_is (buffer), sends);
  fail_unless_equals_int (dmabuf_in_caps (h), sends);
  dmabuf_check_picture (buffer, layout);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 0);
  gst_buffer_unref (buffer);

  source_drop (h, 3);
  fail_unless_equals_int (dmabuf_count_ways (h), 0);
  dmabuf_check_quiet (h);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  source_teardown (h);
}

GST_END_TEST;

static void
renegotiate (GstHarness * h)
{
  source_wait_for_clock_wait (h);
  gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
  /* That which it waits for is made as before */
  source_drop (h, 1);
}

/* It tries again, with whoever is there then, and says so where that makes a
 * difference */
GST_START_TEST (test_layout_again)
{
  GstHarness *h = dmabuf_new_source ("auto", &odd);
  GstBuffer *buffer;

  gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw");
  source_start (h, 2);
  dmabuf_check_way (h, "copy", NOT_FOUND, NULL);

  /* The same again is no news */
  renegotiate (h);
  buffer = source_crank (h);
  fail_if (dmabuf_is (buffer));
  fail_if (dmabuf_in_caps (h));
  dmabuf_check_picture (buffer, &odd);
  gst_buffer_unref (buffer);
  fail_unless_equals_int (dmabuf_count_ways (h), 0);

  propose_video_meta (h);
  renegotiate (h);
  buffer = source_crank (h);
  dmabuf_check_way (h, "dmabuf", NULL);
  fail_unless (dmabuf_is (buffer));
  fail_unless (dmabuf_in_caps (h));
  dmabuf_check_picture (buffer, &odd);
  gst_buffer_unref (buffer);

  /* Somebody who takes none at all, and as before */
  source_wait_for_clock_wait (h);
  gst_harness_set_sink_caps_str (h, "video/x-raw,format=BGRx");
  source_drop (h, 2);
  dmabuf_check_way (h, "copy", "Downstream accepts no dma-bufs", NULL);
  source_wait_for_clock_wait (h);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw");
  source_drop (h, 1);
  buffer = source_crank (h);
  dmabuf_check_way (h, "dmabuf", NULL);
  fail_unless (dmabuf_is (buffer));
  dmabuf_check_picture (buffer, &odd);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), 9);
  gst_buffer_unref (buffer);

  fail_unless_equals_int (dmabuf_count_ways (h), 0);
  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  dmabuf_check_quiet (h);
  source_teardown (h);
}

GST_END_TEST;

static gint n_wrong;

/* What comes is what the caps say at that moment */
static GstPadProbeReturn
compare_with_caps (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  GstCaps *caps = gst_pad_get_current_caps (pad);
  const gboolean is_dma_buf = gst_caps_features_contains (gst_caps_get_features
      (caps, 0), GST_CAPS_FEATURE_MEMORY_DMABUF);

  if (is_dma_buf != dmabuf_is (GST_PAD_PROBE_INFO_BUFFER (info)))
    g_atomic_int_inc (&n_wrong);
  gst_caps_unref (caps);

  return GST_PAD_PROBE_OK;
}

/* What changes before it plays is negotiated about right before the first frame,
 * which must not be a copy that the caps call a dma-buf */
GST_START_TEST (test_layout_before_playing)
{
  GstHarness *h = dmabuf_new_source ("auto", &odd);
  GstBuffer *buffer;

  g_atomic_int_set (&n_wrong, 0);
  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, compare_with_caps,
      NULL, NULL);
  gst_harness_set_sink_caps_str (h, "video/x-raw");
  gst_element_set_state (h->element, GST_STATE_PAUSED);
  gst_message_unref (source_wait_message (h, GST_MESSAGE_ELEMENT));
  /* From now on it waits for PLAYING before it looks again */
  gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw");

  gst_harness_play (h);
  buffer = source_pull (h);
  fail_unless_equals_int (g_atomic_int_get (&n_wrong), 0);
  fail_if (dmabuf_is (buffer));
  dmabuf_check_picture (buffer, &odd);
  gst_buffer_unref (buffer);
  dmabuf_check_way (h, "copy", NOT_FOUND, NULL);

  source_drop (h, 2);
  fail_unless_equals_int (g_atomic_int_get (&n_wrong), 0);
  dmabuf_check_quiet (h);
  source_teardown (h);
}

GST_END_TEST;

/* Asked for, a dma-buf goes out as whatever downstream takes, if it finds the
 * picture there */
GST_START_TEST (test_demand_layout)
{
  static const struct
  {
    const char *caps;
    gboolean has_meta, is_even, goes;
  } cases[] = {
    {"video/x-raw", TRUE, FALSE, TRUE},
    {"video/x-raw", FALSE, TRUE, TRUE},
    {"video/x-raw", FALSE, FALSE, FALSE},
    /* Who takes dma-bufs has to know of video metas too */
    {DMABUF_RGB, FALSE, FALSE, TRUE},
    {NULL, FALSE, FALSE, TRUE},
  };
  const Layout *layout = cases[__i__].is_even ? &even : &odd;
  GstHarness *h = dmabuf_new_source ("dmabuf", layout);
  GstBuffer *buffer;

  if (cases[__i__].caps)
    gst_harness_set_sink_caps_str (h, cases[__i__].caps);
  if (cases[__i__].has_meta)
    propose_video_meta (h);
  gst_harness_play (h);
  if (cases[__i__].goes) {
    buffer = source_pull (h);
    dmabuf_check_way (h, "dmabuf", NULL);
    fail_unless (dmabuf_is (buffer));
    dmabuf_check_picture (buffer, layout);
    /* Who knows of no video meta takes all that there is for the picture */
    if (cases[__i__].is_even)
      fail_unless_equals_int (gst_buffer_get_size (buffer),
          layout->stride * layout->height);
    gst_buffer_unref (buffer);
    dmabuf_check_quiet (h);
  } else {
    source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        NULL, "starts at byte 3 and has a stride of 41 bytes",
        bar.path, "Set io-mode=auto", NULL);
    fail_unless_equals_int (dmabuf_count_ways (h), 0);
  }
  source_teardown (h);
}

GST_END_TEST;

/* --- Who offers to take them, and does not -------------------------------- */

static GstPadEventFunction harness_event;
static gint refuses;

static gboolean
refuse_dma_buf (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstCaps *caps;

  if (GST_EVENT_TYPE (event) == GST_EVENT_CAPS && g_atomic_int_get (&refuses)) {
    gst_event_parse_caps (event, &caps);
    if (gst_caps_features_contains (gst_caps_get_features (caps, 0),
            GST_CAPS_FEATURE_MEMORY_DMABUF)) {
      gst_event_unref (event);
      return FALSE;
    }
  }

  return harness_event (pad, parent, event);
}

/* Has the harness refuse their caps, as long as @refuses */
static void
refuse_dma_bufs (GstHarness * h)
{
  harness_event = GST_PAD_EVENTFUNC (h->sinkpad);
  gst_pad_set_event_function (h->sinkpad, refuse_dma_buf);
  g_atomic_int_set (&refuses, TRUE);
}

static GstPadProbeReturn
count_allocations (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  if (GST_QUERY_TYPE (GST_PAD_PROBE_INFO_QUERY (info)) == GST_QUERY_ALLOCATION)
    g_atomic_int_inc ((gint *) data);
  return GST_PAD_PROBE_OK;
}

/* Who shows one might copy it when he is asked for buffers */
GST_START_TEST (test_new_rate)
{
  GstHarness *h = dmabuf_new_source ("auto", &odd);
  GstVideoInfo info;
  GstBuffer *buffer;
  GstCaps *caps;
  gint asked = 0;

  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_PUSH |
      GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, count_allocations, &asked, NULL);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB ",framerate=50/1");
  propose_video_meta (h);
  source_start (h, 2);
  dmabuf_check_way (h, "dmabuf", NULL);
  fail_unless_equals_int (g_atomic_int_get (&asked), 1);

  source_wait_for_clock_wait (h);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB ",framerate=25/1");
  source_drop (h, 2);
  buffer = source_crank (h);
  fail_unless (dmabuf_is (buffer));
  dmabuf_check_picture (buffer, &odd);
  fail_unless_equals_uint64 (GST_BUFFER_DURATION (buffer), GST_SECOND / 25);
  gst_buffer_unref (buffer);
  fail_unless_equals_int (g_atomic_int_get (&asked), 1);

  /* He asks for it, or it is something else */
  renegotiate (h);
  source_drop (h, 1);
  fail_unless_equals_int (g_atomic_int_get (&asked), 2);
  source_wait_for_clock_wait (h);
  gst_harness_set_sink_caps_str (h, "video/x-raw,format=RGB,framerate=25/1");
  source_drop (h, 2);
  fail_unless_equals_int (g_atomic_int_get (&asked), 3);
  caps = source_get_caps (h);
  fail_unless (gst_video_info_from_caps (&info, caps));
  gst_caps_unref (caps);
  dmabuf_check_way (h, "copy", NULL);
  source_teardown (h);
}

GST_END_TEST;

static GstPadProbeReturn
count_caps (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_CAPS)
    g_atomic_int_inc ((gint *) data);
  return GST_PAD_PROBE_OK;
}

/* Somebody who asks to negotiate whenever he has refused is told no in the
 * end */
GST_START_TEST (test_refused_again_and_again)
{
  GstHarness *h = dmabuf_new_source ("auto", &odd);
  GstPad *pad = gst_element_get_static_pad (h->element, "src");
  gint n_caps = 0;

  refuse_dma_bufs (h);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, count_caps,
      &n_caps, NULL);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw");
  propose_video_meta (h);
  source_start (h, 1);
  for (guint i = 0; i < 10; i++) {
    renegotiate (h);
    source_drop (h, 1);
  }

  /* Three times a dma-buf's, and the others after it */
  fail_unless_equals_int (g_atomic_int_get (&n_caps), 6);
  dmabuf_check_way (h, "copy", "rejects them", NULL);
  gst_object_unref (pad);
  source_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_refused)
{
  /* Whether or not it would find the picture */
  const Layout *layout = __i__ == 0 ? &odd : &even;
  GstHarness *h = dmabuf_new_source ("auto", layout);
  GstBuffer *buffer;

  refuse_dma_bufs (h);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw");
  propose_video_meta (h);
  gst_harness_play (h);
  buffer = source_pull (h);
  dmabuf_check_way (h, "copy",
      "Downstream has dma-bufs in its caps, but rejects them.",
      "Each frame of ", NULL);
  fail_if (dmabuf_is (buffer));
  fail_if (dmabuf_in_caps (h));
  dmabuf_check_picture (buffer, layout);
  gst_buffer_unref (buffer);

  renegotiate (h);
  buffer = source_crank (h);
  fail_if (dmabuf_is (buffer));
  gst_buffer_unref (buffer);
  fail_unless_equals_int (dmabuf_count_ways (h), 0);

  /* It changes its mind */
  g_atomic_int_set (&refuses, FALSE);
  renegotiate (h);
  buffer = source_crank (h);
  dmabuf_check_way (h, "dmabuf", NULL);
  fail_unless (dmabuf_is (buffer));
  gst_buffer_unref (buffer);

  fail_unless_equals_uint64 (source_get_stat (h, "missed"), 0);
  dmabuf_check_quiet (h);
  source_teardown (h);
}

GST_END_TEST;

/* The same behind the pad of a bin, such as autovideosink, which passes on
 * caps and not what becomes of them */
GST_START_TEST (test_refused_in_bin)
{
  GstHarness *h = dmabuf_new_source ("auto", __i__ == 0 ? &odd : &even);
  GstPad *pad = gst_element_get_static_pad (h->element, "src");
  GstPad *ghost, *ghost_of_ghost;
  GstBuffer *buffer;

  refuse_dma_bufs (h);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw");
  propose_video_meta (h);

  fail_unless (gst_pad_unlink (pad, h->sinkpad));
  ghost = gst_object_ref_sink (gst_ghost_pad_new ("inner", h->sinkpad));
  gst_pad_set_active (ghost, TRUE);
  ghost_of_ghost = gst_object_ref_sink (gst_ghost_pad_new ("outer", ghost));
  gst_pad_set_active (ghost_of_ghost, TRUE);
  fail_unless_equals_int (gst_pad_link (pad, ghost_of_ghost), GST_PAD_LINK_OK);

  gst_harness_play (h);
  buffer = source_pull (h);
  dmabuf_check_way (h, "copy",
      "Downstream has dma-bufs in its caps, but rejects them.", NULL);
  fail_if (dmabuf_is (buffer));
  gst_buffer_unref (buffer);

  g_atomic_int_set (&refuses, FALSE);
  source_wait_for_clock_wait (h);
  gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
  source_drop (h, 1);
  buffer = source_crank (h);
  dmabuf_check_way (h, "dmabuf", NULL);
  fail_unless (dmabuf_is (buffer));
  gst_buffer_unref (buffer);

  source_stop (h);
  gst_pad_unlink (pad, ghost_of_ghost);
  gst_ghost_pad_set_target (GST_GHOST_PAD (ghost_of_ghost), NULL);
  gst_ghost_pad_set_target (GST_GHOST_PAD (ghost), NULL);
  gst_object_unref (ghost_of_ghost);
  gst_object_unref (ghost);
  fail_unless_equals_int (gst_pad_link (pad, h->sinkpad), GST_PAD_LINK_OK);
  gst_object_unref (pad);
  source_teardown (h);
}

GST_END_TEST;

/* Behind an element that passes caps on; NULL: the pad of a bin that the source
 * is in */
GST_START_TEST (test_refused_behind)
{
  static const char *const names[] = { NULL, "identity", "capsfilter", "tee" };
  const char *name = names[__i__];
  GstHarness *h = dmabuf_new_source ("auto", &even);
  GstPad *pad = gst_element_get_static_pad (h->element, "src");
  GstElement *between = NULL;
  GstPad *sink = NULL, *src;
  GstBuffer *buffer;

  refuse_dma_bufs (h);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw");
  propose_video_meta (h);

  fail_unless (gst_pad_unlink (pad, h->sinkpad));
  if (name) {
    between = gst_element_factory_make (name, NULL);
    fail_unless (between != NULL, "there is no %s", name);
    sink = gst_element_get_static_pad (between, "sink");
    src = gst_element_get_static_pad (between, "src");
    if (!src)
      src = gst_element_request_pad_simple (between, "src_%u");
    fail_unless_equals_int (gst_pad_link (pad, sink), GST_PAD_LINK_OK);
    gst_element_set_state (between, GST_STATE_PLAYING);
  } else {
    src = gst_object_ref_sink (gst_ghost_pad_new ("src", pad));
    gst_pad_set_active (src, TRUE);
  }
  fail_unless_equals_int (gst_pad_link (src, h->sinkpad), GST_PAD_LINK_OK);

  gst_harness_play (h);
  buffer = source_pull (h);
  dmabuf_check_way (h, "copy",
      "Downstream has dma-bufs in its caps, but rejects them.", NULL);
  fail_if (dmabuf_is (buffer));
  gst_buffer_unref (buffer);

  g_atomic_int_set (&refuses, FALSE);
  renegotiate (h);
  buffer = source_crank (h);
  dmabuf_check_way (h, "dmabuf", NULL);
  fail_unless (dmabuf_is (buffer));
  gst_buffer_unref (buffer);

  source_stop (h);
  gst_pad_unlink (src, h->sinkpad);
  if (between) {
    gst_element_set_state (between, GST_STATE_NULL);
    gst_pad_unlink (pad, sink);
    gst_object_unref (sink);
    gst_object_unref (between);
  } else {
    gst_ghost_pad_set_target (GST_GHOST_PAD (src), NULL);
  }
  gst_object_unref (src);
  fail_unless_equals_int (gst_pad_link (pad, h->sinkpad), GST_PAD_LINK_OK);
  gst_object_unref (pad);
  source_teardown (h);
}

GST_END_TEST;

/* And takes nothing else: one error, and no stream */
GST_START_TEST (test_refused_for_good)
{
  GstHarness *h = dmabuf_new_source ("auto", &odd);

  refuse_dma_bufs (h);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB);
  propose_video_meta (h);
  gst_harness_play (h);
  source_check_error (h, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
      "downstream accepts", "Downstream has dma-bufs in its caps, but "
      "rejects them.", "downstream accepts only dma-bufs", bar.path,
      "Remove memory:DMABuf", NULL);
  source_stop (h);
  fail_unless_equals_int (dmabuf_count_ways (h), 0);
  source_teardown (h);
}

GST_END_TEST;

/* Nothing but dma-bufs is asked for, so there is nothing to go down to */
GST_START_TEST (test_refused_on_demand)
{
  GstHarness *h = dmabuf_new_source ("dmabuf", &even);

  refuse_dma_bufs (h);
  gst_harness_set_sink_caps_str (h, DMABUF_RGB ";video/x-raw");
  propose_video_meta (h);
  gst_harness_play (h);
  source_check_error (h, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
      "downstream accepts", "Downstream has dma-bufs in its caps, but "
      "rejects them.", "which io-mode=dmabuf requires", bar.path,
      "Set io-mode=auto", NULL);
  source_stop (h);
  fail_unless_equals_int (dmabuf_count_ways (h), 0);
  source_teardown (h);
}

GST_END_TEST;

/* It takes nothing but dma-bufs, and does not find the picture there */
GST_START_TEST (test_layout_for_good)
{
  GstHarness *h = dmabuf_new_source ("auto", &odd);

  gst_harness_set_sink_caps_str (h, DMABUF_RGB);
  gst_harness_play (h);
  source_check_error (h, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
      "downstream accepts", NOT_FOUND, "downstream accepts only dma-bufs",
      bar.path, "Remove memory:DMABuf", NULL);
  source_stop (h);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
dmabufnegotiation_suite (void)
{
  Suite *s = suite_create ("gst-dmabufnegotiation");
  TCase *tc = add_case (s, "dmabufnegotiation");

  tcase_add_checked_fixture (tc, setup, dmabuf_teardown);
  tcase_add_loop_test (tc, test_offer, 0, 8);
  tcase_add_loop_test (tc, test_kind, 0, G_N_ELEMENTS (kinds));
  tcase_add_loop_test (tc, test_not_negotiated, 0, 5);
  tcase_add_loop_test (tc, test_asked_when_wanted, 0, 4);
  tcase_add_loop_test (tc, test_asked_by_user, 0, 4);
  tcase_add_loop_test (tc, test_layout, 0, 14);
  tcase_add_test (tc, test_layout_again);
  tcase_add_test (tc, test_layout_before_playing);
  tcase_add_loop_test (tc, test_demand_layout, 0, 5);
  tcase_add_loop_test (tc, test_refused, 0, 2);
  tcase_add_test (tc, test_refused_again_and_again);
  tcase_add_test (tc, test_new_rate);
  tcase_add_loop_test (tc, test_refused_in_bin, 0, 2);
  tcase_add_loop_test (tc, test_refused_behind, 0, 4);
  tcase_add_test (tc, test_refused_for_good);
  tcase_add_test (tc, test_refused_on_demand);
  tcase_add_test (tc, test_layout_for_good);

  return s;
}

GST_CHECK_MAIN (dmabufnegotiation);
