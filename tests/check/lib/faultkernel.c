/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "faultkernel.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#define MAX_CALLS 4096
#define MAX_ERRNUMS 7

/* What the manual pages say of these calls, and file systems that ask a server
 * (FUSE, NFS), which are interrupted by signals in any call with a path or a
 * descriptor.  EACCES of open() is a permission that was taken away meanwhile. */
static const struct
{
  const char *call;
  int errnums[MAX_ERRNUMS];
} table[] = {
  {"open", {EMFILE, ENFILE, ENOMEM, EINTR, EAGAIN, EACCES}},
  {"openat", {EMFILE, ENFILE, ENOMEM, EINTR, EAGAIN, EACCES}},
  {"opendir", {EMFILE, ENFILE, ENOMEM, EACCES}},
  {"readdir", {ENOMEM}},
  {"close", {EINTR}},
  {"read", {EINTR, EAGAIN, ENOMEM}},
  {"pread", {EINTR, EAGAIN, ENOMEM}},
  {"write", {EINTR, EAGAIN, ENOMEM}},
  {"pwrite", {EINTR, EAGAIN, ENOMEM}},
  {"mmap", {ENOMEM, EAGAIN, EACCES}},
  {"madvise", {ENOMEM, EAGAIN}},
  {"ioctl", {EMFILE, ENOMEM, EINTR, EAGAIN, EACCES}},
  {"fcntl", {ENOMEM, EAGAIN, EACCES}},
  {"dup3", {EINTR}},
  {"stat", {ENOMEM, EINTR, EACCES}},
  {"lstat", {ENOMEM, EINTR, EACCES}},
  {"fstat", {ENOMEM, EINTR}},
  {"statx", {ENOMEM, EINTR, EACCES}},
  {"statfs", {ENOMEM, EINTR, EACCES}},
  {"fstatfs", {ENOMEM, EINTR}},
  {"access", {ENOMEM, EACCES}},
  {"faccessat", {ENOMEM, EACCES}},
  {"readlink", {ENOMEM, EACCES}},
  {"realpath", {ENOMEM, EACCES}},
  {"memfd_create", {EMFILE, ENFILE, ENOMEM}},
  {"ftruncate", {EINTR, ENOMEM, EACCES}},
  {"fallocate", {EINTR, ENOMEM, ENOSPC}},
  {"eventfd", {EMFILE, ENFILE, ENOMEM}},
  {"poll", {EINTR, ENOMEM}},
  {"ppoll", {EINTR, ENOMEM}},
  {"socket", {EMFILE, ENFILE, ENOMEM, EACCES}},
  {"bind", {ENOMEM, EACCES}},
  {"setsockopt", {ENOMEM}},
  {"recvmsg", {EINTR, EAGAIN, ENOMEM}},
  {"pthread_create", {EAGAIN}},
};

static __thread gboolean is_on;
static gint fail_at;
static int fail_errnum;
static guint n_calls;
static const char *calls[MAX_CALLS];
static const FaultDevices *devices;

void
faultkernel_set_devices (const FaultDevices * wanted)
{
  devices = wanted;
}

void
faultkernel_begin (gint at, int errnum)
{
  fail_at = at;
  fail_errnum = errnum;
  n_calls = 0;
  is_on = TRUE;
}

guint
faultkernel_end (void)
{
  is_on = FALSE;
  return n_calls;
}

const char *
faultkernel_get_call (guint n)
{
  return calls[n];
}

const int *
faultkernel_get_errnums (const char *call)
{
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (strcmp (table[i].call, call) == 0)
      return table[i].errnums;

  return NULL;
}

/* Returns: whether this call fails, with errno set */
static gboolean
fails (const char *call)
{
  guint n;

  if (!is_on)
    return FALSE;

  n = n_calls++;
  if (n >= MAX_CALLS)
    g_error ("more than %d system calls", MAX_CALLS);
  calls[n] = call;
  if ((gint) n != fail_at)
    return FALSE;

  errno = fail_errnum;
  return TRUE;
}

static gboolean
answer_ioctl (int fd, unsigned long request, gpointer argument, int *ret)
{
  return devices && devices->ioctl &&
      devices->ioctl (fd, request, argument, ret);
}

static gboolean
answer_nothing (int fd, int request, gpointer argument, int *ret)
{
  return FALSE;
}

static gboolean
answer_read (int fd, gpointer data, gsize size, gssize * ret)
{
  return devices && devices->read && devices->read (fd, data, size, ret);
}

