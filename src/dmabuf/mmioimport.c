/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds out which of this machine's DRM devices can import a dma-buf, by trying.
 * That depends on the driver, on the PCI topology between the two devices and on
 * the version of the kernel.  No interface reports it in advance.
 */
#include "dmabuf/mmioimport.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>

#include "base/mmioerror.h"
#include "base/mmiosystem.h"
#include "dmabuf/mmiodrm.h"
#include "dmabuf/mmiop2pdma.h"

#define OPEN "open"
#define VERSION "DRM_IOCTL_VERSION"
#define IMPORT "DRM_IOCTL_PRIME_FD_TO_HANDLE"
#define PEER "open /sys"

/* These drivers import nearly any memory, and map it only at its first use.  If that
 * fails, the frame stays black without an error (Linux 6.19: the only users of
 * dma_buf_dynamic_attach() with allow_peer2peer that do not map at once). */
static const char *const late_drivers[] = { "amdgpu", "xe" };

/* Displays of these drivers read only their own memory, by shadow planes
 * (DRM_GEM_SHADOW_PLANE_HELPER_FUNCS in Linux 6.19).  For each frame, the kernel
 * copies the imported memory there with the CPU. */
static const char *const copying_drivers[] = {
  "ast", "bochs-drm", "cirrus", "cirrus-qemu", "efidrm", "gm12u320", "gud",
  "hyperv_drm", "mgag200", "ofdrm", "simpledrm", "ssd130x", "udl", "vesadrm",
  "vkms",
};

static void
mmio_importer_free (MmioImporter * importer)
{
  g_free (importer->node);
  g_free (importer->card);
  g_free (importer->driver);
  g_free (importer->reason);
  g_free (importer);
}

/* @group: the group that udev assigns to the node */
static char *
explain_denied (const char *group)
{
  return
      g_strdup_printf ("only the group %s may read and write it; "
      "join it before your next login with: sudo usermod -aG %s $USER", group,
      group);
}

/* Returns: (transfer full): the reason why a node cannot be opened */
static char *
explain_open (const char *node, int errnum)
{
  const char *shortage = mmio_error_get_shortage_reason (errnum);

  if (shortage)
    return g_strdup (shortage);

  switch (errnum) {
    case EACCES:
    case EPERM:
      return explain_denied (strstr (node, "render") ? "render" : "video");
    case ENOENT:
      return g_strdup ("there is no such node here, but the kernel has the "
          "device; add /dev/dri to the container");
    default:
      return g_strdup ("the node cannot be opened; see dmesg");
  }
}

/* Returns: (transfer full): the reason why the name of the driver is unknown */
static char *
explain_version (int errnum)
{
  const char *shortage = mmio_error_get_shortage_reason (errnum);

  if (shortage)
    return g_strdup (shortage);

  return g_strdup (mmio_is_shortage (errnum) || errnum == EACCES ?
      "the kernel does not report its driver; see dmesg" :
      "it does not answer as a DRM device; see dmesg");
}

/* @is_bar: whether the dma-buf is memory of a PCI device
 *
 * The errors are those of the kernel's drm_prime.c, virtgpu_prime.c,
 * vfio_pci_dmabuf.c and dma-buf-mapping.c.
 *
 * Returns: (transfer full): the reason why the driver does not import the dma-buf */
static char *
explain_import (int errnum, gboolean is_bar)
{
  const char *shortage;

  /* Drivers without gem_prime_import_sg_table() return EINVAL for all memory */
  if (errnum == EINVAL && !is_bar)
    errnum = ENOSYS;

  shortage = errnum == ENOMEM ? NULL : mmio_error_get_shortage_reason (errnum);
  if (shortage)
    return g_strdup (shortage);

  switch (errnum) {
    case EOPNOTSUPP:
      return g_strdup ("its driver cannot import memory of other PCI devices "
          "(no peer-to-peer support)");
    case EINVAL:
      return
          g_strdup ("the kernel permits no reads from it to the memory: there "
          "is no PCIe switch above both, and no host bridge that it trusts to "
          "forward reads; dmesg shows whether that is the reason");
    case ENODEV:
      return g_strdup ("its driver cannot import such memory (virtio_gpu needs "
          "blob=true), or the device with the memory has just been disabled");
      /* Before Linux 6.6, which gave all drivers an import function */
    case ENOSYS:
      return g_strdup ("its driver cannot import any memory");
    case EACCES:
    case EPERM:
      return g_strdup ("only the process that shows frames on this node may "
          "import, and the device has no render node; try as root");
    case ENOMEM:
    case ENOSPC:
      return g_strdup ("it has too little memory left");
    default:
      return g_strdup_printf ("its driver cannot import it (%s); see dmesg",
          g_strerror (errnum));
  }
}

