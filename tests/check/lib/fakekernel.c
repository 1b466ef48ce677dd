/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakekernel.h"

#include <dirent.h>
#include <dlfcn.h>
#include <drm.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "mmiodrm.h"
#include "mmiopcistate.h"

#define MAX_DRMS 8
#define MAX_HANDLES 64

#define SYSFS "/sys/"
#define DEVICES SYSFS "devices"
#define IOMMU_GROUPS SYSFS "kernel/iommu_groups"
#define CPUINFO "/proc/cpuinfo"

static const guint32 plane_ids[] = { 31, 32 };

/* The C names are others than those of the symbols, which <fcntl.h> may have
 * made macros, inline or 64-bit */
#define EXPORT(symbol) __asm__ (symbol) __attribute__((visibility ("default")))
int
fakekernel_open (const char *path, int flags, ...)
EXPORT ("open");
     int fakekernel_open64 (const char *path, int flags, ...) EXPORT ("open64");
     int fakekernel_ioctl (int fd, unsigned long request, ...) EXPORT ("ioctl");
     DIR *fakekernel_opendir (const char *path) EXPORT ("opendir");
     char *fakekernel_realpath (const char *path,
    char *resolved) EXPORT ("realpath");

/* A node is a memfd, known again by its inode whatever became of the
 * descriptor that it was opened as */
     typedef struct
     {
       int fd;
       ino_t inode;
     } Node;

     typedef struct
     {
       FakeDrm drm;
       Node card, render;
       FakeDrmCounts counts;
       gboolean universal_planes;
       gboolean handle[MAX_HANDLES];
     } Device;

     static struct
     {
       GMutex lock;
       gboolean is_on;
       char *root;
       Device device[MAX_DRMS];
       guint n_devices;
       Node udmabuf;
       int open_errno, create_errno;
       guint n_udmabufs;
       guint n_udmabuf_opens;
       guint n_syncs;
     } kernel;

/* --- What is there -------------------------------------------------------- */

     static void make_node (Node * node, const char *name)
{
  struct stat info;

  node->fd = memfd_create (name, MFD_CLOEXEC);
  if (node->fd < 0 || fstat (node->fd, &info) < 0)
    g_error ("memfd_create: %s", g_strerror (errno));
  node->inode = info.st_ino;
}

static void
clear_node (Node * node)
{
  if (node->inode != 0)
    close (node->fd);
  node->inode = 0;
}

static gboolean
is_node (const Node * node, int fd)
{
  struct stat info, own;

  return node->inode != 0 && fstat (fd, &info) == 0 &&
      info.st_ino == node->inode && fstat (node->fd, &own) == 0 &&
      info.st_dev == own.st_dev;
}

static void
remove_tree (const char *directory)
{
  g_autoptr (GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (directory, name, NULL);

    if (g_unlink (path) < 0)
      remove_tree (path);
  }
  g_rmdir (directory);
}

/* --- What is in /sys ------------------------------------------------------ */

static void
make_directory (const char *path)
{
  if (g_mkdir_with_parents (path, 0700) < 0)
    g_error ("%s: %s", path, g_strerror (errno));
}

/* As absolute links, where the kernel has relative ones */
static void
make_link (const char *target, const char *path)
{
  g_autofree char *directory = g_path_get_dirname (path);

  make_directory (directory);
  if (symlink (target, path) < 0)
    g_error ("%s: %s", path, g_strerror (errno));
}

static void
put_file (const char *path, gconstpointer data, gssize size)
{
  g_autoptr (GError) error = NULL;

  if (!g_file_set_contents (path, data, size, &error))
    g_error ("%s", error->message);
}

void
fakekernel_start (void)
{
  g_autofree char *root = g_dir_make_tmp ("mmiovid-fakekernel-XXXXXX", NULL);
  g_autofree char *class = NULL;

  if (!root)
    g_error ("no directory for a fake /sys: %s", g_strerror (errno));
  class = g_strconcat (root, MMIO_DRM_SYSFS, NULL);
  make_directory (class);

  fakekernel_stop ();
  g_mutex_lock (&kernel.lock);
  kernel.root = g_steal_pointer (&root);
  make_node (&kernel.udmabuf, "fakekernel:udmabuf");
  kernel.is_on = TRUE;
  g_mutex_unlock (&kernel.lock);

  fakekernel_set_cpuinfo ("");
}

