# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices that tell their picture, and change it while a pipeline runs: a
display whose driver sets another mode, and a BAR with a header that a program
outside of the guest paints."""

import contextlib
import itertools
import os
import re
import shutil
import subprocess
import tempfile

from bench import CONSOLE, DOORBELL, IVSHMEM, check, expect
from check_interrupts import bound
from qmp import Image
from tap import Failure
from watch import watching

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.join(os.path.dirname(os.path.dirname(HERE)),
                       "src", "describe")
PAINTER = os.path.join(os.path.dirname(HERE), "examples", "painter.c")


class Frames:
    """The last frames of a pipeline that runs in the guest, a file each."""

    # Few enough for the guest's memory; enough to read one before it is gone
    SINK = "multifilesink sync=false max-files=8 location=/tmp/frames/%06d"

    def __init__(self, bench):
        self._bench = bench
        bench.guest.must("rm -rf /tmp/frames && mkdir /tmp/frames")

    def latest(self):
        """The newest frame that is complete; None before there is one."""
        # The last one may still be being written
        status = self._bench.guest.run(
            "cd /tmp/frames && f=$(ls | tail -n 2 | head -n 1) && "
            "[ $(ls | wc -l) -gt 1 ] && cp $f /mnt/out/frame").status
        if status != 0:
            return None
        path = self._bench.guest.path("out/frame")
        with open(path, "rb") as file:
            data = file.read()
        os.unlink(path)
        return data


def _difference(frame, screen):
    """Why the frame is not what the screen shows; None if it is."""
    if frame is None:
        return "no frame yet"
    if len(frame) != screen.width * screen.height * 4:
        return (f"a frame of {len(frame)} bytes, and a screen of "
                f"{screen.width}x{screen.height}")
    return Image.from_bgrx(screen.width, screen.height,
                           frame).difference(screen)


def _until_shown(bench, watch, frames, size):
    """Until the screen has that size, and the latest frame shows it."""
    def not_shown():
        screen = bench.guest.screendump("console")
        if (screen.width, screen.height) != size:
            return f"the screen is {screen.width}x{screen.height}, not {size}"
        return _difference(frames.latest(), screen)
    watch.until(not_shown)


@check("relaxed", "modes: bochs-display is followed when its driver sets "
       "another mode")
def driver(bench):
    frames = Frames(bench)
    before = bench.guest.screendump("console")
    usual = (before.width, before.height)
    expect(usual != (800, 600), "the screen has the other mode already")

    with watching(bench, f"mmiovidsrc name=source device={CONSOLE} ! "
                  "video/x-raw,format=BGRx,framerate=5/1 ! "
                  + Frames.SINK) as watch:
        _until_shown(bench, watch, frames, usual)
        kms = bench.guest.start(
            "gst-launch-1.0 -q videotestsrc pattern=smpte100 is-live=true ! "
            "video/x-raw,format=BGRx,width=800,height=600,framerate=5/1 ! "
            "kmssink driver-name=bochs-drm force-modesetting=true")
        try:
            _until_shown(bench, watch, frames, (800, 600))
        finally:
            kms.stop()
        # The kernel's text is there again
        _until_shown(bench, watch, frames, usual)
        stats = watch.frame_stats("source")
        expect(stats["io-mode"] == "copy", str(stats))


@contextlib.contextmanager
def _painter():
    """The example program, built for the host."""
    compiler = shutil.which("cc")
    if not compiler:
        raise Failure("There is no C compiler for the painter on the host: "
                      "apt-get install gcc")
    with tempfile.TemporaryDirectory() as directory:
        program = os.path.join(directory, "painter")
        subprocess.run([compiler, "-std=c99", "-O1", f"-I{SOURCES}", "-o",
                        program, PAINTER], check=True)
        yield program


@contextlib.contextmanager
def _painting(bench, options):
    """It paints into the BAR, and its header is there."""
    def no_header():
        expect(painter.poll() in (None, 0), "the painter has failed")
        head = bench.guest.bars["large"].read(20)
        sequence = int.from_bytes(head[16:20], "little")
        return None if head[:8] == b"mmiovid\0" and sequence and \
            sequence % 2 == 0 else f"no header, but {head.hex()}"

    with _painter() as program:
        painter = subprocess.Popen([program, *options.split(),
                                    bench.guest.bars["large"].path])
        try:
            bench.until(no_header)
            yield painter
        finally:
            painter.terminate()
            status = painter.wait()
            # Others want to have it without a header
            bench.paint("large", bytes(4096))
    expect(status == 0, f"the painter has ended with {status}")


def _pictures(frame, width, height):
    """The numbers of the pictures that the frame is of, which is RGB, in the
    order of its bytes.  Every byte tells the number, red and green together
    with where they are."""
    expect(len(frame) == width * height * 3,
           f"{len(frame)} bytes, not {width}x{height}")
    columns = bytes(x % 256 for x in range(width))
    numbers = bytearray()
    for y in range(height):
        row = bytearray(frame[y * width * 3:(y + 1) * width * 3])
        row[0::3] = bytes((red - x) % 256
                          for red, x in zip(row[0::3], columns))
        row[1::3] = bytes((green - y) % 256 for green in row[1::3])
        numbers += row
    return [number for number, _ in itertools.groupby(numbers)]


def _expect_painted(pictures):
    """They can be in one frame that was painted while it was read, by somebody
    who goes the same way, ten times a second.

    Who reads may catch up with the painter (a step back), and is overtaken by
    it (a step forward, of some if it was held up).  Where that is in a word
    that is read at once, its first bytes are new, its last ones old, and the
    next word is new: three steps.  Twice that and a bit is for a painter that
    is held up; what is not the picture has many more, or others."""
    steps = [(b - a) % 256 for a, b in zip(pictures, pictures[1:])]
    expect(len(steps) < 8 and
           all(step == 255 or 0 < step < 20 for step in steps),
           f"{len(steps)} changes in a frame, of pictures {pictures[:20]}")


@check("relaxed", "modes: a header that the host paints says it all, and is "
       "followed")
def header(bench):
    sizes = {320 * 240 * 3: (320, 240), 160 * 120 * 3: (160, 120)}
    seen = []
    frames = Frames(bench)
    with _painting(bench, "--size 320x240 --rate 10 --resize-every 30"), \
            watching(bench, f"mmiovidsrc name=source device={IVSHMEM} ! "
                     f"video/x-raw,framerate=10/1 ! {Frames.SINK}") as watch:
        def too_few():
            frame = frames.latest()
            if frame is None:
                return "no frame yet"
            expect(len(frame) in sizes, f"a frame of {len(frame)} bytes")
            size = sizes[len(frame)]
            _expect_painted(_pictures(frame, *size))
            if not seen or seen[-1] != size:
                seen.append(size)
            return None if len(seen) >= 4 else f"only {seen}"
        watch.until(too_few)
        expect(not watch.warnings("source"), str(watch.warnings("source")))


@check("relaxed", "modes: its counter starts the frames")
def counter(bench):
    with _painting(bench, "--size 64x48 --rate 20"):
        data = bench.capture(f"device={IVSHMEM} frame-sync=counter", frames=8)
    size = 64 * 48 * 3
    expect(len(data) == 8 * size, f"{len(data)} bytes")
    numbers = []
    for at in range(0, len(data), size):
        pictures = _pictures(data[at:at + size], 64, 48)
        expect(len(pictures) == 1, f"one frame is of {pictures[:20]}")
        numbers += pictures
    steps = [(b - a) % 256 for a, b in zip(numbers, numbers[1:])]
    # A machine that is too slow misses some, but has none twice
    expect(all(0 < step < 128 for step in steps), f"pictures {numbers}")


@check("relaxed", "modes: what its header says wrongly is in the error")
def wrong(bench):
    with _painting(bench, "--size 64x48 --frames 1") as painter:
        painter.wait()
        # Its version, and its height
        bench.paint("large", (9).to_bytes(4, "little"), 8)
        message = bench.error(f"device={IVSHMEM}")
        expect(re.search(r"version=9\b", message) and IVSHMEM in message,
               message)
        bench.paint("large", (1).to_bytes(4, "little"), 8)
        bench.paint("large", (65536).to_bytes(4, "little"), 28)
        message = bench.error(f"device={IVSHMEM}")
        expect(re.search(r"height=65536\b", message) and IVSHMEM in message,
               message)


@check("strict", "modes: a header by vfio, with interrupts that start the "
       "frames, is followed")
def interrupt(bench):
    bell = bench.guest.doorbells["doorbell"]
    frames = Frames(bench)

    with _painter() as program, bound(bench, DOORBELL, "vfio-pci"):
        def paint(size):
            subprocess.run([program, "--frames", "1", "--size", size,
                            bell.path()], check=True)

        def not_shown(width, height):
            bell.ring()
            frame = frames.latest()
            if frame is None or len(frame) != width * height * 3:
                return f"{len(frame or b'')} bytes, not {width}x{height}"
            pictures = _pictures(frame, width, height)
            return None if pictures == [0] else f"pictures {pictures[:20]}"

        paint("64x48")
        with watching(bench, f"mmiovidsrc name=source device={DOORBELL} "
                      "access=vfio frame-sync=interrupt io-mode=copy ! "
                      f"video/x-raw ! {Frames.SINK}") as watch:
            watch.until(lambda: not_shown(64, 48))
            paint("100x80")
            watch.until(lambda: not_shown(100, 80))
            expect(watch.stats("source").get("access") == "vfio",
                   str(watch.stats("source")))
