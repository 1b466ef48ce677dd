/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixtures/bus.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "backends/mmioopen.h"
#include "capture/mmiocapture.h"
#include "describe/mmiodescribe.h"
#include "device/mmiobar.h"

/* A path that leads to a pipe from the next open() on */
static const char *to_replace;

/* *INDENT-OFF* */
#define REPLACING_OPEN(open) \
int __real_##open (const char *path, int flags, ...); \
int __wrap_##open (const char *path, int flags, ...); \
\
int \
__wrap_##open (const char *path, int flags, ...) \
{ \
  if (g_strcmp0 (path, to_replace) == 0) { \
    to_replace = NULL; \
    fail_unless (unlink (path) == 0 && mkfifo (path, 0600) == 0); \
  } \
  return __real_##open (path, flags, 0600); \
}
REPLACING_OPEN (open)
REPLACING_OPEN (open64)
/* *INDENT-ON* */

/* Through the front door, as everybody comes in */
static MmioDevice *
open_path (const char *path, GError ** error)
{
  g_auto (MmioAddress) address = { 0, };

  fail_unless (mmio_address_parse (&address, path, NULL), "%s", path);
  return mmio_device_open (&address, MMIO_ACCESS_AUTO, error);
}

static void
check_fails (const char *path, MmioErrorCode code, const char *word, int errnum)
{
  const guint fds = count_fds ();
  GError *error = NULL;

  fail_unless (open_path (path, &error) == NULL, "%s", path);
  fail_unless (error != NULL);
  if (errnum) {
    const char *system = mmio_error_get_system (error);

    fail_unless (system && strstr (system, g_strerror (errnum)) &&
        g_str_has_prefix (system, "open"), "%s: %s", path, system);
  } else {
    fail_unless (mmio_error_get_system (error) == NULL);
  }
  check_error (&error, code, path, word, NULL);
  fail_unless_equals_int (count_fds (), fds);
  fail_unless (open_path (path, NULL) == NULL);
}

/* --- Content ------------------------------------------------------------- */

static const struct
{
  const char *format;
  guint width, height, stride;
  guint64 offset;
} pictures[] = {
  {"GRAY8", 1, 1, 0, 0},
  {"RGB", 17, 13, 0, 0},
  {"RGB", 17, 13, 53, 1},
  {"RGB", 17, 13, 53, 4095},
  {"RGB", 17, 13, 53, 4096},
  {"RGB", 64, 48, 193, 4099},
  {"NV12", 65, 47, 67, 5003},
};

/* From the picture's first byte to its last, no more than that, in a file that
 * ends with it */
GST_START_TEST (test_content)
{
  const MmioLayout picture = test_picture (pictures[__i__].format,
      pictures[__i__].width, pictures[__i__].height, pictures[__i__].offset,
      pictures[__i__].stride);
  g_autofree guint8 *content = g_malloc (picture.end);
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (MmioDevice) device = NULL;
  g_autoptr (MmioRegion) region = NULL;
  gint bar = -1;

  fill_random (content, picture.end, 8);
  path = temp_file ("content", content, picture.end);
  device = open_path (path, &error);
  fail_unless (device != NULL, "%s", error ? error->message : "");
  fail_unless_equals_string (mmio_device_get_name (device), "file content");
  fail_unless_equals_string (mmio_device_get_address (device), path);
  fail_unless_equals_string (mmio_device_get_access_name (device), "file");

  region = mmio_device_map (device, &bar, &picture, MMIO_MAPPING_AUTO, &error);
  fail_unless (region != NULL, "%s", error ? error->message : "");
  fail_unless (mmio_region_get_mapping (region) == MMIO_MAPPING_CACHED);
  fail_unless_equals_int (bar, 0);
  fail_unless_equals_uint64 (mmio_region_get_length (region),
      picture.end - picture.start);
  fail_unless (memcmp (mmio_region_get_data (region), content + picture.start,
          picture.end - picture.start) == 0);
  g_remove (path);
}

GST_END_TEST;

