/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors that a user can act on.  The message is one sentence: what failed, on which
 * device, and what to type.  The system's own error is kept beside it, for the debug
 * string, and so is the place in the source that found the fault.
 */
#include "base/mmioerror.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mmiosystem.h"

/* The private part is NULL for errors of other domains only, which are never
 * passed to the functions that read it; gcc's analyzer cannot know that */
#if defined (__GNUC__) && !defined (__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-null-dereference"
#endif

typedef struct
{
  char *system;
  int errnum;
  MmioErrorPlace place;
} MmioErrorPrivate;

static void
mmio_error_private_init (MmioErrorPrivate * priv)
{
  *priv = (MmioErrorPrivate) {
  0,};
}

static void
mmio_error_private_copy (const MmioErrorPrivate * src, MmioErrorPrivate * dest)
{
  *dest = *src;
  dest->system = g_strdup (src->system);
}

static void
mmio_error_private_clear (MmioErrorPrivate * priv)
{
  g_free (priv->system);
}

/* *INDENT-OFF* */
G_DEFINE_EXTENDED_ERROR (MmioError, mmio_error)
/* *INDENT-ON* */

/* Makes @text (transfer full) valid UTF-8 in one line: messages quote users and
 * devices, and go to screens and logs. */
static char *
make_printable (char *text)
{
  char *valid = g_utf8_make_valid (text, -1);

  for (char *c = valid; *c; c++) {
    if (g_ascii_iscntrl (*c))
      *c = '?';
  }

  g_free (text);
  return valid;
}

static GError *
create_error (const MmioErrorPlace * place, MmioErrorCode code,
    const char *format, va_list args)
{
  g_autofree char *text = make_printable (g_strdup_vprintf (format, args));
  GError *error = g_error_new_literal (MMIO_ERROR, code, text);

  mmio_error_get_private (error)->place = *place;
  return error;
}

/**
 * mmio_set_error_at:
 * @error: (nullable) (out): where to put the error
 * @place: the place that found the fault; mmio_set_error() passes its caller's
 * @code: the kind of error
 * @format: printf() format of the message; invalid UTF-8 and control characters in
 *   the result are replaced
 *
 * Sets @error for a failure without a failed system call.
 */
void
mmio_set_error_at (GError ** error, const MmioErrorPlace * place,
    MmioErrorCode code, const char *format, ...)
{
  va_list args;

  if (!error)
    return;

  va_start (args, format);
  *error = create_error (place, code, format, args);
  va_end (args);
}

/* Resources that a call can lack, and the remedy. A message that contains one
 * of the words already names the shortage. */
static const struct
{
  int errnum;
  const char *words[2];
  const char *reason;
} shortages[] = {
  {EMFILE, {"no file descriptor", NULL},
      "the process has no file descriptor left; raise "
      "the limit with: ulimit -n 4096"},
  {ENFILE, {"no file descriptor", NULL},
      "the system has no file descriptor left; raise "
      "the limit with: sudo sysctl -w fs.file-max=1000000"},
  {ENOMEM, {"no memory", "no huge pages"},
      "the system has no memory left for it; "
      "close other programs, or raise the limit with: ulimit -v unlimited"},
};

static gboolean
has_word (const char *text, const char *word)
{
  return word && strstr (text, word);
}

/* Returns: (nullable): the text that replaces the hint in @text */
static const char *
find_reason (int errnum, const char *text)
{
  for (guint i = 0; i < G_N_ELEMENTS (shortages); i++)
    if (shortages[i].errnum == errnum &&
        !has_word (text, shortages[i].words[0]) &&
        !has_word (text, shortages[i].words[1]))
      return shortages[i].reason;

  return NULL;
}

/**
 * mmio_error_get_shortage_reason:
 * @errnum: errno of a call
 *
 * Describes a shortage, as the end of a message that mmio_set_system_error() does not
 * change.
 *
 * Returns: (nullable) (transfer none): the missing resource and the remedy; NULL if
 *   @errnum is no shortage of descriptors or memory
 */
