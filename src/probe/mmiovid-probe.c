/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line of mmiovid-probe: lists the machine's BARs, or measures the cost of
 * reading one.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>

#include "backends/mmioopen.h"
#include "base/mmioerror.h"
#include "probe/mmioprobelist.h"
#include "probe/mmioprobeoptions.h"
#include "probe/mmioprobereport.h"

/* Exit codes */
enum
{
  OK = 0,
  FAILED = 1,
  USAGE = 2,
};

/* Rewrites one line on a terminal; otherwise prints a line for each map */
static void
show_progress (MmioMapping mapping, const char *what, guint done, guint total,
    gpointer user_data)
{
  const gboolean *is_terminal = user_data;

  if (*is_terminal)
    fprintf (stderr, "\rMeasuring %s: %3u %% (%s)\033[K",
        mmio_mapping_get_name (mapping), 100 * done / total, what);
  else if (done == 0)
    fprintf (stderr, "Measuring %s ...\n", mmio_mapping_get_name (mapping));
  fflush (stderr);
}

/* Returns: FALSE, for the caller to return */
static gboolean
set_plot_error (GError ** error, const char *why)
{
  mmio_set_error (error, MMIO_ERROR_FAILED,
      "Cannot write the plot: %s. Set --plot to a file that can be written.",
      why);
  return FALSE;
}

/* Checks what write_plot() needs, and leaves no file: it creates a file with a
 * new name in the directory of the plot, and renames it */
static gboolean
check_plot (const char *path, GError ** error)
{
  g_autofree char *name = g_strconcat (path, ".XXXXXX", NULL);
  int fd;

  if (*path == '\0')
    return set_plot_error (error, "its name is empty");
  if (g_file_test (path, G_FILE_TEST_EXISTS) &&
      !g_file_test (path, G_FILE_TEST_IS_REGULAR))
    return set_plot_error (error, "it exists and is not a regular file");

  fd = g_mkstemp (name);
  if (fd < 0)
    return set_plot_error (error, g_strerror (errno));
  unlink (name);
  close (fd);

  return TRUE;
}

static gboolean
write_plot (const char *path, const MmioProbeReport * report, GError ** error)
{
  g_autofree char *plot = mmio_probe_report_to_plot (report);
  g_autoptr (GError) local = NULL;
  char *target = realpath (path, NULL);
  gboolean ok;

  /* A link stays a link; the file that it leads to may have to be created */
  if (!target && g_file_test (path, G_FILE_TEST_IS_SYMLINK)) {
    const int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

    if (fd >= 0)
      close (fd);
    target = realpath (path, NULL);
  }

  ok = g_file_set_contents (target ? target : path, plot, -1, &local);
  free (target);
  if (!ok)
    return set_plot_error (error, local->message);

  return TRUE;
}

static gboolean
measure (const MmioProbeOptions * options, GError ** error)
{
  gboolean is_terminal = isatty (STDERR_FILENO) &&
      g_strcmp0 (g_getenv ("TERM"), "dumb") != 0;
  g_auto (MmioAddress) address = { 0, };
  g_autoptr (MmioDevice) device = NULL;
  g_autoptr (MmioProbeReport) report = NULL;
  g_autofree char *text = NULL;
  MmioProbeConfig config;

  if (!mmio_probe_options_get_config (options, &config, error) ||
      (options->plot && !check_plot (options->plot, error)) ||
      !mmio_address_parse (&address, config.device, error))
    return FALSE;

  device = mmio_device_open (&address, MMIO_ACCESS_AUTO, error);
  if (!device)
    return FALSE;

  report = mmio_probe_run (&config, device,
      options->quiet ? NULL : show_progress, &is_terminal, error);
  if (is_terminal && !options->quiet)
    fputs ("\r\033[K", stderr);
  if (!report)
    return FALSE;

  text = options->json ? mmio_probe_report_to_json (report) :
      mmio_probe_report_to_table (report);
  fputs (text, stdout);

  return !options->plot || write_plot (options->plot, report, error);
}

static gboolean
list (const MmioProbeOptions * options, GError ** error)
{
  g_autoptr (GArray) infos = NULL;
  g_autoptr (GPtrArray) bars = NULL;
  g_autofree char *text = NULL;

  infos = mmio_pci_list (error);
  if (!infos)
    return FALSE;

  bars = mmio_probe_list (infos, MMIO_PCI_SYSFS, MMIO_PROBE_LOCKDOWN);
  text = options->json ? mmio_probe_bars_to_json (bars) :
      mmio_probe_bars_to_table (bars);
  fputs (text, stdout);

  return TRUE;
}

static gboolean
run (const MmioProbeOptions * options, GError ** error)
{
  if (options->help) {
    fputs (options->help, stdout);
    return TRUE;
  }
  if (options->version) {
    puts ("mmiovid-probe " PACKAGE_VERSION);
    return TRUE;
  }

  return options->devices ? measure (options, error) : list (options, error);
}

/* Whether the arguments are wrong, rather than the machine */
static gboolean
is_usage_error (const GError * error)
{
  return error->domain == G_OPTION_ERROR ||
      g_error_matches (error, MMIO_ERROR, MMIO_ERROR_ADDRESS);
}

static void
print_error (const GError * error)
{
  const char *system = mmio_error_get_system (error);

  /* GOption's own errors are not sentences and have no hint */
  fprintf (stderr, "mmiovid-probe: %s%s\n", error->message,
      error->domain == G_OPTION_ERROR
      && !g_str_has_suffix (error->message,
          ".") ? "; see mmiovid-probe --help" : "");
  if (system)
    fprintf (stderr, "  %s\n", system);
}

/* gcc's analyzer reports the standard streams, which stay open, as leaks */
#if !defined (__clang__) && __GNUC__ >= 13
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-fd-leak"
#endif
/* Opens missing standard streams.  Otherwise a file that is opened later would
 * get the number of a stream and be written to. */
static gboolean
open_streams (void)
{
  int fd;

  do {
    fd = open ("/dev/null", O_RDWR);
    if (fd < 0)
      return FALSE;
  } while (fd <= STDERR_FILENO);

  close (fd);
  return TRUE;
}

#if !defined (__clang__) && __GNUC__ >= 13
#pragma GCC diagnostic pop
#endif

int
main (int argc, char **argv)
{
  g_auto (MmioProbeOptions) options = {.devices = NULL };
  g_autoptr (GError) error = NULL;

  if (!open_streams ())
    return FAILED;

  /* For the names of files.  Numbers do not depend on the locale.  There are no
   * threads yet. */
  /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
  setlocale (LC_CTYPE, "");

  if (!mmio_probe_options_parse (&options, argv, &error) ||
      !run (&options, &error)) {
    print_error (error);
    return is_usage_error (error) ? USAGE : FAILED;
  }

  /* A full disk is a failure.  What exceeded the buffer was written before. */
  if (fflush (stdout) != 0 || ferror (stdout)) {
    perror ("mmiovid-probe: standard output");
    return FAILED;
  }

  return OK;
}
