/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists the DRM devices of this machine, and queries them without becoming DRM
 * master.
 */
#include "dmabuf/mmiodrm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "base/mmiosystem.h"

static void
mmio_drm_device_free (MmioDrmDevice * device)
{
  g_free (device->card);
  g_free (device->render);
  g_free (device);
}

/* Whether @name is @prefix and a number, unlike a connector (card0-HDMI-A-1) */
static gboolean
is_node (const char *name, const char *prefix)
{
  const char *number = name + strlen (prefix);

  return g_str_has_prefix (name, prefix) && *number != '\0' &&
      strspn (number, "0123456789") == strlen (number);
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  const char *name_a = *(const char *const *) a;
  const char *name_b = *(const char *const *) b;
  const gsize length_a = strlen (name_a), length_b = strlen (name_b);

  /* card9, card10 */
  if (length_a != length_b)
    return length_a < length_b ? -1 : 1;
  return strcmp (name_a, name_b);
}

/* @names: (out) (transfer full): the nodes with that prefix in a directory, sorted;
 * empty if the directory does not exist.  Returns: 0 or errno */
static int
list_names (const char *directory, const char *prefix, GPtrArray ** names)
{
  g_autoptr (GPtrArray) all = NULL;
  const int errnum = mmio_read_dir (directory, &all);

  *names = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; all && i < all->len; i++) {
    const char *name = g_ptr_array_index (all, i);

    if (is_node (name, prefix))
      g_ptr_array_add (*names, g_strdup (name));
  }
  g_ptr_array_sort (*names, compare_names);

  return errnum == ENOENT ? 0 : errnum;
}

static char *
get_node (const char *name)
{
  return g_build_filename (MMIO_DRM_NODES, name, NULL);
}

/* @node: (out) (transfer full) (nullable): the node with the prefix that belongs to the
 * same device as the node @name.  Returns: 0 or errno */
static int
find_sibling (const char *name, const char *prefix, char **node)
{
  g_autofree char *directory = g_build_filename (MMIO_DRM_SYSFS, name,
      "device", "drm", NULL);
  g_autoptr (GPtrArray) names = NULL;
  const int errnum = list_names (directory, prefix, &names);

  *node = names->len > 0 ? get_node (g_ptr_array_index (names, 0)) : NULL;
  return errnum;
}

static gint
compare_devices (gconstpointer a, gconstpointer b)
{
  const MmioDrmDevice *device_a = *(const MmioDrmDevice * const *) a;
  const MmioDrmDevice *device_b = *(const MmioDrmDevice * const *) b;
  const char *node_a = device_a->render ? device_a->render : device_a->card;
  const char *node_b = device_b->render ? device_b->render : device_b->card;

  return compare_names (&node_a, &node_b);
}

static void
add_device (GPtrArray * devices, char *card, char *render)
{
  MmioDrmDevice *device = g_new0 (MmioDrmDevice, 1);

  device->card = card;
  device->render = render;
  g_ptr_array_add (devices, device);
}

/* Adds all devices with displays.  Returns: 0 or errno */
static int
add_cards (GPtrArray * devices)
{
  g_autoptr (GPtrArray) cards = NULL;
  int errnum = list_names (MMIO_DRM_SYSFS, "card", &cards);

  for (guint i = 0; errnum == 0 && i < cards->len; i++) {
    const char *name = g_ptr_array_index (cards, i);
    char *render;

    errnum = find_sibling (name, "renderD", &render);
    add_device (devices, get_node (name), render);
  }

  return errnum;
}

/* Adds all other devices.  Returns: 0 or errno */
static int
add_renders (GPtrArray * devices)
{
  g_autoptr (GPtrArray) renders = NULL;
  int errnum = list_names (MMIO_DRM_SYSFS, "renderD", &renders);

  for (guint i = 0; errnum == 0 && i < renders->len; i++) {
    const char *name = g_ptr_array_index (renders, i);
    g_autofree char *card = NULL;

    errnum = find_sibling (name, "card", &card);
    if (!card)
      add_device (devices, NULL, get_node (name));
  }

  return errnum;
}

