/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What sysfs says of a UIO device, and so whoever has written its driver. */
#include "backends/mmiouionode.h"
#include "backends/mmiobackends.h"
#include "device/mmiobackend.h"
#include "fuzz.h"

/* The contents of all files, in the order in which they are read; each ends
 * with a 0; without data they are this machine's */
static FuzzBytes files;

gboolean __real_g_file_get_contents (const gchar *, gchar **, gsize *,
    GError **);
gboolean __wrap_g_file_get_contents (const gchar *, gchar **, gsize *,
    GError **);

gboolean
__wrap_g_file_get_contents (const gchar * path, gchar ** contents,
    gsize * length, GError ** error)
{
  const guint8 *end;
  gsize size;

  if (!files.data)
    return __real_g_file_get_contents (path, contents, length, error);

  end = memchr (files.data, '\0', files.size);
  size = end ? (gsize) (end - files.data) : files.size;
  *contents = NULL;
  if (length)
    *length = 0;
  if (files.size == 0) {
    g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "gone");
    return FALSE;
  }

  *contents = g_strndup ((const char *) files.data, size);
  if (length)
    *length = size;
  files.data += size + (end != NULL);
  files.size -= size + (end != NULL);
  return TRUE;
}

gboolean __wrap_g_file_test (const gchar *, GFileTest);

gboolean
__wrap_g_file_test (const gchar * path, GFileTest test)
{
  return TRUE;
}

static void
check_maps (const MmioUioNode * node)
{
  CHECK (node->n_maps <= MMIO_UIO_MAX_MAPS);
  for (guint i = 0; i < node->n_maps; i++) {
    const MmioUioMap *map = &node->map[i];
    const MmioBar bar = {.base = map->base,.size = 1 };
    guint64 end;

    CHECK (map->size > 0);
    CHECK (g_uint64_checked_add (&end, map->skip, map->size));
    CHECK (mmio_uio_node_find_bar (node, &bar) >= 0);
    CHECK (mmio_uio_node_find_bar (node, &bar) <= (gint) i);
  }
}

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  g_auto (MmioUioNode) node = {.path = NULL };
  g_autoptr (GError) error = NULL;
  MmioDevice *device;

  /* libFuzzer has nothing at NULL */
  if (!data)
    data = (const guint8 *) "";

  files = (FuzzBytes) {
  data, size};
  mmio_uio_node_init (&node, 0);
  check_maps (&node);

  /* There is no such node, or it is this machine's; its maps' names are told */
  files = (FuzzBytes) {
  data, size};
  device = mmio_uio_open_path (G_MAXINT, "registers", &error);
  CHECK_ERROR (device != NULL, error);
  CHECK (!device);

  files = (FuzzBytes) {
  NULL, 0};
  return 0;
}
