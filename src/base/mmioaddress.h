/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  MMIO_ADDRESS_SIM,
  MMIO_ADDRESS_SLOT,
  MMIO_ADDRESS_ID,
  MMIO_ADDRESS_PATH,
} MmioAddressKind;

/**
 * MmioAddress:
 * @kind: which of the members below are valid
 * @domain, @bus, @slot, @function: MMIO_ADDRESS_SLOT: its PCI
 *   address
 * @vendor, @device: MMIO_ADDRESS_ID: its PCI IDs
 * @nth: MMIO_ADDRESS_ID: index among devices with these IDs, from 0; -1: only
 *   one device may have them
 * @path: MMIO_ADDRESS_PATH: the file or character device, owned
 *
 * A device as a user names it.
 */
typedef struct {
  MmioAddressKind kind;
  guint32 domain;
  guint8 bus;
  guint8 slot;
  guint8 function;
  guint16 vendor;
  guint16 device;
  gint nth;
  char *path;
} MmioAddress;

/* The forms that a user can type, for messages and help */
#define MMIO_ADDRESS_FORMS \
    "sim, a PCI address (0000:03:00.0 or 03:00.0), vendor:device in hex " \
    "(10ee:7024, or 10ee:7024@1 for the second of several) or the path of a " \
    "file or character device, with a slash (/dev/shm/ivshmem)"

gboolean mmio_address_parse (MmioAddress * address, const char *text,
    GError ** error);

void mmio_address_make_absolute (MmioAddress * address);

char *mmio_address_to_string (const MmioAddress * address);

void mmio_address_clear (MmioAddress * address);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MmioAddress, mmio_address_clear)

G_END_DECLS
