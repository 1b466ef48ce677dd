/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a user, or a device, says of where the picture lies. */
#include "frame/mmiolayout.h"
#include "fuzz.h"

typedef unsigned __int128 Wide;

/* Where the last byte of the picture is, with room for every number */
static void
check_planes (const MmioLayout * picture, const MmioSpec * spec)
{
  Wide end = 0;

  CHECK (picture->format.n_planes >= 1 &&
      picture->format.n_planes <= MMIO_MAX_PLANES);
  for (guint i = 0; i < picture->format.n_planes; i++) {
    const MmioPlane *plane = &picture->plane[i];

    CHECK (plane->rows > 0 && plane->row_bytes > 0);
    CHECK (plane->row_bytes <= plane->stride);
    CHECK (plane->offset >= picture->start);
    /* No plane lies in the one before it */
    CHECK (i == 0 || plane->offset >= end);
    end = (Wide) plane->offset + (Wide) plane->stride * (plane->rows - 1) +
        plane->row_bytes;
    CHECK (end <= picture->end);
  }
  CHECK (picture->end == end);
  CHECK (picture->plane[0].offset == spec->offset);
  CHECK (spec->stride == 0 || picture->plane[0].stride == spec->stride);
}

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  FuzzBytes bytes = { data, size };
  g_autoptr (GError) error = NULL;
  MmioLayout picture;
  MmioSpec spec = { };
  guint n_formats = 0;
  gboolean ok;

  while (mmio_format_nth (n_formats))
    n_formats++;
  spec.format = *mmio_format_nth (fuzz_take (&bytes, 1) % n_formats);
  spec.width = fuzz_take (&bytes, 4);
  spec.height = fuzz_take (&bytes, 4);
  spec.stride = fuzz_take (&bytes, 4);
  spec.offset = fuzz_take (&bytes, 8);

  ok = mmio_layout_init (&picture, &spec, &error);
  CHECK_ERROR (ok, error);
  if (!ok)
    return 0;

  CHECK (picture.width == spec.width && picture.height == spec.height);
  CHECK (spec.width <= MMIO_LAYOUT_MAX_SIDE);
  CHECK (spec.height <= MMIO_LAYOUT_MAX_SIDE);
  check_planes (&picture, &spec);
  CHECK (mmio_layout_get_extent (&picture) >= picture.end);

  return 0;
}
