/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a user types for a device. */
#include "base/mmioaddress.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_auto (MmioAddress) address = { 0, };
  g_auto (MmioAddress) again = { 0, };
  g_autoptr (GError) error = NULL;
  g_autofree char *said = NULL;
  const gboolean ok = mmio_address_parse (&address, text, &error);

  CHECK_ERROR (ok, error);
  if (!ok)
    return 0;

  /* What it is called is understood, and means the same */
  said = mmio_address_to_string (&address);
  CHECK (mmio_address_parse (&again, said, NULL));
  CHECK (again.kind == address.kind);
  CHECK (again.domain == address.domain && again.bus == address.bus &&
      again.slot == address.slot && again.function == address.function);
  CHECK (again.vendor == address.vendor && again.device == address.device &&
      again.nth == address.nth);
  CHECK (g_strcmp0 (again.path, address.path) == 0);
  CHECK (address.slot < 32 && address.function < 8);
  CHECK (address.nth >= -1);

  return 0;
}
