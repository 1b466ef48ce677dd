/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which of this machine's DRM devices can import a dma-buf: tried, not argued.
 * What decides is the driver, the way between the two devices and the
 * kernel's age, and none of them tells beforehand.
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

/* These take any memory that is not plainly impossible, and ask for the way
 * to it when they use it first; where there is none, the picture stays black
 * without a word (Linux 6.19: the only users of
 * dma_buf_dynamic_attach() with allow_peer2peer that do not map at once) */
static const char *const late_drivers[] = { "amdgpu", "xe" };

/* These have memory of their own that the display reads, and shadow planes
 * (DRM_GEM_SHADOW_PLANE_HELPER_FUNCS in Linux 6.19): with each frame the kernel
 * copies there what it has imported, by the CPU */
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

/* @group: the one that udev gives the node to */
static char *
explain_denied (const char *group)
{
  return
      g_strdup_printf ("you may not read and write it, but the group %s may; "
      "join it before your next login with: sudo usermod -aG %s $USER", group,
      group);
}

/* Why a node cannot be opened */
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
      return g_strdup ("the kernel has it, but there is no such node here; "
          "where this is a container, give it /dev/dri");
    default:
      return g_strdup ("it cannot be opened; dmesg may say why");
  }
}

/* Why the driver does not say its name */
static char *
explain_version (int errnum)
{
  const char *shortage = mmio_error_get_shortage_reason (errnum);

  if (shortage)
    return g_strdup (shortage);

  return g_strdup (mmio_is_shortage (errnum) || errnum == EACCES ?
      "the kernel does not say which driver it has; dmesg may say why" :
      "it does not answer as a DRM device does; dmesg may say why");
}

/* Why the driver does not take it, the memory of a PCI device or ordinary one.
 * The errors are those of the kernel's drm_prime.c, virtgpu_prime.c,
 * vfio_pci_dmabuf.c and dma-buf-mapping.c. */
static char *
explain_import (int errnum, gboolean is_bar)
{
  const char *shortage;

  /* So say drivers without gem_prime_import_sg_table(), whatever it is */
  if (errnum == EINVAL && !is_bar)
    errnum = ENOSYS;

  shortage = errnum == ENOMEM ? NULL : mmio_error_get_shortage_reason (errnum);
  if (shortage)
    return g_strdup (shortage);

  switch (errnum) {
    case EOPNOTSUPP:
      return g_strdup ("its driver takes no memory of other PCI devices (it "
          "knows no peer to peer)");
    case EINVAL:
      return g_strdup ("the kernel knows no way from it to the memory: no PCIe "
          "switch above both, and no host bridge that it trusts to pass reads "
          "on; dmesg says so if that is it");
    case ENODEV:
      return g_strdup ("its driver takes no such memory (virtio_gpu wants "
          "blob=true for any), or the device that has it has just been "
          "switched off");
      /* Before Linux 6.6, where all were given some import */
    case ENOSYS:
      return g_strdup ("its driver takes no memory of others at all");
    case EACCES:
    case EPERM:
      return g_strdup ("this node lets only those import who show something "
          "on it, and has no render node beside it; try as root");
    case ENOMEM:
    case ENOSPC:
      return g_strdup ("it has no room for it, and no memory left");
    default:
      return g_strdup_printf ("its driver does not take it (%s); dmesg may "
          "say why", g_strerror (errnum));
  }
}

/* Why it is not known whether the driver will find a way */
static char *
explain_peer (int errnum)
{
  const char *shortage = mmio_error_get_shortage_reason (errnum);

  return g_strdup (shortage ? shortage :
      "/sys does not say where it is; dmesg may say why");
}

static void
fail (MmioImporter * importer, const char *call, int errnum, char *reason)
{
  importer->call = call;
  importer->errnum = errnum;
  importer->reason = reason;
}

/* What the driver will find when it uses the memory of the device at
 * @address.
 *
 * @lack: (out): 0, or the errno of a shortage, with which there is no answer
 *
 * Returns: (transfer full) (nullable): why that will fail, or NULL */
