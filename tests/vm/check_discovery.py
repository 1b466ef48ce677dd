# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices as applications list and watch them, and a player of URIs."""

import contextlib
import itertools
import re

from bench import CONSOLE, IVSHMEM, IVSHMEM_SMALL, PORT, check, expect
from hotplug import unplug
from picture import Picture, captured_rows, compare, noise
from qmp import QmpError
from tap import Failure
from udevd import udevd

_LIST = "gst-device-monitor-1.0 Source/Video"
# Each device has memory of that name
_NAMES = (f"plugged{n}" for n in itertools.count())


def _devices(text):
    """What gst-device-monitor tells of each device, by PCI address; only
    those of this plugin."""
    found = {}
    for part in text.split("Device found:")[1:]:
        if "device.api = mmio" in part:
            found[re.search(r"device\.path = (\S+)", part)[1]] = part
    return found


@check("relaxed", "discovery: devices that describe their frame are listed, "
       "with how to launch them")
def listed(bench):
    devices = _devices(bench.guest.must(_LIST))
    # A display of which nothing is known, virtio-gpu, is not
    expect(set(devices) == {CONSOLE, IVSHMEM, IVSHMEM_SMALL},
           f"listed are {sorted(devices)}")
    names = {CONSOLE: "[1234:1111]", IVSHMEM: "[1af4:1110]"}
    for slot, name in names.items():
        text = devices[slot]
        for wanted in (rf"name  : .*{re.escape(name)}\n",
                       r"class : Source/Video\n",
                       rf"sysfs\.path = /sys/devices/pci0000:00/{slot}\n",
                       rf"gst-launch-1\.0 mmiovidsrc device={slot} ! "):
            expect(re.search(wanted, text), f"no {wanted} in {text}")
    # The guest has pci.ids
    expect("device.vendor.name = Red Hat, Inc." in devices[IVSHMEM],
           devices[IVSHMEM])


class _Watch:
    """gst-device-monitor-1.0 that follows, and what it has said."""

    def __init__(self, bench):
        self._bench = bench
        self._job = bench.guest.start(f"{_LIST} --follow")
        bench.until(lambda: None if "Monitoring devices" in self._text()
                    else self._problem("it does not start"))
        bench.until(lambda: None if IVSHMEM_SMALL in self._text()
                    else self._problem("the list does not come"))

    def _text(self):
        return self._job.output()

    def _problem(self, what):
        if not self._job.running():
            raise Failure(f"the monitor has ended\n{self._job.describe()}")
        return what

    def count(self, pattern):
        return len(re.findall(pattern, self._text()))

    def wait(self, pattern, count):
        self._bench.until(lambda: None if self.count(pattern) == count else
                          self._problem(f"{self.count(pattern)} times {pattern}"
                                        f"\n{self._text()}"))

    def stop(self):
        self._job.stop("TERM")


# A device below the port has this path; removed ones are told by name only
_ADDED = rf"device\.path = {re.escape(PORT)}\n"
_REMOVED = r"Device removed:\n\tname  : .*\[1af4:1110\]\n"


@contextlib.contextmanager
def _plugged(bench):
    """A device below the port, and the name of its memory."""
    name = next(_NAMES)
    bench.guest.qmp.command("device_add", driver="ivshmem-plain",
                            id=f"device-{name}", bus="socket", memdev=name)
    try:
        yield name
    except BaseException:
        # Others need the port
        with contextlib.suppress(QmpError, Failure):
            unplug(bench, f"device-{name}")
        raise
    unplug(bench, f"device-{name}")


def _in_and_out(bench):
    """Twice, as the second time is another device at the same place."""
    watch = _Watch(bench)
    try:
        for n in (1, 2):
            expect(watch.count(_ADDED) == n - 1, "it is there already")
            with _plugged(bench) as name:
                watch.wait(_ADDED, n)
                # Whoever is told of it can use it at once
                _capture_plugged(bench, name)
                expect(watch.count(_REMOVED) == n - 1, "it is told to be gone")
            watch.wait(_REMOVED, n)
    finally:
        watch.stop()
    expect(PORT not in _devices(bench.guest.must(_LIST)), "it is still listed")


def _capture_plugged(bench, name):
    picture = Picture("RGB", 320, 240)
    memory = noise(picture.end(), name)
    bench.paint(name, memory)
    data = bench.capture(f"device={PORT} {picture.properties()}")
    compare(captured_rows(data, "RGB", 320, 240), picture.rows(memory))


@check("relaxed", "discovery: without udevd, hot-plugged devices appear and "
       "disappear")
def kernel_tells(bench):
    bench.guest.must("test ! -e /run/udev/control")
    _in_and_out(bench)


@check("relaxed", "discovery: with udevd, hot-plugged devices appear and "
       "disappear")
def udevd_tells(bench):
    with udevd(bench):
        _in_and_out(bench)


@check("relaxed", "discovery: gst-play-1.0 plays a device's URI")
def played(bench):
    picture = Picture("RGB", 320, 240)
    memory = noise(picture.end(), 40)
    bench.paint("large", memory)
    job = bench.guest.start(
        "gst-play-1.0 --no-interactive --videosink='filesink "
        "location=/tmp/played buffer-mode=unbuffered' "
        f"'mmio://{IVSHMEM}?format=RGB&width=320&height=240'")

    def nothing_yet():
        if not job.running():
            raise Failure(f"it has ended\n{job.describe()}")
        size = bench.guest.run("stat -c %s /tmp/played").output()
        return None if size.strip().isdigit() and \
            int(size) >= 2 * picture.end() else f"{size.strip()} bytes"

    try:
        bench.until(nothing_yet)
    finally:
        job.stop("TERM")
    bench.guest.must(f"head -c {picture.end()} /tmp/played >/mnt/out/played")
    with open(bench.guest.path("out/played"), "rb") as file:
        compare(captured_rows(file.read(), "RGB", 320, 240),
                picture.rows(memory))


@check("relaxed", "discovery: gst-play-1.0 says what is wrong with a URI")
def refused(bench):
    job = bench.guest.run(f"gst-play-1.0 --no-interactive "
                          f"'mmio://{IVSHMEM}?bar=7' </dev/null")
    expect("Cannot set bar to '7': bar is a whole number from -1 to 5."
           in job.output(), job.describe())