void
fakekernel_stop (void)
{
  g_autofree char *root = NULL;

  g_mutex_lock (&kernel.lock);
  for (guint i = 0; i < kernel.n_devices; i++) {
    clear_node (&kernel.device[i].card);
    clear_node (&kernel.device[i].render);
  }
  memset (kernel.device, 0, sizeof (kernel.device));
  kernel.n_devices = kernel.n_udmabufs = kernel.n_syncs = 0;
  kernel.n_udmabuf_opens = 0;
  kernel.open_errno = kernel.create_errno = 0;
  clear_node (&kernel.udmabuf);
  kernel.is_on = FALSE;
  root = g_steal_pointer (&kernel.root);
  g_mutex_unlock (&kernel.lock);

  if (root)
    remove_tree (root);
}

/* As the kernel shows it: /sys/class/drm/card0/device/drm/{card0,renderD128} */
static void
add_to_sysfs (const FakeDrm * drm, const char *name)
{
  const char *const names[] = { drm->card, drm->render };
  g_autofree char *device = name ? g_build_filename (kernel.root,
      MMIO_DRM_SYSFS, name, "device", NULL) : NULL;

  if (!name)
    return;

  if (drm->pci) {
    g_autofree char *pci = g_build_filename (kernel.root, DEVICES, drm->pci,
        NULL);

    make_directory (pci);
    make_link (pci, device);
  }

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = names[i] ? g_build_filename (device, "drm",
        names[i], NULL) : NULL;

    if (path)
      make_directory (path);
  }
}

guint
fakekernel_add_drm (const FakeDrm * drm)
{
  Device *device;
  guint number;

  g_mutex_lock (&kernel.lock);
  if (!kernel.is_on || kernel.n_devices == MAX_DRMS)
    g_error ("fakekernel_start() first, and add at most %d devices", MAX_DRMS);
  number = kernel.n_devices++;
  device = &kernel.device[number];
  device->drm = *drm;
  if (drm->card)
    make_node (&device->card, "fakekernel:card");
  if (drm->render)
    make_node (&device->render, "fakekernel:render");
  add_to_sysfs (drm, drm->card);
  add_to_sysfs (drm, drm->render);
  g_mutex_unlock (&kernel.lock);

  return number;
}

/* Returns: (transfer full): a path in the fakes' own directory, for those who
 * open files there, which takes the lock */
static char *
get_path (const char *directory, const char *name)
{
  char *path;

  g_mutex_lock (&kernel.lock);
  if (!kernel.is_on)
    g_error ("fakekernel_start() first");
  path = g_build_filename (kernel.root, directory, name, NULL);
  g_mutex_unlock (&kernel.lock);

  return path;
}

static void
put_capability (guint8 * config, guint offset, guint8 id, guint next,
    guint8 control)
{
  config[offset] = id;
  config[offset + 2] = 1 | (next << 4 & 0xf0);
  config[offset + 3] = next >> 4;
  config[offset + 6] = control;
}

/* Extended capabilities that are no ACS come first */
static void
put_config (const char *directory, const FakePci * pci)
{
  g_autofree char *path = g_build_filename (directory, "config", NULL);
  guint8 config[4096] = { 0, };

  put_capability (config, 0x100, 0x01, 0x148, 0xff);
  put_capability (config, 0x148, 0x19, pci->acs != 0 ? 0x17c : 0, 0xff);
  if (pci->acs != 0)
    put_capability (config, 0x17c, 0x0d, 0, pci->acs);
  put_file (path, config, pci->is_hidden ? 64 : sizeof (config));
}

void
fakekernel_add_pci (const FakePci * pci)
{
  g_autofree char *name = g_path_get_basename (pci->path);
  g_autofree char *path = get_path (DEVICES, pci->path);
  g_autofree char *link = get_path (MMIO_PCI_SYSFS, name);
  const struct
  {
    const char *name;
    guint value;
  } numbers[] = {
    {"vendor", pci->vendor}, {"device", pci->device}, {"class", pci->class}
  };

  make_directory (path);
  make_link (path, link);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++) {
    g_autofree char *file = g_build_filename (path, numbers[i].name, NULL);
    g_autofree char *text = g_strdup_printf ("0x%04x\n", numbers[i].value);

    put_file (file, text, -1);
  }

  put_config (path, pci);

  if (pci->group) {
    g_autofree char *group = get_path (IOMMU_GROUPS, pci->group);
    g_autofree char *group_link = g_build_filename (path, "iommu_group", NULL);

    make_directory (group);
    make_link (group, group_link);
  }
}

void
fakekernel_set_cpuinfo (const char *text)
{
  g_autofree char *path = get_path (CPUINFO, NULL);
  g_autofree char *directory = g_path_get_dirname (path);

  make_directory (directory);
  put_file (path, text, -1);
}

