/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices: the one place that chooses a back end, and what is the same for
 * all of them.
 */
#include "device/mmiobackend.h"

#include <unistd.h>

#include "backends/mmiouionode.h"
#include "backends/mmiovfiogroup.h"
#include "base/mmioerror.h"
#include "base/mmiosystem.h"
#include "describe/mmioheader.h"
#include "describe/mmiomode.h"
#include "pci/mmiopci.h"
#include "pci/mmiopcistate.h"

/* @access: (out): the best access that the device has.  Returns: 0, or the errno of a
 * shortage */
static int
choose_access (const MmioPciInfo * info, MmioAccess * access)
{
  g_autofree char *slot = mmio_address_to_string (&info->slot);
  gboolean is_usable = FALSE;
  int errnum = mmio_vfio_is_bound (slot, &is_usable);

  if (errnum == 0 && is_usable)
    errnum = mmio_vfio_may_open (MMIO_PCI_SYSFS, slot, &is_usable);
  if (is_usable || mmio_is_shortage (errnum)) {
    *access = MMIO_ACCESS_VFIO;
    return mmio_is_shortage (errnum) ? errnum : 0;
  }

  /* There is an interrupt then, too */
  errnum = mmio_uio_has_all (MMIO_PCI_SYSFS, info, &is_usable);
  *access = is_usable ? MMIO_ACCESS_UIO : MMIO_ACCESS_SYSFS;
  return errnum;
}

static MmioDevice *
open_by (const MmioPciInfo * info, MmioAccess access, GError ** error)
{
  switch (access) {
    case MMIO_ACCESS_VFIO:
      return mmio_vfio_open (info, error);
    case MMIO_ACCESS_UIO:
      return mmio_uio_open (info, error);
    case MMIO_ACCESS_AUTO:
    case MMIO_ACCESS_SYSFS:
    default:
      return mmio_sysfs_open (info);
  }
}

/* Falls back to sysfs if the device cannot be reached by what it is bound to, but not if
 * another program has it, which may reset it or put it to sleep meanwhile, nor after a
 * shortage, which does not say that it cannot be reached */
static MmioDevice *
open_best (const MmioPciInfo * info, GError ** error)
{
  g_autoptr (GError) local = NULL;
  MmioDevice *device;
  MmioAccess access;
  const int errnum = choose_access (info, &access);

  if (errnum != 0) {
    g_autofree char *slot = mmio_address_to_string (&info->slot);

    mmio_set_system_error (error, MMIO_ERROR_FAILED, errnum, "read driver",
        "Cannot open %s; dmesg may say why.", slot);
    return NULL;
  }

  if (access == MMIO_ACCESS_SYSFS)
    return mmio_sysfs_open (info);

  device = open_by (info, access, &local);
  if (device)
    return device;

  if (mmio_error_is_shortage (local) ||
      g_error_matches (local, MMIO_ERROR, MMIO_ERROR_BUSY)) {
    g_propagate_error (error, g_steal_pointer (&local));
    return NULL;
  }
  g_debug ("not by vfio or UIO: %s", local->message);
  return mmio_sysfs_open (info);
}

static MmioDevice *
open_pci (const MmioAddress * address, MmioAccess access, GError ** error)
{
  g_auto (MmioPciInfo) info = {.name = NULL };

  if (!mmio_pci_find (address, &info, error))
    return NULL;

  return access == MMIO_ACCESS_AUTO ? open_best (&info, error) :
      open_by (&info, access, error);
}

/* Takes @device, which has one access only: it is no PCI device, or named by its UIO
 * node.  What is wrong with the device itself comes first. */
static MmioDevice *
check_access (MmioDevice * device, MmioAccess access, GError ** error)
{
  static const char *const names[] = { "auto", "sysfs", "vfio", "uio" };

  if (!device || access == MMIO_ACCESS_AUTO || access == device->backend->way)
    return device;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "Cannot use access=%s: %s is %s; leave access at auto.", names[access],
      device->address, device->backend->way == MMIO_ACCESS_AUTO ?
      "no PCI device" : "a UIO device");
  mmio_device_unref (device);
  return NULL;
}

/* A path is a file, unless it is one of those by which the kernel shows a PCI
 * device */
