/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>

#include "device/mmiobackend.h"
#include "base/mmioerror.h"

/* With the address sanitizer there is no memory behind a BAR's end */
#if defined (__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined (__has_feature)
#if __has_feature (address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, size) ((void) (start))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void) (start))
#endif

/* In the place of a BAR's descriptor, which only the mmap() below sees */
#define FIRST_FD 0x40000000
/* As much as a picture may have, and a page */
#define NOTHING_SIZE (((gsize) 1 << 31) + 65536)

FuzzDevice fuzz_device;

/* No BAR lies right behind another */
#define GAP 65536

static guint8 memory[MMIO_MAX_BARS][FUZZ_MEMORY + GAP]
    __attribute__((aligned (65536)));
static guint8 painted[MMIO_MAX_BARS][FUZZ_MEMORY];
static guint8 *nothing;         /* what is mapped behind the memory */
static guint countdown;         /* loads until the next change */
static guint64 file_size;       /* as it is by now */
static gint64 now = 1;
static guint n_devices, n_maps;

/* --- The device ----------------------------------------------------------- */

static void
paint (void)
{
  static gboolean is_done;

  if (is_done)
    return;

  for (guint bar = 0; bar < MMIO_MAX_BARS; bar++) {
    for (guint32 i = 0; i < FUZZ_MEMORY; i++)
      painted[bar][i] = (i * 2654435761u + bar) >> 24;
  }
  nothing = mmap (NULL, NOTHING_SIZE, PROT_NONE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK (nothing != MAP_FAILED);
  is_done = TRUE;
}

static gsize
get_known (guint bar)
{
  return MIN (fuzz_device.bar[bar].size, FUZZ_MEMORY);
}

static void
limit (guint bar)
{
  const gsize known = get_known (bar);

  ASAN_UNPOISON_MEMORY_REGION (memory[bar], known);
  ASAN_POISON_MEMORY_REGION (memory[bar] + known, FUZZ_MEMORY + GAP - known);
}

static guint
take_countdown (void)
{
  return fuzz_device.script.size > 0 ? fuzz_take (&fuzz_device.script, 1) :
      G_MAXUINT;
}

void
fuzz_device_init (const FuzzDevice * device)
{
  paint ();
  fuzz_device = *device;
  for (guint bar = 0; bar < MMIO_MAX_BARS; bar++) {
    limit (bar);
    memcpy (memory[bar], painted[bar], get_known (bar));
  }
  file_size = fuzz_device.bar[0].size;
  countdown = take_countdown ();
}

void
fuzz_device_put (guint bar, guint64 offset, gconstpointer data, gsize size)
{
  const gsize known = get_known (bar);

  if (offset < known)
    memcpy (memory[bar] + offset, data, MIN (size, known - offset));
}

const guint8 *
fuzz_device_get (guint bar, guint64 offset, guint64 size)
{
  const gsize known = get_known (bar);

  return size <= known && offset <= known - size ? memory[bar] + offset : NULL;
}

void
fuzz_device_check_closed (void)
{
  CHECK (n_devices == 0);
  CHECK (n_maps == 0);
}

/* The device has had time to do something */
static void
proceed (void)
{
  while (fuzz_device.script.size > 0 && countdown == 0) {
    const guint word = fuzz_take (&fuzz_device.script, 1);
    const guint32 value = fuzz_take (&fuzz_device.script, 4);
    const guint32 bytes = GUINT32_TO_LE (value);

    if (word < fuzz_device.script_words)
      fuzz_device_put (fuzz_device.script_bar, fuzz_device.script_offset +
          4 * word, &bytes, sizeof (bytes));
    else
      file_size = MAX (file_size, value);
    countdown = take_countdown ();
  }
  if (countdown > 0)
    countdown--;
}

/* --- As a back end -------------------------------------------------------- */

static void
fuzz_refresh (MmioDevice * device)
{
  for (gsize i = fuzz_device.bar[0].size; i < MIN (file_size, FUZZ_MEMORY); i++) {
    ASAN_UNPOISON_MEMORY_REGION (memory[0], i + 1);
    memory[0][i] = painted[0][i];
  }
  device->bar[0].size = fuzz_device.bar[0].size = file_size;
}

/* Nobody asks for what is not there */
static MmioRegion *
fuzz_map (MmioDevice * device, guint bar, guint64 offset, gsize length,
    MmioMapping wanted, GError ** error)
{
  MmioRegion *region;

  CHECK (bar < MMIO_MAX_BARS);
  CHECK (!fuzz_device.bar[bar].is_io);
  CHECK (length > 0 && length <= fuzz_device.bar[bar].size);
  CHECK (offset <= fuzz_device.bar[bar].size - length);

  region = mmio_device_map_fd (device, FIRST_FD + bar, offset, length,
      wanted == MMIO_MAPPING_AUTO ? MMIO_MAPPING_CACHED : wanted);
  if (!region)
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errno, "mmap",
        "The device does not want to be mapped there.");
  return region;
}

