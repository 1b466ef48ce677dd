/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any settings and any caps, against what this file knows of them: either it
 * does not start, with one error that says why, or what comes is the picture.
 *
 * MMIOVID_SEED=N repeats a run, and MMIOVID_ROUNDS=N says how many rounds it
 * has; each round has a seed of its own, which is told where one fails.
 */
#include <string.h>

#include "describe/mmiovid-header.h"
#include "frame/mmiopattern.h"
#include "source.h"

#define ROUNDS 500
#define MAX_WAITS 60
#define MAX_FILE 20000
#define MAX_SIDE 65535
#define MAX_PICTURE 0x7fffffff

typedef unsigned __int128 Wide;

/* --- What this file knows ------------------------------------------------- */

/* Of each plane: bytes of so many pixels, its rows of so many of the picture's,
 * and, of so many bytes of the first one's stride, so many of its own */
typedef struct
{
  guint bytes, pixels, rows, part;
} Plane;

typedef struct
{
  const char *nick, *name;
  guint n_planes;
  Plane plane[3];
  /* Where red, green and blue are in a pixel, if that can be another one */
  gboolean is_rgb;
  guint8 place[3];
  const char *fourcc;
} Format;

static const Format formats[] = {
  {"rgb", "RGB", 1, {{3, 1, 1, 1}}, TRUE, {0, 1, 2}, "BG24"},
  {"bgr", "BGR", 1, {{3, 1, 1, 1}}, TRUE, {2, 1, 0}, "RG24"},
  {"rgbx", "RGBx", 1, {{4, 1, 1, 1}}, TRUE, {0, 1, 2}, "XB24"},
  {"bgrx", "BGRx", 1, {{4, 1, 1, 1}}, TRUE, {2, 1, 0}, "XR24"},
  {"xrgb", "xRGB", 1, {{4, 1, 1, 1}}, TRUE, {1, 2, 3}, "BX24"},
  {"xbgr", "xBGR", 1, {{4, 1, 1, 1}}, TRUE, {3, 2, 1}, "RX24"},
  {"rgb16", "RGB16", 1, {{2, 1, 1, 1}}, FALSE, {0}, "RG16"},
  {"gray8", "GRAY8", 1, {{1, 1, 1, 1}}, FALSE, {0}, "R8  "},
  {"yuy2", "YUY2", 1, {{4, 2, 1, 1}}, FALSE, {0}, "YUYV"},
  {"nv12", "NV12", 2, {{1, 1, 1, 1}, {2, 2, 2, 1}}, FALSE, {0}, "NV12"},
  {"i420", "I420", 3, {{1, 1, 1, 1}, {1, 2, 2, 2}, {1, 2, 2, 2}}, FALSE, {0},
      "YU12"},
  {"gbr", "GBR", 3, {{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}}, FALSE, {0},
      NULL},
};

/* No rows of pixels: encoded, unknown, with a palette, in tiles */
static const char *const no_formats[] = {
  "encoded", "rgb8p", "nv12-64z32"
};

/* What is wrong, as applications are told.  Of several, one is. */
enum
{
  WRONG_SETTINGS = 1 << 0,
  WRONG_NOT_FOUND = 1 << 1,
  WRONG_FORMAT = 1 << 2,
};

static const struct
{
  guint wrong;
  const char *domain;
  gint code;
} codes[] = {
  {WRONG_SETTINGS, "gst-resource-error-quark", GST_RESOURCE_ERROR_SETTINGS},
  {WRONG_NOT_FOUND, "gst-resource-error-quark", GST_RESOURCE_ERROR_NOT_FOUND},
  {WRONG_FORMAT, "gst-stream-error-quark", GST_STREAM_ERROR_FORMAT},
};

/* --- A round ---------------------------------------------------------------- */

typedef enum
{
  DEVICE_FILE, DEVICE_TOLD, DEVICE_SIM, DEVICE_NONE
} Kind;

typedef struct
{
  guint64 offset;
  guint bits;
  gint bar;
  gboolean is_set;
} Register;

