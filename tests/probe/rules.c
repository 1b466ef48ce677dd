/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper.h"
#include "probe/mmioproberules.h"

#define BAR(...) (const MmioProbeCase) { .address = "0000:03:00.0", \
    .is_pci = TRUE, .bar = 2, __VA_ARGS__ }

static void
refuse (const MmioProbeCase * what, const char *word)
{
  GError *error = NULL;
  MmioProbeCase forced = *what;

  g_assert_false (mmio_probe_may_measure (what, &error));
  check_error (&error, MMIO_ERROR_SETTINGS, "BAR 2", "0000:03:00.0", word,
      "--bar 2 --force", NULL);
  g_assert_false (mmio_probe_may_measure (what, NULL));

  /* Force is for the BAR that was named, not for whichever comes first */
  forced.force = TRUE;
  g_assert_false (mmio_probe_may_measure (&forced, NULL));
  forced.is_named = TRUE;
  g_assert_true (mmio_probe_may_measure (&forced, &error));
  g_assert_no_error (error);
}

static void
allow (const MmioProbeCase * what)
{
  GError *error = NULL;

  g_assert_true (mmio_probe_may_measure (what, &error));
  g_assert_no_error (error);
}

static void
test_refusals (void)
{
  refuse (&BAR (.size = 16 << 20), "not prefetchable");
  refuse (&BAR (.size = 4096), "not prefetchable");
  refuse (&BAR (.size = 16 << 20,.is_virtual = TRUE), "not prefetchable");
  refuse (&BAR (.size = 65536 - 1,.is_prefetchable = TRUE), "65535 bytes");
  refuse (&BAR (.size = 256,.is_prefetchable = TRUE), "only 256 bytes");

  allow (&BAR (.size = 65536,.is_prefetchable = TRUE));
  allow (&BAR (.size = 16 << 20,.is_prefetchable = TRUE));
  allow (&BAR (.size = 16 << 20,.is_prefetchable = TRUE,.is_virtual = TRUE));
  allow (&BAR (.size = G_MAXUINT64,.is_prefetchable = TRUE));
}

/* Ordinary memory has no side effects, however small it is */
static void
test_memory (void)
{
  MmioProbeCase what = {.address = "sim",.size = 1 };

  allow (&what);
  what.is_virtual = TRUE;
  allow (&what);
  g_assert_cmpuint (mmio_probe_get_widest (&what), ==, 64);
}

static void
test_widest (void)
{
  g_assert_cmpuint (mmio_probe_get_widest (&BAR (.is_virtual = FALSE)), ==, 64);
  g_assert_cmpuint (mmio_probe_get_widest (&BAR (.is_virtual = TRUE)), ==, 8);
  g_assert_cmpuint (mmio_probe_get_widest (&BAR (.is_virtual =
              TRUE,.force = TRUE)), ==, 64);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/probe/rules/refusals", test_refusals);
  g_test_add_func ("/probe/rules/memory", test_memory);
  g_test_add_func ("/probe/rules/widest", test_widest);
  return g_test_run ();
}
