/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <gobject/gvaluecollector.h>

#include "gstmmiosettings.h"
#include "source.h"

static GstMmioSettings settings;

static void
setup (void)
{
  gst_mmio_settings_init (&settings);
}

static void
teardown (void)
{
  gst_mmio_settings_clear (&settings);
}

GST_START_TEST (test_defaults)
{
  MmioCaptureConfig config;

  fail_unless (gst_mmio_settings_get_config (&settings, &config, NULL));
  fail_unless_equals_string (config.device, "sim");
  fail_unless_equals_int (config.access, MMIO_ACCESS_AUTO);
  fail_unless_equals_int (config.bar, -1);
  fail_unless_equals_int (settings.io_mode, GST_MMIO_IO_MODE_AUTO);
  fail_unless_equals_int (config.mapping, MMIO_MAPPING_AUTO);
  fail_unless_equals_int (config.engine, MMIO_ENGINE_AUTO);
  fail_unless_equals_int (config.changes, MMIO_CHANGES_IGNORE);
  /* Open, so that a device that can tell is asked */
  fail_unless_equals_string (config.spec.format.name, "");
  fail_unless_equals_int (config.spec.width, 0);
  fail_unless_equals_int (config.spec.height, 0);
  fail_unless_equals_uint64 (config.spec.offset, 0);
  fail_unless_equals_int (config.spec.stride, 0);
}

GST_END_TEST;

/* The IDs, in the order in which gst-inspect shows them */
enum
{
  DEVICE = 1, ACCESS, BAR, FORMAT, WIDTH, HEIGHT, OFFSET, STRIDE, IO_MODE,
  MAPPING, ENGINE, CHANGES, FRAME_SYNC, COUNTER_BAR, COUNTER_OFFSET,
  COUNTER_SIZE, COUNTER_SEQLOCK, BUFFERS, BUFFER_STEP, INDEX_BAR, INDEX_OFFSET,
  INDEX_SIZE
};

static void
set (guint id, GType type, ...)
{
  GValue value = G_VALUE_INIT;
  char *error = NULL;
  va_list args;

  va_start (args, type);
  G_VALUE_COLLECT_INIT (&value, type, args, 0, &error);
  va_end (args);

  fail_unless (error == NULL);
  fail_unless (gst_mmio_settings_set_property (&settings, id, &value));
  g_value_unset (&value);
}

GST_START_TEST (test_config)
{
  MmioCaptureConfig config;

  set (DEVICE, G_TYPE_STRING, "03:00.0");
  set (ACCESS, GST_TYPE_MMIO_ACCESS, MMIO_ACCESS_SYSFS);
  set (BAR, G_TYPE_INT, 2);
  set (FORMAT, GST_TYPE_VIDEO_FORMAT, GST_VIDEO_FORMAT_NV12);
  set (WIDTH, G_TYPE_UINT, 1366);
  set (HEIGHT, G_TYPE_UINT, 768);
  set (OFFSET, G_TYPE_UINT64, G_GUINT64_CONSTANT (0x123456789a));
  set (STRIDE, G_TYPE_UINT, 1400);
  set (IO_MODE, GST_TYPE_MMIO_IO_MODE, GST_MMIO_IO_MODE_COPY);
  set (MAPPING, GST_TYPE_MMIO_MAPPING, MMIO_MAPPING_WRITE_COMBINING);
  set (ENGINE, GST_TYPE_MMIO_ENGINE, MMIO_ENGINE_STREAM);
  set (CHANGES, GST_TYPE_MMIO_CHANGES, MMIO_CHANGES_DROP);

  fail_unless (gst_mmio_settings_get_config (&settings, &config, NULL));
  fail_unless_equals_int (config.mapping, MMIO_MAPPING_WRITE_COMBINING);
  fail_unless_equals_int (config.engine, MMIO_ENGINE_STREAM);
  fail_unless_equals_int (config.changes, MMIO_CHANGES_DROP);
  fail_unless_equals_string (config.device, "03:00.0");
  fail_unless_equals_int (config.access, MMIO_ACCESS_SYSFS);
  fail_unless_equals_int (config.bar, 2);
  fail_unless_equals_string (config.spec.format.name, "NV12");
  fail_unless_equals_int (config.spec.format.n_planes, 2);
  fail_unless_equals_int (config.spec.width, 1366);
  fail_unless_equals_int (config.spec.height, 768);
  fail_unless_equals_uint64 (config.spec.offset,
      G_GUINT64_CONSTANT (0x123456789a));
  fail_unless_equals_int (config.spec.stride, 1400);
  fail_unless_equals_int (settings.io_mode, GST_MMIO_IO_MODE_COPY);

  set (IO_MODE, GST_TYPE_MMIO_IO_MODE, GST_MMIO_IO_MODE_MMAP);
  set (CHANGES, GST_TYPE_MMIO_CHANGES, MMIO_CHANGES_IGNORE);
  fail_unless (gst_mmio_settings_get_config (&settings, &config, NULL));
  fail_unless_equals_int (settings.io_mode, GST_MMIO_IO_MODE_MMAP);
}