/* What is set, and what is there */
typedef struct
{
  GRand *rand;
  GString *text;                /* as one would type it */
  GstHarness *h;
  Kind kind;
  TestFile file;

  const Format *format;         /* NULL: none that can be; unset: not set */
  gboolean format_set;
  guint width, height, stride;
  guint64 offset, step;
  guint buffers;
  gboolean buffers_set;
  gint bar;
  const char *io_mode, *changes, *frame_sync, *mapping, *engine, *access;
  Register counter, index;
  gboolean is_seqlock;

  /* What the device tells where nobody says it */
  const Format *told_format;
  guint told_width, told_height, told_stride;
  guint64 told_offset;

  char *caps;
  guint caps_width, caps_height;        /* 0: any */
  const Format *caps_format;    /* NULL: any */
  gint fps_n, fps_d;            /* -1: any */

  /* What is in the end */
  guint wrong;
  guint64 plane_offset[3];
  guint64 plane_stride[3], row_bytes[3], rows[3];
  guint64 size;                 /* of a picture */
  gboolean has_pattern;         /* each frame, of the simulated device's */
  guint64 memory;               /* that the device has; 0: not known */
  guint n_buffers;
} Round;

#define always(round, condition, ...) G_STMT_START { \
    if (!(condition)) { \
      char *what = g_strdup_printf (__VA_ARGS__); \
      fail ("%s%s", what, (round)->text->str); \
    } \
} G_STMT_END

/* Once in @n times */
static gboolean
seldom (Round * round, guint n)
{
  return g_rand_int_range (round->rand, 0, n) == 0;
}

static guint
below (Round * round, guint n)
{
  return g_rand_int_range (round->rand, 0, n);
}

static guint64
any_number (Round * round)
{
  static const guint64 numbers[] = { 0, 1, 3, 4, 128, 4096, 65535, 65536,
    G_MAXINT, G_MAXUINT, G_MAXINT64, G_MAXUINT64
  };
  const guint64 high = g_rand_int (round->rand);

  switch (below (round, 3)) {
    case 0:
      return numbers[below (round, G_N_ELEMENTS (numbers))];
    case 1:
      return numbers[below (round, G_N_ELEMENTS (numbers))] -
          below (round, 100);
    default:
      return (high << 32 | g_rand_int (round->rand)) >> below (round, 64);
  }
}

/* As large as properties of 32 bits may be */
static guint
any_int (Round * round)
{
  const guint64 number = any_number (round);

  return MIN (number, G_MAXINT);
}

static const char *
one_of (Round * round, const char *const *words, guint n)
{
  return words[below (round, n)];
}

static void
set (Round * round, const char *property, const char *value)
{
  g_string_append_printf (round->text, " %s=%s", property, value);
  gst_util_set_object_arg (G_OBJECT (round->h->element), property, value);
}

static void
set_number (Round * round, const char *property, guint64 value)
{
  char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, value);

  set (round, property, text);
  g_free (text);
}

static void
set_word (Round * round, const char *property, const char **value,
    const char *usual, const char *const *words, guint n)
{
  *value = usual;
  if (!seldom (round, 4))
    return;
  *value = one_of (round, words, n);
  set (round, property, *value);
}

#define SET_WORD(round, property, value, ...) G_STMT_START { \
    static const char *const words[] = { __VA_ARGS__ }; \
    set_word (round, property, value, words[0], words, G_N_ELEMENTS (words)); \
} G_STMT_END

/* --- What is set ------------------------------------------------------------ */

static guint
any_side (Round * round)
{
  if (!seldom (round, 25))
    return 1 + below (round, 60);
  /* The simulated device has any picture that can be, if there is memory */
  return round->kind == DEVICE_SIM ? MAX_SIDE + 1 + below (round, 100) :
      any_int (round);
}

static void
choose_picture (Round * round)
{
  const Format *format = &formats[below (round, G_N_ELEMENTS (formats))];

  round->format_set = !seldom (round, 5);
  round->format = round->format_set && !seldom (round, 40) ? format : NULL;
  if (round->format)
    set (round, "format", round->format->nick);
  else if (round->format_set)
    set (round, "format", one_of (round, no_formats,
            G_N_ELEMENTS (no_formats)));
  /* It is not set by its default value */
  else if (seldom (round, 2))
    set (round, "format", "unknown");

  if (round->kind != DEVICE_TOLD || seldom (round, 3)) {
    round->width = any_side (round);
    set_number (round, "width", round->width);
  }
  if (round->kind != DEVICE_TOLD || seldom (round, 3)) {
    round->height = any_side (round);
    set_number (round, "height", round->height);
  }
  if (seldom (round, 3)) {
    round->stride = seldom (round, 8) && round->kind != DEVICE_SIM ?
        any_int (round) : below (round, 500);
    set_number (round, "stride", round->stride);
  }
  if (seldom (round, 3)) {
    round->offset = seldom (round, 8) && round->kind != DEVICE_SIM ?
        any_number (round) : below (round, 9000);
    set_number (round, "offset", round->offset);
  }
  if (seldom (round, 8)) {
    round->bar = (gint) below (round, 7) - 1;
    g_object_set (round->h->element, "bar", round->bar, NULL);
    g_string_append_printf (round->text, " bar=%d", round->bar);
  }
}

