/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What sysfs says of UIO devices: which node is whose, and what there is to
 * map.  The node itself is not opened.
 */
#include "mmiouionode.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mmiopcistate.h"
#include "mmiosystem.h"

#define CLASS "/sys/class/uio"

/* "uio12", and nothing behind it */
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

/* The node, by whatever links it is reached */
static gboolean
parse_link (const char *path, guint * number)
{
  char *resolved = realpath (path, NULL);
  const gboolean ret = parse_node (resolved ? resolved : path, number);

  free (resolved);
  return ret;
}

/**
 * mmio_uio_parse_path:
 * @path: /dev/uioN, a link to it, or one of these with :MAP
 * @number: (out): which UIO device
 * @map: (out) (transfer full) (nullable): the name of a map of it
 *
 * Returns: whether @path is one of a UIO device; there need not be one
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
 * @number: (out): which UIO device it is
 *
 * Returns: whether the device is bound to a UIO driver
 */
gboolean
mmio_uio_find (const char *devices, const char *address, guint * number)
{
  g_autofree char *path = g_build_filename (devices, address, "uio", NULL);
  GDir *dir = g_dir_open (path, 0, NULL);
  gboolean found = FALSE;
  const char *name;

  while (dir && !found && (name = g_dir_read_name (dir)))
    found = parse_name (name, number);
  if (dir)
    g_dir_close (dir);

  return found;
}

static char *
get_file (guint number, const char *attribute)
{
  return g_strdup_printf (CLASS "/uio%u/%s", number, attribute);
}

/**
 * mmio_uio_node_open:
 * @attribute: a file of the device's directory
 *
 * Returns: a descriptor of it, for reading, which the caller closes; or -1
 */
int
mmio_uio_node_open (const MmioUioNode * node, const char *attribute)
{
  g_autofree char *path = get_file (node->number, attribute);

  return MMIO_RETRY (open (path, O_RDONLY | O_CLOEXEC));
}

/**
 * mmio_uio_node_read:
 * @attribute: a file of the device's directory, "maps/map0/size"
 *
 * Returns: (transfer full) (nullable): what is in it, without a newline
 */
char *
mmio_uio_node_read (const MmioUioNode * node, const char *attribute)
{
  g_autofree char *path = get_file (node->number, attribute);
  char *text = NULL;

  if (mmio_read_file (path, &text, NULL) != 0)
    return NULL;

  return g_strstrip (text);
}

static guint64
read_number (const MmioUioNode * node, guint i, const char *name)
{
  g_autofree char *attribute = g_strdup_printf ("maps/map%u/%s", i, name);
  g_autofree char *text = mmio_uio_node_read (node, attribute);

  /* In hexadecimal, with 0x */
  return text ? g_ascii_strtoull (text, NULL, 16) : 0;
}

/* Returns: FALSE if there is no such map */
static gboolean
read_map (MmioUioNode * node, guint i)
{
  g_autofree char *attribute = g_strdup_printf ("maps/map%u/name", i);
  MmioUioMap *map = &node->map[i];
  const guint64 size = read_number (node, i, "size");

  map->skip = read_number (node, i, "offset");
  if (size <= map->skip)
    return FALSE;

  map->size = size - map->skip;
  map->base = read_number (node, i, "addr") + map->skip;
  map->name = mmio_uio_node_read (node, attribute);
  return TRUE;
}

static char *
find_slot (guint number)
{
  g_autofree char *path = get_file (number, "device");
  g_autofree char *subsystem_path = g_build_filename (path, "subsystem", NULL);
  g_autofree char *subsystem = NULL;
  char *resolved;
  char *slot;

  mmio_read_link (subsystem_path, &subsystem);
  if (!subsystem || !g_str_has_suffix (subsystem, "/pci"))
    return NULL;

  resolved = realpath (path, NULL);
  slot = resolved ? g_path_get_basename (resolved) : NULL;
  free (resolved);
  return slot;
}

/**
 * mmio_uio_node_init:
 * @node: (out caller-allocates): what is known; mmio_uio_node_clear() it
 * @number: which UIO device; where there is none, there are no maps
 *
 * Learns what sysfs says of a UIO device.
 */
void
mmio_uio_node_init (MmioUioNode * node, guint number)
{
  memset (node, 0, sizeof (*node));
  node->number = number;
  node->path = g_strdup_printf ("/dev/uio%u", number);
  node->name = mmio_uio_node_read (node, "name");
  node->slot = find_slot (number);
  while (node->n_maps < MMIO_UIO_MAX_MAPS && read_map (node, node->n_maps))
    node->n_maps++;
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
 *
 * Returns: whether there is such a UIO device now
 */
gboolean
mmio_uio_node_exists (const MmioUioNode * node)
{
  g_autofree char *path = get_file (node->number, "");

  return g_file_test (path, G_FILE_TEST_IS_DIR);
}

/**
 * mmio_uio_node_find_bar:
 * @bar: a BAR of the device
 *
 * Returns: the number of the map that starts where the BAR does, or -1
 */
gint
mmio_uio_node_find_bar (const MmioUioNode * node, const MmioPciBar * bar)
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
 *
 * Returns: whether the device is bound to a UIO driver, the user may read its
 *   node, and nothing is lost by that: all its memory BARs are there, and none
 *   is prefetchable, which sysfs could map write-combining
 */
gboolean
mmio_uio_has_all (const char *devices, const MmioPciInfo * info)
{
  g_autofree char *address = mmio_address_to_string (&info->slot);
  g_auto (MmioUioNode) node = {.path = NULL };
  guint number;

  if (!mmio_uio_find (devices, address, &number))
    return FALSE;

  mmio_uio_node_init (&node, number);
  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    const MmioPciBar *bar = &info->bar[i];
    gint map = mmio_uio_node_find_bar (&node, bar);

    if (bar->size > 0 && !bar->is_io && (bar->is_prefetchable || map < 0 ||
            node.map[map].size < bar->size))
      return FALSE;
  }

  return access (node.path, R_OK) == 0;
}
