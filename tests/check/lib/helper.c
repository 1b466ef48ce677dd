/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

TCase *
add_case (Suite * suite, const char *name)
{
  TCase *tc = tcase_create (name);

  /* For hangs, not for slow machines or valgrind */
  tcase_set_timeout (tc, 300);
  suite_add_tcase (suite, tc);
  return tc;
}

/* The error is what it should be, its sentence has all the words, and nothing
 * that makes it more than one line; clears it. */
void
check_error (GError ** error, MmioErrorCode code, ...)
{
  const char *word, *message;
  va_list args;

  fail_unless (*error != NULL, "there is no error");
  message = (*error)->message;
  GST_INFO ("%s", message);

  fail_unless ((*error)->domain == MMIO_ERROR, "domain of '%.300s'", message);
  fail_unless ((*error)->code == (gint) code,
      "code %d, not %d, of '%.300s'", (*error)->code, code, message);
  fail_unless (strlen (message) > 20, "'%.300s' says too little", message);
  fail_unless (strpbrk (message, "\n\r\t") == NULL, "'%.300s' has lines",
      message);

  va_start (args, code);
  word = va_arg (args, const char *);
  while (word) {
    fail_unless (strstr (message, word) != NULL,
        "'%.300s' does not say '%.300s'", message, word);
    word = va_arg (args, const char *);
  }
  va_end (args);

  g_clear_error (error);
}

#define N_BLOCKS 3

#define GRAY(name, be, ...) \
    { name, MMIO_COLOR_GRAY, be, 1, 1, { __VA_ARGS__ }, 0, 0, FALSE }
#define RGB(name, be, planes, n, ...) \
    { name, MMIO_COLOR_RGB, be, planes, n, { __VA_ARGS__ }, 0, 0, FALSE }
#define YUV(name, be, planes, n, ...) \
    { name, MMIO_COLOR_YUV, be, planes, n, { __VA_ARGS__ }, 0, 0, FALSE }

/* Plane, offset, pixel stride, w_sub, h_sub, shift, depth of each component;
 * picture.c compares them with GStreamer's.  The last N_BLOCKS cannot be
 * painted. */
