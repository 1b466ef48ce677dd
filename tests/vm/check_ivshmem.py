# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures that the host paints into the BAR of an ivshmem device."""

import itertools
import os

from bench import IVSHMEM, IVSHMEM_SMALL, check, expect
from picture import Picture, captured_rows, compare, expand, noise
from tap import Failure

SIZE = 16 << 20


def _byte_exact(bench, picture, seed, device="1af4:1110@0", extra=""):
    memory = noise(SIZE, seed)
    bench.paint("large", memory)
    data = bench.capture(f"device={device} {picture.properties()} {extra}")
    compare(captured_rows(data, picture.form, picture.width, picture.height),
            picture.rows(memory))


def _add(name, picture, seed, **how):
    @check("relaxed", f"ivshmem: {name} is byte-exact")
    def run(bench):
        _byte_exact(bench, picture, seed, **how)


_VGA = (640, 480)
_add("RGB 640x480", Picture("RGB", *_VGA), 1)
_add("RGB 640x480 with io-mode=mmap", Picture("RGB", *_VGA), 2,
     extra="io-mode=mmap")
_add("RGB 640x480 by slot", Picture("RGB", *_VGA), 3,
     device=IVSHMEM.removeprefix("0000:"))
_add("RGB 640x480 by resource file", Picture("RGB", *_VGA), 4,
     device=f"/sys/bus/pci/devices/{IVSHMEM}/resource2")
_add("RGB 1366x768 with an odd stride, at an odd offset",
     Picture("RGB", 1366, 768, offset=4096 + 1235, stride=4201), 5)
_add("RGB 1920x1080", Picture("RGB", 1920, 1080), 6)
_add("BGRx 640x480", Picture("BGRx", *_VGA), 7)
_add("GRAY8 641x480", Picture("GRAY8", 641, 480), 8)
_add("YUY2 642x480", Picture("YUY2", 642, 480), 9)
_add("NV12 642x482", Picture("NV12", 642, 482), 10)
_add("NV12 642x482 with an odd stride, at an odd offset",
     Picture("NV12", 642, 482, offset=333, stride=701), 11)

_odd = Picture("RGB", 641, 479, stride=1931)
_add("RGB 641x479 that ends with the BAR's last byte",
     Picture("RGB", 641, 479, stride=1931, offset=SIZE - _odd.end()), 12)


def _add_expansion(order, picture, seed):
    @check("relaxed", f"ivshmem: RGB {picture.width}x{picture.height} "
           f"expands to {order}")
    def run(bench):
        memory = noise(SIZE, seed)
        bench.paint("large", memory)
        data = bench.capture(f"device={IVSHMEM} {picture.properties()}",
                             caps=f"video/x-raw,format={order}")
        expected = [expand(picture.rows(memory)[0], order)]
        compare(captured_rows(data, order, picture.width, picture.height),
                expected)


_add_expansion("BGRx", Picture("RGB", *_VGA), 20)
_add_expansion("RGBx", Picture("RGB", 1366, 768, offset=77, stride=4099), 21)
_add_expansion("xRGB", Picture("RGB", 2501, 64), 22)


@check("relaxed", "ivshmem: frames follow what the host paints meanwhile")
def follow(bench):
    picture = Picture("RGB", 320, 240)
    before, after = (noise(picture.end(), seed) for seed in (30, 31))
    bench.paint("large", before)
    frames = bench.guest.path("out/frames")
    os.mkdir(frames)
    job = bench.guest.start(
        f"gst-launch-1.0 -q mmiovidsrc device={IVSHMEM} {picture.properties()}"
        " ! video/x-raw,framerate=10/1 ! multifilesink sync=false"
        " location=/mnt/out/frames/%05d")

    def read_frames():
        seen = []
        for name in sorted(os.listdir(frames)):
            with open(os.path.join(frames, name), "rb") as file:
                seen.append(file.read())
        # The last one may still be being written
        return seen[:-1]

    def no_frame_like(wanted):
        seen = read_frames()
        if not job.running():
            return f"the pipeline has ended\n{job.describe()}"
        return None if seen and seen[-1] == wanted else \
            f"none of {len(seen)} frames shows it"

    try:
        bench.until(lambda: no_frame_like(before))
        bench.paint("large", after)
        bench.until(lambda: no_frame_like(after))
    finally:
        job.stop()

    def kind(frame):
        if frame in (before, after):
            return "old" if frame == before else "new"
        mixed = all(byte in both for byte, *both in zip(frame, before, after))
        return "being painted" if mixed else "wrong"

    kinds = [kind(frame) for frame in read_frames()]
    order = [what for what, _ in itertools.groupby(kinds)]
    expect(order in (["old", "new"], ["old", "being painted", "new"]),
           f"the frames are {kinds}")


