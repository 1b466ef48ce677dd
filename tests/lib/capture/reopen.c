/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Captures of devices that have gone and come back, or not, on a bus that does
 * not exist.
 */
#include "fixtures/bus.h"

#include <string.h>
#include <unistd.h>

#include "capture/mmiocapture.h"
#include "describe/mmiovid-header.h"

#define WIDTH 16
#define HEIGHT 8
#define SIZE (WIDTH * HEIGHT * 3)

/* The second one is prefetchable */
static const Device card = {
  "0000:03:00.0", 0xdead, 0xbeef, {
        {0xfd000000, 8192, MEMORY}, {0, 0, 0},
      {0xfe000000, 16384, MEMORY | PREFETCH}}
};

/* Another one of these */
static const Device twin = {
  "0000:04:00.0", 0xdead, 0xbeef, {{0xfd800000, 8192, MEMORY}}
};

static MmioCapture *
open_capture (const char *device, gint bar, MmioSpec spec)
{
  const MmioCaptureConfig config = {.device = device,.bar = bar,.spec = spec };
  GError *error = NULL;
  MmioCapture *capture = mmio_capture_open (&config, &error);

  fail_unless (capture != NULL, "%s", error ? error->message : "");
  fail_unless (mmio_capture_check_present (capture));
  return capture;
}

static MmioSpec
small_spec (void)
{
  return test_spec ("RGB", WIDTH, HEIGHT, 0, 0);
}

static MmioRead
read_frame (MmioCapture * capture, guint8 bytes[SIZE])
{
  MmioTarget target = {.format = mmio_capture_get_info (capture)->layout.format
  };
  MmioDamage damage;

  memset (bytes, 0xee, SIZE);
  target.plane[0] = bytes;
  target.stride[0] = WIDTH * 3;
  return mmio_capture_read (capture, &target, &damage);
}

/* It shows @wanted's file of @bar */
static void
check_frame (MmioCapture * capture, const Device * wanted, guint bar)
{
  g_autofree char *name = g_strdup_printf ("resource%u", bar);
  g_autofree char *path = device_file (wanted->slot, name);
  g_autofree char *content = NULL;
  guint8 bytes[SIZE];

  fail_unless (g_file_get_contents (path, &content, NULL, NULL));
  fail_unless_equals_int (read_frame (capture, bytes), MMIO_READ_WHOLE);
  fail_unless (memcmp (bytes, content + wanted->bar[bar].base % page_size (),
          SIZE) == 0);
}

/* It goes, and that is noticed */
static void
unplug (MmioCapture * capture, const Device * device)
{
  guint8 bytes[SIZE];

  set_command (device, 0);
  fail_unless_equals_int (read_frame (capture, bytes), MMIO_READ_GONE);
  fail_unless (g_error_matches (mmio_capture_get_removal (capture), MMIO_ERROR,
          MMIO_ERROR_GONE));
  unplug_device (device);
}

static void
check_reopen_fails (MmioCapture * capture, MmioErrorCode code,
    const char *word, const char *other_word)
{
  const guint fds = count_fds (), maps = count_maps ("/resource");
  GError *error = NULL;

  fail_unless (mmio_capture_reopen (capture, &error) == NULL);
  check_error (&error, code, word, other_word, NULL);
  fail_unless (mmio_capture_reopen (capture, NULL) == NULL);
  fail_unless_equals_int (count_fds (), fds);
  fail_unless_equals_int (count_maps ("/resource"), maps);
}

/* Returns: (transfer full): what goes on in the place of @capture, which ends */
static MmioCapture *
reopen (MmioCapture * capture)
{
  GError *error = NULL;
  MmioCapture *again = mmio_capture_reopen (capture, &error);

  fail_unless (again != NULL, "%s", error ? error->message : "");
  mmio_capture_close (capture);
  return again;
}

GST_START_TEST (test_same)
{
  MmioCaptureStats stats;
  MmioCapture *capture;
  guint fds;

  make_bus ();
  put_device (&card);
  mmio_capture_close (open_capture ("03:00.0", -1, small_spec ()));
  fds = count_fds ();
  capture = open_capture ("03:00.0", -1, small_spec ());
  for (guint i = 0; i < 3; i++)
    check_frame (capture, &card, 0);

  for (guint i = 1; i < 4; i++) {
    unplug (capture, &card);
    check_reopen_fails (capture, MMIO_ERROR_NOT_FOUND, "find PCI device "
        "0000:03:00.0", "lspci");
    put_device (&card);
    capture = reopen (capture);

    mmio_capture_get_stats (capture, &stats);
    fail_unless_equals_uint64 (stats.frames, 3 * i);
    for (guint j = 0; j < 3; j++)
      check_frame (capture, &card, 0);
    mmio_capture_get_stats (capture, &stats);
    fail_unless_equals_uint64 (stats.frames, 3 * i + 3);
    fail_unless (stats.bytes_read >= (3 * i + 3) * SIZE);
  }

  mmio_capture_close (capture);
  fail_unless_equals_int (count_fds (), fds);
  fail_unless_equals_int (count_maps ("/resource"), 0);
}

