/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Predicts whether the kernel permits one PCI device to read the memory of another,
 * by the rules of its drivers/pci/p2pdma.c.  The prediction serves for drivers that
 * apply these rules only at the first use.  If this file knows less than the kernel,
 * the prediction is negative.
 */
#include "dmabuf/mmiop2pdma.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "base/mmiosystem.h"
#include "pci/mmiopcistate.h"

#define CPUINFO "/proc/cpuinfo"

#define AMD "AuthenticAMD"
#define AMD_ZEN 0x17

#define INTEL 0x8086
#define CLASS_BRIDGE 0x0604

/* Intel's entries in the kernel's pci_p2pdma_whitelist: the device that represents
 * the host bridge, and whether it forwards only reads from below itself.  Later
 * entries are left out: Google's SoCs, and (in Linux 7.1) Intel's accelerators that
 * are alone on a bus, without a display. */
static const struct
{
  guint device;
  gboolean same_only;
} trusted_hosts[] = {
  {0x3c00, TRUE}, {0x3c01, TRUE},       /* Xeon E5, Core i7 */
  {0x2f00, TRUE}, {0x2f01, TRUE},       /* Xeon E7 v3, E5 v3, Core i7 */
  {0x2030, FALSE}, {0x2031, FALSE}, {0x2032, FALSE}, {0x2033, FALSE},
  {0x2020, FALSE},              /* Skylake-E */
  {0x09a2, FALSE},              /* Xeons since Ice Lake */
};

/* Largest number of extended capabilities in 4096 bytes, and the bits of ACS that
 * redirect reads between devices */
#define MAX_CAPABILITIES 480
#define ACS_LENGTH 8
#define ACS_REDIRECTS (PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC)

/* In order: a later value overrides an earlier one */
typedef enum
{
  REDIRECTION_OFF,
  REDIRECTION_HIDDEN,
  REDIRECTION_ON,
} Redirection;

/* The place of a PCI device in the topology */
typedef struct
{
  char *path;                   /* its directory in /sys */
  char *host;                   /* directory of its host bridge */
  char *top;                    /* its uppermost bridge, below the host
                                 * bridge; itself without one */
} Place;

static void
place_clear (Place * place)
{
  g_free (place->path);
  g_free (place->host);
  g_free (place->top);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Place, place_clear);

/* Stores a shortage of memory or descriptors in @shortage.  Returns: @errnum */
static int
note_shortage (int errnum, int *shortage)
{
  if (mmio_is_shortage (errnum))
    *shortage = errnum;
  return errnum;
}

/* Returns: (transfer full) (nullable): the target of a link, by realpath() */
static char *
resolve (const char *link, int *shortage)
{
  char *path;

  note_shortage (mmio_real_path (link, &path), shortage);
  return path;
}

/* 0000:01:00.0 */
static gboolean
is_device (const char *name)
{
  int end = 0;

  sscanf (name, "%*x:%*2x:%*2x.%*1x%n", &end);
  return end > 0 && name[end] == '\0';
}

/* pci0000:00 */
static gboolean
is_host (const char *name)
{
  int end = 0;

  sscanf (name, "pci%*x:%*2x%n", &end);
  return end > 0 && name[end] == '\0';
}

/* Finds the place of the target of a link.  The nearest host bridge counts: it may
 * itself be below a PCI device (Intel's VMD).
 *
 * Returns: FALSE if the target is not a PCI device */
static gboolean
place_init (Place * place, const char *link, int *shortage)
{
  g_autofree char *name = NULL;

  place->path = resolve (link, shortage);
  if (place->path)
    name = g_path_get_basename (place->path);
  if (!name || !is_device (name))
    return FALSE;

  while (strcmp (name, "/") != 0) {
    const char *below = place->host ? place->host : place->path;
    char *above = g_path_get_dirname (below);

    g_free (place->top);
    place->top = g_steal_pointer (&name);
    g_free (place->host);
    place->host = above;

    name = g_path_get_basename (above);
    if (is_host (name))
      return TRUE;
  }

  return FALSE;
}

