/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that change their mind about their picture: what a look shows, and
 * how a capture goes on. */
#include "fixtures/helper.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/mmiocapture.h"
#include "describe/mmioheader.h"
#include "describe/mmiomodewatch.h"
#include "describe/mmiovbe.h"
#include "describe/mmiovid-header.h"

static MmioModeWatch *
ask (FakeDevice * fake, const MmioDescriptor * descriptor, guint bar,
    gint * picture, MmioSpec * spec)
{
  const MmioDescriptorPlace place = {.descriptor = descriptor,.bar =
        bar,.frame_bar = 4
  };
  MmioModeWatch *mode = mmio_mode_watch_new (&fake->parent, &place);
  GError *error = NULL;
  gboolean tells;

  fail_unless (mmio_mode_watch_read (mode, picture, spec, &tells, &error), "%s",
      error ? error->message : "");
  fail_unless (tells);
  return mode;
}

/* --- Mode registers ------------------------------------------------------- */

enum
{ ID, XRES, YRES, BPP, ENABLE, BANK, VIRT_WIDTH, VIRT_HEIGHT, X_OFFSET,
  Y_OFFSET, N_REGISTERS
};

static const guint16 usual[N_REGISTERS] = {
  0xb0c5, 640, 480, 32, 0x41, 0, 700, 960, 1, 2
};

static void
put_register (FakeDevice * fake, guint number, guint16 value)
{
  const guint8 bytes[2] = { value, value >> 8 };

  fake_write (fake, 2, 2 * number, bytes, sizeof (bytes));
}

GST_START_TEST (test_vbe)
{
  FakeDevice *fake = fake_new ();
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  gint bar = -1;
  MmioModeWatch *mode;

  fake_set_memory (fake, 2, 4096);
  for (guint i = 0; i < N_REGISTERS; i++)
    put_register (fake, i, usual[i]);
  mode = ask (fake, &mmio_vbe_descriptor, 2, &bar, &spec);
  fail_unless_equals_int (bar, 4);
  fail_unless_equals_int (spec.stride, 2800);
  fail_unless_equals_int (count_maps ("mmiocheck-bar"), 0);

  fail_unless (mmio_mode_watch_start (mode, NULL));
  fail_unless_equals_int (count_maps ("mmiocheck-bar"), 1);
  fail_unless (mmio_mode_watch_start (mode, NULL));
  fail_unless_equals_int (count_maps ("mmiocheck-bar"), 1);
  fail_unless_equals_int (mmio_mode_watch_poll (mode), MMIO_MODE_SAME);

  for (guint i = 0; i < N_REGISTERS; i++) {
    /* Neither where memory is seen through a window nor how high the picture
     * might be, nor how a register looks that has more bits */
    const MmioModeState wanted = i == BANK || i == VIRT_HEIGHT || i == ENABLE ?
        MMIO_MODE_SAME : MMIO_MODE_CHANGED;

    put_register (fake, i, usual[i] ^ 0x0100);
    fail_unless_equals_int (mmio_mode_watch_poll (mode), wanted);
    put_register (fake, i, usual[i]);
    fail_unless_equals_int (mmio_mode_watch_poll (mode), MMIO_MODE_SAME);
  }

  /* As a driver sets a mode */
  put_register (fake, ENABLE, 0);
  fail_unless_equals_int (mmio_mode_watch_poll (mode), MMIO_MODE_NONE);
  put_register (fake, XRES, 320);
  put_register (fake, YRES, 0);
  fail_unless_equals_int (mmio_mode_watch_poll (mode), MMIO_MODE_NONE);
  put_register (fake, ENABLE, 1);
  fail_unless_equals_int (mmio_mode_watch_poll (mode), MMIO_MODE_NONE);
  put_register (fake, YRES, 200);
  fail_unless_equals_int (mmio_mode_watch_poll (mode), MMIO_MODE_CHANGED);

  /* Gone, for good; who asks is told */
  put_register (fake, ID, 0xffff);
  put_register (fake, ENABLE, 0);
  fail_unless_equals_int (mmio_mode_watch_poll (mode), MMIO_MODE_CHANGED);

  mmio_mode_watch_free (mode);
  mmio_device_unref (&fake->parent);
  fail_unless_equals_int (count_maps ("mmiocheck-bar"), 0);
}

GST_END_TEST;

static guint16 registers[N_REGISTERS];
static guint n_looks, n_changes;

