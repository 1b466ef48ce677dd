/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of the element share: mmiovidsrc in a harness, with a clock
 * that only the test moves and a bus that the test reads. */

#include <gst/check/gstharness.h>
#include <gst/check/gsttestclock.h>
#include <gst/video/video.h>

#include "fixtures/helper.h"

G_BEGIN_DECLS

#define ELEMENT "mmiovidsrc"

/* For loops that go round a million times: fail_unless() leaves a note for the
 * runner, passed or not */
#define often_unless(condition, ...) G_STMT_START { \
    if (!(condition)) \
      fail (__VA_ARGS__); \
} G_STMT_END

/* For files: content that tells its position, and stays at hand */
typedef struct
{
  char *path;
  guint8 *data;
  gsize size;
} TestFile;

void test_file_init (TestFile * file, const char *name, gsize size,
    guint32 seed);
void test_file_write (TestFile * file, gsize offset, const guint8 * data,
    gsize size);
void test_file_clear (TestFile * file);

/* The element */

void source_teardown (GstHarness * h);

GstHarness *source_new (const char *device, ...)
    G_GNUC_NULL_TERMINATED;
GstBuffer *source_pull (GstHarness * h);
GstBuffer *source_crank (GstHarness * h);
void source_start (GstHarness * h, guint n);
void source_drop (GstHarness * h, guint n);
void source_wait_for_clock_wait (GstHarness * h);
void source_stop (GstHarness * h);

GstCaps *source_get_caps (GstHarness * h);
GstVideoInfo source_get_info (GstHarness * h);
GstStructure *source_get_stats (GstHarness * h);
guint64 source_get_stat (GstHarness * h, const char *field);
void source_wait_for_stat (GstHarness * h, const char *field, guint64 value);

void source_meddle (GstHarness * h);

/* Messages */

GstMessage *source_try_message (GstHarness * h, GstMessageType type);
GstMessage *source_wait_message (GstHarness * h, GstMessageType type);
GError *source_parse_warning (GstMessage * message);
guint source_count_messages (GstHarness * h, GstMessageType type);
void source_check_error (GstHarness * h, GQuark domain, gint code,
    const char *debug, ...) G_GNUC_NULL_TERMINATED;
void source_check_no_error (GstHarness * h);

/* Pictures */

typedef struct
{
  gsize offset;
  guint stride;
  guint row_bytes;
  guint rows;
} TestPlane;

void check_planes (GstBuffer * buffer, const GstVideoInfo * info,
    const guint8 * bar, const TestPlane * planes, guint n_planes);
void check_expanded (GstBuffer * buffer, const GstVideoInfo * info,
    const guint8 * bar, gsize stride, gboolean is_bgr);

G_END_DECLS
