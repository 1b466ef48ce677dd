/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who can import a device's memory, with a kernel that has the DRM devices
 * that this test wants it to have.
 */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <json-glib/json-glib.h>

#include "backends/mmioopen.h"
#include "fixtures/fakekernel.h"

#define FOURCC(text) \
    ((guint32) (text)[0] | (guint32) (text)[1] << 8 | \
    (guint32) (text)[2] << 16 | (guint32) (text)[3] << 24)

static MmioProbeConfig config;

static MmioProbeReport *
run (const char *name, const char *format, guint width, guint height)
{
  g_autoptr (MmioDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (MmioAddress) address = { 0, };
  MmioProbeReport *report;

  memset (&config, 0, sizeof (config));
  config.device = name;
  config.bar = -1;
  config.rate = 50;
  config.seconds = 0.01;
  config.spec.width = width;
  config.spec.height = height;
  if (format)
    config.spec.format = *mmio_format_find (format);

  g_assert_true (mmio_address_parse (&address, name, NULL));
  device = mmio_device_open (&address, MMIO_ACCESS_AUTO, &error);
  g_assert_no_error (error);

  report = mmio_probe_run (&config, device, NULL, NULL, &error);
  g_assert_no_error (error);
  return report;
}

static guint
count_fds (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir))
    n++;
  return n;
}

static void
check_table (const MmioProbeReport * report, const char *word,
    const char *other_word)
{
  g_autofree char *table = mmio_probe_report_to_table (report);

  g_test_message ("%s", strstr (table, "\nimporters\n"));
  check_words (table, "\nimporters\n", word, other_word, NULL);
}

static void
check_no_word (const MmioProbeReport * report, const char *word)
{
  g_autofree char *table = mmio_probe_report_to_table (report);

  g_assert_null (strstr (table, word));
}

static JsonObject *
get_import (JsonParser * parser, const MmioProbeReport * report)
{
  g_autofree char *text = mmio_probe_report_to_json (report);
  g_autoptr (GError) error = NULL;

  json_parser_load_from_data (parser, text, -1, &error);
  g_assert_no_error (error);
  return
      json_object_get_object_member (json_node_get_object
      (json_parser_get_root (parser)), "import");
}

static const char *
get_string (JsonObject * object, const char *name)
{
  return json_object_get_string_member_with_default (object, name, "");
}

static const guint32 xr24[] = { FOURCC ("XR24"), 0 };
static const guint32 bg24[] = { FOURCC ("BG24"), FOURCC ("XR24"), 0 };

static const FakeDrm virtio = {.card = "card0",.render = "renderD128",.driver =
      "virtio_gpu",.formats = xr24
};