static MmioDevice *
open_path (const char *path, MmioAccess access, GError ** error)
{
  g_auto (MmioAddress) slot = { 0, };
  g_autofree char *member = NULL;
  g_autoptr (GError) local = NULL;
  g_autofree char *map = NULL;
  MmioMapping mapping;
  MmioDevice *device;
  guint number;
  gint bar;

  if (mmio_sysfs_parse_path (path, &slot, &bar, &mapping, &local)) {
    device = open_pci (&slot, access == MMIO_ACCESS_AUTO ? MMIO_ACCESS_SYSFS :
        access, error);
    if (device) {
      device->fixed_bar = bar;
      device->fixed_mapping = mapping;
    }
    return device;
  }

  if (!local)
    member = mmio_vfio_find_in_group (path, &local);
  if (local) {
    g_propagate_error (error, g_steal_pointer (&local));
    return NULL;
  }
  if (member && mmio_address_parse (&slot, member, NULL))
    return open_pci (&slot, access == MMIO_ACCESS_AUTO ? MMIO_ACCESS_VFIO :
        access, error);

  /* Its maps have numbers of their own, which need not be those of BARs */
  if (mmio_uio_parse_path (path, &number, &map))
    return check_access (mmio_uio_open_path (number, map, error), access,
        error);

  return check_access (mmio_file_open (path, error), access, error);
}

/**
 * mmio_device_open:
 * @address: which device
 * @access: how to reach it; other than %MMIO_ACCESS_AUTO only for a PCI device
 *
 * Finds the device and learns what it is; nothing is mapped.
 *
 * Returns: (transfer full) (nullable): the device, or NULL with @error set
 */
MmioDevice *
mmio_device_open (const MmioAddress * address, MmioAccess access,
    GError ** error)
{
  switch (address->kind) {
    case MMIO_ADDRESS_SIM:
      return check_access (mmio_sim_new (), access, error);
    case MMIO_ADDRESS_PATH:
      return open_path (address->path, access, error);
    case MMIO_ADDRESS_SLOT:
    case MMIO_ADDRESS_ID:
    default:
      return open_pci (address, access, error);
  }
}

/* A path is bytes.  Takes @text. */
static char *
make_valid (char *text)
{
  char *valid = g_utf8_make_valid (text, -1);

  g_free (text);
  return valid;
}

/* For back ends: @name and @address become the device's, as text.  A back end that
 * opens its path again keeps a copy of its own. */
void
mmio_device_init (MmioDevice * device, const MmioBackend * backend, char *name,
    char *address)
{
  device->backend = backend;
  g_atomic_ref_count_init (&device->ref_count);
  device->name = make_valid (name);
  device->address = make_valid (address);
  device->fixed_bar = -1;
  device->interrupt = -1;
  mmio_device_maps_init (&device->maps);
}

/* For back ends of ordinary memory, which maps in one way only */
gboolean
mmio_device_check_cached (MmioDevice * device, MmioMapping wanted,
    GError ** error)
{
  if (wanted == MMIO_MAPPING_AUTO || wanted == MMIO_MAPPING_CACHED)
    return TRUE;

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "%s is ordinary memory and cannot be mapped %s; set mapping to auto.",
      device->address, mmio_mapping_get_name (wanted));
  return FALSE;
}

/**
 * mmio_device_ref:
 *
 * Returns: (transfer full): @device
 */
MmioDevice *
mmio_device_ref (MmioDevice * device)
{
  g_atomic_ref_count_inc (&device->ref_count);
  return device;
}

/**
 * mmio_device_unref:
 * @device: (transfer full): a device
 */
void
mmio_device_unref (MmioDevice * device)
{
  char *name, *address, *slot, *model;

  if (!g_atomic_ref_count_dec (&device->ref_count))
    return;

  mmio_device_close_interrupt (device);
  name = device->name;
  address = device->address;
  slot = device->slot;
  model = device->model;
  mmio_device_maps_clear (&device->maps);
  device->backend->free (device);
  g_free (name);
  g_free (address);
  g_free (slot);
  g_free (model);
}

/**
 * mmio_device_get_name:
 *
 * Returns: (transfer none): what the device is, in words
 */
