/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character devices: those of this machine that map (/dev/zero) and do not
 * (/dev/null), and ones of which the test plays sysfs and the driver.
 */
#include "fixtures/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <linux/mman.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "backends/mmioopen.h"
#include "capture/mmiocapture.h"
#include "describe/mmiodescribe.h"
#include "describe/mmiovid-header.h"
#include "device/mmiobar.h"
#include "map/mmioguard.h"

#define KVMFR_DMABUF_GETSIZE _IO ('u', 0x44)
#define KVMFR_SIZE 65536

/* --- What the test plays -------------------------------------------------- */

static struct
{
  const char *class;            /* NULL: what sysfs says */
  const char *name;             /* likewise */
  int open_errnum;
  int mmap_errnum;
  int populate_errnum;
  int memory;                   /* what is mapped of the device; 0: the device */
  gint64 kvmfr_size;
  guint n_opens, n_ioctls;
} fake;

static void
setup (void)
{
  memset (&fake, 0, sizeof (fake));
  fake.kvmfr_size = KVMFR_SIZE;
  temp_setup ();
}

static void
teardown (void)
{
  if (fake.memory > 0)
    close (fake.memory);
  fake.memory = 0;
  temp_teardown ();
}

char *__real_realpath (const char *path, char *resolved);
char *__wrap_realpath (const char *path, char *resolved);

char *
__wrap_realpath (const char *path, char *resolved)
{
  const gboolean is_device = g_str_has_prefix (path, "/sys/dev/char/");
  const char *played = is_device && g_str_has_suffix (path, "/subsystem") ?
      fake.class : is_device ? fake.name : NULL;

  fail_unless (resolved == NULL);
  return played ? g_strconcat ("/sys/class/", played, NULL) :
      __real_realpath (path, resolved);
}

/* *INDENT-OFF* */
#define WRAP_OPEN(open) \
int __real_##open (const char *path, int flags, ...); \
int __wrap_##open (const char *path, int flags, ...); \
\
int \
__wrap_##open (const char *path, int flags, ...) \
{ \
  fake.n_opens++; \
  if (fake.open_errnum != 0) { \
    errno = fake.open_errnum; \
    return -1; \
  } \
  return __real_##open (path, flags); \
}

#define WRAP_MMAP(mmap) \
void *__real_##mmap (void *, size_t, int, int, int, off_t); \
void *__wrap_##mmap (void *, size_t, int, int, int, off_t); \
\
void * \
__wrap_##mmap (void *address, size_t length, int prot, int flags, int fd, \
    off_t offset) \
{ \
  if (fake.mmap_errnum != 0) { \
    errno = fake.mmap_errnum; \
    return MAP_FAILED; \
  } \
  return __real_##mmap (address, length, prot, flags, \
      fd >= 0 && fake.memory > 0 ? fake.memory : fd, offset); \
}

WRAP_OPEN (open)
WRAP_OPEN (open64)
WRAP_MMAP (mmap)
WRAP_MMAP (mmap64)
/* *INDENT-ON* */

int __real_madvise (void *start, size_t length, int advice);
int __wrap_madvise (void *start, size_t length, int advice);

int
__wrap_madvise (void *start, size_t length, int advice)
{
  if (advice == MADV_POPULATE_READ && fake.populate_errnum != 0) {
    fail_unless_equals_int (length, page_size ());
    errno = fake.populate_errnum;
    return -1;
  }

  return __real_madvise (start, length, advice);
}

int __wrap_ioctl (int fd, unsigned long request, ...);

int
__wrap_ioctl (int fd, unsigned long request, ...)
{
  fail_unless (request == KVMFR_DMABUF_GETSIZE);
  fake.n_ioctls++;
  if (fake.kvmfr_size < 0)
    errno = -fake.kvmfr_size;
  return fake.kvmfr_size < 0 ? -1 : fake.kvmfr_size;
}

/* --- What tests do -------------------------------------------------------- */

static MmioDevice *
open_path (const char *path, GError ** error)
{
  g_auto (MmioAddress) address = { 0, };

  fail_unless (mmio_address_parse (&address, path, NULL), "%s", path);
  return mmio_device_open (&address, MMIO_ACCESS_AUTO, error);
}

static MmioRegion *
map_gray (MmioDevice * device, guint width, guint64 offset,
    MmioMapping mapping, GError ** error)
{
  const MmioLayout picture = test_picture ("GRAY8", width, 1, offset, 0);
  gint bar = -1;

  return mmio_device_map (device, &bar, &picture, mapping, error);
}