static guint32
get_le (const char *config, gsize offset, gsize size)
{
  guint32 value = 0;

  for (gsize i = 0; i < size; i++)
    value |= (guint32) (guint8) config[offset + i] << (8 * i);
  return value;
}

/* Whether a device redirects reads between devices below it to the host bridge.  As in
 * the kernel, that depends on the enabled bits of its ACS capability. */
static Redirection
get_device_redirection (const char *directory, int *shortage)
{
  g_autofree char *path = g_build_filename (directory, "config", NULL);
  g_autofree char *config = NULL;
  gsize length, offset = PCI_CFG_SPACE_SIZE;

  if (note_shortage (mmio_read_file (path, &config, &length), shortage) != 0 ||
      length <= PCI_STD_HEADER_SIZEOF)
    return REDIRECTION_HIDDEN;

  for (guint i = 0; i < MAX_CAPABILITIES && offset >= PCI_CFG_SPACE_SIZE &&
      offset + ACS_LENGTH <= length; i++) {
    const guint32 header = get_le (config, offset, 4);

    if (PCI_EXT_CAP_ID (header) == PCI_EXT_CAP_ID_ACS)
      return (get_le (config, offset + PCI_ACS_CTRL, 2) & ACS_REDIRECTS) != 0 ?
          REDIRECTION_ON : REDIRECTION_OFF;
    offset = PCI_EXT_CAP_NEXT (header);
  }

  return REDIRECTION_OFF;
}

/* Checks all devices from @place up to the lowest bridge that is also above @other.
 * Comparing prefixes is safe, as no name of a PCI device is a prefix of another. */
static Redirection
get_branch_redirection (const Place * place, const Place * other, int *shortage)
{
  g_autofree char *directory = g_strdup (place->path);
  Redirection most = get_device_redirection (directory, shortage);

  while (!g_str_has_prefix (other->path, directory)) {
    char *above = g_path_get_dirname (directory);

    g_free (directory);
    directory = above;
    most = MAX (most, get_device_redirection (directory, shortage));
  }

  return most;
}

static gboolean
have_same_group (const Place * place, const Place * other, int *shortage)
{
  g_autofree char *link = g_build_filename (place->path, "iommu_group", NULL);
  g_autofree char *other_link = g_build_filename (other->path, "iommu_group",
      NULL);
  g_autofree char *group = resolve (link, shortage);
  g_autofree char *other_group = resolve (other_link, shortage);

  return g_strcmp0 (group, other_group) == 0;
}

/* Whether reads between the two devices are redirected to the host bridge.  Only root
 * may read that.  But the kernel redirects only with an IOMMU, and devices in the same
 * IOMMU group can reach each other.  For different groups, it is unknown. */
static Redirection
get_redirection (const Place * reader, const Place * owner, int *shortage)
{
  const Redirection redirection =
      MAX (get_branch_redirection (reader, owner, shortage),
      get_branch_redirection (owner, reader, shortage));

  if (redirection == REDIRECTION_HIDDEN &&
      have_same_group (reader, owner, shortage))
    return REDIRECTION_OFF;

  return redirection;
}

static gboolean
starts_with_key (const char *line, const char *key, const char **value)
{
  const gsize length = strlen (key);

  if (strncmp (line, key, length) != 0)
    return FALSE;

  *value = line + length + strspn (line + length, " \t:");
  return TRUE;
}

/* As in the kernel, the first CPU represents all */
static gboolean
cpu_is_trusted (int *shortage)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  gboolean is_amd = FALSE;
  const char *value;

  if (note_shortage (mmio_read_file (CPUINFO, &text, NULL), shortage) != 0)
    return FALSE;

  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    if (starts_with_key (lines[i], "vendor_id", &value))
      is_amd = strcmp (value, AMD) == 0;
    else if (starts_with_key (lines[i], "cpu family", &value))
      return is_amd && g_ascii_strtoull (value, NULL, 10) >= AMD_ZEN;
  }

  return FALSE;
}