/* Its properties begin with @name */
static void
choose_register (Round * round, const char *name, Register * reg)
{
  char *bar = g_strconcat (name, "-bar", NULL);
  char *offset = g_strconcat (name, "-offset", NULL);
  char *size = g_strconcat (name, "-size", NULL);

  reg->is_set = TRUE;
  /* GStreamer makes larger ones of text negative */
  reg->offset = seldom (round, 8) ? any_number (round) & G_MAXINT64 :
      (guint64) below (round, MAX_FILE / 8) * 8;
  set_number (round, offset, reg->offset);
  if (seldom (round, 3)) {
    reg->bits = seldom (round, 8) ? 8 + below (round, 57) :
        8u << below (round, 4);
    set_number (round, size, reg->bits);
  }
  if (seldom (round, 8)) {
    reg->bar = below (round, 6);
    set_number (round, bar, reg->bar);
  }

  g_free (bar);
  g_free (offset);
  g_free (size);
}

static void
choose_ways (Round * round)
{
  SET_WORD (round, "io-mode", &round->io_mode, "auto", "copy", "mmap");
  SET_WORD (round, "changes", &round->changes, "ignore", "mark", "drop");
  SET_WORD (round, "engine", &round->engine, "auto", "u64", "u32");
  round->mapping = "auto";
  if (seldom (round, 15))
    SET_WORD (round, "mapping", &round->mapping, "auto", "uncached",
        "write-combining");
  round->frame_sync = "clock";
  if (seldom (round, 3))
    SET_WORD (round, "frame-sync", &round->frame_sync, "clock", "counter",
        "interrupt");
  SET_WORD (round, "access", &round->access, "auto", "auto", "auto", "uio");

  round->counter = round->index = (Register) {
  .bits = 32,.bar = -1};
  if (seldom (round, 4))
    choose_register (round, "counter", &round->counter);
  if (round->counter.is_set && seldom (round, 2)) {
    round->is_seqlock = TRUE;
    set (round, "counter-seqlock", "true");
  }

  if (seldom (round, 4)) {
    round->buffers_set = TRUE;
    round->buffers = 1 + below (round, 4);
    set_number (round, "buffers", round->buffers);
    if (seldom (round, 2)) {
      round->step = seldom (round, 6) && round->kind != DEVICE_SIM ?
          any_number (round) : below (round, 5000);
      set_number (round, "buffer-step", round->step);
    }
  }
  if (round->buffers > 1 ? !seldom (round, 8) : seldom (round, 20))
    choose_register (round, "index", &round->index);
}

/* A picture that may be described by the first bytes */
static void
choose_header (Round * round)
{
  const MmiovidHeader header = {
    .magic = GUINT64_TO_LE (MMIOVID_HEADER_MAGIC),
    .version = GUINT32_TO_LE (MMIOVID_HEADER_VERSION),
    .size = GUINT32_TO_LE (MMIOVID_HEADER_SIZE),
  };
  guint32 words[8];

  memcpy (round->file.data, &header, sizeof (header));
  do
    round->told_format = &formats[below (round, G_N_ELEMENTS (formats))];
  while (!round->told_format->fourcc);
  round->told_width = 1 + below (round, 30);
  round->told_height = 1 + below (round, 30);
  round->told_stride = seldom (round, 2) ? 0 : 160 + below (round, 60);
  round->told_offset = 128 + below (round, 900);

  memcpy (words, round->told_format->fourcc, 4);
  words[1] = GUINT32_TO_LE (round->told_width);
  words[2] = GUINT32_TO_LE (round->told_height);
  words[3] = GUINT32_TO_LE (round->told_stride);
  words[4] = 0;
  words[5] = GUINT32_TO_LE (1);
  words[6] = 0;
  words[7] = GUINT32_TO_LE (round->told_offset);
  memcpy (round->file.data + offsetof (MmiovidHeader, format), words,
      sizeof (words));
  test_file_write (&round->file, 0, round->file.data, MMIOVID_HEADER_SIZE);
  g_string_append_printf (round->text,
      " (it tells: %s %ux%u, stride %u, offset " "%" G_GUINT64_FORMAT ")",
      round->told_format->name, round->told_width, round->told_height,
      round->told_stride, round->told_offset);
}