static void
test_imports (void)
{
  const FakeDrm bochs = {.card = "card1",.driver = "bochs-drm",.import_errno =
        EOPNOTSUPP,.formats = xr24
  };
  const FakeDrm etnaviv = {.card = "card2",.render = "renderD129",.driver =
        "etnaviv"
  };
  const FakeDrm v3d = {.render = "renderD130",.driver = "v3d" };
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (MmioProbeReport) report = NULL;
  JsonObject *import, *node;
  JsonArray *nodes;
  guint number, fds;

  fakekernel_start ();
  number = fakekernel_add_drm (&virtio);
  fakekernel_add_drm (&bochs);
  fakekernel_add_drm (&etnaviv);
  fakekernel_add_drm (&v3d);
  fds = count_fds ();
  report = run ("sim", "BGRx", 64, 48);
  g_assert_cmpuint (count_fds (), ==, fds);

  check_table (report, "  /dev/dri/renderD128, virtio_gpu: yes\n    scans out "
      "XR24: yes\n", "  /dev/dri/renderD129, etnaviv: yes\n    scans out "
      "XR24: no, it has no display\n");
  check_table (report, "  /dev/dri/renderD130, v3d: yes\n    scans out "
      "XR24: no, it has no display\n", "renderD129");
  check_table (report, "  /dev/dri/card1, bochs-drm: no, its driver cannot "
      "import memory of other PCI devices", "\nWithout a copy: gst-launch-1.0 "
      "mmiovidsrc device=sim format=bgrx width=64 height=48 io-mode=dmabuf ! "
      "kmssink driver-name=virtio_gpu\n");
  g_assert_cmpuint (fakekernel_count_udmabufs (), ==, 1);
  g_assert_cmpuint (fakekernel_get_drm_counts (number).imports, ==, 1);
  g_assert_cmpuint (fakekernel_get_drm_counts (number).handles, ==, 0);
  g_assert_false (fakekernel_get_drm_counts (number).asked_as_master);

  import = get_import (parser, report);
  g_assert_true (json_object_get_boolean_member (import, "exported"));
  g_assert_cmpstr (get_string (import, "fourcc"), ==, "XR24");
  check_words (get_string (import, "advice"), "kmssink", NULL);
  g_assert_false (json_object_has_member (import, "why"));
  nodes = json_object_get_array_member (import, "nodes");
  g_assert_cmpuint (json_array_get_length (nodes), ==, 4);

  node = json_array_get_object_element (nodes, 0);
  g_assert_cmpstr (get_string (node, "node"), ==, "/dev/dri/card1");
  g_assert_cmpstr (get_string (node, "driver"), ==, "bochs-drm");
  g_assert_false (json_object_get_boolean_member (node, "imports"));
  check_words (get_string (node, "why"), "peer-to-peer", NULL);
  g_assert_cmpint (json_object_get_int_member (node, "errno"), ==, EOPNOTSUPP);
  g_assert_true (json_object_get_boolean_member (node, "scans-out"));
  g_assert_false (json_object_has_member (node, "maps-late"));

  node = json_array_get_object_element (nodes, 1);
  g_assert_cmpstr (get_string (node, "node"), ==, "/dev/dri/renderD128");
  g_assert_cmpstr (get_string (node, "card"), ==, "/dev/dri/card0");
  g_assert_true (json_object_get_boolean_member (node, "imports"));
  g_assert_false (json_object_get_boolean_member (node, "maps-late"));
  g_assert_false (json_object_get_boolean_member (node, "copies"));
  g_assert_false (json_object_has_member (node, "errno"));

  node = json_array_get_object_element (nodes, 2);
  g_assert_false (json_object_get_boolean_member (node, "scans-out"));
  fakekernel_stop ();
}

/* Those that say yes and may mean no */
static void
test_late (void)
{
  const FakeDrm amdgpu = {.card = "card0",.render = "renderD128",.driver =
        "amdgpu",.formats = xr24
  };
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (MmioProbeReport) report = NULL;
  g_autoptr (MmioProbeReport) sure = NULL;
  JsonArray *nodes;

  fakekernel_start ();
  fakekernel_add_drm (&amdgpu);
  report = run ("sim", "BGRx", 64, 48);
  check_table (report, "amdgpu: yes, but it maps the memory only with the "
      "first frame; by the kernel's rules that will work\n",
      "\nWithout a copy, if its displays scan out foreign memory (otherwise "
      "use glimagesink): gst-launch-1.0 mmiovidsrc device=sim format=bgrx "
      "width=64 height=48 io-mode=dmabuf ! kmssink driver-name=amdgpu\n");
  nodes = json_object_get_array_member (get_import (parser, report), "nodes");
  g_assert_true (json_object_get_boolean_member (json_array_get_object_element
          (nodes, 0), "maps-late"));
  fakekernel_stop ();

  /* One that is sure is better, wherever it stands */
  fakekernel_start ();
  fakekernel_add_drm (&amdgpu);
  fakekernel_add_drm (&(FakeDrm) {
      .card = "card1",.render = "renderD129",.driver = "virtio_gpu",.formats =
        xr24});
  sure = run ("sim", "BGRx", 64, 48);
  check_table (sure, "amdgpu: yes, but", "io-mode=dmabuf ! kmssink "
      "driver-name=virtio_gpu\n");
  fakekernel_stop ();
}

