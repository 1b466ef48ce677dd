/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "gstmmiocaps.h"
#include "gstmmioformat.h"
#include "source.h"

/* --- What gst-inspect shows ------------------------------------------------ */

typedef struct
{
  const char *name;
  const char *type;
  gboolean writable;
  /* As gst-launch takes them; NULL: no default that is text */
  const char *value;
  const char *other;
} Property;

/* In the order in which gst-inspect shows them */
static const Property properties[] = {
  {"device", "gchararray", TRUE, "sim", "/nowhere/at-all"},
  {"access", "GstMmioAccess", TRUE, "auto", "sysfs"},
  {"bar", "gint", TRUE, "-1", "5"},
  {"format", "GstMmioFormat", TRUE, "unknown", "nv12"},
  {"width", "guint", TRUE, "0", "1920"},
  {"height", "guint", TRUE, "0", "1080"},
  {"offset", "guint64", TRUE, "0", "18446744073709551615"},
  {"stride", "guint", TRUE, "0", "2147483647"},
  {"io-mode", "GstMmioIOMode", TRUE, "auto", "mmap"},
  {"mapping", "GstMmioMapping", TRUE, "auto", "write-combining"},
  {"engine", "GstMmioEngine", TRUE, "auto", "u32"},
  {"changes", "GstMmioChanges", TRUE, "ignore", "drop"},
  {"frame-sync", "GstMmioFrameSync", TRUE, "clock", "counter"},
  {"counter-bar", "gint", TRUE, "-1", "3"},
  {"counter-offset", "gint64", TRUE, "-1", "9223372036854775807"},
  {"counter-size", "guint", TRUE, "0", "64"},
  {"counter-seqlock", "gboolean", TRUE, "false", "true"},
  {"buffers", "guint", TRUE, "0", "4"},
  {"buffer-step", "guint64", TRUE, "0", "18446744073709551615"},
  {"index-bar", "gint", TRUE, "-1", "5"},
  {"index-offset", "gint64", TRUE, "-1", "9223372036854775807"},
  {"index-size", "guint", TRUE, "0", "8"},
  {"reconnect", "gboolean", TRUE, "false", "true"},
  {"queue-size", "guint", TRUE, "0", "128"},
  {"stats", "GstStructure", FALSE, NULL, NULL},
  {"device-name", "gchararray", FALSE, NULL, NULL},
  {"device-address", "gchararray", FALSE, NULL, NULL},
};

static GstElement *
make_element (void)
{
  GstElement *element = gst_element_factory_make (ELEMENT, NULL);

  fail_unless (element != NULL, "there is no " ELEMENT);
  return element;
}

/* All that the element adds to its parents, no more and no less, in this
 * order */
GST_START_TEST (test_list)
{
  GstElement *element = make_element ();
  GParamSpec **specs;
  guint n_specs, n = 0;

  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (element),
      &n_specs);
  for (guint i = 0; i < n_specs; i++) {
    if (specs[i]->owner_type != G_OBJECT_TYPE (element))
      continue;
    fail_unless (n < G_N_ELEMENTS (properties), "%s is new", specs[i]->name);
    fail_unless_equals_string (specs[i]->name, properties[n].name);
    n++;
  }
  fail_unless_equals_int (n, G_N_ELEMENTS (properties));

  g_free (specs);
  gst_object_unref (element);
}

GST_END_TEST;

GST_START_TEST (test_texts_and_flags)
{
  const Property *property = &properties[__i__];
  GstElement *element = make_element ();
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (element),
      property->name);

  fail_unless_equals_string (g_type_name (spec->value_type), property->type);
  fail_unless (spec->flags & G_PARAM_READABLE);
  fail_unless (!!(spec->flags & G_PARAM_WRITABLE) == property->writable);
  fail_unless (!!(spec->flags & GST_PARAM_MUTABLE_READY) == property->writable);
  fail_if (spec->flags & (GST_PARAM_MUTABLE_PAUSED | GST_PARAM_MUTABLE_PLAYING |
          GST_PARAM_CONTROLLABLE | G_PARAM_CONSTRUCT | G_PARAM_DEPRECATED));

  /* Texts for a person */
  fail_unless (g_param_spec_get_nick (spec)[0] != '\0');
  fail_unless (g_ascii_isupper (g_param_spec_get_nick (spec)[0]) ||
      strcmp (g_param_spec_get_nick (spec), property->name) != 0);
  fail_unless (strlen (g_param_spec_get_blurb (spec)) > 10, "%s: '%s'",
      property->name, g_param_spec_get_blurb (spec));
  fail_if (strcmp (g_param_spec_get_nick (spec),
          g_param_spec_get_blurb (spec)) == 0);

  gst_object_unref (element);
}