static void
choose_device (Round * round, guint32 seed)
{
  static const char *const nothing[] = { "/nowhere/at-all", "/", "", "\xff\n",
    "dead:", "0000:00:00.8", "1af4:1110@", "/dev/null/x", "mmio://sim"
  };
  const gsize size = 1 + below (round, seldom (round, 8) ? 200 : MAX_FILE);
  const char *device;

  round->kind = seldom (round, 20) ? DEVICE_NONE : seldom (round, 5) ?
      DEVICE_SIM : seldom (round, 3) ? DEVICE_TOLD : DEVICE_FILE;
  test_file_init (&round->file, "bar", round->kind == DEVICE_TOLD ?
      MAX_FILE : size, seed);
  device = round->kind == DEVICE_NONE ? one_of (round, nothing,
      G_N_ELEMENTS (nothing)) : round->kind == DEVICE_SIM ? "sim" :
      round->file.path;

  round->h = source_new (device, NULL);
  g_string_append_printf (round->text, ": device=%s", device);
  if (round->kind < DEVICE_SIM)
    g_string_append_printf (round->text, " (%" G_GSIZE_FORMAT " bytes)",
        round->file.size);
  if (round->kind == DEVICE_TOLD)
    choose_header (round);
}

static void
choose_caps (Round * round)
{
  static const gint rates[][2] = { {25, 1}, {30000, 1001}, {1, 1000}, {0, 1},
  {1000000000, 1}, {1, G_MAXINT}
  };
  GString *caps = g_string_new ("video/x-raw");
  const guint width = round->width ? round->width : round->told_width;
  const guint height = round->height ? round->height : round->told_height;
  const Format *own = round->format ? round->format : round->told_format ?
      round->told_format : &formats[0];

  round->fps_n = -1;
  if (seldom (round, 3)) {
    round->caps_format = seldom (round, 2) ? own :
        &formats[below (round, G_N_ELEMENTS (formats))];
    g_string_append_printf (caps, ",format=%s", round->caps_format->name);
  }
  if (seldom (round, 4)) {
    round->caps_width = seldom (round, 4) ? 1 + below (round, 99) :
        MAX (width, 1);
    g_string_append_printf (caps, ",width=%u", round->caps_width);
  }
  if (seldom (round, 4)) {
    round->caps_height = seldom (round, 4) ? 1 + below (round, 99) :
        MAX (height, 1);
    g_string_append_printf (caps, ",height=%u", round->caps_height);
  }
  if (seldom (round, 4)) {
    const guint n = below (round, G_N_ELEMENTS (rates));

    round->fps_n = rates[n][0];
    round->fps_d = rates[n][1];
    g_string_append_printf (caps, ",framerate=%d/%d", round->fps_n,
        round->fps_d);
  }

  g_string_append_printf (round->text, " ! %s", caps->str);
  gst_harness_set_sink_caps_str (round->h, caps->str);
  g_string_free (caps, TRUE);
}

/* Has a register say something, if it is in the file at all, and not in the header,
 * which would say something else then */
static void
put (Round * round, const Register * reg, guint8 value)
{
  guint8 bytes[8] = { value };

  if (round->kind == DEVICE_SIM || !reg->is_set ||
      reg->offset > round->file.size - 1 ||
      reg->bits / 8 > round->file.size - reg->offset ||
      (round->kind == DEVICE_TOLD && reg->offset < MMIOVID_HEADER_SIZE))
    return;

  test_file_write (&round->file, reg->offset, bytes, reg->bits / 8);
}

/* What registers have by chance is seldom what devices would write */
static void
choose_values (Round * round)
{
  if (!seldom (round, 10))
    put (round, &round->counter, 2 * below (round, 100));
  if (!seldom (round, 10))
    put (round, &round->index, below (round, MAX (round->buffers, 1)));
}

/* --- What is to come of it -------------------------------------------------- */