const char *
mmio_device_get_name (const MmioDevice * device)
{
  return device->name;
}

/**
 * mmio_device_get_address:
 *
 * Returns: (transfer none): the full PCI address, the path, or "sim", in valid UTF-8:
 *   a path that is none cannot be opened by it
 */
const char *
mmio_device_get_address (const MmioDevice * device)
{
  return device->address;
}

/**
 * mmio_device_get_slot:
 *
 * Returns: (transfer none) (nullable): the full PCI address, however the device
 *   is called; NULL if it is not on that bus
 */
const char *
mmio_device_get_slot (const MmioDevice * device)
{
  return device->slot;
}

/**
 * mmio_device_get_access:
 *
 * Returns: (transfer none): the name of the back end
 */
const char *
mmio_device_get_access (const MmioDevice * device)
{
  return device->backend->access;
}

/**
 * mmio_device_get_way:
 *
 * Returns: what to ask mmio_device_open() for to reach it in the same way
 */
MmioAccess
mmio_device_get_way (const MmioDevice * device)
{
  return device->backend->way;
}

/**
 * mmio_device_is_unlinked:
 *
 * Returns: whether the last mmio_device_check() has found that the device's file
 *   was deleted or renamed, and its memory is still there
 */
gboolean
mmio_device_is_unlinked (const MmioDevice * device)
{
  return g_atomic_int_get (&device->is_unlinked);
}

/**
 * mmio_device_has_bars:
 *
 * Returns: whether its memory is a device's, in BARs or the like; what has none
 *   counts as BAR 0
 */
gboolean
mmio_device_has_bars (const MmioDevice * device)
{
  return device->backend->has_bars;
}

/**
 * mmio_device_get_part:
 *
 * Returns: (transfer none): what its memory is in, "BAR" or "map"
 */
const char *
mmio_device_get_part (const MmioDevice * device)
{
  return device->backend->part ? device->backend->part : "BAR";
}

/**
 * mmio_device_get_bar:
 * @bar: less than %MMIO_MAX_BARS
 *
 * Returns: (transfer none): what is known of the BAR without touching it
 */
const MmioBar *
mmio_device_get_bar (const MmioDevice * device, guint bar)
{
  return &device->bar[bar];
}

/**
 * mmio_device_get_fixed_bar:
 *
 * Returns: the BAR that the device's address itself names, or -1
 */
gint
mmio_device_get_fixed_bar (const MmioDevice * device)
{
  return device->fixed_bar;
}

/**
 * mmio_device_get_fixed_mapping:
 *
 * Returns: how the device's address itself says to map that BAR, or
 *   %MMIO_MAPPING_AUTO
 */
MmioMapping
mmio_device_get_fixed_mapping (const MmioDevice * device)
{
  return device->fixed_mapping;
}

/* The BAR that the address itself names is the one that is meant */
static gboolean
apply_fixed_bar (const MmioDevice * device, gint * bar, GError ** error)
{
  if (device->fixed_bar < 0)
    return TRUE;

  if (*bar >= 0 && *bar != device->fixed_bar) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "The device names %s %d of %s, but bar is %d; leave bar at -1.",
        mmio_device_get_part (device), device->fixed_bar, device->address,
        *bar);
    return FALSE;
  }

  *bar = device->fixed_bar;
  return TRUE;
}

/* Asks the registers that tell of the picture, if there are any */
static gboolean
ask_mode (MmioDevice * device, gint * bar, MmioSpec * spec, MmioMode ** mode,
    GError ** error)
{
  MmioTellerPlace place;
  gboolean tells;

  if (device->backend->refresh)
    device->backend->refresh (device);

  if (!device->backend->find_teller ||
      !device->backend->find_teller (device, *bar, &place)) {
    if (!*mode)
      return TRUE;
    mmio_set_error (error, MMIO_ERROR_NO_MODE,
        "The memory of %s is too short for what describes its frame; write it "
        "again.", device->address);
    return FALSE;
  }

  if (!*mode)
    *mode = mmio_mode_new (device, &place);
  if (!mmio_mode_ask (*mode, bar, spec, &tells, error))
    return FALSE;

  if (!tells)
    g_clear_pointer (mode, mmio_mode_free);
  return TRUE;
}

