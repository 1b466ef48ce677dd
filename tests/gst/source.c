/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

/* --- Files --------------------------------------------------------------- */

void
test_file_init (TestFile * file, const char *name, gsize size, guint32 seed)
{
  file->data = g_malloc (size);
  file->size = size;
  fill_random (file->data, size, seed);
  file->path = temp_file (name, file->data, size);
}

/* Writes into the file as it is, under whoever has it mapped */
void
test_file_write (TestFile * file, gsize offset, const guint8 * data, gsize size)
{
  int fd = open (file->path, O_WRONLY | O_CLOEXEC);

  fail_unless (fd >= 0 && offset + size <= file->size);
  fail_unless (pwrite (fd, data, size, offset) == (gssize) size);
  close (fd);
  memcpy (file->data + offset, data, size);
}

void
test_file_clear (TestFile * file)
{
  g_remove (file->path);
  g_free (file->path);
  g_free (file->data);
}

/* --- The element --------------------------------------------------------- */

/* The element for a device, with these properties; nothing flows before
 * gst_harness_play() */
GstHarness *
source_new (const char *device, ...)
{
  GstHarness *h = gst_harness_new_with_padnames (ELEMENT, NULL, "src");
  GstBus *bus = gst_bus_new ();
  const char *first;
  va_list args;

  fail_unless (h != NULL, "there is no " ELEMENT);
  gst_harness_use_testclock (h);
  gst_element_set_bus (h->element, bus);
  gst_object_unref (bus);

  g_object_set (h->element, "device", device, NULL);
  va_start (args, device);
  first = va_arg (args, const char *);
  if (first)
    g_object_set_valist (G_OBJECT (h->element), first, args);
  va_end (args);

  return h;
}

GstBuffer *
source_pull (GstHarness * h)
{
  GstBuffer *buffer = gst_harness_pull (h);

  fail_unless (buffer != NULL, "no buffer came");
  return buffer;
}

/* Lets time pass until the next frame is due, and returns it */
GstBuffer *
source_crank (GstHarness * h)
{
  fail_unless (gst_harness_crank_single_clock_wait (h));
  return source_pull (h);
}

/* Plays, and drops the first @n frames. The first one is due at once. */
void
source_start (GstHarness * h, guint n)
{
  gst_harness_play (h);
  gst_buffer_unref (source_pull (h));
  source_drop (h, n - 1);
}

/* Drops @n frames that are not due yet */
void
source_drop (GstHarness * h, guint n)
{
  for (guint i = 0; i < n; i++)
    gst_buffer_unref (source_crank (h));
}

void
source_wait_for_clock_wait (GstHarness * h)
{
  fail_unless (gst_harness_wait_for_clock_id_waits (h, 1, 120));
}

/* As teardown does, for those who look at the element afterwards */
void
source_stop (GstHarness * h)
{
  fail_unless_equals_int (gst_element_set_state (h->element, GST_STATE_NULL),
      GST_STATE_CHANGE_SUCCESS);
}

GstCaps *
source_get_caps (GstHarness * h)
{
  GstCaps *caps = gst_pad_get_current_caps (h->sinkpad);

  fail_unless (caps != NULL, "no caps came");
  return caps;
}

GstVideoInfo
source_get_info (GstHarness * h)
{
  GstCaps *caps = source_get_caps (h);
  GstVideoInfo info;

  fail_unless (gst_video_info_from_caps (&info, caps));
  gst_caps_unref (caps);
  return info;
}

GstStructure *
source_get_stats (GstHarness * h)
{
  GstStructure *stats;

  g_object_get (h->element, "stats", &stats, NULL);
  fail_unless (stats != NULL);
  return stats;
}

guint64
source_get_stat (GstHarness * h, const char *field)
{
  GstStructure *stats = source_get_stats (h);
  guint64 value;

  fail_unless (gst_structure_get_uint64 (stats, field, &value), "no %s", field);
  gst_structure_free (stats);
  return value;
}