static gboolean
is (const char *value, const char *word)
{
  return strcmp (value, word) == 0;
}

/* Fills in what the device tells */
static void
complete (Round * round)
{
  const gboolean asks = round->width == 0 || round->height == 0;

  if (round->format_set && !round->format) {
    round->wrong |= WRONG_FORMAT;
    return;
  }

  if (round->kind == DEVICE_SIM) {
    if (round->width == 0)
      round->width = 640;
    if (round->height == 0)
      round->height = 480;
  } else if (asks && round->kind == DEVICE_TOLD) {
    if (round->format_set && round->format != round->told_format)
      round->wrong |= WRONG_SETTINGS;
    round->format = round->told_format;
    if (round->width == 0)
      round->width = round->told_width;
    if (round->height == 0)
      round->height = round->told_height;
    if (round->stride == 0)
      round->stride = round->told_stride;
    if (round->offset == 0)
      round->offset = round->told_offset;
  } else if (asks) {
    round->wrong |= WRONG_SETTINGS;
  }

  if (!round->format)
    round->format = &formats[0];
}

/* Where each plane is of a picture that could be; Returns: bytes with the
 * padding of the last row */
static Wide
lay_out (Round * round)
{
  const Format *format = round->format;
  Wide at = 0;

  for (guint i = 0; i < format->n_planes; i++) {
    const Plane *plane = &format->plane[i];
    const guint64 row = (round->width + (guint64) plane->pixels - 1) /
        plane->pixels * plane->bytes;
    const guint64 rows = (round->height + (guint64) plane->rows - 1) /
        plane->rows;
    const guint64 stride = round->stride > 0 ?
        (round->stride + (guint64) plane->part - 1) / plane->part : row;

    if (stride < row)
      round->wrong |= WRONG_SETTINGS;
    round->plane_offset[i] = at;
    round->plane_stride[i] = stride;
    round->row_bytes[i] = row;
    round->rows[i] = rows;
    round->size = at + (Wide) stride *(rows - 1) + row;
    at += (Wide) stride *rows;
  }
  if ((Wide) round->size > MAX_PICTURE)
    round->wrong |= WRONG_SETTINGS;

  return at;
}

static gboolean
is_size (guint bits)
{
  return bits == 8 || bits == 16 || bits == 32 || bits == 64;
}

static void
check_register (Round * round, const Register * reg)
{
  const guint bytes = reg->bits / 8;

  if (!is_size (reg->bits) || reg->offset % bytes != 0 || reg->bar > 0)
    round->wrong |= WRONG_SETTINGS;
  else if (round->memory > 0 && (Wide) reg->offset + bytes > round->memory)
    round->wrong |= WRONG_SETTINGS;
}

static void
check_geometry (Round * round)
{
  Wide padded, end;

  if (round->width == 0 || round->height == 0 || !round->format)
    return;
  if (round->width > MAX_SIDE || round->height > MAX_SIDE) {
    round->wrong |= WRONG_SETTINGS;
    return;
  }

  padded = lay_out (round);
  round->n_buffers = MAX (round->buffers, 1);
  if (round->step == 0)
    round->step = padded;
  end = (Wide) round->offset + round->size;
  if (round->n_buffers > 1) {
    end += (Wide) round->step * (round->n_buffers - 1);
    if (round->step < round->size || end - round->offset > MAX_PICTURE)
      round->wrong |= WRONG_SETTINGS;
  }
  if (round->kind != DEVICE_SIM)
    round->memory = round->file.size;
  else if (end <= MAX_PICTURE)
    /* As many pages as it needs, and one of registers */
    round->memory = (end + page_size () - 1) / page_size () * page_size () +
        page_size ();
  if (end > round->memory)
    round->wrong |= WRONG_SETTINGS;
}

static void
check_registers (Round * round)
{
  /* Also of one that is not looked at */
  if (!is_size (round->counter.bits) || !is_size (round->index.bits))
    round->wrong |= WRONG_SETTINGS;

  if (round->n_buffers > 1) {
    if (round->index.is_set)
      check_register (round, &round->index);
    else if (round->kind != DEVICE_SIM)
      round->wrong |= WRONG_SETTINGS;
  } else if (round->index.is_set && !round->buffers_set) {
    round->wrong |= WRONG_SETTINGS;
  }

  if (round->counter.is_set)
    check_register (round, &round->counter);
  else if (is (round->frame_sync, "counter") && round->kind != DEVICE_SIM)
    round->wrong |= WRONG_SETTINGS;
}

