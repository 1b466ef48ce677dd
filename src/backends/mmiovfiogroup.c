/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opens a device that is bound to vfio-pci: its IOMMU group, which is added to a
 * container.  All kernels of the last ten years support this.  Each step can fail for
 * its own reasons, and has its own errors.  (Kernels with IOMMUFD also provide the
 * device's descriptor in /dev/vfio/devices/.  mmio_vfio_group_open() could use it.)
 */
#include "backends/mmiovfiogroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mmioerror.h"
#include "base/mmiosystem.h"
#include "pci/mmiopcistate.h"

#define CONTAINER "/dev/vfio/vfio"
#define GROUPS "/sys/kernel/iommu_groups"
#define ALLOW_UNSAFE \
  "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"

struct _MmioVfioGroup
{
  int container;
  int group;
  int device;
  int replacement;              /* an eventfd that replaces the others on release */
};

/* @group: (out) (transfer full) (nullable): the number of the device's IOMMU
 * group, as text; NULL if it has none.  Returns: 0 or errno */
static int
get_group (const char *devices, const char *address, char **group)
{
  g_autofree char *path = g_build_filename (devices, address, "iommu_group",
      NULL);
  g_autofree char *target = NULL;
  const int errnum = mmio_read_link (path, &target);

  *group = target ? g_path_get_basename (target) : NULL;
  return errnum == ENOENT ? 0 : errnum;
}

static char *
get_node (const char *group)
{
  return g_build_filename ("/dev/vfio", group, NULL);
}

/**
 * mmio_vfio_is_bound:
 * @address: a full PCI address
 * @is_bound: (out): whether the device is bound to vfio-pci
 *
 * Returns: 0 or errno
 */
int
mmio_vfio_is_bound (const char *address, gboolean * is_bound)
{
  g_autofree char *driver = NULL;
  const int errnum = mmio_pci_get_driver (MMIO_PCI_SYSFS, address, &driver);

  *is_bound = g_strcmp0 (driver, "vfio-pci") == 0;
  return errnum;
}

/**
 * mmio_vfio_may_open:
 * @devices: the directory of the PCI devices, %MMIO_PCI_SYSFS
 * @address: a full PCI address
 * @may_open: (out): whether the user may open the node of the device's IOMMU group
 *
 * Opens nothing.
 *
 * Returns: 0, or the errno of a shortage
 */
int
mmio_vfio_may_open (const char *devices, const char *address,
    gboolean * may_open)
{
  g_autofree char *group = NULL;
  int errnum = get_group (devices, address, &group);
  g_autofree char *node = group ? get_node (group) : NULL;

  if (node && MMIO_RETRY (access (node, R_OK | W_OK)) < 0)
    errnum = errno;

  *may_open = node && errnum == 0;
  return mmio_is_shortage (errnum) ? errnum : 0;
}

static void
set_unknown_error (const char *call, int errnum, const char *address,
    GError ** error)
{
  mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, call,
      "Cannot open %s by vfio; find the reason with: sudo dmesg", address);
}

static gboolean
check_bound (const char *address, const char *group, GError ** error)
{
  g_autofree char *driver = NULL;
  g_autofree char *unbind = NULL;
  int errnum;

  if (!group) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot open %s by vfio: it has no IOMMU. Switch it on in the firmware "
        "and boot with intel_iommu=on, or use access=sysfs.", address);
    return FALSE;
  }

  errnum = mmio_pci_get_driver (MMIO_PCI_SYSFS, address, &driver);
  if (errnum != 0) {
    set_unknown_error ("readlink driver", errnum, address, error);
    return FALSE;
  }
  if (g_strcmp0 (driver, "vfio-pci") == 0)
    return TRUE;

  if (driver)
    unbind = g_strdup_printf ("echo %s | sudo tee " MMIO_PCI_SYSFS
        "/%s/driver/unbind; ", address, address);
  mmio_set_error (error, MMIO_ERROR_BUSY,
      "Cannot open %s by vfio: it is bound to %s. Bind it with: sudo modprobe "
      "vfio-pci; echo vfio-pci | sudo tee " MMIO_PCI_SYSFS
      "/%s/driver_override; %secho %s | sudo tee /sys/bus/pci/drivers_probe",
      address, driver ? driver : "no driver", address, unbind ? unbind : "",
      address);
  return FALSE;
}