/* Until the streaming thread waits for a frame, too */
void
source_wait_for_stat (GstHarness * h, const char *field, guint64 value)
{
  const gint64 end = g_get_monotonic_time () + HANG;

  while (source_get_stat (h, field) != value) {
    fail_unless (g_get_monotonic_time () < end, "%s is not %" G_GUINT64_FORMAT,
        field, value);
    g_thread_yield ();
  }
}

/* --- Meddlers ------------------------------------------------------------- */

static gpointer
flush_often (gpointer element)
{
  for (guint i = 0; i < 300; i++) {
    fail_unless (gst_element_send_event (element,
            gst_event_new_flush_start ()));
    g_thread_yield ();
    fail_unless (gst_element_send_event (element,
            gst_event_new_flush_stop (TRUE)));
  }

  return NULL;
}

static gpointer
pause_often (gpointer element)
{
  for (guint i = 0; i < 300; i++) {
    fail_if (gst_element_set_state (element, GST_STATE_PAUSED) ==
        GST_STATE_CHANGE_FAILURE);
    g_thread_yield ();
    fail_if (gst_element_set_state (element, GST_STATE_PLAYING) ==
        GST_STATE_CHANGE_FAILURE);
  }

  return NULL;
}

static gpointer
ask_often (gpointer element)
{
  for (guint i = 0; i < 3000; i++) {
    GstQuery *query = gst_query_new_latency ();
    GstStructure *stats;
    char *name;

    g_object_get (element, "stats", &stats, "device-name", &name, NULL);
    fail_unless (name != NULL);
    gst_element_query (element, query);
    gst_query_unref (query);
    gst_structure_free (stats);
    g_free (name);
  }

  return NULL;
}

/* Threads that want different things at a time, until they have had it */
void
source_meddle (GstHarness * h)
{
  static const GThreadFunc meddlers[] = {
    flush_often, pause_often, ask_often
  };
  GThread *threads[G_N_ELEMENTS (meddlers)];

  for (guint i = 0; i < G_N_ELEMENTS (meddlers); i++)
    threads[i] = g_thread_new ("meddler", meddlers[i], h->element);
  for (guint i = 0; i < G_N_ELEMENTS (meddlers); i++)
    g_thread_join (threads[i]);
}

/* --- Messages ------------------------------------------------------------ */

static GstMessage *
pop_message (GstHarness * h, GstMessageType type, GstClockTime timeout)
{
  GstBus *bus = gst_element_get_bus (h->element);
  GstMessage *message = gst_bus_timed_pop_filtered (bus, timeout, type);

  gst_object_unref (bus);
  return message;
}

GstMessage *
source_try_message (GstHarness * h, GstMessageType type)
{
  return pop_message (h, type, 0);
}

GstMessage *
source_wait_message (GstHarness * h, GstMessageType type)
{
  GstMessage *message = pop_message (h, type, HANG * GST_USECOND);

  fail_unless (message != NULL, "no %s message came",
      gst_message_type_get_name (type));
  return message;
}

/* Takes the message, which may be NULL if none is there: then the test fails */
GError *
source_parse_warning (GstMessage * message)
{
  GError *warning;

  fail_unless (message != NULL, "no warning");
  gst_message_parse_warning (message, &warning, NULL);
  gst_message_unref (message);

  return warning;
}

/* How many there are; takes them, and all before them */
guint
source_count_messages (GstHarness * h, GstMessageType type)
{
  GstMessage *message;
  guint n = 0;

  while ((message = source_try_message (h, type))) {
    gst_message_unref (message);
    n++;
  }

  return n;
}

/* Messages that nobody took hold their element, and it holds its bus */
void
source_teardown (GstHarness * h)
{
  GstBus *bus = gst_element_get_bus (h->element);

  gst_element_set_state (h->element, GST_STATE_NULL);
  if (bus) {
    gst_bus_set_flushing (bus, TRUE);
    gst_object_unref (bus);
  }
  gst_harness_teardown (h);
}

/* An error came whose sentence has all these words and whose debug string has
 * @debug, if that is not NULL */
