/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program as a person calls it, on what is no PCI device.
 */
#include "helper.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-glib/json-glib.h>

static char *directory;
static const char *program;
static char *out, *err;

/* Runs the program with the words of @line; returns its exit code.  Under
 * valgrind if we are. */
static int
run (const char *line)
{
  const char *under = g_getenv ("TEST_UNDER");
  g_autofree char *command = g_strjoin (" ", under ? under : "", program, line,
      NULL);
  g_auto (GStrv) words = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_clear_pointer (&out, g_free);
  g_clear_pointer (&err, g_free);
  g_test_message ("%s", command);
  g_assert_true (g_shell_parse_argv (command, NULL, &words, NULL));
  g_spawn_sync (directory, words, NULL, G_SPAWN_SEARCH_PATH, NULL,
      NULL, &out, &err, &status, &error);
  g_assert_no_error (error);
  if (!WIFEXITED (status))
    g_error ("%s ended with status %d: %s", command, status, err);

  return WEXITSTATUS (status);
}

static void
check (const char *line, int expected)
{
  int code = run (line);

  if (code != expected)
    g_error ("'%s' ended with %d, not %d: %s", line, code, expected, err);
}

/* One sentence on standard error, with @word, and nothing else */
static void
fail (const char *line, int expected, const char *word)
{
  check (line, expected);
  g_assert_cmpstr (out, ==, "");
  g_assert_true (g_str_has_prefix (err, "mmiovid-probe: "));
  check_words (err, word, NULL);
}

static void
test_help (void)
{
  check ("--help", 0);
  check_words (out, "[DEVICE]", "--bar", "--offset", "--length", "--width",
      "--height", "--format", "--rate", "--json", "--plot", "--force", NULL);

  check ("--version", 0);
  g_assert_true (g_regex_match_simple ("^mmiovid-probe [0-9]+\\.[0-9]+", out, 0,
          0));
}

static void
test_usage (void)
{
  fail ("--nonsense", 2, "mmiovid-probe --help");
  fail ("--bar 1", 2, "Cannot measure without a device");
  fail ("sim sim", 2, "Cannot measure several devices");
  fail ("sim --rate never", 2, "--rate");
  fail ("sim --format png", 2, "--format");
  fail ("no-such-thing", 2, "as a device; set device to");
}

static void
test_errors (void)
{
  fail ("./no-such-file", 1, "Cannot open ./no-such-file: there is no such "
      "file");
  fail ("sim --bar 1", 1, "Cannot use bar=1");
  fail ("sim --length 1000000000", 1, "--length");
  fail ("sim --width 65535 --height 65535 -t 0.01", 1, "2 GiB");
  fail ("memory --width 100000", 2, "--width");
}

static void
test_list (void)
{
  JsonParser *parser = json_parser_new ();
  GError *error = NULL;

  if (access ("/sys/bus/pci/devices", R_OK) != 0) {
    fail ("", 1, "no PCI bus");
  } else {
    check ("", 0);
    g_assert_cmpstr (out, !=, "");
    check ("--json", 0);
    json_parser_load_from_data (parser, out, -1, &error);
    g_assert_no_error (error);
    g_assert_true (json_object_has_member (json_node_get_object
            (json_parser_get_root (parser)), "bars"));
  }
  g_object_unref (parser);
}

static void
test_sim (void)
{
  check ("sim -t 0.05", 0);
  check_words (out, "simulated device", "ordinary memory", "4 bytes (u32)",
      "engine u64", "Best: gst-launch-1.0 mmiovidsrc device=sim engine=",
      " ! autovideosink\n",
      "A frame of 640 x 480 RGB has 921600 bytes", "\nimporters\n", NULL);
  g_assert_cmpstr (err, ==, "Measuring cached ...\n");

  check ("sim -t 0.05 -q --width 101 --height 51 --format nv12 --stride 128 "
      "--rate 30000/1001", 0);
  check_words (out, "101 x 51 NV12 has 7803 bytes. At 29.97 frames per second",
      " ! videoconvert ! autovideosink\n", NULL);
  g_assert_cmpstr (err, ==, "");

  check ("sim -t 0.05 -q --width 17 --height 5", 0);
  check_words (out, "engine u64", "No advice: ", NULL);
}

