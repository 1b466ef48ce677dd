/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixtures/helper.h"

#include <string.h>

#include "describe/mmioheader.h"
#include "describe/mmiodescribe.h"
#include "describe/mmiomodewatch.h"
#include "describe/mmiovbe.h"

/* Where QEMU's std VGA and bochs-display have their mode registers, by their
 * specification: BAR 2, 16 bits each, little-endian, from 0x500 on */
#define REGISTER_BAR 2
#define REGISTERS 0x500
#define REGISTER_BAR_SIZE 4096

enum
{ ID, XRES, YRES, BPP, ENABLE, BANK, VIRT_WIDTH, VIRT_HEIGHT, X_OFFSET,
  Y_OFFSET, N_REGISTERS
};

static FakeDevice *
fake_bochs (const guint16 * registers)
{
  FakeDevice *fake = fake_new ();
  guint8 bytes[2 * N_REGISTERS];

  for (guint i = 0; i < N_REGISTERS; i++)
    GST_WRITE_UINT16_LE (bytes + 2 * i, registers[i]);

  fake_set_memory (fake, 0, 1 << 24);
  fake_set_memory (fake, REGISTER_BAR, REGISTER_BAR_SIZE);
  fake_write (fake, REGISTER_BAR, REGISTERS, bytes, sizeof (bytes));
  return fake;
}

static gboolean
ask (FakeDevice * fake, gint * bar, MmioSpec * spec, GError ** error)
{
  g_autoptr (MmioModeWatch) mode = NULL;
  MmioDescriptorPlace place;
  gboolean tells, ret;

  fake->parent.vendor_id = 0x1234;
  fake->parent.device_id = 0x1111;
  fail_unless (mmio_describe_find_place (&fake->parent, *bar, &place));
  mode = mmio_mode_watch_new (&fake->parent, &place);
  ret = mmio_mode_watch_read (mode, bar, spec, &tells, error);
  fail_unless (tells || !ret);
  return ret;
}

static void
check_spec (const MmioSpec * spec, const char *format, guint width,
    guint height, guint64 offset, guint stride)
{
  fail_unless_equals_string (spec->format.name, format);
  fail_unless_equals_int (spec->width, width);
  fail_unless_equals_int (spec->height, height);
  fail_unless_equals_uint64 (spec->offset, offset);
  fail_unless_equals_int (spec->stride, stride);
}

/* --- What it says --------------------------------------------------------- */

static const struct
{
  guint16 registers[N_REGISTERS];
  const char *format;
  guint width, height, stride;
  guint64 offset;
} modes[] = {
  {{0xb0c5, 1280, 800, 32, 0x41, 0, 1280, 800, 0, 0},
      "BGRx", 1280, 800, 5120, 0},
  {{0xb0c5, 1024, 768, 24, 0x01, 0, 1024, 768, 0, 0},
      "BGR", 1024, 768, 3072, 0},
  {{0xb0c5, 800, 600, 16, 0x41, 0, 800, 600, 0, 0},
      "RGB16", 800, 600, 1600, 0},
  {{0xb0c5, 640, 480, 15, 0x41, 0, 640, 480, 0, 0},
      "RGB15", 640, 480, 1280, 0},
  /* All versions of the interface */
  {{0xb0c0, 640, 480, 32, 0x41, 0, 640, 480, 0, 0},
      "BGRx", 640, 480, 2560, 0},
  {{0xb0cf, 640, 480, 32, 0xff, 0, 640, 480, 0, 0},
      "BGRx", 640, 480, 2560, 0},
  /* A window on a larger picture */
  {{0xb0c5, 1366, 768, 32, 0x41, 0, 1368, 1536, 0, 0},
      "BGRx", 1366, 768, 5472, 0},
  {{0xb0c5, 640, 480, 32, 0x41, 0, 1000, 2000, 7, 0},
      "BGRx", 640, 480, 4000, 28},
  {{0xb0c5, 640, 480, 24, 0x41, 0, 1000, 2000, 7, 480},
      "BGR", 640, 480, 3000, 1440021},
  {{0xb0c5, 640, 480, 16, 0x41, 0, 1000, 2000, 1, 1},
      "RGB16", 640, 480, 2000, 2002},
  {{0xb0c5, 640, 480, 15, 0x41, 0, 1000, 2000, 1, 1},
      "RGB15", 640, 480, 2000, 2002},
  {{0xb0c5, 1, 1, 32, 0x41, 0, 65535, 65535, 65535, 65535},
      "BGRx", 1, 1, 262140, 17179607040},
  /* No virtual width, as bochs-display without a driver */
  {{0xb0c5, 640, 480, 32, 0x41, 0, 0, 0, 0, 0}, "BGRx", 640, 480, 2560, 0},
  {{0xb0c5, 640, 480, 32, 0x41, 0, 639, 0, 0, 0}, "BGRx", 640, 480, 2560, 0},
};

