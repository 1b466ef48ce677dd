/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the fuzzers share.  Each defines LLVMFuzzerTestOneInput(): libFuzzer
 * calls it with what it invents, and driver.c with what lies in the corpus. */

#include <glib.h>
#include <stdlib.h>
#include <string.h>

G_BEGIN_DECLS

int LLVMFuzzerTestOneInput (const guint8 * data, gsize size);

/* Not g_assert(), which is for what cannot be; nor g_error(), whose signal
 * libFuzzer does not know, so that it would not keep the input */
#define CHECK(condition) \
    G_STMT_START { \
      if (!(condition)) { \
        g_printerr ("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
        abort (); \
      } \
    } G_STMT_END

/* An error has a sentence for a person, and only where something failed */
#define CHECK_ERROR(ok, error) \
    G_STMT_START { \
      CHECK ((ok) == ((error) == NULL)); \
      if (error) { \
        const char *message = (error)->message; \
        CHECK (g_utf8_validate (message, -1, NULL)); \
        CHECK (strlen (message) > 0 && !strchr (message, '\n')); \
      } \
    } G_STMT_END

/* Numbers out of the input, zeros after its end */
typedef struct
{
  const guint8 *data;
  gsize size;
} FuzzBytes;

static inline guint64
fuzz_take (FuzzBytes * bytes, gsize size)
{
  guint64 value = 0;

  for (gsize i = 0; i < size && bytes->size > 0; i++) {
    value |= (guint64) * bytes->data++ << (8 * i);
    bytes->size--;
  }
  return value;
}

G_END_DECLS
