# SPDX-License-Identifier: LGPL-2.1-or-later
"""A BAR that the display reads: nobody copies a pixel.  The guest's kernel
counts who imports and who reads, QEMU says what is shown."""

import contextlib
import re

import check_vfio
from bench import IVSHMEM, IVSHMEM_SWITCHED, check, expect
from counting import counting_imports, counting_reads
from picture import Picture, captured_rows, compare, image, noise
from watch import watching

SCREEN = Picture("BGRx", 1280, 800)
PADDED = Picture("BGRx", 1024, 768, offset=3 * 4096 + 212, stride=4160)
SMALL = Picture("GRAY8", 64, 48)

# As many as the ring has at first, and at most: a sink shows one and waits to show
# the next, and some are in the queue
RING, RING_MAX = 4, 32


class Scanout:
    """A picture that kmssink shows."""

    def __init__(self, bench, watch, picture):
        self.watch = watch
        self._bench, self._picture, self._memory = bench, picture, b""

    def repaint(self, seed):
        """All of it anew, or the rows in the middle."""
        memory = noise(self._picture.end(), seed)
        if self._memory:
            start, end = len(memory) // 3, len(memory) // 2
            memory = (self._memory[:start] + memory[start:end]
                      + self._memory[end:])
        self._memory = memory
        self._bench.paint("large", memory)
        self.shows()

    def shows(self):
        """Until the screen shows what is in the BAR."""
        wanted = image(self._picture, self._memory)
        self.watch.until(lambda: self._bench.guest.screendump(
            "display").difference(wanted))

    def until_frames(self, number):
        def missing():
            frames = len(self.watch.frames("s"))
            return f"{frames} frames" if frames < number else None
        self.watch.until(missing)


@contextlib.contextmanager
def _scanning_out(bench, picture, slot=IVSHMEM, nobody=False):
    check_vfio.bind(bench, slot)
    pipeline = (f"mmiovidsrc name=s device={slot} {picture.properties()} ! "
                "capsfilter name=caps caps='video/x-raw(ANY),framerate=25/1' ! "
                "kmssink driver-name=virtio_gpu force-modesetting=true")
    with watching(bench, pipeline, nobody) as watch:
        scanout = Scanout(bench, watch, picture)
        scanout.repaint(10)
        yield scanout


def _expect_zero_copy(watch):
    ways = watch.ways("s")
    expect(len(ways) == 1 and ways[0][0] == "dmabuf", ways)
    expect(not watch.infos("s"), watch.infos("s"))
    stats = watch.frame_stats("s")
    expect(stats["io-mode"] == "dmabuf" and stats["access"] == "vfio" and
           stats["bytes-read"] == "0", stats)


def _expect_ring(imports):
    """The element tries once whether there is anybody who imports; then the
    sink imports each memory of the ring, and none again."""
    expect(all(event.fields["result"] == 0 for event in imports), imports)
    nodes = {event.fields["node"] for event in imports}
    by_node = [[event.fields["fd"] for event in imports
                if event.fields["node"] == node] for node in nodes]
    by_node.sort(key=len)
    expect(len(by_node) == 2 and len(by_node[0]) == 1, imports)
    expect(RING <= len(by_node[1]) <= RING_MAX, imports)
    expect(len(set(by_node[1])) == len(by_node[1]), imports)


def _add_scanout(boot, name, picture, frames=20, slot=IVSHMEM):
    @check(boot, f"zero copies: {name}")
    def run(bench):
        with counting_reads(bench) as reads, \
                counting_imports(bench) as imports:
            with _scanning_out(bench, picture, slot) as scanout:
                scanout.repaint(11)
                scanout.until_frames(frames)
                scanout.repaint(12)
                _expect_zero_copy(scanout.watch)
        expect(not reads, f"the CPU read the BAR: {reads}")
        _expect_ring(imports)


_add_scanout("zerocopy", "kmssink scans the BAR out, and follows it", SCREEN,
             frames=200)


def _probe(bench, picture):
    return bench.guest.must(f"mmiovid-probe {IVSHMEM} --bar 2 --width "
                            f"{picture.width} --height {picture.height} "
                            f"--format {picture.form.lower()} --time 0.5")


@check("zerocopy", "zero copies: mmiovid-probe says who can, and what to type")
def probe(bench):
    # What it says to type leaves the display's mode as it is
    check_vfio.bind(bench)
    text = _probe(bench, SCREEN)
    expect(re.search(r"renderD128, virtio_gpu: yes\n +scans out XR24: yes",
                     text), text)
    typed = re.search(r"^Without a copy: (gst-launch-1.0 .*)$", text, re.M)
    expect(typed, text)
    memory = noise(SCREEN.end(), 60)
    bench.paint("large", memory)
    job = bench.guest.start(typed[1])
    try:
        bench.until(lambda: bench.guest.screendump("display").difference(
            image(SCREEN, memory)))
        expect(job.running(), job.describe())
    finally:
        job.stop()


