/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which DRM devices import a dma-buf, with a kernel that has those that this
 * check wants it to have.
 */
#include "fixtures/helper.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dmabuf/mmiodrm.h"
#include "dmabuf/mmioimport.h"
#include "fixtures/fakekernel.h"

#define ZEN "vendor_id\t: AuthenticAMD\ncpu family\t: 25\n"

static int dma_buf = -1;

static void
setup (void)
{
  fakekernel_start ();
  dma_buf = memfd_create ("dma-buf", MFD_CLOEXEC);
  fail_unless (dma_buf >= 0);
}

static void
teardown (void)
{
  close (dma_buf);
  fakekernel_stop ();
}

static const MmioImporter *
get (const GPtrArray * importers, guint n)
{
  fail_unless (n < importers->len);
  return g_ptr_array_index (importers, n);
}

static void
check_let_go (guint number)
{
  const FakeDrmCounts counts = fakekernel_get_drm_counts (number);

  fail_unless_equals_int (counts.handles, 0);
  fail_if (counts.is_master);
  fail_if (counts.asked_as_master);
}

/* The driver refuses the memory of the device at @address, NULL: ordinary
 * memory, with @errnum, and the reason has the words */
static void
check_reason_for (const char *address, int errnum, const char *word,
    const char *other_word)
{
  const FakeDrm drm = {.card = "card0",.render = "renderD128",.driver =
        "bochs-drm",.import_errno = errnum
  };
  g_autoptr (GPtrArray) importers = NULL;
  const MmioImporter *importer;
  GError *error = NULL;
  guint number;

  fakekernel_stop ();
  fakekernel_start ();
  number = fakekernel_add_drm (&drm);

  importers = mmio_import_try_all (dma_buf, address, NULL);
  fail_unless_equals_int (importers->len, 1);
  importer = get (importers, 0);
  fail_unless_equals_string (importer->driver, "bochs-drm");
  fail_if (importer->imports);
  fail_if (importer->is_late);
  fail_unless_equals_int (importer->errnum, errnum);
  fail_unless (strstr (importer->reason, word) != NULL, "%s", importer->reason);
  fail_unless (strstr (importer->reason, other_word) != NULL, "%s",
      importer->reason);
  fail_unless_equals_int (fakekernel_get_drm_counts (number).refused, 1);
  check_let_go (number);

  fail_if (mmio_import_any (dma_buf, address, &error));
  fail_unless (strstr (mmio_error_get_system (error),
          "DRM_IOCTL_PRIME_FD_TO_HANDLE /dev/dri/renderD128: ") != NULL, "%s",
      mmio_error_get_system (error));
  fail_unless (strstr (mmio_error_get_system (error), g_strerror (errnum)) !=
      NULL);
  check_error (&error, MMIO_ERROR_FAILED, "Cannot import the frame into any "
      "display hardware of this machine: bochs-drm (/dev/dri/renderD128): ",
      word, other_word, NULL);
}

static void
check_reason (int errnum, const char *word, const char *other_word)
{
  check_reason_for ("0000:00:03.0", errnum, word, other_word);
}

GST_START_TEST (test_reasons)
{
  check_reason (EOPNOTSUPP, "cannot import memory of other PCI devices",
      "no peer-to-peer support");
  check_reason (EINVAL,
      "permits no reads from it to the memory: there is no PCIe " "switch",
      "no host bridge that it trusts to forward reads; dmesg shows");
  /* There is no way to look for to ordinary memory */
  check_reason_for (NULL, EINVAL, "cannot import any memory", "driver");
  check_reason (ENODEV, "virtio_gpu needs blob=true", "has just been disabled");
  check_reason (ENOSYS, "cannot import any memory", "driver");
  check_reason (EACCES,
      "only the process that shows frames on this node may import",
      "has no render node; try as root");
  check_reason (EPERM, "only the process that shows", "as root");
  check_reason (ENOMEM, "too little", "memory left");
  check_reason (ENOSPC, "too little", "memory left");
  check_reason (EIO, "cannot import it (", "see dmesg");
}

GST_END_TEST;