/* The page of the manual about the header: installed, or in the source tree that
 * this was built from */
static const char *
get_header_page (void)
{
  static const char installed[] = MMIO_DOC_DIR "/manual/describing.md";

  return g_file_test (installed, G_FILE_TEST_EXISTS) ? installed :
      "docs/manual/describing.md";
}

/**
 * mmio_device_describe_mode:
 * @bar: (inout): the BAR that holds the picture, -1 for unknown
 * @spec: (inout): the picture; what is unset in it (empty format, zero width,
 *   height, stride, offset) is asked of the device
 * @mode: (inout): NULL, and what tells of the picture afterwards, if something
 *   does; or that of an earlier call, to ask it once more, which stays also when
 *   it tells of none now
 *
 * Completes what the user said of the picture with what the device says.  A
 * device is asked only if width or height are open.  A format that nobody
 * names is RGB.
 *
 * Returns: TRUE with format, width and height set; or FALSE with @error set,
 *   which is %MMIO_ERROR_NO_MODE if the device may tell later
 */
gboolean
mmio_device_describe_mode (MmioDevice * device, gint * bar, MmioSpec * spec,
    MmioMode ** mode, GError ** error)
{
  gboolean open = spec->width == 0 || spec->height == 0;

  if (!apply_fixed_bar (device, bar, error))
    return FALSE;

  if (device->backend->describe &&
      !device->backend->describe (device, bar, spec, error))
    return FALSE;

  /* Asking costs a look into the device; not where the user has said it all */
  if ((spec->width == 0 || spec->height == 0) &&
      !ask_mode (device, bar, spec, mode, error))
    return FALSE;

  if (spec->width == 0 || spec->height == 0) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "%s (%s) cannot tell how large its picture is; set width and height "
        "(and format, offset and stride if it is not RGB from the BAR's "
        "start on without padding), or have the device tell by a header, as "
        "%s shows.", device->name, device->address, get_header_page ());
    return FALSE;
  }

  if (spec->format.name[0] == '\0')
    spec->format = *mmio_format_find ("RGB");

  if (open)
    g_debug ("%s says: %s, %u x %u, offset %" G_GUINT64_FORMAT ", stride %u",
        device->address, spec->format.name, spec->width, spec->height,
        spec->offset, spec->stride);

  return TRUE;
}

/**
 * mmio_device_has_header:
 * @bar: the BAR that holds the picture
 *
 * Loads the first bytes of memory of which reads are known to have no side
 * effects, and of no other.
 *
 * Returns: whether there is a header that describes the picture
 */
gboolean
mmio_device_has_header (MmioDevice * device, gint bar)
{
  g_autoptr (MmioRegion) region = NULL;
  MmioTellerPlace place;

  if (!device->backend->find_teller ||
      !device->backend->find_teller (device, bar, &place) ||
      !place.is_memory || place.teller != &mmio_header_teller)
    return FALSE;

  region = mmio_device_map_register (device, place.bar, place.offset,
      place.teller->length, NULL);
  return region && mmio_header_is_at (mmio_region_get_data (region));
}

/**
 * mmio_device_describe:
 * @bar: (inout): as of mmio_device_describe_mode()
 * @spec: (inout): likewise
 *
 * Does the same, for whoever wants to know once.
 *
 * Returns: TRUE with format, width and height set; or FALSE with @error set
 */
gboolean
mmio_device_describe (MmioDevice * device, gint * bar, MmioSpec * spec,
    GError ** error)
{
  g_autoptr (MmioMode) mode = NULL;

  return mmio_device_describe_mode (device, bar, spec, &mode, error);
}

static void
describe_bars (const MmioDevice * device, GString * text)
{
  const char *separator = "";

  for (guint i = 0; i < MMIO_MAX_BARS; i++) {
    if (device->bar[i].size == 0)
      continue;
    g_string_append_printf (text, "%s%s %u (%s", separator,
        mmio_device_get_part (device), i,
        device->bar[i].is_io ? "I/O ports, " : "");
    if (device->bar[i].size == MMIO_SIZE_UNKNOWN)
      g_string_append (text, "unknown size)");
    else
      g_string_append_printf (text, "%" G_GUINT64_FORMAT " bytes)",
          device->bar[i].size);
    separator = ", ";
  }

  if (text->len == 0)
    g_string_append_printf (text, "no %s at all",
        mmio_device_get_part (device));
}