GST_START_TEST (test_mode)
{
  FakeDevice *fake = fake_bochs (modes[__i__].registers);
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  GError *error = NULL;
  gint bar = -1;

  fail_unless (ask (fake, &bar, &spec, &error), "%s",
      error ? error->message : "");
  fail_unless_equals_int (bar, 0);
  check_spec (&spec, modes[__i__].format, modes[__i__].width,
      modes[__i__].height, modes[__i__].offset, modes[__i__].stride);

  /* Asked once, for the registers and nothing else; and let go of */
  fail_unless_equals_int (fake->n_maps, 1);
  fail_unless_equals_int (fake->last_bar, REGISTER_BAR);
  fail_unless_equals_uint64 (fake->last_offset, REGISTERS);
  fail_unless_equals_uint64 (fake->last_length, 2 * N_REGISTERS);
  fail_unless_equals_int (count_maps ("mmiocheck-bar"), 0);
  mmio_device_unref (&fake->parent);
}

GST_END_TEST;

/* --- What it does not ----------------------------------------------------- */

static const struct
{
  guint16 registers[N_REGISTERS];
  MmioErrorCode code;
  const char *words[3];
} mute[] = {
  /* Not powered, not decoding, not there */
  {{0xffff, 0xffff, 0xffff, 0xffff, 0xffff}, MMIO_ERROR_SETTINGS,
      {"its mode registers have no VBE id", "Set width"}},
  {{0, 640, 480, 32, 1}, MMIO_ERROR_SETTINGS, {"its mode registers have no VBE "
            "id"}},
  {{0xb0bf, 640, 480, 32, 1}, MMIO_ERROR_SETTINGS, {"its mode registers have "
            "no VBE id"}},
  {{0xb0d0, 640, 480, 32, 1}, MMIO_ERROR_SETTINGS, {"its mode registers have "
            "no VBE id"}},
  /* Text */
  {{0xb0c5, 640, 480, 32, 0}, MMIO_ERROR_NO_MODE, {"no graphics mode"}},
  {{0xb0c5, 640, 480, 32, 0x40}, MMIO_ERROR_NO_MODE,
      {"no graphics mode", "Set width", "driver"}},
  {{0xb0c5, 0, 480, 32, 1}, MMIO_ERROR_NO_MODE, {"no graphics mode"}},
  {{0xb0c5, 640, 0, 32, 1}, MMIO_ERROR_NO_MODE, {"no graphics mode"}},
  /* A palette */
  {{0xb0c5, 640, 480, 8, 1}, MMIO_ERROR_FORMAT, {" 8 bits", "palette"}},
  {{0xb0c5, 640, 480, 4, 1}, MMIO_ERROR_FORMAT, {" 4 bits", "palette"}},
  {{0xb0c5, 640, 480, 0, 1}, MMIO_ERROR_FORMAT, {" 0 bits"}},
  {{0xb0c5, 640, 480, 33, 1}, MMIO_ERROR_FORMAT, {" 33 bits"}},
};

GST_START_TEST (test_mute)
{
  FakeDevice *fake = fake_bochs (mute[__i__].registers);
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0), before = spec;
  GError *error = NULL;
  gint bar = -1;

  fail_if (ask (fake, &bar, &spec, &error));
  check_error (&error, mute[__i__].code, "0000:aa:11.3", mute[__i__].words[0],
      mute[__i__].words[1], mute[__i__].words[1] ? mute[__i__].words[2] : NULL,
      NULL);
  fail_unless (memcmp (&spec, &before, sizeof (spec)) == 0);
  fail_unless_equals_int (bar, -1);
  fail_if (ask (fake, &bar, &spec, NULL));
  fail_unless_equals_int (count_maps ("mmiocheck-bar"), 0);
  mmio_device_unref (&fake->parent);
}

GST_END_TEST;

static const guint16 usual[N_REGISTERS] = {
  0xb0c5, 1280, 800, 32, 0x41, 0, 1300, 800, 3, 2
};

/* --- What the user says beats it ------------------------------------------ */