const char *
mmio_error_get_shortage_reason (int errnum)
{
  return find_reason (errnum, "");
}

/* Replaces the hint of @text after its first clause: the hint is about the
 * device, and does not help against a shortage */
static GError *
create_shortage_error (const MmioErrorPlace * place, const char *reason,
    const char *text)
{
  const char *end = strstr (text, "; ");
  const gsize length = end ? (gsize) (end - text) : strlen (text);
  GError *error = NULL;

  mmio_set_error_at (&error, place, MMIO_ERROR_FAILED, "%.*s: %s",
      (int) length, text, reason);
  return error;
}

/**
 * mmio_set_system_error_at:
 * @error: (nullable) (out): where to put the error
 * @place: as in mmio_set_error_at()
 * @code: the kind of error
 * @errnum: errno of the call
 * @call: the call that failed, with its argument, such as "mmap /dev/shm/x"
 * @format: printf() format of the message
 *
 * Sets @error for a failed system call.  For a shortage of file descriptors or memory,
 * which any call may have, the code is %MMIO_ERROR_FAILED.  The hint of the message,
 * which begins at the first "; ", is then replaced by one against the shortage.
 */
void
mmio_set_system_error_at (GError ** error, const MmioErrorPlace * place,
    MmioErrorCode code, int errnum, const char *call, const char *format, ...)
{
  const char *reason;
  va_list args;

  if (!error)
    return;

  va_start (args, format);
  *error = create_error (place, code, format, args);
  va_end (args);

  reason = find_reason (errnum, (*error)->message);
  if (reason) {
    g_autoptr (GError) general = g_steal_pointer (error);

    *error = create_shortage_error (place, reason, general->message);
  }

  mmio_error_get_private (*error)->system =
      make_printable (g_strdup_printf ("%s: %s (errno %d)", call,
          g_strerror (errnum), errnum));
  mmio_error_get_private (*error)->errnum = errnum;
}

/* The group to which docs/manual/70-mmiovid.rules grants read access */
#define GROUP "video"

/* Enough for a group with all its members, see getgrgid_r(3) */
#define GROUP_SIZE 65536

static gboolean
has_bits (const struct stat *st, mode_t bits)
{
  return (st->st_mode & bits) == bits;
}

/* @bits: the permission bits of others, S_IROTH and S_IWOTH
 *
 * Returns: (nullable) (transfer full): the name of the group that has this
 * access to a file; NULL if no group but root's has, or the name is unknown */
static char *
get_group (const struct stat *st, mode_t bits)
{
  g_autofree char *data = NULL;
  struct group group, *found = NULL;

  if (!has_bits (st, bits << 3) || st->st_gid == 0)
    return NULL;

  data = g_malloc (GROUP_SIZE);
  if (getgrgid_r (st->st_gid, &group, data, GROUP_SIZE, &found) != 0 || !found)
    return NULL;

  return g_strdup (group.gr_name);
}

/* Returns: (transfer full): @path as a shell word, quoted if necessary */
static char *
quote_path (const char *path)
{
  for (const char *c = path; *c; c++) {
    if (!g_ascii_isalnum (*c) && !strchr ("/.:_-", *c))
      return g_shell_quote (path);
  }

  return g_strdup (path);
}

/* Returns: (transfer full): why access is denied and what grants it, for the
 * end of a message */