/* Returns: (transfer full): the begin of a sentence about where it ends */
static char *
get_subject (const MmioPicture * picture)
{
  return g_strdup_printf ("The %s of %ux%u %s ends",
      picture->n_buffers > 1 ? "last picture" : "picture", picture->width,
      picture->height, picture->format.name);
}

/* Whether another driver may do more for it */
static gboolean
is_pci (const MmioDevice * device)
{
  return device->backend->has_bars && !device->backend->part;
}

/* What else may be wrong */
static const char *
get_more (const MmioPicture * picture)
{
  return picture->n_buffers > 1 ? "buffers, buffer-step, " : "";
}

static gboolean
check_size (const MmioDevice * device, gint bar, const MmioPicture * picture,
    GError ** error)
{
  g_autofree char *subject = NULL, *which = NULL;

  if (picture->end <= device->bar[bar].size)
    return TRUE;

  subject = get_subject (picture);

  if (device->backend->has_bars)
    which = g_strdup_printf ("%s %d of %s", mmio_device_get_part (device), bar,
        device->address);

  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "%s at byte %" G_GUINT64_FORMAT ", but %s has only %" G_GUINT64_FORMAT
      " bytes; correct width, height, format, %soffset or stride%s.",
      subject, picture->end, which ? which : device->address,
      device->bar[bar].size, get_more (picture),
      which ? ", or choose another bar" : "");
  return FALSE;
}

static gboolean
check_bar (const MmioDevice * device, gint bar, const MmioPicture * picture,
    GError ** error)
{
  g_autoptr (GString) bars = g_string_new (NULL);

  if (!device->backend->has_bars && bar > 0) {
    mmio_set_error (error, MMIO_ERROR_NOT_FOUND,
        "%s has no BARs, so there is no BAR %d; leave bar at -1.",
        device->address, bar);
    return FALSE;
  }

  describe_bars (device, bars);

  if (bar >= MMIO_MAX_BARS || device->bar[bar].size == 0) {
    mmio_set_error (error, MMIO_ERROR_NOT_FOUND,
        "%s has no %s %d; it has %s, so set bar to one of these.",
        device->address, mmio_device_get_part (device), bar, bars->str);
    return FALSE;
  }

  if (device->bar[bar].is_io) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "BAR %d of %s is a range of I/O ports and holds no picture; it has "
        "%s, so set bar to a memory BAR.", bar, device->address, bars->str);
    return FALSE;
  }

  return check_size (device, bar, picture, error);
}

static gint
find_bar (const MmioDevice * device, const MmioPicture * picture,
    GError ** error)
{
  g_autoptr (GString) bars = g_string_new (NULL);
  g_autofree char *subject = NULL;

  if (!device->backend->has_bars)
    return check_size (device, 0, picture, error) ? 0 : -1;

  for (gint i = 0; i < MMIO_MAX_BARS; i++) {
    if (!device->bar[i].is_io && device->bar[i].size >= picture->end)
      return i;
  }

  subject = get_subject (picture);
  describe_bars (device, bars);
  mmio_set_error (error, MMIO_ERROR_SETTINGS,
      "%s at byte %" G_GUINT64_FORMAT ", but no memory %s of %s is that large: "
      "it has %s; correct width, height, format, %soffset or stride.", subject,
      picture->end, mmio_device_get_part (device), device->address, bars->str,
      get_more (picture));
  return -1;
}

/* Where the address itself says how to map, nobody may say otherwise */
static gboolean
apply_fixed_mapping (const MmioDevice * device, MmioMapping * wanted,
    GError ** error)
{
  const MmioMapping fixed = device->fixed_mapping;

  if (fixed == MMIO_MAPPING_AUTO || fixed == *wanted)
    return TRUE;

  if (*wanted != MMIO_MAPPING_AUTO) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "The device's path names BAR %d of %s mapped %s, but mapping is %s; "
        "leave mapping at auto.", device->fixed_bar, device->address,
        mmio_mapping_get_name (fixed), mmio_mapping_get_name (*wanted));
    return FALSE;
  }

  *wanted = fixed;
  return TRUE;
}