GST_START_TEST (test_imports)
{
  const FakeDrm drm = {.card = "card0",.render = "renderD128",.driver =
        "virtio_gpu"
  };
  const guint number = fakekernel_add_drm (&drm);
  const guint fds = count_fds ();
  g_autoptr (GPtrArray) importers = mmio_import_try_all (dma_buf, NULL, NULL);
  const MmioImporter *importer = get (importers, 0);
  GError *error = NULL;

  fail_unless_equals_int (importers->len, 1);
  fail_unless_equals_string (importer->node, "/dev/dri/renderD128");
  fail_unless_equals_string (importer->card, "/dev/dri/card0");
  fail_unless_equals_string (importer->driver, "virtio_gpu");
  fail_unless (importer->imports);
  fail_if (importer->is_late);
  fail_unless (importer->reason == NULL);
  fail_unless_equals_int (importer->errnum, 0);

  fail_unless (mmio_import_any (dma_buf, NULL, &error));
  fail_unless (error == NULL);
  fail_unless_equals_int (fakekernel_get_drm_counts (number).imports, 2);
  fail_unless_equals_int (fakekernel_get_drm_counts (number).card_opens, 0);
  check_let_go (number);
  fail_unless_equals_int (count_fds (), fds);
}

GST_END_TEST;

/* Those that promise what they have not tried, or that only seem to keep it */
GST_START_TEST (test_late)
{
  static const char *const drivers[] =
      { "amdgpu", "xe", "xe2", "virtio_gpu", "bochs-drm",
    "ast"
  };

  for (guint i = 0; i < G_N_ELEMENTS (drivers); i++) {
    const FakeDrm drm = {.card = "card0",.render = "renderD128",.driver =
          drivers[i]
    };
    g_autoptr (GPtrArray) importers = NULL;

    fakekernel_stop ();
    fakekernel_start ();
    fakekernel_add_drm (&drm);
    importers = mmio_import_try_all (dma_buf, NULL, NULL);
    fail_unless (get (importers, 0)->imports);
    fail_unless_equals_int (get (importers, 0)->is_late, i < 2);
    fail_unless_equals_int (get (importers, 0)->copies, i >= 4);
  }
}

GST_END_TEST;

