/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What goes wrong, as an application sees it on the bus: the domain and the
 * code, a sentence that names the device and says what to type, and in the
 * debug string what the system said. (What needs a PCI bus is tested on one.)
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "source.h"

#define SIZE (16 * 8 * 3)

static TestFile file;
static guint fds;

static void
setup (void)
{
  temp_setup ();
  test_file_init (&file, "bar", SIZE, 1);
}

static void
teardown (void)
{
  test_file_clear (&file);
  temp_teardown ();
}

static GstHarness *
new_source (const char *device)
{
  GstHarness *h = source_new (device, "width", 16, "height", 8, NULL);

  fds = count_fds ();
  return h;
}

static void
set (GstHarness * h, const char *property, const char *value)
{
  gst_util_set_object_arg (G_OBJECT (h->element), property, value);
}

/* As if it had never been set */
static void
reset (GstHarness * h, const char *property)
{
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS
      (h->element), property);

  g_object_set_property (G_OBJECT (h->element), property,
      g_param_spec_get_default_value (spec));
}

static void
fail_to_start (GstHarness * h)
{
  fail_unless_equals_int (gst_element_set_state (h->element, GST_STATE_PLAYING),
      GST_STATE_CHANGE_FAILURE);
}

/* Nothing is left of the attempt; and what was wrong can be put right, and the
 * same element starts */
static void
check_recovery (GstHarness * h)
{
  source_stop (h);
  source_check_no_error (h);
  fail_unless_equals_int (count_maps (file.path), 0);
  fail_unless_equals_int (count_maps ("mmiovid-sim"), 0);
  fail_unless_equals_int (count_maps ("mmiovid-check"), 0);
  fail_unless_equals_int (count_fds (), fds);
  fail_unless_equals_int (gst_harness_buffers_received (h), 0);

  g_object_set (h->element, "device", file.path, "bar", -1, "width", 16,
      "height", 8, "offset", (guint64) 0, "stride", 0, NULL);
  set (h, "format", "rgb");
  source_start (h, 2);
  source_check_no_error (h);
  source_teardown (h);
}

#define SETTINGS GST_RESOURCE_ERROR_SETTINGS
#define NOT_FOUND GST_RESOURCE_ERROR_NOT_FOUND
#define OPEN_READ GST_RESOURCE_ERROR_OPEN_READ

/* --- Text that names no device ------------------------------------------------- */

GST_START_TEST (test_malformed)
{
  static const char *const malformed[] = {
    "", "SIM", "video0", "0000:03:00", "03:00.8", "10ee:702", "10ee:7024@",
    " sim", "0x10ee:0x7024"
  };
  GstHarness *h = new_source (malformed[__i__]);
  char *quoted = g_strdup_printf ("'%s'", malformed[__i__]);

  fail_to_start (h);
  /* It shows all the forms that it takes */
  source_check_error (h, GST_RESOURCE_ERROR, SETTINGS, NULL, quoted,
      "set device to", "sim", "0000:03:00.0", " 03:00.0", "10ee:7024",
      "10ee:7024@1", "/dev/shm/ivshmem", NULL);
  g_free (quoted);
  check_recovery (h);
}

GST_END_TEST;

GST_START_TEST (test_no_text)
{
  GstHarness *h = new_source (NULL);

  fail_to_start (h);
  source_check_error (h, GST_RESOURCE_ERROR, SETTINGS, NULL, "''",
      "set device to", NULL);
  check_recovery (h);
}

GST_END_TEST;

/* --- No such device -------------------------------------------------------------- */

/* Whether there is a PCI bus here or not: not at these addresses */
GST_START_TEST (test_no_pci_device)
{
  static const char *const nowhere[] = {
    "fffe:ff:1f.7", "fffe:fffe", "fffe:fffe@3"
  };
  GstHarness *h = new_source (nowhere[__i__]);
  const gboolean has_bus = g_file_test ("/sys/bus/pci/devices",
      G_FILE_TEST_IS_DIR);

  fail_to_start (h);
  if (has_bus)
    source_check_error (h, GST_RESOURCE_ERROR, NOT_FOUND, NULL,
        nowhere[__i__], "lspci -Dnn", NULL);
  else
    source_check_error (h, GST_RESOURCE_ERROR, NOT_FOUND, "errno 2",
        "no PCI bus", "device=sim", NULL);
  check_recovery (h);
}