FakeDrmCounts
fakekernel_get_drm_counts (guint number)
{
  FakeDrmCounts counts;

  g_mutex_lock (&kernel.lock);
  counts = kernel.device[number].counts;
  g_mutex_unlock (&kernel.lock);

  return counts;
}

void
fakekernel_set_import_errno (guint number, int errnum)
{
  g_mutex_lock (&kernel.lock);
  kernel.device[number].drm.import_errno = errnum;
  g_mutex_unlock (&kernel.lock);
}

void
fakekernel_set_udmabuf (int open_errno, int create_errno)
{
  g_mutex_lock (&kernel.lock);
  kernel.open_errno = open_errno;
  kernel.create_errno = create_errno;
  g_mutex_unlock (&kernel.lock);
}

guint
fakekernel_count_udmabufs (void)
{
  guint n;

  g_mutex_lock (&kernel.lock);
  n = kernel.n_udmabufs;
  g_mutex_unlock (&kernel.lock);

  return n;
}

guint
fakekernel_count_udmabuf_opens (void)
{
  guint n;

  g_mutex_lock (&kernel.lock);
  n = kernel.n_udmabuf_opens;
  g_mutex_unlock (&kernel.lock);

  return n;
}

guint
fakekernel_count_syncs (void)
{
  guint n;

  g_mutex_lock (&kernel.lock);
  n = kernel.n_syncs;
  g_mutex_unlock (&kernel.lock);

  return n;
}

/* --- open(), opendir() and realpath() -------------------------------------- */

static int
open_next (const char *symbol, const char *path, int flags, mode_t mode)
{
  int (*next) (const char *, int, ...) = dlsym (RTLD_NEXT, symbol);

  return next (path, flags, mode);
}

/* Returns: a descriptor, or -1 with errno set */
static int
open_node (const Node * node, int errnum, int flags)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", node->fd);

  if (errnum != 0) {
    errno = errnum;
    return -1;
  }

  return open_next ("open", path, flags, 0);
}

static gboolean
has_name (const char *path, const char *name)
{
  return name && g_str_has_prefix (path, MMIO_DRM_NODES "/") &&
      strcmp (path + strlen (MMIO_DRM_NODES "/"), name) == 0;
}

static int
open_drm (Device * device, gboolean is_card, int flags)
{
  const int fd = open_node (is_card ? &device->card : &device->render,
      device->drm.open_errno, flags);

  if (fd < 0)
    return fd;

  device->counts.opens++;
  if (is_card) {
    device->counts.card_opens++;
    device->counts.is_master = !device->drm.has_master;
  }
  return fd;
}

/* Returns: (transfer full) (nullable): where the fake of a file is; NULL: there
 * is none */
static char *
find_fake (const char *path)
{
  if (!kernel.is_on || !path || (!g_str_has_prefix (path, SYSFS) &&
          strcmp (path, CPUINFO) != 0))
    return NULL;

  return g_strconcat (kernel.root, path, NULL);
}

/* Returns: whether there is such a node; then @fd is what opening it gave */
static gboolean
open_fake (const char *path, int flags, int *fd)
{
  if (!kernel.is_on)
    return FALSE;

  if (strcmp (path, "/dev/udmabuf") == 0) {
    kernel.n_udmabuf_opens++;
    *fd = open_node (&kernel.udmabuf, kernel.open_errno, flags);
    return TRUE;
  }

  for (guint i = 0; i < kernel.n_devices; i++) {
    Device *device = &kernel.device[i];
    const gboolean is_card = has_name (path, device->drm.card);

    if (is_card || has_name (path, device->drm.render)) {
      *fd = open_drm (device, is_card, flags);
      return TRUE;
    }
  }

  /* This machine's own */
  if (g_str_has_prefix (path, MMIO_DRM_NODES "/")) {
    errno = ENOENT;
    *fd = -1;
    return TRUE;
  }

  return FALSE;
}

static int
open_any (const char *symbol, const char *path, int flags, mode_t mode)
{
  g_autofree char *fake = NULL;
  gboolean is_fake;
  int fd, errnum;

  g_mutex_lock (&kernel.lock);
  is_fake = open_fake (path, flags, &fd);
  errnum = errno;
  fake = find_fake (path);
  g_mutex_unlock (&kernel.lock);
  errno = errnum;

  return is_fake ? fd : open_next (symbol, fake ? fake : path, flags, mode);
}