static void
set_open_error (const char *address, const char *node, int errnum,
    GError ** error)
{
  g_autofree char *purpose = g_strdup_printf (", which %s needs",
      address);

  switch (errnum) {
    case EACCES:
    case EPERM:
      mmio_set_denied_error (error, errnum, node, MMIO_FILE_READ_WRITE,
          purpose);
      break;
    case EBUSY:
      mmio_set_system_error (error, MMIO_ERROR_BUSY, errnum, "open",
          "Cannot open %s, which %s needs: this process or another one uses "
          "it; find it with: sudo fuser -v %s", node, address, node);
      break;
    case ENOENT:
      /* The device is bound to vfio-pci, so the module is loaded */
      mmio_set_system_error (error, MMIO_ERROR_NOT_FOUND, errnum, "open",
          "Cannot open %s, which %s needs: there is no such node; in a "
          "container, pass it with docker run --device %s, or use access=sysfs "
          "(kernels without CONFIG_VFIO_GROUP never have it).", node, address,
          node);
      break;
    default:
      mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "open",
          "Cannot open %s, which %s needs; find the reason with: sudo dmesg",
          node, address);
  }
}

/* Lists the devices of a group that keep it from use: other drivers than vfio's
 * are bound to them.  @others: (out): text.  Returns: 0 or errno */
static int
list_others (const char *group, const char *address, GString * others)
{
  g_autofree char *devices = g_build_filename (GROUPS, group, "devices", NULL);
  g_autoptr (GPtrArray) names = NULL;
  int errnum = mmio_read_dir (devices, &names);

  for (guint i = 0; errnum == 0 && i < names->len; i++) {
    const char *name = g_ptr_array_index (names, i);
    g_autofree char *driver = NULL;

    /* Not all devices of the group need be on the PCI bus */
    errnum = mmio_pci_get_driver (devices, name, &driver);
    if (strcmp (name, address) != 0 && driver &&
        !g_str_has_prefix (driver, "vfio") && strcmp (driver, "pci-stub") != 0
        && strcmp (driver, "pcieport") != 0)
      g_string_append_printf (others, "%s%s (%s)", others->len ? ", " : "",
          name, driver);
  }

  return errnum;
}

static gboolean
check_viable (int fd, const char *group, const char *address, GError ** error)
{
  struct vfio_group_status status = {.argsz = sizeof (status) };
  g_autoptr (GString) others = g_string_new (NULL);
  int errnum;

  if (MMIO_RETRY (ioctl (fd, VFIO_GROUP_GET_STATUS, &status)) < 0) {
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errno,
        "VFIO_GROUP_GET_STATUS",
        "Cannot use IOMMU group %s of %s: the kernel does not report its "
        "state; find the reason with: sudo dmesg", group, address);
    return FALSE;
  }

  if (status.flags & VFIO_GROUP_FLAGS_VIABLE)
    return TRUE;

  errnum = list_others (group, address, others);
  if (errnum != 0)
    set_unknown_error ("read " GROUPS, errnum, address, error);
  else if (others->len > 0)
    /* Not MMIO_ERROR_BUSY: no program uses the device itself */
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot open %s by vfio: drivers are bound to other devices in its "
        "IOMMU group %s: %s. Unbind them too, or use access=sysfs.", address,
        group, others->str);
  else
    mmio_set_error (error, MMIO_ERROR_BUSY,
        "Cannot use IOMMU group %s of %s: another program uses it. Find it "
        "with: sudo sh -c 'fuser -v /dev/vfio/* /dev/vfio/devices/*'", group,
        address);
  return FALSE;
}

/* If so, EPERM has another reason, such as firmware memory that Intel's IOMMU
 * has to map for the device (RMRR) */
static gboolean
is_unsafe_allowed (void)
{
  g_autofree char *text = NULL;

  return mmio_read_file (ALLOW_UNSAFE, &text, NULL) == 0 && text[0] == 'Y';
}

