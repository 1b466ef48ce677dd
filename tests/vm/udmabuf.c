/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A /dev/udmabuf for QEMU, where the host has none: preload it, and let /dev/udmabuf be
 * an empty file.  From version 8 on, QEMU shows a blob resource only by the dma-buf that
 * it makes of it; this one can be mapped, which is all that QEMU does with it.
 *
 * The "dma-buf" is a memfd that holds the list of its pieces.  So there is no state, and
 * nothing to do when it is closed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[16] = "mmiovid-udmabuf";

static int
create (const struct udmabuf_create_list *list)
{
  const size_t size = list->count * sizeof (list->list[0]);
  const int fd = memfd_create ("udmabuf", MFD_CLOEXEC);

  if (fd < 0)
    return -1;
  if (write (fd, magic, sizeof (magic)) == (ssize_t) sizeof (magic) &&
      write (fd, list->list, size) == (ssize_t) size)
    return fd;

  close (fd);
  errno = ENOMEM;
  return -1;
}

int
ioctl (int fd, unsigned long request, ...)
{
  static int (*next) (int, unsigned long, ...);
  va_list args;
  void *arg;

  va_start (args, request);
  arg = va_arg (args, void *);
  va_end (args);
  if (request == UDMABUF_CREATE_LIST)
    return create (arg);

  if (!next)
    *(void **) &next = dlsym (RTLD_NEXT, "ioctl");
  return next (fd, request, arg);
}

typedef void *(*Mmap) (void *, size_t, int, int, int, off64_t);

/* Maps the pieces one behind the other, up to @length */
static void *
map_pieces (Mmap next, size_t length, int prot, int fd)
{
  char *map = next (NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
      0);
  struct udmabuf_create_item item;
  off_t place = sizeof (magic);
  size_t done = 0;

  if (map == MAP_FAILED)
    return map;

  while (done < length &&
      pread (fd, &item, sizeof (item), place) == (ssize_t) sizeof (item)) {
    const size_t size = item.size < length - done ? item.size : length - done;

    if (next (map + done, size, prot, MAP_SHARED | MAP_FIXED, item.memfd,
            item.offset) == MAP_FAILED)
      break;
    done += size;
    place += sizeof (item);
  }

  if (done == length)
    return map;
  munmap (map, length);
  errno = EINVAL;
  return MAP_FAILED;
}

static int
is_udmabuf (int fd)
{
  char text[sizeof (magic)];

  return fd >= 0
      && pread (fd, text, sizeof (text), 0) == (ssize_t) sizeof (text)
      && memcmp (text, magic, sizeof (text)) == 0;
}

void *
mmap64 (void *address, size_t length, int prot, int flags, int fd,
    off64_t offset)
{
  static Mmap next;

  if (!next)
    *(void **) &next = dlsym (RTLD_NEXT, "mmap64");
  if (!address && offset == 0 && (flags & MAP_SHARED) && is_udmabuf (fd))
    return map_pieces (next, length, prot, fd);
  return next (address, length, prot, flags, fd, offset);
}
