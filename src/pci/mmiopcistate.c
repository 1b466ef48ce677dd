/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the present state of a PCI device: attributes of sysfs and the command
 * register.  No BAR is opened.
 */
#include "pci/mmiopcistate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <unistd.h>

#include "base/mmioerror.h"
#include "base/mmiosystem.h"

/* Returns: 0 with @state set, or the errno of a shortage */
static int
read_power_state (const char *devices, const char *address, char **state)
{
  g_autofree char *path = g_build_filename (devices, address, "power_state",
      NULL);
  const int errnum = mmio_read_file (path, state, NULL);

  if (errnum == 0)
    g_strstrip (*state);
  else
    *state = g_strdup ("unknown");
  return mmio_is_shortage (errnum) ? errnum : 0;
}

/* Returns: 0 with @command set, or errno */
static int
read_command (const char *devices, const char *address, guint8 command[2])
{
  g_autofree char *path = g_build_filename (devices, address, "config", NULL);
  int fd = MMIO_RETRY (open (path, O_RDONLY | O_CLOEXEC));
  int errnum = 0;
  gssize n;

  if (fd < 0)
    return errno;

  n = MMIO_RETRY (pread (fd, command, 2, PCI_COMMAND));
  if (n != 2)
    errnum = n < 0 ? errno : ENODATA;
  close (fd);

  return errnum;
}

/* @value: (out) (transfer full) (nullable): the name of the target of a link in the
 * device's directory.  Returns: 0 or errno */
static int
read_link (const char *devices, const char *address, const char *name,
    char **value)
{
  g_autofree char *path = g_build_filename (devices, address, name, NULL);
  g_autofree char *target = NULL;
  const int errnum = mmio_read_link (path, &target);

  *value = target ? g_path_get_basename (target) : NULL;
  return errnum;
}

/**
 * mmio_pci_get_driver:
 * @devices: the directory of the devices, %MMIO_PCI_SYSFS
 * @address: the device's full PCI address
 * @driver: (out) (transfer full) (nullable): the driver that is bound to the device;
 *   NULL if none is, or after an error
 *
 * Gets the name of the driver.
 *
 * Returns: 0, or errno if it is unknown whether a driver is bound
 */
int
mmio_pci_get_driver (const char *devices, const char *address, char **driver)
{
  const int errnum = read_link (devices, address, "driver", driver);

  return errnum == ENOENT ? 0 : errnum;
}

/**
 * mmio_pci_get_physical:
 * @devices: the directory of the devices, %MMIO_PCI_SYSFS
 * @address: the device's full PCI address
 * @physical: (out) (transfer full) (nullable): the address of the physical function;
 *   NULL if the device is not a virtual function, or after an error
 *
 * Gets the physical function of a virtual function of SR-IOV.  The configuration of a
 * virtual function has no IDs, no bit of memory decoding and no BARs (PCI Express Base
 * 4.0, 9.3.4.1).  The kernel takes them from the physical function, whose configuration
 * may be unreadable for users.
 *
 * Returns: 0, or the errno of a shortage; then it is unknown whether the device is a
 *   virtual function
 */
int
mmio_pci_get_physical (const char *devices, const char *address,
    char **physical)
{
  const int errnum = read_link (devices, address, "physfn", physical);

  return mmio_is_shortage (errnum) ? errnum : 0;
}

/**
 * mmio_pci_get_id:
 * @devices: the directory of the devices, %MMIO_PCI_SYSFS
 * @address: the device's full PCI address
 * @name: vendor, device, subsystem_vendor or subsystem_device
 * @id: (out): the ID, or %G_MAXUINT after an error
 *
 * Reads an ID from sysfs, which also has those of virtual functions.
 *
 * Returns: 0 or errno
 */
int
mmio_pci_get_id (const char *devices, const char *address, const char *name,
    guint * id)
{
  g_autofree char *path = g_build_filename (devices, address, name, NULL);
  g_autofree char *text = NULL;
  const int errnum = mmio_read_file (path, &text, NULL);

  *id = errnum == 0 ? g_ascii_strtoull (text, NULL, 16) : G_MAXUINT;
  return errnum;
}

/**
 * mmio_pci_state_init:
 * @state: (out caller-allocates): the state; free with mmio_pci_state_clear()
 * @devices: the directory of the devices, %MMIO_PCI_SYSFS
 * @address: the device's full PCI address
 *
 * Reads the state of a device, without waking it.
 */
