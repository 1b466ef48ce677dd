# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a frame costs on the bus: QEMU counts the reads of a BAR that it
emulates, and says where each was."""

from bench import TRAPPED, check, expect
from picture import Picture, captured_rows, compare, expand, noise
from tap import Failure

BAR = 2
REGION = "nvme-cmb"
_FILE = f"/sys/bus/pci/devices/{TRAPPED}/resource{BAR}"

# Rows of whole lines, and the opposite
PICTURES = [Picture("RGB", 64, 48, offset=4096),
            Picture("RGB", 61, 37, offset=4099, stride=201)]


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


def _loads(start, length, widest):
    """The fewest naturally aligned loads of a range, none wider than that."""
    end = start + length
    while start < end:
        size = widest
        while start % size or start + size > end:
            size //= 2
        yield start, size
        start += size


def _each_byte_once(transactions, ranges):
    """None, or what is wrong with them."""
    wanted = {at + i for at, length in ranges for i in range(length)}
    seen = set()
    for at, size in transactions:
        if at is None:
            return f"the device refused a load of {size} bytes"
        if at % size:
            return f"{size} bytes at {at:#x}: not aligned"
        touched = set(range(at, at + size))
        if touched & seen:
            return f"{size} bytes at {at:#x}: not for the first time"
        if touched - wanted:
            return f"{size} bytes at {at:#x}: outside of the picture"
        seen |= touched
    return f"{len(wanted - seen)} bytes not read" if wanted - seen else None


class _Counts:
    """Of one picture: transactions of each way to read it."""

    def __init__(self, bench, picture):
        self._bench, self._picture = bench, picture
        # In whole words, as it is painted
        self._memory = noise(-(-picture.end() // 8) * 8, picture.width)
        _paint(bench, self._memory)
        base, _ = bench.bar_range(TRAPPED, BAR)
        self._ranges = [(base + at, length)
                        for at, length in picture.ranges()]
        self.table = {}

    def expected(self, widest):
        return [load for at, length in self._ranges
                for load in _loads(at, length, widest)]

    def count(self, name, read, widest):
        """Runs read(), compares what was read in which way.  widest: of its
        loads, if it is known to read each byte once."""
        with self._bench.guest.tracing(REGION) as transactions:
            data, form, rows = read()
        compare(captured_rows(data, form, self._picture.width,
                              self._picture.height), rows)
        self.table[name] = len(transactions)
        if widest is None:
            return
        wrong = _each_byte_once(transactions, self._ranges)
        if wrong is None and sorted(transactions) != self.expected(widest):
            wrong = (f"{len(transactions)} loads, "
                     f"{len(self.expected(widest))} would do")
        if wrong:
            raise Failure(f"{name}: {wrong}")

    def source(self, more, form="RGB"):
        """A frame from mmiovidsrc, for count()."""
        rows = self._picture.rows(self._memory)
        if form != "RGB":
            rows = [expand(rows[0], form)]
        data = self._bench.capture(f"device={TRAPPED} bar={BAR} {more} "
                                   f"{self._picture.properties()}",
                                   f"video/x-raw,format={form}")
        return data, form, rows

    def converted(self):
        """The same, by a videoconvert that is given the map."""
        rows = [expand(self._picture.rows(self._memory)[0], "BGRx")]
        data = self._bench.capture(
            f"device={TRAPPED} bar={BAR} io-mode=mmap "
            f"{self._picture.properties()}",
            "video/x-raw,format=RGB ! videoconvert ! video/x-raw,format=BGRx")
        return data, "BGRx", rows

    def byte_by_byte(self):
        """A reader that takes one byte at a time."""
        rows = self._picture.rows(self._memory)
        ranges = list(self._picture.ranges())
        self._bench.guest.must(
            "python3 - <<'END'\n"
            "import mmap\n"
            f"with open('{_FILE}', 'rb') as file:\n"
            "    bar = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
            "with open('/mnt/out/bytes', 'wb') as file:\n"
            f"    for at, length in {ranges}:\n"
            "        row = bytes(bar[at + i] for i in range(length))\n"
            "        file.write(row + bytes(-length % 4))\n"
            "END")
        with open(self._bench.guest.path("out/bytes"), "rb") as file:
            return file.read(), "RGB", rows

    def lines(self):
        size = sum(length for _, length in self._ranges)
        yield (f"transactions for {self._picture.properties()}, "
               f"{size} bytes:")
        for name, count in self.table.items():
            yield f"  {name:<50} {count:>6}  {size / count:.2f} bytes each"


# Properties, the format that is asked for, and bytes of the widest loads that
# there can be: QEMU makes two of what has more than eight
_WAYS = [
    ("", "RGB", 8),
    ("engine=orc", "RGB", 8),
    ("engine=stream", "RGB", 8),
    ("engine=stream mapping=write-combining", "RGB", 8),
    ("engine=u64", "RGB", 8),
    ("engine=u32", "RGB", 4),
    ("", "BGRx", 8),
    ("engine=orc", "BGRx", 8),
    ("changes=mark", "RGB", 8),
    ("engine=orc changes=mark", "BGRx", 8),
    ("engine=u32 changes=drop", "RGB", 4),
]


def _add(picture):
    @check("relaxed", "transactions: each byte of a frame once, as wide as can "
           f"be ({picture.properties()})")
    def run(bench):
        counts = _Counts(bench, picture)
        counts.count("one byte at a time", counts.byte_by_byte, 1)
        counts.count("io-mode=mmap ! videoconvert to BGRx", counts.converted,
                     None)
        for more, form, widest in _WAYS:
            name = f"mmiovidsrc {more}".rstrip()
            counts.count(name if form == "RGB" else f"{name}, to {form}",
                         lambda m=more, f=form: counts.source(m, f), widest)
        bench.comment("\n".join(counts.lines()))
        if picture is PICTURES[0]:
            count = counts.table
            expect((count["mmiovidsrc"] * 8, count["mmiovidsrc engine=u32"] * 4)
                   == 2 * (count["one byte at a time"],), f"{count}")


for _picture in PICTURES:
    _add(_picture)