_add_scanout("zerocopy", "a stride wider than the row, and an offset", PADDED)


@check("zerocopy", "zero copies: after a pause, and a flush")
def pause(bench):
    with counting_reads(bench) as reads, counting_imports(bench) as imports:
        with _scanning_out(bench, SCREEN) as scanout:
            for seed, commands in enumerate((["pause", "play"], ["flush"],
                                             ["pause", "flush", "play"])):
                for command in commands:
                    scanout.watch.do(command)
                scanout.until_frames(len(scanout.watch.frames("s")) + 10)
                scanout.repaint(20 + seed)
            _expect_zero_copy(scanout.watch)
    expect(not reads, f"the CPU read the BAR: {reads}")
    _expect_ring(imports)


@check("zerocopy", "zero copies: after new caps")
def renegotiation(bench):
    with counting_reads(bench) as reads, counting_imports(bench) as imports:
        with _scanning_out(bench, SCREEN) as scanout:
            for seed, rate in enumerate((10, 30)):
                scanout.watch.do(f"caps video/x-raw(ANY),framerate={rate}/1")
                scanout.until_frames(len(scanout.watch.frames("s")) + 10)
                scanout.repaint(30 + seed)
            _expect_zero_copy(scanout.watch)
    # kmssink would make a copy of what it shows if it was asked for buffers
    expect(not reads, f"the CPU read the BAR: {len(reads)} pages")
    _expect_ring(imports)


@check("zerocopy", "zero copies: for a plain user, and locked down")
def plain_user(bench):
    check_vfio.bind(bench)
    state = bench.guest.must("cat /sys/kernel/security/lockdown")
    expect("[integrity]" in state, state)
    node = check_vfio.group_node(bench)
    bench.guest.must(f"chown nobody {node} /dev/dri/*")
    with counting_reads(bench) as reads:
        with _scanning_out(bench, SCREEN, nobody=True) as scanout:
            scanout.repaint(40)
            _expect_zero_copy(scanout.watch)
    expect(not reads, f"the CPU read the BAR: {reads}")
    bench.guest.must(f"chown root {node} /dev/dri/*")


_add_scanout("switch", "below one PCIe switch", SCREEN, slot=IVSHMEM_SWITCHED)


def _expect_one_message(watch):
    ways, infos = watch.ways("s"), watch.infos("s")
    expect(len(ways) == 1 and ways[0][0] == "copy" and len(infos) == 1 and
           infos[0] == ways[0][1], (ways, infos))
    missing = [word for word in ("virtio_gpu", "no PCIe switch above both",
                                 "is copied") if word not in infos[0]]
    expect(not missing, f"no {missing} in: {infos[0]}")


@check("noswitch", "zero copies: no way between the devices, and one message")
def no_way(bench):
    check_vfio.bind(bench)
    memory = noise(SMALL.end(), 50)
    bench.paint("large", memory)
    # The kernel is asked only for a downstream that names dma-bufs
    pipeline = (f"mmiovidsrc name=s device={IVSHMEM} {SMALL.properties()} "
                "num-buffers=5 ! 'video/x-raw(memory:DMABuf);video/x-raw' ! "
                "filesink location=/mnt/out/capture")
    with watching(bench, pipeline) as watch:
        watch.wait()
        _expect_one_message(watch)
    with open(bench.guest.path("out/capture"), "rb") as file:
        data = file.read()
    size = len(data) // 5
    compare(captured_rows(data[:size], SMALL.form, SMALL.width, SMALL.height),
            SMALL.rows(memory))


@check("noswitch", "zero copies: kmssink gets copies then, and goes on")
def no_way_to_display(bench):
    check_vfio.bind(bench)
    # See check_kms.py for pictures
    pipeline = (f"mmiovidsrc name=s device={IVSHMEM} {SCREEN.properties()} ! "
                "'video/x-raw(ANY),framerate=25/1' ! "
                "kmssink driver-name=virtio_gpu force-modesetting=true")
    with watching(bench, pipeline) as watch:
        watch.until(lambda: None if len(watch.frames("s")) >= 20
                    else "no frames")
        _expect_one_message(watch)
        stats = watch.frame_stats("s")
        expect(int(stats["bytes-read"]) >= SCREEN.end(), stats)


@check("noswitch", "zero copies: none by sysfs, and io-mode=dmabuf says so")
def sysfs(bench):
    check_vfio.bind(bench)
    message = bench.error(f"device={IVSHMEM} access=sysfs bar=2 "
                          f"io-mode=dmabuf {SMALL.properties()}")
    expect(f"dma-buf of the memory of {IVSHMEM}: sysfs does not support it"
           in message and "access=vfio" in message, message)


@check("noswitch", "zero copies: mmiovid-probe says why not")
def probe_no_way(bench):
    check_vfio.bind(bench)
    text = _probe(bench, SCREEN)
    expect("virtio_gpu: no, the kernel permits no reads from it to the memory: "
           "there is no PCIe switch above both" in text, text)
    expect("Without a copy" not in text, text)