static void
fuzz_free (MmioDevice * device)
{
  CHECK (n_devices > 0);
  n_devices--;
  g_free (device);
}

static const MmioBackend device_backend = {
  .name = "fuzz",
  .has_bars = TRUE,
  .header_place = MMIO_HEADER_IN_BAR,
  .map = fuzz_map,
  .free = fuzz_free,
};

static const MmioBackend file_backend = {
  .name = "fuzz",
  .refresh = fuzz_refresh,
  .header_place = MMIO_HEADER_AT_START,
  .map = fuzz_map,
  .free = fuzz_free,
};

/* --- In the place of the library's, and the system's ---------------------- */

MmioDevice *__wrap_mmio_device_open (const MmioAddress *, MmioAccess,
    GError **);

MmioDevice *
__wrap_mmio_device_open (const MmioAddress * address, MmioAccess access,
    GError ** error)
{
  MmioDevice *device = g_new0 (MmioDevice, 1);

  mmio_device_init (device, fuzz_device.is_file ? &file_backend :
      &device_backend, g_strdup ("fuzz device"), g_strdup ("0000:aa:11.3"));
  if (!fuzz_device.is_file) {
    device->vendor_id = fuzz_device.vendor;
    device->device_id = fuzz_device.id;
  }
  memcpy (device->bar, fuzz_device.bar, sizeof (device->bar));
  n_devices++;

  return device;
}

static void *
map (guint bar, guint64 offset, gsize length)
{
  /* As mmap() does it */
  if (offset > G_MAXINT64 - length || length > NOTHING_SIZE) {
    errno = EOVERFLOW;
    return MAP_FAILED;
  }

  /* What begins in the memory may go on behind it */
  n_maps++;
  return offset < FUZZ_MEMORY ? memory[bar] + offset : nothing;
}

static gboolean
is_ours (const void *start)
{
  const guint8 *byte = start, *first = (const guint8 *) memory;

  return (byte >= first && byte < first + sizeof (memory)) ||
      (byte >= nothing && byte < nothing + NOTHING_SIZE);
}

/* *INDENT-OFF* */
#define LOAD(bits) \
guint##bits __real_mmio_reader_load_u##bits (const guint8 *); \
guint##bits __wrap_mmio_reader_load_u##bits (const guint8 *); \
\
guint##bits \
__wrap_mmio_reader_load_u##bits (const guint8 * bar) \
{ \
  proceed (); \
  return __real_mmio_reader_load_u##bits (bar); \
}

LOAD (8)
LOAD (16)
LOAD (32)
LOAD (64)

/* Which of the two is called depends on how large an off_t is */
#define MAP(mmap) \
void *__real_##mmap (void *, size_t, int, int, int, off_t); \
void *__wrap_##mmap (void *, size_t, int, int, int, off_t); \
\
void * \
__wrap_##mmap (void *address, size_t length, int prot, int flags, int fd, \
    off_t offset) \
{ \
  if (fd < FIRST_FD) \
    return __real_##mmap (address, length, prot, flags, fd, offset); \
  return map (fd - FIRST_FD, offset, length); \
}

MAP (mmap)
MAP (mmap64)
/* *INDENT-ON* */

int __real_munmap (void *, size_t);
int __wrap_munmap (void *, size_t);

int
__wrap_munmap (void *start, size_t length)
{
  if (!is_ours (start))
    return __real_munmap (start, length);

  CHECK (n_maps > 0);
  n_maps--;
  return 0;
}

int __real_madvise (void *, size_t, int);
int __wrap_madvise (void *, size_t, int);

int
__wrap_madvise (void *start, size_t length, int advice)
{
  return is_ours (start) ? 0 : __real_madvise (start, length, advice);
}

gint64 __wrap_g_get_monotonic_time (void);

gint64
__wrap_g_get_monotonic_time (void)
{
  return now;
}

void __wrap_g_usleep (gulong);

void
__wrap_g_usleep (gulong microseconds)
{
  now += microseconds;
  proceed ();
}

int __wrap_ppoll (struct pollfd *, nfds_t, const struct timespec *,
    const sigset_t *);

/* Nobody wakes anybody here */
int
__wrap_ppoll (struct pollfd *fds, nfds_t n, const struct timespec *timeout,
    const sigset_t * mask)
{
  CHECK (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 &&
      timeout->tv_nsec < 1000000000);
  /* It never takes no time at all */
  now += 1 + timeout->tv_sec * G_USEC_PER_SEC + timeout->tv_nsec / 1000;
  proceed ();
  return 0;
}