/* Whether the container supports a type 1 IOMMU.  Returns: 0 or errno */
static int
find_type1 (int container, gboolean * has_type1)
{
  int ret = MMIO_RETRY (ioctl (container, VFIO_GET_API_VERSION));

  *has_type1 = FALSE;
  if (ret == VFIO_API_VERSION) {
    ret = MMIO_RETRY (ioctl (container, VFIO_CHECK_EXTENSION,
            VFIO_TYPE1_IOMMU));
    *has_type1 = ret == 1;
  }

  /* ENOTTY: the node is not a vfio container */
  return ret < 0 && errno != ENOTTY ? errno : 0;
}

static gboolean
set_iommu (MmioVfioGroup * vfio, const char *address, GError ** error)
{
  gboolean has_type1;
  int errnum = find_type1 (vfio->container, &has_type1);

  if (errnum != 0) {
    set_unknown_error ("VFIO_CHECK_EXTENSION", errnum, address, error);
    return FALSE;
  }

  if (!has_type1) {
    mmio_set_error (error, MMIO_ERROR_FAILED,
        "Cannot open %s by vfio: the kernel has no type 1 IOMMU. Load it with: "
        "sudo modprobe vfio_iommu_type1", address);
    return FALSE;
  }

  if (MMIO_RETRY (ioctl (vfio->group, VFIO_GROUP_SET_CONTAINER,
              &vfio->container)) < 0) {
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errno,
        "VFIO_GROUP_SET_CONTAINER",
        "Cannot use the IOMMU group of %s; find the reason with: sudo dmesg",
        address);
    return FALSE;
  }

  if (MMIO_RETRY (ioctl (vfio->container, VFIO_SET_IOMMU,
              VFIO_TYPE1_IOMMU)) == 0)
    return TRUE;

  errnum = errno;
  if (errnum == EPERM && !is_unsafe_allowed ())
    mmio_set_system_error (error, MMIO_ERROR_NOT_PERMITTED, errnum,
        "VFIO_SET_IOMMU",
        "Cannot open %s by vfio: this machine's IOMMU does not remap "
        "interrupts, so the kernel refuses access; use access=sysfs, or, if "
        "the device is trusted: echo 1 | sudo tee " ALLOW_UNSAFE, address);
  else
    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "VFIO_SET_IOMMU",
        "Cannot set up the IOMMU for %s; find the reason with: sudo dmesg",
        address);
  return FALSE;
}

static gboolean
open_node (int *fd, const char *node, const char *address, GError ** error)
{
  /* vfio needs write access to configure the container and the group, not the
   * device */
  *fd = MMIO_RETRY (open (node, O_RDWR | O_CLOEXEC));
  if (*fd >= 0)
    return TRUE;

  set_open_error (address, node, errno, error);
  return FALSE;
}

/* An eventfd needs no file, and rejects the ioctls of the others */
static gboolean
open_replacement (MmioVfioGroup * vfio, const char *address, GError ** error)
{
  vfio->replacement = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (vfio->replacement >= 0)
    return TRUE;

  set_unknown_error ("eventfd", errno, address, error);
  return FALSE;
}

static gboolean
open_all (MmioVfioGroup * vfio, const char *address, GError ** error)
{
  g_autofree char *group = NULL;
  g_autofree char *node = NULL;
  const int errnum = get_group (MMIO_PCI_SYSFS, address, &group);

  if (errnum != 0) {
    set_unknown_error ("readlink iommu_group", errnum, address, error);
    return FALSE;
  }
  if (!check_bound (address, group, error))
    return FALSE;

  node = get_node (group);
  if (!open_replacement (vfio, address, error) ||
      !open_node (&vfio->container, CONTAINER, address, error) ||
      !open_node (&vfio->group, node, address, error) ||
      !check_viable (vfio->group, group, address, error) ||
      !set_iommu (vfio, address, error))
    return FALSE;

  /* The kernel sets O_CLOEXEC */
  vfio->device = MMIO_RETRY (ioctl (vfio->group, VFIO_GROUP_GET_DEVICE_FD,
          address));
  if (vfio->device >= 0)
    return TRUE;

  mmio_set_system_error (error, MMIO_ERROR_FAILED, errno,
      "VFIO_GROUP_GET_DEVICE_FD",
      "Cannot open %s by vfio; find the reason with: sudo dmesg", address);
  return FALSE;
}