static const MmioFormat more_formats[] = {
  GRAY ("GRAY16_LE", FALSE, {0, 0, 2, 0, 0, 0, 16}),
  GRAY ("GRAY16_BE", TRUE, {0, 0, 2, 0, 0, 0, 16}),

  RGB ("ARGB", FALSE, 1, 4, {0, 1, 4, 0, 0, 0, 8}, {0, 2, 4, 0, 0, 0, 8},
      {0, 3, 4, 0, 0, 0, 8}, {0, 0, 4, 0, 0, 0, 8}),
  RGB ("GBR", FALSE, 3, 3, {2, 0, 1, 0, 0, 0, 8}, {0, 0, 1, 0, 0, 0, 8},
      {1, 0, 1, 0, 0, 0, 8}),
  RGB ("GBR_10BE", TRUE, 3, 3, {2, 0, 2, 0, 0, 0, 10}, {0, 0, 2, 0, 0, 0, 10},
      {1, 0, 2, 0, 0, 0, 10}),
  RGB ("BGR10A2_LE", FALSE, 1, 4, {0, 0, 4, 0, 0, 20, 10},
      {0, 0, 4, 0, 0, 10, 10}, {0, 0, 4, 0, 0, 0, 10}, {0, 0, 4, 0, 0, 30, 2}),
  RGB ("ARGB64_LE", FALSE, 1, 4, {0, 2, 8, 0, 0, 0, 16},
      {0, 4, 8, 0, 0, 0, 16}, {0, 6, 8, 0, 0, 0, 16}, {0, 0, 8, 0, 0, 0, 16}),

  YUV ("AYUV", FALSE, 1, 4, {0, 1, 4, 0, 0, 0, 8}, {0, 2, 4, 0, 0, 0, 8},
      {0, 3, 4, 0, 0, 0, 8}, {0, 0, 4, 0, 0, 0, 8}),
  YUV ("v308", FALSE, 1, 3, {0, 0, 3, 0, 0, 0, 8}, {0, 1, 3, 0, 0, 0, 8},
      {0, 2, 3, 0, 0, 0, 8}),
  YUV ("YV12", FALSE, 3, 3, {0, 0, 1, 0, 0, 0, 8}, {2, 0, 1, 1, 1, 0, 8},
      {1, 0, 1, 1, 1, 0, 8}),
  YUV ("YUV9", FALSE, 3, 3, {0, 0, 1, 0, 0, 0, 8}, {1, 0, 1, 2, 2, 0, 8},
      {2, 0, 1, 2, 2, 0, 8}),
  YUV ("Y42B", FALSE, 3, 3, {0, 0, 1, 0, 0, 0, 8}, {1, 0, 1, 1, 0, 0, 8},
      {2, 0, 1, 1, 0, 0, 8}),
  YUV ("Y444", FALSE, 3, 3, {0, 0, 1, 0, 0, 0, 8}, {1, 0, 1, 0, 0, 0, 8},
      {2, 0, 1, 0, 0, 0, 8}),
  YUV ("A420", FALSE, 4, 4, {0, 0, 1, 0, 0, 0, 8}, {1, 0, 1, 1, 1, 0, 8},
      {2, 0, 1, 1, 1, 0, 8}, {3, 0, 1, 0, 0, 0, 8}),
  YUV ("NV21", FALSE, 2, 3, {0, 0, 1, 0, 0, 0, 8}, {1, 1, 2, 1, 1, 0, 8},
      {1, 0, 2, 1, 1, 0, 8}),
  YUV ("NV16", FALSE, 2, 3, {0, 0, 1, 0, 0, 0, 8}, {1, 0, 2, 1, 0, 0, 8},
      {1, 1, 2, 1, 0, 0, 8}),
  YUV ("NV24", FALSE, 2, 3, {0, 0, 1, 0, 0, 0, 8}, {1, 0, 2, 0, 0, 0, 8},
      {1, 1, 2, 0, 0, 0, 8}),
  YUV ("I420_10LE", FALSE, 3, 3, {0, 0, 2, 0, 0, 0, 10},
      {1, 0, 2, 1, 1, 0, 10}, {2, 0, 2, 1, 1, 0, 10}),
  YUV ("I420_10BE", TRUE, 3, 3, {0, 0, 2, 0, 0, 0, 10},
      {1, 0, 2, 1, 1, 0, 10}, {2, 0, 2, 1, 1, 0, 10}),
  YUV ("P010_10LE", FALSE, 2, 3, {0, 0, 2, 0, 0, 6, 10},
      {1, 0, 4, 1, 1, 6, 10}, {1, 2, 4, 1, 1, 6, 10}),
  YUV ("P010_10BE", TRUE, 2, 3, {0, 0, 2, 0, 0, 6, 10},
      {1, 0, 4, 1, 1, 6, 10}, {1, 2, 4, 1, 1, 6, 10}),

  /* Pixels that share bytes: where their samples lie in the block nobody asks,
   * but for the plane and its rows */
  {"v210", MMIO_COLOR_YUV, FALSE, 1, 3, {{0,}}, 48, 128, FALSE},
  {"UYVP", MMIO_COLOR_YUV, FALSE, 1, 3, {{0,}}, 2, 5, TRUE},
  {"NV12_10LE32", MMIO_COLOR_YUV, FALSE, 2, 3, {{0, 0, 0, 0, 0, 0, 10},
          {1, 0, 0, 1, 1, 0, 10}, {1, 1, 0, 1, 1, 0, 10}}, 3, 4, FALSE},
};

/* The ones that the library knows by itself */
static const char *const library_formats[] = {
  "RGB", "BGR", "RGBx", "BGRx", "xRGB", "xBGR", "RGB16", "RGB15", "GRAY8",
  "YUY2", "UYVY", "NV12", "I420",
};

guint
test_format_count (void)
{
  return G_N_ELEMENTS (library_formats) + G_N_ELEMENTS (more_formats);
}

/* Those that come first can be painted */
guint
test_format_count_paintable (void)
{
  return test_format_count () - N_BLOCKS;
}

/* Returns: the @n-th format that tests know, NULL after the last one */
const MmioFormat *
test_format_nth (guint n)
{
  if (n < G_N_ELEMENTS (library_formats))
    return test_format (library_formats[n]);

  n -= G_N_ELEMENTS (library_formats);
  return n < G_N_ELEMENTS (more_formats) ? &more_formats[n] : NULL;
}