/* A file does not know what is in it */
GST_START_TEST (test_cannot_tell)
{
  g_autofree char *path = temp_file ("untold", (guint8 *) "picture", 7);
  g_autoptr (MmioDevice) device = open_path (path, NULL);
  MmioSpec spec = test_spec (NULL, 0, 0, 0, 0);
  GError *error = NULL;
  gint bar = -1;

  fail_if (mmio_describe (device, &bar, &spec, NULL, &error));
  check_error (&error, MMIO_ERROR_SETTINGS, "file untold", path, "Set width",
      "height", NULL);

  spec = test_spec (NULL, 4, 0, 0, 0);
  fail_if (mmio_describe (device, &bar, &spec, NULL, NULL));
  spec = test_spec (NULL, 0, 4, 0, 0);
  fail_if (mmio_describe (device, &bar, &spec, NULL, NULL));

  spec = test_spec (NULL, 4, 3, 2, 1);
  fail_unless (mmio_describe (device, &bar, &spec, NULL, NULL));
  fail_unless_equals_string (spec.format.name, "RGB");
  fail_unless_equals_int (spec.width, 4);
  fail_unless_equals_int (spec.height, 3);
  fail_unless_equals_uint64 (spec.offset, 2);
  fail_unless_equals_int (spec.stride, 1);
  fail_unless_equals_int (bar, -1);
  g_remove (path);
}

GST_END_TEST;

/* --- What does not work -------------------------------------------------- */

GST_START_TEST (test_not_there)
{
  g_autofree char *file = temp_file ("file", (guint8 *) "x", 1);
  g_autofree char *missing = temp_path ("missing");
  g_autofree char *deeper = g_build_filename (missing, "file", NULL);
  g_autofree char *below = g_build_filename (file, "file", NULL);
  g_autofree char *dangling = temp_path ("dangling");

  fail_unless (symlink (missing, dangling) == 0);
  check_fails (missing, MMIO_ERROR_NOT_FOUND, "there is no such file", ENOENT);
  check_fails (deeper, MMIO_ERROR_NOT_FOUND, "there is no such file", ENOENT);
  check_fails (below, MMIO_ERROR_NOT_FOUND, "set device to", ENOTDIR);
  check_fails (dangling, MMIO_ERROR_NOT_FOUND, "10ee:7024", ENOENT);
  g_remove (file);
}

GST_END_TEST;

/* What is no file is not even opened: nobody is at the other end of the pipe,
 * and others do something when they are */
GST_START_TEST (test_no_regular_file)
{
  g_autofree char *dir = temp_path ("");
  g_autofree char *fifo = temp_path ("fifo");
  g_autofree char *socket_path = temp_path ("socket");
  struct sockaddr_un name = {.sun_family = AF_UNIX };
  const int listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int watch = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);
  struct inotify_event event;

  g_strlcpy (name.sun_path, socket_path, sizeof (name.sun_path));
  fail_unless (bind (listener, (struct sockaddr *) &name, sizeof (name)) == 0);
  fail_unless (mkfifo (fifo, 0600) == 0);
  fail_unless (inotify_add_watch (watch, dir, IN_OPEN) >= 0);

  check_fails (dir, MMIO_ERROR_SETTINGS, "neither a regular file", 0);
  check_fails (fifo, MMIO_ERROR_SETTINGS, "neither a regular file", 0);
  check_fails (socket_path, MMIO_ERROR_SETTINGS, "neither a regular file", 0);

  fail_unless (read (watch, &event, sizeof (event)) < 0 && errno == EAGAIN);
  close (watch);
  close (listener);
}

GST_END_TEST;

/* Another one takes its place between the check and open() */
GST_START_TEST (test_pipe_at_open)
{
  g_autofree char *path = temp_file ("file", (guint8 *) "file", 4);
  GError *error = NULL;

  to_replace = path;
  fail_unless (open_path (path, &error) == NULL);
  fail_unless (to_replace == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, path, "neither a regular file",
      NULL);
}

GST_END_TEST;

GST_START_TEST (test_cannot_be_opened)
{
  g_autofree char *looped = temp_path ("looped");

  fail_unless (symlink (looped, looped) == 0);
  check_fails (looped, MMIO_ERROR_FAILED, "looped; set device to a file that "
      "can be read", ELOOP);
}

GST_END_TEST;

GST_START_TEST (test_empty)
{
  g_autofree char *path = temp_file ("empty", (guint8 *) "", 0);

  check_fails (path, MMIO_ERROR_SETTINGS, "is empty", 0);
}

GST_END_TEST;

