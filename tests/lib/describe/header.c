/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a device may write into its header: each field right and wrong, and a
 * header that changes while it is read. */
#include "fixtures/helper.h"

#include <string.h>
#include <sys/mman.h>

#include "describe/mmioheader.h"
#include "describe/mmiovid-header.h"

#define BAR 3
#define BAR_SIZE 65536

/* A header in memory, as bytes: what is written here is what a device in C
 * writes on a little-endian machine, wherever the test runs */
enum
{
  MAGIC = 0, VERSION = 8, SIZE = 12, SEQUENCE = 16, FORMAT = 20, WIDTH = 24,
  HEIGHT = 28, STRIDE = 32, FLAGS = 36, N_PICTURES = 40, PICTURE_OFFSET = 48,
  COUNTER = 80, INDEX = 84
};

#define FOURCC(text) ((guint32) text[0] | (guint32) text[1] << 8 | \
    (guint32) text[2] << 16 | (guint32) text[3] << 24)

static void
put (guint8 * header, guint offset, guint32 value)
{
  GST_WRITE_UINT32_LE (header + offset, value);
}

static void
put_offset (guint8 * header, guint i, guint64 value)
{
  GST_WRITE_UINT64_LE (header + PICTURE_OFFSET + 8 * i, value);
}

/* 64x48 BGRx, two pictures, a counter */
static void
make_header (guint8 * header)
{
  memset (header, 0, MMIOVID_HEADER_SIZE);
  memcpy (header, "mmiovid", 8);
  put (header, VERSION, 1);
  put (header, SIZE, 128);
  put (header, SEQUENCE, 4);
  put (header, FORMAT, FOURCC ("XR24"));
  put (header, WIDTH, 64);
  put (header, HEIGHT, 48);
  put (header, STRIDE, 512);
  put (header, FLAGS, 3);
  put (header, N_PICTURES, 2);
  put_offset (header, 0, 4096);
  put_offset (header, 1, 32768);
}

static FakeDevice *device;
static guint8 *memory;

static void
setup (void)
{
  device = fake_new ();
  fake_set_memory (device, BAR, BAR_SIZE);
  memory = mmap (NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
      device->fd[BAR], 0);
  fail_unless (memory != MAP_FAILED);
  make_header (memory);
}

static void
teardown (void)
{
  munmap (memory, BAR_SIZE);
  mmio_device_unref (&device->parent);
}

static MmioDescription
ask (MmioSpec * told, MmioModeKey * key, GError ** error)
{
  *told = (MmioSpec) {
  .offset = 0};
  return mmio_header_descriptor.read (&device->parent, BAR, memory, key, told,
      error);
}

static void
check_told (const MmioSpec * told, const char *format, guint width,
    guint height, guint stride, guint64 offset)
{
  fail_unless_equals_string (told->format.name, format);
  fail_unless_equals_int (told->width, width);
  fail_unless_equals_int (told->height, height);
  fail_unless_equals_int (told->stride, stride);
  fail_unless_equals_uint64 (told->offset, offset);
}

static void
check_register (const MmioRegisterSpec * spec, guint64 offset)
{
  fail_unless_equals_int (spec->bar, BAR);
  fail_unless_equals_uint64 (spec->offset, offset);
  fail_unless_equals_int (spec->bits, 32);
}

/* --- What it says --------------------------------------------------------- */

/* The structure is where the documentation says, and this test */
GST_START_TEST (test_structure)
{
  const MmiovidHeader header = {
    .magic = GUINT64_TO_LE (MMIOVID_HEADER_MAGIC),
    .version = GUINT32_TO_LE (MMIOVID_HEADER_VERSION),
    .size = GUINT32_TO_LE (sizeof (header)),
    .sequence = GUINT32_TO_LE (4),
    .format = GUINT32_TO_LE (MMIOVID_FORMAT_BGRX),
    .width = GUINT32_TO_LE (64),
    .height = GUINT32_TO_LE (48),
    .stride = GUINT32_TO_LE (512),
    .flags = GUINT32_TO_LE (MMIOVID_HEADER_COUNTER | MMIOVID_HEADER_SEQLOCK),
    .n_slots = GUINT32_TO_LE (2),
    .slot_offset = {GUINT64_TO_LE (4096), GUINT64_TO_LE (32768)},
  };

  fail_unless (memcmp (&header, memory, sizeof (header)) == 0);
  fail_unless_equals_int (offsetof (MmiovidHeader, counter), COUNTER);
  fail_unless_equals_int (offsetof (MmiovidHeader, index), INDEX);
}

