/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the description of UIO devices from sysfs: nodes, PCI devices and maps.
 * Does not open the node itself.
 */
#include "backends/mmiouionode.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mmiosystem.h"
#include "pci/mmiopcistate.h"

#define CLASS "/sys/class/uio"

/* "uio12", without a suffix */
static gboolean
parse_name (const char *name, guint * number)
{
  guint64 value;

  if (!g_str_has_prefix (name, "uio") ||
      !g_ascii_string_to_unsigned (name + 3, 10, 0, G_MAXINT, &value, NULL))
    return FALSE;

  *number = value;
  return TRUE;
}

static gboolean
parse_node (const char *path, guint * number)
{
  return g_str_has_prefix (path, "/dev/") && parse_name (path + 5, number);
}

/* Also accepts links to a node */
static gboolean
parse_link (const char *path, guint * number)
{
  g_autofree char *resolved = NULL;

  mmio_real_path (path, &resolved);
  return parse_node (resolved ? resolved : path, number);
}

/**
 * mmio_uio_parse_path:
 * @path: /dev/uioN, a link to it, or one of these with :MAP
 * @number: (out): the number of the UIO device
 * @map: (out) (transfer full) (nullable): the name of one of its maps
 *
 * Returns: whether @path names a UIO device, which need not exist
 */
gboolean
mmio_uio_parse_path (const char *path, guint * number, char **map)
{
  const char *colon = strchr (path, ':');
  g_autofree char *node = NULL;

  *map = NULL;
  if (parse_link (path, number))
    return TRUE;
  if (!colon)
    return FALSE;

  node = g_strndup (path, colon - path);
  if (!parse_link (node, number))
    return FALSE;

  *map = g_strdup (colon + 1);
  return TRUE;
}

/**
 * mmio_uio_find:
 * @devices: the directory of the PCI devices, %MMIO_PCI_SYSFS
 * @address: a full PCI address
 * @number: (out): the number of its UIO device
 *
 * Returns: 0; ENOENT if the device is not bound to a UIO driver; or another errno
 */
int
mmio_uio_find (const char *devices, const char *address, guint * number)
{
  g_autofree char *path = g_build_filename (devices, address, "uio", NULL);
  g_autoptr (GPtrArray) names = NULL;
  const int errnum = mmio_read_dir (path, &names);

  if (errnum != 0)
    return errnum;

  for (guint i = 0; i < names->len; i++)
    if (parse_name (g_ptr_array_index (names, i), number))
      return 0;

  return ENOENT;
}

static char *
get_file (guint number, const char *attribute)
{
  return g_strdup_printf (CLASS "/uio%u/%s", number, attribute);
}

/**
 * mmio_uio_node_open:
 * @attribute: a file in the device's directory of sysfs
 *
 * Returns: a descriptor for reading that the caller closes; or -1 with errno set
 */
int
mmio_uio_node_open (const MmioUioNode * node, const char *attribute)
{
  g_autofree char *path = get_file (node->number, attribute);

  return MMIO_RETRY (open (path, O_RDONLY | O_CLOEXEC));
}

/**
 * mmio_uio_node_read:
 * @attribute: a file in the device's directory of sysfs, "maps/map0/size"
 * @text: (out) (transfer full) (nullable): its content without a newline; NULL if there
 *   is no such file
 *
 * Returns: 0 or errno
 */
int
mmio_uio_node_read (const MmioUioNode * node, const char *attribute,
    char **text)
{
  g_autofree char *path = get_file (node->number, attribute);
  const int errnum = mmio_read_file (path, text, NULL);

  if (errnum == 0)
    g_strstrip (*text);
  return errnum == ENOENT ? 0 : errnum;
}

static char *
get_map_file (guint i, const char *name)
{
  return g_strdup_printf ("maps/map%u/%s", i, name);
}

/* @value: (out): 0 if there is no such file.  Returns: 0 or errno */
static int
read_number (const MmioUioNode * node, guint i, const char *name,
    guint64 * value)
{
  g_autofree char *attribute = get_map_file (i, name);
  g_autofree char *text = NULL;
  const int errnum = mmio_uio_node_read (node, attribute, &text);

  /* The kernel writes hexadecimal with 0x */
  *value = text ? g_ascii_strtoull (text, NULL, 16) : 0;
  return errnum;
}

/* Sets a size of 0 if there is no such map.  Returns: 0 or errno */
static int
read_map (MmioUioNode * node, guint i)
{
  g_autofree char *name_file = get_map_file (i, "name");
  MmioUioMap *map = &node->map[i];
  int errnum = read_number (node, i, "size", &map->size);

  if (errnum == 0)
    errnum = read_number (node, i, "offset", &map->skip);
  map->size -= MIN (map->size, map->skip);
  if (errnum != 0 || map->size == 0)
    return errnum;

  errnum = read_number (node, i, "addr", &map->base);
  map->base += map->skip;
  return errnum != 0 ? errnum :
      mmio_uio_node_read (node, name_file, &map->name);
}

