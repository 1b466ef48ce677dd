/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors that a person can act on: the message is one sentence that says what
 * failed, on which device, and what to type.  What the system said about it
 * travels beside the sentence, for the debug string.
 */
#include "base/mmioerror.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mmiosystem.h"

/* The private part is NULL for errors of other domains, none of which come to
 * where it is asked for; gcc's analyzer cannot know */
#if defined (__GNUC__) && !defined (__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-null-dereference"
#endif

typedef struct
{
  char *system;
  int errnum;
} MmioErrorPrivate;

static void
mmio_error_private_init (MmioErrorPrivate * priv)
{
  priv->system = NULL;
  priv->errnum = 0;
}

static void
mmio_error_private_copy (const MmioErrorPrivate * src, MmioErrorPrivate * dest)
{
  dest->system = g_strdup (src->system);
  dest->errnum = src->errnum;
}

static void
mmio_error_private_clear (MmioErrorPrivate * priv)
{
  g_free (priv->system);
}

/* *INDENT-OFF* */
G_DEFINE_EXTENDED_ERROR (MmioError, mmio_error)
/* *INDENT-ON* */

/* A sentence quotes what somebody has typed, or a device has said, and goes to
 * screens and logs: valid UTF-8, in one line.  Takes @text. */
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
create_error (MmioErrorCode code, const char *format, va_list args)
{
  g_autofree char *text = make_printable (g_strdup_vprintf (format, args));

  return g_error_new_literal (MMIO_ERROR, code, text);
}

/**
 * mmio_set_error:
 * @error: (nullable) (out): where to put the error
 * @code: what kind of error
 * @format: printf() format of the sentence; what is no valid UTF-8 in it, or no
 *   text, is replaced
 *
 * Sets @error where no system call is to blame.
 */
void
mmio_set_error (GError ** error, MmioErrorCode code, const char *format, ...)
{
  va_list args;

  if (!error)
    return;

  va_start (args, format);
  *error = create_error (code, format, args);
  va_end (args);
}

/* What a call can lack that succeeds otherwise, and what helps.  A sentence with one
 * of the words says so itself. */
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

/* Returns: (nullable): what to say in the place of the advice in @text */
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
 * Returns: (nullable) (transfer none): what the call lacked, and what helps, for the end
 *   of a sentence that mmio_set_system_error() leaves as it is; NULL if that is not
 *   descriptors or memory
 */
const char *
mmio_error_get_shortage_reason (int errnum)
{
  return find_reason (errnum, "");
}

/* A shortage says nothing of the device, and what helps with that does not help.
 * @text: the sentence otherwise, whose first clause stays */
static GError *
create_shortage_error (const char *reason, const char *text)
{
  const char *end = strstr (text, "; ");
  const gsize length = end ? (gsize) (end - text) : strlen (text);
  GError *error = NULL;

  mmio_set_error (&error, MMIO_ERROR_FAILED, "%.*s: %s", (int) length, text,
      reason);
  return error;
}

/**
 * mmio_set_system_error:
 * @error: (nullable) (out): where to put the error
 * @code: what kind of error
 * @errnum: errno of the call
 * @call: the call that failed, with its argument, such as "mmap /dev/shm/x"
 * @format: printf() format of the sentence
 *
 * Sets @error where a system call failed.  Without file descriptors or memory, which
 * any call may lack, it is %MMIO_ERROR_FAILED, and the advice in @format, what comes
 * after the first "; ", is replaced by one that helps.
 */
void
mmio_set_system_error (GError ** error, MmioErrorCode code, int errnum,
    const char *call, const char *format, ...)
{
  const char *reason;
  va_list args;

  if (!error)
    return;

  va_start (args, format);
  *error = create_error (code, format, args);
  va_end (args);

  reason = find_reason (errnum, (*error)->message);
  if (reason) {
    g_autoptr (GError) general = g_steal_pointer (error);

    *error = create_shortage_error (reason, general->message);
  }

  mmio_error_get_private (*error)->system =
      make_printable (g_strdup_printf ("%s: %s (errno %d)", call,
          g_strerror (errnum), errnum));
  mmio_error_get_private (*error)->errnum = errnum;
}

