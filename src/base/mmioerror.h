/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MmioErrorCode:
 * @MMIO_ERROR_ADDRESS: malformed device address
 * @MMIO_ERROR_NOT_FOUND: no such device, BAR or file
 * @MMIO_ERROR_AMBIGUOUS: several devices match
 * @MMIO_ERROR_NOT_PERMITTED: denied by file permissions or kernel lockdown
 * @MMIO_ERROR_BUSY: the BAR is used by a kernel driver, or the device by another
 *   program
 * @MMIO_ERROR_SETTINGS: the frame layout is incomplete, impossible or too large
 * @MMIO_ERROR_FORMAT: the pixel format cannot be used here
 * @MMIO_ERROR_NO_MODE: the device shows no frame at present
 * @MMIO_ERROR_OFF: the device does not answer: memory decoding is off, or it is
 *   asleep
 * @MMIO_ERROR_GONE: the device was removed
 * @MMIO_ERROR_FAILED: another failure of the system
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

/**
 * MmioErrorPlace:
 * @file: name of a source file
 * @function: a function in @file
 * @line: a line in @file, from 1
 *
 * The place in the source that found a fault.  The strings are static.
 */
typedef struct {
  const char *file;
  const char *function;
  gint line;
} MmioErrorPlace;

/* Begins the hint of a message about a removed device.  A caller that waits for the
 * device to return omits the hint. */
#define MMIO_START_AGAIN "; start again"

/* End a message about a failed dma-buf export, with a hint for users that request
 * one; mmio_error_get_reason() removes them */
#define MMIO_USE_COPY "; use io-mode=copy."
#define MMIO_OR_USE_COPY ", or use io-mode=copy."

#define MMIO_ERROR (mmio_error_quark ())
GQuark mmio_error_quark (void);

#define MMIO_ERROR_HERE \
    (&(const MmioErrorPlace) { __FILE__, G_STRFUNC, __LINE__ })

/* An error has the place of the call */
#define mmio_set_error(error, code, ...) \
    mmio_set_error_at (error, MMIO_ERROR_HERE, code, __VA_ARGS__)
#define mmio_set_system_error(error, code, errnum, call, ...) \
    mmio_set_system_error_at (error, MMIO_ERROR_HERE, code, errnum, call, \
        __VA_ARGS__)
#define mmio_set_denied_error(error, errnum, path, access, purpose) \
    mmio_set_denied_error_at (error, MMIO_ERROR_HERE, errnum, path, access, \
        purpose)

void mmio_set_error_at (GError ** error, const MmioErrorPlace * place,
    MmioErrorCode code, const char *format, ...) G_GNUC_PRINTF (4, 5);

void mmio_set_system_error_at (GError ** error, const MmioErrorPlace * place,
    MmioErrorCode code, int errnum, const char *call, const char *format,
    ...) G_GNUC_PRINTF (6, 7);

void mmio_set_denied_error_at (GError ** error, const MmioErrorPlace * place,
    int errnum, const char *path, MmioFileAccess access, const char *purpose);

const MmioErrorPlace *mmio_error_get_place (const GError * error);

const char *mmio_error_get_system (const GError * error);

const char *mmio_error_get_shortage_reason (int errnum);

gboolean mmio_error_is_shortage (const GError * error);

char *mmio_error_get_reason (const GError * error);

G_END_DECLS
