/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mmio:// as applications use it: what it sets, what it tells of the
 * properties, what it refuses, and the players that take nothing else.
 */
#include <string.h>

#include "source.h"

static GstElement *
make_element (void)
{
  GstElement *element = gst_element_factory_make (ELEMENT, NULL);

  fail_unless (element != NULL, "there is no " ELEMENT);
  return element;
}

static void
set (GstElement * element, const char *uri)
{
  g_autoptr (GError) error = NULL;

  fail_unless (gst_uri_handler_set_uri (GST_URI_HANDLER (element), uri, &error),
      "%s: %s", uri, error ? error->message : "no error");
  fail_unless (error == NULL);
}

static void
check_uri (GstElement * element, const char *wanted)
{
  g_autofree char *uri = gst_uri_handler_get_uri (GST_URI_HANDLER (element));

  fail_unless (g_strcmp0 (uri, wanted) == 0, "%s, not %s", uri, wanted);
}

static void
check_property (GstElement * element, const char *name, const char *wanted)
{
  GValue value = G_VALUE_INIT;
  g_autofree char *text = NULL;
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (element),
      name);

  g_value_init (&value, spec->value_type);
  g_object_get_property (G_OBJECT (element), name, &value);
  if (G_VALUE_HOLDS_STRING (&value))
    text = g_value_dup_string (&value);
  else if (G_VALUE_HOLDS_ENUM (&value))
    text = g_strdup (g_enum_get_value (G_PARAM_SPEC_ENUM (spec)->enum_class,
            g_value_get_enum (&value))->value_nick);
  else
    text = gst_value_serialize (&value);
  fail_unless_equals_string (text, wanted);
  g_value_unset (&value);
}

static const struct
{
  const char *uri;
  /* property=value, with blanks between */
  const char *properties;
  const char *printed;          /* NULL: as it is */
} cases[] = {
  {"mmio://sim", "device=sim", NULL},
  {"mmio://sim?bar=0", "bar=0", NULL},
  {"mmio://sim?bar=-1", "bar=-1", "mmio://sim"},
  {"mmio://0000:03:00.0?bar=2&format=rgb&width=640&height=480",
      "device=0000:03:00.0 bar=2 format=rgb width=640 height=480", NULL},
  {"mmio://10ee:7024@1?width=8", "device=10ee:7024@1 width=8", NULL},
  {"mmio:///dev/shm/iv%3Fshmem?height=7",
      "device=/dev/shm/iv?shmem height=7", NULL},
  /* In the order of gst-inspect, whatever the order was */
  {"mmio://sim?height=4&width=3&bar=1", "bar=1 width=3 height=4",
      "mmio://sim?bar=1&width=3&height=4"},
  /* Formats as properties and as caps have them; each is one that is set */
  {"mmio://sim?format=RGB", "format=rgb", "mmio://sim?format=rgb"},
  {"mmio://sim?format=BGRx", "format=bgrx", "mmio://sim?format=bgrx"},
  {"mmio://sim?format=GRAY16_LE", "format=gray16-le",
      "mmio://sim?format=gray16-le"},
  {"mmio://sim?format=gray16-le", "format=gray16-le", NULL},
  /* Numbers: as far as they go, and as others write addresses */
  {"mmio://sim?offset=18446744073709551615", "offset=18446744073709551615",
      NULL},
  {"mmio://sim?offset=0x1000", "offset=4096", "mmio://sim?offset=4096"},
  {"mmio://sim?offset=0XffffFFFFffffFFFF", "offset=18446744073709551615",
      "mmio://sim?offset=18446744073709551615"},
  {"mmio://sim?stride=2147483647", "stride=2147483647", NULL},
  {"mmio://sim?stride=0", "stride=0", "mmio://sim"},
  {"mmio://sim?access=vfio&io-mode=mmap&mapping=write-combining&engine=u32&"
        "changes=drop", "access=vfio io-mode=mmap mapping=write-combining "
        "engine=u32 changes=drop", NULL},
  {"mmio://sim?frame-sync=counter&counter-bar=2&counter-offset=16&"
        "counter-size=64&counter-seqlock=true", "frame-sync=counter "
        "counter-bar=2 counter-offset=16 counter-size=64 counter-seqlock=true",
      NULL},
  {"mmio://sim?buffers=3&buffer-step=4096&index-bar=1&index-offset=8&"
        "index-size=8", "buffers=3 buffer-step=4096 index-bar=1 index-offset=8 "
        "index-size=8", NULL},
  /* A register, and a number, that somebody says are said, be they as they are
   * anyway */
  {"mmio://sim?counter-offset=0", "counter-offset=0", NULL},
  {"mmio://sim?counter-size=8", "counter-size=8 counter-offset=-1", NULL},
  {"mmio://sim?buffers=1&index-offset=0", "buffers=1 index-offset=0", NULL},
  {"mmio://sim?index-bar=2", "index-bar=2 index-offset=-1", NULL},
  {"mmio://sim?index-offset=0xff", "index-offset=255",
      "mmio://sim?index-offset=255"},
  /* The defaults are what is not set */
  {"mmio://sim?format=unknown&buffers=0&counter-offset=-1&counter-size=0&"
        "counter-bar=-1&index-offset=-1&index-size=0", "format=unknown",
      "mmio://sim"},
  /* Leading zeros make no octal number */
  {"mmio://sim?width=0640&bar=00", "width=640 bar=0",
      "mmio://sim?bar=0&width=640"},
};

