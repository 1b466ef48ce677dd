/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper.h"

static MmioProbeAdvice
advise (const MmioProbeReport * report)
{
  MmioProbeAdvice advice;

  g_assert_true (mmio_probe_advise (&advice, report));
  return advice;
}

static void
check_properties (const MmioProbeReport * report, const char *expected)
{
  const MmioProbeAdvice advice = advise (report);
  g_autofree char *properties = mmio_probe_advice_get_properties (&advice,
      report);

  g_assert_cmpstr (properties, ==, expected);
}

/* The fastest engine; loads are not for choosing */
static void
test_fastest (void)
{
  const MmioProbeConfig config = {.device = "10ee:7024",.rate = 50 };
  g_autoptr (MmioProbeReport) report = report_new (&config);
  MmioProbeMap *uc = add_map (report, MMIO_MAPPING_UNCACHED,
      MMIO_MAPPING_UNCACHED);
  MmioProbeMap *wc = add_map (report, MMIO_MAPPING_WRITE_COMBINING,
      MMIO_MAPPING_WRITE_COMBINING);

  add_result (uc, "avx512", FALSE, 900e6);
  add_result (uc, "orc", TRUE, 10e6);
  add_result (uc, "u64", TRUE, 5e6);
  add_result (wc, "orc", TRUE, 40e6);
  add_result (wc, "stream", TRUE, 400e6);
  add_result (wc, "u64", TRUE, 0);

  g_assert_true (advise (report).map == wc);
  check_properties (report,
      "device=10ee:7024 bar=2 engine=stream mapping=write-combining");
  /* Nobody said anything of a picture */
  g_assert_cmpuint (advise (report).frame_bytes, ==, 0);
}

static void
test_automatic (void)
{
  const MmioProbeConfig config = {.device = "sim",.rate = 50 };
  g_autoptr (MmioProbeReport) report = report_new (&config);
  MmioProbeMap *map = add_map (report, MMIO_MAPPING_AUTO, MMIO_MAPPING_CACHED);
  MmioProbeResult *automatic;

  report->bar = -1;
  add_result (map, "orc", TRUE, 100e6);
  automatic = add_result (map, "u64", TRUE, 96e6);
  automatic->is_auto = TRUE;

  /* As good as, so it need not be changed; then clearly slower */
  check_properties (report, "device=sim engine=u64");
  automatic->rate = 94e6;
  check_properties (report, "device=sim engine=orc");
}

/* A map that became another one has that one's numbers */
static void
test_downgrade (void)
{
  const MmioProbeConfig config = {.device = "10ee:7024",.rate = 50 };
  g_autoptr (MmioProbeReport) report = report_new (&config);
  MmioProbeMap *uc = add_map (report, MMIO_MAPPING_UNCACHED,
      MMIO_MAPPING_UNCACHED);
  MmioProbeMap *wc = add_map (report, MMIO_MAPPING_WRITE_COMBINING,
      MMIO_MAPPING_UNCACHED);

  add_result (uc, "orc", TRUE, 10e6);
  add_result (wc, "orc", TRUE, 11e6);
  g_assert_true (advise (report).map == uc);
}

static void
test_nothing (void)
{
  const MmioProbeConfig config = {.device = "10ee:7024",.rate = 50 };
  g_autoptr (MmioProbeReport) report = report_new (&config);
  MmioProbeAdvice advice;

  g_assert_false (mmio_probe_advise (&advice, report));
  add_result (add_map (report, MMIO_MAPPING_UNCACHED, MMIO_MAPPING_UNCACHED),
      "orc", TRUE, 0);
  g_assert_false (mmio_probe_advise (&advice, report));
}

/* What so little takes is noise */
static void
test_too_little (void)
{
  const MmioProbeConfig config = {.device = "10ee:7024",.rate = 50 };
  g_autoptr (MmioProbeReport) report = report_new (&config);
  MmioProbeAdvice advice;

  add_result (add_map (report, MMIO_MAPPING_UNCACHED, MMIO_MAPPING_UNCACHED),
      "orc", TRUE, 10e6);
  report->length = 4096 - 64;
  g_assert_false (mmio_probe_advise (&advice, report));
  report->length = 4096;
  g_assert_true (mmio_probe_advise (&advice, report));
}

/* 100 MB/s, 2 MB a picture, 25 a second: half a core */
static void
test_cost (void)
{
  MmioProbeConfig config = {.device = "sim",.rate = 25,.length = 2000000 };
  g_autoptr (MmioProbeReport) report = report_new (&config);
  MmioProbeMap *map = add_map (report, MMIO_MAPPING_AUTO, MMIO_MAPPING_CACHED);
  const MmioSpec spec = {.format = *mmio_format_find ("NV12"),.width = 1001,
    .height = 501,.stride = 2048
  };
  MmioProbeAdvice advice;

  add_result (map, "orc", TRUE, 100e6);
  advice = advise (report);
  g_assert_cmpuint (advice.frame_bytes, ==, 2000000);
  g_assert_cmpfloat (advice.highest_rate, ==, 50);
  g_assert_cmpfloat (advice.load, ==, 0.5);

  /* The padding between rows is not read: 1001 x 501, and 501 pairs x 251 */
  g_assert_true (mmio_layout_init (&report->layout, &spec, NULL));
  report->has_frame = TRUE;
  advice = advise (report);
  g_assert_cmpuint (advice.frame_bytes, ==, 1001 * 501 + 2 * 501 * 251);
}

static void
test_properties (void)
{
  MmioProbeConfig config = {.device = "/dev/shm/my file",.rate = 50 };
  g_autoptr (MmioProbeReport) report = report_new (&config);

  config.spec = (MmioSpec) {
  .format = *mmio_format_find ("BGRx"),.width = 8,.height = 4,.offset =
        16,.stride = 64};
  report->bar = -1;
  add_result (add_map (report, MMIO_MAPPING_AUTO, MMIO_MAPPING_CACHED), "orc",
      TRUE, 1e6);
  check_properties (report, "device='/dev/shm/my file' format=bgrx width=8 "
      "height=4 offset=16 stride=64 engine=orc");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/probe/advice/fastest", test_fastest);
  g_test_add_func ("/probe/advice/automatic", test_automatic);
  g_test_add_func ("/probe/advice/downgrade", test_downgrade);
  g_test_add_func ("/probe/advice/nothing", test_nothing);
  g_test_add_func ("/probe/advice/too-little", test_too_little);
  g_test_add_func ("/probe/advice/cost", test_cost);
  g_test_add_func ("/probe/advice/properties", test_properties);
  return g_test_run ();
}
