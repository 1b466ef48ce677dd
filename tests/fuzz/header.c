/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a device says of itself in its header, while it changes its mind. */
#include "capture.h"
#include "describe/mmiovid-header.h"


int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  FuzzBytes bytes = { data, size };
  FuzzDevice device = {.script_words = MMIOVID_HEADER_SIZE / 4 };
  MmioCaptureConfig config;
  const guint8 *header;
  gsize length;
  guint which;

  which = fuzz_take (&bytes, 1);
  device.is_file = which % 2;
  /* With a header of its own for nobody knows which device; and ivshmem */
  device.script_bar = which & 2 ? 2 : 0;
  if (which & 2) {
    device.vendor = 0x1af4;
    device.id = 0x1110;
  }
  if (device.is_file)
    device.script_bar = 0;
  device.bar[device.script_bar].is_prefetchable = TRUE;
  device.bar[device.script_bar].size = fuzz_take (&bytes, 3);
  if (which & 4)
    device.bar[device.script_bar].size <<= 16;

  fuzz_capture_take_config (&bytes, &config);
  header = bytes.data;
  length = MIN (bytes.size, MMIOVID_HEADER_SIZE);
  device.script = (FuzzBytes) {
  header + length, bytes.size - length};

  fuzz_device_init (&device);
  fuzz_device_put (device.script_bar, 0, header, length);
  fuzz_capture_run (&config);
  return 0;
}