GST_START_TEST (test_user_first)
{
  FakeDevice *fake = fake_bochs (usual);
  MmioSpec spec;
  gint bar;

  bar = 4;
  spec = test_spec (NULL, 0, 0, 0, 0);
  fail_unless (ask (fake, &bar, &spec, NULL));
  fail_unless_equals_int (bar, 4);
  check_spec (&spec, "BGRx", 1280, 800, 10412, 5200);

  bar = 0;
  spec = test_spec ("BGRx", 100, 0, 0, 0);
  fail_unless (ask (fake, &bar, &spec, NULL));
  fail_unless_equals_int (bar, 0);
  check_spec (&spec, "BGRx", 100, 800, 10412, 5200);

  bar = -1;
  spec = test_spec (NULL, 0, 100, 0, 0);
  fail_unless (ask (fake, &bar, &spec, NULL));
  fail_unless_equals_int (bar, 0);
  check_spec (&spec, "BGRx", 1280, 100, 10412, 5200);

  spec = test_spec (NULL, 0, 0, 64, 0);
  fail_unless (ask (fake, &bar, &spec, NULL));
  check_spec (&spec, "BGRx", 1280, 800, 64, 5200);

  spec = test_spec (NULL, 0, 0, 0, 8192);
  fail_unless (ask (fake, &bar, &spec, NULL));
  check_spec (&spec, "BGRx", 1280, 800, 10412, 8192);

  mmio_device_unref (&fake->parent);
}

GST_END_TEST;

GST_START_TEST (test_other_format)
{
  FakeDevice *fake = fake_bochs (usual);
  MmioSpec spec = test_spec ("RGB", 0, 0, 0, 0), before = spec;
  GError *error = NULL;
  gint bar = -1;

  fail_if (ask (fake, &bar, &spec, &error));
  check_error (&error, MMIO_ERROR_SETTINGS, "0000:aa:11.3", "it describes BGRx "
      "frames",
      "Cannot capture 0000:aa:11.3 as RGB", "Leave format unset",
      "width and height", NULL);
  fail_unless (memcmp (&spec, &before, sizeof (spec)) == 0);
  fail_unless_equals_int (bar, -1);
  mmio_device_unref (&fake->parent);
}

GST_END_TEST;

/* --- Who is asked for what ------------------------------------------------ */

static const MmioDescriptor *
find (FakeDevice * fake, guint16 vendor, guint16 id, gint bar,
    MmioDescriptorPlace * place)
{
  const MmioBackend *before = fake->parent.backend;
  MmioBackend backend = *before;
  gboolean found;

  backend.header_place = MMIO_HEADER_IN_BAR;
  fake->parent.backend = &backend;
  fake->parent.vendor_id = vendor;
  fake->parent.device_id = id;
  found = mmio_describe_find_place (&fake->parent, bar, place);
  fake->parent.backend = before;

  /* The device was not accessed */
  fail_unless_equals_int (fake->n_maps, 0);
  return found ? place->descriptor : NULL;
}

/* Of a device that nobody knows, no BAR is read that may mind */
GST_START_TEST (test_unknown)
{
  FakeDevice *fake = fake_bochs (usual);
  MmioDescriptorPlace place;

  fail_if (find (fake, 0x1234, 0x1112, -1, &place));
  fail_if (find (fake, 0x1235, 0x1111, -1, &place));
  fail_if (find (fake, 0x1111, 0x1234, -1, &place));
  fail_if (find (fake, 0, 0, -1, &place));

  /* The user names one */
  fail_unless (find (fake, 0, 0, 2, &place) == &mmio_header_descriptor);
  fail_unless_equals_int (place.bar, 2);
  fail_unless_equals_int (place.frame_bar, 2);
  fail_unless_equals_uint64 (place.offset, 0);
  fail_if (find (fake, 0, 0, 1, &place));
  fail_if (find (fake, 0, 0, MMIO_MAX_BARS, &place));

  /* The device says that it does not mind */
  fake_set_memory (fake, 3, 4096);
  fake_set_memory (fake, 4, 4096);
  fake->parent.bar[3].is_prefetchable = TRUE;
  fake->parent.bar[4].is_prefetchable = TRUE;
  fail_unless (find (fake, 0, 0, -1, &place) == &mmio_header_descriptor);
  fail_unless_equals_int (place.bar, 3);
  fail_unless_equals_int (place.frame_bar, 3);
  fail_unless (find (fake, 0, 0, 0, &place) == &mmio_header_descriptor);
  fail_unless_equals_int (place.bar, 0);

  /* One whose registers are known is asked by them, whatever else it has */
  fail_unless (find (fake, 0x1234, 0x1111, -1, &place) == &mmio_vbe_descriptor);
  fail_unless_equals_int (place.bar, REGISTER_BAR);
  fail_unless_equals_uint64 (place.offset, REGISTERS);
  fail_unless_equals_int (place.frame_bar, 0);
  fail_unless (find (fake, 0x1234, 0x1111, 3, &place) == &mmio_vbe_descriptor);
  mmio_device_unref (&fake->parent);
}