/* Those whose yes spares one copy of two */
static void
test_copies (void)
{
  const FakeDrm bochs = {.card = "card0",.driver = "bochs-drm",.formats = xr24
  };
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (MmioProbeReport) report = NULL;
  g_autoptr (MmioProbeReport) better = NULL;
  JsonArray *nodes;

  fakekernel_start ();
  fakekernel_add_drm (&bochs);
  report = run ("sim", "BGRx", 64, 48);
  check_table (report, "bochs-drm: yes, but its displays do not read it: the "
      "kernel copies each frame into their memory\n", "\nWith only the "
      "driver's copy: gst-launch-1.0 mmiovidsrc device=sim format=bgrx "
      "width=64 height=48 io-mode=dmabuf ! kmssink driver-name=bochs-drm\n");
  nodes = json_object_get_array_member (get_import (parser, report), "nodes");
  g_assert_true (json_object_get_boolean_member (json_array_get_object_element
          (nodes, 0), "copies"));

  fakekernel_add_drm (&(FakeDrm) {
      .card = "card1",.render = "renderD128",.driver = "amdgpu",.formats =
        xr24});
  better = run ("sim", "BGRx", 64, 48);
  check_table (better, "bochs-drm: yes, but", "! kmssink driver-name=amdgpu\n");
  fakekernel_stop ();
}

static void
test_scanout (void)
{
  g_autoptr (MmioProbeReport) packed = NULL;
  g_autoptr (MmioProbeReport) listed = NULL;
  g_autoptr (MmioProbeReport) other = NULL;
  g_autoptr (MmioProbeReport) unknown = NULL;

  fakekernel_start ();
  fakekernel_add_drm (&virtio);
  packed = run ("sim", "RGB", 64, 48);
  check_table (packed, "virtio_gpu: yes\n    scans out BG24: no\n",
      "\nWithout a copy: not possible with 24 bits per pixel, which the "
      "displays of the importers do not scan out. If the device supports 32, "
      "use those, as format=bgrx; otherwise each frame is copied once, into 32 "
      "bits.\n");
  other = run ("sim", "NV12", 64, 48);
  check_table (other, "scans out NV12: no\n", "\nWithout a copy, if GL "
      "supports NV12: gst-launch-1.0 mmiovidsrc device=sim format=nv12 "
      "width=64 height=48 io-mode=dmabuf ! glimagesink\n");
  fakekernel_stop ();

  fakekernel_start ();
  fakekernel_add_drm (&(FakeDrm) {
      .card = "card0",.driver = "virtio_gpu",.formats = bg24});
  listed = run ("sim", "RGB", 64, 48);
  check_table (listed, "scans out BG24: yes\n", "! kmssink");
  fakekernel_stop ();

  fakekernel_start ();
  fakekernel_add_drm (&(FakeDrm) {
      .card = "card0",.render = "renderD128",.driver = "virtio_gpu",.formats =
        xr24,.planes_errno = EIO});
  unknown = run ("sim", "BGRx", 64, 48);
  check_table (unknown, "scans out XR24: unknown (/dev/dri/card0: ",
      "if GL supports XR24: ");
  fakekernel_stop ();
}

