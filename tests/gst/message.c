/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Warnings that an error of the library becomes.
 */
#include "gstmmiomessage.h"
#include "source.h"

GST_ELEMENT_REGISTER_DECLARE (mmiovidsrc);

#define MORE "The capture continues."

/* A command ends the message, so that the user can copy it */
static const struct
{
  const char *error, *warning;
} texts[] = {
  {"Cannot read X: it was moved" MMIO_START_AGAIN " when it is ready.",
      "Cannot read X: it was moved. " MORE},
  {"Cannot open X; set device to a file.",
      "Cannot open X; set device to a file. " MORE},
  {"Cannot read X: it is off; switch it on with: setpci -s X COMMAND=2:2",
      "Cannot read X: it is off. " MORE
        " Switch it on with: setpci -s X COMMAND=2:2"},
  {"Cannot read X: it was released. Find it with: lspci -Dk",
      "Cannot read X: it was released. " MORE " Find it with: lspci -Dk"},
  {"Cannot open X: it has another driver. Bind it with: a; b",
      "Cannot open X: it has another driver. " MORE " Bind it with: a; b"},
  {"Cannot open X", "Cannot open X. " MORE},
};

GST_START_TEST (test_warning)
{
  GstElement *element = gst_element_factory_make ("mmiovidsrc", NULL);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  GError *error = NULL, *warning = NULL;

  gst_element_set_bus (element, bus);
  mmio_set_error (&error, MMIO_ERROR_GONE, "%s", texts[__i__].error);
  gst_mmio_message_post_warning (element, error, MORE);

  message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING);
  gst_message_parse_warning (message, &warning, NULL);
  fail_unless_equals_string (warning->message, texts[__i__].warning);

  g_error_free (warning);
  g_error_free (error);
  gst_message_unref (message);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
}

GST_END_TEST;

static void
setup (void)
{
  fail_unless (GST_ELEMENT_REGISTER (mmiovidsrc, NULL));
}

static Suite *
message_suite (void)
{
  Suite *s = suite_create ("gst-message");
  TCase *tc = add_case (s, "message");

  tcase_add_checked_fixture (tc, setup, NULL);
  tcase_add_loop_test (tc, test_warning, 0, G_N_ELEMENTS (texts));

  return s;
}

GST_CHECK_MAIN (message);