# The first branch tells that the frame was captured.  The second ends in a pipe
# that nobody reads before the host says so: what does not fit into that is
# read from the frame then.
_LATE_READER = """
exec 5> >(until [ -e /mnt/out/go ]; do sleep 0.1; done; cat >/mnt/out/late)
gst-launch-1.0 -q mmiovidsrc num-buffers=1 {source} ! tee name=t \\
  ! queue ! filesink location=/tmp/early buffer-mode=unbuffered \\
  t. ! queue ! fdsink fd=5 sync=false || exit
exec 5>&-
wait
"""


def _late_reader(bench, picture, io_mode):
    """What a reader gets of a frame after the BAR was painted anew, and what
    the BAR had before and after."""
    before, after = (noise(picture.end(), seed) for seed in (32, 33))
    bench.paint("large", before)
    late, go = (bench.guest.path(f"out/{name}") for name in ("late", "go"))
    bench.guest.must("rm -f /tmp/early")
    job = bench.guest.start(_LATE_READER.format(
        source=f"device={IVSHMEM} {picture.properties()} io-mode={io_mode}"))

    def not_captured():
        if not job.running():
            raise Failure(f"the pipeline has ended\n{job.describe()}")
        size = bench.guest.run("stat -c %s /tmp/early").output()
        return None if size == f"{picture.end()}\n" else "no frame yet"

    try:
        bench.until(not_captured)
        bench.paint("large", after)
        with open(go, "wb"):
            pass
        expect(job.wait(60) == 0, job.describe())
        with open(late, "rb") as file:
            return file.read(), before, after
    finally:
        job.stop("KILL")
        for path in (late, go):
            if os.path.exists(path):
                os.unlink(path)


_LAST = slice(-100000, None)


@check("relaxed", "ivshmem: io-mode=mmap gives out the BAR itself")
def mapped(bench):
    got, _, after = _late_reader(bench, Picture("RGB", *_VGA), "mmap")
    expect(got[_LAST] == after[_LAST], "the frame does not follow the BAR")


@check("relaxed", "ivshmem: io-mode=copy gives out a copy")
def copied(bench):
    got, before, _ = _late_reader(bench, Picture("RGB", *_VGA), "copy")
    expect(got == before, "the frame is not what was in the BAR")


@check("relaxed", "ivshmem: BARs smaller than a page are read")
def registers(bench):
    # BAR 0 has 256 bytes of registers; the first, an interrupt mask that the
    # plain variant never uses, keeps what is written.  The firmware gives each
    # BAR a page; the kernel, made to place them anew, lets them share one.
    words = {IVSHMEM: 0x12345678, IVSHMEM_SMALL: 0x9abcdef0}
    devices = "/sys/bus/pci/devices"
    for slot in words:
        bench.guest.must(f"echo 1 >{devices}/{slot}/remove")
    bench.guest.must("echo 1 >/sys/bus/pci/rescan")
    bases = [int(bench.guest.must(f"head -n 1 {devices}/{slot}/resource"
                                  ).split()[0], 16) for slot in words]
    expect(any(base % 4096 for base in bases), f"all on pages: {bases}")

    for base, word in zip(bases, words.values()):
        bench.guest.must(
            "python3 - <<'END'\n"
            "import mmap, os\n"
            "fd = os.open('/dev/mem', os.O_RDWR | os.O_SYNC)\n"
            f"page = mmap.mmap(fd, 4096, offset={base & ~4095})\n"
            f"memoryview(page).cast('I')[{base % 4096 // 4}] = {word}\n"
            "END")
    for slot, word in words.items():
        data = bench.capture(f"device={slot} bar=0 format=gray8 width=16 "
                             "height=16")
        expected = word.to_bytes(4, "little") + bytes(252)
        expect(data == expected, f"{slot}: {data.hex()}")