/* Returns: the number in the file, or 0, which is no valid ID */
static guint
read_number (const char *host, const char *device, const char *name,
    int *shortage)
{
  g_autofree char *path = g_build_filename (host, device, name, NULL);
  g_autofree char *text = NULL;

  return note_shortage (mmio_read_file (path, &text, NULL), shortage) == 0 ?
      g_ascii_strtoull (text, NULL, 16) : 0;
}

/* Returns: (transfer full) (nullable): the first device on the bus of the host bridge.
 * It represents the host bridge if it is 00.0, or a root port. */
static char *
find_host_device (const char *host, int *shortage)
{
  g_autoptr (GPtrArray) names = NULL;
  g_autofree char *first = NULL;

  note_shortage (mmio_read_dir (host, &names), shortage);
  for (guint i = 0; names && i < names->len; i++) {
    const char *name = g_ptr_array_index (names, i);

    if (is_device (name) && (!first || strcmp (name, first) < 0)) {
      g_free (first);
      first = g_strdup (name);
    }
  }

  if (first && !g_str_has_suffix (first, ":00.0") &&
      read_number (host, first, "class", shortage) >> 8 != CLASS_BRIDGE)
    return NULL;

  return g_steal_pointer (&first);
}

static gboolean
host_is_trusted (const char *host, gboolean is_same, int *shortage)
{
  g_autofree char *name = find_host_device (host, shortage);
  guint device;

  if (!name || read_number (host, name, "vendor", shortage) != INTEL)
    return FALSE;

  device = read_number (host, name, "device", shortage);
  for (guint i = 0; i < G_N_ELEMENTS (trusted_hosts); i++) {
    if (trusted_hosts[i].device == device)
      return is_same || !trusted_hosts[i].same_only;
  }

  return FALSE;
}

static gboolean
hosts_are_trusted (const Place * reader, const Place * owner, int *shortage)
{
  if (strcmp (reader->host, owner->host) == 0)
    return host_is_trusted (owner->host, TRUE, shortage);

  return host_is_trusted (reader->host, FALSE, shortage) &&
      host_is_trusted (owner->host, FALSE, shortage);
}

/**
 * mmio_p2pdma_find_route:
 * @reader: the directory in /sys of the reading device, or a link to it, such as
 *   /sys/class/drm/card0/device
 * @address: full PCI address of the device with the memory
 * @shortage: (out): 0, or the errno of a shortage that prevented the answer
 *
 * Finds the route of reads.  Reads the configuration of both devices and of the
 * bridges above them, which may wake them.
 *
 * Returns: the route that the kernel permits, or the reason why it permits none
 */
MmioP2pdmaRoute
mmio_p2pdma_find_route (const char *reader, const char *address, int *shortage)
{
  g_autofree char *link = g_build_filename (MMIO_PCI_SYSFS, address, NULL);
  g_auto (Place) from = { 0, };
  g_auto (Place) to = { 0, };
  MmioP2pdmaRoute otherwise = MMIO_P2PDMA_ROUTE_NONE;

  *shortage = 0;
  if (!place_init (&from, reader, shortage) ||
      !place_init (&to, link, shortage))
    return MMIO_P2PDMA_ROUTE_UNKNOWN;

  if (strcmp (from.host, to.host) == 0 && strcmp (from.top, to.top) == 0) {
    switch (get_redirection (&from, &to, shortage)) {
      case REDIRECTION_OFF:
        return MMIO_P2PDMA_ROUTE_BRIDGE;
      case REDIRECTION_HIDDEN:
        otherwise = MMIO_P2PDMA_ROUTE_HIDDEN;
        break;
      case REDIRECTION_ON:
        otherwise = MMIO_P2PDMA_ROUTE_REDIRECTED;
        break;
    }
  }

  return cpu_is_trusted (shortage) || hosts_are_trusted (&from, &to, shortage) ?
      MMIO_P2PDMA_ROUTE_HOST : otherwise;
}