/* A driver that writes something after each of the first looks */
static gboolean
look_and_change (const guint8 * data, MmioModeKey * key)
{
  const gboolean ret = mmio_vbe_descriptor.poll (data, key);

  if (n_looks++ < n_changes)
    registers[XRES] = GUINT16_TO_LE (GUINT16_FROM_LE (registers[XRES]) + 1);

  return ret;
}

static MmioDescription
ask_changing (FakeDevice * fake, guint changes, MmioSpec * spec,
    GError ** error)
{
  MmioModeKey key;

  for (guint i = 0; i < N_REGISTERS; i++)
    registers[i] = GUINT16_TO_LE (usual[i]);
  n_looks = 0;
  n_changes = changes;
  *spec = test_spec (NULL, 0, 0, 0, 0);

  return mmio_vbe_read_by (&fake->parent, (const guint8 *) registers,
      look_and_change, &key, spec, error);
}

/* Registers that do not stand still are no mode, for the time being */
GST_START_TEST (test_vbe_changing)
{
  FakeDevice *fake = fake_new ();
  GError *error = NULL;
  MmioSpec spec;

  /* What is told was seen twice, and is what there is now */
  for (guint i = 0; i < 3; i++) {
    fail_unless_equals_int (ask_changing (fake, i, &spec, &error),
        MMIO_DESCRIPTION_FRAME);
    fail_unless_equals_int (spec.width, 640 + i);
    fail_unless_equals_int (n_looks, 2 + i);
  }

  fail_unless_equals_int (ask_changing (fake, G_MAXUINT, &spec, &error),
      MMIO_DESCRIPTION_NO_MODE);
  check_error (&error, MMIO_ERROR_NO_MODE, "0000:aa:11.3", NULL);
  fail_unless_equals_int (spec.width, 0);
  mmio_device_unref (&fake->parent);
}

GST_END_TEST;

/* --- Registers that are lost ---------------------------------------------- */

typedef struct
{
  gboolean tells, stands, moves;
} Answer;

static Answer answer;
static guint n_asks;

static MmioDescription
ask_answer (const MmioDevice * device, guint bar, const guint8 * data,
    MmioModeKey * key, MmioSpec * told, GError ** error)
{
  memset (key, 0, sizeof (*key));
  n_asks++;
  if (!answer.tells)
    return MMIO_DESCRIPTION_NONE;

  told->format = *mmio_format_find ("RGB");
  told->width = told->height = 8;
  return MMIO_DESCRIPTION_FRAME;
}

static gboolean
look_at_answer (const guint8 * data, MmioModeKey * key)
{
  memset (key, 0, sizeof (*key));
  if (answer.moves)
    key->word[0] = n_asks;

  return answer.stands;
}

/* What has told once is no more than late; what never told is no descriptor */
GST_START_TEST (test_lost)
{
  static const MmioDescriptor descriptor = {.length = 4,.read =
        ask_answer,.poll = look_at_answer
  };
  static const struct
  {
    gboolean told_before;
    Answer answer;
    gboolean late;
  } cases[] = {
    {FALSE, {FALSE, TRUE, FALSE}, FALSE}, {FALSE, {FALSE, FALSE, FALSE}, FALSE},
    {FALSE, {FALSE, TRUE, TRUE}, FALSE}, {TRUE, {FALSE, TRUE, FALSE}, TRUE},
    {TRUE, {FALSE, FALSE, FALSE}, TRUE}, {TRUE, {FALSE, TRUE, TRUE}, TRUE},
  };
  FakeDevice *fake = fake_new ();
  const MmioDescriptorPlace place = {.descriptor = &descriptor,.bar =
        2,.frame_bar = 2
  };

  fake_set_memory (fake, 2, 4096);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (MmioModeWatch) mode =
        mmio_mode_watch_new (&fake->parent, &place);
    MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
    GError *error = NULL;
    gboolean tells;
    gint bar = -1;

    answer = (Answer) {
    TRUE, TRUE, FALSE};
    if (cases[i].told_before)
      fail_unless (mmio_mode_watch_read (mode, &bar, &spec, &tells, NULL)
          && tells);

    answer = cases[i].answer;
    fail_unless_equals_int (mmio_mode_watch_read (mode, &bar, &spec, &tells,
            &error), !cases[i].late);
    fail_if (tells);
    if (cases[i].late)
      check_error (&error, MMIO_ERROR_NO_MODE, "0000:aa:11.3", "set width",
          NULL);
    else
      fail_unless (error == NULL);

    answer = (Answer) {
    TRUE, TRUE, FALSE};
    fail_unless (mmio_mode_watch_read (mode, &bar, &spec, &tells, NULL)
        && tells);
  }
  mmio_device_unref (&fake->parent);
}

