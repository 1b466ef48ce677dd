/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "painted.h"

#include <sys/mman.h>
#include <unistd.h>

Painted painted;

void
painted_setup (void)
{
  temp_setup ();
  painted = (Painted) {
  .bits = 32};
  painted.memory = temp_map ("bar", PAINTED_FILE_SIZE, &painted.path);
}

void
painted_teardown (void)
{
  munmap (painted.memory, PAINTED_FILE_SIZE);
  unlink (painted.path);
  g_free (painted.path);
  temp_teardown ();
}

void
set_counter (guint64 value)
{
  guint8 *counter = painted.memory + PAINTED_COUNTER;

  painted.value = value;
  switch (painted.bits) {
    case 8:
      __atomic_store_n (counter, value, __ATOMIC_SEQ_CST);
      break;
    case 16:
      __atomic_store_n ((guint16 *) counter, GUINT16_TO_LE ((guint16) value),
          __ATOMIC_SEQ_CST);
      break;
    case 32:
      __atomic_store_n ((guint32 *) counter, GUINT32_TO_LE ((guint32) value),
          __ATOMIC_SEQ_CST);
      break;
    default:
      __atomic_store_n ((guint64 *) counter, GUINT64_TO_LE (value),
          __ATOMIC_SEQ_CST);
      break;
  }
}

/* As the device does for each picture */
void
count (guint steps)
{
  set_counter (painted.value + steps);
}

/* Row by row, with microseconds between them */
void
paint_slowly (guint32 number, guint pause)
{
  for (guint y = 0; y < PAINTED_HEIGHT; y++) {
    guint32 *row = (guint32 *) (painted.memory + y * PAINTED_ROW);

    for (guint x = 0; x < PAINTED_WIDTH; x++)
      __atomic_store_n (row + x, number, __ATOMIC_RELAXED);
    if (pause > 0)
      g_usleep (pause);
  }
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
}

void
paint (guint32 number)
{
  paint_slowly (number, 0);
}

/* Returns: the number, or -1 if there is more than one */
gint64
get_painted_number (const guint32 * pixels)
{
  for (guint i = 1; i < PAINTED_WIDTH * PAINTED_HEIGHT; i++) {
    if (pixels[i] != pixels[0])
      return -1;
  }
  return pixels[0];
}

/* How far they go before somebody looks: less than what is a leap, by far */
#define MAX_AHEAD 256

static void
wait_to_be_seen (guint32 number)
{
  for (;;) {
    const gint seen = g_atomic_int_get (&painted.seen);

    if (seen == 0 || number < (guint32) seen + MAX_AHEAD ||
        g_atomic_int_get (&painted.stop))
      return;
    g_usleep (20);
  }
}

/* Rests after each for as many turns as @rest says */
static void
paint_on (guint (*rest) (guint32 number))
{
  for (guint32 number = 1; !g_atomic_int_get (&painted.stop); number++) {
    set_counter (2 * number - 1);
    paint (number);
    set_counter (2 * number);
    g_atomic_int_inc (&painted.pictures);
    for (volatile guint i = rest (number); i > 0; i--);
    wait_to_be_seen (number);
  }
}

static guint
rest_never (guint32 number)
{
  return 0;
}

/* Shorter or longer than a read takes */
static guint
rest_now_and_then (guint32 number)
{
  return number % 64 * 256;
}

gpointer
paint_busily (gpointer unused)
{
  paint_on (rest_never);
  return NULL;
}

gpointer
paint_restlessly (gpointer unused)
{
  paint_on (rest_now_and_then);
  return NULL;
}
