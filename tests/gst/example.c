/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The example program, as a person runs it.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "fixtures/helper.h"

/* As in their first line */
#define PYTHON "/usr/bin/python3"

/* Runs a program with arguments that are split at blanks */
static int
run_program (const char *program, const char *arguments, char **out, char **err)
{
  char *command = g_strdup_printf ("%s %s", program, arguments);
  GError *error = NULL;
  int status;

  fail_unless (g_spawn_command_line_sync (command, out, err, &status, &error),
      "%s: %s", command, error ? error->message : "");
  fail_unless (WIFEXITED (status), "%s crashed", command);
  GST_INFO ("%s: %d\n%s%s", command, WEXITSTATUS (status), *out, *err);
  g_free (command);
  return WEXITSTATUS (status);
}

static int
run (const char *arguments, char **out, char **err)
{
  return run_program (EXAMPLE, arguments, out, err);
}

/* The line that begins so, split at blanks */
static char **
find_line (const char *text, const char *begin)
{
  char **lines = g_strsplit (text, "\n", -1), **words = NULL;

  for (guint i = 0; lines[i]; i++) {
    if (g_str_has_prefix (lines[i], begin))
      words = g_strsplit (lines[i], " ", -1);
  }
  fail_unless (words != NULL, "no '%s' in: %s", begin, text);
  g_strfreev (lines);
  return words;
}

static void
check_total (const char *out, const char *frames, double red, double green,
    double blue)
{
  /* in all: N frames, M missed, mean colour R G B */
  char **words = find_line (out, "in all: ");
  const double colour[] = { red, green, blue };

  fail_unless_equals_int (g_strv_length (words), 11);
  fail_unless_equals_string (words[2], frames);
  fail_unless_equals_string (words[3], "frames,");
  fail_unless_equals_string (words[5], "missed,");
  for (guint i = 0; red >= 0 && i < 3; i++)
    fail_unless (ABS (g_ascii_strtod (words[8 + i], NULL) - colour[i]) <= 0.1,
        "%s", out);
  g_strfreev (words);
}

/* Half of the picture is one colour, half another */
static char *
make_file (const char *name, guint n_pixels, guint pixel_size)
{
  const guint8 one[] = { 200, 100, 0, 7 }, other[] = { 100, 0, 50, 7 };
  guint8 *data = g_malloc (n_pixels * pixel_size);
  char *path;

  for (guint i = 0; i < n_pixels; i++)
    memcpy (data + i * pixel_size, i % 2 ? one : other, pixel_size);
  path = temp_file (name, data, n_pixels * pixel_size);
  g_free (data);
  return path;
}

GST_START_TEST (test_rgb)
{
  char *path = make_file ("rgb", 12 * 6, 3);
  char *arguments = g_strdup_printf ("--frames=5 device=%s width=12 height=6",
      path);
  char *out, *err;

  fail_unless_equals_int (run (arguments, &out, &err), 0);
  fail_unless (strstr (out, "reading from: file rgb\n"));
  check_total (out, "5", 150, 50, 25);
  fail_unless_equals_string (err, "");
  g_free (out);
  g_free (err);
  g_free (arguments);
  g_free (path);
}

GST_END_TEST;

/* Another format, with a stride that is none of RGB */
GST_START_TEST (test_bgrx)
{
  char *path = make_file ("bgrx", 10 * 6, 4);
  char *arguments = g_strdup_printf ("--frames=3 device=%s width=10 height=6 "
      "format=bgrx", path);
  char *out, *err;

  fail_unless_equals_int (run (arguments, &out, &err), 0);
  check_total (out, "3", 25, 50, 150);
  g_free (out);
  g_free (err);
  g_free (arguments);
  g_free (path);
}

GST_END_TEST;

/* What one sees without an argument; a line for each second that has passed */
GST_START_TEST (test_sim)
{
  char *out, *err;

  fail_unless_equals_int (run ("--frames=60", &out, &err), 0);
  fail_unless (strstr (out, "reading from: simulated device\n"));
  g_strfreev (find_line (out, "1 s: "));
  check_total (out, "60", -1, -1, -1);
  g_free (out);
  g_free (err);
}

GST_END_TEST;