GST_END_TEST;

/* --- A header ------------------------------------------------------------- */

#define OFFSET 4096

static void
write_header (guint8 * memory, guint32 sequence, guint width, guint height,
    guint n_slots)
{
  MmiovidHeader header = {
    .magic = GUINT64_TO_LE (MMIOVID_HEADER_MAGIC),
    .version = GUINT32_TO_LE (MMIOVID_HEADER_VERSION),
    .size = GUINT32_TO_LE (sizeof (header)),
    .sequence = GUINT32_TO_LE (sequence),
    .format = GUINT32_TO_LE (MMIOVID_FORMAT_RGB),
    .width = GUINT32_TO_LE (width),
    .height = GUINT32_TO_LE (height),
    .stride = GUINT32_TO_LE (3 * width),
    .flags = GUINT32_TO_LE (MMIOVID_HEADER_COUNTER | MMIOVID_HEADER_SEQLOCK),
    .n_slots = GUINT32_TO_LE (n_slots),
    .counter = ((MmiovidHeader *) memory)->counter,
  };

  for (guint i = 0; i < MIN (n_slots, MMIO_MAX_BUFFERS); i++)
    header.slot_offset[i] = GUINT64_TO_LE (OFFSET * (i + 1));
  memcpy (memory, &header, sizeof (header));
}

typedef struct
{
  const char *format;
  guint width, height, stride, n_buffers;
  guint64 offset, buffer_step;
  guint index_bits, counter_bits;
  gint bar;
} User;

/* What the user says wins, field by field */
GST_START_TEST (test_user_first)
{
  FakeDevice *fake = fake_new ();
  guint8 memory[MMIOVID_HEADER_SIZE] = { 0, };
  const User users[] = {
    {.bar = -1}, {.bar = 1}, {.width = 7,.bar = -1}, {.height = 5,.bar = -1},
    {.stride = 200,.bar = -1}, {.offset = 8192,.bar = -1},
    {.n_buffers = 2,.bar = -1}, {.index_bits = 8,.bar = -1},
    {.n_buffers = 3,.bar = -1}, {.buffer_step = 8192,.bar = -1},
    {.n_buffers = 3,.buffer_step = 8192,.bar = -1},
    {.n_buffers = 3,.index_bits = 8,.bar = -1},
    {.n_buffers = 2,.buffer_step = 8192,.bar = -1},
    {.counter_bits = 16,.bar = -1}, {.format = "RGB",.bar = -1},
  };

  fake_set_memory (fake, 3, 65536);
  write_header (memory, 2, 32, 24, 3);
  fake_write (fake, 3, 0, memory, sizeof (memory));
  for (guint i = 0; i < G_N_ELEMENTS (users); i++) {
    const User *user = &users[i];
    MmioSpec spec = test_spec (user->format, user->width, user->height,
        user->offset, user->stride);
    const gboolean own = user->offset > 0 || user->n_buffers == 2;
    const gboolean own_places = own || user->buffer_step > 0;
    gint bar = user->bar;
    MmioModeWatch *mode;

    spec.n_buffers = user->n_buffers;
    spec.buffer_step = user->buffer_step;
    spec.index = (MmioRegisterSpec) {
    1, 64, user->index_bits};
    spec.counter = (MmioRegisterSpec) {
    2, 32, user->counter_bits};
    mode = ask (fake, &mmio_header_descriptor, 3, &bar, &spec);

    fail_unless_equals_int (bar, user->bar < 0 ? 4 : 1);
    fail_unless_equals_string (spec.format.name, "RGB");
    fail_unless_equals_int (spec.width, user->width ? user->width : 32);
    fail_unless_equals_int (spec.height, user->height ? user->height : 24);
    fail_unless_equals_int (spec.stride, user->stride ? user->stride : 96);
    fail_unless_equals_uint64 (spec.offset, user->offset ? user->offset :
        OFFSET);
    fail_unless_equals_int (spec.counter.bits, user->counter_bits ? 16 : 32);
    fail_unless_equals_int (spec.counter.bar, user->counter_bits ? 2 : 3);
    fail_unless_equals_int (spec.counter_is_seqlock, !user->counter_bits);

    /* Pictures that take turns are the device's or the user's */
    fail_unless_equals_int (spec.n_buffers, own ? user->n_buffers : 3);
    fail_unless_equals_uint64 (spec.buffer_step, user->buffer_step);
    fail_unless_equals_uint64 (spec.buffer_offset[0], own_places ? 0 : OFFSET);
    fail_unless_equals_uint64 (spec.buffer_offset[2], own_places ? 0 :
        3 * OFFSET);
    fail_unless_equals_int (spec.index.bits, user->index_bits ? 8 :
        own ? 0 : 32);
    mmio_mode_watch_free (mode);
  }
  mmio_device_unref (&fake->parent);
}

