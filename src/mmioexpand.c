/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Packed 24-bit pixels to packed 32-bit ones, from and to ordinary memory.
 */
#include "mmioexpand.h"

#include <string.h>

struct _MmioExpansion
{
  const char *from;
  const char *to;
  void (*run) (guint8 * dest, const guint8 * src, guint pixels);
};

/* The fourth byte is 255, so that a consumer who takes it for alpha sees the
 * picture and not a hole. */
#define EXPANSION(name, b0, b1, b2, b3) \
static void \
name (guint8 * dest, const guint8 * src, guint pixels) \
{ \
  for (guint i = 0; i < pixels; i++, dest += 4, src += 3) { \
    dest[0] = (b0); \
    dest[1] = (b1); \
    dest[2] = (b2); \
    dest[3] = (b3); \
  } \
}

/* *INDENT-OFF* */
EXPANSION (keep_then_x, src[0], src[1], src[2], 0xff)
EXPANSION (swap_then_x, src[2], src[1], src[0], 0xff)
EXPANSION (x_then_keep, 0xff, src[0], src[1], src[2])
EXPANSION (x_then_swap, 0xff, src[2], src[1], src[0])
/* *INDENT-ON* */

static const MmioExpansion expansions[] = {
  {"RGB", "RGBx", keep_then_x},
  {"RGB", "BGRx", swap_then_x},
  {"RGB", "xRGB", x_then_keep},
  {"RGB", "xBGR", x_then_swap},
  {"BGR", "BGRx", keep_then_x},
  {"BGR", "RGBx", swap_then_x},
  {"BGR", "xBGR", x_then_keep},
  {"BGR", "xRGB", x_then_swap},
};

/**
 * mmio_expansion_find:
 * @from: format of the picture in the BAR
 * @to: format that the consumer wants
 *
 * Returns: (nullable) (transfer none): how to get from one to the other, or
 *   NULL if that is no expansion from 24 to 32 bits
 */
const MmioExpansion *
mmio_expansion_find (const MmioFormat * from, const MmioFormat * to)
{
  for (gsize i = 0; i < G_N_ELEMENTS (expansions); i++) {
    if (strcmp (expansions[i].from, from->name) == 0 &&
        strcmp (expansions[i].to, to->name) == 0)
      return &expansions[i];
  }

  return NULL;
}

/**
 * mmio_expansion_run:
 * @dest: where the pixels go; only written, once, in order
 * @src: the pixels
 * @pixels: number of pixels
 */
void
mmio_expansion_run (const MmioExpansion * expansion, guint8 * dest,
    const guint8 * src, guint pixels)
{
  expansion->run (dest, src, pixels);
}
