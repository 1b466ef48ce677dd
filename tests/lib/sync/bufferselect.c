/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which picture is complete, and whether it was still there after it was read:
 * against a device of which everything is known at every step */
#include "fixtures/helper.h"

#include "sync/mmiobufferselect.h"

#define BAR 0
#define COUNTER 0
#define INDEX 8
#define BITS 8

/* Pictures that are painted, at least; each in so many steps */
#define PICTURES 12
#define STEPS 4
#define END (PICTURES * STEPS)
/* Where 8 bits go round soon */
#define FIRST_COUNT 248

static FakeDevice *fake;
/* What its registers are, at every step */
static guint8 counts[END];
static guint8 indices[END];

typedef struct
{
  guint n_buffers;
  gboolean has_counter;
  gboolean is_seqlock;
  /* It is odd only while the index changes; or index and counter change at
   * once */
  gboolean is_late;
  gboolean at_once;
} Kind;

static const Kind kinds[] = {
  {1, TRUE, TRUE, FALSE, FALSE},
  {2, TRUE, TRUE, FALSE, FALSE}, {3, TRUE, TRUE, FALSE, FALSE},
  {4, TRUE, TRUE, FALSE, FALSE},
  {2, TRUE, TRUE, TRUE, FALSE}, {3, TRUE, TRUE, TRUE, FALSE},
  {4, TRUE, TRUE, TRUE, FALSE},
  {2, TRUE, TRUE, FALSE, TRUE}, {3, TRUE, TRUE, FALSE, TRUE},
  {2, TRUE, FALSE, FALSE, FALSE}, {3, TRUE, FALSE, FALSE, FALSE},
  {4, TRUE, FALSE, FALSE, FALSE},
  {2, TRUE, FALSE, FALSE, TRUE}, {3, TRUE, FALSE, FALSE, TRUE},
  {2, FALSE, FALSE, FALSE, FALSE}, {3, FALSE, FALSE, FALSE, FALSE},
  {4, FALSE, FALSE, FALSE, FALSE},
};

static void
setup (void)
{
  fake = fake_new ();
  fake_set_memory (fake, BAR, 4096);
}

static void
teardown (void)
{
  mmio_device_unref (&fake->parent);
}

static void
put (guint64 offset, guint8 value)
{
  fake_write (fake, BAR, offset, &value, 1);
}

static MmioRegister *
map_register (guint64 offset)
{
  const MmioRegisterSpec spec = {.offset = offset,.bits = BITS };
  MmioRegister *reg =
      mmio_register_map (&fake->parent, "counter", BAR, &spec, NULL);

  fail_unless (reg != NULL);
  return reg;
}

/* Picture 0 is there.  Each further one takes four steps: a seqlock tells that
 * it begins; it is painted; the index names it; the counter counts it. */
static void
run_device (const Kind * kind)
{
  guint8 count = FIRST_COUNT, index = 0;

  for (guint step = 0; step < END; step++) {
    const guint picture = step / STEPS;

    if (picture > 0) {
      if (step % STEPS == (kind->is_late ? 1 : 0))
        count += kind->is_seqlock;
      if (step % STEPS == (kind->at_once ? 3 : 2))
        index = picture % kind->n_buffers;
      if (step % STEPS == 3)
        count++;
    }
    counts[step] = count;
    indices[step] = index;
  }
}

/* Whether the device may have painted where @buffer is, while it was read */
static gboolean
was_painted (const Kind * kind, guint buffer, guint begin, guint end)
{
  for (guint picture = 1; picture <= PICTURES; picture++) {
    /* Of several, nothing that all have tells of the beginning, but that the one
     * before was over */
    const guint from = STEPS * picture - (kind->n_buffers > 1);
    const guint to = STEPS * picture + 1;

    if (picture % kind->n_buffers == buffer && end >= from && begin <= to)
      return TRUE;
  }

  return FALSE;
}

/* Whether the index says the same as the counter, a step later or not */
static gboolean
is_between (const Kind * kind, guint step)
{
  return !kind->at_once && step >= STEPS && step % STEPS == 2;
}

/* The counter is read, then the index, then the picture, then the index, then
 * the counter, at any of the device's steps: what is taken for whole is whole,
 * and what is whole is taken for it */
GST_START_TEST (test_every_moment)
{
  const Kind *kind = &kinds[__i__];
  g_autoptr (MmioCounter) counter = kind->has_counter ?
      mmio_counter_new (map_register (COUNTER), kind->is_seqlock,
      kind->n_buffers) : NULL;
  g_autoptr (MmioBufferSelect) select =
      mmio_buffer_select_new (counter,
      kind->n_buffers > 1 ? map_register (INDEX) : NULL, kind->n_buffers);
  const guint round = STEPS * kind->n_buffers;
  guint n_whole = 0, n_painted = 0;

  run_device (kind);
  for (guint a = 0; a < END; a++) {
    for (guint b = a; b < MIN (a + 2 * STEPS, END); b++) {
      MmioObstacle obstacle;
      guint buffer;

      put (COUNTER, counts[a]);
      put (INDEX, indices[b]);
      obstacle = mmio_buffer_select_begin_read (select);
      buffer = mmio_buffer_select_get_buffer (select);
      if (kind->n_buffers == 1 && counts[a] % 2 != 0) {
        fail_unless_equals_int (obstacle, MMIO_OBSTACLE_WRITING);
        continue;
      }
      fail_unless_equals_int (obstacle, MMIO_OBSTACLE_NONE);
      if (kind->n_buffers > 1)
        fail_unless_equals_int (buffer, indices[b]);

      for (guint c = b; c < END; c++) {
        /* Who goes round is not seen by an index alone */
        if (!kind->has_counter && c >= b + round - STEPS)
          break;
        put (INDEX, indices[c]);
        for (guint d = c; d < MIN (c + 2 * STEPS, END); d++) {
          const gboolean painted = was_painted (kind, buffer, b, c);

          put (COUNTER, counts[d]);
          obstacle = mmio_buffer_select_end_read (select);
          if (obstacle == MMIO_OBSTACLE_NONE && painted)
            fail ("%u, %u, %u, %u: picture %u is not whole", a, b, c, d,
                buffer);
          if (obstacle == MMIO_OBSTACLE_MOVED && !painted && a == b && c == d
              && !is_between (kind, a) && !is_between (kind, c)
              && (kind->has_counter || indices[b] == indices[c]))
            fail ("%u, %u: picture %u is whole", a, c, buffer);
          n_whole += obstacle == MMIO_OBSTACLE_NONE;
          n_painted += painted;
        }
      }
    }
  }
  GST_INFO ("kind %d: %u whole, %u painted", __i__, n_whole, n_painted);
  fail_unless (n_whole > 10 && n_painted > 100);
}

