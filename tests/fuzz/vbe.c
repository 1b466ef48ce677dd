/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the mode registers of a known device say, and its BARs. */
#include "capture.h"
#include "describe/mmiovbe.h"

#define N_REGISTERS 10

static const struct
{
  guint16 vendor, id;
} known[] = {
  {0x1234, 0x1111}, {0x1af4, 0x1110}, {0, 0},
};

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  FuzzBytes bytes = { data, size };
  FuzzDevice device = {.script_bar = 2,.script_offset = MMIO_VBE_OFFSET,
    .script_words = 2 * N_REGISTERS / 4
  };
  guint8 registers[2 * N_REGISTERS];
  MmioCaptureConfig config;
  guint which;

  which = fuzz_take (&bytes, 1) % G_N_ELEMENTS (known);
  device.vendor = known[which].vendor;
  device.id = known[which].id;
  /* Sizes as a device may have them, powers of two, and others */
  for (guint i = 0; i < MMIO_MAX_BARS; i += 1 + (i == 2)) {
    const guint flags = fuzz_take (&bytes, 1);

    device.bar[i].size = fuzz_take (&bytes, 2);
    device.bar[i].size <<= flags % 64 % 49;
    device.bar[i].is_io = (flags & 0x80) != 0;
    device.bar[i].is_prefetchable = (flags & 0x40) != 0;
  }

  fuzz_capture_take_config (&bytes, &config);
  for (guint i = 0; i < sizeof (registers); i++)
    registers[i] = fuzz_take (&bytes, 1);
  device.script = bytes;

  fuzz_device_init (&device);
  fuzz_device_put (2, MMIO_VBE_OFFSET, registers, sizeof (registers));
  fuzz_capture_run (&config);
  return 0;
}