static JsonObject *
get_root (JsonParser * parser)
{
  g_autoptr (GError) error = NULL;

  json_parser_load_from_data (parser, out, -1, &error);
  g_assert_no_error (error);
  return json_node_get_object (json_parser_get_root (parser));
}

static void
test_file (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autofree char *memory = g_strnfill (100000, 'x');
  g_autofree char *plot = g_build_filename (directory, "plot.svg", NULL);
  g_autofree char *svg = NULL;
  JsonObject *root;

  g_free (write_file (directory, "memory", memory));

  /* No picture: it still measures, and says how to learn more */
  check ("./memory -q -t 0.05", 0);
  check_words (out, "without a bus", "--width", NULL);

  check ("./memory -q -t 0.05 --offset 100 --length 5000 --rate 10 --json "
      "--plot plot.svg", 0);
  root = get_root (parser);
  g_assert_cmpstr (json_object_get_string_member (root, "access"), ==, "file");
  g_assert_cmpint (json_object_get_int_member (root, "offset"), ==, 128);
  g_assert_cmpint (json_object_get_int_member (root, "length"), ==, 4928);
  g_assert_false (json_object_has_member (root, "bar"));
  g_assert_cmpint (json_object_get_int_member (json_object_get_object_member
          (root, "best"), "frame-bytes"), ==, 5000);

  g_assert_true (g_file_get_contents (plot, &svg, NULL, NULL));
  check_words (svg, "<svg ", "</svg>", "engine u64", NULL);

  fail ("./memory -q -t 0.01 --offset 100000", 1, "--offset");
  fail ("./memory -q -t 0.01 --length 63", 1, "--length to 64 or more");
  fail ("./memory -q -t 0.01 --width 4 --height 4", 1, "frame of 4 x 4");
  g_free (write_file (directory, "eight", "12345678"));
  fail ("./eight", 1, "Cannot measure ./eight: it has 8 bytes");
  fail ("./eight --width 1 --height 1", 1, "Cannot measure ./eight: it has 8 "
      "bytes");
  fail ("sim --stride 1", 1, "Cannot use a stride of 1 bytes: it is shorter");
  fail ("sim --offset 9223372036854775806", 1, "a frame at offset "
      "9223372036854775806: there is no memory");
}

/* Whether anything in the directory begins with @prefix */
static gboolean
is_left (const char *prefix)
{
  g_autoptr (GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir))) {
    if (g_str_has_prefix (name, prefix))
      return TRUE;
  }

  return FALSE;
}

/* A plot that cannot be written is told before anything is measured, and
 * trying leaves nothing behind */
