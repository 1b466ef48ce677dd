# SPDX-License-Identifier: LGPL-2.1-or-later
"""Virtual functions (SR-IOV): devices whose configuration knows neither what
they are nor where.  What there is to see of one is the table of its MSI-X:
vectors that are all masked."""

import contextlib
import json
import struct

from bench import PHYSICAL, VIRTUAL, check, expect
from check_gone import (PROMPTLY, both, expect_let_go, expect_no_more,
                        expect_sums, picture_sum, running, timed, until_error,
                        until_sum, until_told)
from check_vfio import bind
from picture import Picture

_DEVICES = "/sys/bus/pci/devices"
_OFF = f"echo 0 >{_DEVICES}/{PHYSICAL}/sriov_numvfs"
# Seconds for which the kernel itself waits then (sriov_disable())
_PAUSE = 1
# Of an MSI-X vector in the table
_ENTRY = 16


def _switch_on(bench):
    """There are two then, as the kernel has made them."""
    bench.guest.must(f"echo 2 >{_DEVICES}/{PHYSICAL}/sriov_numvfs")


def _decode(bench):
    """A real one cannot be told to; QEMU's are silent until they are."""
    bench.guest.must(f"setpci -s {VIRTUAL} COMMAND=2:2")


def _be_real(bench):
    """... and says that it does not decode."""
    bench.guest.must(f"setpci -s {VIRTUAL} COMMAND=0:2")


def _table(bench):
    """Where it is, as a picture: a vector is a row."""
    def register(name):
        return int(bench.guest.must(f"setpci -s {VIRTUAL} {name}"), 16)

    offset = register("CAP_MSIX+4.L")
    expect(offset % 8 == 0, f"the table is not in BAR 0: {offset:#x}")
    return Picture("GRAY8", _ENTRY, (register("CAP_MSIX+2.W") & 0x7ff) + 1,
                   offset=offset)


def _content(bench, picture):
    """What the machine's bus has there."""
    start, _ = bench.bar_range(VIRTUAL, 0)
    size = picture.end() - picture.offset
    text = bench.guest.monitor(f"xp /{size // 4}xw {start + picture.offset:#x}")
    words = [int(word, 16) for line in text.splitlines()
             for word in line.partition(":")[2].split()]
    expect(words == [0, 0, 0, 1] * (size // _ENTRY),
           f"not masked vectors: {text}")
    return struct.pack(f"<{len(words)}I", *words)


@contextlib.contextmanager
def _virtual(bench, access):
    """A virtual function that can be reached so: the picture that is in it, and
    its bytes."""
    bench.guest.must("modprobe pci-pf-stub && echo pci-pf-stub "
                     f">{_DEVICES}/{PHYSICAL}/driver_override && "
                     f"echo {PHYSICAL} >/sys/bus/pci/drivers_probe")
    _switch_on(bench)
    try:
        _decode(bench)
        picture = _table(bench)
        content = _content(bench, picture)
        # ... which may put it to sleep
        if access == "vfio":
            bind(bench, VIRTUAL)
        yield picture, content
    finally:
        bench.guest.must(_OFF)


def _sum(picture, content):
    return picture_sum(bytes(picture.offset) + content, picture)


def _expect_shown(bench, device, access, picture, content, nobody=False):
    data = bench.capture(f"device={device} bar=0 access={access} "
                         f"{picture.properties()}", nobody=nobody)
    expect(data == content, f"{device}: {data.hex()}")


@check("strict", "virtual: their configuration is that of nobody, and nothing "
       "has to be switched on")
def untouched(bench):
    with _virtual(bench, "sysfs") as (picture, _):
        _be_real(bench)
        ids = bench.guest.must(
            f"od -An -tx2 -N6 {_DEVICES}/{VIRTUAL}/config").split()
        expect(ids[:2] == ["ffff"] * 2 and not int(ids[2], 16) & 2, ids)
        bench.capture(f"device={VIRTUAL} bar=0 access=sysfs "
                      f"{picture.properties()}")


@both("a virtual function is shown", "virtual")
def shown(bench, access):
    with _virtual(bench, access) as (picture, content):
        _expect_shown(bench, VIRTUAL, access, picture, content)
        # Both kinds have the same IDs
        _expect_shown(bench, "1b36:0010@1", access, picture, content)


@check("strict", "virtual: a plain user sees one, by sysfs")
def plain_user(bench):
    with _virtual(bench, "sysfs") as (picture, content):
        bench.guest.must(f"chmod o+r {_DEVICES}/{VIRTUAL}/resource0")
        _expect_shown(bench, VIRTUAL, "sysfs", picture, content, nobody=True)


@both("a virtual function can be reached, as mmiovid-probe says", "virtual")
def probed(bench, access):
    with _virtual(bench, access):
        _be_real(bench)
        bench.guest.must("mmiovid-probe --json >/mnt/out/probe")
        with open(bench.guest.path("out/probe"), encoding="utf-8") as file:
            bars = [bar for bar in json.load(file)["bars"]
                    if bar["address"] == VIRTUAL]
    expect([(bar["bar"], bar["reachable"], bar["access"]) for bar in bars] ==
           [(0, "yes", access)], bars)


@both("they are switched off under a running pipeline", "virtual")
def switched_off(bench, access):
    with _virtual(bench, access) as (picture, content):
        wanted = _sum(picture, content)
        with running(bench, access, device=VIRTUAL, bar=0,
                     picture=picture) as watch:
            until_sum(watch, wanted)
            timed(bench, _OFF, PROMPTLY + _PAUSE)
            until_error(watch, VIRTUAL, "unplugged")
            expect_let_go(bench, watch)
            expect_no_more(bench, watch)
            expect_sums(bench, watch, wanted)


@both("their physical function is reset under a running pipeline", "virtual")
def reset(bench, access):
    with _virtual(bench, access) as (picture, content):
        wanted = _sum(picture, content)
        with running(bench, access, device=VIRTUAL, bar=0,
                     picture=picture) as watch:
            until_sum(watch, wanted)
            bench.guest.must(f"echo 1 >{_DEVICES}/{PHYSICAL}/reset")
            until_error(watch, f"Cannot read {VIRTUAL}: it does not answer", PHYSICAL)
            expect_let_go(bench, watch)
            expect_no_more(bench, watch)
            expect_sums(bench, watch, wanted)


@check("strict", "virtual: by sysfs, they are switched off and on with "
       "reconnect")
def switched_off_and_on(bench):
    with _virtual(bench, "sysfs") as (picture, content):
        wanted = _sum(picture, content)
        # Until QEMU's answer
        silent = picture_sum(bytes(picture.end()), picture)
        with running(bench, "sysfs", "reconnect=true", device=VIRTUAL, bar=0,
                     picture=picture) as watch:
            until_sum(watch, wanted)
            bench.guest.must(_OFF)
            until_told(watch, "gone")
            _switch_on(bench)
            until_told(watch, "gone", "here")
            _decode(bench)
            until_sum(watch, wanted)
            expect(set(watch.sums()) <= {wanted, silent}, set(watch.sums()))