/* Where the last row's padding ends, as far as the BAR is known to have it */
static guint64
get_end (const MmioDevice * device, guint bar, const MmioPicture * picture)
{
  const guint64 size = device->bar[bar].size;

  return size == MMIO_SIZE_UNKNOWN ? picture->end :
      MAX (picture->end, MIN (mmio_picture_get_extent (picture), size));
}

/**
 * mmio_device_find_bar:
 * @bar: (inout): the BAR; -1 is replaced by the first memory BAR that holds
 *   the picture
 * @picture: the picture
 *
 * Returns: FALSE with @error set if the picture cannot be there
 */
gboolean
mmio_device_find_bar (const MmioDevice * device, gint * bar,
    const MmioPicture * picture, GError ** error)
{
  gint found;

  if (*bar >= 0)
    return check_bar (device, *bar, picture, error);

  found = find_bar (device, picture, error);
  if (found >= 0)
    *bar = found;

  return found >= 0;
}

static MmioRegion *
map (MmioDevice * device, guint bar, guint64 offset, gsize length,
    MmioMapping wanted, GError ** error)
{
  MmioRegion *region = device->backend->map (device, bar, offset, length,
      wanted, error);

  if (!region)
    mmio_device_is_held (device, error);
  return region;
}

/**
 * mmio_device_map:
 * @bar: (inout): as of mmio_device_find_bar()
 * @picture: the picture
 * @wanted: how to map it
 *
 * Maps the part of the BAR from @picture's start to its end, of several
 * pictures all that lies between, read-only; and the pages that
 * mmio_device_export() makes a dma-buf of.
 *
 * Returns: (transfer full) (nullable): the mapped part, or NULL with @error
 *   set
 */
MmioRegion *
mmio_device_map (MmioDevice * device, gint * bar, const MmioPicture * picture,
    MmioMapping wanted, GError ** error)
{
  gint found = *bar;
  MmioRegion *region;
  guint64 length;

  if (!mmio_device_find_bar (device, &found, picture, error) ||
      !apply_fixed_mapping (device, &wanted, error))
    return NULL;

  length = get_end (device, found, picture) - picture->start;
  /* On machines of 32 bits a BAR may be larger than all that can be mapped */
  if ((gsize) length != length) {
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "Cannot map %" G_GUINT64_FORMAT
        " bytes of %s: a process has no room for "
        "as many here; set width, height or length lower.", length,
        device->address);
    return NULL;
  }

  region = map (device, found, picture->start, length, wanted, error);
  if (region) {
    mmio_region_set_length (region, picture->end - picture->start);
    *bar = found;
  }

  return region;
}

/**
 * mmio_device_map_register:
 * @bar: a BAR
 * @offset: bytes from its start
 * @length: bytes, all of them in the BAR
 *
 * Maps a few bytes that are no picture, in the way in which each load is a
 * transaction of its own.
 *
 * Returns: (transfer full) (nullable): the region, or NULL with @error set
 */
MmioRegion *
mmio_device_map_register (MmioDevice * device, guint bar, guint64 offset,
    gsize length, GError ** error)
{
  return map (device, bar, offset, length,
      device->backend->has_bars ? MMIO_MAPPING_UNCACHED : MMIO_MAPPING_AUTO,
      error);
}

/**
 * mmio_device_shares_bars:
 *
 * Returns: whether it is a PCI device, reached in a way by which the kernel may
 *   make dma-bufs of its BARs
 */
gboolean
mmio_device_shares_bars (const MmioDevice * device)
{
  return device->backend->has_bars && device->backend->export;
}

/**
 * mmio_device_can_export:
 *
 * Checks what mmio_device_export() needs, as far as it is known without asking the
 * kernel for a dma-buf.
 *
 * Returns: FALSE with @error set if there cannot be a dma-buf of its memory
 */
