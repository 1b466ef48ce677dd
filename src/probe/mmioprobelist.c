/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists the memory BARs of the machine, from configuration space and from the names
 * and permissions of sysfs files.  No resource file is opened or mapped.  The kernel
 * wakes a device in D3cold for mmio_pci_list(), which reads the configuration.
 */
#include "probe/mmioprobelist.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backends/mmiouionode.h"
#include "backends/mmiovfiogroup.h"
#include "base/mmiosystem.h"

/* Whether the kernel keeps even root from mapping device memory.  The active
 * mode is in brackets: "none [integrity] confidentiality". */
static gboolean
is_locked_down (const char *path)
{
  g_autofree char *modes = NULL;

  return mmio_read_file (path, &modes, NULL) == 0 &&
      strchr (modes, '[') && !strstr (modes, "[none]");
}

/* Checks access with the effective IDs, as open() does, without opening the
 * file.  Returns: 0 or errno */
static int
try_access (const char *devices, const MmioProbeBar * bar, const char *suffix)
{
  g_autofree char *path = g_strdup_printf ("%s/%s/resource%u%s", devices,
      bar->address, bar->number, suffix);

  return faccessat (AT_FDCWD, path, R_OK, AT_EACCESS) == 0 ? 0 : errno;
}

static void
find_files (MmioProbeFiles * files, const char *devices,
    const MmioProbeBar * bar)
{
  const int err = try_access (devices, bar, "");

  files->has_file = err != ENOENT;
  files->is_unknown |= mmio_is_shortage (err);
  files->may_read = err == 0;
  files->may_read_wc = try_access (devices, bar, "_wc") == 0;
  files->is_unknown |= mmio_vfio_may_open (devices, bar->address,
      &files->may_open_vfio) != 0;
}

/* Finds an obstacle of the device itself, the most informative first.  Returns:
 * (nullable): its name */
static const char *
find_device_obstacle (const MmioProbeBar * bar, const MmioPciState * state)
{
  if (state->config_errno != 0)
    return "its configuration cannot be read";
  if (state->is_gone)
    return "it does not answer";
  if (bar->base == 0)
    return "it has no address";
  if (!state->is_decoding)
    return "memory decoding is off";

  return NULL;
}

/* Finds an obstacle of the files.  Returns: (nullable): its name */
static const char *
find_file_obstacle (const MmioProbeFiles * files)
{
  if (!files->has_file)
    return "the kernel has no resource file";
  if (files->is_locked_down)
    return "the kernel is locked down";
  if (!files->may_read && !files->is_unknown)
    return "not permitted";

  return NULL;
}

/* Whether vfio works for the BAR.  It wakes a device, enables its decoding, and
 * works when the kernel is locked down.  It does not map a BAR that shares a
 * page. */
static gboolean
is_for_vfio (const MmioProbeBar * bar, const MmioPciState * state,
    const MmioProbeFiles * files)
{
  return g_strcmp0 (state->driver, "vfio-pci") == 0 && files->may_open_vfio &&
      !state->is_gone && bar->base != 0 &&
      bar->size >= (guint64) sysconf (_SC_PAGESIZE);
}

/**
 * mmio_probe_bar_judge:
 * @bar: (inout): the BAR; @access, @reach, @write_combining and @why are filled in
 * @state: the state of its device
 * @files: its files in the system
 *
 * Determines how a BAR can be accessed.  A bound driver may use the BAR or not, and a
 * kernel may refuse maps of used BARs or not: only mapping shows that.
 */
void
mmio_probe_bar_judge (MmioProbeBar * bar, const MmioPciState * state,
    const MmioProbeFiles * files)
{
  const char *device_obstacle = find_device_obstacle (bar, state);
  const char *obstacle =
      device_obstacle ? device_obstacle : find_file_obstacle (files);

  bar->access = "sysfs";
  bar->write_combining = FALSE;
  if (is_for_vfio (bar, state, files)) {
    bar->access = "vfio";
    bar->reach = MMIO_PROBE_REACH_YES;
  } else if (state->is_asleep) {
    bar->reach = MMIO_PROBE_REACH_NO;
    bar->why = g_strdup_printf ("asleep (%s)", state->power_state);
  } else if (files->has_uio && !device_obstacle) {
    bar->access = "uio";
    bar->reach = MMIO_PROBE_REACH_YES;
  } else if (obstacle) {
    bar->reach = MMIO_PROBE_REACH_NO;
    bar->why = g_strdup (obstacle);
  } else {
    bar->reach = MMIO_PROBE_REACH_YES;
    bar->write_combining = bar->is_prefetchable && files->may_read_wc;
    if (files->is_unknown) {
      bar->reach = MMIO_PROBE_REACH_MAYBE;
      bar->why = g_strdup ("cannot be checked without memory and descriptors");
    } else if (state->driver) {
      bar->reach = MMIO_PROBE_REACH_MAYBE;
      bar->why = g_strdup_printf ("bound to %s", state->driver);
    }
  }
}

static void
list_device (GPtrArray * bars, const MmioPciInfo * info, const char *devices,
    gboolean locked_down)
{
  g_autofree char *address = mmio_address_to_string (&info->slot);
  g_auto (MmioPciState) state = {.driver = NULL };
  gboolean has_uio;
  const gboolean is_unknown = mmio_uio_has_all (devices, info, &has_uio) != 0;

  mmio_pci_state_init (&state, devices, address);

  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    MmioProbeFiles files = {.is_locked_down = locked_down,.has_uio = has_uio,
      .is_unknown = is_unknown || mmio_is_shortage (state.driver_errno)
    };
    MmioProbeBar *bar;

    if (info->bar[i].size == 0 || info->bar[i].is_io)
      continue;

    bar = g_new0 (MmioProbeBar, 1);
    bar->address = g_strdup (address);
    bar->name = g_strdup (info->name);
    bar->number = i;
    bar->base = info->bar[i].base;
    bar->size = info->bar[i].size;
    bar->is_prefetchable = info->bar[i].is_prefetchable;
    bar->driver = g_strdup (state.driver);
    find_files (&files, devices, bar);
    mmio_probe_bar_judge (bar, &state, &files);
    g_ptr_array_add (bars, bar);
  }
}

/**
 * mmio_probe_list:
 * @infos: (element-type MmioPciInfo): the devices
 * @devices: the directory of the PCI devices, %MMIO_PCI_SYSFS
 * @lockdown: the file with the lockdown mode, %MMIO_PROBE_LOCKDOWN
 *
 * Returns: (transfer full) (element-type MmioProbeBar): their memory BARs, without
 *   ranges of I/O ports
 */
GPtrArray *
mmio_probe_list (const GArray * infos, const char *devices,
    const char *lockdown)
{
  GPtrArray *bars =
      g_ptr_array_new_with_free_func ((GDestroyNotify) mmio_probe_bar_free);
  const gboolean locked_down = is_locked_down (lockdown);

  for (guint i = 0; i < infos->len; i++)
    list_device (bars, &g_array_index (infos, MmioPciInfo, i), devices,
        locked_down);

  return bars;
}

/**
 * mmio_probe_bar_free:
 * @bar: (transfer full): a BAR
 */
void
mmio_probe_bar_free (MmioProbeBar * bar)
{
  g_free (bar->address);
  g_free (bar->name);
  g_free (bar->driver);
  g_free (bar->why);
  g_free (bar);
}
