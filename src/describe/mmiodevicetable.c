/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PCI devices whose registers describe their frame.
 */
#include "describe/mmiodevicetable.h"

#include "describe/mmioheader.h"
#include "describe/mmiovbe.h"

typedef struct
{
  guint16 vendor_id;
  guint16 device_id;
  MmioDescriptorPlace place;
} MmioDeviceTableEntry;

/* To add a device, add a line here, and a descriptor if its registers are of a
 * new kind */
static const MmioDeviceTableEntry entries[] = {
  /* QEMU's std VGA and bochs-display */
  {0x1234, 0x1111, {&mmio_vbe_descriptor, 2, MMIO_VBE_OFFSET, 0}},
  /* ivshmem: reads of registers in its BAR 0 have side effects */
  {0x1af4, 0x1110, {&mmio_header_descriptor, 2, 0, 2}},
};

/**
 * mmio_device_table_find:
 * @vendor_id: vendor of a PCI device
 * @device_id: its device ID
 *
 * Returns: (transfer none) (nullable): where the device describes its frame; NULL if it
 *   is not in the table
 */
const MmioDescriptorPlace *
mmio_device_table_find (guint16 vendor_id, guint16 device_id)
{
  for (gsize i = 0; i < G_N_ELEMENTS (entries); i++) {
    if (entries[i].vendor_id == vendor_id && entries[i].device_id == device_id)
      return &entries[i].place;
  }

  return NULL;
}

/**
 * mmio_device_table_has:
 * @vendor_id: vendor of a PCI device
 * @device_id: its device ID
 * @bar: (out): the BAR in which the device describes its frame
 *
 * Returns: whether the device is in the table
 */
gboolean
mmio_device_table_has (guint16 vendor_id, guint16 device_id, guint * bar)
{
  const MmioDescriptorPlace *place = mmio_device_table_find (vendor_id,
      device_id);

  if (place)
    *bar = place->bar;
  return place != NULL;
}