GST_END_TEST;

GST_START_TEST (test_all)
{
  MmioModeKey key;
  MmioSpec told;

  fail_unless_equals_int (ask (&told, &key, NULL), MMIO_DESCRIPTION_FRAME);
  check_told (&told, "BGRx", 64, 48, 512, 4096);
  check_register (&told.counter, COUNTER);
  fail_unless (told.counter_is_seqlock);
  fail_unless_equals_int (told.n_buffers, 2);
  fail_unless_equals_uint64 (told.buffer_offset[0], 4096);
  fail_unless_equals_uint64 (told.buffer_offset[1], 32768);
  fail_unless_equals_uint64 (told.buffer_offset[2], 0);
  fail_unless_equals_uint64 (told.buffer_offset[3], 0);
  fail_unless_equals_uint64 (told.buffer_step, 0);
  check_register (&told.index, INDEX);
}

GST_END_TEST;

GST_START_TEST (test_least)
{
  MmioModeKey key;
  MmioSpec told;

  put (memory, FLAGS, 0);
  put (memory, N_PICTURES, 1);
  put (memory, STRIDE, 0);
  put_offset (memory, 0, 128);
  fail_unless_equals_int (ask (&told, &key, NULL), MMIO_DESCRIPTION_FRAME);
  check_told (&told, "BGRx", 64, 48, 0, 128);
  fail_unless_equals_int (told.counter.bits, 0);
  fail_if (told.counter_is_seqlock);
  fail_unless_equals_int (told.index.bits, 0);
  fail_unless_equals_int (told.n_buffers, 0);
  for (guint i = 0; i < MMIO_MAX_BUFFERS; i++)
    fail_unless_equals_uint64 (told.buffer_offset[i], 0);

  put (memory, FLAGS, 1);
  fail_unless_equals_int (ask (&told, &key, NULL), MMIO_DESCRIPTION_FRAME);
  check_register (&told.counter, COUNTER);
  fail_if (told.counter_is_seqlock);

  /* It tells how a counter counts that is not there */
  put (memory, FLAGS, 2);
  fail_unless_equals_int (ask (&told, &key, NULL), MMIO_DESCRIPTION_FRAME);
  fail_unless_equals_int (told.counter.bits, 0);
  fail_if (told.counter_is_seqlock);
}

GST_END_TEST;

/* What later headers of this version may have, and what is not looked at */
GST_START_TEST (test_ignored)
{
  MmioModeKey key;
  MmioSpec told;

  put (memory, SIZE, 256);
  put (memory, FLAGS, 0xffffffff);
  put (memory, 44, 0xffffffff);
  memset (memory + COUNTER, 0xff, 4096 - COUNTER);
  put_offset (memory, 2, G_MAXUINT64);
  put_offset (memory, 3, 1);
  fail_unless_equals_int (ask (&told, &key, NULL), MMIO_DESCRIPTION_FRAME);
  check_told (&told, "BGRx", 64, 48, 512, 4096);
  fail_unless_equals_int (told.n_buffers, 2);
  fail_unless_equals_uint64 (told.buffer_offset[2], 0);
  fail_unless_equals_uint64 (told.buffer_offset[3], 0);
}

GST_END_TEST;

