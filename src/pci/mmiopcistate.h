/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Has a directory for each PCI device */
#define MMIO_PCI_SYSFS "/sys/bus/pci/devices"

/**
 * MmioPciState:
 * @driver: (nullable): the driver that is bound to the device
 * @driver_errno: 0, or the errno of the failed read of @driver
 * @physical: (nullable): the address of the physical function, if the device is
 *   a virtual function of SR-IOV
 * @power_state: D0, D3hot, ...; "unknown" on kernels before 5.11
 * @is_asleep: it is in D3 and does not answer; its configuration was not read
 * @config_errno: 0, or the errno of the failed read of the configuration, the power
 *   state or @physical
 * @is_gone: the command register is all ones: the device does not answer
 * @is_decoding: it answers to its memory BARs; a virtual function always does, as
 *   its physical function decodes for it while the virtual one exists
 *
 * The present state of a PCI device.
 */
typedef struct {
  char *driver;
  int driver_errno;
  char *physical;
  char *power_state;
  gboolean is_asleep;
  int config_errno;
  gboolean is_gone;
  gboolean is_decoding;
} MmioPciState;

void mmio_pci_state_init (MmioPciState * state, const char *devices,
    const char *address);

void mmio_pci_state_clear (MmioPciState * state);

gboolean mmio_pci_check_awake (const char *address, GError ** error);

gboolean mmio_pci_is_removed (int errnum);
void mmio_pci_set_config_error (GError ** error, const char *address,
    int errnum);

int mmio_pci_get_driver (const char *devices, const char *address,
    char **driver);
int mmio_pci_get_physical (const char *devices, const char *address,
    char **physical);
int mmio_pci_get_id (const char *devices, const char *address,
    const char *name, guint * id);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MmioPciState, mmio_pci_state_clear)

G_END_DECLS