GST_END_TEST;

static char *
get_as_text (GstElement * element, const char *name)
{
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (element),
      name);
  GValue value = G_VALUE_INIT;
  char *text;

  g_value_init (&value, spec->value_type);
  g_object_get_property (G_OBJECT (element), name, &value);
  if (G_VALUE_HOLDS_STRING (&value))
    text = g_value_dup_string (&value);
  else if (G_VALUE_HOLDS_ENUM (&value))
    text = g_strdup (g_enum_get_value (g_type_class_peek (spec->value_type),
            g_value_get_enum (&value))->value_nick);
  else
    text = gst_value_serialize (&value);
  g_value_unset (&value);

  return text;
}

static void
check_value (GstElement * element, const char *name, const char *wanted)
{
  char *text = get_as_text (element, name);

  fail_unless_equals_string (text, wanted);
  g_free (text);
}

/* What it is at first is what the spec says it is */
GST_START_TEST (test_default)
{
  const Property *property = &properties[__i__];
  GstElement *element = make_element ();
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (element),
      property->name);
  GValue value = G_VALUE_INIT;

  if (property->value) {
    check_value (element, property->name, property->value);
    g_value_init (&value, spec->value_type);
    g_object_get_property (G_OBJECT (element), property->name, &value);
    fail_unless (g_param_value_defaults (spec, &value));
    g_value_unset (&value);
  }

  gst_object_unref (element);
}

GST_END_TEST;

/* Each takes another value, gives it back, and leaves the others alone */
GST_START_TEST (test_round_trip)
{
  const Property *property = &properties[__i__];
  GstElement *element = make_element ();

  if (property->writable) {
    gst_util_set_object_arg (G_OBJECT (element), property->name,
        property->other);
    check_value (element, property->name, property->other);
    for (guint i = 0; i < G_N_ELEMENTS (properties); i++) {
      if (i != (guint) __i__ && properties[i].value)
        check_value (element, properties[i].name, properties[i].value);
    }

    gst_util_set_object_arg (G_OBJECT (element), property->name,
        property->value);
    check_value (element, property->name, property->value);
  }

  gst_object_unref (element);
}

GST_END_TEST;

/* Values that a property takes, and the element does not start with: in the element
 * there are no others than the user's */
static const struct
{
  const char *name, *value;
  const char *allowed;
} refused[] = {
  {"bar", "-2", "a whole number from -1 to 5."},
  {"bar", "6", "a whole number from -1 to 5."},
  {"bar", "2147483647", "a whole number from -1 to 5."},
  {"width", "2147483648", "a whole number from 0 to 2147483647."},
  {"height", "4294967295", "a whole number from 0 to 2147483647."},
  {"stride", "2147483648", "a whole number from 0 to 2147483647."},
  {"stride", "4294967295", "a whole number from 0 to 2147483647."},
  {"counter-bar", "-2", "a whole number from -1 to 5."},
  {"counter-bar", "6", "a whole number from -1 to 5."},
  {"counter-offset", "-2", "a whole number from -1 to"},
  {"counter-size", "7", "one of 0, 8, 16, 32, 64."},
  {"counter-size", "128", "one of 0, 8, 16, 32, 64."},
  {"buffers", "5", "a whole number from 0 to 4."},
  {"index-bar", "-2", "a whole number from -1 to 5."},
  {"index-bar", "6", "a whole number from -1 to 5."},
  {"index-offset", "-2", "a whole number from -1 to"},
  {"index-size", "4294967295", "one of 0, 8, 16, 32, 64."},
  {"queue-size", "129", "a whole number from 0 to 128."},
};

GST_START_TEST (test_refused)
{
  const char *name = refused[__i__].name;
  GstHarness *h = source_new ("sim", NULL);
  g_autofree char *text = g_strdup_printf ("Cannot set %s to '%s': %s is %s",
      name, refused[__i__].value, name, refused[__i__].allowed);

  gst_util_set_object_arg (G_OBJECT (h->element), name, refused[__i__].value);
  check_value (h->element, name, refused[__i__].value);
  fail_unless_equals_int (gst_element_set_state (h->element, GST_STATE_PAUSED),
      GST_STATE_CHANGE_FAILURE);
  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, NULL,
      text, NULL);
  source_teardown (h);
}

GST_END_TEST;