/* A URI says all: what is not in it is as it was at first */
GST_START_TEST (test_set)
{
  GstElement *element = make_element ();
  g_auto (GStrv) pairs = g_strsplit (cases[__i__].properties, " ", -1);
  const char *printed = cases[__i__].printed ? cases[__i__].printed :
      cases[__i__].uri;

  for (guint before = 0; before < 2; before++) {
    if (before)
      set (element, "mmio:///nowhere/at-all?access=sysfs&bar=5&format=nv12&"
          "width=1&height=2&offset=3&stride=4&io-mode=copy&mapping=uncached&"
          "engine=orc&changes=mark&frame-sync=interrupt&counter-bar=1&"
          "counter-offset=8&counter-size=8&counter-seqlock=true&buffers=4&"
          "buffer-step=5&index-bar=2&index-offset=24&index-size=64");
    set (element, cases[__i__].uri);
    for (guint i = 0; pairs[i]; i++) {
      g_auto (GStrv) pair = g_strsplit (pairs[i], "=", 2);

      check_property (element, pair[0], pair[1]);
    }
    check_uri (element, printed);
    set (element, printed);
    check_uri (element, printed);
  }
  gst_object_unref (element);
}

GST_END_TEST;

/* It tells of properties, however they came to be what they are */
GST_START_TEST (test_get)
{
  GstElement *element = make_element ();

  check_uri (element, "mmio://sim");
  g_object_set (element, "width", 640, "device", "0000:03:00.0", "offset",
      (guint64) 4096, NULL);
  check_uri (element, "mmio://0000:03:00.0?width=640&offset=4096");
  /* That is not the same as a format which was never set */
  gst_util_set_object_arg (G_OBJECT (element), "format", "rgb");
  check_uri (element, "mmio://0000:03:00.0?format=rgb&width=640&offset=4096");
  g_object_set (element, "device", "/a b#c%", NULL);
  check_uri (element, "mmio:///a%20b%23c%25?format=rgb&width=640&offset=4096");
  g_object_set (element, "device", NULL, NULL);
  check_uri (element, NULL);
  gst_object_unref (element);
}

GST_END_TEST;