/* The kernel names words, and GStreamer bytes */
static const struct
{
  const char *fourcc, *format;
  guint row_bytes;
} formats[] = {
  {"BG24", "RGB", 192}, {"RG24", "BGR", 192}, {"XB24", "RGBx", 256},
  {"XR24", "BGRx", 256}, {"BX24", "xRGB", 256}, {"RX24", "xBGR", 256},
  {"RG16", "RGB16", 128}, {"XR15", "RGB15", 128}, {"R8  ", "GRAY8", 64},
  {"YUYV", "YUY2", 128}, {"UYVY", "UYVY", 128}, {"NV12", "NV12", 64},
  {"YU12", "I420", 64},
};

GST_START_TEST (test_each_format)
{
  MmioModeKey key;
  MmioSpec told;
  GError *error = NULL;

  put (memory, FORMAT, FOURCC (formats[__i__].fourcc));
  put (memory, STRIDE, formats[__i__].row_bytes);
  fail_unless_equals_int (ask (&told, &key, NULL), MMIO_DESCRIPTION_FRAME);
  check_told (&told, formats[__i__].format, 64, 48, formats[__i__].row_bytes,
      4096);

  put (memory, STRIDE, formats[__i__].row_bytes - 1);
  fail_unless_equals_int (ask (&told, &key, &error), MMIO_DESCRIPTION_INVALID);
  check_error (&error, MMIO_ERROR_SETTINGS, "stride=", NULL);
}

GST_END_TEST;

/* All formats that the library knows have a name there */
GST_START_TEST (test_all_formats)
{
  for (guint i = 0; mmio_format_nth (i); i++) {
    guint n = 0;

    for (guint j = 0; j < G_N_ELEMENTS (formats); j++)
      n += strcmp (formats[j].format, mmio_format_nth (i)->name) == 0;
    fail_unless_equals_int (n, 1);
  }
}

GST_END_TEST;

/* --- What it may not say -------------------------------------------------- */

