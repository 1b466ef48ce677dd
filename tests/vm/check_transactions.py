# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a frame costs on the bus: QEMU counts the reads of a BAR that it
emulates, and says where each was."""

import os
import shutil

from bench import TRAPPED, check, expect
from picture import Picture, captured_rows, compare, expand, noise
from watch import watching

BAR = 2
REGION = "nvme-cmb"
_FILE = f"/sys/bus/pci/devices/{TRAPPED}/resource{BAR}"

# Each way to read a picture has an area of the BAR for itself, so that the
# address of a read tells whose it is
_AREA = 16 << 10


class Way:
    """A way to read a picture."""

    converter = None

    def __init__(self, name, properties, form, widest):
        """form: what it makes of RGB.  widest: bytes of its widest loads; None
        for one that may read what it likes."""
        self.name, self.properties = name, properties
        self.form, self.widest = form, widest

    def source(self, picture):
        """For gst-launch."""
        convert = f"video/x-raw,format=RGB ! {self.converter} ! " \
            if self.converter else ""
        return (f"mmiovidsrc num-buffers=1 device={TRAPPED} bar={BAR} "
                f"{self.properties} {picture.properties()} ! {convert}"
                f"video/x-raw,format={self.form}")


class Converter(Way):
    """An element behind it reads the map."""

    def __init__(self, converter, form):
        super().__init__(f"io-mode=mmap ! {converter}, to {form}",
                         "io-mode=mmap", form, None)
        self.converter = converter


def _ways():
    yield Converter("videoconvert", "BGRx")
    # QEMU makes two reads of a load of more than eight bytes
    for properties, form, widest in [
            ("", "RGB", 8),
            ("engine=orc", "RGB", 8),
            ("engine=stream", "RGB", 8),
            ("engine=stream mapping=write-combining", "RGB", 8),
            ("engine=u64", "RGB", 8),
            ("engine=u32", "RGB", 4),
            ("", "BGRx", 8),
            ("engine=orc", "xRGB", 8),
            ("changes=mark", "RGB", 8),
            ("engine=orc changes=mark", "RGBx", 8),
            ("engine=u32 changes=drop", "RGB", 4)]:
        name = f"mmiovidsrc {properties}".rstrip()
        yield Way(name if form == "RGB" else f"{name}, to {form}",
                  properties, form, widest)


DEFAULT, NARROW, BYTES = "mmiovidsrc", "mmiovidsrc engine=u32", \
    "one byte at a time"


def _paint(bench, data):
    """From within the guest: the host does not see this memory."""
    with open(bench.guest.path("out/paint"), "wb") as file:
        file.write(data)
    bench.guest.must(
        "python3 - <<'END'\n"
        "import mmap\n"
        "data = open('/mnt/out/paint', 'rb').read()\n"
        f"with open('{_FILE}', 'r+b') as file:\n"
        "    bar = memoryview(mmap.mmap(file.fileno(), 0)).cast('Q')\n"
        "for i, word in enumerate(memoryview(data).cast('Q')):\n"
        "    bar[i] = word\n"
        "END\n"
        "rm /mnt/out/paint")


def _read_bytes(bench, picture, path):
    """One byte at a time, as a program would that knows nothing of buses."""
    bench.guest.must(
        "python3 - <<'END'\n"
        "import mmap\n"
        f"with open('{_FILE}', 'rb') as file:\n"
        "    bar = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        f"with open('{path}', 'wb') as file:\n"
        f"    for at, length in {list(picture.ranges())}:\n"
        "        row = bytes(bar[at + i] for i in range(length))\n"
        "        file.write(row + bytes(-length % 4))\n"
        "END")


def _loads(start, length, widest):
    """The fewest naturally aligned loads of a range, none wider than that."""
    end = start + length
    while start < end:
        size = widest
        while start % size or start + size > end:
            size //= 2
        yield start, size
        start += size


def _fault(reads, ranges, widest):
    """None if each byte was read once, as wide as can be; or what is wrong."""
    wanted = {at + i for at, length in ranges for i in range(length)}
    seen = set()
    for at, size in reads:
        what = f"{size} bytes at {at:#x} of the BAR"
        touched = set(range(at, at + size))
        if at % size:
            return f"{what}: not aligned"
        if touched - wanted:
            return f"{what}: outside of the picture"
        if touched & seen:
            return f"{what}: not for the first time"
        seen |= touched
    if wanted - seen:
        return f"{len(wanted - seen)} bytes not read"
    fewest = [load for at, length in ranges
              for load in _loads(at, length, widest)]
    if sorted(reads) != fewest:
        return f"{len(reads)} reads, {len(fewest)} would do"
    return None


class _Run:
    """All ways at once, and what each read."""

    def __init__(self, bench, form, width, height, offset, stride):
        self.ways = [Way(BYTES, None, form, 1), *_ways()]
        self.pictures = [Picture(form, width, height, i * _AREA + offset,
                                 stride) for i in range(len(self.ways))]
        self._memory = noise(len(self.ways) * _AREA, width)
        # Without firmware, memory decoding is off until a driver enables it
        bench.guest.must(f"setpci -s {TRAPPED} COMMAND=2:2")
        _paint(bench, self._memory)
        self.size = sum(length for _, length in self.pictures[0].ranges())
        self._base, _ = bench.bar_range(TRAPPED, BAR)
        with bench.guest.tracing(REGION) as reads:
            self._read(bench)
        refused = [size for at, size in reads if at is None]
        expect(not refused, f"reads of {refused} bytes refused by the device")
        self._reads = [(at - self._base, size) for at, size in reads]

    def _read(self, bench):
        frames = "/tmp/transactions"
        bench.guest.must(f"rm -rf {frames} && mkdir {frames}")
        _read_bytes(bench, self.pictures[0], f"{frames}/0")
        pipeline = " ".join(
            f"{way.source(picture)} ! filesink location={frames}/{i}"
            for i, (way, picture) in enumerate(zip(self.ways, self.pictures))
            if i > 0)
        with watching(bench, pipeline) as watch:
            watch.wait()
        bench.guest.must(f"cp -r {frames} /mnt/out/")
        self._frames = []
        directory = bench.guest.path("out/transactions")
        for i in range(len(self.ways)):
            with open(os.path.join(directory, str(i)), "rb") as file:
                self._frames.append(file.read())
        shutil.rmtree(directory)

    def reads(self, i):
        return [(at, size) for at, size in self._reads if at // _AREA == i]

    def strays(self):
        return [(at, size) for at, size in self._reads
                if at // _AREA >= len(self.ways)]

    def fault(self):
        """What is wrong with the reads of a way that says how wide they are."""
        for i, way in enumerate(self.ways):
            fault = way.widest and _fault(
                self.reads(i), list(self.pictures[i].ranges()), way.widest)
            if fault:
                return f"{way.name}: {fault}"
        return None

    def compare(self, i):
        """Whether the bytes are right."""
        way, picture = self.ways[i], self.pictures[i]
        rows = picture.rows(self._memory)
        if way.form != picture.form:
            rows = [expand(rows[0], way.form)]
        compare(captured_rows(self._frames[i], way.form, picture.width,
                              picture.height), rows)


def _add(form, width, height, offset, stride=0):
    what = Picture(form, width, height, offset, stride).properties()

    @check("relaxed arm64", "transactions: each byte of a frame is read once, as "
           f"wide as can be ({what})")
    def run(bench):
        run = _Run(bench, form, width, height, offset, stride)
        bench.comment(f"transactions for {what}, {run.size} bytes:")
        counts = {}
        for i, way in enumerate(run.ways):
            count = counts[way.name] = len(run.reads(i))
            bench.comment(f"  {way.name:<50} {count:>5}  "
                          f"{run.size / max(count, 1):.2f} bytes each")
        for i in range(len(run.ways)):
            run.compare(i)
        fault = run.fault()
        expect(not fault, fault)
        expect(not run.strays(), f"nobody's: {run.strays()}")
        if width * 3 % 8 == 0:
            expect((counts[DEFAULT] * 8, counts[NARROW] * 4)
                   == 2 * (counts[BYTES],), f"{counts}")


# Rows of whole lines, and the opposite
_add("RGB", 64, 48, 4096)
_add("RGB", 61, 37, 4099, 201)
