/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checks that the mapped memory still belongs to the device that was opened.
 *
 * A map by sysfs outlives the removal of its device.  If another device is plugged
 * in at the same address, the old map reads the memory of that device.  So each
 * frame is read between two checks.  A check reads an attribute of sysfs that was
 * opened with the device.  The read fails after a removal of the device (observed:
 * ENODEV), also if there is another one.  It also shows whether the device answers.
 */
#include "pci/mmioidentity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <unistd.h>

#include "base/mmioerror.h"
#include "base/mmiosystem.h"
#include "pci/mmiopcistate.h"

#define BAR_REGISTER(n) (PCI_BASE_ADDRESS_0 + 4 * (n))
#define BAR_IS_64(bar) (((bar) & (PCI_BASE_ADDRESS_SPACE | \
    PCI_BASE_ADDRESS_MEM_TYPE_MASK)) == PCI_BASE_ADDRESS_MEM_TYPE_64)
/* Result of a read that no device answers */
#define NO_ANSWER 0xffffffff

struct _MmioIdentity
{
  char *address;
  char *physical;               /* NULL: it is not a virtual function */
  int config_fd;
  int power_fd;                 /* -1: kernels before 5.11 */
  guint32 bar[PCI_STD_NUM_BARS];        /* registers at the start */
};

/* Returns: 0 or errno; ENODATA: the configuration is too short */
static int
read_config (const MmioIdentity * identity, guint offset, gpointer data,
    gsize size)
{
  const gssize n = MMIO_RETRY (pread (identity->config_fd, data, size, offset));

  return n == (gssize) size ? 0 : n < 0 ? errno : ENODATA;
}

static int
open_attribute (const char *address, const char *name)
{
  g_autofree char *path = g_build_filename (MMIO_PCI_SYSFS, address, name,
      NULL);

  return MMIO_RETRY (open (path, O_RDONLY | O_CLOEXEC));
}

/**
 * mmio_identity_new:
 * @address: the device's full PCI address
 *
 * Opens the configuration of a device, and stores its BAR registers.
 *
 * Returns: (transfer full) (nullable): the identity, or NULL with
 *   %MMIO_ERROR_NOT_PERMITTED or %MMIO_ERROR_FAILED
 */
MmioIdentity *
mmio_identity_new (const char *address, GError ** error)
{
  g_autoptr (MmioIdentity) identity = g_new0 (MmioIdentity, 1);
  int errnum;

  identity->address = g_strdup (address);
  identity->power_fd = -1;
  identity->config_fd = open_attribute (address, "config");
  errnum = identity->config_fd < 0 ? errno :
      read_config (identity, BAR_REGISTER (0), identity->bar,
      sizeof (identity->bar));
  if (errnum == 0)
    errnum = mmio_pci_get_physical (MMIO_PCI_SYSFS, address,
        &identity->physical);
  if (errnum == 0) {
    identity->power_fd = open_attribute (address, "power_state");
    /* Kernels before 5.11 have no such attribute */
    if (identity->power_fd < 0 && mmio_is_shortage (errno))
      errnum = errno;
  }
  if (errnum != 0) {
    mmio_pci_set_config_error (error, address, errnum);
    return NULL;
  }

  return g_steal_pointer (&identity);
}

void
mmio_identity_free (MmioIdentity * identity)
{
  if (identity->config_fd >= 0)
    close (identity->config_fd);
  if (identity->power_fd >= 0)
    close (identity->power_fd);
  g_free (identity->physical);
  g_free (identity->address);
  g_free (identity);
}

/* The IDs of a virtual function are only in attributes, which are opened by its
 * address.  If its open configuration is readable afterwards, the device was still
 * present, so the IDs are its own. */
static int
read_virtual_ids (const MmioIdentity * identity, guint ids[2])
{
  const char *address = identity->address;
  guint16 unused;
  int errnum = mmio_pci_get_id (MMIO_PCI_SYSFS, address, "vendor", &ids[0]);

  if (errnum == 0)
    errnum = mmio_pci_get_id (MMIO_PCI_SYSFS, address, "device", &ids[1]);
  if (errnum == 0)
    errnum = read_config (identity, PCI_VENDOR_ID, &unused, sizeof (unused));
  return errnum;
}

/* @ids: (out): vendor and device.  Returns: 0 with @ids set, or errno */
static int
read_ids (const MmioIdentity * identity, guint ids[2])
{
  guint16 config[2];
  int errnum;

  if (identity->physical)
    return read_virtual_ids (identity, ids);

  errnum = read_config (identity, PCI_VENDOR_ID, config, sizeof (config));
  ids[0] = GUINT16_FROM_LE (config[0]);
  ids[1] = GUINT16_FROM_LE (config[1]);
  return errnum;
}

/**
 * mmio_identity_has_ids:
 * @vendor, @device: PCI IDs
 * @errnum: (out): the errno of a shortage that prevented the check, or 0
 *
 * Checks the IDs of the device.
 *
 * Returns: whether the device is present and has these IDs
 */