/* GLib drops no number: each property takes all of its type */
GST_START_TEST (test_ranges)
{
  GstElement *element = make_element ();

  for (guint i = 0; i < G_N_ELEMENTS (properties); i++) {
    GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS
        (element), properties[i].name);

    if (G_IS_PARAM_SPEC_INT (spec))
      fail_unless (G_PARAM_SPEC_INT (spec)->minimum == G_MININT &&
          G_PARAM_SPEC_INT (spec)->maximum == G_MAXINT, "%s", spec->name);
    else if (G_IS_PARAM_SPEC_UINT (spec))
      fail_unless (G_PARAM_SPEC_UINT (spec)->maximum == G_MAXUINT, "%s",
          spec->name);
    else if (G_IS_PARAM_SPEC_INT64 (spec))
      fail_unless (G_PARAM_SPEC_INT64 (spec)->minimum == G_MININT64 &&
          G_PARAM_SPEC_INT64 (spec)->maximum == G_MAXINT64, "%s", spec->name);
    else if (G_IS_PARAM_SPEC_UINT64 (spec))
      fail_unless (G_PARAM_SPEC_UINT64 (spec)->maximum == G_MAXUINT64, "%s",
          spec->name);
  }
  gst_object_unref (element);
}

GST_END_TEST;

static void
check_enum (const char *property, const char *const *nicks)
{
  GstElement *element = make_element ();
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (element),
      property);
  GEnumClass *klass = G_PARAM_SPEC_ENUM (spec)->enum_class;

  fail_unless_equals_int (klass->n_values, g_strv_length ((char **) nicks));
  for (guint i = 0; i < klass->n_values; i++) {
    fail_unless_equals_string (klass->values[i].value_nick, nicks[i]);
    /* The name is for a person, as GStreamer has it */
    fail_unless (strlen (klass->values[i].value_name) > 10);
  }
  /* So that its documentation is the plugin's */
  fail_unless (gst_type_is_plugin_api (spec->value_type, NULL));
  gst_object_unref (element);
}

GST_START_TEST (test_enums)
{
  static const char *const io_modes[] = { "auto", "copy", "mmap", "dmabuf",
    NULL
  };
  static const char *const frame_syncs[] = { "clock", "counter", "interrupt",
    NULL
  };
  static const char *const accesses[] = { "auto", "sysfs", "vfio", "uio",
    NULL
  };

  check_enum ("io-mode", io_modes);
  check_enum ("access", accesses);
  check_enum ("frame-sync", frame_syncs);
}

GST_END_TEST;

/* The names of caps, those of other properties, and GStreamer's type */
GST_START_TEST (test_format_names)
{
  static const char *const names[][2] = {
    {"RGB", "rgb"}, {"rgb", "rgb"}, {"BGRx", "bgrx"}, {"xBGR", "xbgr"},
    {"GRAY16_LE", "gray16-le"}, {"gray16-le", "gray16-le"},
    {"NV12_4L4", "nv12-4l4"}, {"unknown", "unknown"}, {"v210", "v210"},
  };
  GstElement *element = make_element ();
  GEnumClass *klass = g_type_class_ref (GST_TYPE_VIDEO_FORMAT);
  GValue value = G_VALUE_INIT;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    gst_util_set_object_arg (G_OBJECT (element), "format", names[i][0]);
    check_value (element, "format", names[i][1]);
  }

  g_value_init (&value, GST_TYPE_VIDEO_FORMAT);
  for (guint i = 0; i < klass->n_values; i++) {
    g_value_set_enum (&value, klass->values[i].value);
    g_object_set_property (G_OBJECT (element), "format", &value);
    check_value (element, "format", klass->values[i].value_nick);
  }
  g_value_unset (&value);
  g_type_class_unref (klass);
  gst_object_unref (element);
}

GST_END_TEST;

GST_START_TEST (test_metadata)
{
  GstElement *element = make_element ();
  GstElementClass *klass = GST_ELEMENT_GET_CLASS (element);
  GstElementFactory *factory = gst_element_get_factory (element);

  fail_unless_equals_string (gst_element_class_get_metadata (klass,
          GST_ELEMENT_METADATA_KLASS), "Source/Video/Hardware");
  fail_unless (strstr (gst_element_class_get_metadata (klass,
              GST_ELEMENT_METADATA_LONGNAME), "PCI"));
  fail_unless (strlen (gst_element_class_get_metadata (klass,
              GST_ELEMENT_METADATA_DESCRIPTION)) > 20);
  fail_unless (strlen (gst_element_class_get_metadata (klass,
              GST_ELEMENT_METADATA_AUTHOR)) > 5);
  /* Nobody gets it who has not asked for it */
  fail_unless_equals_int (gst_plugin_feature_get_rank (GST_PLUGIN_FEATURE
          (factory)), GST_RANK_NONE);
  fail_unless (GST_OBJECT_FLAG_IS_SET (element, GST_ELEMENT_FLAG_SOURCE));
  gst_object_unref (element);
}