GST_END_TEST;

static void
check_register (const MmioRegisterSpec * spec, gint bar, guint64 offset,
    guint bits)
{
  fail_unless_equals_int (spec->bits, bits);
  if (bits > 0) {
    fail_unless_equals_int (spec->bar, bar);
    fail_unless_equals_uint64 (spec->offset, offset);
  }
}

/* A register is set as soon as one of its properties is; one buffer is a number of
 * buffers, too */
GST_START_TEST (test_buffers)
{
  MmioCaptureConfig config;

  fail_unless (gst_mmio_settings_get_config (&settings, &config, NULL));
  fail_unless_equals_int (config.spec.n_buffers, 0);
  fail_unless_equals_uint64 (config.spec.buffer_step, 0);
  check_register (&config.spec.counter, 0, 0, 0);
  check_register (&config.spec.index, 0, 0, 0);

  set (BUFFERS, G_TYPE_UINT, 1);
  fail_unless (gst_mmio_settings_get_config (&settings, &config, NULL));
  fail_unless_equals_int (config.spec.n_buffers, 1);
  set (BUFFERS, G_TYPE_UINT, 3);
  set (BUFFER_STEP, G_TYPE_UINT64, G_GUINT64_CONSTANT (0x123456789));
  set (INDEX_OFFSET, G_TYPE_INT64, (gint64) 0);
  fail_unless (gst_mmio_settings_get_config (&settings, &config, NULL));
  fail_unless_equals_int (config.spec.n_buffers, 3);
  fail_unless_equals_uint64 (config.spec.buffer_step,
      G_GUINT64_CONSTANT (0x123456789));
  check_register (&config.spec.index, -1, 0, 32);
  check_register (&config.spec.counter, 0, 0, 0);

  set (INDEX_OFFSET, G_TYPE_INT64, (gint64) 24);
  set (INDEX_SIZE, G_TYPE_UINT, 8);
  set (INDEX_BAR, G_TYPE_INT, 4);
  fail_unless (gst_mmio_settings_get_config (&settings, &config, NULL));
  check_register (&config.spec.index, 4, 24, 8);
  check_register (&config.spec.counter, 0, 0, 0);
}

GST_END_TEST;

static const struct
{
  guint id;
  gint value;
  gint bar;                     /* -2: there is no index */
  guint64 offset;
  guint bits;
} index_cases[] = {
  {INDEX_BAR, -1, -2, 0, 0}, {INDEX_OFFSET, -1, -2, 0, 0},
  {INDEX_SIZE, 0, -2, 0, 0}, {INDEX_BAR, 0, 0, 0, 32},
  {INDEX_OFFSET, 0, -1, 0, 32}, {INDEX_OFFSET, 8, -1, 8, 32},
  {INDEX_SIZE, 32, -1, 0, 32}, {INDEX_SIZE, 8, -1, 0, 8},
};

/* Each of its properties sets it, and none by its default value */
GST_START_TEST (test_index_set)
{
  const guint id = index_cases[__i__].id;
  const gint value = index_cases[__i__].value;
  MmioCaptureConfig config;

  if (id == INDEX_BAR)
    set (id, G_TYPE_INT, value);
  else if (id == INDEX_OFFSET)
    set (id, G_TYPE_INT64, (gint64) value);
  else
    set (id, G_TYPE_UINT, value);
  fail_unless (gst_mmio_settings_get_config (&settings, &config, NULL));
  check_register (&config.spec.index, index_cases[__i__].bar,
      index_cases[__i__].offset, index_cases[__i__].bits);
}

GST_END_TEST;