/* The drivers that take all are not taken at their word */
GST_START_TEST (test_late_way)
{
  const FakeDrm drms[] = {
    {.card = "card0",.render = "renderD128",.driver = "amdgpu",.pci =
          "pci0000:00/0000:00:01.0/0000:01:00.0"},
    {.render = "renderD129",.driver = "xe",.pci = "pci0000:00/0000:00:02.0"},
  };
  const FakePci grabber = {.path = "pci0000:00/0000:00:03.0/0000:03:00.0" };
  const FakePci near = {.path = "pci0000:00/0000:00:01.0/0000:01:00.1" };
  const FakePci gpu = {.path = drms[0].pci,.group = "1" };
  const FakePci bridge = {.path = "pci0000:00/0000:00:01.0",.acs = 0x1d };
  const FakePci other_gpu = {.path = drms[1].pci };
  const FakePci apart = {.path = "pci0000:00/0000:00:01.0/0000:01:00.2",.group =
        "2"
  };
  g_autoptr (GPtrArray) importers = NULL;
  g_autoptr (GPtrArray) ordinary = NULL;
  g_autoptr (GPtrArray) trusted = NULL;
  g_autoptr (GPtrArray) own = NULL;
  GError *error = NULL;
  guint amdgpu;

  amdgpu = fakekernel_add_drm (&drms[0]);
  fakekernel_add_drm (&drms[1]);
  fakekernel_add_pci (&grabber);
  fakekernel_add_pci (&near);

  importers = mmio_import_try_all (dma_buf, "0000:03:00.0", NULL);
  for (guint i = 0; i < 2; i++) {
    const MmioImporter *importer = get (importers, i);

    fail_if (importer->imports);
    fail_if (importer->is_late);
    fail_unless (importer->call == NULL);
    fail_unless_equals_int (importer->errnum, 0);
    fail_unless (strstr (importer->reason, "permit reads of this: there is no "
            "PCIe switch above both, and neither an AMD CPU (Zen or newer) nor "
            "a host bridge that it trusts") != NULL, "%s", importer->reason);
  }
  check_let_go (amdgpu);

  fail_if (mmio_import_any (dma_buf, "0000:03:00.0", &error));
  fail_unless (mmio_error_get_system (error) == NULL);
  check_error (&error, MMIO_ERROR_FAILED, ": amdgpu (/dev/dri/renderD128): its "
      "driver imports any memory, but", "; xe (/dev/dri/renderD129): its",
      "io-mode=dmabuf tries it anyway.", NULL);

  /* The system's words are of one that has some */
  fakekernel_add_drm (&(FakeDrm) {
      .card = "card2",.render = "renderD130",.driver = "i915",.import_errno =
        EOPNOTSUPP});
  fail_if (mmio_import_any (dma_buf, "0000:03:00.0", &error));
  fail_unless (g_str_has_prefix (mmio_error_get_system (error),
          "DRM_IOCTL_PRIME_FD_TO_HANDLE /dev/dri/renderD130: "), "%s",
      mmio_error_get_system (error));
  g_clear_error (&error);

  fail_if (mmio_import_any (dma_buf, "0000:99:00.0", &error));
  check_error (&error, MMIO_ERROR_FAILED, "amdgpu", "it is unknown whether",
      "/sys does not show", "io-mode=dmabuf", NULL);

  /* Each by its own place */
  fakekernel_add_pci (&other_gpu);
  own = mmio_import_try_all (dma_buf, "0000:00:02.0", NULL);
  fail_if (get (own, 0)->imports);
  fail_unless (get (own, 1)->imports);

  /* Ordinary memory, a bridge, a CPU */
  ordinary = mmio_import_try_all (dma_buf, NULL, NULL);
  fail_unless (get (ordinary, 0)->imports);
  fail_unless (get (ordinary, 0)->is_late);
  fail_unless (mmio_import_any (dma_buf, "0000:01:00.1", &error));
  fakekernel_set_cpuinfo (ZEN);
  trusted = mmio_import_try_all (dma_buf, "0000:03:00.0", NULL);
  for (guint i = 0; i < 2; i++) {
    fail_unless (get (trusted, i)->imports);
    fail_unless (get (trusted, i)->is_late);
    fail_unless (get (trusted, i)->reason == NULL);
  }

  /* A bridge that perhaps passes nothing on, and one that does not */
  fakekernel_set_cpuinfo ("");
  fakekernel_add_pci (&gpu);
  fakekernel_add_pci (&apart);
  fail_if (mmio_import_any (dma_buf, "0000:01:00.2", &error));
  check_error (&error, MMIO_ERROR_FAILED, "amdgpu",
      "only root can read whether the kernel will permit reads of this: a PCIe "
      "switch is above both, but it may redirect them to the host bridge (ACS, "
      "for the IOMMU)", "io-mode=dmabuf", NULL);
  fakekernel_add_pci (&bridge);
  fail_if (mmio_import_any (dma_buf, "0000:01:00.2", &error));
  check_error (&error, MMIO_ERROR_FAILED,
      "the PCIe switch above both redirects them to the host bridge (ACS, "
      "for the IOMMU)", "io-mode=dmabuf", NULL);
}

GST_END_TEST;

/* Those that look for the way at once are asked, and nobody else is */
GST_START_TEST (test_prompt_way)
{
  const FakeDrm drm = {.card = "card0",.driver = "virtio_gpu",.pci =
        "pci0000:00/0000:00:01.0"
  };
  const FakePci grabber = {.path = "pci0000:00/0000:00:03.0" };
  const guint number = fakekernel_add_drm (&drm);
  g_autoptr (GPtrArray) importers = NULL;
  GError *error = NULL;

  fakekernel_add_pci (&grabber);
  importers = mmio_import_try_all (dma_buf, "0000:00:03.0", NULL);
  fail_unless (get (importers, 0)->imports);
  fail_if (get (importers, 0)->is_late);

  /* The driver's own no comes first */
  fakekernel_set_cpuinfo (ZEN);
  fakekernel_set_import_errno (number, EINVAL);
  fail_if (mmio_import_any (dma_buf, "0000:00:03.0", &error));
  check_error (&error, MMIO_ERROR_FAILED, "virtio_gpu", "dmesg shows whether",
      NULL);
}