/* A 64-bit field is written as two of 32 */
static const struct
{
  guint offset;
  guint32 value, high;
  MmioErrorCode code;
  const char *words[2];
} wrong[] = {
  {VERSION, 0, 0, MMIO_ERROR_SETTINGS, {"version=0", "version 1"}},
  {VERSION, 2, 0, MMIO_ERROR_SETTINGS, {"version=2", "version 1"}},
  {VERSION, 0x10001, 0, MMIO_ERROR_SETTINGS, {"version=65537"}},
  {SIZE, 0, 0, MMIO_ERROR_SETTINGS, {"size=0", "128"}},
  {SIZE, 127, 0, MMIO_ERROR_SETTINGS, {"size=127", "128"}},
  {SIZE, BAR_SIZE + 1, 0, MMIO_ERROR_SETTINGS, {"size=65537", "65536"}},
  {SIZE, 0xffffffff, 0, MMIO_ERROR_SETTINGS, {"size=4294967295"}},
  {FORMAT, 0, 0, MMIO_ERROR_FORMAT, {"format=0,", "XR24"}},
  {FORMAT, FOURCC ("AR24"), 0, MMIO_ERROR_FORMAT, {"format=AR24", "BG24"}},
  {FORMAT, FOURCC ("xr24"), 0, MMIO_ERROR_FORMAT, {"format=xr24"}},
  {FORMAT, 0x34325200, 0, MMIO_ERROR_FORMAT, {"format=0x34325200"}},
  {WIDTH, 0, 0, MMIO_ERROR_SETTINGS, {"width=0", "65535"}},
  {WIDTH, 65536, 0, MMIO_ERROR_SETTINGS, {"width=65536", "65535"}},
  {WIDTH, 0xffffffff, 0, MMIO_ERROR_SETTINGS, {"width=4294967295"}},
  {HEIGHT, 0, 0, MMIO_ERROR_SETTINGS, {"height=0", "65535"}},
  {HEIGHT, 65536, 0, MMIO_ERROR_SETTINGS, {"height=65536", "65535"}},
  {STRIDE, 255, 0, MMIO_ERROR_SETTINGS, {"stride=255", "256 bytes"}},
  {STRIDE, 1, 0, MMIO_ERROR_SETTINGS, {"stride=1,"}},
  {STRIDE, 0x7fffffff, 0, MMIO_ERROR_SETTINGS, {"stride=2147483647", "2 GiB"}},
  {STRIDE, 0xffffffff, 0, MMIO_ERROR_SETTINGS, {"stride=4294967295"}},
  {N_PICTURES, 0, 0, MMIO_ERROR_SETTINGS, {"n_slots=0", "1 to 4"}},
  {N_PICTURES, 5, 0, MMIO_ERROR_SETTINGS, {"n_slots=5", "1 to 4"}},
  {N_PICTURES, 0xffffffff, 0, MMIO_ERROR_SETTINGS, {"n_slots=4294967295"}},
  /* The third one is at byte 0 */
  {N_PICTURES, 3, 0, MMIO_ERROR_SETTINGS, {"slot_offset[2]=0"}},
  {PICTURE_OFFSET, 127, 0, MMIO_ERROR_SETTINGS,
      {"slot_offset[0]=127", "byte 128"}},
  /* 47 rows of 512 bytes, and one of 256: what is left is 41216 */
  {PICTURE_OFFSET, 41217, 0, MMIO_ERROR_SETTINGS,
      {"slot_offset[0]=41217", "65536"}},
  {PICTURE_OFFSET, 4096, 1, MMIO_ERROR_SETTINGS,
      {"slot_offset[0]=4294971392"}},
  {PICTURE_OFFSET, 0xffffffff, 0xffffffff, MMIO_ERROR_SETTINGS,
      {"slot_offset[0]=18446744073709551615"}},
  {PICTURE_OFFSET + 8, 41217, 0, MMIO_ERROR_SETTINGS,
      {"slot_offset[1]=41217"}},
  {PICTURE_OFFSET + 8, 0, 0x80000000, MMIO_ERROR_SETTINGS,
      {"slot_offset[1]=9223372036854775808"}},
  /* The other one is at 32768, and each has 24320 bytes */
  {PICTURE_OFFSET, 32768, 0, MMIO_ERROR_SETTINGS,
      {"slot_offset[0]=32768, slot_offset[1]=32768", "overlap"}},
  {PICTURE_OFFSET, 32768 - 24319, 0, MMIO_ERROR_SETTINGS,
      {"slot_offset[0]=8449, slot_offset[1]=32768", "overlap"}},
  {PICTURE_OFFSET + 8, 4096 + 24319, 0, MMIO_ERROR_SETTINGS,
      {"slot_offset[1]=28415", "overlap"}},
  /* Larger than where it is, though each side is possible */
  {HEIGHT, 65535, 0, MMIO_ERROR_SETTINGS, {"slot_offset[0]=4096"}},
};

GST_START_TEST (test_wrong)
{
  const guint offset = wrong[__i__].offset;
  GError *error = NULL;
  MmioModeKey key;
  MmioSpec told, empty = {.offset = 0 };

  put (memory, offset, wrong[__i__].value);
  if (offset >= PICTURE_OFFSET)
    put (memory, offset + 4, wrong[__i__].high);

  fail_unless_equals_int (ask (&told, &key, &error), MMIO_DESCRIPTION_INVALID);
  check_error (&error, wrong[__i__].code, "header", "0000:aa:11.3", "set width",
      wrong[__i__].words[0], wrong[__i__].words[1], NULL);
  fail_unless (memcmp (&told, &empty, sizeof (told)) == 0);

  /* Just right */
  make_header (memory);
  fail_unless_equals_int (ask (&told, &key, NULL), MMIO_DESCRIPTION_FRAME);
}

GST_END_TEST;

