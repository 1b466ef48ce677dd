/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/mmiouri.h"
#include "fixtures/helper.h"

#include <string.h>

typedef struct
{
  const char *text;
  const char *device;
  /* name=value after decoding, a line each */
  const char *parameters;
  const char *canonical;        /* NULL: as it is */
} Accepted;

static const Accepted accepted[] = {
  {"mmio://sim", "sim", "", NULL},
  {"mmio://sim?", "sim", "", "mmio://sim"},
  {"MMIO://sim", "sim", "", "mmio://sim"},
  {"mmio://s%69m", "sim", "", "mmio://sim"},

  /* Addresses, which no parser of hosts and ports takes */
  {"mmio://0000:03:00.0", "0000:03:00.0", "", NULL},
  {"mmio://03:00.0", "03:00.0", "", NULL},
  {"mmio://10000:e1:00.6?bar=2", "10000:e1:00.6", "bar=2\n", NULL},
  {"mmio://0000%3a03%3A00.0", "0000:03:00.0", "", "mmio://0000:03:00.0"},
  {"mmio://10ee:7024", "10ee:7024", "", NULL},
  {"mmio://10EE:7024@1?bar=2", "10EE:7024@1", "bar=2\n", NULL},
  {"mmio://10ee:7024%401", "10ee:7024@1", "", "mmio://10ee:7024@1"},

  /* Paths */
  {"mmio:///dev/shm/ivshmem", "/dev/shm/ivshmem", "", NULL},
  {"mmio:///dev/shm/ivshmem?width=1", "/dev/shm/ivshmem", "width=1\n", NULL},
  {"mmio://./dump", "./dump", "", NULL},
  {"mmio://sim/", "sim/", "", NULL},
  {"mmio:////", "//", "", NULL},
  {"mmio:///a%20b%25%3F%23%26", "/a b%?#&", "", "mmio:///a%20b%25%3F%23&"},
  {"mmio:///a b", "/a b", "", "mmio:///a%20b"},
  {"mmio:///a+b&c=d;e", "/a+b&c=d;e", "", "mmio:///a+b&c=d%3Be"},
  {"mmio:///a%2fb", "/a/b", "", "mmio:///a/b"},
  {"mmio:///gr\303\274n", "/gr\303\274n", "", "mmio:///gr%C3%BCn"},
  /* Names of files are bytes */
  {"mmio:///%ff%80", "/\xff\x80", "", "mmio:///%FF%80"},

  /* Parameters */
  {"mmio://sim?a=b", "sim", "a=b\n", NULL},
  {"mmio://sim?a=b&", "sim", "a=b\n", "mmio://sim?a=b"},
  {"mmio://sim?b=1&a=2&c=3", "sim", "b=1\na=2\nc=3\n", NULL},
  {"mmio://sim?a=", "sim", "a=\n", NULL},
  {"mmio://sim?a=b=c", "sim", "a=b=c\n", "mmio://sim?a=b%3Dc"},
  {"mmio://sim?a=b?c", "sim", "a=b?c\n", "mmio://sim?a=b%3Fc"},
  {"mmio://sim?a=b+c", "sim", "a=b+c\n", "mmio://sim?a=b%2Bc"},
  {"mmio://sim?a=%26%3D%25%20", "sim", "a=&=% \n", NULL},
  {"mmio://sim?%61=%62", "sim", "a=b\n", "mmio://sim?a=b"},
  {"mmio://sim?a=1&A=2", "sim", "a=1\nA=2\n", NULL},
  {"mmio://sim?a=/dev/uio0,1:2@3", "sim", "a=/dev/uio0,1:2@3\n", NULL},
  {"mmio://sim?a=gr%C3%BCn", "sim", "a=gr\303\274n\n", NULL},
};

/* And words of the sentence that it gets */
static const struct
{
  const char *text;
  const char *words;
  const char *more;
} malformed[] = {
  {"", "does not start with mmio://", "write for example mmio://sim"},
  {"sim", "'sim': it does not start with mmio://", "mmio://sim"},
  {"mmio", "does not start with mmio://", "mmio://sim"},
  {"mmio:", "does not start with mmio://", "mmio://sim"},
  {"mmio:/", "does not start with mmio://", "mmio://sim"},
  {"mmio:sim", "does not start with mmio://", "mmio://sim"},
  {"mmios://sim", "does not start with mmio://", "mmio://sim"},
  {" mmio://sim", "does not start with mmio://", "mmio://sim"},
  {"file:///dev/shm/ivshmem", "does not start with mmio://", "mmio://sim"},

  {"mmio://", "Cannot parse '' as a device", "vendor:device"},
  {"mmio://?bar=2", "Cannot parse '' as a device", "vendor:device"},
  {"mmio://SIM", "Cannot parse 'SIM' as a device", "vendor:device"},
  {"mmio://sim%20", "Cannot parse 'sim ' as a device", "vendor:device"},
  {"mmio://0000:03:00.8", "Cannot parse '0000:03:00.8' as", "vendor:device"},
  {"mmio://10ee:7024@", "Cannot parse '10ee:7024@' as", "vendor:device"},
  {"mmio://bar=2", "Cannot parse 'bar=2' as a device", "vendor:device"},
  {"mmio://sim&bar=2", "Cannot parse 'sim&bar=2' as", "vendor:device"},

  {"mmio:///a%", "'/a%' as a device: %", "two hex digits"},
  {"mmio:///a%2", "'/a%2' as a device: %", "two hex digits"},
  {"mmio:///a%zz?b=c", "'/a%zz' as a device: %", "two hex digits"},
  {"mmio:///a%00b", "'/a%00b' as a device: %", "not by 00"},
  {"mmio:///a#b", "write # as %23", "mmio:///a#b"},
  {"mmio://sim?a=b#c", "write # as %23", "mmio://sim?a=b#c"},

  {"mmio://sim?bar", "Cannot parse 'bar' as parameters", "write name=value"},
  {"mmio://sim?a=b&bar", "Cannot parse 'a=b&bar' as", "write name=value"},
  {"mmio://sim?&a=b", "Cannot parse '&a=b' as", "write name=value"},
  {"mmio://sim?a=b&&c=d", "Cannot parse 'a=b&&c=d' as", "write name=value"},
  {"mmio://sim?=b", "Cannot parse '=b': a value has no name",
      "write name=value"},
  {"mmio://sim?a=b&a=c", "a= occurs twice", "remove one"},
  {"mmio://sim?a=b&%61=b", "a= occurs twice", "remove one"},
  {"mmio://sim?a=%", "Cannot parse 'a=%' as", "two hex digits"},
  {"mmio://sim?a=%f", "Cannot parse 'a=%f' as", "two hex digits"},
  {"mmio://sim?a=%xy", "Cannot parse 'a=%xy' as", "two hex digits"},
  {"mmio://sim?a=%00", "Cannot parse 'a=%00' as", "two hex digits"},
  {"mmio://sim?a=%ff", "Cannot parse 'a=%ff' as", "two hex digits"},
};