gboolean
mmio_identity_has_ids (const MmioIdentity * identity, guint16 vendor,
    guint16 device, int *errnum)
{
  guint ids[2] = { 0, };
  const int ret = read_ids (identity, ids);

  *errnum = mmio_is_shortage (ret) ? ret : 0;
  return ret == 0 && ids[0] == vendor && ids[1] == device;
}

/* In D3hot or D3cold, the memory of a device reads as ones */
static gboolean
is_asleep (const MmioIdentity * identity)
{
  char state[2];

  return identity->power_fd >= 0 &&
      MMIO_RETRY (pread (identity->power_fd, state, sizeof (state), 0)) ==
      sizeof (state) && memcmp (state, "D3", sizeof (state)) == 0;
}

/* Must be the first check: the others read the configuration, which may not answer in
 * D3, or wakes the device */
static gboolean
check_awake (const MmioIdentity * identity, GError ** error)
{
  if (!is_asleep (identity))
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_GONE,
      "Cannot read %s: it has gone to sleep; keep it awake with: echo on | sudo "
      "tee " MMIO_PCI_SYSFS "/%s/power/control", identity->address,
      identity->address);
  return FALSE;
}

static void
set_unplugged_error (const MmioIdentity * identity, int errnum, GError ** error)
{
  if (identity->physical)
    mmio_set_system_error (error, MMIO_ERROR_GONE, errnum, "pread config",
        "Cannot read %s: it was unplugged, or virtual functions were switched "
        "off; show how many %s has with: cat " MMIO_PCI_SYSFS
        "/%s/sriov_numvfs", identity->address, identity->physical,
        identity->physical);
  else
    mmio_set_system_error (error, MMIO_ERROR_GONE, errnum, "pread config",
        "Cannot read %s: it was unplugged, or removed from the bus; find it "
        "with: echo 1 | sudo tee /sys/bus/pci/rescan", identity->address);
}

static void
set_silent_error (const MmioIdentity * identity, GError ** error)
{
  const char *address = identity->address;

  if (identity->physical)
    mmio_set_error (error, MMIO_ERROR_GONE,
        "Cannot read %s: it does not answer any more; check its physical "
        "function %s with: lspci -vs %s", address, identity->physical,
        identity->physical);
  else
    mmio_set_error (error, MMIO_ERROR_GONE,
        "Cannot read %s: it does not answer any more; if it is plugged in and "
        "powered, find it again with: echo 1 | sudo tee " MMIO_PCI_SYSFS
        "/%s/remove " "/sys/bus/pci/rescan", address, address);
}

static gboolean
check_command (const MmioIdentity * identity, GError ** error)
{
  const char *address = identity->address;
  guint32 command;
  const int errnum = read_config (identity, PCI_COMMAND, &command,
      sizeof (command));

  /* The next check may succeed */
  if (mmio_is_shortage (errnum))
    return TRUE;
  if (errnum != 0) {
    set_unplugged_error (identity, errnum, error);
    return FALSE;
  }

  if (command == NO_ANSWER) {
    set_silent_error (identity, error);
    return FALSE;
  }

  /* The bit of a virtual function is 0, as its physical function decodes for it */
  if (!identity->physical && !(GUINT32_FROM_LE (command) & PCI_COMMAND_MEMORY)) {
    mmio_set_error (error, MMIO_ERROR_GONE,
        "Cannot read %s: its memory decoding was switched off, or it was reset; "
        "switch decoding on with: sudo setpci -s %s COMMAND=2:2", address,
        address);
    return FALSE;
  }

  return TRUE;
}

static gboolean
check_base (const MmioIdentity * identity, guint bar, GError ** error)
{
  const guint32 *before = identity->bar + bar;
  const gsize size = bar + 1 < PCI_STD_NUM_BARS &&
      BAR_IS_64 (GUINT32_FROM_LE (*before)) ? 8 : 4;
  guint32 now[2];
  const int errnum = read_config (identity, BAR_REGISTER (bar), now, size);

  if (mmio_is_shortage (errnum) ||
      (errnum == 0 && memcmp (now, before, size) == 0))
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_GONE,
      "Cannot read BAR %u of %s: it was moved, or the device was reset"
      MMIO_START_AGAIN " when it is ready.", bar, identity->address);
  return FALSE;
}

/**
 * mmio_identity_check:
 * @bar: number of the captured BAR, or -1: unknown
 *
 * Checks that the device is present, answers to its memory BARs, and has not moved the
 * BAR.  That takes three or four reads of configuration space, of about a microsecond
 * each.  After a shortage of memory or descriptors, the device counts as present until
 * the next check.
 *
 * Returns: FALSE with %MMIO_ERROR_GONE if a map of the BAR may not read the device's
 *   memory
 */
gboolean
mmio_identity_check (const MmioIdentity * identity, gint bar, GError ** error)
{
  return check_awake (identity, error) && check_command (identity, error) &&
      (bar < 0 || check_base (identity, bar, error));
}