/* Whether what the device has can be sent as @format */
static gboolean
can_send (const Round * round, const Format * format)
{
  if (format == round->format)
    return TRUE;
  return !is (round->io_mode, "mmap") && round->format->is_rgb &&
      format->is_rgb && format->plane[0].bytes == 4;
}

static void
check_caps (Round * round)
{
  if (!round->format)
    return;
  if ((round->caps_format && !can_send (round, round->caps_format)) ||
      (round->caps_width > 0 && round->caps_width != round->width) ||
      (round->caps_height > 0 && round->caps_height != round->height) ||
      (round->fps_n == 0 && !is (round->frame_sync, "counter")))
    round->wrong |= WRONG_FORMAT;
}

static void
predict (Round * round)
{
  if (round->kind == DEVICE_NONE)
    round->wrong |= WRONG_SETTINGS | WRONG_NOT_FOUND;

  complete (round);
  check_geometry (round);
  check_registers (round);
  check_caps (round);
  if (round->bar > 0)
    round->wrong |= WRONG_NOT_FOUND;
  if (!is (round->mapping, "auto") || is (round->frame_sync, "interrupt"))
    round->wrong |= WRONG_SETTINGS;
  /* There is no PCI device */
  if (!is (round->access, "auto"))
    round->wrong |= WRONG_SETTINGS;
  if (is (round->io_mode, "mmap") && !is (round->changes, "ignore"))
    round->wrong |= WRONG_SETTINGS;
}

/* --- What comes of it --------------------------------------------------------- */

static void
check_error_message (Round * round, GstMessage * message)
{
  gboolean is_right = FALSE;
  GError *error;
  char *debug;

  gst_message_parse_error (message, &error, &debug);
  always (round, GST_MESSAGE_SRC (message) ==
      GST_OBJECT_CAST (round->h->element), "'%s' is somebody else's",
      error->message);
  always (round, g_utf8_validate (error->message, -1, NULL) &&
      (!debug || g_utf8_validate (debug, -1, NULL)), "an error is no text");
  always (round, strlen (error->message) > 20 &&
      strpbrk (error->message, "\n\r\t") == NULL, "'%s' is no sentence",
      error->message);
  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    is_right |= (round->wrong & codes[i].wrong) &&
        error->domain == g_quark_from_string (codes[i].domain) &&
        error->code == codes[i].code;
  always (round, is_right, "%s %d (wrong is %#x): %s",
      g_quark_to_string (error->domain), error->code, round->wrong,
      error->message);

  g_error_free (error);
  g_free (debug);
  gst_message_unref (message);
}

/* Of a stream that ends, the base class says so too; nobody else has anything to
 * say */
static void
check_last_error (Round * round)
{
  GstMessage *message = source_try_message (round->h, GST_MESSAGE_ERROR);
  GError *error;

  if (!message)
    return;

  gst_message_parse_error (message, &error, NULL);
  always (round, (round->wrong & WRONG_FORMAT) &&
      g_error_matches (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED),
      "there is another error: %s", error->message);
  g_error_free (error);
  gst_message_unref (message);

  always (round, source_count_messages (round->h, GST_MESSAGE_ERROR) == 0,
      "there are more than two errors");
}

/* One error, and nothing else */
static void
expect_error (Round * round)
{
  GstBus *bus = gst_element_get_bus (round->h->element);
  GstMessage *message;

  gst_element_set_state (round->h->element, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, HANG * GST_USECOND,
      GST_MESSAGE_ERROR);
  always (round, message != NULL, "no error, though %#x is wrong",
      round->wrong);
  check_error_message (round, message);

  source_stop (round->h);
  check_last_error (round);
  always (round, gst_harness_buffers_received (round->h) == 0,
      "a frame came, though %#x is wrong", round->wrong);
  gst_object_unref (bus);
}

/* A pixel of the picture in the format that it is sent in */
static void
check_pixels (Round * round, const guint8 * from, const guint8 * to,
    const Format * sent)
{
  const guint bytes = round->format->plane[0].bytes;

  for (guint x = 0; x < round->width; x++) {
    for (guint i = 0; i < 3; i++)
      always (round, to[4 * x + sent->place[i]] ==
          from[bytes * x + round->format->place[i]],
          "color %u of pixel %u differs", i, x);
  }
}