const MmioFormat *
test_format (const char *name)
{
  const MmioFormat *format = mmio_format_find (name);

  for (guint i = 0; !format && i < G_N_ELEMENTS (more_formats); i++) {
    if (strcmp (more_formats[i].name, name) == 0)
      format = &more_formats[i];
  }

  fail_unless (format != NULL, "no format %s", name);
  return format;
}

MmioSpec
test_spec (const char *format, guint width, guint height, guint64 offset,
    guint stride)
{
  MmioSpec spec = {
    .width = width,.height = height,.offset = offset,.stride = stride
  };

  if (format)
    spec.format = *test_format (format);
  return spec;
}

MmioPicture
test_picture (const char *format, guint width, guint height, guint64 offset,
    guint stride)
{
  MmioSpec spec = test_spec (format, width, height, offset, stride);
  MmioPicture picture;
  GError *error = NULL;

  fail_unless (mmio_picture_init (&picture, &spec, &error), "%s %ux%u: %s",
      format, width, height, error ? error->message : "");
  return picture;
}

/* Whether @byte of the BAR belongs to a row of some plane */
gboolean
in_picture (const MmioPicture * picture, guint64 byte)
{
  for (guint i = 0; i < picture->format.n_planes; i++) {
    const MmioPlane *plane = &picture->plane[i];
    guint64 at = byte - plane->offset;

    if (byte >= plane->offset && at / plane->stride < plane->rows &&
        at % plane->stride < plane->row_bytes)
      return TRUE;
  }

  return FALSE;
}

/* Whether @engine has to run here, by what the test knows of the CPU and of
 * what ORC_CODE forbids */
gboolean
can_run (MmioEngine engine)
{
  const char *orc_code = g_getenv ("ORC_CODE");

  switch (engine) {
    case MMIO_ENGINE_ORC:
      if (orc_code && (strstr (orc_code, "emulate") ||
              strstr (orc_code, "backup")))
        return FALSE;
#if defined (__x86_64__) || defined (__i386__)
      return __builtin_cpu_supports ("sse2") != 0;
#else
      return mmio_reader_choose (engine, MMIO_MAPPING_CACHED,
          &(const char *) { NULL }, NULL) != NULL;
#endif
    case MMIO_ENGINE_STREAM:
#if defined (__x86_64__) || defined (__i386__)
      return __builtin_cpu_supports ("sse4.1") != 0;
#elif defined (__aarch64__)
      return TRUE;
#else
      return FALSE;
#endif
    case MMIO_ENGINE_AUTO:
    case MMIO_ENGINE_U64:
    case MMIO_ENGINE_U32:
    default:
      return TRUE;
  }
}

/* Returns: the engine, or NULL where it cannot run, which is said */
const MmioReader *
test_reader (MmioEngine engine)
{
  const MmioReader *reader;
  GError *error = NULL;
  const char *reason = NULL;

  reader = mmio_reader_choose (engine, MMIO_MAPPING_CACHED, &reason, &error);
  fail_unless ((reader != NULL) == can_run (engine), "engine %d: %s", engine,
      error ? error->message : "runs, but cannot");
  if (!reader)
    g_print ("SKIP: %s\n", error->message);
  g_clear_error (&error);

  return reader;
}

gsize
page_size (void)
{
  return sysconf (_SC_PAGESIZE);
}

