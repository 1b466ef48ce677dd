/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The header by which a device describes its frame: a structure at byte 0 of the BAR
 * or file that contains the frame.  Readers that find it need no settings.
 *
 * This file is for firmware, drivers and programs in virtual machines that write
 * frames.  It needs only <stdint.h> and <stddef.h>, in C99 or C++11; copy it.
 *
 * All numbers are little-endian and naturally aligned.  Write each of 32 bits in one
 * store.  Write each of 64 bits in one store, or in two of 32 bits in any order: `sequence`
 * guards them.  docs/manual/describing.md explains the header, and
 * tests/examples/painter.c is an example program.
 */
#ifndef MMIOVID_HEADER_H
#define MMIOVID_HEADER_H

#include <stddef.h>
#include <stdint.h>

/* The bytes "mmiovid" and a 0, as a little-endian number */
#define MMIOVID_HEADER_MAGIC UINT64_C (0x006469766f696d6d)

/* A reader accepts only the version that it knows.  Additions within a version
 * use reserved bytes or make the header larger; readers that do not know them
 * still find the right frame. */
#define MMIOVID_HEADER_VERSION 1

/* The size of the header of this version (bytes).  The first frame may begin
 * right after it.  Beginning on the next page (4096) is better: then the CPU
 * can map the frame with another cache mode than the header. */
#define MMIOVID_HEADER_SIZE 128

/* Enough for double and triple buffers, plus one */
#define MMIOVID_HEADER_MAX_SLOTS 4

/* flags: `counter` counts frames */
#define MMIOVID_HEADER_COUNTER (UINT32_C (1) << 0)
/* flags: `counter` is odd while `index` or the frame in its slot changes.
 * Without this flag it goes up by one for each frame, and the frame does not
 * change while it stays the same. */
#define MMIOVID_HEADER_SEQLOCK (UINT32_C (1) << 1)

/* The format codes of the kernel's DRM: four characters.  They name
 * little-endian words: XRGB8888, "XR24", is the bytes B, G, R, x in memory. */
#define MMIOVID_FOURCC(a, b, c, d) \
  ((uint32_t) (a) | (uint32_t) (b) << 8 | (uint32_t) (c) << 16 | \
      (uint32_t) (d) << 24)

/* The bytes in memory:              24 bits */
#define MMIOVID_FORMAT_RGB MMIOVID_FOURCC ('B', 'G', '2', '4')
#define MMIOVID_FORMAT_BGR MMIOVID_FOURCC ('R', 'G', '2', '4')
/*                                   32 bits */
#define MMIOVID_FORMAT_RGBX MMIOVID_FOURCC ('X', 'B', '2', '4')
#define MMIOVID_FORMAT_BGRX MMIOVID_FOURCC ('X', 'R', '2', '4')
#define MMIOVID_FORMAT_XRGB MMIOVID_FOURCC ('B', 'X', '2', '4')
#define MMIOVID_FORMAT_XBGR MMIOVID_FOURCC ('R', 'X', '2', '4')
/* Little-endian words of 16 bits, red at the top */
#define MMIOVID_FORMAT_RGB16 MMIOVID_FOURCC ('R', 'G', '1', '6')
#define MMIOVID_FORMAT_RGB15 MMIOVID_FOURCC ('X', 'R', '1', '5')
/* 8 bits, and YUV */
#define MMIOVID_FORMAT_GRAY8 MMIOVID_FOURCC ('R', '8', ' ', ' ')
#define MMIOVID_FORMAT_YUY2 MMIOVID_FOURCC ('Y', 'U', 'Y', 'V')
#define MMIOVID_FORMAT_UYVY MMIOVID_FOURCC ('U', 'Y', 'V', 'Y')
#define MMIOVID_FORMAT_NV12 MMIOVID_FOURCC ('N', 'V', '1', '2')
#define MMIOVID_FORMAT_I420 MMIOVID_FOURCC ('Y', 'U', '1', '2')

/**
 * MmiovidHeader:
 * @magic: MMIOVID_HEADER_MAGIC
 * @version: MMIOVID_HEADER_VERSION
 * @size: bytes of the header, MMIOVID_HEADER_SIZE or more
 * @sequence: odd while a member up to @slot_offset changes, and even otherwise.  To
 *   change one, make it odd (add 1), change the member, and make it even (add 1),
 *   with write barriers in between.
 * @format: MMIOVID_FORMAT_*
 * @width: pixels per row, 1 to 65535
 * @height: rows, 1 to 65535
 * @stride: bytes from one row to the next; 0: no padding.  In a planar format, the
 *   stride of the first plane; the planes follow each other.
 * @flags: MMIOVID_HEADER_COUNTER, MMIOVID_HEADER_SEQLOCK; others are 0
 * @n_slots: number of slots, 1 to MMIOVID_HEADER_MAX_SLOTS, which are written in the
 *   order 0, 1, 2, 0, ...; all have the same geometry
 * @slot_offset: bytes from the BAR's start to each slot, @size or more; 0 after @n_slots
 * @counter: counts frames if the flag is set; continues at 0 after its highest value.
 *   Needs a write barrier before each write to it, and another one before the next
 *   frame is written.
 * @index: the slot with the complete frame, from 0; ignored if there is one slot
 *
 * Write the reserved words as 0.  Readers ignore them.
 */
typedef struct MmiovidHeader
{
  uint64_t magic;
  uint32_t version;
  uint32_t size;
  uint32_t sequence;
  uint32_t format;
  uint32_t width;
  uint32_t height;
  uint32_t stride;
  uint32_t flags;
  uint32_t n_slots;
  uint32_t reserved0;
  uint64_t slot_offset[MMIOVID_HEADER_MAX_SLOTS];
  uint32_t counter;
  uint32_t index;
  uint32_t reserved[10];
} MmiovidHeader;

/* Checks the layout at compile time: an array cannot have a negative size */
#define MMIOVID_HEADER_CHECK(name, condition) \
  typedef char mmiovid_header_check_##name[(condition) ? 1 : -1]
MMIOVID_HEADER_CHECK (size, sizeof (MmiovidHeader) == MMIOVID_HEADER_SIZE);
MMIOVID_HEADER_CHECK (sequence, offsetof (MmiovidHeader, sequence) == 16);
MMIOVID_HEADER_CHECK (format, offsetof (MmiovidHeader, format) == 20);
MMIOVID_HEADER_CHECK (flags, offsetof (MmiovidHeader, flags) == 36);
MMIOVID_HEADER_CHECK (slot_offset, offsetof (MmiovidHeader, slot_offset) == 48);
MMIOVID_HEADER_CHECK (counter, offsetof (MmiovidHeader, counter) == 80);
MMIOVID_HEADER_CHECK (index, offsetof (MmiovidHeader, index) == 84);

#endif