/**
 * mmio_vfio_group_open:
 * @address: a full PCI address
 *
 * Opens a device that is bound to vfio-pci.
 *
 * Returns: (transfer full) (nullable): the open device, or NULL with @error set
 */
MmioVfioGroup *
mmio_vfio_group_open (const char *address, GError ** error)
{
  MmioVfioGroup *vfio = g_new (MmioVfioGroup, 1);

  vfio->container = vfio->group = vfio->device = vfio->replacement = -1;
  if (open_all (vfio, address, error))
    return vfio;

  mmio_vfio_group_close (vfio);
  return NULL;
}

void
mmio_vfio_group_close (MmioVfioGroup * vfio)
{
  if (vfio->device >= 0)
    close (vfio->device);
  if (vfio->group >= 0)
    close (vfio->group);
  if (vfio->container >= 0)
    close (vfio->container);
  if (vfio->replacement >= 0)
    close (vfio->replacement);
  g_free (vfio);
}

/**
 * mmio_vfio_group_release:
 *
 * Returns the device to the kernel, which may be waiting for it, as soon as no part of
 * it is mapped.  The vfio descriptors are replaced with dup3(), not closed: threads
 * that use one get errors, and its number cannot become another file.
 *
 * Locking: any thread may call it.
 */
void
mmio_vfio_group_release (MmioVfioGroup * vfio)
{
  const int fds[] = { vfio->device, vfio->group, vfio->container };

  /* gcc's analyzer reports the result of dup3() as a leak; it is fds[i], which
   * the group owns and closes */
#if !defined (__clang__) && __GNUC__ >= 13
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-fd-leak"
#endif
  /* Only a signal can make it fail: both descriptors are open */
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    while (dup3 (vfio->replacement, fds[i], O_CLOEXEC) < 0 && errno == EINTR);
#if !defined (__clang__) && __GNUC__ >= 13
#pragma GCC diagnostic pop
#endif
}

/**
 * mmio_vfio_group_get_device_fd:
 *
 * Returns: (transfer none): the descriptor of the device
 */
int
mmio_vfio_group_get_device_fd (const MmioVfioGroup * vfio)
{
  return vfio->device;
}

/* Finds the devices in the directory that are bound to vfio-pci.  @found: (out)
 * (transfer full) (nullable): the last one; @n: (out): their number.  Returns: 0
 * or errno */
static int
find_bound (const char *devices, char **found, guint * n)
{
  g_autoptr (GPtrArray) names = NULL;
  int errnum = mmio_read_dir (devices, &names);

  *found = NULL;
  *n = 0;
  for (guint i = 0; errnum == 0 && i < names->len; i++) {
    const char *name = g_ptr_array_index (names, i);
    gboolean is_bound;

    errnum = mmio_vfio_is_bound (name, &is_bound);
    if (!is_bound)
      continue;
    g_free (*found);
    *found = g_strdup (name);
    (*n)++;
  }

  return errnum == ENOENT ? 0 : errnum;
}

/**
 * mmio_vfio_find_in_group:
 * @path: a group's node, /dev/vfio/N
 *
 * Returns: (transfer full) (nullable): the address of the only device in the group that
 *   is bound to vfio-pci; NULL without @error if @path is not a group's node, or with
 *   @error set if there is no such device or several
 */
char *
mmio_vfio_find_in_group (const char *path, GError ** error)
{
  const char *group = path + strlen ("/dev/vfio/");
  g_autofree char *devices = NULL;
  g_autofree char *found = NULL;
  int errnum;
  guint n;

  if (!g_str_has_prefix (path, "/dev/vfio/") || !g_ascii_isdigit (group[0]) ||
      strspn (group, "0123456789") != strlen (group))
    return NULL;

  devices = g_build_filename (GROUPS, group, "devices", NULL);
  errnum = find_bound (devices, &found, &n);
  if (errnum != 0) {
    set_unknown_error ("read " GROUPS, errnum, path, error);
    return NULL;
  }

  if (n == 1)
    return g_steal_pointer (&found);

  mmio_set_error (error, n == 0 ? MMIO_ERROR_NOT_FOUND : MMIO_ERROR_AMBIGUOUS,
      "Cannot choose a device of IOMMU group %s: %u of its devices are bound "
      "to vfio-pci. Set device to the address of one from: ls %s", group, n,
      devices);
  return NULL;
}