static const Format *
find_format (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    if (is (formats[i].name, name))
      return &formats[i];
  }
  return NULL;
}

static guint64
read_register (Round * round, const Register * reg)
{
  guint64 value = 0;

  for (guint i = 0; i < reg->bits / 8; i++)
    value |= (guint64) round->file.data[reg->offset + i] << (8 * i);
  return value;
}

/* The simulated device paints when it likes: a frame may be torn that nothing
 * guards.  Returns: whether it is one that it paints */
static gboolean
is_pattern (Round * round, const GstVideoFrame * frame)
{
  const MmioLayout picture = test_picture (round->format->name, round->width,
      round->height, 0, 0);
  guint8 *memory = g_malloc0 (picture.end), *painted = g_malloc0 (picture.end);
  gboolean ret;
  guint number;

  for (guint p = 0; p < picture.format.n_planes; p++) {
    const MmioPlane *plane = &picture.plane[p];

    for (guint y = 0; y < plane->rows; y++)
      memcpy (memory + plane->offset + y * plane->stride,
          (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (frame, p) +
          y * GST_VIDEO_FRAME_PLANE_STRIDE (frame, p), plane->row_bytes);
  }
  ret = mmio_pattern_read_number (&picture, memory, &number);
  if (ret)
    mmio_pattern_paint (&picture, painted, number);
  ret = ret && memcmp (memory, painted, picture.end) == 0;

  g_free (memory);
  g_free (painted);
  return ret;
}

static void
check_frame (Round * round, GstBuffer * buffer, guint picture)
{
  const GstVideoInfo info = source_get_info (round->h);
  const Format *sent = find_format (GST_VIDEO_INFO_NAME (&info));
  GstVideoFrame frame;

  always (round, sent && can_send (round, sent) && (!round->caps_format ||
          sent == round->caps_format), "it is sent as %s",
      GST_VIDEO_INFO_NAME (&info));
  always (round, GST_VIDEO_INFO_WIDTH (&info) == (gint) round->width &&
      GST_VIDEO_INFO_HEIGHT (&info) == (gint) round->height,
      "it has %d x %d pixels", GST_VIDEO_INFO_WIDTH (&info),
      GST_VIDEO_INFO_HEIGHT (&info));
  always (round, round->fps_n < 0 || (GST_VIDEO_INFO_FPS_N (&info) ==
          round->fps_n && GST_VIDEO_INFO_FPS_D (&info) == round->fps_d),
      "it is sent at %d/%d Hz", GST_VIDEO_INFO_FPS_N (&info),
      GST_VIDEO_INFO_FPS_D (&info));
  always (round, gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ),
      "it cannot be mapped");

  if (round->kind == DEVICE_SIM && sent == round->format)
    round->has_pattern &= is_pattern (round, &frame);
  for (guint p = 0; round->kind != DEVICE_SIM && p < sent->n_planes; p++) {
    const guint8 *from = round->file.data + round->offset +
        picture * round->step + round->plane_offset[p];
    const guint8 *to = GST_VIDEO_FRAME_PLANE_DATA (&frame, p);

    for (guint y = 0; y < round->rows[p]; y++) {
      if (sent != round->format)
        check_pixels (round, from, to, sent);
      else
        always (round, memcmp (from, to, round->row_bytes[p]) == 0,
            "row %u of plane %u differs", y, p);
      from += round->plane_stride[p];
      to += GST_VIDEO_FRAME_PLANE_STRIDE (&frame, p);
    }
  }
  gst_video_frame_unmap (&frame);
}

/* Lets time pass until the next frame comes, which is in several waits if that
 * is long.  Returns: NULL if it is very long */
static GstBuffer *
crank (Round * round)
{
  GstBuffer *buffer = NULL;

  for (guint i = 0; !buffer && i < MAX_WAITS; i++) {
    always (round, gst_harness_crank_single_clock_wait (round->h),
        "it does not wait");
    buffer = gst_harness_try_pull (round->h);
  }
  return buffer;
}

static void
start (Round * round)
{
  GstStateChangeReturn ret = gst_element_set_state (round->h->element,
      GST_STATE_PLAYING);
  GstMessage *message = source_try_message (round->h, GST_MESSAGE_ERROR);
  GError *error = NULL;

  if (message)
    gst_message_parse_error (message, &error, NULL);
  always (round, ret != GST_STATE_CHANGE_FAILURE && !error,
      "it does not start: %s", error ? error->message : "");
}