gboolean
mmio_device_can_export (MmioDevice * device, GError ** error)
{
  if (device->backend->export)
    return !device->backend->can_export ||
        device->backend->can_export (device, error);

  if (is_pci (device))
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "The kernel makes no dma-buf of the memory of %s when it is reached by "
        "%s; bind the device to vfio-pci and use access=vfio" MMIO_OR_USE_COPY,
        device->address, device->backend->access);
  else
    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "The kernel makes no dma-buf of the memory of %s" MMIO_USE_COPY,
        device->address);
  return FALSE;
}

/**
 * mmio_device_export:
 * @bar: the BAR that @picture was mapped from
 * @picture: the picture
 * @skip: (out): bytes from the dma-buf's start to the picture's, less than a
 *   page
 *
 * Makes a dma-buf of the pages that the picture lies in, with the padding
 * behind its last row if the BAR has that, for other devices to read without a
 * copy.  It does not keep @device alive, and a BAR's is revoked for good when
 * the last reference to its device goes: who hands it on holds one (or a
 * region, which does) until nobody uses it any more.
 *
 * Returns: a descriptor that the caller closes, or -1 with @error set
 */
int
mmio_device_export (MmioDevice * device, guint bar,
    const MmioPicture * picture, guint * skip, GError ** error)
{
  const guint64 page = sysconf (_SC_PAGESIZE);
  const guint64 first = picture->start / page * page;
  const guint64 end = (get_end (device, bar, picture) + page - 1) / page * page;
  int fd;

  if (!mmio_device_is_held (device, error) ||
      !mmio_device_can_export (device, error))
    return -1;
  fd = device->backend->export (device, bar, first, end - first, error);
  if (fd >= 0)
    *skip = picture->start - first;
  else
    mmio_device_is_held (device, error);

  return fd;
}

/**
 * mmio_device_open_interrupt:
 *
 * Makes the device's interrupt ready, once; from then on they are counted.
 * Several calls return the same.  By vfio, that is its first MSI-X or MSI
 * vector, or else INTx.
 *
 * An MSI is a write to memory, so the device becomes a bus master until
 * mmio_device_close_interrupt(), or the last reference to it goes.  The IOMMU
 * shows it no memory at all; the write that is the interrupt is all that comes
 * through.
 *
 * Returns: (transfer none): a descriptor that polls as readable (%POLLIN) when
 *   one has come, valid until mmio_device_close_interrupt(); or -1 with @error
 *   set
 */
int
mmio_device_open_interrupt (MmioDevice * device, GError ** error)
{
  if (!device->backend->open_interrupt) {
    g_autofree char *advice = is_pci (device) ?
        g_strdup_printf (" that %s can deliver; bind it to vfio-pci and use "
        "access=vfio, or", device->backend->access) : g_strdup (";");

    mmio_set_error (error, MMIO_ERROR_SETTINGS,
        "%s has no interrupt%s use frame-sync=counter or clock.",
        device->address, advice);
    return -1;
  }

  if (device->interrupt >= 0)
    return device->interrupt;
  if (!mmio_device_is_held (device, error))
    return -1;
  device->interrupt = device->backend->open_interrupt (device, error);
  if (device->interrupt < 0)
    mmio_device_is_held (device, error);
  return device->interrupt;
}

/**
 * mmio_device_close_interrupt:
 *
 * Has the device silent again, and no bus master, whoever still holds it or a
 * region of it.  Nothing happens where no interrupt was made ready.  It is not
 * called while mmio_device_take_interrupts() runs.
 */
void
mmio_device_close_interrupt (MmioDevice * device)
{
  if (device->interrupt < 0)
    return;

  device->interrupt = -1;
  device->backend->close_interrupt (device);
}

/**
 * mmio_device_take_interrupts:
 * @device: a device with mmio_device_open_interrupt() done
 * @count: (out): how many interrupts have come since the last call, or since
 *   they were made ready; 0 for none
 *
 * Takes note of interrupts and lets the next one come; never waits.
 *
 * A device that wants its INTx acknowledged in a register keeps interrupting
 * until somebody does so, which is never done here.
 *
 * Returns: FALSE where there will be no more: the device has gone
 */
gboolean
mmio_device_take_interrupts (MmioDevice * device, guint * count)
{
  *count = 0;
  return device->interrupt >= 0 &&
      device->backend->take_interrupts (device, count);
}