GST_END_TEST;

GST_START_TEST (test_io)
{
  FakeDevice *fake = fake_new ();
  MmioDescriptorPlace place;

  fake_set_io (fake, 0, 4096);
  fake->parent.bar[0].is_prefetchable = TRUE;
  fail_if (find (fake, 0, 0, -1, &place));
  fail_if (find (fake, 0, 0, 0, &place));
  mmio_device_unref (&fake->parent);
}

GST_END_TEST;

/* Its registers change when they are read, so it is BAR 2 or none */
GST_START_TEST (test_ivshmem)
{
  FakeDevice *fake = fake_new ();
  MmioDescriptorPlace place;

  fake_set_memory (fake, 0, 4096);
  fail_if (find (fake, 0x1af4, 0x1110, -1, &place));
  fake_set_memory (fake, 2, 4096);
  for (gint bar = -1; bar <= 2; bar += 3) {
    fail_unless (find (fake, 0x1af4, 0x1110, bar, &place) ==
        &mmio_header_descriptor);
    fail_unless_equals_int (place.bar, 2);
    fail_unless_equals_int (place.frame_bar, 2);
    fail_unless_equals_uint64 (place.offset, 0);
  }
  fail_if (find (fake, 0x1af4, 0x1110, 0, &place));
  mmio_device_unref (&fake->parent);
}

GST_END_TEST;

/* Variants that have no registers, or not enough room for them */
GST_START_TEST (test_no_registers)
{
  static const gsize sizes[] = { 0, 1, REGISTERS,
    REGISTERS + 2 * N_REGISTERS - 1
  };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    FakeDevice *fake = fake_new ();
    MmioDescriptorPlace place;

    fake_set_memory (fake, 0, 1 << 24);
    if (sizes[i] > 0)
      fake_set_memory (fake, REGISTER_BAR, sizes[i]);
    fail_if (find (fake, 0x1234, 0x1111, -1, &place));
    mmio_device_unref (&fake->parent);
  }
}

GST_END_TEST;

/* Just enough room */
GST_START_TEST (test_small_bar)
{
  FakeDevice *fake = fake_bochs (usual);
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  gint bar = -1;

  fake->parent.bar[REGISTER_BAR].size = REGISTERS + 2 * N_REGISTERS;
  fail_unless (ask (fake, &bar, &spec, NULL));
  fail_unless_equals_int (fake->n_maps, 1);
  fail_unless_equals_int (spec.width, 1280);
  mmio_device_unref (&fake->parent);
}

GST_END_TEST;

GST_START_TEST (test_map_fails)
{
  FakeDevice *fake = fake_bochs (usual);
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  GError *error = NULL;
  gint bar = -1;

  fake->fail_map = TRUE;
  fail_if (ask (fake, &bar, &spec, &error));
  fail_unless (mmio_error_get_system (error) != NULL);
  check_error (&error, MMIO_ERROR_BUSY, "does not want to be mapped", NULL);
  mmio_device_unref (&fake->parent);
}

GST_END_TEST;

static Suite *
devicetable_suite (void)
{
  Suite *s = suite_create ("lib-known");
  TCase *tc = add_case (s, "bochs");

  tcase_add_loop_test (tc, test_mode, 0, G_N_ELEMENTS (modes));
  tcase_add_loop_test (tc, test_mute, 0, G_N_ELEMENTS (mute));
  tcase_add_test (tc, test_user_first);
  tcase_add_test (tc, test_other_format);

  tc = add_case (s, "others");
  tcase_add_test (tc, test_unknown);
  tcase_add_test (tc, test_io);
  tcase_add_test (tc, test_ivshmem);
  tcase_add_test (tc, test_no_registers);
  tcase_add_test (tc, test_small_bar);
  tcase_add_test (tc, test_map_fails);

  return s;
}

GST_CHECK_MAIN (devicetable);