static gboolean
answer_write (int fd, gconstpointer data, gsize size, gssize * ret)
{
  return devices && devices->write && devices->write (fd, data, size, ret);
}

/* The names in C are not those of the symbols, which headers may have made macros,
 * inline or 64-bit */
#define EXPORT(symbol) __asm__ (symbol) __attribute__((visibility ("default")))

#define NEXT(symbol) dlsym (RTLD_NEXT, symbol)

/* Evaluates @call, whose own calls do not count */
#define BEHIND(call) \
  (__extension__ ({ \
    const gboolean was_on = is_on; \
    __typeof__ (call) behind_ret; \
\
    is_on = FALSE; \
    behind_ret = (call); \
    is_on = was_on; \
    behind_ret; \
  }))

/* *INDENT-OFF* */
#define DEFINE(type, error, name, symbol, parameters, arguments) \
type faultkernel_##symbol parameters EXPORT (#symbol); \
type faultkernel_##symbol parameters \
{ \
  type (*next) parameters = NEXT (#symbol); \
\
  return fails (#name) ? error : BEHIND (next arguments); \
}

/* Also as it is called with 64-bit offsets */
#define DEFINE_64(type, error, name, parameters, arguments) \
  DEFINE (type, error, name, name, parameters, arguments) \
  DEFINE (type, error, name, name##64, parameters, arguments)

#define DEFINE_OPEN(symbol) \
int faultkernel_##symbol (const char *path, int flags, ...) EXPORT (#symbol); \
int faultkernel_##symbol (const char *path, int flags, ...) \
{ \
  int (*next) (const char *, int, ...) = NEXT (#symbol); \
  va_list args; \
  mode_t mode; \
\
  va_start (args, flags); \
  mode = va_arg (args, int); \
  va_end (args); \
\
  return fails ("open") ? -1 : BEHIND (next (path, flags, mode)); \
}

#define DEFINE_OPENAT(symbol) \
int faultkernel_##symbol (int dir, const char *path, int flags, ...) \
    EXPORT (#symbol); \
int faultkernel_##symbol (int dir, const char *path, int flags, ...) \
{ \
  int (*next) (int, const char *, int, ...) = NEXT (#symbol); \
  va_list args; \
  mode_t mode; \
\
  va_start (args, flags); \
  mode = va_arg (args, int); \
  va_end (args); \
\
  return fails ("openat") ? -1 : BEHIND (next (dir, path, flags, mode)); \
}

/* ioctl() and fcntl(): one argument, or none.  @answer: the devices' function */
#define DEFINE_CONTROL(name, symbol, number, answer) \
int faultkernel_##symbol (int fd, number request, ...) EXPORT (#symbol); \
int faultkernel_##symbol (int fd, number request, ...) \
{ \
  int (*next) (int, number, ...) = NEXT (#symbol); \
  va_list args; \
  gpointer argument; \
  int ret; \
\
  va_start (args, request); \
  argument = va_arg (args, gpointer); \
  va_end (args); \
\
  if (fails (#name)) \
    return -1; \
  return BEHIND (answer (fd, request, argument, &ret)) ? ret : \
      BEHIND (next (fd, request, argument)); \
}

/* read() and write() */
#define DEFINE_TRANSFER(name, memory) \
ssize_t faultkernel_##name (int fd, memory *data, size_t size) \
    EXPORT (#name); \
ssize_t faultkernel_##name (int fd, memory *data, size_t size) \
{ \
  ssize_t (*next) (int, memory *, size_t) = NEXT (#name); \
  gssize ret; \
\
  if (fails (#name)) \
    return -1; \
  return BEHIND (answer_##name (fd, data, size, &ret)) ? ret : \
      BEHIND (next (fd, data, size)); \
}

DEFINE_OPEN (open)
DEFINE_OPEN (open64)
DEFINE_OPENAT (openat)
DEFINE_OPENAT (openat64)
DEFINE_CONTROL (ioctl, ioctl, unsigned long, answer_ioctl)
DEFINE_CONTROL (fcntl, fcntl, int, answer_nothing)
DEFINE_CONTROL (fcntl, fcntl64, int, answer_nothing)

DEFINE (DIR *, NULL, opendir, opendir, (const char *path), (path))
DEFINE_64 (struct dirent *, NULL, readdir, (DIR * dir), (dir))
DEFINE_TRANSFER (read, void)
DEFINE_TRANSFER (write, const void)
DEFINE (ssize_t, -1, pread, pread,
    (int fd, void *data, size_t size, off_t offset), (fd, data, size, offset))
DEFINE (ssize_t, -1, pread, pread64,
    (int fd, void *data, size_t size, off64_t offset),
    (fd, data, size, offset))
DEFINE (ssize_t, -1, pwrite, pwrite,
    (int fd, const void *data, size_t size, off_t offset),
    (fd, data, size, offset))
DEFINE (ssize_t, -1, pwrite, pwrite64,
    (int fd, const void *data, size_t size, off64_t offset),
    (fd, data, size, offset))
DEFINE (int, -1, dup3, dup3, (int fd, int wanted, int flags),
    (fd, wanted, flags))
DEFINE (void *, (void *) -1, mmap, mmap,
    (void *at, size_t size, int prot, int flags, int fd, off_t offset),
    (at, size, prot, flags, fd, offset))
DEFINE (void *, (void *) -1, mmap, mmap64,
    (void *at, size_t size, int prot, int flags, int fd, off64_t offset),
    (at, size, prot, flags, fd, offset))
DEFINE (int, -1, madvise, madvise, (void *at, size_t size, int advice),
    (at, size, advice))
DEFINE_64 (int, -1, stat, (const char *path, void *st), (path, st))
DEFINE_64 (int, -1, lstat, (const char *path, void *st), (path, st))
DEFINE_64 (int, -1, fstat, (int fd, void *st), (fd, st))
DEFINE_64 (int, -1, statfs, (const char *path, void *fs), (path, fs))
DEFINE_64 (int, -1, fstatfs, (int fd, void *fs), (fd, fs))
DEFINE (int, -1, statx, statx,
    (int dir, const char *path, int flags, unsigned mask, void *st),
    (dir, path, flags, mask, st))
DEFINE (int, -1, access, access, (const char *path, int mode), (path, mode))
DEFINE (int, -1, faccessat, faccessat,
    (int dir, const char *path, int mode, int flags), (dir, path, mode, flags))
DEFINE (ssize_t, -1, readlink, readlink,
    (const char *path, char *target, size_t size), (path, target, size))
DEFINE (int, -1, memfd_create, memfd_create, (const char *name, unsigned flags),
    (name, flags))
DEFINE (int, -1, ftruncate, ftruncate, (int fd, off_t size), (fd, size))
DEFINE (int, -1, ftruncate, ftruncate64, (int fd, off64_t size), (fd, size))
DEFINE (int, -1, fallocate, fallocate,
    (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size))
DEFINE (int, -1, fallocate, fallocate64,
    (int fd, int mode, off64_t offset, off64_t size), (fd, mode, offset, size))
DEFINE (int, -1, eventfd, eventfd, (unsigned count, int flags), (count, flags))
DEFINE (int, -1, poll, poll, (struct pollfd * fds, nfds_t n, int timeout),
    (fds, n, timeout))
DEFINE (int, -1, ppoll, ppoll, (struct pollfd * fds, nfds_t n,
        const struct timespec *timeout, const sigset_t * mask),
    (fds, n, timeout, mask))
DEFINE (int, -1, socket, socket, (int domain, int type, int protocol),
    (domain, type, protocol))
DEFINE (int, -1, bind, bind,
    (int fd, const struct sockaddr * address, socklen_t size),
    (fd, address, size))
DEFINE (int, -1, setsockopt, setsockopt,
    (int fd, int level, int name, const void *value, socklen_t size),
    (fd, level, name, value, size))
DEFINE (ssize_t, -1, recvmsg, recvmsg,
    (int fd, struct msghdr * message, int flags), (fd, message, flags))
DEFINE (int, fail_errnum, pthread_create, pthread_create,
    (pthread_t * thread, const pthread_attr_t * attributes,
        void *(*start) (void *), void *data), (thread, attributes, start, data))
/* *INDENT-ON* */

/* The descriptor is closed all the same */
int
faultkernel_close (int fd)
EXPORT ("close");

     int faultkernel_close (int fd)
{
  int (*next) (int) = NEXT ("close");
  const int ret = BEHIND (next (fd));

  return fails ("close") ? -1 : ret;
}

/* The version that allocates came with glibc 2.3 */
char *
faultkernel_realpath (const char *path, char *resolved)
EXPORT ("realpath");

     char *faultkernel_realpath (const char *path, char *resolved)
{
  char *(*next) (const char *, char *) = dlvsym (RTLD_NEXT, "realpath",
      "GLIBC_2.3");

  if (!next)
    next = NEXT ("realpath");
  return fails ("realpath") ? NULL : BEHIND (next (path, resolved));
}