/* What open() takes a mode for */
#define TAKES_MODE(flags) (((flags) & O_CREAT) || \
    ((flags) & O_TMPFILE) == O_TMPFILE)

int
fakekernel_open (const char *path, int flags, ...)
{
  mode_t mode = 0;
  va_list args;

  va_start (args, flags);
  if (TAKES_MODE (flags))
    mode = va_arg (args, int);
  va_end (args);

  return open_any ("open", path, flags, mode);
}

int
fakekernel_open64 (const char *path, int flags, ...)
{
  mode_t mode = 0;
  va_list args;

  va_start (args, flags);
  if (TAKES_MODE (flags))
    mode = va_arg (args, int);
  va_end (args);

  return open_any ("open64", path, flags, mode);
}

DIR *
fakekernel_opendir (const char *path)
{
  DIR *(*next) (const char *) = dlsym (RTLD_NEXT, "opendir");
  g_autofree char *fake = NULL;

  g_mutex_lock (&kernel.lock);
  fake = find_fake (path);
  g_mutex_unlock (&kernel.lock);

  return next (fake ? fake : path);
}

/* The fakes' own directory is not to be seen in what a link leads to */
char *
fakekernel_realpath (const char *path, char *resolved)
{
  /* The one that allocates came with glibc 2.3 */
  char *(*next) (const char *, char *) = dlvsym (RTLD_NEXT, "realpath",
      "GLIBC_2.3");
  g_autofree char *fake = NULL;
  gsize length;
  char *real;

  if (!next)
    next = dlsym (RTLD_NEXT, "realpath");

  g_mutex_lock (&kernel.lock);
  fake = find_fake (path);
  length = fake ? strlen (kernel.root) : 0;
  g_mutex_unlock (&kernel.lock);

  real = next (fake ? fake : path, resolved);
  if (real)
    memmove (real, real + length, strlen (real) - length + 1);
  return real;
}

/* --- ioctl() -------------------------------------------------------------- */

/* What the kernel says, as a negative errno: these return it or 0, or a
 * descriptor */

static void
put_text (char *text, __kernel_size_t * length, const char *value)
{
  if (text)
    memcpy (text, value, MIN (strlen (value), *length));
  *length = strlen (value);
}

/* libdrm asks for the lengths first, and copies the date and the description, too */
static int
ask_version (const Device * device, struct drm_version *version)
{
  if (device->drm.version_errno != 0)
    return -device->drm.version_errno;

  put_text (version->name, &version->name_len, device->drm.driver);
  put_text (version->date, &version->date_len, "0");
  put_text (version->desc, &version->desc_len, "fake");
  return 0;
}

static int
ask_import (Device * device, struct drm_prime_handle *prime)
{
  if (device->drm.import_errno == 0 && fcntl (prime->fd, F_GETFD) < 0)
    return -EBADF;
  if (device->drm.import_errno != 0) {
    device->counts.refused++;
    return -device->drm.import_errno;
  }

  for (guint i = 0; i < MAX_HANDLES; i++) {
    if (device->handle[i])
      continue;
    device->handle[i] = TRUE;
    device->counts.imports++;
    device->counts.handles++;
    prime->handle = i + 1;
    return 0;
  }

  return -ENOSPC;
}

static int
ask_close (Device * device, const struct drm_gem_close *gem)
{
  if (gem->handle == 0 || gem->handle > MAX_HANDLES ||
      !device->handle[gem->handle - 1])
    return -EINVAL;

  device->handle[gem->handle - 1] = FALSE;
  device->counts.handles--;
  return 0;
}

static int
ask_planes (const Device * device, struct drm_mode_get_plane_res *planes)
{
  /* Those that come on top of others are listed to everybody; here is none */
  const guint n = device->universal_planes && device->drm.formats[0] != 0 ?
      G_N_ELEMENTS (plane_ids) : 0;

  if (device->drm.planes_errno != 0)
    return -device->drm.planes_errno;

  for (guint i = 0; i < MIN (n, planes->count_planes); i++)
    ((guint32 *) (guintptr) planes->plane_id_ptr)[i] = plane_ids[i];
  planes->count_planes = n;
  return 0;
}

static int
ask_plane (const Device * device, struct drm_mode_get_plane *plane)
{
  static const guint32 cursor[] = { DRM_FORMAT_ARGB8888, 0 };
  const guint32 *formats = plane->plane_id == plane_ids[0] ?
      device->drm.formats : cursor;
  guint n = 0;

  if (plane->plane_id != plane_ids[0] && plane->plane_id != plane_ids[1])
    return -ENOENT;

  while (formats[n] != 0)
    n++;
  /* All or nothing */
  if (plane->count_format_types >= n)
    memcpy ((gpointer) (guintptr) plane->format_type_ptr, formats,
        n * sizeof (guint32));
  plane->count_format_types = n;
  return 0;
}