GST_END_TEST;

/* What happens while the library sleeps */
static void (*on_sleep) (void);

/* The linker may resolve GLib's own calls with it, too */
void __wrap_g_usleep (gulong microseconds)
    __attribute__((visibility ("default")));
void __real_g_usleep (gulong microseconds);

void
__wrap_g_usleep (gulong microseconds)
{
  if (on_sleep)
    on_sleep ();
  else
    __real_g_usleep (microseconds);
}

/* --- A capture goes on ---------------------------------------------------- */

#define FILE_SIZE 65536

static char *path;
static guint8 *memory;

static void
setup (void)
{
  int fd;

  temp_setup ();
  path = temp_file ("device", NULL, 0);
  fd = open (path, O_RDWR | O_CLOEXEC);
  fail_unless (fd >= 0 && ftruncate (fd, FILE_SIZE) == 0);
  memory = mmap (NULL, 2 * FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
      0);
  fail_unless (memory != MAP_FAILED);
  close (fd);
  write_header (memory, 2, 32, 24, 1);
}

static void
teardown (void)
{
  munmap (memory, 2 * FILE_SIZE);
  g_free (path);
  temp_teardown ();
}

static MmioCapture *
open_file (MmioFrameSync frame_sync, MmioChanges changes)
{
  const MmioCaptureConfig config = {.device = path,.bar = -1,.frame_sync =
        frame_sync,.changes = changes
  };
  GError *error = NULL;
  MmioCapture *capture = mmio_capture_open (&config, &error);

  fail_unless (capture != NULL, "%s", error ? error->message : "");
  return capture;
}

static MmioCapture *
renew (MmioCapture * capture)
{
  GError *error = NULL;
  MmioCapture *renewed = mmio_capture_renew (capture, &error);

  fail_unless (renewed != NULL, "%s", error ? error->message : "");
  mmio_capture_close (capture);
  fail_unless_equals_int (mmio_capture_poll_mode (renewed), MMIO_MODE_SAME);
  return renewed;
}

/* Returns: what came of it; all pixels are @value, if something did */
static MmioRead
read_frame (MmioCapture * capture, guint8 value)
{
  const MmioLayout *picture = &mmio_capture_get_info (capture)->layout;
  const gsize size = picture->end - picture->start;
  g_autofree guint8 *data = g_malloc0 (size);
  const MmioTarget target = {.format = picture->format,.plane = {data},
  .stride = {picture->plane[0].stride}
  };
  MmioDamage damage;
  const MmioRead read = mmio_capture_read (capture, &target, &damage);

  if (read == MMIO_READ_WHOLE)
    fail_unless_all (data, size, value);
  return read;
}

static void
check_picture (const MmioCapture * capture, guint width, guint height)
{
  const MmioLayout *picture = &mmio_capture_get_info (capture)->layout;

  fail_unless_equals_int (picture->width, width);
  fail_unless_equals_int (picture->height, height);
}

static void
check_stats (MmioCapture * capture, guint64 frames, guint64 bytes,
    guint64 unchanged)
{
  MmioCaptureStats stats;

  mmio_capture_get_stats (capture, &stats);
  fail_unless_equals_uint64 (stats.frames, frames);
  fail_unless_equals_uint64 (stats.bytes_read, bytes);
  fail_unless_equals_uint64 (stats.unchanged, unchanged);
  fail_unless_equals_uint64 (stats.torn, 0);
}

