/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Back end of the simulated device: memory that a thread writes at a fixed rate,
 * independent of the consumer.  It raises no interrupts.
 */
#include "backends/mmiobackends.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mmioerror.h"
#include "base/mmioprocess.h"
#include "frame/mmiopattern.h"
#include "base/mmiosystem.h"
#include "dmabuf/mmioudmabuf.h"

/* The size of the device that this project was made for (pixels) */
#define DEFAULT_WIDTH 640
#define DEFAULT_HEIGHT 480

/* Registers, in the page after the frames: 32 bits each, little-endian */
enum
{
  REGISTER_COUNTER,             /* a seqlock */
  REGISTER_INDEX,               /* the slot with the complete frame */
};

/* Frames per second.  It differs from the rate that consumers request by
 * default, so the two drift against each other as with real devices. */
#define RATE 60

#define ALLOCATED_AT_ONCE ((guint64) 256 * 1024)

typedef struct
{
  MmioDevice parent;
  MmioLayout layout;

  int fd;
  guint8 *memory;
  gsize size;
  guint32 *registers;           /* within @memory */

  guint process;                /* the owner; see mmioprocess.h */
  GThread *writer;
  GMutex lock;
  GCond wake;
  gboolean stop;
} MmioSim;

static MmioRegisterSpec
get_register (const MmioDevice * device, guint n)
{
  return (MmioRegisterSpec) {
  .bar = 0,.bits = 32,.offset = device->bar[0].size -
        sysconf (_SC_PAGESIZE) + n * sizeof (guint32),};
}

static gboolean
mmio_sim_describe (MmioDevice * device, gint * bar, MmioSpec * spec,
    GError ** error)
{
  MmioSim *sim = (MmioSim *) device;
  const guint64 page = sysconf (_SC_PAGESIZE);

  if (spec->format.name[0] == '\0')
    spec->format = *mmio_format_find ("RGB");
  if (spec->width == 0)
    spec->width = DEFAULT_WIDTH;
  if (spec->height == 0)
    spec->height = DEFAULT_HEIGHT;

  if (!mmio_pattern_can_paint (&spec->format)) {
    mmio_set_error (error, MMIO_ERROR_FORMAT,
        "Cannot simulate format %s: its samples do not start at byte "
        "boundaries. Set format to one such as rgb or nv12.",
        spec->format.name);
    return FALSE;
  }

  if (!mmio_layout_init (&sim->layout, spec, error))
    return FALSE;

  /* The memory is as large as the frames, plus one page of registers */
  if (sim->layout.end > MIN (G_MAXINT64, G_MAXSIZE) - 2 * page) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot simulate a device with a frame at offset %" G_GUINT64_FORMAT
        ": there is no memory for it. Reduce offset.", sim->layout.start);
    return FALSE;
  }
  device->bar[0].size = (sim->layout.end + page - 1) / page * page + page;

  if (spec->counter.bits == 0) {
    spec->counter = get_register (device, REGISTER_COUNTER);
    spec->counter_is_seqlock = TRUE;
  }
  if (sim->layout.n_buffers > 1 && spec->index.bits == 0)
    spec->index = get_register (device, REGISTER_INDEX);

  return TRUE;
}

static void
mmio_sim_store (MmioSim * sim, guint n, guint32 value)
{
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  __atomic_store_n (&sim->registers[n], GUINT32_TO_LE (value),
      __ATOMIC_SEQ_CST);
  /* Only on x86 does a store keep later stores to the frame behind it */
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
}

/* Writes a frame into its slot.  The counter becomes odd before the frame
 * changes and even after it, so that readers detect the change.  The index names
 * the complete slot before the counter becomes even. */
static void
mmio_sim_write_frame (MmioSim * sim, guint number)
{
  const guint n_buffers = sim->layout.n_buffers;
  const guint slot = number % n_buffers;
  /* All slots start with frame 0 */
  const guint before = number < n_buffers ? 0 : number - n_buffers;

  mmio_sim_store (sim, REGISTER_COUNTER, 2 * number - 1);
  mmio_pattern_repaint (&sim->layout, sim->memory + sim->layout.buffer[slot],
      before, number);
  if (n_buffers > 1)
    mmio_sim_store (sim, REGISTER_INDEX, slot);
  mmio_sim_store (sim, REGISTER_COUNTER, 2 * number);
}