GST_END_TEST;

/* What another one says of itself, and what the user is told that it is */
static const struct
{
  const char *file;
  const char *value;
  const char *words;
} others[] = {
  {"vendor", "0x1234\n", "1234:beef:0000:0000"},
  {"device", "0x1111\n", "dead:1111:0000:0000"},
  {"subsystem_vendor", "0x1af4\n", "dead:beef:1af4:0000"},
  {"subsystem_device", "0x1100\n", "dead:beef:0000:1100"},
};

GST_START_TEST (test_other)
{
  const char *file = others[__i__].file;
  Device other = card;
  MmioCapture *capture;

  make_bus ();
  put_device (&card);
  capture = open_capture ("03:00.0", 0, small_spec ());
  unplug (capture, &card);

  if (__i__ == 0)
    other.vendor = 0x1234;
  else if (__i__ == 1)
    other.device = 0x1111;
  put_device (&other);
  put (card.slot, file, others[__i__].value, -1);
  check_reopen_fails (capture, MMIO_ERROR_GONE, "dead:beef:0000:0000",
      others[__i__].words);
  check_reopen_fails (capture, MMIO_ERROR_GONE, card.slot, "Plug in the right "
      "one");
  fail_unless_equals_int (count_maps ("/resource"), 0);

  /* And the right one again */
  unplug_device (&card);
  put_device (&card);
  capture = reopen (capture);
  check_frame (capture, &card, 0);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* Which one it was is known, whatever its number is now */
GST_START_TEST (test_twins)
{
  MmioCapture *capture, *only;

  make_bus ();
  put_device (&card);
  only = open_capture ("dead:beef", 0, small_spec ());
  put_device (&twin);
  capture = open_capture ("dead:beef@1", 0, small_spec ());
  fail_unless_equals_string (mmio_capture_get_info (capture)->device_address,
      twin.slot);

  /* The other one is none that has come back */
  unplug (capture, &twin);
  check_reopen_fails (capture, MMIO_ERROR_NOT_FOUND, twin.slot, "lspci");
  put_device (&twin);
  unplug (only, &card);
  check_reopen_fails (only, MMIO_ERROR_NOT_FOUND, card.slot, "lspci");

  /* Alone it is dead:beef@0 */
  capture = reopen (capture);
  fail_unless_equals_string (mmio_capture_get_info (capture)->device_address,
      twin.slot);
  check_frame (capture, &twin, 0);

  /* With the other one dead:beef alone names none */
  put_device (&card);
  only = reopen (only);
  fail_unless_equals_string (mmio_capture_get_info (only)->device_address,
      card.slot);
  check_frame (only, &card, 0);

  /* And once more, for what was opened anew knows as much */
  unplug (only, &card);
  put_device (&card);
  only = reopen (only);
  fail_unless_equals_string (mmio_capture_get_info (only)->device_address,
      card.slot);

  mmio_capture_close (only);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* What BARs it has is looked up once more, each time */
static const struct
{
  gint bar;
  Bar bars[3];
  /* Where the picture is then; or why it is not */
  gint found;
  MmioErrorCode code;
  const char *word;
} layouts[] = {
  /* Elsewhere, also within its page */
  {0, {{0xfc000000, 8192, MEMORY}}, 0, 0, NULL},
  {0, {{0xfc000800, 1024, MEMORY}}, 0, 0, NULL},
  /* Smaller, larger */
  {0, {{0xfd000000, 256, MEMORY}}, -1, MMIO_ERROR_SETTINGS, "only 256 bytes"},
  {0, {{0xfd000000, 1 << 20, MEMORY}}, 0, 0, NULL},
  /* It has none, another one only, or one of another kind */
  {0, {{0, 0, 0}, {0, 0, 0}, {0xfe000000, 16384, MEMORY}}, -1,
      MMIO_ERROR_NOT_FOUND, "has no BAR 0; it has BAR 2 (16384 bytes). Set"},
  {2, {{0xfd000000, 8192, MEMORY}}, -1, MMIO_ERROR_NOT_FOUND,
      "has no BAR 2; it has BAR 0 (8192 bytes). Set"},
  {0, {{0, 0, 0}}, -1, MMIO_ERROR_NOT_FOUND, "it has no BAR"},
  {0, {{0xc000, 4096, IO}}, -1, MMIO_ERROR_SETTINGS, "I/O ports"},
  /* Nobody has said which */
  {-1, {{0, 0, 0}, {0, 0, 0}, {0xfe000000, 16384, MEMORY}}, 2, 0, NULL},
  {-1, {{0xfd000000, 256, MEMORY}, {0xfd100000, 4096, MEMORY}}, 1, 0, NULL},
  {-1, {{0xfd000000, 256, MEMORY}}, -1, MMIO_ERROR_SETTINGS,
      "it has BAR 0 (256 bytes)."},
};

GST_START_TEST (test_bars)
{
  const gint found = layouts[__i__].found;
  Device changed = card;
  MmioCapture *capture;

  make_bus ();
  put_device (&card);
  capture = open_capture ("03:00.0", layouts[__i__].bar, small_spec ());
  unplug (capture, &card);

  memset (changed.bar, 0, sizeof (changed.bar));
  memcpy (changed.bar, layouts[__i__].bars, sizeof (layouts[__i__].bars));
  put_device (&changed);
  if (found < 0) {
    check_reopen_fails (capture, layouts[__i__].code, layouts[__i__].word,
        card.slot);
    fail_unless_equals_int (count_maps ("/resource"), 0);
    unplug_device (&card);
    put_device (&card);
    capture = reopen (capture);
    check_frame (capture, &card, MAX (layouts[__i__].bar, 0));
  } else {
    capture = reopen (capture);
    fail_unless_equals_int (mmio_capture_get_info (capture)->bar, found);
    check_frame (capture, &changed, found);
  }
  mmio_capture_close (capture);
}

GST_END_TEST;

/* A path says which BAR, and how it is mapped */
GST_START_TEST (test_path)
{
  const char *path = DEVICES "/0000:03:00.0/resource2_wc";
  g_autofree char *file = device_file (card.slot, "resource2");
  g_autofree char *wc = device_file (card.slot, "resource2_wc");
  MmioCapture *capture;

  make_bus ();
  put_device (&card);
  fail_unless (link (file, wc) == 0);
  capture = open_capture (path, -1, small_spec ());

  unplug (capture, &card);
  check_reopen_fails (capture, MMIO_ERROR_NOT_FOUND, card.slot, "lspci -Dnn");
  /* No path there, which is no other file either */
  put_device (&card);
  check_reopen_fails (capture, MMIO_ERROR_NOT_FOUND, path, "no such file");
  fail_unless (link (file, wc) == 0);
  capture = reopen (capture);
  fail_unless_equals_int (mmio_capture_get_info (capture)->bar, 2);
  fail_unless_equals_int (count_maps ("/resource2_wc"), 1);
  fail_unless_equals_int (count_maps ("/resource"), 1);
  check_frame (capture, &card, 2);
  mmio_capture_close (capture);
}

GST_END_TEST;

static void
put_header (const Device * device, guint width, guint height)
{
  g_autofree guint8 *content = g_malloc0 (8192);
  const MmiovidHeader header = {
    .magic = GUINT64_TO_LE (MMIOVID_HEADER_MAGIC),
    .version = GUINT32_TO_LE (MMIOVID_HEADER_VERSION),
    .size = GUINT32_TO_LE (MMIOVID_HEADER_SIZE),
    .format = GUINT32_TO_LE (MMIOVID_FORMAT_RGB),
    .width = GUINT32_TO_LE (width),
    .height = GUINT32_TO_LE (height),
    .n_slots = GUINT32_TO_LE (1),
    .slot_offset = {GUINT64_TO_LE (MMIOVID_HEADER_SIZE)},
  };

  memcpy (content, &header, sizeof (header));
  put (device->slot, "resource0", content, 8192);
}

/* It shows a picture of another size then */
GST_START_TEST (test_geometry)
{
  const MmioLayout *picture;
  MmioCapture *capture;

  make_bus ();
  put_device (&card);
  put_header (&card, WIDTH, HEIGHT);
  capture = open_capture ("03:00.0", 0, test_spec (NULL, 0, 0, 0, 0));
  picture = &mmio_capture_get_info (capture)->layout;
  fail_unless_equals_int (picture->width, WIDTH);

  unplug (capture, &card);
  put_device (&card);
  put_header (&card, WIDTH / 2, HEIGHT * 2);
  capture = reopen (capture);
  picture = &mmio_capture_get_info (capture)->layout;
  fail_unless_equals_int (picture->width, WIDTH / 2);
  fail_unless_equals_int (picture->height, HEIGHT * 2);
  mmio_capture_close (capture);
}

GST_END_TEST;

static Suite *
reopen_suite (void)
{
  Suite *s = suite_create ("lib-reopen");
  TCase *tc = add_case (s, "reopen");

  tcase_add_test (tc, test_same);
  tcase_add_loop_test (tc, test_other, 0, G_N_ELEMENTS (others));
  tcase_add_test (tc, test_twins);
  tcase_add_loop_test (tc, test_bars, 0, G_N_ELEMENTS (layouts));
  tcase_add_test (tc, test_path);
  tcase_add_test (tc, test_geometry);

  return s;
}

int
main (int argc, char **argv)
{
  return run_on_bus (argc, argv, reopen_suite, "reopen", __FILE__);
}
