/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which devices tell of their picture, and where; and where others are looked
 * at for a header.  Looks at no device.
 */
#include "describe/mmioknown.h"

#include "describe/mmioheader.h"
#include "describe/mmiovbe.h"
#include "device/mmiobackend.h"

typedef struct
{
  guint16 vendor;
  guint16 device;
  guint picture_bar;
  guint bar;
  guint64 offset;
  const MmioTeller *teller;
} MmioKnown;

/* To add a device, add a line; and a teller, if its registers are of a kind of
 * their own */
static const MmioKnown known_devices[] = {
  /* QEMU's std VGA and bochs-display */
  {0x1234, 0x1111, 0, 2, MMIO_VBE_OFFSET, &mmio_vbe_teller},
  /* ivshmem: its BAR 0 has registers that change when they are read */
  {0x1af4, 0x1110, 2, 2, 0, &mmio_header_teller},
};

static gboolean
has_room (const MmioDevice * device, const MmioTellerPlace * place)
{
  const MmioBar *bar = place->bar < MMIO_MAX_BARS ?
      &device->bar[place->bar] : NULL;

  return bar && !bar->is_io && bar->size >= place->teller->length &&
      place->offset <= bar->size - place->teller->length;
}

static gint
find_prefetchable (const MmioDevice * device)
{
  for (gint i = 0; i < MMIO_MAX_BARS; i++) {
    if (device->bar[i].size > 0 && !device->bar[i].is_io &&
        device->bar[i].is_prefetchable)
      return i;
  }

  return -1;
}

/**
 * mmio_known_find_header:
 * @device: a device of which nothing is known
 * @bar: the BAR that the user names, or -1
 * @place: (out): where it is looked for a header
 *
 * A read may have side effects on a device.  So it is looked into the BAR that
 * the user names, or else into the first one that has none, as the device says
 * (it is prefetchable), and into no other.
 *
 * Returns: FALSE if there is no such place
 */
gboolean
mmio_known_find_header (const MmioDevice * device, gint bar,
    MmioTellerPlace * place)
{
  if (bar < 0)
    bar = find_prefetchable (device);
  if (bar < 0)
    return FALSE;

  *place = (MmioTellerPlace) {
  .teller = &mmio_header_teller,.bar = bar,.picture_bar = bar};
  return has_room (device, place);
}

static const MmioKnown *
find_known (guint16 vendor, guint16 id)
{
  for (gsize i = 0; i < G_N_ELEMENTS (known_devices); i++) {
    if (known_devices[i].vendor == vendor && known_devices[i].device == id)
      return &known_devices[i];
  }

  return NULL;
}

/**
 * mmio_known_has:
 * @vendor: vendor ID of a PCI device
 * @id: its device ID
 * @bar: (out): the BAR in which it describes its frame
 *
 * Returns: whether the device is one that is known to describe its frame
 */
gboolean
mmio_known_has (guint16 vendor, guint16 id, guint * bar)
{
  const MmioKnown *known = find_known (vendor, id);

  if (known)
    *bar = known->bar;
  return known != NULL;
}

/**
 * mmio_known_find:
 * @device: a PCI device
 * @vendor: its vendor ID
 * @id: its device ID
 * @bar: the BAR that the user names, or -1
 * @place: (out): where its picture is told of
 *
 * Returns: FALSE if there is no such place, that one may look at
 */
gboolean
mmio_known_find (const MmioDevice * device, guint16 vendor, guint16 id,
    gint bar, MmioTellerPlace * place)
{
  const MmioKnown *known = find_known (vendor, id);

  if (!known)
    return mmio_known_find_header (device, bar, place);

  *place = (MmioTellerPlace) {
  .teller = known->teller,.bar = known->bar,.offset =
        known->offset,.picture_bar = known->picture_bar};

  /* A header tells of the BAR that it is in.  Some have variants without
   * registers (std VGA with mmio=off). */
  return has_room (device, place) && (known->teller != &mmio_header_teller ||
      bar < 0 || (guint) bar == known->bar);
}