/**
 * mmio_drm_list:
 * @devices: (out) (transfer full) (element-type MmioDrmDevice): the DRM devices of
 *   this machine, sorted by render node, or by card without one; NULL after an error
 *
 * Lists the DRM devices in sysfs, and opens none.  drmGetDevices2() does not serve
 * here: it lists only devices that have a node in /dev/dri, on buses that it knows.  In
 * a container without the nodes, errors have to name the missing ones.
 *
 * Returns: 0 or errno
 */
int
mmio_drm_list (GPtrArray ** devices)
{
  g_autoptr (GPtrArray) found =
      g_ptr_array_new_with_free_func ((GDestroyNotify) mmio_drm_device_free);
  int errnum = add_cards (found);

  if (errnum == 0)
    errnum = add_renders (found);
  g_ptr_array_sort (found, compare_devices);

  *devices = errnum == 0 ? g_steal_pointer (&found) : NULL;
  return errnum;
}

/**
 * mmio_drm_open:
 * @node: the path of a node
 *
 * Opens a node, since libdrm has no function that opens one by its path.  The first
 * process that opens a card becomes its master, and no other process can show frames
 * on it.  So this function drops master at once.
 *
 * Returns: (transfer full): a descriptor, or -1 with errno set
 */
int
mmio_drm_open (const char *node)
{
  const int fd = MMIO_RETRY (open (node, O_RDWR | O_CLOEXEC));

  /* Fails if another process is master, and on render nodes */
  if (fd >= 0 && !g_str_has_prefix (node, MMIO_DRM_NODES "/renderD"))
    drmDropMaster (fd);

  return fd;
}

/**
 * mmio_drm_get_driver:
 * @fd: an open node
 *
 * Gets the name of the kernel driver.
 *
 * Returns: (transfer full) (nullable): the driver's name, such as amdgpu or
 *   virtio_gpu, or NULL with errno set
 */
char *
mmio_drm_get_driver (int fd)
{
  drmVersion *version = drmGetVersion (fd);
  char *name;

  if (!version)
    return NULL;

  name = g_strdup (version->name ? version->name : "");
  drmFreeVersion (version);
  return name;
}

/* Returns: as mmio_drm_scans_out() */
static int
plane_has_format (int fd, guint32 id, guint32 fourcc)
{
  drmModePlane *plane = drmModeGetPlane (fd, id);
  int ret = 0;

  if (!plane)
    return -1;

  for (guint32 i = 0; i < plane->count_formats && ret == 0; i++)
    ret = plane->formats[i] == fourcc;
  drmModeFreePlane (plane);
  return ret;
}

/**
 * mmio_drm_scans_out:
 * @fd: an open card
 * @fourcc: a DRM format
 *
 * Checks whether a plane of the card's displays lists the format, with any
 * modifier.
 *
 * Returns: 1 for yes, 0 for no, or -1 with errno set; EOPNOTSUPP: the card has no
 *   displays
 */
int
mmio_drm_scans_out (int fd, guint32 fourcc)
{
  drmModePlaneRes *planes;
  int ret = 0, errnum = 0;

  /* All planes, not only overlays */
  if (drmSetClientCap (fd, DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1) < 0)
    return -1;

  planes = drmModeGetPlaneResources (fd);
  if (!planes)
    return -1;

  /* One plane with the format is enough, even if the query of others fails */
  for (guint32 i = 0; i < planes->count_planes && ret <= 0; i++) {
    ret = plane_has_format (fd, planes->planes[i], fourcc);
    if (ret < 0)
      errnum = errno;
  }
  if (planes->count_planes == 0)
    errnum = EOPNOTSUPP;
  drmModeFreePlaneResources (planes);

  if (ret > 0 || errnum == 0)
    return ret;
  errno = errnum;
  return -1;
}
