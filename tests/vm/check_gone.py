# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices that go away under a running pipeline, by sysfs: its map stays, and
shows what is at its address then. What the pipeline has sent is the device's,
to the last byte, and the error says what has happened."""

import contextlib
import os
import re

from bench import IVSHMEM, NETWORK, PORT, check, expect
from picture import Picture, captured_rows, compare, noise
from tap import Failure

PICTURE = Picture("RGB", 320, 240)
_FRAMES = "/tmp/frames"


class _Running:
    """A pipeline that writes its frames into a file."""

    def __init__(self, bench, source):
        self._bench = bench
        self._job = bench.guest.start(
            f"rm -f {_FRAMES}; gst-launch-1.0 mmiovidsrc {source} ! "
            f"video/x-raw,framerate=100/1 ! filesink location={_FRAMES} "
            "buffer-mode=unbuffered")
        bench.until(self._few)

    def _few(self):
        if not self._job.running():
            raise Failure(f"it has ended\n{self._job.describe()}")
        size = self._bench.guest.run(f"stat -c %s {_FRAMES}").output().strip()
        return None if size.isdigit() and int(size) > 3 * PICTURE.end() else \
            f"{size} bytes"

    def wait_for_error(self, *words):
        """It ends, with an error that has these words, and not otherwise."""
        self._bench.until(lambda: "it runs" if self._job.running() else None)
        text = self._job.output()
        expect(self._job.status in (1, 255), self._job.describe())
        found = re.search(r"^ERROR: from element [^ ]*GstMmioVidSrc:[^ ]+: "
                          r"(.*)$", text, re.MULTILINE)
        expect(found, f"no error of mmiovidsrc\n{self._job.describe()}")
        for word in words:
            expect(word in found[1], f"no {word} in: {found[1]}")

    def frames(self):
        guest = self._bench.guest
        guest.must(f"cp {_FRAMES} /mnt/out/frames")
        path = guest.path("out/frames")
        with open(path, "rb") as file:
            data = file.read()
        os.unlink(path)
        return data

    def stop(self):
        if self._job.running():
            self._job.stop("KILL")


@contextlib.contextmanager
def _running(bench, source):
    pipeline = _Running(bench, source)
    try:
        yield pipeline
    finally:
        pipeline.stop()


def _check_frames(bench, pipeline, memory):
    """Each frame is the device's picture."""
    data = pipeline.frames()
    size = PICTURE.end()
    expect(len(data) % size == 0, f"{len(data)} bytes")
    for at in range(0, len(data), size):
        compare(captured_rows(data[at:at + size], "RGB", 320, 240),
                PICTURE.rows(memory))
    bench.comment(f"{len(data) // size} frames")


def _plug(bench, name):
    bench.guest.qmp.command("device_add", driver="ivshmem-plain",
                            id=f"device-{name}", bus="socket", memdev=name)

    def missing():
        job = bench.guest.run(f"test -e /sys/bus/pci/devices/{PORT}/resource2")
        return f"{PORT} does not come" if job.status else None

    bench.until(missing)


def _unplug(bench, name):
    bench.guest.qmp.command("device_del", id=f"device-{name}")


def _wait_for_end(bench):
    def there():
        job = bench.guest.run(f"test -e /sys/bus/pci/devices/{PORT}")
        return None if job.status else f"{PORT} is there"

    bench.until(there)


@check("relaxed", "gone: by sysfs, a device that is unplugged")
def unplugged(bench):
    memory = noise(PICTURE.end(), 80)
    bench.paint("plugged4", memory)
    _plug(bench, "plugged4")
    with _running(bench, f"device={PORT} {PICTURE.properties()}") as pipeline:
        _unplug(bench, "plugged4")
        pipeline.wait_for_error(PORT, "unplugged", "rescan")
        _check_frames(bench, pipeline, memory)
    _wait_for_end(bench)


@check("relaxed", "gone: by sysfs, another device at the same address is never "
       "shown")
def swapped(bench):
    memory, other = (noise(PICTURE.end(), seed) for seed in (81, 82))
    bench.paint("plugged5", memory)
    bench.paint("plugged6", other)
    _plug(bench, "plugged5")
    with _running(bench, f"device={PORT} {PICTURE.properties()}") as pipeline:
        _unplug(bench, "plugged5")
        _wait_for_end(bench)
        _plug(bench, "plugged6")
        pipeline.wait_for_error(PORT, "unplugged")
        _check_frames(bench, pipeline, memory)
    _unplug(bench, "plugged6")
    _wait_for_end(bench)


@check("relaxed", "gone: by sysfs, memory decoding is switched off")
def decoding_off(bench):
    memory = noise(PICTURE.end(), 83)
    bench.paint("large", memory)
    with _running(bench, f"device={IVSHMEM} bar=2 {PICTURE.properties()}") \
            as pipeline:
        bench.guest.must(f"setpci -s {IVSHMEM} COMMAND=0:2")
        try:
            pipeline.wait_for_error(IVSHMEM, "decoding", "setpci")
        finally:
            bench.guest.must(f"setpci -s {IVSHMEM} COMMAND=2:2")
        _check_frames(bench, pipeline, memory)


@check("strict", "gone: by sysfs, a driver takes the BAR under the map")
def driver_bound(bench):
    # A BAR of the network card that is safe to read: its flash
    device = f"/sys/bus/pci/devices/{NETWORK}"
    bench.guest.must(f"modprobe e1000e; test -e {device}/driver || "
                     f"echo {NETWORK} >/sys/bus/pci/drivers/e1000e/bind")
    bench.guest.must(f"echo {NETWORK} >{device}/driver/unbind")
    small = Picture("RGB", 64, 32)
    job = bench.guest.start(
        f"rm -f {_FRAMES}; gst-launch-1.0 mmiovidsrc device={NETWORK} bar=1 "
        f"{small.properties()} ! video/x-raw,framerate=100/1 ! filesink "
        f"location={_FRAMES} buffer-mode=unbuffered")
    bench.until(lambda: None if bench.guest.run(f"test -s {_FRAMES}").status
                == 0 else f"no frames\n{job.describe()}")
    bench.guest.must(f"echo {NETWORK} >/sys/bus/pci/drivers/e1000e/bind")
    bench.until(lambda: "it runs" if job.running() else None)
    expect(job.status in (1, 255), job.describe())
    expect("was taken away" in job.output() and NETWORK in job.output(),
           job.describe())