GST_END_TEST;

GST_START_TEST (test_plugin)
{
  GstPlugin *plugin = gst_registry_find_plugin (gst_registry_get (), "mmiovid");

  fail_unless (plugin != NULL);
  fail_unless_equals_string (gst_plugin_get_license (plugin), "LGPL");
  fail_unless_equals_string (gst_plugin_get_source (plugin), "mmiovid");
  fail_unless (strlen (gst_plugin_get_description (plugin)) > 10);
  fail_unless (gst_plugin_get_version (plugin)[0] != '\0');
  gst_object_unref (plugin);
}

GST_END_TEST;

/* The plugin's template, not only what it is made by */
GST_START_TEST (test_template)
{
  GstElement *element = make_element ();
  GstPadTemplate *template =
      gst_element_class_get_pad_template (GST_ELEMENT_GET_CLASS (element),
      "src");
  GstCaps *caps = gst_pad_template_get_caps (template);
  GstCaps *wanted = gst_mmio_caps_get_template ();
  static const struct
  {
    const char *caps;
    gboolean taken;
  } cases[] = {
    {"video/x-raw,format=RGB,width=1,height=1,framerate=1/2147483647", TRUE},
    {"video/x-raw,format=v210,width=65535,height=65535,"
          "framerate=1000000000/1", TRUE},
    {"video/x-raw,format=RGB,width=65536,height=1,framerate=50/1", FALSE},
    {"video/x-raw,format=RGB,width=1,height=65536,framerate=50/1", FALSE},
    {"video/x-raw,format=RGB,width=1,height=1,framerate=0/1", TRUE},
    {"video/x-raw,format=RGB8P,width=1,height=1,framerate=50/1", FALSE},
    {"video/x-raw,format=RGB,width=1,height=1,framerate=50/1,"
          "interlace-mode=interleaved", FALSE},
    {"video/x-raw,format=RGB,width=1,height=1,framerate=50/1,"
          "pixel-aspect-ratio=2/1", FALSE},
  };

  fail_unless_equals_int (GST_PAD_TEMPLATE_DIRECTION (template), GST_PAD_SRC);
  fail_unless_equals_int (GST_PAD_TEMPLATE_PRESENCE (template), GST_PAD_ALWAYS);
  fail_unless_equals_int (gst_element_class_get_pad_template_list
      (GST_ELEMENT_GET_CLASS (element))->next != NULL, FALSE);
  fail_unless (gst_caps_is_equal (caps, wanted));

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstCaps *other = gst_caps_from_string (cases[i].caps);

    fail_unless (gst_caps_can_intersect (caps, other) == cases[i].taken, "%s",
        cases[i].caps);
    gst_caps_unref (other);
  }

  gst_caps_unref (caps);
  gst_caps_unref (wanted);
  gst_object_unref (element);
}

GST_END_TEST;

/* --- What they do ---------------------------------------------------------- */

static void
check_caps (GstHarness * h, const char *format, gint width, gint height)
{
  GstVideoInfo info = source_get_info (h);

  fail_unless_equals_string (GST_VIDEO_INFO_NAME (&info), format);
  fail_unless_equals_int (GST_VIDEO_INFO_WIDTH (&info), width);
  fail_unless_equals_int (GST_VIDEO_INFO_HEIGHT (&info), height);
}

/* format, width and height that are not set are the device's to say */
GST_START_TEST (test_geometry)
{
  static const struct
  {
    const char *properties;
    const char *format;
    gint width, height;
  } cases[] = {
    {"", "RGB", 640, 480},
    {"format=rgb", "RGB", 640, 480},
    {"format=gray8", "GRAY8", 640, 480},
    {"width=100", "RGB", 100, 480},
    {"height=100", "RGB", 640, 100},
    {"width=320 height=200 format=yuy2 stride=700 offset=9", "YUY2", 320, 200},
    {"width=1 height=1", "RGB", 1, 1},
    {"bar=0", "RGB", 640, 480},
    {"access=auto", "RGB", 640, 480},
  };
  char **words = g_strsplit (cases[__i__].properties, " ", -1);
  GstHarness *h = source_new ("sim", NULL);

  for (guint i = 0; words[i]; i++) {
    char **pair = g_strsplit (words[i], "=", 2);

    gst_util_set_object_arg (G_OBJECT (h->element), pair[0], pair[1]);
    g_strfreev (pair);
  }
  source_start (h, 1);
  check_caps (h, cases[__i__].format, cases[__i__].width, cases[__i__].height);

  source_teardown (h);
  g_strfreev (words);
}