static gpointer
mmio_sim_run (gpointer data)
{
  MmioSim *sim = data;
  const gint64 period = G_TIME_SPAN_SECOND / RATE;
  gint64 next = g_get_monotonic_time ();
  guint number = 1;

  g_mutex_lock (&sim->lock);
  while (!sim->stop) {
    /* After a stall, continue from now instead of making up for lost frames */
    next = MAX (next + period, g_get_monotonic_time ());
    while (!sim->stop && g_cond_wait_until (&sim->wake, &sim->lock, next));

    g_mutex_unlock (&sim->lock);
    mmio_sim_write_frame (sim, number++);
    g_mutex_lock (&sim->lock);
  }
  g_mutex_unlock (&sim->lock);

  return NULL;
}

/* Checks RLIMIT_FSIZE first, since exceeding it also raises SIGXFSZ */
static gboolean
set_size (int fd, guint64 size)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_FSIZE, &limit) == 0 &&
      limit.rlim_cur != RLIM_INFINITY && size > limit.rlim_cur) {
    errno = EFBIG;
    return FALSE;
  }

  return MMIO_RETRY (ftruncate (fd, size)) == 0;
}

/* Allocates the pages; otherwise a store raises SIGBUS when memory runs out.  A
 * signal undoes the work of a call, so each call allocates little. */
static gboolean
allocate (int fd, guint64 start, guint64 length)
{
  while (length > 0) {
    const guint64 chunk = MIN (length, ALLOCATED_AT_ONCE);

    if (MMIO_RETRY (fallocate (fd, 0, start, chunk)) < 0 &&
        errno != EOPNOTSUPP && errno != ENOSYS)
      return FALSE;
    start += chunk;
    length -= chunk;
  }

  return TRUE;
}

/* Allocates the frames and the registers, but not the memory before the frames */
static gboolean
allocate_written (const MmioSim * sim)
{
  const MmioLayout *layout = &sim->layout;
  const guint64 size = sim->parent.bar[0].size;
  const guint64 page = sysconf (_SC_PAGESIZE);

  for (guint i = 0; i < layout->n_buffers; i++)
    if (!allocate (sim->fd, layout->start + layout->buffer[i],
            mmio_layout_get_size (layout)))
      return FALSE;

  return allocate (sim->fd, size - page, page);
}

static void
set_power_error (guint64 size, int errnum, GError ** error)
{
  const char *call =
      "memfd_create, ftruncate, fallocate, fcntl (F_ADD_SEALS) or mmap";

  if (errnum == EFBIG)
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, call,
        "Cannot allocate %" G_GUINT64_FORMAT " bytes for the simulated device: "
        "the limit of file sizes is lower; raise it with: ulimit -f unlimited, "
        "or reduce width, height or offset.", size);
  else if (errnum == ENOMEM || errnum == ENOSPC || errnum == EINVAL)
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, call,
        "Cannot allocate %" G_GUINT64_FORMAT " bytes for the simulated device: "
        "there is no memory for them; reduce width, height or offset.", size);
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, call,
        "Cannot create a simulated device of %" G_GUINT64_FORMAT " bytes; find "
        "the reason with: sudo dmesg", size);
}

static gboolean
start_writer (MmioSim * sim, GError ** error)
{
  g_autoptr (GError) local = NULL;

  sim->writer = g_thread_try_new ("mmiovid-sim", mmio_sim_run, sim, &local);
  if (sim->writer)
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_FAILED,
      "Cannot start the simulated device: %s; raise the limit of processes "
      "with: ulimit -u NUMBER", local->message);
  munmap (sim->memory, sim->size);
  sim->memory = NULL;
  return FALSE;
}