void
mmio_pci_state_init (MmioPciState * state, const char *devices,
    const char *address)
{
  guint8 command[2] = { 0, };
  int errnum;

  memset (state, 0, sizeof (*state));
  state->driver_errno = mmio_pci_get_driver (devices, address, &state->driver);
  state->config_errno = mmio_pci_get_physical (devices, address,
      &state->physical);
  errnum = read_power_state (devices, address, &state->power_state);
  state->is_asleep = g_str_has_prefix (state->power_state, "D3");
  if (state->is_asleep)
    return;

  if (state->config_errno == 0)
    state->config_errno = errnum;
  /* The read could wake a device whose power state is unknown after an error */
  if (state->config_errno == 0)
    state->config_errno = read_command (devices, address, command);
  state->is_gone = command[0] == 0xff && command[1] == 0xff;
  state->is_decoding = !state->is_gone && (state->physical ||
      (command[0] & PCI_COMMAND_MEMORY));
}

/**
 * mmio_pci_state_clear:
 *
 * Frees the strings in @state.
 */
void
mmio_pci_state_clear (MmioPciState * state)
{
  g_clear_pointer (&state->driver, g_free);
  g_clear_pointer (&state->physical, g_free);
  g_clear_pointer (&state->power_state, g_free);
}

/**
 * mmio_pci_is_removed:
 * @errnum: errno of a failed open or read of an attribute of sysfs, or 0
 *
 * Checks whether an error means a removal.
 *
 * Returns: whether the device was removed
 */
gboolean
mmio_pci_is_removed (int errnum)
{
  return errnum == ENOENT || errnum == ENODEV || errnum == ENXIO;
}

/**
 * mmio_pci_set_config_error:
 * @error: (nullable) (out): where to put the error
 * @address: the device's full PCI address
 * @errnum: errno of a failed read of its attributes
 *
 * Sets @error to %MMIO_ERROR_NOT_PERMITTED or %MMIO_ERROR_FAILED.
 */
void
mmio_pci_set_config_error (GError ** error, const char *address, int errnum)
{
  if (errnum == EACCES || errnum == EPERM)
    mmio_set_system_error (error, MMIO_ERROR_NOT_PERMITTED, errnum,
        "open or read config",
        "Cannot read the configuration of %s: permission denied; run as root.",
        address);
  else if (errnum == ENODATA || mmio_pci_is_removed (errnum))
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum,
        "open or read config",
        "Cannot read the configuration of %s: it is incomplete, or the device "
        "was removed; list the devices with: lspci -D", address);
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum,
        "open or read config",
        "Cannot read the configuration of %s; see dmesg.", address);
}

/**
 * mmio_pci_check_awake:
 * @address: the device's full PCI address
 *
 * Checks whether a device answers to its memory BARs, without waking it.
 *
 * Returns: TRUE if it does; else FALSE with %MMIO_ERROR_OFF, or with
 *   %MMIO_ERROR_NOT_PERMITTED or %MMIO_ERROR_FAILED if the state is unknown
 */
gboolean
mmio_pci_check_awake (const char *address, GError ** error)
{
  g_auto (MmioPciState) state = {.driver = NULL };

  mmio_pci_state_init (&state, MMIO_PCI_SYSFS, address);

  if (state.is_asleep) {
    mmio_set_error (error, MMIO_ERROR_OFF,
        "Cannot read %s: it is asleep (power state %s); wake it with: echo on | "
        "sudo tee " MMIO_PCI_SYSFS "/%s/power/control", address,
        state.power_state, address);
    return FALSE;
  }

  if (state.config_errno != 0) {
    mmio_pci_set_config_error (error, address, state.config_errno);
    return FALSE;
  }

  if (state.is_gone && state.physical) {
    mmio_set_error (error, MMIO_ERROR_OFF,
        "Cannot read %s: it does not answer; check its physical function %s "
        "with: lspci -vs %s", address, state.physical, state.physical);
    return FALSE;
  }

  if (state.is_gone) {
    mmio_set_error (error, MMIO_ERROR_OFF,
        "Cannot read %s: it does not answer; if it is plugged in and powered, "
        "find it again with: echo 1 | sudo tee " MMIO_PCI_SYSFS "/%s/remove "
        "/sys/bus/pci/rescan", address, address);
    return FALSE;
  }

  if (!state.is_decoding) {
    mmio_set_error (error, MMIO_ERROR_OFF,
        "Cannot read %s: its memory decoding is off; switch it on with: sudo "
        "setpci -s %s COMMAND=2:2", address, address);
    return FALSE;
  }

  return TRUE;
}