static void
test_plot (void)
{
  g_autofree char *name = g_strnfill (256, 'x');
  g_autofree char *long_name = g_strconcat ("sim --plot ", name, NULL);
  g_autofree char *old = write_file (directory, "old.svg", "old");
  g_autofree char *text = NULL;

  fail ("sim --plot no/such/place.svg", 1, "--plot");
  fail ("sim --plot .", 1, "--plot");
  fail ("sim --plot ''", 1, "--plot");
  fail ("sim --plot /dev/null", 1, "--plot");
  fail (long_name, 1, "--plot");

  fail ("sim --bar 1 --plot left.svg", 1, "Cannot use bar=1");
  fail ("sim --length 10 --plot left.svg", 1, "--length");
  g_assert_false (is_left ("left"));
  fail ("sim --length 10 --plot old.svg", 1, "--length");
  g_assert_true (g_file_get_contents (old, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "old");

  check ("sim -q -t 0.01 --plot old.svg", 0);
  g_clear_pointer (&text, g_free);
  g_assert_true (g_file_get_contents (old, &text, NULL, NULL));
  check_words (text, "<svg ", NULL);
  check ("sim -q -t 0.01 --plot left.svg", 0);
  g_assert_true (is_left ("left.svg"));
  g_assert_false (is_left ("left.svg."));
}

/* A plot that is a link to a file is written to that */
static void
test_plot_link (void)
{
  g_autofree char *old = write_file (directory, "target.svg", "old");
  g_autofree char *link = g_build_filename (directory, "link.svg", NULL);

  g_assert_cmpint (symlink ("target.svg", link), ==, 0);
  /* The file that it leads to need not exist */
  for (guint i = 0; i < 2; i++) {
    g_autofree char *text = NULL;

    check ("sim -q -t 0.01 --plot link.svg", 0);
    g_assert_true (g_file_test (link, G_FILE_TEST_IS_SYMLINK));
    g_assert_true (g_file_get_contents (old, &text, NULL, NULL));
    check_words (text, "<svg ", NULL);
    g_assert_cmpint (unlink (old), ==, 0);
  }
}

static void
on_text (GMarkupParseContext * context, const char *text, gsize length,
    gpointer data, GError ** error)
{
  for (gsize i = 0; i < length; i++)
    g_assert_true (!g_ascii_iscntrl (text[i]) || text[i] == '\n');
}

/* A file may be called anything */
static void
test_strange_name (void)
{
  static const GMarkupParser parser = {.text = on_text };
  g_autofree char *memory = g_strnfill (100000, 'x');
  g_autofree char *plot = g_build_filename (directory, "strange.svg", NULL);
  g_autoptr (GMarkupParseContext) context =
      g_markup_parse_context_new (&parser, 0, NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *svg = NULL;

  g_free (write_file (directory, "a\033[31m\\<b\007\n\177c", memory));
  check ("./'a\033[31m\\<b\007\n\177c' -q -t 0.01 --plot strange.svg", 0);
  for (const char *c = out; *c; c++)
    g_assert_true (!g_ascii_iscntrl (*c) || *c == '\n');
  check_words (out, "a?[31m\\<b???c", "device='./a?[31m\\\\<b???c'", NULL);

  g_assert_true (g_file_get_contents (plot, &svg, NULL, NULL));
  g_assert_null (strstr (svg, "&#x"));
  g_markup_parse_context_parse (context, svg, -1, &error);
  g_assert_no_error (error);
}

/* Returns: what the program writes to a terminal of this type while it measures */
static char *
run_on_terminal (const char *type)
{
  const int master = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  const char *name;
  g_autofree char *shell = NULL, *quoted = NULL, *command = NULL;
  g_autofree char *text = g_malloc0 (4096);
  int slave, status;

  g_assert_cmpint (master, >=, 0);
  g_assert_cmpint (grantpt (master), ==, 0);
  g_assert_cmpint (unlockpt (master), ==, 0);
  name = ptsname (master);
  /* What was written stays readable as long as it is open */
  slave = open (name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (slave, >=, 0);

  shell = g_strdup_printf ("TERM=%s %s sim -t 0.01 2>%s >/dev/null", type,
      program, name);
  quoted = g_shell_quote (shell);
  command = g_strdup_printf ("sh -c %s", quoted);
  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, &status,
          NULL));
  g_assert_cmpint (status, ==, 0);
  g_assert_cmpint (read (master, text, 4095), >, 0);
  close (slave);
  close (master);
  return g_steal_pointer (&text);
}

/* A terminal without escape sequences gets lines */
static void
test_terminal (void)
{
  g_autofree char *usual = run_on_terminal ("xterm");
  g_autofree char *dumb = run_on_terminal ("dumb");

  check_words (usual, "Measuring cached: ", "\033[K", NULL);
  g_assert_cmpstr (dumb, ==, "Measuring cached ...\r\n");
}

/* What it opens is no standard stream */
static void
test_closed_streams (void)
{
  static const char *const redirections[] = {
    ">&-", "2>&-", "<&-", ">&- 2>&- <&-"
  };

  for (guint i = 0; i < G_N_ELEMENTS (redirections); i++) {
    g_autofree char *memory = g_strnfill (100000, 'x');
    g_autofree char *path = write_file (directory, "streams", memory);
    g_autofree char *shell = g_strdup_printf ("%s -t 0.01 %s %s", program, path,
        redirections[i]);
    g_autofree char *quoted = g_shell_quote (shell);
    g_autofree char *command = g_strdup_printf ("sh -c %s", quoted);
    g_autofree char *said = NULL;
    g_autofree char *warned = NULL;
    g_autofree char *text = NULL;
    int status;

    g_assert_true (g_spawn_command_line_sync (command, &said, &warned, &status,
            NULL));
    g_assert_true (WIFEXITED (status));
    g_assert_cmpint (WEXITSTATUS (status), ==, 0);
    g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
    g_assert_cmpstr (text, ==, memory);
  }
}

static void
check_full_disk (const char *arguments)
{
  g_autofree char *shell = g_strdup_printf ("%s %s > /dev/full", program,
      arguments);
  g_autofree char *quoted = g_shell_quote (shell);
  g_autofree char *command = g_strdup_printf ("sh -c %s", quoted);
  int status;

  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, &status,
          NULL));
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 1);
}