/* A node of the test's own: a link, since only root makes nodes */
static char *
make_node (const char *name, const char *target)
{
  char *path = temp_path (name);

  fail_unless (symlink (target, path) == 0);
  return path;
}

static void
check_system (const GError * error, const char *call, int errnum)
{
  const char *system = mmio_error_get_system (error);

  fail_unless (system && g_str_has_prefix (system, call) &&
      strstr (system, g_strerror (errnum)), "%s", system);
}

/* --- Memory --------------------------------------------------------------- */

GST_START_TEST (test_content)
{
  const guint fds = count_fds ();
  g_autoptr (GError) error = NULL;
  MmioDevice *device = open_path ("/dev/zero", &error);
  MmioRegion *region;
  g_autofree char *permissions = NULL;
  const int fd = find_fd ("/dev/zero");

  fail_unless (device != NULL, "%s", error ? error->message : "");
  fail_unless_equals_string (mmio_device_get_name (device), "device zero");
  fail_unless_equals_string (mmio_device_get_address (device), "/dev/zero");
  fail_unless_equals_string (mmio_device_get_access_name (device), "chardev");
  fail_unless (fcntl (fd, F_GETFD) & FD_CLOEXEC);
  fail_unless_equals_int (fcntl (fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  fail_unless (fcntl (fd, F_GETFL) & O_NONBLOCK);

  region = map_gray (device, 10000, 5000, MMIO_MAPPING_AUTO, &error);
  fail_unless (region != NULL, "%s", error ? error->message : "");
  fail_unless (mmio_region_get_mapping (region) == MMIO_MAPPING_UNCACHED);
  fail_unless_equals_uint64 (mmio_region_get_length (region), 10000);
  fail_unless_all (mmio_region_get_data (region), 10000, 0);
  permissions = get_map_permissions ("/dev/zero");
  fail_unless_equals_string (permissions, "r--s");
  fail_unless_equals_int (count_maps_of_child ("/dev/zero"), 0);

  mmio_device_unref (device);
  mmio_region_unref (region);
  fail_unless_equals_int (count_fds (), fds);
  fail_unless_equals_int (count_maps ("/dev/zero"), 0);
  fail_unless_equals_int (fake.n_ioctls, 0);
}

GST_END_TEST;

/* The padding of the last row may be beyond the device's end */
GST_START_TEST (test_no_padding)
{
  const MmioLayout picture = test_picture ("GRAY8", 10, 2, 0, 100000);
  g_autoptr (MmioDevice) device = open_path ("/dev/zero", NULL);
  g_autoptr (MmioRegion) region = NULL;
  gint bar = -1;

  region = mmio_device_map (device, &bar, &picture, MMIO_MAPPING_AUTO, NULL);
  fail_unless_equals_int (bar, 0);
  fail_unless_equals_uint64 (mmio_region_get_map_length (region),
      (100010 + page_size () - 1) / page_size () * page_size ());
}

GST_END_TEST;

GST_START_TEST (test_mapping)
{
  g_autoptr (MmioDevice) device = open_path ("/dev/zero", NULL);
  g_autoptr (MmioRegion) region = NULL;
  GError *error = NULL;

  fail_unless (map_gray (device, 10, 0, MMIO_MAPPING_WRITE_COMBINING,
          &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "/dev/zero", "write-combining",
      "mapping to auto", NULL);
  region = map_gray (device, 10, 0, MMIO_MAPPING_UNCACHED, &error);
  fail_unless (region != NULL && error == NULL);
}

GST_END_TEST;

GST_START_TEST (test_other_bar)
{
  const MmioLayout picture = test_picture ("GRAY8", 1, 1, 0, 0);
  g_autoptr (MmioDevice) device = open_path ("/dev/zero", NULL);
  GError *error = NULL;
  gint bar = 1;

  fail_unless (mmio_device_map (device, &bar, &picture, MMIO_MAPPING_AUTO,
          &error) == NULL);
  check_error (&error, MMIO_ERROR_NOT_FOUND, "/dev/zero has no map 1",
      "map 0 (unknown size)", NULL);
}

GST_END_TEST;

/* --- The frame ------------------------------------------------------------ */

GST_START_TEST (test_cannot_tell)
{
  g_autoptr (MmioDevice) device = open_path ("/dev/zero", NULL);
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  GError *error = NULL;
  gint bar = -1;

  fail_if (mmio_describe (device, &bar, &spec, NULL, &error));
  check_error (&error, MMIO_ERROR_SETTINGS, "device zero", "/dev/zero",
      "Set width", NULL);
}

GST_END_TEST;

/* A header is in the first page */
GST_START_TEST (test_header)
{
  g_autoptr (MmioDevice) device = open_path ("/dev/zero", NULL);
  const MmiovidHeader header = {.magic = GUINT64_TO_LE (MMIOVID_HEADER_MAGIC),
    .version = GUINT32_TO_LE (MMIOVID_HEADER_VERSION),.size =
        GUINT32_TO_LE (MMIOVID_HEADER_SIZE),.format =
        GUINT32_TO_LE (MMIOVID_FORMAT_GRAY8),.width = GUINT32_TO_LE (7),
    .height = GUINT32_TO_LE (5),.n_slots = GUINT32_TO_LE (1),
    .slot_offset = {GUINT64_TO_LE (4096)}
  };
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  g_autoptr (GError) error = NULL;
  gint bar = -1;

  fake.memory = memfd_create ("chardev", MFD_CLOEXEC);
  fail_unless (write (fake.memory, &header, sizeof (header)) ==
      sizeof (header));
  fail_unless (mmio_describe (device, &bar, &spec, NULL, &error), "%s",
      error ? error->message : "");
  fail_unless_equals_int (bar, 0);
  fail_unless_equals_int (spec.width, 7);
  fail_unless_equals_int (spec.height, 5);
  fail_unless_equals_uint64 (spec.offset, 4096);
}

GST_END_TEST;

/* --- What does not work --------------------------------------------------- */

/* Also where a header is looked for */
GST_START_TEST (test_no_mmap)
{
  g_autoptr (MmioDevice) device = open_path ("/dev/null", NULL);
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  GError *error = NULL;
  gint bar = -1;

  fail_unless (map_gray (device, 1, 0, MMIO_MAPPING_AUTO, &error) == NULL);
  check_system (error, "mmap", ENODEV);
  check_error (&error, MMIO_ERROR_SETTINGS, "Cannot map /dev/null",
      "does not support mmap", "Set device to", NULL);
  fail_if (mmio_describe (device, &bar, &spec, NULL, &error));
  check_error (&error, MMIO_ERROR_SETTINGS, "does not support mmap", NULL);
}

GST_END_TEST;

static const struct
{
  int errnum;
  MmioErrorCode code;
  const char *word;
} mmap_errors[] = {
  {EINVAL, MMIO_ERROR_SETTINGS, "maps less, or no memory there. Set width"},
  {ENXIO, MMIO_ERROR_SETTINGS, "maps less, or no memory there. Set width"},
  {EOVERFLOW, MMIO_ERROR_SETTINGS, "maps less, or no memory there. Set width"},
  {EPERM, MMIO_ERROR_NOT_PERMITTED, "does not permit it"},
  {EACCES, MMIO_ERROR_NOT_PERMITTED, "does not permit it"},
  {ENOMEM, MMIO_ERROR_FAILED, "no memory left"},
};

GST_START_TEST (test_cannot_be_mapped)
{
  const int errnum = mmap_errors[__i__].errnum;
  g_autoptr (MmioDevice) device = open_path ("/dev/zero", NULL);
  GError *error = NULL;

  fake.mmap_errnum = errnum;
  fail_unless (map_gray (device, 1000, 24, MMIO_MAPPING_AUTO, &error) == NULL);
  fake.mmap_errnum = 0;
  check_system (error, "mmap", errnum);
  check_error (&error, mmap_errors[__i__].code, "/dev/zero",
      mmap_errors[__i__].word, NULL);
}

GST_END_TEST;

GST_START_TEST (test_too_far)
{
  g_autoptr (MmioDevice) device = open_path ("/dev/zero", NULL);
  GError *error = NULL;

  fail_unless (map_gray (device, 10, G_MAXUINT64 - 10, MMIO_MAPPING_AUTO,
          &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "10 bytes",
      "18446744073709551605", "/dev/zero", "maps less", NULL);
}

GST_END_TEST;

/* A driver that looks at the length when a page is needed; and a kernel that
 * cannot know in advance */
GST_START_TEST (test_no_last_page)
{
  g_autoptr (MmioDevice) device = open_path ("/dev/zero", NULL);
  const guint maps = count_maps ("/dev/zero");
  g_autoptr (MmioRegion) region = NULL;
  GError *error = NULL;

  fake.populate_errnum = EFAULT;
  fail_unless (map_gray (device, 10000, 0, MMIO_MAPPING_AUTO, &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "10000 bytes", "/dev/zero",
      "maps less", NULL);
  fail_unless_equals_int (count_maps ("/dev/zero"), maps);

  fake.populate_errnum = EINVAL;
  region = map_gray (device, 10000, 0, MMIO_MAPPING_AUTO, &error);
  fail_unless (region != NULL && error == NULL);
}

GST_END_TEST;

static const struct
{
  const char *class, *name;
} active_devices[] = {
  {"tty", "ttyS0"}, {"watchdog", "watchdog0"}, {"misc", "watchdog"},
  {"scsi_tape", "nst0"}, {"drm", "card0"},
};

/* They are not even opened */
GST_START_TEST (test_active)
{
  GError *error = NULL;

  fake.class = active_devices[__i__].class;
  fake.name = active_devices[__i__].name;
  fake.n_opens = 0;
  fail_unless (open_path ("/dev/zero", &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "/dev/zero",
      "opening it changes its state", "Set device to", NULL);
  fail_unless_equals_int (fake.n_opens, 0);
}

GST_END_TEST;

static const struct
{
  int errnum;
  MmioErrorCode code;
  const char *word;
} open_errors[] = {
  {ENXIO, MMIO_ERROR_NOT_FOUND, "no driver has this device"},
  {ENODEV, MMIO_ERROR_NOT_FOUND, "no driver has this device"},
  {EACCES, MMIO_ERROR_NOT_PERMITTED,
      "Cannot read /dev/zero: permission denied; see dmesg"},
  {EBUSY, MMIO_ERROR_FAILED, "Cannot open /dev/zero; set device to"},
};

GST_START_TEST (test_cannot_be_opened)
{
  GError *error = NULL;

  fake.open_errnum = open_errors[__i__].errnum;
  fail_unless (open_path ("/dev/zero", &error) == NULL);
  fake.open_errnum = 0;
  check_system (error, "open", open_errors[__i__].errnum);
  check_error (&error, open_errors[__i__].code, "/dev/zero",
      open_errors[__i__].word, NULL);
}

GST_END_TEST;

/* --- KVMFR ---------------------------------------------------------------- */

/* Its driver says how large it is, and it is ordinary memory */
GST_START_TEST (test_kvmfr)
{
  g_autoptr (MmioDevice) device = NULL;
  g_autoptr (MmioRegion) region = NULL;
  GError *error = NULL;

  fake.class = "kvmfr";
  device = open_path ("/dev/zero", &error);
  fail_unless_equals_uint64 (mmio_device_get_bar (device, 0)->size, KVMFR_SIZE);
  fail_unless_equals_int (fake.n_ioctls, 1);

  region = map_gray (device, 1000, KVMFR_SIZE - 1000, MMIO_MAPPING_AUTO,
      &error);
  fail_unless (region != NULL, "%s", error ? error->message : "");
  fail_unless (mmio_region_get_mapping (region) == MMIO_MAPPING_CACHED);

  fail_unless (map_gray (device, 1000, KVMFR_SIZE - 999, MMIO_MAPPING_AUTO,
          &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "byte 65537", "65536 bytes",
      "/dev/zero", NULL);
  fail_unless (map_gray (device, 1000, 0, MMIO_MAPPING_UNCACHED,
          &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "ordinary memory", NULL);
}

GST_END_TEST;

/* A driver that does not know the number, and more than an int holds */
GST_START_TEST (test_kvmfr_no_size)
{
  static const gint64 sizes[] = { -ENOTTY, 0, (gint64) 1 << 31 };
  g_autoptr (MmioDevice) device = NULL;
  g_autoptr (MmioRegion) region = NULL;

  fake.class = "kvmfr";
  fake.kvmfr_size = sizes[__i__];
  device = open_path ("/dev/zero", NULL);
  fail_unless (mmio_device_get_bar (device, 0)->size == MMIO_SIZE_UNKNOWN);
  region = map_gray (device, 1000, 0, MMIO_MAPPING_AUTO, NULL);
  fail_unless (region != NULL);
}

GST_END_TEST;

/* --- Devices that go away ------------------------------------------------- */

GST_START_TEST (test_gone)
{
  g_autofree char *path = make_node ("node", "/dev/zero");
  g_autoptr (MmioDevice) device = open_path (path, NULL);
  GError *error = NULL;

  fail_unless (mmio_device_check (device, 0, &error));
  fail_unless (g_remove (path) == 0);
  fail_if (mmio_device_check (device, 0, &error));
  check_error (&error, MMIO_ERROR_GONE, path, "it was unplugged, or its driver "
      "was removed", "start again", NULL);
  g_free (make_node ("node", "/dev/zero"));
  fail_unless (mmio_device_check (device, 0, &error));
}

GST_END_TEST;

GST_START_TEST (test_replaced)
{
  g_autofree char *path = make_node ("node", "/dev/zero");
  g_autoptr (MmioDevice) device = open_path (path, NULL);
  GError *error = NULL;

  fail_unless (g_remove (path) == 0);
  g_free (make_node ("node", "/dev/full"));
  fail_if (mmio_device_check (device, 0, &error));
  check_error (&error, MMIO_ERROR_GONE, path, "replaced", "start again", NULL);
}

GST_END_TEST;

/* A descriptor has no node of its own */
GST_START_TEST (test_descriptor)
{
  const int fd = open ("/dev/zero", O_RDONLY | O_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (MmioDevice) device = open_path (path, NULL);
  g_autoptr (MmioRegion) region = NULL;

  close (fd);
  region = map_gray (device, 1000, 0, MMIO_MAPPING_AUTO, NULL);
  fail_unless (region != NULL);
  fail_unless (mmio_device_check (device, 0, NULL));
}

GST_END_TEST;

/* What is captured is waited for, and found again */
GST_START_TEST (test_comes_back)
{
  g_autofree char *path = make_node ("node", "/dev/zero");
  const MmioCaptureConfig config = {.device = path,.bar = -1,
    .spec = test_spec ("GRAY8", 30, 10, 0, 0)
  };
  MmioCapture *capture = mmio_capture_open (&config, NULL);
  MmioCapture *reopened;
  GError *error = NULL;

  fail_unless (mmio_capture_check_present (capture));
  fail_unless (g_remove (path) == 0);
  fail_if (mmio_capture_check_present (capture));
  fail_unless (mmio_capture_reopen (capture, &error) == NULL);
  check_error (&error, MMIO_ERROR_NOT_FOUND, path, NULL);

  g_free (make_node ("node", "/dev/zero"));
  reopened = mmio_capture_reopen (capture, &error);
  fail_unless (reopened != NULL, "%s", error ? error->message : "");
  fail_unless (mmio_capture_check_present (reopened));
  mmio_capture_close (reopened);
  mmio_capture_close (capture);
}

GST_END_TEST;

/* The driver takes its pages away while they are read */
GST_START_TEST (test_lost)
{
  g_autoptr (MmioDevice) device = open_path ("/dev/zero", NULL);
  g_autoptr (MmioRegion) region = NULL;
  GError *error = NULL;
  MmioGuardEntry entry;

  fake.memory = memfd_create ("chardev", MFD_CLOEXEC);
  fail_unless (ftruncate (fake.memory, 4 * page_size ()) == 0);
  region = map_gray (device, 4 * page_size (), 0, MMIO_MAPPING_AUTO, NULL);
  fail_unless (region != NULL && mmio_device_check (device, 0, NULL));

  fail_unless (ftruncate (fake.memory, 0) == 0);
  mmio_guard_enter (&entry);
  fail_unless_equals_int (mmio_reader_load_u8 (mmio_region_get_data (region)),
      0);
  mmio_guard_leave (&entry);
  fail_if (mmio_device_check (device, 0, &error));
  check_error (&error, MMIO_ERROR_GONE, "/dev/zero", "its driver removed the "
      "memory during the read", NULL);
}

GST_END_TEST;

static Suite *
chardev_suite (void)
{
  Suite *s = suite_create ("chardev");
  TCase *tc = add_case (s, "general");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_content);
  tcase_add_test (tc, test_no_padding);
  tcase_add_test (tc, test_mapping);
  tcase_add_test (tc, test_other_bar);
  tcase_add_test (tc, test_cannot_tell);
  tcase_add_test (tc, test_header);
  tcase_add_test (tc, test_no_mmap);
  tcase_add_loop_test (tc, test_cannot_be_mapped, 0,
      G_N_ELEMENTS (mmap_errors));
  tcase_add_test (tc, test_too_far);
  tcase_add_test (tc, test_no_last_page);
  tcase_add_loop_test (tc, test_active, 0, G_N_ELEMENTS (active_devices));
  tcase_add_loop_test (tc, test_cannot_be_opened, 0,
      G_N_ELEMENTS (open_errors));
  tcase_add_test (tc, test_kvmfr);
  tcase_add_loop_test (tc, test_kvmfr_no_size, 0, 3);
  tcase_add_test (tc, test_gone);
  tcase_add_test (tc, test_replaced);
  tcase_add_test (tc, test_descriptor);
  tcase_add_test (tc, test_comes_back);
  tcase_add_test (tc, test_lost);

  return s;
}

GST_CHECK_MAIN (chardev);