/* Frames, if there are any: of a device that does not go on, by its counter,
 * there is one, unless it says that it is being written */
static void
expect_frames (Round * round)
{
  const gboolean is_file = round->kind != DEVICE_SIM;
  const gboolean is_counted = is (round->frame_sync, "counter");
  const gboolean is_once = is_counted || (is (round->changes, "drop") &&
      is_file);
  const gboolean has_index = round->n_buffers > 1 && is_file;
  const guint64 picture = has_index ? read_register (round, &round->index) : 0;
  const gboolean is_odd = round->counter.is_set && is_file &&
      round->is_seqlock && read_register (round, &round->counter) % 2 != 0;

  start (round);
  /* Of what never is complete, what is sent is told elsewhere */
  for (guint i = 0; i < (is_once ? 1 : 3) && !(is_counted && is_odd) &&
      picture < round->n_buffers; i++) {
    GstBuffer *buffer = i == 0 ? gst_harness_pull (round->h) : crank (round);

    always (round, buffer || i > 0, "no frame comes");
    if (!buffer)
      break;
    check_frame (round, buffer, picture);
    gst_buffer_unref (buffer);
  }
  source_stop (round->h);
  source_check_no_error (round->h);
}

/* --- Rounds ------------------------------------------------------------------- */

static guint64
get_environment (const char *name, guint64 usual)
{
  const char *value = g_getenv (name);

  return value ? g_ascii_strtoull (value, NULL, 10) : usual;
}

/* How many rounds there were, with frames, with those of the simulated device,
 * and with nothing but what it paints */
typedef struct
{
  guint rounds, frames, sim, patterns;
} Counts;

/* Nobody complains on a way that applications do not hear */
static void
on_log (const char *domain, GLogLevelFlags level, const char *message,
    gpointer text)
{
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING))
    fail ("%s: %s%s", domain, message, ((GString *) text)->str);
}

static void
run (guint32 seed, Counts * counts)
{
  Round round = {.has_pattern = TRUE,.rand = g_rand_new_with_seed (seed),
    .text = g_string_new (NULL),.bar = -1
  };
  GLogFunc before = g_log_set_default_handler (on_log, round.text);

  g_string_append_printf (round.text, " (MMIOVID_ROUNDS=1 MMIOVID_SEED=%u)",
      seed);
  choose_device (&round, seed);
  choose_picture (&round);
  choose_ways (&round);
  choose_values (&round);
  choose_caps (&round);
  predict (&round);
  GST_INFO ("%#x is wrong%s", round.wrong, round.text->str);

  if (round.wrong != 0)
    expect_error (&round);
  else
    expect_frames (&round);

  source_teardown (round.h);
  test_file_clear (&round.file);
  g_log_set_default_handler (before, NULL);
  g_string_free (round.text, TRUE);
  g_rand_free (round.rand);

  counts->rounds++;
  if (round.wrong == 0) {
    counts->frames++;
    counts->sim += round.kind == DEVICE_SIM;
    counts->patterns += round.kind == DEVICE_SIM && round.has_pattern;
  }
}

GST_START_TEST (test_anything)
{
  const guint32 seed = get_environment ("MMIOVID_SEED", g_random_int ());
  const guint rounds = get_environment ("MMIOVID_ROUNDS", ROUNDS);
  Counts counts = { 0, };

  g_print ("# MMIOVID_SEED=%u MMIOVID_ROUNDS=%u\n", seed, rounds);
  while (counts.rounds < rounds)
    run (seed + counts.rounds, &counts);
  g_print ("# %u with frames, %u of the simulated device, %u as it paints them"
      "\n", counts.frames, counts.sim, counts.patterns);

  /* Else it would not be worth much */
  if (rounds >= ROUNDS)
    fail_unless (counts.frames > rounds / 10 &&
        counts.frames < rounds - rounds / 10, "%u", counts.frames);
  fail_unless (2 * counts.patterns >= counts.sim, "%u of %u", counts.patterns,
      counts.sim);
}

GST_END_TEST;

static Suite *
anything_suite (void)
{
  Suite *s = suite_create ("gst-anything");
  TCase *tc = add_case (s, "anything");

  tcase_add_unchecked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_test (tc, test_anything);

  return s;
}

GST_CHECK_MAIN (anything);
