/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parses the options of mmiovid-probe.
 */
#include "probe/mmioprobeoptions.h"

#include <string.h>

#include "base/mmiocpu.h"

#define DEFAULT_RATE "50"
#define DEFAULT_SECONDS 5.0
#define MAX_SECONDS 3600.0

/* A value that no option can have: --time is not set */
#define NO_SECONDS (-G_MAXDOUBLE)

/* *INDENT-OFF* */
static gboolean set_usage_error (GError ** error, const char *format, ...)
    G_GNUC_PRINTF (2, 3);
/* *INDENT-ON* */

/* Returns: FALSE, for the caller to return */
static gboolean
set_usage_error (GError ** error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  *error = g_error_new_valist (G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, format,
      args);
  va_end (args);

  return FALSE;
}

static gboolean
check_numbers (const MmioProbeOptions * options, GError ** error)
{
  if (options->bar < -1 || options->bar >= MMIO_MAX_BARS)
    return set_usage_error (error, "Cannot measure BAR %d: there is no such "
        "BAR. Set --bar to 0 to %d.", options->bar, MMIO_MAX_BARS - 1);
  if (options->offset < 0)
    return set_usage_error (error, "Cannot measure before the BAR's start. Set "
        "--offset to 0 or more.");
  if (options->offset > G_MAXINT64 - MAX (options->length, 1))
    return set_usage_error (error, "Cannot measure at byte %" G_GINT64_FORMAT
        ": no BAR is that large. Reduce --offset.", options->offset);
  if (options->length < 0)
    return set_usage_error (error, "Cannot measure %" G_GINT64_FORMAT " bytes. "
        "Set --length to 1 or more.", options->length);
  if (options->width < 0 || options->width > MMIO_LAYOUT_MAX_SIDE ||
      options->height < 0 || options->height > MMIO_LAYOUT_MAX_SIDE)
    return set_usage_error (error, "Cannot measure a frame of %d x %d. Set "
        "--width and --height to 1 to %d.", options->width, options->height,
        MMIO_LAYOUT_MAX_SIDE);
  if (options->stride < 0 || options->stride > G_MAXINT)
    return set_usage_error (error, "Cannot use a stride of %" G_GINT64_FORMAT
        " bytes. Set --stride to the bytes from one row to the next.",
        options->stride);
  if (options->seconds != NO_SECONDS && !(options->seconds > 0
          && options->seconds <= MAX_SECONDS))
    return set_usage_error (error,
        "Cannot measure for %g seconds. Set --time "
        "to more than 0 and at most %g.", options->seconds, MAX_SECONDS);

  return TRUE;
}

static gboolean
parse_format (const char *text, MmioFormat * format, GError ** error)
{
  g_autoptr (GString) known = g_string_new (NULL);
  const MmioFormat *f;

  for (guint i = 0; text && (f = mmio_format_nth (i)); i++) {
    g_autofree char *name = g_ascii_strdown (f->name, -1);

    if (g_ascii_strcasecmp (f->name, text) == 0) {
      *format = *f;
      return TRUE;
    }
    g_string_append_printf (known, "%s%s", i > 0 ? ", " : "", name);
  }

  if (!text)
    return TRUE;

  return set_usage_error (error, "Cannot use format %s: it is not known. Set "
      "--format to one of %s, or set --length to the size of your frame "
      "(bytes).", text, known->str);
}

/* strtod() alone also accepts nan, blanks, hexadecimal digits and exponents */
static gboolean
parse_number (const char *text, double *number, char **end)
{
  const gsize length = strspn (text, "0123456789.");
  g_autofree char *digits = g_strndup (text, length);
  char *digits_end;

  *end = (char *) text + length;
  if (!g_ascii_isdigit (*text))
    return FALSE;
  *number = g_ascii_strtod (digits, &digits_end);
  return *digits_end == '\0';
}

/* Parses a number or a fraction.  A fraction with a divisor of zero is
 * rejected. */
static gboolean
parse_rate (const char *text, double *rate, GError ** error)
{
  double divisor = 1;
  gboolean ok;
  char *end;

  ok = parse_number (text, rate, &end);
  if (ok && *end == '/')
    ok = parse_number (end + 1, &divisor, &end);

  if (ok && *end == '\0' && *rate / divisor > 0 && *rate / divisor <= G_MAXINT) {
    *rate /= divisor;
    return TRUE;
  }

  return set_usage_error (error, "Cannot parse rate '%s'. Set --rate to frames "
      "per second, such as 60 or 30000/1001.", text);
}

/* Whether an option is set that needs a device */
static gboolean
needs_device (const MmioProbeOptions * options)
{
  return options->bar >= 0 || options->offset != 0 || options->length != 0 ||
      options->width != 0 || options->height != 0 || options->stride != 0 ||
      options->format || options->rate || options->force || options->plot ||
      options->seconds != NO_SECONDS;
}

static gboolean
check_devices (const MmioProbeOptions * options, GError ** error)
{
  const guint n = options->devices ? g_strv_length (options->devices) : 0;

  if (n > 1)
    return set_usage_error (error, "Cannot measure several devices, such as %s "
        "and %s. Give one of them.", options->devices[0], options->devices[1]);
  if (n == 0 && needs_device (options))
    return set_usage_error (error, "Cannot measure without a device. Give "
        MMIO_ADDRESS_FORMS ", or no options for a list.");

  return TRUE;
}

/**
 * mmio_probe_options_parse:
 * @options: (out caller-allocates): the options; free with mmio_probe_options_clear()
 * @argv: the arguments, with the program's name first
 *
 * If the help is requested, @help is set and has to be printed.
 *
 * Returns: TRUE, or FALSE with an error of %G_OPTION_ERROR
 */
