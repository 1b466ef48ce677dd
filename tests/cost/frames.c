/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Usage: frames clock|counter FILE FRAMES
 *
 * Captures FRAMES frames of FILE without GStreamer and without waiting: a new
 * frame is always due.  With a counter, the last four bytes of FILE count.
 * syscalls.py counts the system calls.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/mmiocapture.h"

#define WIDTH 32
#define HEIGHT 8

int
main (int argc, char *argv[])
{
  MmioCaptureConfig config = {.bar = -1,.spec = {.format =
          *mmio_format_find ("BGRx"),.width = WIDTH,.height = HEIGHT}
  };
  guint8 pixels[4 * WIDTH * HEIGHT];
  const MmioTarget target = {.format = config.spec.format,.plane = {pixels},
  .stride = {4 * WIDTH}
  };
  g_autoptr (GError) error = NULL;
  MmioCapture *capture;
  MmioDamage damage;
  guint32 *counter;
  struct stat st;
  gboolean counts;
  int fd;

  if (argc != 4)
    g_error ("usage: frames clock|counter FILE FRAMES");
  counts = strcmp (argv[1], "counter") == 0;
  fd = open (argv[2], O_RDWR | O_CLOEXEC);
  if (fd < 0 || fstat (fd, &st) < 0)
    g_error ("no file %s", argv[2]);
  counter = mmap (NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (counter == MAP_FAILED)
    g_error ("no map of %s", argv[2]);
  counter += st.st_size / sizeof (*counter) - 1;

  config.device = argv[2];
  if (counts) {
    config.frame_sync = MMIO_FRAME_SYNC_COUNTER;
    config.spec.counter = (MmioRegisterSpec) {
    .bar = 0,.offset = st.st_size - 4,.bits = 32};
  }
  capture = mmio_capture_open (&config, &error);
  if (!capture)
    g_error ("%s", error->message);

  for (gint i = 0; i < atoi (argv[3]); i++) {
    MmioCount count;

    __atomic_add_fetch (counter, 1, __ATOMIC_SEQ_CST);
    if (counts && mmio_capture_wait (capture, 0, &count) != MMIO_WAIT_FRAME)
      g_error ("frame %d is not there", i);
    if (mmio_capture_read (capture, &target, &damage) != MMIO_READ_WHOLE)
      g_error ("frame %d is not whole", i);
  }

  mmio_capture_close (capture);
  close (fd);
  return 0;
}