static char *
foresee (const MmioDrmDevice * device, const char *address, int *lack)
{
  g_autofree char *name = g_path_get_basename (device->card ? device->card :
      device->render);
  g_autofree char *path = g_build_filename (MMIO_DRM_SYSFS, name, "device",
      NULL);

  switch (mmio_p2pdma_find_route (path, address, lack)) {
    case MMIO_P2PDMA_ROUTE_BRIDGE:
    case MMIO_P2PDMA_ROUTE_HOST:
      return NULL;
    case MMIO_P2PDMA_ROUTE_NONE:
      return g_strdup ("its driver takes any memory, but the kernel will know "
          "no way to this: no PCIe switch above both, and neither an AMD CPU "
          "(Zen or newer) nor a host bridge that it trusts to pass reads on; "
          "io-mode=dmabuf tries it all the same");
    case MMIO_P2PDMA_ROUTE_REDIRECTED:
      return g_strdup ("its driver takes any memory, but the kernel will know "
          "no way to this: the PCIe switch above both sends all reads up "
          "(ACS, for the IOMMU), and there is neither an AMD CPU (Zen or "
          "newer) nor a host bridge that it trusts to pass them on; "
          "io-mode=dmabuf tries it all the same");
    case MMIO_P2PDMA_ROUTE_HIDDEN:
      return g_strdup ("its driver takes any memory, and whether the kernel "
          "will know a way to this only root can tell: a PCIe switch is above "
          "both, but it may send all reads up (ACS, for the IOMMU), and there "
          "is neither an AMD CPU (Zen or newer) nor a host bridge that it "
          "trusts to pass them on; io-mode=dmabuf tries it all the same");
    case MMIO_P2PDMA_ROUTE_UNKNOWN:
    default:
      return g_strdup ("its driver takes any memory, and whether it will find "
          "a way to this cannot be told, for /sys does not say where both "
          "devices are; io-mode=dmabuf tries it all the same");
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
  int lack;

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
    g_autofree char *reason = foresee (device, address, &lack);

    if (lack != 0)
      fail (importer, PEER, lack, explain_peer (lack));
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

/* Tries one after the other; where one is enough, the others may sleep on */
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
 * @dma_buf: a descriptor of a dma-buf, which stays the caller's
 * @address: (nullable): full PCI address of the device whose memory it is;
 *   NULL: it is ordinary memory
 *
 * Has each DRM device of this machine import the dma-buf, and let go of it.
 * Those whose drivers take all and look for the way to it later only count if
 * the kernel will have one.  Nothing is shown, and nothing read of it; a device
 * that sleeps may be woken.
 *
 * Returns: (transfer full) (nullable) (element-type MmioImporter): what each made of it,
 *   sorted by node; empty if there is no DRM device; NULL with @error set if that cannot
 *   be known
 */
GPtrArray *
mmio_import_try_all (int dma_buf, const char *address, GError ** error)
{
  return try_devices (dma_buf, address, FALSE, error);
}

#define NO_IMPORTER "No display hardware of this machine can read the " \
    "picture where it is: %s."

static void
set_import_error (const GPtrArray * importers, GError ** error)
{
  g_autoptr (GString) reasons = g_string_new (NULL);
  const MmioImporter *first = NULL;     /* that a call failed for */
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
 * @dma_buf: a descriptor of a dma-buf, which stays the caller's
 * @address: (nullable): full PCI address of the device whose memory it is;
 *   NULL: it is ordinary memory
 *
 * As mmio_import_try_all(), for those who only want to know whether there is
 * any use in handing the dma-buf on.
 *
 * Returns: TRUE if at least one DRM device imports it, else FALSE with @error
 *   set to all their reasons
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
        "This machine has no display hardware with a driver (" MMIO_DRM_SYSFS
        " lists none) that could read the picture where it is; load its "
        "driver" MMIO_OR_USE_COPY);
  else
    set_import_error (importers, error);

  return FALSE;
}
