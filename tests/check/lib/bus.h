/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of PCI back ends share: a bus that does not exist.  Each check
 * runs in a mount namespace of its own with an empty /sys, so that no device of
 * this machine can be reached, and puts there what it wants to find: the files
 * of devices, with memory for BARs. */

#include "helper.h"

G_BEGIN_DECLS

#define DEVICES "/sys/bus/pci/devices"
#define HOST_BRIDGE "/sys/devices/pci0000:00"

/* What Linux says of a BAR: IORESOURCE_IO or _MEM, and the BAR's own bits */
#define IO (0x100 | 0x1)
#define MEMORY 0x200
#define PREFETCH (0x2000 | 0x8)

typedef struct
{
  guint64 base;
  guint64 size;
  guint flags;
} Bar;

typedef struct
{
  const char *slot;
  guint vendor, device;
  Bar bar[MMIO_MAX_BARS];
} Device;

gboolean enter_namespace (void);
void make_bus (void);
void put_pci_names (const char *text);
char *device_file (const char *slot, const char *name);
void put (const char *slot, const char *name, gconstpointer data, gssize size);
void put_config (const Device * device, guint16 command, gsize size);
void put_device (const Device * device);
void put_physical (const Device * device, const char *physical);
void set_command (const Device * device, guint16 command);
void unplug_device (const Device * device);

void set_driver (const Device * device, const char *driver);

void make_dev (void);
void put_node (const char *path);

MmioDevice *open_address (const char *text, MmioAccess access, GError ** error);
void check_access (const char *text, MmioAccess access, const char *wanted);
void check_open_fails (const char *text, MmioAccess access,
    MmioErrorCode code, const char *word, const char *other_word);

int run_on_bus (int argc, char **argv, Suite * (*suite) (void),
    const char *name, const char *file);

G_END_DECLS
