/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper.h"

#include "probe/mmioprobeoptions.h"

/* Parses a line of words; returns NULL or the error */
static GError *
parse (const char *line, MmioProbeOptions * options, MmioProbeConfig * config)
{
  g_autofree char *whole = g_strconcat ("mmiovid-probe ", line, NULL);
  g_auto (GStrv) words = NULL;
  GError *error = NULL;
  gboolean ok;

  g_assert_true (g_shell_parse_argv (whole, NULL, &words, NULL));
  ok = mmio_probe_options_parse (options, words, &error) &&
      (!options->devices ||
      mmio_probe_options_get_config (options, config, &error));

  g_assert_cmpint (ok, ==, error == NULL);
  return error;
}

static void
refuse (const char *line, const char *word)
{
  g_auto (MmioProbeOptions) options = { NULL, };
  MmioProbeConfig config;
  g_autoptr (GError) error = parse (line, &options, &config);

  if (!error)
    g_error ("'%s' was taken", line);
  g_assert_cmpint (error->domain, ==, G_OPTION_ERROR);
  check_words (error->message, word, NULL);
}

static void
test_refusals (void)
{
  refuse ("--nonsense", "--nonsense");
  refuse ("sim sim", "Cannot measure several devices");
  refuse ("--bar 2", "Cannot measure without a device");
  refuse ("--force", "Cannot measure without a device");
  refuse ("--plot x.svg", "Cannot measure without a device");
  refuse ("--width 5", "Cannot measure without a device");
  refuse ("--time 1", "Cannot measure without a device");
  refuse ("--time 5", "Cannot measure without a device");
  refuse ("--time 0", "Cannot measure without a device");
  refuse ("sim --bar 6", "--bar to 0 to 5");
  refuse ("sim --bar x", "--bar");
  refuse ("sim --offset -1", "--offset");
  refuse ("sim --offset 9223372036854775807", "Reduce --offset");
  refuse ("sim --offset 9223372036854775000 --length 808", "Reduce --offset");
  refuse ("sim --length -1", "--length");
  refuse ("sim --length 99999999999999999999", "--length");
  refuse ("sim --width 65536", "--width");
  refuse ("sim --height -1", "--height");
  refuse ("sim --stride 2147483648", "--stride");
  refuse ("sim --format rgb24", "bgrx");
  refuse ("sim --format rgb24", "--length");
  for (const char *const *rate = (const char *const[]) {
        "0", "-1", "x", "", "1/0", "1/", "/2", "1/2/3", "nan", "inf", "1 ",
        "1e99", "0x10", "1e1", "0x1p3", "1/0x10", "1.2.3", NULL
      }; *rate; rate++) {
    g_autofree char *line = g_strdup_printf ("sim --rate='%s'", *rate);

    refuse (line, "--rate");
  }
  refuse ("sim --time 0", "--time");
  refuse ("sim --time -1", "--time");
  refuse ("sim --time nan", "--time");
  refuse ("sim --time 3601", "--time");
}

static void
test_all (void)
{
  g_auto (MmioProbeOptions) options = { NULL, };
  MmioProbeConfig config;
  g_autoptr (GError) error =
      parse ("--json 10ee:7024@1 --bar 2 --offset 0x1000 "
      "--length 65536 --width 640 --height 480 --format BgrX --stride 4096 "
      "--rate 30000/1001 --time 0.5 --force --plot x.svg --quiet", &options,
      &config);

  g_assert_no_error (error);
  g_assert_true (options.json && options.quiet);
  g_assert_cmpstr (options.plot, ==, "x.svg");
  g_assert_cmpstr (config.device, ==, "10ee:7024@1");
  g_assert_cmpint (config.bar, ==, 2);
  g_assert_cmpuint (config.spec.offset, ==, 4096);
  g_assert_cmpuint (config.length, ==, 65536);
  g_assert_cmpuint (config.spec.width, ==, 640);
  g_assert_cmpuint (config.spec.height, ==, 480);
  g_assert_cmpuint (config.spec.stride, ==, 4096);
  g_assert_cmpstr (config.spec.format.name, ==, "BGRx");
  g_assert_cmpfloat (config.rate, ==, 30000.0 / 1001);
  g_assert_cmpfloat (config.seconds, ==, 0.5);
  g_assert_true (config.force);
}

static void
test_defaults (void)
{
  g_auto (MmioProbeOptions) list = { NULL, };
  g_auto (MmioProbeOptions) options = { NULL, };
  MmioProbeConfig config;
  g_autoptr (GError) error = NULL;

  error = parse ("--json", &list, &config);
  g_assert_no_error (error);
  g_assert_null (list.devices);
  g_assert_true (list.json);

  error = parse ("sim", &options, &config);
  g_assert_no_error (error);
  g_assert_cmpint (config.bar, ==, -1);
  g_assert_cmpuint (config.length, ==, 0);
  g_assert_cmpuint (config.spec.width, ==, 0);
  g_assert_cmpstr (config.spec.format.name, ==, "");
  g_assert_cmpfloat (config.rate, ==, 50);
  g_assert_cmpfloat (config.seconds, ==, 5);
  g_assert_false (config.force);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/probe/options/refusals", test_refusals);
  g_test_add_func ("/probe/options/all", test_all);
  g_test_add_func ("/probe/options/defaults", test_defaults);
  return g_test_run ();
}