/* The last one that is possible */
GST_START_TEST (test_limits)
{
  MmioModeKey key;
  MmioSpec told;

  put_offset (memory, 1, 41216);
  fail_unless_equals_int (ask (&told, &key, NULL), MMIO_DESCRIPTION_FRAME);
  fail_unless_equals_uint64 (told.buffer_offset[1], 41216);

  /* One right after the other, in either order */
  put_offset (memory, 1, 4096 + 24320);
  fail_unless_equals_int (ask (&told, &key, NULL), MMIO_DESCRIPTION_FRAME);
  put_offset (memory, 1, 4096);
  put_offset (memory, 0, 4096 + 24320);
  fail_unless_equals_int (ask (&told, &key, NULL), MMIO_DESCRIPTION_FRAME);
  fail_unless_equals_uint64 (told.offset, 4096 + 24320);
  fail_unless_equals_uint64 (told.buffer_offset[1], 4096);

  make_header (memory);
  put (memory, SIZE, 4096);
  fail_unless_equals_int (ask (&told, &key, NULL), MMIO_DESCRIPTION_FRAME);
  put (memory, SIZE, 4097);
  fail_unless_equals_int (ask (&told, &key, NULL), MMIO_DESCRIPTION_INVALID);
}

GST_END_TEST;

GST_START_TEST (test_no_magic)
{
  GError *error = NULL;
  MmioModeKey key;
  MmioSpec told;

  for (guint i = 0; i < 8; i++) {
    make_header (memory);
    memory[i] ^= 0x20;
    fail_unless_equals_int (ask (&told, &key, &error), MMIO_DESCRIPTION_NONE);
    fail_unless (error == NULL);
  }
}

GST_END_TEST;

/* --- While it changes ----------------------------------------------------- */

GST_START_TEST (test_odd)
{
  GError *error = NULL;
  MmioModeKey key, later;
  MmioSpec told;

  put (memory, SEQUENCE, 5);
  fail_unless_equals_int (ask (&told, &key, &error), MMIO_DESCRIPTION_NO_MODE);
  check_error (&error, MMIO_ERROR_NO_MODE, "0000:aa:11.3", "sequence=5", NULL);
  fail_if (mmio_header_descriptor.poll (memory, &key));

  put (memory, SEQUENCE, 6);
  fail_unless_equals_int (ask (&told, &key, NULL), MMIO_DESCRIPTION_FRAME);
  fail_unless (mmio_header_descriptor.poll (memory, &later));
  fail_unless (memcmp (&key, &later, sizeof (key)) == 0);

  put (memory, SEQUENCE, 8);
  fail_unless (mmio_header_descriptor.poll (memory, &later));
  fail_if (memcmp (&key, &later, sizeof (key)) == 0);
}

GST_END_TEST;

/* A sequence that has begun anew, and come to the same number: another picture
 * is another one all the same.  What else there is, it has to tell. */
GST_START_TEST (test_same_sequence)
{
  static const guint telling[] = { SEQUENCE, FORMAT, WIDTH, HEIGHT, STRIDE,
    PICTURE_OFFSET, PICTURE_OFFSET + 4
  };
  MmioModeKey key, later;
  MmioSpec told;

  fail_unless_equals_int (ask (&told, &key, NULL), MMIO_DESCRIPTION_FRAME);
  for (guint offset = 0; offset < MMIOVID_HEADER_SIZE; offset += 4) {
    const guint32 value = GST_READ_UINT32_LE (memory + offset);
    gboolean tells = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS (telling); i++)
      tells |= offset == telling[i];
    put (memory, offset, value + 2);
    fail_unless (mmio_header_descriptor.poll (memory, &later));
    if ((memcmp (&key, &later, sizeof (key)) != 0) != tells)
      fail ("byte %u: %d", offset, tells);
    put (memory, offset, value);
    fail_unless (mmio_header_descriptor.poll (memory, &later));
    fail_unless (memcmp (&key, &later, sizeof (key)) == 0);
  }
}

GST_END_TEST;

/* A device that changes its mind as fast as it can: whatever is told is one of
 * the two pictures that there are, and never half of each */
static gint stop;

