/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus.h"
#include "faultrun.h"

#include <errno.h>
#include <string.h>

#include "mmioprobelist.h"

/* In a process of its own for each scenario */
static const FaultScenario *scenario;
static int injected;            /* what a call fails with; 0: none does */
static const char *what;        /* is being done */
static GString *problems;       /* a line each */

/* What each error may become */
static const struct
{
  int errnum;
  MmioErrorCode code, other_code;
  const char *word;
} verdicts[] = {
  {EMFILE, MMIO_ERROR_FAILED, MMIO_ERROR_FAILED,
      "process has no file descriptor"},
  {ENFILE, MMIO_ERROR_FAILED, MMIO_ERROR_FAILED,
      "system has no file descriptor"},
  {ENOMEM, MMIO_ERROR_FAILED, MMIO_ERROR_FAILED, "memory"},
  {ENOSPC, MMIO_ERROR_FAILED, MMIO_ERROR_FAILED, "no memory"},
  {EAGAIN, MMIO_ERROR_FAILED, MMIO_ERROR_FAILED, ""},
  {EACCES, MMIO_ERROR_NOT_PERMITTED, MMIO_ERROR_FAILED, ""},
};

int
faultrun_get_errnum (void)
{
  return injected;
}

void
faultrun_add_problem (const char *format, ...)
{
  va_list args;

  g_string_append_printf (problems, "%s: ", what);
  va_start (args, format);
  g_string_append_vprintf (problems, format, args);
  va_end (args);
  g_string_append_c (problems, '\n');
}

/* What no such error proves */
void
faultrun_check_text (const char *text)
{
  static const char *const wrong[] = {
    "There is no PCI", "There is no file", "There is no IOMMU",
    "There is no UIO", "unplugged", "lspci", "truncated", "replaced", "shorter",
    "is empty", "regular file", "kernel's", "/sys/bus/pci is missing",
    "not where it was", "does not answer", "/proc mounted", "is missing",
    "has gone", "is bound to", "has no type 1", "has no interrupt",
    "has no map", "has 0 ", "has no display hardware",
    "whole pages", "cannot be shared",
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    if (strstr (text, wrong[i])) {
      faultrun_add_problem ("'%s'", text);
      return;
    }
}

static void
check_fault (const GError * error)
{
  const char *system = mmio_error_get_system (error);

  for (guint i = 0; i < G_N_ELEMENTS (verdicts); i++) {
    if (verdicts[i].errnum != injected)
      continue;

    if (error->code != (gint) verdicts[i].code &&
        error->code != (gint) verdicts[i].other_code)
      faultrun_add_problem ("code %d", error->code);
    if (!strstr (error->message, verdicts[i].word))
      faultrun_add_problem ("'%s'", error->message);
    else
      faultrun_check_text (error->message);
    if (!strstr (system ? system : error->message, g_strerror (injected)))
      faultrun_add_problem ("'%s' by the system: '%s'", error->message, system);
    return;
  }

  faultrun_add_problem ("reported: '%s'", error->message);
}

typedef struct
{
  guint fds, maps, threads;
} Holdings;

static Holdings
get_holdings (void)
{
  return (Holdings) {
  count_fds (), count_maps (scenario->map), count_threads ()};
}

static void
check_holdings (Holdings * before)
{
  Holdings now;

  wait_for_threads (before->threads);
  now = get_holdings ();
  if (now.fds != before->fds)
    faultrun_add_problem ("%u descriptors, not %u", now.fds, before->fds);
  if (now.maps != before->maps)
    faultrun_add_problem ("%u maps, not %u", now.maps, before->maps);
  *before = now;
}

/* Returns: how many calls were made */
static guint
run_once (gint at, int errnum)
{
  GError *error = NULL;
  gboolean ok;
  guint n;

  if (scenario->prepare)
    scenario->prepare ();

  injected = errnum;
  faultkernel_begin (at, errnum);
  ok = scenario->run (&error);
  n = faultkernel_end ();
  if (scenario->finish)
    scenario->finish ();

  fail_unless (ok == !error);
  if (at < 0)
    fail_unless (ok, "%s: '%s'", what, error ? error->message : "");
  else if (!ok)
    check_fault (error);
  g_clear_error (&error);
  return n;
}

static void
begin (const FaultScenario * wanted)
{
  scenario = wanted;
  problems = g_string_new (NULL);
  what = "without a fault";
}

static void
end (void)
{
  fail_unless (problems->len == 0, "%s: %.2000s", scenario->name,
      problems->str);
  g_string_free (problems, TRUE);
}

static void
run_with_fault (gint at, int errnum, Holdings * before)
{
  GST_INFO ("%s", what);
  run_once (at, errnum);
  check_holdings (before);
  /* And nothing of it is left */
  run_once (-1, 0);
  check_holdings (before);
}

void
faultrun_run (const FaultScenario * wanted)
{
  const guint threads = count_threads ();
  Holdings before;
  guint n, n_faults = 0;

  begin (wanted);
  /* What is loaded once is.  A thread that was joined may still be listed. */
  run_once (-1, 0);
  wait_for_threads (threads);
  before = get_holdings ();
  n = run_once (-1, 0);
  check_holdings (&before);
  fail_unless (n > 0);

  for (guint at = 0; at < n; at++) {
    const char *call = faultkernel_get_call (at);
    const int *errnums = faultkernel_get_errnums (call);

    for (guint i = 0; errnums[i] != 0; i++) {
      g_autofree char *text = g_strdup_printf ("%s: %s (call %u of %u): %s",
          scenario->name, call, at, n, g_strerror (errnums[i]));

      what = text;
      run_with_fault (at, errnums[i], &before);
      what = "afterwards";
      n_faults++;
    }
  }

  g_print ("%s: %u calls, %u faults\n%s", scenario->name, n, n_faults,
      problems->str);
  end ();
}

gboolean
faultrun_probe (const char *access, GError ** error)
{
  g_autoptr (GArray) infos = mmio_pci_list (error);
  g_autoptr (GPtrArray) bars = NULL;
  const MmioProbeBar *first;

  if (!infos)
    return FALSE;

  bars = mmio_probe_list (infos, DEVICES, MMIO_PROBE_LOCKDOWN);
  first = bars->len > 0 ? g_ptr_array_index (bars, 0) : NULL;
  if (injected == EACCES)
    return TRUE;

  if (!first || (first->reach == MMIO_PROBE_REACH_YES &&
          strcmp (first->access, access) != 0))
    faultrun_add_problem ("reached by %s", first ? first->access : "nothing");
  if (first && first->why)
    faultrun_check_text (first->why);
  return TRUE;
}

guint
faultrun_count_calls (const FaultScenario * wanted, const char *call)
{
  guint n_calls, n = 0;

  begin (wanted);
  n_calls = run_once (-1, 0);
  for (guint i = 0; i < n_calls; i++)
    n += strcmp (faultkernel_get_call (i), call) == 0;
  end ();
  return n;
}