/* @n pages of which neither the byte before nor the one after can be touched */
void
pages_init (Pages * pages, guint n)
{
  pages->size = n * page_size ();
  pages->map_size = pages->size + 2 * page_size ();
  pages->map = mmap (NULL, pages->map_size, PROT_NONE,
      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  fail_unless (pages->map != MAP_FAILED);
  pages->data = pages->map + page_size ();
  fail_unless (mprotect (pages->data, pages->size,
          PROT_READ | PROT_WRITE) == 0);
}

void
pages_clear (Pages * pages)
{
  munmap (pages->map, pages->map_size);
}

void
fill_random (guint8 * data, gsize size, guint32 seed)
{
  GRand *rand = g_rand_new_with_seed (seed);

  for (gsize i = 0; i < size; i++)
    data[i] = g_rand_int (rand) >> 13;

  g_rand_free (rand);
}

void
fail_unless_all (const guint8 * data, gsize size, guint8 value)
{
  /* fail_unless() takes long, even if it does not fail */
  for (gsize i = 0; i < size; i++) {
    if (data[i] != value)
      fail ("byte %" G_GSIZE_FORMAT " is %#x, not %#x", i, data[i], value);
  }
}

static guint
count_entries (const char *path)
{
  DIR *dir = opendir (path);
  struct dirent *entry;
  guint n = 0;

  fail_unless (dir != NULL, "%s: %s", path, g_strerror (errno));
  while ((entry = readdir (dir)))
    n += entry->d_name[0] != '.';
  closedir (dir);

  return n;
}

/* One of them is the directory's own, always */
guint
count_fds (void)
{
  return count_entries ("/proc/self/fd");
}

#ifdef __SANITIZE_THREAD__
static gpointer
get_id (gpointer data)
{
  return GINT_TO_POINTER (gettid ());
}

/* The sanitizer starts a thread of its own with the first one of a process, here
 * of a forked one, which would be counted as somebody else's */
static void
start_sanitizer (void)
{
  static pid_t started;
  GThread *thread;
  char path[64];

  if (started == getpid ())
    return;

  started = getpid ();
  thread = g_thread_new ("sanitizer", get_id, NULL);
  g_snprintf (path, sizeof (path), "/proc/self/task/%d",
      GPOINTER_TO_INT (g_thread_join (thread)));
  /* It may still be on its way out of the kernel */
  while (access (path, F_OK) == 0)
    g_usleep (1000);
}
#endif

guint
count_threads (void)
{
#ifdef __SANITIZE_THREAD__
  start_sanitizer ();
#endif
  return count_entries ("/proc/self/task");
}

/* Those with this name; the kernel keeps 15 characters of it */
guint
count_threads_named (const char *name)
{
  GDir *dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *task;
  guint n = 0;

  fail_unless (dir != NULL);
  while ((task = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename ("/proc/self/task", task, "comm",
        NULL);
    g_autofree char *comm = NULL;

    /* It may have ended meanwhile */
    if (g_file_get_contents (path, &comm, NULL, NULL))
      n += strcmp (g_strchomp (comm), name) == 0;
  }
  g_dir_close (dir);

  return n;
}

/* A joined thread may still be on its way out of the kernel */
void
wait_for_threads (guint wanted)
{
  const gint64 end = g_get_monotonic_time () + HANG;

  while (count_threads () != wanted) {
    fail_unless (g_get_monotonic_time () < end, "%u threads, not %u",
        count_threads (), wanted);
    g_usleep (1000);
  }
}

/* Without malloc(), for forked children; a line longer than that is cut */
static guint
visit_maps (const char *word, char *first, gsize size)
{
  FILE *maps = fopen ("/proc/self/maps", "r");
  char line[4096];
  guint n = 0;

  fail_unless (maps != NULL);
  while (fgets (line, sizeof (line), maps)) {
    if (!strstr (line, word))
      continue;
    if (n++ == 0 && first)
      g_strlcpy (first, line, size);
  }
  fclose (maps);

  return n;
}

/* Lines of the process's memory map with @word in them */
guint
count_maps (const char *word)
{
  return visit_maps (word, NULL, 0);
}

/* The same in a child, which ends so that nothing looks for leaks in it */
guint
count_maps_of_child (const char *word)
{
  int pipes[2];
  guint count;
  pid_t pid;

  fail_unless (pipe (pipes) == 0);
  pid = fork ();
  if (pid == 0) {
    count = count_maps (word);
    if (write (pipes[1], &count, sizeof (count)) == sizeof (count))
      raise (SIGKILL);
    _exit (1);
  }

  close (pipes[1]);
  fail_unless (pid > 0);
  fail_unless (read (pipes[0], &count, sizeof (count)) == sizeof (count));
  fail_unless (waitpid (pid, NULL, 0) == pid);
  close (pipes[0]);
  return count;
}

/* Returns: the rwxs letters of the first map with @word */
char *
get_map_permissions (const char *word)
{
  char line[4096];
  const char *space;

  fail_unless (visit_maps (word, line, sizeof (line)) > 0, "no map of %s",
      word);
  space = strchr (line, ' ');
  fail_unless (space != NULL);
  return g_strndup (space + 1, 4);
}

static gboolean
is_fd_of (int fd, const char *word)
{
  g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree char *target = g_file_read_link (link, NULL);

  return target && strstr (target, word);
}

/* Returns: a descriptor of a file with @word in its path, or -1 */
int
find_fd (const char *word)
{
  for (int fd = 0; fd < 1024; fd++)
    if (is_fd_of (fd, word))
      return fd;

  return -1;
}

/* Descriptors of files with @word in their path */
guint
count_fds_of (const char *word)
{
  guint n = 0;

  for (int fd = 0; fd < 1024; fd++)
    n += is_fd_of (fd, word);

  return n;
}

/* What a program says of itself that is started by fork() and exec(), or by
 * posix_spawn(): what it has open, and mapped */
static char *
describe_program (gboolean is_spawned)
{
  char *const argv[] = {
    (char *) "sh", (char *) "-c",
    (char *) "ls -l /proc/self/fd; cat /proc/self/maps", NULL
  };
  GString *text = g_string_new (NULL);
  posix_spawn_file_actions_t actions;
  char bytes[4096];
  int pipes[2], status;
  gssize n;
  pid_t pid;

  fail_unless (pipe2 (pipes, O_CLOEXEC) == 0);
  fail_unless (posix_spawn_file_actions_init (&actions) == 0);
  posix_spawn_file_actions_adddup2 (&actions, pipes[1], STDOUT_FILENO);
  if (is_spawned) {
    fail_unless (posix_spawn (&pid, "/bin/sh", &actions, NULL, argv,
            environ) == 0);
  } else {
    pid = fork ();
    if (pid == 0) {
      dup2 (pipes[1], STDOUT_FILENO);
      execv ("/bin/sh", argv);
      _exit (127);
    }
  }
  posix_spawn_file_actions_destroy (&actions);
  close (pipes[1]);

  while ((n = read (pipes[0], bytes, sizeof (bytes))) > 0)
    g_string_append_len (text, bytes, n);
  close (pipes[0]);
  fail_unless (pid > 0 && waitpid (pid, &status, 0) == pid);
  fail_unless (WIFEXITED (status) && WEXITSTATUS (status) == 0, "%.200s",
      text->str);

  return g_string_free (text, FALSE);
}

/* A program that is started from here has neither a descriptor nor a map of
 * something that is open here, with @word in its path */
void
check_not_inherited (const char *word)
{
  const int fd = find_fd (word);

  fail_unless (fd >= 0, "nothing with %s is open", word);
  for (guint is_spawned = 0; is_spawned < 2; is_spawned++) {
    g_autofree char *text = describe_program (is_spawned);
    g_autofree char *other = NULL;
    int inherited;

    fail_if (strstr (text, word), "inherited: %.200s", strstr (text, word));
    /* It does look */
    inherited = fcntl (fd, F_DUPFD, 0);
    other = describe_program (is_spawned);
    fail_unless (strstr (other, word), "%.200s is not seen", word);
    close (inherited);
  }
}

static char *temp_dir;

/* As unchecked fixtures: the directory goes, even if the test crashes */
void
temp_setup (void)
{
  GError *error = NULL;

  temp_dir = g_dir_make_tmp ("mmiovid-check-XXXXXX", &error);
  g_assert_no_error (error);
  /* For tests that give up being root */
  g_assert_cmpint (g_chmod (temp_dir, 0755), ==, 0);
}

void
temp_teardown (void)
{
  GDir *dir = g_dir_open (temp_dir, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (temp_dir, name, NULL);

    g_remove (path);
  }
  g_clear_pointer (&dir, g_dir_close);
  g_assert_cmpint (g_rmdir (temp_dir), ==, 0);
  g_clear_pointer (&temp_dir, g_free);
}

char *
temp_path (const char *name)
{
  return g_build_filename (temp_dir, name, NULL);
}

/* Returns: the path of a file with these contents */
char *
temp_file (const char *name, const guint8 * data, gsize size)
{
  char *path = temp_path (name);
  GError *error = NULL;

  fail_unless (g_file_set_contents (path, (const char *) data, size, &error),
      "%s", error ? error->message : "");
  return path;
}

/* A file of zeros, for a test to write to; munmap() it */
guint8 *
temp_map (const char *name, gsize size, char **path)
{
  g_autofree guint8 *zeros = g_malloc0 (size);
  guint8 *memory;
  int fd;

  *path = temp_file (name, zeros, size);
  fd = open (*path, O_RDWR | O_CLOEXEC);
  fail_unless (fd >= 0);
  memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  fail_unless (memory != MAP_FAILED);
  close (fd);

  return memory;
}

static MmioRegion *
fake_map (MmioDevice * device, guint bar, guint64 offset, gsize length,
    MmioMapping wanted, GError ** error)
{
  FakeDevice *fake = (FakeDevice *) device;
  MmioRegion *region;

  fail_unless (bar < MMIO_MAX_BARS);
  fake->n_maps++;
  fake->last_bar = bar;
  fake->last_offset = offset;
  fake->last_length = length;
  fake->last_wanted = wanted;

  if (fake->fail_map) {
    mmio_set_system_error (error, MMIO_ERROR_BUSY, EINVAL, "mmap",
        "The fake device does not want to be mapped.");
    return NULL;
  }

  region = mmio_device_map_fd (device, fake->fd[bar], offset, length,
      MMIO_MAPPING_UNCACHED);
  fail_unless (region != NULL, "%s", g_strerror (errno));
  return region;
}

static void
fake_free (MmioDevice * device)
{
  FakeDevice *fake = (FakeDevice *) device;

  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    if (fake->fd[i] >= 0)
      close (fake->fd[i]);
  }
  if (fake->interrupt_fd >= 0)
    close (fake->interrupt_fd);
  if (fake->freed)
    *fake->freed = TRUE;
  g_free (fake);
}

static const MmioBackend fake_backend = {
  .access = "fake",
  .has_bars = TRUE,
  .map = fake_map,
  .free = fake_free,
};

static int
fake_open_interrupt (MmioDevice * device, GError ** error)
{
  return ((FakeDevice *) device)->interrupt_fd;
}

/* As a UIO device does it: what has gone can be read for ever */
static gboolean
fake_take_interrupts (MmioDevice * device, guint * count)
{
  FakeDevice *fake = (FakeDevice *) device;
  guint64 times;

  if (g_atomic_int_get (&fake->has_gone))
    return FALSE;
  if (read (fake->interrupt_fd, &times, sizeof (times)) == sizeof (times))
    *count = times;
  return TRUE;
}

static void
fake_close_interrupt (MmioDevice * device)
{
  ((FakeDevice *) device)->n_closes++;
}

static const MmioBackend fake_interrupt_backend = {
  .access = "fake",
  .has_bars = TRUE,
  .map = fake_map,
  .open_interrupt = fake_open_interrupt,
  .take_interrupts = fake_take_interrupts,
  .close_interrupt = fake_close_interrupt,
  .free = fake_free,
};

/* A device that cannot tell anything and has no BAR yet */
FakeDevice *
fake_new (void)
{
  FakeDevice *fake = g_new0 (FakeDevice, 1);

  mmio_device_init (&fake->parent, &fake_backend, g_strdup ("fake device"),
      g_strdup ("0000:aa:11.3"));
  for (guint i = 0; i < MMIO_MAX_BARS; i++)
    fake->fd[i] = -1;
  fake->interrupt_fd = -1;

  return fake;
}

void
fake_set_memory (FakeDevice * fake, guint bar, gsize size)
{
  fake->fd[bar] = memfd_create ("mmiocheck-bar", MFD_CLOEXEC);
  fail_unless (fake->fd[bar] >= 0);
  fail_unless (ftruncate (fake->fd[bar], size) == 0);
  fake->parent.bar[bar].size = size;
}

void
fake_set_io (FakeDevice * fake, guint bar, gsize size)
{
  fake->parent.bar[bar].size = size;
  fake->parent.bar[bar].is_io = TRUE;
}

void
fake_add_interrupt (FakeDevice * fake)
{
  fake->parent.backend = &fake_interrupt_backend;
  fake->interrupt_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  fail_unless (fake->interrupt_fd >= 0);
}

/* So many interrupts, which nobody can take one by one */
void
fake_raise (FakeDevice * fake, guint times)
{
  const guint64 value = times;

  fail_unless (write (fake->interrupt_fd, &value, sizeof (value)) ==
      sizeof (value));
}

void
fake_unplug (FakeDevice * fake)
{
  g_atomic_int_set (&fake->has_gone, TRUE);
  fake_raise (fake, 1);
}

/* It is back, for whoever opens it */
void
fake_plug (FakeDevice * fake)
{
  g_atomic_int_set (&fake->has_gone, FALSE);
  g_clear_error (&fake->parent.maps.loss);
}

void
fake_write (FakeDevice * fake, guint bar, gsize offset, gconstpointer data,
    gsize size)
{
  fail_unless (pwrite (fake->fd[bar], data, size, offset) == (gssize) size);
}