GST_START_TEST (test_not_permitted)
{
  g_autofree char *path = temp_file ("a secret", (guint8 *) "x", 1);
  g_autofree char *fix = g_strdup_printf ("sudo chgrp video '%s' && "
      "sudo chmod g+r '%s'", path, path);
  g_autofree char *directory = g_path_get_dirname (path);
  const struct group *daemons = getgrnam ("daemon");
  const uid_t uid = geteuid ();

  fail_unless (chmod (path, 0200) == 0);
  /* Root may read anything, so be nobody for a while */
  if (uid == 0 && seteuid (65534) != 0) {
    g_print ("SKIP: cannot become another user than root here; run this test "
        "as an ordinary user to see what a forbidden file does\n");
    return;
  }
  check_fails (path, MMIO_ERROR_NOT_PERMITTED, "Cannot read", EACCES);
  check_fails (path, MMIO_ERROR_NOT_PERMITTED, fix, EACCES);
  fail_unless (seteuid (uid) == 0);

  /* What was advised has been done, and the user is not in the group */
  if (uid != 0 || !daemons) {
    g_print ("SKIP: run this test as root, where there is a group daemon, to "
        "see what a file of another group does\n");
    return;
  }
  fail_unless (chmod (path, 0640) == 0
      && chown (path, (uid_t) - 1, daemons->gr_gid) == 0);
  fail_unless (setegid (65534) == 0 && seteuid (65534) == 0);
  check_fails (path, MMIO_ERROR_NOT_PERMITTED,
      "only the group daemon has access; join it before your next login with: "
      "sudo usermod -aG daemon $USER", EACCES);
  fail_unless (seteuid (uid) == 0);

  /* The user's own */
  fail_unless (chown (path, 65534, (gid_t) - 1) == 0
      && chmod (path, 0040) == 0);
  fail_unless (seteuid (65534) == 0);
  check_fails (path, MMIO_ERROR_NOT_PERMITTED,
      "you own it, but its mode denies access; allow it with: chmod u+r '",
      EACCES);
  fail_unless (seteuid (uid) == 0);

  /* And one that nobody can see */
  fail_unless (chmod (directory, 0700) == 0 && seteuid (65534) == 0);
  check_fails (path, MMIO_ERROR_NOT_PERMITTED, "find it with: namei -l '",
      EACCES);
  fail_unless (seteuid (uid) == 0 && setegid (0) == 0);
  fail_unless (chmod (directory, 0755) == 0);
}

GST_END_TEST;

static MmioRegion *
map_gray (const char *path, guint width, guint64 offset, gint bar,
    GError ** error)
{
  const MmioLayout picture = test_picture ("GRAY8", width, 1, offset, 0);
  g_autoptr (MmioDevice) device = open_path (path, error);

  return device ? mmio_device_map (device, &bar, &picture,
      MMIO_MAPPING_AUTO, error) : NULL;
}

