# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a BAR is mapped: asked for, said by the element, and done by the kernel,
whose list of memory types tells what a map really is."""

import re

from bench import CONSOLE, IVSHMEM, NETWORK, check, expect
from picture import Picture
from watch import start_error, watching

SMALL = Picture("RGB", 64, 48, offset=5000)
_SLOW = "video/x-raw,framerate=5/1 ! fakesink"

# What the kernel's list calls them
_KERNEL = {"uncached": "uncached-minus", "write-combining": "write-combining"}


def _source(name="", device=IVSHMEM, **properties):
    words = [f"{key}={value}" for key, value in properties.items()]
    return (f"mmiovidsrc {name and f'name={name} '}device={device} "
            f"{' '.join(words)} {SMALL.properties()}")


def _memory_types(bench, slot=IVSHMEM, bar=2):
    """What the kernel's list has for a BAR."""
    first, last = bench.bar_range(slot, bar)
    text = bench.guest.must("cat /sys/kernel/debug/x86/pat_memtype_list")
    entries = re.findall(r"\[mem 0x([0-9a-f]+)-0x([0-9a-f]+)\] (\S+)", text)
    return [kind for start, end, kind in entries
            if int(start, 16) <= last and int(end, 16) > first]


def _compare(bench, watch, expected):
    """expected: what is mapped, by the name of the source."""
    watch.until_frames(expected)
    said = {name: watch.stats(name)["mapping"] for name in expected}
    expect(said == expected, f"the element says {said}, not {expected}")
    kernel = _memory_types(bench)
    expect(kernel == [_KERNEL[kind] for kind in expected.values()],
           f"the kernel's list has {kernel} for {expected}")


def _add(first, second):
    @check("relaxed", f"mapping: {first} is that, says the kernel, too; and so "
           f"is {second} meanwhile, and is called that")
    def run(bench):
        held = f"{_source('held', mapping=first)} ! {_SLOW}"
        late = f"{_source('late', mapping=second)} ! {_SLOW}"
        with watching(bench, held) as holder:
            _compare(bench, holder, {"held": first})
            with watching(bench, late) as watch:
                watch.until_frames(["late"])
                said = watch.stats("late")["mapping"]
                expect(said == first, f"the element says {said}")
                kernel = _memory_types(bench)
                expect(kernel == 2 * [_KERNEL[first]],
                       f"the kernel's list has {kernel}")
        expect(not _memory_types(bench), "the BAR stays mapped")


_add("uncached", "write-combining")
_add("write-combining", "uncached")


@check("relaxed", "mapping: auto is uncached in a virtual machine")
def automatic(bench):
    with watching(bench, f"{_source('s')} ! {_SLOW}") as watch:
        _compare(bench, watch, {"s": "uncached"})


@check("relaxed", "mapping: uncached, while a driver has it write-combining, "
       "is that, and called that")
def second_to_driver(bench):
    wc = "write-combining"
    types = _memory_types(bench, CONSOLE, 0)
    expect(types == [wc], f"bochs-drm has {types}")
    source = _source("s", device=CONSOLE, bar=0, mapping="uncached")
    with watching(bench, f"{source} ! {_SLOW}") as watch:
        watch.until_frames(["s"])
        said = watch.stats("s")["mapping"]
        types = _memory_types(bench, CONSOLE, 0)
    expect(said == wc, f"the element says {said}")
    expect(types == [wc, wc], f"the kernel's list has {types}")


@check("relaxed", "mapping: write-combining is refused where the BAR is not "
       "prefetchable, and nothing is mapped")
def not_prefetchable(bench):
    message, maps = start_error(bench, f"device={NETWORK} bar=1 "
                                f"mapping=write-combining {SMALL.properties()}")
    expect(message == f"Cannot map BAR 1 of {NETWORK} write-combining: it is not "
           "prefetchable, so the kernel maps it uncached. Set mapping to auto or "
           "uncached.", message)
    expect(maps == 0, f"{maps} maps")
    # Maps do count: an error after mapping leaves one
    message, maps = start_error(bench, f"device={IVSHMEM} {SMALL.properties()} "
                                "! video/x-raw,width=1")
    expect("downstream wants another width." in message, message)
    expect(maps == 1, f"{maps} maps")


_PATH = f"/sys/bus/pci/devices/{IVSHMEM}/resource2_wc"


@check("relaxed", "mapping: the path of a resource_wc file is write-combining")
def path(bench):
    source = _source("s", device=_PATH)
    with watching(bench, f"{source} ! {_SLOW}") as watch:
        _compare(bench, watch, {"s": "write-combining"})


@check("relaxed", "mapping: the path of a resource_wc file cannot be uncached")
def path_uncached(bench):
    message, maps = start_error(
        bench, f"device={_PATH} mapping=uncached {SMALL.properties()}")
    expect(message == "Cannot use mapping=uncached: the device's path names BAR 2 "
           f"of {IVSHMEM} mapped write-combining. Leave mapping at auto.",
           message)
    expect(maps == 0, f"{maps} maps")