static char *
get_permit_advice (int errnum, const char *path, MmioFileAccess access)
{
  const mode_t bits = access == MMIO_FILE_READ ? S_IROTH : S_IROTH | S_IWOTH;
  const char *letters = access == MMIO_FILE_READ ? "r" : "rw";
  g_autofree char *quoted = quote_path (path);
  g_autofree char *group = NULL;
  struct stat st;

  if (stat (path, &st) < 0)
    return errno == EACCES ? g_strdup_printf ("a directory in its path denies "
        "access; find it with: namei -l %s", quoted) :
        g_strdup ("permission denied; see dmesg");

  if (st.st_uid == geteuid () && !has_bits (&st, bits << 6))
    return g_strdup_printf ("you own it, but its mode denies access; "
        "allow it with: chmod u+%s %s", letters, quoted);

  /* The mode permits access: something else denies it */
  if (geteuid () == 0 || st.st_uid == geteuid () ||
      (group_member (st.st_gid) && has_bits (&st, bits << 3)) ||
      has_bits (&st, bits))
    return g_strdup ("permission denied; see dmesg");

  group = errnum == EACCES ? get_group (&st, bits) : NULL;
  if (group)
    return g_strdup_printf ("only the group %s has access; join it before your "
        "next login with: sudo usermod -aG %s $USER", group, group);

  return g_strdup_printf ("permission denied; allow it for the group " GROUP
      " with: sudo chgrp " GROUP " %s && sudo chmod g+%s %s", quoted, letters,
      quoted);
}

/**
 * mmio_set_denied_error_at:
 * @error: (nullable) (out): where to put the error
 * @place: as of mmio_set_error_at()
 * @errnum: errno of the open(), EACCES or EPERM
 * @path: the file or the device node
 * @access: what it was opened for
 * @purpose: what the file is for, as a clause with its comma, or ""
 *
 * Sets @error for a file that may not be opened.  The hint grants what is missing: the
 * permission of the owner, of a group or of a directory, or the user's membership in
 * the group.
 */
void
mmio_set_denied_error_at (GError ** error, const MmioErrorPlace * place,
    int errnum, const char *path, MmioFileAccess access, const char *purpose)
{
  g_autofree char *advice = NULL;

  if (!error)
    return;

  advice = get_permit_advice (errnum, path, access);
  mmio_set_system_error_at (error, place, MMIO_ERROR_NOT_PERMITTED, errnum,
      "open", "Cannot %s %s%s: %s", access == MMIO_FILE_READ ? "read" :
      "read and write", path, purpose, advice);
}

/**
 * mmio_error_get_place:
 * @error: any error
 *
 * Returns: (nullable) (transfer none): what found the fault, valid as long as
 *   @error, or NULL if it is not known, as for an error of another domain
 */
const MmioErrorPlace *
mmio_error_get_place (const GError * error)
{
  const MmioErrorPlace *place;

  if (error->domain != MMIO_ERROR)
    return NULL;

  place = &mmio_error_get_private (error)->place;
  return place->file ? place : NULL;
}

/**
 * mmio_error_get_system:
 * @error: any error
 *
 * Returns: (nullable) (transfer none): the text of the system's error, valid as long
 *   as @error; NULL if no system call failed
 */
const char *
mmio_error_get_system (const GError * error)
{
  if (error->domain != MMIO_ERROR)
    return NULL;

  return mmio_error_get_private (error)->system;
}

/**
 * mmio_error_is_shortage:
 * @error: any error
 *
 * Returns: whether @error is a shortage, which proves nothing; see mmio_is_shortage()
 */
gboolean
mmio_error_is_shortage (const GError * error)
{
  return error->domain == MMIO_ERROR &&
      mmio_is_shortage (mmio_error_get_private (error)->errnum);
}

/**
 * mmio_error_get_reason:
 * @error: an error
 *
 * Returns: (transfer full): the message without %MMIO_USE_COPY or %MMIO_OR_USE_COPY,
 *   for a user whose frames are copied anyway
 */
char *
mmio_error_get_reason (const GError * error)
{
  static const char *const hints[] = { MMIO_USE_COPY, MMIO_OR_USE_COPY };
  const char *text = error->message;

  for (gsize i = 0; i < G_N_ELEMENTS (hints); i++) {
    if (g_str_has_suffix (text, hints[i]))
      return g_strdup_printf ("%.*s.",
          (int) (strlen (text) - strlen (hints[i])), text);
  }

  return g_strdup (text);
}
