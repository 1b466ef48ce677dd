/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mmiovid header, in which a device describes its frame: loads it, and checks it,
 * since a device may write any values.
 */
#include "describe/mmioheader.h"

#include <drm_fourcc.h>
#include <string.h>

#include "base/mmioerror.h"
#include "describe/mmiovid-header.h"
#include "frame/mmiofourcc.h"
#include "load/mmioreader.h"

/* The description ends where the registers begin that change with each frame */
#define DESCRIPTION offsetof (MmiovidHeader, counter)

G_STATIC_ASSERT (MMIOVID_HEADER_MAX_SLOTS == MMIO_MAX_BUFFERS);

/* The installed header includes no other header, but its format codes are those
 * of the kernel */
G_STATIC_ASSERT (MMIOVID_FORMAT_RGB == DRM_FORMAT_BGR888);
G_STATIC_ASSERT (MMIOVID_FORMAT_BGR == DRM_FORMAT_RGB888);
G_STATIC_ASSERT (MMIOVID_FORMAT_RGBX == DRM_FORMAT_XBGR8888);
G_STATIC_ASSERT (MMIOVID_FORMAT_BGRX == DRM_FORMAT_XRGB8888);
G_STATIC_ASSERT (MMIOVID_FORMAT_XRGB == DRM_FORMAT_BGRX8888);
G_STATIC_ASSERT (MMIOVID_FORMAT_XBGR == DRM_FORMAT_RGBX8888);
G_STATIC_ASSERT (MMIOVID_FORMAT_RGB16 == DRM_FORMAT_RGB565);
G_STATIC_ASSERT (MMIOVID_FORMAT_RGB15 == DRM_FORMAT_XRGB1555);
G_STATIC_ASSERT (MMIOVID_FORMAT_GRAY8 == DRM_FORMAT_R8);
G_STATIC_ASSERT (MMIOVID_FORMAT_YUY2 == DRM_FORMAT_YUYV);
G_STATIC_ASSERT (MMIOVID_FORMAT_UYVY == DRM_FORMAT_UYVY);
G_STATIC_ASSERT (MMIOVID_FORMAT_NV12 == DRM_FORMAT_NV12);
G_STATIC_ASSERT (MMIOVID_FORMAT_I420 == DRM_FORMAT_YUV420);

/* How long to wait for the end of a change: as long as a program may need to
 * write the first frame after it.  Number of polls, and microseconds between
 * them. */
#define MAX_POLLS 100
#define POLL_PAUSE 200

#define ADVICE "; correct it in the device, or set width, height, format, " \
    "stride and offset, so that the header is not read."

#define LOAD(registers, member) \
  mmio_reader_load_u32 ((registers) + offsetof (MmiovidHeader, member))

/* In loads of 32 bits, which all devices support */
static guint64
load_u64 (const guint8 * registers)
{
  const guint64 low = mmio_reader_load_u32 (registers);

  return low | (guint64) mmio_reader_load_u32 (registers + 4) << 32;
}

/**
 * mmio_header_is_at:
 * @registers: memory that may be a header
 *
 * Returns: whether it begins with the magic number of a header
 */
gboolean
mmio_header_is_at (const guint8 * registers)
{
  return load_u64 (registers) == MMIOVID_HEADER_MAGIC;
}

static void
load_description (const guint8 * registers, MmiovidHeader * header)
{
  *header = (MmiovidHeader) {
  .version = LOAD (registers, version),.size =
        LOAD (registers, size),.format = LOAD (registers, format),.width =
        LOAD (registers, width),.height = LOAD (registers, height),.stride =
        LOAD (registers, stride),.flags =
        LOAD (registers, flags),.n_slots = LOAD (registers, n_slots),};
  for (guint i = 0; i < MMIOVID_HEADER_MAX_SLOTS; i++)
    header->slot_offset[i] = load_u64 (registers +
        offsetof (MmiovidHeader, slot_offset) + (gsize) 8 * i);
}

/* Loads the sequence and the main values.  The sequence alone suffices unless
 * it restarts and reaches the same number again, after a reset of gateware or a
 * restart of a machine.  The values detect another frame then.  Returns: FALSE
 * while the sequence is odd */