static const struct
{
  const char *uri;
  const char *words;
  const char *more;
} refused[] = {
  {"mmio://", "Cannot parse '' as a device", "sim"},
  {"mmio://SIM", "Cannot parse 'SIM' as a device", "sim"},
  {"mmio://sim?bar", "write name=value", "'bar'"},
  {"mmio://sim?bar=1&bar=1", "bar= occurs twice", "remove one"},
  /* Names */
  {"mmio://sim?foo=1",
      "Cannot set foo: it is not a parameter. Use one of access, "
        "bar, format, ", "changes"},
  {"mmio://sim?Bar=1", "Cannot set Bar: it is not a parameter.", "bar, "},
  {"mmio://sim?device=sim", "Cannot set device: it is not a parameter.",
      "bar, "},
  {"mmio://sim?stats=1", "Cannot set stats: it is not a parameter.", "bar, "},
  {"mmio://sim?device-name=1", "Cannot set device-name: it is not a parameter.",
      "bar, "},
  {"mmio://sim?num-buffers=1", "Cannot set num-buffers: it is not a parameter.",
      "bar, "},
  {"mmio://sim?name=x", "Cannot set name: it is not a parameter.", "bar, "},
  /* Numbers */
  {"mmio://sim?bar=6",
        "Cannot set bar to '6': bar is a whole number from -1 to 5.",
      ""},
  {"mmio://sim?bar=-2", "Cannot set bar to '-2': bar is a whole number from -1",
      ""},
  {"mmio://sim?bar=", "Cannot set bar to '': bar is a whole number", ""},
  {"mmio://sim?bar=two", "Cannot set bar to 'two': bar is a whole number", ""},
  {"mmio://sim?bar=1.0", "Cannot set bar to '1.0': bar is a whole number", ""},
  {"mmio://sim?bar=1%20", "Cannot set bar to '1 ': bar is a whole number", ""},
  {"mmio://sim?width=-1",
      "Cannot set width to '-1': width is a whole number from 0 "
        "to 2147483647.", ""},
  {"mmio://sim?width=2147483648", "Cannot set width to '2147483648':", ""},
  {"mmio://sim?width=0x", "Cannot set width to '0x':", ""},
  {"mmio://sim?width=0x0x1", "Cannot set width to '0x0x1':", ""},
  {"mmio://sim?width=max", "Cannot set width to 'max':", ""},
  {"mmio://sim?offset=18446744073709551616", "'18446744073709551616': "
        "offset is a whole number from 0 to 18446744073709551615.",
      ""},
  {"mmio://sim?offset=-1", "Cannot set offset to '-1': offset is a whole", ""},
  {"mmio://sim?bar=4294967295", "Cannot set bar to '4294967295':", ""},
  {"mmio://sim?bar=0x1", "Cannot set bar to '0x1':", ""},
  {"mmio://sim?bar=+1", "Cannot set bar to '+1':", ""},
  {"mmio://sim?width=18446744073709551615", "width is a whole number", ""},
  {"mmio://sim?width=0xffffffffffffffff", "width is a whole number", ""},
  {"mmio://sim?width=%201", "Cannot set width to ' 1':", ""},
  {"mmio://sim?width=little_endian", "width is a whole number", ""},
  {"mmio://sim?counter-offset=18446744073709551615",
        "counter-offset is a whole " "number from -1 to 9223372036854775807.",
      ""},
  {"mmio://sim?counter-offset=0xffffffffffffffff", "counter-offset is a", ""},
  {"mmio://sim?counter-size=7", "counter-size is one of 0, 8, 16, 32, 64.", ""},
  {"mmio://sim?buffers=5", "buffers is a whole number from 0 to 4.", ""},
  /* Words */
  {"mmio://sim?counter-seqlock=yes", "counter-seqlock is true or false.", ""},
  {"mmio://sim?counter-seqlock=TRUE", "counter-seqlock is true or false.", ""},
  {"mmio://sim?counter-seqlock=1", "counter-seqlock is true or false.", ""},
  {"mmio://sim?changes=Drop", "Cannot set changes to 'Drop':", ""},
  {"mmio://sim?format=Nv12", "Cannot set format to 'Nv12':", ""},
  {"mmio://sim?format=15", "Cannot set format to '15':", ""},
  {"mmio://sim?format=GST_VIDEO_FORMAT_RGB", "format is a raw video", ""},
  {"mmio://sim?io-mode=MMAP",
      "Cannot set io-mode to 'MMAP': io-mode is one of auto, "
        "copy, mmap, dmabuf.", ""},
  {"mmio://sim?changes=1",
        "Cannot set changes to '1': changes is one of ignore, " "mark, drop.",
      ""},
  {"mmio://sim?format=foo",
      "Cannot set format to 'foo': format is a raw video "
        "format, such as rgb", ""},
  {"mmio://sim?format=", "Cannot set format to '': format is a raw video", ""},
};

/* ... and leaves everything as it was */
GST_START_TEST (test_refused)
{
  const char *before = "mmio://0000:03:00.0?bar=2&width=5";
  GstElement *element = make_element ();
  GError *error = NULL;

  set (element, before);
  fail_if (gst_uri_handler_set_uri (GST_URI_HANDLER (element),
          refused[__i__].uri, &error), "%s", refused[__i__].uri);
  fail_unless (g_error_matches (error, GST_URI_ERROR, GST_URI_ERROR_BAD_URI));
  fail_unless (strstr (error->message, refused[__i__].words) != NULL &&
      strstr (error->message, refused[__i__].more) != NULL, "%s: %s",
      refused[__i__].uri, error->message);
  g_clear_error (&error);
  check_uri (element, before);

  fail_if (gst_uri_handler_set_uri (GST_URI_HANDLER (element),
          refused[__i__].uri, NULL));
  gst_object_unref (element);
}