GST_END_TEST;

GST_START_TEST (test_no_file)
{
  char *path = temp_path ("absent");
  GstHarness *h = new_source (path);

  fail_to_start (h);
  source_check_error (h, GST_RESOURCE_ERROR, NOT_FOUND,
      "open: No such file or directory (errno 2)", path, "set device to", NULL);
  g_free (path);
  check_recovery (h);
}

GST_END_TEST;

GST_START_TEST (test_file_in_file)
{
  char *path = g_build_filename (file.path, "x", NULL);
  GstHarness *h = new_source (path);

  fail_to_start (h);
  source_check_error (h, GST_RESOURCE_ERROR, NOT_FOUND,
      "open: Not a directory (errno 20)", path, "set device to", NULL);
  g_free (path);
  check_recovery (h);
}

GST_END_TEST;

/* --- Files that are none ----------------------------------------------------------- */

GST_START_TEST (test_directory)
{
  char *path = g_path_get_dirname (file.path);
  GstHarness *h = new_source (path);

  fail_to_start (h);
  source_check_error (h, GST_RESOURCE_ERROR, SETTINGS, NULL, path,
      "neither a regular file", "Set device to", NULL);
  g_free (path);
  check_recovery (h);
}

GST_END_TEST;

/* Nobody waits for the other end */
GST_START_TEST (test_fifo)
{
  char *path = temp_path ("fifo");
  GstHarness *h;

  fail_unless (mkfifo (path, 0600) == 0);
  h = new_source (path);
  fail_to_start (h);
  source_check_error (h, GST_RESOURCE_ERROR, SETTINGS, NULL, path,
      "neither a regular file", NULL);
  g_remove (path);
  g_free (path);
  check_recovery (h);
}

GST_END_TEST;

GST_START_TEST (test_empty_file)
{
  char *path = temp_file ("empty", NULL, 0);
  GstHarness *h = new_source (path);

  fail_to_start (h);
  source_check_error (h, GST_RESOURCE_ERROR, SETTINGS, NULL, path, "is empty",
      NULL);
  g_remove (path);
  g_free (path);
  check_recovery (h);
}

GST_END_TEST;

/* What the system refuses for a reason of its own */
GST_START_TEST (test_link_to_itself)
{
  char *path = temp_path ("loop");
  GstHarness *h;

  fail_unless (symlink (path, path) == 0);
  h = new_source (path);
  fail_to_start (h);
  source_check_error (h, GST_RESOURCE_ERROR, OPEN_READ,
      "open: Too many levels of symbolic links (errno 40)", path, NULL);
  g_remove (path);
  g_free (path);
  check_recovery (h);
}

GST_END_TEST;

/* Root may read anything, so this thread is somebody else for a moment; not
 * all of them are, as for the others there is nothing to see */
GST_START_TEST (test_no_permission)
{
  GstHarness *h = new_source (file.path);
  const uid_t nobody = 65534;

  fail_unless (g_chmod (file.path, 0600) == 0);
  fail_unless (geteuid () != 0 || seteuid (nobody) == 0);
  fail_to_start (h);
  fail_unless (getuid () != 0 || seteuid (0) == 0);

  source_check_error (h, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_AUTHORIZED,
      "open: Permission denied (errno 13)", file.path, "sudo chgrp video",
      NULL);
  check_recovery (h);
}

GST_END_TEST;

/* --- Pictures that cannot be ---------------------------------------------------------- */

typedef struct
{
  const char *property, *value;
  const char *property2, *value2;
    GQuark (*domain) (void);
  gint code;
  const char *words[4];
} Setting;

