/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioErrorCode:
 * @MMIO_ERROR_ADDRESS: the text that names the device is malformed
 * @MMIO_ERROR_NOT_FOUND: there is no such device, BAR or file
 * @MMIO_ERROR_AMBIGUOUS: several devices match
 * @MMIO_ERROR_NOT_PERMITTED: file permissions or kernel lockdown forbid it
 * @MMIO_ERROR_BUSY: a kernel driver holds the BAR, or another program the device
 * @MMIO_ERROR_SETTINGS: the geometry is incomplete, impossible or too large
 * @MMIO_ERROR_FORMAT: the pixel format cannot be used here
 * @MMIO_ERROR_NO_MODE: the device shows no picture for the time being
 * @MMIO_ERROR_OFF: the device does not answer: decoding off, asleep
 * @MMIO_ERROR_GONE: the device was there, and is no more
 * @MMIO_ERROR_FAILED: the system refused for another reason
 */
typedef enum {
  MMIO_ERROR_ADDRESS,
  MMIO_ERROR_NOT_FOUND,
  MMIO_ERROR_AMBIGUOUS,
  MMIO_ERROR_NOT_PERMITTED,
  MMIO_ERROR_BUSY,
  MMIO_ERROR_SETTINGS,
  MMIO_ERROR_FORMAT,
  MMIO_ERROR_NO_MODE,
  MMIO_ERROR_OFF,
  MMIO_ERROR_GONE,
  MMIO_ERROR_FAILED,
} MmioErrorCode;

/**
 * MmioFileAccess:
 * @MMIO_FILE_READ: open() with O_RDONLY
 * @MMIO_FILE_READ_WRITE: open() with O_RDWR
 */
typedef enum {
  MMIO_FILE_READ,
  MMIO_FILE_READ_WRITE,
} MmioFileAccess;

/* Ends a sentence about what has gone, with advice for those who do not wait for
 * it: whoever does leaves out what follows */
#define MMIO_START_AGAIN "; start again"

/* End a sentence about a dma-buf that cannot be made, with advice for users that
 * ask for one; mmio_error_get_reason() removes them */
#define MMIO_USE_COPY "; use io-mode=copy."
#define MMIO_OR_USE_COPY ", or use io-mode=copy."

#define MMIO_ERROR (mmio_error_quark ())
GQuark mmio_error_quark (void);

void mmio_set_error (GError ** error, MmioErrorCode code, const char *format,
    ...) G_GNUC_PRINTF (3, 4);

void mmio_set_system_error (GError ** error, MmioErrorCode code, int errnum,
    const char *call, const char *format, ...) G_GNUC_PRINTF (5, 6);

void mmio_set_denied_error (GError ** error, int errnum, const char *path,
    MmioFileAccess access, const char *purpose);

const char *mmio_error_get_system (const GError * error);

const char *mmio_error_get_shortage_reason (int errnum);

gboolean mmio_error_is_shortage (const GError * error);

char *mmio_error_get_reason (const GError * error);

G_END_DECLS