GST_END_TEST;

/* Nobody's display is in danger: where only the card is there, whoever opens
 * it is master for no longer than it takes to give that up */
GST_START_TEST (test_card)
{
  const FakeDrm free_card = {.card = "card0",.driver = "bochs-drm" };
  const FakeDrm taken_card = {.card = "card1",.driver =
        "bochs-drm",.has_master = TRUE
  };
  const guint free_number = fakekernel_add_drm (&free_card);
  const guint taken_number = fakekernel_add_drm (&taken_card);
  g_autoptr (GPtrArray) importers = mmio_import_try_all (dma_buf, NULL, NULL);

  fail_unless_equals_int (importers->len, 2);
  for (guint i = 0; i < 2; i++) {
    fail_unless_equals_string (get (importers, i)->node, i == 0 ?
        "/dev/dri/card0" : "/dev/dri/card1");
    fail_unless_equals_string (get (importers, i)->card,
        get (importers, i)->node);
    fail_unless (get (importers, i)->imports);
  }
  fail_unless_equals_int (fakekernel_get_drm_counts (free_number).card_opens,
      1);
  check_let_go (free_number);
  check_let_go (taken_number);
}

GST_END_TEST;

/* One for each device, in order, whatever order the kernel gave them in */
GST_START_TEST (test_many)
{
  const FakeDrm drms[] = {
    {.card = "card10",.render = "renderD130",.driver = "amdgpu"},
    {.card = "card9",.driver = "ast",.import_errno = EOPNOTSUPP},
    {.render = "renderD129",.driver = "v3d",.import_errno = EINVAL},
    {.card = "card0",.render = "renderD128",.driver = "i915",.import_errno =
          EOPNOTSUPP},
    {.card = "card2",.driver = "simpledrm",.open_errno = EACCES},
    {.card = "card11",.driver = "gud",.import_errno = EOPNOTSUPP},
  };
  static const char *const nodes[] = {
    "/dev/dri/card2", "/dev/dri/card9", "/dev/dri/card11",
    "/dev/dri/renderD128",
    "/dev/dri/renderD129", "/dev/dri/renderD130",
  };
  g_autoptr (GPtrArray) importers = NULL;
  GError *error = NULL;
  guint amdgpu = 0;

  for (guint i = 0; i < G_N_ELEMENTS (drms); i++) {
    const guint number = fakekernel_add_drm (&drms[i]);

    amdgpu = i == 0 ? number : amdgpu;
  }

  importers = mmio_import_try_all (dma_buf, NULL, NULL);
  fail_unless_equals_int (importers->len, G_N_ELEMENTS (nodes));
  for (guint i = 0; i < importers->len; i++)
    fail_unless_equals_string (get (importers, i)->node, nodes[i]);
  fail_unless (get (importers, 4)->card == NULL);
  fail_unless_equals_string (get (importers, 5)->card, "/dev/dri/card10");

  /* One is enough; without it all say why */
  fail_unless (mmio_import_any (dma_buf, NULL, &error));
  fakekernel_set_import_errno (amdgpu, EINVAL);
  fail_if (mmio_import_any (dma_buf, NULL, &error));
  fail_unless (strstr (mmio_error_get_system (error),
          "open /dev/dri/card2: ") != NULL, "%s",
      mmio_error_get_system (error));
  check_error (&error, MMIO_ERROR_FAILED,
      ": unknown (/dev/dri/card2): only the "
      "group video may read and write it",
      "; ast (/dev/dri/card9): its driver cannot import memory of "
      "other PCI devices", "; i915 (/dev/dri/renderD128): ",
      "; v3d (/dev/dri/renderD129): ", "; amdgpu (/dev/dri/renderD130): ",
      NULL);
}

GST_END_TEST;