static gpointer
change_modes (gpointer data)
{
  guint32 sequence = 4;

  while (!g_atomic_int_get (&stop)) {
    const gboolean large = sequence % 4 == 0;

    put (memory, SEQUENCE, ++sequence);
    __atomic_thread_fence (__ATOMIC_SEQ_CST);
    put (memory, WIDTH, large ? 64 : 32);
    put (memory, HEIGHT, large ? 48 : 24);
    put (memory, STRIDE, large ? 512 : 128);
    put (memory, FORMAT, large ? FOURCC ("XR24") : FOURCC ("BG24"));
    put_offset (memory, 0, large ? 4096 : 8192);
    __atomic_thread_fence (__ATOMIC_SEQ_CST);
    put (memory, SEQUENCE, ++sequence);
    /* Long enough for somebody to read it, if he begins in time; and now and
     * then, in either mode, for a machine that runs one thread at a time */
    for (volatile guint i = 0; i < 200; i++);
    if (sequence % 6202 == 0)
      g_usleep (50);
  }

  return NULL;
}

GST_START_TEST (test_torn)
{
  GThread *thread;
  guint n_large = 0, n_small = 0;

  g_atomic_int_set (&stop, 0);
  thread = g_thread_new ("changer", change_modes, NULL);
  for (gint64 end = g_get_monotonic_time () + HANG;
      (n_large < 500 || n_small < 500) && g_get_monotonic_time () < end;) {
    GError *error = NULL;
    MmioModeKey key;
    MmioSpec told;

    /* It may never have stood still; then it says that */
    if (ask (&told, &key, &error) != MMIO_DESCRIPTION_FRAME) {
      fail_unless (g_error_matches (error, MMIO_ERROR, MMIO_ERROR_NO_MODE),
          "%s", error->message);
      g_clear_error (&error);
      continue;
    }

    if (told.width == 64) {
      check_told (&told, "BGRx", 64, 48, 512, 4096);
      n_large++;
    } else {
      check_told (&told, "RGB", 32, 24, 128, 8192);
      n_small++;
    }
    fail_unless_equals_int (key.word[0] % 2, 0);
  }
  g_atomic_int_set (&stop, 1);
  g_thread_join (thread);
  fail_unless (n_large >= 500 && n_small >= 500, "%u and %u", n_large, n_small);
}

GST_END_TEST;

/* --- Anything ------------------------------------------------------------- */

/* What the document says of a header, in other words */
static gboolean
is_right (const guint8 * h)
{
  const guint32 width = GST_READ_UINT32_LE (h + WIDTH);
  const guint32 height = GST_READ_UINT32_LE (h + HEIGHT);
  const guint32 size = GST_READ_UINT32_LE (h + SIZE);
  const guint32 n = GST_READ_UINT32_LE (h + N_PICTURES);
  gdouble stride = GST_READ_UINT32_LE (h + STRIDE), bytes;
  guint bits = 0;

  for (guint i = 0; i < 9; i++) {
    if (memcmp (h + FORMAT, formats[i].fourcc, 4) == 0)
      bits = 8 * formats[i].row_bytes / 64;
  }
  if (bits == 0 || GST_READ_UINT32_LE (h + VERSION) != 1 || size < 128 ||
      size > BAR_SIZE || width < 1 || width > 65535 || height < 1 ||
      height > 65535 || n < 1 || n > 4)
    return FALSE;

  if (stride == 0)
    stride = width * (bits / 8);
  bytes = stride * (height - 1) + (gdouble) width *(bits / 8);
  if (stride < width * (bits / 8))
    return FALSE;

  for (guint i = 0; i < n; i++) {
    const guint64 offset = GST_READ_UINT64_LE (h + PICTURE_OFFSET + 8 * i);

    if (offset < size || (gdouble) offset + bytes > BAR_SIZE)
      return FALSE;
    for (guint j = 0; j < i; j++) {
      const guint64 other = GST_READ_UINT64_LE (h + PICTURE_OFFSET + 8 * j);

      if (MAX (offset, other) - MIN (offset, other) < bytes)
        return FALSE;
    }
  }

  return TRUE;
}

