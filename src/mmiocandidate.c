/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which PCI devices may have a picture in their memory, by what sysfs says of
 * them.  Those are attributes that the kernel keeps: no device is woken, none
 * is asked for its configuration, and no BAR is opened.
 */
#include "mmiocandidate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mmiopcistate.h"
#include "mmiosystem.h"

/* Base classes (PCI Code and ID Assignment, 1.4 and 1.5) */
#define CLASS_DISPLAY 0x03
#define CLASS_MULTIMEDIA 0x04
/* ... and the subclasses of the latter that have sound only: audio device,
 * telephony device, HD Audio; 0 is video, 0x80 other */
#define SUBCLASS_AUDIO 0x01
#define SUBCLASS_HD_AUDIO 0x03

/* Shared memory of virtual machines has no class of its own */
#define IVSHMEM_VENDOR 0x1af4
#define IVSHMEM_DEVICE 0x1110

/* What the third column of the attribute "resource" has: linux/ioport.h */
#define IORESOURCE_MEM 0x200
#define IORESOURCE_UNSET 0x20000000

static gboolean
is_for_pictures (const MmioCandidate * candidate)
{
  const guint base_class = candidate->class_code >> 16;
  const guint subclass = candidate->class_code >> 8 & 0xff;
  const gboolean is_sound = subclass >= SUBCLASS_AUDIO &&
      subclass <= SUBCLASS_HD_AUDIO;

  return base_class == CLASS_DISPLAY ||
      (base_class == CLASS_MULTIMEDIA && !is_sound) ||
      (candidate->vendor == IVSHMEM_VENDOR &&
      candidate->device == IVSHMEM_DEVICE);
}

static char *
get_path (const char *address, const char *name)
{
  return g_build_filename (MMIO_PCI_SYSFS, address, name, NULL);
}

/* @cannot_ask: (inout): set if that is why there is nothing */
static char *
read_attribute (const char *address, const char *name, gboolean * cannot_ask)
{
  g_autofree char *path = get_path (address, name);
  char *text;

  *cannot_ask |= mmio_is_shortage (mmio_read_file (path, &text, NULL));
  return text;
}

static gboolean
read_number (const char *address, const char *name, guint64 max,
    guint64 * number, gboolean * cannot_ask)
{
  g_autofree char *text = read_attribute (address, name, cannot_ask);

  if (!text || !g_str_has_prefix (text, "0x"))
    return FALSE;

  g_strchomp (text);
  return g_ascii_string_to_unsigned (text + 2, 16, 0, max, number, NULL);
}

/* Whether a line of "resource" is memory that holds a page, and has been given
 * an address */
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
exists (const char *path, gboolean * cannot_ask)
{
  if (access (path, F_OK) == 0)
    return TRUE;

  *cannot_ask |= mmio_is_shortage (errno);
  return FALSE;
}

/* Whether there is a BAR in which a picture could be.  A device that is just
 * being plugged in has none yet: the kernel announces it, then gives its BARs
 * addresses, and makes their files last. */
static gboolean
has_memory (const char *address, gboolean * cannot_ask)
{
  g_autofree char *text = read_attribute (address, "resource", cannot_ask);
  g_auto (GStrv) lines = NULL;

  if (!text)
    return FALSE;

  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; i < MMIO_MAX_BARS && lines[i]; i++) {
    g_autofree char *name = g_strdup_printf ("resource%u", i);
    g_autofree char *file = get_path (address, name);

    if (is_large_memory (lines[i]) && exists (file, cannot_ask))
      return TRUE;
  }

  return FALSE;
}

/* Returns: (nullable): the device, if it is one that counts and is still there
 */
static MmioCandidate *
candidate_new (const char *address, gboolean * cannot_ask)
{
  g_autoptr (MmioCandidate) candidate = g_new0 (MmioCandidate, 1);
  g_autofree char *link = get_path (address, NULL);
  guint64 vendor, device, class_code;
  char *path;

  if (!read_number (address, "vendor", G_MAXUINT16, &vendor, cannot_ask) ||
      !read_number (address, "device", G_MAXUINT16, &device, cannot_ask) ||
      !read_number (address, "class", 0xffffff, &class_code, cannot_ask))
    return NULL;

  candidate->address = g_strdup (address);
  candidate->vendor = vendor;
  candidate->device = device;
  candidate->class_code = class_code;
  if (!is_for_pictures (candidate) || !has_memory (address, cannot_ask))
    return NULL;

  /* It may have gone since its attributes were read: without a path it would
   * look like another one */
  path = realpath (link, NULL);
  if (!path) {
    *cannot_ask |= mmio_is_shortage (errno);
    return NULL;
  }
  candidate->path = g_strdup (path);
  free (path);
  mmio_pci_names_init (&candidate->names, vendor, device);
  return g_steal_pointer (&candidate);
}

static gint
compare_addresses (gconstpointer a, gconstpointer b)
{
  const MmioCandidate *one = *(MmioCandidate * const *) a;
  const MmioCandidate *other = *(MmioCandidate * const *) b;
  const gsize length = strlen (one->address);
  const gsize other_length = strlen (other->address);

  /* Domains have four digits, or more */
  if (length != other_length)
    return length < other_length ? -1 : 1;
  return strcmp (one->address, other->address);
}

/**
 * mmio_candidate_try_list:
 *
 * Lists the devices that may have a picture: displays, multimedia devices, and
 * shared memory of virtual machines (ivshmem), if they have a memory BAR of at
 * least a page.  What is there is not opened.
 *
 * Returns: (transfer full) (nullable) (element-type MmioCandidate): the devices, in
 *   the order of their addresses; none where there is no PCI bus; NULL if this
 *   process cannot ask for want of descriptors or memory, which may pass
 */
GPtrArray *
mmio_candidate_try_list (void)
{
  g_autoptr (GPtrArray) candidates =
      g_ptr_array_new_with_free_func ((GDestroyNotify) mmio_candidate_free);
  g_autoptr (GPtrArray) names = NULL;
  gboolean cannot_ask =
      mmio_is_shortage (mmio_read_dir (MMIO_PCI_SYSFS, &names));

  for (guint i = 0; names && i < names->len; i++) {
    MmioCandidate *candidate = candidate_new (g_ptr_array_index (names, i),
        &cannot_ask);

    if (candidate)
      g_ptr_array_add (candidates, candidate);
  }

  if (cannot_ask)
    return NULL;
  g_ptr_array_sort (candidates, compare_addresses);
  return g_steal_pointer (&candidates);
}

/**
 * mmio_candidate_list:
 *
 * Returns: (transfer full) (element-type MmioCandidate): the same, and none if this
 *   process cannot ask
 */
GPtrArray *
mmio_candidate_list (void)
{
  GPtrArray *candidates = mmio_candidate_try_list ();

  return candidates ? candidates : g_ptr_array_new ();
}

/**
 * mmio_candidate_free:
 * @candidate: (transfer full): a device
 */
void
mmio_candidate_free (MmioCandidate * candidate)
{
  g_free (candidate->address);
  g_free (candidate->path);
  mmio_pci_names_clear (&candidate->names);
  g_free (candidate);
}