GST_END_TEST;

static void
count_notify (GObject * object, GParamSpec * spec, GString * names)
{
  g_string_append_printf (names, "%s ", spec->name);
}

/* Told once for what has changed, and for nothing else */
GST_START_TEST (test_notify)
{
  GstElement *element = make_element ();
  g_autoptr (GString) names = g_string_new (NULL);

  set (element, "mmio://sim?bar=2&width=5");
  g_signal_connect (element, "notify", G_CALLBACK (count_notify), names);
  set (element, "mmio://sim?bar=3&width=5&height=6");
  fail_unless_equals_string (names->str, "bar height ");
  g_string_truncate (names, 0);
  set (element, "mmio:///a/b?bar=3&height=6");
  fail_unless_equals_string (names->str, "device width ");
  gst_object_unref (element);
}

GST_END_TEST;

/* Not while the device is open */
GST_START_TEST (test_state)
{
  static const GstState states[] = { GST_STATE_PAUSED, GST_STATE_PLAYING };
  GstHarness *h = source_new ("sim", "width", 32, "height", 16, NULL);
  GstURIHandler *handler = GST_URI_HANDLER (h->element);
  GError *error = NULL;
  GstBuffer *buffer;
  GstVideoInfo info;

  gst_element_set_state (h->element, GST_STATE_READY);
  set (h->element, "mmio://sim?width=64&height=8");
  for (guint i = 0; i < G_N_ELEMENTS (states); i++) {
    gst_element_set_state (h->element, states[i]);
    fail_if (gst_uri_handler_set_uri (handler, "mmio://sim", &error));
    fail_unless (g_error_matches (error, GST_URI_ERROR,
            GST_URI_ERROR_BAD_STATE));
    fail_unless (strstr (error->message, "READY") != NULL, "%s",
        error->message);
    g_clear_error (&error);
    fail_if (gst_uri_handler_set_uri (handler, "mmio://sim", NULL));
    check_uri (h->element, "mmio://sim?width=64&height=8");
  }
  /* What is wrong anyway is worth saying first */
  fail_if (gst_uri_handler_set_uri (handler, "mmio://", &error));
  fail_unless (g_error_matches (error, GST_URI_ERROR, GST_URI_ERROR_BAD_URI));
  g_clear_error (&error);

  source_stop (h);
  while ((buffer = gst_harness_try_pull (h)))
    gst_buffer_unref (buffer);
  set (h->element, "mmio://sim?width=16&height=4");
  source_start (h, 1);
  info = source_get_info (h);
  fail_unless_equals_int (GST_VIDEO_INFO_WIDTH (&info), 16);
  source_teardown (h);
}

GST_END_TEST;

/* Found by its scheme, though its rank is none */
GST_START_TEST (test_make_from_uri)
{
  GError *error = NULL;
  GstElement *element = gst_element_make_from_uri (GST_URI_SRC,
      "mmio://sim?width=32", NULL, &error);

  fail_unless (element != NULL, "%s", error ? error->message : "no error");
  fail_unless_equals_string (GST_OBJECT_NAME (gst_element_get_factory
          (element)), ELEMENT);
  check_uri (element, "mmio://sim?width=32");
  gst_object_unref (element);

  fail_unless (gst_uri_protocol_is_supported (GST_URI_SRC, "mmio"));
  fail_if (gst_uri_protocol_is_supported (GST_URI_SINK, "mmio"));

  fail_unless (gst_element_make_from_uri (GST_URI_SRC, "mmio://sim?bar=9", NULL,
          &error) == NULL);
  fail_unless (g_error_matches (error, GST_URI_ERROR, GST_URI_ERROR_BAD_URI));
  fail_unless (strstr (error->message, "from -1 to 5"), "%s", error->message);
  g_clear_error (&error);
}

GST_END_TEST;

static const char *const players[] = { "playbin", "playbin3" };

#define N_FRAMES 5

typedef struct
{
  GstVideoInfo info;
  guint n_frames;
} Shown;

static void
count_buffer (GstElement * sink, GstBuffer * buffer, GstPad * pad,
    Shown * shown)
{
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);

  gst_video_info_from_caps (&shown->info, caps);
  if (++shown->n_frames == N_FRAMES)
    gst_element_post_message (sink, gst_message_new_application
        (GST_OBJECT_CAST (sink), gst_structure_new_empty ("shown")));
}