static char *
list_parameters (const MmioUri * uri)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < uri->parameters->len; i++) {
    const MmioUriParameter *parameter = g_ptr_array_index (uri->parameters, i);

    g_string_append_printf (text, "%s=%s\n", parameter->name, parameter->value);
  }
  return g_string_free (text, FALSE);
}

static void
check_uri (const char *text, const Accepted * wanted)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *parameters = NULL;
  g_autofree char *printed = NULL;
  g_auto (MmioUri) uri = { NULL, };

  fail_unless (mmio_uri_parse (&uri, text, &error), "%s: %s", text,
      error ? error->message : "no error");
  fail_unless (error == NULL);
  fail_unless_equals_string (uri.device, wanted->device);
  parameters = list_parameters (&uri);
  fail_unless_equals_string (parameters, wanted->parameters);
  printed = mmio_uri_to_string (&uri);
  fail_unless_equals_string (printed,
      wanted->canonical ? wanted->canonical : wanted->text);
}

GST_START_TEST (test_accepted)
{
  const Accepted *wanted = &accepted[__i__];

  check_uri (wanted->text, wanted);
  /* What is printed says the same */
  if (wanted->canonical)
    check_uri (wanted->canonical, wanted);
}

GST_END_TEST;

GST_START_TEST (test_malformed)
{
  GError *error = NULL;
  MmioUri uri = { (char *) 0x1, (GPtrArray *) 0x2 };

  fail_if (mmio_uri_parse (&uri, malformed[__i__].text, &error), "%s",
      malformed[__i__].text);
  /* Left alone */
  fail_unless (uri.device == (char *) 0x1);
  fail_unless (uri.parameters == (GPtrArray *) 0x2);
  check_error (&error, MMIO_ERROR_ADDRESS, malformed[__i__].words,
      malformed[__i__].more, NULL);
  fail_if (mmio_uri_parse (&uri, malformed[__i__].text, NULL));
}

GST_END_TEST;

/* A text that is close to right */
static char *
make_text (GRand * rand)
{
  static const char *const pieces[] = {
    "mmio://", "sim", "0000:03:00.0", "/", "?", "&", "=", "%", "%2", "%41",
    "%00", "%ff", "a", "b", "#", "10ee:7024", "@", "\xff", "\303\274", " ",
  };
  GString *text = g_string_new (g_rand_int_range (rand, 0, 8) ? "mmio://" : "");

  for (gint n = g_rand_int_range (rand, 0, 12); n > 0; n--)
    g_string_append (text, pieces[g_rand_int_range (rand, 0,
                G_N_ELEMENTS (pieces))]);
  return g_string_free (text, FALSE);
}

/* Whatever it is: it is refused with a sentence, or printed and read again, and
 * then it is the same */
GST_START_TEST (test_random)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  guint n_accepted = 0;

  for (guint i = 0; i < 20000; i++) {
    g_autofree char *text = make_text (rand);
    g_autofree char *printed = NULL;
    g_autofree char *again = NULL;
    g_autoptr (GError) error = NULL;
    g_auto (MmioUri) uri = { NULL, };
    g_auto (MmioUri) other = { NULL, };

    if (!mmio_uri_parse (&uri, text, &error)) {
      if (error == NULL || error->domain != MMIO_ERROR)
        fail ("%s", text);
      continue;
    }
    n_accepted++;
    printed = mmio_uri_to_string (&uri);
    if (!mmio_uri_parse (&other, printed, NULL))
      fail ("%s printed as %s", text, printed);
    again = mmio_uri_to_string (&other);
    if (strcmp (printed, again) != 0 || strcmp (uri.device, other.device) != 0)
      fail ("%s printed as %s, and then as %s", text, printed, again);
  }

  fail_unless (n_accepted > 1000, "%u", n_accepted);
}

GST_END_TEST;

static Suite *
uri_suite (void)
{
  Suite *s = suite_create ("lib-uri");
  TCase *tc = add_case (s, "uri");

  tcase_add_loop_test (tc, test_accepted, 0, G_N_ELEMENTS (accepted));
  tcase_add_loop_test (tc, test_malformed, 0, G_N_ELEMENTS (malformed));
  tcase_add_test (tc, test_random);

  return s;
}

GST_CHECK_MAIN (uri);