/* The group that docs/manual/70-mmiovid.rules permits to read devices */
#define GROUP "video"

/* As much as a group with all its members takes, see getgrgid_r(3) */
#define GROUP_SIZE 65536

static gboolean
has_bits (const struct stat *st, mode_t bits)
{
  return (st->st_mode & bits) == bits;
}

/* @bits: those of others, S_IROTH and S_IWOTH
 *
 * Returns: (nullable) (transfer full): the name of the group that has this access to a
 *   file; NULL if none has but root's, or no name is known */
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

/* Returns: (transfer full): @path as a shell takes it, without quotes if it needs
 *   none */
static char *
quote_path (const char *path)
{
  for (const char *c = path; *c; c++) {
    if (!g_ascii_isalnum (*c) && !strchr ("/.:_-", *c))
      return g_shell_quote (path);
  }

  return g_strdup (path);
}

/* Returns: (transfer full): what gives access to a file, for the end of a sentence */
static char *
get_permit_advice (int errnum, const char *path, MmioFileAccess access)
{
  const mode_t bits = access == MMIO_FILE_READ ? S_IROTH : S_IROTH | S_IWOTH;
  const char *letters = access == MMIO_FILE_READ ? "r" : "rw";
  g_autofree char *quoted = quote_path (path);
  g_autofree char *group = NULL;
  struct stat st;

  if (stat (path, &st) < 0)
    return errno == EACCES ? g_strdup_printf (", as one of its directories may "
        "not be entered; see which with: namei -l %s", quoted) :
        g_strdup ("; dmesg may say why");

  if (st.st_uid == geteuid () && !has_bits (&st, bits << 6))
    return g_strdup_printf (", although it is yours; allow it with: "
        "chmod u+%s %s", letters, quoted);

  /* The permissions are those that it takes: something else forbids it */
  if (geteuid () == 0 || st.st_uid == geteuid () ||
      (group_member (st.st_gid) && has_bits (&st, bits << 3)) ||
      has_bits (&st, bits))
    return g_strdup ("; dmesg may say why");

  group = errnum == EACCES ? get_group (&st, bits) : NULL;
  if (group)
    return g_strdup_printf (", but the group %s may; join it before your next "
        "login with: sudo usermod -aG %s $USER", group, group);

  return g_strdup_printf ("; allow it for the group " GROUP " with: "
      "sudo chgrp " GROUP " %s && sudo chmod g+%s %s", quoted, letters, quoted);
}

/**
 * mmio_set_denied_error:
 * @error: (nullable) (out): where to put the error
 * @errnum: errno of the open(), EACCES or EPERM
 * @path: the file or the device node
 * @access: what it was opened for
 * @purpose: what the file is for, as a clause with its comma, or ""
 *
 * Sets @error where a file may not be opened. The advice is what is missing: the
 * permission of the owner, of a group or of a directory, or the membership of the
 * user in the group.
 */
void
mmio_set_denied_error (GError ** error, int errnum, const char *path,
    MmioFileAccess access, const char *purpose)
{
  g_autofree char *advice = NULL;

  if (!error)
    return;

  advice = get_permit_advice (errnum, path, access);
  mmio_set_system_error (error, MMIO_ERROR_NOT_PERMITTED, errnum, "open",
      "You may not %s %s%s%s", access == MMIO_FILE_READ ? "read" :
      "read and write", path, purpose, advice);
}

/**
 * mmio_error_get_system:
 * @error: any error
 *
 * Returns: (nullable) (transfer none): the system's own words, valid as long
 *   as @error, or NULL where no system call is to blame
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
 * Returns: whether mmio_is_shortage() says that the error proves nothing
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
 * Returns: (transfer full): the sentence without %MMIO_USE_COPY or
 *   %MMIO_OR_USE_COPY, for a user whose frames are copied anyway
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
