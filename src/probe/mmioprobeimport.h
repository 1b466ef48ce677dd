/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "device/mmiodevice.h"
#include "frame/mmiolayout.h"
#include "dmabuf/mmioimport.h"

G_BEGIN_DECLS

/**
 * MmioProbeScanout:
 * @MMIO_PROBE_SCANOUT_UNKNOWN: not queried, or the query failed
 * @MMIO_PROBE_SCANOUT_NO_DISPLAY: it has no displays
 * @MMIO_PROBE_SCANOUT_NO: none of its planes lists the format
 * @MMIO_PROBE_SCANOUT_YES: at least one plane lists it
 *
 * Whether a DRM device can scan out a format.
 */
typedef enum {
  MMIO_PROBE_SCANOUT_UNKNOWN,
  MMIO_PROBE_SCANOUT_NO_DISPLAY,
  MMIO_PROBE_SCANOUT_NO,
  MMIO_PROBE_SCANOUT_YES,
} MmioProbeScanout;

/**
 * MmioProbeNode:
 * @importer: (transfer none): the result of the import
 * @scanout: whether it scans out the format of the frame
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
 * @code: the DRM code of the frame's format; 0 if it has none
 * @fourcc: the same in letters, "XR24"; "" without a frame or a code
 * @is_packed24: the frame has 24 bits per pixel
 * @why_not: (nullable): why there is no dma-buf
 * @system: (nullable): the system's message for that
 * @importers: (nullable): owns the importers of @nodes
 * @nodes: (nullable) (element-type MmioProbeNode): the DRM devices; NULL if there is no
 *   dma-buf
 *
 * The devices that can import the memory.
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
