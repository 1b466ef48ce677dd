# SPDX-License-Identifier: LGPL-2.1-or-later
"""A device that is bound to vfio-pci.  These build upon each other."""

import itertools
import os
import sys

from bench import IVSHMEM, NETWORK, VIDEO, check, expect
from picture import Picture, captured_rows, compare, noise
from watch import start_error, watching

_TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(_TESTS, "arrive"))
from document import of_markdown    # noqa: E402

_MANUAL = os.path.join(os.path.dirname(_TESTS), "docs", "manual", "devices.md")

ODD = Picture("RGB", 641, 479, stride=1931, offset=4099)
SMALL = Picture("GRAY8", 64, 48)
DEVICES = "/sys/bus/pci/devices"
DEVICE = f"{DEVICES}/{IVSHMEM}"


def compare_odd(bench, source, seed, user=""):
    memory = noise(ODD.end(), seed)
    bench.paint("large", memory)
    data = bench.capture(f"{source} {ODD.properties()}", user=user)
    compare(captured_rows(data, ODD.form, ODD.width, ODD.height),
            ODD.rows(memory))


def bind(bench, slot=IVSHMEM):
    bench.guest.must("modprobe vfio-pci && "
                     f"echo vfio-pci >{DEVICES}/{slot}/driver_override && "
                     f"echo {slot} >/sys/bus/pci/drivers_probe")


def unbind(bench):
    bench.guest.must(f"echo {IVSHMEM} >{DEVICE}/driver/unbind; "
                     f"echo >{DEVICE}/driver_override")


def group_node(bench):
    """What a user has to read and write."""
    return "/dev/vfio/" + bench.guest.must(
        f"basename $(readlink {DEVICE}/iommu_group)").strip()


@check("strict arm64", "vfio: a device that is not bound to it; "
       "what it says to type helps")
def not_bound(bench):
    message = bench.error(f"device={IVSHMEM} access=vfio {SMALL.properties()}")
    expect(f"Cannot open {IVSHMEM} by vfio: it is bound to no driver" in message,
           message)
    bench.follow_advice(message)
    compare_odd(bench, f"device={IVSHMEM} access=vfio", 80)


@check("strict arm64", "vfio: auto takes it where the device is bound")
def automatic(bench):
    pipeline = (f"mmiovidsrc name=s device={IVSHMEM} {SMALL.properties()} ! "
                "video/x-raw,framerate=5/1 ! fakesink")
    with watching(bench, pipeline) as watch:
        watch.until_frames(["s"])
        stats = watch.stats("s")
    expect(stats["access"] == "vfio" and stats["mapping"] == "uncached", stats)
    compare_odd(bench, f"device={IVSHMEM}", 81)


@check("strict arm64", "vfio: not root; what it says to type helps the group video, by "
       "the IOMMU group's path")
def not_root(bench):
    node = group_node(bench)
    source = f"device={node} {SMALL.properties()}"
    message = bench.error(source, nobody=True)
    expect(f"Cannot read and write {node}, which {IVSHMEM} needs: "
           "permission denied; allow it" in message, message)
    bench.follow_advice(message)
    try:
        compare_odd(bench, f"device={node}", 82, user=VIDEO)
        message = bench.error(source, nobody=True)
        expect(f"{IVSHMEM} needs: only the group video has access; " in message, message)
    finally:
        bench.guest.must(f"chown root:root {node} && chmod 600 {node}")


@check("strict arm64", "vfio: another program has it; write-combining is refused")
def refused(bench):
    pipeline = (f"mmiovidsrc name=s device={IVSHMEM} access=vfio "
                f"{SMALL.properties()} ! video/x-raw,framerate=5/1 ! fakesink")
    with watching(bench, pipeline) as watch:
        watch.until_frames(["s"])
        message = bench.error(f"device={IVSHMEM} access=vfio {SMALL.properties()}")
        expect("Cannot open /dev/vfio/" in message and
               "this process or another one uses it" in message, message)
    message, maps = start_error(bench, f"device={IVSHMEM} access=vfio "
                                f"mapping=write-combining {SMALL.properties()}")
    expect("vfio maps BARs uncached only" in message, message)
    expect(maps == 0, f"{maps} maps")
    unbind(bench)


@check("strict", "vfio: the manual's commands take a device from its driver, and "
       "return it")
def manual(bench):
    def driver():
        return bench.guest.must(
            f"basename $(readlink -f {DEVICES}/{NETWORK}/driver)").strip()

    blocks = [[command.text for command in block] for _, block in
              itertools.groupby(of_markdown(_MANUAL, _MANUAL),
                                lambda command: command.block)]
    typed = [block for block in blocks
             if any(text.endswith("/driver/unbind") for text in block)]
    expect(len(typed) == 2, typed)

    own = driver()
    for block, wanted in zip(typed, ("vfio-pci", own)):
        for text in block:
            bench.guest.must(text.replace("sudo ", "")
                             .replace("0000:03:00.0", NETWORK))
        expect(driver() == wanted, f"{driver()} after {block}")
