/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The DRM devices of this machine: which there are, and how to talk to one
 * without being in anybody's way.
 */
#include "mmiodrm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Names of drivers are shorter */
#define MAX_NAME 64

static void
mmio_drm_device_free (MmioDrmDevice * device)
{
  g_free (device->card);
  g_free (device->render);
  g_free (device);
}

/* Whether @name is @prefix and a number: connectors are card0-HDMI-A-1 */
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

/* Returns: (transfer full): the nodes of that kind in a directory, in order */
static GPtrArray *
list_names (const char *directory, const char *prefix)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    if (is_node (name, prefix))
      g_ptr_array_add (names, g_strdup (name));
  }
  g_ptr_array_sort (names, compare_names);

  return names;
}

/* Returns: (transfer full) (nullable): the node of that kind that is of the
 * same device as the node @name */
static char *
find_sibling (const char *name, const char *prefix)
{
  g_autofree char *directory = g_build_filename (MMIO_DRM_SYSFS, name,
      "device", "drm", NULL);
  g_autoptr (GPtrArray) names = list_names (directory, prefix);

  return names->len > 0 ? g_build_filename (MMIO_DRM_NODES,
      g_ptr_array_index (names, 0), NULL) : NULL;
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

/**
 * mmio_drm_list:
 *
 * Returns: (transfer full) (element-type MmioDrmDevice): the DRM devices of
 *   this machine, sorted by render node, or by card where there is none;
 *   none is opened
 */
GPtrArray *
mmio_drm_list (void)
{
  GPtrArray *devices =
      g_ptr_array_new_with_free_func ((GDestroyNotify) mmio_drm_device_free);
  g_autoptr (GPtrArray) cards = list_names (MMIO_DRM_SYSFS, "card");
  g_autoptr (GPtrArray) renders = list_names (MMIO_DRM_SYSFS, "renderD");

  for (guint i = 0; i < cards->len; i++) {
    const char *name = g_ptr_array_index (cards, i);

    add_device (devices, g_build_filename (MMIO_DRM_NODES, name, NULL),
        find_sibling (name, "renderD"));
  }

  for (guint i = 0; i < renders->len; i++) {
    const char *name = g_ptr_array_index (renders, i);
    g_autofree char *card = find_sibling (name, "card");

    if (!card)
      add_device (devices, NULL, g_build_filename (MMIO_DRM_NODES, name, NULL));
  }

  g_ptr_array_sort (devices, compare_devices);
  return devices;
}

/**
 * mmio_drm_ioctl:
 * @fd: an open node
 * @request: what to ask
 * @argument: (nullable): its argument
 *
 * Asks again where a signal came between.
 *
 * Returns: 0, or -1 with errno set
 */
int
mmio_drm_ioctl (int fd, gulong request, gpointer argument)
{
  int ret;

  do {
    ret = ioctl (fd, request, argument);
  } while (ret < 0 && (errno == EINTR || errno == EAGAIN));

  return ret;
}

/**
 * mmio_drm_open:
 * @node: the path of a node
 *
 * Opens a node.  Who opens a card that nobody else has open becomes its
 * master, and the one who wants to show something on it cannot; so that is
 * given up at once.
 *
 * Returns: a descriptor, or -1 with errno set
 */
int
mmio_drm_open (const char *node)
{
  const int fd = open (node, O_RDWR | O_CLOEXEC);

  /* Fails where somebody else is master, and on render nodes */
  if (fd >= 0 && !g_str_has_prefix (node, MMIO_DRM_NODES "/renderD"))
    mmio_drm_ioctl (fd, MMIO_DRM_DROP_MASTER, NULL);

  return fd;
}

/**
 * mmio_drm_get_driver:
 * @fd: an open node
 *
 * Returns: (transfer full) (nullable): the driver's name, such as amdgpu or
 *   virtio_gpu, or NULL with errno set
 */
char *
mmio_drm_get_driver (int fd)
{
  char name[MAX_NAME] = "";
  MmioDrmVersion version = {.name_len = sizeof (name) - 1,.name = name };

  if (mmio_drm_ioctl (fd, MMIO_DRM_VERSION, &version) < 0)
    return NULL;

  return g_strdup (name);
}

static gboolean
plane_has_format (int fd, guint32 id, guint32 fourcc)
{
  MmioDrmPlane plane = {.plane_id = id };
  g_autofree guint32 *formats = NULL;

  if (mmio_drm_ioctl (fd, MMIO_DRM_GET_PLANE, &plane) < 0)
    return FALSE;

  formats = g_new0 (guint32, plane.count_format_types + 1);
  plane.format_type_ptr = (guintptr) formats;
  if (mmio_drm_ioctl (fd, MMIO_DRM_GET_PLANE, &plane) < 0)
    return FALSE;

  /* Ends at the zero after the last one, whatever the count now is */
  for (const guint32 * format = formats; *format != 0; format++) {
    if (*format == fourcc)
      return TRUE;
  }

  return FALSE;
}

/**
 * mmio_drm_scans_out:
 * @fd: an open card
 * @fourcc: a format, as displays call it
 *
 * Whether any plane of the card's displays lists the format, whichever
 * modifiers it wants with it.
 *
 * Returns: 1 for yes, 0 for no, or -1 with errno set; EOPNOTSUPP: it has no
 *   displays
 */
int
mmio_drm_scans_out (int fd, guint32 fourcc)
{
  /* All planes, not only those that come on top of others */
  MmioDrmClientCap cap = {.capability =
        MMIO_DRM_CLIENT_CAP_UNIVERSAL_PLANES,.value = 1
  };
  MmioDrmPlanes planes = { 0, };
  g_autofree guint32 *ids = NULL;
  guint n;

  if (mmio_drm_ioctl (fd, MMIO_DRM_SET_CLIENT_CAP, &cap) < 0 ||
      mmio_drm_ioctl (fd, MMIO_DRM_GET_PLANES, &planes) < 0)
    return -1;

  n = planes.count_planes;
  ids = g_new0 (guint32, n + 1);
  planes.plane_id_ptr = (guintptr) ids;
  if (mmio_drm_ioctl (fd, MMIO_DRM_GET_PLANES, &planes) < 0)
    return -1;

  if (n == 0) {
    errno = EOPNOTSUPP;
    return -1;
  }

  for (guint i = 0; i < n; i++) {
    if (ids[i] != 0 && plane_has_format (fd, ids[i], fourcc))
      return 1;
  }

  return 0;
}
