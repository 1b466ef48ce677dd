/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define MMIO_URI_SCHEME "mmio"

/**
 * MmioUriParameter:
 * @name: the name, not empty
 * @value: the value, may be empty
 *
 * A parameter of a URI.  Both are UTF-8, decoded and owned.
 */
typedef struct {
  char *name;
  char *value;
} MmioUriParameter;

/**
 * MmioUri:
 * @device: a device in a form that mmio_address_parse() accepts, owned
 * @parameters: (element-type MmioUriParameter): the parameters after the question
 *   mark, in the order of the text, each name once; owned
 *
 * A device and its parameters:
 * mmio://0000:03:00.0?bar=2&width=640&height=480
 */
typedef struct {
  char *device;
  GPtrArray *parameters;
} MmioUri;

void mmio_uri_init (MmioUri * uri, const char *device);

void mmio_uri_add (MmioUri * uri, const char *name, const char *value);

gboolean mmio_uri_parse (MmioUri * uri, const char *text, GError ** error);

char *mmio_uri_to_string (const MmioUri * uri);

void mmio_uri_clear (MmioUri * uri);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MmioUri, mmio_uri_clear)

G_END_DECLS
