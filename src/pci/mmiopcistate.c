/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel says of a PCI device's present state: attributes of sysfs
 * and the command register.  No BAR is opened for it.
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

/* @value: (out) (transfer full) (nullable): the name of what the device has a link
 * to.  Returns: 0 or errno */
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
 *   NULL if there is none
 *
 * Returns: 0, or errno, which does not say whether there is one
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
 *   NULL if the device is no virtual one
 *
 * The configuration of a virtual function of SR-IOV has neither its IDs nor the bit
 * of memory decoding nor its BARs (PCI Express Base 4.0, 9.3.4.1).  The kernel takes
 * them from the physical function, whose configuration may be unreadable for users.
 *
 * Returns: 0, or the errno of a shortage, which does not say what the device is
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
 * @id: (out): one of the numbers that say what the device is, %G_MAXUINT after an
 *   error
 *
 * Asks the kernel, which knows that of virtual functions too.
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
 * @state: (out caller-allocates): the state; mmio_pci_state_clear() it
 * @devices: the directory of the devices, %MMIO_PCI_SYSFS
 * @address: the device's full PCI address
 *
 * Looks what the device is doing, without waking it.
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
  /* The configuration of a device that may be asleep is not read */
  if (state->config_errno == 0)
    state->config_errno = read_command (devices, address, command);
  state->is_gone = command[0] == 0xff && command[1] == 0xff;
  state->is_decoding = !state->is_gone && (state->physical ||
      (command[0] & PCI_COMMAND_MEMORY));
}

/**
 * mmio_pci_state_clear:
 *
 * Frees what @state owns.
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
 * @errnum: an error of a call for an attribute of sysfs
 *
 * Returns: whether it says that the device has been removed
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
 * @errnum: why its attributes cannot be read
 */
void
mmio_pci_set_config_error (GError ** error, const char *address, int errnum)
{
  if (errnum == EACCES || errnum == EPERM)
    mmio_set_system_error (error, MMIO_ERROR_NOT_PERMITTED, errnum,
        "open or read config",
        "You may not read the configuration of %s; run as root.", address);
  else if (errnum == ENODATA || mmio_pci_is_removed (errnum))
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum,
        "open or read config",
        "The configuration of %s cannot be read; is it still in lspci -D?",
        address);
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum,
        "open or read config",
        "The configuration of %s cannot be read; dmesg may say why.", address);
}

/**
 * mmio_pci_check_awake:
 * @address: the device's full PCI address
 *
 * Returns: whether the device answers to its memory BARs now; FALSE with
 *   %MMIO_ERROR_OFF or %MMIO_ERROR_FAILED
 */
gboolean
mmio_pci_check_awake (const char *address, GError ** error)
{
  g_auto (MmioPciState) state = {.driver = NULL };

  mmio_pci_state_init (&state, MMIO_PCI_SYSFS, address);

  if (state.is_asleep) {
    mmio_set_error (error, MMIO_ERROR_OFF,
        "%s is asleep (power state %s); wake it with: echo on | sudo tee "
        MMIO_PCI_SYSFS "/%s/power/control", address,
        state.power_state, address);
    return FALSE;
  }

  if (state.config_errno != 0) {
    mmio_pci_set_config_error (error, address, state.config_errno);
    return FALSE;
  }

  if (state.is_gone && state.physical) {
    mmio_set_error (error, MMIO_ERROR_OFF,
        "%s does not answer; see whether %s does, whose virtual function it is, "
        "with: lspci -vs %s", address, state.physical, state.physical);
    return FALSE;
  }

  if (state.is_gone) {
    mmio_set_error (error, MMIO_ERROR_OFF,
        "%s does not answer; if it is plugged in and powered, find it again "
        "with: echo 1 | sudo tee " MMIO_PCI_SYSFS "/%s/remove "
        "/sys/bus/pci/rescan", address, address);
    return FALSE;
  }

  if (!state.is_decoding) {
    mmio_set_error (error, MMIO_ERROR_OFF,
        "Memory decoding of %s is off, it does not answer to its BARs; switch "
        "it on with: sudo setpci -s %s COMMAND=2:2", address, address);
    return FALSE;
  }

  return TRUE;
}