/* A second display may be switched off to save power, and opening it would
 * wake it */
GST_START_TEST (test_one_is_enough)
{
  static const FakeDrm one = {.card = "card0",.driver = "virtio_gpu" };
  static const FakeDrm other = {.card = "card1",.driver = "amdgpu" };
  const guint a = fakekernel_add_drm (&one);
  const guint b = fakekernel_add_drm (&other);

  fail_unless (mmio_import_any (dma_buf, NULL, NULL));
  fail_unless_equals_int (fakekernel_get_drm_counts (a).imports, 1);
  fail_unless_equals_int (fakekernel_get_drm_counts (b).opens, 0);

  fakekernel_set_import_errno (a, EINVAL);
  fail_unless (mmio_import_any (dma_buf, NULL, NULL));
  fail_unless_equals_int (fakekernel_get_drm_counts (b).imports, 1);
}

GST_END_TEST;

static void
check_unopened (const FakeDrm * drm, int errnum, const char *word,
    const char *other_word)
{
  g_autoptr (GPtrArray) importers = NULL;
  const MmioImporter *importer;
  GError *error = NULL;

  fakekernel_stop ();
  fakekernel_start ();
  fakekernel_add_drm (drm);
  importers = mmio_import_try_all (dma_buf, NULL, NULL);
  importer = get (importers, 0);
  fail_unless (importer->driver == NULL);
  fail_if (importer->imports);
  fail_unless_equals_int (importer->errnum, errnum);
  fail_if (mmio_import_any (dma_buf, NULL, &error));
  check_error (&error, MMIO_ERROR_FAILED, "unknown (/dev/dri/", word,
      other_word, NULL);
}

GST_START_TEST (test_not_opened)
{
  const FakeDrm render = {.card = "card0",.render = "renderD128",.driver =
        "x",.open_errno = EACCES
  };
  const FakeDrm card = {.card = "card0",.driver = "x",.open_errno = EPERM };
  const FakeDrm gone = {.card = "card0",.driver = "x",.open_errno = ENOENT };
  const FakeDrm odd = {.card = "card0",.driver = "x",.open_errno = ENXIO };
  const FakeDrm mute = {.card = "card0",.driver = "x",.version_errno = ENOTTY };

  check_unopened (&render, EACCES, "only the group render may read and write "
      "it; join it before your next login with: ",
      "sudo usermod -aG render $USER");
  check_unopened (&card, EPERM, "only the group video may read and write it",
      "sudo usermod -aG video $USER");
  check_unopened (&gone, ENOENT, "no such node here", "container");
  check_unopened (&odd, ENXIO, "the node cannot be opened", "see dmesg");
  check_unopened (&mute, ENOTTY, "does not answer as a DRM device",
      "see dmesg");
}

GST_END_TEST;

GST_START_TEST (test_none)
{
  g_autoptr (GPtrArray) importers = mmio_import_try_all (dma_buf, NULL, NULL);
  GError *error = NULL;

  fail_unless_equals_int (importers->len, 0);
  fail_if (mmio_import_any (dma_buf, NULL, &error));
  fail_unless (mmio_error_get_system (error) == NULL);
  check_error (&error, MMIO_ERROR_FAILED, "this machine has none with a driver",
      "/sys/class/drm", "io-mode=copy", NULL);
  fail_if (mmio_import_any (dma_buf, NULL, NULL));
}

GST_END_TEST;

static int
ask_scanout (const char *node, guint32 fourcc)
{
  const int fd = mmio_drm_open (node);
  const int ret = mmio_drm_scans_out (fd, fourcc);
  const int errnum = errno;

  close (fd);
  errno = errnum;
  return ret;
}

