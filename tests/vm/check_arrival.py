# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each frame of a real BAR arrives at a sink that waits for its time, without a
queue in between."""

import contextlib
import os
import struct
import sys
import threading
import time

from bench import DOORBELL, IVSHMEM, check, expect
from check_interrupts import bound
from tap import Failure, Skip

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "arrive"))

import result as arrival    # noqa: E402

RATE = 50
SECONDS = 8
WIDTH, HEIGHT = 64, 48
SIZE = 4 * WIDTH * HEIGHT
# Not in the pages of the picture
COUNTER = 65536
SINK = "fakesink sync=true"


@contextlib.contextmanager
def device(action):
    """Calls action(n) RATE times a second, for n = 1, 2, ...; gives a list that
    has the last n."""
    last, stop = [0], threading.Event()

    def run():
        due = time.monotonic()
        while not stop.is_set():
            last[0] += 1
            action(last[0])
            due = max(due + 1 / RATE, time.monotonic())
            stop.wait(due - time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield last
    finally:
        stop.set()
        thread.join()


def run(bench, source, *options):
    job = bench.guest.run(
        f"mmiovid-arrive --seconds={SECONDS} --rate={RATE} {' '.join(options)} "
        f"{source} ! {SINK}")
    expect(job.status == 0, job.describe())
    result = arrival.Result(job.output())
    expect(len(result.frames) > 1, job.describe())
    return result


def judge(bench, result, pixels=None):
    said = (f"{len(result.frames)} frames arrived, {result.missed} missed; in "
            f"the guest {result.machine()}; missed: {result.gaps() or 'none'}")
    bench.comment(said)
    try:
        arrival.check_offsets(result)
        arrival.check_statistics(result)
        if pixels:
            arrival.check_numbers(pixels, result)
    except arrival.Failure as why:
        raise Failure(f"{why}\n{said}") from why
    try:
        result.expect_keeps_up()
    except arrival.Skip as why:
        raise Skip(str(why)) from why
    total = result.frames[-1].offset + 1
    # Where emulation is slow, the device and those who poll it are late, too
    expect(result.missed <= arrival.share(total) + result.lost
           + result.late // 10, said)


@check("strict", f"arrival: frame-sync=interrupt ! {SINK}, each interrupt is "
       "a frame")
def interrupts(bench):
    bell = bench.guest.doorbells["doorbell"]
    source = (f"mmiovidsrc device={DOORBELL} bar=2 format=gray8 width={WIDTH} "
              f"height={HEIGHT} frame-sync=interrupt")
    with bound(bench, DOORBELL, "vfio-pci"), \
            device(lambda _: bell.ring()) as rung:
        result = run(bench, source)
    # QEMU may take several for one
    expect(result.frames[-1].offset < rung[0],
           f"{rung[0]} interrupts, and the last frame is "
           f"{result.frames[-1].offset}")
    judge(bench, result)


@check("strict", f"arrival: frame-sync=counter ! {SINK}, each picture of a BAR "
       "is a frame")
def counter(bench):
    bar = bench.guest.bars["large"]

    def paint(number):
        bar.write(struct.pack("<I", 2 * number - 1), COUNTER)
        bar.write(bytes([number % 256]) * SIZE)
        bar.write(struct.pack("<I", 2 * number), COUNTER)

    source = (f"mmiovidsrc device={IVSHMEM} bar=2 format=bgrx width={WIDTH} "
              f"height={HEIGHT} frame-sync=counter counter-offset={COUNTER} "
              "counter-seqlock=true")
    with device(paint):
        result = run(bench, source, "--pixels=painter")
    judge(bench, result, "painter")