static gboolean
mmio_sim_power_on (MmioSim * sim, GError ** error)
{
  const guint64 size = sim->parent.bar[0].size;

  /* After an earlier failure */
  if (sim->fd >= 0)
    close (sim->fd);
  sim->fd = memfd_create ("mmiovid-sim", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (sim->fd < 0 || !set_size (sim->fd, size) || !allocate_written (sim))
    goto failed;

  /* The size is constant, like that of a BAR, and users of maps rely on it */
  if (fcntl (sim->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
    goto failed;

  sim->memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, sim->fd,
      0);
  if (sim->memory == MAP_FAILED) {
    sim->memory = NULL;
    goto failed;
  }
  sim->size = size;
  sim->registers = (guint32 *) (sim->memory + size - sysconf (_SC_PAGESIZE));
  if (madvise (sim->memory, size, MADV_DONTFORK) < 0)
    g_debug ("madvise (MADV_DONTFORK): %s", g_strerror (errno));

  for (guint i = 0; i < sim->layout.n_buffers; i++)
    mmio_pattern_paint (&sim->layout, sim->memory + sim->layout.buffer[i], 0);
  return start_writer (sim, error);

failed:
  set_power_error (size, errno, error);
  return FALSE;
}

static void
set_map_error (const char *path, int errnum, GError ** error)
{
  mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, path,
      "Cannot map the simulated device; %s", errnum == ENOENT ||
      errnum == ENOTDIR ? "mount /proc." : "find the reason with: sudo dmesg");
}

static MmioRegion *
mmio_sim_map (MmioDevice * device, guint bar, guint64 offset, gsize length,
    MmioMapping wanted, GError ** error)
{
  MmioSim *sim = (MmioSim *) device;
  g_autofree char *path = NULL;
  MmioRegion *region = NULL;
  int fd;

  if (!mmio_device_check_cached (device, wanted, error))
    return NULL;

  if (!sim->writer && !mmio_sim_power_on (sim, error))
    return NULL;

  /* Maps through a read-only descriptor, so that mprotect() cannot make the
   * maps writable */
  path = g_strdup_printf ("/proc/self/fd/%d", sim->fd);
  fd = MMIO_RETRY (open (path, O_RDONLY | O_CLOEXEC));
  if (fd >= 0)
    region = mmio_device_map_fd (device, fd, offset, length,
        MMIO_MAPPING_CACHED);
  if (!region)
    set_map_error (path, errno, error);
  if (fd >= 0)
    close (fd);

  return region;
}

static int
mmio_sim_export (MmioDevice * device, guint bar, guint64 offset,
    guint64 length, GError ** error)
{
  MmioSim *sim = (MmioSim *) device;

  return mmio_udmabuf_export (sim->fd, offset, length, device->address, error);
}

static void
power_off (MmioSim * sim)
{
  if (sim->writer) {
    g_mutex_lock (&sim->lock);
    sim->stop = TRUE;
    g_cond_signal (&sim->wake);
    g_mutex_unlock (&sim->lock);
    g_thread_join (sim->writer);
  }

  if (sim->memory)
    munmap (sim->memory, sim->size);

  g_cond_clear (&sim->wake);
  g_mutex_clear (&sim->lock);
}

static void
mmio_sim_free (MmioDevice * device)
{
  MmioSim *sim = (MmioSim *) device;

  if (mmio_process_is_current (sim->process))
    power_off (sim);
  else if (sim->writer)
    g_thread_unref (sim->writer);
  if (sim->fd >= 0)
    close (sim->fd);
  g_free (sim);
}

static const MmioBackend mmio_sim_backend = {
  .name = "sim",
  .describe = mmio_sim_describe,
  .map = mmio_sim_map,
  .export = mmio_sim_export,
  .free = mmio_sim_free,
};

/* Creates a simulated device.  It accepts any frame whose pattern it can write. */
MmioDevice *
mmio_sim_new (void)
{
  MmioSim *sim = g_new0 (MmioSim, 1);

  mmio_device_init (&sim->parent, &mmio_sim_backend,
      g_strdup ("simulated device"), g_strdup ("sim"));
  sim->fd = -1;
  sim->process = mmio_process_get ();
  g_mutex_init (&sim->lock);
  g_cond_init (&sim->wake);

  return &sim->parent;
}