/* Nobody imports it: each says why, and nothing to type would help */
static void
test_nobody (void)
{
  g_autoptr (MmioProbeReport) refused = NULL;
  g_autoptr (MmioProbeReport) none = NULL;

  fakekernel_start ();
  none = run ("sim", "BGRx", 64, 48);
  check_table (none, "  none: this machine has no display hardware with a "
      "driver (/sys/class/drm is empty)\n", "Best: ");
  check_no_word (none, "Without a copy");

  fakekernel_add_drm (&(FakeDrm) {
      .card = "card0",.driver = "ast",.import_errno = EINVAL});
  fakekernel_add_drm (&(FakeDrm) {
      .card = "card1",.driver = "x",.open_errno = EACCES,.formats = xr24});
  refused = run ("sim", "BGRx", 64, 48);
  check_table (refused,
      "/dev/dri/card0, ast: no, its driver cannot import any memory",
      "/dev/dri/card1, unknown: no, only the "
      "group video may read and write it; join it before your next login with: sudo usermod -aG "
      "video $USER\n");
  check_table (refused, "    scans out XR24: unknown (/dev/dri/card1: ",
      g_strerror (EACCES));
  check_no_word (refused, "Without a copy");
  fakekernel_stop ();
}

static void
test_no_udmabuf (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (MmioProbeReport) none = NULL;
  g_autoptr (MmioProbeReport) forbidden = NULL;
  g_autoptr (MmioProbeReport) refused = NULL;
  JsonObject *import;

  fakekernel_start ();
  fakekernel_add_drm (&virtio);
  fakekernel_set_udmabuf (ENOENT, 0);
  none = run ("sim", "BGRx", 64, 48);
  check_table (none, "  none: Cannot open /dev/udmabuf",
      "sudo modprobe udmabuf\n    open: ");
  check_no_word (none, "virtio_gpu");
  import = get_import (parser, none);
  g_assert_false (json_object_get_boolean_member (import, "exported"));
  check_words (get_string (import, "why"), "modprobe udmabuf", NULL);
  check_words (get_string (import, "system"), "open: ", NULL);
  g_assert_false (json_object_has_member (import, "nodes"));
  g_assert_false (json_object_has_member (import, "advice"));

  fakekernel_set_udmabuf (EACCES, 0);
  forbidden = run ("sim", "BGRx", 64, 48);
  check_table (forbidden, "none: Cannot read and write /dev/udmabuf, "
      "which makes dma-bufs", "open: ");

  fakekernel_set_udmabuf (0, ENOMEM);
  refused = run ("sim", "BGRx", 64, 48);
  check_table (refused, "none: Cannot export the memory of "
      "sim", "UDMABUF_CREATE: ");
  fakekernel_stop ();
}

static void
test_file (void)
{
  const int fd = memfd_create ("file", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (MmioProbeReport) open_ended = NULL;
  g_autoptr (MmioProbeReport) sealed = NULL;

  g_assert_cmpint (ftruncate (fd, 65536), ==, 0);
  fakekernel_start ();
  fakekernel_add_drm (&virtio);

  open_ended = run (path, NULL, 0, 0);
  check_table (open_ended, "none: ", "it is not a memfd with F_SEAL_SHRINK");

  /* No picture: nobody can say who would show it */
  g_assert_cmpint (fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK), ==, 0);
  sealed = run (path, NULL, 0, 0);
  check_table (sealed, "virtio_gpu: yes\n", "\nWithout a copy: add --width, "
      "--height and --format for advice about displays.\n");
  check_no_word (sealed, "scans out");
  g_assert_false (json_object_has_member (get_import (parser, sealed),
          "fourcc"));

  fakekernel_stop ();
  close (fd);
}

/* A PCI device: what to type is the BAR by its number, and vfio */
static void
test_bar (void)
{
  const MmioProbeConfig typed = {
    .device = "/sys/bus/pci/devices/0000:03:00.0/resource2",.rate = 50,
    .spec = {.width = 64,.height = 48,.stride = 512,.offset = 4096,.format =
          *mmio_format_find ("BGRx")}
  };
  g_autoptr (MmioProbeReport) report = report_new (&typed);
  g_autoptr (MmioProbeReport) sim = NULL;
  g_autofree char *advice = NULL;

  fakekernel_start ();
  fakekernel_add_drm (&virtio);
  sim = run ("sim", "BGRx", 64, 48);
  fakekernel_stop ();

  report->import = g_steal_pointer (&sim->import);
  report->has_frame = TRUE;
  advice = mmio_probe_advise_import (report);
  g_assert_cmpstr (advice, ==, "Without a copy: gst-launch-1.0 mmiovidsrc "
      "device=0000:03:00.0 access=vfio bar=2 format=bgrx width=64 height=48 "
      "offset=4096 stride=512 io-mode=dmabuf ! kmssink "
      "driver-name=virtio_gpu");
}