GST_END_TEST;

/* What is set while frames flow counts from the next start on */
GST_START_TEST (test_set_while_playing)
{
  GstHarness *h = source_new ("sim", "width", 32, "height", 16, NULL);

  source_start (h, 3);
  g_object_set (h->element, "device", "/nowhere/at-all", "width", 64,
      "height", 8, "offset", (guint64) 5, "stride", 1000, "bar", 3, NULL);
  gst_util_set_object_arg (G_OBJECT (h->element), "format", "gray8");
  source_drop (h, 3);
  gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
  source_drop (h, 3);
  check_caps (h, "RGB", 32, 16);
  source_check_no_error (h);

  source_stop (h);
  g_object_set (h->element, "device", "sim", "bar", -1, NULL);
  source_start (h, 1);
  check_caps (h, "GRAY8", 64, 8);
  source_teardown (h);
}

GST_END_TEST;

static void
count_notify (GObject * object, GParamSpec * spec, guint * n)
{
  (*n)++;
}

static void
check_device (GstHarness * h, const char *name, const char *address)
{
  char *got_name, *got_address;

  g_object_get (h->element, "device-name", &got_name, "device-address",
      &got_address, NULL);
  fail_unless (g_strcmp0 (got_name, name) == 0, "%s", got_name);
  fail_unless (g_strcmp0 (got_address, address) == 0, "%s", got_address);
  g_free (got_name);
  g_free (got_address);
}

/* Known as long as the device is open; whoever wants to is told */
GST_START_TEST (test_device_name)
{
  GstHarness *h = source_new ("sim", "width", 32, "height", 16, NULL);
  guint names = 0, addresses = 0;
  TestFile file;
  char *words;

  test_file_init (&file, "bar", 32 * 16 * 3, 1);
  words = g_strdup ("file bar");
  g_signal_connect (h->element, "notify::device-name",
      G_CALLBACK (count_notify), &names);
  g_signal_connect (h->element, "notify::device-address",
      G_CALLBACK (count_notify), &addresses);

  check_device (h, NULL, NULL);
  gst_element_set_state (h->element, GST_STATE_READY);
  check_device (h, NULL, NULL);
  gst_harness_play (h);
  check_device (h, "simulated device", "sim");
  fail_unless (names == 1 && addresses == 1);

  source_stop (h);
  check_device (h, NULL, NULL);

  g_object_set (h->element, "device", file.path, NULL);
  names = addresses = 0;
  gst_harness_play (h);
  check_device (h, words, file.path);
  fail_unless (names == 1 && addresses == 1);

  /* Not the property's text */
  g_object_set (h->element, "device", "sim", NULL);
  check_device (h, words, file.path);

  source_teardown (h);
  g_free (words);
  test_file_clear (&file);
}

GST_END_TEST;

/* That they are gone is a change, too */
GST_START_TEST (test_device_name_goes)
{
  GstHarness *h = source_new ("sim", NULL);
  guint names = 0, addresses = 0;

  gst_harness_play (h);
  g_signal_connect (h->element, "notify::device-name",
      G_CALLBACK (count_notify), &names);
  g_signal_connect (h->element, "notify::device-address",
      G_CALLBACK (count_notify), &addresses);
  source_stop (h);
  fail_unless (names == 1 && addresses == 1);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
properties_suite (void)
{
  Suite *s = suite_create ("gst-properties");
  TCase *tc = add_case (s, "inspect");

  tcase_add_test (tc, test_list);
  tcase_add_loop_test (tc, test_texts_and_flags, 0, G_N_ELEMENTS (properties));
  tcase_add_loop_test (tc, test_default, 0, G_N_ELEMENTS (properties));
  tcase_add_loop_test (tc, test_round_trip, 0, G_N_ELEMENTS (properties));
  tcase_add_loop_test (tc, test_refused, 0, G_N_ELEMENTS (refused));
  tcase_add_test (tc, test_ranges);
  tcase_add_test (tc, test_enums);
  tcase_add_test (tc, test_format_names);
  tcase_add_test (tc, test_metadata);
  tcase_add_test (tc, test_plugin);
  tcase_add_test (tc, test_template);

  tc = add_case (s, "effect");
  tcase_add_unchecked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_loop_test (tc, test_geometry, 0, 9);
  tcase_add_test (tc, test_set_while_playing);
  tcase_add_test (tc, test_device_name);
  tcase_add_test (tc, test_device_name_goes);

  return s;
}

GST_CHECK_MAIN (properties);