static void
keep_uri (GstElement * player, GstElement * source, char **uri)
{
  g_free (*uri);
  *uri = gst_uri_handler_get_uri (GST_URI_HANDLER (source));
}

/* The frames arrive, live, in the size that the URI says.  Not with the sink's
 * num-buffers: a queue whose sink has had enough never answers a query that
 * comes just then, and playbin has the source ask some while it starts. */
GST_START_TEST (test_play)
{
  GstElement *player = gst_element_factory_make (players[__i__], NULL);
  GstElement *sink = gst_element_factory_make ("fakesink", NULL);
  g_autoptr (GstBus) bus = NULL;
  g_autoptr (GstMessage) message = NULL;
  g_autofree char *uri = NULL;
  Shown shown = {.n_frames = 0 };

  fail_unless (player != NULL, "there is no %s: apt-get install "
      "gstreamer1.0-plugins-base", players[__i__]);
  gst_video_info_init (&shown.info);
  g_object_set (sink, "signal-handoffs", TRUE, "sync", TRUE, NULL);
  g_signal_connect (sink, "handoff", G_CALLBACK (count_buffer), &shown);
  g_signal_connect (player, "source-setup", G_CALLBACK (keep_uri), &uri);
  gst_util_set_object_arg (G_OBJECT (player), "flags", "video");
  g_object_set (player, "uri", "mmio://sim?format=RGB&width=64&height=48",
      "video-sink", sink, NULL);
  bus = gst_element_get_bus (player);

  /* A live source, and known as one */
  gst_element_set_state (player, GST_STATE_PAUSED);
  fail_unless_equals_int (gst_element_get_state (player, NULL, NULL,
          GST_CLOCK_TIME_NONE), GST_STATE_CHANGE_NO_PREROLL);
  gst_element_set_state (player, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, HANG * GST_USECOND,
      GST_MESSAGE_APPLICATION | GST_MESSAGE_ERROR);
  fail_unless (message != NULL, "it hangs");
  fail_unless (GST_MESSAGE_TYPE (message) == GST_MESSAGE_APPLICATION,
      "%" GST_PTR_FORMAT, message);
  gst_element_set_state (player, GST_STATE_NULL);
  fail_unless_equals_int (GST_VIDEO_INFO_WIDTH (&shown.info), 64);
  fail_unless_equals_int (GST_VIDEO_INFO_HEIGHT (&shown.info), 48);

  fail_unless_equals_string (uri, "mmio://sim?format=rgb&width=64&height=48");
  gst_object_unref (player);
}

GST_END_TEST;

/* The sentence reaches whoever plays it */
GST_START_TEST (test_play_refused)
{
  GstElement *player = gst_element_factory_make (players[__i__], NULL);
  g_autoptr (GstBus) bus = NULL;
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;

  fail_unless (player != NULL, "there is no %s: apt-get install "
      "gstreamer1.0-plugins-base", players[__i__]);
  g_object_set (player, "uri", "mmio://sim?width=wide", "video-sink",
      gst_element_factory_make ("fakesink", NULL), NULL);
  bus = gst_element_get_bus (player);
  gst_element_set_state (player, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, HANG * GST_USECOND,
      GST_MESSAGE_ERROR);
  fail_unless (message != NULL, "it hangs");
  gst_message_parse_error (message, &error, NULL);
  fail_unless (strstr (error->message,
          "Cannot set width to 'wide': width is a whole "
          "number from 0 to 2147483647.") != NULL, "%s", error->message);
  gst_element_set_state (player, GST_STATE_NULL);
  gst_object_unref (player);
}

GST_END_TEST;

static Suite *
uri_suite (void)
{
  Suite *s = suite_create ("gst-uri");
  TCase *tc = add_case (s, "uri");

  tcase_add_loop_test (tc, test_set, 0, G_N_ELEMENTS (cases));
  tcase_add_test (tc, test_get);
  tcase_add_loop_test (tc, test_refused, 0, G_N_ELEMENTS (refused));
  tcase_add_test (tc, test_notify);
  tcase_add_test (tc, test_state);

  tc = add_case (s, "players");
  tcase_add_test (tc, test_make_from_uri);
  tcase_add_loop_test (tc, test_play, 0, G_N_ELEMENTS (players));
  tcase_add_loop_test (tc, test_play_refused, 0, G_N_ELEMENTS (players));

  return s;
}

GST_CHECK_MAIN (uri);
