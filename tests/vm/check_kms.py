# SPDX-License-Identifier: LGPL-2.1-or-later
"""Copies from the BAR into kmssink's buffers.  QEMU says what virtio-gpu shows."""

from bench import IVSHMEM, check
from picture import Picture, image, noise


def _add(picture, seed):
    @check("relaxed", f"kms: {picture.form} {picture.width}x{picture.height} "
           "is on the screen, and follows")
    def run(bench):
        memory = noise(picture.end(), seed)
        bench.paint("large", memory)
        job = bench.guest.start(
            f"gst-launch-1.0 -q mmiovidsrc device={IVSHMEM} "
            f"{picture.properties()} ! video/x-raw,framerate=10/1 ! "
            "kmssink driver-name=virtio_gpu force-modesetting=true")

        def not_shown():
            if not job.running():
                return f"the pipeline has ended\n{job.describe()}"
            return bench.guest.screendump("display").difference(
                image(picture, memory))

        try:
            bench.until(not_shown)
            memory = noise(picture.end(), seed + 1)
            bench.paint("large", memory)
            bench.until(not_shown)
        finally:
            job.stop()


_add(Picture("RGB", 640, 480), 40)
_add(Picture("BGRx", 640, 480), 50)
_add(Picture("RGB", 1280, 800, offset=1001, stride=3847), 60)