static gboolean
load_key (const guint8 * registers, MmioModeKey * key)
{
  const gsize offset = offsetof (MmiovidHeader, slot_offset);
  guint32 *word = key->word;

  memset (key, 0, sizeof (*key));
  word[0] = LOAD (registers, sequence);
  if (word[0] % 2 != 0)
    return FALSE;

  mmio_reader_fence ();
  word[1] = LOAD (registers, format);
  word[2] = LOAD (registers, width);
  word[3] = LOAD (registers, height);
  word[4] = LOAD (registers, stride);
  word[5] = mmio_reader_load_u32 (registers + offset);
  word[6] = mmio_reader_load_u32 (registers + offset + 4);

  return TRUE;
}

/* A header of zeros describes no frame at the moment: a guest or a board is
 * restarting */
static gboolean
mmio_header_poll (const guint8 * registers, MmioModeKey * key)
{
  return load_key (registers, key) && key->word[1] != 0 &&
      key->word[2] != 0 && key->word[3] != 0;
}

/* Reads the header until it does not change during the read.  Returns: FALSE if
 * it changes each time */
static gboolean
read_description (const guint8 * registers, MmiovidHeader * header,
    MmioModeKey * key)
{
  for (guint i = 0; i < MAX_POLLS; i++) {
    if (i > 0)
      g_usleep (POLL_PAUSE);
    if (!load_key (registers, key))
      continue;

    mmio_reader_fence ();
    load_description (registers, header);
    mmio_reader_fence ();
    if (LOAD (registers, sequence) == key->word[0])
      return TRUE;
  }

  return FALSE;
}

static gboolean
check_version (const char *address, const MmiovidHeader * header,
    guint64 bar_size, GError ** error)
{
  if (header->version != MMIOVID_HEADER_VERSION) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use the mmiovid header of %s: it has version=%u, but only "
        "version %u is supported" ADVICE, address, header->version,
        MMIOVID_HEADER_VERSION);
    return FALSE;
  }

  if (header->size < MMIOVID_HEADER_SIZE || header->size > bar_size) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot use the mmiovid header of %s: it has size=%u, but the size is "
        "at least %u bytes, and the memory has %" G_GUINT64_FORMAT ADVICE,
        address, header->size, MMIOVID_HEADER_SIZE, bar_size);
    return FALSE;
  }

  return TRUE;
}

static gboolean
check_side (const char *address, const char *what, guint32 value,
    GError ** error)
{
  if (value > 0 && value <= MMIO_LAYOUT_MAX_SIDE)
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot use the mmiovid header of %s: it has %s=%u, but the range is 1 "
      "to %u" ADVICE, address, what, value, MMIO_LAYOUT_MAX_SIDE);
  return FALSE;
}

/* Checks the stride for a frame at the BAR's start.  Width and height are
 * checked before, so only the stride or the size that results can be wrong. */
static gboolean
check_stride (const char *address, const MmioSpec * described, GError ** error)
{
  MmioLayout layout;

  if (mmio_layout_init (&layout, described, NULL))
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot use the mmiovid header of %s: it has stride=%u, but a row of "
      "width=%u %s pixels has %" G_GUINT64_FORMAT " bytes, and with height=%u "
      "the frame may have 2 GiB at most" ADVICE, address, described->stride,
      described->width, described->format.name,
      mmio_format_row_bytes (&described->format, 0, described->width),
      described->height);
  return FALSE;
}

static gboolean
check_offset (const char *address, const MmiovidHeader * header, guint i,
    const MmioSpec * described, guint64 bar_size, GError ** error)
{
  const guint64 offset = header->slot_offset[i];
  MmioSpec spec = *described;
  MmioLayout layout;

  spec.offset = offset;
  if (offset >= header->size && mmio_layout_init (&layout, &spec, NULL) &&
      layout.end <= bar_size)
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot use the mmiovid header of %s: it has slot_offset[%u]=%"
      G_GUINT64_FORMAT ", where %u x %u %s pixels do not fit between byte %u "
      "(the end of the header) and byte %" G_GUINT64_FORMAT " (the end of the "
      "memory)" ADVICE, address, i, offset,
      described->width, described->height, described->format.name, header->size,
      bar_size);
  return FALSE;
}

static gboolean
check_n_slots (const char *address, const MmiovidHeader * header,
    GError ** error)
{
  if (header->n_slots > 0 && header->n_slots <= MMIOVID_HEADER_MAX_SLOTS)
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot use the mmiovid header of %s: it has n_slots=%u, but the range "
      "is 1 to %u" ADVICE, address, header->n_slots, MMIOVID_HEADER_MAX_SLOTS);
  return FALSE;
}

