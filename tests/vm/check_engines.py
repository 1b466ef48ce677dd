# SPDX-License-Identifier: LGPL-2.1-or-later
"""All engines on a real BAR, in both kinds of maps: the bytes, and what has
changed in them."""

import os
import shutil

from bench import IVSHMEM, check, expect
from picture import Picture, captured_rows, compare, expand, noise
from watch import watching

# The guests' CPUs have no AVX-512
_ENGINES = ("auto", "orc", "stream", "u64", "u32")
_MORE_ENGINES = {"amd64": ("avx",), "arm64": ()}
_VIRTUAL = "a virtual machine: it may have to emulate the loads"
# What auto is, and why, by the guest's architecture and the map
AUTO = {
    ("amd64", "uncached"): ("u64", _VIRTUAL),
    ("amd64", "write-combining"): ("u64", _VIRTUAL),
    ("arm64", "uncached"): ("u64", "works with any map"),
    ("arm64", "write-combining"): ("stream",
                                   "a write-combining map: whole lines"),
}

# Nothing about it is a multiple of anything
AWKWARD = Picture("RGB", 641, 47, offset=4096 + 1235, stride=1999)


def engines(bench):
    """The engines that the guest's CPU can run."""
    return _ENGINES + _MORE_ENGINES[bench.guest.arch.name]


def _source(name, mapping, picture, more):
    return (f"mmiovidsrc name={name} device={IVSHMEM} mapping={mapping} "
            f"{picture.properties()} {more}")


def check_stats(bench, stats, engine, mapping):
    """What the element says of its loads, where this was asked for."""
    used, reason = AUTO[bench.guest.arch.name, mapping] \
        if engine == "auto" else (engine, "set by the user")
    for field, expected in (("mapping", mapping), ("engine", used),
                            ("engine-reason", reason)):
        expect(stats[field] == expected,
               f"engine={engine}: {field} is {stats[field]}, not {expected}")


def _capture(bench, mapping, forms):
    """A frame from each engine in each form, all from one pipeline."""
    frames = [(engine, form) for engine in engines(bench) for form in forms]
    pipeline = " ".join(
        _source(f"{engine}-{form}", mapping, AWKWARD,
                f"engine={engine} num-buffers=1 ! video/x-raw,format={form} ! "
                f"filesink location=/tmp/engines/{engine}-{form}")
        for engine, form in frames)
    bench.guest.must("rm -rf /tmp/engines && mkdir /tmp/engines")
    with watching(bench, pipeline) as watch:
        watch.wait()
    bench.guest.must("cp -r /tmp/engines /mnt/out/")

    captured = {}
    directory = bench.guest.path("out/engines")
    for engine, form in frames:
        with open(os.path.join(directory, f"{engine}-{form}"), "rb") as file:
            captured[engine, form] = file.read()
        check_stats(bench, watch.stats(f"{engine}-{form}"), engine, mapping)
    shutil.rmtree(directory)
    return captured


def _add_exact(mapping, forms, seed):
    @check("relaxed arm64", f"engines: each is byte-exact, {mapping}, straight and "
           f"expanded to {' and '.join(forms)}")
    def run(bench):
        memory = noise(AWKWARD.end(), seed)
        bench.paint("large", memory)
        rows = AWKWARD.rows(memory)
        expected = {"RGB": rows} | {form: [expand(rows[0], form)]
                                    for form in forms}
        for (engine, form), data in _capture(bench, mapping,
                                             expected).items():
            try:
                compare(captured_rows(data, form, AWKWARD.width,
                                      AWKWARD.height), expected[form])
            except Exception:
                bench.comment(f"engine {engine} to {form}:")
                raise


_add_exact("uncached", ["BGRx", "xRGB"], 80)
_add_exact("write-combining", ["RGBx", "xBGR"], 81)


class _Changes:
    """Sources of one picture, of each engine, that look for changes."""

    PICTURE = Picture("RGB", 163, 40, offset=4099, stride=501)
    ALL = f"0+{PICTURE.height}"
    CAPS = "video/x-raw,framerate=10/1"

    def __init__(self, bench, watch):
        self._watch, self._names = watch, self._names_of(bench)

    @staticmethod
    def _names_of(bench):
        return [f"{changes}-{engine}" for changes in ("drop", "mark")
                for engine in engines(bench)]

    @classmethod
    def pipeline(cls, bench, mapping):
        def source(name):
            changes, engine = name.split("-")
            return _source(name, mapping, cls.PICTURE,
                           f"engine={engine} changes={changes} ! {cls.CAPS} ! "
                           "fakesink sync=false")
        return " ".join(map(source, cls._names_of(bench)))

    def expect_damage(self, expected):
        """Waits until all sources have sent it and then found nothing new for
        a while; and nothing else may have been sent."""
        def look(name):
            frames = self._watch.frames(name)
            damage = [rows for rows in frames if rows != "-"]
            unchanged = int(self._watch.stats(name).get("unchanged", 0))
            return frames, damage, unchanged

        def not_yet():
            late = [name for name in self._names
                    if len(look(name)[1]) < len(expected)]
            return f"{late} did not see all changes" if late else None

        self._watch.until(not_yet)
        before = {name: look(name)[2] for name in self._names}

        def moving():
            late = [name for name in self._names
                    if look(name)[2] < before[name] + 3]
            return f"{late} do not come to rest" if late else None

        self._watch.until(moving)
        for name in self._names:
            frames, damage, _ = look(name)
            expect(damage == expected, f"{name}: {damage}, not {expected}")
            dropped = name.startswith("drop")
            expect((len(frames) == len(expected)) == dropped,
                   f"{name}: {len(frames)} frames, {len(expected)} changes")


def _add_changes(mapping):
    @check("relaxed arm64", f"engines: changes, {mapping}: one bit is one, what "
           "lies between rows is none")
    def run(bench):
        picture = _Changes.PICTURE
        memory = bytearray(noise(picture.end(), 82))
        bench.paint("large", memory)

        def flip(at, bit):
            bench.paint("large", bytes([memory[at] ^ 1 << bit]), at)

        rows = list(picture.ranges())
        with watching(bench, _Changes.pipeline(bench, mapping)) as watch:
            changes = _Changes(bench, watch)
            changes.expect_damage([_Changes.ALL])
            # The first of the bytes that belong to no row
            flip(rows[17][0] + rows[17][1], 0)
            changes.expect_damage([_Changes.ALL])
            # The last of those that belong to one
            flip(rows[17][0] + rows[17][1] - 1, 7)
            changes.expect_damage([_Changes.ALL, "17+1"])
            # In its middle
            flip(rows[39][0] + 240, 3)
            changes.expect_damage([_Changes.ALL, "17+1", "39+1"])


_add_changes("uncached")
_add_changes("write-combining")