GST_START_TEST (test_renew)
{
  const MmioChanges changes = __i__;
  const guint n_fds = count_fds ();
  MmioCapture *capture = open_file (MMIO_FRAME_SYNC_CLOCK, changes);
  MmioRegion *held;

  memset (memory + OFFSET, 1, FILE_SIZE - OFFSET);
  check_picture (capture, 32, 24);
  fail_unless_equals_int (mmio_capture_poll_mode (capture), MMIO_MODE_SAME);
  fail_unless_equals_int (read_frame (capture, 1), MMIO_READ_WHOLE);
  check_stats (capture, 1, 2304, 0);

  /* What was read is of two modes */
  write_header (memory, 3, 16, 8, 1);
  fail_unless_equals_int (mmio_capture_poll_mode (capture), MMIO_MODE_NONE);
  fail_unless_equals_int (read_frame (capture, 1), MMIO_READ_OUTDATED);
  memset (memory + OFFSET, 2, FILE_SIZE - OFFSET);
  write_header (memory, 4, 16, 8, 1);
  fail_unless_equals_int (mmio_capture_poll_mode (capture), MMIO_MODE_CHANGED);
  fail_unless_equals_int (read_frame (capture, 1), MMIO_READ_OUTDATED);
  check_stats (capture, 1, 3 * 2304, 0);

  held = mmio_region_ref (mmio_capture_get_info (capture)->region);
  capture = renew (capture);
  check_picture (capture, 16, 8);
  check_stats (capture, 1, 3 * 2304, 0);
  fail_unless_equals_int (read_frame (capture, 2), MMIO_READ_WHOLE);
  check_stats (capture, 2, 3 * 2304 + 384, 0);
  if (changes == MMIO_CHANGES_DROP) {
    fail_unless_equals_int (read_frame (capture, 2), MMIO_READ_UNCHANGED);
    check_stats (capture, 2, 3 * 2304 + 2 * 384, 1);
  }

  /* Who has the map of before, has it */
  fail_unless_equals_int (mmio_region_get_data (held)[0], 2);

  mmio_capture_close (capture);
  fail_unless_equals_int (mmio_region_get_length (held), 2304);
  fail_unless_equals_int (mmio_region_get_data (held)[2303], 2);
  mmio_region_unref (held);
  fail_unless_equals_int (count_fds (), n_fds);
}

GST_END_TEST;

/* The device was not opened again: nobody can, but it goes on */
GST_START_TEST (test_same_device)
{
  MmioCapture *capture = open_file (MMIO_FRAME_SYNC_CLOCK,
      MMIO_CHANGES_IGNORE);

  fail_unless (unlink (path) == 0);
  write_header (memory, 4, 16, 8, 1);
  capture = renew (capture);
  check_picture (capture, 16, 8);
  mmio_capture_close (capture);
}

GST_END_TEST;

static void
set_counter (guint32 value)
{
  GST_WRITE_UINT32_LE (memory + offsetof (MmiovidHeader, counter), value);
}

/* A counter counts on, whatever the pictures are */
GST_START_TEST (test_counter)
{
  MmioCapture *capture = open_file (MMIO_FRAME_SYNC_COUNTER,
      MMIO_CHANGES_IGNORE);
  const gint64 never = g_get_monotonic_time () + HANG;
  MmioCount count;

  set_counter (10);
  fail_unless_equals_int (mmio_capture_wait (capture, never, &count),
      MMIO_WAIT_FRAME);
  write_header (memory, 4, 16, 8, 1);
  set_counter (16);
  capture = renew (capture);
  fail_unless_equals_int (mmio_capture_wait (capture, never, &count),
      MMIO_WAIT_FRAME);
  fail_unless_equals_uint64 (count.steps, 3);

  /* Two pictures instead of one: only when one of them may be read is new */
  write_header (memory, 6, 16, 8, 2);
  set_counter (27);
  capture = renew (capture);
  fail_unless_equals_int (mmio_capture_wait (capture, never, &count),
      MMIO_WAIT_FRAME);
  fail_unless_equals_uint64 (count.steps, 5);
  fail_unless_equals_int (read_frame (capture, 0), MMIO_READ_WHOLE);
  write_header (memory, 8, 16, 8, 1);
  set_counter (31);
  capture = renew (capture);
  fail_unless_equals_int (mmio_capture_wait (capture, never, &count),
      MMIO_WAIT_FRAME);
  fail_unless_equals_uint64 (count.steps, 2);
  fail_unless_equals_int (read_frame (capture, 0), MMIO_READ_TORN);

  /* It counts in another way, so it is another counter */
  write_header (memory, 10, 16, 8, 1);
  GST_WRITE_UINT32_LE (memory + offsetof (MmiovidHeader, flags),
      MMIOVID_HEADER_COUNTER);
  set_counter (40);
  capture = renew (capture);
  fail_unless_equals_int (mmio_capture_wait (capture, never, &count),
      MMIO_WAIT_FRAME);
  fail_unless_equals_uint64 (count.steps, 1);

  /* None at all */
  write_header (memory, 12, 16, 8, 1);
  GST_WRITE_UINT32_LE (memory + offsetof (MmiovidHeader, flags), 0);
  {
    GError *error = NULL;

    fail_unless (mmio_capture_renew (capture, &error) == NULL);
    check_error (&error, MMIO_ERROR_SETTINGS, "it does not describe a frame "
        "counter", NULL);
  }
  mmio_capture_close (capture);
}