static int
read_maps (MmioUioNode * node)
{
  while (node->n_maps < MMIO_UIO_MAX_MAPS) {
    const int errnum = read_map (node, node->n_maps);

    if (errnum != 0)
      return errnum;
    if (node->map[node->n_maps].size == 0)
      break;
    node->n_maps++;
  }

  return 0;
}

/* @slot: (out) (transfer full) (nullable).  Returns: 0 or errno */
static int
find_slot (guint number, char **slot)
{
  g_autofree char *path = get_file (number, "device");
  g_autofree char *subsystem_path = g_build_filename (path, "subsystem", NULL);
  g_autofree char *subsystem = NULL;
  g_autofree char *resolved = NULL;
  int errnum = mmio_read_link (subsystem_path, &subsystem);

  *slot = NULL;
  if (!subsystem)
    return errnum == ENOENT ? 0 : errnum;
  if (!g_str_has_suffix (subsystem, "/pci"))
    return 0;

  errnum = mmio_real_path (path, &resolved);
  if (resolved)
    *slot = g_path_get_basename (resolved);
  return errnum;
}

/**
 * mmio_uio_node_init:
 * @node: (out caller-allocates): the description; free with mmio_uio_node_clear()
 * @number: the number of a UIO device; without such a device there are no maps
 *
 * Reads the description of a UIO device from sysfs.
 *
 * Returns: 0; or errno, with a part of @node filled in
 */
int
mmio_uio_node_init (MmioUioNode * node, guint number)
{
  int errnum;

  memset (node, 0, sizeof (*node));
  node->number = number;
  node->path = g_strdup_printf ("/dev/uio%u", number);
  errnum = mmio_uio_node_read (node, "name", &node->name);
  if (errnum == 0)
    errnum = find_slot (number, &node->slot);
  return errnum != 0 ? errnum : read_maps (node);
}

/**
 * mmio_uio_node_clear:
 *
 * Frees what @node owns.
 */
void
mmio_uio_node_clear (MmioUioNode * node)
{
  g_clear_pointer (&node->path, g_free);
  g_clear_pointer (&node->name, g_free);
  g_clear_pointer (&node->slot, g_free);
  for (guint i = 0; i < MMIO_UIO_MAX_MAPS; i++)
    g_clear_pointer (&node->map[i].name, g_free);
}

/**
 * mmio_uio_node_exists:
 * @exists: (out): FALSE if there is certainly no such UIO device now
 *
 * Returns: 0 or errno
 */
int
mmio_uio_node_exists (const MmioUioNode * node, gboolean * exists)
{
  g_autofree char *path = get_file (node->number, "");
  const int errnum = MMIO_RETRY (access (path, F_OK)) < 0 ? errno : 0;

  *exists = errnum != ENOENT;
  return *exists ? errnum : 0;
}

/**
 * mmio_uio_node_find_bar:
 * @bar: a BAR of the device
 *
 * Returns: the number of the map that starts at the address of the BAR, or -1
 */
gint
mmio_uio_node_find_bar (const MmioUioNode * node, const MmioBar * bar)
{
  for (guint i = 0; i < node->n_maps; i++) {
    if (!bar->is_io && bar->size > 0 && node->map[i].base == bar->base)
      return i;
  }

  return -1;
}

/**
 * mmio_uio_has_all:
 * @devices: the directory of the PCI devices, %MMIO_PCI_SYSFS
 * @info: a PCI device
 * @has_all: (out): whether UIO is as good as sysfs for the device
 *
 * UIO is as good if the device is bound to a UIO driver, the user may read its node, and
 * all its memory BARs have maps.  None may be prefetchable: sysfs could map such a BAR
 * write-combining.
 *
 * Returns: 0, or the errno of a shortage
 */
int
mmio_uio_has_all (const char *devices, const MmioPciInfo * info,
    gboolean * has_all)
{
  g_autofree char *address = mmio_address_to_string (&info->slot);
  g_auto (MmioUioNode) node = {.path = NULL };
  guint number;
  int errnum = mmio_uio_find (devices, address, &number);

  *has_all = FALSE;
  if (errnum == 0)
    errnum = mmio_uio_node_init (&node, number);
  if (errnum != 0)
    return mmio_is_shortage (errnum) ? errnum : 0;

  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    const MmioBar *bar = &info->bar[i];
    gint map = mmio_uio_node_find_bar (&node, bar);

    if (bar->size > 0 && !bar->is_io && (bar->is_prefetchable || map < 0 ||
            node.map[map].size < bar->size))
      return 0;
  }

  *has_all = MMIO_RETRY (access (node.path, R_OK)) == 0;
  return !*has_all && mmio_is_shortage (errno) ? errno : 0;
}