GST_START_TEST (test_too_small)
{
  guint8 content[100] = { 0, };
  g_autofree char *path = temp_file ("small", content, sizeof (content));
  const guint fds = count_fds ();
  GError *error = NULL;
  MmioRegion *region;

  region = map_gray (path, 40, 60, -1, &error);
  fail_unless (region != NULL);
  mmio_region_unref (region);
  region = map_gray (path, 40, 60, 0, &error);
  fail_unless (region != NULL);
  mmio_region_unref (region);

  fail_unless (map_gray (path, 40, 61, -1, &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "byte 101", "100 bytes", path,
      "offset", NULL);
  fail_unless (map_gray (path, 40, 61, 0, &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "byte 101", "100 bytes", path,
      "offset", NULL);
  fail_unless (map_gray (path, 10, G_MAXUINT64 - 10, -1, &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, "18446744073709551615",
      "100 bytes", NULL);
  fail_unless (map_gray (path, 10, 0, 1, &error) == NULL);
  check_error (&error, MMIO_ERROR_NOT_FOUND, path, "has no BARs", "Cannot use "
      "bar=1:", NULL);

  fail_unless_equals_int (count_fds (), fds);
  fail_unless_equals_int (count_maps (path), 0);
}

GST_END_TEST;

/* What was long enough when it was opened need not be when it is mapped */
GST_START_TEST (test_truncated)
{
  guint8 content[100] = { 0, };
  g_autofree char *path = temp_file ("truncated", content, sizeof (content));
  const MmioLayout picture = test_picture ("GRAY8", 40, 1, 60, 0);
  g_autoptr (MmioDevice) device = open_path (path, NULL);
  g_autoptr (MmioRegion) region = NULL;
  GError *error = NULL;
  gint bar = -1;

  fail_unless (truncate (path, 99) == 0);
  fail_unless (mmio_device_map (device, &bar, &picture,
          MMIO_MAPPING_AUTO, &error) == NULL);
  check_error (&error, MMIO_ERROR_SETTINGS, path, "truncated", NULL);
  fail_unless_equals_int (bar, -1);

  fail_unless (truncate (path, 100) == 0);
  region = mmio_device_map (device, &bar, &picture, MMIO_MAPPING_AUTO, &error);
  fail_unless (region != NULL && error == NULL);
}

GST_END_TEST;

DEFINE_FAILING_MMAP
GST_START_TEST (test_cannot_be_mapped)
{
  const guint8 content[16] = { 0, };
  g_autofree char *path = temp_file ("stubborn", content, sizeof (content));
  g_autofree char *system = g_strdup (g_strerror (ENODEV));
  GError *error = NULL;

  mmap_errnum = ENODEV;
  fail_unless (map_gray (path, 1, 0, -1, &error) == NULL);
  mmap_errnum = 0;
  fail_unless (strstr (mmio_error_get_system (error), system) != NULL, "%s",
      mmio_error_get_system (error));
  fail_unless (g_str_has_prefix (mmio_error_get_system (error), "mmap"));
  check_error (&error, MMIO_ERROR_FAILED, path, "; set device to a file that "
      "can be mapped", "/dev/shm", NULL);
}

GST_END_TEST;

/* Files that show what the kernel has are no memory, wherever they are mounted;
 * a BAR there would be taken for it */
GST_START_TEST (test_kernels)
{
  static const char *const paths[] = {
    "/sys/kernel/uevent_seqnum", "/proc/cpuinfo",
  };

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++) {
    if (access (paths[i], R_OK) != 0)
      g_print ("SKIP: there is no %s; mount it to see that it is refused\n",
          paths[i]);
    else
      check_fails (paths[i], MMIO_ERROR_SETTINGS, "lspci -D", 0);
  }
}

GST_END_TEST;

/* --- What the process has of it ------------------------------------------ */

GST_START_TEST (test_descriptor_and_map)
{
  guint8 content[100] = { 0, };
  g_autofree char *path = temp_file ("process", content, sizeof (content));
  const MmioLayout picture = test_picture ("GRAY8", 100, 1, 0, 0);
  const guint fds = count_fds ();
  MmioDevice *device = open_path (path, NULL);
  MmioRegion *region;
  g_autofree char *permissions = NULL;
  gint bar = -1;
  int fd = find_fd (path);

  fail_unless (fd >= 0);
  fail_unless (fcntl (fd, F_GETFD) & FD_CLOEXEC);
  fail_unless_equals_int (fcntl (fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  fail_unless_equals_int (count_maps (path), 0);

  region = mmio_device_map (device, &bar, &picture, MMIO_MAPPING_AUTO, NULL);
  fail_unless_equals_int (count_maps (path), 1);
  fail_unless_equals_int (count_maps_of_child (path), 0);
  permissions = get_map_permissions (path);
  fail_unless_equals_string (permissions, "r--s");
  fail_unless (mprotect ((void *) mmio_region_get_data (region), page_size (),
          PROT_READ | PROT_WRITE) < 0 && errno == EACCES);

  /* The region keeps its device, to the last */
  mmio_device_unref (device);
  fail_unless_equals_int (count_fds (), fds + 1);
  mmio_region_unref (region);
  fail_unless_equals_int (count_fds (), fds);
  fail_unless_equals_int (count_maps (path), 0);
}

GST_END_TEST;

/* --- What it is ---------------------------------------------------------- */

/* A relative path is that of the directory in which it was given */
GST_START_TEST (test_relative)
{
  g_autofree char *path = temp_file ("dump", (guint8 *) "one", 3);
  g_autofree char *here = g_path_get_dirname (path);
  g_autofree char *there = g_build_filename (here, "there", NULL);
  g_autofree char *other = g_build_filename (there, "dump", NULL);
  const MmioCaptureConfig config = {.device = "./dump",.bar = -1,
    .spec = test_spec ("GRAY8", 3, 1, 0, 0)
  };
  GError *error = NULL;
  MmioCapture *capture, *reopened;

  fail_unless (g_mkdir (there, 0700) == 0);
  fail_unless (g_file_set_contents (other, "two", 3, NULL));
  fail_unless (chdir (here) == 0);
  capture = mmio_capture_open (&config, &error);
  fail_unless (capture != NULL, "%s", error ? error->message : "");

  fail_unless (chdir (there) == 0);
  fail_unless (mmio_capture_check_present (capture));
  reopened = mmio_capture_reopen (capture, &error);
  fail_unless (reopened != NULL, "%s", error ? error->message : "");
  fail_unless (memcmp (mmio_region_get_data (mmio_capture_get_info
              (reopened)->region), "one", 3) == 0);
  fail_unless (chdir ("/") == 0);
  mmio_capture_close (reopened);
  mmio_capture_close (capture);
  fail_unless (g_remove (other) == 0 && g_rmdir (there) == 0);
}

GST_END_TEST;

static void
leave_overlay (const char *base, const char *merged)
{
  fail_unless (!merged || umount (merged) == 0);
  fail_unless (umount (base) == 0);
  fail_unless (g_rmdir (base) == 0);
}

/* A file of a lower layer is copied when somebody writes to it, and what is mapped
 * stays as it was */
GST_START_TEST (test_copied_up)
{
  g_autofree char *base = temp_path ("overlay");
  g_autofree char *merged = NULL;
  g_autofree char *options = NULL;
  g_autofree char *lower = g_build_filename (base, "lower", NULL);
  g_autofree char *path = g_build_filename (base, "merged", "dump", NULL);
  g_autofree char *below = g_build_filename (lower, "dump", NULL);
  MmioDevice *device;
  GError *error = NULL;
  FILE *file;

  if (!enter_namespace ()) {
    g_print ("SKIP: no mount namespace here; run this test as root\n");
    return;
  }
  fail_unless (g_mkdir (base, 0700) == 0);
  fail_unless (mount ("none", base, "tmpfs", 0, "") == 0);
  for (const char *const *name = (const char *const[]) {
        "lower", "upper", "work", "merged", NULL
      }; *name; name++) {
    g_autofree char *dir = g_build_filename (base, *name, NULL);

    fail_unless (g_mkdir (dir, 0700) == 0);
  }
  fail_unless (g_file_set_contents (below, "one", 3, NULL));
  options = g_strdup_printf ("lowerdir=%s/lower,upperdir=%s/upper,"
      "workdir=%s/work", base, base, base);
  merged = g_path_get_dirname (path);
  if (mount ("overlay", merged, "overlay", 0, options) != 0) {
    g_print ("SKIP: no overlay file system here: modprobe overlay\n");
    leave_overlay (base, NULL);
    return;
  }

  device = open_path (path, NULL);
  fail_unless (device != NULL);
  fail_unless (mmio_device_check (device, 0, NULL));
  /* So that it is born later, however coarse the clock of files is */
  g_usleep (20 * G_TIME_SPAN_MILLISECOND);
  file = fopen (path, "r+");
  fail_unless (file && fputc ('T', file) == 'T' && fclose (file) == 0);
  fail_if (mmio_device_check (device, 0, &error));
  check_error (&error, MMIO_ERROR_GONE, path, "replaced", NULL);
  mmio_device_unref (device);
  leave_overlay (base, merged);
}

GST_END_TEST;

static Suite *
file_suite (void)
{
  Suite *s = suite_create ("lib-file");
  TCase *tc = add_case (s, "general");

  tcase_add_unchecked_fixture (tc, temp_setup, temp_teardown);
  tcase_add_loop_test (tc, test_content, 0, G_N_ELEMENTS (pictures));
  tcase_add_test (tc, test_cannot_tell);
  tcase_add_test (tc, test_not_there);
  tcase_add_test (tc, test_no_regular_file);
  tcase_add_test (tc, test_pipe_at_open);
  tcase_add_test (tc, test_cannot_be_opened);
  tcase_add_test (tc, test_empty);
  tcase_add_test (tc, test_not_permitted);
  tcase_add_test (tc, test_too_small);
  tcase_add_test (tc, test_truncated);
  tcase_add_test (tc, test_cannot_be_mapped);
  tcase_add_test (tc, test_kernels);
  tcase_add_test (tc, test_descriptor_and_map);
  tcase_add_test (tc, test_relative);
  tcase_add_test (tc, test_copied_up);

  return s;
}

GST_CHECK_MAIN (file);