GST_START_TEST (test_errors)
{
  static const struct
  {
    const char *arguments;
    const char *words[2];
  } errors[] = {
    {"device=video0", {"mmiovidsrc0: Cannot parse 'video0' as a device",
            "set device to"}},
    {"device=/absent", {"Cannot open /absent: there is no such file",
            "errno 2"}},
    {"width", {"'width' is no PROPERTY=VALUE", "gst-inspect-1.0"}},
    {"with=5", {"'with=5' is no PROPERTY=VALUE", "gst-inspect-1.0"}},
    {"--frames=1 width=x", {"'width=x' is no PROPERTY=VALUE",
            "gst-inspect-1.0"}},
    {"--frames=1 format=x", {"'format=x' is no PROPERTY=VALUE",
            "gst-inspect-1.0"}},
    {"--frames=1 stats=x", {"'stats=x' is no PROPERTY=VALUE",
            "gst-inspect-1.0"}},
    {"--frames=1 =5", {"'=5' is no PROPERTY=VALUE", "gst-inspect-1.0"}},
    {"--frames=1 --what", {"'--what' is no PROPERTY=VALUE", "gst-inspect-1.0"}},
    {"--frames=x", {"'x' is no number of frames", ""}},
    {"--frames=", {"'' is no number of frames", ""}},
  };
  char *out, *err;

  fail_unless_equals_int (run (errors[__i__].arguments, &out, &err), 1);
  fail_unless_equals_string (out, "");
  fail_unless (strstr (err, errors[__i__].words[0]), "%s", err);
  fail_unless (strstr (err, errors[__i__].words[1]), "%s", err);
  fail_if (strstr (err, "CRITICAL"), "%s", err);
  g_free (out);
  g_free (err);
}

GST_END_TEST;

/* The examples in Python are run as printed by the tests of documents */
GST_START_TEST (test_python_errors)
{
  static const struct
  {
    const char *arguments;
    int status;
    const char *word;
  } errors[] = {
    {"frames.py device=/absent", 1, "Cannot open /absent: there is no such "
          "file"},
    {"frames.py width=x", 2, "could not set property \"width\""},
    {"frames.py with=5", 2, "no property \"with\""},
    {"frames.py --what", 2, "'--what' is no PROPERTY=VALUE"},
    {"frames.py width", 2, "'width' is no PROPERTY=VALUE"},
    {"stats.py", 1, "Usage: stats.py"},
    {"stats.py mmiovidsrc", 1, "one element is no pipeline"},
    {"stats.py identity ! fakesink", 1, "there is no mmiovidsrc"},
    {"stats.py mmiovidsrc device=/absent ! fakesink", 1,
        "Cannot open /absent: there is no such file"},
    {"stats.py mmiovidsrc width=x ! fakesink", 1,
        "could not set property \"width\""},
    {"stats.py mmiovidsrc --what ! fakesink", 1, "syntax error"},
  };
  char *out, *err;

#ifdef __SANITIZE_ADDRESS__
  g_print
      ("SKIP: the address sanitizer cannot be loaded into Python; run it in a "
      "build without\n");
  return;
#endif

  if (run_program (PYTHON, "-c 'from gi.repository import GstVideo'", &out,
          &err) != 0) {
    g_print ("SKIP: install python3-gi and gir1.2-gst-plugins-base-1.0\n");
    g_free (out);
    g_free (err);
    return;
  }

  for (guint i = 0; i < G_N_ELEMENTS (errors); i++) {
    g_autofree char *arguments = g_strconcat (EXAMPLES, errors[i].arguments,
        NULL);

    g_free (out);
    g_free (err);
    fail_unless_equals_int (run_program (PYTHON, arguments, &out, &err),
        errors[i].status);
    fail_unless (strstr (err, errors[i].word), "%s", err);
    fail_if (strstr (err, "CRITICAL") || strstr (err, "Traceback"), "%s", err);
  }
  g_free (out);
  g_free (err);
}

GST_END_TEST;

/* Ctrl-C ends it in good order */
GST_START_TEST (test_interrupt)
{
  const char *argv[] = { EXAMPLE, NULL };
  GError *error = NULL;
  char line[200], last[200] = "";
  FILE *stream;
  GPid pid;
  int out, status;

  fail_unless (g_spawn_async_with_pipes (NULL, (char **) argv, NULL,
          G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, NULL, &out, NULL,
          &error), "%s", error ? error->message : "");
  stream = fdopen (out, "r");
  /* It runs when it has said where from */
  fail_unless (fgets (line, sizeof (line), stream) != NULL);
  fail_unless (kill (pid, SIGINT) == 0);
  while (fgets (line, sizeof (line), stream))
    g_strlcpy (last, line, sizeof (last));
  fail_unless (g_str_has_prefix (last, "in all: "), "%s", last);
  fclose (stream);
  fail_unless (waitpid (pid, &status, 0) == pid);
  fail_unless (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}

GST_END_TEST;

static Suite *
example_suite (void)
{
  Suite *s = suite_create ("gst-example");
  TCase *tc = add_case (s, "appsink");

  tcase_add_unchecked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_test (tc, test_rgb);
  tcase_add_test (tc, test_bgrx);
  tcase_add_test (tc, test_sim);
  tcase_add_loop_test (tc, test_errors, 0, 11);
  tcase_add_test (tc, test_python_errors);
  tcase_add_test (tc, test_interrupt);

  return s;
}

GST_CHECK_MAIN (example);
