/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of making a dma-buf by udmabuf, and of trying which DRM device takes it,
 * where a system call fails, ioctl() included.
 */
#include "fixtures/faultrun.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/mmiocapture.h"
#include "dmabuf/mmiodrm.h"
#include "dmabuf/mmioimport.h"
#include "fixtures/fakekernel.h"

static const guint32 formats[] = { DRM_FORMAT_RGB888, 0 };

/* One has no render node, so that displays are asked */
static const FakeDrm drms[] = {
  {.card = "card0",.render = "renderD128",.driver = "virtio_gpu"},
  {.card = "card1",.driver = "bochs-drm",.formats = formats},
};

static int memfd = -1;          /* what udmabuf takes */
static int dma_buf = -1;        /* what is imported */
static MmioCapture *capture;    /* for run(), which closes it */

static gboolean
check_exported (int fd)
{
  if (fd < 0)
    return FALSE;

  close (fd);
  return TRUE;
}

static void
open_capture (const char *device)
{
  const MmioCaptureConfig config = {
    .device = device,
    .bar = -1,
    .spec = test_spec ("RGB", 16, 8, 0, 0),
  };
  GError *error = NULL;

  capture = mmio_capture_open (&config, &error);
  fail_unless (capture != NULL, "%s", error ? error->message : "");
}

static void
prepare_sim (void)
{
  open_capture ("sim");
}

static void
prepare_file (void)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", memfd);

  open_capture (path);
}

static gboolean
run_export (GError ** error)
{
  guint skip;
  const gboolean ret = check_exported (mmio_capture_export (capture, &skip,
          error));

  g_clear_pointer (&capture, mmio_capture_close);
  return ret;
}

/* Both devices import it, unless the fault is why one does not, which it says */
static void
check_importer (const MmioImporter * importer)
{
  const char *system = g_strerror (faultrun_get_errnum ());

  if (!importer->imports && importer->errnum != faultrun_get_errnum ())
    faultrun_add_problem ("%s: errno %d", importer->node, importer->errnum);
  if (!importer->imports && !importer->call)
    faultrun_add_problem ("%s: no call", importer->node);
  if (importer->imports && (!importer->driver || importer->reason))
    faultrun_add_problem ("%s: %s", importer->node, importer->reason);
  if (!importer->imports && !strstr (importer->reason, "dmesg") &&
      !strstr (importer->reason, "no file descriptor left") &&
      !strstr (importer->reason, system) &&
      faultrun_get_errnum () != ENOMEM && faultrun_get_errnum () != EACCES)
    faultrun_add_problem ("%s: '%s'", importer->node, importer->reason);
}

static gboolean
run_try_all (GError ** error)
{
  static const char *const nodes[] =
      { "/dev/dri/card1", "/dev/dri/renderD128" };
  g_autoptr (GPtrArray) importers = mmio_import_try_all (dma_buf, NULL, error);

  if (!importers)
    return FALSE;

  if (importers->len != G_N_ELEMENTS (nodes)) {
    faultrun_add_problem ("there are %u devices", importers->len);
    return TRUE;
  }

  for (guint i = 0; i < importers->len; i++) {
    const MmioImporter *importer = g_ptr_array_index (importers, i);

    if (strcmp (importer->node, nodes[i]) != 0)
      faultrun_add_problem ("%s, not %s", importer->node, nodes[i]);
    check_importer (importer);
  }
  return TRUE;
}

static gboolean
run_import_any (GError ** error)
{
  return mmio_import_any (dma_buf, NULL, error);
}

/* The only device that there is */
static void
prepare_one (void)
{
  fakekernel_stop ();
  fakekernel_start ();
  fakekernel_add_drm (&drms[1]);
}

/* A format that it has, and one that it does not have */
static gboolean
run_scanout (GError ** error)
{
  const int fd = mmio_drm_open ("/dev/dri/card1");
  const int has = fd < 0 ? -1 : mmio_drm_scans_out (fd, DRM_FORMAT_RGB888);

  if (has == 0)
    faultrun_add_problem ("the format is not scanned out");
  if (has < 0 && faultrun_get_errnum () == 0)
    faultrun_add_problem ("%s", g_strerror (errno));
  if (fd >= 0)
    close (fd);
  return TRUE;
}

static void
finish (void)
{
  fail_unless (capture == NULL);
}

static const FaultScenario scenarios[] = {
  {"udmabuf of sim", "mmiovid-sim", prepare_sim, run_export, finish},
  {"udmabuf of a file", "mmiofault", prepare_file, run_export, finish},
  {"try all", "mmiofault", NULL, run_try_all, finish},
  {"any", "mmiofault", NULL, run_import_any, finish},
  {"any of one", "mmiofault", prepare_one, run_import_any, finish},
  {"scanout", "mmiofault", prepare_one, run_scanout, finish},
};

GST_START_TEST (test_fault)
{
  memfd = memfd_create ("mmiofault", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  fail_unless (memfd >= 0 && ftruncate (memfd, page_size ()) == 0 &&
      fcntl (memfd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  dma_buf = memfd_create ("dma-buf", MFD_CLOEXEC);
  fail_unless (dma_buf >= 0);
  fakekernel_start ();
  for (guint i = 0; i < G_N_ELEMENTS (drms); i++)
    fakekernel_add_drm (&drms[i]);

  faultrun_run (&scenarios[__i__]);

  fakekernel_stop ();
  close (dma_buf);
  close (memfd);
}

GST_END_TEST;

static Suite *
faults_import_suite (void)
{
  Suite *s = suite_create ("lib-faults-import");
  TCase *tc = add_case (s, "faults-import");

  tcase_add_loop_test (tc, test_fault, 0, G_N_ELEMENTS (scenarios));

  return s;
}

GST_CHECK_MAIN (faults_import);