GST_START_TEST (test_scanout)
{
  static const guint32 formats[] = {
    DRM_FORMAT_XRGB8888, DRM_FORMAT_R8, 0
  };
  const FakeDrm with = {.card = "card0",.render = "renderD128",.driver =
        "virtio_gpu",.formats = formats
  };
  const FakeDrm without = {.card = "card1",.driver = "vgem" };
  const FakeDrm bare = {.card = "card3",.driver = "amdgpu",.formats =
        formats + 2
  };
  const FakeDrm odd = {.card = "card2",.driver = "x",.formats =
        formats,.planes_errno = EIO
  };

  fakekernel_add_drm (&with);
  fakekernel_add_drm (&without);
  fakekernel_add_drm (&odd);
  fakekernel_add_drm (&bare);

  fail_unless_equals_int (ask_scanout ("/dev/dri/card0", formats[0]), 1);
  fail_unless_equals_int (ask_scanout ("/dev/dri/card0", formats[1]), 1);
  /* The cursor's */
  fail_unless_equals_int (ask_scanout ("/dev/dri/card0",
          DRM_FORMAT_ARGB8888), 1);
  fail_unless_equals_int (ask_scanout ("/dev/dri/card0", DRM_FORMAT_RGB888), 0);
  fail_unless_equals_int (ask_scanout ("/dev/dri/card1", formats[0]), -1);
  fail_unless_equals_int (errno, EOPNOTSUPP);
  fail_unless_equals_int (ask_scanout ("/dev/dri/card3", formats[0]), -1);
  fail_unless_equals_int (errno, EOPNOTSUPP);
  fail_unless_equals_int (ask_scanout ("/dev/dri/card2", formats[0]), -1);
  fail_unless_equals_int (errno, EIO);
  fail_unless_equals_int (ask_scanout ("/dev/dri/renderD128", formats[0]), -1);
  fail_unless_equals_int (errno, EACCES);
}

GST_END_TEST;

/* What other checks rely on: the fake kernel does as the real one */
GST_START_TEST (test_fake_udmabuf)
{
  const gsize page = page_size ();
  struct udmabuf_create create = {.flags = UDMABUF_FLAGS_CLOEXEC,.size = page };
  int fd, made;

  create.memfd = memfd_create ("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  fail_unless (ftruncate (create.memfd, 2 * page) == 0);

  fakekernel_set_udmabuf (EACCES, 0);
  fail_unless (open ("/dev/udmabuf", O_RDWR | O_CLOEXEC) < 0);
  fail_unless_equals_int (errno, EACCES);

  fakekernel_set_udmabuf (0, 0);
  fd = open ("/dev/udmabuf", O_RDWR | O_CLOEXEC);
  fail_unless (fd >= 0, "%s", g_strerror (errno));
  fail_unless (ioctl (fd, UDMABUF_CREATE, &create) < 0);
  fail_unless_equals_int (errno, EINVAL);

  fail_unless (fcntl (create.memfd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  made = ioctl (fd, UDMABUF_CREATE, &create);
  fail_unless (made >= 0, "%s", g_strerror (errno));
  fail_unless_equals_int (fakekernel_count_udmabufs (), 1);
  close (made);

  create.offset = 1;
  fail_unless (ioctl (fd, UDMABUF_CREATE, &create) < 0);
  create.offset = 2 * page;
  fail_unless (ioctl (fd, UDMABUF_CREATE, &create) < 0);
  create.offset = page;
  fakekernel_set_udmabuf (0, ENOMEM);
  fail_unless (ioctl (fd, UDMABUF_CREATE, &create) < 0);
  fail_unless_equals_int (errno, ENOMEM);
  fail_unless_equals_int (fakekernel_count_udmabufs (), 1);

  close (fd);
  close (create.memfd);
}

GST_END_TEST;

static Suite *
import_suite (void)
{
  Suite *s = suite_create ("lib-import");
  TCase *tc = add_case (s, "import");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_reasons);
  tcase_add_test (tc, test_one_is_enough);
  tcase_add_test (tc, test_imports);
  tcase_add_test (tc, test_late);
  tcase_add_test (tc, test_late_way);
  tcase_add_test (tc, test_prompt_way);
  tcase_add_test (tc, test_card);
  tcase_add_test (tc, test_many);
  tcase_add_test (tc, test_not_opened);
  tcase_add_test (tc, test_none);
  tcase_add_test (tc, test_scanout);
  tcase_add_test (tc, test_fake_udmabuf);

  return s;
}

GST_CHECK_MAIN (import);
