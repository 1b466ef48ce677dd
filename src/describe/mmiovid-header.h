/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a device describes its picture itself: a structure at byte 0 of the BAR
 * that holds the picture, or of the file.  Whoever finds it there needs no
 * settings.
 *
 * This file is for those who paint: firmware, drivers, programs in virtual
 * machines.  It needs nothing but <stdint.h>, in C99 or C++11; copy it.
 *
 * All numbers are little-endian and naturally aligned.  Each may be written in
 * one store; those of 64 bits in two of 32 bits, low half first or last, as
 * `sequence` guards them.  docs/manual/describing.md has it all in words, and
 * tests/examples/painter.c is a program that does it.
 */
#ifndef MMIOVID_HEADER_H
#define MMIOVID_HEADER_H

#include <stddef.h>
#include <stdint.h>

/* The bytes "mmiovid" and a 0, as a little-endian number */
#define MMIOVID_HEADER_MAGIC UINT64_C (0x006469766f696d6d)

/* A reader takes the version that it knows, and no other.  What is added within
 * a version takes reserved bytes or makes the header larger, and readers that
 * do not know of it still get the right picture. */
#define MMIOVID_HEADER_VERSION 1

/* The header of this version has so many bytes; the first picture may begin
 * right after it.  On the next page (4096) is better: there the CPU may have the
 * picture mapped in another way than the header. */
#define MMIOVID_HEADER_SIZE 128

/* Double and triple buffers, and one more */
#define MMIOVID_HEADER_MAX_SLOTS 4

/* flags: `counter` counts the pictures */
#define MMIOVID_HEADER_COUNTER (UINT32_C (1) << 0)
/* flags: ... and is odd while `index` or the picture that it names changes;
 * without this flag it goes up by one for each picture, and as long as it
 * stands, the picture does */
#define MMIOVID_HEADER_SEQLOCK (UINT32_C (1) << 1)

/* The kernel's DRM has a number for each format, four characters.  They name
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
 * @sequence: odd while something up to slot_offset changes, and even
 *   otherwise.  Whoever changes something there makes it odd (adds 1), changes
 *   it, and makes it even (adds 1), with a write barrier between.
 * @format: MMIOVID_FORMAT_*
 * @width: pixels a row, 1 to 65535
 * @height: rows, 1 to 65535
 * @stride: bytes from one row to the next; 0: no padding.  In a planar format
 *   it is that of the first plane, and the planes follow each other.
 * @flags: MMIOVID_HEADER_COUNTER, MMIOVID_HEADER_SEQLOCK; others are 0
 * @n_slots: pictures that are written in turn, 0, 1, 2, 0, ..., 1 to
 *   MMIOVID_HEADER_MAX_SLOTS; all have the same geometry
 * @slot_offset: bytes from the BAR's start to each of them, @size or more;
 *   those after @n_slots are 0
 * @counter: counts the pictures, where the flag says so; begins again at 0
 *   after its highest value.  A write barrier before it is written, and one
 *   after it, before anything of the next picture is.
 * @index: which of the pictures is complete, from 0; with one picture nobody
 *   looks
 *
 * The reserved words are 0 when they are written, and ignored when they are
 * read.
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

/* That the compiler sees it as it is written here: an array cannot have less
 * than no elements */
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