/* Returns: (transfer full): the reason why it is unknown whether the driver can map
 * the memory */
static char *
explain_peer (int errnum)
{
  const char *shortage = mmio_error_get_shortage_reason (errnum);

  return g_strdup (shortage ? shortage :
      "/sys does not show where it is; see dmesg");
}

static void
fail (MmioImporter * importer, const char *call, int errnum, char *reason)
{
  importer->call = call;
  importer->errnum = errnum;
  importer->reason = reason;
}

/* Predicts whether the driver can map the memory of the device at @address.
 *
 * @shortage: (out): 0, or the errno of a shortage that prevented the prediction
 *
 * Returns: (transfer full) (nullable): the reason why the map will fail, or NULL */
static char *
find_obstacle (const MmioDrmDevice * device, const char *address, int *shortage)
{
  g_autofree char *name = g_path_get_basename (device->card ? device->card :
      device->render);
  g_autofree char *path = g_build_filename (MMIO_DRM_SYSFS, name, "device",
      NULL);

  switch (mmio_p2pdma_find_route (path, address, shortage)) {
    case MMIO_P2PDMA_ROUTE_BRIDGE:
    case MMIO_P2PDMA_ROUTE_HOST:
      return NULL;
    case MMIO_P2PDMA_ROUTE_NONE:
      return g_strdup ("its driver imports any memory, but the kernel will not "
          "permit reads of this: there is no PCIe switch above both, and "
          "neither an AMD CPU (Zen or newer) nor a host bridge that it trusts "
          "to forward reads; io-mode=dmabuf tries it anyway");
    case MMIO_P2PDMA_ROUTE_REDIRECTED:
      return g_strdup ("its driver imports any memory, but the kernel will not "
          "permit reads of this: the PCIe switch above both redirects them to "
          "the host bridge (ACS, for the IOMMU), and there is neither an AMD "
          "CPU (Zen or newer) nor a host bridge that it trusts to forward "
          "reads; io-mode=dmabuf tries it anyway");
    case MMIO_P2PDMA_ROUTE_HIDDEN:
      return g_strdup ("its driver imports any memory, but only root can read "
          "whether the kernel will permit reads of this: a PCIe switch is above "
          "both, but it may redirect them to the host bridge (ACS, for the "
          "IOMMU), and there is neither an AMD CPU (Zen or newer) nor a host "
          "bridge that it trusts to forward reads; io-mode=dmabuf tries it "
          "anyway");
    case MMIO_P2PDMA_ROUTE_UNKNOWN:
    default:
      return
          g_strdup ("its driver imports any memory, but it is unknown whether "
          "the kernel will permit reads of this: /sys does not show where both "
          "devices are; io-mode=dmabuf tries it anyway");
  }
}

static gboolean
is_among (const char *driver, const char *const *drivers, guint n)
{
  for (guint i = 0; i < n; i++) {
    if (strcmp (driver, drivers[i]) == 0)
      return TRUE;
  }

  return FALSE;
}

static void
try_open_node (MmioImporter * importer, const MmioDrmDevice * device, int fd,
    int dma_buf, const char *address)
{
  gboolean is_late;
  guint32 handle;
  int shortage;

  importer->driver = mmio_drm_get_driver (fd);
  if (!importer->driver) {
    fail (importer, VERSION, errno, explain_version (errno));
    return;
  }

  if (drmPrimeFDToHandle (fd, dma_buf, &handle) < 0) {
    fail (importer, IMPORT, errno, explain_import (errno, address != NULL));
    return;
  }

  drmCloseBufferHandle (fd, handle);
  is_late = is_among (importer->driver, late_drivers,
      G_N_ELEMENTS (late_drivers));
  if (is_late && address) {
    g_autofree char *reason = find_obstacle (device, address, &shortage);

    if (shortage != 0)
      fail (importer, PEER, shortage, explain_peer (shortage));
    else
      importer->reason = g_steal_pointer (&reason);
    if (importer->reason)
      return;
  }

  importer->imports = TRUE;
  importer->is_late = is_late;
  importer->copies = is_among (importer->driver, copying_drivers,
      G_N_ELEMENTS (copying_drivers));
}