static void
test_full_disk (void)
{
  g_autofree char *long_name = g_strnfill (200, 'x');
  g_autofree char *data = g_malloc0 (1 << 20);
  g_autofree char *arguments = NULL;
  g_autofree char *file = NULL;
  char *path[5];

  if (access ("/dev/full", W_OK) != 0) {
    g_test_skip ("no /dev/full here: it comes with any Linux /dev");
    return;
  }

  check_full_disk ("--version");
  check_full_disk ("--help");

  /* And what does not fit into a buffer, so that only its end is left when the
   * program ends: it has the name in it, more than once */
  path[0] = g_strdup (directory);
  for (guint i = 1; i < G_N_ELEMENTS (path); i++) {
    path[i] = g_build_filename (path[i - 1], long_name, NULL);
    g_assert_cmpint (mkdir (path[i], 0700), ==, 0);
  }
  file = g_build_filename (path[4], "bar", NULL);
  g_assert_true (g_file_set_contents (file, data, 1 << 20, NULL));
  arguments = g_strdup_printf ("--quiet --time 0.1 --json %s", file);
  check (arguments, 0);
  g_assert_cmpuint (strlen (out), >, 4096);
  check_full_disk (arguments);

  g_assert_cmpint (unlink (file), ==, 0);
  for (guint i = G_N_ELEMENTS (path); i-- > 0; g_free (path[i])) {
    if (i > 0)
      g_assert_cmpint (rmdir (path[i]), ==, 0);
  }
}

int
main (int argc, char **argv)
{
  /* What programs for another CPU are run with, in a cross build */
  const char *wrapper = g_getenv ("MESON_EXE_WRAPPER");
  g_autofree char *wrapped = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  program = g_getenv ("MMIOVID_PROBE");
  if (!program) {
    g_printerr ("Set MMIOVID_PROBE to the program to test.\n");
    return 1;
  }
  if (wrapper)
    program = wrapped = g_strdup_printf ("%s %s", wrapper, program);
  directory = g_dir_make_tmp ("mmiovid-probe-XXXXXX", NULL);
  g_assert_nonnull (directory);

  g_test_add_func ("/probe/cli/help", test_help);
  g_test_add_func ("/probe/cli/usage", test_usage);
  g_test_add_func ("/probe/cli/errors", test_errors);
  g_test_add_func ("/probe/cli/list", test_list);
  g_test_add_func ("/probe/cli/sim", test_sim);
  g_test_add_func ("/probe/cli/file", test_file);
  g_test_add_func ("/probe/cli/plot", test_plot);
  g_test_add_func ("/probe/cli/plot-link", test_plot_link);
  g_test_add_func ("/probe/cli/strange-name", test_strange_name);
  g_test_add_func ("/probe/cli/terminal", test_terminal);
  g_test_add_func ("/probe/cli/closed-streams", test_closed_streams);
  g_test_add_func ("/probe/cli/full-disk", test_full_disk);
  status = g_test_run ();

  remove_tree (directory);
  g_free (directory);
  g_free (out);
  g_free (err);
  return status;
}