/* What cannot be exported at all */
static void
test_no_export (void)
{
  g_autoptr (MmioProbeReport) report = NULL;
  const MmioProbeConfig typed = {.device = "03:00.0",.bar = -1,.rate = 50,
    .seconds = 0.01
  };
  FakeDevice *fake = fake_new ();

  fake_add_bar (fake, 0, 1 << 20, TRUE);
  report = mmio_probe_run (&typed, &fake->parent, NULL, NULL, NULL);
  check_table (report, "none: Cannot make a dma-buf of the memory of "
      "0000:03:00.0: fake does not support it", "vfio-pci");
  g_clear_pointer (&report, mmio_probe_report_free);
  mmio_device_unref (&fake->parent);
}

/* What the kernel's words for formats mean: from the highest byte of a
 * little-endian word to the lowest, where ours begin with the lowest; of
 * XRGB8888 it keeps XR24, of BGRX8888 BX24, of RGB888 RG24 */
static char *
derive_fourcc (const MmioFormat * format)
{
  const guint bytes = format->component[0].pixel_stride;
  char letters[5] = "XXXX";

  for (guint i = 0; i < 3; i++)
    letters[bytes - 1 - format->component[i].offset] = "RGB"[i];

  return g_strdup_printf ("%c%c24", letters[0],
      bytes == 4 && letters[0] != 'X' ? 'X' : letters[1]);
}

static void
test_fourccs (void)
{
  static const char *const others[][2] = {
    {"RGB16", "RG16"}, {"RGB15", "XR15"}, {"GRAY8", "R8  "}, {"YUY2", "YUYV"},
    {"UYVY", "UYVY"}, {"NV12", "NV12"}, {"I420", "YU12"},
  };
  const MmioFormat *format;

  for (guint i = 0; (format = mmio_format_nth (i)); i++) {
    g_autofree char *fourcc = NULL;
    g_autoptr (MmioProbeReport) report = NULL;
    g_autofree char *word = NULL;
    guint32 formats[] = { 0, 0 };

    for (guint j = 0; j < G_N_ELEMENTS (others); j++) {
      if (strcmp (format->name, others[j][0]) == 0)
        fourcc = g_strdup (others[j][1]);
    }
    if (!fourcc)
      fourcc = derive_fourcc (format);

    formats[0] = FOURCC (fourcc);
    fakekernel_start ();
    fakekernel_add_drm (&(FakeDrm) {
        .card = "card0",.driver = "virtio_gpu",.formats = formats}
    );
    report = run ("sim", format->name, 64, 48);
    word = g_strdup_printf ("scans out %s: yes\n", g_strchomp (fourcc));
    check_table (report, word, "! kmssink driver-name=virtio_gpu\n");
    fakekernel_stop ();
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/probe/import/imports", test_imports);
  g_test_add_func ("/probe/import/late", test_late);
  g_test_add_func ("/probe/import/copies", test_copies);
  g_test_add_func ("/probe/import/scanout", test_scanout);
  g_test_add_func ("/probe/import/nobody", test_nobody);
  g_test_add_func ("/probe/import/no-udmabuf", test_no_udmabuf);
  g_test_add_func ("/probe/import/file", test_file);
  g_test_add_func ("/probe/import/bar", test_bar);
  g_test_add_func ("/probe/import/no-export", test_no_export);
  g_test_add_func ("/probe/import/fourccs", test_fourccs);

  return g_test_run ();
}