static const Setting settings[] = {
  /* A file cannot tell */
  {"width", "0", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"Cannot determine the size of the frame", "Set width and height"}},
  {"height", "0", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"Cannot determine the size of the frame", "Set width and height"}},

  /* Both sizes are said: 384 bytes there are */
  {"width", "17", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {" 408", " 384 ", "of 17x8 RGB"}},
  {"height", "9", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {" 432", " 384 ", "Correct width"}},
  {"offset", "1", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {" 385", " 384 ", "offset"}},
  {"stride", "49", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {" 391", " 384 ", "stride"}},
  {"format", "bgrx", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {" 512", " 384 "}},

  {"stride", "47", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"stride of 47 ", "16 RGB", "48 or more"}},
  {"stride", "1", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"stride of 1 ", "48 or more", "to 0"}},

  /* Sums that overflow */
  {"offset", "18446744073709551615", NULL, NULL, gst_resource_error_quark,
      SETTINGS, {"18446744073709551615", "Set offset"}},
  {"offset", "18446744073709551400", NULL, NULL, gst_resource_error_quark,
      SETTINGS, {"18446744073709551400", "Set offset"}},
  {"offset", "9223372036854775807", NULL, NULL, gst_resource_error_quark,
      SETTINGS, {" 384 ", "offset"}},
  {"width", "65536", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"65536", "65535", "Reduce width"}},
  {"height", "2147483647", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"2147483647", "65535", "Reduce height"}},
  {"width", "65535", "height", "65535", gst_resource_error_quark, SETTINGS,
      {"2 GiB", "65535 x 65535", "Reduce width"}},
  {"stride", "2147483647", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"2 GiB", "stride"}},

  {"bar", "1", NULL, NULL, gst_resource_error_quark, NOT_FOUND,
      {"Cannot use bar=1", "bar at -1"}},
  {"bar", "5", NULL, NULL, gst_resource_error_quark, NOT_FOUND,
      {"Cannot use bar=5", "bar at -1"}},

  /* What a file has not got is not dropped in silence */
  {"access", "sysfs", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"Cannot use access=sysfs", "is not a PCI device", "access at auto"}},
  {"access", "vfio", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"Cannot use access=vfio", "is not a PCI device", "access at auto"}},
  {"access", "uio", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"Cannot use access=uio", "is not a PCI device", "access at auto"}},
  {"buffer-step", "1024", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"Cannot use buffer-step", "Set buffers"}},
  {"mapping", "uncached", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"ordinary memory", "Set mapping to auto"}},
  {"mapping", "write-combining", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"ordinary memory", "Set mapping to auto"}},
  {"counter-bar", "1", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"a register in BAR 1", "Leave counter-bar at -1"}},
  {"counter-seqlock", "true", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"Cannot use counter-seqlock", "Set counter-offset"}},
  {"index-offset", "0", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"Set buffers"}},
  {"frame-sync", "interrupt", NULL, NULL, gst_resource_error_quark, SETTINGS,
      {"it has none", "frame-sync=counter or clock"}},
  {"format", "encoded", NULL, NULL, gst_stream_error_quark,
      GST_STREAM_ERROR_FORMAT, {"encoded", "Set format"}},
  {"format", "rgb8p", NULL, NULL, gst_stream_error_quark,
      GST_STREAM_ERROR_FORMAT, {"rgb8p", "Set format"}},
  {"format", "nv12-64z32", NULL, NULL, gst_stream_error_quark,
      GST_STREAM_ERROR_FORMAT, {"nv12-64z32", "Set format"}},
};

GST_START_TEST (test_setting)
{
  const Setting *s = &settings[__i__];
  GstHarness *h = new_source (file.path);

  set (h, s->property, s->value);
  if (s->property2)
    set (h, s->property2, s->value2);
  fail_to_start (h);
  source_check_error (h, s->domain (), s->code, NULL, s->words[0], s->words[1],
      s->words[2], s->words[2] ? s->words[3] : NULL, NULL);
  reset (h, s->property);
  check_recovery (h);
}

GST_END_TEST;

/* Errors about what a file is like say which file */
GST_START_TEST (test_setting_names_device)
{
  GstHarness *h = new_source (file.path);

  set (h, "width", "17");
  fail_to_start (h);
  source_check_error (h, GST_RESOURCE_ERROR, SETTINGS, NULL, file.path, NULL);
  source_stop (h);
  set (h, "width", "0");
  fail_to_start (h);
  source_check_error (h, GST_RESOURCE_ERROR, SETTINGS, NULL, file.path, NULL);
  source_stop (h);
  set (h, "width", "16");
  set (h, "bar", "2");
  fail_to_start (h);
  source_check_error (h, GST_RESOURCE_ERROR, NOT_FOUND, NULL, file.path, NULL);
  check_recovery (h);
}

GST_END_TEST;