static const MmioFormat *
find_format (const char *address, const MmiovidHeader * header, GError ** error)
{
  const MmioFormat *format = mmio_fourcc_to_format (header->format);

  if (!format) {
    g_autofree char *fourcc = mmio_fourcc_to_string (header->format);
    g_autofree char *known = mmio_fourcc_list ();

    mmio_set_error (error, MMIO_ERROR_FORMAT,
        "Cannot use the mmiovid header of %s: it has format=%s, which is not "
        "one of %s" ADVICE, address, fourcc, known);
  }

  return format;
}

/* Describes a register of the header */
static MmioRegisterSpec
get_register (guint bar, gsize offset)
{
  return (MmioRegisterSpec) {
  .bar = bar,.offset = offset,.bits = 32};
}

/* Checks that the slots do not overlap; each of them is checked before */
static gboolean
check_buffers (const char *address, const MmioSpec * described, GError ** error)
{
  g_autoptr (GString) offsets = NULL;
  MmioLayout layout;

  if (mmio_layout_init (&layout, described, NULL))
    return TRUE;

  offsets = g_string_new (NULL);
  for (guint i = 0; i < described->n_buffers; i++)
    g_string_append_printf (offsets, "%sslot_offset[%u]=%"
        G_GUINT64_FORMAT, i == 0 ? "" : ", ", i, described->buffer_offset[i]);
  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot use the mmiovid header of %s: it has %s, where %u x %u %s pixels "
      "overlap or need more than 2 GiB" ADVICE, address, offsets->str,
      described->width, described->height, described->format.name);
  return FALSE;
}

static gboolean
parse (const MmioDevice * device, guint bar, const MmiovidHeader * header,
    MmioSpec * described, GError ** error)
{
  const char *address = mmio_device_get_address (device);
  const guint64 bar_size = mmio_device_get_bar (device, bar)->size;
  const MmioFormat *format;

  if (!check_version (address, header, bar_size, error))
    return FALSE;

  format = find_format (address, header, error);
  if (!format || !check_side (address, "width", header->width, error) ||
      !check_side (address, "height", header->height, error))
    return FALSE;

  described->format = *format;
  described->width = header->width;
  described->height = header->height;
  described->stride = header->stride;
  if (!check_stride (address, described, error) ||
      !check_n_slots (address, header, error))
    return FALSE;

  for (guint i = 0; i < header->n_slots; i++) {
    if (!check_offset (address, header, i, described, bar_size, error))
      return FALSE;
  }

  described->offset = header->slot_offset[0];
  if (header->n_slots > 1) {
    described->n_buffers = header->n_slots;
    for (guint i = 0; i < MMIO_MAX_BUFFERS; i++)
      described->buffer_offset[i] =
          i < header->n_slots ? header->slot_offset[i] : 0;
    described->index = get_register (bar, offsetof (MmiovidHeader, index));
    if (!check_buffers (address, described, error))
      return FALSE;
  }

  if (header->flags & MMIOVID_HEADER_COUNTER) {
    described->counter = get_register (bar, offsetof (MmiovidHeader, counter));
    described->counter_is_seqlock =
        (header->flags & MMIOVID_HEADER_SEQLOCK) != 0;
  }

  return TRUE;
}

static MmioDescription
mmio_header_read (const MmioDevice * device, guint bar,
    const guint8 * registers, MmioModeKey * key, MmioSpec * described,
    GError ** error)
{
  const char *address = mmio_device_get_address (device);
  MmiovidHeader header;
  MmioSpec result = *described;

  if (load_u64 (registers) != MMIOVID_HEADER_MAGIC)
    return MMIO_DESCRIPTION_NONE;

  if (!read_description (registers, &header, key)) {
    mmio_set_error (error, MMIO_ERROR_NO_MODE,
        "Cannot read the mmiovid header of %s: it keeps changing "
        "(sequence=%u). Make the sequence even in the program that writes it, "
        "or set width, height, format, stride and offset.", address,
        key->word[0]);
    return MMIO_DESCRIPTION_NO_MODE;
  }

  g_debug ("%s: header %u, size %u, sequence %u, format %#x, %ux%u, stride %u, "
      "flags %#x, %u slots", address, header.version, header.size,
      key->word[0], header.format, header.width, header.height,
      header.stride, header.flags, header.n_slots);

  if (!parse (device, bar, &header, &result, error))
    return MMIO_DESCRIPTION_INVALID;

  *described = result;
  return MMIO_DESCRIPTION_FRAME;
}

const MmioDescriptor mmio_header_descriptor = {
  .length = DESCRIPTION,
  .read = mmio_header_read,
  .poll = mmio_header_poll,
};