gboolean
mmio_probe_options_parse (MmioProbeOptions * options, GStrv argv,
    GError ** error)
{
  gboolean is_help = FALSE;
  const GOptionEntry entries[] = {
    {"bar", 'b', 0, G_OPTION_ARG_INT, &options->bar,
          "The BAR; default: the first that is large enough and safe to read",
        "N"},
    {"offset", 'o', 0, G_OPTION_ARG_INT64, &options->offset,
        "Bytes from the BAR's start to the frame; default: 0", "BYTES"},
    {"length", 'l', 0, G_OPTION_ARG_INT64, &options->length,
        "Bytes to measure; default: the frame", "BYTES"},
    {"width", 0, 0, G_OPTION_ARG_INT, &options->width,
        "Width of your frame", "PIXELS"},
    {"height", 0, 0, G_OPTION_ARG_INT, &options->height,
        "Height of your frame", "PIXELS"},
    {"format", 0, 0, G_OPTION_ARG_STRING, &options->format,
        "Format of your frame; default: rgb", "FORMAT"},
    {"stride", 0, 0, G_OPTION_ARG_INT64, &options->stride,
        "Bytes from row to row; default: no padding", "BYTES"},
    {"rate", 'r', 0, G_OPTION_ARG_STRING, &options->rate,
          "Frames per second, such as 60 or 30000/1001; default: " DEFAULT_RATE,
        "RATE"},
    {"time", 't', 0, G_OPTION_ARG_DOUBLE, &options->seconds,
        "How long to measure; default: 5", "SECONDS"},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &options->json,
        "Print JSON instead of a table", NULL},
    {"plot", 'p', 0, G_OPTION_ARG_FILENAME, &options->plot,
        "Also write a bar chart", "FILE.svg"},
    {"force", 'f', 0, G_OPTION_ARG_NONE, &options->force,
        "Measure the BAR of --bar although it may have registers, and use all "
          "loads in a virtual machine", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &options->quiet,
        "Print no progress", NULL},
    {"help", 'h', 0, G_OPTION_ARG_NONE, &is_help,
        "Print this help", NULL},
    {"version", 0, 0, G_OPTION_ARG_NONE, &options->version,
        "Print the version", NULL},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->devices,
        NULL, "[DEVICE]"},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_auto (GStrv) words = g_strdupv (argv);

  memset (options, 0, sizeof (*options));
  options->bar = -1;
  options->seconds = NO_SECONDS;

  g_option_context_set_summary (context,
      "Without DEVICE: lists this machine's PCI memory BARs and their access.\n"
      "Nothing is read from them.\n\nWith DEVICE: measures loads of each width "
      "and each engine of mmiovidsrc,\nrecommends one, and prints the cost of "
      "your frame and the displays and GPUs\nthat can import it. DEVICE is one "
      "of\n  sim                     the simulated device, which is ordinary "
      "memory\n  0000:03:00.0, 03:00.0   a PCI address\n  10ee:7024, "
      "10ee:7024@1  vendor and device in hex; the second of several\n  "
      "/dev/shm/ivshmem        a path with a slash: a file, a character "
      "device, or a PCI\n                          device's resource file");
  g_option_context_set_description (context,
      "Reads of some devices have side effects. BARs that may have registers "
      "are\nrefused unless --bar names them and --force confirms that it is "
      "safe.\n\nExamples:\n  mmiovid-probe\n  mmiovid-probe 0000:03:00.0 --bar "
      "2 --width 1920 --height 1080 --format bgrx --rate 60\n  mmiovid-probe "
      "sim --plot sim.svg\n\nExit status: 0: success, 1: failure, 2: wrong "
      "usage.");
  g_option_context_add_main_entries (context, entries, NULL);
  /* GOption's own help does not check whether it was printed */
  g_option_context_set_help_enabled (context, FALSE);

  if (!g_option_context_parse_strv (context, &words, error))
    return FALSE;
  if (is_help)
    options->help = g_option_context_get_help (context, TRUE, NULL);
  return options->help || check_devices (options, error);
}

/**
 * mmio_probe_options_get_config:
 * @options: options with a device
 * @config: (out): what to measure; valid as long as @options
 *
 * Returns: TRUE, or FALSE with an error of %G_OPTION_ERROR
 */
gboolean
mmio_probe_options_get_config (const MmioProbeOptions * options,
    MmioProbeConfig * config, GError ** error)
{
  memset (config, 0, sizeof (*config));
  config->device = options->devices[0];
  config->bar = options->bar;
  config->spec.width = options->width;
  config->spec.height = options->height;
  config->spec.offset = options->offset;
  config->spec.stride = options->stride;
  config->length = options->length;
  config->seconds = options->seconds == NO_SECONDS ? DEFAULT_SECONDS :
      options->seconds;
  config->is_virtual = mmio_cpu_is_virtual ();
  config->force = options->force;

  return check_numbers (options, error) &&
      parse_format (options->format, &config->spec.format, error) &&
      parse_rate (options->rate ? options->rate : DEFAULT_RATE, &config->rate,
      error);
}

/**
 * mmio_probe_options_clear:
 *
 * Frees what @options owns.
 */
void
mmio_probe_options_clear (MmioProbeOptions * options)
{
  g_clear_pointer (&options->devices, g_strfreev);
  g_clear_pointer (&options->format, g_free);
  g_clear_pointer (&options->rate, g_free);
  g_clear_pointer (&options->plot, g_free);
  g_clear_pointer (&options->help, g_free);
}