GST_START_TEST (test_sim_cannot_paint)
{
  GstHarness *h = new_source ("sim");

  set (h, "format", "v210");
  fail_to_start (h);
  source_check_error (h, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, NULL,
      "Cannot simulate format", "v210", "Set format", NULL);
  check_recovery (h);
}

GST_END_TEST;

GST_START_TEST (test_sim_has_one_bar)
{
  GstHarness *h = new_source ("sim");

  set (h, "bar", "1");
  fail_to_start (h);
  source_check_error (h, GST_RESOURCE_ERROR, NOT_FOUND, NULL,
      "Cannot use bar=1", "bar at -1", NULL);
  check_recovery (h);
}

GST_END_TEST;

GST_START_TEST (test_sim_has_one_way)
{
  static const struct
  {
    const char *property, *value, *word;
  } cases[] = {
    {"access", "sysfs", "Cannot use access=sysfs: sim is not a PCI device"},
    {"access", "vfio", "Cannot use access=vfio: sim is not a PCI device"},
    {"access", "uio", "Cannot use access=uio: sim is not a PCI device"},
    {"mapping", "uncached", "Set mapping to auto"},
    {"mapping", "write-combining", "Set mapping to auto"},
    {"counter-bar", "1", "in BAR 1"},
    {"buffer-step", "4096", "Cannot use buffer-step: sim"},
  };
  GstHarness *h = new_source ("sim");

  set (h, cases[__i__].property, cases[__i__].value);
  fail_to_start (h);
  source_check_error (h, GST_RESOURCE_ERROR, SETTINGS, NULL,
      cases[__i__].word, NULL);
  reset (h, cases[__i__].property);
  check_recovery (h);
}

GST_END_TEST;

/* --- Limits of the system ----------------------------------------------------------------- */

GST_START_TEST (test_sim_without_memory)
{
  const struct rlimit none = { 4096, RLIM_INFINITY };
  const struct rlimit any = { RLIM_INFINITY, RLIM_INFINITY };
  GstHarness *h = new_source ("sim");

  signal (SIGXFSZ, SIG_IGN);
  set (h, "width", "1000");
  fail_unless (setrlimit (RLIMIT_FSIZE, &none) == 0);
  fail_to_start (h);
  fail_unless (setrlimit (RLIMIT_FSIZE, &any) == 0);
  source_check_error (h, GST_RESOURCE_ERROR, OPEN_READ,
      "File too large (errno 27)", "limit of file sizes is lower",
      "reduce width", NULL);
  check_recovery (h);
}

GST_END_TEST;

static guint64
address_space (void)
{
  char *text;
  guint64 pages;

  fail_unless (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  pages = g_ascii_strtoull (text, NULL, 10);
  g_free (text);
  return pages * page_size ();
}

/* A file with holes that is as large as a picture may be, and not enough
 * addresses for it */
GST_START_TEST (test_no_addresses)
{
  struct rlimit limit, before;
  char *path = temp_file ("large", NULL, 0);
  GstHarness *h;

  fail_unless (truncate (path, G_MAXINT) == 0);
  h = new_source (path);
  set (h, "width", "32768");
  set (h, "height", "65535");
  set (h, "format", "gray8");

  fail_unless (getrlimit (RLIMIT_AS, &before) == 0);
  limit = before;
  limit.rlim_cur = address_space () + 512 * 1024 * 1024;
  fail_unless (setrlimit (RLIMIT_AS, &limit) == 0);
  fail_to_start (h);
  fail_unless (setrlimit (RLIMIT_AS, &before) == 0);

  source_check_error (h, GST_RESOURCE_ERROR, OPEN_READ,
      "mmap: Cannot allocate memory (errno 12)", "Cannot map ", path, NULL);
  g_remove (path);
  g_free (path);
  check_recovery (h);
}

GST_END_TEST;

/* --- More than one ------------------------------------------------------------------------- */

/* Several attempts, several errors, one each */
GST_START_TEST (test_again_and_again)
{
  GstHarness *h = new_source ("sim");

  set (h, "bar", "1");
  for (guint i = 0; i < 50; i++) {
    fail_to_start (h);
    source_stop (h);
  }
  fail_unless_equals_int (source_count_messages (h, GST_MESSAGE_ERROR), 50);
  check_recovery (h);
}

GST_END_TEST;

/* An application that shows errors as GStreamer's tools do gets them whole */
GST_START_TEST (test_in_pipeline)
{
  GError *error = NULL, *posted;
  char *debug;
  GstElement *pipeline = gst_parse_launch ("mmiovidsrc name=source "
      "device=10ee ! fakesink", &error);
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;

  fail_if (error);
  fail_unless_equals_int (gst_element_set_state (pipeline, GST_STATE_PLAYING),
      GST_STATE_CHANGE_FAILURE);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  fail_unless (message != NULL);
  fail_unless_equals_string (GST_MESSAGE_SRC_NAME (message), "source");
  gst_message_parse_error (message, &posted, &debug);
  fail_unless (strstr (posted->message, "'10ee'"));
  fail_unless (debug && strstr (debug, "source"));
  g_error_free (posted);
  g_free (debug);
  gst_message_unref (message);
  fail_if (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR));

  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
}

