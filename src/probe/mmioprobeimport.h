/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "device/mmiodevice.h"
#include "frame/mmiolayout.h"
#include "dmabuf/mmioimport.h"

G_BEGIN_DECLS

/**
 * MmioProbeScanout:
 * @MMIO_PROBE_SCANOUT_UNKNOWN: nobody asked, or could
 * @MMIO_PROBE_SCANOUT_NO_DISPLAY: it has no displays
 * @MMIO_PROBE_SCANOUT_NO: none of its planes lists the format
 * @MMIO_PROBE_SCANOUT_YES: one of them does
 *
 * Whether a DRM device can put a format on a screen.
 */
typedef enum {
  MMIO_PROBE_SCANOUT_UNKNOWN,
  MMIO_PROBE_SCANOUT_NO_DISPLAY,
  MMIO_PROBE_SCANOUT_NO,
  MMIO_PROBE_SCANOUT_YES,
} MmioProbeScanout;

/**
 * MmioProbeNode:
 * @importer: (transfer none): what it makes of the dma-buf
 * @scanout: whether it has the picture's format
 * @scanout_errno: why that is not known, or 0
 *
 * A DRM device.
 */
typedef struct {
  const MmioImporter *importer;
  MmioProbeScanout scanout;
  int scanout_errno;
} MmioProbeNode;

/**
 * MmioProbeImport:
 * @code: what displays call the picture's format; 0 if there is no name of
 *   theirs for it
 * @fourcc: the same in letters, "XR24"; "" if there is no
 *   picture, or none that they have a name for
 * @is_packed24: the picture has 24 bits a pixel
 * @why_not: (nullable): why there is no dma-buf for anybody to import
 * @system: (nullable): the system's own words for that
 * @importers: (nullable): what keeps the importers of @nodes
 * @nodes: (nullable) (element-type MmioProbeNode): the DRM devices; NULL if
 *   there is no dma-buf
 *
 * Who can import the memory.
 */
typedef struct {
  guint32 code;
  char fourcc[5];
  gboolean is_packed24;
  char *why_not;
  char *system;
  GPtrArray *importers;
  GArray *nodes;
} MmioProbeImport;

MmioProbeImport *mmio_probe_import (MmioDevice * device, guint bar,
    const MmioLayout * range, const MmioFormat * format);

void mmio_probe_import_free (MmioProbeImport * import);

const MmioProbeNode *mmio_probe_import_find (const MmioProbeImport * import);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MmioProbeImport, mmio_probe_import_free)

G_END_DECLS