/* What only a card with displays knows */
static int
ask_displays (Device * device, gulong request, gpointer argument)
{
  if (!device->drm.formats)
    return -EOPNOTSUPP;

  switch (request) {
    case DRM_IOCTL_SET_CLIENT_CAP:
      device->universal_planes =
          ((struct drm_set_client_cap *) argument)->capability ==
          DRM_CLIENT_CAP_UNIVERSAL_PLANES
          && ((struct drm_set_client_cap *) argument)->value == 1;
      return 0;
    case DRM_IOCTL_MODE_GETPLANERESOURCES:
      return ask_planes (device, argument);
    case DRM_IOCTL_MODE_GETPLANE:
    default:
      return ask_plane (device, argument);
  }
}

static int
ask_drm (Device * device, gboolean is_card, gulong request, gpointer argument)
{
  if (request == DRM_IOCTL_DROP_MASTER) {
    if (!is_card)
      return -EACCES;
    if (!device->counts.is_master)
      return -EINVAL;
    device->counts.is_master = FALSE;
    return 0;
  }

  if (is_card && device->counts.is_master)
    device->counts.asked_as_master = TRUE;

  switch (request) {
    case DRM_IOCTL_VERSION:
      return ask_version (device, argument);
    case DRM_IOCTL_PRIME_FD_TO_HANDLE:
      return ask_import (device, argument);
    case DRM_IOCTL_GEM_CLOSE:
      return ask_close (device, argument);
    case DRM_IOCTL_SET_CLIENT_CAP:
    case DRM_IOCTL_MODE_GETPLANERESOURCES:
    case DRM_IOCTL_MODE_GETPLANE:
      return is_card ? ask_displays (device, request, argument) : -EACCES;
    default:
      return -ENOTTY;
  }
}

/* The kernel's own rules, but for the limits */
static int
ask_udmabuf (gulong request, const struct udmabuf_create *create)
{
  const guint64 page = sysconf (_SC_PAGESIZE);
  struct stat info;
  int seals;

  if (request != UDMABUF_CREATE)
    return -ENOTTY;
  if (kernel.create_errno != 0)
    return -kernel.create_errno;

  seals = fcntl (create->memfd, F_GET_SEALS);
  if (seals < 0 || fstat (create->memfd, &info) < 0)
    return -EBADF;
  if (!(seals & F_SEAL_SHRINK) || (seals & F_SEAL_WRITE) ||
      create->offset % page != 0 || create->size % page != 0 ||
      create->size == 0 || create->offset + create->size > (guint64)
      info.st_size)
    return -EINVAL;

  kernel.n_udmabufs++;
  return fcntl (create->memfd, create->flags & UDMABUF_FLAGS_CLOEXEC ?
      F_DUPFD_CLOEXEC : F_DUPFD, 0);
}

/* Returns: whether @fd is a fake's; then @ret is the answer */
static gboolean
ask_fake (int fd, gulong request, gpointer argument, int *ret)
{
  if (!kernel.is_on)
    return FALSE;

  if (request == DMA_BUF_IOCTL_SYNC) {
    kernel.n_syncs++;
    *ret = 0;
    return TRUE;
  }

  if (is_node (&kernel.udmabuf, fd)) {
    *ret = ask_udmabuf (request, argument);
    return TRUE;
  }

  for (guint i = 0; i < kernel.n_devices; i++) {
    Device *device = &kernel.device[i];
    const gboolean is_card = is_node (&device->card, fd);

    if (is_card || is_node (&device->render, fd)) {
      *ret = ask_drm (device, is_card, request, argument);
      return TRUE;
    }
  }

  return FALSE;
}

int
fakekernel_ioctl (int fd, unsigned long request, ...)
{
  int (*next) (int, unsigned long, ...) = dlsym (RTLD_NEXT, "ioctl");
  gboolean is_fake;
  gpointer argument;
  va_list args;
  int ret;

  va_start (args, request);
  argument = va_arg (args, gpointer);
  va_end (args);

  g_mutex_lock (&kernel.lock);
  is_fake = ask_fake (fd, request, argument, &ret);
  g_mutex_unlock (&kernel.lock);

  if (!is_fake)
    return next (fd, request, argument);
  if (ret >= 0)
    return ret;
  errno = -ret;
  return -1;
}