GST_END_TEST;

/* An index of any size that names no picture: the last one that it has named */
GST_START_TEST (test_bad_index)
{
  static const guint64 bad[] = { 3, 4, 0xff, 0x100, 0x10000,
    G_GUINT64_CONSTANT (0x100000001), G_MAXUINT64
  };

  for (guint bits = 8; bits <= 64; bits *= 2) {
    const MmioRegisterSpec spec = {.offset = INDEX,.bits = bits };
    g_autoptr (MmioBufferSelect) select = mmio_buffer_select_new (NULL,
        mmio_register_map (&fake->parent, "counter", BAR, &spec, NULL), 3);
    guint64 value = 0;

    fake_write (fake, BAR, INDEX, &value, 8);
    fail_unless_equals_int (mmio_buffer_select_begin_read (select),
        MMIO_OBSTACLE_NONE);
    fail_unless_equals_int (mmio_buffer_select_get_buffer (select), 0);
    value = GUINT64_TO_LE (2);
    fake_write (fake, BAR, INDEX, &value, 8);
    fail_unless_equals_int (mmio_buffer_select_begin_read (select),
        MMIO_OBSTACLE_NONE);
    fail_unless_equals_int (mmio_buffer_select_get_buffer (select), 2);

    for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
      /* What is above the register is not the register's */
      const guint64 seen = bits < 64 ? bad[i] & (((guint64) 1 << bits) - 1) :
          bad[i];

      if (seen < 3)
        continue;
      value = GUINT64_TO_LE (bad[i]);
      fake_write (fake, BAR, INDEX, &value, 8);
      fail_unless_equals_int (mmio_buffer_select_begin_read (select),
          MMIO_OBSTACLE_INDEX);
      fail_unless_equals_uint64 (mmio_buffer_select_get_index (select), seen);
      fail_unless_equals_int (mmio_buffer_select_get_buffer (select), 2);
    }

    /* One that names none afterwards has moved */
    value = 0;
    fake_write (fake, BAR, INDEX, &value, 8);
    fail_unless_equals_int (mmio_buffer_select_begin_read (select),
        MMIO_OBSTACLE_NONE);
    value = G_MAXUINT64;
    fake_write (fake, BAR, INDEX, &value, 8);
    fail_unless_equals_int (mmio_buffer_select_end_read (select),
        MMIO_OBSTACLE_MOVED);
  }
}

GST_END_TEST;

/* A device that counts on, but not in turn, is not believed */
GST_START_TEST (test_not_in_turn)
{
  g_autoptr (MmioCounter) counter = mmio_counter_new (map_register (COUNTER),
      FALSE, 3);
  g_autoptr (MmioBufferSelect) select =
      mmio_buffer_select_new (counter, map_register (INDEX), 3);

  for (guint index = 0; index < 256; index++) {
    put (COUNTER, 7);
    put (INDEX, 1);
    fail_unless_equals_int (mmio_buffer_select_begin_read (select),
        MMIO_OBSTACLE_NONE);
    put (COUNTER, 8);
    put (INDEX, index);
    fail_unless_equals_int (mmio_buffer_select_end_read (select),
        index == 2 ? MMIO_OBSTACLE_NONE : MMIO_OBSTACLE_MOVED);
  }
}

GST_END_TEST;

/* With neither, everything is whole */
GST_START_TEST (test_nothing_to_look_at)
{
  g_autoptr (MmioBufferSelect) select = mmio_buffer_select_new (NULL, NULL, 1);

  fail_unless_equals_int (mmio_buffer_select_begin_read (select),
      MMIO_OBSTACLE_NONE);
  fail_unless_equals_int (mmio_buffer_select_end_read (select),
      MMIO_OBSTACLE_NONE);
  fail_unless_equals_int (mmio_buffer_select_get_buffer (select), 0);
  fail_unless_equals_uint64 (mmio_buffer_select_get_count (select), 0);
}

GST_END_TEST;

static Suite *
bufferselect_suite (void)
{
  Suite *s = suite_create ("lib-turn");
  TCase *tc = add_case (s, "bufferselect");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_every_moment, 0, G_N_ELEMENTS (kinds));
  tcase_add_test (tc, test_bad_index);
  tcase_add_test (tc, test_not_in_turn);
  tcase_add_test (tc, test_nothing_to_look_at);

  return s;
}

GST_CHECK_MAIN (bufferselect);