GST_END_TEST;

/* Frames that are not whole stay so, and what was waited for in vain is not
 * waited for again, because of another mode */
GST_START_TEST (test_patience)
{
  MmioCapture *capture = open_file (MMIO_FRAME_SYNC_COUNTER,
      MMIO_CHANGES_IGNORE);
  gint64 since, since_before;
  guint64 index;

  set_counter (11);
  fail_unless_equals_int (read_frame (capture, 0), MMIO_READ_TORN);
  fail_unless_equals_int (mmio_capture_get_obstacle (capture, &since_before,
          &index), MMIO_OBSTACLE_WRITING);

  write_header (memory, 4, 16, 8, 1);
  capture = renew (capture);
  fail_unless_equals_int (mmio_capture_get_obstacle (capture, &since, &index),
      MMIO_OBSTACLE_WRITING);
  /* Who waits is woken */
  mmio_capture_wake (capture);
  fail_unless_equals_int (read_frame (capture, 0), MMIO_READ_TORN);
  fail_unless_equals_int (mmio_capture_get_obstacle (capture, &since, &index),
      MMIO_OBSTACLE_WRITING);
  fail_unless_equals_int64 (since, since_before);

  set_counter (12);
  fail_unless_equals_int (read_frame (capture, 0), MMIO_READ_WHOLE);
  fail_unless_equals_int (mmio_capture_get_obstacle (capture, &since, &index),
      MMIO_OBSTACLE_NONE);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* What cannot be captured, and what can later */
GST_START_TEST (test_renew_fails)
{
  MmioCapture *capture = open_file (MMIO_FRAME_SYNC_CLOCK,
      MMIO_CHANGES_IGNORE);
  const guint n_fds = count_fds ();
  GError *error = NULL;

  write_header (memory, 5, 16, 8, 1);
  fail_unless (mmio_capture_renew (capture, &error) == NULL);
  check_error (&error, MMIO_ERROR_NO_MODE, path, NULL);
  fail_unless_equals_int (mmio_capture_poll_mode (capture), MMIO_MODE_NONE);

  write_header (memory, 6, 16, 8, 7);
  fail_unless (mmio_capture_renew (capture, &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "n_slots=7", path, NULL);
  fail_unless_equals_int (mmio_capture_poll_mode (capture), MMIO_MODE_CHANGED);

  /* 65536 bytes are there, and more when somebody makes it larger */
  write_header (memory, 10, 200, 128, 1);
  fail_unless (mmio_capture_renew (capture, &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "slot_offset[0]", "65536", NULL);
  check_picture (capture, 32, 24);
  fail_unless (truncate (path, 2 * FILE_SIZE) == 0);
  capture = renew (capture);
  check_picture (capture, 200, 128);
  fail_unless_equals_int (count_fds (), n_fds);

  /* Whoever wipes his memory in the middle of a change has not ended it */
  write_header (memory, 11, 200, 128, 1);
  memset (memory, 0, 8);
  fail_unless (mmio_capture_renew (capture, &error) == NULL);
  check_error (&error, MMIO_ERROR_NO_MODE, path, NULL);
  fail_unless_equals_int (mmio_capture_poll_mode (capture), MMIO_MODE_NONE);
  write_header (memory, 12, 100, 128, 1);
  capture = renew (capture);
  check_picture (capture, 100, 128);

  /* It has lost what it is known by */
  memset (memory, 0, 8);
  GST_WRITE_UINT32_LE (memory + offsetof (MmiovidHeader, sequence), 14);
  fail_unless_equals_int (mmio_capture_poll_mode (capture), MMIO_MODE_CHANGED);
  fail_unless (mmio_capture_renew (capture, &error) == NULL);
  check_error (&error, MMIO_ERROR_NO_MODE, "it is missing now", NULL);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* Where a guest or a board starts again, it wipes its header, some fields first, and
 * writes it again */
static void
wipe_header (guint8 * header)
{
  memset (header, 0, 128);
}

static void
wipe_size (guint8 * header)
{
  GST_WRITE_UINT32_LE (header + offsetof (MmiovidHeader, width), 0);
  GST_WRITE_UINT32_LE (header + offsetof (MmiovidHeader, height), 0);
}

static void
wipe_format (guint8 * header)
{
  GST_WRITE_UINT32_LE (header + offsetof (MmiovidHeader, format), 0);
}

GST_START_TEST (test_wiped)
{
  static void (*const wipe[]) (guint8 *) = {
    wipe_header, wipe_size, wipe_format
  };
  MmioCapture *capture = open_file (MMIO_FRAME_SYNC_CLOCK,
      MMIO_CHANGES_IGNORE);
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (wipe); i++) {
    wipe[i] (memory);
    for (guint n = 0; n < 3; n++) {
      fail_unless_equals_int (mmio_capture_poll_mode (capture), MMIO_MODE_NONE);
      fail_unless_equals_int (read_frame (capture, 0), MMIO_READ_OUTDATED);
      fail_unless (mmio_capture_check_present (capture));
      fail_unless (mmio_capture_renew (capture, &error) == NULL);
      check_error (&error, MMIO_ERROR_NO_MODE, path, NULL);
    }

    /* As it was */
    write_header (memory, 2, 32, 24, 1);
    fail_unless_equals_int (mmio_capture_poll_mode (capture), MMIO_MODE_SAME);
    fail_unless_equals_int (read_frame (capture, 0), MMIO_READ_WHOLE);

    /* And another one */
    wipe[i] (memory);
    write_header (memory, 4 + 2 * i, 16, 8 + i, 1);
    capture = renew (capture);
    check_picture (capture, 16, 8 + i);
    write_header (memory, 2, 32, 24, 1);
    capture = renew (capture);
  }
  mmio_capture_close (capture);
}

GST_END_TEST;

static void
repair_header (void)
{
  write_header (memory, 4, 16, 8, 1);
}

/* It is wrong for a moment, and nobody has said so */
GST_START_TEST (test_wrong_for_a_moment)
{
  MmioCapture *capture = open_file (MMIO_FRAME_SYNC_CLOCK,
      MMIO_CHANGES_IGNORE);

  write_header (memory, 4, 16, 8, 7);
  on_sleep = repair_header;
  capture = renew (capture);
  check_picture (capture, 16, 8);
  mmio_capture_close (capture);
}

GST_END_TEST;

static guint n_thirds;

static void
write_more (void)
{
  fail_unless (truncate (path, ++n_thirds * FILE_SIZE / 3) == 0);
}

/* A file that is copied over it has its header first, and is not long enough yet */
GST_START_TEST (test_file_grows)
{
  MmioCapture *capture = open_file (MMIO_FRAME_SYNC_CLOCK,
      MMIO_CHANGES_IGNORE);
  MmioCapture *renewed = NULL;

  write_header (memory, 4, 200, 128, 1);
  n_thirds = 0;
  write_more ();
  on_sleep = write_more;
  while (!renewed) {
    GError *error = NULL;

    fail_unless (mmio_capture_check_present (capture));
    renewed = mmio_capture_renew (capture, &error);
    if (!renewed)
      check_error (&error, MMIO_ERROR_NO_MODE, NULL);
  }
  fail_unless (n_thirds > 2);
  check_picture (renewed, 200, 128);
  mmio_capture_close (capture);
  mmio_capture_close (renewed);
}

GST_END_TEST;

/* The mode and the file become smaller, by much or by little, and a consumer still
 * reads what it has of the mode before */
GST_START_TEST (test_file_shrinks)
{
  const gsize page = page_size ();
  const gboolean is_little = __i__ % 2;
  const gboolean is_early = __i__ / 2;
  MmioCapture *capture;
  MmioRegion *held;

  /* Up to the middle of a page */
  write_header (memory, 2, 64, 60, 1);
  capture = open_file (MMIO_FRAME_SYNC_CLOCK, MMIO_CHANGES_IGNORE);
  held = mmio_region_ref (mmio_capture_get_info (capture)->region);
  fail_unless_equals_int (read_frame (capture, 0), MMIO_READ_WHOLE);

  write_header (memory, 4, 16, 8, 1);
  fail_unless (truncate (path, is_little ?
          OFFSET + 64 * 60 * 3 - 5 : OFFSET + page) == 0);
  if (is_early)
    mmio_reader_load_u8 (mmio_region_get_data (held) + 64 * 60 * 3 - 1);
  fail_unless (mmio_capture_check_present (capture));
  fail_unless_equals_int (read_frame (capture, 0), MMIO_READ_OUTDATED);
  capture = renew (capture);
  check_picture (capture, 16, 8);

  mmio_reader_load_u8 (mmio_region_get_data (held) + 64 * 60 * 3 - 1);
  fail_unless_equals_int (mmio_region_is_lost (held), !is_little);
  fail_unless_equals_int (read_frame (capture, 0), MMIO_READ_WHOLE);

  /* What it needs itself is another matter */
  fail_unless (truncate (path, OFFSET) == 0);
  fail_unless_equals_int (read_frame (capture, 0), MMIO_READ_GONE);
  mmio_region_unref (held);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* What is mapped is known whatever becomes of a renewal */
GST_START_TEST (test_shorter_after_failure)
{
  MmioCapture *capture;

  write_header (memory, 2, 64, 60, 1);
  capture = open_file (MMIO_FRAME_SYNC_CLOCK, MMIO_CHANGES_IGNORE);
  write_header (memory, 3, 64, 60, 1);
  fail_unless (mmio_capture_renew (capture, NULL) == NULL);
  write_header (memory, 2, 64, 60, 1);
  fail_unless_equals_int (read_frame (capture, 0), MMIO_READ_WHOLE);

  fail_unless (truncate (path, OFFSET + 64 * 60 * 3 - 5) == 0);
  fail_unless_equals_int (read_frame (capture, 0), MMIO_READ_GONE);
  fail_unless (strstr (mmio_capture_get_removal (capture)->message, "shorter"));
  mmio_capture_close (capture);
}

GST_END_TEST;

/* Who says all himself is not followed, and his device not asked */
GST_START_TEST (test_not_followed)
{
  MmioCaptureConfig config = {.device = path,.bar = -1 };
  MmioCapture *capture;

  config.spec = test_spec ("RGB", 8, 8, OFFSET, 0);
  capture = mmio_capture_open (&config, NULL);
  fail_unless (capture != NULL);
  write_header (memory, 3, 16, 8, 1);
  fail_unless_equals_int (mmio_capture_poll_mode (capture), MMIO_MODE_SAME);
  fail_unless_equals_int (read_frame (capture, 0), MMIO_READ_WHOLE);
  mmio_capture_close (capture);

  /* One of them is the device's to say */
  write_header (memory, 4, 16, 8, 1);
  config.spec = test_spec (NULL, 8, 0, 0, 0);
  capture = mmio_capture_open (&config, NULL);
  fail_unless (capture != NULL);
  check_picture (capture, 8, 8);
  write_header (memory, 6, 16, 4, 1);
  fail_unless_equals_int (mmio_capture_poll_mode (capture), MMIO_MODE_CHANGED);
  capture = renew (capture);
  check_picture (capture, 8, 4);
  mmio_capture_close (capture);
}

GST_END_TEST;

static Suite *
modewatch_suite (void)
{
  Suite *s = suite_create ("lib-mode");
  TCase *tc = add_case (s, "registers");

  tcase_add_test (tc, test_vbe);
  tcase_add_test (tc, test_vbe_changing);
  tcase_add_test (tc, test_lost);
  tcase_add_test (tc, test_user_first);

  tc = add_case (s, "capture");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_renew, MMIO_CHANGES_IGNORE,
      MMIO_CHANGES_DROP + 1);
  tcase_add_test (tc, test_same_device);
  tcase_add_test (tc, test_counter);
  tcase_add_test (tc, test_patience);
  tcase_add_test (tc, test_renew_fails);
  tcase_add_test (tc, test_wiped);
  tcase_add_test (tc, test_wrong_for_a_moment);
  tcase_add_test (tc, test_file_grows);
  tcase_add_loop_test (tc, test_file_shrinks, 0, 4);
  tcase_add_test (tc, test_shorter_after_failure);
  tcase_add_test (tc, test_not_followed);

  return s;
}

GST_CHECK_MAIN (modewatch);
