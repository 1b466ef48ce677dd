/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists PCI devices by their IDs.  Their class does not help: most displays and
 * multimedia devices have no frame that can be read.  The kernel keeps the values of
 * the sysfs attributes used here: a read neither wakes the device nor accesses its
 * configuration space.  No BAR is opened.
 */
#include "pci/mmioenumerate.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mmiosystem.h"
#include "pci/mmiopcistate.h"

/* Flags in the third column of the attribute "resource", from linux/ioport.h */
#define IORESOURCE_MEM 0x200
#define IORESOURCE_UNSET 0x20000000

static char *
get_path (const char *address, const char *name)
{
  return g_build_filename (MMIO_PCI_SYSFS, address, name, NULL);
}

/* @is_incomplete: (inout): set if a shortage of descriptors or memory prevents the read
 *
 * Returns: (transfer full) (nullable): the attribute, or NULL after an error */
static char *
read_attribute (const char *address, const char *name, gboolean * is_incomplete)
{
  g_autofree char *path = get_path (address, name);
  char *text;

  *is_incomplete |= mmio_is_shortage (mmio_read_file (path, &text, NULL));
  return text;
}

static gboolean
read_number (const char *address, const char *name, guint64 max,
    guint64 * number, gboolean * is_incomplete)
{
  g_autofree char *text = read_attribute (address, name, is_incomplete);

  if (!text || !g_str_has_prefix (text, "0x"))
    return FALSE;

  g_strchomp (text);
  return g_ascii_string_to_unsigned (text + 2, 16, 0, max, number, NULL);
}

/* Whether a line of "resource" is memory of at least a page, with an address */
static gboolean
is_large_memory (const char *line)
{
  guint64 start, end, flags;
  char *rest;

  start = g_ascii_strtoull (line, &rest, 16);
  end = g_ascii_strtoull (rest, &rest, 16);
  flags = g_ascii_strtoull (rest, &rest, 16);

  return (flags & IORESOURCE_MEM) && !(flags & IORESOURCE_UNSET) &&
      start != 0 && end > start &&
      end - start >= (guint64) sysconf (_SC_PAGESIZE) - 1;
}

static gboolean
exists (const char *path, gboolean * is_incomplete)
{
  if (access (path, F_OK) == 0)
    return TRUE;

  *is_incomplete |= mmio_is_shortage (errno);
  return FALSE;
}

/* Whether the BAR has an address and a file.  After the uevent of a new device, the
 * kernel assigns addresses to its BARs, and creates their files last. */
static gboolean
has_memory (const char *address, guint bar, gboolean * is_incomplete)
{
  g_autofree char *text = read_attribute (address, "resource", is_incomplete);
  g_autofree char *name = g_strdup_printf ("resource%u", bar);
  g_autofree char *file = get_path (address, name);
  g_auto (GStrv) lines = NULL;

  if (!text)
    return FALSE;

  lines = g_strsplit (text, "\n", -1);
  return g_strv_length (lines) > bar && is_large_memory (lines[bar]) &&
      exists (file, is_incomplete);
}

/* Returns: (transfer full) (nullable): the device; NULL if @is_known does not select
 * it, or it lacks the BAR, or was removed */
static MmioPciEntry *
entry_new (const char *address, MmioPciFilter is_known,
    gboolean * is_incomplete)
{
  g_autoptr (MmioPciEntry) entry = g_new0 (MmioPciEntry, 1);
  g_autofree char *link = get_path (address, NULL);
  guint64 vendor, device, class_code;
  guint bar;

  if (!read_number (address, "vendor", G_MAXUINT16, &vendor, is_incomplete) ||
      !read_number (address, "device", G_MAXUINT16, &device, is_incomplete) ||
      !read_number (address, "class", 0xffffff, &class_code, is_incomplete))
    return NULL;

  entry->address = g_strdup (address);
  entry->vendor = vendor;
  entry->device = device;
  entry->class_code = class_code;
  if (!is_known (vendor, device, &bar) ||
      !has_memory (address, bar, is_incomplete))
    return NULL;

  /* The device may have been removed since its attributes were read.  An entry
   * without a path would differ from the one of the same device. */
  *is_incomplete |= mmio_is_shortage (mmio_real_path (link, &entry->path));
  if (!entry->path)
    return NULL;
  mmio_pci_names_init (&entry->names, vendor, device);
  return g_steal_pointer (&entry);
}

static gint
compare_addresses (gconstpointer a, gconstpointer b)
{
  const MmioPciEntry *one = *(MmioPciEntry * const *) a;
  const MmioPciEntry *other = *(MmioPciEntry * const *) b;
  const gsize length = strlen (one->address);
  const gsize other_length = strlen (other->address);

  /* Domains have four digits, or more */
  if (length != other_length)
    return length < other_length ? -1 : 1;
  return strcmp (one->address, other->address);
}

/**
 * mmio_pci_enumerate:
 * @is_known: selects devices
 *
 * Lists the devices that @is_known selects, if they have the BAR that it names.  Opens
 * no device.
 *
 * Returns: (transfer full) (nullable) (element-type MmioPciEntry): the devices, sorted
 *   by address; empty without a PCI bus; NULL after a shortage of descriptors or
 *   memory, which may be temporary
 */
GPtrArray *
mmio_pci_enumerate (MmioPciFilter is_known)
{
  g_autoptr (GPtrArray) entries =
      g_ptr_array_new_with_free_func ((GDestroyNotify) mmio_pci_entry_free);
  g_autoptr (GPtrArray) names = NULL;
  gboolean is_incomplete =
      mmio_is_shortage (mmio_read_dir (MMIO_PCI_SYSFS, &names));

  for (guint i = 0; names && i < names->len; i++) {
    MmioPciEntry *entry = entry_new (g_ptr_array_index (names, i),
        is_known, &is_incomplete);

    if (entry)
      g_ptr_array_add (entries, entry);
  }

  if (is_incomplete)
    return NULL;
  g_ptr_array_sort (entries, compare_addresses);
  return g_steal_pointer (&entries);
}

/**
 * mmio_pci_entry_free:
 * @entry: (transfer full): a device
 *
 * Frees a device.
 */
void
mmio_pci_entry_free (MmioPciEntry * entry)
{
  g_free (entry->address);
  g_free (entry->path);
  mmio_pci_names_clear (&entry->names);
  g_free (entry);
}