static MmioImporter *
try_device (const MmioDrmDevice * device, int dma_buf, const char *address)
{
  MmioImporter *importer = g_new0 (MmioImporter, 1);
  int fd;

  importer->node = g_strdup (device->render ? device->render : device->card);
  importer->card = g_strdup (device->card);

  fd = mmio_drm_open (importer->node);
  if (fd < 0) {
    fail (importer, OPEN, errno, explain_open (importer->node, errno));
    return importer;
  }

  try_open_node (importer, device, fd, dma_buf, address);
  close (fd);

  return importer;
}

/* Tries the devices in order.  @one_is_enough: stops at the first importer, to wake no
 * other device */
static GPtrArray *
try_devices (int dma_buf, const char *address, gboolean one_is_enough,
    GError ** error)
{
  g_autoptr (GPtrArray) devices = NULL;
  const int errnum = mmio_drm_list (&devices);
  gboolean is_enough = FALSE;
  GPtrArray *importers;

  if (errnum != 0) {
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum,
        "read " MMIO_DRM_SYSFS, "Cannot list the display hardware of this "
        "machine" MMIO_USE_COPY);
    return NULL;
  }

  importers =
      g_ptr_array_new_with_free_func ((GDestroyNotify) mmio_importer_free);
  for (guint i = 0; i < devices->len && !is_enough; i++) {
    MmioImporter *importer = try_device (g_ptr_array_index (devices, i),
        dma_buf, address);

    g_ptr_array_add (importers, importer);
    is_enough = one_is_enough && importer->imports;
  }

  return importers;
}

/**
 * mmio_import_try_all:
 * @dma_buf: (transfer none): a descriptor of a dma-buf
 * @address: (nullable): full PCI address of the device with the memory; NULL:
 *   ordinary memory
 *
 * Imports the dma-buf into each DRM device of this machine, and closes it there.  A
 * driver that maps it later counts as an importer only if the kernel's rules permit
 * the map.  Nothing is shown or read.  A sleeping device may be woken.
 *
 * Returns: (transfer full) (nullable) (element-type MmioImporter): the results, sorted
 *   by node; empty without DRM devices; NULL with @error set if the devices cannot be
 *   listed
 */
GPtrArray *
mmio_import_try_all (int dma_buf, const char *address, GError ** error)
{
  return try_devices (dma_buf, address, FALSE, error);
}

#define NO_IMPORTER "Cannot import the frame into any display hardware " \
    "of this machine: %s."

static void
set_import_error (const GPtrArray * importers, GError ** error)
{
  g_autoptr (GString) reasons = g_string_new (NULL);
  const MmioImporter *first = NULL;     /* with a failed call */
  g_autofree char *call = NULL;

  for (guint i = 0; i < importers->len; i++) {
    const MmioImporter *importer = g_ptr_array_index (importers, i);

    g_string_append_printf (reasons, "%s%s (%s): %s", i > 0 ? "; " : "",
        importer->driver ? importer->driver : "unknown", importer->node,
        importer->reason);
    if (!first && importer->call)
      first = importer;
  }

  if (!first) {
    mmio_set_error (error, MMIO_ERROR_FAILED, NO_IMPORTER, reasons->str);
    return;
  }

  call = g_strdup_printf ("%s %s", first->call, first->node);
  mmio_set_system_error (error, MMIO_ERROR_FAILED, first->errnum, call,
      NO_IMPORTER, reasons->str);
}

/**
 * mmio_import_any:
 * @dma_buf: (transfer none): a descriptor of a dma-buf
 * @address: (nullable): full PCI address of the device with the memory; NULL:
 *   ordinary memory
 *
 * Like mmio_import_try_all(), but stops at the first DRM device that imports the
 * dma-buf.
 *
 * Returns: TRUE if a DRM device imports it; else FALSE with %MMIO_ERROR_FAILED and the
 *   reason of each device
 */
gboolean
mmio_import_any (int dma_buf, const char *address, GError ** error)
{
  g_autoptr (GPtrArray) importers = try_devices (dma_buf, address, TRUE, error);
  const MmioImporter *last = !importers || importers->len == 0 ? NULL :
      g_ptr_array_index (importers, importers->len - 1);

  if (!importers)
    return FALSE;
  if (last && last->imports)
    return TRUE;

  if (!last)
    mmio_set_error (error, MMIO_ERROR_FAILED,
        "Cannot import the frame into display hardware: this machine has none "
        "with a driver (" MMIO_DRM_SYSFS " is empty); load its driver"
        MMIO_OR_USE_COPY);
  else
    set_import_error (importers, error);

  return FALSE;
}