GST_END_TEST;

/* What is wrong, and where in the source it is found */
static const struct
{
  const char *device, *access, *file;
} places[] = {
  {"/nowhere/bar", "auto", "mmiofile.c"},
  {"nowhere", "auto", "mmioaddress.c"},
  {"sim", "vfio", "mmioopen.c"},
};

static gint logged;

static void
count_log (GstDebugCategory * category, GstDebugLevel level,
    const char *log_file, const char *function, gint line, GObject * object,
    GstDebugMessage * message, gpointer wanted)
{
  if (g_str_equal (gst_debug_category_get_name (category), "mmiovidsrc") &&
      level <= GST_LEVEL_WARNING && g_str_has_suffix (log_file, wanted) &&
      strstr (gst_debug_message_get (message), "error: "))
    g_atomic_int_inc (&logged);
}

/* An error is in the log of the element's category, and it has the place that found
 * the fault */
GST_START_TEST (test_log)
{
  const char *source = places[__i__].file;
  GstHarness *h = source_new (places[__i__].device, NULL);
  GstMessage *posted;
  g_autofree char *debug = NULL;

  gst_util_set_object_arg (G_OBJECT (h->element), "access",
      places[__i__].access);

  gst_debug_set_active (TRUE);
  gst_debug_set_threshold_for_name ("mmiovidsrc", GST_LEVEL_WARNING);
  gst_debug_add_log_function (count_log, (gpointer) source, NULL);
  fail_unless_equals_int (gst_element_set_state (h->element,
          GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
  gst_debug_remove_log_function (count_log);
  fail_unless_equals_int (g_atomic_int_get (&logged), 1);
  posted = source_wait_message (h, GST_MESSAGE_ERROR);
  gst_message_parse_error (posted, NULL, &debug);
  fail_unless (strstr (debug, source) != NULL, "%s", debug);
  gst_message_unref (posted);
  source_teardown (h);
}

GST_END_TEST;

static Suite *
errors_suite (void)
{
  Suite *s = suite_create ("gst-errors");
  TCase *tc = add_case (s, "device");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_malformed, 0, 9);
  tcase_add_test (tc, test_no_text);
  tcase_add_loop_test (tc, test_log, 0, G_N_ELEMENTS (places));
  tcase_add_loop_test (tc, test_no_pci_device, 0, 3);
  tcase_add_test (tc, test_no_file);
  tcase_add_test (tc, test_file_in_file);
  tcase_add_test (tc, test_directory);
  tcase_add_test (tc, test_fifo);
  tcase_add_test (tc, test_empty_file);
  tcase_add_test (tc, test_link_to_itself);
  tcase_add_test (tc, test_no_permission);

  tc = add_case (s, "picture");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_setting, 0, G_N_ELEMENTS (settings));
  tcase_add_test (tc, test_setting_names_device);
  tcase_add_test (tc, test_sim_cannot_paint);
  tcase_add_test (tc, test_sim_has_one_bar);
  tcase_add_loop_test (tc, test_sim_has_one_way, 0, 7);

  tc = add_case (s, "limits");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_sim_without_memory);
  tcase_add_test (tc, test_no_addresses);

  tc = add_case (s, "several");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_again_and_again);
  tcase_add_test (tc, test_in_pipeline);

  return s;
}

GST_CHECK_MAIN (errors);