/* Something else in one of the fields */
static void
change_field (GRand * rand)
{
  static const guint32 interesting[] = { 0, 1, 2, 3, 4, 5, 64, 127, 128, 129,
    255, 256, 4096, 32768, 41216, 41217, 65535, 65536, 0x7fffffff, 0x80000000,
    0xffffffff
  };
  const guint offset = 4 * g_rand_int_range (rand, VERSION / 4, COUNTER / 4);
  guint32 value = g_rand_int_range (rand, 0, 100);

  if (g_rand_boolean (rand))
    value = interesting[g_rand_int_range (rand, 0, G_N_ELEMENTS (interesting))];

  if (offset == FORMAT && g_rand_boolean (rand))
    memcpy (memory + FORMAT, formats[g_rand_int_range (rand, 0, 9)].fourcc, 4);
  else if (offset != SEQUENCE)
    put (memory, offset, value);
}

GST_START_TEST (test_random)
{
  GRand *rand = g_rand_new_with_seed (5);
  guint n_right = 0, n_wrong = 0;

  for (guint i = 0; i < 20000; i++) {
    const guint n_changes = g_rand_int_range (rand, 1, 5);
    GError *error = NULL;
    MmioModeKey key;
    MmioSpec told;
    gboolean right;

    make_header (memory);
    for (guint j = 0; j < n_changes; j++)
      change_field (rand);

    /* fail_unless() leaves a note for the runner, passed or not */
    right = is_right (memory);
    if ((ask (&told, &key, &error) == MMIO_DESCRIPTION_FRAME) != right)
      fail ("%u: %s", i, error ? error->message : "it takes what is wrong");
    g_clear_error (&error);
    if (right)
      n_right++;
    else
      n_wrong++;
  }
  g_rand_free (rand);
  fail_unless (n_right > 1000 && n_wrong > 1000, "%u and %u", n_right, n_wrong);
}

GST_END_TEST;

/* No load but of what describes the picture, and none after a wrong magic but
 * that: the rest is a page that cannot be read */
GST_START_TEST (test_no_more_loads)
{
  const gsize page = page_size ();
  Pages pages;
  guint8 *header;
  MmioModeKey key;
  MmioSpec told = {.offset = 0 };

  pages_init (&pages, 1);
  header = pages.data + page - mmio_header_descriptor.length;
  memcpy (header, memory, mmio_header_descriptor.length);
  fail_unless_equals_int (mmio_header_descriptor.length, COUNTER);
  fail_unless_equals_int (mmio_header_descriptor.read (&device->parent, BAR,
          header, &key, &told, NULL), MMIO_DESCRIPTION_FRAME);

  header = pages.data + page - 8;
  memset (header, 0, 8);
  fail_unless_equals_int (mmio_header_descriptor.read (&device->parent, BAR,
          header, &key, &told, NULL), MMIO_DESCRIPTION_NONE);
  pages_clear (&pages);
}

GST_END_TEST;

static Suite *
header_suite (void)
{
  Suite *s = suite_create ("lib-header");
  TCase *tc = add_case (s, "header");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_structure);
  tcase_add_test (tc, test_all);
  tcase_add_test (tc, test_least);
  tcase_add_test (tc, test_ignored);
  tcase_add_loop_test (tc, test_each_format, 0, G_N_ELEMENTS (formats));
  tcase_add_test (tc, test_all_formats);
  tcase_add_loop_test (tc, test_wrong, 0, G_N_ELEMENTS (wrong));
  tcase_add_test (tc, test_limits);
  tcase_add_test (tc, test_no_magic);
  tcase_add_test (tc, test_odd);
  tcase_add_test (tc, test_same_sequence);
  tcase_add_test (tc, test_torn);
  tcase_add_test (tc, test_random);
  tcase_add_test (tc, test_no_more_loads);

  return s;
}

GST_CHECK_MAIN (header);
