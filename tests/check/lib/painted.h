/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A file as a device, which the test paints: BGRx, every pixel of a picture is
 * its number; and a counter, not in the picture's pages. */

#include "helper.h"

G_BEGIN_DECLS

#define PAINTED_WIDTH 64
#define PAINTED_HEIGHT 48
#define PAINTED_ROW (4 * PAINTED_WIDTH)
#define PAINTED_SIZE (PAINTED_ROW * PAINTED_HEIGHT)
#define PAINTED_COUNTER 16384
#define PAINTED_FILE_SIZE (PAINTED_COUNTER + 4096)

/**
 * Painted:
 * @path: the file
 * @memory: what is in it
 * @bits: of the counter, 32 unless the test says otherwise
 * @value: of the counter
 * @stop: (atomic): ends the threads below
 * @pictures: (atomic): how many these threads have painted
 * @seen: (atomic): as many as there were when the test last looked, if they are
 *   not to go much further: a counter that leaps was reset; 0: they may
 */
typedef struct
{
  char *path;
  guint8 *memory;
  guint bits;
  guint64 value;
  gint stop;
  gint pictures;
  gint seen;
} Painted;

extern Painted painted;

/* As fixtures */
void painted_setup (void);
void painted_teardown (void);

void set_counter (guint64 value);
void count (guint steps);
void paint (guint32 number);
void paint_slowly (guint32 number, guint pause);

gint64 get_painted_number (const guint32 * pixels);

/* Threads that paint, with a counter that is a seqlock */
gpointer paint_busily (gpointer unused);
gpointer paint_restlessly (gpointer unused);

G_END_DECLS
