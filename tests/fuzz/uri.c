/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an application plays. */
#include "base/mmiouri.h"
#include "fuzz.h"

static void
check_same (const MmioUri * a, const MmioUri * b)
{
  CHECK (strcmp (a->device, b->device) == 0);
  CHECK (a->parameters->len == b->parameters->len);
  for (guint i = 0; i < a->parameters->len; i++) {
    const MmioUriParameter *p = g_ptr_array_index (a->parameters, i);
    const MmioUriParameter *q = g_ptr_array_index (b->parameters, i);

    CHECK (strcmp (p->name, q->name) == 0 && strcmp (p->value, q->value) == 0);
  }
}

static void
check_names (const MmioUri * uri)
{
  for (guint i = 0; i < uri->parameters->len; i++) {
    const MmioUriParameter *p = g_ptr_array_index (uri->parameters, i);

    CHECK (p->name[0] != '\0');
    CHECK (g_utf8_validate (p->name, -1, NULL));
    CHECK (g_utf8_validate (p->value, -1, NULL));
    for (guint j = 0; j < i; j++) {
      const MmioUriParameter *q = g_ptr_array_index (uri->parameters, j);

      CHECK (strcmp (p->name, q->name) != 0);
    }
  }
}

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_auto (MmioUri) uri = { NULL, };
  g_auto (MmioUri) again = { NULL, };
  g_autoptr (GError) error = NULL;
  g_autofree char *said = NULL;
  const gboolean ok = mmio_uri_parse (&uri, text, &error);

  CHECK_ERROR (ok, error);
  if (!ok)
    return 0;

  check_names (&uri);
  said = mmio_uri_to_string (&uri);
  CHECK (mmio_uri_parse (&again, said, NULL));
  check_same (&uri, &again);

  return 0;
}
