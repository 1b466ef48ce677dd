/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixtures/helper.h"

#include <errno.h>
#include <string.h>

GST_START_TEST (test_plain)
{
  GError *error = NULL;

  mmio_set_error (&error, MMIO_ERROR_OFF, "A sentence with %d %s.", 2, "words");
  fail_unless (g_error_matches (error, MMIO_ERROR, MMIO_ERROR_OFF));
  fail_unless_equals_string (error->message, "A sentence with 2 words.");
  fail_unless (mmio_error_get_system (error) == NULL);
  g_clear_error (&error);

  mmio_set_error (NULL, MMIO_ERROR_OFF, "Nobody wants %s.", "it");
}

GST_END_TEST;

GST_START_TEST (test_system)
{
  GError *error = NULL;
  g_autoptr (GError) copy = NULL;
  g_autofree char *number = g_strdup_printf ("%d", EBUSY);
  const char *system;

  mmio_set_system_error (&error, MMIO_ERROR_BUSY, EBUSY, "mmap /dev/x",
      "A sentence with %d %s.", 2, "words");
  fail_unless (g_error_matches (error, MMIO_ERROR, MMIO_ERROR_BUSY));
  fail_unless_equals_string (error->message, "A sentence with 2 words.");

  system = mmio_error_get_system (error);
  fail_unless (g_str_has_prefix (system, "mmap /dev/x: "), "%s", system);
  fail_unless (strstr (system, g_strerror (EBUSY)) != NULL, "%s", system);
  fail_unless (strstr (system, number) != NULL, "%s", system);

  /* It travels along, and the copy stands on its own feet */
  copy = g_error_copy (error);
  fail_unless_equals_string (mmio_error_get_system (copy), system);
  g_prefix_error (&error, "First of all: ");
  fail_unless_equals_string (mmio_error_get_system (error),
      mmio_error_get_system (copy));
  g_clear_error (&error);
  fail_unless (g_str_has_prefix (mmio_error_get_system (copy), "mmap"));
  fail_unless_equals_string (copy->message, "A sentence with 2 words.");

  mmio_set_system_error (NULL, MMIO_ERROR_OFF, EIO, "read", "Nobody wants it.");
}

GST_END_TEST;

static gint
set_each (guint kind, GError ** error)
{
  switch (kind) {
    case 0:
      mmio_set_error (error, MMIO_ERROR_OFF, "No.");
      return __LINE__ - 1;
    case 1:
      mmio_set_system_error (error, MMIO_ERROR_OFF, EIO, "read", "No.");
      return __LINE__ - 1;
    case 2:
      mmio_set_system_error (error, MMIO_ERROR_OFF, ENOMEM, "mmap", "No; try.");
      return __LINE__ - 1;
    default:
      mmio_set_denied_error (error, EACCES, "/nowhere", MMIO_FILE_READ, "");
      return __LINE__ - 1;
  }
}

/* The place of the call travels along */
GST_START_TEST (test_place)
{
  GError *error = NULL;
  g_autoptr (GError) copy = NULL;
  const gint line = set_each (__i__, &error);
  const MmioErrorPlace *place;

  copy = g_error_copy (error);
  g_prefix_error (&copy, "First of all: ");
  g_clear_error (&error);
  place = mmio_error_get_place (copy);
  fail_unless (g_str_has_suffix (place->file, "error.c"), "%s", place->file);
  fail_unless_equals_string (place->function, "set_each");
  fail_unless_equals_int (place->line, line);
}

GST_END_TEST;

/* Whatever was to be opened, other advice does not help */
static const struct
{
  int errnum;
  const char *what, *advice;
} shortages[] = {
  {EMFILE, "process has no file descriptor left", "ulimit -n"},
  {ENFILE, "system has no file descriptor left", "fs.file-max"},
  {ENOMEM, "system has no memory left", "ulimit -v"},
};

GST_START_TEST (test_shortage)
{
  for (guint i = 0; i < G_N_ELEMENTS (shortages); i++) {
    GError *error = NULL;

    mmio_set_system_error (&error, MMIO_ERROR_NOT_FOUND,
        shortages[i].errnum, "open",
        "%s cannot be opened; set device to another one.", "/dev/x");
    fail_unless (strstr (mmio_error_get_system (error),
            g_strerror (shortages[i].errnum)) != NULL);
    fail_unless (strstr (error->message, "another one") == NULL);
    check_error (&error, MMIO_ERROR_FAILED, "/dev/x cannot be opened: ",
        shortages[i].what, shortages[i].advice, NULL);
  }
}

GST_END_TEST;

/* Where there is better advice than to have more memory */
GST_START_TEST (test_own_advice)
{
  GError *error = NULL;

  mmio_set_system_error (&error, MMIO_ERROR_FAILED, ENOMEM, "mmap",
      "There is no memory for it; set width lower.");
  check_error (&error, MMIO_ERROR_FAILED, "no memory for it", "width lower",
      NULL);
}

GST_END_TEST;

/* Other people's errors have nothing to say there */
/* Whatever is quoted */
GST_START_TEST (test_printable)
{
  GError *error = NULL;

  mmio_set_system_error (&error, MMIO_ERROR_NOT_FOUND, ENOENT,
      "open /dev/\xff\n", "There is no /dev/\xff\n\x1b[31m\xc3\xbc\x7f.");
  fail_unless_equals_string (error->message,
      "There is no /dev/\xef\xbf\xbd??[31m\xc3\xbc?.");
  fail_unless (g_str_has_prefix (mmio_error_get_system (error),
          "open /dev/\xef\xbf\xbd?: "));
  g_clear_error (&error);
}

GST_END_TEST;

GST_START_TEST (test_foreign)
{
  g_autoptr (GError) error = NULL;

  g_set_error (&error, G_FILE_ERROR, G_FILE_ERROR_ACCES, "No.");
  fail_unless (mmio_error_get_system (error) == NULL);
  fail_unless (mmio_error_get_place (error) == NULL);
}

GST_END_TEST;

static Suite *
error_suite (void)
{
  Suite *s = suite_create ("lib-error");
  TCase *tc = add_case (s, "general");

  tcase_add_test (tc, test_plain);
  tcase_add_test (tc, test_system);
  tcase_add_loop_test (tc, test_place, 0, 4);
  tcase_add_test (tc, test_shortage);
  tcase_add_test (tc, test_own_advice);
  tcase_add_test (tc, test_printable);
  tcase_add_test (tc, test_foreign);

  return s;
}

GST_CHECK_MAIN (error);
