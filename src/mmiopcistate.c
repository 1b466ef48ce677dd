/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel says of a PCI device's present state: attributes of sysfs
 * and the command register.  No BAR is opened for it.
 */
#include "mmiopcistate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <unistd.h>

#include "mmioerror.h"

static char *
read_power_state (const char *devices, const char *address)
{
  g_autofree char *path = g_build_filename (devices, address, "power_state",
      NULL);
  char *state = NULL;

  if (!g_file_get_contents (path, &state, NULL, NULL))
    return g_strdup ("unknown");

  return g_strstrip (state);
}

/* Returns: 0 with @command set, or errno */
static int
read_command (const char *devices, const char *address, guint8 command[2])
{
  g_autofree char *path = g_build_filename (devices, address, "config", NULL);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  int errnum = 0;
  gssize n;

  if (fd < 0)
    return errno;

  n = pread (fd, command, 2, PCI_COMMAND);
  if (n != 2)
    errnum = n < 0 ? errno : ENODATA;
  close (fd);

  return errnum;
}

/* Returns: (transfer full) (nullable): the name of what the device has a link
 * to */
static char *
read_link (const char *devices, const char *address, const char *name)
{
  g_autofree char *path = g_build_filename (devices, address, name, NULL);
  g_autofree char *target = g_file_read_link (path, NULL);

  return target ? g_path_get_basename (target) : NULL;
}

/**
 * mmio_pci_get_driver:
 * @devices: the directory of the devices, %MMIO_PCI_SYSFS
 * @address: the device's full PCI address
 *
 * Returns: (transfer full) (nullable): the driver that is bound to the device
 */
char *
mmio_pci_get_driver (const char *devices, const char *address)
{
  return read_link (devices, address, "driver");
}

/**
 * mmio_pci_get_physical:
 * @devices: the directory of the devices, %MMIO_PCI_SYSFS
 * @address: the device's full PCI address
 *
 * In the configuration of a virtual function of SR-IOV there are neither its IDs
 * nor the bit of memory decoding nor its BARs (PCI Express Base 4.0, 9.3.4.1):
 * the kernel has them from the physical one, where not everybody may read them.
 *
 * Returns: (transfer full) (nullable): the address of the physical function, or
 *   NULL if the device is no virtual one
 */
char *
mmio_pci_get_physical (const char *devices, const char *address)
{
  return read_link (devices, address, "physfn");
}

/**
 * mmio_pci_get_id:
 * @devices: the directory of the devices, %MMIO_PCI_SYSFS
 * @address: the device's full PCI address
 * @name: vendor, device, subsystem_vendor or subsystem_device
 *
 * Asks the kernel, which knows that of virtual functions too.
 *
 * Returns: one of the numbers that say what the device is, or %G_MAXUINT if there
 *   is no such device
 */
guint
mmio_pci_get_id (const char *devices, const char *address, const char *name)
{
  g_autofree char *path = g_build_filename (devices, address, name, NULL);
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return G_MAXUINT;

  return g_ascii_strtoull (text, NULL, 16);
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

  memset (state, 0, sizeof (*state));
  state->driver = mmio_pci_get_driver (devices, address);
  state->physical = mmio_pci_get_physical (devices, address);
  state->power_state = read_power_state (devices, address);
  state->is_asleep = g_str_has_prefix (state->power_state, "D3");
  if (state->is_asleep)
    return;

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
    mmio_set_system_error (error, MMIO_ERROR_FAILED, state.config_errno,
        "pread config",
        "The configuration of %s cannot be read; is it still in lspci -D?",
        address);
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