/* How it counts is of no use where it is not known where */
GST_START_TEST (test_seqlock_nowhere)
{
  MmioCaptureConfig config;
  GError *error = NULL;

  set (COUNTER_SEQLOCK, G_TYPE_BOOLEAN, TRUE);
  fail_if (gst_mmio_settings_get_config (&settings, &config, &error));
  check_error (&error, MMIO_ERROR_SETTINGS, "counter-seqlock",
      "Set counter-offset", NULL);
  set (COUNTER_OFFSET, G_TYPE_INT64, (gint64) 0);
  fail_unless (gst_mmio_settings_get_config (&settings, &config, NULL));
  fail_unless (config.spec.counter_is_seqlock);
}

GST_END_TEST;

/* RGB that somebody has asked for is not RGB by default: no device is asked */
GST_START_TEST (test_default_format_set)
{
  MmioCaptureConfig config;

  set (FORMAT, GST_TYPE_VIDEO_FORMAT, GST_VIDEO_FORMAT_RGB);
  fail_unless (gst_mmio_settings_get_config (&settings, &config, NULL));
  fail_unless_equals_string (config.spec.format.name, "RGB");
}

GST_END_TEST;

GST_START_TEST (test_format_refused)
{
  static const struct
  {
    GstVideoFormat format;
    const char *nick;
  } refused[] = {
    {GST_VIDEO_FORMAT_ENCODED, "encoded"},
    {GST_VIDEO_FORMAT_RGB8P, "rgb8p"},
    {GST_VIDEO_FORMAT_NV12_4L4, "nv12-4l4"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++) {
    MmioCaptureConfig config, before;
    GError *error = NULL;

    memset (&before, 0xa5, sizeof (before));
    config = before;
    set (FORMAT, GST_TYPE_VIDEO_FORMAT, refused[i].format);
    fail_if (gst_mmio_settings_get_config (&settings, &config, &error));
    check_error (&error, MMIO_ERROR_FORMAT, refused[i].nick, "Set format to",
        "nv12", NULL);
    fail_unless (memcmp (&config, &before, sizeof (config)) == 0);
    fail_if (gst_mmio_settings_get_config (&settings, &config, NULL));
  }
}

GST_END_TEST;

GST_START_TEST (test_unknown_property)
{
  static const guint unknown[] = { 0, GST_MMIO_SETTINGS_N_PROPS,
    GST_MMIO_SETTINGS_N_PROPS + 1, G_MAXUINT
  };
  GValue value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_INT);
  for (guint i = 0; i < G_N_ELEMENTS (unknown); i++) {
    fail_if (gst_mmio_settings_set_property (&settings, unknown[i], &value));
    fail_if (gst_mmio_settings_get_property (&settings, unknown[i], &value));
  }
}

GST_END_TEST;

GST_START_TEST (test_nicks)
{
  fail_unless_equals_string (gst_mmio_enum_get_nick (GST_TYPE_MMIO_IO_MODE,
          GST_MMIO_IO_MODE_AUTO), "auto");
  fail_unless_equals_string (gst_mmio_enum_get_nick (GST_TYPE_MMIO_IO_MODE,
          GST_MMIO_IO_MODE_COPY), "copy");
  fail_unless_equals_string (gst_mmio_enum_get_nick (GST_TYPE_MMIO_IO_MODE,
          GST_MMIO_IO_MODE_MMAP), "mmap");
  fail_unless_equals_string (gst_mmio_enum_get_nick (GST_TYPE_MMIO_ACCESS,
          MMIO_ACCESS_SYSFS), "sysfs");
  fail_unless_equals_string (gst_mmio_enum_get_nick (GST_TYPE_MMIO_ACCESS, 99),
      "unknown");
}

GST_END_TEST;

static Suite *
settings_suite (void)
{
  Suite *s = suite_create ("gst-settings");
  TCase *tc = add_case (s, "settings");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_defaults);
  tcase_add_test (tc, test_config);
  tcase_add_test (tc, test_buffers);
  tcase_add_loop_test (tc, test_index_set, 0, G_N_ELEMENTS (index_cases));
  tcase_add_test (tc, test_seqlock_nowhere);
  tcase_add_test (tc, test_default_format_set);
  tcase_add_test (tc, test_format_refused);
  tcase_add_test (tc, test_unknown_property);
  tcase_add_test (tc, test_nicks);

  return s;
}

GST_CHECK_MAIN (settings);
