/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A device that wants to do harm: what it shows is the fuzzer's input, and so is
 * how that changes between two looks at its registers.  Its time is its own too,
 * so that nobody waits. */

#include "device/mmiodevice.h"
#include "fuzz.h"

G_BEGIN_DECLS

/* So many bytes of each BAR are memory; what is behind them can be mapped, and
 * is not to be read */
#define FUZZ_MEMORY 16384

/**
 * FuzzDevice:
 * @vendor: what it is known by, as of mmio_device_table_find()
 * @id: likewise
 * @is_file: as if it were a file, which may become larger
 * @bar: what it says of its BARs
 * @script_bar: the BAR whose bytes change
 * @script_offset: where those begin that do
 * @script_words: how many they are, of 4 bytes each
 * @script: how they change, six bytes each: after so many loads; this word (or,
 *   behind the last one, the size of a file); a value
 *
 * What a device is like when it is opened.
 */
typedef struct {
  guint16 vendor;
  guint16 id;
  gboolean is_file;
  MmioBar bar[MMIO_MAX_BARS];
  guint script_bar;
  guint script_offset;
  guint script_words;
  FuzzBytes script;
} FuzzDevice;

extern FuzzDevice fuzz_device;

/* From @device on each byte of it tells where it is, but for what is put there;
 * mmio_device_open() opens it, whatever address it is told */
void fuzz_device_init (const FuzzDevice * device);
void fuzz_device_put (guint bar, guint64 offset, gconstpointer data,
    gsize size);

/* Returns: what is in a BAR from @offset on; NULL if not all of @size is
 * memory */
const guint8 *fuzz_device_get (guint bar, guint64 offset, guint64 size);

/* Nothing of it is left open, or mapped */
void fuzz_device_check_closed (void);

G_END_DECLS