void
source_check_error (GstHarness * h, GQuark domain, gint code,
    const char *debug, ...)
{
  GstMessage *message = source_wait_message (h, GST_MESSAGE_ERROR);
  GError *error;
  char *text;
  const char *word;
  va_list args;

  gst_message_parse_error (message, &error, &text);
  GST_INFO ("%s (%s)", error->message, text);
  fail_unless (GST_MESSAGE_SRC (message) == GST_OBJECT_CAST (h->element));
  fail_unless (error->domain == domain && error->code == code,
      "%s %d, not %s %d: %s", g_quark_to_string (error->domain), error->code,
      g_quark_to_string (domain), code, error->message);
  fail_unless (strpbrk (error->message, "\n\r\t") == NULL, "lines in '%s'",
      error->message);

  va_start (args, debug);
  while ((word = va_arg (args, const char *)))
      fail_unless (strstr (error->message, word) != NULL,
        "'%s' does not say '%s'", error->message, word);
  va_end (args);

  if (debug)
    fail_unless (text && strstr (text, debug), "debug '%s' does not say '%s'",
        text, debug);

  g_error_free (error);
  g_free (text);
  gst_message_unref (message);
}

void
source_check_no_error (GstHarness * h)
{
  GstMessage *message = source_try_message (h, GST_MESSAGE_ERROR);
  GError *error;

  if (!message)
    return;

  gst_message_parse_error (message, &error, NULL);
  fail ("%s", error->message);
}

/* --- Pictures ------------------------------------------------------------ */

/* What the buffer has in each plane is what @bar has there, row by row; what
 * lies between rows is not looked at */
void
check_planes (GstBuffer * buffer, const GstVideoInfo * info,
    const guint8 * bar, const TestPlane * planes, guint n_planes)
{
  GstVideoFrame frame;

  fail_unless (gst_video_frame_map (&frame, info, buffer, GST_MAP_READ));
  fail_unless_equals_int (GST_VIDEO_FRAME_N_PLANES (&frame), n_planes);
  for (guint i = 0; i < n_planes; i++) {
    const guint8 *data = GST_VIDEO_FRAME_PLANE_DATA (&frame, i);
    const gint stride = GST_VIDEO_FRAME_PLANE_STRIDE (&frame, i);

    for (guint y = 0; y < planes[i].rows; y++)
      fail_unless (memcmp (data + (gssize) y * stride,
              bar + planes[i].offset + (gsize) y * planes[i].stride,
              planes[i].row_bytes) == 0, "row %u of plane %u differs", y, i);
  }
  gst_video_frame_unmap (&frame);
}

/* The buffer has the 24-bit picture at @bar in 32 bits: the same red, green
 * and blue, and 255 in the byte that is left */
void
check_expanded (GstBuffer * buffer, const GstVideoInfo * info,
    const guint8 * bar, gsize stride, gboolean is_bgr)
{
  GstVideoFrame frame;

  fail_unless (gst_video_frame_map (&frame, info, buffer, GST_MAP_READ));
  for (gint y = 0; y < GST_VIDEO_FRAME_HEIGHT (&frame); y++) {
    const guint8 *row = (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&frame, 0) +
        y * GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0);

    for (gint x = 0; x < GST_VIDEO_FRAME_WIDTH (&frame); x++) {
      const guint8 *from = bar + y * stride + 3 * x, *to = row + 4 * x;
      const gint r = GST_VIDEO_FRAME_COMP_POFFSET (&frame, GST_VIDEO_COMP_R);
      const gint g = GST_VIDEO_FRAME_COMP_POFFSET (&frame, GST_VIDEO_COMP_G);
      const gint b = GST_VIDEO_FRAME_COMP_POFFSET (&frame, GST_VIDEO_COMP_B);

      fail_unless (to[r] == from[is_bgr ? 2 : 0] && to[g] == from[1] &&
          to[b] == from[is_bgr ? 0 : 2] && to[6 - r - g - b] == 255,
          "pixel %d,%d differs", x, y);
    }
  }
  gst_video_frame_unmap (&frame);
}
